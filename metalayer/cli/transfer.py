"""Move any token between chains: `ape metalayer transfer TOKEN AMOUNT --from CHAIN --to CHAIN`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metalayer.cli import transfer_front, transfer_id
from metalayer.cli.command import DefaultGroup, print_json
from metalayer.cli.options import (
    ACCOUNT,
    AMOUNT,
    CALLDATA,
    CHAIN,
    LIFETIME,
    PERCENT,
    TOKEN,
    TOKEN_AMOUNT,
    Signing,
    exchange_option,
    gathered,
    json_option,
    signing_options,
    timeout_option,
    whole,
)

if TYPE_CHECKING:
    from metalayer.assets.transfers import Transfer, Wish
    from metalayer.network.connection import Connection
    from metalayer.network.live import Live
    from metalayer.tracking.follower import Event

_MOST_GAS = (1 << 24) - 1
_MOST_RAMP = (1 << 16) - 1


@dataclass(frozen=True)
class Way:
    """Where it leaves and arrives, and whose it is then."""

    origin: str
    destination: str
    recipient: str | None
    return_to: str | None


@dataclass(frozen=True)
class Terms:
    """What else a sender may decide: see the contracts' `Options`. Tip in billionths, deadline in seconds from now."""

    tip: int | None
    ramp: int
    call: bytes | None
    extra_gas: int
    max_fee: int | None
    deadline: int | None
    fee_from: Any
    wrapped: bool


@dataclass(frozen=True)
class Following:
    """Whether and how the transfer is followed."""

    no_wait: bool
    timeout: float
    exchange: Path | None


@click.group(cls=DefaultGroup, default="send", context_settings={"ignore_unknown_options": True})
def cli() -> None:
    """Move any token between chains: TOKEN AMOUNT --from CHAIN --to CHAIN.

    `transfer TOKEN AMOUNT ...` is `transfer send TOKEN AMOUNT ...`, whose --help says more.
    """


cli.add_command(transfer_id.pay)
cli.add_command(transfer_id.show)
cli.add_command(transfer_front.front)
cli.add_command(transfer_front.claim)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("token", type=TOKEN)
@click.argument("amount", type=TOKEN_AMOUNT)
@gathered(
    "way",
    Way,
    click.option(
        "--from", "origin", type=CHAIN, required=True, metavar="CHAIN", help="Chain that the token leaves."
    ),
    click.option(
        "--to", "destination", type=CHAIN, required=True, metavar="CHAIN", help="Chain where it arrives."
    ),
    click.option(
        "--recipient", type=ACCOUNT, metavar="ACCOUNT", help="Who gets it; the sender if not given."
    ),
    click.option(
        "--return-to",
        type=ACCOUNT,
        metavar="ACCOUNT",
        help="Who gets it back if it does not arrive; the sender if not given.",
    ),
)
@gathered(
    "terms",
    Terms,
    click.option(
        "--tip",
        type=PERCENT,
        metavar="PERCENT",
        help="Most that a solver keeps for paying the recipient at once.",
    ),
    click.option(
        "--ramp",
        type=whole(0, _MOST_RAMP),
        default=0,
        show_default=True,
        metavar="SECONDS",
        help="Over which what a solver keeps grows to the tip.",
    ),
    click.option(
        "--call",
        type=CALLDATA,
        metavar="HEX|FILE",
        help="Call the recipient with this when it has the token: 0x..., or a file that holds it.",
    ),
    click.option(
        "--extra-gas",
        type=whole(0, _MOST_GAS),
        default=0,
        show_default=True,
        help="Gas for the recipient, or an unusual token, beyond what every transfer has.",
    ),
    click.option("--max-fee", type=AMOUNT, help="Most ERA that sending may take; what is shown if left out."),
    click.option(
        "--deadline", type=LIFETIME, help="Time after which it returns, such as 2d; 14 days if left out."
    ),
    click.option(
        "--fee-from",
        type=click.Choice(["credit", "balance"]),
        help="Whence the fee comes; the credit if that is enough and the bridge may spend it.",
    ),
    click.option("--wrapped", is_flag=True, help="Ether that comes home stays wrapped."),
)
@signing_options("TEST::3", "Who sends it.")
@gathered(
    "following",
    Following,
    click.option("--no-wait", is_flag=True, help="Do not follow it."),
    timeout_option(300.0, "Seconds to follow it."),
    exchange_option,
)
@json_option
def send(
    token: str,
    amount: str,
    way: Way,
    terms: Terms,
    signing: Signing,
    following: Following,
    as_json: bool,
) -> None:
    """Move AMOUNT (such as 1.5) of TOKEN to another chain and follow it through every hop.

    TOKEN: ERA, ETH (the origin's own ether), an address there, the symbol of a known token, or that with its home:
    USDC@hub. `ape metalayer tokens` shows what is known.

    The fee is paid in ERA. Between two chains that are both not the token's home, the transfer goes over its home: if
    that is the hub, the second hop is prepaid here; elsewhere it is paid there, if the sender has ERA there, or by
    anybody with `ape metalayer transfer pay`. The recipient gets exactly AMOUNT. Validators
    (`ape metalayer validate`) and a relayer (`ape metalayer relay watch`) carry it; any will do.
    """
    # `ape run` imports every script even for --help.
    from metalayer.assets import transfers
    from metalayer.assets.tokens import chain_name
    from metalayer.cli.words import transfer_lines
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of

    live = Live.open()
    start = live.connection(way.origin)
    wish = _wish(live, start, token, amount, way, terms, address_of(signing.account))
    transfer = transfers.prepare(live, start, address_of(signing.account), wish).bounded()
    for line in transfer_lines(transfer, chain_name(live, transfer.token.home.chain_id)):
        click.echo(line, err=as_json)
    moved = f"{transfer.token.text(wish.amount)} from {start.name} to {wish.destination.name}"
    signing.confirm(live.network, f"Send {moved} with {signing.account}?")
    _run(live, start, transfer, signing, following, as_json)


