"""How things look on a terminal: amounts, tables, progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose columns starting with '#' are numbers, aligned right."""
    result = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        is_number = column.startswith("#")
        result.add_column(column.removeprefix("#"), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        result.add_row(*row)
    return result


def console(quiet: bool = False) -> Console:
    """Prints to standard output, or nothing if `quiet` (for --json)."""
    return Console(quiet=quiet, highlight=False)


class ChainProgress:
    """One line per chain that says what it does and how far it is."""

    def __init__(self, progress: Progress, names: Iterable[str]) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {
            name: progress.add_task(name, total=None, what="comparing") for name in names
        }

    def report(self, chain: str, what: str, left: int) -> None:
        """As `deploy.apply.Report`: called from any thread."""
        task = self._tasks[chain]
        total = self._progress.tasks[task].total
        if total is None:
            self._progress.update(task, total=max(1, left), completed=0 if left else 1, what=what)
        else:
            self._progress.update(task, completed=total - left, what=what)


@contextmanager
def chain_progress(names: Iterable[str], quiet: bool = False) -> Iterator[ChainProgress]:
    """Progress bars while the block runs; nothing if `quiet` or if the output is not a terminal."""
    target = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=target, disable=quiet or not target.is_terminal) as progress:
        yield ChainProgress(progress, names)
