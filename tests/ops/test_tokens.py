"""Any token: there and back, over its home, as ether, and what the commands say about it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from eth_abi.abi import encode

from metalayer.assets import journeys, tokens, transfers
from metalayer.assets.books import Books, read_books
from metalayer.assets.ether import unwrapped
from metalayer.assets.tokens import APPROVE, BALANCE_OF, Token
from metalayer.assets.transfers import Transfer, Wish
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import relay, transfer
from metalayer.cli import tokens as tokens_command
from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.protocol import bridge, gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import to_hex
from metalayer.protocol.transfers import Options, representation
from metalayer.tracking.follower import Event, Follower, NotDelivered
from tests.kit.carriers import Carriers
from tests.kit.coins import MILLION, place_coin
from tests.kit.deployment import ERA, Deployment, impersonated
from tests.kit.owning import act_as
from tests.kit.paper import DAY
from tests.kit.profiles import Profile
from tests.kit.roles import BENEFICIARY, DEPOSITOR, RELAYER

ONE = 10**6
MINT = Function("crosschainMint(address,uint256)")
ETHER = 10**18


@pytest.fixture
def live(deployment: Deployment) -> Live:
    """The depositor has ERA for fees on every chain."""
    deployment.bring(DEPOSITOR.address, 100 * ERA)
    return Live.open()


class World:
    """A network at work, and the depositor's transfers in it."""

    def __init__(self, live: Live, folder: Path, carriers: Carriers) -> None:
        self.live, self.folder, self.carriers = live, folder, carriers
        self.events: list[Event] = []

    def token(self, chain: str, text: str) -> Token:
        return tokens.resolve(self.live, self.live.connection(chain), text)

    def prepare(
        self, way: tuple[str, str], token: Token, amount: int, options: Options | None = None, to: str = ""
    ) -> Transfer:
        origin, end = self.live.connection(way[0]), self.live.network.chain(way[1])
        wish = Wish(token, end, to or BENEFICIARY.address, amount, options or Options())
        return transfers.prepare(self.live, origin, DEPOSITOR.address, wish)

    def move(
        self, way: tuple[str, str], token: Token, amount: int, options: Options | None = None, to: str = ""
    ) -> journeys.Outcome:
        return self.run(self.prepare(way, token, amount, options, to))

    def run(self, transfer: Transfer, sender: Any = DEPOSITOR) -> journeys.Outcome:
        sent, receipt = transfers.send(self.live, sender, transfer, sender.account)
        return self.follow(sent, receipt, transfer)

    def follow(self, sent: Any, receipt: Any, transfer: Transfer) -> journeys.Outcome:
        exchange = DirectoryExchange.of(self.live, self.folder / "exchange")
        follower = Follower(self.live, exchange, self.events.append, lambda text: None, 60.0)
        end = transfer.wish.destination.chain_id
        return journeys.follow(follower, self.live.registry, sent, receipt, end)

    def held(self, token: Token, account: str = BENEFICIARY.address) -> int:
        return self.live.connection(token.chain).view(token.address, BALANCE_OF, account)

    def books(self) -> Books:
        self.carriers.rest()
        books = read_books(self.live, {"depositor": DEPOSITOR.address})
        assert [sentence for sentence, holds in books.checks() if not holds] == []
        return books


@pytest.fixture
def world(live: Live, tmp_path: Path) -> Iterator[World]:
    with Carriers(live, tmp_path) as carriers:
        yield World(live, tmp_path, carriers)


