"""Fees: what a message is quoted, what it is charged, what it may cost at most, and what the protocol gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.gateway import Terms
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, Message, interoperable, parse_interoperable
from tests.kit.evm import Contract, Receipt, Revert, error
from tests.kit.outbox import ACCOUNT, fee_payer, max_fee, min_gas_limit, return_gas_limit
from tests.kit.paper import DEFAULT_GAS_LIMIT
from tests.kit.stack import Stack
from tests.kit.strategies import payload_lengths, terms, up_to
from tests.kit.terms import (
    FREE_TERMS,
    HIGHEST_GAS_LIMIT,
    LARGEST_TERMS,
    MAX_GAS_LIMIT,
    OPEN_TERMS,
    RETURN_GAS_LIMIT,
)

LARGEST = 2**256 - 1
# More than the dearest message: 86,940,672 ERA.
CREDIT = 100_000_000 * 10**18
CLOSED = 4_242


@dataclass(frozen=True)
class Price:
    """What a message costs, in gwei. The relay part holds the base part."""

    base: int
    relay: int
    step: int
    callback: int
    protocol: int
    return_gas_limit: int

    @classmethod
    def of(cls, terms: Terms, gas_limit: int, length: int, return_gas_limit: int = RETURN_GAS_LIMIT) -> Price:
        """By the words of the contracts, every part rounded up."""

        def gas(fee: int, amount: int) -> int:
            return -(-amount * fee // 1_000)

        base = terms.base_fee + length * terms.byte_fee
        relay = base + gas(terms.gas_fee, gas_limit)
        step = gas(max(terms.gas_fee, terms.return_gas_fee), 132_000 + 40 * length)
        callback = gas(terms.return_gas_fee, return_gas_limit)
        protocol = -(-(relay + 3 * step + callback) * terms.protocol_share // 10_000)
        return cls(base, relay, step, callback, protocol, return_gas_limit)

    @property
    def packed(self) -> int:
        parts = self.base | self.relay << 56 | self.step << 112 | self.callback << 168
        return parts | self.return_gas_limit << 224

    @property
    def escrow(self) -> int:
        return self.relay + 3 * self.step + self.callback

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
    return [fee_payer(account)]


def send(
    gateway: Contract, sender: str, recipient: bytes, payload: bytes = b"", attributes: Sequence[bytes] = ()
) -> Receipt:
    return gateway.send("sendMessage", recipient, payload, list(attributes), sender=sender)


def fee_of(receipt: Receipt) -> int:
    return receipt.named("LaneExtended")[0][4]


# Quote and charge


@given(
    given_terms=terms,
    of_maximum=up_to(HIGHEST_GAS_LIMIT),
    returning=up_to(HIGHEST_GAS_LIMIT),
    length=payload_lengths,
)
@example(
    given_terms=LARGEST_TERMS,
    of_maximum=HIGHEST_GAS_LIMIT,
    returning=HIGHEST_GAS_LIMIT,
    length=MAX_PAYLOAD_LENGTH,
)
@example(
    given_terms=FREE_TERMS,
    of_maximum=HIGHEST_GAS_LIMIT,
    returning=HIGHEST_GAS_LIMIT,
    length=MAX_PAYLOAD_LENGTH,
)
@example(given_terms=replace(FREE_TERMS, gas_fee=1, protocol_share=1), of_maximum=1, returning=0, length=0)
@example(given_terms=replace(FREE_TERMS, return_gas_fee=1), of_maximum=1_001, returning=1, length=1)
def test_charges_what_it_quotes(
    gateway: Contract,
    owner: str,
    sender: str,
    destination: int,
    recipient: bytes,
    given_terms: Terms,
    of_maximum: int,
    returning: int,
    length: int,
) -> None:
    """M15, M40: for all terms, gas limits and lengths; the parts are the quote, each rounded up."""
    gas_limit = min(of_maximum, given_terms.max_gas_limit)
    before = gateway.chain.snapshot()
    try:
        gateway.send("setTerms", destination, given_terms.fields, sender=owner)
        quoted = gateway.view("quote", destination, gas_limit, returning, length)
        attributes = [min_gas_limit(gas_limit), return_gas_limit(returning)]
        receipt = send(gateway, sender, recipient, b"\xff" * length, attributes)
        price = Price.of(given_terms, gas_limit, length, returning)
        assert quoted == CREDIT - gateway.view("credit", sender) == price.total
        assert gateway.view("laneFees", destination) == (price.escrow, price.protocol)
        assert fee_of(receipt) == price.packed
    finally:
        gateway.chain.restore(before)


def test_the_dearest_message_fits_every_field(
    gateway: Contract, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    """No part is ever cut: 56 bits hold it, also all that a refund may give back, and the lane's sums hold the whole
    supply.
    """
    limits = HIGHEST_GAS_LIMIT, HIGHEST_GAS_LIMIT, MAX_PAYLOAD_LENGTH
    price = Price.of(LARGEST_TERMS, HIGHEST_GAS_LIMIT, MAX_PAYLOAD_LENGTH, HIGHEST_GAS_LIMIT)
    assert price.relay + 3 * price.step + price.callback < 2**56
    assert price.total < CREDIT
    assert 10**9 * 10**18 // GWEI < 2**64
    gateway.send("setTerms", destination, LARGEST_TERMS.fields, sender=owner)
    assert gateway.view("quote", destination, *limits) == price.total


@pytest.mark.parametrize(
    ("fees", "limits", "parts", "protocol"),
    [
        # base, gas, byte, return and share; gas limit, return gas limit and length; base, relay, step and callback.
        pytest.param((5, 0, 0, 0, 0), (1_000, 1_000, 10), (5, 5, 0, 0), 0, id="base"),
        pytest.param((0, 7, 0, 0, 0), (3_000, 1_000, 0), (0, 21, 924, 0), 0, id="gas-exact"),
        pytest.param((0, 7, 0, 0, 0), (3_001, 1_000, 0), (0, 22, 924, 0), 0, id="gas-rounded-up"),
        pytest.param((0, 1, 0, 0, 0), (1, 1_000, 0), (0, 1, 132, 0), 0, id="one-gas-costs-one"),
        pytest.param((0, 7, 0, 0, 0), (0, 1_000, 0), (0, 0, 924, 0), 0, id="no-gas"),
        pytest.param((0, 0, 3, 0, 0), (1_000, 1_000, 10), (30, 30, 0, 0), 0, id="bytes"),
        pytest.param((0, 0, 0, 9, 0), (1_000, 1_000, 0), (0, 0, 1_188, 9), 0, id="return"),
        pytest.param((0, 0, 0, 9, 0), (1_000, 1_001, 0), (0, 0, 1_188, 10), 0, id="callback-rounded-up"),
        pytest.param((0, 0, 0, 9, 0), (1_000, 0, 0), (0, 0, 1_188, 0), 0, id="no-callback"),
        pytest.param((0, 0, 0, 1, 0), (0, 0, 25), (0, 0, 133, 0), 0, id="bytes-of-a-step-exact"),
        pytest.param((0, 0, 0, 1, 0), (0, 0, 26), (0, 0, 134, 0), 0, id="bytes-of-a-step-rounded-up"),
        pytest.param((0, 8, 0, 9, 0), (1_000, 1_000, 0), (0, 8, 1_188, 9), 0, id="steps-dearer-here"),
        pytest.param((0, 9, 0, 8, 0), (1_000, 1_000, 0), (0, 9, 1_188, 8), 0, id="steps-dearer-there"),
        pytest.param((5, 7, 3, 9, 0), (1_000, 2_000, 10), (35, 42, 1_192, 18), 0, id="all"),
        pytest.param((10_000, 0, 0, 0, 1), (0, 0, 0), (10_000, 10_000, 0, 0), 1, id="share-exact"),
        pytest.param((10_001, 0, 0, 0, 1), (0, 0, 0), (10_001, 10_001, 0, 0), 2, id="share-rounded-up"),
        pytest.param((1, 0, 0, 0, 1), (0, 0, 0), (1, 1, 0, 0), 1, id="the-smallest-share-costs-one"),
        pytest.param((60, 0, 0, 1, 10_000), (0, 40_000, 0), (60, 60, 132, 40), 496, id="the-whole-share"),
    ],
)
def test_adds_up(
    gateway: Contract,
    owner: str,
    sender: str,
    destination: int,
    recipient: bytes,
    fees: tuple[int, ...],
    limits: tuple[int, int, int],
    parts: tuple[int, ...],
    protocol: int,
) -> None:
    """M40: by hand; every rounding is against the sender."""
    base, gas, byte, back, share = fees
    gas_limit, returning, length = limits
    set_ = Terms(1, MAX_GAS_LIMIT, 0, base, gas, byte, back, share)
    gateway.send("setTerms", destination, set_.fields, sender=owner)
    attributes = [min_gas_limit(gas_limit), return_gas_limit(returning)]
    receipt = send(gateway, sender, recipient, bytes(length), attributes)
    escrow, protocol_fees = gateway.view("laneFees", destination)
    packed = sum(part << 56 * place for place, part in enumerate(parts)) + (returning << 224)
    assert (fee_of(receipt), protocol_fees) == (packed, protocol)
    assert escrow == parts[1] + 3 * parts[2] + parts[3]
    assert CREDIT - gateway.view("credit", sender) == (escrow + protocol) * GWEI


def test_charges_the_default_gas_limits(
    gateway: Contract, sender: str, destination: int, recipient: bytes
) -> None:
    """A message that names none is quoted with the route's."""
    quoted = gateway.view("quote", destination, DEFAULT_GAS_LIMIT, RETURN_GAS_LIMIT, 0)
    receipt = send(gateway, sender, recipient)
    assert CREDIT - gateway.view("credit", sender) == quoted
    assert fee_of(receipt) >> 224 == RETURN_GAS_LIMIT


