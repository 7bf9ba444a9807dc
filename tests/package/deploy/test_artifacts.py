"""The artifacts that ship: they are what the contracts compile to, and are refused where they are not."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

import metalayer.deploy.artifacts
from metalayer.deploy.artifacts import code_sizes, load_artifacts, standard_input
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.sources import checkout, to_text
from metalayer.errors import MetalayerError
from tools import artifacts


def repository() -> Path:
    root = checkout()
    assert root is not None
    return root


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources of a checkout, to change. The artifacts stay those of the package."""
    shutil.copytree(repository() / "contracts", tmp_path / "contracts")
    shutil.copy(repository() / "ape-config.yaml", tmp_path)
    (tmp_path / "node_modules").symlink_to(repository() / "node_modules")
    monkeypatch.setattr(metalayer.deploy.artifacts, "checkout", lambda: tmp_path)
    return tmp_path


def test_what_ships_is_what_the_contracts_compile_to() -> None:
    expected = artifacts.artifacts(repository(), artifacts.NAMES)
    folder = artifacts.folder(repository())
    found = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}
    different = sorted(
        str(path.relative_to(folder))
        for path in found.keys() | expected.keys()
        if found.get(path) != expected.get(path)
    )
    assert not different, "run 'make artifacts'"


@pytest.mark.parametrize("name", artifacts.NAMES)
def test_the_hashes_are_those_of_the_code_and_of_the_input(name: str) -> None:
    artifact = load_artifacts([name])[name]
    text = (artifacts.folder(repository()) / f"{name}.json").read_text(encoding="utf-8")
    assert f'"creationCodeKeccak256": "0x{keccak(artifact.creation).hex()}"' in text
    digest = hashlib.sha256(to_text(standard_input(name)).encode()).hexdigest()
    assert f'"inputSha256": "0x{digest}"' in text


def test_sizes_are_those_of_the_runtime_code() -> None:
    sizes = code_sizes(ARTIFACTS)
    creation = {name: len(artifact.creation) for name, artifact in load_artifacts(ARTIFACTS).items()}
    assert all(0 < sizes[name] < creation[name] for name in ARTIFACTS)


def _append(root: Path) -> None:
    with (root / "contracts/interfaces/IBridgedToken.sol").open("a", encoding="utf-8") as file:
        file.write("// one more line\n")


def _delete(root: Path) -> None:
    (root / "contracts/interfaces/IBridgedToken.sol").unlink()


@pytest.mark.parametrize("change", [_append, _delete])
def test_an_artifact_of_other_sources_is_refused(copy: Path, change: Callable[[Path], None]) -> None:
    both = ("BridgedToken", "BridgeAnnex")
    assert load_artifacts(both)
    change(copy)
    for name in both:
        expected = (
            f"^contracts/interfaces/IBridgedToken.sol changed since the artifact of {name} was made: "
            "run 'make artifacts'$"
        )
        with pytest.raises(MetalayerError, match=expected):
            load_artifacts([name])
    assert load_artifacts(["Create3Factory"]), "it does not import that"


@pytest.mark.parametrize(
    ("old", "new"), [("optimization_runs: 800", "optimization_runs: 200"), ("0.8.36", "0.8.37")]
)
def test_an_artifact_of_other_settings_is_refused(copy: Path, old: str, new: str) -> None:
    config = copy / "ape-config.yaml"
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(MetalayerError, match=r"^ape-config\.yaml changed since .* run 'make artifacts'$"):
        load_artifacts(["ERA"])


def test_an_artifact_of_another_package_is_refused(copy: Path) -> None:
    (copy / "node_modules").unlink()
    assert load_artifacts(["ERA"]), "no packages are installed: nothing says that they are others"
    file = Path("node_modules/@openzeppelin/contracts/utils/Nonces.sol")
    shutil.copytree(repository() / "node_modules/@openzeppelin", copy / "node_modules/@openzeppelin")
    assert load_artifacts(["ERA"])
    with (copy / file).open("a", encoding="utf-8") as source:
        source.write("\n")
    with pytest.raises(MetalayerError, match=r"^@openzeppelin/contracts/utils/Nonces\.sol changed since"):
        load_artifacts(["ERA"])


def test_an_installed_package_needs_no_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metalayer.deploy.artifacts, "checkout", lambda: None)
    assert load_artifacts(ARTIFACTS).keys() == set(ARTIFACTS)


def test_a_contract_that_does_not_ship_is_one_line() -> None:
    with pytest.raises(
        MetalayerError, match=r"^there is no artifact of a contract Nothing: see metalayer/artifacts$"
    ):
        load_artifacts(["Nothing"])
