"""What no view lists and only logs tell: who has which role on a timelock, who watches, through which gateways
decisions come, what was pardoned, who had ERA first, and whose it was where it is locked. Each is confirmed by a view
where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from eth_utils.crypto import keccak

from metalayer.deploy.compared import Compared, listed
from metalayer.deploy.desired import ZERO_ADDRESS, Desired
from metalayer.deploy.holdings import chain_name, compare_holdings
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.locked import compare_locked
from metalayer.deploy.names import (
    BRIDGE,
    DECISION_OUTBOX,
    ERA,
    FACTORY,
    GATEWAY,
    GUARDIAN,
    REMOTE_GOVERNOR,
    SLASHER,
    STAKING,
    TIMELOCK,
)
from metalayer.deploy.openings import compare_openings, compare_references
from metalayer.deploy.seating import compare_staking
from metalayer.network.connection import Connection
from metalayer.protocol.abi import Event, Function, histories
from metalayer.protocol.amounts import HUB_SUPPLY, era
from metalayer.protocol.decisions import OUTBOX_GATEWAY_SET
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import code_request, word

_ADMIN = bytes(32)
_ROLES = {
    "admin": _ADMIN,
    **{role: keccak(text=f"{role.upper()}_ROLE") for role in ("proposer", "canceller", "executor")},
}
_GRANTED = Event("RoleGranted(bytes32 indexed,address indexed,address indexed)")
_REVOKED = Event("RoleRevoked(bytes32 indexed,address indexed,address indexed)")
_ROLE_ADMIN = Function("getRoleAdmin(bytes32)", "bytes32", bytes)
_HAS_ROLE = Function("hasRole(bytes32,address)", "bool", bool)
_ACCEPTED = Event("GatewayAccepted(address indexed,bool)")
_IS_GATEWAY = Function("isGateway(address)", "bool", bool)
_IS_WATCHER = Function("isWatcher(address)", "bool", bool)
_WATCHER_SET = Event("WatcherSet(address indexed,bool)")
_APPROVED = Event("Approved(address indexed,bytes32 indexed,bytes32)")
_APPROVED_HASH = Function("approvedHash(address,bytes32)", "bytes32", bytes)
_ADDRESS_OF = Function("addressOf(address,bytes32)", "address", str)
_LANE_PARDONED = Event("LanePardoned(uint256 indexed,uint256 indexed,uint64)")
_PARDONED_THROUGH = Function("pardonedThrough(uint256,uint256)", "uint64", int)
_SETS_PARDONED = Event("SetsPardoned(uint64)")
_SETS_PARDONED_THROUGH = Function("setsPardonedThrough()", "uint64", int)
_TRANSFER = Event("Transfer(address indexed,address indexed,uint256)")


class Role(NamedTuple):
    """A role of a timelock, and who has it. The zero address stands for everybody."""

    id: bytes
    account: str


def compare_histories(
    connection: Connection, desired: Desired, state: ChainState
) -> Iterator[tuple[str, Compared]]:
    """Of the contracts that stand on a chain, each with its name."""
    compared: dict[str, Callable[[Connection, Desired], Iterable[Compared]]] = {
        FACTORY: _approvals,
        TIMELOCK: _roles,
        ERA: _first_holders,
        BRIDGE: compare_holdings,
        STAKING: compare_staking,
        SLASHER: _pardons,
        GUARDIAN: _watchers,
        DECISION_OUTBOX: _former_gateways,
        REMOTE_GOVERNOR: _gateways,
        GATEWAY: compare_openings,
    }
    for contract, compare in compared.items():
        if state.stands(contract):
            for one in compare(connection, desired):
                yield contract, one
    if state.stands(GUARDIAN) and state.stands(GATEWAY):
        for one in compare_references(connection, desired):
            yield GUARDIAN, one
    if desired.is_hub:
        yield from compare_locked(connection, desired, state)


def _roles(connection: Connection, desired: Desired) -> Iterator[Compared]:
    timelock = desired.addresses[TIMELOCK]
    expected = {Role(_ADMIN, timelock)} | {Role(_ROLES[name], desired.governor) for name in list(_ROLES)[1:]}
    granted, revoked = connection.ask(histories(timelock, _GRANTED, _REVOKED))
    changes = [(log, Role(*event[:2]), True) for event, log in granted]
    changes += [(log, Role(*event[:2]), False) for event, log in revoked]
    logged: set[Role] = set()
    for _, role, is_granted in sorted(changes, key=lambda change: (change[0].block, change[0].index)):
        (logged.add if is_granted else logged.discard)(role)
    everybody = {Role(id_, ZERO_ADDRESS) for id_ in _ROLES.values()}
    asked = sorted(expected | everybody | {role for _, role, _ in changes})
    ids = list(dict.fromkeys(role.id for role in asked))
    answers = connection.batch(
        [
            *(_HAS_ROLE.request(timelock, *role) for role in asked),
            *(_ROLE_ADMIN.request(timelock, id_) for id_ in ids),
        ]
    )
    has, admins = answers[: len(asked)], answers[len(asked) :]
    held = {role for role, is_held in zip(asked, has, strict=True) if is_held}
    names = {id_: name for name, id_ in _ROLES.items()} | {
        role.id: f"role {to_hex(role.id)}" for role in held | logged if role.id not in _ROLES.values()
    }
    for id_, name in names.items():
        yield Compared(f"Timelock {name}", _holders(id_, expected), _holders(id_, held))
    foreign = (
        f"{names.get(id_, to_hex(id_))} by {names.get(admin, to_hex(admin))}"
        for id_, admin in zip(ids, admins, strict=True)
        if admin != _ADMIN
    )
    yield Compared("Timelock roles given by others than the admin", "none", listed(foreign))
    # A log says what was, a view what is: whoever is in one of them only was put there by nobody's right.
    doubtful = sorted(f"{names[role.id]} {role.account}" for role in held ^ logged)
    yield Compared("Timelock roles", "as its logs say", ", ".join(doubtful) or "as its logs say")


def _holders(id_: bytes, roles: Iterable[Role]) -> str:
    return listed(role.account for role in roles if role.id == id_)


def _gateways(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Besides the one of which a view asks."""
    governor, gateway = desired.addresses[REMOTE_GOVERNOR], desired.addresses[GATEWAY]
    logged = dict.fromkeys(event[0] for event, _ in connection.ask(_ACCEPTED.history(governor)))
    asked = [one for one in logged if one != gateway]
    accepted = connection.batch(_IS_GATEWAY.request(governor, one) for one in asked)
    others = (one for one, is_accepted in zip(asked, accepted, strict=True) if is_accepted)
    yield Compared("other gateways of decisions", "none", listed(others))


