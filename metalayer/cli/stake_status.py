"""`ape metalayer stake status`: validators, seats and sets; one account; what is accused; what the bond stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from metalayer.cli.command import Command, print_json
from metalayer.cli.options import ACCOUNT, json_option
from metalayer.protocol.amounts import ERA_DECIMALS, era
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import short
from metalayer.protocol.slasher import Kind
from metalayer.protocol.staking import SILENCE, ValidatorState

if TYPE_CHECKING:
    from rich.table import Table

    from metalayer.staking.accounts import Stake
    from metalayer.staking.delegators import Delegators
    from metalayer.staking.reading import OpenCase, Overview

_CENT: int = 10 ** (ERA_DECIMALS - 2)
_DAY = 86_400
_ABOUT = {
    Kind.LANE_EQUIVOCATION: "(a) two facts of one place",
    Kind.SET_EQUIVOCATION: "(a) two sets of one version",
    Kind.FALSE_PLACE: "(b) not what the hub sent",
    Kind.FALSE_UNEXECUTED: "(b) the hub executed it",
    Kind.FALSE_SET: "(b) not the set of that version",
    Kind.LANE_CONTRADICTION: "(c) a quorum says otherwise",
    Kind.SET_CONTRADICTION: "(c) a quorum has another set",
}


@click.command(cls=Command)
@click.argument("account", type=ACCOUNT, required=False)
@click.option("--delegators", "with_delegators", is_flag=True, help="Read who delegated what, too.")
@json_option
def status(account: str | None, with_delegators: bool, as_json: bool) -> None:
    """Validators, the newest set and the next one, rewards, open cases; and what ACCOUNT has, if one is given.

    Stake is in ERA, of which own is the operator's; "room" is what may still be delegated. Weights are shares of the
    newest set, and of the set if it were published now: nobody has more than 30 % (marked "cap"), while rewards go by
    stake. "A year" is what delegated ERA earns at the present rate, after commission. Silent: since the validator
    showed last that it signs; after nine days anyone may take its seat.

    Exit status 1 if fewer than four validators are seated, or the newest set has expired.

    \b
      ape metalayer stake status
      ape metalayer stake status me --json
    """
    from metalayer.cli.display import console, waiting
    from metalayer.network.live import Live
    from metalayer.network.signers import address_of
    from metalayer.staking import accounts, delegators
    from metalayer.staking.desk import Desk
    from metalayer.staking.reading import as_dict, read

    address = address_of(account) if account else None
    live = Live.open(founding=True)
    desk, seen = Desk.of(live), read(live)
    stake = accounts.read(desk, seen, address) if address else None
    crowd: list[Delegators] = []
    if with_delegators:
        with waiting("reading who delegated what", quiet=as_json):
            crowd = delegators.read(desk, seen)
    if as_json:
        data = as_dict(seen)
        if stake:
            data["account"] = accounts.as_dict(stake)
        if with_delegators:
            data["delegators"] = {
                str(one.validator): {holder: str(wei) for holder, wei in one.units.items()} for one in crowd
            }
        print_json(data)
    else:
        names = {connection.chain_id: name for name, connection in live.mesh.connections.items()}
        show = console()
        for part in overview(seen, names):
            show.print(part, soft_wrap=isinstance(part, str))
        for part in holdings(seen, stake) if stake else ():
            show.print(part, soft_wrap=isinstance(part, str))
        if crowd:
            show.print(_crowd(seen, crowd))
        for problem in seen.problems:
            click.echo(problem, err=True)
    if seen.problems:
        raise click.exceptions.Exit(1)


def _crowd(seen: Overview, crowd: Sequence[Delegators]) -> Table:
    from metalayer.cli.display import table

    rows = [
        (
            str(one.validator),
            f"{len(one.units):,}",
            _whole(seen.validators[one.validator].delegated),
            _whole(one.largest),
            short(next(iter(one.units))),
        )
        for one in crowd
    ]
    return table("Delegators", ("#no.", "#delegators", "#delegated", "#by the largest", "the largest"), rows)


def overview(seen: Overview, names: Mapping[int, str]) -> Iterator[Table | str]:
    """What everybody sees."""
    from metalayer.cli.display import table

    columns: tuple[str, ...] = ("#no.", "operator", "#stake", "#own", "#room", "state")
    if seen.validators:
        yield table("Validators", columns, [_row(seen, id_) for id_ in seen.validators])
    else:
        yield "no validator is registered"
    if seen.seated:
        columns = ("#no.", "#weight", "#next set", "commission", "#a year", "#silent")
        yield table("Seats", columns, [_seat(seen, id_) for id_ in seen.seated])
    if seen.cases:
        columns = ("#no.", "accused of", "opened", "would lose now (ERA)", "what can be done")
        yield table("Open cases", columns, [_case(seen, case, names) for case in seen.cases])
    yield from _lines(seen)


def _row(seen: Overview, id_: int) -> tuple[str, ...]:
    known = seen.validators[id_]
    return (
        str(id_),
        short(known.operator),
        _whole(known.stake),
        _whole(known.own),
        _whole(known.room) if known.state is ValidatorState.OPEN and not known.open_cases else "",
        _state(seen, id_),
    )


def _seat(seen: Overview, id_: int) -> tuple[str, ...]:
    known, weight = seen.validators[id_], seen.weights.get(id_, 0)
    capped = " (cap)" if 0 < weight < known.stake else ""
    return (
        str(id_),
        _share(seen.weight_in_newest(id_), seen.newest.total if seen.newest else 0),
        _share(weight, sum(seen.weights.values())) + capped,
        _commission(seen, id_),
        f"{seen.per_year(id_):.2%}",
        f"{(seen.silent_for(id_) or 0) / _DAY:.1f} d",
    )


def _share(weight: int, total: int) -> str:
    return f"{weight / total:.1%}" if weight else ""


def _commission(seen: Overview, id_: int) -> str:
    known = seen.validators[id_]
    now, then = known.commission_at(seen.now), known.next_commission
    return f"{now / 100:g} %" + (
        f", {then / 100:g} % from {utc(known.next_commission_at)}" if now != then else ""
    )


def _state(seen: Overview, id_: int) -> str:
    known = seen.validators[id_]
    if known.state is ValidatorState.ENDED:
        return "slashed"
    if known.open_cases:
        return f"accused, {known.open_cases} cases" if known.open_cases > 1 else "accused"
    if known.state is ValidatorState.LEFT:
        return "left"
    return "seated" if known.seat else "waits"


def _case(seen: Overview, case: OpenCase, names: Mapping[int, str]) -> tuple[str, ...]:
    about, loss = case.accusation, case.loss
    place = f"set {about.nonce}"
    if about.origin:
        lane = " → ".join(names.get(id_, str(id_)) for id_ in (about.origin, about.destination))
        place = f"{lane}, place {about.nonce}"
    return (
        str(about.validator),
        f"{_ABOUT[about.kind]}: {place}",
        utc(case.opened_at),
        f"{case.fraction / 100:g} %: {_whole(loss.own)} own, {_whole(loss.delegated)} delegated",
        _next_step(seen, case),
    )


def _next_step(seen: Overview, case: OpenCase) -> str:
    if case.pardoned:
        return "pardoned: anyone may dismiss it"
    settled = (
        "anyone may settle it" if seen.now >= case.settles_at else f"settled from {utc(case.settles_at)} on"
    )
    if case.accusation.kind.pardonable:
        return f"{settled}; until then the owner may pardon it"
    return f"{settled}; nobody can pardon it"


def _lines(seen: Overview) -> Iterator[str]:
    if seen.newest:
        yield f"set {seen.newest.version} of {len(seen.newest.members)} validators, until {utc(seen.newest.expires)}"
    if seen.weights:
        when = "now" if seen.now >= seen.next_set_at else f"from {utc(seen.next_set_at)} on"
        lowest = (
            f", whoever joins needs more than {_rounded(seen.lowest_seated)} ERA"
            if seen.lowest_seated
            else ""
        )
        yield f"the next set can be published {when}: {len(seen.seated)} of {seen.seats} seats are taken{lowest}"
    for id_ in seen.seated:
        silent = seen.silent_for(id_) or 0
        if silent >= SILENCE:
            yield (
                f"validator {id_} showed no sign for {silent / _DAY:.1f} days: anyone may take its seat "
                f"(`ape metalayer stake vacate {id_}`)"
            )
    rewards, per_second = seen.rewards, seen.rewards.per_second(seen.now)
    if per_second and seen.seated_stake:
        left = rewards.streaming + rewards.waiting
        year = seen.stream_per_year
        yield (
            f"rewards: {_rounded(round(per_second * _DAY))} ERA a day, {year:.2%} a year before commission; "
            f"{_rounded(left)} ERA were left on {utc(rewards.accrued_at)}, the stream ends on {utc(rewards.stream_end)}"
        )
    else:
        yield "rewards: nothing streams"
    out = sum(seen.outstanding.values())
    times = f": {seen.backing:.2f} ERA behind each" if seen.backing is not None else ""
    yield (
        f"bonded against outstanding: {_rounded(seen.seated_stake)} ERA seated, {_rounded(out)} on other chains{times}"
    )


def holdings(seen: Overview, stake: Stake) -> Iterator[Table | str]:
    """What one account has."""
    from metalayer.cli.display import table
    from metalayer.staking.accounts import ExitState

    yield (
        f"{stake.account}: {era(stake.liquid)} ERA and {era(stake.held)} of stake, {era(stake.claimable)} to claim"
    )
    yield f"its stake votes with {stake.delegatee or 'nobody'}, its ERA with {stake.liquid_delegatee or 'nobody'}"
    if stake.positions:
        rows = [
            (
                str(one.validator),
                era(one.units),
                era(one.rewards),
                _state(seen, one.validator),
                f"{era(one.units - one.loss)} ERA can be withdrawn, {era(one.loss)} are lost"
                if seen.validators[one.validator].state is ValidatorState.ENDED
                else "",
            )
            for one in stake.positions
        ]
        yield table("Delegated", ("#no.", "#ERA", "#rewards", "state", "after the slash"), rows)
    if stake.exits:
        words = {
            ExitState.FREE: "can be withdrawn",
            ExitState.HELD: "held until its cases are closed",
            ExitState.WAITING: "waits",
        }
        rows = [
            (
                str(one.validator),
                "own" if one.own else "delegated",
                era(one.amount),
                utc(one.matures_at),
                words[one.state] + (f", {era(one.loss)} ERA are lost" if one.loss else ""),
            )
            for one in stake.exits
        ]
        yield table("On its way out", ("#no.", "whose", "#ERA", "free on", "state"), rows)
    for id_, earned in stake.operates.items():
        yield f"operates validator {id_}: {era(seen.validators[id_].own)} ERA of its own, {era(earned)} ERA earned"


def _rounded(wei: int) -> str:
    """To a hundredth of an ERA, down."""
    return era(wei // _CENT * _CENT)


def _whole(wei: int) -> str:
    """To a whole ERA, down."""
    return f"{wei // 10**ERA_DECIMALS:,}"
