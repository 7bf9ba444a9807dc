"""Whether facts are true and final in the view of enough of the nodes that one validator reads a chain through."""

import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.config import Chain
from metalayer.network.connection import Connection
from metalayer.network.nodes import Nodes, check_chain
from metalayer.network.rpc import BadAnswer, RpcError
from metalayer.protocol.attestation import Domain
from metalayer.protocol.facts import Fact, LaneFact, SetFact, UnexecutedFact
from metalayer.protocol.hex import from_hex
from metalayer.protocol.rpc import Request, block_request, quantity
from metalayer.validator.closures import find_unexecuted
from metalayer.validator.record import Anchor
from metalayer.validator.sight import Finding, Place, Truth, find_places, find_sets

_STALLED_TAG = 3_600.0
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """What enough nodes of a chain said in one round: of each fact that they were asked about, and of the newest block
    that all of them call final. `reorganised`: why the chain is not to be signed for any more, empty if it is.
    """

    findings: Mapping[Fact, Finding]
    anchor: Anchor | None = None
    reorganised: str = ""


@dataclass(frozen=True)
class _Standing:
    """Where a node stands: its newest final block, and its hash of the block that was final before, if it has one."""

    final: int
    anchor_hash: str | None


@dataclass
class Judge:
    """One chain's. Its rounds are one after the other, in whatever thread.

    staking: address of the contract that publishes the validator sets, on the hub alone.
    anchor: a block that was final before. If it is not there any more, the chain was reorganised below its finality.
    """

    nodes: Nodes
    domain: Domain
    staking: str
    anchor: Anchor | None = None
    _found_at: dict[int, tuple[int, int]] = field(default_factory=dict)
    _told: str = ""
    _stalled: bool = False

    @property
    def chain(self) -> Chain:
        """The chain that it looks at."""
        return self.nodes.chain

    def look(self, facts: Sequence[Fact]) -> Round:
        """One round.

        Two round trips to each node, and one more each if a message is not where it was expected, or a restart claimed.
        What fewer nodes say than must agree is not yet true, whatever they say.
        """
        known = self.anchor
        standing, faults = self.nodes.ask(lambda connection: _stand(connection, known))
        if known is not None:
            at_anchor = {i: s.anchor_hash for i, s in standing.items() if s.anchor_hash is not None}
            now = self.nodes.vote(at_anchor)
            if now is not None and now != known.hash:
                why = f"block {known.height} was final as {known.hash}, and is {now} now"
                return Round(self._nothing(facts, "it was reorganised"), None, why)
            for i, one in standing.items():
                if one.anchor_hash is None:
                    faults[i] = f"it is behind block {known.height}, which was final before"
                elif one.anchor_hash != known.hash:
                    faults[i] = f"it is on another fork: its block {known.height} is {one.anchor_hash}"
            # What was final stays so, also for a node that is a few blocks behind where it was.
            standing = {
                i: replace(one, final=max(one.final, known.height))
                for i, one in standing.items()
                if i not in faults
            }
        if len(standing) < self.nodes.agree:
            return self._undecided(facts, len(standing), faults)

        # The highest block that enough of them call final.
        final = sorted((one.final for one in standing.values()), reverse=True)[self.nodes.agree - 1]
        places = [fact for fact in facts if isinstance(fact, Place)]
        sets = [fact for fact in facts if isinstance(fact, SetFact)]
        unexecuted = [fact for fact in facts if isinstance(fact, UnexecutedFact)]
        starts = self._starts(places)

        def see(connection: Connection) -> tuple[Anchor, dict[Fact, Finding]]:
            block, found = find_places(connection, self.domain.gateway, places, starts, final, _block(final))
            if block is None:
                raise BadAnswer(f"{connection.name}: its node has no block {final}, which it called final")
            if sets:
                found |= self._sets(connection, sets, final)
            if unexecuted:
                found |= self._unexecuted(connection, unexecuted, block)
            return block, found

        seen, more = self.nodes.ask(see, [i for i, one in standing.items() if one.final >= final])
        faults |= more
        anchor = self.nodes.vote({i: anchor for i, (anchor, _) in seen.items()})
        if anchor is None:
            return self._undecided(facts, len(seen), faults)
        for i, (other, _) in seen.items():
            if other != anchor:
                faults[i] = f"it is on another fork: its block {final} is {other.hash}"
        believed = {i: found for i, (_, found) in seen.items() if i not in faults}
        findings = {
            fact: self._decide(fact, {i: f[fact] for i, f in believed.items()}, faults) for fact in facts
        }
        self.nodes.undecided = any(finding.reason == self._differ for finding in findings.values())
        self._remember(findings)
        self._tell(faults)
        self._watch_finality(anchor)
        self.anchor = anchor
        return Round(findings, anchor)

    def stand(self) -> list[str]:
        """A line for each node that cannot be used as networks.yaml says, asked one time."""
        depth = self.chain.preset.finality_depth

        def probe(connection: Connection) -> str:
            final = _stand(connection, None).final
            if isinstance(self.chain.preset.finality, int) and depth > 127:
                state = quantity("eth_getBalance", self.domain.gateway, hex(final), bits=256)
                try:
                    connection.ask(state)
                except RpcError as error:
                    return f"relayers need an archive node for a finality of {depth} blocks ({error})"
            return ""

        said, faults = self.nodes.ask(probe)
        problems = faults | {i: problem for i, problem in said.items() if problem}
        return [f"{self.chain.name}: node {i + 1}: {problems[i]}" for i in sorted(problems)]

    @property
    def _differ(self) -> str:
        return self.nodes.too_few(len(self.nodes.connections))

    def _sets(self, connection: Connection, facts: Sequence[SetFact], final: int) -> dict[Fact, Finding]:
        try:
            return find_sets(connection, self.staking, facts, final)
        except MetalayerError as error:
            # What is wrong with the state at that block is nothing against its lanes.
            log.warning("%s", error)
            unread = f"{self.chain.name}: its newest validator set cannot be read"
            return dict.fromkeys(facts, Finding(Truth.NOT_YET, unread))

    def _unexecuted(
        self, connection: Connection, facts: Sequence[UnexecutedFact], final: Anchor
    ) -> dict[Fact, Finding]:
        try:
            return find_unexecuted(connection, self.domain, facts, final)
        except MetalayerError as error:
            # Nothing against its lanes either: they need no state.
            log.warning("%s", error)
            unread = f"{self.chain.name}: how it stands with messages cannot be read"
            return dict.fromkeys(facts, Finding(Truth.NOT_YET, unread))

    def _decide(self, fact: Fact, said: Mapping[int, Finding], faults: dict[int, str]) -> Finding:
        finding = self.nodes.vote(said)
        for i, other in said.items():
            if other != finding:
                faults[i] = f"{fact.key}: it says '{other.reason or 'true'}', not enough others do"
        if finding is None:
            return Finding(Truth.NOT_YET, self._differ)
        # What a single node says is never the last word: it may have been wrong once.
        final = finding.truth is Truth.FALSE and self.nodes.agree > 1
        return replace(finding, final=final)

    def _undecided(self, facts: Sequence[Fact], good: int, faults: Mapping[int, str]) -> Round:
        self.nodes.undecided = True
        self._tell(faults, f"{self.nodes.too_few(good)}: nothing is signed for it")
        return Round(self._nothing(facts, self.nodes.too_few(good)))

    def _nothing(self, facts: Iterable[Fact], reason: str) -> dict[Fact, Finding]:
        return dict.fromkeys(facts, Finding(Truth.NOT_YET, reason))

    def _starts(self, places: Sequence[Place]) -> dict[int, int]:
        """Where to look for messages: from the last one that was found on, unless one before it is asked for."""
        lowest: dict[int, int] = {}
        for fact in places:
            if isinstance(fact, LaneFact):
                lowest[fact.destination] = min(fact.nonce, lowest.get(fact.destination, fact.nonce))
        known = {destination: self._found_at.get(destination, (0, 0)) for destination in lowest}
        return {d: block for d, (nonce, block) in known.items() if nonce <= lowest[d]}

    def _remember(self, findings: Mapping[Fact, Finding]) -> None:
        for fact, finding in findings.items():
            if isinstance(fact, LaneFact) and finding.truth is Truth.TRUE:
                found = fact.nonce, finding.block
                self._found_at[fact.destination] = max(found, self._found_at.get(fact.destination, found))

    def _tell(self, faults: Mapping[int, str], what: str = "") -> None:
        """The operator, what is wrong with the nodes, when it changes by more than its numbers."""
        what = what or (f"{self.chain.name}: not all of its nodes are believed" if faults else "")
        line = f"{what}{self.nodes.named(faults)}"
        kind = _NUMBER.sub("", line)
        if kind != self._told:
            log.warning("%s", line or f"{self.chain.name}: all of its nodes are believed again")
        self._told = kind

    def _watch_finality(self, anchor: Anchor) -> None:
        preset = self.chain.preset
        limit = 60 + (preset.finality_depth + 100) * preset.block_time
        if isinstance(preset.finality, str):
            limit = max(limit, _STALLED_TAG)
        age = time.time() - anchor.time
        if age > limit and not self._stalled:
            log.warning(
                "%s: finality stands still: block %d, the newest final one, is %d s old",
                self.chain.name,
                anchor.height,
                age,
            )
        elif age <= limit and self._stalled:
            log.warning("%s: finality goes on at block %d", self.chain.name, anchor.height)
        self._stalled = age > limit


