"""`ape metalayer transfer` of ERA: through every hop, carried by real validators and a real relayer."""

from __future__ import annotations

import importlib
import itertools
import json
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from metalayer.assets import credit, journeys, tokens, transfers
from metalayer.assets.books import Books, read_books
from metalayer.assets.tokens import balance
from metalayer.assets.transfers import Transfer, Wish
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import message, pending, relay, transfer
from metalayer.cli.words import transfer_lines
from metalayer.deploy.intent import route_between
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.transactions import Transaction
from metalayer.protocol.amounts import era
from metalayer.protocol.gateway import MESSAGE_SENT
from metalayer.protocol.hex import to_hex
from metalayer.protocol.transfers import FORWARD_GAS, FORWARD_RETURN_GAS, RECEIVE_GAS, RETURN_GAS
from metalayer.tracking import messages
from metalayer.tracking import trace as tracking
from metalayer.tracking.follower import Event, Follower, NotDelivered, StillWaiting
from metalayer.tracking.trace import State
from tests.kit.carriers import Carriers
from tests.kit.deployment import ERA, Deployment
from tests.kit.paper import DAY
from tests.kit.profiles import Profile
from tests.kit.roles import BENEFICIARY, DEPOSITOR, PAUPER, RELAYER


@pytest.fixture
def live(deployment: Deployment) -> Live:
    """The depositor has 1,000 ERA on the hub, and no credit."""
    deployment.bring(DEPOSITOR.address, 1_000 * ERA, ["hub"])
    return Live.open()


@pytest.fixture
def carriers(live: Live, tmp_path: Path) -> Carriers:
    return Carriers(live, tmp_path)


def follower(live: Live, folder: Path, events: list[Event], timeout: float = 30.0) -> Follower:
    return Follower(
        live, DirectoryExchange.of(live, folder / "exchange"), events.append, lambda text: None, timeout
    )


def prepare(
    live: Live, origin: str, destination: str, amount: int, to: str | None = None, **wishes: Any
) -> Transfer:
    start, end = live.connection(origin), live.network.chain(destination)
    token = tokens.resolve(live, start, "ERA")
    wish = Wish(token, end, to or DEPOSITOR.address, amount, **wishes)
    return transfers.prepare(live, start, DEPOSITOR.address, wish)


def move(
    live: Live, follower: Follower, origin: str, destination: str, amount: int, to: str
) -> journeys.Outcome:
    transfer = prepare(live, origin, destination, amount, to)
    sent, receipt = transfers.send(live, DEPOSITOR, transfer, DEPOSITOR.account)
    end = live.network.chain(destination).chain_id
    return journeys.follow(follower, live.registry, sent, receipt, end)


def first_fee(live: Live, origin: str, destination: str, gas_limit: int = RECEIVE_GAS) -> int:
    """Fee of a first hop by the terms of networks.yaml, in wei."""
    terms = route_between(live.network.chain(origin), live.network.chain(destination)).terms
    return terms.quote(gas_limit, RETURN_GAS, 128)


def second_fee(live: Live, origin: str, destination: str) -> int:
    """Of a hop that the home sends on."""
    terms = route_between(live.network.chain(origin), live.network.chain(destination)).terms
    return terms.quote(RECEIVE_GAS, FORWARD_RETURN_GAS, 160)


def books_of(live: Live) -> Books:
    names = {"depositor": DEPOSITOR, "beneficiary": BENEFICIARY}
    books = read_books(live, {key: role.address for key, role in names.items()})
    assert [sentence for sentence, holds in books.checks() if not holds] == []
    return books


