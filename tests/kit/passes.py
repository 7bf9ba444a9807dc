"""Passes of a relayer over the running chains, and what its transactions logged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metalayer.attesting.directory import DirectoryExchange
from metalayer.relayer.passes import Relayer
from metalayer.relayer.results import PassResult, Settled
from tests.kit.chains import BoundChain
from tests.kit.deployment import Deployment
from tests.kit.evm import Receipt


def relay(mesh: Deployment, exchange: DirectoryExchange, folder: Path, passes: int) -> list[PassResult]:
    """Passes with everything final before each. AssertionError if one has a problem."""
    results = relay_in_spite(mesh, exchange, folder, passes)
    assert [problem for result in results for problem in result.all_problems] == []
    return results


def relay_in_spite(
    mesh: Deployment, exchange: DirectoryExchange, folder: Path, passes: int
) -> list[PassResult]:
    """Likewise, whatever their problems."""
    with mesh.signing(exchange, folder):
        return relay_by(mesh, mesh.relayer(exchange), passes)


def relay_by(mesh: Deployment, relayer: Relayer, passes: int = 1) -> list[PassResult]:
    """Likewise, by this relayer and with the validators that are at work."""
    results = []
    for _ in range(passes):
        mesh.finalize()
        results.append(relayer.relay_once())
    return results


def settled(result: PassResult, chain: str) -> Settled:
    """What a pass settled on a chain."""
    (one,) = [one for one in result.settled if one.chain == chain]
    return one


def logged(event: str, result: PassResult, chains: Mapping[str, BoundChain]) -> list[tuple[Any, ...]]:
    """Values of every such event in the transactions of a pass."""
    done = [(one.chain, hash_) for one in result.deliveries for hash_ in one.transactions]
    done += [(one.chain, hash_) for one in result.settled for hash_ in one.transactions]
    raw = [chains[chain].rpc("eth_getTransactionReceipt", [hash_]) for chain, hash_ in done]
    return [values for one in raw for values in Receipt(one).named(event)]
