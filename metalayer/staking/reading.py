"""Staking as the hub has it now: validators, seats, the newest set and the next one, the stream, open cases.

Two round trips whatever the number of delegators, one more while somebody is accused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.live import Live
from metalayer.protocol import bond, slasher, staking
from metalayer.protocol.attestation import MIN_VALIDATORS, ValidatorSet
from metalayer.protocol.bridge import OUTSTANDING
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import block_request, word
from metalayer.protocol.slasher import Accusation, CaseState
from metalayer.protocol.staking import AccusedIn, Rewards, Validator, ValidatorState
from metalayer.staking.desk import Desk


@dataclass(frozen=True)
class OpenCase:
    """An accusation that was neither dismissed nor settled. From `settles_at` (Unix seconds) on anyone settles it.

    `fraction`: basis points of what could be slashed that would be lost if it were settled now. `last_accused`: when
    the last validator was accused that counts with it.
    """

    key: bytes
    accusation: Accusation
    reporter: str
    opened_at: int
    last_accused: int
    pardoned: bool
    fraction: int
    loss: bond.Loss

    @property
    def settles_at(self) -> int:
        return max(self.opened_at, self.last_accused) + slasher.SETTLE_DELAY


@dataclass(frozen=True)
class Overview:
    """Staking at one moment, `now` (Unix seconds, of the hub's latest block). Validators by id; wei."""

    now: int
    validators: dict[int, Validator]
    seated: tuple[int, ...]
    seats: int
    min_own: int
    seated_stake: int
    rewards: Rewards
    newest: ValidatorSet | None
    set_at: int
    term_ended: bool
    outstanding: dict[str, int]
    cases: list[OpenCase]

    @cached_property
    def weights(self) -> dict[int, int]:
        """Weight of each seated validator if a set were published now; empty if there are too few for one."""
        if len(self.seated) < MIN_VALIDATORS:
            return {}
        stakes = [self.validators[id_].stake for id_ in self.seated]
        return dict(zip(self.seated, bond.capped(stakes), strict=True))

    @property
    def next_set_at(self) -> int:
        """From when on (Unix seconds) the next set can be published."""
        return self.now if self.term_ended or self.newest is None else self.set_at + staking.TERM

    @property
    def lowest_seated(self) -> int:
        """Stake that whoever wants a seat must exceed: 0 while one is free."""
        if len(self.seated) < self.seats:
            return 0
        return min(self.validators[id_].stake for id_ in self.seated)

    @property
    def backing(self) -> float | None:
        """Seated stake for each ERA that is outstanding on other chains; None if nothing is."""
        out = sum(self.outstanding.values())
        return self.seated_stake / out if out else None

    def validator(self, id_: int) -> Validator:
        """MetalayerError if there is none."""
        if id_ not in self.validators:
            known = f"1 to {len(self.validators)}" if self.validators else "one that was registered"
            raise MetalayerError(f"there is no validator {id_}: expected {known}")
        return self.validators[id_]

    def of_operator(self, operator: str) -> dict[int, Validator]:
        """Those that an account may act for."""
        return {id_: known for id_, known in self.validators.items() if known.operator == operator}

    def weight_in_newest(self, id_: int) -> int:
        """Weight of a validator's present key in the set that was published last."""
        members = dict(self.newest.members) if self.newest else {}
        return members.get(self.validators[id_].signer, 0)

    def silent_for(self, id_: int) -> int | None:
        """Seconds since a seated validator showed last that it signs; None without a seat."""
        known = self.validators[id_]
        return self.now - known.alive_at if known.seat else None

    def per_year(self, id_: int) -> float:
        """Reward of one ERA that is delegated to a validator, in a year at the present rate and commission."""
        known = self.validators[id_]
        if not known.seat:
            return 0.0
        return bond.per_year(
            self.rewards.per_second(self.now), self.seated_stake, known.commission_at(self.now)
        )

    @property
    def stream_per_year(self) -> float:
        """Reward of one seated ERA in a year at the present rate, before commission."""
        return bond.per_year(self.rewards.per_second(self.now), self.seated_stake)

    @property
    def problems(self) -> list[str]:
        """A line for each thing that will stop the network if nobody acts."""
        found = []
        if len(self.seated) < MIN_VALIDATORS:
            until = (
                f": set {self.newest.version} is the last, until {utc(self.newest.expires)}"
                if self.newest
                else ""
            )
            found.append(
                f"{len(self.seated)} validators are seated, a set needs {MIN_VALIDATORS}: none can be published{until} "
                "(docs/incidents.md)"
            )
        if self.newest and self.now > self.newest.expires:
            found.append(
                f"set {self.newest.version} expired on {utc(self.newest.expires)}: "
                "`ape metalayer relay watch` publishes the next one"
            )
        return found


def read(live: Live) -> Overview:
    """Everything but single accounts. MetalayerError if the network has no Staking."""
    desk = Desk.of(live)
    hub, address = desk.hub, desk.address
    spokes = {name: c.chain_id for name, c in live.mesh.connections.items() if name != hub.name}
    views = (
        staking.VALIDATOR_COUNT,
        staking.TAKEN_SEATS,
        staking.SEATS,
        staking.MIN_OWN,
        staking.SEATED_STAKE,
        staking.REWARDS,
        staking.SET_VERSION,
        staking.SET_AT,
        staking.TERM_ENDED,
        staking.SLASHER,
    )
    block, *found = hub.batch([block_request(), *(view.request(address) for view in views)])
    count, seated, seats, min_own, seated_stake, rewards, version, set_at, term_ended, accuser = found
    bridge, era = live.registry.address("TokenBridge"), live.registry.address("ERA")
    published, *rest = hub.batch(
        [
            staking.SET_PUBLISHED.logs_once(address, word(version)),
            *(OUTSTANDING.request(bridge, era, chain_id) for chain_id in spokes.values()),
            *(staking.VALIDATOR.request(address, id_) for id_ in range(1, count + 1)),
        ]
    )
    validators = dict(enumerate(rest[len(spokes) :], 1))
    return Overview(
        now=block.time,
        validators=validators,
        seated=seated,
        seats=seats,
        min_own=min_own,
        seated_stake=seated_stake,
        rewards=rewards,
        newest=published[-1].event if published else None,
        set_at=set_at,
        term_ended=term_ended,
        outstanding=dict(zip(spokes, rest, strict=False)),
        cases=_open_cases(desk, accuser, validators),
    )


def _open_cases(desk: Desk, address: str, validators: dict[int, Validator]) -> list[OpenCase]:
    accused = [id_ for id_, known in validators.items() if known.open_cases and known.state is not _ENDED]
    if not accused:
        return []
    logged = desk.hub.ask(slasher.CASE_OPENED.logs(address, None, [word(id_) for id_ in accused]))
    opened = [event for event, _ in logged]
    weeks = sorted({week for id_ in accused for week in _weeks(validators[id_])})
    answers = desk.hub.batch(
        [
            *(slasher.CASE_OF.request(address, one.accusation.key) for one in opened),
            *(slasher.IS_PARDONED.request(address, one.accusation) for one in opened),
            *(staking.ACCUSED_IN.request(desk.address, week) for week in weeks),
        ]
    )
    cases, pardoned = answers[: len(opened)], answers[len(opened) : 2 * len(opened)]
    of_week = dict(zip(weeks, answers[2 * len(opened) :], strict=True))
    found = []
    for one, case, is_pardoned in zip(opened, cases, pardoned, strict=True):
        if case.state is not CaseState.OPEN:
            continue
        known = validators[one.accusation.validator]
        weeks_around = [of_week[week] for week in _weeks(known)]
        fraction = fraction_at(weeks_around)
        loss = bond.loss(known.own_slashable, known.slashable, fraction)
        found.append(
            OpenCase(
                one.accusation.key,
                one.accusation,
                case.reporter,
                case.opened_at,
                max(week.latest for week in weeks_around),
                is_pardoned,
                fraction,
                loss,
            )
        )
    return sorted(found, key=lambda case: (case.opened_at, case.key))


_ENDED = ValidatorState.ENDED


def _weeks(known: Validator) -> Sequence[int]:
    """Those whose accused validators count together with this one."""
    week = known.frozen_since // staking.WEEK
    return range(week - staking.CORRELATED_WEEKS, week + staking.CORRELATED_WEEKS + 1)


def fraction_at(weeks: Sequence[AccusedIn]) -> int:
    """Basis points that a slash takes, given these weeks: what sets weighed counts up to the middle one."""
    known = weeks[: staking.CORRELATED_WEEKS + 1]
    return bond.fraction(sum(week.slashable for week in weeks), max(week.weight for week in known))


def as_dict(seen: Overview) -> dict[str, Any]:
    """For --json: wei as strings, times as Unix seconds."""
    return {
        "now": seen.now,
        "seats": seen.seats,
        "min_own": str(seen.min_own),
        "seated_stake": str(seen.seated_stake),
        "set": None
        if seen.newest is None
        else {"version": seen.newest.version, "expires": seen.newest.expires},
        "next_set": {
            "from": seen.next_set_at,
            "weights": {str(id_): str(weight) for id_, weight in seen.weights.items()},
        },
        "rewards": {
            "per_year": seen.stream_per_year,
            "streaming": str(seen.rewards.streaming),
            "waiting": str(seen.rewards.waiting),
            "accrued_at": seen.rewards.accrued_at,
            "stream_end": seen.rewards.stream_end,
        },
        "outstanding": {name: str(wei) for name, wei in seen.outstanding.items()},
        "backing": seen.backing,
        "validators": {str(id_): _validator_dict(seen, id_) for id_ in seen.validators},
        "cases": [_case_dict(case) for case in seen.cases],
        "problems": seen.problems,
    }


def _validator_dict(seen: Overview, id_: int) -> dict[str, Any]:
    known = seen.validators[id_]
    return {
        "operator": known.operator,
        "signer": known.signer,
        "state": known.state.name.lower(),
        "stake": str(known.stake),
        "own": str(known.own),
        "room": str(known.room),
        "seat": known.seat or None,
        "weight": str(seen.weight_in_newest(id_)),
        "next_weight": str(seen.weights.get(id_, 0)),
        "commission": known.commission_at(seen.now),
        "next_commission": known.next_commission,
        "next_commission_at": known.next_commission_at,
        "per_year": seen.per_year(id_),
        "silent_for": seen.silent_for(id_),
        "open_cases": known.open_cases,
    }


def _case_dict(case: OpenCase) -> dict[str, Any]:
    about = case.accusation
    return {
        "key": to_hex(case.key),
        "validator": about.validator,
        "kind": about.kind.name.lower(),
        "origin": about.origin,
        "destination": about.destination,
        "nonce": about.nonce,
        "reporter": case.reporter,
        "opened_at": case.opened_at,
        "settles_at": case.settles_at,
        "pardonable": about.kind.pardonable,
        "pardoned": case.pardoned,
        "fraction": case.fraction,
        "own_loss": str(case.loss.own),
        "loss": str(case.loss.delegated),
    }
