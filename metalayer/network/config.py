"""The chains of the network as `networks.yaml` describes them, and how to start each. Never imports Ape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from metalayer.errors import MetalayerError
from metalayer.network.addresses import Address, filled
from metalayer.network.entries import ChainEntry, Fork, NetworksFile, Preset
from metalayer.network.inputs import Document, read_file
from metalayer.network.redaction import shown_url
from metalayer.network.values import (
    found,
    hint,
)
from metalayer.network.workspace import NETWORKS_FILE, port_offset, workspace

_USUAL_CEILING = 100
_LOWEST_CEILING = 10 * 10**9

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
"""Where Permit2 is on most chains: a contract that moves tokens by their owner's signature, whatever the token."""


USUAL_CONFIRMATIONS = 2
"""Of a chain that runs elsewhere, if networks.yaml names none."""


@dataclass(frozen=True)
class Chain:
    """One chain. `base_port` is the one in networks.yaml; `port` and `url` include the port offset.

    `remote_url` and `spares`, which are asked when that one does not answer, may have `${NAME}` in them. `nodes` are
    what a validator reads it through, those if there are none, and `agree` is how many of them have to say the same: a
    majority if it is 0. `confirmations` are blocks on top of what was sent before it counts as done. `wrapped_ether` is
    None where we deploy it.
    """

    name: str
    chain_id: int
    preset: Preset
    base_port: int | None
    remote_url: str | None = field(repr=False)
    fork: Fork | None = field(repr=False)
    nodes: tuple[str, ...] = field(default=(), repr=False)
    agree: int = 0
    spares: tuple[str, ...] = field(default=(), repr=False)
    confirmations: int = 0
    gas_price_ceiling: int | None = None
    wrapped_ether: str | None = None
    permit2: str = PERMIT2

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
    def addresses(self) -> tuple[str, ...]:
        """Of its nodes, the first one first, as networks.yaml has them. Never shown."""
        return (self.remote_url or f"http://127.0.0.1:{self.port}", *self.spares)

    @property
    def url(self) -> str:
        """Of its first node. Never shown: see `place`. MetalayerError if the environment lacks what is in it."""
        return filled(self.addresses[0])

    @property
    def place(self) -> str:
        """Its url as people may see it: without passwords and keys."""
        return shown_url(self.addresses[0])


@dataclass(frozen=True)
class Network:
    """All chains of one network, by name, the hub first; and the kinds of chains that networks.yaml knows."""

    name: str
    hub: Chain
    chains: dict[str, Chain]
    presets: Mapping[str, Preset] = field(default_factory=dict)

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
        near = get_close_matches(str(name_or_id), self.chains, 1)
        meant = f", did you mean {near[0]!r}?" if near else ":"
        raise MetalayerError(
            f"no chain {found(name_or_id)} in network '{self.name}'{meant} expected one of {known}"
        )


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
    return network_of(read_file(path))


def network_of(document: Document) -> Network:
    """The network that a networks.yaml describes. MetalayerError if something in it is wrong."""
    file = document.read(NetworksFile)
    chains: dict[str, Chain] = {}
    for name, entry in file.chains.items():
        if entry.preset not in file.presets:
            known = hint(entry.preset, file.presets)
            raise document.fault(("chains", name, "preset"), f"no preset {found(entry.preset)}{known}")
        preset = file.presets[entry.preset]
        chains[name] = _chain(name, entry, preset, document)
    if file.network.hub not in chains:
        known = hint(file.network.hub, chains)
        raise document.fault(("network", "hub"), f"no chain {found(file.network.hub)}{known}")
    _refuse_shared(document, "chain_id", {name: chain.chain_id for name, chain in chains.items()})
    ports = {name: chain.base_port for name, chain in chains.items() if chain.base_port is not None}
    _refuse_shared(document, "port", ports)
    hub = chains.pop(file.network.hub)
    return Network(file.network.name, hub, {hub.name: hub, **chains}, file.presets)


def _chain(name: str, entry: ChainEntry, preset: Preset, document: Document) -> Chain:
    def placed(text: str, *place: str) -> Address:
        whole = ("chains", name, *place)
        return Address.at(document.place(whole if whole in document.lines else whole[:-1]), text)

    urls = [placed(text, "url", str(number)) for number, text in enumerate(entry.url or ())]
    usual = USUAL_CONFIRMATIONS if urls else 0
    return Chain(
        name,
        entry.chain_id,
        preset,
        entry.port,
        urls[0] if urls else None,
        entry.fork and entry.fork.model_copy(update={"url": placed(entry.fork.url, "fork", "url")}),
        nodes=tuple(placed(text, "nodes", str(number)) for number, text in enumerate(entry.nodes or ())),
        agree=entry.agree or 0,
        spares=tuple(urls[1:]),
        confirmations=usual if entry.confirmations is None else entry.confirmations,
        gas_price_ceiling=entry.max_gas_price,
        wrapped_ether=entry.wrapped_ether,
        permit2=entry.permit2 or PERMIT2,
    )


def _refuse_shared(document: Document, field: str, values: dict[str, int]) -> None:
    owner: dict[int, str] = {}
    for name, value in values.items():
        if value in owner:
            raise document.fault(("chains", name, field), f"{value} is already {owner[value]}'s")
        owner[value] = name
