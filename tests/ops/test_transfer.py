"""`ape run transfer`: ERA through every hop, carried by real validators and a real relayer."""

from __future__ import annotations

import importlib
import json
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from metalayer import bridge, tracking
from metalayer.accounts import load_sender, local_key
from metalayer.books import read_books
from metalayer.chain import Connection
from metalayer.errors import MetalayerError
from metalayer.gateway import topic
from metalayer.journey import Event, Follower, NotDelivered, StillWaiting
from metalayer.live import Live
from metalayer.relayer import Relayer
from metalayer.validator import Validator
from tests.deployed import Deployment

ERA = 10**18
DEPOSITOR = "TEST::3"
BENEFICIARY = "TEST::4"


@pytest.fixture
def live(deployment: Deployment) -> Live:
    return Live.open()


class Carriers:
    """Four validators and a relayer, one pass after the other, while blocks go by."""

    def __init__(self, live: Live, folder: Path) -> None:
        exchange = live.exchange(folder / "exchange")
        senders = dict.fromkeys(live.connections, load_sender("TEST::2"))
        self._live = live
        self._relayer = Relayer(live.connections, live.network_id, live.gateway, exchange, senders)
        self._validators = [
            Validator.open(
                local_key(index),
                live.connections,
                live.network_id,
                live.gateway,
                exchange,
                folder / f"{index}.sqlite",
            )
            for index in range(5, 9)
        ]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._relay), threading.Thread(target=self._sign)]

    def _relay(self) -> None:
        while not self._stop.is_set():
            for connection in self._live.connections.values():
                connection.rpc("evm_mine")
            self._relayer.relay_once(lambda line: None)

    def _sign(self) -> None:
        while not self._stop.wait(0.02):
            for validator in self._validators:
                validator.pass_once()

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

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
    return Follower(live, live.exchange(folder / "exchange"), events.append, lambda text: None, timeout)


def move(
    live: Live, follower: Follower, origin: str, destination: str, amount: int, to: str
) -> bridge.Outcome:
    end = live.network.chain(destination).chain_id
    sender = load_sender(DEPOSITOR)
    sent, receipt = bridge.send(live.connection(origin), live.registry, sender, end, to, amount)
    return bridge.follow(follower, live.registry, sent, receipt, end)


def test_hub_to_spoke_to_spoke_to_hub(live: Live, carriers: Carriers, tmp_path: Path) -> None:
    """P4: locked on the hub = what is outstanding; outstanding for a chain = its supply."""
    depositor, beneficiary = load_sender(DEPOSITOR), load_sender(BENEFICIARY)
    events: list[Event] = []
    with carriers:
        out = move(live, follower(live, tmp_path, events), "hub", "arcade", 100 * ERA, depositor.address)
        over = move(live, follower(live, tmp_path, events), "arcade", "perps", 60 * ERA, depositor.address)
        back = move(live, follower(live, tmp_path, events), "perps", "hub", 25 * ERA, beneficiary.address)
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

    books = read_books(live, {"depositor": depositor.address, "beneficiary": beneficiary.address})
    assert [sentence for sentence, holds in books.checks() if not holds] == []
    assert books.chains["hub"].locked == 75 * ERA
    assert [books.chains[name].supply // ERA for name in ("arcade", "perps", "social")] == [40, 35, 0]
    assert books.chains["hub"].balances["beneficiary"] == 25 * ERA


def test_a_failed_hop_says_why_and_how_to_retry(
    live: Live, carriers: Carriers, connections: dict[str, Connection], tmp_path: Path
) -> None:
    depositor = load_sender(DEPOSITOR)
    token = live.registry.address("ERA")
    code = connections["arcade"].rpc("eth_getCode", token, "latest")
    connections["arcade"].rpc("anvil_setCode", token, "0x5f5ffd")
    events: list[Event] = []
    with (
        carriers,
        pytest.raises(NotDelivered, match=r"failed on arcade in transaction 0x\w+: .*--retry") as failure,
    ):
        move(live, follower(live, tmp_path, events), "hub", "arcade", ERA, depositor.address)
    assert events[-1].what == "failed"
    assert failure.value.receipt["status"] == 1

    connections["arcade"].rpc("anvil_setCode", token, code)
    message_id = tracking.parse_id(str(failure.value).split()[1])
    _, sent = tracking.find(live.connections, live.network_id, live.gateway, message_id)
    tracking.retry(connections["arcade"], load_sender("TEST::2"), live.gateway, sent.message)
    assert bridge.balance(connections["arcade"], live.registry, depositor.address) == ERA


def test_says_what_it_waits_for(live: Live, tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(StillWaiting, match="waiting for 2 blocks on hub to make it final"):
        move(
            live, follower(live, tmp_path, events, 0.3), "hub", "arcade", ERA, load_sender(DEPOSITOR).address
        )
    for _ in range(3):
        live.connection("hub").rpc("evm_mine")
    message_id = tracking.parse_id(last_id(live))
    _, sent = tracking.find(live.connections, live.network_id, live.gateway, message_id)
    with pytest.raises(StillWaiting, match="waiting for validators and a relayer"):
        follower(live, tmp_path, events, 0.3).follow(sent, "received")


def last_id(live: Live) -> str:
    hub = live.connection("hub")
    return str(hub.logs(live.gateway, [topic("MessageSent")], 0, hub.height())[-1]["topics"][1])


@pytest.fixture
def command() -> click.Command:
    return importlib.import_module("scripts.transfer").cli


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["0", "--from", "hub", "--to", "arcade"], "the amount is zero"),
        (["-1", "--from", "hub", "--to", "arcade"], "'-1' is not an amount of ERA"),
        (["1." + "1" * 19, "--from", "hub", "--to", "arcade"], "has 19 decimals: ERA has 18"),
        (["1", "--from", "hub", "--to", "hub"], "hub is both ends: expected two chains"),
        (["1", "--from", "hub", "--to", "mars"], "no chain 'mars' in network 'local'"),
        (["1", "--from", "social", "--to", "hub"], "has 0 ERA on social, not 1"),
        (["2000000000", "--from", "hub", "--to", "arcade"], "not 2,000,000,000"),
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


@pytest.mark.parametrize("contract", ["Metalayer", "TokenBridge", "ERA"])
def test_refuses_recipients_that_would_lose_it(live: Live, contract: str) -> None:
    """M6."""
    with pytest.raises(MetalayerError, match=f"is the {contract}: ERA sent there would be lost"):
        bridge.send(
            live.connection("hub"),
            live.registry,
            load_sender(DEPOSITOR),
            live.network.chain("arcade").chain_id,
            live.registry.address(contract),
            ERA,
        )


def test_no_wait_prints_the_id(deployment: Deployment, command: click.Command, live: Live) -> None:
    result = CliRunner().invoke(command, ["1.5", "--from", "hub", "--to", "social", "--no-wait", "--json"])
    assert result.exit_code == 0, result.output
    data = json.loads(result.output)
    assert data["ids"] == [last_id(live)]
    assert data["amount"] == str(15 * 10**17)


def test_a_restarted_chain_is_noticed(
    deployment: Deployment, command: click.Command, connections: dict[str, Connection]
) -> None:
    connections["perps"].rpc("anvil_setCode", deployment.gateway, "0x")
    result = CliRunner().invoke(command, ["1", "--from", "hub", "--to", "arcade"])
    assert result.exit_code == 1
    assert "perps has no code at Metalayer" in result.output
    assert "run `ape run deploy apply`" in result.output
