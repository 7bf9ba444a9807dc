"""Whether a registry says what the chains say, which need no word of it: a stranger may have written it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.compared import Compared
from metalayer.deploy.contracts import contracts_of
from metalayer.deploy.creations import creations, placed_factory
from metalayer.deploy.desired import Desired
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.journal import Creation
from metalayer.deploy.names import FACTORY, artifact_of
from metalayer.deploy.recording import first_set
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
    """What a registry says of one chain, each with the contract's name; none for the chain itself. And whatever it
    says: what the contracts were created with.
    """
    recorded = registry.chains.get(desired.chain.name)
    contracts = recorded.contracts if recorded is not None else {}
    logged = creations(connection, desired, artifacts, state.expected)
    declared = {one.name: one for one in contracts_of(desired)}
    for name, code in state.expected.items():
        creation = logged.get(name)
        yield name, _entry(connection, desired, artifacts, (name, code, creation), contracts.get(name))
        if name != FACTORY and state.found[name]:
            yield name, _creation_code(desired, name, creation)
            if creation is not None and creation.arguments is not None:
                arguments = declared[name].shown_arguments(desired)
                yield from (
                    (name, one) for one in _created_with(desired, name, arguments, creation.arguments)
                )
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


def _entry(
    connection: Connection,
    desired: Desired,
    artifacts: Mapping[str, Artifact],
    contract: tuple[str, bytes, Creation | None],
    entry: Contract | None,
) -> Compared:
    """contract: its name, its expected code, and how it was created, as far as that is known."""
    name, code, creation = contract
    subject, place = f"{name} in the registry", f"{desired.addresses[name]} {code_of(code)}"
    if entry is None:
        return Compared(subject, place, _NOTHING)
    if name == FACTORY and entry.tx_hash is not None:
        # No log tells of it: only what the registry names can be looked at.
        placed = placed_factory(connection, desired, artifacts, entry.tx_hash)
        creation = placed or Creation(0, "of one that placed it", {})
    compiler = artifacts[artifact_of(name)].compiler
    pairs = list(_fields(entry, desired.addresses[name], code, compiler, creation))
    wrong = [pair for pair in pairs if pair[1] != pair[2]]
    expected = ", ".join(f"{field} {value}" for field, value, _ in wrong) or place
    return Compared(subject, expected, ", ".join(f"{field} {it}" for field, _, it in wrong) or place)


def _creation_code(desired: Desired, name: str, creation: Creation | None) -> Compared:
    """Other code can leave the same code behind, and in storage, there or elsewhere, whatever it wants: what is not
    known counts as other.
    """
    subject, chain = f"{name} creation code", desired.chain.name
    if creation is None:
        return Compared(subject, _OURS, "not known: the factory logged nothing of it")
    if creation.is_ours is None:
        advice = f"{chain}: a node that has debug_traceTransaction tells (`--rpc {chain}=URL`)"
        return Compared(subject, _OURS, f"not known: {creation.doubt}", advice)
    return Compared(subject, _OURS, _OURS if creation.is_ours else f"other code, in {creation.hash}")


def _created_with(
    desired: Desired, name: str, declared: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[Compared]:
    """Arguments that are contracts of this deployment: no vote and no later deploy.yaml asks for others. Whoever stood
    in their place might have left something behind that nothing tells of, such as what a timelock did.
    """
    places = set(desired.addresses.values())
    named, is_ = dict(_leaves(declared)), dict(_leaves(found))
    fixed = [argument for argument, value in named.items() if isinstance(value, str) and value in places]
    if fixed:
        expected, given = (", ".join(f"{one} {of.get(one)}" for one in fixed) for of in (named, is_))
        yield Compared(f"{name} created with", expected, given)


def _leaves(arguments: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in arguments.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


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
    if entry.block is not None:
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
