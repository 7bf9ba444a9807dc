"""What is sent to a chain, who signs it, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import rlp
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Log, Request, number

Receipt = dict[str, Any]

_QUANTITIES = (
    "blockNumber",
    "gasUsed",
    "status",
    "transactionIndex",
    "effectiveGasPrice",
    "cumulativeGasUsed",
    "type",
)
_LEGACY = ("nonce", "gasPrice", "gas", "to", "value", "data")
# EIP-2718: what begins a transaction without a type is an RLP list.
_FIRST_LIST = 0xC0
# EIP-155: v is 35 or 36 more than twice the chain id.
_V_OFFSET = 35


class Sender(Protocol):
    """An account that signs transactions. Safe to share between threads."""

    @property
    def address(self) -> str: ...

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """Raw signed transaction, from integers and 0x strings; chainId, nonce, gas and fees are set."""
        ...


@dataclass(frozen=True)
class KeySender:
    """A sender whose key is in this process."""

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

    @classmethod
    def by(cls, sender: Sender, fields: dict[str, Any]) -> Signed:
        """Signs a transaction with these fields, its nonce among them."""
        raw = sender.sign(fields)
        # EIP-2718: the hash of a typed transaction is that of its envelope.
        return cls(raw, to_hex(keccak(raw)), fields["nonce"])

    def fields(self) -> dict[str, Any]:
        """What was signed, as `Sender.sign` takes it."""
        if self.raw[0] >= _FIRST_LIST:
            return _legacy_fields(self.raw)
        parsed = TypedTransaction.from_bytes(HexBytes(self.raw)).as_dict()
        fields = {name: value for name, value in parsed.items() if name not in ("v", "r", "s", "accessList")}
        return _readable(fields)


def receipt_request(hash_: str) -> Request[Receipt | None]:
    """The receipt of a transaction, None while it is not mined: JSON, but quantities as int and logs as Log."""
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


def _legacy_fields(raw: bytes) -> dict[str, Any]:
    *values, v, _, _ = rlp.decode(raw)
    fields: dict[str, Any] = {
        name: value if name in ("to", "data") else int.from_bytes(value, "big")
        for name, value in zip(_LEGACY, values, strict=True)
    }
    return _readable(fields | {"chainId": (int.from_bytes(v, "big") - _V_OFFSET) // 2})


def _readable(fields: dict[str, Any]) -> dict[str, Any]:
    readable = fields | {"data": to_hex(fields["data"])}
    to = readable.pop("to")
    return readable | {"to": to_checksum_address(to)} if to else readable
