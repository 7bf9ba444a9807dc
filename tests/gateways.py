"""The gateways of several chains over raw JSON-RPC: what state machines drive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from metalayer import gateway
from metalayer.accounts import local_key
from metalayer.attestation import Attestation, compact, digest
from metalayer.chain import Connection, Reverted, from_hex, to_hex
from metalayer.registry import Registry
from tests.scripted import Behaviour

CHAINS = ("hub", "arcade", "perps")

_TRANSACTION_GAS = 50_000_000
_SET_BEHAVIOUR = keccak(text="setBehaviour(uint8)")[:4]
_ACCEPTED_IDS = keccak(text="acceptedIds(uint256)")[:4]
_OUTCOMES = {to_hex(gateway.TOPICS[name]): name for name in ("MessageDelivered", "MessageFailed")}


class Gateways:
    """Raw access to one gateway per chain. Senders are the nodes' unlocked accounts: nobody signs."""

    def __init__(
        self, connections: dict[str, Connection], recipients: dict[str, str], registry: Registry
    ) -> None:
        self.connections = connections
        self.recipients = recipients
        self.gateway = registry.address("Metalayer")
        self.network_id = registry.network_id
        self.validator_set = registry.first_validator_set()
        self.relayer, self.sender, self.rival = (local_key(i).address for i in (2, 3, 4))
        self._keys = {key.address: key for key in (local_key(i) for i in range(5, 10))}
        self._names = {connection.chain.chain_id: name for name, connection in connections.items()}

    def attest(self, root: bytes, positions: Iterable[int]) -> Attestation:
        """An attestation by the validators at these positions of the set."""
        message = digest(self.network_id, self.gateway, root)
        signers = [self.validator_set.members[i][0] for i in positions]
        signatures = {signer: compact(self._keys[signer].unsafe_sign_hash(message)) for signer in signers}
        return Attestation(root, self.validator_set, signatures)

    def chain_id(self, name: str) -> int:
        return self.connections[name].chain.chain_id

    def name(self, chain_id: int) -> str:
        return self._names[chain_id]

    def rpc(self, name: str, method: str, *params: Any) -> Any:
        return self.connections[name].rpc(method, *params)

    def now(self, name: str) -> int:
        return self.connections[name].timestamp()

    def time_of(self, name: str, block: str) -> int:
        return int(self.rpc(name, "eth_getBlockByNumber", block, False)["timestamp"], 16)

    def transact(
        self, name: str, sender: str, to: str, data: bytes, gas: int = _TRANSACTION_GAS
    ) -> dict[str, Any]:
        """Receipt as the node gives it, reverted transactions included."""
        transaction = {"from": sender, "to": to, "data": to_hex(data), "gas": hex(_TRANSACTION_GAS)}
        receipt: dict[str, Any] = self.rpc(name, "eth_sendTransactionSync", transaction)
        return receipt

    def revert_of(self, name: str, sender: str, to: str, data: bytes) -> str:
        """Name of the error with which a call reverts; AssertionError if it does not."""
        try:
            self.connections[name].call(to, data, sender=sender, gas=_TRANSACTION_GAS)
        except Reverted as error:
            return error.reason.split("(")[0]
        raise AssertionError("the call did not revert")

    def outcomes(self, receipt: dict[str, Any]) -> list[tuple[str, bytes, int]]:
        """(event, id, nonce) of the messages that a transaction executed, in order."""
        return [
            (_OUTCOMES[log["topics"][0]], from_hex(log["topics"][1]), int(log["topics"][3], 16))
            for log in receipt["logs"]
            if log["topics"][0] in _OUTCOMES
        ]

    def lane_states(
        self, name: str, destinations: Sequence[str], origins: Sequence[str]
    ) -> list[tuple[int, bytes]]:
        """(nonce, head) of the lanes to these destinations, then of the lanes from these origins."""
        calls = [
            *((self.gateway, gateway.encode_outbox_lane(self.chain_id(other))) for other in destinations),
            *((self.gateway, gateway.encode_inbox_lane(self.chain_id(other))) for other in origins),
        ]
        return [gateway.decode_lane(data) for data in self.connections[name].calls(calls)]

    def failed(self, name: str, ids: Sequence[bytes]) -> list[bool]:
        calls = [(self.gateway, gateway.encode_failed(id_)) for id_ in ids]
        return [bool(int.from_bytes(data, "big")) for data in self.connections[name].calls(calls)]

    def set_behaviour(self, name: str, behaviour: Behaviour) -> None:
        receipt = self.transact(
            name, self.sender, self.recipients[name], _SET_BEHAVIOUR + encode(["uint8"], [behaviour])
        )
        assert receipt["status"] == "0x1"

    def accepted_ids(self, name: str) -> list[bytes]:
        """Ids that the scripted recipient of a chain accepted, in order."""
        data = self.connections[name].call(self.recipients[name], _ACCEPTED_IDS + encode(["uint256"], [0]))
        (ids,) = decode(["bytes32[]"], data)
        return list(ids)
