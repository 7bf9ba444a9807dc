"""What finds a bug of the votes always: few steps of the machine. Proposal 0 is there from the beginning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.kit.paper import DAY
from tests.stateful.elections import BEFORE_WINDOW, DEADLINE, EXPIRED, SNAPSHOT
from tests.stateful.motions import BESIDE, GUARD, NOBODY, PAY, SHORTEN
from tests.stateful.voters import ALL_ABSTAIN, ALL_AGAINST, ALL_FOR, HALF_FOR, THIRDS

Steps = Callable[[Any], None]

HOUR = 3_600
FORTY_FIVE, TEN = 2, 4
"""Voters by the millions that they hold on the hub, as `vote_on_hub` numbers them."""


# ERA between clocks


def arrive_before_the_snapshot(m: Any) -> None:
    """The spoke is ahead: what leaves it after the snapshot comes to the hub before."""
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=72)
    m.send(chain="arcade", number=0, who=0, count=9)
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=-36)
    m.deliver(origin="arcade", destination="hub")
    m.vote_everywhere(number=0, how=ALL_FOR)


def arrive_on_a_spoke_before_the_snapshot(m: Any) -> None:
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=72)
    m.send(chain="hub", number=0, who=0, count=9)
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=-36)
    m.deliver(origin="hub", destination="arcade")
    m.vote_everywhere(number=0, how=ALL_FOR)


def arrive_to_the_second(m: Any) -> None:
    """Refused in the second before the one in which it was sent, and credited in that."""
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=1)
    m.send(chain="arcade", number=0, who=0, count=9)
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=0)
    m.deliver(origin="arcade", destination="hub")
    m.retry(number=0)
    m.vote_everywhere(number=0, how=ALL_FOR)


def cross_by_the_hub(m: Any) -> None:
    """The hub is ahead of both spokes: its own second is what counts on the way on."""
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=-60)
    m.send(chain="arcade", number=1, who=0, count=9)
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=72)
    m.deliver(origin="arcade", destination="hub")
    m.reach(chain="perps", number=0, moment=SNAPSHOT, late=-36)
    m.deliver(origin="hub", destination="perps")
    m.reach(chain="perps", number=0, moment=SNAPSHOT, late=80)
    m.retry(number=0)
    m.vote_everywhere(number=0, how=ALL_FOR)


def lock_in_the_second_of_the_snapshot(m: Any) -> None:
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=0)
    m.send(chain="hub", number=0, who=0, count=9)
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=0)
    m.deliver(origin="hub", destination="arcade")
    m.vote_everywhere(number=0, how=ALL_FOR)


def come_home(m: Any) -> None:
    """What comes too late to the hub, by its clock, goes home to a spoke whose clock stands before the snapshot."""
    m.send(chain="arcade", number=0, who=0, count=9)
    for _ in range(15):
        m.wait(chain="hub", seconds=DAY)
    m.deliver(origin="arcade", destination="hub")
    m.send_home(number=0)
    m.deliver(origin="hub", destination="arcade")
    m.refund(number=0)
    m.vote(spoke="arcade", number=0, who=FORTY_FIVE + 2, how=ALL_FOR)


def come_home_by_the_hub(m: Any) -> None:
    """The second hop comes too late: what returns is forwarded home, and comes there after the snapshot."""
    m.send(chain="arcade", number=1, who=0, count=9)
    m.deliver(origin="arcade", destination="hub")
    for _ in range(15):
        m.wait(chain="perps", seconds=DAY)
    m.deliver(origin="hub", destination="perps")
    m.send_home(number=0)
    m.deliver(origin="perps", destination="hub")
    m.refund(number=0)
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=2)
    m.deliver(origin="hub", destination="arcade")
    m.vote_everywhere(number=0, how=ALL_FOR)


def come_home_by_the_hub_that_is_ahead(m: Any) -> None:
    """The hub takes it back after the snapshot: it must not be where it began before, by the clock there."""
    m.send(chain="arcade", number=1, who=0, count=9)
    m.deliver(origin="arcade", destination="hub")
    for _ in range(15):
        m.wait(chain="perps", seconds=DAY)
    m.deliver(origin="hub", destination="perps")
    m.send_home(number=0)
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=72)
    m.deliver(origin="perps", destination="hub")
    m.refund(number=0)
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=-36)
    m.deliver(origin="hub", destination="arcade")
    m.vote_everywhere(number=0, how=ALL_FOR)


def pay_with_votes(m: Any) -> None:
    """ERA that pays for a hop of another token leaves the spoke like any other."""
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=72)
    m.prepay(start="arcade", who=0, prepaid=9)
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=-36)
    m.deliver(origin="arcade", destination="hub")
    m.vote_everywhere(number=0, how=ALL_FOR)


def prepay_and_come_home(m: Any) -> None:
    """What pays for a hop that never began is back where it was burned, and whoever gets back the amount gets that."""
    m.send(chain="arcade", number=1, who=0, count=9, prepaid=3, back=3)
    m.prepay(start="arcade", who=0, prepaid=5)
    for _ in range(15):
        m.wait(chain="hub", seconds=DAY)
    m.deliver(origin="arcade", destination="hub")
    for _ in range(2):
        m.send_home(number=0)
    m.deliver(origin="hub", destination="arcade")
    for _ in range(2):
        m.refund(number=0)
    m.vote_everywhere(number=0, how=ALL_FOR)


# Who pays before it arrives


def front_and_arrive(m: Any) -> None:
    """Half before the snapshot, by another holder there; what arrives is that one's."""
    for chain, number, prepaid in (("arcade", 0, 0), ("hub", 1, 0), ("arcade", 1, 3)):
        m.send(chain=chain, number=number, who=0, count=4, tips=True, prepaid=prepaid)
    m.front(number=0, who=1)
    m.front(number=1, who=2)
    m.front(number=2, who=1)
    m.front(number=2, who=2)
    m.reach_everywhere(number=0, moment=SNAPSHOT, late=-HOUR, skew=0)
    for origin, destination in (("arcade", "hub"), ("hub", "perps")):
        m.deliver(origin=origin, destination=destination)
    m.claim(number=0)
    m.vote_everywhere(number=0, how=ALL_FOR)


def front_and_come_home(m: Any) -> None:
    """What did not arrive is who paid's, where it began."""
    m.send(chain="hub", number=0, who=0, count=4, tips=True, back=3)
    m.front(number=0, who=1)
    m.claim(number=0)
    m.deliver(origin="arcade", destination="hub")
    for _ in range(15):
        m.wait(chain="arcade", seconds=DAY)
    m.deliver(origin="hub", destination="arcade")
    m.send_home(number=0)
    m.deliver(origin="arcade", destination="hub")
    m.refund(number=0)
    m.vote_everywhere(number=0, how=ALL_FOR)


def front_and_come_home_by_the_hub(m: Any) -> None:
    m.send(chain="arcade", number=1, who=0, count=4, tips=True)
    m.front(number=0, who=1)
    m.claim(number=0)
    m.deliver(origin="perps", destination="arcade")
    m.deliver(origin="arcade", destination="hub")
    for _ in range(15):
        m.wait(chain="perps", seconds=DAY)
    m.deliver(origin="hub", destination="perps")
    m.send_home(number=0)
    m.deliver(origin="perps", destination="hub")
    m.refund(number=0)
    m.wait(chain="arcade", seconds=HOUR)
    m.deliver(origin="hub", destination="arcade")
    m.vote_everywhere(number=0, how=ALL_FOR)


def claim_what_others_sent(m: Any) -> None:
    """A spoke that lies says that somebody paid there: what was sent to it is that one's, and nothing else is."""
    m.turn(spoke="arcade")
    for number in (0, 1):
        m.send(chain="hub", number=number, who=0, count=4, tips=True)
        m.claim_falsely(number=number, who=2)
    m.deliver(origin="arcade", destination="hub")
    m.claim_return(number=0)
    m.deliver(origin="arcade", destination="hub")
    m.refund(number=0)
    for _ in range(15):
        m.wait(chain="perps", seconds=DAY)
    m.deliver(origin="hub", destination="perps")
    m.send_home(number=0)
    m.deliver(origin="perps", destination="hub")
    m.refund(number=0)
    m.vote_everywhere(number=0, how=ALL_FOR)


def release_as_a_fee(m: Any) -> None:
    """A spoke that lies gives away what it is owed: it cannot give more."""
    m.turn(spoke="arcade")
    m.release(to="perps", who=0, count=20, prepaid=3)
    m.release(to="hub", who=0, count=20, prepaid=3)
    m.deliver(origin="arcade", destination="hub")
    m.vote_everywhere(number=0, how=ALL_FOR)
    m.lie_and_cast(number=0, parts=(0, 60, 0))


def give(m: Any) -> None:
    """To the bridge, and to what a chain may send: neither votes any more, but for a spoke that lies."""
    for chain in ("hub", "arcade"):
        m.pay_for_a_hop(chain=chain, who=0, count=5)
    m.cover(spoke="arcade", who=0, count=9)
    m.vote_everywhere(number=0, how=ALL_FOR)
    m.turn(spoke="arcade")
    m.lie_and_cast(number=0, parts=(0, 60, 0))


