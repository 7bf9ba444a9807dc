"""Who may do more than others: guardians pause, validators hand over to the next set."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from metalayer.protocol import gateway
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Status
from tests.kit.gateways import (
    ATTACKER,
    EMERGENCY_PAUSE,
    HUB,
    LANES,
    PAUSE_INBOUND,
    RECOVERY,
    RELAYER,
    SET_GUARDIAN,
    SET_RECOVERY,
    SUCCESSOR,
    TRANSFER_OWNERSHIP,
    UNPAUSE_INBOUND,
)
from tests.kit.stack import CHAINS
from tests.stateful.ghost import Log, log
from tests.stateful.machine import CHAIN, DAY, GRACE, HOUR, LANE, PICK, SET_LIFETIME, Lane, Part, must, pick
from tests.stateful.relayers import Relayers

_MAX_PAUSE, _MAX_HUB_PAUSE, _WATCHER_PAUSE = 21 * DAY, 3 * DAY, 3 * DAY
_RECOVERY_DELAY, _ANNOUNCEMENT_DELAY = 14 * DAY, 7 * DAY


class Governors(Relayers):
    """Guardians come and go, routes open and close; chains that were away catch up set by set, or jump to a set that
    theirs signed.
    """

    @initialize(number=PICK, duration=st.sampled_from([0, HOUR, DAY]))
    def hold_up(self, number: int, duration: int) -> None:
        """Most examples begin with a pause."""
        if duration:
            self.pause(pick(self.waiting() or LANES, number), duration)

    # Pauses

    @rule(
        lane=LANE, duration=st.sampled_from([1, HOUR, DAY, 3 * DAY, 3 * DAY + 1, 21 * DAY, 21 * DAY + 1, 0])
    )
    def pause(self, lane: Lane, duration: int = HOUR) -> None:
        """A pause that is running is extended, but never beyond the longest one from its beginning."""
        name, inbox, origin_id = lane[1], self.inc(lane), self.gateways.id_of(lane[0])
        present = self.next(name)
        running = present < inbox.paused_until
        since = self._paused_since(lane) if running else present
        longest = _MAX_HUB_PAUSE if origin_id == self.gateways.network_id else _MAX_PAUSE
        error = None
        if not running and present < inbox.pausable_from:
            error = "CoolingDown"
        elif not 0 < duration <= since + longest - present:
            error = "InvalidPause"
        account, to = self.guard(name)
        data = PAUSE_INBOUND.encode(origin_id, duration)
        done = self._pause(lane, account, data, error, since, present + duration, to)
        self.reach("extended" if done and running else "paused" if done else f"not paused: {error}")

    @rule(lane=LANE)
    def pause_as_watcher(self, lane: Lane) -> None:
        """Three days from the beginning, whoever began."""
        name, inbox, origin_id = lane[1], self.inc(lane), self.gateways.id_of(lane[0])
        account, to = self.guard(name)
        if to is None:
            return
        present = self.next(name)
        running = present < inbox.paused_until
        since = self._paused_since(lane) if running else present
        error = None
        if present >= since + _WATCHER_PAUSE:
            error = "WatcherPauseOver"
        elif not running and present < inbox.pausable_from:
            error = "CoolingDown"
        data = EMERGENCY_PAUSE.encode(origin_id)
        if self._pause(lane, account, data, error, since, since + _WATCHER_PAUSE, to):
            self.reach("paused by a watcher")

    @rule(lane=LANE, guarded=st.booleans())
    def unpause(self, lane: Lane, guarded: bool = False) -> None:
        """By the owner, or by the guardian."""
        name = lane[1]
        account, to = self.guard(name) if guarded else (self.gateways.owner, None)
        error = None if self.paused(lane) else "NotPaused"
        data, since = UNPAUSE_INBOUND.encode(self.gateways.id_of(lane[0])), self._paused_since(lane)
        if self._pause(lane, account, data, error, since, self.next(name), to, ends=True):
            self.reach("pause ended early")

    def _paused_since(self, lane: Lane) -> int:
        """When the last pause began: its cool-down is as long."""
        return 2 * self.inc(lane).paused_until - self.inc(lane).pausable_from

    def _pause(
        self,
        lane: Lane,
        account: str,
        data: bytes,
        error: str | None,
        since: int,
        until: int,
        to: str | None,
        ends: bool = False,
    ) -> bool:
        inbox = self.inc(lane)

        def effect() -> list[Log]:
            if until <= inbox.paused_until and not ends:
                return []
            inbox.paused_until = until
            inbox.pausable_from = until + max(until - since, HOUR)
            return [log("InboundPaused", self.gateways.id_of(lane[0]), data=(until,))]

        return self.perform(lane[1], account, data, error, effect, to)

    @rule(name=CHAIN, successor=st.booleans())
    def replace_guardian(self, name: str, successor: bool) -> None:
        """Pauses and cool-downs stay, whoever the guardian is; the one before may do nothing any more."""
        side, before = self.sides[name], self.guard(name)
        side.guardian = SUCCESSOR if successor else self.gateways.guardian
        self.perform(name, self.gateways.owner, SET_GUARDIAN.encode(side.guardian), None, list)
        if self.guard(name) != before:
            origin = next(lane[0] for lane in LANES if lane[1] == name)
            data = PAUSE_INBOUND.encode(self.gateways.id_of(origin), HOUR)
            self.refuse(name, before[0], data, "NotGuardian", to=before[1])

    # Routes

    @rule(lane=LANE, outbound=st.booleans(), inbound=st.booleans())
    def set_open(self, lane: Lane, outbound: bool, inbound: bool) -> None:
        """Of the route between two chains, as the first of them has it."""
        name, other = lane
        side, outbox, present = self.sides[name], self.out(lane), self.next(name)
        route = side.routes[other]

        def effect() -> list[Log]:
            if outbound:
                outbox.closed_since = 0
            elif route.outbound:
                outbox.closed_since = present
            side.routes[other] = replace(route, outbound=outbound, inbound=inbound)
            return []

        data = gateway.SET_OPEN.encode(self.gateways.id_of(other), outbound, inbound)
        self.perform(name, self.gateways.owner, data, None, effect)
        self.reach("opened" if outbound and inbound else "closed")

    @rule(lane=LANE, factor=st.sampled_from([0.5, 2, 3]))
    def set_terms(self, lane: Lane, factor: float) -> None:
        """From the next message on: what was sent is paid for."""
        side = self.sides[lane[0]]
        route = side.routes[lane[1]]
        fees = ("base_fee", "gas_fee", "byte_fee", "return_gas_fee")
        dearer = {name: min(2**40 - 1, int(getattr(route.terms, name) * factor)) for name in fees}
        terms = replace(route.terms, **dearer)

        def effect() -> list[Log]:
            side.routes[lane[1]] = replace(route, terms=terms)
            return []

        data = gateway.SET_TERMS.encode(self.gateways.id_of(lane[1]), terms)
        self.perform(lane[0], self.gateways.owner, data, None, effect)

    # Validator sets

    @precondition(lambda self: self.rotatable())
    @rule(number=PICK, signers=PICK, skip=st.booleans())
    def rotate(self, number: int, signers: int = 0, skip: bool = False) -> None:
        name = pick(self.rotatable(), number)
        side, sets = self.sides[name], self.sets
        present, position = side.validator_set, sets.index(side.validator_set) + 1
        following = sets[min(position + skip, len(sets) - 1)]
        if name == HUB:
            self._adopt(following, signers)
            return
        error = None
        if following.expires <= present.expires:
            error = "SetNotNewer"
        elif following.expires < self.next(name):
            error = "ValidatorSetExpired"
        elif following.expires > self.next(name) + SET_LIFETIME:
            error = "SetLivesTooLong"
        data = self.rotation(name, following, signers)
        if error:
            self.refuse(name, RELAYER, data, error)
            return
        self.install(name, RELAYER, following, data)
        self.reach("rotated")
        if len({self.sides[chain].validator_set.version for chain in CHAINS}) > 1:
            self.reach("chains with different sets")

    def _adopt(self, following: ValidatorSet, signers: int) -> None:
        """S9: on the hub a quorum changes nothing, and nothing is installed but what was published last."""
        side, data = self.sides[HUB], gateway.ADOPT.encode(following)
        before = side.validator_set
        self.refuse(HUB, RELAYER, self.rotation(HUB, following, signers), "SetsAreAdopted")
        if side.published != following:
            self.refuse(HUB, RELAYER, data, "SetNotNewest")
            self.publish(following)
        if following.expires < self.next(HUB):
            self.refuse(HUB, RELAYER, data, "ValidatorSetExpired")
            return
        if following.expires > self.next(HUB) + SET_LIFETIME:
            self.refuse(HUB, RELAYER, data, "SetLivesTooLong")
            return
        self.install(HUB, RELAYER, following, data)
        self.refuse(HUB, RELAYER, data, "SetNotNewer")
        self.refuse(HUB, RELAYER, gateway.ADOPT.encode(before), "SetNotNewest")
        self.reach("adopted")

    def rotatable(self) -> list[str]:
        return [name for name in CHAINS if self.sides[name].validator_set != self.sets[-1]]

    @rule(name=CHAIN, how=st.sampled_from(["in its grace", "by the recovery", "announced"]), number=PICK)
    def outlive(self, name: str, how: str, number: int = 0) -> None:
        """P3: a set that has expired signs its successor for a week, and nothing else; later only the recovery brings
        one, signed or announced. S9: the hub adopts one, whenever that is.
        """
        side = self.sides[name]
        old = side.validator_set
        lane = pick([one for one in LANES if one[1] == name], number)
        self.skip(name, old.expires + (GRACE - 1 if how == "in its grace" else GRACE))
        if self.pending(lane):
            part = Part(lane, self.inc(lane).nonce + 1, self.inc(lane).nonce + 1, self.inc(lane).nonce + 1)
            self.refuse(name, RELAYER, self.delivery([part]), "ValidatorSetExpired")
        error = "SetsAreAdopted" if name == HUB else "RecoveryTooEarly"
        self.refuse(name, RECOVERY, gateway.ANNOUNCE_SET.encode(old, self.fresh_set(name)), error)
        following = self.fresh_set(name)
        if name == HUB:
            data = self.rotation(name, following, number)
            self.refuse(name, RECOVERY, data, error)
            self.refuse(name, RELAYER, gateway.INSTALL_ANNOUNCED.encode(following), error)
            self._adopt(following, number)
            how = "by adoption"
        elif how == "in its grace":
            self.install(name, RELAYER, following, self.rotation(name, following, number))
        elif how == "by the recovery":
            data = self.rotation(name, following, number)
            self.refuse(name, RELAYER, data, "ValidatorSetExpired")
            self.install(name, RECOVERY, following, data)
        else:
            self._announce(name, old)
        self.reach(f"a set followed {how}")

    def _announce(self, name: str, old: ValidatorSet) -> None:
        side = self.sides[name]
        self.skip(name, max(side.clock, old.expires + _RECOVERY_DELAY))
        following = replace(self.fresh_set(name), expires=side.clock + SET_LIFETIME)
        self.sets[-1] = following
        data = gateway.ANNOUNCE_SET.encode(old, following)
        self.refuse(name, RELAYER, data, "NotRecovery")
        installation = gateway.INSTALL_ANNOUNCED.encode(following)
        self.refuse(name, RELAYER, installation, "SetNotAnnounced")
        installable = self.next(name) + _ANNOUNCEMENT_DELAY
        self.perform(name, RECOVERY, data, None, list)
        self.refuse(name, RELAYER, installation, "RecoveryTooEarly", at=installable - 1)
        other = replace(following, version=following.version + 1)
        self.refuse(name, RELAYER, gateway.INSTALL_ANNOUNCED.encode(other), "SetNotAnnounced", at=installable)
        self.skip(name, installable - 1)
        self.install(name, RELAYER, following, installation)

    @precondition(lambda self: self._deliverable_at_last())
    @rule(number=PICK)
    def expire(self, number: int) -> None:
        """P3: in its last second a set's signatures count, and not one second longer."""
        lane = pick(self._deliverable_at_last(), number)
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

    def _deliverable_at_last(self) -> list[Lane]:
        """Lanes with messages that are open in the last second of their destination's set."""
        return [
            lane
            for lane in self.waiting()
            if (side := self.sides[lane[1]]).routes[lane[0]].inbound
            and self.inc(lane).paused_until <= side.validator_set.expires
        ]

    def clear_the_way(self) -> None:
        for lane in LANES:
            if not self.is_open(lane) and self.pending(lane):
                self.deliver(self.waiting().index(lane))
        for lane in LANES:
            if self.paused(lane):
                self.unpause(lane)
            route = self.sides[lane[0]].routes[lane[1]]
            if not (route.outbound and route.inbound):
                self.set_open(lane, True, True)
        for name in self.rotatable():
            self.rotate(self.rotatable().index(name))
        for number in reversed(range(len(self.undelivered(Status.FAILED)))):
            if self.of_gateways(self.undelivered(Status.FAILED)[number][1].message):
                self.retry(number)
        super().clear_the_way()

    # Everybody else

    @rule(name=CHAIN, number=PICK)
    def usurp(self, name: str, number: int) -> None:
        """Nobody does what only the owner, or only owner and guardian, may do."""
        g, side = self.gateways, self.sides[name]
        other = next(chain for chain in CHAINS if chain != name)
        other_id, terms = g.id_of(other), side.routes[other].terms
        for_owner = [
            gateway.SET_OPEN.encode(other_id, True, True),
            SET_GUARDIAN.encode(ATTACKER),
            SET_RECOVERY.encode(ATTACKER),
            TRANSFER_OWNERSHIP.encode(ATTACKER),
        ]
        pause = PAUSE_INBOUND.encode(other_id, HOUR)
        for_both = [
            pause,
            UNPAUSE_INBOUND.encode(other_id),
            gateway.RESTART.encode(other_id, 2**20),
            gateway.SET_TERMS.encode(other_id, terms),
        ]
        account = pick([ATTACKER, RELAYER, side.guardian, g.gateway], number)
        self.refuse(name, account, pick(for_owner, number // 4), "OwnableUnauthorizedAccount")
        if account != side.guardian:
            self.refuse(name, account, pick(for_both, number // 4), "NotGuardian")
        self.refuse(name, g.owner, pause, "NotGuardian")
        self.refuse(name, ATTACKER, pause, "NotCouncil", to=g.guardian)
