"""Contracts in raw JSON-RPC: ten times as fast as through Ape; a revert is compared with all its arguments.

`ape.reverts` ignores arguments whose names it does not know, and passes if a custom error cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ape import project
from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder
from eth_abi.registry import BaseEquals, registry
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.reverts import explain
from metalayer.protocol.rpc import Log
from tests.kit.chains import BoundChain

MAX_TRANSACTION_GAS = 16_777_216
"""Highest gas limit of one transaction, EIP-7825."""
ZERO_ADDRESS = "0x" + "00" * 20


class _ChecksumDecoder(AddressDecoder):
    decoder_fn = staticmethod(to_checksum_address)


_REGISTRY = registry.copy()
_REGISTRY.unregister_decoder("address")
_REGISTRY.register_decoder(BaseEquals("address"), _ChecksumDecoder, label="address")
CODEC = ABICodec(_REGISTRY)


@dataclass(frozen=True)
class Event:
    """A decoded log. `values` are in the order of the declaration, indexed ones included."""

    name: str
    values: tuple[Any, ...]
    address: str


class Revert:
    """Return data of a failed call. Equal only if the error and every argument are."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Revert) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        for name, known in _errors().items():
            for selector, types in known:
                if self.data[:4] == selector:
                    return f"{name}{CODEC.decode(types, self.data[4:])}"
        return f"Revert({explain(self.data)})"

    @property
    def is_panic(self) -> bool:
        return self.data[:4] == keccak(text="Panic(uint256)")[:4]


def error(name: str, *arguments: Any) -> Revert:
    """The revert of a contract of this project with these arguments. Two contracts may give one name to two errors: the
    one that takes the arguments is meant.
    """
    for selector, types in _errors()[name]:
        if len(types) == len(arguments) and all(map(_is_of, types, arguments)):
            return Revert(selector + CODEC.encode(types, arguments))
    raise AssertionError(f"no error {name} takes {arguments}")


def _is_of(type_: str, value: Any) -> bool:
    """Twenty bytes are bytes here, and no address."""
    return CODEC.is_encodable(type_, value) and not (type_ == "address" and isinstance(value, bytes))


OUT_OF_GAS = Revert(b"")


