"""Those who sign what they must not, those who report it, and those who pardon: cases of kinds (a), (b) and (c)."""

from __future__ import annotations

from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.protocol.message import interoperable
from tests.kit.court import DECOYS, KINDS, Accusation, Charge, accusation
from tests.kit.evm import Receipt
from tests.kit.roles import OWNER
from tests.kit.staking import ENDED, SETTLES
from tests.stateful.bonders import Bonders
from tests.stateful.machine import must, pick
from tests.stateful.stakers import ID, KEEPER, PICK, REPORTER, STRANGER
from tests.stateful.stakes import Bonded

LIES = [keccak(text="lie"), keccak(text="other lie")]
_KINDS_OF_A = ("LaneEquivocation", "SetEquivocation")
_ABOUT_SETS = ("SetEquivocation", "FalseSet", "SetContradiction")
SPOKES = (905, 906)
"""The lane between two other chains, about which the hub knows nothing."""


class Accusers(Bonders):
    """Rules with faults."""

    def __init__(self) -> None:
        self.cases: dict[Accusation, tuple[int, str]] = {}
        """When each was opened, and its state."""
        self.heads: dict[int, bytes] = {}
        """Of the hub's lane, by nonce, since its last restart."""
        self.ids: dict[int, bytes] = {}
        self.restarted_at = self.nonce = 0
        self.pardoned: dict[tuple[int, int], int] = {}
        self.sets_pardoned = 0
        super().__init__()

    def opened(self) -> list[int]:
        return [opened for opened, state in self.cases.values() if state == "Open"]

    # Faults of which everybody can be convicted by what it signed alone

    @rule(
        id_=ID, form=st.sampled_from(["lane", "set", "place"]), place=st.integers(1, 3), keys=PICK, other=PICK
    )
    def equivocate(self, id_: int, form: str, place: int, keys: int, other: int) -> None:
        """(a): with any of its keys; now and then, what another validator signed is held against it."""
        v = self.validator(id_)
        one = pick(self.keys[v.id], keys)
        guilty = v if other % 5 else self.validator(other)
        two = pick(self.keys[guilty.id], keys // 16)
        facts: tuple[Fact, Fact]
        if form == "set":
            facts = SetFact(place, LIES[0]), SetFact(place, LIES[1])
            accused = accusation(v.id, "SetEquivocation", place)
        else:
            facts = LaneFact(*SPOKES, place, LIES[0]), LaneFact(*SPOKES, place, LIES[1])
            accused = accusation(v.id, "LaneEquivocation", *SPOKES, place)
        if form == "place":
            facts = facts[0], RestartFact(*SPOKES, place)
        signed, other_signed = self._signed(facts[0], one), self._signed(facts[1], two)
        entry = f"{form}Equivocation"
        value = () if form == "place" else (facts[1].value,)
        why = self._unknown(one, two)
        if self.stakes.owner_of[one.address] != self.stakes.owner_of[two.address]:
            why.append("DifferentValidators")
        self._accuse(Charge(entry, signed, (*value, other_signed.fields), accused), why)

    # Faults that the hub knows

    @rule(number=st.integers(1, 2))
    def extend_the_lane(self, number: int) -> None:
        recipient = interoperable(self.arena.spoke, STRANGER)
        for _ in range(number):
            self.perform(
                self.court.gateway, "sendMessage", recipient, b"", [], by=STRANGER, effect=self._extended
            )

    def _extended(self, receipt: Receipt) -> None:
        self.nonce += 1
        nonce, head, _ = self.court.gateway.view("outboxLane", self.arena.spoke)
        must("S11", "the lane", nonce, self.nonce)
        self.heads[nonce] = head
        self.ids[nonce] = receipt.named("MessageSent")[0][0]

    @rule(gap=st.sampled_from([1, 2]))
    def restart_the_lane(self, gap: int) -> None:
        """Which pardons what is at or below it."""
        place = self.nonce + gap

        def effect(receipt: Receipt) -> None:
            self.restarted_at = self.nonce = place
            self.heads, self.ids = {}, {}

        self.perform(self.court.gateway, "restart", self.arena.spoke, place, by=OWNER.address, effect=effect)

    @rule(id_=ID, keys=PICK, back=st.integers(0, 3), honest=st.sampled_from([False, False, False, True]))
    def sign_a_head(self, id_: int, keys: int, back: int, honest: bool) -> None:
        """(b): another head than the hub's lane has, or one beyond its end; or the true one, by somebody honest."""
        v, key = self._signer(id_, keys)
        nonce = max(1, self.nonce + 1 - back)
        true = self.heads.get(nonce)
        head = true if honest and true is not None else LIES[0]
        fact = LaneFact(self.chain.chain_id, self.arena.spoke, nonce, head)
        accused = accusation(v.id, "FalsePlace", fact.origin, fact.destination, nonce)
        why = self._unknown(key)
        if nonce > self.nonce:
            self._accuse(Charge("beyondLane", self._signed(fact, key), (), accused), why)
            return
        if head == true:
            why.append("SameFact")
        if true is None:
            why += ["NotAboveRestart", "HeadNotInLane"]
        following = [self.ids[i] for i in range(nonce + 1, self.nonce + 1)] if true else []
        rest = (true or LIES[1], following)
        self._accuse(Charge("falseHead", self._signed(fact, key), rest, accused), why)

    @rule(id_=ID, keys=PICK, above=st.integers(0, 2))
    def sign_a_restart(self, id_: int, keys: int, above: int) -> None:
        """(b): one that there never was; or the last one, which is the truth."""
        v, key = self._signer(id_, keys)
        place = max(1, self.restarted_at + above)
        fact = RestartFact(self.chain.chain_id, self.arena.spoke, place)
        why = self._unknown(key)
        if place <= self.restarted_at:
            why.append("NotAboveRestart")
        accused = accusation(v.id, "FalsePlace", fact.origin, fact.destination, place)
        self._accuse(Charge("falseRestart", self._signed(fact, key), (), accused), why)

    @rule(id_=ID, keys=PICK, version=st.integers(1, 5), honest=st.sampled_from([False, False, True]))
    def sign_a_set(self, id_: int, keys: int, version: int, honest: bool) -> None:
        """(b): a set that Staking did not publish; or one that it did, by somebody honest."""
        v, key = self._signer(id_, keys)
        sets = self.stakes.sets
        recorded = sets[version - 1].hash if version <= len(sets) else None
        fact = SetFact(version, recorded if honest and recorded else LIES[0])
        why = self._unknown(key)
        if fact.value == recorded:
            why.append("SameFact")
        if not sets:
            why.append("NotBeyondSets")
        accused = accusation(v.id, "FalseSet", version)
        entry = "falseSet" if recorded else "beyondSets"
        self._accuse(Charge(entry, self._signed(fact, key), (), accused), why)

    # Faults that only a quorum knows

    @precondition(lambda self: self.stakes.sets)
    @rule(
        id_=ID, keys=PICK, form=st.sampled_from(["lane", "set"]), place=st.integers(1, 3), few=PICK, old=PICK
    )
    def contradict_a_quorum(self, id_: int, keys: int, form: str, place: int, few: int, old: int) -> None:
        """(c): a quorum of Staking's newest set; now and then one that is none, or one of an earlier set."""
        v, key = self._signer(id_, keys)
        stakes, now = self.stakes, self.clock
        newest = stakes.sets[-1]
        given = newest if old % 4 else pick(stakes.sets, old // 4)
        facts: tuple[Fact, Fact]
        if form == "set":
            facts = SetFact(place, LIES[0]), SetFact(place, LIES[1])
            accused = accusation(v.id, "SetContradiction", place)
        else:
            facts = LaneFact(*SPOKES, place, LIES[0]), LaneFact(*SPOKES, place, LIES[1])
            accused = accusation(v.id, "LaneContradiction", *SPOKES, place)
        signers = [signer for signer, _ in given.members]
        if few % 6 == 0:
            signers = signers[: len(signers) // 2]
        attestation, proof = self._attest(given, facts[1], signers)
        why = self._unknown(key)
        if given != newest:
            why.append("UnknownValidatorSet")
        if now > newest.expires or stakes.term_ended:
            why.append("SetHasEnded")
        if not given.quorum(signers):
            why.append("QuorumNotReached")
        rest = (facts[1].value, attestation, proof)
        self._accuse(Charge(f"{form}Contradiction", self._signed(facts[0], key), rest, accused), why)

    # What becomes of cases

    @precondition(lambda self: self.cases)
    @rule(number=PICK, wait=st.sampled_from(["for all", "for all", "for its own", "no"]))
    def settle(self, number: int, wait: str) -> None:
        """As soon as it can be; or when those who are accused later may still count; or when somebody tries it."""
        accused = pick(list(self.cases), number)
        since = [self.cases[accused][0]] if wait != "no" else []
        if wait == "for all":
            since.append(self.stakes.last_accused(self.stakes.validators[accused[0]]))
        self.clock = max([self.clock, *(when + SETTLES for when in since)])
        self._settle(accused)

    @precondition(lambda self: self.cases)
    @rule(number=PICK)
    def dismiss(self, number: int) -> None:
        self._dismiss(pick(list(self.cases), number))

    @rule(place=st.integers(0, 3), about=st.sampled_from(["spokes", "hub", "sets"]), stranger=PICK)
    def pardon(self, place: int, about: str, stranger: int) -> None:
        """By the owner; now and then somebody else tries."""
        by = STRANGER if stranger % 8 == 0 else OWNER.address
        why = ["OwnableUnauthorizedAccount"] if by == STRANGER else []
        if about == "sets":
            why += ["PardonNotRaised"] if place <= self.sets_pardoned else []

            def pardon_sets(receipt: Receipt) -> None:
                self.sets_pardoned = place

            self.perform(self.slasher, "pardonSets", place, by=by, why=why, effect=pardon_sets)
            return
        lane = SPOKES if about == "spokes" else (self.chain.chain_id, self.arena.spoke)
        why += ["PardonNotRaised"] if place <= self.pardoned.get(lane, 0) else []

        def pardon_lane(receipt: Receipt) -> None:
            self.pardoned[lane] = place

        self.perform(self.slasher, "pardon", *lane, place, by=by, why=why, effect=pardon_lane)

    @rule(id_=ID, number=PICK)
    def play_the_slasher(self, id_: int, number: int) -> None:
        """Nobody but the Slasher accuses, dismisses or slashes."""
        call: tuple[Any, ...] = pick(
            [("freeze", True), ("unfreeze",), ("settle", STRANGER, self.clock)], number
        )
        method, *rest = call
        self.perform(
            self.staking,
            method,
            self.validator(id_).id,
            *rest,
            by=STRANGER,
            why=["NotSlasher"],
            breaks="S4",
            effect=lambda receipt: None,
        )

    def _accuse(self, charge: Charge, why: list[str]) -> None:
        accused, now = charge.accused, self.clock
        kind = _kind(accused)
        v = self.stakes.validators[accused[0]]
        why = [*why, *self.stakes.immune(v, now)]
        if accused in self.cases:
            why.append("AlreadyAccused")
        if self.is_pardoned(accused):
            why.append("IsPardoned")
        unseats = kind not in ("LaneContradiction", "SetContradiction")

        def effect(receipt: Receipt) -> None:
            must("S11", "who is accused", receipt.named("CaseOpened")[0][1], v.id)
            self.stakes.open_case(v, now, unseats)
            self.cases[accused] = now, "Open"
            self.reach(f"accused: {kind}")

        # Whoever is convicted wrongly is convicted by these; the rest is refused because there is nothing to slash.
        self.perform(self.slasher, charge.entry, *charge.arguments, by=REPORTER, why=why, effect=effect)

    def is_pardoned(self, accused: Accusation) -> bool:
        """Kind (a) never is."""
        kind = _kind(accused)
        _, _, origin, destination, nonce = accused
        if kind in _KINDS_OF_A:
            return False
        if kind in _ABOUT_SETS:
            return nonce <= self.sets_pardoned
        restarted = origin == self.chain.chain_id and nonce <= self.restarted_at
        return restarted or nonce <= self.pardoned.get((origin, destination), 0)

    def _settle(self, accused: Accusation) -> None:
        opened, state = self.cases[accused]
        v, now = self.stakes.validators[accused[0]], self.clock
        why = [*(["CaseNotOpen"] if state != "Open" else []), *(["WrongState"] if v.state == ENDED else [])]
        why += [*(["TooEarly"] if now < opened + SETTLES else [])]
        why += [*(["AccusedSince"] if now < self.stakes.last_accused(v) + SETTLES else [])]
        why += [*(["IsPardoned"] if self.is_pardoned(accused) else [])]

        def effect(receipt: Receipt) -> None:
            fraction = self.stakes.fraction(v)
            whole = v.slashable + v.own_slashable
            taken = self.stakes.settle(v, now)
            points, *losses = receipt.named("Settled")[0][2:]
            must("S5, S6", "the fraction", points, -(-fraction * 10_000 // 1))
            must("S5", "own loss and loss", losses, [v.own_loss, v.loss])
            assert v.loss == 0 or v.own_loss == v.own_slashable, (
                "S5: delegators lose before the own stake is gone"
            )
            least = whole * fraction
            assert least <= v.own_loss + v.loss <= least + _most_above(whole), (
                "S5: another loss than the fraction"
            )
            self._reward(taken)
            self.stake_out(v.operator, 0)
            self.cases[accused] = opened, "Settled"
            self.reach(f"slashed: {'all' if fraction == 1 else 'least' if fraction * 20 == 1 else 'some'}")

        self.perform(self.slasher, "settle", accused, by=KEEPER, why=why, breaks=None, effect=effect)

    def _dismiss(self, accused: Accusation) -> None:
        opened, state = self.cases[accused]
        v = self.stakes.validators[accused[0]]
        why = [*(["CaseNotOpen"] if state != "Open" else [])]
        why += [*(["NotPardoned"] if not self.is_pardoned(accused) else [])]

        def effect(receipt: Receipt) -> None:
            self.stakes.close_case(v)
            self.cases[accused] = opened, "Dismissed"

        self.perform(self.slasher, "dismiss", accused, by=KEEPER, why=why, effect=effect)

    # Signatures

    def _signer(self, number: int, keys: int) -> tuple[Bonded, LocalAccount]:
        v = self.validator(number)
        return v, pick(self.keys[v.id], keys)

    def _signed(self, fact: Fact, key: LocalAccount) -> Any:
        return self.court.sign(fact, *DECOYS, by=key)

    def _unknown(self, *keys: LocalAccount) -> list[str]:
        """If nobody answers any more for what one of these keys signs."""
        fails = any(self.stakes.key_fails(key.address, self.clock) for key in keys)
        return ["UnknownKey"] if fails else []

    # The end

    def end(self) -> None:
        """Every case is closed, everybody leaves and gets everything, and what rewards are left is dust."""
        since = [*self.opened(), *self.stakes.latest.values()]
        self.clock = max([self.clock, *(when + SETTLES for when in since)])
        for accused, (_, state) in list(self.cases.items()):
            v = self.stakes.validators[accused[0]]
            if state == "Open" and self.is_pardoned(accused):
                self._dismiss(accused)
            elif state == "Open" and v.state != ENDED:
                self._settle(accused)
        super().end()


def _most_above(whole: int) -> int:
    """By how much more than the exact fraction a slash may take: it is rounded up to basis points, and to wei."""
    return -(-whole // 10_000) + 1


def _kind(accused: Accusation) -> str:
    return KINDS[accused[1]]
