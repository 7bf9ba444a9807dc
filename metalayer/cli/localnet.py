"""The local chains: `ape run localnet up / down / status`."""

import click
from rich.console import Console
from rich.table import Table

from metalayer.cli.command import Group, json_option, print_json
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
        table = Table("chain", "id", "state", "height", "base fee (gwei)", "port", "pid", "contracts")
        for chain in chains:
            fee = "" if chain.base_fee is None else f"{chain.base_fee / 1e9:.6f}"
            height, pid = ("" if value is None else str(value) for value in (chain.height, chain.pid))
            state = chain.problem or chain.state
            table.add_row(
                chain.name,
                str(chain.chain_id),
                state,
                height,
                fee,
                chain.url.rpartition(":")[2],
                pid,
                str(len(chain.contracts or {})),
            )
        Console().print(table)
    if any(chain.state != "up" for chain in chains):
        raise click.exceptions.Exit(1)
