"""The Ape plugin: what it says when a chain's port is not what it expects, and what it compiles with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ape import Project, accounts, networks, project
from ape.exceptions import CompilerError, ProviderError

import ape_metalayer.compiler
from ape_metalayer.compilation import Contracts, compile_project
from metalayer.deploy.sources import Sources
from metalayer.network.anvil import anvil_command
from metalayer.network.config import Chain, load_network
from metalayer.network.workspace import port_offset
from tests.kit.ports import hanging_up
from tools.repository import repo_root

Small = tuple[Any, list[Sources]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Chain:
    """The hub on a port where nothing runs yet."""
    monkeypatch.setenv("METALAYER_PORT_OFFSET", str(port_offset() + 1000))
    return load_network().hub


@contextmanager
def connected() -> Iterator[Any]:
    with networks.parse_network_choice("metalayer:hub", disconnect_after=True) as provider:
        yield provider


def test_connecting_starts_the_chain_and_disconnecting_ends_it(hub: Chain) -> None:
    with connected() as provider:
        assert provider.web3.eth.chain_id == hub.chain_id
        process = provider.process
        assert process.poll() is None
    assert process.poll() is not None


def test_a_port_taken_by_something_else_is_one_line(hub: Chain) -> None:
    with hanging_up(hub.port), pytest.raises(ProviderError) as raised, connected():
        pass
    assert f"port {hub.port} of chain 'hub' is taken by another program" in str(raised.value)


def test_a_node_of_another_chain_is_refused(hub: Chain) -> None:
    command = anvil_command(hub, interval=False)
    command[command.index("--chain-id") + 1] = "31337"
    node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert node.stdout is not None
        while "Listening on" not in node.stdout.readline():
            assert node.poll() is None
        with pytest.raises(ProviderError, match="is chain 31337, expected 901"), connected():
            pass
        assert node.poll() is None, "somebody else's node is left alone"
    finally:
        node.kill()
        node.communicate()


def test_a_transaction_on_a_chain_that_mines_by_interval_is_waited_for(hub: Chain) -> None:
    node = subprocess.Popen(anvil_command(hub, interval=True), stdout=subprocess.PIPE, text=True)
    try:
        assert node.stdout is not None
        while "Listening on" not in node.stdout.readline():
            assert node.poll() is None
        with connected():
            sender, recipient = accounts.test_accounts[0], accounts.test_accounts[1]
            receipt = sender.transfer(recipient, 1)
            assert receipt.block_number > 0
            assert receipt.gas_limit < hub.preset.gas_limit, "estimated: others have room in the block"
        assert node.poll() is None
    finally:
        node.kill()
        node.communicate()


def test_ape_has_the_contracts_as_each_compiles_with_its_own_imports() -> None:
    containers = project.load_contracts()
    compiled = compile_project(Sources(repo_root()))
    for file, contracts in compiled.items():
        for name, contract in contracts.items():
            kind = containers[name].contract_type
            code = contract.get("evm", {}).get("bytecode", {}).get("object", "")
            assert (kind.source_id, kind.deployment_bytecode.bytecode) == (file, f"0x{code}")
    assert project.Metalayer.contract_type.devdoc["kind"] == "dev"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project like this one, and what Ape asked to be compiled, one entry each time."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "T.sol").write_text("pragma solidity ^0.8.0; struct T { uint256 x; }")
    (tmp_path / "contracts" / "C.sol").write_text(
        'pragma solidity ^0.8.0; import {T} from "./T.sol"; contract C { T public t; }'
    )
    shutil.copy(repo_root() / "ape-config.yaml", tmp_path)
    (tmp_path / ".solc").symlink_to(repo_root() / ".solc")
    asked: list[Sources] = []

    def remembering(sources: Sources) -> Contracts:
        asked.append(sources)
        return compile_project(sources)

    monkeypatch.setattr(ape_metalayer.compiler, "checkout", lambda: tmp_path)
    monkeypatch.setattr(ape_metalayer.compiler, "compile_project", remembering)
    return Project(tmp_path), asked


def test_ape_asks_again_when_something_changed_and_only_then(small: Small) -> None:
    project, asked = small
    assert "C" in project.load_contracts()
    project.load_contracts()
    Project(project.path).load_contracts()
    assert len(asked) == 1, "a file without a contract is not new each time"
    (project.path / "contracts" / "T.sol").write_text("pragma solidity ^0.8.0; struct T { uint256 y; }")
    (getter,) = Project(project.path).load_contracts()["C"].contract_type.view_methods
    assert getter.outputs[0].name == "y", "what imports a changed file is compiled again"
    assert len(asked) == 2


def test_a_contract_that_is_gone_is_gone_for_ape(small: Small) -> None:
    project, _ = small
    project.load_contracts()
    source = project.path / "contracts" / "C.sol"
    source.write_text(source.read_text().replace("contract C", "contract D"))
    Project(project.path).load_contracts()
    assert Project(project.path).load_contracts().keys() == {"D", "T.sol"}


def test_a_contract_that_does_not_compile_is_the_compilers_message(small: Small) -> None:
    project, _ = small
    (project.path / "contracts" / "T.sol").write_text("pragma solidity ^0.8.0; struct T { nothing x; }")
    with pytest.raises(CompilerError, match=r"Identifier not found or not unique\."):
        project.load_contracts()
