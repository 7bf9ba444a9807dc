"""Gateways with one bug each (`contracts/test/BrokenMetalayer.sol`): the machines must find every one of them.

The variant's code stands at the gateway's address on every chain, with the gateway's storage. What fails must be an
expectation of the machine, not the machine itself.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

from tests.kit.evm import init_code
from tests.kit.gateways import RECOVERY, Gateways
from tests.kit.stack import CHAINS
from tests.stateful.machine import Machine
from tests.stateful.machines import Everything, Faults, Government, LifeCycle, run
from tests.stateful.replays import REPLAYS


class Bug(IntEnum):
    """The contract's enum, in its order."""

    NONE = 0
    CALLS_WITH_TOO_LITTLE_GAS = 1
    EXECUTES_EXPIRED = 2
    RETRIES_AFTER_RETURN = 3
    RETURNS_BEFORE_EXPIRY = 4
    REFUNDS_WITHOUT_WALK = 5
    REFUNDS_TWICE = 6
    CLAIM_NOT_CUMULATIVE = 7
    ESCROW_NOT_BOUNDED = 8
    TWO_THIRDS_SUFFICE = 9
    IGNORES_PAUSE = 10
    ROTATES_BACKWARDS = 11
    RESTARTS_BACKWARDS = 12
    HEAD_NOT_CHECKED = 13
    CALLS_BACK_WITH_TOO_LITTLE_GAS = 14
    CALLS_BACK_WITH_ALL_GAS = 15
    OLD_EPOCH_COUNTS = 16
    CARRIER_PAID_TWICE = 17
    RETURNER_PAID_TWICE = 18
    PAUSE_EXTENDED_FROM_NOW = 19
    CLOSED_LANE_EXECUTES = 20
    NOTICE_LOST = 21
    NOTICE_TAKEN_IN_TWICE = 22
    VERSION_UNBOUNDED = 23
    GRACE_FOR_DELIVERIES = 24
    OLD_NOTICE_TAKEN_IN = 25
    ADOPTS_ANYTHING = 26
    ROTATES_ON_THE_HUB = 27


FINDERS: dict[Bug, tuple[type[Machine], str]] = {
    Bug.CALLS_WITH_TOO_LITTLE_GAS: (LifeCycle, "money_and_gas"),
    Bug.EXECUTES_EXPIRED: (LifeCycle, "returned_in_the_end"),
    Bug.RETRIES_AFTER_RETURN: (LifeCycle, "returned_in_the_end"),
    Bug.RETURNS_BEFORE_EXPIRY: (LifeCycle, "returned_in_the_end"),
    Bug.REFUNDS_WITHOUT_WALK: (Faults, "a_chain_that_lies"),
    Bug.REFUNDS_TWICE: (LifeCycle, "returned_in_the_end"),
    Bug.CLAIM_NOT_CUMULATIVE: (LifeCycle, "delivered_in_the_end"),
    Bug.ESCROW_NOT_BOUNDED: (Faults, "a_chain_that_lies"),
    Bug.TWO_THIRDS_SUFFICE: (Government, "sets_follow_each_other"),
    Bug.IGNORES_PAUSE: (Government, "pauses_end"),
    Bug.ROTATES_BACKWARDS: (Government, "what_outsiders_show"),
    Bug.RESTARTS_BACKWARDS: (Faults, "a_lane_that_was_reorganised"),
    Bug.HEAD_NOT_CHECKED: (Government, "what_outsiders_show"),
    Bug.CALLS_BACK_WITH_TOO_LITTLE_GAS: (LifeCycle, "hostile_senders"),
    Bug.CALLS_BACK_WITH_ALL_GAS: (LifeCycle, "hostile_senders"),
    Bug.OLD_EPOCH_COUNTS: (Faults, "lies_before_a_restart"),
    Bug.CARRIER_PAID_TWICE: (Faults, "a_notice_that_was_lost"),
    Bug.RETURNER_PAID_TWICE: (Faults, "a_notice_that_was_lost"),
    Bug.PAUSE_EXTENDED_FROM_NOW: (Government, "pauses_are_bounded"),
    Bug.CLOSED_LANE_EXECUTES: (Government, "what_drains_from_a_closed_lane"),
    Bug.NOTICE_LOST: (Government, "what_drains_from_a_closed_lane"),
    Bug.NOTICE_TAKEN_IN_TWICE: (Government, "what_drains_from_a_closed_lane"),
    Bug.VERSION_UNBOUNDED: (Government, "what_outsiders_show"),
    Bug.GRACE_FOR_DELIVERIES: (Government, "sets_that_ran_out"),
    Bug.OLD_NOTICE_TAKEN_IN: (Everything, "lies_that_were_put_aside"),
    Bug.ADOPTS_ANYTHING: (Government, "what_the_hub_adopts"),
    Bug.ROTATES_ON_THE_HUB: (Government, "what_the_hub_adopts"),
}
"""The machine that finds a bug at random, and the replay that finds it always."""


@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found(gateways: Gateways, bug: Bug) -> None:
    """P1, P2, P3, P5, P24, M3, M12, M18, M21: by its replay, in a check and not in the machine itself."""
    install(gateways, bug)
    FINDERS[bug][0].gateways = gateways
    with pytest.raises(AssertionError, match=r"^P\d"):
        REPLAYS[FINDERS[bug][1]].play()


@pytest.mark.deep
@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found_at_random(gateways: Gateways, bug: Bug) -> None:
    """P1, P2, P3, P5, M3, M12, M18, M21."""
    install(gateways, bug)
    with pytest.raises(AssertionError, match=r"^P\d"):
        run(FINDERS[bug][0], gateways)


@pytest.mark.parametrize("name", sorted({name for _, name in FINDERS.values()}))
def test_without_a_bug_nothing_is_found(gateways: Gateways, name: str) -> None:
    """The variant itself is a gateway like ours."""
    install(gateways, Bug.NONE)
    REPLAYS[name].machine.gateways = gateways
    REPLAYS[name].play()


def install(gateways: Gateways, bug: Bug) -> None:
    """The variants' code, immutables included: what their constructors return at the addresses of the originals."""
    g, first = gateways, gateways.sets[0]
    offices = (g.owner, g.guardian, RECOVERY, RECOVERY)
    arguments: tuple[Any, ...] = (
        g.network_id,
        g.era,
        g.annex,
        offices,
        [],
        (first.version, first.expires, first.words),
        bug,
    )
    for name in CHAINS:
        g.recode(name, g.gateway, init_code("BrokenMetalayer", *arguments))
        g.recode(name, g.annex, init_code("BrokenAnnex", *g.annex_arguments(name), bug))