def _former_gateways(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """What was decided may come back through each that ever was the gateway, and through no other."""
    outbox = desired.addresses[DECISION_OUTBOX]
    logged = [gateway for gateway, _ in connection.ask(OUTBOX_GATEWAY_SET.history(outbox))]
    asked = list(dict.fromkeys([desired.addresses[GATEWAY], *logged]))
    known = connection.batch(_IS_GATEWAY.request(outbox, gateway) for gateway in asked)
    found = (gateway for gateway, is_known in zip(asked, known, strict=True) if is_known)
    yield Compared("gateways of DecisionOutbox", listed(asked), listed(found))


def _watchers(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Besides those that deploy.yaml names, of whom views ask."""
    guardian, named = desired.addresses[GUARDIAN], desired.offices.watchers
    logged = dict.fromkeys(event[0] for event, _ in connection.ask(_WATCHER_SET.history(guardian)))
    asked = [account for account in logged if account not in named]
    watching = connection.batch(_IS_WATCHER.request(guardian, account) for account in asked)
    others = (account for account, watches in zip(asked, watching, strict=True) if watches)
    advice = (
        f"{desired.chain.name}: name them in deploy.yaml, or the council removes them (Guardian.setWatcher)"
    )
    yield Compared("other watchers", "none", listed(others), advice)


def _approvals(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Code that anyone may place in the deployer's namespace, at an address that is still free."""
    factory, namespace = desired.addresses[FACTORY], desired.deployer
    logs = connection.ask(_APPROVED.history(factory, word(int(namespace, 16))))
    salts = list(dict.fromkeys(event[1] for event, _ in logs))
    answers = connection.batch(
        [
            *(_APPROVED_HASH.request(factory, namespace, salt) for salt in salts),
            *(_ADDRESS_OF.request(factory, namespace, salt) for salt in salts),
        ]
    )
    hashes, places = answers[: len(salts)], answers[len(salts) :]
    codes = connection.batch(code_request(place) for place in places)
    open_ = (
        f"{to_hex(hash_)} at {place}"
        for hash_, place, code in zip(hashes, places, codes, strict=True)
        if any(hash_) and not code
    )
    yield Compared("code that may still be placed", "none", listed(open_))


def _pardons(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """No pardon is ever taken back: what is pardoned is what logs say, on any lane of the network."""
    slasher = desired.addresses[SLASHER]
    lanes, sets = connection.ask(histories(slasher, _LANE_PARDONED, _SETS_PARDONED))
    logged = dict.fromkeys(desired.lanes, 0)
    logged |= {(origin, destination): nonce for (origin, destination, nonce), _ in lanes}
    version, *nonces = connection.batch(
        [
            _SETS_PARDONED_THROUGH.request(slasher),
            *(_PARDONED_THROUGH.request(slasher, *lane) for lane in logged),
        ]
    )
    expected = _pardoned(desired, logged, max((version for version, _ in sets), default=0))
    yield Compared("pardons", expected, _pardoned(desired, dict(zip(logged, nonces, strict=True)), version))


def _pardoned(desired: Desired, lanes: Mapping[tuple[int, int], int], version: int) -> str:
    words = [
        f"{chain_name(desired, origin)} to {chain_name(desired, destination)} through {nonce}"
        for (origin, destination), nonce in lanes.items()
        if nonce
    ]
    return listed([*words, f"sets through {version}"] if version else words)


def _first_holders(connection: Connection, desired: Desired) -> Iterator[Compared]:
    if desired.is_hub:
        expected, found = first_holders(desired), minted(connection, desired)
        yield Compared("first holders of ERA", _amounts(expected), _amounts(found))


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
