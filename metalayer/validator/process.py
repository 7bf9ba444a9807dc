"""A validator: signs facts that are true in its own finalized view and contradict nothing it ever signed."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from eth_account.messages import SignableMessage
from eth_utils.address import to_checksum_address

from metalayer.attesting.exchange import MAX_FACTS, Exchange, Malformed
from metalayer.errors import MetalayerError
from metalayer.network.mesh import Mesh
from metalayer.protocol.attestation import compact
from metalayer.protocol.facts import Fact, SetFact, UnexecutedFact
from metalayer.validator.chains import Chains
from metalayer.validator.judge import check_alone
from metalayer.validator.record import Anchor, Contradiction, Record
from metalayer.validator.sight import Finding, Truth, joined

_POLL = 0.1
_FIRST_RETRY = 0.2
_SLOWEST_RETRY = 30.0
_UNREAD = Finding(Truth.NOT_YET, "not all of it could be read")

log = logging.getLogger(__name__)


class Signer(Protocol):
    """An account that signs EIP-712 messages: eth_account's and Ape's accounts do."""

    @property
    def address(self) -> str: ...

    def sign_message(self, msg: SignableMessage, /) -> Any:
        """Something with `v`, `r` and `s`, or None if the user or the device declines."""
        ...


class Judgement(Enum):
    """What a validator thinks of a proposal."""

    SIGNED = "signed"
    REFUSED = "refused"
    WAITING = "waiting"
    """Not final yet, or a chain does not answer: looked at again later."""


@dataclass(frozen=True)
class Verdict:
    """One proposal judged in one pass. `reason` is empty if signed; `final`: only a person can change it."""

    root: bytes
    judgement: Judgement
    reason: str = ""
    facts: int = 0
    final: bool = False


@dataclass
class _Delay:
    seconds: float = _FIRST_RETRY
    until: float = 0.0
    reason: str = ""


@dataclass
class _Case:
    """A proposal that is looked into: what was found, and which facts the chains are still asked about, by chain id."""

    facts: Sequence[Fact]
    findings: dict[Fact, Finding] = field(default_factory=dict)
    unread: dict[int, list[Fact]] = field(default_factory=dict)
    anchors: dict[int, Anchor] = field(default_factory=dict)


@dataclass
class Validator:
    """One validator over one exchange, whether or not it is in a set: who left goes on until no chain has its set.

    Each chain is read in a thread of its own, for all proposals that it is needed for: a slow one delays no others.
    """

    signer: Signer
    mesh: Mesh
    exchange: Exchange
    record: Record
    _settled: set[bytes] = field(default_factory=set)
    _delays: dict[bytes, _Delay] = field(default_factory=dict)
    _cases: dict[bytes, _Case] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)
    _blocked: dict[bytes, Collection[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chains = Chains(self.mesh, self.record)

    @classmethod
    def open(
        cls,
        signer: Signer,
        mesh: Mesh,
        exchange: Exchange,
        record: Path,
        *,
        begin: bool = False,
    ) -> "Validator":
        """A validator with its record at that path, bound to its signer, the network and the gateway. `begin` makes the
        record: MetalayerError if it is there already, or, without `begin`, if it is not.
        """
        gateway = to_checksum_address(mesh.gateway)
        identity = f"validator {signer.address} of network {mesh.network_id} at {gateway}"
        return cls(signer, mesh, exchange, Record(record, identity, begin=begin))

    @property
    def address(self) -> str:
        """Checksummed address of the signing key."""
        return to_checksum_address(self.signer.address)

    def pass_once(self, *, patient: bool = False) -> list[Verdict]:
        """Judges every proposal that is not settled. Chains are asked only if there is one.

        `patient`: one that had to wait is looked at again after a growing delay only.
        """
        verdicts: list[Verdict] = []
        tried: set[bytes] = set()
        while True:
            verdicts += self._begin(tried, patient=patient)
            if not self._cases:
                return verdicts
            self.chains.wait()
            verdicts += self._end()

    def run(self, stop: threading.Event, report: Callable[[Verdict], None]) -> None:
        """Judges what is proposed until `stop` is set. Reports each new verdict once."""
        told: dict[bytes, str] = {}
        while not stop.is_set():
            verdicts = self._begin(set(), patient=True)
            self.chains.wait(_POLL)
            for verdict in (*verdicts, *self._end()):
                if told.get(verdict.root) != verdict.reason or verdict.judgement is Judgement.SIGNED:
                    report(verdict)
                told[verdict.root] = verdict.reason
            if len(told) > 2 * len(self._settled) + 1_000:
                told = {root: reason for root, reason in told.items() if root in self._settled}
            stop.wait(_POLL)

    def memberships(self) -> list[str]:
        """To which sets it belongs, a line for each set and for each chain that does not answer."""
        return self.chains.memberships(self.address)

    def _forget(self, standing: Sequence[bytes]) -> None:
        present = set(standing)
        self._settled &= present
        for gone in (self._delays.keys() | self._blocked.keys()) - present:
            self._delays.pop(gone, None)
            self._blocked.pop(gone, None)

    def _begin(self, tried: set[bytes], *, patient: bool) -> list[Verdict]:
        """Begins to look into what is proposed and not in `tried`, as far as the chains that it is about are not being
        read: one round for each chain. Adds it to `tried`, and returns what can be said at once.
        """
        standing = self.exchange.roots()
        self._forget(standing)
        now = time.monotonic()
        asked: dict[int, list[Fact]] = {}
        verdicts = []
        for root in standing:
            delay = self._delays.get(root)
            if root in self._settled or root in self._cases or root in tried:
                continue
            if patient and delay is not None and delay.until > now:
                continue
            # Not read again and again while a slow chain owes its answer.
            if any(map(self.chains.is_read, self._blocked.get(root, ()))):
                continue
            try:
                verdict = self._open(root, asked, tried)
                if verdict is not None:
                    verdicts.append(self._publish(verdict))
            except (MetalayerError, OSError) as error:
                tried.add(root)
                self._stumble(root, error)
        for why in sorted(self._held):
            log.warning("%s", why)
        self._held.clear()
        for chain_id, facts in asked.items():
            self.chains.begin(chain_id, list(dict.fromkeys(facts)))
        return verdicts

    def _open(self, root: bytes, asked: dict[int, list[Fact]], tried: set[bytes]) -> Verdict | None:
        """Makes a case of a proposal, if its chains can be read now, and adds to what they are asked; or a verdict."""
        try:
            facts = self.exchange.facts(root)
        except Malformed as error:
            # Not settled: a relayer that proposes these facts replaces the file.
            log.warning("%s", error)
            tried.add(root)
            return Verdict(root, Judgement.WAITING, "the proposal is malformed")
        if facts is None:
            return None
        if self._signed_already(root):
            self._settled.add(root)
            return None
        case = _Case(facts)
        needed: dict[int, list[Fact]] = {}
        for fact in facts:
            chain_ids = self._chains_of(fact)
            found = check_alone(fact, self.chains.judges, self.mesh.network_id)
            if found is None and (why := next(filter(None, map(self.chains.distrust, chain_ids)), "")):
                self._held.add(why)
                found = Finding(Truth.NOT_YET, why, final=True)
            if found is None:
                for chain_id in chain_ids:
                    needed.setdefault(chain_id, []).append(fact)
            else:
                case.findings[fact] = found
        if case.findings:
            # Whatever the chains say of the others, it is not signed now.
            tried.add(root)
            return self._conclude(root, case)
        for chain_id, more in needed.items():
            ahead = len(asked.get(chain_id, ()))
            if self.chains.is_read(chain_id) or (ahead and ahead + len(more) > MAX_FACTS):
                self._blocked[root] = needed.keys()
                return None
        self._blocked.pop(root, None)
        for chain_id, more in needed.items():
            asked.setdefault(chain_id, []).extend(more)
        case.unread = needed
        self._cases[root] = case
        tried.add(root)
        return None

    def _chains_of(self, fact: Fact) -> tuple[int, ...]:
        """Ids of the chains that must show a fact."""
        if isinstance(fact, SetFact):
            return (self.mesh.network_id,)
        return (fact.origin, fact.destination) if isinstance(fact, UnexecutedFact) else (fact.origin,)

    def _end(self) -> list[Verdict]:
        """Verdicts on what all chains that it is about have been read for."""
        for chain_id, found in self.chains.ended():
            for case in self._cases.values():
                if chain_id not in case.unread:
                    continue
                for fact in case.unread.pop(chain_id):
                    said = found.findings.get(fact, _UNREAD)
                    case.findings[fact] = joined(said, case.findings.get(fact, said))
                if found.anchor is not None:
                    case.anchors[chain_id] = found.anchor
        verdicts = []
        for root in [root for root, case in self._cases.items() if not case.unread]:
            try:
                verdicts.append(self._publish(self._conclude(root, self._cases.pop(root))))
            except (MetalayerError, OSError) as error:
                self._stumble(root, error)
        return verdicts

    def _conclude(self, root: bytes, case: _Case) -> Verdict:
        """Signs, if all facts are true, and contradict nothing in the record."""
        findings = [case.findings[fact] for fact in case.facts if fact in case.findings]
        for truth, judgement in ((Truth.FALSE, Judgement.REFUSED), (Truth.NOT_YET, Judgement.WAITING)):
            for found in findings:
                if found.truth is truth:
                    return self._unsigned(root, case, judgement, found.reason, final=found.final)
        # While a slow chain was read, another one may have been seen reorganised.
        for why in filter(None, map(self.chains.distrust, case.anchors)):
            return self._unsigned(root, case, Judgement.WAITING, why, final=True)
        try:
            # Also what is in the record already: the chain may say something else since.
            self.record.commit(case.facts, case.anchors)
        except Contradiction as error:
            return self._unsigned(root, case, Judgement.REFUSED, str(error), final=True)
        signed = self.signer.sign_message(self.mesh.domain.signable(root))
        if signed is None:
            raise MetalayerError(f"account {self.address} did not sign")
        self.exchange.sign(root, self.address, compact(signed))
        return Verdict(root, Judgement.SIGNED, facts=len(case.facts))

    def _unsigned(
        self, root: bytes, case: _Case, judgement: Judgement, reason: str, *, final: bool
    ) -> Verdict:
        return Verdict(root, judgement, reason, len(case.facts), final)

    def _stumble(self, root: bytes, error: Exception) -> None:
        """Whoever may write to the exchange can put things in the way of one proposal, not of the others."""
        log.warning("proposal %s: %s", root.hex(), error)
        self._put_off(root)

    def _signed_already(self, root: bytes) -> bool:
        """A file that somebody else wrote in this validator's name does not count."""
        signature = self.exchange.signature(root, self.address)
        return signature is not None and self.mesh.domain.recover(root, signature) == self.address

    def _publish(self, verdict: Verdict) -> Verdict:
        is_refused = verdict.judgement is Judgement.REFUSED and verdict.final
        if verdict.judgement is Judgement.SIGNED or is_refused:
            self._settled.add(verdict.root)
            self._delays.pop(verdict.root, None)
        else:
            delay = self._put_off(verdict.root)
            if delay.reason == verdict.reason:
                return verdict
            delay.reason = verdict.reason
        if verdict.judgement is not Judgement.SIGNED:
            self.exchange.refuse(verdict.root, self.address, verdict.reason, final=verdict.final)
        return verdict

    def _put_off(self, root: bytes) -> _Delay:
        delay = self._delays.setdefault(root, _Delay())
        delay.until = time.monotonic() + delay.seconds
        delay.seconds = min(delay.seconds * 1.5, _SLOWEST_RETRY)
        return delay
