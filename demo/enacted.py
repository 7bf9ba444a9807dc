"""What became of the proposal, and what must be true of it."""

from __future__ import annotations

from dataclasses import dataclass

from metalayer.protocol.votes import Tally

ORIGIN, DESTINATION = "perps", "arcade"
"""The lane whose messages it makes cheaper."""


@dataclass(frozen=True)
class Enacted:
    """What became of the proposal. Wei of ERA: votes that the user has by chain, and what was counted.

    fees: of its lane, before and after: the base fee, and that of 1,000 gas, in gwei of ERA.
    """

    title: str
    weights: dict[str, int]
    counted: Tally
    fees: tuple[tuple[int, int], tuple[int, int]]

    def checks(self) -> list[tuple[str, bool]]:
        """Sentences that must hold."""
        chains = " and ".join(self.weights)
        return [
            (
                f"the proposal has all votes of the user, those on {chains}, and no others",
                self.counted == Tally(0, sum(self.weights.values()), 0) and all(self.weights.values()),
            ),
            (
                f"the fees of {ORIGIN} → {DESTINATION} are half of what they were, those of networks.yaml",
                all(before == 2 * after > 0 for before, after in zip(*self.fees, strict=True)),
            ),
        ]

    def as_dict(self) -> dict[str, object]:
        """For --json: wei as strings."""
        weights = {chain: str(wei) for chain, wei in self.weights.items()}
        counted = {kind: str(wei) for kind, wei in self.counted._asdict().items()}
        return {
            "title": self.title,
            "weights": weights,
            "counted": counted,
            "fees_before": list(self.fees[0]),
            "fees_after": list(self.fees[1]),
        }
