"""Installed npm packages: their versions, and the contracts that they ship."""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from metalayer.errors import MetalayerError

_BYTECODE = re.compile(r'const _bytecode =\s*"0x([0-9a-f]+)"')


class Package:
    """The package of that name under a `node_modules` folder. MetalayerError if it is not installed."""

    def __init__(self, name: str, node_modules: Path) -> None:
        self.name = name
        self._folder = node_modules / name
        try:
            manifest = self.json("package.json")
        except OSError as error:
            raise MetalayerError(f"{name} is not installed in {node_modules}: run 'make bench'") from error
        self.version = str(manifest["version"])

    def json(self, path: str) -> Any:
        """What a file of the package says. OSError if there is none."""
        return json.loads((self._folder / path).read_text(encoding="utf-8"))

    def forged(self, contract: str) -> bytes:
        """Creation bytecode of a contract, from what Foundry made of it. MetalayerError if it is not there."""
        try:
            made = self.json(f"out/{contract}.sol/{contract}.json")
        except OSError as error:
            raise MetalayerError(f"{self.name} {self.version} has no contract named {contract}") from error
        return bytes.fromhex(made["bytecode"]["object"].removeprefix("0x"))

    def creation(self, contract: str) -> bytes:
        """Creation bytecode of a contract, from its typechain factory.

        MetalayerError unless there is exactly one of that name, and where it is abstract or must be linked first.
        """
        paths = self._factories.get(contract, [])
        if len(paths) != 1:
            raise MetalayerError(
                f"{self.name} {self.version} has {len(paths)} contracts named {contract}: expected one"
            )
        found = _BYTECODE.search(paths[0].read_text(encoding="utf-8"))
        if found is None:
            raise MetalayerError(f"{self.name} {self.version} has no deployable bytecode of {contract}")
        return bytes.fromhex(found[1])

    @cached_property
    def _factories(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in (self._folder / "dist" / "typechain" / "factories").rglob("*__factory.js"):
            found.setdefault(path.name.removesuffix("__factory.js"), []).append(path)
        return found
