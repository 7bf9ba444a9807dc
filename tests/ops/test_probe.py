"""What a chain can do is found out before a route to it opens; on real chains of older hard forks, and odd nodes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from eth_keys.datatypes import PrivateKey

from metalayer.cli.check import cli as check_command
from metalayer.cli.command import DIFFERS
from metalayer.cli.deploy import cli as deploy_command
from metalayer.deploy import probe
from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.check import check
from metalayer.deploy.probe import OPCODES, Probe, essentials, refuse_unfit, unfit
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.protocol.hex import from_hex
from tests.kit.deployment import Deployment
from tests.kit.faults import (
    BatchLimit,
    First,
    Lies,
    LogRange,
    Pruned,
    Refuses,
    RefusesTag,
    TooMany,
    wrong_chain,
)
from tests.kit.hardforks import older
from tests.kit.node import Ask, Call, Fault, Node, Refused
from tests.kit.roles import GUARDIAN, OPERATORS, OWNER, SECOND_DEPLOYER, TREASURY, VALIDATORS
from tools.repository import repo_root

NEWER = "TSTORE and TLOAD (EIP-1153), MCOPY (EIP-5656)"
LACKING = {
    "london": f"PUSH0 (EIP-3855), {NEWER}",
    "paris": f"PUSH0 (EIP-3855), {NEWER}",
    "shanghai": NEWER,
}

Behind = Callable[..., tuple[Connection, Node]]
"""The test's arcade behind a proxy with these faults, and with these values in its preset."""


@pytest.fixture
def arcade(connections: dict[str, Connection]) -> Connection:
    return connections["arcade"]


@pytest.fixture
def behind(arcade: Connection) -> Iterator[Behind]:
    nodes = []

    def make(*faults: Fault, **preset: Any) -> tuple[Connection, Node]:
        # Tests move the clock of the chain, and nothing moves it back.
        now = block(timestamp=hex(int(time.time())))
        node = Node(arcade.chain.url, (*faults, now)).__enter__()
        nodes.append(node)
        changed = arcade.chain.preset.model_copy(update=preset)
        return Connection(replace(arcade.chain, preset=changed, base_port=None, remote_url=node.url)), node

    yield make
    for node in nodes:
        node.__exit__(None, None, None)


def found(result: Probe) -> dict[str, str]:
    return {one.subject: one.found for one in result.results}


def test_a_chain_that_has_it_all_is_asked_once(behind: Behind) -> None:
    connection, node = behind()
    assert unfit(connection) == []
    # Its chain id, and all else.
    assert len(node.bodies) == 2
    refuse_unfit(connection)


def test_no_warnings_about_the_tests_chains(connections: dict[str, Connection]) -> None:
    for result in probe.probe_all(connections):
        # Tests move the clock of a chain, and nothing moves it back.
        assert [one.problem for one in result.results if one.subject != "clock"] == [""] * 9
        assert found(result)["EVM"] == "complete"
        assert found(result)["logs"] == "all"
        assert found(result)["batches"] == "500"


@pytest.mark.parametrize("hardfork", LACKING)
def test_a_chain_without_the_opcodes_is_refused(arcade: Connection, hardfork: str) -> None:
    with older(arcade.chain, hardfork) as there:
        with pytest.raises(MetalayerError) as refused:
            refuse_unfit(there)
        assert str(refused.value) == f"arcade: it does not have {LACKING[hardfork]}, which the contracts need"
        assert found(probe.probe(there))["EVM"] == f"no {LACKING[hardfork].replace('), ', '), no ')}"


def test_cancun_has_all_that_is_needed(arcade: Connection) -> None:
    """Nothing that came later is needed: neither accounts with code (EIP-7702) nor anything of Prague."""
    with older(arcade.chain, "cancun") as there:
        assert unfit(there) == []


def test_what_is_needed_is_what_the_contracts_use(artifacts: dict[str, Artifact]) -> None:
    used = {opcode for artifact in artifacts.values() for opcode in opcodes(artifact.creation)}
    probed = {opcode for code in OPCODES.values() for opcode in opcodes(bytes.fromhex(code))}
    # PUSH0, MCOPY, TLOAD, TSTORE: all since London that the probe has, and that the contracts have.
    assert {0x5F, 0x5E, 0x5C, 0x5D} <= used & probed


