"""What finds a bug of remote governance always: few steps of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.kit.decisions import GRACE, LIFETIME, PRECEDENT_TIME
from tests.stateful.deciders import (
    ACCEPT,
    AFTER,
    BESIDE,
    CANCEL,
    DROP,
    DROP_NEW,
    FIRST,
    FRAGILE,
    NEW,
    NOWHERE,
    OFFICES,
    PLAIN,
    SECOND,
)

Steps = Callable[[Any], None]


def decide_over_a_closed_lane(m: Any) -> None:
    m.open_or_close()
    m.decide(number=PLAIN)
    m.open_or_close()
    m.send(number=PLAIN)


def decide_twice(m: Any) -> None:
    m.decide(number=PLAIN)
    m.decide(number=PLAIN)


def send_what_nobody_decided(m: Any) -> None:
    m.decide(number=PLAIN)
    m.send(number=SECOND)


def send_again(m: Any) -> None:
    m.decide(number=PLAIN)
    m.send(number=PLAIN)


def send_too_late(m: Any) -> None:
    m.decide(number=PLAIN)
    m.wait(seconds=LIFETIME)
    m.send(number=PLAIN)


def arrive_twice(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.arrive(number=PLAIN)


def arrive_from_another_chain(m: Any) -> None:
    m.arrive(number=PLAIN, lie="chain")


def arrive_from_another_account(m: Any) -> None:
    m.arrive(number=PLAIN, lie="account")


def arrive_with_offices(m: Any) -> None:
    m.arrive(number=OFFICES)
    m.postpone(number=OFFICES)
    m.refuse(number=OFFICES)


def hide_beside_offices(m: Any) -> None:
    m.arrive(number=BESIDE)
    m.postpone(number=BESIDE)
    m.refuse(number=BESIDE)


def cancel_what_was_executed(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.wait_for(number=PLAIN)
    m.execute(number=PLAIN)
    m.arrive(number=CANCEL)


def cancel_what_comes_later(m: Any) -> None:
    m.arrive(number=CANCEL)
    m.arrive(number=PLAIN)
    m.wait_for(number=CANCEL)
    m.execute(number=PLAIN)


def postpone_twice(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.postpone(number=PLAIN)
    m.postpone(number=PLAIN)


def postpone_too_late(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.wait_for(number=PLAIN, late=GRACE + 1)
    m.postpone(number=PLAIN)


def refuse_at_once(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.refuse(number=PLAIN)


def execute_what_was_postponed(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.postpone(number=PLAIN)
    m.wait_for(number=PLAIN)
    m.execute(number=PLAIN)


def execute_too_late(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.wait_for(number=PLAIN, late=GRACE + 1)
    m.execute(number=PLAIN)


def execute_with_other_code(m: Any) -> None:
    m.arrive(number=FRAGILE)
    m.wait_for(number=FRAGILE)
    m.change_code()
    m.execute(number=FRAGILE)
    m.change_code()
    m.execute(number=FRAGILE)


def execute_before_the_precedent(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.arrive(number=SECOND)
    m.wait_for(number=SECOND)
    m.execute(number=SECOND)
    m.execute(number=PLAIN)
    m.execute(number=SECOND)


def drop_itself(m: Any) -> None:
    m.arrive(number=ACCEPT)
    m.arrive(number=DROP, gateway=FIRST)
    m.wait_for(number=DROP)
    m.execute(number=ACCEPT)
    m.execute(number=DROP)


def accept(m: Any) -> None:
    """A second gateway."""
    m.arrive(number=ACCEPT)
    m.wait_for(number=ACCEPT)
    m.execute(number=ACCEPT)


def cancel_through_one_gateway(m: Any) -> None:
    accept(m)
    m.arrive(number=PLAIN, gateway=FIRST)
    m.arrive(number=CANCEL, gateway=NEW)
    m.wait_for(number=PLAIN)
    m.execute(number=PLAIN)


def bring_what_expired(m: Any) -> None:
    accept(m)
    m.arrive(number=PLAIN, gateway=NEW)
    m.wait_for(number=PLAIN, late=GRACE + 1)
    m.arrive(number=PLAIN, gateway=FIRST)
    m.wait_for(number=PLAIN)
    m.execute(number=PLAIN)


def offices_after_another(m: Any) -> None:
    m.arrive(number=AFTER)
    m.postpone(number=AFTER)


def name_offices_meanwhile(m: Any) -> None:
    m.arrive(number=OFFICES)
    m.arrive(number=BESIDE)
    m.wait_for(number=BESIDE)
    m.execute(number=BESIDE)
    m.wait_for(number=OFFICES)
    m.execute(number=OFFICES)


def call_nothing(m: Any) -> None:
    m.arrive(number=NOWHERE)
    m.wait_for(number=NOWHERE)
    m.execute(number=NOWHERE)


def postpone_the_precedent(m: Any) -> None:
    m.arrive(number=PLAIN)
    m.arrive(number=SECOND)
    m.postpone(number=PLAIN)
    m.wait_for(number=PLAIN)
    m.execute(number=PLAIN)
    m.execute(number=SECOND)


def execute_the_precedent_too_late(m: Any) -> None:
    m.arrive(number=SECOND)
    m.wait_for(number=SECOND, late=PRECEDENT_TIME)
    m.arrive(number=PLAIN)
    m.wait_for(number=PLAIN)
    m.execute(number=PLAIN)
    m.execute(number=SECOND)


def drop_who_invented(m: Any) -> None:
    accept(m)
    m.arrive(number=DROP, gateway=NEW)
    m.arrive(number=OFFICES, gateway=FIRST)
    m.wait_for(number=DROP)
    m.execute(number=DROP)
    m.wait_for(number=OFFICES)
    m.execute(number=OFFICES)


def drop_each_other(m: Any) -> None:
    accept(m)
    m.arrive(number=DROP_NEW, gateway=FIRST)
    m.arrive(number=DROP, gateway=NEW)
    m.wait_for(number=DROP)
    m.execute(number=DROP)
    m.execute(number=DROP_NEW)
