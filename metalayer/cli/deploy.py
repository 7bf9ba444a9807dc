"""Deploy the network: `ape metalayer deploy plan / apply / status / abandon / export`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import DIFFERS, Group, print_json
from metalayer.cli.options import CHAIN, confirm, json_option, yes_option
from metalayer.network.values import printable

if TYPE_CHECKING:
    from metalayer.deploy.apply import Deployer

_chain_option = click.option(
    "--chain", "only", type=CHAIN, multiple=True, metavar="CHAIN", help="Only this one; may be repeated."
)


@click.group(cls=Group)
def cli() -> None:
    """Deploy deploy.yaml to every chain of networks.yaml."""


def _deployer() -> "Deployer":
    # `ape run` imports every script even for --help.
    from metalayer.deploy.apply import Deployer
    from metalayer.deploy.intent import load_intent
    from metalayer.network.config import load_network
    from metalayer.network.connection import connect
    from metalayer.network.registry import records_dir
    from metalayer.network.signers import address_of, has_key, load_sender

    network = load_network()
    return Deployer(
        network,
        connect(network),
        load_intent(),
        address_of,
        load_sender,
        records_dir(network),
        has_key=has_key,
    )


@contextmanager
def _each_problem_a_line() -> Iterator[None]:
    from metalayer.deploy.plan import Problems

    try:
        yield
    except Problems as error:
        for problem in error.problems:
            click.echo(f"Error: {printable(problem)}", err=True)
        raise click.exceptions.Exit(1) from error


@cli.command()
@_chain_option
@click.option(
    "--unsigned",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write what is to be sent there, for a Safe and for hardware signers.",
)
@json_option
def plan(only: tuple[str, ...], unsigned: Path | None, as_json: bool) -> None:
    """Show what `apply` would do, what it costs, and who pays. Sends nothing.

    Exit status 3 if there is something to do, 0 if not: what a vote has to do is none of it. 1 if a chain cannot hold
    the contracts, if something stands in their way, or if a chain does not answer: all of it is listed.

    With --unsigned, each account's transactions on each chain are written to two files, numbered in the order of
    sending: a batch of Safe's Transaction Builder, and plain ones. When they are mined, plan again: what follows is
    known then.
    """
    from metalayer.cli.chains import show_warnings
    from metalayer.cli.deployment import plan_tables
    from metalayer.cli.display import console
    from metalayer.deploy.plan import plan_as_dict
    from metalayer.deploy.probe import probe_all
    from metalayer.deploy.unsigned import write_unsigned
    from metalayer.network.registry import shown

    deployer = _deployer()
    with _each_problem_a_line():
        result = deployer.plan(only, unsigned=unsigned is not None)
    probes = probe_all({name: deployer.connections[name] for name in result.chains})
    show_warnings(probes)
    files = [] if unsigned is None else write_unsigned(result, deployer.connections, unsigned)
    if as_json:
        print_json(plan_as_dict(result) | {"probes": {one.chain: one.as_dict() for one in probes}})
    else:
        out = console()
        for part in plan_tables(result):
            out.print(part)
        for file in files:
            click.echo(f"wrote {shown(file)}")
    if not result.is_settled:
        raise click.exceptions.Exit(DIFFERS)


@cli.command()
@_chain_option
@yes_option
@json_option
def apply(only: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Create what is missing on every chain. Run it again after a crash: it goes on where it stopped.

    All that can be known is checked on all chains before the first transaction is sent anywhere. What is not mined is
    offered for more. Settings of what stands are not changed: the timelocks own them, and only a vote does.
    """
    from metalayer.cli.deployment import drift_words, past_words, summary
    from metalayer.cli.display import chain_progress

    deployer = _deployer()
    confirm(deployer.network, yes, f"Deploy to network '{deployer.network.name}'?")
    missing = 0
    with chain_progress(only or deployer.network.chains, quiet=as_json) as progress, _each_problem_a_line():

        def report(chain: str, what: str, left: int) -> None:
            nonlocal missing
            missing += left if what == "compared" else 0
            progress.report(chain, what, left)

        registry = deployer.apply(report, only)
    if as_json:
        print_json(json.loads(registry.text()))
    else:
        click.echo(f"sent {missing} transactions" if missing else "nothing to do")
        click.echo(summary(registry, deployer.registry_path))
        result = deployer.plan(only)
        for words in (
            past_words(result),
            drift_words(mend for mends in result.drift.values() for mend in mends),
        ):
            if words:
                click.echo(words)


@cli.command()
@click.option("--all", "everything", is_flag=True, help="Show every transaction.")
@json_option
def status(everything: bool, as_json: bool) -> None:
    """The journal in words: what was sent, what it cost, and what became of it.

    Of transactions without an end: how old they are, what they offer, and what their chain says.
    """
    from metalayer.cli.deployment import journal_lines
    from metalayer.cli.display import console, table
    from metalayer.deploy.journal import Journal, journal_rows
    from metalayer.deploy.stuck import find_stuck
    from metalayer.network.config import load_network
    from metalayer.network.connection import connect
    from metalayer.network.registry import journal_path, shown
    from metalayer.protocol.hex import short

    network = load_network()
    path = journal_path(network)
    journal = Journal(path)
    rows, stuck = journal_rows(journal), find_stuck(journal, connect(network))
    if as_json:
        print_json({"sent": rows, "inFlight": [one.as_dict() for one in stuck]})
        return
    if not rows:
        click.echo(f"no deployment has begun (there is no {shown(path)})")
    elif everything:
        columns = ("chain", "step", "#nonce", "transaction", "state", "#block", "#gas")
        keys = ("chain", "step", "nonce", "hash", "state", "block", "gas")
        cells = [["" if row[key] is None else short(str(row[key])) for key in keys] for row in rows]
        console().print(table("Journal", columns, cells))
    for line in journal_lines(rows, stuck):
        click.echo(line)


@cli.command()
@_chain_option
@yes_option
def abandon(only: tuple[str, ...], yes: bool) -> None:
    """Take the places of the deployment's transactions that are not mined with empty ones, which pay more.

    Rarely needed: `apply` offers for more what is stuck. What they were to do is missing then, and `apply` does it.
    """
    deployer = _deployer()
    confirm(deployer.network, yes, f"Give up what is in flight on network '{deployer.network.name}'?")
    given_up = deployer.abandon(only)
    for flight in given_up:
        click.echo(f"{flight.chain}: gave up {flight.step}, nonce {flight.nonce} of {flight.sender}")
    click.echo("`ape metalayer deploy apply` does what is missing" if given_up else "nothing was in flight")


@cli.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export(folder: Path) -> None:
    """Write to FOLDER: the registry, a report of the deployment, ABIs, and what block explorers take to verify it."""
    from metalayer.deploy.export import REPORT, export_files, write
    from metalayer.network.config import load_network

    files = export_files(load_network())
    write(files, folder)
    click.echo(f"wrote {len(files)} files to {folder}: registry.json, {REPORT}, ABIs, verification input")
