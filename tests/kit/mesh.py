"""Gateways on every chain over raw JSON-RPC, with senders, validators and relayers of the package itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.exchange import Exchange
from metalayer.lanes import logs as lane
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.signers import address_of
from metalayer.network.transactions import KeySender, Receipt, Transaction
from metalayer.protocol import gateway
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.message import interoperable
from metalayer.relayer.passes import Relayer
from metalayer.validator.process import NextSet, Validator
from tests.kit.deployed import Deployment
from tests.kit.evm import init_code
from tests.kit.roles import CANDIDATES, OWNER, RELAYER, SENDER, VALIDATORS

_KEYS = (*VALIDATORS, *CANDIDATES)
CREDIT = 1_000_000 * 10**18
"""What the sender can spend on messages, on each chain, in wei of ERA."""

# Runtime code that answers every call with the magic value of ERC-7786: PUSH4, shift to the left, MSTORE, RETURN.
_ACCEPTING = b"\x63" + gateway.RECEIVE_MESSAGE + bytes.fromhex("60e01b5f5260205ff3")
_CREATE_ACCEPTING = bytes.fromhex(f"60{len(_ACCEPTING):02x}8060095f395ff3") + _ACCEPTING


@dataclass(frozen=True)
class Mesh:
    """One gateway address on all chains; a recipient that accepts all, and one that can be told to misbehave."""

    connections: dict[str, Connection]
    network_id: int
    gateway: str
    accepting: str
    scripted: str
    validator_set: ValidatorSet

    def id_of(self, name: str) -> int:
        return self.connections[name].chain.chain_id

    def send(
        self,
        origin: str,
        destination: str,
        payload: bytes = b"",
        *,
        count: int = 1,
        recipient: str | None = None,
        gas_limit: int | None = None,
        deliver_before: int | None = None,
    ) -> list[Sent]:
        """Sends `count` equal messages, and returns what their origin logged."""
        to = interoperable(self.id_of(destination), recipient or self.accepting)
        data = gateway.encode_send(to, payload, gas_limit, deliver_before)
        transaction = Transaction(self.gateway, data, 120_000 + 60 * len(payload))
        receipts = _send_together(self.connections[origin], [transaction] * count)
        logs = [entry for receipt in receipts for entry in receipt["logs"]]
        return lane.parse(logs, self.network_id, self.id_of(origin))

    def cut_off_from(self, name: str) -> Mesh:
        """The same network, seen by someone whose node of that chain does not answer."""
        silent = replace(self.connections[name].chain, base_port=None, remote_url="http://127.0.0.1:9")
        return replace(self, connections={**self.connections, name: Connection(silent)})

    def finalize(self) -> None:
        """Mines until everything that was sent is final."""
        for connection in self.connections.values():
            connection.rpc("anvil_mine", hex(connection.chain.preset.finality_depth))

    def inbox(self, origin: str, destination: str) -> tuple[int, bytes]:
        data = gateway.encode_inbox_lane(self.id_of(origin))
        return gateway.decode_lane(self.connections[destination].call(self.gateway, data))

    def outbox(self, origin: str, destination: str) -> tuple[int, bytes]:
        data = gateway.encode_outbox_lane(self.id_of(destination))
        return gateway.decode_lane(self.connections[origin].call(self.gateway, data))

    def next_set(self, version: int = 2, positions: Sequence[int] = range(1, 6)) -> ValidatorSet:
        """Equal validators at these positions, for as many days longer than the first set as versions later."""
        expires = self.validator_set.expires + 86_400 * (version - self.validator_set.version)
        return ValidatorSet.of(version, expires, {_KEYS[i].address: 100 for i in positions})

    def restart(self, origin: str, destination: str, nonce: int) -> None:
        """Restarts a lane, as the owner of its origin."""
        data = gateway.encode_restart(self.id_of(destination), nonce)
        self.connections[origin].send(OWNER, self.gateway, data)

    def validator(
        self, position: int, exchange: Exchange, folder: Path, next_set: NextSet | None = None
    ) -> Validator:
        """A validator with its record in a folder. From position 5 on they are not in the first set."""
        return Validator.open(
            _KEYS[position].account,
            self.connections,
            self.network_id,
            self.gateway,
            exchange,
            folder / f"record-{position}.sqlite",
            next_set,
        )

    def relayer(
        self,
        exchange: Exchange,
        sender: KeySender = RELAYER,
        timeout: float = 20.0,
        claim_multiple: float = float("inf"),
    ) -> Relayer:
        """A relayer that claims nothing unless told to: a claim is one more message in a lane."""
        senders = dict.fromkeys(self.connections, sender)
        return Relayer(
            self.connections, self.network_id, self.gateway, exchange, senders, timeout, claim_multiple
        )

    @contextmanager
    def signing(
        self,
        exchange: Exchange,
        folder: Path,
        positions: Sequence[int] = range(5),
        next_set: NextSet | None = None,
    ) -> Iterator[list[Validator]]:
        """Validators at work, each in its own thread."""
        validators = [self.validator(position, exchange, folder, next_set) for position in positions]
        stop = threading.Event()
        threads = [threading.Thread(target=v.run, args=(stop, lambda verdict: None)) for v in validators]
        for thread in threads:
            thread.start()
        try:
            yield validators
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            for validator in validators:
                validator.record.close()


def mesh_of(deployment: Deployment) -> Mesh:
    """The deployed gateways, credit for the sender on each, and recipients placed by CREATE from an account of their
    own: equal addresses.
    """
    deployer = KeySender(Account.from_key(keccak(text="deployer of the mesh")))
    codes = [_CREATE_ACCEPTING, init_code("ScriptedRecipient")]

    def place(connection: Connection) -> tuple[str, ...]:
        connection.rpc("anvil_setBalance", deployer.address, hex(10**20))
        return tuple(connection.send(deployer, None, code)["contractAddress"] for code in codes)

    deployment.prepay(SENDER, CREDIT)
    ((accepting, scripted),) = set(in_parallel(place, deployment.connections.values()))
    registry = deployment.registry
    return Mesh(
        deployment.connections,
        registry.network_id,
        deployment.gateway,
        accepting,
        scripted,
        registry.first_validator_set(),
    )


def _send_together(connection: Connection, transactions: list[Transaction]) -> list[Receipt]:
    """Receipts of transactions that are mined together: a block for each takes ten times as long."""
    if len(transactions) < 10:
        return connection.send_many(SENDER, transactions)
    connection.rpc("evm_setAutomine", False)
    signed = connection.sign_many(SENDER, transactions)
    connection.broadcast(signed)
    connection.rpc("anvil_mine", hex(1 + sum(t.gas or 0 for t in transactions) // 30_000_000))
    connection.rpc("evm_setAutomine", True)
    receipts = connection.receipts([one.hash for one in signed])
    assert all(receipt["status"] == 1 for receipt in receipts)
    return receipts


def write_set(path: Path, validator_set: ValidatorSet) -> NextSet:
    """What operators write who agreed to a set."""
    content = {
        "version": validator_set.version,
        "expires": validator_set.expires,
        "weights": dict(validator_set.members),
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return NextSet(path, address_of)


def script(mesh: Mesh, chain: str, behaviour: int) -> None:
    """Tells a chain's scripted recipient how to behave."""
    data = keccak(text="setBehaviour(uint8)")[:4] + encode(["uint8"], [behaviour])
    mesh.connections[chain].send(SENDER, mesh.scripted, data)
