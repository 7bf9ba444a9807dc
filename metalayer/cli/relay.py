"""A relayer: `ape metalayer relay once / watch / status / restart / recover`."""

from __future__ import annotations

import logging
import signal
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli import relay_recover
from metalayer.cli.command import Group, print_json
from metalayer.cli.options import (
    CHAIN,
    NONCE,
    SECONDS,
    Option,
    Signing,
    account_option,
    decimal,
    exchange_option,
    gathered,
    json_option,
    signing_options,
    timeout_option,
    whole,
    yes_option,
)

if TYPE_CHECKING:
    from metalayer.network.live import Live
    from metalayer.relayer.passes import Relayer

_timeout = timeout_option(60.0, "Seconds to wait for a quorum.")
_DAY = 86_400
_memory_option: Option[Any] = click.option(
    "--memory",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of what failed, and of what relayers spent and earned; in the network's folder by default.",
)


def _memory_file(live: Live, given: Path | None) -> Path:
    return given or live.folder() / "relayer.sqlite"


@dataclass(frozen=True)
class Relaying(Signing):
    """How a relayer works."""

    exchange: Path | None
    timeout: float
    claim_at: float
    unbacked_gas: int
    keeper_gas: int
    memory: Path | None

    def open(self) -> Relayer:
        """The relayer, after the question."""
        from metalayer.attesting.directory import DirectoryExchange
        from metalayer.network.live import Live
        from metalayer.network.signers import load_sender
        from metalayer.relayer.memory import Memory
        from metalayer.relayer.passes import Relayer
        from metalayer.staking.keeper import Keeper

        live = Live.open(passing=True)
        self.confirm(live.network, f"Relay on network '{live.network.name}' with {self.account}?")
        senders = dict.fromkeys(live.mesh.connections, load_sender(self.account))
        shared = DirectoryExchange.of(live, self.exchange)
        memory = Memory.open(_memory_file(live, self.memory))
        return Relayer(
            live.mesh,
            shared,
            senders,
            self.timeout,
            self.claim_at,
            memory,
            self.unbacked_gas,
            keeper=Keeper(live.mesh, shared, senders, memory, self.keeper_gas),
            bridge=live.registry.address("TokenBridge"),
        )


_relaying = gathered(
    "relaying",
    Relaying,
    account_option("TEST::2", "Account that pays the gas."),
    exchange_option,
    _timeout,
    click.option(
        "--claim-at",
        type=decimal(1, 1_000_000),
        default=10.0,
        show_default=True,
        help="Claim earnings when they are this many times what carrying the claim costs.",
    ),
    click.option(
        "--unbacked-gas",
        type=whole(0, 1 << 50),
        default=200_000_000,
        show_default=True,
        help="Gas that one lane's messages may cost in 24 hours before their origin pays for them.",
    ),
    click.option(
        "--keeper-gas",
        type=whole(0, 1 << 50),
        default=10_000_000,
        show_default=True,
        help="Gas that terms and whatever else nobody pays for may cost on one chain in 24 hours.",
    ),
    _memory_option,
    yes_option,
)


