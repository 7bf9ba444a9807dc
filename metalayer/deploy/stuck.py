"""Transactions of a deployment that have no end yet: how old they are, what they offer, and what their chain says."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metalayer.deploy.journal import InFlight, Journal
from metalayer.errors import MetalayerError
from metalayer.network.bids import Bid, gwei
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.pool import count_request
from metalayer.network.transactions import Signed, receipt_request
from metalayer.protocol.dates import span
from metalayer.protocol.hex import from_hex
from metalayer.protocol.rpc import block_request


@dataclass(frozen=True)
class Stuck:
    """One of them, as it was signed last. `age`: seconds since; `offered`: wei for each gas; `state`: in words."""

    chain: str
    step: str
    sender: str
    nonce: int
    hash: str
    age: int | None
    offered: int
    state: str

    def __str__(self) -> str:
        age = "" if self.age is None else f", signed {_rounded(self.age)} ago"
        return (
            f"{self.chain}: {self.step} is in flight: nonce {self.nonce} of {self.sender}{age}, offers "
            f"{gwei(self.offered)} gwei a gas; {self.state}"
        )

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def find_stuck(
    journal: Journal, connections: Mapping[str, Connection], only: Collection[str] | None = None
) -> list[Stuck]:
    """What the journal knows no end of, chain by chain. A chain that does not answer is said so."""
    names = [name for name in connections if journal.in_flight(name) and (not only or name in only)]
    found = in_parallel(lambda name: _on(connections[name], journal.in_flight(name)), names)
    return [one for stuck in found for one in stuck]


def _on(connection: Connection, flights: list[InFlight]) -> list[Stuck]:
    senders = list(dict.fromkeys(flight.sender for flight in flights))
    mined: set[tuple[str, int]] = set()
    counts: dict[str, int] = {}
    trouble, base_fee = "", 0
    try:
        block, *answers = connection.batch(
            [
                block_request(),
                *(count_request(sender, "latest") for sender in senders),
                *(receipt_request(flight.hash) for flight in flights),
            ]
        )
    except MetalayerError as error:
        trouble = f"what became of it is not known: {error}"
    else:
        base_fee = block.base_fee
        counts = dict(zip(senders, answers, strict=False))
        mined = {
            (flight.sender, flight.nonce)
            for flight, receipt in zip(flights, answers[len(senders) :], strict=True)
            if receipt is not None
        }
    newest = {(flight.sender, flight.nonce): flight for flight in flights}
    stuck = []
    for place, flight in newest.items():
        offered = Bid.of(Signed(from_hex(flight.raw), flight.hash, flight.nonce).fields()).most
        if place in mined:
            state = "it is mined: `ape metalayer deploy apply` goes on"
        elif flight.nonce < counts.get(flight.sender, 0):
            state = "another transaction took its nonce: `ape metalayer deploy apply` sends another"
        elif offered < base_fee:
            state = f"the base fee is {gwei(base_fee)} gwei: `ape metalayer deploy apply` offers more"
        else:
            state = "it is not mined: `ape metalayer deploy apply` waits for it, and offers more in time"
        age = None if flight.time is None else max(0, int(time.time()) - flight.time)
        stuck.append(
            Stuck(
                connection.name,
                flight.step,
                flight.sender,
                flight.nonce,
                flight.hash,
                age,
                offered,
                trouble or state,
            )
        )
    return stuck


def _rounded(seconds: int) -> str:
    """In the largest unit of which there are two at least: an age, not a date."""
    size = next((one for one in (86_400, 3_600, 60) if seconds >= 2 * one), 1)
    return span(seconds // size * size)
