"""Fees: what a message is quoted, what it is charged, who sends free, and what the protocol gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, Message, interoperable, parse_interoperable
from tests.kit.evm import Contract, Receipt, Revert, error
from tests.kit.outbox import ACCOUNT, min_gas_limit
from tests.kit.paper import DEFAULT_GAS_LIMIT
from tests.kit.stack import Stack
from tests.kit.strategies import payload_lengths, routes, up_to
from tests.kit.terms import FREE_ROUTE, HIGHEST_GAS_LIMIT, LARGEST_ROUTE, MAX_GAS_LIMIT, OPEN_ROUTE

FEE_PAYER = keccak(text="feePayer(address)")[:4]
GWEI = 10**9
LARGEST = 2**256 - 1
# More than the dearest message: 51,004,146 ERA.
CREDIT = 60_000_000 * 10**18
CLOSED = 4_242


@dataclass(frozen=True)
class Price:
    """What a message costs, in gwei. The relay part holds the base part."""

    base: int
    relay: int
    back: int
    protocol: int

    @classmethod
    def of(cls, route: tuple[int, ...], gas_limit: int, length: int) -> Price:
        """By the words of IRoutes, every part rounded up."""
        base, per_1000_gas, per_byte, back, share = route[4:]
        relay = base + -(-gas_limit * per_1000_gas // 1_000) + length * per_byte
        return cls(base, relay, back, -(-(relay + back) * share // 10_000))

    @property
    def packed(self) -> int:
        return self.base | self.relay << 64 | self.back << 128

    @property
    def escrow(self) -> int:
        return self.relay + self.back

    @property
    def total(self) -> int:
        """In wei."""
        return (self.escrow + self.protocol) * GWEI


@pytest.fixture
def gateway(hub: Stack, treasury: str, sender: str) -> Contract:
    """The hub's gateway, in which the sender has credit."""
    hub.era.send("approve", hub.gateway.address, LARGEST, sender=treasury)
    hub.gateway.send("depositFor", sender, CREDIT, sender=treasury)
    return hub.gateway


def paid_by(account: str) -> list[bytes]:
    return [FEE_PAYER + encode(["address"], [account])]


def send(
    gateway: Contract, sender: str, recipient: bytes, payload: bytes = b"", attributes: Sequence[bytes] = ()
) -> Receipt:
    return gateway.send("sendMessage", recipient, payload, list(attributes), sender=sender)


def fee_of(receipt: Receipt) -> int:
    return receipt.named("LaneExtended")[0][4]


# Quote and charge


@given(route=routes.map(astuple), of_maximum=up_to(HIGHEST_GAS_LIMIT), length=payload_lengths)
@example(route=LARGEST_ROUTE, of_maximum=HIGHEST_GAS_LIMIT, length=MAX_PAYLOAD_LENGTH)
@example(route=FREE_ROUTE, of_maximum=HIGHEST_GAS_LIMIT, length=MAX_PAYLOAD_LENGTH)
@example(route=(*FREE_ROUTE[:5], 1, 0, 0, 1), of_maximum=1, length=0)
@example(route=(*FREE_ROUTE[:5], 1, 0, 0, 0), of_maximum=1_001, length=1)
def test_charges_what_it_quotes(
    gateway: Contract,
    owner: str,
    sender: str,
    destination: int,
    recipient: bytes,
    route: tuple[int, ...],
    of_maximum: int,
    length: int,
) -> None:
    """M15, M40: for every route, gas limit and length; the parts are the quote, each rounded up."""
    gas_limit = min(of_maximum, route[3])
    before = gateway.chain.snapshot()
    try:
        gateway.send("setRoute", destination, route, sender=owner)
        quoted = gateway.view("quote", destination, gas_limit, length)
        receipt = send(gateway, sender, recipient, b"\xff" * length, [min_gas_limit(gas_limit)])
        price = Price.of(route, gas_limit, length)
        assert quoted == CREDIT - gateway.view("credit", sender) == price.total
        assert gateway.view("laneFees", destination) == (price.escrow, price.protocol)
        assert fee_of(receipt) == price.packed
    finally:
        gateway.chain.restore(before)


