"""What is sent counts when enough blocks are on top of it, and is sent on if a reorganisation takes it out before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from metalayer.network.config import USUAL_CONFIRMATIONS, load_network
from metalayer.network.connection import Connection
from metalayer.network.pool import NotMined, Patience
from metalayer.network.transactions import Receipt, Transaction
from tests.kit.chains import BoundChain
from tests.kit.node import Node
from tests.kit.roles import SENDER
from tools.repository import repo_root

BENEFICIARY = "0x" + "0d" * 20
PAYMENT = Transaction(BENEFICIARY, b"", 21_000, 1)


@pytest.fixture
def node(chains: dict[str, BoundChain]) -> Iterator[Node]:
    with Node(chains["arcade"].url) as opened:
        yield opened


@pytest.fixture
def waiting(chains: dict[str, BoundChain], node: Node) -> Connection:
    chain = replace(chains["arcade"].chain, base_port=None, remote_url=node.url, confirmations=2)
    connection = Connection(chain)
    connection.patience = Patience(0.5, 5.0)
    return connection


@contextmanager
def sent(connection: Connection) -> Iterator[Future[list[Receipt]]]:
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(connection.submit, SENDER, [PAYMENT])
        receipts_seen(connection, future)
        yield future


def receipts_seen(connection: Connection, future: Future[list[Receipt]]) -> None:
    """When it was looked at a few times more."""
    pause = threading.Event()
    for _ in range(4):
        assert not pause.wait(0.1)
        assert not future.done(), future.result()


def mine(chain: BoundChain) -> None:
    chain.rpc("anvil_mine", ["0x1"])


def paid(chain: BoundChain) -> int:
    return int(chain.rpc("eth_getBalance", [BENEFICIARY, "latest"]), 16)


def test_it_is_not_done_before_that(waiting: Connection, chains: dict[str, BoundChain]) -> None:
    chain = chains["arcade"]
    with sent(waiting) as future:
        mine(chain)
        receipts_seen(waiting, future)
        mine(chain)
        (receipt,) = future.result(5)
    assert receipt["status"] == 1
    assert waiting.height() == receipt["blockNumber"] + 2


def test_what_a_reorganisation_takes_is_sent_on(waiting: Connection, chains: dict[str, BoundChain]) -> None:
    """The same payment with the same nonce: it is made once, and its receipt is of the chain that stays."""
    chain = chains["arcade"]
    before = chain.snapshot()
    with sent(waiting) as future:
        mine(chain)
        assert paid(chain) == 1
        chain.restore(before)
        mine(chain)
        assert paid(chain) == 0
        while paid(chain) == 0:
            receipts_seen(waiting, future)
        mine(chain)
        mine(chain)
        (receipt,) = future.result(5)
    block = chain.rpc("eth_getBlockByNumber", [hex(receipt["blockNumber"]), False])
    assert receipt["blockHash"] == block["hash"]
    assert receipt["transactionHash"] in block["transactions"]
    assert paid(chain) == 1


def test_blocks_that_do_not_come_are_one_line(waiting: Connection, chains: dict[str, BoundChain]) -> None:
    waiting.patience = Patience(0.2, 1.0)
    with pytest.raises(NotMined) as caught:
        waiting.submit(SENDER, [PAYMENT] * 2)
    said = str(caught.value)
    assert said.startswith("arcade: transaction 0x")
    assert said.endswith(
        "is mined, but 2 blocks on top of it did not come within 1 s (`confirmations` in networks.yaml)"
    )
    assert paid(chains["arcade"]) == 2


def test_a_local_chain_has_none_and_another_one_has_some(tmp_path: Path) -> None:
    content = yaml.safe_load((repo_root() / "networks.yaml").read_text())
    place: Callable[..., dict[str, Any]] = lambda **more: {"preset": "hub", **more}  # noqa: E731
    content["chains"] = {
        "hub": place(chain_id=1, port=9001),
        "there": place(chain_id=2, url="http://127.0.0.1:1"),
        "sure": place(chain_id=3, url="http://127.0.0.1:1", confirmations=12),
        "hasty": place(chain_id=4, url="http://127.0.0.1:1", confirmations=0),
    }
    path = tmp_path / "networks.yaml"
    path.write_text(yaml.safe_dump(content))
    found = {name: chain.confirmations for name, chain in load_network(path).chains.items()}
    assert found == {"hub": 0, "there": USUAL_CONFIRMATIONS, "sure": 12, "hasty": 0}
