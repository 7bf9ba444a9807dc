"""Delivery to one destination: what fits into a transaction, and what to do when one is refused."""

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection, fault
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.rpc import Reverted, RpcError
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Attestation
from metalayer.protocol.facts import LaneFact, RestartFact, Tree
from metalayer.relayer.backlog import Work
from metalayer.relayer.results import Delivery

MAX_CALLDATA = 120_000
"""Most bytes of calldata in one transaction: nodes refuse transactions over 131,072 bytes."""

# Offset, five words and the lengths of three arrays.
_BATCH_BYTES = 32 * 9
# Nothing can be delivered under an attestation that is refused for one of these.
_ATTESTATION_ERRORS = (
    "InvalidSignature",
    "QuorumNotReached",
    "SignersMismatch",
    "UnknownValidatorSet",
    "ValidatorSetExpired",
)
# What a delivery takes besides its recipients' gas. Generous, since nobody pays for what is not used. For each lane up
# to five new words; for each message what the Inbox keeps back (`RecipientCall.required`) and some more; a byte costs
# up to 40 (EIP-7623), and is copied, hashed or part of a signature that is checked.
_GAS, _GAS_PER_BATCH, _GAS_PER_MESSAGE, _GAS_PER_BYTE = 100_000, 120_000, 75_000, 64


