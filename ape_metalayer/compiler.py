"""Ape's Solidity compiler, which in this repository compiles each file with its own imports only."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ape.exceptions import CompilerError
from ape_solidity.compiler import SolidityCompiler
from ethpm_types import ContractType

from ape_metalayer.compilation import compile_project
from metalayer.deploy.sources import Sources, checkout
from metalayer.errors import MetalayerError


class ReproducibleSolidity(SolidityCompiler):
    """In this repository, code that does not depend on neighbours; ape-solidity as it is in every other project."""

    def compile(
        self, contract_filepaths: Iterable[Path], project: Any = None, settings: Any = None
    ) -> Iterator[ContractType]:
        project = project or self.local_project
        if project.path != checkout():
            yield from super().compile(contract_filepaths, project, settings)
            return
        # Ape names the files that changed, and would keep the old code of all that import them. What did not change
        # costs nothing, so it gets every contract each time.
        sources = Sources(project.path)
        try:
            compiled = compile_project(sources)
        except MetalayerError as error:
            raise CompilerError(str(error)) from error
        # Ape adds to the contracts that it knows, and would keep those that are gone.
        project.manifest.contract_types = {}
        for file in sources.files:
            # A file without a contract would be new to Ape each time that it looks.
            for name, contract in compiled.get(file, {Path(file).name: {"abi": []}}).items():
                yield _contract_type(file, name, contract)


def _contract_type(file: str, name: str, contract: dict[str, Any]) -> ContractType:
    code = contract.pop("evm", {"bytecode": {"object": ""}, "deployedBytecode": {"object": ""}})
    return ContractType.model_validate(
        {
            **contract,
            "contractName": name,
            "sourceId": file,
            "deploymentBytecode": {"bytecode": "0x" + code["bytecode"]["object"]},
            "runtimeBytecode": {"bytecode": "0x" + code["deployedBytecode"]["object"]},
        }
    )
