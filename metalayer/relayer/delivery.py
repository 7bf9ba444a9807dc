"""Delivery to one destination: what fits into a transaction, and what to do when one is refused."""

import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
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
from metalayer.protocol.gateway import Batch
from metalayer.protocol.rpc import READ_FAULTS
from metalayer.relayer.backlog import Work
from metalayer.relayer.clocks import due, moment, present
from metalayer.relayer.gas import (
    Call,
    Means,
    batch_gas,
    bytes_gas,
    delivery_gas,
    ending_gas,
    kept_back,
    message_gas,
    refused,
)
from metalayer.relayer.limits import Limits
from metalayer.relayer.memory import Kind, Memory
from metalayer.relayer.purse import Purse
from metalayer.relayer.results import Delivery, claims_paid

MAX_CALLDATA = 120_000
"""Most bytes of calldata in one transaction: nodes refuse transactions over 131,072 bytes."""

_NO_BATCH = Batch([], 0, 0, [], [])
# Offset, five words and the lengths of three arrays.
_BATCH_BYTES = 32 * 9
# Nothing can be delivered under an attestation that is refused for one of these.
_ATTESTATION_ERRORS = (
    "InvalidSignature",
    "QuorumNotReached",
    "SignersMismatch",
    "ValidatorSetExpired",
)
_OVERTAKEN = "UnknownValidatorSet"


