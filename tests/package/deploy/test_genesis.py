"""`genesis` of deploy.yaml: six shares that are the whole supply, and addresses that depend on nobody's order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from metalayer.deploy.desired import Resolved
from metalayer.deploy.genesis import read_date
from metalayer.deploy.intent import load_intent, resolve
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.signers import address_of
from metalayer.protocol.amounts import HUB_SUPPLY
from metalayer.protocol.dates import DAY, utc
from tools.repository import repo_root

ERA = 10**18
MISTYPED = b"0xa0ee7A142d267C1f36714E4a8F75612F20a79720"
SHARES = {
    "investors": 320_750_123,
    "treasury": 210_000_000,
    "foundation": 149_400_000,
    "team": 147_500_000,
    "research": 102_349_877,
    "airdrop": 70_000_000,
}


def resolved(path: Path | None = None) -> Resolved:
    return resolve(load_intent(path), load_network(), address_of, b"")


def changed(path: Path, old: bytes, new: bytes) -> Path:
    content = (repo_root() / "deploy.yaml").read_bytes()
    assert old in content
    path = path / "deploy.yaml"
    path.write_bytes(content.replace(old, new))
    return path


def test_the_six_shares_are_the_whole_supply() -> None:
    shares = load_intent().genesis.shares
    assert {name: share.amount for name, share in shares} == SHARES
    assert sum(SHARES.values()) * ERA == HUB_SUPPLY


def test_everything_but_the_treasury_s_is_minted_to_holders_wallets_and_the_airdrop() -> None:
    found = resolved()
    hub = found.chains["hub"]
    wallets = {wallet.name: wallet for wallet in hub.genesis.wallets}
    assert list(wallets) == ["VestingInvestors1", "VestingTeam1", "VestingTeam2"]
    assert {(wallet.share, wallet.beneficiary): wallet.amount for wallet in wallets.values()} == {
        ("investors", address_of("TEST::15")): 320_750_123 * ERA,
        ("team", address_of("TEST::16")): 100_000_000 * ERA,
        ("team", address_of("TEST::19")): 47_500_000 * ERA,
    }
    assert hub.allocations == {
        address_of("TEST::3"): (149_400_000 + 101_349_877) * ERA,
        **{address_of(f"TEST::{n}"): 200_000 * ERA for n in range(20, 25)},
        found.addresses["Airdrop"]: 70_000_000 * ERA,
        **{found.addresses[name]: wallet.amount for name, wallet in wallets.items()},
    }
    assert HUB_SUPPLY - sum(hub.allocations.values()) == 210_000_000 * ERA


def test_a_year_passes_before_anything_vests_and_two_more_before_all_has() -> None:
    genesis = resolved().chains["hub"].genesis
    assert utc(genesis.start) == "2026-12-01 00:00:00 UTC"
    assert {(wallet.start, wallet.duration) for wallet in genesis.wallets} == {
        (genesis.start + 365 * DAY, 730 * DAY)
    }
    assert genesis.drop is not None
    assert genesis.drop.end == genesis.start + 365 * DAY


def test_no_address_depends_on_the_order_of_the_file(tmp_path: Path) -> None:
    """A wallet belongs to a share and a beneficiary, wherever they are written."""
    content = yaml.safe_load((repo_root() / "deploy.yaml").read_text(encoding="utf-8"))
    holders = {address_of(f"TEST::{index}"): 10_000_000 for index in range(14)}
    holders[address_of("TEST::14")] = 147_500_000 - sum(holders.values())
    found = []
    for seed in range(3):
        share: dict[str, Any] = content["genesis"]["shares"]["team"]
        entries = list(holders.items())
        random.Random(seed).shuffle(entries)
        share["holders"] = dict(entries)
        shares = list(content["genesis"]["shares"].items())
        random.Random(seed).shuffle(shares)
        content["genesis"]["shares"] = dict(shares)
        (tmp_path / "deploy.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        one = resolved(tmp_path / "deploy.yaml")
        found.append((one.addresses, one.chains["hub"].allocations, set(one.chains["hub"].genesis.wallets)))
    assert found[0] == found[1] == found[2]
    addresses = [address for name, address in found[0][0].items() if name.startswith("Vesting")]
    assert len(set(addresses)) == len(addresses) == 16


def test_a_beneficiary_of_two_shares_has_two_wallets(tmp_path: Path) -> None:
    found = resolved(changed(tmp_path, b"TEST::15: 320_750_123", b"TEST::16: 320_750_123"))
    owned = [w.name for w in found.chains["hub"].genesis.wallets if w.beneficiary == address_of("TEST::16")]
    assert owned == ["VestingInvestors1", "VestingTeam1"]
    assert found.addresses["VestingInvestors1"] != found.addresses["VestingTeam1"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b"research:",
            b"R&D:",
            r"R&D: unknown name: expected one of investors, treasury, foundation, team, ",
        ),
        (
            b"amount: 70_000_000",
            b"amount: 70_000_001",
            r"expected 1,000,000,000 ERA together, found 1,000,000,001",
        ),
        (
            b"TEST::3: 149_400_000",
            b"TEST::3: 149_399_999",
            r"foundation\.holders: expected `amount`, 149,400,000 ERA, together, found 149,399,999",
        ),
        (
            b"20: 200_000",
            b"20: 0",
            r"research\.holders\.TEST::20: expected a whole number from 1 to 1000000000",
        ),
        (
            b"20: 200_000",
            b"20: 0.5",
            r"research\.holders\.TEST::20: expected a whole number from 1 to 1000000000",
        ),
        (b"    TEST::3: 101", b"    TEST::99: 101", r"research\.holders\.TEST::99: no account 'TEST::99'"),
        (
            b"    TEST::3: 101_349_877",
            b"    TEST::3: 101_349_876\n        " + address_of("TEST::20").encode() + b": 1",
            r"research\.holders\.TEST::20: 0x\w+ is there twice",
        ),
        (
            b"    TEST::3: 101",
            b"    " + MISTYPED + b": 101",
            rf"research\.holders\.{MISTYPED.decode()}: the checksum of",
        ),
        (
            b"TEST::3: 149_400_000",
            b"'0x" + 40 * b"0" + b"': 149_400_000",
            r"foundation\.holders\.0x0+: expected somebody who can use it, found the zero address",
        ),
        (
            b"start: 2026-12-01",
            b"start: 2026-12-1",
            r"expected a date such as 2026-12-01, .* found '2026-12-1'",
        ),
        (b"start: 2026-12-01", b"start: 2026-02-30", r"expected a date such as 2026-12-01, .*'2026-02-30'"),
        (b"start: 2026-12-01", b"start: 1796083200", r"expected a date such as 2026-12-01, .*'1796083200'"),
        (b"start: 2026-12-01", b"start:", r"expected a date such as 2026-12-01, .* found nothing"),
        (b"cliff: 365 days", b"cliff: 12 months", r"investors\.vesting\.cliff: expected a duration such as"),
        (b", linear: 730 days", b"", r"investors\.vesting: `linear` is missing"),
        (
            b'root: "0x8bc0',
            b'root: "0x8bc',
            r"airdrop\.root: expected the root of a tree, 0x and 64 hexadecimal",
        ),
        (b"lasts: 365 days", b"lasts: a year", r"airdrop\.lasts: expected a duration such as `2 days`"),
        (b"    treasury:\n      amount: 210_000_000\n", b"", r"`treasury` is missing"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(
    tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(
        MetalayerError, match=rf"^deploy\.yaml:\d+: genesis\.(shares[.:] ?|start: ){message}"
    ) as caught:
        resolved(path)
    assert "\n" not in str(caught.value)


def test_a_contract_of_the_network_cannot_be_a_holder(tmp_path: Path) -> None:
    """What it got would be lost, or the treasury's by another name."""
    addresses = resolved().addresses
    for name in ("ERA", "Timelock", "Airdrop"):
        path = changed(tmp_path, b"TEST::3: 149_400_000", f"'{addresses[name]}': 149_400_000".encode())
        with pytest.raises(MetalayerError, match=rf"expected somebody who can use it, found {name}$"):
            resolved(path)


def test_a_date_is_its_midnight() -> None:
    assert read_date("2026-12-01") == 1_796_083_200
    for wrong in (1_796_083_200, "2019-12-31", "2200-01-01", " 2026-12-01"):
        with pytest.raises(ValueError, match="expected a date"):
            read_date(wrong)
