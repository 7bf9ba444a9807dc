"""What the commands say about a cost, a message and a verdict."""

from __future__ import annotations

from collections.abc import Iterator

from metalayer.assets.credit import Payment
from metalayer.assets.tokens import Token
from metalayer.assets.transfers import Transfer
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.dates import utc
from metalayer.protocol.message import Fee
from metalayer.protocol.transfers import TIP_PARTS
from metalayer.tracking.trace import Trace, as_dict
from metalayer.validator.process import Judgement, Verdict


def payment_cost(payment: Payment) -> str:
    """Fee, and where it comes from."""
    deposit = f", {era(payment.missing)} of it deposited now" if payment.missing else ""
    return f"{era(payment.fee)} ERA from the credit on {payment.chain}{deposit}"


def origin_text(token: Token, home: str) -> str:
    """A token with where it is from: name and symbol are only what it says of itself."""
    return f"{token.symbol} ({token.name}), at home on {home}: {token.home.address}"


def fee_text(transfer: Transfer) -> str:
    """Both fees of a transfer, and where they come from."""
    purse = "balance" if transfer.options.from_balance or transfer.door else "credit"
    text = f"{era(transfer.fee)} ERA from the {purse} on {transfer.origin.name}"
    if transfer.home is None or not transfer.forward_fee:
        return text
    onward = f"{era(transfer.forward_fee)} for the second hop"
    if transfer.to_pay:
        return f"{text}; {onward}, to be paid on {transfer.home.name}"
    return f"{text}; {onward}, from the balance there"


def _conditions(transfer: Transfer) -> str:
    """A tip and a call."""
    wish, options = transfer.wish, transfer.options
    if options.tip:
        kept = wish.token.text(wish.amount * options.tip // TIP_PARTS)
        when = f" after {options.ramp} s" if options.ramp else ""
        return f", less up to {kept}{when} for who pays it before it arrives"
    return f", which is called with {len(options.data)} bytes" if options.data and not wish.ether_for else ""


def transfer_lines(transfer: Transfer, home: str) -> Iterator[str]:
    """What is to be known of a transfer before it starts, one fact a line. home: of the token."""
    wish = transfer.wish
    over = f" over {transfer.home.name}" if transfer.home else ""
    yield f"{'token':<10}{origin_text(wish.token, home)}"
    yield f"{'way':<10}{transfer.origin.name}{over} to {wish.destination.name}, about {transfer.seconds:.0f} s"
    yield f"{'fee':<10}{fee_text(transfer)}"
    yield f"{'to':<10}{wish.ether_for or wish.to}{', as ether' if wish.ether_for else ''}{_conditions(transfer)}"
    for end in transfer.ends:
        yield f"{'free':<10}{end.way}: {end.free_text(wish.token)}"
    for sentence in transfer.delays:
        yield f"{'waits':<10}{sentence}"


def trace_lines(trace: Trace) -> str:
    """Where a message is, one fact per line."""
    message = trace.sent.message
    fee = Fee.unpack(message.fee)
    facts = as_dict(trace) | {
        "deliver_before": "never" if message.is_of_gateways else utc(message.deliver_before),
        "fee": f"{era(fee.relay * GWEI)} ERA to deliver it, {era(fee.back * GWEI)} for its end",
    }
    return "\n".join(f"{key.replace('_', ' '):<15}{value}" for key, value in facts.items() if value != "")


def verdict_line(verdict: Verdict) -> str:
    """What a validator made of a root."""
    root = f"0x{verdict.root.hex()}"
    if verdict.judgement is Judgement.SIGNED:
        return f"signed {root}: {verdict.facts} facts"
    if verdict.judgement is Judgement.WAITING:
        return f"waiting with {root}: {verdict.reason}"
    return f"refused {root}: {verdict.reason}"
