"""What is asked of nodes grows with chains and with lanes, and with nothing else: counted, on small networks."""

from __future__ import annotations

import pytest

from benchmarks.growth import Grown
from benchmarks.launching import launched
from benchmarks.sizes import Size

HUBS = [Size("through the hub", chains) for chains in (3, 4, 5)]
MESHES = [Size("full mesh", chains) for chains in (4, 5)]
MIXED = Size("through the hub", 5, meshed=3)
READING = ("plan", "plan_again", "check", "survey", "survey_again")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[Size, Grown]:
    """What was counted. The chains are gone."""
    found = {}
    for size in (*HUBS, *MESHES, MIXED):
        folder = tmp_path_factory.mktemp(size.name)
        with pytest.MonkeyPatch.context() as environment:
            environment.chdir(folder)
            with Grown.started(size, folder, lambda line: None) as grown:
                grown.deploy()
                grown.read()
            found[size] = grown
    return found


def requests(networks: dict[Size, Grown], size: Size, work: str) -> int:
    """Without the one question that each chain is asked about each other one: whether they have a route."""
    asked = networks[size].works[work].requests
    return asked - (size.chains * (size.chains - 1) if work == "survey" else 0)


@pytest.mark.parametrize("work", READING)
def test_requests_grow_with_chains_and_lanes(networks: dict[Size, Grown], work: str) -> None:
    three, four, five = (requests(networks, size, work) for size in HUBS)
    a_chain = four - three
    assert five - four == a_chain > 0
    of_four, of_five = MESHES
    more, rest = divmod(requests(networks, of_four, work) - four, of_four.lanes - HUBS[1].lanes)
    assert rest == 0
    assert requests(networks, of_five, work) == five + more * (of_five.lanes - HUBS[2].lanes)
    assert requests(networks, MIXED, work) == five + more * (MIXED.lanes - HUBS[2].lanes)


def test_round_trips_and_log_queries_grow_with_chains_alone(networks: dict[Size, Grown]) -> None:
    for work in READING:
        counts = [
            (networks[size].works[work].trips, networks[size].works[work].as_dict()["log_queries"])
            for size in (*HUBS, *MESHES)
        ]
        (trips, logs), (more_trips, more_logs) = counts[0], counts[1]
        assert counts[2] == (2 * more_trips - trips, 2 * more_logs - logs)
        assert counts[3:] == counts[1:3]


def test_transactions_grow_with_chains_alone(networks: dict[Size, Grown]) -> None:
    sent = [networks[size].works["apply"].methods["eth_sendRawTransaction"] for size in (*HUBS, *MESHES)]
    assert sent[2] - sent[1] == sent[1] - sent[0] > 0
    assert sent[3:] == sent[1:3]


@pytest.mark.deep
def test_a_launch_deploys_the_same_in_any_network(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its vote sends besides depends on how many validator sets time brings meanwhile: some to each chain."""
    sent = {}
    for size in HUBS:
        folder = tmp_path_factory.mktemp(f"launch {size.name}")
        monkeypatch.chdir(folder)
        with Grown.started(size, folder, lambda line: None, is_free=False) as grown:
            sent[size.chains] = launched(grown)["phases"]
    assert len({one["deploy"]["transactions"] for one in sent.values()}) == 1
    for chains, one in sent.items():
        assert 0 < one["vote"]["transactions"] + one["transfer"]["transactions"] < 20 * chains