def test_a_token_goes_out_over_its_home_and_back(world: World) -> None:
    """P4, P21, P23: each unit is somewhere, the representation is where Python says, and fees are what was quoted."""
    hub, registry = world.live.connection("hub"), world.live.registry
    coin = world.token("hub", place_coin(hub, DEPOSITOR))
    out = world.move(("hub", "arcade"), coin, 100 * ONE, to=DEPOSITOR.address)
    there = world.token("arcade", "USDX")
    assert there.address == representation(
        registry.address("TokenBridge"), registry.address("BridgedToken"), hub.chain_id, coin.address
    )
    assert (there.home, there.decimals, there.name) == (coin.home, 6, "Coin USDX")
    before = tokens.balance(world.live.connection("arcade"), registry, DEPOSITOR.address)
    prepared = world.prepare(("arcade", "perps"), there, 60 * ONE)
    assert (prepared.home, prepared.to_pay, len(prepared.ends)) == (hub.chain, 0, 4)
    over = world.run(prepared)
    after = tokens.balance(world.live.connection("arcade"), registry, DEPOSITOR.address)
    assert before - after == prepared.taken == prepared.fee + prepared.forward_fee
    back = world.move(("arcade", "hub"), there, 15 * ONE)
    assert [len(one.hops) for one in (out, over, back)] == [1, 2, 1]
    assert [one.amount for one in (out, over, back)] == [100 * ONE, 60 * ONE, 15 * ONE]
    onward = world.token("perps", "USDX")
    assert onward.address == there.address
    assert [world.held(one) for one in (coin, there, onward)] == [15 * ONE, 0, 60 * ONE]
    (mine,) = [one for one in world.books().tokens if one.token.home == coin.home]
    assert (mine.locked, mine.given) == (85 * ONE, 0)
    assert {name: (one.outstanding, one.supply) for name, one in mine.abroad.items()} == {
        "arcade": (25 * ONE, 25 * ONE),
        "perps": (60 * ONE, 60 * ONE),
        "social": (0, 0),
    }


