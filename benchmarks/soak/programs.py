"""Relayers and validators, as their operators run them: killed at random, and started again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.soak.world import World

RELAYERS = {"relayer_1": 12, "relayer_2": 14}
VALIDATORS = {f"validator_{number}": 4 + number for number in range(1, 6)}
"""Test accounts by alias: those of the first validator set."""

_KILLED = {
    "relayer_1": 3,
    "relayer_2": 1,
    **dict.fromkeys(list(VALIDATORS)[:-1], 1),
}
"""How often each is killed, against the others. The last validator never is: its memory is seen for the whole time."""

_BETWEEN_KILLS = 25.0
_STOP_SECONDS = 20.0
_START_SECONDS = 30.0
"""A program that ends by itself within so many seconds could not start: an operator's service starts it again."""
_AGAIN_AFTER = 3.0
_SAMPLE_EVERY = 5.0
_TICK = 0.5


@dataclass
class Life:
    """One process: when it began, and MiB that it had, by seconds of age."""

    started: float
    memory: list[tuple[float, float]] = field(default_factory=list)


@dataclass
class Program:
    """One program and its processes, one after the other."""

    name: str
    command: Sequence[str]
    log: Path
    record: Path | None = None
    """Of a validator."""
    process: subprocess.Popen[bytes] | None = None
    due: float = 0.0
    lives: list[Life] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.name.partition("_")[0]

    def start(self, world: World) -> None:
        is_first = self.record is not None and not self.record.exists()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *(["--new-record"] if is_first else [])],
                cwd=world.workspace,
                env=world.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Not in our terminal's group: Ctrl-C reaches us alone, and we end them in order.
                start_new_session=True,
            )
        self.lives.append(Life(time.monotonic()))

    def sample(self) -> None:
        if self.process is not None and (found := memory(self.process.pid)):
            life = self.lives[-1]
            life.memory.append((time.monotonic() - life.started, found))

    def last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else "it said nothing"


@dataclass
class Programs:
    """All of them. `problems` has a line for each that ended by itself, or did not end when it was told to."""

    world: World
    seed: int
    say: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    all: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.all = [self._program(name) for name in (*VALIDATORS, *RELAYERS)]
        self._dice = random.Random(f"{self.seed} kills")

    def memory_file(self, relayer: str) -> Path:
        return self.world.workspace / f"{relayer}.sqlite"

    def _program(self, name: str) -> Program:
        ape = str(Path(sys.executable).with_name("ape"))
        shared = ["--exchange", str(self.world.exchange)]
        folder, record = self.world.workspace, None
        if name in RELAYERS:
            own = ["relay", "watch", "--account", name, "--yes", "--every", "2"]
            own += ["--memory", str(self.memory_file(name))]
        else:
            record = folder / f"{name}.sqlite"
            own = ["validate", "--key", name, "--record", str(record)]
        return Program(name, [ape, "metalayer", *own, *shared], folder.parent / f"{name}.log", record)

    def run(self, stop: threading.Event, calm: threading.Event) -> None:
        """Until `stop`: keeps them running. Until `calm`: kills them now and then."""
        next_kill = time.monotonic() + self._dice.uniform(0.5, 1.5) * _BETWEEN_KILLS
        next_sample = 0.0
        while not stop.wait(_TICK):
            now = time.monotonic()
            for program in self.all:
                self._keep(program, now)
            if now >= next_sample:
                for program in self.all:
                    program.sample()
                next_sample = now + _SAMPLE_EVERY
            if now >= next_kill and not calm.is_set():
                self._kill(self._dice.choices(list(_KILLED), list(_KILLED.values()))[0])
                next_kill = now + self._dice.expovariate(1 / _BETWEEN_KILLS)

    def _keep(self, program: Program, now: float) -> None:
        process = program.process
        if process is None:
            if now >= program.due:
                program.start(self.world)
            return
        if process.poll() is None:
            return
        self._ended(program, now - program.lives[-1].started)
        program.process, program.due = None, now + _AGAIN_AFTER

    def _ended(self, program: Program, age: float) -> None:
        assert program.process is not None
        words = program.last_words()
        if age < _START_SECONDS:
            self.counts["failed starts"] += 1
            self.say(f"{program.name} could not start: {words}")
        else:
            self.problems.append(
                f"{program.name} ended by itself after {age:.0f} s (status {program.process.returncode}): {words}"
            )

    def _kill(self, name: str) -> None:
        """At once, mostly; or as a service is stopped."""
        program = next(one for one in self.all if one.name == name)
        if program.process is None or program.process.poll() is not None:
            return
        if self._dice.random() < 0.75:
            how = "SIGKILL"
            program.process.kill()
            program.process.wait()
        else:
            how = "SIGTERM"
            self._stop(program)
        program.process = None
        program.due = time.monotonic() + self._dice.uniform(0, 15)
        self.counts[f"{program.kind} {how}"] += 1
        self.say(f"{name} got {how}")

    def _stop(self, program: Program, *, is_told: bool = False) -> None:
        process = program.process
        if process is None or (process.poll() is not None and not is_told):
            return
        age = time.monotonic() - program.lives[-1].started
        if not is_told:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.problems.append(f"{program.name} did not end within {_STOP_SECONDS:.0f} s of SIGTERM")
            return
        # Before it listens for the signal, it ends of it.
        if status not in (0, *([-signal.SIGTERM] if age < _START_SECONDS else [])):
            self.problems.append(f"{program.name} ended with {status} on SIGTERM: {program.last_words()}")

    def stop(self) -> None:
        """All of them, in order."""
        running = [p for p in self.all if p.process is not None and p.process.poll() is None]
        for program in running:
            assert program.process is not None
            program.process.send_signal(signal.SIGTERM)
        for program in running:
            self._stop(program, is_told=True)
        for program in self.all:
            program.process = None


def memory(pid: int) -> float:
    """MiB that a process has in memory. 0 if there is no such process, or nobody says."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS: 0")
    return int(line.split()[1]) / 1024
