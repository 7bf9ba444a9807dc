"""A new chain's entry in networks.yaml, and the limits of its preset in deploy.yaml: read, chosen, checked, written."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from metalayer.deploy.intent import Intent, load_intent
from metalayer.deploy.names import ERA
from metalayer.deploy.owned import LimitEntry
from metalayer.errors import MetalayerError
from metalayer.network import edits
from metalayer.network.config import Chain, Network, load_network, network_of
from metalayer.network.connection import Connection
from metalayer.network.entries import Fork, Preset
from metalayer.network.inputs import Document, parse, read_file
from metalayer.network.rpc import WrongChain
from metalayer.network.values import found, hint
from metalayer.network.workspace import NETWORKS_FILE, port_offset, workspace
from metalayer.protocol.dates import span

_INTENT_FILE = "deploy.yaml"
_PRESET_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_MOST_PORT = 65_535
_FIRST_PORT = 9_701
# Of no chain: every node says that it is of another one, and of which.
_NO_CHAIN = 0


@dataclass(frozen=True)
class Wanted:
    """What was asked for. What is None is chosen, or is what the chain's entry says already.

    preset: a name in networks.yaml, or a file that holds one.
    """

    name: str
    preset: str | None = None
    chain_id: int | None = None
    port: int | None = None
    url: str | None = None
    fork: Fork | None = None
    wrapped_ether: str | None = None


@dataclass(frozen=True)
class Edit:
    """A file before and after, and the lines that are new."""

    path: Path
    before: str
    after: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """The network with the chain in it, and what has to be written for that: nothing if it is there."""

    network: Network
    chain: Chain
    preset: str
    edits: tuple[Edit, ...]

    def write(self) -> None:
        """MetalayerError if a file was changed meanwhile, or cannot be written."""
        for edit in self.edits:
            if edits.text_of(edit.path) != edit.before:
                raise MetalayerError(f"{edit.path.name} was changed meanwhile: run it again")
            edits.write(edit.path, edit.after)
        load_network()
        load_intent()


def prepare(wanted: Wanted, deployed: Iterable[str]) -> Entry:
    """What the files say of the chain, or will say. Writes nothing; asks the node of a url, or of a fork, once.

    deployed: names of the chains that stand. MetalayerError, one line, if what is asked for contradicts what is there.
    """
    path = workspace() / NETWORKS_FILE
    text = edits.text_of(path)
    document = parse(text.encode(), path.name)
    network = network_of(document)
    if wanted.name == network.hub.name:
        raise MetalayerError(f"{wanted.name} is the hub, which other chains join: expected another name")
    changes: list[Edit] = []
    if wanted.name in network.chains:
        _refuse_other(wanted, network, document)
        preset_name = preset_of(network, network.chains[wanted.name])
    else:
        preset_name, preset, own = _preset(wanted.preset, network)
        entry = _line(wanted, network, preset_name)
        after = edits.added(text, path.name, ("presets",), own) if own else text
        after = edits.added(after, path.name, ("chains",), [entry])
        network = _read_again(after, document, {preset_name: preset} if own else {}, wanted.name)
        changes.append(Edit(path, text, after, (*own, entry)))
    chain = network.chains[wanted.name]
    if wanted.name not in deployed and (limits := _limits(network, chain)):
        changes.append(limits)
    return Entry(network, chain, preset_name, tuple(changes))


def preset_of(network: Network, chain: Chain) -> str:
    """Name of a chain's preset."""
    return next(name for name, preset in network.presets.items() if preset == chain.preset)


def read_preset(path: Path) -> Preset:
    """A builder's own. MetalayerError, with its line, if something in it is wrong."""
    return read_file(path).read(Preset)


