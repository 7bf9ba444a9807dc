"""The Ape plugin: the chains of networks.yaml as the ecosystem `metalayer`.

Every Ape command of every project imports it. Where the current directory has no networks.yaml, it has nothing to say:
each of its functions is a generator that ends at once.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from ape import plugins

from metalayer.network.workspace import in_workspace

# Ape imports plugins before anything looks for a compiler: the one that `make setup` put into .solc.
if in_workspace() and Path(".solc").is_dir():
    os.environ.setdefault("SOLCX_BINARY_PATH", str(Path.cwd() / ".solc"))


@plugins.register(plugins.Config)
def config_class() -> Iterator[type]:
    if in_workspace():
        from ape_metalayer.ecosystem import MetalayerConfig

        yield MetalayerConfig


# Ape uses the first compiler of an extension, and `trylast` puts this one before ape-solidity's in its list.
@plugins.register(plugins.CompilerPlugin, trylast=True)
def register_compiler() -> Iterator[tuple[tuple[str, ...], type]]:
    if in_workspace():
        from ape_metalayer.compiler import ReproducibleSolidity

        yield (".sol",), ReproducibleSolidity


@plugins.register(plugins.EcosystemPlugin)
def ecosystems() -> Iterator[type]:
    if in_workspace():
        from ape_metalayer.ecosystem import Metalayer

        yield Metalayer


@plugins.register(plugins.NetworkPlugin)
def networks() -> Iterator[tuple[str, str, type]]:
    if in_workspace():
        from ape_metalayer.ecosystem import chains, network_type

        for chain in chains():
            yield "metalayer", chain.name, network_type(chain)


@plugins.register(plugins.ProviderPlugin)
def providers() -> Iterator[tuple[str, str, type]]:
    if in_workspace():
        from ape_metalayer.ecosystem import chains
        from ape_metalayer.provider import AnvilChain

        for chain in chains():
            yield "metalayer", chain.name, AnvilChain
