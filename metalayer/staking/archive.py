"""What a watcher saw signed, on disk: it forgets nothing that may still convict.

A place of a lane, or a version of sets, is contested if two things were signed of it that cannot both be true. What was
signed about the hub is open until the hub was seen to hold it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from metalayer.errors import MetalayerError
from metalayer.network import databases
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, UnexecutedFact
from metalayer.protocol.gateway import InboxLane
from metalayer.staking.testimony import Sighting

# "MLEV" as a number.
_APPLICATION = 0x4D4C4556
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
CREATE TABLE signatures (root BLOB, signer TEXT, signature BLOB, PRIMARY KEY (root, signer)) WITHOUT ROWID;
CREATE TABLE facts (
    root BLOB, leaf BLOB, place TEXT, kind TEXT, origin TEXT, destination TEXT, nonce TEXT, value BLOB,
    status INTEGER, proof BLOB, PRIMARY KEY (root, leaf)
) WITHOUT ROWID;
CREATE INDEX places ON facts (place, leaf);
CREATE INDEX leaves ON facts (leaf);
CREATE TABLE contested (place TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE open (leaf BLOB PRIMARY KEY, since INTEGER) WITHOUT ROWID;
CREATE TABLE held (leaf BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE chains (id TEXT PRIMARY KEY, height INTEGER) WITHOUT ROWID;
CREATE TABLE lanes (
    origin TEXT, destination TEXT, nonce TEXT, head BLOB, PRIMARY KEY (origin, destination)
) WITHOUT ROWID;
"""
_KINDS = {LaneFact: "lane", RestartFact: "restart", SetFact: "set", UnexecutedFact: "unexecuted"}
_OF_PLACE = """
SELECT root, proof, kind, origin, destination, nonce, value, status FROM facts WHERE place = ? ORDER BY root, leaf
"""
_SIGNED = "SELECT root, signer FROM facts JOIN signatures USING (root) WHERE leaf = ?"
_OF_LEAF = """
SELECT root, proof, kind, origin, destination, nonce, value, status FROM facts WHERE leaf = ? ORDER BY root
"""


