"""Arena on a real game chain: stakes from two chains by one signature each, moves there, the prize to a third one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.kit.deployment import ERA
from tests.kit.evm import Contract, deploy
from tests.kit.paper import DAY
from tests.kit.passes import logged
from tests.kit.roles import ATTACKER, DEVELOPER, PAYER
from tests.kit.trade import AMOUNT, HOLDER, MOST, THERE, Trade, held

FRIEND = PAYER.address
SALT = b"\x5a" * 32
SWORDS, BOWS = (0, 0, 0), (1, 1, 1)
GAS = 300_000
MINUTE = 60


@dataclass(frozen=True)
class Game:
    """An arena on arcade. The holder is on the hub, a friend on the social chain; both have the hub's token there."""

    trade: Trade
    arena: Contract
    token: Contract
    theirs: Contract
    prize: Contract
    """What stands for the token on arcade."""

    def stake(self, duel: int, hand: tuple[int, ...], player: str) -> None:
        """In one transaction on the chain where the player is."""
        seal = keccak(encode(["address", "uint8[3]", "bytes32"], [player, hand, SALT]))
        data = encode(["address", "bytes"], [player, encode(["uint256", "bytes32"], [duel, seal])])
        token = self.token if player == HOLDER else self.theirs
        self.trade.send(token, "arcade", to=self.arena.address, by=player, data=data, extra_gas=GAS)

    def funds(self, player: str) -> int:
        return int(self.arena.view("fundsOf", self.prize.address, player))

    def act(self, player: str, method: str, *arguments: object, at: int | None = None) -> None:
        self.arena.send(method, *arguments, sender=player, at=at)


@pytest.fixture
def game(trade: Trade) -> Game:
    arcade = trade.mesh.chains["arcade"]
    arena = deploy(arcade, "Arena", trade.mesh.bridge, sender=DEVELOPER.address)
    token = trade.issue("hub")
    trade.mesh.bring(FRIEND, 50 * ERA)
    trade.send(token, "social", 2 * AMOUNT, to=FRIEND)
    trade.relay(1)
    return Game(trade, arena, token, trade.stand_in(token, "social"), trade.stand_in(token, "arcade"))


def test_two_on_other_chains_play_for_a_token_of_the_hub(game: Game) -> None:
    """P22, M11: the winner sends the prize straight to a fourth chain, and pays with its ERA in the arena."""
    trade, arena = game.trade, game.arena
    game.stake(0, SWORDS, HOLDER)
    (opened,) = trade.relay(1)
    assert logged("Opened", opened, trade.mesh.chains) == [(1, HOLDER, game.prize.address, AMOUNT)]
    game.stake(1, BOWS, FRIEND)
    _, joined = trade.relay(2)
    ((duel, player, _),) = logged("Joined", joined, trade.mesh.chains)
    assert (duel, player, held(game.prize, arena.address)) == (1, FRIEND, 2 * AMOUNT)

    for _ in range(3):
        trade.mesh.pass_time(MINUTE)
        game.act(HOLDER, "forge", 0)
        game.act(FRIEND, "forge", 1)
    game.act(FRIEND, "reveal", 1, BOWS, SALT)
    game.act(HOLDER, "reveal", 1, SWORDS, SALT)
    assert (game.funds(HOLDER), game.funds(FRIEND)) == (2 * AMOUNT, 0)
    assert arena.view("balanceOf", HOLDER, 1) == 3

    era = trade.mesh.on["arcade"].era
    era.send("approve", arena.address, MOST, sender=HOLDER)
    perps = trade.mesh.id_of("perps")
    send = ("send", game.prize.address, 2 * AMOUNT, perps, THERE, trade.passage(game.prize, "perps"), ERA)
    calls = [arena.encode("deposit", era.address, ERA), arena.encode(*send)]
    game.act(HOLDER, "multicall", calls)
    trade.relay(2)
    assert held(trade.stand_in(game.token, "perps")) == 2 * AMOUNT
    assert held(game.prize, arena.address) == game.funds(HOLDER) == 0
    assert trade.outstanding(game.token, "arcade", "perps", "social") == [0, 2 * AMOUNT, AMOUNT]


def test_who_does_not_turn_up_forfeits_and_who_comes_too_late_keeps_the_stake(game: Game) -> None:
    trade, arena = game.trade, game.arena
    game.stake(0, SWORDS, HOLDER)
    trade.relay(1)
    game.stake(1, BOWS, FRIEND)
    game.stake(1, BOWS, HOLDER)
    first, second = trade.relay(2)
    joins = [*logged("Joined", first, trade.mesh.chains), *logged("Joined", second, trade.mesh.chains)]
    ((_, player, deadline),) = joins
    # Over one hop the holder was faster, and plays alone; the friend's stake is there.
    assert player == HOLDER
    assert game.funds(FRIEND) == AMOUNT
    game.act(ATTACKER.address, "end", 1, at=deadline + 1)
    assert game.funds(HOLDER) == 2 * AMOUNT
    game.act(FRIEND, "withdraw", game.prize.address, AMOUNT, FRIEND)
    assert held(game.prize, FRIEND) == AMOUNT
    assert arena.view("owed", game.prize.address) == held(game.prize, arena.address) == 2 * AMOUNT


def test_a_stake_that_nobody_can_read_goes_home(game: Game) -> None:
    trade = game.trade
    before = held(game.token, HOLDER)
    trade.send(game.token, "arcade", to=game.arena.address, data=b"\1" * 32, extra_gas=GAS)
    (result,) = trade.relay(1)
    assert result.failed == 1
    trade.mesh.wait_out(14 * DAY + 60)
    trade.relay(2)
    assert held(game.token, HOLDER) == before
    assert game.arena.view("owed", game.prize.address) == 0
