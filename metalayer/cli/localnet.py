"""The local chains: `ape metalayer localnet up / down / status`."""

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import json_option
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
                    chain.url.rpartition(":")[2],
                    pid,
                    str(len(chain.contracts or {})),
                )
            )
        columns = ("chain", "#id", "state", "#height", "#base fee (gwei)", "#port", "#pid", "#contracts")
        console().print(table("Chains", columns, rows))
    if any(chain.state != "up" for chain in chains):
        raise click.exceptions.Exit(1)
