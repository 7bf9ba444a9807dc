"""Arena: who plays gets what the rules say, who does not forfeits, and no stake is ever stuck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metalayer.protocol.transfers import Options
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, Revert, deploy, error, now
from tests.kit.hops import AMOUNT
from tests.kit.purses import put_in
from tests.kit.stack import Stack
from tests.kit.world import World

STAKE = AMOUNT
SWORD, BOW, SHIELD = range(3)
Hand = tuple[int, int, int]
SWORDS, BOWS = (SWORD,) * 3, (BOW,) * 3
MIXED = (SWORD, BOW, SHIELD)
TIME_TO_REVEAL, TIME_TO_FORGE = 3_600, 60
SALT = b"\x5a" * 32
GAS = 300_000


@dataclass(frozen=True)
class Table:
    """An arena on arcade, two players with twice the stake in it, and what they have."""

    world: World
    arena: Contract
    token: Contract
    opener: str
    joiner: str

    @property
    def players(self) -> tuple[str, str]:
        return self.opener, self.joiner

    @property
    def time(self) -> int:
        return now(self.arena.chain)

    def arm(self, *hands: Hand) -> None:
        """Both forge what they will play."""
        at = self.time
        for i in range(3):
            at += TIME_TO_FORGE
            for player, hand in zip(self.players, hands, strict=True):
                self.arena.send("forge", hand[i], sender=player, at=at)
                at += 1

    def open(self, hand: Hand = MIXED, player: str = "") -> int:
        player = player or self.opener
        call = ("open", self.token.address, STAKE, seal(player, hand))
        ((id_, *opened),) = self.arena.send(*call, sender=player).named("Opened")
        assert opened == [player, self.token.address, STAKE]
        return int(id_)

    def join(self, id_: int, hand: Hand = MIXED, player: str = "") -> int:
        """The last second to reveal."""
        player = player or self.joiner
        joined = self.arena.send("join", id_, seal(player, hand), sender=player)
        assert joined.named("Joined") == [(id_, player, self.time + TIME_TO_REVEAL)]
        return self.time + TIME_TO_REVEAL

    def reveal(self, id_: int, hand: Hand, player: str, at: int | None = None) -> Receipt:
        return self.arena.send("reveal", id_, hand, SALT, sender=player, at=at)

    def play(self, first: Hand, second: Hand) -> str:
        """A whole duel: who won it."""
        self.arm(first, second)
        id_ = self.open(first)
        self.join(id_, second)
        self.reveal(id_, first, self.opener)
        ((ended, winner),) = self.reveal(id_, second, self.joiner).named("Ended")
        assert ended == id_
        return str(winner)

    def funds(self) -> tuple[int, ...]:
        return tuple(self.arena.view("fundsOf", self.token.address, player) for player in self.players)

    def items(self, player: str) -> list[int]:
        return [self.arena.view("balanceOf", player, kind) for kind in range(3)]

    def nothing_is_left_in(self, id_: int) -> bool:
        return bool(
            self.arena.view("duelOf", id_)
            == (
                ZERO_ADDRESS,
                0,
                0,
                0,
                (ZERO_ADDRESS,) * 2,
                (bytes(32),) * 2,
                ((0,) * 3,) * 2,
            )
        )


def seal(player: str, hand: Hand, salt: bytes = SALT) -> bytes:
    return bytes(keccak(encode(["address", "uint8[3]", "bytes32"], [player, hand, salt])))


def ticket(player: str, duel: int, hand: Hand = MIXED) -> bytes:
    """Data of a stake that comes from another chain."""
    return encode(["address", "bytes"], [player, encode(["uint256", "bytes32"], [duel, seal(player, hand)])])


@pytest.fixture
def arena(arcade: Stack, developer: str) -> Contract:
    return deploy(arcade.chain, "Arena", arcade.bridge.address, sender=developer)


@pytest.fixture
def table(world: World, arena: Contract, gem: Contract, players: tuple[str, str]) -> Table:
    """For gems, whose home is the hub."""
    put_in(arena, gem, 2 * STAKE, *players)
    return Table(world, arena, gem, *players)


# Items


def test_everyone_forges_an_item_a_minute(table: Table) -> None:
    arena, player = table.arena, table.opener
    at = table.time + 1
    arena.send("forge", BOW, sender=player, at=at)
    assert table.items(player) == [0, 1, 0]
    refused = arena.revert("forge", BOW, sender=player, at=at + TIME_TO_FORGE - 1)
    assert refused == error("CannotForge", BOW, at + TIME_TO_FORGE)
    arena.send("forge", BOW, sender=player, at=at + TIME_TO_FORGE)
    assert table.items(player) == [0, 2, 0]
    for kind in (3, 256, 2**256 - 1):
        assert arena.revert("forge", kind, sender=table.joiner) == error("CannotForge", kind, 0)


# Duels


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (SWORDS, BOWS, 0),
        (BOWS, SWORDS, 1),
        (BOWS, (SHIELD,) * 3, 0),
        (SWORDS, (SHIELD,) * 3, 1),
        (SWORDS, (BOW, SWORD, SWORD), 0),
        (SWORDS, (SHIELD, SWORD, SWORD), 1),
        (SWORDS, (BOW, SHIELD, SHIELD), 1),
        (MIXED, MIXED, None),
        (SWORDS, (BOW, SHIELD, SWORD), None),
    ],
)
def test_who_wins_more_rounds_gets_both_stakes(
    table: Table, first: Hand, second: Hand, winner: int | None
) -> None:
    """And who wins a round both its items. In a draw everyone keeps the stake."""
    won = table.play(first, second)
    gains = [0, 0] if winner is None else [(STAKE, -STAKE), (-STAKE, STAKE)][winner]
    assert won == (ZERO_ADDRESS if winner is None else table.players[winner])
    assert table.funds() == tuple(2 * STAKE + gain for gain in gains)
    assert table.arena.view("owed", table.token.address) == 4 * STAKE
    expected = [[0] * 3, [0] * 3]
    for one, two in zip(first, second, strict=True):
        taker = None if one == two else 0 if (one + 1) % 3 == two else 1
        expected[0 if taker is None else taker][one] += 1
        expected[1 if taker is None else taker][two] += 1
    assert [table.items(player) for player in table.players] == expected
    assert table.nothing_is_left_in(1)


def test_what_was_won_goes_straight_to_another_chain(table: Table, beneficiary: str) -> None:
    world, user = table.world, table.opener
    table.play(SWORDS, BOWS)
    era = world.local("era", "arcade")
    era.send("transfer", user, AMOUNT, sender=world.depositor)
    put_in(table.arena, era, AMOUNT, user)
    call = ("send", table.token.address, 3 * STAKE, world.id_of("hub"), beneficiary, 0, AMOUNT)
    world.arrive(world.noted("arcade", table.arena.send(*call, sender=user)))
    assert world.balance("gem", "hub", beneficiary) == 3 * STAKE


def test_a_stake_is_ones_own(table: Table) -> None:
    arena, token = table.arena, table.token.address
    too_much = error("NotEnough", table.opener, token, 2 * STAKE, 2 * STAKE + 1)
    assert arena.revert("open", token, 2 * STAKE + 1, SALT, sender=table.opener) == too_much
    id_ = table.open()
    arena.send("withdraw", token, 2 * STAKE, table.joiner, sender=table.joiner)
    refused = arena.revert("join", id_, SALT, sender=table.joiner)
    assert refused == error("NotEnough", table.joiner, token, 0, STAKE)


def test_two_play_and_no_third(table: Table) -> None:
    arena = table.arena
    for id_ in (0, 1):
        assert arena.revert("join", id_, SALT, sender=table.joiner) == error("NotOpen", id_)
    id_ = table.open()
    table.join(id_)
    assert arena.revert("join", id_, SALT, sender=table.joiner) == error("NotOpen", id_)


def test_who_opened_takes_it_back_until_somebody_joins(table: Table) -> None:
    arena, token = table.arena, table.token.address
    for id_ in (0, 1):
        assert arena.revert("cancel", id_, sender=table.opener) == error("NotOpen", id_)
    first, second = table.open(), table.open()
    assert arena.revert("cancel", first, sender=table.joiner) == error("NotThePlayer", first, table.joiner)
    assert arena.send("cancel", first, sender=table.opener).named("Ended") == [(first, ZERO_ADDRESS)]
    assert table.funds() == (STAKE, 2 * STAKE)
    assert table.nothing_is_left_in(first)
    for call in (("cancel", first), ("join", first, SALT)):
        assert arena.revert(*call, sender=table.opener) == error("NotOpen", first)
    table.join(second)
    assert arena.revert("cancel", second, sender=table.opener) == error("NotOpen", second)
    assert arena.view("owed", token) == 4 * STAKE


def test_only_what_was_sealed_is_revealed_once_by_who_sealed_it(table: Table, beneficiary: str) -> None:
    arena = table.arena
    table.arm(SWORDS, BOWS)
    id_ = table.open(SWORDS)
    reveal = ("reveal", id_, SWORDS, SALT)
    assert arena.revert(*reveal, sender=table.opener) == error("CannotReveal", id_), "before anybody joined"
    # Whoever copies a seal cannot open it.
    arena.send("join", id_, seal(table.opener, SWORDS), sender=table.joiner)
    assert arena.revert(*reveal, sender=table.joiner) == error("CannotReveal", id_)
    assert arena.revert(*reveal, sender=beneficiary) == error("NotThePlayer", id_, beneficiary)
    for hand, salt in ((BOWS, SALT), (SWORDS, bytes(32))):
        refused = arena.revert("reveal", id_, hand, salt, sender=table.opener)
        assert refused == error("CannotReveal", id_)
    deadline = table.time + TIME_TO_REVEAL
    assert arena.revert(*reveal, sender=table.opener, at=deadline + 1) == error("CannotReveal", id_)
    revealed = table.reveal(id_, SWORDS, table.opener, at=deadline)
    assert revealed.named("Revealed") == [(id_, table.opener, SWORDS)]
    assert arena.revert(*reveal, sender=table.opener, at=deadline) == error("CannotReveal", id_)


def test_who_has_not_the_items_cannot_reveal_them(table: Table) -> None:
    """Also kinds that nobody can forge."""
    arena = table.arena
    for hand, kind in ((SWORDS, SWORD), ((0, 255, 3), 0), ((255, 0, 0), 255)):
        id_ = table.open(hand)
        table.join(id_)
        refused = arena.revert("reveal", id_, hand, SALT, sender=table.opener)
        assert refused == error("ERC1155InsufficientBalance", table.opener, 0, 1, kind)
        arena.send("end", id_, sender=table.joiner, at=table.time + TIME_TO_REVEAL + 1)


@pytest.mark.parametrize("revealed", [None, 0, 1])
def test_who_does_not_reveal_in_time_forfeits(table: Table, attacker: str, revealed: int | None) -> None:
    """Anyone ends it then, for those whom it concerns. If both let it lie, nobody wins."""
    arena = table.arena
    table.arm(SWORDS, BOWS)
    id_ = table.open(SWORDS)
    deadline = table.join(id_, BOWS)
    gains = [0, 0]
    winner = ZERO_ADDRESS
    if revealed is not None:
        winner = table.players[revealed]
        table.reveal(id_, (SWORDS, BOWS)[revealed], winner)
        gains[revealed], gains[1 - revealed] = STAKE, -STAKE
    assert arena.revert("end", id_, sender=attacker, at=deadline) == error("StillOn", id_)
    assert arena.send("end", id_, sender=attacker, at=deadline + 1).named("Ended") == [(id_, winner)]
    assert table.funds() == tuple(2 * STAKE + gain for gain in gains)
    assert [table.items(player) for player in table.players] == [[3, 0, 0], [0, 3, 0]]
    assert arena.revert("end", id_, sender=attacker, at=deadline + 2) == error("StillOn", id_)
    assert table.nothing_is_left_in(id_)


def test_what_nobody_joined_does_not_end_by_itself(table: Table) -> None:
    id_ = table.open()
    later = table.time + 10 * TIME_TO_REVEAL
    for one in (0, id_, id_ + 1):
        assert table.arena.revert("end", one, sender=table.joiner, at=later) == error("StillOn", one)


def test_who_plays_against_oneself_gets_it_all_back(table: Table) -> None:
    id_ = table.open()
    table.join(id_, player=table.opener)
    table.arena.send("end", id_, sender=table.joiner, at=table.time + TIME_TO_REVEAL + 1)
    assert table.funds() == (2 * STAKE, 2 * STAKE)


# From another chain


@dataclass(frozen=True)
class Abroad:
    """Who sends stakes from the hub."""

    table: Table

    def stake(self, ticket: bytes, amount: int = STAKE, what: str = "gem") -> Receipt:
        world, arena = self.table.world, self.table.arena
        wish = Options(data=ticket, extra_gas=GAS)
        world.send(what, "hub", "arcade", arena.address, amount, wish)
        return world.courier.carry("hub", "arcade")


@pytest.fixture
def abroad(table: Table) -> Abroad:
    return Abroad(table)


def test_one_signature_on_another_chain_opens_a_duel_and_one_joins_it(table: Table, abroad: Abroad) -> None:
    """With what came, and not with what was there; then it goes on as any."""
    table.arm(SWORDS, BOWS)
    opened = abroad.stake(ticket(table.opener, 0, SWORDS))
    assert opened.named("Opened") == [(1, table.opener, table.token.address, STAKE)]
    assert [id_ for id_, *_ in abroad.stake(ticket(table.joiner, 1, BOWS)).named("Joined")] == [1]
    assert table.funds() == (2 * STAKE, 2 * STAKE)
    table.reveal(1, SWORDS, table.opener)
    table.reveal(1, BOWS, table.joiner)
    assert table.funds() == (4 * STAKE, 2 * STAKE)


def test_who_was_never_there_needs_no_more_gas_than_the_page_says(abroad: Abroad, beneficiary: str) -> None:
    """Nobody has had that token there, either."""
    world, arena = abroad.table.world, abroad.table.arena
    rare = world.issue("rare", "hub", "PlainToken", world.depositor)
    assert abroad.stake(ticket(beneficiary, 0), what="rare").named("Opened")
    assert arena.view("fundsOf", rare.address, beneficiary) == 0


def test_what_comes_too_late_or_is_too_little_stays_the_players(table: Table, abroad: Abroad) -> None:
    """A stranger who pays a dust can spend nothing else of the player's."""
    id_ = table.open()
    for amount, token in ((STAKE - 1, "gem"), (1, "gem"), (STAKE, "era")):
        assert not abroad.stake(ticket(table.joiner, id_), amount, token).named("Joined")
    assert table.funds() == (STAKE, 3 * STAKE)
    assert abroad.stake(ticket(table.joiner, id_), STAKE + 1).named("Joined")
    assert not abroad.stake(ticket(table.joiner, id_)).named("Joined")
    assert table.funds() == (STAKE, 4 * STAKE + 1)
    era = table.world.local("era", "arcade").address
    assert table.arena.view("fundsOf", era, table.joiner) == STAKE
    assert not abroad.stake(ticket(table.joiner, 99)).named("Joined")


