"""ERA that goes to a new chain and comes back: that its lanes with the hub carry what people care about.

What was sent already is found in the logs of both bridges, and is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metalayer.assets import journeys, tokens, transfers
from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.names import BRIDGE, ERA
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.signers import address_of, load_sender, load_signer
from metalayer.protocol import bridge
from metalayer.protocol.amounts import era
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import word
from metalayer.tracking.follower import Event, Follower

AMOUNT = 10**18
"""Wei of ERA that come back."""


@dataclass(frozen=True)
class Leg:
    """One of the two transfers. amount: wei of ERA. seconds: None for what arrived before."""

    id: bytes
    origin: str
    destination: str
    amount: int
    transaction: str
    arrived: bool
    seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "id": to_hex(self.id),
            "from": self.origin,
            "to": self.destination,
            "amount": str(self.amount),
            "transaction": self.transaction,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Journey:
    """There and back, of one account; None for what was not sent."""

    there: Leg | None
    back: Leg | None

    @property
    def done(self) -> bool:
        return all(leg is not None and leg.arrived for leg in (self.there, self.back))

    @property
    def legs(self) -> list[Leg]:
        return [leg for leg in (self.there, self.back) if leg is not None]


@dataclass(frozen=True)
class Traveller:
    """Whose ERA goes. confirm: asks before something is sent, on networks that are not local."""

    live: Live
    account: str
    confirm: Callable[[str], None]
    say: Callable[[str], None]
    timeout: float

    def found(self, chain: str) -> Journey:
        """What was sent before, by the logs of both ends."""
        hub, there = self.live.connection(self.live.network.hub.name), self.live.connection(chain)
        return Journey(self._last(hub, there), self._last(there, hub))

    def go(self, chain: str, exchange: DirectoryExchange) -> Journey:
        """Sends what was not sent, and follows both to their end. MetalayerError if one does not arrive."""
        before = self.found(chain)
        hub, there = self.live.connection(self.live.network.hub.name), self.live.connection(chain)
        out = before.there
        if out is None:
            fee = there.view(
                self._address(BRIDGE), bridge.QUOTE_SEND, self._address(ERA), hub.chain_id, 0, 0
            ).fee
            # What the way back costs goes along: nobody has ERA there yet.
            out = self._send(hub, there, AMOUNT + fee)
        out = out if out.arrived else self._follow(out, exchange)
        back = before.back or self._send(there, hub, AMOUNT)
        return Journey(out, back if back.arrived else self._follow(back, exchange))

    def _last(self, origin: Connection, end: Connection) -> Leg | None:
        """The last transfer of the account from one to the other that did not come back undone."""
        address = self._address(BRIDGE)
        who = word(int(address_of(self.account), 16))
        sent = origin.ask(bridge.TRANSFER_SENT.history(address, None, who))
        own = [
            one
            for one in sent
            if (one.event.destination, one.event.token) == (end.chain_id, self._address(ERA))
        ]
        for one in reversed(own):
            returned = origin.ask(bridge.TRANSFER_RETURNED.history(address, one.event.id))
            if returned:
                continue
            received = end.ask(bridge.TRANSFER_RECEIVED.history(address, one.event.id))
            return Leg(
                one.event.id, origin.name, end.name, one.event.amount, one.log.transaction, bool(received)
            )
        return None

    def _send(self, origin: Connection, end: Connection, amount: int) -> Leg:
        live, sender = self.live, load_sender(self.account)
        what = f"Send {era(amount)} ERA from {origin.name} to {end.name} with {self.account}"
        self.confirm(f"{what}?")
        self.say(what)
        origin.refuse_while_pending(sender)
        token = tokens.read(live, origin, self._address(ERA))
        wish = transfers.Wish(token, end.chain, sender.address, amount, fee_from="balance")
        transfer = transfers.prepare(live, origin, sender.address, wish).bounded()
        sent, receipt = transfers.send(live, sender, transfer, load_signer(self.account))
        return Leg(sent.id, origin.name, end.name, amount, receipt["transactionHash"], arrived=False)

    def _follow(self, leg: Leg, exchange: DirectoryExchange) -> Leg:
        live = self.live
        origin, end = live.connection(leg.origin), live.connection(leg.destination)
        receipt = origin.receipts([leg.transaction])[0]
        sent = journeys.started_in(receipt, live.registry, origin.chain_id)

        def tell(event: Event) -> None:
            self.say(f"{event.what} on {event.chain}")

        follower = Follower(live, exchange, tell, self.say, self.timeout)
        outcome = journeys.follow(follower, live.registry, sent, receipt, end.chain_id)
        return Leg(leg.id, leg.origin, leg.destination, leg.amount, leg.transaction, True, outcome.seconds)

    def _address(self, name: str) -> str:
        return self.live.registry.address(name)
