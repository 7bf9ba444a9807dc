"""What anyone may do for the network, sent from one account on one chain: rehearsed, bounded, and remembered if it
failed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.rpc import Reverted, RpcError
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.relayer.gas import Means
from metalayer.relayer.memory import Kind, Memory
from metalayer.relayer.results import Kept

KEEPER_GAS = 10_000_000
"""Gas that unpaid chores may take on one chain in 24 hours: a term takes about a tenth of it."""

# An estimate runs in the latest block. What streams, and checkpoints of votes, are words that only another one writes.
_MARGIN = 120_000
# Somebody else may be sending the very same thing: what is refused for the first time is nobody's problem yet.
_SAID_AFTER = 2
_LONGEST_WAIT = 600.0


@dataclass(frozen=True)
class Chore:
    """One transaction. `what` it does, in words by which it is remembered, too: "adopt validator set 4". `pays`: gwei
    of ERA that it brings its sender, who has to pay `price` for 1,000 gas.
    """

    what: str
    to: str
    data: bytes
    pays: int = 0
    price: int = 0


Due = Callable[[], Iterable[Chore]]
"""Says what is due now: asked again when something fails."""


class _Failure(NamedTuple):
    why: str
    was_paid: bool = False


@dataclass(frozen=True)
class Runner:
    """Sends one account's chores on one chain, and keeps account in `kept`.

    most: gas that those which pay nothing may take in 24 hours, over restarts.
    """

    connection: Connection
    sender: Sender
    memory: Memory
    most: int
    kept: Kept
    say: Callable[[str], None]
    due: set[str] = field(default_factory=set)

    def run(self, due: Due) -> None:
        """What is due, one after the other. What fails waits, longer each time, and holds up nothing else; if it is not
        due any more then, somebody else was faster.
        """
        for chore in due():
            self.due.add(chore.what)
            if chore.what in self.memory.waiting(Kind.CHORE, self.connection.chain_id):
                continue
            if (failure := self._send(chore)) is None:
                continue
            if any(one.what == chore.what for one in due()):
                self._failed(chore, failure)
            else:
                self.due.discard(chore.what)

    def tidy(self) -> None:
        """When everything was looked at: what failed before and is not due any more is forgotten."""
        here = self.connection.chain_id
        gone = {one.item for one in self.memory.attempts(Kind.CHORE) if one.chain == here} - self.due
        self.memory.ended(Kind.CHORE, here, gone)

    def _send(self, chore: Chore) -> _Failure | None:
        connection, account = self.connection, self.sender.address
        connection.make_way(self.sender)
        means = Means.read(connection, account)
        try:
            gas = connection.estimate(account, chore.to, chore.data)
        except Reverted as error:
            return _Failure(error.reason)
        if chore.pays and gas * chore.price > 1_000 * chore.pays:
            return None
        if not chore.pays and (spent := self._spent) + gas > self.most:
            self.kept.problems.append(
                f"{connection.name}: for now it does not {chore.what}: that takes {gas:,} gas, and what nobody pays "
                f"for took {spent:,} in 24 hours (--keeper-gas)"
            )
            return None
        gas = min(MAX_TRANSACTION_GAS, gas * 6 // 5 + _MARGIN)
        means.check(connection, account, gas)
        try:
            (receipt,) = connection.submit(self.sender, [Transaction(chore.to, chore.data, gas)])
        except RpcError as error:
            return _Failure(str(error))
        self._account(chore, receipt, *means.wei(receipt, gas))
        return None if receipt["status"] == 1 else _Failure(f"reverted in {receipt['transactionHash']}", True)

    @property
    def _spent(self) -> int:
        here = self.connection.chain_id
        return self.memory.meter(self.sender.address, here, here).gas

    def _account(self, chore: Chore, receipt: Receipt, gas: int, wei: int) -> None:
        kept, here = self.kept, self.connection.chain_id
        kept.transactions.append(receipt["transactionHash"])
        kept.gas_used += gas
        kept.wei += wei
        is_done = receipt["status"] == 1
        if not (is_done and chore.pays):
            # No lane leads from a chain to itself: that is the meter of its chores.
            self.memory.charge(self.sender.address, here, here, gas)
        if not is_done:
            return
        kept.earned += chore.pays
        kept.done.append(chore.what)
        self.memory.ended(Kind.CHORE, here, [chore.what])
        self.say(f"{self.connection.name}: {chore.what}, {gas:,} gas, in {receipt['transactionHash']}")

    def _failed(self, chore: Chore, failure: _Failure) -> None:
        here = self.connection.chain_id
        reason = (chore.what, failure.why)
        self.memory.failed(Kind.CHORE, here, [reason], paid=failure.was_paid, longest=_LONGEST_WAIT)
        failures = {one.item: one.failures for one in self.memory.attempts(Kind.CHORE) if one.chain == here}
        if failure.was_paid or failures[chore.what] >= _SAID_AFTER:
            self.kept.problems.append(f"{self.connection.name}: cannot {chore.what}: {failure.why}")
