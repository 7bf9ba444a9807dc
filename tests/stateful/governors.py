"""Who may do more than others: guardians pause, validators hand over to the next set."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.facts import SetFact
from tests.kit.gateways import (
    ATTACKER,
    GUARDIAN,
    LANES,
    OWNER,
    PAUSE_INBOUND,
    RELAYER,
    SET_GUARDIAN,
    SUCCESSOR,
    TRANSFER_OWNERSHIP,
    UNPAUSE_INBOUND,
)
from tests.kit.stack import CHAINS
from tests.stateful.ghost import Log, log
from tests.stateful.machine import CHAIN, DAY, HOUR, LANE, PICK, Lane, Part, must, pick
from tests.stateful.relayers import Relayers

_MAX_PAUSE = _COOL_DOWN = 3 * DAY


class Governors(Relayers):
    """Guardians come and go; chains that were away catch up set by set, or jump to a set that theirs signed."""

    @initialize(number=PICK, duration=st.sampled_from([0, HOUR, DAY]))
    def hold_up(self, number: int, duration: int) -> None:
        """Most examples begin with a pause."""
        if duration:
            self.pause(pick(self.waiting() or LANES, number), duration)

    # Pauses

    @rule(lane=LANE, duration=st.sampled_from([1, HOUR, DAY, _MAX_PAUSE, _MAX_PAUSE + 1, 0]))
    def pause(self, lane: Lane, duration: int = HOUR) -> None:
        name, inbox = lane[1], self.inc(lane)
        until = self.next(name) + duration
        error = None
        if not 0 < duration <= _MAX_PAUSE:
            error = "InvalidPause"
        elif inbox.paused_until and self.next(name) < inbox.paused_until + _COOL_DOWN:
            error = "CoolingDown"
        done = self._pause(lane, PAUSE_INBOUND.encode(self.gateways.id_of(lane[0]), duration), error, until)
        self.reach("paused" if done else f"not paused: {error}")

    @rule(lane=LANE, by=st.sampled_from([OWNER, GUARDIAN]))
    def unpause(self, lane: Lane, by: str = OWNER) -> None:
        name = lane[1]
        by = OWNER if by == OWNER else self.sides[name].guardian
        error = None if self.next(name) < self.inc(lane).paused_until else "NotPaused"
        data = UNPAUSE_INBOUND.encode(self.gateways.id_of(lane[0]))
        if self._pause(lane, data, error, self.next(name), by):
            self.reach("pause ended early")

    def _pause(self, lane: Lane, data: bytes, error: str | None, until: int, by: str | None = None) -> bool:
        inbox = self.inc(lane)

        def effect() -> list[Log]:
            inbox.paused_until = until
            return [log("InboundPaused", self.gateways.id_of(lane[0]), data=(until,))]

        return self.perform(lane[1], by or self.sides[lane[1]].guardian, data, error, effect)

    @rule(name=CHAIN, successor=st.booleans())
    def replace_guardian(self, name: str, successor: bool) -> None:
        """Pauses and cool-downs stay, whoever the guardian is; the one before may do nothing any more."""
        side = self.sides[name]
        before, side.guardian = side.guardian, SUCCESSOR if successor else GUARDIAN
        self.perform(name, OWNER, SET_GUARDIAN.encode(side.guardian), None, list)
        if side.guardian != before:
            origin = next(lane[0] for lane in LANES if lane[1] == name)
            self.refuse(name, before, PAUSE_INBOUND.encode(self.gateways.id_of(origin), HOUR), "NotGuardian")

    # Validator sets

    @precondition(lambda self: self.rotatable())
    @rule(number=PICK, signers=PICK, skip=st.booleans())
    def rotate(self, number: int, signers: int = 0, skip: bool = False) -> None:
        name = pick(self.rotatable(), number)
        side, sets = self.sides[name], self.gateways.sets
        position = sets.index(side.validator_set) + 1
        following = sets[min(position + skip, len(sets) - 1)]
        fact = SetFact(following.version, following.hash)
        attestation, tree = self.attest(name, [fact, SetFact(0, bytes(32))], signers)

        def effect() -> list[Log]:
            side.validator_set = following
            return []

        data = gateway.ROTATE.encode(attestation, following, tree.proof(fact))
        self.perform(name, RELAYER, data, None, effect)
        self.reach("rotated")
        if len({self.sides[chain].validator_set.version for chain in CHAINS}) > 1:
            self.reach("chains with different sets")

    def rotatable(self) -> list[str]:
        return [name for name in CHAINS if self.sides[name].validator_set != self.gateways.sets[-1]]

    @precondition(lambda self: self.waiting())
    @rule(number=PICK)
    def expire(self, number: int) -> None:
        """P3: in its last second a set's signatures count, and not one second longer."""
        lane = pick(self.waiting(), number)
        name, last = lane[1], self.sides[lane[1]].validator_set.expires
        there = self.out(lane).run_from(self.inc(lane).nonce)
        data = self.delivery([Part(lane, self.inc(lane).nonce + 1, there, there)])
        g = self.gateways
        must(
            "P3",
            f"a delivery in the last second of the set on {name}",
            g.refusal(name, RELAYER, g.gateway, data, last),
            None,
        )
        self.refuse(name, RELAYER, data, "ValidatorSetExpired", at=last + 1)
        self.reach("set expired")

    def clear_the_way(self) -> None:
        for lane in LANES:
            if self.next(lane[1]) < self.inc(lane).paused_until:
                if self.pending(lane):
                    self.deliver(self.waiting().index(lane))
                self.unpause(lane)
        for name in self.rotatable():
            self.rotate(self.rotatable().index(name))
        super().clear_the_way()

    # Everybody else

    @rule(name=CHAIN, lane=LANE, number=PICK)
    def usurp(self, name: str, lane: Lane, number: int) -> None:
        """Nobody does what only the owner, or only the guardian, may do."""
        g, side = self.gateways, self.sides[name]
        other = g.id_of(next(chain for chain in CHAINS if chain != name))
        route = gateway.SET_ROUTE.encode(other, g.routes[lane])
        for_owner = [
            route,
            gateway.RESTART.encode(other, 2**20),
            SET_GUARDIAN.encode(ATTACKER),
            TRANSFER_OWNERSHIP.encode(ATTACKER),
        ]
        for_guardian = [PAUSE_INBOUND.encode(other, HOUR), UNPAUSE_INBOUND.encode(other)]
        account = pick([ATTACKER, RELAYER, side.guardian, g.gateway], number)
        self.refuse(name, account, pick(for_owner, number // 4), "OwnableUnauthorizedAccount")
        if account != side.guardian:
            self.refuse(name, account, pick(for_guardian, number // 4), "NotGuardian")
        self.refuse(name, OWNER, for_guardian[0], "NotGuardian")
