"""What is sent to a chain, and who signs it."""

from dataclasses import dataclass
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount

Receipt = dict[str, Any]


class Sender(Protocol):
    """An account that signs transactions."""

    @property
    def address(self) -> str: ...

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """Raw signed transaction, from integers and 0x strings; chainId, nonce, gas and fees are set."""
        ...


@dataclass(frozen=True)
class KeySender:
    """A sender whose key is in this process: test accounts."""

    account: LocalAccount

    @property
    def address(self) -> str:
        return str(self.account.address)

    def sign(self, transaction: dict[str, Any]) -> bytes:
        return bytes(self.account.sign_transaction(transaction).raw_transaction)


@dataclass(frozen=True)
class Transaction:
    """One transaction to send. `to` None creates a contract; `gas` None estimates."""

    to: str | None
    data: bytes
    gas: int | None = None
    value: int = 0


@dataclass(frozen=True)
class Signed:
    """A transaction that is ready to be broadcast."""

    raw: bytes
    hash: str
    nonce: int
