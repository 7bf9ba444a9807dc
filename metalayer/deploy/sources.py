"""The Solidity sources of a checkout, and what the compiler is given of them.

solc's code depends on every source in the compilation, also on those that a contract does not import (solidity#14535).
So each file is compiled with what it imports and nothing else: equal sources give equal bytes, whatever lies beside.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from metalayer.errors import MetalayerError

# Comments and strings are matched so that nothing within them is; `import` and `contract` are reserved words.
_TOKENS = re.compile(
    r"""//[^\n]* | /\*.*?\*/
    | \bimport\b [^;"']* ["'](?P<imported>[^"']+)["']
    | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'
    | \babstract\s+contract\b
    | \bcontract\s+(?P<contract>\w+)""",
    re.DOTALL | re.VERBOSE,
)
_INTERFACE = ["abi", "devdoc", "userdoc"]
_CODE = ["evm.bytecode.object", "evm.deployedBytecode.object", "metadata"]


def checkout() -> Path | None:
    """The repository that this package is imported from. None for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "contracts").is_dir() and (root / "ape-config.yaml").is_file() else None


def to_text(value: Any) -> str:
    """JSON that is equal for equal values."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


class Sources:
    """All under contracts/ of one checkout, with its settings, as they were when they were first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._texts: dict[str, str] = {}

    @cached_property
    def config(self) -> dict[str, Any]:
        """The section `solidity` of ape-config.yaml."""
        config = yaml.safe_load((self.root / "ape-config.yaml").read_text(encoding="utf-8"))
        return dict(config["solidity"])

    @property
    def settings(self) -> dict[str, Any]:
        """The compiler's settings, all but what it shall put out."""
        return {
            "optimizer": {"enabled": self.config["optimize"], "runs": self.config["optimization_runs"]},
            "evmVersion": self.config["evm_version"],
            "viaIR": self.config["via_ir"],
            # No hash of comments and file names at the end of the code.
            "metadata": {"bytecodeHash": "none", "appendCBOR": False},
        }

    @cached_property
    def files(self) -> list[str]:
        """Every file under contracts/, by its path in the repository."""
        paths = (self.root / "contracts").rglob("*.sol")
        return sorted(path.relative_to(self.root).as_posix() for path in paths)

    @cached_property
    def deployable(self) -> dict[str, str]:
        """The file of every contract that can be deployed, by the contract's name."""
        return {
            match["contract"]: file
            for file in self.files
            for match in _TOKENS.finditer(self.text(file))
            if match["contract"]
        }

    def find(self, name: str) -> str | None:
        """The text of a file of this repository, or of an npm package."""
        if name not in self._texts:
            for path in (self.root / name, self.root / "node_modules" / name):
                if path.is_file():
                    self._texts[name] = path.read_text(encoding="utf-8")
                    break
        return self._texts.get(name)

    def text(self, name: str) -> str:
        """As `find`. MetalayerError if there is no such file."""
        text = self.find(name)
        if text is None:
            raise MetalayerError(f"there is no source {name}")
        return text

    def closure(self, files: Iterable[str]) -> dict[str, str]:
        """The texts of these files and of all that they import, by name."""
        found: dict[str, str] = {}
        missing = list(files)
        while missing:
            name = missing.pop()
            if name not in found:
                found[name] = self.text(name)
                missing += self._imports(name)
        return found

    def standard_input(self, *files: str, code: bool = True) -> dict[str, Any]:
        """solc's standard JSON input for the contracts of these files; without `code`, for their interfaces only."""
        selected = {"*": [*_INTERFACE, *_CODE] if code else _INTERFACE}
        return {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in self.closure(files).items()},
            "settings": {**self.settings, "outputSelection": dict.fromkeys(files, selected)},
        }

    def standard_inputs(self) -> list[dict[str, Any]]:
        """What the whole project is compiled with. First the interfaces of all files that yield no code.

        Then one input for each file that does, those with the most imports first: they take the compiler longest.
        """
        with_code = sorted(set(self.deployable.values()))
        without = [file for file in self.files if file not in with_code]
        inputs = sorted(map(self.standard_input, with_code), key=lambda one: -len(one["sources"]))
        return [self.standard_input(*without, code=False), *inputs] if without else inputs

    def _imports(self, name: str) -> Iterator[str]:
        for match in _TOKENS.finditer(self.text(name)):
            if imported := match["imported"]:
                if imported.startswith("."):
                    imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), imported))
                yield imported
