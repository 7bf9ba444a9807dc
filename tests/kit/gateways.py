"""The gateways of several chains over raw JSON-RPC: what state machines drive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from eth_abi.abi import decode
from eth_account.signers.local import LocalAccount

from metalayer.network.connection import Reverted, RpcError, call_request
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import Attestation, ValidatorSet, compact, digest
from metalayer.protocol.gateway import Route
from metalayer.protocol.hex import to_hex
from tests.kit import roles
from tests.kit.deployed import Deployment
from tests.kit.evm import init_code
from tests.kit.paper import Validators

CHAINS = ("hub", "arcade", "perps")
LANES = tuple(permutations(CHAINS, 2))
"""(origin, destination) of every lane."""

OWNER, TREASURY, GUARDIAN, SUCCESSOR = (
    role.address for role in (roles.OWNER, roles.TREASURY, roles.GUARDIAN, roles.SUCCESSOR)
)
RELAYER, RIVAL, SENDER, PAYER, ATTACKER = (
    role.address for role in (roles.RELAYER, roles.RIVAL, roles.SENDER, roles.PAYER, roles.ATTACKER)
)
NOBODY = "0x000000000000000000000000000000000000bEEF"
"""Has no code."""

TRANSACTION_GAS = 50_000_000
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
PAUSE_INBOUND = Function("pauseInbound(uint256,uint64)")
UNPAUSE_INBOUND = Function("unpauseInbound(uint256)")
SET_GUARDIAN = Function("setGuardian(address)")
TRANSFER_OWNERSHIP = Function("transferOwnership(address)")

_MINT = Function("crosschainMint(address,uint256)")
_APPROVE = Function("approve(address,uint256)")
_SEND = Function("send(address,bytes,bytes,bytes[])")
_ERA = 10**18
_FUNDS = 1_000 * _ERA
_DEPOSIT = _ERA // 2
_MAX = 2**256 - 1
_DAY = 86_400

# Runtime code: GAS, PUSH3 HUNGER, LT, PUSH1 12, JUMPI, PUSH0, PUSH0, REVERT, JUMPDEST, STOP.
_HUNGRY = bytes.fromhex("5a62") + HUNGER.to_bytes(3, "big") + bytes.fromhex("10600c575f5ffd5b00")
_CREATE = bytes.fromhex(f"60{len(_HUNGRY):02x}8060095f395ff3")

# Sets that follow the first one: of six, four are exactly two thirds of the weight; so are 29 + 16 + 15 of 90.
_NEXT_WEIGHTS = ([1] * 6, [29, 20, 16, 15, 10], [2, 1, 2, 1, 2, 1, 1], [100] * 5)


@dataclass(frozen=True)
class Places:
    """Scripted contracts of one chain: recipient, sending contract, and a target that wants HUNGER gas."""

    recipient: str
    contract: str
    hungry: str


class Gateways:
    """One gateway per chain. Senders are the nodes' unlocked accounts: nobody signs."""

    def __init__(self, deployment: Deployment) -> None:
        self.connections = {name: deployment.connections[name] for name in CHAINS}
        self.gateway, self.era, self.bridge = deployment.gateway, deployment.era, deployment.bridge
        self.network_id = deployment.registry.network_id
        self._ids = {name: connection.chain.chain_id for name, connection in self.connections.items()}
        self._names = {chain_id: name for name, chain_id in self._ids.items()}
        first = deployment.registry.first_validator_set()
        following = [
            Validators(weights, first.expires + version * _DAY, version, f"validator of set {version}")
            for version, weights in enumerate(_NEXT_WEIGHTS, first.version + 1)
        ]
        self.sets = [first, *(validators.set for validators in following)]
        """Validator sets in the order of their versions; the first is installed everywhere."""
        keys = [
            *(validator.account for validator in roles.VALIDATORS),
            *(key for one in following for key in one.keys),
        ]
        self._keys: dict[str, LocalAccount] = {key.address: key for key in keys}
        self.routes = {lane: _route(position) for position, lane in enumerate(LANES)}
        self.places = {name: self._prepare(name) for name in CHAINS}

    def _prepare(self, name: str) -> Places:
        """Scripted contracts, terms that differ from route to route, ERA and credit for who sends."""
        deployer, connection = roles.DEVELOPER, self.connections[name]
        codes = (init_code("ScriptedRecipient"), init_code("ScriptedSender"), _CREATE + _HUNGRY)
        recipient, contract, hungry = (
            str(connection.send(deployer, None, code)["contractAddress"]) for code in codes
        )
        for lane, route in self.routes.items():
            if lane[0] == name:
                self.must(name, OWNER, self.gateway, gateway.encode_set_route(self._ids[lane[1]], route))
        self.rpc(name, "anvil_impersonateAccount", self.bridge)
        self.rpc(name, "anvil_setBalance", self.bridge, hex(10**20))
        for account in (SENDER, PAYER, contract):
            if self._ids[name] == self.network_id:
                self.must(name, TREASURY, self.era, TRANSFER.encode(account, _FUNDS))
            else:
                self.must(name, self.bridge, self.era, _MINT.encode(account, _FUNDS))
            data = [
                (self.era, _APPROVE.encode(self.gateway, _MAX)),
                (self.gateway, gateway.encode_deposit(account, _DEPOSIT)),
            ]
            for to, call in data:
                if account == contract:
                    to, call = contract, EXECUTE.encode(to, call)
                self.must(name, SENDER if account == contract else account, to, call)
        self.must(name, PAYER, self.gateway, gateway.encode_set_allowance(contract, _DEPOSIT // 4))
        return Places(recipient, contract, hungry)

    def chain_id(self, name: str) -> int:
        return self._ids[name]

    def name(self, chain_id: int) -> str:
        return self._names[chain_id]

    def rpc(self, name: str, method: str, *params: Any) -> Any:
        return self.connections[name].rpc(method, *params)

    def attest(self, root: bytes, validator_set: ValidatorSet, signers: Iterable[str]) -> Attestation:
        """An attestation by these members of a set."""
        message = digest(self.network_id, self.gateway, root)
        signatures = {one: compact(self._keys[one].unsafe_sign_hash(message)) for one in signers}
        return Attestation(root, validator_set, signatures)

    def transact(
        self, name: str, sender: str, to: str, data: bytes, gas: int = TRANSACTION_GAS
    ) -> dict[str, Any]:
        """Receipt as the node gives it, reverted transactions included."""
        transaction = {"from": sender, "to": to, "data": to_hex(data), "gas": hex(gas)}
        receipt: dict[str, Any] = self.rpc(name, "eth_sendTransactionSync", transaction)
        return receipt

    def must(self, name: str, sender: str, to: str, data: bytes) -> None:
        """A transaction that cannot fail."""
        assert self.transact(name, sender, to, data)["status"] == "0x1"

    def refusal(self, name: str, sender: str, to: str, data: bytes, at: int) -> str | None:
        """Why a call in the second `at` reverts: the error, empty if it gives none. None if it does not."""
        method, (call, block) = call_request(to, data, sender=sender, gas=TRANSACTION_GAS)
        try:
            self.rpc(name, method, call, block, {}, {"time": hex(at)})
        except Reverted as error:
            return error.reason if error.data else ""
        except RpcError as error:
            if "OutOfGas" not in str(error):
                raise
            return ""
        return None

    def read(self, name: str, requests: Sequence[tuple[str, bytes]]) -> list[bytes]:
        return self.connections[name].calls(requests)


def encode_send_as(gateway_address: str, send: bytes) -> bytes:
    """Makes the sending contract send what a call of `sendMessage` says."""
    return _SEND.encode(gateway_address, *decode(["bytes", "bytes", "bytes[]"], send[4:]))


def _route(position: int) -> Route:
    """Terms that no two lanes share: an amount booked to the wrong lane shows."""
    base, gas, byte, back = (fee + position * fee // 7 for fee in (5_000_000, 20_000, 1_000, 8_000_000))
    return Route(True, True, 200_000, 2_000_000, base, gas, byte, back, 1_000 + position)
