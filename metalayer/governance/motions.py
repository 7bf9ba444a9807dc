"""What was proposed, or will be: from build.json, or from the hub's own logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from eth_utils.address import to_checksum_address

from metalayer.deploy.names import DECISION_OUTBOX, GOVERNOR, GUARDIAN, REMOTE_GOVERNOR, TIMELOCK
from metalayer.errors import MetalayerError
from metalayer.governance import files
from metalayer.governance.built import Built
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.mesh import Mesh
from metalayer.network.registry import Registry
from metalayer.network.values import found, one_line
from metalayer.protocol import decisions, governor
from metalayer.protocol.abi import Logged
from metalayer.protocol.attestation import Domain
from metalayer.protocol.decisions import Decision
from metalayer.protocol.governor import Created, HubProposal
from metalayer.protocol.rpc import READ_FAULTS

_LONGEST_NUMBER = 3


def next_gateway(proposal: HubProposal, outbox: str) -> str | None:
    """The gateway that a proposal tells the outbox to use: its own decisions leave through that one already."""
    for target, data in zip(proposal.targets, proposal.calldatas, strict=True):
        if target == outbox and data.startswith(decisions.SET_OUTBOX_GATEWAY.selector):
            return str(to_checksum_address(data[-20:]))
    return None


@dataclass(frozen=True)
class Carried:
    """A decision for one chain. number: among those for that chain, from 1 on."""

    chain: str
    chain_id: int
    number: int
    decision: Decision
    gas_limit: int

    @property
    def id(self) -> bytes:
        return self.decision.id


@dataclass(frozen=True)
class Motion:
    """A proposal, with the decisions that it brings to other chains. name: of its folder; empty if it has none here."""

    proposal: HubProposal
    carried: tuple[Carried, ...]
    proposer: str
    name: str = ""

    @property
    def id(self) -> int:
        return self.proposal.id

    @property
    def title(self) -> str:
        return title_of(self.proposal)

    @property
    def called(self) -> str:
        """As lines for people name it."""
        return f"proposal {self.name or self.id}"

    @property
    def typed(self) -> str:
        """As commands take it."""
        return self.name.partition("-")[0] or str(self.id)

    def on(self, chain: str) -> list[Carried]:
        """Its decisions for a chain. MetalayerError if there is none."""
        carried = [one for one in self.carried if one.chain == chain]
        if not carried:
            known = ", ".join(dict.fromkeys(one.chain for one in self.carried)) or "none"
            raise MetalayerError(f"{self.called} decides nothing for {chain}, expected one of {known}")
        return carried

    @classmethod
    def of(
        cls, proposal: HubProposal, proposer: str, outbox: str, network: Network, name: str = ""
    ) -> Motion:
        """From what is voted on."""
        return cls(proposal, tuple(_carried(proposal, outbox, network)), proposer, name)


@dataclass(frozen=True)
class Desk:
    """Where governance is, on a deployed network. Addresses are the same on every chain."""

    live: Live
    hub: Connection
    governor: str
    timelock: str
    outbox: str
    remote: str = field(repr=False)
    guardian: str = field(repr=False)

    @classmethod
    def of(cls, live: Live) -> Desk:
        """That of a network. MetalayerError if it has none."""
        registry: Registry = live.registry
        names = (GOVERNOR, TIMELOCK, DECISION_OUTBOX, REMOTE_GOVERNOR, GUARDIAN)
        return cls(live, live.connection(live.network.hub.name), *map(registry.address, names))

    def leaving(self, proposal: HubProposal | None = None) -> Desk:
        """The same with the gateway through which decisions leave, where they are paid for: that which the outbox uses,
        or which a proposal tells it to use.
        """
        following = next_gateway(proposal, self.outbox) if proposal else None
        address = following or self.hub.view(self.outbox, decisions.OUTBOX_GATEWAY)
        live = self.live
        if address == live.mesh.gateway:
            return self
        domain = Domain(live.mesh.network_id, address)
        mesh = Mesh(domain, live.mesh.connections, live.mesh.staking)
        return replace(self, live=Live(live.network, live.registry.with_gateway(address), mesh))

    @property
    def votes(self) -> str:
        """Of HubVotePool on the hub, of SpokeVotes on every other chain."""
        return self.live.registry.address("HubVotePool")

    @property
    def era(self) -> str:
        """Of ERA."""
        return self.live.registry.address("ERA")

    @property
    def spokes(self) -> list[Connection]:
        """All chains but the hub."""
        return [one for one in self.live.mesh.connections.values() if one is not self.hub]

    def motion(self, which: str, root: Path | None = None) -> Motion:
        """A proposal by number or name of its folder, as build.json there has it; or by the id that it has on chain, as
        the hub's logs have it. MetalayerError if there is none.
        """
        id_ = _id(which)
        if id_ is None:
            built = Built.load(files.find(which, root))
            self.refuse_foreign(built)
            return self.of_built(built)
        logged = next((one for one in self.created() if one.event.id == id_), None)
        if logged is None:
            raise MetalayerError(f"nothing was ever proposed on {self.hub.name} with the id {found(which)}")
        return self.of_created(logged.event, root)

    def of_built(self, built: Built) -> Motion:
        return Motion.of(built.proposal, built.proposer, self.outbox, self.live.network, built.name)

    def of_created(self, created: Created, root: Path | None = None) -> Motion:
        """With the name of its folder, if there is one in which the same was built."""
        name = next((one.name for one in _builds(root) if one.id == created.id), "")
        return Motion.of(created.proposal, created.proposer, self.outbox, self.live.network, name)

    def created(self) -> list[Logged[Created]]:
        """All that was ever proposed, the oldest first."""
        return self.hub.ask(governor.PROPOSAL_CREATED.history(self.governor))

    def refuse_foreign(self, built: Built) -> None:
        """MetalayerError if something was built for another deployment."""
        network = self.live.network
        if (built.network_id, built.governor, built.outbox) != (
            network.hub.chain_id,
            self.governor,
            self.outbox,
        ):
            raise MetalayerError(
                f"{built.name}/build.json is for network '{built.network}' with the governor {built.governor}, not for "
                f"'{network.name}' with {self.governor}: build it again"
            )


def title_of(proposal: HubProposal) -> str:
    """First line of a text, which may be a stranger's: without what changes a terminal."""
    return one_line(proposal.description.strip().partition("\n")[0].removeprefix("#"))


