"""Any token between three chains, driven at random beside an exact model of every bridge (`books.py`); and variants
with one bug each (`contracts/test/BrokenTokenBridge.sol`, `BrokenBridgeAnnex.sol`), which the machine must find.

At random (`--deep`) 36 of the 38 variants were found within 60 seconds each, on two cores that were busy with other
work: `followers.py` says how random steps come so far. ANY_GATEWAY was not, and IDS_OF_GATEWAYS_MIXED was not measured.

`test_token_path.py` walks one long path through Ape.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.kit.exploring import explore, play
from tests.kit.transfer_bugs import TransferBug
from tests.stateful import token_replays as replays
from tests.stateful.exchange import Exchange
from tests.stateful.swindlers import Swindlers
from tests.stateful.token_replays import Steps
from tests.stateful.traders import Scene, Traders

FINDERS: dict[TransferBug, Steps] = {
    TransferBug.ACCOUNT_NOT_CHECKED: replays.release_too_much,
    TransferBug.RETURN_LEAVES_ACCOUNT: replays.return_what_was_locked,
    TransferBug.LOCK_OF_ALL_TOKENS: replays.send_another_token_inside,
    TransferBug.NOT_LOCKED: replays.send_the_same_inside,
    TransferBug.NOMINAL_AMOUNT_COUNTS: replays.send_what_shrinks,
    TransferBug.ORIGIN_OF_CALL_PAYS: replays.send_another_token_inside,
    TransferBug.HISTORY_AFTER_CHANGE: replays.send_out_of_an_hour,
    TransferBug.FEE_OUT_OF_OTHER_ACCOUNT: replays.prepay,
    TransferBug.CLAIM_IGNORED: replays.claim_and_return,
    TransferBug.CLAIM_FROM_ANYWHERE: replays.claim_of_a_stranger,
    TransferBug.CLAIM_OF_ANOTHER_END: replays.claim_and_return_by_the_home,
    TransferBug.CLAIM_BY_ID: replays.claim_on_made_up_terms,
    TransferBug.FRONT_AFTER_ARRIVAL: replays.front_after_arrival,
    TransferBug.ARRIVAL_NOT_MARKED: replays.front_after_arrival,
    TransferBug.KEY_WITHOUT_ID: replays.front_one_of_two,
    TransferBug.KEY_WITHOUT_AMOUNT: replays.front_less,
    TransferBug.KEY_WITHOUT_RECIPIENT: replays.front_oneself,
    TransferBug.LIMIT_ON_RETURNS: replays.return_over_the_limit,
    TransferBug.RETURN_KIND_UNLIMITED: replays.send_back_over_the_limit,
    TransferBug.WAITING_SINCE_START: replays.wait_from_the_first_attempt,
    TransferBug.WAITING_SKIPPED: replays.wait_and_pass,
    TransferBug.WAITED_CONSUMES: replays.wait_from_the_first_attempt,
    TransferBug.GIVEN_BACK_BELOW_ZERO: replays.give_back_what_was_not_used,
    TransferBug.OLD_USE_AT_NEW_RATE: replays.change_the_rate,
    TransferBug.POKES_ROUND_UP: replays.use_often,
    TransferBug.HOLD_FORGOTTEN_ON_BACK: replays.send_while_held,
    TransferBug.HOLD_STOPS_CLAIMS: replays.claim_while_held,
    TransferBug.STRIKE_FORGOTTEN: replays.strike,
    TransferBug.DESCRIBED_THOUGH_RETURNED: replays.describe_in_vain,
    TransferBug.DESCRIPTION_OVERWRITES: replays.describe_again,
    TransferBug.ADOPTED_AFTER_ARRIVAL: replays.adopt_late,
    TransferBug.ERA_OF_ANY_HOME: replays.forge_era,
    TransferBug.DEADLINE_RENEWED: replays.keep_the_deadline,
    TransferBug.LEFT_OVER_TO_SENDER: replays.prepay,
    TransferBug.CALLED_BEFORE_PAYMENT: replays.call,
    TransferBug.ANY_GATEWAY: replays.come_by_a_stranger,
    TransferBug.ACCEPTED_AT_ONCE: replays.choose_at_once,
    TransferBug.IDS_OF_GATEWAYS_MIXED: replays.come_by_the_second,
}
"""What finds a bug always."""
STEPS = [*dict.fromkeys(FINDERS.values()), replays.return_by_the_home, replays.send_what_grows]
STEPS += [replays.wait_while_held, replays.wait_before_it_was_sent, replays.arrive_before_it_was_sent]
STEPS += [replays.limit_what_is_to_come, replays.use_all_that_is_free]
STEPS += [replays.pay_for_the_hop, replays.forge_an_empty_call, replays.call_who_wants_gas]
STEPS += [replays.return_to_who_is_blocked, replays.leave_a_lane_behind, replays.believe_a_return]
STEPS += [replays.forget_a_return]
REACHED = {
    *("received", "has to wait", "taken back", "not taken back", "restarted", "fronted", "claimed"),
    *("arrived to solver", "arrived to the other", "returned to solver", "returned to the other"),
    *("not received: ChainHeld", "not received: ClockBehind", "not received: GatewayNotAccepted"),
    *("not received: InvalidPayload", "not received: MessageStruck", "not received: OutstandingExceeded"),
    *("not received: PassageUnpaid", "not received: RetryFailed", "not received: NotHomeOfEra"),
    *("refused: AlreadyFronted", "refused: LimitExceeded", "refused: GatewayNotAccepted"),
}
"""What the steps do, so that they do not stop to do it unseen."""


def test_tokens(market: tuple[Exchange, Scene]) -> None:
    """P4', P14-P23: any clocks, any order, a hostile token, a spoke that lies."""
    begin(market)
    explore(Swindlers, 40)


@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found(market: tuple[Exchange, Scene], bug: TransferBug) -> None:
    """P4', P14-P23: by its replay, in a check and not in the machine itself."""
    begin(market)
    market[0].install(bug)
    with pytest.raises(AssertionError, match=r"^P\d"):
        play(Swindlers, FINDERS[bug])


def test_without_a_bug_nothing_is_found(market: tuple[Exchange, Scene]) -> None:
    """P4', P14-P23: the variants themselves are contracts like ours."""
    begin(market)
    market[0].install(TransferBug.NONE)
    for steps in STEPS:
        play(Swindlers, steps)
    assert set(Traders.paths) >= REACHED


@pytest.mark.deep
@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found_at_random(market: tuple[Exchange, Scene], bug: TransferBug) -> None:
    """P4', P14-P23."""
    begin(market)
    market[0].install(bug)
    with pytest.raises(AssertionError, match=r"^P\d"):
        explore(Swindlers, 40)


def begin(market: tuple[Exchange, Scene]) -> None:
    Traders.exchange, Traders.opening = market
    Traders.paths = Counter()
