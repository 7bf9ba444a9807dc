"""Proposals from files, and voters on every chain of the deployed network, whose clocks differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.assets.tokens import DELEGATE
from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.terms import read_term
from metalayer.governance import actions, ballots, progress
from metalayer.governance.actions import Done
from metalayer.governance.ballots import Ballot, Choice, Part
from metalayer.governance.build import Built, LiveChains, build
from metalayer.governance.files import read_on
from metalayer.governance.keeping import Keeper
from metalayer.governance.motions import Desk, Motion
from metalayer.governance.names import Names
from metalayer.governance.progress import Vote
from metalayer.network.config import load_network
from metalayer.network.live import Live
from metalayer.network.signers import address_of
from metalayer.protocol import gateway, staking, votes
from metalayer.protocol.votes import Tally
from tests.kit.deployment import ERA, Deployment
from tests.kit.paper import DAY
from tests.kit.roles import BENEFICIARY, DEPOSITOR, OPERATORS, PAYER, RELAYER, RIVAL, Role

MILLION = 10**6 * ERA
PROPOSER, STAKER = DEPOSITOR, OPERATORS[0]
ARCADE_VOTER, LATE_VOTER, PERPS_VOTER = PAYER, RIVAL, BENEFICIARY
STAKE = 200_000 * ERA
"""Wei of ERA of the staker, who has no other."""
HELD = {
    "hub": {PROPOSER: 2 * MILLION},
    "arcade": {ARCADE_VOTER: 30 * MILLION, LATE_VOTER: 3 * MILLION},
    "perps": {PERPS_VOTER: 20 * MILLION},
}
"""Wei of ERA by chain and voter, beside what is staked. A quorum is 40 million: the hub alone has none."""
SKEW = {"arcade": 120, "hub": 60, "social": 60}
"""Seconds by which clocks are ahead of that of perps."""
FEES = 100 * ERA
"""Credit of who keeps proposals going, on every chain."""
FILE = f"""title: Cheaper messages to social
proposer: {PROPOSER.address}
chains:
  arcade, perps:
    - Metalayer.setTerms: {{ chainId: social, terms: {{ preset: social, return: "{{chain}}", baseFee: 777 }} }}
expect:
  - {{ on: "arcade, perps", call: Metalayer.route(social).outbound, is: true }}
