"""Proposals of the repository, from their files to what they do, on the deployed network."""

from __future__ import annotations

from dataclasses import dataclass
from shutil import copytree

from metalayer.assets.tokens import DELEGATE
from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.sets import read_sets
from metalayer.governance import actions
from metalayer.governance.build import Built, LiveChains, build
from metalayer.governance.files import read_on
from metalayer.governance.motions import Motion
from metalayer.governance.names import Names
from metalayer.network.signers import address_of
from metalayer.protocol import decisions
from metalayer.protocol.decisions import DecisionState
from tests.kit.deployment import Deployment
from tests.kit.paper import DAY
from tests.kit.polling import FEES, FOR, Polling
from tests.kit.roles import TREASURY
from tools.repository import repo_root


@dataclass
class Enacting(Polling):
    """The proposer of those files has most votes. successor: another gateway, which follows the validator sets, too."""

    successor: Deployment | None = None

    def settle(self) -> None:
        hub = self.deployment.connections["hub"]
        self.deployment.prepay(self.keeper_account, FEES)
        self.deployment.bring(self.keeper_account.address, FEES, ["hub"])
        hub.send(TREASURY, self.deployment.era, DELEGATE.encode(TREASURY.address))

    def shipped(self, name: str) -> Built:
        """Of its folder in the repository; its copy here has a build.json."""
        folder = copytree(
            repo_root() / "proposals" / name, self.folder / "proposals" / name, dirs_exist_ok=True
        )
        names = Names.of(self.live.network, self.live.registry, address_of)
        chains = LiveChains(self.deployment.connections, names)
        built = build(read_on(folder, self.live.network), names, chains, {})
        built.save(folder)
        return built

    def enact(self, name: str) -> Motion:
        """The whole way. What its decisions say is executed on every chain."""
        motion = self.decide(name)
        if motion.carried:
            self.deliver()
            self.carry_out(motion)
        return motion

    def decide(self, name: str) -> Motion:
        """As far as the hub: executed there, and sent."""
        self.deployment.pass_time(2)
        built = self.shipped(name)
        actions.submit(self.desk, built, None, lambda connection: TREASURY)
        motion = self.desk.of_built(built)
        self.reach(self.vote(motion).snapshot + 1)
        self.cast(motion, "hub", TREASURY, FOR)
        self.reach(self.vote(motion).deadline + 1)
        self.keep()
        self.reach(self.vote(motion).eta)
        done = self.keep()
        assert done[-1].endswith("is executed"), done
        return motion

    def carry_out(self, motion: Motion) -> None:
        """What arrived is executed when its time has come."""
        assert self.states(motion) == {one.chain: DecisionState.WAITING for one in motion.carried}
        self.reach(
            max(
                self.deployment.connections[one.chain].view(self.desk.remote, decisions.READY_AT, one.id)
                for one in motion.carried
            )
        )
        self.keep()
        assert self.states(motion) == {one.chain: DecisionState.EXECUTED for one in motion.carried}

    def states(self, motion: Motion) -> dict[str, DecisionState]:
        """Of its decisions, by chain."""
        return {
            one.chain: self.deployment.connections[one.chain].view(
                self.desk.remote, decisions.STATE_OF, one.id
            )
            for one in motion.carried
        }

    def reach(self, moment: int) -> None:
        while (left := moment - self.earliest) > 0:
            super().reach(self.earliest + min(left, 3 * DAY))
            self._follow()

    def _follow(self) -> None:
        if self.successor is None:
            return
        newest = read_sets(self.desk.hub, self.deployment.gateway).installed
        for name, connection in self.deployment.connections.items():
            present = read_sets(connection, self.successor.gateway).installed
            if present.hash == newest.hash:
                continue
            if connection is self.desk.hub:
                self.successor.adopt(newest)
            else:
                self.successor.rotate(name, newest, present)

    def deliver_through_successor(self) -> None:
        """What is on its way in the other gateway arrives. Its validators have records of their own."""
        assert self.successor is not None
        folder = self.folder / "successor"
        folder.mkdir(exist_ok=True)
        Polling.deliver(_Through(self.successor, folder, self.keeper_account))


@dataclass
class _Through(Polling):
    def __post_init__(self) -> None:
        self.exchange = DirectoryExchange(self.folder / "exchange")
