"""Outbox: what may enter a lane, and what it leaves behind."""

import pytest
from eth_abi.abi import encode
from eth_utils import keccak, to_canonical_address
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.message import Message, extend, genesis_head, interoperable, parse_interoperable
from tests.evm import MAX_TRANSACTION_GAS, Revert, call, error, now, transact
from tests.paper import DAY, DEFAULT_GAS_LIMIT
from tests.unit.conftest import MAX_GAS_LIMIT

HOUR = 3_600
MIN_GAS_LIMIT = keccak(text="minGasLimit(uint256)")[:4]
DELIVER_BEFORE = keccak(text="deliverBefore(uint256)")[:4]
UNKNOWN = keccak(text="feePayer(address)")[:4]
STORED_HEAD_INTERVAL = 256
ACCOUNT = "0x00000000000000000000000000000000000Face7"
CLOSED = 4_242


@pytest.fixture
def gateway(hub):
    return hub.gateway


@pytest.fixture
def recipient(arcade):
    """ERC-7930 form of an account on arcade."""
    return interoperable(arcade.chain.chain_id, ACCOUNT)


def min_gas_limit(value: int) -> bytes:
    return MIN_GAS_LIMIT + encode(["uint256"], [value])


def deliver_before(value: int) -> bytes:
    return DELIVER_BEFORE + encode(["uint256"], [value])


def send(gateway, sender, recipient, payload=b"", attributes=(), **options):
    return gateway.send("sendMessage", recipient, payload, list(attributes), sender=sender, **options)


def refusal(gateway, sender, recipient, payload=b"", attributes=(), **options):
    return gateway.revert("sendMessage", recipient, payload, list(attributes), sender=sender, **options)


# What a message leaves behind


def test_returns_the_id_that_it_emits(gateway, sender, recipient):
    returned = gateway.view(
        "sendMessage", recipient, b"hello", [deliver_before(now(gateway.chain) + DAY)], sender=sender
    )
    receipt = send(gateway, sender, recipient, b"hello", [deliver_before(now(gateway.chain) + DAY)])
    assert [values[0] for values in receipt.named("MessageSent")] == [returned]


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 8_192])
def test_both_logs_together_rebuild_the_message(gateway, sender, recipient, length):
    """The id, its place and its head follow from MessageSent and LaneExtended alone."""
    payload = bytes(i % 251 for i in range(length))
    origin, (destination, account) = gateway.chain.chain_id, parse_interoperable(recipient)
    sent, extended = send(gateway, sender, recipient, payload).events
    assert (sent.name, extended.name) == ("MessageSent", "LaneExtended")
    assert sent.address == extended.address == gateway.address
    send_id, from_, to, logged_payload, value, attributes = sent.values
    lane, nonce, gas_limit, last_second, fee, head = extended.values
    assert (to, logged_payload, value, attributes, lane) == (recipient, payload, 0, (), destination)
    assert from_ == interoperable(origin, sender)
    message = Message(
        origin, origin, lane, nonce, sender, account, gas_limit, last_second, fee, logged_payload
    )
    assert message.id == send_id
    assert head == extend(genesis_head(origin, origin, destination), message.id)


def test_logs_the_attributes_as_given(gateway, sender, recipient):
    attributes = (min_gas_limit(70_000), deliver_before(now(gateway.chain) + DAY))
    receipt = send(gateway, sender, recipient, b"", attributes)
    assert receipt.named("MessageSent")[0][5] == attributes


def test_extends_the_head_message_by_message(gateway, sender, recipient):
    """P2: the head is the hash chain of everything sent."""
    origin, destination = gateway.chain.chain_id, parse_interoperable(recipient)[0]
    head = genesis_head(origin, origin, destination)
    for nonce in range(1, 5):
        receipt = send(gateway, sender, recipient, bytes([nonce]))
        head = extend(head, receipt.named("MessageSent")[0][0])
        assert receipt.named("LaneExtended")[0][1] == nonce
        assert receipt.named("LaneExtended")[0][5] == head
        assert gateway.view("outboxLane", destination) == (nonce, head)


def test_equal_messages_have_different_ids(gateway, sender, recipient):
    """P1: the nonce is part of the id."""
    at = now(gateway.chain) + DAY
    first, second = (send(gateway, sender, recipient, b"same", [deliver_before(at)]) for _ in range(2))
    assert first.named("MessageSent")[0][0] != second.named("MessageSent")[0][0]


def test_lane_without_messages_has_the_genesis_head(gateway, arcade):
    """M1: never zero, though nothing is stored."""
    origin, destination = gateway.chain.chain_id, arcade.chain.chain_id
    genesis = genesis_head(origin, origin, destination)
    assert gateway.view("outboxLane", destination) == (0, genesis)
    assert genesis != bytes(32)


