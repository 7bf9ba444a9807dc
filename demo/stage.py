"""What the acts of the demo share: what is said, what is measured, and what the books must show at the end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console

from demo.fees import fee_of, protocol_part
from demo.summary import Step
from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.transactions import Receipt
from metalayer.protocol import gateway
from metalayer.protocol.message import Message

RELAYER, USER, KEEPER = "TEST::2", "TEST::3", "TEST::4"
TIMEOUT = 120.0
"""Seconds for which the demo waits for one thing."""
_LOOK_EVERY = 0.25


@dataclass
class Stage:
    """`moves` is what came to the user's ERA on each chain and left it, `coins` the same of its coin, `protocol_fees`
    what messages from each chain paid the protocol by the terms of networks.yaml; by name, in the smallest unit.
    """

    network: Network
    out: Console
    cancelled: threading.Event
    started: float = field(default_factory=time.monotonic)
    steps: list[Step] = field(default_factory=list)
    moves: list[tuple[str, int]] = field(default_factory=list)
    coins: list[tuple[str, int]] = field(default_factory=list)
    protocol_fees: list[tuple[str, int]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Since the demo started."""
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        self.out.print(f"{self.seconds:6.1f} s  {text}", soft_wrap=True)

    def pay(self, message: Message) -> None:
        """Notes the fee that the terms of networks.yaml give: what the user must have less at the end."""
        origin, destination = (self.network.chain(end) for end in (message.origin, message.destination))
        self.moves.append((origin.name, -fee_of(origin, destination, message)))
        self.protocol_fees.append((origin.name, protocol_part(origin, destination, message)))

    def account(self, kind: str, chain: str, receipt: Receipt) -> None:
        """Notes the gas of a delivery."""
        outcomes = {gateway.MESSAGE_DELIVERED.topic, gateway.MESSAGE_FAILED.topic}
        executed = sum(log.topics[0] in outcomes for log in receipt["logs"])
        self.steps.append(Step(kind, chain, receipt["gasUsed"], executed))

    def wait_for(self, what: str, came: Callable[[], bool]) -> None:
        """Looks again and again. MetalayerError if it does not come."""
        deadline = time.monotonic() + TIMEOUT
        while not came():
            if time.monotonic() > deadline or self.cancelled.wait(_LOOK_EVERY):
                raise MetalayerError(f"{what} did not come within {TIMEOUT:g} s (relayer.log)")


def totals(noted: list[tuple[str, int]]) -> Counter[str]:
    """Sums by chain."""
    sums: Counter[str] = Counter()
    for chain, wei in noted:
        sums[chain] += wei
    return sums


def silent(_text: str) -> None:
    """Says nothing."""
