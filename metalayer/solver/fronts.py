"""What a solver has fronted, and what became of it: read from the chains alone, each time anew or read on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic

from eth_utils.address import to_canonical_address, to_checksum_address

from metalayer.network.connection import Connection
from metalayer.protocol import bridge
from metalayer.protocol.abi import Event, Logged, Value
from metalayer.protocol.bridge import FRONT, FrontClaimed, TransferFronted, TransferReceived, TransferReturned
from metalayer.protocol.rpc import READ_FAULTS, Request, Topic, transaction_request
from metalayer.protocol.transfers import Front
from metalayer.solver.offers import way
from metalayer.solver.policy import TokenId

# Blocks that are read again: a backend of a node may not have them yet, and they may be replaced.
_OVERLAP = 256


class State(Enum):
    """What became of a front."""

    OUT = "out"
    """Nothing yet."""
    ARRIVED = "arrived"
    RETURNED = "returned"
    """Where it started, to its solver, because it was claimed."""
    LOST = "lost"
    """It returned to its sender, before a claim was there."""


@dataclass(frozen=True)
class Fronted:
    """One front. `paid` and what came back in the smallest unit of the token; `end`: chain id where it was paid.

    claims: transactions that claimed it, in order, with their blocks at the end. claimed: its claim has arrived.
    """

    front: Front
    end: int
    paid: int
    transaction: str
    state: State = State.OUT
    received: int = 0
    claims: tuple[tuple[str, int], ...] = ()
    claimed: bool = False

    @property
    def token(self) -> TokenId:
        """What it is in."""
        return TokenId(self.front.home_chain, self.front.token)

    @property
    def way(self) -> list[int]:
        """Chain ids from the start of its transfer over its token's home to its end."""
        return way(self.front.start, self.front.home_chain, self.end)

    @property
    def gain(self) -> int:
        """Without gas; less than zero while it is out."""
        return self.received - self.paid


class Trail(Generic[Value]):
    """One event's logs on one chain, read on from where the last reading ended."""

    def __init__(self, event: Event[Value], address: str, *topics: Topic) -> None:
        self._event = event
        self._address = address
        self._topics = topics
        self._settled = -1
        self.logs: list[Logged[Value]] = []

    def request(self, last: int) -> Request[list[Logged[Value]]]:
        """Asks for what is new, up to a block."""
        first = min(self._settled, last) + 1
        return self._event.logs(self._address, *self._topics, first=first, last=last)

    def add(self, found: Sequence[Logged[Value]], last: int) -> Sequence[Logged[Value]]:
        """All up to a block, with what is new."""
        first = min(self._settled, last) + 1
        self.logs = [*(one for one in self.logs if one.log.block < first), *found]
        self._settled = max(-1, last - _OVERLAP)
        return self.logs


@dataclass
class Told:
    """What one chain says of a solver's fronts at a second by its clock. `terms`: of each front that was paid there, by
    its key. `homes`: what tokens that returned there stand for. `gone`: transfers that returned there to others.

    A home that lies says any id of a transfer of its own token: what arrived or returned is known by its token, too.
    """

    chain_id: int
    now: int
    fronted: Sequence[Logged[TransferFronted]]
    received: Sequence[Logged[TransferReceived]]
    returned: Sequence[Logged[TransferReturned]]
    claims: Sequence[Logged[FrontClaimed]]
    claims_received: Sequence[Logged[bridge.ClaimReceived]]
    terms: Mapping[bytes, Front]
    homes: Mapping[str, TokenId] = field(default_factory=dict)
    gone: frozenset[tuple[bytes, TokenId]] = frozenset()


