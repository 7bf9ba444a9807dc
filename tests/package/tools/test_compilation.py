"""How the contracts are compiled: each file with its own imports, and only what changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ape_metalayer.compilation
from ape_metalayer.compilation import Contracts, compile_project, run, solc_path
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
    ask: Callable[..., Any] = ape_metalayer.compilation._ask_all

    def recorded(compiler: Path, standard_inputs: list[dict[str, Any]]) -> Any:
        for one in standard_inputs:
            asked.extend(one["settings"]["outputSelection"])
        return ask(compiler, standard_inputs)

    monkeypatch.setattr(ape_metalayer.compilation, "_ask_all", recorded)
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


def test_what_was_compiled_once_is_kept_until_there_is_too_much(
    copy: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, new = copy / ".build" / "solc", copy / "contracts" / "A.sol"
    monkeypatch.setattr(ape_metalayer.compilation, "_KEPT", len(Sources(copy).standard_inputs()) + 2)
    for number in (2, 3, 2, 4, 2, 3):  # The third time, 3 is gone: 2 was used later.
        new.write_text(NEIGHBOUR.replace("return 1;", f"return {number};"), encoding="utf-8")
        compile_project(Sources(copy))
    assert compiled == ["contracts/A.sol"] * 4
    assert len(list(kept.iterdir())) == len(Sources(copy).standard_inputs()) + 1


def test_the_compilers_message_says_where_and_what_compiled_is_kept(copy: Path, compiled: list[str]) -> None:
    library = copy / "contracts" / "A.sol"
    library.write_text("pragma solidity ^0.8.0; function f() pure { g(); }", encoding="utf-8")
    for name in ("B", "C"):
        importer = f'pragma solidity ^0.8.0; import "./A.sol"; contract {name} {{}}'
        (copy / "contracts" / f"{name}.sol").write_text(importer, encoding="utf-8")
    (copy / "contracts" / "D.sol").write_text(NEIGHBOUR, encoding="utf-8")
    with pytest.raises(MetalayerError, match=r"(?s)Undeclared identifier\..*contracts/A\.sol:1:") as raised:
        compile_project(Sources(copy))
    assert str(raised.value).count("Undeclared identifier") == 1, "once, not for each that imports it"
    library.write_text("pragma solidity ^0.8.0; function f() pure {}", encoding="utf-8")
    compiled.clear()
    compile_project(Sources(copy))
    assert "contracts/D.sol" not in compiled


def test_one_by_one_and_in_a_list_gives_the_same(copy: Path) -> None:
    """Threads of npm's compiler are used again and again: nothing of one input is left for the next."""
    sources = Sources(copy)
    files = ("contracts/deploy/Create3Factory.sol", "contracts/examples/Postbox.sol")
    factory, postbox = map(sources.standard_input, files)
    first, other, again = run(solc_path(sources), [factory, postbox, factory])
    assert first == again == run(solc_path(sources), [factory])[0]
    assert other == run(solc_path(sources), [postbox])[0]


def test_without_a_compiler_one_line_says_what_to_do(copy: Path) -> None:
    (copy / ".solc").unlink()
    with pytest.raises(
        MetalayerError, match=r"^there is no compiler .*\.solc/solc-v0\.8\.36: run 'make setup'$"
    ):
        compile_project(Sources(copy))
