"""The gateway's calls, events and errors in bytes. A test compares them with the compiled ABI."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.attestation import Attestation, ValidatorSet
from metalayer.protocol.facts import RestartFact
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.message import Message, interoperable

_MESSAGE = "(address,address,uint64,uint64,uint256,bytes)"
_BATCH = f"({_MESSAGE}[],uint256,uint64,bytes32[],bytes32[])"
_VALIDATOR_SET = "(uint64,uint64,bytes32[])"
_ATTESTATION = f"(bytes32,{_VALIDATOR_SET},uint256,(bytes32,bytes32)[])"
_ROUTE = "(bool,bool,uint32,uint32,uint40,uint40,uint40,uint40,uint16)"
_WALK = "(uint256,uint64,bytes32,bytes32[])"

_TYPES: dict[str, list[str]] = {
    "FEE_TOKEN": [],
    "NETWORK_ID": [],
    "allowance": ["address", "address"],
    "claim": ["uint256"],
    "credit": ["address"],
    "deliver": [_ATTESTATION, f"{_BATCH}[]"],
    "depositFor": ["address", "uint256"],
    "earnings": ["uint256", "address"],
    "followRestart": [_ATTESTATION, "uint256", "uint64", "bytes32[]"],
    "inboxLane": ["uint256"],
    "laneFees": ["uint256"],
    "messageStatus": ["bytes32"],
    "outboxLane": ["uint256"],
    "paid": ["uint256", "address"],
    "pausedUntil": ["uint256"],
    "quote": ["uint256", "uint256", "uint256"],
    "refund": [_MESSAGE, _WALK],
    "refundAbandoned": [_MESSAGE, _WALK, "uint64", "bytes32", "bytes32[]"],
    "restart": ["uint256", "uint64"],
    "restartRecord": ["uint256", "uint64"],
    "retry": ["uint256", "uint64", _MESSAGE],
    "returnNotice": ["uint256", "bytes32"],
    "returnToSender": ["uint256", "uint64", _MESSAGE],
    "rotate": [_ATTESTATION, _VALIDATOR_SET, "bytes32[]"],
    "route": ["uint256"],
    "sendMessage": ["bytes", "bytes", "bytes[]"],
    "setAllowance": ["address", "uint256"],
    "setRoute": ["uint256", _ROUTE],
    "storedHead": ["uint256", "uint64"],
    "sweep": ["uint256"],
    "validatorSetHash": [],
    "withdraw": ["address", "uint256"],
}

FUNCTIONS = {name: f"{name}({','.join(types)})" for name, types in _TYPES.items()}
"""Name -> canonical signature."""

EVENTS = {
    signature.split("(")[0]: signature
    for signature in (
        "ClaimPaid(uint256,address,address,uint64,uint64)",
        "ClaimSent(uint256,address,uint256,uint64)",
        "InboundPaused(uint256,uint64)",
        "LaneExtended(uint256,uint64,uint64,uint64,uint256,bytes32)",
        "LaneRestarted(uint256,uint64,uint64)",
        "MessageDelivered(bytes32,uint256,uint64)",
        "MessageFailed(bytes32,uint256,uint64,bool)",
        "MessageReturned(bytes32,uint256,uint64,uint256)",
        "MessageSent(bytes32,bytes,bytes,bytes,uint256,bytes[])",
        "RestartFollowed(uint256,uint64,uint64,bytes32)",
        "RestartNoticed(uint256,uint64,uint64,bytes32)",
        "ReturnNoticed(bytes32,uint256,address,bool)",
        "ReturnSent(bytes32,uint256,uint64,uint64)",
        f"RouteSet(uint256,{_ROUTE})",
        "ValidatorSetInstalled(uint64,uint64,bytes32,bytes32[])",
    )
}
"""Name -> canonical signature."""

SELECTORS = {name: keccak(text=signature)[:4] for name, signature in FUNCTIONS.items()}
TOPICS = {name: keccak(text=signature) for name, signature in EVENTS.items()}

GATEWAY_GAS_LIMIT = 150_000
"""Gas limit of what gateways tell each other."""
GATEWAY_PAYLOAD_LENGTH = 128
"""Bytes of what gateways tell each other."""
MIN_GAS_LIMIT = keccak(text="minGasLimit(uint256)")[:4]
"""Attribute of ERC-7985."""
DELIVER_BEFORE = keccak(text="deliverBefore(uint256)")[:4]
"""Attribute of ERC-7985."""
FEE_PAYER = keccak(text="feePayer(address)")[:4]
"""Attribute of ours: whose credit pays."""
RECEIVE_MESSAGE = keccak(text="receiveMessage(bytes32,bytes,bytes)")[:4]
"""ERC-7786: what a recipient implements, and what it must return."""


@dataclass(frozen=True)
class Batch:
    """Consecutive messages of one lane from nonce `first` on, and the ids from there to the proven head."""

    messages: Sequence[Message]
    origin: int
    first: int
    proof: Sequence[bytes]
    ids: Sequence[bytes]

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `Batch`."""
        return (
            [message.fields for message in self.messages],
            self.origin,
            self.first,
            list(self.proof),
            list(self.ids),
        )