class Witness:
    """One chain, asked about one solver."""

    def __init__(self, connection: Connection, address: str, solver: str) -> None:
        who = bytes(12) + to_canonical_address(solver)
        self.connection = connection
        self._address = address
        self._fronted = Trail(bridge.TRANSFER_FRONTED, address, None, who)
        self._received = Trail(bridge.TRANSFER_RECEIVED, address, None, who)
        self._returned = Trail(bridge.TRANSFER_RETURNED, address, None, who)
        self._claims = Trail(bridge.FRONT_CLAIMED, address, None, None, who)
        self._claims_received = Trail(bridge.CLAIM_RECEIVED, address, None, None, who)
        self._solver = solver
        self._terms: dict[bytes, Front] = {}
        self._read: set[str] = set()
        self._homes: dict[str, TokenId] = {}

    def tell(self, overdue: Callable[[int], Iterable[bytes]] = lambda _: ()) -> Told:
        """What the chain says now. Raises what its node makes of it.

        overdue: by the clock of this chain, transfers that started here and may have returned to others.
        """
        connection = self.connection
        now = connection.block()
        last = now.number
        trails: list[Trail[Any]] = [
            self._fronted,
            self._received,
            self._returned,
            self._claims,
            self._claims_received,
        ]
        answers = connection.batch(trail.request(last) for trail in trails)
        fronted, received, returned, claims, claims_received = (
            trail.add(found, last) for trail, found in zip(trails, answers, strict=True)
        )
        unread = list(
            dict.fromkeys(one.log.transaction for one in fronted if one.log.transaction not in self._read)
        )
        calls = connection.batch(transaction_request(hash_) for hash_ in unread)
        self._read |= set(unread)
        # Anybody can front something in another's name, for nothing: such fronts are not the solver's own.
        for call in calls:
            for front in _fronts_in(call.data) if call.sender == self._solver else ():
                self._terms[front.key] = front
        fronted = [one for one in fronted if one.event.key in self._terms]
        others = self._returned_to_others(list(overdue(now.time)))
        self._read_homes(event.token for event in (*others, *(event for event, _ in returned)))
        return Told(
            connection.chain_id,
            now.time,
            fronted,
            received,
            returned,
            claims,
            claims_received,
            self._terms,
            self._homes,
            frozenset((event.id, self._homes[event.token]) for event in others),
        )

    def _returned_to_others(self, ids: Sequence[bytes]) -> list[TransferReturned]:
        if not ids:
            return []
        returned = self.connection.ask(bridge.TRANSFER_RETURNED.logs_once(self._address, ids))
        return [event for event, _ in returned if event.payee != self._solver]

    def _read_homes(self, tokens: Iterable[str]) -> None:
        unknown = list(dict.fromkeys(token for token in tokens if token not in self._homes))
        here = self.connection.chain_id
        homes = self.connection.batch(bridge.HOME_OF.request(self._address, token) for token in unknown)
        for token, home in zip(unknown, homes, strict=True):
            is_at_home = home.chain_id == 0
            self._homes[token] = TokenId(here, token) if is_at_home else TokenId(home.chain_id, home.token)


@dataclass(frozen=True)
class Book:
    """All fronts of one solver, in the order of their chains and blocks."""

    fronts: Sequence[Fronted] = ()

    @classmethod
    def of(cls, told: Iterable[Told]) -> Book:
        """What chains say together; a front whose start does not answer is out."""
        known = {one.chain_id: one for one in told}
        returned = {
            (id_, event.id, one.homes[event.token]): event.amount
            for id_, one in known.items()
            for event, _ in one.returned
        }
        claimed = {
            (event.key, event.chain_id, id_) for id_, one in known.items() for event, _ in one.claims_received
        }
        gone = {(id_, *transfer) for id_, one in known.items() for transfer in one.gone}

        received = {
            id_: {(one.id, one.token, one.origin): one.amount for one, _ in here.received}
            for id_, here in known.items()
        }

        def outcome(here: Told, local: str, front: Front) -> tuple[State, int]:
            arrived = received[here.chain_id].get((front.id, local, front.start))
            if arrived is not None:
                return State.ARRIVED, arrived
            start = (front.start, front.id, TokenId(front.home_chain, front.token))
            if (back := returned.get(start)) is not None:
                return State.RETURNED, back
            return (State.LOST if start in gone else State.OUT), 0

        fronts = []
        for here in known.values():
            claims: dict[tuple[bytes, int], list[tuple[str, int]]] = {}
            for claim, log in here.claims:
                claims.setdefault((claim.id, claim.start), []).append((log.transaction, log.block))
            for event, log in here.fronted:
                front = here.terms[event.key]
                sent = tuple(claims.get((front.id, front.start), ()))
                is_claimed = (event.key, here.chain_id, front.start) in claimed
                about = (front, here.chain_id, event.paid, log.transaction)
                fronts.append(Fronted(*about, *outcome(here, event.token, front), sent, is_claimed))
        return cls(fronts)

    @property
    def out(self) -> list[Fronted]:
        """What is neither back nor lost."""
        return [one for one in self.fronts if one.state is State.OUT]

    @property
    def ended(self) -> list[Fronted]:
        """All others."""
        return [one for one in self.fronts if one.state is not State.OUT]


def _fronts_in(data: bytes) -> list[Front]:
    """Terms in the calldata of a front."""
    try:
        values, _ = FRONT.decode_arguments(data)
    except READ_FAULTS:
        return []
    id_, start, home_chain, token, to, *rest = values
    return [Front(id_, start, home_chain, to_checksum_address(token), to_checksum_address(to), *rest)]
