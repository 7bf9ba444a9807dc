"""Callbacks: a sender is told what came back with the gas that it prepaid, and costs nobody more than that (P24)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, Fee, interoperable
from metalayer.protocol.rpc import Log
from tests.kit.evm import (
    CODEC,
    MAX_TRANSACTION_GAS,
    Contract,
    Revert,
    call,
    error,
    set_code,
    slot,
)
from tests.kit.outbox import return_gas_limit
from tests.kit.promises import promised_gas
from tests.kit.scripted import OnReturn
from tests.kit.settlement import FUNDS, Origin, Step, batch, fee, place
from tests.kit.stack import Stack
from tests.kit.terms import HIGHEST_GAS_LIMIT, RETURN_GAS_LIMIT

STOP = bytes.fromhex("00")
# GAS is the first opcode and costs 2: slot 0 keeps the gas limit less 2.
PROBE = bytes.fromhex("5a5f5500")
GAS_OPCODE = 2
HOSTILE = {
    "burns-all": bytes.fromhex("fe"),
    "loops": bytes.fromhex("5b5f56"),
    "reverts": bytes.fromhex("5f5ffd"),
    "revert-bomb": bytes.fromhex("620f42405ffd"),
    "return-bomb": bytes.fromhex("620f42405ff3"),
    # GASPRICE, ISZERO, PUSH1 6, JUMPI, INVALID, JUMPDEST, STOP: in a call without a price all is well.
    "burns-where-gas-has-a-price": bytes.fromhex("3a15600657fe5b00"),
    # GAS, PUSH3 1,000,000, LT, PUSH1 10, JUMPI, INVALID, JUMPDEST, STOP: in a rehearsal with plenty of gas, too.
    "wants-a-million": bytes.fromhex("5a620f424010600a57fe5b00"),
    "calls-itself": bytes.fromhex("5f5f5f5f5f305af100"),
    "writes": bytes.fromhex("5a5f555a6001555a6002555a6003555a6004555a6005555a6006555a60075500"),
    "destroys-itself": bytes.fromhex("33ff"),
    "accepts": STOP,
}
"""Runtime code of senders. What nobody can write in Solidity, too."""


def required_gas(limit: int) -> int:
    """What must be left right before the callback; `RecipientCall.required`."""
    return 5_000 + limit + max(limit // 63, 55_000)


@pytest.fixture
def expired(origin: Origin, client: Contract, carrier: str) -> Callable[..., Sent]:
    """A message that came back, sent by the scripted sender or an account, with that much gas prepaid."""

    def expired(limit: int | None = None, by: Any = client, payload: bytes = b"") -> Sent:
        attributes = [] if limit is None else [return_gas_limit(limit)]
        sent = origin.send(by, payload, attributes=attributes)
        origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
        return sent

    return expired


@pytest.fixture
def turned(origin: Origin, sender: str) -> Callable[..., None]:
    """Gives the sender's account code: it was an account when it sent."""

    def turned(code: bytes) -> None:
        set_code(origin.hub.chain, sender, code)

    return turned


def unspent(sent: Sent) -> int:
    return fee(sent).relay - fee(sent).base


def check_final(origin: Origin, step: Step, sent: Sent, caller: str, *, open_: bool) -> None:
    """The refund stands: everybody has what is theirs, and the callback is open or not."""
    parts, sender = fee(sent), sent.message.sender
    assert step.credit == {caller: parts.step + parts.callback, sender: unspent(sent)}
    earned = (parts.step + parts.callback) * GWEI
    returned = (sent.id, sent.message.destination, sent.message.nonce, unspent(sent) * GWEI, caller, earned)
    assert step.receipt.named("MessageReturned") == [returned]
    assert step.receipt.named("CallbackFailed") == ([(sent.id,)] if open_ else [])
    notice = origin.returned(sent)
    assert (notice.refunded, notice.callback_open, notice.unspent) == (True, open_, unspent(sent))


