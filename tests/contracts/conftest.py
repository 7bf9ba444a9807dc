"""Roles, and the contracts of three chains at the same addresses with known validator keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from eth_utils import to_checksum_address

from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import BRIDGE, ERA, FACTORY, GATEWAY, predict
from metalayer.deploy.desired import Desired
from metalayer.network.config import load_network
from metalayer.protocol.gateway import Route
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, deploy, now
from tests.kit.paper import DAY, DEFAULT_GAS_LIMIT, Validators
from tests.kit.placing import place

MAX_GAS_LIMIT = 10_000_000
# outbound, inbound, default and maximum gas limit; base, gas, byte and return fee (gwei of ERA), protocol share.
OPEN_ROUTE = (True, True, DEFAULT_GAS_LIMIT, MAX_GAS_LIMIT, 5_000_000, 20_000, 1_000, 8_000_000, 1_000)
FREE_ROUTE = (*OPEN_ROUTE[:4], 0, 0, 0, 0, 0)
CHAINS = ("hub", "arcade", "perps")


@dataclass(frozen=True)
class Stack:
    """The contracts of one chain: those that are declared, by name, and a scripted recipient."""

    chain: BoundChain
    contracts: dict[str, Contract]
    recipient: Contract

    @property
    def factory(self) -> Contract:
        return self.contracts[FACTORY]

    @property
    def gateway(self) -> Contract:
        return self.contracts[GATEWAY]

    @property
    def era(self) -> Contract:
        return self.contracts[ERA]

    @property
    def bridge(self) -> Contract:
        return self.contracts[BRIDGE]


@pytest.fixture(scope="session")
def unlocked(chains: dict[str, BoundChain]) -> list[str]:
    """Accounts that every node signs for."""
    return list(chains["hub"].rpc("eth_accounts"))


def role(position: int) -> Callable[[list[str]], str]:
    @pytest.fixture(scope="session")
    def account(unlocked: list[str]) -> str:
        return to_checksum_address(unlocked[position])

    return account


owner = role(1)
relayer = role(2)
depositor = role(3)
beneficiary = role(4)
sender = role(11)
attacker = role(12)
successor = role(13)
delegatee = role(14)
treasury = role(15)
guardian = role(17)
# Not the account that deployments elsewhere in the tests use: its namespace of the factory is ours alone.
deployer = role(16)


@pytest.fixture(scope="session")
def validators(chains: dict[str, BoundChain]) -> Validators:
    """Five validators of equal weight: four are a quorum."""
    return Validators([1] * 5, expires=now(chains["hub"]) + 1000 * DAY)


@pytest.fixture(scope="session")
def stacks(
    chains: dict[str, BoundChain],
    validators: Validators,
    deployer: str,
    owner: str,
    guardian: str,
    treasury: str,
) -> dict[str, Stack]:
    """Every declared contract and a scripted recipient on three chains; every route open."""
    bound = {name: chains[name] for name in CHAINS}
    network = replace(load_network(), chains={name: chain.chain for name, chain in bound.items()})
    addresses = predict(deployer, load_artifacts([FACTORY])[FACTORY].creation)

    def stack(chain: BoundChain) -> Stack:
        desired = Desired(
            chain=chain.chain,
            network=network,
            deployer=deployer,
            owner=owner,
            guardian=guardian,
            treasury=treasury,
            validator_set=validators.set,
            routes={other.chain_id: Route(*OPEN_ROUTE) for other in bound.values() if other is not chain},
            addresses=addresses,
        )
        recipient = deploy(chain, "ScriptedRecipient", sender=deployer)
        return Stack(chain, place(chain, desired), recipient)

    return {name: stack(chain) for name, chain in bound.items()}


@pytest.fixture(scope="session")
def hub(stacks: dict[str, Stack]) -> Stack:
    return stacks["hub"]


@pytest.fixture(scope="session")
def arcade(stacks: dict[str, Stack]) -> Stack:
    return stacks["arcade"]


@pytest.fixture(scope="session")
def perps(stacks: dict[str, Stack]) -> Stack:
    return stacks["perps"]
