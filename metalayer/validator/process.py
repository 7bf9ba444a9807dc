"""A validator: signs facts that are true in its own finalized view and contradict nothing it ever signed."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from eth_account.messages import SignableMessage
from eth_utils.address import to_checksum_address

from metalayer.attesting.exchange import Exchange, Malformed
from metalayer.attesting.sets import read_all
from metalayer.errors import MetalayerError
from metalayer.network.mesh import Mesh
from metalayer.protocol.attestation import ValidatorSet, compact
from metalayer.protocol.facts import SetFact
from metalayer.validator.judge import Judge, NotYet, Refused
from metalayer.validator.next_set import NOTHING_AGREED, Agreed, NextSet
from metalayer.validator.record import Contradiction, Record

_POLL = 0.1
_FIRST_RETRY = 0.2
_SLOWEST_RETRY = 30.0

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
    """One proposal judged in one pass. `reason` is empty if signed."""

    root: bytes
    judgement: Judgement
    reason: str = ""
    facts: int = 0


@dataclass
class _Delay:
    seconds: float = _FIRST_RETRY
    until: float = 0.0
    reason: str = ""


@dataclass
class Validator:
    """One validator over one exchange. Without `next_set` no set fact is signed."""

    signer: Signer
    mesh: Mesh
    exchange: Exchange
    record: Record
    next_set: NextSet | None = None
    _agreed: Agreed = NOTHING_AGREED
    _settled: set[bytes] = field(default_factory=set)
    _refused_sets: set[bytes] = field(default_factory=set)
    _delays: dict[bytes, _Delay] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._judge = Judge(self.mesh)

    @classmethod
    def open(
        cls, signer: Signer, mesh: Mesh, exchange: Exchange, record: Path, next_set: NextSet | None = None
    ) -> "Validator":
        """A validator with its record at that path, bound to its signer, the network and the gateway."""
        gateway = to_checksum_address(mesh.gateway)
        identity = f"validator {signer.address} of network {mesh.network_id} at {gateway}"
        return cls(signer, mesh, exchange, Record(record, identity), next_set)

    @property
    def address(self) -> str:
        """Checksummed address of the signing key."""
        return to_checksum_address(self.signer.address)

    def pass_once(self, *, patient: bool = False) -> list[Verdict]:
        """Judges every proposal that is not settled. Chains are asked only if there is one.

        `patient`: one that had to wait is looked at again after a growing delay only.
        """
        self._read_next_set()
        standing = self.exchange.roots()
        self._forget(standing)
        now = time.monotonic()
        verdicts = []
        for root in standing:
            if root in self._settled or (patient and root in self._delays and self._delays[root].until > now):
                continue
            try:
                verdict = self._consider(root)
                if verdict is not None:
                    self._publish(verdict)
                    verdicts.append(verdict)
            except (MetalayerError, OSError) as error:
                # Whoever may write to the exchange can put things in the way of one proposal, not of the others.
                log.warning("proposal %s: %s", root.hex(), error)
                self._put_off(root)
        return verdicts

    def run(self, stop: threading.Event, report: Callable[[Verdict], None]) -> None:
        """Passes until `stop` is set. Reports each new verdict once."""
        told: dict[bytes, str] = {}
        while not stop.is_set():
            for verdict in self.pass_once(patient=True):
                if told.get(verdict.root) != verdict.reason or verdict.judgement is Judgement.SIGNED:
                    report(verdict)
                told[verdict.root] = verdict.reason
            if len(told) > 2 * len(self._settled) + 1_000:
                told = {root: reason for root, reason in told.items() if root in self._settled}
            stop.wait(_POLL)

    def memberships(self) -> list[str]:
        """To which sets it belongs, a line for each set and for each chain that does not answer."""
        found, problems = read_all(self.mesh)
        chains: dict[ValidatorSet, list[str]] = {}
        for sets in found:
            chains.setdefault(sets.installed, []).append(sets.name)
        lines = [
            f"{'in' if self._is_in(installed) else 'not in'} validator set {installed.version} of {', '.join(names)}"
            for installed, names in sorted(chains.items(), key=lambda item: item[0].version)
        ]
        self._read_next_set()
        following = self._agreed.validator_set
        if following is not None:
            lines.append(
                f"{'in' if self._is_in(following) else 'not in'} the next validator set, {following.version}: "
                f"0x{following.hash.hex()}"
            )
        if not any(self._is_in(known) for known in (*chains, *([following] if following else []))):
            lines.append(f"warning: {self.address} is in no validator set: nobody counts it")
        return lines + list(problems.values())

    def _is_in(self, validator_set: ValidatorSet) -> bool:
        return self.address in (signer for signer, _ in validator_set.members)

    def _read_next_set(self) -> None:
        agreed = NOTHING_AGREED if self.next_set is None else self.next_set.read()
        if agreed == self._agreed:
            return
        self._agreed = agreed
        if agreed.detail:
            log.warning("no set is agreed: %s", agreed.detail)
        # What did not fit the file before may be what it says now.
        self._settled -= self._refused_sets
        self._refused_sets.clear()

    def _forget(self, standing: Sequence[bytes]) -> None:
        present = set(standing)
        self._settled &= present
        self._refused_sets &= present
        for root in self._delays.keys() - present:
            del self._delays[root]

    def _consider(self, root: bytes) -> Verdict | None:
        """None if there is nothing to judge yet, or it is signed already."""
        try:
            facts = self.exchange.facts(root)
        except Malformed as error:
            # Not settled: a relayer that proposes these facts replaces the file.
            log.warning("%s", error)
            return Verdict(root, Judgement.WAITING, "the proposal is malformed")
        if facts is None:
            return None
        if self._signed_already(root):
            self._settled.add(root)
            return None
        try:
            # Also what is in the record already: the chain may say something else since.
            self._judge.verify(facts, self._agreed)
            self.record.commit(facts)
        except (Refused, Contradiction) as error:
            if any(isinstance(fact, SetFact) for fact in facts):
                self._refused_sets.add(root)
            return Verdict(root, Judgement.REFUSED, str(error), len(facts))
        except NotYet as error:
            return Verdict(root, Judgement.WAITING, str(error), len(facts))
        signed = self.signer.sign_message(self.mesh.domain.signable(root))
        if signed is None:
            raise MetalayerError(f"account {self.address} did not sign")
        self.exchange.sign(root, self.address, compact(signed))
        return Verdict(root, Judgement.SIGNED, facts=len(facts))

    def _signed_already(self, root: bytes) -> bool:
        """A file that somebody else wrote in this validator's name does not count."""
        signature = self.exchange.signature(root, self.address)
        return signature is not None and self.mesh.domain.recover(root, signature) == self.address

    def _publish(self, verdict: Verdict) -> None:
        if verdict.judgement is Judgement.WAITING:
            delay = self._put_off(verdict.root)
            if delay.reason == verdict.reason:
                return
            delay.reason = verdict.reason
        else:
            self._settled.add(verdict.root)
            self._delays.pop(verdict.root, None)
        if verdict.judgement is not Judgement.SIGNED:
            final = verdict.judgement is Judgement.REFUSED
            self.exchange.refuse(verdict.root, self.address, verdict.reason, final=final)

    def _put_off(self, root: bytes) -> _Delay:
        delay = self._delays.setdefault(root, _Delay())
        delay.until = time.monotonic() + delay.seconds
        delay.seconds = min(delay.seconds * 1.5, _SLOWEST_RETRY)
        return delay
