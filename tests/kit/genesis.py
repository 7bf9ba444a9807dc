"""Locked ERA and the airdrop of the tests' network, as if its genesis had been at another time: tests hold for ever."""

from __future__ import annotations

from pathlib import Path

from eth_utils.crypto import keccak

from metalayer.assets.airdrop import load_tree
from metalayer.deploy.names import AIRDROP, VESTING, artifact_of
from metalayer.network.config import load_network
from metalayer.network.registry import Registry, registry_path
from metalayer.protocol.dates import DAY
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.merkle import Tree
from tests.kit.deployment import Deployment
from tests.kit.evm import Contract, code_of, contract_types, init_code, now, recode
from tools.repository import repo_root

YEAR = 365 * DAY
TREE = repo_root() / "demo" / "airdrop" / "tree.json"


def sample() -> Tree:
    """The airdrop of deploy.yaml."""
    return load_tree(TREE)


def begin(deployment: Deployment, ago: int) -> int:
    """Genesis was so many seconds before the hub's last block, and the registry says so. Returns its Unix time."""
    chain, registry = deployment.chains["hub"], deployment.registry
    start, known = now(chain) - ago, registry.chains["hub"].contracts
    contracts = dict(known)
    for name, old in known.items():
        contract = artifact_of(name)
        if contract == VESTING:
            given = {**old.arguments, "startTimestamp": start + YEAR}
        elif contract == AIRDROP:
            given = {**old.arguments, "end": start + YEAR}
        else:
            continue
        place = Contract(chain, contract, old.address)
        names = [entry.name for entry in contract_types()[contract].constructor.inputs]
        values = [from_hex(given[name]) if name == "root" else given[name] for name in names]
        recode(place, init_code(contract, *values))
        code_hash = to_hex(keccak(code_of(chain, old.address)))
        contracts[name] = old.model_copy(update={"arguments": given, "code_hash": code_hash})
    hub = registry.chains["hub"].model_copy(update={"contracts": contracts})
    began = registry.model_copy(update={"chains": {**registry.chains, "hub": hub}})
    Registry.save(began, _path())
    return start


def _path() -> Path:
    return registry_path(load_network())
