"""The TokenBridge's calls and events that programs use. A test compares them with the compiled ABI.

Amounts are in a token's smallest unit; fees in wei of ERA, `pay` and `passage` in gwei; times are Unix seconds.
"""

from typing import NamedTuple

from eth_utils.address import to_checksum_address

from metalayer.protocol.abi import Event, Function
from metalayer.protocol.transfers import PLAIN, Options

NOBODY = to_checksum_address(bytes(20))
DONE = to_checksum_address((1).to_bytes(20, "big"))
"""`solverOf` a transfer that has arrived."""
STRUCK = 2**256 - 1
"""`waitingSince` of a message that was struck."""

_OPTIONS = "(address,uint40,uint32,uint16,uint64,uint256,bool,uint24,bytes)"
_FRONT = "(bytes32,uint256,uint256,address,address,uint128,uint32,uint16,uint40,uint40)"


class SendQuote(NamedTuple):
    """What `send` takes for the first hop, and the chain that sends the transfer on: zero if it has one hop."""

    fee: int
    home: int


class Home(NamedTuple):
    """What a token stands for: chain id zero if it is at home."""

    chain_id: int
    token: str


class Limits(NamedTuple):
    """Limits of a token between two chains, and what of them is free now. All zero if it is not limited."""

    limited: bool
    out_capacity: int
    in_capacity: int
    window: int
    out_free: int
    in_free: int


class Hold(NamedTuple):
    """Until when value from a chain is held, and from when on it may be held again."""

    until: int
    holdable_from: int


class TransferSent(NamedTuple):
    """A transfer that starts. `from_` gets it back if it does not arrive; `token` is the local one."""

    id: bytes
    from_: str
    to: str
    token: str
    destination: int
    amount: int


class TransferForwarded(NamedTuple):
    """A transfer that its token's home sends on, or back to where it started: the next hop and what it cost."""

    id: bytes
    send_id: bytes
    token: str
    destination: int
    amount: int
    fee: int


class TransferReceived(NamedTuple):
    """A transfer that arrived; `payee` is its recipient or its solver."""

    id: bytes
    payee: str
    token: str
    origin: int
    amount: int


class TransferReturned(NamedTuple):
    """A transfer that ended where it started; `payee` is who sent it or who claimed it."""

    id: bytes
    payee: str
    token: str
    amount: int


class TransferWaiting(NamedTuple):
    """A message that exceeded a limit, by its own id, and since when."""

    id: bytes
    token: str
    chain_id: int
    amount: int
    since: int


class TransferFronted(NamedTuple):
    """A transfer that `solver` paid to its recipient."""

    id: bytes
    solver: str
    to: str
    key: bytes
    token: str
    paid: int


class FrontClaimed(NamedTuple):
    """A claim that was sent to where a transfer started."""

    id: bytes
    start: int
    solver: str
    send_id: bytes


class ClaimReceived(NamedTuple):
    """A claim that arrived from the chain where a transfer should end."""

    key: bytes
    chain_id: int
    solver: str


class TokenDescribed(NamedTuple):
    """A description that was sent."""

    token: str
    chain_id: int
    send_id: bytes


class StandIn(NamedTuple):
    """A token that stands for one of another chain: created by the bridge, or adopted from its issuer."""

    home_chain: int
    token: str
    local: str


class LimitsSet(NamedTuple):
    """Limits that the owner set; all zero if it removed them."""

    token: str
    chain_id: int
    out_capacity: int
    in_capacity: int
    window: int


class Covered(NamedTuple):
    """A gift to a chain's account."""

    token: str
    chain_id: int
    from_: str
    amount: int


class PassagePaid(NamedTuple):
    """What somebody paid for the next hop of a transfer, in gwei."""

    id: bytes
    from_: str
    amount: int


SEND = Function("send(address,uint256,address,uint256)", "bytes32", bytes)
SEND_WITH = Function(f"send(address,uint256,address,uint256,{_OPTIONS})", "bytes32", bytes)
PERMIT = Function("permit(address,uint256,uint256,uint8,bytes32,bytes32)")
MULTICALL = Function("multicall(bytes[])", "bytes[]")
ERA = Function("ERA()", "address", str)
HUB_CHAIN_ID = Function("HUB_CHAIN_ID()", "uint256", int)

QUOTE_SEND = Function("quoteSend(address,uint256,uint256,uint256)", "uint256,uint256", SendQuote)
QUOTE_FORWARD = Function("quoteForward(address,uint256,uint256,uint256)", "uint256", int)
PAY = Function("pay(bytes32,uint64)")
PASSAGE = Function("passage(bytes32)", "uint256", int)

DESCRIBE = Function("describe(address,uint256,bool)", "bytes32", bytes)
ADOPT = Function("adopt(uint256,address,address)")
LOCAL_OF = Function("localOf(uint256,address)", "address", str)
HOME_OF = Function("homeOf(address)", "uint256,address", Home)
REPRESENTATION_OF = Function("representationOf(uint256,address)", "address", str)
IS_DESCRIBED = Function("isDescribed(address,uint256)", "bool", bool)
BRIDGED_TOKEN = Function("BRIDGED_TOKEN()", "address", str)
METADATA = Function("METADATA()", "address", str)

