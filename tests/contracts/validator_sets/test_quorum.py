"""Attestations: which validator sets may be installed, and which signatures move anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from eth_account.messages import encode_defunct
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from metalayer.protocol.attestation import Domain, ValidatorSet, compact
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, call, error, now, transact
from tests.kit.founding import Founding
from tests.kit.paper import DAY, Validators, keys
from tests.kit.signatures import DEFECTS
from tests.kit.stack import Stack

ROOT = keccak(text="root")


@pytest.fixture
def gateway(arcade: Stack) -> Contract:
    return arcade.gateway


@pytest.fixture
def network_id(hub: Stack) -> int:
    return hub.chain.chain_id


@pytest.fixture
def founding(founding: Founding, arcade: Stack) -> Founding:
    """A gateway on arcade."""
    return replace(founding, chain=arcade.chain)


@pytest.fixture
def install(arcade: Stack, founding: Founding, deployer: str) -> Callable[..., bytes | Revert]:
    """Deploys a gateway with a set; gives its revert if it refuses."""

    def install(
        words: Sequence[bytes], expires: int | None = None, version: int = 1, at: int | None = None
    ) -> bytes | Revert:
        expires = now(arcade.chain) + DAY if expires is None else expires
        code = founding.code(validator_set=(version, expires, words))
        return call(arcade.chain, None, code, sender=deployer, at=at)

    return install


@pytest.fixture
def gateway_of(founding: Founding) -> Callable[..., Contract]:
    """Deploys a gateway with these validators."""

    def gateway_of(validators: Validators) -> Contract:
        return founding.deploy(validator_set=validators.argument)

    return gateway_of


@pytest.fixture
def attest(gateway: Contract, network_id: int, validators: Validators) -> Callable[..., tuple[Any, ...]]:
    """The fields of an attestation by validators at these positions."""

    def attest(positions: Sequence[int] | None = None, root: bytes = ROOT) -> tuple[Any, ...]:
        return validators.sign(network_id, gateway.address, root, positions).fields

    return attest


@pytest.fixture
def check(gateway: Contract, relayer: str) -> Callable[..., bytes | Revert]:
    """Shows an attestation without batches: nothing but the attestation is checked."""

    def check(attestation: tuple[Any, ...], at: int | None = None) -> bytes | Revert:
        data = gateway.encode("deliver", attestation, [])
        return call(gateway.chain, gateway.address, data, sender=relayer, at=at)

    return check


def word(signer: str, weight: int) -> bytes:
    return to_canonical_address(signer) + weight.to_bytes(12, "big")


def words(weights: Sequence[int]) -> list[bytes]:
    return [word(key.address, weight) for key, weight in zip(keys(len(weights)), weights, strict=True)]


ACCEPTED = b""

# Sets


def test_the_domain_is_one_on_every_chain(stacks: dict[str, Stack], network_id: int) -> None:
    """M17: the EIP-712 domain separator under which validators sign: the hub's chain id, the gateway's address."""
    for stack in stacks.values():
        expected = Domain(network_id, stack.gateway.address).signable(ROOT).header
        assert stack.gateway.view("domainSeparator") == expected


@pytest.mark.parametrize("count", [4, 5, 31, 32])
def test_accepts_4_to_32_validators(install: Callable[..., bytes | Revert], count: int) -> None:
    assert isinstance(install(words([1] * count)), bytes)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 33, 40])
def test_refuses_other_numbers_of_validators(install: Callable[..., bytes | Revert], count: int) -> None:
    """M4, M9: neither an empty set nor a 1-of-1."""
    assert install(words([1] * count)) == error("InvalidValidatorCount", count)


def test_emits_the_set(arcade: Stack, founding: Founding, deployer: str) -> None:
    validators = Validators([3, 3, 3, 2], expires=now(arcade.chain) + DAY, version=7)
    code = founding.code(validator_set=validators.argument)
    receipt = transact(arcade.chain, None, code, deployer)
    expected = (7, validators.set.expires, validators.set.hash, tuple(validators.set.words))
    assert receipt.named("ValidatorSetInstalled") == [expected]


def test_accepts_a_set_that_lives_for_thirty_days(
    arcade: Stack, install: Callable[..., bytes | Revert]
) -> None:
    """To the second, at deployment, too."""
    at = now(arcade.chain) + 100
    assert isinstance(install(words([1] * 4), expires=at + 30 * DAY, at=at), bytes)
    for expires in (at + 30 * DAY + 1, 2**64 - 1):
        refusal = error("SetLivesTooLong", expires, at + 30 * DAY)
        assert install(words([1] * 4), expires=expires, at=at) == refusal


def test_refuses_a_repeated_signer(install: Callable[..., bytes | Revert]) -> None:
    """M17: nobody signs twice."""
    good = words([1] * 5)
    refusal = error("InvalidSigner", 2, keys(5)[1].address)
    assert install([good[0], good[1], good[1], good[3], good[4]]) == refusal


def test_refuses_a_repeated_signer_of_another_weight(install: Callable[..., bytes | Revert]) -> None:
    signer = keys(5)[1].address
    good = words([1] * 5)
    refusal = error("InvalidSigner", 2, signer)
    assert install([good[0], word(signer, 1), word(signer, 2), good[3], good[4]]) == refusal


def test_refuses_descending_signers(install: Callable[..., bytes | Revert]) -> None:
    """M17."""
    good = words([1] * 4)
    assert install([good[0], good[2], good[1], good[3]]) == error("InvalidSigner", 2, keys(4)[1].address)


def test_refuses_the_zero_signer(install: Callable[..., bytes | Revert]) -> None:
    """M1: the zero address, which a failed recovery gives, is nobody's."""
    refusal = error("InvalidSigner", 0, ZERO_ADDRESS)
    assert install([word(ZERO_ADDRESS, 1), *words([1] * 4)]) == refusal


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param([1, 1, 1, 1], id="equal"),
        pytest.param([33, 33, 33, 1], id="just-under-a-third"),
        pytest.param([2**96 - 1] * 4, id="largest"),
        pytest.param([1, 2, 3, 4, 4], id="ascending"),
    ],
)
def test_accepts_weights_under_a_third(install: Callable[..., bytes | Revert], weights: list[int]) -> None:
    assert isinstance(install(words(weights)), bytes)


