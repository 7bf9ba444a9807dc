"""A validator process: `ape metalayer validate --key ACCOUNT`."""

import logging
import signal
import threading
from pathlib import Path

import click

from metalayer.cli.command import Command
from metalayer.cli.options import exchange_option


@click.command(cls=Command)
@click.option(
    "--key", required=True, metavar="ACCOUNT", help="Account that signs: an alias, or TEST::5 locally."
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of everything that this key signed.",
)
@exchange_option
@click.option(
    "--next-set",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file of the next validator set: version, expires, weights. Read again when it changes.",
)
@click.option("--once", is_flag=True, help="Judge what is proposed now, then end.")
def cli(key: str, record: Path | None, exchange: Path | None, next_set: Path | None, once: bool) -> None:
    """Sign proposed facts that are true and contradict nothing signed before. Ends on SIGTERM or Ctrl-C.

    A set fact is signed only if it is the set of --next-set, on which the validators agree among themselves: `version`
    above and `expires` (Unix seconds or an ISO date, UTC) after those of the set on the hub, `weights` by account or
    address as in deploy.yaml. A version is signed once: if a set fails to get a quorum, the next try needs another one.
    """
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.words import verdict_line
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of, load_signer
    from metalayer.validator.next_set import NextSet
    from metalayer.validator.process import Validator

    logging.basicConfig(format="%(levelname)s: %(message)s")
    signer = load_signer(key)
    live = Live.open()
    validator = Validator.open(
        signer,
        live.mesh,
        DirectoryExchange.of(live, exchange),
        record or live.folder() / "records" / f"{signer.address.lower()}.sqlite",
        None if next_set is None else NextSet(next_set, address_of),
    )
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with validator.record:
        click.echo(f"validator {validator.address} reads {validator.exchange}")
        for line in validator.memberships():
            click.echo(line, err=line.startswith("warning"))
        if once:
            for verdict in validator.pass_once():
                click.echo(verdict_line(verdict))
            return
        validator.run(stop, lambda verdict: click.echo(verdict_line(verdict)))
        click.echo(f"validator {validator.address} ended")
