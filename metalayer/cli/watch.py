"""A reporter: `ape metalayer watch`."""

from __future__ import annotations

import json
import logging
import signal
import threading
from functools import partial
from pathlib import Path

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import SECONDS, Signing, exchange_option, json_option, signing_options


@click.command(cls=Command)
@signing_options("TEST::2", "Account that pays for cases and gets the rewards.")
@exchange_option
@click.option(
    "--seen",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of everything that was seen signed; in the network's folder by default.",
)
@click.option("--once", is_flag=True, help="Read what there is now, open what cases there are, then end.")
@click.option("--every", type=SECONDS, default=2.0, show_default=True, help="Seconds between two passes.")
@json_option
def cli(
    signing: Signing, exchange: Path | None, seen: Path | None, once: bool, every: float, as_json: bool
) -> None:
    """Find validators that signed what cannot be true, and open their cases. Ends on SIGTERM or Ctrl-C.

    It reads the signatures in the exchange, and those in the calldata of what was delivered, rotated and checked in on
    every chain, and keeps them: what is signed once convicts for as long as the key answers.

    \b
      (a) a validator, with its old or new key, signed two things of one place: two heads, two sets, message and restart
      (b) it signed about the hub what the hub knows to be false
      (c) it contradicts a quorum of the newest validator set

    A case takes one transaction on the hub, about 90,000 to 180,000 gas, which ACCOUNT pays. 28 days later ACCOUNT
    gets 10 % of what the validator loses of its own stake. Each case is rehearsed first, on as many nodes of the hub
    as must agree (`nodes` and `agree` in networks.yaml): the Slasher's own checks decide, so that a node that lies
    accuses nobody. What was reported before, was pardoned or has nothing at stake is passed by. One case is opened for
    each validator that contradicted itself, and otherwise one for each lane: the highest place, which a pardon of the
    others does not reach.

    It needs no permission, and any number of watchers may run: who is first is paid. A chain is read from the beginning
    of its gateway at the first start. --once ends with exit status 1 if something could not be read or done. Without
    it, --json prints a line for each case.

    \b
      ape metalayer watch --account me
      ape metalayer watch --once --json
      ape metalayer stake status           # all open cases, and what can still be done

    What it means to be accused: docs/staking.md, docs/incidents.md.
    """
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.network.live import Live
    from metalayer.network.nodes import PATIENCE
    from metalayer.network.signers import load_sender
    from metalayer.staking.archive import Archive
    from metalayer.staking.prosecutor import Opened, opened_dict, opened_line
    from metalayer.staking.watch import Watcher

    logging.basicConfig(format="%(levelname)s: %(message)s")
    live = Live.open(PATIENCE, forgiving=True, passing=True)
    signing.confirm(
        live.network, f"Watch network '{live.network.name}' and pay for cases with {signing.account}?"
    )
    shared = DirectoryExchange.of(live, exchange)
    with Archive(seen or live.folder() / "seen.sqlite", live.mesh.network_id) as archive:
        watcher = Watcher(live.mesh, shared, archive, load_sender(signing.account))
        names = {one.chain_id: name for name, one in live.mesh.connections.items()}

        def report(opened: Opened) -> None:
            if not as_json:
                click.echo(opened_line(opened, names))
            elif not once:
                click.echo(json.dumps(opened_dict(opened), sort_keys=True))

        if once:
            result = watcher.pass_once(report)
            signatures, facts = archive.counts()
            if as_json:
                print_json(
                    {
                        "signatures": {"new": result.signatures, "known": signatures},
                        "facts": facts,
                        "opened": [opened_dict(one) for one in result.opened],
                        "problems": result.problems,
                    }
                )
            else:
                click.echo(
                    f"{result.signatures} new signatures of {signatures}, under them {facts} facts: "
                    f"{len(result.opened)} cases opened"
                )
                for problem in result.problems:
                    click.echo(problem, err=True)
            if result.problems:
                raise click.exceptions.Exit(1)
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        click.echo(f"watching {shared} and {', '.join(live.mesh.connections)}", err=as_json)
        watcher.run(stop, every, report, partial(click.echo, err=True))
        click.echo("the watch ended", err=as_json)
