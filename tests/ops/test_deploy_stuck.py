"""Transactions of a deployment that are not mined: shown, priced again, abandoned."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metalayer.cli import deploy
from metalayer.cli.command import DIFFERS
from metalayer.cli.deployment import journal_lines
from metalayer.deploy.apply import Deployer
from metalayer.deploy.journal import Journal, journal_rows
from metalayer.deploy.stuck import Stuck, find_stuck
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.locks import exclusive
from metalayer.network.pool import Patience
from metalayer.network.registry import journal_path, registry_path
from tests.kit.profiles import Profile
from tests.kit.roles import SECOND_DEPLOYER

pytestmark = pytest.mark.usefixtures("deployment")
DEAR = 2 * 10**9
"""Wei for each gas: hundreds of times what arcade's transactions offer."""


class Crash(BaseException):
    """The process dies here."""


class Dies(Connection):
    """It sends, and dies before anything is mined."""

    def settle(self, *_: Any) -> Any:
        raise Crash


def quietly(chain: str, what: str, left: int) -> None:
    pass


@contextmanager
def unmined(deployer: Deployer) -> Iterator[Connection]:
    """What `deployer` sent to arcade before it died is in that chain's pool, which mines nothing."""
    arcade = deployer.connections["arcade"]
    arcade.rpc("evm_setAutomine", False)
    dying = {**deployer.connections, "arcade": Dies(arcade.chain)}
    with pytest.raises(Crash):
        replace(deployer, connections=dying).apply(quietly)
    try:
        yield arcade
    finally:
        arcade.rpc("evm_setAutomine", True)
        # A revert leaves it as it was set.
        arcade.rpc("anvil_setNextBlockBaseFeePerGas", hex(arcade.chain.preset.base_fee))