def test_the_dearest_message_fits_every_field(
    gateway: Contract, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    """No part is ever cut: 64 bits hold it, and the lane's sums hold the whole supply."""
    price = Price.of(LARGEST_ROUTE, HIGHEST_GAS_LIMIT, MAX_PAYLOAD_LENGTH)
    assert price.relay < 2**55
    assert price.total < CREDIT
    assert 10**9 * 10**18 // GWEI < 2**64
    gateway.send("setRoute", destination, LARGEST_ROUTE, sender=owner)
    assert gateway.view("quote", destination, HIGHEST_GAS_LIMIT, MAX_PAYLOAD_LENGTH) == price.total


@pytest.mark.parametrize(
    ("route", "gas_limit", "length", "packed", "protocol"),
    [
        pytest.param((5, 0, 0, 0, 0), 1_000, 10, 5 | 5 << 64, 0, id="base"),
        pytest.param((0, 7, 0, 0, 0), 3_000, 10, 21 << 64, 0, id="gas-exact"),
        pytest.param((0, 7, 0, 0, 0), 3_001, 10, 22 << 64, 0, id="gas-rounded-up"),
        pytest.param((0, 1, 0, 0, 0), 1, 10, 1 << 64, 0, id="one-gas-costs-one"),
        pytest.param((0, 7, 0, 0, 0), 0, 10, 0, 0, id="no-gas"),
        pytest.param((0, 0, 3, 0, 0), 1_000, 10, 30 << 64, 0, id="bytes"),
        pytest.param((0, 0, 0, 9, 0), 1_000, 10, 9 << 128, 0, id="return"),
        pytest.param((5, 7, 3, 9, 0), 1_000, 10, 5 | 42 << 64 | 9 << 128, 0, id="all"),
        pytest.param((0, 0, 0, 10_000, 1), 0, 0, 10_000 << 128, 1, id="share-exact"),
        pytest.param((0, 0, 0, 10_001, 1), 0, 0, 10_001 << 128, 2, id="share-rounded-up"),
        pytest.param((0, 0, 0, 1, 1), 0, 0, 1 << 128, 1, id="the-smallest-share-costs-one"),
        pytest.param((60, 0, 0, 40, 10_000), 0, 0, 60 | 60 << 64 | 40 << 128, 100, id="the-whole-share"),
    ],
)
def test_adds_up(
    gateway: Contract,
    owner: str,
    sender: str,
    destination: int,
    recipient: bytes,
    route: tuple[int, ...],
    gas_limit: int,
    length: int,
    packed: int,
    protocol: int,
) -> None:
    """M40: by hand; every rounding is against the sender."""
    gateway.send("setRoute", destination, (True, True, 1, MAX_GAS_LIMIT, *route), sender=owner)
    receipt = send(gateway, sender, recipient, bytes(length), [min_gas_limit(gas_limit)])
    escrow, protocol_fees = gateway.view("laneFees", destination)
    assert (fee_of(receipt), protocol_fees) == (packed, protocol)
    assert CREDIT - gateway.view("credit", sender) == (escrow + protocol) * GWEI


def test_charges_the_default_gas_limit(
    gateway: Contract, sender: str, destination: int, recipient: bytes
) -> None:
    """A message that names no gas limit is quoted with the route's."""
    quoted = gateway.view("quote", destination, DEFAULT_GAS_LIMIT, 0)
    send(gateway, sender, recipient)
    assert CREDIT - gateway.view("credit", sender) == quoted


def test_content_costs_nothing(gateway: Contract, sender: str, destination: int, recipient: bytes) -> None:
    """Only the length: zero bytes cost as much as others."""
    for payload in (bytes(100), b"\xff" * 100):
        before = gateway.view("credit", sender)
        send(gateway, sender, recipient, payload)
        assert before - gateway.view("credit", sender) == gateway.view(
            "quote", destination, DEFAULT_GAS_LIMIT, 100
        )


def test_fees_add_up_in_a_lane(
    gateway: Contract, sender: str, destination: int, recipient: bytes, perps: Stack
) -> None:
    """Each lane has its own."""
    prices = [Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, length) for length in (0, 1, 100)]
    for length in (0, 1, 100):
        send(gateway, sender, recipient, bytes(length))
    expected = (sum(price.escrow for price in prices), sum(price.protocol for price in prices))
    assert gateway.view("laneFees", destination) == expected
    assert gateway.view("laneFees", perps.chain.chain_id) == (0, 0)