def opcodes(code: bytes) -> Iterator[int]:
    """Without the operands of PUSH1 to PUSH32. Constants at the end of the code look like some, too."""
    place = 0
    while place < len(code):
        yield code[place]
        place += 1 + (code[place] - 0x5F if 0x60 <= code[place] <= 0x7F else 0)


def test_the_signature_that_ecrecover_must_know_is_one() -> None:
    data = from_hex(probe._SIGNED)
    signature = PrivateKey((1).to_bytes(32, "big")).sign_msg_hash(data[:32])
    assert data[32:] == b"".join(n.to_bytes(32, "big") for n in (signature.v + 27, signature.r, signature.s))
    signer = PrivateKey((1).to_bytes(32, "big")).public_key.to_address()
    assert int(probe._SIGNER, 16) == int(signer, 16)


class Calls(Fault):
    """Calls that `fits` are answered by `said`, or refused if it is an exception."""

    def __init__(self, fits: Callable[[dict[str, Any], Call], bool], said: Any) -> None:
        self.fits, self.said = fits, said

    def answer(self, call: Call, ask: Ask) -> Any:
        if call.method == "eth_call" and self.fits(call.params[0], call):
            if isinstance(self.said, Exception):
                raise self.said
            return self.said
        return ask(call)


NO_RECIPIENT = Calls(lambda message, call: "to" not in message, Refused(-32_602, "missing field `to`"))
NO_OVERRIDE = Calls(
    lambda message, call: len(call.params) > 2, Refused(-32_602, "too many arguments, want at most 2")
)


def test_a_node_that_runs_no_constructor_is_asked_with_a_state_override(behind: Behind) -> None:
    connection, node = behind(NO_RECIPIENT)
    assert unfit(connection) == []
    assert any(len(call.params) > 2 for call in node.asked)
    assert unfit(behind(NO_OVERRIDE)[0]) == []


def test_an_evm_that_cannot_be_seen_is_not_trusted(behind: Behind) -> None:
    connection, _ = behind(NO_RECIPIENT, NO_OVERRIDE)
    with pytest.raises(
        MetalayerError, match=r"^arcade: what its EVM can do cannot be found out: .* too many arg"
    ):
        refuse_unfit(connection)


def test_a_node_that_is_busy_for_a_moment_does_not_lack_an_opcode(behind: Behind) -> None:
    connection, _ = behind(First(2, TooMany()))
    assert unfit(connection) == []


def test_an_override_shows_what_is_not_there_too(arcade: Connection) -> None:
    with older(arcade.chain, "shanghai") as there, Node(there.chain.url, (NO_RECIPIENT,)) as node:
        connection = Connection(replace(there.chain, remote_url=node.url))
        assert found(probe.probe(connection))["EVM"].startswith("no TSTORE")


def test_a_chain_without_ecrecover_is_refused(behind: Behind) -> None:
    connection, _ = behind(Calls(lambda message, call: message.get("to") == "0x" + "1".rjust(40, "0"), "0x"))
    with pytest.raises(
        MetalayerError, match="does not have the precompile ecrecover, which the contracts need"
    ):
        refuse_unfit(connection)


def test_another_chain_is_refused_before_anything_else_is_asked(behind: Behind) -> None:
    connection, _ = behind(wrong_chain(1))
    with pytest.raises(MetalayerError, match=r"^arcade: its node is of chain 1, expected 902 "):
        refuse_unfit(connection)
    assert found(probe.probe(connection)) == {"chain id": "another"}


def test_a_gas_limit_that_no_block_holds_is_refused(behind: Behind) -> None:
    """The file may say that blocks are large; the chain knows."""
    small = Lies("eth_getBlockByNumber", lambda call, said: {**said, "gasLimit": hex(6_000_000)})
    with pytest.raises(
        MetalayerError, match=r"arcade: a message with 2000000 gas, .*: expected at most 1840000$"
    ):
        refuse_unfit(behind(small)[0])
    assert unfit(behind(small, max_gas_limit=1_840_000)[0]) == []
    with pytest.raises(MetalayerError, match="expected at most 1840000"):
        refuse_unfit(behind(small, max_gas_limit=1_840_001)[0])


