"""When the protocol's share of fees is worth being brought to those who stake."""

from collections.abc import Iterator

from metalayer.assets.tokens import BALANCE_OF
from metalayer.lanes.neighbours import neighbours
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.rpc import Reverted
from metalayer.protocol import collector, gateway, staking
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.collector import BOUNTY_PARTS
from metalayer.staking.chores import Chore

# Thousands of gas: the least that forwarding takes, that sweeping one lane more takes, and that `fund` takes.
_FORWARD, _SWEEP, _FUND = 120, 40, 100


def forwardings(connection: Connection, mesh: Mesh, account: str) -> Iterator[Chore]:
    """Forwarding what a chain's FeeCollector has, and can sweep from its lanes: if the caller's part of it is worth the
    gas, at the price for which messages that come back are carried there.
    """
    address, others = mesh.gateway, neighbours(connection, mesh)
    token, to = connection.batch([gateway.FEE_TOKEN.request(address), gateway.COLLECTOR.request(address)])
    held, *answers = connection.batch(
        [
            BALANCE_OF.request(token, to),
            *(gateway.LANE_FEES.request(address, other) for other in others),
            *(gateway.ROUTE.request(address, other) for other in others),
        ]
    )
    lanes, routes = answers[: len(others)], answers[len(others) :]
    price = max((route.terms.return_gas_fee for route in routes), default=0)
    swept = {
        other: lane.protocol_fees
        for other, lane in zip(others, lanes, strict=True)
        if lane.protocol_fees > BOUNTY_PARTS * _SWEEP * price
    }
    if (held // GWEI + sum(swept.values())) // BOUNTY_PARTS <= _FORWARD * price:
        return
    data = collector.FORWARD.encode(list(swept))
    try:
        found = collector.FORWARD.decode(connection.call(to, data, sender=account))
    except Reverted:
        # Not enough for the fee of the transfer, or the route to the hub is closed: it stays there.
        return
    yield Chore("forward fees to Staking", to, data, found.bounty // GWEI, price)


def fundings(hub: Connection, mesh: Mesh) -> Iterator[Chore]:
    """Making rewards of what arrived at Staking, from a chain's FeeCollector or from a patron: if a hundredth of it is
    worth the gas.
    """
    token, rewards, *routes = hub.batch(
        [
            gateway.FEE_TOKEN.request(mesh.gateway),
            staking.REWARDS.request(mesh.staking),
            *(gateway.ROUTE.request(mesh.gateway, id_) for id_ in neighbours(hub, mesh)),
        ]
    )
    price = max((route.terms.return_gas_fee for route in routes), default=0)
    arrived = hub.view(token, BALANCE_OF, mesh.staking) - rewards.accounted
    if arrived // GWEI > BOUNTY_PARTS * _FUND * price:
        yield Chore("make rewards of what arrived", mesh.staking, staking.FUND.encode())
