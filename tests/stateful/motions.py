"""What the governor, the pool and the spokes must know of a proposal: counted by other means than theirs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from metalayer.protocol.votes import Tally
from tests.kit.governing import GRACE, OBJECTIONS, WINDOW, State
from tests.stateful.holdings import SPOKES

PLAIN, SHORTEN, DELAY, QUORUM, PAY, GUARD, BESIDE, NOBODY = range(8)
"""Proposals, by what they do."""
PROTECTED = (GUARD, NOBODY)


def add(one: Tally, other: Tally) -> Tally:
    return Tally(*(mine + its for mine, its in zip(one, other, strict=True)))


@dataclass
class Ballot:
    """Votes on one chain."""

    tally: Tally = field(default_factory=Tally)
    used: Counter[str] = field(default_factory=Counter)

    def count(self, voter: str, votes: Tally) -> None:
        self.tally = add(self.tally, votes)
        self.used[voter] += votes.total


@dataclass
class Motion:
    """A proposal."""

    kind: int
    actions: tuple[Any, ...]
    """Targets, values, calldatas."""
    text: str
    id: int
    snapshot: int
    end: int
    """Deadline before anybody objects: nothing that changes later moves it."""
    sound: bool
    """Whether what it calls had its code."""
    hub: Ballot = field(default_factory=Ballot)
    """Who voted on the hub."""
    votes: Tally = field(default_factory=Tally)
    """All that the governor counted."""
    said: dict[str, Tally] = field(default_factory=lambda: dict.fromkeys(SPOKES, Tally()))
    counted: dict[str, Tally] = field(default_factory=lambda: dict.fromkeys(SPOKES, Tally()))
    contested: bool = False
    """Whether a late vote made it pass."""
    eta: int = 0
    cancelled: bool = False
    executed: bool = False

    @property
    def deadline(self) -> int:
        return self.end + OBJECTIONS * self.contested

    def is_active(self, at: int) -> bool:
        return not self.cancelled and self.snapshot < at <= self.deadline

    def only_objections(self, at: int) -> bool:
        return self.contested and at > self.end

    def passes(self, quorum: int) -> bool:
        against, in_favour, abstaining = self.votes
        return in_favour > against and in_favour + abstaining >= quorum

    def count(self, votes: Tally, at: int, quorum: int) -> None:
        passed = self.passes(quorum)
        self.votes = add(self.votes, votes)
        if self.end - at < WINDOW and not passed and self.passes(quorum):
            self.contested = True

    def state(self, at: int, quorum: int) -> State:
        if self.executed or self.cancelled:
            return State.EXECUTED if self.executed else State.CANCELED
        if at <= self.snapshot:
            return State.PENDING
        if at <= self.deadline:
            return State.ACTIVE
        if not self.passes(quorum):
            return State.DEFEATED
        if at > self.expires:
            return State.EXPIRED
        return State.QUEUED if self.eta else State.SUCCEEDED

    @property
    def is_protected(self) -> bool:
        """Whether it only names another guardian."""
        return self.kind in PROTECTED

    @property
    def expires(self) -> int:
        return (self.eta or self.deadline) + GRACE

    def hear(self, chain: str, said: Tally) -> bool:
        """A tally arrives: whether it is kept."""
        kept = self.said[chain]
        is_higher = said != kept and all(new >= old for new, old in zip(said, kept, strict=True))
        if is_higher:
            self.said[chain] = said
        return is_higher

    def castable(self, chain: str, held: int, at: int) -> Tally:
        """Of what a chain said: what was not cast yet, and within what it held."""
        said, counted = self.said[chain], self.counted[chain]
        new = [more - less for more, less in zip(said, counted, strict=True)]
        if self.only_objections(at):
            new[1:] = [0, 0]
        left, total = held - sum(counted), sum(new)
        return Tally(*new) if total <= left else Tally(*(part * left // total for part in new))
