"""Amounts of ERA: units, and how people read and write them."""

from __future__ import annotations

from metalayer.errors import MetalayerError

GWEI = 10**9
"""Wei of ERA in which fees are counted: `Fees.UNIT`."""


HUB_SUPPLY = 1_000_000_000 * 10**18
"""`HUB_SUPPLY` of ERA, in wei."""


ERA_DECIMALS = 18
_ERA_UNIT: int = 10**ERA_DECIMALS


def era(wei: int) -> str:
    """An amount of ERA for people: thousands separated, no trailing zeros, exact."""
    whole, part = divmod(abs(wei), _ERA_UNIT)
    decimals = f".{part:018d}".rstrip("0") if part else ""
    return f"{'-' if wei < 0 else ''}{whole:,}{decimals}"


def parse_era(text: str) -> int:
    """Wei of a decimal amount of ERA such as "1.5". MetalayerError unless it is positive and exact.

    No separators: a comma is a decimal point to some and none to others.
    """
    whole, _, part = text.partition(".")
    if not (whole + part).isascii() or not (whole + part).isdecimal():
        raise MetalayerError(f"'{text}' is not an amount of ERA: expected a positive number such as 1.5")
    if len(part) > ERA_DECIMALS:
        raise MetalayerError(f"'{text}' has {len(part)} decimals: ERA has {ERA_DECIMALS}")
    wei = int(whole or "0") * _ERA_UNIT + int(part.ljust(ERA_DECIMALS, "0"))
    if wei == 0:
        raise MetalayerError("the amount is zero: expected a positive number such as 1.5")
    return wei
