"""What a solver is told: which transfers it fronts, with how much, for what. A YAML file, or what holds without one.

Amounts are in whole tokens, such as 1.5, and become the token's smallest unit when a chain has said its decimals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from metalayer.network.config import Network
from metalayer.network.entries import Finality
from metalayer.network.inputs import Document, Entry, read_file, wrong
from metalayer.network.values import Name, Reads, duration, found, number_schema, read_address, read_exact
from metalayer.protocol.dates import DAY

ERA = "ERA"
CLAIM_BEFORE = 4 * DAY
"""Seconds before its deadline at which a fronted transfer that has not arrived is claimed."""
LEAST_TIME = 5 * DAY
"""Seconds that a transfer must have left to be fronted."""
LOOK_BACK = DAY
"""Seconds before its start for which a solver looks for transfers."""

_MINUTE = 60
_MOST_TOKENS = 10**30


class TokenId(NamedTuple):
    """Chain id of a token's home, and its address there."""

    chain: int
    address: str


class Least(NamedTuple):
    """Least that a front must bring, after gas: whole tokens, or parts of what arrives."""

    tokens: Fraction = Fraction(0)
    parts: Fraction = Fraction(0)

    def of(self, amount: int, decimals: int) -> int:
        """In the token's smallest unit, rounded up. `amount`: what arrives."""
        return max(_up(self.tokens * 10**decimals), _up(amount * self.parts))


USUAL_LEAST = Least(parts=Fraction(1, 10_000))


@dataclass(frozen=True)
class Terms:
    """For one token. Whole tokens; None is no bound but what the account has.

    most: what one transfer may be. most_out: what is out at a time, on all chains together; by chain id, `most_out_on`:
    where it was paid, `most_out_from`: where the transfers started. ether: tokens that one ether is worth, by which gas
    counts; 0 if gas does not count.
    """

    least: Least = USUAL_LEAST
    most: Fraction | None = None
    most_out: Fraction | None = None
    most_out_on: Mapping[int, Fraction] = field(default_factory=dict)
    most_out_from: Mapping[int, Fraction] = field(default_factory=dict)
    ether: Fraction = Fraction(0)

    def gas_cost(self, wei: int, decimals: int) -> int:
        """What so many wei of ether are in the token's smallest unit, rounded up."""
        return _up(wei * self.ether * 10**decimals / 10**18)


@dataclass(frozen=True)
class Policy:
    """What a solver does. Seconds.

    finality: by chain id, where a chain's own finality does not decide from when on its transfers are believed.
    others: terms of tokens that are not named; None if they are not fronted.
    """

    tokens: Mapping[TokenId, Terms]
    others: Terms | None = None
    finality: Mapping[int, int | str] = field(default_factory=dict)
    chains_left_out: frozenset[int] = frozenset()
    tokens_left_out: frozenset[TokenId] = frozenset()
    claim_before: int = CLAIM_BEFORE
    least_time: int = LEAST_TIME
    look_back: int = LOOK_BACK

    def terms(self, token: TokenId) -> Terms | None:
        """Of a token; None if it is not fronted."""
        return None if token in self.tokens_left_out else self.tokens.get(token, self.others)


def units(tokens: Fraction, decimals: int) -> int:
    """Whole tokens in the smallest unit, what is beyond it cut off."""
    return int(tokens * 10**decimals)


def _up(number: Fraction) -> int:
    return -int(-number // 1)


def _read_tokens(value: Any) -> Fraction:
    return read_exact(value, _MOST_TOKENS)


def _read_least(value: Any) -> Least:
    text = str(value)
    if isinstance(value, str) and text.endswith("%"):
        share = type(value)(text.removesuffix("%").rstrip())
        return Least(parts=read_exact(share, 100) / 100)
    try:
        return Least(_read_tokens(value))
    except ValueError as error:
        raise ValueError(
            f"expected tokens such as 1.5, or parts of the amount such as 0.1 %, found {found(value)}"
        ) from error


_Tokens = Annotated[Fraction, Reads(_read_tokens, number_schema("number", 0, _MOST_TOKENS))]
_Profit = Annotated[
    Least,
    Reads(
        _read_least,
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? *%$"},
                *number_schema("number", 0, _MOST_TOKENS)["anyOf"],
            ]
        },
    ),
]


