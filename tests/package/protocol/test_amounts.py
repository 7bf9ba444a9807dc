"""Amounts with a token's own decimals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalayer.errors import MetalayerError
from metalayer.protocol.amounts import parse, shown


@given(amount=st.integers(1, 2**128), decimals=st.integers(0, 255))
def test_what_is_shown_is_read_back(amount: int, decimals: int) -> None:
    assert parse(shown(amount, decimals).replace(",", ""), decimals, "X") == amount


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (0, 6, "0"),
        (1, 6, "0.000001"),
        (1_500_000, 6, "1.5"),
        (-12_345, 0, "-12,345"),
        (10**30, 18, "1,000,000,000,000"),
    ],
)
def test_exact_and_without_trailing_zeros(amount: int, decimals: int, text: str) -> None:
    assert shown(amount, decimals) == text


@pytest.mark.parametrize(
    ("text", "decimals", "reason"),
    [
        ("1.1", 0, "'1.1' has 1 decimals: X has 0"),
        ("0.0000001", 6, "has 7 decimals: X has 6"),
        ("0", 6, "the amount is zero"),
        ("1e3", 6, "is not an amount of X"),
        ("", 6, "is not an amount of X"),
        (".", 6, "is not an amount of X"),
        ("-1", 6, "is not an amount of X"),
        ("1,000", 6, "is not an amount of X"),
        ("\u0661", 6, "is not an amount of X"),
    ],
)
def test_anything_else_is_refused(text: str, decimals: int, reason: str) -> None:
    with pytest.raises(MetalayerError, match=reason):
        parse(text, decimals, "X")
