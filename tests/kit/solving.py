"""Transfers with a tip between real chains, and solvers that look for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from metalayer.assets.tokens import APPROVE, BALANCE_OF
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import bridge
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import TIP_PARTS, Options
from metalayer.relayer.memory import Memory
from metalayer.solver.passes import Solver
from metalayer.solver.policy import Policy, Terms, TokenId
from tests.kit.deployment import ERA, Deployment
from tests.kit.roles import BENEFICIARY, RIVAL, SENDER

USER, SOLVER, RECIPIENT = SENDER, RIVAL, BENEFICIARY
PERCENT = TIP_PARTS // 100
AMOUNT = 100 * ERA
KEPT = AMOUNT // 100
FUNDS = 1_000 * ERA
HOUR = 3_600
LEAST_TIME, CLAIM_BEFORE = 1_800, 1_200
"""Seconds, in the policy of these tests: the shortest transfers last an hour."""
EVERYTHING = 2**256 - 1

_WRAP = Function("deposit()")


@dataclass(frozen=True)
class Solving:
    """A network in which user and solver have ERA on every chain."""

    mesh: Deployment

    @classmethod
    def of(cls, mesh: Deployment) -> Solving:
        for who in (USER, SOLVER):
            mesh.bring(who.address, FUNDS)
        hub = mesh.connections["hub"]
        hub.send(USER, mesh.era, APPROVE.encode(mesh.bridge, EVERYTHING))
        return cls(mesh)

    @property
    def era(self) -> TokenId:
        return TokenId(self.mesh.network_id, self.mesh.era)

    def wrap(self, chain: str, who: Sender, amount: int) -> TokenId:
        """Ether of an account becomes a token that is at home on a chain, and may be locked."""
        connection, token = self.mesh.connections[chain], self.mesh.registry.address("WrappedEther")
        connection.send(who, token, _WRAP.encode(), value=amount)
        connection.send(who, token, APPROVE.encode(self.mesh.bridge, EVERYTHING))
        return TokenId(connection.chain_id, token)

    def held(self, chain: str, who: Sender | str, token: str | None = None) -> int:
        """Of ERA, or of another token there."""
        account = who if isinstance(who, str) else who.address
        return self.mesh.connections[chain].view(token or self.mesh.era, BALANCE_OF, account)

    def send(
        self,
        origin: str,
        destination: str,
        amount: int = AMOUNT,
        *,
        token: str | None = None,
        to: str = RECIPIENT.address,
        **options: Any,
    ) -> bytes:
        """Id of a transfer of the user, paid from its ERA. One percent tip, all of it at once, unless options say
        otherwise.
        """
        connection, local = self.mesh.connections[origin], token or self.mesh.era
        there = self.mesh.id_of(destination)
        chosen = Options(**{"tip": PERCENT, "from_balance": True} | options)
        quote = connection.view(self.mesh.bridge, bridge.QUOTE_SEND, local, there, 0, 0)
        if quote.home == self.mesh.network_id and chosen.fee == 0:
            forward = self.mesh.by_id[quote.home].view(
                self.mesh.bridge, bridge.QUOTE_FORWARD, self.mesh.era, there, 0, 0
            )
            chosen = replace(chosen, fee=-(-forward // GWEI))
        data = bridge.send_call(local, there, to, amount, chosen)
        receipt = connection.send(USER, self.mesh.bridge, data, gas=1_500_000)
        (sent,) = bridge.TRANSFER_SENT.found_in(receipt["logs"], self.mesh.bridge)
        return sent.id

    def final(self, *arguments: Any, **options: Any) -> bytes:
        """The same, and everything on all chains becomes final."""
        id_ = self.send(*arguments, **options)
        self.mesh.finalize()
        return id_

    def policy(self, *tokens: TokenId, terms: Terms | None = None, **changes: Any) -> Policy:
        """Of ERA and these tokens; anything that brings something is fronted."""
        named = dict.fromkeys((self.era, *tokens), terms or Terms())
        return replace(Policy(named, least_time=LEAST_TIME, claim_before=CLAIM_BEFORE), **changes)

    def solver(
        self, policy: Policy | None = None, mesh: Deployment | None = None, memory: Memory | None = None
    ) -> Solver:
        """A solver that has just started."""
        seen = mesh or self.mesh
        return Solver(seen, seen.bridge, SOLVER, policy or self.policy(), memory or Memory.fleeting())

    def left(self, solver: Solver) -> Sequence[str]:
        """Why a pass leaves offers, whatever else it does."""
        result = solver.solve_once()
        assert result.all_problems == []
        return [
            *result.passed_by,
            *(decision.reason for worked in result.worked for _, decision in worked.decisions),
        ]

    def deadline(self, chain: str, seconds: int) -> int:
        """So many seconds from now by a chain's clock."""
        return self.mesh.connections[chain].block().time + seconds

    def front(self, chain: str, data: bytes, who: Sender) -> Receipt:
        """A call of the bridge, with all that an account has for it."""
        connection = self.mesh.connections[chain]
        connection.send(who, self.mesh.era, APPROVE.encode(self.mesh.bridge, EVERYTHING))
        return connection.send(who, self.mesh.bridge, data)
