"""`${NAME}` in addresses: filled in when a node is asked, never shown, and one line if the environment has it not."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.network.addresses import filled
from metalayer.network.anvil import anvil_command, anvil_environment
from metalayer.network.config import load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.nodes import Nodes
from metalayer.network.redaction import shown_url, without_secrets
from tests.kit.chains import BoundChain
from tests.kit.node import Node

SECRET = "k3y-0f-the-environment"  # noqa: S105
FILE = """
network: {{ name: paper, hub: home }}
presets:
  hub:
    block_time: 1
    gas_limit: 60_000_000
    base_fee: 1_000_000_000
    finality: 2
    default_gas_limit: 200_000
    max_gas_limit: 10_000_000
    default_return_gas_limit: 200_000
    fees: {{ base: 1, gas: 1, byte: 1, protocol_share: 1 }}
chains:
  home:
    chain_id: 904
    preset: hub
    {place}
"""


def written(folder: Path, place: str) -> Path:
    path = folder / "networks.yaml"
    path.write_text(FILE.format(place=place), encoding="utf-8")
    return path


def shows_nothing(error: BaseException) -> str:
    assert SECRET not in "".join(traceback.format_exception(error))
    assert "\n" not in str(error)
    return str(error)


def test_a_node_is_asked_where_the_environment_says(
    tmp_path: Path, emitting: BoundChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read without it: who asks no node needs no key."""
    with Node(emitting.url) as node:
        path = written(tmp_path, "url: http://127.0.0.1:${METALAYER_TEST_PORT}/v2/${METALAYER_TEST_KEY}")
        network = load_network(path)
        home = connect(network)["home"]
        assert not network.is_local
        monkeypatch.setenv("METALAYER_TEST_KEY", SECRET)
        with pytest.raises(
            MetalayerError,
            match=r"^networks\.yaml:17: chains\.home\.url: the environment variable METALAYER_TEST_PORT is not set$",
        ):
            home.height()
        monkeypatch.setenv("METALAYER_TEST_PORT", node.url.rpartition(":")[2])
        assert home.height() == Connection(emitting.chain).height()
        assert SECRET not in f"{home!r} {network!r} {network.hub.place}"
        assert network.hub.url.endswith(f"/v2/{SECRET}")


@pytest.mark.parametrize(
    ("place", "at", "line"),
    [
        ("url: http://${UNSET_OF_TESTS}", "chains.home.url", 17),
        ("url:\n      - http://127.0.0.1:1\n      - http://${UNSET_OF_TESTS}", "chains.home.url.1", 19),
        ("url: http://127.0.0.1:1\n    nodes:\n      - ${UNSET_OF_TESTS}", "chains.home.nodes.0", 19),
    ],
)
def test_what_is_not_set_is_named_with_its_line(tmp_path: Path, place: str, at: str, line: int) -> None:
    """However many other nodes there are: half a key is a mistake."""
    connection = connect(load_network(written(tmp_path, place)))["home"]
    asked = [node.height for node in Nodes.of(connection).connections]
    with pytest.raises(MetalayerError) as caught:
        asked[-1]()
    said = shows_nothing(caught.value)
    assert said == f"networks.yaml:{line}: {at}: the environment variable UNSET_OF_TESTS is not set"


def test_a_fork_is_of_what_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = load_network(written(tmp_path, "port: 9001\n    fork: { url: '${TESTS_UPSTREAM}' }")).hub
    with pytest.raises(
        MetalayerError, match=r"^networks\.yaml:18: chains\.home\.fork\.url: .* TESTS_UPSTREAM is not set"
    ):
        anvil_environment(chain)
    monkeypatch.setenv("TESTS_UPSTREAM", f"https://node.example/{SECRET}")
    assert f"https://node.example/{SECRET}" in anvil_environment(chain).values()
    assert not [word for word in anvil_command(chain, interval=True) if SECRET in word]
    assert SECRET not in repr(chain)


@pytest.mark.parametrize(
    "url",
    [
        "http://${}",
        "http://${A-B}",
        "http://${A}/${",
        "http://${1A}",
        "ftp://${A}",
        "http://a:${P}x",
        "http://node.example/${KEY OF MINE}",
    ],
)
def test_only_whole_groups_are_written(tmp_path: Path, url: str) -> None:
    with pytest.raises(MetalayerError, match=r"^networks\.yaml:17: chains\.home\.url: expected"):
        load_network(written(tmp_path, f"url: '{url}'"))


@pytest.mark.parametrize("value", ["not a port", "0", "99999", "80/ x\n", SECRET])
def test_what_comes_out_must_be_an_address(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TESTS_PORT", value)
    with pytest.raises(
        MetalayerError, match=r"^with what the environment has for TESTS_PORT it is no ad"
    ) as caught:
        filled("http://127.0.0.1:${TESTS_PORT}")
    shows_nothing(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("${URL}", "${URL}"),
        ("${URL}/v2/literal-key", "${URL}/…"),
        ("${A}${B}", "${A}${B}"),
        ("https://${HOST}.example/v2/${KEY}", "https://${HOST}.example/…"),
        ("https://${USER}:${PASSWORD}@node.example", "https://node.example"),
        ("https://node.example:${PORT}", "https://node.example:${PORT}"),
        ("https://u:p@${HOST}?key=k3y", "https://${HOST}/…"),
    ],
)
def test_what_is_shown_of_an_address(address: str, shown: str) -> None:
    assert shown_url(address) == shown


def test_a_node_that_repeats_a_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTS_KEY", SECRET)
    said = f"project {SECRET} of {SECRET}.example has no credit"
    assert without_secrets(said, "https://${TESTS_KEY}.example") == "project … of ….example has no credit"


def test_an_address_of_a_chain_without_a_file_is_filled_too(
    emitting: BoundChain, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = replace(emitting.chain, base_port=None, remote_url="${TESTS_NODE}")
    with pytest.raises(MetalayerError, match=r"^the environment variable TESTS_NODE is not set$"):
        Connection(chain).height()
    monkeypatch.setenv("TESTS_NODE", node.url)
    assert Connection(chain).height() == Connection(emitting.chain).height()