class Receipt:
    """A transaction that was mined, successful or not."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.succeeded = raw["status"] == "0x1"
        self.gas_used = int(raw["gasUsed"], 16)
        self.hash = raw["transactionHash"]
        self.logs = [Log.read(log) for log in raw["logs"]]

    @property
    def events(self) -> list[Event]:
        return [_event(log) for log in self.logs]

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """Values of every event of this name, in order."""
        return [event.values for event in self.events if event.name == name]


class Contract:
    """A contract on one chain: views, transactions and reverts by name."""

    def __init__(self, chain: BoundChain, name: str, address: str) -> None:
        self.chain, self.name, self.address = chain, name, address
        self._methods = _methods(name)

    def __repr__(self) -> str:
        return f"<{self.name} {self.address} on {self.chain.name}>"

    def encode(self, method: str, *arguments: Any) -> bytes:
        """Call of a method: of those with one name, the one that takes as many arguments."""
        selector, inputs, _ = next(
            found for found in self._methods[method] if len(found[1]) == len(arguments)
        )
        return selector + CODEC.encode(inputs, arguments)

    def view(self, method: str, *arguments: Any, sender: str | None = None, at: int | None = None) -> Any:
        """Result of a call. `at` is the second in which it runs. AssertionError if it reverts."""
        result = call(self.chain, self.address, self.encode(method, *arguments), sender=sender, at=at)
        assert not isinstance(result, Revert), f"{self}.{method}: {result}"
        return self.decode(method, result)

    def decode(self, method: str, result: bytes) -> Any:
        """What a method returned. Those of one name return the same."""
        values = CODEC.decode(self._methods[method][0][2], result)
        return values[0] if len(values) == 1 else values

    def revert(
        self,
        method: str,
        *arguments: Any,
        sender: str,
        gas: int = MAX_TRANSACTION_GAS,
        value: int = 0,
        at: int | None = None,
    ) -> Revert:
        """What the contract says when it refuses. AssertionError if it does not refuse."""
        data = self.encode(method, *arguments)
        result = call(self.chain, self.address, data, sender=sender, gas=gas, value=value, at=at)
        assert isinstance(result, Revert), f"{self}.{method} did not revert"
        return result

    def send(
        self,
        method: str,
        *arguments: Any,
        sender: str,
        gas: int = MAX_TRANSACTION_GAS,
        at: int | None = None,
    ) -> Receipt:
        """Send and mine, in the second `at` if given. AssertionError if it fails."""
        receipt = self.attempt(method, *arguments, sender=sender, gas=gas, at=at)
        assert receipt.succeeded, f"{self}.{method} failed"
        return receipt

    def attempt(
        self,
        method: str,
        *arguments: Any,
        sender: str,
        gas: int = MAX_TRANSACTION_GAS,
        at: int | None = None,
    ) -> Receipt:
        """Send and mine, whether it succeeds or not."""
        return transact(self.chain, self.address, self.encode(method, *arguments), sender, gas, at)


def call(
    chain: BoundChain,
    to: str | None,
    data: bytes,
    *,
    sender: str | None = None,
    gas: int = MAX_TRANSACTION_GAS,
    value: int = 0,
    at: int | None = None,
) -> bytes | Revert:
    """Return data of `eth_call`, or its Revert, empty if the gas runs out. `to` None runs a constructor."""
    transaction = {"data": "0x" + data.hex(), "gas": hex(gas), "value": hex(value)}
    if to is not None:
        transaction["to"] = to
    if sender is not None:
        transaction["from"] = sender
    overrides = [] if at is None else [{}, {"time": hex(at)}]
    answer = chain.answer("eth_call", [transaction, "latest", *overrides])
    if "error" not in answer:
        return bytes.fromhex(answer["result"][2:])
    failure = answer["error"]
    starved = any(
        reason in failure["message"] for reason in ("OutOfGas", "SentryOOG", "intrinsic gas too high")
    )
    assert starved or failure["code"] == 3, f"{chain.name}: eth_call: {failure}"
    return Revert(bytes.fromhex((failure.get("data") or "0x")[2:]))


def events_of(contract: Contract) -> list[Event]:
    """Everything that a contract ever logged, in order."""
    wanted = {"address": contract.address, "fromBlock": "0x0", "toBlock": "latest"}
    return [_event(Log.read(raw)) for raw in contract.chain.rpc("eth_getLogs", [wanted])]


def views(calls: Sequence[tuple[Any, ...]]) -> list[int]:
    """What (contract, method, arguments...) return, each as one number, all of one chain and in one request."""
    requests = [
        ("eth_call", [{"to": contract.address, "data": "0x" + contract.encode(*call).hex()}, "latest"])
        for contract, *call in calls
    ]
    return [int(result, 16) for result in calls[0][0].chain.batch(requests)]


def transact(
    chain: BoundChain,
    to: str | None,
    data: bytes,
    sender: str,
    gas: int = MAX_TRANSACTION_GAS,
    at: int | None = None,
) -> Receipt:
    """Send and mine one transaction of an account that the node holds or impersonates."""
    if at is not None:
        chain.rpc("evm_setNextBlockTimestamp", [hex(at)])
    transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(gas)}
    if to is not None:
        transaction["to"] = to
    return Receipt(chain.rpc("eth_sendTransactionSync", [transaction]))


def init_code(name: str, *arguments: Any) -> bytes:
    """Creation code of a contract of this project with its constructor's arguments."""
    contract_type = contract_types()[name]
    abi = contract_type.constructor
    types = [parameter.canonical_type for parameter in abi.inputs]
    return bytes.fromhex(contract_type.deployment_bytecode.bytecode.removeprefix("0x")) + CODEC.encode(
        types, arguments
    )


