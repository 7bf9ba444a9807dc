"""The gateway's calls and events. A test compares them with the compiled ABI."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from eth_utils.address import to_checksum_address

from metalayer.protocol.abi import Event, Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.message import Message, interoperable

_MESSAGE = "(address,address,uint64,uint64,uint256,bytes)"
_BATCH = f"({_MESSAGE}[],uint256,uint64,bytes32[],bytes32[])"
_VALIDATOR_SET = "(uint64,uint64,bytes32[])"
_ATTESTATION = f"(bytes32,{_VALIDATOR_SET},uint256,(bytes32,bytes32)[])"
_ROUTE = "(bool,bool,uint32,uint32,uint40,uint40,uint40,uint40,uint16)"
_WALK = "(uint256,uint64,bytes32,bytes32[])"

GATEWAY_GAS_LIMIT = 150_000
"""Gas limit of what gateways tell each other."""
GATEWAY_PAYLOAD_LENGTH = 128
"""Bytes of what gateways tell each other."""


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

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct `Route`."""
        return astuple(self)

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
    """What gateways tell each other: the contracts' `Notices.Kind`."""

    RETURN = 0
    CLAIM = 1
    RESTART = 2


class OutboxLane(NamedTuple):
    """An Outbox's end of a lane: place of the last message or restart, head there, place of the last restart or 0."""

    nonce: int
    head: bytes
    restarted_at: int


class InboxLane(NamedTuple):
    """An Inbox's end of a lane: place of the last message or restart that it has, and the head there."""

    nonce: int
    head: bytes


class LaneFees(NamedTuple):
    """What waits on a lane's origin for relayers and refunds, and for the protocol. Gwei of ERA."""

    escrow: int
    protocol_fees: int


class Earnings(NamedTuple):
    """What a relayer ever earned on a lane, and what of it was claimed. Gwei of ERA."""

    earned: int
    claimed: int


class Undelivered(NamedTuple):
    """How a message stands that was not accepted, and the nonce of the notice of its return, 0 if none was sent."""

    status: Status
    notice: int


class ReturnNotice(NamedTuple):
    """What an origin knows of a message's return. `carrier` is None if no notice came."""

    carrier: str | None
    expired: bool
    refunded: bool


class RestartRecord(NamedTuple):
    """What an origin knows of a restart: where the destination left the lane, once it followed."""

    restarted: bool
    followed: bool
    nonce: int
    head: bytes


def _undelivered(status: int, notice: int) -> Undelivered:
    return Undelivered(Status(status), notice)


def _return_notice(notice: tuple[str, bool, bool]) -> ReturnNotice:
    carrier, expired, refunded = notice
    return ReturnNotice(to_checksum_address(carrier) if int(carrier, 16) else None, expired, refunded)


# Views

ALLOWANCE = Function("allowance(address,address)", "uint256", int)
"""What a sender may spend of a payer's credit, in wei of ERA."""
CREDIT = Function("credit(address)", "uint256", int)
"""Wei of ERA."""
EARNINGS = Function("earnings(uint256,address)", "uint256,uint256", Earnings)
FEE_TOKEN = Function("FEE_TOKEN()", "address", str)
INBOX_LANE = Function("inboxLane(uint256)", "uint64,bytes32", InboxLane)
LANE_FEES = Function("laneFees(uint256)", "uint256,uint256", LaneFees)
MESSAGE_STATUS = Function("messageStatus(bytes32)", "uint8,uint64", _undelivered)
NETWORK_ID = Function("NETWORK_ID()", "uint256", int)
OUTBOX_LANE = Function("outboxLane(uint256)", "uint64,bytes32,uint64", OutboxLane)
PAID = Function("paid(uint256,address)", "uint256", int)
"""Gwei of ERA that a relayer's claims were paid."""
PAUSED_UNTIL = Function("pausedUntil(uint256)", "uint64", int)
QUOTE = Function("quote(uint256,uint256,uint256)", "uint256", int)
"""Wei of ERA, from destination, gas limit and length of the payload."""
RESTART_RECORD = Function(
    "restartRecord(uint256,uint64)", "(bool,bool,uint64,bytes32)", lambda record: RestartRecord(*record)
)
RETURN_NOTICE = Function("returnNotice(uint256,bytes32)", "(address,bool,bool)", _return_notice)
ROUTE = Function("route(uint256)", _ROUTE, lambda route: Route(*route))
STORED_HEAD = Function("storedHead(uint256,uint64)", "bytes32", bytes)
VALIDATOR_SET_HASH = Function("validatorSetHash()", "bytes32", bytes)

# Transactions

CLAIM = Function("claim(uint256)")
DELIVER = Function(f"deliver({_ATTESTATION},{_BATCH}[])")
DEPOSIT_FOR = Function("depositFor(address,uint256)")
FOLLOW_RESTART = Function(f"followRestart({_ATTESTATION},uint256,uint64,bytes32[])")
REFUND = Function(f"refund({_MESSAGE},{_WALK})")
REFUND_ABANDONED = Function(f"refundAbandoned({_MESSAGE},{_WALK},uint64,bytes32,bytes32[])")
NOTICE_RESTART = Function("noticeRestart(uint256,uint64)")
RESTART = Function("restart(uint256,uint64)")
RETRY = Function(f"retry(uint256,uint64,{_MESSAGE})")
RETURN_TO_SENDER = Function(f"returnToSender(uint256,uint64,{_MESSAGE})")
ROTATE = Function(f"rotate({_ATTESTATION},{_VALIDATOR_SET},bytes32[])")
SEND_MESSAGE = Function("sendMessage(bytes,bytes,bytes[])", "bytes32", bytes)
SET_ALLOWANCE = Function("setAllowance(address,uint256)")
SET_ROUTE = Function(f"setRoute(uint256,{_ROUTE})")
SWEEP = Function("sweep(uint256)")
WITHDRAW = Function("withdraw(address,uint256)")

