"""How fast a relayer is, and that its cost grows linearly, measured on chains of its own.

One network of 16 chains in memory, free of fees, a block per transaction: block times are no part of any figure. Five
validators and, for each figure, a relayer that was just started are processes of their own. A relayer over fewer
chains is given only those. The same transactions are then sent again to the chains as they were before, one after the
other on each and without any thought: ratios to that time say more about the relayer than about the machine.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.keys import address_of, sender_of
from benchmarks.processes import refuse_taken, running, wait_for
from benchmarks.roles import CHAINS, Pass, Rebuilt, network, role
from metalayer.deploy.apply import Deployer
from metalayer.deploy.intent import load_intent
from metalayer.errors import MetalayerError
from metalayer.lanes import logs as lane
from metalayer.network.anvil import anvil_command
from metalayer.network.connection import Connection, connect
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.network.transactions import Transaction
from metalayer.protocol import gateway
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import interoperable
from metalayer.protocol.rpc import Request

TOTAL = 2_400
SIZES = (1_000, 10_000)
"""Messages that wait on the 12 lanes between four chains."""
LANES = (10_000, 100_000)
"""Messages of one lane that is rebuilt from its origin's logs."""

Report = Callable[[str], None]

_PASSES = 3
_SENDER, _VALIDATORS = 3, range(5, 10)
_RECIPIENT, _REPEATER = "0x" + "77" * 20, "0x" + "75" * 20
# Returns the magic value of ERC-7786 and does nothing: PUSH32 value, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN.
_RECIPIENT_CODE = (
    b"\x7f" + gateway.RECEIVE_MESSAGE.selector.ljust(32, b"\x00") + bytes.fromhex("60005260206000f3")
)
_SENDS = 250
_RAW_BLOCKS = 64
"""Messages in one transaction of the repeater."""
_SEND_GAS, _NEXT_GAS = 200_000, 40_000


def measure(say: Report, sizes: Sequence[int] = SIZES, lanes: Sequence[int] = LANES) -> dict[str, float]:
    """All figures, by name. `sizes` and `lanes` limit what is measured, for a quick look.

    `growth`: processor time per message, or time per lane that has nothing to do, at the largest size, as a multiple of
    that at a smaller one: 1 is linear.

    MetalayerError if a port is taken, a process ends, or a message is not delivered.
    """
    with SpeedBenchmark.on_fresh_chains(say) as benchmark:
        figures = benchmark.messages(sizes) | benchmark.chains() | benchmark.rebuild(lanes)
    return dict(sorted(figures.items()))