def test_a_message_keeps_the_terms_at_which_it_was_sent(
    gateway: Contract, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    """The id commits to its fee; what is set later holds for later messages."""
    first = fee_of(send(gateway, sender, recipient))
    gateway.send("setRoute", destination, (*OPEN_ROUTE[:4], 1, 2, 3, 4, 5), sender=owner)
    second = fee_of(send(gateway, sender, recipient))
    assert first == Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).packed
    assert second == Price.of((*OPEN_ROUTE[:4], 1, 2, 3, 4, 5), DEFAULT_GAS_LIMIT, 0).packed


def test_the_id_commits_to_the_fee(gateway: Contract, sender: str, recipient: bytes) -> None:
    receipt = send(gateway, sender, recipient, b"hello")
    origin, (destination, account) = gateway.chain.chain_id, parse_interoperable(recipient)
    _, nonce, gas_limit, last_second, fee, _ = receipt.named("LaneExtended")[0]
    message = Message(
        origin, origin, destination, nonce, sender, account, gas_limit, last_second, fee, b"hello"
    )
    assert fee == Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 5).packed != 0
    assert receipt.named("MessageSent")[0][0] == message.id


def test_too_little_gas_charges_nothing(
    gateway: Contract, sender: str, destination: int, recipient: bytes
) -> None:
    """By one unit of gas."""
    before = gateway.chain.snapshot()
    needed = send(gateway, sender, recipient).gas_used
    gateway.chain.restore(before)
    assert not gateway.attempt("sendMessage", recipient, b"", [], sender=sender, gas=needed - 1).succeeded
    assert gateway.view("credit", sender) == CREDIT
    assert gateway.view("laneFees", destination) == (0, 0)
    assert gateway.attempt("sendMessage", recipient, b"", [], sender=sender, gas=needed).succeeded


# What is refused


def both_refuse(gateway: Contract, sender: str, destination: int, gas_limit: int, length: int) -> Revert:
    """What `sendMessage` and `quote` say alike. AssertionError if they differ."""
    recipient = interoperable(destination, ACCOUNT)
    attributes = [min_gas_limit(gas_limit)]
    refusal = gateway.revert("sendMessage", recipient, bytes(length), attributes, sender=sender)
    assert gateway.revert("quote", destination, gas_limit, length, sender=sender) == refusal
    return refusal


def test_quotes_no_route_that_was_never_set(gateway: Contract, sender: str) -> None:
    assert both_refuse(gateway, sender, CLOSED, 0, 0) == error("RouteClosed", CLOSED)


def test_quotes_no_closed_route(gateway: Contract, owner: str, sender: str, destination: int) -> None:
    gateway.send("setRoute", destination, (False, *OPEN_ROUTE[1:]), sender=owner)
    assert both_refuse(gateway, sender, destination, 0, 0) == error("RouteClosed", destination)


@pytest.mark.parametrize("gas_limit", [MAX_GAS_LIMIT + 1, 2**64, LARGEST])
def test_quotes_no_gas_limit_above_the_route(
    gateway: Contract, sender: str, destination: int, gas_limit: int
) -> None:
    expected = error("GasLimitTooHigh", gas_limit, MAX_GAS_LIMIT)
    assert both_refuse(gateway, sender, destination, gas_limit, 0) == expected


def test_quotes_no_payload_over_the_maximum(gateway: Contract, sender: str, destination: int) -> None:
    expected = error("PayloadTooLong", MAX_PAYLOAD_LENGTH + 1, MAX_PAYLOAD_LENGTH)
    assert both_refuse(gateway, sender, destination, 0, MAX_PAYLOAD_LENGTH + 1) == expected


def test_quotes_no_length_that_is_cut(gateway: Contract, sender: str, destination: int) -> None:
    """M15: as many bits as are asked for."""
    for length in (2**40, 2**64, LARGEST):
        expected = error("PayloadTooLong", length, MAX_PAYLOAD_LENGTH)
        assert gateway.revert("quote", destination, 0, length, sender=sender) == expected


@given(
    closed=st.booleans(),
    gas_limit=up_to(MAX_GAS_LIMIT) | st.integers(MAX_GAS_LIMIT, LARGEST),
    length=payload_lengths | st.integers(0, 2 * MAX_PAYLOAD_LENGTH),
)
def test_quotes_exactly_what_it_sends(
    gateway: Contract, sender: str, destination: int, closed: bool, gas_limit: int, length: int
) -> None:
    """M15: a quote, or the same refusal, whichever of several reasons comes first."""
    to = CLOSED if closed else destination
    arguments = (interoperable(to, ACCOUNT), bytes(length), [min_gas_limit(gas_limit)])
    if not closed and gas_limit <= MAX_GAS_LIMIT and length <= MAX_PAYLOAD_LENGTH:
        gateway.view("sendMessage", *arguments, sender=sender)
        assert gateway.view("quote", to, gas_limit, length) == Price.of(OPEN_ROUTE, gas_limit, length).total
    else:
        both_refuse(gateway, sender, to, gas_limit, length)


