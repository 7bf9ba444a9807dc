"""Steps of the bond's machine that every run takes: how each of its properties would break."""

from __future__ import annotations

from collections.abc import Callable

from tests.kit.paper import DAY
from tests.kit.staking import ERA
from tests.stateful.accusers import Accusers

SOME = 10_000 * ERA
Steps = Callable[[Accusers], None]
# In the beginning, validators 1 to 5 are seated, 6 and 7 are not. The first has 100,000 ERA of its own and 900,000 of
# the first delegator, who gives its votes to somebody; the last delegator, with stake at 2 and 6, gives them to nobody.
# Rules count validators from 0 on.


def equivocate(state: Accusers, id_: int = 1, place: int = 1, keys: int = 0) -> None:
    state.equivocate(id_=id_ - 1, form="lane", place=place, keys=keys, other=1)


def settle(state: Accusers, number: int = 0) -> None:
    state.settle(number=number, wait="for all")


def slash(state: Accusers, id_: int = 1) -> None:
    equivocate(state, id_)
    settle(state)


def slash_in_part(state: Accusers) -> None:
    """All own stake, and some of what is delegated."""
    state.put(who=0, id_=2, amount=40 * SOME)
    slash(state, 2)


def leave_and_be_accused(state: Accusers) -> None:
    state.put(who=0, id_=2, amount=40 * SOME)
    state.take_back(who=0, id_=2, amount=SOME)
    state.pass_time(span=DAY)
    slash(state, 2)
    state.withdraw(number=0)


def mature_while_accused(state: Accusers) -> None:
    state.take_back(who=0, id_=1, amount=SOME)
    equivocate(state)
    state.mature()
    state.withdraw(number=0)


def mature_just_before(state: Accusers) -> None:
    """In the very second in which the case is opened."""
    state.take_back(who=0, id_=1, amount=SOME)
    state.mature()
    equivocate(state)
    state.withdraw(number=0)


def mature_just_after(state: Accusers) -> None:
    state.take_back(who=0, id_=1, amount=SOME)
    state.mature(offset=-1)
    equivocate(state)
    state.withdraw(number=0)
    settle(state)
    state.withdraw(number=0)


def leave_together(state: Accusers) -> None:
    """And withdraw one after the other. Then a case, which counts neither."""
    state.put(who=0, id_=2, amount=SOME)
    state.put(who=1, id_=2, amount=SOME)
    state.take_back(who=0, id_=2, amount=SOME)
    state.take_back(who=1, id_=2, amount=SOME)
    state.mature()
    state.withdraw(number=0)
    equivocate(state, 2)
    state.withdraw(number=0)
    settle(state)


def accuse_those_who_left(state: Accusers) -> None:
    state.take_back(who=0, id_=1, amount=SOME)
    state.take_back(who=1, id_=4, amount=SOME)
    equivocate(state)


def accuse_again(state: Accusers) -> None:
    equivocate(state)
    equivocate(state, place=2)
    equivocate(state, 2)
    settle(state)
    settle(state, 2)


def accuse_when_a_whale_has_left(state: Accusers) -> None:
    """In the same second: what is seated then is less than the newest set weighs."""
    state.take_back(who=2, id_=5, amount=2_500_000 * ERA)
    state.hurry()
    slash(state)


def accuse_again_in_the_next_term(state: Accusers) -> None:
    """In one week: what the second set weighs, without the first accused, changes nothing about either."""
    equivocate(state)
    state.snapshot()
    equivocate(state, 2)


def slash_twice(state: Accusers) -> None:
    equivocate(state)
    equivocate(state, place=2)
    settle(state)
    settle(state, 1)


def put_after_the_end(state: Accusers) -> None:
    """Of the second validator, some own stake is left, so that others could be delegated to it."""
    slash(state, 2)
    state.put(who=0, id_=2, amount=SOME)


def rebond_while_accused(state: Accusers) -> None:
    state.take_back(who=0, id_=1, amount=SOME)
    state.pass_time(span=6 * DAY)
    equivocate(state)
    state.rebond(number=0, portion=0)


def rebond_at_once(state: Accusers) -> None:
    """And a second before it may be, and when it may be."""
    state.take_back(who=0, id_=1, amount=SOME)
    state.rebond(number=0, portion=0)
    state.mature(offset=-18 * DAY - 1)
    state.rebond(number=0, portion=0)
    state.pass_time(span=1)
    state.rebond(number=0, portion=0)


