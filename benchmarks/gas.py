"""Gas of whole transactions, measured on chains of their own.

Gas: one transaction per block, blocks 12 s apart, random payloads, a recipient that accepts and does nothing, fees
charged, a tree of one fact per lane of the network. Each figure is the median of as many transactions as the meter says
after as many to warm up, so that none pays for a storage word that is written for the first time.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from benchmarks.carrier import DEPLOYED_QUORUM, Carrier
from benchmarks.meter import RUNS, Meter, Report, gas_used
from metalayer.assets.tokens import APPROVE, TRANSFER
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.bridge import SEND
from metalayer.protocol.facts import SetFact
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import interoperable

PAYLOADS = (32, 256, 2048)
BATCHES = (1, 10, 100)
MINTS = (1, 10)
QUORUMS = ((DEPLOYED_QUORUM, 5), (6, 8), (14, 20))
"""Signatures and validators. The first is that of the deployed set."""

# Returns the magic value of ERC-7786 and does nothing: PUSH32 value, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN.
_NOOP = "0x" + "77" * 20
_NOOP_CODE = b"\x7f" + gateway.RECEIVE_MESSAGE.selector.ljust(32, b"\x00") + bytes.fromhex("60005260206000f3")
# The same, refusing: REVERT(0, 0).
_REFUSING_CODE = bytes.fromhex("60006000fd")
_FORWARD = Function("forward(uint256[])")
_AMOUNT = 10**18
_PLENTY = 10**24
_EXPIRY = 3_700
"""Seconds that a message gets which shall expire."""


class GasBenchmark:
    """Measures on deployed chains that mine a block per transaction.

    `holder` is an account with ERA on the hub. All senders must be unlocked on the nodes. `batches` and `quorums` limit
    what is measured, for a quick look.
    """

    def __init__(
        self,
        connections: Mapping[str, Connection],
        registry: Registry,
        holder: str,
        report: Report,
        runs: int = RUNS,
        batches: Sequence[int] = BATCHES,
        quorums: Sequence[tuple[int, int]] = QUORUMS,
    ) -> None:
        self._registry = registry
        self._holder = holder
        self._gateway = registry.address("Metalayer")
        self._bridge = registry.address("TokenBridge")
        self._era = registry.address("ERA")
        self._collector = registry.address("FeeCollector")
        self._runs = runs
        self._batches = batches
        self._quorums = quorums
        self._meters = {
            connection.chain.chain_id: Meter(connection, report, holder, runs)
            for connection in connections.values()
        }
        self._hub, self._near, self._far = list(self._meters.values())[:3]
        self._carrier = Carrier(self._meters, registry)
        self._under_way: list[Sent] = []
        for meter in self._meters.values():
            meter.connection.rpc("anvil_setCode", _NOOP, to_hex(_NOOP_CODE))

    def run(self) -> dict[str, int]:
        """Gas by name. `_each` is per message of a batch, rounded up."""
        self._fund()
        figures: dict[str, int] = {}
        for length in PAYLOADS:
            figures |= self._hub.medians(f"send_{length}", partial(self._gas_of_send, length))
        for signing, validators in self._quorums:
            if validators != len(self._carrier.sets[self._id(self._near)].members):
                self._rotate(signing, validators)
            suffix = "" if (signing, validators) == QUORUMS[0] else f"_{signing}_of_{validators}"
            for size in self._batches:
                figures |= self._batched(f"deliver_{{}}{suffix}", size, partial(self._deliver_messages, size))
        self._rotate(*QUORUMS[0])
        figures |= self._near.medians("rotate", lambda: {"rotate": self._rotate(*QUORUMS[0])})
        figures |= self._near.medians("retry", self._retry)
        figures |= self._near.medians("return", self._return)
        figures |= self._near.medians("claim", self._claim)
        figures |= self._transfers()
        figures |= self._hub.medians("forward_fees_hub", self._forward_on_hub)
        figures |= self._near.medians("forward_fees_spoke", self._forward_on_spoke)
        return dict(sorted(figures.items()))

    def _fund(self) -> None:
        """Credit and ERA for the holder on the hub and on one rollup, and the bridge allowed to use both."""
        self._hub.transact(self._era, APPROVE.encode(self._bridge, 2**256 - 1))
        self._deposit(self._hub)
        self._transfer(self._hub, self._near, 10 * _PLENTY)
        self._carrier.deliver(self._under_way)
        self._deposit(self._near)

    def _deposit(self, meter: Meter) -> None:
        meter.transact(self._era, APPROVE.encode(self._gateway, 2**256 - 1))
        meter.transact(self._gateway, gateway.DEPOSIT_FOR.encode(self._holder, _PLENTY))
        meter.transact(self._gateway, gateway.SET_ALLOWANCE.encode(self._bridge, 2**256 - 1))

    def _transfers(self) -> dict[str, int]:
        figures: dict[str, int] = {}
        for size in MINTS:
            figures |= self._batched("mint_{}", size, partial(self._mint, size))
        figures |= self._hub.medians(
            "lock_send", lambda: {"lock_send": self._transfer(self._hub, self._near, _AMOUNT)}
        )
        self._carrier.deliver(self._under_way)
        figures |= self._near.medians("burn_send, release", partial(self._from_spoke, self._hub, "release"))
        return figures

    def _batched(self, name: str, size: int, once: Callable[[], int]) -> dict[str, int]:
        """A figure of one message, or of each in a batch. Long batches vary less, and take longer."""
        meter = self._near
        meter.runs = self._runs if size < 100 else max(1, self._runs // 4)
        each = name.format(size) if size == 1 else f"{name.format(size)}_each"
        total = meter.medians(each, lambda: {each: once()})[each]
        meter.runs = self._runs
        return {each: math.ceil(total / size)}

    # Each of these does one thing on the chains and says what it used.

    def _send(self, length: int, deliver_before: int | None = None) -> tuple[Sent, int]:
        recipient = interoperable(self._id(self._near), _NOOP)
        data = gateway.send_call(recipient, os.urandom(length), deliver_before=deliver_before)
        receipt = self._hub.transact(self._gateway, data)
        return self._sent(receipt, self._hub), gas_used(receipt)

    def _gas_of_send(self, length: int) -> dict[str, int]:
        """To the other rollup: what waits there never has to be delivered."""
        data = gateway.send_call(interoperable(self._id(self._far), _NOOP), os.urandom(length))
        return {f"send_{length}": gas_used(self._hub.transact(self._gateway, data))}

    def _deliver_messages(self, count: int) -> int:
        return self._carrier.deliver([self._send(32)[0] for _ in range(count)])

    def _retry(self) -> dict[str, int]:
        self._near.connection.rpc("anvil_setCode", _NOOP, to_hex(_REFUSING_CODE))
        sent = self._send(32)[0]
        self._carrier.deliver([sent])
        self._near.connection.rpc("anvil_setCode", _NOOP, to_hex(_NOOP_CODE))
        receipt = self._near.transact(self._gateway, gateway.retry_call(sent.message))
        return {"retry": gas_used(receipt)}

    def _return(self) -> dict[str, int]:
        """A message expires before its first attempt, and goes back."""
        # Each chain's clock has run ahead by 12 seconds for each of its own blocks.
        now = max(meter.connection.block().time for meter in (self._hub, self._near))
        self._hub.connection.rpc("evm_setNextBlockTimestamp", hex(now + 1))
        sent = self._send(32, now + _EXPIRY)[0]
        self._near.connection.rpc("evm_setNextBlockTimestamp", hex(now + _EXPIRY + 1))
        expired = self._carrier.deliver([sent])
        returned = self._near.transact(
            self._gateway,
            gateway.return_call(sent.message),
        )
        notice = self._carrier.deliver([self._sent(returned, self._near)])
        refund = gateway.REFUND.encode(sent.message, self._carrier.walk(sent))
        refunded = self._hub.transact(self._gateway, refund)
        return {
            "deliver_expired": expired,
            "return": gas_used(returned),
            "notice": notice,
            "refund": gas_used(refunded),
        }

    def _claim(self) -> dict[str, int]:
        self._deliver_messages(10)
        claimed = self._near.transact(self._gateway, gateway.CLAIM.encode(self._id(self._hub)))
        return {
            "claim": gas_used(claimed),
            "claim_paid": self._carrier.deliver([self._sent(claimed, self._near)]),
        }

    def _forward_on_hub(self) -> dict[str, int]:
        """The share of one message, swept from one lane, becomes rewards of who is seated."""
        self._gas_of_send(32)
        return {"forward_fees_hub": gas_used(self._forward(self._hub, self._far))}

    def _forward_on_spoke(self) -> dict[str, int]:
        """A lane is swept, and the share goes to the hub with a gift: one message's share would not pay for another."""
        self._near.transact(self._era, TRANSFER.encode(self._collector, _AMOUNT))
        receipt = self._forward(self._near, self._hub)
        self._carrier.deliver([self._sent(receipt, self._near)])
        return {"forward_fees_spoke": gas_used(receipt)}

    def _forward(self, origin: Meter, destination: Meter) -> dict[str, Any]:
        return origin.transact(self._collector, _FORWARD.encode([self._id(destination)]))

    def _rotate(self, signing: int, validators: int) -> int:
        """Installs another set on the near rollup: gas of that, with the signatures of the present one."""
        chain_id = self._id(self._near)
        present = self._carrier.sets[chain_id]
        keys = [Account.from_key(keccak(text=f"validator {i}")) for i in range(validators)]
        self._carrier.keys |= {key.address: key for key in keys}
        weights = dict.fromkeys((key.address for key in keys), 1)
        following = ValidatorSet.of(present.version + 1, present.expires + 1, weights)
        fact = SetFact(following.version, following.hash)
        tree = self._carrier.tree(fact)
        data = gateway.ROTATE.encode(self._carrier.attest(chain_id, tree.root), following, tree.proof(fact))
        receipt = self._near.transact(self._gateway, data)
        self._carrier.sets[chain_id], self._carrier.signing[chain_id] = following, signing
        return gas_used(receipt)

    def _transfer(self, origin: Meter, destination: Meter, amount: int) -> int:
        receipt = origin.transact(
            self._bridge, SEND.encode(self._era, self._id(destination), self._holder, amount)
        )
        self._under_way.append(self._sent(receipt, origin))
        return gas_used(receipt)

    def _mint(self, count: int) -> int:
        for _ in range(count):
            self._transfer(self._hub, self._near, _AMOUNT)
        return self._carrier.deliver(self._under_way)

    def _from_spoke(self, destination: Meter, arrival: str) -> dict[str, int]:
        burned = self._transfer(self._near, destination, _AMOUNT)
        return {"burn_send": burned, arrival: self._carrier.deliver(self._under_way)}

    def _sent(self, receipt: Mapping[str, Any], origin: Meter) -> Sent:
        return self._carrier.sent(receipt, self._id(origin))[0]

    @staticmethod
    def _id(meter: Meter) -> int:
        return meter.connection.chain.chain_id
