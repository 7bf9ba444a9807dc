"""What contracts of others import: the packages of `make package`, in a project of Ape and in one of Foundry."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ape_metalayer.compilation import run
from tools.packages import build, sources, version
from tools.repository import repo_root
from tools.toolchain import solc_folder, solc_version

OPENZEPPELIN = "@openzeppelin/contracts"
GUIDE = (repo_root() / "docs" / "integrating.md").read_text(encoding="utf-8")
SECTION = GUIDE.split("## Import the contracts\n")[1].split("\n## ")[0]
# The greeter, which the guide explains line by line, as somebody else would write it.
GREETER = (
    (repo_root() / "contracts" / "examples" / "Greeter.sol")
    .read_text(encoding="utf-8")
    .replace('from "../', 'from "@metalayer/contracts/')
)


def blocks(language: str) -> list[str]:
    """The guide's listings of what to import, and how."""
    return re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Unpacked:
    """Both packages as npm and pip would install them: each is an archive of the folder that they make."""

    node_modules: Path
    site_packages: Path

    @property
    def npm(self) -> Path:
        return self.node_modules / "@metalayer" / "contracts"

    @property
    def python(self) -> Path:
        return self.site_packages / "metalayer_contracts"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    """Beside what they import of OpenZeppelin, and nothing else of it."""
    folder = tmp_path_factory.mktemp("packages")
    npm, wheel = build(repo_root(), folder)
    unpacked = Unpacked(folder / "node_modules", folder / "site-packages")
    subprocess.run(["tar", "-xzf", npm, "-C", folder], check=True)
    unpacked.npm.parent.mkdir(parents=True)
    (folder / "package").rename(unpacked.npm)
    shutil.unpack_archive(wheel, unpacked.site_packages, "zip")
    for name in (*sources(repo_root()), f"{OPENZEPPELIN}/package.json"):
        if name.startswith(OPENZEPPELIN):
            (unpacked.node_modules / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repo_root() / "node_modules" / name, unpacked.node_modules / name)
    return unpacked


def files(folder: Path, suffix: str) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob(f"*{suffix}")
    }


