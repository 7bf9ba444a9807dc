"""Outbox: what may enter a lane, what it leaves behind, and how a broken lane is restarted."""

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message, extend, genesis_head, interoperable, parse_interoperable
from tests.kit.evm import MAX_TRANSACTION_GAS, Revert, call, deploy, error, now, transact
from tests.kit.paper import DAY, DEFAULT_GAS_LIMIT, PaperLane
from tests.kit.strategies import nearly_recipients, words
from tests.kit.terms import FREE_ROUTE, MAX_GAS_LIMIT, OPEN_ROUTE

HOUR = 3_600
MIN_GAS_LIMIT = keccak(text="minGasLimit(uint256)")[:4]
DELIVER_BEFORE = keccak(text="deliverBefore(uint256)")[:4]
FEE_PAYER = keccak(text="feePayer(address)")[:4]
UNKNOWN = keccak(text="requestId(bytes32)")[:4]
STORED_HEAD_INTERVAL = 256
MAX_RESTART_STEP = 2**32
ACCOUNT = "0x00000000000000000000000000000000000Face7"
CLOSED = 4_242
CLOSED_ROUTE = (False, False, *FREE_ROUTE[2:])


@pytest.fixture
def gateway(hub, arcade, perps, owner):
    """The hub's gateway, which takes no fees here: see test_fees.py."""
    for destination in (arcade, perps):
        hub.gateway.send("setRoute", destination.chain.chain_id, FREE_ROUTE, sender=owner)
    return hub.gateway


@pytest.fixture
def destination(arcade):
    return arcade.chain.chain_id


@pytest.fixture
def recipient(arcade):
    """ERC-7930 form of an account on arcade."""
    return interoperable(arcade.chain.chain_id, ACCOUNT)


def min_gas_limit(value: int) -> bytes:
    return MIN_GAS_LIMIT + encode(["uint256"], [value])


def deliver_before(value: int) -> bytes:
    return DELIVER_BEFORE + encode(["uint256"], [value])


def fee_payer(account: str) -> bytes:
    return FEE_PAYER + encode(["address"], [account])


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
        assert gateway.view("outboxLane", destination) == (nonce, head, 0)


def test_equal_messages_have_different_ids(gateway, sender, recipient):
    """P1: the nonce is part of the id."""
    at = now(gateway.chain) + DAY
    first, second = (send(gateway, sender, recipient, b"same", [deliver_before(at)]) for _ in range(2))
    assert first.named("MessageSent")[0][0] != second.named("MessageSent")[0][0]


def test_lane_without_messages_has_the_genesis_head(gateway, arcade):
    """M1: never zero, though nothing is stored."""
    origin, destination = gateway.chain.chain_id, arcade.chain.chain_id
    genesis = genesis_head(origin, origin, destination)
    assert gateway.view("outboxLane", destination) == (0, genesis, 0)
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
    assert {d: gateway.view("outboxLane", d) for d in lanes} == {d: (nonces[d], lanes[d], 0) for d in lanes}
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
    chain.batch(transactions)
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


def test_spokes_commit_to_the_hub_as_network(arcade, perps, hub, owner, sender):
    """M17: networkId is the hub's chain id on every chain."""
    arcade.gateway.send("setRoute", perps.chain.chain_id, FREE_ROUTE, sender=owner)
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
    gateway.send("setRoute", destination, (False, True, *FREE_ROUTE[2:]), sender=owner)
    assert refusal(gateway, sender, recipient) == error("RouteClosed", destination)


def test_sends_while_inbound_is_closed(gateway, sender, owner, recipient, arcade):
    gateway.send("setRoute", arcade.chain.chain_id, (True, False, *FREE_ROUTE[2:]), sender=owner)
    send(gateway, sender, recipient)


def test_lane_goes_on_where_it_was_after_reopening(gateway, sender, owner, recipient, arcade):
    destination = arcade.chain.chain_id
    send(gateway, sender, recipient)
    gateway.send("setRoute", destination, CLOSED_ROUTE, sender=owner)
    gateway.send("setRoute", destination, FREE_ROUTE, sender=owner)
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
    """A message that names none gets 14 days: there is none without an end."""
    at = now(gateway.chain) + 100
    expected = error("DeadlineOutOfRange", 0, at + HOUR, at + 30 * DAY)
    assert refusal(gateway, sender, recipient, b"", [deliver_before(0)], at=at) == expected


