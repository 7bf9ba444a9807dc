"""What one validator ever signed."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from metalayer.errors import MetalayerError
from metalayer.network.locks import exclusive
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact


class Contradiction(MetalayerError):
    """A fact says something else than one that was signed before."""


class Record:
    """Everything that one validator ever signed, on disk before the signature exists.

    One process at a time: MetalayerError if another one has it open, or if it is another validator's record.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        try:
            self._lock = exclusive(
                path.with_name(path.name + ".lock"),
                f"another validator has the record {path} (one key, one process)",
            )
            try:
                self._database = _open(path)
            except BaseException:
                self._lock.release()
                raise
        except (OSError, sqlite3.Error) as error:
            raise MetalayerError(f"cannot open the record {path}: {error}") from error
        self._identify(identity)

    def _identify(self, identity: str) -> None:
        row = self._database.execute("SELECT name FROM identity").fetchone()
        if row is None:
            self._database.execute("INSERT INTO identity VALUES (?)", (identity,))
        elif row[0] != identity:
            self.close()
            raise MetalayerError(f"the record {self._path} belongs to {row[0]}, not to {identity}")

    def commit(self, facts: Iterable[Fact]) -> None:
        """Writes facts that are about to be signed. When it returns they are on disk.

        Contradiction, and nothing written, if one of them has another value than before, or if a message and a restart
        would stand at one place of a lane.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for fact in facts:
                    signed = self._signed(fact.key)
                    if signed is None:
                        self._database.execute("INSERT INTO facts VALUES (?, ?)", (fact.key, fact.value))
                    elif signed != fact.value:
                        raise Contradiction(
                            f"{fact.key}: signed 0x{signed.hex()} before, this is 0x{fact.value.hex()}: "
                            + _what_happened(fact)
                        )
                    rival = _rival(fact)
                    if rival is not None and self._signed(rival) is not None:
                        raise Contradiction(f"{fact.key}: signed '{rival}' before: {_what_happened(fact)}")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise MetalayerError(f"cannot write the record {self._path}: {error}") from error

    def _signed(self, key: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        """Lets another process have it."""
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # A rollback journal, synced with its directory: what is committed survives a power cut.
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA synchronous = EXTRA")
    database.execute("CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
    database.execute("CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY)")
    return database


def _rival(fact: Fact) -> str | None:
    """Key of what cannot be true as well: at one place of a lane stands a message or a restart."""
    if isinstance(fact, LaneFact):
        return RestartFact(fact.origin, fact.destination, fact.nonce).key
    if isinstance(fact, RestartFact):
        return LaneFact(fact.origin, fact.destination, fact.nonce, b"").key
    return None


def _what_happened(fact: Fact) -> str:
    if isinstance(fact, SetFact):
        return "a version means one set for ever, another set needs a higher one"
    return f"chain {fact.origin} was reorganised since, only a restart of the lane mends it"
