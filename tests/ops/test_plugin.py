"""The Ape plugin: what it says when a chain's port is not what it expects, and what it compiles with."""

import json
import subprocess
import threading
from contextlib import contextmanager

import pytest
from ape import accounts, networks, project
from ape.exceptions import ProviderError

from metalayer.network.anvil import anvil_command
from metalayer.network.config import load_network
from metalayer.network.workspace import port_offset
from tests.kit.ports import listener
from tools.toolchain import standard_input


@pytest.fixture
def hub(monkeypatch):
    """The hub on a port where nothing runs yet."""
    monkeypatch.setenv("METALAYER_PORT_OFFSET", str(port_offset() + 1000))
    return load_network().hub


@contextmanager
def connected():
    with networks.parse_network_choice("metalayer:hub", disconnect_after=True) as provider:
        yield provider


@contextmanager
def hanging_up(port: int):
    """A program that takes connections and ends each at once."""
    server = listener(port)

    def serve() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(2)
        server.close()
        thread.join()


def test_connecting_starts_the_chain_and_disconnecting_ends_it(hub):
    with connected() as provider:
        assert provider.web3.eth.chain_id == hub.chain_id
        process = provider.process
        assert process.poll() is None
    assert process.poll() is not None


def test_a_port_taken_by_something_else_is_one_line(hub):
    with hanging_up(hub.port), pytest.raises(ProviderError) as raised, connected():
        pass
    assert f"port {hub.port} of chain 'hub' is taken by another program" in str(raised.value)


def test_a_node_of_another_chain_is_refused(hub):
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


def test_a_transaction_on_a_chain_that_mines_by_interval_is_waited_for(hub):
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


def test_the_bytecode_has_no_metadata_and_the_settings_are_the_ones_of_slither_and_solc_check():
    (compiler,) = {json.dumps(used.settings, sort_keys=True) for used in project.manifest.compilers}
    used, expected = json.loads(compiler), standard_input()["settings"]
    assert used["metadata"] == {"appendCBOR": False, "bytecodeHash": "none"}
    for name in ("optimizer", "evmVersion", "viaIR", "metadata"):
        assert used[name] == expected[name], name
