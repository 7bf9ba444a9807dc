"""A transfer that a solver pays at once: how long its recipient waits, with and without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import processes
from demo.crossings import Crossings
from demo.stage import Stage
from metalayer.assets.journeys import Outcome
from metalayer.network.live import Live
from metalayer.network.signers import address_of
from metalayer.network.workspace import state_dir
from metalayer.protocol.amounts import era
from metalayer.protocol.transfers import TIP_PARTS
from metalayer.solver.ledger import read_ledger

SOLVER = "TEST::12"

_UNIT = 10**18
_AMOUNT = 100 * _UNIT
_CAPITAL = 120 * _UNIT
_TIP = TIP_PARTS // 200
"""Half a percent."""


@dataclass(frozen=True)
class Fronted:
    """Seconds after it was sent in which a transfer over the hub was paid by a solver, and in which it arrived. Wei of
    ERA. `gained`: by the solver, as the chains say.
    """

    start: str
    end: str
    paid_after: float
    arrived_after: float
    amount: int
    paid: int
    gained: int

    @property
    def sentence(self) -> str:
        """With and without."""
        return (
            f"{era(self.amount)} ERA {self.start} → {self.end} with a tip: {era(self.paid)} there after "
            f"{self.paid_after:.1f} s by a solver, which got {era(self.amount)} after {self.arrived_after:.1f} s"
        )

    def checks(self) -> list[tuple[str, bool]]:
        """What must hold."""
        kept = self.amount * _TIP // TIP_PARTS
        return [
            ("the recipient of the fronted transfer got all but the tip, before it arrived", self.is_sooner),
            ("the solver gained the tip", self.gained == kept == self.amount - self.paid),
        ]

    @property
    def is_sooner(self) -> bool:
        return self.paid_after < self.arrived_after

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "start": self.start,
            "end": self.end,
            "paid_after": self.paid_after,
            "arrived_after": self.arrived_after,
            "amount": str(self.amount),
            "paid": str(self.paid),
            "gained": str(self.gained),
        }


def front(stage: Stage, live: Live, crossings: Crossings, start: str, end: str) -> Fronted:
    """Gives a solver some ERA on a chain, starts it, and sends a transfer with a tip there."""
    solver = address_of(SOLVER)
    crossings.hand(end, solver, _CAPITAL)
    # It believes what is in the newest block already: that is its risk, and what the tip is for.
    policy = _policy(start)
    with processes.solver(SOLVER, policy, lambda came: stage.wait_for("the solver", came)):
        stage.say(f"[bold]a solver[/] with {era(_CAPITAL)} ERA on {end}: it pays ahead for a tip")
        outcome = crossings.fronted(start, _AMOUNT, _TIP, list(stage.network.chains).index(end))
    ledger = read_ledger(live.mesh, live.registry.address("TokenBridge"), solver)
    (account,) = ledger.tokens
    found = _found(outcome, start, end, account.gain)
    stage.say(found.sentence)
    return found


def _policy(start: str) -> Path:
    path = state_dir() / "solve.yaml"
    path.write_text(f"finality: {{ {start}: 0 }}\n", encoding="utf-8")
    return path


def _found(outcome: Outcome, start: str, end: str, gained: int) -> Fronted:
    fronted = outcome.fronted
    assert fronted is not None
    return Fronted(start, end, fronted.seconds, outcome.seconds, outcome.amount, fronted.event.paid, gained)
