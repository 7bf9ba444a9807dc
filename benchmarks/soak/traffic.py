"""What is sent: honest messages, those of hostile senders, those to hostile recipients; and lies of one chain."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from eth_abi.abi import encode

from benchmarks.soak.world import World
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from tests.kit.deployment import ACCEPTING, SCRIPTED
from tests.kit.roles import SENDER
from tests.kit.scripted import Behaviour, OnReturn
from tests.kit.strangers import (
    NOBODY,
    SET_BEHAVIOUR,
    SET_TRAP,
    deliver_junk,
    send_as,
    sending_contract,
)

LIAR, DECEIVED = "social", "hub"
"""A chain that says what never happened, and to whom. What goes this way may wait for ever, and so does what comes home
this way.
"""

JUMP = 4_000
"""Seconds that all chains' clocks are put forward now and then: what was to expire does, an hour after it was sent."""

_LIFETIME = 3_900
_TRAPS = range(3)
"""What `contracts/test/HostileSender.sol` can do: look at the price, want too much gas, burn and revert with a bomb."""
_REFUSALS = (OnReturn.REVERT, OnReturn.BURN_ALL_GAS, OnReturn.REVERT_BOMB)
_KINDS = {"accepted": 6, "large": 1, "to nobody": 2, "hostile recipient": 3, "hostile sender": 2}
_ACCEPTED = ("accepted", "large")
_PAUSE = 4.0
_JUNK = 20


@dataclass(frozen=True)
class Posted:
    """A message of ours: what kind it is, and when its origin had it (monotonic seconds)."""

    kind: str
    origin: str
    destination: str
    sent: Sent
    at: float

    @property
    def is_owed(self) -> bool:
        """True if it has to end: no lie is in its way, there or home."""
        ends = (self.origin, self.destination)
        return ends != (LIAR, DECEIVED) and (ends != (DECEIVED, LIAR) or self.kind in _ACCEPTED)


@dataclass
class Traffic:
    """Sends from every chain at once. `post` gets each message; `problems` a line for what could not be sent."""

    world: World
    seed: int
    post: Callable[[Posted], None]
    problems: list[str] = field(default_factory=list)
    jumps: list[tuple[float, float]] = field(default_factory=list)
    """When (monotonic seconds) clocks were put forward, and what the chains' clocks are ahead of ours since."""
    contracts: dict[str, list[str]] = field(default_factory=dict)
    """Hostile senders, by chain."""
    lies: int = 0
    begun: int = 0
    """How often clocks were put forward."""

    def __post_init__(self) -> None:
        mesh = self.world.mesh
        for name in mesh.connections:
            hostile = [("HostileSender", SET_TRAP.encode(trap)) for trap in _TRAPS]
            hostile += [("ScriptedSender", SET_BEHAVIOUR.encode(refusal)) for refusal in _REFUSALS]
            self.contracts[name] = [
                sending_contract(mesh, contract, setting, name) for contract, setting in hostile
            ]
        self.jumps.append((time.monotonic(), self._ahead()))

    def _ahead(self) -> float:
        """The last chain's clock counts: nothing has expired before it has."""
        times = [connection.block().time for connection in self.world.mesh.connections.values()]
        return min(times) - time.monotonic()

    def run(self, origin: str, stop: threading.Event) -> None:
        """Messages from one chain to all others until `stop`."""
        dice = random.Random(f"{self.seed} from {origin}")
        others = [name for name in self.world.mesh.connections if name != origin]
        while not stop.wait(dice.expovariate(1 / _PAUSE)):
            kind = dice.choices(list(_KINDS), list(_KINDS.values()))[0]
            destination = dice.choice(others)
            jumps = self.begun
            try:
                found = self._send(dice, kind, origin, destination)
            except MetalayerError as error:
                if self.begun != jumps:
                    # It was to expire too early for the clocks that were put forward meanwhile.
                    continue
                self.problems.append(f"{kind} from {origin} to {destination}: {error}")
                continue
            for sent in found:
                self.post(Posted(kind, origin, destination, sent, time.monotonic()))

    def _send(self, dice: random.Random, kind: str, origin: str, destination: str) -> list[Sent]:
        mesh = self.world.mesh
        deadline = mesh.connections[origin].block().time + _LIFETIME
        if kind == "hostile sender":
            return send_as(mesh, dice.choice(self.contracts[origin]), destination, deadline, origin)
        if kind == "to nobody":
            return mesh.send(
                origin, destination, dice.randbytes(64), recipient=NOBODY, deliver_before=deadline
            )
        if kind == "large":
            return mesh.send(origin, destination, dice.randbytes(dice.randrange(1_000, 8_192)))
        if kind == "hostile recipient":
            mesh.script(destination, dice.choice(list(Behaviour)))
            return mesh.send(
                origin,
                destination,
                dice.randbytes(32),
                recipient=SCRIPTED,
                gas_limit=dice.randrange(100_000, 1_000_000),
                deliver_before=deadline,
            )
        payload = encode(["uint256"], [dice.randrange(1 << 64)])
        return mesh.send(origin, destination, payload, recipient=ACCEPTING, count=dice.randrange(1, 4))

    def jump(self) -> None:
        """Puts all clocks forward."""
        self.begun += 1
        self.world.mesh.pass_time(JUMP)
        self.jumps.append((time.monotonic(), self._ahead()))

    def expired_at(self, sent: Sent) -> float:
        """When (monotonic seconds) a message expired on every chain. Infinity if it did not."""
        ends = [at for at, _ in self.jumps[1:]] + [time.monotonic()]
        for (begin, ahead), end in zip(self.jumps, ends, strict=True):
            if (at := max(begin, sent.message.deliver_before - ahead)) < end:
                return at
        return float("inf")

    def lie(self) -> None:
        """The liar tells of returns of messages that nobody sent, and a quorum believes it."""
        try:
            deliver_junk(self.world.mesh, LIAR, DECEIVED, _JUNK)
        except MetalayerError:
            # A relayer was faster with something true: the next lie continues that.
            return
        self.lies += _JUNK

    def accounts(self, chain: str) -> list[str]:
        """Who pays for messages there."""
        return [SENDER.address, *self.contracts[chain]]
