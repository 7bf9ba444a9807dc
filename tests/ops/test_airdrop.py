"""`ape metalayer airdrop`, and `claim`: from a list to a tree, and from its leaves to accounts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from metalayer.cli import airdrop, claim
from metalayer.cli.command import DIFFERS
from metalayer.deploy.names import AIRDROP
from metalayer.network.signers import address_of
from metalayer.protocol.merkle import Tree, climb, leaf
from tests.kit.deployment import ERA, Deployment
from tests.kit.genesis import TREE, YEAR, begin, sample
from tests.kit.profiles import Profile
from tests.kit.roles import BENEFICIARY, PAUPER, RELAYER, SENDER, TREASURY

LIST = TREE.with_name("accounts.csv")


@pytest.fixture
def began(profile: Profile, deployment: Deployment) -> Profile:
    """A month after genesis, in a folder with the list and the tree."""
    begin(deployment, YEAR // 12)
    folder = Path("demo/airdrop")
    folder.mkdir(parents=True)
    for file in (LIST, TREE):
        shutil.copy(file, folder)
    return profile


def held(deployment: Deployment, account: str) -> int:
    return int(deployment.on["hub"].era.view("balanceOf", account))


def shown(profile: Profile, account: str) -> Any:
    result = profile.run(airdrop, "show", account, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_account_claims_its_own(began: Profile, deployment: Deployment) -> None:
    account, before = began.account(BENEFICIARY), held(deployment, BENEFICIARY.address)
    due = shown(began, account)
    assert (due["amount"], due["claimed"]) == (str(2_000_000 * ERA), False)
    proof = [bytes.fromhex(one[2:]) for one in due["proof"]]
    assert climb(leaf(BENEFICIARY.address, 2_000_000 * ERA), proof) == sample().root
    result = began.run(claim, "--account", account)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"2,000,000 ERA to {BENEFICIARY.address}: 0x")
    assert f"`ape metalayer vote delegate {BENEFICIARY.address} --chain hub`" in result.stderr
    assert held(deployment, BENEFICIARY.address) - before == 2_000_000 * ERA
    assert shown(began, account)["claimed"]
    again = began.run(claim, "--account", account)
    assert (again.exit_code, again.stderr) == (
        1,
        f"Error: {BENEFICIARY.address} has got its 2,000,000 ERA already\n",
    )


def test_anyone_claims_for_an_account(began: Profile, deployment: Deployment) -> None:
    """P26: it pays for it, and gets nothing."""
    before = held(deployment, SENDER.address), held(deployment, RELAYER.address)
    payer = began.account(RELAYER)
    result = began.run(airdrop, "claim", SENDER.address, "--account", payer, "--json")
    assert json.loads(result.stdout)["account"] == SENDER.address
    gained = dict(sample().values)[SENDER.address]
    assert held(deployment, SENDER.address) == before[0] + gained
    assert held(deployment, RELAYER.address) == before[1]


def test_who_has_nothing_hears_so(began: Profile) -> None:
    for command, arguments in ((airdrop, ("show", PAUPER.address)), (claim, (PAUPER.address,))):
        options = ("--account", began.account(TREASURY)) if command is claim else ()
        result = began.run(command, *arguments, *options)
        assert result.exit_code == 1
        assert result.stderr == f"Error: {PAUPER.address} has nothing in the airdrop\n"


def test_after_the_end_it_is_too_late(profile: Profile, deployment: Deployment) -> None:
    start = begin(deployment, YEAR)
    result = profile.run(claim, "--tree", str(TREE), "--account", profile.account(BENEFICIARY))
    assert result.exit_code == 1
    assert "the airdrop ended on" in result.stderr
    assert result.stderr.rstrip().endswith("what nobody claimed is the treasury's")
    line = profile.run(airdrop, "show", BENEFICIARY.address, "--tree", str(TREE)).stdout
    assert "not claimed before the end" in line
    begin(deployment, YEAR - 2)
    assert start


def test_anyone_sends_the_rest_to_the_treasury(profile: Profile, deployment: Deployment) -> None:
    begin(deployment, YEAR)
    treasury, left = deployment.owner, held(deployment, deployment.registry.contract("hub", AIRDROP).address)
    before, payer = held(deployment, treasury), ("--account", profile.account(RELAYER))
    result = profile.run(airdrop, "sweep", *payer, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["amount"], found["treasury"]) == (str(left), treasury)
    assert held(deployment, treasury) - before == left == 70_000_000 * ERA
    again = profile.run(airdrop, "sweep", *payer)
    assert (again.exit_code, again.stderr) == (
        1,
        "Error: nothing is left of the airdrop: all was claimed, or sent to the treasury\n",
    )


def test_before_the_end_the_rest_stays(began: Profile, deployment: Deployment) -> None:
    result = began.run(airdrop, "sweep", "--account", began.account(RELAYER))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the airdrop ends on 2")
    assert result.stderr.endswith(": until then what is left can be claimed\n")


def test_another_tree_is_refused_before_anything_is_sent(began: Profile, tmp_path: Path) -> None:
    other = Tree.of([(BENEFICIARY.address, 70_000_000 * ERA)])
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other.dump()))
    result = began.run(claim, "--tree", str(path), "--account", began.account(BENEFICIARY))
    assert result.exit_code == 1
    assert "this is not the tree of the airdrop: its root is 0x" in result.stderr


def test_check_compares_tree_file_and_contract(began: Profile, tmp_path: Path) -> None:
    result = began.run(airdrop, "check", "--json")
    assert result.exit_code == 0, result.output
    found = {one["subject"]: one["found"] for one in json.loads(result.stdout)["findings"]}
    root = "0x" + sample().root.hex()
    assert found["root in deploy.yaml"] == found["root of the contract"] == root
    values = list(sample().values)
    wrong = {
        "accounts that are there twice": [*values[:-1], (values[0][0], values[-1][1])],
        "leaves of nobody, or of nothing": [*values, (PAUPER.address, 0)],
        "ERA together": values[1:],
    }
    for subject, changed in wrong.items():
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(Tree.of(changed).dump()))
        result = began.run(airdrop, "check", str(path), "--json")
        assert result.exit_code == DIFFERS
        drift = {one["subject"] for one in json.loads(result.stdout)["findings"] if one["drift"]}
        assert drift == {subject, "root in deploy.yaml", "root of the contract"}


def test_the_shipped_tree_is_that_of_the_shipped_list(began: Profile, tmp_path: Path) -> None:
    """Byte for byte, and deploy.yaml has its root."""
    made = tmp_path / "made.json"
    result = began.run(airdrop, "build", str(LIST), "--out", str(made), "--json")
    assert json.loads(result.stdout) == {
        "accounts": 12,
        "proofs": 0,
        "root": "0x" + sample().root.hex(),
        "total": str(70_000_000 * ERA),
        "tree": str(made),
    }
    assert made.read_bytes() == TREE.read_bytes()
    assert "deploy.yaml has this root" in began.run(airdrop, "build", str(LIST), "--out", str(made)).stdout


def test_a_website_finds_each_proof_by_the_end_of_the_address(began: Profile, tmp_path: Path) -> None:
    folder = tmp_path / "proofs"
    folder.mkdir()
    (folder / "00.json").write_text("of another tree")
    made = ("--out", str(tmp_path / "made.json"), "--proofs", str(folder))
    assert began.run(airdrop, "build", str(LIST), *made).exit_code == 0
    assert not (folder / "00.json").exists()
    root = sample().root
    index = json.loads((folder / "index.json").read_text())
    assert index == {"root": "0x" + root.hex(), "accounts": 12, "total": str(70_000_000 * ERA)}
    for account, amount in sample().values:
        entry = json.loads((folder / f"{account[-2:].lower()}.json").read_text())[account]
        assert entry["amount"] == str(amount)
        assert climb(leaf(account, amount), [bytes.fromhex(one[2:]) for one in entry["proof"]]) == root


def test_another_tree_is_not_written_over(began: Profile, tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    made.write_text("{}")
    result = began.run(airdrop, "build", str(LIST), "--out", str(made))
    assert (result.exit_code, made.read_text()) == (1, "{}")
    assert result.stderr == f"Error: {made} is there already, and another tree: move it away\n"


def test_a_sum_that_is_not_the_share_is_refused(began: Profile, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text(LIST.read_text().replace(",0.5\n", ",0.25\n"))
    result = began.run(airdrop, "build", str(short))
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: short.csv: expected 70,000,000 ERA together, as `genesis.shares.airdrop.amount` in deploy.yaml says, "
        "found 69,999,999.75, 0.25 less\n"
    )
    assert not short.with_suffix(".json").exists()


def test_a_list_names_the_accounts_of_the_tree() -> None:
    assert {account for account, _ in sample().values} >= {address_of("TEST::3"), BENEFICIARY.address}
