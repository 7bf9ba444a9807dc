"""What is declared of Staking and of what belongs to it: constructors' arguments, and what they should say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metalayer.deploy.declaration import View, ownership
from metalayer.deploy.desired import Desired
from metalayer.deploy.names import BRIDGE, ERA, GATEWAY, SET_BUILDER, SLASHER, STAKING
from metalayer.protocol import staking
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import MIN_VALIDATORS, Domain

_SET_BUILDER = Function("SET_BUILDER()", "address")
# Below the least of a set it matters how many are taken, not above.
_TAKEN_SEATS = Function("seats()", "uint256[]", lambda ids: min(len(ids), MIN_VALIDATORS))


def staking_arguments(desired: Desired) -> dict[str, Any]:
    return {
        "era": desired.addresses[ERA],
        "builder": desired.addresses[SET_BUILDER],
        "slasher": desired.addresses[SLASHER],
        "treasury": desired.treasury,
        "attestationDomain": _domain(desired),
        "minOwn": desired.bonding.minimum_own,
        "seatCount": desired.bonding.seats,
    }


def staking_views(desired: Desired) -> Iterator[View]:
    yield View("Staking SEATS", staking.SEATS, desired.bonding.seats)
    yield View("Staking SET_BUILDER", _SET_BUILDER, desired.addresses[SET_BUILDER])
    yield View("seats", _TAKEN_SEATS, MIN_VALIDATORS, words=_describe_seats)


def _describe_seats(count: int) -> str:
    return f"{count} taken" if count < MIN_VALIDATORS else "enough for a set"


def slasher_arguments(desired: Desired) -> dict[str, Any]:
    return {
        "attestationDomain": _domain(desired),
        "gateway": desired.addresses[GATEWAY],
        "staking": desired.addresses[STAKING],
        "owner": desired.owner,
    }


def slasher_views(desired: Desired) -> Iterator[View]:
    yield from ownership(SLASHER, desired.owner)


def _domain(desired: Desired) -> bytes:
    """Of what validators sign, on every chain."""
    return Domain(desired.network_id, desired.addresses[GATEWAY]).separator


def collector_arguments(desired: Desired) -> dict[str, Any]:
    return {
        "gateway": desired.addresses[GATEWAY],
        "bridge": desired.addresses[BRIDGE],
        "era": desired.addresses[ERA],
        "hubChainId": desired.network_id,
        "staking": desired.addresses[STAKING],
    }
