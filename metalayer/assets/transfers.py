"""A transfer of any token before it starts: what it takes, costs and meets on its way; and how it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from metalayer.assets import limits, permits
from metalayer.assets.journeys import started_in
from metalayer.assets.limits import End
from metalayer.assets.tokens import ALLOWANCE, APPROVE, BALANCE_OF, Token, refuse_lost
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.config import Chain
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol import bridge, doors, gateway
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.rpc import Request, quantity
from metalayer.protocol.transfers import MAX_AMOUNT, MAX_DATA_LENGTH, PLAIN, TIP_PARTS, Options

# An estimate runs at the latest block's time. If ERA moved in that block, a vote checkpoint is updated there, where the
# transaction itself will write a new one: 17,100 gas more, for the supply and for the sender's delegate.
_MARGIN = 60_000
_APPROVE_GAS = 100_000
_ALLOW_GAS = 100_000


@dataclass(frozen=True)
class Wish:
    """What somebody wants to send. `to` gets `amount`, in the token's smallest unit. `options.fee` and
    `options.from_balance` are `prepare`'s to fill.

    `fee_from`: where the fee of the first hop comes from, the sender's credit or its ERA; None: the credit if that is
    enough and the bridge may spend it. `ether_for`: who gets ether if `to` is the EtherDoor.
    """

    token: Token
    destination: Chain
    to: str
    amount: int
    options: Options = PLAIN
    fee_from: Literal["credit", "balance"] | None = None
    ether_for: str | None = None


class Allowance(NamedTuple):
    """What is taken of a token of the sender on the origin, and what may be taken of it already."""

    token: str
    takes: int
    allowed: int


@dataclass(frozen=True)
class Transfer:
    """A transfer that may start: checked against what its sender has. Fees are in wei of ERA.

    `home`: the chain that sends it on; None if it has one hop. `fee`: of the first hop, a description of the token
    included; `forward_fee`: of the second one. `door`: what wraps and sends ether; None for other tokens.
    `credit_allowed`: what the bridge may spend of the sender's credit. `ends`: of each hop in order, where it leaves
    and where it arrives.
    """

    origin: Chain
    wish: Wish
    home: Chain | None
    fee: int
    forward_fee: int
    door: str | None
    credit_allowed: int
    allowances: tuple[Allowance, ...]
    ends: tuple[End, ...]

    @property
    def token(self) -> Token:
        return self.wish.token

    @property
    def options(self) -> Options:
        return self.wish.options

    @property
    def taken(self) -> int:
        """Wei of ERA that the call takes altogether, from credit and balance."""
        return self.fee + self.options.fee * GWEI

    @property
    def to_pay(self) -> int:
        """Wei of ERA that somebody has to pay on the home, `prepare`d there: only the hub's hops can be prepaid."""
        return self.forward_fee if self.options.fee == 0 else 0

    @property
    def hops(self) -> list[tuple[Chain, Chain]]:
        """Where each hop leaves and where it arrives."""
        end = self.wish.destination
        return [(self.origin, self.home), (self.home, end)] if self.home else [(self.origin, end)]

    @property
    def seconds(self) -> float:
        """About how long it takes: until each hop is final, and a block where it arrives."""
        return sum(
            start.preset.finality_depth * start.preset.block_time + end.preset.block_time
            for start, end in self.hops
        )

    @property
    def delays(self) -> list[str]:
        """A sentence for everything that it would wait for."""
        return list(limits.delays(self.ends, self.token, self.wish.amount))

    def bounded(self) -> Transfer:
        """The same, taking no more in fees than is known now."""
        options = replace(self.options, max_fee=self.options.max_fee or self.taken)
        return replace(self, wish=replace(self.wish, options=options))


class _Held(NamedTuple):
    """What the sender has on the origin: of the token (ether by the door) and of ERA; what may be taken of either; its
    credit, and what the bridge may spend of that.
    """

    token: int
    era: int
    token_allowed: int
    era_allowed: int
    credit: int
    credit_allowed: int


