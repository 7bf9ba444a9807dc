"""The proxy before a node does what its faults say, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.network.connection import Connection
from metalayer.protocol.hex import to_hex
from tests.kit.chains import BoundChain, settle
from tests.kit.deployment import Deployment
from tests.kit.faults import (
    BatchLimit,
    Broken,
    Complains,
    Duplicates,
    Every,
    First,
    Lagging,
    Lies,
    LogCount,
    LogRange,
    LogsBehind,
    LogTopics,
    NoLogs,
    NoReceipts,
    Only,
    Pruned,
    Refuses,
    RefusesTag,
    Shuffled,
    StateBehind,
    Swallows,
    TooMany,
    wrong_chain,
    wrong_head,
    wrong_logs,
)
from tests.kit.node import Fault, Node, behind

EMITTER = "0x" + "e0" * 20
# PUSH0 PUSH0 LOG0: an empty log for every call.
EMITS = "0x5f5fa000"
_STRANGER = Account.from_key(keccak(text="who sends past the node"))


@pytest.fixture
def hub(chains: dict[str, BoundChain]) -> BoundChain:
    """Its latest 40 blocks have two logs each from EMITTER."""
    chain = next(iter(chains.values()))
    caller = chain.rpc("eth_accounts")[0]
    chain.rpc("anvil_setCode", [EMITTER, EMITS])
    chain.rpc("evm_setAutomine", [False])
    for _ in range(40):
        for _ in range(2):
            chain.rpc("eth_sendTransaction", [{"from": caller, "to": EMITTER, "gas": hex(50_000)}])
        chain.rpc("anvil_mine", ["0x1"])
    chain.rpc("evm_setAutomine", [True])
    return chain


@pytest.fixture
def node(hub: BoundChain) -> Iterator[Node]:
    with Node(hub.url) as opened:
        yield opened


def post(node: Node, body: Any) -> tuple[int, Any, dict[str, str]]:
    answer = urllib3.request("POST", node.url, json=body, retries=False)
    return answer.status, answer.json(), dict(answer.headers)


def ask(node: Node, method: str, *params: Any) -> Any:
    """The result, or the error's code."""
    _, said, _ = post(node, {"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    assert said["id"] == 7
    return said["result"] if "result" in said else said["error"]["code"]


def head(node: Node) -> int:
    return int(node.ask("eth_blockNumber"), 16)


def logs(node: Node, blocks: int, topics: list[Any] | None = None) -> Any:
    """Of the last so many blocks."""
    first, last = hex(head(node) - blocks + 1), hex(head(node))
    wanted = {"address": EMITTER, "fromBlock": first, "toBlock": last, "topics": topics or []}
    return ask(node, "eth_getLogs", wanted)


def signed(hub: BoundChain) -> str:
    """A transaction of a stranger."""
    hub.rpc("anvil_setBalance", [_STRANGER.address, hex(10**20)])
    fields = {
        "chainId": hub.chain_id,
        "nonce": 0,
        "gas": 50_000,
        "to": to_checksum_address(EMITTER),
        "value": 0,
    }
    fees = {"maxFeePerGas": 10**12, "maxPriorityFeePerGas": 0, "type": 2}
    return to_hex(bytes(_STRANGER.sign_transaction({**fields, **fees}).raw_transaction))


def place(log: Any) -> tuple[int, int]:
    return int(log["blockNumber"], 16), int(log["logIndex"], 16)


def test_without_a_fault_it_is_the_node(hub: BoundChain, node: Node) -> None:
    assert ask(node, "eth_blockNumber") == hub.rpc("eth_blockNumber")
    assert ask(node, "eth_noSuchMethod") == hub.answer("eth_noSuchMethod")["error"]["code"]
    assert len(logs(node, 40)) == 80
    batch: list[Any] = [{"jsonrpc": "2.0", "id": i, "method": "eth_chainId", "params": []} for i in (4, 2)]
    status, said, _ = post(node, batch)
    assert status == 200
    assert [(one["id"], one["result"]) for one in said] == [(4, hex(hub.chain_id)), (2, hex(hub.chain_id))]
    assert node.bodies == [1, 1, 1, 2]
    assert (node.count(), node.count("eth_getL*"), node.count("eth_chainId")) == (5, 1, 2)


@pytest.mark.parametrize(
    ("fault", "fine", "refused", "code"),
    [
        (LogRange(10), 10, 11, -32_600),
        (LogCount(20), 10, 11, -32_005),
        (Only("eth_getLogs", First(2, LogRange(3))), 3, 4, -32_600),
    ],
)
def test_limits_of_logs(node: Node, fault: Fault, fine: int, refused: int, code: int) -> None:
    node.faults = [fault]
    assert len(logs(node, fine)) == 2 * fine
    assert logs(node, refused) == code


def test_a_limit_of_topics(node: Node) -> None:
    node.faults = [LogTopics(3)]
    assert logs(node, 2, [["0x" + "00" * 32] * 3]) == []
    assert logs(node, 2, [["0x" + "00" * 32] * 4]) == -32_602


def test_old_blocks_that_are_gone(node: Node) -> None:
    node.faults = [Pruned(below=head(node) - 9)]
    assert len(logs(node, 10)) == 20
    assert logs(node, 11) == 4_444
    assert ask(node, "eth_getBlockByNumber", hex(head(node) - 10), False) == 4_444


def test_refusals_have_the_status_that_was_ordered(node: Node) -> None:
    batch: list[Any] = [{"jsonrpc": "2.0", "id": i, "method": "eth_chainId", "params": []} for i in range(3)]
    node.faults = [BatchLimit(2, status=413)]
    assert post(node, batch[:2])[0] == 200
    status, said, _ = post(node, batch)
    assert (status, said["error"]["code"]) == (413, -32_600)
    node.faults = [First(1, TooMany("2"))]
    status, said, headers = post(node, batch)
    assert (status, headers["Retry-After"], said["error"]["code"]) == (429, "2", -32_005)
    assert post(node, batch)[0] == 200
    node.faults = [LogRange(1, status=400)]
    assert post(node, {"id": 1, "method": "eth_getLogs", "params": [{"fromBlock": "earliest"}]})[0] == 400


def test_methods_and_tags_that_are_refused(node: Node) -> None:
    node.faults = [Refuses("anvil_*", "eth_maxPriorityFeePerGas"), RefusesTag("finalized")]
    assert ask(node, "anvil_nodeInfo") == ask(node, "eth_maxPriorityFeePerGas") == -32_601
    assert ask(node, "eth_getBlockByNumber", "finalized", False) == -32_602
    assert ask(node, "eth_getBlockByNumber", "latest", False)["number"] == hex(head(node))


def test_what_is_no_answer(node: Node) -> None:
    node.faults = [Broken()]
    answer = urllib3.request("POST", node.url, json={"id": 1, "method": "eth_chainId"}, retries=False)
    assert (answer.status, answer.data) == (502, b"<html>Bad Gateway</html>")
    node.faults = [Broken(body=None)]
    with pytest.raises(urllib3.exceptions.ProtocolError):
        urllib3.request("POST", node.url, json={"id": 1, "method": "eth_chainId"}, retries=False)


def test_every_third(node: Node) -> None:
    node.faults = [Every(3, NoLogs())]
    assert [len(logs(node, 1)) for _ in range(6)] == [2, 2, 0, 2, 2, 0]


def test_a_node_that_is_behind(node: Node) -> None:
    true = head(node)
    receipt = node.ask("eth_getBlockByNumber", hex(true), False)["transactions"][0]
    node.faults = [Lagging(5)]
    assert ask(node, "eth_blockNumber") == hex(true - 5)
    assert ask(node, "eth_getBlockByNumber", "latest", False)["number"] == hex(true - 5)
    assert ask(node, "eth_getBlockByNumber", hex(true), False) is None
    assert ask(node, "eth_getTransactionReceipt", receipt) is None
    assert ask(node, "eth_call", {"to": EMITTER}, hex(true)) == -32_000
    assert len(logs(node, 10)) == 10
    node.faults = [LogsBehind(5)]
    assert ask(node, "eth_blockNumber") == hex(true)
    assert len(logs(node, 10)) == 10


def test_state_that_is_behind(node: Node) -> None:
    # NUMBER PUSH0 MSTORE MSIZE PUSH0 RETURN
    node.ask("anvil_setCode", EMITTER, "0x435f52595ff3")
    node.faults = [StateBehind(0)]
    now = int(ask(node, "eth_call", {"to": EMITTER}, "latest"), 16)
    node.faults = [StateBehind(3)]
    assert ask(node, "eth_call", {"to": EMITTER}, "latest") == "0x"
    node.ask("anvil_mine", "0x5")
    assert int(ask(node, "eth_call", {"to": EMITTER}, "latest"), 16) == now + 2


def test_receipts_and_transactions_that_are_denied(hub: BoundChain, node: Node) -> None:
    block = node.ask("eth_getBlockByNumber", "latest", True)
    node.faults = [Only("eth_getTransactionReceipt", First(2, NoReceipts()))]
    hash_ = block["transactions"][0]["hash"]
    assert [ask(node, "eth_getTransactionReceipt", hash_) is None for _ in range(3)] == [True, True, False]
    raw = signed(hub)
    count = hub.rpc("eth_getTransactionCount", [_STRANGER.address, "latest"])
    node.faults = [Swallows()]
    assert int(ask(node, "eth_sendRawTransaction", raw), 16) == 0
    assert hub.rpc("eth_getTransactionCount", [_STRANGER.address, "latest"]) == count
    node.faults = [Complains()]
    assert ask(node, "eth_sendRawTransaction", raw) == -32_000
    settle(lambda method, *params: hub.rpc(method, params))
    assert hub.rpc("eth_getTransactionCount", [_STRANGER.address, "latest"]) == hex(int(count, 16) + 1)


def test_logs_that_are_twice_there_or_in_disorder(node: Node) -> None:
    true = logs(node, 10)
    node.faults = [Duplicates()]
    assert sorted(logs(node, 10), key=place) == sorted([*true, *true], key=place)
    node.faults = [Shuffled(1)]
    mixed = logs(node, 10)
    assert mixed != true
    assert sorted(mixed, key=place) == true


def test_lies(node: Node) -> None:
    node.faults = [wrong_chain(5), wrong_head(100), wrong_logs({"data": "0x01"})]
    assert ask(node, "eth_chainId") == "0x5"
    assert ask(node, "eth_blockNumber") == hex(head(node) + 100)
    assert {log["data"] for log in logs(node, 2)} == {"0x01"}
    node.faults = [Lies("eth_gas*", lambda call, said: "0x0")]
    assert ask(node, "eth_gasPrice") == "0x0"


def test_a_mesh_with_one_chain_behind_it(deployment: Deployment) -> None:
    with behind(deployment, "arcade", wrong_head(7), finality_depth=2) as (seen, node):
        assert isinstance(seen, Deployment)
        there = seen.connections["arcade"]
        assert there.height() == deployment.connections["arcade"].height() + 7
        assert there.finalized() == there.height() - 2
        assert node.count("eth_blockNumber") == 3
        assert seen.connections["hub"] is deployment.connections["hub"]
        assert isinstance(there, Connection)
    node.forget()
    assert node.count() == 0
