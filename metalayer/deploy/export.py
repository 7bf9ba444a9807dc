"""What programs, explorers and people take over of a deployment, as files: of the same state the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metalayer.deploy.artifacts import interface_abis, load_artifacts, standard_input
from metalayer.deploy.contracts import ARTIFACTS
from metalayer.deploy.desired import FirstSets, Resolved
from metalayer.deploy.intent import Intent, load_intent, resolve
from metalayer.deploy.journal import Journal
from metalayer.deploy.names import FACTORY
from metalayer.deploy.report import report
from metalayer.deploy.sources import to_text
from metalayer.deploy.strangers import accounts_of
from metalayer.deploy.verification import INPUTS, submissions
from metalayer.network.config import Network
from metalayer.network.registry import Registry, journal_path, registry_path

REPORT, ABIS, VERIFICATION = "REPORT.md", "abi", "verification"
"""The report, the ABIs of contracts and interfaces, and what explorers take."""


def export_files(network: Network) -> dict[str, str]:
    """Every file's text by its name in the folder. No chain is read. MetalayerError if nothing is deployed."""
    path = registry_path(network)
    registry = Registry.load(network)
    artifacts = load_artifacts(ARTIFACTS)
    intent = load_intent()
    resolved = _resolved(intent, network, registry, accounts_of(registry, path), artifacts[FACTORY].creation)
    abis = interface_abis() | {name: artifact.abi for name, artifact in artifacts.items()}
    files = {
        "registry.json": registry.text(),
        REPORT: report(intent, resolved, registry, Journal(journal_path(network))),
    }
    files |= {f"{ABIS}/{name}.json": _text(abi) for name, abi in abis.items()}
    used: set[str] = set()
    for chain in registry.chains:
        listed = list(submissions(registry, chain, artifacts))
        used |= {one.input for one in listed}
        files[f"{VERIFICATION}/{chain}.json"] = _text(
            {"chainId": registry.chain(chain).chain_id, "contracts": [one.as_dict() for one in listed]}
        )
    for name in artifacts:
        if f"{INPUTS}/{name}.json" in used:
            files[f"{VERIFICATION}/{INPUTS}/{name}.json"] = to_text(standard_input(name))
    return files


def write(files: dict[str, str], folder: Path) -> None:
    """Writes them, over what is there."""
    for name, text in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _resolved(
    intent: Intent, network: Network, registry: Registry, account: Callable[[str], str], factory: bytes
) -> Resolved:
    published = () if registry.validator_set is None else (registry.first_validator_set(),)
    started = dict.fromkeys(registry.chains, published[0]) if published else {}
    sets = FirstSets(published, started, is_due=not published)
    return resolve(intent, network, account, factory, sets)


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
