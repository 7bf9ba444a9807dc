"""The folder that a network lives in: where networks.yaml is, and what is kept beside it."""

from __future__ import annotations

import os
from pathlib import Path

from metalayer.errors import MetalayerError

NETWORKS_FILE = "networks.yaml"
OFFSET_VARIABLE = "METALAYER_PORT_OFFSET"


def in_workspace() -> bool:
    """True if the current directory has a networks.yaml. Elsewhere the Ape plugin says nothing."""
    return _has_one(Path())


def workspace() -> Path:
    """The folder with networks.yaml: the current directory, and no parent of it, as with Ape's own project.

    MetalayerError if there is none; it names the nearest parent that has one.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise MetalayerError(
            "the current directory is gone: run it in the folder that has a networks.yaml"
        ) from None
    if _has_one(here):
        return here
    above = next(filter(_has_one, here.parents), None)
    where = f"run it in {above}" if above else "run it in the folder that has one"
    raise MetalayerError(f"there is no {NETWORKS_FILE} in {here}: {where}")


def _has_one(folder: Path) -> bool:
    """False, too, where nobody lets us look."""
    try:
        return (folder / NETWORKS_FILE).is_file()
    except OSError:
        return False


def port_offset() -> int:
    """What is added to every port of networks.yaml, from METALAYER_PORT_OFFSET (default 0)."""
    text = os.environ.get(OFFSET_VARIABLE, "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 50_000):
        raise MetalayerError(f"{OFFSET_VARIABLE} is '{text}': expected a whole number from 0 to 50000")
    return int(text)


def state_dir() -> Path:
    """Where pid files, logs, registry, journal and exchange of this offset's chains live; made if missing."""
    offset = port_offset()
    folder = workspace() / ".metalayer"
    folder = folder / f"offset-{offset}" if offset else folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder
