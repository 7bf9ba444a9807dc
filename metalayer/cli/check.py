"""Compare the chains with deploy.yaml: `ape metalayer check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import DIFFERS, Command, print_json
from metalayer.cli.options import NODE, json_option

if TYPE_CHECKING:
    from metalayer.deploy.check import Finding
    from metalayer.deploy.probe import Probe


@click.command(cls=Command)
@click.option("--all", "show_all", is_flag=True, help="List what is as it should be, too.")
@click.option(
    "--unchecked",
    is_flag=True,
    help="List by which keys views are compared, and which are not, and why. Reads no chain.",
)
@click.option(
    "--registry",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check the deployment of this registry.json instead of your own: accounts are those that it names.",
)
@click.option(
    "--rpc",
    "nodes",
    type=NODE,
    multiple=True,
    metavar="CHAIN=URL",
    help="Read a chain through this node, not through that of networks.yaml. Repeatable.",
)
@json_option
def cli(
    show_all: bool, unchecked: bool, path: Path | None, nodes: Sequence[tuple[str, str]], as_json: bool
) -> None:
    """Read every chain and compare it with deploy.yaml and the registry; ask what it and its node can do.

    Exit status 0 if all is as it should be, 3 if something is not, 1 if that could not be found out. What is only a
    warning changes nothing about that.

    A deployment of others is verified from a clone alone: with --registry no state and no account of yours is read.
    """
    # `ape run` imports every script even for --help.
    from metalayer.deploy.check import check_deployment
    from metalayer.deploy.strangers import read_through
    from metalayer.network.config import load_network

    if unchecked:
        _show_unchecked(as_json)
        return
    network = read_through(load_network(), nodes)
    findings, probes = check_deployment(network, path)
    drift = [finding for finding in findings if finding.is_drift]
    if as_json:
        print_json(
            {
                "clean": not drift,
                "findings": [finding.as_dict() for finding in findings],
                "probes": {one.chain: one.as_dict() for one in probes},
            }
        )
    else:
        _show(findings if show_all else drift, probes)
        for advice in dict.fromkeys(line for finding in drift for line in finding.advice.splitlines()):
            click.echo(advice)
        differ = f"{len(drift)} differ from deploy.yaml" if drift else "all as deploy.yaml says"
        click.echo(f"{len(findings)} values on {len(network.chains)} chains: {differ}")
        if show_all:
            click.echo("what is not compared, and why: `ape metalayer check --unchecked`")
    if drift:
        raise click.exceptions.Exit(DIFFERS)


def _show(findings: Sequence[Finding], probes: Sequence[Probe]) -> None:
    from metalayer.cli.chains import probe_table, show_warnings
    from metalayer.cli.display import console, table
    from metalayer.protocol.hex import short

    console().print(probe_table(probes))
    show_warnings(probes)
    rows = [(*astuple(finding)[:3], short(finding.expected), short(finding.found)) for finding in findings]
    if rows:
        columns = ("chain", "contract", "what", "expected", "found")
        console().print(table("Check", columns, rows))


def _show_unchecked(as_json: bool) -> None:
    from metalayer.cli.display import console, table
    from metalayer.deploy.coverage import COVERAGE, unchecked

    rows = list(unchecked())
    checked = {contract: dict(views.checked) for contract, views in COVERAGE.items()}
    if as_json:
        keys = ("contract", "view", "reason")
        print_json({"unchecked": [dict(zip(keys, row, strict=True)) for row in rows], "checked": checked})
        return
    by_keys = [
        (contract, view, keys) for contract, views in checked.items() for view, keys in views.items() if keys
    ]
    out = console()
    out.print(table("Compared for some keys", ("contract", "view", "keys"), by_keys))
    out.print(table("Not compared", ("contract", "view", "why"), rows))
    count = sum(map(len, checked.values()))
    click.echo(f"{count} views are compared, {len(rows)} are not")
