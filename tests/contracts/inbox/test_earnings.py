"""Earnings of relayers at the destination, and their claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.gateway import Kind
from metalayer.protocol.message import Fee, Message
from tests.kit.evm import Contract, error
from tests.kit.inbox import BACK, BASE, FEE, HIGHEST, NOBODY, RELAY, STEP, notices, place
from tests.kit.paper import PaperLane, PaperRelayer, gateway_payload
from tests.kit.scripted import Behaviour
from tests.kit.terms import FREE_TERMS, OPEN_TERMS

# What a carrier gets for a gateway message under OPEN_TERMS: base, 150,000 gas, 128 bytes.
CARRIAGE = 5_000_000 + 150 * 20_000 + 128 * 1_000


# Earnings


def test_nobody_earned_anything_yet(gateway: Contract, lane: PaperLane, relayer: str) -> None:
    assert gateway.view("earnings", lane.origin, relayer) == (0, 0)


def test_success_earns_the_relay_and_the_return_part(
    lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, earned: Callable[..., int]
) -> None:
    append()
    paper.deliver(lane)
    assert earned(lane.origin) == RELAY + BACK


def test_failure_earns_the_relay_part(lane: PaperLane, failed: Message, earned: Callable[..., int]) -> None:
    assert earned(lane.origin) == RELAY


def test_an_account_without_code_earns_the_relay_part(
    lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, earned: Callable[..., int]
) -> None:
    append(to=NOBODY)
    paper.deliver(lane)
    assert earned(lane.origin) == RELAY


def test_expiry_earns_the_base_part(
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    deadline: int,
    earned: Callable[..., int],
) -> None:
    """Waiting for the expiry never pays."""
    append()
    paper.deliver(lane, at=deadline + 1)
    assert earned(lane.origin) == BASE


def test_the_last_second_earns_all(
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    deadline: int,
    earned: Callable[..., int],
) -> None:
    append()
    paper.deliver(lane, at=deadline)
    assert earned(lane.origin) == RELAY + BACK


def test_whoever_retries_to_success_earns_the_return_part(
    gateway: Contract, lane: PaperLane, attacker: str, failed: Message, earned: Callable[..., int]
) -> None:
    gateway.send("retry", *place(failed), sender=attacker)
    assert earned(lane.origin, attacker) == BACK
    assert earned(lane.origin) == RELAY


def test_a_retry_that_fails_earns_nothing(
    gateway: Contract,
    lane: PaperLane,
    attacker: str,
    failed: Message,
    behave: Callable[..., None],
    earned: Callable[..., int],
) -> None:
    behave(Behaviour.REVERT)
    assert not gateway.attempt("retry", *place(failed), sender=attacker).succeeded
    assert earned(lane.origin, attacker) == 0


def test_sending_back_earns_a_step_part(
    gateway: Contract,
    lane: PaperLane,
    attacker: str,
    expired: Message,
    failed: Message,
    deadline: int,
    earned: Callable[..., int],
) -> None:
    """Whoever sends it; who carries the notice, and who ends the message, are paid on the origin."""
    before = earned(lane.origin)
    gateway.send("returnToSender", *place(expired), sender=attacker)
    assert earned(lane.origin, attacker) == STEP
    gateway.send("returnToSender", *place(failed), sender=attacker, at=deadline + 1)
    assert earned(lane.origin, attacker) == 2 * STEP
    assert earned(lane.origin) == before


def test_sending_back_again_earns_nothing(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    relayer: str,
    attacker: str,
    expired: Message,
    earned: Callable[..., int],
) -> None:
    """P5: a lost notice is sent again, but the message's fee pays for one."""
    gateway.send("returnToSender", *place(expired), sender=attacker)
    gateway.send("restart", lane.origin, 40, sender=owner)
    before = earned(lane.origin)
    gateway.send("returnToSender", *place(expired), sender=relayer)
    assert (earned(lane.origin), earned(lane.origin, attacker)) == (before, STEP)


def test_a_free_message_is_sent_back_for_nothing(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    attacker: str,
    earned: Callable[..., int],
) -> None:
    message = append(deliver_before=1, fee=0)
    paper.deliver(lane)
    gateway.send("returnToSender", *place(message), sender=attacker)
    assert earned(lane.origin, attacker) == 0


def test_a_free_message_earns_nothing(
    lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, earned: Callable[..., int]
) -> None:
    append(fee=0)
    paper.deliver(lane)
    assert earned(lane.origin) == 0


def test_what_a_gateway_says_earns_nothing(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    earned: Callable[..., int],
) -> None:
    """Even if a lying chain names a fee."""
    payload = gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0)
    lane.append_notice(gateway.address, payload)
    lane.append(gateway.address, gateway.address, deliver_before=HIGHEST, fee=FEE, payload=payload)
    assert len(paper.deliver(lane).named("MessageDelivered")) == 2
    assert earned(lane.origin) == 0


