"""`ape metalayer transfer`: ERA through every hop, carried by real validators and a real relayer."""

from __future__ import annotations

import importlib
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from metalayer.assets import bridge, credit
from metalayer.assets.books import Books, read_books
from metalayer.assets.tokens import balance
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import message, pending, relay, transfer
from metalayer.cli.words import transfer_cost
from metalayer.deploy.intent import route_between
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.transactions import Transaction
from metalayer.protocol.amounts import era
from metalayer.protocol.gateway import MESSAGE_SENT
from metalayer.protocol.hex import to_hex
from metalayer.relayer.passes import Relayer
from metalayer.relayer.results import PassResult
from metalayer.tracking import messages
from metalayer.tracking import trace as tracking
from metalayer.tracking.follower import Event, Follower, NotDelivered, StillWaiting
from metalayer.tracking.trace import State
from metalayer.validator.process import Validator
from tests.kit.deployment import ERA, Deployment
from tests.kit.paper import DAY
from tests.kit.profiles import Profile
from tests.kit.roles import BENEFICIARY, DEPOSITOR, PAUPER, RELAYER, VALIDATORS

RETURN_GAS_LIMIT = 300_000
"""Of every hop of the bridge."""


@pytest.fixture
def live(deployment: Deployment) -> Live:
    """The depositor has 1,000 ERA on the hub, and no credit."""
    deployment.bring(DEPOSITOR.address, 1_000 * ERA, ["hub"])
    return Live.open()


class Carriers:
    """Four validators and a relayer, one pass after the other, while blocks go by."""

    def __init__(self, live: Live, folder: Path, claim_multiple: float = math.inf) -> None:
        exchange = DirectoryExchange.of(live, folder / "exchange")
        senders = dict.fromkeys(live.mesh.connections, RELAYER)
        self._live = live
        self._relayer = Relayer(
            live.mesh,
            exchange,
            senders,
            claim_multiple=claim_multiple,
        )
        self._validators = [
            Validator.open(
                validator.account,
                live.mesh,
                exchange,
                folder / f"{validator.index}.sqlite",
                begin=True,
            )
            for validator in VALIDATORS[:4]
        ]
        self._stop = threading.Event()
        self._passes: list[PassResult] = []
        self._threads = [threading.Thread(target=self._relay), threading.Thread(target=self._sign)]

    def _relay(self) -> None:
        while not self._stop.is_set():
            for connection in self._live.mesh.connections.values():
                connection.rpc("evm_mine")
            self._passes.append(self._relayer.relay_once(lambda line: None))

    def _sign(self) -> None:
        while not self._stop.wait(0.02):
            for validator in self._validators:
                validator.pass_once()

    def rest(self) -> None:
        """Waits until a pass that began after this call had nothing to do."""
        seen = len(self._passes) + 1
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any(
                not (one.pending or one.not_final or any(s.transactions for s in one.settled))
                for one in self._passes[seen:]
            ):
                return
            time.sleep(0.05)
        raise AssertionError(f"still at work: {self._passes[-1]}")

    def __enter__(self) -> Carriers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for validator in self._validators:
            validator.record.close()


@pytest.fixture
def carriers(live: Live, tmp_path: Path) -> Carriers:
    return Carriers(live, tmp_path)


def follower(live: Live, folder: Path, events: list[Event], timeout: float = 30.0) -> Follower:
    return Follower(
        live, DirectoryExchange.of(live, folder / "exchange"), events.append, lambda text: None, timeout
    )


def prepare(live: Live, origin: str, destination: str, amount: int, to: str | None = None) -> bridge.Transfer:
    sender, end = DEPOSITOR.address, live.network.chain(destination)
    return bridge.prepare(live, live.connection(origin), end, sender, to or sender, amount)


def move(
    live: Live, follower: Follower, origin: str, destination: str, amount: int, to: str
) -> bridge.Outcome:
    transfer = prepare(live, origin, destination, amount, to)
    sent, receipt = bridge.send(live, DEPOSITOR, transfer)
    return bridge.follow(follower, live.registry, sent, receipt, transfer.destination.chain_id)


