"""`ape metalayer check --registry FILE --rpc CHAIN=URL`: a stranger verifies a deployment from a clone alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from metalayer.cli import check as check_command
from metalayer.cli.command import DIFFERS
from metalayer.deploy.check import Finding, check_deployment
from metalayer.deploy.strangers import read_through
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.workspace import OFFSET_VARIABLE
from tests.kit.deployment import Deployment
from tests.kit.node import Ask, Call, Fault, Node
from tests.kit.roles import ATTACKER, DEPLOYER
from tests.kit.roles import GUARDIAN as COUNCIL
from tools.repository import repo_root

OTHER = "0x" + "11" * 32
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def nodes(deployment: Deployment) -> list[tuple[str, str]]:
    return [(name, connection.url) for name, connection in deployment.connections.items()]


@pytest.fixture
def found(
    network: Network, deployment: Deployment, nodes: list[tuple[str, str]], tmp_path: Path
) -> Callable[[Edit], list[Finding]]:
    """What differs if somebody edits the registry."""

    def read(edit: Edit) -> list[Finding]:
        data = json.loads(deployment.registry.text())
        edit(data)
        path = tmp_path / "registry.json"
        path.write_text(json.dumps(data), encoding="utf-8")
        findings, _ = check_deployment(read_through(network, nodes), path)
        return [finding for finding in findings if finding.is_drift]

    return read


def place(*keys: str, value: Any) -> Edit:
    """Puts a value somewhere."""

    def edit(data: dict[str, Any]) -> None:
        for key in keys[:-1]:
            data = data[key]
        # A factory that stood before the deployment has no transaction.
        assert data.get(keys[-1]) != value
        data[keys[-1]] = value

    return edit


def in_contract(name: str, *keys: str, value: Any, chain: str = "arcade") -> Edit:
    return place("chains", chain, "contracts", name, *keys, value=value)


def test_an_honest_registry_is_confirmed(found: Callable[[Edit], list[Finding]]) -> None:
    assert found(lambda data: None) == []


@pytest.mark.parametrize(
    ("edit", "chain", "subject", "said"),
    [
        (
            in_contract("ERA", "address", value=ATTACKER.address),
            "arcade",
            "ERA in the registry",
            ATTACKER.address,
        ),
        (in_contract("ERA", "codeHash", value=OTHER), "arcade", "ERA in the registry", f"codeHash {OTHER}"),
        (
            in_contract("ERA", "compiler", value="0.8.30+commit.1"),
            "arcade",
            "ERA in the registry",
            "compiler 0.8.30+commit.1",
        ),
        (
            in_contract("Guardian", "arguments", "initialCouncil", value=ATTACKER.address, chain="perps"),
            "perps",
            "Guardian in the registry",
            f'argument initialCouncil "{ATTACKER.address}"',
        ),
        (in_contract("ERA", "txHash", value=OTHER), "arcade", "ERA in the registry", f"txHash {OTHER}"),
        (in_contract("ERA", "block", value=0), "arcade", "ERA in the registry", "block 0"),
        (
            lambda data: data["chains"]["arcade"]["contracts"]["ERA"].update(txHash=None, block=7),
            "arcade",
            "ERA in the registry",
            "block 7",
        ),
        (
            lambda data: data["chains"]["arcade"]["contracts"]["Create3Factory"].update(
                txHash=data["chains"]["arcade"]["contracts"]["ERA"]["txHash"]
            ),
            "arcade",
            "Create3Factory in the registry",
            "txHash 0x",
        ),
        (
            in_contract("Create3Factory", "txHash", value=OTHER),
            "arcade",
            "Create3Factory in the registry",
            f"txHash {OTHER}",
        ),
        (
            lambda data: data["chains"].update(moon=data["chains"]["arcade"]),
            "hub",
            "other chains in the registry",
            "moon",
        ),
        (
            place("chains", "social", "owner", value=ATTACKER.address),
            "social",
            "chain in the registry",
            f"owner {ATTACKER.address}",
        ),
        (
            place("accounts", COUNCIL.alias, value=ATTACKER.address),
            "hub",
            f"{COUNCIL.alias} in the registry",
            ATTACKER.address,
        ),
        (place("validatorSet", "version", value=9), "hub", "first set in the registry", "version 9"),
        (
            lambda data: data["chains"]["arcade"]["contracts"].pop("Annex"),
            "arcade",
            "Annex in the registry",
            "nothing",
        ),
        (
            lambda data: data["chains"]["arcade"]["contracts"].update(
                Trap=data["chains"]["arcade"]["contracts"]["ERA"]
            ),
            "arcade",
            "other contracts in the registry",
            "Trap",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_tampered_with_is_named(
    found: Callable[[Edit], list[Finding]], edit: Edit, chain: str, subject: str, said: str
) -> None:
    """With the account of an office, the office as well: deploy.yaml then means somebody else."""
    differing = found(edit)
    named = [finding for finding in differing if (finding.chain, finding.subject) == (chain, subject)]
    assert [said in finding.found for finding in named] == [True]
    if "accounts" not in str(edit) and subject != f"{COUNCIL.alias} in the registry":
        assert differing == named


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (place("networkId", value=5), "is of network 5, expected 901"),
        (place("network", value="elsewhere"), "(network elsewhere, now "),
        (place("deployer", value=ATTACKER.address), f"(deployer {ATTACKER.address}, now {DEPLOYER.address})"),
        (place("chains", "perps", "chainId", value=77), "(chain id of perps 77, now 903)"),
        (place("chains", "perps", "genesis", value=OTHER), f"(block 0 of perps {OTHER}, now 0x"),
        (
            lambda data: data["accounts"].pop(COUNCIL.alias),
            f"does not say whose account '{COUNCIL.alias}' is",
        ),
        (
            place("accounts", COUNCIL.alias, value="0x12"),
            f"registry.json: accounts: {COUNCIL.alias}: expected an address, 0x and 40 hexadecimal digits, found ",
        ),
    ],
    ids=["network id", "network", "deployer", "chain id", "block 0", "accounts", "no address"],
)
def test_a_registry_of_another_deployment_is_refused(
    found: Callable[[Edit], list[Finding]], edit: Edit, said: str
) -> None:
    with pytest.raises(MetalayerError) as refused:
        found(edit)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_registry_does_not_write_on_the_terminal(
    network: Network, deployment: Deployment, nodes: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Such as over the line that names what it says wrongly."""
    data = json.loads(deployment.registry.text())
    contracts = data["chains"]["arcade"]["contracts"]
    contracts["\x1b[1A\x1b[2Kall as deploy.yaml says"] = contracts["ERA"]
    path = tmp_path / "registry.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    rpc = [word for name, url in nodes for word in ("--rpc", f"{name}={url}")]
    done = CliRunner(mix_stderr=False).invoke(check_command.cli, ["--registry", str(path), *rpc])
    assert done.exit_code == DIFFERS
    assert "\x1b" not in done.stdout
    assert "1 differ from deploy.yaml" in done.stdout


