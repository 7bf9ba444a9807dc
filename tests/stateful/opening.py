"""How each example of the machine of tokens begins: every token is everywhere, and everybody can pay."""

from __future__ import annotations

from metalayer.protocol import gateway
from tests.kit.stack import CHAINS
from tests.stateful.exchange import (
    CREDIT,
    ERA,
    HOMES,
    HUB,
    ISSUED,
    MOODY,
    PLAIN,
    SPOKES,
    TRADERS,
    WHOLE,
    Exchange,
)
from tests.stateful.swindlers import Swindlers
from tests.stateful.traders import Scene, Traders

_FIRST_ERA = 1_000 * WHOLE
_FIRST = 10_000 * WHOLE


def opening(exchange: Exchange) -> Scene:
    """The books after it. The chains stay as they are then."""
    Traders.exchange, Traders.opening = exchange, None
    m = Swindlers()
    m.adopt(chain=HUB, token=ISSUED, number=ISSUED)
    for who in range(len(TRADERS)):
        for number in range(len(SPOKES)):
            m.send(chain=HUB, token=ERA, number=number, who=who, to=who, amount=_FIRST_ERA)
    _carry(m)
    for spoke in SPOKES:
        _deposit(m, spoke)
    for token in (PLAIN, MOODY, ISSUED):
        for number in range(len(SPOKES)):
            for who in range(len(TRADERS)):
                m.send(chain=HOMES[token], token=token, number=number, who=who, to=who, amount=_FIRST)
    _carry(m)
    m.chains_are_as_the_books_say()
    return m.scene


def _carry(m: Swindlers) -> None:
    for origin in CHAINS:
        for destination in CHAINS:
            if origin != destination:
                m.pass_(destination, m.clock[origin])
                m.deliver(origin, destination, 20)


def _deposit(m: Swindlers, chain: str) -> None:
    """Credit at both gateways."""
    books, place = m.books[chain], m.places[chain]
    for number, contract in enumerate(place.gateways):
        for who in TRADERS:
            amount = CREDIT
            m.arrange(chain, contract.address, gateway.DEPOSIT_FOR.encode(who, amount), by=who)
            books.s.balances[books.era][who] -= amount
            books.s.credit[number, who] += amount
