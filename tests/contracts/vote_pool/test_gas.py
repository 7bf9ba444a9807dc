"""What a vote on a spoke costs until it counts, in gas of whole transactions: no more than the design allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metalayer.protocol.facts import Tree
from metalayer.protocol.message import interoperable
from metalayer.protocol.votes import TALLY_GAS_LIMIT
from tests.kit.roles import RELAYER
from tests.kit.voting import OTHER, SIGNER, VOTER, Poll

MOST = {
    "vote": (83_000, 65_000),
    # The gateway takes 4,000 more than when the design was measured; the payer of the tally is another word.
    "send": (76_000, 76_000),
    # The lane's epoch and its place beside the tally: 7,000 more than there.
    "delivery": (122_500, 105_500),
    "cast": (169_257, 117_945),
}
"""The first time, and the next; the lane of tallies is known in both."""


def test_costs_no_more_than_the_design_allows(poll: Poll) -> None:
    """As measured there: lanes and accounts are known, four of five sign, a tally is delivered alone."""
    warm = replace(poll, id=poll.id + 1)
    warm.cast("arcade", SIGNER.address, 1)
    warm.send_tally("arcade")
    deliver(warm)
    found: dict[str, list[int]] = {name: [] for name in MOST}
    for voter in (VOTER, OTHER):
        found["vote"].append(poll.cast("arcade", voter, 1).gas_used)
        found["send"].append(poll.send_tally("arcade").gas_used)
        found["delivery"].append(deliver(poll))
        found["cast"].append(poll.count("arcade").gas_used)
    assert all(a <= b for name, most in MOST.items() for a, b in zip(found[name], most, strict=True)), found


def deliver(poll: Poll) -> int:
    """Gas of a delivery of what was sent last from arcade."""
    hub, lane = poll.stacks["hub"].gateway, poll.courier.lane("arcade", "hub")
    tree = Tree([lane.fact()])
    signed = poll.courier.validators.sign(poll.courier.hub_id, hub.address, tree.root, range(4))
    batch = lane.batch(tree, first=lane.nonce)
    receipt = hub.send("deliver", signed.fields, [batch], sender=RELAYER.address)
    assert len(receipt.named("MessageDelivered")) == 1
    return receipt.gas_used


@pytest.mark.parametrize(("is_restarted", "least"), [(False, 0.44), (True, 0.24)])
def test_a_tally_leaves_gas(poll: Poll, is_restarted: bool, least: float) -> None:
    """All its parts are new to the pool, and after a restart the lane's epoch, too. `least`: part of its gas."""
    hub = poll.stacks["hub"]
    poll.cast("arcade", VOTER, 0)
    poll.split("arcade", OTHER, 1, 1, 1)
    poll.send_tally("arcade")
    (message,) = poll.courier.open.values()
    if is_restarted:
        poll.restart("arcade")
    sender = interoperable(message.origin, poll.pool.address)
    data = poll.pool.encode("receiveMessage", message.id, sender, message.payload)
    call = {"from": hub.gateway.address, "to": poll.pool.address, "data": "0x" + data.hex()}
    # What a transaction costs, the gateway's delivery pays.
    used = int(hub.chain.rpc("eth_estimateGas", [call]), 16) - 21_000
    assert used <= TALLY_GAS_LIMIT * (1 - least), used
