"""What Hypothesis draws for tests: values of the protocol, those at the ends of their ranges often."""

from __future__ import annotations

from typing import Any

from eth_utils.address import to_checksum_address
from hypothesis import strategies as st

from metalayer.protocol.attestation import Attestation, ValidatorSet
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, UnexecutedFact
from metalayer.protocol.gateway import Terms, Walk
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, Fee, Message, interoperable
from metalayer.protocol.transfers import TIP_PARTS, ClaimPayload, Description, Front, Kind, Payload
from tests.kit.terms import HIGHEST_FEE, HIGHEST_GAS_LIMIT, WHOLE_SHARE


def up_to(highest: int, lowest: int = 0) -> st.SearchStrategy[int]:
    """Whole numbers from the lowest to the highest."""
    ends = {lowest, lowest + 1, highest - 1, highest}
    return st.sampled_from(sorted(end for end in ends if lowest <= end <= highest)) | st.integers(
        lowest, highest
    )


# Words

uint64 = up_to(2**64 - 1)
uint256 = st.integers(0, 70_000) | up_to(2**256 - 1)
words = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
chain_ids = st.integers(1, 70_000) | up_to(2**256 - 1, 1)
payloads = st.binary(max_size=300) | up_to(MAX_PAYLOAD_LENGTH).map(lambda length: b"\xa5" * length)
payload_lengths = up_to(MAX_PAYLOAD_LENGTH)
amounts = up_to(10**27)
"""Of ERA, in wei: up to the supply."""


@st.composite
def nearly_recipients(draw: st.DrawFn, chains: st.SearchStrategy[int] = chain_ids) -> bytes:
    """ERC-7930 addresses with at most a few bytes changed, inserted, dropped or appended."""
    data = bytearray(interoperable(draw(chains), draw(addresses)))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(data)))
        instead = draw(st.sampled_from([b"", b"\0", b"\1", b"\2", b"\x13", b"\x14", b"\x15", b"\xff"]))
        data[place : place + draw(st.integers(0, 2))] = instead
    return bytes(data)


# Messages and facts

_fee_parts = up_to(2**56 - 1)
fees = st.builds(Fee, _fee_parts, _fee_parts, _fee_parts, _fee_parts, up_to(2**32 - 1))
messages = st.builds(
    Message,
    network_id=uint256,
    origin=uint256,
    destination=uint256,
    nonce=uint64,
    sender=addresses,
    recipient=addresses,
    gas_limit=uint64,
    deliver_before=uint64,
    fee=uint256,
    payload=payloads,
)
lane_facts = st.builds(LaneFact, uint256, uint256, uint64, words)
set_facts = st.builds(SetFact, uint64, words)
restart_facts = st.builds(RestartFact, uint256, uint256, uint64)
unexecuted_facts = st.builds(UnexecutedFact, uint256, uint256, uint64, words, st.integers(0, 2))
facts: st.SearchStrategy[Fact] = lane_facts | set_facts | restart_facts | unexecuted_facts
walks = st.builds(Walk, uint256, uint64, words, st.lists(words, max_size=3))

# Transfers

_times = up_to(2**40 - 1)
_ids = words.filter(any)


def _transfer(data: bytes, **members: Any) -> Payload:
    """With what its kind has, and nothing else."""
    kind, sender = members["kind"], members["sender"]
    if kind is Kind.BACK:
        members["id"] = None
    if kind is Kind.RETURN:
        members["id"], sender = members["id"] or b"\1" * 32, None
    tip = 0 if sender else members["tip"]
    return Payload(**members | {"sender": sender, "tip": tip}, data=data if sender else b"")


transfers = st.builds(
    _transfer,
    kind=st.sampled_from([Kind.OUT, Kind.BACK, Kind.RETURN]),
    token=addresses,
    from_=addresses,
    to=addresses,
    chain=uint64,
    amount=up_to(2**128 - 1, 1),
    fee=uint64,
    tip=up_to(TIP_PARTS),
    ramp=up_to(2**16 - 1),
    sent_at=_times,
    hop_at=_times,
    deadline=_times,
    extra_gas=up_to(2**24 - 1),
    id=st.none() | _ids,
    sender=st.none() | addresses,
    data=st.binary(min_size=1, max_size=80),
)
"""Whatever a bridge can send, and no bridge refuses as such."""
descriptions = st.builds(Description, addresses, up_to(255), st.binary(max_size=64), st.binary(max_size=32))
claims = st.builds(ClaimPayload, words, addresses)
fronts = st.builds(
    Front,
    id=words,
    start=uint256,
    home_chain=uint256,
    token=addresses,
    to=addresses,
    amount=up_to(2**128 - 1),
    tip=up_to(TIP_PARTS),
    ramp=up_to(2**16 - 1),
    sent_at=_times,
    deadline=_times,
)

# Validators

validator_sets = st.builds(
    ValidatorSet,
    version=uint64,
    expires=uint64,
    members=st.lists(st.tuples(addresses, up_to(2**96 - 1)), max_size=34).map(tuple),
)
"""Whatever can be written down, most of it no valid set."""
attestations = st.builds(
    lambda root, validator_set, signed: Attestation(
        root,
        validator_set,
        {signer: signature for (signer, _), signature in zip(validator_set.members, signed, strict=False)},
    ),
    words,
    validator_sets,
    st.lists(st.binary(min_size=64, max_size=64), max_size=5),
)


def weights(least: int, most: int, *, size: tuple[int, int]) -> st.SearchStrategy[list[int]]:
    """Of as many validators as `size` says, from and to."""
    return st.lists(st.integers(least, most), min_size=size[0], max_size=size[1])


# Terms

route_fees = up_to(HIGHEST_FEE)
terms = up_to(HIGHEST_GAS_LIMIT, 1).flatmap(
    lambda highest: st.builds(
        Terms,
        default_gas_limit=up_to(highest, 1),
        max_gas_limit=st.just(highest),
        default_return_gas_limit=up_to(HIGHEST_GAS_LIMIT),
        base_fee=route_fees,
        gas_fee=route_fees,
        byte_fee=route_fees,
        return_gas_fee=route_fees,
        protocol_share=up_to(WHOLE_SHARE),
    )
)
"""Of sending to a chain."""
