"""What is measured and shown by hand only, as far as it needs no chain: it stays in step with the package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

import pytest

import benchmarks
import demo
from benchmarks.command import _CONTRACTS
from benchmarks.keys import address_of
from benchmarks.roles import CHAINS, network
from metalayer.deploy.artifacts import code_sizes
from metalayer.deploy.intent import load_intent
from tests.kit.roles import DEPLOYER, VALIDATORS
from tools.repository import repo_root


def modules(*packages: ModuleType) -> Iterator[str]:
    for package in packages:
        yield from (found.name for found in walk_packages(package.__path__, f"{package.__name__}."))


@pytest.mark.parametrize("name", sorted(modules(benchmarks, demo)))
def test_whatever_is_run_by_hand_can_be_imported(name: str) -> None:
    """Each has values that are made on import: prices, calls, code."""
    import_module(name)


def test_speed_is_measured_on_free_chains_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo_root())
    chains = network().chains.values()
    assert len({chain.chain_id for chain in chains}) == len({chain.port for chain in chains}) == max(CHAINS)
    assert {value for chain in chains for value in chain.preset.fees.model_dump().values()} == {0}


def test_speed_knows_who_deploys_and_who_bonds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts of deploy.yaml are the tests': no other key is at hand there."""
    monkeypatch.chdir(repo_root())
    intent = load_intent()
    assert address_of(intent.deployer) == DEPLOYER.address
    signers = [address_of(founder.signer) for founder in intent.validators.bonded]
    assert signers == [role.address for role in VALIDATORS]


def test_the_contracts_whose_code_is_measured_exist() -> None:
    sizes = code_sizes(_CONTRACTS)
    assert min(sizes.values()) > 0
