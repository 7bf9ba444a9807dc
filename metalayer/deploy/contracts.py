"""Every contract that is deployed, declared once.

Its address, the steps of `plan` and `apply`, its entry in the registry, what `check` compares and the set-up of the
tests follow from the declaration; the types of its arguments from its ABI. A new contract is one entry here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from eth_utils.crypto import keccak
from pydantic.alias_generators import to_camel

from metalayer.deploy import bridging, governing, staked
from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.declaration import Change, Declaration, View, ownership
from metalayer.deploy.desired import Desired
from metalayer.deploy.genesis import airdrop_arguments, has_no_airdrop, wallet_declarations
from metalayer.deploy.names import (
    AIRDROP,
    ANNEX,
    BRIDGE,
    BRIDGE_ANNEX,
    BRIDGED_TOKEN,
    DECISION_OUTBOX,
    ERA,
    ETHER_DOOR,
    EXPECT,
    FACTORY,
    FEE_COLLECTOR,
    GATEWAY,
    GOVERNOR,
    GUARDIAN,
    REMOTE_GOVERNOR,
    RESOLVER,
    SEND_DOOR,
    SET_BUILDER,
    SLASHER,
    SPOKE_VOTES,
    STAKING,
    TIMELOCK,
    TOKEN_METADATA,
    VESTING,
    VOTE_POOL,
    WRAPPED_ETHER,
)
from metalayer.deploy.routes import describe_open, describe_terms
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.create3 import ARACHNID, create2_address, create3_address
from metalayer.protocol.gateway import Terms

CONTROLLER = "factory namespace controller"
"""As `check` calls who may deploy in the deployer's namespace."""

DEPLOY = Function("deploy(address,bytes32,bytes)", "address")
"""Of the factory: namespace, salt, creation code."""

MOST_FIRST_ROUTES = 56
"""Routes that a gateway has from the first block on, the hub's among them: more code and arguments no transaction
creates (EIP-3860: 49,152 bytes). Votes open the others.
"""

SET_GUARDIAN = Function("setGuardian(address)")
_SEAL = Function("seal(address,address)")
_CONTROLLER_OF = Function("controllerOf(address)", "address")
_RECOVERY = Function("recovery()", "address")
_SET_RECOVERY = Function("setRecovery(address)")
_COUNCIL = Function("council()", "address")
_SET_COUNCIL = Function("setCouncil(address)")
_FEE_KEEPER = Function("feeKeeper()", "address")
_SET_FEE_KEEPER = Function("setFeeKeeper(address)")
_IS_WATCHER = Function("isWatcher(address)", "bool", bool)
_SET_WATCHER = Function("setWatcher(address,bool)")
_TERMS = Function("route(uint256)", gateway.ROUTE_TYPE, lambda route: gateway.read_route(route).terms)
_OPEN = Function("route(uint256)", gateway.ROUTE_TYPE, lambda route: (route[0], route[1]))
_TOTAL_SUPPLY = Function("totalSupply()", "uint256")


def _factory_views(desired: Desired) -> Iterator[View]:
    sealed = {"namespace": desired.deployer, "controller": desired.owner}
    yield View(
        CONTROLLER,
        _CONTROLLER_OF,
        desired.owner,
        inputs=(desired.deployer,),
        change=Change("seal namespace", desired.deployer, _SEAL, sealed, "hand over", constructed=False),
        refusal="the controller of the deployer's namespace in the factory",
        initial=desired.deployer,
    )


def _annex_arguments(desired: Desired) -> dict[str, Any]:
    return {"networkId": desired.network_id, "staking": desired.staking}


def _gateway_arguments(desired: Desired) -> dict[str, Any]:
    first, offices = desired.validator_set, desired.offices
    assert first is not None, "what starts belongs to no chain before"
    return {
        "networkId": desired.network_id,
        "feeToken": desired.addresses[ERA],
        "annex": desired.addresses[ANNEX],
        "offices": {
            "owner": offices.owner,
            "guardian": desired.addresses[GUARDIAN],
            "recovery": offices.recovery,
            "collector": desired.addresses[FEE_COLLECTOR],
        },
        "routes": [
            {"chainId": chain_id, "route": {**asdict(route), "terms": _terms(route.terms)}}
            for chain_id, route in islice(desired.routes.items(), MOST_FIRST_ROUTES)
        ],
        "validatorSet": {"version": first.version, "expires": first.expires, "validators": first.words},
    }


def _terms(terms: Terms) -> dict[str, int]:
    return {to_camel(name): value for name, value in asdict(terms).items()}


def _gateway_views(desired: Desired) -> Iterator[View]:
    """All of it is the constructor's: a setting is missing only where it was changed, or where a chain came later."""
    offices, guardian = desired.offices, desired.addresses[GUARDIAN]
    owner = offices.owner
    yield from ownership(GATEWAY, owner)
    yield View("Metalayer collector", gateway.COLLECTOR, desired.addresses[FEE_COLLECTOR])
    yield _office("guardian", gateway.GUARDIAN, guardian, owner, SET_GUARDIAN, "newGuardian")
    yield _office("recovery", _RECOVERY, offices.recovery, owner, _SET_RECOVERY, "newRecovery")
    for chain_id, route in desired.routes.items():
        other = desired.network.chain(chain_id).name
        terms = {"chainId": chain_id, "terms": _terms(route.terms)}
        change = Change(f"terms to {other}", owner, gateway.SET_TERMS, terms)
        yield View(f"terms to {other}", _TERMS, route.terms, (chain_id,), words=describe_terms, change=change)
        open_ = (route.outbound, route.inbound)
        directions = {"chainId": chain_id, "outbound": route.outbound, "inbound": route.inbound}
        change = Change(f"route to {other}", owner, gateway.SET_OPEN, directions)
        yield View(
            f"route to and from {other}", _OPEN, open_, (chain_id,), words=describe_open, change=change
        )


