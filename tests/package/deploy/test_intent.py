"""deploy.yaml: what it refuses, each refusal one line that names the place."""

from __future__ import annotations

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
            b"TEST::5: 100",
            b"TEST::5: 0",
            r":\d+: validators\.weights\.TEST::5: .* from 1 to 2\^96-1, found '0'",
        ),
        (b"TEST::5: 100", b"TEST::6: 100", r":\d+: validators\.weights\.TEST::6: expected each name once"),
        (
            b"lifetime_days: ",
            b"lifetime_days: 1e9 # ",
            r":\d+: validators\.lifetime_days: expected a number from",
        ),
        (b"routes:", b"routes: [", r":\d+: not valid YAML: "),
        (b"deployer:", b"\xff:", r":\d+: expected UTF-8, found the byte 0xff"),
        (
            b"treasury: TEST::3",
            b"treasury: " + MISTYPED,
            rf":\d+: treasury: the checksum of .*: expected {RIGHT}",
        ),
        (b"treasury: TEST::3", b"treasury: " + MISTYPED[:-1], r":\d+: treasury: expected an address"),
        (b"TEST::5: 100", MISTYPED + b": 100", r":\d+: validators\.weights\.0xa0ee7.*: the checksum of"),
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
            b"TEST::9: 100",
            RIGHT.encode() + b": 100\n    " + RIGHT.lower().encode() + b": 1",
            r":\d+: .* is there twice",
        ),
        (b"TEST::9: 100", b"TEST::9: 900", r":\d+: validators: .* less than a third"),
    ],
)
def test_what_only_the_network_shows_is_refused_with_its_line(
    tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_bytes((repo_root() / "deploy.yaml").read_bytes().replace(old, new))
    with pytest.raises(MetalayerError, match=rf"^deploy\.yaml{message}"):
        resolve(load_intent(path), load_network(), address_of, b"", 2_000_000_000)


def test_an_address_in_lower_case_has_no_checksum(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yaml"
    text = (repo_root() / "deploy.yaml").read_bytes()
    path.write_bytes(text.replace(b"treasury: TEST::3", b"treasury: " + RIGHT.lower().encode()))
    found = resolve(load_intent(path), load_network(), address_of, b"", 2_000_000_000)
    assert {chain.treasury for chain in found.chains.values()} == {RIGHT}