@dataclass(frozen=True)
class Courier:
    """Delivers on one destination, and keeps account in `delivery`."""

    connection: Connection
    gateway: str
    sender: Sender
    limits: Limits
    purse: Purse
    delivery: Delivery

    @property
    def _memory(self) -> Memory:
        return self.limits.memory

    def deliver(self, work: Sequence[Work], tree: Tree, attestation: Attestation) -> bool:
        """Lanes of one root to one destination, in as few transactions as fit, one after the other.

        False if the chain has another validator set than the attestation's: nothing was delivered from then on.
        """
        connection, delivery = self.connection, self.delivery
        started = time.monotonic()
        try:
            connection.make_way(self.sender)
            means = Means.read(connection, self.sender.address)
            # Nobody pays for that, and a chain that lies may restart its lanes again and again.
            paid_for = self._affordable([lane for lane in work if lane.restart is not None])
            restarts = [one.restart for one in paid_for if one.restart is not None]
            return all(self._follow(one, tree, attestation, means) for one in restarts) and self._deliver(
                self._punctual(self._due(work, means), means), tree, attestation
            )
        except MetalayerError as error:
            delivery.problems.append(fault(connection, error))
            return True
        finally:
            delivery.seconds += time.monotonic() - started

    def _due(self, work: Sequence[Work], means: Means) -> list[Work]:
        """What the chain does not have yet, without lanes whose next message failed a short while ago."""
        waiting = self._memory.waiting(Kind.DELIVERY, self.connection.chain_id)
        left = self._undelivered(work)
        self.delivery.put_off += [
            reason for lane in left if (reason := waiting.get(_item(lane.messages[0], means))) is not None
        ]
        return [lane for lane in left if _item(lane.messages[0], means) not in waiting]

    def _punctual(self, work: Sequence[Work], means: Means) -> list[Work]:
        """Without what was sent later than the chain's present second."""
        if not any(lane.times for lane in work):
            return list(work)
        connection = self.connection
        now = present(connection, means.now)
        if (wait := moment(work, now)) > 0:
            time.sleep(wait)
            now = present(connection, now)
        kept = [due(lane, now) for lane in work]
        self.delivery.put_off += [
            f"lane {lane.state.name}: {len(lane.waiting)} messages were sent later than it is on {connection.name} now"
            for lane in kept
            if lane.waiting
        ]
        return [lane for lane in kept if lane.messages]

    def _deliver(self, left: list[Work], tree: Tree, attestation: Attestation) -> bool:
        connection, delivery = self.connection, self.delivery
        most = bound = _size(left)
        own_size = _attestation_size(attestation)
        while left := self._affordable(left):
            means = Means.read(connection, self.sender.address)
            # A transaction has room for all that its messages were promised: what a recipient does to it in a rehearsal
            # is no promise.
            kept = kept_back(sent.message.gas_limit for lane in left for sent in lane.messages)
            gas = means.affordable - delivery_gas(own_size, []) - kept
            batches = pack(left, tree, MAX_CALLDATA - own_size, most, gas)
            first = left[0].messages[0]
            refusal, was_paid = self._try(attestation, batches, means)
            before = _size(left)
            left = self._undelivered(left)
            count = sum(len(batch.messages) for batch in batches)
            if _size(left) < before:
                self._memory.ended(Kind.DELIVERY, connection.chain_id, [_item(first, means)])
                # A size that failed is not tried again.
                most = min(2 * most, bound)
            elif refusal.startswith(_OVERTAKEN):
                return False
            elif refusal.startswith(_ATTESTATION_ERRORS):
                delivery.problems.append(f"{connection.name}: {refusal}")
                break
            elif count > 1:
                most = count // 2
                bound = count - 1
            else:
                stuck = batches[0].messages[0]
                reason = (
                    f"{connection.name}: message {stuck.nonce} from {stuck.origin} "
                    f"(0x{stuck.id.hex()}) cannot be delivered: {refusal or 'its Inbox does not move'}"
                )
                self._memory.failed(
                    Kind.DELIVERY, connection.chain_id, [(_item(first, means), reason)], paid=was_paid
                )
                delivery.problems.append(reason)
                left = [one for one in left if one.state.ends[0] != stuck.origin]
                most = bound = _size(left)
        return True

    def _affordable(self, left: Sequence[Work]) -> list[Work]:
        """Without lanes whose origin does not pay."""
        kept = []
        for lane in left:
            try:
                excess = self.limits.excess(lane.state, self.sender.address)
            except MetalayerError as error:
                excess = fault(lane.state.origin, error)
            if excess:
                self.delivery.problems.append(excess)
            else:
                kept.append(lane)
        return kept

    def _follow(self, restart: RestartFact, tree: Tree, attestation: Attestation, means: Means) -> bool:
        """False if the chain has another validator set."""
        here, item = self.connection.chain_id, f"{restart.origin} {restart.nonce}"
        if item in self._memory.waiting(Kind.FOLLOW, here):
            return True
        proof = tree.proof(restart)
        data = gateway.FOLLOW_RESTART.encode(attestation, restart.origin, restart.nonce, proof)
        refusal, was_paid = self._send(data, ending_gas(data), means, {restart.origin: 1})
        # Another relayer may have followed it meanwhile.
        if not refusal or refusal.startswith("RestartNotAhead"):
            self.delivery.followed += not refusal
            self._memory.ended(Kind.FOLLOW, here, [item])
            return True
        if refusal.startswith(_OVERTAKEN):
            return False
        self._memory.failed(Kind.FOLLOW, here, [(item, refusal)], paid=was_paid)
        self.delivery.problems.append(f"{self.connection.name}: the restart is not followed: {refusal}")
        return True

    def _try(self, attestation: Attestation, batches: Sequence[Batch], means: Means) -> tuple[str, bool]:
        """Delivers the batches. Otherwise says why not, and whether that was paid for."""
        try:
            data = gateway.DELIVER.encode(attestation, batches)
        except READ_FAULTS as error:
            return f"it cannot be written as a call: {error}", False
        gas = min(delivery_gas(len(data), batches), means.room)
        return self._send(data, gas, means, {batch.origin: batch_gas(batch) for batch in batches})

    def _send(self, data: bytes, gas: int, means: Means, shares: Mapping[int, int]) -> tuple[str, bool]:
        """Rehearses a call with a gas limit and a price, and sends it with the same. `shares`: what each origin's part
        weighs.
        """
        connection, account = self.connection, self.sender.address
        means.check(connection, account, gas)
        if refusal := refused(connection, account, Call(self.gateway, data, gas), means):
            return refusal, False
        self.purse.look()
        try:
            receipt = connection.send(self.sender, self.gateway, data, gas)
        except Reverted as error:
            if error.receipt is not None:
                self._account(error.receipt, means.wei(error.receipt, gas), shares)
            return error.reason, error.receipt is not None
        except RpcError as error:
            return str(error), False
        self._account(receipt, means.wei(receipt, gas), shares)
        return "", False

    def _account(self, receipt: Receipt, cost: tuple[int, int], shares: Mapping[int, int]) -> None:
        delivery, here = self.delivery, self.connection.chain_id
        # Recipients may log whatever they like: also nothing at all, or what looks like the gateway's.
        own = [log for log in receipt["logs"] if log.address == self.gateway.lower()]
        delivery.delivered += sum(log.topics[:1] == (gateway.MESSAGE_DELIVERED.topic,) for log in own)
        failed = [log for log in own if log.topics[:1] == (gateway.MESSAGE_FAILED.topic,)]
        delivery.failed += len(failed)
        delivery.expired += sum(any(log.data) for log in failed)
        delivery.claims_paid += claims_paid(own, self.sender.address)
        gas, wei = cost
        delivery.gas_used += gas
        delivery.wei += wei
        delivery.transactions.append(receipt["transactionHash"])
        for origin, share in shares.items():
            part = gas * share // sum(shares.values())
            self._memory.charge(self.sender.address, origin, here, part)

    def _undelivered(self, work: Sequence[Work]) -> list[Work]:
        """What the chain does not have yet: another relayer may have been there."""
        delivering = [lane for lane in work if lane.messages]
        inboxes = self.connection.batch(
            gateway.INBOX_LANE.request(self.gateway, lane.state.ends[0]) for lane in delivering
        )
        left = [lane.after(inbox.nonce) for lane, inbox in zip(delivering, inboxes, strict=True)]
        return [lane for lane in left if lane.messages]


