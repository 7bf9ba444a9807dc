"""How things look on a terminal: amounts, tables, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

from metalayer.network.values import printable

if TYPE_CHECKING:
    from metalayer.tracking.follower import Event


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose columns starting with '#' are numbers, aligned right. Brackets in title and cells are no markup,
    and nothing in a cell moves the cursor: names and reasons are of strangers.
    """
    result = Table(title=Text(title), title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        is_number = column.startswith("#")
        result.add_column(column.removeprefix("#"), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text("\n".join(map(printable, cell.split("\n")))) for cell in row))
    return result


def console(quiet: bool = False) -> Console:
    """Prints to standard output, or nothing if `quiet` (for --json)."""
    return Console(quiet=quiet, highlight=False)


class ChainProgress:
    """One bar per chain that says what it does and how far it is; without bars a line for each thing that is done."""

    def __init__(self, names: Iterable[str], progress: Progress | None, say: Callable[[str], None]) -> None:
        self._progress, self._say = progress, say
        self._tasks: dict[str, TaskID] = {}
        if progress is not None:
            self._tasks = {name: progress.add_task(name, total=None, what="comparing") for name in names}

    def report(self, chain: str, what: str, left: int) -> None:
        """As `deploy.chain_run.Report`: called from any thread."""
        if self._progress is None:
            self._say(f"{chain}: {what}{f', {left} to go' if left else ''}")
            return
        task = self._tasks[chain]
        total = self._progress.tasks[task].total
        if total is None:
            self._progress.update(task, total=max(1, left), completed=0 if left else 1, what=what)
        else:
            self._progress.update(task, completed=total - left, what=what)


@contextmanager
def chain_progress(names: Iterable[str], quiet: bool = False) -> Iterator[ChainProgress]:
    """Progress bars on stderr while the block runs, plain lines if that is no terminal; nothing if `quiet`."""
    target = Console(stderr=True)
    if quiet or not target.is_terminal:
        # One write for each line: they come from several threads.
        yield ChainProgress(names, None, lambda line: None if quiet else click.echo(line, err=True))
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=target) as progress:
        yield ChainProgress(names, progress, target.print)


@contextmanager
def progress_bar(what: str, total: float) -> Iterator[Callable[[float], None]]:
    """A bar while the block runs, which says how much of `total` is done; nothing if not on a terminal. What it yields
    is told what was done since.
    """
    target = Console(stderr=True)
    columns = (
        TextColumn("{task.completed:g} of {task.total:g} {task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=target, disable=not target.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


class JourneyDisplay:
    """A line per event, and a spinner that says what is waited for."""

    def __init__(self, target: Console, status: Status | None) -> None:
        self._console = target
        self._status = status

    def event(self, event: Event) -> None:
        """Prints what happened."""
        gas = "" if event.gas is None else f"{event.gas:>9,} gas"
        line = f"{event.seconds:6.1f} s  {event.what:<10} {event.chain:<8} {gas:<14}"
        self._console.print(Text(f"{line} {event.transaction or ''}".rstrip()), soft_wrap=True)

    def wait(self, text: str) -> None:
        """Changes what the spinner says."""
        if self._status is not None:
            self._status.update(Text(text))


@contextmanager
def shown_on(target: Console) -> Iterator[JourneyDisplay]:
    """Shows a journey on the console while the block runs; the spinner only on a terminal."""
    if target.is_terminal and not target.quiet:
        with target.status("") as status:
            yield JourneyDisplay(target, status)
    else:
        yield JourneyDisplay(target, None)


@contextmanager
def waiting(text: str, quiet: bool = False) -> Iterator[None]:
    """A spinner that says what is waited for while the block runs; nothing if `quiet` or not on a terminal."""
    target = Console(stderr=True)
    if quiet or not target.is_terminal:
        yield
        return
    with target.status(Text(text)):
        yield
