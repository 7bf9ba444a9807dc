"""Inbox: what relayers earn, claims, returns to the sender and restarts that it follows."""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import LaneFact, RestartFact, SetFact, Tree
from metalayer.protocol.gateway import Kind, Status
from metalayer.protocol.message import Fee, Message, extend, genesis_head, interoperable
from tests.kit.evm import error, now
from tests.kit.paper import DAY, PaperLane, PaperRelayer, gateway_payload
from tests.kit.scripted import Behaviour
from tests.kit.terms import FREE_ROUTE, OPEN_ROUTE

NOBODY = "0x00000000000000000000000000000000000Face7"
BASE, RELAY, BACK = 3_000_000, 11_000_000, 7_000_000
FEE = Fee(BASE, RELAY, BACK).packed
HIGHEST = 2**64 - 1
# What a carrier gets for a gateway message under OPEN_ROUTE: base, 150,000 gas, 128 bytes.
CARRIAGE = 5_000_000 + 150 * 20_000 + 128 * 1_000


@pytest.fixture
def gateway(arcade):
    return arcade.gateway


@pytest.fixture
def recipient(arcade):
    return arcade.recipient


@pytest.fixture
def deadline(arcade):
    return now(arcade.chain) + 14 * DAY


@pytest.fixture
def lane(hub, arcade):
    """The lane from the hub to arcade."""
    return PaperLane(hub.chain.chain_id, hub.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def other_lane(hub, perps, arcade):
    """The lane from perps to arcade."""
    return PaperLane(hub.chain.chain_id, perps.chain.chain_id, arcade.chain.chain_id)


@pytest.fixture
def lane_back(hub, arcade):
    """The lane from arcade to the hub, on which notices and claims go."""
    return PaperLane(hub.chain.chain_id, arcade.chain.chain_id, hub.chain.chain_id)


@pytest.fixture
def paper(gateway, relayer, validators, hub):
    return PaperRelayer(gateway, relayer, validators, hub.chain.chain_id)


@pytest.fixture
def append(lane, sender, recipient, deadline):
    """Appends a message that pays FEE, by default to the scripted recipient and to the lane from the hub."""

    def append(on=lane, to=None, **fields):
        fields = {"deliver_before": deadline, "fee": FEE, **fields}
        return on.append(sender, to or recipient.address, **fields)

    return append


@pytest.fixture
def behave(recipient, sender):
    def behave(behaviour):
        recipient.send("setBehaviour", behaviour, sender=sender)

    return behave


@pytest.fixture
def earned(gateway, relayer):
    """What a relayer ever earned from an origin, in gwei."""

    def earned(origin, account=relayer):
        return gateway.view("earnings", origin, account)[0]

    return earned


@pytest.fixture
def failed(lane, append, paper, behave):
    """A message that its recipient refused, and would accept now."""
    message = append()
    behave(Behaviour.REVERT)
    paper.deliver(lane)
    behave(Behaviour.ACCEPT)
    return message


@pytest.fixture
def expired(lane, append, paper):
    """A message whose time had passed when it was delivered."""
    message = append(deliver_before=1)
    paper.deliver(lane)
    return message


def place(message: Message):
    """Arguments of `retry` and `returnToSender`."""
    return message.origin, message.nonce, message.fields


def notices(receipt, gateway):
    """Payloads of what the gateway sent to other gateways, with their nonces; every other field is checked."""
    sent = []
    logs = zip(receipt.named("MessageSent"), receipt.named("LaneExtended"), strict=True)
    for (_, from_, to, payload, value, attributes), (destination, nonce, *terms, _) in logs:
        assert from_ == interoperable(gateway.chain.chain_id, gateway.address)
        assert to == interoperable(destination, gateway.address)
        assert (value, attributes, terms) == (0, (), [150_000, 2**64 - 1, 0])
        assert len(payload) == 128
        sent.append((nonce, payload))
    return sent


# Earnings


def test_nobody_earned_anything_yet(gateway, lane, relayer):
    assert gateway.view("earnings", lane.origin, relayer) == (0, 0)


def test_success_earns_the_relay_and_the_return_part(lane, append, paper, earned):
    append()
    paper.deliver(lane)
    assert earned(lane.origin) == RELAY + BACK


def test_failure_earns_the_relay_part(lane, failed, earned):
    assert earned(lane.origin) == RELAY


def test_an_account_without_code_earns_the_relay_part(lane, append, paper, earned):
    append(to=NOBODY)
    paper.deliver(lane)
    assert earned(lane.origin) == RELAY


def test_expiry_earns_the_base_part(lane, append, paper, deadline, earned):
    """Waiting for the expiry never pays."""
    append()
    paper.deliver(lane, at=deadline + 1)
    assert earned(lane.origin) == BASE


def test_the_last_second_earns_all(lane, append, paper, deadline, earned):
    append()
    paper.deliver(lane, at=deadline)
    assert earned(lane.origin) == RELAY + BACK


def test_whoever_retries_to_success_earns_the_return_part(gateway, lane, attacker, failed, earned):
    gateway.send("retry", *place(failed), sender=attacker)
    assert earned(lane.origin, attacker) == BACK
    assert earned(lane.origin) == RELAY


def test_a_retry_that_fails_earns_nothing(gateway, lane, attacker, failed, behave, earned):
    behave(Behaviour.REVERT)
    assert not gateway.attempt("retry", *place(failed), sender=attacker).succeeded
    assert earned(lane.origin, attacker) == 0


def test_sending_back_earns_nothing_here(gateway, lane, attacker, expired, earned):
    """Who carries the notice is paid on the origin."""
    gateway.send("returnToSender", *place(expired), sender=attacker)
    assert earned(lane.origin, attacker) == 0


def test_a_free_message_earns_nothing(lane, append, paper, earned):
    append(fee=0)
    paper.deliver(lane)
    assert earned(lane.origin) == 0


def test_what_a_gateway_says_earns_nothing(gateway, lane, append, paper, earned):
    """Even if a lying chain names a fee."""
    payload = gateway_payload(Kind.RETURN, keccak(text="returned"), 0, 0)
    lane.append_notice(gateway.address, payload)
    lane.append(gateway.address, gateway.address, deliver_before=HIGHEST, fee=FEE, payload=payload)
    assert len(paper.deliver(lane).named("MessageDelivered")) == 2
    assert earned(lane.origin) == 0


def test_a_batch_earns_the_sum_of_its_messages(lane, append, paper, earned):
    append()
    append(to=NOBODY)
    append(deliver_before=1)
    append(fee=Fee(1, 10, 100).packed)
    append(fee=0)
    paper.deliver(lane)
    assert earned(lane.origin) == (RELAY + BACK) + RELAY + BASE + 110


def test_every_lane_earns_for_itself(lane, other_lane, append, paper, earned):
    append()
    append(on=other_lane)
    append(on=other_lane, to=NOBODY)
    paper.deliver(lane, other_lane)
    assert earned(lane.origin) == RELAY + BACK
    assert earned(other_lane.origin) == RELAY + BACK + RELAY


def test_earnings_add_up(lane, append, paper, earned):
    append()
    paper.deliver(lane)
    append()
    paper.deliver(lane)
    assert earned(lane.origin) == 2 * (RELAY + BACK)


def test_who_comes_second_earns_nothing(gateway, lane, append, paper, attacker, earned):
    """P5: a relayer is never paid twice, and two are never paid for one message."""
    append()
    arguments = paper.arguments(lane)
    paper.deliver(lane)
    gateway.send("deliver", *arguments, sender=attacker)
    assert earned(lane.origin) == RELAY + BACK
    assert earned(lane.origin, attacker) == 0


def test_what_the_lane_has_earns_nothing(lane, append, paper, attacker, earned):
    """P5: who delivers more than the faster one did earns the rest alone."""
    for back in (1, 10, 100):
        append(fee=Fee(0, 0, back).packed)
    paper.deliver(lane, count=2)
    paper.deliver(lane, sender=attacker)
    assert earned(lane.origin) == 11
    assert earned(lane.origin, attacker) == 100


def test_ids_earn_nothing(lane, append, paper, earned):
    append(fee=Fee(0, 0, 1).packed)
    append(fee=Fee(0, 0, 10).packed)
    paper.deliver(lane, count=1)
    assert earned(lane.origin) == 1


@pytest.mark.parametrize("fee", [Fee(HIGHEST, HIGHEST, HIGHEST).packed, 2**256 - 1], ids=["parts", "word"])
def test_the_highest_fees_overflow_nothing(gateway, lane, append, paper, earned, relayer, fee):
    """M3: what a lying chain names halts no lane; its escrow bounds what it pays."""
    for _ in range(3):
        append(fee=fee)
    assert len(paper.deliver(lane).named("MessageDelivered")) == 3
    append(fee=fee, to=NOBODY)
    append(fee=fee, deliver_before=1)
    paper.deliver(lane)
    total = (3 * 2 + 2) * HIGHEST
    assert earned(lane.origin) == total
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    ((_, payload),) = notices(receipt, gateway)
    assert payload == gateway_payload(Kind.CLAIM, int(relayer, 16), total, CARRIAGE)


# Claims


@pytest.fixture
def earn(lane, append, paper):
    """Makes the relayer, or another account, earn that much on the lane from the hub, in gwei."""

    def earn(amount, account=None):
        append(fee=Fee(0, 0, amount).packed)
        paper.deliver(lane, sender=account)

    return earn


def test_claim_says_all_that_was_earned(gateway, lane, lane_back, relayer, earn):
    earn(10 * CARRIAGE)
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    assert [event.name for event in receipt.events] == ["MessageSent", "LaneExtended", "ClaimSent"]
    assert receipt.named("ClaimSent") == [(lane.origin, relayer, 10 * CARRIAGE, 1)]
    payload = gateway_payload(Kind.CLAIM, int(relayer, 16), 10 * CARRIAGE, CARRIAGE)
    assert notices(receipt, gateway) == [(1, payload)]
    message = lane_back.append_notice(gateway.address, payload)
    assert receipt.named("MessageSent")[0][0] == message.id
    assert gateway.view("outboxLane", lane.origin) == (1, lane_back.heads[1], 0)


def test_claim_books_what_it_said(gateway, lane, relayer, earn):
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    assert gateway.view("earnings", lane.origin, relayer) == (10 * CARRIAGE, 10 * CARRIAGE)


def test_refuses_a_claim_of_nothing(gateway, lane, earn, attacker):
    """Nobody claims what somebody else earned."""
    earn(10 * CARRIAGE)
    refusal = error("NothingToClaim", lane.origin, attacker, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=attacker) == refusal


def test_refuses_a_claim_of_no_more_than_its_carriage(gateway, lane, relayer, earn):
    earn(CARRIAGE)
    refusal = error("NothingToClaim", lane.origin, relayer, CARRIAGE, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal
    assert not gateway.attempt("claim", lane.origin, sender=relayer).succeeded


def test_claims_one_gwei_more_than_its_carriage(gateway, lane, relayer, earn):
    earn(CARRIAGE)
    earn(1)
    gateway.send("claim", lane.origin, sender=relayer)
    assert gateway.view("earnings", lane.origin, relayer) == (CARRIAGE + 1, CARRIAGE + 1)


def test_carriage_is_what_a_message_pays_now(gateway, owner, lane, relayer, earn):
    """It is the price of sending such a message without the parts for its end and the protocol."""
    terms = (*OPEN_ROUTE[:4], 7_000_000, 30_000, 2_000, 0, 0)
    gateway.send("setRoute", lane.origin, terms, sender=owner)
    carriage = 7_000_000 + 150 * 30_000 + 128 * 2_000
    assert gateway.view("quote", lane.origin, 150_000, 128) == carriage * GWEI
    earn(carriage)
    refusal = error("NothingToClaim", lane.origin, relayer, carriage, carriage)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal
    earn(1)
    ((_, payload),) = notices(gateway.send("claim", lane.origin, sender=relayer), gateway)
    assert payload == gateway_payload(Kind.CLAIM, int(relayer, 16), carriage + 1, carriage)


def test_carriage_of_a_free_route_is_nothing(gateway, owner, lane, relayer, earn):
    gateway.send("setRoute", lane.origin, FREE_ROUTE, sender=owner)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, 0)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal
    earn(1)
    gateway.send("claim", lane.origin, sender=relayer)


def test_refuses_to_claim_twice(gateway, lane, relayer, earn):
    """P5."""
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_refuses_a_second_claim_of_no_more_than_its_carriage(gateway, lane, relayer, earn):
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    earn(CARRIAGE)
    refusal = error("NothingToClaim", lane.origin, relayer, CARRIAGE, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_a_second_claim_says_the_whole_sum(gateway, lane, relayer, earn):
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


def test_relayers_claim_apart(gateway, lane, relayer, attacker, earn):
    earn(10 * CARRIAGE)
    earn(5 * CARRIAGE, account=attacker)
    gateway.send("claim", lane.origin, sender=relayer)
    receipt = gateway.send("claim", lane.origin, sender=attacker)
    assert receipt.named("ClaimSent") == [(lane.origin, attacker, 5 * CARRIAGE, 2)]
    assert gateway.view("earnings", lane.origin, relayer) == (10 * CARRIAGE, 10 * CARRIAGE)


def test_origins_are_claimed_apart(gateway, lane, other_lane, relayer, append, paper, earn):
    earn(10 * CARRIAGE)
    append(on=other_lane, fee=Fee(0, 0, 5 * CARRIAGE).packed)
    paper.deliver(other_lane)
    gateway.send("claim", other_lane.origin, sender=relayer)
    assert gateway.view("earnings", lane.origin, relayer) == (10 * CARRIAGE, 0)
    assert gateway.view("earnings", other_lane.origin, relayer) == (5 * CARRIAGE, 5 * CARRIAGE)


def test_a_claim_that_a_restart_may_have_lost_is_sent_again(gateway, owner, lane, relayer, earn):
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    receipt = gateway.send("claim", lane.origin, sender=relayer)
    assert notices(receipt, gateway) == [
        (41, gateway_payload(Kind.CLAIM, int(relayer, 16), 10 * CARRIAGE, CARRIAGE))
    ]
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_a_restart_of_another_lane_loses_no_claim(gateway, owner, lane, other_lane, relayer, earn):
    earn(10 * CARRIAGE)
    gateway.send("claim", lane.origin, sender=relayer)
    gateway.send("restart", other_lane.origin, 40, sender=owner)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


def test_a_restart_gives_nothing_to_who_earned_nothing(gateway, owner, lane, relayer):
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("NothingToClaim", lane.origin, relayer, 0, CARRIAGE)
    assert gateway.revert("claim", lane.origin, sender=relayer) == refusal


@pytest.fixture(params=["closed", "paused"])
def halted(request, gateway, owner, guardian):
    """Closes or pauses a direction."""

    def halted(origin):
        if request.param == "closed":
            gateway.send("setRoute", origin, (False, False, *OPEN_ROUTE[2:]), sender=owner)
        else:
            gateway.send("pauseInbound", origin, DAY, sender=guardian)

    return halted


def test_claims_are_never_paused(gateway, lane, relayer, earn, halted):
    earn(10 * CARRIAGE)
    halted(lane.origin)
    assert len(gateway.send("claim", lane.origin, sender=relayer).named("ClaimSent")) == 1


# Returns


def test_a_failed_message_goes_back(gateway, lane, lane_back, attacker, failed, deadline):
    """Anyone sends it back."""
    receipt = gateway.send("returnToSender", *place(failed), sender=attacker, at=deadline + 1)
    assert [event.name for event in receipt.events] == ["MessageSent", "LaneExtended", "ReturnSent"]
    assert receipt.named("ReturnSent") == [(failed.id, lane.origin, failed.nonce, 1)]
    payload = gateway_payload(Kind.RETURN, failed.id, 0, Fee.unpack(failed.fee).back)
    assert notices(receipt, gateway) == [(1, payload)]
    message = lane_back.append_notice(gateway.address, payload)
    assert receipt.named("MessageSent")[0][0] == message.id
    assert gateway.view("outboxLane", lane.origin) == (1, lane_back.heads[1], 0)


def test_an_expired_message_goes_back_as_such(gateway, relayer, expired):
    """Its sender gets more of the fee back."""
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert notices(receipt, gateway) == [
        (1, gateway_payload(Kind.RETURN, expired.id, 1, Fee.unpack(expired.fee).back))
    ]


def test_a_message_keeps_its_status_when_it_goes_back(gateway, relayer, failed, deadline):
    gateway.send("returnToSender", *place(failed), sender=relayer, at=deadline + 1)
    assert gateway.view("messageStatus", failed.id) == (Status.FAILED, 1)


def test_every_notice_takes_the_next_place(gateway, lane, append, paper, relayer):
    first, second = append(deliver_before=1), append(deliver_before=1)
    paper.deliver(lane)
    gateway.send("returnToSender", *place(second), sender=relayer)
    gateway.send("returnToSender", *place(first), sender=relayer)
    assert gateway.view("messageStatus", second.id) == (Status.EXPIRED, 1)
    assert gateway.view("messageStatus", first.id) == (Status.EXPIRED, 2)


def test_in_the_last_second_a_message_is_retried_alone(gateway, relayer, failed, deadline):
    """M18, P1."""
    refusal = error("MessageNotExpired", failed.id, deadline)
    assert gateway.revert("returnToSender", *place(failed), sender=relayer, at=deadline) == refusal
    gateway.send("retry", *place(failed), sender=relayer, at=deadline)
    gone = error("MessageNotReturnable", failed.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(failed), sender=relayer, at=deadline + 1) == gone


def test_a_second_later_it_is_returned_alone(gateway, recipient, relayer, failed, deadline):
    """M18, P1."""
    refusal = error("MessageExpired", failed.id, deadline)
    assert gateway.revert("retry", *place(failed), sender=relayer, at=deadline + 1) == refusal
    gateway.send("returnToSender", *place(failed), sender=relayer, at=deadline + 1)
    assert gateway.revert("retry", *place(failed), sender=relayer) == refusal
    assert recipient.view("acceptedCount") == 0


def test_refuses_to_return_what_is_not_due(gateway, relayer, failed, deadline):
    """Also long before its time, and in a transaction."""
    refusal = error("MessageNotExpired", failed.id, deadline)
    assert gateway.revert("returnToSender", *place(failed), sender=relayer) == refusal
    assert not gateway.attempt("returnToSender", *place(failed), sender=relayer).succeeded
    assert gateway.view("messageStatus", failed.id) == (Status.FAILED, 0)


def test_refuses_to_return_what_was_delivered(gateway, lane, append, paper, relayer, deadline):
    """P1."""
    message = append()
    paper.deliver(lane)
    refusal = error("MessageNotReturnable", message.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(message), sender=relayer, at=deadline + 1) == refusal


def test_refuses_to_return_what_did_not_arrive(gateway, append, relayer, deadline):
    """P1: before its first attempt a message is not over."""
    message = append()
    refusal = error("MessageNotReturnable", message.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(message), sender=relayer, at=deadline + 1) == refusal


def test_refuses_to_return_twice(gateway, relayer, expired):
    """M11."""
    gateway.send("returnToSender", *place(expired), sender=relayer)
    refusal = error("MessageNotReturnable", expired.id, Status.EXPIRED, 1)
    assert gateway.revert("returnToSender", *place(expired), sender=relayer) == refusal
    assert not gateway.attempt("returnToSender", *place(expired), sender=relayer).succeeded


def test_refuses_to_return_what_another_gateway_says(gateway, lane, paper, relayer):
    """Gateway messages end where they arrive, whatever time a lying chain names."""
    payload = gateway_payload(Kind.RETURN, bytes(32), 0, 0)
    notice = lane.append(gateway.address, gateway.address, deliver_before=1, payload=payload)
    paper.deliver(lane)
    refusal = error("MessageNotReturnable", notice.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", *place(notice), sender=relayer) == refusal


@pytest.mark.parametrize("part", ["origin", "nonce", *range(6)])
def test_refuses_to_return_with_a_change(gateway, relayer, expired, part):
    """P1, M2: the id commits to every field and to the place."""
    origin, nonce, fields = expired.origin, expired.nonce, list(expired.fields)
    if part == "origin":
        origin = 903
    elif part == "nonce":
        nonce += 1
    else:
        changes: dict[Any, Any] = {0: NOBODY, 1: NOBODY, 5: b"changed"}
        fields[part] = changes.get(part) or fields[part] + 1
    changed = Message(901, origin, 902, nonce, *fields)
    refusal = error("MessageNotReturnable", changed.id, Status.NONE, 0)
    assert gateway.revert("returnToSender", origin, nonce, tuple(fields), sender=relayer) == refusal


def test_returns_are_never_paused(gateway, relayer, expired, halted):
    halted(expired.origin)
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert len(receipt.named("ReturnSent")) == 1


def test_a_notice_that_a_restart_may_have_lost_is_sent_again(gateway, owner, relayer, expired):
    gateway.send("returnToSender", *place(expired), sender=relayer)
    gateway.send("restart", expired.origin, 40, sender=owner)
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert notices(receipt, gateway) == [
        (41, gateway_payload(Kind.RETURN, expired.id, 1, Fee.unpack(expired.fee).back))
    ]
    assert gateway.view("messageStatus", expired.id) == (Status.EXPIRED, 41)
    refusal = error("MessageNotReturnable", expired.id, Status.EXPIRED, 41)
    assert gateway.revert("returnToSender", *place(expired), sender=relayer) == refusal


def test_a_restart_of_another_lane_loses_no_notice(gateway, owner, relayer, expired, other_lane):
    gateway.send("returnToSender", *place(expired), sender=relayer)
    gateway.send("restart", other_lane.origin, 40, sender=owner)
    refusal = error("MessageNotReturnable", expired.id, Status.EXPIRED, 1)
    assert gateway.revert("returnToSender", *place(expired), sender=relayer) == refusal


# Restarts

RESTART = 100


@pytest.fixture
def follow(gateway, lane, paper, relayer):
    """Arguments of `followRestart` for the lane from the hub."""

    def follow(nonce=RESTART, positions=None):
        fact = RestartFact(lane.origin, lane.destination, nonce)
        tree = Tree([fact, lane.fact(), *(SetFact(i, keccak(text=f"set {i}")) for i in (2, 3))])
        return paper.attest(tree.root, positions), lane.origin, nonce, tree.proof(fact)

    return follow


@pytest.fixture
def restarted(lane):
    """The lane from the hub after the restart."""
    return PaperLane(lane.network_id, lane.origin, lane.destination, RESTART)


@pytest.fixture
def five(append):
    """Five messages in the lane from the hub."""
    return [append(payload=b"message %d" % i) for i in range(5)]


def test_a_restart_moves_the_lane(gateway, lane, five, paper, attacker, follow, restarted):
    """Anyone shows it. What was not delivered is left behind."""
    paper.deliver(lane, count=2)
    receipt = gateway.send("followRestart", *follow(), sender=attacker)
    assert [event.name for event in receipt.events] == ["RestartFollowed", "MessageSent", "LaneExtended"]
    assert receipt.named("RestartFollowed") == [(lane.origin, RESTART, 2, lane.heads[2])]
    assert gateway.view("inboxLane", lane.origin) == (RESTART, restarted.heads[0])


def test_a_restart_is_answered(gateway, lane, lane_back, five, paper, relayer, follow):
    """The origin hears where the lane was left."""
    paper.deliver(lane, count=2)
    receipt = gateway.send("followRestart", *follow(), sender=relayer)
    payload = gateway_payload(Kind.RESTART, RESTART, 2, lane.heads[2])
    assert notices(receipt, gateway) == [(1, payload)]
    message = lane_back.append_notice(gateway.address, payload)
    assert receipt.named("MessageSent")[0][0] == message.id
    assert gateway.view("outboxLane", lane.origin) == (1, lane_back.heads[1], 0)


def test_a_restart_of_a_lane_of_which_nothing_came(gateway, lane, relayer, follow):
    """M1: its genesis head, not zero, is where it was left."""
    receipt = gateway.send("followRestart", *follow(), sender=relayer)
    genesis = genesis_head(lane.network_id, lane.origin, lane.destination)
    assert notices(receipt, gateway) == [(1, gateway_payload(Kind.RESTART, RESTART, 0, genesis))]


def test_a_restart_by_one(gateway, lane, five, paper, relayer, follow):
    paper.deliver(lane)
    gateway.send("followRestart", *follow(6), sender=relayer)
    assert gateway.view("inboxLane", lane.origin)[0] == 6


def test_a_restart_leaves_the_other_lanes(gateway, other_lane, append, paper, relayer, follow):
    append(on=other_lane)
    paper.deliver(other_lane)
    gateway.send("followRestart", *follow(), sender=relayer)
    assert gateway.view("inboxLane", other_lane.origin) == (1, other_lane.heads[1])


def test_delivers_after_a_restart(gateway, recipient, relayer, follow, restarted, append, paper):
    """P2: from the genesis head of its place on."""
    gateway.send("followRestart", *follow(), sender=relayer)
    messages = [append(on=restarted) for _ in range(3)]
    assert [message.nonce for message in messages] == [RESTART + 1, RESTART + 2, RESTART + 3]
    paper.deliver(restarted, count=2)
    assert recipient.view("acceptedIds", 0) == tuple(message.id for message in messages[:2])
    assert gateway.view("inboxLane", restarted.origin) == (RESTART + 2, restarted.heads[2])


def test_refuses_a_gap_after_a_restart(gateway, relayer, follow, restarted, append, paper):
    """P2: the place of the restart itself holds no message."""
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted), append(on=restarted)
    refusal = error("LaneGap", restarted.origin, RESTART + 2, RESTART + 1)
    assert paper.refusal(restarted, first=RESTART + 2) == refusal


def test_what_was_left_behind_moves_nothing(gateway, recipient, lane, five, paper, relayer, follow):
    """P1: batches up to the place of the restart find nothing to do."""
    paper.deliver(lane, count=2)
    gateway.send("followRestart", *follow(), sender=relayer)
    for first in (1, 3, 5):
        assert paper.deliver(lane, first=first).events == []
    assert recipient.view("acceptedCount") == 2


def test_refuses_the_history_that_is_gone(gateway, lane, five, paper, relayer, follow):
    """M21, P2: a lane that was longer than the place of the restart leads elsewhere."""
    paper.deliver(lane, count=2)
    gateway.send("followRestart", *follow(3), sender=relayer)
    genesis = genesis_head(lane.network_id, lane.origin, lane.destination, 3)
    computed = extend(extend(genesis, five[3].id), five[4].id)
    refusal = error("HeadNotProven", lane.origin, 5, computed)
    assert paper.refusal(lane, first=4) == refusal
    assert paper.refusal(lane, first=3) == refusal


def test_refuses_to_follow_twice(gateway, lane, relayer, follow):
    gateway.send("followRestart", *follow(), sender=relayer)
    refusal = error("RestartNotAhead", lane.origin, RESTART, RESTART)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal
    assert not gateway.attempt("followRestart", *follow(), sender=relayer).succeeded


def test_refuses_to_go_back_to_a_restart(gateway, lane, relayer, follow, restarted, append, paper):
    """P1: the messages after it are not executed again."""
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    refusal = error("RestartNotAhead", lane.origin, RESTART, RESTART + 1)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal


@pytest.mark.parametrize("nonce", [0, 1, 4, 5])
def test_refuses_a_restart_that_is_not_ahead(gateway, lane, five, paper, relayer, follow, nonce):
    """P1, P2: however many signed it."""
    paper.deliver(lane)
    refusal = error("RestartNotAhead", lane.origin, nonce, 5)
    assert gateway.revert("followRestart", *follow(nonce), sender=relayer) == refusal


def test_refuses_a_restart_at_zero(gateway, lane, relayer, follow):
    """M1."""
    refusal = error("RestartNotAhead", lane.origin, 0, 0)
    assert gateway.revert("followRestart", *follow(0), sender=relayer) == refusal


def test_follows_one_restart_after_another(gateway, lane, relayer, follow, restarted, append, paper):
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    receipt = gateway.send("followRestart", *follow(200), sender=relayer)
    payload = gateway_payload(Kind.RESTART, 200, RESTART + 1, restarted.heads[1])
    assert notices(receipt, gateway) == [(2, payload)]


def test_a_restart_may_be_skipped(gateway, lane, five, paper, relayer, follow):
    """Then it is not followed any more."""
    paper.deliver(lane, count=1)
    receipt = gateway.send("followRestart", *follow(200), sender=relayer)
    assert notices(receipt, gateway) == [(1, gateway_payload(Kind.RESTART, 200, 1, lane.heads[1]))]
    refusal = error("RestartNotAhead", lane.origin, RESTART, 200)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal


def test_a_restart_that_was_skipped_is_never_answered(gateway, owner, lane, relayer, follow):
    """Nothing is said about it, though the lane back was restarted."""
    gateway.send("followRestart", *follow(200), sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("RestartNotAhead", lane.origin, RESTART, 200)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal
    refusal = error("RestartNoticeNotLost", lane.origin, RESTART, 0)
    assert gateway.revert("noticeRestart", lane.origin, RESTART, sender=relayer) == refusal


def test_a_notice_of_a_restart_that_may_be_lost_is_sent_again(
    gateway, owner, lane, five, paper, relayer, attacker, follow, restarted, append
):
    """P1: by anyone, without a signature, though the lane went on; the same words at another place, once."""
    paper.deliver(lane, count=2)
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    gateway.send("restart", lane.origin, 40, sender=owner)
    receipt = gateway.send("noticeRestart", lane.origin, RESTART, sender=attacker)
    assert [event.name for event in receipt.events] == ["MessageSent", "LaneExtended"]
    assert notices(receipt, gateway) == [(41, gateway_payload(Kind.RESTART, RESTART, 2, lane.heads[2]))]
    assert gateway.view("inboxLane", lane.origin) == (RESTART + 1, restarted.heads[1])
    refusal = error("RestartNoticeNotLost", lane.origin, RESTART, 41)
    assert gateway.revert("noticeRestart", lane.origin, RESTART, sender=attacker) == refusal
    assert not gateway.attempt("noticeRestart", lane.origin, RESTART, sender=attacker).succeeded


def test_a_notice_is_sent_once_more_for_each_restart_of_the_lane_back(gateway, owner, lane, relayer, follow):
    """P1: however often it is lost."""
    gateway.send("followRestart", *follow(), sender=relayer)
    payload = gateway_payload(
        Kind.RESTART, RESTART, 0, genesis_head(lane.network_id, lane.origin, lane.destination)
    )
    for place_ in (40, 80):
        gateway.send("restart", lane.origin, place_, sender=owner)
        receipt = gateway.send("noticeRestart", lane.origin, RESTART, sender=relayer)
        assert notices(receipt, gateway) == [(place_ + 1, payload)]


def test_each_restart_has_a_notice_of_its_own(
    gateway, owner, lane, relayer, follow, restarted, append, paper
):
    """With what was left at that restart, not at another."""
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    paper.deliver(restarted)
    gateway.send("followRestart", *follow(200), sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    said = [
        notices(gateway.send("noticeRestart", lane.origin, nonce, sender=relayer), gateway)
        for nonce in (RESTART, 200)
    ]
    genesis = genesis_head(lane.network_id, lane.origin, lane.destination)
    assert said == [
        [(41, gateway_payload(Kind.RESTART, RESTART, 0, genesis))],
        [(42, gateway_payload(Kind.RESTART, 200, RESTART + 1, restarted.heads[1]))],
    ]


def test_a_quorum_moves_no_lane_twice(gateway, owner, lane, relayer, follow):
    """P1: not even where the notice may be lost."""
    gateway.send("followRestart", *follow(), sender=relayer)
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("RestartNotAhead", lane.origin, RESTART, RESTART)
    assert gateway.revert("followRestart", *follow(), sender=relayer) == refusal


@pytest.mark.parametrize("nonce", [0, 1, RESTART - 1, RESTART + 1, HIGHEST])
def test_refuses_a_notice_of_a_restart_that_was_not_followed(gateway, owner, lane, attacker, follow, nonce):
    """M1: a record of zeros is none."""
    gateway.send("followRestart", *follow(), sender=attacker)
    gateway.send("restart", lane.origin, 40, sender=owner)
    refusal = error("RestartNoticeNotLost", lane.origin, nonce, 0)
    assert gateway.revert("noticeRestart", lane.origin, nonce, sender=attacker) == refusal


def test_a_restart_of_another_lane_loses_no_answer(gateway, owner, lane, other_lane, relayer, follow):
    gateway.send("followRestart", *follow(), sender=relayer)
    gateway.send("restart", other_lane.origin, 40, sender=owner)
    refusal = error("RestartNoticeNotLost", lane.origin, RESTART, 1)
    assert gateway.revert("noticeRestart", lane.origin, RESTART, sender=relayer) == refusal
    refusal = error("RestartNoticeNotLost", other_lane.origin, RESTART, 0)
    assert gateway.revert("noticeRestart", other_lane.origin, RESTART, sender=relayer) == refusal


def test_a_restart_is_followed_while_the_lane_is_halted(
    gateway, lane, relayer, follow, restarted, append, paper, halted
):
    """Neither the route nor a pause stops it; what comes behind it waits."""
    halted(lane.origin)
    gateway.send("followRestart", *follow(), sender=relayer)
    append(on=restarted)
    until = gateway.view("pausedUntil", lane.origin)
    waits = error("RoutePaused", lane.origin, until) if until else error("RouteClosed", lane.origin)
    assert paper.refusal(restarted) == waits


def test_retries_what_failed_before_a_restart(gateway, recipient, relayer, failed, follow):
    """P1: it was executed or tried before the lane was left, so that it does not count as abandoned."""
    gateway.send("followRestart", *follow(), sender=relayer)
    gateway.send("retry", *place(failed), sender=relayer)
    assert recipient.view("acceptedIds", 0) == (failed.id,)


def test_returns_what_failed_before_a_restart(gateway, relayer, expired, follow):
    gateway.send("followRestart", *follow(), sender=relayer)
    receipt = gateway.send("returnToSender", *place(expired), sender=relayer)
    assert receipt.named("ReturnSent") == [(expired.id, expired.origin, expired.nonce, 2)]


def test_earnings_outlast_a_restart(gateway, lane, relayer, failed, follow, earned):
    gateway.send("followRestart", *follow(), sender=relayer)
    assert earned(lane.origin) == RELAY


def test_refuses_a_restart_without_quorum(gateway, lane, relayer, follow):
    """P3, M3: three of five."""
    refusal = error("QuorumNotReached", 3, 5)
    assert gateway.revert("followRestart", *follow(positions=[0, 2, 4]), sender=relayer) == refusal
    assert not gateway.attempt("followRestart", *follow(positions=[0, 2, 4]), sender=relayer).succeeded
    gateway.send("followRestart", *follow(positions=[0, 1, 2, 4]), sender=relayer)


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(lambda proof: [], id="empty"),
        pytest.param(lambda proof: proof[:-1], id="truncated"),
        pytest.param(lambda proof: [*proof, bytes(32)], id="extended"),
        pytest.param(lambda proof: proof[::-1], id="reversed"),
    ],
)
def test_refuses_a_restart_without_its_proof(gateway, lane, relayer, follow, defect):
    """M7."""
    attestation, origin, nonce, proof = follow()
    leaf = RestartFact(lane.origin, lane.destination, RESTART).leaf
    refusal = error("FactNotProven", attestation[0], leaf)
    assert len(proof) == 2
    arguments = attestation, origin, nonce, defect(proof)
    assert gateway.revert("followRestart", *arguments, sender=relayer) == refusal


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(lambda f: RestartFact(f.destination, f.origin, f.nonce), id="opposite-lane"),
        pytest.param(lambda f: RestartFact(f.origin + 2, f.destination, f.nonce), id="other-origin"),
        pytest.param(lambda f: RestartFact(f.origin, f.destination + 1, f.nonce), id="other-destination"),
        pytest.param(lambda f: RestartFact(f.origin, f.destination, f.nonce + 1), id="other-nonce"),
        pytest.param(lambda f: LaneFact(f.origin, f.destination, f.nonce, bytes(32)), id="lane-fact-of-zero"),
        pytest.param(
            lambda f: LaneFact(
                f.origin, f.destination, f.nonce, genesis_head(901, f.origin, f.destination, f.nonce)
            ),
            id="lane-fact-of-the-genesis",
        ),
        pytest.param(lambda f: SetFact(f.nonce, bytes(32)), id="set-fact"),
    ],
)
def test_refuses_a_signed_fact_about_something_else(gateway, lane, paper, relayer, signed):
    """M2, M17: only the fact that this lane was restarted at this place counts."""
    fact = RestartFact(lane.origin, lane.destination, RESTART)
    root = signed(fact).leaf
    arguments: tuple[Any, ...] = (paper.attest(root), lane.origin, RESTART, [])
    refusal = error("FactNotProven", root, fact.leaf)
    assert gateway.revert("followRestart", *arguments, sender=relayer) == refusal


