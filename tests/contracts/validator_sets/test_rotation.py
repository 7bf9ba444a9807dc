"""Rotation: how one validator set follows another, and what an expired one still stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import LaneFact, RestartFact, SetFact, Tree
from metalayer.protocol.gateway import Kind, Status
from metalayer.protocol.message import Fee, Message
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, Revert, error, now
from tests.kit.founding import Founding
from tests.kit.paper import DAY, PaperLane, PaperRelayer, Validators, gateway_payload, keys
from tests.kit.scripted import Behaviour
from tests.kit.stack import Stack

# Longer than any set of these tests is valid: a paper lane may promise what no Outbox would.
LATE = 3_000 * DAY
HOUR = 3_600
LIFETIME = 30 * DAY
GRACE = 7 * DAY
MAX_VERSION_STEP = 2**16


@pytest.fixture
def gateway(arcade: Stack) -> Contract:
    return arcade.gateway


@pytest.fixture
def network_id(hub: Stack) -> int:
    return hub.chain.chain_id


@pytest.fixture
def paper(gateway: Contract, relayer: str, validators: Validators, network_id: int) -> PaperRelayer:
    return PaperRelayer(gateway, relayer, validators, network_id)


@pytest.fixture
def lane(hub: Stack, arcade: Stack) -> PaperLane:
    """The lane from the hub to arcade."""
    return PaperLane(hub.chain.chain_id, hub.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def append(arcade: Stack, lane: PaperLane, sender: str) -> Callable[..., Message]:
    """Appends a message to the scripted recipient that outlives every set."""

    def append(**fields: Any) -> Message:
        fields = {
            "deliver_before": now(arcade.chain) + LATE,
            "fee": Fee(0, 10**9, 10**8, 10**9, 0).packed,
            **fields,
        }
        return lane.append(sender, arcade.recipient.address, **fields)

    return append


@pytest.fixture
def following(validators: Validators) -> Callable[..., Validators]:
    """The validators of a later set: one version on and an hour longer than the installed one, by default."""

    def following(weights: Sequence[int] = (1, 1, 1, 1), version: int = 2, longer: int = HOUR) -> Validators:
        expires = validators.set.expires + longer
        return Validators(weights, expires, version=version, name=f"validator of set {version}")

    return following


@pytest.fixture
def handover(
    gateway: Contract, network_id: int, validators: Validators, lane: PaperLane
) -> Callable[..., tuple[Any, ...]]:
    """Arguments of `rotate`: the installed set, or another one, signs the fact about the next."""

    def handover(
        to: Validators | ValidatorSet, by: Validators = validators, positions: Sequence[int] | None = None
    ) -> tuple[Any, ...]:
        next_set = to.set if isinstance(to, Validators) else to
        fact = SetFact(next_set.version, next_set.hash)
        tree = Tree(
            [fact, lane.fact(), SetFact(10, keccak(text="set 10")), SetFact(11, keccak(text="set 11"))]
        )
        attestation = by.sign(network_id, gateway.address, tree.root, positions).fields
        return attestation, (next_set.version, next_set.expires, next_set.words), tree.proof(fact)

    return handover


@pytest.fixture
def rotate(
    gateway: Contract, relayer: str, handover: Callable[..., tuple[Any, ...]]
) -> Callable[..., Receipt]:
    def rotate(to: Validators, at: int | None = None, **by: Any) -> Receipt:
        return gateway.send("rotate", *handover(to, **by), sender=relayer, at=at)

    return rotate


@pytest.fixture
def refusal(
    gateway: Contract, relayer: str, handover: Callable[..., tuple[Any, ...]]
) -> Callable[..., Revert]:
    def refusal(to: ValidatorSet | Validators, at: int | None = None, **by: Any) -> Revert:
        return gateway.revert("rotate", *handover(to, **by), sender=relayer, at=at)

    return refusal


# Rotating


def test_installs_the_next_set(
    gateway: Contract, rotate: Callable[..., Receipt], following: Callable[..., Validators]
) -> None:
    after = following()
    receipt = rotate(after)
    assert receipt.named("ValidatorSetInstalled") == [
        (2, after.set.expires, after.set.hash, tuple(after.set.words))
    ]
    assert len(receipt.events) == 1
    assert gateway.view("validatorSetHash") == after.set.hash


def test_anyone_may_rotate(
    gateway: Contract,
    handover: Callable[..., tuple[Any, ...]],
    following: Callable[..., Validators],
    attacker: str,
) -> None:
    gateway.send("rotate", *handover(following()), sender=attacker)


def test_the_next_set_moves_lanes(
    gateway: Contract,
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    lane: PaperLane,
    append: Callable[..., Message],
    relayer: str,
    network_id: int,
) -> None:
    after = following()
    rotate(after)
    message = append()
    receipt = PaperRelayer(gateway, relayer, after, network_id).deliver(lane)
    assert receipt.named("MessageDelivered") == [(message.id, lane.origin, 1)]


def test_the_set_before_moves_nothing_any_more(
    gateway: Contract,
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    relayer: str,
) -> None:
    """P3: not even what it signed before it was replaced."""
    append()
    signed_before = paper.arguments(lane)
    fact = RestartFact(lane.origin, lane.destination, 9)
    restart: tuple[Any, ...] = (paper.attest(fact.leaf), lane.origin, 9, [])
    after = following()
    rotate(after)
    refusal = error("UnknownValidatorSet", paper.validators.set.hash, after.set.hash)
    assert gateway.revert("deliver", *signed_before, sender=relayer) == refusal
    assert gateway.revert("followRestart", *restart, sender=relayer) == refusal


def test_one_signature_moves_lanes_and_then_rotates(
    gateway: Contract,
    network_id: int,
    validators: Validators,
    following: Callable[..., Validators],
    lane: PaperLane,
    append: Callable[..., Message],
    relayer: str,
) -> None:
    """The order matters: after the rotation the same attestation is of a set that is not installed any more."""
    message, after = append(), following()
    fact = SetFact(2, after.set.hash)
    tree = Tree([lane.fact(), fact])
    attestation = validators.sign(network_id, gateway.address, tree.root).fields
    receipt = gateway.send("deliver", attestation, [lane.batch(tree)], sender=relayer)
    assert receipt.named("MessageDelivered") == [(message.id, lane.origin, 1)]
    gateway.send("rotate", attestation, after.argument, tree.proof(fact), sender=relayer)
    refusal = error("UnknownValidatorSet", validators.set.hash, after.set.hash)
    assert gateway.revert("deliver", attestation, [lane.batch(tree)], sender=relayer) == refusal


def test_one_signature_rotates_every_chain(
    stacks: dict[str, Stack],
    handover: Callable[..., tuple[Any, ...]],
    following: Callable[..., Validators],
    relayer: str,
) -> None:
    after = following()
    arguments = handover(after)
    for stack in stacks.values():
        stack.gateway.send("rotate", *arguments, sender=relayer)
        assert stack.gateway.view("validatorSetHash") == after.set.hash


def test_a_quorum_of_the_installed_set_is_enough(
    rotate: Callable[..., Receipt], following: Callable[..., Validators]
) -> None:
    """P3: four of five."""
    rotate(following(), positions=[0, 1, 3, 4])


def test_versions_may_be_skipped(
    gateway: Contract, rotate: Callable[..., Receipt], following: Callable[..., Validators]
) -> None:
    after = following(version=1 + MAX_VERSION_STEP)
    rotate(after)
    assert gateway.view("validatorSetHash") == after.set.hash


@pytest.mark.parametrize("version", [2 + MAX_VERSION_STEP, 2**32, 2**64 - 1])
def test_refuses_a_version_too_far_ahead(
    refusal: Callable[..., Revert], following: Callable[..., Validators], version: int
) -> None:
    """One lying quorum cannot exhaust the versions."""
    assert refusal(following(version=version)) == error("VersionTooHigh", version, 1)


def test_the_step_counts_from_the_installed_version(
    rotate: Callable[..., Receipt], refusal: Callable[..., Revert], following: Callable[..., Validators]
) -> None:
    second = following(version=1 + MAX_VERSION_STEP)
    rotate(second)
    beyond = following(version=2 + 2 * MAX_VERSION_STEP, longer=2 * HOUR)
    assert refusal(beyond, by=second) == error("VersionTooHigh", beyond.set.version, second.set.version)
    rotate(following(version=1 + 2 * MAX_VERSION_STEP, longer=2 * HOUR), by=second)


def test_a_set_lives_for_thirty_days_at_most(
    gateway: Contract,
    rotate: Callable[..., Receipt],
    refusal: Callable[..., Revert],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    """To the second: no quorum owns a chain for longer than until then."""
    at = validators.set.expires - 7
    too_long = following(longer=LIFETIME - 7 + 1)
    expected = error("SetLivesTooLong", too_long.set.expires, at + LIFETIME)
    assert refusal(too_long, at=at) == expected
    for longer in (2**40, 2**63):
        assert repr(refusal(following(longer=longer), at=at)).startswith("SetLivesTooLong(")
    rotate(following(longer=LIFETIME - 7), at=at)


def test_a_set_may_last_one_second_longer(
    rotate: Callable[..., Receipt], following: Callable[..., Validators]
) -> None:
    rotate(following(longer=1))


def test_the_same_validators_may_follow(
    gateway: Contract, rotate: Callable[..., Receipt], validators: Validators, relayer: str, network_id: int
) -> None:
    """Another version is another set: what they signed as the old one does not count."""
    after = Validators([1] * 5, expires=validators.set.expires + HOUR, version=2)
    assert [key.address for key in after.keys] == [key.address for key in validators.keys]
    rotate(after)
    stale = validators.sign(network_id, gateway.address, keccak(text="root")).fields
    refusal = error("UnknownValidatorSet", validators.set.hash, after.set.hash)
    assert gateway.revert("deliver", stale, [], sender=relayer) == refusal


def test_catches_up_set_by_set(
    gateway: Contract, rotate: Callable[..., Receipt], following: Callable[..., Validators]
) -> None:
    second, third = following(), following(version=3, longer=2 * HOUR)
    rotate(second)
    rotate(third, by=second)
    assert gateway.view("validatorSetHash") == third.set.hash


def test_does_not_catch_up_over_a_set(
    validators: Validators, refusal: Callable[..., Revert], following: Callable[..., Validators]
) -> None:
    """Each set is signed by the one before it, which has to be installed first."""
    second, third = following(), following(version=3, longer=2 * HOUR)
    expected = error("UnknownValidatorSet", second.set.hash, validators.set.hash)
    assert refusal(third, by=second) == expected


# What is refused


@pytest.mark.parametrize("version", [0, 1])
def test_refuses_a_version_that_is_not_higher(
    validators: Validators, refusal: Callable[..., Revert], following: Callable[..., Validators], version: int
) -> None:
    after = following(version=version)
    expected = error("SetNotNewer", version, after.set.expires, 1, validators.set.expires)
    assert refusal(after) == expected


@pytest.mark.parametrize("longer", [0, -1, -20 * DAY])
def test_refuses_an_expiry_that_is_not_later(
    validators: Validators, refusal: Callable[..., Revert], following: Callable[..., Validators], longer: int
) -> None:
    after = following(longer=longer)
    expected = error("SetNotNewer", 2, after.set.expires, 1, validators.set.expires)
    assert refusal(after) == expected


def test_refuses_the_installed_set_itself(validators: Validators, refusal: Callable[..., Revert]) -> None:
    expires = validators.set.expires
    assert refusal(validators) == error("SetNotNewer", 1, expires, 1, expires)


def test_refuses_to_rotate_back(
    refusal: Callable[..., Revert],
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    """Also if the later set signs it."""
    after = following()
    rotate(after)
    expected = error("SetNotNewer", 1, validators.set.expires, 2, after.set.expires)
    assert refusal(validators, by=after) == expected


def test_refuses_a_replay(
    refusal: Callable[..., Revert],
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    """M4: nothing is installed twice."""
    after = following()
    rotate(after)
    assert refusal(after) == error("UnknownValidatorSet", validators.set.hash, after.set.hash)


def test_refuses_a_replay_after_another_rotation(
    refusal: Callable[..., Revert],
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    second, third = following(), following(version=3, longer=2 * HOUR)
    rotate(second)
    rotate(third, by=second)
    assert refusal(second) == error("UnknownValidatorSet", validators.set.hash, third.set.hash)


def test_refuses_a_set_that_signs_for_itself(
    gateway: Contract,
    refusal: Callable[..., Revert],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    """M2: a caller cannot bring its own."""
    own = following()
    expected = error("UnknownValidatorSet", own.set.hash, validators.set.hash)
    assert refusal(own, by=own) == expected
    assert gateway.view("validatorSetHash") == validators.set.hash


def test_refuses_the_next_set_s_signatures_under_the_installed_one(
    gateway: Contract,
    handover: Callable[..., tuple[Any, ...]],
    following: Callable[..., Validators],
    validators: Validators,
    relayer: str,
) -> None:
    """M2, M17."""
    own = following(weights=[1] * 5)
    (root, _, signers, signatures), *others = handover(own, by=own)
    attestation = root, validators.argument, signers, signatures
    refusal = error("InvalidSignature", 0, validators.keys[0].address)
    assert gateway.revert("rotate", attestation, *others, sender=relayer) == refusal


@pytest.mark.parametrize("positions", [[], [2], [0, 1, 2]])
def test_refuses_fewer_than_a_quorum(
    gateway: Contract,
    relayer: str,
    handover: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
    following: Callable[..., Validators],
    validators: Validators,
    positions: list[int],
) -> None:
    """P3, M3."""
    after = following()
    assert refusal(after, positions=positions) == error("QuorumNotReached", len(positions), 5)
    assert not gateway.attempt("rotate", *handover(after, positions=positions), sender=relayer).succeeded
    assert gateway.view("validatorSetHash") == validators.set.hash


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(lambda proof, root: [], id="empty"),
        pytest.param(lambda proof, root: proof[:-1], id="truncated"),
        pytest.param(lambda proof, root: [*proof, bytes(32)], id="extended"),
        pytest.param(lambda proof, root: proof[::-1], id="reversed"),
        pytest.param(lambda proof, root: [root], id="the-root"),
    ],
)
def test_refuses_a_set_without_its_proof(
    gateway: Contract,
    relayer: str,
    handover: Callable[..., tuple[Any, ...]],
    following: Callable[..., Validators],
    defect: Callable[..., Any],
) -> None:
    """M7."""
    after = following()
    attestation, argument, proof = handover(after)
    assert len(proof) == 2
    refusal = error("FactNotProven", attestation[0], SetFact(2, after.set.hash).leaf)
    arguments = attestation, argument, defect(proof, attestation[0])
    assert gateway.revert("rotate", *arguments, sender=relayer) == refusal


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(lambda set_: SetFact(set_.version + 1, set_.hash), id="other-version"),
        pytest.param(lambda set_: SetFact(set_.version, keccak(set_.hash)), id="other-hash"),
        pytest.param(lambda set_: SetFact(set_.version, bytes(32)), id="zero-hash"),
        pytest.param(lambda set_: LaneFact(set_.version, 902, 2, set_.hash), id="lane-fact"),
        pytest.param(lambda set_: RestartFact(901, 902, set_.version), id="restart-fact"),
    ],
)
def test_refuses_a_signed_fact_about_something_else(
    gateway: Contract,
    paper: PaperRelayer,
    relayer: str,
    following: Callable[..., Validators],
    signed: Callable[..., Any],
) -> None:
    """M1, M2: only the fact that this set has this version counts."""
    after = following()
    root = signed(after.set).leaf
    refusal = error("FactNotProven", root, SetFact(2, after.set.hash).leaf)
    assert gateway.revert("rotate", paper.attest(root), after.argument, [], sender=relayer) == refusal


@pytest.mark.parametrize("change", ["version", "expires", "weight", "signer", "order", "fewer", "more"])
def test_refuses_the_signed_set_with_a_change(
    gateway: Contract,
    relayer: str,
    handover: Callable[..., tuple[Any, ...]],
    following: Callable[..., Validators],
    change: str,
) -> None:
    """M2: every part of a set is under its hash."""
    signed = following().set
    version, expires, members = signed.version, signed.expires, signed.members
    changed = {
        "version": ValidatorSet(version + 1, expires, members),
        "expires": ValidatorSet(version, expires + 1, members),
        "weight": ValidatorSet(version, expires, ((members[0][0], 2), *members[1:])),
        "signer": ValidatorSet(version, expires, (*members[:-1], ("0x" + "ff" * 20, 1))),
        "order": ValidatorSet(version, expires, (members[1], members[0], *members[2:])),
        "fewer": ValidatorSet(version, expires, members[:-1]),
        "more": ValidatorSet(version, expires, (*members, ("0x" + "ff" * 20, 1))),
    }[change]
    attestation, _, proof = handover(signed)
    refusal = error("FactNotProven", attestation[0], SetFact(changed.version, changed.hash).leaf)
    arguments = attestation, (changed.version, changed.expires, changed.words), proof
    assert gateway.revert("rotate", *arguments, sender=relayer) == refusal


def members(*weights: Any) -> tuple[tuple[str, int], ...]:
    return tuple((key.address, weight) for key, weight in zip(keys(len(weights)), weights, strict=True))


GOOD = members(1, 1, 1, 1, 1)
SIGNERS = [signer for signer, _ in GOOD]
INVALID_SETS = {
    "none": ((), ("InvalidValidatorCount", 0)),
    "one": (members(1), ("InvalidValidatorCount", 1)),
    "three": (members(1, 1, 1), ("InvalidValidatorCount", 3)),
    "thirty-three": (members(*[1] * 33), ("InvalidValidatorCount", 33)),
    "zero-signer": (((ZERO_ADDRESS, 1), *GOOD), ("InvalidSigner", 0, ZERO_ADDRESS)),
    "repeated": ((*GOOD[:3], GOOD[2], GOOD[4]), ("InvalidSigner", 3, SIGNERS[2])),
    "descending": ((GOOD[1], GOOD[0], *GOOD[2:]), ("InvalidSigner", 1, SIGNERS[0])),
    "zero-weight": (members(1, 1, 0, 1, 1), ("InvalidWeight", 2, 0, 4)),
    "a-third": (members(2, 2, 1, 1), ("InvalidWeight", 0, 2, 6)),
    "whale": (members(1, 1, 1, 9), ("InvalidWeight", 3, 9, 12)),
}


@pytest.mark.parametrize("case", INVALID_SETS.values(), ids=INVALID_SETS.keys())
def test_refuses_an_invalid_set_that_a_quorum_signed(
    gateway: Contract, refusal: Callable[..., Revert], validators: Validators, case: tuple[Any, ...]
) -> None:
    """M4, M5, M9: the same checks as at deployment."""
    invalid, (name, *arguments) = case
    after = ValidatorSet(2, validators.set.expires + HOUR, invalid)
    assert refusal(after) == error(name, *arguments)
    assert gateway.view("validatorSetHash") == validators.set.hash


def test_installs_the_largest_set(
    gateway: Contract, rotate: Callable[..., Receipt], validators: Validators
) -> None:
    after = Validators([2**96 - 1] * 32, expires=validators.set.expires + HOUR, version=2)
    rotate(after)
    assert gateway.view("validatorSetHash") == after.set.hash


def test_no_rotation_leaves_a_threshold_of_zero(
    gateway: Contract,
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    network_id: int,
    relayer: str,
) -> None:
    """M4, M1."""
    after = following()
    rotate(after)
    unsigned = after.sign(network_id, gateway.address, keccak(text="root"), []).fields
    assert gateway.revert("deliver", unsigned, [], sender=relayer) == error("QuorumNotReached", 0, 4)
    empty = ValidatorSet(0, 0, ())
    refusal = error("UnknownValidatorSet", empty.hash, after.set.hash)
    nothing: tuple[Any, ...] = (bytes(32), (0, 0, []), 0, [])
    assert gateway.revert("deliver", nothing, [], sender=relayer) == refusal


def test_rotates_from_the_set_of_the_constructor(
    arcade: Stack, hub: Stack, founding: Founding, relayer: str
) -> None:
    """M4: any gateway starts with a set of its own, whatever its version, and goes on from there."""
    first = Validators([1] * 4, expires=now(arcade.chain) + DAY, version=8)
    fresh = replace(founding, chain=arcade.chain).deploy(validator_set=first.argument)
    lower = Validators([1] * 4, expires=first.set.expires + DAY, version=8, name="next")
    higher = Validators([1] * 4, expires=first.set.expires + DAY, version=9, name="next")

    def arguments(to: Validators) -> tuple[Any, ...]:
        fact = SetFact(to.set.version, to.set.hash)
        return first.sign(hub.chain.chain_id, fresh.address, fact.leaf).fields, to.argument, []

    refusal = error("SetNotNewer", 8, lower.set.expires, 8, first.set.expires)
    assert fresh.revert("rotate", *arguments(lower), sender=relayer) == refusal
    fresh.send("rotate", *arguments(higher), sender=relayer)
    assert fresh.view("validatorSetHash") == higher.set.hash


# An expired set


def test_rotates_in_the_last_second_of_the_installed_set(
    gateway: Contract,
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    after = following()
    rotate(after, at=validators.set.expires)
    assert gateway.view("validatorSetHash") == after.set.hash


def test_an_expired_set_still_rotates_for_a_week(
    gateway: Contract,
    relayer: str,
    handover: Callable[..., tuple[Any, ...]],
    refusal: Callable[..., Revert],
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    """P3: to the second, and nothing else."""
    expires = validators.set.expires
    after, last = following(longer=20 * DAY), expires + GRACE
    assert refusal(after, at=last + 1) == error("ValidatorSetExpired", 1, expires)
    assert not gateway.attempt("rotate", *handover(after), sender=relayer, at=last + 1).succeeded


def test_rotates_in_the_last_second_of_grace(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    """P3: in which the same set delivers nothing any more."""
    last = validators.set.expires + GRACE
    append()
    assert paper.refusal(lane, at=last) == error("ValidatorSetExpired", 1, validators.set.expires)
    after = following(longer=20 * DAY)
    rotate(after, at=last)
    assert gateway.view("validatorSetHash") == after.set.hash


def test_refuses_a_set_that_has_expired_itself(
    refusal: Callable[..., Revert], following: Callable[..., Validators], validators: Validators
) -> None:
    """P3: also within the grace."""
    after = following(longer=DAY)
    expected = error("ValidatorSetExpired", 2, after.set.expires)
    assert refusal(after, at=after.set.expires + 1) == expected


def test_the_recovery_brings_old_signatures_at_any_time(
    gateway: Contract,
    handover: Callable[..., tuple[Any, ...]],
    following: Callable[..., Validators],
    validators: Validators,
    recovery: str,
    relayer: str,
    owner: str,
) -> None:
    """Of the expired set alone, and of a quorum of it."""
    expires = validators.set.expires
    late = expires + 400 * DAY
    after = following(longer=420 * DAY)
    expired = error("ValidatorSetExpired", 1, expires)
    for caller in (relayer, owner):
        assert gateway.revert("rotate", *handover(after), sender=caller, at=late) == expired
    few = handover(after, positions=[0, 1, 2])
    assert gateway.revert("rotate", *few, sender=recovery, at=late) == error("QuorumNotReached", 3, 5)
    unsigned = following(longer=421 * DAY)
    arguments = (*handover(after)[:1], unsigned.argument, handover(after)[2])
    assert repr(gateway.revert("rotate", *arguments, sender=recovery, at=late)).startswith("FactNotProven(")
    receipt = gateway.send("rotate", *handover(after), sender=recovery, at=late)
    assert len(receipt.named("ValidatorSetInstalled")) == 1
    assert gateway.view("validatorSetHash") == after.set.hash


def test_catches_up_set_by_set_within_the_grace_of_each(
    refusal: Callable[..., Revert],
    rotate: Callable[..., Receipt],
    following: Callable[..., Validators],
    validators: Validators,
) -> None:
    """A chain that was away longer waits for the recovery."""
    second = following(longer=DAY)
    rotate(second, at=validators.set.expires)
    expected = error("ValidatorSetExpired", 2, second.set.expires)
    last = second.set.expires + GRACE
    third = following(version=3, longer=20 * DAY)
    assert refusal(third, by=second, at=last + 1) == expected
    rotate(third, by=second, at=last)


def test_an_expired_set_delivers_nothing(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    validators: Validators,
) -> None:
    """P3: its last second still counts."""
    append()
    refusal = error("ValidatorSetExpired", 1, validators.set.expires)
    assert paper.refusal(lane, at=validators.set.expires + 1) == refusal
    assert len(paper.deliver(lane, at=validators.set.expires).named("MessageDelivered")) == 1


def test_an_expired_set_restarts_nothing(
    gateway: Contract, lane: PaperLane, paper: PaperRelayer, relayer: str, validators: Validators
) -> None:
    """P3: its last second still counts."""
    fact = RestartFact(lane.origin, lane.destination, 9)
    arguments: tuple[Any, ...] = (paper.attest(fact.leaf), lane.origin, 9, [])
    expires = validators.set.expires
    refusal = error("ValidatorSetExpired", 1, expires)
    assert gateway.revert("followRestart", *arguments, sender=relayer, at=expires + 1) == refusal
    gateway.send("followRestart", *arguments, sender=relayer, at=expires)
    assert gateway.view("inboxLane", lane.origin)[0] == 9


@pytest.fixture
def abandoned(
    arcade: Stack,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    sender: str,
    validators: Validators,
) -> tuple[Message, Message]:
    """A failed and an expired message, something to claim, and a set that expired a second ago."""
    failed, expired = append(), append(deliver_before=1)
    arcade.recipient.send("setBehaviour", Behaviour.REVERT, sender=sender)
    paper.deliver(lane)
    arcade.recipient.send("setBehaviour", Behaviour.ACCEPT, sender=sender)
    arcade.chain.rpc("evm_setNextBlockTimestamp", [hex(validators.set.expires + 1)])
    arcade.chain.rpc("evm_mine")
    return failed, expired


def test_retries_without_a_valid_set(
    gateway: Contract, abandoned: tuple[Message, Message], relayer: str
) -> None:
    failed, _ = abandoned
    gateway.send("retry", failed.origin, failed.nonce, failed.fields, sender=relayer)
    assert gateway.view("messageStatus", failed.id) == (Status.NONE, 0)


def test_returns_without_a_valid_set(
    gateway: Contract, abandoned: tuple[Message, Message], relayer: str
) -> None:
    _, expired = abandoned
    gateway.send("returnToSender", expired.origin, expired.nonce, expired.fields, sender=relayer)
    assert gateway.view("messageStatus", expired.id) == (Status.EXPIRED, 1)


def test_claims_without_a_valid_set(
    gateway: Contract, abandoned: tuple[Message, Message], lane: PaperLane, relayer: str
) -> None:
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    assert receipt.named("ClaimSent") == [(lane.origin, relayer, 10**9, 1)]


# While messages are delivered


def test_a_recipient_may_bring_the_next_set(
    arcade: Stack,
    gateway: Contract,
    handover: Callable[..., tuple[Any, ...]],
    following: Callable[..., Validators],
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    sender: str,
) -> None:
    """What was attested at the beginning of the transaction is delivered to its end; then the next set counts."""
    after = following()
    arguments = handover(after)
    arcade.recipient.send("setCall", gateway.address, gateway.encode("rotate", *arguments), sender=sender)
    bringing, behind = (
        append(gas_limit=1_000_000),
        lane.append_notice(gateway.address, gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0)),
    )
    receipt = paper.deliver(lane)
    assert [id_ for id_, _, _ in receipt.named("MessageDelivered")] == [bringing.id, behind.id]
    assert gateway.view("validatorSetHash") == after.set.hash
    assert paper.refusal(lane) == error("UnknownValidatorSet", paper.validators.set.hash, after.set.hash)
