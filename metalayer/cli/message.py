"""One message: `ape run message ID`."""

from pathlib import Path

import click

from metalayer.cli.command import Command, json_option, print_json


@click.command(cls=Command)
@click.argument("message_id", metavar="ID")
@click.option(
    "--exchange",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory shared with the validators.",
)
@click.option(
    "--retry", "retry_it", is_flag=True, help="Call the recipient of the failed message again first."
)
@click.option("--account", default="TEST::2", show_default=True, help="Account that retries.")
@click.option("--yes", is_flag=True, help="Do not ask, on networks that are not local.")
@json_option
def cli(
    message_id: str, exchange: Path | None, retry_it: bool, account: str, yes: bool, as_json: bool
) -> None:
    """Where a message is, why it failed, what to do next."""
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.network.live import Live
    from metalayer.network.signers import load_sender
    from metalayer.tracking.messages import parse_id, retry
    from metalayer.tracking.trace import as_dict, describe, find, look

    live = Live.open()
    origin, sent = find(live.mesh, parse_id(message_id))
    if retry_it:
        destination = live.connection(sent.message.destination)
        if not live.network.is_local and not yes:
            click.confirm(f"Retry it on {destination.chain.name} with {account}?", abort=True, err=True)
        retry(destination, load_sender(account), live.mesh.gateway, sent.message)
    shared = DirectoryExchange.of(live, exchange)
    trace = look(live.mesh, shared, origin, sent)
    if as_json:
        print_json(as_dict(trace))
    else:
        click.echo(describe(trace))
