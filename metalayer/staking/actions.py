"""What is to be called for what somebody wants: whatever is free, whatever was earned, whatever is still leaving."""

from __future__ import annotations

from typing import Any

from metalayer.errors import MetalayerError
from metalayer.protocol import staking
from metalayer.protocol.amounts import era
from metalayer.protocol.attestation import compact
from metalayer.protocol.dates import utc
from metalayer.protocol.staking import ValidatorState
from metalayer.staking.accounts import ExitState, Stake
from metalayer.staking.desk import Desk
from metalayer.staking.reading import Overview


def operated(seen: Overview, account: str, chosen: int | None) -> int:
    """The validator that an account acts for: the chosen one, or the only one that was not slashed.

    MetalayerError if it is not its operator, or if there are several.
    """
    if chosen is not None:
        operator = seen.validator(chosen).operator
        if operator != account:
            raise MetalayerError(f"the operator of validator {chosen} is {operator}, not {account}")
        return chosen
    ids = [id_ for id_, known in seen.of_operator(account).items() if known.state is not ValidatorState.ENDED]
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise MetalayerError(
            f"{account} operates validators {', '.join(map(str, ids))}: say which (--validator)"
        )
    raise MetalayerError(
        f"{account} operates no validator: expected the account that registered one "
        "(`ape metalayer stake register`)"
    )


def withdrawals(seen: Overview, stake: Stake) -> list[bytes]:
    """Pays an account everything that is free. MetalayerError if nothing is, with what it waits for."""
    calls = [
        staking.WITHDRAW_OWN.encode(one.validator, one.period)
        if one.own
        else staking.WITHDRAW.encode(stake.account, one.validator, one.period)
        for one in stake.free
    ]
    ended = {id_ for id_, known in seen.validators.items() if known.state is ValidatorState.ENDED}
    calls += [
        staking.RELEASE.encode(stake.account, one.validator)
        for one in stake.positions
        if one.validator in ended
    ]
    calls += [
        staking.RELEASE_OWN.encode(id_) for id_ in stake.operates if id_ in ended and seen.validators[id_].own
    ]
    if not calls:
        raise MetalayerError(f"nothing of {stake.account} can be withdrawn{_what_waits(stake)}")
    return calls


def withdrawn(seen: Overview, stake: Stake) -> tuple[int, int]:
    """What those calls pay, and what goes to the treasury of what they are about. Wei."""
    paid = [(one.amount, one.loss) for one in stake.free]
    for one in stake.positions:
        if seen.validators[one.validator].state is ValidatorState.ENDED:
            paid.append((one.units, one.loss))
    for id_ in stake.operates:
        if seen.validators[id_].state is ValidatorState.ENDED:
            # What own stake lost was taken when the validator ended.
            paid.append((seen.validators[id_].own, 0))
    lost = sum(loss for _, loss in paid)
    return sum(amount for amount, _ in paid) - lost, lost


def _what_waits(stake: Stake) -> str:
    waiting = [one for one in stake.exits if one.state is ExitState.WAITING]
    if waiting:
        first = waiting[0]
        return f": {era(first.amount)} ERA of validator {first.validator} matures on {utc(first.matures_at)}"
    if stake.exits:
        held = stake.exits[0]
        return (
            f": {era(held.amount)} ERA is held until all cases against validator {held.validator} are closed "
            "(`ape metalayer stake status`)"
        )
    if stake.positions:
        return ": its stake is bonded, and begins to leave with `ape metalayer stake undelegate`"
    return ": it has no stake"


def claims(stake: Stake, recipient: str) -> list[bytes]:
    """Pays a recipient everything that an account earned. MetalayerError if that is nothing."""
    calls = []
    if stake.claimable:
        ids = [one.validator for one in stake.positions if one.rewards]
        calls.append(staking.CLAIM.encode(ids, recipient))
    calls += [
        staking.CLAIM_EARNINGS.encode(id_, recipient) for id_, earned in stake.operates.items() if earned
    ]
    if not calls:
        raise MetalayerError(f"{stake.account} has earned nothing that it did not claim")
    return calls


def rebonds(stake: Stake, validator: int, amount: int | None, now: int) -> tuple[int, list[bytes]]:
    """Bonds again what an account has leaving a validator, what would wait longest first; all that can be if no amount
    is given: stake comes back from the end of the period after the one with which it leaves.

    The amount and the calls. MetalayerError if there is less.
    """
    all_leaving = [one for one in stake.exits if one.validator == validator and not one.own]
    leaving = [one for one in all_leaving if staking.rebonds_at(one.period) <= now]
    if all_leaving and not leaving:
        earliest = min(staking.rebonds_at(one.period) for one in all_leaving)
        raise MetalayerError(
            f"what {stake.account} has leaving validator {validator} can be bonded again from {utc(earliest)} on"
        )
    there = sum(one.amount for one in leaving)
    wanted = there if amount is None else amount
    if not wanted or wanted > there:
        raise MetalayerError(
            f"{stake.account} has {era(there)} ERA leaving validator {validator}"
            + (f", not {era(wanted)}" if wanted else ": there is nothing to bond again")
        )
    calls, left = [], wanted
    for one in sorted(leaving, key=lambda one: -one.period):
        some = min(left, one.amount)
        if some:
            calls.append(staking.REBOND.encode(validator, one.period, some))
        left -= some
    return wanted, calls


def possession(desk: Desk, operator: str, signer: Any) -> bytes:
    """A key's signature that an operator may register it. MetalayerError if its account does not sign."""
    message = staking.possession(desk.hub.chain_id, desk.address, operator, signer.address)
    signature = signer.sign_message(message)
    if signature is None:
        raise MetalayerError(f"{signer.address} did not sign that it belongs to {operator}")
    return compact(signature)
