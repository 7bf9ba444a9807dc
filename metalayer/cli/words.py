"""What the commands say about a cost, a message and a verdict."""

from __future__ import annotations

from metalayer.assets.bridge import Transfer
from metalayer.assets.credit import Payment
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.dates import utc
from metalayer.protocol.message import Fee
from metalayer.tracking.trace import Trace, as_dict
from metalayer.validator.process import Judgement, Verdict


def payment_cost(payment: Payment) -> str:
    """Fee, and where it comes from."""
    deposit = f", {era(payment.missing)} of it deposited now" if payment.missing else ""
    return f"{era(payment.fee)} ERA from the credit on {payment.chain}{deposit}"


def transfer_cost(transfer: Transfer) -> str:
    """The same of a transfer, and what the hub takes to send it on."""
    forward = ""
    if transfer.forward_fee:
        forward = (
            f"; the hub takes {era(transfer.forward_fee)} of the amount to send it on, "
            f"{era(transfer.arrives)} arrive"
        )
    return f"{payment_cost(transfer.payment)}{forward}"


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
