"""`deploy.yaml`, and what follows from it for every chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, model_validator

from metalayer.deploy import routes
from metalayer.deploy.contracts import predict
from metalayer.deploy.desired import (
    ZERO_ADDRESS,
    Bond,
    Bonding,
    Desired,
    FirstSets,
    Governance,
    Offices,
    Resolved,
)
from metalayer.deploy.genesis import Beginning, minted
from metalayer.deploy.names import STAKING, TIMELOCK
from metalayer.deploy.owned import BridgeEntry, bridge_rules
from metalayer.deploy.routes import Closed, Pair, Shape
from metalayer.errors import MetalayerError
from metalayer.network.config import Chain, Network
from metalayer.network.entries import Preset
from metalayer.network.inputs import Document, Entry, read_file, wrong
from metalayer.network.values import Account, Name, decimal, duration, hint, whole
from metalayer.network.workspace import workspace
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.attestation import MAX_VALIDATORS, MIN_VALIDATORS
from metalayer.protocol.bond import BASIS_POINTS
from metalayer.protocol.dates import DAY, HOUR
from metalayer.protocol.gateway import Route, Terms

MAX_GAS_LIMIT = 15_000_000
"""`MAX_GAS_LIMIT` of the gateway: no route may allow more."""

_SOURCE = "deploy.yaml"
_ERA = 10**18
_MOST_ERA = HUB_SUPPLY // _ERA
_OFFICES = ("councils", "fee_keepers", "recoveries")
"""Fields that name one account for each chain."""


class Founder(Entry):
    """A validator that founds the network."""

    operator: Account
    """Acts for it, and bonds."""
    signer: Account
    """Its key, on the machine that signs."""
    own: Annotated[int, whole(1, _MOST_ERA)]
    """ERA that the operator bonds."""
    commission: Annotated[float, decimal(0, 100)]
    """Percent of what delegated stake earns."""


class Validators(Entry):
    """What Staking asks of validators, `minimum_own` in ERA; and those that bond before the gateways start."""

    seats: Annotated[int, whole(MIN_VALIDATORS, MAX_VALIDATORS)]
    """How many validators sign, at most. For ever."""
    minimum_own: Annotated[int, whole(1, _MOST_ERA)]
    """ERA of its own that an operator bonds at least. For ever."""
    bonded: list[Founder]
    """Those that found the network. Once the first set is published, this is history."""


class Rules(Entry):
    """How the network is governed: seconds, ERA, percent. The contracts have bounds of their own."""

    voting_delay: Annotated[int, duration(HOUR, 30 * DAY)]
    """From the proposal to the snapshot, in full hours."""
    voting_period: Annotated[int, duration(7 * DAY, 60 * DAY)]
    """From the snapshot to the end of the vote."""
    proposal_threshold: Annotated[int, whole(1, _MOST_ERA)]
    """ERA of votes that a proposer has."""
    quorum: Annotated[int, whole(1, 100)]
    """Percent of the supply that votes for or abstains."""
    timelock_delay: Annotated[int, duration(HOUR, 30 * DAY)]
    """From a decision to its execution, on each chain."""

    @model_validator(mode="after")
    def _is_rounded(self) -> Rules:
        if self.voting_delay % HOUR:
            raise wrong("voting_delay", "expected full hours: snapshots fall on them")
        return self


class Intent(Entry):
    """deploy.yaml as it is written."""

    deployer: Account
    """Deploys, and pays for it. Every address depends on it."""
    councils: dict[Name, Account]
    """By chain; `default` is for all others. As all offices below."""
    watchers: dict[Name, list[Account]]
    """Hot keys of alarms: they pause for three days."""
    fee_keepers: dict[Name, Account]
    """Move fees, within 8 times of what the owner set."""
    recoveries: dict[Name, Account]
    """May bring back a validator set after it expired."""
    governance: Rules
    """How the holders of ERA decide."""
    genesis: Beginning
    """Who has ERA from the hub's first block on."""
    validators: Validators
    """What Staking asks of validators, and those that found the network."""
    routes: Shape
    """Which chains send to which."""
    direct: list[Pair] = Field(default_factory=list)
    """Pairs of chains that send to each other besides."""
    closed: list[Closed] = Field(default_factory=list)
    """Lanes that are closed on purpose."""
    bridge: BridgeEntry = Field(default_factory=BridgeEntry)
    """What the owner sets at the bridges, by votes."""

    _document: Document = PrivateAttr(default=Document(_SOURCE, None, {}))

    @model_validator(mode="after")
    def _has_defaults(self) -> Intent:
        for field in ("watchers", *_OFFICES):
            if "default" not in getattr(self, field):
                raise wrong(field, "`default` is missing")
        return self

    def fault(self, said: str, *place: str) -> MetalayerError:
        """What is wrong at a place of the file."""
        return self._document.fault(place, said)


def load_intent(path: Path | None = None) -> Intent:
    """Read deploy.yaml (the workspace's by default). MetalayerError, one line, if it is missing or wrong."""
    document = read_file(path or workspace() / _SOURCE)
    intent = document.read(Intent)
    intent._document = document
    return intent


