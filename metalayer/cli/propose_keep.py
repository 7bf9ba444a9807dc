"""`ape metalayer propose keep`: whatever anyone may do about proposals, and is due."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import SECONDS, deposit_option, exchange_option
from metalayer.cli.propose_acts import Acting, anyone
from metalayer.network.values import printable

if TYPE_CHECKING:
    from metalayer.governance.actions import Done


@click.command(cls=Command)
@click.option("--now", "at_once", is_flag=True, help="Bring votes at once, not only near the end.")
@click.option("--watch", "watches", is_flag=True, help="Again and again, until SIGTERM or Ctrl-C.")
@click.option(
    "--every", type=SECONDS, default=60.0, show_default=True, help="Seconds between two passes of --watch."
)
@deposit_option
@exchange_option
@anyone
def keep(
    at_once: bool, watches: bool, every: float, deposit: bool, exchange: Path | None, acting: Acting
) -> None:
    """Do whatever anyone may do about any proposal, and is due. Twice, or by two people, it does nothing twice.

    Votes of other chains go to the hub three days, one day and three hours before the end (--now: whenever they grew),
    and are cast there. What passed is queued and executed; decisions that were lost are sent again; what arrived is
    executed when its time has come. Messages need a relayer besides: `ape metalayer relay watch`. The account pays gas,
    and ERA for what it sends, on the chain that it leaves. Exit status 1 if something due could not be done.

    \b
      ape metalayer propose keep
      ape metalayer propose keep --watch --account me
    """
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.governance.keeping import Keeper, watch

    live = acting.desk.live
    acting.confirm(live.network, f"Do what is due about all proposals with {acting.account}?")
    shared = DirectoryExchange.of(live, exchange)
    keeper = Keeper(acting.desk, acting.sender_on, shared, deposit, at_once)
    if watches:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        watch(keeper, stop, every, lambda one: _say(one, acting.as_json))
        return
    found = []
    try:
        for one in keeper.keep():
            found.append(one)
            if not acting.as_json:
                _say(one, False)
    finally:
        # What was done before a fault is said, too.
        if acting.as_json:
            print_json({"done": [one.as_dict() for one in found], "problems": keeper.problems})
    if not acting.as_json:
        if not found and not keeper.problems:
            click.echo("nothing is due")
        for problem in keeper.problems:
            _say(problem, False)
    if keeper.problems:
        raise click.exceptions.Exit(1)


def _say(one: Done | str, as_json: bool) -> None:
    """A line; with --json an object on a line, because nobody knows where the last one is."""
    if isinstance(one, str):
        if as_json:
            click.echo(json.dumps({"problem": one}))
        else:
            click.echo(printable(one), err=True)
    elif as_json:
        click.echo(json.dumps(one.as_dict(), sort_keys=True))
    else:
        click.echo(f"{one.chain}: {one.line}{f': {one.transaction}' if one.transaction else ''}")


COMMANDS = (keep,)