def test_destinations_are_independent(gateway, sender, arcade, perps):
    origin = gateway.chain.chain_id
    lanes = {
        stack.chain.chain_id: genesis_head(origin, origin, stack.chain.chain_id) for stack in (arcade, perps)
    }
    nonces = dict.fromkeys(lanes, 0)
    first, second = lanes
    for destination in (first, first, second, first, second):
        receipt = send(gateway, sender, interoperable(destination, ACCOUNT), b"")
        lanes[destination] = extend(lanes[destination], receipt.named("MessageSent")[0][0])
        nonces[destination] += 1
    assert {d: gateway.view("outboxLane", d) for d in lanes} == {d: (nonces[d], lanes[d]) for d in lanes}
    assert nonces == {first: 3, second: 2}


def test_stores_the_head_every_256_messages(gateway, sender, recipient):
    """A proof about an old message starts at a stored head."""
    chain, destination = gateway.chain, parse_interoperable(recipient)[0]
    data = "0x" + gateway.encode("sendMessage", recipient, b"", []).hex()
    first = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
    chain.rpc("evm_setAutomine", [False])
    transaction = {"from": sender, "to": gateway.address, "data": data, "gas": hex(150_000)}
    transactions = [
        ("eth_sendTransaction", [transaction | {"nonce": hex(first + i)}])
        for i in range(2 * STORED_HEAD_INTERVAL + 1)
    ]
    chain.provider.web3.provider.make_batch_request(transactions)
    chain.rpc("evm_mine")
    heads = {}
    topics = ["0x" + keccak(text="LaneExtended(uint256,uint64,uint64,uint64,uint256,bytes32)").hex()]
    query = {"address": gateway.address, "fromBlock": "latest", "toBlock": "latest", "topics": topics}
    for log in chain.rpc("eth_getLogs", [query]):
        heads[int(log["topics"][2], 16)] = bytes.fromhex(log["data"][-64:])
    assert sorted(heads) == list(range(1, 2 * STORED_HEAD_INTERVAL + 2))
    for nonce in (STORED_HEAD_INTERVAL, 2 * STORED_HEAD_INTERVAL):
        assert gateway.view("storedHead", destination, nonce) == heads[nonce]
    for nonce in (0, 1, 255, 257, 511, 513, 768):
        assert gateway.view("storedHead", destination, nonce) == bytes(32)


def test_a_contract_may_send(hub, arcade, sender, gateway, recipient):
    """The sender is the caller, not the account that signed the transaction."""
    data = gateway.encode("sendMessage", recipient, b"", [])
    hub.recipient.send("setCall", gateway.address, data, sender=sender)
    receipt = hub.recipient.send("receiveMessage", bytes(32), b"", b"", sender=sender)
    assert receipt.named("MessageSent")[0][1] == interoperable(hub.chain.chain_id, hub.recipient.address)


def test_spokes_commit_to_the_hub_as_network(arcade, perps, hub, sender):
    """M17: networkId is the hub's chain id on every chain."""
    receipt = send(arcade.gateway, sender, interoperable(perps.chain.chain_id, ACCOUNT))
    _, nonce, gas_limit, last_second, fee, _ = receipt.named("LaneExtended")[0]
    ids = (hub.chain.chain_id, arcade.chain.chain_id, perps.chain.chain_id)
    message = Message(*ids, nonce, sender, ACCOUNT, gas_limit, last_second, fee, b"")
    assert receipt.named("MessageSent")[0][0] == message.id


# Value, payload and route


def test_refuses_ether(gateway, sender, recipient):
    assert refusal(gateway, sender, recipient, value=1) == error("ValueNotAccepted", 1)


def test_refuses_plain_ether(gateway, sender):
    """Nothing can be sent to the gateway by mistake."""
    assert call(gateway.chain, gateway.address, b"", sender=sender, value=1) == Revert(b"")


def test_refuses_a_payload_over_the_maximum(gateway, sender, recipient):
    assert refusal(gateway, sender, recipient, bytes(8_193)) == error("PayloadTooLong", 8_193, 8_192)


def test_refuses_a_destination_without_route(gateway, sender):
    assert refusal(gateway, sender, interoperable(CLOSED, ACCOUNT)) == error("RouteClosed", CLOSED)


def test_refuses_a_destination_whose_outbound_is_closed(gateway, sender, owner, recipient, arcade):
    destination = arcade.chain.chain_id
    gateway.send("setRoute", destination, (False, True, 1, 1), sender=owner)
    assert refusal(gateway, sender, recipient) == error("RouteClosed", destination)


