"""What `check` compares, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Compared:
    """One thing as it should be, and as it is. `advice`: what to do if it differs, where that is known."""

    subject: str
    expected: str
    found: str
    advice: str = ""


def listed(words: Iterable[str]) -> str:
    """All of them in one line; `none` if there are none."""
    return ", ".join(sorted(words)) or "none"
