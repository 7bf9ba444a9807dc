"""Requests to nodes that limit them: answers are the same as from a good one, or one clear error."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from metalayer.network.connection import Connection
from metalayer.network.rpc import BadAnswer, Reverted, RpcError, Unreachable
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request, call_request, quantity, word
from tests.kit.chains import BoundChain
from tests.kit.emitter import EMITTER
from tests.kit.faults import (
    BatchLimit,
    Broken,
    First,
    Lies,
    TooMany,
)
from tests.kit.node import Call, Fault, Node, Refused

# Batches


@pytest.mark.parametrize(
    "limit",
    [
        BatchLimit(10),
        BatchLimit(10, message="batch limit is 10"),
        BatchLimit(10, status=400),
        BatchLimit(10, status=413, message="no"),
        BatchLimit(1),
    ],
)
def test_a_batch_is_split_as_the_node_allows(
    emitting: BoundChain, node: Node, there: Connection, limit: BatchLimit
) -> None:
    node.faults = [limit]
    blocks = [
        Request("eth_getBlockByNumber", (hex(n), False), lambda block: int(block["number"], 16))
        for n in range(95)
    ]
    assert there.batch(blocks) == list(range(95))
    node.forget()
    assert there.batch(blocks) == list(range(95))
    if "batch" in limit.message:
        assert max(node.bodies) <= limit.most
        assert len(node.bodies) <= 95 // (limit.most // 2 or 1) + 1


def test_requests_of_a_batch_that_had_no_turn_are_asked_again(
    emitting: BoundChain, node: Node, there: Connection
) -> None:
    class PerSecond(Fault):
        """Most requests of a batch are one too many per second."""

        left = 3

        def answer(self, call: Call, ask: Any) -> Any:
            self.left -= 1
            if 0 > self.left > -4:
                raise Refused(429, "exceeded its compute units per second capacity")
            return ask(call)

    node.faults = [PerSecond()]
    assert there.batch([quantity("eth_chainId")] * 9) == [emitting.chain_id] * 9


# Rates


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        (First(1, TooMany("0")), 0.2),
        (First(1, TooMany("1")), 1.0),
        (First(2, TooMany()), 0.7),
        (First(1, TooMany("Thu, 01 Jan 1970 00:00:00 GMT")), 0.2),
        (First(1, TooMany("soon")), 0.2),
        (First(1, TooMany(status=503)), 0.2),
        (First(1, TooMany(status=200)), 0.2),
        (First(1, Broken(503, b"<html>busy</html>")), 0.2),
        (First(1, Broken(429, b"")), 0.2),
    ],
)
def test_a_busy_node_is_asked_again_later(
    emitting: BoundChain, node: Node, there: Connection, fault: First, least: float
) -> None:
    node.faults = [fault]
    started = time.monotonic()
    assert there.ask(quantity("eth_chainId")) == emitting.chain_id
    assert least <= time.monotonic() - started < least + 1
    assert len(node.bodies) == fault.times + 1


def test_a_node_that_stays_busy_is_given_up(emitting: BoundChain, node: Node) -> None:
    there = Connection(replace(emitting.chain, base_port=None, remote_url=node.url), timeout=1.0)
    node.faults = [TooMany()]
    started = time.monotonic()
    with pytest.raises(Unreachable, match="has too much to do: HTTP status 429"):
        there.height()
    assert 0.5 < time.monotonic() - started < 1.2
    # Not as long for each of a thousand requests.
    started = time.monotonic()
    with pytest.raises(Unreachable):
        there.height()
    assert time.monotonic() - started < 0.1
    node.faults = [First(1, TooMany(status=200))]
    with pytest.raises(Unreachable, match="limits the rate"):
        there.height()
    assert there.height() > 0
    node.faults = [TooMany("3600")]
    started = time.monotonic()
    with pytest.raises(Unreachable):
        there.height()
    assert time.monotonic() - started < 0.1


def test_nobody_waits_because_a_contract_says_so(node: Node, there: Connection) -> None:
    class Says(Fault):
        def answer(self, call: Call, ask: Any) -> Any:
            raise Refused(3, "execution reverted: too many requests, rate limit", data="0x")

    node.faults = [Says()]
    started = time.monotonic()
    with pytest.raises(Reverted):
        there.call(EMITTER, b"")
    assert time.monotonic() - started < 0.2


# What else is not 200


def test_an_error_is_read_whatever_its_status(node: Node, there: Connection) -> None:
    class Stern(Fault):
        def answer(self, call: Call, ask: Any) -> Any:
            raise Refused(-32_000, "nonce too low", 400)

    node.faults = [Stern()]
    with pytest.raises(RpcError, match="social: eth_sendRawTransaction failed: nonce too low"):
        there.rpc("eth_sendRawTransaction", "0x")


@pytest.mark.parametrize("status", [200, 401, 404, 500, 502])
def test_a_page_is_no_answer(node: Node, there: Connection, status: int) -> None:
    node.faults = [Broken(status, b'{"message": "sorry"}' if status == 401 else b"<html>")]
    with pytest.raises(Unreachable, match=f"HTTP status {status}" if status != 200 else "JSON-RPC"):
        there.height()


# Numbers


@pytest.mark.parametrize(
    ("event", "topics", "data"),
    [
        (gateway.LANE_RESTARTED, [word(1), word(2**64)], word(2)),
        (gateway.LANE_RESTARTED, [word(1), word(2)], word(2**64)),
        (gateway.VALIDATOR_SET_INSTALLED, [word(2**64)], word(5) + bytes(32) + word(96) + word(0)),
        (gateway.VALIDATOR_SET_INSTALLED, [word(1)], word(2**64) + bytes(32) + word(96) + word(0)),
        (gateway.VALIDATOR_SET_INSTALLED, [word(1)], word(5) + bytes(32) + word(96) + word(2**255)),
        (gateway.MESSAGE_FAILED, [word(1), word(2), word(2**64)], word(0)),
        (gateway.MESSAGE_FAILED, [word(1), word(2), word(3)], word(2)),
        (gateway.RETURN_NOTICED, [word(1), word(2), word(2**160)], word(0)),
        (gateway.LANE_EXTENDED, [word(1), word(2)], word(2**64) + word(0) * 3),
    ],
)
def test_a_log_beyond_its_types_is_the_fault_of_its_chain(
    node: Node, there: Connection, event: Any, topics: list[bytes], data: bytes
) -> None:
    logged = {"topics": [to_hex(topic) for topic in (event.topic, *topics)], "data": to_hex(data)}
    node.faults = [Lies("eth_getLogs", lambda call, logs: [{**logs[0], **logged}]), Rewritten()]
    with pytest.raises(
        BadAnswer, match=r"^social: its node's answer to eth_getLogs makes no sense: "
    ) as raised:
        there.ask(event.logs(EMITTER))
    assert len(str(raised.value).splitlines()) == 1


class Rewritten(Fault):
    """Any question for logs is for those of EMITTER."""

    def answer(self, call: Call, ask: Any) -> Any:
        return ask(call.to(0, {**call.params[0], "topics": []}) if call.method == "eth_getLogs" else call)


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (gateway.INBOX_LANE, word(2**64) + bytes(32)),
        (gateway.OUTBOX_LANE, word(1) + bytes(32) + word(2**64)),
        (gateway.MESSAGE_STATUS, word(7) + word(0)),
        (gateway.RESTART_RECORD, word(2) + word(0) + word(0) + bytes(32)),
        (gateway.PAUSED_UNTIL, word(2**64)),
    ],
)
def test_a_view_beyond_its_types_is_the_fault_of_its_chain(
    node: Node, there: Connection, function: Function[Any], result: bytes
) -> None:
    node.faults = [Lies("eth_call", lambda call, said: to_hex(result))]
    arguments = [0] * function.signature.count("uint") + [bytes(32)] * function.signature.count("bytes32")
    data = call_request(EMITTER, function.encode(*arguments))
    request = Request(data.method, data.params, lambda said: function.decode(bytes.fromhex(said[2:])))
    with pytest.raises(BadAnswer, match=r"^social: "):
        there.ask(request)
