"""Votes: `ape metalayer vote cast / delegate / status`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Group, print_json
from metalayer.cli.options import ACCOUNT, ADDRESS, CHAIN, Parsed, gathered, json_option
from metalayer.cli.propose_acts import Acting, acting
from metalayer.cli.propose_shared import opened, which
from metalayer.cli.stake_acts import DELEGATEE, NOBODY
from metalayer.network.values import Plain, read_decimal

if TYPE_CHECKING:
    from metalayer.governance.ballots import Ballot, Choice, Part, Standing
    from metalayer.governance.motions import Motion
    from metalayer.governance.progress import Vote

_LONGEST_SIGNATURE = 4_096


@click.group(cls=Group)
def cli() -> None:
    """Vote with ERA, on whichever chain it is.

    Votes count as they are at a proposal's snapshot, the full hour two days after it was made: delegate before, to
    yourself or to somebody else. On the hub they are counted at once; what was voted on another chain is brought to the
    hub by whoever wants: `ape metalayer propose keep`. PROPOSAL is the number or the name of its folder, or the id that
    it has on chain: `ape metalayer propose status` shows both.

    \b
      ape metalayer vote delegate me --chain arcade --account me
      ape metalayer vote status 7 me
      ape metalayer vote cast 7 for --chain arcade --account me
    """


def _part(text: str) -> Part:
    from metalayer.cli.options import AMOUNT
    from metalayer.governance.ballots import ALL, Part

    if not text.endswith("%"):
        return Part(wei=AMOUNT.read(text))
    points = read_decimal(Plain(text.removesuffix("%")), 0, 100) * ALL / 100
    if round(points) != round(points, 6) or not points:
        raise ValueError(f"expected 60%, at most with two decimals, or an amount of ERA, found {text!r}")
    return Part(points=round(points))


def _signature(text: str) -> bytes:
    from metalayer.protocol.hex import from_hex

    try:
        signature = from_hex(text) if text.startswith("0x") else b""
    except ValueError:
        signature = b""
    if not 0 < len(signature) <= _LONGEST_SIGNATURE:
        raise ValueError("expected what `ape metalayer vote cast --sign` printed, such as 0x12…1b")
    return signature


PART = Parsed("part", _part)
SIGNATURE = Parsed("hex", _signature)
voting = acting("TEST::3", "Account that votes; with --signature the one that pays the gas.")


@dataclass(frozen=True)
class Given:
    """What was typed of a vote."""

    for_: Part | None
    against: Part | None
    abstain: Part | None
    sign: bool
    signature: bytes | None
    voter: str | None

    def choice(self, kind: str | None) -> Choice:
        """click.UsageError unless it is a kind, or parts."""
        from metalayer.governance.ballots import ALL, KINDS, Choice, Part

        parts = (self.against, self.for_, self.abstain)
        if (kind is None) == all(part is None for part in parts):
            raise click.UsageError("expected one of for, against, abstain, or parts such as --for 60%")
        if kind is not None:
            return Choice(KINDS[kind])
        against, for_, abstain = (part or Part() for part in parts)
        if against.points + for_.points + abstain.points > ALL:
            raise click.UsageError("the parts are more than 100%")
        return Choice(parts=(against, for_, abstain))

    def check(self) -> None:
        """click.UsageError for options that contradict each other."""
        if (self.signature is None) != (self.voter is None):
            raise click.UsageError("--signature and --voter belong together: somebody else's vote")
        if self.sign and self.signature is not None:
            raise click.UsageError("expected --sign, which sends nothing, or --signature, which sends")


@cli.command()
@which
@click.argument(
    "kind", metavar="[for|against|abstain]", required=False, type=click.Choice(["for", "against", "abstain"])
)
@click.option("--chain", type=CHAIN, required=True, metavar="CHAIN", help="Where the votes are.")
@gathered(
    "given",
    Given,
    click.option("--for", "for_", type=PART, metavar="PART", help="Part for it: 60%, or an amount of ERA."),
    click.option("--against", type=PART, metavar="PART", help="Part against it."),
    click.option(
        "--abstain", type=PART, metavar="PART", help="Part that abstains: counts for the quorum alone."
    ),
    click.option("--sign", is_flag=True, help="Print a signature that somebody else can send."),
    click.option("--signature", type=SIGNATURE, metavar="HEX", help="Send what --sign printed, for --voter."),
    click.option("--voter", type=ADDRESS, metavar="ADDRESS", help="Who signed."),
)
@voting
def cast(which: str, kind: str | None, chain: str, given: Given, acting: Acting) -> None:
    """Vote about PROPOSAL with all that the account has on CHAIN, or with parts. A vote is final.

    Percentages are of all votes at the snapshot. With --sign nothing is sent, and voting needs no ether: whoever gets
    the signature sends it, with the same words and --signature.

    \b
      ape metalayer vote cast 7 for --chain arcade --account me
      ape metalayer vote cast 7 --for 60% --against 40% --chain hub --account me
      ape metalayer vote cast 7 for --chain arcade --account me --sign
      ape metalayer vote cast 7 for --chain arcade --signature 0x… --voter 0x…
    """
    from metalayer.governance import ballots
    from metalayer.network.signers import address_of, load_signer

    given.check()
    choice = given.choice(kind)
    desk, motion = acting.desk, acting.motion(which)
    connection = desk.live.connection(chain)
    voter = given.voter or address_of(acting.account)
    ballot = ballots.prepare(desk, motion, connection, voter, choice)
    if given.sign:
        acting.confirm(desk.live.network, f"{_asked(motion, ballot, chain)} with {acting.account}?")
        _print_signature(ballots.sign(ballot, load_signer(acting.account)), ballot, acting.as_json)
        return
    acting.do(
        _asked(motion, ballot, chain), lambda: [ballots.cast(ballot, acting.sender_on, given.signature)]
    )
    if connection is not desk.hub and not acting.as_json:
        click.echo(
            f"it counts once it is on {desk.hub.name}: `ape metalayer propose keep` brings it near the end"
        )


def _asked(motion: Motion, ballot: Ballot, chain: str) -> str:
    from metalayer.governance.ballots import KINDS
    from metalayer.protocol.amounts import era

    names = list(KINDS)
    if isinstance(ballot.vote, int):
        how = names[ballot.vote]
    else:
        how = ", ".join(f"{era(wei)} {name}" for name, wei in zip(names, ballot.vote, strict=True) if wei)
    return f"Vote {how} on {chain} in {motion.called}, {motion.title!r} with the id {motion.id},"


def _print_signature(signature: bytes, ballot: Ballot, as_json: bool) -> None:
    from metalayer.protocol.hex import to_hex

    if as_json:
        vote = ballot.vote if isinstance(ballot.vote, int) else [str(wei) for wei in ballot.vote]
        print_json({"signature": to_hex(signature), "voter": ballot.voter, "vote": vote})
    else:
        click.echo(to_hex(signature))
        click.echo(f"anyone sends it with the same words, --signature and --voter {ballot.voter}", err=True)


@cli.command()
@click.argument("delegatee", metavar="WHOM", type=DELEGATEE)
@click.option("--chain", type=CHAIN, required=True, metavar="CHAIN", help="Where the ERA is.")
@acting("TEST::3", "Account that holds the ERA.")
def delegate(delegatee: str, chain: str, acting: Acting) -> None:
    """Give the votes of all ERA that the account holds on CHAIN, now and later, to WHOM: itself, or somebody else.

    `nobody` takes them back. It counts for proposals whose snapshot is later. Stake on the hub has a delegate of its
    own: `ape metalayer stake votes`.

    \b
      ape metalayer vote delegate me --chain arcade --account me
    """
    from metalayer.governance import ballots
    from metalayer.governance.names import ZERO_ADDRESS
    from metalayer.network.signers import address_of

    to = ZERO_ADDRESS if delegatee == NOBODY else address_of(delegatee)
    connection = acting.desk.live.connection(chain)
    what = f"Give the votes of the ERA on {chain} to {delegatee}"
    acting.do(what, lambda: [ballots.delegate(acting.desk, connection, acting.sender_on, to)])


@cli.command()
@which
@click.argument("account", type=ACCOUNT, default="TEST::3")
@json_option
def status(which: str, account: str, as_json: bool) -> None:
    """How many votes ACCOUNT has for PROPOSAL on each chain, at its snapshot, and what it used of them.

    \b
      ape metalayer vote status 7 me
    """
    from metalayer.cli.display import console, table, waiting
    from metalayer.governance.actions import voted
    from metalayer.governance.ballots import standings
    from metalayer.network.signers import address_of
    from metalayer.protocol.amounts import era

    desk, _ = opened()
    motion, address = desk.motion(which), address_of(account)
    with waiting("reading every chain", quiet=as_json):
        vote = voted(desk, motion)
        found = standings(desk, vote, motion.id, address)
    if as_json:
        print_json(
            {
                "id": str(motion.id),
                "account": address,
                "snapshot": vote.snapshot,
                "deadline": vote.deadline,
                "state": vote.state.name.lower(),
                "chains": [one.as_dict() for one in found],
            }
        )
        return
    columns = ("chain", "#votes", "#used", "#left", "delegated to")
    rows = [
        (one.chain, era(one.weight), era(one.used), era(one.left), one.delegatee or "nobody") for one in found
    ]
    console().print(table(f"Votes of {address}", columns, rows))
    for line in _outlook(motion, vote, found):
        click.echo(line)


def _outlook(motion: Motion, vote: Vote, found: list[Standing]) -> Iterator[str]:
    from metalayer.governance.actions import standing
    from metalayer.governance.ballots import only_objections
    from metalayer.protocol.dates import utc

    yield from (one.trouble for one in found if one.trouble)
    if any(not one.is_final and not one.trouble for one in found):
        yield f"these are votes as they are now; those of {utc(vote.snapshot)} will count"
    yield f"{motion.called} is {vote.state.name.lower()}: {standing(vote)}"
    if only_objections(vote):
        yield "only votes against it count by now: a late vote made it pass"
