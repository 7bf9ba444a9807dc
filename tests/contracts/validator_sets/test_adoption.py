"""Adoption: the hub's gateway installs what its staking contract published last, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import SetFact
from tests.kit.chains import BoundChain
from tests.kit.collecting import MIN_OWN, Collecting
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, call, deploy, error, init_code, now
from tests.kit.founding import Founding
from tests.kit.paper import DAY, Validators
from tests.kit.roles import BENEFICIARY, DEPOSITOR, PAUPER, SENDER
from tests.kit.stack import Stack

LIFETIME = 30 * DAY
OPERATORS = (BENEFICIARY, DEPOSITOR, PAUPER, SENDER)
NOBODY = "0x00000000000000000000000000000000000Face7"


@pytest.fixture
def network_id(hub: Stack) -> int:
    return hub.chain.chain_id


@pytest.fixture
def source(hub: Stack, deployer: str) -> Contract:
    """Publishes what it is told to, also what Staking never would."""
    return deploy(hub.chain, "ScriptedSets", sender=deployer)


@pytest.fixture
def gateway(hub: Stack, founding: Founding, source: Contract, network_id: int, deployer: str) -> Contract:
    """The gateway of a hub, which starts from the validators' set."""
    annex = deploy(hub.chain, "Annex", network_id, source.address, sender=deployer)
    return founding.deploy(annex=annex.address)


@pytest.fixture
def following(validators: Validators) -> Callable[..., Validators]:
    def following(version: int = 2, longer: int = 3_600, count: int = 4) -> Validators:
        expires = validators.set.expires + longer
        return Validators([1] * count, expires, version=version, name=f"validator of set {version}")

    return following


@pytest.fixture
def publish(source: Contract, deployer: str) -> Callable[[Validators], Validators]:
    def publish(made: Validators) -> Validators:
        source.send("publish", made.set.version, made.set.hash, sender=deployer)
        return made

    return publish


def handover(gateway: Contract, network_id: int, by: Validators, to: Validators) -> tuple[Any, ...]:
    """Arguments of `rotate`, signed by all of a set."""
    fact = SetFact(to.set.version, to.set.hash)
    return by.sign(network_id, gateway.address, fact.leaf).fields, to.argument, []


# Adopting


def test_installs_the_newest_set(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    attacker: str,
) -> None:
    """S9: without a signature, and whoever calls."""
    newest = publish(following())
    receipt = gateway.send("adopt", newest.argument, sender=attacker)
    expected = (2, newest.set.expires, newest.set.hash, tuple(newest.set.words))
    assert receipt.named("ValidatorSetInstalled") == [expected]
    assert len(receipt.events) == 1
    assert gateway.view("validatorSetHash") == newest.set.hash


def test_only_the_adopted_set_signs_from_then_on(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    validators: Validators,
    network_id: int,
    relayer: str,
) -> None:
    newest = publish(following())

    def signed(by: Validators) -> tuple[Any, ...]:
        return by.sign(network_id, gateway.address, bytes(32)).fields, []

    gateway.send("deliver", *signed(validators), sender=relayer)
    refusal = gateway.revert("deliver", *signed(newest), sender=relayer)
    assert refusal == error("UnknownValidatorSet", newest.set.hash, validators.set.hash)
    gateway.send("adopt", newest.argument, sender=relayer)
    gateway.send("deliver", *signed(newest), sender=relayer)
    refusal = gateway.revert("deliver", *signed(validators), sender=relayer)
    assert refusal == error("UnknownValidatorSet", validators.set.hash, newest.set.hash)


@pytest.mark.parametrize("version", [2**16 + 1, 2**16 + 2, 2**40, 2**64 - 1])
def test_skips_any_number_of_versions(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    relayer: str,
    version: int,
) -> None:
    """No quorum says which version it is: there is nothing that one could exhaust."""
    newest = publish(following(version))
    gateway.send("adopt", newest.argument, sender=relayer)
    assert gateway.view("validatorSetHash") == newest.set.hash


@pytest.mark.parametrize("days", [0, 7, 15, 400])
def test_a_set_that_expired_is_no_obstacle(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    validators: Validators,
    relayer: str,
    days: int,
) -> None:
    """The hub never needs a recovery: after any time, what was published last is adopted."""
    newest = publish(following(longer=days * DAY + 10 * DAY))
    at = validators.set.expires + days * DAY + 1
    gateway.send("adopt", newest.argument, sender=relayer, at=at)
    assert gateway.view("validatorSetHash") == newest.set.hash


