"""A proposal as its file says it, before names are resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metalayer.network.inputs import Document, Place

_CALL = re.compile(r"(\w+)\.(\w+)(?:\((.*)\))?((?:\.\w+)*)", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One action as it is written. function: `Metalayer.setTerms`, `pay` or `raw`; `value` is None if none is given."""

    place: Place
    line: int
    function: str
    arguments: Any
    value: Any = None


@dataclass(frozen=True)
class Expectation:
    """What a view has to return on some chains, as it is written. call: `Metalayer.route(chess).outbound`, or the
    name of an account if it is about its code. is_for_whichever: chains on which nothing is done are left out.
    """

    place: Place
    line: int
    chains: tuple[str, ...]
    call: str
    expected: Any
    is_code: bool = False
    is_for_whichever: bool = True


@dataclass(frozen=True)
class Check:
    """What only the rehearsal does after everything was executed: `check`, `transfer`, … and what is said of it."""

    place: Place
    line: int
    kind: str
    content: Any


@dataclass(frozen=True)
class Reference:
    """A decision of another proposal, or of all that have to do with one chain: `3/arcade`, or its id."""

    place: Place
    chain: str
    proposal: int | None = None
    number: int | None = None
    id: bytes = b""


@dataclass(frozen=True)
class Proposal:
    """A proposal's file. Chains are those of networks.yaml; the hub's entries are the proposal's own actions.

    faults: what is wrong with its shape, each with its line; whoever reads on adds to them.
    """

    folder: Path
    document: Document
    title: str
    proposer: str
    text: str
    chains: Mapping[str, tuple[Entry, ...]]
    expect: tuple[Expectation, ...] = ()
    after: tuple[Reference, ...] = ()
    cancels: tuple[Reference, ...] = ()
    then: tuple[Expectation | Check, ...] = ()
    writes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: tuple[tuple[int, str], ...] = ()

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name

    @property
    def number(self) -> int:
        return int(self.name[:3])

    @property
    def source(self) -> str:
        """As faults call its file."""
        return self.document.source


def call_parts(call: str) -> tuple[str, str, list[str] | None, list[str]] | None:
    """(contract, function, arguments, fields) of `Metalayer.route(chess).outbound`; arguments are None without
    brackets. None if it is nothing of the kind.
    """
    match = _CALL.fullmatch(call.strip())
    if match is None:
        return None
    inner = match[3]
    arguments = (
        None if inner is None else [part.strip() for part in inner.split(",")] if inner.strip() else []
    )
    return match[1], match[2], arguments, [name for name in match[4].split(".") if name]
