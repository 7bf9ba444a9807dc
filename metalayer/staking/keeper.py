"""The keeper: what anyone may do so that terms follow each other and fees reach who earned them.

Nothing of it is remembered between passes: every chore starts from what the chains say, so that a keeper that was
killed goes on where it stopped, and two that race do no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.quorum import QUORUM_TIMEOUT, Proposal, await_quorums, verified_signatures
from metalayer.attesting.rotation import Rotation, obstacle, rotation, set_proposal
from metalayer.attesting.sets import ChainSets, read_sets
from metalayer.attesting.terms import Term, read_final, read_published, read_term
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.transactions import Sender
from metalayer.protocol import gateway, slasher, staking
from metalayer.protocol.attestation import MIN_VALIDATORS, Attestation, ValidatorSet
from metalayer.protocol.rpc import block_request
from metalayer.protocol.slasher import SETTLE_DELAY, CaseState
from metalayer.protocol.staking import SILENCE, ValidatorState
from metalayer.relayer.loops import SENDING, Loops, guard
from metalayer.relayer.memory import Memory
from metalayer.relayer.passes import KEEPING
from metalayer.relayer.results import Kept
from metalayer.staking import checkins
from metalayer.staking.chores import KEEPER_GAS, Chore, Due, Runner
from metalayer.staking.fees import forwardings, fundings

_PUBLISHED, _INSTALLED = "reading what Staking published", "reading which set it has"
# For so long a check-in waits for those who have not signed: each transaction costs as much as the signatures in it.
_LATECOMERS = 6 * 3_600
# Seconds from one look at cases and fees to the next.
_RARELY = 60.0


@dataclass(frozen=True)
class _Agenda:
    """What one pass is about: the sets that the hub's final block has, ascending; the fact of the newest; chains that
    need it, by name, and why they would not take it. `is_late`: whether it has had its time to be signed.
    """

    published: Sequence[ValidatorSet]
    proposal: Proposal
    behind: Mapping[str, ChainSets]
    obstacles: Mapping[str, str]
    is_late: bool


@dataclass
class Keeper:
    """Does it on all chains of a network, each by itself, with one sender per chain (by name). `gas`: see `Runner`."""

    mesh: Mesh
    exchange: Exchange
    senders: Mapping[str, Sender]
    memory: Memory
    gas: int = KEEPER_GAS
    _published: list[ValidatorSet] = field(default_factory=list)
    _latest: int = 0
    _sets: dict[str, ChainSets] = field(default_factory=dict)
    _looked: dict[str, float] = field(default_factory=dict)
    _alive: dict[bytes, set[str]] = field(default_factory=dict)
    _closed: set[bytes] = field(default_factory=set)

    def keep(
        self, loops: Loops, chains: Sequence[Connection], patience: float, say: Callable[[str], None]
    ) -> list[Kept | str]:
        """One pass over these chains, and a line for each that is slow or cannot be read.

        patience: seconds to wait for signatures that a chain needs; in the next pass they may be there.
        """
        hubs = [connection for connection in chains if connection.chain_id == self.mesh.network_id]
        answers = [
            *loops.each(_PUBLISHED, self._read_published, hubs),
            *loops.each(_INSTALLED, self._read_sets, chains),
        ]
        lines: list[Kept | str] = [answer for answer in answers if isinstance(answer, str)]
        published = next((answer for answer in answers if isinstance(answer, list)), [])
        sets = [answer for answer in answers if isinstance(answer, ChainSets)]
        agenda = self._agenda(published, sets, patience) if published else None

        def work(connection: Connection) -> Kept:
            kept, sender = Kept(connection.name), self.senders[connection.name]
            runner = Runner(connection, sender, self.memory, self.gas, kept, say)
            is_hub = connection.chain_id == self.mesh.network_id
            groups = [
                *(self._hub(connection, agenda, kept) if is_hub else self._spoke(connection, agenda, kept))
            ]
            if is_whole := time.monotonic() >= self._looked.get(connection.name, -_RARELY) + _RARELY:
                groups += self._rare(connection, sender.address)
                self._looked[connection.name] = time.monotonic()
            unread: list[str] = []
            for due in groups:
                with guard(connection.name, unread.append):
                    runner.run(due)
            if is_whole and not unread:
                runner.tidy()
            kept.problems += unread
            return kept

        return [*lines, *loops.each(KEEPING, work, chains, SENDING)]

    def _agenda(
        self, published: Sequence[ValidatorSet], sets: Sequence[ChainSets], patience: float
    ) -> _Agenda:
        behind = {one.name: one for one in sets if self._is_behind(one, published[-1])}
        obstacles = {name: obstacle(one, published) for name, one in behind.items()}
        waiting = [one.installed for name, one in behind.items() if not obstacles[name]]
        proposal = self._propose(published[-1], waiting, patience)
        is_late = bool(patience) or self.exchange.age(proposal.root) >= QUORUM_TIMEOUT
        return _Agenda(published, proposal, behind, obstacles, is_late)

    def _hub(self, hub: Connection, agenda: _Agenda | None, kept: Kept) -> Iterator[Due]:
        if agenda is not None:
            yield partial(self._check_ins, hub, agenda.published[-1], agenda.proposal)
        yield partial(self._terms, hub, kept)

    def _rare(self, connection: Connection, account: str) -> Iterator[Due]:
        """What is in no hurry."""
        if connection.chain_id == self.mesh.network_id:
            yield partial(self._cases, connection)
            yield partial(fundings, connection, self.mesh)
        yield partial(forwardings, connection, self.mesh, account)

    def _spoke(self, connection: Connection, agenda: _Agenda | None, kept: Kept) -> Iterator[Due]:
        if agenda is None or (sets := agenda.behind.get(connection.name)) is None:
            return
        if problem := agenda.obstacles[connection.name]:
            kept.problems.append(problem)
            return
        step = rotation(sets, agenda.published, agenda.proposal, self.exchange, self.mesh.domain)
        if isinstance(step, Rotation):
            yield partial(self._rotations, sets, step)
        elif agenda.is_late:
            kept.problems.append(step)

    def _read_published(self, hub: Connection) -> list[ValidatorSet]:
        self._latest = hub.view(self.mesh.staking, staking.SET_VERSION)
        newest = read_final(hub, self.mesh.staking)
        if newest and (not self._published or self._published[-1].hash != newest):
            self._published = list(read_published(hub, self.mesh.staking, newest))
        return self._published

    def _read_sets(self, connection: Connection) -> ChainSets:
        installed, block = connection.batch(
            [gateway.VALIDATOR_SET_HASH.request(self.mesh.gateway), block_request()]
        )
        known = self._sets.get(connection.name)
        if known is None or known.installed.hash != installed:
            known = read_sets(connection, self.mesh.gateway)
        self._sets[connection.name] = replace(known, now=block.time)
        return self._sets[connection.name]

    def _is_behind(self, sets: ChainSets, newest: ValidatorSet) -> bool:
        """The hub is not: it adopts. Nor is who has a set that is not final on the hub in this node's view."""
        installed = sets.installed
        is_hub = sets.connection.chain_id == self.mesh.network_id
        is_final = installed.version <= newest.version or installed.version > self._latest
        return not is_hub and installed.hash != newest.hash and is_final

    def _propose(self, newest: ValidatorSet, waiting: Sequence[ValidatorSet], patience: float) -> Proposal:
        """The newest set's fact, while a chain needs it or a member has not checked in; with their signatures."""
        unseen = {signer for signer, _ in newest.members} - self._alive.get(newest.hash, set())
        proposal = set_proposal(newest, list({one.hash: one for one in waiting}.values()), patience)
        if waiting or unseen:
            await_quorums(self.exchange, self.mesh.domain, [proposal])
            found = verified_signatures(self.exchange, self.mesh.domain, proposal.root, unseen)
            proposal.signatures |= found
        return proposal

    # The hub

    def _terms(self, hub: Connection, kept: Kept) -> Iterator[Chore]:
        """The next set, once the term is over; then the hub's gateway takes it."""
        term = read_term(hub, self.mesh.staking)
        line = f"{hub.name}: {term.problem}"
        if term.problem and line not in kept.problems:
            kept.problems.append(line)
        if term.is_over and not term.problem:
            yield from self._vacations(hub, term)
            what = f"publish validator set {term.version + 1}"
            yield Chore(what, self.mesh.staking, staking.SNAPSHOT.encode())
            term = read_term(hub, self.mesh.staking)
        if term.version and hub.view(self.mesh.gateway, gateway.VALIDATOR_SET_HASH) != term.set_hash:
            newest = read_published(hub, self.mesh.staking, term.set_hash)[-1]
            yield Chore(
                f"adopt validator set {newest.version}", self.mesh.gateway, gateway.ADOPT.encode(newest)
            )

    def _vacations(self, hub: Connection, term: Term) -> Iterator[Chore]:
        """Seats of those who are silent, if they are few: where nobody checks in, it is no fault of theirs. And as long
        as enough are left for a set.
        """
        address = self.mesh.staking
        ids = hub.view(address, staking.TAKEN_SEATS)
        found = hub.batch(staking.VALIDATOR.request(address, id_) for id_ in ids)
        silent = [
            id_ for id_, one in zip(ids, found, strict=True) if one.seat and one.alive_at + SILENCE < term.now
        ]
        if 3 * len(silent) < len(ids) and len(ids) - len(silent) >= MIN_VALIDATORS:
            for id_ in silent:
                yield Chore(f"vacate the seat of validator {id_}", address, staking.VACATE.encode(id_))

    def _check_ins(self, hub: Connection, newest: ValidatorSet, proposal: Proposal) -> Iterator[Chore]:
        """Of the newest set's members that signed its fact, all at once; after some hours those who did."""
        address = self.mesh.staking
        alive = self._alive.setdefault(newest.hash, set())
        members = [signer for signer, _ in newest.members if signer not in alive]
        if not proposal.signatures.keys() & set(members):
            return
        term = read_term(hub, address)
        if term.set_hash != newest.hash:
            # A newer one was published, which is not final yet.
            return
        silent = checkins.due(hub, address, members, term.began).keys()
        alive |= set(members) - silent
        ready = {signer: proposal.signatures[signer] for signer in silent & proposal.signatures.keys()}
        if ready and (len(ready) == len(silent) or term.now >= term.began + _LATECOMERS):
            attestation = Attestation(proposal.root, newest, ready)
            what = f"check in {len(ready)} validators of set {newest.version}"
            yield Chore(what, address, staking.CHECK_IN.encode(attestation, []))

    def _cases(self, hub: Connection) -> Iterator[Chore]:
        """What was pardoned is dismissed, what is old enough settled."""
        address = hub.view(self.mesh.staking, staking.SLASHER)
        logged = hub.ask(slasher.CASE_OPENED.history(address))
        opened = {one.accusation.key: one.accusation for one, _ in logged}
        keys = [key for key in opened if key not in self._closed]
        if not keys:
            return
        block, *cases = hub.batch([block_request(), *(slasher.CASE_OF.request(address, key) for key in keys)])
        self._closed |= {
            key for key, case in zip(keys, cases, strict=True) if case.state is not CaseState.OPEN
        }
        for key, case in zip(keys, cases, strict=True):
            if key in self._closed:
                continue
            accusation = opened[key]
            is_pardoned, accused, latest = hub.batch(
                [
                    slasher.IS_PARDONED.request(address, accusation),
                    staking.VALIDATOR.request(self.mesh.staking, accusation.validator),
                    staking.LAST_ACCUSED.request(self.mesh.staking, accusation.validator),
                ]
            )
            settles_at = max(case.opened_at, latest) + SETTLE_DELAY
            which = f"case 0x{key.hex()} against validator {accusation.validator}"
            if is_pardoned:
                yield Chore(f"dismiss {which}", address, slasher.DISMISS.encode(accusation))
            elif block.time >= settles_at and accused.state is not ValidatorState.ENDED:
                yield Chore(f"settle {which}", address, slasher.SETTLE.encode(accusation))

    # The other chains

    def _rotations(self, sets: ChainSets, step: Rotation) -> Iterator[Chore]:
        if sets.connection.view(self.mesh.gateway, gateway.VALIDATOR_SET_HASH) == sets.installed.hash:
            what = f"bring validator set {step.following.version}"
            yield Chore(what, self.mesh.gateway, step.data)
