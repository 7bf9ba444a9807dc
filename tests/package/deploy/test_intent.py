"""deploy.yaml: what it refuses, each refusal one line that names the place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.deploy.intent import load_intent, resolve
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.signers import address_of
from tools.repository import repo_root

RIGHT = "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"
MISTYPED = b"0xa0ee7A142d267C1f36714E4a8F75612F20a79720"


def test_the_repository_s_file_is_one() -> None:
    assert load_intent().routes == "full mesh"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b"deployer:",
            b"deplyer:",
            r":\d+: deplyer: unknown name, did you mean 'deployer'\? expected one of",
        ),
        (b"deployer: TEST::0\n", b"", r":\d+: `deployer` is missing"),
        (b"deployer: TEST::0", b"deployer:", r":\d+: deployer: expected a name .*found nothing"),
        (b"owners:\n  default:", b"owners:\n  hub:", r":\d+: owners: `default` is missing"),
        (b"full mesh", b"a star", r":\d+: routes: expected 'full mesh', found 'a star'"),
        (
            b"own: 200_000",
            b"own: 0",
            r":\d+: validators\.bonded\.0\.own: expected a whole number from 1 to 1000000000, found '0'",
        ),
        (b"signer: TEST::5,", b"", r":\d+: validators\.bonded\.0: `signer` is missing"),
        (
            b"commission: 5",
            b"commission: 101",
            r":\d+: validators\.bonded\.0\.commission: expected a number from 0 to 100, found '101'",
        ),
        (b"funded: true", b"funded: yes", r":\d+: validators\.bonded\.0\.funded: expected 'true' or 'false'"),
        (b"seats: 16", b"seats: 33", r":\d+: validators\.seats: expected a whole number from 4 to 32, found"),
        (b"seats: 16", b"lifetime_days: 20", r":\d+: validators\.lifetime_days: unknown name"),
        (b"routes:", b"routes: [", r":\d+: not valid YAML: "),
        (b"deployer:", b"\xff:", r":\d+: expected UTF-8, found the byte 0xff"),
        (
            b"treasury: TEST::3",
            b"treasury: " + MISTYPED,
            rf":\d+: treasury: the checksum of .*: expected {RIGHT}",
        ),
        (b"treasury: TEST::3", b"treasury: " + MISTYPED[:-1], r":\d+: treasury: expected an address"),
        (b"TEST::5", MISTYPED, r":\d+: validators\.bonded\.0\.signer: the checksum of"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_bytes((repo_root() / "deploy.yaml").read_bytes().replace(old, new))
    with pytest.raises(MetalayerError, match=rf"^deploy\.yaml{message}") as caught:
        load_intent(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match=r"cannot read .*/deploy\.yaml: No such file"):
        load_intent(tmp_path / "deploy.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b"owners:",
            b"owners:\n  arcde: TEST::1",
            r":\d+: owners\.arcde: no such chain, did you mean 'arcade'\?",
        ),
        (b"treasury: TEST::3", b"treasury: TEST::99", r":\d+: treasury: no account 'TEST::99'"),
        (
            b"TEST::9",
            address_of("TEST::8").lower().encode(),
            r":\d+: validators\.bonded\.4: 0x\w+ is there twice",
        ),
        (b"operator: TEST::24", b"operator: TEST::9", r":\d+: validators\.bonded\.4: 0x\w+ is there twice"),
        (
            b"minimum_own: 100_000",
            b"minimum_own: 200_001",
            r":\d+: validators\.bonded\.0\.own: expected at least `minimum_own`, 200001",
        ),
        (
            b"seats: 16",
            b"seats: 4",
            r":\d+: validators\.bonded: expected 4 to 4 validators, one for each seat at most, found 5",
        ),
    ],
)
def test_what_only_the_network_shows_is_refused_with_its_line(
    tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_bytes((repo_root() / "deploy.yaml").read_bytes().replace(old, new))
    with pytest.raises(MetalayerError, match=rf"^deploy\.yaml{message}"):
        resolve(load_intent(path), load_network(), address_of, b"")


def test_an_address_in_lower_case_has_no_checksum(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yaml"
    text = (repo_root() / "deploy.yaml").read_bytes()
    path.write_bytes(text.replace(b"treasury: TEST::3", b"treasury: " + RIGHT.lower().encode()))
    found = resolve(load_intent(path), load_network(), address_of, b"")
    assert {chain.treasury for chain in found.chains.values()} == {RIGHT}


def test_stake_and_commission_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yaml"
    text = (repo_root() / "deploy.yaml").read_bytes()
    path.write_bytes(
        text.replace(b"commission: 5", b"commission: 2.05", 1).replace(b", funded: true", b"", 1)
    )
    first, second, *_ = resolve(load_intent(path), load_network(), address_of, b"").bonding.bonds
    assert (first.own, first.commission, first.funded) == (200_000 * 10**18, 205, False)
    assert (second.commission, second.funded) == (500, True)
    assert (first.operator, first.signer) == (address_of("TEST::20"), address_of("TEST::5"))


def test_the_treasury_gives_stake_on_local_networks_only() -> None:
    """Operators of a real network are other people."""
    network = load_network()
    hub = replace(network.hub, remote_url="http://127.0.0.1:9")
    elsewhere = replace(network, chains={**network.chains, "hub": hub}, hub=hub)
    with pytest.raises(MetalayerError, match=r":\d+: validators\.bonded\.0\.funded: only operators on local"):
        resolve(load_intent(), elsewhere, address_of, b"")
