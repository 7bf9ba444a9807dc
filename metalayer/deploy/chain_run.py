"""The deployment to one chain: what is missing there is sent, kind by kind, and is there at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contradictions import refuse_contradictions
from metalayer.deploy.declaration import Step
from metalayer.deploy.desired import Desired
from metalayer.deploy.flights import Flights
from metalayer.deploy.inspection import ChainState, inspect
from metalayer.deploy.journal import Journal
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.plan import rehearse, steps_of
from metalayer.deploy.provenance import commit
from metalayer.deploy.spending import gas_limit
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol.amounts import ether
from metalayer.protocol.rpc import block_request, quantity

Report = Callable[[str, str, int], None]
"""Called with the chain, what was just done, and how many transactions of the chain are left."""


class ChainRun:
    """The deployment to one chain."""

    def __init__(
        self,
        connection: Connection,
        desired: Desired,
        artifacts: Mapping[str, Artifact],
        journal: Journal,
        keys: Keyring,
    ) -> None:
        self.connection = connection
        self.desired = desired
        self.artifacts = artifacts
        self.keys = keys
        self.flights = Flights(connection, journal, keys.sender_of, commit())

    @property
    def chain(self) -> str:
        return self.desired.chain.name

    def apply(self, report: Report) -> ChainState:
        """The chain's state when everything is done that can be."""
        state, missing = self._missing()
        gas = rehearse(self.connection, missing).gas
        report(self.chain, "compared", len(missing))
        left = len(missing)
        for _, group in groupby(missing, key=lambda step: (step.kind, step.sender)):
            steps = list(group)
            self._send(steps, gas)
            left -= len(steps)
            report(self.chain, ", ".join(step.name for step in steps), left)
        if missing:
            state, missing = self._missing()
            if missing:
                raise MetalayerError(
                    f"{self.chain}: {missing[0].name} was sent but has no effect: was the chain reorganised? "
                    "Run `ape metalayer deploy apply` again"
                )
        report(self.chain, "done", 0)
        return state

    def _missing(self) -> tuple[ChainState, list[Step]]:
        state = inspect(self.connection, self.desired, self.artifacts)
        refuse_contradictions(self.desired, state)
        steps = steps_of(self.desired, state, self.artifacts, self.keys)
        return state, [step for step in steps if step.is_missing]

    def _send(self, steps: list[Step], gas: Mapping[str, int]) -> None:
        sender = self.keys.sender_of(steps[0].sender)
        transactions = [Transaction(step.to, step.data, gas_limit(gas[step.name])) for step in steps]
        self._check_balance(sender, transactions)
        receipts = self.flights.send(sender, steps, transactions)
        for step, receipt in zip(steps, receipts, strict=True):
            if receipt["status"] != 1:
                raise MetalayerError(
                    f"{self.chain}: {step.name} reverted (transaction {receipt['transactionHash']})"
                )

    def _check_balance(self, sender: Sender, transactions: Iterable[Transaction]) -> None:
        balance, block = self.connection.batch(
            [quantity("eth_getBalance", sender.address, "pending", bits=256), block_request()]
        )
        gas = sum(transaction.gas or 0 for transaction in transactions)
        needed = gas * block.base_fee
        if balance < needed:
            raise MetalayerError(
                f"{self.chain}: {sender.address} has {ether(balance)} ether, expected at least "
                f"{ether(needed, up=True)} for {gas:,} gas"
            )
