"""What finds a bug of the bridge always: few steps of the machine of tokens. At first, every token is everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metalayer.protocol.transfers import Kind
from tests.stateful.books import DAY, HOUR
from tests.stateful.dealers import LESS, OTHER_RECIPIENT, OTHER_TOKEN
from tests.stateful.exchange import ERA, ISSUED, MOODY, PLAIN, SECOND, WHOLE, Behaviour, Mood
from tests.stateful.shippers import ALL_FREE, MUCH, SHORT

Steps = Callable[[Any], None]

TIP = 10**8
SEVEN = 7 * WHOLE
DEADLINE = 14 * DAY
EXPIRED = 31 * DAY
"""After whatever deadline."""


# Going


def send_out(m: Any, token: int = ERA, tip: int = 0, **more: Any) -> None:
    """From the hub to the first spoke."""
    m.meet()
    m.send(chain="hub", token=token, number=0, amount=SEVEN, tip=tip, **more)
    m.meet()


def send_back(m: Any, token: int = MOODY, tip: int = 0, amount: int = SEVEN, **more: Any) -> None:
    """From the first spoke to the hub."""
    m.meet()
    m.send(chain="arcade", token=token, number=0, amount=amount, tip=tip, **more)
    m.meet()


def send_on(m: Any, token: int = MOODY, tip: int = 0, **more: Any) -> None:
    """From the first spoke to the second."""
    m.meet()
    m.send(chain="arcade", token=token, number=1, amount=SEVEN, tip=tip, **more)
    m.meet()


def bring(m: Any, origin: str, destination: str, gateway: int = 0) -> None:
    m.deliver(origin=origin, destination=destination, gateway=gateway)
    m.meet()


def come_home(m: Any, origin: str, destination: str) -> None:
    """What was sent expires, and its origin takes it back."""
    m.wait_everywhere(seconds=EXPIRED)
    bring(m, origin, destination)
    m.send_home(number=0)
    bring(m, destination, origin)
    m.refund(number=0)


# Accounts


def release_too_much(m: Any) -> None:
    m.turn(spoke="arcade")
    m.forge(to="hub", kind=Kind.BACK, token=ERA, far="hub", amount="more")
    m.forge(to="hub", kind=Kind.BACK, token=MOODY, far="perps", amount="more")
    bring(m, "arcade", "hub")


def return_what_was_locked(m: Any) -> None:
    send_out(m, MOODY)
    come_home(m, "hub", "arcade")


def return_by_the_home(m: Any) -> None:
    """The second hop comes back, and the home sends on the way back."""
    send_on(m, prepaid=10**8)
    bring(m, "arcade", "hub")
    come_home(m, "hub", "perps")
    m.meet()
    bring(m, "hub", "arcade")


def send_another_token_inside(m: Any) -> None:
    m.change_mood(mood=Mood.CALLS, token=ERA)
    send_out(m, MOODY)


def send_the_same_inside(m: Any) -> None:
    m.change_mood(mood=Mood.CALLS, token=MOODY)
    send_out(m, MOODY)


def send_what_shrinks(m: Any) -> None:
    m.change_mood(mood=Mood.TAKES_PART)
    send_out(m, MOODY)
    bring(m, "hub", "arcade")
    m.send(chain="arcade", token=MOODY, number=0, amount=SEVEN)
    m.meet()
    bring(m, "arcade", "hub")


def send_what_grows(m: Any) -> None:
    """Its accounts are of what it says; no other token's are."""
    m.change_mood(mood=Mood.EXAGGERATES)
    send_out(m, MOODY)
    send_out(m, ERA)


def send_out_of_an_hour(m: Any) -> None:
    m.wait_everywhere(seconds=2 * HOUR, sharp=True)
    send_out(m, ERA)
    m.wait_everywhere(seconds=HOUR)
    send_out(m, ERA)
    m.wait_everywhere(seconds=HOUR)


