"""Where a watcher hears what validators signed: the exchange, and the calldata on every chain."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from metalayer.attesting.exchange import Exchange, Malformed
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.nodes import Nodes, TooFew
from metalayer.protocol import gateway, staking
from metalayer.protocol.attestation import Domain
from metalayer.protocol.facts import Tree
from metalayer.protocol.gateway import InboxLane
from metalayer.protocol.rpc import Log, logs_request, quantity, transaction_request
from metalayer.staking.archive import Archive
from metalayer.staking.testimony import Sighting, Witness

_EVENTS = (
    gateway.MESSAGE_DELIVERED,
    gateway.MESSAGE_FAILED,
    gateway.MESSAGE_RETURNED,
    gateway.RESTART_FOLLOWED,
    gateway.VALIDATOR_SET_INSTALLED,
)
# Blocks that are read together, and kept together: fewer if a node does not answer for them in time.
_SPAN = 20_000

log = logging.getLogger(__name__)


@dataclass
class ExchangeEar:
    """Reads an exchange: only what a validator's key signed is looked into."""

    exchange: Exchange
    domain: Domain
    archive: Archive
    _read: dict[bytes, set[str]] = field(default_factory=dict)
    _rejected: dict[tuple[bytes, str], bytes] = field(default_factory=dict)

    def listen(self, keys: Collection[str]) -> int:
        """Keeps what is new. Returns how many signatures are."""
        standing = self.exchange.roots()
        present = set(standing)
        self._read = {root: signers for root, signers in self._read.items() if root in present}
        self._rejected = {key: said for key, said in self._rejected.items() if key[0] in present}
        count = 0
        for root in standing:
            try:
                sighting = self._hear(root, keys)
            except (MetalayerError, OSError) as error:
                # Whoever may write there can put things in the way of one proposal, not of the others.
                log.warning("proposal %s: %s", root.hex(), error)
                continue
            if sighting is not None:
                count += self.archive.add_news(sighting)
                self._read.setdefault(root, set()).update(sighting.signatures)
        return count

    def _hear(self, root: bytes, keys: Collection[str]) -> Sighting | None:
        named = [signer for signer in self.exchange.signers(root) if signer in keys]
        if not named:
            return None
        known, found = self._read.get(root, set()), {}
        for signer in named:
            signature = None if signer in known else self.exchange.signature(root, signer)
            if signature is None or self._rejected.get((root, signer)) == signature:
                continue
            if self.domain.recover(root, signature) == signer:
                found[signer] = signature
            else:
                self._rejected[root, signer] = signature
        if not found:
            return None
        try:
            facts = self.exchange.facts(root)
        except Malformed:
            # What hashes to the root may be put there again.
            return None
        if facts is None:
            return None
        tree = Tree(facts)
        return Sighting(root, found, {fact: tuple(tree.proof(fact)) for fact in facts})


class _Heard(NamedTuple):
    """A transaction in its order."""

    block: int
    place: int
    hash: str
    data: bytes


@dataclass
class ChainEar:
    """Reads the transactions of one chain that an attestation went with, through its nodes: what one of them shows is
    enough, because signatures prove themselves. But enough of them have to answer before it goes on.
    """

    mesh: Mesh
    connection: Connection
    archive: Archive
    _span: int = _SPAN
    _fresh: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.nodes = Nodes.of(self.connection)

    def listen(self, keys: Collection[str]) -> int:
        """Keeps what is new. Returns how many signatures are. MetalayerError if too few nodes answer."""
        chain_id = self.connection.chain_id
        latest, final = self._heights()
        read = self.archive.height(chain_id)
        first = self.connection.beginnings.get(self.mesh.gateway.lower(), 0) if read is None else read + 1
        lanes, count = self.archive.lanes(chain_id), 0
        while first <= final:
            last = min(final, first + self._span - 1)
            try:
                found = self._transactions(first, last)
            except TooFew:
                if self._span == 1:
                    raise
                self._span = max(1, self._span // 4)
                continue
            self._span = min(_SPAN, 2 * self._span)
            sightings = self._hear(found, Witness(self.mesh.domain, chain_id, lanes), keys)
            count += self.archive.add(sightings, (chain_id, last), lanes)
            first = last + 1
        # What is not final may go. What was signed stays signed.
        recent = self._transactions(first, latest, self._fresh) if first <= latest else []
        new = [one for one in recent if one.hash not in self._fresh]
        if new:
            sightings = self._hear(new, Witness(self.mesh.domain, chain_id, dict(lanes)), keys)
            count += self.archive.add(sightings)
        self._fresh = {one.hash for one in recent}
        return count

    def _heights(self) -> tuple[int, int]:
        def read(node: Connection) -> tuple[int, int]:
            latest, final = node.batch([quantity("eth_blockNumber"), node.final_request])
            return latest, final

        answers, faults = self.nodes.ask(read)
        self._check(answers, faults)
        # The highest block that enough of them call final.
        finals = sorted((final for _, final in answers.values()), reverse=True)
        latest = max(latest for latest, _ in answers.values())
        return latest, finals[self.nodes.agree - 1]

    def _transactions(self, first: int, last: int, known: Collection[str] = ()) -> list[_Heard]:
        """known: by hash, whose calldata is not asked for."""
        answers, faults = self.nodes.ask(lambda node: self._read(node, first, last, known))
        self._check(answers, faults)
        found = {one.hash: one for said in answers.values() for one in said}
        return sorted(found.values())

    def _read(self, node: Connection, first: int, last: int, known: Collection[str]) -> list[_Heard]:
        topics = [[event.topic for event in _EVENTS]]
        logs: list[Log] = node.ask(logs_request(self.mesh.gateway, topics, first, last))
        if node.chain_id == self.mesh.network_id:
            logs += node.ask(logs_request(self.mesh.staking, [staking.CHECKED_IN.topic], first, last))
        places = {one.transaction: (one.block, one.index) for one in reversed(logs)}
        wanted = [hash_ for hash_ in places if hash_ not in known]
        sent = node.batch(transaction_request(hash_) for hash_ in wanted)
        found = {hash_: one.data for hash_, one in zip(wanted, sent, strict=True)}
        return [_Heard(*place, hash_, found.get(hash_, b"")) for hash_, place in places.items()]

    def _check(self, answers: Mapping[int, object], faults: Mapping[int, str]) -> None:
        if len(answers) < self.nodes.agree:
            raise TooFew(f"{self.nodes.too_few(len(answers))}{self.nodes.named(faults)}")

    def _hear(self, heard: Sequence[_Heard], witness: Witness, keys: Collection[str]) -> list[Sighting]:
        found = []
        for one in heard:
            for sighting in witness.hear(one.data, partial(self._lane, one.block)):
                signatures = {key: said for key, said in sighting.signatures.items() if key in keys}
                if signatures:
                    found.append(Sighting(sighting.root, signatures, sighting.facts))
        return found

    def _lane(self, block: int, origin: int) -> InboxLane | None:
        """As it was before a block. None if the node does not keep that."""
        try:
            request = gateway.INBOX_LANE.request(self.mesh.gateway, origin, block=max(0, block - 1))
            return self.connection.ask(request)
        except MetalayerError:
            return None
