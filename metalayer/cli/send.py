"""Send a message: `ape metalayer send DESTINATION RECIPIENT --text hello`."""

from __future__ import annotations

from dataclasses import dataclass

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import (
    ADDRESS,
    CHAIN,
    MOMENT,
    PAYLOAD,
    TEXT,
    Paying,
    gas_limit_option,
    gathered,
    json_option,
    paying_options,
    timeout_option,
)


@dataclass(frozen=True)
class Letter:
    """A message as it is typed."""

    destination: str
    recipient: str
    payload: bytes | None
    text: bytes | None
    origin: str | None
    gas_limit: int | None
    deliver_before: int | None


@click.command(cls=Command)
@gathered(
    "letter",
    Letter,
    click.argument("destination", type=CHAIN),
    click.argument("recipient", type=ADDRESS),
    click.option("--payload", type=PAYLOAD, metavar="HEX", help="What the recipient gets, as 0x..."),
    click.option("--text", type=TEXT, help="The same, as text."),
    click.option(
        "--from", "origin", type=CHAIN, metavar="CHAIN", help="Chain to send from; the hub by default."
    ),
    gas_limit_option,
    click.option(
        "--deliver-before", type=MOMENT, help="Unix time or an ISO date; two weeks from now if left out."
    ),
)
@paying_options("TEST::3", "Account that sends.")
@click.option(
    "--wait", is_flag=True, help="Follow it until it is delivered or failed; exit status 1 if it failed."
)
@timeout_option(120.0, "Seconds to follow it.")
@json_option
def cli(letter: Letter, paying: Paying, wait: bool, timeout: float, as_json: bool) -> None:
    """Send a message to the contract RECIPIENT on the chain DESTINATION, from another chain.

    The fee comes from the sender's credit on the origin.
    """
    from metalayer.assets import credit
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.words import payment_cost, trace_lines
    from metalayer.errors import MetalayerError
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.tracking.messages import Draft, send
    from metalayer.tracking.trace import State, as_dict
    from metalayer.tracking.trace import wait as wait_for

    if letter.payload is not None and letter.text is not None:
        raise click.UsageError("give the payload as --payload or as --text, not both")
    data = letter.payload or letter.text or b""
    live = Live.open()
    source = live.connection(letter.origin or live.network.hub.name)
    target = live.connection(letter.destination).chain
    if source.chain == target:
        raise MetalayerError(f"{target.name} is both ends: expected two chains")
    # A sender without code is not called when its message comes back.
    back = None if source.code(address_of(paying.account)) else 0
    fee = credit.quote(source, live.mesh.gateway, target.chain_id, letter.gas_limit, len(data), back)
    due = credit.payment(source, live.registry, address_of(paying.account), fee)
    if paying.deposit:
        due.refuse_too_poor()
    else:
        due.refuse_missing()
    question = f"Send {len(data)} bytes from {source.chain.name} with {paying.account}? {payment_cost(due)}"
    paying.confirm(live.network, question)
    sender = paying.sender_on(source)
    click.echo(f"fee: {payment_cost(due)}", err=as_json)
    if due.missing:
        source.send_many(sender, credit.preparation(live.registry, due))
    to, gas = letter.recipient, letter.gas_limit
    draft = Draft(target.chain_id, to, data, gas, letter.deliver_before, back, max_fee=fee)
    receipt, id_ = send(source, sender, live.mesh.gateway, draft)
    if not wait:
        if as_json:
            print_json({"id": "0x" + id_.hex(), "transaction": receipt["transactionHash"], "fee": str(fee)})
        else:
            click.echo(f"sent 0x{id_.hex()} from {source.chain.name} to {target.name}")
            click.echo(f"follow it with `ape metalayer message 0x{id_.hex()}`")
        return
    trace = wait_for(live.mesh, DirectoryExchange.of(live), id_, timeout)
    if as_json:
        print_json(as_dict(trace))
    else:
        click.echo(trace_lines(trace))
    if trace.state is not State.DELIVERED:
        raise click.exceptions.Exit(1)
