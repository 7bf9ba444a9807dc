"""Files beside a proposal: a stranger wrote them, and may have put anything in their place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.inputs import read_bytes
from metalayer.network.values import found

MAX_FILE = 1 << 17
"""Most bytes of a file that somebody wrote."""
MAX_JSON = 1 << 24
"""Most bytes of a file that `build` or `simulate` wrote."""

_MAX_DEPTH = 32
_TEXT, _BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL), re.compile(rb"[\[\]{}]")


def read_beside(folder: Path, name: str, most: int) -> bytes | None:
    """What a file in a proposal's folder has; None if it is not there.

    MetalayerError if it is no regular file, too long, or elsewhere: what a link leads to must not become calldata.
    """
    try:
        path = (folder / name).resolve()
        is_inside = path.is_relative_to(folder.resolve())
        is_there = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        # Links in a circle, names that no file can have.
        raise MetalayerError(f"cannot read {folder.name}/{name!a}") from error
    if not is_inside:
        raise MetalayerError(f"expected a file beside the proposal, found {found(name)}, which is elsewhere")
    if not is_there:
        return None
    data = read_bytes(path, most + 1)
    if len(data) > most:
        raise MetalayerError(f"{folder.name}/{name} is too long, expected at most {most} bytes")
    return data


def read_json(folder: Path, name: str) -> Any:
    """The same of JSON. ValueError, too, if it is none."""
    data = read_beside(folder, name, MAX_JSON)
    if data is None:
        return None
    depth = 0
    for bracket in _BRACKET.finditer(_TEXT.sub(b"", data)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > _MAX_DEPTH:
            # Python's reader would use up its stack, and the process with it.
            raise ValueError(f"expected at most {_MAX_DEPTH} levels")
    return json.loads(data)
