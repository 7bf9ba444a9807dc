"""Where relayers and validators meet: relayers propose facts, validators sign them or say why they do not.

Anybody may write to an exchange, so nothing that is read from it is believed: facts hash to their root, and whoever
counts a signature recovers its signer first.
"""

from collections.abc import Iterable
from typing import Protocol

from metalayer.errors import MetalayerError
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact

MAX_FACTS = 4_096
"""Most facts in one proposal."""


class Malformed(MetalayerError):
    """Something in the exchange is not what it stands for."""


class Exchange(Protocol):
    """Proposals by the Merkle root of their facts, and what validators say to them, by checksummed signer."""

    def propose(self, facts: Iterable[Fact]) -> bytes:
        """Publishes a proposal of these facts unless it is there, and returns its root."""
        ...

    def roots(self) -> list[bytes]:
        """Roots of all proposals, whether well-formed or not."""
        ...

    def proposed(self, root: bytes) -> bool:
        """True if there is a proposal, well-formed or not."""
        ...

    def age(self, root: bytes) -> float:
        """Seconds since the proposal changed, 0 if there is none."""
        ...

    def facts(self, root: bytes) -> tuple[Fact, ...] | None:
        """The facts under a root, None if there is no proposal (yet, or any more).

        Malformed unless they are ascending, unique and hash to the root.
        """
        ...

    def sign(self, root: bytes, signer: str, signature: bytes) -> None:
        """Publishes a compact signature, and withdraws the signer's refusal."""
        ...

    def signature(self, root: bytes, signer: str) -> bytes | None:
        """What stands as this signer's compact signature, not verified. None if nothing well-formed does."""
        ...

    def signers(self, root: bytes) -> list[str]:
        """In whose names there are signatures."""
        ...

    def refuse(self, root: bytes, signer: str, reason: str, *, final: bool) -> None:
        """Publishes why a validator does not sign: `final` if it never will, otherwise not yet."""
        ...

    def refusals(self, root: bytes, *, final_only: bool = False) -> dict[str, str]:
        """Reasons by signer, as they stand: anybody can have written them."""
        ...

    def remove(self, root: bytes) -> None:
        """Removes a proposal with everything under it. No error if it is gone."""
        ...


def canonical(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Sorted and unique: lane facts by origin, destination and nonce, then set facts, restart facts
    and unexecuted facts.
    """
    return tuple(sorted(set(facts), key=_order))


def _order(fact: Fact) -> tuple[int, int, int, int, bytes]:
    if isinstance(fact, LaneFact):
        return (0, fact.origin, fact.destination, fact.nonce, fact.head)
    if isinstance(fact, SetFact):
        return (1, fact.version, 0, 0, fact.set_hash)
    if isinstance(fact, RestartFact):
        return (2, fact.origin, fact.destination, fact.nonce, b"")
    return (3, fact.origin, fact.destination, fact.nonce, fact.id + bytes([fact.status]))
