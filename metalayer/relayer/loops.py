"""A loop of its own for each chain: a slow or a stuck one is not waited for by the others."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar, cast

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection

PATIENCE = 10.0
"""Seconds for which a pass waits for what it began on a chain."""

READING, READING_CLOSED, SENDING = "reading", "reading closed lanes", "sending"
"""Sides of a chain."""

_HARDLY = 0.05
_MOST_SAID = 300

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Fault(str):
    """A line about a chain whose work failed."""


class Late(Fault):
    """A line about a chain whose work goes on."""


class _Job:
    """One piece of work in a thread. `seconds`: how long it took, without waiting for its turn."""

    def __init__(self, work: Callable[[], object], turn: threading.Lock, name: str) -> None:
        self.seconds = 0.0
        self.result: object = None
        self.error: BaseException | None = None
        self._work = work
        self._turn = turn
        # A daemon: a chain that does not answer must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._turn:
                started = time.monotonic()
                try:
                    self.result = self._work()
                finally:
                    self.seconds = time.monotonic() - started
        except BaseException as error:  # noqa: BLE001 - raised again by who takes the result
            self.error = error

    def is_done(self, within: float) -> bool:
        """Waits for so many seconds at most."""
        self._thread.join(max(0.0, within))
        return not self._thread.is_alive()


class Loops:
    """What is done on each chain, in stages. One chain's work of one kind is done one after the other, all chains'
    at the same time.

    patience: seconds to wait for a stage. A chain that took longer is hardly waited for until it was faster once: what
    it was asked for is the result of a later pass. What is only read may be as old as that: everything is checked again
    by the chain that it is sent to.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._jobs: dict[tuple[str, str], _Job] = {}
        self._turns: dict[tuple[str, str], threading.Lock] = {}
        self._slow: set[tuple[str, str]] = set()
        self._read: dict[tuple[str, str], object] = {}

    def each(
        self,
        stage: str,
        work: Callable[[Connection], Result],
        connections: Iterable[Connection],
        side: str = READING,
    ) -> list[Result | str]:
        """Results in order, a line for each chain that failed, or that is Late.

        Work of one `side` of a chain waits for its turn. If the last work of this stage ended meanwhile, its result is
        taken, and no new work is begun. What a late chain said when it was READING last is its result until it ends.
        """
        asked = list(connections)
        for connection in asked:
            self._begin((stage, connection.name), partial(work, connection), side)
        deadline = time.monotonic() + self.patience
        answers = []
        for connection in asked:
            key = (stage, connection.name)
            answer = self._take(key, deadline)
            if isinstance(answer, Late):
                answer = self._read.get(key, answer)
            elif isinstance(answer, Fault):
                self._read.pop(key, None)
            elif side == READING:
                self._read[key] = answer
            answers.append(answer)
        return answers

    def alone(self, stage: str, work: Callable[[], Result]) -> Result | str:
        """The same of what is no single chain's."""
        self._begin((stage, ""), work, stage)
        return cast(Result | str, self._take((stage, ""), time.monotonic() + self.patience))

    def elsewhere(self, here: Connection, other: Connection, work: Callable[[], Result]) -> Result:
        """What one chain's work needs of another chain's node. Raises what it raises, and MetalayerError if it is late.

        What is late is not waited for again while it lasts, and its result is lost, but for what it keeps by itself.
        """
        key = (f"what {here.name} needs of it", other.name)
        job = self._jobs.get(key)
        if job is None or job.is_done(0):
            job = _Job(work, threading.Lock(), f"{threading.current_thread().name} {other.name}")
            self._jobs[key] = job
            if job.is_done(min(_HARDLY, self.patience) if key in self._slow else self.patience):
                del self._jobs[key]
                self._slow.discard(key)
                if job.error is not None:
                    raise job.error
                return cast(Result, job.result)
            self._slow.add(key)
        raise MetalayerError(f"{other.name}: {key[0]} takes longer than {self.patience:g} s")

    def rest(self, stage: str, within: float) -> list[Any]:
        """What is left of a stage, for which nobody waited: waits for so many seconds."""
        deadline = time.monotonic() + within
        return [self._take(key, deadline, is_patient=True) for key in list(self._jobs) if key[0] == stage]

    def _begin(self, key: tuple[str, str], work: Callable[[], object], side: str) -> None:
        if key not in self._jobs:
            turn = self._turns.setdefault((side, key[1]), threading.Lock())
            self._jobs[key] = _Job(work, turn, f"{threading.current_thread().name} {key[1]}")

    def _take(self, key: tuple[str, str], deadline: float, *, is_patient: bool = False) -> Any:
        stage, name = key
        job = self._jobs[key]
        is_slow = key in self._slow and not is_patient
        if not job.is_done(min(_HARDLY, self.patience) if is_slow else deadline - time.monotonic()):
            self._slow.add(key)
            what = f"{stage} takes longer than {self.patience:g} s: the other chains go on"
            return Late(f"{name}: {what}" if name else what)
        del self._jobs[key]
        if job.seconds <= self.patience:
            self._slow.discard(key)
        if isinstance(job.error, Exception):
            return Fault(unexpected(name, job.error))
        if job.error is not None:
            raise job.error
        return job.result


def repeat(
    once: Callable[[], Iterable[str]], stop: threading.Event, every: float, complain: Callable[[str], None]
) -> None:
    """Does something again and again, `every` seconds apart, until `stop` is set. A problem that it returns is said
    once, until it changes.
    """
    told: set[str] = set()
    while not stop.is_set():
        problems = list(dict.fromkeys(once()))
        for problem in problems:
            if problem not in told:
                complain(problem)
        told = set(problems)
        stop.wait(every)


@contextmanager
def guard(name: str, fail: Callable[[str], object]) -> Iterator[None]:
    """Whatever goes wrong with a chain inside becomes one line, and holds up nothing else."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - nodes and strangers find what nobody thought of
        fail(unexpected(name, error))


def unexpected(name: str, error: Exception) -> str:
    """One line about what went wrong on a chain, whatever it is."""
    if not isinstance(error, MetalayerError):
        log.warning("%s", name, exc_info=error)
        error = MetalayerError(f"{type(error).__name__}: {' '.join(str(error).split())[:_MOST_SAID]}")
    said = str(error)
    return said if not name or said.startswith((f"{name}:", f"{name} ")) else f"{name}: {said}"
