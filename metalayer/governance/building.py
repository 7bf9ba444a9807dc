"""Keeping what was built."""

from __future__ import annotations

from pathlib import Path

from metalayer.errors import MetalayerError
from metalayer.governance.built import BUILD_FILE, Built
from metalayer.governance.motions import Desk
from metalayer.governance.progress import read_vote


def keep(desk: Desk, built: Built, folder: Path) -> Path:
    """Writes build.json, unless what is there was proposed already and is something else: MetalayerError then, because
    nobody would find its bytes again.
    """
    if (folder / BUILD_FILE).exists():
        try:
            before = Built.load(folder)
            desk.refuse_foreign(before)
        except MetalayerError:
            before = built
        if before.id != built.id and read_vote(desk, desk.of_built(before)) is not None:
            raise MetalayerError(
                f"{built.name} was proposed already, and is another proposal now: give what you changed the next "
                "number, in a folder of its own"
            )
    return built.save(folder)
