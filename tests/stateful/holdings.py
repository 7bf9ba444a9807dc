"""ERA by the piece: which piece lies on which chain, who votes with it, and when by that chain's clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Generic, TypeVar

from tests.kit.governing import MILLION
from tests.kit.stack import CHAINS

UNIT = MILLION
"""Wei of ERA of a piece."""
HUB, SPOKES = CHAINS[0], CHAINS[1:]

T = TypeVar("T")


class History(Generic[T]):
    """What something was, from which second on."""

    def __init__(self, first: T) -> None:
        self.times: list[int] = [0]
        self.values: list[T] = [first]

    def note(self, at: int, value: T) -> None:
        if at == self.times[-1]:
            self.values[-1] = value
        elif value != self.values[-1]:
            self.times.append(at)
            self.values.append(value)

    def at(self, time: int) -> T:
        """At the end of a second."""
        return self.values[bisect_right(self.times, time) - 1]


class Holdings:
    """Pieces are numbers. One that is under way lies nowhere."""

    def __init__(self, accounts: Iterable[str]) -> None:
        self.owner: dict[str, dict[int, str]] = {name: {} for name in CHAINS}
        self.delegatee = {name: {who: who for who in accounts} for name in CHAINS}
        """An account that is none of them has no votes."""
        self.lent: dict[str, set[int]] = {name: set() for name in SPOKES}
        """What the hub's bridge owes each chain."""
        self._voters = {name: History[dict[int, str]]({}) for name in CHAINS}
        self._lent = {name: History[frozenset[int]](frozenset()) for name in SPOKES}

    def of(self, chain: str, who: str) -> list[int]:
        return sorted(unit for unit, owner in self.owner[chain].items() if owner == who)

    def take(self, chain: str, units: Iterable[int], at: int) -> None:
        for unit in units:
            del self.owner[chain][unit]
        self.settle(chain, at)

    def put(self, chain: str, units: Iterable[int], who: str, at: int) -> None:
        """They must lie nowhere else: a piece is one."""
        for unit in units:
            assert not any(unit in owned for owned in self.owner.values()), f"P4: two of piece {unit}"
            self.owner[chain][unit] = who
        self.settle(chain, at)

    def delegate(self, chain: str, who: str, to: str, at: int) -> None:
        self.delegatee[chain][who] = to
        self.settle(chain, at)

    def lend(self, chain: str, units: Iterable[int], at: int) -> None:
        self.lent[chain] |= set(units)
        self._lent[chain].note(at, frozenset(self.lent[chain]))

    def take_back(self, chain: str, units: Iterable[int], at: int) -> None:
        self.lent[chain] -= set(units)
        self._lent[chain].note(at, frozenset(self.lent[chain]))

    def forget(self, chain: str) -> None:
        """What lies on a chain that lies: the hub knows what it owes it."""
        self.owner[chain] = {}

    def settle(self, chain: str, at: int) -> None:
        """Notes who votes with what."""
        delegatee = self.delegatee[chain]
        now = {unit: delegatee[who] for unit, who in self.owner[chain].items() if who in delegatee}
        self._voters[chain].note(at, now)

    def voters(self, chain: str, time: int) -> dict[int, str]:
        """Who votes with each piece that lay there at the end of a second of its clock."""
        return self._voters[chain].at(time)

    def weight(self, chain: str, who: str, time: int) -> int:
        """Votes in wei."""
        return UNIT * sum(voter == who for voter in self.voters(chain, time).values())

    def outstanding(self, chain: str, time: int) -> frozenset[int]:
        """What was owed to a chain at the end of a second of the hub's clock."""
        return self._lent[chain].at(time)

    def changes(self, chain: str) -> list[int]:
        """When that changed."""
        return self._lent[chain].times[1:]
