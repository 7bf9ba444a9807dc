"""What one chain's bridge must do and have: the model that the machine of tokens compares it with.

Times are Unix seconds, amounts the tokens' smallest units, what is used of capacities exact fractions. Nothing here is
read from a chain.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.bridge import DONE, NOBODY, STRUCK
from metalayer.protocol.transfers import (
    CLAIM_GAS,
    DESCRIBE_GAS,
    FORWARD_GAS,
    FORWARD_RETURN_GAS,
    RECEIVE_GAS,
    RETURN_GAS,
    TIP_PARTS,
    ClaimPayload,
    Description,
    Front,
    Kind,
    Options,
    Payload,
    read,
)
from tests.stateful.exchange import FIRST, MOODY, Behaviour, Mood, Place
from tests.stateful.holdings import History

HOUR, DAY = 3_600, 86_400
WAITING, MAX_HOLD, COOL_DOWN, ACCEPTANCE = DAY, 21 * DAY, HOUR, 21 * DAY
NOTE_GAS = 60_000
"""For the return of what carries no value."""
WANTED_GAS = 500_000
"""ScriptedReceiver's."""
DEFAULT_TIME, MIN_TIME, MAX_TIME = 14 * DAY, HOUR, 30 * DAY
MAX_DATA = 4_096
MAX_GAS = 10_000_000
"""Of the routes."""
MOST_PREPAID = 10
"""TokenBridge's: so many times what a hop costs, where ERA has limits."""
WORD, HEAD = 32, 128
NEVER = (0).to_bytes(32, "big")


class Refused(Exception):
    """By the error of this name."""


@dataclass
class Half:
    """One direction of a limit."""

    capacity: int
    window: int
    used: Fraction
    at: int
    lost: Fraction = Fraction(1)
    """Units by which the chain, which rounds, may let less pass: one when it is asked, one for each time that it was
    set anew, and for each use a part of a second of 64 binary digits.
    """

    def used_at(self, time: int) -> Fraction:
        return max(Fraction(0), self.used - Fraction((time - self.at) * self.capacity, self.window))

    def free(self, time: int) -> Fraction:
        return self.capacity - self.used_at(time)

    def change(self, time: int, by: int) -> None:
        self.used, self.at = max(Fraction(0), self.used_at(time) + by), time
        self.lost += Fraction(self.capacity, self.window << 64)


@dataclass
class Limit:
    """Both directions, and what passed unwaited since they were set: (second, amount), what came being negative; and
    what left before and returned.
    """

    out: Half
    into: Half
    passed: list[tuple[int, int]] = field(default_factory=list)
    returned: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Outgoing:
    """A message that the bridge must send."""

    gateway: int
    destination: str
    payload: bytes
    gas_limit: int
    deadline: int
    return_gas_limit: int = field(default=0, compare=False)
    """The fee of the message tells it."""


@dataclass(frozen=True)
class Ending:
    """A payment that ends a transfer here."""

    id: bytes
    payee: str
    came_back: bool


@dataclass
class State:
    """All that changes."""

    balances: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    supply: Counter[str] = field(default_factory=Counter)
    """Of what stands for others' tokens. Of ERA, the gateways hold a part."""
    credit: Counter[tuple[int, str]] = field(default_factory=Counter)
    accounts: Counter[tuple[str, int]] = field(default_factory=Counter)
    described: set[tuple[str, int]] = field(default_factory=set)
    locals: dict[tuple[int, str], str] = field(default_factory=dict)
    homes: dict[str, tuple[int, str]] = field(default_factory=dict)
    metadata: dict[str, Description] = field(default_factory=dict)
    """Of what was created here."""
    limits: dict[tuple[str, int], Limit] = field(default_factory=dict)
    held_until: Counter[int] = field(default_factory=Counter)
    holdable_from: Counter[int] = field(default_factory=Counter)
    waiting: dict[bytes, int] = field(default_factory=dict)
    solvers: dict[bytes, str] = field(default_factory=dict)
    claimants: dict[tuple[bytes, int], str] = field(default_factory=dict)
    passage: Counter[bytes] = field(default_factory=Counter)
    accepted: dict[int, int] = field(default_factory=lambda: {FIRST: 1})
    chosen: Counter[int] = field(default_factory=Counter)
    past: defaultdict[int, History[int]] = field(default_factory=lambda: defaultdict(lambda: History(0)))
    spare: int = 0
    """Wei of ERA that the bridge has beside what is locked: prepaid, paid, unspent, given."""
    covered: Counter[tuple[str, int]] = field(default_factory=Counter)
    name: bytes = b"Moody"
    mood: Mood = Mood.PLAIN
    blocked: set[str] = field(default_factory=set)
    exaggeration: int = 0
    behaviour: Behaviour = Behaviour.ACCEPT
    heard: bytes = NEVER
    count: int = 0


