"""The whole network from nothing to a summary: `ape run demo`."""

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import json_option


@click.command(cls=Command)
@json_option
def cli(as_json: bool) -> None:
    """Four chains, five validators, ERA hub → arcade → perps → hub, messages, one that fails and is retried, and
    the fees that pay for it and become rewards of those who stake; three days pass, and the next validator set signs;
    then a proposal goes from its file through votes on two chains to what it changes on a third, within 16 days.

    Exit status 0 only if every number reconciles. Leaves no process behind.
    """
    # `ape run` imports every script even for --help.
    from demo.story import run
    from demo.summary import as_dict, print_summary
    from metalayer.cli.display import console

    out = console(quiet=as_json)
    summary = run(out)
    if as_json:
        print_json(as_dict(summary))
    else:
        print_summary(summary, out)
    if not summary.reconciles:
        raise click.exceptions.Exit(1)
