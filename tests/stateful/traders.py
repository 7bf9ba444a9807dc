"""What all handlers of the machine of tokens share: clocks, transactions, messages on paper, what must always hold.

Rules take plain numbers and pick from what is there, as those of `machine.py` do.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from eth_utils.address import to_checksum_address
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from metalayer.protocol import bridge
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.bridge import NOBODY
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import (
    ClaimPayload,
    Description,
    Front,
    Kind,
    Payload,
    read,
    transfer_id,
)
from tests.kit.ages import outlive
from tests.kit.evm import Receipt, Revert, call, now, transact
from tests.kit.gateways import BALANCE_OF
from tests.kit.paper import PaperLane, Validators
from tests.kit.roles import RELAYER
from tests.kit.stack import CHAINS
from tests.stateful.books import DAY, HOUR, Books, Outgoing, Refused
from tests.stateful.exchange import (
    FIRST,
    HOMES,
    HUB,
    MOODY,
    PEOPLE,
    SECOND,
    SPOKES,
    TERMS,
    TOKENS,
    TRADERS,
    Exchange,
    Place,
)
from tests.stateful.machine import must, pick

CHAIN = st.sampled_from(CHAINS)
SPOKE = st.sampled_from(SPOKES)
PICK = st.integers(0, 255)
RECENT = st.sampled_from([-1, -1, -1, -2, -2, -3]) | PICK
"""Likewise, and mostly what came last: what is done to one thing is done to it again."""
WHO = st.integers(0, len(TRADERS) - 1)
TOKEN = st.sampled_from(TOKENS)
RARELY = st.sampled_from([True, False, False, False])
GATEWAYS = (FIRST, SECOND)
SPAN = 200 * DAY
_STRIDE = 14 * DAY
_SPARE = 4 * HOUR
"""Before a set of validators expires, the next one takes over."""
_LATEST_HOURS = 3
_SUPPLY = Function("totalSupply()", "uint256", int)
_HEARD = Function("heard()", "bytes32", bytes)
_NAME, _SYMBOL = Function("name()", "string", str), Function("symbol()", "string", str)
_CREDIT = Function("credit(address)", "uint256", int)

Lane = tuple[int, str, str]
"""Gateway, origin, destination."""


class Fate(IntEnum):
    SENT = auto()
    FAILED = auto()
    EXPIRED = auto()
    RETURNING = auto()
    RETURNED = auto()
    OPEN = auto()
    """Refunded, but its bridge could not take it back yet."""
    ENDED = auto()
    REFUNDED = auto()


@dataclass(eq=False)
class Voyage:
    """A transfer, from its first hop on."""

    id: bytes
    start: str
    end: str
    home: str
    from_: str
    terms: Front
    endings: list[tuple[str, str, bool]] = field(default_factory=list)
    """Payments: where, to whom, whether it came back."""
    solver: str | None = None
    """Who fronted it, on its true terms and in time."""
    is_claimed: bool = False
    """Whether its start knows."""

    @property
    def chains(self) -> set[str]:
        return {self.start, self.end, self.home}

    @cached_property
    def key(self) -> bytes:
        """Of its true terms."""
        return self.terms.key


@dataclass(eq=False)
class Sent:
    """A message between the chains: of a bridge, or the notice that one returns."""

    lane: Lane
    paper: PaperLane
    message: Message
    id: bytes
    """As bridges know it."""
    what: Payload | Description | ClaimPayload | None = None
    of: Sent | None = None
    """What returns."""
    is_notice: bool = False
    """Whether gateways tell it each other."""
    voyage: Voyage | None = None
    forged: bool = False
    fate: Fate = Fate.SENT
    was_expired: bool = False
    """When it was sent home."""
    unspent: int = 0
    """Wei of its fee, once it is refunded."""

    @property
    def is_over(self) -> bool:
        return self.fate in (Fate.ENDED, Fate.REFUNDED)


@dataclass
class Scene:
    """Where everything stands."""

    books: dict[str, Books]
    clock: dict[str, int]
    """When the next transaction of each chain is mined."""
    signers: dict[tuple[int, str], Validators]
    lanes: dict[Lane, PaperLane] = field(default_factory=dict)
    sent: dict[Lane, list[Sent]] = field(default_factory=dict)
    """Since the lane's last restart."""
    all_sent: list[Sent] = field(default_factory=list)
    """Before it, too: what was sent last is last."""
    delivered: Counter[Lane] = field(default_factory=Counter)
    voyages: dict[bytes, Voyage] = field(default_factory=dict)
    fronts: list[tuple[str, Front]] = field(default_factory=list)
    """All that were paid, and where."""
    approved: set[tuple[str, str, str]] = field(default_factory=set)
    liars: set[str] = field(default_factory=set)

    def copy(self) -> Scene:
        """For one example. Keys stay the same."""
        return copy.deepcopy(self, {id(signers): signers for signers in self.signers.values()})

    @classmethod
    def begin(cls, exchange: Exchange) -> Scene:
        signers = {(g, name): exchange.validators for g in GATEWAYS for name in CHAINS}
        books = {name: Books(place) for name, place in exchange.places.items()}
        for one in books.values():
            _read(one)
        scene = cls(books, dict.fromkeys(CHAINS, exchange.begins), signers)
        ids = {name: place.id for name, place in exchange.places.items()}
        for gateway in GATEWAYS:
            for origin in CHAINS:
                for destination in CHAINS:
                    if origin != destination:
                        place = (gateway, origin, destination)
                        scene.lanes[place] = PaperLane(ids[HUB], ids[origin], ids[destination])
                        scene.sent[place] = []
        return scene


