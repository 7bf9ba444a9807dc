"""How long it takes to see who staked what: 32 validators and 10,000 delegators on a hub of its own.

Every delegator holds ERA of its own and delegates it in a transaction of its own; some begin to leave. What is read is
what `ape metalayer stake status` reads, each time by a connection that knows nothing yet.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from eth_account import Account
from eth_utils.crypto import keccak

from benchmarks.crowd import Crowd, account
from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.protocol import staking
from metalayer.staking import accounts, delegators, reading
from metalayer.staking.actions import possession
from metalayer.staking.desk import Desk

ERA = 10**18
VALIDATORS = 32
DELEGATORS = 10_000

Report = Callable[[str], None]

_TIMES = 3
_UNITS = 100 * ERA
_OWN = 100_000 * ERA


def measure(live: Live, payer: str, say: Report) -> dict[str, float]:
    """All figures, by name: seconds, the median of three readings. The network has 32 seats."""
    stakers = Stakers(Desk.of(live), payer)
    say(f"registering {VALIDATORS} validators")
    stakers.register()
    say(f"delegating for {DELEGATORS:,} accounts")
    holders = stakers.delegate()
    seen = reading.read(Live.open())
    if len(seen.seated) != VALIDATORS:
        raise MetalayerError(f"{len(seen.seated)} validators are seated, expected {VALIDATORS}")
    found = delegators.read(Desk.of(live), seen)
    if sum(len(one.units) for one in found) != DELEGATORS:
        raise MetalayerError(f"not all of {DELEGATORS} delegators were found")
    readings: dict[str, Callable[[Live], object]] = {
        "status": reading.read,
        "status_of_an_account": lambda fresh: accounts.read(Desk.of(fresh), reading.read(fresh), holders[0]),
        "status_with_all_delegators": lambda fresh: delegators.read(Desk.of(fresh), reading.read(fresh)),
    }
    figures: dict[str, float] = {"delegators": DELEGATORS, "validators": VALIDATORS}
    for name, read in readings.items():
        seconds, processor = _timed(read)
        figures |= {f"{name}_seconds": seconds, f"{name}_processor_seconds": processor}
    return figures


def _timed(read: Callable[[Live], object]) -> tuple[float, float]:
    """Seconds, and seconds of a processor that this process used: the median of three readings."""

    def once() -> tuple[float, float]:
        started, used = time.monotonic(), time.process_time()
        read(Live.open())
        return time.monotonic() - started, time.process_time() - used

    seconds, processor = zip(*(once() for _ in range(_TIMES)), strict=True)
    return round(statistics.median(seconds), 2), round(statistics.median(processor), 2)


class Stakers:
    """Validators and delegators of a network."""

    def __init__(self, desk: Desk, payer: str) -> None:
        self._desk = desk
        self._crowd = Crowd(desk.hub, desk.token, desk.address, payer)

    def register(self) -> None:
        """As many validators as are missing, seated."""
        hub, address = self._desk.hub, self._desk.address
        first = hub.view(address, staking.VALIDATOR_COUNT) + 1
        for id_ in range(first, VALIDATORS + 1):
            operator = account(f"operator {id_}")
            key = Account.from_key(keccak(text=f"key {id_}"))
            calls = [
                staking.REGISTER.encode(key.address, 500, _OWN, possession(self._desk, operator, key)),
                staking.JOIN.encode(id_),
            ]
            self._crowd.fund([operator], _OWN)
            self._crowd.send([(operator, address, staking.MULTICALL.encode(calls))])

    def delegate(self) -> list[str]:
        """Each account to one validator; every tenth begins to take a part back. The accounts."""
        address = self._desk.address
        holders = [account(f"delegator {place}") for place in range(DELEGATORS)]
        self._crowd.fund(holders, _UNITS)
        chosen = [1 + place % VALIDATORS for place in range(DELEGATORS)]
        self._crowd.send(
            (holder, address, staking.DELEGATE.encode(id_, _UNITS))
            for holder, id_ in zip(holders, chosen, strict=True)
        )
        self._crowd.send(
            (holder, address, staking.UNDELEGATE.encode(id_, _UNITS // 4))
            for holder, id_ in list(zip(holders, chosen, strict=True))[::10]
        )
        return holders
