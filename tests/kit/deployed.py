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
from metalayer.deploy import contracts
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender, Sender, Transaction
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import Attestation, ValidatorSet, compact
from metalayer.protocol.hex import to_hex
from tests.kit.chains import BoundChain
from tests.kit.chains import Deployed as Bound

ERA = 10**18
HOLDER = KeySender(local_key(3))
"""Who got the supply at genesis (deploy.yaml)."""
VALIDATORS = [local_key(5 + i) for i in range(5)]
"""Keys of the first set (deploy.yaml): four are a quorum."""

_TRANSFER = Function("transfer(address,uint256)", "bool")
_MINT = Function("crosschainMint(address,uint256)")
# `outstanding` is the only storage of the bridge.
_OUTSTANDING_SLOT = 0


@dataclass(frozen=True)
class OnChain:
    """The contracts of one chain, by name."""

    contracts: dict[str, Bound]

    @property
    def gateway(self) -> Bound:
        return self.contracts[contracts.GATEWAY]

    @property
    def era(self) -> Bound:
        return self.contracts[contracts.ERA]

    @property
    def bridge(self) -> Bound:
        return self.contracts[contracts.BRIDGE]


@dataclass(frozen=True)
class Deployment:
    """Addresses, the same on every chain, and per chain the contracts and a raw connection."""

    registry: Registry
    connections: dict[str, Connection]
    on: dict[str, OnChain]

    @property
    def gateway(self) -> str:
        return self.registry.address(contracts.GATEWAY)

    @property
    def era(self) -> str:
        return self.registry.address(contracts.ERA)

    @property
    def bridge(self) -> str:
        return self.registry.address(contracts.BRIDGE)

    def attest(self, root: bytes, signers: int = 4, validator_set: ValidatorSet | None = None) -> Attestation:
        """A root signed by so many of our validators, in the order of the set: the first one if not given."""
        chosen = validator_set or self.registry.first_validator_set()
        keys = {key.address: key for key in VALIDATORS}
        hash_ = self.registry.domain.digest(root)
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
                hub.send(HOLDER, self.era, _TRANSFER.encode(account, amount))
                continue
            chain_id = connection.chain.chain_id
            hub.send(HOLDER, self.era, _TRANSFER.encode(self.bridge, amount))
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
        deposit = Transaction(self.gateway, gateway.DEPOSIT_FOR.encode(sender.address, amount), 300_000)
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
    """Everything that the registry has on this chain."""
    with chain.use():
        return OnChain(
            {
                name: chain.bind(getattr(project, name).at(contract.address, fetch_from_explorer=False))
                for name, contract in registry.chain(chain.name).contracts.items()
            }
        )
