"""What a failed test prints: the property that it holds, one short traceback, and what repeats it.

Pytest's own traceback has every frame of Hypothesis and of Ape, and Ape's plugin prints the local variables of each of
ours: hundreds of lines. `--tb=long`, `--showlocals` and `--show-internal` bring either back.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionInfo, ExceptionRepr, ReprEntry, ReprEntryNative, Traceback

from tests.kit.exploring import MACHINE, SEED, STEP
from tools.repository import repo_root

_NOT_OURS = {".venv", "site-packages"}
_KIT = repo_root() / "tests" / "kit"
_WIDTH = 400
"""Characters of a line; what is compared may be whole messages."""
_EXAMPLE = ("Failing test case:", "Falsifying example:", "Draw ")
"""How notes of Hypothesis begin."""


class ShortFailures:
    """A pytest plugin."""

    def __init__(self, config: pytest.Config, deep: str) -> None:
        """deep: options that repeat random examples; empty if none are random."""
        self.deep = deep
        option = config.option
        self._verbose = option.tbstyle not in ("auto", "short") or option.showlocals or option.fulltrace
        self._internal = bool(option.show_internal)
        self._last: object = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and call.excinfo is not None and not self._verbose and not self._internal:
            report.longrepr = self._short(item, call.excinfo)
            report.sections = [section for section in report.sections if call.when in section[0]]
        self._last = report.longrepr
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_exception_interact(
        self, node: pytest.Item, call: pytest.CallInfo[None], report: pytest.CollectReport | pytest.TestReport
    ) -> None:
        """Ape's plugin has put its own in its place."""
        if self._internal:
            return
        if isinstance(report, pytest.TestReport):
            report.longrepr = self._last  # type: ignore[assignment]
        elif call.excinfo is not None and not self._verbose:
            report.longrepr = self._short(node, call.excinfo)

    def _short(self, node: pytest.Item, excinfo: ExceptionInfo[BaseException]) -> ExceptionRepr:
        notes = _take_notes(excinfo.value)
        ours = [entry for entry in excinfo.traceback if _is_ours(Path(entry.path))]
        # What the kit was asked for says more than how it works; unless nobody asked.
        ours = [entry for entry in ours if _KIT not in Path(entry.path).parents] or ours
        if ours:
            excinfo.traceback = Traceback(ours)
        shown = excinfo.getrepr(style="short", chain=False, tbfilter=False)
        entries = list(shown.reprtraceback.reprentries)
        for entry in entries:
            if isinstance(entry, ReprEntry):
                entry.lines = [f"{line[:_WIDTH]} ..." if len(line) > _WIDTH else line for line in entry.lines]
        purpose = (getattr(getattr(node, "function", None), "__doc__", None) or "").strip().split("\n\n")[0]
        if purpose:
            entries.insert(0, ReprEntryNative([" ".join(purpose.split()) + "\n"]))
        shown.reprtraceback.reprentries = entries
        machine, steps = notes[MACHINE], notes[STEP]
        if machine:
            name = machine[0].removeprefix(MACHINE)
            head = [f"@replay({name})", f"def what_happens(state: {name}) -> None:"]
            text = "\n".join([*head, *(f"    {step}" for step in steps)])
            shown.addsection("steps, to be kept in tests/stateful/replays.py", text)
        example = [note for start in _EXAMPLE for note in notes[start]]
        if example:
            shown.addsection("example", "\n".join(example))
        if self.deep and (example or notes[SEED]):
            command = f"--deep {notes[SEED][0]}" if notes[SEED] else self.deep
            shown.addsection("again", f"ape test '{node.nodeid}' {command}")
        return shown


def _take_notes(error: BaseException) -> dict[str, list[str]]:
    """The notes about examples, by how they begin. The others stay."""
    notes: list[str] = getattr(error, "__notes__", [])
    taken = {
        start: [note for note in notes if note.startswith(start)]
        for start in (MACHINE, STEP, SEED, *_EXAMPLE)
    }
    left = [note for note in notes if not note.startswith(tuple(taken))]
    if notes:
        error.__notes__ = left
    return taken


def _is_ours(path: Path) -> bool:
    return repo_root() in path.parents and not _NOT_OURS & set(path.parts)