def fee(live: Live, origin: str, destination: str, gas_limit: int) -> int:
    """Fee of a hop by the terms of networks.yaml, in wei."""
    terms = route_between(live.network.chain(origin), live.network.chain(destination)).terms
    return terms.quote(gas_limit, RETURN_GAS_LIMIT, 128)


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

    forward_fee = fee(live, "hub", "perps", 200_000)
    assert over.amounts == [60 * ERA, 60 * ERA - forward_fee]
    after = books_of(live)
    held = {name: chain.balances["depositor"] for name, chain in after.chains.items()}
    assert held == {
        "hub": before.chains["hub"].balances["depositor"] - 100 * ERA - fee(live, "hub", "arcade", 200_000),
        "arcade": 40 * ERA - fee(live, "arcade", "hub", 500_000),
        "perps": 35 * ERA - forward_fee - fee(live, "perps", "hub", 200_000),
        "social": 0,
    }
    moved = before.chains["hub"].locked or 0
    assert after.chains["hub"].locked == moved + 75 * ERA - forward_fee
    assert (
        after.chains["hub"].balances["beneficiary"] - before.chains["hub"].balances["beneficiary"] == 25 * ERA
    )
    relayer = credit.read(live, RELAYER.address)
    earned = sum(lane.earned for chain in relayer.values() for lane in chain.earnings)
    assert earned == sum(chain.escrow + chain.credit(RELAYER.address) for chain in after.chains.values())
    assert (sum(chain.credit for chain in relayer.values()) > 0) == (claim_multiple == 1.0)


