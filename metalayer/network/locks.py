"""Locks between processes. The system frees a lock when its holder ends, however it ends: there are no stale ones."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TextIO

from metalayer.errors import MetalayerError


class Taken(MetalayerError):
    """Another process holds a lock."""


@dataclass(frozen=True)
class Holder:
    """A process of this machine that holds a lock. since: Unix time."""

    pid: int
    since: float


class Lock:
    """A lock file that this process holds until `release`, or to the end of a `with`."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def release(self) -> None:
        """Lets another process have it. Once more does nothing."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def exclusive(path: Path, taken: str | None = None) -> Lock:
    """Holds a lock file; its folder is made if it is missing.

    If another process has it: Taken, which begins with `taken` and names the holder, or, without `taken`, waits.
    MetalayerError if the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MetalayerError(f"{path} cannot be written ({error.strerror})") from error
    file = os.fdopen(handle, "r+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX if taken is None else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        with file:
            raise Taken(f"{taken}: {_holder(file.read())} ({path})") from error
    except BaseException:
        file.close()
        raise
    since = datetime.now(UTC).isoformat(timespec="seconds")
    held = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}) + "\n"
    try:
        # Past the file's buffer, which would try to write once more when it is closed.
        os.ftruncate(handle, 0)
        os.pwrite(handle, held.encode(), 0)
    except OSError as error:
        file.close()
        raise MetalayerError(f"{path} cannot be written ({error.strerror})") from error
    return Lock(file)


def holder(path: Path) -> Holder | None:
    """Who holds a lock file; None if nobody of this machine does. The lock is not tried: nobody is disturbed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        pid, since = int(found["pid"]), datetime.fromisoformat(found["since"]).timestamp()
        is_here = found["host"] == socket.gethostname()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Holder(pid, since) if is_here and _runs(pid) else None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        # It is somebody else's.
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"pid {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process, which has just begun"