def _office(
    name: str, function: Function[str], holder: str, setter: str, call: Function[Any], argument: str
) -> View:
    return View(name, function, holder, change=Change(name, setter, call, {argument: holder}))


def _guardian_arguments(desired: Desired) -> dict[str, Any]:
    offices = desired.offices
    return {
        "gateway": desired.addresses[GATEWAY],
        "bridge": desired.addresses[BRIDGE],
        "initialCouncil": offices.council,
        "initialFeeKeeper": offices.fee_keeper,
        "watchers": list(offices.watchers),
        "governor": desired.governor,
    }


def _guardian_views(desired: Desired) -> Iterator[View]:
    offices = desired.offices
    yield _office("council", _COUNCIL, offices.council, offices.owner, _SET_COUNCIL, "newCouncil")
    yield _office(
        "fee keeper", _FEE_KEEPER, offices.fee_keeper, offices.council, _SET_FEE_KEEPER, "newFeeKeeper"
    )
    for watcher in offices.watchers:
        named = {"account": watcher, "watching": True}
        change = Change(f"watcher {watcher}", offices.council, _SET_WATCHER, named)
        yield View(f"watcher {watcher}", _IS_WATCHER, True, (watcher,), change=change)


def _era_arguments(desired: Desired) -> dict[str, Any]:
    return {
        "hubChainId": desired.network_id,
        "bridge": desired.addresses[BRIDGE],
        "treasury": desired.treasury,
        "allocations": [
            {"account": account, "amount": amount} for account, amount in desired.allocations.items()
        ],
    }


def _era_views(desired: Desired) -> Iterator[View]:
    yield from bridging.named(ERA, "ERA", "ERA")
    if desired.is_hub:
        yield View("ERA totalSupply", _TOTAL_SUPPLY, HUB_SUPPLY)


CONTRACTS = {
    declaration.name: declaration
    for declaration in (
        Declaration(FACTORY, views=_factory_views, placed_by="proxy"),
        # Before all that it owns.
        Declaration(TIMELOCK, governing.timelock_arguments, governing.timelock_views),
        Declaration(AIRDROP, airdrop_arguments, where="hub", unless=has_no_airdrop),
        Declaration(ERA, _era_arguments, _era_views),
        Declaration(BRIDGE_ANNEX, bridging.annex_arguments),
        Declaration(BRIDGE, bridging.bridge_arguments, bridging.bridge_views),
        Declaration(BRIDGED_TOKEN, bridging.token_arguments, bridging.token_views),
        Declaration(TOKEN_METADATA),
        Declaration(WRAPPED_ETHER, views=bridging.ether_views, unless=bridging.has_wrapped_ether),
        Declaration(ETHER_DOOR, bridging.ether_door_arguments),
        Declaration(SEND_DOOR, bridging.send_door_arguments, bridging.send_door_views),
        Declaration(RESOLVER, bridging.token_arguments),
        Declaration(SET_BUILDER, where="hub"),
        Declaration(STAKING, staked.staking_arguments, staked.staking_views, where="hub"),
        Declaration(SLASHER, staked.slasher_arguments, staked.slasher_views, where="hub"),
        Declaration(ANNEX, _annex_arguments),
        Declaration(GUARDIAN, _guardian_arguments, _guardian_views),
        Declaration(GOVERNOR, governing.governor_arguments, governing.governor_views, where="hub"),
        Declaration(
            DECISION_OUTBOX,
            governing.outbox_arguments,
            governing.outbox_views,
            where="hub",
            place="Decisions",
        ),
        Declaration(
            REMOTE_GOVERNOR,
            governing.remote_arguments,
            governing.remote_views,
            where="spokes",
            place="Decisions",
        ),
        Declaration(VOTE_POOL, governing.pool_arguments, where="hub", place="Votes"),
        Declaration(
            SPOKE_VOTES,
            governing.spoke_votes_arguments,
            governing.spoke_votes_views,
            where="spokes",
            place="Votes",
        ),
        Declaration(EXPECT),
        Declaration(GATEWAY, _gateway_arguments, _gateway_views, kind="start"),
        Declaration(FEE_COLLECTOR, staked.collector_arguments, kind="start", calls=(ERA, GATEWAY)),
    )
}
"""By name, in the order of creation: the factory places the others."""

ARTIFACTS = (*CONTRACTS, VESTING)
"""Of which there is code; of the last as many contracts as `genesis` of deploy.yaml locks ERA for."""


def contracts_of(desired: Desired) -> list[Declaration]:
    """What should stand on a chain, in the order of creation."""
    declared: list[Declaration] = []
    for declaration in CONTRACTS.values():
        if declaration.name == ERA:
            # Before what is minted to them.
            declared += wallet_declarations(desired)
        declared.append(declaration)
    return [declaration for declaration in declared if declaration.belongs_to(desired)]


def predict(deployer: str, factory_code: bytes) -> dict[str, str]:
    """Address of every contract, the same on each chain, from the deployer and the factory's code alone. Not those with
    locked ERA: `resolve` adds them.
    """
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
    return desired.addresses[FACTORY], DEPLOY.encode(desired.deployer, declaration.salt, code)
