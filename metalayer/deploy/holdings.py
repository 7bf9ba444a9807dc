"""What of the bridge no view lists and only logs tell: limits, adopted tokens, struck messages and gateways that
deploy.yaml does not name, chains that are held, and what stands for tokens. Each is confirmed by a view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from eth_utils.address import to_canonical_address

from metalayer.deploy.bridging import CAPACITIES_OF
from metalayer.deploy.compared import Compared, listed
from metalayer.deploy.desired import Desired
from metalayer.deploy.names import BRIDGE, BRIDGED_TOKEN, GATEWAY
from metalayer.network.connection import Connection
from metalayer.protocol import bridge
from metalayer.protocol.abi import Function, histories
from metalayer.protocol.dates import span, utc
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request, block_request, code_request
from metalayer.protocol.transfers import representation

_HOME_CHAIN = Function("homeChain()", "uint256", int)
_HOME_TOKEN = Function("homeToken()", "address", str)
_BRIDGE = Function("BRIDGE()", "address", str)
_DECIMALS = Function("decimals()", "uint8", int)
_NAME = "name it under `bridge` in deploy.yaml"
# Since when the bridge takes its first gateway.
_ALWAYS = 1
_IDENTITY = (_HOME_CHAIN, _HOME_TOKEN, _BRIDGE)
# EIP-1167, before and after the address of the code.
_CLONE = (bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3"))


def compare_holdings(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Of a bridge that stands."""
    address = desired.addresses[BRIDGE]
    rare = (
        bridge.LIMITS_SET,
        bridge.TOKEN_ADOPTED,
        bridge.STRUCK_MESSAGE,
        bridge.GATEWAY_ACCEPTED,
        bridge.GATEWAY_CHOSEN,
        bridge.HELD,
    )
    logs, represented = connection.batch(
        [histories(address, *rare), bridge.REPRESENTATION_CREATED.logs(address)]
    )
    limited, adopted, struck, gateways, chosen, held, created = (
        [event for event, _ in found] for found in (*logs, represented)
    )
    yield _other_limits(connection, desired, dict.fromkeys((event[0], event[1]) for event in limited))
    yield _other_adoptions(desired, adopted)
    yield _other_strikes(connection, desired, struck)
    yield _gateways(connection, desired, dict.fromkeys(event[0] for event in gateways))
    yield _other_choices(connection, desired, dict.fromkeys(event[0] for event in chosen))
    yield from _holds(connection, desired, (event[0] for event in held))
    yield _representations(connection, desired, created)
    yield from _decimals(connection, desired)


def _other_limits(connection: Connection, desired: Desired, logged: Iterable[tuple[str, int]]) -> Compared:
    named = {(one.local, one.chain_id) for one in desired.bridging.limits}
    asked = [place for place in logged if place not in named]
    found = connection.batch(CAPACITIES_OF.request(desired.addresses[BRIDGE], *place) for place in asked)
    others = (
        f"{token} with {chain_name(desired, chain_id)}: out {one.out}, in {one.in_}, within {span(one.window)}"
        for (token, chain_id), one in zip(asked, found, strict=True)
        if one.limited
    )
    return Compared("other limits", "none", listed(others), f"{_NAME}, or vote for TokenBridge.removeLimits")


def _other_adoptions(desired: Desired, logged: Iterable[Any]) -> Compared:
    """No adoption ever ends."""
    named = {(one.token.home, one.token.address, one.local) for one in desired.bridging.adoptions}
    others = (
        f"{local} for {token} of {chain_name(desired, home)}"
        for home, token, local in logged
        if (home, token, local) not in named
    )
    return Compared("other adopted tokens", "none", listed(others), _NAME)