# Spokes


def vote_with_what_came_later(m: Any) -> None:
    m.reach(chain="arcade", number=0, moment=SNAPSHOT, late=1)
    m.pay(chain="arcade", who=0, to=2, count=9)
    m.vote(spoke="arcade", number=0, who=6, how=ALL_FOR)


def vote_with_half_and_the_rest(m: Any) -> None:
    m.vote(spoke="arcade", number=0, who=4, how=HALF_FOR)
    m.vote(spoke="arcade", number=0, who=4, how=ALL_FOR)


def vote_by_signature(m: Any) -> None:
    m.vote(spoke="arcade", number=0, who=4, how=HALF_FOR, signs=True)
    m.vote(spoke="arcade", number=0, who=4, how=ALL_FOR, signs=True)


def vote_by_signature_on_the_hub(m: Any) -> None:
    m.vote_on_hub(number=0, who=TEN, how=HALF_FOR)
    m.vote_on_hub(number=0, who=TEN, how=ALL_AGAINST, signs=True)


# The pool


def say_after_growing(m: Any) -> None:
    """What came to a spoke after the snapshot gives its lies no weight."""
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=1)
    m.send(chain="hub", number=0, who=0, count=20)
    m.turn(spoke="arcade")
    m.lie(number=0, parts=(0, 60, 0))
    m.deliver(origin="arcade", destination="hub")
    m.cast(spoke="arcade", number=0)


def say_too_much(m: Any) -> None:
    m.turn(spoke="arcade")
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=1)
    m.lie(number=0, parts=(7, 20, 8))
    m.deliver(origin="arcade", destination="hub")
    m.cast(spoke="arcade", number=0)
    m.lie(number=0, parts=(60, 60, 60))
    m.deliver(origin="arcade", destination="hub")
    m.cast(spoke="arcade", number=0)


def release_and_say(m: Any) -> None:
    """A spoke that lies takes everything out, and votes with it nevertheless, where it was at the snapshot."""
    m.turn(spoke="arcade")
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=0)
    m.release(to="hub", who=0, count=20)
    m.release(to="perps", who=1, count=9)
    m.deliver(origin="arcade", destination="hub")
    m.deliver(origin="hub", destination="perps")
    m.vote_everywhere(number=0, how=ALL_FOR)
    m.lie(number=0, parts=(0, 60, 0))
    m.deliver(origin="arcade", destination="hub")
    m.cast(spoke="arcade", number=0)


def claim_what_arrived(m: Any) -> None:
    """A spoke that lies says that it never got what it got: it is owed less from then on, and released on the hub."""
    m.send(chain="hub", number=0, who=0, count=9)
    m.wait(chain="arcade", seconds=59)
    m.deliver(origin="hub", destination="arcade")
    m.turn(spoke="arcade")
    m.claim_return(number=0)
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=0)
    m.deliver(origin="arcade", destination="hub")
    m.refund(number=0)
    m.vote_everywhere(number=0, how=ALL_FOR)
    m.lie(number=0, parts=(0, 60, 0))
    m.deliver(origin="arcade", destination="hub")
    m.cast(spoke="arcade", number=0)


def lie_before_a_restart(m: Any) -> None:
    """Until the spoke says it again, nothing of that is cast; and what was cast stays."""
    m.turn(spoke="arcade")
    m.lie_and_cast(number=0, parts=(1, 2, 0))
    m.lie_and_cast(number=0, parts=(60, 60, 60), restarts=True)
    m.lie_and_cast(number=0, parts=(0, 2, 0))
    m.lie_and_cast(number=0, parts=(9, 2, 0))


def claim_before_a_restart(m: Any) -> None:
    """What was said to have returned is not refunded, until that is said again."""
    m.turn(spoke="perps")
    m.send(chain="hub", number=1, who=0, count=9)
    for _ in range(2):
        m.claim_return(number=0)
        m.deliver(origin="perps", destination="hub")
        m.restart()
        m.refund(number=0)
    m.claim_return(number=0)
    m.deliver(origin="perps", destination="hub")
    m.refund(number=0)


def say_more_later(m: Any) -> None:
    m.vote(spoke="arcade", number=0, who=4, how=ALL_FOR)
    m.bring(spoke="arcade", number=0)
    m.vote(spoke="arcade", number=0, who=6, how=ALL_FOR)
    m.bring(spoke="arcade", number=0)


def say_less(m: Any) -> None:
    m.turn(spoke="arcade")
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=1)
    for parts in ((0, 9, 3), (0, 6, 3), (9, 6, 3), (0, 12, 3)):
        m.lie(number=0, parts=parts)
        m.deliver(origin="arcade", destination="hub")
        m.cast(spoke="arcade", number=0)


