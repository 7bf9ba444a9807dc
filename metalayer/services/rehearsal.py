"""A proposal's whole way, on forks: proposed, voted, queued, executed; each decision sent, delivered and executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metalayer.attesting.quorum import Proposal, await_quorums
from metalayer.governance.built import BuiltDecision
from metalayer.network.connection import Connection
from metalayer.protocol import decisions, gateway
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.facts import RestartFact
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import STORED_HEAD_INTERVAL
from metalayer.protocol.reverts import explain
from metalayer.protocol.rpc import Log, logs_request
from metalayer.relayer.passes import Relayer
from metalayer.services.acting import Acted, act, frame_of, must
from metalayer.services.deciding import HOUR, MINUTE, Arrival, Deciding, Failed, up

_PASSES = 6
# Above all that a lane sent: see metalayer.lanes.restart.
_DISTANCE = 16 * STORED_HEAD_INTERVAL


@dataclass
class Rehearsal(Deciding):
    """One proposal on fresh forks. `found` is filled on the way; Failed says what would go wrong."""

    def deliver(self, relayer: Relayer) -> None:
        """Brings each decision to its chain, by the messages that the execution sent."""
        for one in self._unsent():
            self._send(one)
        self.say("decisions are signed and delivered")
        first = {name: one.height() for name, one in self.connections.items()}
        self._relay(relayer, lambda: not self._missing())
        for one in self.built.decisions:
            self._arrived(one, first[one.chain])

    def execute(self) -> None:
        """Executes each decision where it arrived, in their order."""
        if not self.built.decisions:
            return
        ready = max(arrival.ready_at for arrival in self.found.arrivals.values())
        self.say("days pass: the timelocks of the other chains")
        # How long signing takes is not the same each time.
        at = up(ready + MINUTE, HOUR)
        self.forks.until(at - MINUTE)
        for one in self.built.decisions:
            connection = self.connections[one.chain]
            at += MINUTE
            done = self._execute(one, at)
            if not done.succeeded:
                raise Failed(self._why(connection, done.frame(), one.actions))
            self._executed(connection, f"execute on {one.chain}", done)
        self.found.times["done"] = at

    def again(self, relayer: Relayer) -> None:
        """Each decision once more, by another relayer: a chain that executed it ignores it."""
        heights = {name: one.height() for name, one in self.connections.items()}
        now = self.forks.now
        sent = [one for one in self.built.decisions if not self._is_too_late(one, now)]
        for one in sent:
            self._send(one)
        self._relay(relayer, lambda: all(self._took_all(one) for one in self.spokes))
        for one in sent:
            connection, remote = self.connections[one.chain], self.on(one.chain, "RemoteGovernor")
            logs = connection.ask(logs_request(remote, [], heights[one.chain] + 1))
            if logs or self._state_of(one) is not DecisionState.EXECUTED:
                raise Failed(f"{one.chain}: decision {to_hex(one.id)} counts a second time")
        if sent:
            self.found.tried.append(
                "each decision was sent and delivered once more, by another relayer: ignored"
            )

    def _is_too_late(self, one: BuiltDecision, now: int) -> bool:
        """Whether it cannot be sent any more: one that names offices waits longer than that on its chain."""
        end = self.hub.view(self.built.outbox, decisions.ARRIVE_BEFORE, one.chain_id, one.id)
        return now + HOUR + MINUTE > end

    def lost(self, relayer: Relayer) -> None:
        """From before the delivery: every message is lost with its lane, and each decision sent again."""
        for one in self._unsent():
            self._send(one)
        sent = decisions.DECISION_SENT.history(self.built.outbox)
        gone = {event.message_id for event, _ in self.hub.ask(sent)}
        self._lose(relayer)
        for one in self.built.decisions:
            self._send(one)
        self._relay(relayer, lambda: not self._missing())
        for spoke in self.spokes:
            since = self.forks.blocks[spoke.name].number + 1
            delivered = spoke.ask(gateway.MESSAGE_DELIVERED.logs(self.forks.mesh.gateway, first=since))
            if any(event.id in gone for event, _ in delivered):
                raise Failed(f"{spoke.name}: a message arrived whose lane was restarted before")
        ready = max(
            self.connections[one.chain].view(self.on(one.chain, "RemoteGovernor"), decisions.READY_AT, one.id)
            for one in self.built.decisions
        )
        self.forks.until(ready + MINUTE)
        for one in self.built.decisions:
            done = self._execute(one, None)
            if not done.succeeded:
                raise Failed(self._why(self.connections[one.chain], done.frame(), one.actions))
        self.found.tried.append("every message was lost with its lane, each decision sent again: executed")

    def _lose(self, relayer: Relayer) -> None:
        """Restarts the lane to each chain, which follows before anybody delivered what was on its way."""
        mesh, hub = self.forks.mesh, self.hub
        office = hub.view(mesh.gateway, gateway.GUARDIAN)
        nonces = {}
        for spoke in self.spokes:
            lane = hub.view(mesh.gateway, gateway.OUTBOX_LANE, spoke.chain_id)
            nonce = (lane.nonce // STORED_HEAD_INTERVAL + 1) * STORED_HEAD_INTERVAL + _DISTANCE
            data = gateway.RESTART.encode(spoke.chain_id, nonce)
            must(hub, office, mesh.gateway, data, f"the lane to {spoke.name} is not restarted")
            nonces[spoke.name] = nonce
        # Once for all: it takes every chain.
        self.forks.settle()
        for spoke in self.spokes:
            nonce = nonces[spoke.name]
            fact = Proposal([RestartFact(hub.chain_id, spoke.chain_id, nonce)], [self.forks.validator_set])
            await_quorums(relayer.exchange, mesh.domain, [fact])
            attestation = fact.attestation(self.forks.validator_set)
            data = gateway.FOLLOW_RESTART.encode(attestation, hub.chain_id, nonce, [])
            must(spoke, self.executor, mesh.gateway, data, "the restart of its lane is not followed")

    def _execute(self, one: BuiltDecision, at: int | None) -> Acted:
        remote, data = self.on(one.chain, "RemoteGovernor"), decisions.EXECUTE.encode(one.decision)
        return act(self.connections[one.chain], self.executor, remote, data, one.decision.value, at)

    def _unsent(self) -> list[BuiltDecision]:
        """What was recorded and could not be sent because the outbox's credit is used up. Failed for another reason."""
        done = self.found.transactions["execute"]
        failed = decisions.DECISION_NOT_SENT.found_in(done.receipt["logs"], self.built.outbox)
        keys = {(self.hub_name_of(one.chain_id), one.id): one.reason for one in failed}
        unsent = [one for one in self.built.decisions if one.key in keys]
        for one in unsent:
            reason = explain(keys[one.key])
            if not reason.startswith("InsufficientCredit"):
                raise Failed(f"{one.chain}: the decision is recorded and cannot be sent: {reason}")
        return unsent

    def hub_name_of(self, chain_id: int) -> str:
        return self.forks.mesh.by_id[chain_id].name

    def _send(self, one: BuiltDecision) -> None:
        data = decisions.SEND.encode(one.chain_id, one.decision, one.gas_limit)
        must(
            self.hub,
            self.payer,
            self.built.outbox,
            data,
            f"the decision for {one.chain} cannot be sent again",
        )

    def _relay(self, relayer: Relayer, is_done: Callable[[], bool]) -> None:
        problems: Sequence[str] = ()
        for _ in range(_PASSES):
            self.forks.settle()
            result = relayer.relay_once(lambda line: None)
            problems = [*result.all_problems, *result.put_off]
            self._refuse_failed()
            if is_done():
                return
        raise Failed(next(iter(problems), "not everything that was sent was delivered"))

    def _missing(self) -> list[BuiltDecision]:
        return [one for one in self.built.decisions if self._state_of(one) is DecisionState.UNKNOWN]

    def _state_of(self, one: BuiltDecision) -> DecisionState:
        remote = self.on(one.chain, "RemoteGovernor")
        return self.connections[one.chain].view(remote, decisions.STATE_OF, one.id)

    def _took_all(self, spoke: Connection) -> bool:
        address, hub = self.forks.mesh.gateway, self.hub
        nonce, _ = spoke.view(address, gateway.INBOX_LANE, hub.chain_id)
        return nonce >= hub.view(address, gateway.OUTBOX_LANE, spoke.chain_id).nonce

    def _refuse_failed(self) -> None:
        """Failed if a decision came and was refused, or had too little gas."""
        for spoke in self.spokes:
            address = self.forks.mesh.gateway
            request = gateway.MESSAGE_FAILED.logs(address, first=self.forks.blocks[spoke.name].number + 1)
            for _, log in spoke.ask(request):
                frame = frame_of(spoke, log.transaction)
                remote = self.on(spoke.name, "RemoteGovernor")
                call = next((one for one in frame.below() if one.to == remote and one.error), None)
                if call is None:
                    continue
                limit = self._limit_of(spoke.name, call.data)
                if call.returned:
                    raise Failed(f"{spoke.name}: the decision does not arrive: {call.reason}")
                raise Failed(
                    f"{spoke.name}: the decision does not arrive: {limit:,} gas, its message's limit, are not enough"
                )

    def _limit_of(self, chain: str, data: bytes) -> int:
        own = [one for one in self.built.decisions_on(chain) if one.decision.encoded in data]
        return own[0].gas_limit if own else 0

    def _arrived(self, one: BuiltDecision, since: int) -> None:
        connection, remote = self.connections[one.chain], self.on(one.chain, "RemoteGovernor")
        found: list[tuple[decisions.DecisionScheduled, Log]] = [
            (event, log)
            for event, log in connection.ask(decisions.DECISION_SCHEDULED.logs(remote, first=since))
            if event.id == one.id
        ]
        ((event, log),) = found
        ended = connection.ask(decisions.DECISION_CANCELLED.logs(remote, first=since))
        cancelled = tuple(gone.id for gone, _ in ended if gone.by == one.id)
        frame = frame_of(connection, log.transaction)
        used = next(
            call.gas for call in frame.below() if call.to == remote and one.decision.encoded in call.data
        )
        at = connection.block(log.block).time
        self.found.arrivals[one.key] = Arrival(
            one, self._quote(one), used, frame.gas, at, event.ready_at, cancelled
        )
        self.found.times.setdefault("arrived", at)
