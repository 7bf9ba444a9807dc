"""ERA that is locked since genesis: `ape metalayer vesting show / release / delegate`."""

from __future__ import annotations

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import NAME, Signing, json_option, signing_options
from metalayer.cli.stake_acts import DELEGATEE, NOBODY

_signing = signing_options("TEST::15", "Account that signs.")
_wallet_option = click.option(
    "--wallet", type=NAME, metavar="NAME", help="One of them, such as VestingTeam1; all if not given."
)


@click.group(cls=Group)
def cli() -> None:
    """Locked ERA: nothing for a year, then an equal part each second for two.

    It votes from the first day on: its beneficiary delegates it, to itself or to somebody else.

    \b
      ape metalayer vesting show
      ape metalayer vesting delegate me --account me
      ape metalayer vesting release me --account me
    """


@cli.command()
@click.argument("beneficiary", type=NAME, required=False)
@json_option
def show(beneficiary: str | None, as_json: bool) -> None:
    """Every wallet, or those of BENEFICIARY (an account, or the name of a wallet): what is locked, vested and released,
    in ERA, and who votes with it.
    """
    from metalayer.assets import vesting
    from metalayer.cli.display import console, table
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era
    from metalayer.protocol.dates import utc
    from metalayer.protocol.hex import short

    live = Live.open()
    wallets = vesting.read_wallets(live)
    if beneficiary is not None:
        wallets = vesting.chosen(wallets, beneficiary, address_of)
    if as_json:
        print_json([wallet.as_dict() for wallet in wallets])
        return
    rows = [
        (
            wallet.name,
            short(wallet.beneficiary),
            *map(era, (wallet.locked, wallet.vested, wallet.released)),
            f"{utc(wallet.start)[:10]} to {utc(wallet.start + wallet.duration)[:10]}",
            "nobody" if int(wallet.delegate, 16) == 0 else short(wallet.delegate),
        )
        for wallet in wallets
    ]
    columns = ("wallet", "beneficiary", "#locked", "#vested", "#released", "vests", "votes")
    console().print(table("ERA that is locked since genesis", columns, rows))


@cli.command()
@click.argument("beneficiary", type=NAME, required=False)
@_signing
@json_option
def release(beneficiary: str | None, signing: Signing, as_json: bool) -> None:
    """Send BENEFICIARY (an account, or the name of a wallet; the one that signs if not given) what is vested.

    Anyone may: what is released goes to the beneficiary. It votes as that account delegates.
    """
    from metalayer.assets import vesting
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    live = Live.open()
    wallets = vesting.chosen(vesting.read_wallets(live), beneficiary or signing.account, address_of)
    due = vesting.due(wallets)
    shown = ", ".join(f"{era(one.releasable)} ERA of {one.name} to {one.beneficiary}" for one in due)
    signing.confirm(live.network, f"Release {shown} with {signing.account}?")
    hub = live.connection(live.network.hub.name)
    receipts = vesting.release(live, signing.sender_on(hub), due)
    transactions = [str(receipt["transactionHash"]) for receipt in receipts]
    if as_json:
        print_json({one.name: hash_ for one, hash_ in zip(due, transactions, strict=True)})
        return
    for one, hash_ in zip(due, transactions, strict=True):
        click.echo(
            f"{one.name}: {era(one.releasable)} ERA and what vested since to {one.beneficiary}: {hash_}"
        )


@cli.command()
@click.argument("delegatee", metavar="WHOM", type=DELEGATEE)
@_wallet_option
@_signing
@json_option
def delegate(delegatee: str, wallet: str | None, signing: Signing, as_json: bool) -> None:
    """Give the votes of what is locked for the account that signs to WHOM: itself, or somebody else.

    `nobody` takes them back. It counts for proposals whose snapshot is later.
    """
    from metalayer.assets import vesting
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    live = Live.open()
    own = address_of(signing.account)
    to = "0x" + "00" * 20 if delegatee == NOBODY else address_of(delegatee)
    wallets = vesting.chosen(vesting.read_wallets(live), wallet or signing.account, address_of)
    vesting.refuse_strangers(wallets, own)
    names = ", ".join(one.name for one in wallets)
    signing.confirm(live.network, f"Give the votes of {names} to {delegatee}?")
    hub = live.connection(live.network.hub.name)
    receipts = vesting.delegate(live, signing.sender_on(hub), wallets, to)
    transactions = [str(receipt["transactionHash"]) for receipt in receipts]
    if as_json:
        print_json({one.name: hash_ for one, hash_ in zip(wallets, transactions, strict=True)})
        return
    for one, hash_ in zip(wallets, transactions, strict=True):
        click.echo(f"{era(one.held)} ERA of {one.name} vote as {delegatee} does: {hash_}")
    for line in dict.fromkeys(vesting.advice(one, to, hub.name) for one in wallets):
        if line:
            click.echo(line, err=True)
