"""Test accounts at work on a local network while a chain joins it: they sign, carry, vote and let time pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.governance import actions, ballots, progress
from metalayer.governance.ballots import KINDS, Choice
from metalayer.governance.built import Built
from metalayer.governance.motions import Desk
from metalayer.governance.progress import Progress, Step, Vote
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.signers import address_of, load_sender
from metalayer.network.transactions import Sender
from metalayer.protocol import governor, staking
from metalayer.protocol.dates import utc
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.governor import ProposalState
from metalayer.relayer import clocks
from metalayer.relayer.loops import guard, repeat
from metalayer.relayer.passes import Relayer
from metalayer.services import clock, crew, launch_words
from metalayer.services.local import RELAYER, local_validators

Say = Callable[[str], None]

_STEPS = 60
"""Most things that are done for one proposal: each of them once, and some looks in between."""
_PAUSE = 0.05
_BLOCK_SECONDS = 0.2
_AHEAD = 86_400
_APART = 10
"""Seconds by which clocks may differ: ERA that one sends which is ahead waits for as long on the way."""


def keep_time(network: Sequence[Connection], chain: Connection) -> str:
    """Moves the clock of a chain that has just begun to the network's; or, if it is ahead, theirs to its. What was
    moved, in words; empty if nothing was.

    MetalayerError if it is more than a day ahead: no clock goes back.
    """
    own, *others = (clocks.present(one, one.block().time) for one in (chain, *network))
    if (ahead := own - max(others)) > _AHEAD:
        raise MetalayerError(
            f"{chain.name} is {ahead // _AHEAD} days ahead of the network, and no clock goes back: fork an older block"
        )
    if ahead > _APART:
        clock.forward(network, ahead)
        return f"the network's clocks moved by {ahead} s to its"
    if ahead < -_APART:
        clock.forward([chain], -ahead)
        return f"its clock moved by {-ahead} s to the network's"
    return ""


@contextmanager
def carrying(live: Live, exchange: DirectoryExchange, say: Say) -> Iterator[None]:
    """Validators and a relayer in this process, as far as their keys are nobody else's. Nothing but on local networks,
    where everybody has the keys. say: what the relayer could not do, or not yet. At the end every chain has the
    newest validator set: MetalayerError if it does not come.
    """
    if not live.network.is_local:
        yield
        return
    stop = threading.Event()
    relayer = _relayer(live, exchange)

    def carry() -> list[str]:
        problems: list[str] = []
        # A pass that fails is followed by another one, whatever it fails of.
        with guard("", problems.append):
            clock.finalize(live.mesh.connections.values())
            found = relayer.relay_once(lambda line: None)
            problems += [*found.all_problems, *found.put_off]
        return problems

    with local_validators(live, exchange):
        thread = threading.Thread(target=repeat, args=(carry, stop, _PAUSE, say), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        # The hub may have published one in the last pass.
        clock.settle(live.mesh, relayer)


def enact(desk: Desk, built: Built, simulated: str, account: str, say: Say) -> Progress:
    """Takes a proposal from where it is to its execution on every chain. What was done is not done again.

    account: who proposes it, and votes for it on the hub. simulated: as for `submit`. MetalayerError if it does not
    pass, or if a decision does not arrive.
    """
    exchange = DirectoryExchange.of(desk.live)
    with local_validators(desk.live, exchange), _hastened(desk.live.mesh.connections.values()):
        enacting = _Enacting(desk, built, simulated, account, exchange, say)
        enacting.settle()
        for _ in range(_STEPS):
            found = progress.read(desk, enacting.motion, exchange)
            if found.done:
                return found
            enacting.go_on(found)
    raise MetalayerError(
        f"{built.name} is not executed everywhere: `ape metalayer propose status {built.name[:3]}`"
    )


@contextmanager
def _hastened(connections: Iterable[Connection]) -> Iterator[None]:
    """Blocks come faster than their time: what is sent here waits for them again and again."""
    chains, stop = list(connections), threading.Event()

    def mine() -> None:
        while not stop.wait(_BLOCK_SECONDS):
            with suppress(MetalayerError):
                in_parallel(lambda one: one.rpc("anvil_mine", "0x1"), chains)

    thread = threading.Thread(target=mine, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _relayer(live: Live, exchange: DirectoryExchange) -> Relayer:
    senders = dict.fromkeys(live.mesh.connections, load_sender(RELAYER))
    return crew.relayer(live.mesh, exchange, senders)


@dataclass
class _Enacting:
    desk: Desk
    built: Built
    simulated: str
    account: str
    exchange: DirectoryExchange
    say: Say

    def __post_init__(self) -> None:
        self.motion = self.desk.of_built(self.built)
        self.relayer = _relayer(self.desk.live, self.exchange)
        self.sender = load_sender(self.account)

    def go_on(self, found: Progress) -> None:
        """The next thing that is due."""
        vote = found.vote
        if vote is None:
            self._propose()
            return
        match vote.state:
            case ProposalState.PENDING:
                self._reach(vote.snapshot + 1)
            case ProposalState.ACTIVE:
                self._vote(vote)
            case ProposalState.SUCCEEDED:
                self.say(actions.queue(self.desk, self.motion, self._senders).line)
            case ProposalState.QUEUED:
                self._reach(vote.eta)
                for done in actions.execute_on_hub(self.desk, self.motion, self._senders, deposit=True):
                    self.say(done.line)
            case ProposalState.EXECUTED:
                self._carry_out([step for step in found.steps if step.state is not DecisionState.EXECUTED])
            case _:
                raise MetalayerError(f"{launch_words.ended(found)}: run it again for the next one")

    def settle(self) -> None:
        clock.settle(self.desk.live.mesh, self.relayer)

    def _propose(self) -> None:
        desk, hub = self.desk, self.desk.hub
        needed = hub.view(desk.governor, governor.PROPOSAL_THRESHOLD)
        now = hub.block().time - 1
        if hub.view(desk.governor, governor.GET_VOTES, self.sender.address, now) < needed:
            done = ballots.delegate(desk, hub, self._senders, address_of(self.account))
            self.say(done.line)
        # Votes count as they were in the block before.
        clock.forward(desk.live.mesh.connections.values(), 2)
        self.say(actions.submit(desk, self.built, self.simulated, self._senders).line)

    def _vote(self, vote: Vote) -> None:
        desk, hub = self.desk, self.desk.hub
        found = ballots.read(desk, hub, self.motion.id, vote.snapshot, self.sender.address)
        if found.left:
            ballot = ballots.prepare(desk, self.motion, hub, self.sender.address, Choice(KINDS["for"]))
            self.say(ballots.cast(ballot, self._senders).line)
        self._reach(vote.deadline + 1)

    def _carry_out(self, steps: list[Step]) -> None:
        if troubled := next((step.trouble for step in steps if step.trouble), ""):
            raise MetalayerError(troubled)
        if any(step.state is DecisionState.UNKNOWN for step in steps):
            self.settle()
            return
        over = (DecisionState.WAITING, DecisionState.READY)
        if ended := [step for step in steps if step.state not in over]:
            raise MetalayerError(f"{ended[0].carried.chain}: {ended[0].why}")
        self._reach(max(step.ready_at for step in steps))
        for step in steps:
            self.say(actions.execute_on_spoke(self.desk, step.carried, self._senders).line)

    def _reach(self, moment: int) -> None:
        """Lets time pass on all chains until none is behind. A set signs for ten days, and the next one follows after
        each term.
        """
        connections = self.desk.live.mesh.connections.values()
        while (left := moment - min(one.block().time for one in connections)) > 0:
            self.say(f"time passes, to {utc(moment)}")
            clock.forward(connections, min(left, staking.TERM))
            self.settle()

    def _senders(self, connection: Connection) -> Sender:
        return self.sender
