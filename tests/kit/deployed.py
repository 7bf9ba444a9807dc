"""The network as `ape run deploy apply` deploys it, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ape import project
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.assets import bridge
from metalayer.assets.tokens import APPROVE
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import Attestation, ValidatorSet, compact, digest
from metalayer.protocol.hex import to_hex
from tests.kit.chains import BoundChain
from tests.kit.chains import Deployed as Bound
from tests.kit.roles import TREASURY, VALIDATORS

ERA = 10**18

_TRANSFER = Function("transfer(address,uint256)", "bool")
_MINT = Function("crosschainMint(address,uint256)")
# `outstanding` is the only storage of the bridge.
_OUTSTANDING_SLOT = 0


@dataclass(frozen=True)
class OnChain:
    """The contracts of one chain."""

    gateway: Bound
    era: Bound
    bridge: Bound


@dataclass(frozen=True)
class Deployment:
    """Addresses, the same on every chain, and per chain the contracts and a raw connection."""

    registry: Registry
    connections: dict[str, Connection]
    on: dict[str, OnChain]

    @property
    def gateway(self) -> str:
        return self.registry.address("Metalayer")

    @property
    def era(self) -> str:
        return self.registry.address("ERA")

    @property
    def bridge(self) -> str:
        return self.registry.address("TokenBridge")

    def attest(self, root: bytes, signers: int = 4, validator_set: ValidatorSet | None = None) -> Attestation:
        """A root signed by so many of our validators, in the order of the set: the first one if not given."""
        chosen = validator_set or self.registry.first_validator_set()
        keys = {validator.address: validator.account for validator in VALIDATORS}
        hash_ = digest(self.registry.network_id, self.gateway, root)
        signing = [signer for signer, _ in chosen.members][:signers]
        return Attestation(root, chosen, {s: compact(keys[s].unsafe_sign_hash(hash_)) for s in signing})

    def bring(self, account: str, amount: int, chains: Iterable[str] | None = None) -> None:
        """ERA (wei) of an account on these chains, all if not given, as if the bridge had brought it there.

        The books hold (P4), and no lane has a message of it.
        """
        hub = next(iter(self.connections.values()))
        for name in self.connections if chains is None else chains:
            connection = self.connections[name]
            if connection is hub:
                hub.send(TREASURY, self.era, _TRANSFER.encode(account, amount))
                continue
            chain_id = connection.chain.chain_id
            hub.send(TREASURY, self.era, _TRANSFER.encode(self.bridge, amount))
            held = bridge.OUTSTANDING.decode(hub.call(self.bridge, bridge.OUTSTANDING.encode(chain_id)))
            slot = keccak(encode(["uint256", "uint256"], [chain_id, _OUTSTANDING_SLOT]))
            word = to_hex((held + amount).to_bytes(32, "big"))
            hub.rpc("anvil_setStorageAt", self.bridge, to_hex(slot), word)
            after = bridge.OUTSTANDING.decode(hub.call(self.bridge, bridge.OUTSTANDING.encode(chain_id)))
            assert after == held + amount, "outstanding is stored elsewhere"
            impersonate(connection, self.bridge, self.era, _MINT.encode(account, amount))

    def prepay(self, sender: Sender, amount: int = 10 * ERA, chains: Iterable[str] | None = None) -> None:
        """Credit (wei) of an account on these chains, all if not given, from ERA that is brought there."""
        names = list(self.connections if chains is None else chains)
        self.bring(sender.address, amount, names)
        approval = Transaction(self.era, APPROVE.encode(self.gateway, amount), 100_000)
        deposit = Transaction(self.gateway, gateway.encode_deposit(sender.address, amount), 300_000)
        for name in names:
            self.connections[name].send_many(sender, [approval, deposit])


def impersonate(connection: Connection, sender: str, to: str, data: bytes) -> None:
    """A transaction from an account that no one has the key of."""
    connection.rpc("anvil_impersonateAccount", sender)
    connection.rpc("anvil_setBalance", sender, hex(10**20))
    transaction = {"from": sender, "to": to, "data": to_hex(data), "gas": hex(1_000_000)}
    receipt: dict[str, Any] = connection.rpc("eth_sendTransactionSync", transaction)
    connection.rpc("anvil_setBalance", sender, "0x0")
    connection.rpc("anvil_stopImpersonatingAccount", sender)
    assert receipt["status"] == "0x1"


def bind(chain: BoundChain, registry: Registry) -> OnChain:
    def instance(name: str) -> Bound:
        container = getattr(project, name)
        return chain.bind(
            container.at(registry.contract(chain.name, name).address, fetch_from_explorer=False)
        )

    with chain.use():
        return OnChain(instance("Metalayer"), instance("ERA"), instance("TokenBridge"))