FUNCTIONS = {value.name: value for value in list(globals().values()) if isinstance(value, Function)}
"""All of them by name; a test compares them with the compiled ABI."""

# Attributes of a message

MIN_GAS_LIMIT = Function("minGasLimit(uint256)")
"""Of ERC-7985."""
DELIVER_BEFORE = Function("deliverBefore(uint256)")
"""Of ERC-7985."""
FEE_PAYER = Function("feePayer(address)")
"""Of ours: whose credit pays."""

# What a recipient implements

RECEIVE_MESSAGE = Function("receiveMessage(bytes32,bytes,bytes)", "bytes4")
"""ERC-7786: what a recipient implements; it must return the selector."""


class LaneExtended(NamedTuple):
    """A message took its place in a lane, which has this head from there on."""

    destination: int
    nonce: int
    gas_limit: int
    deliver_before: int
    fee: int
    head: bytes


class LaneRestarted(NamedTuple):
    """Messages after `last` stand behind `nonce`."""

    destination: int
    nonce: int
    last: int


class Executed(NamedTuple):
    """A message reached its recipient, at its place in the lane from `origin`."""

    id: bytes
    origin: int
    nonce: int


class Failed(NamedTuple):
    """A message was passed by: refused by its recipient, or `expired` before its first attempt."""

    id: bytes
    origin: int
    nonce: int
    expired: bool


class Returned(NamedTuple):
    """A message's sender was refunded. `unspent` in wei of ERA."""

    id: bytes
    destination: int
    nonce: int
    unspent: int


class Noticed(NamedTuple):
    """A notice came that a message goes back to its sender."""

    id: bytes
    destination: int
    carrier: str
    expired: bool


class RestartFollowed(NamedTuple):
    """An Inbox left its lane at `last` and `head`, and goes on behind `nonce`."""

    origin: int
    nonce: int
    last: int
    head: bytes


def _installed(version: int, expires: int, _: bytes, words: Sequence[bytes]) -> ValidatorSet:
    return ValidatorSet.from_words(version, expires, words)


CLAIM_PAID = Event("ClaimPaid(uint256 indexed,address indexed,address indexed,uint64,uint64)")
CLAIM_SENT = Event("ClaimSent(uint256 indexed,address indexed,uint256,uint64)")
INBOUND_PAUSED = Event("InboundPaused(uint256 indexed,uint64)")
LANE_EXTENDED = Event(
    "LaneExtended(uint256 indexed,uint64 indexed,uint64,uint64,uint256,bytes32)", LaneExtended
)
LANE_RESTARTED = Event("LaneRestarted(uint256 indexed,uint64 indexed,uint64)", LaneRestarted)
MESSAGE_DELIVERED = Event("MessageDelivered(bytes32 indexed,uint256 indexed,uint64 indexed)", Executed)
MESSAGE_FAILED = Event("MessageFailed(bytes32 indexed,uint256 indexed,uint64 indexed,bool)", Failed)
MESSAGE_RETURNED = Event("MessageReturned(bytes32 indexed,uint256 indexed,uint64 indexed,uint256)", Returned)
MESSAGE_SENT = Event("MessageSent(bytes32 indexed,bytes,bytes,bytes,uint256,bytes[])")
RESTART_FOLLOWED = Event("RestartFollowed(uint256 indexed,uint64 indexed,uint64,bytes32)", RestartFollowed)
RESTART_NOTICED = Event("RestartNoticed(uint256 indexed,uint64 indexed,uint64,bytes32)")
RETURN_NOTICED = Event("ReturnNoticed(bytes32 indexed,uint256 indexed,address indexed,bool)", Noticed)
RETURN_SENT = Event("ReturnSent(bytes32 indexed,uint256 indexed,uint64 indexed,uint64)")
ROUTE_SET = Event(f"RouteSet(uint256 indexed,{_ROUTE})")
VALIDATOR_SET_INSTALLED = Event("ValidatorSetInstalled(uint64 indexed,uint64,bytes32,bytes32[])", _installed)
"""Its value is the set. The caller compares its hash."""

EVENTS = {value.name: value for value in list(globals().values()) if isinstance(value, Event)}
"""All of them by name; a test compares them with the compiled ABI."""


def send_call(
    recipient: bytes,
    payload: bytes,
    gas_limit: int | None = None,
    deliver_before: int | None = None,
    fee_payer: str | None = None,
) -> bytes:
    """Call of `sendMessage`. `recipient` is ERC-7930; None takes the route's or the gateway's default."""
    given = ((MIN_GAS_LIMIT, gas_limit), (DELIVER_BEFORE, deliver_before), (FEE_PAYER, fee_payer))
    attributes = [attribute.encode(value) for attribute, value in given if value is not None]
    return SEND_MESSAGE.encode(recipient, payload, attributes)


def receive_call(message: Message) -> bytes:
    """The call with which a gateway executes a message."""
    return RECEIVE_MESSAGE.encode(message.id, interoperable(message.origin, message.sender), message.payload)


def retry_call(message: Message) -> bytes:
    """Call of `retry`, on the message's destination."""
    return RETRY.encode(message.origin, message.nonce, message)


def return_call(message: Message) -> bytes:
    """Call of `returnToSender`, on the message's destination."""
    return RETURN_TO_SENDER.encode(message.origin, message.nonce, message)