def test_content_costs_nothing(gateway: Contract, sender: str, destination: int, recipient: bytes) -> None:
    """Only the length: zero bytes cost as much as others."""
    for payload in (bytes(100), b"\xff" * 100):
        before = gateway.view("credit", sender)
        send(gateway, sender, recipient, payload)
        assert before - gateway.view("credit", sender) == gateway.view(
            "quote", destination, DEFAULT_GAS_LIMIT, RETURN_GAS_LIMIT, 100
        )


def test_fees_add_up_in_a_lane(
    gateway: Contract, sender: str, destination: int, recipient: bytes, perps: Stack
) -> None:
    """Each lane has its own."""
    prices = [Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, length) for length in (0, 1, 100)]
    for length in (0, 1, 100):
        send(gateway, sender, recipient, bytes(length))
    expected = (sum(price.escrow for price in prices), sum(price.protocol for price in prices))
    assert gateway.view("laneFees", destination) == expected
    assert gateway.view("laneFees", perps.chain.chain_id) == (0, 0)


def test_a_message_keeps_the_terms_at_which_it_was_sent(
    gateway: Contract, owner: str, sender: str, destination: int, recipient: bytes
) -> None:
    """The id commits to its fee; what is set later holds for later messages."""
    later = Terms(DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT, 6, 1, 2, 3, 4, 5)
    first = fee_of(send(gateway, sender, recipient))
    gateway.send("setTerms", destination, later.fields, sender=owner)
    second = fee_of(send(gateway, sender, recipient))
    assert first == Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 0).packed
    assert second == Price.of(later, DEFAULT_GAS_LIMIT, 0, 6).packed


