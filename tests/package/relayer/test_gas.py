"""What a transaction may cost: known before it is sent, whatever a node says of it afterwards."""

from __future__ import annotations

import pytest

from metalayer.errors import MetalayerError
from metalayer.network.bids import Bid
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.protocol.gas import required
from metalayer.protocol.gateway import Batch
from metalayer.protocol.message import Message
from metalayer.relayer.gas import Means, delivery_gas, refund_gas

ACCOUNT = "0x00000000000000000000000000000000000000AA"
GWEI = 10**9


def batch(*limits: int) -> Batch:
    messages = [
        Message(901, 901, 902, n, ACCOUNT, ACCOUNT, limit, 1, 0, b"") for n, limit in enumerate(limits, 1)
    ]
    return Batch(messages, 901, 1, [], [])


def means(most: int = 3 * GWEI, balance: int = 10**18) -> Means:
    return Means(MAX_TRANSACTION_GAS, Bid(most, min(most, GWEI)), 6 * GWEI, balance, 0)


@pytest.mark.parametrize("limit", [0, 1, 200_000, 3_464_999, 3_465_000, 10_000_000])
def test_what_is_kept_back_for_a_call_is_55000_gas_or_a_63rd(limit: int) -> None:
    assert required(limit) == limit + 5_000 + max(55_000, limit // 63)


def test_a_delivery_has_gas_for_every_promise_at_once() -> None:
    limits = [0, 200_000, 2_000_000, 2_000_000]
    one = delivery_gas(5_000, [batch(*limits)])
    two = delivery_gas(5_000, [batch(*limits[:2]), batch(*limits[2:])])
    assert one > sum(required(limit) for limit in limits) + 16 * 5_000
    assert two > one
    assert delivery_gas(6_000, [batch(*limits)]) > one


def test_a_refund_has_a_bound() -> None:
    """Calldata at the price of EIP-7623 and the sender's part, with what the gateway does itself."""
    assert refund_gas(bytes(1_000), 300_000) == 300_000 + 64 * 1_000 + required(300_000)
    assert refund_gas(bytes(120_000), 2_000_000) < MAX_TRANSACTION_GAS


def test_a_receipt_costs_at_most_what_was_signed() -> None:
    """A node that lies about gas or price would use up an origin's limit, and fill the books with nonsense."""
    honest = {"gasUsed": 90_000, "effectiveGasPrice": 2 * GWEI}
    assert means().wei(honest, 100_000) == (90_000, 90_000 * 2 * GWEI)
    lying = {"gasUsed": 2**63, "effectiveGasPrice": 2**127}
    assert means().wei(lying, 100_000) == (100_000, 100_000 * 6 * GWEI)
    assert means().wei({"gasUsed": 7}, 100_000) == (7, 0)


def test_what_an_account_cannot_pay_for_is_named() -> None:
    arcade = Connection(load_network().chain("arcade"))
    poor = means(balance=9 * GWEI * 1_000)
    assert poor.affordable == 3_000
    poor.check(arcade, ACCOUNT, 3_000)
    with pytest.raises(MetalayerError, match=r"arcade: 0x.* has 0\.000009 ether, and .* up to 0\.000009003"):
        poor.check(arcade, ACCOUNT, 3_001)
    assert means(most=0, balance=0).affordable == MAX_TRANSACTION_GAS
