"""Gas of whole transactions, and how fast a relayer is, measured on chains of their own.

Gas: one transaction per block, blocks 12 s apart, random payloads, a recipient that accepts and does nothing, four of
five validators, a tree of one fact per lane of the network. Each figure is the median of RUNS transactions after as
many to warm up, so that none pays for a storage word that is written for the first time.
"""

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from metalayer import gateway, lane
from metalayer.accounts import load_sender, local_key
from metalayer.attestation import Attestation, LaneFact, Tree, compact, digest
from metalayer.bridge import APPROVE, SEND
from metalayer.chain import Connection, Transaction, in_parallel, to_hex
from metalayer.errors import MetalayerError
from metalayer.lane import Sent
from metalayer.live import Live
from metalayer.message import interoperable
from metalayer.registry import Registry
from metalayer.relayer import Relayer

RUNS = 20
BLOCK_SECONDS = 12
PAYLOADS = (32, 256, 2048)
BATCHES = (1, 10, 100)
MINTS = (1, 10)
QUORUM = 4

# Returns the magic value of ERC-7786 and does nothing: PUSH32 value, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN.
_NOOP = "0x" + "77" * 20
_NOOP_CODE = b"\x7f" + gateway.RECEIVE_MESSAGE.ljust(32, b"\x00") + bytes.fromhex("60005260206000f3")
# The same, refusing: REVERT(0, 0).
_REFUSING_CODE = bytes.fromhex("60006000fd")
_AMOUNT = 10**18
_GAS = 16_777_216
_SEND_GAS = 120_000

Report = Callable[[str], None]


