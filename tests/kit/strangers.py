"""Contracts of strangers that send messages, and notices that no honest chain sends."""

from __future__ import annotations

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.facts import LaneFact
from metalayer.protocol.gateway import Batch, Kind
from metalayer.protocol.message import NEVER_EXPIRES, Message, extend, interoperable
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import init_code
from tests.kit.roles import RELAYER, SENDER

EXECUTE = Function("execute(address,bytes)")
SET_BEHAVIOUR = Function("setBehaviour(uint8)")
SET_TRAP = Function("setTrap(uint8)")
NOBODY = "0x00000000000000000000000000000000000000AA"
RETURN_GAS = 300_000
_NOTICES_PER_BATCH = 100


def sending_contract(mesh: Deployment, name: str, setting: bytes = b"", chain: str = "hub") -> str:
    """A contract of tests that sends, with credit, told by a call how to behave."""
    connection = mesh.connections[chain]
    address = str(connection.send(SENDER, None, init_code(name))["contractAddress"])
    mesh.prepay(SENDER, 100 * ERA, [chain], address)
    if setting:
        connection.send(SENDER, address, setting)
    return address


def send_as(
    mesh: Deployment, contract: str, destination: str, deliver_before: int, chain: str = "hub"
) -> list[Sent]:
    """A message of a contract on a chain to nobody, with gas for its return: what the chain logged."""
    data = gateway.send_call(
        interoperable(mesh.id_of(destination), NOBODY),
        b"",
        deliver_before=deliver_before,
        return_gas_limit=RETURN_GAS,
    )
    receipt = mesh.connections[chain].send(SENDER, contract, EXECUTE.encode(mesh.gateway, data))
    own = [log for log in receipt["logs"] if log.address == mesh.gateway.lower()]
    return parse(own, mesh.network_id, mesh.id_of(chain))


def deliver_junk(mesh: Deployment, origin: str, destination: str, count: int) -> None:
    """Notices of returns of messages that nobody sent, as a compromised chain with a quorum may send them."""
    here, there = mesh.id_of(origin), mesh.id_of(destination)
    nonce, head = mesh.inbox(origin, destination)
    for start in range(0, count, _NOTICES_PER_BATCH):
        messages: list[Message] = []
        for number in range(start, min(count, start + _NOTICES_PER_BATCH)):
            junk = keccak(text=f"junk {origin} {number}")
            payload = encode(["uint256", "bytes32", "uint256", "uint256"], [Kind.RETURN, junk, 0, 0])
            place = nonce + 1 + len(messages)
            messages.append(
                Message(
                    mesh.network_id,
                    here,
                    there,
                    place,
                    mesh.gateway,
                    mesh.gateway,
                    gateway.GATEWAY_GAS_LIMIT,
                    NEVER_EXPIRES,
                    0,
                    payload,
                )
            )
        for message in messages:
            head = extend(head, message.id)
        _deliver(mesh, destination, messages, head)
        nonce += len(messages)


def _deliver(mesh: Deployment, destination: str, messages: Sequence[Message], head: bytes) -> None:
    first, last = messages[0], messages[-1]
    attestation = mesh.attest(LaneFact(last.origin, last.destination, last.nonce, head).leaf)
    batch = Batch(messages, last.origin, first.nonce, [], [])
    data = gateway.DELIVER.encode(attestation, [batch])
    mesh.connections[destination].send(RELAYER, mesh.gateway, data, 15_000_000)
