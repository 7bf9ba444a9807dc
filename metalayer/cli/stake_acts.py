"""How the commands of `ape metalayer stake` ask, sign, send and say what was done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from metalayer.cli.command import print_json
from metalayer.cli.options import Parsed, Signing, acting_options, whole
from metalayer.network.values import read_account

if TYPE_CHECKING:
    from metalayer.network.live import Live
    from metalayer.network.transactions import Receipt
    from metalayer.staking.desk import Desk
    from metalayer.staking.reading import Overview

_F = TypeVar("_F", bound=Callable[..., Any])

VALIDATOR = whole(1, 65_535)
"""A validator's number, as `ape metalayer stake status` shows it."""
NOBODY = "nobody"


def _percent(text: str) -> int:
    from metalayer.network.values import Plain, read_decimal

    points = read_decimal(Plain(text), 0, 100) * 100
    if round(points) != round(points, 6):
        raise ValueError(f"expected a percentage with at most two decimals, such as 7.5, found {text!r}")
    return round(points)


def _delegatee(text: str) -> str:
    return text if text == NOBODY else read_account(text)


def _possession(text: str) -> bytes:
    from metalayer.protocol.hex import from_hex

    try:
        signature = from_hex(text)
    except ValueError:
        signature = b""
    if not text.startswith("0x") or len(signature) != 64:
        raise ValueError("expected 64 bytes that `ape metalayer stake possession` printed, such as 0x12…ef")
    return signature


PERCENT = Parsed("percent", _percent)
"""Passed on in basis points."""
DELEGATEE = Parsed("account", _delegatee)
POSSESSION = Parsed("hex", _possession)


@dataclass(frozen=True)
class Acting(Signing):
    """Who signs, and how the result is shown."""

    as_json: bool

    @cached_property
    def live(self) -> Live:
        """The deployed network."""
        from metalayer.network.live import Live

        return Live.open(founding=True)

    @cached_property
    def desk(self) -> Desk:
        """Its Staking."""
        from metalayer.staking.desk import Desk

        return Desk.of(self.live)

    @cached_property
    def seen(self) -> Overview:
        """How that stands."""
        from metalayer.staking.reading import read

        return read(self.live)

    @property
    def address(self) -> str:
        """Of who signs."""
        from metalayer.network.signers import address_of

        return address_of(self.account)

    def do(self, what: str, calls: Sequence[bytes], takes: int = 0) -> Receipt:
        """Asks, and sends. what: a sentence without its end, such as "Delegate 5 ERA to validator 1"."""
        from metalayer.cli.display import waiting
        from metalayer.network.signers import load_signer

        self.confirm(self.live.network, f"{what} with {self.account}?")
        sender = self.sender_on(self.desk.hub)
        with waiting(f"{what}: waiting for {self.desk.hub.name}", quiet=self.as_json):
            return self.desk.send(sender, load_signer(self.account), calls, takes)

    def say(self, receipt: Receipt | None, line: str, **facts: Any) -> None:
        """What was done: a line and the transaction, or both with facts as JSON. No receipt: nothing was sent."""
        transaction, gas = (receipt["transactionHash"], receipt["gasUsed"]) if receipt else (None, None)
        if self.as_json:
            print_json({**facts, "transaction": transaction, "gas": gas})
        else:
            click.echo(f"{line}: {transaction}" if transaction else line)


acting = partial(acting_options, Acting)
holder = acting("TEST::3", "Account whose stake it is.")
operator = acting(None, "Operator of the validator.")
anyone = acting("TEST::2", "Account that pays the gas.")
chosen = click.option(
    "--validator", type=VALIDATOR, metavar="ID", help="Which one, if the account operates several."
)
