"""Who proposes, votes, brings tallies, casts, and carries out what was decided."""

from __future__ import annotations

from typing import Any

from eth_abi.packed import encode_packed
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol.votes import HOUR, Tally, ballot, nonce_key
from tests.kit.evm import ZERO_ADDRESS, set_code
from tests.kit.governing import ABSTAIN, AGAINST, FOR, State
from tests.kit.governing import DELAY as TIMELOCK_DELAY
from tests.kit.paper import DAY
from tests.kit.roles import GUARDIAN, PAUPER, RELAYER, SUCCESSOR
from tests.stateful.elections import BEFORE_WINDOW, PATIENT, PICK, RARELY, SPOKE
from tests.stateful.electorate import KEYS, PROPOSER, VOTERS
from tests.stateful.holdings import HUB
from tests.stateful.liars import PARTS, Liars
from tests.stateful.machine import must, pick
from tests.stateful.motions import (
    BESIDE,
    DELAY,
    GUARD,
    NOBODY,
    PAY,
    PLAIN,
    QUORUM,
    SHORTEN,
    Ballot,
    Motion,
    add,
)
from tests.stateful.movers import Sent

KIND = st.sampled_from([PLAIN, PLAIN, SHORTEN, DELAY, QUORUM, PAY, PAY, GUARD, BESIDE, NOBODY])
ALL_AGAINST, ALL_FOR, ALL_ABSTAIN, HALF_FOR, THIRDS, TOO_MUCH, HALF_AGAINST = range(7)
HOW = st.sampled_from([ALL_FOR, ALL_FOR, ALL_AGAINST, ALL_ABSTAIN, HALF_FOR, THIRDS, TOO_MUCH, HALF_AGAINST])
"""How somebody votes."""
SHIFT = st.sampled_from([0, 0, 0, 0, 0, HOUR, -HOUR])
"""From a proposal's snapshot to the one that a voter names."""
WHOLE = {ALL_AGAINST: AGAINST, ALL_FOR: FOR, ALL_ABSTAIN: ABSTAIN}
PAYEE = "0x00000000000000000000000000000000000bA1EE"
MOST = 4
"""Proposals of an example."""
_BALLOT = (("proposalId", "uint256"), ("support", "uint8"), ("voter", "address"), ("nonce", "uint256"))
_PERIOD, _LATER = 7 * DAY, 3 * DAY


