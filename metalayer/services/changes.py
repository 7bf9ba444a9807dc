"""What transactions changed on a local fork: storage by name, ether, and what code came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eth_utils.address import to_checksum_address

from metalayer.network.connection import Connection
from metalayer.protocol.hex import from_hex
from metalayer.protocol.layouts import Layout, Namer, Preimages

# What is hashed for a place in storage: a slot, and before it a key of a mapping, which may be a text.
_HASHES = """{
  hashed: [],
  step: function (log, db) {
    if (log.op.toNumber() != 0x20) return;
    var offset = log.stack.peek(0).valueOf(), size = log.stack.peek(1).valueOf();
    if (size == 32 || size == 64) {
      this.hashed.push(toHex(log.memory.slice(Number(offset), Number(offset) + Number(size))));
    }
  },
  fault: function (log, db) {},
  result: function (context, db) { return this.hashed; }
}"""


class Change(NamedTuple):
    """One value that is another one than before. path: `Metalayer._routes[904].baseFee`; variable:
    `Metalayer._routes`, by which a proposal allows it. Both values as people write them; label: their type.
    """

    address: str
    path: str
    variable: str
    before: str
    after: str
    numbers: tuple[int, int]
    label: str = "bytes32"

    @property
    def is_new(self) -> bool:
        return self.numbers[0] == 0


@dataclass
class _Account:
    storage: dict[int, list[int]] = field(default_factory=dict)
    balance: list[int] = field(default_factory=list)
    has_new_code: bool = False


@dataclass
class Changes:
    """On one chain, by transactions that were added in their order. paying: accounts that pay for gas, whose ether says
    nothing.
    """

    connection: Connection
    paying: set[str] = field(default_factory=set)
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _hashed: set[bytes] = field(default_factory=set)

    def add(self, transaction: str) -> None:
        """One that was mined. Its node must trace: anvil does."""
        options: Mapping[str, Any] = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
        found = self.connection.rpc("debug_traceTransaction", transaction, options)
        hashed = self.connection.rpc("debug_traceTransaction", transaction, {"tracer": _HASHES})
        self._hashed |= {from_hex(one) for one in hashed}
        before, after = found["pre"], found["post"]
        for address in before.keys() | after.keys():
            account = self._accounts.setdefault(to_checksum_address(address), _Account())
            old, new = before.get(address, {}), after.get(address, {})
            words = [
                {int(slot, 16): int(word, 16) for slot, word in one.get("storage", {}).items()}
                for one in (old, new)
            ]
            for slot in words[0].keys() | words[1].keys():
                word = account.storage.setdefault(slot, [words[0].get(slot, 0), 0])
                word[1] = words[1].get(slot, 0)
            if "balance" in new:
                balance = account.balance or [int(old.get("balance", "0x0"), 16), 0]
                account.balance = [balance[0], int(new["balance"], 16)]
            account.has_new_code |= "code" in new

    def words(self) -> dict[tuple[str, int], int]:
        """What is in each word that is another one than before, by account and slot."""
        return {
            (address, slot): after
            for address, account in self._accounts.items()
            for slot, (before, after) in account.storage.items()
            if before != after
        }

    def storage(
        self, layout_of: Callable[[str], Layout | None], contract_of: Callable[[str], str], namer: Namer
    ) -> list[Change]:
        """By path. layout_of: of the contract at an address, if it is known; contract_of: how it is called."""
        preimages, found = Preimages(sorted(self._hashed)), []
        for address, account in self._accounts.items():
            layout = layout_of(address)
            for slot, (before, after) in account.storage.items():
                if before == after:
                    continue
                fields = layout.fields(slot, preimages, namer) if layout else []
                changed = [one for one in fields if one.part(before) != one.part(after)]
                for one in changed:
                    numbers = one.part(before), one.part(after)
                    found.append(
                        Change(
                            address,
                            one.path,
                            one.variable,
                            one.show(before, namer),
                            one.show(after, namer),
                            numbers,
                            one.label,
                        )
                    )
                if not changed:
                    name = f"{contract_of(address)}.0x{slot:x}"
                    found.append(
                        Change(address, name, name, f"0x{before:064x}", f"0x{after:064x}", (before, after))
                    )
        return sorted(found, key=_order)

    def ether(self) -> dict[str, tuple[int, int]]:
        """Wei before and after of every account that has another amount and pays for no gas."""
        return {
            address: (account.balance[0], account.balance[1])
            for address, account in sorted(self._accounts.items())
            if account.balance and account.balance[0] != account.balance[1] and address not in self.paying
        }

    def created(self) -> list[str]:
        """Accounts that have code now and had none, or have other code."""
        return sorted(address for address, account in self._accounts.items() if account.has_new_code)


def _order(change: Change) -> tuple[Any, ...]:
    """Numbers within names in their own order."""
    parts = change.path.replace("]", "[").split("[")
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
