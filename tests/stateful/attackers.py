"""Attackers with fewer keys than a quorum, and one with a quorum that speaks for a chain it took over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from eth_abi.abi import encode
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.attestation import Attestation, ValidatorSet
from metalayer.protocol.facts import LaneFact, SetFact, Tree
from metalayer.protocol.gateway import Kind, Status, Walk
from metalayer.protocol.message import NEVER_EXPIRES, Fee, Message, extend
from tests.kit.gateways import ATTACKER, HUB, LANES, NOBODY, RELAYER, RIVAL
from tests.kit.paper import Validators
from tests.kit.stack import CHAINS
from tests.stateful.ghost import GATEWAY_GAS, Log
from tests.stateful.machine import (
    DAY,
    LANE,
    PICK,
    RELAYERS,
    SET_LIFETIME,
    SET_STEP,
    Lane,
    Part,
    pick,
    short_of_quorum,
)
from tests.stateful.relayers import Relayers
from tests.stateful.settlers import Settlers

# Who signs when the validators do not: a set that every chain would accept, but none installed.
_STRANGERS = Validators([1] * 5, expires=2**63, version=2, name="stranger")
_STARTS = 5
_ELSEWHERE = LaneFact(1, 2, 3, b"\x11" * 32)


@dataclass(frozen=True)
class Shown:
    """An attestation as an attacker writes it: signatures in any order and number."""

    attestation: Attestation
    signers: int
    signatures: list[bytes]

    @property
    def fields(self) -> tuple[Any, ...]:
        root, validator_set, *_ = self.attestation.fields
        return root, validator_set, self.signers, [(one[:32], one[32:]) for one in self.signatures]


class Outsiders(Relayers):
    """P3: everything here is refused, with this error."""

    @precondition(lambda self: self._assailable())
    @rule(
        number=PICK,
        signers=PICK,
        kind=st.sampled_from(
            [
                "one signer short",
                "strangers",
                "foreign set",
                "set before",
                "swapped",
                "repeated",
                "left over",
                "out of range",
                "other root",
            ]
        ),
    )
    def attest_falsely(self, number: int, signers: int = 0, kind: str = "one signer short") -> None:
        lane = pick(self._assailable(), number)
        tree, batch = self._honest(lane, number)
        shown, error = self._shown(kind, lane[1], tree, signers)
        if shown is not None:
            self.refuse(lane[1], ATTACKER, gateway.DELIVER.encode(shown, [batch]), error)
            self.reach(f"attested: {kind}")

    def _assailable(self) -> list[Lane]:
        """Lanes in which something waits. Whether they are open is looked at last."""
        return [lane for lane in LANES if self.pending(lane)]

    def _honest(self, lane: Lane, number: int) -> tuple[Tree, gateway.Batch]:
        have, there = self.inc(lane).nonce, self.out(lane).run_from(self.inc(lane).nonce)
        part = Part(lane, have + 1, have + 1 + number % (there - have), there)
        tree = Tree([self.lane_fact(lane, there), _ELSEWHERE])
        return tree, self.batch(part, tree)

    def _shown(self, kind: str, name: str, tree: Tree, number: int) -> tuple[Any, str]:
        g, installed = self.gateways, self.sides[name].validator_set
        members = [signer for signer, _ in installed.members]
        everybody = g.attest(tree.root, installed, members)
        signatures = [everybody.signatures[signer] for signer in members]
        every = everybody.signers
        i, j = number % len(members), (number + 1) % len(members)
        match kind:
            case "one signer short":
                return g.attest(tree.root, installed, short_of_quorum(installed, number)), "QuorumNotReached"
            case "strangers":
                theirs = list(_STRANGERS.sign(g.network_id, g.gateway, tree.root).signatures.values())
                signatures = (theirs * 2)[: len(members)]
            case "foreign set":
                return _STRANGERS.sign(g.network_id, g.gateway, tree.root), "UnknownValidatorSet"
            case "set before":
                before = self.sets[self.sets.index(installed) - 1]
                if installed == self.sets[0]:
                    return None, ""
                return g.attest(tree.root, before, [s for s, _ in before.members]), "UnknownValidatorSet"
            case "swapped":
                signatures[i], signatures[j] = signatures[j], signatures[i]
            case "repeated":
                signatures[i] = signatures[j]
            case "left over":
                return Shown(everybody, every, [*signatures, signatures[i]]), "SignersMismatch"
            case "out of range":
                beyond = 1 << len(members) + number % (256 - len(members))
                return Shown(everybody, every | beyond, [*signatures, signatures[i]]), "SignersMismatch"
            case _:
                other = g.attest(b"\x22" * 32, installed, members)
                signatures = [other.signatures[signer] for signer in members]
        return Shown(everybody, every, signatures), "InvalidSignature"

    def clear_the_way(self) -> None:
        super().clear_the_way()
        for number in range(len(self._assailable())):
            for signers in range(_STARTS):
                self.attest_falsely(number, signers)

    @precondition(lambda self: self._assailable())
    @rule(
        number=PICK,
        kind=st.sampled_from(["altered", "gap", "missing", "unproven", "other lane", "stale fact"]),
    )
    def deliver_falsely(self, number: int, kind: str) -> None:
        """A quorum signed, but not this."""
        lane = pick(self._assailable(), number)
        _, batch = self._honest(lane, number)
        fact, towards = self.lane_fact(lane, self.out(lane).run_from(self.inc(lane).nonce)), lane
        match kind:
            case "altered":
                messages = list(batch.messages)
                i = number % len(messages)
                messages[i] = replace(messages[i], payload=messages[i].payload + b"!")
                batch = replace(batch, messages=tuple(messages))
            case "gap":
                batch = replace(batch, first=batch.first + 1)
            case "missing":
                if fact.nonce == batch.first:
                    # Without its only element it says nothing, and moves nothing.
                    return
                batch = replace(batch, messages=batch.messages[:-1])
            case "unproven":
                batch = replace(batch, proof=batch.proof[:-1])
            case "other lane":
                third = next(chain for chain in CHAINS if chain not in lane)
                towards = (third, lane[1])
                if self.inc(towards).nonce >= fact.nonce:
                    return
                # Its place may be ahead there; nothing of it is proven for that lane.
                batch = replace(batch, origin=self.gateways.id_of(third))
            case _:
                # Beyond the signed head: one message that the origin has not.
                extra = replace(batch.messages[-1], nonce=fact.nonce + 1)
                batch = replace(batch, messages=(*batch.messages, *([extra] if not batch.ids else [])))
                batch = replace(batch, ids=(*batch.ids, *([extra.id] if batch.ids else [])))
        is_gap = batch.first > self.inc(towards).nonce + 1
        error = "LaneGap" if is_gap else self.not_proven(towards, batch)
        attestation, _ = self.attest(lane[1], [fact, _ELSEWHERE], number)
        self.refuse(lane[1], ATTACKER, gateway.DELIVER.encode(attestation, [batch]), error)
        self.reach(f"delivered: {kind}")

    @rule(
        name=st.sampled_from(CHAINS),
        number=PICK,
        kind=st.sampled_from(["older", "shorter", "unsigned", "invalid", "far", "long"]),
    )
    def rotate_falsely(self, name: str, number: int, kind: str) -> None:
        """Never backwards nor too far ahead, never to a set that the installed one did not sign, or that is none."""
        installed, latest = self.sides[name].validator_set, self.next(name) + SET_LIFETIME
        one = pick([installed, *self.sets[: self.sets.index(installed)]], number)
        members = installed.members
        match kind:
            case "older":
                following, error = replace(one, expires=installed.expires + number), "SetNotNewer"
            case "shorter":
                following, error = replace(installed, version=installed.version + 1), "SetNotNewer"
            case "unsigned":
                following = replace(_STRANGERS.set, version=installed.version + 1)
                error = "FactNotProven"
            case "far":
                version = installed.version + SET_STEP + 1 + number
                following = ValidatorSet(version, installed.expires + 1, members)
                error = "VersionTooHigh"
            case "long":
                following = ValidatorSet(installed.version + SET_STEP, latest + 1 + number, members)
                error = "SetLivesTooLong"
            case _:
                heavy = sum(weight for _, weight in members)
                bad, error = pick(
                    [
                        (members[:3], "InvalidValidatorCount"),
                        (members[:1], "InvalidValidatorCount"),
                        ((*members[:4], members[3]), "InvalidSigner"),
                        (members[::-1], "InvalidSigner"),
                        (((_ZERO, 1), *members[:4]), "InvalidSigner"),
                        (((members[0][0], heavy), *members[1:]), "InvalidWeight"),
                    ],
                    number,
                )
                following = ValidatorSet(installed.version + 1, installed.expires + 1, tuple(bad))
        fact = SetFact(following.version, following.hash)
        signed = _ELSEWHERE if kind == "unsigned" else fact
        attestation, tree = self.attest(name, [signed], number)
        data = gateway.ROTATE.encode(attestation, following, tree.proof(signed))
        if name == HUB:
            # Whatever is wrong with it: it is not what was published last.
            error = "SetsAreAdopted"
            known = "SetNotNewer" if following == installed == self.sides[HUB].published else "SetNotNewest"
            self.refuse(name, ATTACKER, gateway.ADOPT.encode(following), known)
        self.refuse(name, ATTACKER, data, error)
        self.reach(f"rotated: {kind}")


class Cheats(Settlers):
    """P1, P5: nobody ends a message twice, or one that is not there."""

    @precondition(lambda self: self._tried())
    @rule(number=PICK, altered=st.booleans())
    def end_twice(self, number: int, altered: bool = False) -> None:
        """On the destination."""
        lane, message = pick(self._tried(), number)
        unended = self.sides[lane[1]].undelivered.get(message.id)
        late = max(self.next(lane[1]), message.deliver_before + 1)
        if altered:
            message, unended = replace(message, payload=message.payload + b"!"), None
        retry, back = (
            gateway.retry_call(message),
            gateway.return_call(message),
        )
        if unended is None:
            self.refuse(lane[1], ATTACKER, retry, "MessageNotFailed")
            self.refuse(lane[1], ATTACKER, back, "MessageNotReturnable", at=late)
        elif unended.status is Status.EXPIRED:
            self.refuse(lane[1], ATTACKER, retry, "MessageNotFailed")
        elif unended.notice_nonce:
            # It goes back: whatever its recipient would say now, it is not asked again.
            self.refuse(lane[1], ATTACKER, retry, "MessageExpired")
            self.reach("retried after its return")
        else:
            self.refuse(lane[1], ATTACKER, back, "MessageNotExpired", at=message.deliver_before)
            self.reach("returned before its time")

    def _tried(self) -> list[tuple[Lane, Message]]:
        """Those that did not get through count twice."""
        tried = [
            (lane, message)
            for lane in LANES
            for message in self.inc(lane).tried.values()
            if not self.of_gateways(message)
        ]
        missed = [one.message for _, one in self.undelivered(Status.FAILED, Status.EXPIRED)]
        return [*tried, *((self.lane_of(one), one) for one in missed if not self.of_gateways(one))]

    @rule(
        lane=LANE, number=PICK, kind=st.sampled_from(["no notice", "altered", "moved", "head", "cut", "long"])
    )
    def refund_falsely(self, lane: Lane, number: int, kind: str) -> None:
        """On the origin."""
        outbox = self.out(lane)
        messages = [message for message in outbox.sent.values() if not message.is_of_gateways]
        if not messages:
            return
        message = pick(messages, number)
        walk = outbox.walk(message.nonce, outbox.walk_ends(message.nonce)[-1])
        error = "NotInLane"
        match kind:
            case "no notice":
                if self.heard(lane, message):
                    return
                error = "NotReturned"
            case "altered":
                message = replace(message, fee=message.fee + (1 << 128))
            case "moved":
                walk = replace(walk, nonce=walk.nonce + 1)
            case "head":
                walk = replace(walk, previous_head=b"\x33" * 32)
            case "cut":
                if not walk.ids or message.nonce in outbox.stored:
                    return
                walk = replace(walk, ids=[])
            case _:
                walk, error = replace(walk, ids=[b"\x44" * 32] * 64), "WalkTooLong"
        self.refuse(lane[0], ATTACKER, gateway.REFUND.encode(message, walk), error)
        self.reach(f"refund: {kind}")


class Forgers(Cheats):
    """A quorum signs heads that a compromised chain invented. It can do harm to its own lanes only."""

    @initialize(lane=LANE, kind=st.sampled_from([None, "return", "return of nothing", "claim"]), number=PICK)
    def lie(self, lane: Lane, kind: str | None, number: int) -> None:
        """Most examples begin with a lie."""
        if kind:
            self.forge(lane, kind, number)

    @rule(
        lane=LANE,
        kind=st.sampled_from(
            ["return", "return", "return of nothing", "claim", "restart", "noise", "message"]
        ),
        number=PICK,
        amount=st.sampled_from([1, 10**7, 2**64 - 1, 2**256 - 1]),
        relayer=st.sampled_from(RELAYERS),
    )
    def forge(
        self, lane: Lane, kind: str, number: int, amount: int = 2**256 - 1, relayer: str = RELAYER
    ) -> None:
        """One message that the origin of `lane` never sent."""
        destination, inbox = lane[1], self.inc(lane)
        forged = self._forged(lane, kind, number, amount)
        head = extend(inbox.head, forged.id)
        fact = LaneFact(forged.origin, forged.destination, forged.nonce, head)
        attestation, tree = self.attest(destination, [fact], number)
        batch = gateway.Batch((forged,), forged.origin, forged.nonce, tuple(tree.proof(fact)), ())

        data, error = gateway.DELIVER.encode(attestation, [batch]), self.barrier(lane, [forged])
        if error:
            self.refuse(destination, relayer, data, error)
            return

        def effect() -> list[Log]:
            return self.execute(destination, lane, [forged], relayer)

        # What the destination does now for that lane, its origin has not to pay; and what it says back may be a lie.
        self.broken.add(lane)
        self.unfunded.add(lane)
        self.lied.add((lane[1], lane[0]))
        self.highest[lane] = max(self.highest[lane], forged.nonce)
        self.perform(destination, relayer, data, None, effect)
        self.reach(f"forged: {kind}")
        if kind == "return of nothing":
            self._refund_nothing(lane, number)

    def _forged(self, lane: Lane, kind: str, number: int, amount: int) -> Message:
        g = self.gateways
        sent = [message for one in LANES if one[0] == lane[1] for message in self.out(one).sent.values()]
        nothing = self._invented(lane)
        words: tuple[int, bytes, int, int]
        match kind:
            case "return":
                message = pick([nothing, *sent], number)
                words = (Kind.RETURN, message.id, number % 2, number)
            case "return of nothing":
                words = (Kind.RETURN, nothing.id, number % 2, number)
            case "claim":
                account = pick([RELAYER, RIVAL, ATTACKER], number)
                words = (
                    Kind.CLAIM,
                    bytes.fromhex(account[2:]).rjust(32, b"\0"),
                    amount,
                    amount * (number % 2),
                )
            case "restart":
                restarts = [n for one in LANES if one[0] == lane[1] for n in self.out(one).restarts]
                nonce = pick([1, 2**64 - 1, *restarts], number)
                words = (Kind.RESTART, nonce.to_bytes(32, "big"), amount % 2**64, number)
            case _:
                words = (number % 5, b"\xff" * 32, amount, amount)
        payload = encode(["uint256", "bytes32", "uint256", "uint256"], words)
        sender = recipient = g.gateway
        if kind == "noise":
            payload = (
                payload[: number % 129] if number % 2 else encode(["uint256"], [3 + number]) + payload[32:]
            )
        if kind == "message":
            places = g.places[lane[1]]
            sender = pick([g.gateway, g.bridge, ATTACKER], number)
            recipient = pick([places.recipient, g.gateway, NOBODY], number // 3)
            if sender == recipient:
                sender = ATTACKER
        fee = Fee(*([0] * 5))
        if kind == "message":
            fee = Fee(amount % 2**40, amount % 2**56, amount % 2**48, amount % 2**52, number)
        return Message(
            g.network_id,
            g.id_of(lane[0]),
            g.id_of(lane[1]),
            self.inc(lane).nonce + 1,
            sender,
            recipient,
            300_000 if kind == "message" else GATEWAY_GAS,
            pick([0, self.next(lane[1]) + DAY], number) if kind == "message" else NEVER_EXPIRES,
            fee.packed,
            payload,
        )

    def _invented(self, lane: Lane) -> Message:
        """A message on the way back that nobody sent, and whose return would pay well."""
        g = self.gateways
        fee = Fee(0, 10**7, 10**7, 10**7, 10**5)
        back = self.out((lane[1], lane[0]))
        return Message(
            g.network_id, back.origin, back.destination, 1, ATTACKER, NOBODY, 20_000, 0, fee.packed, b""
        )

    def _refund_nothing(self, lane: Lane, number: int) -> None:
        """Nothing comes back that was not sent."""
        message = self._invented(lane)
        back = self.out((lane[1], lane[0]))
        walks = [
            Walk(back.destination, 1, back.heads[0], []),
            Walk(back.destination, 1, bytes(32), []),
            Walk(back.destination, 1, back.heads[0], [one.id for one in list(back.sent.values())[1:64]]),
        ]
        self.refuse(lane[1], ATTACKER, gateway.REFUND.encode(message, pick(walks, number)), "NotInLane")


_ZERO = "0x" + "00" * 20
