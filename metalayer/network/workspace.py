"""The folder that a network lives in: where networks.yaml is, and what is kept beside it."""

from __future__ import annotations

import os
from pathlib import Path

from metalayer.errors import MetalayerError

OFFSET_VARIABLE = "METALAYER_PORT_OFFSET"


def repo_root() -> Path:
    """The repository: the package is always installed editable, from its own folder."""
    return Path(__file__).resolve().parents[2]


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
