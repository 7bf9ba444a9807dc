"""What one pass of a solver found and did."""

from __future__ import annotations

from dataclasses import dataclass, field

from metalayer.relayer.results import Sendings
from metalayer.solver.fronts import Fronted
from metalayer.solver.offers import Decision, Offer


@dataclass(frozen=True)
class Paid:
    """A front that was paid in a pass. `kept`, of the amount, in the token's smallest unit; gas of its transaction."""

    offer: Offer
    paid: int
    kept: int
    gas: int
    transaction: str


@dataclass(frozen=True)
class Claimed:
    """A claim that was sent in a pass."""

    fronted: Fronted
    transaction: str


@dataclass
class Worked(Sendings):
    """What a pass did on one chain, and why what it left out was left out, by id of the transfer."""

    fronts: list[Paid] = field(default_factory=list)
    claims: list[Claimed] = field(default_factory=list)
    decisions: list[tuple[Offer, Decision]] = field(default_factory=list)


@dataclass
class SolvePass:
    """What one pass found and did on all chains. `offers`: how many are looked at; `ended`: fronts that ended since the
    pass before.
    """

    offers: int = 0
    out: int = 0
    worked: list[Worked] = field(default_factory=list)
    ended: list[Fronted] = field(default_factory=list)
    passed_by: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def fronts(self) -> list[Paid]:
        """What was fronted, on all chains."""
        return [one for worked in self.worked for one in worked.fronts]

    @property
    def claims(self) -> list[Claimed]:
        """What was claimed, on all chains."""
        return [one for worked in self.worked for one in worked.claims]

    @property
    def put_off(self) -> list[str]:
        """One line for everything that failed for want of somebody else, and is tried again later."""
        return [line for worked in self.worked for line in worked.put_off]

    @property
    def all_problems(self) -> list[str]:
        """One line for everything that went wrong, on any chain."""
        return [*self.problems, *(problem for worked in self.worked for problem in worked.problems)]
