"""The airdrop: `ape metalayer airdrop build / check / show / claim / sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import DIFFERS, Command, Group, print_json
from metalayer.cli.options import ACCOUNT, Signing, json_option, signing_options

if TYPE_CHECKING:
    from metalayer.protocol.merkle import Tree

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_tree_option = click.option(
    "--tree", "path", type=_FILE, metavar="FILE", help="The tree; by default the one that deploy.yaml names."
)


@click.group(cls=Group)
def cli() -> None:
    """Who may claim what of the airdrop.

    A list becomes a tree, of which the contract knows the root. Anyone may claim for an account, until the end; what it
    has goes to that account. Then anyone may send the rest to the treasury.

    \b
      ape metalayer airdrop build accounts.csv --out tree.json
      ape metalayer airdrop check tree.json
      ape metalayer airdrop claim 0x… --account me
      ape metalayer airdrop sweep --account me
    """


@cli.command()
@click.argument("source", metavar="CSV", type=_FILE)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the tree goes; beside the list, with the ending .json, if not given.",
)
@click.option(
    "--proofs",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write the proofs there, too, as a website serves them.",
)
@json_option
def build(source: Path, out: Path | None, proofs: Path | None, as_json: bool) -> None:
    """Build the tree of the list CSV, and print its root.

    The list is UTF-8: `account,amount` in its first line, then an account a line, with its ERA such as 1234.5. An
    account that is there twice, a wrong checksum, an amount of zero or with more than 18 decimals and an empty line are
    refused with their line, and so is a sum that is not the airdrop's share in deploy.yaml. The order does not matter.

    The tree has the format of OpenZeppelin's merkle-tree. --proofs writes a file for each last two digits of addresses,
    `ab.json`, and `index.json`.
    """
    from metalayer.assets import airdrop
    from metalayer.cli.display import progress_bar
    from metalayer.deploy.intent import load_intent
    from metalayer.protocol.amounts import era
    from metalayer.protocol.hex import to_hex
    from metalayer.protocol.merkle import Tree

    share = load_intent().genesis.shares.airdrop
    values = airdrop.read_list(source)
    total = sum(amount for _, amount in values)
    airdrop.refuse_other_sum(source.name, total, share.amount * 10**18)
    with progress_bar("accounts", len(values)) as progress:
        tree = Tree.of(values, progress)
    path, root = out or source.with_suffix(".json"), to_hex(tree.root)
    airdrop.save_tree(tree, path)
    written = 0
    if proofs is not None:
        with progress_bar("proofs", len(values)) as progress:
            written = airdrop.save_proofs(tree, proofs, progress)
    if as_json:
        print_json(
            {"accounts": len(values), "total": str(total), "root": root, "tree": str(path), "proofs": written}
        )
        return
    click.echo(f"{len(values):,} accounts, {era(total)} ERA: {path}")
    if written:
        click.echo(f"{written} files of proofs: {proofs}")
    click.echo(f"root {root}")
    if root == share.root:
        click.echo("deploy.yaml has this root")
    else:
        click.echo(f'deploy.yaml has another one: write `root: "{root}"` under genesis.shares.airdrop')


@cli.command()
@click.argument("path", metavar="[FILE]", type=_FILE, required=False)
@json_option
def check(path: Path | None, as_json: bool) -> None:
    """Build the tree of FILE again from its values, and compare it with deploy.yaml and the contract.

    Exit status 0 if all is as it should be, 3 if something differs, 1 if that could not be found out.
    """
    from metalayer.assets import airdrop_check
    from metalayer.cli.display import console, table
    from metalayer.deploy.intent import load_intent
    from metalayer.protocol.hex import short

    found = airdrop_check.compare(_load(path), load_intent().genesis.shares.airdrop)
    differ = [one for one in found if one.expected != one.found]
    if as_json:
        print_json(
            {"clean": not differ, "findings": [{**one._asdict(), "drift": one in differ} for one in found]}
        )
    else:
        rows = [(one.subject, short(one.expected), short(one.found)) for one in found]
        console().print(table("Airdrop", ("what", "expected", "found"), rows))
        click.echo(f"{len(differ)} of {len(found)} differ" if differ else "all as it should be")
    if differ:
        raise click.exceptions.Exit(DIFFERS)


@cli.command()
@click.argument("account", type=ACCOUNT)
@_tree_option
@json_option
def show(account: str, path: Path | None, as_json: bool) -> None:
    """What ACCOUNT has in the airdrop, and whether it has got it. --json shows the proof, too."""
    from metalayer.assets import airdrop
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era
    from metalayer.protocol.dates import utc
    from metalayer.protocol.hex import to_hex

    live, tree = Live.open(), _load(path)
    due, standing = airdrop.find_claim(live, tree, address_of(account)), airdrop.read_standing(live)
    if as_json:
        print_json(
            {
                "account": due.account,
                "amount": str(due.amount),
                "claimed": due.is_claimed,
                "contract": standing.address,
                "ends": standing.end,
                "proof": [to_hex(one) for one in due.proof],
            }
        )
        return
    if due.is_claimed:
        state = "claimed"
    elif standing.has_ended:
        state = f"not claimed before the end, {utc(standing.end)}"
    else:
        state = f"to be claimed until {utc(standing.end)}: `ape metalayer airdrop claim {account}`"
    click.echo(f"{due.account}: {era(due.amount)} ERA, {state}")


@cli.command(cls=Command)
@click.argument("claimant", metavar="[ACCOUNT]", type=ACCOUNT, required=False)
@_tree_option
@signing_options("TEST::3", "Who sends and pays for it; the ERA is ACCOUNT's.")
@json_option
def claim(claimant: str | None, path: Path | None, signing: Signing, as_json: bool) -> None:
    """Send ACCOUNT, the one that signs if not given, what it has in the airdrop."""
    from metalayer.assets import airdrop
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    live, tree = Live.open(), _load(path)
    due = airdrop.find_claim(live, tree, address_of(claimant or signing.account))
    what = f"Claim {era(due.amount)} ERA for {due.account} with {signing.account}?"
    airdrop.refuse_settled(live, due)
    signing.confirm(live.network, what)
    hub = live.connection(live.network.hub.name)
    receipt = airdrop.claim(live, signing.sender_on(hub), due)
    if as_json:
        print_json(
            {
                "account": due.account,
                "amount": str(due.amount),
                "transaction": receipt["transactionHash"],
            }
        )
        return
    click.echo(f"{era(due.amount)} ERA to {due.account}: {receipt['transactionHash']}")
    click.echo(
        f"it votes once it is delegated: `ape metalayer vote delegate {due.account} --chain {hub.name}`",
        err=True,
    )


@cli.command()
@signing_options("TEST::2", "Who sends and pays for it; the ERA is the treasury's.")
@json_option
def sweep(signing: Signing, as_json: bool) -> None:
    """Send the treasury, which is the hub's timelock, what nobody claimed until the end. Anyone may."""
    from metalayer.assets import airdrop
    from metalayer.network.live import Live
    from metalayer.protocol.amounts import era

    live = Live.open()
    standing = airdrop.read_standing(live)
    airdrop.refuse_unswept(standing)
    what = f"Send {era(standing.held)} ERA, which nobody claimed, to the treasury {standing.treasury}"
    signing.confirm(live.network, f"{what} with {signing.account}?")
    receipt, amount = airdrop.sweep(live, signing.sender_on(live.connection(live.network.hub.name)))
    transaction = receipt["transactionHash"]
    if as_json:
        print_json({"amount": str(amount), "treasury": standing.treasury, "transaction": transaction})
        return
    click.echo(f"{era(amount)} ERA to the treasury {standing.treasury}: {transaction}")


def _load(path: Path | None) -> Tree:
    """The tree of that file, or of the one that deploy.yaml names."""
    from metalayer.assets import airdrop
    from metalayer.cli.display import waiting

    with waiting("building the tree again"):
        return airdrop.load_tree(path or airdrop.default_tree())
