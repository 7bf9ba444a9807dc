"""What block explorers take to verify a contract: the compiler's input and version, the constructor's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_utils.abi import get_abi_input_types

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.names import artifact_of
from metalayer.network.registry import Registry
from metalayer.protocol.hex import from_hex

INPUTS = "inputs"
"""Folder of the compiler's inputs, beside what names them."""


class Submission(NamedTuple):
    """One contract of one chain. path: `contracts/token/ERA.sol:ERA`; compiler: as explorers write it, with a `v`;
    input: the file with standard JSON input; arguments: encoded, in hexadecimal without `0x`.
    """

    contract: str
    address: str
    path: str
    compiler: str
    input: str
    arguments: str

    def as_dict(self) -> dict[str, str]:
        """As it is written."""
        return {
            "contract": self.contract,
            "address": self.address,
            "contractPath": self.path,
            "compilerVersion": self.compiler,
            "standardJsonInput": self.input,
            "constructorArguments": self.arguments,
        }


def submissions(registry: Registry, chain: str, artifacts: Mapping[str, Artifact]) -> Iterator[Submission]:
    """Of all contracts of a chain, as they were created."""
    for name, entry in sorted(registry.chain(chain).contracts.items()):
        artifact = artifacts[artifact_of(name)]
        yield Submission(
            contract=name,
            address=entry.address,
            path=f"{artifact.source}:{artifact.name}",
            compiler=f"v{entry.compiler or artifact.compiler}",
            input=f"{INPUTS}/{artifact.name}.json",
            arguments=encode_arguments(artifact, entry.arguments).hex(),
        )


def encode_arguments(artifact: Artifact, arguments: Mapping[str, Any]) -> bytes:
    """The constructor's arguments as a registry shows them, encoded."""
    constructor: Any = next((item for item in artifact.abi if item["type"] == "constructor"), None)
    if constructor is None:
        return b""
    values = [_value(entry, entry["type"], arguments[entry["name"]]) for entry in constructor["inputs"]]
    return encode(get_abi_input_types(constructor), values)


def _value(entry: Any, type_: str, shown: Any) -> Any:
    if type_.endswith("]"):
        return [_value(entry, type_[: type_.rindex("[")], one) for one in shown]
    if type_ == "tuple":
        components: Sequence[Any] = entry["components"]
        return tuple(_value(one, one["type"], shown[one["name"]]) for one in components)
    return from_hex(shown) if type_.startswith("bytes") else shown
