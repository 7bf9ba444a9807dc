"""Times as people read them, whatever a chain says."""

from __future__ import annotations

import pytest

from metalayer.deploy.check import describe_set
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.dates import utc


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (1_796_000_000, "2026-11-30 00:53:20 UTC"),
        (2**64 - 1, "Unix time 18446744073709551615"),
    ],
)
def test_every_time_of_a_chain_can_be_shown(seconds: int, text: str) -> None:
    assert utc(seconds) == text


def test_a_set_that_never_expires_is_described() -> None:
    assert "Unix time 18446744073709551615" in describe_set(ValidatorSet(1, 2**64 - 1, ()))
