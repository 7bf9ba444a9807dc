"""Margin on a real exchange chain: margin from two chains by one signature each, a deal, and what it gave sent home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode

from tests.kit.deployment import ERA
from tests.kit.evm import Contract, deploy, now
from tests.kit.roles import ATTACKER, DEVELOPER, PAYER
from tests.kit.trade import AMOUNT, HOLDER, THERE, Trade, held

SELLER = PAYER.address
"""Has what is at home on arcade. The holder buys, with what is at home on the hub."""
LOT = 10**18
PRICE = 10**18 // 2
LOTS = 4
GAS = 100_000
WEEK = 7 * 86_400


@dataclass(frozen=True)
class Market:
    trade: Trade
    exchange: Contract
    base: Contract
    """At its home."""
    quote: Contract
    bought: Contract
    """What stands for them on perps."""
    paid: Contract

    def fund(self, token: Contract, account: str, amount: int) -> None:
        """From the token's home, in one transaction."""
        data = encode(["address", "bytes"], [account, b""])
        self.trade.send(token, "perps", amount, to=self.exchange.address, data=data, extra_gas=GAS)

    def act(self, account: str, method: str, *arguments: Any, at: int | None = None) -> None:
        self.exchange.send(method, *arguments, sender=account, at=at)

    def funds(self, account: str) -> tuple[int, int]:
        tokens = (self.bought, self.paid)
        return tuple(self.exchange.view("fundsOf", token.address, account) for token in tokens)

    def deal(self) -> int:
        """The holder offers to buy, the seller takes it."""
        self.act(HOLDER, "place", True, LOTS, PRICE, now(self.exchange.chain) + 3_600)
        order = self.exchange.view("count")
        self.act(SELLER, "take", order, LOTS)
        return int(self.exchange.view("count"))

    @property
    def holds_what_it_owes(self) -> bool:
        return all(
            self.exchange.view("owed", token.address) == held(token, self.exchange.address)
            for token in (self.bought, self.paid)
        )


@pytest.fixture
def market(trade: Trade) -> Market:
    base, quote = trade.issue("arcade"), trade.issue("hub")
    bought, paid = trade.stand_in(base, "perps"), trade.stand_in(quote, "perps")
    # Its tokens need not have arrived there yet: their addresses are known.
    arguments = (trade.mesh.bridge, bought.address, LOT, paid.address)
    exchange = deploy(trade.mesh.chains["perps"], "Margin", *arguments, sender=DEVELOPER.address)
    made = Market(trade, exchange, base, quote, bought, paid)
    made.fund(quote, HOLDER, AMOUNT)
    made.fund(quote, SELLER, AMOUNT)
    made.fund(base, SELLER, LOTS * LOT)
    trade.relay(2)
    assert (made.funds(HOLDER), made.funds(SELLER)) == ((0, AMOUNT), (LOTS * LOT, AMOUNT))
    return made


def test_what_was_dealt_in_bridged_tokens_goes_home(market: Market) -> None:
    """P22: the buyer sends what it bought to its home, the seller what it got to another chain."""
    trade = market.trade
    deal = market.deal()
    market.act(HOLDER, "perform", deal)
    market.act(SELLER, "perform", deal)
    price = LOTS * PRICE
    assert (market.funds(HOLDER), market.funds(SELLER)) == ((LOTS * LOT, AMOUNT - price), (0, AMOUNT + price))
    assert market.holds_what_it_owes

    era = trade.mesh.on["perps"].era
    trade.mesh.bring(SELLER, ERA, ["perps"])
    for account in (HOLDER, SELLER):
        era.send("approve", market.exchange.address, ERA, sender=account)
        market.act(account, "deposit", era.address, ERA)
    for account, token, amount, destination in (
        (HOLDER, market.bought, LOTS * LOT, "arcade"),
        (SELLER, market.paid, AMOUNT + price, "social"),
    ):
        prepaid = trade.passage(token, destination)
        call = (token.address, amount, trade.mesh.id_of(destination), THERE, prepaid, ERA)
        market.act(account, "send", *call)
    trade.relay(2)
    assert held(market.base) == LOTS * LOT
    assert held(trade.stand_in(market.quote, "social")) == AMOUNT + price
    assert market.funds(SELLER) == (0, 0)
    assert market.holds_what_it_owes


def test_who_does_not_deliver_pays_with_the_margin(market: Market) -> None:
    deal = market.deal()
    market.act(HOLDER, "perform", deal)
    market.act(ATTACKER.address, "close", deal, at=now(market.exchange.chain) + WEEK + 1)
    margin = LOTS * PRICE // 5
    assert (market.funds(HOLDER), market.funds(SELLER)) == (
        (0, AMOUNT + margin),
        (LOTS * LOT, AMOUNT - margin),
    )
    assert market.holds_what_it_owes