# Free of charge


def test_owner_of_the_hub_sends_free_without_credit(
    gateway: Contract, owner: str, destination: int, recipient: bytes
) -> None:
    """A decision of the network never fails for want of a fee."""
    receipt = send(gateway, owner, recipient)
    assert fee_of(receipt) == 0
    assert gateway.view("laneFees", destination) == (0, 0)


@pytest.mark.parametrize("missing", [1, 0])
def test_owner_pays_where_its_credit_holds_the_price(
    gateway: Contract, owner: str, treasury: str, destination: int, recipient: bytes, missing: int
) -> None:
    """All of it or nothing."""
    price = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0)
    gateway.send("depositFor", owner, price.total - missing, sender=treasury)
    receipt = send(gateway, owner, recipient)
    assert fee_of(receipt) == (0 if missing else price.packed)
    assert gateway.view("credit", owner) == (price.total - 1 if missing else 0)
    assert gateway.view("laneFees", destination) == ((0, 0) if missing else (price.escrow, price.protocol))


def test_owner_sends_free_when_it_names_itself(gateway: Contract, owner: str, recipient: bytes) -> None:
    assert fee_of(send(gateway, owner, recipient, b"", paid_by(owner))) == 0


def test_owner_of_a_spoke_does_not_send_free(arcade: Stack, hub: Stack, owner: str) -> None:
    """There it is only as trusted as that chain: relayers work for nobody's decision but the hub's."""
    price = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).total
    recipient = interoperable(hub.chain.chain_id, ACCOUNT)
    assert arcade.gateway.view("owner") == owner
    for attributes in ([], paid_by(owner)):
        expected = error("InsufficientCredit", owner, 0, price)
        assert arcade.gateway.revert("sendMessage", recipient, b"", attributes, sender=owner) == expected


def test_owner_does_not_send_free_through_a_payer(
    gateway: Contract, owner: str, depositor: str, sender: str, recipient: bytes
) -> None:
    """Whoever is named pays, or nobody sends."""
    price = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).total
    expected = {
        depositor: error("InsufficientCredit", depositor, 0, price),
        sender: error("InsufficientAllowance", sender, owner, 0, price),
    }
    for payer, refusal in expected.items():
        assert gateway.revert("sendMessage", recipient, b"", paid_by(payer), sender=owner) == refusal
    gateway.send("setAllowance", owner, price, sender=sender)
    assert fee_of(send(gateway, owner, recipient, b"", paid_by(sender))) != 0
    assert gateway.view("credit", sender) == CREDIT - price


def test_nobody_sends_free_through_the_owner(
    gateway: Contract, owner: str, attacker: str, recipient: bytes
) -> None:
    price = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).total
    expected = error("InsufficientCredit", owner, 0, price)
    assert gateway.revert("sendMessage", recipient, b"", paid_by(owner), sender=attacker) == expected
    gateway.send("setAllowance", attacker, LARGEST, sender=owner)
    assert gateway.revert("sendMessage", recipient, b"", paid_by(owner), sender=attacker) == expected


@pytest.mark.parametrize("caller", ["deployer", "guardian", "treasury", "attacker"])
def test_nobody_else_sends_free(
    gateway: Contract, recipient: bytes, caller: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    price = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).total
    expected = error("InsufficientCredit", account, 0, price)
    assert gateway.revert("sendMessage", recipient, b"", [], sender=account) == expected


def test_the_owner_at_that_time_sends_free(
    gateway: Contract, owner: str, successor: str, recipient: bytes
) -> None:
    """P8: neither the pending nor the former one."""
    price = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).total

    def refused(account: str) -> bool:
        expected = error("InsufficientCredit", account, 0, price)
        return gateway.revert("sendMessage", recipient, b"", [], sender=account) == expected

    gateway.send("transferOwnership", successor, sender=owner)
    assert refused(successor)
    gateway.send("acceptOwnership", sender=successor)
    assert refused(owner)
    assert fee_of(send(gateway, successor, recipient)) == 0