class Archive:
    """One watcher's. `hub`: chain id of the network's hub. Safe to write from several threads.

    MetalayerError if another process writes for too long, or if the file is no whole archive.
    """

    def __init__(self, path: Path, hub: int) -> None:
        self._path = path
        self._hub = hub
        self._one_at_a_time = threading.Lock()
        try:
            if not path.exists():
                databases.create(path, _SCHEMA)
            self._database = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise MetalayerError(
                f"what was seen signed cannot be read from {path} ({error}): put it back from a copy, or remove it: "
                "then all chains are read again, and what is gone from the exchange is not found any more"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._one_at_a_time:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise MetalayerError(f"cannot write {self._path}: {error}") from error

    def add_news(self, sighting: Sighting) -> int:
        """Keeps what nobody paid for: of the facts those of which a signature is the first of its signer, or of which
        no root has as many. Returns how many signatures are new. Honest validators sign whatever true facts strangers
        put together, again and again.
        """
        news = {fact: proof for fact, proof in sighting.facts.items() if self._is_news(fact, sighting)}
        return self.add([Sighting(sighting.root, sighting.signatures, news)]) if news else 0

    def _is_news(self, fact: Fact, sighting: Sighting) -> bool:
        said: dict[bytes, set[str]] = {}
        for root, signer in self._database.execute(_SIGNED, (fact.leaf,)):
            said.setdefault(root, set()).add(signer)
        signers = said.get(sighting.root, set()) | sighting.signatures.keys()
        others = [found for root, found in said.items() if root != sighting.root]
        return len(signers) > max(map(len, others), default=0) or not signers <= set().union(*others)

    def add(
        self,
        sightings: Iterable[Sighting],
        height: tuple[int, int] | None = None,
        lanes: Mapping[tuple[int, int], InboxLane] | None = None,
    ) -> int:
        """Keeps what was seen. Returns how many signatures are new.

        height, lanes: up to which block which chain (id) was read, and how far its lanes are there: kept with it.
        """
        count = 0
        with self._writing() as database:
            for one in sightings:
                for signer, signature in one.signatures.items():
                    cursor = database.execute(
                        "INSERT OR IGNORE INTO signatures VALUES (?, ?, ?)", (one.root, signer, signature)
                    )
                    count += cursor.rowcount
                for fact, proof in one.facts.items():
                    self._add_fact(one.root, fact, proof)
            if height is not None:
                database.execute("INSERT OR REPLACE INTO chains VALUES (?, ?)", (str(height[0]), height[1]))
            for (origin, destination), lane in (lanes or {}).items():
                values = (str(origin), str(destination), str(lane.nonce), lane.head)
                database.execute("INSERT OR REPLACE INTO lanes VALUES (?, ?, ?, ?)", values)
        return count

    def _add_fact(self, root: bytes, fact: Fact, proof: tuple[bytes, ...]) -> None:
        place, leaf = _place(fact), fact.leaf
        row = (root, leaf, place, *_row(fact), b"".join(proof))
        added = self._database.execute(
            "INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
        ).rowcount
        if not added:
            return
        if not isinstance(fact, UnexecutedFact):
            self._database.execute(
                "INSERT OR IGNORE INTO contested SELECT ? WHERE EXISTS "
                "(SELECT 1 FROM facts WHERE place = ? AND leaf <> ?)",
                (place, place, leaf),
            )
        if self._is_of_hub(fact):
            self._database.execute(
                "INSERT OR IGNORE INTO open SELECT ?, NULL WHERE NOT EXISTS (SELECT 1 FROM held WHERE leaf = ?)",
                (leaf, leaf),
            )

    def _is_of_hub(self, fact: Fact) -> bool:
        if isinstance(fact, SetFact):
            return True
        return self._hub == (fact.destination if isinstance(fact, UnexecutedFact) else fact.origin)

    def hold(self, true: Iterable[Fact], other: Iterable[Fact], latest: int, final: int) -> None:
        """What the hub held at its block `latest`, and what it did not. What it still holds when that is final is true:
        nobody is accused of it.
        """
        with self._writing() as database:
            database.executemany("UPDATE open SET since = NULL WHERE leaf = ?", [(f.leaf,) for f in other])
            for leaf in (fact.leaf for fact in true):
                row = database.execute("SELECT since FROM open WHERE leaf = ?", (leaf,)).fetchone()
                if row is not None and row[0] is not None and row[0] <= final:
                    database.execute("DELETE FROM open WHERE leaf = ?", (leaf,))
                    database.execute("INSERT OR IGNORE INTO held VALUES (?)", (leaf,))
                elif row is not None and row[0] is None:
                    database.execute("UPDATE open SET since = ? WHERE leaf = ?", (latest, leaf))

    def open_facts(self) -> list[Fact]:
        """What was signed about the hub and was not seen to be true."""
        rows = self._database.execute(
            "SELECT DISTINCT leaf, kind, origin, destination, nonce, value, status FROM facts "
            "WHERE leaf IN (SELECT leaf FROM open)"
        )
        return [_fact(*row[1:]) for row in rows]

    def contested(self) -> Iterator[list[Sighting]]:
        """For each contested place, all that was signed of it."""
        for (place,) in self._database.execute("SELECT place FROM contested ORDER BY place").fetchall():
            yield self._sightings(_OF_PLACE, place)

    def about(self, fact: Fact) -> list[Sighting]:
        """All that was signed with a fact under it."""
        return self._sightings(_OF_LEAF, fact.leaf)

    def _sightings(self, query: str, value: object) -> list[Sighting]:
        rows = self._database.execute(query, (value,)).fetchall()
        found = []
        for root, proof, *columns in rows:
            signed = self._database.execute(
                "SELECT signer, signature FROM signatures WHERE root = ? ORDER BY signer", (root,)
            )
            siblings = tuple(proof[i : i + 32] for i in range(0, len(proof), 32))
            found.append(Sighting(root, dict(signed.fetchall()), {_fact(*columns): siblings}))
        return found

    def height(self, chain_id: int) -> int | None:
        """Up to which block a chain was read."""
        row = self._database.execute("SELECT height FROM chains WHERE id = ?", (str(chain_id),)).fetchone()
        return None if row is None else int(row[0])

    def lanes(self, chain_id: int) -> dict[tuple[int, int], InboxLane]:
        """How far the lanes to a chain were then, by (origin, destination)."""
        rows = self._database.execute(
            "SELECT origin, nonce, head FROM lanes WHERE destination = ?", (str(chain_id),)
        )
        return {(int(origin), chain_id): InboxLane(int(n), head) for origin, n, head in rows}

    def counts(self) -> tuple[int, int]:
        """Signatures, and facts under the roots that were signed."""
        row = self._database.execute(
            "SELECT (SELECT COUNT(*) FROM signatures), (SELECT COUNT(*) FROM facts)"
        ).fetchone()
        return int(row[0]), int(row[1])

    def forget(self, signers: Collection[str]) -> None:
        """What these signed convicts nobody any more."""
        with self._writing() as database:
            for signer in signers:
                database.execute("DELETE FROM signatures WHERE signer = ?", (signer,))
            if signers:
                database.execute("DELETE FROM facts WHERE root NOT IN (SELECT root FROM signatures)")
                database.execute("DELETE FROM open WHERE leaf NOT IN (SELECT leaf FROM facts)")
                database.execute("DELETE FROM held WHERE leaf NOT IN (SELECT leaf FROM facts)")
                database.execute("DELETE FROM contested WHERE place NOT IN (SELECT place FROM facts)")

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _place(fact: Fact) -> str:
    """One text for what cannot both be true: at a place of a lane stands a message or a restart."""
    if isinstance(fact, RestartFact):
        return LaneFact(fact.origin, fact.destination, fact.nonce, b"").key
    return fact.key


def _row(fact: Fact) -> tuple[object, ...]:
    kind = _KINDS[type(fact)]
    if isinstance(fact, SetFact):
        return kind, "0", "0", str(fact.version), fact.set_hash, 0
    value, status = fact.value, 0
    if isinstance(fact, UnexecutedFact):
        value, status = fact.id, fact.status
    return kind, str(fact.origin), str(fact.destination), str(fact.nonce), value, status


def _fact(kind: str, origin: str, destination: str, place: str, value: bytes, status: int) -> Fact:
    ends, nonce = (int(origin), int(destination)), int(place)
    if kind == "lane":
        return LaneFact(*ends, nonce, value)
    if kind == "set":
        return SetFact(nonce, value)
    return RestartFact(*ends, nonce) if kind == "restart" else UnexecutedFact(*ends, nonce, value, status)


def _open(path: Path) -> sqlite3.Connection:
    database = databases.connect(path)
    try:
        if database.execute("PRAGMA application_id").fetchone() != (_APPLICATION,):
            raise sqlite3.DatabaseError("it is not one")
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("it is damaged")
        database.execute("PRAGMA journal_mode = WAL")
        # What is kept is taken from no one again: it must survive a power cut.
        database.execute("PRAGMA synchronous = FULL")
    except BaseException:
        database.close()
        raise
    return database
