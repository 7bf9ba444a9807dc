"""What is sent once is executed at most once, whatever the node does, and is mined although fees rise."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from metalayer.errors import MetalayerError
from metalayer.network.bids import Bid
from metalayer.network.connection import Connection
from metalayer.network.endpoint import Endpoint
from metalayer.network.parallel import in_parallel
from metalayer.network.pool import NonceTaken, NotMined, Patience
from metalayer.network.rpc import Reverted, RpcError, Unreachable
from metalayer.network.transactions import Signed, Transaction
from metalayer.protocol.hex import to_hex
from tests.kit.chains import BoundChain
from tests.kit.faults import (
    Complains,
    First,
    Lies,
    NoReceipts,
    Only,
    Refuses,
    RefusesTag,
    Swallows,
)
from tests.kit.node import Ask, Call, Fault, Node
from tests.kit.roles import RIVAL, SENDER, Role
from tools.repository import repo_root

BENEFICIARY = "0x" + "0b" * 20
PAYMENT = Transaction(BENEFICIARY, b"", 21_000, value=1)
QUICK = Patience(0.3, 30.0)
DEAR = 2 * 10**9
"""Base fee in wei: more than what is offered at first, less than the ceiling."""


@pytest.fixture
def chain(chains: dict[str, BoundChain]) -> Iterator[BoundChain]:
    """Its base fee may be set, and it mines when it is told to."""
    chain = chains["arcade"]
    yield chain
    # A revert leaves it as it was set.
    chain.rpc("anvil_setNextBlockBaseFeePerGas", [hex(chain.chain.preset.base_fee)])


@pytest.fixture
def node(chain: BoundChain) -> Iterator[Node]:
    with Node(chain.url) as opened:
        yield opened


@pytest.fixture
def connection(chain: BoundChain, node: Node) -> Connection:
    connection = Connection(replace(chain.chain, base_port=None, remote_url=node.url))
    connection.patience = QUICK
    return connection


def paid(chain: BoundChain) -> int:
    """How many payments were executed."""
    return int(chain.rpc("eth_getBalance", [BENEFICIARY, "latest"]), 16)


def nonce(chain: BoundChain, tag: str = "latest") -> int:
    return int(chain.rpc("eth_getTransactionCount", [SENDER.address, tag]), 16)


def hold(chain: BoundChain) -> None:
    chain.rpc("evm_setAutomine", [False])


def mine(chain: BoundChain, base_fee: int | None = None) -> None:
    if base_fee is not None:
        chain.rpc("anvil_setNextBlockBaseFeePerGas", [hex(base_fee)])
    chain.rpc("anvil_mine", ["0x1"])


@contextmanager
def beside(what: Callable[[], None]) -> Iterator[threading.Event]:
    """Something that happens again and again meanwhile, until the end or until it is told to stop."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.1):
            what()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


def offered(node: Node) -> list[Signed]:
    """Every version that the node was given, in order, each once."""
    raws = [call.params[0] for call in node.asked if call.method == "eth_sendRawTransaction"]
    return [Signed(bytes.fromhex(raw[2:]), "", 0) for raw in dict.fromkeys(raws)]


# Replacement


