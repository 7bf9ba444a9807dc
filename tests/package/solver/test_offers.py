"""Which messages are offers, and which of them pay."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.lanes.logs import Sent
from metalayer.protocol.bridge import DONE, NOBODY
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import TIP_PARTS, Front, Kind, Payload
from metalayer.solver.capital import Capital
from metalayer.solver.fronts import Fronted
from metalayer.solver.offers import Choice, Decision, Offer, Standing, decide, due_at, hopeless
from metalayer.solver.policy import Least, Policy, Terms, TokenId
from tests.kit.strategies import fronts

BRIDGE, TOKEN, LOCAL, FROM, TO, OTHER = (f"0x{n:040d}" for n in range(11, 17))
HUB, ARCADE, PERPS = 901, 902, 903
DAY = 86_400
NOW = 1_900_000_000
ID = b"\x07" * 32
UNIT = 10**18
AMOUNT = 100 * UNIT
TIP = TIP_PARTS // 100
"""One percent: one token."""

OUT = Payload(Kind.OUT, TOKEN, FROM, TO, HUB, AMOUNT, tip=TIP, sent_at=NOW, deadline=NOW + 14 * DAY)
BACK = replace(OUT, kind=Kind.BACK, chain=PERPS)
POLICY = Policy({TokenId(HUB, TOKEN): Terms(Least(Fraction(1, 2)))})
STANDING = Standing(NOW, LOCAL, 18)


def sent(payload: Payload, origin: int = HUB, destination: int = ARCADE, sender: str = BRIDGE) -> Sent:
    message = Message(HUB, origin, destination, 1, sender, BRIDGE, 150_000, NOW, 0, payload.encoded)
    return Sent(message, message.id, bytes(32), 1, "0x")


def offer(payload: Payload = OUT, start: int = HUB, end: int = ARCADE, home: int = HUB) -> Offer:
    return Offer(ID, start, end, TokenId(home, TOKEN), payload, 1)


def two_hops(**changes: object) -> Offer:
    return offer(replace(BACK, **changes), ARCADE, PERPS)  # type: ignore[arg-type]


def chosen(
    one: Offer | None = None,
    standing: Standing = STANDING,
    policy: Policy = POLICY,
    gas_wei: int = 0,
    free: int = 10**30,
) -> Decision:
    return decide(one or offer(), standing, policy, gas_wei, free)


# What is an offer


def test_a_transfer_from_its_tokens_home_is_one() -> None:
    found = Offer.of(sent(OUT), BRIDGE)
    assert found is not None
    assert (found.start, found.end, found.token) == (HUB, ARCADE, (HUB, TOKEN))
    assert found.lanes == [(HUB, ARCADE)]
    assert found.front == Front(found.id, HUB, HUB, TOKEN, TO, AMOUNT, TIP, 0, NOW, NOW + 14 * DAY)


def test_a_transfer_over_the_home_ends_where_it_goes_on() -> None:
    found = Offer.of(sent(BACK, ARCADE, HUB), BRIDGE)
    assert found is not None
    assert (found.start, found.end, found.token) == (ARCADE, PERPS, (HUB, TOKEN))
    assert found.lanes == [(ARCADE, HUB), (HUB, PERPS)]


@pytest.mark.parametrize(
    "other",
    [
        replace(OUT, tip=0),
        replace(OUT, tip=0, sender=FROM, data=b"call"),
        replace(OUT, id=ID, chain=PERPS),
        replace(OUT, kind=Kind.RETURN, id=ID),
    ],
    ids=["no tip", "with data", "a second hop", "on its way back"],
)
def test_what_cannot_be_fronted_is_none(other: Payload) -> None:
    assert Offer.of(sent(other), BRIDGE) is None


def test_what_another_sent_is_none() -> None:
    assert Offer.of(sent(OUT, sender=OTHER), BRIDGE) is None


def test_what_is_no_transfer_is_none() -> None:
    message = Message(HUB, HUB, ARCADE, 1, BRIDGE, BRIDGE, 0, 0, 0, b"anything")
    assert Offer.of(Sent(message, message.id, bytes(32), 1, "0x"), BRIDGE) is None


# What pays


def test_what_brings_enough_is_fronted() -> None:
    assert chosen() == Decision(Choice.FRONT, "", 99 * UNIT, UNIT, UNIT, NOW)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (replace(POLICY, tokens={}), f"token {TOKEN} of chain {HUB} is not trusted"),
        (replace(POLICY, tokens_left_out=frozenset({TokenId(HUB, TOKEN)})), "its token is left out"),
        (replace(POLICY, chains_left_out=frozenset({ARCADE})), f"chain {ARCADE} is left out"),
    ],
)
def test_what_the_policy_rules_out_is_never_fronted(policy: Policy, why: str) -> None:
    assert hopeless(offer(), policy) == why
    assert chosen(policy=policy) == Decision(Choice.NEVER, why)


def test_a_chain_that_is_left_out_is_not_gone_over_either() -> None:
    policy = replace(POLICY, chains_left_out=frozenset({HUB}))
    assert chosen(two_hops(), policy=policy).choice is Choice.NEVER


def never(standing: Standing) -> str:
    decision = chosen(standing=standing)
    assert decision.choice is Choice.NEVER
    return decision.reason


def test_what_has_arrived_or_another_fronted_is_never_fronted() -> None:
    assert never(replace(STANDING, solver=DONE)) == "it has arrived"
    assert never(replace(STANDING, solver=OTHER)) == f"{OTHER} fronted it"


def test_what_has_too_little_time_is_never_fronted() -> None:
    last = OUT.deadline - POLICY.least_time
    assert chosen(standing=replace(STANDING, now=last)).choice is Choice.FRONT
    assert never(replace(STANDING, now=last + 1)).startswith("431999 s are left until its deadline")


def test_what_is_too_large_is_never_fronted() -> None:
    def policy(most: int) -> Policy:
        return replace(POLICY, tokens={TokenId(HUB, TOKEN): Terms(most=Fraction(most))})

    assert chosen(policy=policy(100)).choice is Choice.FRONT
    assert chosen(policy=policy(99)).choice is Choice.NEVER


def test_what_brings_too_little_is_never_fronted() -> None:
    poor = offer(replace(OUT, tip=TIP // 2 - 1))
    assert chosen(poor).choice is Choice.NEVER
    assert chosen(offer(replace(OUT, tip=TIP // 2))).choice is Choice.FRONT


def waits(one: Offer | None = None, **changes: object) -> str:
    decision = chosen(one, replace(STANDING, **changes))  # type: ignore[arg-type]
    assert decision.choice is Choice.WAIT
    return decision.reason


def test_what_its_end_does_not_know_waits() -> None:
    assert waits(local=NOBODY) == "its end does not know the token yet"


def test_what_does_not_get_through_waits() -> None:
    assert waits(closed="perps takes no value from hub: held") == "perps takes no value from hub: held"


def test_what_its_start_may_not_bring_home_waits() -> None:
    assert chosen(two_hops(), replace(STANDING, room=AMOUNT)).choice is Choice.FRONT
    assert waits(two_hops(), room=AMOUNT - 1).startswith(
        f"its start has {AMOUNT - 1} left at the token's home"
    )


def test_what_is_not_paid_on_waits() -> None:
    assert waits(two_hops(), unpaid=5) == "5 wei of ERA are missing for its second hop"


def test_what_there_is_no_capital_for_waits() -> None:
    assert chosen(free=99 * UNIT).choice is Choice.FRONT
    assert chosen(free=99 * UNIT - 1).choice is Choice.WAIT


def test_gas_counts_at_the_policys_price() -> None:
    """Half a token must remain: at two tokens for an ether, gas may cost a quarter of an ether."""
    policy = replace(POLICY, tokens={TokenId(HUB, TOKEN): Terms(Least(Fraction(1, 2)), ether=Fraction(2))})
    assert chosen(policy=policy, gas_wei=UNIT // 4).profit == UNIT // 2
    assert chosen(policy=policy, gas_wei=UNIT // 4).choice is Choice.FRONT
    assert chosen(policy=policy, gas_wei=UNIT // 4 + 1).choice is Choice.WAIT, "gas may become cheaper"


def test_a_ramp_is_waited_for() -> None:
    """One percent within 100 seconds: half a token after 50."""
    slow = offer(replace(OUT, ramp=100))
    early = chosen(slow, replace(STANDING, now=NOW + 49))
    assert (early.choice, early.due) == (Choice.WAIT, NOW + 50)
    late = chosen(slow, replace(STANDING, now=NOW + 50))
    assert (late.choice, late.paid, late.kept) == (Choice.FRONT, AMOUNT - UNIT // 2, UNIT // 2)


def test_a_start_whose_clock_runs_ahead_is_waited_for() -> None:
    """The end's clock decides what is kept."""
    slow = offer(replace(OUT, ramp=100, sent_at=NOW + 1_000))
    assert chosen(slow).due == NOW + 1_050
    assert chosen(slow).choice is Choice.WAIT


