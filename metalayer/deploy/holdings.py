"""What of the bridge no view lists and only logs tell: limits, adopted tokens, struck messages and gateways that
deploy.yaml does not name, chains that are held, and what stands for tokens. Each is confirmed by a view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from eth_utils.address import to_canonical_address

from metalayer.deploy.bridging import HOME_OF, LIMITS_OF, LOCAL_OF, STRUCK, WAITING_SINCE
from metalayer.deploy.compared import Compared, listed
from metalayer.deploy.desired import Desired
from metalayer.deploy.names import BRIDGE, BRIDGED_TOKEN, GATEWAY
from metalayer.network.connection import Connection
from metalayer.protocol.abi import Event, Function
from metalayer.protocol.dates import span, utc
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request, block_request, code_request
from metalayer.protocol.transfers import representation

_LIMITS_SET = Event("LimitsSet(address indexed,uint256 indexed,uint256,uint256,uint256)")
_ADOPTED = Event("TokenAdopted(uint256 indexed,address indexed,address indexed)")
_STRUCK = Event("Struck(uint256 indexed,bytes32 indexed)")
_GATEWAY_ACCEPTED = Event("GatewayAccepted(address indexed,uint256)")
_CREATED = Event("RepresentationCreated(uint256 indexed,address indexed,address indexed)")
_ACCEPTED_FROM = Function("acceptedFrom(address)", "uint256", int)
_HELD_UNTIL = Function("heldUntil(uint256)", "uint256,uint256", lambda until, holdable: until)
_HOME_CHAIN = Function("homeChain()", "uint256", int)
_HOME_TOKEN = Function("homeToken()", "address", str)
_BRIDGE = Function("BRIDGE()", "address", str)
_DECIMALS = Function("decimals()", "uint8", int)
_IDENTITY = (_HOME_CHAIN, _HOME_TOKEN, _BRIDGE)
# EIP-1167, before and after the address of the code.
_CLONE = (bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3"))


def compare_holdings(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Of a bridge that stands."""
    bridge = desired.addresses[BRIDGE]
    rare = (_LIMITS_SET, _ADOPTED, _STRUCK, _GATEWAY_ACCEPTED)
    logs = connection.batch([*(event.history(bridge) for event in rare), _CREATED.logs(bridge)])
    limited, adopted, struck, gateways, created = ([event for event, _ in found] for found in logs)
    yield _other_limits(connection, desired, dict.fromkeys((event[0], event[1]) for event in limited))
    yield _other_adoptions(desired, adopted)
    yield _other_strikes(connection, desired, struck)
    yield _gateways(connection, desired, dict.fromkeys(event[0] for event in gateways))
    yield from _holds(connection, desired)
    yield _representations(connection, desired, created)
    yield from _decimals(connection, desired)


def _other_limits(connection: Connection, desired: Desired, logged: Iterable[tuple[str, int]]) -> Compared:
    named = {(one.local, one.chain_id) for one in desired.bridging.limits}
    asked = [place for place in logged if place not in named]
    found = connection.batch(LIMITS_OF.request(desired.addresses[BRIDGE], *place) for place in asked)
    others = (
        f"{token} with {_chain(desired, chain_id)}: out {one.out}, in {one.in_}, within {span(one.window)}"
        for (token, chain_id), one in zip(asked, found, strict=True)
        if one.limited
    )
    return Compared("other limits", "none", listed(others))


def _other_adoptions(desired: Desired, logged: Iterable[Any]) -> Compared:
    """No adoption ever ends."""
    named = {(one.token.home, one.token.address, one.local) for one in desired.bridging.adoptions}
    others = (
        f"{local} for {token} of {_chain(desired, home)}"
        for home, token, local in logged
        if (home, token, local) not in named
    )
    return Compared("other adopted tokens", "none", listed(others))


def _other_strikes(connection: Connection, desired: Desired, logged: Iterable[Any]) -> Compared:
    named = {one.id for one in desired.bridging.strikes}
    asked = [(chain_id, id_) for chain_id, id_ in logged if id_ not in named]
    since = connection.batch(WAITING_SINCE.request(desired.addresses[BRIDGE], id_) for _, id_ in asked)
    others = (
        f"{to_hex(id_)} from {_chain(desired, chain_id)}"
        for (chain_id, id_), one in zip(asked, since, strict=True)
        if one == STRUCK
    )
    return Compared("other struck messages", "none", listed(others))


def _gateways(connection: Connection, desired: Desired, logged: Iterable[str]) -> Compared:
    """The first one is never logged: it is a constant. Which one sends to which chain, views say."""
    gateway, asked = desired.addresses[GATEWAY], list(logged)
    found = connection.batch(_ACCEPTED_FROM.request(desired.addresses[BRIDGE], one) for one in asked)
    others = [
        f"{one} from {utc(since)}"
        for one, since in zip(asked, found, strict=True)
        if since and one != gateway
    ]
    return Compared("gateways of the bridge", gateway, listed([gateway, *others]))


def _holds(connection: Connection, desired: Desired) -> Iterator[Compared]:
    asked = list(desired.routes)
    block, *found = connection.batch(
        [
            block_request(),
            *(_HELD_UNTIL.request(desired.addresses[BRIDGE], chain_id) for chain_id in asked),
        ]
    )
    for chain_id, until in zip(asked, found, strict=True):
        held = f"held until {utc(until)}" if until > block.time else "none"
        yield Compared(f"hold of {_chain(desired, chain_id)}", "none", held)


def _representations(connection: Connection, desired: Desired, created: Iterable[Any]) -> Compared:
    """Clones of one code, each at the address that follows from what it stands for, and saying so itself."""
    bridge, code = desired.addresses[BRIDGE], desired.addresses[BRIDGED_TOKEN]
    clone = to_canonical_address(code).join(_CLONE)
    tokens = [tuple(event) for event in created]
    codes = connection.batch(code_request(local) for *_, local in tokens)
    whole = [one for one, found in zip(tokens, codes, strict=True) if found == clone]
    requests: list[Request[Any]] = []
    for home, token, local in whole:
        requests += [function.request(local) for function in _IDENTITY]
        requests += [LOCAL_OF.request(bridge, home, token), HOME_OF.request(bridge, local)]
    answers = connection.batch(requests)
    size = len(_IDENTITY) + 2
    wrong = [f"{local} is no clone" for *_, local in tokens if local not in {one[2] for one in whole}]
    for position, (home, token, local) in enumerate(whole):
        found = answers[position * size : (position + 1) * size]
        right = [home, token, bridge, local, (home, token)]
        if found != right or local != representation(bridge, code, home, token):
            wrong.append(f"{local} does not stand for {token} of {_chain(desired, home)}")
    return Compared("representations", "as created", "; ".join(sorted(wrong)) or "as created")


def _decimals(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Limits count whole tokens: what a token says itself has to be what deploy.yaml says of it."""
    rules = desired.bridging
    locals_ = {one.local: one.token for one in rules.limits} | {
        one.local: one.token for one in rules.adoptions
    }
    found = connection.batch(_DECIMALS.optional(local) for local in locals_)
    for token, decimals in zip(locals_.values(), found, strict=True):
        # Before its first transfer nothing stands for it.
        known = token.decimals if decimals is None else decimals
        yield Compared(f"decimals of {token.name}", str(token.decimals), str(known))


def _chain(desired: Desired, chain_id: int) -> str:
    chains = desired.network.chains.values()
    return next((one.name for one in chains if one.chain_id == chain_id), f"chain {chain_id}")
