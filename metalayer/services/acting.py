"""Transactions on a fork, of accounts that nobody has the key of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.assets.tokens import BALANCE_OF
from metalayer.deploy.artifacts import load_layout
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.transactions import Receipt, receipt_request
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.reverts import explain
from metalayer.services.forks import fund

GET_VOTES = Function("getVotes(address)", "uint256", int)
_KEY_BITS = 48


@dataclass(frozen=True)
class Frame:
    """One call of a transaction, and what it called. `error` is empty if it did not fail."""

    sender: str
    to: str
    data: bytes
    gas: int
    error: str
    returned: bytes
    kind: str
    calls: tuple[Frame, ...]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Frame:
        return cls(
            to_checksum_address(said["from"]),
            to_checksum_address(said.get("to") or "0x" + "00" * 20),
            from_hex(said.get("input", "0x")),
            int(said.get("gasUsed", "0x0"), 16),
            said.get("error", ""),
            from_hex(said.get("output") or "0x"),
            said.get("type", "CALL"),
            tuple(map(cls.of, said.get("calls", ()))),
        )

    @property
    def reason(self) -> str:
        """Why it failed, in words."""
        return explain(self.returned) if self.returned else self.error or "it failed without a reason"

    def below(self) -> Iterator[Frame]:
        """It and all that it called, in their order."""
        yield self
        for call in self.calls:
            yield from call.below()

    def calls_of(self, account: str) -> list[Frame]:
        """What an account called itself, in their order."""
        return [one for one in self.below() if one.sender == account and one.kind == "CALL"]


@dataclass(frozen=True)
class Acted:
    """A transaction that was mined."""

    connection: Connection
    receipt: Receipt

    @property
    def hash(self) -> str:
        return str(self.receipt["transactionHash"])

    @property
    def gas(self) -> int:
        return int(self.receipt["gasUsed"])

    @property
    def succeeded(self) -> bool:
        return int(self.receipt["status"]) == 1

    def frame(self) -> Frame:
        return frame_of(self.connection, self.hash)


def frame_of(connection: Connection, transaction: str) -> Frame:
    """All calls of a transaction."""
    return Frame.of(connection.rpc("debug_traceTransaction", transaction, {"tracer": "callTracer"}))


def act(
    connection: Connection, sender: str, to: str, data: bytes, value: int = 0, at: int | None = None
) -> Acted:
    """A transaction of any account, which gets the ether that it takes; it may fail. at: Unix time of its block."""
    fund(connection, sender, value)
    if at is not None:
        connection.rpc("evm_setNextBlockTimestamp", hex(at))
    transaction = {
        "from": sender,
        "to": to,
        "data": to_hex(data),
        "gas": hex(MAX_TRANSACTION_GAS),
        "value": hex(value),
    }
    sent = connection.rpc("eth_sendTransactionSync", transaction)
    receipt = connection.ask(receipt_request(sent["transactionHash"]))
    if receipt is None:
        raise MetalayerError(f"{connection.name}: its fork does not mine")
    return Acted(connection, receipt)


def must(connection: Connection, sender: str, to: str, data: bytes, what: str) -> Acted:
    """The same of what has to succeed. MetalayerError that begins with `what` if it does not."""
    done = act(connection, sender, to, data)
    if not done.succeeded:
        raise MetalayerError(f"{connection.name}: {what}: {done.frame().reason}")
    return done


def grant(connection: Connection, era: str, account: str, amount: int) -> None:
    """Gives an account that much ERA (wei), by one word of the token's storage, which is read back. No supply grows."""
    place = keccak(encode(["address", "uint256"], [account, load_layout("ERA").slot("_balances")]))
    connection.rpc("anvil_setStorageAt", era, to_hex(place), f"0x{amount:064x}")
    if connection.view(era, BALANCE_OF, account) != amount:
        raise MetalayerError(f"{connection.name}: where ERA keeps balances is not known")


def grant_votes(connection: Connection, era: str, account: str, votes: int, since: int) -> None:
    """Gives an account that many votes (wei of ERA) from a moment on, by two words of the token's storage, which are
    read back.
    """
    layout = load_layout("ERA")
    trace = keccak(encode(["address", "uint256"], [account, layout.slot("_delegateCheckpoints")]))
    count = int(connection.rpc("eth_getStorageAt", era, to_hex(trace), "latest"), 16)
    place = int.from_bytes(keccak(trace), "big") + max(0, count - 1)
    key = since
    if count:
        key = int(connection.rpc("eth_getStorageAt", era, hex(place), "latest"), 16) % (1 << _KEY_BITS)
    word = votes << _KEY_BITS | key
    connection.rpc("anvil_setStorageAt", era, to_hex(trace), f"0x{max(1, count):064x}")
    connection.rpc("anvil_setStorageAt", era, f"0x{place:064x}", f"0x{word:064x}")
    if connection.view(era, GET_VOTES, account) != votes:
        raise MetalayerError(f"{connection.name}: where ERA keeps votes is not known")


def permit(connection: Connection, governor: str, data: bytes) -> None:
    """Lets the timelock call the governor itself: it takes what its own execution put into a queue (OpenZeppelin's
    `onlyGovernance`), and nothing else.
    """
    queue = load_layout("EraGovernor").slot("_governanceCall")
    first = keccak(encode(["uint256", "uint256"], [0, queue + 1]))
    connection.rpc("anvil_setStorageAt", governor, hex(queue), f"0x{1 << 128:064x}")
    connection.rpc("anvil_setStorageAt", governor, to_hex(first), to_hex(keccak(data)))
