"""What `ape metalayer relay` prints: a pass, and where every lane stands."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.table import Table

from metalayer.cli.display import table
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.dates import utc
from metalayer.relayer.memory import Attempt, Book
from metalayer.relayer.results import PassResult
from metalayer.tracking.status import LaneStatus, NetworkStatus

_SECONDS_PER_DAY = 86_400
_MOST_ROWS = 20


def pass_tables(result: PassResult) -> Iterator[Table]:
    """What was kept, delivered, settled; nothing of what did not happen."""
    kept = [
        (
            one.chain,
            "; ".join(one.done),
            f"{one.gas_used:,}",
            era(one.wei),
            era(one.earned * GWEI),
        )
        for one in result.kept
        if one.transactions
    ]
    if kept:
        yield table("Kept", ("chain", "what", "#gas used", "#ether", "#ERA"), kept)
    if result.deliveries:
        columns: tuple[str, ...] = (
            "chain",
            "#delivered",
            "#failed",
            "#of them late",
            "#transactions",
            "#gas used",
            "#ether",
            "#ERA",
            "#seconds",
        )
        rows = [
            (
                done.chain,
                *map(str, (done.delivered, done.failed, done.expired, len(done.transactions))),
                f"{done.gas_used:,}",
                era(done.wei),
                era(done.earned * GWEI),
                f"{done.seconds:.2f}",
            )
            for done in result.deliveries
        ]
        yield table("Delivered", columns, rows)
    settled = [
        (
            done.chain,
            *map(str, (done.returned, done.refunded, done.passed, done.claimed, len(done.transactions))),
            f"{done.gas_used:,}",
            era(done.wei),
            era(done.earned * GWEI),
        )
        for done in result.settled
        if done.transactions
    ]
    if settled:
        columns = (
            "chain",
            "#returned",
            "#refunded",
            "#let pass",
            "#claims sent",
            "#transactions",
            "#gas used",
            "#ether",
            "#ERA",
        )
        yield table("Settled", columns, settled)


def status_tables(found: NetworkStatus, stuck: Collection[LaneStatus]) -> Iterator[Table]:
    """All lanes, those with something that has not ended, and the validator sets."""
    lanes = [
        (
            _name(lane),
            *map(str, (lane.sent, lane.finalized, lane.signed, lane.delivered)),
            "" if lane.oldest_pending is None else str(lane.oldest_pending),
            "stands still" if lane.problem else "stuck" if lane in stuck else "ok",
        )
        for lane in found.lanes
    ]
    columns: tuple[str, ...] = ("lane", "#sent", "#final", "#signed", "#delivered", "#oldest (s)", "state")
    yield table("Lanes", columns, lanes)
    unended = [
        (_name(lane), *map(str, (lane.failed, lane.expired, lane.returning)), era(lane.escrow * GWEI))
        for lane in found.lanes
        if lane.failed or lane.expired or lane.returning or lane.escrow
    ]
    if unended:
        columns = ("lane", "#failed", "#expired", "#returning", "#escrow (ERA)")
        yield table("Not ended yet", columns, unended)
    sets = [(one.chain, str(one.version), f"{one.seconds_left / _SECONDS_PER_DAY:.1f}") for one in found.sets]
    yield table("Validator sets", ("chain", "#version", "#days left"), sets)


def books_table(books: Sequence[Book], last_day: Sequence[Book], names: Mapping[int, str]) -> Iterator[Table]:
    """What relayers spent and earned, on each chain. Nothing if they sent nothing yet."""
    recent = {(one.account, one.chain): one for one in last_day}
    rows = []
    for one in books:
        day = recent.get((one.account, one.chain))
        rows.append(
            (
                names.get(one.chain, str(one.chain)),
                one.account,
                *((era(day.wei), era(day.earned * GWEI)) if day else ("0", "0")),
                f"{one.gas:,}",
                era(one.wei),
                era(one.earned * GWEI),
            )
        )
    if rows:
        columns = (
            "chain",
            "relayer",
            "#ether in 24 h",
            "#ERA in 24 h",
            "#gas ever",
            "#ether ever",
            "#ERA ever",
        )
        yield table("Spent and earned", columns, rows)


def put_off_table(attempts: Sequence[Attempt], names: Mapping[int, str]) -> Iterator[Table]:
    """What failed and waits, the most often first."""
    rows = [
        (
            names.get(one.chain, str(one.chain)),
            f"{one.kind} {one.item}",
            str(one.failures),
            "now" if one.due <= time.time() else utc(int(one.due)),
            one.reason,
        )
        for one in attempts[:_MOST_ROWS]
    ]
    if rows:
        left_out = len(attempts) - len(rows)
        title = (
            f"Failed, and tried again later ({left_out} more)"
            if left_out
            else "Failed, and tried again later"
        )
        yield table(title, ("chain", "what", "#failed", "again", "why"), rows)


def lane_problems(found: NetworkStatus) -> Iterator[str]:
    """A line per lane that stands still."""
    return (f"{_name(lane)}: {lane.problem}" for lane in found.lanes if lane.problem)


def _name(lane: LaneStatus) -> str:
    return f"{lane.origin} → {lane.destination}"
