"""One soak, from nothing to nothing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.soak import report
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.programs import RELAYERS, VALIDATORS, Programs, memory
from benchmarks.soak.traffic import DECEIVED, LIAR, Posted, Traffic
from benchmarks.soak.weather import Weather
from benchmarks.soak.world import World, world
from demo.processes import interruptible
from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.signers import local_key
from metalayer.protocol.facts import SetFact
from metalayer.relayer.memory import Memory

DRAIN = 300.0
"""Seconds in which everything has to end when no more is sent, killed or broken."""
FORGIVE_EVERY = 60.0
"""Seconds of these after which relayers are told to try at once what waits: `ape metalayer relay once --again`."""

_JUMP_EVERY = (60.0, 180.0)
_FIRST_LIE, _LIE_EVERY = 0.3, 0.1
_SAY_EVERY = 30.0
_TICK = 0.5


def soak(minutes: float, seed: int, out: Console) -> tuple[dict[str, Any], list[str]]:
    """The figures, and a line for each thing that was not as it should be.

    Leaves no process and no file behind, whatever happens, but for logs if something was wrong. MetalayerError if it
    cannot begin.
    """
    # Not among our own things: a line of it names the place.
    folder = Path(tempfile.mkdtemp(prefix="metalayer-soak-"))
    keep = False
    try:
        with interruptible(threading.Event()), ExitStack() as stack:
            one = _Soak(minutes, seed, out, folder, stack)
            figures, problems = one.play()
        left = [f"a process is left: {line}" for line in _left(folder)]
        keep = bool(problems + left)
        return figures, problems + left
    finally:
        if keep:
            out.print(f"logs are kept in {folder}", highlight=False, soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


class _Soak:
    def __init__(self, minutes: float, seed: int, out: Console, folder: Path, stack: ExitStack) -> None:
        self.minutes, self.seed, self.out, self.folder, self.stack = minutes, seed, out, folder, stack
        self.started = time.monotonic()
        self.forgiven: list[str] = []

    def say(self, line: str) -> None:
        self.out.print(
            f"{time.monotonic() - self.started:7.1f} s  {line}", highlight=False, markup=False, soft_wrap=True
        )

    def play(self) -> tuple[dict[str, Any], list[str]]:
        self.say(f"seed {self.seed}: four chains, three hostile nodes before each")
        there = self.stack.enter_context(world(self.folder, {**RELAYERS, **VALIDATORS}, self.say))
        relayers = {name: local_key(index).address for name, index in RELAYERS.items()}
        ledger = Ledger(there, relayers)
        self.say("placing hostile senders")
        traffic = Traffic(there, self.seed, ledger.post)
        accounts = {name: traffic.accounts(name) for name in there.mesh.connections}
        before = report.Purses.read(there, accounts, relayers.values())
        programs, weather = Programs(there, self.seed, self.say), Weather(there.nodes, self.seed)
        there.mine_in_time()
        anvils = {name: memory(one.popen.pid) for name, one in there.anvils.items()}
        self.say("two relayers and five validators start")
        self.stack.callback(programs.stop)
        with self._shown(ledger, programs) as show:
            self._storm(there, ledger, traffic, weather, programs, show)
        programs.stop()
        ledger.catch_up()
        after = report.Purses.read(there, accounts, relayers.values())
        books = report.relayer_books(before, after, ledger)
        kept, grown = report.memory_figures(programs)
        figures = {
            "minutes": self.minutes,
            "seed": self.seed,
            "requests": sum(node.requests for own in there.nodes.values() for node in own),
            "messages": report.message_figures(ledger, traffic),
            "refunds": {"count": ledger.refunds, "most_gas_beyond_prepaid": ledger.dearest_refund},
            "kills": dict(sorted(programs.counts.items())),
            "faults": dict(sorted(weather.counts.items())),
            "lies": traffic.lies,
            "tried_again_at_the_end": len(self.forgiven),
            "relayers": books,
            "per_message": report.per_message(ledger, books),
            "memory": kept,
            "chains_mib": {
                name: {"start": round(anvils[name]), "end": round(memory(one.popen.pid))}
                for name, one in there.anvils.items()
            },
        }
        problems = [
            *(
                f"a message '{one.kind}' from {one.origin} to {one.destination} did not end: 0x{one.sent.id.hex()}"
                for one in ledger.open(_owed)
            ),
            *ledger.problems,
            *traffic.problems,
            *report.unbalanced(before, after, ledger, traffic),
            *report.out_of_pocket(books),
            *programs.problems,
            *grown,
            *(f"{name}: {count} transactions are pending" for name, count in there.pending().items()),
            *_litter(there),
        ]
        report.show(figures, self.out)
        return figures, problems

    def _storm(
        self,
        there: World,
        ledger: Ledger,
        traffic: Traffic,
        weather: Weather,
        programs: Programs,
        show: Callable[[str], None],
    ) -> None:
        """Everything at once, then calm, until all has ended or it takes too long."""
        over, calm = threading.Event(), threading.Event()
        working = [threading.Thread(target=traffic.run, args=(name, calm)) for name in there.mesh.connections]
        working.append(threading.Thread(target=weather.run, args=(calm,)))
        watching = [
            threading.Thread(target=programs.run, args=(over, calm)),
            threading.Thread(target=ledger.follow, args=(over,)),
        ]
        for thread in (*working, *watching):
            thread.start()
        try:
            self._blow(traffic, show)
            self.say("calm: nothing more is sent, killed or broken, and all that can expire does")
            calm.set()
            for thread in working:
                thread.join()
            traffic.jump()
            self._drain(ledger, programs, show)
        finally:
            calm.set()
            over.set()
            for thread in (*working, *watching):
                thread.join()

    def _blow(self, traffic: Traffic, show: Callable[[str], None]) -> None:
        length = 60 * self.minutes
        begin = time.monotonic()
        pause = min(max(_JUMP_EVERY[0], length / 6), _JUMP_EVERY[1])
        next_jump, next_lie = pause, _FIRST_LIE * length
        while (passed := time.monotonic() - begin) < length:
            if passed >= next_jump:
                traffic.jump()
                next_jump = passed + pause
            if passed >= next_lie:
                traffic.lie()
                self.say(f"{LIAR} lies to {DECEIVED}: {traffic.lies} notices of what never was")
                next_lie = passed + _LIE_EVERY * length
            show("storm")
            time.sleep(_TICK)

    def _drain(self, ledger: Ledger, programs: Programs, show: Callable[[str], None]) -> None:
        begin = time.monotonic()
        next_help = FORGIVE_EVERY
        while (passed := time.monotonic() - begin) < DRAIN and ledger.open(_owed):
            if passed >= next_help:
                self._forgive(programs)
                next_help = passed + FORGIVE_EVERY
            show("calm")
            time.sleep(_TICK)
        self.say(f"{len(ledger.open(_owed))} messages are open after {passed:.0f} s of calm")

    def _forgive(self, programs: Programs) -> None:
        for relayer in RELAYERS:
            known = Memory.open(programs.memory_file(relayer))
            waiting = [one for one in known.attempts() if one.due > time.time()]
            self.forgiven += [f"{relayer}: {one.kind} {one.item}: {one.reason}" for one in waiting]
            known.forgive()
            known.close()
            self.say(f"{relayer} tries {len(waiting)} things again that wait")

    @contextmanager
    def _shown(self, ledger: Ledger, programs: Programs) -> Iterator[Callable[[str], None]]:
        """A bar on a terminal, a line now and then elsewhere."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[said]}"),
            console=self.out,
            transient=True,
            disable=not self.out.is_terminal,
        )
        task = bar.add_task("", total=60 * self.minutes, said="")
        said = 0.0

        def show(phase: str) -> None:
            nonlocal said
            passed = time.monotonic() - self.started
            running = sum(one.process is not None for one in programs.all)
            line = (
                f"{len(ledger.posted)} messages sent, {len(ledger.open(_owed))} open, "
                f"{sum(how == 'returned' for how, _ in list(ledger.ended.values()))} returned, {running} programs"
            )
            bar.update(task, completed=passed, description=phase, said=line)
            if not self.out.is_terminal and passed - said > _SAY_EVERY:
                said = passed
                self.say(f"{phase}: {line}")

        with bar:
            yield show


def _owed(one: Posted) -> bool:
    return one.is_owed


def _litter(there: World) -> list[str]:
    """Files that should not be there any more: halves of others, and proposals that no lie keeps alive. What sets
    signed of later ones stays for chains that were away.
    """
    lines = [
        f"a file is left: {path.relative_to(there.workspace)}"
        for path in sorted(there.workspace.rglob("*"))
        if path.is_file() and (path.name.endswith(".new") or path.name.startswith("."))
    ]
    exchange = DirectoryExchange(there.exchange)
    liars = {there.mesh.id_of(LIAR), there.mesh.id_of(DECEIVED)}
    for root in exchange.roots():
        facts = exchange.facts(root) or ()
        places = [{f.origin, f.destination} for f in facts if not isinstance(f, SetFact)]
        if liars not in places and (places or not facts):
            lines.append(f"a proposal is left: 0x{root.hex()}")
    return lines


def _left(folder: Path) -> list[str]:
    """Command lines of processes that still run with something of this soak, besides us."""
    if not sys.platform.startswith("linux"):
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in line:
                found.append(line.strip())
    return found
