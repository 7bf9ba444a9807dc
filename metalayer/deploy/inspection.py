"""What stands on a chain, next to what should: the common eyes of `deploy` and `check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contracts import GATEWAY, contracts_of
from metalayer.deploy.declaration import Declaration
from metalayer.deploy.desired import Desired
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted
from metalayer.protocol import gateway
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.create3 import ARACHNID, ARACHNID_CODE_HASH
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Request, code_request


@dataclass(frozen=True)
class Sets:
    """The validator sets of a gateway: all that were ever installed, the constructor's first, and the present hash."""

    history: list[ValidatorSet]
    hash: bytes

    @property
    def first(self) -> ValidatorSet | None:
        return self.history[0] if self.history else None

    @property
    def installed(self) -> ValidatorSet | None:
        """The set that signs now. None if no log names it: a node that lies, or storage that was written."""
        last = self.history[-1] if self.history else None
        return last if last is not None and last.hash == self.hash else None


@dataclass(frozen=True)
class ChainState:
    """One chain as it is. `found` and `expected` are runtime codes by contract; empty bytes for no code.

    `values`: what views returned, by subject; only of contracts that stand. `sets` is None while no gateway does.
    """

    has_placer: bool
    found: dict[str, bytes]
    expected: dict[str, bytes]
    values: dict[str, Any]
    sets: Sets | None

    def stands(self, contract: str) -> bool:
        """True if exactly the expected code is there, byte for byte, immutables included."""
        return self.found[contract] == self.expected[contract]


def inspect(connection: Connection, desired: Desired, artifacts: Mapping[str, Artifact]) -> ChainState:
    """Reads one chain in three round trips.

    The expected runtime code is what the constructor itself returns: `eth_call` runs the creation code as
    if it were the code at the predicted address, on this chain and with clean storage. Immutables, among
    them those that come from the address or the chain id, get their real values, and every byte is
    compared, without masks.
    """
    addresses, declared = desired.addresses, contracts_of(desired)
    names = [declaration.name for declaration in declared]
    placer, *codes = connection.batch(
        [
            code_request(ARACHNID),
            *(code_request(addresses[name]) for name in names),
            *(_construction(declaration, desired, artifacts) for declaration in declared),
        ]
    )
    found = dict(zip(names, codes[: len(names)], strict=True))
    expected = dict(zip(names, codes[len(names) :], strict=True))
    has_placer = keccak(placer) == ARACHNID_CODE_HASH
    bare = ChainState(has_placer, found, expected, {}, None)
    views = [
        (declaration.name, view)
        for declaration in declared
        if bare.stands(declaration.name)
        for view in declaration.all_views(desired, artifacts[declaration.name])
    ]
    requests = [view.function.request(addresses[name], *view.inputs) for name, view in views]
    sets = None
    if bare.stands(GATEWAY):
        requests.append(gateway.VALIDATOR_SET_HASH.request(addresses[GATEWAY]))
    results = connection.batch(requests)
    if bare.stands(GATEWAY):
        sets = Sets(installed_sets(connection, addresses[GATEWAY]), results.pop())
    values = {view.subject: value for (_, view), value in zip(views, results, strict=True)}
    return ChainState(has_placer, found, expected, values, sets)


def installed_sets(connection: Connection, address: str) -> list[ValidatorSet]:
    """Every set that a gateway ever accepted, the constructor's first, from the logs of their installation."""
    return [installed for installed, _ in connection.ask(gateway.VALIDATOR_SET_INSTALLED.logs(address))]


def read_sets(connection: Connection, address: str) -> Sets | None:
    """The sets of a gateway. None while there is no code; other code there has no such logs."""
    if not connection.code(address):
        return None
    try:
        present = connection.view(address, gateway.VALIDATOR_SET_HASH)
    except Reverted:
        present = b""
    return Sets(installed_sets(connection, address), present)


def histories(connections: Mapping[str, Connection], address: str) -> dict[str, Sets]:
    """The validator sets of every chain that has a gateway."""
    names = list(connections)
    read = in_parallel(lambda name: read_sets(connections[name], address), names)
    return {name: sets for name, sets in zip(names, read, strict=True) if sets is not None}


def first_sets(network: Network, found: Mapping[str, Sets]) -> dict[str, ValidatorSet]:
    """By chain, the set from which its gateway started, or has to start: the hub's present one for a chain that joins.

    The hub is left out, and so is a chain that started from a set that the hub never had: they are compared with the
    first set, and refused if they had another.
    """
    hub = found.get(network.hub.name)
    if hub is None or hub.installed is None:
        return {}
    known = {one.hash: one for one in hub.history}
    starts = {}
    for name in network.chains.keys() - {network.hub.name}:
        first = found[name].first if name in found else hub.installed
        if first is not None and first.hash in known:
            starts[name] = first
    return starts


def _construction(
    declaration: Declaration, desired: Desired, artifacts: Mapping[str, Artifact]
) -> Request[bytes]:
    address = desired.addresses[declaration.name]
    code = declaration.init_code(desired, artifacts[declaration.name])
    overrides = {address: {"code": to_hex(code), "state": {}}}
    # A constructor refuses a set that has expired. What it installed long ago is still what it should be.
    block = {"time": hex(desired.validator_set.expires)}
    return Request("eth_call", ({"to": address, "data": "0x"}, "latest", overrides, block), from_hex)