def prepay(m: Any) -> None:
    send_on(m, MOODY, prepaid=10**8)
    bring(m, "arcade", "hub")
    bring(m, "hub", "perps")


# Fronting


def claim_and_return(m: Any) -> None:
    send_out(m, ERA, TIP)
    m.front(number=0)
    m.claim(number=0)
    m.meet()
    bring(m, "arcade", "hub")
    come_home(m, "hub", "arcade")


def claim_and_return_by_the_home(m: Any) -> None:
    send_on(m, MOODY, TIP)
    m.front(number=0)
    m.claim(number=0)
    m.meet()
    bring(m, "perps", "arcade")
    bring(m, "arcade", "hub")
    come_home(m, "hub", "perps")
    m.pay(number=0, more=10**7)
    m.call_back(number=0)
    m.meet()
    bring(m, "hub", "arcade")


def claim_of_a_stranger(m: Any) -> None:
    """A chain that has nothing to do with a transfer says that somebody fronted it."""
    send_out(m, ERA, TIP)
    m.turn(spoke="perps")
    m.tell(to="hub", number=-1, token=ERA, what="claim")
    bring(m, "perps", "hub")
    come_home(m, "hub", "arcade")


def claim_on_made_up_terms(m: Any) -> None:
    """For a wei of another token."""
    send_out(m, MOODY, TIP)
    m.front(number=0, kind=OTHER_TOKEN)
    m.claim(number=0)
    m.meet()
    bring(m, "arcade", "hub")
    come_home(m, "hub", "arcade")


def front_less(m: Any) -> None:
    send_out(m, ERA, TIP)
    m.front(number=0, kind=LESS)
    bring(m, "hub", "arcade")


def front_oneself(m: Any) -> None:
    send_out(m, ERA, TIP)
    m.front(number=0, kind=OTHER_RECIPIENT)
    bring(m, "hub", "arcade")


def front_one_of_two(m: Any) -> None:
    """Equal in all but their ids."""
    send_out(m, ERA, TIP)
    send_out(m, ERA, TIP)
    m.front(number=1)
    bring(m, "hub", "arcade")


def front_after_arrival(m: Any) -> None:
    send_out(m, ERA, TIP)
    bring(m, "hub", "arcade")
    m.front(number=0)


# Limits


def return_over_the_limit(m: Any) -> None:
    m.limit(chain="hub", token=MOODY, number=0, out=100 * WHOLE, into=0)
    send_out(m, MOODY)
    come_home(m, "hub", "arcade")


def send_back_over_the_limit(m: Any) -> None:
    """The home says that something comes back: a forger would label everything so."""
    m.limit(chain="hub", token=PLAIN, number=0, out=100 * WHOLE, into=0)
    m.turn(spoke="arcade")
    m.forge(to="hub", kind=Kind.RETURN, token=PLAIN, far="perps", amount="some")
    bring(m, "arcade", "hub")


def wait_from_the_first_attempt(m: Any) -> None:
    m.limit(chain="hub", token=MOODY, number=0, out=100 * WHOLE, into=WHOLE)
    send_back(m)
    m.wait_everywhere(seconds=23 * HOUR)
    bring(m, "arcade", "hub")
    m.retry(number=0)
    m.wait_everywhere(seconds=2 * HOUR)
    m.retry(number=0)


def wait_and_pass(m: Any) -> None:
    m.limit(chain="hub", token=MOODY, number=0, out=100 * WHOLE, into=10 * WHOLE)
    send_back(m)
    send_back(m)
    bring(m, "arcade", "hub")
    m.retry(number=0)
    m.retry(number=0, patient=True)


def wait_while_held(m: Any) -> None:
    """What exceeds its limit begins to wait though its origin is held, and is refused until that is over."""
    m.limit(chain="hub", token=MOODY, number=0, out=100 * WHOLE, into=WHOLE)
    m.hold(chain="hub", number=0, seconds=2 * DAY)
    send_back(m)
    bring(m, "arcade", "hub")
    m.wait_everywhere(seconds=DAY)
    m.retry(number=0)
    m.wait_everywhere(seconds=DAY)
    m.retry(number=0)


