"""Staking as it must be: stakes to the wei, rewards in exact fractions, cases and what they cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from metalayer.protocol.attestation import ValidatorSet
from tests.kit.staking import (
    ENDED,
    LEVERAGE,
    LIABILITY,
    LIFETIME,
    MIN_OWN,
    NOTICE,
    OPEN,
    PERIOD,
    SILENCE,
    STREAM,
    WEEK,
    matures_at,
)

LEAST_FRACTION = Fraction(1, 20)
CORRELATED_WEEKS = 4


def rounded_up(amount: Fraction) -> int:
    return -(-amount.numerator // amount.denominator)


def part(amount: int, loss: int, whole: int) -> int:
    """What an entry loses, rounded up."""
    return rounded_up(Fraction(amount * loss, whole)) if loss else 0


class Stream:
    """Rewards of all. Exact: it does not matter how often it is brought up to date."""

    def __init__(self, now: int) -> None:
        self.per_wei = Fraction(0)
        """What a seated wei ever earned."""
        self.left = Fraction(0)
        self.waiting = 0
        self.follows = False
        """Whether another stream follows this one, be it of nothing: anybody may take in nothing."""
        self.seated = 0
        self.end = self.at = now
        self.roundings = 0
        """How often the chain may have rounded since."""
        self.most_seated = 0

    def advance(self, now: int) -> None:
        since, self.at = self.at, now
        if self.seated == 0:
            # Nobody earns: the stream stands still.
            self.end += now - since if self.left else 0
            return
        earned = self._flow(since, now)
        if self.follows and now >= self.end:
            begin = max(self.end, since)
            self.left, self.waiting, self.end = self.left + self.waiting, 0, begin + STREAM
            self.follows = False
            earned += self._flow(begin, now)
        self.per_wei += earned / self.seated
        self.roundings += 1
        self.most_seated = max(self.most_seated, self.seated)

    def _flow(self, since: int, now: int) -> Fraction:
        over = min(now, self.end) - since
        earned = self.left * Fraction(over, self.end - since) if since < self.end else self.left
        self.left -= earned
        return earned

    def arrive(self, amount: int, now: int) -> bool | None:
        """Whether what arrives streams at once. None: both rates are equal, but for what the chain rounded."""
        self.advance(now)
        more, left = self.waiting + amount, max(0, self.end - now)
        surplus = (self.left + more) * left - self.left * STREAM
        if left and abs(surplus) <= self.dust * STREAM:
            return None
        return left == 0 or surplus >= 0

    def take_in(self, amount: int, now: int, at_once: bool) -> None:
        if at_once:
            self.left += self.waiting + amount
            self.waiting, self.follows, self.end = 0, False, now + STREAM
        else:
            self.waiting += amount
            self.follows = True

    @property
    def dust(self) -> int:
        """Wei by which the chain may differ. A seated wei earns in parts of 2^-80 wei: each time, what is left over of
        all goes back into the stream.
        """
        return 4 + self.roundings * (4 + 3 * (self.most_seated >> 80))


@dataclass
class Bonded:
    """A validator."""

    id: int
    operator: str
    signer: str
    own: int
    commission: int
    next_commission: int
    state: int = OPEN
    next_commission_at: int = 0
    delegated: int = 0
    alive_at: int = 0
    unseated_at: int = 0
    open_cases: int = 0
    frozen_since: int = 0
    slashable: int = 0
    own_slashable: int = 0
    loss: int = 0
    own_loss: int = 0
    index: Fraction = Fraction(0)
    """What a delegated wei ever earned here."""
    mark: Fraction = Fraction(0)
    earnings: Fraction = Fraction(0)
    own_exits: Counter[int] = field(default_factory=Counter)
    before: int = 0
    """Commission before the last one was adopted."""
    seen: int = 0
    """Up to where the chain had last brought it up to date."""
    taken: int = 0
    """What the slash took so far, in so many entries."""
    entries: int = 0

    @property
    def stake(self) -> int:
        return self.own + self.delegated

    @property
    def accused(self) -> bool:
        return self.open_cases > 0

    @property
    def counted(self) -> bool:
        """Whether others' fractions count it."""
        return self.accused or self.state == ENDED

    def is_liable(self, period: int) -> bool:
        """Whether an exit answers for the slash of an ended validator, or is held by the cases of another."""
        return matures_at(period) > self.frozen_since

    def part_of_exit(self, amount: int, period: int) -> int:
        return part(amount, self.loss, self.slashable) if self.is_liable(period) else 0

    def part_of_own_exit(self, amount: int, period: int) -> int:
        return part(amount, self.own_loss, self.own_slashable) if self.is_liable(period) else 0


