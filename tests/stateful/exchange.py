"""A hub and two spokes with what any token needs: two gateways each, and tokens of four kinds at home on different
chains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eth_account.signers.local import LocalAccount

from metalayer.deploy.names import BRIDGE, BRIDGE_ANNEX
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.gateway import Terms
from metalayer.protocol.transfers import representation
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, created_address, deploy, now
from tests.kit.founding import Founding
from tests.kit.paper import DAY, Validators
from tests.kit.roles import GUARDIAN, OWNER
from tests.kit.stack import CHAINS, Stack
from tests.kit.staking import signing_key
from tests.kit.terms import OPEN_ROUTE, OPEN_TERMS
from tests.kit.transfer_bugs import TransferBug, break_bridges

HUB, SPOKES = CHAINS[0], CHAINS[1:]
KEYS: list[LocalAccount] = [signing_key(f"trader {i}") for i in range(3)]
TRADERS = [key.address for key in KEYS]
"""Who send and receive."""
SOLVER, RIVAL = (signing_key(f"{who} of the exchange").address for who in ("solver", "rival"))
"""Who front transfers."""
PEOPLE = [*TRADERS, SOLVER, RIVAL]
FIRST, SECOND = range(2)
"""Gateways. The second one is accepted if the owner says so."""
ERA, PLAIN, MOODY, ISSUED = range(4)
TOKENS = range(4)
HOMES = (HUB, "arcade", HUB, "perps")
"""Of the tokens. An issuer's token of the hub is adopted for the last one, before it was ever there."""
WHOLE = 10**18
FUNDS = 10**6 * WHOLE
CREDIT = 100 * WHOLE
TERMS = OPEN_TERMS
MAX = 2**256 - 1
BEGINS_HOURS = 3
"""Until the first step: what builds the chains is over by then, whatever their clocks say."""
_TREASURY = signing_key("treasury of the exchange").address
_DEPLOYER = signing_key("deployer of the exchange").address
_MAKER = signing_key("maker of its tokens").address


class Mood(IntEnum):
    """MoodyToken's enum."""

    PLAIN = 0
    TAKES_PART = 1
    CALLS = 2
    REFUSES = 3
    EXAGGERATES = 4


class Behaviour(IntEnum):
    """ScriptedReceiver's enum."""

    ACCEPT = 0
    REFUSE = 1
    ANSWER_OTHER = 2
    WANT_GAS = 3


@dataclass(frozen=True)
class Place:
    """One chain."""

    name: str
    chain: BoundChain
    ids: Mapping[str, int]
    gateways: tuple[Contract, Contract]
    era: Contract
    bridge: Contract
    annex: Contract
    bridged_token: str
    receiver: Contract
    tokens: tuple[str, ...]
    """Addresses of the tokens, each on its home."""
    issued_here: str
    """The issuer's token on the hub."""

    def __deepcopy__(self, _memo: Any) -> Place:
        return self

    @property
    def id(self) -> int:
        return self.ids[self.name]

    @property
    def hub_id(self) -> int:
        return self.ids[HUB]

    @property
    def is_hub(self) -> bool:
        return self.name == HUB

    @property
    def terms(self) -> Terms:
        return TERMS

    def name_of(self, chain_id: int) -> str | None:
        """Chain of a number, if there is a lane to it."""
        return next((name for name, id_ in self.ids.items() if id_ == chain_id and name != self.name), None)

    def representation(self, home_chain: int, token: str) -> str:
        return representation(self.bridge.address, self.bridged_token, home_chain, token)