@pytest.mark.parametrize(
    ("weights", "position"),
    [
        pytest.param([2, 1, 1, 1], 0, id="two-of-five"),
        pytest.param([2, 2, 1, 1], 0, id="exactly-a-third"),
        pytest.param([1, 1, 1, 2], 3, id="last"),
        pytest.param([1, 1, 0, 1, 1], 2, id="zero"),
        pytest.param([334, 333, 332, 1], 0, id="one-over"),
        pytest.param([0, 0, 0, 0], 0, id="all-zero"),
        pytest.param([2**96 - 1, 1, 1, 1], 0, id="whale"),
    ],
)
def test_refuses_weights(install: Callable[..., bytes | Revert], weights: list[int], position: int) -> None:
    """M5, M9: nobody alone reaches or blocks a quorum, and nobody counts for nothing."""
    refusal = error("InvalidWeight", position, weights[position], sum(weights))
    assert install(words(weights)) == refusal


def test_installs_a_set_in_its_last_second(arcade: Stack, install: Callable[..., bytes | Revert]) -> None:
    at = now(arcade.chain) + 100
    assert isinstance(install(words([1] * 4), expires=at, at=at), bytes)


def test_refuses_to_install_an_expired_set(arcade: Stack, install: Callable[..., bytes | Revert]) -> None:
    at = now(arcade.chain) + 100
    refusal = error("ValidatorSetExpired", 3, at)
    assert install(words([1] * 4), expires=at, version=3, at=at + 1) == refusal


# The installed set, and its time


def test_accepts_the_installed_set(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]]
) -> None:
    assert check(attest()) == ACCEPTED


def test_refuses_a_set_that_the_caller_brings(
    check: Callable[..., bytes | Revert], gateway: Contract, network_id: int, validators: Validators
) -> None:
    """M2: valid in itself, signed by all its members, but not the registered one."""
    own = Validators([1] * 5, expires=validators.set.expires, name="attacker")
    attestation = own.sign(network_id, gateway.address, ROOT).fields
    assert check(attestation) == error("UnknownValidatorSet", own.set.hash, validators.set.hash)


def test_refuses_an_empty_set(check: Callable[..., bytes | Revert], validators: Validators) -> None:
    """M1, M4: no threshold of zero."""
    empty = ValidatorSet(0, 0, ())
    refusal = error("UnknownValidatorSet", empty.hash, validators.set.hash)
    assert check((ROOT, (0, 0, []), 0, [])) == refusal


def test_set_hash_is_never_zero(stacks: dict[str, Stack], validators: Validators) -> None:
    """M1."""
    for stack in stacks.values():
        assert stack.gateway.view("validatorSetHash") == validators.set.hash != bytes(32)


@pytest.mark.parametrize("change", ["version", "expires", "weight", "order", "fewer", "more"])
def test_refuses_the_installed_set_with_a_change(
    check: Callable[..., bytes | Revert],
    attest: Callable[..., tuple[Any, ...]],
    validators: Validators,
    change: str,
) -> None:
    """M2: every part of the set is under its hash."""
    installed = validators.set
    version, expires, members = installed.version, installed.expires, installed.members
    changed = {
        "version": ValidatorSet(version + 1, expires, members),
        "expires": ValidatorSet(version, expires + 1, members),
        "weight": ValidatorSet(version, expires, ((members[0][0], 2), *members[1:])),
        "order": ValidatorSet(version, expires, (members[1], members[0], *members[2:])),
        "fewer": ValidatorSet(version, expires, members[:-1]),
        "more": ValidatorSet(version, expires, (*members, ("0x" + "ff" * 20, 1))),
    }[change]
    root, _, signers, signatures = attest()
    attestation = (root, (changed.version, changed.expires, changed.words), signers, signatures)
    assert check(attestation) == error("UnknownValidatorSet", changed.hash, installed.hash)


