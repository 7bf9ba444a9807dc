"""Several nodes of a chain: whichever answers, is of it and is not behind is asked, and nothing is done twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from metalayer.errors import MetalayerError
from metalayer.network import failover
from metalayer.network.connection import Connection
from metalayer.network.failover import SLACK
from metalayer.network.parallel import in_parallel
from metalayer.network.pool import Patience
from metalayer.network.rpc import Unreachable, WrongChain
from metalayer.network.transactions import Transaction
from metalayer.protocol.rpc import block_request, quantity
from tests.kit.chains import BoundChain
from tests.kit.faults import (
    Broken,
    Complains,
    Every,
    First,
    Lagging,
    Only,
    Pruned,
    Refuses,
    Slow,
    TooMany,
    wrong_chain,
)
from tests.kit.node import Ask, Call, Fault, Garbage, Node
from tests.kit.roles import SENDER

BENEFICIARY = "0x" + "0c" * 20
PAYMENT = Transaction(BENEFICIARY, b"", 21_000, 1)


@pytest.fixture
def nodes(emitting: BoundChain) -> Iterator[list[Node]]:
    """Three, all before the same chain."""
    emitting.rpc("anvil_mine", [hex(2 * SLACK)])
    with ExitStack() as stack:
        yield [stack.enter_context(Node(emitting.url)) for _ in range(3)]


@pytest.fixture
def there(emitting: BoundChain, nodes: list[Node]) -> Connection:
    first, *spares = (node.url for node in nodes)
    chain = replace(emitting.chain, base_port=None, remote_url=first, spares=tuple(spares))
    return Connection(chain, timeout=3.0)


@contextmanager
def beside_blocks(chain: BoundChain) -> Iterator[None]:
    """The chain goes on meanwhile."""
    stop = threading.Event()

    def mine() -> None:
        while not stop.wait(0.1):
            chain.rpc("anvil_mine", ["0x1"])

    thread = threading.Thread(target=mine)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(eq=False)
class LosesAnswers(Fault):
    """Transactions are taken, and then the node hangs up."""

    def answer(self, call: Call, ask: Ask) -> Any:
        said = ask(call)
        if call.method == "eth_sendRawTransaction":
            raise Garbage(200, None)
        return said


def paid(chain: BoundChain) -> int:
    """How many payments were executed."""
    return int(chain.rpc("eth_getBalance", [BENEFICIARY, "latest"]), 16)


def asked(node: Node) -> bool:
    """Whether it was asked for more than how it stands."""
    return any(call.method not in ("eth_chainId", "eth_blockNumber") for call in node.asked)


UNFIT: dict[str, Fault] = {
    "hangs up": Broken(body=None),
    "has a bad gateway": Broken(),
    "has too much to do": TooMany(),
    "is of another chain": wrong_chain(5),
    "is behind": Lagging(SLACK + 2),
    "does not know the method": Refuses("eth_blockNumber"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_node_that_is_not_fit_is_passed_over(
    there: Connection, nodes: list[Node], emitting: BoundChain, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Before anything of it is believed, and a line says who is asked instead."""
    nodes[0].faults = [UNFIT[kind]]
    height = Connection(emitting.chain).height()
    assert there.block().number == height == there.height()
    assert not asked(nodes[0])
    assert asked(nodes[1])
    assert not asked(nodes[2])
    assert caplog.messages == [f"social: the node at {nodes[1].url} is asked from now on"]


