"""What the machine knows: one `Side` per chain, which holds all that lies on that chain and goes with it when it is
reorganised. Amounts in lanes are gwei of ERA, credit is wei, times are Unix seconds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address

from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Kind, RestartRecord, ReturnNotice, Route, Status
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import NEVER_EXPIRES, STORED_HEAD_INTERVAL, Fee, Message, extend, genesis_head
from metalayer.protocol.rpc import word

GATEWAY_GAS = 150_000
GATEWAY_PAYLOAD = 128

_DATA = {
    "CallbackFailed": [],
    "CalledBack": [],
    "ClaimPaid": ["uint64", "uint64"],
    "ClaimSent": ["uint256", "uint64"],
    "InboundPaused": ["uint64"],
    "LaneExtended": ["uint64", "uint64", "uint256", "bytes32"],
    "LaneRestarted": ["uint64"],
    "MessageDelivered": [],
    "MessageFailed": ["bool"],
    "MessageReturned": ["uint256", "address", "uint256"],
    "RestartFollowed": ["uint64", "bytes32"],
    "RestartNoticed": ["uint64", "bytes32"],
    "ReturnNoticed": ["bool"],
    "ReturnSent": ["uint64"],
}
_NAMES = {to_hex(gateway.EVENTS[name].topic): name for name in ("MessageSent", *_DATA)}

Log = tuple[str, tuple[str, ...], str]
"""Event, indexed values and data as the node gives them. Of `MessageSent` only the id: the head commits to the rest."""


class Mood(Enum):
    """How a chain's scripted recipient receives. HUNGRY accepts if it gets HUNGER gas; REENTER calls the gateway."""

    ACCEPT = "accept"
    RETURN_LONG = "return long"
    HUNGRY = "hungry"
    REVERT = "revert"
    BURN_ALL_GAS = "burn all gas"
    RETURN_BOMB = "return bomb"
    REVERT_BOMB = "revert bomb"
    RETURN_NOTHING = "return nothing"
    RETURN_SHORT = "return short"
    RETURN_WRONG_VALUE = "return wrong value"
    RETURN_DIRTY_VALUE = "return dirty value"
    REENTER = "reenter"


class OnReturn(Enum):
    """How a chain's sending contract takes back what it sent. HUNGRY and REENTER as of a recipient."""

    ACCEPT = "accept"
    HUNGRY = "hungry"
    REVERT = "revert"
    BURN_ALL_GAS = "burn all gas"
    REVERT_BOMB = "revert bomb"
    REENTER = "reenter"


NO_NOTICE = ReturnNotice(None, False, False, False, 0, 0)
NO_RESTART = RestartRecord(False, False, 0, 0, bytes(32))
_FREE = Fee(0, 0, 0, 0, 0)


def log(name: str, *indexed: int | bytes | str, data: tuple[Any, ...] = ()) -> Log:
    """What the gateway logs."""
    topics = [
        to_hex(
            word(int(value, 16) if isinstance(value, str) else value)
            if not isinstance(value, bytes)
            else value
        )
        for value in indexed
    ]
    return name, tuple(topics), "0x" + encode(_DATA.get(name, []), data).hex()


def logs_of(receipt: dict[str, Any], address: str) -> list[Log]:
    """What the gateway logged, in order; deposits and the like left out."""
    found: list[Log] = []
    for entry in receipt["logs"]:
        name = _NAMES.get(entry["topics"][0])
        if name is None or entry["address"].lower() != address.lower():
            continue
        if name == "MessageSent":
            found.append((name, (entry["topics"][1],), "0x"))
        else:
            found.append((name, tuple(entry["topics"][1:]), entry["data"]))
    return found


