"""The local chains: `ape metalayer localnet up / down / status / skip`."""

from __future__ import annotations

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import DURATION, json_option
from metalayer.network import localnet
from metalayer.network.config import load_network


@click.group(cls=Group)
def cli() -> None:
    """Start, stop and show the local chains of networks.yaml."""


@cli.command()
def up() -> None:
    """Start the chains that are not running."""
    localnet.up(load_network(), say=click.echo)


@cli.command()
def down() -> None:
    """Stop the chains that `up` started."""
    localnet.down(load_network(), say=click.echo)


@cli.command()
@click.argument("duration", type=DURATION)
def skip(duration: int) -> None:
    """Let time pass on all local chains together: DURATION is a whole number and its unit, such as 14d, 36h or 90m.

    In steps of a day at most. After each, validators with test keys sign, and a relayer that TEST::2 pays for delivers
    and brings the validator sets that are due, so that none expires. Processes that are running do their part: a key
    that `validate` runs with is left to it.
    """
    from metalayer.cli.display import progress_bar
    from metalayer.protocol.dates import utc
    from metalayer.services.local import skip as run

    network = load_network()
    with progress_bar("days", duration / 86_400) as advance:
        now = run(network, duration, lambda seconds: advance(seconds / 86_400))
    click.echo(f"the chains are at {utc(now)}")


@cli.command()
@json_option
def status(as_json: bool) -> None:
    """Health, chain id, height and base fee of each chain; exit status 1 if one is not up."""
    chains = localnet.status(load_network())
    if as_json:
        print_json([chain.as_dict() for chain in chains])
    else:
        # `ape run` imports every script even for --help.
        from metalayer.cli.display import console, table

        rows = []
        for chain in chains:
            fee = "" if chain.base_fee is None else f"{chain.base_fee / 1e9:.6f}"
            height, pid = ("" if value is None else str(value) for value in (chain.height, chain.pid))
            state = chain.problem or chain.state
            rows.append(
                (
                    chain.name,
                    str(chain.chain_id),
                    state,
                    height,
                    fee,
                    chain.url.removeprefix("http://127.0.0.1:"),
                    pid,
                    str(len(chain.contracts or {})),
                )
            )
        columns = (
            "chain",
            "#id",
            "state",
            "#height",
            "#base fee (gwei)",
            "#port or node",
            "#pid",
            "#contracts",
        )
        console().print(table("Chains", columns, rows))
    if any(chain.state != "up" for chain in chains):
        raise click.exceptions.Exit(1)
