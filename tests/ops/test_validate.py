"""`ape metalayer validate` on a network whose chains run elsewhere, as its operators run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from metalayer.cli import validate
from metalayer.network import signers
from metalayer.network.config import load_network
from metalayer.network.registry import Registry, registry_path
from metalayer.validator.record import Record
from tests.kit.deployment import Deployment
from tests.kit.faults import Broken, Lies
from tests.kit.node import Node
from tests.kit.roles import VALIDATORS


@pytest.fixture
def elsewhere(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the networks.yaml of a network with the same chains, which no command takes for local ones."""
    original = yaml.safe_load(Path("networks.yaml").read_text())
    chains = load_network().chains
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signers, "load_signer", lambda name: VALIDATORS[0].account)

    def write(**entries: dict[str, Any]) -> None:
        for name, chain in original["chains"].items():
            del chain["port"]
            chain["url"] = chains[name].url
            original["chains"][name] = chain | entries.get(name, {})
        Path("networks.yaml").write_text(yaml.safe_dump(original))
        deployment.registry.save(registry_path(load_network()))

    return write


def run(*arguments: str) -> Result:
    arguments = ("--key", "mine", "--once", "--record", "record", "--exchange", "exchange", *arguments)
    return CliRunner(mix_stderr=False).invoke(validate.cli, list(arguments))


def refused(result: Result, reason: str) -> bool:
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")
    return reason in result.stderr


def test_the_first_start_of_a_key_is_said(elsewhere: Callable[..., None]) -> None:
    """A record that is not there, or not whole, is never begun anew by itself."""
    elsewhere()
    assert refused(run(), "there is no record at record: a key that signed before needs its record back")
    assert not Path("record").exists()
    started = run("--new-record")
    assert started.exit_code == 0, started.stderr
    assert started.stdout.startswith(f"validator {VALIDATORS[0].address} reads exchange\n")
    assert "in validator set 1 of hub, arcade, perps, social\n" in started.stdout
    assert refused(run("--new-record"), "there is a record at record already")
    assert run().exit_code == 0
    Path("record").write_bytes(b"")
    assert refused(run(), "the record record is empty")
    assert refused(run("--new-record"), "there is a record at record already")


def test_a_start_says_what_is_read_through_one_node(
    deployment: Deployment, elsewhere: Callable[..., None]
) -> None:
    hub = deployment.connections["hub"].chain.url
    with Node(hub) as first, Node(hub) as second:
        elsewhere(hub={"nodes": [first.url, second.url, hub]})
        started = run("--new-record")
    assert started.exit_code == 0, started.stderr
    warnings = [line for line in started.stderr.splitlines() if "through one node" in line]
    assert [line.split(": ")[1] for line in warnings] == ["arcade", "perps", "social"]


def test_a_validator_starts_when_other_chains_are_broken(
    deployment: Deployment, elsewhere: Callable[..., None]
) -> None:
    """One that does not answer, one whose node answers nonsense, and one that has no gateway."""
    chains = deployment.connections
    with (
        Node(chains["arcade"].chain.url, [Broken(500)]) as broken,
        Node(chains["perps"].chain.url, [Lies("eth_getCode", lambda call, said: "0x")]) as empty,
    ):
        elsewhere(arcade={"url": broken.url}, perps={"url": empty.url}, social={"url": "http://127.0.0.1:9"})
        started = run("--new-record")
    assert started.exit_code == 0, started.stderr
    assert "in validator set 1 of hub, perps\n" in started.stdout
    for name in ("arcade", "social"):
        assert f"{name}: its node does not answer as it should" in started.stdout


def test_a_registry_of_other_chains_is_refused(
    deployment: Deployment, elsewhere: Callable[..., None]
) -> None:
    nodes = {
        name: Node(connection.chain.url, [Lies("eth_getCode", lambda *_: "0x")])
        for name, connection in deployment.connections.items()
    }
    with nodes["hub"], nodes["arcade"], nodes["perps"], nodes["social"]:
        elsewhere(**{name: {"url": node.url} for name, node in nodes.items()})
        assert refused(run("--new-record"), "the registry does not match the running chains: hub has no code")
    assert not Path("record").exists()


def test_a_reorganised_chain_is_trusted_again_by_its_operator(elsewhere: Callable[..., None]) -> None:
    elsewhere()
    assert run("--new-record").exit_code == 0
    gateway = Registry.load(load_network()).address("Metalayer")
    with Record(Path("record"), f"validator {VALIDATORS[0].address} of network 901 at {gateway}") as record:
        record.distrust(902, "block 7 was final as 0x07, and is 0x08 now")
    warned = run()
    assert warned.exit_code == 0
    assert (
        "warning: arcade was reorganised below its finality (block 7 was final as 0x07, and is 0x08 now): nothing "
        "from it is signed until its operator says so (`ape metalayer validate --trust-again arcade`)\n"
    ) in warned.stderr
    assert refused(run("--trust-again", "hub"), "hub was not seen reorganised: it is signed for")
    again = run("--trust-again", "arcade")
    assert again.exit_code == 0
    assert again.stdout == (
        "arcade is signed for again, from what it says now (block 7 was final as 0x07, and is 0x08 now)\n"
    )
    assert "reorganised" not in run().stderr
    assert refused(run("--trust-again", "arcade"), "arcade was not seen reorganised: it is signed for")
