"""Which lanes deploy.yaml asks for, and which of them are closed on purpose; routes and their terms in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import permutations
from typing import Annotated, Literal

from pydantic import Field

from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.inputs import Entry
from metalayer.network.values import Name, hint
from metalayer.protocol.gateway import Terms

Shape = Literal["full mesh", "through the hub"]
Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]
"""Two chains that send to each other."""
Lane = tuple[str, str]
"""Names of origin and destination."""
Fault = Callable[..., MetalayerError]
"""What is wrong, and the place in the file, as an error."""


class Closed(Entry):
    """A lane that is closed on purpose, at both ends."""

    origin: Annotated[Name, Field(alias="from")]
    destination: Annotated[Name, Field(alias="to")]
    because: Name


def lanes(
    shape: Shape, direct: Iterable[Pair], closed: Iterable[Closed], network: Network, fault: Fault
) -> dict[Lane, bool]:
    """Every lane of the network, by its ends in the network's order, and whether it is open.

    MetalayerError for what names no chain, or no lane, or one twice.
    """
    asked = set(permutations(network.chains, 2))
    if shape == "through the hub":
        asked = {lane for lane in asked if network.hub.name in lane}
    for position, pair in enumerate(direct):
        place = ("direct", str(position))
        _refuse_ends(pair, [(*place, "0"), (*place, "1")], network, fault)
        there, back = (pair[0], pair[1]), (pair[1], pair[0])
        if there in asked:
            raise fault(f"the lanes between {pair[0]} and {pair[1]} are there already", *place)
        asked |= {there, back}
    shut = _closed(closed, asked, network, fault)
    return {lane: lane not in shut for lane in permutations(network.chains, 2) if lane in asked}


def _closed(closed: Iterable[Closed], asked: set[Lane], network: Network, fault: Fault) -> set[Lane]:
    found: set[Lane] = set()
    for position, one in enumerate(closed):
        place, lane = ("closed", str(position)), (one.origin, one.destination)
        _refuse_ends(lane, [(*place, "from"), (*place, "to")], network, fault)
        if lane in found:
            raise fault("this lane is there twice", *place)
        if lane not in asked:
            raise fault(
                f"there is no lane from {one.origin} to {one.destination} to close: see `routes`", *place
            )
        found.add(lane)
    return found


def _refuse_ends(
    ends: Iterable[str], places: Iterable[tuple[str, ...]], network: Network, fault: Fault
) -> None:
    seen: set[str] = set()
    for name, place in zip(ends, places, strict=True):
        if name not in network.chains:
            raise fault(f"no such chain{hint(name, network.chains)}", *place)
        if name in seen:
            raise fault("expected two different chains", *place)
        seen.add(name)


def describe_terms(terms: Terms) -> str:
    """Terms in words. Gas: default, highest, default of a return. Fees in gwei of ERA: base, per 1,000 gas there, per
    byte, per 1,000 gas here; then the protocol's share.
    """
    if not terms.max_gas_limit:
        return "never set"
    gas = f"{terms.default_gas_limit}/{terms.max_gas_limit}/{terms.default_return_gas_limit}"
    fees = f"{terms.base_fee}/{terms.gas_fee}/{terms.byte_fee}/{terms.return_gas_fee}"
    return f"gas {gas}, fees {fees} + {terms.protocol_share / 100:g} %"


def describe_open(directions: tuple[bool, bool]) -> str:
    """Whether a route is open for sending, and for deliveries."""
    return {
        (True, True): "both ways",
        (True, False): "outbound only",
        (False, True): "inbound only",
        (False, False): "closed",
    }[directions]
