"""The gateway's calls, events and errors in bytes. A test compares them with the compiled ABI."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from metalayer import reverts
from metalayer.attestation import Attestation, LaneFact, ValidatorSet
from metalayer.chain import from_hex, to_hex
from metalayer.message import Message, interoperable

_MESSAGE = "(address,address,uint64,uint64,uint256,bytes)"
_BATCH = f"(uint256,uint64,bytes32,bytes32[],uint64,{_MESSAGE}[],bytes32[])"
_ATTESTATION = "(bytes32,(uint64,uint64,bytes32[]),uint256,(bytes32,bytes32)[])"
_ROUTE = "(bool,bool,uint64,uint64)"

_TYPES: dict[str, list[str]] = {
    "deliver": [_ATTESTATION, f"{_BATCH}[]"],
    "NETWORK_ID": [],
    "failed": ["bytes32"],
    "inboxLane": ["uint256"],
    "outboxLane": ["uint256"],
    "retry": ["uint256", "uint64", _MESSAGE],
    "route": ["uint256"],
    "sendMessage": ["bytes", "bytes", "bytes[]"],
    "setRoute": ["uint256", _ROUTE],
    "storedHead": ["uint256", "uint64"],
    "validatorSetHash": [],
}

FUNCTIONS = {name: f"{name}({','.join(types)})" for name, types in _TYPES.items()}
"""Name -> canonical signature."""

EVENTS = {
    signature.split("(")[0]: signature
    for signature in (
        "LaneExtended(uint256,uint64,uint64,uint64,uint256,bytes32)",
        "MessageDelivered(bytes32,uint256,uint64)",
        "MessageFailed(bytes32,uint256,uint64,bool)",
        "MessageSent(bytes32,bytes,bytes,bytes,uint256,bytes[])",
        f"RouteSet(uint256,{_ROUTE})",
        "ValidatorSetInstalled(uint64,uint64,bytes32,bytes32[])",
    )
}
"""Name -> canonical signature."""

SELECTORS = {name: keccak(text=signature)[:4] for name, signature in FUNCTIONS.items()}
TOPICS = {name: keccak(text=signature) for name, signature in EVENTS.items()}

MIN_GAS_LIMIT = keccak(text="minGasLimit(uint256)")[:4]
"""Attribute of ERC-7985."""
DELIVER_BEFORE = keccak(text="deliverBefore(uint256)")[:4]
"""Attribute of ERC-7985."""
RECEIVE_MESSAGE = keccak(text="receiveMessage(bytes32,bytes,bytes)")[:4]
"""ERC-7786: what a recipient implements, and what it must return."""

reverts.declare(
    "InvalidRecipient(bytes recipient)",
    "PayloadTooLong(uint256 length,uint256 maximum)",
    "ValueNotAccepted(uint256 value)",
    "InvalidAttribute(bytes attribute)",
    "UnsupportedAttribute(bytes4 selector)",
    "DuplicateAttribute(bytes4 selector)",
    "GasLimitTooHigh(uint256 gasLimit,uint256 maximum)",
    "DeadlineOutOfRange(uint256 deliverBefore,uint256 earliest,uint256 latest)",
    "LaneGap(uint256 origin,uint64 first,uint64 expected)",
    "BatchLengthMismatch(uint256 origin,uint256 lastNonce,uint64 signedNonce)",
    "FactNotProven(bytes32 root,bytes32 leaf)",
    "HeadMismatch(uint256 origin,bytes32 computed,bytes32 signed)",
    "UnknownValidatorSet(bytes32 given,bytes32 installed)",
    "InsufficientGas(bytes32 id,uint256 available,uint256 required)",
    "MessageNotFailed(bytes32 id)",
    "MessageExpired(bytes32 id,uint64 deliverBefore)",
    "RetryFailed(bytes32 id)",
    "OwnershipNotRenounceable()",
    "RouteClosed(uint256 chainId)",
    "InvalidRouteChain(uint256 chainId)",
    "InvalidRouteGas(uint64 defaultGasLimit,uint64 maxGasLimit,uint64 ceiling)",
    "InvalidValidatorCount(uint256 count)",
    "InvalidSigner(uint256 position,address signer)",
    "InvalidWeight(uint256 position,uint256 weight,uint256 total)",
    "ValidatorSetExpired(uint64 version,uint64 expires)",
    "SignersMismatch(uint256 signers,uint256 validators,uint256 signatures)",
    "InvalidSignature(uint256 position,address expected)",
    "QuorumNotReached(uint256 signed,uint256 total)",
    "ERC7786RecipientUnauthorizedGateway(address gateway,bytes sender)",
)


@dataclass(frozen=True)
class Batch:
    """Consecutive messages of one lane from nonce `first` on, and the ids from there to the signed fact."""

    fact: LaneFact
    proof: Sequence[bytes]
    first: int
    messages: Sequence[Message]
    ids: Sequence[bytes]

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `Batch`."""
        return (
            self.fact.origin,
            self.fact.nonce,
            self.fact.head,
            list(self.proof),
            self.first,
            [message.fields for message in self.messages],
            list(self.ids),
        )


@dataclass(frozen=True)
class Route:
    """One chain's settings for one remote chain."""

    outbound: bool
    inbound: bool
    default_gas_limit: int
    max_gas_limit: int


def encode_send(
    recipient: bytes, payload: bytes, gas_limit: int | None = None, deliver_before: int | None = None
) -> bytes:
    """Call of `sendMessage`. `recipient` is ERC-7930; None takes the route's or the gateway's default."""
    attributes = []
    if gas_limit is not None:
        attributes.append(MIN_GAS_LIMIT + encode(["uint256"], [gas_limit]))
    if deliver_before is not None:
        attributes.append(DELIVER_BEFORE + encode(["uint256"], [deliver_before]))
    return _call("sendMessage", [recipient, payload, attributes])


def encode_deliver(attestation: Attestation, batches: Sequence[Batch]) -> bytes:
    """Call of `deliver`."""
    return _call("deliver", [attestation.fields, [batch.fields for batch in batches]])


def encode_retry(message: Message) -> bytes:
    """Call of `retry`, on the message's destination."""
    return _call("retry", [message.origin, message.nonce, message.fields])


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


def encode_failed(message_id: bytes) -> bytes:
    """Call of `failed`."""
    return _call("failed", [message_id])


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
    values = (route.outbound, route.inbound, route.default_gas_limit, route.max_gas_limit)
    return _call("setRoute", [chain_id, values])


def decode_lane(data: bytes) -> tuple[int, bytes]:
    """(nonce, head) from `outboxLane` or `inboxLane`."""
    nonce, head = decode(["uint64", "bytes32"], data)
    return nonce, head


def decode_route(data: bytes) -> Route:
    """Result of `route`."""
    return Route(*decode([_ROUTE], data)[0])


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
