"""The validator sets of the network: those that Staking published, and those that gateways installed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from metalayer.deploy.desired import FirstSets
from metalayer.deploy.names import GATEWAY, STAKING
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted
from metalayer.protocol import gateway, staking
from metalayer.protocol.attestation import ValidatorSet

# A gateway that starts refuses a set that has expired. Its transaction may take a while.
_SPARE_SECONDS = 3_600


@dataclass(frozen=True)
class Sets:
    """The validator sets of a gateway: all that were ever installed, the constructor's first, and the present hash."""

    history: list[ValidatorSet]
    hash: bytes

    @property
    def first(self) -> ValidatorSet | None:
        return self.history[0] if self.history else None

    @property
    def installed(self) -> ValidatorSet | None:
        """The set that signs now. None if no log names it: a node that lies, or storage that was written."""
        last = self.history[-1] if self.history else None
        return last if last is not None and last.hash == self.hash else None


def installed_sets(connection: Connection, address: str) -> list[ValidatorSet]:
    """Every set that a gateway ever accepted, the constructor's first, from the logs of their installation."""
    return [installed for installed, _ in connection.ask(gateway.VALIDATOR_SET_INSTALLED.logs(address))]


def read_sets(connection: Connection, address: str) -> Sets | None:
    """The sets of a gateway. None while there is no code; other code there has no such logs, and may answer nothing."""
    if not connection.code(address):
        return None
    try:
        present = connection.ask(gateway.VALIDATOR_SET_HASH.optional(address))
    except Reverted:
        present = None
    return Sets(installed_sets(connection, address), present or b"")


def first_sets(
    network: Network,
    connections: Mapping[str, Connection],
    addresses: Mapping[str, str],
    names: Collection[str] | None = None,
) -> FirstSets:
    """What the hub and those chains say, all if not given. A set is due if a gateway is missing, and Staking has none,
    or the newest has expired.
    """
    hub = connections[network.hub.name]

    def read(name: str) -> Sets | None:
        return read_sets(connections[name], addresses[GATEWAY])

    names = list(network.chains if names is None else names)
    found = dict(zip(names, in_parallel(read, names), strict=True))
    published = tuple(one for one, _ in hub.ask(staking.SET_PUBLISHED.logs(addresses[STAKING])))
    started = {name: sets.first for name, sets in found.items() if sets is not None and sets.first}
    is_missing = len(started) < len(found)
    serves = bool(published) and published[-1].expires > hub.block().time + _SPARE_SECONDS
    return FirstSets(published, started, is_due=is_missing and not serves)
