"""The machine of the bond: Staking, the Slasher and the gateway that it reads on one chain, beside what they must be.

Rules take plain numbers and pick from what is there, as those of `machine.py` do. Time is the machine's own: every
transaction is mined in the second that `clock` says, and the next one in the following second or later.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from eth_account.signers.local import LocalAccount
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.kit.court import Court
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, Revert, call, transact, views
from tests.kit.paper import DAY
from tests.kit.staking import (
    ERA,
    LIABILITY,
    MIN_OWN,
    SETTLES,
    SILENCE,
    TERM,
    WEEK,
    RewardsRecord,
    ValidatorRecord,
    matures_at,
    rebonds_at,
    signing_key,
)
from tests.stateful.machine import must, pick
from tests.stateful.stakes import Bonded, Stakes, period_of

SEATS = 5
FUNDS = 6_000_000 * ERA


def account(name: str) -> str:
    return signing_key(f"account of {name}").address


OPERATORS = [account(f"operator {i}") for i in range(7)]
DELEGATORS = [account(f"delegator {i}") for i in range(4)]
STAKERS = [*OPERATORS, *DELEGATORS]
REPORTER, KEEPER, DONOR, STRANGER, RECIPIENT = map(
    account, ["reporter", "keeper", "donor", "stranger", "recipient"]
)
DELEGATEE = account("delegatee")
DELEGATEES = [DELEGATEE, ZERO_ADDRESS, *DELEGATORS[:2], OPERATORS[0]]
EVERYBODY = [*STAKERS, REPORTER, KEEPER, DONOR, STRANGER, RECIPIENT, DELEGATEE]
# Seated and not, equal and not, some so large that their weight is capped, with nearly all commissions.
OWNS = [MIN_OWN, MIN_OWN, MIN_OWN + 1, 2 * MIN_OWN, 5 * MIN_OWN, MIN_OWN, 3 * MIN_OWN]
COMMISSIONS = [0, 333, 1_000, 10_000, 5_000, 0, 1]
PICK = st.integers(0, 255)
ID = st.integers(0, 7)
WHO = st.integers(0, len(DELEGATORS) - 1)

Reasons = Iterable[str]

_BROKEN_BY = {
    **dict.fromkeys(["NotSeated", "AlreadySeated", "NotBetter"], "S3"),
    **dict.fromkeys(["ExitHeld", "NotLiable", "ValidatorAccused", "WrongState"], "S4"),
    **dict.fromkeys(["StakeTooHigh", "OwnTooLow"], "S5"),
    **dict.fromkeys(["AccusedSince"], "S6"),
    **dict.fromkeys(["InvalidValidatorCount"], "S8"),
    **dict.fromkeys(["AlreadyAccused", "CaseNotOpen", "DifferentValidators", "IsPardoned"], "S11"),
    **dict.fromkeys(["NotPardoned", "PardonNotRaised", "SetHasEnded", "UnknownKey"], "S11"),
    **dict.fromkeys(["OwnableUnauthorizedAccount", "SameFact", "UnknownValidatorSet", "KeyTaken"], "S11"),
}
"""The property that is broken when what must be refused with an error is done; S1 if it is none of these."""


@lru_cache
def key_of(name: str) -> LocalAccount:
    return signing_key(name)


@dataclass(frozen=True)
class Arena:
    """The contracts, deployed and unused, where everybody has ERA that Staking may take."""

    court: Court
    spoke: int
    """Chain id at the other end of the hub's lane."""
    begins: int
    """Unix time of the first step: a period and a week begin."""

    @property
    def staking(self) -> Contract:
        return self.court.bond.staking

    @property
    def era(self) -> Contract:
        return self.court.bond.era