@pytest.mark.parametrize("kind", UNFIT)
def test_a_node_that_becomes_unfit_is_left(
    there: Connection, nodes: list[Node], emitting: BoundChain, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = there.block().number
    nodes[0].faults = [UNFIT[kind]]
    nodes[1].faults = [wrong_chain(7)]
    # A node that only lags is left when they are looked at again, or when it says less than it did.
    monkeypatch.setattr(failover, "CHOSEN_FOR", 0.0)
    assert there.block().number == before == there.height()
    assert not asked(nodes[1])
    assert asked(nodes[2])
    nodes[2].faults, nodes[0].faults = [Broken(body=None)], []
    assert there.block().number == before


def test_the_first_one_is_asked_and_no_other(there: Connection, nodes: list[Node]) -> None:
    there.block()
    for node in nodes[1:]:
        node.forget()
    for _ in range(5):
        there.block()
    assert not nodes[1].asked
    assert not nodes[2].asked


def test_no_height_goes_back(there: Connection, nodes: list[Node], emitting: BoundChain) -> None:
    """Also if the only node that is left is behind: it is waited for, and then nothing is said."""
    height = there.height()
    nodes[0].faults = [Lagging(1)]
    nodes[1].faults = nodes[2].faults = [Lagging(2)]
    with pytest.raises(
        Unreachable, match=rf"^social: none of its 3 nodes can be asked: .* is behind block {height}"
    ) as caught:
        there.height()
    assert "\n" not in str(caught.value)
    nodes[1].faults = []
    assert there.height() == height
    assert there.ask(block_request("latest")).number == height


def test_a_receipt_is_not_forgotten_with_its_node(
    there: Connection, nodes: list[Node], emitting: BoundChain
) -> None:
    """What was seen in a block is in every answer after it."""
    receipt = there.send(SENDER, BENEFICIARY, b"", 21_000, 1)
    nodes[0].faults = [Broken(body=None)]
    nodes[1].faults = [Lagging(1)]
    assert there.height() >= receipt["blockNumber"]
    assert int(there.rpc("eth_getBalance", BENEFICIARY, "latest"), 16) == paid(emitting)
    assert asked(nodes[2])


def test_one_that_hangs_costs_a_moment(there: Connection, nodes: list[Node]) -> None:
    nodes[0].faults = [Slow(4.0)]
    before = time.monotonic()
    there.height()
    assert 0.9 < time.monotonic() - before < 3.5
    before = time.monotonic()
    there.height()
    assert time.monotonic() - before < 1.0


def test_a_block_that_a_backend_does_not_have_yet_is_asked_of_the_others(
    there: Connection, nodes: list[Node], emitting: BoundChain
) -> None:
    height = there.height()
    nodes[0].faults = [Only("eth_call", Lagging(1)), Only("eth_getBalance", Lagging(1))]
    nodes[1].faults = [Only("eth_*", Lagging(1))]
    assert int(there.rpc("eth_getBalance", SENDER.address, hex(height)), 16) > 0
    assert asked(nodes[2])
    nodes[2].faults = nodes[1].faults
    with pytest.raises(MetalayerError, match="header not found"):
        there.rpc("eth_getBalance", SENDER.address, hex(height))


def test_what_one_node_does_not_offer_is_asked_of_another(
    there: Connection, nodes: list[Node], emitting: BoundChain
) -> None:
    """A method, or history: for that one request. The first node is asked for everything else."""
    nodes[0].faults = [Refuses("eth_getProof"), Pruned(2)]
    nodes[1].faults = [Refuses("eth_getProof")]
    assert (
        there.rpc("eth_getProof", SENDER.address, [], "latest")["address"].lower() == SENDER.address.lower()
    )
    assert there.block(1).number == 1
    nodes[1].forget()
    there.height()
    assert not nodes[1].asked
    nodes[2].faults = nodes[1].faults = nodes[0].faults
    with pytest.raises(MetalayerError, match="the method eth_getProof does not exist"):
        there.rpc("eth_getProof", SENDER.address, [], "latest")


SENDING: dict[str, tuple[Fault, ...]] = {
    "the answer is lost": (LosesAnswers(),),
    "it hangs up first": (Only("eth_sendRawTransaction", Broken(body=None)),),
    "it takes and complains": (Complains(),),
    "it dies with the receipts": (Only("eth_getTransactionReceipt", Broken()),),
    "it dies after the nonce": (
        Only("eth_sendRawTransaction", Broken()),
        Only("eth_getBlock*", First(9, Broken())),
    ),
}


@pytest.mark.parametrize("kind", SENDING)
def test_what_is_sent_is_sent_once(
    there: Connection, nodes: list[Node], emitting: BoundChain, kind: str
) -> None:
    """Whichever node breaks, and whenever: one transaction for each, with the nonces that they have."""
    there.height()
    nodes[0].faults = SENDING[kind]
    before = paid(emitting)
    nonce = int(emitting.rpc("eth_getTransactionCount", [SENDER.address, "latest"]), 16)
    receipts = there.submit(SENDER, [PAYMENT] * 3)
    assert [receipt["status"] for receipt in receipts] == [1, 1, 1]
    assert paid(emitting) - before == 3
    assert int(emitting.rpc("eth_getTransactionCount", [SENDER.address, "pending"]), 16) == nonce + 3
    raw = {call.params[0] for node in nodes for call in node.asked if call.method == "eth_sendRawTransaction"}
    assert len(raw) == 3


def test_what_a_node_kept_for_itself_is_given_to_the_next(
    there: Connection, nodes: list[Node], emitting: BoundChain
) -> None:
    """It says that it has a transaction, tells nobody, and is gone."""

    @dataclass(eq=False)
    class Keeps(Fault):
        def answer(self, call: Call, ask: Ask) -> Any:
            return "0x" + "00" * 32 if call.method == "eth_sendRawTransaction" else ask(call)

    there.patience = Patience(0.3, 20.0)
    before = paid(emitting)
    nodes[0].faults = [Keeps(), Only("eth_getTransactionReceipt", Broken())]
    # The next offer is for more, with the same nonce.
    with beside_blocks(emitting):
        there.submit(SENDER, [PAYMENT])
    assert paid(emitting) - before == 1


def test_all_of_another_chain_are_said_to_be(there: Connection, nodes: list[Node]) -> None:
    for node in nodes:
        node.faults = [wrong_chain(5)]
    with pytest.raises(WrongChain, match=r"^social: its node is of chain 5, expected 904 \(http://127"):
        there.height()


def test_none_that_answers_is_one_line_with_each(there: Connection, nodes: list[Node]) -> None:
    for node, fault in zip(nodes, (Broken(), Broken(body=None), wrong_chain(5)), strict=True):
        node.faults = [fault]
    with pytest.raises(Unreachable) as caught:
        there.height()
    first, second, third = (node.url for node in nodes)
    assert str(caught.value) == (
        f"social: none of its 3 nodes can be asked: {first} answered with HTTP status 502; social is unreachable at "
        f"{second}: connection failed; its node is of chain 5, expected 904 ({third})"
    )


def test_they_are_asked_from_many_threads(there: Connection, nodes: list[Node], emitting: BoundChain) -> None:
    there.height()
    nodes[0].faults = [Every(3, Broken())]
    heights = in_parallel(lambda _: there.height(), range(16))
    assert set(heights) == {Connection(emitting.chain).height()}
    assert there.batch([quantity("eth_blockNumber")] * 3) == heights[:3]