@pytest.mark.parametrize("claim_multiple", [math.inf, 1.0], ids=["nothing claimed", "all claimed"])
def test_hub_to_spoke_to_spoke_to_hub(live: Live, tmp_path: Path, claim_multiple: float) -> None:
    """P4, P5: to the wei, with fees, whatever the relayer claimed."""
    depositor, beneficiary = DEPOSITOR, BENEFICIARY
    events: list[Event] = []
    before = books_of(live)
    with Carriers(live, tmp_path, claim_multiple) as carriers:
        out = move(live, follower(live, tmp_path, events), "hub", "arcade", 100 * ERA, depositor.address)
        over = move(live, follower(live, tmp_path, events), "arcade", "perps", 60 * ERA, depositor.address)
        back = move(live, follower(live, tmp_path, events), "perps", "hub", 25 * ERA, beneficiary.address)
        carriers.rest()
    assert [len(outcome.hops) for outcome in (out, over, back)] == [1, 2, 1]
    happened = [(event.what, event.chain) for event in events if event.what not in ("final", "signed")]
    assert happened == [
        *(("sent", "hub"), ("received", "arcade"), ("done", "arcade")),
        *(("sent", "arcade"), ("forwarded", "hub"), ("received", "perps"), ("done", "perps")),
        *(("sent", "perps"), ("received", "hub"), ("done", "hub")),
    ]
    for outcome in (out, over, back):
        data = outcome.as_dict()
        assert len(data["transactions"]) == len(data["gas"]) == len(data["ids"]) + 1
        assert all(receipt["status"] == 1 for receipt in outcome.receipts)

    assert (over.amount, over.id) == (60 * ERA, over.hops[0].id)
    after = books_of(live)
    held = {name: chain.balances["depositor"] for name, chain in after.chains.items()}
    assert held == {
        "hub": before.chains["hub"].balances["depositor"] - 100 * ERA - first_fee(live, "hub", "arcade"),
        "arcade": 40 * ERA - first_fee(live, "arcade", "hub", FORWARD_GAS) - second_fee(live, "hub", "perps"),
        "perps": 35 * ERA - first_fee(live, "perps", "hub"),
        "social": 0,
    }
    moved = before.chains["hub"].locked or 0
    assert after.chains["hub"].locked == moved + 75 * ERA - second_fee(live, "hub", "perps")
    assert after.chains["hub"].left_over == 0
    assert (
        after.chains["hub"].balances["beneficiary"] - before.chains["hub"].balances["beneficiary"] == 25 * ERA
    )
    relayer = credit.read(live, RELAYER.address)
    earned = sum(lane.earned for chain in relayer.values() for lane in chain.earnings)
    assert earned == sum(chain.escrow + chain.credit(RELAYER.address) for chain in after.chains.values())
    assert (sum(chain.credit for chain in relayer.values()) > 0) == (claim_multiple == 1.0)


@pytest.mark.parametrize("origin", ["hub", "arcade"])
def test_pays_exactly_the_fee_from_the_balance_in_one_transaction(
    live: Live, deployment: Deployment, origin: str
) -> None:
    """Nothing more of the depositor's lies open to the bridge: on the hub a permit goes along, elsewhere nothing."""
    if origin != "hub":
        deployment.bring(DEPOSITOR.address, 10 * ERA, [origin])
    start, destination = live.connection(origin), "arcade" if origin == "hub" else "hub"
    cost = first_fee(live, origin, destination)
    transfer = prepare(live, origin, destination, ERA)
    assert (transfer.fee, transfer.forward_fee, transfer.options.from_balance) == (cost, 0, True)
    before, nonce = balance(start, live.registry, DEPOSITOR.address), count(live, origin)
    transfers.send(live, DEPOSITOR, transfer, DEPOSITOR.account)
    assert count(live, origin) == nonce + 1
    state = credit.read(live, DEPOSITOR.address)[origin]
    assert (state.held, state.credit, state.bridge_allowance) == (before - ERA - cost, 0, 0)
    assert (
        start.view(live.registry.address("ERA"), tokens.ALLOWANCE, DEPOSITOR.address, deployment.bridge) == 0
    )


def test_without_a_key_for_permits_it_approves_first(live: Live) -> None:
    nonce = count(live, "hub")
    sent, _ = transfers.send(live, DEPOSITOR, prepare(live, "hub", "arcade", ERA))
    assert count(live, "hub") == nonce + 2
    assert journeys.carried(sent.message).amount == ERA


def count(live: Live, name: str) -> int:
    return int(live.connection(name).rpc("eth_getTransactionCount", DEPOSITOR.address, "latest"), 16)


