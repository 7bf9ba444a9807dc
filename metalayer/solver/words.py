"""What a solver does, in words and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from metalayer.assets import tokens
from metalayer.assets.tokens import Token
from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import short, to_hex
from metalayer.solver.fronts import Fronted, State
from metalayer.solver.ledger import Ledger, TokenAccount
from metalayer.solver.policy import TokenId
from metalayer.solver.results import Claimed, Paid


@dataclass
class Words:
    """With the names of a network's chains and tokens, which are asked for once."""

    live: Live
    _tokens: dict[TokenId, Token | None] = field(default_factory=dict)

    def chain(self, chain_id: int) -> str:
        return tokens.chain_name(self.live, chain_id)

    def amount(self, token: TokenId, amount: int) -> str:
        """With the symbol that the token gives itself, or, if its home does not answer, in its smallest unit."""
        known = self._token(token)
        return f"{amount} of {token.address}" if known is None else known.text(amount)

    def _token(self, token: TokenId) -> Token | None:
        if self._tokens.get(token) is None:
            try:
                at_home = self.live.connection(token.chain)
                self._tokens[token] = tokens.read(self.live, at_home, token.address)
            except MetalayerError:
                self._tokens[token] = None
        return self._tokens[token]

    def paid_line(self, one: Paid) -> str:
        """A front that was paid."""
        offer = one.offer
        return (
            f"fronted {short(offer.id)}, {self.chain(offer.start)} to {self.chain(offer.end)}: "
            f"{self.amount(offer.token, one.paid)} to {offer.payload.to}, {self.amount(offer.token, one.kept)} kept, "
            f"{one.gas:,} gas, in {one.transaction}"
        )

    def paid_dict(self, one: Paid) -> dict[str, Any]:
        """The same for --json."""
        offer = one.offer
        return {
            "event": "fronted",
            "id": to_hex(offer.id),
            "start": self.chain(offer.start),
            "end": self.chain(offer.end),
            "token": self._token_dict(offer.token),
            "to": offer.payload.to,
            "paid": str(one.paid),
            "kept": str(one.kept),
            "gas": one.gas,
            "transaction": one.transaction,
        }

    def claimed_line(self, one: Claimed) -> str:
        """A claim that was sent."""
        front = one.fronted.front
        return (
            f"claimed {short(front.id)} from {self.chain(front.start)}: it has not arrived, and has time until "
            f"{utc(front.deadline)}, in {one.transaction}"
        )

    def claimed_dict(self, one: Claimed) -> dict[str, Any]:
        """The same for --json."""
        return {
            "event": "claimed",
            "id": to_hex(one.fronted.front.id),
            "start": self.chain(one.fronted.front.start),
            "end": self.chain(one.fronted.end),
            "transaction": one.transaction,
        }

    def ended_line(self, one: Fronted) -> str:
        """What became of a front."""
        front = one.front
        if one.state is State.LOST:
            return f"lost {short(front.id)}: it returned to its sender, {self.amount(one.token, one.paid)} were paid"
        where = self.chain(one.end if one.state is State.ARRIVED else front.start)
        gain = self.amount(one.token, one.gain)
        return f"{one.state.value} {short(front.id)} on {where}: {self.amount(one.token, one.received)}, {gain} gained"

    def front_dict(self, one: Fronted) -> dict[str, Any]:
        """A front and what became of it, for --json."""
        return {
            "event": "ended" if one.state is not State.OUT else "out",
            "state": one.state.value,
            "id": to_hex(one.front.id),
            "start": self.chain(one.front.start),
            "end": self.chain(one.end),
            "token": self._token_dict(one.token),
            "paid": str(one.paid),
            "received": str(one.received),
            "deadline": one.front.deadline,
            "claims": [hash_ for hash_, _ in one.claims],
            "claimed": one.claimed,
            "transaction": one.transaction,
        }

    def _token_dict(self, token: TokenId) -> dict[str, Any]:
        return {"home": self.chain(token.chain), "address": token.address}

    def account_dict(self, one: TokenAccount) -> dict[str, Any]:
        """What was done in a token, for --json."""
        numbers = {name: str(getattr(one, name)) for name in ("paid", "back", "out", "lost", "gain")}
        return {"token": self._token_dict(one.token), "fronts": one.fronts, **numbers}

    def ledger_dict(self, ledger: Ledger) -> dict[str, Any]:
        """Everything, for --json."""
        return {
            "tokens": [self.account_dict(one) for one in ledger.tokens],
            "chains": [
                {
                    "chain": one.chain,
                    "fronts": one.fronts,
                    "claims": one.claims,
                    "gas": one.gas,
                    "wei": str(one.wei),
                }
                for one in ledger.spent
            ],
            "out": [self.front_dict(one) for one in ledger.book.out],
            "problems": ledger.problems,
        }
