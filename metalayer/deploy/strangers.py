"""Checking a deployment of others: from a clone, a registry and addresses of nodes, without their accounts or state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from metalayer.deploy.compared import Compared
from metalayer.deploy.desired import Resolved
from metalayer.deploy.recording import foreign
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.registry import Registry, shown
from metalayer.network.signers import local_key, typed_address
from metalayer.network.values import read_address

_TEST = re.compile(r"TEST::(\d{1,2})")


def read_through(network: Network, nodes: Iterable[tuple[str, str]]) -> Network:
    """The network, with these nodes instead of those of networks.yaml: (chain, address), the first of a chain first.

    MetalayerError if there is no such chain.
    """
    given: dict[str, list[str]] = {}
    for chain, address in nodes:
        given.setdefault(network.chain(chain).name, []).append(address)
    chains = {
        name: replace(
            chain,
            base_port=None,
            remote_url=given[name][0],
            spares=tuple(given[name][1:]),
            # Nothing is sent.
            confirmations=0,
        )
        if name in given
        else chain
        for name, chain in network.chains.items()
    }
    return replace(network, hub=chains[network.hub.name], chains=chains)


def accounts_of(registry: Registry, path: Path) -> Callable[[str], str]:
    """The address of a name in deploy.yaml, as the registry in that file says. MetalayerError for others."""

    def address(name: str) -> str:
        if typed := typed_address(name):
            return typed
        if name not in registry.accounts:
            raise MetalayerError(
                f"{shown(path)} does not say whose account '{name}' is: is it of another deployment?"
            )
        try:
            return read_address(registry.accounts[name])
        except ValueError as error:
            raise MetalayerError(f"{shown(path)}: accounts: {name}: {error}") from error

    return address


def refuse_foreign(registry: Registry, path: Path, resolved: Resolved, genesis: Mapping[str, str]) -> None:
    """MetalayerError, one line, if a registry is of another deployment than deploy.yaml and the chains are."""
    network = resolved.network
    faults = [f"network {registry.network}, now {network.name}"] if registry.network != network.name else []
    deployer = resolved.chains[network.hub.name].deployer
    if faults := faults + foreign(registry, network, deployer, genesis):
        raise MetalayerError(f"{shown(path)} is of another deployment ({'; '.join(faults)})")


def compare_names(registry: Registry, network: Network) -> list[Compared]:
    """Test accounts, which everybody knows; and chains that nothing else is asked of."""
    others = ", ".join(sorted(registry.chains.keys() - network.chains.keys()))
    known = {
        name: str(local_key(int(match[1])).address)
        for name in registry.accounts
        if (match := _TEST.fullmatch(name))
    }
    return [
        Compared("other chains in the registry", "none", others or "none"),
        *(
            Compared(f"{name} in the registry", address, registry.accounts[name])
            for name, address in sorted(known.items())
        ),
    ]
