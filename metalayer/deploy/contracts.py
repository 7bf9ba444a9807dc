"""Every contract that is deployed, declared once.

Its address, the steps of `plan` and `apply`, its entry in the registry, what `check` compares and the set-up of the
tests follow from the declaration; the types of its arguments from its ABI. A new contract is one entry here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from eth_utils.crypto import keccak
from pydantic.alias_generators import to_camel

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.declaration import Change, Declaration, View
from metalayer.deploy.desired import Desired
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.create3 import ARACHNID, create2_address, create3_address
from metalayer.protocol.gateway import Route

FACTORY, GATEWAY, ERA, BRIDGE = "Create3Factory", "Metalayer", "ERA", "TokenBridge"
CONTROLLER = "factory namespace controller"
"""As `check` calls who may deploy in the deployer's namespace."""

SET_GUARDIAN = Function("setGuardian(address)")
_DEPLOY = Function("deploy(address,bytes32,bytes)", "address")
_SEAL = Function("seal(address,address)")
_CONTROLLER_OF = Function("controllerOf(address)", "address")
_OWNER = Function("owner()", "address")
_PENDING_OWNER = Function("pendingOwner()", "address")
_GUARDIAN = Function("guardian()", "address")
_TOTAL_SUPPLY = Function("totalSupply()", "uint256")
_ZERO_ADDRESS = "0x" + "00" * 20


def _factory_views(desired: Desired) -> Iterator[View]:
    values = {"namespace": desired.deployer, "controller": desired.owner}
    seal = _SEAL.encode(*values.values())
    yield View(
        CONTROLLER,
        _CONTROLLER_OF,
        desired.owner,
        inputs=(desired.deployer,),
        change=Change("seal namespace", desired.deployer, seal, values, "hand over"),
        refusal="the controller of the deployer's namespace in the factory",
        initial=desired.deployer,
    )


def _gateway_arguments(desired: Desired) -> dict[str, Any]:
    first = desired.validator_set
    return {
        "networkId": desired.network_id,
        "feeToken": desired.addresses[ERA],
        "initialOwner": desired.owner,
        "initialGuardian": desired.guardian,
        "validatorSet": {"version": first.version, "expires": first.expires, "validators": first.words},
    }


def _gateway_views(desired: Desired) -> Iterator[View]:
    owner, guardian = desired.owner, desired.guardian
    yield View("Metalayer owner", _OWNER, owner, refusal="the owner of Metalayer")
    yield View("Metalayer pending owner", _PENDING_OWNER, _ZERO_ADDRESS, words=_unless_zero)
    values: dict[str, Any] = {"newGuardian": guardian}
    change = Change("guardian", owner, SET_GUARDIAN.encode(guardian), values, constructed=True)
    yield View("guardian", _GUARDIAN, guardian, change=change)
    for chain_id, route in desired.routes.items():
        other = desired.network.chain(chain_id).name
        values = {"chainId": chain_id, **{to_camel(name): value for name, value in asdict(route).items()}}
        change = Change(f"route to {other}", owner, gateway.SET_ROUTE.encode(chain_id, route), values)
        yield View(
            f"route to and from {other}",
            gateway.ROUTE,
            route,
            (chain_id,),
            words=describe_route,
            change=change,
        )


def _era_arguments(desired: Desired) -> dict[str, Any]:
    return {
        "hubChainId": desired.network_id,
        "bridge": desired.addresses[BRIDGE],
        "treasury": desired.treasury,
    }


def _era_views(desired: Desired) -> Iterator[View]:
    if desired.is_hub:
        yield View("ERA totalSupply", _TOTAL_SUPPLY, HUB_SUPPLY)


def _bridge_arguments(desired: Desired) -> dict[str, Any]:
    return {
        "gateway": desired.addresses[GATEWAY],
        "token": desired.addresses[ERA],
        "hubChainId": desired.network_id,
    }


CONTRACTS = {
    declaration.name: declaration
    for declaration in (
        Declaration(FACTORY, views=_factory_views, placed_by="proxy"),
        Declaration(GATEWAY, _gateway_arguments, _gateway_views),
        Declaration(ERA, _era_arguments, _era_views),
        Declaration(BRIDGE, _bridge_arguments),
    )
}
"""By name, in the order of creation: the factory places the others."""


def contracts_of(desired: Desired) -> list[Declaration]:
    """What should stand on a chain, in the order of creation."""
    return [declaration for declaration in CONTRACTS.values() if declaration.belongs_to(desired)]


def predict(deployer: str, factory_code: bytes) -> dict[str, str]:
    """Address of every contract, the same on each chain, from the deployer and the factory's code alone."""
    factory = create2_address(ARACHNID, CONTRACTS[FACTORY].salt, keccak(factory_code))
    return {
        name: factory if name == FACTORY else create3_address(factory, deployer, declaration.salt)
        for name, declaration in CONTRACTS.items()
    }


def placement(declaration: Declaration, desired: Desired, artifact: Artifact) -> tuple[str, bytes]:
    """(to, data) of the transaction that creates a contract. The deployer sends it."""
    code = declaration.init_code(desired, artifact)
    if declaration.placed_by == "proxy":
        return ARACHNID, declaration.salt + code
    return desired.addresses[FACTORY], _DEPLOY.encode(desired.deployer, declaration.salt, code)


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


def _unless_zero(account: str) -> str:
    return "none" if account == _ZERO_ADDRESS else account
