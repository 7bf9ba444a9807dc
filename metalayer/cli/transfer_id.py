"""A transfer that has started: `ape metalayer transfer show ID | pay ID`."""

from __future__ import annotations

from pathlib import Path

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import (
    AMOUNT,
    MESSAGE_ID,
    Signing,
    exchange_option,
    json_option,
    signing_options,
)


@click.command(cls=Command)
@click.argument("id_", metavar="ID", type=MESSAGE_ID)
@exchange_option
@json_option
def show(id_: bytes, exchange: Path | None, as_json: bool) -> None:
    """Where the transfer ID is, hop by hop, and what to do if it does not go on.

    ID: of the transfer, or of the message that carries any of its hops.
    """
    from metalayer.assets import journeys
    from metalayer.assets.tokens import read
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import console, table
    from metalayer.network.live import Live
    from metalayer.tracking.trace import as_dict

    live = Live.open()
    found = journeys.read(live, DirectoryExchange.of(live, exchange), id_)
    if as_json:
        print_json({**found.as_dict(), "hops": [as_dict(hop) for hop in found.hops]})
        return
    home = live.connection(found.home)
    token = read(live, home, found.first.token)
    said = f"{token.text(found.first.amount)} (at home on {home.name}: {token.address}) to {found.first.to}"
    rows = [
        (
            f"{hop.origin} → {hop.destination}",
            hop.state.value,
            "; ".join(part for part in (hop.reason, hop.advice) if part),
        )
        for hop in found.hops
    ]
    console().print(table(said, ("hop", "state", "what is to be done"), rows))
    if found.fronted is not None:
        click.echo(f"{found.fronted.solver} paid the recipient {token.text(found.fronted.paid)} before")
    click.echo(found.ending)


@click.command(cls=Command)
@click.argument("id_", metavar="ID", type=MESSAGE_ID)
@click.option("--amount", type=AMOUNT, help="How much ERA; what is missing if left out.")
@signing_options("TEST::3", "Who pays.")
@json_option
def pay(id_: bytes, amount: int | None, signing: Signing, as_json: bool) -> None:
    """Pay for the next hop of the transfer ID, on its token's home.

    Only second hops that start on the hub can be prepaid by the sender; and one that came back may lack what the way to
    where it started costs. What is paid is not given back: what is not used goes along.
    """
    from metalayer.assets import passages
    from metalayer.errors import MetalayerError
    from metalayer.network.live import Live
    from metalayer.network.signers import load_signer
    from metalayer.protocol.amounts import GWEI, era
    from metalayer.protocol.hex import to_hex

    live = Live.open()
    passage = passages.read(live, id_)
    name = passage.home.name
    due = passage.missing if amount is None else -(-amount // GWEI) * GWEI
    if not due:
        raise MetalayerError(f"the next hop costs {era(passage.cost)} ERA and is paid")
    signing.confirm(live.network, f"Pay {era(due)} ERA on {name} with {signing.account}?")
    sender = signing.sender_on(passage.home)
    receipt = passages.pay(live, passage.home, sender, passage.id, due, load_signer(signing.account))
    if as_json:
        print_json({"id": to_hex(passage.id), "amount": str(due), "transaction": receipt["transactionHash"]})
    else:
        click.echo(
            f"{era(due)} ERA on {name} for the hop to {passage.destination.name}: {receipt['transactionHash']}"
        )
