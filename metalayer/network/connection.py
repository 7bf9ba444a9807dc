"""A connection to one chain: what it says, and transactions that are sent to it."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError
from metalayer.network.config import Chain, Network
from metalayer.network.log_reader import LogReader
from metalayer.network.rpc import REQUEST_TIMEOUT, Reverted, RpcError
from metalayer.network.transactions import Receipt, Sender, Signed, Transaction
from metalayer.protocol.abi import Function, Value
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import (
    Block,
    Log,
    Request,
    Topic,
    block_request,
    call_request,
    code_request,
    logs_request,
    number,
    quantity,
)

MAX_TRANSACTION_GAS = 16_777_216
"""Highest gas limit of one transaction, EIP-7825."""

_GAS_MARGIN = 1.2
_RECEIPT_TIMEOUT = 120.0
_FIRST_POLL = 0.004
_SLOWEST_POLL = 0.25
_QUANTITIES = (
    "blockNumber",
    "gasUsed",
    "status",
    "transactionIndex",
    "effectiveGasPrice",
    "cumulativeGasUsed",
    "type",
)


class Connection(LogReader):
    """One chain. Safe to share between threads."""

    def __init__(self, chain: Chain, timeout: float = REQUEST_TIMEOUT) -> None:
        super().__init__(chain, timeout)
        self._sending: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The chain's."""
        return self.chain.name

    @property
    def chain_id(self) -> int:
        """The chain's, as configured."""
        return self.chain.chain_id

    def call(
        self,
        to: str,
        data: bytes,
        block: int | str = "latest",
        *,
        sender: str | None = None,
        gas: int | None = None,
    ) -> bytes:
        """Return data of `eth_call`. Raises Reverted with the decoded reason."""
        return self.ask(call_request(to, data, block, sender=sender, gas=gas))

    def view(self, to: str, function: Function[Value], *values: Any) -> Value:
        """What a view says at the latest block."""
        return self.ask(function.request(to, *values))

    def logs(self, address: str, topics: Sequence[Topic], first: int, last: int) -> list[Log]:
        """Logs of the blocks `first` to `last`, both included."""
        return self.ask(logs_request(address, topics, first, last)) if first <= last else []

    def height(self) -> int:
        """Number of the latest block."""
        return self.ask(quantity("eth_blockNumber"))

    def finalized(self) -> int:
        """Number of the newest block that counts as final."""
        return self.ask(self.final_request)

    @property
    def final_request(self) -> Request[int]:
        """Asks for that number: what the chain's tag names, or the chain's finality in blocks below the latest."""
        finality = self.chain.preset.finality
        if isinstance(finality, int):
            return Request("eth_blockNumber", (), lambda result: max(0, number(result) - finality))

        def read(block: Any) -> int:
            if block is None:
                raise ValueError(f"there is no `{finality}` block")
            return Block.read(block).number

        return Request("eth_getBlockByNumber", (finality, False), read)

    def block(self, block: int | str = "latest") -> Block:
        """One block. BadAnswer if there is no such block."""
        return self.ask(block_request(block))

    def code(self, address: str, block: int | str = "latest") -> bytes:
        """Runtime code at an address, empty if none."""
        return self.ask(code_request(address, block))

    def estimate(self, sender: str, to: str | None, data: bytes, value: int = 0) -> int:
        """Gas that a transaction needs, without a margin. Raises Reverted."""
        return self.ask(quantity("eth_estimateGas", _message(sender, to, data, value)))

    def refuse_while_pending(self, sender: Sender) -> None:
        """MetalayerError if a transaction of the sender is not mined yet.

        What is stuck in the pool may do the very thing that is about to be sent: twice would be paid for nothing.
        """
        latest, pending = self.batch(
            quantity("eth_getTransactionCount", sender.address, tag) for tag in ("latest", "pending")
        )
        if pending > latest:
            raise MetalayerError(
                f"{self.name}: a transaction of {sender.address} is still pending: waiting for it"
            )

    def send(
        self, sender: Sender, to: str | None, data: bytes, gas: int | None = None, value: int = 0
    ) -> Receipt:
        """Signs, sends and waits for the receipt.

        Raises Reverted with the reason. `to` None creates a contract. `gas` None estimates and adds a fifth.
        """
        return self.send_many(sender, [Transaction(to, data, gas, value)])[0]

    def send_many(self, sender: Sender, transactions: Sequence[Transaction]) -> list[Receipt]:
        """Sends all with consecutive nonces before waiting for any receipt.

        Raises Reverted for the first that reverted. A transaction that depends on the effects of an earlier
        one must name its gas.
        """
        # The nonce is read under the lock each time rather than remembered: it comes in the same round trip
        # as the fees, and stays right when another process uses the account or a test restores a snapshot.
        with self._sender_lock(sender.address):
            signed = self.sign_many(sender, transactions)
            self.broadcast(signed)
        receipts = self.receipts([one.hash for one in signed])
        for transaction, receipt in zip(transactions, receipts, strict=True):
            if receipt["status"] != 1:
                raise self._failure(sender.address, transaction, receipt)
        return receipts

    def sign_many(self, sender: Sender, transactions: Sequence[Transaction]) -> list[Signed]:
        """Signs all with the account's next nonces and today's fees. Nothing is sent."""
        unknown = [t for t in transactions if t.gas is None]
        nonce, block, tip, *estimates = self.batch(
            [
                quantity("eth_getTransactionCount", sender.address, "pending"),
                block_request(),
                quantity("eth_maxPriorityFeePerGas", bits=128),
                *(
                    quantity("eth_estimateGas", _message(sender.address, t.to, t.data, t.value))
                    for t in unknown
                ),
            ]
        )
        ceiling = min(MAX_TRANSACTION_GAS, block.gas_limit)
        estimated = iter(estimates)
        fees = {"maxPriorityFeePerGas": tip, "maxFeePerGas": 2 * block.base_fee + tip}
        signed = []
        for place, transaction in enumerate(transactions, nonce):
            gas = transaction.gas
            if gas is None:
                gas = min(ceiling, int(next(estimated) * _GAS_MARGIN))
            fields: dict[str, Any] = {
                "type": 2,
                "chainId": self.chain.chain_id,
                "nonce": place,
                "gas": gas,
                "value": transaction.value,
                "data": to_hex(transaction.data),
                **fees,
            }
            if transaction.to is not None:
                fields["to"] = to_checksum_address(transaction.to)
            raw = sender.sign(fields)
            # EIP-2718: the hash of a typed transaction is that of its envelope.
            signed.append(Signed(raw, to_hex(keccak(raw)), place))
        return signed

    def broadcast(self, signed: Iterable[Signed]) -> None:
        """Sends signed transactions in their order. One that the node already has is not an error."""
        for transaction in signed:
            try:
                self.rpc("eth_sendRawTransaction", to_hex(transaction.raw))
            except RpcError:
                if self.rpc("eth_getTransactionByHash", transaction.hash) is None:
                    raise

    def receipts(self, hashes: Sequence[str]) -> list[Receipt]:
        """Receipts of all, in order, reverted ones too: JSON, but quantities as int and logs as Log.

        MetalayerError if inclusion takes too long.
        """
        found: dict[str, Receipt] = {}
        missing = list(dict.fromkeys(hashes))
        deadline = time.monotonic() + _RECEIPT_TIMEOUT
        pause = _FIRST_POLL
        while True:
            # The last one is usually mined last: asking for the others before it is there would be wasted.
            if self.rpc("eth_getTransactionReceipt", missing[-1]) is not None:
                answers = self.batch(receipt_request(hash_) for hash_ in missing)
                found.update((h, a) for h, a in zip(missing, answers, strict=True) if a is not None)
                missing = [hash_ for hash_ in missing if hash_ not in found]
                if not missing:
                    return [found[hash_] for hash_ in hashes]
            if time.monotonic() > deadline:
                late = f"was not included within {_RECEIPT_TIMEOUT:.0f} s"
                raise MetalayerError(f"{self.name}: transaction {missing[-1]} {late}")
            time.sleep(pause)
            pause = min(pause * 1.4, _SLOWEST_POLL)

    def _failure(self, sender: str, transaction: Transaction, receipt: Receipt) -> Reverted:
        what = f"transaction {receipt['transactionHash']}"
        replay = _message(sender, transaction.to, transaction.data, transaction.value)
        replay["gas"] = hex(receipt["gasUsed"] if transaction.gas is None else transaction.gas)
        try:
            self.rpc("eth_call", replay, hex(max(0, receipt["blockNumber"] - 1)))
        except Reverted as error:
            return Reverted(self.name, what, error.data, receipt)
        except RpcError:
            pass
        return Reverted(self.name, what, b"", receipt)

    def _sender_lock(self, address: str) -> threading.Lock:
        with self._lock:
            return self._sending.setdefault(address.lower(), threading.Lock())


