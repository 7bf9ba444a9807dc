"""`make artifacts`: writes what ships in metalayer/artifacts, from the contracts as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from ape_metalayer.compilation import compile_project
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.sources import Sources, to_text
from metalayer.errors import MetalayerError
from tools.layouts import layouts

# What `deploy` and `check` use, and what the demo deploys besides.
NAMES = (*ARTIFACTS, "Coin", "Postbox")


def folder(root: Path) -> Path:
    return root / "metalayer" / "artifacts"


def artifacts(root: Path, names: Iterable[str]) -> dict[Path, str]:
    """The files of these contracts and of all interfaces, by path, as they should be."""
    sources = Sources(root)
    compiled = compile_project(sources)
    wanted = {}
    for name in names:
        if (file := sources.deployable.get(name)) is None:
            raise MetalayerError(f"there is no contract {name} to deploy under contracts/")
        made_from = to_text(sources.standard_input(file))
        wanted[folder(root) / f"{name}.input.json"] = made_from
        wanted[folder(root) / f"{name}.json"] = to_text(
            _artifact(name, file, compiled[file][name], made_from)
        )
    for name, layout in layouts(sources, names).items():
        wanted[folder(root) / "storage" / f"{name}.json"] = to_text(layout)
    for file, contracts in compiled.items():
        if file.startswith("contracts/interfaces/"):
            for name, contract in contracts.items():
                wanted[folder(root) / "interfaces" / f"{name}.json"] = to_text(contract["abi"])
    return wanted


def write(root: Path, names: Iterable[str]) -> list[Path]:
    """Make metalayer/artifacts what it should be. Returns the files that were not."""
    wanted = artifacts(root, names)
    present = {path: path.read_text(encoding="utf-8") for path in folder(root).rglob("*.json")}
    for path in present.keys() - wanted.keys():
        path.unlink()
    changed = [path for path, text in wanted.items() if present.get(path) != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return sorted([*changed, *(present.keys() - wanted.keys())])


def _artifact(name: str, file: str, contract: dict[str, Any], made_from: str) -> dict[str, Any]:
    metadata = json.loads(contract["metadata"])
    code, runtime = (contract["evm"][kind]["object"] for kind in ("bytecode", "deployedBytecode"))
    return {
        "abi": contract["abi"],
        "compiler": metadata["compiler"]["version"],
        "contract": name,
        "creationCode": f"0x{code}",
        "creationCodeKeccak256": f"0x{keccak(hexstr=code).hex()}",
        "inputSha256": f"0x{hashlib.sha256(made_from.encode()).hexdigest()}",
        "runtimeSize": len(runtime) // 2,
        "settings": {
            key: value for key, value in json.loads(made_from)["settings"].items() if key != "outputSelection"
        },
        "source": file,
    }
