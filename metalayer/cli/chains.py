"""What `ape metalayer check` and `deploy plan` print of the chains themselves."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.table import Table

from metalayer.cli.display import table
from metalayer.deploy.probe import Probe


def probe_table(probes: Sequence[Probe]) -> Table:
    """A row for each thing that was asked, a column for each chain. What is a problem has a `!`."""
    subjects = list(dict.fromkeys(one.subject for probe in probes for one in probe.results))
    cells = {
        (probe.chain, one.subject): f"{'! ' if one.problem else ''}{one.found}"
        for probe in probes
        for one in probe.results
    }
    chains = [probe.chain for probe in probes]
    rows = [(subject, *(cells.get((chain, subject), "") for chain in chains)) for subject in subjects]
    return table("Chains and their nodes", ("what", *chains), rows)


def show_warnings(probes: Sequence[Probe]) -> None:
    """On stderr, a line each."""
    for probe in probes:
        for warning in probe.warnings:
            click.echo(f"warning: {warning}", err=True)