def test_counts_in_the_last_second_of_the_set(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], validators: Validators
) -> None:
    assert check(attest(), at=validators.set.expires) == ACCEPTED


def test_refuses_a_second_after_the_set_expired(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], validators: Validators
) -> None:
    """P3: an expired set moves nothing."""
    refusal = error("ValidatorSetExpired", validators.set.version, validators.set.expires)
    assert check(attest(), at=validators.set.expires + 1) == refusal


# Quorum


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param([1, 1, 1, 1], id="equal-4"),
        pytest.param([1, 1, 1, 1, 1, 1], id="exactly-two-thirds"),
        pytest.param([33, 33, 33, 1], id="one-tips-it"),
        pytest.param([30, 25, 20, 15, 10], id="all-different"),
        pytest.param([2**96 - 1, 2**96 - 1, 2**96 - 1, 1], id="largest"),
    ],
)
def test_quorum_is_strictly_more_than_two_thirds(
    gateway_of: Callable[..., Contract], founding: Founding, network_id: int, relayer: str, weights: list[int]
) -> None:
    """P3, M3: every subset of the set, by weight and not by number."""
    validators = Validators(weights, expires=now(founding.chain) + DAY)
    fresh, total = gateway_of(validators), sum(weights)
    for size in range(len(weights) + 1):
        for positions in combinations(range(len(weights)), size):
            attestation = validators.sign(network_id, fresh.address, ROOT, positions).fields
            signed = sum(weights[i] for i in positions)
            result = call(
                fresh.chain, fresh.address, fresh.encode("deliver", attestation, []), sender=relayer
            )
            expected = ACCEPTED if 3 * signed > 2 * total else error("QuorumNotReached", signed, total)
            assert result == expected, positions


def test_refuses_exactly_two_thirds(
    gateway_of: Callable[..., Contract], founding: Founding, network_id: int, relayer: str
) -> None:
    validators = Validators([1] * 6, expires=now(founding.chain) + DAY)
    fresh = gateway_of(validators)
    attestation = validators.sign(network_id, fresh.address, ROOT, range(4)).fields
    assert fresh.revert("deliver", attestation, [], sender=relayer) == error("QuorumNotReached", 4, 6)


def test_refuses_an_attestation_without_signatures(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]]
) -> None:
    """M1, M4."""
    assert check(attest([])) == error("QuorumNotReached", 0, 5)


def test_accepts_all_32_validators(
    gateway_of: Callable[..., Contract], founding: Founding, network_id: int, relayer: str
) -> None:
    validators = Validators(list(range(1, 33)), expires=now(founding.chain) + DAY)
    fresh = gateway_of(validators)
    attestation = validators.sign(network_id, fresh.address, ROOT).fields
    assert fresh.view("deliver", attestation, [], sender=relayer) == ()


# The bitmap


@pytest.mark.parametrize("bit", [5, 6, 31, 32, 255])
def test_refuses_a_bit_beyond_the_set(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], bit: int
) -> None:
    """M7: out-of-range index."""
    root, set_, signers, signatures = attest()
    signers |= 1 << bit
    assert check((root, set_, signers, signatures)) == error("SignersMismatch", signers, 5, 5)


def test_refuses_a_bit_beyond_the_set_with_a_signature(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]]
) -> None:
    """M17: one validator's signature again, for a place that does not exist."""
    root, set_, _, signatures = attest([0, 1, 2])
    signers = 0b100111
    refusal = error("SignersMismatch", signers, 5, 4)
    assert check((root, set_, signers, [*signatures, signatures[0]])) == refusal


def test_refuses_fewer_signatures_than_bits(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]]
) -> None:
    root, set_, signers, signatures = attest()
    refusal = error("SignersMismatch", signers, 5, 4)
    assert check((root, set_, signers, signatures[:-1])) == refusal


@pytest.mark.parametrize("extra", [1, 28])
def test_refuses_more_signatures_than_bits(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], extra: int
) -> None:
    """M7: nothing left over."""
    root, set_, signers, signatures = attest()
    refusal = error("SignersMismatch", signers, 5, 5 + extra)
    assert check((root, set_, signers, [*signatures, *[signatures[0]] * extra])) == refusal


