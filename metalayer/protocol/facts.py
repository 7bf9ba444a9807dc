"""Facts, the tree over them, and facts as evidence: the mirror of `Facts.sol` and `Evidence.sol`."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

LANE_FACT_TYPEHASH = keccak(text="LaneFact(uint256 origin,uint256 destination,uint256 nonce,bytes32 head)")
SET_FACT_TYPEHASH = keccak(text="SetFact(uint256 version,bytes32 setHash)")
UNEXECUTED_FACT_TYPEHASH = keccak(
    text="UnexecutedFact(uint256 origin,uint256 destination,uint256 nonce,bytes32 id,uint256 status)"
)
RESTART_FACT_TYPEHASH = keccak(text="RestartFact(uint256 origin,uint256 destination,uint256 nonce)")


@dataclass(frozen=True, order=True)
class LaneFact:
    """ "The lane (origin, destination) had this head after `nonce` messages." """

    origin: int
    destination: int
    nonce: int
    head: bytes

    @property
    def leaf(self) -> bytes:
        """Its leaf, hashed twice so that no inner node reads as a leaf."""
        values = [LANE_FACT_TYPEHASH, self.origin, self.destination, self.nonce, self.head]
        return keccak(keccak(encode(["bytes32", *["uint256"] * 3, "bytes32"], values)))

    @property
    def key(self) -> str:
        """What the fact is about. Two facts with one key and different values contradict each other."""
        return f"lane {self.origin} {self.destination} {self.nonce}"

    @property
    def value(self) -> bytes:
        """What the fact says about its key."""
        return self.head


@dataclass(frozen=True, order=True)
class SetFact:
    """ "The validator set of this version has this hash." """

    version: int
    set_hash: bytes

    @property
    def leaf(self) -> bytes:
        """Its leaf, hashed twice."""
        return keccak(
            keccak(
                encode(["bytes32", "uint256", "bytes32"], [SET_FACT_TYPEHASH, self.version, self.set_hash])
            )
        )

    @property
    def key(self) -> str:
        """What the fact is about."""
        return f"set {self.version}"

    @property
    def value(self) -> bytes:
        """What the fact says about its key."""
        return self.set_hash


@dataclass(frozen=True, order=True)
class RestartFact:
    """ "The owner of the origin restarted the lane (origin, destination) at `nonce`." """

    origin: int
    destination: int
    nonce: int

    @property
    def leaf(self) -> bytes:
        """Its leaf, hashed twice."""
        values = [RESTART_FACT_TYPEHASH, self.origin, self.destination, self.nonce]
        return keccak(keccak(encode(["bytes32", *["uint256"] * 3], values)))

    @property
    def key(self) -> str:
        """What the fact is about."""
        return f"restart {self.origin} {self.destination} {self.nonce}"

    @property
    def value(self) -> bytes:
        """Empty: the fact says no more than that it happened, so that no other fact contradicts it."""
        return b""


@dataclass(frozen=True, order=True)
class UnexecutedFact:
    """ "The destination did not execute message `id`, at place `nonce` of the lane (origin, destination), before its
    deadline, and left it with this status." Zero: it was never tried.
    """

    origin: int
    destination: int
    nonce: int
    id: bytes
    status: int

    @property
    def leaf(self) -> bytes:
        """Its leaf, hashed twice."""
        values = [
            UNEXECUTED_FACT_TYPEHASH,
            self.origin,
            self.destination,
            self.nonce,
            self.id,
            self.status,
        ]
        return keccak(keccak(encode(["bytes32", *["uint256"] * 3, "bytes32", "uint256"], values)))

    @property
    def key(self) -> str:
        """What the fact is about."""
        return f"unexecuted {self.origin} {self.destination} {self.nonce}"

    @property
    def value(self) -> bytes:
        """Empty: a message that was never tried may still expire, so that no two such facts contradict each other."""
        return b""


Fact = LaneFact | SetFact | RestartFact | UnexecutedFact


class Tree:
    """Merkle tree over facts, as OpenZeppelin's MerkleProof verifies it.

    Leaves ascend and are unique. Each layer pairs neighbours, smaller hash first; an odd last node moves up.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        leaves = sorted({fact.leaf for fact in facts})
        if not leaves:
            raise ValueError("a tree needs at least one fact")
        self._layers = [leaves]
        while len(self._layers[-1]) > 1:
            self._layers.append(_next_layer(self._layers[-1]))

    @property
    def root(self) -> bytes:
        """The root: with one fact, its leaf."""
        return self._layers[-1][0]

    @property
    def depth(self) -> int:
        """Length of the longest proof."""
        return len(self._layers) - 1

    def proof(self, fact: Fact) -> list[bytes]:
        """Siblings from the fact's leaf to the root. ValueError if the fact is not in the tree."""
        leaf = fact.leaf
        index = bisect_left(self._layers[0], leaf)
        if index == len(self._layers[0]) or self._layers[0][index] != leaf:
            raise ValueError(f"the tree does not hold {fact}")
        proof = []
        for layer in self._layers[:-1]:
            sibling = index ^ 1
            if sibling < len(layer):
                proof.append(layer[sibling])
            index //= 2
        return proof


def _next_layer(layer: Sequence[bytes]) -> list[bytes]:
    pairs = zip(layer[::2], layer[1::2], strict=False)
    above = [keccak(min(pair) + max(pair)) for pair in pairs]
    if len(layer) % 2:
        above.append(layer[-1])
    return above


def leads_to(root: bytes, proof: Sequence[bytes], leaf: bytes) -> bool:
    """Whether a proof shows that the leaf is under the root."""
    for sibling in proof:
        leaf = keccak(min(leaf, sibling) + max(leaf, sibling))
    return leaf == root


@dataclass(frozen=True)
class SignedFact:
    """One fact, the root over it that one validator signed, and the validator's compact signature."""

    fact: Fact
    root: bytes
    proof: tuple[bytes, ...]
    signature: bytes

    @property
    def statement(self) -> tuple[Any, ...]:
        """Values of the Solidity struct of the fact's name."""
        return astuple(self.fact)

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `SignedFact`."""
        return self.root, list(self.proof), (self.signature[:32], self.signature[32:])


def signed_facts(facts: Iterable[Fact], signature: bytes) -> list[SignedFact]:
    """Everything that a signature over the root of these facts says."""
    said = list(facts)
    tree = Tree(said)
    return [SignedFact(fact, tree.root, tuple(tree.proof(fact)), signature) for fact in said]


def rival(fact: Fact) -> str | None:
    """Key of what cannot be true as well: at one place of a lane stands a message or a restart."""
    if isinstance(fact, LaneFact):
        return RestartFact(fact.origin, fact.destination, fact.nonce).key
    if isinstance(fact, RestartFact):
        return LaneFact(fact.origin, fact.destination, fact.nonce, b"").key
    return None


def contradict(fact: Fact, other: Fact) -> bool:
    """True if nobody honest signs both."""
    if fact.key == other.key:
        return fact.value != other.value
    return rival(fact) == other.key
