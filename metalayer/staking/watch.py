"""The watcher: finds what validators signed and cannot both be true, or is false about the hub, and opens the cases.

Which cases there are it reads from the hub each time: whenever it is killed, the next one goes on, and opens none
twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.terms import read_published, read_term
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.nodes import Nodes
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import Sender
from metalayer.protocol import staking
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import Fact
from metalayer.protocol.staking import LIABILITY, Key, ValidatorState
from metalayer.relayer.loops import guard, repeat
from metalayer.staking.archive import Archive
from metalayer.staking.evidence import Charge, contradictions, equivocations, falsehoods
from metalayer.staking.hearing import ChainEar, ExchangeEar
from metalayer.staking.prosecutor import Opened, Prosecutor
from metalayer.staking.truth import Sight, falsehood, look

# Facts about the hub that are looked at together.
_MOST_FACTS = 2_000
# Seconds.
_FORGETS_EVERY = 86_400.0
_RARELY = 60.0


@dataclass
class Watched:
    """What one pass did. `signatures`: how many it saw for the first time."""

    signatures: int = 0
    opened: list[Opened] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Watcher:
    """Over one exchange and all chains of a network. `sender` pays for the cases, and gets the rewards."""

    mesh: Mesh
    exchange: Exchange
    archive: Archive
    sender: Sender
    _whose: dict[str, int] = field(default_factory=dict)
    _forgot: float = -_FORGETS_EVERY
    _examined: float = -_RARELY

    def __post_init__(self) -> None:
        if self.mesh.hub is None:
            raise MetalayerError("nothing is deployed to the hub")
        self.hub: Connection = self.mesh.hub
        self._hub_nodes = Nodes.of(self.hub)
        self._prosecutor = Prosecutor(self.mesh, self.hub, self._hub_nodes, self.sender)
        self._ear = ExchangeEar(self.exchange, self.mesh.domain, self.archive)
        self._ears = {
            name: ChainEar(self.mesh, one, self.archive) for name, one in self.mesh.connections.items()
        }

    def pass_once(self, report: Callable[[Opened], None] = lambda _: None) -> Watched:
        """Listens, and opens what cases there are. Whatever is wrong with one chain is a problem, and holds up nothing
        else; without the hub nothing can be judged.
        """
        result = Watched()
        with guard(self.hub.name, result.problems.append):
            self._read_keys()
        if not self._whose:
            return result
        self._listen(result)
        if not (result.signatures or self._is_due):
            return result
        charges: list[Charge] = []
        with guard(self.hub.name, result.problems.append):
            charges += self._contested(result)
        with guard(self.hub.name, result.problems.append):
            charges += self._false(result)
        if charges:
            with guard(self.hub.name, result.problems.append):
                result.opened += self._prosecutor.accuse(charges, report, result.problems)
        self._examined = -_RARELY if result.problems else time.monotonic()
        return result

    @property
    def _is_due(self) -> bool:
        """Whether what was signed long ago is looked at again: the hub goes on, and pardons."""
        return time.monotonic() >= self._examined + _RARELY

    def run(
        self,
        stop: threading.Event,
        every: float,
        report: Callable[[Opened], None],
        complain: Callable[[str], None],
    ) -> None:
        """Passes, `every` seconds apart, until `stop` is set. A problem is said once, until it changes."""
        repeat(lambda: self.pass_once(report).problems, stop, every, complain)

    # What was signed

    def _read_keys(self) -> None:
        """Whose keys are whose, as enough nodes say; what keys signed that answer no more is forgotten."""
        keys = self._hub_nodes.agreed(lambda node: read_keys(node, self.mesh.staking))
        # By this machine's clock, and a day later: what is forgotten is not seen again.
        long_ago = time.time() - LIABILITY - _FORGETS_EVERY
        dead = {signer for signer, key, ended in keys if ended or 0 < key.retired_at < long_ago}
        self._whose = {signer: key.validator for signer, key, _ in keys if signer not in dead}
        if time.monotonic() > self._forgot + _FORGETS_EVERY:
            self.archive.forget(dead)
            self._forgot = time.monotonic()

    def _listen(self, result: Watched) -> None:
        with guard("", result.problems.append):
            result.signatures += self._ear.listen(self._whose)

        def listen(ear: ChainEar) -> int | str:
            try:
                return ear.listen(self._whose)
            except MetalayerError as error:
                return fault(ear.connection, error)

        for heard in in_parallel(listen, self._ears.values()):
            if isinstance(heard, str):
                result.problems.append(heard)
            else:
                result.signatures += heard

    # What convicts

    def _contested(self, result: Watched) -> list[Charge]:
        found: list[Charge] = []
        newest: ValidatorSet | None = None
        asked = False
        for sightings in self.archive.contested():
            found += equivocations(sightings, self._whose)
            if not asked:
                asked = True
                with guard(self.hub.name, result.problems.append):
                    newest = self._newest()
            if newest is not None:
                found += contradictions(sightings, self._whose, newest)
        return found

    def _newest(self) -> ValidatorSet | None:
        """The only set whose quorum accuses; None if it does not any more."""
        term = read_term(self.hub, self.mesh.staking)
        if not term.version or term.ended or term.now > term.expires:
            return None
        return read_published(self.hub, self.mesh.staking, term.set_hash)[-1]

    def _false(self, result: Watched) -> list[Charge]:
        found: list[Charge] = []
        facts = self.archive.open_facts()
        for begin in range(0, len(facts), _MOST_FACTS):
            for fact, sight in self._look(facts[begin : begin + _MOST_FACTS]).items():
                if sight in (Sight.TRUE, Sight.UNKNOWN):
                    continue
                with guard(self.hub.name, result.problems.append):
                    shown = falsehood(self.mesh, self.hub, fact, sight)
                    if shown is not None:
                        found += falsehoods(self.archive.about(fact), self._whose, shown)
        return found

    def _look(self, facts: Sequence[Fact]) -> dict[Fact, Sight]:
        """What enough nodes say of these facts; what is true and final is remembered."""
        nodes = self._hub_nodes

        def read(node: Connection) -> tuple[int, int, dict[Fact, Sight]]:
            latest, final = node.height(), node.finalized()
            return latest, final, look(node, self.mesh, facts)

        answers, faults = nodes.ask(read)
        if len(answers) < nodes.agree:
            raise MetalayerError(f"{nodes.too_few(len(answers))}{nodes.named(faults)}")
        found: dict[Fact, Sight] = {}
        for fact in facts:
            sight = nodes.vote({place: said[fact] for place, (_, _, said) in answers.items()})
            found[fact] = Sight.UNKNOWN if sight is None else sight
        true = [fact for fact, sight in found.items() if sight is Sight.TRUE]
        finals = sorted((final for _, final, _ in answers.values()), reverse=True)
        latest = max(latest for latest, _, _ in answers.values())
        self.archive.hold(true, found.keys() - set(true), latest, finals[nodes.agree - 1])
        return found


def read_keys(node: Connection, address: str) -> tuple[tuple[str, Key, bool], ...]:
    """All keys that validators ever had, as a node of the hub says, and whether their validators were slashed."""
    registered, rotated = node.batch(
        [staking.REGISTERED.history(address), staking.KEY_ROTATED.history(address)]
    )
    signers = sorted({event[2] for event, _ in (*registered, *rotated)})
    keys = node.batch(staking.KEY.request(address, signer) for signer in signers)
    ids = sorted({key.validator for key in keys})
    known = node.batch(staking.VALIDATOR.request(address, id_) for id_ in ids)
    ended = {id_ for id_, one in zip(ids, known, strict=True) if one.state is ValidatorState.ENDED}
    return tuple((signer, key, key.validator in ended) for signer, key in zip(signers, keys, strict=True))