def test_uses_the_credit_that_the_bridge_may_spend(live: Live) -> None:
    hub, spender = live.connection("hub"), live.registry.address("TokenBridge")
    cost = first_fee(live, "hub", "arcade")
    due = credit.payment(hub, live.registry, DEPOSITOR.address, 5 * cost, spender)
    hub.send_many(DEPOSITOR, credit.preparation(live.registry, due, spender))
    for _ in range(2):
        transfer = prepare(live, "hub", "arcade", ERA)
        assert not transfer.options.from_balance
        transfers.send(live, DEPOSITOR, transfer, DEPOSITOR.account)
    state = credit.read(live, DEPOSITOR.address)["hub"]
    assert (state.credit, state.bridge_allowance) == (3 * cost, 3 * cost)
    assert prepare(live, "hub", "arcade", ERA, fee_from="balance").options.from_balance


def test_credit_that_the_bridge_may_not_spend_yet_is_allowed_for_it(live: Live) -> None:
    cost = first_fee(live, "hub", "arcade")
    credit.deposit(live.connection("hub"), live.registry, DEPOSITOR, DEPOSITOR.address, cost)
    assert prepare(live, "hub", "arcade", ERA).options.from_balance
    transfer = prepare(live, "hub", "arcade", ERA, fee_from="credit")
    transfers.send(live, DEPOSITOR, transfer, DEPOSITOR.account)
    state = credit.read(live, DEPOSITOR.address)["hub"]
    assert (state.credit, state.bridge_allowance) == (0, 0)


def test_shows_both_hops_and_what_they_cost(live: Live, deployment: Deployment) -> None:
    """P23: what is quoted is what is taken."""
    deployment.bring(DEPOSITOR.address, 2 * ERA, ["arcade"])
    transfer = prepare(live, "arcade", "social", ERA)
    first, second = first_fee(live, "arcade", "hub", FORWARD_GAS), second_fee(live, "hub", "social")
    assert (transfer.fee, transfer.forward_fee, transfer.to_pay) == (first, second, 0)
    presets = [live.network.chains[name].preset for name in ("arcade", "hub", "social")]
    seconds = sum(
        one.finality_depth * one.block_time + other.block_time for one, other in itertools.pairwise(presets)
    )
    assert transfer.seconds == seconds
    assert list(transfer_lines(transfer, "hub")) == [
        f"token     ERA (ERA), at home on hub: {deployment.era}",
        f"way       arcade over hub to social, about {seconds:.0f} s",
        f"fee       {era(first)} ERA from the balance on arcade; {era(second)} for the second hop, from the balance "
        "there",
        f"to        {DEPOSITOR.address}",
        "free      arcade to hub: no limit",
        "free      hub from arcade: no limit",
        "free      hub to social: no limit",
        "free      social from hub: no limit",
    ]
    before = balance(live.connection("arcade"), live.registry, DEPOSITOR.address)
    transfers.send(live, DEPOSITOR, transfer.bounded(), DEPOSITOR.account)
    after = balance(live.connection("arcade"), live.registry, DEPOSITOR.address)
    assert before - after == ERA + first + second == ERA + transfer.taken


def test_a_failed_hop_says_why_and_how_to_retry(
    live: Live, carriers: Carriers, connections: dict[str, Connection], tmp_path: Path
) -> None:
    sent, restore = failing_transfer(live, carriers, connections, tmp_path)
    restore()
    messages.retry(connections["arcade"], RELAYER, live.mesh.gateway, sent.message)
    assert balance(connections["arcade"], live.registry, DEPOSITOR.address) == ERA
    with Carriers(live, tmp_path / "again") as again:
        again.rest()
    books_of(live)


