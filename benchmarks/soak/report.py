"""What a soak measured, what was not as it should be, and how both are shown."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from benchmarks.soak.ledger import Ledger
from benchmarks.soak.programs import Life, Programs
from benchmarks.soak.traffic import Traffic
from benchmarks.soak.world import World
from metalayer.cli.display import table
from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI, era

GROWTH = 0.15
"""What a program's memory may grow by from its second minute on, as a part of what it was."""
GROWTH_MIB = 25.0
"""The same, in MiB, if that is more: Python gives little back."""
_WARM = 60.0
_LONG_ENOUGH = 120.0


@dataclass(frozen=True)
class Purses:
    """ERA of accounts, by chain: credit, and what relayers earned and were not paid. Wei."""

    credit: Mapping[tuple[str, str], int]
    owed: Mapping[tuple[str, str], int]
    ether: Mapping[tuple[str, str], int]

    @classmethod
    def read(cls, world: World, accounts: Mapping[str, Sequence[str]], relayers: Iterable[str]) -> Purses:
        """accounts: those that pay for messages, by chain. relayers: addresses."""
        address = world.mesh.gateway
        credit: dict[tuple[str, str], int] = {}
        owed: dict[tuple[str, str], int] = {}
        ether: dict[tuple[str, str], int] = {}
        connections = world.mesh.connections
        for name, connection in connections.items():
            for account in {*accounts[name], *relayers}:
                credit[name, account] = connection.view(address, gateway.CREDIT, account)
            for account in relayers:
                ether[name, account] = int(connection.rpc("eth_getBalance", account, "latest"), 16)
                # Earned where messages arrive, paid where they come from.
                for other in connections.values():
                    if other is not connection:
                        earned = connection.view(address, gateway.EARNINGS, other.chain_id, account).earned
                        paid = other.view(address, gateway.PAID, connection.chain_id, account)
                        owed[name, account] = owed.get((name, account), 0) + (earned - paid) * GWEI
        return cls(credit, owed, ether)

    def era(self, account: str) -> int:
        """All that an account has and is owed."""
        of = [value for (_, who), value in (*self.credit.items(), *self.owed.items()) if who == account]
        return sum(of)


def unbalanced(before: Purses, after: Purses, ledger: Ledger, traffic: Traffic) -> list[str]:
    """A line for each sender whose credit is not what its fees and refunds leave of it, to the wei."""
    lines = []
    for name in ledger.world.mesh.connections:
        for account in traffic.accounts(name):
            moved = after.credit[name, account] - before.credit[name, account]
            due = ledger.given_back[name, account] - ledger.taken(name, account)
            if moved != due:
                lines.append(
                    f"{name}: the credit of {account} moved by {era(moved)} ERA, its fees and refunds by {era(due)}"
                )
    return lines


def relayer_books(before: Purses, after: Purses, ledger: Ledger) -> dict[str, dict[str, Any]]:
    """By relayer: what it spent, what it earned, and how many times the gas that it used its earnings pay for.

    Gas is valued at what routes to a chain take for it.
    """
    books = {}
    for relayer, address in ledger.relayers.items():
        own = {chain: spent for (who, chain), spent in ledger.spent.items() if who == relayer}
        connections = ledger.world.mesh.connections
        value = sum(spent.gas * connections[name].chain.preset.fees.gas for name, spent in own.items())
        cost = value * GWEI // 1_000
        earned = after.era(address) - before.era(address)
        gas = sum(spent.gas for spent in own.values())
        books[relayer] = {
            "transactions": sum(spent.transactions for spent in own.values()),
            "gas": gas,
            "reverted_transactions": sum(spent.reverted for spent in own.values()),
            "reverted_gas": sum(spent.reverted_gas for spent in own.values()),
            "ether": round(sum(spent.wei for spent in own.values()) / 10**18, 6),
            "era": round(earned / 10**18, 6),
            "earned_to_spent": round(earned / cost, 3) if cost else None,
        }
    return books


