"""ERA that is locked since genesis: `ape metalayer vesting show / release / delegate / offer / accept`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import NAME, Signing, json_option, signing_options
from metalayer.cli.stake_acts import DELEGATEE, NOBODY

if TYPE_CHECKING:
    from metalayer.assets.vesting import Wallet
    from metalayer.network.transactions import Receipt

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

    All that is locked can be handed over: its beneficiary offers it, and whoever it is offered to accepts.

    \b
      ape metalayer vesting offer 0x… --account me
      ape metalayer vesting accept --account them
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
    for wallet in wallets:
        if int(wallet.pending, 16):
            click.echo(
                f"{wallet.name} is offered to {wallet.pending}, which accepts it: `ape metalayer vesting accept`"
            )


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
    _say(
        due,
        receipts,
        lambda one: f"{one.name}: {era(one.releasable)} ERA and what vested since to {one.beneficiary}",
        as_json,
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
    vesting.refuse_strangers(wallets, own, "delegates")
    names = ", ".join(one.name for one in wallets)
    signing.confirm(live.network, f"Give the votes of {names} to {delegatee}?")
    hub = live.connection(live.network.hub.name)
    receipts = vesting.delegate(live, signing.sender_on(hub), wallets, to)
    _say(
        wallets, receipts, lambda one: f"{era(one.held)} ERA of {one.name} vote as {delegatee} does", as_json
    )
    if not as_json:
        for line in dict.fromkeys(vesting.advice(one, to, hub.name) for one in wallets):
            if line:
                click.echo(line, err=True)


@cli.command()
@click.argument("successor", metavar="WHOM", type=DELEGATEE)
@_wallet_option
@_signing
@json_option
def offer(successor: str, wallet: str | None, signing: Signing, as_json: bool) -> None:
    """Offer what is locked for the account that signs to WHOM, which becomes the beneficiary when it accepts.

    With it goes all that is not released, for good. Until it is accepted, `nobody` takes the offer back, and another
    WHOM replaces it. Who votes with it stays as it is.
    """
    from metalayer.assets import vesting
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    live = Live.open()
    own, takes_back = address_of(signing.account), successor == NOBODY
    to = "0x" + "00" * 20 if takes_back else address_of(successor)
    wallets = vesting.chosen(vesting.read_wallets(live), wallet or signing.account, address_of)
    vesting.refuse_strangers(wallets, own, "offers it")
    wallets = vesting.to_offer(wallets, to)
    held = ", ".join(f"{era(one.held)} ERA of {one.name}" for one in wallets)
    what = (
        f"Take back the offer of {held}" if takes_back else f"Offer {held} to {to}, for good if it accepts,"
    )
    signing.confirm(live.network, f"{what} with {signing.account}?")
    receipts = vesting.offer(live, signing.sender_on(live.connection(live.network.hub.name)), wallets, to)
    words = "are offered to nobody any more" if takes_back else f"are offered to {to}"
    _say(wallets, receipts, lambda one: f"{era(one.held)} ERA of {one.name} {words}", as_json)
    if not takes_back and not as_json:
        click.echo(f"it accepts them: `ape metalayer vesting accept --account {successor}`", err=True)


@cli.command()
@_wallet_option
@_signing
@json_option
def accept(wallet: str | None, signing: Signing, as_json: bool) -> None:
    """Take what is offered to the account that signs: it is the beneficiary from then on."""
    from metalayer.assets import vesting
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    live = Live.open()
    own = address_of(signing.account)
    wallets = vesting.offered(vesting.read_wallets(live), own, wallet)
    held = ", ".join(f"{era(one.held)} ERA of {one.name}, from {one.beneficiary}" for one in wallets)
    signing.confirm(live.network, f"Accept {held}, with {signing.account}?")
    receipts = vesting.accept(live, signing.sender_on(live.connection(live.network.hub.name)), wallets)
    _say(wallets, receipts, lambda one: f"{era(one.held)} ERA of {one.name} are locked for {own}", as_json)
    if not as_json:
        votes = [one for one in wallets if one.delegate != own and int(one.delegate, 16)]
        for one in votes:
            click.echo(
                f"{one.name} votes as {one.delegate} does until {own} names somebody: "
                f"`ape metalayer vesting delegate {own} --wallet {one.name} --account {signing.account}`",
                err=True,
            )


def _say(
    wallets: Sequence[Wallet], receipts: Sequence[Receipt], words: Callable[[Wallet], str], as_json: bool
) -> None:
    """What was done with each, and its transaction."""
    done = {one: str(receipt["transactionHash"]) for one, receipt in zip(wallets, receipts, strict=True)}
    if as_json:
        print_json({one.name: hash_ for one, hash_ in done.items()})
        return
    for one, hash_ in done.items():
        click.echo(f"{words(one)}: {hash_}")