def connect(network: Network, timeout: float = REQUEST_TIMEOUT) -> dict[str, Connection]:
    """One connection per chain of the network, by name. Nothing is requested yet."""
    return {name: Connection(chain, timeout) for name, chain in network.chains.items()}


def fault(connection: Connection, error: MetalayerError) -> str:
    """One line about what went wrong with a chain's node, with the chain's name."""
    said = str(error)
    return (
        said
        if said.startswith((f"{connection.name}:", f"{connection.name} "))
        else f"{connection.name}: {said}"
    )


def receipt_request(hash_: str) -> Request[Receipt | None]:
    """The receipt of a transaction, None while it is not mined."""
    return Request("eth_getTransactionReceipt", (hash_,), lambda receipt: _receipt(hash_, receipt))


def _receipt(hash_: str, receipt: dict[str, Any] | None) -> Receipt | None:
    if receipt is None:
        return None
    if receipt["transactionHash"].lower() != hash_.lower():
        raise ValueError("another transaction's receipt")
    parsed: Receipt = {
        key: number(value, 128) if key in _QUANTITIES and value is not None else value
        for key, value in receipt.items()
    }
    parsed |= {key: number(receipt[key]) for key in ("blockNumber", "gasUsed", "status")}
    parsed["transactionHash"] = hash_
    parsed["logs"] = [Log.read(log) for log in receipt["logs"]]
    if parsed.get("contractAddress"):
        parsed["contractAddress"] = to_checksum_address(parsed["contractAddress"])
    return parsed


def _message(sender: str, to: str | None, data: bytes, value: int) -> dict[str, Any]:
    message: dict[str, Any] = {"from": sender, "data": to_hex(data)}
    if to is not None:
        message["to"] = to
    if value:
        message["value"] = hex(value)
    return message
