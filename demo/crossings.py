"""What crosses: messages, among them one that fails and is retried, ERA, another token, and what the relayer earned."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from eth_abi.abi import encode
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from demo.fees import protocol_part
from demo.stage import KEEPER, RELAYER, TIMEOUT, USER, Stage, silent, totals
from demo.summary import Step
from metalayer.assets import credit, journeys, tokens, transfers
from metalayer.assets.tokens import Token
from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.config import Chain
from metalayer.network.live import Live
from metalayer.network.rpc import Reverted
from metalayer.network.signers import load_sender, load_signer
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import era
from metalayer.protocol.transfers import Kind, Options
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

_COIN_DECIMALS = 6
_COINS = 1_000_000 * 10**_COIN_DECIMALS
_COIN_LEGS = (1_000 * 10**_COIN_DECIMALS, 400 * 10**_COIN_DECIMALS)

_SET_CLOSED = Function("setClosed(bool)")
_CLAIM_EVERY = 0.25


@dataclass
class Crossings:
    """Sends as the user, and follows to the end."""

    stage: Stage
    live: Live
    _permitting: threading.Lock = field(default_factory=threading.Lock)

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
        sent = journeys.sent_in(receipt, self.live.registry, self.live.connection(origin).chain.chain_id, id_)
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
        sent = journeys.sent_in(receipt, self.live.registry, here.chain.chain_id)
        self._follower("claim", lambda event: False).follow(sent, "paid")
        paid = era(credit.read(self.live, relayer.address)[origin].credit)
        self.stage.say(
            f"{paid} ERA, the relayer's for messages {origin} → {chain}: claimed there, paid on {origin}"
        )

    def transfer(self, origin: str, amount: int, position: int) -> None:
        """ERA of the user goes to a chain, by its position."""
        end = list(self.stage.network.chains.values())[position]
        token = tokens.resolve(self.live, self.live.connection(origin), "ERA")
        self._move(token, end, amount)
        self.stage.moves += [(origin, -amount), (end.name, amount)]

    def place_coin(self, chain: str, code: bytes) -> Token:
        """A token of the user's that knows nothing of other chains. code: creates it."""
        connection, user = self.live.connection(chain), load_sender(USER)
        values = ["A coin", "COIN", _COIN_DECIMALS, user.address, _COINS]
        arguments = encode(["string", "string", "uint8", "address", "uint256"], values)
        receipt = connection.send(user, None, code + arguments)
        coin = tokens.read(self.live, connection, receipt["contractAddress"])
        self.stage.say(f"{coin.text(_COINS)} on {chain}, at {coin.address}: a token like any other")
        self.stage.coins.append((chain, _COINS))
        return coin

    def coin_there_and_back(self, coin: Token, destination: str) -> None:
        """From its home to a chain and back, twice: the first time, a description of it goes before."""
        names = list(self.stage.network.chains)
        for amount in _COIN_LEGS:
            self._move_coin(coin.chain, coin.address, names.index(destination), amount)
            self._move_coin(destination, f"COIN@{coin.chain}", names.index(coin.chain), amount // 2)

    def coin_onward(self, coin: Token, origin: str, destination: str) -> None:
        """From one chain to another that are both not its home."""
        position = list(self.stage.network.chains).index(destination)
        self._move_coin(origin, f"COIN@{coin.chain}", position, _COIN_LEGS[0] // 4)

    def coin_checks(self, coin: Token) -> list[tuple[str, bool]]:
        """Whether the user has on each chain what was moved there."""
        (found,) = [token for token in tokens.all_known(self.live) if token.home == coin.home]
        user = load_sender(USER).address
        held = {
            name: self.live.connection(name).view(address, tokens.BALANCE_OF, user)
            for name, address in found.places.items()
        }
        return [
            ("the user has of the coin on every chain what was moved there", held == totals(self.stage.coins))
        ]

    def _move_coin(self, origin: str, text: str, position: int, amount: int) -> None:
        end = list(self.stage.network.chains.values())[position]
        self._move(tokens.resolve(self.live, self.live.connection(origin), text), end, amount)
        self.stage.coins += [(origin, -amount), (end.name, amount)]

    def fronted(self, origin: str, amount: int, tip: int, position: int) -> journeys.Outcome:
        """ERA of the user goes to a chain with a tip, in billionths, and a solver pays it before it arrives."""
        end = list(self.stage.network.chains.values())[position]
        token = tokens.resolve(self.live, self.live.connection(origin), "ERA")
        outcome = self._move(token, end, amount, tip)
        fronted = outcome.fronted
        if fronted is None:
            raise MetalayerError("nobody fronted the transfer with a tip (solver.log)")
        self.stage.moves += [(origin, -amount), (end.name, fronted.event.paid)]
        (receipt,) = self.live.connection(end.name).receipts([fronted.transaction])
        self.stage.steps.append(Step("front ERA", end.name, receipt["gasUsed"]))
        return outcome

    def hand(self, chain: str, account: str, amount: int) -> None:
        """ERA of the user to somebody else on one chain."""
        connection, token = self.live.connection(chain), self.live.registry.address("ERA")
        connection.send(load_sender(USER), token, tokens.TRANSFER.encode(account, amount))
        self.stage.moves.append((chain, -amount))

    def _move(self, token: Token, end: Chain, amount: int, tip: int = 0) -> journeys.Outcome:
        """To the end of its last hop, with what it costs and what gas it takes noted."""
        user, origin, hub = load_sender(USER), self.live.connection(token.chain), self.stage.network.hub
        label = f"{token.text(amount)} {origin.name} → {end.name}"
        follower = self._follower(label, lambda event: event.what != "done")
        wish = transfers.Wish(token, end, user.address, amount, Options(tip=tip))
        # Two permits of one account would have one nonce.
        with self._permitting:
            transfer = transfers.prepare(self.live, origin, user.address, wish)
            sent, receipt = transfers.send(self.live, user, transfer, load_signer(USER))
        for one in journeys.all_sent_in(receipt, self.live.registry, origin.chain_id):
            self.stage.pay(one.message)
        outcome = journeys.follow(follower, self.live.registry, sent, receipt, end.chain_id)
        if transfer.home is not None:
            self.stage.moves.append((origin.name, -transfer.forward_fee))
            for one in self._onward(token, outcome):
                self.stage.protocol_fees.append((hub.name, protocol_part(hub, end, one.message)))
        what = "ERA" if token.symbol == "ERA" else "a coin"
        is_home = token.home.chain_id == origin.chain_id
        kind = f"lock {what} and send" if is_home else f"burn {what} and send"
        self.stage.steps.append(Step(kind, origin.name, receipt["gasUsed"]))
        for forwarding in outcome.receipts[1:-1]:
            self.stage.account(f"forward {what}", hub.name, forwarding)
        kind = "release" if token.home.chain_id == end.chain_id else "mint"
        fronted = " that was fronted," if outcome.fronted else ""
        self.stage.account(f"{kind} {what}{fronted} on arrival", end.name, outcome.receipts[-1])
        return outcome

    def _onward(self, token: Token, outcome: journeys.Outcome) -> list[Sent]:
        """The second hop, and the description that went before it, if one did. The relayer may have brought others."""
        hop = outcome.hops[-1]
        beside = journeys.all_sent_in(outcome.receipts[-2], self.live.registry, hop.message.origin)
        return [
            hop,
            *(
                one
                for one in beside
                if one.message.destination == hop.message.destination
                and one.message.payload.startswith(bytes(12) + to_canonical_address(token.home.address))
                and one.message.payload[33] == Kind.DESCRIBE
            ),
        ]

    def _follower(self, label: str, shown: Callable[[Event], bool]) -> Follower:
        def on_event(event: Event) -> None:
            if shown(event):
                self.stage.say(f"{label}: {event.what} on {event.chain}")

        return Follower(
            self.live, DirectoryExchange.of(self.live), on_event, silent, TIMEOUT, self.stage.cancelled
        )


def _ends(event: Event) -> bool:
    return event.what in ("sent", "delivered", "failed", "expired")