"""
_LEVEL = 600
"""Seconds after which every clock has come to what was sent by any of them."""
_BALLOTS_SLOT = 4


@dataclass
class Polling:
    """The network, a folder for files and signatures, and who keeps proposals going."""

    deployment: Deployment
    folder: Path
    keeper_account: Role = RELAYER
    exchange: DirectoryExchange = field(init=False)

    def __post_init__(self) -> None:
        self.exchange = DirectoryExchange(self.folder / "exchange")

    @cached_property
    def live(self) -> Live:
        return Live(load_network(), self.deployment.registry, self.deployment)

    @cached_property
    def desk(self) -> Desk:
        return Desk.of(self.live)

    # What is there before

    def settle(self) -> None:
        """Everybody has ERA and delegates to itself; clocks differ."""
        for name, holders in HELD.items():
            connection = self.deployment.connections[name]
            for role, amount in holders.items():
                self.deployment.bring(role.address, amount, [name])
                connection.send(role, self.deployment.era, DELEGATE.encode(role.address))
        hub = self.deployment.connections["hub"]
        hub.send(STAKER, self.deployment.staking, staking.DELEGATE_VOTES.encode(STAKER.address))
        self.deployment.prepay(self.keeper_account, FEES)
        # It pays for the decisions into the outbox's credit, not from its own.
        self.deployment.bring(self.keeper_account.address, FEES, ["hub"])
        for name, seconds in SKEW.items():
            self.deployment.pass_time(seconds, name)

    def built(self, content: str = FILE, name: str = "001-social") -> Built:
        folder = self.folder / "proposals" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "proposal.yml").write_text(content)
        title = content.removeprefix("title: ").partition("\n")[0]
        (folder / "README.md").write_text(f"# {title}\n\nWhy not?\n")
        names = Names.of(self.live.network, self.live.registry, address_of)
        chains = LiveChains(self.deployment.connections, names)
        built = build(read_on(folder, self.live.network), names, chains, {})
        built.save(folder)
        return built

    def submit(self, content: str = FILE, name: str = "001-social") -> Motion:
        """From its file."""
        built = self.built(content, name)
        self.deployment.pass_time(2)
        actions.submit(self.desk, built, None, lambda connection: PROPOSER)
        return self.desk.of_built(built)

    def propose(self, content: str = FILE, name: str = "001-social") -> Motion:
        """The same; voting has begun on every chain."""
        motion = self.submit(content, name)
        self.reach(self.vote(motion).snapshot + 1)
        return motion

    def queued(self, content: str = FILE) -> Motion:
        """One that passed with votes of the hub alone; its time has come there."""
        self.deployment.bring(PROPOSER.address, 60 * MILLION, ["hub"])
        motion = self.propose(content)
        self.cast(motion, "hub", PROPOSER, FOR)
        self.reach(self.vote(motion).deadline + 1)
        self.keep()
        self.reach(self.vote(motion).eta)
        return motion

    # Time

    def reach(self, moment: int) -> None:
        """Until the clock that is furthest behind has come to a Unix time; sets follow."""
        while (left := moment - self.earliest) > 0:
            self.deployment.pass_time(min(left, 3 * DAY))
            if read_term(self.desk.hub, self.deployment.staking).is_over:
                self.deployment.wait_out(1)

    @property
    def earliest(self) -> int:
        return min(one.block().time for one in self.deployment.connections.values())

    def deliver(self, refused: int = 0) -> None:
        """What is on its way arrives: no clock is behind what was sent by the time that signatures are there. So many
        messages are refused by their recipients.
        """
        self.deployment.pass_time(_LEVEL)
        self.deployment.finalize()
        with self.deployment.signing(self.exchange, self.folder):
            result = self.deployment.relayer(self.exchange).relay_once(lambda line: None)
        assert (result.failed, result.put_off, result.all_problems) == (refused, [], [])

    # Votes

    def vote(self, motion: Motion) -> Vote:
        vote = progress.read_vote(self.desk, motion)
        assert vote is not None
        return vote

    def ballot(self, motion: Motion, chain: str, voter: Role, choice: Choice) -> Ballot:
        return ballots.prepare(self.desk, motion, self.deployment.connections[chain], voter.address, choice)

    def cast(self, motion: Motion, chain: str, voter: Role, choice: Choice) -> Done:
        return ballots.cast(self.ballot(motion, chain, voter, choice), lambda connection: voter)

    def keeper(self, account: Role | None = None, at_once: bool = False) -> Keeper:
        who = account or self.keeper_account
        return Keeper(self.desk, lambda connection: who, self.exchange, at_once=at_once)

    def keep(self, at_once: bool = False) -> list[str]:
        """What one pass does, as chain and the beginning of a line. Nothing goes wrong."""
        keeper = self.keeper(at_once=at_once)
        done = [f"{one.chain}: {one.line}" for one in keeper.keep()]
        assert (done, keeper.problems) == (done, [])
        return done

    def pool(self, motion: Motion, chain: str) -> tuple[Tally, Tally]:
        """What the hub keeps of a chain's votes, and what was cast of them."""
        id_ = self.deployment.id_of(chain)
        kept, counted = self.desk.hub.batch(
            [
                votes.POOL_TALLY.request(self.desk.votes, motion.id, id_),
                votes.CAST_OF.request(self.desk.votes, motion.id, id_),
            ]
        )
        return kept, counted

    def base_fee(self, chain: str) -> int:
        """Of messages to social."""
        social = self.deployment.id_of("social")
        route = self.deployment.connections[chain].view(self.deployment.gateway, gateway.ROUTE, social)
        return route.terms.base_fee

    def lie(self, motion: Motion, chain: str, tally: Tally) -> None:
        """What the contract of a compromised chain says from now on."""
        outer = keccak(encode(["uint256", "uint256"], [motion.id, _BALLOTS_SLOT]))
        inner = keccak(encode(["uint256", "bytes32"], [self.vote(motion).snapshot, outer]))
        slot = int.from_bytes(inner, "big")
        for place, word in ((slot, tally.in_favour << 128 | tally.against), (slot + 1, tally.abstain)):
            self.deployment.rpc(
                chain, "anvil_setStorageAt", self.desk.votes, f"0x{place:064x}", f"0x{word:064x}"
            )
        said = self.deployment.connections[chain].view(
            self.desk.votes, votes.SPOKE_TALLY, motion.id, self.vote(motion).snapshot
        )
        assert said == tally, "tallies are stored elsewhere"


FOR, AGAINST = Choice(1), Choice(0)


def split(for_: int, against: int) -> Choice:
    """In percent."""
    return Choice(parts=(Part(points=100 * against), Part(points=100 * for_), Part()))
