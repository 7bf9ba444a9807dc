"""What crosses: messages, among them one that fails and is retried, ERA, and what the relayer earned."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from eth_utils.crypto import keccak

from demo.fees import fee_of, protocol_part
from demo.stage import KEEPER, RELAYER, TIMEOUT, USER, Stage, silent
from demo.summary import Step
from metalayer.assets import bridge, credit
from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.live import Live
from metalayer.network.rpc import Reverted
from metalayer.network.signers import load_sender
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import era
from metalayer.tracking import messages
from metalayer.tracking.follower import Event, Follower, NotDelivered

EACH_WAY = 2
"""Messages from every chain."""

_UNIT = 10**18
_AGAIN = 50 * _UNIT
"""ERA (wei) that goes to the first rollup and back once more: what a step costs when it is not the first of
its kind.
"""
_BROUGHT = 10 * _UNIT
"""ERA (wei) that goes from the hub to every other rollup: nobody can pay there for a message before."""
_PREPAID = 1 * _UNIT
"""ERA (wei) that the user puts into the credit of every chain, and lets the bridge spend."""

_SET_CLOSED = Function("setClosed(bool)")
_CLAIM_EVERY = 0.25


@dataclass
class Crossings:
    """Sends as the user, and follows to the end."""

    stage: Stage
    live: Live

    def prepay(self, chain: str) -> None:
        connection, user = self.live.connection(chain), load_sender(USER)
        sending = self.live.registry.address("TokenBridge")
        due = credit.payment(connection, self.live.registry, user.address, _PREPAID, sending)
        connection.send_many(user, credit.preparation(self.live.registry, due, sending))
        self.stage.say(f"{era(_PREPAID)} ERA of credit on {chain}: it pays for messages from there")

    def there_and_back(self, origin: str, destination: str) -> None:
        names = list(self.stage.network.chains)
        self.transfer(origin, _AGAIN, names.index(destination))
        self.transfer(destination, _AGAIN, names.index(origin))

    def settle(self, hub: str, name: str, names: list[str], boxes: dict[str, str]) -> None:
        """Brings ERA to a rollup; then messages can be sent from it."""
        position = names.index(name)
        self.transfer(hub, _BROUGHT, position)
        self.prepay(name)
        self.messages(name, names[(position + 1) % len(names)], boxes)

    def messages(self, origin: str, destination: str, boxes: dict[str, str]) -> None:
        for _ in range(EACH_WAY):
            self.message(origin, destination, boxes[destination])

    def message(self, origin: str, destination: str, box: str) -> None:
        sent = self._send_message(origin, destination, box)
        follower = self._follower(f"message {origin} → {destination}", _ends)
        self.stage.account("deliver them", destination, follower.follow(sent, "delivered"))

    def _send_message(self, origin: str, destination: str, box: str) -> Sent:
        target = self.live.connection(destination).chain.chain_id
        payload = keccak(text=f"a letter from {origin} to {destination}")
        draft = messages.Draft(target, box, payload)
        receipt, id_ = messages.send(
            self.live.connection(origin), load_sender(USER), self.live.mesh.gateway, draft
        )
        self.stage.steps.append(Step("send 32 bytes", origin, receipt["gasUsed"]))
        sent = bridge.sent_in(receipt, self.live.registry, self.live.connection(origin).chain.chain_id, id_)
        self.stage.pay(sent.message)
        return sent

    def failing_message(self, origin: str, destination: str, box: str) -> None:
        """Sent to a postbox that is closed: it fails, the postbox opens, anyone retries."""
        sent = self._send_message(origin, destination, box)
        label = f"message to a closed postbox {origin} → {destination}"
        try:
            self._follower(label, _ends).follow(sent, "delivered")
        except NotDelivered as failure:
            self.stage.account("fail", destination, failure.receipt)
        else:
            raise MetalayerError(f"{label} was delivered: expected it to be refused")
        connection = self.live.connection(destination)
        connection.send(load_sender(KEEPER), box, _SET_CLOSED.encode(False))
        receipt = messages.retry(connection, load_sender(RELAYER), self.live.mesh.gateway, sent.message)
        self.stage.account("retry", destination, receipt)
        self.stage.say(f"{label}: opened, retried, delivered on {destination}")

    def claim(self, chain: str, origin: str) -> None:
        """The relayer claims what it earned on a chain with messages from `origin`, and is paid there."""
        here, relayer = self.live.connection(chain), load_sender(RELAYER)
        call = gateway.CLAIM.encode(self.live.connection(origin).chain.chain_id)
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                receipt = here.send(relayer, self.live.mesh.gateway, call)
                break
            except Reverted as error:
                # It has not earned more than what carrying the claim costs yet.
                waits = error.reason.startswith("NothingToClaim") and time.monotonic() < deadline
                if not waits or self.stage.cancelled.wait(_CLAIM_EVERY):
                    raise
        sent = bridge.sent_in(receipt, self.live.registry, here.chain.chain_id)
        self._follower("claim", lambda event: False).follow(sent, "paid")
        paid = era(credit.read(self.live, relayer.address)[origin].credit)
        self.stage.say(
            f"{paid} ERA, the relayer's for messages {origin} → {chain}: claimed there, paid on {origin}"
        )

    def transfer(self, origin: str, amount: int, position: int) -> None:
        end = list(self.stage.network.chains.values())[position]
        label = f"{era(amount)} ERA {origin} → {end.name}"
        user = load_sender(USER)
        follower = self._follower(label, lambda event: event.what != "done")
        transfer = bridge.prepare(
            self.live, self.live.connection(origin), end, user.address, user.address, amount
        )
        sent, receipt = bridge.send(self.live, user, transfer)
        self.stage.pay(sent.message)
        outcome = bridge.follow(follower, self.live.registry, sent, receipt, end.chain_id)
        hub = self.stage.network.hub
        arrived = amount
        if len(outcome.hops) > 1:
            forward = outcome.hops[-1].message
            fee = fee_of(hub, end, forward)
            arrived -= fee
            self.stage.protocol_fees.append((hub.name, protocol_part(hub, end, forward)))
            self.stage.say(f"{label}: the hub took {era(fee)} of it for the fee of the second hop")
        self.stage.moves += [(origin, -amount), (end.name, arrived)]
        kind = "lock ERA and send" if origin == hub.name else "burn ERA and send"
        self.stage.steps.append(Step(kind, origin, receipt["gasUsed"]))
        for forwarding in outcome.receipts[1:-1]:
            self.stage.account("forward ERA", hub.name, forwarding)
        kind = "release ERA on arrival" if end == hub else "mint ERA on arrival"
        self.stage.account(kind, end.name, outcome.receipts[-1])

    def _follower(self, label: str, shown: Callable[[Event], bool]) -> Follower:
        def on_event(event: Event) -> None:
            if shown(event):
                self.stage.say(f"{label}: {event.what} on {event.chain}")

        return Follower(
            self.live, DirectoryExchange.of(self.live), on_event, silent, TIMEOUT, self.stage.cancelled
        )


def _ends(event: Event) -> bool:
    return event.what in ("sent", "delivered", "failed", "expired")
