"""Logs from nodes that limit, prune and repeat them: the same as from a good one, or one clear error."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from metalayer.network.connection import Connection
from metalayer.network.limits import Limit
from metalayer.network.rpc import BadAnswer, RpcError, TooLarge, Unreachable
from metalayer.protocol.rpc import Log, Request, logs_request, quantity, word
from tests.kit.chains import BoundChain
from tests.kit.emitter import BLOCKS, EMITTER, EMPTY, TOPICS
from tests.kit.faults import (
    Duplicates,
    Every,
    Lies,
    LogCount,
    LogRange,
    LogsTogether,
    LogTopics,
    Only,
    Pruned,
    Refuses,
    Shuffled,
    TooMany,
)
from tests.kit.node import Call, Fault, Node


def all_logs(*topics: Any) -> Request[list[Log]]:
    return logs_request(EMITTER, list(topics) or [[word(1), word(2), word(3)]])


NODES: dict[str, list[Fault]] = {
    "good": [],
    "range": [LogRange(7)],
    "range, HTTP 400": [LogRange(7, status=400)],
    "range, HTTP 413, no number": [LogRange(500, status=413, message="too wide")],
    "no reason": [LogRange(7, code=-32_000, message="no")],
    "results": [LogCount(20)],
    "less than a block": [LogCount(1)],
    "less than a block, HTTP 429": [LogCount(1, status=429, message="query returned more than 1 results")],
    "topics": [LogTopics(1)],
    "topics, range, results": [LogTopics(2), LogRange(9), LogCount(5)],
    "duplicates": [Duplicates()],
    "order": [Shuffled()],
    "range, duplicates, order": [LogRange(9), Duplicates(), Shuffled(5)],
    "range, rate": [Every(4, TooMany("0.01")), LogRange(300)],
}


@pytest.mark.parametrize("faults", NODES.values(), ids=NODES)
def test_logs_are_the_same_from_any_node(
    emitting: BoundChain, node: Node, there: Connection, faults: list[Fault]
) -> None:
    expected = Connection(emitting.chain).ask(all_logs())
    assert len(expected) == TOPICS * BLOCKS
    node.faults = faults
    assert there.ask(all_logs()) == expected
    assert there.batch([quantity("eth_chainId"), all_logs(), all_logs(word(2))]) == [
        emitting.chain_id,
        expected,
        [log for log in expected if log.topics[0] == word(2)],
    ]


def test_a_good_node_is_asked_once(node: Node, there: Connection) -> None:
    there.ask(all_logs())
    assert [call.method for call in node.asked] == ["eth_getLogs"]
    there.batch([all_logs(word(1)), all_logs(word(2))])
    assert node.bodies == [1, 2]


def test_requests_grow_with_the_blocks_and_no_faster(
    emitting: BoundChain, node: Node, there: Connection
) -> None:
    """A limit of n blocks costs one request for n blocks, once it is known."""
    node.faults = [LogRange(20)]
    there.ask(all_logs())
    # Where the contract begins is looked for once.
    searched = node.count("eth_getCode")
    assert searched < 2 + (EMPTY + BLOCKS).bit_length() * 2
    counts = []
    for extra in (0, 100, 100):
        emitting.rpc("anvil_mine", [hex(extra)])
        node.forget()
        there.ask(all_logs())
        counts.append(node.count("eth_getLogs"))
    assert node.count("eth_getCode") == 0
    assert counts[1] - counts[0] == counts[2] - counts[1] == 100 // 20
    assert counts[0] <= -(-(BLOCKS + 2) // 20) + 1


def test_parts_go_in_bodies_of_many(emitting: BoundChain, node: Node, there: Connection) -> None:
    """Round trips are what a far node costs: sixteen parts are one."""
    node.faults = [LogRange(5)]
    expected = there.ask(all_logs())
    emitting.rpc("anvil_mine", [hex(150)])
    node.forget()
    assert there.ask(all_logs()) == expected
    parts = node.count("eth_getLogs")
    assert parts >= 30
    assert len(node.bodies) <= parts // 16 + 3


def test_parts_that_are_refused_in_the_middle_of_a_body_lose_nothing(
    emitting: BoundChain, node: Node, there: Connection
) -> None:
    """Where a block has too many logs of several topics, and where the node has too much to do now and then."""
    expected = Connection(emitting.chain).ask(all_logs())
    node.faults = [LogRange(5), LogCount(7), Every(3, TooMany("0.01"))]
    for _ in range(2):
        assert there.ask(all_logs()) == expected


def test_parts_for_which_a_body_has_no_room_are_asked_alone(
    emitting: BoundChain, node: Node, there: Connection
) -> None:
    """That is no reason to ask for fewer blocks."""
    expected = Connection(emitting.chain).ask(all_logs())
    node.faults = [LogRange(5), LogsTogether(5 * TOPICS + 1)]
    there.ask(all_logs())
    node.forget()
    assert there.ask(all_logs()) == expected
    filters = [call.params[0] for call in node.asked if call.method == "eth_getLogs"]
    asked = [[int(one[end], 16) for end in ("fromBlock", "toBlock")] for one in filters]
    newest = max(last for _, last in asked)
    assert {last - first + 1 for first, last in asked if last != newest} == {5}


def test_a_limit_that_several_requests_met_at_once_is_learnt_once(
    emitting: BoundChain, node: Node, there: Connection
) -> None:
    """Each is refused for what it asked: none of the refusals says anything about the parts that are asked for then."""
    node.faults = [LogRange(20)]
    alone = Connection(emitting.chain)
    wanted = [all_logs(word(topic)) for topic in (1, 2, 3)]
    assert there.batch(wanted) == [alone.ask(one) for one in wanted]
    assert there.most_blocks == 20
    node.forget()
    there.ask(wanted[0])
    once = node.count("eth_getLogs")
    node.forget()
    there.batch(wanted)
    assert node.count("eth_getLogs") == len(wanted) * once


def test_a_limit_of_topics_that_several_requests_met_at_once_is_learnt_once(
    emitting: BoundChain, node: Node, there: Connection
) -> None:
    node.faults = [LogTopics(4)]
    wanted = [all_logs([word(topic) for topic in range(first, first + 8)]) for first in (1, 2, 3)]
    alone = Connection(emitting.chain)
    assert there.batch(wanted) == [alone.ask(one) for one in wanted]
    assert there.most_topics == 4


def test_what_there_is_once_is_read_from_the_end(node: Node, there: Connection) -> None:
    node.faults = [LogRange(10)]
    there.ask(all_logs())
    node.forget()
    found = there.ask(replace(all_logs(), once=True))
    assert len({log.block for log in found}) <= 10
    assert node.count("eth_getLogs") == 1


def test_rare_logs_are_remembered_unless_something_is_missing(
    emitting: BoundChain, node: Node, there: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metalayer.network.log_reader._UNSETTLED", 20)
    emitting.rpc("anvil_mine", [hex(100)])
    node.faults = [LogRange(20)]
    history = replace(all_logs(), rare=True)
    first = there.ask(history)
    node.forget()
    assert there.ask(history) == first
    assert node.count("eth_getLogs") <= 2
    node.forget()
    assert there.again(history) == first
    assert node.count("eth_getLogs") >= 7


def test_a_refusal_of_all_says_nothing_about_what_is_left_of_rare_logs(
    emitting: BoundChain, node: Node, there: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metalayer.network.log_reader._UNSETTLED", 20)
    rare = replace(all_logs(), rare=True)
    node.faults = [LogCount(20)]
    emitting.rpc("anvil_mine", [hex(100)])
    there.ask(rare)
    node.faults = [LogRange(100)]
    emitting.rpc("anvil_mine", [hex(50)])
    there.ask(rare)
    assert there.most_blocks is None


def test_history_that_is_gone_before_the_contract_came_is_not_asked_for(
    node: Node, there: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metalayer.network.log_reader._UNSETTLED", 20)
    node.faults = [Pruned(below=200)]
    # The state of old blocks is gone with them, so that nobody can search for the contract.
    with pytest.raises(RpcError, match="does not keep the logs from block 0 on") as raised:
        there.ask(all_logs())
    assert raised.value.limit is Limit.GONE
    there.begins(EMITTER, there.height() - BLOCKS)
    assert len(there.ask(all_logs())) == TOPICS * BLOCKS


def test_what_is_newer_than_the_pruned_history_is_found(node: Node, there: Connection) -> None:
    node.faults = [Pruned(below=EMPTY + 20)]
    found = there.ask(replace(all_logs(), once=True))
    assert {log.topics[0] for log in found} == {word(1), word(2), word(3)}


def test_a_block_with_more_logs_of_one_kind_than_the_node_returns_is_read_from_its_receipts(
    emitting: BoundChain, node: Node, there: Connection
) -> None:
    node.faults = [LogCount(0)]
    last = there.height()
    topic = logs_request(EMITTER, [word(1)], last - 9, last)
    assert there.ask(topic) == Connection(emitting.chain).ask(topic)
    # The others are refused as well: so many in a row are no large blocks, but a node that gives no logs.
    with pytest.raises(RpcError, match="more than 0 results") as raised:
        there.ask(logs_request(EMITTER, [word(1)], last - BLOCKS + 1, last))
    assert not isinstance(raised.value, TooLarge)


def test_a_block_that_cannot_be_read_is_named(node: Node, there: Connection) -> None:
    node.faults = [LogCount(0)]
    with pytest.raises(TooLarge, match="more than 0 results") as raised:
        there.ask(replace(all_logs(word(1)), finished=False))
    assert raised.value.block is not None


def test_what_takes_too_long_is_asked_for_in_smaller_parts_the_next_time(
    emitting: BoundChain, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Scans(Fault):
        """A node that looks at each block, and takes its time."""

        def answer(self, call: Call, ask: Any) -> Any:
            first, last = (int(call.params[0][end], 16) for end in ("fromBlock", "toBlock"))
            time.sleep((last - first) / 350)
            return ask(call)

    monkeypatch.setattr("metalayer.network.log_reader._LEAST_SPAN", 10)
    chain = replace(emitting.chain, base_port=None, remote_url=node.url)
    there = Connection(chain, timeout=0.4)
    node.faults = [Only("eth_getLogs", Scans())]
    last = there.height()
    wanted = logs_request(EMITTER, [[word(1)]], 1, last)
    for _ in range(2):
        with pytest.raises(Unreachable, match="no answer in time"):
            there.ask(wanted)
    assert len(there.ask(wanted)) == BLOCKS


def test_a_limit_that_was_lifted_is_noticed(node: Node, there: Connection) -> None:
    node.faults = [LogRange(2, message="block range too large")]
    there.ask(all_logs())
    node.faults = []
    for _ in range(9):
        there.ask(all_logs())
    node.forget()
    there.ask(all_logs())
    assert node.count() <= 8


def test_a_node_without_logs_is_no_reason_to_ask_for_less(node: Node, there: Connection) -> None:
    node.faults = [Refuses("eth_getLogs")]
    with pytest.raises(RpcError, match="does not exist"):
        there.ask(all_logs())
    assert node.count() == 1


def test_two_logs_at_one_place_are_a_lie(node: Node, there: Connection) -> None:
    node.faults = [Lies("eth_getLogs", lambda call, logs: [*logs, {**logs[0], "data": "0x"}])]
    with pytest.raises(BadAnswer, match="two logs at one place"):
        there.ask(all_logs())


@pytest.mark.parametrize("answer", ["0x", [1], [{"blockNumber": "0x1"}], {"blockNumber": []}])
def test_nonsense_in_parts_is_an_error_of_its_chain(node: Node, there: Connection, answer: Any) -> None:
    node.faults = [LogRange(50), Lies("eth_getLogs", lambda call, logs: answer)]
    for request in (all_logs(), replace(all_logs(), once=True), replace(all_logs(), rare=True)):
        with pytest.raises(BadAnswer, match=r"^social: ") as raised:
            there.ask(request)
        assert "\n" not in str(raised.value)
