"""How the contracts are compiled: each file with its own imports, and only what changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ape_metalayer.compilation
from ape_metalayer.compilation import Contracts, compile_project
from metalayer.deploy.sources import Sources, checkout
from metalayer.errors import MetalayerError

NEIGHBOUR = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;
function first() pure returns (uint256) { return 1; }
contract Neighbour { function second() external pure returns (uint256) { return first(); } }
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """This project, compiled, to change."""
    root = checkout()
    assert root is not None
    compile_project(Sources(root))
    for name in ("contracts", ".build/solc"):
        shutil.copytree(root / name, tmp_path / name)
    shutil.copy(root / "ape-config.yaml", tmp_path)
    for name in ("node_modules", ".solc"):
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that the compiler was asked for."""
    asked: list[str] = []
    run: Callable[[Path, dict[str, Any]], Any] = ape_metalayer.compilation.run

    def recorded(compiler: Path, standard_input: dict[str, Any]) -> Any:
        asked.extend(standard_input["settings"]["outputSelection"])
        return run(compiler, standard_input)

    monkeypatch.setattr(ape_metalayer.compilation, "run", recorded)
    return asked


def test_code_does_not_depend_on_what_is_not_imported(copy: Path, compiled: list[str]) -> None:
    """A new contract, and a longer one, that the product's contracts do not import."""
    before = compile_project(Sources(copy))
    assert compiled == [], "nothing changed"
    # Sorted before all others, it would take the first numbers of the syntax tree.
    (copy / "contracts" / "A.sol").write_text(NEIGHBOUR, encoding="utf-8")
    postbox = copy / "contracts" / "examples" / "Postbox.sol"
    postbox.write_text(postbox.read_text(encoding="utf-8") + "uint256 constant MORE = 1;\n", encoding="utf-8")
    after = compile_project(Sources(copy))
    assert set(compiled) == {"contracts/A.sol", "contracts/examples/Postbox.sol"}
    assert _code(after, "contracts/A.sol", "Neighbour")
    assert _code(after, "contracts/metalayer/Metalayer.sol", "Metalayer")
    for file in before.keys() - {"contracts/examples/Postbox.sol"}:
        assert after[file] == before[file], file


def test_all_that_import_a_changed_file_are_compiled_again(copy: Path, compiled: list[str]) -> None:
    (copy / "contracts" / "A.sol").write_text(NEIGHBOUR, encoding="utf-8")
    importer = 'pragma solidity ^0.8.0; import {Neighbour} from "./A.sol"; contract B is Neighbour {}'
    (copy / "contracts" / "B.sol").write_text(importer, encoding="utf-8")
    before = compile_project(Sources(copy))
    compiled.clear()
    (copy / "contracts" / "A.sol").write_text(NEIGHBOUR.replace("return 1;", "return 2;"), encoding="utf-8")
    after = compile_project(Sources(copy))
    assert set(compiled) == {"contracts/A.sol", "contracts/B.sol"}
    assert _code(before, "contracts/B.sol", "B") != _code(after, "contracts/B.sol", "B")


def _code(compiled: Contracts, file: str, name: str) -> str:
    return str(compiled[file][name]["evm"]["bytecode"]["object"])


def test_kept_answers_are_those_of_the_project_as_it_is(copy: Path) -> None:
    kept = copy / ".build" / "solc"
    before = set(kept.iterdir())
    assert len(before) == len(Sources(copy).standard_inputs())
    (copy / "contracts" / "A.sol").write_text(NEIGHBOUR, encoding="utf-8")
    compile_project(Sources(copy))
    assert len(set(kept.iterdir()) - before) == 1
    (copy / "contracts" / "A.sol").unlink()
    compile_project(Sources(copy))
    assert set(kept.iterdir()) == before


def test_the_compilers_message_says_where(copy: Path) -> None:
    (copy / "contracts" / "A.sol").write_text("pragma solidity ^0.8.0; contract A { uint256 x = y; }")
    with pytest.raises(MetalayerError, match=r"(?s)Undeclared identifier\..*contracts/A\.sol:1:"):
        compile_project(Sources(copy))


def test_without_a_compiler_one_line_says_what_to_do(copy: Path) -> None:
    (copy / ".solc").unlink()
    with pytest.raises(
        MetalayerError, match=r"^there is no compiler .*\.solc/solc-v0\.8\.36: run 'make setup'$"
    ):
        compile_project(Sources(copy))