def test_finality_by_a_tag_that_the_node_does_not_know_is_refused(behind: Behind) -> None:
    assert unfit(behind(finality="finalized")[0]) == []
    with pytest.raises(
        MetalayerError, match=r"^arcade: finality: .* invalid block tag: finalized: expected a number"
    ):
        refuse_unfit(behind(RefusesTag("finalized"), finality="finalized")[0])
    with pytest.raises(
        MetalayerError, match=r"^arcade: finality: .*there is no `safe` block.*: expected a number"
    ):
        refuse_unfit(behind(Lies("eth_getBlockByNumber", no_tag("safe")), finality="safe")[0])
    assert unfit(behind(RefusesTag("finalized"), RefusesTag("safe"), finality=3)[0]) == []


def no_tag(tag: str) -> Callable[[Call, Any], Any]:
    return lambda call, said: None if call.params[0] == tag else said


def block(**fields: Any) -> Fault:
    """The newest block has other fields, or lacks those that are None."""

    def lie(call: Call, said: Any) -> Any:
        changed = {**said, **fields} if call.params[0] == "latest" else said
        return {name: value for name, value in changed.items() if value is not None}

    return Lies("eth_getBlockByNumber", lie)


@pytest.fixture
def long(arcade: Connection) -> None:
    """A chain of more than 600 blocks."""
    arcade.rpc("anvil_mine", hex(600))


WARNED: list[tuple[tuple[Fault, ...], dict[str, Any], list[str]]] = [
    ((), {}, [r"finality is 2 blocks, and the chain itself calls final what is \d+ below the newest"]),
    ((RefusesTag("finalized"), RefusesTag("safe")), {}, []),
    ((), {"finality": 500}, []),
    (
        (Pruned(550),),
        {"finality": 200},
        [r"state of the final block, 200 below .*take an archive node", "logs of only 10 blocks"],
    ),
    ((block(baseFeePerGas=None),), {"finality": "safe"}, ["its blocks have no base fee"]),
    ((Refuses("eth_maxPriorityFeePerGas"),), {"finality": "safe"}, ["its node suggests no fees"]),
    ((LogRange(500),), {"finality": "safe"}, []),
    ((LogRange(100, status=400),), {"finality": "safe"}, ["logs of only 100 blocks at once"]),
    ((Refuses("eth_getLogs"),), {"finality": "safe"}, ["its node gives no logs: .*does not exist"]),
    ((BatchLimit(20),), {"finality": "safe"}, []),
    ((BatchLimit(1),), {"finality": "safe"}, ["answers no batch of 10 requests"]),
    (
        (block(timestamp=hex(int(time.time()) + 10**6)),),
        {"finality": "safe"},
        ["ahead of this machine's clock"],
    ),
    ((block(timestamp=hex(1_700_000_000)),), {"finality": "safe"}, ["does it still make blocks?"]),
]


@pytest.mark.old_states
@pytest.mark.usefixtures("long")
def test_what_is_not_needed_is_a_warning(behind: Behind) -> None:
    """One test for all: a chain that was made long many times forgets its old states."""
    for faults, preset, warnings in WARNED:
        connection, _ = behind(*faults, **preset)
        assert unfit(connection) == []
        lines = probe.probe(connection).warnings
        assert len(lines) == len(warnings), lines
        for line, expected in zip(lines, warnings, strict=True):
            assert line.startswith("arcade: ")
            assert re.search(expected, line), line


@pytest.mark.usefixtures("long")
def test_limits_are_measured(behind: Behind) -> None:
    connection, _ = behind(LogRange(500), BatchLimit(70))
    result = found(probe.probe(connection))
    assert (result["logs"], result["batches"]) == ("500 blocks", "50")


class LessGas(Fault):
    """A node that gives calls less gas than they ask for."""

    def answer(self, call: Call, ask: Ask) -> Any:
        if call.method == "eth_call" and "gas" in call.params[0]:
            call = call.to(0, {**call.params[0], "gas": hex(1_000_000)})
        return ask(call)


def test_a_node_that_gives_calls_less_gas_is_named(behind: Behind) -> None:
    (result,) = [one for one in probe.probe(behind(LessGas())[0]).results if one.subject == "rehearsals"]
    assert "of 3160000, which the largest delivery needs: rehearsals of it fail" in result.problem
    assert not result.needed


# In deploy and check


@pytest.fixture
def with_an_old_chain(deployer: Deployer, arcade: Connection) -> Iterator[Deployer]:
    with older(arcade.chain, "shanghai") as there:
        yield replace(deployer, connections={**deployer.connections, "arcade": there})