def test_a_hop_that_nobody_retries_comes_back(
    live: Live, carriers: Carriers, connections: dict[str, Connection], tmp_path: Path
) -> None:
    """P1, P4, P5, M11: returned once its 14 days are over, to the sender, with the books even."""
    depositor = DEPOSITOR.address
    before = balance(connections["hub"], live.registry, depositor)
    sent, restore = failing_transfer(live, carriers, connections, tmp_path)
    cost = first_fee(live, "hub", "arcade")
    assert balance(connections["hub"], live.registry, depositor) == before - ERA - cost
    restore()
    connections["arcade"].rpc("evm_increaseTime", 31 * DAY)
    connections["arcade"].rpc("evm_mine")
    with Carriers(live, tmp_path / "again") as again:
        again.rest()
    trace = tracking.trace(live.mesh, DirectoryExchange.of(live, tmp_path / "exchange"), sent.id)
    assert trace.state is State.RETURNED
    assert balance(connections["hub"], live.registry, depositor) == before - cost
    assert balance(connections["arcade"], live.registry, depositor) == 0
    assert sum(books_of(live).returned.values()) == 1


def failing_transfer(
    live: Live, carriers: Carriers, connections: dict[str, Connection], folder: Path
) -> tuple[Sent, Callable[[], object]]:
    """1 ERA to arcade, where the token is out of order, and what mends it."""
    token = live.registry.address("ERA")
    code = connections["arcade"].rpc("eth_getCode", token, "latest")
    connections["arcade"].rpc("anvil_setCode", token, "0x5f5ffd")
    events: list[Event] = []
    with (
        carriers,
        pytest.raises(NotDelivered, match=r"failed on arcade in transaction 0x\w+: .*--retry") as failure,
    ):
        move(live, follower(live, folder, events), "hub", "arcade", ERA, DEPOSITOR.address)
    assert events[-1].what == "failed"
    assert failure.value.receipt["status"] == 1
    message_id = messages.parse_id(str(failure.value).split()[1])
    _, sent = tracking.find(live.mesh, message_id)
    return sent, lambda: connections["arcade"].rpc("anvil_setCode", token, code)