def pack(
    work: Iterable[Work], tree: Tree, calldata: int, most: int, gas: int = MAX_TRANSACTION_GAS
) -> list[Batch]:
    """Batches, lane after lane, of at most `most` messages in about `calldata` bytes, to which no more than `gas` was
    promised; never none at all.
    """
    batches: list[Batch] = []
    for one in work:
        taken, size, promised = _fit(one, tree, (calldata, most, gas), at_least=0 if batches else 1)
        if taken == 0:
            break
        batches.append(_batch(one, taken, tree))
        calldata -= size
        gas -= promised
        most -= taken
        if taken < len(one.messages):
            break
    return batches


def _fit(one: Work, tree: Tree, room: tuple[int, int, int], at_least: int) -> tuple[int, int, int]:
    """How many of the lane's next messages fit, the bytes of their batch with its proof and suffix, and their gas."""
    calldata, most, gas = room
    best, messages, promised = (0, 0, 0), 0, batch_gas(_NO_BATCH)
    for count, sent in enumerate(one.messages[:most], 1):
        messages += _message_size(sent)
        promised += message_gas(sent.message.gas_limit)
        suffix = _fact_for(one, sent).nonce - sent.message.nonce
        size = _BATCH_BYTES + messages + 32 * (tree.depth + suffix)
        needed = promised + bytes_gas(size)
        if count > at_least and (size > calldata or needed > gas):
            # The suffix gets shorter up to the next fact; what was promised only grows.
            break
        best = (count, size, needed)
    return best


def _batch(one: Work, count: int, tree: Tree) -> Batch:
    chosen = one.messages[:count]
    fact = _fact_for(one, chosen[-1])
    suffix = [*one.messages, *one.waiting][count : count + fact.nonce - chosen[-1].message.nonce]
    return Batch(
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


def _item(sent: Sent, means: Means) -> str:
    """How a lane's next message is remembered. Once it has expired it needs nobody's consent: that is another try."""
    late = " late" if sent.message.deliver_before < means.now else ""
    return f"{sent.message.origin} {sent.message.nonce}{late}"


def _size(work: Iterable[Work]) -> int:
    return sum(len(one.messages) for one in work)