@dataclass
class Outgoing:
    """A lane at its origin. `heads[n]` is the head after message n, or at restart n."""

    origin: int
    destination: int
    network_id: int
    nonce: int = 0
    heads: dict[int, bytes] = field(default_factory=dict)
    sent: dict[int, Message] = field(default_factory=dict)
    stored: set[int] = field(default_factory=set)
    restarted_at: int = 0
    escrow: int = 0
    protocol_fees: int = 0
    notices: dict[bytes, ReturnNotice] = field(default_factory=dict)
    restarts: dict[int, RestartRecord] = field(default_factory=dict)
    inbox_heads: dict[tuple[int, int, bytes], dict[int, bytes]] = field(default_factory=dict)
    """Recorded heads by nonce, of (restart, nonce and head where the destination left the lane)."""
    closed_since: int = 0
    paid: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.heads[0] = genesis_head(self.network_id, self.origin, self.destination)

    @property
    def head(self) -> bytes:
        return self.heads[self.nonce]

    def has(self, message: Message) -> bool:
        """True if the message is in the lane: after a reorganisation some are not."""
        return self.sent.get(message.nonce) == message

    def append(
        self, sender: str, recipient: str, gas_limit: int, deliver_before: int, fee: Fee, payload: bytes
    ) -> list[Log]:
        nonce = self.nonce + 1
        message = Message(
            self.network_id,
            self.origin,
            self.destination,
            nonce,
            sender,
            recipient,
            gas_limit,
            deliver_before,
            fee.packed,
            payload,
        )
        head = extend(self.head, message.id)
        self.nonce, self.sent[nonce], self.heads[nonce] = nonce, message, head
        if nonce % STORED_HEAD_INTERVAL == 0:
            self.stored.add(nonce)
        self.escrow += fee.total
        data = (gas_limit, deliver_before, fee.packed, head)
        return [log("MessageSent", message.id), log("LaneExtended", self.destination, nonce, data=data)]

    def tell(self, gateway_address: str, kind: Kind, a: bytes, b: int, c: int | bytes) -> list[Log]:
        """The gateway sends the other one a message."""
        third = c if isinstance(c, bytes) else c.to_bytes(32, "big")
        payload = encode(["uint256", "bytes32", "uint256", "bytes32"], [kind, a, b, third])
        return self.append(gateway_address, gateway_address, GATEWAY_GAS, NEVER_EXPIRES, _FREE, payload)

    def restart(self, nonce: int) -> list[Log]:
        last = self.nonce
        self.stored.add(last)
        self.nonce = self.restarted_at = nonce
        self.heads[nonce] = genesis_head(self.network_id, self.origin, self.destination, nonce)
        self.restarts[nonce] = self.restarts.get(nonce, NO_RESTART)._replace(restarted=True)
        return [log("LaneRestarted", self.destination, nonce, data=(last,))]

    def may_lose(self, nonce: int) -> bool:
        """True if the lane was restarted after message `nonce` entered it."""
        return nonce < self.restarted_at

    def take(self, amount: int) -> int:
        """As much of `amount` as the escrow holds."""
        taken = min(amount, self.escrow)
        self.escrow -= taken
        return taken

    def run_from(self, nonce: int) -> int:
        """Last nonce up to which messages follow `nonce` without a gap."""
        while nonce + 1 in self.sent:
            nonce += 1
        return nonce

    def walk_ends(self, nonce: int) -> list[int]:
        """Places at which a walk from message `nonce` may end."""
        last = min(self.run_from(nonce), nonce + STORED_HEAD_INTERVAL - 1)
        known = [end for end in sorted(self.stored) if nonce <= end <= last and end < self.nonce]
        return [*known, *([self.nonce] if nonce <= self.nonce <= last else [])]

    def walk(self, nonce: int, end: int) -> gateway.Walk:
        ids = [self.sent[i].id for i in range(nonce + 1, end + 1)]
        return gateway.Walk(self.destination, nonce, self.heads[nonce - 1], ids)


@dataclass
class Earned:
    """What a relayer earned on a lane, and where its last claim stands."""

    total: int = 0
    claimed: int = 0
    claim_nonce: int = 0


@dataclass(frozen=True)
class Left:
    """Where a lane was left for a restart, and where the notice of that stands."""

    nonce: int
    head: bytes
    notice_nonce: int


