"""The Ape plugin: the chains of networks.yaml as the ecosystem `metalayer`. Every Ape command imports it."""

import os
from collections.abc import Iterator
from pathlib import Path

from ape import plugins

# Ape imports plugins before anything looks for a compiler: the one that `make setup` put into .solc.
os.environ.setdefault("SOLCX_BINARY_PATH", str(Path(__file__).resolve().parent.parent / ".solc"))


@plugins.register(plugins.Config)
def config_class() -> type:
    from ape_metalayer.ecosystem import MetalayerConfig

    return MetalayerConfig


# Ape uses the first compiler of an extension, and `trylast` puts this one before ape-solidity's in its list.
@plugins.register(plugins.CompilerPlugin, trylast=True)
def register_compiler() -> tuple[tuple[str, ...], type]:
    from ape_metalayer.compiler import ReproducibleSolidity

    return (".sol",), ReproducibleSolidity


@plugins.register(plugins.EcosystemPlugin)
def ecosystems() -> Iterator[type]:
    from ape_metalayer.ecosystem import Metalayer

    yield Metalayer


@plugins.register(plugins.NetworkPlugin)
def networks() -> Iterator[tuple[str, str, type]]:
    from ape_metalayer.ecosystem import chains, network_type

    for chain in chains():
        yield "metalayer", chain.name, network_type(chain)


@plugins.register(plugins.ProviderPlugin)
def providers() -> Iterator[tuple[str, str, type]]:
    from ape_metalayer.ecosystem import chains
    from ape_metalayer.provider import AnvilChain

    for chain in chains():
        yield "metalayer", chain.name, AnvilChain
