"""Where a solver pays on one chain: which offers, and which of its fronts it claims there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from metalayer.assets.tokens import APPROVE, BALANCE_OF
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol import bridge, gateway
from metalayer.protocol.amounts import era
from metalayer.protocol.hex import short, to_hex
from metalayer.relayer.endings import Desk, Step
from metalayer.relayer.gas import Means
from metalayer.relayer.loops import guard
from metalayer.relayer.memory import Kind, Memory
from metalayer.solver.capital import Capital
from metalayer.solver.fronts import Fronted
from metalayer.solver.offers import Choice, Decision, Offer, Standing, decide
from metalayer.solver.policy import Policy, TokenId
from metalayer.solver.restarts import left_behind
from metalayer.solver.results import Claimed, Paid, Worked
from metalayer.solver.standings import End, Purse
from metalayer.solver.starts import Start

FRONT_GAS = 110_000
"""Gas that a front is reckoned to take: 98,000 measured, of ERA to a recipient who never had any."""
_FRONT_GAS_LIMIT = 400_000
_CLAIM_GAS_LIMIT = 600_000
_APPROVE_GAS = 120_000


@dataclass(frozen=True)
class _Choice:
    """An offer that is paid, and what it takes."""

    offer: Offer
    decision: Decision


@dataclass(frozen=True)
class _Counted(Desk):
    """A desk that keeps account of fronts and claims."""

    result: Worked
    choices: Mapping[str, _Choice] = field(default_factory=dict)
    claims: Mapping[str, Fronted] = field(default_factory=dict)

    def count(self, step: Step, receipt: Receipt) -> None:
        transaction = receipt["transactionHash"]
        if step.kind is Kind.FRONT_CLAIM:
            self.result.claims.append(Claimed(self.claims[step.item], transaction))
            return
        choice = self.choices[step.item]
        # By the block's own time, the ramp may have come further than when it was decided.
        (paid,) = (
            event.paid
            for event in bridge.TRANSFER_FRONTED.found_in(receipt["logs"], self.address)
            if event.key == choice.offer.front.key
        )
        kept = choice.offer.front.amount - paid
        gas = receipt["gasUsed"]
        self.result.fronts.append(Paid(choice.offer, paid, kept, gas, transaction))


@dataclass
class Counter:
    """One account on one chain. `starts`: the chains that offers come from, by chain id."""

    end: End
    sender: Sender
    policy: Policy
    memory: Memory
    capital: Capital
    starts: Mapping[int, Start]

    @property
    def connection(self) -> Connection:
        return self.end.connection

    def work(self, offers: Sequence[Offer], fresh: frozenset[bytes], out: Sequence[Fronted]) -> Worked:
        """Fronts what pays, claims what is due. fresh: ids of offers that their start has just shown.

        Whatever goes wrong with one of them is a line in the result, and stops no other.
        """
        worked = Worked(self.connection.name)
        with guard(self.connection.name, worked.problems.append):
            if offers:
                self._front(offers, fresh, worked)
        with guard(self.connection.name, worked.problems.append):
            if out:
                self._claim(out, worked)
        return worked

    # Fronts

    def look(self, offer: Offer) -> Decision:
        """What would become of an offer now, whatever failed before. MetalayerError if it cannot be read."""

        def fail(_: TokenId, line: str) -> None:
            raise MetalayerError(line)

        purses = self.end.purses([offer.token], fail)
        standing = self.end.standings([offer], purses)[offer.id]
        gas_wei = FRONT_GAS * Means.read(self.connection, self.sender.address).bid.most
        purse = purses.get(offer.token)
        decision = self._decide(offer, standing, purse, gas_wei)
        if decision.choice is not Choice.FRONT:
            return decision
        return self._decide(offer, self.end.whole(offer, standing), purse, gas_wei)

    def _front(self, offers: Sequence[Offer], fresh: frozenset[bytes], worked: Worked) -> None:
        connection, account = self.connection, self.sender.address
        waiting = self.memory.waiting(Kind.FRONT, connection.chain_id)
        due = [offer for offer in offers if to_hex(offer.id) not in waiting]
        tokens = list(dict.fromkeys(offer.token for offer in due))
        lines: dict[TokenId, str] = {}
        purses = self.end.purses(tokens, lines.__setitem__)
        worked.problems += lines.values()
        due = [offer for offer in due if offer.token not in lines]
        standings = self.end.standings(due, purses)
        # What is not there is not on its way any more: an earlier transaction was mined, or will not be.
        self.capital.release(offer.front.key for offer in due if standings[offer.id].solver == bridge.NOBODY)
        gas_wei = FRONT_GAS * Means.read(connection, account).bid.most
        choices: list[_Choice] = []
        # Where capital is short, what brings most comes first.
        for offer in sorted(due, key=lambda one: -one.payload.tip):
            with guard(f"transfer {short(offer.id)}", worked.put_off.append):
                standing, purse = standings[offer.id], purses.get(offer.token)
                decision = self._decide(offer, standing, purse, gas_wei)
                if decision.choice is Choice.FRONT:
                    whole = self.end.whole(offer, standing)
                    # The same capital must not be promised on two chains.
                    with self.capital.alone():
                        decision = self._decide(offer, whole, purse, gas_wei)
                        if decision.choice is Choice.FRONT:
                            self.capital.promise(offer.front.key, offer, decision.paid)
                if decision.choice is Choice.FRONT:
                    choices.append(_Choice(offer, decision))
                else:
                    worked.decisions.append((offer, decision))
        self._pay(choices, fresh, purses, worked)

    def _decide(self, offer: Offer, standing: Standing, purse: Purse | None, gas_wei: int) -> Decision:
        terms = self.policy.terms(offer.token)
        if purse is None or terms is None:
            return decide(offer, standing, self.policy, gas_wei, 0)
        free = purse.balance - self.capital.promised_on(offer.token, self.connection.chain_id)
        bound = self.capital.free(offer, terms, purse.decimals)
        if standing.room is not None:
            room = standing.room - self.capital.coming(offer.token, offer.start, standing.ahead)
            standing = replace(standing, room=room)
        return decide(offer, standing, self.policy, gas_wei, free if bound is None else min(free, bound))

    def _pay(
        self,
        choices: Sequence[_Choice],
        fresh: frozenset[bytes],
        purses: Mapping[TokenId, Purse],
        worked: Worked,
    ) -> None:
        ready = self._standing(choices, fresh, worked)
        for token in dict.fromkeys(one.offer.token for one in ready):
            some = [one for one in ready if one.offer.token == token]
            allowed = False
            with guard(self.connection.name, worked.problems.append):
                self._allow(purses[token], sum(one.decision.paid for one in some), worked)
                allowed = True
            if not allowed:
                ready = [one for one in ready if one.offer.token != token]
        if ready:
            by_item = {to_hex(one.offer.id): one for one in ready}
            desk = _Counted(self.connection, self.end.address, self.sender, self.memory, worked, by_item)
            desk.send([self._step(one) for one in ready])
        # Not if that ended otherwise: what was sent may still be mined.
        done = {paid.offer.front.key for paid in worked.fronts}
        self.capital.release(one.offer.front.key for one in choices if one.offer.front.key not in done)

    def _step(self, choice: _Choice) -> Step:
        data = bridge.FRONT.encode(choice.offer.front, self.sender.address)
        offer = choice.offer
        return Step(
            Kind.FRONT, to_hex(offer.id), offer.start, data, _FRONT_GAS_LIMIT, f"fronting {_of(offer)}"
        )

    def _standing(self, choices: Sequence[_Choice], fresh: frozenset[bytes], worked: Worked) -> list[_Choice]:
        """Those that are still where they start, if that was not just looked at."""
        kept = [one for one in choices if one.offer.id in fresh]
        old: dict[int, list[_Choice]] = {}
        for one in choices:
            if one.offer.id not in fresh:
                old.setdefault(one.offer.start, []).append(one)
        for chain_id, some in old.items():
            start = self.starts[chain_id]
            with guard(start.connection.name, worked.problems.append):
                offers = [one.offer for one in some]
                still = self.end.loops.elsewhere(
                    self.connection, start.connection, partial(start.standing, offers)
                )
                for one in some:
                    if one.offer.id in still:
                        kept.append(one)
                    else:
                        gone = Decision(Choice.NEVER, "its start does not show it any more")
                        worked.decisions.append((one.offer, gone))
        return kept

    def _allow(self, purse: Purse, amount: int, worked: Worked) -> None:
        """Lets the bridge take what the account has, if it may not take so much: what moves is what is fronted."""
        if purse.allowance >= amount:
            return
        connection, account = self.connection, self.sender.address
        most = APPROVE.encode(self.end.address, max(amount, purse.balance))
        calls = [most]
        try:
            connection.estimate(account, purse.local, most)
        except Reverted:
            # Some tokens change an allowance only to zero and from zero.
            calls = [APPROVE.encode(self.end.address, 0), most]
        receipts = connection.send_many(
            self.sender, [Transaction(purse.local, call, _APPROVE_GAS) for call in calls]
        )
        means = Means.read(connection, account)
        for receipt in receipts:
            gas, wei = means.wei(receipt, _APPROVE_GAS)
            worked.gas_used, worked.wei = worked.gas_used + gas, worked.wei + wei

    # Claims

    def _claim(self, out: Sequence[Fronted], worked: Worked) -> None:
        connection = self.connection
        now = connection.block().time
        unclaimed = [one for one in out if not one.claimed]
        here, fail = (connection, self.end.loops), worked.problems.append
        hurried = left_behind(self.end.mesh, self.end.address, here, unclaimed, fail)
        due = [one for one in unclaimed if self._is_due(one, now, hurried)]
        if not due:
            return
        steps, claims = [], {}
        for one in due:
            with guard(connection.name, worked.problems.append):
                fee = connection.view(self.end.address, bridge.QUOTE_CLAIM, one.front.start)
                from_balance = self._pays_from_balance(fee, worked)
                item = to_hex(one.front.key)
                claims[item] = one
                data = bridge.CLAIM.encode(one.front, from_balance)
                what = f"claiming transfer {short(one.front.id)}"
                steps.append(Step(Kind.FRONT_CLAIM, item, one.front.start, data, _CLAIM_GAS_LIMIT, what))
        if steps:
            _Counted(connection, self.end.address, self.sender, self.memory, worked, claims=claims).send(
                steps
            )

    def _is_due(self, one: Fronted, now: int, hurried: set[bytes]) -> bool:
        """Whether a front has to be claimed, or claimed again because its claim is lost."""
        if now < one.front.deadline - self.policy.claim_before and one.front.key not in hurried:
            return False
        if not one.claims:
            return True
        sent = self.connection.block(one.claims[-1][1]).time
        return now >= sent + self.policy.claim_before // 4

    def _pays_from_balance(self, fee: int, worked: Worked) -> bool:
        """Whether a claim is paid from ERA of the account instead of its credit. MetalayerError if it has neither."""
        connection, account = self.connection, self.sender.address
        token = connection.view(self.end.address, bridge.ERA)
        credit, allowed, held = connection.batch(
            [
                gateway.CREDIT.request(self.end.mesh.gateway, account),
                gateway.ALLOWANCE.request(self.end.mesh.gateway, account, self.end.address),
                BALANCE_OF.request(token, account),
            ]
        )
        if credit >= fee and allowed >= fee:
            return False
        if held < fee:
            raise MetalayerError(
                f"{account} has {era(held)} ERA on {connection.name}, a claim costs {era(fee)}: bring some there"
            )
        if connection.chain_id == self.end.mesh.network_id:
            home = TokenId(connection.chain_id, token)
            purse = self.end.purses([home], lambda _, line: worked.problems.append(line))[home]
            self._allow(purse, fee, worked)
        return True


def _of(offer: Offer) -> str:
    return f"transfer {short(offer.id)}"
