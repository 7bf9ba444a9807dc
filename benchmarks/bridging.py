"""Gas of the bridge for any token, measured on chains of their own: whole transactions, as in `benchmarks.gas`.

The token is wrapped ether, a plain ERC-20 without votes, at home on the hub. Recipients hold some already; half of what
arrives goes back, so that no balance is ever emptied. The first transfer, which creates the representation, is measured
once for each of several tokens.
"""

import math
from collections.abc import Mapping
from functools import partial

from benchmarks.carrier import Carrier
from benchmarks.meter import RUNS, Meter, Report, gas_used
from metalayer.assets.tokens import APPROVE
from metalayer.deploy.artifacts import load_artifacts
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol import bridge, doors, gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import PLAIN, TIP_PARTS, Options, Payload

_DEPOSIT = Function("deposit()")
_ALL = 2**256 - 1
_AMOUNT = 10**18
_PLENTY = 10**24
_DAY = 86_400
_TIP = TIP_PARTS // 1_000
_EXPIRY = 3_700
"""Seconds that a transfer gets which shall expire."""
# Answers every call with the magic value of ITransferReceiver: PUSH4, shift, MSTORE, RETURN.
_RECEIVER = "0x" + "78" * 20
_ON_RECEIVED = Function("onTransferReceived(bytes32,uint256,address,address,uint256,bytes)", "bytes4")
_RECEIVER_CODE = b"\x63" + _ON_RECEIVED.selector + bytes.fromhex("60e01b5f5260205ff3")


