"""What stands on a chain, next to what should: the common eyes of `deploy` and `check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.bonds import Founding, read_founding
from metalayer.deploy.contracts import contracts_of
from metalayer.deploy.declaration import Declaration
from metalayer.deploy.desired import Desired
from metalayer.deploy.names import GATEWAY, STAKING
from metalayer.deploy.sets import Sets, installed_sets
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.protocol import gateway
from metalayer.protocol.create3 import ARACHNID, ARACHNID_CODE_HASH
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Request, code_request

# Runtime code that answers every call with 1: PUSH1, MSTORE, RETURN.
_ANSWERS_TRUE = "0x60015f5260205ff3"


@dataclass(frozen=True)
class ChainState:
    """One chain as it is. `found` and `expected` are runtime codes by contract; empty bytes for no code.

    `values`: what views returned, by subject; only of contracts that stand. `sets` is None while no gateway does.
    `founding` is what was read of it where a validator set is due. `beside`: whether routes that deploy.yaml does not
    have are open for sending and for deliveries, by chain id.
    """

    has_placer: bool
    found: dict[str, bytes]
    expected: dict[str, bytes]
    values: dict[str, Any]
    sets: Sets | None
    founding: Founding
    beside: dict[int, tuple[bool, bool]] = field(default_factory=dict)

    def stands(self, contract: str) -> bool:
        """True if exactly the expected code is there, byte for byte, immutables included."""
        return contract in self.expected and self.found[contract] == self.expected[contract]


def inspect(connection: Connection, desired: Desired, artifacts: Mapping[str, Artifact]) -> ChainState:
    """Reads one chain in three round trips, and the founding in two.

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
            *(construction(declaration, desired, artifacts) for declaration in declared),
        ]
    )
    found = dict(zip(names, codes[: len(names)], strict=True))
    expected = dict(zip(names, codes[len(names) :], strict=True))
    if not all(expected.values()):
        # Else what is missing would be what is expected.
        raise MetalayerError(
            f"{connection.name}: its node does not run constructors as code at an address (`eth_call` with state "
            "overrides): give one that does"
        )
    has_placer = keccak(placer) == ARACHNID_CODE_HASH
    bare = ChainState(has_placer, found, expected, {}, None, Founding())
    views = [
        (declaration.name, view)
        for declaration in declared
        if bare.stands(declaration.name)
        for view in declaration.all_views(desired, artifacts[declaration.artifact])
    ]
    requests = [view.function.request(addresses[name], *view.inputs) for name, view in views]
    sets, beside = None, {}
    if bare.stands(GATEWAY):
        requests.append(gateway.VALIDATOR_SET_HASH.request(addresses[GATEWAY]))
    results = connection.batch(requests)
    if bare.stands(GATEWAY):
        sets = Sets(installed_sets(connection, addresses[GATEWAY]), results.pop())
        beside = _routes_beside(connection, desired)
    values = {view.subject: value for (_, view), value in zip(views, results, strict=True)}
    is_founded_here = desired.is_hub and desired.sets.is_due and bare.stands(STAKING)
    founding = read_founding(connection, desired) if is_founded_here else Founding()
    return replace(bare, values=values, sets=sets, founding=founding, beside=beside)


def _routes_beside(connection: Connection, desired: Desired) -> dict[int, tuple[bool, bool]]:
    """Logs tell of which chains to ask: a network has few of all the routes that it could have."""
    address = desired.addresses[GATEWAY]
    opened = connection.ask(gateway.ROUTE_OPENED.history(address))
    ids = [id_ for id_ in dict.fromkeys(event[0] for event, _ in opened) if id_ not in desired.routes]
    routes = connection.batch(gateway.ROUTE.request(address, id_) for id_ in ids)
    return {id_: (route.outbound, route.inbound) for id_, route in zip(ids, routes, strict=True)}


def construction(
    declaration: Declaration, desired: Desired, artifacts: Mapping[str, Artifact]
) -> Request[bytes]:
    """Asks for the runtime code that a constructor returns."""
    address = desired.addresses[declaration.name]
    code = declaration.init_code(desired, artifacts[declaration.artifact])
    overrides: dict[str, Any] = {address: {"code": to_hex(code), "state": {}}}
    # Whatever they would say: they may not stand yet.
    overrides |= {desired.addresses[name]: {"code": _ANSWERS_TRUE} for name in declaration.calls}
    # A constructor refuses a set that has expired. What it installed long ago is still what it should be.
    first = desired.validator_set
    block = [{"time": hex(first.expires)}] if first is not None else []
    return Request("eth_call", ({"to": address, "data": "0x"}, "latest", overrides, *block), from_hex)
