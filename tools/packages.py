"""`make package`: the contracts that others import, as an npm package and as a Python package for projects of Ape."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metalayer.deploy.sources import Sources, to_text
from metalayer.errors import MetalayerError
from tools.repository import repo_root

_FOLDERS = ("client", "examples", "interfaces")
_NPM = "@metalayer/contracts"
# Ape looks for a folder of the distribution's own name.
_PYTHON = "metalayer_contracts"
_DESCRIPTION = "Interfaces of the Metalayer, and the base of contracts that send and receive its messages"
# Without it, Ape takes the first folder that has sources for all of them.
_APE_CONFIG = "contracts_folder: .\n"
_PYPROJECT = """[build-system]
requires = ["setuptools>=75"]
build-backend = "setuptools.build_meta"

[project]
name = "metalayer-contracts"
version = "{version}"
description = "{description}"
readme = "README.md"
license = {{ text = "{license}" }}

[tool.setuptools]
packages = ["{package}"]

[tool.setuptools.package-data]
{package} = ["**/*"]
"""


def version(root: Path) -> str:
    """The version of pyproject.toml, which all packages share."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def sources(root: Path) -> dict[str, str]:
    """The texts of what others import, and of all that it imports.

    By name: ours is the path below contracts/, OpenZeppelin's is what is imported.
    """
    repository = Sources(root)
    imported = [file for file in repository.files if file.split("/")[1] in _FOLDERS]
    found = repository.closure(imported).items()
    return {name.removeprefix("contracts/"): text for name, text in found}


def build(root: Path, target: Path) -> tuple[Path, Path]:
    """Write the npm package and the wheel into `target`. MetalayerError with what npm or pip says if one fails."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        npm, python = Path(temporary, "npm"), Path(temporary, "python")
        _stage_npm(root, npm)
        _run("npm", "pack", "--silent", "--pack-destination", target, npm)
        _stage_python(root, python)
        pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index")
        _run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", target, python)
    number = version(root)
    return target / f"metalayer-contracts-{number}.tgz", target / f"{_PYTHON}-{number}-py3-none-any.whl"


def _stage_npm(root: Path, folder: Path) -> None:
    ours = _package_json(root)
    openzeppelin = "@openzeppelin/contracts"
    package = {
        "name": _NPM,
        "version": version(root),
        "description": _DESCRIPTION,
        "license": ours["license"],
        "dependencies": {openzeppelin: ours["dependencies"][openzeppelin]},
    }
    _write(folder, _sources_and_abis(root, ""))
    _write(folder, {"package.json": to_text(package), "ape-config.yaml": _APE_CONFIG})
    _copy_texts(root, folder)


def _stage_python(root: Path, folder: Path) -> None:
    pyproject = _PYPROJECT.format(
        version=version(root),
        description=_DESCRIPTION,
        license=_package_json(root)["license"],
        package=_PYTHON,
    )
    # The folder in which Ape looks for sources, and which the imports name.
    _write(folder / _PYTHON, _sources_and_abis(root, "contracts/"))
    _write(folder, {"pyproject.toml": pyproject})
    _copy_texts(root, folder)


def _package_json(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / "package.json").read_text(encoding="utf-8")))


def _sources_and_abis(root: Path, prefix: str) -> dict[str, str]:
    ours = {prefix + name: text for name, text in sources(root).items() if not name.startswith("@")}
    folder = root / "metalayer" / "artifacts" / "interfaces"
    abis = {f"abi/{path.name}": path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return ours | abis


def _copy_texts(root: Path, folder: Path) -> None:
    for path in (root / "contracts" / "README.md", root / "LICENSE"):
        shutil.copy(path, folder)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise MetalayerError(f"{command[0]} cannot make the package: {done.stdout.strip()}")


def main() -> None:
    """Write both to dist/."""
    try:
        for built in build(repo_root(), repo_root() / "dist"):
            print(f"wrote {built.relative_to(repo_root())}: {built.stat().st_size:,} bytes")
    except MetalayerError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