def test_a_free_message_keeps_the_limits_of_the_route(
    gateway: Contract, owner: str, destination: int
) -> None:
    assert both_refuse(gateway, owner, CLOSED, 0, 0) == error("RouteClosed", CLOSED)
    expected = error("GasLimitTooHigh", MAX_GAS_LIMIT + 1, MAX_GAS_LIMIT)
    assert both_refuse(gateway, owner, destination, MAX_GAS_LIMIT + 1, 0) == expected


def test_a_free_route_asks_for_no_payer(
    gateway: Contract, owner: str, attacker: str, destination: int, recipient: bytes
) -> None:
    """Nothing is charged, whoever is named."""
    gateway.send("setRoute", destination, FREE_ROUTE, sender=owner)
    assert fee_of(send(gateway, attacker, recipient, b"", paid_by(owner))) == 0


# The protocol's part


def test_sweeps_the_protocol_part_to_the_owner(
    gateway: Contract, hub: Stack, owner: str, sender: str, attacker: str, destination: int, recipient: bytes
) -> None:
    """Anyone may call: it pays nobody else, and no more than that."""
    for length in (0, 100):
        send(gateway, sender, recipient, bytes(length))
    prices = [Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, length) for length in (0, 100)]
    protocol = sum(price.protocol for price in prices) * GWEI
    receipt = gateway.send("sweep", destination, sender=attacker)
    assert receipt.named("Swept") == [(destination, owner, protocol)]
    assert receipt.named("Transfer") == [(gateway.address, owner, protocol)]
    assert hub.era.view("balanceOf", owner) == protocol > 0
    assert gateway.view("laneFees", destination) == (sum(price.escrow for price in prices), 0)
    assert hub.era.view("balanceOf", gateway.address) == CREDIT - protocol


def test_sweeps_once(
    gateway: Contract, hub: Stack, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    send(gateway, sender, recipient)
    gateway.send("sweep", destination, sender=sender)
    swept = hub.era.view("balanceOf", owner)
    receipt = gateway.send("sweep", destination, sender=owner)
    assert receipt.named("Swept") == [(destination, owner, 0)]
    assert hub.era.view("balanceOf", owner) == swept


def test_sweeps_one_lane(
    gateway: Contract, hub: Stack, owner: str, sender: str, destination: int, recipient: bytes, perps: Stack
) -> None:
    send(gateway, sender, recipient)
    receipt = gateway.send("sweep", perps.chain.chain_id, sender=owner)
    assert receipt.named("Swept") == [(perps.chain.chain_id, owner, 0)]
    assert gateway.view("laneFees", destination)[1] > 0
    assert hub.era.view("balanceOf", owner) == 0


def test_sweeping_follows_a_change_of_owner(
    gateway: Contract, hub: Stack, owner: str, successor: str, sender: str, destination: int, recipient: bytes
) -> None:
    """Not before it is accepted."""
    send(gateway, sender, recipient)
    protocol = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).protocol * GWEI
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("sweep", destination, sender=owner)
    send(gateway, sender, recipient)
    gateway.send("acceptOwnership", sender=successor)
    receipt = gateway.send("sweep", destination, sender=owner)
    assert receipt.named("Swept") == [(destination, successor, protocol)]
    assert [hub.era.view("balanceOf", account) for account in (owner, successor)] == [protocol, protocol]


def test_a_closed_lane_is_swept(
    gateway: Contract, hub: Stack, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    send(gateway, sender, recipient)
    gateway.send("setRoute", destination, (False, False, *OPEN_ROUTE[2:]), sender=owner)
    gateway.send("sweep", destination, sender=owner)
    assert hub.era.view("balanceOf", owner) == Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).protocol * GWEI


def test_a_restart_leaves_the_fees(
    gateway: Contract, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    """Escrow goes back to the senders, not to anyone who restarts."""
    send(gateway, sender, recipient)
    before = gateway.view("laneFees", destination)
    gateway.send("restart", destination, 7, sender=owner)
    assert gateway.view("laneFees", destination) == before
    send(gateway, sender, recipient)
    assert gateway.view("laneFees", destination) == tuple(2 * part for part in before)


def test_owner_reaches_no_escrow(
    gateway: Contract, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    """P5, P8: sweeping, as often as it may, leaves it."""
    send(gateway, sender, recipient)
    for _ in range(3):
        gateway.send("sweep", destination, sender=owner)
    escrow = Price.of(OPEN_ROUTE, DEFAULT_GAS_LIMIT, 0).escrow
    assert gateway.view("laneFees", destination) == (escrow, 0)
