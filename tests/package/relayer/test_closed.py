"""Which messages a closed lane takes in, and when its logs are read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from metalayer.lanes.logs import Sent
from metalayer.lanes.survey import InboxEnd, LaneState, Survey
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol.attestation import Domain
from metalayer.protocol.gateway import OutboxLane
from metalayer.protocol.message import NEVER_EXPIRES, Message, extend, genesis_head
from metalayer.relayer import closed
from metalayer.relayer.closed import REST, ClosedLanes
from metalayer.relayer.memory import Memory

NOW = 1_800_000_000
GATEWAY, STRANGER = "0x" + "9A" * 20, "0x" + "5E" * 20
_BLOCK = 100


class Lane:
    """From the hub to arcade, which takes nothing from it: messages with these deadlines, "n" for a notice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *kinds: int | str) -> None:
        network = load_network()
        self.hub, self.arcade = (Connection(network.chain(name)) for name in ("hub", "arcade"))
        connections = {"hub": self.hub, "arcade": self.arcade}
        self.mesh = Mesh(Domain(self.hub.chain_id, GATEWAY), connections, "0x" + "57" * 20)
        self.genesis = genesis_head(self.hub.chain_id, self.hub.chain_id, self.arcade.chain_id, 0)
        self.sent: list[Sent] = []
        self.read: list[int] = []
        """The block from which each reading began."""
        self.missing = False
        self.lanes = ClosedLanes(self.mesh, Memory.fleeting(lambda: float(self.now)))
        self.now, self.nonce = NOW, 0
        self.extend(*kinds)
        monkeypatch.setattr(closed, "first_logs", self._first_logs)
        monkeypatch.setattr(closed, "sent_between", self._sent_between)

    def extend(self, *kinds: int | str) -> None:
        for kind in kinds:
            account = GATEWAY if kind == "n" else STRANGER
            deadline = NEVER_EXPIRES if isinstance(kind, str) else kind
            nonce, head = len(self.sent) + 1, self.sent[-1].head if self.sent else self.genesis
            message = Message(
                self.hub.chain_id,
                self.hub.chain_id,
                self.arcade.chain_id,
                nonce,
                account,
                account,
                21_000,
                deadline,
                0,
                b"",
            )
            self.sent.append(
                Sent(message, message.id, extend(head, message.id), _BLOCK + nonce, f"0x{nonce:064x}")
            )

    def collect(self) -> tuple[list[int], list[str]]:
        """Places of what is taken in now, and what is wrong besides that the lane is closed."""
        end = OutboxLane(len(self.sent), self.sent[-1].head, 0)
        head = self.sent[self.nonce - 1].head if self.nonce else self.genesis
        state = LaneState(self.hub, self.arcade, end, end, InboxEnd(self.nonce, head, "paused"))
        found = Survey(
            [state],
            [],
            {self.hub.chain_id: 10_000, self.arcade.chain_id: 10_000},
            {self.hub.chain_id: self.now, self.arcade.chain_id: self.now},
        )
        work, (said, *problems) = self.lanes.collect(found)
        assert said == "lane hub → arcade: paused"
        for one in work:
            assert [fact.nonce for fact in one.facts][-1:] == [one.messages[-1].message.nonce]
        return [sent.message.nonce for one in work for sent in one.messages], problems

    def _first_logs(self, _: str, states: Sequence[LaneState], *__: Any) -> list[list[Any]]:
        first = self.sent[states[0].delivered]
        event = SimpleNamespace(deliver_before=first.message.deliver_before)
        return [[SimpleNamespace(event=event, log=SimpleNamespace(block=first.block))]]

    def _sent_between(self, *arguments: Any) -> Iterator[list[Sent]]:
        _, _, lanes, first, _ = arguments
        ((_, wanted),) = lanes.items()
        self.read.append(first)
        if self.missing:
            return
        for sent in self.sent:
            if sent.block >= first and sent.message.nonce in wanted:
                yield [sent]


PAST, SOON = NOW - 1, NOW + 50


@pytest.mark.parametrize(
    ("kinds", "taken"),
    [
        ([PAST, PAST], [1, 2]),
        ([PAST, SOON, PAST], [1]),
        ([SOON, PAST], []),
        ([NOW, PAST], []),
        (["n", "n"], []),
        (["n", PAST, "n"], [1, 2]),
        (["n", SOON, PAST], []),
        (["lie", PAST], []),
        ([PAST, "n", "lie", PAST], [1]),
    ],
)
def test_what_has_expired_is_taken_in_with_the_notices_before_it(
    monkeypatch: pytest.MonkeyPatch, kinds: list[int | str], taken: list[int]
) -> None:
    """In the second of its deadline a message has not expired. What never expires and is no notice is a lie."""
    assert Lane(monkeypatch, *kinds).collect() == (taken, [])


def test_it_is_read_again_when_its_first_message_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the block of that message, and not before: its log alone says when."""
    lane = Lane(monkeypatch, SOON, SOON + 10)
    for lane.now in (NOW, NOW + 1, SOON):
        assert lane.collect() == ([], [])
    assert lane.read == []
    lane.now = SOON + 1
    assert lane.collect() == ([1], [])
    assert lane.read == [_BLOCK + 1]
    # Nobody signed it: it is offered again. Then it was taken in.
    assert lane.collect() == ([1], [])
    lane.nonce = 1
    assert lane.collect() == ([], [])
    assert lane.read == [_BLOCK + 1] * 2
    lane.now = SOON + 11
    assert lane.collect() == ([2], [])
    assert lane.read[2:] == [_BLOCK + 2]


def test_notices_alone_are_looked_behind_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane(monkeypatch, "n", "n")
    assert lane.collect() == ([], [])
    lane.extend(PAST)
    lane.now += REST
    assert lane.collect() == ([], [])
    lane.now += 1
    assert lane.collect() == ([1, 2, 3], [])
    assert lane.read == [_BLOCK + 1] * 2


def test_a_node_that_lacks_its_logs_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line stays, and a place that was remembered is looked for anew."""
    lane = Lane(monkeypatch, PAST)
    lane.missing = True
    line = "lane hub → arcade: its node does not have the logs of what is pending"
    assert lane.collect() == ([], [line])
    assert lane.collect() == ([], [line])
    assert len(lane.read) == 1
    lane.missing, lane.now = False, NOW + 2
    assert lane.collect() == ([1], [])
