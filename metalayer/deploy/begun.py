"""What deploy.yaml says of locked ERA and of the airdrop where they stand otherwise: their terms are for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contracts import contracts_of
from metalayer.deploy.desired import Desired, Drop, Genesis, Wallet
from metalayer.deploy.inspection import ChainState, construction
from metalayer.deploy.names import AIRDROP
from metalayer.deploy.past import HINT
from metalayer.network.connection import Connection
from metalayer.network.rpc import BadAnswer, RpcError
from metalayer.protocol import airdrop, vesting
from metalayer.protocol.dates import span, utc
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request


def other_terms(
    hub: Connection, desired: Desired, state: ChainState, artifacts: Mapping[str, Artifact]
) -> dict[str, str]:
    """A line for each contract on the hub whose code is what it should be, but for the terms that deploy.yaml has."""
    wallets = {wallet.name: wallet for wallet in desired.genesis.wallets}
    wrong = [name for name, code in state.found.items() if code and not state.stands(name)]
    lines = {}
    for name in wrong:
        if name in wallets:
            said = _of_wallet(hub, desired, wallets[name])
        elif name == AIRDROP and desired.genesis.drop is not None:
            said = _of_drop(hub, desired, desired.genesis.drop)
        else:
            continue
        if (
            said is not None
            and _makes(hub, replace(desired, genesis=said[0]), name, artifacts) == state.found[name]
        ):
            _, is_, should = said
            lines[name] = f"{hub.name}: {name} {is_}, deploy.yaml says {should}: {HINT}"
    return lines


_Said = tuple[Genesis, str, str] | None
"""The genesis with what the contract says of itself, that in words, and what deploy.yaml says."""


def _of_wallet(hub: Connection, desired: Desired, wallet: Wallet) -> _Said:
    address = desired.addresses[wallet.name]
    told = _told(hub, vesting.START.request(address), vesting.DURATION.request(address))
    if told is None:
        return None
    known = wallet._replace(start=told[0], duration=told[1])
    others = (known if one.name == wallet.name else one for one in desired.genesis.wallets)
    return replace(desired.genesis, wallets=tuple(others)), f"vests {_vests(known)}", _vests(wallet)


def _vests(wallet: Wallet) -> str:
    return f"from {utc(wallet.start)} on for {span(wallet.duration)}"


def _of_drop(hub: Connection, desired: Desired, drop: Drop) -> _Said:
    address = desired.addresses[AIRDROP]
    told = _told(hub, airdrop.ROOT.request(address), airdrop.END.request(address))
    if told is None:
        return None
    known = drop._replace(root=told[0], end=told[1])
    return replace(desired.genesis, drop=known), f"has {_drops(known)}", _drops(drop)


def _drops(drop: Drop) -> str:
    return f"the root {to_hex(drop.root)} and the end {utc(drop.end)}"


def _told(hub: Connection, *requests: Request[Any]) -> list[Any] | None:
    """Other code answers whatever it wants, or nothing."""
    try:
        return hub.batch(requests)
    except (RpcError, BadAnswer):
        return None


def _makes(hub: Connection, desired: Desired, name: str, artifacts: Mapping[str, Artifact]) -> bytes | None:
    declared = next(one for one in contracts_of(desired) if one.name == name)
    found = _told(hub, construction(declared, desired, artifacts))
    return None if found is None else bytes(found[0])