def resolve(
    intent: Intent,
    network: Network,
    address_of: Callable[[str], str],
    factory_code: bytes,
    sets: FirstSets | None = None,
) -> Resolved:
    """Every argument and address.

    address_of: account name -> address. factory_code: creation code of the Create3Factory. sets: what the chains say of
    the validator sets; if not given, none was ever published. MetalayerError for unknown chains and accounts, and for
    founders of whom Staking would seat too few.
    """

    def address(name: str, *place: str) -> str:
        try:
            return address_of(name)
        except MetalayerError as error:
            raise intent.fault(str(error), *place) from error

    def by_chain(field: str, given: Mapping[str, Any]) -> dict[str, Any]:
        for name in given:
            if name != "default" and name not in network.chains:
                known = hint(name, ("default", *network.chains))
                raise intent.fault(f"no such chain{known}", field, name)
        return {name: given.get(name, given["default"]) for name in network.chains}

    def holders(field: str) -> dict[str, str]:
        accounts: Mapping[str, str] = getattr(intent, field)
        return by_chain(field, {name: address(account, field, name) for name, account in accounts.items()})

    held = {field: holders(field) for field in _OFFICES}
    watching = by_chain(
        "watchers",
        {
            name: tuple(dict.fromkeys(address(account, "watchers", name) for account in accounts))
            for name, accounts in intent.watchers.items()
        },
    )
    deployer = address(intent.deployer, "deployer")
    addresses = predict(deployer, factory_code)
    # One address on every chain: the hub's has the treasury's share, and what slashes take.
    timelock = addresses[TIMELOCK]
    rules = intent.governance
    governance = Governance(
        voting_delay=rules.voting_delay,
        voting_period=rules.voting_period,
        proposal_threshold=rules.proposal_threshold * _ERA,
        quorum=rules.quorum,
        timelock_delay=rules.timelock_delay,
    )
    allocations, genesis, wallets = minted(intent.genesis, addresses, deployer, address, intent.fault)
    addresses |= wallets
    bonding = _bonding(intent, address)
    lanes = routes.lanes(intent.routes, intent.direct, intent.closed, network, intent.fault)
    bridging = bridge_rules(intent.bridge, network, addresses, intent.fault)
    sets = sets or FirstSets()
    ids = {chain.name: chain.chain_id for chain in network.chains.values()}
    by_id = [(ids[origin], ids[destination]) for origin, destination in lanes]
    chains = {
        chain.name: Desired(
            chain=chain,
            network=network,
            deployer=deployer,
            offices=Offices(
                owner=timelock,
                council=held["councils"][chain.name],
                watchers=watching[chain.name],
                fee_keeper=held["fee_keepers"][chain.name],
                recovery=held["recoveries"][chain.name],
            ),
            treasury=timelock,
            allocations=allocations,
            governance=governance,
            bonding=bonding,
            sets=sets,
            routes={
                other.chain_id: replace(
                    route_between(chain, other),
                    outbound=lanes[chain.name, other.name],
                    inbound=lanes[other.name, chain.name],
                )
                for other in network.chains.values()
                if (chain.name, other.name) in lanes
            },
            addresses=addresses,
            staking=addresses[STAKING] if chain == network.hub else ZERO_ADDRESS,
            bridging=bridging[chain.name],
            genesis=genesis,
            lanes=by_id,
        )
        for chain in network.chains.values()
    }
    return Resolved(network, bonding, sets, addresses, chains)


def _bonding(intent: Intent, address: Callable[..., str]) -> Bonding:
    """`address`: account name and place in the file -> address."""
    wanted = intent.validators
    if not MIN_VALIDATORS <= len(wanted.bonded) <= wanted.seats:
        raise intent.fault(
            f"expected {MIN_VALIDATORS} to {wanted.seats} validators, one for each seat at most, found "
            f"{len(wanted.bonded)}",
            "validators",
            "bonded",
        )
    bonds: list[Bond] = []
    known: set[str] = set()
    for position, founder in enumerate(wanted.bonded):
        place = ("validators", "bonded", str(position))
        operator, signer = (address(getattr(founder, name), *place, name) for name in ("operator", "signer"))
        for account in (operator, signer):
            if account in known:
                raise intent.fault(f"{account} is there twice", *place)
            known.add(account)
        if founder.own < wanted.minimum_own:
            raise intent.fault(f"expected at least `minimum_own`, {wanted.minimum_own}", *place, "own")
        commission = round(founder.commission * BASIS_POINTS / 100)
        bonds.append(Bond(operator, signer, founder.own * _ERA, commission))
    return Bonding(wanted.seats, wanted.minimum_own * _ERA, tuple(bonds))


def route_between(origin: Chain, destination: Chain) -> Route:
    """A route open both ways, see `terms_between`."""
    return Route(outbound=True, inbound=True, terms=terms_between(origin.preset, destination.preset))


def terms_between(origin: Preset, destination: Preset) -> Terms:
    """Gas limits and fees of the destination's preset, the way back at the origin's."""
    fees = destination.fees
    maximum = min(destination.max_gas_limit, MAX_GAS_LIMIT)
    return Terms(
        default_gas_limit=min(destination.default_gas_limit, maximum),
        max_gas_limit=maximum,
        default_return_gas_limit=origin.default_return_gas_limit,
        base_fee=fees.base,
        gas_fee=fees.gas,
        byte_fee=fees.byte,
        return_gas_fee=origin.fees.gas,
        protocol_share=fees.protocol_share,
    )