def test_a_batch_earns_the_sum_of_its_messages(
    lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, earned: Callable[..., int]
) -> None:
    append()
    append(to=NOBODY)
    append(deliver_before=1)
    append(fee=Fee(1, 10, 20, 40, 0).packed)
    append(fee=0)
    paper.deliver(lane)
    assert earned(lane.origin) == (RELAY + BACK) + RELAY + BASE + 10 + 3 * 20 + 40


def test_every_lane_earns_for_itself(
    lane: PaperLane,
    other_lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    earned: Callable[..., int],
) -> None:
    append()
    append(on=other_lane)
    append(on=other_lane, to=NOBODY)
    paper.deliver(lane, other_lane)
    assert earned(lane.origin) == RELAY + BACK
    assert earned(other_lane.origin) == RELAY + BACK + RELAY


def test_earnings_add_up(
    lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, earned: Callable[..., int]
) -> None:
    append()
    paper.deliver(lane)
    append()
    paper.deliver(lane)
    assert earned(lane.origin) == 2 * (RELAY + BACK)


def test_who_comes_second_earns_nothing(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    attacker: str,
    earned: Callable[..., int],
) -> None:
    """P5: a relayer is never paid twice, and two are never paid for one message."""
    append()
    arguments = paper.arguments(lane)
    paper.deliver(lane)
    gateway.send("deliver", *arguments, sender=attacker)
    assert earned(lane.origin) == RELAY + BACK
    assert earned(lane.origin, attacker) == 0


def test_what_the_lane_has_earns_nothing(
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    attacker: str,
    earned: Callable[..., int],
) -> None:
    """P5: who delivers more than the faster one did earns the rest alone."""
    for back in (1, 10, 100):
        append(fee=Fee(0, 0, 0, back, 0).packed)
    paper.deliver(lane, count=2)
    paper.deliver(lane, sender=attacker)
    assert earned(lane.origin) == 11
    assert earned(lane.origin, attacker) == 100


def test_ids_earn_nothing(
    lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer, earned: Callable[..., int]
) -> None:
    append(fee=Fee(0, 0, 0, 1, 0).packed)
    append(fee=Fee(0, 0, 0, 10, 0).packed)
    paper.deliver(lane, count=1)
    assert earned(lane.origin) == 1


def test_the_highest_fees_overflow_nothing(
    gateway: Contract,
    lane: PaperLane,
    append: Callable[..., Message],
    paper: PaperRelayer,
    earned: Callable[..., int],
    relayer: str,
) -> None:
    """M3: what a lying chain names halts no lane; its escrow bounds what it pays."""
    fee, highest = 2**256 - 1, 2**56 - 1
    for _ in range(3):
        append(fee=fee)
    assert len(paper.deliver(lane).named("MessageDelivered")) == 3
    append(fee=fee, to=NOBODY)
    append(fee=fee, deliver_before=1)
    paper.deliver(lane)
    total = (3 * 5 + 2) * highest
    assert earned(lane.origin) == total
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    ((_, payload),) = notices(receipt, gateway)
    assert payload == gateway_payload(Kind.CLAIM, int(relayer, 16), total, CARRIAGE)


# Claims


@pytest.fixture
def earn(lane: PaperLane, append: Callable[..., Message], paper: PaperRelayer) -> Callable[..., None]:
    """Makes the relayer, or another account, earn that much on the lane from the hub, in gwei."""

    def earn(amount: int, account: str | None = None) -> None:
        append(fee=Fee(0, 0, 0, amount, 0).packed)
        paper.deliver(lane, sender=account)

    return earn


