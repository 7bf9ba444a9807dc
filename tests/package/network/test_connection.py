"""Connections over a real chain: transactions, reverts, batches, and nodes that are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account

from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted, RpcError, Unreachable
from metalayer.network.transactions import Transaction
from metalayer.protocol.rpc import Request, call_request, quantity
from tests.kit.chains import BoundChain, revert
from tests.kit.roles import SENDER

BENEFICIARY = "0x" + "b0" * 20
# PUSH1 0 PUSH1 0 REVERT, and the same with a panic 0x11 in memory.
REVERTING = bytes.fromhex("60006000fd")
PANICKING = bytes.fromhex("634e487b7160e01b5f52601160045260245ffd")
RETURNING_42 = bytes.fromhex("600a600c600039600a6000f3602a60005260206000f3")


@pytest.fixture
def connection(chains: dict[str, BoundChain]) -> Connection:
    return Connection(chains["arcade"].chain)


def test_send_waits_for_the_receipt(connection: Connection) -> None:
    receipt = connection.send(SENDER, BENEFICIARY, b"", value=7)
    assert receipt["status"] == 1
    assert receipt["gasUsed"] == 21_000
    assert receipt["blockNumber"] == connection.height()
    assert int(connection.rpc("eth_getBalance", BENEFICIARY, "latest"), 16) == 7


def test_many_transactions_keep_their_order(connection: Connection) -> None:
    receipts = connection.send_many(
        SENDER, [Transaction(BENEFICIARY, b"", 21_000, value=i) for i in range(60)]
    )
    assert len({receipt["transactionHash"] for receipt in receipts}) == 60
    places = [(receipt["blockNumber"], receipt["transactionIndex"]) for receipt in receipts]
    assert places == sorted(places)
    assert int(connection.rpc("eth_getBalance", BENEFICIARY, "latest"), 16) == sum(range(60))


def test_many_transactions_in_one_block(connection: Connection) -> None:
    """On a chain that mines in intervals they wait together."""
    connection.rpc("evm_setAutomine", False)
    connection.rpc("evm_setIntervalMining", 1)
    try:
        receipts = connection.send_many(SENDER, [Transaction(BENEFICIARY, b"", 21_000)] * 40)
    finally:
        connection.rpc("evm_setIntervalMining", 0)
        connection.rpc("evm_setAutomine", True)
    assert len({receipt["blockNumber"] for receipt in receipts}) <= 2


def test_threads_share_an_account(connection: Connection) -> None:
    """Each transaction gets its own nonce, whoever sends at the same time."""
    receipts = in_parallel(lambda _: connection.send(SENDER, BENEFICIARY, b"", value=1), range(6))
    assert len({receipt["transactionHash"] for receipt in receipts}) == 6


def test_an_account_goes_on_after_a_failure_and_after_a_restored_snapshot(connection: Connection) -> None:
    snapshot = connection.rpc("evm_snapshot")
    connection.send(SENDER, BENEFICIARY, b"")
    revert(connection.rpc, snapshot)
    connection.send(SENDER, BENEFICIARY, b"")
    with pytest.raises(Reverted):
        connection.send(SENDER, None, REVERTING)
    with pytest.raises(RpcError, match="arcade: eth_sendRawTransaction failed"):
        connection.send(SENDER, BENEFICIARY, b"", gas=1)
    assert connection.send(SENDER, BENEFICIARY, b"")["status"] == 1


@pytest.mark.parametrize("gas", [None, 200_000], ids=["estimated", "sent"])
def test_a_revert_names_chain_and_reason(connection: Connection, gas: int | None) -> None:
    with pytest.raises(Reverted, match=r"arcade: .* reverted: panic 0x11: arithmetic overflow") as caught:
        connection.send(SENDER, None, PANICKING, gas=gas)
    assert (caught.value.receipt is not None) == (gas is not None)


def test_create_call_and_code(connection: Connection) -> None:
    address = connection.send(SENDER, None, RETURNING_42)["contractAddress"]
    assert connection.code(address)
    before = connection.height()
    assert connection.batch([call_request(address, b"")] * 2) == [(42).to_bytes(32, "big")] * 2
    assert connection.call(address, b"", before - 1) == b""


def test_a_batch_keeps_its_order_and_raises_the_first_error(connection: Connection) -> None:
    calls = [
        quantity("eth_chainId"),
        *[quantity("eth_getBalance", SENDER.address, "latest", bits=256)] * 700,
        quantity("eth_blockNumber"),
    ]
    results = connection.batch(calls)
    assert results[0] == connection.chain.chain_id
    assert results[-1] == connection.height()
    assert connection.batch([]) == []
    with pytest.raises(RpcError, match="arcade: eth_nonsense failed"):
        connection.batch(
            [quantity("eth_blockNumber"), Request("eth_nonsense"), call_request(BENEFICIARY, b"")]
        )


def test_nothing_before_genesis_is_final(connection: Connection) -> None:
    depth = connection.chain.preset.finality_depth
    connection.rpc("anvil_mine", hex(depth))
    assert connection.finalized() == connection.height() - depth
    far = replace(connection.chain, preset=connection.chain.preset.model_copy(update={"finality": 10**9}))
    assert Connection(far).finalized() == 0


def test_a_node_that_is_not_there_is_named() -> None:
    chain = replace(load_network().hub, base_port=None, remote_url="http://127.0.0.1:9")
    with pytest.raises(Unreachable, match=r"hub is unreachable at http://127\.0\.0\.1:9: connection failed"):
        Connection(chain).height()


def test_parallel_work_keeps_its_order_and_raises() -> None:
    assert in_parallel(lambda i: i * i, range(5)) == [0, 1, 4, 9, 16]
    assert in_parallel(str, []) == []

    def fail(i: int) -> int:
        if i % 2:
            raise MetalayerError(f"item {i}")
        return i

    with pytest.raises(MetalayerError, match="item 1"):
        in_parallel(fail, range(4))


def test_a_key_signs_for_its_chain_only(connection: Connection, chains: dict[str, BoundChain]) -> None:
    (signed,) = connection.sign_many(SENDER, [Transaction(BENEFICIARY, b"", 21_000)])
    assert Account.recover_transaction(signed.raw) == SENDER.address
    with pytest.raises(RpcError):
        Connection(chains["perps"].chain).broadcast([signed])