def test_a_transaction_below_the_base_fee_is_offered_for_more_until_it_is_mined(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    hold(chain)
    with beside(lambda: mine(chain, DEAR)):
        receipt = connection.submit(SENDER, [PAYMENT])[0]
    versions = [Bid.of(one.fields()) for one in offered(node)]
    assert len(versions) > 1
    assert receipt["effectiveGasPrice"] > DEAR
    for before, after in pairwise(versions):
        assert before.tip is not None
        assert after.tip is not None
        assert after.most * 8 >= before.most * 9
        assert after.tip * 8 >= before.tip * 9
    assert {one.fields()["nonce"] for one in offered(node)} == {nonce(chain) - 1}
    assert paid(chain) == 1


def test_all_that_waits_together_is_offered_again_and_keeps_its_order(
    connection: Connection, chain: BoundChain
) -> None:
    hold(chain)
    with beside(lambda: mine(chain, DEAR)):
        receipts = connection.submit(SENDER, [replace(PAYMENT, value=value) for value in (1, 2, 4)])
    assert [receipt["status"] for receipt in receipts] == [1, 1, 1]
    places = [(receipt["blockNumber"], receipt["transactionIndex"]) for receipt in receipts]
    assert places == sorted(places)
    assert paid(chain) == 7


def test_never_above_the_ceiling(connection: Connection, chain: BoundChain, node: Node) -> None:
    """A gas never costs more than what the operator allows, and one line says so at the end."""
    ceiling = 4 * chain.chain.preset.base_fee
    low = Connection(replace(connection.chain, gas_price_ceiling=ceiling))
    low.patience = Patience(0.2, 2.5)
    hold(chain)
    with (
        beside(lambda: mine(chain, 10 * ceiling) if offered(node) else None),
        pytest.raises(
            NotMined, match=r"arcade: transaction 0x\w+ of 0x\w+ with nonce \d+ was not mined within"
        ),
    ):
        low.submit(SENDER, [PAYMENT])
    assert offered(node)
    assert max(Bid.of(one.fields()).most for one in offered(node)) <= ceiling
    before = len(offered(node))
    with pytest.raises(
        MetalayerError, match=r"arcade: the base fee is .* gwei, above the ceiling of"
    ) as caught:
        Connection(low.chain).send(RIVAL, BENEFICIARY, b"")
    assert "\n" not in str(caught.value)
    assert len(offered(node)) == before
    assert Connection(low.chain).chain.max_gas_price == ceiling


def test_a_chain_that_stands_still_is_not_paid_more(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    hold(chain)
    connection.patience = Patience(0.2, 2.0)
    with pytest.raises(NotMined, match="there is no block after"):
        connection.submit(SENDER, [PAYMENT])
    assert len(offered(node)) <= 2
    mine(chain)
    assert paid(chain) == 1


def test_one_that_is_not_mined_holds_up_nobody_else(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    """One account's transaction pays less than the others': theirs are mined, and it ends in one line."""
    turn, waits = threading.Lock(), False

    def go_on(call: Call, said: Any) -> Any:
        """A block for each look at the newest one, once the transaction waits: the node forgets it afterwards."""
        nonlocal waits
        with turn:
            waits = waits or nonce(chain, "pending") > nonce(chain)
            if waits:
                mine(chain, DEAR)
        return said

    hold(chain)
    node.faults = [Lies("eth_getBlockByNumber", go_on)]
    low = Connection(replace(connection.chain, gas_price_ceiling=DEAR // 2))
    low.patience = Patience(0.2, 2.0)
    lines = in_parallel(
        lambda sender: _line(low if sender is SENDER else connection, sender), [SENDER, RIVAL]
    )
    assert lines[0].startswith("arcade: transaction 0x")
    assert lines[0].endswith("2 gwei, above the ceiling of 1 (`max_gas_price` in networks.yaml)")
    assert "\n" not in lines[0]
    assert lines[1] == ""
    assert paid(chain) == 1


def _line(connection: Connection, sender: Role) -> str:
    try:
        connection.submit(sender, [PAYMENT])
    except MetalayerError as error:
        return str(error)
    return ""


# What nodes say


@pytest.mark.parametrize("message", ["nonce too low", "already known", "replacement transaction underpriced"])
def test_what_was_accepted_is_not_sent_again_whatever_the_node_says(
    connection: Connection, chain: BoundChain, node: Node, message: str
) -> None:
    node.faults = [Complains(message)]
    before = nonce(chain)
    assert connection.send(SENDER, BENEFICIARY, b"", value=1)["status"] == 1
    assert (nonce(chain), paid(chain)) == (before + 1, 1)


def test_a_lost_answer_and_a_node_that_denies_the_transaction(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    """It was mined, the node says that its nonce is too low, and knows nothing of it: the receipt tells."""
    deny = Lies("eth_getTransactionByHash", lambda call, said: None)
    node.faults = [
        Complains("nonce too low"),
        deny,
        Only("eth_getTransactionReceipt", First(4, NoReceipts())),
    ]
    before = nonce(chain)
    assert connection.send(SENDER, BENEFICIARY, b"", value=1)["status"] == 1
    assert (nonce(chain), paid(chain)) == (before + 1, 1)


def test_a_node_that_loses_what_it_took_gets_it_again(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    node.faults = [First(1, _Once(Swallows()))]
    with beside(lambda: chain.rpc("anvil_mine", ["0x1"])):
        assert connection.send(SENDER, BENEFICIARY, b"", value=1)["status"] == 1
    assert paid(chain) == 1


def test_receipts_that_are_null_for_a_while(connection: Connection, chain: BoundChain, node: Node) -> None:
    node.faults = [Only("eth_getTransactionReceipt", First(20, NoReceipts()))]
    assert connection.send(SENDER, BENEFICIARY, b"", value=1)["status"] == 1
    assert paid(chain) == 1


def test_a_node_that_breaks_down_while_it_is_waited_for(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    """What was sent was sent: faults of the node while its receipt is waited for end nothing."""
    broken = Refuses("eth_getTransactionReceipt", code=-32_000)
    node.faults = [Only("eth_getTransactionReceipt", First(3, broken))]
    assert connection.send(SENDER, BENEFICIARY, b"", value=1)["status"] == 1
    assert paid(chain) == 1


def test_a_nonce_that_another_program_took_is_an_error_and_nothing_is_sent_twice(
    connection: Connection, chain: BoundChain
) -> None:
    elsewhere = Connection(chain.chain)
    hold(chain)
    (theirs,) = elsewhere.sign_many(SENDER, [Transaction(BENEFICIARY, b"", 21_000, value=100)])
    (ours,) = connection.sign_many(SENDER, [PAYMENT])
    elsewhere.broadcast([theirs])
    mine(chain)
    with (
        beside(lambda: chain.rpc("anvil_mine", ["0x1"])),
        pytest.raises(NonceTaken, match=rf"another transaction of {SENDER.address} took nonce {ours.nonce}"),
    ):
        connection.settle(SENDER, [ours])
    assert paid(chain) == 100


def test_two_programs_with_one_account(connection: Connection, chain: BoundChain, node: Node) -> None:
    """The second one's pending transaction is not replaced by ours."""
    hold(chain)
    before = nonce(chain)
    elsewhere = Connection(chain.chain)
    elsewhere.broadcast(elsewhere.sign_many(SENDER, [replace(PAYMENT, value=100)]))
    # Its node did not hear of it yet.
    node.faults = [_Stale("eth_getTransactionCount", hex(before))]
    with pytest.raises(NonceTaken, match="do two programs use the account"):
        connection.submit(SENDER, [PAYMENT])
    mine(chain)
    assert paid(chain) == 100


def test_a_receipt_that_a_reorganisation_took_is_waited_for_again(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    """Both transactions were mined in a block that is gone when their receipts are asked for together."""
    hold(chain)
    before = chain.snapshot()
    receipts_seen = 0
    is_gone = threading.Event()

    def reorganise(call: Call, said: Any) -> Any:
        nonlocal receipts_seen
        receipts_seen += said is not None
        if said is not None and not is_gone.is_set():
            sent = offered(node)
            chain.restore(before)
            hold(chain)
            for one in sent:
                chain.rpc("eth_sendRawTransaction", [to_hex(one.raw)])
            is_gone.set()
        return said

    def mine_twice() -> None:
        if is_gone.is_set() or (len(offered(node)) == 2 and not receipts_seen):
            mine(chain)

    node.faults = [Lies("eth_getTransactionReceipt", reorganise)]
    with beside(mine_twice):
        receipts = connection.submit(SENDER, [PAYMENT, PAYMENT])
    assert is_gone.is_set()
    assert receipts_seen > 2
    blocks = {chain.rpc("eth_getBlockByNumber", [hex(one["blockNumber"]), False])["hash"] for one in receipts}
    assert {one["blockHash"] for one in receipts} == blocks
    assert paid(chain) == 2


# Fees and estimates of nodes that have less


@pytest.mark.parametrize(
    "patterns",
    [(), ("eth_maxPriorityFeePerGas",), ("eth_maxPriorityFeePerGas", "eth_feeHistory")],
    ids=["all", "history", "price"],
)
def test_fees_come_from_what_the_node_has(
    connection: Connection, chain: BoundChain, node: Node, patterns: Sequence[str]
) -> None:
    node.faults = [Refuses(*patterns)]
    for _ in range(2):
        assert connection.send(SENDER, BENEFICIARY, b"", value=1)["status"] == 1
    for pattern in patterns:
        assert node.count(pattern) == 1, "asked once, then known to be missing"
    kinds = {one.fields().get("type") for one in offered(node)}
    assert kinds == {2}


def test_a_chain_without_eip_1559(connection: Connection, chain: BoundChain, node: Node) -> None:
    def without_base_fee(call: Call, said: Any) -> Any:
        return {name: value for name, value in said.items() if name != "baseFeePerGas"}

    node.faults = [
        Lies("eth_getBlockByNumber", without_base_fee),
        Refuses("eth_maxPriorityFeePerGas", "eth_feeHistory"),
    ]
    hold(chain)
    with beside(lambda: mine(chain, DEAR)):
        receipt = connection.send(SENDER, BENEFICIARY, b"\1\2", gas=100_000, value=1)
    assert receipt["type"] == 0
    versions = [one.fields() for one in offered(node)]
    assert len({one["gasPrice"] for one in versions}) == len(versions) > 1
    assert {(one["to"].lower(), one["data"], one["value"], one["chainId"]) for one in versions} == {
        (BENEFICIARY, "0x0102", 1, connection.chain_id)
    }
    assert paid(chain) == 1


# Succeeds once: PUSH0 SLOAD PUSH1 10 JUMPI PUSH1 1 PUSH0 SSTORE STOP, and at 10 JUMPDEST PUSH0 PUSH0 REVERT.
ONCE = "0x5f54600a57" + "60015f5500" + "5b5f5ffd"


def test_an_estimate_sees_what_is_pending(connection: Connection, chain: BoundChain, node: Node) -> None:
    """What is sent and not mined is not sent again: it is refused already now."""
    address = "0x" + "e1" * 20
    chain.rpc("anvil_setCode", [address, ONCE])
    assert connection.estimate(RIVAL.address, address, b"") > 21_000
    hold(chain)
    connection.broadcast(connection.sign_many(SENDER, [Transaction(address, b"", 100_000)]))
    with pytest.raises(Reverted):
        connection.estimate(RIVAL.address, address, b"")
    node.faults = [RefusesTag("pending")]
    assert connection.estimate(RIVAL.address, address, b"") > 21_000


# Restarts


def test_what_an_earlier_process_left_is_waited_for(connection: Connection, chain: BoundChain) -> None:
    hold(chain)
    connection.broadcast(connection.sign_many(SENDER, [PAYMENT, PAYMENT]))
    again = Connection(connection.chain)
    again.patience = QUICK
    with pytest.raises(
        MetalayerError, match=rf"2 transactions of {SENDER.address} are still pending, from nonce"
    ):
        again.refuse_while_pending(SENDER)
    with beside(lambda: mine(chain)):
        receipt = again.submit(SENDER, [PAYMENT])[0]
    assert receipt["status"] == 1
    assert paid(chain) == 3


def test_what_an_earlier_process_left_and_is_stuck_is_replaced_by_nothing(
    connection: Connection, chain: BoundChain
) -> None:
    """A program that looks at what is due after that makes way; what was stuck is never executed."""
    connection.broadcast([])
    hold(chain)
    before = nonce(chain)
    connection.broadcast(connection.sign_many(SENDER, [PAYMENT, PAYMENT]))
    again = Connection(connection.chain)
    again.patience = Patience(0.2, 20.0)
    with beside(lambda: mine(chain, DEAR)):
        again.make_way(SENDER)
    assert nonce(chain) == nonce(chain, "pending") == before + 2
    assert paid(chain) == 0
    assert again.pending(SENDER.address) == []


KILLED = """
import os, signal, sys
from dataclasses import replace
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.endpoint import Endpoint
from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender, Transaction

moment, url, index = sys.argv[1], sys.argv[2], int(sys.argv[3])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

connection = Connection(replace(load_network().chain("arcade"), base_port=None, remote_url=url))
if moment == "signed":
    connection._launch = die
if moment == "sent":
    connection.settle = die
connection.submit(KeySender(local_key(index)), [Transaction("0x" + "0b" * 20, b"", 21_000, value=1)] * 2)
"""


@pytest.mark.parametrize(("moment", "executed"), [("signed", 0), ("sent", 2)])
def test_a_process_that_is_killed_between_signing_and_the_receipt(
    connection: Connection, chain: BoundChain, moment: str, executed: int
) -> None:
    """A real SIGKILL. Whoever comes after it waits for what was sent, and uses no nonce twice."""
    hold(chain)
    before = nonce(chain)
    arguments = [sys.executable, "-c", KILLED, moment, connection.chain.url, str(SENDER.index)]
    killed = subprocess.run(arguments, cwd=repo_root(), capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert nonce(chain, "pending") == before + executed
    with beside(lambda: mine(chain)):
        connection.make_way(SENDER)
        assert paid(chain) == executed
        connection.submit(SENDER, [PAYMENT])
    assert nonce(chain) == before + executed + 1
    assert paid(chain) == executed + 1


def test_every_version_is_kept_before_it_is_sent(
    connection: Connection, chain: BoundChain, node: Node
) -> None:
    kept: list[Signed] = []

    def keep(signed: Sequence[Signed]) -> None:
        given = {one.raw for one in offered(node)}
        assert not given & {one.raw for one in signed}
        kept.extend(signed)

    hold(chain)
    with beside(lambda: mine(chain, DEAR)):
        receipt = connection.submit(SENDER, [PAYMENT], keep)[0]
    assert [one.raw for one in kept] == [one.raw for one in offered(node)]
    assert receipt["transactionHash"] in {one.hash for one in kept}


def test_threads_and_accounts_do_not_disturb_each_other(connection: Connection, chain: BoundChain) -> None:
    before = nonce(chain)

    def send(number: int) -> None:
        connection.submit(SENDER if number % 2 else RIVAL, [PAYMENT, PAYMENT])

    in_parallel(send, range(8))
    assert nonce(chain) == before + 8
    assert paid(chain) == 16


def test_a_node_that_is_gone_says_that_it_is_not_known(
    connection: Connection, chain: BoundChain, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metalayer.network.pool._SENDING_PAUSES", (0.0, 0.01))
    real = Endpoint._send

    def gone(self: Endpoint, encoded: bytes) -> Any:
        if b"eth_sendRawTransaction" in encoded:
            raise Unreachable("arcade is unreachable")
        return real(self, encoded)

    monkeypatch.setattr(Endpoint, "_send", gone)
    with pytest.raises(Unreachable, match=r"whether transaction 0x\w{64} was sent is not known"):
        connection.submit(SENDER, [PAYMENT])


def test_what_a_node_refuses_for_good_is_its_error(connection: Connection, chain: BoundChain) -> None:
    rich = int(chain.rpc("eth_getBalance", [SENDER.address, "latest"]), 16)
    before = nonce(chain)
    with pytest.raises(RpcError, match="arcade: eth_sendRawTransaction failed"):
        connection.send(SENDER, BENEFICIARY, b"", gas=21_000, value=2 * rich)
    assert nonce(chain, "pending") == before
    assert connection.send(SENDER, BENEFICIARY, b"")["status"] == 1


@pytest.mark.parametrize("to", [BENEFICIARY, None])
@pytest.mark.parametrize("fees", [Bid(10, 3), Bid(10, None)])
def test_a_signed_transaction_says_what_it_is(to: str | None, fees: Bid) -> None:
    fields = {"chainId": 902, "nonce": 7, "gas": 21_000, "value": 5, "data": "0x0102", **fees.fields()}
    if to is not None:
        fields["to"] = to_checksum_address(to)
    read = Signed.by(SENDER, fields).fields()
    assert {name: str(value).lower() for name, value in read.items()} == {
        name: str(value).lower() for name, value in fields.items()
    }
    assert Signed.by(SENDER, read).raw == Signed.by(SENDER, fields).raw


@dataclass(eq=False)
class _Once(Fault):
    """Another fault, until it had a transaction."""

    fault: Fault
    is_over: bool = field(default=False, init=False)

    def answer(self, call: Call, ask: Ask) -> Any:
        if self.is_over:
            return ask(call)
        self.is_over = call.method == "eth_sendRawTransaction"
        return self.fault.answer(call, ask)


@dataclass(eq=False)
class _Stale(Fault):
    """One method always answers the same."""

    method: str
    said: Any

    def answer(self, call: Call, ask: Ask) -> Any:
        return self.said if call.method == self.method else ask(call)