# Whatever the sender does


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("limit", [0, 30_000, 1_000_000])
def test_no_sender_costs_its_caller_more_than_promised(
    origin: Origin,
    sender: str,
    attacker: str,
    expired: Callable[..., Sent],
    turned: Callable[..., None],
    code: bytes,
    limit: int,
) -> None:
    """P24, M20: with all the gas of a transaction at hand; the caller is paid, and the refund is final."""
    sent = expired(limit, by=sender)
    turned(code)
    data = origin.gateway.encode("refund", *origin.evidence(sent))
    step = origin.refund(sent, by=attacker)
    assert step.receipt.gas_used <= promised_gas(data, 0, 0, limit)
    check_final(origin, step, sent, attacker, open_=origin.returned(sent).callback_open)
    refusal = origin.gateway.revert("refund", *origin.evidence(sent), sender=attacker)
    assert refusal == error("AlreadyRefunded", sent.id)
    turned(STOP)
    if origin.returned(sent).callback_open:
        assert origin.call_back(sent, by=attacker).credit == {}
    refusal = origin.gateway.revert("callBack", *place(sent), sender=attacker)
    assert refusal == error("NoCallback", sent.id)


@given(
    code=st.sampled_from(sorted(HOSTILE.values())) | st.binary(min_size=1, max_size=40),
    limit=st.integers(0, HIGHEST_GAS_LIMIT),
    length=st.integers(0, MAX_PAYLOAD_LENGTH),
    behind=st.integers(0, 3),
)
@example(code=HOSTILE["burns-all"], limit=HIGHEST_GAS_LIMIT, length=MAX_PAYLOAD_LENGTH, behind=3)
@example(code=HOSTILE["revert-bomb"], limit=HIGHEST_GAS_LIMIT, length=MAX_PAYLOAD_LENGTH, behind=0)
@example(code=HOSTILE["return-bomb"], limit=3_000_000, length=0, behind=0)
def test_the_promise_holds_for_any_code(
    origin: Origin,
    sender: str,
    carrier: str,
    attacker: str,
    code: bytes,
    limit: int,
    length: int,
    behind: int,
) -> None:
    """P24: any code, gas, payload and place in the lane."""
    if code.startswith(b"\xef"):
        code = b"\xfe" + code
    chain, lane = origin.hub.chain, list(origin.lane)
    before = chain.snapshot()
    try:
        sent = origin.send(sender, b"\xff" * length, attributes=[return_gas_limit(limit)])
        for _ in range(behind):
            origin.send(sender)
        origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
        set_code(chain, sender, code)
        data = origin.gateway.encode("refund", *origin.evidence(sent))
        step = origin.refund(sent, by=attacker)
        assert step.receipt.gas_used <= promised_gas(data, length, behind, limit)
        assert step.credit[attacker] == fee(sent).step + fee(sent).callback
        assert origin.returned(sent).refunded
    finally:
        chain.restore(before)
        origin.lane = lane
        origin.said.clear()
        origin.open_books()


@pytest.mark.parametrize("behaviour", [OnReturn.REVERT, OnReturn.BURN_ALL_GAS, OnReturn.REVERT_BOMB])
def test_a_sender_that_refuses_is_told_later_by_anyone(
    origin: Origin,
    client: Contract,
    sender: str,
    attacker: str,
    relayer: str,
    expired: Callable[..., Sent],
    behaviour: OnReturn,
) -> None:
    """P24, M12: others are not held up; what it is told is what it would have been told, once."""
    sent, other = expired(), expired(by=sender)
    client.send("setBehaviour", behaviour, sender=attacker)
    check_final(origin, origin.refund(sent, by=attacker), sent, attacker, open_=True)
    assert origin.refund(other, by=relayer).credit[sender] == unspent(other) + fee(other).callback
    reason = {
        OnReturn.REVERT: error("Refused", sent.id),
        OnReturn.BURN_ALL_GAS: error("FailedCall"),
        OnReturn.REVERT_BOMB: Revert(bytes(95) + b"\x80" + bytes(999_904)),
    }[behaviour]
    assert origin.gateway.revert("callBack", *place(sent), sender=relayer) == reason
    assert not origin.gateway.attempt("callBack", *place(sent), sender=relayer).succeeded
    assert origin.returned(sent).callback_open
    client.send("setBehaviour", OnReturn.ACCEPT, sender=attacker)
    step = origin.call_back(sent, by=relayer)
    assert (step.credit, step.escrow) == ({}, {origin.arcade: 0, origin.perps: 0})
    assert step.receipt.named("CalledBack") == [(sent.id,)]
    told = (sent.id, origin.arcade, origin.gateway.address, b"", unspent(sent) * GWEI)
    assert (client.view("returned", 0), client.view("returnedCount")) == (told, 1)
    refusal = origin.gateway.revert("callBack", *place(sent), sender=relayer)
    assert refusal == error("NoCallback", sent.id)