def test_nothing_is_sent_to_any_chain_if_one_is_unfit(
    with_an_old_chain: Deployer, connections: dict[str, Connection], deployment: object
) -> None:
    def nonces() -> list[str]:
        sender = SECOND_DEPLOYER.address
        return [one.rpc("eth_getTransactionCount", sender, "latest") for one in connections.values()]

    before = nonces()
    for run in (with_an_old_chain.plan, lambda: with_an_old_chain.apply(lambda chain, what, left: None)):
        with pytest.raises(MetalayerError, match=r"^arcade: it does not have TSTORE"):
            run()
    assert nonces() == before


def test_check_names_a_chain_that_is_unfit_and_goes_on(
    deployer: Deployer, arcade: Connection, deployment: object
) -> None:
    registry = deployer.apply(lambda chain, what, left: None)
    resolved = deployer.plan().resolved
    with older(arcade.chain, "shanghai") as there:
        connections = {**deployer.connections, "arcade": there}
        findings = check(resolved, registry, connections, deployer.artifacts)
    (drift,) = [finding for finding in findings if finding.is_drift]
    assert (drift.chain, drift.subject) == ("arcade", "EVM")
    assert drift.advice == f"arcade: it does not have {NEWER}, which the contracts need"
    assert {finding.chain for finding in findings} == set(connections)


@pytest.fixture
def elsewhere(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a workspace of the tests' chains as nodes elsewhere, arcade at another address."""

    def make(url: str) -> None:
        content = yaml.safe_load((repo_root() / "networks.yaml").read_text())
        for name, entry in content["chains"].items():
            del entry["port"]
            entry["url"] = url if name == "arcade" else network.chains[name].url
        content["network"]["name"] = "elsewhere"
        (tmp_path / "networks.yaml").write_text(yaml.safe_dump(content))
        intent = yaml.safe_load((repo_root() / "deploy.yaml").read_text())
        intent["deployer"] = SECOND_DEPLOYER.address
        for share in intent["genesis"]["shares"].values():
            if "holders" in share:
                share["holders"] = {TREASURY.address: share["amount"]}
        for office in ("councils", "fee_keepers", "recoveries"):
            intent[office] = {"default": OWNER.address}
        intent["watchers"] = {"default": [GUARDIAN.address]}
        for founder, *accounts in zip(intent["validators"]["bonded"], OPERATORS, VALIDATORS, strict=True):
            founder["operator"], founder["signer"] = (account.address for account in accounts)
        (tmp_path / "deploy.yaml").write_text(yaml.safe_dump(intent))
        monkeypatch.chdir(tmp_path)

    return make


def run(command: Any, *arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(command, arguments)


def test_the_plan_refuses_an_old_chain_in_one_line(
    elsewhere: Callable[[str], None], arcade: Connection
) -> None:
    with older(arcade.chain, "shanghai") as there:
        elsewhere(there.chain.url)
        refused = run(deploy_command, "plan")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: arcade: it does not have {NEWER}, which the contracts need\n"


def test_the_plan_shows_warnings_and_what_was_asked(
    elsewhere: Callable[[str], None], behind: Behind, deployment: object
) -> None:
    elsewhere(behind(BatchLimit(1))[1].url)
    planned = run(deploy_command, "plan", "--json")
    assert planned.exit_code == 3, planned.output
    assert "warning: arcade: its node answers no batch of 10 requests" in planned.stderr
    assert {one["subject"] for one in json.loads(planned.stdout)["probes"]["arcade"]} >= {"EVM", "batches"}


def test_check_shows_the_chains_and_ends_with_3_for_drift(
    deployment: Deployment, connections: dict[str, Connection]
) -> None:
    clean = run(check_command)
    assert clean.exit_code == 0, clean.output
    assert "Chains and their nodes" in clean.stdout
    assert " complete " in clean.stdout
    said = json.loads(run(check_command, "--json").stdout)
    assert said["clean"] is True
    assert set(said["probes"]) == set(connections)
    connections["perps"].rpc("anvil_setCode", deployment.bridge, "0x")
    drifted = run(check_command)
    assert drifted.exit_code == DIFFERS
    assert "no code" in drifted.stdout


def test_the_essentials_of_every_chain_are_named(arcade: Connection) -> None:
    assert [one.subject for one in essentials(arcade)] == ["chain id", "EVM", "block gas", "final block"]
    assert all(one.needed for one in essentials(arcade))
