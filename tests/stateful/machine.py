"""What all handlers of the gateway's machine share: clocks, transactions, what must hold after every step, the end.

Rules take plain numbers and pick from what is there: a counter-example can be called step by step in a plain test.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.attestation import Attestation, ValidatorSet
from metalayer.protocol.facts import Fact, LaneFact, SetFact, Tree
from metalayer.protocol.gateway import Status
from metalayer.protocol.message import Fee, Message, extend, genesis_head
from tests.kit.chains import revert
from tests.kit.gateways import (
    ACCEPTED_IDS,
    ATTACKER,
    BALANCE_OF,
    GUARDIAN,
    HUB,
    LANES,
    PAYER,
    PUBLISH,
    RELAYER,
    RETURNED_IDS,
    RIVAL,
    SENDER,
    Gateways,
)
from tests.kit.stack import CHAINS
from tests.stateful.ghost import Incoming, Log, Mood, Outgoing, Side, Undelivered, log, logs_of

HOUR, DAY = 3_600, 86_400
SET_LIFETIME, SET_STEP, GRACE = 30 * DAY, 2**16, 7 * DAY
"""Of sets: longest time until one that is installed expires, most by which the version rises, time for a rotation."""
_AGE, _SPARE = 29 * DAY, DAY
PAUSABLE_FROM = Function("pausableFrom(uint256)", "uint64", int)
PICK = st.integers(0, 255)
"""Which of the things that are there: modulo their number."""
LANE = st.sampled_from(LANES)
CHAIN = st.sampled_from(CHAINS)
RELAYERS = (RELAYER, RIVAL)

_BROKEN_BY = {
    **dict.fromkeys(["InsufficientAllowance", "InsufficientCredit", "NothingToClaim"], "P5"),
    **dict.fromkeys(
        ["HeadNotProven", "InvalidRestart", "LaneGap", "RestartNotAhead", "RestartNoticeNotLost"], "P2"
    ),
    **dict.fromkeys(["AlreadyRefunded", "NotAbandoned", "NotInLane", "NotReplaced", "NotReturned"], "P1"),
    **dict.fromkeys(["MessageExpired", "MessageNotExpired", "MessageNotFailed"], "P1"),
    **dict.fromkeys(["MessageNotReturnable", "MessageReturning", "RetryFailed", "WalkTooLong"], "P1"),
    **dict.fromkeys(["NoCallback", "NoticeOutdated", "NotInboxHead", "NotUnexecuted"], "P1"),
    **dict.fromkeys(["RestartNotFollowed", "RouteNotClosed"], "P1"),
    "FeeTooHigh": "P5",
}
"""The property that is broken when what must be refused with an error is done; P3 if it is none of these."""

Lane = tuple[str, str]
Item = TypeVar("Item")


def must(number: str, what: str, found: object, expected: object) -> None:
    """AssertionError with the number of the property, unless both are equal."""
    assert found == expected, f"{number}: {what} is {found!r:.150}, and must be {expected!r:.150}"


def _arrow(lane: Lane) -> str:
    return f"{lane[0]} → {lane[1]}"


def pick(options: Sequence[Item], number: int) -> Item:
    return options[number % len(options)]


@dataclass(frozen=True)
class Part:
    """A batch to be: elements `first` to `last` in full, ids up to the signed nonce."""

    lane: Lane
    first: int
    last: int
    signed: int


class Machine(RuleBasedStateMachine):
    """Three chains and a ghost of each."""

    gateways: ClassVar[Gateways]  # set by the test
    paths: ClassVar[Counter[str]] = Counter()
    """How often each path was taken, over all examples of a run."""

    def __init__(self) -> None:
        super().__init__()
        g = self.gateways
        self.snapshots = {name: g.rpc(name, "evm_snapshot") for name in CHAINS}
        for name in CHAINS:
            # Wall-clock time would let an example end differently when Hypothesis runs it again.
            g.rpc(name, "anvil_setBlockTimestampInterval", 1)
        # In the order of their versions. Which of them a chain has is up to who rotates there.
        self.sets = list(g.sets)
        self.sides = {name: self._side(name) for name in CHAINS}
        self.touched: set[str] = set(CHAINS)
        # Lanes whose destination told lies about them, or told what is no longer true there: nothing is owed on them.
        self.lied: set[Lane] = set()
        # Lanes of whose messages some are paid for in a history that is gone.
        self.unfunded: set[Lane] = set()
        # Lanes that may have left the Outbox's, until they are restarted; and the highest nonces they ever had.
        self.broken: set[Lane] = set()
        self.highest: Counter[Lane] = Counter()

    def _side(self, name: str) -> Side:
        g = self.gateways
        others = [other for other in CHAINS if other != name]
        here = g.id_of(name)
        side = Side(
            name,
            g.connections[name].block().time,
            g.sets[0],
            g.guardian,
            {other: Outgoing(here, g.id_of(other), g.network_id) for other in others},
            {other: Incoming(0, genesis_head(g.network_id, g.id_of(other), here)) for other in others},
            {other: g.routes[name, other] for other in others},
            int.from_bytes(g.read(name, [(g.era, BALANCE_OF.encode(g.gateway))])[0], "big"),
        )
        credits = g.read(name, [(g.gateway, gateway.CREDIT.encode(a)) for a in self.accounts(name)])
        side.credit.update(
            {a: int.from_bytes(c, "big") for a, c in zip(self.accounts(name), credits, strict=True)}
        )
        side.not_ours = side.era - side.credit.total()
        allowance = gateway.ALLOWANCE.encode(PAYER, g.places[name].contract)
        side.allowance = int.from_bytes(g.read(name, [(g.gateway, allowance)])[0], "big")
        return side

    # Where things are

    def accounts(self, name: str) -> tuple[str, ...]:
        """Everybody who may ever have credit."""
        g = self.gateways
        return (SENDER, PAYER, g.places[name].contract, RELAYER, RIVAL, ATTACKER, g.gateway)

    def out(self, lane: Lane) -> Outgoing:
        return self.sides[lane[0]].outgoing[lane[1]]

    def inc(self, lane: Lane) -> Incoming:
        return self.sides[lane[1]].incoming[lane[0]]

    def lane_of(self, message: Message) -> Lane:
        return self.gateways.name_of(message.origin), self.gateways.name_of(message.destination)

    def healthy(self, lane: Lane) -> bool:
        """True if the Inbox's head is one that the Outbox had at that place."""
        inbox = self.inc(lane)
        outbox = self.out(lane)
        return inbox.nonce <= outbox.nonce and outbox.heads.get(inbox.nonce) == inbox.head

    def pending(self, lane: Lane) -> int:
        """Number of messages that can be delivered now."""
        return (
            self.out(lane).run_from(self.inc(lane).nonce) - self.inc(lane).nonce if self.healthy(lane) else 0
        )

    def is_open(self, lane: Lane) -> bool:
        """True if everything that waits in it can be delivered in the next block."""
        return self.sides[lane[1]].routes[lane[0]].inbound and not self.paused(lane)

    def paused(self, lane: Lane) -> bool:
        return self.next(lane[1]) < self.inc(lane).paused_until

    def barrier(self, lane: Lane, messages: Iterable[Message]) -> str | None:
        """The error with which a lane that is closed or paused refuses these. What has expired and what gateways tell
        each other does not stop at it.
        """
        if self.is_open(lane) or all(self.harmless(lane, message) for message in messages):
            return None
        return "RoutePaused" if self.sides[lane[1]].routes[lane[0]].inbound else "RouteClosed"

    def harmless(self, lane: Lane, message: Message) -> bool:
        return self.of_gateways(message) or self.next(lane[1]) > message.deliver_before

    def guard(self, name: str) -> tuple[str, str | None]:
        """Who acts as the gateway's guardian, and through which contract."""
        guardian = self.sides[name].guardian
        return (GUARDIAN, guardian) if guardian == self.gateways.guardian else (guardian, None)

    def of_gateways(self, message: Message) -> bool:
        return message.sender == message.recipient == self.gateways.gateway

    def next(self, name: str) -> int:
        """Time of the chain's next block."""
        return self.sides[name].clock + 1

    def undelivered(self, *statuses: Status) -> list[tuple[str, Undelivered]]:
        """(destination, what was not accepted there) of all chains."""
        return [
            (name, one)
            for name in CHAINS
            for one in self.sides[name].undelivered.values()
            if one.status in statuses
        ]

    # Validators

    def attest(
        self, name: str, facts: Iterable[Fact], number: int = 0, signers: Iterable[str] | None = None
    ) -> tuple[Attestation, Tree]:
        """What a quorum of the set installed on a chain signs. `number` says who does not."""
        tree = Tree(facts)
        installed = self.sides[name].validator_set
        chosen = quorum(installed, number) if signers is None else signers
        return self.gateways.attest(tree.root, installed, chosen), tree

    def lane_fact(self, lane: Lane, nonce: int) -> LaneFact:
        """What is true on the origin."""
        outbox = self.out(lane)
        return LaneFact(outbox.origin, outbox.destination, nonce, outbox.heads[nonce])

    def batch(self, part: Part, tree: Tree) -> gateway.Batch:
        """Elements that the Inbox has already are ignored: where the lane has none, the next message stands in."""
        sent = self.out(part.lane).sent
        elements = [sent.get(i, sent[part.signed]) for i in range(part.first, part.signed + 1)]
        count = part.last + 1 - part.first
        fact = self.lane_fact(part.lane, part.signed)
        ids = tuple(message.id for message in elements[count:])
        return gateway.Batch(tuple(elements[:count]), fact.origin, part.first, tuple(tree.proof(fact)), ids)

    def delivery(self, parts: Sequence[Part], number: int = 0) -> bytes:
        facts = [self.lane_fact(part.lane, part.signed) for part in parts]
        attestation, tree = self.attest(parts[0].lane[1], facts, number)
        return gateway.DELIVER.encode(attestation, [self.batch(part, tree) for part in parts])

    def not_proven(self, lane: Lane, batch: gateway.Batch) -> str:
        """The error for a batch that leads the Inbox of a lane to a head that was not signed."""
        origin, destination = (self.gateways.id_of(chain) for chain in lane)
        inbox = self.inc(lane)
        there = [
            replace(message, origin=origin, destination=destination, nonce=nonce).id
            for nonce, message in enumerate(batch.messages, batch.first)
        ]
        ids, head = [*there, *batch.ids], inbox.head
        for id_ in ids[inbox.nonce + 1 - batch.first :]:
            head = extend(head, id_)
        return f"HeadNotProven(origin={origin}, nonce={batch.first + len(ids) - 1}, head=0x{head.hex()})"

    def rotation(self, name: str, following: ValidatorSet, signers: int = 0) -> bytes:
        fact = SetFact(following.version, following.hash)
        attestation, tree = self.attest(name, [fact, SetFact(0, bytes(32))], signers)
        return gateway.ROTATE.encode(attestation, following, tree.proof(fact))

    def install(self, name: str, account: str, following: ValidatorSet, data: bytes) -> None:
        """What a rotation, an adoption, or a recovery does."""

        def effect() -> list[Log]:
            self.sides[name].validator_set = following
            return []

        self.perform(name, account, data, None, effect)

    def publish(self, following: ValidatorSet) -> None:
        """Makes a set the newest that the hub may adopt."""
        data = PUBLISH.encode(following.version, following.hash)
        self.arrange(HUB, RELAYER, self.gateways.places[HUB].sets, data)
        self.sides[HUB].published = following

    def fresh_set(self, name: str) -> ValidatorSet:
        """One that a chain may install now, which nobody has yet."""
        members = pick(self.gateways.sets, len(self.sets)).members
        following = ValidatorSet(self.sets[-1].version + 1, self.sides[name].clock + _AGE, members)
        self.sets.append(following)
        return following

    # Transactions

    def perform(
        self,
        name: str,
        account: str,
        data: bytes,
        error: str | None,
        effect: Callable[[], list[Log]],
        to: str | None = None,
        most: int | None = None,
    ) -> bool:
        """A transaction that must do exactly this, for `most` gas; or a call that must be refused with this error.

        True if it was done.
        """
        if error is not None:
            self.refuse(name, account, data, error, to=to)
            return False
        g = self.gateways
        receipt = g.transact(name, account, to or g.gateway, data)
        if receipt["status"] != "0x1":
            reason = g.refusal(name, account, to or g.gateway, data, self.next(name))
            raise AssertionError(f"P1: {name} refuses what it must do: {reason}")
        spent = int(receipt["gasUsed"], 16)
        assert most is None or spent <= most, (
            f"P24: {name} takes {spent} gas for what must not take over {most}"
        )
        expected = effect()
        self.mined(name)
        must("P1, P5", f"what {name} logs", logs_of(receipt, g.gateway), expected)
        return True

    def attempt(
        self, name: str, account: str, data: bytes, gas: int, effect: Callable[[], list[Log]]
    ) -> bool:
        """A transaction with little gas: it reverts as a whole, or does exactly what it does with plenty (M12)."""
        g = self.gateways
        receipt = g.transact(name, account, g.gateway, data, gas)
        done: bool = receipt["status"] == "0x1"
        expected = effect() if done else []
        self.mined(name)
        must("P1, P5", f"what {name} logs", logs_of(receipt, g.gateway), expected)
        self.reach("enough gas" if done else "too little gas")
        return done

    def refuse(
        self,
        name: str,
        account: str,
        data: bytes,
        error: str | Iterable[str] | None,
        at: int | None = None,
        to: str | None = None,
    ) -> None:
        """A call that must revert, with one of these errors if any are given, as a name or with all arguments (P3)."""
        g = self.gateways
        reason = g.refusal(name, account, to or g.gateway, data, self.next(name) if at is None else at)
        expected = (error,) if isinstance(error, str) else tuple(error or ())
        number = _BROKEN_BY.get(expected[0].split("(")[0], "P3") if expected else "P1"
        asked = " or ".join(expected) or "for any reason"
        assert reason is not None, f"{number}: {name} does what it must refuse: {asked}"
        right = not expected or reason in expected or reason.split("(")[0] in expected
        assert right, f"{number}: {name} refuses with {reason}, not with {asked}"

    def arrange(self, name: str, account: str, to: str, data: bytes) -> None:
        """A transaction that sets the scene: it does not concern the gateway."""
        self.gateways.must(name, account, to, data)
        self.mined(name)

    def mined(self, name: str) -> None:
        self.sides[name].clock += 1
        self.touched.add(name)

    def mine(self, name: str, time: int) -> None:
        """An empty block at that time. Before a set expires, the next one takes over."""
        side = self.sides[name]
        while side.validator_set.expires < time + _SPARE:
            self.skip(name, min(time, side.validator_set.expires - _SPARE))
            following = self.fresh_set(name)
            if name == HUB:
                self.publish(following)
                self.install(name, RELAYER, following, gateway.ADOPT.encode(following))
            else:
                self.install(name, RELAYER, following, self.rotation(name, following))
        self.skip(name, time)

    def skip(self, name: str, time: int) -> None:
        """An empty block at that time, whatever expires; none if the time is not after the last block."""
        if time > self.sides[name].clock:
            self.gateways.rpc(name, "evm_mine", hex(time))
            self.sides[name].clock = time

    def reach(self, path: str) -> None:
        self.paths[path] += 1

    # Delivering, for relayers and for the end

    def settle(self, destination: str, parts: Sequence[Part], relayer: str) -> list[Log]:
        """What a delivery does: each message once, in the order of its lane (P1, P2)."""
        logs: list[Log] = []
        for part in parts:
            inbox, outbox = self.inc(part.lane), self.out(part.lane)
            messages = [outbox.sent[i] for i in range(inbox.nonce + 1, part.last + 1)]
            logs += self.execute(destination, part.lane, messages, relayer)
            if messages:
                must("P2", f"the head of {_arrow(part.lane)}", inbox.head, outbox.heads[part.last])
        return logs

    def execute(self, destination: str, lane: Lane, messages: Iterable[Message], relayer: str) -> list[Log]:
        """First attempts."""
        side, inbox, is_open = self.sides[destination], self.inc(lane), self.is_open(lane)
        logs: list[Log] = []
        earned = 0
        for message in messages:
            fee = Fee.unpack(message.fee)
            place = (message.id, message.origin, message.nonce)
            inbox.take(message)
            if is_open and self.of_gateways(message):
                heard = side.hear(lane[0], message.origin, message.payload, relayer)
                logs += heard
                if heard and heard[0][0] == "ClaimPaid":
                    self.reach("claim paid")
                logs.append(log("MessageDelivered", *place))
                side.delivered.add(message.id)
                continue
            expired = self.next(destination) > message.deliver_before
            if not expired and self.accepts(destination, message, message.gas_limit):
                logs.append(log("MessageDelivered", *place))
                side.delivered.add(message.id)
                side.accepted.append(message.id)
                earned += fee.total
                continue
            status = Status.EXPIRED if expired else Status.FAILED
            self.reach(
                status.name.lower() if is_open else f"{status.name.lower()} in a lane that is not open"
            )
            side.undelivered[message.id] = Undelivered(message, status)
            logs.append(log("MessageFailed", *place, data=(expired,)))
            earned += fee.base if expired else fee.relay
        if earned:
            inbox.of(relayer).total += earned
        return logs

    def accepts(self, destination: str, message: Message, gas: int) -> bool:
        """What the recipient of a message does if it is called with that gas."""
        recipient: str = self.gateways.places[destination].recipient
        if message.recipient != recipient:
            return False
        match self.sides[destination].mood:
            case Mood.ACCEPT | Mood.RETURN_LONG:
                return gas >= 200_000
            case Mood.HUNGRY:
                return gas >= 900_000
            case _:
                return False

    # What must always hold

    @invariant()
    def chains_are_as_they_should_be(self) -> None:
        """P1, P2, P3, P5 after every step, on every chain that may have changed."""
        for name in sorted(self.touched):
            self._check(name)
        self.touched.clear()

    def _check(self, name: str) -> None:
        g, side = self.gateways, self.sides[name]
        others = [other for other in CHAINS if other != name]
        accounts = self.accounts(name)
        requests: list[tuple[str, bytes]] = [
            (g.era, BALANCE_OF.encode(g.gateway)),
            (g.places[name].recipient, ACCEPTED_IDS.encode(0)),
            (g.places[name].contract, RETURNED_IDS.encode(0)),
            (g.gateway, gateway.VALIDATOR_SET_HASH.encode()),
        ]
        requests += [(g.gateway, gateway.CREDIT.encode(account)) for account in accounts]
        for other in others:
            chain_id = g.id_of(other)
            requests += [
                (g.gateway, gateway.OUTBOX_LANE.encode(chain_id)),
                (g.gateway, gateway.INBOX_LANE.encode(chain_id)),
                (g.gateway, gateway.LANE_FEES.encode(chain_id)),
                (g.gateway, gateway.PAUSED_UNTIL.encode(chain_id)),
                (g.gateway, PAUSABLE_FROM.encode(chain_id)),
                (g.gateway, gateway.LANE_EPOCH.encode(chain_id)),
                (g.gateway, gateway.CLOSED_SINCE.encode(chain_id)),
                (g.gateway, gateway.ROUTE.encode(chain_id)),
                *((g.gateway, gateway.PAID.encode(chain_id, relayer)) for relayer in RELAYERS),
                *((g.gateway, gateway.EARNINGS.encode(chain_id, relayer)) for relayer in RELAYERS),
            ]
        answers = iter(g.read(name, requests))
        era = _int(next(answers))
        accepted = list(ACCEPTED_IDS.decode(next(answers)))
        returned = list(RETURNED_IDS.decode(next(answers)))
        must("P3", f"the validator set of {name}", next(answers), side.validator_set.hash)
        # The recipient and the sender saw what they must have seen, once, in this order, and nothing else.
        must("P1", f"what the recipient on {name} accepted", accepted, side.accepted)
        must("P1", f"what came back to the sender on {name}", returned, side.returned)
        assert len(set(accepted)) == len(accepted), f"P1: {name} delivered a message twice"
        assert len(set(returned)) == len(returned), f"P1: {name} returned a message twice"
        for account in accounts:
            must("P5", f"the credit of {account} on {name}", _int(next(answers)), side.credit[account])
        booked = sum(side.credit[account] for account in accounts)
        for other in others:
            outbox, inbox = side.outgoing[other], side.incoming[other]
            there, back = (name, other), (other, name)
            sent = (outbox.nonce, outbox.head, outbox.restarted_at)
            must("P2", f"the outbox of {_arrow(there)}", gateway.OUTBOX_LANE.decode(next(answers)), sent)
            heard = (inbox.nonce, inbox.head)
            must("P2", f"the inbox of {_arrow(back)}", gateway.INBOX_LANE.decode(next(answers)), heard)
            fees = gateway.LANE_FEES.decode(next(answers))
            must("P5", f"escrow and fees of {_arrow(there)}", fees, (outbox.escrow, outbox.protocol_fees))
            booked += sum(fees) * GWEI
            must("P3", f"the pause of {_arrow(back)}", _int(next(answers)), inbox.paused_until)
            must("P3", f"the cool-down of {_arrow(back)}", _int(next(answers)), inbox.pausable_from)
            must("P1", f"the epoch of {_arrow(back)}", _int(next(answers)), inbox.epoch)
            must("P1", f"the closure of {_arrow(there)}", _int(next(answers)), outbox.closed_since)
            must("P3", f"the route {_arrow(there)}", gateway.ROUTE.decode(next(answers)), side.routes[other])
            for relayer in RELAYERS:
                paid = _int(next(answers))
                must("P5", f"what {_arrow(there)} paid {relayer}", paid, outbox.paid[relayer])
                if there not in self.lied:
                    earned = self.inc(there).of(relayer).total
                    assert paid <= earned, f"P5: {_arrow(there)} paid {relayer} {paid}, who earned {earned}"
            for relayer in RELAYERS:
                one = inbox.of(relayer)
                earnings = gateway.EARNINGS.decode(next(answers))
                what = f"earnings and claims of {relayer} on {_arrow(back)}"
                must("P5", what, earnings, (one.total, one.claimed))
            # Except between a reorganisation and the restart.
            if back not in self.broken:
                assert self.healthy(back), f"P2: the inbox of {_arrow(back)} is no prefix of the outbox"
        must("P5", f"the ERA of the gateway on {name}", era, side.era)
        must("P5", f"the sum of what is owed on {name}", booked, era - side.not_ours)

    def teardown(self) -> None:
        """However an example ended, the chains are as before; if it went well, everything ends first."""
        try:
            if sys.exc_info()[0] is None:
                self.end()
        finally:
            for name, snapshot in self.snapshots.items():
                self.gateways.rpc(name, "anvil_removeBlockTimestampInterval")
                revert(self.gateways.connections[name].rpc, snapshot)

    # The end, which some handlers know how to bring about, and others stand in the way of

    def end(self) -> None:
        """Ends everything that is open."""

    def clear_the_way(self) -> None:
        """Before the last deliveries."""


def quorum(validator_set: ValidatorSet, number: int) -> list[str]:
    """A smallest quorum; `number` says with whom the search begins."""
    return _smallest(validator_set, number)


def short_of_quorum(validator_set: ValidatorSet, number: int) -> list[str]:
    """As many signers as can be without a quorum: of some sets exactly two thirds of the weight."""
    return _smallest(validator_set, number)[:-1]


def _smallest(validator_set: ValidatorSet, number: int) -> list[str]:
    members = [signer for signer, _ in validator_set.members]
    start = number % len(members)
    chosen: list[str] = []
    for signer in members[start:] + members[:start]:
        chosen.append(signer)
        if validator_set.quorum(chosen):
            break
    return chosen


def _int(data: bytes) -> int:
    return int.from_bytes(data, "big")