def ape_project(folder: Path, config: str, packages: Unpacked) -> Path:
    """The greeter, with a configuration of the guide. OpenZeppelin comes from here, not from GitHub; so does solc."""
    (folder / "contracts").mkdir(parents=True)
    (folder / "contracts" / "Greeter.sol").write_text(GREETER, encoding="utf-8")
    (folder / "node_modules").symlink_to(packages.node_modules)
    settings = yaml.safe_load(config)
    for dependency in settings["dependencies"]:
        if dependency.pop("github", None):
            repository = folder.parent / "openzeppelin-contracts"
            repository.mkdir()
            (repository / "contracts").symlink_to(packages.node_modules / OPENZEPPELIN)
            dependency["local"] = str(repository)
    # The optimizer would only take time.
    settings["solidity"] = {**settings.get("solidity", {}), "version": solc_version(), "optimize": False}
    (folder / "ape-config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


def compiling(project: Path, packages: Unpacked) -> subprocess.Popen[str]:
    """`ape compile` with a home of its own."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "APE_"))}
    home = project.with_suffix(".home")
    home.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", "from ape._cli import cli; cli(prog_name='ape')", "compile"],
        cwd=project,
        env={
            **inherited,
            "HOME": str(home),
            "PYTHONPATH": str(packages.site_packages),
            "SOLCX_BINARY_PATH": str(solc_folder()),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def greeter_of(project: Path) -> dict[str, Any]:
    manifest = json.loads((project / ".build" / "__local__.json").read_text(encoding="utf-8"))
    return dict(manifest["contractTypes"]["Greeter"])


def code_of(compiled: dict[str, Any]) -> str:
    return str(compiled["evm"]["bytecode"]["object"])


def test_both_packages_hold_the_same_sources_and_nothing_that_is_deployed_or_tests(
    packages: Unpacked,
) -> None:
    ours = {name: text for name, text in sources(repo_root()).items() if not name.startswith("@")}
    assert files(packages.npm, ".sol") == ours == files(packages.python / "contracts", ".sol")
    folders = {"client", "examples", "interfaces", "metalayer/libraries"} | {
        f"{part}/types" for part in ("bridge", "governance", "metalayer", "staking")
    }
    assert {name.rpartition("/")[0] for name in ours} == folders
    exact = [name for name, text in ours.items() if not re.search(r"^pragma solidity \^", text, re.MULTILINE)]
    assert exact == []


def test_both_packages_hold_the_abis_of_the_interfaces(packages: Unpacked) -> None:
    abis = files(repo_root() / "metalayer" / "artifacts" / "interfaces", ".json")
    texts = files(packages.npm / "interfaces", ".sol").values()
    # A draft has several in one file.
    named = [name for text in texts for name in re.findall(r"^interface (\w+)", text, re.MULTILINE)]
    assert sorted(f"{name}.json" for name in named) == sorted(abis)
    assert files(packages.npm / "abi", ".json") == abis == files(packages.python / "abi", ".json")


def test_the_packages_have_one_version_and_need_openzeppelins(packages: Unpacked) -> None:
    package = json.loads((packages.npm / "package.json").read_text(encoding="utf-8"))
    number = version(repo_root())
    assert (package["name"], package["version"]) == ("@metalayer/contracts", number)
    assert (packages.site_packages / f"metalayer_contracts-{number}.dist-info").is_dir()
    needed = json.loads((repo_root() / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert package["dependencies"] == {OPENZEPPELIN: needed[OPENZEPPELIN]}
    said = {
        dependency["name"]: dependency["version"]
        for dependency in yaml.safe_load(blocks("yaml")[1])["dependencies"]
    }
    assert said == {"metalayer": number, "openzeppelin": needed[OPENZEPPELIN]}


def test_the_guide_imports_what_the_greeter_imports() -> None:
    shown = blocks("")[0].splitlines()
    assert shown == [line for line in GREETER.splitlines() if line.startswith("import ")]


def test_an_ape_project_compiles_with_either_package(packages: Unpacked, tmp_path: Path) -> None:
    configs = dict(zip(("npm", "pip"), blocks("yaml"), strict=True))
    projects = [ape_project(tmp_path / name, config, packages) for name, config in configs.items()]
    for project, process in [(project, compiling(project, packages)) for project in projects]:
        output = process.communicate()[0]
        assert process.returncode == 0, output
        assert len(greeter_of(project)["deploymentBytecode"]["bytecode"]) > 2, output


def test_a_foundry_project_compiles_with_the_npm_package(packages: Unpacked) -> None:
    """As forge asks solc: files by their paths in the project, and the remappings that it finds for node_modules.

    forge itself, 1.7.1, was tried by hand and is not installed for this: it is 81 MB.
    """
    (remappings,) = (block.split() for block in blocks("") if "=node_modules/" in block)
    texts = {f"node_modules/{name}": text for name, text in files(packages.node_modules, ".sol").items()}
    examples = [name for name in texts if name.startswith("node_modules/@metalayer/contracts/examples/")]
    asked = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in {**texts, "src/Greeter.sol": GREETER}.items()},
        "settings": {
            "remappings": remappings,
            "outputSelection": {
                "*": {"*": ["abi"]},
                **{name: {"*": ["evm.bytecode.object"]} for name in ("src/Greeter.sol", *examples)},
            },
        },
    }
    (answer,) = run(solc_folder() / f"solc-v{solc_version()}", [asked])
    compiled = answer["contracts"]
    assert code_of(compiled["src/Greeter.sol"]["Greeter"])
    deployable = {name for path in examples for name, made in compiled[path].items() if code_of(made)}
    assert deployable == {
        "Arena",
        "Coin",
        "Greeter",
        "Handles",
        "HandlesMirror",
        "Margin",
        "Postbox",
        "SpokeGovernor",
        "VaultDepositor",
        "Voucher",
    }
    abi = json.loads((packages.npm / "abi" / "IMetalayer.json").read_text(encoding="utf-8"))
    assert compiled["node_modules/@metalayer/contracts/interfaces/IMetalayer.sol"]["IMetalayer"]["abi"] == abi
