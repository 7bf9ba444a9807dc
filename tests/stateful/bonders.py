"""Those who stake, and those who keep the bond going: operators, delegators, donors, keepers, and time."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import Fact, SetFact
from tests.kit.court import DECOYS
from tests.kit.evm import Receipt
from tests.kit.paper import DAY
from tests.kit.staking import (
    ENDED,
    ERA,
    LEFT,
    LIABILITY,
    OPEN,
    SILENCE,
    STREAM,
    TERM,
    matures_at,
    rebonds_at,
    set_of,
)
from tests.stateful.machine import must, pick
from tests.stateful.stakers import (
    DELEGATEES,
    DELEGATORS,
    DONOR,
    ID,
    KEEPER,
    OPERATORS,
    OWNS,
    PICK,
    RECIPIENT,
    REPORTER,
    STAKERS,
    STRANGER,
    WHO,
    Bonds,
    key_of,
    share,
)
from tests.stateful.stakes import Bonded, part, period_of

_MOST_VALIDATORS = 9
SPANS = st.sampled_from([1, 60, 3_600, DAY, 3 * DAY, 8 * DAY])


class Bonders(Bonds):
    """Rules without any fault."""

    def begin(self) -> None:
        """Stake of everybody, in seats and out of them, a stream, and a set."""
        for who, id_, amount in [
            (0, 1, 900),
            (0, 4, 300),
            (1, 4, 1_500),
            (2, 5, 2_500),
            (3, 2, 1),
            (3, 6, 700),
        ]:
            self.put(who, id_, amount * 1_000 * ERA + who)
        self.donate(number=0, taken_in=True)
        self.snapshot()

    # Operators

    @precondition(lambda self: len(self.stakes.validators) < _MOST_VALIDATORS)
    @rule(number=PICK, taken=st.booleans())
    def register(self, number: int, taken: bool) -> None:
        key = pick(self.keys[1 + number % len(self.keys)], number) if taken else None
        commission = pick([0, 500, 10_000, 10_001], number)
        self.begin_validator(number, pick([*OWNS, OWNS[0] - 1], number), commission, key)

    @rule(id_=ID, number=PICK)
    def add_own(self, id_: int, number: int) -> None:
        v, now = self.validator(id_), self.clock
        amount = pick([1, 3, 50_000 * ERA, share(self.liquid[v.operator], number)], number)
        why = [*self.stakes.unsound(v), *self._none(amount), *self.short(v.operator, amount)]

        def effect(receipt: Receipt) -> None:
            self.stakes.touch(v, now)
            self.stakes.change(v, amount, 0)
            self.stake_in(v.operator, amount)

        self.perform(self.staking, "addOwn", v.id, amount, by=v.operator, why=why, effect=effect)

    @rule(id_=ID, number=PICK)
    def remove_own(self, id_: int, number: int) -> None:
        v = self.validator(id_)
        spare = max(0, min(v.own - OWNS[0], v.own - -(-v.delegated // 19)))
        self._remove_own(v, pick([share(v.own, number // 8), spare, spare + 1, spare // 2], number))

    def _remove_own(self, v: Bonded, amount: int) -> None:
        now, stakes = self.clock, self.stakes
        why = [*self._ended(v), *self._none(amount), *(["NotEnough"] if amount > v.own else [])]
        if v.state == OPEN:
            left = v.own - amount
            why += [*stakes.too_little(left), *stakes.overburdened(v.stake - amount, left)]

        def effect(receipt: Receipt) -> None:
            stakes.touch(v, now)
            stakes.change(v, -amount, 0)
            v.own_exits[period_of(now)] += amount

        self.perform(self.staking, "removeOwn", v.id, amount, by=v.operator, why=why, effect=effect)

    @rule(id_=ID, commission=st.sampled_from([0, 1, 500, 3_333, 10_000, 10_001]))
    def set_commission(self, id_: int, commission: int) -> None:
        v, now = self.validator(id_), self.clock
        why = ["InvalidCommission"] if commission > 10_000 else []
        self.perform(
            self.staking,
            "setCommission",
            v.id,
            commission,
            by=v.operator,
            why=why,
            effect=lambda receipt: self.stakes.set_commission(v, commission, now),
        )

    @rule(id_=ID, other=ID, taken=st.sampled_from([False, False, True]))
    def rotate_key(self, id_: int, other: int, taken: bool) -> None:
        v, now = self.validator(id_), self.clock
        key = key_of(f"{v.id} {len(self.keys[v.id])}")
        if taken:
            key = pick(self.keys[self.validator(other).id], id_)
        why = [*self._ended(v), *(["KeyTaken"] if taken else [])]

        def effect(receipt: Receipt) -> None:
            self.stakes.rotate(v, key.address, now)
            self.keys[v.id].append(key)

        possession = self.bond.possession(v.operator, key)
        arguments = v.id, key.address, possession
        self.perform(self.staking, "rotateKey", *arguments, by=v.operator, why=why, effect=effect)

    @rule(id_=ID)
    def join(self, id_: int) -> None:
        self.take_seat(self.validator(id_).id)

    @rule(id_=ID, number=PICK)
    def leave(self, id_: int, number: int) -> None:
        """Seldom: who leaves does not come back."""
        if number % 3 == 0:
            self._leave(self.validator(id_))

    def _leave(self, v: Bonded) -> None:
        now = self.clock

        def effect(receipt: Receipt) -> None:
            if v.id in self.stakes.seats:
                self.stakes.unseat(v, now)
            v.state = LEFT

        why = ["WrongState"] if v.state != OPEN else []
        self.perform(self.staking, "leave", v.id, by=v.operator, why=why, effect=effect)

    @rule(id_=ID)
    def vacate(self, id_: int) -> None:
        v, now = self.validator(id_), self.clock
        why = [] if v.id in self.stakes.seats else ["NotSeated"]
        if not why and now < v.alive_at + SILENCE:
            why = ["TooEarly"]

        def effect(receipt: Receipt) -> None:
            self.stakes.unseat(v, now)

        self.perform(self.staking, "vacate", v.id, by=STRANGER, why=why, breaks="S3", effect=effect)

    # Delegators

    @rule(who=WHO, id_=ID, number=PICK)
    def delegate(self, who: int, id_: int, number: int) -> None:
        v = self.validator(id_)
        room = max(0, 20 * v.own - v.stake)
        amounts = [room // 5, room // 40, room + 1, room, 1, 7, 1_000 * ERA, 0]
        self.put(who, v.id, pick(amounts, number))

    def put(self, who: int, id_: int, amount: int) -> None:
        """Delegates that much."""
        account, v, now = DELEGATORS[who], self.stakes.validators[id_], self.clock
        why = [*self._bonding(v, amount), *self.short(account, amount)]

        def effect(receipt: Receipt) -> None:
            self.stakes.bond(account, v, amount, now)
            self.stake_in(account, amount)

        self.perform(self.staking, "delegate", v.id, amount, by=account, why=why, effect=effect)

    @rule(number=PICK, portion=PICK, nobodys=st.sampled_from([False] * 7 + [True]))
    def undelegate(self, number: int, portion: int, nobodys: bool) -> None:
        account, id_ = self._position(number, nobodys)
        self.take_back(DELEGATORS.index(account), id_, share(self.stakes.units[account, id_], portion))

    def take_back(self, who: int, id_: int, amount: int) -> None:
        """Undelegates that much."""
        account, v, now, stakes = DELEGATORS[who], self.stakes.validators[id_], self.clock, self.stakes
        units = stakes.units[account, id_]
        why = [*self._ended(v), *self._none(amount), *(["NotEnough"] if amount > units else [])]
        free = stakes.is_free(v, now)

        def effect(receipt: Receipt) -> None:
            stakes.bond(account, v, -amount, now)
            self.reach("free exit" if free else "exit")
            if free:
                self.stake_out(account, amount)
            else:
                stakes.exits[account, id_, period_of(now)] += amount

        self.perform(self.staking, "undelegate", id_, amount, by=account, why=why, breaks="S4", effect=effect)

    @precondition(lambda self: self.stakes.exits.total())
    @rule(number=PICK, portion=PICK)
    def rebond(self, number: int, portion: int) -> None:
        account, id_, period = self._exit(number)
        v, now, stakes = self.stakes.validators[id_], self.clock, self.stakes
        leaving = stakes.exits[account, id_, period]
        amount = share(leaving, portion)
        why = [*self._bonding(v, amount), *(["NotEnough"] if amount > leaving else [])]
        why += ["TooEarly"] if now < rebonds_at(period) else []

        def effect(receipt: Receipt) -> None:
            stakes.bond(account, v, amount, now)
            stakes.exits[account, id_, period] -= amount

        self.perform(self.staking, "rebond", id_, period, amount, by=account, why=why, effect=effect)

    @precondition(lambda self: self.stakes.exits.total())
    @rule(number=PICK)
    def withdraw(self, number: int) -> None:
        self._withdraw(*self._exit(number))

    @precondition(lambda self: any(v.own_exits.total() for v in self.stakes.validators.values()))
    @rule(number=PICK)
    def withdraw_own(self, number: int) -> None:
        leaving = [
            (v, period)
            for v in self.stakes.validators.values()
            for period, amount in sorted(v.own_exits.items())
            if amount
        ]
        self._withdraw_own(*pick(leaving, number))

    @precondition(lambda self: self._some_ended())
    @rule(number=PICK)
    def release(self, number: int) -> None:
        self._release(*self._position(number))

    @precondition(lambda self: self._some_ended())
    @rule(id_=ID)
    def release_own(self, id_: int) -> None:
        self._release_own(self.validator(id_))

    @rule(who=WHO, ids=st.sets(ID, max_size=4), elsewhere=st.booleans())
    def claim(self, who: int, ids: set[int], elsewhere: bool) -> None:
        chosen = sorted({self.validator(id_).id for id_ in ids})
        self._claim(DELEGATORS[who], chosen, RECIPIENT if elsewhere else DELEGATORS[who])

    @rule(id_=ID)
    def claim_earnings(self, id_: int) -> None:
        self._claim_earnings(self.validator(id_))

    @rule(who=PICK, to=PICK)
    def delegate_votes(self, who: int, to: int) -> None:
        account, chosen = pick([*DELEGATORS, *OPERATORS], who), pick(DELEGATEES, to)

        def effect(receipt: Receipt) -> None:
            self.choice[account] = chosen

        self.perform(self.staking, "delegateVotes", chosen, by=account, effect=effect)

    @rule(who=PICK, to=PICK)
    def delegate_liquid_votes(self, who: int, to: int) -> None:
        self.vote(pick([*DELEGATORS, *OPERATORS], who), pick(DELEGATEES, to))

    # Anyone

    @rule(number=PICK, taken_in=st.sampled_from([True, True, True, False]))
    def donate(self, number: int, taken_in: bool) -> None:
        amount = pick([70_000 * ERA, 1, 999, 3 * ERA, 50_000 * ERA], number)

        def effect(receipt: Receipt) -> None:
            self.liquid[DONOR] -= amount
            self.donated += amount

        why = self.short(DONOR, amount)
        self.perform(self.era, "transfer", self.staking.address, amount, by=DONOR, why=why, effect=effect)
        if taken_in:
            self.fund()

    @rule()
    def fund(self) -> None:
        now, stream = self.clock, self.stakes.stream
        at_once = stream.arrive(self.donated, now)

        def effect(receipt: Receipt) -> None:
            must("S2", "what arrived", receipt.named("Funded")[0][-1], self.donated)
            self.stakes.accounted += self.donated
            streams = self.bond.rewards.stream_end == now + STREAM
            if at_once is not None and self.donated + stream.waiting:
                must("S12", "whether it streams at once", streams, at_once)
                self.reach("streams" if streams else "waits")
            stream.take_in(self.donated, now, streams)
            self.donated = 0

        self.perform(self.staking, "fund", by=STRANGER, effect=effect)

    @rule()
    def snapshot(self) -> None:
        now, stakes = self.clock, self.stakes
        why = ["TooEarly"] if now < stakes.set_at + TERM and not stakes.term_ended else []
        if len(stakes.seats) < 4:
            why.append("InvalidValidatorCount")
        expires = stakes.expiry(now)

        def effect(receipt: Receipt) -> None:
            ((version, until, set_hash, words),) = receipt.named("SetPublished")
            published = set_of(version, until, words)
            must("S8", "the version", version, len(stakes.sets) + 1)
            must("S8", "the expiry", until, expires)
            must("S8", "the hash", set_hash, published.hash)
            self._check_set(published)
            must("S8", "what is recorded", self.staking.view("setHash", version), set_hash)
            stakes.publish(published, now)

        self.perform(self.staking, "snapshot", by=KEEPER, why=why, breaks="S8", effect=effect)

    @precondition(lambda self: self.stakes.sets)
    @rule(number=PICK, members=PICK, stranger=st.sampled_from([False, False, False, True]))
    def check_in(self, number: int, members: int, stranger: bool) -> None:
        """By some of the members of a set: mostly the newest, and now and then by somebody else in a member's place."""
        now, stakes = self.clock, self.stakes
        newest = stakes.sets[-1]
        given = newest if number % 4 else stakes.sets[number // 4 % len(stakes.sets)]
        signers = [signer for i, (signer, _) in enumerate(given.members) if members >> i & 1]
        attestation, proof = self._attest(given, SetFact(newest.version, newest.hash), signers)
        why = [] if given == newest else ["NotNewestSet"]
        if stranger and signers:
            root, words, bits, signatures = attestation
            # Somebody else's, of another root.
            attestation = (root, words, bits, [(signatures[0][0], bytes(32)), *signatures[1:]])
            why.append("InvalidSignature")

        def effect(receipt: Receipt) -> None:
            for signer in signers:
                v = stakes.validators[stakes.owner_of[signer]]
                if v.id in stakes.seats:
                    v.alive_at = now

        self.perform(
            self.staking, "checkIn", attestation, proof, by=KEEPER, why=why, breaks="S3", effect=effect
        )

    # Time

    @rule(number=st.integers(0, 7), offset=st.sampled_from([0, 0, -1, 1]))
    def reach_the_second(self, number: int, offset: int) -> None:
        """In which something becomes possible, or ceases to be; or the one before or after."""
        instants = self.instants()
        if instants:
            self.clock = max(self.clock, pick(instants[:8], number) + offset)

    @rule(span=SPANS)
    def pass_time(self, span: int) -> None:
        self.clock += span

    @rule()
    def hurry(self) -> None:
        """The next transaction is mined in the same second as the last one."""
        self.clock = self.last

    # Steps of replays

    def mature(self, offset: int = 0) -> None:
        """To the second in which the first exit matures, or so many after it."""
        self.clock = min(
            matures_at(period) for periods in self.stakes.periods().values() for period in periods
        )
        self.clock += offset

    # What rules share

    def _none(self, amount: int) -> list[str]:
        return [] if amount else ["ZeroAmount"]

    def _some_ended(self) -> bool:
        return any(v.state == ENDED for v in self.stakes.validators.values())

    def _ended(self, v: Bonded) -> list[str]:
        return ["WrongState"] if v.state == ENDED else []

    def _bonding(self, v: Bonded, amount: int) -> list[str]:
        stakes = self.stakes
        return [*stakes.unsound(v), *self._none(amount), *stakes.overburdened(v.stake + amount, v.own)]

    def _position(self, number: int, nobodys: bool = False) -> tuple[str, int]:
        held = [key for key, units in sorted(self.stakes.units.items()) if units]
        if nobodys or not held:
            return pick(DELEGATORS, number), self.validator(number // 8).id
        return pick(held, number)

    def _exit(self, number: int) -> tuple[str, int, int]:
        return pick([key for key, amount in sorted(self.stakes.exits.items()) if amount], number)

    def _withdraw(self, account: str, id_: int, period: int) -> None:
        v, now, stakes = self.stakes.validators[id_], self.clock, self.stakes
        amount = stakes.exits[account, id_, period]
        loss = v.part_of_exit(amount, period) if v.state == ENDED else 0

        def effect(receipt: Receipt) -> None:
            del stakes.exits[account, id_, period]
            stakes.withdrawn[id_, period] += amount
            must("S5", "the loss", receipt.named("Withdrawn")[0][-1], loss)
            self._lose(v, account, amount, loss)

        why = stakes.held_back(v, period, now)
        arguments = account, id_, period
        self.perform(self.staking, "withdraw", *arguments, by=STRANGER, why=why, breaks="S4", effect=effect)

    def _withdraw_own(self, v: Bonded, period: int) -> None:
        now, stakes = self.clock, self.stakes
        amount = v.own_exits[period]
        loss = v.part_of_own_exit(amount, period) if v.state == ENDED else 0

        def effect(receipt: Receipt) -> None:
            del v.own_exits[period]
            must("S5", "the loss", receipt.named("OwnWithdrawn")[0][-1], loss)
            if loss:
                stakes.take(v, loss)
                self._reward(loss)
            self.stake_out(v.operator, amount - loss)

        why = stakes.held_back(v, period, now)
        self.perform(
            self.staking, "withdrawOwn", v.id, period, by=STRANGER, why=why, breaks="S4", effect=effect
        )

    def _release(self, account: str, id_: int) -> None:
        v, stakes = self.stakes.validators[id_], self.stakes
        amount = stakes.units[account, id_]
        loss = part(amount, v.loss, v.slashable)
        why = [*(["WrongState"] if v.state != ENDED else []), *self._none(amount)]

        def effect(receipt: Receipt) -> None:
            stakes.collect(account, v)
            stakes.units[account, id_] = 0
            v.delegated -= amount
            self._lose(v, account, amount, loss)

        arguments = account, id_
        self.perform(self.staking, "release", *arguments, by=STRANGER, why=why, breaks="S4", effect=effect)

    def _release_own(self, v: Bonded) -> None:
        amount = v.own
        why = [*(["WrongState"] if v.state != ENDED else []), *self._none(amount)]

        def effect(receipt: Receipt) -> None:
            v.own = 0
            self.stake_out(v.operator, amount)

        self.perform(self.staking, "releaseOwn", v.id, by=STRANGER, why=why, breaks="S4", effect=effect)

    def _reward(self, taken: int) -> None:
        """Of what a slash takes of own stake, the reporter gets a tenth."""
        self.liquid[REPORTER] += taken // 10
        self.liquid[self.bond.treasury] += taken - taken // 10

    def _lose(self, v: Bonded, account: str, amount: int, loss: int) -> None:
        if loss:
            self.stakes.take(v, loss)
            self.reach("loss of an exit or a position")
        self.liquid[self.bond.treasury] += loss
        self.stake_out(account, amount - loss)

    def _claim(self, account: str, ids: list[int], recipient: str) -> None:
        now, stakes = self.clock, self.stakes

        def effect(receipt: Receipt) -> None:
            for id_ in ids:
                stakes.touch(stakes.validators[id_], now)
                stakes.collect(account, stakes.validators[id_])
            stakes.stream.advance(now)
            paid = receipt.named("Claimed")[0][-1]
            stakes.collected[account] -= self._pay(recipient, paid, stakes.collected[account])

        self.perform(self.staking, "claim", ids, recipient, by=account, effect=effect)

    def _claim_earnings(self, v: Bonded) -> None:
        now, stakes = self.clock, self.stakes

        def effect(receipt: Receipt) -> None:
            stakes.touch(v, now)
            v.earnings -= self._pay(v.operator, receipt.named("EarningsClaimed")[0][-1], v.earnings)

        self.perform(self.staking, "claimEarnings", v.id, v.operator, by=v.operator, effect=effect)

    def _pay(self, recipient: str, paid: int, exact: Fraction) -> int:
        dust = self.stakes.stream.dust
        assert abs(paid - exact) <= dust, f"S12: {paid} is paid of {float(exact)}"
        self.liquid[recipient] += paid
        self.stakes.accounted -= paid
        return paid

    def _attest(self, given: ValidatorSet, fact: Fact, signers: list[str]) -> tuple[Any, ...]:
        by = {self.stakes.owner_of[signer]: self._key(signer) for signer in signers}
        self.court.keys.update(by)
        return self.court.attest(given, fact, *DECOYS, by=by)

    def _key(self, signer: str) -> Any:
        keys = self.keys[self.stakes.owner_of[signer]]
        return next(key for key in keys if key.address == signer)

    def _check_set(self, published: ValidatorSet) -> None:
        """As gateways check it, and of the seated stakes as much as the cap allows."""
        stakes = {
            self.stakes.validators[id_].signer: self.stakes.validators[id_].stake for id_ in self.stakes.seats
        }
        must("S8", "the members", {signer for signer, _ in published.members}, set(stakes))
        signers = [int(signer, 16) for signer, _ in published.members]
        must("S8", "the order of members", signers, sorted(set(signers)))
        total = sum(weight for _, weight in published.members)
        lowered = []
        for signer, weight in published.members:
            assert 0 < weight * 10 <= total * 3, f"S8: {signer} weighs {weight} of {total}: above 30 %"
            if weight != stakes[signer]:
                lowered.append(weight)
                assert weight < stakes[signer], f"S8: {signer} weighs {weight}, and has {stakes[signer]}"
        if lowered:
            self.reach(f"{len(lowered)} lowered to the cap")
            assert len(set(lowered)) == 1, f"S8: the largest weigh {lowered}, not the same"
            more, all_more = lowered[0] + 1, total + len(lowered)
            assert more * 10 > all_more * 3, f"S8: {lowered[0]} of {total} is less than the cap"

    # The end

    def end(self) -> None:
        """Everybody leaves and gets everything; the last stream ends first."""
        stakes = self.stakes
        if self.donated:
            self.fund()
        if stakes.seats:
            self.clock = max(self.clock, stakes.stream.end + STREAM)
        for v in stakes.validators.values():
            for who in DELEGATORS:
                self._claim(who, [v.id], who)
            self._claim_earnings(v)
            if v.state == OPEN:
                self._leave(v)
        self.clock += LIABILITY
        for v in stakes.validators.values():
            for who in DELEGATORS:
                if stakes.units[who, v.id] and v.state == ENDED:
                    self._release(who, v.id)
                elif stakes.units[who, v.id]:
                    self.take_back(DELEGATORS.index(who), v.id, stakes.units[who, v.id])
            if v.own and v.state == ENDED:
                self._release_own(v)
            elif v.own:
                self._remove_own(v, v.own)
        self.clock += LIABILITY
        for account, id_, period in sorted(key for key, amount in stakes.exits.items() if amount):
            self._withdraw(account, id_, period)
        for v in stakes.validators.values():
            for period in sorted(period for period, amount in v.own_exits.items() if amount):
                self._withdraw_own(v, period)
        for v in stakes.validators.values():
            loss = v.loss + v.own_loss
            assert v.taken >= loss or v.state != ENDED, f"S5: {v.id} lost {v.taken}, and must lose {loss}"
            assert v.taken <= loss + v.entries, f"S5: {v.id} lost {v.taken}, and must lose {loss}"
        must("P6, S1", "what is held in the end", sum(map(stakes.held, STAKERS)), 0)
        if not stakes.stream.left and not stakes.stream.waiting:
            owed = stakes.accounted
            assert 0 <= owed <= stakes.stream.dust, f"S12: {owed} wei are left when everything was paid"
        self.stakes_are_as_they_must_be()
