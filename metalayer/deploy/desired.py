"""What should stand on every chain: the names of `deploy.yaml` resolved to values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from metalayer.deploy.names import GOVERNOR, REMOTE_GOVERNOR
from metalayer.network.config import Chain, Network
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import Route

ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True)
class Offices:
    """Who may do what on a chain, as checksummed addresses: see docs/operating.md. The owner is a timelock."""

    owner: str
    council: str
    watchers: tuple[str, ...]
    fee_keeper: str
    recovery: str


@dataclass(frozen=True)
class Bond:
    """A validator that founds the network: who acts for it, its key, its own stake (wei of ERA), its commission (basis
    points).
    """

    operator: str
    signer: str
    own: int
    commission: int


@dataclass(frozen=True)
class Bonding:
    """What Staking asks of validators (`minimum_own` is wei of ERA), and who founds the network."""

    seats: int
    minimum_own: int
    bonds: tuple[Bond, ...] = ()


@dataclass(frozen=True)
class Governance:
    """How the network is governed. Seconds, wei of ERA, percent of the supply."""

    voting_delay: int
    voting_period: int
    proposal_threshold: int
    quorum: int
    timelock_delay: int


@dataclass(frozen=True)
class Token:
    """A token that deploy.yaml names: the chain id of its home, and its address there."""

    name: str
    home: int
    address: str
    decimals: int


@dataclass(frozen=True)
class Limit:
    """Limits of `local`, which stands for a token on a chain, for the chain with this id. In its smallest unit, with a
    window in seconds.
    """

    token: Token
    local: str
    chain_id: int
    out: int
    in_: int
    window: int


@dataclass(frozen=True)
class Adoption:
    """A token of its issuer that stands for a token on a chain."""

    token: Token
    local: str


@dataclass(frozen=True)
class Strike:
    """A message from the chain with this id that is never executed."""

    chain_id: int
    id: bytes


@dataclass(frozen=True)
class BridgeRules:
    """What the owner should have set at a chain's bridge; nothing but that."""

    limits: tuple[Limit, ...] = ()
    adoptions: tuple[Adoption, ...] = ()
    strikes: tuple[Strike, ...] = ()


class Wallet(NamedTuple):
    """A contract with what one beneficiary has of a share: locked until `start`, all vested `duration` later (Unix
    time, seconds). amount: wei. rank: among the share's, from 1.
    """

    share: str
    beneficiary: str
    amount: int
    start: int
    duration: int
    rank: int

    @property
    def name(self) -> str:
        """As registry and `check` call it: `VestingTeam1`."""
        return f"Vesting{self.share.capitalize()}{self.rank}"

    @property
    def place(self) -> str:
        """What its salt is made of."""
        return f"Vesting {self.share} {self.beneficiary}"


class Drop(NamedTuple):
    """The airdrop: the tree of who may claim, wei of all together, and the Unix time from which on nobody can."""

    root: bytes
    amount: int
    end: int


@dataclass(frozen=True)
class Genesis:
    """What of the supply is locked, and what is to be claimed. `start`, Unix time, is where both count from."""

    start: int = 0
    wallets: tuple[Wallet, ...] = ()
    drop: Drop | None = None


@dataclass(frozen=True)
class FirstSets:
    """From which validator set each gateway starts.

    published: all sets of Staking, by version. started: by chain, the set from which a gateway that stands did. is_due:
    Staking has to publish one before another gateway can start; planned: as it would, as far as that is known.
    """

    published: tuple[ValidatorSet, ...] = ()
    started: Mapping[str, ValidatorSet] = field(default_factory=dict)
    is_due: bool = True
    planned: ValidatorSet | None = None

    @property
    def newest(self) -> ValidatorSet | None:
        return self.published[-1] if self.published else None

    def of(self, chain: str) -> ValidatorSet | None:
        """None where one has to be published first."""
        return self.started.get(chain) or (self.planned if self.is_due else self.newest)

    def has(self, set_hash: bytes) -> bool:
        """True if Staking published it."""
        return any(one.hash == set_hash for one in self.published)


@dataclass(frozen=True)
class Desired:
    """One chain as it should be. Addresses are checksummed; routes by the other chain's id. `staking` publishes the
    sets that the hub's gateway adopts; zero where the set that is installed signs the next. `allocations`: wei of ERA
    that accounts have on the hub from its first block on, the contracts of `genesis` among them. The treasury has the
    rest. `lanes`: all of the network, by the ids of their ends.
    """

    chain: Chain
    network: Network
    deployer: str
    offices: Offices
    treasury: str
    allocations: Mapping[str, int]
    governance: Governance
    bonding: Bonding
    sets: FirstSets
    routes: dict[int, Route]
    addresses: dict[str, str]
    staking: str = ZERO_ADDRESS
    bridging: BridgeRules = BridgeRules()
    genesis: Genesis = Genesis()
    lanes: Collection[tuple[int, int]] = ()

    @property
    def owner(self) -> str:
        return self.offices.owner

    @property
    def governor(self) -> str:
        """The only proposer, canceller and executor of this chain's timelock."""
        return self.addresses[GOVERNOR if self.is_hub else REMOTE_GOVERNOR]

    @property
    def validator_set(self) -> ValidatorSet | None:
        """The one that the gateway starts, or started, from. None where one has to be published first."""
        return self.sets.of(self.chain.name)

    @property
    def network_id(self) -> int:
        return self.network.hub.chain_id

    @property
    def is_hub(self) -> bool:
        return self.chain.chain_id == self.network_id


@dataclass(frozen=True)
class Resolved:
    """The whole network as it should be, by chain, the hub first."""

    network: Network
    bonding: Bonding
    sets: FirstSets
    addresses: dict[str, str]
    chains: dict[str, Desired]

    def starting_from(self, sets: FirstSets) -> Resolved:
        """The same with other first sets."""
        chains = {name: replace(desired, sets=sets) for name, desired in self.chains.items()}
        return replace(self, sets=sets, chains=chains)