@given(front=fronts, needed=st.integers(0, 2**128))
def test_an_offer_is_due_in_the_first_second_that_brings_enough(front: Front, needed: int) -> None:
    due = due_at(front, needed)
    whole = front.kept(front.sent_at + front.ramp)
    if due is None:
        assert whole < needed
        return
    assert front.kept(due) >= needed
    if due > front.sent_at:
        assert front.kept(due - 1) < needed


@given(front=fronts, now=st.integers(0, 2**41), gas=st.integers(0, 10**20), least=st.integers(0, 10**20))
def test_whatever_is_fronted_leaves_the_least_profit(front: Front, now: int, gas: int, least: int) -> None:
    """By what the contract takes, to the smallest unit; and the recipient never gets more than what arrives."""
    terms = Terms(Least(Fraction(least, UNIT)), ether=Fraction(1))
    policy = Policy({TokenId(HUB, front.token): terms}, least_time=0)
    payload = Payload(
        Kind.OUT,
        front.token,
        FROM,
        front.to,
        HUB,
        front.amount,
        tip=front.tip,
        ramp=front.ramp,
        sent_at=front.sent_at,
        deadline=front.deadline,
    )
    one = Offer(front.id, HUB, ARCADE, TokenId(HUB, front.token), payload, 1)
    decision = decide(one, Standing(now, LOCAL, 18), policy, gas, front.amount)
    if decision.choice is not Choice.FRONT:
        return
    kept = one.front.kept(now)
    assert decision.paid == front.amount - kept
    assert 0 <= decision.paid <= front.amount
    assert decision.profit == kept - gas >= least