def test_pays_exactly_what_is_missing(live: Live) -> None:
    """Credit and allowance are used up: nothing more of the depositor's lies open to the bridge."""
    depositor = DEPOSITOR
    cost = fee(live, "hub", "arcade", 200_000)
    credit.deposit(live.connection("hub"), live.registry, depositor, depositor.address, cost // 3)
    transfer = prepare(live, "hub", "arcade", ERA)
    assert (transfer.payment.fee, transfer.payment.credit) == (cost, cost // 3)
    assert transfer.payment.missing == cost - cost // 3
    before = balance(live.connection("hub"), live.registry, depositor.address)
    bridge.send(live, depositor, transfer)
    state = credit.read(live, depositor.address)["hub"]
    assert (state.credit, state.bridge_allowance) == (0, 0)
    assert before - state.held == ERA + cost - cost // 3


def test_uses_the_credit_and_the_allowance_that_are_there(live: Live) -> None:
    depositor, hub = DEPOSITOR, live.connection("hub")
    cost = fee(live, "hub", "arcade", 200_000)
    spender = live.registry.address("TokenBridge")
    due = credit.payment(hub, live.registry, depositor.address, 5 * cost, spender)
    hub.send_many(depositor, credit.preparation(live.registry, due, spender))
    for _ in range(2):
        transfer = prepare(live, "hub", "arcade", ERA)
        assert transfer.payment.missing == 0
        assert not transfer.payment.needs_allowance
        bridge.send(live, depositor, transfer)
    state = credit.read(live, depositor.address)["hub"]
    assert (state.credit, state.bridge_allowance) == (3 * cost, 3 * cost)


def test_shows_what_arrives(live: Live, deployment: Deployment) -> None:
    depositor = DEPOSITOR
    deployment.bring(depositor.address, 2 * ERA, ["arcade"])
    transfer = prepare(live, "arcade", "social", ERA)
    assert transfer.payment.fee == fee(live, "arcade", "hub", 500_000)
    assert transfer.arrives == ERA - fee(live, "hub", "social", 200_000)
    cost, forward = era(transfer.payment.fee), era(transfer.forward_fee)
    assert transfer_cost(transfer) == (
        f"{cost} ERA from the credit on arcade, {cost} of it deposited now; "
        f"the hub takes {forward} of the amount to send it on, {era(transfer.arrives)} arrive"
    )


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
    """P1, P4, P5, M11: returned once its 30 days are over, to the sender, with the books even."""
    depositor = DEPOSITOR.address
    before = balance(connections["hub"], live.registry, depositor)
    sent, restore = failing_transfer(live, carriers, connections, tmp_path)
    cost = fee(live, "hub", "arcade", 200_000)
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
        (["1", "--from", "hub", "--to", "hub"], "hub is both ends: expected two chains"),
        (
            ["1", "--from", "social", "--to", "hub", "--account", PAUPER.alias],
            "has 0 ERA on social, not 1.0",
        ),
        (["1", "--from", "social", "--to", "hub", "--account", PAUPER.alias], " (1 and 0.0"),
        (["1000000000", "--from", "hub", "--to", "arcade"], "not 1,000,000,000"),
        (
            ["0.003", "--from", "arcade", "--to", "perps"],
            "goes over hub, which takes 0.00873312 ERA of the amount to send it on: expected more than that, not 0.003",
        ),
        (["1", "--from", "hub", "--to", "arcade", "--account", "nobody"], "no account 'nobody'"),
        (["1", "--from", "hub", "--to", "arcade", "--recipient", "0x" + "0" * 40], "is the zero address"),
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
        (["0", "--from", "hub", "--to", "arcade"], "the amount is zero"),
        (["-1", "--from", "hub", "--to", "arcade"], "'-1' is not an amount of ERA"),
        (["1." + "1" * 19, "--from", "hub", "--to", "arcade"], "has 19 decimals: ERA has 18"),
        (["1", "--from", "hub", "--to", "mars"], "no chain 'mars' in network 'local'"),
        (
            ["1", "--from", "hub", "--to", "arcade", "--timeout", "nan"],
            "'--timeout': expected a number from 0 to",
        ),
        (["1", "--from", "hub", "--to", "arcade", "--recipient", "0x" + "aB" * 20], "the checksum of"),
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


def test_without_a_deposit_it_says_what_is_missing(live: Live, command: click.Command) -> None:
    arguments = [
        "1",
        "--from",
        "hub",
        "--to",
        "social",
        "--account",
        DEPOSITOR.alias,
        "--no-deposit",
        "--no-wait",
    ]
    refused = CliRunner().invoke(command, arguments)
    address, cost = DEPOSITOR.address, era(fee(live, "hub", "social", 200_000))
    advised = f"credit deposit hub {cost} --account {address}"
    assert refused.output == (
        f"Error: {address} has 0 ERA of credit on hub, the message needs {cost}: `ape metalayer {advised}`\n"
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
    arguments = ["1", "--from", "hub", "--to", "arcade", "--account", DEPOSITOR.alias, "--no-wait"]
    asked = CliRunner().invoke(command, arguments, input="n\n")
    assert asked.exit_code == 1
    cost = era(fee(live, "hub", "arcade", 200_000))
    assert asked.output.startswith(
        f"Send 1 ERA from hub to arcade with {DEPOSITOR.alias}? {cost} ERA from the credit on hub, "
        f"{cost} of it deposited now [y/N]: n"
    )
    assert last_block(live) == before, "nothing was sent"
    assert CliRunner().invoke(command, [*arguments, "--yes"]).exit_code == 0


def last_block(live: Live) -> int:
    return live.connection("hub").height()


def test_a_transfer_that_nobody_waits_for(
    profile: Profile, deployment: Deployment, live: Live, tmp_path: Path
) -> None:
    """It prints the id, and arrives when a relayer has its next pass."""
    run, shared = profile.run, ("--exchange", str(tmp_path / "exchange"))
    arguments = ("1.5", "--from", "hub", "--to", "perps", "--account", profile.account(DEPOSITOR))
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
    arguments = ("1", "--from", "hub", "--to", "arcade", "--no-wait", *by_depositor)
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
    result = CliRunner().invoke(command, ["1", "--from", "hub", "--to", "arcade"])
    assert result.exit_code == 1
    assert "perps has no code at Metalayer" in result.output
    assert "run `ape metalayer deploy apply`" in result.output
