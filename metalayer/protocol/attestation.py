"""Facts, the tree over them, validator sets and what validators sign: the mirror of `libraries/Facts.sol` and
`libraries/Attestations.sol`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import encode
from eth_abi.packed import encode_packed
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from metalayer.errors import MetalayerError

VALIDATOR_SET_TYPEHASH = keccak(text="ValidatorSet(uint64 version,uint64 expires,bytes32[] validators)")
MIN_VALIDATORS = 4
MAX_VALIDATORS = 32

# Half the order of secp256k1's group: the highest s of a signature that is not malleable (EIP-2, ERC-2098).
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_HIGH_BIT = 1 << 255


@dataclass(frozen=True)
class ValidatorSet:
    """Who may sign until `expires` (Unix seconds): (checksummed signer, weight), ascending by signer."""

    version: int
    expires: int
    members: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, version: int, expires: int, weights: Mapping[str, int]) -> "ValidatorSet":
        """A set from weights by signer, sorted. Not validated."""
        members = sorted((to_checksum_address(signer), weight) for signer, weight in weights.items())
        members.sort(key=lambda member: int(member[0], 16))
        return cls(version, expires, tuple(members))

    @classmethod
    def from_words(cls, version: int, expires: int, words: Iterable[bytes]) -> "ValidatorSet":
        """A set from the contracts' words: signer (20 bytes), weight (12 bytes)."""
        members = tuple((to_checksum_address(word[:20]), int.from_bytes(word[20:], "big")) for word in words)
        return cls(version, expires, members)

    @property
    def words(self) -> list[bytes]:
        """One 32-byte word per validator."""
        return [to_canonical_address(signer) + weight.to_bytes(12, "big") for signer, weight in self.members]

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `ValidatorSet`."""
        return self.version, self.expires, self.words

    @cached_property
    def hash(self) -> bytes:
        """Hash under which the set is installed."""
        packed = keccak(encode_packed(["bytes32[]"], [self.words]))
        return keccak(
            encode(
                ["bytes32", "uint64", "uint64", "bytes32"],
                [VALIDATOR_SET_TYPEHASH, self.version, self.expires, packed],
            )
        )

    @property
    def total(self) -> int:
        """Weight of all validators together."""
        return sum(weight for _, weight in self.members)

    def weight(self, signers: Iterable[str]) -> int:
        """Weight of those of the signers (checksummed) that are in the set."""
        wanted = set(signers)
        return sum(weight for signer, weight in self.members if signer in wanted)

    def quorum(self, signers: Iterable[str]) -> bool:
        """True if the signers hold strictly more than two thirds of the weight."""
        return 3 * self.weight(signers) > 2 * self.total

    def validate(self, now: int) -> None:
        """MetalayerError unless a chain whose clock says `now` would install the set."""
        if now > self.expires:
            raise MetalayerError(f"validator set {self.version} expired at {self.expires}; it is {now}")
        if not MIN_VALIDATORS <= len(self.members) <= MAX_VALIDATORS:
            raise MetalayerError(
                f"a validator set has {MIN_VALIDATORS} to {MAX_VALIDATORS} members, not {len(self.members)}"
            )
        previous = 0
        for signer, _ in self.members:
            if int(signer, 16) <= previous:
                raise MetalayerError(f"validator {signer} is zero, repeated or not in ascending order")
            previous = int(signer, 16)
        for signer, weight in self.members:
            if weight == 0 or 3 * weight >= self.total:
                raise MetalayerError(
                    f"validator {signer} has weight {weight}: expected more than zero and less than a third of "
                    f"the total {self.total}"
                )


@dataclass(frozen=True)
class Domain:
    """What makes signatures of one network valid there and nowhere else: the EIP-712 domain. It is the same on every
    chain of the network: the hub's chain id, and the gateway's address.
    """

    network_id: int
    gateway: str

    def signable(self, root: bytes) -> SignableMessage:
        """What a validator signs: EIP-712 `Attestation(bytes32 root)`."""
        return encode_typed_data(
            domain_data={
                "name": "Metalayer",
                "version": "1",
                "chainId": self.network_id,
                "verifyingContract": self.gateway,
            },
            message_types={"Attestation": [{"name": "root", "type": "bytes32"}]},
            message_data={"root": root},
        )

    @property
    def separator(self) -> bytes:
        """The domain as contracts are given it."""
        return bytes(self.signable(bytes(32)).header)

    def digest(self, root: bytes) -> bytes:
        """The 32 bytes under the signature."""
        message = self.signable(root)
        return keccak(b"\x19" + message.version + message.header + message.body)

    def recover(self, root: bytes, signature: bytes) -> str | None:
        """Checksummed signer of a compact signature over a root, None if there is none or it is malleable."""
        if len(signature) != 64:
            return None
        r, vs = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        parity, s = divmod(vs, _HIGH_BIT)
        if s > _HALF_ORDER:
            return None
        try:
            signer = Account.recover_message(self.signable(root), vrs=(27 + parity, r, s))
        except (BadSignature, ValidationError):
            return None
        return str(signer)


def compact(signature: Any) -> bytes:
    """ERC-2098 form, 64 bytes: r, then yParity and s. From what eth_account or Ape return."""
    r, s = _integer(signature.r), _integer(signature.s)
    # v is 27 or 28, or 0 or 1 already.
    parity = int(signature.v) - 27 if signature.v >= 27 else int(signature.v)
    return r.to_bytes(32, "big") + (parity * _HIGH_BIT + s).to_bytes(32, "big")


def long(signature: Any) -> bytes:
    """The 65 bytes r, s, v of what eth_account or Ape return, as contracts take them that know no compact form."""
    short = compact(signature)
    parity, s = divmod(int.from_bytes(short[32:], "big"), _HIGH_BIT)
    return short[:32] + s.to_bytes(32, "big") + bytes([27 + parity])


def _integer(part: int | bytes) -> int:
    return part if isinstance(part, int) else int.from_bytes(part, "big")


@dataclass(frozen=True)
class Attestation:
    """A root, the set that signed it, and compact signatures by checksummed signer."""

    root: bytes
    validator_set: ValidatorSet
    signatures: Mapping[str, bytes]

    @property
    def signers(self) -> int:
        """Bit i is set if the set's validator i signed."""
        return sum(
            1 << i for i, (signer, _) in enumerate(self.validator_set.members) if signer in self.signatures
        )

    @property
    def has_quorum(self) -> bool:
        """True if strictly more than two thirds of the weight signed."""
        return self.validator_set.quorum(self.signatures)

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `Attestation`."""
        members = self.validator_set.members
        in_order = [self.signatures[signer] for signer, _ in members if signer in self.signatures]
        return (
            self.root,
            self.validator_set.fields,
            self.signers,
            [(signature[:32], signature[32:]) for signature in in_order],
        )
