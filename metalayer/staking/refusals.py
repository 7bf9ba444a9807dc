"""Why Staking, the Slasher or ERA refused something, in words: what was wrong, and what was expected."""

from __future__ import annotations

from collections.abc import Callable

from metalayer.network.rpc import Reverted
from metalayer.protocol.amounts import era
from metalayer.protocol.dates import utc
from metalayer.protocol.reverts import parse
from metalayer.protocol.staking import MAX_LEVERAGE, ValidatorState


def _wrong_state(id_: int, state: int) -> str:
    return {
        ValidatorState.NONE: f"there is no validator {id_}: `ape metalayer stake status` lists them",
        ValidatorState.OPEN: f"validator {id_} is neither slashed nor gone: expected one that is",
        ValidatorState.LEFT: f"validator {id_} gave up for good: it takes no stake and no seat any more",
        ValidatorState.ENDED: f"validator {id_} was slashed: what is left of its stake is withdrawn at once "
        "(`ape metalayer stake withdraw`)",
    }[ValidatorState(state)]


WORDS: dict[str, Callable[..., str]] = {
    "ValidatorAccused(uint256)": lambda id_: (
        f"validator {id_} is accused: until all its cases are closed it takes no stake and no seat"
    ),
    "AccusedSince(uint256,uint256)": lambda id_, at: (
        f"validator {id_} counts with another one that was accused on {utc(at)}: it is settled once that is decided "
        "(`ape metalayer stake status` shows when)"
    ),
    "AlreadySeated(uint256)": lambda id_: f"validator {id_} has a seat already",
    "ERC20InsufficientAllowance(address,uint256,uint256)": lambda spender, allowed, needed: (
        f"Staking may take {era(allowed)} ERA, not {era(needed)}: the permit was not valid"
    ),
    "ERC20InsufficientBalance(address,uint256,uint256)": lambda holder, held, needed: (
        f"{holder} has {era(held)} ERA, not {era(needed)}"
    ),
    "ExitHeld(uint256,uint256)": lambda id_, period: (
        f"what left validator {id_} in period {period} was slashable when it was accused: it is held until all its "
        "cases are closed (`ape metalayer stake status` shows until when)"
    ),
    "InvalidCommission(uint16)": lambda commission: (
        f"a commission is at most 100 %, not {commission / 100:g} %"
    ),
    "InvalidPossession(address)": lambda signer: (
        f"the key {signer} did not sign that it belongs to this operator (`ape metalayer stake possession`)"
    ),
    "KeyTaken(address,uint256)": lambda signer, id_: (
        f"the key {signer} is, or was, validator {id_}'s: expected a new one"
    ),
    "NotBetter(uint256,uint256)": lambda stake, lowest: (
        f"all seats are taken: the lowest seated stake is {era(lowest)} ERA, expected more than that, not {era(stake)}"
    ),
    "NotEnough(uint256,uint256)": lambda has, wanted: f"there are {era(has)} ERA, not {era(wanted)}",
    "NotNewestSet(bytes32,bytes32)": lambda given, newest: (
        "a newer validator set was published meanwhile: run it again"
    ),
    "NotOperator(uint256,address)": lambda id_, caller: f"{caller} is not the operator of validator {id_}",
    "NotSeated(uint256)": lambda id_: f"validator {id_} has no seat",
    "OwnTooLow(uint256,uint256)": lambda own, minimum: (
        f"the own stake would be {era(own)} ERA: expected {era(minimum)} at least; only who leaves for good "
        "takes out more (`ape metalayer stake leave`)"
    ),
    "StakeTooHigh(uint256,uint256)": lambda stake, maximum: (
        f"the validator's stake would be {era(stake)} ERA, over {MAX_LEVERAGE} times its own: expected "
        f"{era(maximum)} at most"
    ),
    "TooEarly(uint256)": lambda earliest: f"too early: expected {utc(earliest)} or later",
    "WrongState(uint256,uint8)": _wrong_state,
    "ZeroAmount()": lambda: "nothing is to be moved: the amount is zero",
}
"""By the error's signature."""


def in_words(error: Reverted, place: str) -> str:
    """One line. What the contracts say of themselves if there are no better words for it."""
    known = parse(error.data)
    if known is None or known[0] not in WORDS:
        return str(error)
    name, values = known
    return f"{place}: {WORDS[name](*values)}"
