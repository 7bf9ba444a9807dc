"""YAML files that people write, read strictly.

Each fault is one line with file, line and place: `networks.yaml:14: chains.arcade.chain_id: expected a whole number
from 1 to 2^64-1, found 'abc'`. Every value is a text, which the type of its field reads: see `values`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from metalayer.errors import MetalayerError
from metalayer.network.models import Model
from metalayer.network.values import Plain, found, hint, one_line

MAX_BYTES = 1 << 17
"""Most bytes of a file: some hundred chains."""
MAX_DEPTH = 16

Place = tuple[str, ...]
"""Names from the file's top down: `("chains", "hub", "port")`."""


class Entry(Model):
    """A part of a YAML file. A name that it does not have is a fault, which says the nearest one that it has."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, content: Any) -> Any:
        if isinstance(content, Mapping):
            names = [field.alias or name for name, field in cls.model_fields.items()]
            for name in content:
                if name not in names:
                    raise wrong(str(name), f"unknown name{hint(str(name), names)}")
        return content


AnyEntry = TypeVar("AnyEntry", bound=Entry)


def wrong(name: str, said: str) -> PydanticCustomError:
    """What a validator of an `Entry` raises about one of its names: the fault has the line of that name."""
    return PydanticCustomError("wrong", "{said}", {"name": name, "said": said})


@dataclass(frozen=True)
class Document:
    """A YAML file as text, lists and dictionaries, with the line of each place."""

    source: str
    content: Any
    lines: Mapping[Place, int]

    def place(self, place: Iterable[str]) -> str:
        """With its line or the nearest above: `networks.yaml:14: chains.hub.port`."""
        names = tuple(place)
        line = next(
            (self.lines[names[:end]] for end in range(len(names), -1, -1) if names[:end] in self.lines), 1
        )
        where = ".".join(one_line(name) for name in names)
        return f"{self.source}:{line}: {where}" if where else f"{self.source}:{line}"

    def fault(self, place: Iterable[str], said: str) -> MetalayerError:
        """What is wrong at a place: `networks.yaml:14: chains.hub.port: said`."""
        return MetalayerError(f"{self.place(place)}: {said}")

    def read(self, model: type[AnyEntry]) -> AnyEntry:
        """The model that it holds. MetalayerError with the first fault otherwise."""
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            raise self.fault(*_explain(error.errors()[0])) from error


def read_file(path: Path, source: str | None = None) -> Document:
    """The YAML file at a path, called `source` in faults (its name by default). MetalayerError if it is none."""
    return parse(read_bytes(path, MAX_BYTES + 1), source or path.name)


def read_bytes(path: Path, most: int) -> bytes:
    """The first bytes of a regular file, so many at most. MetalayerError if it is none."""
    try:
        # Not blocking: a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise MetalayerError(f"cannot read {path}: expected a regular file")
            return file.read(most)
    except OSError as error:
        raise MetalayerError(f"cannot read {path}: {error.strerror}") from error


def parse(data: bytes, source: str) -> Document:
    """The YAML in these bytes: UTF-8, one document, without aliases, anchors and tags. MetalayerError otherwise."""
    if len(data) > MAX_BYTES:
        raise MetalayerError(f"{source}: expected at most {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MetalayerError(
            f"{source}:{line}: expected UTF-8, found the byte 0x{data[error.start]:02x}"
        ) from error
    builder = _Builder(source)
    try:
        # Events come one by one, in a loop: neither depth nor size of the file can exhaust the stack.
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise MetalayerError(
            f"{source}:{mark.line + 1 if mark else 1}: not valid YAML: {one_line(error.problem or str(error))}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MetalayerError(
            f"{source}:{line}: not valid YAML: the character {error.character:#04x} is not allowed"
        ) from error
    except (ValueError, OverflowError) as error:
        # Of PyYAML itself: an escape beyond Unicode, a version of thousands of digits.
        raise MetalayerError(f"{source}: not valid YAML: {one_line(str(error))}") from error
    return Document(source, builder.content, builder.lines)


class _Builder:
    """Makes texts, lists and dictionaries of YAML's events."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.content: Any = Plain("")
        self.lines: dict[Place, int] = {}
        self._open: list[list[Any] | dict[str, Any]] = []
        self._place: list[str] = []
        # The key whose value comes next, per open mapping; None before a key.
        self._keys: list[str | None] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._fault(event, "expected one document, found a second")
        elif isinstance(event, yaml.AliasEvent):
            raise self._fault(event, "expected no alias (*)")
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            if event.anchor is not None:
                raise self._fault(event, "expected no anchor (&)")
            if event.tag is not None:
                raise self._fault(event, "expected no tag (!)")
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            else:
                self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
            self._after()

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value if event.style else Plain(event.value)
        if self._wants_key():
            self._key(event, str(text))
        else:
            self._add(event, text)
            self._after()

    def _key(self, event: yaml.Event, key: str) -> None:
        parent = self._open[-1]
        self._place.append(key)
        place = tuple(self._place)
        if key in parent:
            raise self._fault(event, f"expected each name once, it is in line {self.lines[place]}, too")
        self.lines[place] = _line(event)
        self._keys[-1] = key

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._fault(event, f"expected at most {MAX_DEPTH} levels")
        if self._wants_key():
            raise self._fault(event, "expected a name before the colon, found a list or names with values")
        opened: list[Any] | dict[str, Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._add(event, opened)
        self._open.append(opened)
        self._keys.append(None)

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], dict) and self._keys[-1] is None

    def _add(self, event: yaml.Event, value: Any) -> None:
        parent = self._open[-1] if self._open else None
        if parent is None:
            self.content = value
        elif isinstance(parent, list):
            self._place.append(str(len(parent)))
            parent.append(value)
        else:
            parent[str(self._keys[-1])] = value
        self.lines.setdefault(tuple(self._place), _line(event))

    def _after(self) -> None:
        """A value is complete."""
        if self._open:
            self._place.pop()
            self._keys[-1] = None

    def _fault(self, event: yaml.Event, said: str) -> MetalayerError:
        return MetalayerError(f"{self.source}:{_line(event)}: {_where(self._place)}{said}")


def _where(place: Iterable[str]) -> str:
    names = ".".join(one_line(name) for name in place)
    return f"{names}: " if names else ""


def _line(event: yaml.Event) -> int:
    mark: Any = event.start_mark
    return int(mark.line) + 1


def _explain(error: ErrorDetails) -> tuple[Place, str]:
    """Place and fault in our words."""
    place = tuple(str(part) for part in error["loc"] if part != "[key]")
    kind, value = error["type"], error["input"]
    if kind == "wrong":
        return (*place, error["ctx"]["name"]), error["ctx"]["said"]
    if kind == "missing":
        return place[:-1], f"`{place[-1]}` is missing"
    if kind in ("model_type", "dict_type"):
        return place, f"expected names with values, found {found(value)}"
    if kind == "list_type":
        return place, f"expected a list, found {found(value)}"
    if kind in ("too_short", "too_long"):
        bound, end = ("least", "min_length") if kind == "too_short" else ("most", "max_length")
        return place, f"expected at {bound} {error['ctx'][end]} entries, found {len(value)}"
    if kind == "literal_error":
        return place, f"expected {error['ctx']['expected']}, found {found(value)}"
    return place, one_line(error["msg"].removeprefix("Value error, "))
