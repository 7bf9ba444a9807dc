"""Heads of an Inbox that a lane left behind: a message that was replaced long ago comes home in several calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent
from tests.kit.evm import Contract, Revert, error
from tests.kit.paper import PaperLane
from tests.kit.settlement import Origin, restart_notice, walk

RESTART = 10_000
LENGTH = 900
ID = keccak(text="id")


@pytest.fixture
def had(origin: Origin, attacker: str) -> PaperLane:
    """What arcade had in the lane from the hub before a reorganisation replaced it."""
    hub_id = origin.hub.chain.chain_id
    lane = PaperLane(hub_id, hub_id, origin.arcade)
    for i in range(LENGTH):
        lane.append(attacker, origin.recipient, deliver_before=1, payload=b"gone %d" % i)
    return lane


@pytest.fixture
def replaced(origin: Origin, client: Contract, owner: str, carrier: str, had: PaperLane) -> Sent:
    """The hub's second message now. The lane was restarted, and arcade said where it left it."""
    origin.send(client)
    sent = origin.send(client, b"instead")
    origin.gateway.send("restart", origin.arcade, RESTART, sender=owner)
    origin.say(restart_notice(RESTART, LENGTH, had.heads[-1]), carrier=carrier)
    return sent


@pytest.fixture
def record(origin: Origin, had: PaperLane, attacker: str) -> Callable[..., None]:
    """Records the head at a place, by the ids from there to another."""

    def record(nonce: int, end: int = LENGTH) -> None:
        origin.gateway.send("recordInboxHead", *arguments(origin, had, nonce, end), sender=attacker)

    return record


def ids(had: PaperLane, nonce: int, end: int = LENGTH) -> list[bytes]:
    """Of what stands behind a place, up to another."""
    return [message.id for message in had.messages[nonce:end]]


def arguments(origin: Origin, had: PaperLane, nonce: int, end: int = LENGTH) -> tuple[Any, ...]:
    """Of `recordInboxHead`."""
    return (origin.arcade, RESTART, nonce, had.heads[nonce], ids(had, nonce, end))


def evidence(origin: Origin, had: PaperLane, sent: Sent, end: int) -> tuple[Any, ...]:
    """Arguments of `refundAbandoned`, with what arcade had from the message's place to another."""
    before = sent.message.nonce - 1
    way = walk(origin.lane, sent, 2).fields
    return sent.message.fields, way, RESTART, had.heads[before], ids(had, before, end)


def refusal(origin: Origin, evidence: tuple[Any, ...], by: str) -> Revert:
    return origin.gateway.revert("refundAbandoned", *evidence, sender=by)


def test_comes_home_in_several_calls(
    origin: Origin,
    client: Contract,
    had: PaperLane,
    replaced: Sent,
    record: Callable[..., None],
    attacker: str,
) -> None:
    """P1: by heads that anyone records, from the last one on; each call is as short as one likes."""
    step = 300
    for nonce in range(LENGTH - step, 0, -step):
        short = evidence(origin, had, replaced, nonce)
        assert refusal(origin, short, attacker) == error("NotReplaced", replaced.id)
        record(nonce, nonce + step)
    short = evidence(origin, had, replaced, step)
    assert len(short[4]) < step
    origin.step(origin.gateway, "refundAbandoned", *short, sender=attacker)
    assert client.view("returnedIds", 0) == (replaced.id,)


def test_comes_home_in_one_call_if_it_fits(
    origin: Origin, had: PaperLane, replaced: Sent, attacker: str
) -> None:
    whole = evidence(origin, had, replaced, LENGTH)
    origin.step(origin.gateway, "refundAbandoned", *whole, sender=attacker)


def test_a_call_of_one_id_is_enough(
    origin: Origin, had: PaperLane, replaced: Sent, record: Callable[..., None], attacker: str
) -> None:
    """Recorded right behind the message's place."""
    record(2)
    arguments_ = evidence(origin, had, replaced, 2)
    assert len(arguments_[4]) == 1
    origin.step(origin.gateway, "refundAbandoned", *arguments_, sender=attacker)


