"""What the documents count is what is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_ROW = re.compile(r"^\| `(contracts/[^`]+)` \| (\d+) \| (\d+) \|", re.MULTILINE)
_IN_SCOPE = ("metalayer", "token", "bridge", "deploy", "interfaces")


def code_lines(source: str) -> int:
    """Lines that are neither blank nor only a comment. The contracts use `//` comments only."""
    return sum(1 for line in source.splitlines() if line.split("//")[0].strip())


def test_audit_scope_is_complete_and_its_line_counts_are_true() -> None:
    audit = (ROOT / "AUDIT.md").read_text(encoding="utf-8")
    listed = {path: (int(lines), int(code)) for path, lines, code in _ROW.findall(audit)}
    found = {}
    for folder in _IN_SCOPE:
        for path in (ROOT / "contracts" / folder).rglob("*.sol"):
            source = path.read_text(encoding="utf-8")
            found[str(path.relative_to(ROOT))] = (len(source.splitlines()), code_lines(source))
    assert listed == found


def test_every_property_that_is_held_is_quoted_by_a_test_and_the_other_way_round() -> None:
    listed = set()
    for number, row in re.findall(
        r"^\| \*\*([PM]\d+)\*\* (\|.*)$",
        (ROOT / "tests" / "PROPERTIES.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    ):
        if "not built yet" not in row:
            listed.add(number)
    quoted = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        quoted |= set(re.findall(r"\b[PM]\d{1,2}\b", path.read_text(encoding="utf-8")))
    assert quoted == listed
