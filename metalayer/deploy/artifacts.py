"""What the compiler made of the contracts: the one place that asks Ape's project for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from metalayer.errors import MetalayerError


@dataclass(frozen=True)
class Artifact:
    """One compiled contract. `creation` is the creation bytecode without constructor arguments."""

    name: str
    abi: list[dict[str, Any]]
    creation: bytes


def load_artifacts(names: Iterable[str]) -> dict[str, Artifact]:
    """The named contracts of this repository, compiled first if their sources changed.

    MetalayerError if one does not exist or does not compile.
    """
    from ape import project
    from ape.exceptions import ApeException

    artifacts = {}
    try:
        # Asking for one contract would notice changes of its own file only, not of what that imports.
        containers = project.load_contracts()
    except ApeException as error:
        raise MetalayerError(f"the contracts do not compile: {error}") from error
    for name in names:
        container = containers.get(name)
        if container is None:
            raise MetalayerError(f"there is no contract {name} under contracts/")
        kind = container.contract_type
        if kind.deployment_bytecode is None or not kind.deployment_bytecode.bytecode:
            raise MetalayerError(f"contract {name} has no bytecode: it is abstract or an interface")
        artifacts[name] = Artifact(
            name,
            [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in kind.abi],
            bytes.fromhex(kind.deployment_bytecode.bytecode.removeprefix("0x")),
        )
    return artifacts


def code_sizes(names: Iterable[str]) -> dict[str, int]:
    """Bytes of runtime code of the named contracts: at most 24,576 each (EIP-170)."""
    from ape import project

    containers = project.load_contracts()
    return {
        name: len(containers[name].contract_type.runtime_bytecode.bytecode.removeprefix("0x")) // 2
        for name in names
    }
