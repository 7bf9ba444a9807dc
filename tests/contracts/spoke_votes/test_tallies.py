"""SpokeVotes: tallies on their way to the hub, at the cost of whoever sends them."""

from __future__ import annotations

from typing import Any

import pytest

from metalayer.protocol import votes as mirror
from metalayer.protocol.abi import Event, Function
from metalayer.protocol.message import interoperable
from metalayer.protocol.votes import TALLY_GAS_LIMIT, Payload, Tally
from tests.kit.evm import contract_types, error
from tests.kit.governing import MILLION
from tests.kit.hops import TERMS
from tests.kit.roles import ATTACKER, RELAYER
from tests.kit.voting import OTHER, VOTER, Poll

RETURN_GAS_LIMIT = 100_000
PAYLOAD_LENGTH = 192
FEE = TERMS.quote(TALLY_GAS_LIMIT, RETURN_GAS_LIMIT, PAYLOAD_LENGTH)
VOTES = Tally(3 * MILLION, 5 * MILLION)


@pytest.fixture
def voted(poll: Poll) -> Poll:
    poll.cast("arcade", VOTER, 1)
    poll.cast("arcade", OTHER, 0)
    return poll


def test_sends_the_tally_to_the_pool(voted: Poll) -> None:
    """M15: it says what was voted, and costs what was quoted."""
    arcade = voted.stacks["arcade"]
    assert voted.votes["arcade"].view("quoteTally") == FEE
    before = arcade.gateway.view("credit", RELAYER.address)
    receipt = voted.send_tally("arcade")
    (message,) = voted.courier.open.values()
    assert receipt.named("TallySent") == [(*voted.ballot, message.id, VOTES)]
    assert Payload.read(message.payload)[:3] == (*voted.ballot, VOTES)
    assert Payload.read(message.payload).payer == RELAYER.address.lower()
    assert (message.recipient.lower(), message.gas_limit) == (voted.pool.address.lower(), TALLY_GAS_LIMIT)
    assert (message.destination, len(message.payload)) == (voted.courier.hub_id, PAYLOAD_LENGTH)
    assert arcade.gateway.view("credit", RELAYER.address) == before - FEE


def test_anyone_sends_it_any_number_of_times(voted: Poll) -> None:
    for _ in range(3):
        voted.send_tally("arcade")
    voted.courier.carry("arcade", "hub")
    assert voted.kept("arcade") == VOTES


@pytest.mark.parametrize("short", [0, 1])
def test_the_sender_pays_what_it_allowed(voted: Poll, short: int) -> None:
    """M10: nobody else's credit."""
    gateway = voted.stacks["arcade"].gateway
    gateway.send("setAllowance", voted.pool.address, FEE - short, sender=RELAYER.address)
    call = ("sendTally", *voted.ballot)
    if short:
        refusal = voted.votes["arcade"].revert(*call, sender=RELAYER.address)
        assert refusal == error("InsufficientAllowance", RELAYER.address, voted.pool.address, FEE - 1, FEE)
    else:
        voted.votes["arcade"].send(*call, sender=RELAYER.address)
    refusal = voted.votes["arcade"].revert(*call, sender=ATTACKER.address)
    assert refusal == error("InsufficientCredit", ATTACKER.address, 0, FEE)


@pytest.mark.parametrize("other", [(1, 0), (0, 3_600)])
def test_refuses_a_ballot_without_votes(voted: Poll, other: tuple[int, int]) -> None:
    """Nobody voted about this proposal, or at this snapshot."""
    ballot = (voted.id + other[0], voted.snapshot + other[1])
    refusal = voted.votes["arcade"].revert("sendTally", *ballot, sender=RELAYER.address)
    assert refusal == error("EmptyTally", *ballot)


def test_what_is_not_delivered_gives_its_payer_the_rest(voted: Poll) -> None:
    """P5: the tally is still there, and can be sent again; nobody's ERA stays with the contract."""
    arcade = voted.stacks["arcade"]
    voted.send_tally("arcade")
    (message,) = voted.courier.open.values()
    before = arcade.era.view("balanceOf", RELAYER.address)
    receipt = voted.courier.bring_back(message)
    unspent = receipt.named("MessageReturned")[0][3]
    assert receipt.named("CallbackFailed") == []
    assert arcade.era.view("balanceOf", RELAYER.address) == before + unspent > before
    assert arcade.gateway.view("credit", voted.pool.address) == 0
    assert voted.kept("arcade") == Tally()
    voted.send_tally("arcade")


def test_hears_nobody(poll: Poll) -> None:
    """M10: neither the pool nor the contract of another spoke."""
    arcade = poll.stacks["arcade"]
    for chain_id in (poll.courier.hub_id, poll.id_of("perps")):
        sender = interoperable(chain_id, poll.pool.address)
        arguments = (bytes(32), sender, Payload(*poll.ballot, VOTES, VOTER).encoded)
        refusal = poll.votes["arcade"].revert("receiveMessage", *arguments, sender=arcade.gateway.address)
        assert refusal == error("ERC7786RecipientUnauthorizedGateway", arcade.gateway.address, sender)


@pytest.mark.parametrize("contract", ["arcade", "pool"])
def test_only_the_gateway_says_what_came_back(poll: Poll, contract: str) -> None:
    """M10: else anyone could pay out the contract's credit."""
    target = poll.pool if contract == "pool" else poll.votes[contract]
    payload = Payload(*poll.ballot, VOTES, ATTACKER.address).encoded
    message = (target.address, target.address, TALLY_GAS_LIMIT, 1, 0, payload)
    refusal = target.revert("onMessageReturned", bytes(32), 901, message, 1, sender=ATTACKER.address)
    assert refusal == error("NotGateway", ATTACKER.address)


@pytest.mark.parametrize(("name", "mirrored"), [("SpokeVotes", mirror.SPOKE), ("HubVotePool", mirror.POOL)])
def test_the_mirror_calls_what_is_there(name: str, mirrored: tuple[Function[Any] | Event[Any], ...]) -> None:
    """P9: functions with what they return, and events with what is indexed."""
    abi = contract_types()[name]
    functions = {one.selector: one for one in (*abi.methods, *abi.view_methods)}
    events = {one.selector: one for one in abi.events}
    for one in mirrored:
        if isinstance(one, Event):
            found = events[one.canonical].inputs
            assert one.signature.count(" indexed") == sum(bool(each.indexed) for each in found), one.name
        else:
            returned = ",".join(each.canonical_type for each in functions[one.signature].outputs)
            assert one.returns == returned, one.name
