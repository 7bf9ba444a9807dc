"""The books of every token: what is locked at home, what is outstanding, what stands for it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from metalayer.assets.tokens import BALANCE_OF, TOTAL_SUPPLY, Home, KnownToken, all_known
from metalayer.network.asking import ask_all, ask_strangers
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.protocol import amounts, bridge, gateway
from metalayer.protocol.rpc import Request

UnderWay = Mapping[tuple[Home, str], int]
"""Amounts of a token in hops between its home and a chain, by its name, that have not ended."""


@dataclass(frozen=True)
class Abroad:
    """A token on a chain that is not its home, in its smallest unit: what its home says is outstanding there, what
    stands for it there, and what is in hops between. `adopted`: what stands for it may have other supply, or tell none.
    """

    outstanding: int
    supply: int
    under_way: int
    adopted: bool = False

    @property
    def is_even(self) -> bool:
        """Whether all that is outstanding is there or under way."""
        found = self.supply + self.under_way
        return self.outstanding <= found if self.adopted else self.outstanding == found


@dataclass(frozen=True)
class TokenBooks:
    """One token: what the bridge holds of it at home (of ERA with its credit), and where that is meant to be, by chain.
    `home` is the chain's name. `locked` is None if the token does not say.
    """

    token: KnownToken
    home: str
    locked: int | None
    abroad: dict[str, Abroad]

    @property
    def outstanding(self) -> int:
        return sum(chain.outstanding for chain in self.abroad.values())

    @property
    def given(self) -> int:
        """What the bridge holds beyond all that is outstanding: somebody sent it there, or prepaid it in ERA."""
        return 0 if self.locked is None else self.locked - self.outstanding

    def text(self, amount: int | None) -> str:
        if amount is None:
            return "it does not say"
        return f"{amounts.shown(amount, self.token.said.decimals)} {self.token.said.symbol}"

    def checks(self) -> list[tuple[str, bool]]:
        """Sentences that must hold, and whether they do. None of a token that never moved."""
        moved = {name: chain for name, chain in self.abroad.items() if chain.outstanding or chain.supply}
        if not self.locked and not moved:
            return []
        label = f"{self.token.said.symbol} of {self.home}"
        gift = f" + {self.text(self.given)} that were given" if self.given > 0 else ""
        return [
            (f"{label}: locked there = the sum of what is outstanding{gift}", self.given >= 0),
            *(
                (
                    f"{label}: outstanding for {name} = supply on {name}"
                    + (" + what is under way" if chain.under_way else ""),
                    chain.is_even,
                )
                for name, chain in moved.items()
            ),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For --json: amounts as strings."""
        said = self.token.said
        return {
            "home": self.home,
            "home_chain_id": self.token.home.chain_id,
            "address": self.token.home.address,
            "name": said.name,
            "symbol": said.symbol,
            "decimals": said.decimals,
            "places": self.token.places,
            "locked": None if self.locked is None else str(self.locked),
            "outstanding": str(self.outstanding),
            "chains": {
                name: {
                    "outstanding": str(chain.outstanding),
                    "supply": str(chain.supply),
                    "under_way": str(chain.under_way),
                    "adopted": chain.adopted,
                }
                for name, chain in self.abroad.items()
            },
        }


def read_tokens(live: Live, under_way: UnderWay | None = None) -> list[TokenBooks]:
    """All known tokens whose home is in the network, ERA first. Without `under_way`, whatever is outstanding and not
    there counts as under way.
    """
    known = [token for token in all_known(live) if token.home.chain_id in live.mesh.by_id]
    sure = ask_all([one for token in known for one in _ours(live, token)])
    said = ask_strangers([one for token in known for one in _theirs(live, token)])
    answers = iter(sure), iter(said)
    return [_books(live, token, *answers, under_way) for token in known]


def _others(live: Live, token: KnownToken) -> list[Connection]:
    return [one for one in live.mesh.connections.values() if one.chain_id != token.home.chain_id]


def _ours(live: Live, token: KnownToken) -> list[tuple[Connection, Request[Any]]]:
    """The bridge's credit at home; then for each other chain what is outstanding, and what usually stands for it."""
    address, home = live.registry.address("TokenBridge"), live.mesh.by_id[token.home.chain_id]
    asked: list[tuple[Connection, Request[Any]]] = [
        (home, gateway.CREDIT.request(live.mesh.gateway, address))
    ]
    for other in _others(live, token):
        asked += [
            (home, bridge.OUTSTANDING.request(address, token.home.address, other.chain_id)),
            (home, bridge.REPRESENTATION_OF.request(address, token.home.chain_id, token.home.address)),
        ]
    return asked


def _theirs(live: Live, token: KnownToken) -> list[tuple[Connection, Request[Any]]]:
    """What tokens say: what the bridge has at home; then the supply of what stands for it elsewhere."""
    address, home = live.registry.address("TokenBridge"), live.mesh.by_id[token.home.chain_id]
    return [
        (home, BALANCE_OF.request(token.home.address, address)),
        *(
            (other, TOTAL_SUPPLY.request(token.places[other.name]))
            for other in _others(live, token)
            if other.name in token.places
        ),
    ]


def _books(
    live: Live, token: KnownToken, sure: Iterator[Any], said: Iterator[Any], under_way: UnderWay | None
) -> TokenBooks:
    home, is_era = live.mesh.by_id[token.home.chain_id], token.home.address == live.registry.address("ERA")
    credit, held = next(sure), next(said)
    abroad = dict[str, Abroad]()
    for other in _others(live, token):
        outstanding, usual = next(sure), next(sure)
        place = token.places.get(other.name)
        supply = 0 if place is None else next(said) or 0
        moving = outstanding - supply if under_way is None else under_way.get((token.home, other.name), 0)
        adopted = place not in (None, usual) and not is_era
        abroad[other.name] = Abroad(outstanding, supply, moving, adopted)
    locked = held + credit if is_era and held is not None else held
    return TokenBooks(token, home.name, locked, abroad)