def prepare(live: Live, origin: Connection, sender: str, wish: Wish) -> Transfer:
    """What a transfer takes, costs and meets. Sends nothing.

    MetalayerError if it would be lost, refused or held, if nobody can send it on, or if the sender has too little.
    """
    token, end = wish.token, live.connection(wish.destination.chain_id)
    home = _home(live, token)
    _refuse_nonsense(live, origin, wish)
    door = live.registry.address("EtherDoor") if token.is_ether and home == origin else None
    way = [origin, end] if home in (origin, end) else [origin, home, end]
    ends = tuple(limits.read(live, token, way))
    limits.refuse_closed(ends)
    held = _read_held(live, origin, sender, token, door)
    fee, forward_fee = _fees(live, way, wish)
    options = replace(
        wish.options,
        fee=-(-forward_fee // GWEI) if way[1].chain == live.network.hub else 0,
        from_balance=door is None and _from_balance(origin, sender, wish, fee, held),
    )
    transfer = Transfer(
        origin=origin.chain,
        wish=replace(wish, options=options),
        home=home.chain if len(way) > 2 else None,
        fee=fee,
        forward_fee=forward_fee,
        door=door,
        credit_allowed=held.credit_allowed,
        allowances=(),
        ends=ends,
    )
    # What has to be paid on another home is part of it: the node there could say anything.
    if options.max_fee and transfer.taken + transfer.to_pay > options.max_fee:
        raise MetalayerError(
            f"the fees are {era(transfer.taken + transfer.to_pay)} ERA: expected no more than {era(options.max_fee)}"
        )
    _refuse_too_poor(live, transfer, sender, held)
    limits.refuse_blocked(ends, token, wish.amount)
    return replace(transfer, allowances=tuple(_allowances(live, transfer, held)))


def send(live: Live, sender: Sender, transfer: Transfer, signer: Any = None) -> tuple[Sent, Receipt]:
    """Starts a transfer: in one transaction if nothing must be allowed, or if `signer`, the sender's key, is given and
    the tokens take permits. Otherwise approvals go first.

    The message of its first hop, and the receipt. MetalayerError if it is refused.
    """
    connection = live.connection(transfer.origin.name)
    address = transfer.door or live.registry.address("TokenBridge")
    before, signed = [], list[tuple[str, permits.Permit]]()
    if not transfer.options.from_balance and transfer.door is None and transfer.credit_allowed < transfer.fee:
        allow = gateway.SET_ALLOWANCE.encode(address, transfer.fee)
        before.append(Transaction(live.mesh.gateway, allow, _ALLOW_GAS))
    for one in transfer.allowances:
        permit = None if signer is None else permits.sign(connection, signer, one.token, one.takes, address)
        if permit is not None:
            signed.append((one.token, permit))
            continue
        if one.allowed:
            # Some tokens change an allowance to nothing, or from nothing, and refuse anything else.
            before.append(Transaction(one.token, APPROVE.encode(address, 0), _APPROVE_GAS))
        before.append(Transaction(one.token, APPROVE.encode(address, one.takes), _APPROVE_GAS))
    connection.send_many(sender, before)
    value = transfer.wish.amount if transfer.door else 0
    data = _call(transfer, signed)
    gas = connection.estimate(sender.address, address, data, value) + _MARGIN
    receipt = connection.send(sender, address, data, gas, value)
    return started_in(receipt, live.registry, connection.chain_id), receipt


def _call(transfer: Transfer, signed: Sequence[tuple[str, permits.Permit]]) -> bytes:
    wish, destination = transfer.wish, transfer.wish.destination.chain_id
    if transfer.door is not None:
        for _, permit in signed:
            return doors.SEND_WITH_PERMIT.encode(destination, wish.to, wish.options, permit)
        return doors.SEND.encode(destination, wish.to, wish.options)
    calls = [bridge.PERMIT.encode(token, *permit) for token, permit in signed]
    calls.append(bridge.send_call(wish.token.address, destination, wish.to, wish.amount, wish.options))
    return calls[0] if len(calls) == 1 else bridge.MULTICALL.encode(calls)


def _home(live: Live, token: Token) -> Connection:
    if token.home.chain_id not in live.mesh.by_id:
        raise MetalayerError(
            f"{token.symbol} {token.address} is from chain {token.home.chain_id}, which is not in this network"
        )
    return live.mesh.by_id[token.home.chain_id]


def _refuse_nonsense(live: Live, origin: Connection, wish: Wish) -> None:
    """What the bridge refuses whatever anybody has."""
    token, options = wish.token, wish.options
    if origin.chain == wish.destination:
        raise MetalayerError(f"{origin.name} is both ends: expected two chains")
    lost = [token.address] if token.home.chain_id != wish.destination.chain_id else [token.home.address]
    for account in (wish.to, options.return_to):
        if account is not None:
            refuse_lost(live.registry, account, *lost)
    if wish.to == live.registry.address("EtherDoor") and not options.data:
        raise MetalayerError(
            f"the recipient {wish.to} is the EtherDoor: what is sent there without a call is lost"
        )
    if token.is_ether and wish.fee_from == "credit" and token.home.chain_id == origin.chain_id:
        raise MetalayerError("the EtherDoor takes the fee from the balance: expected `--fee-from balance`")
    if wish.amount > MAX_AMOUNT:
        raise MetalayerError(
            f"{token.text(wish.amount)} are more than one transfer carries, {token.text(MAX_AMOUNT)}"
        )
    if options.tip > TIP_PARTS:
        raise MetalayerError("the tip is more than the whole amount")
    if options.tip and options.data:
        raise MetalayerError(
            "a transfer that calls its recipient cannot have a tip: nobody could pay ahead of it"
        )
    if len(options.data) > MAX_DATA_LENGTH:
        raise MetalayerError(f"the call has {len(options.data)} bytes: expected at most {MAX_DATA_LENGTH}")


def _read_held(live: Live, origin: Connection, sender: str, token: Token, door: str | None) -> _Held:
    registry, era_token, gateway_ = live.registry, live.registry.address("ERA"), live.mesh.gateway
    address = registry.address("TokenBridge")
    spender = door or address
    ether = quantity("eth_getBalance", sender, "latest", bits=256)
    held = BALANCE_OF.request(token.address, sender) if door is None else ether
    return _Held(
        *origin.batch(
            [
                held,
                BALANCE_OF.request(era_token, sender),
                ALLOWANCE.request(token.address, sender, spender),
                ALLOWANCE.request(era_token, sender, spender),
                gateway.CREDIT.request(gateway_, sender),
                gateway.ALLOWANCE.request(gateway_, sender, address),
            ]
        )
    )


def _fees(live: Live, way: Sequence[Connection], wish: Wish) -> tuple[int, int]:
    """Of the first hop and of the second one, in wei; zero if there is none."""
    address, token = live.registry.address("TokenBridge"), wish.token
    destination, size = wish.destination.chain_id, len(wish.options.data)
    gas = wish.options.extra_gas
    first = bridge.QUOTE_SEND.request(address, token.address, destination, size, gas)
    fee = _quoted(way[0], way[1], first).fee
    if len(way) < 3:
        return fee, 0
    onward = bridge.QUOTE_FORWARD.request(address, token.home.address, destination, size, gas)
    return fee, _quoted(way[1], way[2], onward)


def _quoted(here: Connection, there: Connection, request: Request[Any]) -> Any:
    try:
        return here.ask(request)
    except Reverted as error:
        raise MetalayerError(f"{here.name} would not send it to {there.name}: {error.reason}") from error


def _from_balance(origin: Connection, sender: str, wish: Wish, fee: int, held: _Held) -> bool:
    if wish.fee_from == "credit" and held.credit < fee:
        raise MetalayerError(
            f"{sender} has {era(held.credit)} ERA of credit on {origin.name}, the fee is {era(fee)}: `ape metalayer "
            f"credit deposit {origin.name} {era(fee - held.credit).replace(',', '')} --account {sender}`, or "
            f"`--fee-from balance`"
        )
    if wish.fee_from is not None:
        return wish.fee_from == "balance"
    return held.credit < fee or held.credit_allowed < fee


def _from_era(transfer: Transfer) -> int:
    """Wei of the sender's ERA, besides the amount, that the call takes."""
    pays_itself = transfer.options.from_balance or transfer.door is not None
    return transfer.taken - (0 if pays_itself else transfer.fee)


def _refuse_too_poor(live: Live, transfer: Transfer, sender: str, held: _Held) -> None:
    token, amount, fees = transfer.token, transfer.wish.amount, _from_era(transfer)
    name = transfer.origin.name
    if token.address == live.registry.address("ERA"):
        if held.token < amount + fees:
            parts = f" ({era(amount)} and {era(fees)} for fees)" if fees else ""
            raise MetalayerError(
                f"{sender} has {era(held.token)} ERA on {name}, not {era(amount + fees)}{parts}"
            )
        return
    if held.token < amount:
        raise MetalayerError(f"{sender} has {token.text(held.token)} on {name}, not {token.text(amount)}")
    if held.era < fees:
        raise MetalayerError(
            f"{sender} has {era(held.era)} ERA on {name}, the fees are {era(fees)}: `ape metalayer transfer ERA` "
            "brings some there"
        )


def _allowances(live: Live, transfer: Transfer, held: _Held) -> list[Allowance]:
    """What is taken by allowance and not allowed yet: a token at home, and ERA for fees, on the hub or by the door. All
    else is burned.
    """
    era_token, token = live.registry.address("ERA"), transfer.token
    takes: dict[str, Allowance] = {}
    if transfer.door is None and token.home.chain_id == transfer.origin.chain_id:
        takes[token.address] = Allowance(token.address, transfer.wish.amount, held.token_allowed)
    fees = _from_era(transfer)
    if fees and (transfer.door is not None or transfer.origin == live.network.hub):
        amount = takes[era_token].takes if era_token in takes else 0
        takes[era_token] = Allowance(era_token, amount + fees, held.era_allowed)
    return [one for one in takes.values() if one.allowed < one.takes]