@contextmanager
def mining(connection: Connection, base_fee: int) -> Iterator[None]:
    stop = threading.Event()

    def mine() -> None:
        while not stop.wait(0.1):
            connection.rpc("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
            connection.rpc("anvil_mine", "0x1")

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        yield
    finally:
        stop.set()
        miner.join()


def journal(deployer: Deployer) -> Journal:
    return Journal(deployer.folder / "journal.jsonl")


def stuck(deployer: Deployer) -> list[Stuck]:
    return find_stuck(journal(deployer), deployer.connections)


def nonce(connection: Connection) -> int:
    return int(connection.rpc("eth_getTransactionCount", SECOND_DEPLOYER.address, "latest"), 16)


def test_what_is_not_mined_is_shown_with_its_age_nonce_and_fee(deployer: Deployer) -> None:
    assert stuck(deployer) == []
    with unmined(deployer) as arcade:
        first = nonce(arcade)
        found = stuck(deployer)
        assert [one.nonce for one in found] == list(range(first, first + len(found)))
        assert {(one.chain, one.sender) for one in found} == {("arcade", SECOND_DEPLOYER.address)}
        assert all(one.age is not None and one.age < 300 for one in found)
        pending = arcade.rpc("eth_getTransactionByHash", found[0].hash)
        assert found[0].offered == int(pending["maxFeePerGas"], 16)
        assert found[0].state.startswith("it is not mined: `ape metalayer deploy apply` waits for it")

        arcade.rpc("anvil_setNextBlockBaseFeePerGas", hex(DEAR))
        arcade.rpc("anvil_mine", "0x1")
        (line, *_) = map(str, stuck(deployer))
        assert line.startswith(
            f"arcade: {found[0].step} is in flight: nonce {first} of {SECOND_DEPLOYER.address}, signed "
        )
        assert line.endswith("; the base fee is 2 gwei: `ape metalayer deploy apply` offers more")
        (summary,) = (
            one for one in journal_lines(journal_rows(journal(deployer)), []) if one.startswith("arcade")
        )
        assert summary == f"arcade: {len(found)} in flight; 0 ether paid"

        dead = replace(
            deployer.network.chains["arcade"], base_port=None, remote_url="http://127.0.0.1:9", spares=()
        )
        (unknown, *_) = find_stuck(journal(deployer), {"arcade": Connection(dead)})
        assert unknown.state.startswith("what became of it is not known: arcade is unreachable")
    deployer.apply(quietly)
    assert stuck(deployer) == []


def test_what_is_abandoned_is_done_by_the_next_run(deployer: Deployer) -> None:
    """Nothing else of it is ever mined: its nonces are used by what does nothing."""
    with unmined(deployer) as arcade:
        first, flying = nonce(arcade), stuck(deployer)
        arcade.patience = Patience(0.3, 60.0)
        with mining(arcade, DEAR):
            given_up = deployer.abandon()
        assert [one.hash for one in given_up] == [one.hash for one in flying]
        assert nonce(arcade) == first + len(flying)
        for one in flying:
            assert arcade.rpc("eth_getTransactionReceipt", one.hash) is None
        states = [row["state"] for row in journal_rows(journal(deployer)) if row["chain"] == "arcade"]
        assert states == ["replaced"] * len(flying)
        assert deployer.abandon() == []
    registry = deployer.apply(quietly)
    assert set(registry.chains) == set(deployer.connections)
    assert deployer.plan().is_settled


def test_what_was_mined_meanwhile_is_not_abandoned(deployer: Deployer) -> None:
    with unmined(deployer) as arcade:
        arcade.rpc("anvil_mine", "0x1")
        (line, *_) = stuck(deployer)
        assert line.state == "it is mined: `ape metalayer deploy apply` goes on"
        assert deployer.abandon(["arcade"]) == []
        states = {row["state"] for row in journal_rows(journal(deployer)) if row["chain"] == "arcade"}
        assert states == {"done"}
    assert line.hash in {
        entry.tx_hash for entry in deployer.apply(quietly).chains["arcade"].contracts.values()
    }


def test_a_nonce_that_was_taken_elsewhere_is_said_and_done_again(deployer: Deployer) -> None:
    with unmined(deployer) as arcade:
        flying = stuck(deployer)
        arcade.rpc("anvil_dropAllTransactions")
        arcade.rpc("evm_setAutomine", True)
        arcade.send(SECOND_DEPLOYER, SECOND_DEPLOYER.address, b"")
        taken, *others = stuck(deployer)
        assert taken.state == "another transaction took its nonce: `ape metalayer deploy apply` sends another"
        assert all(one.state.startswith("it is not mined") for one in others)
        arcade.rpc("evm_setAutomine", False)
    registry = deployer.apply(quietly)
    assert set(registry.chains) == set(deployer.connections)
    rows = [row for row in journal_rows(journal(deployer)) if row["hash"] == flying[0].hash]
    assert [row["state"] for row in rows] == ["replaced"]


def test_nobody_abandons_while_another_one_deploys(deployer: Deployer) -> None:
    with (
        exclusive(deployer.folder / "deploy.lock"),
        pytest.raises(MetalayerError, match="already running: pid"),
    ):
        deployer.abandon()


def test_status_and_abandon_by_command(profile: Profile) -> None:
    profile.declare(deployer=profile.account(SECOND_DEPLOYER))
    registry_path(load_network()).unlink()
    assert profile.run(deploy, "status").stdout.startswith("no deployment has begun (there is no ")
    planned = profile.run(deploy, "plan", "--chain", "hub", "--unsigned", "files")
    assert planned.exit_code == DIFFERS
    written = sorted(path.name for path in Path("files").iterdir())
    assert [name for name in written if name.startswith("hub-01-")] == [
        f"hub-01-{SECOND_DEPLOYER.address}.{kind}.json" for kind in ("safe", "transactions")
    ]
    assert all(name.startswith("hub-") and f"wrote files/{name}\n" in planned.stdout for name in written)
    apart = profile.run(deploy, "apply", "--chain", "arcade", "--chain", "perps")
    assert (apart.exit_code, apart.stdout) == (1, "")
    assert apart.stderr == "Error: hub: a validator set has to be published first: `--chain hub`, too\n"
    assert profile.run(deploy, "plan", "--chain", "arcad").exit_code == 2
    assert profile.run(deploy, "apply").exit_code == (0 if profile.name == "local" else 1)
    said = profile.run(deploy, "status")
    assert said.exit_code == 0
    lines = {line.partition(":")[0]: line for line in said.stdout.splitlines()}
    rows = journal_rows(Journal(journal_path(load_network())))
    done = [row for row in rows if row["chain"] == "hub"]
    paid = sum(row["paid"] for row in done)
    assert paid > 0
    assert lines["hub"].startswith(f"hub: {len(done)} done; ")
    assert float(lines["hub"].split()[3]) == pytest.approx(paid / 10**18, abs=2e-6)
    assert profile.run(deploy, "status", "--all").stdout.count(" done ") >= len(rows)
    assert profile.run(deploy, "abandon").stdout == "nothing was in flight\n"
