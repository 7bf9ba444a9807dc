"""What finds a bug of the votes always: few steps of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Steps = Callable[[Any], None]


def nothing(m: Any) -> None:
    m.wait(chain="hub", seconds=1)
