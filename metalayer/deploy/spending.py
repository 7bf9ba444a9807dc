"""What a deployment costs: who pays how much on which chain, and has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metalayer.deploy.declaration import Step
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.protocol.amounts import ether
from metalayer.protocol.rpc import block_request, quantity

# What is used, and what the nested calls hold back at their depth (EIP-150), with room to spare.
_GAS_MARGIN = 1.25


def gas_limit(used: int) -> int:
    """Of a transaction that was rehearsed to use so much gas."""
    return min(MAX_TRANSACTION_GAS, int(used * _GAS_MARGIN))


@dataclass(frozen=True)
class Spending:
    """What one account sends on one chain. Wei for each gas: `price` is paid now, `offered` at most, `ceiling` however
    long it waits. `is_here`: its key is.
    """

    chain: str
    account: str
    count: int
    gas: int
    limit: int
    price: int
    offered: int
    ceiling: int
    balance: int
    is_here: bool

    @property
    def cost(self) -> int:
        """Wei, as prices are now."""
        return self.gas * self.price

    @property
    def needed(self) -> int:
        """Wei that nodes want to see before they take all of it: gas limits at what is offered, which is twice the base
        fee of now and the tip.
        """
        return self.limit * self.offered

    @property
    def at_ceiling(self) -> int:
        """Wei at the highest price that is ever offered."""
        return self.gas * self.ceiling

    @property
    def problem(self) -> str:
        """Empty if the balance is enough."""
        if self.balance >= self.needed:
            return ""
        return (
            f"{self.chain}: {self.account} has {ether(self.balance)} ether, expected at least "
            f"{ether(self.needed, up=True)} for {self.count} transactions of {self.limit:,} gas at most"
        )

    def as_dict(self) -> dict[str, Any]:
        """For --json. Wei as text: no number of JSON is as large everywhere."""
        return {
            "account": self.account,
            "transactions": self.count,
            "gas": self.gas,
            "cost": str(self.cost),
            "needed": str(self.needed),
            "atCeiling": str(self.at_ceiling),
            "balance": str(self.balance),
            "keyIsHere": self.is_here,
        }


def spending_of(
    connection: Connection, steps: Sequence[Step], gas: Mapping[str, int], is_here: Callable[[str], bool]
) -> list[Spending]:
    """By account, in the order of sending, of steps that were rehearsed. MetalayerError if a gas costs more than the
    chain's ceiling.
    """
    senders = list(dict.fromkeys(step.sender for step in steps))
    if not senders:
        return []
    balances = (quantity("eth_getBalance", sender, "latest", bits=256) for sender in senders)
    block, *held = connection.batch([block_request(), *balances])
    offer = connection.offer()
    price = offer.most if offer.tip is None else min(offer.most, block.base_fee + offer.tip)
    found = []
    for sender, balance in zip(senders, held, strict=True):
        used = [gas[step.name] for step in steps if step.sender == sender]
        found.append(
            Spending(
                chain=connection.name,
                account=sender,
                count=len(used),
                gas=sum(used),
                limit=sum(map(gas_limit, used)),
                price=price,
                offered=offer.most,
                ceiling=connection.chain.max_gas_price,
                balance=balance,
                is_here=is_here(sender),
            )
        )
    return found
