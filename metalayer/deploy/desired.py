"""What should stand on every chain: the names of `deploy.yaml` resolved to values."""

from __future__ import annotations

from dataclasses import dataclass

from metalayer.network.config import Chain, Network
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Route

ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True)
class Offices:
    """Who may do what on a chain, as checksummed addresses: see docs/operating.md."""

    owner: str
    council: str
    watchers: tuple[str, ...]
    fee_keeper: str
    recovery: str
    collector: str


@dataclass(frozen=True)
class Desired:
    """One chain as it should be. Addresses are checksummed; routes by the other chain's id. `validator_set` is the one
    that its gateway starts, or started, from. `staking` publishes the sets that the hub's gateway adopts; zero where
    the set that is installed signs the next.
    """

    chain: Chain
    network: Network
    deployer: str
    offices: Offices
    treasury: str
    validator_set: ValidatorSet
    routes: dict[int, Route]
    addresses: dict[str, str]
    staking: str = ZERO_ADDRESS

    @property
    def owner(self) -> str:
        return self.offices.owner

    @property
    def network_id(self) -> int:
        return self.network.hub.chain_id

    @property
    def is_hub(self) -> bool:
        return self.chain.chain_id == self.network_id


@dataclass(frozen=True)
class Resolved:
    """The whole network as it should be, by chain, the hub first. `validator_set` is the first that it ever had."""

    network: Network
    validator_set: ValidatorSet
    addresses: dict[str, str]
    chains: dict[str, Desired]