def test_sends_while_inbound_is_closed(gateway, sender, owner, recipient, arcade):
    gateway.send("setRoute", arcade.chain.chain_id, (True, False, 1, 1), sender=owner)
    send(gateway, sender, recipient)


def test_lane_goes_on_where_it_was_after_reopening(gateway, sender, owner, recipient, arcade):
    destination = arcade.chain.chain_id
    send(gateway, sender, recipient)
    gateway.send("setRoute", destination, (False, False, 1, 1), sender=owner)
    gateway.send("setRoute", destination, (True, True, 1, 1), sender=owner)
    assert send(gateway, sender, recipient).named("LaneExtended")[0][1] == 2


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


def test_accepts_the_canonical_form(gateway, sender, arcade):
    """What the table below departs from."""
    assert arcade.chain.chain_id == 0x0386
    send(gateway, sender, bytes.fromhex("00010000020386 14") + _address())


@pytest.mark.parametrize("recipient", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_refuses_recipients_that_can_be_read_two_ways(gateway, sender, recipient):
    """M16: one way to name each recipient."""
    assert refusal(gateway, sender, recipient) == error("InvalidRecipient", recipient)


def test_refuses_a_recipient_on_this_chain(gateway, sender):
    recipient = interoperable(gateway.chain.chain_id, ACCOUNT)
    assert refusal(gateway, sender, recipient) == error("InvalidRecipient", recipient)


def test_refuses_the_gateway_as_recipient(gateway, sender, arcade):
    """M6: it has the same address everywhere, so that nobody can speak as gateway to gateway."""
    recipient = interoperable(arcade.chain.chain_id, gateway.address)
    assert refusal(gateway, sender, recipient) == error("InvalidRecipient", recipient)


@pytest.mark.parametrize("chain_id", [2**64, 2**255, 2**256 - 1])
def test_reads_large_chain_ids_exactly(gateway, sender, chain_id):
    """M16: never cut to fewer bits."""
    assert refusal(gateway, sender, interoperable(chain_id, ACCOUNT)) == error("RouteClosed", chain_id)


# Attributes


def test_defaults_come_from_the_route_and_the_clock(gateway, sender, recipient):
    at = now(gateway.chain) + 100
    receipt = send(gateway, sender, recipient, at=at)
    _, _, gas_limit, last_second, fee, _ = receipt.named("LaneExtended")[0]
    assert (gas_limit, last_second, fee) == (DEFAULT_GAS_LIMIT, at + 14 * DAY, 0)


@pytest.mark.parametrize("value", [0, 1, DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT])
def test_takes_the_gas_limit(gateway, sender, recipient, value):
    receipt = send(gateway, sender, recipient, b"", [min_gas_limit(value)])
    assert receipt.named("LaneExtended")[0][2] == value


@pytest.mark.parametrize("value", [MAX_GAS_LIMIT + 1, 2**64, 2**64 + 1, 2**256 - 1])
def test_refuses_a_gas_limit_above_the_route(gateway, sender, recipient, value):
    """Whatever enters a lane must fit the destination."""
    expected = error("GasLimitTooHigh", value, MAX_GAS_LIMIT)
    assert refusal(gateway, sender, recipient, b"", [min_gas_limit(value)]) == expected


@pytest.mark.parametrize("delay", [HOUR, DAY, 30 * DAY])
def test_takes_the_deadline(gateway, sender, recipient, delay):
    at = now(gateway.chain) + 100
    receipt = send(gateway, sender, recipient, b"", [deliver_before(at + delay)], at=at)
    assert receipt.named("LaneExtended")[0][3] == at + delay


@pytest.mark.parametrize("delay", [-1, 0, HOUR - 1, 30 * DAY + 1, 2**64, 2**255])
def test_refuses_a_deadline_out_of_range(gateway, sender, recipient, delay):
    at = now(gateway.chain) + 100
    expected = error("DeadlineOutOfRange", at + delay, at + HOUR, at + 30 * DAY)
    assert refusal(gateway, sender, recipient, b"", [deliver_before(at + delay)], at=at) == expected


def test_refuses_a_deadline_of_zero(gateway, sender, recipient):
    """Zero is what messages without a deadline will carry: no sender may claim it."""
    at = now(gateway.chain) + 100
    expected = error("DeadlineOutOfRange", 0, at + HOUR, at + 30 * DAY)
    assert refusal(gateway, sender, recipient, b"", [deliver_before(0)], at=at) == expected


def test_takes_attributes_in_any_order(gateway, sender, recipient):
    last_second = now(gateway.chain) + DAY
    attributes = [deliver_before(last_second), min_gas_limit(70_000)]
    receipt = send(gateway, sender, recipient, b"", attributes)
    assert receipt.named("LaneExtended")[0][2:4] == (70_000, last_second)


@pytest.mark.parametrize("selector", [MIN_GAS_LIMIT, DELIVER_BEFORE], ids=["minGasLimit", "deliverBefore"])
def test_refuses_an_attribute_given_twice(gateway, sender, recipient, selector):
    last_second = now(gateway.chain) + DAY
    attribute = min_gas_limit(1) if selector == MIN_GAS_LIMIT else deliver_before(last_second)
    expected = error("DuplicateAttribute", selector)
    assert refusal(gateway, sender, recipient, b"", [attribute, attribute]) == expected


@pytest.mark.parametrize(
    "attribute",
    [
        pytest.param(UNKNOWN, id="selector-only"),
        pytest.param(UNKNOWN + bytes(32), id="with-a-value"),
        pytest.param(bytes(4), id="selector-zero"),
    ],
)
def test_refuses_unknown_attributes(gateway, sender, recipient, attribute):
    expected = error("UnsupportedAttribute", attribute[:4])
    assert refusal(gateway, sender, recipient, b"", [attribute]) == expected


@pytest.mark.parametrize("selector", [MIN_GAS_LIMIT, DELIVER_BEFORE], ids=["minGasLimit", "deliverBefore"])
@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_refuses_attributes_of_another_size(gateway, sender, recipient, selector, size):
    attribute = selector + bytes(size)
    assert refusal(gateway, sender, recipient, b"", [attribute]) == error("InvalidAttribute", attribute)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_refuses_attributes_shorter_than_a_selector(gateway, sender, recipient, size):
    attribute = MIN_GAS_LIMIT[:size]
    assert refusal(gateway, sender, recipient, b"", [attribute]) == error("InvalidAttribute", attribute)


@pytest.mark.parametrize(
    ("selector", "supported"),
    [
        (MIN_GAS_LIMIT, True),
        (DELIVER_BEFORE, True),
        (UNKNOWN, False),
        (bytes(4), False),
        (b"\xff" * 4, False),
    ],
    ids=["minGasLimit", "deliverBefore", "unknown", "zero", "ones"],
)
def test_says_which_attributes_it_supports(gateway, selector, supported):
    assert gateway.view("supportsAttribute", selector) is supported


def test_selectors_are_those_of_erc_7985():
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
    st.builds(lambda tail: bytes.fromhex("00010000") + tail, st.binary(max_size=60)),
    st.builds(lambda tail: bytes.fromhex("0001000002038614") + tail, st.binary(max_size=40)),
)
malformed_attributes = st.lists(
    st.one_of(
        st.binary(max_size=80),
        st.builds(
            lambda selector, tail: selector + tail,
            st.sampled_from([MIN_GAS_LIMIT, DELIVER_BEFORE]),
            st.one_of(st.binary(max_size=40), st.binary(min_size=32, max_size=32)),
        ),
    ),
    max_size=4,
)