def test_the_id_commits_to_the_fee(gateway: Contract, sender: str, recipient: bytes) -> None:
    receipt = send(gateway, sender, recipient, b"hello")
    origin, (destination, account) = gateway.chain.chain_id, parse_interoperable(recipient)
    _, nonce, gas_limit, last_second, fee, _ = receipt.named("LaneExtended")[0]
    message = Message(
        origin, origin, destination, nonce, sender, account, gas_limit, last_second, fee, b"hello"
    )
    assert fee == Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 5).packed != 0
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


# What a message may cost at most


@pytest.mark.parametrize("missing", [1, 0, -1], ids=["one-less", "exactly", "one-more"])
def test_pays_no_more_than_its_sender_allows(
    gateway: Contract, sender: str, destination: int, recipient: bytes, missing: int
) -> None:
    """To the wei. A message that would cost more is not sent."""
    price = Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 0).total
    attributes = [max_fee(price - missing)]
    if missing > 0:
        refusal = gateway.revert("sendMessage", recipient, b"", attributes, sender=sender)
        assert refusal == error("FeeTooHigh", price, price - missing)
        assert not gateway.attempt("sendMessage", recipient, b"", attributes, sender=sender).succeeded
        assert gateway.view("credit", sender) == CREDIT
    else:
        send(gateway, sender, recipient, b"", attributes)
        assert gateway.view("credit", sender) == CREDIT - price


