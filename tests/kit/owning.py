"""Acting as an owner, which is a timelock: as if a vote had decided it."""

from __future__ import annotations

from metalayer.network.connection import Connection
from metalayer.network.transactions import Receipt, receipt_request
from metalayer.protocol.hex import to_hex

GAS = 5_000_000
BALANCE = 10**20


def possess(connection: Connection, account: str) -> None:
    """From now on the node signs for an account that nobody has the key of, and it can pay for gas."""
    connection.rpc("anvil_impersonateAccount", account)
    connection.rpc("anvil_setBalance", account, hex(BALANCE))


def act_as(connection: Connection, account: str, to: str, data: bytes) -> Receipt:
    """The receipt of a transaction of such an account. AssertionError if it reverts."""
    possess(connection, account)
    transaction = {"from": account, "to": to, "data": to_hex(data), "gas": hex(GAS)}
    sent = connection.rpc("eth_sendTransactionSync", transaction)
    assert sent["status"] == "0x1", f"{connection.name}: a transaction of {account} to {to} reverted"
    receipt = connection.ask(receipt_request(sent["transactionHash"]))
    assert receipt is not None
    return receipt
