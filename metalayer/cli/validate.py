"""A validator process: `ape metalayer validate --key ACCOUNT`."""

import logging
import signal
import threading
from pathlib import Path

import click

from metalayer.cli.command import Command
from metalayer.cli.options import ACCOUNT, CHAIN, exchange_option
from metalayer.errors import MetalayerError


@click.command(cls=Command)
@click.option(
    "--key",
    type=ACCOUNT,
    required=True,
    metavar="ACCOUNT",
    help="Account that signs: an alias, or TEST::5 locally.",
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of everything that this key signed.",
)
@exchange_option
@click.option("--once", is_flag=True, help="Judge what is proposed now, then end.")
@click.option(
    "--new-record",
    is_flag=True,
    help="Begin the record. Only for a key that never signed in this network: what it signed before binds it.",
)
@click.option(
    "--trust-again",
    type=CHAIN,
    metavar="CHAIN",
    help="Sign again for a chain that was seen reorganised below its finality, from what it says now; then end.",
)
@click.option(
    "--although-accused",
    is_flag=True,
    help="Start although somebody showed that the validator contradicted itself.",
)
def cli(
    key: str,
    record: Path | None,
    exchange: Path | None,
    once: bool,
    new_record: bool,
    trust_again: str | None,
    although_accused: bool,
) -> None:
    """Sign proposed facts that are true and contradict nothing signed before. Ends on SIGTERM or Ctrl-C.

    Each chain is read through the `nodes` that networks.yaml names for it, and a fact is signed if as many of them as
    `agree` says (more than half, by default) say the same. If fewer answer, nothing is signed for that chain. A chain
    that loses a block that was final is not signed for any more: find out why, stop the validator, run it with
    --trust-again CHAIN, and start it.

    The record is everything that the key ever signed. Without it the key must not sign: a record that is missing,
    damaged or another validator's is refused. The first start of a key needs --new-record, except where all chains are
    local ones.

    After `ape metalayer stake rotate-key` the new key goes on with the record of the old one, which is found by itself
    if it is where it was, and named with --record if not: what either signs binds both. Both may run at once, on one
    machine, with one record. Staking says whose the keys are.

    A validator set is signed for the other chains if it is the newest that Staking had published on the hub by its
    final block. Who left the set goes on: chains that still have an old set wait for its members, until a week after
    it expired.
    """
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.words import verdict_line
    from metalayer.network.live import Live
    from metalayer.network.nodes import PATIENCE
    from metalayer.network.signers import load_signer
    from metalayer.staking.standing import Standing, read_standing
    from metalayer.validator.process import Validator
    from metalayer.validator.record import record_file

    logging.basicConfig(format="%(levelname)s: %(message)s")
    signer = load_signer(key)
    # One broken chain keeps nobody from signing for the others.
    live = Live.open(PATIENCE, forgiving=True)
    standing: Standing | None = None
    doubt = ""
    try:
        standing = read_standing(live.mesh, signer.address)
    except MetalayerError as error:
        doubt = f"how {signer.address} stands with Staking is not known: {error}"
    elders = dict(standing.elders) if standing else {}
    if standing and standing.conviction and not although_accused:
        raise MetalayerError(
            f"{standing.conviction}: find out why before it signs anything more, then start it with "
            "--although-accused"
        )
    path = record or record_file(live.folder() / "records", signer.address, elders)
    begin = new_record or (live.network.is_local and not path.exists())
    if begin and not path.exists() and not (standing and standing.validator):
        why = standing.warnings[0] if standing else doubt
        raise MetalayerError(
            f"no record is begun: what a key signs binds the validator that it belongs to: {why}"
        )
    validator = Validator.open(
        signer, live.mesh, DirectoryExchange.of(live, exchange), path, begin=begin, elders=elders
    )
    if trust_again is not None:
        with validator.record:
            how = validator.chains.trust_again(trust_again)
        click.echo(f"{trust_again} is signed for again, from what it says now ({how})")
        return
    stop = threading.Event()
    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with validator.record:
        click.echo(f"validator {validator.address} reads {validator.exchange}")
        for line in validator.memberships():
            click.echo(line, err=line.startswith("warning"))
        for line in (*([doubt] if standing is None else standing.warnings), *validator.chains.warnings()):
            click.echo(f"warning: {line}", err=True)
        if once:
            for verdict in validator.pass_once():
                click.echo(verdict_line(verdict))
            return
        validator.run(stop, lambda verdict: click.echo(verdict_line(verdict)))
        click.echo(f"validator {validator.address} ended")