class Traders(RuleBasedStateMachine):
    """Chains whose clocks have nothing to do with one another, and whoever moves tokens between them."""

    exchange: ClassVar[Exchange]  # set by the test
    opening: ClassVar[Scene | None] = None
    """How each example begins."""
    paths: ClassVar[Counter[str]] = Counter()
    """How often each path was taken, over all examples of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.places = self.exchange.places
        self.snapshots = {name: place.chain.snapshot() for name, place in self.places.items()}
        self.scene = self.opening.copy() if self.opening else Scene.begin(self.exchange)
        self.theme: Sequence[int] = TOKENS
        """Tokens that an example is about."""
        self.ends_late = False
        """Whether all that is under way when an example ends comes too late."""
        self.touched: set[str] = set(CHAINS)
        """Chains on which something happened since the last check."""

    @property
    def books(self) -> dict[str, Books]:
        return self.scene.books

    @property
    def clock(self) -> dict[str, int]:
        return self.scene.clock

    def id_of(self, name: str) -> int:
        return self.places[name].id

    def address(self, token: int) -> str:
        """Of a token, on its home."""
        return self.places[HUB].tokens[token]

    def themed(self, token: int) -> int:
        """The token instead of which an example has another one, or itself."""
        return pick(self.theme, token)

    def in_theme(self, token: int) -> int:
        """What stands for a token there, or for the first one."""
        return self.theme.index(token) if token in self.theme else 0

    def local(self, token: int, chain: str) -> str | None:
        """What stands for it there."""
        if chain == HOMES[token]:
            return self.address(token)
        return self.books[chain].s.locals.get((self.id_of(HOMES[token]), self.address(token)))

    def honest(self, chain: str) -> str:
        """The hub instead of a spoke that lies: what happens there is nobody's any more."""
        return HUB if chain in self.scene.liars else chain

    # Time

    @rule(ahead=st.sampled_from([0, 0, 1, 60, 120]), behind=st.sampled_from([0, 1, 90, HOUR]))
    def skew(self, ahead: int, behind: int) -> None:
        self.advance("arcade", ahead)
        self.advance(HUB, behind)

    @rule(chain=CHAIN, seconds=st.sampled_from([1, 59, HOUR, DAY - HOUR, DAY]))
    def wait(self, chain: str, seconds: int) -> None:
        self.advance(chain, seconds)

    @rule(seconds=st.sampled_from([HOUR, DAY, DAY, 14 * DAY]), sharp=RARELY)
    def wait_everywhere(self, seconds: int, sharp: bool = False) -> None:
        """`sharp`: up to the second of a full hour."""
        for chain in CHAINS:
            self.advance(chain, seconds)
            if sharp:
                self.advance(chain, -self.clock[chain] % HOUR)

    def meet(self) -> None:
        """All clocks show what the latest one does."""
        latest = max(self.clock.values())
        for chain in CHAINS:
            self.advance(chain, latest - self.clock[chain])

    def pass_(self, chain: str, time: int) -> None:
        """The chain's next second is after that one."""
        self.advance(chain, time + 1 - self.clock[chain])

    def advance(self, chain: str, seconds: int) -> None:
        if seconds <= 0 or self.clock[chain] + seconds > self.exchange.begins + SPAN:
            return
        # No further at once than the sets of both gateways live.
        for part in range(0, seconds, _STRIDE):
            self._advance(chain, min(_STRIDE, seconds - part))

    def _advance(self, chain: str, seconds: int) -> None:
        at = self.clock[chain] + seconds
        place = self.places[chain]
        for number, gateway in enumerate(place.gateways):
            signers = self.scene.signers[number, chain]
            if signers.set.expires <= at + _SPARE:
                until = at + _SPARE
                following = outlive(gateway, place.hub_id, signers, until, RELAYER.address)
                self.scene.signers[number, chain] = following
                at = max(at, now(place.chain) + 1)
        self.clock[chain] = at
        self.touched.add(chain)

    # Transactions

    def act(
        self,
        chain: str,
        data: bytes,
        by: str,
        effect: Callable[[Books, int], object],
        number: str,
        to: str | None = None,
    ) -> bool:
        """A call of the bridge, or of `to`, in the chain's next second: done if the books say so, and then with their
        messages; or refused with their error.
        """
        place, books, at = self.places[chain], self.books[chain], self.clock[chain]
        to = to or place.bridge.address
        self._begin(chain)
        refused = None
        try:
            with books.step():
                effect(books, at)
        except Refused as error:
            refused = str(error)
        if refused is not None:
            found = call(place.chain, to, data, sender=by, at=at)
            assert isinstance(found, Revert), f"{number}: {chain} does what must be refused: {refused}"
            name = repr(found).split("(")[0]
            assert name == refused, f"{number}: {chain} refuses with {found!r}, not with {refused}"
            self.reach(f"refused: {refused}")
            return False
        receipt = self.mine(chain, to, data, by)
        if not receipt.succeeded:
            found = call(place.chain, to, data, sender=by, at=at)
            raise AssertionError(f"{number}: {chain} refuses what it must do: {found!r}")
        self._check_sent(chain, receipt, number)
        return True

    def mine(self, chain: str, to: str, data: bytes, by: str) -> Receipt:
        receipt = transact(self.places[chain].chain, to, data, by, at=self.clock[chain])
        self.clock[chain] += 1
        self.touched.add(chain)
        return receipt

    def arrange(self, chain: str, to: str, data: bytes, by: str = RELAYER.address) -> None:
        """A transaction that sets the scene: it does not concern the bridge."""
        assert self.mine(chain, to, data, by).succeeded, f"{chain}: the scene cannot be set"

    def reach(self, path: str) -> None:
        self.paths[path] += 1

    def _begin(self, chain: str) -> None:
        self.books[chain].outgoing.clear()
        self.books[chain].endings.clear()

    # Messages on paper

    def _check_sent(self, chain: str, receipt: Receipt, number: str) -> list[Sent]:
        """Puts what a transaction sent on paper: what the books say, and nothing else."""
        noted = self._note(chain, receipt)
        expected = self.books[chain].outgoing
        place = self.places[chain]
        found = [one for one in noted if one.what is not None]
        must(number, f"messages of {chain}", len(found), len(expected))
        for one, wanted in zip(found, expected, strict=True):
            message = one.message
            fee = TERMS.fee(wanted.gas_limit, wanted.return_gas_limit, len(wanted.payload))
            gateway, _, destination = one.lane
            said = Outgoing(gateway, destination, message.payload, message.gas_limit, message.deliver_before)
            must(number, f"what {chain} sends ({read(wanted.payload)})", said, wanted)
            must("P23", f"the fee of what {chain} sends", message.fee, fee.packed)
            must("P22", f"who sends it, and to whom, on {chain}", message.sender, place.bridge.address)
            must("P22", f"who gets what {chain} sends", message.recipient, place.bridge.address)
        return noted

    def _note(self, chain: str, receipt: Receipt) -> list[Sent]:
        place, noted = self.places[chain], []
        gateways = {contract.address: number for number, contract in enumerate(place.gateways)}
        events = [event for event in receipt.events if event.name in ("MessageSent", "LaneExtended")]
        for sent, extended in zip(events[::2], events[1::2], strict=True):
            id_, from_, to, payload, _, _ = sent.values
            chain_id, _, gas_limit, deadline, fee, head = extended.values
            destination = place.name_of(chain_id)
            assert destination is not None
            lane = (gateways[sent.address], chain, destination)
            paper = self.scene.lanes[lane]
            message = paper.append(
                to_checksum_address(from_[-20:]),
                to_checksum_address(to[-20:]),
                gas_limit=gas_limit,
                deliver_before=deadline,
                fee=fee,
                payload=payload,
            )
            assert (message.id, paper.heads[-1]) == (id_, head)
            noted.append(self.put(lane, message))
        return noted

    def put(self, lane: Lane, message: Message, forged: bool = False) -> Sent:
        """On paper. A transfer that begins is known from then on."""
        place = self.places[lane[1]]
        addresses = [gateway.address for gateway in place.gateways]
        id_ = transfer_id(addresses[FIRST], addresses[lane[0]], message.id)
        one = Sent(lane, self.scene.lanes[lane], message, id_, forged=forged)
        one.is_notice = message.sender in addresses
        if not one.is_notice:
            try:
                one.what = read(message.payload)
            except ValueError:
                assert forged
        if isinstance(one.what, Payload) and not forged:
            if one.what.id is not None:
                one.voyage = self.scene.voyages.get(one.what.id)
            else:
                one.voyage = self._begin_voyage(one, one.what)
        self.scene.sent[lane].append(one)
        self.scene.all_sent.append(one)
        return one

    def _begin_voyage(self, one: Sent, what: Payload) -> Voyage:
        _, start, hop = one.lane
        place = self.places[start]
        leaves = what.kind == Kind.OUT
        home = start if leaves else hop
        end = hop if leaves or what.chain == self.id_of(hop) else place.name_of(what.chain)
        voyage = Voyage(
            one.id,
            start,
            # Nobody can go on to a chain that is none; it comes home.
            end or hop,
            home,
            what.from_,
            what.front(one.id, place.id, self.id_of(home)),
        )
        self.scene.voyages[one.id] = voyage
        return voyage

    def note_endings(self, chain: str, one: Sent) -> None:
        """What the books pay for a message: P14 and P15 as anybody would say them, who knows nothing of keys."""
        endings, self.books[chain].endings = self.books[chain].endings, []
        voyage = one.voyage
        if not endings or voyage is None:
            return
        (ending,) = endings
        must("P14", f"which transfer ends on {chain}", ending.id, voyage.id)
        voyage.endings.append((chain, ending.payee, ending.came_back))
        if voyage.chains & self.scene.liars:
            return
        due = voyage.terms.to
        if ending.came_back:
            due = voyage.solver if voyage.solver and voyage.is_claimed else voyage.from_
            must("P14", "where a transfer returns", chain, voyage.start)
        elif voyage.solver is not None:
            due = voyage.solver
        must("P15", f"who gets a transfer that ends on {chain}", ending.payee, due)
        self.reach(f"{'returned' if ending.came_back else 'arrived'} to {self._who(voyage, ending.payee)}")

    @staticmethod
    def _who(voyage: Voyage, payee: str) -> str:
        return "solver" if payee == voyage.solver else "the other"

    # What must always hold

    @invariant()
    def chains_are_as_the_books_say(self) -> None:
        """P4', P14-P23 after every step, of the chains on which something happened."""
        touched, self.touched = self.touched, set()
        for chain in sorted(touched - self.scene.liars):
            self._check(chain)
        self._check_locked()
        self._check_voyages()
        self._check_limits()

    def _check_voyages(self) -> None:
        """P14: at any time, a transfer is one message that has not ended, or one payment."""
        open_: Counter[bytes] = Counter()
        for one in self.scene.all_sent:
            if one.voyage is not None and not one.is_over:
                open_[one.voyage.id] += 1
        for voyage in self.scene.voyages.values():
            if not voyage.chains & self.scene.liars:
                must(
                    "P14",
                    f"messages and payments of {voyage.id.hex()}",
                    open_[voyage.id] + len(voyage.endings),
                    1,
                )

    def _check_locked(self) -> None:
        """P4': what is locked of a token is what its home owes; and that is what there is elsewhere, or on its way."""
        moving: Counter[tuple[str, str, str]] = Counter()
        for one in self.scene.all_sent:
            if not isinstance(one.what, Payload) or one.is_over or one.forged:
                continue
            _, origin, destination = one.lane
            home, spoke = (destination, origin) if one.what.kind == Kind.BACK else (origin, destination)
            moving[home, spoke, one.what.token] += one.what.amount
            if one.what.kind == Kind.BACK:
                moving[HUB, spoke, self.address(0)] += one.what.fee * GWEI
        liars = self.scene.liars
        for token in TOKENS:
            home, address = HOMES[token], self.address(token)
            if home in liars:
                continue
            books, owed = self.books[home], 0
            for spoke in CHAINS:
                account = books.s.accounts[address, self.id_of(spoke)]
                owed += account
                if spoke == home or spoke in liars:
                    continue
                local = self.local(token, spoke)
                supply = self.books[spoke].s.supply[local] if local else 0
                given = books.s.covered[address, self.id_of(spoke)]
                what = f"what {home} owes {spoke} of token {token}"
                must("P4'", what, account, supply + moving[home, spoke, address] + given)
            self._check_home(books, token, owed)

    def _check_home(self, books: Books, token: int, owed: int) -> None:
        address = self.address(token)
        held = books.s.balances[address][books.bridge]
        if token == 0:
            held += sum(books.s.credit[gateway, books.bridge] for gateway in GATEWAYS) - books.s.spare
            assert books.s.spare >= 0, f"P4': {books.s.spare} wei are missing"
        if token == MOODY:
            held += books.s.exaggeration
        must("P4'", f"what is locked of token {token}", held, owed)

    def _check_limits(self) -> None:
        """P16: in any time, no more than a capacity, what grows back in that time, and what went the other way."""
        for chain, books in self.books.items():
            if chain in self.scene.liars:
                continue
            for (token, _), limit in books.s.limits.items():
                for sign, half in ((1, limit.out), (-1, limit.into)):
                    net = 0
                    last = limit.passed[-1][0] if limit.passed else 0
                    if not limit.passed or limit.passed[-1][1] * sign < 0:
                        continue
                    for time, amount in reversed(limit.passed):
                        net += amount * sign
                        back = sum(one for then, one in limit.returned if then >= time) if sign > 0 else 0
                        most = half.capacity + Fraction(half.capacity * (last - time), half.window)
                        assert net <= most + back + 1, (
                            f"P16: {net} of {token} passed {chain} in {last - time} s"
                        )

    def _check(self, chain: str) -> None:
        place, books = self.places[chain], self.books[chain]
        wanted: list[tuple[str, str, str, str, Function[Any], Any]] = []

        def ask(
            number: str, what: str, to: str, function: Function[Any], value: Any, *arguments: Any
        ) -> None:
            wanted.append((number, what, to, _encoded(function, *arguments), function, value))

        self._ask_tokens(chain, ask)
        self._ask_accounts(chain, ask)
        self._ask_rest(chain, ask)
        time = {"time": hex(self.clock[chain])}
        requests = [
            ("eth_call", [{"to": to, "data": data}, "latest", {}, time]) for _, _, to, data, _, _ in wanted
        ]
        answers = place.chain.batch(requests)
        for (number, what, _, _, function, value), answer in zip(wanted, answers, strict=True):
            must(number, f"{what} on {chain}", _decoded(function, answer), value)
        self._check_free(place, books)

    def _check_free(self, place: Place, books: Books) -> None:
        """P16: what is free is never more than the exact fraction, and less by what one cannot send."""
        for (token, chain_id), limit in books.s.limits.items():
            at = self.clock[place.name]
            data = bridge.LIMITS_OF.encode(token, chain_id)
            answer = call(place.chain, place.bridge.address, data, at=at)
            assert isinstance(answer, bytes)
            said = bridge.LIMITS_OF.decode(answer)
            must("P16", f"a window on {place.name}", said.window, limit.out.window)
            for half, capacity, free in (
                (limit.out, said.out_capacity, said.out_free),
                (limit.into, said.in_capacity, said.in_free),
            ):
                must("P16", f"a capacity on {place.name}", capacity, half.capacity)
                exact = half.free(at)
                assert exact - half.lost - 1 < free <= exact, (
                    f"P16: {free} is free on {place.name}, exactly {float(exact)}"
                )

    def _ask_tokens(self, chain: str, ask: Callable[..., None]) -> None:
        place, books = self.places[chain], self.books[chain]
        accounts = [*PEOPLE, books.bridge, place.receiver.address, *{books.moody} & {place.tokens[MOODY]}]
        for token in {*place.tokens, *books.s.homes}:
            number = "P20" if token != books.moody else "P14"
            balances = books.s.balances[token]
            for account in accounts:
                value = balances[account]
                if token == books.moody and account == books.bridge:
                    value += books.s.exaggeration
                ask(number, f"what {account} has of {token}", token, BALANCE_OF_INT, value, account)
            if token in books.s.homes:
                ask("P4'", f"the supply of {token}", token, _SUPPLY, books.s.supply[token])
        for (home, token), local in books.s.locals.items():
            ask("P21", f"what stands for {token}", books.bridge, bridge.LOCAL_OF, local, home, token)
            ask("P21", f"what {local} stands for", books.bridge, bridge.HOME_OF, (home, token), local)
        for local, about in books.s.metadata.items():
            ask("P21", f"the name of {local}", local, _NAME, about.name.decode())
            ask("P21", f"the symbol of {local}", local, _SYMBOL, about.symbol.decode())

    def _ask_accounts(self, chain: str, ask: Callable[..., None]) -> None:
        place, books, at = self.places[chain], self.books[chain], self.clock[chain]
        s, address = books.s, books.bridge
        for token in place.tokens:
            for other, chain_id in place.ids.items():
                if other == chain:
                    continue
                account = s.accounts[token, chain_id]
                ask(
                    "P20",
                    f"what {other} has of {token}",
                    address,
                    bridge.OUTSTANDING,
                    account,
                    token,
                    chain_id,
                )
                described = (token, chain_id) in s.described
                ask(
                    "P21",
                    f"{token} described to {other}",
                    address,
                    bridge.IS_DESCRIBED,
                    described,
                    token,
                    chain_id,
                )
        for gateway, contract in enumerate(place.gateways):
            for who in [*PEOPLE, address, *([books.moody] if place.is_hub else [])]:
                held = s.credit[gateway, who]
                ask("P23", f"the credit of {who} at gateway {gateway}", contract.address, _CREDIT, held, who)
        if not place.is_hub:
            return
        hours = set()
        for other in SPOKES:
            for change in s.past[place.ids[other]].times[1:][-_LATEST_HOURS:]:
                before = (change - 1) // HOUR * HOUR
                hours |= {before, before + HOUR}
        for hour in sorted(hour for hour in hours if hour < at):
            total = 0
            for other in SPOKES:
                value = s.past[place.ids[other]].at(hour)
                total += value
                arguments = (place.ids[other], hour)
                ask("P19", f"what {other} had at {hour}", address, bridge.PAST_OUTSTANDING, value, *arguments)
            ask("P19", f"what all had at {hour}", address, bridge.PAST_TOTAL_OUTSTANDING, total, hour)

    def _ask_rest(self, chain: str, ask: Callable[..., None]) -> None:
        place, books = self.places[chain], self.books[chain]
        s, address = books.s, books.bridge
        for chain_id in place.ids.values():
            held = (s.held_until[chain_id], s.holdable_from[chain_id])
            ask("P18", "a hold", address, bridge.HELD_UNTIL, held, chain_id)
            chosen = place.gateways[s.chosen[chain_id]].address
            ask("P22", "a gateway", address, bridge.GATEWAY_OF, chosen, chain_id)
        for number, contract in enumerate(place.gateways):
            since = s.accepted.get(number, 0)
            ask("P22", "an acceptance", address, bridge.ACCEPTED_FROM, since, contract.address)
        incoming = [one for one in self.scene.all_sent if one.lane[2] == chain]
        for one in incoming:
            if isinstance(one.what, Payload) and (one.id in s.waiting or not one.is_over):
                since = s.waiting.get(one.id, 0)
                ask("P16", f"when {one.id.hex()} began to wait", address, bridge.WAITING_SINCE, since, one.id)
        for key, solver in s.solvers.items():
            ask("P15", f"the solver of {key.hex()}", address, bridge.SOLVER_OF, solver, key)
        for voyage in self.scene.voyages.values():
            if chain not in voyage.chains:
                continue
            key = voyage.key
            if voyage.terms.tip and voyage.end == chain and key not in s.solvers:
                ask("P15", f"the solver of {key.hex()}", address, bridge.SOLVER_OF, NOBODY, key)
            if voyage.start == chain:
                for other in place.ids.values():
                    claimant = s.claimants.get((key, other), NOBODY)
                    ask("P15", f"who claimed {key.hex()}", address, bridge.CLAIMANT_OF, claimant, key, other)
            if voyage.home == chain:
                paid = s.passage[voyage.id]
                ask("P23", f"what is paid for {voyage.id.hex()}", address, bridge.PASSAGE, paid, voyage.id)
        receiver = place.receiver.address
        ask("P22", "what the receiver heard", receiver, _HEARD, s.heard)

    def teardown(self) -> None:
        """However an example ended, the chains are as before; if it went well, everything ends first."""
        try:
            if sys.exc_info()[0] is None:
                self.end()
        finally:
            for name, snapshot in self.snapshots.items():
                self.places[name].chain.restore(snapshot)

    def end(self) -> None:
        """Ends everything that is open."""


# Most of what a check asks, and most of what it hears, is what the last one did.
@lru_cache(10_000)
def _encoded(function: Function[Any], *arguments: Any) -> str:
    return "0x" + function.encode(*arguments).hex()


@lru_cache(10_000)
def _decoded(function: Function[Any], answer: str) -> Any:
    return function.decode(bytes.fromhex(answer[2:]))


def _read(books: Books) -> None:
    """What everybody has before the first step."""
    place, chain = books.place, books.place.chain
    for who in [*PEOPLE, books.moody]:
        for token in place.tokens:
            held = call(chain, token, BALANCE_OF_INT.encode(who))
            assert isinstance(held, bytes)
            books.s.balances[token][who] = BALANCE_OF_INT.decode(held)
        for number, gateway in enumerate(place.gateways):
            books.s.credit[number, who] = gateway.view("credit", who)


BALANCE_OF_INT = Function(BALANCE_OF.signature, "uint256", int)
