"""Values as proposals write them: by the types of the ABI, with units and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.intent import route_between
from metalayer.governance.arguments import Arguments, Unreadable, Value
from metalayer.network.values import Plain
from metalayer.protocol.create3 import create3_address
from metalayer.protocol.gateway import SET_TERMS
from metalayer.protocol.transfers import representation
from tests.kit.proposing import Desk, place_of
from tests.kit.roles import OWNER

TERMS = [
    "defaultGasLimit",
    "maxGasLimit",
    "defaultReturnGasLimit",
    "baseFee",
    "gasFee",
    "byteFee",
    "returnGasFee",
    "protocolShare",
]
STRUCT = {
    "type": "tuple",
    "name": "terms",
    "internalType": "struct Terms",
    "components": [{"type": "uint40", "name": name} for name in TERMS],
}


@pytest.fixture
def arguments(desk: Desk) -> Arguments:
    return Arguments(desk.names, "arcade", desk.root)


def read(arguments: Arguments, type_: str, raw: Any) -> Value:
    return arguments.read({"type": type_, "name": "x"}, raw)


@pytest.mark.parametrize(
    ("type_", "raw", "value", "words"),
    [
        ("uint8", Plain("255"), 255, "255"),
        ("int16", Plain("-7"), -7, "-7"),
        ("uint256", Plain("1_000"), 1_000, "1000"),
        ("uint256", Plain("1.5 ERA"), 15 * 10**17, "1.5 ERA"),
        # Beyond what a float, and 28 digits, can tell.
        ("uint256", Plain("999999999999.123456789012345678 ERA"), 999999999999123456789012345678, ""),
        ("uint256", Plain("1_000ERA"), 10**21, "1,000 ERA"),
        ("uint256", Plain("2 ether"), 2 * 10**18, "2000000000000000000 (2 ether)"),
        ("uint48", Plain("2 days"), 172_800, "172800 (2 days)"),
        ("uint48", Plain("1 week"), 604_800, "604800 (1 week)"),
        ("uint16", Plain("7.5%"), 750, "750 (7.5%)"),
        ("uint256", "arcade", 902, "arcade (902)"),
        ("bool", Plain("true"), True, "true"),
        ("string", "x y", "x y", "'x y'"),
        ("bytes", Plain("0x12ef"), b"\x12\xef", "0x12ef"),
        ("bytes4", Plain("0x12345678"), bytes.fromhex("12345678"), "0x12345678"),
        ("uint8[]", [Plain("1"), Plain("2")], [1, 2], "[1, 2]"),
        ("uint8[2][]", [[Plain("1"), Plain("2")]], [[1, 2]], "[[1, 2]]"),
    ],
)
def test_values_by_their_types(arguments: Arguments, type_: str, raw: Any, value: Any, words: str) -> None:
    found = read(arguments, type_, raw)
    assert found.plain == value
    assert found.words == words or not words


@pytest.mark.parametrize(
    ("type_", "raw", "said"),
    [
        ("uint8", Plain("256"), r"expected a whole number from 0 to 255, found '256'"),
        ("uint8", "7", r"found '7'"),
        ("uint256", Plain("-1"), r"from 0 to 2\^256-1"),
        ("uint256", Plain("1.5 wei"), "expected a whole number of its smallest unit"),
        ("uint256", Plain("3 apples"), "no unit 'apples'"),
        ("uint256", Plain("arcad"), "there is no chain of this name, did you mean 'arcade'"),
        # A number of eight bits is no chain's id.
        ("uint8", Plain("arcade"), "found 'arcade'"),
        ("bool", Plain("1"), "expected true or false, found '1'"),
        ("bool", "true", "expected true or false"),
        ("address", Plain("Stakin"), "no contract 'Stakin', did you mean 'Staking'"),
        ("address", Plain("0x12"), "expected an address"),
        ("bytes", Plain("0x1"), "expected bytes such as 0x12ef"),
        ("bytes4", Plain("0x1234"), "expected 4 bytes, found 2"),
        ("bytes", {"file": "../x"}, "expected a file beside the proposal"),
        ("bytes", {"file": "x"}, "there is no file 'x' beside the proposal"),
        ("uint8[2]", [Plain("1")], "expected 2 entries, found 1"),
        ("uint8[]", Plain("1"), "expected a list of uint8"),
    ],
)
def test_what_is_of_another_type_is_refused(arguments: Arguments, type_: str, raw: Any, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(arguments, type_, raw)


def test_addresses_have_names(arguments: Arguments) -> None:
    assert read(arguments, "address", "Metalayer") == Value(
        place_of("Metalayer"), f"Metalayer {place_of('Metalayer')}"
    )
    assert read(arguments, "address", OWNER.alias) == Value(OWNER.address, f"{OWNER.alias} {OWNER.address}")
    assert read(arguments, "address", OWNER.address.lower()) == Value(OWNER.address, OWNER.address)
    # Only on the hub, but there is one of that name.
    assert read(arguments, "address", "Staking").plain == place_of("Staking")
    # A contract that is not there yet, and one by what it is called in the factory.
    factory, deployer = place_of("Create3Factory"), arguments.names.deployer
    expected = create3_address(factory, deployer, keccak(text="Metalayer2"))
    assert read(arguments, "address", {"create3": "Metalayer2"}).plain == expected
    # What stands elsewhere for a token of a chain, whether it was ever sent or not.
    token = read(arguments, "address", {"representation": OWNER.address, "home": "perps"}).plain
    chain_id = arguments.names.chain("perps").chain_id
    assert token == representation(place_of("TokenBridge"), place_of("BridgedToken"), chain_id, OWNER.address)
    with pytest.raises(Unreadable, match="no chain 'mars'"):
        read(arguments, "address", {"representation": OWNER.address, "home": "mars"})
    assert read(arguments, "address", "nobody") == Value("0x" + "00" * 20, "nobody")


def test_terms_are_those_that_deploy_computes(desk: Desk, arguments: Arguments) -> None:
    hub, arcade = desk.network.hub, desk.network.chains["arcade"]
    back = arguments.substituted("{chain}")
    plain = arguments.read(STRUCT, {"preset": "hub", "return": back}).plain
    assert SET_TERMS.encode(hub.chain_id, plain) == SET_TERMS.encode(
        hub.chain_id, route_between(arcade, hub).terms
    )


def test_terms_may_differ_from_their_preset(arguments: Arguments) -> None:
    given = {"preset": "hub", "return": "arcade", "baseFee": Plain("7")}
    usual = arguments.read(STRUCT, {"preset": "hub", "return": "arcade"}).plain
    changed = arguments.read(STRUCT, given).plain
    assert changed == tuple(7 if name == "baseFee" else usual[n] for n, name in enumerate(TERMS))


@pytest.mark.parametrize(
    ("raw", "place", "said"),
    [
        ({"preset": "hb", "return": "arcade"}, ("preset",), "no preset 'hb', did you mean 'hub'"),
        ({"preset": "hub"}, (), "`return` is missing"),
        ({"preset": "hub", "return": "arcade", "fee": "7"}, ("fee",), "unknown name"),
        ({"baseFee": "7"}, (), "`defaultGasLimit` is missing"),
        ([Plain("7")], (), "expected names with values"),
    ],
)
def test_a_struct_says_where_it_is_wrong(
    arguments: Arguments, raw: Any, place: tuple[str, ...], said: str
) -> None:
    with pytest.raises(Unreadable, match=said) as caught:
        arguments.read(STRUCT, raw)
    assert caught.value.place == place


def test_bytes_come_from_files_too(arguments: Arguments, desk: Desk) -> None:
    Path(desk.root / "code.bin").write_bytes(b"\xff\x00")
    Path(desk.root / "code.hex").write_text("0xff00\n")
    assert read(arguments, "bytes", {"file": "code.bin"}).plain == b"\xff\x00"
    assert read(arguments, "bytes", {"file": "code.hex"}).plain == b"\xff\x00"
    assert read(arguments, "bytes32", {"keccak": {"file": "code.hex"}}).plain == keccak(b"\xff\x00")
    assert read(arguments, "bytes32", {"keccak": "Timelock"}).plain == keccak(text="Timelock")


def test_creation_code_is_what_ships(arguments: Arguments) -> None:
    """As `deploy` would create it, so that a vote about a hash is a vote about sources."""
    artifact = load_artifacts(["Postbox"])["Postbox"]
    code = artifact.creation + encode(["address", "bool"], [place_of("Metalayer"), False])
    given = {"gateway": "Metalayer", "startsClosed": Plain("false")}
    assert read(arguments, "bytes", {"creation": "Postbox", "with": given}).plain == code
    assert read(arguments, "bytes", {"creation": "Postbox", "with": list(given.values())}).plain == code
    found = read(arguments, "bytes32", {"keccak": {"creation": "Postbox", "with": given}})
    assert found == Value(keccak(code), f"0x{keccak(code).hex()} (keccak of the creation code of Postbox)")
    with pytest.raises(
        Unreadable, match=r"the constructor of Postbox takes \(contract IMetalayer gateway, bool"
    ):
        read(arguments, "bytes", {"creation": "Postbox", "with": {"gateway": "Metalayer"}})
    with pytest.raises(Unreadable, match="no artifact of a contract Postbx"):
        read(arguments, "bytes", {"creation": "Postbx"})


@pytest.mark.parametrize(("raw", "wei"), [("1 ether", 10**18), ("3 gwei", 3 * 10**9), ("5 wei", 5), ("0", 0)])
def test_what_is_paid(arguments: Arguments, raw: str, wei: int) -> None:
    assert arguments.amount(Plain(raw)) == wei


@pytest.mark.parametrize("raw", ["1", "1 ERA", "1 day", "-1 ether"])
def test_what_is_paid_has_a_unit_of_ether(arguments: Arguments, raw: str) -> None:
    with pytest.raises(ValueError, match="expected an amount such as 1 ether"):
        arguments.amount(Plain(raw))