@dataclass(frozen=True)
class Exchange:
    """The contracts, by chain."""

    places: dict[str, Place]
    validators: Validators
    begins: int
    """A full hour, ahead of all clocks."""

    @classmethod
    def found(cls, chains: dict[str, BoundChain]) -> Exchange:
        ids = {name: chains[name].chain_id for name in CHAINS}
        begins = (max(now(chains[name]) for name in CHAINS) // 3_600 + BEGINS_HOURS) * 3_600
        validators = Validators([1] * 5, expires=min(now(chains[name]) for name in CHAINS) + 29 * DAY)
        era = created_address(_DEPLOYER, 0)
        bridge, made = created_address(_DEPLOYER, 7), [created_address(_MAKER, nonce) for nonce in range(3)]
        tokens = (era, *made)
        places = {name: _found(chains[name], name, ids, validators, bridge, tokens) for name in CHAINS}
        return cls(places, validators, begins)

    def install(self, bug: TransferBug) -> None:
        """The variants' code at the addresses of the originals."""
        for place in self.places.values():
            stack = Stack(place.chain, {BRIDGE: place.bridge, BRIDGE_ANNEX: place.annex}, place.receiver)
            break_bridges({place.name: stack}, bug)


def _found(
    chain: BoundChain,
    name: str,
    ids: Mapping[str, int],
    validators: Validators,
    bridge: str,
    tokens: tuple[str, ...],
) -> Place:
    hub_id = ids[HUB]
    for who in (_DEPLOYER, _MAKER, *PEOPLE):
        chain.rpc("anvil_impersonateAccount", [who])
        chain.rpc("anvil_setBalance", [who, hex(10**20)])
    allocations = [(who, FUNDS) for who in PEOPLE]
    era = deploy(chain, "ERA", hub_id, bridge, _TREASURY, allocations, sender=_DEPLOYER)
    assert era.address == tokens[ERA]
    annex = deploy(chain, "Annex", hub_id, ZERO_ADDRESS, sender=_DEPLOYER)
    founding = Founding(
        chain=chain,
        network_id=hub_id,
        era=era.address,
        annex=annex.address,
        owner=OWNER.address,
        guardian=GUARDIAN.address,
        recovery=GUARDIAN.address,
        collector=GUARDIAN.address,
        validator_set=validators.argument,
        deployer=_DEPLOYER,
        routes={id_: OPEN_ROUTE for other, id_ in ids.items() if other != name},
    )
    gateways = (founding.deploy(), founding.deploy())
    code = deploy(chain, "BridgedToken", bridge, sender=_DEPLOYER).address
    metadata = deploy(chain, "TokenMetadata", sender=_DEPLOYER).address
    arguments = (gateways[FIRST].address, era.address, hub_id, code, metadata)
    rare = deploy(chain, "BridgeAnnex", *arguments, sender=_DEPLOYER)
    built = deploy(chain, "TokenBridge", *arguments, rare.address, sender=_DEPLOYER)
    assert built.address == bridge
    # One after the other, whichever chain it is: addresses of one home mean nothing elsewhere.
    plain = deploy(chain, "PlainToken", TRADERS[0], 3 * FUNDS, sender=_MAKER)
    moody = deploy(chain, "MoodyToken", bridge, sender=_MAKER)
    issued = deploy(chain, "IssuersToken", bridge, TRADERS[0], 0 if name == HUB else 3 * FUNDS, sender=_MAKER)
    receiver = deploy(chain, "ScriptedReceiver", sender=_MAKER)
    assert (plain.address, moody.address, issued.address) == tokens[1:]
    for token in (plain, issued):
        if token.view("totalSupply"):
            for who in TRADERS[1:]:
                token.send("transfer", who, FUNDS, sender=TRADERS[0])
    for who in [*TRADERS, moody.address]:
        moody.send("mint", who, FUNDS, sender=_MAKER)
    for who in PEOPLE:
        for token in (era, plain, moody, issued):
            token.send("approve", bridge, MAX, sender=who)
        for gateway in gateways:
            gateway.send("setAllowance", bridge, MAX, sender=who)
            era.send("approve", gateway.address, MAX, sender=who)
            if name == HUB:
                gateway.send("depositFor", who, CREDIT, sender=who)
    if name == HUB:
        era.send("transfer", moody.address, 100 * WHOLE, sender=TRADERS[0])
        for gateway in gateways:
            gateway.send("depositFor", moody.address, CREDIT, sender=TRADERS[1])
            allow = gateway.encode("setAllowance", bridge, MAX)
            moody.send("execute", gateway.address, allow, sender=_MAKER)
        for token in (era, moody):
            moody.send("execute", token.address, token.encode("approve", bridge, MAX), sender=_MAKER)
    return Place(name, chain, ids, gateways, era, built, rare, code, receiver, tokens, issued.address)


def quoted(gas_limit: int, return_gas_limit: int, length: int) -> int:
    """Wei of ERA that a message costs."""
    return TERMS.quote(gas_limit, return_gas_limit, length)


def in_gwei(amount: int) -> int:
    """Rounded up."""
    return -(-amount // GWEI)
