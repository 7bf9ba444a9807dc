"""Send a message: `ape run send DESTINATION RECIPIENT --text hello`."""

import click

from metalayer.cli.command import Command, json_option, print_json


@click.command(cls=Command)
@click.argument("destination")
@click.argument("recipient")
@click.option("--payload", metavar="HEX", help="What the recipient gets, as 0x...")
@click.option("--text", help="The same, as text.")
@click.option("--from", "origin", metavar="CHAIN", help="Chain to send from; the hub by default.")
@click.option(
    "--gas-limit", type=click.IntRange(min=0), help="Gas for the recipient; the route's default if left out."
)
@click.option(
    "--deliver-before", type=click.IntRange(min=0), help="Unix time; two weeks from now if left out."
)
@click.option("--account", default="TEST::3", show_default=True, help="Account that sends.")
@click.option(
    "--wait", is_flag=True, help="Follow it until it is delivered or failed; exit status 1 if it failed."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=120.0, show_default=True, help="Seconds to follow it."
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
    destination: str,
    recipient: str,
    payload: str | None,
    text: str | None,
    origin: str | None,
    gas_limit: int | None,
    deliver_before: int | None,
    account: str,
    wait: bool,
    timeout: float,
    deposit: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send a message to the contract RECIPIENT on the chain DESTINATION, from another chain.

    The fee comes from the sender's credit on the origin.
    """
    from metalayer.assets import credit
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.errors import MetalayerError
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of, load_sender
    from metalayer.tracking.messages import Draft, parse_payload, parse_recipient, send
    from metalayer.tracking.trace import State, as_dict, describe
    from metalayer.tracking.trace import wait as wait_for

    live = Live.open()
    source = live.connection(origin or live.network.hub.name)
    target = live.connection(destination).chain
    data = parse_payload(payload, text)
    to = parse_recipient(recipient)
    if source.chain == target:
        raise MetalayerError(f"{target.name} is both ends: expected two chains")
    fee = credit.quote(source, live.mesh.gateway, target.chain_id, gas_limit, len(data))
    due = credit.payment(source, live.registry, address_of(account), fee)
    if deposit:
        due.refuse_too_poor()
    else:
        due.refuse_missing()
    if not live.network.is_local and not yes:
        question = f"Send {len(data)} bytes from {source.chain.name} with {account}? {due.describe()}"
        click.confirm(question, abort=True, err=True)
    sender = load_sender(account)
    click.echo(f"fee: {due.describe()}", err=as_json)
    if due.missing:
        source.send_many(sender, credit.preparation(live.registry, due))
    receipt, id_ = send(
        source, sender, live.mesh.gateway, Draft(target.chain_id, to, data, gas_limit, deliver_before)
    )
    if not wait:
        if as_json:
            print_json({"id": "0x" + id_.hex(), "transaction": receipt["transactionHash"], "fee": str(fee)})
        else:
            click.echo(f"sent 0x{id_.hex()} from {source.chain.name} to {target.name}")
            click.echo(f"follow it with `ape run message 0x{id_.hex()}`")
        return
    trace = wait_for(
        live.mesh,
        DirectoryExchange.of(live),
        id_,
        timeout,
    )
    if as_json:
        print_json(as_dict(trace))
    else:
        click.echo(describe(trace))
    if trace.state is not State.DELIVERED:
        raise click.exceptions.Exit(1)