def test_the_set_from_the_beginning_may_expire_later(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    relayer: str,
) -> None:
    """Only what is published counts, whatever was installed before."""
    newest = publish(following(longer=-10 * DAY))
    gateway.send("adopt", newest.argument, sender=relayer)
    assert gateway.view("validatorSetHash") == newest.set.hash


# What is not adopted


def test_refuses_every_set_but_the_newest(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    validators: Validators,
    relayer: str,
) -> None:
    """S9: neither one before it, adopted or not, nor one that was never published, nor its words with another head."""
    older, newest = publish(following(2)), publish(following(3))
    words, version, expires = newest.set.words, newest.set.version, newest.set.expires
    others = [
        older.set,
        validators.set,
        following(4).set,
        ValidatorSet(version + 1, expires, newest.set.members),
        ValidatorSet(version, expires + 1, newest.set.members),
        ValidatorSet(version, expires, older.set.members),
    ]
    for adopted in (False, True):
        for other in others:
            argument = (other.version, other.expires, other.words)
            refusal = gateway.revert("adopt", argument, sender=relayer)
            assert refusal == error("SetNotNewest", other.hash, newest.set.hash)
        if not adopted:
            gateway.send("adopt", (version, expires, words), sender=relayer)


def test_refuses_the_set_that_is_installed(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    relayer: str,
) -> None:
    newest = publish(following())
    gateway.send("adopt", newest.argument, sender=relayer)
    same = (newest.set.version, newest.set.expires)
    refusal = gateway.revert("adopt", newest.argument, sender=relayer)
    assert refusal == error("SetNotNewer", *same, *same)


def test_nothing_is_adopted_before_anything_is_published(
    gateway: Contract, following: Callable[..., Validators], validators: Validators, relayer: str
) -> None:
    """M1: the hash of what is not there is no set's."""
    for one in (following(), validators, following(0, count=0)):
        refusal = gateway.revert("adopt", one.argument, sender=relayer)
        assert refusal == error("SetNotNewest", one.set.hash, bytes(32))


def test_refuses_a_newest_set_that_has_expired(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    relayer: str,
) -> None:
    newest = publish(following())
    last = newest.set.expires
    refusal = gateway.revert("adopt", newest.argument, sender=relayer, at=last + 1)
    assert refusal == error("ValidatorSetExpired", 2, last)
    gateway.send("adopt", newest.argument, sender=relayer, at=last)


def test_refuses_a_set_that_lives_too_long(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    relayer: str,
) -> None:
    """S10: whoever published it."""
    newest = publish(following(longer=100 * DAY))
    earliest = newest.set.expires - LIFETIME
    refusal = gateway.revert("adopt", newest.argument, sender=relayer, at=earliest - 1)
    assert refusal == error("SetLivesTooLong", newest.set.expires, newest.set.expires - 1)
    gateway.send("adopt", newest.argument, sender=relayer, at=earliest)


def test_refuses_what_is_no_set(
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    relayer: str,
) -> None:
    """M4: whoever published it."""
    newest = publish(following(count=3))
    refusal = gateway.revert("adopt", newest.argument, sender=relayer)
    assert refusal == error("InvalidValidatorCount", 3)


# What else would change the set of the hub


@pytest.mark.parametrize("late", [0, 1, 8 * DAY, 40 * DAY])
def test_nothing_else_changes_the_set_of_the_hub(
    gateway: Contract,
    source: Contract,
    following: Callable[..., Validators],
    validators: Validators,
    network_id: int,
    attacker: str,
    recovery: str,
    owner: str,
    late: int,
) -> None:
    """S9: neither a quorum nor the recovery, before the set expires or at any time after it."""
    refusal = error("SetsAreAdopted", source.address)
    after = following(longer=60 * DAY)
    at = validators.set.expires + late
    for account in (attacker, recovery, owner):
        arguments = handover(gateway, network_id, validators, after)
        assert gateway.revert("rotate", *arguments, sender=account, at=at) == refusal
        announcement = (validators.argument, after.argument)
        assert gateway.revert("announceSet", *announcement, sender=account, at=at) == refusal
        assert gateway.revert("installAnnounced", after.argument, sender=account, at=at) == refusal


