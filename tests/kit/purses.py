"""Money in contracts that hold it for their users."""

from __future__ import annotations

from tests.kit.evm import Contract
from tests.kit.world import ENDLESS


def put_in(purse: Contract, token: Contract, amount: int, *accounts: str) -> None:
    """Into each account's funds, from its own balance."""
    for account in accounts:
        token.send("approve", purse.address, ENDLESS, sender=account)
        purse.send("deposit", token.address, amount, sender=account)
