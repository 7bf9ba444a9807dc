"""The registry's file, and amounts of ERA as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given

from metalayer.errors import MetalayerError
from metalayer.network.config import Network, load_network
from metalayer.network.registry import Contract, DeployedChain, FirstSet, Registry, Validator
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import era, parse_era
from metalayer.protocol.hex import short
from tests.kit.strategies import amounts

ADDRESS = "0x" + "11" * 20
OTHER = "0x" + "33" * 20
HASH = "0x" + "22" * 32


@pytest.fixture
def network() -> Network:
    return load_network()


@pytest.fixture
def registry(network: Network) -> Registry:
    contract = Contract(address=ADDRESS, code_hash=HASH, arguments={"b": 1, "a": [2]}, block=3, tx_hash=HASH)
    chain = DeployedChain(chain_id=901, owner=ADDRESS, contracts={"Metalayer": contract})
    members = [Validator(signer=ADDRESS, weight=5)]
    return Registry(
        network="local",
        network_id=network.hub.chain_id,
        deployer=ADDRESS,
        validator_set=FirstSet(version=1, expires=10, members=members),
        chains={"perps": chain, "hub": chain},
    )


def test_the_file_reads_back_equal_and_byte_for_byte(
    registry: Registry, network: Network, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "registry.json"
    registry.save(path)
    loaded = Registry.load(network, path)
    assert loaded == registry
    assert loaded.text() == path.read_text() == registry.text()
    assert path.read_text().index('"hub"') < path.read_text().index('"perps"')
    assert [entry.name for entry in path.parent.iterdir()] == ["registry.json"]


def test_a_missing_registry_says_what_to_do(network: Network, tmp_path: Path) -> None:
    with pytest.raises(
        MetalayerError, match="nothing is deployed to network 'local' yet: run `ape metalayer deploy"
    ):
        Registry.load(network, tmp_path / "registry.json")


def test_a_registry_that_is_none_is_one_line(registry: Registry, network: Network, tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text("{}")
    with pytest.raises(MetalayerError, match=r"registry\.json: network: Field required"):
        Registry.load(network, path)
    path.write_bytes(b"\xff")
    with pytest.raises(MetalayerError, match=r"registry\.json: the file: Invalid JSON"):
        Registry.load(network, path)
    registry.model_copy(update={"network_id": 5}).save(path)
    with pytest.raises(MetalayerError, match="is of network 5, expected 901"):
        Registry.load(network, path)


def test_a_contract_of_one_chain_only_is_found(registry: Registry) -> None:
    staking = Contract(address=OTHER, code_hash=HASH, arguments={})
    hub = registry.chains["hub"]
    hub = hub.model_copy(update={"contracts": {**hub.contracts, "Staking": staking}})
    assert registry.model_copy(update={"chains": {**registry.chains, "hub": hub}}).address("Staking") == OTHER


def test_unknown_names_are_one_line(registry: Registry) -> None:
    assert registry.address("Metalayer") == ADDRESS
    with pytest.raises(MetalayerError, match="nothing is deployed to chain 'arcade' yet"):
        registry.contract("arcade", "Metalayer")
    with pytest.raises(MetalayerError, match="there is no Nothing on hub, expected one of Metalayer"):
        registry.contract("hub", "Nothing")
    with pytest.raises(MetalayerError, match="there is no Nothing on any chain, expected one of Metalayer"):
        registry.address("Nothing")
    with pytest.raises(MetalayerError, match="nothing is deployed yet"):
        registry.model_copy(update={"chains": {}}).address("Metalayer")


@given(wei=amounts)
def test_amounts_read_back(wei: int) -> None:
    assume(wei)
    assert parse_era(era(wei).replace(",", "")) == wei


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("1.5", 15 * 10**17),
        ("1000", 10**21),
        (".5", 5 * 10**17),
        ("2.", 2 * 10**18),
        ("0." + "0" * 17 + "1", 1),
    ],
)
def test_amounts_as_people_write_them(text: str, wei: int) -> None:
    assert parse_era(text) == wei


@pytest.mark.parametrize(
    "text",
    ["0", "0.0", "", ".", "-1", "1e3", "1,5", "1,000", "1__2", "1.2.3", "x", "٣", "1." + "0" * 18 + "1"],
)
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(MetalayerError):
        parse_era(text)


def test_long_values_are_shortened_and_others_not() -> None:
    assert short(f"{ADDRESS} both ways") == "0x11111111…1111 both ways"
    assert short("both ways, gas 200000/10000000") == "both ways, gas 200000/10000000"


def test_functions_encode_as_their_signature_says() -> None:
    function = Function("transfer(address,uint256)", "bool")
    data = function.encode("0x" + "ab" * 20, 5)
    assert data == bytes.fromhex("a9059cbb") + bytes(12) + b"\xab" * 20 + bytes(31) + b"\x05"
    assert Function("owner()", "address").encode() == bytes.fromhex("8da5cb5b")
    with pytest.raises(ValueError, match="not a function signature"):
        Function("owner")
