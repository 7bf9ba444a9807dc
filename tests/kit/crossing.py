"""ERA that crosses between chains whose clocks differ, around a snapshot: whether one piece of it votes twice."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import Options
from metalayer.protocol.votes import Tally
from tests.kit.evm import deploy, now
from tests.kit.governing import MILLION
from tests.kit.hops import deposit
from tests.kit.roles import PAUPER, TREASURY
from tests.kit.stack import CHAINS
from tests.kit.voting import SPOKE_VOTES, Poll

MOVER = PAUPER.address
AMOUNT = 5 * MILLION
_FEES = 10**18
FOR = 1
HUB = CHAINS[0]


@dataclass(frozen=True)
class Crossing:
    """An account with ERA on one chain, which delegates to itself on all, and a proposal whose snapshot is to come."""

    poll: Poll

    @classmethod
    def begin(cls, poll: Poll, start: str) -> Crossing:
        for name, stack in poll.stacks.items():
            poll.delegate(name, MOVER)
            if name == "hub":
                stack.era.send("transfer", MOVER, _FEES, sender=TREASURY.address)
                stack.era.send("approve", stack.bridge.address, 2**256 - 1, sender=MOVER)
            else:
                poll.bring(name, MOVER, _FEES, TREASURY.address)
            deposit(stack, MOVER, _FEES)
        if start == "hub":
            poll.stacks["hub"].era.send("transfer", MOVER, AMOUNT, sender=TREASURY.address)
        else:
            poll.bring(start, MOVER, AMOUNT, TREASURY.address)
        return cls(poll.draft("Vote about what crosses"))

    @property
    def snapshot(self) -> int:
        return self.poll.snapshot

    def send(self, origin: str, destination: str, second: int, amount: int = AMOUNT) -> Message:
        """`second`: of the origin's clock, from the snapshot on. The message of the first hop. What its second hop
        costs comes out of the amount.
        """
        era, chain_id = self.poll.stacks[origin].era.address, self.poll.id_of(destination)
        fee = 0
        if HUB not in (origin, destination):
            fee = self.poll.stacks[HUB].bridge.view("quoteForward", era, chain_id, 0, 0) // GWEI
        return self.send_token(origin, era, destination, second, amount - fee * GWEI, fee)

    def send_token(
        self,
        origin: str,
        token: str,
        destination: str,
        second: int,
        amount: int,
        fee: int,
        deadline: int = 0,
    ) -> Message:
        """Any token, with a fee (gwei of ERA) for the second hop."""
        options = Options(fee=fee, deadline=deadline).fields
        arguments = (token, self.poll.id_of(destination), MOVER, amount, options)
        bridge, at = self.poll.stacks[origin].bridge, self.snapshot + second
        (message,) = self.poll.courier.note(origin, bridge.send("send", *arguments, sender=MOVER, at=at))
        return message

    def arrive(self, message: Message, second: int) -> bool:
        """Delivers a hop, or retries it, in a second of its destination's clock: whether it was credited."""
        courier, at = self.poll.courier, self.snapshot + second
        origin, destination = (courier.names[id_] for id_ in (message.origin, message.destination))
        gateway = self.poll.stacks[destination].gateway
        if gateway.view("inboxLane", message.origin)[0] < message.nonce:
            courier.carry(origin, destination, at=at)
        else:
            arguments = (message.origin, message.nonce, message.fields)
            receipt = gateway.attempt("retry", *arguments, sender=courier.relayer, at=at)
            if receipt.succeeded:
                courier.executed(destination, receipt)
        return message.id not in courier.open

    def place_token(self, name: str) -> str:
        """Address on a spoke of what stands for another token of the hub, of which the mover has all."""
        hub, amount = self.poll.stacks[HUB], 10**18
        token = deploy(hub.chain, "PlainToken", MOVER, amount, sender=MOVER)
        token.send("approve", hub.bridge.address, amount, sender=MOVER)
        arguments = (token.address, self.poll.id_of(name), MOVER, amount)
        self.poll.courier.note(HUB, hub.bridge.send("send", *arguments, sender=MOVER))
        self.poll.courier.carry(HUB, name)
        return str(self.poll.stacks[name].bridge.view("localOf", self.poll.courier.hub_id, token.address))

    def weights(self) -> dict[str, int]:
        """Votes of the mover by chain, at the snapshot."""
        for name, stack in self.poll.stacks.items():
            self.poll.reach(max(self.snapshot, now(stack.chain)) + 1, name)
        return {
            name: stack.era.view("getPastVotes", MOVER, self.snapshot)
            for name, stack in self.poll.stacks.items()
        }

    def check(self) -> None:
        """P7a: no ERA has votes on two chains. P7b: no chain has more votes than the hub knows it had ERA."""
        found = self.weights()
        assert sum(found.values()) <= AMOUNT, f"P7a: {found}"
        for name, voters in SPOKE_VOTES.items():
            votes = found[name] + sum(voters.values())
            assert votes <= self.poll.held(name), f"P7b: {votes} on {name}"

    def count(self) -> Tally:
        """The mover votes for it wherever it can, and all tallies are cast: what the governor counts."""
        poll = self.poll
        for name, weight in self.weights().items():
            if not weight:
                continue
            if name == "hub":
                poll.governor.send("castVote", poll.id, FOR, sender=MOVER)
            else:
                poll.cast(name, MOVER, FOR)
                poll.bring_tally(name)
                poll.count(name)
        return poll.result


