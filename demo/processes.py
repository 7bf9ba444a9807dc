"""Validators as processes of their own: the same command that their operators run."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from metalayer.network.workspace import state_dir, workspace

_STOP_SECONDS = 5.0


@contextmanager
def validators(accounts: Iterable[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One `ape run validate` per account, each with a log in the state directory. Ended on leaving."""
    with ExitStack() as stack:
        yield [stack.enter_context(_validator(account)) for account in accounts]


@contextmanager
def _validator(account: str) -> Iterator[subprocess.Popen[bytes]]:
    ape = str(Path(sys.executable).with_name("ape"))
    with (state_dir() / f"validator-{account.rpartition(':')[2]}.log").open("wb") as log:
        process = subprocess.Popen(
            [ape, "run", "validate", "--key", account],
            cwd=workspace(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Not in our terminal's group: Ctrl-C reaches us alone, and we end them in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
