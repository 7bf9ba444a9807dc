"""ape-solidity with the one compiler setting that it has no option for."""

from typing import Any

from ape_solidity.compiler import SolidityCompiler


class ReproducibleSolidity(SolidityCompiler):
    """Leaves the metadata hash out of the bytecode: equal sources give equal bytes everywhere."""

    def _get_settings_from_version_map(self, *args: Any, **kwargs: Any) -> dict[Any, dict[str, Any]]:
        metadata = {"bytecodeHash": "none", "appendCBOR": False}
        return super()._get_settings_from_version_map(*args, **{"metadata": metadata, **kwargs})
