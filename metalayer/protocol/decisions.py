"""Decisions of the hub's governance for other chains: the mirror of `types/Decision.sol`, of DecisionOutbox,
RemoteGovernor and Expect. A test compares it with the compiled ABI.

Times are Unix seconds, values wei of ether, prices wei of ERA.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.abi import Event, Function

_DECISION = "(bytes32,address[],uint256[],bytes[],bytes32[],bytes32,bytes32[])"

DECISION_LIFETIME = 30 * 86_400
"""Seconds for which a decision may be sent, and may arrive."""
EXECUTION_GRACE = 14 * 86_400
"""Seconds for which a decision that is ready may be executed."""
POSTPONEMENT = 21 * 86_400
"""Seconds by which the guardian postpones a decision, once."""
OFFICES_DELAY = 35 * 86_400
"""Seconds that a decision waits whose only action names the offices: neither of them can touch it."""

PRECEDENT_TIME = 90 * 86_400
"""Seconds from when it would be ready for which a decision waits for its precedent."""

NOTHING = bytes(32)
"""`precedent` of a decision that has none, and `codes` of a target that is only paid."""


class DecisionState(IntEnum):
    """Of a decision on the chain that it is for. Waiting: it arrived and its time has not come."""

    UNKNOWN = 0
    WAITING = 1
    READY = 2
    EXECUTED = 3
    CANCELLED = 4
    REFUSED = 5
    EXPIRED = 6


@dataclass(frozen=True)
class Decision:
    """The contracts' `Decision`. Addresses are checksummed; lists have one entry for each action."""

    salt: bytes
    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    codes: tuple[bytes, ...]
    precedent: bytes = NOTHING
    cancels: tuple[bytes, ...] = ()

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct."""
        return (
            self.salt,
            self.targets,
            self.values,
            self.calldatas,
            self.codes,
            self.precedent,
            self.cancels,
        )

    @property
    def encoded(self) -> bytes:
        """What a message carries to its chain."""
        return encode([_DECISION], [self.fields])

    @property
    def id(self) -> bytes:
        """By which both sides know it. The same for every chain with the same actions."""
        return keccak(self.encoded)

    @property
    def value(self) -> int:
        """Wei of ether that whoever executes it pays."""
        return sum(self.values)

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Decision":
        """From the values of the Solidity struct."""
        salt, targets, amounts, calldatas, codes, precedent, cancels = values
        return cls(
            salt,
            tuple(to_checksum_address(target) for target in targets),
            tuple(amounts),
            tuple(calldatas),
            tuple(codes),
            precedent,
            tuple(cancels),
        )

    @classmethod
    def read(cls, encoded: bytes) -> "Decision":
        """From `encoded`. DecodingError if it is nothing of the kind."""
        return cls.of(decode([_DECISION], encoded)[0])


class Decided(NamedTuple):
    """A decision that the hub's timelock recorded. `arrive_before` is the last second at which it may arrive."""

    chain_id: int
    id: bytes
    decision: Decision
    gas_limit: int
    arrive_before: int


class DecisionSent(NamedTuple):
    """A decision that was sent, and the message that carries it."""

    chain_id: int
    id: bytes
    message_id: bytes
    payer: str


class DecisionNotSent(NamedTuple):
    """A decision that was recorded and could not be sent. `reason` is what the gateway reverted with."""

    chain_id: int
    id: bytes
    reason: bytes


class DecisionReturned(NamedTuple):
    """A decision whose message came back."""

    chain_id: int
    id: bytes
    message_id: bytes


class DecisionScheduled(NamedTuple):
    """A decision that arrived on its chain, the gateway that brought it, and when it may be executed."""

    id: bytes
    gateway: str
    decision: Decision
    ready_at: int


class DecisionExecuted(NamedTuple):
    """A decision that was executed, and by whom."""

    id: bytes
    caller: str


class DecisionCancelled(NamedTuple):
    """A decision that ended because another one that arrived said so."""

    id: bytes
    by: bytes


# DecisionOutbox

ARRIVE_BEFORE = Function("arriveBefore(uint256,bytes32)", "uint64", int)
DECIDE = Function(f"decide(uint256,{_DECISION},uint256)", "bytes32", bytes)
OUTBOX_GATEWAY = Function("gateway()", "address", str)
QUOTE = Function(f"quote(uint256,{_DECISION},uint256)", "uint256", int)
SEND = Function(f"send(uint256,{_DECISION},uint256)", "bytes32", bytes)
SET_OUTBOX_GATEWAY = Function("setGateway(address)")