def test_a_sender_that_wants_more_than_it_prepaid_is_told_later(
    origin: Origin, client: Contract, attacker: str, expired: Callable[..., Sent]
) -> None:
    """P24: at the cost of whoever calls, with as much gas as they like."""
    sent = expired(30_000)
    check_final(origin, origin.refund(sent, by=attacker), sent, attacker, open_=True)
    call_back = ("callBack", *place(sent))
    assert not origin.gateway.attempt(*call_back, sender=attacker, gas=100_000).succeeded
    assert origin.returned(sent).callback_open
    origin.gateway.send(*call_back, sender=attacker)
    assert client.view("returnedIds", 0) == (sent.id,)


def test_whoever_tells_it_later_gives_it_no_less_than_it_prepaid(
    origin: Origin, sender: str, attacker: str, expired: Callable[..., Sent], turned: Callable[..., None]
) -> None:
    """A sender that goes on after a part of its work failed would be done for ever with too little gas."""
    limit = 1_000_000
    sent = expired(limit, by=sender)
    turned(HOSTILE["reverts"])
    check_final(origin, origin.refund(sent, by=attacker), sent, attacker, open_=True)
    turned(PROBE)
    chain, outcomes = origin.hub.chain, []
    for gas in range(100_000, 1_300_000, 75_000):
        before = chain.snapshot()
        succeeded = origin.gateway.attempt("callBack", *place(sent), sender=attacker, gas=gas).succeeded
        assert origin.returned(sent).callback_open != succeeded
        assert slot(chain, sender) >= limit - GAS_OPCODE if succeeded else slot(chain, sender) == 0
        outcomes.append(succeeded)
        chain.restore(before)
    assert outcomes == sorted(outcomes)
    assert {*outcomes} == {False, True}


def test_a_sender_that_lies_to_a_rehearsal(
    origin: Origin, sender: str, attacker: str, expired: Callable[..., Sent], turned: Callable[..., None]
) -> None:
    """P24: it sees a call without a gas price, accepts there, and burns what it prepaid on chain."""
    limit = 5_000_000
    sent = expired(limit, by=sender)
    turned(HOSTILE["burns-where-gas-has-a-price"])
    data = origin.gateway.encode("refund", *origin.evidence(sent))
    rehearsed = int(
        origin.hub.chain.rpc(
            "eth_estimateGas",
            [{"from": attacker, "to": origin.gateway.address, "data": "0x" + data.hex(), "gasPrice": "0x0"}],
        ),
        16,
    )
    assert required_gas(limit) < rehearsed < promised_gas(data, 0, 0, required_gas(limit)) * 64 // 63
    step = origin.step(
        origin.gateway, "refund", *origin.evidence(sent), sender=attacker, gas=rehearsed + rehearsed // 50
    )
    assert limit < step.receipt.gas_used <= promised_gas(data, 0, 0, limit)
    check_final(origin, step, sent, attacker, open_=True)


def test_an_account_is_not_called(
    origin: Origin, sender: str, attacker: str, expired: Callable[..., Sent]
) -> None:
    """P5: what it prepaid for a callback comes back to it."""
    sent = expired(by=sender)
    step = origin.refund(sent, by=attacker)
    parts = fee(sent)
    assert step.credit == {attacker: parts.step, sender: unspent(sent) + parts.callback}
    assert step.receipt.named("CallbackFailed") == []
    refusal = origin.gateway.revert("callBack", *place(sent), sender=attacker)
    assert refusal == error("NoCallback", sent.id)


def test_a_contract_without_such_a_function_is_refunded(
    origin: Origin, hub: Stack, sender: str, carrier: str, attacker: str, treasury: str
) -> None:
    """P24: it sent without wanting to be told anything: its callback stays open, and disturbs nobody."""
    hub.era.send("approve", hub.gateway.address, FUNDS, sender=treasury)
    origin.step(hub.gateway, "depositFor", hub.recipient.address, FUNDS, sender=treasury)
    sending = hub.gateway.encode("sendMessage", interoperable(origin.arcade, origin.recipient), b"", [])
    hub.recipient.send("setCall", hub.gateway.address, sending, sender=sender)
    step = origin.step(hub.recipient, "receiveMessage", bytes(32), b"", b"", sender=sender)
    (sent,) = parse(step.receipt.logs, hub.chain.chain_id, hub.chain.chain_id)
    origin.lane.append(sent)
    origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    check_final(origin, origin.refund(sent, by=attacker), sent, attacker, open_=True)
    assert origin.gateway.revert("callBack", *place(sent), sender=attacker) == error("FailedCall")


