"""`ape metalayer stake`: what operators, delegators and passers-by do, end to end."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from metalayer.assets.tokens import ALLOWANCE, BALANCE_OF, VOTES
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import stake, stake_status
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.protocol import slasher, staking
from metalayer.protocol.abi import Function
from metalayer.staking import reading
from tests.kit.accusing import equivocate, lie_about_sets
from tests.kit.deployment import ERA, Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import (
    ATTACKER,
    BENEFICIARY,
    CANDIDATES,
    DEPOSITOR,
    OPERATORS,
    PAUPER,
    PAYER,
    RELAYER,
    TREASURY,
    VALIDATORS,
    Role,
)

DAY = 86_400
UNBONDING = 24 * DAY
_DELEGATE_ERA = Function("delegate(address)")


class Stakes:
    """Commands of `stake` in a profile, and the chain behind them."""

    def __init__(self, profile: Profile, deployment: Deployment) -> None:
        self.profile = profile
        self.deployment = deployment
        self.address = deployment.registry.address("Staking")

    @property
    def hub(self) -> Connection:
        return self.deployment.connections["hub"]

    def run(self, *arguments: str, by: Role | None = None) -> Result:
        account = ("--account", self.profile.account(by)) if by else ()
        return self.profile.run(stake, *arguments, *account)

    def do(self, *arguments: str, by: Role | None = None) -> str:
        """The line of a command that succeeds, without the transaction."""
        done = self.run(*arguments, by=by)
        assert (done.exit_code, done.stderr) == (0, ""), done.output + done.stderr
        line, _, transaction = done.stdout.strip().rpartition(": ")
        assert len(transaction) == 66
        return line

    def status(self, account: Role | None = None) -> Any:
        arguments = [self.profile.account(account)] if account else []
        found = self.run("status", *arguments, "--json")
        data = json.loads(found.stdout)
        assert found.exit_code == (1 if data["problems"] else 0)
        return data

    def table(self, account: Role | None = None) -> str:
        return self.run("status", *([self.profile.account(account)] if account else [])).stdout

    def held(self, account: str) -> int:
        return self.hub.view(self.deployment.era, BALANCE_OF, account)

    def votes(self, account: str) -> int:
        return self.hub.view(self.deployment.era, VOTES, account)

    def sleep(self, seconds: int) -> None:
        self.deployment.pass_time(seconds, "hub")


@pytest.fixture
def stakes(profile: Profile, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Stakes:
    monkeypatch.setenv("COLUMNS", "250")
    deployment.bring(DEPOSITOR.address, 10_000 * ERA, ["hub"])
    return Stakes(profile, deployment)


def test_a_delegators_life(stakes: Stakes) -> None:
    """In, earning, out in part, in again, out for good: one transaction each, and nothing is approved."""
    assert stakes.do("delegate", "1", "1000", by=DEPOSITOR) == "1,000 ERA delegated to validator 1"
    allowance = stakes.hub.view(stakes.deployment.era, ALLOWANCE, DEPOSITOR.address, stakes.address)
    assert (allowance, stakes.held(DEPOSITOR.address)) == (0, 9_000 * ERA)

    assert stakes.do("fund", "70000", by=TREASURY) == "70,000 ERA given as rewards"
    rate = stakes.status()
    seated = 1_001_000
    assert rate["rewards"]["per_year"] == pytest.approx(365 * 10_000 / seated)
    assert rate["validators"]["1"]["per_year"] == pytest.approx(365 * 10_000 / seated * 0.95)
    assert rate["seated_stake"] == str(seated * ERA)
    stakes.sleep(7 * DAY)
    mine = stakes.status(DEPOSITOR)["account"]
    (position,) = mine["positions"]
    expected = 70_000 * ERA * 1_000 // seated * 95 // 100
    assert int(position["rewards"]) == pytest.approx(expected, rel=1e-6)
    assert mine["claimable"] == position["rewards"]

    to = ("--to", stakes.profile.account(BENEFICIARY))
    assert stakes.do("claim", *to, by=DEPOSITOR).endswith(f" ERA claimed to {BENEFICIARY.address}")
    assert stakes.held(BENEFICIARY.address) == int(position["rewards"])

    left = stakes.do("undelegate", "1", "600", by=DEPOSITOR)
    assert left.startswith("600 ERA leaves validator 1, free on ")
    early = stakes.run("rebond", "1", "100", by=DEPOSITOR)
    assert early.exit_code == 1
    assert "has leaving validator 1 can be bonded again from 20" in early.stderr
    stakes.sleep(6 * DAY)
    assert stakes.do("rebond", "1", "100", by=DEPOSITOR) == "100 ERA bonded with validator 1 again"
    mine = stakes.status(DEPOSITOR)["account"]
    assert [(one["units"]) for one in mine["positions"]] == [str(500 * ERA)]
    ((amount, state),) = [(one["amount"], one["state"]) for one in mine["exits"]]
    assert (amount, state) == (str(500 * ERA), "waiting")
    waits = stakes.run("withdraw", by=DEPOSITOR)
    assert waits.exit_code == 1
    assert "can be withdrawn: 500 ERA of validator 1 matures on 20" in waits.stderr

    stakes.sleep(UNBONDING)
    # Whoever pays the gas.
    theirs = ("--for", DEPOSITOR.address)
    paid = stakes.do("withdraw", *theirs, by=RELAYER)
    assert paid == f"500 ERA withdrawn to {DEPOSITOR.address}"
    assert stakes.held(DEPOSITOR.address) == 9_500 * ERA
    assert stakes.do("undelegate", "1", by=DEPOSITOR).startswith("500 ERA leaves validator 1")


def test_stake_stays_the_votes_of_whom_its_holder_chose(stakes: Stakes) -> None:
    """S7."""
    chosen, era = BENEFICIARY.address, stakes.deployment.era
    stakes.hub.send(DEPOSITOR, era, _DELEGATE_ERA.encode(chosen))
    before = stakes.votes(chosen)
    assert before == 10_000 * ERA
    for command in (("delegate", "1", "1000"), ("undelegate", "1", "400"), ("rebond", "1", "100")):
        stakes.sleep(6 * DAY)
        stakes.do(*command, by=DEPOSITOR)
        assert stakes.votes(chosen) == before, command
    stakes.sleep(UNBONDING)
    stakes.do("withdraw", by=DEPOSITOR)
    assert stakes.votes(chosen) == before
    other = stakes.profile.account(PAYER)
    assert stakes.do("votes", other, by=DEPOSITOR).endswith(f"votes with {PAYER.address}")
    assert (stakes.votes(chosen), stakes.votes(PAYER.address)) == (9_300 * ERA, 700 * ERA)
    found = stakes.status(DEPOSITOR)["account"]
    assert (found["delegatee"], found["liquid_delegatee"]) == (PAYER.address, chosen)
    assert stakes.do("votes", "nobody", by=DEPOSITOR).endswith("votes with nobody")
    assert (stakes.votes(chosen), stakes.votes(PAYER.address)) == (9_300 * ERA, 0)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["one-machine", "key-elsewhere"])
def test_an_operators_life(stakes: Stakes, elsewhere: bool) -> None:
    operator, key, next_key = PAYER, CANDIDATES[0], CANDIDATES[1]
    stakes.deployment.bring(operator.address, 300_000 * ERA, ["hub"])

    def of(signer: Role) -> list[str]:
        name = stakes.profile.account(signer)
        if not elsewhere:
            return ["--signer", name]
        shown = stakes.profile.run(stake, "possession", "--key", name, "--operator", operator.address)
        return ["--signer", signer.address, "--possession", shown.stdout.strip()]

    terms = ("--own", "150000", "--commission", "7.25")
    assert (
        stakes.do("register", *of(key), *terms, "--join", by=operator) == "validator 6 registered and seated"
    )
    found = stakes.status(operator)
    sixth = found["validators"]["6"]
    assert (sixth["operator"], sixth["signer"], sixth["commission"]) == (operator.address, key.address, 725)
    assert (sixth["own"], sixth["seat"], sixth["weight"]) == (str(150_000 * ERA), 6, "0")
    assert (sixth["next_weight"], sixth["room"]) == (str(150_000 * ERA), str(19 * 150_000 * ERA))
    assert found["account"]["operates"] == {"6": "0"}

    assert stakes.do("bond", "10000", by=operator) == "10,000 ERA added to the own stake of validator 6"
    assert stakes.do("commission", "4", by=operator).startswith(
        "the commission of validator 6 is 4 % from 20"
    )
    assert ", 4 % from 20" in stakes.table()
    stakes.do("rotate-key", *of(next_key), by=operator)
    assert stakes.status()["validators"]["6"]["signer"] == next_key.address
    again = stakes.run("rotate-key", *of(key), by=operator)
    assert f"the key {key.address} is, or was, validator 6's: expected a new one" in again.stderr

    assert stakes.do("fund", "7000", by=TREASURY) == "7,000 ERA given as rewards"
    stakes.sleep(7 * DAY)
    assert stakes.status()["validators"]["6"]["commission"] == 400
    assert stakes.do("claim", by=operator).startswith("965.")
    too_much = stakes.run("unbond", "60001", by=operator)
    assert "the own stake would be 99,999 ERA: expected 100,000 at least" in too_much.stderr
    assert stakes.do("unbond", "60000", by=operator).startswith(
        "60,000 ERA leaves the own stake of validator 6, free on 20"
    )
    assert stakes.do("leave", by=operator) == "validator 6 has left for good"
    assert stakes.do("unbond", "100000", by=operator).startswith("100,000 ERA leaves")
    exits = stakes.status(operator)["account"]["exits"]
    assert {(one["amount"], one["own"]) for one in exits} <= {(str(160_000 * ERA), True)}
    stakes.sleep(UNBONDING)
    assert stakes.do("withdraw", by=operator) == f"160,000 ERA withdrawn to {operator.address}"


def test_shares_of_a_set_are_capped_and_rewards_are_not(stakes: Stakes, deployment: Deployment) -> None:
    deployment.bring(DEPOSITOR.address, 1_000_000 * ERA, ["hub"])
    stakes.do("delegate", "1", "800000", by=DEPOSITOR)
    found = stakes.status()
    assert found["next_set"]["weights"] == {
        "1": str(3 * 800_000 * ERA // 7),
        **{str(id_): str(200_000 * ERA) for id_ in (2, 3, 4, 5)},
    }
    assert found["validators"]["1"]["weight"] == str(200_000 * ERA)
    assert "30.0% (cap)" in stakes.table()


def test_who_delegated_what(stakes: Stakes, deployment: Deployment) -> None:
    """S1, of what is bonded."""
    deployment.bring(PAYER.address, 500 * ERA, ["hub"])
    stakes.do("delegate", "1", "300", by=DEPOSITOR)
    stakes.do("delegate", "1", "500", by=PAYER)
    stakes.do("delegate", "3", "7", by=DEPOSITOR)
    stakes.do("undelegate", "3", by=DEPOSITOR)
    found = stakes.run("status", "--delegators", "--json")
    assert json.loads(found.stdout)["delegators"] == {
        "1": {PAYER.address: str(500 * ERA), DEPOSITOR.address: str(300 * ERA)}
    }
    table = stakes.run("status", "--delegators").stdout.partition("Delegators")[2].splitlines()
    row = next(line for line in table if line.startswith("│"))
    shown = f"{PAYER.address[:10]}…{PAYER.address[-4:]}"
    assert row.replace("│", "").split() == ["1", "2", "800", "500", shown]


def test_what_is_bonded_against_what_is_outstanding(stakes: Stakes, deployment: Deployment) -> None:
    """Beside what fixtures of other tests brought there for good."""
    before = {name: int(wei) for name, wei in stakes.status()["outstanding"].items()}
    deployment.bring(DEPOSITOR.address, 400_000 * ERA, ["arcade"])
    deployment.bring(DEPOSITOR.address, 100_000 * ERA, ["social"])
    out = sum(before.values()) // ERA + 500_000
    times = f"{1_000_000 / out:.2f} ERA behind each"
    assert f"1,000,000 ERA seated, {out:,} on other chains: {times}" in stakes.table()
    found = stakes.status()
    assert int(found["outstanding"]["arcade"]) == before["arcade"] + 400_000 * ERA
    assert found["backing"] == pytest.approx(1_000_000 / out)


def test_nothing_is_behind_what_is_not_there(stakes: Stakes) -> None:
    seen = replace(reading.read(Live.open()), outstanding={"arcade": 0, "perps": 0, "social": 0})
    *_, line = stake_status.overview(seen, {})
    assert line == "bonded against outstanding: 1,000,000 ERA seated, 0 on other chains"


def test_an_equivocation_costs_who_delegated_only_what_is_left_of_it(
    stakes: Stakes, deployment: Deployment
) -> None:
    """Opened, held for 28 days, settled, released: what everybody sees at each step, and gets."""
    deployment.bring(DEPOSITOR.address, 1_000_000 * ERA, ["hub"])
    stakes.do("delegate", "1", "300000", by=DEPOSITOR)
    stakes.do("undelegate", "1", "100000", by=DEPOSITOR)
    accusation, _ = equivocate(deployment, ATTACKER, 1, VALIDATORS[0].address)
    found = stakes.status(DEPOSITOR)
    (case,) = found["cases"]
    assert (case["key"], case["kind"]) == ("0x" + accusation.key.hex(), "set_equivocation")
    assert (case["reporter"], case["pardonable"]) == (ATTACKER.address, False)
    assert case["settles_at"] == case["opened_at"] + 28 * DAY
    # 500,000 of a set that weighs 1,000,000: all.
    assert (case["fraction"], case["own_loss"], case["loss"]) == (
        10_000,
        str(200_000 * ERA),
        str(300_000 * ERA),
    )
    assert [one["state"] for one in found["account"]["exits"]] == ["held"]
    text = stakes.table()
    assert "nobody can pardon it" in text
    assert "accused" in text
    refused = stakes.run("delegate", "1", "1", by=DEPOSITOR)
    assert "validator 1 is accused: until all its cases are closed it takes no stake" in refused.stderr
    held = stakes.run("withdraw", by=DEPOSITOR)
    assert "100,000 ERA is held until all cases against validator 1 are closed" in held.stderr

    stakes.sleep(28 * DAY)
    settle = slasher.SETTLE.encode(accusation)
    receipt = stakes.hub.send(RELAYER, deployment.registry.address("Slasher"), settle)
    (settled,) = staking.SETTLED.found_in(receipt["logs"], stakes.address)
    assert (settled.fraction, settled.own_loss) == (10_000, 200_000 * ERA)
    assert stakes.held(ATTACKER.address) == 20_000 * ERA
    mine = stakes.status(DEPOSITOR)["account"]
    assert [(one["units"], one["loss"]) for one in mine["positions"]] == [(str(200_000 * ERA),) * 2]
    assert [(one["loss"], one["state"]) for one in mine["exits"]] == [(str(100_000 * ERA), "free")]
    assert stakes.do("withdraw", by=DEPOSITOR) == (
        f"0 ERA withdrawn to {DEPOSITOR.address}, 300,000 ERA are lost to a slash"
    )
    assert stakes.status(DEPOSITOR)["account"]["held"] == "0"


def test_cases_that_count_together_are_settled_28_days_after_the_last(
    stakes: Stakes, deployment: Deployment
) -> None:
    equivocate(deployment, ATTACKER, 1, VALIDATORS[0].address)
    stakes.sleep(3 * DAY)
    equivocate(deployment, ATTACKER, 2, VALIDATORS[1].address)
    first, second = stakes.status()["cases"]
    assert second["opened_at"] - first["opened_at"] >= 3 * DAY
    assert first["settles_at"] == second["settles_at"] == second["opened_at"] + 28 * DAY


def test_a_lone_accident_costs_the_operator_alone(stakes: Stakes, deployment: Deployment) -> None:
    """5 % at least, own stake first: 1,050,000 of a set of 9,250,000 are 11.35 %, which costs 11.6 %: less than its
    operator has there.
    """
    deployment.bring(DEPOSITOR.address, 9_000_000 * ERA, ["hub"])
    stakes.do("delegate", "1", "850000", by=DEPOSITOR)
    for validator in "2345":
        stakes.do("delegate", validator, "1850000", by=DEPOSITOR)
    deployment.publish()
    accusation, _ = lie_about_sets(deployment, ATTACKER, 1, VALIDATORS[0].address)
    (case,) = stakes.status()["cases"]
    assert (case["kind"], case["pardonable"]) == ("false_set", True)
    assert case["fraction"] == 1_160
    assert (case["own_loss"], case["loss"]) == (str(1_160 * 105 * ERA), "0")
    assert "until then the owner may pardon it" in stakes.table()

    hub, address = stakes.hub, deployment.registry.address("Slasher")
    deployment.as_owner("hub", address, slasher.PARDON_SETS.encode(accusation.nonce))
    assert "pardoned: anyone may dismiss it" in stakes.table()
    hub.send(RELAYER, address, slasher.DISMISS.encode(accusation))
    assert stakes.status()["cases"] == []
    assert stakes.do("delegate", "1", "1", by=DEPOSITOR) == "1 ERA delegated to validator 1"
    # It lost its seat with the accusation.
    assert stakes.do("join", by=OPERATORS[0]).startswith("validator 1 has a seat")


def test_fewer_than_four_is_said_by_everybody_who_looks(stakes: Stakes) -> None:
    """Exit status 1, and until when the last set signs."""
    for operator in OPERATORS[:2]:
        stakes.do("leave", by=operator)
    found = stakes.run("status")
    assert found.exit_code == 1
    assert found.stderr.startswith(
        "3 validators are seated, a set needs 4: none can be published: set 1 is the last, until 20"
    )
    assert stakes.status()["next_set"]["weights"] == {}


def test_who_is_silent_loses_its_seat_to_anyone(stakes: Stakes) -> None:
    early = stakes.run("vacate", "2", by=RELAYER)
    assert "hub: too early: expected 20" in early.stderr
    stakes.sleep(9 * DAY)
    assert re.search(r"validator 2 showed no sign for 9\.\d days: anyone may take its seat", stakes.table())
    assert stakes.do("vacate", "2", by=RELAYER) == "validator 2 has no seat any more"
    assert "validator 2 has no seat: it needs no check-in" in stakes.run("check-in", "2").stderr
    assert "hub: too early: expected 20" in stakes.run("join", by=OPERATORS[1]).stderr
    stakes.sleep(9 * DAY)
    assert stakes.do("join", by=OPERATORS[1]).startswith("validator 2 has a seat")


def test_whoever_signed_the_newest_set_is_checked_in_once(
    stakes: Stakes, deployment: Deployment, tmp_path: Path
) -> None:
    """One validator, by anyone; then all others at once. Nothing is sent twice, and who is silent is named."""
    exchange = DirectoryExchange(tmp_path / "exchange")
    command = ("check-in", "--exchange", str(exchange.directory))
    assert stakes.run(*command).stdout == "no check-in is due in the term of validator set 1\n"
    assert exchange.roots() == [], "nobody is asked to sign"
    deployment.publish()
    began = stakes.hub.view(stakes.address, staking.SET_AT)
    deployment.finalize()
    silent = stakes.run(*command, "3", "--timeout", "0", by=RELAYER)
    assert (silent.exit_code, silent.stdout) == (1, "")
    assert silent.stderr == "validator 3 did not sign validator set 2; it said nothing\n"
    with deployment.signing(exchange, tmp_path, range(4)):
        assert stakes.do(*command, "3", by=RELAYER) == "validator 3 checked in with validator set 2"
        assert (
            stakes.run(*command, "3", by=RELAYER).stdout
            == "no check-in of validator 3 is due in the term of validator set 2\n"
        )
        rest = stakes.run(*command, "--timeout", "3", "--json", by=RELAYER)
    assert rest.exit_code == 1
    assert rest.stderr == "validator 5 did not sign validator set 2; it said nothing\n"
    said = json.loads(rest.stdout)
    assert (said["set"], said["validators"], said["missing"]) == (2, [1, 2, 4], {"5": ""})
    assert len(said["transaction"]) == 66
    alive = [stakes.hub.view(stakes.address, staking.VALIDATOR, id_).alive_at for id_ in range(1, 6)]
    assert [at >= began for at in alive] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("arguments", "by", "line"),
    [
        (["delegate", "1", "5"], PAUPER, "has 0 ERA on hub, not 5"),
        (["delegate", "6", "5"], DEPOSITOR, "there is no validator 6: expected 1 to 5"),
        (["undelegate", "1", "5"], DEPOSITOR, "has delegated 0 ERA to validator 1, not 5"),
        (["undelegate", "1"], DEPOSITOR, "has delegated 0 ERA to validator 1"),
        (["rebond", "1"], DEPOSITOR, "has 0 ERA leaving validator 1: there is nothing to bond again"),
        (["withdraw"], DEPOSITOR, "can be withdrawn: it has no stake"),
        (["claim"], DEPOSITOR, "has earned nothing that it did not claim"),
        (["claim", "--to", "0x" + "00" * 20], DEPOSITOR, "is the zero address"),
        (["join"], OPERATORS[0], "validator 1 has a seat already"),
        (["join"], DEPOSITOR, "operates no validator: expected the account that registered one"),
        (["join", "--validator", "1"], DEPOSITOR, "the operator of validator 1 is "),
        (["unbond", "100001"], OPERATORS[0], "would be 99,999 ERA: expected 100,000 at least"),
        (["bond", "5"], OPERATORS[0], "has 0 ERA on hub, not 5"),
        (["fund", "5"], PAUPER, "has 0 ERA on hub, not 5"),
        (["check-in", "6"], RELAYER, "there is no validator 6: expected 1 to 5"),
        (["status", "nobody"], None, "no account 'nobody'"),
    ],
)
def test_what_people_get_wrong_is_one_line(
    stakes: Stakes, arguments: list[str], by: Role | None, line: str
) -> None:
    result = stakes.run(*arguments, by=by)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: ")
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_more_than_twenty_times_the_own_stake(stakes: Stakes, deployment: Deployment) -> None:
    deployment.bring(DEPOSITOR.address, 4_000_000 * ERA, ["hub"])
    refused = stakes.run("delegate", "1", "3800001", by=DEPOSITOR)
    assert refused.stderr == (
        "Error: hub: the validator's stake would be 4,000,001 ERA, over 20 times its own: expected 4,000,000 at most\n"
    )
    stakes.do("delegate", "1", "3800000", by=DEPOSITOR)
    refused = stakes.run("unbond", "1", by=OPERATORS[0])
    assert "would be 3,999,999 ERA, over 20 times its own: expected 3,999,980 at most" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["delegate", "0", "1"], "'VALIDATOR': expected a whole number from 1 to 65535, found '0'"),
        (["delegate", "1", "1e3"], "'AMOUNT': "),
        (["register", "--own", "1"], "Missing option"),
        (["commission", "5"], "Missing option '--account'"),
        (["commission", "101", "--account", "x"], "'PERCENT': "),
        (["commission", "1.005", "--account", "x"], "expected a percentage with at most two decimals"),
        (["rotate-key", "--possession", "0x12"], "expected 64 bytes that"),
        (["votes", ""], "'DELEGATEE': expected a name"),
        (["unstake"], "No such command 'unstake'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(arguments: Sequence[str], line: str) -> None:
    result = CliRunner(mix_stderr=False).invoke(stake.cli, list(arguments))
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", sorted(stake.cli.commands))
def test_help_teaches_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(stake.cli, [name, "--help"]).output
    assert f"  ape metalayer stake {name}" in shown
    assert "--json" in shown
