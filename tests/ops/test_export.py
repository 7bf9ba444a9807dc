"""`ape metalayer deploy export`: what programs, contracts, explorers and people take over of a network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ape_metalayer.compilation import compile_project, run, solc_path
from metalayer.cli.deploy import cli
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import ARTIFACTS, DEPLOY
from metalayer.deploy.export import export_files
from metalayer.deploy.intent import load_intent, resolve
from metalayer.deploy.journal import Journal
from metalayer.deploy.names import FACTORY
from metalayer.deploy.owned import BridgeEntry
from metalayer.deploy.report import report
from metalayer.deploy.routes import Closed
from metalayer.deploy.sources import Sources
from metalayer.network.config import Network, load_network
from metalayer.network.registry import Registry, journal_path
from metalayer.network.signers import address_of
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Request, transaction_request
from tests.kit.deployment import Deployment
from tests.kit.roles import GUARDIAN as COUNCIL
from tests.kit.roles import OPERATORS, VALIDATORS
from tools.repository import repo_root

SMALL = ("Create3Factory", "WrappedEther", "Expect")
"""Contracts that the compiler is asked for again, whatever it answered before."""


@pytest.fixture
def files(deployment: Deployment, network: Network) -> dict[str, str]:
    return export_files(network)


@pytest.mark.usefixtures("deployment")
def test_exports_the_registry_and_the_abis_of_contracts_and_interfaces(tmp_path: Path) -> None:
    """`IMessageReturned` among them: senders implement it, and no contract that is deployed has its function alone."""
    result = CliRunner().invoke(cli, ["export", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    registry = Registry.load(load_network())
    assert (tmp_path / "out" / "registry.json").read_text(encoding="utf-8") == registry.text()
    written = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in (tmp_path / "out" / "abi").iterdir()
    }
    shipped = repo_root() / "metalayer" / "artifacts" / "interfaces"
    expected = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in shipped.glob("*.json")}
    expected |= {name: artifact.abi for name, artifact in load_artifacts(ARTIFACTS).items()}
    assert written == expected
    assert [entry["name"] for entry in written["IMessageReturned"]] == ["onMessageReturned"]
    count = sum(path.is_file() for path in (tmp_path / "out").rglob("*"))
    assert f"wrote {count} files" in result.output


def test_the_same_state_gives_the_same_bytes(files: dict[str, str], network: Network) -> None:
    assert export_files(network) == files


def test_explorers_get_what_compiles_to_the_code_on_each_chain(
    files: dict[str, str], deployment: Deployment
) -> None:
    """The input that is exported, compiled, with the arguments that are exported, is what was sent to create each
    contract; and run as a constructor it returns what stands there, immutables included.
    """
    sources = Sources(repo_root())
    # solc's answers, which are kept by the whole question: see `test_the_compiler_answers_the_same_again`.
    compiled = compile_project(sources)
    seen = 0
    for chain, connection in deployment.connections.items():
        listed = json.loads(files[f"verification/{chain}.json"])
        assert listed["chainId"] == connection.chain_id
        for entry in listed["contracts"]:
            path, name = entry["contractPath"].split(":")
            asked = json.loads(files[f"verification/{entry['standardJsonInput']}"])
            assert asked == sources.standard_input(path)
            assert re.fullmatch(r"v\d+\.\d+\.\d+\+commit\.[0-9a-f]{8}", entry["compilerVersion"])
            code = from_hex("0x" + compiled[path][name]["evm"]["bytecode"]["object"])
            creation = code + bytes.fromhex(entry["constructorArguments"])
            recorded = deployment.registry.contract(chain, entry["contract"])
            assert recorded.address == entry["address"]
            seen += 1
            if recorded.tx_hash is None:
                # The factory is for everybody, and no log says who placed it first.
                assert entry["contract"] == FACTORY
                continue
            data = connection.ask(transaction_request(recorded.tx_hash)).data
            sent = data[32:] if entry["contract"] == FACTORY else DEPLOY.decode_arguments(data)[2]
            assert sent == creation, entry["contract"]
            if entry["contract"] not in ("Metalayer", "FeeCollector"):
                # These ask contracts that stand by now as they did then; `check` runs them in the state of then.
                stands = connection.code(recorded.address)
                assert runtime(connection, recorded.address, creation) == stands, entry["contract"]
    assert seen == sum(len(chain.contracts) for chain in deployment.registry.chains.values())


def runtime(connection: Any, address: str, creation: bytes) -> bytes:
    """What a constructor returns at an address, with nothing in storage."""
    overrides = {address: {"code": to_hex(creation), "state": {}}}
    call = {"to": address, "data": "0x"}
    return bytes(connection.ask(Request("eth_call", (call, "latest", overrides), from_hex)))


def test_the_compiler_answers_the_same_again(files: dict[str, str]) -> None:
    inputs = [json.loads(files[f"verification/inputs/{name}.json"]) for name in SMALL]
    answers = run(solc_path(Sources(repo_root())), inputs)
    artifacts = load_artifacts(SMALL)
    for name, answer in zip(SMALL, answers, strict=True):
        code = answer["contracts"][artifacts[name].source][name]["evm"]["bytecode"]["object"]
        assert from_hex(f"0x{code}") == artifacts[name].creation


def test_the_report_says_what_was_deployed(files: dict[str, str], deployment: Deployment) -> None:
    text = files["REPORT.md"]
    registry = deployment.registry
    for said in (
        '  hub(("hub<br>901"))',
        "  hub <--> arcade",
        "12 lanes are open, 0 are closed",
        f"| ERA | `{registry.address('ERA')}` | every chain |",
        f"| Staking | `{registry.address('Staking')}` | hub |",
        f"| perps | `{COUNCIL.address}` | `{COUNCIL.address}` |",
        "| voting period | 10 days |",
        "| perps | 200,000 / 2,000,000 |",
        "None: a token is bounded by its accounts alone.",
        f"| `{VALIDATORS[0].address}` | 200,000 | 20.00 % |",
        "| investors | 320,750,123 | 32.08 % |",
        f"`{OPERATORS[0].address}` 200,000",
        "nothing for 365 days, then linear for 730 days",
        f"Compiler: solc `{registry.contract('hub', 'ERA').compiler}`",
        f"`{registry.contract('hub', 'ERA').tx_hash}`",
    ):
        assert said in text, said


def test_the_report_sums_what_each_chain_was_paid(files: dict[str, str], network: Network) -> None:
    receipts = [r for r in Journal(journal_path(network)).records if r["record"] == "receipt"]
    rows = dict(re.findall(r"^\| (\w+) \| \d+ \| [\d,]+ \| ([\d.,]+) \|$", files["REPORT.md"], re.MULTILINE))
    assert set(rows) == set(network.chains)
    for chain, ether in rows.items():
        paid = sum(r["paid"] for r in receipts if r["chain"] == chain)
        whole, _, part = ether.replace(",", "").partition(".")
        assert int(whole) * 10**18 + int(part.ljust(18, "0")) == paid > 0


def drawn(network: Network, registry: Registry, **values: Any) -> str:
    """The report of a network of which deploy.yaml says something else. Nothing is in its journal."""
    intent = load_intent().model_copy(update=values)
    resolved = resolve(intent, network, address_of, load_artifacts([FACTORY])[FACTORY].creation)
    return report(intent, resolved, registry, Journal(Path("none.jsonl")))


def test_the_picture_shows_lanes_as_they_are_open(deployment: Deployment, network: Network) -> None:
    lanes = [("social", "perps"), ("hub", "arcade"), ("arcade", "hub")]
    closed = [
        Closed.model_validate({"from": origin, "to": destination, "because": "of May 3"})
        for origin, destination in lanes
    ]
    text = drawn(network, deployment.registry, closed=closed)
    for said in ("  perps --> social\n", "  hub -.- arcade\n", "9 lanes are open, 3 are closed"):
        assert said in text


def test_the_report_of_a_part_says_what_is_missing(deployment: Deployment, network: Network) -> None:
    chains = {name: chain for name, chain in deployment.registry.chains.items() if name != "social"}
    text = drawn(network, deployment.registry.model_copy(update={"chains": chains, "validator_set": None}))
    for said in (
        "Not deployed yet: social.",
        "None is published yet.",
        "None is in the journal of this workspace.",
    ):
        assert said in text
    assert "social[" not in text


def test_limits_are_in_the_report(deployment: Deployment, network: Network) -> None:
    limits = [{"token": "ERA", "on": "hub", "with": "arcade", "out": "2000", "in": "5", "window": "1 day"}]
    text = drawn(network, deployment.registry, bridge=BridgeEntry.model_validate({"limits": limits}))
    assert "| ERA | hub | arcade | 2,000 | 5 | 1 day |" in text
