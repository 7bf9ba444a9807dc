"""Opens cases with the Slasher, from one account: rehearsed first, each once, and none that changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.mesh import Mesh
from metalayer.network.nodes import Nodes
from metalayer.network.rpc import Reverted, RpcError
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol import slasher, staking
from metalayer.protocol.reverts import parse
from metalayer.protocol.rpc import call_request
from metalayer.protocol.slasher import ABOUT, Accusation, CaseState
from metalayer.protocol.staking import ValidatorState
from metalayer.relayer.gas import Means
from metalayer.relayer.loops import guard
from metalayer.staking.evidence import Charge, in_order
from metalayer.staking.standing import open_cases

# Charges of one group that are tried after each other.
_MOST_TRIES = 8
# An estimate runs in the latest block: see `metalayer.staking.chores`.
_MARGIN = 120_000
# After a transaction that reverted the same is not sent again for so many seconds.
_PAUSE = 600.0

_PARDONED = "IsPardoned(bytes32)"
_NOT_DUE = (
    "AlreadyAccused(bytes32)",
    "HeadNotInLane(uint256,uint256,bytes32,uint256)",
    _PARDONED,
    "NotAboveRestart(uint256,uint256,uint64)",
    "NotBeyondLane(uint256,uint256,uint64)",
    "NotBeyondSets(uint256,uint256)",
    "NotLiable(uint256)",
    "SetHasEnded(uint64,uint256)",
    "UnknownKey(address)",
    "WrongState(uint256,uint8)",
)
"""Refusals that are nobody's problem: it was reported, pardoned, nothing is at stake, or the hub went on meanwhile."""


@dataclass(frozen=True)
class Opened:
    """A case that this watcher opened."""

    key: bytes
    accusation: Accusation
    transaction: str
    gas: int


@dataclass
class Prosecutor:
    """With `sender`, who pays for the cases and gets the rewards. nodes: the hub's, of which enough must agree that a
    case would be opened.
    """

    mesh: Mesh
    hub: Connection
    nodes: Nodes
    sender: Sender
    _paused: dict[bytes, float] = field(default_factory=dict)

    def accuse(
        self, charges: Iterable[Charge], report: Callable[[Opened], None], problems: list[str]
    ) -> list[Opened]:
        """Opens what cases there are. What cannot be opened, and should, becomes a problem."""
        court = self.hub.view(self.mesh.staking, staking.SLASHER)
        lost: dict[int, bool] = {}
        done: list[Opened] = []
        for group in in_order(charges):
            id_ = group[0].accusation.validator
            with guard(self.hub.name, problems.append):
                if id_ not in lost:
                    lost[id_] = self._is_lost(court, id_)
                opened = None if lost[id_] else self._open_first(court, group, problems)
                if opened is not None:
                    done.append(opened)
                    report(opened)
                    lost[id_] = not opened.accusation.kind.pardonable
        return done

    def _is_lost(self, court: str, id_: int) -> bool:
        """Whether nothing more can be done to a validator: it was slashed, or will be, and nobody can pardon it."""
        known = self.hub.view(self.mesh.staking, staking.VALIDATOR, id_)
        if known.state is ValidatorState.ENDED:
            return True
        cases = open_cases(self.hub, court, id_) if known.open_cases else ()
        return any(not case.accusation.kind.pardonable for case in cases)

    def _open_first(self, court: str, group: Sequence[Charge], problems: list[str]) -> Opened | None:
        """Opens the first of these cases that the Slasher takes, unless one of those before is there already."""
        tried = group[:_MOST_TRIES]
        cases = self.hub.batch(slasher.CASE_OF.request(court, one.accusation.key) for one in tried)
        reasons = []
        for charge, case in zip(tried, cases, strict=True):
            key = charge.accusation.key
            if case.state is not CaseState.NONE or time.monotonic() < self._paused.get(key, 0.0):
                return None
            data = charge.data
            refused = self.nodes.agreed(partial(self._rehearse, court, data))
            if not refused:
                return self._open(court, charge, data)
            if refused == _PARDONED:
                return None
            if refused not in _NOT_DUE:
                reasons.append(
                    f"{self.hub.name}: cannot open the case against {self._named(charge)}: {refused}"
                )
        problems += reasons
        return None

    def _rehearse(self, court: str, data: bytes, node: Connection) -> str:
        """Why the Slasher would not open a case, as a node says; empty if it would."""
        try:
            node.ask(call_request(court, data, sender=self.sender.address))
        except Reverted as error:
            known = parse(error.data)
            return known[0] if known else error.reason
        return ""

    def _open(self, court: str, charge: Charge, data: bytes) -> Opened | None:
        hub, sender, key = self.hub, self.sender, charge.accusation.key
        # What another process of this account sent may be this very case: then the estimate says so.
        hub.make_way(sender)
        try:
            gas = hub.estimate(sender.address, court, data) * 6 // 5 + _MARGIN
        except Reverted as error:
            known = parse(error.data)
            if known and known[0] in _NOT_DUE:
                return None
            raise
        gas = min(MAX_TRANSACTION_GAS, gas)
        Means.read(hub, sender.address).check(hub, sender.address, gas)
        self._paused[key] = time.monotonic() + _PAUSE
        (receipt,) = hub.submit(sender, [Transaction(court, data, gas)])
        if receipt["status"] != 1:
            raise RpcError(f"the case against {self._named(charge)} reverted in {receipt['transactionHash']}")
        del self._paused[key]
        return Opened(key, charge.accusation, receipt["transactionHash"], receipt["gasUsed"])

    def _named(self, charge: Charge) -> str:
        return named(charge.accusation, {id_: one.name for id_, one in self.mesh.by_id.items()})


def named(about: Accusation, names: Mapping[int, str]) -> str:
    """Who is accused, and of what. names: of chains, by id."""
    return f"validator {about.validator}: {ABOUT[about.kind]}: {about.place(names)}"


def opened_line(opened: Opened, names: Mapping[int, str]) -> str:
    """One line about a case."""
    who = named(opened.accusation, names)
    return f"case 0x{opened.key.hex()} opened against {who}, {opened.gas:,} gas, in {opened.transaction}"


def opened_dict(opened: Opened) -> dict[str, Any]:
    """For --json."""
    about = opened.accusation
    return {
        "key": "0x" + opened.key.hex(),
        "validator": about.validator,
        "kind": about.kind.name.lower(),
        "origin": about.origin,
        "destination": about.destination,
        "nonce": about.nonce,
        "transaction": opened.transaction,
        "gas": opened.gas,
    }
