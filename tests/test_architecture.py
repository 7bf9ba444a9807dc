"""Where things live, as rules over the source: see docs/architecture.md."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.repository import repo_root

# From the ground up. A room may import itself and what is on a floor below; rooms on one floor do not know each other.
FLOORS = (
    ("errors",),
    ("protocol",),
    ("network",),
    ("lanes", "deploy"),
    ("attesting",),
    ("validator", "relayer", "tracking"),
    ("assets",),
    ("staking", "governance", "solver"),
    ("services",),
    ("cli",),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
PRODUCT = ("metalayer", "ape_metalayer")
BESIDE = ("tools", "benchmarks", "demo", "scripts", "tests")

KNOWS_APE = (
    "metalayer/network/signers.py",
    "metalayer/deploy/artifacts.py",
    "ape_metalayer/",
    "tools/",
    "benchmarks/",
)
DRAWS = ("metalayer/cli/", "tools/", "benchmarks/", "demo/")

MOST_LINES = 350
MOST_PARAMETERS = 7
# What is larger, by file or by file:function, and why that is better than smaller.
REASONS = {
    "metalayer/deploy/coverage.py": "one table: each view of each contract that is deployed, once",
    "metalayer/protocol/gateway.py": "one contract: each of its functions, events and structs, once",
}


def modules(root: Path, folders: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path.relative_to(root).as_posix(), path


def imports(path: Path) -> set[str]:
    """Full names of everything imported, within functions too: `a.b.c` of `from a.b import c`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def top(name: str) -> str:
    return name.partition(".")[0]


def room_of(name: str) -> str:
    """`network` of `metalayer.network.config`."""
    return name.split(".")[1]


def upward(root: Path) -> list[str]:
    """Imports within the package that do not point down."""
    found = []
    for name, path in modules(root, ("metalayer",)):
        room = Path(name).parts[1].removesuffix(".py")
        if room == "__init__":
            continue
        for other in sorted({room_of(each) for each in imports(path) if top(each) == "metalayer"} - {room}):
            if FLOOR_OF[other] >= FLOOR_OF[room]:
                found.append(f"{name} imports {other}")
    return found


def impure(root: Path) -> list[str]:
    """What the protocol imports besides itself, errors, eth_*, the standard library and its typing of tomorrow."""
    return [
        f"{name} imports {top(each)}"
        for name, path in modules(root, ("metalayer/protocol",))
        for each in sorted(imports(path))
        if not top(each).startswith(("eth_", "typing_extensions"))
        and top(each) not in sys.stdlib_module_names
        and not each.startswith(("metalayer.protocol.", "metalayer.errors."))
    ]


def strangers(root: Path, packages: tuple[str, ...], allowed: tuple[str, ...]) -> list[str]:
    """Modules that import one of the packages although they are in none of the allowed places."""
    return [
        f"{name} imports {top(each)}"
        for name, path in modules(root, (*PRODUCT, *BESIDE[:-1]))
        if not name.startswith(allowed)
        for each in sorted(imports(path))
        if top(each) in packages
    ]


def outward(root: Path) -> list[str]:
    """Imports of the product that its wheel does not hold."""
    return [
        f"{name} imports {each}"
        for name, path in modules(root, PRODUCT)
        for each in sorted({top(each) for each in imports(path)} & set(BESIDE))
    ]


def shared(root: Path) -> list[str]:
    """Imports from a test or a conftest."""
    return [
        f"{name} imports {each}"
        for name, path in modules(root, ("tests",))
        for each in sorted(imports(path))
        if any(part == "conftest" or part.startswith("test_") for part in each.split(".")[1:-1])
    ]


def large(root: Path) -> dict[str, int]:
    """Files with too many lines, and functions with too many parameters (`self` is none)."""
    found = {}
    for name, path in modules(root, (*PRODUCT, *BESIDE[:-1])):
        text = path.read_text(encoding="utf-8")
        if (lines := text.count("\n")) > MOST_LINES:
            found[name] = lines
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                parameters = [each.arg for each in given if each.arg not in ("self", "cls")]
                if len(parameters) > MOST_PARAMETERS:
                    found[f"{name}:{node.name}"] = len(parameters)
    return found


def test_imports_point_down() -> None:
    assert upward(repo_root()) == []


