"""What others sign: a plan is written to files, sent by them, and `apply` goes on from what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metalayer.deploy.apply import Deployer
from metalayer.deploy.names import GATEWAY
from metalayer.deploy.unsigned import batches, checksum, write_unsigned
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.transactions import Sender
from metalayer.protocol.abi import Function
from tests.kit.owning import act_as
from tests.kit.roles import GUARDIAN, OPERATORS, SECOND_DEPLOYER, Role

pytestmark = pytest.mark.usefixtures("deployment")

SET_WATCHER = Function("setWatcher(address,bool)")
ROLES: dict[str, Role] = {role.address: role for role in (SECOND_DEPLOYER, GUARDIAN, *OPERATORS)}

PUBLISHED_BATCH: dict[str, Any] = {
    "version": "1.0",
    "chainId": "4",
    "createdAt": 1646321521061,
    "meta": {
        "name": "test batch file",
        "txBuilderVersion": "1.4.0",
        "checksum": "",
        "createdFromSafeAddress": "0xDF8a1Ce35c9a6ACE153B4e0767942f1E2291a1Aa",
        "createdFromOwnerAddress": "0x49d4450977E2c95362C13D3a31a09311E0Ea26A6",
    },
    "transactions": [
        {
            "to": "0x49d4450977E2c95362C13D3a31a09311E0Ea26A6",
            "value": "0",
            "contractMethod": {
                "inputs": [{"internalType": kind, "name": name, "type": kind}],
                "name": method,
                "payable": False,
            },
            "contractInputsValues": values,
        }
        for kind, name, method, values in (
            (
                "address",
                "paramAddress",
                "testAddress",
                {"paramAddress": "0x49d4450977E2c95362C13D3a31a09311E0Ea26A6"},
            ),
            ("bool", "paramBool", "testBool", {"paramAddress": "", "paramBool": "false"}),
        )
    ]
    + [
        {
            "to": "0x49d4450977E2c95362C13D3a31a09311E0Ea26A6",
            "value": "2000000000000000000",
            "data": "0x42f4579000000000000000000000000049d4450977e2c95362c13d3a31a09311e0ea26a6",
        }
    ],
}
"""Of the tests of Safe's own Transaction Builder (safe-react-apps, apps/tx-builder/src/lib/checksum.test)."""


def quietly(chain: str, what: str, left: int) -> None:
    pass


def keyless(deployer: Deployer) -> Deployer:
    """Nobody who has to send something has a key here; the validators' keys are."""

    def sender_of(name: str) -> Sender:
        if name in ROLES:
            raise MetalayerError(f"no account has the key of {name}")
        return deployer.sender_of(name)

    return replace(deployer, sender_of=sender_of)


def plain(folder: Path, chain: str) -> Iterator[dict[str, Any]]:
    """In the order of the files' names, as somebody would send them."""
    for path in sorted(folder.glob(f"{chain}-*.transactions.json")):
        yield from json.loads(path.read_text())


def sign_and_send(connections: dict[str, Connection], folder: Path) -> int:
    """As hardware signers would: each transaction exactly as it is written."""
    count = 0
    for name, connection in connections.items():
        for transaction in plain(folder, name):
            fields = {
                key: int(value, 16) if key not in ("to", "data") else value
                for key, value in transaction.items()
                if key not in ("step", "from")
            }
            raw = ROLES[transaction["from"]].sign(fields)
            receipt = connection.rpc("eth_sendRawTransactionSync", "0x" + raw.hex())
            assert receipt["status"] == "0x1", transaction["step"]
            count += 1
    return count


def test_a_batch_s_checksum_is_safe_s() -> None:
    assert checksum(PUBLISHED_BATCH) == "0x86c81826dbf7e8a37612153294cc85fdf5c81998dd0a44b86d945502a7eace7c"
    other = {**PUBLISHED_BATCH, "transactions": PUBLISHED_BATCH["transactions"][::-1]}
    assert checksum(other) != checksum(PUBLISHED_BATCH)


