"""The proposals that ship, for real: voted, executed and delivered on the deployed network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.assets import tokens, transfers
from metalayer.assets.tokens import BALANCE_OF, TOTAL_SUPPLY
from metalayer.cli import propose
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.check import check
from metalayer.deploy.contracts import ARTIFACTS, predict
from metalayer.deploy.intent import load_intent, resolve
from metalayer.deploy.names import FACTORY
from metalayer.deploy.sets import first_sets
from metalayer.errors import MetalayerError
from metalayer.governance import files
from metalayer.governance.build import rehearsed
from metalayer.governance.files import read
from metalayer.governance.names import Names
from metalayer.network.config import load_network
from metalayer.network.signers import address_of
from metalayer.protocol import bridge, decisions, gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.create3 import create3_address
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.message import interoperable
from tests.kit.deployment import ERA, Deployment, impersonated
from tests.kit.enacting import Enacting
from tests.kit.joining import joined
from tests.kit.proposing import refuse_stale
from tests.kit.roles import DEPLOYER, RELAYER, RIVAL, SENDER
from tests.kit.successors import place_successor
from tools.repository import repo_root

DEPLOY = Function("deploy(address,bytes32,bytes)", "address")
KEEPER = Function("KEEPER()", "address")
JOINING = "005-join-chess"


@pytest.fixture
def enacting(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enacting:
    monkeypatch.setattr(files, "proposals_dir", lambda: tmp_path / "proposals")
    enacting = Enacting(deployment, tmp_path)
    enacting.settle()
    return enacting


@pytest.mark.parametrize(
    "name", ["001-fees", "002-grant", "003-council", "004-restart", "009-limit", "010-strike"]
)
def test_it_does_what_it_says(enacting: Enacting, deployment: Deployment, name: str) -> None:
    """What its file expects afterwards holds afterwards, and not all of it before."""
    proposal = read(repo_root() / "proposals" / name, load_network())
    names = Names.of(load_network(), deployment.registry, address_of)

    def held() -> list[bool]:
        return [
            one.holds(deployment.connections[chain].call(one.target, one.calldata))
            for chain, expected in rehearsed(proposal, names).items()
            for one in expected
        ]

    assert not all(held())
    enacting.enact(name)
    assert all(held())


def test_a_gateway_is_replaced(enacting: Enacting, deployment: Deployment) -> None:
    """007 through the present one, 008 through the next one. Then nothing that the old one brings counts."""
    successor = enacting.successor = place_successor(deployment)
    spokes = [one.name for one in enacting.desk.spokes]
    outbox, remote = enacting.desk.outbox, enacting.desk.remote
    old, new = deployment.gateway, successor.gateway
    assert old != new

    def accepted() -> list[list[bool]]:
        return [
            [deployment.connections[name].view(remote, decisions.IS_GATEWAY, one) for one in (old, new)]
            for name in spokes
        ]

    assert accepted() == [[True, False]] * 3
    enacting.enact("007-accept-gateway")
    assert accepted() == [[True, True]] * 3
    assert enacting.desk.hub.view(outbox, decisions.OUTBOX_GATEWAY) == old

    # Built while the old one still counts.
    (carried,) = enacting.shipped("001-fees").decisions
    motion = enacting.decide("008-leave-gateway")
    assert enacting.desk.hub.view(outbox, decisions.OUTBOX_GATEWAY) == new
    assert set(enacting.states(motion).values()) == {DecisionState.UNKNOWN}
    enacting.deliver()
    assert set(enacting.states(motion).values()) == {DecisionState.UNKNOWN}, "the old one has nothing of it"
    enacting.deliver_through_successor()
    enacting.carry_out(motion)
    assert accepted() == [[False, True]] * 3

    # What the outbox would send through the old one is delivered, and refused.
    perps = deployment.connections[carried.chain]
    to = interoperable(perps.chain_id, remote)
    deployment.prepay(RELAYER, 10 * ERA, ["hub"], outbox)
    with impersonated(enacting.desk.hub, outbox):
        data = gateway.send_call(to, carried.decision.encoded, carried.gas_limit)
        deployment.must("hub", outbox, old, data)
    since = perps.height() + 1
    enacting.deliver(refused=1)
    assert len(perps.ask(gateway.MESSAGE_FAILED.logs(old, first=since))) == 1
    assert perps.view(remote, decisions.STATE_OF, carried.id) is DecisionState.UNKNOWN

    successor.prepay(RELAYER, 10 * ERA, ["hub"], outbox)
    data = decisions.DECIDE.encode(carried.chain_id, carried.decision, carried.gas_limit)
    deployment.as_owner("hub", outbox, data)
    enacting.deliver_through_successor()
    assert perps.view(remote, decisions.STATE_OF, carried.id) is DecisionState.WAITING
    assert perps.view(remote, decisions.IS_BROUGHT_BY, carried.id, new)
    assert not perps.view(remote, decisions.IS_BROUGHT_BY, carried.id, old)


def test_replacing_a_gateway_is_rehearsed(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """008 follows 007, and its decisions leave through the gateway that it names."""
    root = tmp_path / "proposals"
    monkeypatch.setattr(files, "proposals_dir", lambda: root)
    successor = place_successor(deployment)
    deployment.finalize()
    for name in ("007-accept-gateway", "008-leave-gateway"):
        folder = copytree(repo_root() / "proposals" / name, root / name)
        result = CliRunner(mix_stderr=False).invoke(propose.cli, ["simulate", name[:3]])
        assert result.exit_code == 0, result.stderr
        report = json.loads((folder / "report.json").read_text())
        assert report["passed"]
        refuse_stale(name, report)
        assert len(report["tried"]) == 2
        (places,) = {
            str(one) for chain in ("arcade", "perps", "social") for one in [report["changes"][chain]]
        }
        if name.startswith("007"):
            assert "RemoteGovernor._places" in places
            continue
        assert [one for one in report["assumed"] if successor.gateway in one]
        sent = [line for line in report["events"]["hub"] if "MessageSent" in line]
        assert len(sent) == 3
        assert all(line.startswith("NextGateway.") for line in sent)


def test_a_new_contract_on_sealed_chains(enacting: Enacting, deployment: Deployment) -> None:
    """006: anyone deploys what was approved, byte for byte and once, and nobody anything else."""
    registry = deployment.registry
    factory, namespace, salt = registry.address("Create3Factory"), registry.deployer, keccak(text="Postbox")
    code = load_artifacts(["Postbox"])["Postbox"].creation + encode(
        ["address", "bool"], [deployment.gateway, False]
    )
    approved, other = (DEPLOY.encode(namespace, salt, one) for one in (code, code[:-1] + b"\x01"))
    elsewhere = DEPLOY.encode(namespace, keccak(text="Letterbox"), code)
    place = create3_address(factory, namespace, salt)
    chains = [deployment.connections[name] for name in ("hub", "arcade", "perps", "social")]
    for connection in chains:
        with pytest.raises(MetalayerError, match="NotController"):
            connection.send(RIVAL, factory, approved)

    motion = enacting.decide("006-new-contract")
    with pytest.raises(MetalayerError, match="NotController"):
        deployment.connections["arcade"].send(RIVAL, factory, approved)
    enacting.deliver()
    enacting.carry_out(motion)
    for connection in chains:
        for refused in (other, elsewhere):
            # Not even whoever deployed everything else.
            for account in (RIVAL, DEPLOYER):
                with pytest.raises(MetalayerError, match="NotController"):
                    connection.send(account, factory, refused)
        assert not connection.code(place)
        connection.send(RIVAL, factory, approved)
        assert connection.code(place)
        assert connection.view(place, KEEPER) != RIVAL.address, "who brings it holds no office"
        with pytest.raises(MetalayerError, match="revert"):
            connection.send(RIVAL, factory, approved)


@pytest.fixture
def chess(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setattr(files, "proposals_dir", lambda: tmp_path / "proposals")
    with joined(deployment, tmp_path, monkeypatch) as whole:
        whole.finalize()
        yield whole


def test_a_chain_that_joins_is_rehearsed(chess: Deployment, tmp_path: Path) -> None:
    """005 on the forks of five chains, with ERA that goes there and back."""
    folder = copytree(repo_root() / "proposals" / JOINING, tmp_path / "proposals" / JOINING)
    result = CliRunner(mix_stderr=False).invoke(propose.cli, ["simulate", JOINING])
    assert result.exit_code == 0, result.stderr
    report = json.loads((folder / "report.json").read_text())
    assert report["passed"]
    refuse_stale(JOINING, report)
    assert [one["problem"] for one in report["then"]] == [""] * 6


def test_a_chain_joins(chess: Deployment, tmp_path: Path) -> None:
    """005: then every route to it is open, nothing differs from deploy.yaml, and ERA goes there and back."""
    old = [name for name in chess.connections if name != "chess"]
    enacting = Enacting(chess, tmp_path)
    enacting.settle()
    id_ = chess.id_of("chess")

    def routes() -> dict[str, tuple[bool, bool]]:
        found = {name: chess.connections[name].view(chess.gateway, gateway.ROUTE, id_) for name in old}
        return {name: (route.outbound, route.inbound) for name, route in found.items()}

    def drift() -> set[str]:
        network, intent, artifacts = load_network(), load_intent(), load_artifacts(ARTIFACTS)
        factory = artifacts[FACTORY].creation
        sets = first_sets(network, chess.connections, predict(address_of(intent.deployer), factory))
        resolved = resolve(intent, network, address_of, factory, sets)
        findings = check(resolved, chess.registry, chess.connections, artifacts)
        return {f"{one.chain}: {one.subject}" for one in findings if one.is_drift}

    assert routes() == dict.fromkeys(old, (False, False))
    subjects = ("terms to chess", "route to and from chess")
    assert drift() == {f"{name}: {subject}" for name in old for subject in subjects}
    enacting.enact(JOINING)
    assert routes() == dict.fromkeys(old, (True, True))
    assert drift() == set()

    def balance(name: str) -> int:
        return chess.connections[name].view(chess.era, BALANCE_OF, SENDER.address)

    chess.bring(SENDER.address, 10 * ERA, ["arcade"])
    chess.prepay(SENDER, 10 * ERA)
    # Less on the way back: what the hub's hop costs is paid besides.
    for origin, destination, amount in (("arcade", "chess", 4 * ERA), ("chess", "arcade", 3 * ERA)):
        before = balance(destination)
        _transfer(enacting, origin, destination, amount)
        for _ in range(2):
            assert balance(destination) == before
            enacting.deliver()
        assert balance(destination) == before + amount
    supply = chess.connections["chess"].view(chess.era, TOTAL_SUPPLY)
    assert chess.connections["hub"].view(chess.bridge, bridge.OUTSTANDING, chess.era, id_) == supply


def _transfer(enacting: Enacting, origin: str, destination: str, amount: int) -> None:
    live, chains = enacting.live, enacting.deployment.connections
    start, end = chains[origin], chains[destination].chain
    wish = transfers.Wish(tokens.resolve(live, start, "ERA"), end, SENDER.address, amount, fee_from="credit")
    transfers.send(live, SENDER, transfers.prepare(live, start, SENDER.address, wish))
