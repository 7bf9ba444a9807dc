"""What the compiler is given of the sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.sources import Sources
from metalayer.errors import MetalayerError
from tools.repository import repo_root

TRICKY = r"""
// import "./NotThis.sol"; contract Comment {}
/* import "./NorThis.sol"; */
import {
    A, // the first
    B as C
} from "../lib/AB.sol";
import "@package/Plain.sol";
import * as D from './D.sol';
abstract contract Unfinished { string constant S = "contract Quoted { // \" "; }
interface IThing {} library Tools {} struct Loose { uint256 x; }
    contract   Indented is Unfinished {}
contract Other { bytes1 constant Q = '\''; /* contract Hidden {} */ }
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "contracts/deep/Tricky.sol": TRICKY,
        "contracts/deep/D.sol": 'import "./Tricky.sol";',
        "contracts/lib/AB.sol": "struct A { uint256 x; } struct B { uint256 x; }",
        "contracts/Neighbour.sol": "contract Neighbour {}",
        "node_modules/@package/Plain.sol": 'import "./inner/More.sol";',
        "node_modules/@package/inner/More.sol": "interface IMore {}",
        "ape-config.yaml": "solidity: {version: 0.8.36, evm_version: prague, optimize: true, "
        "optimization_runs: 7, via_ir: true}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_contracts_to_deploy_are_found_by_their_definition(root: Path) -> None:
    assert Sources(root).deployable == {
        "Indented": "contracts/deep/Tricky.sol",
        "Other": "contracts/deep/Tricky.sol",
        "Neighbour": "contracts/Neighbour.sol",
    }


def test_a_closure_is_what_is_imported_and_nothing_else(root: Path) -> None:
    assert Sources(root).closure(["contracts/deep/Tricky.sol"]).keys() == {
        "contracts/deep/Tricky.sol",
        "contracts/deep/D.sol",
        "contracts/lib/AB.sol",
        "@package/Plain.sol",
        "@package/inner/More.sol",
    }


def test_each_file_with_code_is_one_input_and_all_others_are_one_without_code(root: Path) -> None:
    interfaces, *with_code = Sources(root).standard_inputs()
    assert interfaces["settings"]["outputSelection"].keys() == {
        "contracts/deep/D.sol",
        "contracts/lib/AB.sol",
    }
    assert "evm.bytecode.object" not in str(interfaces["settings"]["outputSelection"])
    assert [list(one["settings"]["outputSelection"]) for one in with_code] == [
        ["contracts/deep/Tricky.sol"],
        ["contracts/Neighbour.sol"],
    ]
    assert with_code[1]["sources"] == {"contracts/Neighbour.sol": {"content": "contract Neighbour {}"}}


def test_the_settings_are_those_of_ape_config_without_metadata(root: Path) -> None:
    assert Sources(root).settings == {
        "optimizer": {"enabled": True, "runs": 7},
        "evmVersion": "prague",
        "viaIR": True,
        "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    }


def test_an_import_of_nothing_is_one_line(root: Path) -> None:
    (root / "contracts/lib/AB.sol").unlink()
    with pytest.raises(MetalayerError, match=r"^there is no source contracts/lib/AB\.sol$"):
        Sources(root).standard_inputs()


def test_what_two_compilers_are_asked_about_is_every_contract() -> None:
    """`make solc-check` compares the code of all that can be deployed: what is, the examples, and what tests use."""
    sources = Sources(repo_root())
    _, *with_code = sources.standard_inputs()
    asked = {file for one in with_code for file in one["settings"]["outputSelection"]}
    assert asked == set(sources.deployable.values())
    assert {*ARTIFACTS, "Arena", "Handles", "Margin", "Coin", "Postbox"} <= sources.deployable.keys()
