"""The chains of the network as `networks.yaml` describes them, and how to start each. Never imports Ape."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from metalayer.errors import MetalayerError
from metalayer.network.models import Model, read_yaml
from metalayer.network.redaction import shown_url
from metalayer.network.workspace import NETWORKS_FILE, port_offset, workspace

_Positive = Annotated[int, Field(gt=0)]
_USUAL_CEILING = 100
_LOWEST_CEILING = 10 * 10**9
# Strict: `yes` and "1" are no amounts. 40 bits are what the contracts keep of each.
_Fee = Annotated[int, Field(ge=0, lt=1 << 40, strict=True)]


class Fees(Model):
    """What messages towards a kind of chain pay, and `return_` (in YAML: return) what their end costs on it as the
    origin. Gwei of ERA; basis points.
    """

    base: _Fee
    gas: _Fee
    byte: _Fee
    return_: Annotated[_Fee, Field(alias="return")]
    protocol_share: Annotated[int, Field(ge=0, le=10_000, strict=True)]


class Preset(Model):
    """What a kind of chain is like. Seconds, gas, wei, blocks; see networks.yaml."""

    block_time: Annotated[float, Field(gt=0)]
    gas_limit: _Positive
    base_fee: Annotated[int, Field(ge=0)]
    finality_depth: Annotated[int, Field(ge=0)]
    default_gas_limit: _Positive
    max_gas_limit: Annotated[int, Field(gt=0, le=16_777_216)]
    fees: Fees

    @model_validator(mode="after")
    def _limits_fit(self) -> Preset:
        if self.max_gas_limit > self.gas_limit // 2:
            raise ValueError("max_gas_limit is over half a block (gas_limit / 2)")
        if self.default_gas_limit > self.max_gas_limit:
            raise ValueError("default_gas_limit is over max_gas_limit")
        return self


class Fork(Model):
    """Start from another chain's state: its RPC address and, if given, the block."""

    url: Annotated[str, Field(repr=False)]
    block: int | None = None


class _ChainEntry(Model):
    chain_id: _Positive
    preset: str
    port: Annotated[int, Field(gt=0, lt=65_536)] | None = None
    url: str | None = None
    fork: Fork | None = None
    max_gas_price: _Positive | None = None

    @model_validator(mode="after")
    def _has_a_place(self) -> _ChainEntry:
        if (self.port is None) == (self.url is None):
            raise ValueError("give either a port (a local chain) or a url (a node elsewhere)")
        return self


class _NetworkEntry(Model):
    name: Annotated[str, Field(min_length=1)]
    hub: str


class _File(Model):
    network: _NetworkEntry
    presets: dict[str, Preset]
    chains: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], _ChainEntry]


@dataclass(frozen=True)
class Chain:
    """One chain. `base_port` is the one in networks.yaml; `port` and `url` include the port offset."""

    name: str
    chain_id: int
    preset: Preset
    base_port: int | None
    remote_url: str | None = field(repr=False)
    fork: Fork | None
    gas_price_ceiling: int | None = None

    @property
    def max_gas_price(self) -> int:
        """Wei for each gas that no transaction offers more than, however long it waits.

        100 times the preset's base fee, and at least 10 gwei, if networks.yaml sets none.
        """
        return self.gas_price_ceiling or max(_LOWEST_CEILING, _USUAL_CEILING * self.preset.base_fee)

    @property
    def is_local(self) -> bool:
        return self.remote_url is None

    @property
    def port(self) -> int:
        """The local port, offset included. MetalayerError for a chain that runs elsewhere."""
        if self.base_port is None:
            raise MetalayerError(f"chain '{self.name}' runs at {self.place}: it has no local port")
        return self.base_port + port_offset()

    @property
    def url(self) -> str:
        return self.remote_url or f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> str:
        """Its url as people may see it: without passwords and keys."""
        return shown_url(self.url)


@dataclass(frozen=True)
class Network:
    """All chains of one network, by name, the hub first."""

    name: str
    hub: Chain
    chains: dict[str, Chain]

    @property
    def is_local(self) -> bool:
        """True if every chain is a local one: only then may test accounts sign."""
        return all(chain.is_local for chain in self.chains.values())

    def chain(self, name_or_id: str | int) -> Chain:
        """The chain of that name or chain id. MetalayerError listing the valid ones otherwise."""
        for chain in self.chains.values():
            if str(name_or_id) in (chain.name, str(chain.chain_id)):
                return chain
        known = ", ".join(f"{chain.name} ({chain.chain_id})" for chain in self.chains.values())
        raise MetalayerError(f"no chain '{name_or_id}' in network '{self.name}': expected one of {known}")


def load_network(path: Path | None = None) -> Network:
    """Read networks.yaml (the workspace's by default). MetalayerError if it is missing or wrong."""
    path = path or workspace() / NETWORKS_FILE
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise MetalayerError(f"cannot read {path}: {error.strerror}") from error
    return _load(path, changed)


@lru_cache(maxsize=8)
def _load(path: Path, _changed: int) -> Network:
    return _resolve(read_yaml(path, _File), path.name)


def _resolve(file: _File, source: str) -> Network:
    chains: dict[str, Chain] = {}
    for name, entry in file.chains.items():
        if entry.preset not in file.presets:
            raise MetalayerError(
                f"{source}: chains.{name}.preset: no preset '{entry.preset}', expected one of "
                f"{', '.join(file.presets)}"
            )
        preset = file.presets[entry.preset]
        chains[name] = Chain(
            name, entry.chain_id, preset, entry.port, entry.url, entry.fork, entry.max_gas_price
        )
    if file.network.hub not in chains:
        raise MetalayerError(
            f"{source}: network.hub: no chain '{file.network.hub}', expected one of {', '.join(chains)}"
        )
    _refuse_shared(source, "chain_id", {name: chain.chain_id for name, chain in chains.items()})
    ports = {name: chain.base_port for name, chain in chains.items() if chain.base_port is not None}
    _refuse_shared(source, "port", ports)
    hub = chains.pop(file.network.hub)
    return Network(name=file.network.name, hub=hub, chains={hub.name: hub, **chains})


def _refuse_shared(source: str, field: str, values: dict[str, int]) -> None:
    owner: dict[int, str] = {}
    for name, value in values.items():
        if value in owner:
            raise MetalayerError(f"{source}: chains.{name}.{field}: {value} is already {owner[value]}'s")
        owner[value] = name
