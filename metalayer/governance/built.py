"""What `ape metalayer propose build` makes of a proposal's file: every byte that is voted on, and what it means.

It is kept in `build.json` beside the file: sorted, so that it diffs well, and the same whenever the file, the chains'
code and the simulation's gas are the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError
from metalayer.governance.beside import read_json
from metalayer.network.values import found
from metalayer.protocol import decisions
from metalayer.protocol.amounts import era
from metalayer.protocol.decisions import NOTHING, Decision
from metalayer.protocol.governor import HubProposal
from metalayer.protocol.hex import from_hex, to_hex

BUILD_FILE = "build.json"


@dataclass(frozen=True)
class Action:
    """One call of a chain's timelock.

    contract: its name in this deployment, its address if it has none. function: the signature; empty for what is only
    paid, and for bytes that the file gives raw. value: wei of ether. code: hash of the target's code when this was
    built; 32 zero bytes for a target that is only paid. arguments: one text for each, in words. line: in
    proposal.yml; of a `decide`, that of its chain.
    """

    contract: str
    function: str
    target: str
    value: int
    calldata: bytes
    code: bytes
    arguments: tuple[str, ...]
    line: int

    @property
    def words(self) -> str:
        """One sentence without its end, for people."""
        # Ether is counted as ERA is.
        paid = f" with {era(self.value)} ether" if self.value else ""
        if self.function:
            name = self.function.partition("(")[0]
            return f"{self.contract}.{name}({', '.join(self.arguments)}){paid}"
        if self.calldata:
            return f"raw call of {self.contract} with {to_hex(self.calldata)}{paid}"
        return f"{era(self.value)} ether to {self.contract}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "contract": self.contract,
            "function": self.function,
            "target": self.target,
            "value": str(self.value),
            "calldata": to_hex(self.calldata),
            "code": to_hex(self.code),
            "arguments": list(self.arguments),
            "line": self.line,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Action:
        """From `as_dict`."""
        return cls(
            str(data["contract"]),
            str(data["function"]),
            str(data["target"]),
            int(data["value"]),
            from_hex(data["calldata"]),
            from_hex(data["code"]),
            tuple(map(str, data["arguments"])),
            int(data["line"]),
        )


@dataclass(frozen=True)
class BuiltDecision:
    """One decision for one chain. Several of one chain are in their order, each the precedent of the next.

    actions: what was expected comes first. gas_limit: for its arrival there.
    """

    chain: str
    chain_id: int
    actions: tuple[Action, ...]
    salt: bytes
    gas_limit: int
    precedent: bytes = NOTHING
    cancels: tuple[bytes, ...] = ()

    @cached_property
    def decision(self) -> Decision:
        """As the contracts take it."""
        return Decision(
            self.salt,
            tuple(action.target for action in self.actions),
            tuple(action.value for action in self.actions),
            tuple(action.calldata for action in self.actions),
            tuple(action.code for action in self.actions),
            self.precedent,
            self.cancels,
        )

    @cached_property
    def id(self) -> bytes:
        return self.decision.id

    @property
    def key(self) -> tuple[str, bytes]:
        """Of it, in the whole proposal."""
        return self.chain, self.id

    def as_dict(self) -> dict[str, Any]:
        return {
            "chain": self.chain,
            "chainId": self.chain_id,
            "id": to_hex(self.id),
            "salt": to_hex(self.salt),
            "precedent": to_hex(self.precedent),
            "cancels": [to_hex(one) for one in self.cancels],
            "gasLimit": self.gas_limit,
            "payloadBytes": len(self.decision.encoded),
            "actions": [action.as_dict() for action in self.actions],
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> BuiltDecision:
        """From `as_dict`."""
        return cls(
            str(data["chain"]),
            int(data["chainId"]),
            tuple(map(Action.of, data["actions"])),
            from_hex(data["salt"]),
            int(data["gasLimit"]),
            from_hex(data["precedent"]),
            tuple(map(from_hex, data["cancels"])),
        )


@dataclass(frozen=True)
class Built:
    """One proposal, as it would be made on chain.

    name: of its folder, such as 001-fees. actions: the hub's; what was expected first, one `decide` for each decision
    last. text: what is proposed on chain, with the proposer's suffix. blocks: of each chain, that its code was read at.
    warnings: what whoever reads it should see, with line numbers.
    """

    network: str
    network_id: int
    name: str
    title: str
    proposer: str
    governor: str
    outbox: str
    text: str
    actions: tuple[Action, ...]
    decisions: tuple[BuiltDecision, ...]
    blocks: Mapping[str, int]
    warnings: tuple[str, ...] = ()

    @cached_property
    def proposal(self) -> HubProposal:
        """What the governor gets."""
        return HubProposal(
            tuple(action.target for action in self.actions),
            tuple(action.value for action in self.actions),
            tuple(action.calldata for action in self.actions),
            self.text,
        )

    @cached_property
    def id(self) -> int:
        """The proposal's, in the governor."""
        return self.proposal.id

    @cached_property
    def hash(self) -> bytes:
        """Commits to everything that is voted on, and to the hub's code: what was simulated is what is submitted if
        both have the same. Decisions, their codes and gas limits are in the proposal's calldata.
        """
        codes = [action.code for action in self.actions]
        types = ["uint256", "address", "uint256", "bytes32[]"]
        return keccak(encode(types, [self.network_id, self.governor, self.id, codes]))

    def decisions_on(self, chain: str) -> list[BuiltDecision]:
        """Those for a chain, in their order."""
        return [one for one in self.decisions if one.chain == chain]

    def actions_by_chain(self, hub: str) -> dict[str, tuple[Action, ...]]:
        """All that happens, by chain in their order; on the hub without the decisions for others."""
        own = tuple(one for one in self.actions if one.function != decisions.DECIDE.signature)
        found = {hub: own} if own else {}
        for decision in self.decisions:
            found[decision.chain] = (*found.get(decision.chain, ()), *decision.actions)
        return found

    def _decides(self) -> bool:
        """Whether the hub's actions decide exactly its decisions."""
        decided = [one.calldata for one in self.actions if one.function == decisions.DECIDE.signature]
        return decided == [
            decisions.DECIDE.encode(one.chain_id, one.decision, one.gas_limit) for one in self.decisions
        ]

    def as_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "networkId": self.network_id,
            "name": self.name,
            "title": self.title,
            "proposer": self.proposer,
            "governor": self.governor,
            "outbox": self.outbox,
            "text": self.text,
            "actions": [action.as_dict() for action in self.actions],
            "decisions": [decision.as_dict() for decision in self.decisions],
            "blocks": dict(self.blocks),
            "warnings": list(self.warnings),
            "id": str(self.id),
            "descriptionHash": to_hex(self.proposal.description_hash),
            "hash": to_hex(self.hash),
        }

    def content(self) -> str:
        """Of build.json."""
        return json.dumps(self.as_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def save(self, folder: Path) -> Path:
        """Writes build.json into the proposal's folder, in one step."""
        path = folder / BUILD_FILE
        new = path.with_suffix(".new")
        new.write_text(self.content(), encoding="utf-8")
        new.replace(path)
        return path

    @classmethod
    def load(cls, folder: Path) -> Built:
        """From build.json in a proposal's folder. MetalayerError if there is none, or if it was changed by hand."""
        name = f"{folder.name}/{BUILD_FILE}"
        try:
            data = read_json(folder, BUILD_FILE)
        except ValueError as error:
            raise MetalayerError(f"{name} is no JSON: build it again") from error
        if data is None:
            number = folder.name.partition("-")[0]
            raise MetalayerError(f"there is no {name} yet: run `ape metalayer propose build {number}`")
        try:
            built = cls(
                str(data["network"]),
                int(data["networkId"]),
                str(data["name"]),
                str(data["title"]),
                str(data["proposer"]),
                str(data["governor"]),
                str(data["outbox"]),
                str(data["text"]),
                tuple(map(Action.of, data["actions"])),
                tuple(map(BuiltDecision.of, data["decisions"])),
                {str(chain): int(block) for chain, block in data["blocks"].items()},
                tuple(map(str, data["warnings"])),
            )
            # Its derived values, too: ids that somebody reads there are those of the bytes.
            is_whole = built.as_dict() == data and built._decides()
        except (AttributeError, EncodingError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise MetalayerError(f"{name} is not what `build` writes: build it again") from error
        if not is_whole:
            raise MetalayerError(f"{name} was changed since it was built: build it again")
        if built.name != folder.name or built.text.partition("\n")[0].strip() != f"# {built.title}":
            # Whoever types a number votes about what its folder says.
            raise MetalayerError(f"{name} is of another proposal, {found(built.name)}: build it again")
        return built
