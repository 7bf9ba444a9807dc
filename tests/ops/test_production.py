"""The commands as in production: nodes that are not anvil, accounts that are Ape's, and nobody who knows their keys."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from eth_utils.address import to_checksum_address

from metalayer.cli import check, credit, deploy, localnet, message, propose, relay, stake, transfer
from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import ARTIFACTS, predict
from metalayer.deploy.names import FACTORY
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.network.signers import load_sender
from metalayer.protocol.rpc import quantity
from tests.kit import roles
from tests.kit.faults import Refuses
from tests.kit.gateways import TRANSFER
from tests.kit.node import Node
from tests.kit.plugin import plugged_in
from tests.kit.production import Production, nodes, production
from tests.kit.roles import Role

ERA = 10**18
PROPOSAL = """
title: Messages to arcade cost half
proposer: {proposer}

chains:
  hub:
    - Metalayer.setTerms: {{ chainId: arcade, terms: {{ preset: game, return: "{{chain}}", baseFee: 100_000 }} }}

writes:
  hub: [Metalayer._routes]
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Production]:
    with nodes([901, 902]) as ports, production(tmp_path, ports, monkeypatch) as opened:
        yield opened


def nonces(there: Production, role: Role) -> list[int]:
    """What an account has sent on each chain."""
    asked = quantity("eth_getTransactionCount", role.address, "latest")
    return [connection.ask(asked) for connection in there.connections().values()]


def addresses_instead_of_names(there: Production) -> None:
    """deploy.yaml as those have it who have none of the accounts."""
    text = Path("deploy.yaml").read_text()
    named = {there.account(role): role.address for role in (*roles.VALIDATORS, *roles.OPERATORS)}
    found = re.findall(r"\baccount_(\d+)\b", text)
    named |= {f"account_{index}": roles._role(int(index)).address for index in found}
    for name in sorted(named, key=len, reverse=True):
        text = re.sub(rf"\b{name}\b", f'"{named[name]}"', text)
    Path("deploy.yaml").write_text(text)


@pytest.fixture
def validators(there: Production) -> Iterator[list[Any]]:
    started: list[Any] = []
    yield started
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        said, _ = process.communicate(timeout=30)
        assert "Traceback" not in said
        assert process.returncode == 0, said


