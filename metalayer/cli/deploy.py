"""Deploy the network: `ape metalayer deploy plan / apply / status / export`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import confirm, json_option, yes_option

if TYPE_CHECKING:
    from metalayer.deploy.apply import Deployer


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
    from metalayer.network.signers import address_of, load_sender

    network = load_network()
    return Deployer(network, connect(network), load_intent(), address_of, load_sender, records_dir(network))


@cli.command()
@json_option
def plan(as_json: bool) -> None:
    """Show what `apply` would do, with addresses and gas. Sends nothing, writes nothing.

    Exit status 1 if a chain cannot hold the contracts, or something stands in their way.
    """
    from metalayer.cli.chains import show_warnings
    from metalayer.cli.deployment import plan_tables
    from metalayer.cli.display import console
    from metalayer.deploy.plan import plan_as_dict
    from metalayer.deploy.probe import probe_all

    deployer = _deployer()
    result = deployer.plan()
    probes = probe_all(deployer.connections)
    show_warnings(probes)
    if as_json:
        print_json(plan_as_dict(result) | {"probes": {one.chain: one.as_dict() for one in probes}})
        return
    out = console()
    for part in plan_tables(result):
        out.print(part)


@cli.command()
@yes_option
@json_option
def apply(yes: bool, as_json: bool) -> None:
    """Create what is missing on every chain. Run it again after a crash: it goes on where it stopped.

    Settings of what stands are not changed: the timelocks own them, and only a vote does.
    """
    from metalayer.cli.deployment import drift_words, summary
    from metalayer.cli.display import chain_progress

    deployer = _deployer()
    confirm(deployer.network, yes, f"Deploy to network '{deployer.network.name}'?")
    missing = 0
    with chain_progress(deployer.network.chains, quiet=as_json) as progress:

        def report(chain: str, what: str, left: int) -> None:
            nonlocal missing
            missing += left if what == "compared" else 0
            progress.report(chain, what, left)

        registry = deployer.apply(report)
    if as_json:
        print_json(json.loads(registry.text()))
    else:
        click.echo(f"sent {missing} transactions" if missing else "nothing to do")
        click.echo(summary(registry, deployer.registry_path))
        if words := drift_words(mend for mends in deployer.drift().values() for mend in mends):
            click.echo(words)


@cli.command()
@json_option
def status(as_json: bool) -> None:
    """The journal in words: what was sent, and what became of it."""
    from metalayer.cli.display import console, table
    from metalayer.deploy.journal import Journal, journal_rows
    from metalayer.network.config import load_network
    from metalayer.network.registry import journal_path, shown
    from metalayer.protocol.hex import short

    path = journal_path(load_network())
    rows = journal_rows(Journal(path))
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo(f"no deployment has begun (there is no {shown(path)})")
    else:
        columns = ("chain", "step", "#nonce", "transaction", "state", "#block", "#gas")
        keys = ("chain", "step", "nonce", "hash", "state", "block", "gas")
        cells = [["" if row[key] is None else short(str(row[key])) for key in keys] for row in rows]
        console().print(table("Journal", columns, cells))


@cli.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export(folder: Path) -> None:
    """Write to FOLDER: the registry, a report of the deployment, ABIs, and what block explorers take to verify it."""
    from metalayer.deploy.export import REPORT, export_files, write
    from metalayer.network.config import load_network

    files = export_files(load_network())
    write(files, folder)
    click.echo(f"wrote {len(files)} files to {folder}: registry.json, {REPORT}, ABIs, verification input")
