"""Proposals of tests: files in a folder of their own, and chains on paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.governance.build import BuiltDecision, build
from metalayer.governance.built import Built
from metalayer.governance.faults import Faults
from metalayer.governance.files import Proposal, read, read_on
from metalayer.governance.names import Names
from metalayer.network.config import Network, load_network
from metalayer.network.signers import address_of
from tools.repository import repo_root

EVERYWHERE = (
    "Metalayer",
    "Guardian",
    "ERA",
    "TokenBridge",
    "BridgedToken",
    "Timelock",
    "Expect",
    "Create3Factory",
)
HUB_ONLY = ("EraGovernor", "DecisionOutbox", "Staking", "Slasher")
HALF_CLOSED = """
chains:
  hub:
    - Metalayer.setOpen: { chainId: social, outbound: true, inbound: false }
  arcade, perps:
    - Metalayer.setOpen: { chainId: social, outbound: false, inbound: true }
expect:
  - { on: "arcade, perps", call: Metalayer.route(social).outbound, is: true }
then:
  - { on: arcade, call: Metalayer.route(social).outbound, is: false }
  - transfer: 1 ERA from arcade to perps, and back
"""
WRITES = """
writes:
  hub: [Metalayer._inboxLanes]
  arcade, perps: [Metalayer._routes, Metalayer.closedSince]
"""
CODE = b"\x5f"
GAS = 120_000
_STEADY = (
    "passed",
    "hash",
    "proposal",
    "descriptionHash",
    "decisions",
    "actions",
    "warnings",
    "then",
    "tried",
)


def place_of(name: str) -> str:
    """Address of a contract on paper."""
    return str(to_checksum_address(keccak(text=name)[-20:]))


def refuse_stale(name: str, report: Mapping[str, Any]) -> None:
    """AssertionError if the report that ships with a proposal says otherwise than a new one, about what depends neither
    on blocks nor on dates.
    """
    folder = repo_root() / "proposals" / name
    shipped = json.loads((folder / "report.json").read_text())
    stale = [one for one in _STEADY if report[one] != shipped[one]]
    assert not stale, (
        f"{name} has a report of other code or another text: simulate it again (proposals/README.md)"
    )
    assert f"| hash | {shipped['hash']} |" in (folder / "REPORT.md").read_text()


@dataclass
class PaperChains:
    """Chains where everything has the same code, and every arrival costs the same."""

    codes_at: Mapping[str, bytes] = field(default_factory=dict)
    gas: int = GAS
    asked: list[str] = field(default_factory=list)

    def block(self, chain: str) -> int:
        return 7

    def codes(self, chain: str, addresses: Sequence[str]) -> list[bytes]:
        return [self.codes_at.get(address, CODE) for address in addresses]

    def arrival_gas(self, chain: str, decision: BuiltDecision) -> int:
        self.asked.append(chain)
        return self.gas


@dataclass
class Desk:
    """A folder of proposals, and names on paper."""

    root: Path
    network: Network = field(default_factory=load_network)

    @property
    def names(self) -> Names:
        hub = self.network.hub.name
        contracts = {
            chain: {name: place_of(name) for name in (*EVERYWHERE, *(HUB_ONLY if chain == hub else ()))}
            for chain in self.network.chains
        }
        for chain, by_name in contracts.items():
            if chain != hub:
                by_name["RemoteGovernor"] = place_of("DecisionOutbox")
        return Names(self.network, contracts, address_of("TEST::0"), address_of)

    def write(self, content: str, name: str = "001-test", text: str | None = None) -> Path:
        """A proposal; `title` and `proposer` are added if they are missing."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        if "title:" not in content:
            content = f"title: A test\n{content}"
        if "proposer:" not in content:
            content = f"{content.rstrip()}\nproposer: TEST::2\n"
        (folder / "proposal.yml").write_text(content, encoding="utf-8")
        (folder / "README.md").write_text(
            "# A test\n\nWhy not?\n" if text is None else text, encoding="utf-8"
        )
        return folder

    def load(self, content: str, name: str = "001-test", text: str | None = None) -> Proposal:
        return read(self.write(content, name, text), self.network)

    def build(self, content: str, chains: PaperChains | None = None, name: str = "001-test") -> Built:
        return build(self.load(content, name), self.names, chains or PaperChains())

    def faults(self, content: str, text: str | None = None, chains: PaperChains | None = None) -> list[str]:
        """Lines of the faults, without the file's name."""
        folder = self.write(content, text=text)
        with pytest.raises(Faults) as caught:
            build(read_on(folder, self.network), self.names, chains or PaperChains())
        prefix = "001-test/proposal.yml:"
        assert all(line.startswith(prefix) for line in caught.value.lines)
        return [line.removeprefix(prefix) for line in caught.value.lines]