def test_a_network_from_nothing_to_a_delivered_transfer(
    there: Production, validators: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    there.declare()
    assert there.refusal(localnet, "up") == (
        "Error: no chain of network 'real' is a local one: each has the `url` of a node, and runs without us"
    )
    _plan_without_keys(there)
    _deploy(there)
    _same_as_at_home(there)
    for role in roles.VALIDATORS[:4]:
        validators.append(there.process("validate", "--key", there.account(role), "--new-record"))
    there.line(credit, "deposit", "hub", "1", "--account", there.account(roles.TREASURY))
    sent = _a_device_that_signs(there, monkeypatch)
    _relay(there)
    told = json.loads(there.line(message, sent["id"], "--json"))
    assert told["state"] == "delivered", told
    registry = Registry.load(load_network())
    received = there.connections()["arcade"].call(
        registry.address("ERA"),
        bytes.fromhex("70a08231") + bytes(12) + bytes.fromhex(roles.TREASURY.address[2:]),
    )
    assert int.from_bytes(received, "big") == 5 * ERA
    _propose(there)


def _plan_without_keys(there: Production) -> None:
    """A dry run: by addresses alone, in a home without accounts. Nothing is sent, nothing is written."""
    before = Path("deploy.yaml").read_text()
    addresses_instead_of_names(there)
    kept = {path: path.read_text() for path in there.keyfiles.folder.rglob("*.json")}  # type: ignore[union-attr]
    for path in kept:
        path.unlink()
    done = there.run(deploy, "plan", "--json")
    assert done.exit_code == 3, done.stderr
    plan = json.loads(done.stdout)
    assert plan["changes"]
    assert set(plan["chains"]) == {"hub", "arcade"}
    assert nonces(there, roles.DEPLOYER) == [0, 0]
    assert not Path("deployments").exists()
    refused = there.refusal(deploy, "apply")
    assert "no account has the key of" in refused, refused
    for path, text in kept.items():
        path.write_text(text)
    Path("deploy.yaml").write_text(before)


def _deploy(there: Production) -> None:
    asked = CliRunner(mix_stderr=False).invoke(deploy.cli, ["apply"], input="n\n")
    assert asked.exit_code == 1
    assert "Deploy to network 'real'?" in asked.stderr
    assert nonces(there, roles.DEPLOYER) == [0, 0]
    unready = there.refusal(deploy, "apply")
    late = roles.OPERATORS[0]
    assert unready.startswith(f"Error: hub: {late.address} needs 200,000 ERA to bond and has 0; "), unready
    registry = Registry.load(load_network())
    era = registry.chain("hub").contracts["ERA"].address
    there.connections()["hub"].send(roles.TREASURY, era, TRANSFER.encode(late.address, 200_000 * ERA))
    # It bonds by hand, as each does whose keys are not where the deployment is.
    operator, signer = there.account(late), there.account(roles.VALIDATORS[0])
    terms = ("--own", "200000", "--commission", "5", "--join")
    there.line(stake, "register", "--account", operator, "--signer", signer, *terms)
    assert "deployed to arcade, hub, the same on each:" in there.line(deploy, "apply")
    before = Path("deployments/real/registry.json").read_text()
    assert "no changes" in there.line(deploy, "plan")
    assert "nothing to do" in there.line(deploy, "apply")
    assert Path("deployments/real/registry.json").read_text() == before
    assert "all as deploy.yaml says" in there.line(check)


def _same_as_at_home(there: Production) -> None:
    """The addresses follow from the deployer and the salts, on whatever chain."""
    registry = Registry.load(load_network())
    expected = predict(roles.DEPLOYER.address, load_artifacts(ARTIFACTS)[FACTORY].creation)
    for name in ("hub", "arcade"):
        for contract, deployed in registry.chain(name).contracts.items():
            if contract in expected:
                assert to_checksum_address(deployed.address) == expected[contract]


def _a_device_that_signs(there: Production, environment: pytest.MonkeyPatch) -> dict[str, Any]:
    """A declined signature, of a message or of a transaction, is one line and costs nothing; the next one goes on.

    What a transfer says that was sent.
    """
    leaves = ("ERA", "5", "--from", "hub", "--to", "arcade", "--account", "device", "--no-wait", "--json")
    with plugged_in(roles.TREASURY, environment) as device:
        device.declines = True
        before = nonces(there, roles.TREASURY)
        refused = there.refusal(credit, "deposit", "hub", "2", "--account", "device")
        assert refused == f"Error: account {roles.TREASURY.address} did not sign"
        assert f"{roles.TREASURY.address} did not sign that" in there.refusal(transfer, *leaves)
        assert nonces(there, roles.TREASURY) == before
        device.declines = False
        device.log.clear()
        assert "2 ERA into the credit" in there.line(credit, "deposit", "hub", "2", "--account", "device")
        sent: dict[str, Any] = json.loads(there.line(transfer, *leaves))
        assert nonces(there, roles.TREASURY)[0] > before[0]
    bridge = Registry.load(load_network()).address("TokenBridge")
    assert device.log[-2:] == ["message", f"transaction to {bridge} on 901"]
    return sent


def _relay(there: Production) -> None:
    """Validators sign meanwhile."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        done = there.run(relay, "once", "--account", there.account(roles.RELAYER))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        if "Delivered" in done.stdout:
            return
        time.sleep(1)
    raise AssertionError(f"{done.stdout}{done.stderr}")


def _propose(there: Production) -> None:
    folder = Path("proposals/001-fees")
    folder.mkdir(parents=True)
    (folder / "proposal.yml").write_text(PROPOSAL.format(proposer=there.account(roles.TREASURY)))
    (folder / "README.md").write_text("# Messages to arcade cost half\n\nThey are cheap to deliver.\n")
    there.line(propose, "build", "1")
    assert json.loads((folder / "build.json").read_text())


def test_a_network_that_is_partly_local_says_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test accounts have keys that everybody knows: they sign on no network with a chain that runs elsewhere."""
    with production(tmp_path, [9, 9], monkeypatch) as there:
        content = yaml.safe_load(Path("networks.yaml").read_text())
        content["chains"]["arcade"] = {"chain_id": 902, "preset": "game", "port": 9702}
        Path("networks.yaml").write_text(yaml.safe_dump(content))
        assert not load_network().is_local
        with pytest.raises(MetalayerError) as caught:
            load_sender("TEST::0")
        assert str(caught.value) == (
            "TEST::0 is a test account and everybody knows its key: use your own, because chain 'hub' has a `url`, "
            "and not all of this network is local"
        )
        with pytest.raises(
            MetalayerError, match=f"^no account has the key of {roles.DEPLOYER.address}: add it with"
        ):
            load_sender(roles.DEPLOYER.address)
        there.account(roles.DEPLOYER)
        assert load_sender(roles.DEPLOYER.address).address == roles.DEPLOYER.address


def test_a_node_that_cannot_rehearse_is_one_line(
    deployer: Deployer, connections: dict[str, Connection]
) -> None:
    """Unless another one of the chain's can: then that is asked, for this alone."""
    chain = connections["perps"].chain
    with Node(chain.url, [Refuses("eth_simulateV1")]) as node, Node(chain.url) as spare:
        alone = Connection(replace(chain, base_port=None, remote_url=node.url))
        with pytest.raises(
            MetalayerError,
            match=rf"perps: its node \({node.url}\) has no eth_simulateV1, in which a deployment is rehearsed: ",
        ) as caught:
            replace(deployer, connections=connections | {"perps": alone}).plan()
        assert "\n" not in str(caught.value)
        both = Connection(replace(alone.chain, spares=(spare.url,)))
        assert replace(deployer, connections=connections | {"perps": both}).plan().has_changes
        assert {call.method for call in spare.asked} == {"eth_chainId", "eth_blockNumber", "eth_simulateV1"}
