"""`ape metalayer launch`: a new rollup, from nothing to a member of a deployed network.

Every phase first asks files and chains how far it is: there is no record of its own, and running it again goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.apply import Deployer
from metalayer.deploy.chain_run import Report
from metalayer.deploy.drift import Mend
from metalayer.deploy.intent import load_intent
from metalayer.deploy.probe import probe
from metalayer.errors import MetalayerError
from metalayer.governance import reports
from metalayer.governance.built import BUILD_FILE, Built
from metalayer.governance.motions import Desk
from metalayer.governance.names import Names
from metalayer.governance.progress import Progress, read
from metalayer.network import localnet
from metalayer.network.config import Network, load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.live import Live
from metalayer.network.locks import exclusive
from metalayer.network.registry import Registry, records_dir
from metalayer.network.signers import address_of, load_sender
from metalayer.protocol.governor import ProposalState
from metalayer.services import clock, launch_local, launch_picture, launch_words
from metalayer.services import launch_joining as joining
from metalayer.services.launch_entry import Entry, Wanted, prepare
from metalayer.services.launch_picture import Picture
from metalayer.services.launch_transfer import Journey, Traveller
from metalayer.services.simulate import names_of

USER = "TEST::3"
"""Proposes, votes and sends on local networks unless another account is named."""

State = Literal["done", "already", "to do", "waits"]
PHASES = ("entry", "node", "probe", "deploy", "proposal", "vote", "transfer", "check")

_PROCESSES = (
    "validators, relayers, solvers and reporters read networks.yaml when they start: restart those that run"
)
_POLL_SECONDS = 0.5
_OVER = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED)


@dataclass(frozen=True)
class Phase:
    """One of PHASES. state: `already` if there was nothing to do, `to do` in a plan, `waits` for others. lines: more
    than fits into the sentence. seconds: that it took.
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

    @property
    def exchange(self) -> DirectoryExchange:
        return DirectoryExchange.of(self.desk.live)

    def account(self) -> str:
        """Who proposes and sends. MetalayerError if nobody was named on a real network."""
        if self.hands.account is None and not self.network.is_local:
            raise MetalayerError("who proposes, and whose ERA goes there and back? Expected `--account`")
        return self.hands.account or USER

    # All phases

    def run(self) -> Launched:
        """Everything that can be done now. MetalayerError with the first thing that stands in the way."""
        with exclusive(
            records_dir(self.network) / "launch.lock", f"a launch in network '{self.network.name}' is running"
        ):
            self._refuse_strangers()
            phases = []
            for name in PHASES:
                began = time.monotonic()
                phase = getattr(self, f"_{name}")()
                phases.append(replace(phase, seconds=round(time.monotonic() - began, 1)))
                self.hands.ended(phases[-1])
                if phase.state == "waits":
                    break
            picture = launch_picture.draw(self.desk.live, self.entry, self.proposal(), self._journey())
            return Launched(self.name, tuple(phases), picture, tuple(self.following), tuple(self.notes))

    def _refuse_strangers(self) -> None:
        """MetalayerError unless the chains that are there answer, and hold what the registry says."""
        there = {name: self.connections[name] for name in self.registry.chains if name in self.connections}
        if self.name in there and localnet.status(self._alone)[0].state == "down":
            # It is started anew.
            del there[self.name]
        for connection in there.values():
            connection.height()
        if differences := self.registry.differences(there):
            raise MetalayerError(differences[0])

    @property
    def _alone(self) -> Network:
        return replace(self.network, chains={self.name: self.entry.chain})

    # 1. networks.yaml and deploy.yaml

    def _entry(self) -> Phase:
        edits = self.entry.edits
        if not edits:
            return Phase("entry", "already", f"{self.name} is in networks.yaml")
        self.entry.write()
        files = " and ".join(edit.path.name for edit in edits)
        return Phase(
            "entry", "done", f"written to {files}", tuple(line for edit in edits for line in edit.lines)
        )

    # 2. its node

    def _node(self) -> Phase:
        chain, here = self.entry.chain, localnet.status(self._alone)[0]
        if here.state == "up" or not chain.is_local:
            height = self.connection.height()
            return Phase("node", "already", f"it answers at {chain.place}, block {height}")
        if here.state == "foreign":
            raise MetalayerError(f"{self.name}: {here.problem}")
        localnet.up(self._alone, say=self.hands.say)
        moved = launch_local.keep_time(self.hub, self.connection)
        clock = f", its clock is moved by {moved} s to the network's" if moved else ""
        return Phase("node", "done", f"started at {chain.place}{clock}")

    # 3. what it can do

    def _probe(self) -> Phase:
        found = probe(self.connection)
        if faults := [one.problem for one in found.results if one.needed and one.problem]:
            raise MetalayerError(f"{self.name}: {'; '.join(faults)}")
        warnings = tuple(one.removeprefix(f"{self.name}: ") for one in found.warnings)
        noted = f", {len(warnings)} warnings" if warnings else ""
        return Phase("probe", "already", f"it has what the contracts need{noted}", warnings)

    # 4. the contracts

    def _deploy(self) -> Phase:
        sent = 0

        def report(chain: str, what: str, left: int) -> None:
            nonlocal sent
            sent += left if what == "compared" else 0
            self.hands.report(chain, what, left)

        self.hands.confirm(f"Deploy to {self.name}?")
        self.registry = self.deployer.apply(report)
        count = len(self.registry.chain(self.name).contracts)
        if not sent:
            return Phase("deploy", "already", f"{count} contracts stand")
        self.notes.append(
            _PROCESSES if self.network.is_local else f"{_PROCESSES}, after its entry is in theirs"
        )
        return Phase("deploy", "done", f"{count} contracts stand, {sent} transactions")

    # 5. the proposal

    def _proposal(self) -> Phase:
        mends = joining.about(self.entry.chain, self.deployer.drift())
        if not mends:
            return Phase("proposal", "already", "every lane that deploy.yaml names is open")
        self._refuse_unreached(mends)
        progress = self.proposal()
        if progress is not None and progress.vote is not None and progress.vote.state not in _OVER:
            state = progress.vote.state.name.lower()
            return Phase("proposal", "already", f"{progress.motion.name} is proposed, and {state}")
        folder = self._folder()
        written: tuple[str, ...] = ()
        if folder is None or (progress is not None and progress.vote is not None):
            new = joining.drafted(self.entry.chain, self.entry.preset, mends, self.names, self.account())
            joining.keep(new)
            folder, written = new.folder, (f"written: proposals/{new.folder.name}",)
        self._await_final()
        rehearsed = joining.rehearse(self.desk, self.names, folder, self.hands.say)
        lines = (*written, *launch_words.report_lines(rehearsed.report))
        state: State = "done" if rehearsed.is_new else "already"
        return Phase("proposal", state, f"{folder.name} is built, and its rehearsal passes", lines)

    def _await_final(self) -> None:
        """A rehearsal begins from final blocks. MetalayerError if they do not come in time."""
        if self.network.is_local:
            clock.finalize(self.connections.values())
        wanted, deadline = (
            launch_picture.deployed_in(self.network, self.name),
            time.monotonic() + self.hands.timeout,
        )
        while (missing := wanted - self.connection.finalized()) > 0:
            self.hands.say(f"waiting for {missing} blocks of {self.name} to be final")
            if time.monotonic() > deadline:
                raise MetalayerError(
                    f"{self.name}: block {wanted}, of its deployment, is not final yet: run it again later"
                )
            time.sleep(_POLL_SECONDS)

    def _refuse_unreached(self, mends: Mapping[str, Sequence[Mend]]) -> None:
        """MetalayerError if a chain whose decision this needs is no member itself."""
        for name in mends:
            if name != self.network.hub.name and not launch_picture.is_open(
                self.desk.live, self.hub, self.connections[name]
            ):
                raise MetalayerError(
                    f"{name} is no member yet, and would have to open its lane to {self.name}: "
                    f"`ape metalayer launch {name}` first"
                )

    def _folder(self) -> Path | None:
        """Of its newest proposal."""
        found = [one for one in joining.folders(self.name) if joining.is_whole(one)]
        return found[-1] if found else None

    def proposal(self) -> Progress | None:
        """How far its newest proposal is; None if none was built."""
        folder = self._folder()
        if folder is None or not (folder / BUILD_FILE).exists():
            return None
        built = Built.load(folder)
        if built.governor != self.desk.governor or built.network_id != self.network.hub.chain_id:
            return None
        return read(self.desk, self.desk.of_built(built), self.exchange)

    # 6. the vote

    def _vote(self) -> Phase:
        if not joining.about(self.entry.chain, self.deployer.drift()):
            return Phase("vote", "already", "what it takes was executed on every chain")
        progress = self.proposal()
        if progress is None:
            raise MetalayerError(f"the proposal of {self.name} is gone: run it again")
        if not self.hands.enacts:
            self.following += self._next_of(progress)
            return Phase("vote", "waits", launch_words.standing(progress))
        folder = self._folder()
        if folder is None:
            raise MetalayerError(f"the proposal of {self.name} is gone: run it again")
        simulated = reports.simulated(folder)
        done = launch_local.enact(self.desk, Built.load(folder), simulated, self.account(), self.hands.say)
        return Phase("vote", "done", f"{done.motion.name} is executed on {self._acting(done)}")

    @staticmethod
    def _acting(progress: Progress) -> str:
        return ", ".join(("the hub", *(step.carried.chain for step in progress.steps)))

    def _next_of(self, progress: Progress) -> Iterator[str]:
        yield from launch_words.next_steps(self.desk, progress, self.account())
        if self.network.is_local:
            yield f"or all of it at once, with test accounts: ape metalayer launch {self.name} --enact"
        else:
            yield f"then run `ape metalayer launch {self.name}` again"

    # 7. ERA there and back

    def _traveller(self) -> Traveller:
        hands = self.hands
        return Traveller(self.desk.live, self.account(), hands.confirm, hands.say, hands.timeout)

    def _journey(self) -> Journey | None:
        try:
            return self._traveller().found(self.name)
        except MetalayerError:
            # Nobody was named, or nothing stands there yet.
            return None

    def _transfer(self) -> Phase:
        traveller = self._traveller()
        if traveller.found(self.name).done:
            return Phase("transfer", "already", "ERA went there and came back")
        if stale := launch_words.stale(self.desk.live):
            self.following += [
                f"restart {stale}: they read networks.yaml and the registry when they start",
                f"then run `ape metalayer launch {self.name}` again",
            ]
            return Phase("transfer", "waits", f"{stale} began before {self.name} was there")
        with launch_local.carrying(self.desk.live, self.exchange):
            journey = traveller.go(self.name, self.exchange)
        seconds = " and ".join(f"{leg.seconds:.1f} s" for leg in journey.legs if leg.seconds is not None)
        return Phase("transfer", "done", f"1 ERA went there and came back, in {seconds}")

    # 8. is everything as deploy.yaml says?

    def _check(self) -> Phase:
        drift, count = launch_picture.compare(self.network, self.registry, self.connections)
        own = [one for one in drift if launch_picture.concerns(one, self.name)]
        if own:
            first, more = own[0], f" (and {len(own) - 1} more)" if len(own) > 1 else ""
            raise MetalayerError(
                f"{first.chain}: {first.subject} is {first.found}, deploy.yaml says {first.expected}{more}: "
                "`ape metalayer check` shows all"
            )
        if drift:
            said = f"nothing about {self.name} differs; {len(drift)} other values do: `ape metalayer check`"
            return Phase("check", "already", said)
        return Phase("check", "already", f"clean: {count} values are as deploy.yaml says")
