"""What the compiler made of the contracts, as it ships in metalayer/artifacts: nothing is compiled to use it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from metalayer.deploy.sources import Sources, checkout
from metalayer.errors import MetalayerError
from metalayer.protocol.layouts import Layout


@dataclass(frozen=True)
class Artifact:
    """One compiled contract. `creation` is the creation bytecode without constructor arguments, `compiler` a version
    such as 0.8.36+commit.8a079791, `source` the file that it is in.
    """

    name: str
    abi: list[dict[str, Any]]
    creation: bytes
    compiler: str = ""
    source: str = ""


def load_artifacts(names: Iterable[str]) -> dict[str, Artifact]:
    """The named contracts. MetalayerError if one does not ship, or is not what a checkout's sources would become."""
    return {
        name: Artifact(
            name,
            value["abi"],
            bytes.fromhex(value["creationCode"].removeprefix("0x")),
            value["compiler"],
            value["source"],
        )
        for name, value in _load(names).items()
    }


def interface_abis() -> dict[str, list[dict[str, Any]]]:
    """What a contract on the gateway calls and implements: the ABI of each of contracts/interfaces, by its name."""
    folder = files("metalayer") / "artifacts" / "interfaces"
    return {
        file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".json")
    }


def code_sizes(names: Iterable[str]) -> dict[str, int]:
    """Bytes of runtime code of the named contracts: at most 24,576 each (EIP-170)."""
    return {name: int(value["runtimeSize"]) for name, value in _load(names).items()}


def load_layout(name: str, called: str = "") -> Layout:
    """Where a contract keeps what. called: how its variables are prefixed, by default its name. MetalayerError if it
    does not ship.
    """
    return Layout(called or name, json.loads(_read(f"storage/{name}.json", name)))


def standard_input(name: str) -> dict[str, Any]:
    """The compiler's input that an artifact was made from, as block explorers take it to verify a contract."""
    return dict(json.loads(_read(f"{name}.input.json", name)))


def _load(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    artifacts = {name: dict(json.loads(_read(f"{name}.json", name))) for name in names}
    if (root := checkout()) is not None:
        sources = Sources(root)
        for name, artifact in artifacts.items():
            _require_current(name, artifact["compiler"], sources)
    return artifacts


def _read(file: str, name: str) -> str:
    try:
        return (files("metalayer") / "artifacts" / file).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MetalayerError(f"there is no artifact of a contract {name}: see metalayer/artifacts") from error


def _require_current(name: str, compiler: str, sources: Sources) -> None:
    """No import can be new without a change to a file that was there, so the files that were there are enough."""
    made_from = standard_input(name)
    installed = (sources.root / "node_modules").is_dir()
    changed = [
        file
        for file, source in made_from["sources"].items()
        if (installed or file.startswith("contracts/")) and sources.find(file) != source["content"]
    ]
    settings = {**made_from["settings"], **sources.settings}
    if settings != made_from["settings"] or compiler.split("+")[0] != sources.config["version"]:
        changed.append("ape-config.yaml")
    if changed:
        raise MetalayerError(
            f"{changed[0]} changed since the artifact of {name} was made: run 'make artifacts'"
        )
