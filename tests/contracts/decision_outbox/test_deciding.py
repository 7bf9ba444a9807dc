"""What the hub's timelock records for other chains, and the first attempt to send it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from metalayer.lanes.logs import parse
from tests.kit.deciding import ACCOUNT, CODE, GAS_LIMIT, Hub
from tests.kit.decisions import LIFETIME, NONE, Action, Decision
from tests.kit.evm import ZERO_ADDRESS, Revert, call, error, init_code, now
from tests.kit.stack import Stack

RETURN_GAS_LIMIT = 50_000


def test_records_and_sends(placed: Hub, decision: Decision) -> None:
    start = now(placed.stack.chain) + 10
    receipt = placed.decide(decision, at=start)
    deadline = start + LIFETIME
    assert receipt.named("Decided") == [
        (placed.destination, decision.id, _struct(decision), GAS_LIMIT, deadline)
    ]
    assert placed.outbox.view("arriveBefore", placed.destination, decision.id) == deadline
    (sent,) = parse(receipt.logs, placed.stack.chain.chain_id, placed.stack.chain.chain_id)
    outbox = placed.outbox.address
    assert receipt.named("DecisionSent") == [(placed.destination, decision.id, sent.id, outbox)]
    message = sent.message
    assert (message.sender, message.recipient, message.destination) == (outbox, outbox, placed.destination)
    assert (message.payload, message.gas_limit, message.deliver_before) == (
        decision.payload,
        GAS_LIMIT,
        deadline,
    )


def test_returns_the_id(placed: Hub, decision: Decision) -> None:
    arguments = placed.arguments(decision)
    assert placed.outbox.view("decide", *arguments, sender=placed.timelock.address) == decision.id


def test_the_first_attempt_is_prepaid(placed: Hub, decision: Decision) -> None:
    before, price = placed.credit, placed.outbox.view("quote", *placed.arguments(decision))
    length = len(decision.payload)
    quoted = placed.gateway.view("quote", placed.destination, GAS_LIMIT, RETURN_GAS_LIMIT, length)
    assert price == quoted > 0
    placed.decide(decision)
    assert before - placed.credit == price


@pytest.mark.parametrize("caller", ["attacker", "owner", "sender", "deployer", "treasury"])
def test_only_the_timelock_decides(
    placed: Hub, decision: Decision, caller: str, request: pytest.FixtureRequest
) -> None:
    """P8: `sender` commands the timelock, which is not being it."""
    account = request.getfixturevalue(caller)
    refusal = placed.outbox.revert("decide", *placed.arguments(decision), sender=account)
    assert refusal == error("NotTimelock", account)


def test_decides_once_for_each_chain(placed: Hub, decision: Decision, perps: Stack) -> None:
    """P7c: a decision that ended is not begun anew by the same words."""
    placed.decide(decision)
    deadline = placed.outbox.view("arriveBefore", placed.destination, decision.id)
    refusal = error("AlreadyDecided", placed.destination, decision.id)
    arguments = placed.arguments(decision)
    timelock = placed.timelock.address
    for at in (deadline - 1, deadline + 1):
        assert placed.outbox.revert("decide", *arguments, sender=timelock, at=at) == refusal
    placed.decide(decision, perps.chain.chain_id)
    placed.decide(decision.salted("again"))


@pytest.mark.parametrize("chain_id", [0, None], ids=["zero", "this one"])
def test_refuses_to_decide_for_no_other_chain(placed: Hub, decision: Decision, chain_id: int | None) -> None:
    destination = placed.stack.chain.chain_id if chain_id is None else chain_id
    arguments = (destination, decision.fields, GAS_LIMIT)
    refusal = placed.outbox.revert("decide", *arguments, sender=placed.timelock.address)
    assert refusal == error("InvalidDecisionChain", destination)


@pytest.mark.parametrize("column", [1, 2, 3, 4], ids=["targets", "values", "calldatas", "codes"])
@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_refuses_lists_of_different_lengths(
    placed: Hub, decision: Decision, column: int, change: str
) -> None:
    fields = list(decision.fields)
    fields[column] = [] if change == "shorter" else fields[column] * 2
    arguments = (placed.destination, tuple(fields), GAS_LIMIT)
    refusal = placed.outbox.revert("decide", *arguments, sender=placed.timelock.address)
    assert refusal == error("InvalidDecision")


def test_refuses_what_decides_nothing(placed: Hub, decision: Decision) -> None:
    refusal = placed.outbox.revert("decide", *placed.arguments(Decision([])), sender=placed.timelock.address)
    assert refusal == error("InvalidDecision")
    placed.decide(Decision([], cancels=[decision.id]))


def test_refuses_calls_without_a_code(placed: Hub) -> None:
    """M24: every call is pinned, also on other chains; what is only paid is not."""
    unpinned = Action(ACCOUNT, b"\x01")
    pinned_payee = Action(ACCOUNT, value=1, code=CODE)
    for action in (unpinned, pinned_payee):
        arguments = placed.arguments(Decision([Action(ACCOUNT, value=1), action]))
        refusal = placed.outbox.revert("decide", *arguments, sender=placed.timelock.address)
        assert refusal == error("InvalidDecision")
    placed.decide(Decision([Action(ACCOUNT, value=1), replace(unpinned, code=CODE)]))


def test_what_no_message_holds_is_not_decided(placed: Hub) -> None:
    """P8c: recorded, it could never be sent. One word shorter fits."""
    longest = Decision([Action(ACCOUNT, bytes(7_616), 0, CODE)])
    assert len(longest.payload) == 8_192
    longer = Decision([Action(ACCOUNT, bytes(7_617), 0, CODE)])
    refusal = placed.outbox.revert("decide", *placed.arguments(longer), sender=placed.timelock.address)
    assert refusal == error("DecisionTooLong", 8_224, 8_192)
    assert placed.decide(longest).named("DecisionSent")


# What cannot be sent


def test_a_closed_route_does_not_revert(placed: Hub, decision: Decision, close: Callable[[], None]) -> None:
    """P8c, M49."""
    close()
    before = placed.credit
    receipt = placed.decide(decision)
    reason = error("RouteClosed", placed.destination)
    assert receipt.named("DecisionNotSent") == [(placed.destination, decision.id, reason.data)]
    assert receipt.named("DecisionSent") == []
    assert placed.outbox.view("arriveBefore", placed.destination, decision.id) != 0
    assert placed.credit == before


def test_a_chain_that_nobody_knows_does_not_revert(placed: Hub, decision: Decision) -> None:
    """P8c: its route may open later."""
    receipt = placed.decide(decision, 424_242)
    reason = error("RouteClosed", 424_242)
    assert receipt.named("DecisionNotSent") == [(424_242, decision.id, reason.data)]


def test_a_lack_of_credit_does_not_revert(placed: Hub, decision: Decision) -> None:
    """P8c."""
    outbox = placed.outbox.address
    placed.stack.chain.rpc("anvil_impersonateAccount", [outbox])
    placed.stack.chain.rpc("anvil_setBalance", [outbox, hex(10**20)])
    placed.gateway.send("withdraw", ACCOUNT, placed.credit, sender=outbox)
    price = placed.outbox.view("quote", *placed.arguments(decision))
    reason = error("InsufficientCredit", outbox, 0, price)
    receipt = placed.decide(decision)
    assert receipt.named("DecisionNotSent") == [(placed.destination, decision.id, reason.data)]


def test_a_gas_limit_that_is_too_high_does_not_revert(placed: Hub, decision: Decision) -> None:
    """P8c: the owner may lower the route's maximum while a vote runs."""
    maximum = placed.gateway.view("route", placed.destination)[2][1]
    receipt = placed.decide(decision, gas_limit=maximum + 1)
    reason = error("GasLimitTooHigh", maximum + 1, maximum)
    assert receipt.named("DecisionNotSent") == [(placed.destination, decision.id, reason.data)]


