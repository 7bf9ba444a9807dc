"""The mirrors of Staking and the Slasher are what the compiler made of the contracts."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import load_artifacts
from metalayer.protocol import bond, slasher, staking
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import compact, long
from metalayer.protocol.staking import Rewards, Validator, ValidatorState, matures_at, period_of, possession
from tools.repository import repo_root

DAY = 86_400


def _type(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return f"({','.join(map(_type, entry['components']))}){entry['type'].removeprefix('tuple')}"


def _types(entries: list[dict[str, Any]]) -> str:
    return ",".join(map(_type, entries))


@pytest.mark.parametrize(("mirror", "contract"), [(staking, "Staking"), (slasher, "Slasher")])
def test_calls_and_events_are_the_compiled_ones(mirror: ModuleType, contract: str) -> None:
    abi = load_artifacts([contract])[contract].abi
    functions = {
        f"{item['name']}({_types(item['inputs'])})": item for item in abi if item["type"] == "function"
    }
    events = {
        f"{item['name']}({','.join(_type(e) + ' indexed' * e['indexed'] for e in item['inputs'])})"
        for item in abi
        if item["type"] == "event"
    }
    assert {function.signature for function in mirror.FUNCTIONS.values()} <= functions.keys()
    assert {event.signature for event in mirror.EVENTS.values()} <= events
    read: list[Function[Any]] = [function for function in mirror.FUNCTIONS.values() if function.returns]
    assert {function.signature: function.returns for function in read} == {
        function.signature: _types(functions[function.signature]["outputs"]) for function in read
    }


def test_structs_have_the_fields_of_the_contracts_in_their_order() -> None:
    (validator,) = [
        item for item in load_artifacts(["Staking"])["Staking"].abi if item.get("name") == "validator"
    ]
    named = [
        re.sub(r"(?<!^)(?=[A-Z])", "_", field["name"]).lower()
        for field in validator["outputs"][0]["components"]
    ]
    assert list(Validator.__dataclass_fields__) == named


_CONSTANT = re.compile(
    r"\buint\d*\s+(?:public|internal|private)\s+(?:override\s+)?constant\s+(\w+)\s*=\s*([\w ]+);"
)


def test_numbers_are_those_of_the_contracts() -> None:
    found = {}
    for path in (repo_root() / "contracts" / "staking").rglob("*.sol"):
        for name, value in _CONSTANT.findall(path.read_text(encoding="utf-8")):
            number, _, unit = value.replace("_", "").partition(" ")
            if number.isdigit() and unit in ("", "days"):
                found[name] = int(number) * (DAY if unit else 1)
    mirrored = {
        "PERIOD": staking.PERIOD,
        "UNBONDING_PERIODS": staking.UNBONDING_PERIODS,
        "STREAM": staking.STREAM,
        "TERM": staking.TERM,
        "LIFETIME": staking.LIFETIME,
        "NOTICE": staking.NOTICE,
        "SILENCE": staking.SILENCE,
        "WEEK": staking.WEEK,
        "CORRELATED_WEEKS": staking.CORRELATED_WEEKS,
        "MAX_LEVERAGE": staking.MAX_LEVERAGE,
        "MIN_FRACTION": bond.MIN_FRACTION,
        "BOUNTY_DIVISOR": bond.BOUNTY_DIVISOR,
        "BASIS_POINTS": bond.BASIS_POINTS,
        "SETTLE_DELAY": slasher.SETTLE_DELAY,
    }
    assert {name: found[name] for name in mirrored} == mirrored


@pytest.mark.parametrize("into", [0, 1, staking.PERIOD - 1])
def test_what_leaves_is_free_after_21_to_24_days(into: int) -> None:
    now = 6_000 * staking.PERIOD + into
    free = matures_at(period_of(now))
    assert 21 * DAY < free - now <= 24 * DAY
    assert free == 6_008 * staking.PERIOD


def _validator(**values: Any) -> Validator:
    usual = dict.fromkeys(Validator.__dataclass_fields__, 0) | {"signer": "", "operator": ""}
    return Validator(**(usual | {"state": ValidatorState.OPEN} | values))


def test_room_is_twenty_times_the_own_stake() -> None:
    assert _validator(own=100, stake=150).room == 1_850
    assert _validator(own=100, stake=2_000).room == 0
    assert _validator(own=100, stake=150).delegated == 50


def test_a_commission_counts_from_its_time_on() -> None:
    one = _validator(commission=500, next_commission=700, next_commission_at=1_000)
    assert [one.commission_at(now) for now in (999, 1_000)] == [500, 700]


@pytest.mark.parametrize(
    ("now", "rate"),
    [
        (100, 2.0),
        (150, 2.0),
        (199, 2.0),
        (200, 0.5),
        (200 + staking.STREAM - 1, 0.5),
        (200 + staking.STREAM, 0),
    ],
)
def test_what_waits_streams_when_what_streams_has_ended(now: int, rate: float) -> None:
    stream = Rewards(0, 200, staking.STREAM // 2, 100, 200, 0)
    assert stream.per_second(now) == rate


def test_a_case_has_the_key_of_its_accusation() -> None:
    """The contract's `keyOf`, whose encoding is five words."""
    accusation = slasher.Accusation(7, slasher.Kind.FALSE_PLACE, 901, 902, 12)
    words = b"".join(value.to_bytes(32, "big") for value in (7, 2, 901, 902, 12))
    assert accusation.key == keccak(words)


def test_kinds_of_evidence() -> None:
    assert "".join(kind.letter for kind in slasher.Kind) == "aabbbcc"
    assert [kind.pardonable for kind in slasher.Kind] == [False] * 2 + [True] * 5


def test_a_long_signature_recovers_to_who_made_the_compact_one() -> None:
    key = Account.from_key(keccak(text="a key"))
    contract, operator = (to_checksum_address("0x" + digits * 20) for digits in ("11", "22"))
    message = possession(901, contract, operator, key.address)
    signature = key.sign_message(message)
    assert long(signature) == bytes(signature.signature)
    assert compact(signature)[:32] == long(signature)[:32]