# What is out


@pytest.fixture
def capital() -> Callable[..., Capital]:
    def make(*out: Fronted) -> Capital:
        made = Capital()
        made.read(out)
        return made

    return make


BOUNDED = Terms(most_out=Fraction(150), most_out_on={ARCADE: Fraction(120)})


def fronted(end: int = ARCADE, start: int = HUB) -> Fronted:
    front = replace(offer().front, start=start)
    return Fronted(front, end, 99 * UNIT, "0x")


def test_what_is_out_counts_everywhere_and_where_it_was_paid(capital: Callable[..., Capital]) -> None:
    made = capital(fronted())
    assert made.free(offer(), BOUNDED, 18) == 21 * UNIT
    assert made.free(offer(end=PERPS), BOUNDED, 18) == 51 * UNIT
    assert made.free(offer(), Terms(), 18) is None
    assert made.free(offer(), Terms(most_out_from={HUB: Fraction(100)}), 18) == UNIT
    assert made.free(two_hops(), Terms(most_out_from={HUB: Fraction(100)}), 18) is None


def test_what_is_on_its_way_counts_until_it_is_seen_or_given_up(capital: Callable[..., Capital]) -> None:
    made, key = capital(), offer().front.key
    made.promise(key, offer(), 99 * UNIT)
    assert made.free(offer(), BOUNDED, 18) == 21 * UNIT
    assert made.promised_on(TokenId(HUB, TOKEN), ARCADE) == 99 * UNIT
    made.read([fronted()])
    assert made.promised_on(TokenId(HUB, TOKEN), ARCADE) == 0
    assert made.free(offer(), BOUNDED, 18) == 21 * UNIT, "not twice"
    made.read([])
    made.promise(key, offer(), 99 * UNIT)
    made.release([key])
    assert made.free(offer(), BOUNDED, 18) == 120 * UNIT


def test_what_must_come_from_a_start_is_what_arrives(capital: Callable[..., Capital]) -> None:
    made = capital(fronted(start=PERPS))
    token = TokenId(HUB, TOKEN)
    assert made.coming(token, PERPS, {}) == AMOUNT
    assert made.coming(token, HUB, {}) == 0
    assert made.coming(token, PERPS, {ID: AMOUNT, b"other": UNIT}) == AMOUNT + UNIT, "what is out counts once"


def test_the_same_capital_is_not_promised_on_two_chains(capital: Callable[..., Capital]) -> None:
    """Each chain has a thread: while one looks and promises, the other waits."""
    made, terms = capital(), Terms(most_out=Fraction(100))
    both = threading.Barrier(2)
    paid: list[int] = []

    def front(end: int) -> None:
        one = replace(offer(end=end), id=bytes([end % 256]) * 32)
        both.wait()
        with made.alone():
            free = made.free(one, terms, 18) or 0
            time.sleep(0.05)
            if free >= 99 * UNIT:
                made.promise(one.front.key, one, 99 * UNIT)
                paid.append(end)

    threads = [threading.Thread(target=front, args=(end,)) for end in (ARCADE, PERPS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paid) == 1
