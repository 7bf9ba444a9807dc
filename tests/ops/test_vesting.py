"""`ape metalayer vesting`: what is locked, vested and released, and who votes with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from metalayer.cli import vesting
from metalayer.protocol.vesting import vested
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import ZERO_ADDRESS, now
from tests.kit.genesis import YEAR, begin
from tests.kit.profiles import Profile
from tests.kit.roles import BENEFICIARY, DEPOSITOR, DEVELOPER, PAUPER, RELAYER, SUCCESSOR


def shown(profile: Profile, *wanted: str) -> list[dict[str, Any]]:
    result = profile.run(vesting, "show", *wanted, "--json")
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout))


def test_it_shows_every_wallet(profile: Profile, deployment: Deployment) -> None:
    start = begin(deployment, YEAR // 2)
    found = {one["wallet"]: one for one in shown(profile)}
    assert {name: (one["share"], one["beneficiary"], one["total"]) for name, one in found.items()} == {
        "VestingInvestors1": ("investors", DEPOSITOR.address, str(320_750_123 * ERA)),
        "VestingTeam1": ("team", BENEFICIARY.address, str(100_000_000 * ERA)),
        "VestingTeam2": ("team", DEVELOPER.address, str(47_500_000 * ERA)),
    }
    for one in found.values():
        assert (one["start"], one["end"]) == (start + YEAR, start + 3 * YEAR)
        assert (one["locked"], one["vested"], one["delegate"]) == (one["total"], "0", None)
    by_account = shown(profile, profile.account(BENEFICIARY))
    assert by_account == shown(profile, "VestingTeam1") == [found["VestingTeam1"]]
    table = profile.run(vesting, "show").stdout
    assert "nobody" in table


def test_anyone_releases_what_is_vested(profile: Profile, deployment: Deployment) -> None:
    """P25: to the beneficiary, and no more than the schedule says."""
    start = begin(deployment, 2 * YEAR) + YEAR
    era = deployment.on["hub"].era
    before = era.view("balanceOf", BENEFICIARY.address)
    payer = ("--account", profile.account(RELAYER))
    result = profile.run(vesting, "release", profile.account(BENEFICIARY), *payer, "--json")
    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout)) == ["VestingTeam1"]
    gain = era.view("balanceOf", BENEFICIARY.address) - before
    assert gain == vested(100_000_000 * ERA, start, 2 * YEAR, now(deployment.chains["hub"]))
    (wallet,) = shown(profile, "VestingTeam1")
    assert wallet["released"] == str(gain)
    assert int(wallet["locked"]) + int(wallet["vested"]) == 100_000_000 * ERA
    assert 0 < gain < 51_000_000 * ERA


@pytest.mark.parametrize("ago", [0, YEAR // 2])
def test_nothing_is_released_in_the_first_year(profile: Profile, deployment: Deployment, ago: int) -> None:
    begin(deployment, ago)
    result = profile.run(vesting, "release", "VestingTeam1", "--account", profile.account(RELAYER))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: nothing is vested before 2")


def test_the_beneficiary_delegates(profile: Profile, deployment: Deployment) -> None:
    begin(deployment, 0)
    era = deployment.on["hub"].era
    own = ("--account", profile.account(BENEFICIARY))
    result = profile.run(vesting, "delegate", PAUPER.address, *own)
    assert result.exit_code == 0, result.output
    assert era.view("getVotes", PAUPER.address) == 100_000_000 * ERA
    assert f"`ape metalayer vote delegate {PAUPER.address} --chain hub` keeps it together" in result.stderr
    (wallet,) = shown(profile, "VestingTeam1")
    assert (wallet["delegate"], wallet["account_delegate"]) == (PAUPER.address, None)
    assert profile.run(vesting, "delegate", "nobody", *own).exit_code == 0
    assert era.view("getVotes", PAUPER.address) == 0
    assert shown(profile, "VestingTeam1")[0]["delegate"] is None


def test_nobody_else_does(profile: Profile, deployment: Deployment) -> None:
    begin(deployment, 0)
    stranger = ("--account", profile.account(RELAYER))
    for wallet in ((), ("--wallet", "VestingTeam1")):
        result = profile.run(vesting, "delegate", PAUPER.address, *wallet, *stranger)
        assert result.exit_code == 1
        expected = "it alone delegates" if wallet else "is the beneficiary of no locked ERA"
        assert expected in result.stderr
    assert shown(profile, "VestingTeam1")[0]["delegate"] is None


def refusal(profile: Profile, *arguments: str) -> str:
    result = profile.run(vesting, *arguments)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    return line.removeprefix("Error: ")


def test_a_beneficiary_hands_over_in_two_steps(profile: Profile, deployment: Deployment) -> None:
    """What is locked, with whoever votes with it, until the next one names somebody."""
    begin(deployment, 0)
    era = deployment.on["hub"].era
    own, next_ = ("--account", profile.account(BENEFICIARY)), ("--account", profile.account(SUCCESSOR))
    assert profile.run(vesting, "delegate", PAUPER.address, *own).exit_code == 0
    (wallet,) = shown(profile, "VestingTeam1")
    assert (wallet["beneficiary"], wallet["offered_to"]) == (BENEFICIARY.address, None)
    result = profile.run(vesting, "offer", SUCCESSOR.address, *own)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"100,000,000 ERA of VestingTeam1 are offered to {SUCCESSOR.address}: 0x")
    assert "`ape metalayer vesting accept --account" in result.stderr
    (wallet,) = shown(profile, "VestingTeam1")
    assert (wallet["beneficiary"], wallet["offered_to"]) == (BENEFICIARY.address, SUCCESSOR.address)
    said = profile.run(vesting, "show").stdout
    assert f"VestingTeam1 is offered to {SUCCESSOR.address}" in said
    result = profile.run(vesting, "accept", *next_)
    assert result.exit_code == 0, result.output
    assert f"VestingTeam1 votes as {PAUPER.address} does until {SUCCESSOR.address} names" in result.stderr
    (wallet,) = shown(profile, SUCCESSOR.address)
    assert (wallet["wallet"], wallet["beneficiary"], wallet["offered_to"]) == (
        "VestingTeam1",
        SUCCESSOR.address,
        None,
    )
    assert ZERO_ADDRESS not in json.dumps(wallet)
    assert era.view("getVotes", PAUPER.address) == 100_000_000 * ERA
    assert "it alone offers it" in refusal(profile, "offer", PAUPER.address, "--wallet", "VestingTeam1", *own)
    assert refusal(profile, "accept", *next_).startswith(
        f"no locked ERA is offered to {SUCCESSOR.address}: `ape metalayer vesting show`"
    )


def test_an_offer_is_taken_back(profile: Profile, deployment: Deployment) -> None:
    """And whoever it was made to has nothing to accept."""
    begin(deployment, 0)
    own, next_ = ("--account", profile.account(BENEFICIARY)), ("--account", profile.account(SUCCESSOR))
    wallet = ("--wallet", "VestingTeam1")
    assert refusal(profile, "offer", "nobody", *own) == "VestingTeam1: offered to nobody already"
    made = profile.run(vesting, "offer", SUCCESSOR.address, *wallet, *own, "--json")
    assert list(json.loads(made.stdout)) == ["VestingTeam1"]
    assert refusal(profile, "offer", SUCCESSOR.address, *own) == (
        f"VestingTeam1: offered to {SUCCESSOR.address}, which has to accept, already"
    )
    taken = profile.run(vesting, "offer", "nobody", *own)
    assert taken.stdout.startswith("100,000,000 ERA of VestingTeam1 are offered to nobody any more: 0x")
    assert refusal(profile, "accept", *wallet, *next_).startswith(
        f"VestingTeam1 is not offered to {SUCCESSOR.address}: "
    )
    assert refusal(profile, "accept", "--wallet", "VestingTeam9", *next_).startswith(
        "there is no VestingTeam9: "
    )
    assert refusal(profile, "offer", BENEFICIARY.address, *own) == (
        f"{BENEFICIARY.address} is the beneficiary of VestingTeam1 already"
    )


def test_a_hand_over_is_asked_about_where_it_counts(profile: Profile, deployment: Deployment) -> None:
    """Not on chains that are local ones."""
    begin(deployment, 0)
    arguments = ["offer", SUCCESSOR.address, "--account", profile.account(BENEFICIARY)]
    asked = CliRunner(mix_stderr=False).invoke(vesting.cli, arguments, input="n\n")
    question = f"Offer 100,000,000 ERA of VestingTeam1 to {SUCCESSOR.address}, for good"
    is_asked = profile.name == "production"
    assert (asked.exit_code, question in asked.stderr) == (int(is_asked), is_asked)
    offered = shown(profile, "VestingTeam1")[0]["offered_to"]
    assert offered == (None if is_asked else SUCCESSOR.address)
