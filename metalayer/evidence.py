"""Facts that one validator signed, as the evidence checks take them: the mirror of `libraries/Evidence.sol`."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

from metalayer.attestation import Fact, Tree


@dataclass(frozen=True)
class SignedFact:
    """One fact, the root over it that one validator signed, and the validator's compact signature."""

    fact: Fact
    root: bytes
    proof: tuple[bytes, ...]
    signature: bytes

    @property
    def statement(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `LaneFact`, `SetFact` or `RestartFact`."""
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


def contradict(fact: Fact, other: Fact) -> bool:
    """True if nobody honest signs both."""
    return fact.key == other.key and fact.value != other.value