@dataclass(frozen=True)
class Courier:
    """Delivers on one destination, and keeps account in `delivery`."""

    connection: Connection
    gateway: str
    sender: Sender
    delivery: Delivery

    def deliver(self, work: Sequence[Work], tree: Tree, attestation: Attestation) -> None:
        """Lanes of one root to one destination, in as few transactions as fit, one after the other."""
        connection, delivery = self.connection, self.delivery
        started = time.monotonic()
        try:
            connection.make_way(self.sender)
            ceiling = min(MAX_TRANSACTION_GAS, connection.block().gas_limit // 2)
            for one in work:
                if one.restart is not None:
                    self._follow(one.restart, tree, attestation)
            left = self._undelivered(work)
            most = _size(left)
            while left:
                batches = pack(left, tree, MAX_CALLDATA - _attestation_size(attestation), most)
                data = gateway.DELIVER.encode(attestation, batches)
                refusal = self._try(data, min(gas_of(data, batches), ceiling))
                before = _size(left)
                left = self._undelivered(left)
                if _size(left) < before:
                    most = 2 * most
                elif refusal.startswith(_ATTESTATION_ERRORS):
                    delivery.problems.append(f"{connection.name}: {refusal}")
                    break
                elif (count := sum(len(batch.messages) for batch in batches)) > 1:
                    most = count // 2
                else:
                    stuck = batches[0].messages[0]
                    delivery.problems.append(
                        f"{connection.name}: message {stuck.nonce} from {stuck.origin} "
                        f"(0x{stuck.id.hex()}) cannot be delivered: {refusal}"
                    )
                    left = [one for one in left if one.state.ends[0] != stuck.origin]
                    most = _size(left)
        except MetalayerError as error:
            delivery.problems.append(fault(connection, error))
        delivery.seconds += time.monotonic() - started

    def _follow(self, restart: RestartFact, tree: Tree, attestation: Attestation) -> None:
        proof = tree.proof(restart)
        data = gateway.FOLLOW_RESTART.encode(attestation, restart.origin, restart.nonce, proof)
        refusal = self._try(data, None)
        if not refusal:
            self.delivery.followed += 1
        # Another relayer may have followed it meanwhile.
        elif not refusal.startswith("RestartNotAhead"):
            self.delivery.problems.append(f"{self.connection.name}: the restart is not followed: {refusal}")

    def _try(self, data: bytes, gas: int | None) -> str:
        """Rehearses one delivery with a gas limit, and sends it with the same one. Otherwise says why not.

        `gas` None leaves the limit to the node's estimate, which is a rehearsal, too.
        """
        try:
            if gas is not None:
                # Run once. An estimate, which looks for the lowest limit, takes a node tens of runs.
                self.connection.call(self.gateway, data, sender=self.sender.address, gas=gas)
            receipt = self.connection.send(self.sender, self.gateway, data, gas)
            _account(self.delivery, self.gateway, receipt)
        except Reverted as error:
            if error.receipt is not None:
                _account(self.delivery, self.gateway, error.receipt)
            return error.reason
        except RpcError as error:
            # A node refuses what does not fit into a block in its own words.
            return str(error)
        return ""

    def _undelivered(self, work: Sequence[Work]) -> list[Work]:
        """What the chain does not have yet: another relayer may have been there."""
        delivering = [lane for lane in work if lane.messages]
        inboxes = self.connection.batch(
            gateway.INBOX_LANE.request(self.gateway, lane.state.ends[0]) for lane in delivering
        )
        left = [lane.after(inbox.nonce) for lane, inbox in zip(delivering, inboxes, strict=True)]
        return [lane for lane in left if lane.messages]


def pack(work: Iterable[Work], tree: Tree, calldata: int, most: int) -> list[gateway.Batch]:
    """Batches, lane after lane, of at most `most` messages in about `calldata` bytes; never none at all."""
    batches: list[gateway.Batch] = []
    for one in work:
        taken, size = _fit(one, tree, calldata, most, at_least=0 if batches else 1)
        if taken == 0:
            break
        batches.append(_batch(one, taken, tree))
        calldata -= size
        most -= taken
        if taken < len(one.messages):
            break
    return batches


def gas_of(data: bytes, batches: Sequence[gateway.Batch]) -> int:
    """Gas that is enough for a delivery whatever its recipients do: a rehearsal binds them to nothing."""
    limits = [message.gas_limit for batch in batches for message in batch.messages]
    own = _GAS + _GAS_PER_BATCH * len(batches) + _GAS_PER_MESSAGE * len(limits) + _GAS_PER_BYTE * len(data)
    return own + sum(limits) * 64 // 63


def _fit(one: Work, tree: Tree, calldata: int, most: int, at_least: int) -> tuple[int, int]:
    """How many of the lane's next messages fit, and the bytes of their batch with its proof and suffix."""
    taken, size, messages = 0, 0, 0
    for count, sent in enumerate(one.messages[:most], 1):
        messages += _message_size(sent)
        suffix = _fact_for(one, sent).nonce - sent.message.nonce
        total = _BATCH_BYTES + messages + 32 * (tree.depth + suffix)
        if total > calldata and count > at_least:
            break
        taken, size = count, total
    return taken, size


def _batch(one: Work, count: int, tree: Tree) -> gateway.Batch:
    chosen = one.messages[:count]
    fact = _fact_for(one, chosen[-1])
    suffix = one.messages[count : count + fact.nonce - chosen[-1].message.nonce]
    return gateway.Batch(
        messages=[sent.message for sent in chosen],
        origin=fact.origin,
        first=chosen[0].message.nonce,
        proof=tree.proof(fact),
        ids=[sent.id for sent in suffix],
    )


def _fact_for(one: Work, sent: Sent) -> LaneFact:
    """The nearest fact at or after a message."""
    return one.facts[bisect_left(one.facts, sent.message.nonce, key=lambda fact: fact.nonce)]


def _message_size(sent: Sent) -> int:
    # Its offset, five words, the payload's offset, length and padded bytes.
    return 32 * (8 + (len(sent.message.payload) + 31) // 32)


def _attestation_size(attestation: Attestation) -> int:
    # Selector, two offsets, four words of the attestation, four of its set, lengths of the two arrays.
    return 4 + 32 * 12 + 32 * len(attestation.validator_set.members) + 64 * len(attestation.signatures)


def _account(delivery: Delivery, gateway_address: str, receipt: Receipt) -> None:
    # Recipients may log whatever they like: also nothing at all, or what looks like the gateway's.
    own = [log for log in receipt["logs"] if log.address == gateway_address.lower()]
    delivery.delivered += sum(log.topics[:1] == (gateway.MESSAGE_DELIVERED.topic,) for log in own)
    failed = [log for log in own if log.topics[:1] == (gateway.MESSAGE_FAILED.topic,)]
    delivery.failed += len(failed)
    delivery.expired += sum(any(log.data) for log in failed)
    delivery.gas_used += receipt["gasUsed"]
    delivery.transactions.append(receipt["transactionHash"])


def _size(work: Iterable[Work]) -> int:
    return sum(len(one.messages) for one in work)