def test_says_what_it_waits_for(live: Live, tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(StillWaiting, match="waiting for 2 blocks on hub to make it final"):
        move(live, follower(live, tmp_path, events, 0.3), "hub", "arcade", ERA, DEPOSITOR.address)
    for _ in range(3):
        live.connection("hub").rpc("evm_mine")
    message_id = messages.parse_id(last_id(live))
    _, sent = tracking.find(live.mesh, message_id)
    with pytest.raises(StillWaiting, match="waiting for validators and a relayer"):
        follower(live, tmp_path, events, 0.3).follow(sent, "received")


def test_what_is_passed_by_for_a_moment_is_followed_on(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that has no logs yet of what it shows: believed when it says so twice, and then in words."""
    states = [State.FINAL, State.ABANDONED, State.SIGNED, State.ABANDONED, State.ABANDONED]

    def look(_mesh: object, _exchange: object, _origin: object, sent: Sent) -> tracking.Trace:
        return tracking.Trace(
            sent, "hub", "arcade", states.pop(0), reason="its lane was restarted", advice="wait"
        )

    monkeypatch.setattr("metalayer.tracking.follower.look", look)
    events: list[Event] = []
    with pytest.raises(
        MetalayerError, match=r"abandoned, and was never executed; its lane was restarted; wait$"
    ):
        move(live, follower(live, tmp_path, events), "hub", "arcade", ERA, DEPOSITOR.address)
    assert not states
    assert [event.what for event in events] == ["sent", "final", "signed", "abandoned"]


def last_id(live: Live) -> str:
    hub = live.connection("hub")
    return to_hex(hub.logs(live.mesh.gateway, [MESSAGE_SENT.topic], 0, hub.height())[-1].topics[1])


@pytest.fixture
def command() -> click.Command:
    return importlib.import_module("metalayer.cli.transfer").cli


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["ERA", "1", "--from", "hub", "--to", "hub"], "hub is both ends: expected two chains"),
        (
            ["ERA", "1", "--from", "social", "--to", "hub", "--account", PAUPER.alias],
            "has 0 ERA on social, not 1.0",
        ),
        (["ERA", "1", "--from", "social", "--to", "hub", "--account", PAUPER.alias], " (1 and 0.0"),
        (["ERA", "1000000000", "--from", "hub", "--to", "arcade"], "not 1,000,000,000"),
        (
            ["ERA", "1", "--from", "hub", "--to", "arcade", "--max-fee", "0.0000001"],
            "ERA: expected no more than 0.0000001",
        ),
        (["ERA", "1", "--from", "hub", "--to", "arcade", "--account", "nobody"], "no account 'nobody'"),
        (
            ["ERA", "1", "--from", "hub", "--to", "arcade", "--recipient", "0x" + "0" * 40],
            "is the zero address",
        ),
        (["ERA", "1." + "1" * 19, "--from", "hub", "--to", "arcade"], "has 19 decimals: ERA has 18"),
        (
            ["ERA", "1", "--from", "hub", "--to", "arcade", "--tip", "1", "--call", "0x01"],
            "cannot have a tip",
        ),
        (
            ["ERB", "1", "--from", "hub", "--to", "arcade"],
            "no known token 'ERB' on hub: expected ETH, an address",
        ),
        (["0x" + "11" * 20, "1", "--from", "hub", "--to", "arcade"], "there is no token 0x1111"),
    ],
)
def test_refusals_are_one_line(
    deployment: Deployment, command: click.Command, arguments: list[str], line: str
) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert line in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["ERA", "0", "--from", "hub", "--to", "arcade"], "the amount is zero"),
        (["ERA", "-1", "--from", "hub", "--to", "arcade"], "'-1' is not an amount"),
        (["ERA", "1,5", "--from", "hub", "--to", "arcade"], "'1,5' is not an amount"),
        (["ERA", "1", "--from", "hub", "--to", "mars"], "no chain 'mars' in network 'local'"),
        (
            ["ERA", "1", "--from", "hub", "--to", "arcade", "--timeout", "nan"],
            "'--timeout': expected a number from 0 to",
        ),
        (["ERA", "1", "--from", "hub", "--to", "arcade", "--recipient", "0x" + "aB" * 20], "the checksum of"),
        (
            ["ERA", "1", "--from", "hub", "--to", "arcade", "--tip", "100.1"],
            "expected a percentage up to 100",
        ),
        (
            ["ERA", "1", "--from", "hub", "--to", "arcade", "--deadline", "1h"],
            "expected a duration from 2 hours",
        ),
        (["ERA", "1", "--from", "hub", "--to", "arcade", "--call", "0x1"], "'0x1' is not hexadecimal"),
        (["ERA", "1", "--from", "hub", "--to", "arcade", "--call", "nothing.hex"], "a file that holds them"),
        (["1", "--from", "hub", "--to", "arcade"], "Missing argument 'AMOUNT'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(
    command: click.Command, arguments: list[str], line: str
) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert line in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("contract", ["Metalayer", "TokenBridge", "ERA"])
def test_refuses_recipients_that_would_lose_it(live: Live, contract: str) -> None:
    """M6."""
    with pytest.raises(MetalayerError, match=f"is the {contract}: ERA sent there would be lost"):
        prepare(live, "hub", "arcade", ERA, live.registry.address(contract))


def test_a_credit_that_does_not_suffice_is_named(live: Live, command: click.Command) -> None:
    arguments = ["ERA", "1", "--from", "hub", "--to", "social", "--account", DEPOSITOR.alias]
    arguments += ["--fee-from", "credit", "--no-wait"]
    refused = CliRunner().invoke(command, arguments)
    address, cost = DEPOSITOR.address, era(first_fee(live, "hub", "social"))
    advised = f"credit deposit hub {cost} --account {address}"
    assert refused.output == (
        f"Error: {address} has 0 ERA of credit on hub, the fee is {cost}: `ape metalayer {advised}`, or "
        "`--fee-from balance`\n"
    )
    deposit = importlib.import_module("metalayer.cli.credit").cli
    assert CliRunner().invoke(deposit, advised.split()[1:]).exit_code == 0
    assert CliRunner().invoke(command, arguments).exit_code == 0


def test_elsewhere_it_asks_first_and_shows_the_amounts(
    live: Live, command: click.Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    social = live.network.chains["social"]
    remote = replace(social, base_port=None, remote_url=social.url)
    network = replace(live.network, chains={**live.network.chains, "social": remote})
    monkeypatch.setattr(Live, "open", lambda: replace(live, network=network))
    before = last_block(live)
    arguments = ["ERA", "1", "--from", "hub", "--to", "arcade", "--account", DEPOSITOR.alias, "--no-wait"]
    asked = CliRunner().invoke(command, arguments, input="n\n")
    assert asked.exit_code == 1
    cost = era(first_fee(live, "hub", "arcade"))
    assert f"fee       {cost} ERA from the balance on hub\n" in asked.output
    assert f"Send 1 ERA from hub to arcade with {DEPOSITOR.alias}? [y/N]: n" in asked.output
    assert last_block(live) == before, "nothing was sent"
    assert CliRunner().invoke(command, [*arguments, "--yes"]).exit_code == 0


def last_block(live: Live) -> int:
    return live.connection("hub").height()


def test_a_transfer_that_nobody_waits_for(
    profile: Profile, deployment: Deployment, live: Live, tmp_path: Path
) -> None:
    """It prints the id, and arrives when a relayer has its next pass."""
    run, shared = profile.run, ("--exchange", str(tmp_path / "exchange"))
    arguments = ("ERA", "1.5", "--from", "hub", "--to", "perps", "--account", profile.account(DEPOSITOR))
    sent = run(transfer, *arguments, "--no-wait", "--json")
    assert sent.exit_code == 0, sent.stderr
    data = json.loads(sent.stdout)
    assert data["ids"] == [last_id(live)]
    assert data["amount"] == str(15 * 10**17)
    deployment.finalize()
    with deployment.signing(DirectoryExchange.of(live, tmp_path / "exchange"), tmp_path):
        relayed = run(relay, "once", "--account", profile.account(RELAYER), *shared)
    assert relayed.exit_code == 0, relayed.output
    found = json.loads(run(message, *data["ids"], "--json", *shared).stdout)
    assert found["state"] == "delivered"
    assert balance(live.connection("perps"), live.registry, DEPOSITOR.address) == 15 * 10**17


def test_a_command_that_was_interrupted_is_not_done_twice(
    profile: Profile, deployment: Deployment, live: Live
) -> None:
    """What an account sent and is not mined may be the very thing: one line, until it is mined or cancelled."""
    hub = deployment.connections["hub"]
    hub.rpc("evm_setAutomine", False)
    hub.broadcast(hub.sign_many(DEPOSITOR, [Transaction(DEPOSITOR.address, b"", 21_000)]))
    by_depositor = ("--account", profile.account(DEPOSITOR))
    arguments = ("ERA", "1", "--from", "hub", "--to", "arcade", "--no-wait", *by_depositor)
    refused = profile.run(transfer, *arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(
        f"Error: hub: a transaction of {DEPOSITOR.address} is still pending, from nonce "
    )
    assert refused.stderr.count("\n") == 1
    shown = profile.run(pending, *by_depositor, "--json")
    assert shown.exit_code == 1
    left = json.loads(shown.stdout)["pending"]
    assert {name: len(nonces) for name, nonces in left.items()} == {
        "hub": 1,
        "arcade": 0,
        "perps": 0,
        "social": 0,
    }
    mining = threading.Timer(1.0, hub.rpc, ("evm_setAutomine", True))
    mining.start()
    assert profile.run(pending, *by_depositor, "--cancel").exit_code == 0
    mining.join()
    block = hub.rpc("eth_getBlockByNumber", "latest", True)
    assert [(one["from"], one["value"], one["input"]) for one in block["transactions"]] == [
        (DEPOSITOR.address.lower(), "0x0", "0x")
    ]
    assert profile.run(transfer, *arguments).exit_code == 0


def test_a_restarted_chain_is_noticed(
    deployment: Deployment, command: click.Command, connections: dict[str, Connection]
) -> None:
    connections["perps"].rpc("anvil_setCode", deployment.gateway, "0x")
    result = CliRunner().invoke(command, ["ERA", "1", "--from", "hub", "--to", "arcade"])
    assert result.exit_code == 1
    assert "perps has no code at Metalayer" in result.output
    assert "run `ape metalayer deploy apply`" in result.output