@pytest.mark.parametrize("behaviour", [OnReturn.ACCEPT, OnReturn.BURN_ALL_GAS])
def test_an_account_that_delegates_is_called(
    origin: Origin,
    client: Contract,
    sender: str,
    attacker: str,
    expired: Callable[..., Sent],
    turned: Callable[..., None],
    behaviour: OnReturn,
) -> None:
    """P24: an account with code of another one (EIP-7702), which it may give up again."""
    # A recipient's storage is the account's own: all is as in a new scripted sender.
    sent = expired(by=sender)
    code = HOSTILE["burns-all"] if behaviour == OnReturn.BURN_ALL_GAS else PROBE
    set_code(origin.hub.chain, "0x" + "de" * 20, code)
    turned(bytes.fromhex("ef0100" + "de" * 20))
    step = origin.refund(sent, by=attacker)
    check_final(origin, step, sent, attacker, open_=behaviour == OnReturn.BURN_ALL_GAS)
    if behaviour == OnReturn.ACCEPT:
        assert slot(origin.hub.chain, sender) == RETURN_GAS_LIMIT - GAS_OPCODE
        return
    turned(b"")
    assert origin.gateway.revert("callBack", *place(sent), sender=attacker) == error("NoCallback", sent.id)
    turned(STOP)
    origin.call_back(sent, by=attacker)


def test_a_sender_may_send_again_while_it_is_told(
    origin: Origin, client: Contract, attacker: str, expired: Callable[..., Sent]
) -> None:
    """M20, P24: at its own cost, out of what just came back; several at once."""
    sent = expired(1_000_000)
    sending = origin.gateway.encode("sendMessage", interoperable(origin.arcade, origin.recipient), b"", [])
    client.send("setCall", origin.gateway.address, sending, sender=attacker)
    data = origin.gateway.encode("refund", *origin.evidence(sent))
    step = origin.refund(sent, by=attacker)
    again = Fee.unpack(step.receipt.named("LaneExtended")[0][4])
    protocol = -(-again.total // 10)
    assert step.credit[client.address] == unspent(sent) - again.total - protocol
    assert step.credit[attacker] == fee(sent).step + fee(sent).callback
    assert step.receipt.gas_used <= promised_gas(data, 0, 0, 1_000_000)
    assert not origin.returned(sent).callback_open


# What else it calls

REENTRIES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "refund": lambda sent, other, evidence, arguments: evidence,
    "refundAbandoned": lambda sent, other, evidence, arguments: (*evidence, 5, bytes(32), []),
    "refundClosed": lambda sent, other, evidence, arguments: (*evidence, 0, arguments[0], []),
    "recordInboxHead": lambda sent, other, evidence, arguments: (902, 5, 1, bytes(32), []),
    "callBack": lambda sent, other, evidence, arguments: place(sent),
    "deliver": lambda sent, other, evidence, arguments: arguments,
    "retry": lambda sent, other, evidence, arguments: (902, 1, sent.message.fields),
    "returnToSender": lambda sent, other, evidence, arguments: (902, 1, sent.message.fields),
    "claim": lambda sent, other, evidence, arguments: (902,),
    "followRestart": lambda sent, other, evidence, arguments: (arguments[0], 902, 5, []),
    "noticeRestart": lambda sent, other, evidence, arguments: (902, 5),
}


@pytest.mark.parametrize("again", [False, True], ids=["at-the-refund", "called-back"])
@pytest.mark.parametrize("method", REENTRIES)
def test_refuses_reentrance(
    origin: Origin,
    client: Contract,
    attacker: str,
    expired: Callable[..., Sent],
    method: str,
    again: bool,
) -> None:
    """M20: while a sender is told, nothing ends and nothing is paid. It only spoils its own callback."""
    sent, other = expired(1_000_000), expired()
    arguments = batch(origin.validators, origin.hub, [sent])
    call_ = REENTRIES[method](sent, other, origin.evidence(other), arguments)
    if again:
        client.send("setBehaviour", OnReturn.REVERT, sender=attacker)
        origin.refund(sent, by=attacker)
    client.send("setCall", origin.gateway.address, origin.gateway.encode(method, *call_), sender=attacker)
    if not again:
        check_final(origin, origin.refund(sent, by=attacker), sent, attacker, open_=True)
    reason = origin.gateway.revert("callBack", *place(sent), sender=attacker)
    assert reason == error("TargetRefused", error("ReentrancyGuardReentrantCall").data)
    assert not origin.returned(other).refunded
    client.send("setBehaviour", OnReturn.ACCEPT, sender=attacker)
    origin.call_back(sent, by=attacker)
    origin.refund(other, by=attacker)
    assert client.view("returnedIds", 0) == (sent.id, other.id)


