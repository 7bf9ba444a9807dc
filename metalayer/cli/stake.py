"""Stake: `ape metalayer stake status / delegate / undelegate / withdraw / claim / register / …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from metalayer.cli import stake_operator, stake_status
from metalayer.cli.command import Group
from metalayer.cli.options import ACCOUNT, AMOUNT, exchange_option, timeout_option
from metalayer.cli.stake_acts import DELEGATEE, NOBODY, VALIDATOR, Acting, acting, anyone, holder


@click.group(cls=Group)
def cli() -> None:
    """The ERA bond behind every signature, on the hub.

    Delegate to a validator, and take back; or run one. ERA is taken by a permit within the same transaction: there is
    nothing to approve first. What leaves is free after 21 to 24 days. Worked examples: docs/staking.md.

    \b
      ape metalayer stake status
      ape metalayer stake delegate 1 1000
      ape metalayer stake status TEST::3
      ape metalayer stake claim
    """


for command in (stake_status.status, *stake_operator.COMMANDS):
    cli.add_command(command)


@cli.command()
@click.argument("validator", type=VALIDATOR)
@click.argument("amount", type=AMOUNT)
@holder
def delegate(validator: int, amount: int, acting: Acting) -> None:
    """Delegate AMOUNT of ERA (such as 1.5) to VALIDATOR, its number in `ape metalayer stake status`.

    It earns from now on, if the validator is seated. Votes stay with whom the account's ERA gives them. A validator's
    stake is 20 times its own at most.

    \b
      ape metalayer stake delegate 3 1000 --account me
    """
    from metalayer.protocol import staking
    from metalayer.protocol.amounts import era

    acting.seen.validator(validator)
    what = f"Delegate {era(amount)} ERA to validator {validator}"
    receipt = acting.do(what, [staking.DELEGATE.encode(validator, amount)], takes=amount)
    line = f"{era(amount)} ERA delegated to validator {validator}"
    acting.say(receipt, line, validator=validator, amount=str(amount))


@cli.command()
@click.argument("validator", type=VALIDATOR)
@click.argument("amount", type=AMOUNT, required=False)
@holder
def undelegate(validator: int, amount: int | None, acting: Acting) -> None:
    """Take back AMOUNT of ERA from VALIDATOR; all if it is left out.

    It earns no more, answers for what the validator signed until it is free, and can be withdrawn then: after 21 to 24
    days, with all that left in the same three days. From a validator that never had a seat, or lost it 24 days ago, it
    comes back at once. From one that was slashed, withdraw.

    \b
      ape metalayer stake undelegate 3 250 --account me
    """
    from metalayer.errors import MetalayerError
    from metalayer.protocol import staking
    from metalayer.protocol.amounts import era
    from metalayer.protocol.dates import utc

    acting.seen.validator(validator)
    units = acting.desk.hub.view(acting.desk.address, staking.POSITION, acting.address, validator).units
    wanted = units if amount is None else amount
    if not wanted or wanted > units:
        raise MetalayerError(
            f"{acting.address} has delegated {era(units)} ERA to validator {validator}"
            + (f", not {era(wanted)}" if wanted else "")
        )
    what = f"Take back {era(wanted)} ERA from validator {validator}"
    receipt = acting.do(what, [staking.UNDELEGATE.encode(validator, wanted)])
    left = staking.UNDELEGATED.found_in(receipt["logs"], acting.desk.address)
    free_at = staking.matures_at(left[0].period) if left else None
    when = f"leaves validator {validator}, free on {utc(free_at)}" if free_at else "is back"
    acting.say(receipt, f"{era(wanted)} ERA {when}", validator=validator, amount=str(wanted), free_at=free_at)


@cli.command()
@click.argument("validator", type=VALIDATOR)
@click.argument("amount", type=AMOUNT, required=False)
@holder
def rebond(validator: int, amount: int | None, acting: Acting) -> None:
    """Bond again AMOUNT of ERA that is leaving VALIDATOR, the latest first; all that can be if it is left out. It must
    have been leaving for three to six days.

    \b
      ape metalayer stake rebond 3 100 --account me
    """
    from metalayer.protocol.amounts import era
    from metalayer.staking import accounts, actions

    acting.seen.validator(validator)
    stake = accounts.read(acting.desk, acting.seen, acting.address)
    some, calls = actions.rebonds(stake, validator, amount, acting.seen.now)
    receipt = acting.do(f"Bond {era(some)} ERA with validator {validator} again", calls)
    line = f"{era(some)} ERA bonded with validator {validator} again"
    acting.say(receipt, line, validator=validator, amount=str(some))


@cli.command()
@click.option("--for", "owner", type=ACCOUNT, metavar="ACCOUNT", help="Whose; the signer's if not given.")
@acting("TEST::3", "Account that pays the gas.")
def withdraw(owner: str | None, acting: Acting) -> None:
    """Withdraw everything that is free: what has matured, and what is left with validators that were slashed.

    It goes to whom it belongs, whoever pays the gas. `ape metalayer stake status ACCOUNT` shows what is free and when.

    \b
      ape metalayer stake withdraw --account me
    """
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era
    from metalayer.staking import accounts, actions

    account = address_of(owner) if owner else acting.address
    stake = accounts.read(acting.desk, acting.seen, account)
    calls = actions.withdrawals(acting.seen, stake)
    paid, lost = actions.withdrawn(acting.seen, stake)
    loss = f", {era(lost)} ERA are lost to a slash" if lost else ""
    receipt = acting.do(f"Withdraw {era(paid)} ERA to {account}{loss}", calls)
    line = f"{era(paid)} ERA withdrawn to {account}{loss}"
    acting.say(receipt, line, account=account, amount=str(paid), loss=str(lost))


@cli.command()
@click.option(
    "--to", "recipient", type=ACCOUNT, metavar="ACCOUNT", help="Who gets it; the signer if not given."
)
@holder
def claim(recipient: str | None, acting: Acting) -> None:
    """Claim all rewards: of what the account delegated, and what it earned as an operator.

    \b
      ape metalayer stake claim --account me --to cold-wallet
    """
    from metalayer.assets.tokens import refuse_lost
    from metalayer.network.signers import address_of
    from metalayer.protocol import staking
    from metalayer.protocol.amounts import era
    from metalayer.staking import accounts, actions

    to = address_of(recipient) if recipient else acting.address
    refuse_lost(acting.live.registry, to)
    stake = accounts.read(acting.desk, acting.seen, acting.address)
    calls = actions.claims(stake, to)
    about = stake.claimable + sum(stake.operates.values())
    receipt = acting.do(f"Claim about {era(about)} ERA to {to}", calls)
    logs, address = receipt["logs"], acting.desk.address
    paid = sum(
        event[2]
        for kind in (staking.CLAIMED, staking.EARNINGS_CLAIMED)
        for event in kind.found_in(logs, address)
    )
    acting.say(receipt, f"{era(paid)} ERA claimed to {to}", recipient=to, amount=str(paid))


@cli.command()
@click.argument("delegatee", type=DELEGATEE)
@holder
def votes(delegatee: str, acting: Acting) -> None:
    """Give the votes of all stake of the account, now and later, to DELEGATEE; `nobody` takes them back.

    What is leaving votes too. The account's other ERA votes as before: `delegate` of ERA decides about that.

    \b
      ape metalayer stake votes 0x… --account me
    """
    from metalayer.network.signers import address_of
    from metalayer.protocol import staking

    to = "0x" + "00" * 20 if delegatee == NOBODY else address_of(delegatee)
    name = NOBODY if delegatee == NOBODY else to
    receipt = acting.do(f"Give the votes of all stake to {name}", [staking.DELEGATE_VOTES.encode(to)])
    acting.say(receipt, f"the stake of {acting.address} votes with {name}", delegatee=to)


@cli.command()
@click.argument("amount", type=AMOUNT)
@acting("TEST::3", "Account that gives.")
def fund(amount: int, acting: Acting) -> None:
    """Give AMOUNT of ERA as rewards to all seated stake. It streams in seven days, and never comes back.

    If that would lower the present rate, it waits for the end of the stream.

    \b
      ape metalayer stake fund 70000 --account treasury
    """
    from metalayer.protocol.amounts import era
    from metalayer.staking.desk import funding

    acting.confirm(acting.live.network, f"Give {era(amount)} ERA as rewards with {acting.account}?")
    receipt = funding(acting.desk, acting.sender_on(acting.desk.hub), amount)
    acting.say(receipt, f"{era(amount)} ERA given as rewards", amount=str(amount))


@cli.command()
@click.argument("validator", type=VALIDATOR)
@anyone
def vacate(validator: int, acting: Acting) -> None:
    """Take the seat of VALIDATOR, which showed for more than nine days no sign that it signs. Anyone may.

    It loses no stake, and may join again nine days later.

    \b
      ape metalayer stake vacate 5
    """
    from metalayer.protocol import staking

    acting.seen.validator(validator)
    receipt = acting.do(f"Take the seat of validator {validator}", [staking.VACATE.encode(validator)])
    acting.say(receipt, f"validator {validator} has no seat any more", validator=validator)


@cli.command("check-in")
@click.argument("validator", type=VALIDATOR, required=False)
@exchange_option
@timeout_option(20.0, "Seconds to wait for signatures.")
@anyone
def check_in(validator: int | None, exchange: Path | None, timeout: float, acting: Acting) -> None:
    """Show that VALIDATOR signs, or all whose check-in is due in this term, so that nobody takes the seat. Anyone may.

    What shows it is its signature under the newest set, in the exchange. `ape metalayer relay watch` does this for all.
    Exit status 1 if one that is due did not sign.

    \b
      ape metalayer stake check-in
      ape metalayer stake check-in 5 --account me
    """
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import waiting
    from metalayer.errors import MetalayerError
    from metalayer.staking import checkins

    newest, began = acting.seen.newest, acting.seen.set_at
    if newest is None:
        raise MetalayerError("Staking has published no validator set yet: there is nothing to sign")
    if validator is not None and not acting.seen.validator(validator).seat:
        raise MetalayerError(f"validator {validator} has no seat: it needs no check-in")
    members = [signer for signer, _ in newest.members]
    due = checkins.due(acting.desk.hub, acting.desk.address, members, began)
    wanted = {signer: id_ for signer, id_ in due.items() if validator in (None, id_)}
    facts: dict[str, Any] = {"set": newest.version, "validators": [], "missing": {}}
    if not wanted:
        whose = "" if validator is None else f" of validator {validator}"
        acting.say(None, f"no check-in{whose} is due in the term of validator set {newest.version}", **facts)
        return
    shared = DirectoryExchange.of(acting.live, exchange)
    with waiting("waiting for signatures", quiet=acting.as_json):
        found = checkins.collect(shared, acting.live.mesh.domain, newest, wanted, timeout)
    facts |= {"validators": found.ids, "missing": found.missing}
    if found.ids:
        who = ("validator " if len(found.ids) == 1 else "validators ") + ", ".join(map(str, found.ids))
        receipt = acting.do(f"Check in {who}", [found.data])
        acting.say(receipt, f"{who} checked in with validator set {newest.version}", **facts)
    elif acting.as_json:
        acting.say(None, "", **facts)
    for id_, why in sorted(found.missing.items()):
        said = f"says: {why}" if why else "said nothing"
        click.echo(f"validator {id_} did not sign validator set {newest.version}; it {said}", err=True)
    if found.missing:
        raise click.exceptions.Exit(1)
