"""Recipients and attributes of a message: what is taken, what is refused, and that nothing else happens."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.protocol.message import interoperable, parse_interoperable
from tests.kit.evm import MAX_TRANSACTION_GAS, Contract, Revert, call, error, now, transact
from tests.kit.outbox import (
    ACCOUNT,
    COMPACT,
    DELIVER_BEFORE,
    FEE_PAYER,
    MAX_FEE,
    MIN_GAS_LIMIT,
    RETURN_GAS_LIMIT,
    compact,
    deliver_before,
    fee_payer,
    max_fee,
    min_gas_limit,
    refusal,
    return_gas_limit,
    send,
)
from tests.kit.paper import DAY, DEFAULT_GAS_LIMIT
from tests.kit.stack import Stack
from tests.kit.strategies import nearly_recipients, words
from tests.kit.terms import HIGHEST_GAS_LIMIT, MAX_GAS_LIMIT
from tests.kit.terms import RETURN_GAS_LIMIT as RETURN_GAS

HOUR = 3_600
UNKNOWN = keccak(text="requestId(bytes32)")[:4]


# Recipients


def _address(text: str = ACCOUNT) -> bytes:
    return to_canonical_address(text)


# 902 = 0x0386, arcade's chain id.
NOT_CANONICAL = {
    "empty": b"",
    "version-only": bytes.fromhex("0001"),
    "five-bytes": bytes.fromhex("0001000002"),
    "version-0": bytes.fromhex("00000000020386 14") + _address(),
    "version-2": bytes.fromhex("00020000020386 14") + _address(),
    "other-chain-type": bytes.fromhex("00010002020386 14") + _address(),
    "leading-zero-in-chain": bytes.fromhex("0001000003000386 14") + _address(),
    "chain-of-32-bytes": bytes.fromhex("0001000020") + (902).to_bytes(32, "big") + b"\x14" + _address(),
    "chain-of-33-bytes": bytes.fromhex("0001000021") + (902).to_bytes(33, "big") + b"\x14" + _address(),
    "no-chain": bytes.fromhex("000100000014") + _address(),
    "no-address": bytes.fromhex("00010000020386 00"),
    "nothing-behind-the-lengths": bytes.fromhex("00010000020386 14"),
    "address-of-19-bytes": bytes.fromhex("00010000020386 13") + _address()[1:],
    "address-of-21-bytes": bytes.fromhex("00010000020386 15") + b"\x00" + _address(),
    "address-of-32-bytes": bytes.fromhex("00010000020386 20") + bytes(12) + _address(),
    "address-of-5-bytes": bytes.fromhex("00010000020386 05") + _address()[15:],
    "address-cut": bytes.fromhex("00010000020386 14") + _address()[:19],
    "trailing-byte": bytes.fromhex("00010000020386 14") + _address() + b"\x00",
    "trailing-word": bytes.fromhex("00010000020386 14") + _address() + bytes(32),
    "twice": 2 * (bytes.fromhex("00010000020386 14") + _address()),
    "reference-length-beyond-the-end": bytes.fromhex("00010000ff0386 14") + _address(),
    "address-length-beyond-the-end": bytes.fromhex("00010000020386 ff") + _address(),
    "abi-encoded": bytes(12) + _address(),
    "plain-address": _address(),
    "zero-address": bytes.fromhex("00010000020386 14") + bytes(20),
}


def test_accepts_the_canonical_form(gateway: Contract, sender: str, arcade: Stack) -> None:
    """What the table below departs from."""
    assert arcade.chain.chain_id == 0x0386
    send(gateway, sender, bytes.fromhex("00010000020386 14") + _address())


@pytest.mark.parametrize("recipient", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_refuses_recipients_that_can_be_read_two_ways(
    gateway: Contract, sender: str, recipient: bytes
) -> None:
    """M16: one way to name each recipient."""
    assert refusal(gateway, sender, recipient) == error("InvalidRecipient", recipient)


def test_refuses_a_recipient_on_this_chain(gateway: Contract, sender: str) -> None:
    recipient = interoperable(gateway.chain.chain_id, ACCOUNT)
    assert refusal(gateway, sender, recipient) == error("InvalidRecipient", recipient)


def test_refuses_the_gateway_as_recipient(gateway: Contract, sender: str, arcade: Stack) -> None:
    """M6: it has the same address everywhere, so that nobody can speak as gateway to gateway."""
    recipient = interoperable(arcade.chain.chain_id, gateway.address)
    assert refusal(gateway, sender, recipient) == error("InvalidRecipient", recipient)


@pytest.mark.parametrize("chain_id", [2**64, 2**255, 2**256 - 1])
def test_reads_large_chain_ids_exactly(gateway: Contract, sender: str, chain_id: int) -> None:
    """M16: never cut to fewer bits."""
    assert refusal(gateway, sender, interoperable(chain_id, ACCOUNT)) == error("RouteClosed", chain_id)


# Attributes


def test_defaults_come_from_the_route_and_the_clock(gateway: Contract, sender: str, recipient: bytes) -> None:
    at = now(gateway.chain) + 100
    receipt = send(gateway, sender, recipient, at=at)
    _, _, gas_limit, last_second, fee, _ = receipt.named("LaneExtended")[0]
    assert (gas_limit, last_second, fee) == (DEFAULT_GAS_LIMIT, at + 14 * DAY, RETURN_GAS << 224)


@pytest.mark.parametrize("value", [0, 1, DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT])
def test_takes_the_gas_limit(gateway: Contract, sender: str, recipient: bytes, value: int) -> None:
    receipt = send(gateway, sender, recipient, b"", [min_gas_limit(value)])
    assert receipt.named("LaneExtended")[0][2] == value


@pytest.mark.parametrize("value", [MAX_GAS_LIMIT + 1, 2**64, 2**64 + 1, 2**256 - 1])
def test_refuses_a_gas_limit_above_the_route(
    gateway: Contract, sender: str, recipient: bytes, value: int
) -> None:
    """Whatever enters a lane must fit the destination."""
    expected = error("GasLimitTooHigh", value, MAX_GAS_LIMIT)
    assert refusal(gateway, sender, recipient, b"", [min_gas_limit(value)]) == expected


@pytest.mark.parametrize("value", [0, 1, RETURN_GAS, HIGHEST_GAS_LIMIT])
def test_takes_the_return_gas_limit(gateway: Contract, sender: str, recipient: bytes, value: int) -> None:
    """Up to what any route allows: it is gas of this chain."""
    receipt = send(gateway, sender, recipient, b"", [return_gas_limit(value)])
    assert receipt.named("LaneExtended")[0][4] == value << 224


@pytest.mark.parametrize("value", [HIGHEST_GAS_LIMIT + 1, 2**32, 2**32 + 1, 2**64, 2**256 - 1])
def test_refuses_a_return_gas_limit_above_the_ceiling(
    gateway: Contract, sender: str, recipient: bytes, value: int
) -> None:
    """M16: never cut to fewer bits."""
    expected = error("GasLimitTooHigh", value, HIGHEST_GAS_LIMIT)
    assert refusal(gateway, sender, recipient, b"", [return_gas_limit(value)]) == expected


@pytest.mark.parametrize("delay", [HOUR, DAY, 30 * DAY])
def test_takes_the_deadline(gateway: Contract, sender: str, recipient: bytes, delay: int) -> None:
    at = now(gateway.chain) + 100
    receipt = send(gateway, sender, recipient, b"", [deliver_before(at + delay)], at=at)
    assert receipt.named("LaneExtended")[0][3] == at + delay


@pytest.mark.parametrize("delay", [-1, 0, HOUR - 1, 30 * DAY + 1, 2**64, 2**255])
def test_refuses_a_deadline_out_of_range(
    gateway: Contract, sender: str, recipient: bytes, delay: int
) -> None:
    at = now(gateway.chain) + 100
    expected = error("DeadlineOutOfRange", at + delay, at + HOUR, at + 30 * DAY)
    assert refusal(gateway, sender, recipient, b"", [deliver_before(at + delay)], at=at) == expected


def test_refuses_a_deadline_of_zero(gateway: Contract, sender: str, recipient: bytes) -> None:
    """A message that names none gets 14 days: there is none without an end."""
    at = now(gateway.chain) + 100
    expected = error("DeadlineOutOfRange", 0, at + HOUR, at + 30 * DAY)
    assert refusal(gateway, sender, recipient, b"", [deliver_before(0)], at=at) == expected


def test_takes_attributes_in_any_order(gateway: Contract, sender: str, recipient: bytes) -> None:
    last_second = now(gateway.chain) + DAY
    attributes = [
        max_fee(0),
        return_gas_limit(5),
        deliver_before(last_second),
        fee_payer(ACCOUNT),
        min_gas_limit(70_000),
    ]
    for given_ in (attributes, attributes[::-1]):
        receipt = send(gateway, sender, recipient, b"", given_)
        assert receipt.named("LaneExtended")[0][2:5] == (70_000, last_second, 5 << 224)


@pytest.mark.parametrize("deadline", [0, DAY])
def test_takes_four_attributes_in_one(
    gateway: Contract, sender: str, recipient: bytes, deadline: int
) -> None:
    at = now(gateway.chain) + 100
    attributes = [max_fee(0), compact(70_000, 5, ACCOUNT, at + deadline if deadline else 0)]
    for given_ in (attributes, attributes[::-1]):
        receipt = send(gateway, sender, recipient, b"", given_, at=at)
        assert receipt.named("LaneExtended")[0][2:5] == (70_000, at + (deadline or 14 * DAY), 5 << 224)
        at += 1
        attributes = [max_fee(0), compact(70_000, 5, ACCOUNT, at + deadline if deadline else 0)]


def test_checks_each_of_four_attributes_in_one(gateway: Contract, sender: str, recipient: bytes) -> None:
    """M16: never cut to fewer bits."""
    at = now(gateway.chain) + 100

    def refused(*values: int) -> Revert | None:
        gas, return_gas, payer, deadline = values
        attribute = compact(gas, return_gas, f"0x{payer:040x}", deadline)
        return refusal(gateway, sender, recipient, b"", [attribute], at=at)

    highest = 2**32 - 1
    assert refused(highest, 0, 1, 0) == error("GasLimitTooHigh", highest, MAX_GAS_LIMIT)
    highest = 2**24 - 1
    assert refused(0, highest, 1, 0) == error("GasLimitTooHigh", highest, HIGHEST_GAS_LIMIT)
    for deadline in (at, at + HOUR - 1, at + 30 * DAY + 1, 2**40 - 1):
        expected = error("DeadlineOutOfRange", deadline, at + HOUR, at + 30 * DAY)
        assert refused(0, 0, 1, deadline) == expected
    assert refused(1, 1, 0, 0) == error("InvalidAttribute", compact(1, 1, "0x" + "00" * 20))


def test_refuses_beside_four_in_one_any_of_them(gateway: Contract, sender: str, recipient: bytes) -> None:
    whole = compact(1, 1, ACCOUNT)
    others = (
        min_gas_limit(1),
        return_gas_limit(1),
        fee_payer(ACCOUNT),
        deliver_before(now(gateway.chain) + DAY),
    )
    for other in (whole, *others):
        for attributes in ([whole, other], [other, whole]):
            expected = error("DuplicateAttribute", attributes[1][:4])
            assert refusal(gateway, sender, recipient, b"", attributes) == expected


def test_takes_a_payer(gateway: Contract, sender: str, recipient: bytes) -> None:
    """Where nothing is to be paid, anyone may be named: see test_credit.py."""
    attributes = (fee_payer(ACCOUNT), min_gas_limit(70_000))
    receipt = send(gateway, sender, recipient, b"", attributes)
    assert receipt.named("MessageSent")[0][1] == interoperable(gateway.chain.chain_id, sender)
    assert receipt.named("MessageSent")[0][5] == attributes
    assert receipt.named("LaneExtended")[0][2] == 70_000


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(bytes(32), id="zero-address"),
        pytest.param((2**160).to_bytes(32, "big"), id="zero-address-and-a-dirty-bit"),
        pytest.param(bytes(11) + b"\x01" + to_canonical_address(ACCOUNT), id="lowest-upper-byte-dirty"),
        pytest.param(b"\x80" + bytes(11) + to_canonical_address(ACCOUNT), id="highest-bit-dirty"),
        pytest.param(b"\x11" * 20 + bytes(12), id="left-aligned"),
        pytest.param(b"\xff" * 32, id="ones"),
    ],
)
def test_refuses_a_payer_that_is_no_address(
    gateway: Contract, sender: str, recipient: bytes, word: bytes
) -> None:
    """M16: never cut to fewer bits."""
    attribute = FEE_PAYER + word
    assert refusal(gateway, sender, recipient, b"", [attribute]) == error("InvalidAttribute", attribute)


@pytest.mark.parametrize("first", [ACCOUNT, "0x" + "ff" * 20], ids=["same", "other"])
def test_refuses_two_payers(gateway: Contract, sender: str, recipient: bytes, first: str) -> None:
    attributes = [fee_payer(first), min_gas_limit(1), fee_payer(ACCOUNT)]
    expected = error("DuplicateAttribute", FEE_PAYER)
    assert refusal(gateway, sender, recipient, b"", attributes) == expected


@pytest.mark.parametrize(
    "selector",
    [MIN_GAS_LIMIT, DELIVER_BEFORE, RETURN_GAS_LIMIT, MAX_FEE],
    ids=["minGasLimit", "deliverBefore", "returnGasLimit", "maxFee"],
)
def test_refuses_an_attribute_given_twice(
    gateway: Contract, sender: str, recipient: bytes, selector: bytes
) -> None:
    """Also with another value, and others between."""
    values = {DELIVER_BEFORE: now(gateway.chain) + DAY}
    first, second = (selector + (values.get(selector, 1) + more).to_bytes(32, "big") for more in range(2))
    expected = error("DuplicateAttribute", selector)
    for attributes in ([first, first], [first, fee_payer(ACCOUNT), second]):
        assert refusal(gateway, sender, recipient, b"", attributes) == expected


@pytest.mark.parametrize(
    "attribute",
    [
        pytest.param(UNKNOWN, id="selector-only"),
        pytest.param(UNKNOWN + bytes(32), id="with-a-value"),
        pytest.param(bytes(4), id="selector-zero"),
    ],
)
def test_refuses_unknown_attributes(
    gateway: Contract, sender: str, recipient: bytes, attribute: bytes
) -> None:
    expected = error("UnsupportedAttribute", attribute[:4])
    assert refusal(gateway, sender, recipient, b"", [attribute]) == expected


@pytest.mark.parametrize(
    "selector",
    [MIN_GAS_LIMIT, DELIVER_BEFORE, FEE_PAYER, RETURN_GAS_LIMIT, MAX_FEE, COMPACT],
    ids=["minGasLimit", "deliverBefore", "feePayer", "returnGasLimit", "maxFee", "compact"],
)
@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_refuses_attributes_of_another_size(
    gateway: Contract, sender: str, recipient: bytes, selector: bytes, size: int
) -> None:
    attribute = selector + bytes(size)
    assert refusal(gateway, sender, recipient, b"", [attribute]) == error("InvalidAttribute", attribute)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_refuses_attributes_shorter_than_a_selector(
    gateway: Contract, sender: str, recipient: bytes, size: int
) -> None:
    attribute = MIN_GAS_LIMIT[:size]
    assert refusal(gateway, sender, recipient, b"", [attribute]) == error("InvalidAttribute", attribute)


@pytest.mark.parametrize(
    ("selector", "supported"),
    [
        (MIN_GAS_LIMIT, True),
        (DELIVER_BEFORE, True),
        (FEE_PAYER, True),
        (RETURN_GAS_LIMIT, True),
        (MAX_FEE, True),
        (COMPACT, True),
        (UNKNOWN, False),
        (bytes(4), False),
        (b"\xff" * 4, False),
    ],
    ids=[
        "minGasLimit",
        "deliverBefore",
        "feePayer",
        "returnGasLimit",
        "maxFee",
        "compact",
        "unknown",
        "zero",
        "ones",
    ],
)
def test_says_which_attributes_it_supports(gateway: Contract, selector: bytes, supported: bool) -> None:
    assert gateway.view("supportsAttribute", selector) is supported


def test_selectors_are_those_of_erc_7985() -> None:
    assert MIN_GAS_LIMIT.hex() == "39f87ba1"
    assert DELIVER_BEFORE.hex() == "3e97d7ee"


# Whatever comes in

REFUSALS = (
    "InvalidRecipient(bytes)",
    "RouteClosed(uint256)",
    "InvalidAttribute(bytes)",
    "DuplicateAttribute(bytes4)",
    "UnsupportedAttribute(bytes4)",
    "GasLimitTooHigh(uint256,uint256)",
    "DeadlineOutOfRange(uint256,uint256,uint256)",
)
KNOWN_REFUSALS = {keccak(text=declaration)[:4] for declaration in REFUSALS}
# Mostly well-formed beginnings, so that the random part reaches every branch behind them.
malformed_recipients = st.one_of(
    st.binary(max_size=80),
    nearly_recipients(),
    st.builds(lambda tail: bytes.fromhex("00010000") + tail, st.binary(max_size=60)),
    st.builds(lambda tail: bytes.fromhex("0001000002038614") + tail, st.binary(max_size=40)),
)
malformed_attributes = st.lists(
    st.one_of(
        st.binary(max_size=80),
        st.builds(
            lambda selector, tail: selector + tail,
            st.sampled_from([MIN_GAS_LIMIT, DELIVER_BEFORE, FEE_PAYER, RETURN_GAS_LIMIT, MAX_FEE]),
            st.binary(max_size=40) | words,
        ),
    ),
    max_size=4,
)


def check_never_panics(
    gateway: Contract, sender: str, recipient: bytes, payload: bytes, attributes: Sequence[bytes]
) -> None:
    data = gateway.encode("sendMessage", recipient, payload, attributes)
    result = call(gateway.chain, gateway.address, data, sender=sender)
    if isinstance(result, Revert):
        assert result.data[:4] in KNOWN_REFUSALS, result
    else:
        assert len(result) == 32
        parse_interoperable(recipient)


@given(malformed=malformed_recipients)
@example(malformed=bytes.fromhex("000100000203861400") + bytes(19))
@example(malformed=bytes.fromhex("000100000000"))
def test_random_recipients_never_panic(gateway: Contract, sender: str, malformed: bytes) -> None:
    """M16: a named error, or a message to exactly one recipient."""
    check_never_panics(gateway, sender, malformed, b"", [])


@given(attributes=malformed_attributes)
def test_random_attributes_never_panic(
    gateway: Contract, sender: str, recipient: bytes, attributes: list[bytes]
) -> None:
    """M16: a named error, or attributes within their ranges."""
    check_never_panics(gateway, sender, recipient, b"", attributes)


@given(tail=st.binary(max_size=300))
def test_random_calldata_never_changes_a_lane(
    gateway: Contract, sender: str, arcade: Stack, tail: bytes
) -> None:
    """M16: calldata that is not ABI-encoded is refused, or read as the message that it is."""
    data = gateway.encode("sendMessage", b"", b"", [])[:4] + tail
    result = call(gateway.chain, gateway.address, data, sender=sender)
    assert isinstance(result, Revert)
    assert not result.is_panic


@pytest.mark.parametrize("gas", [30_000, 40_000, 60_000])
def test_too_little_gas_leaves_no_trace(
    gateway: Contract, sender: str, recipient: bytes, arcade: Stack, gas: int
) -> None:
    before = gateway.view("outboxLane", arcade.chain.chain_id)
    data = gateway.encode("sendMessage", recipient, b"", [])
    assert not transact(gateway.chain, gateway.address, data, sender, gas).succeeded
    assert gateway.view("outboxLane", arcade.chain.chain_id) == before


def test_the_longest_message_fits_a_transaction(gateway: Contract, sender: str, recipient: bytes) -> None:
    receipt = send(gateway, sender, recipient, b"\xff" * 8_192)
    assert receipt.gas_used < MAX_TRANSACTION_GAS // 20
