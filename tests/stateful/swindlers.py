"""A spoke whose validators sign what they like, lanes that are restarted, and how everything ends."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import RestartFact, Tree
from metalayer.protocol.message import NEVER_EXPIRES, Fee
from metalayer.protocol.transfers import ClaimPayload, Description, Kind, Payload
from tests.kit.paper import PaperLane, gateway_payload
from tests.kit.roles import OWNER, RELAYER
from tests.kit.stack import CHAINS
from tests.stateful.books import DAY, MAX_TIME
from tests.stateful.exchange import ERA, HOMES, HUB, MOODY, SOLVER, TOKENS, TRADERS, WHOLE, Behaviour, Mood
from tests.stateful.followers import Followers
from tests.stateful.machine import must, pick
from tests.stateful.traders import CHAIN, PICK, RARELY, RECENT, SPOKE, TOKEN, WHO, Fate, Lane, Sent

AMOUNTS = ["one", "some", "all", "more"]
_PLENTY = 3_000_000
_ROUNDS = 8
"""Of carrying until nothing is open: a transfer that does not arrive has three hops, of which each may return."""


class Swindlers(Followers):
    """Liars, and the end."""

    @rule(spoke=SPOKE, really=RARELY)
    def turn(self, spoke: str, really: bool = True) -> None:
        """From now on, its validators sign what they like. One spoke at most, so that the other one has rights."""
        if really and not self.scene.liars:
            self.scene.liars.add(spoke)

    @precondition(lambda self: self.scene.liars)
    @rule(
        to=CHAIN,
        kind=st.sampled_from([int(kind) for kind in (Kind.BACK, Kind.BACK, Kind.OUT, Kind.RETURN)]),
        token=TOKEN,
        far=st.none() | CHAIN,
        amount=st.sampled_from(AMOUNTS),
        number=RECENT,
        who=WHO,
        fee=st.sampled_from([0, 0, 10**7, 10**9]),
        tip=st.sampled_from([0, 10**8]),
        data=st.sampled_from([None, None, b"", b"data"]),
        late=st.sampled_from([0, 0, 60]),
        expires=st.booleans(),
        known=st.booleans(),
        fitting=st.sampled_from([True, True, False]),
        carried=st.booleans(),
        limited=RARELY,
    )
    def forge(
        self,
        to: str,
        kind: int,
        token: int,
        far: str | None,
        amount: str = "some",
        number: int = 0,
        who: int = 0,
        fee: int = 0,
        tip: int = 0,
        data: bytes | None = None,
        late: int = 0,
        expires: bool = False,
        known: bool = True,
        fitting: bool = False,
        carried: bool = False,
        limited: bool = False,
    ) -> None:
        """Any transfer, between the two chains unless it is from `far`, or goes there. `known`: with the id of a true
        one, where there is an id. `late`: seconds by which it was sent in the future. `fitting`: of a token whose home
        is where it must be. `carried`: it arrives at once. `limited`: where hardly anything may.
        """
        (spoke,) = self.scene.liars
        to = HUB if to == spoke else to
        home = to if kind == Kind.BACK else spoke
        far = far or home
        if fitting:
            # ERA has one home, whoever says what.
            fit = [one for one in TOKENS if HOMES[one] == home or (one == ERA and kind == Kind.OUT)]
            token = pick(fit, token)
        if limited:
            self.limit_token(to, token, [name for name in CHAINS if name != to].index(spoke), WHOLE, 0, DAY)
        at = self.clock[to]
        address = self.address(token)
        account = self.books[to].s.accounts[address, self.id_of(spoke)]
        value = {"one": 1, "some": WHOLE, "all": max(account, 1), "more": account + 1}[amount]
        ids = list(self.scene.voyages) if known else []
        id_ = None if kind == Kind.BACK else pick(ids or [b"\1" * 32], number)
        if kind == Kind.OUT and not known:
            id_ = None
        payload = Payload(
            kind=Kind(kind),
            token=address,
            from_=TRADERS[who - 1],
            to=self.places[to].receiver.address if data else TRADERS[who],
            chain=self.id_of(far),
            amount=value,
            fee=fee,
            tip=0 if data is not None else tip,
            sent_at=at,
            hop_at=at + late,
            deadline=at + 5 * DAY,
            id=id_,
            sender=None if data is None or kind == Kind.RETURN else TRADERS[0],
            data=b"" if kind == Kind.RETURN else data or b"",
        )
        before = at + DAY if expires else NEVER_EXPIRES
        self._forge(spoke, to, payload.encoded, before, carried=carried)

    forge_more = forge

    @precondition(lambda self: self.scene.liars)
    @rule(
        to=CHAIN,
        number=RECENT,
        token=TOKEN,
        what=st.sampled_from(["claim", "describe", "nonsense", "stranger"]),
        carried=st.booleans(),
    )
    def tell(self, to: str, number: int, token: int, what: str, carried: bool = False) -> None:
        """A claim of any transfer, any description, or what is neither, or of no bridge."""
        (spoke,) = self.scene.liars
        to = HUB if to == spoke else to
        keys = [voyage.key for voyage in self.scene.voyages.values()] or [b"\1" * 32]
        key, address = pick(keys, number), self.address(token)
        payload = {
            "claim": ClaimPayload(key, SOLVER).encoded,
            "describe": Description(address, number % 256, b"Nothing", b"NIX").encoded,
            "nonsense": bytes([number % 256]) * (64 + number % 256),
            "stranger": Payload(Kind.BACK, address, TRADERS[0], TRADERS[0], self.id_of(to), 1).encoded,
        }[what]
        sender = TRADERS[0] if what == "stranger" else None
        self._forge(spoke, to, payload, NEVER_EXPIRES, sender, carried)

    def _forge(
        self,
        spoke: str,
        to: str,
        payload: bytes,
        before: int,
        sender: str | None = None,
        carried: bool = False,
    ) -> None:
        bridge = self.books[to].bridge
        lane: Lane = (self.books[to].s.chosen[self.id_of(spoke)], spoke, to)
        message = self.scene.lanes[lane].append(
            sender or bridge, bridge, payload=payload, deliver_before=before, gas_limit=_PLENTY
        )
        one = self.put(lane, message, forged=True)
        if carried:
            self.carry(one)

    @precondition(lambda self: self.scene.liars)
    @rule(number=RECENT)
    def claim_return(self, number: int = 0) -> None:
        """That it could not take in what it took in."""
        (spoke,) = self.scene.liars
        hops = [
            one
            for one in self.scene.all_sent
            if one.lane[2] == spoke and one.of is None and one.fate not in (Fate.REFUNDED, Fate.OPEN)
        ]
        if not hops:
            return
        one = pick(hops, number)
        gateway, origin, _ = one.lane
        notice = self.scene.lanes[gateway, spoke, origin].append_notice(
            self.places[origin].gateways[gateway].address, gateway_payload(0, one.message.id, 1, 0)
        )
        self.put((gateway, spoke, origin), notice, forged=True).of = one
        one.was_expired = True

    # Restarts

    @rule(number=PICK, really=RARELY)
    def abandon(self, number: int, really: bool = True) -> None:
        """A lane is restarted by the owner before its messages are delivered, and each of them goes home without its
        destination.
        """
        lanes = [
            lane for lane in self.scene.sent if self.waiting(lane) and not {*lane[1:]} & self.scene.liars
        ]
        if lanes and really:
            self.restart(pick(lanes, number))

    def restart(self, lane: Lane) -> None:
        gateway, origin, destination = lane
        here, there = self.places[origin], self.places[destination]
        lost, start = self.waiting(lane), self.scene.lanes[lane].nonce + 9
        contract, other = here.gateways[gateway], there.gateways[gateway]
        data = contract.encode("restart", there.id, start)
        assert self.mine(origin, contract.address, data, OWNER.address).succeeded
        fact = RestartFact(here.id, there.id, start)
        tree = Tree([fact])
        signers = self.scene.signers[gateway, destination]
        signed = signers.sign(here.hub_id, other.address, tree.root, range(4)).fields
        data = other.encode("followRestart", signed, here.id, start, tree.proof(fact))
        receipt = self.mine(destination, other.address, data, RELAYER.address)
        assert receipt.succeeded, f"P2: {destination} does not follow a restart"
        self._begin(destination)
        (notice,) = self._check_sent(destination, receipt, "P14")
        self.scene.lanes[lane] = PaperLane(here.hub_id, here.id, there.id, start)
        self.scene.sent[lane], self.scene.delivered[lane] = [], start
        while not notice.is_over:
            self.deliver(destination, origin, 9, gateway)
        # What was said before counts no more, whether it arrived or not: said again by whoever waits for it.
        for one in self.scene.all_sent:
            if one.fate == Fate.RETURNED and (one.lane[0], *one.lane[:0:-1]) == lane:
                one.fate = Fate.EXPIRED if one.was_expired else Fate.FAILED
        for one in lost:
            if one.of is not None:
                one.of.fate = Fate.EXPIRED if one.of.was_expired else Fate.FAILED
                one.fate = Fate.ENDED
                continue
            self._refund_abandoned(one, start)
        self.reach("restarted")

    def _refund_abandoned(self, one: Sent, start: int) -> None:
        gateway, origin, _ = one.lane
        place, at = self.places[origin], self.clock[origin]
        contract = place.gateways[gateway]
        data = contract.encode("refundAbandoned", *self.evidence(one), start, bytes(32), [])
        receipt = self.mine(origin, contract.address, data, RELAYER.address)
        assert receipt.succeeded, f"P14: {origin} does not refund what a restart left behind"
        fee = Fee.unpack(one.message.fee)
        self.take_home(one, receipt, (fee.relay + 2 * fee.step) * GWEI, at)

    # The end

    def end(self) -> None:
        """P14, P17: whatever happened, every transfer between honest chains can be brought to its one payment, by
        anybody, once what stands in its way is over.
        """
        self._clear_the_way()
        if self.ends_late:
            self._let_pass(MAX_TIME + 1)
        for number in range(_ROUNDS):
            self._carry_all()
            if not self._open():
                break
            # Limits grow back, or are waited for; then what does not arrive expires.
            span = DAY + 1 if number % 2 == 0 else MAX_TIME + 1
            self._let_pass(span)
        self.chains_are_as_the_books_say()
        left = self._open()
        must("P14", "what cannot be ended", [(one.lane, one.fate.name, one.what) for one in left], [])

    def _let_pass(self, seconds: int) -> None:
        for chain in CHAINS:
            if chain not in self.scene.liars:
                self.advance(chain, seconds)

    def _open(self) -> list[Sent]:
        return [
            one
            for one in self.scene.all_sent
            if one.voyage is not None
            and not one.is_over
            and not one.voyage.chains & self.scene.liars
            # A token that says that it has more than there is cannot give it to everybody.
            and not (self.books[HUB].s.exaggeration and one.voyage.terms.token == self.address(MOODY))
        ]

    def _clear_the_way(self) -> None:
        """Holds end, recipients and tokens are well again, and somebody pays."""
        latest = max(self.clock.values())
        for chain in CHAINS:
            if chain in self.scene.liars:
                continue
            self.advance(chain, latest - self.clock[chain])
            if self.books[chain].s.behaviour != Behaviour.ACCEPT:
                self.behave(chain=chain, behaviour=Behaviour.ACCEPT)
            for other in CHAINS:
                if self.clock[chain] < self.books[chain].s.held_until[self.id_of(other)]:
                    self.unhold(chain=chain, number=[n for n in CHAINS if n != chain].index(other))
        if self.books[HUB].s.mood != Mood.PLAIN:
            self.change_mood(mood=Mood.PLAIN)
        for who, account in enumerate([*TRADERS, self.books[HUB].bridge]):
            if account in self.books[HUB].s.blocked:
                self.block(who=who, blocks=False)

    def _carry_all(self) -> None:
        for _ in range(4):
            for lane in list(self.scene.sent):
                self.deliver(lane[1], lane[2], 9, lane[0])
            open_ = self._open()
            steps: list[tuple[Fate, Callable[[Sent], object]]] = [
                (Fate.FAILED, self.try_again),
                (Fate.EXPIRED, self.try_again),
                (Fate.RETURNED, self.refund_one),
                (Fate.OPEN, self.call_back_paid),
            ]
            for fate, step in steps:
                for one in open_:
                    if one.fate == fate:
                        step(one)