@pytest.mark.parametrize(
    "raised",
    ["base_fee", "gas_fee", "byte_fee", "return_gas_fee", "protocol_share", "default_return_gas_limit"],
)
def test_terms_that_rise_between_quote_and_send_take_nothing(
    gateway: Contract, owner: str, sender: str, destination: int, recipient: bytes, raised: str
) -> None:
    """Whatever of them rises, also what the message did not name."""
    quoted = gateway.view("quote", destination, DEFAULT_GAS_LIMIT, RETURN_GAS_LIMIT, 100)
    risen = replace(OPEN_TERMS, **{raised: getattr(OPEN_TERMS, raised) + 1_000})
    gateway.send("setTerms", destination, risen.fields, sender=owner)
    returning = risen.default_return_gas_limit
    price = Price.of(risen, DEFAULT_GAS_LIMIT, 100, returning).total
    assert price > quoted
    refusal = gateway.revert("sendMessage", recipient, bytes(100), [max_fee(quoted)], sender=sender)
    assert refusal == error("FeeTooHigh", price, quoted)
    gateway.send("setTerms", destination, OPEN_TERMS.fields, sender=owner)
    send(gateway, sender, recipient, bytes(100), [max_fee(quoted)])
    assert gateway.view("credit", sender) == CREDIT - quoted


@given(
    before=terms, after=terms, bound=st.integers(0, CREDIT), length=payload_lengths, gas_limit=up_to(50_000)
)
def test_a_payer_never_pays_beyond_the_bound(
    gateway: Contract,
    owner: str,
    sender: str,
    depositor: str,
    destination: int,
    recipient: bytes,
    before: Terms,
    after: Terms,
    bound: int,
    length: int,
    gas_limit: int,
) -> None:
    """For all terms that may be set in between, and whoever's credit pays."""
    gas_limit = min(gas_limit, before.max_gas_limit, after.max_gas_limit)
    snapshot = gateway.chain.snapshot()
    try:
        gateway.send("setAllowance", depositor, LARGEST, sender=sender)
        gateway.send("setTerms", destination, before.fields, sender=owner)
        quoted = gateway.view("quote", destination, gas_limit, before.default_return_gas_limit, length)
        allowed = min(quoted, bound)
        gateway.send("setTerms", destination, after.fields, sender=owner)
        price = Price.of(after, gas_limit, length, after.default_return_gas_limit).total
        attributes = [min_gas_limit(gas_limit), fee_payer(sender), max_fee(allowed)]
        receipt = gateway.attempt("sendMessage", recipient, bytes(length), attributes, sender=depositor)
        paid = CREDIT - gateway.view("credit", sender)
        assert receipt.succeeded == (price <= allowed)
        assert paid == (price if receipt.succeeded else 0)
        assert paid <= allowed
    finally:
        gateway.chain.restore(snapshot)


def test_a_free_message_passes_a_bound_of_nothing(
    gateway: Contract, owner: str, attacker: str, destination: int, recipient: bytes
) -> None:
    gateway.send("setTerms", destination, FREE_TERMS.fields, sender=owner)
    assert fee_of(send(gateway, attacker, recipient, b"", [max_fee(0)])) == RETURN_GAS_LIMIT << 224


# What is refused


