"""What state machines drive: the deployment over raw JSON-RPC, with scripted contracts and sets to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import ClassVar

from eth_abi.abi import decode

from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Route, Terms
from tests.kit import roles
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import ZERO_ADDRESS, init_code
from tests.kit.paper import DAY, Validators
from tests.kit.stack import CHAINS

HUB = CHAINS[0]
LANES = tuple(permutations(CHAINS, 2))
"""(origin, destination) of every lane."""

RECOVERY, TREASURY, GUARDIAN, SUCCESSOR = (
    role.address for role in (roles.RECOVERY, roles.TREASURY, roles.GUARDIAN, roles.SUCCESSOR)
)
RELAYER, RIVAL, SENDER, PAYER, ATTACKER = (
    role.address for role in (roles.RELAYER, roles.RIVAL, roles.SENDER, roles.PAYER, roles.ATTACKER)
)
NOBODY = "0x000000000000000000000000000000000000bEEF"
"""Has no code."""

HUNGER = 500_000
"""Gas without which a hungry recipient refuses, at once and cheaply."""

TRANSFER = Function("transfer(address,uint256)")
BALANCE_OF = Function("balanceOf(address)", "uint256")
EXECUTE = Function("execute(address,bytes)")
"""Makes the sending contract call anything."""
SET_BEHAVIOUR = Function("setBehaviour(uint8)")
SET_CALL = Function("setCall(address,bytes)")
"""Makes a scripted contract call a target, and refuse if that fails."""
ACCEPTED_IDS = Function("acceptedIds(uint256)", "bytes32[]")
RETURNED_IDS = Function("returnedIds(uint256)", "bytes32[]")
PUBLISH = Function("publish(uint64,bytes32)")
"""Makes the scripted sets say that this one is the newest."""
PAUSE_INBOUND = Function("pauseInbound(uint256,uint64)")
UNPAUSE_INBOUND = Function("unpauseInbound(uint256)")
EMERGENCY_PAUSE = Function("emergencyPause(uint256)")
SET_GUARDIAN = Function("setGuardian(address)")
SET_RECOVERY = Function("setRecovery(address)")
TRANSFER_OWNERSHIP = Function("transferOwnership(address)")

_MINT = Function("crosschainMint(address,uint256)")
_APPROVE = Function("approve(address,uint256)")
_SEND = Function("send(address,bytes,bytes,bytes[])")
_FUNDS = 1_000 * ERA
_DEPOSIT = ERA // 2
_MAX = 2**256 - 1

# Runtime code: GAS, PUSH3 HUNGER, LT, PUSH1 12, JUMPI, PUSH0, PUSH0, REVERT, JUMPDEST, STOP.
_HUNGRY = bytes.fromhex("5a62") + HUNGER.to_bytes(3, "big") + bytes.fromhex("10600c575f5ffd5b00")
_CREATE = bytes.fromhex(f"60{len(_HUNGRY):02x}8060095f395ff3")

# Sets that follow the first one: of six, four are exactly two thirds of the weight; so are 29 + 16 + 15 of 90.
_NEXT_WEIGHTS = ([1] * 6, [29, 20, 16, 15, 10], [2, 1, 2, 1, 2, 1, 1], [100] * 5)


def _route(position: int) -> Route:
    """Terms that no two lanes share: an amount booked to the wrong lane shows."""
    base, gas, byte, back = (fee + position * fee // 7 for fee in (5_000_000, 20_000, 1_000, 15_000))
    terms = Terms(200_000, 2_000_000, 200_000, base, gas, byte, back, 1_000 + position)
    return Route(True, True, terms)


@dataclass(frozen=True)
class Places:
    """Scripted contracts of one chain: recipient, sending contract, a target that wants HUNGER gas, and what publishes
    the sets that the hub's gateway adopts.
    """

    recipient: str
    contract: str
    hungry: str
    sets: str


@dataclass(frozen=True)
class Gateways(Deployment):
    """Three chains of a deployment, and what machines play with. Senders are accounts that the nodes sign for."""

    sets: Sequence[ValidatorSet] = ()
    """Validator sets in the order of their versions; the first is installed everywhere."""
    places: Mapping[str, Places] = field(default_factory=dict)
    routes: ClassVar[dict[tuple[str, str], Route]] = {
        lane: _route(position) for position, lane in enumerate(LANES)
    }
    """Terms, by lane."""

    @classmethod
    def prepared(cls, deployment: Deployment) -> Gateways:
        """With terms that differ from route to route, and ERA and credit for who sends. The hub adopts its sets."""
        first = deployment.validator_set
        following = [
            Validators(weights, first.expires + version * DAY, version, f"validator of set {version}")
            for version, weights in enumerate(_NEXT_WEIGHTS, first.version + 1)
        ]
        keys = {**deployment.keys, **{key.address: key for one in following for key in one.keys}}
        connections = {name: deployment.connections[name] for name in CHAINS}
        sets = [first, *(validators.set for validators in following)]
        known = deployment.domain, connections, deployment.staking, deployment.registry, deployment.chains
        gateways = cls(*known, keys, sets)
        gateways = replace(gateways, places={name: gateways._prepare(name) for name in CHAINS})
        gateways.recode(HUB, gateways.annex, init_code("Annex", *gateways.annex_arguments(HUB)))
        return gateways

    def annex_arguments(self, name: str) -> tuple[int, str]:
        """Of the constructor of the annex on a chain."""
        return self.network_id, self.places[name].sets if name == HUB else ZERO_ADDRESS

    def _prepare(self, name: str) -> Places:
        """One chain, and its scripted contracts."""
        deployer, connection = roles.DEVELOPER, self.connections[name]
        scripted = (init_code(f"Scripted{what}") for what in ("Recipient", "Sender", "Sets"))
        recipient, contract, sets, hungry = (
            str(connection.send(deployer, None, code)["contractAddress"])
            for code in (*scripted, _CREATE + _HUNGRY)
        )
        for lane, route in self.routes.items():
            if lane[0] == name:
                terms = gateway.SET_TERMS.encode(self.id_of(lane[1]), route.terms)
                self.must(name, self.owner, self.gateway, terms)
        self.rpc(name, "anvil_impersonateAccount", self.bridge)
        self.rpc(name, "anvil_setBalance", self.bridge, hex(10**20))
        for account in (SENDER, PAYER, contract):
            if self.id_of(name) == self.network_id:
                self.must(name, TREASURY, self.era, TRANSFER.encode(account, _FUNDS))
            else:
                self.must(name, self.bridge, self.era, _MINT.encode(account, _FUNDS))
            data = [
                (self.era, _APPROVE.encode(self.gateway, _MAX)),
                (self.gateway, gateway.DEPOSIT_FOR.encode(account, _DEPOSIT)),
            ]
            for to, call in data:
                if account == contract:
                    to, call = contract, EXECUTE.encode(to, call)
                self.must(name, SENDER if account == contract else account, to, call)
        self.must(name, PAYER, self.gateway, gateway.SET_ALLOWANCE.encode(contract, _DEPOSIT // 4))
        return Places(recipient, contract, hungry, sets)


def encode_send_as(gateway_address: str, send: bytes) -> bytes:
    """Makes the sending contract send what a call of `sendMessage` says."""
    return _SEND.encode(gateway_address, *decode(["bytes", "bytes", "bytes[]"], send[4:]))
