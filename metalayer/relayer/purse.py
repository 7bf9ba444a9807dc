"""What an account has of ERA on a chain: what passes earn is how it grew."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.relayer.results import Sendings


@dataclass
class Purse:
    """Credit and earnings of one account on one chain, before its transactions and after them."""

    connection: Connection
    address: str
    account: str
    origins: Sequence[int]
    _before: int | None = field(default=None, init=False)

    def look(self) -> None:
        """Before a transaction is sent. Only the first time counts."""
        if self._before is None:
            self._before = self._standing()

    def count(self, sent: Sendings) -> None:
        """After the last one: what they earned, without what they only turned into credit."""
        if self._before is None or not sent.transactions:
            return
        try:
            grown = self._standing() - self._before
        except MetalayerError as error:
            sent.problems.append(fault(self.connection, error))
            return
        # Its owner may have withdrawn some meanwhile.
        sent.earned += max(0, grown - sent.claims_paid)

    def _standing(self) -> int:
        """Gwei of ERA."""
        credit, *earnings = self.connection.batch(
            [
                gateway.CREDIT.request(self.address, self.account),
                *(gateway.EARNINGS.request(self.address, origin, self.account) for origin in self.origins),
            ]
        )
        return int(credit // GWEI + sum(one.earned for one in earnings))