def both_refuse(gateway: Contract, sender: str, destination: int, gas_limit: int, length: int) -> Revert:
    """What `sendMessage` and `quote` say alike. AssertionError if they differ."""
    recipient = interoperable(destination, ACCOUNT)
    attributes = [min_gas_limit(gas_limit)]
    refusal = gateway.revert("sendMessage", recipient, bytes(length), attributes, sender=sender)
    assert gateway.revert("quote", destination, gas_limit, RETURN_GAS_LIMIT, length, sender=sender) == refusal
    return refusal


def test_quotes_no_route_that_was_never_set(gateway: Contract, sender: str) -> None:
    assert both_refuse(gateway, sender, CLOSED, 0, 0) == error("RouteClosed", CLOSED)


def test_quotes_no_closed_route(gateway: Contract, owner: str, sender: str, destination: int) -> None:
    gateway.send("setOpen", destination, False, True, sender=owner)
    assert both_refuse(gateway, sender, destination, 0, 0) == error("RouteClosed", destination)


@pytest.mark.parametrize("gas_limit", [MAX_GAS_LIMIT + 1, 2**64, LARGEST])
def test_quotes_no_gas_limit_above_the_route(
    gateway: Contract, sender: str, destination: int, gas_limit: int
) -> None:
    expected = error("GasLimitTooHigh", gas_limit, MAX_GAS_LIMIT)
    assert both_refuse(gateway, sender, destination, gas_limit, 0) == expected


@pytest.mark.parametrize("returning", [HIGHEST_GAS_LIMIT + 1, 2**24, 2**32, 2**64, LARGEST])
def test_quotes_no_return_gas_limit_above_the_ceiling(
    gateway: Contract, sender: str, destination: int, recipient: bytes, returning: int
) -> None:
    """It is of this chain: no route narrows it, and it is never cut."""
    expected = error("GasLimitTooHigh", returning, HIGHEST_GAS_LIMIT)
    assert gateway.revert("quote", destination, 0, returning, 0, sender=sender) == expected
    attributes = [return_gas_limit(returning)]
    assert gateway.revert("sendMessage", recipient, b"", attributes, sender=sender) == expected


def test_quotes_no_payload_over_the_maximum(gateway: Contract, sender: str, destination: int) -> None:
    expected = error("PayloadTooLong", MAX_PAYLOAD_LENGTH + 1, MAX_PAYLOAD_LENGTH)
    assert both_refuse(gateway, sender, destination, 0, MAX_PAYLOAD_LENGTH + 1) == expected


def test_quotes_no_length_that_is_cut(gateway: Contract, sender: str, destination: int) -> None:
    """M15: as many bits as are asked for."""
    for length in (2**40, 2**64, LARGEST):
        expected = error("PayloadTooLong", length, MAX_PAYLOAD_LENGTH)
        assert gateway.revert("quote", destination, 0, 0, length, sender=sender) == expected


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
        quoted = gateway.view("quote", to, gas_limit, RETURN_GAS_LIMIT, length)
        assert quoted == Price.of(OPEN_TERMS, gas_limit, length).total
    else:
        both_refuse(gateway, sender, to, gas_limit, length)


# Nobody sends free of charge


@pytest.mark.parametrize("caller", ["owner", "deployer", "guardian", "treasury", "attacker"])
def test_nobody_sends_free(
    gateway: Contract, recipient: bytes, caller: str, request: pytest.FixtureRequest
) -> None:
    """Nor the owner, on any chain: relayers work for nobody's decision for nothing."""
    account = request.getfixturevalue(caller)
    price = Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 0).total
    expected = error("InsufficientCredit", account, 0, price)
    for attributes in ([], paid_by(account)):
        assert gateway.revert("sendMessage", recipient, b"", attributes, sender=account) == expected


