"""What of a gateway no view lists: routes beside those of deploy.yaml, pauses that are running, lanes that are closed,
a set that was announced. Logs tell of which chains to ask, views answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations

from metalayer.deploy.compared import Compared, listed
from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.holdings import chain_name
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.names import GATEWAY, GUARDIAN
from metalayer.deploy.routes import describe_open, describe_terms
from metalayer.network.connection import Connection
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function, histories
from metalayer.protocol.dates import utc
from metalayer.protocol.gateway import Route
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import block_request

_REFERENCE = Function(
    "referenceTerms(uint256)",
    gateway.ROUTE_TYPE.removeprefix("(bool,bool,").removesuffix(")"),
    lambda terms: gateway.Terms(*terms),
)
_VOTE = "name them in deploy.yaml, or vote for Metalayer.setOpen"


def compare_openings(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Of a gateway that stands."""
    address = desired.addresses[GATEWAY]
    opened, paused = connection.ask(histories(address, gateway.ROUTE_OPENED, gateway.INBOUND_PAUSED))
    known = list(desired.routes)
    others = [id_ for id_ in dict.fromkeys(event[0] for event, _ in opened) if id_ not in desired.routes]
    origins = list(dict.fromkeys([*known, *(event[0] for event, _ in paused)]))
    block, announced, *answers = connection.batch(
        [
            block_request(),
            gateway.ANNOUNCED_SET.request(address),
            *(gateway.ROUTE.request(address, id_) for id_ in [*known, *others]),
            *(gateway.CLOSED_SINCE.request(address, id_) for id_ in known),
            *(gateway.PAUSED_UNTIL.request(address, id_) for id_ in origins),
        ]
    )
    routes, answers = answers[: len(known) + len(others)], answers[len(known) + len(others) :]
    closures, pauses = answers[: len(known)], answers[len(known) :]
    beside = (
        f"{chain_name(desired, id_)}: {_described(route)}"
        for id_, route in zip(others, routes[len(known) :], strict=True)
        if route.outbound or route.inbound
    )
    yield Compared("other routes", "none", listed(beside), _VOTE)
    for id_, route, since in zip(known, routes[: len(known)], closures, strict=True):
        # An open lane that counts as closed would give back what is under way.
        closed = f"closed since {utc(since)}" if since and route.outbound else "as the route says"
        yield Compared(f"lane to {chain_name(desired, id_)}", "as the route says", closed)
    for id_, until in zip(origins, pauses, strict=True):
        found = f"until {utc(until)}" if until > block.time else "none"
        yield Compared(f"pause of {chain_name(desired, id_)}", "none", found)
    words = "none"
    if any(announced.set_hash) or announced.installable_from:
        words = f"{to_hex(announced.set_hash)} from {utc(announced.installable_from)}"
    yield Compared("announced validator set", "none", words)


def compare_references(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Of a guardian that stands, and its gateway too: what bounds the fee keeper is what the owner set."""
    known, addresses = list(desired.routes), desired.addresses
    answers = connection.batch(
        [
            *(gateway.ROUTE.request(addresses[GATEWAY], id_) for id_ in known),
            *(_REFERENCE.request(addresses[GUARDIAN], id_) for id_ in known),
        ]
    )
    for id_, route, reference in zip(known, answers[: len(known)], answers[len(known) :], strict=True):
        wanted = desired.routes[id_].terms
        # Whether the fee keeper moved the fees or not: of terms that are different, `route` tells.
        expected = reference if reference in (wanted, route.terms) else wanted
        subject = f"reference of the fee keeper to {chain_name(desired, id_)}"
        yield Compared(subject, describe_terms(expected), describe_terms(reference))


def half_open(resolved: Resolved, states: Mapping[str, ChainState]) -> dict[tuple[str, str], str]:
    """Lanes between chains that were read, by origin and destination, of which only one end is open; in words."""
    ids = {name: desired.chain.chain_id for name, desired in resolved.chains.items() if name in states}

    def directions(name: str, other: str) -> tuple[bool, bool]:
        state = states[name]
        beside = state.beside.get(ids[other], (False, False))
        out, in_ = state.values.get(f"route to and from {other}", beside)
        return bool(out), bool(in_)

    found = {}
    for origin, destination in permutations(ids, 2):
        sends, takes = directions(origin, destination)[0], directions(destination, origin)[1]
        if sends and not takes:
            found[origin, destination] = f"{origin} sends to {destination}, which takes nothing from it"
        elif takes and not sends:
            found[origin, destination] = f"{destination} takes from {origin}, which sends nothing to it"
    return found


def _described(route: Route) -> str:
    return f"{describe_open((route.outbound, route.inbound))}, {describe_terms(route.terms)}"
