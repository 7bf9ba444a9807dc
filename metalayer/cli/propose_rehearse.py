"""`ape metalayer propose simulate / verify / conflicts`: what a proposal would do, on forks of all chains."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import json_option
from metalayer.cli.propose_shared import opened, telling_faults, which

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from metalayer.governance.motions import Desk
    from metalayer.services.simulate import Outcome

_OUTSIDE = 2


@click.command(cls=Command)
@which
@json_option
@telling_faults
def simulate(which: str, as_json: bool) -> None:
    """Rehearse PROPOSAL from its proposal to its execution on every chain, and write REPORT.md and report.json.

    Each chain is forked at its final block; nothing is sent to the chains themselves. On the forks it is voted, queued
    and executed; real validators and a real relayer bring its decisions to the other chains, where they are executed:
    then once more by another relayer, and once with every message lost. Gas limits of decisions are set as measured:
    build.json is written anew if they were others.

    Exit status 0 if it passes; 2 if it writes what `writes` does not name; 1 if something else is wrong: the report
    says what.

    \b
      ape metalayer propose simulate 1
    """
    from metalayer.governance.building import keep
    from metalayer.governance.files import find, read_on
    from metalayer.services.report import as_dict, write
    from metalayer.services.simulate import rebuild
    from metalayer.services.simulate import simulate as run
    from metalayer.services.verify import limits

    desk, _ = opened()
    folder = find(which)
    proposal = read_on(folder, desk.live.network)
    built = rebuild(desk.live, proposal, limits(folder))
    with _telling(as_json) as say:
        outcome = run(desk.live, proposal, built, say)
    keep(desk, outcome.built, folder)
    path = write(outcome, folder)
    if as_json:
        print_json(as_dict(outcome))
    else:
        click.echo(f"{outcome.built.title}: id {outcome.built.id}")
        _show(outcome)
        click.echo(f"written to {folder.name}/{path.name}")
    _end(outcome)


@click.command(cls=Command)
@which
@json_option
@telling_faults
def verify(which: str, as_json: bool) -> None:
    """Is what was proposed what the file of PROPOSAL says? Builds it anew, compares it with the hub, and rehearses it.

    For whoever votes: check out the commit that the proposer names, and run this. It prints the report that
    `simulate` would write, and what is another than in the proposer's; it writes nothing. Exit status as of `simulate`.

    \b
      ape metalayer propose verify 1
    """
    from metalayer.services.report import as_dict, text
    from metalayer.services.simulate import simulate as run
    from metalayer.services.verify import differences
    from metalayer.services.verify import verify as compare

    desk, _ = opened()
    proposal, built = compare(desk.live, desk, _folder(desk, which))
    if not as_json:
        click.echo(f"{built.name} is proposal {built.id}, byte by byte")
    with _telling(as_json) as say:
        outcome = run(desk.live, proposal, built, say, settles=False)
    report = as_dict(outcome)
    if as_json:
        print_json(report)
    else:
        click.echo(text(report))
        for line in differences(report, proposal.folder):
            click.echo(line)
    _end(outcome)


@click.command(cls=Command)
@which
@json_option
@telling_faults
def conflicts(which: str, as_json: bool) -> None:
    """Compare PROPOSAL with every other one that is not executed yet: what both write, and whether the order matters.

    Exit status 1 if it does.

    \b
      ape metalayer propose conflicts 1
    """
    from metalayer.governance.files import read_on
    from metalayer.services.report import order_of
    from metalayer.services.simulate import compare, rebuild
    from metalayer.services.verify import limits

    desk, _ = opened()
    folder = _folder(desk, which)
    built = rebuild(desk.live, read_on(folder, desk.live.network), limits(folder))
    with _telling(as_json):
        found = compare(desk.live, built)
    if as_json:
        print_json([order_of(one) for one in found])
    else:
        for one in found:
            equal = "the order does not matter" if one.is_equal else "the order matters"
            click.echo(f"{one.other.title} ({one.other.state}, {one.other.id}): {equal}")
            for line in (*(f"both write {path}" for path in one.both), *one.differing, *one.problems):
                click.echo(f"  {line}")
        if not found:
            click.echo("no other proposal is live")
    if not all(one.is_equal for one in found):
        raise click.exceptions.Exit(1)


def _folder(desk: Desk, which: str) -> Path:
    """Of a proposal by its number, its name or its id on chain."""
    from metalayer.errors import MetalayerError
    from metalayer.governance.files import find

    name = desk.motion(which).name if len(which) > len("000") and which.isdecimal() else which
    if not name:
        raise MetalayerError(f"there is no file of proposal {which} here: check out the commit that has it")
    return find(name)


@contextmanager
def _telling(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A spinner that says how far the rehearsal is. Whoever ends the command ends the forks with it."""
    from rich.console import Console

    target = Console(stderr=True)
    # A terminal that is closed says SIGHUP, which would leave the forks without anybody.
    ends = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(one, lambda number, _: sys.exit(128 + number)) for one in ends]
    try:
        if quiet or not target.is_terminal:
            yield lambda line: None
            return
        with target.status("forking every chain") as status:
            yield lambda line: status.update(line)
    finally:
        for one, handler in zip(ends, before, strict=True):
            signal.signal(one, handler)


def _show(outcome: Outcome) -> None:
    for warning in outcome.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not outcome.faults:
        click.echo("it passes")


def _end(outcome: Outcome) -> None:
    """The first line of what is wrong, and its exit status."""
    faults = outcome.faults
    if not faults:
        return
    for line in faults:
        click.echo(f"Error: {line}", err=True)
    raise click.exceptions.Exit(_OUTSIDE if outcome.outside and not outcome.problem else 1)


COMMANDS = (simulate, verify, conflicts)
