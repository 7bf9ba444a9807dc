"""Calls that bring ether along."""

from __future__ import annotations

from typing import Any

from tests.kit.chains import BoundChain
from tests.kit.evm import MAX_TRANSACTION_GAS, Contract, Receipt, Revert, call


def balance(chain: BoundChain, account: str) -> int:
    """Ether of an account, in wei."""
    return int(chain.rpc("eth_getBalance", [account, "latest"]), 16)


def _data(contract: Contract, called: tuple[Any, ...]) -> bytes:
    if not called:
        return b""
    method, *arguments = called
    return method if isinstance(method, bytes) else contract.encode(method, *arguments)


def pay(contract: Contract, value: int, sender: str, *called: Any) -> Receipt:
    """Sends ether to a contract, with a call of it (a method and its arguments, or bytes) or none."""
    receipt = try_to_pay(contract, value, sender, *called)
    assert receipt.succeeded, f"{contract} did not take the ether"
    return receipt


def try_to_pay(contract: Contract, value: int, sender: str, *called: Any) -> Receipt:
    """The same, whether it is taken or not."""
    transaction = {"from": sender, "to": contract.address, "value": hex(value)}
    transaction |= {"data": "0x" + _data(contract, called).hex(), "gas": hex(MAX_TRANSACTION_GAS)}
    return Receipt(contract.chain.rpc("eth_sendTransactionSync", [transaction]))


def refusal_of(contract: Contract, value: int, sender: str, *called: Any) -> Revert:
    """What it says when it refuses the ether, or the call. AssertionError if it does not."""
    result = call(contract.chain, contract.address, _data(contract, called), sender=sender, value=value)
    assert isinstance(result, Revert), f"{contract} did not refuse the ether"
    return result
