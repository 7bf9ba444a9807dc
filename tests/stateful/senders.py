"""Who sends, and the money it takes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Fee, interoperable
from tests.kit.gateways import (
    ATTACKER,
    EXECUTE,
    NOBODY,
    PAYER,
    RELAYER,
    RIVAL,
    SENDER,
    TRANSFER,
    encode_send_as,
)
from tests.stateful.ghost import Log
from tests.stateful.machine import CHAIN, DAY, HOUR, LANE, PICK, Lane, Machine, pick

LAVISH_GAS, ENOUGH_GAS, TOO_LITTLE_GAS = 900_000, 300_000, 20_000
_DEFAULT_TIME = 14 * DAY


class Senders(Machine):
    """An account, and a contract with its own or another's credit."""

    @initialize(
        first=LANE,
        second=LANE,
        who=st.sampled_from(["account", "contract"]),
        within=st.sampled_from([None, HOUR]),
    )
    def begin(self, first: Lane, second: Lane, who: str, within: int | None) -> None:
        """No example without messages."""
        self.send(first, who, within=within, count=2)
        self.send(second, who, within=within, gas=TOO_LITTLE_GAS)
        self.send(second, gas=LAVISH_GAS)

    @rule(
        lane=LANE,
        who=st.sampled_from(["account", "contract", "contract for payer"]),
        scripted=st.sampled_from([True, True, True, False]),
        gas=st.sampled_from([ENOUGH_GAS, LAVISH_GAS, None, TOO_LITTLE_GAS]),
        return_gas=st.sampled_from([None, LAVISH_GAS, TOO_LITTLE_GAS, 0]),
        bound=st.sampled_from([None, None, 0, -1]),
        within=st.sampled_from([None, HOUR, 2 * HOUR, DAY]),
        payload=st.binary(max_size=31),
        count=st.integers(1, 3),
    )
    def send(
        self,
        lane: Lane,
        who: str = "account",
        scripted: bool = True,
        gas: int | None = ENOUGH_GAS,
        return_gas: int | None = None,
        bound: int | None = None,
        within: int | None = None,
        payload: bytes = b"",
        count: int = 1,
    ) -> None:
        """`bound`: by how much the most that the message may cost differs from what it costs."""
        g, (origin, destination) = self.gateways, lane
        recipient = g.places[destination].recipient if scripted else NOBODY
        contract = g.places[origin].contract
        sender = SENDER if who == "account" else contract
        payer = PAYER if who == "contract for payer" else sender
        for _ in range(count):
            deadline = None if within is None else self.next(origin) + within
            to = interoperable(g.id_of(destination), recipient)
            terms = self.sides[origin].routes[destination].terms
            limit = gas or terms.default_gas_limit
            return_limit = terms.default_return_gas_limit if return_gas is None else return_gas
            fee = terms.fee(limit, return_limit, len(payload))
            total = terms.quote(limit, return_limit, len(payload))
            most = None if bound is None else max(0, total + bound)
            foreign = payer if payer != sender else None
            data = gateway.send_call(to, payload, gas, deadline, foreign, return_gas, most)
            error = self._unaffordable(origin, payer, sender, total)
            if most is not None and most < total:
                error = "FeeTooHigh"
            if not self.sides[origin].routes[destination].outbound:
                error = "RouteClosed"

            def effect(
                limit: int = limit, deadline: int | None = deadline, fee: Fee = fee, total: int = total
            ) -> list[Log]:
                return self._sent(lane, sender, payer, recipient, limit, deadline, fee, total, payload)

            via = contract if sender == contract else None
            call = encode_send_as(g.gateway, data) if via else data
            done = self.perform(origin, SENDER if via else sender, call, error, effect, via)
            self.reach(f"sent by {who}" if done else error or "")

    def _sent(
        self,
        lane: Lane,
        sender: str,
        payer: str,
        recipient: str,
        limit: int,
        deadline: int | None,
        fee: Fee,
        total: int,
        payload: bytes,
    ) -> list[Log]:
        side, outbox = self.sides[lane[0]], self.out(lane)
        side.credit[payer] -= total
        if payer != sender:
            side.allowance -= total
        outbox.protocol_fees += total // GWEI - fee.total
        before = self.next(lane[0]) + _DEFAULT_TIME if deadline is None else deadline
        logs = outbox.append(sender, recipient, limit, before, fee, payload)
        self.highest[lane] = max(self.highest[lane], outbox.nonce)
        return logs

    def _unaffordable(self, origin: str, payer: str, sender: str, total: int) -> str | None:
        side = self.sides[origin]
        if side.credit[payer] < total:
            return "InsufficientCredit"
        if payer != sender and side.allowance < total:
            return "InsufficientAllowance"
        return None

    @rule(
        name=CHAIN,
        to=PICK,
        payer=st.sampled_from([SENDER, PAYER]),
        amount=st.sampled_from([1, 10**15 + 1, 10**17]),
    )
    def deposit(self, name: str, to: int, payer: str = SENDER, amount: int = 10**17) -> None:
        side = self.sides[name]
        account = pick([SENDER, PAYER, self.gateways.places[name].contract, RELAYER, ATTACKER], to)

        def effect() -> list[Log]:
            side.credit[account] += amount
            side.era += amount
            return []

        self.perform(name, payer, gateway.DEPOSIT_FOR.encode(account, amount), None, effect)
        self.reach("deposit")

    @rule(name=CHAIN, number=PICK, share=st.sampled_from([0, 1, 2, 3, 4]))
    def withdraw(self, name: str, number: int, share: int) -> None:
        """Quarters of the credit; the fourth and 1 wei more is too much."""
        side, contract = self.sides[name], self.gateways.places[name].contract
        account = pick([SENDER, PAYER, contract, RELAYER, RIVAL, ATTACKER], number)
        amount = side.credit[account] * share // 4 if share < 4 else side.credit[account] + 1

        def effect() -> list[Log]:
            side.credit[account] -= amount
            side.era -= amount
            return []

        data = gateway.WITHDRAW.encode(SENDER, amount)
        if account != contract:
            error = "InsufficientCredit" if share == 4 else None
            self.perform(name, account, data, error, effect)
        elif share < 4:
            call = EXECUTE.encode(self.gateways.gateway, data)
            self.perform(name, ATTACKER, call, None, effect, contract)
        self.reach("withdrawal")

    @rule(name=CHAIN, amount=st.sampled_from([0, 10**16, 10**17, 10**18]))
    def allow(self, name: str, amount: int) -> None:
        side, contract = self.sides[name], self.gateways.places[name].contract

        def effect() -> list[Log]:
            side.allowance = amount
            return []

        self.perform(name, PAYER, gateway.SET_ALLOWANCE.encode(contract, amount), None, effect)

    @rule(lane=LANE, who=st.sampled_from([PAYER, ATTACKER]))
    def sweep(self, lane: Lane, who: str) -> None:
        """Whoever asks for it: what collects gets it."""
        side, outbox = self.sides[lane[0]], self.out(lane)

        def effect() -> list[Log]:
            side.era -= outbox.protocol_fees * GWEI
            outbox.protocol_fees = 0
            return []

        self.perform(lane[0], who, gateway.SWEEP.encode(self.gateways.id_of(lane[1])), None, effect)
        self.reach("sweep")

    @rule(name=CHAIN, amount=st.integers(1, 10**18))
    def donate(self, name: str, amount: int) -> None:
        """ERA sent to the gateway by a plain transfer is nobody's, and changes nothing (M22)."""
        side = self.sides[name]
        self.arrange(name, SENDER, self.gateways.era, TRANSFER.encode(self.gateways.gateway, amount))
        side.era += amount
        side.not_ours += amount
