"""The mirrors of governance are what the compiler made of the contracts, and their ids what Solidity computes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from eth_abi.exceptions import DecodingError

from metalayer.deploy.artifacts import load_artifacts
from metalayer.protocol import decisions, governor
from metalayer.protocol.abi import Event, Function
from metalayer.protocol.decisions import Decision, DecisionState
from metalayer.protocol.governor import HubProposal, ProposalState, proposer_suffix
from tools.repository import repo_root

MIRRORS: dict[str, Sequence[Function[Any] | Event[Any]]] = {
    "EraGovernor": (*governor.GOVERNOR_FUNCTIONS, *governor.GOVERNOR_EVENTS),
    "Timelock": governor.TIMELOCK_FUNCTIONS,
    "Guardian": governor.GUARDIAN_FUNCTIONS,
    "DecisionOutbox": (*decisions.OUTBOX_FUNCTIONS, *decisions.OUTBOX_EVENTS),
    "RemoteGovernor": (*decisions.REMOTE_FUNCTIONS, *decisions.REMOTE_EVENTS),
    "Expect": decisions.EXPECT_FUNCTIONS,
}


def _type(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return f"({','.join(map(_type, entry['components']))}){entry['type'].removeprefix('tuple')}"


def _types(entries: list[dict[str, Any]]) -> str:
    return ",".join(map(_type, entries))


@pytest.mark.parametrize("contract", MIRRORS)
def test_calls_and_events_are_the_compiled_ones(contract: str) -> None:
    abi = load_artifacts([contract])[contract].abi
    functions = {f"{i['name']}({_types(i['inputs'])})": i for i in abi if i["type"] == "function"}
    events = {
        f"{item['name']}({','.join(_type(e) + ' indexed' * e['indexed'] for e in item['inputs'])})"
        for item in abi
        if item["type"] == "event"
    }
    for one in MIRRORS[contract]:
        assert one.signature in (events if isinstance(one, Event) else functions)
        if isinstance(one, Function) and one.returns:
            assert one.returns == _types(functions[one.signature]["outputs"])


_CONSTANT = re.compile(r"\buint\d+ public constant (\w+) = (\d+) days;")


def test_numbers_are_those_of_the_contracts() -> None:
    found: dict[str, int] = {}
    for path in (repo_root() / "contracts" / "governance").glob("*.sol"):
        found |= {
            name: int(days) * 86_400 for name, days in _CONSTANT.findall(path.read_text(encoding="utf-8"))
        }
    mirrored = {name: value for module in (decisions, governor) for name, value in vars(module).items()}
    assert found.keys() - mirrored.keys() == {"MIN_VOTING_PERIOD"}
    assert {name: mirrored[name] for name in found if name in mirrored} == {
        name: value for name, value in found.items() if name in mirrored
    }


_ENUM = re.compile(r"enum (\w+) \{([^}]*)\}")


def test_states_are_those_of_the_contracts() -> None:
    sources = (
        repo_root() / "contracts" / "interfaces" / "IRemoteGovernor.sol",
        repo_root() / "node_modules" / "@openzeppelin" / "contracts" / "governance" / "IGovernor.sol",
    )
    found: dict[str, list[str]] = {}
    for path in sources:
        for name, members in _ENUM.findall(path.read_text(encoding="utf-8")):
            found[name] = [member.strip().upper() for member in members.split(",")]
    assert [state.name for state in DecisionState] == found["DecisionState"]
    assert [state.name for state in ProposalState] == found["ProposalState"]


DECISION = Decision(
    b"\x01" * 32,
    ("0x" + "12" * 20,),
    (7,),
    (b"\x12\x34\x56\x78",),
    (b"\x02" * 32,),
    b"\x03" * 32,
    (b"\x04" * 32,),
)


def test_a_decision_is_read_back_from_its_message() -> None:
    assert Decision.read(DECISION.encoded) == DECISION
    with pytest.raises(DecodingError):
        Decision.read(DECISION.encoded[:-32])


def test_a_decision_is_called_with_itself() -> None:
    data = decisions.DECIDE.encode(902, DECISION, 5)
    chain_id, fields, gas_limit = decisions.DECIDE.decode_arguments(data)
    assert (chain_id, Decision.of(fields), gas_limit) == (902, DECISION, 5)


def test_the_salt_in_the_timelock_depends_on_the_governor() -> None:
    proposal = HubProposal(("0x" + "12" * 20,), (0,), (b"",), "text")
    one, other = (proposal.operation("0x" + digit * 40) for digit in "12")
    assert one != other


def test_the_suffix_is_what_openzeppelin_reads() -> None:
    """Governor._isValidDescriptionForProposer: the last 52 bytes."""
    suffix = proposer_suffix("0xAbCdEf0123456789aBcDeF0123456789ABCDEF01")
    assert suffix == "#proposer=0xabcdef0123456789abcdef0123456789abcdef01"
    assert len(suffix.encode()) == 52