def test_one_closed_route_stops_no_other_decision(
    placed: Hub, decision: Decision, close: Callable[[], None], perps: Stack, sender: str
) -> None:
    """P8c, M49: the hub's timelock executes one proposal for two chains, of which one is closed."""
    close()
    perps_id = perps.chain.chain_id
    calls = [
        placed.outbox.encode("decide", chain_id, decision.fields, GAS_LIMIT)
        for chain_id in (placed.destination, perps_id)
    ]
    batch = ([placed.outbox.address] * 2, [0, 0], calls, NONE, NONE)
    placed.timelock.send("scheduleBatch", *batch, 0, sender=sender)
    receipt = placed.timelock.send("executeBatch", *batch, sender=sender)
    assert [values[0] for values in receipt.named("Decided")] == [placed.destination, perps_id]
    assert [values[0] for values in receipt.named("DecisionNotSent")] == [placed.destination]
    assert [values[0] for values in receipt.named("DecisionSent")] == [perps_id]


def test_little_gas_does_not_fail_the_attempt_alone(placed: Hub, perps: Stack) -> None:
    """P8c: of the longest decision on a new lane, which costs most, too, an executor cannot choose gas with which
    sending fails and the rest succeeds.
    """
    decision = Decision([Action(ACCOUNT, bytes(7_600), 0, CODE)])
    assert len(decision.payload) == 8_192
    arguments = (perps.chain.chain_id, decision.fields, GAS_LIMIT)
    chain, outbox, timelock = placed.stack.chain, placed.outbox, placed.timelock.address
    data = outbox.encode("decide", *arguments)
    before = chain.snapshot()
    enough = outbox.send("decide", *arguments, sender=timelock).gas_used
    chain.restore(before)
    least = 21_000 + sum(16 if byte else 4 for byte in data)
    for gas in range(least, enough, 2_000):
        assert isinstance(call(chain, outbox.address, data, sender=timelock, gas=gas), Revert), gas
    receipt = outbox.send("decide", *arguments, sender=timelock, gas=enough)
    assert len(receipt.named("DecisionSent")) == 1


