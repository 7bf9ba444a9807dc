"""Gas of whole transactions on one chain, as every figure in benchmarks/ is taken.

One transaction per block, blocks 12 s apart: accumulators look cheaper when blocks share a second.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from benchmarks.crowd import account
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Log

RUNS = 20
BLOCK_SECONDS = 12

Report = Callable[[str], None]


class Meter:
    """Sends transactions from an unlocked account and reads their gas from the receipts.

    The chain must mine a block per transaction. `report` is told what is measured next. `sender` is the node's first
    account by default; figures are medians of `runs`.
    """

    def __init__(
        self, connection: Connection, report: Report, sender: str | None = None, runs: int = RUNS
    ) -> None:
        self.connection = connection
        self.sender = sender or to_checksum_address(connection.rpc("eth_accounts")[0])
        self.runs = runs
        self._report = report
        connection.rpc("anvil_setBlockTimestampInterval", BLOCK_SECONDS)

    @property
    def now(self) -> int:
        """Of the newest block (Unix time)."""
        return self.connection.block().time

    def reach(self, time: int) -> None:
        """Mines a block at that time (Unix time)."""
        self.connection.rpc("evm_setNextBlockTimestamp", hex(time))
        self.connection.rpc("evm_mine")

    def wait(self, seconds: int) -> None:
        """Mines a block that many seconds later."""
        self.reach(self.now + seconds)

    def account(self, name: str) -> str:
        """An account that has ether and nothing else, for which the node signs. Always the same for one name."""
        address = account(name)
        self.connection.rpc("anvil_impersonateAccount", address)
        self.connection.rpc("anvil_setBalance", address, hex(10**20))
        return address

    def transact(self, to: str, data: bytes, value: int = 0, sender: str | None = None) -> dict[str, Any]:
        """Raw receipt of one transaction. Raises Reverted, with the reason where the node still knows it."""
        fields = {"from": sender or self.sender, "to": to, "data": to_hex(data), "value": hex(value)}
        return self._receipt(fields)

    def deploy(self, creation: bytes, types: Sequence[str] = (), values: Sequence[Any] = ()) -> str:
        """Checksummed address of a new contract; `types` and `values` are its constructor's arguments."""
        receipt = self._receipt({"data": to_hex(creation + encode(types, values))})
        return to_checksum_address(receipt["contractAddress"])

    def medians(self, what: str, once: Callable[[], Mapping[str, int]]) -> dict[str, int]:
        """Median gas by name over `runs` calls of `once`, after as many to warm up."""
        self._report(what)
        for _ in range(self.runs):
            once()
        measured = [once() for _ in range(self.runs)]
        return {name: math.ceil(statistics.median(run[name] for run in measured)) for name in measured[0]}

    def _receipt(self, fields: Mapping[str, str]) -> dict[str, Any]:
        transaction = {"from": self.sender, "gas": hex(MAX_TRANSACTION_GAS), **fields}
        receipt: dict[str, Any] = self.connection.rpc("eth_sendTransactionSync", transaction)
        if receipt["status"] != "0x1":
            self.connection.rpc("eth_call", transaction, "latest")
            raise MetalayerError(f"{self.connection.name}: {receipt['transactionHash']} reverted")
        receipt["logs"] = [Log.read(log) for log in receipt["logs"]]
        return receipt


def gas_used(receipt: Mapping[str, Any]) -> int:
    """Gas of the whole transaction, from its raw receipt."""
    return int(receipt["gasUsed"], 16)