def test_a_ticket_that_says_nothing_is_refused(table: Table, abroad: Abroad) -> None:
    bad = encode(["address", "bytes"], [table.joiner, b"\1" * 63])
    failed = abroad.stake(bad)
    assert failed.named("MessageFailed")
    call = ("onTransferReceived", SALT, 901, table.joiner, table.token.address, 0, bad)
    assert table.arena.revert(*call, sender=table.world.bridge("arcade").address) == Revert(b"")
    plain = encode(["address", "bytes"], [table.joiner, b""])
    assert abroad.stake(plain).named("Funded") == [(table.joiner, table.token.address, STAKE)]


# All together

_hands: Any = st.tuples(*[st.integers(0, 2)] * 3)


@given(first=_hands, second=_hands, shown=st.tuples(st.booleans(), st.booleans()))
def test_no_stake_and_no_item_is_made_or_lost(
    table: Table, first: Hand, second: Hand, shown: tuple[bool, bool]
) -> None:
    """Whoever reveals, and whatever."""
    table.arm(first, second)
    before = [sum(column) for column in zip(*map(table.items, table.players), strict=True)]
    funds = table.funds()
    if min(funds) < STAKE:
        rich = table.players[funds.index(max(funds))]
        poor = table.players[funds.index(min(funds))]
        table.arena.send("withdraw", table.token.address, STAKE, poor, sender=rich)
        table.arena.send("deposit", table.token.address, STAKE, sender=poor)
    id_ = table.open(first)
    deadline = table.join(id_, second)
    for player, hand, shows in zip(table.players, (first, second), shown, strict=True):
        if shows:
            table.reveal(id_, hand, player)
    if not all(shown):
        table.arena.send("end", id_, sender=table.joiner, at=deadline + 1)
    assert table.nothing_is_left_in(id_)
    assert [sum(column) for column in zip(*map(table.items, table.players), strict=True)] == before
    assert sum(table.funds()) == table.arena.view("owed", table.token.address) == 4 * STAKE
    assert table.token.view("balanceOf", table.arena.address) == 4 * STAKE
