"""Which sources are running: the git commit of the checkout."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path

from metalayer.deploy.sources import checkout

_SECONDS = 10


@lru_cache(maxsize=1)
def commit() -> str | None:
    """Hash of the commit that this package is imported from, with `-dirty` if tracked files differ from it.

    None for an installed package, or without git. Of the first time in a process: it does not load its code again.
    """
    root = checkout()
    if root is None:
        return None
    top, head = _git(root, "rev-parse", "--show-toplevel"), _git(root, "rev-parse", "HEAD")
    # A copy of the sources inside somebody else's repository is of no commit.
    if top is None or head is None or Path(top).resolve() != root:
        return None
    return f"{head}-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else head


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