def wait_before_it_was_sent(m: Any) -> None:
    """Likewise of what is brought by a clock that is behind."""
    m.limit(chain="hub", token=ERA, number=0, out=100 * WHOLE, into=WHOLE)
    m.meet()
    m.wait(chain="arcade", seconds=90)
    m.send(chain="arcade", token=ERA, number=0, amount=SEVEN)
    m.deliver(origin="arcade", destination="hub")
    m.retry(number=0, patient=True)


def arrive_before_it_was_sent(m: Any) -> None:
    """ERA, and another token with ERA for its second hop."""
    m.meet()
    m.wait(chain="arcade", seconds=90)
    m.send(chain="arcade", token=ERA, number=0, amount=SEVEN)
    m.send(chain="arcade", token=MOODY, number=1, amount=SEVEN)
    m.send(chain="arcade", token=MOODY, number=0, amount=SEVEN)
    m.deliver(origin="arcade", destination="hub")
    m.meet()
    m.retry(number=0)
    m.retry(number=0)


def give_back_what_was_not_used(m: Any) -> None:
    m.limit(chain="hub", token=MOODY, number=0, out=10 * WHOLE, into=100 * WHOLE)
    send_back(m, amount=100 * WHOLE)
    bring(m, "arcade", "hub")
    m.send(chain="hub", token=MOODY, number=0, amount=100 * WHOLE)


def change_the_rate(m: Any) -> None:
    m.limit(chain="hub", token=MOODY, number=0, out=10 * WHOLE, into=0, window=DAY)
    send_out(m, MOODY)
    m.limit(chain="hub", token=MOODY, number=0, out=100 * WHOLE, into=0, window=7 * DAY)


def use_often(m: Any) -> None:
    """Less than a unit grows back in between."""
    m.limit(chain="hub", token=MOODY, number=0, out=1_000, into=0, window=DAY)
    m.send(chain="hub", token=MOODY, number=0, amount=100)
    for _ in range(6):
        m.wait(chain="hub", seconds=59)
        m.send(chain="hub", token=MOODY, number=0, amount=1)


def use_all_that_is_free(m: Any) -> None:
    """To the last unit."""
    m.limit(chain="hub", token=MOODY, number=0, out=5_000 * WHOLE, into=0, window=DAY)
    for _ in range(2):
        m.send(chain="hub", token=MOODY, number=0, amount=ALL_FREE)


def limit_what_is_to_come(m: Any) -> None:
    """Limits of a representation that is not there yet: those of the hub's own token of that address."""
    m.turn(spoke="perps")
    m.limit_unknown(chain="hub", spoke="perps", out=WHOLE, into=0)
    m.tell(to="hub", number=18, token=MOODY, what="describe")
    m.forge(to="hub", kind=Kind.OUT, token=MOODY, far="perps", amount="some", known=False)
    bring(m, "perps", "hub")


def send_while_held(m: Any) -> None:
    m.hold(chain="hub", number=0, seconds=DAY)
    send_back(m)
    send_back(m, ERA)
    bring(m, "arcade", "hub")
    m.unhold(chain="hub", number=0)
    m.retry(number=0)


def claim_while_held(m: Any) -> None:
    send_out(m, ERA, TIP)
    m.front(number=0)
    m.hold(chain="hub", number=0, seconds=DAY)
    m.claim(number=0)
    m.meet()
    bring(m, "arcade", "hub")


def strike(m: Any) -> None:
    """A true one: it comes home."""
    send_back(m)
    m.strike(number=0)
    bring(m, "arcade", "hub")
    m.retry(number=0)
    come_home(m, "arcade", "hub")


# Assets


def describe_in_vain(m: Any) -> None:
    m.describe(chain="hub", token=MOODY, number=0, who=0)
    come_home(m, "hub", "arcade")