def test_refuses_a_bit_for_who_did_not_sign(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], validators: Validators
) -> None:
    root, set_, _, signatures = attest([0, 1, 2, 3])
    refusal = error("InvalidSignature", 3, validators.keys[3].address)
    assert check((root, set_, 0b10111 | 0b01000, [*signatures[:3], signatures[0], signatures[3]])) == refusal


def test_refuses_bits_that_name_another_signer(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], validators: Validators
) -> None:
    root, set_, _, signatures = attest([0, 1, 2, 3])
    refusal = error("InvalidSignature", 4, validators.keys[4].address)
    assert check((root, set_, 0b10111, signatures)) == refusal


# Signatures


def test_refuses_signatures_out_of_order(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], validators: Validators
) -> None:
    """M17."""
    root, set_, signers, signatures = attest()
    swapped = [signatures[1], signatures[0], *signatures[2:]]
    refusal = error("InvalidSignature", 0, validators.keys[0].address)
    assert check((root, set_, signers, swapped)) == refusal


def test_refuses_a_signature_counted_twice(
    check: Callable[..., bytes | Revert], attest: Callable[..., tuple[Any, ...]], validators: Validators
) -> None:
    """M17."""
    root, set_, signers, signatures = attest()
    doubled = [signatures[0], signatures[0], *signatures[2:]]
    refusal = error("InvalidSignature", 1, validators.keys[1].address)
    assert check((root, set_, signers, doubled)) == refusal


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
@pytest.mark.parametrize("position", [0, 4], ids=["first", "last"])
def test_refuses_a_malformed_signature(
    check: Callable[..., bytes | Revert],
    attest: Callable[..., tuple[Any, ...]],
    validators: Validators,
    defect: Callable[..., Any],
    position: int,
) -> None:
    """M1, M17: also where the others would be a quorum without it."""
    root, set_, signers, signatures = attest()
    signatures = list(signatures)
    signatures[position] = defect(*signatures[position])
    refusal = error("InvalidSignature", position, validators.keys[position].address)
    assert check((root, set_, signers, signatures)) == refusal


def signed_by_all(validators: Validators, message: bytes) -> tuple[Any, ...]:
    """Fields of an attestation whose signatures are over any digest."""
    signatures = [compact(key.unsafe_sign_hash(message)) for key in validators.keys]
    return ROOT, validators.argument, 0b11111, [(signature[:32], signature[32:]) for signature in signatures]


@pytest.mark.parametrize(
    "replayed",
    [
        pytest.param(lambda network, gateway: Domain(network + 1, gateway).digest(ROOT), id="other-network"),
        pytest.param(lambda network, gateway: Domain(902, gateway).digest(ROOT), id="own-chain-id"),
        pytest.param(lambda network, gateway: Domain(network, ZERO_ADDRESS).digest(ROOT), id="other-gateway"),
        pytest.param(lambda network, gateway: Domain(network, gateway).digest(keccak(ROOT)), id="other-root"),
        pytest.param(lambda network, gateway: ROOT, id="bare-root"),
        pytest.param(lambda network, gateway: keccak(ROOT), id="hashed-root"),
    ],
)
def test_refuses_signatures_made_for_something_else(
    check: Callable[..., bytes | Revert],
    gateway: Contract,
    network_id: int,
    validators: Validators,
    replayed: Callable[..., Any],
) -> None:
    """M17: replay from another gateway, chain or network."""
    attestation = signed_by_all(validators, replayed(network_id, gateway.address))
    assert check(attestation) == error("InvalidSignature", 0, validators.keys[0].address)


def test_refuses_signed_text(check: Callable[..., bytes | Revert], validators: Validators) -> None:
    """M17: `personal_sign` of a root is no attestation."""
    signatures = [compact(key.sign_message(encode_defunct(primitive=ROOT))) for key in validators.keys]
    packed = [(signature[:32], signature[32:]) for signature in signatures]
    refusal = error("InvalidSignature", 0, validators.keys[0].address)
    assert check((ROOT, validators.argument, 0b11111, packed)) == refusal


def test_refuses_an_attestation_made_for_another_gateway(
    check: Callable[..., bytes | Revert],
    gateway_of: Callable[..., Contract],
    network_id: int,
    validators: Validators,
) -> None:
    """M17: the same set, installed in a second gateway of the same chain."""
    other = gateway_of(validators)
    attestation = validators.sign(network_id, other.address, ROOT).fields
    assert check(attestation) == error("InvalidSignature", 0, validators.keys[0].address)


def test_one_attestation_serves_every_chain(
    stacks: dict[str, Stack], attest: Callable[..., tuple[Any, ...]], relayer: str
) -> None:
    """One quorum signature serves the whole network."""
    attestation = attest()
    for stack in stacks.values():
        assert stack.gateway.view("deliver", attestation, [], sender=relayer) == ()
