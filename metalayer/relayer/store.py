"""The file of a relayer's memory: made as a whole, never begun anew."""

import sqlite3
from pathlib import Path

from metalayer.errors import MetalayerError
from metalayer.network import databases

_APPLICATION = 0x4D4C524D
_SCHEMA_VERSION = 1
SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_SCHEMA_VERSION};
CREATE TABLE attempts (
    kind TEXT, chain TEXT, item TEXT, failures INTEGER, losses INTEGER, due REAL, since REAL, reason TEXT,
    PRIMARY KEY (kind, chain, item)
) WITHOUT ROWID;
CREATE TABLE meters (
    account TEXT, origin TEXT, destination TEXT, gas INTEGER, since REAL, paid TEXT,
    PRIMARY KEY (account, origin, destination)
) WITHOUT ROWID;
CREATE TABLE books (
    account TEXT, chain TEXT, passes INTEGER, gas INTEGER, wei TEXT, earned TEXT,
    PRIMARY KEY (account, chain)
) WITHOUT ROWID;
CREATE TABLE passes (at REAL, account TEXT, chain TEXT, gas INTEGER, wei TEXT, earned TEXT);
"""


def open_file(path: Path, whose: str = "relayer") -> sqlite3.Connection:
    """The database in a file, which is made if there is none. whose: what is said to work with it.

    MetalayerError if the file is damaged, empty, of another version or another program's.
    """
    try:
        if not path.exists():
            databases.create(path, SCHEMA)
        database = databases.connect(path)
        try:
            _check(database, path, whose)
            # What was written last may be lost in a power cut, and nothing else.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            database.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise MetalayerError(
            f"the {whose}'s memory {path} cannot be read ({error}): put it back from a copy, or remove it: then "
            "everything that failed is tried again at once"
        ) from error
    return database


def _check(database: sqlite3.Connection, path: Path, whose: str) -> None:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION:
        raise sqlite3.DatabaseError("it is not one")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != _SCHEMA_VERSION:
        raise MetalayerError(
            f"the {whose}'s memory {path} is of version {version}, this program writes {_SCHEMA_VERSION}: use the "
            "program that made it, or remove it"
        )
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
