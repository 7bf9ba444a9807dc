"""networks.yaml: what it gives and what it refuses, each refusal one line that names the place."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from metalayer.errors import MetalayerError
from metalayer.network.anvil import anvil_command, anvil_environment
from metalayer.network.config import PERMIT2, load_network
from metalayer.network.workspace import port_offset, state_dir

PRESET = {
    "block_time": 1,
    "gas_limit": 60_000_000,
    "base_fee": 10**9,
    "finality": 2,
    "default_gas_limit": 200_000,
    "max_gas_limit": 10_000_000,
    "default_return_gas_limit": 200_000,
    "fees": {"base": 1_000_000, "gas": 10_000, "byte": 1_000, "protocol_share": 1_000},
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
    for wrong in ("-3", "50001", "9" * 5_000, "٣"):
        monkeypatch.setenv("METALAYER_PORT_OFFSET", wrong)
        with pytest.raises(MetalayerError, match=f"METALAYER_PORT_OFFSET is '{wrong}'"):
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


def test_lines_are_those_of_the_file(write: Write) -> None:
    """The first fault, in the line where an editor shows it."""
    lines = yaml.safe_dump(good()).splitlines()
    at = next(number for number, line in enumerate(lines, 1) if line.endswith("chain_id: 2"))
    wrong = "\n".join(line.replace("chain_id: 2", "chain_id: 0x2") for line in lines)
    with pytest.raises(
        MetalayerError, match=rf"^networks\.yaml:{at}: chains\.away\.chain_id: .* found '0x2'$"
    ):
        load_network(write(wrong))


@pytest.mark.parametrize(
    "number",
    ["0100", "1:30", "1e3", "0o10", "yes", "+1", "1__0", "٣", "9" * 5_000],
    ids=lambda number: ascii(number)[:9],
)
def test_what_only_looks_like_a_number_is_none(write: Write, number: str) -> None:
    text = yaml.safe_dump(good()).replace("base_fee: 1000000000", f"base_fee: {number}")
    with pytest.raises(MetalayerError, match=r"presets.hub.base_fee: expected a whole number from 0 to"):
        load_network(write(text))


def test_a_password_in_a_url_is_not_shown(write: Write) -> None:
    entry = {"chain_id": 2, "preset": "hub", "url": "htps://user:secret@node"}
    with pytest.raises(MetalayerError, match=r"chains.away.url: expected") as raised:
        load_network(write(change("chains.away", entry)))
    assert "secret" not in str(raised.value)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Nobody writes to it: reading would wait for ever."""
    os.mkfifo(tmp_path / "networks.yaml")
    with pytest.raises(MetalayerError, match=r"networks.yaml: expected a regular file"):
        load_network(tmp_path / "networks.yaml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("chains: [", r":1: not valid YAML: "),
        (b"chains:\n  a: \xff", r":2: expected UTF-8, found the byte 0xff"),
        ("", r":1: expected names with values, found nothing"),
        ("a: &x {}\nb: *x", r":1: a: expected no anchor"),
        ("network: {}\n---\n", r":2: expected one document"),
        ("a: !!python/name:os.system x", r":1: a: expected no tag"),
        ("[" * 50, r":1: 0\.0.*expected at most 16 levels"),
        ("? [a]\n: 1", r":1: expected a name before the colon"),
        ("chains:\n  hub: {}\n  hub: {}", r":3: chains.hub: expected each name once, it is in line 2, too"),
        ("# " + "x" * (1 << 17), r"expected at most 131072 bytes"),
        ('a: "\\UFFFFFFFF"', r": not valid YAML: "),
        ("a: \0", r":1: not valid YAML: the character 0x00 is not allowed"),
        (
            change("chains.away.preset", "hud"),
            r"chains.away.preset: no preset 'hud', did you mean 'hub'\? expected one",
        ),
        (change("chains.away.chain_id", 1), r"chains.away.chain_id: 1 is already|chains.home.chain_id: 1 is"),
        (
            change("chains.away.chain_id", "abc"),
            r":3: chains.away.chain_id: .* from 1 to 2\^64-1, found 'abc'",
        ),
        (change("chains.away.chain_id", 1 << 64), r"chains.away.chain_id: .*found '18446744073709551616'"),
        (change("chains.away.port", 9001), r"port: 9001 is already"),
        (change("chains.away.port", 99_999), r"chains.away.port: .* from 1 to 65535, found '99999'"),
        (change("chains.away.port", None), r"chains.away: give either a port .* or a url"),
        (change("chains.away.url", "http://elsewhere:1"), r"chains.away: give either a port .* or a url"),
        (change("chains.away.url", "elsewhere"), r"chains.away.url: expected the address of a node, such as"),
        (
            change("chains.away.prot", 1),
            r"chains.away.prot: unknown name, did you mean 'port'\? expected one of",
        ),
        (change("chains.Up-Town", ENTRY), r"chains.Up-Town: expected up to 32 lower-case letters"),
        (change("network.name", "../elsewhere"), r"network.name: expected up to 64 letters"),
        (change("network.hub", "nowhere"), r"network.hub: no chain 'nowhere': expected one of away, home"),
        (change("presets.hub.max_gas_limit", 16_777_216), r"hub.max_gas_limit: .* at most 15427338"),
        (
            change("presets.hub.gas_limit", 20_000_000),
            r"hub.max_gas_limit: .* needs 11263730 gas: half a block",
        ),
        (change("presets.hub.gas_limit", 1_000_000), r"hub.max_gas_limit: .* at most 0"),
        (
            change("presets.hub.default_gas_limit", 10_000_001),
            r"default_gas_limit: expected at most max_gas_limit",
        ),
        (
            change("presets.hub.block_time", 0),
            r"presets.hub.block_time: expected a number from 0.01 to 3600, ",
        ),
        (change("presets.hub.block_time", float("inf")), r"presets.hub.block_time: .* found '.inf'"),
        (
            change("presets.hub.finality", "final"),
            r"hub.finality: expected `finalized`, `safe` or .* found 'final'",
        ),
        (change("presets.hub.finality", -1), r"presets.hub.finality: expected `finalized`, `safe` or"),
        (change("chains.away.nodes", "http://a"), r"chains.away.nodes: expected a list, found 'http://a'"),
        (change("chains.away.nodes", []), r"chains.away.nodes: expected at least 1 entries, found 0"),
        (
            change("chains.away.nodes", ["http://a", "http://a/"]),
            r"chains.away.nodes: one of them is there twice",
        ),
        (
            change("chains.away.nodes", ["http://a", "b"]),
            r"chains.away.nodes.1: expected the address of a node",
        ),
        (change("chains.away.agree", 1), r"chains.away.agree: expected more than half of the 0 nodes"),
        (change("chains.away.confirmations", 1_001), r"chains.away.confirmations: .* from 0 to 1000, found"),
        (
            change("chains.away", {"chain_id": 2, "preset": "hub", "url": ["http://a", "http://a/"]}),
            r"chains.away.url: one of them is there twice",
        ),
        (
            change(
                "chains.away", {"chain_id": 2, "preset": "hub", "url": [f"http://a{n}" for n in range(11)]}
            ),
            r"chains.away.url: expected 1 to 10 addresses, found 11",
        ),
        (
            change("chains.away", {"chain_id": 2, "preset": "hub", "url": ["http://a", ["http://b"]]}),
            r"chains.away.url: number 2: expected the address of a node",
        ),
        (
            change("chains.away", {"chain_id": 2, "preset": "hub", "url": "http://a/${KEY"}),
            r":\d+: chains.away.url: expected `\$\{NAME\}` with letters",
        ),
        (change("chains.default", ENTRY), r"chains.default: expected up to 32 .*, and not `default`"),
        (change("presets.hub.fees", None), r"presets.hub: `fees` is missing"),
        (change("presets.hub.fees.base", None), r"presets.hub.fees: `base` is missing"),
        (
            change("presets.hub.default_return_gas_limit", 15_000_001),
            r"return_gas_limit: .* to 15000000, found",
        ),
        (change("presets.hub.fees.base", -1), r"presets.hub.fees.base: .* from 0 to 2\^40-1, found '-1'"),
        (change("presets.hub.fees.gas", 1 << 40), r"presets.hub.fees.gas: .* found '1099511627776'"),
        (change("presets.hub.fees.byte", 0.5), r"presets.hub.fees.byte: .* found '0.5'"),
        (change("presets.hub.fees.base", "12"), r"presets.hub.fees.base: .* found '12'"),
        (change("presets.hub.fees.base", True), r"presets.hub.fees.base: .* found 'true'"),
        (change("presets.hub.fees.base", [1]), r"presets.hub.fees.base: .* found a list"),
        (change("presets.hub.fees.protocol_share", 10_001), r"fees.protocol_share: .* to 10000, found"),
        (change("presets.hub.fees.bse", 1), r"presets.hub.fees.bse: unknown name, did you mean 'base'"),
        (
            change("chains.home.wrapped_ether", "0x" + "00" * 20),
            r":\d+: chains\.home\.wrapped_ether: expected the address of a contract, found the zero address",
        ),
        (
            change("chains.home.wrapped_ether", "WETH9"),
            r":\d+: chains\.home\.wrapped_ether: expected an address, 0x and 40 .*found 'WETH9'",
        ),
        (
            change("chains.home.permit2", PERMIT2.replace("D", "d", 1)),
            rf":\d+: chains\.home\.permit2: the checksum of .* is wrong: expected {PERMIT2}",
        ),
        (
            change("chains.home.permit2", [PERMIT2]),
            r":\d+: chains\.home\.permit2: expected an address, .*found a list",
        ),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_place(write: Write, data: object, message: str) -> None:
    with pytest.raises(MetalayerError) as raised:
        load_network(write(data))
    assert re.search(message, str(raised.value)), raised.value
    assert str(raised.value).startswith("networks.yaml:")
    assert "\n" not in str(raised.value)


def test_fees_are_those_of_the_file(write: Write) -> None:
    fees = load_network(write(change("presets.hub.fees.byte", 0))).hub.preset.fees
    assert (fees.base, fees.gas, fees.byte, fees.protocol_share) == (1_000_000, 10_000, 0, 1_000)


def test_contracts_of_others_are_those_of_the_file(write: Write) -> None:
    chain = load_network(write(good())).hub
    assert (chain.wrapped_ether, chain.permit2) == (None, PERMIT2)
    place = "0x" + "c0" * 20
    chain = load_network(write(change("chains.home.wrapped_ether", place))).hub
    assert chain.wrapped_ether is not None
    assert (chain.wrapped_ether.lower(), chain.permit2) == (place, PERMIT2)
    chain = load_network(write(change("chains.home.permit2", place))).hub
    assert (chain.wrapped_ether, chain.permit2.lower()) == (None, place)


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
    assert (forked["--fork-url"], forked["--fork-block-number"]) == ("metalayer_upstream", "17")
    assert anvil_environment(network.chain("away"))["METALAYER_UPSTREAM"] == "http://upstream:1"
    assert anvil_environment(network.hub) == {}
    assert "--block-time" not in forked
