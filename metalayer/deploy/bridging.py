"""What is declared of the bridge and of what belongs to it: constructors' arguments, and what they should say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from metalayer.deploy.declaration import Change, View
from metalayer.deploy.desired import ZERO_ADDRESS, Adoption, Desired, Limit, Strike
from metalayer.deploy.names import (
    BRIDGE,
    BRIDGE_ANNEX,
    BRIDGED_TOKEN,
    ERA,
    GATEWAY,
    TOKEN_METADATA,
    WRAPPED_ETHER,
)
from metalayer.protocol import bridge
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import shown
from metalayer.protocol.dates import span
from metalayer.protocol.hex import to_hex

_NAME = Function("name()", "string")
_SYMBOL = Function("symbol()", "string")
_DECIMALS = Function("decimals()", "uint8")
_HOME_CHAIN = Function("homeChain()", "uint256")
_HOME_TOKEN = Function("homeToken()", "address")
_TOTAL_SUPPLY = Function("totalSupply()", "uint256")
_PERMIT2 = Function("PERMIT2()", "address", str)


class Capacities(NamedTuple):
    """Limits of a token for a chain, in its smallest unit and seconds; without what of them is used."""

    limited: bool
    out: int
    in_: int
    window: int

    def words(self, decimals: int) -> str:
        if not self.limited:
            return "none"
        return f"out {shown(self.out, decimals)}, in {shown(self.in_, decimals)}, within {span(self.window)}"


CAPACITIES_OF = Function(
    bridge.LIMITS_OF.signature,
    bridge.LIMITS_OF.returns,
    lambda limited, out, in_, window, *free: Capacities(limited, out, in_, window),
)


def bridge_arguments(desired: Desired) -> dict[str, Any]:
    return {**annex_arguments(desired), "annex": desired.addresses[BRIDGE_ANNEX]}


def annex_arguments(desired: Desired) -> dict[str, Any]:
    """Constants of the bridge, which its annex has as well."""
    addresses = desired.addresses
    return {
        "gateway": addresses[GATEWAY],
        "era": addresses[ERA],
        "hubChainId": desired.network_id,
        "bridgedToken": addresses[BRIDGED_TOKEN],
        "metadata": addresses[TOKEN_METADATA],
    }


def bridge_views(desired: Desired) -> Iterator[View]:
    """The owner's settings, as far as deploy.yaml names them: what else there is, only logs tell (`holdings`)."""
    hub, token = desired.network_id, desired.addresses[ERA]
    if not desired.is_hub:
        yield View("ERA of the bridge", bridge.LOCAL_OF, token, (hub, token))
    home = (0, ZERO_ADDRESS) if desired.is_hub else (hub, token)
    yield View(
        "home of ERA", bridge.HOME_OF, home, (token,), words=lambda found: f"{found[1]} on chain {found[0]}"
    )
    gateway = desired.addresses[GATEWAY]
    for chain_id in desired.routes:
        other = _name(desired, chain_id)
        chosen = {"chainId": chain_id, "gateway": gateway}
        change = Change(f"bridge to {other}", desired.owner, bridge.CHOOSE_GATEWAY, chosen)
        yield View(
            f"gateway of the bridge to {other}", bridge.GATEWAY_OF, gateway, (chain_id,), change=change
        )
    # Before a limit of theirs.
    yield from (_adoption(desired, one) for one in desired.bridging.adoptions)
    yield from (_limit(desired, one) for one in desired.bridging.limits)
    yield from (_strike(desired, one) for one in desired.bridging.strikes)


def _adoption(desired: Desired, adoption: Adoption) -> View:
    token = adoption.token
    named = {"homeChain": token.home, "token": token.address, "local": adoption.local}
    change = Change(f"adopt {token.name}", desired.owner, bridge.ADOPT, named)
    return View(
        f"{token.name} here",
        bridge.LOCAL_OF,
        adoption.local,
        (token.home, token.address),
        _unless_zero,
        change,
    )


def _limit(desired: Desired, limit: Limit) -> View:
    decimals = limit.token.decimals
    subject = limit_subject(desired, limit.token.name, limit.chain_id)
    wanted = Capacities(True, limit.out, limit.in_, limit.window)
    named = {
        "token": limit.local,
        "chainId": limit.chain_id,
        "outCapacity": limit.out,
        "inCapacity": limit.in_,
        "window": limit.window,
    }
    return View(
        subject,
        CAPACITIES_OF,
        wanted,
        (limit.local, limit.chain_id),
        lambda found: found.words(decimals),
        Change(subject, desired.owner, bridge.SET_LIMITS, named),
    )


def limit_subject(desired: Desired, token: str, chain_id: int) -> str:
    """How `check` calls limits of a token for a chain."""
    return f"limits of {token} with {_name(desired, chain_id)}"


def _strike(desired: Desired, strike: Strike) -> View:
    subject = f"message {to_hex(strike.id)} from {_name(desired, strike.chain_id)}"
    change = Change(subject, desired.owner, bridge.STRIKE, {"chainId": strike.chain_id, "id": strike.id})
    return View(subject, bridge.WAITING_SINCE, bridge.STRUCK, (strike.id,), _struck, change)


def _struck(since: int) -> str:
    return "struck" if since == bridge.STRUCK else "not struck"


def token_arguments(desired: Desired) -> dict[str, Any]:
    """Of whatever belongs to the bridge alone."""
    return {"bridge": desired.addresses[BRIDGE]}


def token_views(_: Desired) -> Iterator[View]:
    """Of the code of all representations, which stands for nothing itself."""
    yield from named(BRIDGED_TOKEN, "", "")
    yield View("BridgedToken decimals", _DECIMALS, 0)
    yield View("BridgedToken homeChain", _HOME_CHAIN, 0)
    yield View("BridgedToken homeToken", _HOME_TOKEN, ZERO_ADDRESS, words=_unless_zero)
    yield View("BridgedToken totalSupply", _TOTAL_SUPPLY, 0)


def ether_views(_: Desired) -> Iterator[View]:
    yield from named(WRAPPED_ETHER, "Wrapped Ether", "WETH")


def named(contract: str, name: str, symbol: str) -> Iterator[View]:
    """How a token is called."""
    yield View(f"{contract} name", _NAME, name, words=repr)
    yield View(f"{contract} symbol", _SYMBOL, symbol, words=repr)


def ether_door_arguments(desired: Desired) -> dict[str, Any]:
    ours = desired.addresses[WRAPPED_ETHER]
    return {**token_arguments(desired), "wrappedEther": desired.chain.wrapped_ether or ours}


def send_door_arguments(desired: Desired) -> dict[str, Any]:
    return {**token_arguments(desired), "permit2": desired.chain.permit2}


def send_door_views(desired: Desired) -> Iterator[View]:
    yield View("SendDoor PERMIT2", _PERMIT2, desired.chain.permit2)


def has_wrapped_ether(desired: Desired) -> bool:
    """True where ether has a wrapped form already."""
    return desired.chain.wrapped_ether is not None


def _name(desired: Desired, chain_id: int) -> str:
    return desired.network.chain(chain_id).name


def _unless_zero(address: str) -> str:
    return "none" if address == ZERO_ADDRESS else address