class _Token(Entry):
    least_profit: _Profit = USUAL_LEAST
    most: _Tokens | None = None
    most_out: _Tokens | None = None
    most_out_on: dict[Name, _Tokens] = Field(default_factory=dict)
    most_out_from: dict[Name, _Tokens] = Field(default_factory=dict)
    ether: _Tokens = Fraction(0)


class _LeftOut(Entry):
    chains: list[Name] = Field(default_factory=list)
    tokens: list[Name] = Field(default_factory=list)


class PolicyFile(Entry):
    finality: dict[Name, Finality] = Field(default_factory=dict)
    tokens: dict[Name, _Token] = Field(default_factory=dict)
    any_token: _Token = _Token()
    leave_out: _LeftOut = _LeftOut()
    claim_before: Annotated[int, duration(_MINUTE, 29 * DAY)] = CLAIM_BEFORE
    least_time: Annotated[int, duration(_MINUTE, 30 * DAY)] = LEAST_TIME
    look_back: Annotated[int, duration(0, 30 * DAY)] = LOOK_BACK

    @model_validator(mode="after")
    def _can_be_claimed(self) -> PolicyFile:
        if self.least_time < self.claim_before:
            raise wrong("least_time", "expected at least claim_before: it would be claimed at once")
        return self


@dataclass(frozen=True)
class _Names:
    """What the names in a file stand for."""

    network: Network
    era: TokenId
    document: Document

    def chain(self, name: str, place: Iterable[str]) -> int:
        chains = self.network.chains
        if name not in chains:
            known = ", ".join(chains)
            raise self.document.fault(place, f"no chain {found(name)}: expected one of {known}")
        return chains[name].chain_id

    def token(self, name: str, place: Iterable[str]) -> TokenId:
        if name == ERA:
            return self.era
        chain, slash, address = name.partition("/")
        if not slash:
            raise self.document.fault(
                place,
                f"expected ERA, or a token's home and its address there, such as hub/0x…, found {found(name)}",
            )
        try:
            return TokenId(self.chain(chain, place), read_address(address))
        except ValueError as error:
            raise self.document.fault(place, str(error)) from error


def default_policy(era: TokenId, *, any_token: bool = False) -> Policy:
    """What holds without a file: ERA alone, with all that the account has. any_token: all others, too."""
    return Policy({era: Terms()}, Terms() if any_token else None)


def load_policy(path: Path, network: Network, era: TokenId, *, any_token: bool = False) -> Policy:
    """The policy in a file. MetalayerError with file, line and what was expected."""
    document = read_file(path)
    file, names = document.read(PolicyFile), _Names(network, era, document)
    tokens = {era: Terms()}
    for name, entry in file.tokens.items():
        token = names.token(name, ("tokens", name))
        tokens[token] = _terms(entry, names, ("tokens", name))
    left_out = file.leave_out
    place = ("leave_out", "chains")
    return Policy(
        tokens,
        _terms(file.any_token, names, ("any_token",)) if any_token else None,
        {names.chain(name, ("finality", name)): value for name, value in file.finality.items()},
        frozenset(names.chain(name, (*place, str(n))) for n, name in enumerate(left_out.chains)),
        frozenset(
            names.token(name, ("leave_out", "tokens", str(n))) for n, name in enumerate(left_out.tokens)
        ),
        file.claim_before,
        file.least_time,
        file.look_back,
    )


def _terms(entry: _Token, names: _Names, place: tuple[str, ...]) -> Terms:
    on, thence = (
        {names.chain(name, (*place, what, name)): most for name, most in bounds.items()}
        for what, bounds in (("most_out_on", entry.most_out_on), ("most_out_from", entry.most_out_from))
    )
    return Terms(entry.least_profit, entry.most, entry.most_out, on, thence, entry.ether)
