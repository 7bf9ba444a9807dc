"""Again and again: what is said, and that a pass that fails ends nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from metalayer.errors import MetalayerError
from metalayer.governance.actions import Done
from metalayer.governance.keeping import AGAIN, Keeper, watch
from metalayer.governance.motions import Desk
from metalayer.governance.progress import _leaving


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


def keeper_of(motions: int = 0) -> Keeper:
    paper = SimpleNamespace(
        created=lambda: [SimpleNamespace(event=SimpleNamespace(id=place)) for place in range(motions)],
        of_created=lambda event: SimpleNamespace(id=event.id, called=f"proposal {event.id}"),
    )
    return Keeper(cast(Desk, paper), cast(Any, None), cast(Any, None))


def test_one_proposal_that_cannot_be_read_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(self: Keeper, motion: Any) -> Iterator[Done]:
        if motion.id == 0:
            raise MetalayerError("hub: no answer")
        yield Done("hub", motion.called)

    monkeypatch.setattr(Keeper, "_keep", keep)
    keeper = keeper_of(motions=3)
    assert [done.line for done in keeper.keep()] == ["proposal 1", "proposal 2"]
    assert keeper.problems == ["proposal 0: hub: no answer"]


def test_the_same_thing_is_paid_for_once_in_an_hour() -> None:
    keeper = keeper_of()
    assert [keeper._may_pay(1, now) for now in (0, 1, AGAIN - 1, AGAIN, AGAIN + 1)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert keeper._may_pay(2, 1)


def test_a_node_without_logs_does_not_say_that_a_decision_was_not_sent() -> None:
    carried = SimpleNamespace(chain_id=902, id=bytes(32))
    hub = SimpleNamespace(batch=lambda requests: (7, [], [], []))
    desk = SimpleNamespace(hub=hub, outbox="0x" + "11" * 20)
    with pytest.raises(MetalayerError, match="does not have all logs of DecisionOutbox"):
        _leaving(cast(Any, desk), cast(Any, carried))
