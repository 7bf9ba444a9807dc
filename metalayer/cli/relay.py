"""A relayer: `ape run relay once / watch / status / retry / restart / rotate`."""

import logging
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli.command import Group, json_option, print_json

if TYPE_CHECKING:
    from metalayer.relayer.passes import Relayer
    from metalayer.relayer.results import PassResult

_account = click.option("--account", default="TEST::2", show_default=True, help="Account that pays the gas.")
_exchange = click.option(
    "--exchange",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory shared with the validators.",
)
_timeout = click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a quorum.",
)


_claim_at = click.option(
    "--claim-at",
    type=click.FloatRange(min=1),
    default=10.0,
    show_default=True,
    help="Claim earnings when they are this many times what carrying the claim costs.",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask, on networks that are not local.")


@click.group(cls=Group)
def cli() -> None:
    """Deliver what is pending on all lanes, return what expired, refund its senders, claim what was earned."""
    logging.basicConfig(format="%(levelname)s: %(message)s")


@cli.command()
@_account
@_exchange
@_timeout
@_claim_at
@_yes
@json_option
def once(
    account: str, exchange: Path | None, timeout: float, claim_at: float, yes: bool, as_json: bool
) -> None:
    """One pass: everything that is final now. Exit status 1 if something of it could not be done."""
    relayer = _relayer(account, exchange, timeout, claim_at, yes)
    result = relayer.relay_once(lambda line: click.echo(line, err=as_json))
    if as_json:
        print_json(asdict(result))
    else:
        _print_pass(result)
    if result.all_problems:
        raise click.exceptions.Exit(1)


@cli.command()
@_account
@_exchange
@_timeout
@_claim_at
@click.option(
    "--every",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Seconds between two passes.",
)
@_yes
def watch(
    account: str, exchange: Path | None, timeout: float, claim_at: float, every: float, yes: bool
) -> None:
    """Pass after pass until SIGTERM or Ctrl-C."""
    from metalayer.relayer.passes import watch as run

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(_relayer(account, exchange, timeout, claim_at, yes), stop, every, click.echo)


@cli.command()
@_exchange
@click.option(
    "--stuck-after",
    default=600.0,
    show_default=True,
    help="Seconds that a message may wait.",
)
@json_option
def status(exchange: Path | None, stuck_after: float, as_json: bool) -> None:
    """Every lane: how far it is, what failed or goes back, and the validator sets. Exit status 1 if one is stuck."""
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import console, table
    from metalayer.network.live import Live
    from metalayer.protocol.amounts import GWEI, era
    from metalayer.tracking.status import status as read

    live = Live.open()
    found = read(live.mesh, DirectoryExchange.of(live, exchange))
    stuck = [lane for lane in found.lanes if lane.stuck(stuck_after)]
    problems = [*found.problems, *(one.problem for one in found.sets if one.problem)]
    if as_json:
        lanes = [{**asdict(lane), "stuck": lane in stuck} for lane in found.lanes]
        print_json({"lanes": lanes, "sets": [asdict(one) for one in found.sets], "problems": problems})
    else:
        named = {f"{lane.origin} → {lane.destination}": lane for lane in found.lanes}
        rows = [
            (
                name,
                *map(str, (lane.sent, lane.finalized, lane.signed, lane.delivered)),
                "" if lane.oldest_pending is None else str(lane.oldest_pending),
                "stands still" if lane.problem else "stuck" if lane in stuck else "ok",
            )
            for name, lane in named.items()
        ]
        columns = ("lane", "#sent", "#final", "#signed", "#delivered", "#oldest (s)", "state")
        console().print(table("Lanes", columns, rows))
        unended = [
            (name, *map(str, (lane.failed, lane.expired, lane.returning)), era(lane.escrow * GWEI))
            for name, lane in named.items()
            if lane.failed or lane.expired or lane.returning or lane.escrow
        ]
        if unended:
            unended_columns = ("lane", "#failed", "#expired", "#returning", "#escrow (ERA)")
            console().print(table("Not ended yet", unended_columns, unended))
        sets = [(one.chain, str(one.version), f"{one.seconds_left / 86_400:.1f}") for one in found.sets]
        console().print(table("Validator sets", ("chain", "#version", "#days left"), sets))
        problems = [*(f"{name}: {lane.problem}" for name, lane in named.items() if lane.problem), *problems]
        for problem in problems:
            click.echo(problem, err=True)
    if stuck or problems:
        raise click.exceptions.Exit(1)


@cli.command()
@click.argument("message_id", metavar="ID")
@_account
@_yes
def retry(message_id: str, account: str, yes: bool) -> None:
    """Call the recipient of a failed message again."""
    from metalayer.network.live import Live
    from metalayer.network.signers import load_sender
    from metalayer.tracking.messages import parse_id
    from metalayer.tracking.messages import retry as send
    from metalayer.tracking.trace import find

    live = Live.open()
    _, sent = find(live.mesh, parse_id(message_id))
    destination = live.connection(sent.message.destination)
    _confirm(live.network.is_local or yes, f"Retry {message_id} on {destination.chain.name}?")
    receipt = send(destination, load_sender(account), live.mesh.gateway, sent.message)
    click.echo(f"delivered on {destination.chain.name} in {receipt['transactionHash']}")


@cli.command()
@click.argument("origin")
@click.argument("destination")
@click.option(
    "--nonce",
    type=click.IntRange(min=1),
    help="Place of the restart; by default well above all that both ends know of.",
)
@click.option("--account", default="TEST::1", show_default=True, help="Owner of the origin's gateway.")
@_yes
@json_option
def restart(origin: str, destination: str, nonce: int | None, account: str, yes: bool, as_json: bool) -> None:
    """Restart the lane from ORIGIN to DESTINATION, which a reorganisation of ORIGIN broke. Only its owner.

    Messages that the destination did not have go back to their senders. See docs/incidents.md before you do it.
    """
    from metalayer.lanes.restart import restart as send
    from metalayer.network.live import Live
    from metalayer.network.signers import load_sender

    live = Live.open()
    here, there = live.connection(origin), live.connection(destination)
    question = f"Restart the lane from {here.chain.name} to {there.chain.name}? What is on its way goes back."
    _confirm(live.network.is_local or yes, question)
    place, receipt = send(live.mesh, here, there, load_sender(account), nonce)
    if as_json:
        print_json({"nonce": place, "transaction": receipt["transactionHash"]})
    else:
        click.echo(f"the lane goes on behind {place}: {receipt['transactionHash']}")
        click.echo("`ape run relay once` makes the destination follow, once that is final and signed")


@cli.command()
@click.option(
    "--set",
    "file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file of the next validator set: that of `ape run validate --next-set`.",
)
@_account
@_exchange
@_timeout
@_yes
@json_option
def rotate(file: Path, account: str, exchange: Path | None, timeout: float, yes: bool, as_json: bool) -> None:
    """Install the next validator set on every chain. Exit status 1 if one of them does not have it then."""
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.attesting.rotation import propose_and_rotate
    from metalayer.attesting.set_file import load_set
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of, load_sender

    live = Live.open()
    following = load_set(file, address_of)
    name = f"validator set {following.version} (0x{following.hash.hex()})"
    _confirm(live.network.is_local or yes, f"Install {name} on network '{live.network.name}' with {account}?")
    outcomes = propose_and_rotate(
        live.mesh,
        DirectoryExchange.of(live, exchange),
        dict.fromkeys(live.mesh.connections, load_sender(account)),
        following,
        timeout,
        lambda line: click.echo(line, err=as_json),
    )
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            click.echo(str(outcome), err=bool(outcome.problem))
    if any(outcome.problem for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _relayer(account: str, exchange: Path | None, timeout: float, claim_at: float, yes: bool) -> "Relayer":
    # `ape run` imports every script even for --help.
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.network.live import Live
    from metalayer.network.signers import load_sender
    from metalayer.relayer.passes import Relayer

    live = Live.open()
    _confirm(live.network.is_local or yes, f"Relay on network '{live.network.name}' with {account}?")
    senders = dict.fromkeys(live.mesh.connections, load_sender(account))
    shared = DirectoryExchange.of(live, exchange)
    return Relayer(live.mesh, shared, senders, timeout, claim_at)


def _confirm(sure: bool, question: str) -> None:
    if not sure:
        click.confirm(question, abort=True, err=True)


def _print_pass(result: "PassResult") -> None:
    from metalayer.cli.display import console, table

    if result.deliveries:
        columns = (
            "chain",
            "#delivered",
            "#failed",
            "#of them late",
            "#transactions",
            "#gas used",
            "#seconds",
        )
        rows: list[tuple[Any, ...]] = [
            (
                d.chain,
                str(d.delivered),
                str(d.failed),
                str(d.expired),
                str(len(d.transactions)),
                f"{d.gas_used:,}",
                f"{d.seconds:.2f}",
            )
            for d in result.deliveries
        ]
        console().print(table("Delivered", columns, rows))
    elif not result.pending:
        click.echo("nothing to deliver")
    settled = [one for one in result.settled if one.transactions]
    if settled:
        headings = ("chain", "#returned", "#refunded", "#claims sent", "#transactions", "#gas used")
        console().print(
            table(
                "Settled",
                headings,
                [
                    (
                        one.chain,
                        *map(str, (one.returned, one.refunded, one.claimed, len(one.transactions))),
                        f"{one.gas_used:,}",
                    )
                    for one in settled
                ],
            )
        )
    if result.not_final:
        click.echo(f"{result.not_final} messages sent but not final yet")
    for problem in result.all_problems:
        click.echo(problem, err=True)
