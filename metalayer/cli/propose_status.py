"""`ape metalayer propose status`: the whole way of a proposal, on all chains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import PROPOSAL, exchange_option, json_option
from metalayer.cli.propose_shared import opened
from metalayer.network.values import printable
from metalayer.protocol.amounts import era
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import short

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from metalayer.governance.motions import Desk
    from metalayer.governance.progress import Progress, Step, Vote
    from metalayer.governance.tallies import Count


@click.command(cls=Command)
@click.argument("which", metavar="[PROPOSAL]", type=PROPOSAL, required=False)
@exchange_option
@json_option
def status(which: str | None, exchange: Path | None, as_json: bool) -> None:
    """How far PROPOSAL is on every chain, and what to do next; without one, all that was ever proposed.

    A row for each decision: decided on the hub, how often it was sent, how far its newest message is, when it may be
    executed, until when, and why it is not. Votes are in ERA; those of other chains are counted again from their logs,
    and it is said if what they told the hub is something else.

    \b
      ape metalayer propose status
      ape metalayer propose status 1
      ape metalayer propose status 1 --json
    """
    from rich.text import Text

    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import console, waiting
    from metalayer.governance.progress import read
    from metalayer.governance.tallies import recount

    desk, _ = opened()
    if which is None:
        _all(desk, as_json)
        return
    motion = desk.motion(which)
    with waiting("reading every chain", quiet=as_json):
        found = read(desk, motion, DirectoryExchange.of(desk.live, exchange))
        counts = recount(desk, motion.id, found.vote) if found.vote else []
    if as_json:
        print_json({**found.as_dict(), "tallies": [one.as_dict() for one in counts]})
        return
    show = console()
    for part in (*_whole(found), *_tallies(counts)):
        show.print(part, soft_wrap=isinstance(part, Text | str), markup=False)


def _all(desk: Desk, as_json: bool) -> None:
    from metalayer.cli.display import console, table
    from metalayer.governance.progress import read_vote

    motions = [desk.of_created(one.event) for one in desk.created()]
    votes = [read_vote(desk, motion) for motion in motions]
    seen = [(motion, vote) for motion, vote in zip(motions, votes, strict=True) if vote is not None]
    if as_json:
        print_json(
            [
                {
                    "id": str(motion.id),
                    "name": motion.name,
                    "title": motion.title,
                    "state": vote.state.name.lower(),
                }
                for motion, vote in seen
            ]
        )
        return
    if not seen:
        click.echo(f"nothing was ever proposed on {desk.hub.name}")
        return
    rows = [
        (motion.name, motion.title, vote.state.name.lower(), utc(vote.deadline), str(motion.id))
        for motion, vote in seen
    ]
    console().print(table("Proposals", ("folder", "title", "state", "voting ends", "id"), rows))


def _whole(found: Progress) -> Iterator[Table | str]:
    from metalayer.cli.display import table

    motion, vote = found.motion, found.vote
    yield f"{motion.title}{f' ({motion.name})' if motion.name else ''}"
    yield f"id {motion.id}"
    if vote is None:
        yield f"not proposed yet: `ape metalayer propose submit {motion.typed}`"
        return
    yield from _vote(vote, motion.typed)
    if not vote.executed_in:
        chains = dict.fromkeys(step.carried.chain for step in found.steps)
        if chains and not vote.ended:
            yield f"it decides for {', '.join(chains)}, too: sent when it is executed on the hub"
        return
    if found.steps:
        columns = (
            "chain",
            "decided",
            "#sent",
            "message",
            "state",
            "ready at",
            "expires",
            "executed",
            "why not",
        )
        yield table("Decisions for other chains", columns, _rows(found.steps))
    if found.done:
        yield "everything is executed on every chain"


def _vote(vote: Vote, typed: str) -> Iterator[str]:
    state = vote.state.name.lower()
    yield f"{state}, proposed by {vote.proposer} in {vote.proposed_in}"
    votes = vote.votes
    quorum = "" if vote.quorum is None else f"; quorum {era(vote.quorum)}"
    yield (
        f"for {era(votes.in_favour)}, against {era(votes.against)}, abstain {era(votes.abstain)} ERA{quorum}"
    )
    objections = f", after {utc(vote.objections_from)} only against" if vote.objections_from else ""
    yield f"voting from {utc(vote.snapshot)} to {utc(vote.deadline)}{objections}"
    if vote.eta:
        yield f"queued, {'executed' if vote.executed_in else 'may be executed'} from {utc(vote.eta)}"
    if vote.expiry:
        yield f"expires on {utc(vote.expiry)}"
    if vote.executed_in:
        yield f"executed on the hub in {vote.executed_in}"
    following = {
        "succeeded": f"next: `ape metalayer propose queue {typed}`",
        "queued": f"next: `ape metalayer propose execute {typed}`" if vote.now >= vote.eta else "",
    }
    if following.get(state):
        yield following[state]


def _tallies(counts: Sequence[Count]) -> Iterator[Table | Text]:
    from rich.text import Text

    from metalayer.cli.display import table
    from metalayer.governance.tallies import sentences

    if counts:
        columns = ("chain", "#for", "#against", "#abstain", "#sent", "#on the hub", "#cast", "#at most")
        yield table("Votes on other chains, counted again", columns, _count_rows(counts))
    for line in sentences(counts):
        yield Text(printable(line), style="red")


def _count_rows(counts: Sequence[Count]) -> Iterator[tuple[str, ...]]:
    for one in counts:
        votes = one.recounted
        there = (
            ("?",) * 4
            if one.trouble
            else tuple(map(era, (votes.in_favour, votes.against, votes.abstain, one.sent.total)))
        )
        yield one.chain, *there, *map(era, (one.kept.total, one.counted.total, one.cap))


def _rows(steps: Sequence[Step]) -> Iterator[tuple[str, ...]]:
    for step in steps:
        number = f" {step.carried.number}" if step.carried.number > 1 else ""
        state = step.state.name.lower() if step.state else ""
        yield (
            f"{step.carried.chain}{number}",
            "yes" if step.is_decided else "",
            str(len(step.sent)) if step.is_decided else "",
            step.trace.state.value if step.trace else "",
            f"{state}, postponed" if step.is_postponed else state,
            utc(step.ready_at) if step.ready_at else "",
            utc(step.expires_at) if step.expires_at else "",
            short(step.executed_in),
            step.trouble or step.why,
        )


COMMANDS = (status,)
