"""What stands at the end of a launch: a chain, its contracts, its lanes, and what that took."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metalayer.deploy.check import Finding, check_deployment
from metalayer.deploy.journal import Journal
from metalayer.governance.progress import Progress
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import journal_path
from metalayer.protocol import gateway
from metalayer.services.launch_entry import Entry
from metalayer.services.launch_transfer import Journey


@dataclass(frozen=True)
class Lane:
    """Between the chain and another one. out: whether messages go there; back: whether they come from there. Wei of
    ERA: what the passage of a message takes, each way.
    """

    other: str
    out: bool
    back: bool
    base_fees: tuple[int, int]


@dataclass(frozen=True)
class Cost:
    """Of everything that was sent to the chain to deploy. paid: wei of its ether; None where it was not recorded."""

    transactions: int
    gas: int
    paid: int | None


@dataclass(frozen=True)
class Picture:
    """place: of its node, as people may see it. contracts: addresses by name. proposal: name of its folder, its id on
    chain and its state; None if there is none.
    """

    network: str
    name: str
    chain_id: int
    preset: str
    about: str
    place: str
    is_fork: bool
    contracts: dict[str, str]
    lanes: tuple[Lane, ...]
    proposal: tuple[str, int, str] | None
    journey: Journey | None
    cost: Cost

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei and ids as strings."""
        proposal = None
        if self.proposal is not None:
            name, id_, state = self.proposal
            proposal = {"name": name, "id": str(id_), "state": state}
        cost = {**asdict(self.cost), "paid": None if self.cost.paid is None else str(self.cost.paid)}
        lanes = [
            {"with": one.other, "out": one.out, "back": one.back, "base_fees": [*map(str, one.base_fees)]}
            for one in self.lanes
        ]
        legs = [leg.as_dict() for leg in self.journey.legs] if self.journey else []
        return {
            "network": self.network,
            "name": self.name,
            "chain_id": self.chain_id,
            "preset": self.preset,
            "about": self.about,
            "place": self.place,
            "fork": self.is_fork,
            "contracts": self.contracts,
            "lanes": lanes,
            "proposal": proposal,
            "transfers": legs,
            "cost": cost,
        }


def draw(live: Live, entry: Entry, progress: Progress | None, journey: Journey | None) -> Picture:
    """From the chains and the registry."""
    chain = entry.chain
    here = live.connection(chain.name)
    deployed = live.registry.chain(chain.name).contracts
    proposal = None
    if progress is not None:
        state = "not proposed" if progress.vote is None else progress.vote.state.name.lower()
        proposal = progress.motion.name, progress.motion.id, state
    others = [one for name, one in live.mesh.connections.items() if name != chain.name]
    return Picture(
        network=live.network.name,
        name=chain.name,
        chain_id=chain.chain_id,
        preset=entry.preset,
        about=chain.preset.about or "",
        place=chain.place,
        is_fork=chain.fork is not None,
        contracts={name: contract.address for name, contract in sorted(deployed.items())},
        lanes=tuple(lane for lane in in_parallel(lambda one: _lane(live, here, one), others) if lane),
        proposal=proposal,
        journey=journey,
        cost=_cost(live.network, chain.name),
    )


def is_open(live: Live, origin: Connection, destination: Connection) -> bool:
    """Whether messages go from one to the other."""
    address = live.mesh.gateway
    leaves = origin.view(address, gateway.ROUTE, destination.chain_id).outbound
    return bool(leaves and destination.view(address, gateway.ROUTE, origin.chain_id).inbound)


def _lane(live: Live, here: Connection, other: Connection) -> Lane | None:
    """None where deploy.yaml has no lane: its own side was born with all that there are."""
    address = live.mesh.gateway
    there, back = (
        here.view(address, gateway.ROUTE, other.chain_id),
        other.view(address, gateway.ROUTE, here.chain_id),
    )
    if not there.terms.max_gas_limit and not back.terms.max_gas_limit:
        return None
    return Lane(
        other.name,
        there.outbound and back.inbound,
        back.outbound and there.inbound,
        (there.terms.base_fee * 10**9, back.terms.base_fee * 10**9),
    )


def deployed_in(network: Network, name: str) -> int:
    """Number of the last block in which something was deployed to a chain; 0 if nobody here knows."""
    return max((int(record["block"]) for record in _receipts(network, name)), default=0)


def _receipts(network: Network, name: str) -> list[dict[str, Any]]:
    return [
        record
        for record in Journal(journal_path(network)).records
        if record["record"] == "receipt" and record["chain"] == name
    ]


def _cost(network: Network, name: str) -> Cost:
    receipts = _receipts(network, name)
    known = [int(record["paid"]) for record in receipts if "paid" in record]
    paid = sum(known) if len(known) == len(receipts) else None
    return Cost(len(receipts), sum(record["gas"] for record in receipts), paid)


def compare(network: Network) -> tuple[list[Finding], int]:
    """What differs from deploy.yaml on any chain, and how many values were compared."""
    found, _ = check_deployment(network)
    return [one for one in found if one.is_drift], len(found)


def concerns(finding: Finding, name: str) -> bool:
    """Whether it is about a chain: on it, or on another one about it."""
    return finding.chain == name or name in finding.subject.split()