def _preset(which: str | None, network: Network) -> tuple[str, Preset, list[str]]:
    """Its name, what it says, and the lines that bring it into networks.yaml if it is not there yet."""
    if which is None:
        known = ", ".join(name for name in network.presets if name != "hub")
        raise MetalayerError(
            f"a new chain needs a preset: expected `--preset` with one of {known}, or a file"
        )
    if which in network.presets:
        return which, network.presets[which], []
    path = Path(which)
    if path.suffix not in (".yaml", ".yml"):
        known = hint(which, network.presets)
        raise MetalayerError(f"no preset {found(which)}{known}, or a file such as my_chain.yaml")
    preset, name = read_preset(path), path.stem
    if not _PRESET_NAME.fullmatch(name):
        raise MetalayerError(
            f"{path.name}: a preset is called like its file: expected a name of small letters, digits and `_`"
        )
    if name in network.presets:
        if network.presets[name] != preset:
            raise MetalayerError(
                f"{path.name}: networks.yaml has another preset {name}: give the file another name"
            )
        return name, preset, []
    content = edits.text_of(path).splitlines()
    return name, preset, [f"{name}:", *(f"  {line}".rstrip() for line in content)]


def _refuse_other(wanted: Wanted, network: Network, document: Document) -> None:
    """MetalayerError if the chain's entry says something else than what was asked for."""
    chain = network.chains[wanted.name]
    has = preset_of(network, chain)
    asked: list[tuple[str, str, object, object]] = [
        ("chain_id", "--chain-id", wanted.chain_id, chain.chain_id),
        ("port", "--port", wanted.port, chain.base_port),
        ("url", "--url", wanted.url, chain.remote_url),
        ("fork", "--fork", wanted.fork, chain.fork),
        ("wrapped_ether", "--wrapped-ether", wanted.wrapped_ether, chain.wrapped_ether),
    ]
    if wanted.preset is not None and wanted.preset != has:
        name, preset, _ = _preset(wanted.preset, network)
        if preset != chain.preset:
            asked.insert(0, ("preset", "--preset", name, has))
    for field, option, given, there in asked:
        if given is not None and given != there:
            # Neither url is shown: they may hold keys.
            shown = "another one" if field in ("url", "fork") else f"{there}, not {given}"
            said = "none" if there is None else shown
            raise document.fault(
                ("chains", wanted.name, field),
                f"{wanted.name} is there already, with {said}: leave `{option}` away, or give another name",
            )


def _line(wanted: Wanted, network: Network, preset: str) -> str:
    """The entry. MetalayerError if its chain id or port is taken, or if a node is not what it should be."""
    fields: dict[str, str] = {}
    if wanted.url is not None:
        if network.is_local:
            raise MetalayerError(
                f"network '{network.name}' runs on this machine: with a node elsewhere it would be a real one, whose "
                "records are in another folder: expected `--port`, or a networks.yaml of its own"
            )
        fields["chain_id"] = str(_free_id(network, _id_at(wanted, wanted.url, wanted.chain_id)))
        fields["url"] = json.dumps(wanted.url)
    else:
        highest = max(chain.chain_id for chain in network.chains.values())
        fields["chain_id"] = str(_free_id(network, wanted.chain_id or highest + 1))
        fields["port"] = str(_port(wanted, network))
    fields["preset"] = preset
    if wanted.fork is not None:
        _refuse_no_block(wanted, wanted.fork)
        block = "" if wanted.fork.block is None else f", block: {wanted.fork.block}"
        address = json.dumps(wanted.fork.url)
        fields["fork"] = f"{{ url: {address}{block} }}"
    if wanted.wrapped_ether is not None:
        fields["wrapped_ether"] = f'"{wanted.wrapped_ether}"'
    said = ", ".join(f"{field}: {value}" for field, value in fields.items())
    return f"{wanted.name}: {{ {said} }}"


def _free_id(network: Network, chain_id: int) -> int:
    owner = next((chain for chain in network.chains.values() if chain.chain_id == chain_id), None)
    if owner is not None:
        free = max(chain.chain_id for chain in network.chains.values()) + 1
        raise MetalayerError(f"chain id {chain_id} is {owner.name}'s: expected another one, {free} is free")
    return chain_id


