"""What the chains themselves say came of it, block by block: which messages ended, and who paid for it."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.soak.traffic import Posted
from benchmarks.soak.world import World
from metalayer.errors import MetalayerError
from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.gateway import STEP_GAS, STEP_GAS_PER_BYTE
from metalayer.protocol.message import Fee
from metalayer.protocol.rpc import Log

REFUND_GAS = STEP_GAS + 17_100
"""What a refund may take besides the return gas that its message paid for, and its payload: a step part's gas, and more
for a first credit of whoever calls it.
"""

_TICK = 1.0
_PATIENCE = 10.0


@dataclass
class Spent:
    """What one relayer's transactions took on one chain."""

    transactions: int = 0
    gas: int = 0
    wei: int = 0
    reverted: int = 0
    reverted_gas: int = 0


@dataclass
class Ledger:
    """Follows all chains from their present heights on.

    `problems`: lines about messages that ended twice, and about refunds that took more gas than was paid for.
    """

    world: World
    relayers: Mapping[str, str]
    posted: dict[bytes, Posted] = field(default_factory=dict)
    ended: dict[bytes, tuple[str, float]] = field(default_factory=dict)
    """How each of our messages ended, and when that was seen (monotonic seconds)."""
    failed: set[bytes] = field(default_factory=set)
    given_back: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Wei of ERA that refunds brought, by chain and sender."""
    spent: dict[tuple[str, str], Spent] = field(default_factory=lambda: defaultdict(Spent))
    problems: list[str] = field(default_factory=list)
    refunds: int = 0
    dearest_refund: int = 0
    """Gas that a refund took beyond its message's return gas, at most."""

    def __post_init__(self) -> None:
        self._names = {address.lower(): name for name, address in self.relayers.items()}
        self._lock = threading.Lock()
        self._read = {name: connection.height() for name, connection in self.world.mesh.connections.items()}

    def post(self, one: Posted) -> None:
        with self._lock:
            self.posted[one.sent.id] = one

    def open(self, wanted: Callable[[Posted], bool] = lambda one: True) -> list[Posted]:
        """Messages that did not end yet."""
        with self._lock:
            return [one for id_, one in self.posted.items() if id_ not in self.ended and wanted(one)]

    def follow(self, stop: threading.Event) -> None:
        while not stop.wait(_TICK):
            self.catch_up()

    def catch_up(self) -> None:
        """Reads all blocks that are new."""
        for name, connection in self.world.mesh.connections.items():
            try:
                latest = connection.height()
                while self._read[name] < latest:
                    receipts = connection.rpc("eth_getBlockReceipts", hex(self._read[name] + 1))
                    for receipt in receipts:
                        self._receipt(name, receipt)
                    self._read[name] += 1
            except MetalayerError as error:
                self.problems.append(f"the ledger cannot read {name}: {error}")

    def _receipt(self, chain: str, receipt: Mapping[str, Any]) -> None:
        gas = int(receipt["gasUsed"], 16)
        if relayer := self._names.get(str(receipt["from"]).lower()):
            spent = self.spent[relayer, chain]
            spent.transactions += 1
            spent.gas += gas
            spent.wei += gas * int(receipt["effectiveGasPrice"], 16)
            if int(receipt["status"], 16) != 1:
                spent.reverted += 1
                spent.reverted_gas += gas
        now, address = time.monotonic(), self.world.mesh.gateway.lower()
        for log in (Log.read(raw) for raw in receipt["logs"] if raw["address"].lower() == address):
            if log.topics[0] == gateway.MESSAGE_DELIVERED.topic:
                self._end(log.topics[1], "delivered", now)
            elif log.topics[0] == gateway.MESSAGE_FAILED.topic:
                self.failed.add(log.topics[1])
            elif log.topics[0] == gateway.MESSAGE_RETURNED.topic:
                self._end(log.topics[1], "returned", now)
                self._refunded(chain, gateway.MESSAGE_RETURNED.decode(log), gas)

    def _end(self, id_: bytes, how: str, now: float) -> None:
        with self._lock:
            if id_ in self.ended:
                self.problems.append(f"message 0x{id_.hex()} was {how}, and {self.ended[id_][0]} before")
            self.ended.setdefault(id_, (how, now))

    def _refunded(self, chain: str, refund: gateway.Returned, gas: int) -> None:
        self.refunds += 1
        # Its sender may hear of it only when it has ended.
        patience = time.monotonic() + _PATIENCE
        while refund.id not in self.posted and time.monotonic() < patience:
            time.sleep(0.1)
        if (one := self.posted.get(refund.id)) is None:
            self.problems.append(f"{chain}: message 0x{refund.id.hex()} was refunded, and nobody sent it")
            return
        message = one.sent.message
        beyond = gas - Fee.unpack(message.fee).return_gas_limit
        self.dearest_refund = max(self.dearest_refund, beyond)
        if beyond > REFUND_GAS + STEP_GAS_PER_BYTE * len(message.payload):
            self.problems.append(
                f"{chain}: the refund of message 0x{refund.id.hex()} took {gas:,} gas, and its return gas is "
                f"{Fee.unpack(message.fee).return_gas_limit:,}"
            )
        self.given_back[chain, message.sender] += refund.unspent

    def taken(self, chain: str, sender: str) -> int:
        """Wei of ERA that messages of a sender cost when they were sent."""
        chains = self.world.mesh.by_id
        total = 0
        for one in self.posted.values():
            if (one.origin, one.sent.message.sender) == (chain, sender):
                parts = Fee.unpack(one.sent.message.fee).total
                share = chains[one.sent.message.destination].chain.preset.fees.protocol_share
                total += (parts - (-parts * share // 10_000)) * GWEI
        return total
