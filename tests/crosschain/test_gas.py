"""The committed gas figures hold: none is worse by more than 3 % without somebody noticing."""

from __future__ import annotations

from benchmarks.comparison import WORSE, committed, worse
from benchmarks.gas import QUORUMS, GasBenchmark
from tests.kit.deployment import Deployment
from tests.kit.roles import TREASURY

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


def test_a_worse_figure_is_named_with_how_much() -> None:
    before = {"deliver_1": 100_000, "send_32": 50_000, "retry": 40_000}
    found = {"deliver_1": 103_100, "send_32": int(50_000 * (1 + WORSE)), "claim": 1}
    assert worse(found, before) == [
        "retry is not measured any more",
        "deliver_1: 103,100 gas, +3.1% against the committed 100,000",
    ]
