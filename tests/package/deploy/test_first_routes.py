"""How many routes a gateway is created with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.sizes import Size, write
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import ARTIFACTS, CONTRACTS, MOST_FIRST_ROUTES
from metalayer.deploy.desired import Desired, FirstSets
from metalayer.deploy.intent import load_intent, resolve
from metalayer.deploy.names import FACTORY, GATEWAY
from metalayer.network.config import load_network
from metalayer.network.signers import address_of
from metalayer.protocol.attestation import MAX_VALIDATORS, ValidatorSet

MOST_CODE = 49_152
"""EIP-3860: bytes of creation code and arguments."""
CHAINS = MOST_FIRST_ROUTES + 3


@pytest.fixture
def desired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Desired]:
    """Of every chain of a mesh that is too large, with as large a validator set as there may be."""
    monkeypatch.chdir(tmp_path)
    write(Size("full mesh", CHAINS), tmp_path)
    network = load_network()
    factory = load_artifacts(ARTIFACTS)[FACTORY].creation
    members = {f"0x{place:040x}": 100 for place in range(1, MAX_VALIDATORS + 1)}
    sets = FirstSets(planned=ValidatorSet.of(1, 2**40, members))
    return resolve(load_intent(), network, address_of, factory, sets).chains


def test_no_more_routes_than_fit_into_a_transaction(desired: dict[str, Desired]) -> None:
    """The hub is always among them: by its lane votes open the others."""
    gateway, artifact = CONTRACTS[GATEWAY], load_artifacts(ARTIFACTS)[GATEWAY]
    hub, *spokes = desired.values()
    for one in (hub, spokes[0], spokes[-1]):
        assert len(one.routes) == CHAINS - 1 > MOST_FIRST_ROUTES
        first = [route["chainId"] for route in gateway.arguments(one)["routes"]]
        assert first == list(one.routes)[:MOST_FIRST_ROUTES]
        assert one.is_hub or first[0] == hub.chain.chain_id
        assert len(gateway.init_code(one, artifact)) <= MOST_CODE


def test_a_gateway_of_a_smaller_network_has_all(desired: dict[str, Desired]) -> None:
    one = next(iter(desired.values()))
    few = replace(one, routes=dict(list(one.routes.items())[:MOST_FIRST_ROUTES]))
    gateway = CONTRACTS[GATEWAY]
    assert [route["chainId"] for route in gateway.arguments(few)["routes"]] == list(few.routes)
