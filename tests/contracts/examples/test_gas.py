"""What the acts of the examples cost is what their pages say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.protocol.message import interoperable
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, deploy, init_code, now
from tests.kit.hops import AMOUNT, FUNDS
from tests.kit.purses import put_in
from tests.kit.stack import Stack
from tests.kit.world import World, impersonate
from tools.repository import repo_root

SALT = b"\x5a" * 32
SWORDS, BOWS = (0, 0, 0), (1, 1, 1)
_ROW = re.compile(r"^\| ([^|]+) \| ([\d,]+) \|$", re.MULTILINE)


@dataclass
class Meter:
    """Gas by act: whole transactions, the second of each kind, so that words are there already."""

    figures: dict[str, int] = field(default_factory=dict)

    def note(self, act: str, receipt: Receipt) -> None:
        self.figures[act] = receipt.gas_used

    def agrees_with(self, page: str) -> None:
        """Within a fiftieth: addresses have zeros here and there."""
        text = (repo_root() / "docs" / "examples" / page).read_text(encoding="utf-8")
        written = {act: int(gas.replace(",", "")) for act, gas in _ROW.findall(text)}
        assert written == {act: pytest.approx(gas, rel=0.02) for act, gas in self.figures.items()}


@pytest.fixture
def meter() -> Meter:
    return Meter()


def brought(world: World, purse: Contract, token: Contract, data: bytes) -> Receipt:
    """What a transfer from another chain calls, without what bridge and gateway do."""
    token.send("transfer", purse.address, AMOUNT, sender=world.depositor)
    bridge = world.bridge("arcade").address
    impersonate(world.stacks["arcade"], bridge)
    call = ("onTransferReceived", SALT, 1, world.depositor, token.address, AMOUNT, data)
    return purse.send(*call, sender=bridge)


def told(world: World, name: str, contract: Contract, origin: str, receipt: Receipt) -> Receipt:
    """Likewise of a message that a transaction sent."""
    ((_, _, _, payload, *_),) = receipt.named("MessageSent")
    gateway = world.stacks[name].gateway.address
    impersonate(world.stacks[name], gateway)
    sender = interoperable(world.id_of(origin), contract.address)
    return contract.send("receiveMessage", SALT, sender, payload, sender=gateway)


def test_of_a_game(
    world: World, arcade: Stack, gem: Contract, players: tuple[str, str], developer: str, meter: Meter
) -> None:
    arena = deploy(arcade.chain, "Arena", arcade.bridge.address, sender=developer)
    put_in(arena, gem, 2 * AMOUNT, *players)
    hands = dict(zip(players, (SWORDS, BOWS), strict=True))
    at = now(arcade.chain)
    for i in range(6):
        at += 60
        for player, hand in hands.items():
            meter.note("forge an item", arena.send("forge", hand[i % 3], sender=player, at=at))
            at += 1
    seals = {
        player: keccak(encode(["address", "uint8[3]", "bytes32"], [player, hand, SALT]))
        for player, hand in hands.items()
    }
    for duel in (1, 2):
        opened = arena.send("open", gem.address, AMOUNT // 2, seals[players[0]], sender=players[0])
        joined = arena.send("join", duel, seals[players[1]], sender=players[1])
        first, second = (arena.send("reveal", duel, hands[player], SALT, sender=player) for player in players)
    meter.note("open a duel", opened)
    meter.note("join it", joined)
    meter.note("reveal first", first)
    meter.note("reveal second, which ends it", second)
    for duel in (0, 0, 3):
        player = players[bool(duel)]
        data = encode(["address", "bytes"], [player, encode(["uint256", "bytes32"], [duel, seals[player]])])
        act = "join by what arrives from another chain" if duel else "open by what arrives from another chain"
        meter.note(act, brought(world, arena, gem, data))
    meter.agrees_with("game.md")


def test_of_an_exchange(
    world: World,
    arcade: Stack,
    gem: Contract,
    coin: Contract,
    players: tuple[str, str],
    developer: str,
    meter: Meter,
) -> None:
    arguments = (arcade.bridge.address, coin.address, 10**6, gem.address)
    exchange = deploy(arcade.chain, "Margin", *arguments, sender=developer)
    maker, taker = players
    for player in players:
        coin.send("transfer", player, FUNDS, sender=world.depositor)
        put_in(exchange, coin, FUNDS, player)
        put_in(exchange, gem, FUNDS // 8, player)
    for _ in range(2):
        until = now(arcade.chain) + 3_600
        placed = exchange.send("place", True, 10, AMOUNT // 10, until, sender=maker)
        ((order, *_),) = placed.named("OrderPlaced")
        taken = exchange.send("take", order, 5, sender=taker)
        ((deal, *_),) = taken.named("DealMade")
        brought_ = exchange.send("perform", deal, sender=taker)
        paid = exchange.send("perform", deal, sender=maker)
        cancelled = exchange.send("cancel", order, sender=maker)
        data = encode(["address", "bytes"], [maker, b""])
        funded = brought(world, exchange, gem, data)
        drawn = exchange.send("withdraw", gem.address, AMOUNT, maker, sender=maker)
    meter.note("place an order", placed)
    meter.note("take a part of it", taken)
    meter.note("cancel the rest", cancelled)
    meter.note("perform first", brought_)
    meter.note("perform second, which closes the deal", paid)
    meter.note("margin by what arrives from another chain", funded)
    meter.note("withdraw", drawn)
    meter.agrees_with("exchange.md")


def test_of_a_social_graph(world: World, sender: str, beneficiary: str, meter: Meter) -> None:
    on = {}
    for name, contract, *more in (("arcade", "Handles"), ("perps", "HandlesMirror", world.id_of("arcade"))):
        stack = world.stacks[name]
        code = init_code(contract, stack.gateway.address, *more)
        stack.factory.send("deploy", sender, SALT, code, sender=sender)
        on[name] = Contract(stack.chain, contract, stack.factory.view("addressOf", sender, SALT))
        stack.gateway.send("setAllowance", on[name].address, 2**256 - 1, sender=world.depositor)
    home, mirror = on["arcade"], on["perps"]
    gateway = world.stacks["arcade"].gateway
    world.stacks["arcade"].era.send("approve", gateway.address, AMOUNT, sender=world.depositor)
    gateway.send("depositFor", home.address, AMOUNT, sender=world.depositor)
    for name in ("ada", "grace"):
        registered = home.send("register", name, sender=sender)
        for account in (sender, beneficiary):
            followed = home.send("follow", home.view("count"), True, sender=account)
        renamed = home.send("rename", home.view("count"), name + "-too", sender=sender)
        name += "-too"
        for follower in (ZERO_ADDRESS, sender):
            published = home.send("publish", name, follower, world.id_of("perps"), sender=world.depositor)
            heard = told(world, "perps", mirror, "arcade", published)
        asked = mirror.send("ask", name, beneficiary, sender=world.depositor)
        answered = told(world, "arcade", home, "perps", asked)
    meter.note("register a name", registered)
    meter.note("rename", renamed)
    meter.note("follow", followed)
    meter.note("publish", published)
    meter.note("hear of a known name and a new follower, where it arrives", heard)
    meter.note("ask", asked)
    meter.note("answer, on the social chain", answered)
    meter.agrees_with("social.md")