def test_a_node_that_runs_no_constructors_confirms_nothing(
    network: Network, deployment: Deployment, nodes: list[tuple[str, str]], tmp_path: Path
) -> None:
    """It ignores overrides: whatever is missing would be as expected."""
    path = tmp_path / "registry.json"
    path.write_text(deployment.registry.text(), encoding="utf-8")
    with Node(dict(nodes)["arcade"], [_Ignores()]) as node:
        through = [(name, node.url if name == "arcade" else url) for name, url in nodes]
        with pytest.raises(
            MetalayerError, match="arcade: its node does not run constructors as code at an address"
        ):
            check_deployment(read_through(network, through), path)


class _Ignores(Fault):
    """State overrides: a call is what stands there now, and nothing stands there."""

    def answer(self, call: Call, ask: Ask) -> Any:
        overrides = call.params[2] if call.method == "eth_call" and len(call.params) > 2 else {}
        to = call.params[0].get("to") if overrides else None
        return "0x" if to in overrides and len(overrides[to]["code"]) > 1_000 else ask(call)


def test_a_stranger_needs_a_clone_and_nodes_alone(
    deployment: Deployment, nodes: list[tuple[str, str]], tmp_path: Path
) -> None:
    """An empty home, nothing of ours in the folder, no chain where networks.yaml says, and names of accounts that only
    the registry knows.
    """
    clone, home = tmp_path / "clone", tmp_path / "home"
    clone.mkdir()
    home.mkdir()
    for name in ("networks.yaml", "deploy.yaml", "ape-config.yaml"):
        shutil.copy(repo_root() / name, clone)
    declared = clone / "deploy.yaml"
    declared.write_text(declared.read_text(encoding="utf-8").replace("TEST::", "ours_"), encoding="utf-8")
    text = deployment.registry.text().replace("TEST::", "ours_")
    (tmp_path / "registry.json").write_text(text, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(repo_root()),
        "HOME": str(home),
        "APE_DATA_FOLDER": str(home / "ape"),
        OFFSET_VARIABLE: "40000",
    }
    rpc = [word for name, url in nodes for word in ("--rpc", f"{name}={url}")]

    def check(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("ape")), "metalayer", "check", *words]
        return subprocess.run(
            command, cwd=clone, env=environment, capture_output=True, text=True, check=False
        )

    done = check("--registry", str(tmp_path / "registry.json"), *rpc)
    assert done.returncode == 0, done.stdout + done.stderr
    # Of finality, which a node's own tags contradict on chains of tests.
    assert all(line.startswith("warning: ") for line in done.stderr.splitlines())
    assert "values on 4 chains: all as deploy.yaml says" in done.stdout
    assert not (clone / ".metalayer" / "registry.json").exists()
    without = check(*rpc)
    assert (without.returncode, without.stderr.count("\n")) == (1, 1)
    assert "nothing is deployed" in without.stderr
    wrong = check("--rpc", "moon=http://127.0.0.1:1")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "no chain" in wrong.stderr
    assert check("--rpc", "hub").returncode == 2
