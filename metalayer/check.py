"""Compares every chain with `deploy.yaml` and the registry: what `ape run check` reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from eth_utils.crypto import keccak

from metalayer.artifacts import Artifact
from metalayer.calls import Function
from metalayer.chain import Connection, in_parallel, to_hex
from metalayer.gateway import Route
from metalayer.inspection import ALL_CONTRACTS, ChainState, inspect
from metalayer.intent import Desired, Resolved
from metalayer.registry import Registry

HUB_SUPPLY = 1_000_000_000 * 10**18
"""`HUB_SUPPLY` of ERA, in wei."""

_ZERO_ADDRESS = "0x" + "00" * 20
_NETWORK_ID = Function("NETWORK_ID()", "uint256")
_TOTAL_SUPPLY = Function("totalSupply()", "uint256")
_BRIDGE = Function("BRIDGE()", "address")
_GATEWAY = Function("GATEWAY()", "address")
_TOKEN = Function("TOKEN()", "address")
_HUB_CHAIN_ID = Function("HUB_CHAIN_ID()", "uint256")


@dataclass(frozen=True)
class Finding:
    """One thing that was compared."""

    chain: str
    subject: str
    expected: str
    found: str

    @property
    def is_drift(self) -> bool:
        return self.expected != self.found

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "drift": self.is_drift}


def check(
    resolved: Resolved,
    registry: Registry,
    connections: Mapping[str, Connection],
    artifacts: Mapping[str, Artifact],
) -> list[Finding]:
    """Everything that was compared, chain by chain. MetalayerError only if a chain cannot be read."""

    def check_chain(name: str) -> list[Finding]:
        desired, connection = resolved.chains[name], connections[name]
        state = inspect(connection, desired, artifacts)
        return [
            *_codes(desired, state, registry),
            *_gateway(desired, state, resolved),
            *_wiring(connection, desired, state),
        ]

    return [finding for found in in_parallel(check_chain, resolved.chains) for finding in found]


def _codes(desired: Desired, state: ChainState, registry: Registry) -> Iterator[Finding]:
    chain = desired.chain.name
    recorded = registry.chains[chain].contracts if chain in registry.chains else {}
    for name in ALL_CONTRACTS:
        found, expected = _code(state.found[name]), _code(state.expected[name])
        yield Finding(chain, f"{name} code", expected, found)
        entry = recorded.get(name)
        hash_ = f"{entry.address} {entry.code_hash}" if entry else "nothing"
        yield Finding(chain, f"{name} in the registry", f"{desired.addresses[name]} {expected}", hash_)


def _code(code: bytes) -> str:
    return to_hex(keccak(code)) if code else "no code"


def _gateway(desired: Desired, state: ChainState, resolved: Resolved) -> Iterator[Finding]:
    """Settings, as far as the code that keeps them is there: other code is a finding of its own."""
    chain, settings = desired.chain.name, state.gateway
    if settings is not None:
        pending = "none" if settings.pending_owner == _ZERO_ADDRESS else settings.pending_owner
        set_hash = to_hex(desired.validator_set.hash)
        yield Finding(chain, "Metalayer owner", desired.owner, settings.owner)
        yield Finding(chain, "Metalayer pending owner", "none", pending)
        yield Finding(chain, "guardian", desired.guardian, settings.guardian)
        yield Finding(chain, "validator set", set_hash, to_hex(settings.validator_set_hash))
        for name, other in resolved.network.chains.items():
            if other.chain_id in desired.routes:
                expected = describe_route(desired.routes[other.chain_id])
                found = describe_route(settings.routes[other.chain_id])
                yield Finding(chain, f"route to and from {name}", expected, found)
    if state.controller is not None:
        yield Finding(chain, "factory namespace controller", desired.owner, state.controller)


def describe_route(route: Route) -> str:
    """A route in words."""
    if not (route.outbound or route.inbound or route.max_gas_limit):
        return "never set"
    directions = {
        (True, True): "both ways",
        (True, False): "outbound only",
        (False, True): "inbound only",
        (False, False): "closed",
    }
    fees = f"{route.base_fee}/{route.gas_fee}/{route.byte_fee}/{route.return_fee}+{route.protocol_share}"
    gas = f"{route.default_gas_limit}/{route.max_gas_limit}"
    return f"{directions[route.outbound, route.inbound]}, gas {gas}, fees {fees}"


def _wiring(connection: Connection, desired: Desired, state: ChainState) -> Iterator[Finding]:
    """The supply on the hub, and the immutables by name, which the code comparison covers, too."""
    chain, addresses = desired.chain.name, desired.addresses
    wanted: list[tuple[str, Function, object]] = [
        ("Metalayer", _NETWORK_ID, desired.network_id),
        ("ERA", _HUB_CHAIN_ID, desired.network_id),
        ("ERA", _BRIDGE, addresses["TokenBridge"]),
        ("TokenBridge", _GATEWAY, addresses["Metalayer"]),
        ("TokenBridge", _TOKEN, addresses["ERA"]),
    ]
    if desired.is_hub:
        wanted.append(("ERA", _TOTAL_SUPPLY, HUB_SUPPLY))
    readable = [(name, function, value) for name, function, value in wanted if state.stands(name)]
    answers = connection.calls([(addresses[name], function.encode()) for name, function, _ in readable])
    for (name, function, value), answer in zip(readable, answers, strict=True):
        title = f"{name} {function.signature.removesuffix('()')}"
        yield Finding(chain, title, str(value), str(function.decode(answer)))