# Callbacks that are none


@pytest.mark.parametrize("part", ["destination", "nonce", *range(6)])
def test_refuses_to_call_back_with_a_change(
    origin: Origin, client: Contract, attacker: str, expired: Callable[..., Sent], part: Any
) -> None:
    """P24: the sender is told of what it sent, and of nothing else."""
    sent = expired()
    client.send("setBehaviour", OnReturn.REVERT, sender=attacker)
    origin.refund(sent, by=attacker)
    client.send("setBehaviour", OnReturn.ACCEPT, sender=attacker)
    message, destination, nonce = place(sent)
    fields = list(message)
    if part == "destination":
        destination = origin.perps
    elif part == "nonce":
        nonce += 1
    else:
        changes: dict[Any, Any] = {0: attacker, 1: attacker, 5: b"changed"}
        fields[part] = changes.get(part) or fields[part] + 1
    refusal = origin.gateway.revert("callBack", tuple(fields), destination, nonce, sender=attacker)
    assert repr(refusal).startswith("NoCallback(")
    assert refusal != error("NoCallback", sent.id)
    origin.call_back(sent, by=attacker)


def test_refuses_to_call_back_before_the_refund(
    origin: Origin, attacker: str, expired: Callable[..., Sent]
) -> None:
    sent = expired()
    refusal = origin.gateway.revert("callBack", *place(sent), sender=attacker)
    assert refusal == error("NoCallback", sent.id)


def test_refuses_to_call_back_who_was_told(
    origin: Origin, client: Contract, attacker: str, expired: Callable[..., Sent]
) -> None:
    """M11: once."""
    sent = expired()
    check_final(origin, origin.refund(sent, by=attacker), sent, attacker, open_=False)
    refusal = origin.gateway.revert("callBack", *place(sent), sender=attacker)
    assert refusal == error("NoCallback", sent.id)
    assert client.view("returnedCount") == 1


# Enough gas


