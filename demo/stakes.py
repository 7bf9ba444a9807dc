"""Who bonded how much, what that weighs, and what it has earned: read at one block of the hub."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metalayer.assets.tokens import BALANCE_OF
from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway, staking
from metalayer.protocol.amounts import GWEI, era
from metalayer.staking.desk import Desk
from metalayer.staking.reading import read


@dataclass(frozen=True)
class Forwarded:
    """Fees (wei of ERA) that the hub's FeeCollector swept, and what of them became rewards, at that block's time."""

    swept: int
    amount: int
    at: int


@dataclass(frozen=True)
class ValidatorBooks:
    """One validator, in wei of ERA: its stake and its weight in the newest set; what its operator and the user, as its
    delegator, have earned and not claimed.
    """

    own: int
    delegated: int
    weight: int
    earned: int
    delegator_earned: int

    @property
    def rewards(self) -> int:
        return self.earned + self.delegator_earned


@dataclass(frozen=True)
class Stakes:
    """All validators by id at the Unix time `now`. `held`: ERA of all surrogates, which hold stake; `accounted`: what
    Staking owes besides, and `balance`: what it has. Wei. `version` of the newest set,
    `behind`: chains that do not have it.
    """

    now: int
    version: int
    validators: dict[int, ValidatorBooks]
    held: int
    accounted: int
    balance: int
    behind: list[str]

    def checks(self, bonded: int, forwarded: Forwarded) -> list[tuple[str, bool]]:
        """Sentences that must hold if so much (wei) was bonded and delegated, and nobody claimed any rewards."""
        stakes = self.validators.values()
        streamed = forwarded.amount * min(self.now - forwarded.at, staking.STREAM) // staking.STREAM
        # What is earned for each wei of stake is rounded down, then what each operator and the delegator earned.
        left = streamed - sum(one.rewards for one in stakes)
        most = len(self.validators) + 2
        return [
            (f"every chain has validator set {self.version}", not self.behind),
            (
                f"the weights in set {self.version} are what is bonded, own and delegated = the ERA held for it",
                all(one.weight == one.own + one.delegated for one in stakes)
                and sum(one.weight for one in stakes) == bonded == self.held,
            ),
            (
                "Staking has what was forwarded, and owes all of it",
                self.balance == self.accounted == forwarded.amount,
            ),
            (
                f"all have earned what streamed by now, {era(streamed)} ERA, but for {left} wei of rounding",
                0 <= left <= most,
            ),
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """For a table. Rewards to a gwei, down."""
        total = sum(one.weight for one in self.validators.values())
        return [
            (
                str(id_),
                era(one.own),
                era(one.delegated),
                f"{one.weight / total:.1%}",
                era(one.rewards // GWEI * GWEI),
                era(one.delegator_earned // GWEI * GWEI),
            )
            for id_, one in self.validators.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei as strings."""
        return {
            "set": self.version,
            "validators": {
                str(id_): {key: str(value) for key, value in asdict(one).items()}
                for id_, one in self.validators.items()
            },
            "held": str(self.held),
            "rewards": {"accounted": str(self.accounted), "balance": str(self.balance)},
        }


def read_stakes(live: Live, delegator: str) -> Stakes:
    """When nobody changes stake any more. Rewards stream on: they are of one block. MetalayerError without a set."""
    desk, seen = Desk.of(live), read(live)
    newest = seen.newest
    if newest is None:
        raise MetalayerError("Staking has published no validator set")
    hub, address, block = desk.hub, desk.address, desk.hub.block()
    at, ids = block.number, list(seen.validators)
    holders = [*dict.fromkeys(one.operator for one in seen.validators.values()), delegator]
    rewards, balance = hub.batch(
        [staking.REWARDS.request(address, block=at), BALANCE_OF.request(desk.token, address, block=at)]
    )
    earned = hub.batch(staking.EARNINGS.request(address, id_, block=at) for id_ in ids)
    claimable = hub.batch(staking.CLAIMABLE.request(address, delegator, [id_], block=at) for id_ in ids)
    accounts = hub.batch(staking.ACCOUNT.request(address, holder, block=at) for holder in holders)
    surrogates = {account.surrogate for account in accounts}
    held = hub.batch(BALANCE_OF.request(desk.token, one, block=at) for one in surrogates)
    connections = list(live.mesh.connections.values())
    installed = in_parallel(lambda one: one.view(live.mesh.gateway, gateway.VALIDATOR_SET_HASH), connections)
    return Stakes(
        now=block.time,
        version=newest.version,
        validators={
            id_: ValidatorBooks(known.own, known.delegated, seen.weight_in_newest(id_), *of_both)
            for (id_, known), *of_both in zip(seen.validators.items(), earned, claimable, strict=True)
        },
        held=sum(held),
        accounted=rewards.accounted,
        balance=balance,
        behind=[one.name for one, hash_ in zip(connections, installed, strict=True) if hash_ != newest.hash],
    )
