"""Attacks on the hub's half: pins, pauses during a vote, gas."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.packed import encode_packed

from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.votes import Tally
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, created_address, deploy
from tests.kit.governing import FRACTIONAL, MILLION, PASSER_BY, Action, Senate, State
from tests.kit.paper import DAY, PaperLane
from tests.kit.roles import GUARDIAN, PAYER, RIVAL
from tests.kit.voting import HUB_VOTER, OTHER, VOTER, Poll

AGAINST = 0


@pytest.fixture(scope="session")
def senate(chains: dict[str, BoundChain]) -> Senate:
    return Senate.found(chains["hub"])


def delegate(senate: Senate, target: str) -> None:
    """The account PAYER takes the code of another one (EIP-7702)."""
    chain, account = senate.chain, PAYER.account
    nonce = int(chain.rpc("eth_getTransactionCount", [account.address, "latest"]), 16)
    authorization = {"chainId": chain.chain_id, "address": target, "nonce": nonce + 1}
    transaction: dict[str, Any] = {
        "type": 4,
        "chainId": chain.chain_id,
        "nonce": nonce,
        "to": PASSER_BY,
        "value": 0,
        "gas": 200_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 0,
        "authorizationList": [account.sign_authorization(authorization)],
    }
    raw = account.sign_transaction(transaction).raw_transaction
    assert chain.rpc("eth_sendRawTransactionSync", ["0x" + bytes(raw).hex()])["status"] == "0x1"


def test_code_that_was_not_there_at_the_vote_is_not_executed(senate: Senate) -> None:
    """M24: an account delegates to an address where nothing is yet (EIP-7702). The pin holds the designator alone; what
    it runs is created after the vote.
    """
    chain, creator = senate.chain, RIVAL.address
    nonce = int(chain.rpc("eth_getTransactionCount", [creator, "latest"]), 16)
    delegate(senate, created_address(creator, nonce))
    account = Contract(chain, "ScriptedRecipient", PAYER.address)
    proposal = senate.queue(Action(account.address, account.encode("setBehaviour", 1)))
    deploy(chain, "ScriptedRecipient", sender=creator)
    receipt = senate.governor.attempt("execute", *proposal.named, sender=PASSER_BY)
    assert not receipt.succeeded
    assert account.view("behaviour") == 0


def test_a_pause_takes_no_vote_away(poll: Poll) -> None:
    """P7e: what turned a vote two days before its end can be answered. Not from a spoke that a watcher pauses at that
    moment: no objections open, and nothing that is voted there counts any more.
    """
    hub, arcade = poll.stacks["hub"].gateway, poll.id_of("arcade")
    poll.reach(poll.deadline - 2 * DAY - 1, "hub")
    hub.send("pauseInbound", arcade, 3 * DAY, sender=GUARDIAN.address)
    parts = encode_packed(["uint128"] * 3, (0, 5 * MILLION, 40 * MILLION))
    call = ("castVoteWithReasonAndParams", poll.id, FRACTIONAL, "", parts)
    poll.governor.send(*call, sender=HUB_VOTER, at=poll.deadline - 2 * DAY)
    poll.cast("arcade", VOTER, AGAINST)
    poll.cast("arcade", OTHER, AGAINST)
    assert poll.votes["arcade"].view("tally", *poll.ballot) == (8 * MILLION, 0, 0)
    state = poll.governor.view("state", poll.id, at=poll.deadline + 1)
    assert poll.governor.view("objectionsFrom", poll.id) or state != State.SUCCEEDED


def test_a_lie_ends_with_the_restart_of_its_lane(poll: Poll) -> None:
    """SECURITY: a compromised chain cannot have its lies count after the lane from it was restarted and that was
    followed. A tally that arrived before can be cast, and the honest one is ignored.
    """
    hub, arcade = poll.stacks["hub"].gateway, poll.id_of("arcade")
    poll.say("arcade", Tally(0, 2**128 - 1))
    hub.send("pauseInbound", arcade, DAY, sender=GUARDIAN.address)
    fact = RestartFact(arcade, poll.courier.hub_id, 1_000)
    tree = Tree([fact])
    attestation = poll.courier.signers["hub"].sign(poll.courier.hub_id, hub.address, tree.root).fields
    hub.send("followRestart", attestation, arcade, 1_000, tree.proof(fact), sender=RIVAL.address)
    hub.send("unpauseInbound", arcade, sender=GUARDIAN.address)
    lane = PaperLane(poll.courier.hub_id, arcade, poll.courier.hub_id, 1_000)
    poll.courier.lanes["arcade", "hub"] = lane
    honest = Tally(8 * MILLION)
    poll.say("arcade", honest)
    poll.count("arcade")
    assert poll.result == honest
