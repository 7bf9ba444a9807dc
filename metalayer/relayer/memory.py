"""What a relayer keeps between its processes: what failed and when it is due again, what was spent, what was earned.

Nothing here decides what is delivered: chains do. Without it a relayer would be as right as before, and try at once, at
the same cost, what failed in the process before.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from metalayer.errors import MetalayerError
from metalayer.relayer.store import SCHEMA, open_file

FIRST_WAIT = 30.0
"""Seconds before what failed is tried again. Doubled each time."""
LONGEST_WAIT = 6 * 3_600.0
FIRST_WAIT_AFTER_LOSS = 3_600.0
"""The same for what was paid for and failed all the same. Four times as long each time."""
LONGEST_WAIT_AFTER_LOSS = 7 * 86_400.0
WINDOW = 86_400.0
"""Seconds for which a limit on what an unbacked origin may cost holds."""

_KEPT_PASSES = 10_000
_FORGOTTEN_AFTER = 30 * 86_400.0
_UNKNOWN = -1


class Kind(StrEnum):
    """What is tried. Items of different kinds on one chain never meet."""

    READING = "reading"
    """All that is pending from an origin."""
    QUORUM = "quorum"
    """Signatures for a lane, together with those for the others."""
    DELIVERY = "delivery"
    """The next message of a lane, by its origin's chain id."""
    FOLLOW = "follow"
    """A restart, by origin and nonce."""
    RETURN = "return"
    REFUND = "refund"
    RECORD = "record"
    """A head at which refunds are proved, by destination, restart and nonce."""
    CLAIM = "claim"
    ASIDE = "aside"
    """A notice that was put aside."""
    WAITING = "waiting"
    """A transfer that exceeded a limit."""
    NOTICE = "notice"
    CHORE = "chore"
    """What a keeper does for everybody, in words."""
    FRONT = "front"
    """A transfer that a solver pays before it arrives."""
    FRONT_CLAIM = "front claim"
    """What returns of a transfer that a solver fronted."""


ITEMS = (Kind.DELIVERY, Kind.FOLLOW, Kind.RETURN, Kind.REFUND, Kind.CLAIM, Kind.ASIDE, Kind.CHORE)
"""Kinds of what is sent because it is due, and not only because it may be."""


class Attempt(NamedTuple):
    """Something that failed `failures` times since `since`, and is due again at `due` (Unix seconds).

    `losses` of them were transactions that were paid for.
    """

    kind: str
    chain: int
    item: str
    failures: int
    losses: int
    due: float
    since: float
    reason: str


class Cost(NamedTuple):
    """Gas, and what it cost in wei of ether."""

    gas: int
    wei: int


@dataclass(frozen=True)
class Book:
    """What one account spent and earned on one chain in `passes` passes that sent something: gas, wei of ether, gwei of
    ERA.
    """

    account: str
    chain: int
    passes: int
    gas: int
    wei: int
    earned: int


@dataclass(frozen=True)
class Meter:
    """Gas that one lane's messages cost since their origin last paid, at most for a `WINDOW`. `paid`: what it had paid
    by then, in gwei of ERA; below zero if nobody asked yet.
    """

    gas: int
    since: float
    paid: int