@pytest.mark.parametrize("actions", [1, 4, 15])
def test_little_gas_does_not_keep_a_decision_from_being_sent(placed: Hub, sender: str, actions: int) -> None:
    """P8c: whoever executes on the timelock chooses the gas. What suffices for all but the sending does not suffice."""
    decision = Decision([Action(ACCOUNT, b"\x01" * 292, 0, CODE)] * actions)
    chain, timelock = placed.stack.chain, placed.timelock
    data = timelock.encode("executeBatch", *_schedule(placed, decision, sender))
    low, high = 50_000, 4_000_000
    while high - low > 50:
        middle = (low + high) // 2
        fails = isinstance(call(chain, timelock.address, data, sender=sender, gas=middle), Revert)
        low, high = (middle, high) if fails else (low, middle)
    for more in (0, 100, 1_000, 5_000, 20_000):
        arguments = _schedule(placed, decision.salted(str(more)), sender)
        receipt = timelock.attempt("executeBatch", *arguments, sender=sender, gas=high + more)
        assert not receipt.succeeded or receipt.named("DecisionSent"), f"recorded with {high + more} gas"


def _schedule(hub: Hub, decision: Decision, sender: str) -> tuple[object, ...]:
    """Arguments of the timelock's `executeBatch`, ready at once."""
    data = hub.outbox.encode("decide", *hub.arguments(decision))
    arguments = ([hub.outbox.address], [0], [data], NONE, NONE)
    hub.timelock.send("scheduleBatch", *arguments, 0, sender=sender)
    return arguments


# At deployment


def test_is_not_deployed_without_a_gateway(placed: Hub, deployer: str) -> None:
    def deployed(gateway: str) -> bytes | Revert:
        code = init_code("DecisionOutbox", gateway, placed.timelock.address)
        return call(placed.stack.chain, None, code, sender=deployer)

    assert deployed(ZERO_ADDRESS) == error("InvalidGateway", ZERO_ADDRESS)
    assert isinstance(deployed(placed.gateway.address), bytes)


def test_knows_its_constructors_arguments(placed: Hub) -> None:
    assert placed.outbox.view("TIMELOCK") == placed.timelock.address
    assert placed.outbox.view("gateway") == placed.gateway.address
    assert placed.outbox.view("isGateway", placed.gateway.address)


def _struct(decision: Decision) -> tuple[object, ...]:
    """As a log is decoded."""
    return tuple(tuple(value) if isinstance(value, list) else value for value in decision.fields)