class Stakes:
    """Everybody's stake and rewards. Times are those of the transactions that change something."""

    def __init__(self, now: int, seats: int) -> None:
        self.stream = Stream(now)
        self.places = seats
        self.validators: dict[int, Bonded] = {}
        self.seats: list[int] = []
        self.units: Counter[tuple[str, int]] = Counter()
        self.seen: defaultdict[tuple[str, int], Fraction] = defaultdict(Fraction)
        self.exits: Counter[tuple[str, int, int]] = Counter()
        self.withdrawn: Counter[tuple[int, int]] = Counter()
        """By validator and period."""
        self.collected: defaultdict[str, Fraction] = defaultdict(Fraction)
        self.accounted = 0
        """What was funded and not paid."""
        self.retired: dict[str, int] = {}
        self.owner_of: dict[str, int] = {}
        """Validators by key, whoever has it now."""
        self.weights: dict[int, int] = {}
        """By weeks: what the newest set weighed when the first case was opened."""
        self.latest: dict[int, int] = {}
        """By weeks: when a validator was accused last that no other case was open against."""
        self.sets: list[ValidatorSet] = []
        self.set_at = 0
        self.term_ended = False

    # Sums

    @property
    def seated_stake(self) -> int:
        return self.stream.seated

    def held(self, account: str) -> int:
        """All that is an account's, whatever it is bonded to."""
        return (
            sum(n for (who, _), n in self.units.items() if who == account)
            + sum(n for (who, _, _), n in self.exits.items() if who == account)
            + sum(v.own + v.own_exits.total() for v in self.validators.values() if v.operator == account)
        )

    def leaving(self, id_: int, period: int) -> int:
        """What left with a period and did not come back. What is withdrawn stays in the sum: no case counts it."""
        return self.withdrawn[id_, period] + sum(
            n for (_, one, when), n in self.exits.items() if (one, when) == (id_, period)
        )

    def claimable(self, account: str) -> Fraction:
        """At the time to which the stream was brought."""
        return self.collected[account] + sum(
            n * (self.index(self.validators[id_]) - self.seen[who, id_])
            for (who, id_), n in self.units.items()
            if who == account
        )

    def earned(self, v: Bonded) -> Fraction:
        """What an operator can claim, likewise."""
        delta = self.stream.per_wei - v.mark if v.id in self.seats else Fraction(0)
        return v.earnings + v.stake * delta - v.delegated * (self.index(v) - v.index)

    def index(self, v: Bonded) -> Fraction:
        if v.id not in self.seats:
            return v.index
        commission = v.commission
        if self.is_commission_due(v):
            commission = min(commission, v.next_commission)
        return v.index + (self.stream.per_wei - v.mark) * Fraction(10_000 - commission, 10_000)

    def is_commission_due(self, v: Bonded) -> bool:
        return v.commission != v.next_commission and self.stream.at >= v.next_commission_at

    # Who may what

    def unsound(self, v: Bonded) -> list[str]:
        """Why no stake may come to a validator, and no seat."""
        return [*(["WrongState"] if v.state != OPEN else []), *(["ValidatorAccused"] if v.accused else [])]

    def overburdened(self, stake: int, own: int) -> list[str]:
        return ["StakeTooHigh"] if stake > own * LEVERAGE else []

    def too_little(self, own: int) -> list[str]:
        return ["OwnTooLow"] if own < MIN_OWN else []

    def is_free(self, v: Bonded, now: int) -> bool:
        """Nothing that it signed can be held against its stake."""
        if v.id in self.seats or v.accused:
            return False
        return v.unseated_at == 0 or now >= v.unseated_at + LIABILITY

    def held_back(self, v: Bonded, period: int, now: int) -> list[str]:
        """Why an exit cannot be withdrawn."""
        if v.state == ENDED and v.is_liable(period):
            return []
        held = v.accused and v.state != ENDED and v.is_liable(period)
        early = now < matures_at(period)
        return [*(["TooEarly"] if early else []), *(["ExitHeld"] if held else [])]

    def lowest(self) -> Bonded:
        return min((self.validators[id_] for id_ in self.seats), key=lambda v: v.stake)

    def key_fails(self, signer: str, now: int) -> bool:
        """Whether nobody answers for what a key signs."""
        retired = self.retired.get(signer)
        return signer not in self.owner_of or (retired is not None and now >= retired + LIABILITY)

    # What happens

    def register(self, v: Bonded) -> None:
        self.validators[v.id] = v
        self.owner_of[v.signer] = v.id

    def rotate(self, v: Bonded, signer: str, now: int) -> None:
        self.retired[v.signer] = now
        v.signer = signer
        self.owner_of[signer] = v.id

    def touch(self, v: Bonded, now: int) -> None:
        self.stream.advance(now)
        if v.id not in self.seats:
            return
        index, earnings = self.index(v), self.earned(v)
        moved = self.stream.per_wei != v.mark
        v.index, v.earnings, v.mark = index, earnings, self.stream.per_wei
        if moved:
            self.adopt_commission(v)

    def adopt_commission(self, v: Bonded) -> None:
        if self.is_commission_due(v):
            v.before, v.commission = v.commission, v.next_commission

    def set_commission(self, v: Bonded, commission: int, now: int) -> None:
        self.touch(v, now)
        self.adopt_commission(v)
        v.next_commission, v.next_commission_at = commission, now + NOTICE

    def collect(self, account: str, v: Bonded) -> None:
        key = account, v.id
        self.collected[account] += self.units[key] * (v.index - self.seen[key])
        self.seen[key] = v.index

    def change(self, v: Bonded, own: int, delegated: int) -> None:
        """Stake of a validator that is up to date."""
        v.own += own
        v.delegated += delegated
        if v.id in self.seats:
            self.stream.seated += own + delegated

    def bond(self, account: str, v: Bonded, amount: int, now: int) -> None:
        """Negative if stake leaves."""
        self.touch(v, now)
        self.collect(account, v)
        self.units[account, v.id] += amount
        self.change(v, 0, amount)

    def join(self, v: Bonded, now: int) -> None:
        silent = v.unseated_at - v.alive_at if now < v.unseated_at + SILENCE else 0
        if len(self.seats) == self.places:
            self.unseat(self.lowest(), now)
        self.stream.advance(now)
        self.adopt_commission(v)
        v.mark = self.stream.per_wei
        self.seats.append(v.id)
        self.stream.seated += v.stake
        v.alive_at = now - silent

    def unseat(self, v: Bonded, now: int) -> None:
        self.touch(v, now)
        place = self.seats.index(v.id)
        last = self.seats.pop()
        if last != v.id:
            self.seats[place] = last
        self.stream.seated -= v.stake
        v.unseated_at = now

    def publish(self, validator_set: ValidatorSet, now: int) -> None:
        self.sets.append(validator_set)
        self.set_at, self.term_ended = now, False

    def expiry(self, now: int) -> int:
        """Of a set that is published now."""
        return max(now + LIFETIME, self.sets[-1].expires + 1 if self.sets else 0)

    # Cases

    def immune(self, v: Bonded, now: int) -> list[str]:
        """Why no case can be opened."""
        if v.state == ENDED:
            return ["WrongState"]
        return ["NotLiable"] if self.is_free(v, now) else []

    def open_case(self, v: Bonded, now: int, unseats: bool) -> None:
        week = now // WEEK
        self.weights[week] = self.weights.get(week) or self.weight
        if v.open_cases == 0:
            v.frozen_since = self.latest[week] = now
            v.own_slashable = v.own + sum(n for when, n in v.own_exits.items() if matures_at(when) > now)
            v.slashable = v.delegated + sum(
                n for (_, id_, when), n in self.exits.items() if id_ == v.id and matures_at(when) > now
            )
        v.open_cases += 1
        if unseats:
            self.end_term(v, now)

    def end_term(self, v: Bonded, now: int) -> None:
        """Takes a seat, and lets another set follow if the newest may have the validator."""
        if v.id in self.seats:
            self.unseat(v, now)
        if v.unseated_at >= self.set_at:
            self.term_ended = True

    def close_case(self, v: Bonded) -> None:
        if v.state != ENDED:
            v.open_cases -= 1

    @property
    def weight(self) -> int:
        """What a new case is measured by."""
        return sum(weight for _, weight in self.sets[-1].members) if self.sets else self.seated_stake

    def accused_in(self, week: int) -> int:
        """Stake that could be slashed of those who count in a week."""
        return sum(
            v.slashable + v.own_slashable
            for v in self.validators.values()
            if v.counted and v.frozen_since // WEEK == week
        )

    def last_accused(self, v: Bonded) -> int:
        """When the last case was opened that counts with a validator's; 0 if it has none."""
        if not v.counted:
            return 0
        week = v.frozen_since // WEEK
        return max(when for when in self.latest.values() if abs(when // WEEK - week) <= CORRELATED_WEEKS)

    def fraction(self, v: Bonded) -> Fraction:
        """Exactly, of the stake that a slash takes."""
        week = v.frozen_since // WEEK
        accused = sum(map(self.accused_in, range(week - CORRELATED_WEEKS, week + CORRELATED_WEEKS + 1)))
        weight = max(self.weights.get(near, 0) for near in range(week - CORRELATED_WEEKS, week + 1))
        if accused * 3 >= weight:
            return Fraction(1)
        return max(LEAST_FRACTION, 9 * Fraction(accused, weight) ** 2)

    def settle(self, v: Bonded, now: int) -> int:
        """What is taken of the own stake at once."""
        self.end_term(v, now)
        points = rounded_up(self.fraction(v) * 10_000)
        loss = rounded_up(Fraction((v.slashable + v.own_slashable) * points, 10_000))
        v.own_loss = min(loss, v.own_slashable)
        v.loss = loss - v.own_loss
        v.state = ENDED
        taken = part(v.own, v.own_loss, v.own_slashable)
        v.own -= taken
        self.take(v, taken)
        return taken

    def take(self, v: Bonded, amount: int) -> None:
        """A slash takes it from one entry."""
        v.taken += amount
        v.entries += 1

    def periods(self) -> dict[int, set[int]]:
        """With which something leaves, by validators."""
        found: dict[int, set[int]] = {id_: set() for id_ in self.validators}
        for (_, id_, period), amount in self.exits.items():
            if amount:
                found[id_].add(period)
        for id_, v in self.validators.items():
            found[id_] |= {period for period, amount in v.own_exits.items() if amount}
        return found


def period_of(now: int) -> int:
    return now // PERIOD
