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
    OWNER,
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
    """An account, a contract with its own or another's credit, and the owner, who sends free on the hub."""

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
        who=st.sampled_from(["account", "account", "contract", "contract for payer", "owner"]),
        scripted=st.sampled_from([True, True, True, False]),
        gas=st.sampled_from([ENOUGH_GAS, LAVISH_GAS, None, TOO_LITTLE_GAS]),
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
        within: int | None = None,
        payload: bytes = b"",
        count: int = 1,
    ) -> None:
        g, (origin, destination) = self.gateways, lane
        recipient = g.places[destination].recipient if scripted else NOBODY
        contract = g.places[origin].contract
        sender = {"account": SENDER, "owner": OWNER}.get(who, contract)
        payer = PAYER if who == "contract for payer" else sender
        for _ in range(count):
            deadline = None if within is None else self.next(origin) + within
            to = interoperable(g.id_of(destination), recipient)
            data = gateway.send_call(to, payload, gas, deadline, payer if payer != sender else None)
            limit = gas or self.sides[origin].routes[destination].default_gas_limit
            fee, total = self._price(lane, limit, len(payload))
            if who == "owner" and g.id_of(origin) == g.network_id:
                fee, total = Fee(0, 0, 0), 0
            error = self._unaffordable(origin, payer, sender, total)

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
        outbox.protocol_fees += total // GWEI - fee.relay - fee.back
        before = self.next(lane[0]) + _DEFAULT_TIME if deadline is None else deadline
        logs = outbox.append(sender, recipient, limit, before, fee, payload)
        self.highest[lane] = max(self.highest[lane], outbox.nonce)
        return logs

    def _price(self, lane: Lane, gas: int, length: int) -> tuple[Fee, int]:
        """Parts in gwei, and what the sender pays in wei (M15)."""
        route = self.sides[lane[0]].routes[lane[1]]
        fee = Fee(route.base_fee, route.relay_part(gas, length), route.return_fee)
        return fee, route.quote(gas, length)

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

    @rule(lane=LANE, who=st.sampled_from([OWNER, ATTACKER]))
    def sweep(self, lane: Lane, who: str) -> None:
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