def test_a_restart_proves_no_lane(gateway, lane, append, paper, relayer):
    """M2: the other way round, a restart fact with the same numbers delivers nothing."""
    append()
    fact = RestartFact(lane.origin, lane.destination, 1)
    batch = lane.batch(Tree([lane.fact()]))
    refusal = error("HeadNotProven", lane.origin, 1, lane.heads[1])
    assert gateway.revert("deliver", paper.attest(fact.leaf), [batch], sender=relayer) == refusal


def test_refuses_a_restart_made_for_another_chain(perps, lane, relayer, follow):
    """M17: the destination is the chain that asks."""
    attestation, *others = follow()
    theirs = RestartFact(lane.origin, perps.chain.chain_id, RESTART)
    refusal = error("FactNotProven", attestation[0], theirs.leaf)
    assert perps.gateway.revert("followRestart", attestation, *others, sender=relayer) == refusal


def test_a_lying_restart_does_not_overflow_the_lane(gateway, lane, relayer, follow, append, paper):
    """M3: the highest place there is ends the lane, and nothing else."""
    gateway.send("followRestart", *follow(HIGHEST - 1), sender=relayer)
    last = PaperLane(lane.network_id, lane.origin, lane.destination, HIGHEST - 1)
    message = append(on=last)
    assert paper.deliver(last).named("MessageDelivered") == [(message.id, lane.origin, HIGHEST)]
    assert gateway.view("inboxLane", lane.origin) == (HIGHEST, last.heads[1])
    assert paper.deliver(last).events == []