class Memory:
    """One file, which several processes may share. Safe to share between threads.

    `clock`: Unix seconds.
    """

    def __init__(
        self, database: sqlite3.Connection, where: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._where = where
        self._clock = clock
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.time, whose: str = "relayer") -> "Memory":
        """The memory in a file, which is made if there is none. whose: who works with it.

        MetalayerError if the file is damaged, empty, of another version or another program's: it is never begun anew.
        """
        database = open_file(path, whose)
        return cls(database, f"{whose}'s memory {path}", clock)

    @classmethod
    def fleeting(cls, clock: Callable[[], float] = time.time) -> "Memory":
        """One that ends with the process."""
        database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        database.executescript(SCHEMA)
        return cls(database, "memory of this process", clock)

    def close(self) -> None:
        """Nothing can be asked of it any more."""
        self._database.close()

    # What failed

    def waiting(self, kind: Kind, chain: int) -> dict[str, str]:
        """Items that are not due yet, and why they failed."""
        now = self._clock()
        # A clock that was set back must not keep anything waiting for longer than it would from now on.
        rows = self._read(
            "SELECT item, reason FROM attempts WHERE kind = ? AND chain = ? AND due > ? AND due <= ?",
            (kind, str(chain), now, now + max(LONGEST_WAIT, LONGEST_WAIT_AFTER_LOSS)),
        )
        return dict(rows)

    def failed(
        self,
        kind: Kind,
        chain: int,
        reasons: Iterable[tuple[str, str]],
        *,
        paid: bool = False,
        first: float = FIRST_WAIT,
        longest: float = LONGEST_WAIT,
    ) -> None:
        """Items and why they failed. Each waits longer than the time before; longer still if it was `paid` for."""
        now = self._clock()
        with self._writing():
            for item, reason in reasons:
                key = (kind, str(chain), item)
                row = self._one(
                    "SELECT failures, losses, since FROM attempts WHERE (kind, chain, item) = (?, ?, ?)", key
                )
                failures, losses, since = row or (0, 0, now)
                failures, losses = failures + 1, losses + paid
                wait = min(longest, first * 2.0 ** min(failures - 1, 30))
                if losses:
                    loss = FIRST_WAIT_AFTER_LOSS * 4.0 ** min(losses - 1, 15)
                    wait = max(wait, min(LONGEST_WAIT_AFTER_LOSS, loss))
                self._database.execute(
                    "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, failures, losses, now + wait, since, reason),
                )

    def ended(self, kind: Kind, chain: int, items: Iterable[str]) -> None:
        """Items that succeeded, or that are no longer to be tried."""
        with self._writing():
            self._database.executemany(
                "DELETE FROM attempts WHERE (kind, chain, item) = (?, ?, ?)",
                [(kind, str(chain), item) for item in items],
            )

    def forgive(self) -> None:
        """Everything that failed is due now. What it failed for is still known, and how often."""
        with self._writing():
            self._database.execute("UPDATE attempts SET due = 0")

    def attempts(self, *kinds: Kind) -> list[Attempt]:
        """All that failed and did not succeed since, what failed most often first."""
        rows = self._read("SELECT * FROM attempts ORDER BY failures DESC, since, chain, item")
        return [
            Attempt(kind, int(chain), *rest) for kind, chain, *rest in rows if not kinds or kind in set(kinds)
        ]

    # What an origin's messages cost

    def meter(self, account: str, origin: int, destination: int) -> Meter:
        """Of a lane. Its window begins anew when it is over."""
        return self._meter((account, str(origin), str(destination)))

    def charge(self, account: str, origin: int, destination: int, gas: int) -> None:
        """Adds gas that was spent on a lane's messages."""
        key = (account, str(origin), str(destination))
        with self._writing():
            before = self._meter(key)
            self._put(key, Meter(before.gas + gas, before.since, before.paid))

    def settle(self, account: str, origin: int, destination: int, earned: int, paid: int) -> Meter:
        """Notes what a relayer ever earned on a lane, and was ever paid for that (gwei of ERA).

        The meter begins anew if the origin paid, since it last did, at least half of what it owed.
        """
        key = (account, str(origin), str(destination))
        with self._writing():
            after = self._meter(key)
            if after.paid == _UNKNOWN:
                after = Meter(after.gas, after.since, paid)
            elif paid > after.paid and earned - paid <= paid - after.paid:
                after = Meter(0, self._clock(), paid)
            self._put(key, after)
        return after

    def _meter(self, key: tuple[str, ...]) -> Meter:
        now = self._clock()
        row = self._one(
            "SELECT gas, since, paid FROM meters WHERE (account, origin, destination) = (?, ?, ?)", key
        )
        if row is None:
            return Meter(0, now, _UNKNOWN)
        gas, since, paid = row
        is_current = since <= now < since + WINDOW
        return Meter(gas if is_current else 0, since if is_current else now, int(paid))

    def _put(self, key: tuple[str, ...], meter: Meter) -> None:
        values = (*key, meter.gas, meter.since, str(meter.paid))
        self._database.execute("INSERT OR REPLACE INTO meters VALUES (?, ?, ?, ?, ?, ?)", values)

    # Profit and loss

    def book(self, account: str, chain: int, cost: Cost, earned: int) -> None:
        """What one pass spent and earned (gwei of ERA) on one chain."""
        gas, wei = cost
        with self._writing():
            row = (self._clock(), account, str(chain), gas, str(wei), str(earned))
            self._database.execute("INSERT INTO passes VALUES (?, ?, ?, ?, ?, ?)", row)
            known = self._one(
                "SELECT passes, gas, wei, earned FROM books WHERE (account, chain) = (?, ?)",
                (account, str(chain)),
            )
            passes, before, spent, gained = known or (0, 0, "0", "0")
            total = (passes + 1, before + gas, str(int(spent) + wei), str(int(gained) + earned))
            self._database.execute(
                "INSERT OR REPLACE INTO books VALUES (?, ?, ?, ?, ?, ?)", (account, str(chain), *total)
            )
            self._database.execute(
                "DELETE FROM passes WHERE rowid <= (SELECT max(rowid) FROM passes) - ?", (_KEPT_PASSES,)
            )

    def books(self, since: float | None = None) -> list[Book]:
        """By account and chain, since the memory began, or over the passes after `since` (Unix seconds) that are still
        known one by one.
        """
        if since is None:
            rows = self._read(
                "SELECT account, chain, passes, gas, wei, earned FROM books ORDER BY account, chain"
            )
            return [Book(a, int(chain), n, gas, int(wei), int(got)) for a, chain, n, gas, wei, got in rows]
        found: dict[tuple[str, int], Book] = {}
        passes = self._read(
            "SELECT account, chain, gas, wei, earned FROM passes WHERE at > ? ORDER BY account, chain",
            (since,),
        )
        for account, chain, gas, wei, earned in passes:
            key = (account, int(chain))
            one = found.get(key, Book(*key, 0, 0, 0, 0))
            found[key] = Book(
                *key, one.passes + 1, one.gas + gas, one.wei + int(wei), one.earned + int(earned)
            )
        return list(found.values())

    # The file

    def tidy(self) -> None:
        """Forgets what nobody has tried for a month."""
        with self._writing():
            self._database.execute("DELETE FROM attempts WHERE due < ?", (self._clock() - _FORGOTTEN_AFTER,))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, self._plain():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, self._plain():
            return self._database.execute(query, values).fetchall()

    def _one(self, query: str, values: Sequence[Any]) -> Any:
        return next(iter(self._read(query, values)), None)

    @contextmanager
    def _plain(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise MetalayerError(f"the {self._where} cannot be used: {error}") from error