def _wish(
    live: Live, start: Connection, token: str, amount: str, way: Way, terms: Terms, sender: str
) -> Wish:
    """What was typed. MetalayerError if there is no such token, or the amount is none of it."""
    from metalayer.assets.ether import is_ether_of, unwrapped
    from metalayer.assets.tokens import resolve
    from metalayer.assets.transfers import Wish
    from metalayer.network.signers import address_of
    from metalayer.protocol.transfers import Options

    found, end = resolve(live, start, token), live.connection(way.destination)
    deadline = 0 if terms.deadline is None else start.block().time + terms.deadline
    wish = Wish(
        token=found,
        destination=end.chain,
        to=address_of(way.recipient) if way.recipient else sender,
        amount=found.parse(amount),
        options=Options(
            return_to=address_of(way.return_to) if way.return_to else None,
            deadline=deadline,
            tip=terms.tip or 0,
            ramp=terms.ramp,
            max_fee=terms.max_fee or 0,
            extra_gas=terms.extra_gas,
            data=terms.call or b"",
        ),
        fee_from=terms.fee_from,
    )
    comes_home = start.chain != end.chain and is_ether_of(live, found.home, end)
    return unwrapped(live, wish) if comes_home and not terms.wrapped else wish


def _run(
    live: Live, start: Connection, transfer: Transfer, signing: Signing, following: Following, as_json: bool
) -> None:
    """Sends it, pays on its home if that can be done at once, and follows it."""
    from metalayer.assets import journeys, transfers
    from metalayer.attesting.directory import DirectoryExchange
    from metalayer.cli.display import console, shown_on
    from metalayer.network.signers import load_signer
    from metalayer.protocol.hex import to_hex
    from metalayer.tracking.follower import Follower

    sender, signer, wish = signing.sender_on(start), load_signer(signing.account), transfer.wish
    amount = transfer.token.text(wish.amount)
    events: list[Event] = []
    with shown_on(console(quiet=as_json)) as show:

        def on_event(event: Event) -> None:
            events.append(event)
            show.event(event)

        show.wait(f"sending {amount} on {start.name}")
        follower = Follower(
            live, DirectoryExchange.of(live, following.exchange), on_event, show.wait, following.timeout
        )
        sent, receipt = transfers.send(live, sender, transfer, signer)
        click.echo(f"{'id':<10}{to_hex(sent.id)}", err=as_json)
        paid = _pay_onward(live, transfer, signing, sent.id)
        if following.no_wait:
            follower.emit("sent", start.name, receipt)
            result: dict[str, Any] = {
                "id": to_hex(sent.id),
                "ids": [to_hex(sent.id)],
                "transactions": [receipt["transactionHash"]],
            }
        else:
            destination = wish.destination.chain_id
            result = journeys.follow(follower, live.registry, sent, receipt, destination).as_dict()
    if as_json:
        result |= {
            "token": {
                "symbol": transfer.token.symbol,
                "address": transfer.token.address,
                "home": {"chain_id": transfer.token.home.chain_id, "address": transfer.token.home.address},
            },
            "amount": str(wish.amount),
            "fee": str(transfer.fee),
            "forward_fee": str(transfer.forward_fee),
            "paid_onward": paid,
            "ends": [end.as_dict() for end in transfer.ends],
            "expected_seconds": transfer.seconds,
        }
        print_json({**result, "events": [asdict(event) for event in events]})
    elif following.no_wait:
        click.echo(f"sent {amount}: `ape metalayer transfer show {result['id']}` says where it is")
    else:
        hashes = " ".join(result["transactions"])
        click.echo(
            f"{amount} from {start.name} to {wish.destination.name} in {result['seconds']:.1f} s: {hashes}"
        )


def _pay_onward(live: Live, transfer: Transfer, signing: Signing, id_: bytes) -> str | None:
    """Pays for a second hop that could not be prepaid, if the sender can. The transaction; None if there was none."""
    from metalayer.assets import passages
    from metalayer.assets.tokens import balance
    from metalayer.network.signers import load_signer
    from metalayer.protocol.amounts import GWEI, era
    from metalayer.protocol.hex import to_hex

    if transfer.home is None or not transfer.to_pay:
        return None
    home, signer = live.connection(transfer.home.name), load_signer(signing.account)
    due = -(-transfer.to_pay // GWEI) * GWEI
    if balance(home, live.registry, signer.address) < due:
        click.echo(
            f"{'pay':<10}{era(due)} ERA on {home.name}, where {signing.account} has less: "
            f"`ape metalayer transfer pay {to_hex(id_)}`",
            err=True,
        )
        return None
    receipt = passages.pay(live, home, signing.sender_on(home), id_, due, signer)
    return str(receipt["transactionHash"])
