"""Proposals that are written for people: what makes the chains what deploy.yaml says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel

from metalayer.deploy.apply import Deployer
from metalayer.deploy.drift import Mend
from metalayer.deploy.intent import load_intent, terms_between
from metalayer.deploy.names import ERA
from metalayer.errors import MetalayerError
from metalayer.governance.files import FILE, TEXT, proposals_dir
from metalayer.governance.motions import Desk
from metalayer.governance.names import Names
from metalayer.network.registry import records_dir
from metalayer.network.signers import address_of, load_sender
from metalayer.network.values import found
from metalayer.protocol import bridge
from metalayer.protocol.amounts import era
from metalayer.protocol.dates import span

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_OF_CHAINS = ("homeChain", "chainId", "destination", "origin")


def mends(desk: Desk) -> dict[str, list[Mend]]:
    """What differs from deploy.yaml and only a vote can change, by chain."""
    network, connections = desk.live.network, desk.live.mesh.connections
    deployer = Deployer(network, connections, load_intent(), address_of, load_sender, records_dir(network))
    return deployer.drift()


def from_drift(
    by_chain: Mapping[str, Sequence[Mend]],
    names: Names,
    name: str,
    proposer: str,
    root: Path | None = None,
) -> Path:
    """Writes a proposal's folder, with the next number. MetalayerError for a name that no folder can have."""
    if not _NAME.fullmatch(name):
        raise MetalayerError(
            f"expected a name of small letters, digits and hyphens, such as fees, found {found(name)}"
        )
    root = root or proposals_dir()
    numbers = [int(one.name[:3]) for one in root.glob("[0-9][0-9][0-9]-*")]
    folder = root / f"{max(numbers, default=0) + 1:03d}-{name}"
    folder.mkdir(parents=True)
    title = f"What deploy.yaml says ({name})"
    (folder / FILE).write_text(draft(by_chain, names, title, proposer), encoding="utf-8")
    (folder / TEXT).write_text(text(by_chain, title), encoding="utf-8")
    return folder


def draft(by_chain: Mapping[str, Sequence[Mend]], names: Names, title: str, proposer: str) -> str:
    """The file. Chains with the same calls are one entry."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for chain, some in by_chain.items():
        if some:
            groups.setdefault(tuple(_entry(mend, names) for mend in some), []).append(chain)
    lines = [f"title: {json.dumps(title)}", f"proposer: {proposer}", "chains:"]
    for entries, chains in groups.items():
        lines += [f"  {', '.join(chains)}:", *(f"    - {entry}" for entry in entries)]
    return "\n".join(lines) + "\n"


def text(by_chain: Mapping[str, Sequence[Mend]], title: str) -> str:
    """A draft of README.md: what differs."""
    lines = [f"- {mend}" for some in by_chain.values() for mend in some]
    return "\n".join([f"# {title}", "", "These settings differ from deploy.yaml:", "", *lines]) + "\n"


def _entry(mend: Mend, names: Names) -> str:
    types = mend.function.parameters
    arguments = {
        name: _value(names, mend.chain, name, type_, value)
        for (name, value), type_ in zip(mend.arguments.items(), types, strict=True)
    }
    if isinstance(terms := mend.arguments.get("terms"), dict):
        arguments["terms"] = (
            _terms(names, mend.chain, mend.arguments.get("chainId"), terms) or arguments["terms"]
        )
    if mend.function == bridge.SET_LIMITS:
        arguments |= _limits(names, mend)
    shown = ", ".join(f"{name}: {value}" for name, value in arguments.items())
    return f"{mend.contract}.{mend.function.name}: {{ {shown} }}"


def _terms(names: Names, chain: str, chain_id: Any, terms: Mapping[str, Any]) -> str | None:
    """As presets, if they are those of the route to that chain."""
    other = next((one for one in names.network.chains.values() if one.chain_id == chain_id), None)
    if other is None:
        return None
    usual = asdict(terms_between(names.chain(chain).preset, other.preset))
    if {to_camel(name): value for name, value in usual.items()} != terms:
        return None
    return f'{{ preset: {other.name}, return: "{{chain}}" }}'


def _limits(names: Names, mend: Mend) -> dict[str, str]:
    """The window in its unit, and capacities of ERA in ERA: the decimals of other tokens are theirs to say."""
    found = {"window": span(mend.arguments["window"])}
    if mend.arguments["token"] == names.on(mend.chain, ERA):
        found |= {name: f"{era(mend.arguments[name])} ERA" for name in ("outCapacity", "inCapacity")}
    return {name: words.replace(",", "_") for name, words in found.items()}


def _value(names: Names, chain: str, name: str, type_: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key}: {_plain(one)}' for key, one in value.items())} }}"
    if type_ == "address":
        return names.contract_at(value, chain) or str(value)
    if name in _OF_CHAINS:
        known = next((one.name for one in names.network.chains.values() if one.chain_id == value), None)
        return known or _plain(value)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