class Books:
    """One bridge. What it refuses raises Refused, and leaves everything as it was."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.s = State()
        self.outgoing: list[Outgoing] = []
        """What the last step sends, in order."""
        self.endings: list[Ending] = []
        """Whom it pays."""
        self.reentry: tuple[str, int, str, int] | None = None
        """What the moody token sends when it is asked to move: token, destination, to, amount."""
        if not place.is_hub:
            self.s.locals[place.hub_id, self.era] = self.era
            self.s.homes[self.era] = (place.hub_id, self.era)

    @property
    def era(self) -> str:
        return self.place.era.address

    @property
    def bridge(self) -> str:
        return self.place.bridge.address

    @property
    def moody(self) -> str:
        return self.place.tokens[MOODY]

    @contextmanager
    def step(self) -> Iterator[None]:
        """Nothing of it if it is refused."""
        before, sent, ended = copy.deepcopy(self.s), len(self.outgoing), len(self.endings)
        try:
            yield
        except Refused:
            self.s = before
            del self.outgoing[sent:], self.endings[ended:]
            raise

    def is_home(self, token: str) -> bool:
        return token not in self.s.homes

    def check(self, right: bool, error: str) -> None:
        if not right:
            raise Refused(error)

    # Tokens

    def move(self, token: str, from_: str, to: str, amount: int) -> None:
        """An ERC-20's transfer."""
        balances, part = self.s.balances[token], 0
        if token == self.moody:
            self.check(self.s.mood != Mood.REFUSES, "Refused")
            self.check(not {from_, to} & self.s.blocked, "Blocked")
            part = amount // 10 if self.s.mood == Mood.TAKES_PART else 0
        self.check(balances[from_] >= amount, "ERC20InsufficientBalance")
        balances[from_] -= amount
        balances[to] += amount - part
        if token == self.moody and to == self.bridge and self.s.mood == Mood.EXAGGERATES:
            self.s.exaggeration += amount

    def burn(self, token: str, who: str, amount: int) -> None:
        self.check(self.s.balances[token][who] >= amount, "ERC20InsufficientBalance")
        self.s.balances[token][who] -= amount
        self.s.supply[token] -= amount

    def mint(self, token: str, who: str, amount: int) -> None:
        self.s.balances[token][who] += amount
        self.s.supply[token] += amount

    def lock(self, token: str, who: str, amount: int, at: int) -> int:
        """What the bridge then has more."""
        before = self.s.balances[token][self.bridge] + self.s.exaggeration * (token == self.moody)
        if token == self.moody and self.s.mood == Mood.CALLS:
            self._reenter(at)
        self.move(token, who, self.bridge, amount)
        after = self.s.balances[token][self.bridge] + self.s.exaggeration * (token == self.moody)
        self.check(after > before, "ZeroAmount")
        return after - before

    def _reenter(self, at: int) -> None:
        if self.reentry is None:
            return
        token, destination, to, amount = self.reentry
        if token == self.moody:
            # It is being locked.
            return
        try:
            with self.step():
                self.send(self.moody, token, destination, to, amount, Options(return_to=to), at)
        except Refused:
            pass

    def lend(self, token: str, chain_id: int, amount: int, at: int) -> None:
        self.s.accounts[token, chain_id] += amount
        self._note(token, chain_id, at)

    def take_back(self, token: str, chain_id: int, amount: int, at: int) -> None:
        self.check(self.s.accounts[token, chain_id] >= amount, "OutstandingExceeded")
        self.s.accounts[token, chain_id] -= amount
        self._note(token, chain_id, at)

    def _note(self, token: str, chain_id: int, at: int) -> None:
        if token == self.era:
            self.s.past[chain_id].note(at, self.s.accounts[token, chain_id])

    def release(self, token: str, to: str, amount: int, gateway: int) -> None:
        if token == self.era:
            short = amount - self.s.balances[token][self.bridge]
            if short > 0:
                self.withdraw(gateway, self.bridge, short)
        self.move(token, self.bridge, to, amount)

    def withdraw(self, gateway: int, to: str, amount: int) -> None:
        """Out of the bridge's credit."""
        if amount == 0:
            return
        self.fund(gateway, amount)
        self.check(self.s.credit[gateway, self.bridge] >= amount, "InsufficientCredit")
        self.s.credit[gateway, self.bridge] -= amount
        self.s.balances[self.era][to] += amount

    def local_for(self, origin: int, token: str) -> str:
        self.check(token != self.era or origin == self.place.hub_id, "NotHomeOfEra")
        self.check((origin, token) in self.s.locals, "TokenUnknown")
        return self.s.locals[origin, token]

    def check_beneficiary(self, account: str, token: str) -> None:
        nobody = (NOBODY, self.place.gateways[FIRST].address, self.bridge, token)
        self.check(account not in nobody, "InvalidBeneficiary")

    # Messages

    def gateway_to(self, chain_id: int) -> int:
        return self.s.chosen[chain_id]

    def cost(self, chain_id: int, gas_limit: int, return_gas_limit: int, length: int) -> int:
        self.check(self.place.name_of(chain_id) is not None, "RouteClosed")
        self.check(gas_limit <= MAX_GAS, "GasLimitTooHigh")
        return self.place.terms.quote(gas_limit, return_gas_limit, length)

    def put(self, one: Outgoing, payer: str, at: int) -> None:
        """Into a lane, paid from somebody's credit."""
        cost = self.cost(
            self.place.ids[one.destination], one.gas_limit, one.return_gas_limit, len(one.payload)
        )
        timely = at + MIN_TIME <= one.deadline <= at + MAX_TIME
        self.check(timely, "DeadlineOutOfRange")
        self.check(self.s.credit[one.gateway, payer] >= cost, "InsufficientCredit")
        self.s.credit[one.gateway, payer] -= cost
        self.outgoing.append(one)

    def make(
        self, chain_id: int, payload: bytes, gas_limit: int, return_gas_limit: int, deadline: int, at: int
    ) -> Outgoing:
        name = self.place.name_of(chain_id)
        self.check(name is not None, "RouteClosed")
        assert name is not None
        gateway = self.gateway_to(chain_id)
        return Outgoing(gateway, name, payload, gas_limit, deadline or at + DEFAULT_TIME, return_gas_limit)

    def collect(self, who: str, amount: int) -> None:
        """ERA, to the bridge."""
        if self.place.is_hub:
            self.move(self.era, who, self.bridge, amount)
        else:
            self.burn(self.era, who, amount)
            self.mint(self.era, self.bridge, amount)

    def fund(self, gateway: int, cost: int) -> None:
        """So that the bridge's credit holds as much."""
        if cost == 0 or self.s.credit[gateway, self.bridge] >= cost:
            return
        amount = min(100 * cost, self.s.balances[self.era][self.bridge])
        self.s.balances[self.era][self.bridge] -= amount
        self.s.credit[gateway, self.bridge] += amount

    def charge(
        self, who: str, one: Outgoing, from_balance: bool, bound: int | None
    ) -> tuple[str, int | None]:
        """Who pays, and what is left of the bound."""
        if not from_balance and bound is None:
            return who, None
        chain_id = self.place.ids[one.destination]
        cost = self.cost(chain_id, one.gas_limit, one.return_gas_limit, len(one.payload))
        self.check(bound is None or cost <= bound, "FeeAboveBound")
        left = None if bound is None else bound - cost
        if not from_balance:
            return who, left
        self.collect(who, cost)
        self.fund(one.gateway, cost)
        return self.bridge, left

    def description(self, token: str) -> bytes:
        what = {self.place.tokens[1]: (18, b"Plain", b"PLN"), self.moody: (18, self.s.name, b"MOOD")}
        decimals, name, symbol = what.get(token, (18, b"Issued", b"ISD"))
        return Description(token, decimals, name, symbol).encoded

    def needs_description(self, token: str, chain_id: int) -> bool:
        return token != self.era and (token, chain_id) not in self.s.described

    # What people do

    def send(
        self, who: str, token: str, destination: int, to: str, amount: int, options: Options, at: int
    ) -> None:
        place, bound = self.place, options.max_fee or None
        self.check(amount != 0, "ZeroAmount")
        self.check(amount < 2**128, "AmountTooLarge")
        self.check(destination not in (0, place.id) and destination < 2**64, "InvalidDestination")
        tidy = options.tip <= TIP_PARTS and len(options.data) <= MAX_DATA
        self.check(tidy and not (options.tip and options.data), "InvalidOptions")
        self.check_beneficiary(to, token)
        from_ = options.return_to or who
        self.check_beneficiary(from_, token)
        home, token_at_home = self.s.homes.get(token, (place.id, token))
        leaves = home == place.id
        if leaves:
            self.check(options.fee == 0, "NothingToPrepay")
        else:
            self.check(home != destination or to != token_at_home, "InvalidBeneficiary")
        hop = destination if leaves else home
        gas_limit = (RECEIVE_GAS if hop == destination else FORWARD_GAS) + options.extra_gas
        self.check(from_ != place.gateways[self.gateway_to(hop)].address, "InvalidBeneficiary")
        if leaves:
            amount = self.lock(token, who, amount, at)
            self.check(amount < 2**128, "AmountTooLarge")
            self.lend(token, hop, amount, at)
            if self.needs_description(token, hop):
                bound = self._describe(who, token, hop, options.from_balance, bound, at)
        else:
            if options.fee:
                self.check(home == place.hub_id and home != destination, "NothingToPrepay")
                prepaid = options.fee * GWEI
                self.check(bound is None or prepaid <= bound, "FeeAboveBound")
                bound = None if bound is None else bound - prepaid
                self.burn(self.era, who, prepaid)
            self.burn(token, who, amount)
        if (token, hop) in self.s.limits:
            self.use([(token, hop, True)], amount, at, "LimitExceeded")
        payload = Payload(
            kind=Kind.OUT if leaves else Kind.BACK,
            token=token_at_home,
            from_=from_,
            to=to,
            chain=place.id if leaves else destination,
            amount=amount,
            fee=options.fee,
            tip=options.tip,
            ramp=options.ramp,
            sent_at=at,
            hop_at=at,
            deadline=options.deadline or at + DEFAULT_TIME,
            extra_gas=options.extra_gas,
            sender=who if options.data else None,
            data=options.data,
        )
        one = self.make(hop, payload.encoded, gas_limit, RETURN_GAS, options.deadline, at)
        payer, _ = self.charge(who, one, options.from_balance, bound)
        self.put(one, payer, at)

    def _describe(
        self, who: str, token: str, chain_id: int, from_balance: bool, bound: int | None, at: int
    ) -> int | None:
        one = self.make(chain_id, self.description(token), DESCRIBE_GAS, NOTE_GAS, 0, at)
        payer, left = self.charge(who, one, from_balance, bound)
        self.s.described.add((token, chain_id))
        self.put(one, payer, at)
        return left

    def describe(self, who: str, token: str, chain_id: int, from_balance: bool, at: int) -> None:
        self.check(token != self.era and self.is_home(token) and token in self.place.tokens, "NotAtHome")
        self._describe(who, token, chain_id, from_balance, None, at)

    def front(self, who: str, terms: Front, solver: str, at: int) -> str:
        """The token in which it is paid."""
        self.check(terms.tip != 0 and at <= terms.deadline, "NotFrontable")
        self.check(terms.tip <= TIP_PARTS, "InvalidOptions")
        local = terms.token
        if terms.home_chain != self.place.id:
            local = self.local_for(terms.home_chain, terms.token)
        self.check_beneficiary(terms.to, local)
        self.check_beneficiary(solver, local)
        self.check(solver != DONE, "InvalidBeneficiary")
        self.check(terms.key not in self.s.solvers, "AlreadyFronted")
        self.s.solvers[terms.key] = solver
        self.move(local, who, terms.to, terms.amount - terms.kept(at))
        return local

    def claim(self, who: str, terms: Front, from_balance: bool, at: int) -> None:
        solver = self.s.solvers.get(terms.key, DONE)
        self.check(solver != DONE, "NothingToClaimFor")
        # Without a price, it is the first thing that the gateway looks at.
        self.check(terms.start != self.place.id or from_balance, "InvalidRecipient")
        one = self.make(terms.start, ClaimPayload(terms.key, solver).encoded, CLAIM_GAS, NOTE_GAS, 0, at)
        payer, _ = self.charge(who, one, from_balance, None)
        self.put(one, payer, at)

    def pay(self, who: str, id_: bytes, amount: int) -> None:
        """In gwei."""
        self.s.passage[id_] += amount
        self.collect(who, amount * GWEI)
        self.s.spare += amount * GWEI

    def cover(self, who: str, token: str, chain_id: int, amount: int, at: int) -> None:
        self.check(self.is_home(token), "NotAtHome")
        self.check(token != self.era or (token, chain_id) in self.s.accounts, "InvalidDestination")
        received = self.lock(token, who, amount, at)
        self.lend(token, chain_id, received, at)
        self.s.covered[token, chain_id] += received

    # What offices do

    def set_limits(self, token: str, chain_id: int, out: int, into: int, window: int, at: int) -> None:
        self.check(0 < window <= 365 * DAY and chain_id not in (0, self.place.id), "InvalidLimits")
        home, _ = self.s.homes.get(token, (chain_id, token))
        self.check(home == chain_id, "InvalidLimits")
        old = self.s.limits.get((token, chain_id))
        used = [half.used_at(at) for half in (old.out, old.into)] if old else [Fraction(0)] * 2
        lost = [half.lost + 1 for half in (old.out, old.into)] if old else [Fraction(1)] * 2
        first, second = (
            Half(capacity, window, min(was, Fraction(capacity)), at, less + Fraction(capacity, window << 64))
            for capacity, was, less in zip((out, into), used, lost, strict=True)
        )
        self.s.limits[token, chain_id] = Limit(first, second)

    def remove_limits(self, token: str, chain_id: int) -> None:
        home, _ = self.s.homes.get(token, (chain_id, token))
        self.check(home == chain_id, "InvalidLimits")
        self.s.limits.pop((token, chain_id), None)

    def use(self, ways: list[tuple[str, int, bool]], amount: int, at: int, error: str) -> None:
        """Of every way (token, chain, whether it leaves), or of none."""
        for token, chain_id, leaves in ways:
            limit = self.s.limits[token, chain_id]
            self.check(amount <= int((limit.out if leaves else limit.into).free(at)), error)
        for token, chain_id, leaves in ways:
            limit = self.s.limits[token, chain_id]
            mine, other = (limit.out, limit.into) if leaves else (limit.into, limit.out)
            mine.change(at, amount)
            other.change(at, -amount)
            limit.passed.append((at, amount if leaves else -amount))

    def hold(self, chain_id: int, duration: int, at: int) -> None:
        until, begun = self.s.held_until[chain_id], at
        if at < until:
            begun = 2 * until - self.s.holdable_from[chain_id]
        else:
            self.check(at >= self.s.holdable_from[chain_id], "HoldCoolingDown")
        self.check(0 < duration <= begun + MAX_HOLD - at, "InvalidHold")
        if at + duration > until:
            self._hold(chain_id, begun, at + duration)

    def unhold(self, chain_id: int, at: int) -> None:
        until = self.s.held_until[chain_id]
        self.check(at < until, "NotHeld")
        self._hold(chain_id, 2 * until - self.s.holdable_from[chain_id], at)

    def _hold(self, chain_id: int, since: int, until: int) -> None:
        self.s.held_until[chain_id] = until
        self.s.holdable_from[chain_id] = until + max(until - since, COOL_DOWN)

    def strike(self, id_: bytes) -> None:
        self.s.waiting[id_] = STRUCK

    def adopt(self, home_chain: int, token: str, local: str, is_issuers: bool) -> None:
        free = (home_chain, token) not in self.s.locals and self.is_home(local)
        other = self.era not in (token, local) and home_chain not in (0, self.place.id)
        self.check(free and other and is_issuers, "NotAdoptable")
        self.s.locals[home_chain, token], self.s.homes[local] = local, (home_chain, token)

    def accept_gateway(self, gateway: int, at: int) -> None:
        self.s.accepted[gateway] = at + ACCEPTANCE

    def refuse_gateway(self, gateway: int) -> None:
        self.s.accepted.pop(gateway, None)

    def choose_gateway(self, chain_id: int, gateway: int, at: int) -> None:
        self.check(self._accepts(gateway, at), "GatewayNotAccepted")
        self.s.chosen[chain_id] = gateway

    def _accepts(self, gateway: int, at: int) -> bool:
        return gateway in self.s.accepted and at >= self.s.accepted[gateway]

    # What arrives

    def receive(
        self, origin: int, gateway: int, id_: bytes, payload: bytes, extra: int | None, at: int
    ) -> bool:
        """Whether it passes; else it has to wait. extra: gas that is there for a recipient; None for plenty."""
        self._check_gateway(origin, gateway, at)
        try:
            what = read(payload)
        except ValueError as error:
            raise Refused("InvalidPayload") from error
        if isinstance(what, ClaimPayload):
            if what.solver != NOBODY:
                self.s.claimants.setdefault((what.key, origin), what.solver)
            return True
        if isinstance(what, Description):
            self._create(origin, what)
            return True
        passes = self._receive(id_, origin, gateway, what, extra, at)
        if passes:
            # What exceeds a limit waits before it is refused for anything else.
            self.check(at >= self.s.held_until[origin], "ChainHeld")
            self.check(self.s.waiting.get(id_) != STRUCK, "MessageStruck")
            if what.token == self.era or (what.kind == Kind.BACK and what.fee):
                self.check(at >= what.hop_at, "ClockBehind")
        return passes

    def _receive(
        self, id_: bytes, origin: int, gateway: int, what: Payload, extra: int | None, at: int
    ) -> bool:
        if what.kind != Kind.BACK:
            return self._receive_from_home(id_, origin, what, extra, at)
        if what.chain != self.place.id:
            return self._forward(id_, origin, what, at)
        token = what.token
        self.check_beneficiary(what.to, token)
        self.check(self.s.accounts[token, origin] >= what.amount, "OutstandingExceeded")
        if not self._passes(id_, [(token, origin, False)], what.amount, at):
            return False
        self.take_back(token, origin, what.amount, at)
        self._arrive(id_, what, origin, self.place.id, at)
        self.release(token, self.endings[-1].payee, what.amount, gateway)
        self._call(id_, origin, what, token, extra)
        return True

    def _check_gateway(self, chain_id: int, gateway: int, at: int) -> None:
        self.check(gateway == self.gateway_to(chain_id) or self._accepts(gateway, at), "GatewayNotAccepted")

    def _create(self, origin: int, what: Description) -> None:
        self.check(what.token != self.era, "NotHomeOfEra")
        if (origin, what.token) in self.s.locals:
            return
        local = self.place.representation(origin, what.token)
        self.s.locals[origin, what.token], self.s.homes[local] = local, (origin, what.token)
        self.s.metadata[local] = what

    def _passes(self, id_: bytes, ways: list[tuple[str, int, bool]], amount: int, at: int) -> bool:
        """What exceeds a limit waits for a day, and then uses nothing."""
        limited = [way for way in ways if (way[0], way[1]) in self.s.limits]
        if not limited:
            return True
        try:
            self.use(limited, amount, at, "")
        except Refused:
            if id_ in self.s.waiting:
                self.check(self.s.waiting[id_] != STRUCK, "MessageStruck")
                return at >= self.s.waiting[id_] + WAITING
            self.s.waiting[id_] = at
            return False
        return True

    def _receive_from_home(self, id_: bytes, origin: int, what: Payload, extra: int | None, at: int) -> bool:
        local = self.local_for(origin, what.token)
        if not self._passes(id_, [(local, origin, False)], what.amount, at):
            return False
        if what.kind == Kind.RETURN:
            assert what.id is not None
            self._come_back(what.id, what, origin, what.chain)
            self.mint(local, self.endings[-1].payee, what.amount)
            return True
        self.check((what.id is None) == (what.chain == origin), "InvalidPayload")
        id_ = what.id or id_
        self.check_beneficiary(what.to, local)
        self._arrive(id_, what, what.chain, origin, at)
        self.mint(local, self.endings[-1].payee, what.amount)
        self._call(id_, what.chain, what, local, extra)
        return True

    def _arrive(self, id_: bytes, what: Payload, start: int, home: int, at: int) -> None:
        """Decides who is paid."""
        payee = what.to
        if what.tip:
            key = what.front(id_, start, home).key
            payee = self.s.solvers.get(key, what.to)
            self.s.solvers[key] = DONE
        self.endings.append(Ending(id_, payee, False))

    def _come_back(self, id_: bytes, what: Payload, home: int, end: int) -> None:
        payee = what.from_
        if what.tip:
            key = what.front(id_, self.place.id, home).key
            payee = self.s.claimants.get((key, end), payee)
        self.endings.append(Ending(id_, payee, True))

    def _call(self, id_: bytes, start: int, what: Payload, local: str, extra: int | None) -> None:
        if what.sender is None:
            return
        s = self.s
        self.check(what.to == self.place.receiver.address, "no contract")
        hungry = s.behaviour == Behaviour.WANT_GAS and extra is not None and extra < WANTED_GAS
        self.check(s.behaviour not in (Behaviour.REFUSE, Behaviour.ANSWER_OTHER) and not hungry, "refused")
        held = s.balances[local][what.to]
        types = ["bytes32", "address", "bytes32", "uint256", *["address"] * 2, *["uint256"] * 2, "bytes"]
        said = [s.heard, self.bridge, id_, start, what.sender, local, what.amount, held, what.data]
        s.heard, s.count = keccak(encode(types, said)), s.count + 1

    def _forward(self, id_: bytes, origin: int, what: Payload, at: int) -> bool:
        token, destination, amount = what.token, what.chain, what.amount
        self.check(destination not in (0, origin), "InvalidDestination")
        self.check(self.s.accounts[token, origin] >= amount, "OutstandingExceeded")
        if not self._passes(id_, [(token, origin, False), (token, destination, True)], amount, at):
            return False
        self.take_back(token, origin, amount, at)
        if what.fee:
            self.check(self.place.is_hub, "NothingToPrepay")
            self.take_back(self.era, origin, what.fee * GWEI, at)
            self.s.spare += what.fee * GWEI
        self.lend(token, destination, amount, at)
        on = replace(what, kind=Kind.OUT, id=id_, chain=origin)
        gas_limit, brought = RECEIVE_GAS + what.extra_gas, what.fee * GWEI
        cost = self._send_on(on, destination, gas_limit, what.deadline, brought, at)
        self.check((self.era, origin) not in self.s.limits or brought <= MOST_PREPAID * cost, "FeeAboveBound")
        return True

    def _send_on(
        self, what: Payload, destination: int, gas_limit: int, deadline: int, brought: int, at: int
    ) -> int:
        """The next hop, or one back, paid with what came along and what was paid for it here: what it costs."""
        assert what.id is not None
        token, gateway = what.token, self.gateway_to(destination)
        length = len(replace(what, fee=0, hop_at=0).encoded)
        cost = self.cost(destination, gas_limit, FORWARD_RETURN_GAS, length)
        about = self.description(token) if self.needs_description(token, destination) else b""
        if about:
            self.check(token in self.place.tokens, "no token")
            cost += self.cost(destination, DESCRIBE_GAS, NOTE_GAS, len(about))
        paid = brought
        if paid < cost:
            paid += self.s.passage.pop(what.id, 0) * GWEI
        self.check(cost <= paid, "PassageUnpaid")
        self.fund(gateway, cost)
        if about:
            self.s.described.add((token, destination))
            self.put(self.make(destination, about, DESCRIBE_GAS, NOTE_GAS, 0, at), self.bridge, at)
        on = replace(what, fee=min((paid - cost) // GWEI, 2**64 - 1), hop_at=at)
        one = self.make(destination, on.encoded, gas_limit, FORWARD_RETURN_GAS, deadline, at)
        self.put(one, self.bridge, at)
        self.s.spare -= cost
        return cost

    # What comes back

    def take_home(
        self, destination: int, gateway: int, id_: bytes, payload: bytes, unspent: int, at: int
    ) -> None:
        """What was sent from here and did not arrive. The bridge's credit holds what is unspent already."""
        self._check_gateway(destination, gateway, at)
        what = read(payload)
        if isinstance(what, ClaimPayload):
            return
        if isinstance(what, Description):
            self.s.described.discard((what.token, destination))
            return
        what = replace(what, id=what.id or id_)
        assert what.id is not None
        if what.kind == Kind.BACK:
            local = self.local_for(destination, what.token)
            self._give_back(local, destination, what.amount, at)
            self._come_back(what.id, what, destination, what.chain)
            self._give_unspent(gateway, what, unspent)
            self.mint(self.era, what.from_, what.fee * GWEI)
            self.mint(local, self.endings[-1].payee, what.amount)
            return
        self.take_back(what.token, destination, what.amount, at)
        if what.kind == Kind.OUT:
            self._give_back(what.token, destination, what.amount, at)
        if what.kind == Kind.RETURN:
            self._send_back(what, what.chain, destination, unspent, at)
        elif what.chain == self.place.id:
            self._come_back(what.id, what, self.place.id, destination)
            self._give_unspent(gateway, what, unspent)
            self.release(what.token, self.endings[-1].payee, what.amount, gateway)
        else:
            self._send_back(what, destination, what.chain, unspent, at)

    def _give_back(self, token: str, chain_id: int, amount: int, at: int) -> None:
        """What left and returned was never there."""
        if limit := self.s.limits.get((token, chain_id)):
            limit.out.change(at, -amount)
            limit.returned.append((at, amount))

    def _give_unspent(self, gateway: int, what: Payload, unspent: int) -> None:
        self.withdraw(gateway, what.from_, unspent)
        self.s.spare -= unspent

    def _send_back(self, what: Payload, end: int, start: int, unspent: int, at: int) -> None:
        self.lend(what.token, start, what.amount, at)
        back = replace(what, kind=Kind.RETURN, chain=end, sender=None, data=b"")
        self._send_on(back, start, RECEIVE_GAS, 0, what.fee * GWEI + unspent, at)

    # What it says beforehand

    def quote_send(self, token: str, destination: int, data: int, extra_gas: int) -> tuple[int, int]:
        """Of the first hop; and the chain that sends it on, zero if there is none."""
        home = self.s.homes.get(token, (0, token))[0]
        hop = home or destination
        gas_limit = (RECEIVE_GAS if hop == destination else FORWARD_GAS) + extra_gas
        fee = self.cost(hop, gas_limit, RETURN_GAS, HEAD + (data and WORD + data))
        if not home:
            fee += self._quote_description(token, hop)
        return fee, home if hop != destination else 0

    def quote_forward(self, token: str, destination: int, data: int, extra_gas: int) -> int:
        gas_limit, length = RECEIVE_GAS + extra_gas, HEAD + WORD + (data and WORD + data)
        fee = self.cost(destination, gas_limit, FORWARD_RETURN_GAS, length)
        return fee + self._quote_description(token, destination)

    def _quote_description(self, token: str, chain_id: int) -> int:
        if not self.needs_description(token, chain_id):
            return 0
        return self.cost(chain_id, DESCRIBE_GAS, NOTE_GAS, len(self.description(token)))
