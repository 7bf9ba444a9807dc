"""Compares every chain with `deploy.yaml` and the registry: what `ape run check` reports."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.inspection import ALL_CONTRACTS, ChainState, inspect
from metalayer.deploy.intent import Desired, Resolved
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Route
from metalayer.protocol.hex import to_hex

_ZERO_ADDRESS = "0x" + "00" * 20
_NETWORK_ID = Function("NETWORK_ID()", "uint256")
_TOTAL_SUPPLY = Function("totalSupply()", "uint256")
_BRIDGE = Function("BRIDGE()", "address")
_GATEWAY = Function("GATEWAY()", "address")
_TOKEN = Function("TOKEN()", "address")
_HUB_CHAIN_ID = Function("HUB_CHAIN_ID()", "uint256")


@dataclass(frozen=True)
class Finding:
    """One thing that was compared. `advice`: what to do if it differs, where that is known."""

    chain: str
    subject: str
    expected: str
    found: str
    advice: str = ""

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

    names = list(resolved.chains)
    states = dict(
        zip(
            names,
            in_parallel(lambda name: inspect(connections[name], resolved.chains[name], artifacts), names),
            strict=True,
        )
    )
    newest = _newest_set(states)

    def check_chain(name: str) -> list[Finding]:
        desired, state = resolved.chains[name], states[name]
        return [
            *_codes(desired, state, registry),
            *_gateway(desired, state, resolved),
            *_validators(desired, state, newest),
            *_wiring(connections[name], desired, state),
        ]

    return [finding for found in in_parallel(check_chain, names) for finding in found]


def _newest_set(states: Mapping[str, ChainState]) -> ValidatorSet | None:
    """Of the highest version on any chain; the hub's, if others differ at that version."""
    installed = [state.gateway.installed_set for state in states.values() if state.gateway is not None]
    known = [one for one in installed if one is not None]
    return max(known, key=lambda one: one.version, default=None)


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
        yield Finding(chain, "Metalayer owner", desired.owner, settings.owner)
        yield Finding(chain, "Metalayer pending owner", "none", pending)
        yield Finding(chain, "guardian", desired.guardian, settings.guardian)
        for name, other in resolved.network.chains.items():
            if other.chain_id in desired.routes:
                expected = describe_route(desired.routes[other.chain_id])
                found = describe_route(settings.routes[other.chain_id])
                yield Finding(chain, f"route to and from {name}", expected, found)
    if state.controller is not None:
        yield Finding(chain, "factory namespace controller", desired.owner, state.controller)


def _validators(desired: Desired, state: ChainState, newest: ValidatorSet | None) -> Iterator[Finding]:
    """Every set but the first came with a quorum's signature: only that chains differ is drift."""
    chain, settings = desired.chain.name, state.gateway
    if settings is None:
        return
    first = to_hex(settings.sets[0].hash) if settings.sets else "no log of it"
    yield Finding(chain, "first validator set", to_hex(desired.validator_set.hash), first)
    installed = settings.installed_set
    found = f"{to_hex(settings.validator_set_hash)}, which no log names"
    advice = ""
    if installed is not None:
        found = describe_set(installed)
        if newest is not None and installed.version < newest.version:
            advice = (
                f"{chain} is behind: `ape run relay rotate` or `ape run relay once` brings it version "
                f"{newest.version}"
            )
    yield Finding(chain, "validator set", describe_set(newest or desired.validator_set), found, advice)


def describe_set(validator_set: ValidatorSet) -> str:
    """A validator set in words."""
    expires = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(validator_set.expires))
    return f"version {validator_set.version}, expires {expires}, {to_hex(validator_set.hash)}"


def describe_route(route: Route) -> str:
    """A route in words. Fees in gwei of ERA: base, per 1,000 gas, per byte, return; then the protocol's share."""
    if not (route.outbound or route.inbound or route.max_gas_limit):
        return "never set"
    directions = {
        (True, True): "both ways",
        (True, False): "outbound only",
        (False, True): "inbound only",
        (False, False): "closed",
    }
    gas = f"{route.default_gas_limit}/{route.max_gas_limit}"
    fees = f"{route.base_fee}/{route.gas_fee}/{route.byte_fee}/{route.return_fee}"
    share = f"{route.protocol_share / 100:g} %"
    return f"{directions[route.outbound, route.inbound]}, gas {gas}, fees {fees} + {share}"


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
    answers = connection.batch(function.request(addresses[name]) for name, function, _ in readable)
    for (name, function, value), answer in zip(readable, answers, strict=True):
        title = f"{name} {function.signature.removesuffix('()')}"
        yield Finding(chain, title, str(value), str(answer))
