"""What differs from deploy.yaml and only a vote can mend: settings of the owners, which are timelocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from metalayer.deploy.contracts import contracts_of
from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.names import GATEWAY
from metalayer.deploy.routes import describe_open
from metalayer.protocol.abi import Function
from metalayer.protocol.gateway import SET_OPEN
from metalayer.protocol.hex import to_hex

HINT = "`ape metalayer propose from-drift` writes the proposal"


@dataclass(frozen=True)
class Mend:
    """A call by a chain's timelock that makes a setting what deploy.yaml says.

    `arguments` by the names of the ABI, in their order, structs as dictionaries. `subject`, `expected` and `found` as
    `check` shows them.
    """

    chain: str
    subject: str
    contract: str
    function: Function
    arguments: dict[str, Any]
    to: str
    data: bytes
    expected: str
    found: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "subject": self.subject,
            "call": f"{self.contract}.{self.function.name}",
            "arguments": self.arguments,
            "to": self.to,
            "data": to_hex(self.data),
            "expected": self.expected,
            "found": self.found,
        }

    def __str__(self) -> str:
        return f"{self.chain}: {self.subject} is {self.found}, expected {self.expected}"


def drift(resolved: Resolved, states: Mapping[str, ChainState]) -> dict[str, list[Mend]]:
    """By chain, in the order of sending, each call once; chains where nothing differs have an empty list."""
    return {name: list(_mends(resolved.chains[name], state)) for name, state in states.items()}


def _mends(desired: Desired, state: ChainState) -> Iterator[Mend]:
    calls: set[tuple[str, bytes]] = set()
    for declaration in contracts_of(desired):
        to = desired.addresses[declaration.name]
        for view in declaration.views(desired):
            change = view.change
            if change is None or change.sender != desired.owner or view.subject not in state.values:
                continue
            found = state.values[view.subject]
            if found != view.expected and (to, change.data) not in calls:
                calls.add((to, change.data))
                yield Mend(
                    chain=desired.chain.name,
                    subject=view.subject,
                    contract=declaration.name,
                    function=change.function,
                    arguments=change.arguments,
                    to=to,
                    data=change.data,
                    expected=view.words(view.expected),
                    found=view.words(found),
                )
    for chain_id, directions in state.beside.items():
        if any(directions):
            yield _closing(desired, chain_id, directions)


def _closing(desired: Desired, chain_id: int, directions: tuple[bool, bool]) -> Mend:
    """Closes a route that deploy.yaml does not have."""
    chains = desired.network.chains.values()
    name = next((one.name for one in chains if one.chain_id == chain_id), f"chain {chain_id}")
    return Mend(
        chain=desired.chain.name,
        subject=f"route to and from {name}",
        contract=GATEWAY,
        function=SET_OPEN,
        arguments={"chainId": chain_id, "outbound": False, "inbound": False},
        to=desired.addresses[GATEWAY],
        data=SET_OPEN.encode(chain_id, False, False),
        expected=describe_open((False, False)),
        found=describe_open(directions),
    )
