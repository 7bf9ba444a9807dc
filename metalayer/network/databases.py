"""SQLite files that several processes may begin and use at once."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex

_BUSY_SECONDS = 30.0


def create(path: Path, schema: str) -> None:
    """Makes the whole file elsewhere first: a process that is killed here leaves none that is half there.

    Leaves a file alone that another process made meanwhile. Raises OSError and sqlite3.Error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beginning = path.with_name(f"{path.name}.{token_hex(4)}.new")
    try:
        with closing(sqlite3.connect(beginning, isolation_level=None)) as database:
            database.executescript(schema)
        # Unlike a rename, this replaces nothing.
        with suppress(FileExistsError):
            os.link(beginning, path)
    finally:
        beginning.unlink(missing_ok=True)


def connect(path: Path) -> sqlite3.Connection:
    """Opens a file that is there, for all threads; each statement is a transaction of its own. Raises sqlite3.Error."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
