"""The registry says what happened, and is of one deployment."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metalayer.deploy.apply import Deployer
from metalayer.deploy.journal import Journal
from metalayer.deploy.names import ERA, FACTORY, GATEWAY, artifact_of
from metalayer.deploy.provenance import commit
from metalayer.deploy.sources import checkout
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.signers import address_of
from tests.kit.roles import GUARDIAN, PAYER, SECOND_DEPLOYER, SUCCESSOR

pytestmark = pytest.mark.usefixtures("deployment")


def quietly(chain: str, what: str, left: int) -> None:
    pass


def content(deployer: Deployer) -> Any:
    return json.loads(deployer.registry_path.read_bytes())


def test_each_contract_is_recorded_with_its_compiler_and_commit(
    deployer: Deployer, connections: dict[str, Connection]
) -> None:
    registry = deployer.apply(quietly)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout(), capture_output=True, text=True, check=True
    )
    assert commit() in (head.stdout.strip(), f"{head.stdout.strip()}-dirty")
    for name, chain in registry.chains.items():
        assert chain.genesis == connections[name].block(0).hash
        for contract, entry in chain.contracts.items():
            assert entry.compiler == deployer.artifacts[artifact_of(contract)].compiler
            assert re.fullmatch(r"\d+\.\d+\.\d+\+commit\.[0-9a-f]{8}", str(entry.compiler))
            if contract != FACTORY:
                assert entry.commit == commit()
                receipt = connections[name].rpc("eth_getTransactionReceipt", entry.tx_hash)
                assert int(receipt["blockNumber"], 16) == entry.block
    assert registry.accounts[SECOND_DEPLOYER.alias] == SECOND_DEPLOYER.address
    assert registry.accounts[GUARDIAN.alias] == GUARDIAN.address
    assert {name: address_of(name) for name in registry.accounts} == registry.accounts


def test_what_was_paid_is_in_the_journal(deployer: Deployer, connections: dict[str, Connection]) -> None:
    before = {
        n: int(c.rpc("eth_getBalance", SECOND_DEPLOYER.address, "latest"), 16) for n, c in connections.items()
    }
    deployer.apply(quietly)
    records = Journal(deployer.folder / "journal.jsonl").records
    sent = {r["hash"]: r["from"] for r in records if r["record"] == "send"}
    for name, connection in connections.items():
        own = [r for r in records if r["record"] == "receipt" and r["chain"] == name]
        paid = sum(r["paid"] for r in own if sent[r["hash"]] == SECOND_DEPLOYER.address)
        after = int(connection.rpc("eth_getBalance", SECOND_DEPLOYER.address, "latest"), 16)
        assert paid == before[name] - after > 0


def test_the_chains_alone_give_the_same_registry(deployer: Deployer, tmp_path: Path) -> None:
    """But for the commits, which no chain knows. Arguments too: they are read from what was sent."""
    deployer.apply(quietly)
    elsewhere = replace(deployer, folder=tmp_path / "elsewhere")
    elsewhere.apply(quietly)
    expected = content(deployer)
    for chain in expected["chains"].values():
        for contract in chain["contracts"].values():
            contract.pop("commit", None)
    assert content(elsewhere) == expected


@pytest.mark.parametrize("lost", [False, True], ids=["records", "records lost"])
def test_what_deploy_yaml_says_today_is_not_recorded(
    deployer: Deployer, with_intent: Callable[..., Deployer], lost: bool
) -> None:
    registry = deployer.apply(quietly)
    changed = with_intent(governance=deployer.intent.governance.model_copy(update={"voting_delay": 259_200}))
    if lost:
        for file in deployer.folder.iterdir():
            file.unlink()
    again = changed.apply(quietly)
    for name in ("EraGovernor", ERA, GATEWAY):
        assert again.contract("hub", name).arguments == registry.contract("hub", name).arguments


def test_another_deployer_does_not_overwrite_the_registry(
    deployer: Deployer, with_intent: Callable[..., Deployer], connections: dict[str, Connection]
) -> None:
    deployer.apply(quietly)
    before = deployer.registry_path.read_bytes()
    for other in (PAYER, SUCCESSOR):
        connections["hub"].rpc("anvil_setBalance", other.address, hex(10**21))
        with pytest.raises(MetalayerError) as refused:
            with_intent(deployer=other.alias).apply(quietly)
        assert str(refused.value) == (
            f"{deployer.registry_path} is of another deployment (deployer {SECOND_DEPLOYER.address}, now "
            f"{other.address}): make deploy.yaml and networks.yaml what they were, or move registry and journal away "
            "to begin anew"
        )
    assert deployer.registry_path.read_bytes() == before
    assert not deployer.plan().has_changes


def test_other_chains_do_not_overwrite_the_registry(deployer: Deployer) -> None:
    """On networks that are not local: those forget everything when they restart."""
    deployer.apply(quietly)
    arcade = replace(deployer.network.chains["arcade"], base_port=None, remote_url="http://127.0.0.1:9")
    real = replace(
        deployer, network=replace(deployer.network, chains={**deployer.network.chains, "arcade": arcade})
    )
    path = deployer.registry_path
    genesis = content(deployer)["chains"]["perps"]["genesis"]
    path.write_text(path.read_text().replace(genesis, "0x" + "11" * 32))
    before = path.read_bytes()
    with pytest.raises(
        MetalayerError, match=rf"another deployment \(block 0 of perps 0x1111\w+, now {genesis}\)"
    ):
        real.apply(quietly)
    assert path.read_bytes() == before
    assert deployer.apply(quietly).chains["perps"].genesis == genesis