@click.group(cls=Group)
def cli() -> None:
    """Deliver what is pending on all lanes, return what expired, refund its senders, claim what was earned; and keep
    validator sets, check-ins, cases and fees going.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s")


cli.add_command(relay_recover.recover)


@cli.command()
@_relaying
@click.option("--again", is_flag=True, help="Try at once, too, what failed before and waits.")
@json_option
def once(relaying: Relaying, again: bool, as_json: bool) -> None:
    """One pass: everything that is final now.

    What failed before waits longer each time, over restarts (--again). Exit status 0 if all was done that can be; what
    only a message's own sender or recipient can mend is listed, and changes nothing about that. 1 if something else
    could not be done: a chain is silent, slow or out of ether, a lane stands still, a quorum is missing. 2 if the
    command is wrong.
    """
    from metalayer.cli.display import console
    from metalayer.cli.tables import pass_tables

    relayer = relaying.open()
    if again:
        relayer.memory.forgive()
    result = relayer.relay_once(lambda line: click.echo(line, err=as_json))
    if as_json:
        print_json(asdict(result))
    else:
        for part in pass_tables(result):
            console().print(part)
        if not result.deliveries and not result.pending:
            click.echo("nothing to deliver")
        if result.not_final:
            click.echo(f"{result.not_final} messages sent but not final yet")
        for line in (*result.put_off, *result.all_problems):
            click.echo(line, err=True)
    if result.all_problems:
        raise click.exceptions.Exit(1)


@cli.command()
@_relaying
@click.option(
    "--every",
    type=SECONDS,
    default=1.0,
    show_default=True,
    help="Seconds between two passes.",
)
def watch(relaying: Relaying, every: float) -> None:
    """Pass after pass until SIGTERM or Ctrl-C."""
    from metalayer.relayer.passes import watch as run

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(relaying.open(), stop, every, click.echo)


@cli.command()
@exchange_option
@_memory_option
@click.option(
    "--stuck-after",
    type=SECONDS,
    default=600.0,
    show_default=True,
    help="Seconds that a message may wait.",
)
@json_option
def status(exchange: Path | None, memory: Path | None, stuck_after: float, as_json: bool) -> None:
    """Every lane: how far it is, what failed or goes back; the validator sets; what this folder's relayers spent and
    earned, what failed and why.

    Exit status 0 if nothing is stuck; 1 if a lane is, or a chain does not answer, or a validator set expires; 2 if the
    command is wrong. A message whose own sender keeps it from ending is listed, and changes nothing about that.
    """
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import console
    from metalayer.cli.tables import books_table, lane_problems, put_off_table, status_tables
    from metalayer.network.live import Live
    from metalayer.protocol.hex import to_hex
    from metalayer.relayer.memory import ITEMS, Memory
    from metalayer.tracking.status import status as read

    live = Live.open()
    file = _memory_file(live, memory)
    known = Memory.open(file) if file.exists() else Memory.fleeting()
    books, last_day, put_off = known.books(), known.books(time.time() - _DAY), known.attempts(*ITEMS)
    known.close()
    names = {connection.chain_id: name for name, connection in live.mesh.connections.items()}
    found = read(live.mesh, DirectoryExchange.of(live, exchange))
    stuck = [lane for lane in found.lanes if lane.stuck(stuck_after)]
    problems = [*found.problems, *(one.problem for one in found.sets if one.problem)]
    if as_json:
        lanes = [{**asdict(lane), "stuck": lane in stuck} for lane in found.lanes]
        print_json(
            {
                "lanes": lanes,
                "sets": [asdict(one) for one in found.sets],
                "term": found.term and {**asdict(found.term), "set_hash": to_hex(found.term.set_hash)},
                "problems": problems,
                "books": [{**asdict(one), "wei": str(one.wei)} for one in books],
                "last_day": [{**asdict(one), "wei": str(one.wei)} for one in last_day],
                "put_off": [one._asdict() for one in put_off],
            }
        )
    else:
        for part in status_tables(found, stuck):
            console().print(part)
        if found.term is not None and not found.term.problem:
            click.echo(found.term.outlook)
        for part in (*books_table(books, last_day, names), *put_off_table(put_off, names)):
            console().print(part)
        for problem in (*lane_problems(found), *problems):
            click.echo(problem, err=True)
    if stuck or problems:
        raise click.exceptions.Exit(1)


@cli.command()
@click.argument("origin", type=CHAIN)
@click.argument("destination", type=CHAIN)
@click.option(
    "--nonce",
    type=NONCE,
    help="Place of the restart; by default well above all that both ends know of.",
)
@signing_options("TEST::4", "Council of the origin.")
@json_option
def restart(origin: str, destination: str, nonce: int | None, signing: Signing, as_json: bool) -> None:
    """Restart the lane from ORIGIN to DESTINATION, which a reorganisation of ORIGIN broke. Only ORIGIN's
    council, once a week and lane.

    Messages that the destination did not have go back to their senders. See docs/incidents.md before you do it.
    """
    from metalayer.lanes.restart import restart as send
    from metalayer.network.live import Live

    live = Live.open()
    here, there = live.connection(origin), live.connection(destination)
    question = f"Restart the lane from {here.chain.name} to {there.chain.name}? What is on its way goes back."
    signing.confirm(live.network, question)
    place, receipt = send(live.mesh, here, there, signing.sender_on(here), nonce)
    if as_json:
        print_json({"nonce": place, "transaction": receipt["transactionHash"]})
    else:
        click.echo(f"the lane goes on behind {place}: {receipt['transactionHash']}")
        click.echo("`ape metalayer relay once` makes the destination follow, once that is final and signed")
