"""Prepaid ERA for messages: `ape metalayer credit show / deposit / withdraw / quote`."""

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import (
    ACCOUNT,
    AMOUNT,
    CHAIN,
    Signing,
    gas_limit_option,
    json_option,
    signing_options,
    whole,
)
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH

_signing = signing_options("TEST::3", "Account that signs.")


@click.group(cls=Group)
def cli() -> None:
    """Credit in the gateways: messages are paid from it, relayers and refunds into it.

    \b
      ape metalayer credit quote hub arcade
      ape metalayer credit deposit hub 100 --account me
      ape metalayer credit show me
      ape metalayer credit withdraw hub 1.5 --to cold-wallet --account me
    """


@cli.command()
@click.argument("account", type=ACCOUNT, default="TEST::3")
@json_option
def show(account: str, as_json: bool) -> None:
    """What ACCOUNT, by default TEST::3, has on every chain.

    ERA; its credit in the gateway, and how much of it the bridge may spend; as a relayer of messages from that chain,
    what it earned and did not claim yet, and what it claimed and was not paid yet.
    """
    from metalayer.assets import credit
    from metalayer.cli.display import console, table
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    address = address_of(account)
    found = credit.read(Live.open(), address)
    if as_json:
        print_json({"account": address, "chains": {name: chain.as_dict() for name, chain in found.items()}})
        return
    rows = [
        (name, *map(era, (on.held, on.credit, on.bridge_allowance, on.unclaimed, on.under_way)))
        for name, on in found.items()
    ]
    columns = ("chain", "#ERA", "#credit", "#for the bridge", "#earned", "#claimed")
    console().print(table(f"Credit of {address}, in ERA", columns, rows))


@cli.command()
@click.argument("chain", type=CHAIN)
@click.argument("amount", type=AMOUNT)
@click.option(
    "--for", "receiver", type=ACCOUNT, metavar="ACCOUNT", help="Whose credit; the signer's if not given."
)
@_signing
@json_option
def deposit(chain: str, amount: int, receiver: str | None, signing: Signing, as_json: bool) -> None:
    """Put AMOUNT of ERA (such as 1.5) into the credit on CHAIN."""
    from metalayer.assets import credit
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    live = Live.open()
    connection = live.connection(chain)
    name = connection.chain.name
    to = address_of(receiver or signing.account)
    signing.confirm(live.network, f"Deposit {era(amount)} ERA on {name} for {to} with {signing.account}?")
    receipt = credit.deposit(connection, live.registry, signing.sender_on(connection), to, amount)
    if as_json:
        print_json({"account": to, "amount": str(amount), "transaction": receipt["transactionHash"]})
    else:
        click.echo(f"{era(amount)} ERA into the credit of {to} on {name}: {receipt['transactionHash']}")


@cli.command()
@click.argument("chain", type=CHAIN)
@click.argument("amount", type=AMOUNT)
@click.option("--to", type=ACCOUNT, metavar="ACCOUNT", help="Who gets it; the signer if not given.")
@_signing
@json_option
def withdraw(chain: str, amount: int, to: str | None, signing: Signing, as_json: bool) -> None:
    """Take AMOUNT of ERA out of the credit on CHAIN."""
    from metalayer.assets import credit
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    live = Live.open()
    connection = live.connection(chain)
    name = connection.chain.name
    target = address_of(to or signing.account)
    signing.confirm(live.network, f"Withdraw {era(amount)} ERA on {name} to {target} with {signing.account}?")
    receipt = credit.withdraw(connection, live.registry, signing.sender_on(connection), target, amount)
    if as_json:
        print_json({"to": target, "amount": str(amount), "transaction": receipt["transactionHash"]})
    else:
        click.echo(f"{era(amount)} ERA out of the credit on {name} to {target}: {receipt['transactionHash']}")


@cli.command()
@click.argument("origin", type=CHAIN)
@click.argument("destination", type=CHAIN)
@gas_limit_option
@click.option(
    "--bytes", "length", type=whole(0, MAX_PAYLOAD_LENGTH), default=0, show_default=True, help="Of payload."
)
@json_option
def quote(origin: str, destination: str, gas_limit: int | None, length: int, as_json: bool) -> None:
    """What a message from ORIGIN to DESTINATION costs."""
    from metalayer.assets import credit
    from metalayer.errors import MetalayerError
    from metalayer.network.live import Live
    from metalayer.protocol.amounts import era

    live = Live.open()
    source, target = live.connection(origin), live.connection(destination).chain
    if source.chain == target:
        raise MetalayerError(f"{target.name} is both ends: expected two chains")
    fee = credit.quote(source, live.mesh.gateway, target.chain_id, gas_limit, length)
    if as_json:
        print_json({"origin": source.chain.name, "destination": target.name, "fee": str(fee)})
    else:
        click.echo(f"{era(fee)} ERA")
