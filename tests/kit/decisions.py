"""Decisions for another chain, and a RemoteGovernor there with everything around it in our hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.message import interoperable
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, Receipt, Revert, code_of, created_address, deploy, set_code
from tests.kit.paper import DAY
from tests.kit.roles import BENEFICIARY, GUARDIAN, PAYER

DECISION = "(bytes32,address[],uint256[],bytes[],bytes32[],bytes32,bytes32[])"
NONE = bytes(32)
DELAY = 2 * DAY
"""Of the timelock."""
GRACE = 14 * DAY
POSTPONEMENT = 21 * DAY
OFFICES_DELAY = 35 * DAY
PRECEDENT_TIME = 90 * DAY
LIFETIME = 30 * DAY
ROLES = ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")

GATEWAYS = tuple(to_checksum_address(keccak(text=f"gateway {n}")[:20]) for n in range(3))
"""Accounts that pass as gateways: what they say, real ones would have delivered. They have code, and we may send from
them; the first is accepted from the beginning.
"""

State = DecisionState


@dataclass(frozen=True)
class Action:
    """One call of a decision. `code`: hash of the code that the target must have, zeros if it is only paid."""

    target: str
    data: bytes = b""
    value: int = 0
    code: bytes = NONE


@dataclass(frozen=True)
class Decision:
    """What the hub decides for another chain."""

    actions: Sequence[Action]
    salt: bytes = NONE
    precedent: bytes = NONE
    cancels: Sequence[bytes] = ()

    @property
    def fields(self) -> tuple[Any, ...]:
        """The Solidity struct."""
        columns = ([getattr(action, name) for action in self.actions] for name in _COLUMNS)
        return (self.salt, *columns, self.precedent, list(self.cancels))

    @property
    def payload(self) -> bytes:
        return encode([DECISION], [self.fields])

    @property
    def id(self) -> bytes:
        return keccak(self.payload)

    def salted(self, text: str) -> Decision:
        """The same actions, decided once more."""
        return replace(self, salt=keccak(text=text))


_COLUMNS = ("target", "value", "data", "code")


def act(contract: Contract, method: str, *arguments: Any, value: int = 0) -> Action:
    """A call of a contract, pinned to the code that it has now."""
    code = keccak(code_of(contract.chain, contract.address))
    return Action(contract.address, contract.encode(method, *arguments), value, code)


@dataclass(frozen=True)
class Remote:
    """A RemoteGovernor and its timelock. The guardian and the recovery are accounts."""

    chain: BoundChain
    governor: Contract
    timelock: Contract
    hub_id: int
    guardian: str = GUARDIAN.address
    recovery: str = PAYER.address
    anyone: str = BENEFICIARY.address

    @classmethod
    def place(
        cls,
        chain: BoundChain,
        hub_id: int,
        deployer: str,
        name: str = "RemoteGovernor",
        more: Sequence[Any] = (),
        timelock: str = "Timelock",
    ) -> Remote:
        """Deploys both; `more` are arguments of a variant of the governor."""
        for gateway in GATEWAYS:
            set_code(chain, gateway, b"\x00")
            chain.rpc("anvil_impersonateAccount", [gateway])
            chain.rpc("anvil_setBalance", [gateway, hex(10**20)])
        offices = (GUARDIAN.address, PAYER.address)
        nonce = int(chain.rpc("eth_getTransactionCount", [deployer, "latest"]), 16)
        lock = deploy(chain, timelock, DELAY, created_address(deployer, nonce + 1), sender=deployer)
        governor = deploy(chain, name, hub_id, GATEWAYS[0], lock.address, *offices, *more, sender=deployer)
        return cls(chain, governor, lock, hub_id)

    def message(
        self, decision: Decision, origin: int | None = None, sender: str | None = None
    ) -> tuple[Any, ...]:
        """Arguments of `receiveMessage` for a decision: the outbox's on the hub, unless told otherwise."""
        account = interoperable(origin or self.hub_id, sender or self.governor.address)
        return keccak(text="any message"), account, decision.payload

    def arrive(
        self,
        decision: Decision,
        gateway: str = GATEWAYS[0],
        at: int | None = None,
        origin: int | None = None,
        sender: str | None = None,
    ) -> Receipt:
        """A gateway brings a decision. AssertionError if it is not taken."""
        message = self.message(decision, origin, sender)
        return self.governor.send("receiveMessage", *message, sender=gateway, at=at)

    def refusal(
        self,
        decision: Decision,
        gateway: str = GATEWAYS[0],
        origin: int | None = None,
        sender: str | None = None,
    ) -> Revert:
        """Why a decision that a gateway brings is not taken."""
        message = self.message(decision, origin, sender)
        return self.governor.revert("receiveMessage", *message, sender=gateway)

    def execute(self, decision: Decision, at: int) -> Receipt:
        """Anyone executes it. AssertionError if that fails."""
        return self.governor.send("execute", decision.fields, sender=self.anyone, at=at)

    def failure(self, decision: Decision, at: int, value: int = 0) -> Revert:
        """Why it cannot be executed."""
        return self.governor.revert("execute", decision.fields, sender=self.anyone, at=at, value=value)

    def state(self, decision: Decision, at: int | None = None) -> State:
        return State(self.governor.view("stateOf", decision.id, at=at))

    def ready_at(self, decision: Decision) -> int:
        return int(self.governor.view("readyAt", decision.id))

    def enact(self, decision: Decision, gateway: str = GATEWAYS[0]) -> Receipt:
        """Brings it, waits, and executes it."""
        self.arrive(decision, gateway)
        return self.execute(decision, self.ready_at(decision))
