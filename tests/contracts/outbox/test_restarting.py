"""Restarts of a lane by the owner of its origin, or its guardian."""

from __future__ import annotations

import pytest

from metalayer.protocol.message import Message, extend, genesis_head, interoperable
from tests.kit.evm import Contract, error
from tests.kit.outbox import ACCOUNT, STORED_HEAD_INTERVAL, refusal, send
from tests.kit.stack import Stack

MAX_RESTART_STEP = 2**32


def test_restart_goes_on_at_a_new_genesis_head(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int
) -> None:
    origin = gateway.chain.chain_id
    send(gateway, sender, recipient)
    receipt = gateway.send("restart", destination, 7, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 7, 1)]
    assert gateway.view("outboxLane", destination) == (7, genesis_head(origin, origin, destination, 7), 7)


def test_next_message_follows_the_restart(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int
) -> None:
    """P2: it extends the new genesis head, one place on."""
    origin = gateway.chain.chain_id
    send(gateway, sender, recipient)
    gateway.send("restart", destination, 7, sender=owner)
    receipt = send(gateway, sender, recipient)
    id_ = receipt.named("MessageSent")[0][0]
    _, nonce, gas_limit, last_second, fee, head = receipt.named("LaneExtended")[0]
    assert nonce == 8
    assert head == extend(genesis_head(origin, origin, destination, 7), id_)
    message = Message(origin, origin, destination, 8, sender, ACCOUNT, gas_limit, last_second, fee, b"")
    assert id_ == message.id
    assert gateway.view("outboxLane", destination) == (8, head, 7)


def test_restart_stores_the_last_head(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int
) -> None:
    """Proofs about the messages before it end there."""
    for _ in range(3):
        head = send(gateway, sender, recipient).named("LaneExtended")[0][5]
    assert gateway.view("storedHead", destination, 3) == bytes(32)
    gateway.send("restart", destination, 4, sender=owner)
    assert gateway.view("storedHead", destination, 3) == head
    assert {gateway.view("storedHead", destination, nonce) for nonce in (1, 2, 4)} == {bytes(32)}


def test_restart_records_itself(gateway: Contract, owner: str, destination: int) -> None:
    """Not followed yet: only the destination can say so."""
    gateway.send("restart", destination, 7, sender=owner)
    assert gateway.view("restartRecord", destination, 7) == (True, False, 0, 0, bytes(32))
    assert gateway.view("restartRecord", destination, 6) == (False, False, 0, 0, bytes(32))


def test_restart_of_a_lane_without_messages(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int
) -> None:
    """The history that is gone may have had some."""
    origin = gateway.chain.chain_id
    receipt = gateway.send("restart", destination, 1, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 1, 0)]
    assert gateway.view("outboxLane", destination) == (1, genesis_head(origin, origin, destination, 1), 1)
    assert gateway.view("storedHead", destination, 0) == bytes(32)
    assert send(gateway, sender, recipient).named("LaneExtended")[0][1] == 2


def test_restart_twice(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int
) -> None:
    origin = gateway.chain.chain_id
    gateway.send("restart", destination, 7, sender=owner)
    head = send(gateway, sender, recipient).named("LaneExtended")[0][5]
    receipt = gateway.send("restart", destination, 20, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 20, 8)]
    assert gateway.view("outboxLane", destination) == (20, genesis_head(origin, origin, destination, 20), 20)
    assert gateway.view("storedHead", destination, 8) == head
    assert [gateway.view("restartRecord", destination, nonce)[0] for nonce in (7, 8, 20)] == [
        True,
        False,
        True,
    ]


def test_restart_twice_without_a_message_between(gateway: Contract, owner: str, destination: int) -> None:
    """The last head before the second is the genesis head of the first."""
    origin = gateway.chain.chain_id
    gateway.send("restart", destination, 7, sender=owner)
    receipt = gateway.send("restart", destination, 8, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 8, 7)]
    assert gateway.view("storedHead", destination, 7) == genesis_head(origin, origin, destination, 7)


def test_heads_are_stored_at_the_same_places_after_a_restart(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int
) -> None:
    gateway.send("restart", destination, STORED_HEAD_INTERVAL - 1, sender=owner)
    head = send(gateway, sender, recipient).named("LaneExtended")[0][5]
    assert gateway.view("storedHead", destination, STORED_HEAD_INTERVAL) == head


def test_restart_leaves_other_lanes(
    gateway: Contract, sender: str, owner: str, destination: int, perps: Stack
) -> None:
    other = perps.chain.chain_id
    send(gateway, sender, interoperable(other, ACCOUNT))
    before = gateway.view("outboxLane", other)
    gateway.send("restart", destination, 7, sender=owner)
    assert gateway.view("outboxLane", other) == before
    assert gateway.view("storedHead", other, 1) == bytes(32)
    assert gateway.view("restartRecord", other, 7) == (False, False, 0, 0, bytes(32))


def test_a_closed_lane_is_restarted_and_stays_closed(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int
) -> None:
    """What is broken is closed first."""
    gateway.send("setOpen", destination, False, False, sender=owner)
    gateway.send("restart", destination, 7, sender=owner)
    assert refusal(gateway, sender, recipient) == error("RouteClosed", destination)


@pytest.mark.parametrize("caller", ["attacker", "successor", "sender", "deployer", "recovery"])
def test_refuses_a_restart_by_others(
    gateway: Contract,
    owner: str,
    successor: str,
    destination: int,
    caller: str,
    request: pytest.FixtureRequest,
) -> None:
    """P8: nor by a pending owner."""
    gateway.send("transferOwnership", successor, sender=owner)
    account = request.getfixturevalue(caller)
    expected = error("NotGuardian", account)
    assert gateway.revert("restart", destination, 7, sender=account) == expected


def test_the_guardian_restarts(gateway: Contract, guardian: str, destination: int) -> None:
    receipt = gateway.send("restart", destination, 7, sender=guardian)
    assert receipt.named("LaneRestarted") == [(destination, 7, 0)]


@pytest.mark.parametrize("step", [1, MAX_RESTART_STEP], ids=["shortest", "longest"])
def test_takes_restarts_within_the_step(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int, step: int
) -> None:
    send(gateway, sender, recipient)
    gateway.send("restart", destination, 1 + step, sender=owner)
    assert send(gateway, sender, recipient).named("LaneExtended")[0][1] == 2 + step


@pytest.mark.parametrize("nonce", [0, 1, 2, 3 + MAX_RESTART_STEP, 2**64 - 1])
def test_refuses_restarts_beyond_the_step(
    gateway: Contract, sender: str, owner: str, recipient: bytes, destination: int, nonce: int
) -> None:
    """A nonce never repeats, and none is exhausted: not lower, not equal, not far above."""
    for _ in range(2):
        send(gateway, sender, recipient)
    expected = error("InvalidRestart", destination, nonce, 3, 2 + MAX_RESTART_STEP)
    assert gateway.revert("restart", destination, nonce, sender=owner) == expected


def test_the_step_counts_from_the_last_restart(gateway: Contract, owner: str, destination: int) -> None:
    gateway.send("restart", destination, 7, sender=owner)
    for nonce in (7, 8 + MAX_RESTART_STEP):
        expected = error("InvalidRestart", destination, nonce, 8, 7 + MAX_RESTART_STEP)
        assert gateway.revert("restart", destination, nonce, sender=owner) == expected
    gateway.send("restart", destination, 7 + MAX_RESTART_STEP, sender=owner)