def test_what_is_published_is_not_rotated_to_either(
    gateway: Contract,
    source: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    validators: Validators,
    network_id: int,
    relayer: str,
) -> None:
    newest = publish(following())
    arguments = handover(gateway, network_id, validators, newest)
    assert gateway.revert("rotate", *arguments, sender=relayer) == error("SetsAreAdopted", source.address)


# Where there is nothing to adopt


@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_without_a_staking_contract_nothing_is_adopted(
    stacks: dict[str, Stack],
    validators: Validators,
    following: Callable[..., Validators],
    relayer: str,
    recovery: str,
    name: str,
) -> None:
    """Nor what is installed already, nor by the recovery."""
    for one in (following(), validators):
        for account in (relayer, recovery):
            refusal = stacks[name].gateway.revert("adopt", one.argument, sender=account)
            assert refusal == error("NothingToAdopt")


def test_only_the_hub_has_a_staking_contract(
    chains: dict[str, BoundChain], network_id: int, source: Contract, deployer: str
) -> None:
    """A spoke that had one could never rotate."""
    elsewhere = call(chains["arcade"], None, init_code("Annex", network_id, source.address), sender=deployer)
    assert elsewhere == error("StakingNotHere", source.address)
    for name, staking in (("arcade", ZERO_ADDRESS), ("hub", ZERO_ADDRESS), ("hub", source.address)):
        code = init_code("Annex", network_id, staking)
        assert isinstance(call(chains[name], None, code, sender=deployer), bytes)


def test_a_staking_contract_that_is_not_there_yet_is_no_way_around_it(
    hub: Stack,
    founding: Founding,
    network_id: int,
    deployer: str,
    relayer: str,
    validators: Validators,
    following: Callable[..., Validators],
) -> None:
    """M8: no code publishes nothing."""
    annex = deploy(hub.chain, "Annex", network_id, NOBODY, sender=deployer)
    gateway = founding.deploy(annex=annex.address)
    assert gateway.revert("adopt", following().argument, sender=relayer) == error("FailedCall")
    arguments = handover(gateway, network_id, validators, following())
    assert gateway.revert("rotate", *arguments, sender=relayer) == error("SetsAreAdopted", NOBODY)


def test_at_its_own_address_the_annex_moves_no_gateway(
    hub: Stack,
    gateway: Contract,
    publish: Callable[[Validators], Validators],
    following: Callable[..., Validators],
    validators: Validators,
    attacker: str,
) -> None:
    newest = publish(following())
    annex = Contract(hub.chain, "Annex", gateway.view("ANNEX"))
    annex.send("adopt", newest.argument, sender=attacker)
    assert gateway.view("validatorSetHash") == validators.set.hash


# With Staking


def published(receipt: Receipt) -> tuple[int, int, list[bytes]]:
    """The set that a snapshot published."""
    ((version, expires, _, words),) = receipt.named("SetPublished")
    return version, expires, list(words)


def test_adopts_what_staking_published(collecting: Collecting, attacker: str, relayer: str) -> None:
    """S9: the newest snapshot; one that nobody adopted is skipped, and cannot be adopted any more."""
    staking, gateway = collecting.staking, collecting.stacks["hub"].gateway
    for operator in OPERATORS:
        collecting.seat(operator.address, f"validator of {operator.alias}")
    first = published(staking.send("snapshot", sender=attacker))
    assert {int.from_bytes(word[20:], "big") for word in first[2]} == {MIN_OWN}
    receipt = gateway.send("adopt", first, sender=relayer)
    assert receipt.named("ValidatorSetInstalled")[0][2] == staking.view("setHash", 1)

    chain = gateway.chain
    second = published(staking.send("snapshot", sender=attacker, at=now(chain) + 3 * DAY))
    third = published(staking.send("snapshot", sender=attacker, at=now(chain) + 3 * DAY))
    refusal = gateway.revert("adopt", second, sender=relayer)
    assert refusal == error("SetNotNewest", staking.view("setHash", 2), staking.view("setHash", 3))
    gateway.send("adopt", third, sender=relayer)
    assert gateway.view("validatorSetHash") == staking.view("setHash", 3)


def test_the_spokes_of_that_network_adopt_nothing(collecting: Collecting, relayer: str) -> None:
    gateway = collecting.stacks["arcade"].gateway
    refusal = gateway.revert("adopt", (1, 2, []), sender=relayer)
    assert refusal == error("NothingToAdopt")
