"""What holders decide: a proposal from its file, votes on two chains, and what it changes on a third."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from demo.enacted import DESTINATION, ORIGIN, Enacted
from demo.stage import USER, Stage
from demo.terms import Terms
from metalayer.assets import credit
from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.governance import actions, ballots
from metalayer.governance.actions import Done
from metalayer.governance.ballots import KINDS, Choice
from metalayer.governance.build import LiveChains, build
from metalayer.governance.built import Built
from metalayer.governance.files import find, read_on
from metalayer.governance.keeping import Keeper
from metalayer.governance.motions import Desk
from metalayer.governance.names import Names
from metalayer.governance.progress import Vote, read_vote
from metalayer.lanes.logs import parse
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.signers import address_of, load_sender
from metalayer.network.transactions import Sender, receipt_request
from metalayer.protocol import decisions, gateway, votes
from metalayer.protocol.amounts import era
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.hex import to_hex
from metalayer.protocol.votes import Tally

FILE = "001-fees"
"""In `proposals`: messages from perps to arcade shall cost half."""
_BYTES = 32


@dataclass
class Governing:
    """Acts as the user, on the hub and on `spoke`, where it has ERA, too; and as whoever keeps proposals going."""

    stage: Stage
    live: Live
    terms: Terms
    spoke: str

    @cached_property
    def desk(self) -> Desk:
        return Desk.of(self.live)

    @cached_property
    def built(self) -> Built:
        proposal = read_on(find(FILE), self.live.network)
        names = Names.of(self.live.network, self.live.registry, address_of)
        return build(proposal, names, LiveChains(self.live.mesh.connections, names), {})

    @cached_property
    def _keeper(self) -> Keeper:
        return Keeper(self.desk, _user_on, DirectoryExchange.of(self.live), at_once=True)

    def delegate(self, chain: str) -> None:
        """The user's votes there are its own."""
        ballots.delegate(self.desk, self.live.connection(chain), _user_on, address_of(USER))

    def propose(self) -> None:
        """What the file says, byte for byte."""
        done = actions.submit(self.desk, self.built, None, _user_on)
        self.stage.say(f"[bold]a proposal[/]: {self.built.title} (proposals/{FILE}), made on {done.chain}")

    def enact(self) -> Enacted:
        """From the snapshot, which is past, to the effect: twelve more days."""
        fees, cost = self._fees(), self._cost()
        self._vote()
        self.terms.reach(self._read().deadline + 1)
        self._keep("queued")
        self.terms.reach(self._read().eta)
        self._keep("executed")
        (carried,) = self.desk.of_built(self.built).carried
        there = self.live.connection(carried.chain)

        def arrived() -> bool:
            return there.view(self.desk.remote, decisions.STATE_OF, carried.id) is not DecisionState.UNKNOWN

        self.stage.wait_for("the decision", arrived)
        self.stage.say(f"the decision is on {there.name}, where it waits for two days")
        self.terms.reach(there.view(self.desk.remote, decisions.READY_AT, carried.id))
        self._keep("executed")
        vote = self._read()
        self.stage.say(
            f"[bold]in force[/]: a message {ORIGIN} → {DESTINATION} costs {era(self._cost())} ERA, not {era(cost)}"
        )
        weights = {
            one.chain: one.weight
            for one in ballots.standings(self.desk, vote, self.built.id, address_of(USER))
            if one.chain in (self.desk.hub.name, self.spoke)
        }
        return Enacted(self.built.title, weights, Tally(*vote.votes), (fees, self._fees()))

    def _vote(self) -> None:
        """On both chains, and the votes of the spoke go to the hub."""
        motion, user = self.desk.of_built(self.built), address_of(USER)
        for name in (self.desk.hub.name, self.spoke):
            connection = self.live.connection(name)
            ballot = ballots.prepare(self.desk, motion, connection, user, Choice(KINDS["for"]))
            self._tell([ballots.cast(ballot, _user_on)])
        self._keep("sent")
        spoke = self.live.connection(self.spoke)

        def arrived() -> bool:
            kept = self.desk.hub.view(self.desk.votes, votes.POOL_TALLY, motion.id, spoke.chain_id)
            return kept.total != 0

        self.stage.wait_for(f"the votes of {self.spoke}", arrived)
        self._keep("cast")

    def _keep(self, what: str) -> None:
        """What anyone may do and is due. MetalayerError unless it is that."""
        done = list(self._keeper.keep())
        self._tell(done)
        if self._keeper.problems or not any(what in one.line for one in done):
            found = "; ".join((*self._keeper.problems, *(one.line for one in done))) or "nothing"
            raise MetalayerError(f"the proposal was not {what}: {found}")

    def _tell(self, done: Iterable[Done]) -> None:
        """Says what was done, and notes what messages among it cost the user."""
        for one in done:
            self.stage.say(f"{one.chain}: {self._shortly(one.line)}")
            connection = self.live.connection(one.chain)
            receipt = connection.ask(receipt_request(one.transaction)) if one.transaction else None
            for sent in parse(
                receipt["logs"] if receipt else [], self.live.mesh.network_id, connection.chain_id
            ):
                self.stage.pay(sent.message)

    def _shortly(self, line: str) -> str:
        """Without ids: everything here is about one account, one proposal, one decision."""
        motion = self.desk.of_built(self.built)
        names = {address_of(USER): "the user", f"proposal {motion.id}": "the proposal"}
        names |= {f"decision {to_hex(one.id)}": "the decision" for one in motion.carried}
        for long, short in names.items():
            line = line.replace(long, short)
        return line.partition(", as message ")[0]

    def _read(self) -> Vote:
        vote = read_vote(self.desk, self.desk.of_built(self.built))
        if vote is None:
            raise MetalayerError("the proposal is gone")
        return vote

    def _fees(self) -> tuple[int, int]:
        here, there = self.live.connection(ORIGIN), self.live.connection(DESTINATION)
        terms = here.view(self.live.mesh.gateway, gateway.ROUTE, there.chain_id).terms
        return terms.base_fee, terms.gas_fee

    def _cost(self) -> int:
        """Of a message on the lane that the proposal is about, wei of ERA."""
        here, there = self.live.connection(ORIGIN), self.live.connection(DESTINATION)
        return credit.quote(here, self.live.mesh.gateway, there.chain_id, None, _BYTES)


def _user_on(connection: Connection) -> Sender:
    return load_sender(USER)
