"""Steps that every run takes: the paths that each machine must get to, and counter-examples that stay.

A machine that fails prints its steps as they stand here: paste them, give them a name, and say which property broke.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.kit.exploring import play
from tests.kit.gateways import PAYER, RELAYER, RIVAL
from tests.stateful.ghost import Mood, OnReturn
from tests.stateful.machine import DAY, HOUR, Machine
from tests.stateful.machines import Everything, Faults, Government, LifeCycle
from tests.stateful.senders import LAVISH_GAS, TOO_LITTLE_GAS
from tests.stateful.trial import EvidenceMachine


@dataclass(frozen=True)
class Replay:
    """Steps of a machine, and the paths that they must take."""

    machine: type[Machine] | type[EvidenceMachine]
    steps: Callable[[Any], None]
    paths: frozenset[str]

    def play(self) -> None:
        """As in a random example of the machine, which is set up: in the end, all that is open ends."""
        self.machine.paths = Counter()
        play(self.machine, self.steps)
        missed = self.paths - set(self.machine.paths)
        assert not missed, f"the steps no longer get to: {', '.join(sorted(missed))}"


REPLAYS: dict[str, Replay] = {}


def replay(
    machine: type[Machine] | type[EvidenceMachine], *paths: str
) -> Callable[[Callable[[Any], None]], None]:
    def keep(steps: Callable[[Any], None]) -> None:
        assert steps.__name__ not in REPLAYS
        REPLAYS[steps.__name__] = Replay(machine, steps, frozenset(paths))

    return keep


# Paths


@replay(LifeCycle, "sent by account", "sent by contract", "failed", "retried", "claimed", "claim paid")
def delivered_in_the_end(state: LifeCycle) -> None:
    """P1, P5"""
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="contract", within=None)
    state.change_mood(destination="arcade", mood=Mood.REVERT)
    state.deliver(number=0, racing=True)
    state.change_mood(destination="arcade", mood=Mood.ACCEPT)
    state.retry(number=0)
    state.deliver(number=0, relayer=RIVAL)
    state.claim(number=0)
    state.deliver(number=0)


@replay(LifeCycle, "expired", "retry or return", "returned", "refused what came back", "refunded")
def returned_in_the_end(state: LifeCycle) -> None:
    """P1, P5, M18, M20"""
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="contract", within=HOUR)
    state.deliver(number=1)
    state.retry_or_return(number=0)
    state.pass_time(seconds=5 * HOUR)
    state.return_to_sender(number=0)
    state.deliver(number=0)
    state.end_twice(number=0)
    state.change_mood_of_sender(name="arcade", behaviour=OnReturn.REVERT)
    state.refund(number=0)
    state.change_mood_of_sender(name="arcade", behaviour=OnReturn.ACCEPT)
    state.call_back(number=0)


@replay(LifeCycle, "deposit", "withdrawal", "too little gas", "enough gas", "settled to the last gwei")
def money_and_gas(state: LifeCycle) -> None:
    """P5, M12"""
    state.begin(first=("hub", "arcade"), second=("hub", "arcade"), who="account", within=None)
    state.deposit(name="hub", to=0, payer=PAYER, amount=10**17)
    state.withdraw(name="hub", number=0, share=2)
    state.deliver(number=0, gas=150_000)
    state.deliver(number=0, take=1, gas=1_100_000)


@replay(Government, "paused", "held up by a pause", "pause ended early", "claim paid", "refunded")
def pauses_end(state: Government) -> None:
    """P3"""
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="account", within=HOUR)
    state.hold_up(number=0, duration=DAY)
    state.deliver(number=0)
    state.pass_time(seconds=5 * HOUR)
    state.unpause(lane=("hub", "arcade"))
    state.deliver(number=0)


@replay(Government, "paused", "extended", "not paused: InvalidPause", "not paused: CoolingDown", "opened")
def pauses_are_bounded(state: Government) -> None:
    """P3: by the longest one from the beginning, and by a cool-down as long as it was."""
    lane = ("arcade", "perps")
    state.hold_up(number=0, duration=0)
    state.pause(lane=lane, duration=DAY)
    state.pass_time(seconds=5 * HOUR)
    state.pause(lane=lane, duration=21 * DAY)
    state.pause(lane=lane, duration=3 * DAY)
    state.pause_as_watcher(lane=lane)
    state.unpause(lane=lane)
    state.pause(lane=lane, duration=HOUR)
    state.set_open(lane=lane, outbound=False, inbound=False)
    state.set_open(lane=lane, outbound=True, inbound=True)


@replay(
    Government,
    *("closed", "held up by a closed route", "expired in a lane that is not open"),
    *("failed in a lane that is not open", "taken in later", "refunded", "settled to the last gwei"),
)
def what_drains_from_a_closed_lane(state: Government) -> None:
    """P1, P5: what has expired goes home over it, notices are put aside until it is open, and nothing is executed."""
    state.hold_up(number=0, duration=0)
    state.send(lane=("hub", "arcade"), within=HOUR)
    state.send(lane=("hub", "arcade"), within=DAY)
    state.set_open(lane=("arcade", "hub"), outbound=True, inbound=False)
    state.deliver(number=0)
    state.pass_time(seconds=5 * HOUR)
    state.deliver(number=0, take=1)
    state.return_to_sender(number=0)
    state.set_open(lane=("hub", "arcade"), outbound=True, inbound=False)
    state.deliver(number=1)
    state.retry(number=0)
    state.set_open(lane=("hub", "arcade"), outbound=True, inbound=True)
    state.retry(number=0)


@replay(
    Government,
    *("closed for good", "not closed for long enough", "refunded over a closed route: none"),
    *("refunded over a closed route: expired", "refunded over a closed route: failed"),
)
def home_without_the_destination(state: Government) -> None:
    """P1, P5, P24"""
    state.hold_up(number=0, duration=0)
    state.send(lane=("hub", "arcade"), who="contract", gas=TOO_LITTLE_GAS, within=DAY)
    state.deliver(number=0)
    state.send(lane=("hub", "arcade"), within=HOUR)
    state.pass_time(seconds=DAY)
    state.deliver(number=0)
    state.send(lane=("hub", "arcade"), within=HOUR)
    state.refund_closed(number=0)
    state.give_up(lane=("hub", "arcade"))
    state.refund_closed(number=0, kind="false")
    for _ in range(3):
        state.refund_closed(number=0)


@replay(
    Government,
    *("a set followed in its grace", "a set followed by the recovery", "a set followed announced"),
    "a set followed by adoption",
)
def sets_that_ran_out(state: Government) -> None:
    """P3: what a set that has expired may still sign is its successor."""
    state.hold_up(number=0, duration=0)
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="account", within=None)
    state.expire(number=0)
    state.outlive(name="arcade", how="in its grace")
    state.outlive(name="hub", how="announced")
    state.outlive(name="perps", how="announced")
    state.outlive(name="arcade", how="by the recovery")


@replay(Government, "adopted", "rotated: older", "rotated: unsigned", "settled to the last gwei")
def what_the_hub_adopts(state: Government) -> None:
    """S9, P3: what was published last, and nothing that a quorum signed."""
    state.hold_up(number=0, duration=0)
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="account", within=None)
    state.rotate(number=0)
    state.rotate_falsely(name="hub", number=0, kind="older")
    state.rotate_falsely(name="hub", number=1, kind="older")
    state.rotate_falsely(name="hub", number=0, kind="unsigned")
    state.rotate(number=0, skip=True)
    state.rotate_falsely(name="hub", number=0, kind="far")
    state.deliver(number=0)


@replay(
    Government,
    "rotated",
    "chains with different sets",
    "attested: one signer short",
    "settled to the last gwei",
)
def sets_follow_each_other(state: Government) -> None:
    """P3, M2, M3, M17"""
    state.hold_up(number=0, duration=0)
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="account", within=None)
    state.rotate(number=1, signers=3)
    state.attest_falsely(number=0, signers=2, kind="one signer short")
    state.attest_falsely(number=0, signers=2, kind="set before")
    state.rotate_falsely(name="arcade", number=0, kind="older")
    state.deliver(number=0)


@replay(
    LifeCycle,
    *("refused what came back", "refused again what came back", "called back", "too little gas"),
    *("FeeTooHigh", "settled to the last gwei"),
)
def hostile_senders(state: LifeCycle) -> None:
    """P1, P5, P24, M20"""
    lane = ("hub", "arcade")
    for number, gas in enumerate((LAVISH_GAS, LAVISH_GAS, None, TOO_LITTLE_GAS, 0)):
        bound = 0 if number else -1
        state.send(lane=lane, who="contract", gas=TOO_LITTLE_GAS, return_gas=gas, bound=bound, within=HOUR)
    state.send(lane=lane, who="contract", gas=TOO_LITTLE_GAS, return_gas=LAVISH_GAS, within=HOUR)
    state.pass_time(seconds=2 * HOUR)
    state.deliver(number=0)
    for number in range(5):
        state.return_to_sender(number=number)
    state.deliver(number=0)
    state.change_mood_of_sender(name="hub", behaviour=OnReturn.BURN_ALL_GAS)
    state.refund(number=0)
    state.change_mood_of_sender(name="hub", behaviour=OnReturn.HUNGRY)
    state.refund(number=3, gas=500_000)
    state.refund(number=0)
    state.change_mood_of_sender(name="hub", behaviour=OnReturn.REENTER)
    state.refund(number=0)
    state.call_back(number=0)
    state.change_mood_of_sender(name="hub", behaviour=OnReturn.REVERT_BOMB)
    state.refund(number=0)
    state.change_mood_of_sender(name="hub", behaviour=OnReturn.ACCEPT)
    state.call_back(number=0)


@replay(LifeCycle, "walk to a stored head")
def the_256th_head_ends_a_walk(state: LifeCycle) -> None:
    """P1: of a message that is long past, the refund walks to the stored head behind it."""
    state.deposit(name="hub", to=0, amount=10**19)
    state.send(lane=("hub", "arcade"), gas=TOO_LITTLE_GAS, within=HOUR)
    state.send(lane=("hub", "arcade"), count=259)
    state.deliver(number=0, take=260, relayer=RIVAL)
    state.pass_time(seconds=2 * HOUR)
    state.return_to_sender(number=0)
    state.deliver(number=0)
    state.refund(number=0, end=0)


@replay(Government)
def what_outsiders_show(state: Government) -> None:
    """P3, M1, M2, M3, M4, M8, M17"""
    state.hold_up(number=0, duration=0)
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="account", within=None)
    state.rotate(number=1)
    state.attest_falsely(number=0, signers=0, kind="one signer short")
    state.attest_falsely(number=0, signers=1, kind="strangers")
    state.attest_falsely(number=0, signers=0, kind="foreign set")
    state.attest_falsely(number=0, signers=0, kind="set before")
    state.attest_falsely(number=0, signers=1, kind="swapped")
    state.attest_falsely(number=0, signers=2, kind="repeated")
    state.attest_falsely(number=0, signers=3, kind="left over")
    state.attest_falsely(number=0, signers=4, kind="out of range")
    state.attest_falsely(number=0, signers=0, kind="other root")
    state.deliver_falsely(number=0, kind="altered")
    state.deliver_falsely(number=1, kind="gap")
    state.deliver_falsely(number=0, kind="missing")
    state.deliver_falsely(number=0, kind="unproven")
    state.deliver_falsely(number=0, kind="other lane")
    state.deliver_falsely(number=0, kind="stale fact")
    state.rotate_falsely(name="arcade", number=1, kind="older")
    state.rotate_falsely(name="arcade", number=0, kind="shorter")
    state.rotate_falsely(name="arcade", number=0, kind="unsigned")
    state.rotate_falsely(name="arcade", number=3, kind="invalid")
    state.rotate_falsely(name="arcade", number=0, kind="far")
    state.rotate_falsely(name="arcade", number=0, kind="long")
    state.usurp(name="hub", number=4)
    state.expire(number=0)


@replay(
    Faults,
    *(
        "reorganised behind what others have",
        "restarted",
        "restart followed",
        "abandoned",
        "abandoned, replaced",
    ),
)
def a_lane_that_was_reorganised(state: Faults) -> None:
    """P1, P2, M21"""
    state.forget(lane=("hub", "arcade"), lost=2, instead=3, returned=False)
    state.begin(first=("arcade", "hub"), second=("hub", "perps"), who="account", within=None)
    state.lie(lane=("hub", "arcade"), kind=None, number=0)
    state.restart(number=0, above=2)
    state.follow_restart(number=0)
    state.deliver(number=1)
    state.refund_abandoned(number=0)
    state.refund_abandoned(number=1)


@replay(Faults, "claim lost", "claim sent again", "claim paid", "refunded")
def a_claim_that_was_lost(state: Faults) -> None:
    """P5, M21"""
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="account", within=HOUR)
    state.deliver(number=0)
    state.lose_a_claim(number=0)
    state.claim(number=0)
    state.pass_time(seconds=5 * HOUR)


@replay(Faults, "forged: return", "forged: return of nothing", "forged: claim")
def a_chain_that_lies(state: Faults) -> None:
    """P1, P5, M9"""
    state.lie(lane=("arcade", "hub"), kind="return of nothing", number=0)
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="account", within=None)
    state.forge(lane=("arcade", "hub"), kind="return", number=1, amount=1, relayer=RELAYER)
    state.forge(lane=("arcade", "hub"), kind="claim", number=0, amount=2**64 - 1, relayer=RELAYER)
    state.refund(number=0)


@replay(Faults, "returned again", "notice of an old epoch", "refunded")
def a_notice_that_was_lost(state: Faults) -> None:
    """P1, P5, M21: it is said again, for nothing; who carried it first is paid, and nobody else."""
    state.send(lane=("hub", "arcade"), within=HOUR)
    state.pass_time(seconds=2 * HOUR)
    state.deliver(number=0)
    state.return_to_sender(number=0)
    state.deliver(number=0)
    state.restart(number=2)
    state.follow_restart(number=0)
    state.refund_what_does_not_count_any_more(number=0)
    state.return_to_sender(number=0, caller=RIVAL)
    state.deliver(number=1, relayer=RIVAL)
    state.refund(number=0)


@replay(Faults, "forged: return", "notice of an old epoch")
def lies_before_a_restart(state: Faults) -> None:
    """P1: a chain that lied can be trusted again once its lane was restarted; its lies do not count."""
    state.send(lane=("hub", "arcade"))
    state.forge(lane=("arcade", "hub"), kind="return", number=1, amount=1, relayer=RELAYER)
    state.restart(number=0, above=2)
    state.follow_restart(number=0)
    state.refund_what_does_not_count_any_more(number=0)
    state.deliver(number=0)


@replay(Everything, "forged: return", "notice put aside in an old epoch")
def lies_that_were_put_aside(state: Everything) -> None:
    """P1: nor do those that were put aside in a pause, and are taken in later."""
    state.hold_up(number=0, duration=0)
    state.send(lane=("hub", "arcade"))
    state.pause(lane=("arcade", "hub"), duration=DAY)
    state.forge(lane=("arcade", "hub"), kind="return", number=1, amount=1, relayer=RELAYER)
    state.restart(number=0, above=2)
    state.follow_restart(number=0)
    state.unpause(lane=("arcade", "hub"))
    state.retry(number=0)
    state.deliver(number=0)


@replay(Faults, "head of an Inbox recorded", "abandoned, replaced")
def a_long_way_to_where_it_was_left(state: Faults) -> None:
    """P1, M21: a recorded head shortens it."""
    state.forget(lane=("hub", "arcade"), lost=3, instead=3, returned=False)
    state.restart(number=0, above=2)
    state.follow_restart(number=0)
    state.deliver(number=0)
    state.record_inbox_head(number=0, before=2)
    state.refund_abandoned(number=0)


@replay(Everything, "restart followed", "rotated", "refunded", "claim paid")
def all_of_it(state: Everything) -> None:
    """P1, P2, P3, P5, M9, M21"""
    state.hold_up(number=0, duration=HOUR)
    state.forget(lane=("hub", "arcade"), lost=2, instead=2, returned=True)
    state.begin(first=("hub", "arcade"), second=("arcade", "hub"), who="contract", within=HOUR)
    state.rotate(number=0)
    state.restart(number=0)
    state.pass_time(seconds=5 * HOUR)
    state.follow_restart(number=0)
    state.deliver(number=0)


@replay(
    EvidenceMachine,
    *("laneEquivocation convicts the liar", "falseHead convicts the liar", "falseSet convicts the liar"),
    *("falseRestart convicts the liar", "laneContradiction convicts the liar"),
)
def lies_of_all_kinds(state: EvidenceMachine) -> None:
    """P13, M30"""
    state.send_and_sign(
        lanes=[("hub", "arcade"), ("arcade", "hub")], messages=2, final=True, awake=(0, 1, 2, 3), liar=True
    )
    state.sign_what_the_hub_records(awake=(0, 1, 2, 3))
    state.lie(lies=[("lane", 6, 0), ("lane", 6, 1)], proposed=False)
    state.lie(lies=[("set", 0, 2), ("restart", 1, 0)], proposed=True)
    state.accuse()


@replay(EvidenceMachine, "laneContradiction convicts somebody honest")
def a_spoke_that_lost_what_was_final(state: EvidenceMachine) -> None:
    """P13, M21"""
    state.send_and_sign(lanes=[("arcade", "hub")], messages=1, final=True, awake=(0,), liar=False)
    state.reorganise_a_spoke(depth=12, others=1)
    state.send_and_sign(lanes=[("arcade", "hub")], messages=0, final=True, awake=(1, 2, 3), liar=True)
    state.accuse()


# Counter-examples


@replay(Faults, "restart announced again")
def the_notice_of_a_restart_that_is_gone(state: Faults) -> None:
    """P1: no validator signs again what a reorganisation took away, but what followed it can be refunded still."""
    state.forget(lane=("hub", "perps"), lost=2, returned=False, instead=0)
    state.begin(first=("hub", "arcade"), who="account", second=("perps", "hub"), within=None)
    state.remember(name="perps")
    state.lose_a_claim(number=0)
    state.follow_restart(number=0, signers=0)
    state.reorganise()


@replay(Government, "rotated: invalid")
def sets_that_are_none(state: Government) -> None:
    """P3: each of them, signed by a quorum."""
    for number in range(6):
        state.rotate_falsely(name="arcade", number=number, kind="invalid")
