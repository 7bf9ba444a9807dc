"""Follows messages from their origin to their end, and says what happens on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from metalayer.attesting.exchange import Exchange
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.entries import Preset
from metalayer.network.live import Live
from metalayer.network.transactions import Receipt
from metalayer.tracking.trace import State, Trace, look

_POLL = 0.15


@dataclass(frozen=True)
class Event:
    """Something that happened. `seconds` since the start; gas of the transaction that did it."""

    what: str
    chain: str
    seconds: float
    transaction: str | None = None
    gas: int | None = None


class NotDelivered(MetalayerError):
    """The recipient refused a message, or its time had passed: it was not executed in that transaction."""

    def __init__(self, message: str, receipt: Receipt) -> None:
        super().__init__(message)
        self.receipt = receipt


class StillWaiting(MetalayerError):
    """Time is up, and the message has not ended."""


@dataclass
class Follower:
    """Watches messages of one network. Each event and each change of what it waits for is reported."""

    live: Live
    exchange: Exchange
    on_event: Callable[[Event], None]
    on_wait: Callable[[str], None]
    timeout: float
    cancelled: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.monotonic)

    def emit(self, what: str, chain: str, receipt: Receipt | None = None) -> Event:
        """Reports an event at the present time."""
        seconds = round(time.monotonic() - self.started, 2)
        event = (
            Event(what, chain, seconds)
            if receipt is None
            else Event(what, chain, seconds, receipt["transactionHash"], int(receipt["gasUsed"]))
        )
        self.on_event(event)
        return event

    def follow(self, sent: Sent, arrival: str, meanwhile: Callable[[], None] = lambda: None) -> Receipt:
        """Waits until a message is executed; returns the receipt of the transaction that did it.

        arrival: what its execution is called; meanwhile: called at each look. Raises NotDelivered with what to do next,
        MetalayerError if nothing was executed at all, or StillWaiting.
        """
        live, origin = self.live, self.live.connection(sent.message.origin)
        seen = last = State.SENT
        while True:
            trace = look(live.mesh, self.exchange, origin, sent)
            meanwhile()
            before, last = last, trace.state
            # Anvil shows what a block did a moment before it has the block's logs (3 of 345 blocks, measured): what was
            # just delivered looks as if it had been passed by.
            is_doubtful = trace.state is State.ABANDONED is not before
            if trace.state.ended and not is_doubtful:
                return self._end(trace, arrival)
            if trace.state is not seen and not is_doubtful:
                seen = trace.state
                self.emit(seen.value, trace.origin)
            waiting = _waiting(trace, origin.chain.preset)
            self.on_wait(waiting)
            if time.monotonic() - self.started > self.timeout:
                raise StillWaiting(
                    f"not there after {self.timeout:g} s, {waiting}. It goes on without us: "
                    f"`ape metalayer message 0x{sent.id.hex()}` says where it is"
                )
            if self.cancelled.wait(_POLL):
                raise StillWaiting(f"cancelled, {waiting}")

    def _end(self, trace: Trace, arrival: str) -> Receipt:
        if not trace.executed_in:
            self.emit(trace.state.value, trace.destination)
            outcome = f"message 0x{trace.sent.id.hex()} {trace.state.value}, and was never executed"
            raise MetalayerError("; ".join(part for part in (outcome, trace.reason, trace.advice) if part))
        receipt = self.live.connection(trace.destination).receipts([trace.executed_in])[0]
        if trace.state is State.DELIVERED:
            self.emit(arrival, trace.destination, receipt)
            return receipt
        self.emit(trace.state.value, trace.destination, receipt)
        raise NotDelivered(
            f"message 0x{trace.sent.id.hex()} {trace.state.value} on {trace.destination} in transaction "
            f"{trace.executed_in}: {trace.reason}; {trace.advice}",
            receipt,
        )


def _waiting(trace: Trace, preset: Preset) -> str:
    if trace.state is State.SENT:
        about = "" if isinstance(preset.finality, int) else "about "
        return f"waiting for {about}{preset.finality_depth} blocks on {trace.origin} to make it final"
    if trace.state is State.FINAL:
        return "waiting for validators and a relayer (`ape metalayer validate`, `ape metalayer relay watch`)"
    return f"waiting for a relayer to deliver it on {trace.destination}"
