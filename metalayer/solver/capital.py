"""What is out and what may be: counted over all chains, also while transactions are on their way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from metalayer.solver.fronts import Fronted
from metalayer.solver.offers import Offer
from metalayer.solver.policy import Terms, TokenId, units


@dataclass(frozen=True)
class _Stake:
    """One front that is out, or on its way. In the token's smallest unit."""

    id: bytes
    token: TokenId
    start: int
    end: int
    paid: int
    amount: int


class Capital:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._out: dict[bytes, _Stake] = {}
        self._promised: dict[bytes, _Stake] = {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else reads or changes it meanwhile: what is looked at is still so when it is promised."""
        with self._lock:
            yield

    def read(self, out: Iterable[Fronted]) -> None:
        """What chains say is out. What was promised and is there is no promise any more."""
        stakes = {
            one.front.key: _Stake(
                one.front.id, one.token, one.front.start, one.end, one.paid, one.front.amount
            )
            for one in out
        }
        with self._lock:
            self._out = stakes
            self._promised = {key: one for key, one in self._promised.items() if key not in stakes}

    def free(self, offer: Offer, terms: Terms, decimals: int) -> int | None:
        """What may be paid for an offer besides what is out; None if only the account's balance bounds it."""
        everywhere = self._sum(lambda one: one.token == offer.token)
        here = self._sum(lambda one: one.token == offer.token and one.end == offer.end)
        thence = self._sum(lambda one: one.token == offer.token and one.start == offer.start)
        bounds = []
        if terms.most_out is not None:
            bounds.append(units(terms.most_out, decimals) - everywhere)
        if offer.end in terms.most_out_on:
            bounds.append(units(terms.most_out_on[offer.end], decimals) - here)
        if offer.start in terms.most_out_from:
            bounds.append(units(terms.most_out_from[offer.start], decimals) - thence)
        return min(bounds, default=None)

    def promised_on(self, token: TokenId, end: int) -> int:
        """What is on its way out of the account on a chain, and still in its balance."""
        with self._lock:
            return sum(one.paid for one in self._promised.values() if (one.token, one.end) == (token, end))

    def coming(self, token: TokenId, start: int, ahead: Mapping[bytes, int]) -> int:
        """What must come home from a chain before another transfer of it: all for what is out, and what is `ahead`."""
        with self._lock:
            stakes = [
                one
                for one in (self._out | self._promised).values()
                if (one.token, one.start) == (token, start)
            ]
        ids = {one.id for one in stakes}
        others = sum(amount for id_, amount in ahead.items() if id_ not in ids)
        return others + sum(one.amount for one in stakes)

    def promise(self, key: bytes, offer: Offer, paid: int) -> None:
        """That a front is on its way."""
        stake = _Stake(offer.id, offer.token, offer.start, offer.end, paid, offer.payload.amount)
        with self._lock:
            self._promised[key] = stake

    def release(self, keys: Iterable[bytes]) -> None:
        """That fronts are not on their way any more, unless chains have said that they are out."""
        with self._lock:
            for key in keys:
                self._promised.pop(key, None)

    def _sum(self, wanted: Callable[[_Stake], bool]) -> int:
        with self._lock:
            return sum(one.paid for one in (self._out | self._promised).values() if wanted(one))