def test_claim_says_all_that_was_earned(
    gateway: Contract, lane: PaperLane, lane_back: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    earn(10 * CARRIAGE)
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    assert [event.name for event in receipt.events] == ["MessageSent", "LaneExtended", "ClaimSent"]
    assert receipt.named("ClaimSent") == [(lane.origin, relayer, 10 * CARRIAGE, 1)]
    payload = gateway_payload(Kind.CLAIM, int(relayer, 16), 10 * CARRIAGE, CARRIAGE)
    assert notices(receipt, gateway) == [(1, payload)]
    message = lane_back.append_notice(gateway.address, payload)
    assert receipt.named("MessageSent")[0][0] == message.id
    assert gateway.view("outboxLane", lane.origin) == (1, lane_back.heads[1], 0)


def test_claim_books_what_it_said(
    gateway: Contract, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    assert gateway.view("earnings", lane.origin, relayer) == (10 * CARRIAGE, 10 * CARRIAGE)


def test_refuses_a_claim_of_nothing(
    gateway: Contract, lane: PaperLane, earn: Callable[..., None], attacker: str
) -> None:
    """Nobody claims what somebody else earned."""
    earn(10 * CARRIAGE)
    refusal = error("NothingToClaim", lane.origin, attacker, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=attacker) == refusal


def test_refuses_a_claim_of_no_more_than_its_carriage(
    gateway: Contract, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    earn(CARRIAGE)
    refusal = error("NothingToClaim", lane.origin, relayer, CARRIAGE, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal
    assert not gateway.attempt("claim", lane.origin, sender=relayer).succeeded


def test_claims_one_gwei_more_than_its_carriage(
    gateway: Contract, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    earn(CARRIAGE)
    earn(1)
    gateway.send("claim", lane.origin, sender=relayer)
    assert gateway.view("earnings", lane.origin, relayer) == (CARRIAGE + 1, CARRIAGE + 1)


def test_carriage_is_what_a_message_pays_now(
    gateway: Contract, owner: str, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    """It is the price of sending such a message without the parts for its end and the protocol."""
    terms = replace(OPEN_TERMS, base_fee=7_000_000, gas_fee=30_000, byte_fee=2_000, protocol_share=0)
    gateway.send("setTerms", lane.origin, terms.fields, sender=owner)
    carriage = 7_000_000 + 150 * 30_000 + 128 * 2_000
    steps = 3 * -(-(132_000 + 40 * 128) * 30_000 // 1_000)
    assert gateway.view("quote", lane.origin, 150_000, 0, 128) == (carriage + steps) * GWEI
    earn(carriage)
    refusal = error("NothingToClaim", lane.origin, relayer, carriage, carriage)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal
    earn(1)
    ((_, payload),) = notices(gateway.send("claim", lane.origin, sender=relayer), gateway)
    assert payload == gateway_payload(Kind.CLAIM, int(relayer, 16), carriage + 1, carriage)


def test_carriage_of_a_free_route_is_nothing(
    gateway: Contract, owner: str, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    gateway.send("setTerms", lane.origin, FREE_TERMS.fields, sender=owner)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, 0)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal
    earn(1)
    gateway.send("claim", lane.origin, sender=relayer)


def test_refuses_to_claim_twice(
    gateway: Contract, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    """P5."""
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_refuses_a_second_claim_of_no_more_than_its_carriage(
    gateway: Contract, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    earn(CARRIAGE)
    refusal = error("NothingToClaim", lane.origin, relayer, CARRIAGE, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_a_second_claim_says_the_whole_sum(
    gateway: Contract, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    """Cumulative, so that nothing is lost with a lost claim."""
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    earn(CARRIAGE + 1)
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    total = 11 * CARRIAGE + 1
    assert receipt.named("ClaimSent") == [(lane.origin, relayer, total, 2)]
    assert notices(receipt, gateway) == [(2, gateway_payload(Kind.CLAIM, int(relayer, 16), total, CARRIAGE))]
    assert gateway.view("earnings", lane.origin, relayer) == (total, total)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_relayers_claim_apart(
    gateway: Contract, lane: PaperLane, relayer: str, attacker: str, earn: Callable[..., None]
) -> None:
    earn(10 * CARRIAGE)
    earn(5 * CARRIAGE, account=attacker)
    gateway.send("claim", lane.origin, sender=relayer)
    receipt = gateway.send("claim", lane.origin, sender=attacker)
    assert receipt.named("ClaimSent") == [(lane.origin, attacker, 5 * CARRIAGE, 2)]
    assert gateway.view("earnings", lane.origin, relayer) == (10 * CARRIAGE, 10 * CARRIAGE)


def test_origins_are_claimed_apart(
    gateway: Contract,
    lane: PaperLane,
    other_lane: PaperLane,
    relayer: str,
    append: Callable[..., Message],
    paper: PaperRelayer,
    earn: Callable[..., None],
) -> None:
    earn(10 * CARRIAGE)
    append(on=other_lane, fee=Fee(0, 0, 0, 5 * CARRIAGE, 0).packed)
    paper.deliver(other_lane)
    gateway.send("claim", other_lane.origin, sender=relayer)
    assert gateway.view("earnings", lane.origin, relayer) == (10 * CARRIAGE, 0)
    assert gateway.view("earnings", other_lane.origin, relayer) == (5 * CARRIAGE, 5 * CARRIAGE)


def test_a_claim_that_a_restart_may_have_lost_is_sent_again(
    gateway: Contract, owner: str, lane: PaperLane, relayer: str, earn: Callable[..., None]
) -> None:
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    assert notices(receipt, gateway) == [
        (41, gateway_payload(Kind.CLAIM, int(relayer, 16), 10 * CARRIAGE, CARRIAGE))
    ]
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_a_restart_of_another_lane_loses_no_claim(
    gateway: Contract,
    owner: str,
    lane: PaperLane,
    other_lane: PaperLane,
    relayer: str,
    earn: Callable[..., None],
) -> None:
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    gateway.send("restart", other_lane.origin, 40, sender=owner)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_a_restart_gives_nothing_to_who_earned_nothing(
    gateway: Contract, owner: str, lane: PaperLane, relayer: str
) -> None:
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_claims_are_never_paused(
    gateway: Contract, lane: PaperLane, relayer: str, earn: Callable[..., None], halted: Callable[..., None]
) -> None:
    earn(10 * CARRIAGE)
    halted(lane.origin)
    assert len(gateway.send("claim", lane.origin, sender=relayer).named("ClaimSent")) == 1
