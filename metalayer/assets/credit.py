"""Prepaid ERA, from which messages are paid and to which relayers are: what is there, what one costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metalayer.assets.tokens import APPROVE, BALANCE_OF, balance, refuse_lost
from metalayer.errors import MetalayerError
from metalayer.lanes.neighbours import neighbours
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol import gateway
from metalayer.protocol.abi import Event
from metalayer.protocol.amounts import GWEI, era

DEPOSITED = Event("Deposited(address indexed,address indexed,uint256)")

# What depends on a transaction before it cannot be estimated: about twice what each uses when all that it
# writes is new, vote checkpoints among it.
_APPROVE_GAS = 100_000
_DEPOSIT_GAS = 300_000
_ALLOW_GAS = 100_000


@dataclass(frozen=True)
class Payment:
    """What a message takes from its payer's credit, and what the payer has on that chain. Wei of ERA.

    `allowance`: what the contract that sends it may spend of the credit; None if the payer sends it. `held`: what
    the payer has outside the credit.
    """

    chain: str
    payer: str
    fee: int
    credit: int
    allowance: int | None
    held: int

    @property
    def missing(self) -> int:
        """What must be deposited first."""
        return max(0, self.fee - self.credit)

    @property
    def needs_allowance(self) -> bool:
        return self.allowance is not None and self.allowance < self.fee

    def refuse_missing(self) -> None:
        """MetalayerError, one line with what is there, what is needed and what to do, if the credit is too small."""
        if self.missing:
            raise MetalayerError(
                f"{self.payer} has {era(self.credit)} ERA of credit on {self.chain}, the message needs "
                f"{era(self.fee)}: `ape metalayer credit deposit {self.chain} {_typed(self.missing)} "
                f"--account {self.payer}`"
            )

    def refuse_too_poor(self, besides: int = 0) -> None:
        """MetalayerError if the payer does not hold what is missing, and `besides` (wei) for something else."""
        needed = self.missing + besides
        if self.held < needed:
            parts = (
                f" ({era(besides)} and {era(self.missing)} for the fee)" if besides and self.missing else ""
            )
            why = (
                ""
                if besides
                else f" for the fee of {era(self.fee)}: `ape metalayer transfer ERA` brings some there"
            )
            raise MetalayerError(
                f"{self.payer} has {era(self.held)} ERA on {self.chain}, not {era(needed)}{parts}{why}"
            )


@dataclass(frozen=True)
class LaneEarnings:
    """What a relayer ever earned on the lane to `destination`, claimed there, and was paid here. Wei of ERA."""

    destination: str
    earned: int
    claimed: int
    paid: int


@dataclass(frozen=True)
class ChainCredit:
    """One account on one chain, in wei of ERA: outside the credit, in it, what the bridge may spend of it, and what it
    earned as a relayer of messages sent from this chain, which pays it.
    """

    held: int
    credit: int
    bridge_allowance: int
    earnings: list[LaneEarnings]

    @property
    def unclaimed(self) -> int:
        return sum(lane.earned - lane.claimed for lane in self.earnings)

    @property
    def under_way(self) -> int:
        """Claimed, and not paid yet."""
        return sum(max(0, lane.claimed - lane.paid) for lane in self.earnings)

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei as strings."""
        return {
            "held": str(self.held),
            "credit": str(self.credit),
            "bridge_allowance": str(self.bridge_allowance),
            "unclaimed": str(self.unclaimed),
            "under_way": str(self.under_way),
            "earnings": {
                lane.destination: {
                    name: str(wei) for name, wei in asdict(lane).items() if name != "destination"
                }
                for lane in self.earnings
                if lane.earned
            },
        }


def quote(
    connection: Connection,
    address: str,
    destination: int,
    gas_limit: int | None,
    payload_length: int,
    return_gas_limit: int | None = 0,
) -> int:
    """Fee of a message in wei of ERA; None takes the route's gas limits. Raises Reverted if it would not be sent.

    return_gas_limit: gas for the sender, should the message come back: zero for one without code.
    """
    if gas_limit is None or return_gas_limit is None:
        terms = connection.view(address, gateway.ROUTE, destination).terms
        gas_limit = terms.default_gas_limit if gas_limit is None else gas_limit
        return_gas_limit = terms.default_return_gas_limit if return_gas_limit is None else return_gas_limit
    return connection.view(address, gateway.QUOTE, destination, gas_limit, return_gas_limit, payload_length)