def test_takes_attributes_in_any_order(gateway, sender, recipient):
    last_second = now(gateway.chain) + DAY
    attributes = [deliver_before(last_second), min_gas_limit(70_000)]
    receipt = send(gateway, sender, recipient, b"", attributes)
    assert receipt.named("LaneExtended")[0][2:4] == (70_000, last_second)


def test_takes_a_payer(gateway, sender, recipient):
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
def test_refuses_a_payer_that_is_no_address(gateway, sender, recipient, word):
    """M16: never cut to fewer bits."""
    attribute = FEE_PAYER + word
    assert refusal(gateway, sender, recipient, b"", [attribute]) == error("InvalidAttribute", attribute)


@pytest.mark.parametrize("first", [ACCOUNT, "0x" + "ff" * 20], ids=["same", "other"])
def test_refuses_two_payers(gateway, sender, recipient, first):
    attributes = [fee_payer(first), min_gas_limit(1), fee_payer(ACCOUNT)]
    expected = error("DuplicateAttribute", FEE_PAYER)
    assert refusal(gateway, sender, recipient, b"", attributes) == expected


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


@pytest.mark.parametrize(
    "selector",
    [MIN_GAS_LIMIT, DELIVER_BEFORE, FEE_PAYER],
    ids=["minGasLimit", "deliverBefore", "feePayer"],
)
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
        (FEE_PAYER, True),
        (UNKNOWN, False),
        (bytes(4), False),
        (b"\xff" * 4, False),
    ],
    ids=["minGasLimit", "deliverBefore", "feePayer", "unknown", "zero", "ones"],
)
def test_says_which_attributes_it_supports(gateway, selector, supported):
    assert gateway.view("supportsAttribute", selector) is supported


def test_selectors_are_those_of_erc_7985():
    assert MIN_GAS_LIMIT.hex() == "39f87ba1"
    assert DELIVER_BEFORE.hex() == "3e97d7ee"


# Restarts


def test_restart_goes_on_at_a_new_genesis_head(gateway, sender, owner, recipient, destination):
    origin = gateway.chain.chain_id
    send(gateway, sender, recipient)
    receipt = gateway.send("restart", destination, 7, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 7, 1)]
    assert gateway.view("outboxLane", destination) == (7, genesis_head(origin, origin, destination, 7), 7)


def test_next_message_follows_the_restart(gateway, sender, owner, recipient, destination):
    """P2: it extends the new genesis head, one place on."""
    origin = gateway.chain.chain_id
    send(gateway, sender, recipient)
    gateway.send("restart", destination, 7, sender=owner)
    receipt = send(gateway, sender, recipient)
    id_ = receipt.named("MessageSent")[0][0]
    _, nonce, gas_limit, last_second, fee, head = receipt.named("LaneExtended")[0]
    assert nonce == 8
    assert head == extend(genesis_head(origin, origin, destination, 7), id_)
    message = Message(origin, origin, destination, 8, sender, ACCOUNT, gas_limit, last_second, fee, b"")
    assert id_ == message.id
    assert gateway.view("outboxLane", destination) == (8, head, 7)


def test_restart_stores_the_last_head(gateway, sender, owner, recipient, destination):
    """Proofs about the messages before it end there."""
    for _ in range(3):
        head = send(gateway, sender, recipient).named("LaneExtended")[0][5]
    assert gateway.view("storedHead", destination, 3) == bytes(32)
    gateway.send("restart", destination, 4, sender=owner)
    assert gateway.view("storedHead", destination, 3) == head
    assert {gateway.view("storedHead", destination, nonce) for nonce in (1, 2, 4)} == {bytes(32)}


def test_restart_records_itself(gateway, owner, destination):
    """Not followed yet: only the destination can say so."""
    gateway.send("restart", destination, 7, sender=owner)
    assert gateway.view("restartRecord", destination, 7) == (True, False, 0, bytes(32))
    assert gateway.view("restartRecord", destination, 6) == (False, False, 0, bytes(32))


