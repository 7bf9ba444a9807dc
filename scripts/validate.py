"""A validator process: `ape run validate --key ACCOUNT`."""

import logging
import signal
import threading
from pathlib import Path

import click

from metalayer.cli import Command


@click.command(cls=Command)
@click.option(
    "--key", required=True, metavar="ACCOUNT", help="Account that signs: an alias, or TEST::5 locally."
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of everything that this key signed.",
)
@click.option(
    "--exchange", type=click.Path(file_okay=False, path_type=Path), help="Directory shared with the relayers."
)
@click.option("--once", is_flag=True, help="Judge what is proposed now, then end.")
def cli(key: str, record: Path | None, exchange: Path | None, once: bool) -> None:
    """Sign proposed facts that are true and contradict nothing signed before. Ends on SIGTERM or Ctrl-C."""
    from metalayer.accounts import load_sender
    from metalayer.live import Live
    from metalayer.validator import Validator, describe

    logging.basicConfig(format="%(levelname)s: %(message)s")
    signer = load_sender(key).account
    if hasattr(signer, "set_autosign"):
        signer.set_autosign(True)
    live = Live.open()
    validator = Validator.open(
        signer,
        live.connections,
        live.network_id,
        live.gateway,
        live.exchange(exchange),
        live.record(signer.address, record),
    )
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with validator.record:
        click.echo(f"validator {validator.address} reads {validator.exchange.directory}")
        members = [signer for signer, _ in live.registry.first_validator_set().members]
        if validator.address not in members:
            click.echo(
                f"warning: {validator.address} is not in the validator set: nobody counts it",
                err=True,
            )
        if once:
            for verdict in validator.pass_once():
                click.echo(describe(verdict))
            return
        validator.run(stop, lambda verdict: click.echo(describe(verdict)))
        click.echo(f"validator {validator.address} ended")
