"""A contract is declared once: where it stands, its arguments, its settings and what is checked follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from metalayer.deploy.apply import Deployer
from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.check import Finding, check
from metalayer.deploy.contracts import CONTRACTS, contracts_of
from metalayer.deploy.declaration import Change, Declaration, View
from metalayer.deploy.desired import Desired
from metalayer.deploy.journal import Journal
from metalayer.deploy.names import GATEWAY
from metalayer.errors import MetalayerError
from metalayer.governance.names import shipped_abi
from metalayer.network.connection import Connection
from metalayer.protocol.abi import Function
from tests.kit.evm import contract_types
from tests.kit.roles import GUARDIAN, PAYER, SUCCESSOR

TARGET = Function("target()", "address")
SET_CALL = Function("setCall(address,bytes)")


def recipient_views(desired: Desired) -> Iterator[View]:
    target = desired.offices.council
    change = Change("aim", PAYER.address, SET_CALL, {"newTarget": target, "newCall": b""}, constructed=False)
    yield View("recipient's target", TARGET, target, change=change)


GREETER = Declaration("Greeter", lambda desired: {"gateway": desired.addresses[GATEWAY]}, where="spokes")
RECIPIENT = Declaration("ScriptedRecipient", views=recipient_views, where="hub")


def compiled(name: str) -> Artifact:
    kind = contract_types()[name]
    abi = [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in kind.abi]
    return Artifact(name, abi, bytes.fromhex(kind.deployment_bytecode.bytecode.removeprefix("0x")))


@pytest.fixture
def extended(deployer: Deployer, deployment: object, monkeypatch: pytest.MonkeyPatch) -> Deployer:
    """A network with two more contracts, one on the hub and one on every other chain."""
    for declaration in (GREETER, RECIPIENT):
        monkeypatch.setitem(CONTRACTS, declaration.name, declaration)
    more = {name: compiled(name) for name in (GREETER.name, RECIPIENT.name)}
    return replace(deployer, artifacts={**deployer.artifacts, **more})


def found(deployer: Deployer) -> dict[tuple[str, str], Finding]:
    registry = deployer.apply(lambda chain, what, left: None)
    findings = check(deployer.plan().resolved, registry, deployer.connections, deployer.artifacts)
    return {(finding.chain, finding.subject): finding for finding in findings}


def test_one_entry_deploys_sets_records_and_checks_a_contract(
    extended: Deployer, connections: dict[str, Connection]
) -> None:
    findings = found(extended)
    assert not any(finding.is_drift for finding in findings.values())
    registry = extended.apply(lambda chain, what, left: None)
    for chain, deployed in registry.chains.items():
        own = RECIPIENT if chain == "hub" else GREETER
        assert set(deployed.contracts) & {GREETER.name, RECIPIENT.name} == {own.name}
        assert (chain, f"{own.name} code") in findings
    gateway = registry.address(GATEWAY)
    assert registry.contract("arcade", GREETER.name).arguments == {"gateway": gateway}
    assert findings["arcade", "Greeter GATEWAY"].found == gateway
    assert ("hub", "Greeter GATEWAY") not in findings
    assert findings["hub", "recipient's target"].found == GUARDIAN.address
    sent = [r for r in Journal(extended.folder / "journal.jsonl").records if r["record"] == "send"]
    assert {r["from"] for r in sent if r["step"] == "aim"} == {PAYER.address}


def test_a_setting_is_put_back_by_whom_its_declaration_names(
    extended: Deployer, connections: dict[str, Connection]
) -> None:
    registry = extended.apply(lambda chain, what, left: None)
    stranger = SUCCESSOR
    data = SET_CALL.encode(stranger.address, b"")
    connections["hub"].send(stranger, registry.address(RECIPIENT.name), data)
    steps = extended.plan().chains["hub"]
    assert [planned.step.name for planned in steps if not planned.step.is_done] == ["aim"]
    assert not found(extended)["hub", "recipient's target"].is_drift


def test_arguments_that_the_constructor_does_not_take_are_refused(
    extended: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONTRACTS, "Greeter", replace(GREETER, arguments=lambda desired: {"token": 1}))
    refusal = r"the constructor of Greeter takes \(gateway\), declared are \(token\)"
    with pytest.raises(MetalayerError, match=refusal):
        extended.plan()


def test_subjects_and_steps_have_names_of_their_own(deployer: Deployer, deployment: object) -> None:
    """Values are kept by subject, receipts by step."""
    plan = deployer.plan()
    for chain, desired in plan.resolved.chains.items():
        views = [
            view.subject
            for contract in contracts_of(desired)
            for view in contract.all_views(desired, deployer.artifacts[contract.artifact])
        ]
        steps = [planned.step.name for planned in plan.chains[chain]]
        assert len(views) == len(set(views))
        assert len(steps) == len(set(steps))


def test_changes_name_their_arguments_as_the_abi_does(deployer: Deployer, deployment: object) -> None:
    """A proposal that mends a drift is written with these names."""
    for desired in deployer.plan().resolved.chains.values():
        for contract in contracts_of(desired):
            functions = {
                (item["name"], tuple(entry["name"] for entry in item["inputs"]))
                for item in shipped_abi(contract.artifact)
                if item["type"] == "function"
            }
            for view in contract.views(desired):
                if view.change is not None:
                    assert (view.change.function.name, tuple(view.change.arguments)) in functions
