"""Margin: each side of a deal risks its margin and no more, and nothing is made or lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from metalayer.protocol.transfers import Options
from tests.kit.evm import ZERO_ADDRESS, Contract, deploy, error, init_code, now
from tests.kit.evm import call as call_
from tests.kit.hops import AMOUNT, FUNDS
from tests.kit.purses import put_in
from tests.kit.stack import Stack
from tests.kit.world import World

LOT = 10**6
"""A coin: it has six decimals."""
PRICE = 1_003
"""Of a lot, in the smallest unit of gems."""
MARGIN = 201
"""A fifth of it, rounded up."""
LOTS = 10
DAY, TERM = 86_400, 7 * 86_400
NOBODYS = (ZERO_ADDRESS, False, 0, 0, 0)


@dataclass(frozen=True)
class Market:
    """Coins, at home on arcade, against gems, whose home is the hub. Maker and taker have both in there."""

    exchange: Contract
    coin: Contract
    gem: Contract
    maker: str
    taker: str

    @property
    def time(self) -> int:
        return now(self.exchange.chain)

    def place(self, buys: bool, lots: int = LOTS, price: int = PRICE, by: str = "") -> int:
        until = self.time + DAY
        placed = self.exchange.send("place", buys, lots, price, until, sender=by or self.maker)
        ((id_, *said),) = placed.named("OrderPlaced")
        assert said == [by or self.maker, buys, lots, price, until]
        return int(id_)

    def take(self, order: int, lots: int = LOTS, by: str = "") -> tuple[int, int]:
        """The deal, and the last second to perform."""
        taken = self.exchange.send("take", order, lots, sender=by or self.taker)
        ((deal, *said, due),) = taken.named("DealMade")
        assert said == [order, by or self.taker, lots]
        assert due == self.time + TERM
        return int(deal), int(due)

    def funds(self, account: str) -> tuple[int, int]:
        """Coins and gems."""
        return tuple(self.exchange.view("fundsOf", token.address, account) for token in (self.coin, self.gem))

    def change(self, before: dict[str, tuple[int, int]]) -> list[tuple[int, int]]:
        """Of what maker and taker had."""
        return [
            (now_[0] - then[0], now_[1] - then[1])
            for account, then in before.items()
            for now_ in [self.funds(account)]
        ]

    def state(self) -> dict[str, tuple[int, int]]:
        return {account: self.funds(account) for account in (self.maker, self.taker)}


@pytest.fixture
def market(
    world: World,
    arcade: Stack,
    gem: Contract,
    coin: Contract,
    players: tuple[str, str],
    developer: str,
) -> Market:
    arguments = (arcade.bridge.address, coin.address, LOT, gem.address)
    exchange = deploy(arcade.chain, "Margin", *arguments, sender=developer)
    for player in players:
        coin.send("transfer", player, FUNDS, sender=world.depositor)
    put_in(exchange, gem, FUNDS // 8, *players)
    put_in(exchange, coin, FUNDS // 8, *players)
    return Market(exchange, coin, gem, *players)


def test_says_what_it_trades(market: Market, arcade: Stack, developer: str) -> None:
    traded = [market.exchange.view(view) for view in ("BASE", "LOT", "QUOTE")]
    assert traded == [market.coin.address, LOT, market.gem.address]
    for market_ in (
        (market.coin.address, 0, market.gem.address),
        (ZERO_ADDRESS, LOT, market.gem.address),
        (market.coin.address, LOT, ZERO_ADDRESS),
    ):
        code = init_code("Margin", arcade.bridge.address, *market_)
        assert call_(arcade.chain, None, code, sender=developer) == error("NoMarket", *market_)


# Orders


def test_an_order_takes_the_margin_and_gives_it_back(market: Market) -> None:
    before = market.state()
    id_ = market.place(True)
    assert market.change(before) == [(0, -MARGIN * LOTS), (0, 0)]
    cancelled = market.exchange.send("cancel", id_, sender=market.maker)
    assert cancelled.named("OrderCancelled") == [(id_, LOTS)]
    assert market.state() == before
    assert market.exchange.view("orders", id_) == NOBODYS
    assert market.exchange.revert("cancel", id_, sender=market.maker) == error(
        "NotTheMaker", id_, market.maker
    )


def test_what_is_no_order(market: Market, attacker: str) -> None:
    at = market.time + 10
    for lots, price, until in ((0, PRICE, at), (1, 0, at), (1, PRICE, at - 1)):
        refused = market.exchange.revert("place", True, lots, price, until, sender=market.maker, at=at)
        assert refused == error("NotAnOrder", lots, price, until)
    market.exchange.send("place", True, 1, PRICE, at, sender=market.maker, at=at)
    most = market.funds(market.maker)[1]
    refused = market.exchange.revert("place", True, 1, 5 * most + 1, at + 9, sender=market.maker)
    assert refused == error("NotEnough", market.maker, market.gem.address, most, most + 1)


def test_nobody_else_cancels(market: Market) -> None:
    id_ = market.place(True)
    for one in (id_, id_ + 1):
        assert market.exchange.revert("cancel", one, sender=market.taker) == error(
            "NotTheMaker", one, market.taker
        )


def test_what_cannot_be_taken(market: Market) -> None:
    exchange, taker = market.exchange, market.taker
    id_ = market.place(False)
    until = market.time + DAY
    assert exchange.revert("take", id_, 0, sender=taker) == error("NotAnOrder", 0, PRICE, until)
    assert exchange.revert("take", id_ + 1, 1, sender=taker) == error("NotAnOrder", 1, 0, 0)
    assert exchange.revert("take", id_, LOTS + 1, sender=taker) == error("TooManyLots", id_, LOTS)
    late = error("NotAnOrder", 1, PRICE, until)
    assert exchange.revert("take", id_, 1, sender=taker, at=until + 1) == late
    has = market.funds(taker)[1]
    exchange.send("withdraw", market.gem.address, has - MARGIN + 1, taker, sender=taker)
    poor = error("NotEnough", taker, market.gem.address, MARGIN - 1, MARGIN)
    assert exchange.revert("take", id_, 1, sender=taker) == poor
    exchange.send("take", id_, LOTS, sender=market.maker, at=until)
    assert exchange.revert("take", id_, 1, sender=taker) == error("NotAnOrder", 1, 0, 0)


def test_an_order_that_is_over_gives_its_margin_back(market: Market) -> None:
    before = market.state()
    id_ = market.place(False)
    market.exchange.send("cancel", id_, sender=market.maker, at=market.time + 2 * DAY)
    assert market.state() == before


def test_an_order_is_taken_in_parts(market: Market) -> None:
    id_ = market.place(True)
    first, _ = market.take(id_, 3)
    assert market.exchange.view("orders", id_)[3] == LOTS - 3
    before = market.state()
    market.exchange.send("cancel", id_, sender=market.maker)
    assert market.change(before) == [(0, MARGIN * (LOTS - 3)), (0, 0)]
    assert market.exchange.view("deals", first)[5] == 3


def test_several_orders_are_taken_in_one_transaction(market: Market) -> None:
    ids = [market.place(True), market.place(True)]
    calls = [market.exchange.encode("take", id_, LOTS) for id_ in ids]
    taken = market.exchange.send("multicall", calls, sender=market.taker)
    assert [order for _, order, *_ in taken.named("DealMade")] == ids


# Deals


@pytest.mark.parametrize("maker_buys", [True, False])
@pytest.mark.parametrize("seller_first", [True, False])
def test_what_both_perform_changes_hands_at_once(
    market: Market, maker_buys: bool, seller_first: bool
) -> None:
    before = market.state()
    deal, due = market.take(market.place(maker_buys))
    assert market.change(before) == [(0, -MARGIN * LOTS)] * 2
    buyer, seller = (market.maker, market.taker) if maker_buys else (market.taker, market.maker)
    sides = [seller, buyer] if seller_first else [buyer, seller]
    first = market.exchange.send("perform", deal, sender=sides[0])
    assert first.named("Performed") == [(deal, sides[0])]
    assert not first.named("DealClosed")
    assert market.exchange.revert("perform", deal, sender=sides[0]) == error(
        "NothingToPerform", deal, sides[0]
    )
    last = market.exchange.send("perform", deal, sender=sides[1], at=due)
    assert last.named("DealClosed") == [(deal, True, True)]
    bought, sold = (LOTS * LOT, -LOTS * PRICE), (-LOTS * LOT, LOTS * PRICE)
    assert market.change(before) == ([bought, sold] if maker_buys else [sold, bought])
    for call in (("perform", deal), ("close", deal)):
        assert market.exchange.revert(*call, sender=buyer, at=due + 1)


@pytest.mark.parametrize("performs", [None, "buyer", "seller"])
def test_who_does_not_perform_loses_the_margin_and_no_more(
    market: Market, beneficiary: str, performs: str | None
) -> None:
    """Anyone closes it, a second after it was due."""
    before = market.state()
    deal, due = market.take(market.place(True))
    who = {"buyer": market.maker, "seller": market.taker}
    if performs:
        market.exchange.send("perform", deal, sender=who[performs])
    assert market.exchange.revert("close", deal, sender=beneficiary, at=due) == error("NotDue", deal, due)
    for late in who.values():
        assert market.exchange.revert("perform", deal, sender=late, at=due + 1) == error(
            "NothingToPerform", deal, late
        )
    closed = market.exchange.send("close", deal, sender=beneficiary, at=due + 1)
    assert closed.named("DealClosed") == [(deal, performs == "buyer", performs == "seller")]
    moved = MARGIN * LOTS
    expected = {None: [0, 0], "buyer": [moved, -moved], "seller": [-moved, moved]}[performs]
    assert market.change(before) == [(0, gain) for gain in expected]
    assert market.exchange.revert("close", deal, sender=beneficiary, at=due + 2) == error("NotDue", deal, 0)


def test_a_stranger_performs_nothing(market: Market, beneficiary: str) -> None:
    deal, _ = market.take(market.place(True))
    for id_ in (0, deal, deal + 1):
        assert market.exchange.revert("perform", id_, sender=beneficiary) == error(
            "NothingToPerform", id_, beneficiary
        )


def test_who_cannot_pay_or_deliver_does_not(market: Market) -> None:
    deal, _ = market.take(market.place(True))
    for account, token, needed in (
        (market.maker, market.gem, (PRICE - MARGIN) * LOTS),
        (market.taker, market.coin, LOTS * LOT),
    ):
        has = market.exchange.view("fundsOf", token.address, account)
        take_out = has - needed + 1
        market.exchange.send("withdraw", token.address, take_out, account, sender=account)
        assert market.exchange.revert("perform", deal, sender=account) == error(
            "NotEnough", account, token.address, needed - 1, needed
        )


def test_who_deals_with_oneself_plays_both_sides(market: Market) -> None:
    before = market.state()
    deal, _ = market.take(market.place(True), by=market.maker)
    for _ in range(2):
        market.exchange.send("perform", deal, sender=market.maker)
    assert market.state() == before


# From and to other chains


def test_what_comes_from_another_chain_is_margin_in_one_step(market: Market, world: World) -> None:
    """Whoever sent it; and no instruction that comes along does anything."""
    before = market.funds(market.taker)
    for instruction in (b"", market.exchange.encode("cancel", 1)):
        data = encode(["address", "bytes"], [market.taker, instruction])
        wish = Options(data=data, extra_gas=150_000)
        world.send("gem", "hub", "arcade", market.exchange.address, AMOUNT, wish)
        world.courier.carry("hub", "arcade")
    assert market.funds(market.taker) == (before[0], before[1] + 2 * AMOUNT)
    market.take(market.place(True))


# All together


@dataclass
class Deal:
    """Buyer and seller by their places."""

    buyer: int
    seller: int
    lots: int
    price: int
    paid: bool = False
    brought: bool = False

    @property
    def rest(self) -> int:
        """Of the price, for which there is no margin."""
        return self.lots * self.price - margin(self.lots, self.price)

    @property
    def gems(self) -> int:
        """In the deal: both margins, and what was paid."""
        return 2 * margin(self.lots, self.price) + self.paid * self.rest

    @property
    def coins(self) -> int:
        return self.brought * self.lots * LOT


def margin(lots: int, price: int) -> int:
    return lots * -(-price // 5)


class Ledger:
    """What maker (0) and taker (1) should have, and what is in orders and deals. Does what is possible."""

    def __init__(self, market: Market) -> None:
        self.market, self.exchange = market, market.exchange
        self.who = (market.maker, market.taker)
        funds = [market.funds(account) for account in self.who]
        self.coins, self.gems = [coins for coins, _ in funds], [gems for _, gems in funds]
        self.orders: dict[int, tuple[int, bool, int, int]] = {}
        self.deals: dict[int, Deal] = {}

    def place(self, one: int, buys: bool, lots: int, price: int) -> None:
        if self.gems[one] >= margin(lots, price):
            id_ = self.market.place(buys, lots, price, by=self.who[one])
            self.orders[id_] = (one, buys, lots, price)
            self.gems[one] -= margin(lots, price)

    def cancel(self, id_: int) -> None:
        one, _, lots, price = self.orders.pop(id_)
        self.exchange.send("cancel", id_, sender=self.who[one])
        self.gems[one] += margin(lots, price)

    def take(self, one: int, id_: int, lots: int) -> None:
        maker, buys, left, price = self.orders[id_]
        lots = min(lots, left)
        over = self.exchange.view("orders", id_)[2] <= self.market.time
        if over or self.gems[one] < margin(lots, price):
            self.exchange.revert("take", id_, lots, sender=self.who[one], at=self.market.time + 1)
            return
        deal, _ = self.market.take(id_, lots, by=self.who[one])
        self.gems[one] -= margin(lots, price)
        self.deals[deal] = Deal(*((maker, one) if buys else (one, maker)), lots, price)
        self.orders[id_] = (maker, buys, left - lots, price)
        if left == lots:
            del self.orders[id_]

    def perform(self, one: int, id_: int) -> None:
        deal, at = self.deals[id_], self.market.time + 1
        pays = one == deal.buyer and not deal.paid
        brings = one == deal.seller and not (pays or deal.brought)
        enough = (pays and self.gems[one] >= deal.rest) or (brings and self.coins[one] >= deal.lots * LOT)
        if not enough or self.exchange.view("deals", id_)[1] < at:
            self.exchange.revert("perform", id_, sender=self.who[one], at=at)
            return
        self.exchange.send("perform", id_, sender=self.who[one], at=at)
        if pays:
            self.gems[one] -= deal.rest
            deal.paid = True
        else:
            self.coins[one] -= deal.lots * LOT
            deal.brought = True
        if deal.paid and deal.brought:
            self.coins[deal.buyer] += deal.coins
            self.gems[deal.seller] += deal.gems
            del self.deals[id_]

    def close(self, id_: int) -> None:
        deal = self.deals.pop(id_)
        due = self.exchange.view("deals", id_)[1]
        self.exchange.send("close", id_, sender=self.who[0], at=max(due, self.market.time) + 1)
        for one, performed in ((deal.buyer, deal.paid), (deal.seller, deal.brought)):
            if performed:
                self.gems[one] += deal.gems
            elif not (deal.paid or deal.brought):
                self.gems[one] += deal.gems // 2
        self.coins[deal.seller] += deal.coins

    def check(self) -> None:
        """Everybody has what they should; with what is in orders and deals it is all that is there, to the unit."""
        assert [self.market.funds(account) for account in self.who] == list(
            zip(self.coins, self.gems, strict=True)
        )
        in_orders = sum(margin(lots, price) for _, _, lots, price in self.orders.values())
        gems = sum(self.gems) + in_orders + sum(deal.gems for deal in self.deals.values())
        coins = sum(self.coins) + sum(deal.coins for deal in self.deals.values())
        for token, total in ((self.market.gem, gems), (self.market.coin, coins)):
            assert self.exchange.view("owed", token.address) == total
            assert token.view("balanceOf", self.exchange.address) == total


_sides, _places, _lots = st.integers(0, 1), st.integers(0, 5), st.integers(1, 9)
_prices = st.integers(1, 2_000) | st.integers(1, 2**60)
_placing = st.tuples(st.just("place"), _sides, st.booleans(), _lots, _prices)
_acts = st.one_of(
    _placing,
    st.tuples(st.just("cancel"), _places),
    st.tuples(st.just("take"), _sides, _places, _lots),
    st.tuples(st.just("perform"), _sides, _places),
    st.tuples(st.just("close"), _places),
)


@given(first=_placing, acts=st.lists(_acts, min_size=5, max_size=25))
def test_nothing_is_made_or_lost_whatever_is_traded(
    market: Market, first: tuple[Any, ...], acts: list[tuple[Any, ...]]
) -> None:
    """M40: checked after every act, against books of its own."""
    before = market.exchange.chain.snapshot()
    try:
        ledger = Ledger(market)
        for act, *rest in [first, *acts]:
            if act != "place":
                there = list(ledger.orders if act in ("cancel", "take") else ledger.deals)
                if not there:
                    continue
                place = 1 if act in ("take", "perform") else 0
                rest[place] = there[rest[place] % len(there)]
            getattr(ledger, act)(*rest)
            ledger.check()
    finally:
        market.exchange.chain.restore(before)
