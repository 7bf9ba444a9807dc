"""`ape metalayer credit`: what is there, what a message costs, in and out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from metalayer.assets.credit import payment, preparation
from metalayer.cli import credit
from metalayer.cli.credit import cli
from metalayer.deploy.intent import route_between
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.signers import address_of
from metalayer.protocol.amounts import era
from tests.kit.deployment import ERA, Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import BENEFICIARY, DEPOSITOR, Role


def run(*arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(cli, list(arguments))


def shown(profile: Profile, role: Role) -> Any:
    account = profile.account(role)
    result = profile.run(credit, "show", account, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["account"] == address_of(account)
    return data["chains"]


@pytest.fixture(autouse=True)
def depositor(deployment: Deployment) -> None:
    deployment.bring(DEPOSITOR.address, 10 * ERA, ["hub", "arcade"])


@pytest.mark.parametrize("chain", ["hub", "arcade"])
def test_in_and_out_again(profile: Profile, chain: str) -> None:
    by_depositor = ("--account", profile.account(DEPOSITOR))
    paid_in = profile.run(credit, "deposit", chain, "1.5", *by_depositor)
    assert paid_in.output.startswith(f"1.5 ERA into the credit of {DEPOSITOR.address} on {chain}: 0x")
    assert (shown(profile, DEPOSITOR)[chain]["held"], shown(profile, DEPOSITOR)[chain]["credit"]) == (
        str(85 * ERA // 10),
        str(15 * ERA // 10),
    )
    assert profile.run(credit, "withdraw", chain, "0.5", *by_depositor).exit_code == 0
    to = ("--to", profile.account(BENEFICIARY))
    out = profile.run(credit, "withdraw", chain, "1", *by_depositor, *to, "--json")
    assert json.loads(out.stdout)["to"] == BENEFICIARY.address
    assert (shown(profile, DEPOSITOR)[chain]["held"], shown(profile, DEPOSITOR)[chain]["credit"]) == (
        str(9 * ERA),
        "0",
    )
    assert shown(profile, BENEFICIARY)[chain]["held"] == str(ERA)


def test_a_deposit_for_somebody_else(profile: Profile) -> None:
    arguments = ("--for", profile.account(BENEFICIARY), "--account", profile.account(DEPOSITOR))
    assert profile.run(credit, "deposit", "hub", "2", *arguments).exit_code == 0
    assert (shown(profile, BENEFICIARY)["hub"]["credit"], shown(profile, DEPOSITOR)["hub"]["credit"]) == (
        str(2 * ERA),
        "0",
    )


def test_shows_what_the_bridge_may_spend(
    profile: Profile, deployment: Deployment, connections: dict[str, Connection]
) -> None:
    sender, spender = DEPOSITOR, deployment.bridge
    due = payment(connections["hub"], deployment.registry, sender.address, ERA, spender)
    connections["hub"].send_many(sender, preparation(deployment.registry, due, spender))
    assert shown(profile, DEPOSITOR)["hub"]["bridge_allowance"] == str(ERA)
    table = profile.run(credit, "show", profile.account(DEPOSITOR)).output
    row = next(line for line in table.splitlines() if "hub" in line)
    assert row.replace("│", "").split() == ["hub", "9", "1", "1", "0", "0"]


@pytest.mark.parametrize(("gas_limit", "length"), [(None, 0), (1_000_000, 32), (0, 8_192)])
def test_quotes_what_the_terms_give(
    deployment: Deployment, network: Network, gas_limit: int | None, length: int
) -> None:
    """M15."""
    terms = route_between(network.chains["arcade"], network.hub).terms
    expected = terms.quote(terms.default_gas_limit if gas_limit is None else gas_limit, 0, length)
    options = [] if gas_limit is None else ["--gas-limit", str(gas_limit)]
    arguments = ["quote", "arcade", "hub", "--bytes", str(length), *options]
    assert run(*arguments).output == f"{era(expected)} ERA\n"
    assert json.loads(run(*arguments, "--json").stdout)["fee"] == str(expected)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["deposit", "social", "1", "--account", BENEFICIARY.alias], "has 0 ERA on social, not 1"),
        (["deposit", "hub", "1", "--for", "0x" + "00" * 20], "is the zero address"),
        (["withdraw", "hub", "1", "--account", BENEFICIARY.alias], "has 0 ERA of credit on hub, not 1"),
        (["withdraw", "hub", "1", "--to", "0x" + "00" * 20], "is the zero address"),
        (["quote", "hub", "hub"], "hub is both ends"),
        (["quote", "hub", "arcade", "--gas-limit", "2000001"], "GasLimitTooHigh"),
        (["show", "nobody"], "no account 'nobody'"),
    ],
)
def test_what_people_get_wrong_is_one_line(arguments: list[str], line: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["deposit", "hub", "0"], "'AMOUNT': the amount is zero"),
        (["deposit", "hub", "9" * 5_000], "'AMOUNT': expected an amount of ERA such as 1.5, found '999"),
        (["deposit", "hub", "1000000000.1"], "'AMOUNT': 1,000,000,000.1 ERA are more than there are"),
        (["deposit", "mars", "1"], "'CHAIN': no chain 'mars' in network 'local': expected one of hub (901)"),
        (["deposit", "hubb", "1"], "did you mean 'hub'?"),
        (
            ["quote", "hub", "arcade", "--bytes", "8193"],
            "'--bytes': expected a whole number from 0 to 8192, found '8193'",
        ),
        (
            ["quote", "hub", "arcade", "--gas-limit", "16777217"],
            "'--gas-limit': expected a whole number from 0 to 16777216",
        ),
        (["quote", "hub", "arcade", "--gas-limit", "1e3"], "'--gas-limit': "),
        (
            ["quote", "hub", "arcade", "--gsa-limit", "1"],
            "No such option: --gsa-limit Did you mean --gas-limit?",
        ),
        (
            ["show", "0xa0ee7A142d267C1f36714E4a8F75612F20a79720"],
            "expected 0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
        ),
        (["show", "0x1234"], "'[ACCOUNT]': expected an address"),
        (["show", ""], "'[ACCOUNT]': expected a name"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(arguments: list[str], line: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("contract", ["Metalayer", "TokenBridge", "ERA"])
@pytest.mark.parametrize("option", [("deposit", "--for"), ("withdraw", "--to")])
def test_never_where_it_would_be_lost(deployment: Deployment, contract: str, option: tuple[str, str]) -> None:
    """M6."""
    command, name = option
    result = run(
        command, "hub", "1", name, deployment.registry.address(contract), "--account", DEPOSITOR.alias
    )
    assert result.exit_code == 1
    assert f"is the {contract}: ERA sent there would be lost" in result.stderr
