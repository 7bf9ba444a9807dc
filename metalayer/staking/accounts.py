"""One account's stake: what it delegated, what is on its way out and until when, what it earned, whose votes it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from metalayer.assets.tokens import BALANCE_OF, DELEGATES, VOTES
from metalayer.protocol import bond, staking
from metalayer.protocol.abi import Logged
from metalayer.protocol.rpc import word
from metalayer.protocol.staking import Validator, ValidatorState
from metalayer.staking.desk import Desk
from metalayer.staking.reading import Overview


class ExitState(StrEnum):
    """Whether what is leaving can be withdrawn."""

    FREE = "free"
    HELD = "held"
    WAITING = "waiting"


@dataclass(frozen=True)
class Exit:
    """Stake that left with a period, `own` if as an operator's. `loss` is what a slash takes of the amount; wei."""

    validator: int
    period: int
    own: bool
    amount: int
    loss: int
    state: ExitState

    @property
    def matures_at(self) -> int:
        """Unix seconds."""
        return staking.matures_at(self.period)


@dataclass(frozen=True)
class Position:
    """What an account delegated to a validator, what of it a slash took, and what can be claimed of it; wei."""

    validator: int
    units: int
    loss: int
    rewards: int


@dataclass(frozen=True)
class Stake:
    """All that an account has with Staking. Wei; accounts are checksummed.

    `collected`: rewards of positions that changed since, which go with the next claim. `operates`: validators that it
    acts for, with what it earned of each. `delegatee`: who has the votes of its stake, None if nobody; `votes`: all of
    its own.
    """

    account: str
    liquid: int
    held: int
    collected: int
    positions: list[Position]
    exits: list[Exit]
    operates: dict[int, int]
    delegatee: str | None
    liquid_delegatee: str | None
    votes: int

    @property
    def claimable(self) -> int:
        """All that can be claimed as a delegator."""
        return self.collected + sum(position.rewards for position in self.positions)

    @property
    def free(self) -> list[Exit]:
        return [one for one in self.exits if one.state is ExitState.FREE]


def read(desk: Desk, seen: Overview, account: str) -> Stake:
    """In two round trips, three for an operator, whatever the number of validators."""
    hub, address, ids = desk.hub, desk.address, list(seen.validators)
    operated = [id_ for id_, known in seen.validators.items() if known.operator == account]
    holder = word(int(account, 16))
    stake, liquid, liquid_delegatee, votes, collected, left, *rest = hub.batch(
        [
            staking.ACCOUNT.request(address, account),
            BALANCE_OF.request(desk.token, account),
            DELEGATES.request(desk.token, account),
            VOTES.request(desk.token, account),
            staking.CLAIMABLE.request(address, account, []),
            staking.UNDELEGATED.logs(address, None, holder),
            *(staking.POSITION.request(address, account, id_) for id_ in ids),
            *(staking.EARNINGS.request(address, id_) for id_ in operated),
        ]
    )
    units = {id_: known.units for id_, known in zip(ids, rest, strict=False) if known.units}
    left_own = hub.ask(staking.OWN_REMOVED.logs(address, [word(id_) for id_ in operated])) if operated else []
    places = _places(left)
    own_places = sorted({(event.validator, event.period) for event, _ in left_own})
    delegatee, *amounts = hub.batch(
        [
            DELEGATES.request(desk.token, stake.surrogate),
            *(staking.CLAIMABLE.request(address, account, [id_]) for id_ in units),
            *(staking.UNBONDING.request(address, account, *place) for place in places),
            *(staking.EXITS.request(address, *place) for place in own_places),
        ]
    )
    claimable, leaving = amounts[: len(units)], amounts[len(units) :]
    exits = [
        exit_of(seen, place, amount, own=False)
        for place, amount in zip(places, leaving, strict=False)
        if amount
    ] + [
        exit_of(seen, place, all_.own, own=True)
        for place, all_ in zip(own_places, leaving[len(places) :], strict=True)
        if all_.own
    ]
    return Stake(
        account=account,
        liquid=liquid,
        held=stake.held,
        collected=collected,
        positions=[
            Position(id_, units[id_], _loss(seen.validators[id_], units[id_]), all_ - collected)
            for id_, all_ in zip(units, claimable, strict=True)
        ],
        exits=sorted(exits, key=lambda one: (one.period, one.validator, one.own)),
        operates=dict(zip(operated, rest[len(ids) :], strict=True)),
        delegatee=_somebody(delegatee),
        liquid_delegatee=_somebody(liquid_delegatee),
        votes=votes,
    )


def _places(left: Iterable[Logged[staking.Exit]]) -> list[tuple[int, int]]:
    return sorted({(event.validator, event.period) for event, _ in left})


def _somebody(account: str) -> str | None:
    return account if int(account, 16) else None


def exit_of(seen: Overview, place: tuple[int, int], amount: int, own: bool) -> Exit:
    """An exit of that amount from (validator, period)."""
    known = seen.validators[place[0]]
    matures_at = staking.matures_at(place[1])
    answers = matures_at > known.frozen_since > 0
    loss, state = 0, ExitState.WAITING
    if known.state is ValidatorState.ENDED and answers:
        lost, slashable = (known.own_loss, known.own_slashable) if own else (known.loss, known.slashable)
        loss, state = bond.part(amount, lost, slashable), ExitState.FREE
    elif known.open_cases and answers:
        state = ExitState.HELD
    elif seen.now >= matures_at:
        state = ExitState.FREE
    return Exit(*place, own, amount, loss, state)


def _loss(known: Validator, units: int) -> int:
    if known.state is not ValidatorState.ENDED:
        return 0
    return bond.part(units, known.loss, known.slashable)


def as_dict(stake: Stake) -> dict[str, Any]:
    """For --json: wei as strings, times as Unix seconds."""
    return {
        "account": stake.account,
        "liquid": str(stake.liquid),
        "held": str(stake.held),
        "claimable": str(stake.claimable),
        "positions": [
            {
                "validator": one.validator,
                "units": str(one.units),
                "loss": str(one.loss),
                "rewards": str(one.rewards),
            }
            for one in stake.positions
        ],
        "exits": [
            {
                "validator": one.validator,
                "period": one.period,
                "own": one.own,
                "amount": str(one.amount),
                "loss": str(one.loss),
                "matures_at": one.matures_at,
                "state": one.state.value,
            }
            for one in stake.exits
        ],
        "operates": {str(id_): str(earned) for id_, earned in stake.operates.items()},
        "delegatee": stake.delegatee,
        "liquid_delegatee": stake.liquid_delegatee,
        "votes": str(stake.votes),
    }
