"""Lanes are read, signed and relayed through real nodes as through a perfect one, or a chain's fault is its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import BrokenLane, Incomplete, find, rebuild
from metalayer.protocol.gateway import LANE_RESTARTED, VALIDATOR_SET_INSTALLED
from metalayer.protocol.hex import to_hex
from metalayer.tracking.status import status
from metalayer.tracking.trace import State, trace
from tests.kit.deployment import Deployment
from tests.kit.faults import (
    BatchLimit,
    Duplicates,
    Every,
    First,
    Lies,
    LogCount,
    LogRange,
    LogsBehind,
    LogTopics,
    NoLogs,
    Only,
    Pruned,
    Shuffled,
    StateBehind,
    TooMany,
    wrong_logs,
)
from tests.kit.node import Fault, Node, behind
from tests.kit.strangers import NOBODY

BUSY = 60
"""Messages in one block: more logs than the strictest nodes here return."""
ALL = 6 + BUSY + 1
"""Messages from the hub to arcade. There are three more to perps."""


@pytest.fixture
def busy(mesh: Deployment) -> Deployment:
    """Two lanes of the hub with messages over 120 blocks, and a block with 60 messages of one of them.

    Limits are as much smaller than those of public nodes as this chain is shorter than theirs: anvil forgets the state
    of the blocks before all tests once about 4,000 were mined in them.
    """
    for _ in range(3):
        mesh.send("hub", "arcade", count=2)
        mesh.send("hub", "perps")
        mesh.connections["hub"].rpc("anvil_mine", hex(40))
    mesh.send("hub", "arcade", count=BUSY)
    mesh.send("hub", "arcade", b"\1")
    mesh.finalize()
    return mesh


def pruned(mesh: Deployment) -> Fault:
    """Just below the first message."""
    first = rebuild(mesh.connections["hub"], mesh.domain, mesh.id_of("arcade"), 1, 1)[0]
    return Pruned(below=first.block)


NODES: dict[str, Callable[[Deployment], list[Fault]]] = {
    "range of 50": lambda mesh: [LogRange(50)],
    "range of 10": lambda mesh: [LogRange(10, status=400)],
    "range of 100": lambda mesh: [LogRange(100, status=413)],
    "results": lambda mesh: [LogCount(50)],
    "results, HTTP 400, no known words": lambda mesh: [LogCount(7, status=400, code=-32_000, message="no")],
    "one log at a time": lambda mesh: [LogCount(1)],
    "pruned history": lambda mesh: [pruned(mesh)],
    "batches of 10": lambda mesh: [BatchLimit(10, status=413)],
    "topics": lambda mesh: [LogTopics(2)],
    "every fifth is too many": lambda mesh: [Every(5, TooMany("0.01"))],
    "duplicates in any order": lambda mesh: [Duplicates(), Shuffled()],
    "one empty answer": lambda mesh: [Only("eth_getLogs", First(1, NoLogs()))],
    "all of it": lambda mesh: [
        Every(9, TooMany("0.01")),
        BatchLimit(10),
        Duplicates(),
        Shuffled(3),
        LogRange(30, status=400),
        LogCount(40),
        LogTopics(100),
    ],
}


def test_a_lane_is_rebuilt_through_any_node(busy: Deployment) -> None:
    there = busy.id_of("arcade")
    expected = rebuild(busy.connections["hub"], busy.domain, there, 1, ALL)
    for kind, faults in NODES.items():
        with behind(busy, "hub", *faults(busy)) as (seen, _):
            hub = seen.connections["hub"]
            assert rebuild(hub, busy.domain, there, 1, ALL) == expected, kind
            assert rebuild(hub, busy.domain, there, 5, ALL - 4) == expected[4 : ALL - 4], kind


@pytest.mark.parametrize("kind", ["range of 50", "one log at a time", "duplicates in any order", "all of it"])
def test_messages_arrive_through_any_node(
    busy: Deployment, exchange: DirectoryExchange, tmp_path: Path, kind: str
) -> None:
    with behind(busy, "hub", *NODES[kind](busy)) as (seen, _):
        with seen.signing(exchange, tmp_path):
            relayer = seen.relayer(exchange)
            results = [relayer.relay_once(), relayer.relay_once()]
        assert sum(result.delivered for result in results) == ALL + 3
        assert results[1].all_problems == []
        assert status(seen, exchange).problems == []


def test_a_block_with_more_logs_than_a_node_returns_holds_up_no_lane(
    busy: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Whoever pays for a full block must not halt all lanes of its origin."""
    with behind(busy, "hub", LogCount(10)) as (seen, _), seen.signing(exchange, tmp_path):
        result = seen.relayer(exchange).relay_once()
    assert (result.delivered, result.all_problems) == (ALL + 3, [])