def test_what_the_destination_had_does_not_come_home(
    origin: Origin, client: Contract, owner: str, carrier: str, attacker: str
) -> None:
    """P1: whatever heads are recorded: the id at its place is its own."""
    sent = origin.send(client)
    hub_id = origin.hub.chain.chain_id
    lane = PaperLane(hub_id, hub_id, origin.arcade)
    lane.messages.append(sent.message)
    lane.heads.append(sent.head)
    for _ in range(5):
        lane.append(attacker, origin.recipient, deliver_before=1)
    origin.gateway.send("restart", origin.arcade, RESTART, sender=owner)
    origin.say(restart_notice(RESTART, 6, lane.heads[-1]), carrier=carrier)
    for nonce in (5, 3, 1, 0):
        record = (origin.arcade, RESTART, nonce, lane.heads[nonce], ids(lane, nonce, 6))
        origin.gateway.send("recordInboxHead", *record, sender=attacker)
    for end in (1, 3, 5, 6):
        arguments_ = (
            sent.message.fields,
            walk(origin.lane, sent, 1).fields,
            RESTART,
            lane.heads[0],
            ids(lane, 0, end),
        )
        assert refusal(origin, arguments_, attacker) == error("NotReplaced", sent.id)


CHANGES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "other-head": lambda d, r, n, head, ids: (d, r, n, ID, ids),
    "zero-head": lambda d, r, n, head, ids: (d, r, n, bytes(32), ids),
    "lower-nonce": lambda d, r, n, head, ids: (d, r, n - 1, head, ids),
    "higher-nonce": lambda d, r, n, head, ids: (d, r, n + 1, head, ids),
    "last-missing": lambda d, r, n, head, ids: (d, r, n, head, ids[:-1]),
    "first-missing": lambda d, r, n, head, ids: (d, r, n, head, ids[1:]),
    "one-more": lambda d, r, n, head, ids: (d, r, n, head, [*ids, ID]),
    "permuted": lambda d, r, n, head, ids: (d, r, n, head, ids[::-1]),
    "no-ids": lambda d, r, n, head, ids: (d, r, n, head, []),
    "beyond-the-end": lambda d, r, n, head, ids: (d, r, LENGTH + 1, head, []),
    "far-beyond": lambda d, r, n, head, ids: (d, r, 2**64 - 1, head, ids),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_refuses_to_record_what_the_destination_did_not_have(
    origin: Origin,
    had: PaperLane,
    replaced: Sent,
    attacker: str,
    change: Callable[..., tuple[Any, ...]],
) -> None:
    """M7: only what leads to where it left the lane."""
    good = arguments(origin, had, LENGTH - 5)
    destination, _, nonce, head, _ = changed = change(*good)
    refused = origin.gateway.revert("recordInboxHead", *changed, sender=attacker)
    assert refused == error("NotInboxHead", destination, nonce, head)
    origin.gateway.send("recordInboxHead", *good, sender=attacker)


@pytest.mark.parametrize("part", ["destination", "restart"])
def test_refuses_to_record_for_what_was_not_followed(
    origin: Origin, had: PaperLane, replaced: Sent, owner: str, attacker: str, part: str
) -> None:
    destination, nonce, *others = arguments(origin, had, LENGTH - 5)
    if part == "destination":
        destination = origin.perps
    else:
        nonce += 1
    refused = origin.gateway.revert("recordInboxHead", destination, nonce, *others, sender=attacker)
    assert refused == error("RestartNotFollowed", destination, nonce)
    if part == "restart":
        origin.gateway.send("restart", destination, nonce, sender=owner)
    refused = origin.gateway.revert("recordInboxHead", destination, nonce, *others, sender=attacker)
    assert refused == error("RestartNotFollowed", destination, nonce)


def test_a_record_counts_for_its_restart_alone(
    origin: Origin,
    had: PaperLane,
    replaced: Sent,
    record: Callable[..., None],
    owner: str,
    carrier: str,
    attacker: str,
) -> None:
    """P1: of another restart, the destination says another place and head."""
    record(2)
    other = 2 * RESTART
    origin.gateway.send("restart", origin.arcade, other, sender=owner)
    origin.say(restart_notice(other, LENGTH - 1, had.heads[LENGTH - 1]), carrier=carrier)
    message, way, _, head, one = evidence(origin, had, replaced, 2)
    refused = refusal(origin, (message, way, other, head, one), attacker)
    assert refused == error("NotReplaced", replaced.id)
    good = evidence(origin, had, replaced, 2)
    origin.step(origin.gateway, "refundAbandoned", *good, sender=attacker)


def test_what_is_recorded_twice_stays(
    origin: Origin, had: PaperLane, replaced: Sent, record: Callable[..., None], attacker: str
) -> None:
    """By different ways to the end, in any order."""
    record(500)
    record(100, 500)
    record(100)
    record(LENGTH, LENGTH)
    short = evidence(origin, had, replaced, 100)
    origin.step(origin.gateway, "refundAbandoned", *short, sender=attacker)
