"""Programs that a benchmark starts and ends."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.rpc import Unreachable
from tools.repository import repo_root

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Process:
    """A process of ours, and the file with what it said before it ended."""

    popen: subprocess.Popen[bytes]
    log: Path

    def line(self) -> bytes:
        """The next line of its output. MetalayerError if it ended."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            raise self.ended()
        return line

    def ended(self) -> MetalayerError:
        said = self.log.read_text(errors="replace").strip().splitlines()
        return MetalayerError(f"{self.log.stem} ended: {said[-1].strip() if said else 'it said nothing'}")


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[Process]:
    """Starts a program whose errors go to `log`. Ended on leaving."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=repo_root(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Not in our terminal's group: Ctrl-C reaches us alone, and we end them in order.
            start_new_session=True,
        )
    with process:
        try:
            yield Process(process, log)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def refuse_taken(connection: Connection) -> None:
    """MetalayerError if something answers where a chain is about to be started."""
    try:
        connection.height()
    except Unreachable:
        return
    raise MetalayerError(f"port {connection.chain.port} is taken by another chain: set METALAYER_PORT_OFFSET")


def wait_for(connection: Connection, process: Process) -> None:
    """Returns when the chain of that process answers. MetalayerError if it ends, Unreachable if it takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.popen.poll() is not None:
            raise process.ended()
        try:
            connection.height()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