def test_the_protocol_is_pure() -> None:
    assert impure(repo_root()) == []


def test_ape_is_known_in_few_places() -> None:
    packages = ("ape", "ape_ethereum", "ape_foundry", "ape_solidity")
    assert strangers(repo_root(), packages, KNOWS_APE) == []


def test_only_commands_draw() -> None:
    assert strangers(repo_root(), ("rich", "click"), DRAWS) == []


def test_the_product_needs_nothing_beside_it() -> None:
    assert outward(repo_root()) == []


def test_what_tests_share_is_in_no_test() -> None:
    """It is in tests/kit, beside the machines that use it, or a fixture: a test can be moved or split by itself."""
    assert shared(repo_root()) == []


def test_what_is_large_has_a_reason() -> None:
    assert large(repo_root()).keys() == REASONS.keys()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A made-up repository that keeps every rule."""
    for name, content in {
        "metalayer/errors.py": "import os\n",
        "metalayer/protocol/hex.py": "from eth_utils.crypto import keccak\nfrom metalayer.errors import X\n",
        "metalayer/network/signers.py": "from ape import accounts\nfrom metalayer.protocol import hex\n",
        "metalayer/relayer/passes.py": "import metalayer.attesting.sets\n",
        "metalayer/cli/relay.py": "import click\nfrom metalayer.relayer.passes import X\n",
        "ape_metalayer/__init__.py": "from ape import plugins\n",
        "demo/story.py": "from rich.console import Console\nfrom benchmarks import gas\n",
    }.items():
        add(tmp_path, name, content)
    return tmp_path


def add(root: Path, name: str, content: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content)


def test_a_tree_that_keeps_the_rules_passes(tree: Path) -> None:
    assert not [*upward(tree), *impure(tree), *outward(tree), *shared(tree), *large(tree)]
    assert strangers(tree, ("ape",), KNOWS_APE) == strangers(tree, ("rich", "click"), DRAWS) == []


def test_an_import_upward_or_across_is_found(tree: Path) -> None:
    add(tree, "metalayer/lanes/survey.py", "def f():\n    from metalayer.attesting import sets\n")
    add(tree, "metalayer/validator/process.py", "import metalayer.relayer.passes\n")
    assert upward(tree) == [
        "metalayer/lanes/survey.py imports attesting",
        "metalayer/validator/process.py imports relayer",
    ]


def test_an_impure_protocol_is_found(tree: Path) -> None:
    add(tree, "metalayer/protocol/reader.py", "import urllib3\nfrom metalayer.network.connection import X\n")
    assert impure(tree) == [
        "metalayer/protocol/reader.py imports metalayer",
        "metalayer/protocol/reader.py imports urllib3",
    ]


def test_ape_and_click_in_wrong_places_are_found(tree: Path) -> None:
    add(tree, "metalayer/tracking/follower.py", "from rich.console import Console\nimport ape.api\n")
    assert strangers(tree, ("ape",), KNOWS_APE) == ["metalayer/tracking/follower.py imports ape"]
    assert strangers(tree, ("rich", "click"), DRAWS) == ["metalayer/tracking/follower.py imports rich"]


def test_a_product_that_needs_the_repository_is_found(tree: Path) -> None:
    add(tree, "metalayer/network/anvil.py", "from tools.repository import repo_root\n")
    assert outward(tree) == ["metalayer/network/anvil.py imports tools"]


def test_an_import_from_a_test_is_found(tree: Path) -> None:
    add(
        tree,
        "tests/ops/test_plugin.py",
        "from tests.ops.test_localnet import net\nfrom tests.kit import evm\n",
    )
    add(tree, "tests/ops/helpers.py", "def f():\n    from tests.conftest import chains\n")
    assert shared(tree) == [
        "tests/ops/helpers.py imports tests.conftest.chains",
        "tests/ops/test_plugin.py imports tests.ops.test_localnet.net",
    ]


def test_long_files_and_long_signatures_are_found(tree: Path) -> None:
    add(tree, "metalayer/network/config.py", "\n" * 351)
    add(tree, "demo/summary.py", "class X:\n    def f(self, a, b, c, d, e, f, /, g, *h, i): ...\n")
    assert large(tree) == {"metalayer/network/config.py": 351, "demo/summary.py:f": 8}
