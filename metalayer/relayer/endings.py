"""What returns, refunds and claims share: steps that are due, and cursors over a chain's logs.

What is due is never remembered between processes: every step starts from what the chains say, so that a relayer that
was killed goes on where it stopped, and two that race harm nobody. Only what failed is, so that it waits.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.network.rpc import RpcError
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol.abi import Event
from metalayer.protocol.rpc import Request, block_request, block_tag
from metalayer.relayer.gas import Call, Means, refused
from metalayer.relayer.memory import LONGEST_WAIT, Kind, Memory
from metalayer.relayer.purse import Purse
from metalayer.relayer.results import Sendings, Settled, claims_paid

MOST_STEPS = 100
"""Most steps of one kind on one chain at a time."""

# A node may answer for logs from one that does not have the newest blocks: they are asked for again.
_OVERLAP = 64
# What was not due may become so: seconds until it is tried again, at most.
_LONGEST_DOUBT = 600.0

Item = TypeVar("Item")


@dataclass(frozen=True)
class Step:
    """One transaction to send, at most how much gas it takes, and what it is remembered and counted as.

    `lane`: chain id of the other end. `doubtful`: the gateway may know that it is not due, and refuses it then.
    `metered`: it may be for nothing, and counts as what the lane from there costs (see `Limits`).
    """

    kind: Kind
    item: str
    lane: int
    data: bytes
    gas: int
    what: str
    doubtful: bool = False
    metered: bool = False

    def gas_on(self, means: Means) -> int:
        """Its limit on a chain, whose transactions may have less room than it could take."""
        return min(self.gas, means.room)


@dataclass
class Cursor:
    """How far one chain's logs were read, and which of the messages that they name are still open, with their lane's
    other end.

    `context` is what else the reading depended on: if it or the block is another now, everything is read again.
    """

    block: int = -1
    hash: str = ""
    context: tuple[int, ...] = ()
    open: dict[bytes, int] = field(default_factory=dict)
    _recent: dict[bytes, int] = field(default_factory=dict)

    def advance(
        self,
        connection: Connection,
        gateway: str,
        event: Event[Any],
        named: Callable[[Any], tuple[bytes, int]],
        context: tuple[int, ...] = (),
    ) -> None:
        """Reads the chain's new logs of an event. `named`: the id and the other end that one of them names."""
        latest, before = connection.batch([block_request(), _hash_request(max(0, self.block))])
        if context != self.context or before != self.hash:
            self.block, self.context, self.open, self._recent = -1, context, {}, {}
        if self.block < latest.number:
            first = max(0, self.block + 1 - _OVERLAP)
            for value, log in connection.ask(event.logs(gateway, first=first, last=latest.number)):
                id_, other = named(value)
                if id_ not in self._recent:
                    self.open[id_] = other
                self._recent[id_] = log.block
        oldest = latest.number + 1 - _OVERLAP
        self._recent = {id_: block for id_, block in self._recent.items() if block >= oldest}
        self.block, self.hash = latest.number, latest.hash

    def is_recent(self, id_: bytes) -> bool:
        """True if its log is of the newest blocks, which not every backend of a node may have."""
        return id_ in self._recent


def fair(items: Iterable[tuple[int, Item]], most: int) -> list[Item]:
    """At most so many items, in turn from each lane: the many of one leave room for the few of another."""
    turns: Counter[int] = Counter()
    ranked = []
    for lane, item in items:
        ranked.append((turns[lane], item))
        turns[lane] += 1
    ranked.sort(key=lambda one: one[0])
    return [item for _, item in ranked[:most]]


def _hash_request(block: int) -> Request[str | None]:
    """Hash of a block, None if it is not there any more."""
    return Request(
        "eth_getBlockByNumber",
        (block_tag(block), False),
        lambda found: None if found is None else str(found["hash"]),
    )