COVER = Function("cover(address,uint256,uint256)", "uint256", int)
OUTSTANDING = Function("outstanding(address,uint256)", "uint256", int)
PAST_OUTSTANDING = Function("pastOutstanding(uint256,uint48)", "uint256", int)
TOTAL_OUTSTANDING = Function("totalOutstanding()", "uint256", int)
PAST_TOTAL_OUTSTANDING = Function("pastTotalOutstanding(uint48)", "uint256", int)

SET_LIMITS = Function("setLimits(address,uint256,uint256,uint256,uint256)")
REMOVE_LIMITS = Function("removeLimits(address,uint256)")
LIMITS_OF = Function("limitsOf(address,uint256)", "bool,uint256,uint256,uint256,uint256,uint256", Limits)
HOLD = Function("hold(uint256,uint256)")
UNHOLD = Function("unhold(uint256)")
STRIKE = Function("strike(uint256,bytes32)")
HELD_UNTIL = Function("heldUntil(uint256)", "uint256,uint256", Hold)
WAITING_SINCE = Function("waitingSince(bytes32)", "uint256", int)

FRONT = Function(f"front({_FRONT},address)", "uint256", int)
CLAIM = Function(f"claim({_FRONT},bool)", "bytes32", bytes)
QUOTE_CLAIM = Function("quoteClaim(uint256)", "uint256", int)
KEY_OF = Function(f"keyOf({_FRONT})", "bytes32", bytes)
SOLVER_OF = Function("solverOf(bytes32)", "address", str)
CLAIMANT_OF = Function("claimantOf(bytes32,uint256)", "address", str)

ACCEPT_GATEWAY = Function("acceptGateway(address)")
REFUSE_GATEWAY = Function("refuseGateway(address)")
CHOOSE_GATEWAY = Function("chooseGateway(uint256,address)")
RECALL = Function("recall(address,uint256)")
GATEWAY = Function("GATEWAY()", "address", str)
GATEWAY_OF = Function("gatewayOf(uint256)", "address", str)
ACCEPTED_FROM = Function("acceptedFrom(address)", "uint256", int)

FUNCTIONS = tuple(value for value in list(globals().values()) if isinstance(value, Function))
"""All of them; a test compares them with the compiled ABI."""

TRANSFER_SENT = Event(
    "TransferSent(bytes32 indexed,address indexed,address indexed,address,uint256,uint256)", TransferSent
)
TRANSFER_FORWARDED = Event(
    "TransferForwarded(bytes32 indexed,bytes32 indexed,address indexed,uint256,uint256,uint256)",
    TransferForwarded,
)
TRANSFER_SENT_BACK = Event(
    "TransferSentBack(bytes32 indexed,bytes32 indexed,address indexed,uint256,uint256,uint256)",
    TransferForwarded,
)
TRANSFER_RECEIVED = Event(
    "TransferReceived(bytes32 indexed,address indexed,address indexed,uint256,uint256)", TransferReceived
)
TRANSFER_RETURNED = Event(
    "TransferReturned(bytes32 indexed,address indexed,address indexed,uint256)", TransferReturned
)
TRANSFER_WAITING = Event(
    "TransferWaiting(bytes32 indexed,address indexed,uint256 indexed,uint256,uint256)", TransferWaiting
)
TRANSFER_FRONTED = Event(
    "TransferFronted(bytes32 indexed,address indexed,address indexed,bytes32,address,uint256)",
    TransferFronted,
)
FRONT_CLAIMED = Event("FrontClaimed(bytes32 indexed,uint256 indexed,address indexed,bytes32)", FrontClaimed)
CLAIM_RECEIVED = Event("ClaimReceived(bytes32 indexed,uint256 indexed,address indexed)", ClaimReceived)
TOKEN_DESCRIBED = Event("TokenDescribed(address indexed,uint256 indexed,bytes32)", TokenDescribed)
REPRESENTATION_CREATED = Event(
    "RepresentationCreated(uint256 indexed,address indexed,address indexed)", StandIn
)
TOKEN_ADOPTED = Event("TokenAdopted(uint256 indexed,address indexed,address indexed)", StandIn)
LIMITS_SET = Event("LimitsSet(address indexed,uint256 indexed,uint256,uint256,uint256)", LimitsSet)
HELD = Event("Held(uint256 indexed,uint256)")
STRUCK_MESSAGE = Event("Struck(uint256 indexed,bytes32 indexed)")
COVERED = Event("Covered(address indexed,uint256 indexed,address indexed,uint256)", Covered)
PASSAGE_PAID = Event("PassagePaid(bytes32 indexed,address indexed,uint256)", PassagePaid)
GATEWAY_ACCEPTED = Event("GatewayAccepted(address indexed,uint256)")
GATEWAY_REFUSED = Event("GatewayRefused(address indexed)")
GATEWAY_CHOSEN = Event("GatewayChosen(uint256 indexed,address indexed)")

EVENTS = tuple(value for value in list(globals().values()) if isinstance(value, Event))
"""All of them; a test compares them with the compiled ABI."""


def send_call(token: str, destination: int, to: str, amount: int, options: Options = PLAIN) -> bytes:
    """Calldata of the shorter `send` if nothing is chosen."""
    if options == PLAIN:
        return SEND.encode(token, destination, to, amount)
    return SEND_WITH.encode(token, destination, to, amount, options)
