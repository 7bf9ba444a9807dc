"""What a solver paid, what came back, what is out and what it spent: from the chains alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import receipt_request
from metalayer.relayer.loops import guard
from metalayer.solver.fronts import Book, Fronted, State, Witness
from metalayer.solver.policy import TokenId

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class TokenAccount:
    """All fronts in one token, in its smallest unit: what was paid, what came back, what of it is out, and what never
    came back.
    """

    token: TokenId
    fronts: int = 0
    paid: int = 0
    back: int = 0
    out: int = 0
    lost: int = 0

    @property
    def gain(self) -> int:
        """What ended brought, without gas."""
        return self.back - (self.paid - self.out)

    def plus(self, one: Fronted) -> TokenAccount:
        """With another front."""
        return TokenAccount(
            self.token,
            self.fronts + 1,
            self.paid + one.paid,
            self.back + one.received,
            self.out + one.paid * (one.state is State.OUT),
            self.lost + one.paid * (one.state is State.LOST),
        )


@dataclass(frozen=True)
class Spent:
    """What fronts and claims took on one chain: gas, and wei of ether."""

    chain: str
    fronts: int
    claims: int
    gas: int
    wei: int


@dataclass(frozen=True)
class Ledger:
    """One solver's. `problems`: a line for each chain that did not answer, whose fronts are not counted."""

    book: Book
    tokens: list[TokenAccount] = field(default_factory=list)
    spent: list[Spent] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_ledger(mesh: Mesh, address: str, solver: str) -> Ledger:
    """What the chains say of a solver. address: of the token bridge."""
    problems: list[str] = []
    witnesses = [Witness(one, address, solver) for one in mesh.connections.values()]

    def ask(read: Callable[[Witness], Answer]) -> list[Answer]:
        def one(witness: Witness) -> list[Answer]:
            found: list[Answer] = []
            with guard(witness.connection.name, problems.append):
                found.append(read(witness))
            return found

        return [answer for some in in_parallel(one, witnesses) for answer in some]

    book = Book.of(ask(Witness.tell))
    if book.out:
        # Whether that went back to somebody else is asked of where it started.
        ids = sorted({one.front.id for one in book.out})
        book = Book.of(ask(lambda witness: witness.tell(lambda _: ids)))
    spent = ask(lambda witness: _spent(witness.connection, book))
    return Ledger(book, accounts(book), [one for one in spent if one.fronts], list(dict.fromkeys(problems)))


def accounts(book: Book) -> list[TokenAccount]:
    """One for each token, in order."""
    found: dict[TokenId, TokenAccount] = {}
    for one in book.fronts:
        found[one.token] = found.get(one.token, TokenAccount(one.token)).plus(one)
    return [found[token] for token in sorted(found)]


def _spent(connection: Connection, book: Book) -> Spent:
    fronts = [one for one in book.fronts if one.end == connection.chain_id]
    claims = [hash_ for one in fronts for hash_, _ in one.claims]
    hashes = dict.fromkeys([*(one.transaction for one in fronts), *claims])
    receipts = connection.batch(receipt_request(hash_) for hash_ in hashes)
    known = [receipt for receipt in receipts if receipt is not None]
    return Spent(
        connection.name,
        len(fronts),
        len(claims),
        sum(receipt["gasUsed"] for receipt in known),
        sum(receipt["gasUsed"] * (receipt.get("effectiveGasPrice") or 0) for receipt in known),
    )