def leave_between_case_and_settlement(state: Accusers) -> None:
    """The newest set has the first validator when it is slashed, and it has no seat."""
    state.contradict_a_quorum(id_=0, keys=0, form="lane", place=1, few=1, old=1)
    state.pass_time(span=28 * DAY)
    state.snapshot()
    state.leave(id_=0, number=0)
    settle(state)


def settle_before_the_others_do(state: Accusers) -> None:
    equivocate(state)
    state.pass_time(span=DAY)
    equivocate(state, 2)
    state.settle(number=0, wait="for its own")


def remove_own(state: Accusers) -> None:
    state.remove_own(id_=2, number=2)


def put_too_much(state: Accusers) -> None:
    state.delegate(who=0, id_=0, number=2)


def leave_right_after_the_seat(state: Accusers) -> None:
    state.leave(id_=0, number=0)
    state.take_back(who=0, id_=1, amount=SOME)


def vote_anew_and_leave(state: Accusers) -> None:
    state.delegate_liquid_votes(who=3, to=0)
    state.take_back(who=3, id_=6, amount=SOME)


def vote_anew_and_come(state: Accusers) -> None:
    state.delegate_liquid_votes(who=3, to=0)
    state.put(who=3, id_=6, amount=1)


def throw_dust(state: Accusers) -> None:
    state.pass_time(span=DAY)
    state.donate(number=1, taken_in=True)


def take_in_nothing(state: Accusers) -> None:
    """While something streams: it is followed by a stream of nothing, which a wei must not make last longer."""
    state.fund()
    state.pass_time(span=11 * DAY)
    state.donate(number=1, taken_in=True)


def stand_idle(state: Accusers) -> None:
    for id_ in range(5):
        state.leave(id_=id_, number=0)
    state.pass_time(span=3 * DAY)
    state.join(id_=5)
    state.pass_time(span=DAY)
    state.claim(who=3, ids={5}, elsewhere=False)


def put_more(state: Accusers) -> None:
    state.pass_time(span=DAY)
    state.put(who=0, id_=1, amount=SOME)


def lose_the_seat(state: Accusers) -> None:
    state.pass_time(span=DAY)
    state.leave(id_=0, number=0)


def raise_commission(state: Accusers) -> None:
    state.set_commission(id_=0, commission=10_000)
    state.pass_time(span=8 * DAY)
    state.claim(who=0, ids={0}, elsewhere=False)


def vacate(state: Accusers) -> None:
    state.vacate(id_=0)


def vacate_and_rejoin(state: Accusers) -> None:
    state.pass_time(span=9 * DAY)
    state.vacate(id_=0)
    state.join(id_=0)


def publish_twice_in_a_second(state: Accusers) -> None:
    state.pass_time(span=3 * DAY)
    state.snapshot()
    state.hurry()
    equivocate(state, 2)
    state.hurry()
    state.snapshot()


def check_in_with_an_old_set(state: Accusers) -> None:
    state.pass_time(span=3 * DAY)
    state.snapshot()
    state.check_in(number=0, members=1, stranger=False)


def nothing(state: Accusers) -> None:
    """A set is published before the first step."""


def retire_a_key(state: Accusers) -> None:
    state.rotate_key(id_=0, other=0, taken=False)
    state.pass_time(span=24 * DAY)
    equivocate(state)


def sign_with_a_retired_key(state: Accusers) -> None:
    state.rotate_key(id_=0, other=0, taken=False)
    equivocate(state)


def sign_with_both_keys(state: Accusers) -> None:
    state.rotate_key(id_=0, other=0, taken=False)
    equivocate(state, keys=16)


def pardon_equivocation(state: Accusers) -> None:
    state.pardon(place=3, about="spokes", stranger=1)
    equivocate(state)


def dismiss_unpardoned(state: Accusers) -> None:
    equivocate(state)
    state.dismiss(number=0)


def repeat_an_accusation(state: Accusers) -> None:
    equivocate(state)
    equivocate(state)


def contradict(state: Accusers) -> None:
    state.contradict_a_quorum(id_=1, keys=0, form="lane", place=1, few=1, old=1)


def contradict_later(state: Accusers) -> None:
    state.pass_time(span=3 * DAY)
    state.snapshot()
    contradict(state)


def contradict_too_late(state: Accusers) -> None:
    state.pass_time(span=11 * DAY)
    contradict(state)


def settle_what_was_pardoned(state: Accusers) -> None:
    state.extend_the_lane(number=2)
    state.sign_a_head(id_=0, keys=0, back=1, honest=False)
    state.pardon(place=3, about="hub", stranger=1)
    settle(state)