# One crossing for each fault that a bridge may have. Each ends in a check.


def spoke_ahead(poll: Poll) -> Crossing:
    """The spoke is two minutes ahead: what is burned there after the snapshot is released before it on the hub."""
    return _once(poll, "arcade", "hub")


def spoke_behind(poll: Poll) -> Crossing:
    """The other way round: locked after, minted before."""
    return _once(poll, "hub", "arcade")


def _once(poll: Poll, origin: str, destination: str) -> Crossing:
    crossing = Crossing.begin(poll, origin)
    message = crossing.send(origin, destination, 72)
    early = crossing.arrive(message, -36)
    crossing.check()
    assert not early
    return crossing


def to_the_second(poll: Poll) -> Crossing:
    """A hop arrives in the second in which it was sent, and not in the one before."""
    crossing = Crossing.begin(poll, "arcade")
    message = crossing.send("arcade", "hub", 1)
    early = crossing.arrive(message, 0)
    crossing.check()
    assert not early
    assert crossing.arrive(message, 2), "P4: it arrives"
    there = crossing.send("hub", "arcade", 10)
    assert crossing.arrive(there, 10), "P7d: it arrives in its own second"
    return crossing


def two_hops(poll: Poll) -> Crossing:
    """The hub alone is ahead: each hop carries the second of its own origin."""
    crossing = Crossing.begin(poll, "arcade")
    first = crossing.send("arcade", "perps", -60)
    # Locked on the hub until after the snapshot, by its clock: outstanding on arcade, and not on perps.
    assert crossing.arrive(first, 72)
    (second,) = crossing.poll.courier.open.values()
    early = crossing.arrive(second, -36)
    crossing.check()
    assert not early
    assert crossing.arrive(second, 72), "P4: it arrives"
    return crossing


def pay_with_votes(poll: Poll) -> Crossing:
    """The spoke is ahead, and pays for another token's second hop with ERA that voted there: on the hub it must not
    have less before.
    """
    crossing = Crossing.begin(poll, "arcade")
    token = crossing.place_token("arcade")
    message = crossing.send_token("arcade", token, "perps", 72, 1, AMOUNT // GWEI)
    early = crossing.arrive(message, -36)
    crossing.check()
    assert not early
    assert crossing.arrive(message, 72), "P4: it is forwarded"
    return crossing


def come_back_over_the_hub(poll: Poll) -> Crossing:
    """The second hop comes too late. The hub, which is ahead, takes it back and sends it to where it began."""
    crossing = Crossing.begin(poll, "arcade")
    era, deadline = poll.stacks["arcade"].era.address, crossing.snapshot - 400
    first = crossing.send_token(
        "arcade", era, "perps", -4_000, AMOUNT - _FEES, _FEES // GWEI, deadline=deadline
    )
    assert crossing.arrive(first, -4_000)
    (second,) = poll.courier.open.values()
    assert not crossing.arrive(second, -399)
    poll.courier.say_returned(second)
    poll.reach(crossing.snapshot + 71, HUB)
    poll.courier.refund(second)
    (back,) = poll.courier.open.values()
    early = crossing.arrive(back, -36)
    crossing.check()
    assert not early
    assert crossing.arrive(back, 200), "P4: it arrives"
    return crossing


def in_the_second_of_the_hour(poll: Poll) -> Crossing:
    """What is locked and minted in the second of the snapshot votes there, and is within what was outstanding."""
    crossing = Crossing.begin(poll, "hub")
    message = crossing.send("hub", "arcade", 0)
    assert crossing.arrive(message, 0), "P4: it arrives in its own second"
    crossing.check()
    return crossing


def wander(poll: Poll, seed: int) -> Crossing:
    """Any transfers between three chains with any clocks, in pieces, delivered and retried whenever."""
    random = Random(seed)
    crossing = Crossing.begin(poll, "arcade")
    clocks = {name: random.randint(-500, -50) for name in poll.stacks}
    piece, tried = AMOUNT // 5, dict[bytes, Message]()
    while min(clocks.values()) < 200:
        name = random.choice([name for name, second in clocks.items() if second < 200])
        clocks[name] += random.randint(1, 90)
        waiting = [
            message
            for message in crossing.poll.courier.open.values()
            if poll.courier.names[message.destination] == name
        ]
        era = poll.stacks[name].era
        if waiting and random.random() < 0.6:
            message = random.choice(waiting)
            crossing.arrive(message, clocks[name])
            tried[message.id] = message
        elif era.view("balanceOf", MOVER) >= piece:
            to = random.choice([other for other in clocks if other != name])
            crossing.send(name, to, clocks[name], piece)
    assert tried
    crossing.check()
    return crossing
