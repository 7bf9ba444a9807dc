"""What the demo found, as numbers and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console

from benchmarks.comparison import committed, peer_of
from demo.enacted import Enacted
from demo.stakes import Stakes
from metalayer.assets.books import Books
from metalayer.cli.display import table
from metalayer.protocol.amounts import era

if TYPE_CHECKING:
    from demo.fronting import Fronted

# Kinds of steps in the order of the summary, and the figure of benchmarks/gas.json that each is.
_KINDS = {
    "send 32 bytes": "send_32",
    "deliver them": "deliver_1",
    "fail": None,
    "retry": None,
    "lock ERA and send": "lock_send",
    "burn ERA and send": "burn_send",
    "mint ERA on arrival": "mint_1",
    "release ERA on arrival": "release",
    "forward ERA": None,
    "front ERA": "front",
    "mint ERA that was fronted, on arrival": None,
    "lock a coin and send": "lock_send",
    "burn a coin and send": "burn_send",
    "mint a coin on arrival": "mint_1",
    "release a coin on arrival": "release",
    "forward a coin": None,
}


@dataclass(frozen=True)
class Step:
    """One measured transaction. `messages` is how many it executed: they share its gas."""

    kind: str
    chain: str
    gas: int
    messages: int = 1

    @property
    def gas_each(self) -> int:
        return self.gas // self.messages


@dataclass
class Summary:
    """What the demo found. Seconds since its start; addresses of the accounts that sent and relayed."""

    books: Books
    stakes: Stakes
    enacted: Enacted
    steps: list[Step]
    letters: int
    seconds: float
    user: str
    relayer: str
    checks: list[tuple[str, bool]] = field(default_factory=list)
    fronted: Fronted | None = None

    @property
    def reconciles(self) -> bool:
        return all(holds for _, holds in self.checks)


def print_summary(summary: Summary, out: Console) -> None:
    """Balances, fees, stakes and rewards, gas beside the peer's, and whether the books reconcile."""
    chains = summary.books.chains.items()
    supplies = [
        (
            name,
            era(chain.supply),
            era((chain.locked if chain.outstanding is None else chain.outstanding) or 0),
            era(chain.balances["user"]),
        )
        for name, chain in chains
    ]
    fees = [
        (
            name,
            era(chain.gateway),
            era(chain.credit(summary.user)),
            era(chain.credit(summary.relayer)),
            era(chain.owed),
            era(chain.protocol_fees),
        )
        for name, chain in chains
    ]
    out.print()
    out.print(table("ERA", ("chain", "#supply", "#locked, or outstanding for it", "#the user's"), supplies))
    columns = (
        "chain",
        "#in the gateway",
        "#user's credit",
        "#relayer's credit",
        "#earned, not paid",
        "#protocol's",
    )
    out.print(table("Fees: the ERA of the gateway, and whose it is", columns, fees))
    columns = ("validator", "#own", "#delegated", "#weight", "#rewards so far", "#the delegator's part")
    title = f"Stake: the ERA behind validator set {summary.stakes.version}, and what it earned"
    out.print(table(title, columns, summary.stakes.rows()))
    out.print(
        table(
            f"Gas a message, beside Hyperlane {committed()['peers']['hyperlane']['version']} (benchmarks/gas.json)",
            ("step", "#first", "#again", "#peer, bare", "#peer, in production"),
            _gas_rows(summary.steps),
        )
    )
    out.print(
        "  first: a lane, chain or account not used before; the peer's figures are of a steady state",
        style="dim",
    )
    if summary.fronted:
        out.print(f"  {summary.fronted.sentence}", soft_wrap=True)
    for sentence, holds in summary.checks:
        out.print(f"  [green]✓[/] {sentence}" if holds else f"  [red]✗ {sentence}[/]", soft_wrap=True)
    verdict = "every number reconciles" if summary.reconciles else "the numbers do not reconcile"
    out.print(f"\n{verdict}, {summary.seconds} s")


def as_dict(summary: Summary) -> dict[str, Any]:
    """For --json. Amounts of ERA are strings of wei."""
    return {
        "seconds": summary.seconds,
        "reconciles": summary.reconciles,
        "checks": [{"sentence": sentence, "holds": holds} for sentence, holds in summary.checks],
        "chains": summary.books.as_dict(),
        "stakes": summary.stakes.as_dict(),
        "proposal": summary.enacted.as_dict(),
        "fronted": summary.fronted and summary.fronted.as_dict(),
        "steps": [{**asdict(step), "hyperlane": peer_of(_KINDS[step.kind] or "")} for step in summary.steps],
    }


def _gas_rows(steps: Iterable[Step]) -> Iterator[tuple[str, ...]]:
    for kind, like in _KINDS.items():
        gas = [step.gas_each for step in steps if step.kind == kind]
        if not gas:
            continue
        peer = peer_of(like or "")
        figures = (f"{peer['bare']:,}", f"{peer['production']:,}") if peer else ("", "")
        again = f"{min(gas):,}" if len(gas) > 1 else ""
        yield kind, f"{max(gas):,}", again, *figures