def out_of_pocket(books: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each relayer whose earnings do not pay for its gas, with what it lost to faster ones."""
    return [
        f"{name} earned {book['earned_to_spent']:.2f} of what its gas cost"
        for name, book in books.items()
        if book["earned_to_spent"] is not None and book["earned_to_spent"] < 1
    ]


def growth(life: Life) -> tuple[float, float] | None:
    """MiB when a process was warm, and at its end. None if it did not live long enough to say."""
    warm = [mib for age, mib in life.memory if age >= _WARM]
    if not life.memory or life.memory[-1][0] < _LONG_ENOUGH or len(warm) < 6:
        return None
    return statistics.median(warm[:3]), statistics.median(warm[-3:])


def memory_figures(programs: Programs) -> tuple[dict[str, dict[str, float]], list[str]]:
    """MiB by program, and a line for each that grew."""
    figures: dict[str, dict[str, float]] = {}
    lines = []
    for program in programs.all:
        measured = [(life, found) for life in program.lives if (found := growth(life))]
        if not measured:
            continue
        life, (start, end) = max(measured, key=lambda one: one[0].memory[-1][0])
        figures[program.name] = {
            "start_mib": round(start, 1),
            "end_mib": round(end, 1),
            "seconds": round(life.memory[-1][0]),
        }
        for life, (start, end) in measured:
            if end - start > max(GROWTH_MIB, GROWTH * start):
                lines.append(
                    f"{program.name} grew from {start:.0f} to {end:.0f} MiB in {life.memory[-1][0]:.0f} s"
                )
    return figures, lines


def times(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum. Empty for nothing."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "max": round(ordered[-1], 1),
    }


def message_figures(ledger: Ledger, traffic: Traffic) -> dict[str, Any]:
    """How messages ended, by kind, and how long it took. Returns are timed from when a message expired."""
    endings: dict[str, Counter[str]] = {}
    delivered, returned = [], []
    beside: Counter[str] = Counter()
    for id_, one in ledger.posted.items():
        how, at = ledger.ended.get(id_, ("open", 0.0))
        if not one.is_owed:
            beside[how] += 1
            continue
        endings.setdefault(one.kind, Counter())[how] += 1
        if how == "delivered" and id_ not in ledger.failed:
            delivered.append(at - one.at)
        elif how == "returned":
            returned.append(at - traffic.expired_at(one.sent))
    return {
        "endings": {kind: dict(sorted(counts.items())) for kind, counts in sorted(endings.items())},
        "in_the_way_of_lies": dict(sorted(beside.items())),
        "seconds_to_delivery": times(delivered),
        "seconds_from_expiry_to_refund": times(returned),
    }


def per_message(ledger: Ledger, books: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """What all relayers spent and earned for each message that ended. Empty if none did."""
    ended = sum(id_ in ledger.ended for id_ in ledger.posted)
    if not ended:
        return {}
    return {coin: round(sum(book[coin] for book in books.values()) / ended, 6) for coin in ("ether", "era")}


def show(figures: Mapping[str, Any], out: Console) -> None:
    """Everything that a person wants to know at the end."""
    rows = [
        (kind, *(f"{counts.get(how, 0):,}" for how in ("delivered", "returned", "open")))
        for kind, counts in figures["messages"]["endings"].items()
    ]
    rows.append(
        (
            "in the way of lies",
            *(
                f"{figures['messages']['in_the_way_of_lies'].get(how, 0):,}"
                for how in ("delivered", "returned", "open")
            ),
        )
    )
    out.print(table("Messages", ("kind", "#delivered", "#returned", "#open"), rows))
    spans = ("seconds_to_delivery", "seconds_from_expiry_to_refund")
    out.print(
        table(
            "Seconds",
            ("span", "#p50", "#p95", "#max"),
            [
                (
                    name.replace("_", " "),
                    *(f"{figures['messages'][name][key]:g}" for key in ("p50", "p95", "max")),
                )
                for name in spans
                if figures["messages"][name]
            ],
        )
    )
    out.print(
        table(
            "Relayers",
            ("relayer", "#transactions", "#reverted", "#gas", "#ether", "#ERA", "#earned to spent"),
            [
                (
                    name,
                    f"{book['transactions']:,}",
                    f"{book['reverted_transactions']:,}",
                    f"{book['gas'] / 10**6:.1f} M",
                    f"{book['ether']:g}",
                    f"{book['era']:g}",
                    str(book["earned_to_spent"]),
                )
                for name, book in figures["relayers"].items()
            ],
        )
    )
    out.print(
        table(
            "Memory (MiB)",
            ("program", "#start", "#end", "#seconds"),
            [
                (name, *(f"{one[key]:g}" for key in ("start_mib", "end_mib", "seconds")))
                for name, one in figures["memory"].items()
            ],
        )
    )
    if one := figures["per_message"]:
        out.print(
            f"for each message that ended: {one['ether']:f} ether spent, {one['era']:f} ERA earned",
            highlight=False,
        )
    for name in ("kills", "faults"):
        counted = ", ".join(f"{what} {count}" for what, count in figures[name].items())
        out.print(f"[bold]{name}[/]: {counted}", highlight=False)