@dataclass(frozen=True)
class Route:
    """One chain's settings for one remote chain. Fees are in gwei of ERA: for a message, per 1,000 gas, per byte, for
    its end; the protocol's share on top is in basis points.
    """

    outbound: bool
    inbound: bool
    default_gas_limit: int
    max_gas_limit: int
    base_fee: int = 0
    gas_fee: int = 0
    byte_fee: int = 0
    return_fee: int = 0
    protocol_share: int = 0

    def relay_part(self, gas_limit: int, payload_length: int) -> int:
        """What the first attempt of a message pays, in gwei."""
        return self.base_fee - (-gas_limit * self.gas_fee // 1_000) + payload_length * self.byte_fee

    def quote(self, gas_limit: int, payload_length: int) -> int:
        """What a message costs altogether, in wei of ERA: the mirror of `Outbox.quote`."""
        parts = self.relay_part(gas_limit, payload_length) + self.return_fee
        return (parts - (-parts * self.protocol_share // 10_000)) * GWEI


@dataclass(frozen=True)
class Walk:
    """Where a message stands in its lane: the head before it, and the ids after it up to a head that is known."""

    destination: int
    nonce: int
    previous_head: bytes
    ids: Sequence[bytes]

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `Walk`."""
        return (self.destination, self.nonce, self.previous_head, list(self.ids))


class Status(IntEnum):
    """How a message that was not accepted stands: the contracts' `MessageStatus`."""

    NONE = 0
    FAILED = 1
    EXPIRED = 2


class Kind(IntEnum):
    """What gateways tell each other: the contracts' `GatewayMessages.Kind`."""

    RETURN = 0
    CLAIM = 1
    RESTART = 2


@dataclass(frozen=True)
class ReturnNotice:
    """What an origin knows of a message's return. `carrier` is None if no notice came."""

    carrier: str | None
    expired: bool
    refunded: bool


@dataclass(frozen=True)
class RestartRecord:
    """What an origin knows of a restart: where the destination left the lane, once it followed."""

    restarted: bool
    followed: bool
    nonce: int
    head: bytes


def encode_send(
    recipient: bytes,
    payload: bytes,
    gas_limit: int | None = None,
    deliver_before: int | None = None,
    fee_payer: str | None = None,
) -> bytes:
    """Call of `sendMessage`. `recipient` is ERC-7930; None takes the route's or the gateway's default."""
    attributes = []
    if gas_limit is not None:
        attributes.append(MIN_GAS_LIMIT + encode(["uint256"], [gas_limit]))
    if deliver_before is not None:
        attributes.append(DELIVER_BEFORE + encode(["uint256"], [deliver_before]))
    if fee_payer is not None:
        attributes.append(FEE_PAYER + encode(["address"], [fee_payer]))
    return _call("sendMessage", [recipient, payload, attributes])


def encode_deliver(attestation: Attestation, batches: Sequence[Batch]) -> bytes:
    """Call of `deliver`."""
    return _call("deliver", [attestation.fields, [batch.fields for batch in batches]])


def encode_retry(message: Message) -> bytes:
    """Call of `retry`, on the message's destination."""
    return _call("retry", [message.origin, message.nonce, message.fields])


def encode_return(message: Message) -> bytes:
    """Call of `returnToSender`, on the message's destination."""
    return _call("returnToSender", [message.origin, message.nonce, message.fields])


def encode_refund(message: Message, walk: Walk) -> bytes:
    """Call of `refund`, on the message's origin."""
    return _call("refund", [message.fields, walk.fields])


def encode_refund_abandoned(
    message: Message,
    walk: Walk,
    restart_nonce: int,
    inbox_head: bytes = bytes(32),
    inbox_ids: Sequence[bytes] = (),
) -> bytes:
    """Call of `refundAbandoned`. The Inbox's ids are needed only for a message at or below where it left the lane."""
    return _call("refundAbandoned", [message.fields, walk.fields, restart_nonce, inbox_head, list(inbox_ids)])


def encode_claim(origin: int) -> bytes:
    """Call of `claim`."""
    return _call("claim", [origin])


def encode_rotate(attestation: Attestation, following: ValidatorSet, proof: Sequence[bytes]) -> bytes:
    """Call of `rotate`."""
    values = (following.version, following.expires, following.words)
    return _call("rotate", [attestation.fields, values, list(proof)])


def encode_follow_restart(attestation: Attestation, fact: RestartFact, proof: Sequence[bytes]) -> bytes:
    """Call of `followRestart`, on the lane's destination."""
    return _call("followRestart", [attestation.fields, fact.origin, fact.nonce, list(proof)])


def encode_restart(destination: int, nonce: int) -> bytes:
    """Call of `restart`, by the owner of the lane's origin."""
    return _call("restart", [destination, nonce])


def encode_deposit(account: str, amount: int) -> bytes:
    """Call of `depositFor`, in wei of ERA."""
    return _call("depositFor", [account, amount])


def encode_withdraw(to: str, amount: int) -> bytes:
    """Call of `withdraw`, in wei of ERA."""
    return _call("withdraw", [to, amount])


def encode_set_allowance(sender: str, amount: int) -> bytes:
    """Call of `setAllowance`, in wei of ERA."""
    return _call("setAllowance", [sender, amount])


def encode_sweep(destination: int) -> bytes:
    """Call of `sweep`."""
    return _call("sweep", [destination])


def encode_credit(account: str) -> bytes:
    """Call of `credit`: wei of ERA."""
    return _call("credit", [account])


def encode_allowance(payer: str, sender: str) -> bytes:
    """Call of `allowance`: wei of ERA."""
    return _call("allowance", [payer, sender])


def encode_quote(destination: int, gas_limit: int, payload_length: int) -> bytes:
    """Call of `quote`: wei of ERA."""
    return _call("quote", [destination, gas_limit, payload_length])


def encode_lane_fees(destination: int) -> bytes:
    """Call of `laneFees`."""
    return _call("laneFees", [destination])


def encode_earnings(origin: int, relayer: str) -> bytes:
    """Call of `earnings`."""
    return _call("earnings", [origin, relayer])


def encode_paid(destination: int, relayer: str) -> bytes:
    """Call of `paid`: gwei of ERA."""
    return _call("paid", [destination, relayer])


def encode_paused_until(origin: int) -> bytes:
    """Call of `pausedUntil`."""
    return _call("pausedUntil", [origin])


def encode_return_notice(destination: int, message_id: bytes) -> bytes:
    """Call of `returnNotice`."""
    return _call("returnNotice", [destination, message_id])


def encode_restart_record(destination: int, nonce: int) -> bytes:
    """Call of `restartRecord`."""
    return _call("restartRecord", [destination, nonce])


def encode_receive(message: Message) -> bytes:
    """The call with which a gateway executes a message."""
    sender = interoperable(message.origin, message.sender)
    return RECEIVE_MESSAGE + encode(["bytes32", "bytes", "bytes"], [message.id, sender, message.payload])


def encode_outbox_lane(destination: int) -> bytes:
    """Call of `outboxLane`."""
    return _call("outboxLane", [destination])


def encode_inbox_lane(origin: int) -> bytes:
    """Call of `inboxLane`."""
    return _call("inboxLane", [origin])


def encode_stored_head(destination: int, nonce: int) -> bytes:
    """Call of `storedHead`."""
    return _call("storedHead", [destination, nonce])


def encode_message_status(message_id: bytes) -> bytes:
    """Call of `messageStatus`."""
    return _call("messageStatus", [message_id])


def encode_validator_set_hash() -> bytes:
    """Call of `validatorSetHash`."""
    return _call("validatorSetHash", [])


def encode_network_id() -> bytes:
    """Call of `NETWORK_ID`."""
    return _call("NETWORK_ID", [])


def encode_route(chain_id: int) -> bytes:
    """Call of `route`."""
    return _call("route", [chain_id])


def encode_set_route(chain_id: int, route: Route) -> bytes:
    """Call of `setRoute`."""
    return _call("setRoute", [chain_id, astuple(route)])


def decode_lane(data: bytes) -> tuple[int, bytes]:
    """(nonce, head) from `outboxLane` or `inboxLane`."""
    nonce, head = decode(["uint64", "bytes32"], data)
    return nonce, head


def decode_restarted_at(data: bytes) -> int:
    """Place of the last restart, 0 if none, from `outboxLane`."""
    (restarted_at,) = decode(["uint64"], data[64:])
    return int(restarted_at)


def decode_route(data: bytes) -> Route:
    """Result of `route`."""
    return Route(*decode([_ROUTE], data)[0])


def decode_status(data: bytes) -> tuple[Status, int]:
    """(status, nonce of the notice of its return or 0) from `messageStatus`."""
    status, notice = decode(["uint8", "uint64"], data)
    return Status(status), notice


def decode_pair(data: bytes) -> tuple[int, int]:
    """(escrow, protocol fees) from `laneFees`, (earned, claimed) from `earnings`, all gwei of ERA."""
    first, second = decode(["uint256", "uint256"], data)
    return first, second


def decode_return_notice(data: bytes) -> ReturnNotice:
    """Result of `returnNotice`."""
    carrier, expired, refunded = decode(["address", "bool", "bool"], data)
    known = int(carrier, 16) != 0
    return ReturnNotice(to_checksum_address(carrier) if known else None, expired, refunded)


def decode_restart_record(data: bytes) -> RestartRecord:
    """Result of `restartRecord`."""
    return RestartRecord(*decode(["bool", "bool", "uint64", "bytes32"], data))


def decode_validator_set(log: dict[str, Any]) -> ValidatorSet:
    """The set that a `ValidatorSetInstalled` log announces. The caller compares its hash."""
    expires, _, words = decode(["uint64", "bytes32", "bytes32[]"], from_hex(log["data"]))
    return ValidatorSet.from_words(int(log["topics"][1], 16), expires, words)


def topic(name: str) -> str:
    """First topic of an event, as JSON-RPC wants it."""
    return to_hex(TOPICS[name])


def word(value: int | bytes) -> str:
    """An indexed integer or bytes32 as a topic."""
    return to_hex(value if isinstance(value, bytes) else value.to_bytes(32, "big"))


def _call(name: str, values: Sequence[Any]) -> bytes:
    return SELECTORS[name] + encode(_TYPES[name], values)
