"""What transactions say that validators signed: attestations in calldata, and the facts that are proven beside them.

A stranger may have written the calldata: nothing in it is believed but signatures, and facts whose leaves lead to a
root that was signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.codec import ABIDecoder
from eth_abi.decoding import ContextFramesBytesIO
from eth_abi.registry import registry

from metalayer.protocol import gateway, staking
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, UnexecutedFact, leads_to
from metalayer.protocol.gateway import InboxLane
from metalayer.protocol.message import Message, extend, genesis_head
from metalayer.protocol.rpc import READ_FAULTS

_CALLS = {
    function.selector: function
    for function in (
        gateway.DELIVER,
        gateway.FOLLOW_RESTART,
        gateway.REFUND_CLOSED,
        gateway.ROTATE,
        staking.CHECK_IN,
    )
}
# Of one transaction: a contract that calls the gateway has the calls within its own calldata.
_MOST_CALLS = 8


@dataclass(frozen=True)
class Sighting:
    """A root, compact signatures of it by checksummed signer, and what is known to be under it, with the proofs."""

    root: bytes
    signatures: dict[str, bytes]
    facts: dict[Fact, tuple[bytes, ...]]


Lanes = MutableMapping[tuple[int, int], InboxLane]
"""How far Inboxes are, by (origin, destination), as far as the calldata was read."""
ReadLane = Callable[[int], InboxLane | None]
"""An Inbox's end of the lane from this origin, before the transaction; None if nobody knows."""


@dataclass(frozen=True)
class Witness:
    """Reads the transactions of one chain, in their order."""

    domain: Domain
    chain_id: int
    lanes: Lanes

    def hear(self, data: bytes, read_lane: ReadLane) -> list[Sighting]:
        """What the calldata of a transaction that succeeded says. read_lane: asked only if an earlier transaction was
        not understood.
        """
        found: list[Sighting] = []
        for function, values in _calls(data):
            try:
                found += self._sightings(function, values, read_lane)
            except READ_FAULTS:
                # Somebody's bytes that look like a call.
                continue
        return found

    def _sightings(
        self, function: Function[Any], values: Sequence[Any], read_lane: ReadLane
    ) -> Iterator[Sighting]:
        here, places = self.chain_id, dict[Fact, tuple[bytes, ...]]()
        if function is gateway.DELIVER:
            attestation, batches = values
            for batch in batches:
                places |= self._delivered(attestation[0], batch, read_lane)
        elif function is gateway.FOLLOW_RESTART:
            attestation, origin, nonce, proof = values
            places[RestartFact(origin, here, nonce)] = tuple(proof)
            if _proven(places, attestation[0]):
                genesis = genesis_head(self.domain.network_id, origin, here, nonce)
                self.lanes[origin, here] = InboxLane(nonce, genesis)
        elif function is gateway.REFUND_CLOSED:
            fields, walk, status, attestation, proof = values
            destination, nonce = walk[:2]
            id_ = self._message(fields, here, destination, nonce).id
            places[UnexecutedFact(here, destination, nonce, id_, status)] = tuple(proof)
        elif function is gateway.ROTATE:
            attestation, following, proof = values
            validator_set = ValidatorSet.from_words(*following)
            places[SetFact(validator_set.version, validator_set.hash)] = tuple(proof)
        else:
            attestation, proof = values
            validator_set = ValidatorSet.from_words(*attestation[1])
            places[SetFact(validator_set.version, validator_set.hash)] = tuple(proof)
        root = attestation[0]
        if signatures := self._signatures(attestation):
            yield Sighting(root, signatures, _proven(places, root))

    def _signatures(self, attestation: Sequence[Any]) -> dict[str, bytes]:
        root, set_fields, signers, signatures = attestation
        members = ValidatorSet.from_words(*set_fields).members
        named = [signer for i, (signer, _) in enumerate(members) if signers >> i & 1]
        said = {signer: r + vs for signer, (r, vs) in zip(named, signatures, strict=False)}
        return {signer: one for signer, one in said.items() if self.domain.recover(root, one) == signer}

    def _delivered(
        self, root: bytes, batch: Sequence[Any], read_lane: ReadLane
    ) -> dict[Fact, tuple[bytes, ...]]:
        """The head that a batch proves; its Inbox is behind the batch's messages then."""
        origin = batch[1]
        for lane in (self.lanes.get((origin, self.chain_id)), None):
            lane = lane or read_lane(origin)
            proven = None if lane is None else self._replay(root, batch, lane)
            if proven is not None:
                return proven
        return {}

    def _replay(
        self, root: bytes, batch: Sequence[Any], lane: InboxLane
    ) -> dict[Fact, tuple[bytes, ...]] | None:
        """As `Inbox._deliverBatch`. None if the lane was not there before."""
        messages, origin, first, proof, ids = batch
        count, here = len(messages), self.chain_id
        last, known = first + count + len(ids) - 1, lane.nonce + 1 - first
        if last <= lane.nonce:
            return {}
        if known < 0:
            return None
        head = lane.head
        for i in range(known, count):
            head = extend(head, self._message(messages[i], origin, here, first + i).id)
        end = head
        for id_ in ids[max(0, known - count) :]:
            end = extend(end, id_)
        proven = _proven({LaneFact(origin, here, last, end): tuple(proof)}, root)
        if not proven:
            return None
        if known < count:
            self.lanes[origin, here] = InboxLane(first + count - 1, head)
        return proven

    def _message(self, fields: Sequence[Any], origin: int, destination: int, nonce: int) -> Message:
        return Message(self.domain.network_id, origin, destination, nonce, *fields)


def _proven(places: dict[Fact, tuple[bytes, ...]], root: bytes) -> dict[Fact, tuple[bytes, ...]]:
    return {fact: proof for fact, proof in places.items() if leads_to(root, proof, fact.leaf)}


def _calls(data: bytes) -> Iterator[tuple[Function[Any], Sequence[Any]]]:
    """Calls with an attestation: the transaction's own, or what is within the calldata of another contract's."""
    places = sorted(at for selector in _CALLS for at in _found(data, selector))
    for at in [0] if 0 in places else places[:_MOST_CALLS]:
        function = _CALLS[data[at : at + 4]]
        try:
            yield function, _DECODER.decode(function.parameters, data[at + 4 :], strict=False)
        except READ_FAULTS:
            continue


def _found(data: bytes, selector: bytes) -> Iterator[int]:
    at = data.find(selector)
    while at >= 0:
        yield at
        at = data.find(selector, at + 1)


class _Frugal(ContextFramesBytesIO):
    """Calldata that is not read over and over: offsets that all lead to one place make much of little."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)  # type: ignore[no-untyped-call]
        self._left = 8 * len(data) + 1_024

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self._left -= len(found)
        if self._left < 0:
            raise ValueError("the same bytes again and again")
        return found


class _Decoder(ABIDecoder):
    stream_class = _Frugal


_DECODER = _Decoder(registry)
