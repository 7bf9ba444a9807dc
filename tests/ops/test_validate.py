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
from metalayer.protocol import slasher
from metalayer.protocol.staking import LIABILITY
from metalayer.validator.record import Record
from tests.kit.accusing import equivocate, lie_about_sets
from tests.kit.deployment import Deployment
from tests.kit.faults import Broken, Lies
from tests.kit.node import Node
from tests.kit.roles import ATTACKER, CANDIDATES, VALIDATORS, Role


@pytest.fixture
def elsewhere(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the networks.yaml of a network with the same chains, which no command takes for local ones."""
    original = yaml.safe_load(Path("networks.yaml").read_text())
    chains = load_network().chains
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signers, "load_signer", lambda name: VALIDATORS[0].account)

    def write(**entries: dict[str, Any]) -> None:
        for name, chain in original["chains"].items():
            chain.pop("port", None)
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


def as_key(monkeypatch: pytest.MonkeyPatch, role: Role) -> None:
    monkeypatch.setattr(signers, "load_signer", lambda name: role.account)


def test_a_start_says_how_the_key_stands(
    deployment: Deployment, elsewhere: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's, without a seat, accused of what can be pardoned; and of what cannot: then it has to be said."""
    elsewhere()
    assert run("--new-record").stderr.count("through one node") == 4
    as_key(monkeypatch, CANDIDATES[2])
    assert refused(run("--new-record", "--record", "other"), f"{CANDIDATES[2].address} is no validator's key")
    assert not Path("other").exists()

    as_key(monkeypatch, VALIDATORS[0])
    lie_about_sets(deployment, ATTACKER, 1, VALIDATORS[0].address)
    accused = run()
    assert accused.exit_code == 0
    assert "warning: validator 1 has no seat: the next set is without it" in accused.stderr
    assert "warning: validator 1 is accused: case 0x" in accused.stderr
    assert "(b) not the set of that version: set 1000: settled from 20" in accused.stderr
    assert "until then the owner of the Slasher may pardon it" in accused.stderr
    court = deployment.registry.address("Slasher")
    deployment.as_owner("hub", court, slasher.PARDON_SETS.encode(1_000))
    assert "it was pardoned, anyone may dismiss it" in run().stderr

    equivocate(deployment, ATTACKER, 1, VALIDATORS[0].address)
    assert refused(run(), "(a) two sets of one version: set 1000: settled from 20")
    assert refused(run(), "nobody can pardon it (docs/incidents.md): find out why before it signs")
    although = run("--although-accused")
    assert although.exit_code == 0
    assert "(a) two sets of one version" in although.stderr


def test_a_new_key_goes_on_with_the_record_of_the_old_one(
    deployment: Deployment, elsewhere: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """M31: both are one validator's on chain. Where the old one was, it is found; elsewhere it has to be named."""
    elsewhere()
    old, new = VALIDATORS[0], CANDIDATES[0]
    start = ("--key", "mine", "--once", "--exchange", "exchange")

    def plain(*arguments: str) -> Result:
        return CliRunner(mix_stderr=False).invoke(validate.cli, [*start, *arguments])

    assert plain("--new-record").exit_code == 0
    as_key(monkeypatch, new)
    assert refused(plain("--new-record"), "is no validator's key")
    deployment.replace_key(0, 5)
    fresh = plain("--new-record", "--record", "fresh")
    assert refused(fresh, "no new record is begun for validator")
    assert f"what validator {old.address} of network 901" in fresh.stderr
    assert not Path("fresh").exists()
    again = plain()
    assert again.exit_code == 0, again.stderr
    (record,) = Path().rglob("*.sqlite")
    assert record.stem == old.address.lower()
    elsewhere(hub={"url": "http://127.0.0.1:9"})
    assert plain().exit_code == 0, "also when nobody says whose the key is"
    elsewhere(hub={})
    as_key(monkeypatch, old)
    retired = plain()
    assert retired.exit_code == 0
    assert (
        f"warning: {old.address} was replaced as the key of validator 1: it answers until 20"
        in retired.stderr
    )
    # Lost: nothing is begun for the new key either, until what the old one signed convicts nobody.
    record.unlink()
    as_key(monkeypatch, new)
    assert refused(plain(), "there is no record at")
    assert refused(plain("--new-record"), "no new record is begun for validator")
    deployment.pass_time(LIABILITY, "hub")
    begun = plain("--new-record")
    assert begun.exit_code == 0, begun.stderr
    (record,) = Path().rglob("*.sqlite")
    assert record.stem == new.address.lower()


def test_a_record_goes_on_when_the_hub_is_silent(
    deployment: Deployment, elsewhere: Callable[..., None]
) -> None:
    """Nothing is begun, and nothing is stopped, without knowing."""
    elsewhere()
    assert run("--new-record").exit_code == 0
    elsewhere(hub={"url": "http://127.0.0.1:9"})
    silent = run()
    assert silent.exit_code == 0, silent.stderr
    assert f"warning: how {VALIDATORS[0].address} stands with Staking is not known: hub: " in silent.stderr
    unknown = run("--new-record", "--record", "other")
    assert refused(unknown, "no record is begun: what a key signs binds the validator that it belongs to")
    assert not Path("other").exists()