@pytest.mark.parametrize("missing", [1, 0])
def test_the_owner_pays_like_everybody(
    gateway: Contract, owner: str, treasury: str, destination: int, recipient: bytes, missing: int
) -> None:
    """All of it or nothing is sent."""
    price = Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 0)
    gateway.send("depositFor", owner, price.total - missing, sender=treasury)
    if missing:
        expected = error("InsufficientCredit", owner, price.total - 1, price.total)
        assert gateway.revert("sendMessage", recipient, b"", [], sender=owner) == expected
    else:
        assert fee_of(send(gateway, owner, recipient)) == price.packed
        assert gateway.view("credit", owner) == 0
        assert gateway.view("laneFees", destination) == (price.escrow, price.protocol)


def test_a_free_route_asks_for_no_payer(
    gateway: Contract, owner: str, attacker: str, destination: int, recipient: bytes
) -> None:
    """Nothing is charged, whoever is named."""
    gateway.send("setTerms", destination, FREE_TERMS.fields, sender=owner)
    assert fee_of(send(gateway, attacker, recipient, b"", paid_by(owner))) == RETURN_GAS_LIMIT << 224


# The protocol's part


def test_sweeps_the_protocol_part_to_the_collector(
    gateway: Contract,
    hub: Stack,
    collector: str,
    sender: str,
    attacker: str,
    destination: int,
    recipient: bytes,
) -> None:
    """Anyone may call: it pays nobody else, and no more than that."""
    for length in (0, 100):
        send(gateway, sender, recipient, bytes(length))
    prices = [Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, length) for length in (0, 100)]
    protocol = sum(price.protocol for price in prices) * GWEI
    receipt = gateway.send("sweep", destination, sender=attacker)
    assert receipt.named("Swept") == [(destination, collector, protocol)]
    assert receipt.named("Transfer") == [(gateway.address, collector, protocol)]
    assert hub.era.view("balanceOf", collector) == protocol > 0
    assert gateway.view("laneFees", destination) == (sum(price.escrow for price in prices), 0)
    assert hub.era.view("balanceOf", gateway.address) == CREDIT - protocol


def test_sweeps_once(
    gateway: Contract, hub: Stack, collector: str, sender: str, destination: int, recipient: bytes
) -> None:
    send(gateway, sender, recipient)
    gateway.send("sweep", destination, sender=sender)
    swept = hub.era.view("balanceOf", collector)
    receipt = gateway.send("sweep", destination, sender=sender)
    assert receipt.named("Swept") == [(destination, collector, 0)]
    assert hub.era.view("balanceOf", collector) == swept


def test_sweeps_one_lane(
    gateway: Contract,
    hub: Stack,
    collector: str,
    sender: str,
    destination: int,
    recipient: bytes,
    perps: Stack,
) -> None:
    send(gateway, sender, recipient)
    receipt = gateway.send("sweep", perps.chain.chain_id, sender=sender)
    assert receipt.named("Swept") == [(perps.chain.chain_id, collector, 0)]
    assert gateway.view("laneFees", destination)[1] > 0
    assert hub.era.view("balanceOf", collector) == 0


def test_sweeping_does_not_follow_the_owner(
    gateway: Contract,
    hub: Stack,
    owner: str,
    successor: str,
    collector: str,
    sender: str,
    destination: int,
    recipient: bytes,
) -> None:
    """P8: the collector is the one of the constructor, for ever."""
    assert gateway.view("COLLECTOR") == collector
    send(gateway, sender, recipient)
    protocol = Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 0).protocol * GWEI
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("acceptOwnership", sender=successor)
    receipt = gateway.send("sweep", destination, sender=successor)
    assert receipt.named("Swept") == [(destination, collector, protocol)]
    balances = [hub.era.view("balanceOf", account) for account in (owner, successor, collector)]
    assert balances == [0, 0, protocol]


def test_a_closed_lane_is_swept(
    gateway: Contract, hub: Stack, owner: str, collector: str, sender: str, destination: int, recipient: bytes
) -> None:
    send(gateway, sender, recipient)
    gateway.send("setOpen", destination, False, False, sender=owner)
    gateway.send("sweep", destination, sender=owner)
    assert hub.era.view("balanceOf", collector) == Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 0).protocol * GWEI


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
    escrow = Price.of(OPEN_TERMS, DEFAULT_GAS_LIMIT, 0).escrow
    assert gateway.view("laneFees", destination) == (escrow, 0)
