"""The gateway over three real chains, driven at random: P1, P2 and P3.

The machine speaks raw JSON-RPC (six times as fast as through Ape); `tests/crosschain/test_gateway.py` walks
the same paths through Ape. Its ghost is the list of every message ever sent and what must have become of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from eth_abi.abi import decode
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from metalayer import gateway
from metalayer.attestation import Attestation, LaneFact, Tree
from metalayer.message import Message, extend, genesis_head, interoperable
from tests.gateways import CHAINS, Gateways
from tests.paper import Validators
from tests.scripted import ACCEPTING, Behaviour

ENOUGH_GAS, TOO_LITTLE_GAS = 300_000, 20_000
HOUR = 3_600
# Half of the time a recipient accepts: enough that messages get through.
MOODS = st.just(Behaviour.ACCEPT) | st.sampled_from(sorted(Behaviour))
ATTACKS = (
    "sub-quorum",
    "strangers",
    "foreign set",
    "altered",
    "invented",
    "gap",
    "missing",
    "unproven",
)
NOBODY = "0x000000000000000000000000000000000000bEEF"  # has no code
# Who signs when the validators do not: a set that every chain would accept, but none installed.
STRANGERS = Validators([1] * 5, expires=2**63, version=2, name="stranger")


@dataclass
class Lane:
    """What the machine knows of one lane. `heads[n]` is the head after n messages."""

    origin: str
    destination: str
    heads: list[bytes]
    messages: list[Message] = field(default_factory=list)
    delivered: int = 0

    @property
    def pending(self) -> int:
        return len(self.messages) - self.delivered


@dataclass(frozen=True)
class Part:
    """A batch to be: which messages of a lane, seen from how far back, under which signed nonce."""

    lane: Lane
    first: int
    last: int
    signed: int

    @property
    def fact(self) -> LaneFact:
        message = self.lane.messages[self.signed - 1]
        return LaneFact(message.origin, message.destination, self.signed, self.lane.heads[self.signed])

    def batch(self, tree: Tree) -> gateway.Batch:
        messages = self.lane.messages
        return gateway.Batch(
            fact=self.fact,
            proof=tuple(tree.proof(self.fact)),
            first=self.first,
            messages=tuple(messages[self.first - 1 : self.last]),
            ids=tuple(message.id for message in messages[self.last : self.signed]),
        )


class GatewayMachine(RuleBasedStateMachine):
    """Senders, honest and racing relayers, moody recipients, and attackers with fewer keys than a quorum."""

    gateways: Gateways  # set by the test: the deployment is a session fixture

    def __init__(self) -> None:
        super().__init__()
        g = self.gateways
        self.snapshots = {name: g.rpc(name, "evm_snapshot") for name in CHAINS}
        for name in CHAINS:
            # Wall-clock time would let an example end differently when Hypothesis runs it again.
            g.rpc(name, "anvil_setBlockTimestampInterval", 1)
        self.lanes = [
            Lane(a, b, [genesis_head(g.network_id, g.chain_id(a), g.chain_id(b))])
            for a in CHAINS
            for b in CHAINS
            if a != b
        ]
        self.behaviour = dict.fromkeys(CHAINS, Behaviour.ACCEPT)
        # Per chain, ids in the order in which the scripted recipient must have accepted them.
        self.accepted: dict[str, list[bytes]] = {name: [] for name in CHAINS}
        self.failed: list[Message] = []

    # Senders

    @rule(
        lane=st.integers(0, 5),
        to=st.sampled_from(["scripted", "scripted", "scripted", "nobody"]),
        gas=st.sampled_from([ENOUGH_GAS, ENOUGH_GAS, TOO_LITTLE_GAS, None]),
        deliver_within=st.sampled_from([None, HOUR + 60, 24 * HOUR]),
        payload=st.binary(max_size=31),
        count=st.integers(1, 4),
    )
    def send(
        self, lane: int, to: str, gas: int | None, deliver_within: int | None, payload: bytes, count: int
    ) -> None:
        chosen = self.lanes[lane]
        g = self.gateways
        recipient = g.recipients[chosen.destination] if to == "scripted" else NOBODY
        for _ in range(count):
            deadline = None if deliver_within is None else g.now(chosen.origin) + deliver_within
            data = gateway.encode_send(
                interoperable(g.chain_id(chosen.destination), recipient), payload, gas, deadline
            )
            receipt = g.transact(chosen.origin, g.sender, g.gateway, data)
            assert receipt["status"] == "0x1"
            self._append(chosen, receipt, recipient, payload)

    def _append(self, lane: Lane, receipt: dict[str, Any], recipient: str, payload: bytes) -> None:
        """Rebuild the message from the two logs alone, and hold it against what the machine asked for."""
        g = self.gateways
        sent, extended = receipt["logs"]
        nonce = int(extended["topics"][2], 16)
        gas_limit, deliver_before, fee, head = decode(
            ["uint64", "uint64", "uint256", "bytes32"], bytes.fromhex(extended["data"][2:])
        )
        message = Message(
            g.network_id,
            g.chain_id(lane.origin),
            g.chain_id(lane.destination),
            nonce,
            g.sender,
            recipient,
            gas_limit,
            deliver_before,
            fee,
            payload,
        )
        assert nonce == len(lane.messages) + 1
        assert bytes.fromhex(sent["topics"][1][2:]) == message.id
        assert head == extend(lane.heads[-1], message.id)
        lane.messages.append(message)
        lane.heads.append(head)

    # Relayers

    @precondition(lambda self: self._waiting())
    @rule(signers=st.sets(st.integers(0, 4), min_size=4), data=st.data(), racing=st.booleans())
    def deliver(self, signers: set[int], data: st.DataObject, racing: bool) -> None:
        chosen = data.draw(st.sampled_from(self._waiting()), label="lane")
        parts = [self._draw_part(chosen, data)]
        for lane in self._waiting(chosen.destination):
            if lane is not chosen and data.draw(st.booleans(), label=f"and the lane from {lane.origin}"):
                parts.append(self._draw_part(lane, data))
        calldata = self._delivery(parts, signers)
        g = self.gateways
        receipt = g.transact(chosen.destination, g.relayer, g.gateway, calldata)
        assert receipt["status"] == "0x1"
        self._settle(chosen.destination, parts, receipt)
        if racing:
            late = g.transact(chosen.destination, g.rival, g.gateway, calldata)
            assert late["status"] == "0x1"
            assert late["logs"] == []

    def _draw_part(self, lane: Lane, data: st.DataObject) -> Part:
        """Any number of messages, from a nonce that may overlap the lane, under any later signed nonce."""
        next_ = lane.delivered + 1
        first = data.draw(st.sampled_from(sorted({next_, 1, max(1, next_ - 2)})), label="first")
        last = data.draw(st.integers(next_, len(lane.messages)), label="last")
        signed = data.draw(st.integers(last, len(lane.messages)), label="signed")
        return Part(lane, first, last, signed)

    def _delivery(self, parts: list[Part], signers: set[int]) -> bytes:
        tree = Tree(part.fact for part in parts)
        attestation = self.gateways.attest(tree.root, signers)
        return gateway.encode_deliver(attestation, [part.batch(tree) for part in parts])

    def _settle(self, destination: str, parts: list[Part], receipt: dict[str, Any]) -> None:
        """What must have happened, in this order, is what the logs say (P1, P2)."""
        now = self.gateways.time_of(destination, receipt["blockNumber"])
        expected: list[tuple[str, bytes, int]] = []
        for part in parts:
            lane = part.lane
            executing = lane.messages[lane.delivered : part.last]
            assert all(a.nonce + 1 == b.nonce for a, b in pairwise(executing))
            for message in executing:
                if now <= message.deliver_before and self._accepts(destination, message):
                    expected.append(("MessageDelivered", message.id, message.nonce))
                    self.accepted[destination].append(message.id)
                else:
                    expected.append(("MessageFailed", message.id, message.nonce))
                    self.failed.append(message)
            lane.delivered = part.last
        assert self.gateways.outcomes(receipt) == expected

    def _accepts(self, destination: str, message: Message, gas: int | None = None) -> bool:
        enough = (message.gas_limit if gas is None else gas) > TOO_LITTLE_GAS
        scripted = message.recipient == self.gateways.recipients[destination]
        return scripted and enough and self.behaviour[destination] in ACCEPTING

    # Recipients

    @rule(destination=st.sampled_from(CHAINS), behaviour=MOODS)
    def change_behaviour(self, destination: str, behaviour: Behaviour) -> None:
        self.gateways.set_behaviour(destination, behaviour)
        self.behaviour[destination] = behaviour

    @precondition(lambda self: self.failed)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        g = self.gateways
        message = data.draw(st.sampled_from(self.failed), label="message")
        destination = g.name(message.destination)
        calldata = gateway.encode_retry(message)
        receipt = g.transact(destination, g.relayer, g.gateway, calldata)
        now = g.time_of(destination, receipt["blockNumber"])
        # All the gas of the transaction reaches the recipient, however little the message asked for.
        if now <= message.deliver_before and self._accepts(destination, message, gas=ENOUGH_GAS):
            assert g.outcomes(receipt) == [("MessageDelivered", message.id, message.nonce)]
            self.failed.remove(message)
            self.accepted[destination].append(message.id)
        else:
            assert receipt["status"] == "0x0"

    @rule(seconds=st.sampled_from([1, 60, HOUR, 5 * HOUR]))
    def pass_time(self, seconds: int) -> None:
        for name in CHAINS:
            self.gateways.rpc(name, "evm_mine", hex(self.gateways.now(name) + seconds))

    # Attackers: everything here reverts, with this error

    @precondition(lambda self: self._waiting())
    @rule(kind=st.sampled_from(ATTACKS), data=st.data())
    def attack(self, kind: str, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self._waiting()), label="lane")
        g = self.gateways
        newest = len(chosen.messages)
        last = data.draw(st.integers(chosen.delivered + 1, newest), label="last")
        part = Part(chosen, chosen.delivered + 1, last, newest)
        tree = Tree([part.fact, LaneFact(1, 2, 3, b"\x11" * 32)])
        batch = part.batch(tree)
        attestation = self.gateways.attest(tree.root, {0, 1, 2, 3})
        match kind:
            case "sub-quorum":
                three = data.draw(st.sets(st.integers(0, 4), max_size=3), label="signers")
                attestation, error = self.gateways.attest(tree.root, three), "QuorumNotReached"
            case "strangers":
                theirs = STRANGERS.sign(g.network_id, g.gateway, tree.root).signatures
                pretended = dict(zip(attestation.signatures, theirs.values(), strict=False))
                attestation = Attestation(tree.root, g.validator_set, pretended)
                error = "InvalidSignature"
            case "foreign set":
                attestation = STRANGERS.sign(g.network_id, g.gateway, tree.root)
                error = "UnknownValidatorSet"
            case "altered":
                position = data.draw(st.integers(0, len(batch.messages) - 1), label="position")
                batch, error = _altered(batch, position), "HeadMismatch"
            case "invented":
                # The attackers' head for the lane, under a root that the validators signed for another one.
                invented = LaneFact(part.fact.origin, part.fact.destination, newest, b"\x66" * 32)
                batch, error = (
                    gateway.Batch(invented, batch.proof, batch.first, batch.messages, batch.ids),
                    "FactNotProven",
                )
            case "gap":
                batch = replace(batch, first=batch.first + 1)
                error = "LaneGap"
            case "missing":
                batch = replace(batch, messages=batch.messages[:-1])
                error = "BatchLengthMismatch"
            case _:
                batch = replace(batch, proof=batch.proof[:-1])
                error = "FactNotProven"
        calldata = gateway.encode_deliver(attestation, [batch])
        assert g.revert_of(chosen.destination, g.rival, g.gateway, calldata) == error
        receipt = g.transact(chosen.destination, g.rival, g.gateway, calldata)
        assert receipt["status"] == "0x0"

    # What must always hold

    @invariant()
    def lanes_are_prefixes(self) -> None:
        """P2: the Inbox has the Outbox's head at its own nonce; P3: no attack moved anything."""
        for name in CHAINS:
            leaving = [lane for lane in self.lanes if lane.origin == name]
            arriving = self._towards(name)
            states = self.gateways.lane_states(
                name, [lane.destination for lane in leaving], [lane.origin for lane in arriving]
            )
            assert states == [
                *((len(lane.messages), lane.heads[-1]) for lane in leaving),
                *((lane.delivered, lane.heads[lane.delivered]) for lane in arriving),
            ]

    @invariant()
    def accepted_once_and_in_order(self) -> None:
        """P1: each recipient accepted what the machine expects, once, in this order, and nothing else."""
        for name in CHAINS:
            assert self.gateways.accepted_ids(name) == self.accepted[name]
            assert len(set(self.accepted[name])) == len(self.accepted[name])

    def teardown(self) -> None:
        """Whatever was done to them, all lanes can be drained; every message has exactly one end."""
        try:
            self._drain()
        finally:
            for name, snapshot in self.snapshots.items():
                self.gateways.rpc(name, "anvil_removeBlockTimestampInterval")
                assert self.gateways.rpc(name, "evm_revert", snapshot) is True

    def _drain(self) -> None:
        g = self.gateways
        for destination in CHAINS:
            parts = [
                Part(lane, lane.delivered + 1, len(lane.messages), len(lane.messages))
                for lane in self._towards(destination)
                if lane.pending
            ]
            if parts:
                receipt = g.transact(
                    destination, g.relayer, g.gateway, self._delivery(parts, {0, 1, 2, 3, 4})
                )
                assert receipt["status"] == "0x1"
                self._settle(destination, parts, receipt)
            failed = {message.id for message in self.failed}
            for lane in self._towards(destination):
                ids = [message.id for message in lane.messages]
                assert g.failed(destination, ids) == [id_ in failed for id_ in ids]

    def _waiting(self, destination: str | None = None) -> list[Lane]:
        """Lanes with messages to deliver."""
        return [lane for lane in self.lanes if lane.pending and destination in (None, lane.destination)]

    def _towards(self, destination: str) -> list[Lane]:
        return [lane for lane in self.lanes if lane.destination == destination]


def _altered(batch: gateway.Batch, position: int) -> gateway.Batch:
    """The batch with one more byte in one payload."""
    messages = list(batch.messages)
    messages[position] = replace(messages[position], payload=messages[position].payload + b"!")
    return replace(batch, messages=tuple(messages))


def test_gateway_machine(gateways: Gateways) -> None:
    """P1 (as far as messages end here: delivered or failed), P2 and P3 over three chains."""
    GatewayMachine.gateways = gateways
    profile = settings.default
    run_state_machine_as_test(
        GatewayMachine,
        settings=settings(profile, max_examples=2 * profile.max_examples, stateful_step_count=30),
    )
