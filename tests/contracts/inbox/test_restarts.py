"""Restarts: how the Inbox follows a lane that its origin restarted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.facts import LaneFact, RestartFact, SetFact, Tree
from metalayer.protocol.gateway import Kind
from metalayer.protocol.message import Message, extend, genesis_head
from tests.kit.evm import Contract, error
from tests.kit.inbox import HIGHEST, RELAY, notices, place
from tests.kit.paper import PaperLane, PaperRelayer, gateway_payload
from tests.kit.stack import Stack

RESTART = 100


@pytest.fixture
def follow(
    gateway: Contract, lane: PaperLane, paper: PaperRelayer, relayer: str
) -> Callable[..., tuple[Any, ...]]:
    """Arguments of `followRestart` for the lane from the hub."""

    def follow(nonce: int = RESTART, positions: Sequence[int] | None = None) -> tuple[Any, ...]:
        fact = RestartFact(lane.origin, lane.destination, nonce)
        tree = Tree([fact, lane.fact(), *(SetFact(i, keccak(text=f"set {i}")) for i in (2, 3))])
        return paper.attest(tree.root, positions), lane.origin, nonce, tree.proof(fact)

    return follow


@pytest.fixture
def restarted(lane: PaperLane) -> PaperLane:
    """The lane from the hub after the restart."""
    return PaperLane(lane.network_id, lane.origin, lane.destination, RESTART)


@pytest.fixture
def five(append: Callable[..., Message]) -> list[Message]:
    """Five messages in the lane from the hub."""
    return [append(payload=b"message %d" % i) for i in range(5)]


def test_a_restart_moves_the_lane(
    gateway: Contract,
    lane: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    attacker: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
) -> None:
    """Anyone shows it. What was not delivered is left behind."""
    paper.deliver(lane, count=2)
    receipt = gateway.send("followRestart", *follow(), sender=attacker)
    assert [event.name for event in receipt.events] == ["RestartFollowed", "MessageSent", "LaneExtended"]
    assert receipt.named("RestartFollowed") == [(lane.origin, RESTART, 2, lane.heads[2])]
    assert gateway.view("inboxLane", lane.origin) == (RESTART, restarted.heads[0])


def test_a_restart_is_answered(
    gateway: Contract,
    lane: PaperLane,
    lane_back: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    """The origin hears where the lane was left."""
    paper.deliver(lane, count=2)
    receipt = gateway.send("followRestart", *follow(), sender=relayer)
    payload = gateway_payload(Kind.RESTART, RESTART, 2, lane.heads[2])
    assert notices(receipt, gateway) == [(1, payload)]
    message = lane_back.append_notice(gateway.address, payload)
    assert receipt.named("MessageSent")[0][0] == message.id
    assert gateway.view("outboxLane", lane.origin) == (1, lane_back.heads[1], 0)


def test_a_restart_of_a_lane_of_which_nothing_came(
    gateway: Contract, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    """M1: its genesis head, not zero, is where it was left."""
    receipt = gateway.send("followRestart", *follow(), sender=relayer)
    genesis = genesis_head(lane.network_id, lane.origin, lane.destination)
    assert notices(receipt, gateway) == [(1, gateway_payload(Kind.RESTART, RESTART, 0, genesis))]


def test_a_restart_by_one(
    gateway: Contract,
    lane: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    paper.deliver(lane)
    gateway.send("followRestart", *follow(6), sender=relayer)
    assert gateway.view("inboxLane", lane.origin)[0] == 6


def test_a_restart_leaves_the_other_lanes(
    gateway: Contract,
    other_lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    append(on=other_lane)
    paper.deliver(other_lane)
    gateway.send("followRestart", *follow(), sender=relayer)
    assert gateway.view("inboxLane", other_lane.origin) == (1, other_lane.heads[1])


def test_delivers_after_a_restart(
    gateway: Contract,
    recipient: Contract,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
) -> None:
    """P2: from the genesis head of its place on."""
    gateway.send("followRestart", *follow(), sender=relayer)
    messages = [append(on=restarted) for _ in range(3)]
    assert [message.nonce for message in messages] == [RESTART + 1, RESTART + 2, RESTART + 3]
    paper.deliver(restarted, count=2)
    assert recipient.view("acceptedIds", 0) == tuple(message.id for message in messages[:2])
    assert gateway.view("inboxLane", restarted.origin) == (RESTART + 2, restarted.heads[2])


def test_refuses_a_gap_after_a_restart(
    gateway: Contract,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
) -> None:
    """P2: the place of the restart itself holds no message."""
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted), append(on=restarted)
    refusal = error("LaneGap", restarted.origin, RESTART + 2, RESTART + 1)
    assert paper.refusal(restarted, first=RESTART + 2) == refusal


def test_what_was_left_behind_moves_nothing(
    gateway: Contract,
    recipient: Contract,
    lane: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    """P1: batches up to the place of the restart find nothing to do."""
    paper.deliver(lane, count=2)
    gateway.send("followRestart", *follow(), sender=relayer)
    for first in (1, 3, 5):
        assert paper.deliver(lane, first=first).events == []
    assert recipient.view("acceptedCount") == 2


def test_refuses_the_history_that_is_gone(
    gateway: Contract,
    lane: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    """M21, P2: a lane that was longer than the place of the restart leads elsewhere."""
    paper.deliver(lane, count=2)
    gateway.send("followRestart", *follow(3), sender=relayer)
    genesis = genesis_head(lane.network_id, lane.origin, lane.destination, 3)
    computed = extend(extend(genesis, five[3].id), five[4].id)
    refusal = error("HeadNotProven", lane.origin, 5, computed)
    assert paper.refusal(lane, first=4) == refusal
    assert paper.refusal(lane, first=3) == refusal


def test_refuses_to_follow_twice(
    gateway: Contract, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    gateway.send("followRestart", *follow(), sender=relayer)
    refusal = error("RestartNotAhead", lane.origin, RESTART, RESTART)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal
    assert not gateway.attempt("followRestart", *follow(), sender=relayer).succeeded


def test_refuses_to_go_back_to_a_restart(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
) -> None:
    """P1: the messages after it are not executed again."""
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    refusal = error("RestartNotAhead", lane.origin, RESTART, RESTART + 1)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal


@pytest.mark.parametrize("nonce", [0, 1, 4, 5])
def test_refuses_a_restart_that_is_not_ahead(
    gateway: Contract,
    lane: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    nonce: int,
) -> None:
    """P1, P2: however many signed it."""
    paper.deliver(lane)
    refusal = error("RestartNotAhead", lane.origin, nonce, 5)
    assert gateway.revert("followRestart", *follow(nonce), sender=relayer) == refusal


def test_refuses_a_restart_at_zero(
    gateway: Contract, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    """M1."""
    refusal = error("RestartNotAhead", lane.origin, 0, 0)
    assert gateway.revert("followRestart", *follow(0), sender=relayer) == refusal


def test_follows_one_restart_after_another(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
) -> None:
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    receipt = gateway.send("followRestart", *follow(200), sender=relayer)
    payload = gateway_payload(Kind.RESTART, 200, RESTART + 1, restarted.heads[1])
    assert notices(receipt, gateway) == [(2, payload)]


def test_a_restart_may_be_skipped(
    gateway: Contract,
    lane: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    """Then it is not followed any more."""
    paper.deliver(lane, count=1)
    receipt = gateway.send("followRestart", *follow(200), sender=relayer)
    assert notices(receipt, gateway) == [(1, gateway_payload(Kind.RESTART, 200, 1, lane.heads[1]))]
    refusal = error("RestartNotAhead", lane.origin, RESTART, 200)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal


def test_a_restart_that_was_skipped_is_never_answered(
    gateway: Contract, owner: str, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    """Nothing is said about it, though the lane back was restarted."""
    gateway.send("followRestart", *follow(200), sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("RestartNotAhead", lane.origin, RESTART, 200)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal
    refusal = error("RestartNoticeNotLost", lane.origin, RESTART, 0)
    assert gateway.revert("noticeRestart", lane.origin, RESTART, sender=relayer) == refusal


def test_a_notice_of_a_restart_that_may_be_lost_is_sent_again(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    five: list[Message],
    paper: PaperRelayer,
    relayer: str,
    attacker: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
    append: Callable[..., Message],
) -> None:
    """P1: by anyone, without a signature, though the lane went on; the same words at another place, once."""
    paper.deliver(lane, count=2)
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    gateway.send("restart", lane.origin, 40, sender=owner)
    receipt = gateway.send("noticeRestart", lane.origin, RESTART, sender=attacker)
    assert [event.name for event in receipt.events] == ["MessageSent", "LaneExtended"]
    assert notices(receipt, gateway) == [(41, gateway_payload(Kind.RESTART, RESTART, 2, lane.heads[2]))]
    assert gateway.view("inboxLane", lane.origin) == (RESTART + 1, restarted.heads[1])
    refusal = error("RestartNoticeNotLost", lane.origin, RESTART, 41)
    assert gateway.revert("noticeRestart", lane.origin, RESTART, sender=attacker) == refusal
    assert not gateway.attempt("noticeRestart", lane.origin, RESTART, sender=attacker).succeeded


def test_a_notice_is_sent_once_more_for_each_restart_of_the_lane_back(
    gateway: Contract, owner: str, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    """P1: however often it is lost."""
    gateway.send("followRestart", *follow(), sender=relayer)
    payload = gateway_payload(
        Kind.RESTART, RESTART, 0, genesis_head(lane.network_id, lane.origin, lane.destination)
    )
    for place_ in (40, 80):
        gateway.send("restart", lane.origin, place_, sender=owner)
        receipt = gateway.send("noticeRestart", lane.origin, RESTART, sender=relayer)
        assert notices(receipt, gateway) == [(place_ + 1, payload)]


def test_each_restart_has_a_notice_of_its_own(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
) -> None:
    """With what was left at that restart, not at another."""
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    gateway.send("followRestart", *follow(200), sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    said = [
        notices(gateway.send("noticeRestart", lane.origin, nonce, sender=relayer), gateway)
        for nonce in (RESTART, 200)
    ]
    genesis = genesis_head(lane.network_id, lane.origin, lane.destination)
    assert said == [
        [(41, gateway_payload(Kind.RESTART, RESTART, 0, genesis))],
        [(42, gateway_payload(Kind.RESTART, 200, RESTART + 1, restarted.heads[1]))],
    ]


def test_a_quorum_moves_no_lane_twice(
    gateway: Contract, owner: str, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    """P1: not even where the notice may be lost."""
    gateway.send("followRestart", *follow(), sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("RestartNotAhead", lane.origin, RESTART, RESTART)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal


@pytest.mark.parametrize("nonce", [0, 1, RESTART - 1, RESTART + 1, HIGHEST])
def test_refuses_a_notice_of_a_restart_that_was_not_followed(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    attacker: str,
    follow: Callable[..., tuple[Any, ...]],
    nonce: int,
) -> None:
    """M1: a record of zeros is none."""
    gateway.send("followRestart", *follow(), sender=attacker)
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("RestartNoticeNotLost", lane.origin, nonce, 0)
    assert gateway.revert("noticeRestart", lane.origin, nonce, sender=attacker) == refusal


def test_a_restart_of_another_lane_loses_no_answer(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    other_lane: PaperLane,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    gateway.send("followRestart", *follow(), sender=relayer)
    gateway.send("restart", other_lane.origin, 40, sender=owner)
    refusal = error("RestartNoticeNotLost", lane.origin, RESTART, 1)
    assert gateway.revert("noticeRestart", lane.origin, RESTART, sender=relayer) == refusal
    refusal = error("RestartNoticeNotLost", other_lane.origin, RESTART, 0)
    assert gateway.revert("noticeRestart", other_lane.origin, RESTART, sender=relayer) == refusal


def test_a_restart_is_followed_while_the_lane_is_halted(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    restarted: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    halted: Callable[..., None],
) -> None:
    """Neither the route nor a pause stops it; what comes behind it waits."""
    halted(lane.origin)
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    until = gateway.view("pausedUntil", lane.origin)
    waits = error("RoutePaused", lane.origin, until) if until else error("RouteClosed", lane.origin)
    assert paper.refusal(restarted) == waits


def test_retries_what_failed_before_a_restart(
    gateway: Contract,
    recipient: Contract,
    relayer: str,
    failed: Message,
    follow: Callable[..., tuple[Any, ...]],
) -> None:
    """P1: it was executed or tried before the lane was left, so that it does not count as abandoned."""
    gateway.send("followRestart", *follow(), sender=relayer)
    gateway.send("retry", *place(failed), sender=relayer)
    assert recipient.view("acceptedIds", 0) == (failed.id,)


def test_returns_what_failed_before_a_restart(
    gateway: Contract, relayer: str, expired: Message, follow: Callable[..., tuple[Any, ...]]
) -> None:
    gateway.send("followRestart", *follow(), sender=relayer)
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert receipt.named("ReturnSent") == [(expired.id, expired.origin, expired.nonce, 2)]


def test_earnings_outlast_a_restart(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    failed: Message,
    follow: Callable[..., tuple[Any, ...]],
    earned: Callable[..., int],
) -> None:
    gateway.send("followRestart", *follow(), sender=relayer)
    assert earned(lane.origin) == RELAY


def test_refuses_a_restart_without_quorum(
    gateway: Contract, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    """P3, M3: three of five."""
    refusal = error("QuorumNotReached", 3, 5)
    assert gateway.revert("followRestart", *follow(positions=[0, 2, 4]), sender=relayer) == refusal
    assert not gateway.attempt("followRestart", *follow(positions=[0, 2, 4]), sender=relayer).succeeded
    gateway.send("followRestart", *follow(positions=[0, 1, 2, 4]), sender=relayer)


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(lambda proof: [], id="empty"),
        pytest.param(lambda proof: proof[:-1], id="truncated"),
        pytest.param(lambda proof: [*proof, bytes(32)], id="extended"),
        pytest.param(lambda proof: proof[::-1], id="reversed"),
    ],
)
def test_refuses_a_restart_without_its_proof(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    defect: Callable[..., Any],
) -> None:
    """M7."""
    attestation, origin, nonce, proof = follow()
    leaf = RestartFact(lane.origin, lane.destination, RESTART).leaf
    refusal = error("FactNotProven", attestation[0], leaf)
    assert len(proof) == 2
    arguments = attestation, origin, nonce, defect(proof)
    assert gateway.revert("followRestart", *arguments, sender=relayer) == refusal


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(lambda f: RestartFact(f.destination, f.origin, f.nonce), id="opposite-lane"),
        pytest.param(lambda f: RestartFact(f.origin + 2, f.destination, f.nonce), id="other-origin"),
        pytest.param(lambda f: RestartFact(f.origin, f.destination + 1, f.nonce), id="other-destination"),
        pytest.param(lambda f: RestartFact(f.origin, f.destination, f.nonce + 1), id="other-nonce"),
        pytest.param(lambda f: LaneFact(f.origin, f.destination, f.nonce, bytes(32)), id="lane-fact-of-zero"),
        pytest.param(
            lambda f: LaneFact(
                f.origin, f.destination, f.nonce, genesis_head(901, f.origin, f.destination, f.nonce)
            ),
            id="lane-fact-of-the-genesis",
        ),
        pytest.param(lambda f: SetFact(f.nonce, bytes(32)), id="set-fact"),
    ],
)
def test_refuses_a_signed_fact_about_something_else(
    gateway: Contract, lane: PaperLane, paper: PaperRelayer, relayer: str, signed: Callable[..., Any]
) -> None:
    """M2, M17: only the fact that this lane was restarted at this place counts."""
    fact = RestartFact(lane.origin, lane.destination, RESTART)
    root = signed(fact).leaf
    arguments: tuple[Any, ...] = (paper.attest(root), lane.origin, RESTART, [])
    refusal = error("FactNotProven", root, fact.leaf)
    assert gateway.revert("followRestart", *arguments, sender=relayer) == refusal


def test_a_restart_proves_no_lane(
    gateway: Contract, lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, relayer: str
) -> None:
    """M2: the other way round, a restart fact with the same numbers delivers nothing."""
    append()
    fact = RestartFact(lane.origin, lane.destination, 1)
    batch = lane.batch(Tree([lane.fact()]))
    refusal = error("HeadNotProven", lane.origin, 1, lane.heads[1])
    assert gateway.revert("deliver", paper.attest(fact.leaf), [batch], sender=relayer) == refusal


def test_refuses_a_restart_made_for_another_chain(
    perps: Stack, lane: PaperLane, relayer: str, follow: Callable[..., tuple[Any, ...]]
) -> None:
    """M17: the destination is the chain that asks."""
    attestation, *others = follow()
    theirs = RestartFact(lane.origin, perps.chain.chain_id, RESTART)
    refusal = error("FactNotProven", attestation[0], theirs.leaf)
    assert perps.gateway.revert("followRestart", attestation, *others, sender=relayer) == refusal


def test_a_lying_restart_does_not_overflow_the_lane(
    gateway: Contract,
    lane: PaperLane,
    relayer: str,
    follow: Callable[..., tuple[Any, ...]],
    append: Callable[..., Message],
    paper: PaperRelayer,
) -> None:
    """M3: a lane is raised by 2^40 places at most, so that no restart that a quorum invents ends it."""
    most = 1 << 40
    for far in (most + 1, HIGHEST - 1, HIGHEST):
        refusal = error("RestartTooFar", lane.origin, far, 0)
        assert gateway.revert("followRestart", *follow(far), sender=relayer) == refusal
    gateway.send("followRestart", *follow(most), sender=relayer)
    last = PaperLane(lane.network_id, lane.origin, lane.destination, most)
    message = append(on=last)
    assert paper.deliver(last).named("MessageDelivered") == [(message.id, lane.origin, most + 1)]
    assert gateway.view("inboxLane", lane.origin) == (most + 1, last.heads[1])