def check_never_panics(gateway, sender, recipient, payload, attributes):
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
def test_random_recipients_never_panic(gateway, sender, malformed):
    """M16: a named error, or a message to exactly one recipient."""
    check_never_panics(gateway, sender, malformed, b"", [])


@given(attributes=malformed_attributes)
def test_random_attributes_never_panic(gateway, sender, recipient, attributes):
    """M16: a named error, or attributes within their ranges."""
    check_never_panics(gateway, sender, recipient, b"", attributes)


@given(tail=st.binary(max_size=300))
def test_random_calldata_never_changes_a_lane(gateway, sender, arcade, tail):
    """M16: calldata that is not ABI-encoded is refused, or read as the message that it is."""
    data = gateway.encode("sendMessage", b"", b"", [])[:4] + tail
    result = call(gateway.chain, gateway.address, data, sender=sender)
    assert isinstance(result, Revert)
    assert not result.is_panic


@pytest.mark.parametrize("gas", [30_000, 40_000, 60_000])
def test_too_little_gas_leaves_no_trace(gateway, sender, recipient, arcade, gas):
    before = gateway.view("outboxLane", arcade.chain.chain_id)
    data = gateway.encode("sendMessage", recipient, b"", [])
    assert not transact(gateway.chain, gateway.address, data, sender, gas).succeeded
    assert gateway.view("outboxLane", arcade.chain.chain_id) == before


def test_the_longest_message_fits_a_transaction(gateway, sender, recipient):
    receipt = send(gateway, sender, recipient, b"\xff" * 8_192)
    assert receipt.gas_used < MAX_TRANSACTION_GAS // 20
