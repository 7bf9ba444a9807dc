"""Transactions of a deployment to one chain: in the journal before they are sent, and followed to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from metalayer.deploy.declaration import Step
from metalayer.deploy.journal import InFlight, Journal
from metalayer.network.connection import Connection
from metalayer.network.pool import NotMined, count_request
from metalayer.network.transactions import Receipt, Sender, Signed, Transaction, receipt_request
from metalayer.protocol.hex import from_hex, to_hex


@dataclass(frozen=True)
class Flights:
    """What one chain was sent, and is."""

    connection: Connection
    journal: Journal
    sender_of: Callable[[str], Sender]
    commit: str | None = None
    """Git commit of the tree that signs."""

    @property
    def chain(self) -> str:
        return self.connection.name

    def settle(self) -> None:
        """Follows every signed transaction to its end before anything new is signed, so that nothing goes
        out twice.
        """
        for address, left in self._waiting():
            sender = self.sender_of(address)
            signed = [Signed(from_hex(flight.raw), flight.hash, flight.nonce) for flight in left]
            self._end(self.connection.resume(sender, signed, partial(self._keep_dearer, address)))

    def abandon(self) -> list[InFlight]:
        """Takes the place of what is not mined with nothing: the newest version of each that was given up. NotMined if
        nothing is mined in time.
        """
        left = []
        for address, waiting in self._waiting():
            self.connection.cancel(self.sender_of(address), sorted({flight.nonce for flight in waiting}))
            left += waiting
        # Whichever was mined, each of those nonces is used now.
        if list(self._waiting()):
            raise NotMined(f"{self.chain}: its node says otherwise than a moment ago: run it again")
        ends = {r["hash"] for r in self.journal.records if r["record"] == "receipt"}
        mined = {(flight.sender, flight.nonce) for flight in left if flight.hash in ends}
        newest = {(flight.sender, flight.nonce): flight for flight in left}
        return [flight for place, flight in newest.items() if place not in mined]

    def _waiting(self) -> Iterator[tuple[str, list[InFlight]]]:
        """What is neither mined nor given up, by sender. Writes of all others what became of them."""
        flights = self.journal.in_flight(self.chain)
        for address in dict.fromkeys(flight.sender for flight in flights):
            own = [flight for flight in flights if flight.sender == address]
            count, *found = self.connection.batch(
                [count_request(address, "latest"), *(receipt_request(flight.hash) for flight in own)]
            )
            self._end(receipt for receipt in found if receipt is not None)
            ended = {flight.nonce for flight, receipt in zip(own, found, strict=True) if receipt is not None}
            left = [flight for flight in own if flight.nonce not in ended]
            # Another transaction took its nonce: it can never be included.
            gone = [flight for flight in left if flight.nonce < count]
            self.journal.append(*(self._dropped(flight.hash) for flight in gone))
            if waiting := [flight for flight in left if flight not in gone]:
                yield address, waiting

    def send(
        self, sender: Sender, steps: Sequence[Step], transactions: Sequence[Transaction]
    ) -> list[Receipt]:
        """One transaction per step: the receipts, reverted ones too."""
        is_first = True

        def keep(signed: Sequence[Signed]) -> None:
            nonlocal is_first
            if is_first:
                is_first = False
                pairs = zip(steps, signed, strict=True)
                self.journal.append(*(self._sent(step, sender.address, one) for step, one in pairs))
            else:
                self._keep_dearer(sender.address, signed)

        receipts = self.connection.submit(sender, transactions, keep)
        self._end(receipts)
        return receipts

    def _sent(self, step: Step, address: str, signed: Signed) -> dict[str, Any]:
        made = {"commit": self.commit} if self.commit else {}
        return {
            **made,
            "record": "send",
            "chain": self.chain,
            "step": step.name,
            "to": step.to,
            "address": step.address,
            "arguments": step.arguments,
            "from": address,
            "nonce": signed.nonce,
            "hash": signed.hash,
            "raw": to_hex(signed.raw),
            "time": int(time.time()),
        }

    def _keep_dearer(self, address: str, signed: Sequence[Signed]) -> None:
        """The same steps, for a higher fee."""
        for one in signed:
            before = self.journal.sent(self.chain, address, one.nonce)[-1]
            later = {"hash": one.hash, "raw": to_hex(one.raw), "time": int(time.time())}
            self.journal.append(before | later)

    def _end(self, receipts: Iterable[Receipt]) -> None:
        """Writes what became of transactions. Other versions of a nonce, for another fee, are never included."""
        for receipt in receipts:
            hash_ = receipt["transactionHash"]
            (mined,) = (one for one in self.journal.in_flight(self.chain) if one.hash == hash_)
            versions = self.journal.sent(self.chain, mined.sender, mined.nonce)
            others = [self._dropped(one["hash"]) for one in versions if one["hash"] != hash_]
            self.journal.append(*others, self._receipt(mined.step, receipt))

    def _dropped(self, hash_: str) -> dict[str, Any]:
        return {"record": "dropped", "chain": self.chain, "hash": hash_}

    def _receipt(self, step: str, receipt: Receipt) -> dict[str, Any]:
        return {
            "record": "receipt",
            "chain": self.chain,
            "step": step,
            "hash": receipt["transactionHash"],
            "block": receipt["blockNumber"],
            "gas": receipt["gasUsed"],
            "paid": receipt["gasUsed"] * (receipt.get("effectiveGasPrice") or 0),
            "status": receipt["status"],
        }