def _port(wanted: Wanted, network: Network) -> int:
    """Of networks.yaml, without the offset. A given one has to be free; otherwise the next that is."""
    taken = {chain.base_port: chain.name for chain in network.chains.values()}
    if (port := wanted.port) is not None:
        if port in taken:
            raise MetalayerError(f"port {port} is {taken[port]}'s: expected another one")
        if _listening(port + port_offset()):
            _refuse_stranger(wanted, port, port + port_offset())
        return port
    port = max((one for one in taken if one is not None), default=_FIRST_PORT - 1) + 1
    while port + port_offset() <= _MOST_PORT and _listening(port + port_offset()):
        port += 1
    return port


def _refuse_stranger(wanted: Wanted, port: int, listening: int) -> None:
    """MetalayerError unless what answers at a port is a node of the chain that is asked for."""
    said = ""
    try:
        chain_id = _id_at(wanted, f"http://127.0.0.1:{listening}", None)
        if chain_id == wanted.chain_id:
            return
        said = f" (a node of chain {chain_id})"
    except MetalayerError:
        pass
    raise MetalayerError(f"port {listening} is taken by another program{said}: expected another than {port}")


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _id_at(wanted: Wanted, url: str, expected: int | None) -> int:
    """Chain id of the node at a url. MetalayerError if it does not answer, or has another one than expected."""
    try:
        Connection(_chain_at(wanted, url, expected or _NO_CHAIN)).height()
    except WrongChain as error:
        if expected is None:
            return error.found
        raise MetalayerError(
            f"the node of {wanted.name} is of chain {error.found}, not {expected}: leave `--chain-id` away, or give "
            "the `--url` of another node"
        ) from None
    return expected or _NO_CHAIN


def _refuse_no_block(wanted: Wanted, fork: Fork) -> None:
    """MetalayerError if what is forked does not answer, or has no such block yet."""
    origin = replace(wanted, name=f"what {wanted.name} forks")
    chain_id = _id_at(origin, fork.url, None)
    height = Connection(_chain_at(origin, fork.url, chain_id)).height()
    if fork.block is not None and fork.block > height:
        raise MetalayerError(
            f"{origin.name} is at block {height}: expected a block up to that, found {fork.block}"
        )


def _chain_at(wanted: Wanted, url: str, chain_id: int) -> Chain:
    """Enough of a chain to ask its node who it is."""
    preset = next(iter(load_network().presets.values()))
    return Chain(wanted.name, chain_id, preset, None, url, None)


def _read_again(text: str, before: Document, presets: Mapping[str, Preset], name: str) -> Network:
    """The network of an edited file. MetalayerError unless it says what it said, and the new names besides."""
    document = parse(text.encode(), before.source)
    network = network_of(document)
    kept = {part: dict(document.content[part]) for part in ("presets", "chains")}
    kept["chains"].pop(name)
    for one, preset in presets.items():
        kept["presets"].pop(one)
        if network.presets[one] != preset:
            raise MetalayerError(f"preset {one} cannot be copied into {before.source} as it is written")
    if document.content | kept != before.content:
        raise MetalayerError(f"{before.source} cannot be edited as it is written: add {name} by hand")
    return network


def _limits(network: Network, chain: Chain) -> Edit | None:
    """What deploy.yaml has to say of ERA with this chain, by its preset; None if it says something, or if there is
    nothing to say.
    """
    limits, hub = chain.preset.bridge, network.hub.name
    path = workspace() / _INTENT_FILE
    if limits is None or any(_is_of(one, hub, chain.name) for one in load_intent().bridge.limits):
        return None
    line = (
        f"- {{ token: {ERA}, on: {hub}, with: {chain.name}, out: {limits.out:_}, in: {limits.in_:_}, "
        f"window: {span(limits.window).replace(',', '_')} }}"
    )
    text = edits.text_of(path)
    after = edits.added(text, path.name, ("bridge", "limits"), [line])
    count = len(parse(after.encode(), path.name).read(Intent).bridge.limits)
    if count != len(load_intent().bridge.limits) + 1:
        raise MetalayerError(f"{path.name} cannot be edited as it is written: add `{line}` by hand")
    return Edit(path, text, after, (line,))


def _is_of(limit: LimitEntry, hub: str, name: str) -> bool:
    return (limit.token, limit.on, limit.other) == (ERA, hub, name)