def payment(
    connection: Connection, registry: Registry, payer: str, fee: int, spender: str | None = None
) -> Payment:
    """What a message of that fee (wei) takes from a payer, and what it has. spender: the contract that sends it."""
    address, token = registry.address("Metalayer"), registry.address("ERA")
    held, credit, allowance = connection.batch(
        [
            BALANCE_OF.request(token, payer),
            gateway.CREDIT.request(address, payer),
            gateway.ALLOWANCE.request(address, payer, spender or payer),
        ]
    )
    return Payment(
        chain=connection.name,
        payer=payer,
        fee=fee,
        credit=credit,
        allowance=None if spender is None else allowance,
        held=held,
    )


def preparation(registry: Registry, due: Payment, spender: str | None = None) -> list[Transaction]:
    """What the payer must send before the message: deposits what is missing, and allows `spender` exactly the fee."""
    transactions = []
    if due.missing:
        transactions += _deposit(registry, due.payer, due.missing)
    if spender is not None and due.needs_allowance:
        data = gateway.SET_ALLOWANCE.encode(spender, due.fee)
        transactions.append(Transaction(registry.address("Metalayer"), data, _ALLOW_GAS))
    return transactions


def deposit(connection: Connection, registry: Registry, sender: Sender, account: str, amount: int) -> Receipt:
    """Moves ERA (wei) of the sender into the credit of an account, approval included.

    MetalayerError if the sender has less, or if the credit would be lost.
    """
    refuse_lost(registry, account)
    held = balance(connection, registry, sender.address)
    if held < amount:
        raise MetalayerError(f"{sender.address} has {era(held)} ERA on {connection.name}, not {era(amount)}")
    return connection.send_many(sender, _deposit(registry, account, amount))[-1]


def withdraw(connection: Connection, registry: Registry, sender: Sender, to: str, amount: int) -> Receipt:
    """Pays ERA (wei) out of the sender's credit. MetalayerError if it holds less, or if the ERA would be lost."""
    refuse_lost(registry, to)
    address = registry.address("Metalayer")
    credit = connection.view(address, gateway.CREDIT, sender.address)
    if credit < amount:
        raise MetalayerError(
            f"{sender.address} has {era(credit)} ERA of credit on {connection.name}, not {era(amount)}"
        )
    return connection.send(sender, address, gateway.WITHDRAW.encode(to, amount))


def read(live: Live, account: str) -> dict[str, ChainCredit]:
    """An account on every chain."""
    address, token, bridge = (live.registry.address(name) for name in ("Metalayer", "ERA", "TokenBridge"))
    connections = live.mesh.connections
    ids = {name: connection.chain_id for name, connection in connections.items()}
    routes = dict(
        zip(
            connections,
            in_parallel(lambda one: neighbours(one, live.mesh), connections.values()),
            strict=True,
        )
    )

    def others(name: str) -> list[str]:
        return [other for other in connections if ids[other] in routes[name] or ids[name] in routes[other]]

    def read_chain(name: str) -> tuple[list[int], dict[str, gateway.Earnings], dict[str, int]]:
        lanes = [ids[other] for other in others(name)]
        held, credit, allowance, *rest = connections[name].batch(
            [
                BALANCE_OF.request(token, account),
                gateway.CREDIT.request(address, account),
                gateway.ALLOWANCE.request(address, account, bridge),
                *(gateway.EARNINGS.request(address, lane, account) for lane in lanes),
                *(gateway.PAID.request(address, lane, account) for lane in lanes),
            ]
        )
        earned = dict(zip(others(name), rest[: len(lanes)], strict=True))
        paid = dict(zip(others(name), rest[len(lanes) :], strict=True))
        return [held, credit, allowance], earned, paid

    found = dict(zip(connections, in_parallel(read_chain, connections), strict=True))
    result = {}
    for name, ((held, credit, allowance), _, paid) in found.items():
        earnings = []
        for other in others(name):
            # Earned where the messages arrive, paid where they come from.
            earned, claimed = found[other][1][name]
            earnings.append(LaneEarnings(other, earned * GWEI, claimed * GWEI, paid[other] * GWEI))
        result[name] = ChainCredit(held, credit, allowance, earnings)
    return result


def _deposit(registry: Registry, account: str, amount: int) -> list[Transaction]:
    address = registry.address("Metalayer")
    return [
        Transaction(registry.address("ERA"), APPROVE.encode(address, amount), _APPROVE_GAS),
        Transaction(address, gateway.DEPOSIT_FOR.encode(account, amount), _DEPOSIT_GAS),
    ]


def _typed(wei: int) -> str:
    return era(wei).replace(",", "")
