"""The numbers of docs/staking.md are what the rules give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from metalayer.deploy.intent import route_between
from metalayer.network.config import load_network
from metalayer.protocol import bond, staking
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.dates import utc
from tools.repository import repo_root

ERA = 10**18
_TEXT = (repo_root() / "docs" / "staking.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    section = _TEXT.split(f"### {heading}\n")[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _rounded(wei: float) -> str:
    return f"{wei / ERA:,.2f}".removesuffix(".00")


def test_when_it_is_free() -> None:
    found = rows("When it is free")
    assert len(found) == 4
    for began, free, after in found:
        moment = datetime.strptime(began, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
        at = staking.matures_at(staking.period_of(int(moment.timestamp())))
        assert free == utc(at)
        assert after == f"{(at - moment.timestamp()) / 86_400:.1f} days"


def test_what_it_earns() -> None:
    weekly, seated, own, all_, commission = 70_000 * ERA, 100_000_000 * ERA, 200_000, 2_000_000, 500
    rate = weekly / staking.STREAM
    year = bond.per_year(rate, seated, commission)
    net = weekly * (bond.BASIS_POINTS - commission) // bond.BASIS_POINTS
    delegated = all_ - own

    def of(units: int, reward: int) -> str:
        return f"{_rounded(units * ERA * reward / seated)} ERA"

    assert rows("What it earns") == [
        ["10,000 ERA delegated to it", f"{of(10_000, net)} ({year * 100:.4f} % a year)"],
        ["all 1,800,000 ERA delegated to it", of(delegated, net)],
        ["its operator, for the commission", of(delegated, weekly - net)],
        ["its operator, for the own stake", of(own, weekly)],
    ]
    assert f"10,000 ERA a day, {bond.per_year(rate, seated) * 100:.2f} % a year" in _TEXT


def test_what_it_weighs() -> None:
    stakes = [1_000_000 * ERA, *[200_000 * ERA] * 4]
    weights = bond.capped(stakes)
    for place, row in ((0, "one"), (1, "four, each")):
        share = f"{100 * weights[place] / sum(weights):.1f} %"
        stake, weight = (f"{wei // ERA:,}" for wei in (stakes[place], weights[place]))
        assert [row, stake, weight, share] in rows("What it weighs")


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_what_a_slash_takes(count: int) -> None:
    own, delegated, validators = 100_000 * ERA, 900_000 * ERA, 20
    taken = bond.fraction(count * (own + delegated), validators * (own + delegated))
    lost = bond.loss(own, delegated, taken)
    expected = [
        str(count),
        f"{100 * count / validators:g} %",
        f"{taken / 100:g} %",
        era(lost.own),
        era(lost.delegated),
        _rounded(bond.part(10_000 * ERA, lost.delegated, delegated)),
        era(lost.own // bond.BOUNTY_DIVISOR),
    ]
    assert expected in rows("What a slash takes")


def test_what_fees_alone_pay() -> None:
    """By the hub's terms in networks.yaml, for a message with 200,000 gas."""
    network = load_network()
    terms = route_between(network.chains["arcade"], network.hub).terms
    share = terms.quote(200_000, 0, 32) - terms.fee(200_000, 0, 32).total * GWEI
    day = 1_000_000 * share
    assert f"pays the protocol {share / ERA:.4f} ERA" in _TEXT
    assert f"a million of them a day are about {round(day / ERA, -2):g} ERA" in _TEXT
    assert round(20 * 36_500 * day / (100_000_000 * ERA)) == 5, "a quarter of a percent"


def test_the_table_of_numbers() -> None:
    day = 86_400
    for words in (
        f"all its stake is {staking.MAX_LEVERAGE} times that at most",
        f"every {staking.TERM // day} days, signs for {staking.LIFETIME // day}",
        f"stream in {staking.STREAM // day} days",
        f"a new one counts after {staking.NOTICE // day} days",
        f"after {(staking.UNBONDING_PERIODS - 1) * staking.PERIOD // day} to {staking.LIABILITY // day} days",
        f"{staking.SILENCE // day} days without a sign",
        f"{bond.MIN_FRACTION // 100} % at least",
        f"{100 // bond.BOUNTY_DIVISOR} % of what is taken of own stake",
    ):
        assert words in _TEXT
