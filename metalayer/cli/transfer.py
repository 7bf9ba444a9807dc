"""Move ERA between chains: `ape run transfer AMOUNT --from CHAIN --to CHAIN`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli.command import Command, json_option, print_json

if TYPE_CHECKING:
    from metalayer.tracking.follower import Event


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("amount")
@click.option("--from", "origin", required=True, metavar="CHAIN", help="Chain that the ERA leaves.")
@click.option("--to", "destination", required=True, metavar="CHAIN", help="Chain where it arrives.")
@click.option("--recipient", metavar="ACCOUNT", help="Who gets it; the sender if not given.")
@click.option("--account", default="TEST::3", show_default=True, help="Who sends it.")
@click.option("--no-wait", is_flag=True, help="Do not follow it.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=300.0, show_default=True, help="Seconds to follow it."
)
@click.option(
    "--exchange", type=click.Path(file_okay=False, path_type=Path), help="Directory of the validators."
)
@click.option(
    "--deposit/--no-deposit",
    default=True,
    show_default=True,
    help="Put what is missing for the fee into the credit first.",
)
@click.option("--yes", is_flag=True, help="Do not ask, on networks that are not local.")
@json_option
def cli(
    amount: str,
    origin: str,
    destination: str,
    recipient: str | None,
    account: str,
    no_wait: bool,
    timeout: float,
    exchange: Path | None,
    deposit: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Move AMOUNT of ERA (such as 1.5) to another chain and follow it through every hop.

    The fee comes from the sender's credit on the origin; between two rollups, the hub takes the fee of the second hop
    out of the amount. Validators (`ape run validate`) and a relayer (`ape run relay watch`) carry it; any will do.
    """
    # `ape run` imports every script even for --help.
    from metalayer.assets import bridge
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import console
    from metalayer.errors import MetalayerError
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of, load_sender
    from metalayer.protocol.amounts import era, parse_era
    from metalayer.protocol.hex import to_hex
    from metalayer.tracking.follower import Follower, shown_on

    wei = parse_era(amount)
    live = Live.open()
    start, end = live.connection(origin), live.connection(destination).chain
    name = start.chain.name
    if start.chain == end:
        raise MetalayerError(f"{name} is both ends: expected two chains")
    payer = address_of(account)
    to = address_of(recipient) if recipient else payer
    transfer = bridge.prepare(live, start, end, payer, to, wei)
    if not deposit:
        transfer.payment.refuse_missing()
    if not live.network.is_local and not yes:
        question = f"Send {era(wei)} ERA from {name} to {end.name} with {account}? {transfer.describe()}"
        click.confirm(question, abort=True, err=True)
    sender = load_sender(account)
    click.echo(f"fee: {transfer.describe()}", err=as_json)
    events: list[Event] = []
    with shown_on(console(quiet=as_json)) as show:

        def on_event(event: Event) -> None:
            events.append(event)
            show.event(event)

        show.wait(f"sending {era(wei)} ERA on {name}")
        follower = Follower(live, DirectoryExchange.of(live, exchange), on_event, show.wait, timeout)
        sent, receipt = bridge.send(live, sender, transfer)
        if no_wait:
            follower.emit("sent", name, receipt)
            result: dict[str, Any] = {
                "ids": [to_hex(sent.id)],
                "transactions": [receipt["transactionHash"]],
            }
        else:
            result = bridge.follow(follower, live.registry, sent, receipt, end.chain_id).as_dict()
    if as_json:
        result |= {"amount": str(wei), "fee": str(transfer.payment.fee)}
        print_json({**result, "events": [asdict(event) for event in events]})
    elif no_wait:
        click.echo(f"sent {era(wei)} ERA: `ape run message {result['ids'][0]}` says where it is")
    else:
        hashes = " ".join(result["transactions"])
        arrived = era(int(result["amounts"][-1]))
        click.echo(f"{arrived} ERA from {name} to {end.name} in {result['seconds']:.1f} s: {hashes}")
