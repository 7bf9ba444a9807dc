"""Move ERA between chains: `ape metalayer transfer AMOUNT --from CHAIN --to CHAIN`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import (
    ACCOUNT,
    AMOUNT,
    CHAIN,
    Paying,
    exchange_option,
    gathered,
    json_option,
    paying_options,
    timeout_option,
)

if TYPE_CHECKING:
    from metalayer.tracking.follower import Event


@dataclass(frozen=True)
class Following:
    """Whether and how the transfer is followed."""

    no_wait: bool
    timeout: float
    exchange: Path | None


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("amount", type=AMOUNT)
@click.option(
    "--from", "origin", type=CHAIN, required=True, metavar="CHAIN", help="Chain that the ERA leaves."
)
@click.option(
    "--to", "destination", type=CHAIN, required=True, metavar="CHAIN", help="Chain where it arrives."
)
@click.option("--recipient", type=ACCOUNT, metavar="ACCOUNT", help="Who gets it; the sender if not given.")
@paying_options("TEST::3", "Who sends it.")
@gathered(
    "following",
    Following,
    click.option("--no-wait", is_flag=True, help="Do not follow it."),
    timeout_option(300.0, "Seconds to follow it."),
    exchange_option,
)
@json_option
def cli(
    amount: int,
    origin: str,
    destination: str,
    recipient: str | None,
    paying: Paying,
    following: Following,
    as_json: bool,
) -> None:
    """Move AMOUNT of ERA (such as 1.5) to another chain and follow it through every hop.

    The fee comes from the sender's credit on the origin; between two rollups, the hub takes the fee of the second hop
    out of the amount. Validators (`ape metalayer validate`) and a relayer (`ape metalayer relay watch`) carry it; any
    will do.
    """
    # `ape run` imports every script even for --help.
    from metalayer.assets import bridge
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import console, shown_on
    from metalayer.cli.words import transfer_cost
    from metalayer.errors import MetalayerError
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era
    from metalayer.protocol.hex import to_hex
    from metalayer.tracking.follower import Follower

    live = Live.open()
    start, end = live.connection(origin), live.connection(destination).chain
    name = start.chain.name
    if start.chain == end:
        raise MetalayerError(f"{name} is both ends: expected two chains")
    payer = address_of(paying.account)
    to = address_of(recipient) if recipient else payer
    transfer = bridge.prepare(live, start, end, payer, to, amount)
    if not paying.deposit:
        transfer.payment.refuse_missing()
    question = (
        f"Send {era(amount)} ERA from {name} to {end.name} with {paying.account}? {transfer_cost(transfer)}"
    )
    paying.confirm(live.network, question)
    sender = paying.sender_on(start)
    click.echo(f"fee: {transfer_cost(transfer)}", err=as_json)
    events: list[Event] = []
    with shown_on(console(quiet=as_json)) as show:

        def on_event(event: Event) -> None:
            events.append(event)
            show.event(event)

        show.wait(f"sending {era(amount)} ERA on {name}")
        follower = Follower(
            live, DirectoryExchange.of(live, following.exchange), on_event, show.wait, following.timeout
        )
        sent, receipt = bridge.send(live, sender, transfer)
        if following.no_wait:
            follower.emit("sent", name, receipt)
            result: dict[str, Any] = {
                "ids": [to_hex(sent.id)],
                "transactions": [receipt["transactionHash"]],
            }
        else:
            result = bridge.follow(follower, live.registry, sent, receipt, end.chain_id).as_dict()
    if as_json:
        result |= {"amount": str(amount), "fee": str(transfer.payment.fee)}
        print_json({**result, "events": [asdict(event) for event in events]})
    elif following.no_wait:
        click.echo(f"sent {era(amount)} ERA: `ape metalayer message {result['ids'][0]}` says where it is")
    else:
        hashes = " ".join(result["transactions"])
        arrived = era(int(result["amounts"][-1]))
        click.echo(f"{arrived} ERA from {name} to {end.name} in {result['seconds']:.1f} s: {hashes}")