def least_gas(origin: Origin, data: bytes, caller: str, low: int, high: int) -> int:
    """Least gas of a transaction with which a call of the gateway succeeds: `low` is too little, `high` enough."""

    def succeeds(gas: int) -> bool:
        result = call(origin.hub.chain, origin.gateway.address, data, sender=caller, gas=gas)
        return not isinstance(result, Revert)

    assert succeeds(high)
    assert not succeeds(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if succeeds(middle) else (middle, high)
    return high


@pytest.mark.parametrize("kind", ["contract", "delegated"])
@pytest.mark.parametrize(
    ("limit", "length"),
    [(25_000, 0), (300_000, 0), (300_000, 8_192), (10_000_000, 0), (10_000_000, 8_192)],
)
def test_a_sender_gets_its_whole_gas_or_nothing_happens(
    origin: Origin,
    sender: str,
    attacker: str,
    expired: Callable[..., Sent],
    turned: Callable[..., None],
    limit: int,
    length: int,
    kind: str,
) -> None:
    """P24, M12: nobody makes a callback fail by stinginess. At the exact unit of gas: below it the refund reverts, from
    it on the sender has what it prepaid, and no more.
    """
    sent = expired(limit, by=sender, payload=b"\xff" * length)
    set_code(origin.hub.chain, "0x" + "de" * 20, PROBE)
    turned(PROBE if kind == "contract" else bytes.fromhex("ef0100" + "de" * 20))
    chain, arguments = origin.hub.chain, origin.evidence(sent)
    data = origin.gateway.encode("refund", *arguments)
    high = least_gas(origin, data, attacker, limit, limit + limit // 63 + 1_500_000)

    refusal = origin.gateway.revert("refund", *arguments, sender=attacker, gas=high - 1)
    assert refusal.data[:4] == error("InsufficientReturnGas", bytes(32), 0, 0).data[:4]
    id_, available, required = CODEC.decode(["bytes32", "uint256", "uint256"], refusal.data[4:])
    assert (id_, required) == (sent.id, required_gas(limit))
    assert available < required <= available + 2

    for gas in (high - 1, high - 2_700, high, high + 1, high + 63, high + 100_000):
        before = chain.snapshot()
        receipt = origin.gateway.attempt("refund", *arguments, sender=attacker, gas=gas)
        assert receipt.succeeded == origin.returned(sent).refunded == (gas >= high), gas
        assert slot(chain, sender) == (limit - GAS_OPCODE if gas >= high else 0), gas
        assert not origin.returned(sent).callback_open, gas
        chain.restore(before)


def test_too_little_gas_changes_nothing(
    origin: Origin, client: Contract, attacker: str, expired: Callable[..., Sent]
) -> None:
    """P24: at no gas at all does the refund stand without its callback."""
    sent = expired()
    chain, arguments, outcomes = origin.hub.chain, origin.evidence(sent), []
    for gas in range(50_000, 600_000, 10_000):
        before = chain.snapshot()
        succeeded = origin.gateway.attempt("refund", *arguments, sender=attacker, gas=gas).succeeded
        assert (client.view("returnedCount"), origin.returned(sent).refunded) == (int(succeeded), succeeded)
        outcomes.append(succeeded)
        chain.restore(before)
    assert outcomes == sorted(outcomes)
    assert {*outcomes} == {False, True}


def test_what_burns_its_gas_leaves_enough_for_the_rest(
    origin: Origin, sender: str, attacker: str, expired: Callable[..., Sent], turned: Callable[..., None]
) -> None:
    """P24: at the least gas with which the refund begins, also if the sender burns all that it prepaid."""
    for limit in (0, 100_000, 3_000_000, 10_000_000):
        before = origin.hub.chain.snapshot()
        sent = expired(limit, by=sender)
        turned(HOSTILE["burns-all"])
        data = origin.gateway.encode("refund", *origin.evidence(sent))
        high = least_gas(origin, data, attacker, limit, MAX_TRANSACTION_GAS)
        step = origin.step(origin.gateway, "refund", *origin.evidence(sent), sender=attacker, gas=high)
        check_final(origin, step, sent, attacker, open_=True)
        origin.hub.chain.restore(before)
        origin.lane.clear()
        origin.said.clear()
        origin.open_books()


def test_the_largest_refund_fits_a_transaction(
    origin: Origin, sender: str, carrier: str, attacker: str, turned: Callable[..., None]
) -> None:
    """P24, M12: the longest payload and walk, and all of the highest gas limit burned (EIP-7825)."""
    chain, gateway = origin.hub.chain, origin.gateway
    payload = b"\xff" * MAX_PAYLOAD_LENGTH
    sent = origin.send(sender, payload, attributes=[return_gas_limit(HIGHEST_GAS_LIMIT)])
    recipient = interoperable(origin.arcade, origin.recipient)
    data = "0x" + gateway.encode("sendMessage", recipient, b"", []).hex()
    first = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
    transaction = {"from": sender, "to": gateway.address, "data": data, "gas": hex(120_000)}
    chain.rpc("evm_setAutomine", [False])
    chain.batch([("eth_sendTransaction", [transaction | {"nonce": hex(first + i)}]) for i in range(63)])
    chain.rpc("evm_mine")
    chain.rpc("evm_setAutomine", [True])
    logs = chain.rpc("eth_getLogs", [{"address": gateway.address, "fromBlock": "latest"}])
    origin.lane += parse(map(Log.read, logs), chain.chain_id, chain.chain_id)
    origin.open_books()
    origin.notice(sent.id, expired=True, carrier=carrier, step=fee(sent).step)
    turned(HOSTILE["burns-all"])
    arguments = origin.evidence(sent)
    assert len(arguments[1][3]) == 63
    data_ = gateway.encode("refund", *arguments)
    step = origin.step(gateway, "refund", *arguments, sender=attacker)
    check_final(origin, step, sent, attacker, open_=True)
    assert step.receipt.gas_used > HIGHEST_GAS_LIMIT
    assert step.receipt.gas_used <= promised_gas(data_, MAX_PAYLOAD_LENGTH, 63, HIGHEST_GAS_LIMIT)
