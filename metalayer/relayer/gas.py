"""What a transaction may cost: limits from what messages were promised, and rehearsals at the price that is paid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.network.bids import Bid
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.rpc import Reverted, RpcError
from metalayer.network.transactions import Receipt
from metalayer.protocol.amounts import era
from metalayer.protocol.gas import required
from metalayer.protocol.gateway import Batch
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Request, block_request, quantity

# What a delivery takes besides its recipients' gas. Generous, since nobody pays for what is not used. For each lane up
# to five new words; for each message its hashes, its recipient's cold account, its event and the word that says that it
# failed (30,000 measured); a byte costs up to 40 (EIP-7623), and is copied, hashed or part of a signature that is
# checked.
_GAS, _GAS_PER_BATCH, _GAS_PER_MESSAGE, _GAS_PER_BYTE = 100_000, 120_000, 45_000, 64
# An ending writes up to eight words (a notice in a lane, and who is paid for it), and calls nobody but the sender.
_ENDING_GAS = 300_000


@dataclass(frozen=True)
class Means:
    """What an account can send on a chain now: the room of a transaction in gas, what it would offer for each, its
    ether, and the chain's clock. Wei, Unix seconds. `ceiling`: most wei that it ever pays for a gas.
    """

    room: int
    bid: Bid
    ceiling: int
    balance: int
    now: int

    @classmethod
    def read(cls, connection: Connection, account: str) -> "Means":
        """MetalayerError if a gas costs more than the chain's ceiling."""
        block, balance = connection.batch(
            [block_request(), quantity("eth_getBalance", account, "latest", bits=256)]
        )
        bid, ceiling = connection.offer(), connection.chain.max_gas_price
        return cls(min(MAX_TRANSACTION_GAS, block.gas_limit), bid, ceiling, balance, block.time)

    @property
    def affordable(self) -> int:
        """Gas of the largest transaction that the account can pay for."""
        return min(self.room, self.balance // self.bid.most) if self.bid.most else self.room

    def check(self, connection: Connection, account: str, gas: int) -> None:
        """MetalayerError if the account could not pay for so much gas. That is no fault of what is sent."""
        due = gas * self.bid.most
        if self.balance < due:
            raise MetalayerError(
                f"{connection.name}: {account} has {era(self.balance)} ether, and a transaction needs up to "
                f"{era(due)}: give it more"
            )

    def wei(self, receipt: Receipt, gas: int) -> tuple[int, int]:
        """Gas and wei that a transaction with this limit cost. What a lying node says is bounded by what was signed."""
        used = min(receipt["gasUsed"], gas)
        return used, used * min(receipt.get("effectiveGasPrice") or 0, self.ceiling)


@dataclass(frozen=True)
class Call:
    """A transaction to be: calldata, and its gas limit."""

    to: str
    data: bytes
    gas: int


def refused(connection: Connection, account: str, call: Call, means: Means) -> str:
    """Runs a call once as it would be sent, with its gas limit and its price: why it fails, empty if it does not.

    Code that looks at either sees no difference; code that looks at something else finds one, so that a rehearsal
    binds nobody. An estimate would run it tens of times, with other limits. Raises MetalayerError if the node answers
    nothing else either.
    """
    message = {
        "from": account,
        "to": call.to,
        "data": to_hex(call.data),
        "gas": hex(call.gas),
        **{name: hex(value) for name, value in means.bid.fields().items()},
    }
    try:
        connection.ask(Request("eth_call", (message, "latest"), from_hex))
    except Reverted as error:
        return error.reason
    except MetalayerError as error:
        # A node refuses what is too large for it in its own words, or with no JSON-RPC at all.
        if not isinstance(error, RpcError):
            connection.height()
        return str(error)
    return ""


def delivery_gas(size: int, batches: Sequence[Batch]) -> int:
    """Gas that is enough for a delivery in so many bytes whatever its recipients do: a rehearsal binds nobody."""
    limits = [message.gas_limit for batch in batches for message in batch.messages]
    return _GAS + bytes_gas(size) + sum(batch_gas(batch) for batch in batches) + kept_back(limits)


def batch_gas(batch: Batch) -> int:
    """What one batch takes of it, without its bytes."""
    return _GAS_PER_BATCH + sum(message_gas(message.gas_limit) for message in batch.messages)


def message_gas(gas_limit: int) -> int:
    """What one message takes of it, without its bytes."""
    return _GAS_PER_MESSAGE + gas_limit


def kept_back(gas_limits: Iterable[int]) -> int:
    """What must be left besides when the last of some messages is called."""
    highest = max(gas_limits, default=0)
    return required(highest) - highest


def bytes_gas(size: int) -> int:
    """What so many bytes of calldata take."""
    return _GAS_PER_BYTE * size


def ending_gas(data: bytes) -> int:
    """Gas that is enough for what calls no stranger: a notice, a claim, a restart to follow."""
    return _ENDING_GAS + bytes_gas(len(data))


def refund_gas(data: bytes, callback: int) -> int:
    """Gas of a refund whose sender is called with `callback`, copies of its message included."""
    return ending_gas(data) + required(callback)
