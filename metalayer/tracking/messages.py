"""Messages of one's own: send one, retry one that failed, and find out why it does."""

from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.rpc import BadAnswer, Reverted, RpcError
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.bridge import STRUCK, WAITING_SINCE
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import from_hex
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, Message, interoperable
from metalayer.protocol.rpc import READ_FAULTS
from metalayer.protocol.transfers import WAITING_TIME, Payload

# Intrinsic gas of the call with which a failure is looked into: 21,000, and at most 40 a byte (EIP-7623).
_CALL_GAS = 21_000
_GAS_PER_BYTE = 40


@dataclass(frozen=True)
class Draft:
    """A message to send. None takes the route's gas limit, and the gateway's deadline (Unix seconds).

    return_gas_limit: gas with which the sender is called if the message comes back: a sender without code needs none.
    max_fee: wei of ERA, beyond which the message is not sent.
    """

    destination: int
    recipient: str
    payload: bytes
    gas_limit: int | None = None
    deliver_before: int | None = None
    return_gas_limit: int | None = 0
    max_fee: int | None = None


def send(connection: Connection, sender: Sender, address: str, draft: Draft) -> tuple[Receipt, bytes]:
    """Sends one message from the connection's chain. Its receipt and the message's id. Raises Reverted."""
    recipient = interoperable(draft.destination, draft.recipient)
    data = gateway.send_call(
        recipient,
        draft.payload,
        draft.gas_limit,
        draft.deliver_before,
        return_gas_limit=draft.return_gas_limit,
        max_fee=draft.max_fee,
    )
    receipt = connection.send(sender, address, data)
    for log in receipt["logs"]:
        if log.address == address.lower() and log.topics[:1] == (gateway.MESSAGE_SENT.topic,):
            return receipt, log.topics[-1]
    raise MetalayerError(f"{connection.name}: transaction {receipt['transactionHash']} sent no message")


def retry(connection: Connection, sender: Sender, address: str, message: Message) -> Receipt:
    """Calls the recipient of a failed message again. `connection` is the destination.

    MetalayerError with what the recipient says if it refuses again, Reverted if the gateway does.
    """
    try:
        return connection.send(sender, address, gateway.retry_call(message))
    except Reverted as error:
        if not error.reason.startswith("RetryFailed"):
            raise
        why = failure_reason(connection, address, message)
        raise MetalayerError(f"{connection.name}: the message still fails: {why}") from error


def failure_reason(connection: Connection, address: str, message: Message) -> str:
    """What the recipient says to the message now, at the latest block, with the message's own gas limit."""
    name = connection.name
    if not connection.code(message.recipient):
        return f"the recipient {message.recipient} has no code on {name}"
    data = gateway.receive_call(message)
    gas = message.gas_limit + _CALL_GAS + _GAS_PER_BYTE * len(data)
    try:
        answer = connection.call(message.recipient, data, sender=address, gas=gas)
    except Reverted as error:
        return f"the recipient refuses: {error.reason}"
    except RpcError as error:
        return f"the recipient fails within {message.gas_limit} gas: {error}"
    if answer[:32] == gateway.RECEIVE_MESSAGE.selector.ljust(32, b"\0"):
        return "the recipient would accept it now"
    if waits := _waiting(connection, message):
        return waits
    return f"the recipient returns 0x{answer[:32].hex()}, not the selector of receiveMessage"


def _waiting(connection: Connection, message: Message) -> str:
    """Until when a bridge lets a transfer wait that exceeds a limit. Empty if it is none, or none that waits."""
    try:
        Payload.read(message.payload)
        since = connection.view(message.recipient, WAITING_SINCE, message.id)
    except (*READ_FAULTS, RpcError, BadAnswer):
        return ""
    if not 0 < since < STRUCK:
        return ""
    passes = utc(since + WAITING_TIME)
    return f"it exceeds a limit and waits: a retry passes from {passes} on, or as soon as there is room"


def call_back(connection: Connection, sender: Sender, address: str, message: Message) -> Receipt:
    """Calls the sender of a refunded message again, which failed to take it back. `connection` is the origin.

    Raises Reverted with what the sender says.
    """
    return connection.send(sender, address, gateway.call_back_call(message))


def callback_obstacle(connection: Connection, address: str, message: Message) -> str:
    """What the sender says now to its message coming back, with as much gas as the node gives. Empty if it takes it.

    `connection` is the origin.
    """
    try:
        connection.call(address, gateway.call_back_call(message))
    except Reverted as error:
        return f"the sender {message.sender} refuses: {error.reason}"
    except RpcError as error:
        return f"the sender {message.sender} fails: {error}"
    return ""


def parse_id(text: str) -> bytes:
    """The id that a person typed. MetalayerError unless it is 32 bytes in hexadecimal."""
    digits = text.lower().removeprefix("0x")
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise MetalayerError(f"'{text}' is not a message id: expected 0x and 64 hexadecimal digits")
    return from_hex("0x" + digits)


def parse_payload(digits: str) -> bytes:
    """The payload that a person gave in hexadecimal. MetalayerError if it is something else, or too long."""
    try:
        data = bytes.fromhex(digits.lower().removeprefix("0x"))
    except ValueError as error:
        raise MetalayerError(f"'{digits}' is not hexadecimal: expected 0x and pairs of digits") from error
    return checked_payload(data)


def checked_payload(data: bytes) -> bytes:
    """The same bytes. MetalayerError if an Outbox would not take as many."""
    if len(data) > MAX_PAYLOAD_LENGTH:
        raise MetalayerError(f"the payload has {len(data)} bytes: at most {MAX_PAYLOAD_LENGTH} are accepted")
    return data
