"""Amounts of ERA and other tokens: units, and how people read and write them."""

from __future__ import annotations

from metalayer.errors import MetalayerError

GWEI = 10**9
"""Wei of ERA in which fees are counted: `Fees.UNIT`."""


HUB_SUPPLY = 1_000_000_000 * 10**18
"""`HUB_SUPPLY` of ERA, in wei."""


ERA_DECIMALS = 18


def shown(amount: int, decimals: int) -> str:
    """An amount in a token's smallest unit for people: thousands separated, no trailing zeros, exact."""
    whole, part = divmod(abs(amount), int(10**decimals))
    after = f".{part:0{decimals}d}".rstrip("0") if part else ""
    return f"{'-' if amount < 0 else ''}{whole:,}{after}"


def parse(text: str, decimals: int, symbol: str) -> int:
    """A decimal amount such as "1.5" in a token's smallest unit. MetalayerError unless it is positive and exact.

    No separators: a comma is a decimal point to some and none to others.
    """
    whole, _, part = text.partition(".")
    if not (whole + part).isascii() or not (whole + part).isdecimal():
        raise MetalayerError(f"'{text}' is not an amount of {symbol}: expected a positive number such as 1.5")
    if len(part) > decimals:
        raise MetalayerError(f"'{text}' has {len(part)} decimals: {symbol} has {decimals}")
    amount = int((whole or "0") + part.ljust(decimals, "0"))
    if amount == 0:
        raise MetalayerError("the amount is zero: expected a positive number such as 1.5")
    return amount


def era(wei: int) -> str:
    """An amount of ERA for people."""
    return shown(wei, ERA_DECIMALS)


def parse_era(text: str) -> int:
    """Wei of a decimal amount of ERA. MetalayerError as above."""
    return parse(text, ERA_DECIMALS, "ERA")


def ether(wei: int, *, up: bool = False) -> str:
    """An amount of ether for people: six decimals, or all of them where six would hide what it is. up: to the next."""
    step = 10**12
    rounded = -(-wei // step) * step if up else wei // step * step
    return shown(rounded or wei, 18)