class Bonds(RuleBasedStateMachine):
    """Validators, five of them seated, and delegators without stake."""

    arena: ClassVar[Arena]  # set by the test
    paths: ClassVar[Counter[str]] = Counter()
    """How often each path was taken, over all examples of a run."""

    def __init__(self) -> None:
        super().__init__()
        arena = self.arena
        self.court, self.bond, self.chain = arena.court, arena.court.bond, arena.court.chain
        self.staking, self.era, self.slasher = arena.staking, arena.era, arena.court.slasher
        self.snapshot_ = self.chain.snapshot()
        self.clock = self.last = arena.begins
        """When the next transaction is mined, and when the last one was."""
        self.stakes = Stakes(self.clock, SEATS)
        self.keys: dict[int, list[LocalAccount]] = {}
        self.liquid = Counter(dict.fromkeys([*STAKERS, DONOR], FUNDS))
        self.liquid[self.bond.treasury] = 10**9 * ERA - self.liquid.total()
        self.ending = False
        self.donated = 0
        """Lies in Staking and was not funded yet."""
        self.delegatee: dict[str, str] = {}
        """Of liquid ERA."""
        self.choice: dict[str, str] = {}
        """Of staked ERA, while there is some."""
        for who in STAKERS:
            self.delegatee[who] = ZERO_ADDRESS
        for who, to in [
            (DELEGATORS[0], DELEGATEE),
            (DELEGATORS[1], DELEGATORS[1]),
            (OPERATORS[0], DELEGATEE),
        ]:
            self.vote(who, to)
        for i, own in enumerate(OWNS):
            self.begin_validator(i, own, COMMISSIONS[i])
        for id_ in range(1, SEATS + 1):
            self.take_seat(id_)
        try:
            self.begin()
        except BaseException:
            # Nobody tears down what was never there: the next example would find this one's chain.
            self.chain.restore(self.snapshot_)
            raise

    def begin(self) -> None:
        """What there is before the first step besides validators, five of them seated."""

    # Things that happen also before the first step

    def vote(self, who: str, to: str) -> None:
        def effect(receipt: Receipt) -> None:
            self.delegatee[who] = to

        self.perform(self.era, "delegate", to, by=who, effect=effect)

    def begin_validator(
        self, number: int, own: int, commission: int, key: LocalAccount | None = None
    ) -> None:
        operator = pick(OPERATORS, number)
        id_ = len(self.stakes.validators) + 1
        key = key or key_of(f"{id_} 0")
        why = [
            *self.stakes.too_little(own),
            *(["InvalidCommission"] if commission > 10_000 else []),
            *(["KeyTaken"] if key.address in self.stakes.owner_of else []),
            *self.short(operator, own),
        ]

        def effect(receipt: Receipt) -> None:
            self.stakes.register(Bonded(id_, operator, key.address, own, commission, commission))
            self.keys[id_] = [key]
            self.stake_in(operator, own)

        possession = self.bond.possession(operator, key)
        arguments = key.address, commission, own, possession
        self.perform(self.staking, "register", *arguments, by=operator, why=why, effect=effect)

    def take_seat(self, id_: int) -> None:
        v, now, stakes = self.stakes.validators[id_], self.clock, self.stakes
        seated = id_ in stakes.seats
        why = [*stakes.unsound(v), *(["AlreadySeated"] if seated else [])]
        if v.unseated_at and now < v.unseated_at + SILENCE and v.unseated_at - v.alive_at >= SILENCE:
            why.append("TooEarly")
        if not seated and len(stakes.seats) == SEATS and v.stake <= stakes.lowest().stake:
            why.append("NotBetter")
        full = len(stakes.seats) == SEATS

        def effect(receipt: Receipt) -> None:
            stakes.join(v, now)
            self.reach("evicted" if full else "seated")

        self.perform(self.staking, "join", id_, by=v.operator, why=why, breaks="S3", effect=effect)

    # Where things are

    def validator(self, number: int) -> Bonded:
        return pick(list(self.stakes.validators.values()), number)

    def short(self, who: str, amount: int) -> Reasons:
        return ["ERC20InsufficientBalance"] if amount > self.liquid[who] else []

    def stake_in(self, who: str, amount: int) -> None:
        """ERA goes where its owner's votes are to be, which is settled with the first of it."""
        self.choice.setdefault(who, self.delegatee[who])
        self.liquid[who] -= amount

    def stake_out(self, who: str, amount: int) -> None:
        """After the sums: with the last of it, the choice is forgotten."""
        self.liquid[who] += amount
        if self.stakes.held(who) == 0:
            self.choice.pop(who, None)

    def instants(self) -> list[int]:
        """When something becomes possible, or ceases to be."""
        stakes, found = self.stakes, set()
        for id_, periods in stakes.periods().items():
            found |= {when(period) for period in periods for when in (rebonds_at, matures_at)}
            v = stakes.validators[id_]
            if v.unseated_at:
                found |= {v.unseated_at + LIABILITY, v.unseated_at + SILENCE}
            if id_ in stakes.seats:
                found.add(v.alive_at + SILENCE)
            if v.commission != v.next_commission:
                found.add(v.next_commission_at)
        found |= {retired + LIABILITY for retired in stakes.retired.values()}
        found |= {stakes.stream.end, stakes.set_at + TERM, (self.clock // WEEK + 1) * WEEK}
        found.add((period_of(self.clock) + 1) * 3 * DAY)
        found |= {opened + SETTLES for opened in [*self.opened(), *stakes.latest.values()]}
        if stakes.sets:
            found.add(stakes.sets[-1].expires)
        return sorted(instant for instant in found if instant > self.clock)

    def opened(self) -> list[int]:
        """When the open cases were."""
        return []

    # Transactions

    def perform(
        self,
        contract: Contract,
        method: str,
        *arguments: Any,
        by: str,
        effect: Callable[[Receipt], None],
        why: Reasons = (),
        breaks: str | None = None,
    ) -> bool:
        """A transaction that must do exactly this; or a call that one of the reasons against it must refuse.

        breaks: the property that is broken if it is done nevertheless. True if it was done.
        """
        data = contract.encode(method, *arguments)
        reasons = list(why)
        if reasons:
            self.refuse(contract, data, method, by, reasons, breaks)
            return False
        receipt = transact(self.chain, contract.address, data, by, at=self.clock)
        if not receipt.succeeded:
            found = call(self.chain, contract.address, data, sender=by, at=self.clock)
            number = breaks or ("S11" if contract is self.slasher else "S1")
            raise AssertionError(f"{number}: {method} is refused, and must be done: {found!r}")
        effect(receipt)
        self.last = self.clock
        self.clock += 1
        self.reach(method)
        return True

    def refuse(
        self, contract: Contract, data: bytes, method: str, by: str, reasons: list[str], breaks: str | None
    ) -> None:
        found = call(self.chain, contract.address, data, sender=by, at=self.clock)
        number = breaks or _BROKEN_BY.get(reasons[0], "S1")
        assert isinstance(found, Revert), f"{number}: {method} is done, and must be refused: {reasons}"
        name = repr(found).split("(")[0]
        assert name in reasons, f"{number}: {method} is refused by {found!r}, not by one of {reasons}"
        self.reach(f"{method}: {name}")

    def reach(self, path: str) -> None:
        self.paths[path] += 1

    # What must always hold

    @invariant()
    def stakes_are_as_they_must_be(self) -> None:
        """S1, S2, S3, S7, S8, S12, P6 after every step."""
        self._check_stakes()
        self._check_era()

    def _check_stakes(self) -> None:
        stakes, now = self.stakes, self.last
        periods = stakes.periods()
        calls: list[tuple[Any, ...]] = [("seats",), ("seatedStake",), ("rewards",), ("setVersion",)]
        calls += [("setExpires",), ("setAt",), ("termEnded",), ("validatorCount",), ("setWeight",)]
        for id_ in stakes.validators:
            calls += [("validator", id_), ("earnings", id_)]
            calls += [("exits", id_, period) for period in sorted(periods[id_])]
        units = sorted(stakes.units)
        leaving = sorted(key for key, amount in stakes.exits.items() if amount)
        calls += [("position", *one) for one in units]
        calls += [("unbonding", *one) for one in leaving]
        owed = {who: [id_ for other, id_ in units if other == who] for who in DELEGATORS}
        calls += [("claimable", who, ids) for who, ids in owed.items()]
        calls += [("account", who) for who in STAKERS]
        calls += [("surrogateOf", to) for to in DELEGATEES]
        calls += [("accusedIn", week) for week in stakes.weights]
        calls += [("lastAccused", id_) for id_ in stakes.validators]
        answers = iter(self._read(calls, now))

        must("S3", "the seats", list(next(answers)), stakes.seats)
        must("S3", "the seated stake", next(answers), stakes.seated_stake)
        rewards = RewardsRecord(*next(answers))
        newest = stakes.sets[-1] if stakes.sets else None
        must("S8", "the version of sets", next(answers), len(stakes.sets))
        must("S8", "the newest set's expiry", next(answers), newest.expires if newest else 0)
        must("S8", "when the newest set was published", next(answers), stakes.set_at)
        must("S8", "whether the term was ended", next(answers), stakes.term_ended)
        must("S1", "the number of validators", next(answers), len(stakes.validators))
        must("S8", "the newest set's weight", next(answers), stakes.weight if newest else 0)
        must("S2", "what is owed", rewards.accounted, stakes.accounted)
        stakes.stream.advance(now)
        dust = stakes.stream.dust
        promised = 0
        for id_, v in stakes.validators.items():
            self._check_validator(v, ValidatorRecord(*next(answers)), rewards)
            promised += self._owed(f"earnings of {id_}", next(answers), stakes.earned(v), dust)
            for period in sorted(periods[id_]):
                sums = (stakes.leaving(id_, period), v.own_exits[period])
                must("P6, S1", f"what leaves {id_} with {period}", tuple(next(answers)), sums)
        for key in units:
            must("P6, S1", f"the position {key}", next(answers)[0], stakes.units[key])
        for one in leaving:
            must("P6, S1", f"what leaves of {one}", next(answers), stakes.exits[one])
        for who in owed:
            promised += self._owed(f"rewards of {who}", next(answers), stakes.claimable(who), dust)
        assert promised <= stakes.accounted, f"S2: {promised} can be claimed, of {stakes.accounted}"
        still = stakes.stream.left + stakes.stream.waiting
        missing = stakes.accounted - promised - still
        assert abs(missing) <= dust, f"S12: {float(missing)} wei are neither claimable nor to come"
        held = {who: next(answers) for who in STAKERS}
        self.surrogates = {to: next(answers) for to in DELEGATEES}
        for who, (amount, surrogate) in held.items():
            must("P6, S1", f"the stake of {who}", amount, stakes.held(who))
            where = self.surrogates[self.choice[who]] if who in self.choice else ZERO_ADDRESS
            must("S7", f"where the stake of {who} lies", surrogate, where)
        for week, weight in stakes.weights.items():
            record = stakes.accused_in(week), weight, stakes.latest.get(week, 0)
            must("S6", f"who was accused in week {week}", tuple(next(answers)), record)
        for id_, v in stakes.validators.items():
            must("S6", f"who was accused last with {id_}", next(answers), stakes.last_accused(v))

    def _check_validator(self, v: Bonded, found: ValidatorRecord, rewards: RewardsRecord) -> None:
        # A commission is adopted when something was earned. The chain does not notice what is less than it can divide,
        # and what it left over by rounding streams when the exact stream is over.
        if found.commission != v.commission:
            if found.commission == v.before:
                stayed = self.ending or found.mark == v.seen
                assert stayed, f"S12: {v.id} earned something, and its commission is still {v.before}"
                v.commission = v.before
            elif found.commission == v.next_commission and self.stakes.is_commission_due(v):
                self.stakes.touch(v, self.stakes.stream.at)
                v.commission = found.commission
        v.seen = found.mark
        names = "own signer operator commission next_commission state open_cases alive_at unseated_at"
        for name in names.split():
            must("S1", f"{name} of {v.id}", getattr(found, name), getattr(v, name))
        must("S3", f"the stake of {v.id}", found.stake, v.stake)
        must(
            "S3", f"the seat of {v.id}", found.seat, (self.stakes.seats.index(v.id) + 1 if found.seat else 0)
        )
        if v.counted:
            must("S4", f"when {v.id} was frozen", found.frozen_since, v.frozen_since)
            sums = (v.slashable, v.own_slashable)
            must("S4", f"what could be slashed of {v.id}", (found.slashable, found.own_slashable), sums)
        must("S5", f"the loss of {v.id}", (found.loss, found.own_loss), (v.loss, v.own_loss))

    def _owed(self, what: str, found: int, exact: Any, dust: int) -> int:
        assert abs(found - exact) <= dust, f"S12: {what}: {found}, and must be {float(exact)}"
        return found

    def _check_era(self) -> None:
        people = [*EVERYBODY, self.bond.treasury]
        lying = [to for to in DELEGATEES if self.surrogates[to] != ZERO_ADDRESS]
        calls: list[tuple[Any, ...]] = [(self.era, "balanceOf", self.staking.address)]
        calls += [(self.era, "balanceOf", who) for who in people]
        calls += [(self.era, "balanceOf", self.surrogates[to]) for to in lying]
        voting = [to for to in DELEGATEES if to != ZERO_ADDRESS]
        calls += [(self.era, "getVotes", to) for to in voting]
        answers = iter(views(calls))
        must("S2", "the ERA of Staking", next(answers), self.stakes.accounted + self.donated)
        for who in people:
            must("P6", f"the ERA of {who}", next(answers), self.liquid[who])
        staked = {who: self.stakes.held(who) for who in self.choice}
        for to in lying:
            there = sum(staked[who] for who, chosen in self.choice.items() if chosen == to)
            must("S1", f"the ERA in the surrogate of {to}", next(answers), there)
        for to in voting:
            votes = sum(self.liquid[who] for who, chosen in self.delegatee.items() if chosen == to)
            votes += sum(staked[who] for who, chosen in self.choice.items() if chosen == to)
            must("S7", f"the votes of {to}", next(answers), votes)

    def _read(self, calls: list[tuple[Any, ...]], at: int) -> list[Any]:
        """Views of Staking, all in one call."""
        staking = self.staking
        data = staking.encode("multicall", [staking.encode(*one) for one in calls])
        answer = call(self.chain, staking.address, data, at=at)
        assert not isinstance(answer, Revert), answer
        results = staking.decode("multicall", answer)
        return [staking.decode(one[0], result) for one, result in zip(calls, results, strict=True)]

    # The end

    def teardown(self) -> None:
        """However an example ended, the chain is as before; if it went well, everybody gets everything first."""
        try:
            if sys.exc_info()[0] is None:
                self.ending = True
                self.end()
        finally:
            self.chain.restore(self.snapshot_)

    def end(self) -> None:
        """Brings everything to its end."""


def share(available: int, number: int) -> int:
    """Of an amount: nothing now and then, or too much."""
    parts = [available // 3, 1, available, available // 2 + 1, 7, available + 1, 0, max(0, available - 1)]
    return pick(parts, number)
