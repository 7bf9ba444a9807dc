"""What returns, refunds and claims share: steps that are due, and cursors over a chain's logs.

Nothing here is remembered between processes: every step starts from what the chains say, so that a relayer that was
killed goes on where it stopped, and two that race harm nobody.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol.abi import Event
from metalayer.protocol.rpc import Request, block_request, block_tag
from metalayer.relayer.results import Settled

# What an estimate says, and what may be dearer in the block that takes the transaction.
_GAS_MARGIN = 1.25


@dataclass(frozen=True)
class Step:
    """One transaction to send, and what it counts as in `Settled`. `doubtful`: the gateway may know that it is not due,
    and refuses it then.
    """

    data: bytes
    kind: str
    what: str
    doubtful: bool = False


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
            self.block, self.context, self.open = -1, context, {}
        if self.block < latest.number:
            logged = connection.ask(event.logs(gateway, first=self.block + 1, last=latest.number))
            self.open |= dict(named(value) for value, _ in logged)
        self.block, self.hash = latest.number, latest.hash


@contextmanager
def apart(other: Connection, problems: list[str]) -> Iterator[None]:
    """What goes wrong with the other end of one lane becomes a problem, and holds up no other lane."""
    try:
        yield
    except MetalayerError as error:
        problems.append(fault(other, error))


def _hash_request(block: int) -> Request[str | None]:
    """Hash of a block, None if it is not there any more."""
    return Request(
        "eth_getBlockByNumber",
        (block_tag(block), False),
        lambda found: None if found is None else str(found["hash"]),
    )


def send(
    connection: Connection, sender: Sender, gateway: str, steps: Sequence[Step], result: Settled
) -> None:
    """Rehearses each step, and sends those that succeed, one after the other."""
    ready: list[tuple[Step, int]] = []
    for step in steps:
        try:
            gas = connection.estimate(sender.address, gateway, step.data)
        except Reverted as error:
            # Another relayer was there first, or the sender refuses what comes back: later passes try again.
            if not step.doubtful:
                result.problems.append(f"{connection.name}: {step.what}: {error.reason}")
            continue
        ready.append((step, int(gas * _GAS_MARGIN)))
    if not ready:
        return
    receipts = connection.submit(sender, [Transaction(gateway, step.data, gas) for step, gas in ready])
    for (step, _), receipt in zip(ready, receipts, strict=True):
        result.transactions.append(receipt["transactionHash"])
        result.gas_used += receipt["gasUsed"]
        if receipt["status"] != 1:
            result.problems.append(f"{connection.name}: {step.what} reverted ({receipt['transactionHash']})")
            continue
        setattr(result, step.kind, getattr(result, step.kind) + 1)
