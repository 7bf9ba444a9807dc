"""What bridges tell each other, in Python and in Solidity: written and read alike, and refused alike."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalayer.protocol.transfers import ClaimPayload, Description, Payload
from tests.kit import strategies
from tests.kit.chains import BoundChain
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, call, deploy
from tests.kit.roles import DEVELOPER

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def harness(chains: dict[str, BoundChain]) -> Contract:
    return deploy(chains["hub"], "TransfersHarness", sender=DEVELOPER.address)


def answer(harness: Contract, method: str, payload: bytes) -> bytes | Revert:
    return call(harness.chain, harness.address, harness.encode(method, payload))


@SETTINGS
@given(payload=strategies.transfers)
def test_transfers_are_read_and_written_alike(harness: Contract, payload: Payload) -> None:
    """M15, M16: every part, and the bytes again."""
    encoded = payload.encoded
    kind, token, from_, to, *numbers, id_, sender, data = harness.view("read", encoded)
    assert (kind, token, from_, to) == (payload.kind, payload.token, payload.from_, payload.to)
    assert numbers == [
        *(payload.chain, payload.amount, payload.fee, payload.tip, payload.ramp),
        *(payload.sent_at, payload.hop_at, payload.deadline, payload.extra_gas),
    ]
    assert (id_, data) == (payload.id or bytes(32), payload.data)
    assert sender == (payload.sender or ZERO_ADDRESS)
    assert harness.view("rewrite", encoded) == encoded


@SETTINGS
@given(description=strategies.descriptions)
def test_descriptions_are_read_and_written_alike(harness: Contract, description: Description) -> None:
    parts = (description.token, description.decimals, description.name, description.symbol)
    assert harness.view("writeDescription", *parts) == description.encoded
    assert not isinstance(answer(harness, "readDescription", description.encoded), Revert)


@SETTINGS
@given(claim=strategies.claims)
def test_claims_are_read_and_written_alike(harness: Contract, claim: ClaimPayload) -> None:
    assert harness.view("writeClaim", claim.key, claim.solver) == claim.encoded
    assert harness.view("readClaim", claim.encoded) == (claim.key, claim.solver)


@SETTINGS
@given(
    written=st.one_of(
        strategies.transfers.map(lambda payload: ("read", Payload, payload.encoded)),
        strategies.descriptions.map(lambda one: ("readDescription", Description, one.encoded)),
        strategies.claims.map(lambda claim: ("readClaim", ClaimPayload, claim.encoded)),
    ),
    changes=st.lists(
        st.tuples(
            st.integers(0, 200),
            st.sampled_from([b"", b"\0", b"\1", b"\3", b"\5", b"\xff"]),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_what_is_refused_is_refused_by_both(
    harness: Contract,
    written: tuple[str, type[Payload | Description | ClaimPayload], bytes],
    changes: list[tuple[int, bytes, int]],
) -> None:
    """M16: whatever is changed, inserted, dropped or appended."""
    method, kind, data = written
    changed = bytearray(data)
    for place, instead, dropped in changes:
        changed[place : place + dropped] = instead
    refused = isinstance(answer(harness, method, bytes(changed)), Revert)
    try:
        kind.read(bytes(changed))
    except ValueError:
        assert refused
    else:
        assert not refused