def test_restart_of_a_lane_without_messages(gateway, sender, owner, recipient, destination):
    """The history that is gone may have had some."""
    origin = gateway.chain.chain_id
    receipt = gateway.send("restart", destination, 1, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 1, 0)]
    assert gateway.view("outboxLane", destination) == (1, genesis_head(origin, origin, destination, 1), 1)
    assert gateway.view("storedHead", destination, 0) == bytes(32)
    assert send(gateway, sender, recipient).named("LaneExtended")[0][1] == 2


def test_restart_twice(gateway, sender, owner, recipient, destination):
    origin = gateway.chain.chain_id
    gateway.send("restart", destination, 7, sender=owner)
    head = send(gateway, sender, recipient).named("LaneExtended")[0][5]
    receipt = gateway.send("restart", destination, 20, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 20, 8)]
    assert gateway.view("outboxLane", destination) == (20, genesis_head(origin, origin, destination, 20), 20)
    assert gateway.view("storedHead", destination, 8) == head
    assert [gateway.view("restartRecord", destination, nonce)[0] for nonce in (7, 8, 20)] == [
        True,
        False,
        True,
    ]


def test_restart_twice_without_a_message_between(gateway, owner, destination):
    """The last head before the second is the genesis head of the first."""
    origin = gateway.chain.chain_id
    gateway.send("restart", destination, 7, sender=owner)
    receipt = gateway.send("restart", destination, 8, sender=owner)
    assert receipt.named("LaneRestarted") == [(destination, 8, 7)]
    assert gateway.view("storedHead", destination, 7) == genesis_head(origin, origin, destination, 7)


def test_heads_are_stored_at_the_same_places_after_a_restart(gateway, sender, owner, recipient, destination):
    gateway.send("restart", destination, STORED_HEAD_INTERVAL - 1, sender=owner)
    head = send(gateway, sender, recipient).named("LaneExtended")[0][5]
    assert gateway.view("storedHead", destination, STORED_HEAD_INTERVAL) == head


def test_restart_leaves_other_lanes(gateway, sender, owner, destination, perps):
    other = perps.chain.chain_id
    send(gateway, sender, interoperable(other, ACCOUNT))
    before = gateway.view("outboxLane", other)
    gateway.send("restart", destination, 7, sender=owner)
    assert gateway.view("outboxLane", other) == before
    assert gateway.view("storedHead", other, 1) == bytes(32)
    assert gateway.view("restartRecord", other, 7) == (False, False, 0, bytes(32))


def test_a_closed_lane_is_restarted_and_stays_closed(gateway, sender, owner, recipient, destination):
    """What is broken is closed first."""
    gateway.send("setRoute", destination, CLOSED_ROUTE, sender=owner)
    gateway.send("restart", destination, 7, sender=owner)
    assert refusal(gateway, sender, recipient) == error("RouteClosed", destination)


@pytest.mark.parametrize("caller", ["attacker", "guardian", "successor", "sender", "deployer"])
def test_refuses_a_restart_by_others(gateway, owner, successor, destination, caller, request):
    """P8: nor by a pending owner."""
    gateway.send("transferOwnership", successor, sender=owner)
    account = request.getfixturevalue(caller)
    expected = error("OwnableUnauthorizedAccount", account)
    assert gateway.revert("restart", destination, 7, sender=account) == expected


@pytest.mark.parametrize("step", [1, MAX_RESTART_STEP], ids=["shortest", "longest"])
def test_takes_restarts_within_the_step(gateway, sender, owner, recipient, destination, step):
    send(gateway, sender, recipient)
    gateway.send("restart", destination, 1 + step, sender=owner)
    assert send(gateway, sender, recipient).named("LaneExtended")[0][1] == 2 + step


@pytest.mark.parametrize("nonce", [0, 1, 2, 3 + MAX_RESTART_STEP, 2**64 - 1])
def test_refuses_restarts_beyond_the_step(gateway, sender, owner, recipient, destination, nonce):
    """A nonce never repeats, and none is exhausted: not lower, not equal, not far above."""
    for _ in range(2):
        send(gateway, sender, recipient)
    expected = error("InvalidRestart", destination, nonce, 3, 2 + MAX_RESTART_STEP)
    assert gateway.revert("restart", destination, nonce, sender=owner) == expected


