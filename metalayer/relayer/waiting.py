"""Transfers that exceeded a limit and wait: whoever lets one pass earns what its return would have cost.

One passes a day after it began to wait, or as soon as there is room. The chain knows, and refuses any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from metalayer.lanes.logs import Sent
from metalayer.lanes.survey import Survey
from metalayer.network.connection import Connection
from metalayer.protocol import bridge, gateway
from metalayer.protocol.bridge import Limits, TransferWaiting
from metalayer.protocol.gateway import Status
from metalayer.protocol.hex import to_hex
from metalayer.protocol.transfers import WAITING_TIME
from metalayer.relayer.endings import MOST_STEPS, Step, fair
from metalayer.relayer.gas import refund_gas
from metalayer.relayer.memory import Kind, Memory
from metalayer.relayer.returns import Returns


@dataclass
class Waiting:
    """What waits in the bridge at this address, on every chain. Without an address, nothing does."""

    bridge: str | None
    gateway: str
    memory: Memory
    returns: Returns

    def due(self, connection: Connection, found: Survey, problems: list[str]) -> list[Step]:
        """Of the failed messages that `returns` came to know, those that may pass now."""
        here = connection.chain_id
        failed = self.returns.failed(here)
        if self.bridge is None or not failed:
            return []
        put_off = self.memory.waiting(Kind.WAITING, here)
        logs = connection.ask(bridge.TRANSFER_WAITING.history(self.bridge))
        waits = {
            event.id: event
            for event, _ in logs
            if event.id in failed
            and to_hex(event.id) not in put_off
            and failed[event.id].message.deliver_before >= found.times[here]
        }
        chosen = fair(((failed[id_].message.origin, id_) for id_ in waits), MOST_STEPS)
        return self._steps(connection, [(failed[id_], waits[id_]) for id_ in chosen], found.times[here])

    def _steps(
        self, connection: Connection, chosen: Sequence[tuple[Sent, TransferWaiting]], now: int
    ) -> list[Step]:
        if not chosen or self.bridge is None:
            return []
        limits = [bridge.LIMITS_OF.request(self.bridge, event.token, event.chain_id) for _, event in chosen]
        standing = [gateway.MESSAGE_STATUS.request(self.gateway, event.id) for _, event in chosen]
        answers = connection.batch([*limits, *standing])
        steps = []
        for (sent, event), limit, (status, notice) in zip(
            chosen, answers[: len(chosen)], answers[len(chosen) :], strict=True
        ):
            is_over = event.since + WAITING_TIME <= now
            if status is Status.FAILED and not notice and (is_over or _has_room(sent, event, limit)):
                data, item = gateway.retry_call(sent.message), to_hex(event.id)
                gas = refund_gas(data, sent.message.gas_limit)
                what = f"letting transfer {item} pass"
                # Others may have taken the room.
                step = Step(Kind.WAITING, item, sent.message.origin, data, gas, what, doubtful=not is_over)
                steps.append(step)
        return steps


def _has_room(sent: Sent, event: TransferWaiting, limits: Limits) -> bool:
    """Whether the limit that it exceeded lets it pass: that of where it comes from, or of where it goes."""
    free = limits.in_free if event.chain_id == sent.message.origin else limits.out_free
    return not limits.limited or event.amount <= free
