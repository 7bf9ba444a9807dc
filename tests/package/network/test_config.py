"""networks.yaml: what it gives and what it refuses, each refusal one line that names the place."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from metalayer.errors import MetalayerError
from metalayer.network.anvil import anvil_command
from metalayer.network.config import load_network
from metalayer.network.workspace import port_offset, state_dir

PRESET = {
    "block_time": 1,
    "gas_limit": 60_000_000,
    "base_fee": 10**9,
    "finality": 2,
    "default_gas_limit": 200_000,
    "max_gas_limit": 10_000_000,
    "fees": {"base": 1_000_000, "gas": 10_000, "byte": 1_000, "return": 2_000_000, "protocol_share": 1_000},
}
ENTRY = {"chain_id": 1, "port": 9001, "preset": "hub"}

Write = Callable[[object], Path]
"""Writes a networks.yaml: bytes and text as they are."""


def good() -> dict[str, Any]:
    return {
        "network": {"name": "paper", "hub": "home"},
        "presets": {"hub": copy.deepcopy(PRESET)},
        "chains": {
            "away": {"chain_id": 2, "port": 9002, "preset": "hub"},
            "home": {"chain_id": 1, "port": 9001, "preset": "hub"},
        },
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(data: object) -> Path:
        path = tmp_path / "networks.yaml"
        text = data if isinstance(data, str | bytes) else yaml.safe_dump(data)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_the_repository_has_a_hub_and_three_rollups() -> None:
    network = load_network()
    assert {name: chain.chain_id for name, chain in network.chains.items()} == {
        "hub": 901,
        "arcade": 902,
        "perps": 903,
        "social": 904,
    }
    assert network.hub is network.chains["hub"]
    assert network.is_local


def test_the_hub_comes_first_wherever_it_stands_in_the_file(write: Write) -> None:
    network = load_network(write(good()))
    assert list(network.chains) == ["home", "away"]
    assert network.hub.name == "home"


def test_a_chain_is_found_by_name_and_by_id(write: Write) -> None:
    network = load_network(write(good()))
    assert network.chain("away") is network.chain(2) is network.chain("2")
    with pytest.raises(MetalayerError, match=r"no chain 'mars' .* expected one of home \(1\), away \(2\)"):
        network.chain("mars")


def test_ports_and_folders_follow_the_offset(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = load_network(write(good())).hub
    monkeypatch.setenv("METALAYER_PORT_OFFSET", "7")
    assert (chain.port, chain.url) == (9008, "http://127.0.0.1:9008")
    monkeypatch.chdir(tmp_path)
    assert state_dir() == tmp_path / ".metalayer" / "offset-7"
    monkeypatch.setenv("METALAYER_PORT_OFFSET", "0")
    assert state_dir() == tmp_path / ".metalayer"
    monkeypatch.setenv("METALAYER_PORT_OFFSET", "-3")
    with pytest.raises(MetalayerError, match="METALAYER_PORT_OFFSET is '-3'"):
        port_offset()


def test_the_tests_never_run_on_the_localnets_ports() -> None:
    assert port_offset() != 0


def change(path: str, value: object) -> dict[str, Any]:
    data = good()
    *parents, last = path.split(".")
    place = data
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("chains: [", "is not valid YAML"),
        (b"\xff", "is not a text file"),
        ("", "the file: .*valid dictionary"),
        (change("chains.away.preset", "moon"), r"chains.away.preset: no preset 'moon', expected one of hub"),
        (change("chains.away.chain_id", 1), r"chains.away.chain_id: 1 is already|chains.home.chain_id: 1 is"),
        (change("chains.away.port", 9001), r"port: 9001 is already"),
        (change("chains.away.port", 99_999), r"chains.away.port: .*less than 65536"),
        (change("chains.away.port", None), r"chains.away: give either a port .* or a url"),
        (change("chains.away.url", "http://elsewhere:1"), r"chains.away: give either a port .* or a url"),
        (change("chains.away.prot", 1), r"chains.away.prot: Extra inputs are not permitted"),
        (change("chains.Up-Town", ENTRY), r"chains.Up-Town.*: String should match"),
        (change("network.hub", "nowhere"), r"network.hub: no chain 'nowhere', expected one of away, home"),
        (change("presets.hub.max_gas_limit", 16_777_217), r"max_gas_limit: .*16777216"),
        (change("presets.hub.gas_limit", 15_000_000), r"presets.hub: max_gas_limit is over half a block"),
        (change("presets.hub.default_gas_limit", 10_000_001), r"default_gas_limit is over max_gas_limit"),
        (change("presets.hub.block_time", 0), r"presets.hub.block_time: .*greater than 0"),
        (change("presets.hub.fees", None), r"presets.hub.fees: Field required"),
        (change("presets.hub.fees.base", None), r"presets.hub.fees.base: Field required"),
        (change("presets.hub.fees.return", None), r"presets.hub.fees.return: Field required"),
        (change("presets.hub.fees.base", -1), r"presets.hub.fees.base: .*greater than or equal to 0"),
        (change("presets.hub.fees.gas", 1 << 40), r"presets.hub.fees.gas: .*less than 1099511627776"),
        (change("presets.hub.fees.byte", 0.5), r"presets.hub.fees.byte: .*valid integer"),
        (change("presets.hub.fees.return", "12"), r"presets.hub.fees.return: .*valid integer"),
        (change("presets.hub.fees.base", True), r"presets.hub.fees.base: .*valid integer"),
        (change("presets.hub.fees.protocol_share", 10_001), r"fees.protocol_share: .*equal to 10000"),
        (change("presets.hub.fees.bse", 1), r"presets.hub.fees.bse: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_place(write: Write, data: object, message: str) -> None:
    with pytest.raises(MetalayerError) as raised:
        load_network(write(data))
    assert re.search(message, str(raised.value)), raised.value
    assert "networks.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_fees_are_those_of_the_file(write: Write) -> None:
    fees = load_network(write(change("presets.hub.fees.byte", 0))).hub.preset.fees
    assert (fees.base, fees.gas, fees.byte, fees.return_, fees.protocol_share) == (
        1_000_000,
        10_000,
        0,
        2_000_000,
        1_000,
    )


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match=r"cannot read .*networks.yaml: No such file"):
        load_network(tmp_path / "networks.yaml")


def test_a_changed_file_is_read_again(write: Write) -> None:
    path = write(good())
    assert load_network(path).name == "paper"
    path.write_text(yaml.safe_dump(change("network.name", "stone")))
    assert load_network(path).name == "stone"


def options(command: list[str]) -> dict[str, str]:
    return {name: value for name, value in zip(command, [*command[1:], ""], strict=True) if name[:2] == "--"}


def test_anvil_runs_what_the_file_says(write: Write) -> None:
    data = change("chains.away.fork", {"url": "http://upstream:1", "block": 17})
    network = load_network(write(data))
    own = options(anvil_command(network.hub, interval=True))
    assert own["--chain-id"] == "1"
    assert own["--port"] == str(network.hub.port)
    assert own["--block-time"] == "1"
    assert own["--gas-limit"] == "60000000"
    assert own["--hardfork"] == "prague"
    assert "--fork-url" not in own
    forked = options(anvil_command(network.chain("away"), interval=False))
    assert (forked["--fork-url"], forked["--fork-block-number"]) == ("http://upstream:1", "17")
    assert "--block-time" not in forked
