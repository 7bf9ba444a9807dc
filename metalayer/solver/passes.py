"""A solver: finds transfers that offer a tip, pays the recipients of those that pay, and claims what does not arrive.

What it fronted it reads from the chains: whenever it is killed, the next one goes on, and pays nothing twice. Every
chain has a loop of its own: one that is slow, stuck or lying holds up only what starts or ends there.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.transactions import Sender
from metalayer.protocol.hex import short
from metalayer.relayer.loops import PATIENCE, SENDING, Late, Loops, guard, repeat
from metalayer.relayer.memory import Cost, Memory
from metalayer.solver.capital import Capital
from metalayer.solver.counter import Counter
from metalayer.solver.fronts import Book, Told, Witness
from metalayer.solver.offers import Choice, Offer, hopeless
from metalayer.solver.policy import Policy
from metalayer.solver.results import SolvePass, Worked
from metalayer.solver.standings import End
from metalayer.solver.starts import Start

LAST_WAIT = 150.0
"""Seconds for which a single pass waits, at its end, for transactions that a chain does not include."""

_NUMBER = re.compile(r"\b\d+\b")
_READING, _WORKING = "reading transfers", "fronting"


@dataclass(frozen=True)
class _Seen:
    """What one chain showed in a pass: its new offers, what became of fronts there, and what could not be read."""

    number: int
    offers: list[Offer]
    told: Told | None
    problems: list[str]


@dataclass
class Solver:
    """Over all chains of a network, with one sender for all of them. `bridge`: address of the token bridge.

    `patience`: seconds for which a stage of a pass waits for a chain.
    """

    mesh: Mesh
    bridge: str
    sender: Sender
    policy: Policy
    memory: Memory = field(default_factory=Memory.fleeting)
    patience: float = PATIENCE
    book: Book = field(default_factory=Book)
    _offers: dict[bytes, Offer] = field(default_factory=dict)
    _told: dict[int, Told] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self._loops = Loops(self.patience)
        self._capital = Capital()
        chains = self.mesh.by_id.items()
        account, domain = self.sender.address, self.mesh.domain
        self._starts = {
            id_: Start(one, domain, self.bridge, self.policy.finality.get(id_, one.chain.preset.finality))
            for id_, one in chains
        }
        self._witnesses = {id_: Witness(one, self.bridge, account) for id_, one in chains}
        self._counters = {
            id_: Counter(
                End(self.mesh, self.bridge, one, account, self._loops),
                self.sender,
                self.policy,
                self.memory,
                self._capital,
                self._starts,
            )
            for id_, one in chains
        }

    def solve_once(self, last_wait: float = LAST_WAIT) -> SolvePass:
        """One pass over all chains. Problems of single chains or transfers are in the result: what can be done is.

        At its end it waits `last_wait` seconds for what a chain has not done yet; that is in the result of a later pass
        otherwise.
        """
        started = time.monotonic()
        result = SolvePass()
        self._number += 1
        chains = list(self.mesh.connections.values())
        fresh = self._read(chains, result)
        before = {one.front.key for one in self.book.ended}
        self.book = Book.of(self._told.values())
        self._capital.read(self.book.out)
        # What ended before this process began is no news.
        is_first = self._number == 1
        result.ended = [one for one in self.book.ended if not is_first and one.front.key not in before]
        result.offers, result.out = len(self._offers), len(self.book.out)
        self._work(chains, fresh, result, last_wait)
        self._account(result)
        result.seconds = time.monotonic() - started
        return result

    def _read(self, chains: Iterable[Connection], result: SolvePass) -> frozenset[bytes]:
        """Notes new offers and what became of fronts. Ids of the offers that were seen in this very pass."""
        fresh: set[bytes] = set()
        for seen in self._loops.each(_READING, partial(self._look, self._number), chains):
            if isinstance(seen, str):
                result.problems.append(seen)
                continue
            result.problems += seen.problems
            if seen.told is not None:
                self._told[seen.told.chain_id] = seen.told
            for offer in seen.offers:
                if reason := self._unwanted(offer):
                    result.passed_by.append(reason)
                else:
                    self._offers[offer.id] = offer
            if seen.number == self._number:
                fresh |= {offer.id for offer in seen.offers}
        return frozenset(fresh)

    def _look(self, number: int, connection: Connection) -> _Seen:
        here = connection.chain_id
        offers: list[Offer] = []
        told: list[Told] = []
        problems: list[str] = []

        def overdue(now: int) -> list[bytes]:
            return [
                one.front.id for one in self.book.out if one.front.start == here and one.front.deadline < now
            ]

        if here not in self.policy.chains_left_out:
            with guard(connection.name, problems.append):
                offers = self._starts[here].look(self.policy.look_back)
        with guard(connection.name, problems.append):
            told = [self._witnesses[here].tell(overdue)]
        return _Seen(number, offers, told[0] if told else None, problems)

    def _unwanted(self, offer: Offer) -> str:
        """Why it is never fronted, in words that are the same for all transfers of a kind."""
        if offer.end not in self._counters:
            return f"chain {offer.end} is not connected: transfers to it are passed by"
        reason = hopeless(offer, self.policy)
        return f"{reason}: transfers of it are passed by" if reason else ""

    def _work(
        self, chains: Iterable[Connection], fresh: frozenset[bytes], result: SolvePass, last_wait: float
    ) -> None:
        # What a chain never told nobody knows: it might have been fronted there.
        ready = [one for one in chains if one.chain_id in self._told]
        offers = list(self._offers.values())
        out = self.book.out

        def work(connection: Connection) -> Worked | None:
            here = connection.chain_id
            mine = [offer for offer in offers if offer.end == here]
            fronted = [one for one in out if one.end == here]
            return self._counters[here].work(mine, fresh, fronted) if mine or fronted else None

        self._take(self._loops.each(_WORKING, work, ready, SENDING), result)
        answers = self._loops.rest(_WORKING, last_wait)
        self._take(answers, result)
        result.problems += [answer for answer in answers if isinstance(answer, Late)]

    def _take(self, answers: Iterable[Any], result: SolvePass) -> None:
        for answer in answers:
            if isinstance(answer, Worked):
                result.worked.append(answer)
                for paid in answer.fronts:
                    self._offers.pop(paid.offer.id, None)
                for offer, decision in answer.decisions:
                    if decision.choice is Choice.NEVER:
                        self._offers.pop(offer.id, None)
            elif isinstance(answer, str) and not isinstance(answer, Late):
                result.problems.append(answer)

    def _account(self, result: SolvePass) -> None:
        for worked in result.worked:
            if worked.transactions:
                cost = Cost(worked.gas_used, worked.wei)
                chain_id = self.mesh.connections[worked.chain].chain_id
                self.memory.book(self.sender.address, chain_id, cost, 0)


def watch(
    solver: Solver,
    stop: threading.Event,
    every: float,
    report: Callable[[SolvePass], None],
    complain: Callable[[str], None],
) -> None:
    """Passes, `every` seconds apart, until `stop` is set. A problem is said once, until it changes, and so is why an
    offer has to wait.
    """
    solver.memory.tidy()
    first: dict[str, str] = {}

    def once() -> list[str]:
        problems: list[str] = []
        with guard("", problems.append):
            result = solver.solve_once(last_wait=0)
            report(result)
            problems += [*result.all_problems, *result.put_off, *reasons(result)]
        # Numbers change from second to second, and are no news.
        lines = {_NUMBER.sub("", line): line for line in problems}
        for key in first.keys() - lines.keys():
            del first[key]
        return [first.setdefault(key, line) for key, line in lines.items()]

    repeat(once, stop, every, complain)


def reasons(result: SolvePass) -> list[str]:
    """A line for each offer that was left out in a pass, and for each kind that is passed by."""
    left = [
        f"transfer {short(offer.id)}: {decision.reason}"
        for worked in result.worked
        for offer, decision in worked.decisions
    ]
    return [*dict.fromkeys(result.passed_by), *left]
