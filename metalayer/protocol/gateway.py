"""The gateway's calls and events. A test compares them with the compiled ABI."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from eth_utils.address import to_checksum_address

from metalayer.protocol.abi import Event, Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.message import Fee, Message, interoperable

_MESSAGE = "(address,address,uint64,uint64,uint256,bytes)"
_BATCH = f"({_MESSAGE}[],uint256,uint64,bytes32[],bytes32[])"
_VALIDATOR_SET = "(uint64,uint64,bytes32[])"
_ATTESTATION = f"(bytes32,{_VALIDATOR_SET},uint256,(bytes32,bytes32)[])"
_TERMS = "(uint24,uint24,uint24,uint40,uint40,uint40,uint40,uint16)"
ROUTE_TYPE = f"(bool,bool,{_TERMS})"
"""Of the Solidity struct `Route`."""
_WALK = "(uint256,uint64,bytes32,bytes32[])"

GATEWAY_GAS_LIMIT = 150_000
"""Gas limit of what gateways tell each other."""
GATEWAY_PAYLOAD_LENGTH = 128
"""Bytes of what gateways tell each other."""
STEP_GAS = 132_000
"""Gas for which each of the three steps of a return is paid."""
STEP_GAS_PER_BYTE = 40
"""The same, per byte of payload."""
ROTATION_GRACE = 7 * 86_400
"""Seconds after its expiry in which a validator set can still sign its successor, and nothing else."""
RECOVERY_DELAY = 14 * 86_400
"""Seconds from a validator set's expiry until the recovery may announce another."""
ANNOUNCEMENT_DELAY = 7 * 86_400
"""Seconds from there until anyone may install it."""
CLOSURE_DELAY = 60 * 86_400
"""Seconds from the closure of a route until what was sent over it can be refunded without its destination."""


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
class Terms:
    """Fees and gas limits of messages to one remote chain. Fees are in gwei of ERA: for a message, per 1,000 gas there,
    per byte, per 1,000 gas here; the protocol's share on top is in basis points.
    """

    default_gas_limit: int
    max_gas_limit: int
    default_return_gas_limit: int = 0
    base_fee: int = 0
    gas_fee: int = 0
    byte_fee: int = 0
    return_gas_fee: int = 0
    protocol_share: int = 0

    @property
    def fields(self) -> tuple[int, ...]:
        """Values of the Solidity struct `Terms`."""
        return astuple(self)

    def fee(self, gas_limit: int, return_gas_limit: int, payload_length: int) -> Fee:
        """What those who carry a message may earn: the mirror of `Outbox._price`."""
        base = self.base_fee + payload_length * self.byte_fee
        step_gas = STEP_GAS + STEP_GAS_PER_BYTE * payload_length
        return Fee(
            base=base,
            relay=base + _gas_part(self.gas_fee, gas_limit),
            step=_gas_part(max(self.gas_fee, self.return_gas_fee), step_gas),
            callback=_gas_part(self.return_gas_fee, return_gas_limit),
            return_gas_limit=return_gas_limit,
        )

    def quote(self, gas_limit: int, return_gas_limit: int, payload_length: int) -> int:
        """What a message costs altogether, in wei of ERA: the mirror of `Outbox.quote`."""
        parts = self.fee(gas_limit, return_gas_limit, payload_length).total
        return (parts - (-parts * self.protocol_share // 10_000)) * GWEI

    def carriage(self) -> int:
        """What the carrier of a claim gets, in gwei."""
        return self.fee(GATEWAY_GAS_LIMIT, 0, GATEWAY_PAYLOAD_LENGTH).relay


def _gas_part(gas_fee: int, gas: int) -> int:
    """Price of an amount of gas, in gwei, rounded up."""
    return -(-gas * gas_fee // 1_000)


@dataclass(frozen=True)
class Route:
    """One chain's settings for one remote chain: whether each direction is open, and the terms of sending."""

    outbound: bool
    inbound: bool
    terms: Terms

    @property
    def fields(self) -> tuple[bool, bool, tuple[int, ...]]:
        """Values of the Solidity struct `Route`."""
        return self.outbound, self.inbound, self.terms.fields


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
    """What an origin knows of a message's return. `carrier` is None if no notice came; a notice counts if its epoch is
    the present one of the lane back. `unspent` is what the refund gave the sender, in gwei of ERA; `callback_open` says
    that the sender failed to take it in.
    """

    carrier: str | None
    expired: bool
    refunded: bool
    callback_open: bool
    epoch: int
    unspent: int


class RestartRecord(NamedTuple):
    """What an origin knows of a restart: where the destination left the lane, once it followed."""

    restarted: bool
    followed: bool
    epoch: int
    nonce: int
    head: bytes


class AnnouncedSet(NamedTuple):
    """A set that the recovery announced: its hash, zero if there is none, and from when on it can be installed."""

    set_hash: bytes
    installable_from: int


def _undelivered(status: int, notice: int) -> Undelivered:
    return Undelivered(Status(status), notice)


def _return_notice(notice: tuple[str, bool, bool, bool, int, int]) -> ReturnNotice:
    carrier = to_checksum_address(notice[0]) if int(notice[0], 16) else None
    return ReturnNotice(carrier, *notice[1:])


def read_route(route: tuple[bool, bool, tuple[int, ...]]) -> Route:
    """A route as a gateway returns it."""
    outbound, inbound, terms = route
    return Route(outbound, inbound, Terms(*terms))


# Views

ANNEX = Function("ANNEX()", "address", str)
ANNOUNCED_SET = Function("announcedSet()", "bytes32,uint64", AnnouncedSet)
ALLOWANCE = Function("allowance(address,address)", "uint256", int)
"""What a sender may spend of a payer's credit, in wei of ERA."""
CLOSED_SINCE = Function("closedSince(uint256)", "uint64", int)
CREDIT = Function("credit(address)", "uint256", int)
"""Wei of ERA."""
EARNINGS = Function("earnings(uint256,address)", "uint256,uint256", Earnings)
COLLECTOR = Function("COLLECTOR()", "address", str)
FEE_TOKEN = Function("FEE_TOKEN()", "address", str)
GUARDIAN = Function("guardian()", "address", str)
INBOX_LANE = Function("inboxLane(uint256)", "uint64,bytes32", InboxLane)
LANE_EPOCH = Function("laneEpoch(uint256)", "uint16", int)
LANE_FEES = Function("laneFees(uint256)", "uint256,uint256", LaneFees)
MESSAGE_STATUS = Function("messageStatus(bytes32)", "uint8,uint64", _undelivered)
NETWORK_ID = Function("NETWORK_ID()", "uint256", int)
OUTBOX_LANE = Function("outboxLane(uint256)", "uint64,bytes32,uint64", OutboxLane)
PAID = Function("paid(uint256,address)", "uint256", int)
"""Gwei of ERA that a relayer's claims were paid."""
PAUSED_UNTIL = Function("pausedUntil(uint256)", "uint64", int)
QUOTE = Function("quote(uint256,uint256,uint256,uint256)", "uint256", int)
"""Wei of ERA, from destination, gas limit, return gas limit and length of the payload."""
RECOVERY = Function("recovery()", "address", str)
RESTART_RECORD = Function(
    "restartRecord(uint256,uint64)",
    "(bool,bool,uint16,uint64,bytes32)",
    lambda record: RestartRecord(*record),
)
RETURN_NOTICE = Function(
    "returnNotice(uint256,bytes32)", "(address,bool,bool,bool,uint16,uint56)", _return_notice
)
ROUTE = Function("route(uint256)", ROUTE_TYPE, read_route)
STORED_HEAD = Function("storedHead(uint256,uint64)", "bytes32", bytes)
VALIDATOR_SET_HASH = Function("validatorSetHash()", "bytes32", bytes)

# Transactions

ADOPT = Function(f"adopt({_VALIDATOR_SET})")
ANNOUNCE_SET = Function(f"announceSet({_VALIDATOR_SET},{_VALIDATOR_SET})")
CALL_BACK = Function(f"callBack({_MESSAGE},uint256,uint64)")
CLAIM = Function("claim(uint256)")
DELIVER = Function(f"deliver({_ATTESTATION},{_BATCH}[])")
DEPOSIT_FOR = Function("depositFor(address,uint256)")
FOLLOW_RESTART = Function(f"followRestart({_ATTESTATION},uint256,uint64,bytes32[])")
INSTALL_ANNOUNCED = Function(f"installAnnounced({_VALIDATOR_SET})")
RECORD_INBOX_HEAD = Function("recordInboxHead(uint256,uint64,uint64,bytes32,bytes32[])")
REFUND = Function(f"refund({_MESSAGE},{_WALK})")
REFUND_ABANDONED = Function(f"refundAbandoned({_MESSAGE},{_WALK},uint64,bytes32,bytes32[])")
REFUND_CLOSED = Function(f"refundClosed({_MESSAGE},{_WALK},uint8,{_ATTESTATION},bytes32[])")
NOTICE_RESTART = Function("noticeRestart(uint256,uint64)")
RESTART = Function("restart(uint256,uint64)")
RETRY = Function(f"retry(uint256,uint64,{_MESSAGE})")
RETURN_TO_SENDER = Function(f"returnToSender(uint256,uint64,{_MESSAGE})")
ROTATE = Function(f"rotate({_ATTESTATION},{_VALIDATOR_SET},bytes32[])")
SEND_MESSAGE = Function("sendMessage(bytes,bytes,bytes[])", "bytes32", bytes)
SET_ALLOWANCE = Function("setAllowance(address,uint256)")
SET_OPEN = Function("setOpen(uint256,bool,bool)")
SET_TERMS = Function(f"setTerms(uint256,{_TERMS})")
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
RETURN_GAS_LIMIT = Function("returnGasLimit(uint256)")
"""Of ours: gas with which a sender is called when its message comes back."""
MAX_FEE = Function("maxFee(uint256)")
"""Of ours: most that a message may cost, in wei of ERA."""

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
    """A message's sender was refunded. What it got back and what the caller earned, in wei of ERA."""

    id: bytes
    destination: int
    nonce: int
    unspent: int
    caller: str
    earned: int


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


CALLBACK_FAILED = Event("CallbackFailed(bytes32 indexed)")
CALLED_BACK = Event("CalledBack(bytes32 indexed)")
CLAIM_PAID = Event("ClaimPaid(uint256 indexed,address indexed,address indexed,uint64,uint64)")
CLAIM_SENT = Event("ClaimSent(uint256 indexed,address indexed,uint256,uint64)")
INBOUND_PAUSED = Event("InboundPaused(uint256 indexed,uint64)")
LANE_EXTENDED = Event(
    "LaneExtended(uint256 indexed,uint64 indexed,uint64,uint64,uint256,bytes32)", LaneExtended
)
LANE_RESTARTED = Event("LaneRestarted(uint256 indexed,uint64 indexed,uint64)", LaneRestarted)
MESSAGE_DELIVERED = Event("MessageDelivered(bytes32 indexed,uint256 indexed,uint64 indexed)", Executed)
MESSAGE_FAILED = Event("MessageFailed(bytes32 indexed,uint256 indexed,uint64 indexed,bool)", Failed)
MESSAGE_RETURNED = Event(
    "MessageReturned(bytes32 indexed,uint256 indexed,uint64 indexed,uint256,address,uint256)", Returned
)
MESSAGE_SENT = Event("MessageSent(bytes32 indexed,bytes,bytes,bytes,uint256,bytes[])")
RESTART_FOLLOWED = Event("RestartFollowed(uint256 indexed,uint64 indexed,uint64,bytes32)", RestartFollowed)
RESTART_NOTICED = Event("RestartNoticed(uint256 indexed,uint64 indexed,uint64,bytes32)")
RETURN_NOTICED = Event("ReturnNoticed(bytes32 indexed,uint256 indexed,address indexed,bool)", Noticed)
RETURN_SENT = Event("ReturnSent(bytes32 indexed,uint256 indexed,uint64 indexed,uint64)")
ROUTE_OPENED = Event("RouteOpened(uint256 indexed,bool,bool)")
SET_ANNOUNCED = Event("SetAnnounced(uint64 indexed,bytes32,uint64)")
TERMS_SET = Event(f"TermsSet(uint256 indexed,{_TERMS})")
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
    return_gas_limit: int | None = None,
    max_fee: int | None = None,
) -> bytes:
    """Call of `sendMessage`. `recipient` is ERC-7930; None takes the route's or the gateway's default."""
    given = (
        (MIN_GAS_LIMIT, gas_limit),
        (DELIVER_BEFORE, deliver_before),
        (FEE_PAYER, fee_payer),
        (RETURN_GAS_LIMIT, return_gas_limit),
        (MAX_FEE, max_fee),
    )
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


def call_back_call(message: Message) -> bytes:
    """Call of `callBack`, on the message's origin."""
    return CALL_BACK.encode(message, message.destination, message.nonce)
