"""Parts of votes, to the wei, and what is signed."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metalayer.governance.ballots import ALL, KINDS, Choice, Part
from metalayer.protocol import governor
from metalayer.protocol.votes import Tally

KEY = Account.from_key(keccak(text="who votes"))
PLACE = (901, "0x" + "12" * 20, KEY.address)


@given(st.integers(0, 10**27), st.integers(0, ALL), st.integers(0, ALL))
def test_percentages_of_everything_leave_no_wei(weight: int, first: int, second: int) -> None:
    against, for_ = min(first, second), abs(first - second)
    parts = (Part(points=against), Part(points=for_), Part(points=ALL - against - for_))
    found = Choice(parts=parts).of(weight)
    assert isinstance(found, Tally)
    assert found.total == weight
    for wei, part in zip(found, parts, strict=True):
        assert abs(wei * ALL - weight * part.points) < ALL


def test_amounts_and_percentages_go_together() -> None:
    parts = (Part(points=2_500), Part(wei=7), Part(points=2_500))
    assert Choice(parts=parts).of(1_001) == Tally(250, 7, 250)


def test_kinds_are_numbered_as_parts_stand() -> None:
    assert [Choice(kind).of(5) for kind in KINDS.values()] == [0, 1, 2]
    names = {"against": "against", "for": "in_favour", "abstain": "abstain"}
    assert [names[kind] for kind in KINDS] == list(Tally._fields)


@pytest.mark.parametrize("vote", [1, Tally(1, 2, 3)])
def test_what_is_signed_for_the_hub_is_the_governors_type(vote: int | Tally) -> None:
    """M28: the types of OpenZeppelin's Governor, written out."""
    values = {"proposalId": 7, "voter": KEY.address, "nonce": 9}
    kind = "Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce"
    if isinstance(vote, Tally):
        kind = f"Extended{kind},string reason,bytes params"
        params = b"".join(part.to_bytes(16, "big") for part in vote)
        values |= {"support": 255, "reason": "", "params": params}
    else:
        values |= {"support": vote}
    name, _, fields = kind.partition("(")
    typed = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    domain = {"name": "EraGovernor", "version": "1", "chainId": PLACE[0], "verifyingContract": PLACE[1]}
    expected = encode_typed_data(domain, {name: typed}, values)
    assert governor.ballot(*PLACE, 7, vote, 9) == expected
