"""The mirror of the bridge is what the compiler made of it; what bridges tell each other is read exactly."""

from __future__ import annotations

import re
from dataclasses import astuple, replace
from types import ModuleType
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metalayer.deploy.artifacts import load_artifacts
from metalayer.protocol import bridge, doors, transfers
from metalayer.protocol.transfers import (
    ClaimPayload,
    Description,
    Front,
    Kind,
    Options,
    Payload,
    representation,
    transfer_id,
)
from tests.kit import strategies
from tests.kit.strategies import addresses, claims, descriptions, fronts, up_to, words
from tools.repository import repo_root


def _type(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return f"({','.join(map(_type, entry['components']))}){entry['type'].removeprefix('tuple')}"


def _types(entries: list[dict[str, Any]]) -> str:
    return ",".join(map(_type, entries))


@pytest.mark.parametrize(("contract", "mirror"), [("TokenBridge", bridge), ("EtherDoor", doors)])
def test_calls_and_events_are_the_compiled_ones(contract: str, mirror: ModuleType) -> None:
    abi = load_artifacts([contract])[contract].abi
    functions = {f"{i['name']}({_types(i['inputs'])})": i for i in abi if i["type"] == "function"}
    events = {
        f"{item['name']}({','.join(_type(e) + ' indexed' * e['indexed'] for e in item['inputs'])})"
        for item in abi
        if item["type"] == "event"
    }
    for function in mirror.FUNCTIONS:
        assert function.signature in functions
        if function.returns:
            assert function.returns == _types(functions[function.signature]["outputs"])
    assert {event.signature for event in mirror.EVENTS} <= events


_STRUCT = re.compile(r"struct (\w+) \{([^}]*)\}")


@pytest.mark.parametrize(("struct", "mirror"), [("Options", Options), ("Front", Front)])
def test_members_are_those_of_the_contracts(struct: str, mirror: Any) -> None:
    """In their order."""
    source = (repo_root() / "contracts" / "bridge" / "types" / "Transfer.sol").read_text(encoding="utf-8")
    body = dict(_STRUCT.findall(source))[struct]
    names = [line.split()[-1].rstrip(";") for line in body.strip().splitlines()]
    assert [re.sub("_([a-z])", lambda m: m[1].upper(), name) for name in mirror.__dataclass_fields__] == names


def test_kinds_are_those_of_the_contracts() -> None:
    source = (repo_root() / "contracts" / "bridge" / "types" / "Transfer.sol").read_text(encoding="utf-8")
    found = re.search(r"enum Kind \{([^}]*)\}", source)
    assert found is not None
    assert [kind.name for kind in Kind] == [name.strip().upper() for name in found[1].split(",")]


@given(transfer=strategies.transfers)
def test_a_transfer_is_read_back_from_its_message(transfer: Payload) -> None:
    assert Payload.read(transfer.encoded) == transfer == transfers.read(transfer.encoded)


@given(description=descriptions)
def test_a_description_is_read_back(description: Description) -> None:
    assert transfers.read(description.encoded) == description


@given(claim=claims)
def test_a_claim_is_read_back(claim: ClaimPayload) -> None:
    assert transfers.read(claim.encoded) == claim


@given(
    one=strategies.transfers | descriptions | claims,
    place=up_to(80),
    instead=st.binary(max_size=3),
    cut=st.integers(0, 3),
)
def test_no_other_bytes_mean_the_same(one: Any, place: int, instead: bytes, cut: int) -> None:
    """Whatever is changed, inserted or dropped: it is refused, or means something else that encodes to those bytes."""
    changed = one.encoded[:place] + instead + one.encoded[place + cut :]
    try:
        read = transfers.read(changed)
    except ValueError:
        return
    assert read.encoded == changed


WORD = b"\1" * 32
PLAIN = Payload(Kind.OUT, "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20, 901, 10**18)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (PLAIN.encoded[:-1], "at least 128 bytes"),
        (PLAIN.encoded + b"\0", "129 bytes, expected 128"),
        (replace(PLAIN, id=WORD).encoded[:-1], "159 bytes, expected 160"),
        (replace(PLAIN, id=bytes(32)).encoded, "id is zero"),
        (replace(PLAIN, kind=Kind.BACK, id=WORD).encoded, "than its kind has"),
        (replace(PLAIN, kind=Kind.RETURN).encoded, "than its kind has"),
        (replace(PLAIN, kind=Kind.RETURN, id=WORD, sender=PLAIN.to).encoded, "than its kind has"),
        (replace(PLAIN, amount=0).encoded, "of nothing"),
        (replace(PLAIN, tip=transfers.TIP_PARTS + 1).encoded, "a tip that it cannot have"),
        (replace(PLAIN, tip=1, sender=PLAIN.to).encoded, "a tip that it cannot have"),
        (replace(PLAIN, sender=PLAIN.from_).encoded[:-1], "159 bytes, expected 160 and data"),
        (replace(PLAIN, sender=PLAIN.from_).encoded, "160 bytes, expected 160 and data"),
        (replace(PLAIN, kind=Kind.NONE).encoded, "no kind of transfer: 0"),
        (replace(PLAIN, kind=Kind.DESCRIBE).encoded, "no kind of transfer: 4"),
        (PLAIN.encoded[:32] + b"\4" + PLAIN.encoded[33:], "must be zero"),
        (PLAIN.encoded[:64] + b"\1" + PLAIN.encoded[65:], "must be zero"),
        (PLAIN.encoded[:96] + b"\1" + PLAIN.encoded[97:], "must be zero"),
        (replace(PLAIN, sender=PLAIN.from_).encoded[:128] + b"\1" * 33, "no address"),
    ],
)
def test_what_no_bridge_sends_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Payload.read(payload)


