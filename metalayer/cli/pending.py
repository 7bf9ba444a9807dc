"""What an account sent and is not mined: `ape metalayer pending --account ACCOUNT [--cancel]`."""

from __future__ import annotations

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import Signing, json_option, signing_options


@click.command(cls=Command)
@signing_options("TEST::2", "Account whose transactions are looked for.")
@click.option("--cancel", is_flag=True, help="Take their places with empty transactions that pay more.")
@json_option
def cli(signing: Signing, cancel: bool, as_json: bool) -> None:
    """Transactions of an account that every chain's node has and no block, by nonce.

    A program that was killed leaves some; so does a fee that became too low. A running one replaces its own: cancel
    only what nobody waits for. Exit status 1 if one is left, or if a node does not answer.
    """
    from metalayer.errors import MetalayerError
    from metalayer.network.config import load_network
    from metalayer.network.connection import connect, fault
    from metalayer.network.signers import address_of, load_sender

    network = load_network()
    address = address_of(signing.account)
    found: dict[str, list[int]] = {}
    problems: list[str] = []
    for name, connection in connect(network).items():
        try:
            found[name] = connection.pending(address)
            if cancel and found[name]:
                nonces = ", ".join(map(str, found[name]))
                signing.confirm(network, f"Cancel what {address} sent on {name} with nonce {nonces}?")
                connection.cancel(load_sender(signing.account), found[name])
                found[name] = connection.pending(address)
        except MetalayerError as error:
            problems.append(fault(connection, error))
    if as_json:
        print_json({"account": address, "pending": found, "problems": problems})
    else:
        for name, left in found.items():
            click.echo(f"{name}: " + (f"nonce {', '.join(map(str, left))}" if left else "nothing"))
        for problem in problems:
            click.echo(problem, err=True)
    if problems or any(found.values()):
        raise click.exceptions.Exit(1)
