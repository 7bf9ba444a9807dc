"""A launch as it stands: what was asked for, and what files and chains say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.apply import Deployer
from metalayer.deploy.chain_run import Report
from metalayer.deploy.drift import Mend
from metalayer.deploy.intent import load_intent
from metalayer.errors import MetalayerError
from metalayer.governance.built import BUILD_FILE, Built
from metalayer.governance.motions import Desk
from metalayer.governance.names import Names
from metalayer.governance.progress import Progress, read
from metalayer.network import localnet
from metalayer.network.config import Network, load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.live import Live
from metalayer.network.registry import Registry, records_dir
from metalayer.network.signers import address_of, load_sender
from metalayer.services import launch_joining as joining
from metalayer.services.launch_entry import Entry, Wanted, prepare
from metalayer.services.launch_picture import Picture
from metalayer.services.launch_transfer import Journey, Traveller
from metalayer.services.simulate import names_of

USER = "TEST::3"
"""Proposes, votes and sends on local networks unless another account is named."""

State = Literal["done", "already", "to do", "waits"]


@dataclass(frozen=True)
class Phase:
    """One step on the way. state: `already` if there was nothing to do, `to do` in a plan, `waits` for others.
    lines: more than fits into the sentence. seconds: that it took.
    """

    name: str
    state: State
    what: str
    lines: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Hands:
    """Who acts, and who is told. account: proposes, and sends ERA; None if nobody was named. enacts: whether test
    accounts take the proposal through the vote. confirm: asks before something is sent, on networks that are not local.
    say: what happens within a phase; ended: a phase that is over; report: as of `deploy`.
    """

    account: str | None
    enacts: bool
    confirm: Callable[[str], None]
    say: Callable[[str], None]
    ended: Callable[[Phase], None]
    report: Report
    timeout: float


@dataclass(frozen=True)
class Launched:
    """What came of it. picture: None in a plan. following: what to do next, a line each; empty if it is a member.
    notes: what others have to do, a line each.
    """

    name: str
    phases: tuple[Phase, ...]
    picture: Picture | None
    following: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_member(self) -> bool:
        return not self.following

    @property
    def has_changes(self) -> bool:
        """Whether something was to be done."""
        return any(phase.state != "already" for phase in self.phases)


class Launch:
    """One chain on its way into a network that is deployed."""

    def __init__(self, wanted: Wanted, hands: Hands) -> None:
        self.wanted = wanted
        self.hands = hands
        self.following: list[str] = []
        self.notes: list[str] = []
        self.travelled: Journey | None = None
        network = load_network()
        self.registry = Registry.load(network)
        self.registry.first_validator_set()
        if hands.enacts and not network.is_local:
            raise MetalayerError(
                f"network '{network.name}' is a real one: its holders vote, nobody does for them"
            )
        self.entry: Entry = prepare(wanted, self.registry.chains)

    # What is there

    @property
    def name(self) -> str:
        return self.wanted.name

    @property
    def network(self) -> Network:
        return self.entry.network

    @cached_property
    def connections(self) -> dict[str, Connection]:
        return connect(self.network)

    @property
    def connection(self) -> Connection:
        return self.connections[self.name]

    @property
    def hub(self) -> Connection:
        return self.connections[self.network.hub.name]

    @cached_property
    def deployer(self) -> Deployer:
        folder = records_dir(self.network)
        return Deployer(self.network, self.connections, load_intent(), address_of, load_sender, folder)

    @cached_property
    def desk(self) -> Desk:
        return Desk.of(Live.open())

    @cached_property
    def names(self) -> Names:
        return names_of(self.desk.live)

    def look_again(self) -> None:
        """Forgets which routes were closed."""
        vars(self).pop("desk", None)
        vars(self).pop("names", None)

    @property
    def exchange(self) -> DirectoryExchange:
        return DirectoryExchange.of(self.desk.live)

    def named(self) -> str | None:
        """Who proposes and sends; None if nobody was named on a real network."""
        return self.hands.account or (USER if self.network.is_local else None)

    def account(self) -> str:
        """The same. MetalayerError if there is nobody."""
        if (account := self.named()) is None:
            raise MetalayerError("who proposes, and whose ERA goes there and back? Expected `--account`")
        return account

    @property
    def alone(self) -> Network:
        """The network as if it were the only chain: what is started and asked for by itself."""
        return replace(self.network, chains={self.name: self.entry.chain})

    def mends(self) -> dict[str, list[Mend]]:
        """What others still have to set for it to be a member, by chain. Reads every chain."""
        return joining.about(self.entry.chain, self.deployer.drift())

    def folder(self) -> Path | None:
        """Of its newest proposal."""
        found = [one for one in joining.folders(self.name) if joining.is_whole(one)]
        return found[-1] if found else None

    def proposal(self) -> Progress | None:
        """How far its newest proposal is; None if none was built."""
        folder = self.folder()
        if folder is None or not (folder / BUILD_FILE).exists():
            return None
        built = Built.load(folder)
        if built.governor != self.desk.governor or built.network_id != self.network.hub.chain_id:
            return None
        return read(self.desk, self.desk.of_built(built), self.exchange)

    def traveller(self) -> Traveller:
        hands = self.hands
        return Traveller(self.desk.live, self.account(), hands.confirm, hands.say, hands.timeout)

    def journey(self) -> Journey | None:
        """What went there and came back; None if it is not known whose."""
        if self.travelled is not None:
            return self.travelled
        try:
            return self.traveller().found(self.name)
        except MetalayerError:
            # Nobody was named, or nothing stands there yet.
            return None

    def refuse_strangers(self) -> None:
        """MetalayerError unless the chains that are there answer, and hold what the registry says."""
        there = {name: self.connections[name] for name in self.registry.chains if name in self.connections}
        if self.name in there and localnet.status(self.alone)[0].state == "down":
            # It is started anew.
            del there[self.name]
        for connection in there.values():
            connection.height()
        if differences := self.registry.differences(there):
            raise MetalayerError(differences[0])