def say_of_another_snapshot(m: Any) -> None:
    m.vote(spoke="arcade", number=0, who=4, how=ALL_FOR, shift=HOUR)
    m.send_tally(spoke="arcade", number=0, shift=HOUR)
    m.deliver(origin="arcade", destination="hub")


def cast_while_paused(m: Any) -> None:
    _say(m)
    m.pause(spoke="arcade")
    m.cast(spoke="arcade", number=0)


def cast_while_closed(m: Any) -> None:
    _say(m)
    m.open_or_close(spoke="arcade")
    m.cast(spoke="arcade", number=0)


def _say(m: Any) -> None:
    m.vote(spoke="arcade", number=0, who=4, how=ALL_FOR)
    m.send_tally(spoke="arcade", number=0)
    m.reach(chain="hub", number=0, moment=SNAPSHOT, late=1)
    m.deliver(origin="arcade", destination="hub")


def cast_late(m: Any) -> None:
    """The tally holds both: only what is against counts after the old deadline."""
    m.vote(spoke="arcade", number=0, who=4, how=ALL_FOR)
    m.vote(spoke="arcade", number=0, who=6, how=ALL_AGAINST)
    m.send_tally(spoke="arcade", number=0)
    pass_late(m)
    m.deliver(origin="arcade", destination="hub")
    m.reach(chain="hub", number=0, moment=DEADLINE, late=1)
    m.cast(spoke="arcade", number=0)


def raid(m: Any) -> None:
    m.raid(number=0, how=THIRDS)
    m.vote(spoke="arcade", number=0, who=4, how=ALL_AGAINST)
    m.bring(spoke="arcade", number=0)


# The governor


def pass_late(m: Any) -> None:
    m.reach(chain="hub", number=0, moment=BEFORE_WINDOW, late=1)
    m.vote_on_hub(number=0, who=FORTY_FIVE, how=ALL_FOR)


def fail_late(m: Any) -> None:
    m.vote_on_hub(number=0, who=FORTY_FIVE, how=ALL_FOR)
    m.reach(chain="hub", number=0, moment=BEFORE_WINDOW, late=1)
    m.vote_everywhere(number=0, how=ALL_AGAINST)


def abstain_late(m: Any) -> None:
    pass_late(m)
    m.reach(chain="hub", number=0, moment=DEADLINE, late=1)
    m.vote_on_hub(number=0, who=TEN, how=ALL_ABSTAIN)


def execute_with_other_code(m: Any) -> None:
    m.decide(number=0)
    m.change_code()
    m.execute(number=0)
    m.change_code()
    m.execute(number=0)


def pay_who_was_paid(m: Any) -> None:
    m.propose(kind=PAY)
    m.decide(number=1)
    m.throw_a_wei()
    m.execute(number=1)


def wait_for_the_queue(m: Any) -> None:
    m.vote_everywhere(number=0, how=ALL_FOR)
    m.reach(chain="hub", number=0, moment=DEADLINE, late=1)
    for _ in range(13):
        m.wait(chain="hub", seconds=DAY)
    m.queue(number=0, patient=False)


def queue_too_late(m: Any) -> None:
    m.vote_everywhere(number=0, how=ALL_FOR)
    m.reach(chain="hub", number=0, moment=EXPIRED, late=1)
    m.queue(number=0, patient=False)


def execute_too_late(m: Any) -> None:
    m.decide(number=0)
    m.reach(chain="hub", number=0, moment=EXPIRED, late=1)
    m.execute(number=0, patient=False)


def shorten_meanwhile(m: Any) -> None:
    """The period is shorter before the other proposal is executed."""
    m.propose(kind=SHORTEN)
    m.vote_everywhere(number=0, how=ALL_FOR)
    m.decide(number=1)
    m.execute(number=1)
    m.propose(kind=PAY)
    m.queue(number=0)
    m.execute(number=0)


def hide_beside_the_guardian(m: Any) -> None:
    m.propose(kind=BESIDE)
    m.cancel(number=1)


def replace_the_guardian(m: Any) -> None:
    m.propose(kind=GUARD)
    m.cancel(number=1)
    m.decide(number=1)
    m.execute(number=1)
    m.propose(kind=PAY)
    m.cancel(number=2)


def leave_no_guardian(m: Any) -> None:
    m.propose(kind=NOBODY)
    m.decide(number=1)
    m.execute(number=1)


def wait(m: Any) -> None:
    m.wait(chain="hub", seconds=1)