class BridgeBenchmark:
    """Measures on deployed chains that mine a block per transaction. `holder` has ERA on the hub."""

    def __init__(
        self,
        connections: Mapping[str, Connection],
        registry: Registry,
        holder: str,
        report: Report,
        runs: int = RUNS,
    ) -> None:
        self._at = registry.address
        self._registry = registry
        self._holder = holder
        self._runs = runs
        self._meters = {
            connection.chain.chain_id: Meter(connection, report, holder, runs)
            for connection in connections.values()
        }
        # Messages that other benchmarks leave in the lane to the third chain are never delivered.
        self._hub, self._near, *_, self._far = self._meters.values()
        self._carrier = Carrier(self._meters, registry)
        self._owner = registry.address("Timelock")
        self._token = registry.address("WrappedEther")
        self._under_way: list[Sent] = []

    def run(self) -> dict[str, int]:
        """Gas by name. `_each` is per message of a batch, rounded up; `limited` with limits on both sides."""
        self._carrier.install_lasting_sets()
        self._fund()
        figures = self._first_transfers()
        figures |= self._one_hop("")
        for size in (10,):
            figures |= self._near.medians(f"mint_{size}_each", partial(self._mint_many, size))
        figures |= self._near.medians("two hops", self._two_hops)
        figures |= self._near.medians("fronting", self._fronted)
        figures |= self._near.medians("unfronted tip", self._unfronted)
        figures |= self._near.medians("a call", self._called)
        figures |= self._near.medians("fee from the balance", self._from_balance)
        figures |= self._hub.medians("ether", self._ether)
        figures |= self._hub.medians("refund", self._refund)
        self._limit(2**100)
        figures |= self._one_hop("_limited")
        figures |= self._near.medians("waiting", self._waiting)
        return dict(sorted(figures.items()))

    # What is there before

    def _fund(self) -> None:
        # Other benchmarks put clocks forward, each of its own chain.
        latest = max(meter.now for meter in self._meters.values())
        for meter in (self._hub, self._near, self._far):
            meter.reach(latest + 1)
        for meter in (self._hub, self._near, self._far):
            meter.connection.rpc("anvil_setBalance", self._holder, hex(10**27))
            meter.connection.rpc("anvil_setBalance", self._owner, hex(10**27))
            meter.connection.rpc("anvil_impersonateAccount", self._owner)
            meter.connection.rpc("anvil_setCode", _RECEIVER, "0x" + _RECEIVER_CODE.hex())
        self._hub.transact(self._token, _DEPOSIT.encode(), value=_PLENTY)
        for token in (self._token, self._at("ERA")):
            self._hub.transact(token, APPROVE.encode(self._at("TokenBridge"), _ALL))
        self._credit(self._hub)
        for meter in (self._near, self._far):
            self._send(self._hub, self._at("ERA"), meter, 10 * _PLENTY)
            self._deliver()
            self._credit(meter)
        for meter in (self._near, self._far):
            self._send(self._hub, self._token, meter, _PLENTY // 10)
            self._deliver()
        for meter in (self._hub, self._near, self._far):
            for token in (self._local(meter), self._at("ERA")):
                for spender in ("TokenBridge", "EtherDoor"):
                    meter.transact(token, APPROVE.encode(self._at(spender), _ALL))

    def _credit(self, meter: Meter) -> None:
        meter.transact(self._at("ERA"), APPROVE.encode(self._at("Metalayer"), _ALL))
        meter.transact(self._at("Metalayer"), gateway.DEPOSIT_FOR.encode(self._holder, _PLENTY))
        meter.transact(self._at("Metalayer"), gateway.SET_ALLOWANCE.encode(self._at("TokenBridge"), _ALL))

    def _limit(self, capacity: int) -> None:
        """Sets limits between hub and near rollup, on both sides."""
        for here, there in ((self._hub, self._near), (self._near, self._hub)):
            data = bridge.SET_LIMITS.encode(self._local(here), self._id(there), capacity, capacity, _DAY)
            here.transact(self._at("TokenBridge"), data, sender=self._owner)

    # What is measured

    def _first_transfers(self) -> dict[str, int]:
        """Of a token that the other chain does not know: with its description."""
        code = load_artifacts(["WrappedEther"])["WrappedEther"].creation

        def once() -> dict[str, int]:
            token = self._hub.deploy(code)
            self._hub.transact(token, _DEPOSIT.encode(), value=_PLENTY)
            self._hub.transact(token, APPROVE.encode(self._at("TokenBridge"), _ALL))
            sent = self._send(self._hub, token, self._near, _AMOUNT)
            return {"lock_send_first": sent, "describe_and_mint": self._deliver()}

        return self._hub.medians("first transfers", once)

    def _one_hop(self, suffix: str) -> dict[str, int]:
        def once() -> dict[str, int]:
            locked = self._send(self._hub, self._token, self._near, _AMOUNT)
            minted = self._deliver()
            burned = self._send(self._near, self._local(self._near), self._hub, _AMOUNT // 2)
            released = self._deliver()
            return {
                f"lock_send{suffix}": locked,
                f"mint_1{suffix}": minted,
                f"burn_send{suffix}": burned,
                f"release{suffix}": released,
            }

        return self._hub.medians(f"one hop{suffix.replace('_', ', ')}", once)

    def _mint_many(self, count: int) -> dict[str, int]:
        for _ in range(count):
            self._send(self._hub, self._token, self._near, _AMOUNT)
        return {f"mint_{count}_each": math.ceil(self._deliver() / count)}

    def _two_hops(self) -> dict[str, int]:
        fee = self._hub.connection.view(
            self._at("TokenBridge"), bridge.QUOTE_FORWARD, self._token, self._id(self._far), 0, 0
        )
        options = Options(fee=fee // GWEI)
        burned = self._send(self._near, self._local(self._near), self._far, _AMOUNT, options)
        forwarded = self._deliver()
        return {
            "burn_send_two_hops": burned,
            "forward": forwarded,
            "mint_second_hop": self._deliver(),
        }

    def _fronted(self) -> dict[str, int]:
        self._send(
            self._hub, self._token, self._near, _AMOUNT, Options(tip=_TIP), to=self._near.account("payee")
        )
        message = self._under_way[0].message
        front = Payload.read(message.payload).front(message.id, message.origin, self._id(self._hub))
        self._near.reach(max(self._near.now, self._hub.now) + 1)
        data = bridge.FRONT.encode(front, self._holder)
        fronted = self._near.transact(self._at("TokenBridge"), data)
        return {"front": gas_used(fronted), "mint_fronted": self._deliver()}

    def _unfronted(self) -> dict[str, int]:
        sent = self._send(self._hub, self._token, self._near, _AMOUNT, Options(tip=_TIP))
        return {"lock_send_tip": sent, "mint_tip": self._deliver()}

    def _called(self) -> dict[str, int]:
        options = Options(extra_gas=50_000, data=bytes(range(64)))
        sent = self._send(self._hub, self._token, self._near, _AMOUNT, options, to=_RECEIVER)
        return {"lock_send_call_64": sent, "mint_call_64": self._deliver()}

    def _from_balance(self) -> dict[str, int]:
        options = Options(from_balance=True)
        locked = self._send(self._hub, self._token, self._near, _AMOUNT, options)
        self._deliver()
        burned = self._send(self._near, self._local(self._near), self._hub, _AMOUNT // 2, options)
        self._deliver()
        return {"lock_send_from_balance": locked, "burn_send_from_balance": burned}

    def _ether(self) -> dict[str, int]:
        """Ether in on the hub, and out of it again, through the door."""
        door = self._at("EtherDoor")
        data = doors.SEND.encode(self._id(self._near), self._holder, PLAIN)
        receipt = self._hub.transact(door, data, value=_AMOUNT)
        self._under_way += self._carrier.sent(receipt, self._id(self._hub))
        self._deliver()
        payee = bytes(12) + bytes.fromhex(self._holder[2:])
        extra = self._hub.connection.view(door, doors.EXTRA_GAS)
        options = Options(extra_gas=extra, data=payee)
        self._send(self._near, self._local(self._near), self._hub, _AMOUNT // 2, options, to=door)
        return {"ether_in": gas_used(receipt), "ether_out": self._deliver()}

    def _refund(self) -> dict[str, int]:
        """Of a locked transfer that expired before its first attempt."""
        now = max(meter.now for meter in (self._hub, self._near))
        self._hub.connection.rpc("evm_setNextBlockTimestamp", hex(now + 1))
        self._send(self._hub, self._token, self._near, _AMOUNT, Options(deadline=now + _EXPIRY))
        (sent,) = self._under_way
        self._near.reach(now + _EXPIRY + 1)
        self._deliver()
        returned = self._near.transact(self._at("Metalayer"), gateway.return_call(sent.message))
        self._under_way += self._carrier.sent(returned, self._id(self._near))
        self._deliver()
        refund = gateway.REFUND.encode(sent.message, self._carrier.walk(sent))
        refunded = self._hub.transact(self._at("Metalayer"), refund)
        return {"refund_locked": gas_used(refunded)}

    def _waiting(self) -> dict[str, int]:
        """Above what may arrive at once: the first attempt, and the retry after the waiting time."""
        # The last time, the clock there was put forward by a day.
        self._hub.reach(max(self._hub.now, self._near.now) + 1)
        self._limit_in(_AMOUNT - 1)
        self._send(self._hub, self._token, self._near, _AMOUNT)
        (sent,) = self._under_way
        first = self._deliver()
        self._near.wait(_DAY)
        retried = self._near.transact(self._at("Metalayer"), gateway.retry_call(sent.message))
        return {"mint_over_limit": first, "retry_after_waiting": gas_used(retried)}

    def _limit_in(self, capacity: int) -> None:
        data = bridge.SET_LIMITS.encode(self._local(self._near), self._id(self._hub), 2**100, capacity, _DAY)
        self._near.transact(self._at("TokenBridge"), data, sender=self._owner)

    # The means

    def _local(self, meter: Meter) -> str:
        """The token there."""
        if meter is self._hub:
            return self._token
        return meter.connection.view(
            self._at("TokenBridge"), bridge.LOCAL_OF, self._id(self._hub), self._token
        )

    def _send(
        self,
        origin: Meter,
        token: str,
        destination: Meter,
        amount: int,
        options: Options = PLAIN,
        to: str = "",
    ) -> int:
        arguments = (token, self._id(destination), to or self._holder, amount)
        data = bridge.send_call(*arguments, options)
        receipt = origin.transact(self._at("TokenBridge"), data)
        self._under_way += self._carrier.sent(receipt, self._id(origin))
        return gas_used(receipt)

    def _deliver(self) -> int:
        """Delivers all that is under way, and keeps what that sends on."""
        gas, following = self._carrier.carry(self._under_way)
        self._under_way += following
        return gas

    @staticmethod
    def _id(meter: Meter) -> int:
        return meter.connection.chain.chain_id
