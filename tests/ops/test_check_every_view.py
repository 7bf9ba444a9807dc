"""Every public view of every contract that is deployed is checked, or listed with the reason why it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.cli.check import cli
from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.check import Finding, check
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.coverage import CODE, COVERAGE, unchecked
from metalayer.deploy.desired import Resolved
from metalayer.deploy.intent import load_intent
from metalayer.deploy.names import artifact_of
from metalayer.network.config import Network
from metalayer.network.connection import Connection
from metalayer.network.registry import Contract
from metalayer.network.signers import address_of, load_sender
from metalayer.protocol.abi import Function
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Request, call_request
from tests.kit.deployment import Deployment
from tests.kit.mutations import MUTATIONS, Bench, Mutation, represent

IMMUTABLE = [
    (contract, view)
    for contract, views in COVERAGE.items()
    for view in views.checked
    if (contract, view) not in MUTATIONS
]
"""What is checked and no storage holds: it is in the code."""


def type_of(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return f"({','.join(map(type_of, entry['components']))}){entry['type'].removeprefix('tuple')}"


def signature(item: dict[str, Any]) -> str:
    return f"{item['name']}({','.join(map(type_of, item['inputs']))})"


def entry_of(deployment: Deployment, artifact: str) -> tuple[str, str, Contract]:
    """Chain, name and entry of the first contract that is made from an artifact."""
    return next(
        (chain, name, entry)
        for chain, there in deployment.registry.chains.items()
        for name, entry in there.contracts.items()
        if artifact_of(name) == artifact
    )


def views_of(contract: str) -> set[str]:
    abi = load_artifacts([contract])[contract].abi
    return {
        signature(item)
        for item in abi
        if item["type"] == "function" and item["stateMutability"] in ("view", "pure")
    }


@pytest.mark.parametrize("contract", ARTIFACTS)
def test_every_view_is_checked_or_has_a_reason(contract: str) -> None:
    """A new view fails here until it is in one of them, and one that is gone until it is in none."""
    listed = COVERAGE[contract]
    names = [*listed.checked, *(view for views in listed.unchecked.values() for view in views)]
    assert sorted(names) == sorted(views_of(contract))
    assert all(listed.unchecked)


def test_every_checked_view_is_changed_by_a_test() -> None:
    """In storage, or in the code: then it has no argument."""
    known = {(contract, view) for contract, views in COVERAGE.items() for view in views.checked}
    assert MUTATIONS.keys() <= known
    assert all(MUTATIONS.values())
    assert [view for view in IMMUTABLE if not view[1].endswith("()")] == []


def test_the_list_can_be_read_without_a_chain() -> None:
    shown = CliRunner().invoke(cli, ["--unchecked"])
    assert shown.exit_code == 0
    rows = list(unchecked())
    count = sum(len(views.checked) for views in COVERAGE.values())
    assert shown.output.endswith(f"{count} views are compared, {len(rows)} are not\n")
    listed = json.loads(CliRunner().invoke(cli, ["--unchecked", "--json"]).output)
    assert [(one["contract"], one["view"], one["reason"]) for one in listed["unchecked"]] == rows
    assert "each that logs name" in listed["checked"]["Guardian"]["isWatcher(address)"]


@pytest.fixture(scope="module")
def deployer(deployment: Deployment, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Deployer:
    folder = tmp_path_factory.mktemp("records")
    return Deployer(network, dict(deployment.connections), load_intent(), address_of, load_sender, folder)


@pytest.fixture(scope="module")
def resolved(deployer: Deployer) -> Resolved:
    return deployer.plan().resolved


@pytest.fixture(scope="module")
def before(deployer: Deployer, deployment: Deployment, resolved: Resolved) -> dict[tuple[str, str], Finding]:
    """What is found while nothing was changed."""
    found = check(resolved, deployment.registry, deployer.connections, deployer.artifacts)
    assert [finding for finding in found if finding.is_drift] == []
    by_subject = {(finding.chain, finding.subject): finding for finding in found}
    assert len(by_subject) == len(found), "each is called something else"
    return by_subject


def drift_on(chain: str, deployer: Deployer, deployment: Deployment, resolved: Resolved) -> list[Finding]:
    """Of one chain: no other can have changed."""
    alone = replace(resolved, chains={chain: resolved.chains[chain]})
    found = check(alone, deployment.registry, deployer.connections, deployer.artifacts)
    return [finding for finding in found if finding.is_drift]


@pytest.mark.parametrize(
    ("contract", "mutation"),
    [
        pytest.param(contract, mutation, id=f"{contract}.{view.partition('(')[0]}-{number}")
        for (contract, view), mutations in MUTATIONS.items()
        for number, mutation in enumerate(mutations)
    ],
)
def test_each_value_that_was_changed_is_named_and_nothing_else(
    contract: str,
    mutation: Mutation,
    deployer: Deployer,
    deployment: Deployment,
    resolved: Resolved,
    before: dict[tuple[str, str], Finding],
) -> None:
    chain = mutation.chain
    mutation.change(Bench(deployment, chain))
    (found,) = drift_on(chain, deployer, deployment, resolved)
    assert (found.chain, found.subject) == (chain, mutation.subject)
    assert mutation.found in found.found
    former = before[chain, mutation.subject]
    assert former.contract == found.contract
    assert mutation.follows or former.expected == found.expected


@pytest.mark.parametrize(("contract", "view"), IMMUTABLE, ids=lambda value: value)
def test_each_value_in_the_code_that_was_changed_is_named_as_other_code(
    contract: str, view: str, deployer: Deployer, deployment: Deployment, resolved: Resolved
) -> None:
    chain, name, entry = entry_of(deployment, contract)
    connection = deployment.connections[chain]
    value = connection.call(entry.address, keccak(text=view)[:4])
    changed = (int.from_bytes(value, "big") ^ 1).to_bytes(32, "big")
    code = connection.code(entry.address)
    assert value in code, "an immutable is a word of the code"
    connection.rpc("anvil_setCode", entry.address, to_hex(code.replace(value, changed)))
    assert connection.call(entry.address, keccak(text=view)[:4]) == changed
    (found,) = drift_on(chain, deployer, deployment, resolved)
    assert (found.contract, found.subject, found.expected) == (name, f"{name} code", entry.code_hash)


def test_what_is_checked_is_asked_and_what_is_not_is_not(
    deployer: Deployer, deployment: Deployment, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[tuple[str, bytes]] = set()
    batch, ask = Connection.batch, Connection.ask

    def note(request: Request[Any]) -> Request[Any]:
        if request.method == "eth_call" and "to" in request.params[0]:
            asked.add((str(request.params[0]["to"]).lower(), from_hex(request.params[0]["data"])[:4]))
        return request

    # Something to ask for: what only logs tell of.
    for (_, view), mutations in MUTATIONS.items():
        if view in ("approvedHash(address,bytes32)", "waitingSince(bytes32)", "limitsOf(address,uint256)"):
            mutations[0].change(Bench(deployment, "arcade"))
    represent(Bench(deployment, "arcade"))
    monkeypatch.setattr(Connection, "batch", lambda self, requests: batch(self, map(note, requests)))
    monkeypatch.setattr(Connection, "ask", lambda self, request: ask(self, note(request)))
    check(resolved, deployment.registry, deployer.connections, deployer.artifacts)
    free = {(contract, view) for contract, view, reason in unchecked() if reason != CODE}
    for contract in ARTIFACTS:
        address = entry_of(deployment, contract)[2].address.lower()
        # Two contracts share an address on different chains.
        beside = {
            view
            for other in ARTIFACTS
            if entry_of(deployment, other)[2].address.lower() == address
            for view in COVERAGE[other].checked
        }
        for view in COVERAGE[contract].all:
            is_asked = (address, keccak(text=view)[:4]) in asked
            if view in COVERAGE[contract].checked:
                assert is_asked, f"{contract}.{view} is not asked"
            elif (contract, view) in free and view not in beside:
                assert not is_asked, f"{contract}.{view} is asked"


def plain(type_: str) -> Any:
    """A value of a type that a view may take."""
    if type_.endswith("[]"):
        return []
    if type_.startswith("("):
        return tuple(plain(part) for part in Function(f"f{type_}").parameters)
    return {"address": "0x" + "11" * 20, "bool": False, "string": "", "bytes": b""}.get(
        type_, bytes(int(type_[5:] or 0)) if type_.startswith("bytes") else 0
    )


def code_views() -> Iterator[tuple[str, str]]:
    return ((contract, view) for contract, view, reason in unchecked() if reason == CODE)


@pytest.mark.parametrize(("contract", "view"), code_views(), ids=lambda value: value)
def test_what_follows_from_the_code_does_not_depend_on_storage(
    contract: str, view: str, deployment: Deployment
) -> None:
    """Each answers, or reverts, as if the contract had kept nothing."""
    chain, _, entry = entry_of(deployment, contract)
    connection, address = deployment.connections[chain], entry.address
    parameters = Function(view).parameters
    data = keccak(text=view)[:4] + encode(parameters, [plain(type_) for type_ in parameters])

    def answer(*overrides: Any) -> Any:
        request = call_request(address, data)
        try:
            return connection.ask(Request("eth_call", (*request.params, *overrides), from_hex))
        except Exception as error:  # noqa: BLE001 (a revert is an answer)
            return str(error)

    assert answer() == answer({address: {"state": {}}})