def test_messages_are_found_in_a_block_that_is_too_large(
    busy: Deployment, exchange: DirectoryExchange
) -> None:
    sent = rebuild(busy.connections["hub"], busy.domain, busy.id_of("arcade"), 8, 10)
    ids = [one.id for one in sent]
    with behind(busy, "hub", LogCount(5)) as (seen, _):
        assert list(find(seen.connections["hub"], busy.domain, ids).values()) == sent
        assert trace(seen, exchange, ids[0]).state is State.FINAL


# Absence


@pytest.mark.parametrize("times", [1, 2])
def test_an_empty_answer_is_asked_again(busy: Deployment, times: int) -> None:
    """A node behind a balancer answers for logs from a backend that has none of them yet."""
    with behind(busy, "hub", Only("eth_getLogs", First(times, NoLogs()))) as (seen, _):
        hub = seen.connections["hub"]
        if times == 1:
            assert len(rebuild(hub, busy.domain, busy.id_of("arcade"), 1, 4)) == 4
            return
        with pytest.raises(Incomplete, match="does not have all logs of messages 1 to 4 yet, or any more"):
            rebuild(hub, busy.domain, busy.id_of("arcade"), 1, 4)
        assert len(rebuild(hub, busy.domain, busy.id_of("arcade"), 1, 4)) == 4


