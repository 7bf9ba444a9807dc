"""What the demo starts: validators and a solver as processes of their own, with the command of their operators, and a
relayer.
"""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.live import Live
from metalayer.network.signers import load_sender
from metalayer.network.workspace import state_dir, workspace
from metalayer.relayer.memory import Memory
from metalayer.relayer.passes import Relayer, watch
from metalayer.staking.keeper import Keeper

_STOP_SECONDS = 5.0


@contextmanager
def validators(accounts: Iterable[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One `ape metalayer validate` per account, each with a log in the state directory. Ended on leaving."""
    with ExitStack() as stack:
        yield [stack.enter_context(_validator(account)) for account in accounts]


def _validator(account: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    log = state_dir() / f"validator-{account.rpartition(':')[2]}.log"
    return _process(log, "validate", "--key", account)


@contextmanager
def solver(account: str, policy: Path, started: Callable[[Callable[[], bool]], None]) -> Iterator[None]:
    """An `ape metalayer solve watch`, with a log in the state directory. Ended on leaving.

    started: waits until it has begun.
    """
    log = state_dir() / "solver.log"
    with _process(log, "solve", "watch", "--account", account, "--policy", str(policy), "--every", "0.1"):
        started(lambda: b"solving for" in log.read_bytes())
        yield


@contextmanager
def _process(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    ape = str(Path(sys.executable).with_name("ape"))
    with log.open("wb") as file:
        process = subprocess.Popen(
            [ape, "run", *arguments],
            cwd=workspace(),
            stdin=subprocess.DEVNULL,
            stdout=file,
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


@contextmanager
def relayer(live: Live, account: str, every: float) -> Iterator[None]:
    """A relayer in a thread of ours, with the keeper that `relay watch` has and a log in the state directory. Ended on
    leaving.

    every: seconds between two passes.
    """
    senders = dict.fromkeys(live.mesh.connections, load_sender(account))
    shared, memory = DirectoryExchange.of(live), Memory.fleeting()
    keeper = Keeper(live.mesh, shared, senders, memory)
    # It leaves its claims to us: one that it sends at the end would be under way when the books are read.
    ours = Relayer(live.mesh, shared, senders, claim_multiple=math.inf, memory=memory, keeper=keeper)
    stop = threading.Event()
    with (state_dir() / "relayer.log").open("w", encoding="utf-8") as log:

        def say(line: str) -> None:
            log.write(line + "\n")
            log.flush()

        thread = threading.Thread(target=watch, args=(ours, stop, every, say), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(_STOP_SECONDS)


@contextmanager
def interruptible(cancelled: threading.Event) -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo like Ctrl-C; while it cleans up, nothing interrupts it."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        cancelled.set()
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
