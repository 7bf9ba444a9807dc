"""Measure: `ape run bench gas`."""

import json
import os

import click

from metalayer.cli import Group, json_option, print_json

_PORT_OFFSET = "800"


@click.group(cls=Group)
def cli() -> None:
    """Measure on chains of its own; figures go to benchmarks/, sorted, so that a diff shows every change."""


@cli.command()
@json_option
def gas(as_json: bool) -> None:
    """Gas of whole transactions and sizes of code, to benchmarks/gas.json."""
    os.environ["METALAYER_PORT_OFFSET"] = _PORT_OFFSET
    from ape import networks

    from metalayer.accounts import address_of, load_sender
    from metalayer.artifacts import code_sizes
    from metalayer.benchmark import GasBenchmark
    from metalayer.chain import connect
    from metalayer.deployment import Deployer
    from metalayer.intent import load_intent
    from metalayer.network import load_network, repo_root
    from metalayer.registry import records_dir

    network = load_network()
    for name in network.chains:
        # Ape starts a chain that mines a block per transaction, and stops it when this process ends.
        networks.parse_network_choice(f"metalayer:{name}").push_provider()
    connections = connect(network)
    deployer = Deployer(network, connections, load_intent(), address_of, load_sender, records_dir(network))
    registry = deployer.apply(lambda chain, step, left: None)
    benchmark = GasBenchmark(
        connections, registry, address_of("TEST::3"), lambda name: click.echo(name, err=True)
    )
    figures = {
        "code_size": code_sizes(["Create3Factory", "ERA", "Metalayer", "TokenBridge"]),
        "gas": benchmark.run(),
    }
    path = repo_root() / "benchmarks" / "gas.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if as_json:
        print_json(figures)
    else:
        for name, value in {**figures["gas"], **figures["code_size"]}.items():
            click.echo(f"{name:20} {value:>10,}")
