"""Compare the chains with deploy.yaml: `ape metalayer check`."""

import click

from metalayer.cli.command import DIFFERS, Command, print_json
from metalayer.cli.options import json_option


@click.command(cls=Command)
@click.option("--all", "show_all", is_flag=True, help="List what is as it should be, too.")
@json_option
def cli(show_all: bool, as_json: bool) -> None:
    """Read every chain and compare it with deploy.yaml and the registry; ask what it and its node can do.

    Exit status 0 if all is as it should be, 3 if something is not, 1 if that could not be found out. What is only a
    warning changes nothing about that.
    """
    # `ape run` imports every script even for --help.
    from metalayer.cli.chains import probe_table, show_warnings
    from metalayer.cli.display import console, table
    from metalayer.deploy.artifacts import load_artifacts
    from metalayer.deploy.check import check
    from metalayer.deploy.contracts import ARTIFACTS, predict
    from metalayer.deploy.intent import load_intent, resolve
    from metalayer.deploy.names import FACTORY
    from metalayer.deploy.probe import probe_all
    from metalayer.deploy.sets import first_sets
    from metalayer.network.config import load_network
    from metalayer.network.connection import connect
    from metalayer.network.registry import Registry
    from metalayer.network.signers import address_of
    from metalayer.protocol.hex import short

    network = load_network()
    registry = Registry.load(network)
    artifacts = load_artifacts(ARTIFACTS)
    connections = connect(network)
    intent, factory = load_intent(), artifacts[FACTORY].creation
    sets = first_sets(network, connections, predict(address_of(intent.deployer), factory))
    resolved = resolve(intent, network, address_of, factory, sets)
    probes = probe_all(connections)
    findings = check(resolved, registry, connections, artifacts)
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
        console().print(probe_table(probes))
        show_warnings(probes)
        rows = [
            (finding.chain, finding.subject, short(finding.expected), short(finding.found))
            for finding in (findings if show_all else drift)
        ]
        if rows:
            console().print(table("Check", ("chain", "what", "expected", "found"), rows))
        for advice in dict.fromkeys(finding.advice for finding in drift if finding.advice):
            click.echo(advice)
        differ = f"{len(drift)} differ from deploy.yaml" if drift else "all as deploy.yaml says"
        click.echo(f"{len(findings)} values on {len(network.chains)} chains: {differ}")
    if drift:
        raise click.exceptions.Exit(DIFFERS)