def _other_strikes(connection: Connection, desired: Desired, logged: Iterable[Any]) -> Compared:
    named = {one.id for one in desired.bridging.strikes}
    asked = [(chain_id, id_) for chain_id, id_ in logged if id_ not in named]
    since = connection.batch(bridge.WAITING_SINCE.request(desired.addresses[BRIDGE], id_) for _, id_ in asked)
    others = (
        f"{to_hex(id_)} from {chain_name(desired, chain_id)}"
        for (chain_id, id_), one in zip(asked, since, strict=True)
        if one == bridge.STRUCK
    )
    return Compared("other struck messages", "none", listed(others), _NAME)


def _gateways(connection: Connection, desired: Desired, logged: Iterable[str]) -> Compared:
    """The first one is accepted by the constructor, which logs nothing. Which one sends to which chain, views say."""
    gateway = desired.addresses[GATEWAY]
    asked = list(dict.fromkeys([gateway, *logged]))
    found = connection.batch(bridge.ACCEPTED_FROM.request(desired.addresses[BRIDGE], one) for one in asked)
    accepted = (
        one if (one, since) == (gateway, _ALWAYS) else f"{one} from {utc(since)}"
        for one, since in zip(asked, found, strict=True)
        if since
    )
    return Compared("gateways of the bridge", gateway, listed(accepted))


def _other_choices(connection: Connection, desired: Desired, logged: Iterable[int]) -> Compared:
    """For chains that have no route: nothing goes there, until one opens."""
    address, gateway = desired.addresses[BRIDGE], desired.addresses[GATEWAY]
    asked = [chain_id for chain_id in logged if chain_id not in desired.routes]
    found = connection.batch(bridge.GATEWAY_OF.request(address, chain_id) for chain_id in asked)
    others = (
        f"{one} to {chain_name(desired, chain_id)}"
        for chain_id, one in zip(asked, found, strict=True)
        if one != gateway
    )
    return Compared("other gateways of the bridge", "none", listed(others))


def _holds(connection: Connection, desired: Desired, logged: Iterable[int]) -> Iterator[Compared]:
    asked, address = list(dict.fromkeys([*desired.routes, *logged])), desired.addresses[BRIDGE]
    block, *found = connection.batch(
        [block_request(), *(bridge.HELD_UNTIL.request(address, chain_id) for chain_id in asked)]
    )
    for chain_id, hold in zip(asked, found, strict=True):
        held = f"until {utc(hold.until)}" if hold.until > block.time else "none"
        yield Compared(f"hold of {chain_name(desired, chain_id)}", "none", held)


def _representations(connection: Connection, desired: Desired, created: Iterable[Any]) -> Compared:
    """Clones of one code, each at the address that follows from what it stands for, and saying so itself."""
    address, code = desired.addresses[BRIDGE], desired.addresses[BRIDGED_TOKEN]
    clone = to_canonical_address(code).join(_CLONE)
    tokens = [tuple(event) for event in created]
    codes = connection.batch(code_request(local) for *_, local in tokens)
    whole = [one for one, found in zip(tokens, codes, strict=True) if found == clone]
    requests: list[Request[Any]] = []
    for home, token, local in whole:
        requests += [function.request(local) for function in _IDENTITY]
        requests += [bridge.LOCAL_OF.request(address, home, token), bridge.HOME_OF.request(address, local)]
    answers = connection.batch(requests)
    size = len(_IDENTITY) + 2
    wrong = [f"{local} is no clone" for *_, local in tokens if local not in {one[2] for one in whole}]
    for position, (home, token, local) in enumerate(whole):
        found = answers[position * size : (position + 1) * size]
        right = [home, token, address, local, (home, token)]
        if found != right or local != representation(address, code, home, token):
            wrong.append(f"{local} does not stand for {token} of {chain_name(desired, home)}")
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


def chain_name(desired: Desired, chain_id: int) -> str:
    """As networks.yaml calls it; its id if it does not."""
    chains = desired.network.chains.values()
    return next((one.name for one in chains if one.chain_id == chain_id), f"chain {chain_id}")
