"""What no view lists and only logs tell: who has which role on a timelock, through which gateways decisions come, who
had ERA first. Each is confirmed by a view where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eth_utils.crypto import keccak

from metalayer.deploy.compared import Compared, listed
from metalayer.deploy.desired import ZERO_ADDRESS, Desired
from metalayer.deploy.holdings import compare_holdings
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.names import BRIDGE, ERA, GATEWAY, REMOTE_GOVERNOR, TIMELOCK
from metalayer.network.connection import Connection
from metalayer.protocol.abi import Event, Function
from metalayer.protocol.amounts import HUB_SUPPLY, era
from metalayer.protocol.hex import to_hex

_ADMIN = bytes(32)
_ROLES = {
    "admin": _ADMIN,
    **{role: keccak(text=f"{role.upper()}_ROLE") for role in ("proposer", "canceller", "executor")},
}
_GRANTED = Event("RoleGranted(bytes32 indexed,address indexed,address indexed)")
_REVOKED = Event("RoleRevoked(bytes32 indexed,address indexed,address indexed)")
_HAS_ROLE = Function("hasRole(bytes32,address)", "bool", bool)
_ACCEPTED = Event("GatewayAccepted(address indexed,bool)")
_IS_GATEWAY = Function("isGateway(address)", "bool", bool)
_TRANSFER = Event("Transfer(address indexed,address indexed,uint256)")


class Role(NamedTuple):
    """A role of a timelock, and who has it. The zero address stands for everybody."""

    id: bytes
    account: str


def compare_histories(connection: Connection, desired: Desired, state: ChainState) -> list[Compared]:
    """Of the contracts that stand on a chain."""
    compared: list[Compared] = []
    if state.stands(TIMELOCK):
        compared += _roles(connection, desired)
    if state.stands(REMOTE_GOVERNOR):
        compared.append(_gateways(connection, desired))
    if desired.is_hub and state.stands(ERA):
        compared.append(_first_holders(connection, desired))
    if state.stands(BRIDGE):
        compared += compare_holdings(connection, desired)
    return compared


def _roles(connection: Connection, desired: Desired) -> Iterator[Compared]:
    timelock = desired.addresses[TIMELOCK]
    expected = {Role(_ADMIN, timelock)} | {Role(_ROLES[name], desired.governor) for name in list(_ROLES)[1:]}
    granted, revoked = connection.batch([_GRANTED.history(timelock), _REVOKED.history(timelock)])
    changes = [(log, Role(*event[:2]), True) for event, log in granted]
    changes += [(log, Role(*event[:2]), False) for event, log in revoked]
    logged: set[Role] = set()
    for _, role, is_granted in sorted(changes, key=lambda change: (change[0].block, change[0].index)):
        (logged.add if is_granted else logged.discard)(role)
    everybody = {Role(id_, ZERO_ADDRESS) for id_ in _ROLES.values()}
    asked = sorted(expected | everybody | {role for _, role, _ in changes})
    has = connection.batch(_HAS_ROLE.request(timelock, *role) for role in asked)
    held = {role for role, is_held in zip(asked, has, strict=True) if is_held}
    names = {id_: name for name, id_ in _ROLES.items()} | {
        role.id: f"role {to_hex(role.id)}" for role in held | logged if role.id not in _ROLES.values()
    }
    for id_, name in names.items():
        yield Compared(f"Timelock {name}", _holders(id_, expected), _holders(id_, held))
    # A log says what was, a view what is: whoever is in one of them only was put there by nobody's right.
    doubtful = sorted(f"{names[role.id]} {role.account}" for role in held ^ logged)
    yield Compared("Timelock roles", "as its logs say", ", ".join(doubtful) or "as its logs say")


def _holders(id_: bytes, roles: Iterable[Role]) -> str:
    return listed(role.account for role in roles if role.id == id_)


def _gateways(connection: Connection, desired: Desired) -> Compared:
    governor = desired.addresses[REMOTE_GOVERNOR]
    logged = dict.fromkeys(event[0] for event, _ in connection.ask(_ACCEPTED.history(governor)))
    accepted = connection.batch(_IS_GATEWAY.request(governor, gateway) for gateway in logged)
    found = (gateway for gateway, is_accepted in zip(logged, accepted, strict=True) if is_accepted)
    return Compared("gateways of decisions", desired.addresses[GATEWAY], listed(found))


def _first_holders(connection: Connection, desired: Desired) -> Compared:
    expected, found = first_holders(desired), minted(connection, desired)
    return Compared("first holders of ERA", _amounts(expected), _amounts(found))


def first_holders(desired: Desired) -> dict[str, int]:
    """Who should have had ERA on the hub from its first block on, in wei."""
    rest = HUB_SUPPLY - sum(desired.allocations.values())
    expected = {**desired.allocations}
    expected[desired.treasury] = expected.get(desired.treasury, 0) + rest
    return {account: amount for account, amount in expected.items() if amount}


def minted(connection: Connection, desired: Desired) -> dict[str, int]:
    """To whom ERA was minted on the hub, where only the constructor mints, in wei."""
    found: dict[str, int] = {}
    for (_, account, amount), _ in connection.ask(_TRANSFER.history(desired.addresses[ERA], bytes(32))):
        found[account] = found.get(account, 0) + amount
    return found


def _amounts(holders: dict[str, int]) -> str:
    return listed(f"{account} {era(amount)}" for account, amount in holders.items() if amount)