OUTBOX_FUNCTIONS = (ARRIVE_BEFORE, DECIDE, OUTBOX_GATEWAY, QUOTE, SEND, SET_OUTBOX_GATEWAY)

DECIDED = Event(
    f"Decided(uint256 indexed,bytes32 indexed,{_DECISION},uint256,uint64)",
    lambda chain_id, id_, decision, gas_limit, before: Decided(
        chain_id, id_, Decision.of(decision), gas_limit, before
    ),
)
DECISION_NOT_SENT = Event("DecisionNotSent(uint256 indexed,bytes32 indexed,bytes)", DecisionNotSent)
DECISION_RETURNED = Event(
    "DecisionReturned(uint256 indexed,bytes32 indexed,bytes32 indexed)", DecisionReturned
)
DECISION_SENT = Event("DecisionSent(uint256 indexed,bytes32 indexed,bytes32 indexed,address)", DecisionSent)
OUTBOX_GATEWAY_SET = Event("GatewaySet(address indexed)")

OUTBOX_EVENTS = (DECIDED, DECISION_NOT_SENT, DECISION_RETURNED, DECISION_SENT, OUTBOX_GATEWAY_SET)

# RemoteGovernor

EXECUTE = Function(f"execute({_DECISION})")
EXPIRES_AT = Function("expiresAt(bytes32)", "uint64", int)
GUARDIAN = Function("guardian()", "address", str)
IS_BROUGHT_BY = Function("isBroughtBy(bytes32,address)", "bool", bool)
IS_GATEWAY = Function("isGateway(address)", "bool", bool)
IS_POSTPONED = Function("isPostponed(bytes32)", "bool", bool)
IS_PROTECTED = Function("isProtected(bytes32)", "bool", bool)
POSTPONE = Function("postpone(bytes32)")
READY_AT = Function("readyAt(bytes32)", "uint64", int)
RECOVERY = Function("recovery()", "address", str)
REFUSE = Function("refuse(bytes32)")
SET_GATEWAY = Function("setGateway(address,bool)")
SET_OFFICES = Function("setOffices(address,address)")
STATE_OF = Function("stateOf(bytes32)", "uint8", DecisionState)

REMOTE_FUNCTIONS = (
    EXECUTE,
    EXPIRES_AT,
    IS_BROUGHT_BY,
    GUARDIAN,
    IS_GATEWAY,
    IS_POSTPONED,
    IS_PROTECTED,
    POSTPONE,
    READY_AT,
    RECOVERY,
    REFUSE,
    SET_GATEWAY,
    SET_OFFICES,
    STATE_OF,
)

DECISION_CANCELLED = Event("DecisionCancelled(bytes32 indexed,bytes32 indexed)", DecisionCancelled)
DECISION_EXECUTED = Event("DecisionExecuted(bytes32 indexed,address indexed)", DecisionExecuted)
DECISION_POSTPONED = Event("DecisionPostponed(bytes32 indexed,uint64)")
DECISION_REFUSED = Event("DecisionRefused(bytes32 indexed)", bytes)
DECISION_SCHEDULED = Event(
    f"DecisionScheduled(bytes32 indexed,address indexed,{_DECISION},uint64)",
    lambda id_, gateway, decision, ready_at: DecisionScheduled(id_, gateway, Decision.of(decision), ready_at),
)
GATEWAY_ACCEPTED = Event("GatewayAccepted(address indexed,bool)")
OFFICES_SET = Event("OfficesSet(address indexed,address indexed)")

REMOTE_EVENTS = (
    DECISION_CANCELLED,
    DECISION_EXECUTED,
    DECISION_POSTPONED,
    DECISION_REFUSED,
    DECISION_SCHEDULED,
    GATEWAY_ACCEPTED,
    OFFICES_SET,
)

# Expect

EXPECT_CODE = Function("code(address,bytes32)")
EXPECT_RESULT = Function("result(address,bytes,bytes32)")
EXPECT_WORD = Function("word(address,bytes,uint256,bytes32)")

EXPECT_FUNCTIONS = (EXPECT_CODE, EXPECT_RESULT, EXPECT_WORD)
