"""What chains say of offers now: each token and each offer is asked about by itself, so that none stops another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from metalayer.assets.tokens import ALLOWANCE, BALANCE_OF
from metalayer.errors import MetalayerError
from metalayer.lanes import logs
from metalayer.lanes.survey import why_closed
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol import bridge, gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.rpc import block_request
from metalayer.relayer.loops import Loops, unexpected
from metalayer.solver.offers import Offer, Standing, bridge_payload
from metalayer.solver.policy import TokenId

DECIMALS = Function("decimals()", "uint8", int)

_MOST_DECIMALS = 77


@dataclass
class Purse:
    """A token on the end's chain: what the account has there, and what the bridge may take of it."""

    token: TokenId
    local: str
    decimals: int
    balance: int
    allowance: int


@dataclass
class End:
    """One chain, where offers end, as seen for one account."""

    mesh: Mesh
    address: str
    connection: Connection
    account: str
    loops: Loops
    _locals: dict[TokenId, str] = field(default_factory=dict)
    _decimals: dict[str, int] = field(default_factory=dict)

    def purses(self, tokens: Sequence[TokenId], fail: Callable[[TokenId, str], None]) -> dict[TokenId, Purse]:
        """What the account has of tokens, as far as something stands for them; `fail` gets those that are not read."""
        found = {}
        for token in tokens:
            try:
                if purse := self._purse(token):
                    found[token] = purse
            except MetalayerError as error:
                fail(token, unexpected(self.connection.name, error))
        return found

    def _purse(self, token: TokenId) -> Purse | None:
        local = self._local(token)
        if local == bridge.NOBODY:
            return None
        ask = self.connection.batch(
            [
                BALANCE_OF.request(local, self.account),
                ALLOWANCE.request(local, self.account, self.address),
                *([] if local in self._decimals else [DECIMALS.request(local)]),
            ]
        )
        balance, allowance, *decimals = ask
        if decimals:
            if decimals[0] > _MOST_DECIMALS:
                raise MetalayerError(f"token {local} has {decimals[0]} decimals")
            self._decimals[local] = decimals[0]
        return Purse(token, local, self._decimals[local], balance, allowance)

    def _local(self, token: TokenId) -> str:
        if token.chain == self.connection.chain_id:
            return token.address
        if token not in self._locals:
            local = self.connection.view(self.address, bridge.LOCAL_OF, token.chain, token.address)
            if local == bridge.NOBODY:
                return local
            self._locals[token] = local
        return self._locals[token]

    def standings(self, offers: Sequence[Offer], purses: Mapping[TokenId, Purse]) -> dict[bytes, Standing]:
        """Of each offer, by id, as far as its end alone knows."""
        block, *solvers = self.connection.batch(
            [
                block_request(),
                *(bridge.SOLVER_OF.request(self.address, offer.front.key) for offer in offers),
            ]
        )
        found = {}
        for offer, solver in zip(offers, solvers, strict=True):
            purse = purses.get(offer.token)
            local, decimals = (bridge.NOBODY, 0) if purse is None else (purse.local, purse.decimals)
            found[offer.id] = Standing(block.time, local, decimals, solver)
        return found

    def whole(self, offer: Offer, standing: Standing) -> Standing:
        """The same with what its token's home knows, and whether its hops get through. MetalayerError if that cannot be
        read, or if its second hop cannot be sent.
        """
        here, home = self.connection, self.mesh.by_id.get(offer.home)
        closed = self._closed(here, offer.lanes[-1][0]) or self._unclaimable(offer.start)
        if offer.home == offer.start:
            return replace(standing, closed=closed)
        if home is None:
            return replace(standing, closed=f"chain {offer.home}, its token's home, is not connected")
        on_its_way = partial(self._at_home, home, offer, standing)
        standing = on_its_way() if home is here else self.loops.elsewhere(here, home, on_its_way)
        return replace(standing, closed=closed or standing.closed)

    def _at_home(self, home: Connection, offer: Offer, standing: Standing) -> Standing:
        """With what the token's home says of a transfer that comes from elsewhere."""
        room, inbox = home.batch(
            [
                bridge.OUTSTANDING.request(self.address, offer.token.address, offer.start),
                gateway.INBOX_LANE.request(self.mesh.gateway, offer.start),
            ]
        )
        ahead = self._ahead(offer, inbox.nonce + 1)
        standing = replace(standing, room=room, ahead=ahead)
        if offer.end == home.chain_id:
            return standing
        cost, passage, forwarded = home.batch(
            [
                bridge.QUOTE_FORWARD.request(
                    self.address, offer.token.address, offer.end, 0, offer.payload.extra_gas
                ),
                bridge.PASSAGE.request(self.address, offer.id),
                bridge.TRANSFER_FORWARDED.logs_once(self.address, offer.id),
            ]
        )
        if forwarded:
            return replace(standing, room=None, ahead={})
        unpaid = max(0, cost - (offer.payload.fee + passage) * GWEI)
        return replace(standing, closed=self._closed(home, offer.start), unpaid=unpaid)

    def _ahead(self, offer: Offer, first: int) -> dict[bytes, int]:
        """What its start sends home of the token before it, from a place of the lane on: what is compromised may have
        more on its way than its account is good for.
        """
        start = self.mesh.by_id[offer.start]
        if first >= offer.nonce:
            return {}

        def read() -> dict[bytes, int]:
            sent = logs.rebuild(start, self.mesh.domain, offer.home, first, offer.nonce - 1)
            found = {}
            for one in sent:
                payload = bridge_payload(one, self.address)
                if payload is not None and payload.token == offer.token.address:
                    found[one.id] = payload.amount
            return found

        return self.loops.elsewhere(self.connection, start, read)

    def _unclaimable(self, start: int) -> str:
        """Why no claim of it could be sent; empty if it could. Two spokes may know each other over the hub alone."""
        here = self.connection
        if here.view(self.mesh.gateway, gateway.ROUTE, start).outbound:
            return ""
        there = self.mesh.by_id.get(start)
        return (
            f"{here.name} can send no claim to {start if there is None else there.name}: the route is closed"
        )

    def _closed(self, here: Connection, other: int) -> str:
        """Why value from a chain does not get in; empty if it does."""
        block, hold, route, paused = here.batch(
            [
                block_request(),
                bridge.HELD_UNTIL.request(self.address, other),
                gateway.ROUTE.request(self.mesh.gateway, other),
                gateway.PAUSED_UNTIL.request(self.mesh.gateway, other),
            ]
        )
        there = self.mesh.by_id.get(other)
        name = str(other) if there is None else there.name
        if hold.until > block.time:
            return f"{here.name} takes no value from {name}: held"
        return why_closed(here.name, name, route.inbound, paused - block.time).partition(" for ")[0]