def test_a_token_whose_home_is_no_hub_is_paid_onward_there(world: World) -> None:
    """Nobody can prepay it: it waits at home, anybody pays, a retry brings it on."""
    live = world.live
    coin = world.token("arcade", place_coin(live.connection("arcade"), DEPOSITOR, "ARC", 8))
    world.move(("arcade", "perps"), coin, 50 * ONE, to=DEPOSITOR.address)
    there = world.token("perps", "ARC@arcade")
    prepared = world.prepare(("perps", "hub"), there, 20 * ONE)
    assert prepared.home == live.network.chain("arcade")
    assert (prepared.options.fee, prepared.to_pay) == (0, prepared.forward_fee)
    sent, receipt = transfers.send(live, DEPOSITOR, prepared, DEPOSITOR.account)
    with pytest.raises(
        MetalayerError, match=rf"PassageUnpaid.*`ape metalayer transfer pay {to_hex(sent.id)}`"
    ):
        world.follow(sent, receipt, prepared)
    run = CliRunner(mix_stderr=False).invoke
    command = importlib.import_module("metalayer.cli.transfer").cli
    exchange = str(world.folder / "exchange")
    stuck = json.loads(run(command, ["show", to_hex(sent.id), "--exchange", exchange, "--json"]).stdout)
    assert (stuck["ending"], stuck["hops"][0]["state"]) == ("it has not ended", "failed")
    assert stuck["hops"][0]["advice"].startswith("pay for its next hop with `ape metalayer transfer pay 0x")
    paid = run(command, ["pay", to_hex(sent.id), "--account", DEPOSITOR.alias, "--json"])
    assert paid.exit_code == 0, paid.stderr
    assert int(json.loads(paid.stdout)["amount"]) == -(-prepared.forward_fee // 10**9) * 10**9
    again = run(command, ["pay", to_hex(sent.id), "--account", DEPOSITOR.alias])
    assert again.stderr.startswith("Error: the next hop costs ")
    retry = run(importlib.import_module("metalayer.cli.message").cli, [to_hex(sent.id), "--retry"])
    assert retry.exit_code == 0, retry.output
    outcome = world.follow(sent, receipt, prepared)
    assert len(outcome.hops) == 2
    assert world.held(world.token("hub", "ARC")) == 20 * ONE
    shown = run(command, ["show", to_hex(outcome.hops[1].id), "--exchange", exchange])
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.endswith("it ended on hub\n")
    late = run(command, ["pay", to_hex(sent.id), "--account", DEPOSITOR.alias])
    assert late.stderr == f"Error: transfer {to_hex(sent.id)} was sent on from arcade already\n"
    world.books()


def test_a_second_hop_that_does_not_arrive_goes_back_to_the_start(world: World) -> None:
    """P1, P14: over the home, whose bridge lacks a part of what that costs, until somebody pays it."""
    live = world.live
    hub, perps = live.connection("hub"), live.connection("perps")
    coin = world.token("hub", place_coin(hub, DEPOSITOR))
    for name in ("arcade", "perps"):
        world.move(("hub", name), coin, 100 * ONE, to=DEPOSITOR.address)
    there = world.token("arcade", "USDX")
    code = perps.rpc("eth_getCode", there.address, "latest")
    perps.rpc("anvil_setCode", there.address, "0x5f5ffd")
    with pytest.raises(NotDelivered, match="failed on perps") as failure:
        world.move(("arcade", "perps"), there, 60 * ONE)
    perps.rpc("anvil_setCode", there.address, code)
    assert world.held(there, DEPOSITOR.address) == 40 * ONE
    perps.rpc("evm_increaseTime", 15 * DAY)
    perps.rpc("evm_mine")
    world.carriers.rest()
    second = str(failure.value).split()[1]
    run = CliRunner(mix_stderr=False).invoke
    command = importlib.import_module("metalayer.cli.transfer").cli
    stuck = json.loads(run(command, ["show", second, "--json"]).stdout)
    assert [hop["state"] for hop in stuck["hops"]] == ["delivered", "returned"]
    assert "PassageUnpaid" in stuck["hops"][1]["reason"]
    paid = run(command, ["pay", second, "--account", DEPOSITOR.alias, "--json"])
    assert paid.exit_code == 0, paid.stderr
    called = run(importlib.import_module("metalayer.cli.message").cli, [second, "--call-back"])
    assert called.exit_code == 0, called.stderr
    world.carriers.rest()
    ended = json.loads(run(command, ["show", second, "--json"]).stdout)
    assert (ended["ending"], len(ended["hops"])) == ("it ended on arcade, where it started", 3)
    assert world.held(there, DEPOSITOR.address) == 100 * ONE
    assert hub.name == ended["home"]
    world.books()


def test_ether_goes_out_by_value_and_comes_home_as_ether(world: World) -> None:
    live = world.live
    ether = world.token("hub", "ETH")
    assert (ether.is_ether, ether.symbol, ether.decimals) == (True, "WETH", 18)
    hub = live.connection("hub")
    prepared = world.prepare(("hub", "arcade"), ether, 3 * ETHER, to=DEPOSITOR.address)
    assert prepared.door == live.registry.address("EtherDoor")
    world.run(prepared)
    there = world.token("arcade", "ETH@hub")
    assert world.held(there, DEPOSITOR.address) == 3 * ETHER
    before = int(hub.rpc("eth_getBalance", BENEFICIARY.address, "latest"), 16)
    wish = Wish(there, live.network.chain("hub"), BENEFICIARY.address, ETHER)
    home = transfers.prepare(live, live.connection("arcade"), DEPOSITOR.address, unwrapped(live, wish))
    world.run(home)
    assert int(hub.rpc("eth_getBalance", BENEFICIARY.address, "latest"), 16) - before == ETHER
    world.move(("arcade", "hub"), there, ETHER)
    assert world.held(world.token("hub", "WETH@hub")) == ETHER
    own = world.token("arcade", "ETH")
    assert own.home.chain_id == live.connection("arcade").chain_id
    with pytest.raises(MetalayerError, match="is not the ether of hub"):
        unwrapped(live, replace(wish, token=own))
    with pytest.raises(
        MetalayerError, match="with a tip cannot be unwrapped on arrival: expected `--wrapped`"
    ):
        unwrapped(live, replace(wish, options=Options(tip=1)))
    world.books()


def as_owner(deployment: Deployment, name: str, function: Any, *values: Any) -> None:
    deployment.as_owner(name, deployment.bridge, function.encode(*values))


def test_limits_are_shown_refused_and_waited_for(world: World, deployment: Deployment) -> None:
    """P16: at the start it is refused, on its way it waits, and a day later anybody lets it pass."""
    hub, arcade = world.live.connection("hub"), world.live.connection("arcade")
    coin = world.token("hub", place_coin(hub, DEPOSITOR))
    world.move(("hub", "arcade"), coin, 10 * ONE, to=DEPOSITOR.address)
    as_owner(deployment, "hub", bridge.SET_LIMITS, coin.address, arcade.chain_id, 100 * ONE, 5 * ONE, 3_600)
    with pytest.raises(
        MetalayerError,
        match=r"^101 USDX exceed the limit of hub to arcade: 100 USDX of 100 USDX free, all again within 1 hours$",
    ):
        world.prepare(("hub", "arcade"), coin, 101 * ONE)
    there = world.token("arcade", "USDX")
    prepared = world.prepare(("arcade", "hub"), there, 8 * ONE)
    assert prepared.delays == [
        "it will wait 24 hours on hub, limit of hub from arcade: 5 USDX of 5 USDX free, all again within 1 hours"
    ]
    with pytest.raises(journeys.Waiting, match=r"exceeds a limit and waits: from .* --retry`") as waiting:
        world.run(prepared)
    assert world.held(coin) == 0
    id_ = str(waiting.value).rsplit("message ", 1)[1].split()[0]
    shown = CliRunner().invoke(importlib.import_module("metalayer.cli.message").cli, [id_]).output
    assert "it exceeds a limit and waits: a retry passes from 20" in shown
    world.carriers.rest()
    assert world.held(coin) == 0
    hub.rpc("evm_setNextBlockTimestamp", hex(waiting.value.passes_at))
    world.carriers.rest()
    assert world.held(coin) == 8 * ONE
    assert world.carriers.passed == 1
    world.books()


def test_what_waits_passes_as_soon_as_there_is_room(world: World, deployment: Deployment) -> None:
    """A relayer looks for it, and has what its return would have cost."""
    hub, arcade = world.live.connection("hub"), world.live.connection("arcade")
    coin = world.token("hub", place_coin(hub, DEPOSITOR))
    world.move(("hub", "arcade"), coin, 10 * ONE, to=DEPOSITOR.address)
    as_owner(deployment, "hub", bridge.SET_LIMITS, coin.address, arcade.chain_id, 100 * ONE, 5 * ONE, 3_600)
    there = world.token("arcade", "USDX")
    world.move(("arcade", "hub"), there, 4 * ONE)
    with pytest.raises(journeys.Waiting):
        world.move(("arcade", "hub"), there, 3 * ONE)
    world.carriers.rest()
    assert world.held(coin) == 4 * ONE
    hub.rpc("evm_increaseTime", 3_600)
    world.carriers.rest()
    assert (world.held(coin), world.carriers.passed) == (7 * ONE, 1)


def test_a_held_chain_and_a_deficit_are_named(world: World, deployment: Deployment) -> None:
    hub, arcade = world.live.connection("hub"), world.live.connection("arcade")
    coin = world.token("hub", place_coin(hub, DEPOSITOR))
    world.move(("hub", "arcade"), coin, 10 * ONE, to=DEPOSITOR.address)
    there = world.token("arcade", "USDX")
    with impersonated(arcade, deployment.bridge):
        deployment.must("arcade", deployment.bridge, there.address, MINT.encode(DEPOSITOR.address, ONE))
    with pytest.raises(
        MetalayerError, match=r"^only 10 USDX are locked on hub for arcade: 11 USDX would fail there$"
    ):
        world.prepare(("arcade", "hub"), there, 11 * ONE)
    act_as(hub, deployment.guardian, deployment.bridge, bridge.HOLD.encode(arcade.chain_id, 3_600))
    with pytest.raises(
        MetalayerError, match=r"^value from arcade is held on hub until 20.* UTC: it would fail there$"
    ):
        world.prepare(("arcade", "hub"), there, ONE)


def test_a_closed_route_is_named(world: World, deployment: Deployment) -> None:
    """On a spoke the bridge cannot know it: the transfer would fail on its way."""
    coin = world.token("hub", place_coin(world.live.connection("hub"), DEPOSITOR))
    world.move(("hub", "arcade"), coin, 10 * ONE, to=DEPOSITOR.address)
    perps = world.live.network.chain("perps").chain_id
    deployment.as_owner("hub", deployment.gateway, gateway.SET_OPEN.encode(perps, False, True))
    with pytest.raises(MetalayerError, match=r"^there is no route: hub to perps is closed$"):
        world.prepare(("arcade", "perps"), world.token("arcade", "USDX"), ONE)


def test_a_token_that_answers_nothing_is_shown_as_such(world: World) -> None:
    """P20: it holds up no other."""
    hub = world.live.connection("hub")
    coins = [world.token("hub", place_coin(hub, DEPOSITOR, symbol)) for symbol in ("GOOD", "DEAD")]
    for coin in coins:
        world.move(("hub", "arcade"), coin, 10 * ONE)
    hub.rpc("anvil_setCode", coins[1].address, "0x5f5ffd")
    run = CliRunner(mix_stderr=False).invoke
    listed = run(importlib.import_module("metalayer.cli.tokens").cli, ["--json", "--check"])
    assert listed.exit_code == 0, listed.stderr
    found = {one["address"]: one for one in json.loads(listed.stdout)["tokens"]}
    assert (found[coins[0].address]["symbol"], found[coins[0].address]["locked"]) == ("GOOD", "10000000")
    dead = found[coins[1].address]
    assert (dead["symbol"], dead["locked"], dead["chains"]["arcade"]["supply"]) == ("?", None, "10000000")
    table = run(importlib.import_module("metalayer.cli.tokens").cli, [])
    assert table.exit_code == 0, table.stderr


def test_what_a_token_calls_itself_is_no_markup(world: World) -> None:
    """Strangers choose names: they style nothing, link nowhere and stop no command."""
    run = CliRunner(mix_stderr=False).invoke
    hub = world.live.connection("hub")
    shared = ["--account", DEPOSITOR.alias, "--exchange", str(world.folder / "exchange")]
    for symbol in ("[/]", "[link=https://x]A"):
        coin = place_coin(hub, DEPOSITOR, symbol)
        command = [coin, "1", "--from", "hub", "--to", "arcade", *shared]
        moved = run(importlib.import_module("metalayer.cli.transfer").cli, command)
        assert moved.exit_code == 0, moved.stderr
        shown = run(importlib.import_module("metalayer.cli.tokens").cli, [coin])
        assert shown.exit_code == 0, shown.stderr
        assert symbol in shown.stdout


def test_who_has_too_little_learns_what_is_missing(world: World) -> None:
    coin = world.token("hub", place_coin(world.live.connection("hub"), DEPOSITOR))
    with pytest.raises(
        MetalayerError, match=rf"{DEPOSITOR.address} has 1,000,000 USDX on hub, not 1,000,001 USDX$"
    ):
        world.prepare(("hub", "arcade"), coin, MILLION + ONE)
    start, end = world.live.connection("hub"), world.live.network.chain("arcade")
    wish = Wish(coin, end, BENEFICIARY.address, ONE)
    with pytest.raises(MetalayerError, match=rf"{BENEFICIARY.address} has 0 USDX on hub, not 1 USDX$"):
        transfers.prepare(world.live, start, BENEFICIARY.address, wish)
    start.send(DEPOSITOR, coin.address, tokens.TRANSFER.encode(BENEFICIARY.address, ONE))
    with pytest.raises(MetalayerError, match=rf"{BENEFICIARY.address} has 0 ERA on hub, the fees are 0\.0"):
        transfers.prepare(world.live, start, BENEFICIARY.address, wish)
    for account, what in (
        (coin.address, "the token"),
        (world.live.registry.address("EtherDoor"), "the EtherDoor"),
    ):
        with pytest.raises(MetalayerError, match=f"is {what}: .*lost"):
            world.prepare(("hub", "arcade"), coin, ONE, to=account)


def test_two_tokens_of_one_name_are_told_apart(world: World) -> None:
    """Anybody can give a token any name: its home says which it is."""
    live = world.live
    live.connection("arcade").send(DEPOSITOR, DEPOSITOR.address, b"")
    one = world.token("hub", place_coin(live.connection("hub"), DEPOSITOR))
    other = world.token("arcade", place_coin(live.connection("arcade"), DEPOSITOR))
    world.move(("hub", "arcade"), one, ONE)
    world.move(("arcade", "hub"), other, ONE)
    with pytest.raises(
        MetalayerError,
        match=rf"^2 tokens on hub are meant by USDX: expected one of USDX@hub {one.address}, "
        rf"USDX@arcade {other.address}$",
    ):
        world.token("hub", "USDX")
    assert world.token("hub", "USDX@hub").address == one.address
    assert world.token("hub", "USDX@arcade").home == other.home
    with pytest.raises(
        MetalayerError, match=r"there is no token 0x\w+ on perps: it is on hub[\w, ]*; expected the address"
    ):
        world.token("perps", one.address)


def test_a_token_without_permits_is_approved_first(world: World) -> None:
    """Also one that changes an allowance to nothing or from nothing only."""
    live = world.live
    coin = world.token("hub", place_coin(live.connection("hub"), DEPOSITOR))
    hub = live.connection("hub")
    hub.send(DEPOSITOR, coin.address, APPROVE.encode(live.registry.address("TokenBridge"), 5))
    transfer = world.prepare(("hub", "arcade"), coin, ONE)
    before = int(hub.rpc("eth_getTransactionCount", DEPOSITOR.address, "latest"), 16)
    sent, _ = transfers.send(live, DEPOSITOR, transfer)
    # To nothing, to what is taken, of ERA for the fee, and the transfer.
    assert int(hub.rpc("eth_getTransactionCount", DEPOSITOR.address, "latest"), 16) - before == 4
    assert journeys.carried(sent.message).amount == ONE


def test_the_commands_move_and_show_it(world: World) -> None:
    run = CliRunner(mix_stderr=False).invoke
    transfer, shown = (
        importlib.import_module(f"metalayer.cli.{name}").cli for name in ("transfer", "tokens")
    )
    coin = place_coin(world.live.connection("hub"), DEPOSITOR)
    exchange = ["--exchange", str(world.folder / "exchange")]
    by_depositor = ["--account", DEPOSITOR.alias]
    way = ["--from", "hub", "--to", "social", "--recipient", BENEFICIARY.alias]
    moved = run(transfer, [coin, "2.5", *way, *by_depositor, *exchange])
    assert moved.exit_code == 0, moved.stderr
    lines = moved.stdout.splitlines()
    assert lines[0] == f"token     USDX (Coin USDX), at home on hub: {coin}"
    assert lines[1].startswith("way       hub to social, about ")
    assert lines[-1].startswith("2.5 USDX from hub to social in ")
    as_json = run(transfer, ["USDX", "1", *way, *by_depositor, *exchange, "--json"])
    assert as_json.exit_code == 0, as_json.stderr
    data = json.loads(as_json.stdout)
    assert (data["amount"], data["arrived"], data["token"]["home"]["address"]) == ("1000000", "1000000", coin)
    assert [event["what"] for event in data["events"]][-2:] == ["received", "done"]
    world.carriers.rest()
    listed = json.loads(run(shown, ["--json", "--check"]).stdout)
    (mine,) = [one for one in listed["tokens"] if one["address"] == coin]
    assert (mine["home"], mine["locked"], mine["outstanding"]) == ("hub", "3500000", "3500000")
    assert mine["chains"]["social"] == {
        "outstanding": "3500000",
        "supply": "3500000",
        "under_way": "0",
        "adopted": False,
    }
    assert all(check["holds"] for check in listed["checks"])
    one = run(shown, ["USDX"])
    assert one.exit_code == 0, one.stderr
    assert "no limit" in one.stdout
    unknown = run(shown, ["NONE"])
    assert unknown.stderr.startswith(
        "Error: no known token 'NONE' in this network: expected ETH, an address, or one of ERA,"
    )


def test_ether_by_the_command(world: World) -> None:
    """In by value, home as ether unless it shall stay wrapped."""
    run = CliRunner(mix_stderr=False).invoke
    transfer = importlib.import_module("metalayer.cli.transfer").cli
    hub = world.live.connection("hub")
    shared = ["--account", DEPOSITOR.alias, "--exchange", str(world.folder / "exchange")]
    out = run(transfer, ["ETH", "2", "--from", "hub", "--to", "perps", *shared])
    assert out.exit_code == 0, out.stderr
    back = ["--from", "perps", "--to", "hub", "--recipient", BENEFICIARY.alias]
    before = int(hub.rpc("eth_getBalance", BENEFICIARY.address, "latest"), 16)
    home = run(transfer, ["ETH@hub", "0.5", *back, *shared])
    assert home.exit_code == 0, home.stderr
    assert int(hub.rpc("eth_getBalance", BENEFICIARY.address, "latest"), 16) - before == ETHER // 2
    wrapped = run(transfer, ["ETH@hub", "0.25", *back, *shared, "--wrapped", "--tip", "1"])
    assert wrapped.exit_code == 0, wrapped.stderr
    assert world.held(world.token("hub", "ETH")) == ETHER // 4
    credit = run(transfer, ["ETH", "1", "--from", "hub", "--to", "perps", *shared, "--fee-from", "credit"])
    assert credit.stderr.startswith("Error: the EtherDoor takes the fee from the balance")
    refused = run(transfer, ["ETH@hub", "0.25", *back, *shared, "--tip", "1"])
    assert refused.stderr == (
        "Error: a transfer with a tip cannot be unwrapped on arrival: expected `--wrapped`\n"
    )


def test_as_in_production(profile: Profile, deployment: Deployment, tmp_path: Path) -> None:
    """Keyfiles, nodes that know the standard's methods alone and few blocks of logs at a time."""
    deployment.bring(DEPOSITOR.address, 10 * ERA, ["hub"])
    coin = place_coin(deployment.connections["hub"], DEPOSITOR)
    run, shared = profile.run, ("--exchange", str(tmp_path / "exchange"))
    way = ("--from", "hub", "--to", "perps", "--account", profile.account(DEPOSITOR))
    sent = run(transfer, coin, "2.5", *way, "--no-wait", "--json")
    assert sent.exit_code == 0, sent.stderr
    id_ = json.loads(sent.stdout)["id"]
    deployment.finalize()
    live = Live.open()
    with deployment.signing(DirectoryExchange.of(live, tmp_path / "exchange"), tmp_path):
        relayed = run(relay, "once", "--account", profile.account(RELAYER), *shared)
    assert relayed.exit_code == 0, relayed.output
    found = run(transfer, "show", id_, "--json", *shared)
    assert json.loads(found.stdout)["ending"] == "it ended on perps", found.stderr
    listed = run(tokens_command, "USDX", "--json", "--check")
    assert listed.exit_code == 0, listed.stderr
    (mine,) = json.loads(listed.stdout)["tokens"]
    assert (mine["address"], mine["outstanding"]) == (coin, "2500000")
    assert {end["free"] for end in mine["ends"]} == {None}


def test_a_call_that_the_recipient_refuses_fails_and_says_so(world: World) -> None:
    coin = world.token("hub", place_coin(world.live.connection("hub"), DEPOSITOR))
    door = world.live.registry.address("EtherDoor")
    data = encode(["address"], [BENEFICIARY.address])
    with pytest.raises(MetalayerError, match="NotWrappedEther"):
        world.move(("hub", "arcade"), coin, ONE, Options(data=data, extra_gas=120_000), to=door)