@pytest.mark.parametrize(
    "member", ["chain", "amount", "fee", "tip", "ramp", "sent_at", "hop_at", "deadline", "extra_gas"]
)
def test_a_number_that_does_not_fit_is_not_cut(member: str) -> None:
    with pytest.raises(OverflowError):
        _ = replace(PLAIN, **{member: 1 << 128}).encoded  # type: ignore[arg-type]


@given(front=fronts)
def test_a_key_is_the_hash_of_ten_words(front: Front) -> None:
    struct = "(bytes32,uint256,uint256,address,address,uint128,uint32,uint16,uint40,uint40)"
    assert front.key == keccak(encode([struct], [astuple(front)]))


@given(front=fronts.map(lambda front: replace(front, tip=front.tip % transfers.TIP_PARTS)))
def test_what_a_solver_keeps_grows_to_the_tip(front: Front) -> None:
    """Nothing at first unless there is no ramp, then never less, the whole tip at its end."""
    whole = front.amount * front.tip // transfers.TIP_PARTS
    steps = [
        front.kept(front.sent_at + passed) for passed in sorted({0, 1, front.ramp // 2, front.ramp, 2**16})
    ]
    assert steps == sorted(steps)
    assert steps[-1] == front.kept(front.sent_at + front.ramp) == whole
    assert steps[0] == front.kept(front.sent_at - 1) == (0 if front.ramp else whole)


@given(first=addresses, other=addresses, id_=words)
def test_another_gateways_ids_are_its_own(first: str, other: str, id_: bytes) -> None:
    assert transfer_id(first, first, id_) == id_
    if other != first:
        assert transfer_id(first, other, id_) not in (id_, transfer_id(other, first, id_))


@given(
    place=st.tuples(addresses, addresses), homes=st.lists(st.tuples(up_to(2**64 - 1), addresses), max_size=5)
)
def test_each_token_has_an_address_of_its_own(place: tuple[str, str], homes: list[tuple[int, str]]) -> None:
    assert len({representation(*place, *home) for home in homes}) == len(set(homes))


def test_options_are_sent_as_they_are_read() -> None:
    chosen = Options(PLAIN.to, 5, 6, 7, 8, 9, True, 10, b"call")
    data = bridge.send_call(PLAIN.token, 903, PLAIN.to, 7, chosen)
    assert Options.of(bridge.SEND_WITH.decode_arguments(data)[-1]) == chosen
    assert bridge.send_call(PLAIN.token, 903, PLAIN.to, 7, Options()) == bridge.SEND.encode(
        PLAIN.token, 903, PLAIN.to, 7
    )
