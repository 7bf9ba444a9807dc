"""ape-solidity with the one compiler setting that it has no option for."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ape.exceptions import CompilerError
from ape_solidity.compiler import SolidityCompiler


class ReproducibleSolidity(SolidityCompiler):
    """Leaves the metadata hash out of the bytecode: equal sources give equal bytes everywhere."""

    def compile(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        folder = Path(os.environ["SOLCX_BINARY_PATH"])
        if not any(folder.glob("solc-v*")):
            raise CompilerError(f"there is no compiler in {folder}: run 'make setup'")
        yield from super().compile(*args, **kwargs)

    def _get_settings_from_version_map(self, *args: Any, **kwargs: Any) -> dict[Any, dict[str, Any]]:
        metadata = {"bytecodeHash": "none", "appendCBOR": False}
        return super()._get_settings_from_version_map(*args, **{"metadata": metadata, **kwargs})
