"""ape-solidity with a setting that it has no option for, and without its stale bytecode."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ape.exceptions import CompilerError
from ape_solidity.compiler import SolidityCompiler


class ReproducibleSolidity(SolidityCompiler):
    """Leaves the metadata hash out of the bytecode: equal sources give equal bytes everywhere.

    Compiles every contract of the project whenever one changed: Ape names only the files that changed themselves, and
    would keep the old bytecode of all that import them.
    """

    def compile(
        self, contract_filepaths: Iterable[Path], project: Any = None, settings: Any = None
    ) -> Iterator[Any]:
        folder = Path(os.environ["SOLCX_BINARY_PATH"])
        if not any(folder.glob("solc-v*")):
            raise CompilerError(f"there is no compiler in {folder}: run 'make setup'")
        paths = set(contract_filepaths)
        if project is not None:
            paths |= {path for path in project.sources.paths if path.suffix == ".sol"}
        try:
            yield from super().compile(sorted(paths), project, settings)
        finally:
            # Below the system's temporary folder ape-solidity unpacks OpenZeppelin here instead of into a copy. Ape
            # reads 500 files of a contracts folder and no more: ours would not be among them any longer.
            if project is not None:
                shutil.rmtree(project.contracts_folder / ".cache", ignore_errors=True)

    def _get_settings_from_version_map(self, *args: Any, **kwargs: Any) -> dict[Any, dict[str, Any]]:
        metadata = {"bytecodeHash": "none", "appendCBOR": False}
        return super()._get_settings_from_version_map(*args, **{"metadata": metadata, **kwargs})
