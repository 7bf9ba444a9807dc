"""How things look on a terminal: amounts, tables, progress."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from metalayer.chain import to_hex
from metalayer.errors import MetalayerError

ERA_DECIMALS = 18
_LONG_HEX = re.compile(r"0x[0-9a-fA-F]{40,}")
_ERA_UNIT: int = 10**ERA_DECIMALS


def era(wei: int) -> str:
    """An amount of ERA for people: thousands separated, no trailing zeros, exact."""
    whole, part = divmod(abs(wei), _ERA_UNIT)
    decimals = f".{part:018d}".rstrip("0") if part else ""
    return f"{'-' if wei < 0 else ''}{whole:,}{decimals}"


def parse_era(text: str) -> int:
    """Wei of a decimal amount of ERA such as "1.5". MetalayerError unless it is positive and exact.

    No separators: a comma is a decimal point to some and none to others.
    """
    whole, _, part = text.partition(".")
    if not (whole + part).isascii() or not (whole + part).isdecimal():
        raise MetalayerError(f"'{text}' is not an amount of ERA: expected a positive number such as 1.5")
    if len(part) > ERA_DECIMALS:
        raise MetalayerError(f"'{text}' has {len(part)} decimals: ERA has {ERA_DECIMALS}")
    wei = int(whole or "0") * _ERA_UNIT + int(part.ljust(ERA_DECIMALS, "0"))
    if wei == 0:
        raise MetalayerError("the amount is zero: expected a positive number such as 1.5")
    return wei


def short(value: bytes | str) -> str:
    """Hashes and addresses shortened; other text as it is."""
    text = to_hex(value) if isinstance(value, bytes) else value
    return _LONG_HEX.sub(lambda match: f"{match[0][:10]}…{match[0][-4:]}", text)


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
        """As `deployment.Report`: called from any thread."""
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
