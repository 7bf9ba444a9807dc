"""One network of one size: started, deployed, read, relayed, voted on and joined, and everything counted.

`python -m benchmarks.growth "full mesh" 8` is a process of its own: memory is that of one size.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import sizes
from benchmarks.counting import Work, counted, memory_of
from benchmarks.keys import address_of, sender_of
from benchmarks.processes import Process, refuse_taken, running, wait_for
from benchmarks.sizes import Size, size_of
from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.apply import Deployer
from metalayer.deploy.check import check_deployment
from metalayer.deploy.intent import load_intent
from metalayer.deploy.journal import Journal
from metalayer.deploy.names import GATEWAY
from metalayer.errors import MetalayerError
from metalayer.governance.build import LiveChains, build
from metalayer.governance.drafts import from_drift
from metalayer.governance.files import FILE, read_on
from metalayer.governance.names import Names
from metalayer.lanes.survey import survey
from metalayer.network.anvil import anvil_command
from metalayer.network.config import Network, load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import records_dir
from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender, Transaction
from metalayer.protocol import gateway
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import interoperable
from metalayer.services import clock, crew
from metalayer.services.simulate import simulate
from metalayer.validator.process import Validator

_SENDER, _RELAYER, _VALIDATORS = 3, 2, range(5, 9)
_RECIPIENT = "0x" + "77" * 20
# Returns the magic value of ERC-7786 and does nothing: PUSH32 value, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN.
_RECIPIENT_CODE = (
    b"\x7f" + gateway.RECEIVE_MESSAGE.selector.ljust(32, b"\x00") + bytes.fromhex("60005260206000f3")
)
_SEND_GAS = 250_000
_HUB_GAS = 300_000

Say = Callable[[str], None]


def measure(size: Size, say: Say, *, votes: bool) -> dict[str, Any]:
    """All figures of one size. votes: with a rehearsal, which forks every chain once more."""
    with workspace() as folder, Grown.started(size, folder, say) as grown:
        return grown.figures(votes=votes)


@dataclass
class Grown:
    """A network whose chains run, in a workspace that is the current directory."""

    size: Size
    folder: Path
    say: Say
    stack: ExitStack
    network: Network
    nodes: dict[str, Process] = field(default_factory=dict)
    works: dict[str, Work] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def started(cls, size: Size, folder: Path, say: Say, *, is_free: bool = True) -> Iterator[Grown]:
        """In a folder that is the current one. All chains end with the block. is_free: of fees."""
        sizes.write(size, folder, is_free=is_free)
        with ExitStack() as stack:
            grown = cls(size, folder, say, stack, load_network())
            grown.start(grown.network.chains)
            yield grown

    def figures(self, *, votes: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"chains": self.size.chains, "lanes": self.size.lanes}
        self.deploy()
        found["node_mib"] = round(sum(self._memory()) / len(self.nodes))
        self.read()
        self._relay()
        found |= self._gas() | self._files()
        if votes:
            self._do("rehearsal", lambda: found.update(self._rehearse()))
        found |= self._join()
        found |= {
            "memory_peak_mib": round(memory_of("self", "VmHWM")),
            "work": {name: work.as_dict() for name, work in self.works.items()},
        }
        return found

    def deploy(self) -> None:
        """`deploy plan` and `deploy apply`."""
        self._do("plan", lambda: self.deployer().plan())
        self._do("apply", lambda: self.deployer().apply(lambda chain, step, left: None))

    def read(self) -> None:
        """`deploy plan`, `check`, and where all lanes stand, twice."""
        self._do("plan_again", self._plan_again)
        self._do("check", self._check)
        live = Live.open()
        self._do("survey", lambda: survey(live.mesh))
        self._do("survey_again", lambda: survey(live.mesh))

    def start(self, names: Sequence[str] | Mapping[str, object]) -> None:
        chains = {name: self.network.chains[name] for name in names}
        connections = {name: Connection(chain) for name, chain in chains.items()}
        in_parallel(refuse_taken, connections.values())
        self.say(f"starting {len(chains)} chains")
        for name, chain in chains.items():
            command = [*anvil_command(chain, interval=False), "--silent"]
            self.nodes[name] = self.stack.enter_context(running(command, self.folder / f"{name}.log"))
        for name, connection in connections.items():
            wait_for(connection, self.nodes[name])

    def _do(self, name: str, work: Callable[[], object]) -> None:
        with counted() as counts:
            work()
        self.works[name] = counts
        self.say(
            f"{self.size.name}: {name} {counts.seconds:.1f} s, {counts.processor:.1f} s of a processor, "
            f"{counts.requests} requests"
        )

    def deployer(self) -> Deployer:
        network = self.network
        return Deployer(network, connect(network), load_intent(), address_of, sender_of, records_dir(network))

    def _plan_again(self) -> None:
        plan = self.deployer().plan()
        if plan.has_changes or any(plan.drift.values()):
            raise MetalayerError("something is left to do after everything was done")

    def _check(self) -> None:
        findings, _ = check_deployment(self.network)
        if wrong := [one for one in findings if one.is_drift]:
            raise MetalayerError(
                f"{wrong[0].chain}: {wrong[0].subject} is {wrong[0].found}, not {wrong[0].expected}"
            )

    def _memory(self) -> list[float]:
        return [memory_of(node.popen.pid) for node in self.nodes.values()]

    def _relay(self) -> None:
        """A message on each lane; then a pass with nothing to do. With four validators in this process."""
        live = Live.open()
        in_parallel(
            lambda one: one.rpc("anvil_setCode", _RECIPIENT, to_hex(_RECIPIENT_CODE)), self._all(live)
        )
        lanes = survey(live.mesh).lanes
        if len(lanes) != self.size.lanes:
            raise MetalayerError(f"{len(lanes)} lanes were found, not {self.size.lanes}")
        ends: dict[str, list[int]] = {}
        for lane in lanes:
            ends.setdefault(lane.origin.name, []).append(lane.destination.chain_id)

        def send(name: str) -> None:
            calls = [gateway.send_call(interoperable(id_, _RECIPIENT), b"\x01" * 32) for id_ in ends[name]]
            transactions = [Transaction(live.mesh.gateway, call, _SEND_GAS) for call in calls]
            live.mesh.connections[name].send_many(KeySender(local_key(_SENDER)), transactions)

        in_parallel(send, ends)
        clock.finalize(self._all(live))
        exchange = DirectoryExchange(self.folder / "exchange")
        validators = [
            Validator.open(
                local_key(key), Live.open().mesh, exchange, self.folder / f"{key}.sqlite", begin=True
            )
            for key in _VALIDATORS
        ]
        senders = dict.fromkeys(live.mesh.connections, KeySender(local_key(_RELAYER)))
        relayer = crew.relayer(live.mesh, exchange, senders, keeps=False)

        def relay() -> None:
            result = relayer.relay_once(lambda line: None)
            if result.delivered != len(lanes):
                raise MetalayerError(f"{result.delivered} of {len(lanes)} messages: {result.all_problems}")

        def idle() -> None:
            if problems := relayer.relay_once(lambda line: None).all_problems:
                raise MetalayerError(problems[0])

        try:
            with crew.at_work(validators):
                self._do("relay", relay)
        finally:
            for validator in validators:
                validator.record.close()
        self._do("relay_idle", idle)

    @staticmethod
    def _all(live: Live) -> list[Connection]:
        return list(live.mesh.connections.values())

    def _gas(self) -> dict[str, int]:
        """Of the deployment, by what was used."""
        receipts = [
            record
            for record in Journal(records_dir(self.network) / "journal.jsonl").records
            if record["record"] == "receipt"
        ]
        hub = self.size.names[0]
        gateways = {one["chain"]: one["gas"] for one in receipts if one["step"] == f"create {GATEWAY}"}
        spokes = [name for name in self.size.names if name != hub]
        total = [sum(one["gas"] for one in receipts if one["chain"] == name) for name in spokes]
        return {
            "gas_gateway_hub": gateways[hub],
            "gas_gateway_spoke_most": max(gateways[name] for name in spokes),
            "gas_spoke_mean": round(sum(total) / len(total)),
            "gas_transaction_most": max(one["gas"] for one in receipts),
        }

    def _files(self) -> dict[str, int]:
        folder = records_dir(self.network)
        return {
            f"{name}_kib": round((folder / file).stat().st_size / 1024)
            for name, file in (("registry", "registry.json"), ("journal", "journal.jsonl"))
        }

    def _rehearse(self) -> dict[str, int]:
        """A decision for every spoke: another gas limit of what they send to the hub. Gas of the hub's transactions."""
        sizes.write(self.size, self.folder, hub_gas=_HUB_GAS)
        self.network = load_network()
        live = Live.open()
        names = Names.of(self.network, live.registry, address_of)
        folder = from_drift(self.deployer().drift(), names, "terms", "TEST::3")
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write("writes:\n  spokes: [Metalayer._routes]\n")
        proposal = read_on(folder, self.network)
        built = build(proposal, names, LiveChains(live.mesh.connections, names))
        if len(built.decisions) != self.size.chains - 1:
            raise MetalayerError(f"{len(built.decisions)} decisions for {self.size.chains - 1} spokes")
        outcome = simulate(live, proposal, built, lambda line: None)
        if faults := outcome.faults:
            raise MetalayerError(faults[0])
        sizes.write(self.size, self.folder)
        self.network = load_network()
        acted = outcome.findings.found.transactions
        return {f"gas_{name}": acted[name].receipt["gasUsed"] for name in ("propose", "queue", "execute")}

    def _join(self) -> dict[str, int]:
        """One more chain: what is deployed to it, and what a vote has to do on the others."""
        larger = self.size.larger()
        sizes.write(larger, self.folder)
        self.network = load_network()
        self.start(larger.names[-1:])
        new = larger.names[-1:]
        self._do("join", lambda: self.deployer().apply(lambda chain, step, left: None, only=new))
        drift: dict[str, Any] = {}
        self._do("join_drift", lambda: drift.update(self.deployer().drift()))
        mends = {name: some for name, some in drift.items() if some}
        return {"join_chains_to_change": len(mends), "join_calls": sum(map(len, mends.values()))}


@contextmanager
def workspace() -> Iterator[Path]:
    """An empty folder that is the current one."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        here = Path.cwd()
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(here)


def told(line: str) -> None:
    """On stderr, at once."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    """SHAPE CHAINS [MESHED] [--vote]. Writes JSON."""
    votes = "--vote" in arguments
    size = size_of([one for one in arguments if one != "--vote"])
    started = time.monotonic()
    figures = measure(size, told, votes=votes)
    print(json.dumps(figures | {"all_seconds": round(time.monotonic() - started)}))


if __name__ == "__main__":
    main(sys.argv[1:])
