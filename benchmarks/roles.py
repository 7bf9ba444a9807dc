"""Who takes part in the benchmark of speed: `python -m benchmarks.roles ROLE FOLDER N` is a process of its own."""

import json
import resource
import signal
import sys
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

from benchmarks.processes import Process, running
from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.lanes import logs as lane
from metalayer.network.config import Chain, Network, load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.entries import Fees
from metalayer.network.mesh import Mesh
from metalayer.network.registry import Registry
from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender
from metalayer.protocol import gateway
from metalayer.relayer.passes import Relayer
from metalayer.validator.process import Validator

CHAINS = (2, 4, 8, 16)
"""Over how many chains `TOTAL` messages are spread: the lanes between them are 2, 12, 56, 240."""

_FIRST_ID = 901
_FIRST_PORT = 9_701
_RELAYER = 2
_FREE = Fees.model_validate(dict.fromkeys(Fees.model_fields, 0))


@dataclass(frozen=True)
class Pass:
    """One pass of a relayer that was just started. Seconds from its start; memory in MiB, at its highest.

    `processor` are the seconds of a processor that it used. `idle` is the time of its next pass, which finds nothing to
    do. `transactions` are the deliveries' hashes by chain.
    """

    messages: int
    lanes: int
    found: float
    signed: float
    seconds: float
    processor: float
    idle: float
    memory: float
    transactions: dict[str, list[str]]


@dataclass(frozen=True)
class Rebuilt:
    """A lane rebuilt by a process of its own: seconds, of a processor too; memory in MiB, at its highest; blocks."""

    seconds: float
    processor: float
    memory: float
    first_block: int
    last_block: int


def network() -> Network:
    """`c01` to `c16`: local chains of the kinds in networks.yaml in turn, the first one the hub, free of fees."""
    kinds = cycle(chain.preset.model_copy(update={"fees": _FREE}) for chain in load_network().chains.values())
    names = [f"c{i:02}" for i in range(1, max(CHAINS) + 1)]
    chains = {
        name: Chain(name, _FIRST_ID + i, preset, _FIRST_PORT + i, None, None)
        for i, (name, preset) in enumerate(zip(names, kinds, strict=False))
    }
    return Network("speed", chains[names[0]], chains)


def role(name: str, folder: Path, argument: int) -> AbstractContextManager[Process]:
    """One of the roles below as a process of its own. argument: what the role takes besides the folder."""
    command = [sys.executable, "-m", "benchmarks.roles", name, str(folder), str(argument)]
    return running(command, folder / f"{name}-{argument}.log")


def _validate(folder: Path, index: int) -> None:
    """Test account `index` as a validator of all chains, until SIGTERM. Writes a line when it begins."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    connections, registry = _open(folder)
    validator = Validator.open(
        local_key(index),
        Mesh(registry.domain, connections, registry.address("Staking")),
        DirectoryExchange(folder / "exchange"),
        folder / f"record-{index}.sqlite",
        begin=True,
    )
    with validator.record:
        print(validator.address, flush=True)
        validator.run(stop, lambda verdict: None)


def _relay(folder: Path, chains: int) -> None:
    """Two passes over the first so many chains: everything that waits, then nothing. Writes a `Pass` as JSON."""
    connections, registry = _open(folder)
    used = dict(list(connections.items())[:chains])
    senders = dict.fromkeys(used, KeySender(local_key(_RELAYER)))
    mesh = Mesh(registry.domain, used, registry.address("Staking"))
    relayer = Relayer(mesh, DirectoryExchange(folder / "exchange"), senders)
    begin = time.process_time()
    result = relayer.relay_once()
    processor = time.process_time() - begin
    idle = relayer.relay_once()
    if problems := result.all_problems + idle.all_problems:
        raise MetalayerError("; ".join(problems))
    found = Pass(
        result.delivered,
        chains * (chains - 1),
        result.found_after,
        result.signed_after,
        result.seconds,
        processor,
        idle.seconds,
        _peak(),
        {delivery.chain: delivery.transactions for delivery in result.deliveries},
    )
    print(json.dumps(asdict(found)))


def _rebuild(folder: Path, length: int) -> None:
    """Rebuilds the last so many messages of the lane from the first chain to the second. Writes a `Rebuilt` as JSON."""
    connections, registry = _open(folder)
    origin, destination = list(connections.values())[:2]
    address, there = registry.address("Metalayer"), destination.chain.chain_id
    last = origin.view(address, gateway.OUTBOX_LANE, there).nonce
    started, begin = time.monotonic(), time.process_time()
    found = lane.rebuild(origin, registry.domain, there, last - length + 1, last)
    seconds, processor = time.monotonic() - started, time.process_time() - begin
    print(json.dumps(asdict(Rebuilt(seconds, processor, _peak(), found[0].block, found[-1].block))))


def _open(folder: Path) -> tuple[dict[str, Connection], Registry]:
    everything = network()
    return connect(everything), Registry.load(everything, folder / "registry.json")


def _peak() -> float:
    """Most memory that this process had in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux adds what a process had before it became this program, that of its parent, to `ru_maxrss`.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    {"validate": _validate, "relay": _relay, "rebuild": _rebuild}[sys.argv[1]](
        Path(sys.argv[2]), int(sys.argv[3])
    )