def describe_again(m: Any) -> None:
    m.rename(name="USD Coin")
    m.describe(chain="hub", token=MOODY, number=0, who=0)
    m.meet()
    bring(m, "hub", "arcade")


def adopt_late(m: Any) -> None:
    m.adopt(chain="arcade", token=MOODY, number=ISSUED)


def forge_era(m: Any) -> None:
    """A spoke says that ERA is at home there."""
    m.turn(spoke="arcade")
    m.forge(to="perps", kind=Kind.OUT, token=ERA, far="arcade", amount="some", known=False)
    bring(m, "arcade", "perps")


# Hops


def keep_the_deadline(m: Any) -> None:
    send_on(m, MOODY, within=5 * DAY)
    bring(m, "arcade", "hub")


def pay_for_the_hop(m: Any) -> None:
    """Of a token whose home is no hub."""
    m.meet()
    m.send(chain="hub", token=PLAIN, number=1, amount=SEVEN)
    m.meet()
    bring(m, "hub", "arcade")
    m.pay(number=0, more=-1)
    m.retry(number=0)
    m.pay(number=0)
    m.retry(number=0)
    m.meet()
    bring(m, "arcade", "perps")


def forge_an_empty_call(m: Any) -> None:
    """It would be priced without the word of its sender."""
    m.turn(spoke="arcade")
    m.forge(to="hub", kind=Kind.BACK, token=MOODY, far="perps", amount="some", fee=10**9, data=b"")
    bring(m, "arcade", "hub")


def call(m: Any) -> None:
    """Paid before: also where a limit is asked first."""
    m.limit(chain="hub", token=MOODY, number=0, out=100 * WHOLE, into=100 * WHOLE)
    send_back(m, data=SHORT)
    bring(m, "arcade", "hub")


def call_who_wants_gas(m: Any) -> None:
    m.behave(chain="hub", behaviour=Behaviour.WANT_GAS)
    send_back(m, data=SHORT)
    send_back(m, data=MUCH)
    bring(m, "arcade", "hub")
    m.retry(number=0)
    m.behave(chain="hub", behaviour=Behaviour.REFUSE)
    send_back(m, data=MUCH)
    bring(m, "arcade", "hub")
    come_home(m, "arcade", "hub")


def return_to_who_is_blocked(m: Any) -> None:
    """The refund stands; the bridge takes the transfer back once it can."""
    send_out(m, MOODY)
    m.block(who=0)
    come_home(m, "hub", "arcade")
    m.call_back(number=0)
    m.block(who=0, blocks=False)
    m.call_back(number=0)


def leave_a_lane_behind(m: Any) -> None:
    send_out(m, MOODY)
    m.abandon(number=0)


def forget_a_return(m: Any) -> None:
    """A lane is restarted after it said that something returns, and before that is refunded."""
    send_back(m)
    m.wait_everywhere(seconds=EXPIRED)
    bring(m, "arcade", "hub")
    m.send_home(number=0)
    bring(m, "hub", "arcade")
    send_out(m, MOODY)
    m.abandon(number=0)


def believe_a_return(m: Any) -> None:
    """A spoke says that it never got what it got."""
    send_out(m, MOODY)
    bring(m, "hub", "arcade")
    m.turn(spoke="arcade")
    m.claim_return(number=0)
    bring(m, "arcade", "hub")
    m.refund(number=0)


# Gateways


def come_by_a_stranger(m: Any) -> None:
    m.accept_gateway()
    m.choose(chain="arcade", number=0)
    m.refuse_gateway(chain="hub")
    send_back(m)
    bring(m, "arcade", "hub", SECOND)


def choose_at_once(m: Any) -> None:
    m.accept_gateway(patient=False)
    m.choose(chain="hub", number=0)


def come_by_the_second(m: Any) -> None:
    m.accept_gateway()
    m.choose(chain="arcade", number=0)
    send_back(m, tip=TIP)
    m.front(number=0)
    bring(m, "arcade", "hub", SECOND)
