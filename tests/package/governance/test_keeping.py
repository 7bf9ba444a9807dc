"""Again and again: what is said, and that a pass that fails ends nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

from metalayer.errors import MetalayerError
from metalayer.governance.actions import Done
from metalayer.governance.keeping import watch


class PaperKeeper:
    """Its passes are given: what is done, and what is wrong. The last one ends the watch."""

    def __init__(self, passes: list[tuple[list[Done], list[str]] | str]) -> None:
        self.passes = passes
        self.stop = threading.Event()
        self.problems: list[str] = []
        self.desk: Any = self
        self.hub: Any = self
        self.name = "hub"

    def keep(self) -> Iterator[Done]:
        found = self.passes.pop(0)
        if not self.passes:
            self.stop.set()
        if isinstance(found, str):
            raise MetalayerError(found)
        done, self.problems = found
        yield from done


def test_a_problem_is_said_once_until_it_changes() -> None:
    done = Done("hub", "queued", "0x12")
    keeper = PaperKeeper(
        [([done], ["b", "a"]), ([], ["a"]), "hub is unreachable", "hub is unreachable", ([], ["a"]), ([], [])]
    )
    said: list[Done | str] = []
    watch(cast(Any, keeper), keeper.stop, 0.0, said.append)
    assert said == [done, "a", "b", "hub is unreachable", "a"]
    assert keeper.passes == []
