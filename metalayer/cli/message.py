"""One message: `ape metalayer message ID`."""

from __future__ import annotations

from pathlib import Path

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import MESSAGE_ID, Signing, exchange_option, json_option, signing_options


@click.command(cls=Command)
@click.argument("message_id", metavar="ID", type=MESSAGE_ID)
@exchange_option
@click.option(
    "--retry", "retry_it", is_flag=True, help="Call the recipient of the failed message again first."
)
@click.option(
    "--call-back",
    is_flag=True,
    help="Call the sender of the refunded message, which failed to take it, again first.",
)
@click.option(
    "--bring-home",
    "home",
    is_flag=True,
    help="Refund its sender without its destination first: its route has been closed for 60 days.",
)
@signing_options("TEST::2", "Account that retries, calls back or refunds.")
@json_option
def cli(
    message_id: bytes,
    exchange: Path | None,
    retry_it: bool,
    call_back: bool,
    home: bool,
    signing: Signing,
    as_json: bool,
) -> None:
    """Where a message is, why it failed, what to do next."""
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.words import trace_lines
    from metalayer.network.live import Live
    from metalayer.tracking import messages
    from metalayer.tracking.closures import bring_home
    from metalayer.tracking.trace import as_dict, find, look

    live = Live.open()
    meeting = DirectoryExchange.of(live, exchange)
    origin, sent = find(live.mesh, message_id)
    if retry_it:
        destination = live.connection(sent.message.destination)
        signing.confirm(live.network, f"Retry it on {destination.chain.name} with {signing.account}?")
        messages.retry(destination, signing.sender_on(destination), live.mesh.gateway, sent.message)
    if call_back:
        signing.confirm(live.network, f"Call its sender again on {origin.chain.name} with {signing.account}?")
        messages.call_back(origin, signing.sender_on(origin), live.mesh.gateway, sent.message)
    if home:
        signing.confirm(live.network, f"Refund its sender on {origin.chain.name} with {signing.account}?")
        bring_home(live.mesh, meeting, origin, signing.sender_on(origin), sent)
    trace = look(live.mesh, meeting, origin, sent)
    if as_json:
        print_json(as_dict(trace))
    else:
        click.echo(trace_lines(trace))