def _carried(proposal: HubProposal, outbox: str, network: Network) -> Iterator[Carried]:
    names = {chain.chain_id: chain.name for chain in network.chains.values()}
    counted: dict[int, int] = {}
    for target, data in zip(proposal.targets, proposal.calldatas, strict=True):
        if target != outbox or data[:4] != decisions.DECIDE.selector:
            continue
        try:
            chain_id, fields, gas_limit = decisions.DECIDE.decode_arguments(data)
        except READ_FAULTS:
            # Its execution reverts: nothing of it is ever brought anywhere.
            continue
        counted[chain_id] = counted.get(chain_id, 0) + 1
        name = names.get(chain_id, f"chain {chain_id}")
        yield Carried(name, chain_id, counted[chain_id], Decision.of(fields), gas_limit)


def _builds(root: Path | None) -> Iterable[Built]:
    for path in sorted((root or files.proposals_dir()).glob("*/build.json")):
        try:
            yield Built.load(path.parent)
        except MetalayerError:
            # Whoever asks for that one is told.
            continue


def _id(which: str) -> int | None:
    """The id of a proposal on chain; None for what can only be a folder's number or name."""
    try:
        if which.startswith("0x"):
            return int(which, 16)
        return int(which) if which.isascii() and which.isdecimal() and len(which) > _LONGEST_NUMBER else None
    except ValueError as error:
        raise MetalayerError(
            f"{found(which)} is no id: expected a number, or 0x and hexadecimal digits"
        ) from error
