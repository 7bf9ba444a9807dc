"""Paying a recipient before a transfer arrives, by hand: `ape metalayer transfer front ID | claim ID`."""

from __future__ import annotations

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import ACCOUNT, MESSAGE_ID, Signing, json_option, signing_options


@click.command(cls=Command)
@click.argument("id_", metavar="ID", type=MESSAGE_ID)
@signing_options("TEST::3", "Account that pays the recipient, and gets what arrives.")
@json_option
def front(id_: bytes, signing: Signing, as_json: bool) -> None:
    """Pay the recipient of the transfer ID now, and get what arrives.

    Shows what is paid and what is kept before it asks, and refuses what does not get through, what another fronted,
    and what is not final where it started. If the transfer has not arrived some days before its deadline, claim it:
    otherwise it returns to its sender.
    """
    from metalayer.network.live import Live
    from metalayer.network.nodes import PATIENCE
    from metalayer.network.signers import load_sender
    from metalayer.protocol.dates import utc
    from metalayer.solver.single import Single
    from metalayer.solver.words import Words

    live = Live.open(PATIENCE, forgiving=True)
    words, sender = Words(live), load_sender(signing.account)
    single = Single.read(live.mesh, live.registry.address("TokenBridge"), sender, id_)
    offer, decision = single.offer, single.decision
    single.refuse()
    name = words.chain(offer.end)
    lines = (
        f"{'way':<10}{' → '.join(words.chain(chain) for chain in offer.way)}",
        f"{'pays':<10}{words.amount(offer.token, decision.paid)} on {name} to {offer.payload.to}",
        f"{'gets':<10}{words.amount(offer.token, offer.payload.amount)} when it arrives",
        f"{'keeps':<10}{words.amount(offer.token, decision.kept)}, before gas",
        f"{'deadline':<10}{utc(offer.payload.deadline)}: claim it some days before, if it has not arrived",
    )
    for line in lines:
        click.echo(line, err=as_json)
    signing.confirm(
        live.network, f"Pay {words.amount(offer.token, decision.paid)} on {name} with {signing.account}?"
    )
    signing.sender_on(live.connection(offer.end))
    paid = single.front()
    if as_json:
        print_json(words.paid_dict(paid))
    else:
        click.echo(words.paid_line(paid))


@click.command(cls=Command)
@click.argument("id_", metavar="ID", type=MESSAGE_ID)
@click.option("--solver", type=ACCOUNT, help="Who fronted it; the account if left out.")
@signing_options("TEST::3", "Account that pays the fee, from its credit or its ERA where it was fronted.")
@json_option
def claim(id_: bytes, solver: str | None, signing: Signing, as_json: bool) -> None:
    """Claim what may return of the transfer ID that was fronted: it goes to its solver instead of its sender.

    Tells the chain where the transfer started. Only what returns after that has arrived there is the solver's: do it
    some days before the deadline.
    """
    from metalayer.network.live import Live
    from metalayer.network.nodes import PATIENCE
    from metalayer.network.signers import address_of
    from metalayer.solver import single
    from metalayer.solver.words import Words

    live = Live.open(PATIENCE, forgiving=True)
    words, bridge = Words(live), live.registry.address("TokenBridge")
    fronted = single.find_front(live.mesh, bridge, address_of(solver or signing.account), id_)
    end = live.connection(fronted.end)
    start = words.chain(fronted.front.start)
    signing.confirm(
        live.network,
        f"Claim {words.amount(fronted.token, fronted.front.amount)} from {start} with {signing.account}?",
    )
    claimed = single.claim(live.mesh, bridge, signing.sender_on(end), fronted)
    if as_json:
        print_json(words.claimed_dict(claimed))
    else:
        click.echo(words.claimed_line(claimed))
