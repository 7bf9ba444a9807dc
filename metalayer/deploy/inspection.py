"""What stands on a chain, next to what should: the common eyes of `deploy` and `check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.intent import CONTRACTS, Desired
from metalayer.network.connection import Connection
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.create3 import ARACHNID, ARACHNID_CODE_HASH
from metalayer.protocol.gateway import Route
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import Request, code_request

ALL_CONTRACTS = ("Create3Factory", *CONTRACTS)

OWNER = Function("owner()", "address", str)
PENDING_OWNER = Function("pendingOwner()", "address", str)
GUARDIAN = Function("guardian()", "address", str)
CONTROLLER_OF = Function("controllerOf(address)", "address", str)


@dataclass(frozen=True)
class GatewayState:
    """The gateway's settings as they are. `sets`: all that were ever installed, the constructor's first."""

    owner: str
    pending_owner: str
    guardian: str
    validator_set_hash: bytes
    sets: list[ValidatorSet]
    routes: dict[int, Route]

    @property
    def installed_set(self) -> ValidatorSet | None:
        """The set that signs now. None if no log names it: a node that lies, or storage that was written."""
        last = self.sets[-1] if self.sets else None
        return last if last is not None and last.hash == self.validator_set_hash else None


@dataclass(frozen=True)
class ChainState:
    """One chain as it is. `found` and `expected` are runtime codes by contract; empty bytes for no code.

    `gateway` and `controller` (of the deployer's namespace) are None while the code to ask is not there.
    """

    has_placer: bool
    found: dict[str, bytes]
    expected: dict[str, bytes]
    gateway: GatewayState | None
    controller: str | None

    def stands(self, contract: str) -> bool:
        """True if exactly the expected code is there, byte for byte, immutables included."""
        return self.found[contract] == self.expected[contract]


def arguments(desired: Desired, contract: str) -> dict[str, Any]:
    """Constructor arguments by name, as a registry shows them."""
    addresses, validators = desired.addresses, desired.validator_set
    by_contract: dict[str, dict[str, Any]] = {
        "Create3Factory": {},
        "Metalayer": {
            "networkId": desired.network_id,
            "feeToken": addresses["ERA"],
            "initialOwner": desired.owner,
            "initialGuardian": desired.guardian,
            "validatorSet": {
                "version": validators.version,
                "expires": validators.expires,
                "validators": [to_hex(word) for word in validators.words],
            },
        },
        "ERA": {
            "hubChainId": desired.network_id,
            "bridge": addresses["TokenBridge"],
            "treasury": desired.treasury,
        },
        "TokenBridge": {
            "gateway": addresses["Metalayer"],
            "token": addresses["ERA"],
            "hubChainId": desired.network_id,
        },
    }
    return by_contract[contract]


def init_code(desired: Desired, artifacts: Mapping[str, Artifact], contract: str) -> bytes:
    """Creation code and encoded arguments."""
    validators = desired.validator_set
    types: dict[str, list[str]] = {
        "Create3Factory": [],
        "Metalayer": ["uint256", "address", "address", "address", "(uint64,uint64,bytes32[])"],
        "ERA": ["uint256", "address", "address"],
        "TokenBridge": ["address", "address", "uint256"],
    }
    values = list(arguments(desired, contract).values())
    if contract == "Metalayer":
        values[-1] = (validators.version, validators.expires, validators.words)
    return artifacts[contract].creation + encode(types[contract], values)


def inspect(connection: Connection, desired: Desired, artifacts: Mapping[str, Artifact]) -> ChainState:
    """Reads one chain in four round trips.

    The expected runtime code is what the constructor itself returns: `eth_call` runs the creation code as
    if it were the code at the predicted address, on this chain and with clean storage. Immutables, among
    them those that come from the address or the chain id, get their real values, and every byte is
    compared, without masks.
    """
    addresses = desired.addresses
    placer, *codes = connection.batch(
        [
            code_request(ARACHNID),
            *(code_request(addresses[name]) for name in ALL_CONTRACTS),
            *(_construction(desired, artifacts, name) for name in ALL_CONTRACTS),
        ]
    )
    found = dict(zip(ALL_CONTRACTS, codes[: len(ALL_CONTRACTS)], strict=True))
    expected = dict(zip(ALL_CONTRACTS, codes[len(ALL_CONTRACTS) :], strict=True))
    state = ChainState(keccak(placer) == ARACHNID_CODE_HASH, found, expected, None, None)
    controller = None
    if state.stands("Create3Factory"):
        controller = connection.view(addresses["Create3Factory"], CONTROLLER_OF, desired.deployer)
    settings = _gateway_state(connection, desired) if state.stands("Metalayer") else None
    return ChainState(state.has_placer, found, expected, settings, controller)


def installed_sets(connection: Connection, address: str) -> list[ValidatorSet]:
    """Every set that a gateway ever accepted, the constructor's first, from the logs of their installation."""
    return [installed for installed, _ in connection.ask(gateway.VALIDATOR_SET_INSTALLED.logs(address))]


def _gateway_state(connection: Connection, desired: Desired) -> GatewayState:
    address = desired.addresses["Metalayer"]
    owner, pending, guardian, set_hash, *routes = connection.batch(
        [
            *(function.request(address) for function in (OWNER, PENDING_OWNER, GUARDIAN)),
            gateway.VALIDATOR_SET_HASH.request(address),
            *(gateway.ROUTE.request(address, chain_id) for chain_id in desired.routes),
        ]
    )
    sets = installed_sets(connection, address)
    return GatewayState(
        owner, pending, guardian, set_hash, sets, dict(zip(desired.routes, routes, strict=True))
    )


def _construction(desired: Desired, artifacts: Mapping[str, Artifact], contract: str) -> Request[bytes]:
    address = desired.addresses[contract]
    overrides = {address: {"code": to_hex(init_code(desired, artifacts, contract)), "state": {}}}
    # A constructor refuses a set that has expired. What it installed long ago is still what it should be.
    block = {"time": hex(desired.validator_set.expires)}
    return Request("eth_call", ({"to": address, "data": "0x"}, "latest", overrides, block), from_hex)
