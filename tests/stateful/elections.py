"""What all handlers of the machine of votes share: a clock for each chain, transactions, what must hold after a step.

Rules take plain numbers and pick from what is there, as those of `machine.py` do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from metalayer.protocol.votes import HOUR
from tests.kit.evm import Contract, Receipt, Revert, call, transact
from tests.kit.governing import WINDOW, State
from tests.kit.paper import DAY
from tests.kit.roles import GUARDIAN, OWNER
from tests.kit.stack import CHAINS
from tests.stateful.electorate import VOTERS, Electorate
from tests.stateful.holdings import HUB, SPOKES, UNIT
from tests.stateful.machine import must, pick
from tests.stateful.motions import Ballot, Motion

CHAIN = st.sampled_from(CHAINS)
SPOKE = st.sampled_from(SPOKES)
PICK = st.integers(0, 255)
PATIENT = st.sampled_from([True, True, True, False])
"""Whether somebody waits until it is time."""
RARELY = st.sampled_from([True, False, False, False])
"""Whether something is done that makes most of what follows impossible."""
SUPPLY = 1_000 * UNIT
LATE = st.sampled_from([-HOUR, -61, -1, 0, 1, 2, 61, HOUR])
"""Seconds from a moment to when the next thing happens."""
SNAPSHOT, BEFORE_WINDOW, DEADLINE, OBJECTED, READY, EXPIRED = range(6)
MOMENT = st.sampled_from([SNAPSHOT, SNAPSHOT, BEFORE_WINDOW, DEADLINE, OBJECTED, READY, EXPIRED])
SPAN = 60 * DAY
"""Of all clocks. Lanes work while the first set of validators lives, for half of it."""
_LATEST_HOURS = 3
Expected = tuple[str, str, Contract, tuple[Any, ...], Any]
"""Number of a property, what is looked at, and what its view must return."""
_BLANK = Ballot()


class Elections(RuleBasedStateMachine):
    """Chains whose clocks have nothing to do with one another."""

    electorate: ClassVar[Electorate]  # set by the test
    paths: ClassVar[Counter[str]] = Counter()
    """How often each path was taken, over all examples of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.world = self.electorate.fork()
        self.holdings, self.courier = self.world.holdings, self.world.courier
        self.governor, self.pool = self.world.governor, self.world.pool
        self.snapshots = {name: stack.chain.snapshot() for name, stack in self.world.stacks.items()}
        self.clock = dict.fromkeys(CHAINS, self.world.begins)
        """When the next transaction of each chain is mined."""
        self.motions: list[Motion] = []
        self.ballots: dict[tuple[str, int, int], Ballot] = {}
        """On spokes, by proposal and snapshot."""
        self.liars: set[str] = set()
        self.closed: set[str] = set()
        self.paused: dict[str, int] = dict.fromkeys(SPOKES, 0)
        self.quorums = [(0, 4)]
        """Percent, from which second on."""
        self.touched: set[str] = set(CHAINS)
        """Chains on which something happened since the last check."""
        self.used: dict[tuple[str, int, str], int] = {}
        """Votes that each chain says are used, by proposal and voter."""

    # Time

    @rule(ahead=st.sampled_from([0, 0, 1, 60, 120, 1_800]), behind=st.sampled_from([0, 1, 90, HOUR]))
    def skew(self, ahead: int, behind: int) -> None:
        self.advance("arcade", ahead)
        self.advance(HUB, behind)

    @rule(chain=CHAIN, seconds=st.sampled_from([1, 59, HOUR, DAY]))
    def wait(self, chain: str, seconds: int) -> None:
        self.advance(chain, seconds)

    @precondition(lambda self: self.motions)
    @rule(chain=st.sampled_from([HUB, HUB, *SPOKES]), number=PICK, moment=MOMENT, late=LATE)
    def reach(self, chain: str, number: int, moment: int, late: int) -> None:
        """So that what comes next happens at that distance from a moment of a proposal, if it is still to come."""
        time = self.moment(pick(self.motions, number), moment) + late
        self.advance(chain, time - self.clock[chain])

    @precondition(lambda self: self.motions)
    @rule(number=PICK, moment=MOMENT, late=LATE, skew=st.sampled_from([0, 1, 60, 1_800]))
    def reach_everywhere(self, number: int, moment: int, late: int, skew: int) -> None:
        """The spokes are ahead by `skew`, or the second one is behind."""
        time = self.moment(pick(self.motions, number), moment) + late
        for chain, shift in zip(CHAINS, (0, skew, -skew), strict=True):
            self.advance(chain, time + shift - self.clock[chain])

    def moment(self, motion: Motion, which: int) -> int:
        return {
            SNAPSHOT: motion.snapshot,
            BEFORE_WINDOW: motion.end - WINDOW,
            DEADLINE: motion.end,
            OBJECTED: motion.deadline,
            READY: motion.eta or motion.deadline,
            EXPIRED: motion.expires,
        }[which]

    def pass_(self, chain: str, time: int) -> None:
        """The chain's next second is after that one."""
        self.advance(chain, time + 1 - self.clock[chain])

    def advance(self, chain: str, seconds: int) -> None:
        latest = self.world.begins + SPAN
        if seconds > 0 and self.clock[chain] + seconds < latest:
            self.clock[chain] += seconds
            self.touched.add(chain)

    # Transactions

    def perform(
        self,
        contract: Contract,
        method: str,
        *arguments: Any,
        by: str,
        number: str,
        why: Iterable[str] = (),
        chain: str,
    ) -> Receipt | None:
        """A transaction that must succeed, in the chain's next second; or a call that one of the reasons against it
        must refuse, and None. number: the property that is broken otherwise.
        """
        data, at = contract.encode(method, *arguments), self.clock[chain]
        reasons = list(why)
        if reasons:
            found = call(contract.chain, contract.address, data, sender=by, at=at)
            assert isinstance(found, Revert), f"{number}: {method} is done, and must be refused: {reasons}"
            name = repr(found).split("(")[0]
            assert name in reasons, f"{number}: {method} is refused by {found!r}, not by one of {reasons}"
            self.reach_path(f"{method}: {name}")
            return None
        receipt = transact(contract.chain, contract.address, data, by, at=at)
        if not receipt.succeeded:
            found = call(contract.chain, contract.address, data, sender=by, at=at)
            raise AssertionError(f"{number}: {method} is refused, and must be done: {found!r}")
        self.clock[chain] += 1
        self.touched.add(chain)
        self.reach_path(method)
        return receipt

    def reach_path(self, path: str) -> None:
        self.paths[path] += 1

    def is_open(self, spoke: str) -> bool:
        """Whether the hub listens to it."""
        return spoke not in self.closed and self.clock[HUB] >= self.paused[spoke]

    # Routes

    @rule(spoke=SPOKE, closes=RARELY)
    def open_or_close(self, spoke: str, closes: bool = True) -> None:
        """Routes are open for most of the time."""
        if spoke not in self.closed and not closes:
            return
        self.closed ^= {spoke}
        gateway, chain_id = self.world.stacks[HUB].gateway, self.world.id_of(spoke)
        arguments = (chain_id, True, spoke not in self.closed)
        self.perform(gateway, "setOpen", *arguments, by=OWNER.address, number="M37", chain=HUB)

    @rule(spoke=SPOKE, really=RARELY)
    def pause(self, spoke: str, really: bool = True) -> None:
        if not really:
            return
        gateway, chain_id = self.world.stacks[HUB].gateway, self.world.id_of(spoke)
        at = self.clock[HUB]
        if at < gateway.view("pausableFrom", chain_id):
            return
        self.perform(gateway, "pauseInbound", chain_id, HOUR, by=GUARDIAN.address, number="M37", chain=HUB)
        self.paused[spoke] = at + HOUR

    # What must always hold

    def quorum(self, motion: Motion) -> int:
        percent = [percent for since, percent in self.quorums if since <= motion.snapshot][-1]
        return SUPPLY * percent // 100

    def ballot(self, chain: str, motion: Motion) -> Ballot:
        if chain == HUB:
            return motion.hub
        return self.ballots.get((chain, motion.id, motion.snapshot), _BLANK)

    def held(self, spoke: str, motion: Motion) -> int:
        return UNIT * len(self.holdings.outstanding(spoke, motion.snapshot))

    @invariant()
    def votes_are_as_they_must_be(self) -> None:
        """P7a, P7b, P7e, P7f after every step, of the chains on which something happened."""
        touched, self.touched = self.touched, set()
        if HUB in touched:
            self._check_hub()
        for spoke in touched - {HUB} - self.liars:
            self._check_spoke(spoke)
        for motion in self.motions:
            if motion.votes.total:
                self._check_pieces(motion)

    def _check_hub(self) -> None:
        at, governor, bridge = self.clock[HUB], self.governor, self.world.stacks[HUB].bridge
        expected: list[Expected] = []
        for motion in self.motions:
            state = motion.state(at, self.quorum(motion))
            ends = state in (State.SUCCEEDED, State.QUEUED)
            for number, view, value in (
                ("P7f", "proposalSnapshot", motion.snapshot),
                ("P7e", "proposalDeadline", motion.deadline),
                ("P7e", "objectionsFrom", motion.end if motion.contested else 0),
                ("P7f", "state", state),
                ("P7f", "proposalExpiry", motion.expires if ends else 0),
                ("P7b", "proposalVotes", tuple(motion.votes)),
                ("M22", "isProtected", motion.is_protected),
            ):
                expected.append((number, f"{view} of {motion.text}", governor, (view, motion.id), value))
            for spoke in SPOKES:
                place = (motion.id, self.world.id_of(spoke))
                for view, tally in (("tally", motion.said[spoke]), ("castOf", motion.counted[spoke])):
                    what = f"{view} of {spoke} for {motion.text}"
                    expected.append(("P7b", what, self.pool, (view, *place), tuple(tally)))
            for who in VOTERS:
                used = ("usedVotes", motion.id, who)
                expected.append(("P7a", f"votes used by {who}", governor, used, motion.hub.used.get(who, 0)))
            expected += self._weights(HUB, motion)
        era = self.world.stacks[HUB].era
        for spoke in SPOKES:
            value = UNIT * len(self.holdings.lent[spoke])
            now = ("outstanding", era.address, self.world.id_of(spoke))
            expected.append(("P4", f"what is on {spoke}", bridge, now, value))
        expected += self._others(HUB)
        for hour in self._hours():
            everything = 0
            for spoke in SPOKES:
                value = UNIT * len(self.holdings.outstanding(spoke, hour))
                everything += value
                past = ("pastOutstanding", self.world.id_of(spoke), hour)
                expected.append(("P7b", f"what was on {spoke} at {hour}", bridge, past, value))
            what = f"what was on all spokes at {hour}"
            expected.append(("P7b", what, bridge, ("pastTotalOutstanding", hour), everything))
        self._check(HUB, expected)
        self._check_time()
        for motion in self.motions:
            for spoke in SPOKES:
                counted, held = motion.counted[spoke].total, self.held(spoke, motion)
                assert counted <= held, f"P7b: {spoke} counts {counted} of {held}"
            assert motion.votes.total <= SUPPLY, f"P7b: {motion.votes}"

    def _check_spoke(self, spoke: str) -> None:
        contract = self.world.spoke_votes[spoke]
        expected: list[Expected] = []
        for (chain, id_, snapshot), ballot in self.ballots.items():
            if chain != spoke:
                continue
            what = f"what {spoke} counts"
            expected.append(("P7a", what, contract, ("tally", id_, snapshot), tuple(ballot.tally)))
            for who, used in ballot.used.items():
                what = f"votes used by {who} on {spoke}"
                expected.append(("P7a", what, contract, ("usedVotes", id_, snapshot, who), used))
        for motion in self.motions:
            expected += self._weights(spoke, motion)
        era, value = self.world.stacks[spoke].era, UNIT * len(self.holdings.owner[spoke])
        expected.append(("P4", f"all ERA on {spoke}", era, ("totalSupply",), value))
        self._check(spoke, expected + self._others(spoke))

    def _others(self, chain: str) -> list[Expected]:
        """What holds the ERA of others has no votes."""
        stack = self.world.stacks[chain]
        return [
            ("P7a", f"votes of {one} on {chain}", stack.era, ("getVotes", one.address), 0)
            for one in (stack.bridge, stack.gateway)
        ]

    def _weights(self, chain: str, motion: Motion) -> list[Expected]:
        """Votes at the snapshot, once it has passed there."""
        if self.clock[chain] <= motion.snapshot:
            return []
        era = self.world.stacks[chain].era
        weights = {who: self.holdings.weight(chain, who, motion.snapshot) for who in VOTERS}
        return [
            ("P7a", f"votes of {who} on {chain}", era, ("getPastVotes", who, motion.snapshot), weight)
            for who, weight in weights.items()
        ]

    def _check(self, chain: str, expected: list[Expected]) -> None:
        """Views, all in one request, in the chain's next second."""
        time = {"time": hex(self.clock[chain])}
        requests = [
            (
                "eth_call",
                [
                    {"to": contract.address, "data": "0x" + contract.encode(*view).hex()},
                    "latest",
                    {},
                    time,
                ],
            )
            for _, _, contract, view, _ in expected
        ]
        if not requests:
            return
        answers = self.world.stacks[chain].chain.batch(requests)
        for (number, what, contract, view, value), answer in zip(expected, answers, strict=True):
            must(number, what, contract.decode(view[0], bytes.fromhex(answer[2:])), value)

    def _check_time(self) -> None:
        """M22: a token whose clock fails does not take the governor's with it."""
        era, at = self.world.stacks[HUB].era, self.clock[HUB]
        transaction = {"to": self.governor.address, "data": "0x" + self.governor.encode("clock").hex()}
        silent = {era.address: {"code": "0xfe"}}
        arguments = [transaction, "latest", silent, {"time": hex(at)}]
        must("M22", "the governor's time", int(era.chain.rpc("eth_call", arguments), 16), at)

    def _hours(self) -> list[int]:
        """Of the history that is kept on the hub: those beside the latest changes, and all snapshots."""
        hours = {motion.snapshot for motion in self.motions}
        for spoke in SPOKES:
            for change in self.holdings.changes(spoke)[-_LATEST_HOURS:]:
                before = (change - 1) // HOUR * HOUR
                hours |= {before, before + HOUR}
        return sorted(hour for hour in hours if hour < self.clock[HUB])

    def _check_pieces(self, motion: Motion) -> None:
        """P7a: what each piece of ERA gave to a proposal, wherever it was at the snapshot by the clock there. Of an
        honest spoke: what its voters used, whether it was cast or not.
        """
        given: dict[int, Fraction] = {}
        for chain in CHAINS:
            shares = (
                self._shares_of_liar(chain, motion) if chain in self.liars else self._shares(chain, motion)
            )
            for unit, share in shares.items():
                given[unit] = given.get(unit, Fraction(0)) + share
        for share in given.values():
            assert share <= 1, f"P7a: a piece of ERA votes {share} times"

    def _shares(self, chain: str, motion: Motion) -> dict[int, Fraction]:
        if self.clock[chain] <= motion.snapshot:
            return {}
        used = self.ballot(chain, motion).used
        weights = {who: self.holdings.weight(chain, who, motion.snapshot) for who in used}
        for who, votes in used.items():
            assert votes <= weights[who], f"P7a: {who} votes with {votes} of {weights[who]} on {chain}"
        share = {who: Fraction(votes, weights[who]) for who, votes in used.items() if votes}
        pieces = self.holdings.voters(chain, motion.snapshot)
        return {unit: share[who] for unit, who in pieces.items() if who in share}

    def _shares_of_liar(self, spoke: str, motion: Motion) -> dict[int, Fraction]:
        held = self.holdings.outstanding(spoke, motion.snapshot)
        counted = motion.counted[spoke].total
        return dict.fromkeys(held, Fraction(counted, UNIT * len(held))) if held else {}

    def teardown(self) -> None:
        for name, snapshot in self.snapshots.items():
            self.world.stacks[name].chain.restore(snapshot)
