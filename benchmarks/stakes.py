"""How long it takes to see who staked what: 32 validators and 10,000 delegators on a hub of its own.

Every delegator holds ERA of its own and delegates it in a transaction of its own; some begin to leave. What is read is
what `ape metalayer stake status` reads, each time by a connection that knows nothing yet.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence

from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.assets.tokens import APPROVE, TRANSFER
from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.network.pool import count_request
from metalayer.protocol import staking
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request
from metalayer.staking import accounts, delegators, reading
from metalayer.staking.actions import possession
from metalayer.staking.desk import Desk

ERA = 10**18
VALIDATORS = 32
DELEGATORS = 10_000

Report = Callable[[str], None]

_AT_A_TIME = 500
_TIMES = 3
_ETHER, _GAS = hex(10**18), hex(600_000)
# Blocks that hold so many transactions.
_BLOCKS = 4
_UNITS = 100 * ERA
_OWN = 100_000 * ERA


def measure(live: Live, treasury: str, say: Report) -> dict[str, float]:
    """All figures, by name: seconds, the median of three readings. The network has 32 seats."""
    crowd = Crowd(Desk.of(live), treasury)
    say(f"registering {VALIDATORS} validators")
    crowd.register()
    say(f"delegating for {DELEGATORS:,} accounts")
    holders = crowd.delegate()
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


class Crowd:
    """Accounts that the hub signs for."""

    def __init__(self, desk: Desk, treasury: str) -> None:
        self._desk = desk
        self._treasury = treasury
        desk.hub.rpc("anvil_autoImpersonateAccount", True)

    def register(self) -> None:
        """As many validators as are missing, seated."""
        hub, address = self._desk.hub, self._desk.address
        first = hub.view(address, staking.VALIDATOR_COUNT) + 1
        for id_ in range(first, VALIDATORS + 1):
            operator = _account(f"operator {id_}")
            key = Account.from_key(keccak(text=f"key {id_}"))
            calls = [
                staking.REGISTER.encode(key.address, 500, _OWN, possession(self._desk, operator, key)),
                staking.JOIN.encode(id_),
            ]
            self._fund([operator], _OWN)
            self._send([(operator, address, staking.MULTICALL.encode(calls))])

    def delegate(self) -> list[str]:
        """Each account to one validator; every tenth begins to take a part back. The accounts."""
        address = self._desk.address
        holders = [_account(f"delegator {place}") for place in range(DELEGATORS)]
        self._fund(holders, _UNITS)
        chosen = [1 + place % VALIDATORS for place in range(DELEGATORS)]
        self._send(
            (holder, address, staking.DELEGATE.encode(id_, _UNITS))
            for holder, id_ in zip(holders, chosen, strict=True)
        )
        self._send(
            (holder, address, staking.UNDELEGATE.encode(id_, _UNITS // 4))
            for holder, id_ in list(zip(holders, chosen, strict=True))[::10]
        )
        return holders

    def _fund(self, holders: Sequence[str], amount: int) -> None:
        """ERA for each, that Staking may take, and ether."""
        token, address = self._desk.token, self._desk.address
        self._desk.hub.batch(Request("anvil_setBalance", (holder, _ETHER)) for holder in holders)
        self._send((self._treasury, token, TRANSFER.encode(holder, amount)) for holder in holders)
        self._send((holder, token, APPROVE.encode(address, amount)) for holder in holders)

    def _send(self, calls: Iterable[tuple[str, str, bytes]]) -> None:
        """MetalayerError if one reverts."""
        todo, hub = list(calls), self._desk.hub
        for begin in range(0, len(todo), _AT_A_TIME):
            some = todo[begin : begin + _AT_A_TIME]
            # The node takes them at once: what it counts itself may be one count for all of one sender.
            senders = list(dict.fromkeys(sender for sender, _, _ in some))
            nonces = dict(zip(senders, hub.batch(count_request(s, "latest") for s in senders), strict=True))
            requests: list[Request[str]] = []
            for sender, to, data in some:
                fields = {"from": sender, "to": to, "data": to_hex(data), "gas": _GAS}
                requests.append(Request("eth_sendTransaction", (fields | {"nonce": hex(nonces[sender])},)))
                nonces[sender] += 1
            hub.rpc("evm_setAutomine", False)
            sent = hub.batch(requests)
            hub.rpc("evm_setAutomine", True)
            hub.rpc("anvil_mine", hex(_BLOCKS))
            for receipt in hub.receipts(sent):
                if receipt["status"] != 1:
                    raise MetalayerError(f"a transaction of {receipt['from']} reverted")


def _account(name: str) -> str:
    return to_checksum_address(keccak(text=name)[:20])