@dataclass(frozen=True)
class Desk:
    """Where one account's steps on one chain are sent, to one contract, and what came of them."""

    connection: Connection
    address: str
    sender: Sender
    memory: Memory
    result: Sendings

    def begin(self, steps: Sequence[Step]) -> None:
        """Before these are sent."""

    def count(self, step: Step, receipt: Receipt) -> None:
        """After one of them succeeded."""

    def send(self, steps: Sequence[Step]) -> bool:
        """Rehearses each step that does not wait, and sends those that succeed, one after the other.

        What fails waits longer each time, and holds up no other step. True if some succeeded, and there may be more.
        """
        is_full = len(steps) >= MOST_STEPS
        steps = self._due(steps)
        if not steps:
            return False
        connection, account = self.connection, self.sender.address
        connection.make_way(self.sender)
        means = Means.read(connection, account)
        ready: list[Step] = []
        promised = 0
        for step in steps:
            gas = step.gas_on(means)
            try:
                means.check(connection, account, promised + gas)
            except MetalayerError as error:
                # It is not the step's fault, and nothing of that is remembered.
                self.result.problems.append(str(error))
                break
            refusal = refused(connection, account, Call(self.address, step.data, gas), means)
            if not refusal:
                ready.append(step)
                promised += gas
            else:
                self._put_off(step, refusal)
        return self._send(ready, means) and is_full

    def _due(self, steps: Sequence[Step]) -> list[Step]:
        waiting = {
            kind: self.memory.waiting(kind, self.connection.chain_id)
            for kind in {step.kind for step in steps}
        }
        due = [(step.lane, step) for step in steps if step.item not in waiting[step.kind]]
        return fair(due, MOST_STEPS)

    def _send(self, ready: Sequence[Step], means: Means) -> bool:
        """True if one of them succeeded."""
        if not ready:
            return False
        connection, result = self.connection, self.result
        self.begin(ready)
        transactions = [Transaction(self.address, step.data, step.gas_on(means)) for step in ready]
        try:
            receipts = connection.submit(self.sender, transactions)
        except RpcError as error:
            if len(ready) > 1:
                # The node does not take one of them, and has those before it.
                return sum(self._send_alone(step) for step in ready) > 0
            self._put_off(ready[0], str(error))
            return False
        done = []
        for step, receipt in zip(ready, receipts, strict=True):
            gas, wei = means.wei(receipt, step.gas_on(means))
            result.transactions.append(receipt["transactionHash"])
            result.gas_used += gas
            result.wei += wei
            if step.metered:
                self.memory.charge(self.sender.address, step.lane, connection.chain_id, gas)
            if receipt["status"] != 1:
                self._put_off(step, f"reverted in {receipt['transactionHash']}", paid=True)
                continue
            self.count(step, receipt)
            done.append(step)
        for step in done:
            self.memory.ended(step.kind, connection.chain_id, [step.item])
        return bool(done)

    def _send_alone(self, step: Step) -> bool:
        connection, account = self.connection, self.sender.address
        connection.make_way(self.sender)
        means = Means.read(connection, account)
        refusal = refused(connection, account, Call(self.address, step.data, step.gas_on(means)), means)
        if refusal:
            self._put_off(step, refusal)
            return False
        return self._send([step], means)

    def _put_off(self, step: Step, why: str, *, paid: bool = False) -> None:
        longest = _LONGEST_DOUBT if step.doubtful else LONGEST_WAIT
        here = self.connection.chain_id
        self.memory.failed(step.kind, here, [(step.item, why)], paid=paid, longest=longest)
        if step.doubtful and not paid:
            return
        self.result.put_off.append(fault(self.connection, MetalayerError(f"{step.what}: {why}")))


@dataclass(frozen=True)
class Settling(Desk):
    """The desk of what is settled with a gateway."""

    result: Settled
    purse: Purse

    def begin(self, steps: Sequence[Step]) -> None:
        self.purse.look()

    def count(self, step: Step, receipt: Receipt) -> None:
        result = self.result
        own = [log for log in receipt["logs"] if log.address == self.address.lower()]
        result.claims_paid += claims_paid(own, self.sender.address)
        setattr(result, _COUNTS[step.kind], getattr(result, _COUNTS[step.kind]) + 1)


_COUNTS = {
    Kind.RETURN: "returned",
    Kind.REFUND: "refunded",
    Kind.RECORD: "recorded",
    Kind.CLAIM: "claimed",
    Kind.NOTICE: "noticed",
    Kind.ASIDE: "taken_in",
    Kind.WAITING: "passed",
}