@dataclass
class Incoming:
    """A lane at its destination. `tried[n]` is what stood at n there, whether the origin still knows it or not."""

    nonce: int
    head: bytes
    tried: dict[int, Message] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    paused_until: int = 0
    pausable_from: int = 0
    epoch: int = 0
    """How many restarts were followed."""
    followed_at: int = 0
    earned: dict[str, Earned] = field(default_factory=dict)
    left: dict[int, Left] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.heads[self.nonce] = self.head

    def take(self, message: Message) -> None:
        """The next message of the lane."""
        self.tried[message.nonce] = message
        self.move(message.nonce, extend(self.head, message.id))

    def move(self, nonce: int, head: bytes) -> None:
        self.nonce, self.head, self.heads[nonce] = nonce, head, head

    def of(self, relayer: str) -> Earned:
        return self.earned.setdefault(relayer, Earned())


@dataclass(frozen=True)
class Undelivered:
    """A message that was not accepted, and where the notice of its return stands."""

    message: Message
    status: Status
    notice_nonce: int = 0


@dataclass
class Side:
    """One chain."""

    name: str
    clock: int
    validator_set: ValidatorSet
    """The one that is installed."""
    guardian: str
    outgoing: dict[str, Outgoing]
    incoming: dict[str, Incoming]
    routes: dict[str, Route]
    era: int
    """ERA that the gateway holds."""
    not_ours: int = 0
    """Of it, what no account of the machine owns: other tests' fixtures deposited it, or it was given away."""
    credit: Counter[str] = field(default_factory=Counter)
    allowance: int = 0
    """Of the payer for the sending contract."""
    undelivered: dict[bytes, Undelivered] = field(default_factory=dict)
    delivered: set[bytes] = field(default_factory=set)
    accepted: list[bytes] = field(default_factory=list)
    """Ledger of the scripted recipient."""
    returned: list[bytes] = field(default_factory=list)
    """Ledger of the sending contract."""
    mood: Mood = Mood.ACCEPT
    on_return: OnReturn = OnReturn.ACCEPT
    restartable: Counter[str] = field(default_factory=Counter)
    """When the guardian may restart the lane to a chain again."""
    published: ValidatorSet | None = None
    """On the hub: the newest set that it may adopt."""

    def reward(self, lane: Outgoing, account: str, amount: int) -> int:
        """Wei that an account got out of a lane's escrow."""
        given = lane.take(amount) * GWEI
        self.credit[account] += given
        return given

    def hear(self, origin: str, origin_id: int, payload: bytes, carrier: str) -> list[Log]:
        """Acts on a message of another gateway, whatever it says."""
        if len(payload) != GATEWAY_PAYLOAD:
            return []
        kind, a, b, c = decode(["uint256", "bytes32", "uint256", "uint256"], payload)
        lane = self.outgoing[origin]
        if kind == Kind.RETURN:
            known, epoch = lane.notices.get(a, NO_NOTICE), self.incoming[origin].epoch
            if known.refunded or (known.carrier and known.epoch == epoch):
                return []
            if known.carrier is None:
                known = known._replace(carrier=carrier)
                self.reward(lane, carrier, c)
            lane.notices[a] = known._replace(expired=b != 0, epoch=epoch)
            return [log("ReturnNoticed", a, origin_id, carrier, data=(b != 0,))]
        if kind == Kind.CLAIM:
            relayer = to_checksum_address(a[12:])
            if b <= lane.paid[relayer]:
                return []
            due = lane.take(b - lane.paid[relayer])
            lane.paid[relayer] += due
            carriage = min(c, due)
            self.credit[carrier] += carriage * GWEI
            self.credit[relayer] += (due - carriage) * GWEI
            return [log("ClaimPaid", origin_id, relayer, carrier, data=(due, carriage))]
        if kind == Kind.RESTART:
            nonce, last = int.from_bytes(a[24:], "big"), b % 2**64
            record, epoch = lane.restarts.get(nonce, NO_RESTART), self.incoming[origin].epoch
            if record.followed and record.epoch == epoch:
                return []
            head = c.to_bytes(32, "big")
            lane.restarts[nonce] = RestartRecord(record.restarted, True, epoch, last, head)
            return [log("RestartNoticed", origin_id, nonce, data=(last, c.to_bytes(32, "big")))]
        return []