class SpeedBenchmark:
    """Measures on deployed chains, with validators that watch the exchange in `folder`."""

    def __init__(self, connections: Mapping[str, Connection], folder: Path, say: Report) -> None:
        self._connections = connections
        self._folder = folder
        self._say = say
        registry = Registry.load(network(), folder / "registry.json")
        self._gateway = registry.address("Metalayer")
        for connection in connections.values():
            connection.rpc("anvil_setCode", _RECIPIENT, to_hex(_RECIPIENT_CODE))
            connection.rpc("anvil_setCode", _REPEATER, to_hex(_repeater(self._gateway)))

    @classmethod
    @contextmanager
    def on_fresh_chains(cls, say: Report) -> Iterator["SpeedBenchmark"]:
        """Starts everything, and ends it on leaving."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            everything = network()
            say(f"starting {len(everything.chains)} chains")
            connections = connect(everything)
            in_parallel(refuse_taken, connections.values())
            nodes = {
                name: stack.enter_context(
                    running([*anvil_command(chain, interval=False), "--silent"], folder / f"{name}.log")
                )
                for name, chain in everything.chains.items()
            }
            in_parallel(lambda name: wait_for(connections[name], nodes[name]), nodes)
            say("deploying")
            Deployer(everything, connections, load_intent(), address_of, sender_of, folder).apply(
                lambda chain, step, left: None
            )
            say("starting validators")
            validators = [stack.enter_context(role("validate", folder, index)) for index in _VALIDATORS]
            for validator in validators:
                validator.line()
            benchmark = cls(connections, folder, say)
            # Storage that is written for the first time costs more.
            benchmark._fill(list(connections), len(connections) * (len(connections) - 1))
            benchmark._pass(len(connections))
            yield benchmark

    def messages(self, sizes: Sequence[int] = SIZES) -> dict[str, float]:
        """End to end over four chains, by the number of messages that wait."""
        figures: dict[str, float] = {}
        each = []
        for size in sizes:
            one, ratio = self._median(4, size)
            each.append(one.processor / one.messages)
            figures |= _figures(f"relay_{size:05}", one, ratio) | {
                f"relay_{size:05}_found_after_seconds": round(one.found, 2),
                f"relay_{size:05}_signed_after_seconds": round(one.signed, 2),
            }
        return figures | _growth("relay_growth_per_message", sizes, each)

    def chains(self, chains: Sequence[int] = CHAINS, total: int = TOTAL) -> dict[str, float]:
        """One number of messages in all, over more and more chains; and a pass that finds nothing to do."""
        figures: dict[str, float] = {}
        each = []
        for count in chains:
            one, ratio = self._median(count, total)
            each.append(one.idle / one.lanes)
            figures |= _figures(f"chains_{count:02}", one, ratio) | {
                f"chains_{count:02}_lanes": one.lanes,
                f"chains_{count:02}_idle_milliseconds": round(1_000 * one.idle, 1),
                f"chains_{count:02}_idle_milliseconds_per_lane": round(1_000 * one.idle / one.lanes, 2),
            }
        # What a lane costs that has nothing to do, once there are enough of them to see it.
        return figures | _growth("chains_growth_per_idle_lane", chains[-2:], each[-2:])

    def rebuild(self, lanes: Sequence[int] = LANES) -> dict[str, float]:
        """One lane from its origin's logs alone, against asking for the same logs and nothing else."""
        origin, destination = list(self._connections)[:2]
        connection = self._connections[origin]
        there = self._connections[destination].chain.chain_id
        first = self._sent(connection, there) + 1
        figures: dict[str, float] = {}
        each = []
        for length in lanes:
            last = first + length - 1
            self._send(origin, {destination: last - self._sent(connection, there)})
            self._say(f"rebuilding a lane of {length} messages")
            with role("rebuild", self._folder, length) as process:
                one = Rebuilt(**json.loads(process.line()))
            each.append(one.processor / length)
            started = time.monotonic()
            for block in range(one.first_block, one.last_block + 1, _RAW_BLOCKS):
                until = min(one.last_block, block + _RAW_BLOCKS - 1)
                connection.ask(lane.sent_request(self._gateway, block, until))
            raw = time.monotonic() - started
            figures |= {
                f"rebuild_{length:06}_seconds": round(one.seconds, 2),
                f"rebuild_{length:06}_processor_seconds": round(one.processor, 2),
                f"rebuild_{length:06}_messages_per_second": round(length / one.seconds),
                f"rebuild_{length:06}_ratio_to_raw": round(one.seconds / raw, 2),
                f"rebuild_{length:06}_memory_peak_mib": round(one.memory),
            }
        return figures | _growth("rebuild_growth_per_message", lanes, each)

    def _median(self, chains: int, total: int) -> tuple[Pass, float]:
        """The pass of the median time among three, with its ratio. A long one varies less: it is measured once."""
        passes = [self._measured(chains, total) for _ in range(_PASSES if total <= TOTAL else 1)]
        return sorted(passes, key=lambda found: found[0].seconds)[len(passes) // 2]

    def _measured(self, chains: int, total: int) -> tuple[Pass, float]:
        """A pass over so many messages, and how many times as long it takes as its transactions alone."""
        names = list(self._connections)[:chains]
        self._fill(names, total)
        used = [self._connections[name] for name in names]
        snapshots = in_parallel(lambda connection: connection.rpc("evm_snapshot"), used)
        one = self._pass(chains)
        if one.messages != total:
            raise MetalayerError(f"{one.messages} messages of {total} were delivered")
        raw = {
            name: [
                str(answer)
                for answer in self._connections[name].batch(
                    Request("eth_getRawTransactionByHash", (hash_,)) for hash_ in hashes
                )
            ]
            for name, hashes in one.transactions.items()
        }
        for connection, snapshot in zip(used, snapshots, strict=True):
            connection.rpc("evm_revert", snapshot)
        started = time.monotonic()
        in_parallel(lambda name: _send_raw(self._connections[name], raw[name]), raw)
        ratio = one.seconds / (time.monotonic() - started)
        self._say(f"{total} messages over {one.lanes} lanes: {one.seconds:.2f} s, {ratio:.2f} times raw")
        return one, ratio

    def _pass(self, chains: int) -> Pass:
        with role("relay", self._folder, chains) as relayer:
            return Pass(**json.loads(relayer.line()))

    def _fill(self, names: Sequence[str], total: int) -> None:
        """Sends so many messages, as evenly as they divide over the lanes of these chains, and makes them final."""
        self._say(f"sending {total} messages between {len(names)} chains")
        lanes = [(origin, destination) for origin in names for destination in names if origin != destination]
        counts = {
            ends: total // len(lanes) + (place < total % len(lanes)) for place, ends in enumerate(lanes)
        }
        in_parallel(lambda name: self._send(name, {d: n for (o, d), n in counts.items() if o == name}), names)

    def _send(self, origin: str, counts: Mapping[str, int]) -> None:
        connection = self._connections[origin]
        transactions = []
        for destination, count in counts.items():
            recipient = interoperable(self._connections[destination].chain.chain_id, _RECIPIENT)
            data = gateway.send_call(recipient, os.urandom(32))
            for begin in range(0, count, _SENDS):
                times = min(_SENDS, count - begin)
                transactions.append(
                    Transaction(_REPEATER, times.to_bytes(32, "big") + data, _SEND_GAS + times * _NEXT_GAS)
                )
        connection.send_many(sender_of(f"TEST::{_SENDER}"), transactions)
        connection.rpc("anvil_mine", hex(connection.chain.preset.finality_depth))

    def _sent(self, connection: Connection, destination: int) -> int:
        return connection.view(self._gateway, gateway.OUTBOX_LANE, destination).nonce


def _figures(name: str, one: Pass, ratio: float) -> dict[str, float]:
    return {
        f"{name}_messages_per_second": round(one.messages / one.seconds),
        f"{name}_seconds": round(one.seconds, 2),
        f"{name}_processor_seconds": round(one.processor, 2),
        f"{name}_ratio_to_raw": round(ratio, 2),
        f"{name}_memory_peak_mib": round(one.memory),
    }


def _growth(name: str, sizes: Sequence[int], each: Sequence[float]) -> dict[str, float]:
    """What one costs at the largest size, as a multiple of that at the smallest."""
    if len(sizes) < 2:
        return {}
    return {f"{name}_{sizes[0]}_to_{sizes[-1]}": round(each[-1] / each[0], 2)}


def _repeater(address: str) -> bytes:
    """Runtime code that calls the gateway as many times as the first word of its calldata says, with the rest of it."""
    copy = "60203603 6020 5f 37"  # CALLDATACOPY(0, 32, CALLDATASIZE - 32)
    call = f"5f 5f 60203603 5f 5f 73{address[2:]} 5a f1 15 6037 57"  # CALL, or jump to the REVERT
    again = "6001 90 03 80 600a 57 00"  # one less to do
    return bytes.fromhex(f"{copy} 5f35 5b {call} {again} 5b 5f5ffd")


def _send_raw(connection: Connection, raw: Sequence[str]) -> None:
    for transaction in raw:
        receipt = connection.receipts([connection.rpc("eth_sendRawTransaction", transaction)])[0]
        if receipt["status"] != 1:
            raise MetalayerError(f"{connection.chain.name}: what succeeded before reverted")
