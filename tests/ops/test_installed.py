"""What others get: the wheel, its commands in a folder with networks.yaml, and silence in every other project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from tools.repository import repo_root
from tools.toolchain import solc_folder, solc_version

PACKAGES = ("metalayer", "ape_metalayer")

COUNTER = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

contract Counter {
    uint256 public count;

    function add() external {
        count += 1;
    }
}
"""
COUNTER_TEST = """
def test_there_is_no_metalayer(networks):
    assert "metalayer" not in networks.ecosystems


def test_it_counts(accounts, project):
    counter = accounts[0].deploy(project.Counter)
    counter.add(sender=accounts[0])
    assert counter.count() == 1
"""
# What solc appends unless told otherwise, as CBOR: "ipfs" and a hash. Our compiler leaves it out.
METADATA = "a264697066735822"


@dataclass(frozen=True)
class Environment:
    """A virtual environment that has all of ours but this project, and a home of its own."""

    python: Path
    home: Path

    def start(self, folder: Path, *arguments: str) -> subprocess.Popen[str]:
        """`ape` with these arguments in that folder."""
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "APE_"))
        }
        inherited.pop("SOLCX_BINARY_PATH", None)
        # The packages are the ones of these tests: so would be the byte code, with other files' names in it.
        inherited["PYTHONDONTWRITEBYTECODE"] = "1"
        return subprocess.Popen(
            [self.python, "-c", "from ape._cli import cli; cli(prog_name='ape')", *arguments],
            cwd=folder,
            env={**inherited, "HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def run(*command: str | Path) -> None:
    done = subprocess.run(
        command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def environment(folder: Path, what: Sequence[str | Path]) -> Environment:
    """Installs `what` with pip."""
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    (target,) = (folder / "venv" / "lib").glob("python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "metalayer" not in entry.name and entry.name != "__pycache__":
            (target / entry.name).symlink_to(entry)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", "--no-build-isolation", *what)
    # Where ape-solidity looks by itself.
    compilers = folder / "home" / ".solcx"
    compilers.mkdir(parents=True)
    compiler = f"solc-v{solc_version()}"
    (compilers / compiler).symlink_to((solc_folder() / compiler).resolve())
    return Environment(python, folder / "home")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed, elsewhere: setuptools builds in place, and would take an old build's files with it."""
    folder = tmp_path_factory.mktemp("sources")
    for name in PACKAGES:
        shutil.copytree(repo_root() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(repo_root() / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", target, sources)
    (file,) = target.glob("*.whl")
    return file


@pytest.fixture
def neighbour(tmp_path: Path) -> Path:
    """Somebody else's Ape project."""
    folder = tmp_path / "neighbour"
    for path, content in {
        "ape-config.yaml": f"solidity:\n  version: {solc_version()}\n",
        "contracts/Counter.sol": COUNTER,
        "tests/test_counter.py": COUNTER_TEST,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


def compiled(project: Path) -> str:
    """Runtime code of the neighbour's contract."""
    manifest = json.loads((project / ".build" / "__local__.json").read_text())
    return str(manifest["contractTypes"]["Counter"]["runtimeBytecode"]["bytecode"])


def test_the_wheel_holds_every_module_and_all_package_data(wheel: Path) -> None:
    with ZipFile(wheel) as file:
        packed = {name for name in file.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(repo_root()))
        for package in PACKAGES
        for path in (repo_root() / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == expected


def test_a_wheel_leaves_other_projects_alone_and_works_where_a_network_is(
    wheel: Path, neighbour: Path, tmp_path: Path
) -> None:
    installed = environment(tmp_path, [wheel])
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    shutil.copy(repo_root() / "networks.yaml", workspace)
    testing = installed.start(neighbour, "test")
    looking = installed.start(workspace, "metalayer", "localnet", "status", "--json")
    output = testing.communicate()[0]
    assert testing.returncode == 0, output
    assert "2 passed" in output
    assert METADATA in compiled(neighbour)
    chains = json.loads(looking.communicate()[0])
    assert [chain["name"] for chain in chains] == ["hub", "arcade", "perps", "social"]


def test_an_editable_install_leaves_other_projects_alone(
    sources: Path, neighbour: Path, tmp_path: Path
) -> None:
    compiling = environment(tmp_path, ["--editable", sources]).start(neighbour, "compile")
    output = compiling.communicate()[0]
    assert compiling.returncode == 0, output
    assert METADATA in compiled(neighbour)
