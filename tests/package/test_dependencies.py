"""pyproject.toml declares what the packages import: no more, and no less."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from tools.repository import repo_root

PRODUCT = ("metalayer", "ape_metalayer")
OURS = {*PRODUCT, "tools", "benchmarks", "demo", "tests"}
NEVER_IMPORTED = {"coincurve": "eth-keys finds it by itself"}


def imported(folders: Iterable[str]) -> set[str]:
    """Names of the distributions that the modules in these folders import something of."""
    return {
        distribution_of(name)
        for folder in folders
        for path in (repo_root() / folder).rglob("*.py")
        if "node_modules" not in path.parts
        for name in top_level_imports(path)
        if name not in sys.stdlib_module_names and name not in OURS
    }


def top_level_imports(path: Path) -> set[str]:
    """The first part of every imported module's name, lazy imports included."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            names.append(node.module)
    return {name.partition(".")[0] for name in names}


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def distribution_of(module: str) -> str:
    """The distribution that a module comes with, by its name in lists of requirements."""
    return normal(_distributions()[module][0])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str | None = None) -> set[str]:
    project = tomllib.loads((repo_root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return {normal(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in wanted}


def test_what_the_packages_import_is_declared_and_nothing_else() -> None:
    assert imported(PRODUCT) == declared() - NEVER_IMPORTED.keys()


def test_what_the_repository_imports_besides_is_declared_for_developers() -> None:
    assert imported(OURS) <= declared() | declared("dev")


def test_a_lazy_import_counts(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("import os.path\ndef f():\n    from click.testing import CliRunner\n")
    assert top_level_imports(module) == {"os", "click"}
    assert distribution_of("yaml") == "pyyaml"
