"""Whether a registry says what the chains say, which need no word of it: a stranger may have written it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.compared import Compared
from metalayer.deploy.desired import Desired
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.journal import Creation
from metalayer.deploy.names import artifact_of
from metalayer.deploy.recording import creations, first_set
from metalayer.network.connection import Connection
from metalayer.network.registry import Contract, Registry
from metalayer.protocol.hex import to_hex

_NOTHING = "nothing"
_OURS = "of the artifacts"


def compare_record(
    connection: Connection,
    desired: Desired,
    state: ChainState,
    registry: Registry,
    artifacts: Mapping[str, Artifact],
) -> Iterator[tuple[str, Compared]]:
    """What a registry says of one chain, each with the contract's name; none for the chain itself.

    Of what a contract was created with only that is compared which the factory's logs lead to.
    """
    recorded = registry.chains.get(desired.chain.name)
    contracts = recorded.contracts if recorded is not None else {}
    logged = creations(connection, desired, artifacts, (name for name in state.expected if name in contracts))
    for name, code in state.expected.items():
        subject, place = f"{name} in the registry", f"{desired.addresses[name]} {code_of(code)}"
        if name not in contracts:
            yield name, Compared(subject, place, _NOTHING)
            continue
        compiler = artifacts[artifact_of(name)].compiler
        pairs = list(_fields(contracts[name], desired.addresses[name], code, compiler, logged.get(name)))
        wrong = [pair for pair in pairs if pair[1] != pair[2]]
        expected = ", ".join(f"{field} {value}" for field, value, _ in wrong) or place
        yield name, Compared(subject, expected, ", ".join(f"{field} {it}" for field, _, it in wrong) or place)
        if (creation := logged.get(name)) is not None and creation.is_ours is not None:
            # Other code can leave the same code behind, and in storage, there or elsewhere, whatever it wants.
            found = _OURS if creation.is_ours else f"other code, in {creation.hash}"
            yield name, Compared(f"{name} creation code", _OURS, found)
    if recorded is None:
        return
    genesis = str(connection.block(0).hash) if recorded.genesis is not None else None
    expected = f"chain {desired.chain.chain_id}, block 0 {genesis}, owner {desired.owner}"
    found = f"chain {recorded.chain_id}, block 0 {recorded.genesis}, owner {recorded.owner}"
    yield "", Compared("chain in the registry", expected, found)
    unknown = sorted(contracts.keys() - state.expected.keys())
    yield "", Compared("other contracts in the registry", "none", ", ".join(unknown) or "none")
    if desired.is_hub:
        ours = registry.validator_set
        yield "", Compared("first set in the registry", _set(first_set(desired.sets)), _set(ours))


def code_of(code: bytes) -> str:
    """Hash of runtime code, in words if there is none."""
    return to_hex(keccak(code)) if code else "no code"


def _fields(
    entry: Contract, address: str, code: bytes, compiler: str, creation: Creation | None
) -> Iterator[tuple[str, Any, Any]]:
    """(field, what it should be, what it is)"""
    yield "address", address, entry.address
    yield "codeHash", code_of(code), entry.code_hash
    if entry.compiler is not None:
        yield "compiler", compiler, entry.compiler
    if creation is None:
        return
    if entry.tx_hash is not None:
        yield "txHash", creation.hash, entry.tx_hash
        yield "block", creation.block, entry.block
    if creation.arguments is not None:
        for name in dict.fromkeys([*creation.arguments, *entry.arguments]):
            yield (
                f"argument {name}",
                _plain(creation.arguments.get(name)),
                _plain(entry.arguments.get(name)),
            )


def _set(first: Any) -> str:
    if first is None:
        return "none"
    members = ", ".join(f"{member.signer} {member.weight}" for member in first.members)
    return f"version {first.version}, expires {first.expires}, {members}"


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
