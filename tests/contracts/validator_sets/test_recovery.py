"""Recovery: a set that nobody signed, after the installed one expired; announced, and installed a week later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from metalayer.protocol.facts import SetFact
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, Revert, error
from tests.kit.paper import DAY, Validators
from tests.kit.stack import Stack

GRACE = 7 * DAY
RECOVERY_DELAY = 14 * DAY
ANNOUNCEMENT_DELAY = 7 * DAY
NOTHING = (bytes(32), 0)


@pytest.fixture
def gateway(arcade: Stack) -> Contract:
    return arcade.gateway


@pytest.fixture
def earliest(validators: Validators) -> int:
    """The first second in which a set may be announced."""
    return validators.set.expires + RECOVERY_DELAY + 1


@pytest.fixture
def saved(validators: Validators) -> Callable[..., Validators]:
    """A set for the time after."""

    def saved(
        weights: Sequence[int] = (1, 1, 1, 1), version: int = 2, longer: int = 40 * DAY, name: str = "saved"
    ) -> Validators:
        return Validators(weights, validators.set.expires + longer, version=version, name=name)

    return saved


@pytest.fixture
def announce(gateway: Contract, recovery: str, validators: Validators) -> Callable[..., Receipt]:
    def announce(to: Validators, at: int) -> Receipt:
        return gateway.send("announceSet", validators.argument, to.argument, sender=recovery, at=at)

    return announce


@pytest.fixture
def refusal(gateway: Contract, recovery: str, validators: Validators) -> Callable[..., Revert]:
    """Why a set is not announced."""

    def refusal(
        to: Validators, at: int, caller: str = recovery, installed: Validators = validators
    ) -> Revert:
        return gateway.revert("announceSet", installed.argument, to.argument, sender=caller, at=at)

    return refusal


def test_announces_and_installs_to_the_second(
    gateway: Contract,
    announce: Callable[..., Receipt],
    refusal: Callable[..., Revert],
    saved: Callable[..., Validators],
    earliest: int,
    attacker: str,
) -> None:
    """14 days after the expiry, and 7 days later; anyone installs."""
    after = saved()
    assert refusal(after, earliest - 1) == error("RecoveryTooEarly", earliest - 1)
    receipt = announce(after, earliest)
    from_ = earliest + ANNOUNCEMENT_DELAY
    assert receipt.named("SetAnnounced") == [(2, after.set.hash, from_)]
    assert len(receipt.events) == 1
    assert gateway.view("announcedSet") == (after.set.hash, from_)
    install = ("installAnnounced", after.argument)
    assert gateway.revert(*install, sender=attacker, at=from_ - 1) == error("RecoveryTooEarly", from_)
    receipt = gateway.send(*install, sender=attacker, at=from_)
    assert receipt.named("ValidatorSetInstalled") == [
        (2, after.set.expires, after.set.hash, tuple(after.set.words))
    ]
    assert gateway.view("validatorSetHash") == after.set.hash
    assert gateway.view("announcedSet") == NOTHING
    refused = gateway.revert(*install, sender=attacker, at=from_ + 1)
    assert refused == error("SetNotAnnounced", after.set.hash, bytes(32))


def test_the_saved_set_signs_and_rotates(
    gateway: Contract,
    hub: Stack,
    announce: Callable[..., Receipt],
    saved: Callable[..., Validators],
    earliest: int,
    relayer: str,
) -> None:
    """All goes on as after a rotation."""
    after = saved()
    announce(after, earliest)
    gateway.send("installAnnounced", after.argument, sender=relayer, at=earliest + ANNOUNCEMENT_DELAY)
    third = saved(version=3, longer=41 * DAY)
    fact = SetFact(3, third.set.hash)
    attestation = after.sign(hub.chain.chain_id, gateway.address, fact.leaf).fields
    gateway.send("rotate", attestation, third.argument, [], sender=relayer)
    assert gateway.view("validatorSetHash") == third.set.hash


@pytest.mark.parametrize("caller", ["owner", "guardian", "attacker", "deployer", "relayer"])
def test_refuses_an_announcement_by_others(
    refusal: Callable[..., Revert],
    saved: Callable[..., Validators],
    earliest: int,
    caller: str,
    request: pytest.FixtureRequest,
) -> None:
    """M5."""
    account = request.getfixturevalue(caller)
    assert refusal(saved(), earliest, account) == error("NotRecovery", account)


def test_a_former_recovery_announces_nothing(
    gateway: Contract,
    owner: str,
    recovery: str,
    successor: str,
    refusal: Callable[..., Revert],
    saved: Callable[..., Validators],
    validators: Validators,
    earliest: int,
) -> None:
    gateway.send("setRecovery", successor, sender=owner)
    assert refusal(saved(), earliest, recovery) == error("NotRecovery", recovery)
    gateway.send("announceSet", validators.argument, saved().argument, sender=successor, at=earliest)


def test_without_recovery_nobody_announces(
    gateway: Contract,
    owner: str,
    refusal: Callable[..., Revert],
    saved: Callable[..., Validators],
    earliest: int,
) -> None:
    gateway.send("setRecovery", ZERO_ADDRESS, sender=owner)
    assert refusal(saved(), earliest, owner) == error("NotRecovery", owner)


@pytest.mark.parametrize("days", [-20, -1, 0, 7, 13])
def test_refuses_an_announcement_too_early(
    refusal: Callable[..., Revert],
    saved: Callable[..., Validators],
    validators: Validators,
    earliest: int,
    days: int,
) -> None:
    """While the set lives, in its grace, and for a week more: its validators come first."""
    at = validators.set.expires + days * DAY
    assert refusal(saved(), at) == error("RecoveryTooEarly", earliest - 1)


def test_refuses_to_announce_after_another_set_than_the_installed(
    refusal: Callable[..., Revert], saved: Callable[..., Validators], validators: Validators, earliest: int
) -> None:
    """M2: nobody moves the time by naming another one, which has expired earlier."""
    other = Validators([1] * 5, expires=validators.set.expires - 100 * DAY)
    expected = error("UnknownValidatorSet", other.set.hash, validators.set.hash)
    assert refusal(saved(), earliest - 10, installed=other) == expected


@pytest.mark.parametrize("version", [0, 1, 2 + 2**16, 2**64 - 1])
def test_refuses_to_announce_a_version_that_does_not_follow(
    refusal: Callable[..., Revert],
    saved: Callable[..., Validators],
    validators: Validators,
    earliest: int,
    version: int,
) -> None:
    """As at a rotation."""
    after = saved(version=version)
    expires = validators.set.expires
    expected = (
        error("SetNotNewer", version, after.set.expires, 1, expires)
        if version < 2
        else error("VersionTooHigh", version, 1)
    )
    assert refusal(after, earliest) == expected


def test_refuses_to_announce_an_earlier_expiry(
    refusal: Callable[..., Revert], saved: Callable[..., Validators], validators: Validators, earliest: int
) -> None:
    after = saved(longer=0)
    expires = validators.set.expires
    assert refusal(after, earliest) == error("SetNotNewer", 2, expires, 1, expires)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param({"weights": (1, 1, 1)}, ("InvalidValidatorCount", 3), id="three"),
        pytest.param({"weights": (1, 1, 1, 9)}, ("InvalidWeight", 3, 9, 12), id="whale"),
    ],
)
def test_an_invalid_set_is_never_installed(
    gateway: Contract,
    announce: Callable[..., Receipt],
    saved: Callable[..., Validators],
    validators: Validators,
    earliest: int,
    attacker: str,
    change: dict[str, Any],
    refusal: tuple[Any, ...],
) -> None:
    """M4, M9: and another one can be announced."""
    invalid = saved(**change)
    announce(invalid, earliest)
    at = earliest + ANNOUNCEMENT_DELAY
    assert gateway.revert("installAnnounced", invalid.argument, sender=attacker, at=at) == error(*refusal)
    assert gateway.view("validatorSetHash") == validators.set.hash
    announce(saved(), at)


def test_the_set_to_install_must_not_live_too_long_or_have_expired(
    gateway: Contract,
    announce: Callable[..., Receipt],
    saved: Callable[..., Validators],
    earliest: int,
    attacker: str,
) -> None:
    """30 days from its installation, not from its announcement."""
    after = saved(longer=60 * DAY)
    announce(after, earliest)
    install = ("installAnnounced", after.argument)
    at = after.set.expires - 30 * DAY
    assert at > earliest + ANNOUNCEMENT_DELAY
    refusal = error("SetLivesTooLong", after.set.expires, after.set.expires - 1)
    assert gateway.revert(*install, sender=attacker, at=at - 1) == refusal
    expired = error("ValidatorSetExpired", 2, after.set.expires)
    assert gateway.revert(*install, sender=attacker, at=after.set.expires + 1) == expired
    gateway.send(*install, sender=attacker, at=at)


def test_installs_nothing_but_what_was_announced(
    gateway: Contract,
    announce: Callable[..., Receipt],
    saved: Callable[..., Validators],
    validators: Validators,
    earliest: int,
    recovery: str,
) -> None:
    """M2: nor anything before an announcement."""
    after, other = saved(), saved(name="other")
    install = ("installAnnounced", other.argument)
    at = earliest + ANNOUNCEMENT_DELAY
    refusal = error("SetNotAnnounced", other.set.hash, bytes(32))
    assert gateway.revert(*install, sender=recovery, at=at) == refusal
    announce(after, earliest)
    refusal = error("SetNotAnnounced", other.set.hash, after.set.hash)
    assert gateway.revert(*install, sender=recovery, at=at) == refusal


def test_another_announcement_replaces_the_first_and_waits_anew(
    gateway: Contract,
    announce: Callable[..., Receipt],
    saved: Callable[..., Validators],
    earliest: int,
    attacker: str,
) -> None:
    """Also of the same set: whoever watches has the whole week."""
    first, second = saved(), saved(name="other")
    announce(first, earliest)
    announce(second, earliest + ANNOUNCEMENT_DELAY - 1)
    from_ = earliest + 2 * ANNOUNCEMENT_DELAY - 1
    assert gateway.view("announcedSet") == (second.set.hash, from_)
    refusal = error("SetNotAnnounced", first.set.hash, second.set.hash)
    assert gateway.revert("installAnnounced", first.argument, sender=attacker, at=from_) == refusal
    refusal = error("RecoveryTooEarly", from_)
    assert gateway.revert("installAnnounced", second.argument, sender=attacker, at=from_ - 1) == refusal
    gateway.send("installAnnounced", second.argument, sender=attacker, at=from_)


def test_a_rotation_ends_an_announcement(
    gateway: Contract,
    hub: Stack,
    announce: Callable[..., Receipt],
    saved: Callable[..., Validators],
    validators: Validators,
    earliest: int,
    recovery: str,
    attacker: str,
) -> None:
    """Signatures come before what nobody signed, up to the last moment."""
    after, signed = saved(), saved(longer=39 * DAY, name="signed")
    announce(after, earliest)
    fact = SetFact(2, signed.set.hash)
    attestation = validators.sign(hub.chain.chain_id, gateway.address, fact.leaf).fields
    at = earliest + ANNOUNCEMENT_DELAY
    gateway.send("rotate", attestation, signed.argument, [], sender=recovery, at=at)
    assert gateway.view("announcedSet") == NOTHING
    refusal = error("SetNotAnnounced", after.set.hash, bytes(32))
    assert gateway.revert("installAnnounced", after.argument, sender=attacker) == refusal
    assert gateway.view("validatorSetHash") == signed.set.hash


def test_what_a_dismissed_recovery_announced_is_void(
    gateway: Contract,
    owner: str,
    announce: Callable[..., Receipt],
    saved: Callable[..., Validators],
    earliest: int,
    attacker: str,
    successor: str,
    validators: Validators,
) -> None:
    """The next one announces another."""
    after, other = saved(), saved(name="other")
    announce(after, earliest)
    gateway.send("setRecovery", successor, sender=owner)
    assert gateway.view("announcedSet") == (bytes(32), 0)
    gateway.send("announceSet", validators.argument, other.argument, sender=successor)
    refusal = error("SetNotAnnounced", after.set.hash, other.set.hash)
    at = earliest + 2 * ANNOUNCEMENT_DELAY
    assert gateway.revert("installAnnounced", after.argument, sender=attacker, at=at) == refusal


def test_a_lie_does_not_shut_out_what_the_hub_publishes(
    gateway: Contract,
    hub: Stack,
    validators: Validators,
    recovery: str,
    relayer: str,
) -> None:
    """A quorum lied once, and skipped as many versions as it may. When its set has run out, the newest follows."""
    step = 2**16
    false = Validators([1] * 4, validators.set.expires + 1, version=1 + step, name="false")
    attestation = validators.sign(
        hub.chain.chain_id, gateway.address, SetFact(1 + step, false.set.hash).leaf
    ).fields
    gateway.send("rotate", attestation, false.argument, [], sender=relayer)
    at = false.set.expires + RECOVERY_DELAY + 1
    # One set in three days.
    newest = Validators([1] * 4, at + 10 * DAY, version=20, name="newest")
    gateway.send("announceSet", false.argument, newest.argument, sender=recovery, at=at)
    gateway.send("installAnnounced", newest.argument, sender=relayer, at=at + ANNOUNCEMENT_DELAY)
