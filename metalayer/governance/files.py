"""Proposals as people write them: `proposals/001-fees/proposal.yml`, and README.md beside it, the text of it.

Here the file's shape is read, and chains are named; what is called on them is resolved by `build`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.governance.beside import MAX_FILE, read_beside
from metalayer.governance.faults import Findings
from metalayer.governance.written import Check, Entry, Expectation, Proposal, Reference, call_parts
from metalayer.network.config import Network
from metalayer.network.inputs import Document, Place, read_file
from metalayer.network.values import Plain, found, hint, read_account, read_name
from metalayer.network.workspace import workspace

__all__ = [
    "Check",
    "Entry",
    "Expectation",
    "Proposal",
    "Reference",
    "find",
    "load",
    "proposals_dir",
    "read",
    "read_on",
]

PROPOSALS = "proposals"
FILE, TEXT = "proposal.yml", "README.md"
MAX_TEXT = 16_384
"""Most bytes of a text: it is calldata, and every node keeps it."""

CHECKS = ("check", "transfer")
"""What `then` can try, besides asking views."""

_FOLDER = re.compile(r"(\d{3})-([a-z0-9]+(?:-[a-z0-9]+)*)")
REFERENCE = re.compile(r"(\d{1,3})(?:-[a-z0-9-]+)?/(\w+)(?:#(\d+))?", re.ASCII)
FIELDS = ("title", "proposer", "chains", "expect", "after", "cancels", "then", "writes")
_GROUPS = {"all": "every chain", "spokes": "all but the hub"}
_SUFFIX = "#proposer="
_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def proposals_dir() -> Path:
    """Where the proposals of this workspace are."""
    return workspace() / PROPOSALS


def find(which: str | int, root: Path | None = None) -> Path:
    """Folder of the proposal with this number or name. MetalayerError, with those that there are, if there is none."""
    root = root or proposals_dir()
    folders = {one.name: one for one in sorted(root.glob("[0-9]*-*")) if _FOLDER.fullmatch(one.name)}
    text = str(which)
    is_number = text.isascii() and text.isdecimal() and len(text) <= 3
    named = [
        folder
        for name, folder in folders.items()
        if name == text or (is_number and int(name[:3]) == int(text))
    ]
    if len(named) == 1:
        return named[0]
    if named:
        raise MetalayerError(f"{' and '.join(one.name for one in named)} have one number: give one another")
    known = ", ".join(folders) or "none"
    raise MetalayerError(f"there is no proposal {found(text)} in {PROPOSALS}/: expected one of {known}")


def load(which: str | int, network: Network, root: Path | None = None) -> Proposal:
    """The proposal with this number or name. Faults, all at once, if its file is wrong."""
    return read(find(which, root), network)


def read(folder: Path, network: Network) -> Proposal:
    """The proposal in a folder. Faults, all at once, if its file is wrong."""
    proposal = read_on(folder, network)
    Findings(proposal.document, proposal.faults).refuse_any()
    return proposal


def read_on(folder: Path, network: Network) -> Proposal:
    """The same with the faults that it has, so that `build` tells them together with its own. MetalayerError only if it
    is no YAML.
    """
    document = read_file(folder / FILE, f"{folder.name}/{FILE}")
    reader = _Reader(document, network)
    proposal = reader.proposal(folder)
    return replace(proposal, faults=reader.findings.found)


class _Reader:
    """Reads the shape of one file, and goes on after a fault."""

    def __init__(self, document: Document, network: Network) -> None:
        self.findings = Findings(document)
        self.document = document
        self.network = network

    def proposal(self, folder: Path) -> Proposal:
        content = self._mapping(self.document.content, (), FIELDS)
        for name in ("title", "proposer", "chains"):
            if name not in content:
                self.findings.add((), f"`{name}` is missing")
        if not _FOLDER.fullmatch(folder.name):
            self.findings.add((), f"expected a folder such as 001-fees, found {found(folder.name)}")
        return Proposal(
            folder,
            self.document,
            self._read("title", content.get("title"), read_name),
            self._read("proposer", content.get("proposer"), read_account),
            self._text(folder, content.get("title")),
            self._chains(content.get("chains")),
            tuple(self._each("expect", content, self._expectation)),
            tuple(self._each("after", content, self._reference)),
            tuple(self._each("cancels", content, self._reference)),
            tuple(self._each("then", content, self._then)),
            self._writes(content.get("writes")),
        )

    def _text(self, folder: Path, title: Any) -> str:
        try:
            data = read_beside(folder, TEXT, MAX_FILE)
            text = "" if data is None else data.decode("utf-8").strip()
        except MetalayerError as error:
            self.findings.add((), str(error))
            return ""
        except UnicodeDecodeError:
            self.findings.add((), f"{TEXT} is not UTF-8")
            return ""
        if data is None:
            self.findings.add((), f"there is no {TEXT} beside it: it is the text that is proposed")
            return ""
        if not text:
            self.findings.add((), f"{TEXT} is empty: it is the text that is proposed")
        elif isinstance(title, str) and text.partition("\n")[0].strip() != f"# {title}":
            self.findings.add(
                ("title",), f"expected the first line of {TEXT} to be `# {title}`: people see it first"
            )
        if len(text.encode()) > MAX_TEXT:
            self.findings.add((), f"{TEXT} has {len(text.encode())} bytes, expected at most {MAX_TEXT}")
        if any(_is_hidden(letter) for letter in text.replace("\r\n", "\n")):
            self.findings.add((), f"{TEXT} has characters that nobody sees, or that change a terminal")
        if _SUFFIX in text:
            self.findings.add((), f"{TEXT} has `{_SUFFIX}`: `build` adds it, of `proposer`")
        return text

    def _chains(self, content: Any) -> dict[str, tuple[Entry, ...]]:
        entries: dict[str, list[Entry]] = {name: [] for name in self.network.chains}
        for group, actions in self._mapping(content, ("chains",)).items():
            place = ("chains", group)
            names = self._group(group, place)
            for position, action in enumerate(self._list(actions, place)):
                entry = self._entry(action, (*place, str(position)))
                for name in names if entry else ():
                    entries[name].append(entry)  # type: ignore[arg-type]
        if content is not None and not any(entries.values()):
            self.findings.add(("chains",), "expected at least one action")
        return {name: tuple(found_) for name, found_ in entries.items() if found_}

    def _entry(self, content: Any, place: Place) -> Entry | None:
        content = self._mapping(content, place)
        calls = [name for name in content if name not in ("value",)]
        if len(calls) != 1:
            if content:
                self.findings.add(place, f"expected one call, such as Metalayer.setOpen, found {len(calls)}")
            return None
        (name,) = calls
        line = self.findings.line((*place, name))
        if name in ("pay", "raw"):
            known = ("to", "value") if name == "pay" else ("to", "data", "value")
            arguments = self._mapping(content[name], (*place, name), known)
            for needed in known[: 2 if name == "raw" else None]:
                if needed not in arguments:
                    self.findings.add((*place, name), f"`{needed}` is missing")
                    return None
            return Entry((*place, name), line, name, arguments, arguments.get("value"))
        if call_parts(name.partition("(")[0]) is None:
            self.findings.add((*place, name), "expected a call such as Metalayer.setOpen, `pay` or `raw`")
            return None
        return Entry((*place, name), line, name, content[name], content.get("value"))

    def _expectation(self, content: Any, place: Place) -> Expectation | None:
        content = self._mapping(content, place, ("on", "call", "code", "is"))
        about = [name for name in ("call", "code") if name in content]
        if len(about) != 1 or "is" not in content:
            if content:
                said = "expected `call` (or `code`) and `is`, such as {on: all, call: Metalayer.owner, is: Timelock}"
                self.findings.add(place, said)
            return None
        on = content.get("on", Plain("all"))
        names, whichever = self._group(on, (*place, "on")), isinstance(on, str) and on in _GROUPS
        call = content[about[0]]
        if not isinstance(call, str) or (about[0] == "call" and call_parts(call) is None):
            said = f"expected a call such as Metalayer.route(arcade).outbound, found {found(call)}"
            self.findings.add((*place, about[0]), said)
            return None
        return Expectation(
            place, self.findings.line(place), names, call, content["is"], about[0] == "code", whichever
        )

    def _then(self, content: Any, place: Place) -> Expectation | Check | None:
        if isinstance(content, Mapping) and len(content) == 1:
            ((kind, said),) = content.items()
            if kind not in CHECKS:
                # Not only after minutes of a rehearsal.
                self.findings.add((*place, kind), f"no such check{hint(kind, (*CHECKS, 'call'))}")
                return None
            return Check(place, self.findings.line(place), kind, said)
        return self._expectation(content, place)

    def _reference(self, content: Any, place: Place) -> Reference | None:
        if isinstance(content, Mapping):
            content = self._mapping(content, place, ("on", "id"))
            names = self._group(content.get("on", Plain("")), (*place, "on"))
            text = str(content.get("id", ""))
            if len(names) == 1 and re.fullmatch("0x[0-9a-fA-F]{64}", text):
                return Reference(place, names[0], id=bytes.fromhex(text[2:]))
            if names:
                self.findings.add(place, "expected {on: CHAIN, id: 0x…} with 64 digits")
            return None
        match = REFERENCE.fullmatch(content) if isinstance(content, str) else None
        if match is None:
            said = f"expected a decision such as 3/arcade (of proposal 3, for arcade), found {found(content)}"
            self.findings.add(place, said)
            return None
        names = self._group(match[2], place)
        if len(names) != 1:
            return None
        return Reference(place, names[0], int(match[1]), int(match[3]) if match[3] else None)

    def _writes(self, content: Any) -> dict[str, tuple[str, ...]]:
        allowed: dict[str, tuple[str, ...]] = {}
        for group, variables in self._mapping(content, ("writes",)).items():
            place = ("writes", group)
            names = self._group(group, place)
            for position, variable in enumerate(self._list(variables, place)):
                if not isinstance(variable, str) or not re.fullmatch(r"\w+\.\w+", variable, re.ASCII):
                    said = f"expected a variable such as Metalayer._routes, found {found(variable)}"
                    self.findings.add((*place, str(position)), said)
                    continue
                for name in names:
                    allowed[name] = (*allowed.get(name, ()), variable)
        return allowed

    def _group(self, group: Any, place: Place) -> tuple[str, ...]:
        """Chains of `hub`, `arcade, perps`, `spokes` or `all`."""
        names: list[str] = []
        if not isinstance(group, str):
            self.findings.add(place, f"expected chains, such as arcade or all, found {found(group)}")
            return ()
        for part in (part.strip() for part in group.split(",")):
            if part == "all":
                names += self.network.chains
            elif part == "spokes":
                names += [name for name in self.network.chains if name != self.network.hub.name]
            elif part == "hub" or part in self.network.chains:
                names.append(part if part in self.network.chains else self.network.hub.name)
            else:
                known = hint(part, (*self.network.chains, *_GROUPS))
                self.findings.add(place, f"no chain {found(part)}{known}")
        return tuple(dict.fromkeys(names))

    def _each(self, name: str, content: Mapping[str, Any], read: Any) -> Iterator[Any]:
        for position, one in enumerate(self._list(content.get(name, []), (name,))):
            if (entry := read(one, (name, str(position)))) is not None:
                yield entry

    def _read(self, name: str, value: Any, read: Any) -> str:
        if value is None:
            return ""
        try:
            return str(read(value))
        except ValueError as error:
            self.findings.add((name,), str(error))
            return ""

    def _mapping(self, content: Any, place: Place, known: Iterable[str] | None = None) -> dict[str, Any]:
        if content is None or (isinstance(content, Plain) and content == ""):
            return {}
        if not isinstance(content, dict):
            self.findings.add(place, f"expected names with values, found {found(content)}")
            return {}
        for name in content if known is not None else ():
            if name not in known:  # type: ignore[operator]
                self.findings.add((*place, name), f"unknown name{hint(name, known or ())}")
        return content

    def _list(self, content: Any, place: Place) -> list[Any]:
        if content is None or (isinstance(content, Plain) and content == ""):
            return []
        if not isinstance(content, list):
            self.findings.add(place, f"expected a list, found {found(content)}")
            return []
        return content


def _is_hidden(letter: str) -> bool:
    """What a terminal obeys, and what makes people read in another order (Unicode's UAX 9)."""
    is_control = unicodedata.category(letter) == "Cc" and letter not in "\n\t"
    return is_control or unicodedata.bidirectional(letter) in _TURNS
