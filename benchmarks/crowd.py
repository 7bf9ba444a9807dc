"""Many accounts that a node signs for, and their transactions, many in a block: to set up what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.assets.tokens import APPROVE, TRANSFER
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.pool import count_request
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request

_AT_A_TIME = 500
# Blocks that hold so many transactions.
_BLOCKS = 4
_ETHER, _GAS = hex(10**18), hex(600_000)

Call = tuple[str, str, bytes]
"""Sender, recipient, data."""


class Crowd:
    """Who gets a token from a payer that the staking contract may take."""

    def __init__(self, connection: Connection, token: str, staking: str, payer: str) -> None:
        self._connection = connection
        self._token = token
        self._staking = staking
        self._payer = payer
        connection.rpc("anvil_autoImpersonateAccount", True)

    def fund(self, holders: Sequence[str], amount: int) -> None:
        """The token for each, and ether."""
        self._connection.batch(Request("anvil_setBalance", (holder, _ETHER)) for holder in holders)
        self.send((self._payer, self._token, TRANSFER.encode(holder, amount)) for holder in holders)
        self.send((holder, self._token, APPROVE.encode(self._staking, amount)) for holder in holders)

    def send(self, calls: Iterable[Call]) -> None:
        """MetalayerError if one reverts."""
        todo, connection = list(calls), self._connection
        for begin in range(0, len(todo), _AT_A_TIME):
            some = todo[begin : begin + _AT_A_TIME]
            # The node takes them at once: what it counts itself may be one count for all of one sender.
            senders = list(dict.fromkeys(sender for sender, _, _ in some))
            counts = connection.batch(count_request(sender, "latest") for sender in senders)
            nonces = dict(zip(senders, counts, strict=True))
            requests: list[Request[str]] = []
            for sender, to, data in some:
                fields = {"from": sender, "to": to, "data": to_hex(data), "gas": _GAS}
                requests.append(Request("eth_sendTransaction", (fields | {"nonce": hex(nonces[sender])},)))
                nonces[sender] += 1
            connection.rpc("evm_setAutomine", False)
            sent = connection.batch(requests)
            connection.rpc("evm_setAutomine", True)
            connection.rpc("anvil_mine", hex(_BLOCKS))
            for receipt in connection.receipts(sent):
                if receipt["status"] != 1:
                    raise MetalayerError(f"a transaction of {receipt['from']} reverted")


def account(name: str) -> str:
    """An account whose key nobody has, always the same for one name."""
    return to_checksum_address(keccak(text=name)[:20])
