"""The chains of the network as `networks.yaml` describes them, and how to start each. Never imports Ape."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metalayer.errors import MetalayerError

OFFSET_VARIABLE = "METALAYER_PORT_OFFSET"
HARDFORK = "prague"

# Ape's test accounts and anvil's: the same, so `TEST::n` is rich on every local chain (ape-config.yaml).
MNEMONIC = "test test test test test test test test test test test junk"
ACCOUNTS = 20
BALANCE_ETHER = 1_000_000

_ANVIL_PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64",
}

_Positive = Annotated[int, Field(gt=0)]
# Strict: `yes` and "1" are no amounts. 40 bits are what the contracts keep of each.
_Fee = Annotated[int, Field(ge=0, lt=1 << 40, strict=True)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fees(_Model):
    """What messages towards a kind of chain pay, and `return_` (in YAML: return) what their end costs on it as the
    origin. Gwei of ERA; basis points.
    """

    base: _Fee
    gas: _Fee
    byte: _Fee
    return_: Annotated[_Fee, Field(alias="return")]
    protocol_share: Annotated[int, Field(ge=0, le=10_000, strict=True)]


class Preset(_Model):
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


class Fork(_Model):
    """Start from another chain's state: its RPC address and, if given, the block."""

    url: str
    block: int | None = None


class _ChainEntry(_Model):
    chain_id: _Positive
    preset: str
    port: Annotated[int, Field(gt=0, lt=65_536)] | None = None
    url: str | None = None
    fork: Fork | None = None

    @model_validator(mode="after")
    def _has_a_place(self) -> _ChainEntry:
        if (self.port is None) == (self.url is None):
            raise ValueError("give either a port (a local chain) or a url (a node elsewhere)")
        return self


class _NetworkEntry(_Model):
    name: Annotated[str, Field(min_length=1)]
    hub: str


class _File(_Model):
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
    remote_url: str | None
    fork: Fork | None

    @property
    def is_local(self) -> bool:
        return self.remote_url is None

    @property
    def port(self) -> int:
        """The local port, offset included. MetalayerError for a chain that runs elsewhere."""
        if self.base_port is None:
            raise MetalayerError(f"chain '{self.name}' runs at {self.remote_url}: it has no local port")
        return self.base_port + port_offset()

    @property
    def url(self) -> str:
        return self.remote_url or f"http://127.0.0.1:{self.port}"


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


def repo_root() -> Path:
    """The repository: the package is always installed editable, from its own folder."""
    return Path(__file__).resolve().parent.parent


def port_offset() -> int:
    """What is added to every port of networks.yaml, from METALAYER_PORT_OFFSET (default 0)."""
    text = os.environ.get(OFFSET_VARIABLE, "0")
    if not text.isdecimal() or int(text) > 50_000:
        raise MetalayerError(f"{OFFSET_VARIABLE} is '{text}': expected a whole number from 0 to 50000")
    return int(text)


def state_dir() -> Path:
    """Where pid files, logs, registry, journal and exchange of this offset's chains live; made if missing."""
    offset = port_offset()
    folder = repo_root() / ".metalayer"
    folder = folder / f"offset-{offset}" if offset else folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_network(path: Path | None = None) -> Network:
    """Read networks.yaml (the repository's by default). MetalayerError if it is missing or wrong."""
    path = path or repo_root() / "networks.yaml"
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise MetalayerError(f"cannot read {path}: {error.strerror}") from error
    return _load(path, changed)


@lru_cache(maxsize=8)
def _load(path: Path, _changed: int) -> Network:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise MetalayerError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        raise MetalayerError(f"{path.name}: {_first_error(error)}") from error
    return _resolve(file, path.name)


def _first_error(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def _resolve(file: _File, source: str) -> Network:
    chains: dict[str, Chain] = {}
    for name, entry in file.chains.items():
        if entry.preset not in file.presets:
            raise MetalayerError(
                f"{source}: chains.{name}.preset: no preset '{entry.preset}', expected one of "
                f"{', '.join(file.presets)}"
            )
        preset = file.presets[entry.preset]
        chains[name] = Chain(name, entry.chain_id, preset, entry.port, entry.url, entry.fork)
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


def anvil_binary() -> Path:
    """The platform package's anvil: npm's `anvil` is a Node wrapper whose death would orphan the chain."""
    machine = (platform.system(), platform.machine())
    if machine not in _ANVIL_PLATFORMS:
        raise MetalayerError(f"there is no anvil for {' '.join(machine)}: use Linux or macOS, amd64 or arm64")
    package = f"node_modules/@foundry-rs/anvil-{_ANVIL_PLATFORMS[machine]}"
    binary = repo_root() / package / "bin" / "anvil"
    if not binary.is_file():
        raise MetalayerError(f"anvil is not installed ({package} is missing): run 'make setup'")
    return binary


def anvil_command(
    chain: Chain,
    *,
    interval: bool,
    mnemonic: str = MNEMONIC,
    accounts: int = ACCOUNTS,
    balance: int = BALANCE_ETHER,
) -> list[str]:
    """The command line that runs this chain.

    interval: mine every `block_time` seconds, as a real chain does; otherwise one block per transaction. balance:
    ether of each of the accounts. No --steps-tracing: it makes a node several times slower, estimates above all.
    """
    preset = chain.preset
    command = [str(anvil_binary()), "--host", "127.0.0.1", "--port", str(chain.port)]
    command += ["--chain-id", str(chain.chain_id), "--hardfork", HARDFORK]
    command += ["--gas-limit", str(preset.gas_limit), "--block-base-fee-per-gas", str(preset.base_fee)]
    command += ["--mnemonic", mnemonic, "--accounts", str(accounts), "--balance", str(balance)]
    if interval:
        command += ["--block-time", f"{preset.block_time:g}"]
    if chain.fork:
        command += ["--fork-url", chain.fork.url]
        if chain.fork.block is not None:
            command += ["--fork-block-number", str(chain.fork.block)]
    return command