def deploy(chain: BoundChain, name: str, *arguments: Any, sender: str) -> Contract:
    """Deploy a contract of this project by a plain transaction."""
    nonce = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
    receipt = transact(chain, None, init_code(name, *arguments), sender)
    assert receipt.succeeded, f"{chain.name}: the constructor of {name} failed"
    return Contract(chain, name, created_address(sender, nonce))


def created_address(sender: str, nonce: int) -> str:
    """Address of the contract that an account creates (yellow paper, section 7). Nonces up to 2**16 - 1."""
    encoded = _rlp(bytes.fromhex(sender[2:])) + _rlp(nonce.to_bytes((nonce.bit_length() + 7) // 8, "big"))
    return to_checksum_address(keccak(bytes([0xC0 + len(encoded)]) + encoded)[12:])


def _rlp(data: bytes) -> bytes:
    return data if len(data) == 1 and data[0] < 0x80 else bytes([0x80 + len(data)]) + data


def now(chain: BoundChain) -> int:
    """Timestamp of the newest block."""
    return int(chain.rpc("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)


def set_code(chain: BoundChain, address: str, code: bytes) -> None:
    chain.rpc("anvil_setCode", [address, "0x" + code.hex()])


def recode(contract: Contract, creation: bytes) -> None:
    """Other code at a contract's address, immutables included: what a constructor returns there. Storage stays."""
    place = {contract.address: {"code": "0x" + creation.hex(), "state": {}}}
    call = {"to": contract.address, "data": "0x"}
    set_code(
        contract.chain,
        contract.address,
        bytes.fromhex(contract.chain.rpc("eth_call", [call, "latest", place])[2:]),
    )


def code_of(chain: BoundChain, address: str) -> bytes:
    return bytes.fromhex(chain.rpc("eth_getCode", [address, "latest"])[2:])


def slot(chain: BoundChain, address: str, index: int = 0) -> int:
    return int(chain.rpc("eth_getStorageAt", [address, hex(index), "latest"]), 16)


@lru_cache
def contract_types() -> dict[str, Any]:
    """Every contract of this project. Once: `project.X` looks for changed sources each time."""
    return {name: container.contract_type for name, container in project.load_contracts().items()}


@lru_cache
def _methods(name: str) -> dict[str, list[tuple[bytes, list[str], list[str]]]]:
    contract_type = contract_types()[name]
    found: dict[str, list[tuple[bytes, list[str], list[str]]]] = {}
    for abi in [*contract_type.view_methods, *contract_type.mutable_methods]:
        inputs = [parameter.canonical_type for parameter in abi.inputs]
        outputs = [parameter.canonical_type for parameter in abi.outputs]
        found.setdefault(abi.name, []).append((keccak(text=abi.selector)[:4], inputs, outputs))
    return found


@lru_cache
def _errors() -> dict[str, list[tuple[bytes, list[str]]]]:
    known = {
        "Panic": [(keccak(text="Panic(uint256)")[:4], ["uint256"])],
        "Error": [(keccak(text="Error(string)")[:4], ["string"])],
    }
    for contract_type in contract_types().values():
        for abi in contract_type.errors:
            types = [parameter.canonical_type for parameter in abi.inputs]
            found = (keccak(text=abi.selector)[:4], types)
            if found not in known.setdefault(abi.name, []):
                known[abi.name].append(found)
    return known


@lru_cache
def _events() -> dict[tuple[bytes, int], Any]:
    """By topic and number of topics: `Transfer` of ERC-20 and ERC-721 differ in what is indexed only."""
    return {
        (keccak(text=abi.selector), 1 + sum(parameter.indexed for parameter in abi.inputs)): abi
        for contract_type in contract_types().values()
        for abi in contract_type.events
    }


def _event(log: Log) -> Event:
    abi = _events()[log.topics[0], len(log.topics)]
    topics = iter(log.topics[1:])
    plain = [parameter.canonical_type for parameter in abi.inputs if not parameter.indexed]
    data = iter(CODEC.decode(plain, log.data))
    values = tuple(
        CODEC.decode([parameter.canonical_type], next(topics))[0] if parameter.indexed else next(data)
        for parameter in abi.inputs
    )
    return Event(abi.name, values, to_checksum_address(log.address))
