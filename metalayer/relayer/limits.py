"""What an origin may cost whose messages nobody pays for: its chain is compromised, or its escrow is empty."""

from dataclasses import dataclass

from metalayer.lanes.survey import LaneState
from metalayer.protocol import gateway
from metalayer.relayer.loops import Loops
from metalayer.relayer.memory import Memory

UNBACKED_GAS = 200_000_000
"""Gas that the messages of one lane may cost in 24 hours without being paid for: about 2,500 deliveries one by one, or
25,000 in full transactions.
"""


@dataclass(frozen=True)
class Limits:
    """Per origin and destination, over restarts: `unbacked_gas` in 24 hours, anew each time that the origin pays."""

    memory: Memory
    address: str
    loops: Loops
    unbacked_gas: int = UNBACKED_GAS

    def excess(self, state: LaneState, account: str) -> str:
        """Why nothing more is delivered on a lane for now. Empty if something may be.

        A destination that lies about gas reaches the limit of its own lanes only. MetalayerError if an end is silent.
        """
        origin, destination = state.ends
        meter = self.memory.meter(account, origin, destination)
        # Both ends are asked only when it begins to matter.
        if 2 * meter.gas < self.unbacked_gas:
            return ""
        earned = state.destination.view(self.address, gateway.EARNINGS, origin, account).earned
        paid = self.loops.elsewhere(
            state.destination,
            state.origin,
            lambda: state.origin.view(self.address, gateway.PAID, destination, account),
        )
        meter = self.memory.settle(account, origin, destination, earned, paid)
        if meter.gas < self.unbacked_gas:
            return ""
        return (
            f"lane {state.name}: nothing is delivered for now, its messages took {meter.gas:,} gas in 24 hours, and "
            f"{state.origin.name} has paid {paid:,} of {earned:,} gwei of ERA (--unbacked-gas)"
        )