def test_the_step_counts_from_the_last_restart(gateway, owner, destination):
    gateway.send("restart", destination, 7, sender=owner)
    for nonce in (7, 8 + MAX_RESTART_STEP):
        expected = error("InvalidRestart", destination, nonce, 8, 7 + MAX_RESTART_STEP)
        assert gateway.revert("restart", destination, nonce, sender=owner) == expected
    gateway.send("restart", destination, 7 + MAX_RESTART_STEP, sender=owner)


# In the gateway's name


def test_nobody_sends_in_the_gateways_name(hub, gateway, owner, sender, recipient):
    """Accounts and contracts alike send as what they are, the owner too."""
    contract = deploy(hub.chain, "ScriptedSender", sender=sender)
    receipts = {
        owner: send(gateway, owner, recipient),
        sender: send(gateway, sender, recipient),
        contract.address: contract.send("send", gateway.address, recipient, b"", [], sender=sender),
    }
    for account, receipt in receipts.items():
        assert receipt.named("MessageSent")[0][1] == interoperable(hub.chain.chain_id, account)


@pytest.fixture
def arrive(hub, arcade, gateway, validators, relayer):
    """Delivers one message from arcade to the hub, as validators sign it. Returns it and the receipt."""

    def arrive(sender, recipient, payload=b""):
        lane = PaperLane(hub.chain.chain_id, arcade.chain.chain_id, hub.chain.chain_id)
        deadline = now(hub.chain) + DAY
        message = lane.append(sender, recipient, deliver_before=deadline, payload=payload)
        tree = Tree([lane.fact()])
        attestation = validators.sign(hub.chain.chain_id, gateway.address, tree.root).fields
        return message, gateway.send("deliver", attestation, [lane.batch(tree)], sender=relayer)

    return arrive


def test_a_message_does_not_make_the_gateway_send(gateway, attacker, recipient, destination, arrive):
    """M6: a lying chain sends the gateway a message: it calls no function of its own."""
    payload = gateway.encode("sendMessage", recipient, b"", [])
    _, receipt = arrive(attacker, gateway.address, payload)
    assert [event.name for event in receipt.events] == ["MessageFailed"]
    assert gateway.view("outboxLane", destination)[0] == 0


def test_the_gateways_own_messages_are_free_and_fixed(gateway, owner, attacker, destination, arrive):
    """Whether the route is open or not; the two logs rebuild them like all others."""
    origin = gateway.chain.chain_id
    gateway.send("setRoute", destination, (False, *OPEN_ROUTE[1:]), sender=owner)
    message, _ = arrive(attacker, ACCOUNT)
    after = message.deliver_before + 1
    receipt = gateway.send("returnToSender", destination, 1, message.fields, sender=attacker, at=after)
    _, from_, to, payload, value, attributes = receipt.named("MessageSent")[0]
    lane, nonce, gas_limit, last_second, fee, head = receipt.named("LaneExtended")[0]
    assert from_ == interoperable(origin, gateway.address)
    assert to == interoperable(destination, gateway.address)
    assert payload == encode(["uint8", "bytes32", "uint256", "bytes32"], [0, message.id, 0, bytes(32)])
    assert (value, attributes) == (0, ())
    assert (lane, nonce, gas_limit, last_second, fee) == (destination, 1, 150_000, 2**64 - 1, 0)
    account = gateway.address
    notice = Message(origin, origin, lane, nonce, account, account, gas_limit, last_second, fee, payload)
    assert receipt.named("MessageSent")[0][0] == notice.id
    assert head == extend(genesis_head(origin, origin, destination), notice.id)
    assert gateway.view("outboxLane", destination) == (1, head, 0)
    assert gateway.view("laneFees", destination) == (0, 0)


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
            st.sampled_from([MIN_GAS_LIMIT, DELIVER_BEFORE, FEE_PAYER]),
            st.binary(max_size=40) | words,
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
