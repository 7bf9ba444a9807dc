"""The hub's DecisionOutbox behind a real gateway, with a timelock in our hands."""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.kit.decisions import Decision
from tests.kit.evm import Contract, Receipt
from tests.kit.stack import Stack

SALT = keccak(text="Decisions")
GAS_LIMIT = 400_000
CREDIT = 10**20
ACCOUNT = to_checksum_address("0x00000000000000000000000000000000000face7")
CODE = keccak(text="its code")


@dataclass(frozen=True)
class Hub:
    """The outbox, and the timelock that decides: impersonated, so that we may send as it."""

    stack: Stack
    outbox: Contract
    timelock: Contract
    destination: int
    """Arcade's chain id."""

    @property
    def gateway(self) -> Contract:
        return self.stack.gateway

    @property
    def credit(self) -> int:
        """Of the outbox, in wei of ERA."""
        return int(self.gateway.view("credit", self.outbox.address))

    def decide(
        self,
        decision: Decision,
        destination: int | None = None,
        gas_limit: int = GAS_LIMIT,
        at: int | None = None,
    ) -> Receipt:
        arguments = (destination or self.destination, decision.fields, gas_limit)
        return self.outbox.send("decide", *arguments, sender=self.timelock.address, at=at)

    def arguments(self, decision: Decision, gas_limit: int = GAS_LIMIT) -> tuple[object, ...]:
        """Of `send` and `quote`."""
        return self.destination, decision.fields, gas_limit


def fund(stack: Stack, account: str, treasury: str, amount: int = CREDIT) -> None:
    """Credit in a gateway."""
    stack.era.send("approve", stack.gateway.address, amount, sender=treasury)
    stack.gateway.send("depositFor", account, amount, sender=treasury)


def as_owner(stack: Stack, method: str, *arguments: object) -> None:
    """Whoever owns the gateway calls it."""
    owner = stack.gateway.view("owner")
    stack.chain.rpc("anvil_impersonateAccount", [owner])
    stack.chain.rpc("anvil_setBalance", [owner, hex(10**20)])
    stack.gateway.send(method, *arguments, sender=owner)