def test_a_deployment_without_any_key_here(
    deployer: Deployer, connections: dict[str, Connection], tmp_path: Path
) -> None:
    """The files, twice: what starts needs the set that the first ones publish. Then apply writes the registry."""
    apart = keyless(deployer)
    first = apart.plan(unsigned=True)
    assert not any(planned.step.waits for steps in first.chains.values() for planned in steps)
    files = write_unsigned(first, connections, tmp_path / "first")
    assert len(files) == 2 * len(batches(first))
    assert sign_and_send(connections, tmp_path / "first") == sum(map(len, first.missing.values()))
    second = apart.plan(unsigned=True)
    assert {
        planned.step.kind for chain in second.chains.values() for planned in chain if planned.step.is_missing
    } == {
        "start",
        "hand over",
    }
    write_unsigned(second, connections, tmp_path / "second")
    assert sign_and_send(connections, tmp_path / "second") == sum(map(len, second.missing.values()))
    assert apart.plan(unsigned=True).is_settled
    registry = apart.apply(quietly)
    assert set(registry.chains) == set(connections)
    for name, chain in registry.chains.items():
        for contract, entry in chain.contracts.items():
            if contract != "Create3Factory":
                assert entry.block is not None
                assert entry.tx_hash is not None
        assert connections[name].code(chain.contracts[GATEWAY].address)
    assert apart.plan().is_settled


def test_a_batch_fits_a_transaction_and_waits_for_none(deployer: Deployer, tmp_path: Path) -> None:
    plan = deployer.plan()
    found = batches(plan)
    for chain, steps in plan.missing.items():
        own = [batch for batch in found if batch.chain == chain]
        assert [planned.step for batch in own for planned in batch.steps] == steps
        assert [batch.number for batch in own] == list(range(1, len(own) + 1))
        for batch in own:
            assert {planned.step.sender for planned in batch.steps} == {batch.sender}
            assert sum(planned.gas for planned in batch.steps) < MAX_TRANSACTION_GAS
    connections = dict(deployer.connections)
    folder = tmp_path / "files"
    folder.mkdir()
    stale = folder / f"hub-{len(found) + 1:02d}-{found[0].sender}.safe.json"
    stale.write_text("{}")
    write_unsigned(plan, connections, folder)
    assert not stale.exists(), "what another plan would have sent is not signed with this one's"
    for batch in found:
        content = json.loads((folder / f"{batch.name}.safe.json").read_text())
        assert content["meta"]["checksum"] == checksum(content)
        assert content["chainId"] == str(batch.chain_id)
        assert content["meta"]["createdFromSafeAddress"] == batch.sender
        plain_ones = json.loads((folder / f"{batch.name}.transactions.json").read_text())
        assert [one["data"] for one in content["transactions"]] == [one["data"] for one in plain_ones]
    again = tmp_path / "again"
    write_unsigned(plan, connections, again)
    for path in folder.glob("*.safe.json"):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_operators_and_council_are_safes(
    deployer: Deployer, connections: dict[str, Connection], tmp_path: Path
) -> None:
    """The deployer's key is here; the bonds and the council's settings come as batches, sent by whoever holds those."""

    def sender_of(name: str) -> Sender:
        if name in {role.address for role in (GUARDIAN, *OPERATORS)}:
            raise MetalayerError(f"no account has the key of {name}")
        return deployer.sender_of(name)

    apart = replace(deployer, sender_of=sender_of)
    with pytest.raises(MetalayerError, match="has to run `ape metalayer stake register"):
        apart.apply(quietly)
    bonding = apart.plan(["hub"], unsigned=True)
    own = {operator.address for operator in OPERATORS}
    run_batches(bonding, connections, lambda sender: sender in own, tmp_path / "bonds")
    registry = apart.apply(quietly)
    assert set(registry.chains) == set(connections)

    dismissed = SET_WATCHER.encode(GUARDIAN.address, False)
    connections["perps"].send(GUARDIAN, registry.address("Guardian"), dismissed)
    assert [step.name for step in apart.plan(unsigned=True).missing["perps"]] == [
        f"watcher {GUARDIAN.address}"
    ]
    run_batches(apart.plan(unsigned=True), connections, lambda sender: True, tmp_path / "council")
    assert apart.plan().is_settled
    assert apart.apply(quietly) == registry


def run_batches(
    plan: Any, connections: dict[str, Connection], theirs: Callable[[str], bool], folder: Path
) -> None:
    """As a Safe at that address would: the calls of a file, from it, in one block or more."""
    write_unsigned(plan, connections, folder)
    for path in sorted(folder.glob("*.safe.json")):
        content = json.loads(path.read_text())
        sender = content["meta"]["createdFromSafeAddress"]
        (connection,) = (one for one in connections.values() if str(one.chain_id) == content["chainId"])
        for transaction in content["transactions"] if theirs(sender) else ():
            act_as(connection, sender, transaction["to"], bytes.fromhex(transaction["data"][2:]))