def test_a_failed_message_is_returned_although_a_backend_did_not_know_of_it(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Its log is there, and the state in which it failed is not yet: it is not taken for one that has ended."""
    deadline = mesh.connections["hub"].block().time + 7_200
    mesh.send("hub", "arcade", recipient=NOBODY, deliver_before=deadline)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        assert mesh.relayer(exchange).relay_once().failed == 1
        mesh.pass_time(10_800)
        with behind(mesh, "arcade", Only("eth_call", StateBehind(3))) as (seen, node):
            relayer = seen.relayer(exchange, timeout=3.0)
            assert relayer.relay_once().returned == 0
            node.faults = []
            assert relayer.relay_once().returned == 1


def test_what_was_never_sent_is_not_called_incomplete(busy: Deployment) -> None:
    with behind(busy, "hub") as (seen, _), pytest.raises(BrokenLane, match="it ends at 3") as raised:
        rebuild(seen.connections["hub"], busy.domain, busy.id_of("perps"), 1, 4)
    assert not isinstance(raised.value, Incomplete)


def test_a_relayer_goes_on_when_a_lagging_backend_has_caught_up(
    busy: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    with behind(busy, "hub", LogsBehind(60)) as (seen, node):
        with seen.signing(exchange, tmp_path):
            relayer = seen.relayer(exchange, timeout=2.0)
            before = relayer.relay_once()
            assert before.delivered < ALL + 3
            node.faults = []
            after = [relayer.relay_once() for _ in range(2)]
        assert before.delivered + sum(one.delivered for one in after) == ALL + 3
        assert after[1].all_problems == []


def test_what_only_a_node_lacks_is_not_left_behind_by_a_restart(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """The restart is there to be followed. The messages before it are as well, a moment later."""
    mesh.send("hub", "arcade", count=3)
    mesh.restart("hub", "arcade", 10)
    mesh.finalize()
    restarted = to_hex(LANE_RESTARTED.topic)
    hidden = Lies("eth_getLogs", lambda call, logs: [log for log in logs if log["topics"][0] == restarted])
    with behind(mesh, "hub", hidden) as (seen, node), mesh.signing(exchange, tmp_path):
        relayer = seen.relayer(exchange)
        (problem,) = relayer.relay_once().all_problems
        assert "its node does not have the logs of what is pending" in problem
        assert mesh.inbox("hub", "arcade")[0] == 0
        node.faults = []
        assert relayer.relay_once().delivered == 3
        relayer.relay_once()
    assert mesh.inbox("hub", "arcade")[0] == 10


def test_a_lane_is_not_called_halted_because_a_log_is_missing(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade", count=3)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        mesh.relayer(exchange).relay_once()
    hidden = Lies("eth_getLogs", lambda call, logs: [log for log in logs if installed(log)])
    with behind(mesh, "hub", hidden) as (seen, _):
        (lane,) = [
            one for one in status(seen, exchange).lanes if (one.origin, one.destination) == ("hub", "arcade")
        ]
    assert lane.problem == "the origin's node does not have the log of message 3 yet, or any more"


def installed(log: Any) -> bool:
    return bool(log["topics"][0] == to_hex(VALIDATOR_SET_INSTALLED.topic))


def test_a_set_that_a_backend_does_not_have_yet_is_asked_for_again(mesh: Deployment) -> None:
    with behind(mesh, "arcade", Only("eth_getLogs", First(1, NoLogs()))) as (seen, node):
        assert read_sets(seen.connections["arcade"], mesh.gateway).installed == mesh.validator_set
        assert node.count("eth_getLogs") == 2
        node.faults = [NoLogs()]
        with pytest.raises(MetalayerError, match="arcade: no log names the validator set"):
            read_sets(seen.connections["arcade"], mesh.gateway)


def test_the_sets_of_a_long_chain_are_read_once(mesh: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass needs them: a node that answers for few blocks at a time is asked for the new ones only."""
    monkeypatch.setattr("metalayer.network.log_reader._UNSETTLED", 20)
    mesh.connections["arcade"].rpc("anvil_mine", hex(200))
    with behind(mesh, "arcade", LogRange(10)) as (seen, node):
        there = seen.connections["arcade"]
        first = read_sets(there, mesh.gateway).installations
        node.forget()
        assert read_sets(there, mesh.gateway).installations == first
        assert node.count("eth_getLogs") <= 4
        following = mesh.next_set()
        mesh.rotate("arcade", following)
        assert read_sets(there, mesh.gateway).installed == following


# One chain's fault


def test_numbers_that_fit_no_type_are_the_fault_of_one_chain(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade")
    mesh.send("perps", "social")
    mesh.finalize()
    wrong = wrong_logs({"data": "0x" + "ff" * 128})
    with behind(mesh, "perps", wrong) as (seen, _), mesh.signing(exchange, tmp_path):
        result = seen.relayer(exchange, timeout=3.0).relay_once()
    assert {one.chain for one in result.deliveries if one.delivered} == {"arcade"}
    assert result.all_problems
    assert all(problem.startswith("perps: ") for problem in result.all_problems)
    assert not any("\n" in problem for problem in result.all_problems)


def test_a_chain_that_cannot_be_read_hides_only_its_own_lanes(
    mesh: Deployment, exchange: DirectoryExchange
) -> None:
    # The final block is one of this test: anvil forgets the states of older ones in a long run.
    mesh.finalize()
    with behind(mesh, "perps", wrong_logs({"data": "0x" + "ff" * 128})) as (seen, _):
        found = status(seen, exchange)
    assert {chain for lane in found.lanes for chain in (lane.origin, lane.destination)} >= {
        "hub",
        "arcade",
        "social",
    }, found.problems
    assert "perps" not in {lane.destination for lane in found.lanes}
    assert found.problems
    assert all(problem.startswith("perps: ") for problem in found.problems)


# What it costs


def requests(node: Node, work: Callable[[], Any]) -> tuple[int, int]:
    """Round trips, and requests for logs."""
    node.forget()
    work()
    return len(node.bodies), node.count("eth_getLogs")


def test_a_good_node_is_asked_little(busy: Deployment) -> None:
    with behind(busy, "hub") as (seen, node):
        hub, there = seen.connections["hub"], busy.id_of("arcade")
        # The chain's id, once; the height, the places of both ends, and 120 blocks in steps of 64 and 128.
        assert requests(node, lambda: rebuild(hub, busy.domain, there, 1, 6 + BUSY)) == (5, 3)
        assert requests(node, lambda: rebuild(hub, busy.domain, there, 7, 6 + BUSY)) == (3, 2)
        assert requests(node, lambda: read_sets(hub, busy.gateway)) == (1, 1)


def test_requests_grow_with_the_distance_from_the_head(mesh: Deployment) -> None:
    """New messages are found from the end: how long the chain was before them does not matter."""
    mesh.connections["hub"].rpc("anvil_mine", hex(100))
    mesh.send("hub", "arcade")
    counts = []
    with behind(mesh, "hub", LogRange(10)) as (seen, node):
        hub, there = seen.connections["hub"], mesh.id_of("arcade")
        rebuild(hub, mesh.domain, there, 1, 1)
        for _ in range(3):
            counts.append(requests(node, lambda: rebuild(hub, mesh.domain, there, 1, 1))[1])
            mesh.connections["hub"].rpc("anvil_mine", hex(100))
    assert counts[0] <= 3
    assert counts[1] - counts[0] == counts[2] - counts[1] == 100 // 10
