"""What one pass of a relayer found and did."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from metalayer.protocol import gateway
from metalayer.protocol.rpc import READ_FAULTS, Log


@dataclass
class Sendings:
    """What transactions of one pass did on one chain. Gas is the sum of the receipts' gasUsed, `wei` what it cost in
    ether; `earned` what it brought, and `claims_paid` what of earlier earnings it turned into credit: gwei of ERA.

    `problems` are what an operator should know of. `put_off` are lines about what somebody else must mend, such as a
    message that nobody can deliver: it is tried again later, and is no reason for an alarm.
    """

    chain: str
    transactions: list[str] = field(default_factory=list)
    gas_used: int = 0
    wei: int = 0
    earned: int = 0
    claims_paid: int = 0
    problems: list[str] = field(default_factory=list)
    put_off: list[str] = field(default_factory=list)


@dataclass
class Delivery(Sendings):
    """What one pass did on one destination. `failed` counts messages that expired before their first attempt, too;
    `followed` restarts of lanes.
    """

    delivered: int = 0
    failed: int = 0
    expired: int = 0
    followed: int = 0
    seconds: float = 0.0


@dataclass
class Settled(Sendings):
    """What one pass settled on one chain. `recorded` counts heads that refunds of replaced messages are proved by,
    `taken_in` notices that had been put aside, `passed` transfers that had waited.
    """

    returned: int = 0
    refunded: int = 0
    recorded: int = 0
    claimed: int = 0
    noticed: int = 0
    taken_in: int = 0
    passed: int = 0


@dataclass
class Kept(Sendings):
    """What a keeper did on one chain."""

    done: list[str] = field(default_factory=list)


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
    kept: list[Kept] = field(default_factory=list)
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
    def put_off(self) -> list[str]:
        """One line for everything that failed for want of somebody else, and is tried again later."""
        return [line for sent in (*self.deliveries, *self.settled) for line in sent.put_off]

    @property
    def all_problems(self) -> list[str]:
        """One line for everything that went wrong, on any chain."""
        return [
            *self.problems,
            *(problem for delivery in self.deliveries for problem in delivery.problems),
            *(problem for settled in self.settled for problem in settled.problems),
            *(problem for kept in self.kept for problem in kept.problems),
        ]


def claims_paid(own: Iterable[Log], relayer: str) -> int:
    """Gwei of ERA that the gateway's logs say its own claims brought to a relayer, which carried them itself: it had
    earned that before.
    """
    total = 0
    for log in own:
        if log.topics[:1] != (gateway.CLAIM_PAID.topic,):
            continue
        try:
            _, claimant, _, due, _ = gateway.CLAIM_PAID.decode(log)
        except READ_FAULTS:
            continue
        total += due if claimant == relayer else 0
    return total
