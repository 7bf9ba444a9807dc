"""What the next hop of a transfer costs that its token's home sends on, and paying for it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from metalayer.assets import permits
from metalayer.assets.journeys import carried
from metalayer.assets.tokens import ALLOWANCE, APPROVE, balance
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol import bridge, gateway
from metalayer.protocol.amounts import GWEI, era
from metalayer.protocol.hex import to_hex
from metalayer.protocol.transfers import Kind
from metalayer.tracking.trace import find

_APPROVE_GAS = 100_000


@dataclass(frozen=True)
class Passage:
    """The next hop of a transfer: from `home` to `destination` for `cost`, of which `paid` is there. Wei of ERA."""

    id: bytes
    home: Connection
    destination: Connection
    cost: int
    paid: int

    @property
    def missing(self) -> int:
        """In whole gwei, as it is paid."""
        return max(0, -(-(self.cost - self.paid) // GWEI) * GWEI)


def read(live: Live, id_: bytes) -> Passage:
    """What the second hop of a transfer costs; or if that came back, the way to where it started. MetalayerError if
    there is none of that id, or if it has one hop, or needs no other now.
    """
    start, sent = find(live.mesh, id_)
    if (whole := carried(sent.message).id) is not None:
        id_, (start, sent) = whole, find(live.mesh, whole)
    message, payload = sent.message, carried(sent.message)
    if payload.kind is not Kind.BACK or payload.chain == message.destination:
        raise MetalayerError(f"transfer {to_hex(id_)} has one hop: expected one that a token's home sends on")
    home, end = live.connection(message.destination), live.connection(payload.chain)
    address = live.registry.address("TokenBridge")
    forwarded = home.ask(bridge.TRANSFER_FORWARDED.logs_once(address, id_))
    if not forwarded:
        onward = _Next(end, len(payload.data), payload.extra_gas, payload.fee * GWEI)
        return _passage(live, id_, home, payload.token, onward)
    hop = forwarded[0].event.send_id
    returned, back = home.batch(
        [
            gateway.MESSAGE_RETURNED.logs_once(live.mesh.gateway, hop),
            bridge.TRANSFER_SENT_BACK.logs(address, id_),
        ]
    )
    if back or not returned:
        raise MetalayerError(
            f"transfer {to_hex(id_)} was sent {'back' if back else 'on'} from {home.name} already"
        )
    _, second = find(live.mesh, hop)
    brought = carried(second.message).fee * GWEI + returned[0].event.unspent
    return _passage(live, id_, home, payload.token, _Next(start, 0, 0, brought))


class _Next(NamedTuple):
    """Where the next hop goes, bytes of data and gas for its recipient, and the wei of ERA that it has with it."""

    destination: Connection
    size: int
    gas: int
    brought: int


def _passage(live: Live, id_: bytes, home: Connection, token: str, onward: _Next) -> Passage:
    address, there = live.registry.address("TokenBridge"), onward.destination
    quote = bridge.QUOTE_FORWARD.request(address, token, there.chain_id, onward.size, onward.gas)
    try:
        cost, paid = home.batch([quote, bridge.PASSAGE.request(address, id_)])
    except Reverted as error:
        raise MetalayerError(f"{home.name} would not send it to {there.name}: {error.reason}") from error
    return Passage(id_, home, there, cost, onward.brought + paid * GWEI)


def pay(live: Live, home: Connection, sender: Sender, id_: bytes, amount: int, signer: Any = None) -> Receipt:
    """Pays ERA (wei, in whole gwei) of the sender for the next hop of a transfer, on the token's home. It is not given
    back. MetalayerError if the sender has less.
    """
    address, token = live.registry.address("TokenBridge"), live.registry.address("ERA")
    held = balance(home, live.registry, sender.address)
    if held < amount:
        raise MetalayerError(f"{sender.address} has {era(held)} ERA on {home.name}, not {era(amount)}")
    call = bridge.PAY.encode(id_, amount // GWEI)
    is_hub = home.chain == live.network.hub
    if is_hub and home.view(token, ALLOWANCE, sender.address, address) < amount:
        permit = None if signer is None else permits.sign(home, signer, token, amount, address)
        if permit is None:
            home.send_many(sender, [Transaction(token, APPROVE.encode(address, amount), _APPROVE_GAS)])
        else:
            call = bridge.MULTICALL.encode([bridge.PERMIT.encode(token, *permit), call])
    return home.send(sender, address, call)
