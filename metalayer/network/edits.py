"""Adds entries to YAML files that people write: as text, so that comments and order stay.

A file that is edited was read by `inputs` before: it has no aliases, anchors and tags.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from metalayer.errors import MetalayerError
from metalayer.network.inputs import MAX_BYTES, Place, parse, read_bytes

_STEP = 2


def text_of(path: Path) -> str:
    """What a file holds, line ends as they are. MetalayerError if it is no YAML that `inputs` reads."""
    data = read_bytes(path, MAX_BYTES + 1)
    parse(data, path.name)
    return data.decode("utf-8")


def added(text: str, source: str, place: Place, lines: Sequence[str]) -> str:
    """The text with these lines at the end of what stands at a place, a mapping or a list, which is made if it is
    missing. lines: without the indentation of that place.

    MetalayerError if what is there is written in brackets.
    """
    root: Any = yaml.compose(text, Loader=yaml.BaseLoader)
    end = "\r\n" if "\r\n" in text else "\n"
    node, known = root, 0
    while known < len(place) and (child := _child(node, place[known])) is not None:
        node, known = child, known + 1
    missing = place[known:]
    if known and getattr(node, "flow_style", False) and node.value:
        line = node.start_mark.line + 1
        raise MetalayerError(
            f"{source}:{line}: {'.'.join(place[:known])}: expected one entry on each line, to add one"
        )
    nested = [f"{' ' * _STEP * depth}{name}:" for depth, name in enumerate(missing)]
    new = [*nested, *(" " * _STEP * len(missing) + line for line in lines)]
    if not known:
        # A part of its own, after all comments.
        return _ended(text, end) + end.join(["", *new, ""])
    indent = " " * _column(root, place[:known], node)
    before = text.splitlines(keepends=True)
    last = _last_line(node)
    while last and not before[last].strip():
        # What follows a block of text is said to be its own.
        last -= 1
    kept = _ended("".join(before[: last + 1]), end)
    return (
        kept + "".join(f"{indent}{line}{end}" if line else end for line in new) + "".join(before[last + 1 :])
    )


def write(path: Path, text: str) -> None:
    """Replaces a file in one step: a reader, and whoever comes after a crash, sees the old one or the new one.

    MetalayerError if that cannot be done; the old one stays.
    """
    try:
        _write(path, text)
    except OSError as error:
        raise MetalayerError(f"cannot write {path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            new.chmod(path.stat().st_mode & 0o7777)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _ended(text: str, end: str) -> str:
    return text if not text or text.endswith("\n") else text + end


def _child(node: yaml.Node, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _column(root: Any, place: Place, node: yaml.Node) -> int:
    """Of the entries at a place, which may have none yet."""
    if isinstance(node, yaml.CollectionNode) and node.value:
        return int(node.start_mark.column)
    for name in place[:-1]:
        root = _child(root, name) or root
    return int(root.start_mark.column) + _STEP


def _last_line(node: yaml.Node) -> int:
    """Number from 0 of the last line that belongs to a node: what the parser calls its end may be comments later."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    is_block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(mark.line) - (1 if is_block and mark.column == 0 else 0)
