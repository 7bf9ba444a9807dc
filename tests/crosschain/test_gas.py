"""The committed gas figures hold: none is worse by more than 3 % without somebody noticing."""

from __future__ import annotations

import pytest

from benchmarks import governance, staking
from benchmarks.bridging import BridgeBenchmark
from benchmarks.comparison import (
    WORSE,
    bridge_table,
    committed,
    governance_table,
    staking_table,
    with_tables,
    worse,
)
from benchmarks.gas import QUORUMS, GasBenchmark
from benchmarks.governance import GovernanceBenchmark
from benchmarks.staking import StakingBenchmark
from tests.kit.deployment import Deployment
from tests.kit.roles import TREASURY
from tools.repository import repo_root

# A batch of a hundred, and other quorums, take long and follow from these.
_LEFT_OUT = ("_100_", "_of_")


def test_no_figure_gets_worse(deployment: Deployment) -> None:
    """Every figure of benchmarks/gas.json that can be measured quickly, in the way in which it was measured there."""
    benchmark = GasBenchmark(
        deployment.connections,
        deployment.registry,
        TREASURY.address,
        lambda line: None,
        runs=3,
        batches=(1, 10),
        quorums=QUORUMS[:1],
    )
    expected = {
        name: gas for name, gas in committed()["gas"].items() if not any(part in name for part in _LEFT_OUT)
    }
    assert len(expected) > 15
    try:
        found = benchmark.run()
    finally:
        for connection in deployment.connections.values():
            # No snapshot takes this back.
            connection.rpc("anvil_removeBlockTimestampInterval")
    assert worse(found, expected) == []


def test_no_figure_of_staking_gets_worse(deployment: Deployment) -> None:
    """As above; a slash of many delegators is in tests/contracts/staking/test_gas.py."""
    *_, spare = deployment.connections.values()
    try:
        found = StakingBenchmark(spare, deployment.registry, lambda line: None, runs=3, crowd=0).run()
    finally:
        spare.rpc("anvil_removeBlockTimestampInterval")
    expected = {name: gas for name, gas in committed()["staking"].items() if name != "settle_1000"}
    assert len(expected) > 15
    assert worse(found, expected) == []


def test_no_figure_of_the_bridge_gets_worse(deployment: Deployment) -> None:
    """As above."""
    connections = deployment.connections
    try:
        found = BridgeBenchmark(
            connections, deployment.registry, TREASURY.address, lambda line: None, runs=2
        ).run()
    finally:
        for connection in connections.values():
            connection.rpc("anvil_removeBlockTimestampInterval")
    expected = committed()["bridge"]
    assert len(expected) > 25
    assert worse(found, expected) == []


def test_no_figure_of_governance_gets_worse(deployment: Deployment) -> None:
    """As above; the second of two votes tells what is written for the first time."""
    connections = deployment.connections
    try:
        benchmark = GovernanceBenchmark(
            connections, deployment.registry, TREASURY.address, lambda line: None, runs=1
        )
        found = benchmark.run()
    finally:
        for connection in connections.values():
            connection.rpc("anvil_removeBlockTimestampInterval")
    # What is cast is looked up for each chain that ERA was ever sent to: here there are more of them.
    expected = {
        name: gas for name, gas in committed()["governance"].items() if not name.startswith("tally_cast")
    }
    assert len(expected) > 15
    assert worse(found, expected) == []


@pytest.mark.parametrize("name", staking.MOST)
def test_staking_costs_no_more_than_its_design_allows(name: str) -> None:
    assert committed()["staking"][name] <= staking.MOST[name]


@pytest.mark.parametrize("name", governance.MOST)
def test_governance_costs_no_more_than_its_design_allows(name: str) -> None:
    assert committed()["governance"][name] <= governance.MOST[name]


def test_a_slash_costs_the_same_whatever_the_number_of_delegators() -> None:
    """S5: as it was measured, with 1 and with 1,000."""
    figures = committed()["staking"]
    assert figures["settle_1000"] == figures["settle_1"]


def test_the_tables_are_what_was_measured() -> None:
    text = (repo_root() / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert bridge_table(committed()) in text
    assert staking_table(committed()) in text
    assert governance_table(committed()) in text
    assert with_tables(text, committed()) == text
    other = with_tables(text, committed() | {"staking": {"claim": 1}})
    assert "| `claim` | 1 |" in other
    assert "`delegate_more` |" not in other


def test_a_worse_figure_is_named_with_how_much() -> None:
    before = {"deliver_1": 100_000, "send_32": 50_000, "retry": 40_000}
    found = {"deliver_1": 103_100, "send_32": int(50_000 * (1 + WORSE)), "claim": 1}
    assert worse(found, before) == [
        "retry is not measured any more",
        "deliver_1: 103,100 gas, +3.1% against the committed 100,000",
    ]