class Voters(Liars):
    """The whole election."""

    def __init__(self) -> None:
        super().__init__()
        self.delay, self.period, self.guardian = 2 * DAY, 10 * DAY, GUARDIAN.address
        self.sound = True
        self.paid = False
        self.nonces: dict[tuple[str, int, str], int] = {}
        chain = self.world.stacks[HUB].chain
        chain.rpc("anvil_setBalance", [self.world.timelock.address, hex(10**18)])

        self.propose()

    # Proposals

    @rule(kind=KIND)
    def propose(self, kind: int = PLAIN) -> None:
        if len(self.motions) == MOST:
            return
        at, text = self.clock[HUB], f"Proposal {len(self.motions)}"
        actions = self._actions(kind)
        receipt = self.perform(self.governor, "propose", *actions, text, by=PROPOSER, number="M22", chain=HUB)
        assert receipt is not None
        ((id_, _, _, _, _, _, snapshot, end, _),) = receipt.named("ProposalCreated")
        must("P7f", "the snapshot", snapshot, -(-(at + self.delay) // HOUR) * HOUR)
        must("P7f", "the deadline", end, snapshot + self.period)
        self.motions.append(Motion(kind, actions, text, id_, snapshot, end, self.sound))

    def _actions(self, kind: int) -> tuple[Any, ...]:
        governor, target = self.governor, self.world.target
        plain = (target.address, 0, target.encode("setBehaviour", 1))

        def own(method: str, argument: Any) -> tuple[str, int, bytes]:
            return governor.address, 0, governor.encode(method, argument)

        chosen = {
            PLAIN: [plain],
            SHORTEN: [own("setVotingPeriod", _PERIOD)],
            DELAY: [own("setVotingDelay", _LATER)],
            QUORUM: [own("updateQuorumNumerator", 5)],
            PAY: [(PAYEE, 1, b"")],
            GUARD: [own("setProposalGuardian", SUCCESSOR.address)],
            BESIDE: [own("setProposalGuardian", SUCCESSOR.address), plain],
            NOBODY: [own("setProposalGuardian", ZERO_ADDRESS)],
        }[kind]
        targets, values, calldatas = map(list, zip(*chosen, strict=True))
        return targets, values, calldatas

    @precondition(lambda self: self.motions)
    @rule(number=PICK, patient=PATIENT)
    def queue(self, number: int = 0, patient: bool = True) -> None:
        motion = pick(self.motions, number)
        if patient:
            self.pass_(HUB, motion.deadline)
        at = self.clock[HUB]
        state = motion.state(at, self.quorum(motion))
        why = [] if state == State.SUCCEEDED else ["GovernorUnexpectedProposalState"]
        if self._carry_out("queue", motion, why, "P7f"):
            motion.eta = at + TIMELOCK_DELAY

    @precondition(lambda self: self.motions)
    @rule(number=PICK, patient=PATIENT)
    def execute(self, number: int = 0, patient: bool = True) -> None:
        motion = pick(self.motions, number)
        if patient and motion.eta:
            self.pass_(HUB, motion.eta - 1)
        at = self.clock[HUB]
        state = motion.state(at, self.quorum(motion))
        why = []
        if state != State.QUEUED:
            why.append("GovernorUnexpectedProposalState")
        elif at < motion.eta:
            why.append("TimelockUnexpectedOperationState")
        if motion.kind in (PLAIN, BESIDE) and self.sound != motion.sound:
            why.append("CodeChanged")
        if motion.kind == NOBODY:
            why.append("ZeroProposalGuardian")
        if not self._carry_out("execute", motion, why, "M24"):
            return
        motion.executed = True
        if motion.kind == SHORTEN:
            self.period = _PERIOD
        elif motion.kind == DELAY:
            self.delay = _LATER
        elif motion.kind == QUORUM:
            self.quorums.append((at, 5))
        elif motion.kind in (GUARD, BESIDE):
            self.guardian = SUCCESSOR.address

    @precondition(lambda self: self.motions)
    @rule(number=PICK, really=RARELY)
    def cancel(self, number: int = 0, really: bool = True) -> None:
        """The guardian does, now and then."""
        if not really:
            return
        motion, at = pick(self.motions, number), self.clock[HUB]
        state, why = motion.state(at, self.quorum(motion)), []
        if motion.is_protected:
            why.append("GovernorUnableToCancel")
        if state in (State.CANCELED, State.EXPIRED, State.EXECUTED):
            why.append("GovernorUnexpectedProposalState")
        if self._carry_out("cancel", motion, why, "M22", self.guardian):
            motion.cancelled = True

    def _carry_out(
        self, method: str, motion: Motion, why: list[str], number: str, by: str = PAUPER.address
    ) -> bool:
        arguments = (*motion.actions, keccak(text=motion.text))
        receipt = self.perform(self.governor, method, *arguments, by=by, number=number, why=why, chain=HUB)
        return receipt is not None

    @rule()
    def change_code(self) -> None:
        self.sound = not self.sound
        target = self.world.target
        set_code(target.chain, target.address, self.world.code + (b"" if self.sound else b"\x00"))

    @precondition(lambda self: any(motion.kind == PAY for motion in self.motions))
    @rule()
    def throw_a_wei(self) -> None:
        """To an account that is only paid: its code hash changes."""
        self.world.target.chain.rpc("anvil_setBalance", [PAYEE, "0x1"])

    # Votes

    def voter(self, chain: str, snapshot: int, number: int) -> int:
        """Of two numbers, one is a voter who has votes there, if anybody has."""
        weights = [self.holdings.weight(chain, who, snapshot) for who in VOTERS]
        able = [who for who, weight in enumerate(weights) if weight]
        return pick(able, number // 2) if able and number % 2 else number // 2 % len(VOTERS)

    @precondition(lambda self: self.motions)
    @rule(number=PICK, who=PICK, how=HOW, patient=PATIENT, signs=st.booleans())
    def vote_on_hub(self, number: int, who: int, how: int, patient: bool = True, signs: bool = False) -> None:
        """`signs`: if it votes with all it has, somebody else brings its signature."""
        motion = pick(self.motions, number)
        if patient:
            self.pass_(HUB, motion.snapshot)
        at, who = self.clock[HUB], self.voter(HUB, motion.snapshot, who)
        voter = VOTERS[who]
        active = motion.is_active(at)
        weight = self.holdings.weight(HUB, voter, motion.snapshot) if active else 0
        left = max(0, weight - motion.hub.used[voter])
        votes, why = _parts(how, left), []
        if not active:
            why = ["GovernorUnexpectedProposalState"]
        elif not left:
            why = ["GovernorAlreadyCastVote"]
        elif votes.total > left:
            why = ["GovernorExceedRemainingWeight"]
        elif motion.only_objections(at) and (votes.in_favour or votes.abstain):
            why = ["ObjectionsOnly"]
        if how in WHOLE:
            call: tuple[Any, ...] = ("castVote", motion.id, WHOLE[how])
        else:
            packed = encode_packed(["uint128"] * 3, votes)
            call = ("castVoteWithReasonAndParams", motion.id, 255, "", packed)
        key, by = (HUB, nonce_key(motion.id), voter), voter
        nonce = self.nonces.get(key, nonce_key(motion.id) << 64)
        if signs and how in WHOLE:
            by = PAUPER.address
            call = ("castVoteBySig", *call[1:], voter, self._signature(who, motion, call[2], nonce))
        if self.perform(self.governor, *call, by=by, number="P7e", why=why, chain=HUB) is None:
            return
        motion.hub.count(voter, votes)
        self._count(motion, votes, at)
        if by != voter:
            self.nonces[key] = nonce + 1

    def _signature(self, who: int, motion: Motion, support: int, nonce: int) -> bytes:
        """Under a ballot of the hub, which names no snapshot: the governor knows it."""
        signed = KEYS[who].sign_typed_data(
            domain_data={
                "name": "EraGovernor",
                "version": "1",
                "chainId": self.governor.chain.chain_id,
                "verifyingContract": self.governor.address,
            },
            message_types={"Ballot": [{"name": name, "type": type_} for name, type_ in _BALLOT]},
            message_data={
                "proposalId": motion.id,
                "support": int(support),
                "voter": VOTERS[who],
                "nonce": nonce,
            },
        )
        return bytes(signed.signature)

    @precondition(lambda self: self.motions)
    @rule(
        spoke=SPOKE,
        number=PICK,
        who=PICK,
        how=HOW,
        signs=st.booleans(),
        shift=SHIFT,
        patient=PATIENT,
    )
    def vote(
        self,
        spoke: str,
        number: int,
        who: int,
        how: int,
        signs: bool = False,
        shift: int = 0,
        patient: bool = True,
    ) -> None:
        motion = pick(self.motions, number)
        if spoke in self.liars:
            return
        snapshot = motion.snapshot + shift
        if patient:
            self.pass_(spoke, snapshot)
        at, who = self.clock[spoke], self.voter(spoke, snapshot, who)
        voter = VOTERS[who]
        place = (spoke, motion.id, snapshot)
        known = self.ballots.get(place, Ballot())
        passed = snapshot < at
        left = self.holdings.weight(spoke, voter, snapshot) - known.used[voter] if passed else 0
        votes, why = _parts(how, left), []
        if not passed:
            why = ["InvalidSnapshot"]
        elif votes.total > left:
            why = ["VotesExceeded"]
        elif not votes.total:
            why = ["NoVotes"]
        whole = how in WHOLE
        method = "castVote" if whole else "castFractionalVote"
        arguments: tuple[Any, ...] = (motion.id, snapshot, WHOLE[how] if whole else votes)
        contract = self.world.spoke_votes[spoke]
        key = (spoke, nonce_key(motion.id), voter)
        nonce = self.nonces.get(key, nonce_key(motion.id) << 64)
        if signs:
            method += "BySig"
            typed = ballot(
                chain_id=contract.chain.chain_id,
                contract=contract.address,
                voter=voter,
                proposal=motion.id,
                snapshot=snapshot,
                vote=WHOLE[how] if whole else votes,
                nonce=nonce,
            )
            arguments += (voter, bytes(KEYS[who].sign_message(typed).signature))
        by = PAUPER.address if signs else voter
        receipt = self.perform(contract, method, *arguments, by=by, number="P7a", why=why, chain=spoke)
        if receipt is None:
            return
        known.count(voter, votes)
        self.ballots[place] = known
        if signs:
            self.nonces[key] = nonce + 1
            repeated = contract.revert(method, *arguments, sender=by, at=self.clock[spoke])
            must("M28", "a signature that is used again", repr(repeated).split("(")[0], "InvalidSignature")

    @precondition(lambda self: self.motions)
    @rule(spoke=SPOKE, number=PICK, shift=SHIFT)
    def send_tally(self, spoke: str, number: int, shift: int = 0) -> None:
        motion, at = pick(self.motions, number), self.clock[spoke]
        if spoke in self.liars:
            return
        snapshot = motion.snapshot + shift
        known = self.ballots.get((spoke, motion.id, snapshot))
        why = [] if known else ["EmptyTally"]
        arguments = (motion.id, snapshot)
        contract = self.world.spoke_votes[spoke]
        receipt = self.perform(
            contract, "sendTally", *arguments, by=RELAYER.address, number="M37", why=why, chain=spoke
        )
        if receipt is None or known is None:
            return
        (message,) = self.courier.note(spoke, receipt)
        tally = (motion.id, snapshot, known.tally)
        self.sent[spoke, HUB].append(Sent(message, spoke, HUB, at, ballot=tally))

    @precondition(lambda self: self.motions)
    @rule(spoke=SPOKE, number=PICK)
    def cast(self, spoke: str, number: int = 0) -> None:
        motion, at = pick(self.motions, number), self.clock[HUB]
        votes, why = Tally(), []
        if not self.is_open(spoke):
            why.append("ChainNotTrusted")
        if motion.epochs[spoke] != self.epochs[spoke]:
            why.append("TallyOutdated")
        if motion.snapshot >= at:
            # It knows the history of what has passed, and nothing else.
            why += ["InvalidHour", "NothingToCast", "GovernorUnexpectedProposalState"]
        else:
            votes = motion.castable(spoke, self.held(spoke, motion), at)
            if not votes.total:
                why.append("NothingToCast")
            elif not motion.is_active(at):
                why.append("GovernorUnexpectedProposalState")
        arguments = (motion.id, self.world.id_of(spoke))
        receipt = self.perform(
            self.pool, "cast", *arguments, by=PAUPER.address, number="P7b", why=why, chain=HUB
        )
        if receipt is None:
            return
        motion.counted[spoke] = add(motion.counted[spoke], votes)
        if spoke not in self.liars and not motion.only_objections(at):
            must("P7b", f"what honest {spoke} counts", motion.counted[spoke], motion.said[spoke])
        self._count(motion, votes, at)

    @rule(spoke=SPOKE, number=PICK, patient=PATIENT, interrupted=RARELY)
    def bring(self, spoke: str, number: int, patient: bool = True, interrupted: bool = False) -> None:
        """A tally all the way. `interrupted`: the route is closed while it is cast."""
        number %= len(self.motions)
        if patient:
            self.pass_(HUB, self.motions[number].snapshot)
        self.send_tally(spoke, number)
        self.deliver(spoke, HUB)
        if interrupted:
            self.open_or_close(spoke)
        self.cast(spoke, number)
        if interrupted:
            self.open_or_close(spoke)

    @rule(number=PICK, how=HOW)
    def raid(self, number: int, how: int) -> None:
        """Who has most on the hub makes it pass in the last hours. All others answer when only objections count."""
        number %= len(self.motions)
        self.reach(HUB, number, BEFORE_WINDOW, 1)
        for who in range(len(VOTERS)):
            if who < 2:
                self.vote_on_hub(number, 2 * who, ALL_FOR)
            for spoke in self.paused:
                self.vote(spoke, number, 2 * who, how)
        for spoke in self.paused:
            self.send_tally(spoke, number)
        self.pass_(HUB, self.motions[number].end)
        for who in range(2, len(VOTERS)):
            self.vote_on_hub(number, 2 * who, how)
        for spoke in self.paused:
            self.deliver(spoke, HUB)
            self.cast(spoke, number)

    @precondition(lambda self: self.liars)
    @rule(number=PICK, parts=PARTS, patient=PATIENT, restarts=st.booleans())
    def lie_and_cast(
        self, number: int, parts: tuple[int, int, int], patient: bool = True, restarts: bool = False
    ) -> None:
        """`restarts`: its lane is restarted between the lie and the cast."""
        number %= len(self.motions)
        (spoke,) = self.liars
        if patient:
            self.pass_(HUB, self.motions[number].snapshot)
        self.lie(number, parts)
        self.deliver(spoke, HUB)
        if restarts:
            self.restart()
        self.cast(spoke, number)

    @rule(number=PICK, how=HOW, late=st.booleans(), patient=PATIENT)
    def vote_everywhere(self, number: int, how: int, late: bool = False, patient: bool = True) -> None:
        """Everybody does, and every spoke is counted. `late`: when that may open objections."""
        number %= len(self.motions)
        if late:
            self.reach(HUB, number, BEFORE_WINDOW, 1)
        for who in range(len(VOTERS)):
            self.vote_on_hub(number, 2 * who, how, patient)
            for spoke in self.paused:
                self.vote(spoke, number, 2 * who, how, patient=patient)
        for spoke in self.paused:
            self.bring(spoke, number, patient)

    @rule(number=PICK, late=st.booleans())
    def decide(self, number: int, late: bool = False) -> None:
        """Everybody is for it, and it is queued."""
        number %= len(self.motions)
        self.vote_everywhere(number, ALL_FOR, late)
        self.queue(number)

    @rule(number=PICK)
    def turn_down(self, number: int) -> None:
        """Who has most on the hub is for it, all others against it in the last hours."""
        number %= len(self.motions)
        self.vote_on_hub(number, 2, ALL_FOR)
        self.vote_everywhere(number, ALL_AGAINST, late=True)

    @rule(number=PICK, late=st.booleans(), changed=RARELY, paid=st.booleans())
    def carry_out(self, number: int, late: bool = False, changed: bool = False, paid: bool = False) -> None:
        """It is decided, and executed, unless the code that it calls is another one then."""
        number %= len(self.motions)
        self.decide(number, late)
        if changed:
            self.change_code()
        if paid and self.motions[number].kind == PAY:
            self.throw_a_wei()
        self.execute(number)
        if changed:
            self.change_code()

    def _count(self, motion: Motion, votes: Tally, at: int) -> None:
        """P7e, once more and by its words: nothing in favour counts after the voting period."""
        late = at > motion.end and (votes.in_favour or votes.abstain)
        assert not late, "P7e: a vote in favour is counted among objections"
        contested = motion.contested
        motion.count(votes, at, self.quorum(motion))
        if motion.contested and not contested:
            self.reach_path("contested")


def _parts(how: int, left: int) -> Tally:
    return [
        Tally(left, 0, 0),
        Tally(0, left, 0),
        Tally(0, 0, left),
        Tally(0, left // 2, 0),
        Tally(left // 3, left // 3 + 1, left // 4),
        Tally(0, left, 1),
        Tally(left // 2, 0, 0),
    ][how]