class GasBenchmark:
    """Measures on deployed chains that mine a block per transaction.

    `holder` is an account with ERA on the hub. All senders must be unlocked on the nodes.
    """

    def __init__(
        self, connections: Mapping[str, Connection], registry: Registry, holder: str, report: Report
    ) -> None:
        self._hub, self._near, self._far = list(connections.values())[:3]
        self._connections = connections
        self._registry = registry
        self._holder = holder
        self._report = report
        self._gateway = registry.address("Metalayer")
        self._bridge = registry.address("TokenBridge")
        self._keys = {key.address: key for key in (local_key(i) for i in range(5, 10))}
        for connection in connections.values():
            connection.rpc("anvil_setBlockTimestampInterval", BLOCK_SECONDS)
            connection.rpc("anvil_setCode", _NOOP, to_hex(_NOOP_CODE))

    def run(self) -> dict[str, int]:
        """Gas by name. `_each` is per message of a batch, rounded up."""
        figures = {}
        for length in PAYLOADS:
            figures[f"send_{length}"] = self._median(f"send_{length}", partial(self._gas_of_send, length))
        for size in BATCHES:
            name = "deliver_1" if size == 1 else f"deliver_{size}_each"
            runs = RUNS if size < 100 else RUNS // 4
            figures[name] = self._median(name, partial(self._deliver_messages, size), runs, size)
        figures["retry"] = self._median("retry", self._retry)
        self._transact(self._hub, self._registry.address("ERA"), APPROVE.encode(self._bridge, 2**256 - 1))
        figures |= self._transfers()
        return dict(sorted(figures.items()))

    def _transfers(self) -> dict[str, int]:
        figures = {}
        locks: list[int] = []
        for size in MINTS:
            name = "mint_1" if size == 1 else f"mint_{size}_each"
            figures[name] = self._median(name, partial(self._mint, size, locks), RUNS, size)
        figures["lock_send"] = int(statistics.median(locks[RUNS:]))
        burns: list[int] = []
        figures["release"] = self._median("release", lambda: self._from_spoke(self._hub, burns))
        figures["burn_send"] = int(statistics.median(burns[RUNS:]))
        figures["forward"] = self._median("forward", lambda: self._from_spoke(self._far, []))
        return figures

    def _median(self, name: str, once: Callable[[], int], runs: int = RUNS, size: int = 1) -> int:
        self._report(name)
        for _ in range(runs):
            once()
        return -int(-statistics.median(once() for _ in range(runs)) // size)

    def _send(self, destination: Connection, length: int) -> tuple[Sent, int]:
        recipient = interoperable(destination.chain.chain_id, _NOOP)
        data = gateway.encode_send(recipient, os.urandom(length))
        receipt = self._transact(self._hub, self._gateway, data)
        return self._sent(receipt, self._hub), int(receipt["gasUsed"], 16)

    def _gas_of_send(self, length: int) -> int:
        return self._send(self._far, length)[1]

    def _deliver_messages(self, count: int) -> int:
        return self._deliver([self._send(self._near, 32)[0] for _ in range(count)])

    def _retry(self) -> int:
        self._near.rpc("anvil_setCode", _NOOP, to_hex(_REFUSING_CODE))
        sent = self._send(self._near, 32)[0]
        self._deliver([sent])
        self._near.rpc("anvil_setCode", _NOOP, to_hex(_NOOP_CODE))
        receipt = self._transact(self._near, self._gateway, gateway.encode_retry(sent.message))
        return int(receipt["gasUsed"], 16)

    def _transfer(self, origin: Connection, destination: Connection, used: list[int]) -> Sent:
        data = SEND.encode(destination.chain.chain_id, self._holder, _AMOUNT)
        receipt = self._transact(origin, self._bridge, data)
        used.append(int(receipt["gasUsed"], 16))
        return self._sent(receipt, origin)

    def _mint(self, count: int, locks: list[int]) -> int:
        return self._deliver([self._transfer(self._hub, self._near, locks) for _ in range(count)])

    def _from_spoke(self, destination: Connection, burns: list[int]) -> int:
        return self._deliver([self._transfer(self._near, destination, burns)])

    def _deliver(self, messages: Sequence[Sent]) -> int:
        """Gas of one transaction that delivers all of these consecutive messages of a lane."""
        last = messages[-1]
        origin, destination = last.message.origin, last.message.destination
        fact = LaneFact(origin, destination, last.message.nonce, last.head)
        lanes = len(self._connections) * (len(self._connections) - 1)
        tree = Tree([fact, *(LaneFact(origin, origin, n, os.urandom(32)) for n in range(1, lanes))])
        batch = gateway.Batch(
            fact, tree.proof(fact), messages[0].message.nonce, [sent.message for sent in messages], []
        )
        connection = next(c for c in self._connections.values() if c.chain.chain_id == destination)
        data = gateway.encode_deliver(self._attest(tree.root), [batch])
        return int(self._transact(connection, self._gateway, data)["gasUsed"], 16)

    def _attest(self, root: bytes) -> Attestation:
        validators = self._registry.first_validator_set()
        hash_ = digest(self._registry.network_id, self._gateway, root)
        signers = [signer for signer, _ in validators.members][:QUORUM]
        signatures = {signer: compact(self._keys[signer].unsafe_sign_hash(hash_)) for signer in signers}
        return Attestation(root, validators, signatures)

    def _sent(self, receipt: Mapping[str, Any], origin: Connection) -> Sent:
        own = [log for log in receipt["logs"] if log["address"].lower() == self._gateway.lower()]
        return lane.parse(own, self._registry.network_id, origin.chain.chain_id)[0]

    def _transact(self, connection: Connection, to: str, data: bytes) -> dict[str, Any]:
        transaction = {"from": self._holder, "to": to, "data": to_hex(data), "gas": hex(_GAS)}
        receipt: dict[str, Any] = connection.rpc("eth_sendTransactionSync", transaction)
        if receipt["status"] != "0x1":
            connection.call(to, data, sender=self._holder)
        return receipt


@dataclass(frozen=True)
class RelaySpeed:
    """One pass of a relayer over messages that wait on all lanes. Times in seconds from its start."""

    messages: int
    lanes: int
    found_after: float
    signed_after: float
    seconds: float
    transactions: int


def relay_speed(live: Live, count: int, report: Report) -> RelaySpeed:
    """Sends `count` messages, spread over all lanes, and clears them in one `relay once`.

    Validators must be running on the live network's exchange, and the chains mine a block per transaction: block times
    are not part of the figure.
    """
    names = list(live.connections)
    lanes = [(origin, destination) for origin in names for destination in names if origin != destination]
    per_lane = -(-count // len(lanes))
    report(f"sending {per_lane * len(lanes)} messages over {len(lanes)} lanes")
    in_parallel(lambda name: _fill(live, name, [d for o, d in lanes if o == name], per_lane), names)
    senders = dict.fromkeys(names, load_sender("TEST::2"))
    relayer = Relayer(live.connections, live.network_id, live.gateway, live.exchange(), senders)
    result = relayer.relay_once(report)
    if result.all_problems or result.delivered != per_lane * len(lanes):
        raise MetalayerError(f"delivered {result.delivered} messages: {'; '.join(result.all_problems)}")
    return RelaySpeed(
        result.delivered,
        len(lanes),
        round(result.found_after, 2),
        round(result.signed_after, 2),
        round(result.seconds, 2),
        sum(len(delivery.transactions) for delivery in result.deliveries),
    )


def _fill(live: Live, origin: str, destinations: Sequence[str], count: int) -> None:
    connection = live.connections[origin]
    connection.rpc("anvil_setCode", _NOOP, to_hex(_NOOP_CODE))
    sends = []
    for destination in destinations:
        recipient = interoperable(live.connections[destination].chain.chain_id, _NOOP)
        sends += [
            Transaction(live.gateway, gateway.encode_send(recipient, os.urandom(32)), _SEND_GAS)
            for _ in range(count)
        ]
    connection.send_many(load_sender("TEST::3"), sends)
    connection.rpc("anvil_mine", hex(connection.chain.preset.finality_depth))
