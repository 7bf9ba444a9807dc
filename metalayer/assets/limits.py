"""Where a transfer could be stopped on its way: routes, limits and holds, at each end of each hop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from metalayer.assets.tokens import Token
from metalayer.errors import MetalayerError
from metalayer.network.asking import ask_all
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.protocol import gateway
from metalayer.protocol.bridge import HELD_UNTIL, LIMITS_OF, LOCAL_OF, NOBODY, OUTSTANDING, Hold, Limits
from metalayer.protocol.dates import HOUR, utc
from metalayer.protocol.gateway import Route
from metalayer.protocol.rpc import Block, Request, block_request
from metalayer.protocol.transfers import WAITING_TIME

_EACH = 5


@dataclass(frozen=True)
class End:
    """One end of a hop. `leaves`: the token leaves `chain` for `other` there; else it comes from there.

    `is_open`: whether the gateway's route is, in that direction. `held_until`: until when (Unix time) value from
    `other` is held, 0 if not. `outstanding`: most that can come back from `other`, if `chain` is the token's home.
    """

    chain: str
    other: str
    leaves: bool
    is_open: bool
    limits: Limits
    held_until: int = 0
    outstanding: int | None = None

    @property
    def free(self) -> int | None:
        """What passes now without waiting, in the token's smallest unit; None without a limit."""
        if not self.limits.limited:
            return None
        return self.limits.out_free if self.leaves else self.limits.in_free

    @property
    def capacity(self) -> int:
        """Most that ever passes at once, if there is a limit."""
        return self.limits.out_capacity if self.leaves else self.limits.in_capacity

    @property
    def way(self) -> str:
        """`hub to arcade`, or `arcade from hub`."""
        return f"{self.chain} {'to' if self.leaves else 'from'} {self.other}"

    def lets(self, amount: int) -> bool:
        """Whether that much passes at once."""
        return self.free is None or amount <= self.free

    def free_of(self, text: Callable[[int], str]) -> str:
        """What passes now, for people. text: of an amount."""
        if self.free is None:
            return "no limit"
        hours = self.limits.window / HOUR
        return f"{text(self.free)} of {text(self.capacity)} free, all again within {hours:g} hours"

    def free_text(self, token: Token) -> str:
        """The same of a token."""
        return self.free_of(token.text)

    def as_dict(self) -> dict[str, Any]:
        """For --json: amounts as strings."""
        limited = self.limits.limited
        return {
            "chain": self.chain,
            "direction": "to" if self.leaves else "from",
            "other": self.other,
            "open": self.is_open,
            "free": str(self.free) if limited else None,
            "capacity": str(self.capacity) if limited else None,
            "window": self.limits.window if limited else None,
            "held_until": self.held_until or None,
        }


def read(live: Live, token: Token, chains: Sequence[Connection]) -> list[End]:
    """Both ends of each hop of a token's way over these chains, in order."""
    bridge, address = live.registry.address("TokenBridge"), live.mesh.gateway
    places = _places(live, token, chains)
    pairs = [
        (here, there, places[place], leaves)
        for hop, (start, end) in enumerate(pairwise(chains))
        for here, there, place, leaves in ((start, end, hop, True), (end, start, hop + 1, False))
    ]
    answers = ask_all(
        [
            (here, request)
            for here, there, local, _ in pairs
            for request in (*_requests(bridge, address, local, there.chain_id), block_request())
        ]
    )
    return [
        _end(here, there, leaves, here.chain_id == token.home.chain_id, answers[_EACH * number :][:_EACH])
        for number, (here, there, _, leaves) in enumerate(pairs)
    ]


def _requests(bridge: str, address: str, local: str, other: int) -> list[Request[Any]]:
    return [
        gateway.ROUTE.request(address, other),
        LIMITS_OF.request(bridge, local, other),
        HELD_UNTIL.request(bridge, other),
        OUTSTANDING.request(bridge, local, other),
    ]


def _end(here: Connection, there: Connection, leaves: bool, at_home: bool, answers: Sequence[Any]) -> End:
    route: Route
    limits: Limits
    hold: Hold
    block: Block
    route, limits, hold, outstanding, block = answers
    return End(
        chain=here.name,
        other=there.name,
        leaves=leaves,
        is_open=route.outbound if leaves else route.inbound,
        limits=limits,
        held_until=hold.until if not leaves and hold.until > block.time else 0,
        outstanding=outstanding if at_home and not leaves else None,
    )


def _places(live: Live, token: Token, chains: Sequence[Connection]) -> list[str]:
    """The token's address on each chain; zero where nothing stands for it yet, and nothing limits it."""
    bridge = live.registry.address("TokenBridge")
    unknown = [c for c in chains if c.name != token.chain and c.chain_id != token.home.chain_id]
    found = dict(
        zip(
            unknown,
            ask_all(
                [(c, LOCAL_OF.request(bridge, token.home.chain_id, token.home.address)) for c in unknown]
            ),
            strict=True,
        )
    )
    return [
        token.address
        if c.name == token.chain
        else token.home.address
        if c.chain_id == token.home.chain_id
        else found.get(c, NOBODY)
        for c in chains
    ]


def refuse_closed(ends: Sequence[End]) -> None:
    """MetalayerError if a route on the way is closed."""
    for one in ends:
        if not one.is_open:
            raise MetalayerError(f"there is no route: {one.way} is closed")


def refuse_blocked(ends: Sequence[End], token: Token, amount: int) -> None:
    """MetalayerError if the bridge would refuse the transfer at once, or it would be stopped on its way."""
    first = ends[0]
    if not first.lets(amount):
        raise MetalayerError(
            f"{token.text(amount)} exceed the limit of {first.way}: {first.free_text(token)}"
        )
    for one in ends:
        if one.held_until:
            raise MetalayerError(
                f"value from {one.other} is held on {one.chain} until {utc(one.held_until)}: it would fail there"
            )
        if one.outstanding is not None and one.outstanding < amount:
            raise MetalayerError(
                f"only {token.text(one.outstanding)} are locked on {one.chain} for {one.other}: "
                f"{token.text(amount)} would fail there"
            )


def delays(ends: Sequence[End], token: Token, amount: int) -> Iterator[str]:
    """A sentence for each limit beyond the first that the transfer would wait for."""
    for one in ends[1:]:
        if not one.lets(amount):
            yield (
                f"it will wait {WAITING_TIME // HOUR} hours on {one.chain}, limit of {one.way}: "
                f"{one.free_text(token)}"
            )
