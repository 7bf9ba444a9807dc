"""What is sent to one chain, from its signature to its receipt."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from metalayer.errors import MetalayerError
from metalayer.network.bids import HEADER, Bid, Header
from metalayer.network.config import Chain
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.pool import SLOWEST_POLL, Keep, NotMined, Pool, count_request, nowhere
from metalayer.network.refusals import knows_no_pending_state
from metalayer.network.rpc import REQUEST_TIMEOUT, Reverted, RpcError
from metalayer.network.transactions import Receipt, Sender, Signed, Transaction
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import quantity

_GAS_MARGIN = 1.2


class _Start(NamedTuple):
    """What signing begins with: the next nonce, those of `Sending.pending`, and the latest block."""

    nonce: int
    others: list[int]
    header: Header


class Sending(Pool):
    """What is sent to one chain. Safe to share between threads."""

    def __init__(self, chain: Chain, timeout: float = REQUEST_TIMEOUT) -> None:
        super().__init__(chain, timeout)
        self._sending: dict[str, threading.Lock] = {}
        self._flying: dict[str, set[int]] = {}
        self._lock = threading.Lock()

    def offer(self) -> Bid:
        """What a transaction would offer for a gas now. MetalayerError if a gas costs more than the ceiling."""
        return self._bidder.bid(self.ask(HEADER))

    def estimate(self, sender: str, to: str | None, data: bytes, value: int = 0) -> int:
        """Gas that a transaction needs behind what is pending, without a margin. Raises Reverted."""
        return self._estimates(sender, [Transaction(to, data, None, value)])[0]

    def refuse_while_pending(self, sender: Sender) -> None:
        """MetalayerError if a transaction of the sender is not mined yet.

        What is stuck in the pool may do the very thing that is about to be sent.
        """
        if others := self.pending(sender.address):
            raise MetalayerError(_still_pending(self.chain.name, sender.address, others))

    def make_way(self, sender: Sender) -> None:
        """Waits for what an earlier process sent for the account, and takes the place of what is stuck with nothing.

        For programs that look at what is due after that. MetalayerError if it is still pending at the end.
        """
        if not (others := self.pending(sender.address)):
            return
        head = self.ask(HEADER).number
        until = time.monotonic() + 3 * self.patience.again
        while (count := self._count(sender.address)) <= others[-1]:
            if time.monotonic() > until:
                if self.ask(HEADER).number == head:
                    # Nothing is stuck but the chain.
                    raise MetalayerError(_still_pending(self.chain.name, sender.address, others))
                self.cancel(sender, [nonce for nonce in others if nonce >= count])
                return
            time.sleep(SLOWEST_POLL)

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
        receipts = self.submit(sender, transactions)
        for transaction, receipt in zip(transactions, receipts, strict=True):
            if receipt["status"] != 1:
                raise self._failure(sender.address, transaction, receipt)
        return receipts

    def submit(
        self, sender: Sender, transactions: Sequence[Transaction], keep: Keep | None = None
    ) -> list[Receipt]:
        """The same, and receipts of reverted ones, too. `keep` gets every version of each before it is sent.

        Waits for what is pending of the account from elsewhere. Raises NotMined, or NonceTaken.
        """
        if not transactions:
            return []
        keep = keep or nowhere
        flying = self._flying.setdefault(sender.address.lower(), set())
        with self._sender_lock(sender.address):
            signed = self._sign(sender, transactions, self._after_others(sender.address))
            keep(signed)
            nonces = {one.nonce for one in signed}
            flying |= nonces
            try:
                flights = [[one] for one in signed]
                self._launch(sender, flights, keep)
            except BaseException:
                flying -= nonces
                raise
        try:
            return self.settle(sender, [one for versions in flights for one in versions], keep)
        finally:
            flying -= nonces

    def sign_many(self, sender: Sender, transactions: Sequence[Transaction]) -> list[Signed]:
        """Signs all with the account's next nonces and today's fees. Nothing is sent."""
        return self._sign(sender, transactions, self._start(sender.address))

    def _sign(self, sender: Sender, transactions: Sequence[Transaction], start: _Start) -> list[Signed]:
        unknown = [transaction for transaction in transactions if transaction.gas is None]
        bid, header = self._bidder.bid(start.header), start.header
        estimated = iter(self._estimates(sender.address, unknown))
        signed = []
        for place, transaction in enumerate(transactions, start.nonce):
            gas = transaction.gas
            if gas is None:
                gas = min(MAX_TRANSACTION_GAS, header.gas_limit, int(next(estimated) * _GAS_MARGIN))
            fields = self._fields(place, transaction.to, gas) | bid.fields()
            fields |= {"value": transaction.value, "data": to_hex(transaction.data)}
            signed.append(Signed.by(sender, fields))
        return signed

    def _estimates(self, sender: str, transactions: Sequence[Transaction]) -> list[int]:
        def at(tag: str) -> list[int]:
            return self.batch(
                quantity("eth_estimateGas", _message(sender, one.to, one.data, one.value), tag)
                for one in transactions
            )

        try:
            return at("pending")
        except Reverted:
            raise
        except RpcError as error:
            if knows_no_pending_state(error):
                return at("latest")
            raise

    def _start(self, address: str) -> _Start:
        # Read each time rather than remembered: it stays right when another process uses the account or a test restores
        # a snapshot. What this process has sent may not have reached the node that answers.
        counts = [count_request(address, tag) for tag in ("latest", "pending")]
        latest, pending, header = self.batch([*counts, HEADER])
        flying = tuple(self._flying.get(address.lower(), ()))
        others = [nonce for nonce in range(latest, pending) if nonce not in flying]
        return _Start(max([pending, *(nonce + 1 for nonce in flying)]), others, header)

    def _after_others(self, address: str) -> _Start:
        """When what is pending of the account from elsewhere is mined. NotMined if it is not in time."""
        start = self._start(address)
        if not start.others:
            return start
        until = time.monotonic() + self.patience.most
        while self._count(address) <= start.others[-1]:
            if time.monotonic() > until:
                raise NotMined(_still_pending(self.chain.name, address, start.others))
            time.sleep(SLOWEST_POLL)
        return self._start(address)

    def pending(self, address: str) -> list[int]:
        """Nonces of what the node has of an account and no block: not what this process sent and waits for."""
        return self._start(address).others

    def _failure(self, sender: str, transaction: Transaction, receipt: Receipt) -> Reverted:
        what = f"transaction {receipt['transactionHash']}"
        replay = _message(sender, transaction.to, transaction.data, transaction.value)
        replay["gas"] = hex(receipt["gasUsed"] if transaction.gas is None else transaction.gas)
        try:
            self.rpc("eth_call", replay, hex(max(0, receipt["blockNumber"] - 1)))
        except Reverted as error:
            return Reverted(self.chain.name, what, error.data, receipt)
        except MetalayerError:
            pass
        return Reverted(self.chain.name, what, b"", receipt)

    def _sender_lock(self, address: str) -> threading.Lock:
        with self._lock:
            return self._sending.setdefault(address.lower(), threading.Lock())


def _still_pending(chain: str, address: str, nonces: Sequence[int]) -> str:
    many = f"{len(nonces)} transactions" if len(nonces) > 1 else "a transaction"
    verb = "are" if len(nonces) > 1 else "is"
    return (
        f"{chain}: {many} of {address} {verb} still pending, from nonce {nonces[0]}: wait, and look at what was done; "
        f"`ape metalayer pending` shows and cancels what is stuck"
    )


def _message(sender: str, to: str | None, data: bytes, value: int) -> dict[str, Any]:
    message: dict[str, Any] = {"from": sender, "data": to_hex(data)}
    if to is not None:
        message["to"] = to
    if value:
        message["value"] = hex(value)
    return message