def check_alone(fact: Fact, known: Iterable[int], network_id: int) -> Finding | None:
    """What can be said of a fact without asking a chain. None if nothing is wrong with it.

    known: the chain ids of the network that something is deployed to.
    """
    if isinstance(fact, SetFact):
        if fact.version == 0:
            return _never(fact, "the first validator set is 1")
        return None if network_id in known else _never(fact, "nothing is deployed to the hub")
    for chain_id in (fact.origin, fact.destination):
        if chain_id not in known:
            return _never(fact, f"there is no chain {chain_id} in the network")
    if fact.origin == fact.destination:
        return _never(fact, "a lane has two different ends")
    if fact.nonce == 0:
        return _never(fact, "there is nothing to deliver up to nonce 0")
    return None


def _never(fact: Fact, reason: str) -> Finding:
    return Finding(Truth.FALSE, f"{fact.key}: {reason}", final=True)


def _stand(connection: Connection, anchor: Anchor | None) -> _Standing:
    asked: list[Request[Any]] = [quantity("eth_chainId"), connection.final_request]
    if anchor is not None:
        asked.append(_block(anchor.height))
    found_id, final, *blocks = connection.batch(asked)
    check_chain(connection, found_id)
    return _Standing(final, blocks[0].hash if blocks and blocks[0] else None)


def _block(height: int) -> Request[Anchor | None]:
    """A block as an anchor, None if the node does not have it."""
    asked = block_request(height)

    def read(said: Any) -> Anchor | None:
        if said is None:
            return None
        block = asked.read(said)
        if block.number != height or len(from_hex(block.hash)) != 32:
            raise ValueError("another block than asked for")
        return Anchor(height, block.hash.lower(), block.time)

    return Request(asked.method, asked.params, read)
