"""What one pass of a relayer found and did."""

from dataclasses import dataclass, field


@dataclass
class Delivery:
    """What one pass did on one destination. `failed` counts messages that expired before their first attempt, too;
    `followed` restarts of lanes. Gas is the sum of the receipts' gasUsed.
    """

    chain: str
    delivered: int = 0
    failed: int = 0
    expired: int = 0
    followed: int = 0
    transactions: list[str] = field(default_factory=list)
    gas_used: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


@dataclass
class Settled:
    """What one pass did on one chain. Gas is the sum of the receipts' gasUsed."""

    chain: str
    returned: int = 0
    refunded: int = 0
    claimed: int = 0
    noticed: int = 0
    transactions: list[str] = field(default_factory=list)
    gas_used: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class PassResult:
    """What one pass found and did. Times in seconds."""

    pending: int = 0
    not_final: int = 0
    facts: int = 0
    roots: list[str] = field(default_factory=list)
    found_after: float = 0.0
    signed_after: float = 0.0
    seconds: float = 0.0
    deliveries: list[Delivery] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def delivered(self) -> int:
        """Messages that their recipients accepted."""
        return sum(delivery.delivered for delivery in self.deliveries)

    @property
    def failed(self) -> int:
        """Messages whose first attempt failed or that had expired."""
        return sum(delivery.failed for delivery in self.deliveries)

    @property
    def returned(self) -> int:
        """Notices sent that a message goes back to its sender."""
        return sum(settled.returned for settled in self.settled)

    @property
    def refunded(self) -> int:
        """Messages whose senders were refunded."""
        return sum(settled.refunded for settled in self.settled)

    @property
    def all_problems(self) -> list[str]:
        """One line for everything that went wrong, on any chain."""
        return [
            *self.problems,
            *(problem for delivery in self.deliveries for problem in delivery.problems),
            *(problem for settled in self.settled for problem in settled.problems),
        ]
