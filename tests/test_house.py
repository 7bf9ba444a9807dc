"""House rules of the tests."""

from __future__ import annotations

import ast
from pathlib import Path

from metalayer.network.workspace import repo_root

_TESTS = repo_root() / "tests"


def imported(path: Path) -> set[str]:
    """Modules of the tests that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = (
                ".".join(("tests", *path.relative_to(_TESTS).parts[: -node.level])) if node.level else ""
            )
            module = ".".join(filter(None, (package, node.module)))
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {module for module in found if module.split(".")[0] == "tests"}


def test_nothing_is_imported_from_a_test_or_a_conftest() -> None:
    """What tests share is in tests/kit, beside the machines that use it, or a fixture: a test can be moved, split or
    deleted without asking who reads it.
    """
    found = {
        str(path.relative_to(_TESTS)): module
        for path in sorted(_TESTS.rglob("*.py"))
        for module in imported(path)
        if any(part == "conftest" or part.startswith("test_") for part in module.split("."))
    }
    assert found == {}
