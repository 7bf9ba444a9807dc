"""Staking's calls and events, and when what leaves a validator is free. A test compares them with the compiled ABI.

Amounts are wei of ERA, times are Unix seconds. A validator is named by its id, from 1 on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, NamedTuple

from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.address import to_checksum_address

from metalayer.protocol.abi import Event, Function
from metalayer.protocol.attestation import ValidatorSet

_VALIDATOR_SET = "(uint64,uint64,bytes32[])"
_ATTESTATION = f"(bytes32,{_VALIDATOR_SET},uint256,(bytes32,bytes32)[])"
_VALIDATOR = (
    "(uint96,address,uint128,uint128,uint96,uint96,uint16,uint16,uint8,uint8,uint16,"
    "address,uint32,uint32,uint32,uint96,uint96,uint32,uint96,uint96,uint32)"
)

PERIOD = 3 * 86_400
"""Seconds: what leaves a validator in one period leaves together."""
UNBONDING_PERIODS = 8
"""From the beginning of its period until an exit is mature: 21 to 24 days from the moment it began."""
LIABILITY = UNBONDING_PERIODS * PERIOD
"""Seconds for which a seat that was lost, and a key that was retired, still answer."""
STREAM = 7 * 86_400
"""Seconds in which what arrives is given to the seated stake."""
TERM = 3 * 86_400
"""Seconds after a set from which the next one can be published."""
LIFETIME = 10 * 86_400
"""Seconds until a set expires."""
NOTICE = 7 * 86_400
"""Seconds until a commission that was announced counts."""
SILENCE = 9 * 86_400
"""Seconds without a check-in after which anyone may take a validator's seat; and until it may join again."""
WEEK = 7 * 86_400
"""Seconds: accusations are counted together by weeks."""
CORRELATED_WEEKS = 4
"""Before and after the week in which a validator was accused, those whose accused validators count for its slash."""
MAX_LEVERAGE = 20
"""Times its own stake that a validator's stake may be."""
SCALE = 1 << 80
"""Of `index`, `mark` and `earned_per_unit`."""


class ValidatorState(IntEnum):
    """Open: may take stake and seats. Left: gave up for good, gives back stake. Ended: slashed."""

    NONE = 0
    OPEN = 1
    LEFT = 2
    ENDED = 3


@dataclass(frozen=True)
class Validator:
    """The contracts' `Validator`. `seat` is its place from 1 on, 0 if it has none; the times are 0 if it never was."""

    stake: int
    signer: str
    index: int
    mark: int
    earnings: int
    own: int
    commission: int
    next_commission: int
    state: ValidatorState
    seat: int
    open_cases: int
    operator: str
    next_commission_at: int
    frozen_since: int
    unseated_at: int
    slashable: int
    own_slashable: int
    alive_at: int
    loss: int
    own_loss: int
    registered_at: int

    @property
    def delegated(self) -> int:
        """What others bonded."""
        return self.stake - self.own

    @property
    def room(self) -> int:
        """What may still be delegated to it, if it is open and not accused."""
        return max(0, MAX_LEVERAGE * self.own - self.stake)

    def commission_at(self, now: int) -> int:
        """Basis points that the operator keeps of what delegated stake earns now."""
        return self.next_commission if now >= self.next_commission_at else self.commission


class Position(NamedTuple):
    """What an account delegated, and the validator's index up to which its rewards were collected."""

    units: int
    collected: int


class Exits(NamedTuple):
    """All that leaves a validator with one period."""

    delegated: int
    own: int


class Account(NamedTuple):
    """All stake of an account, what is leaving too, and the surrogate that holds it."""

    held: int
    surrogate: str


class Key(NamedTuple):
    """Whose a key is or was, 0 if nobody's; and when another took its place, 0 if none did."""

    validator: int
    retired_at: int


class Rewards(NamedTuple):
    """The rewards of all as they were accounted at `accrued_at`: what one seated wei ever earned times SCALE, what
    streams until `stream_end`, what begins then, and both with all that was earned and not claimed.
    """

    earned_per_unit: int
    streaming: int
    waiting: int
    accrued_at: int
    stream_end: int
    accounted: int

    def per_second(self, now: int) -> float:
        """Wei that all seated stake gets in a second at `now`."""
        if now < self.stream_end:
            return self.streaming / (self.stream_end - self.accrued_at)
        return self.waiting / STREAM if now < self.stream_end + STREAM else 0.0


class AccusedIn(NamedTuple):
    """What decides fractions: in one week, the slashable stake of accused validators, what the newest set weighed
    at the first accusation, and when the last of them was accused first (Unix seconds).
    """

    slashable: int
    weight: int
    latest: int


def _validator(values: Sequence[Any]) -> Validator:
    named = dict(zip((field.name for field in fields(Validator)), values, strict=True))
    named["state"] = ValidatorState(named["state"])
    named |= {name: to_checksum_address(named[name]) for name in ("signer", "operator")}
    return Validator(**named)


def _account(values: tuple[int, str]) -> Account:
    return Account(values[0], to_checksum_address(values[1]))


# Views

ACCOUNT = Function("account(address)", "(uint96,address)", _account)
ACCUSED_IN = Function("accusedIn(uint256)", "uint96,uint96,uint48", AccusedIn)
CLAIMABLE = Function("claimable(address,uint256[])", "uint256", int)
DOMAIN_SEPARATOR = Function("domainSeparator()", "bytes32", bytes)
EARNINGS = Function("earnings(uint256)", "uint256", int)
EXITS = Function("exits(uint256,uint256)", "(uint128,uint128)", lambda value: Exits(*value))
LAST_ACCUSED = Function("lastAccused(uint256)", "uint256", int)
KEY = Function("key(address)", "(uint16,uint40)", lambda value: Key(*value))
MIN_OWN = Function("MIN_OWN()", "uint256", int)
POSITION = Function("position(address,uint256)", "(uint96,uint128)", lambda value: Position(*value))
REWARDS = Function("rewards()", "(uint128,uint96,uint96,uint40,uint40,uint96)", lambda value: Rewards(*value))
SEATED_STAKE = Function("seatedStake()", "uint256", int)
SEATS = Function("SEATS()", "uint256", int)
SET_AT = Function("setAt()", "uint40", int)
SET_EXPIRES = Function("setExpires()", "uint40", int)
SET_HASH = Function("setHash(uint64)", "bytes32", bytes)
SET_VERSION = Function("setVersion()", "uint64", int)
SLASHER = Function("SLASHER()", "address", str)
SURROGATE_OF = Function("surrogateOf(address)", "address", str)
TAKEN_SEATS = Function("seats()", "uint256[]", tuple[int, ...])
TERM_ENDED = Function("termEnded()", "bool", bool)
TREASURY = Function("TREASURY()", "address", str)
UNBONDING = Function("unbonding(address,uint256,uint256)", "uint256", int)
VALIDATOR = Function("validator(uint256)", _VALIDATOR, _validator)
VALIDATOR_COUNT = Function("validatorCount()", "uint256", int)
VALIDATOR_OF = Function("validatorOf(address)", "uint256", int)

# Transactions

ADD_OWN = Function("addOwn(uint256,uint256)")
CHECK_IN = Function(f"checkIn({_ATTESTATION},bytes32[])")
CLAIM = Function("claim(uint256[],address)", "uint256", int)
CLAIM_EARNINGS = Function("claimEarnings(uint256,address)", "uint256", int)
DELEGATE = Function("delegate(uint256,uint256)")
DELEGATE_VOTES = Function("delegateVotes(address)")
FUND = Function("fund()")
JOIN = Function("join(uint256)")
LEAVE = Function("leave(uint256)")
MULTICALL = Function("multicall(bytes[])")
PERMIT = Function("permit(uint256,uint256,uint8,bytes32,bytes32)")
REBOND = Function("rebond(uint256,uint256,uint256)")
REGISTER = Function("register(address,uint16,uint256,bytes)", "uint256", int)
RELEASE = Function("release(address,uint256)")
RELEASE_OWN = Function("releaseOwn(uint256)")
REMOVE_OWN = Function("removeOwn(uint256,uint256)")
ROTATE_KEY = Function("rotateKey(uint256,address,bytes)")
SET_COMMISSION = Function("setCommission(uint256,uint16)")
SNAPSHOT = Function("snapshot()")
UNDELEGATE = Function("undelegate(uint256,uint256)")
VACATE = Function("vacate(uint256)")
WITHDRAW = Function("withdraw(address,uint256,uint256)")
WITHDRAW_OWN = Function("withdrawOwn(uint256,uint256)")

FUNCTIONS = {value.name: value for value in list(globals().values()) if isinstance(value, Function)}
"""All of them by name; a test compares them with the compiled ABI."""


class Exit(NamedTuple):
    """Delegated stake that began to leave, or is bonded again."""

    validator: int
    account: str
    period: int
    amount: int


class Withdrawal(NamedTuple):
    """A delegator's exit that was paid. `loss` of the amount went to the treasury."""

    validator: int
    account: str
    period: int
    amount: int
    loss: int


class OwnExit(NamedTuple):
    """Own stake that began to leave."""

    validator: int
    period: int
    amount: int


class Delegation(NamedTuple):
    """Stake that an account delegated."""

    validator: int
    account: str
    amount: int


class Settlement(NamedTuple):
    """A validator that was slashed: the fraction in basis points, what that is of its own and of delegated stake."""

    validator: int
    reporter: str
    fraction: int
    own_loss: int
    loss: int


def _published(version: int, expires: int, _: bytes, words: Sequence[bytes]) -> ValidatorSet:
    return ValidatorSet.from_words(version, expires, words)


CHECKED_IN = Event("CheckedIn(uint256 indexed)")
CLAIMED = Event("Claimed(address indexed,address indexed,uint256)")
COMMISSION_SET = Event("CommissionSet(uint256 indexed,uint16,uint256)")
DELEGATED = Event("Delegated(uint256 indexed,address indexed,uint256)", Delegation)
EARNINGS_CLAIMED = Event("EarningsClaimed(uint256 indexed,address indexed,uint256)")
FROZEN = Event("Frozen(uint256 indexed,uint256,uint256)")
FUNDED = Event("Funded(uint256)")
KEY_ROTATED = Event("KeyRotated(uint256 indexed,address indexed,address indexed)")
LEFT = Event("Left(uint256 indexed)")
OWN_ADDED = Event("OwnAdded(uint256 indexed,uint256)")
OWN_RELEASED = Event("OwnReleased(uint256 indexed,uint256)")
OWN_REMOVED = Event("OwnRemoved(uint256 indexed,uint256 indexed,uint256)", OwnExit)
OWN_WITHDRAWN = Event("OwnWithdrawn(uint256 indexed,uint256 indexed,uint256,uint256)")
REBONDED = Event("Rebonded(uint256 indexed,address indexed,uint256 indexed,uint256)", Exit)
REGISTERED = Event("Registered(uint256 indexed,address indexed,address indexed,uint256,uint16)")
RELEASED = Event("Released(uint256 indexed,address indexed,uint256,uint256)")
SEATED = Event("Seated(uint256 indexed)")
SETTLED = Event("Settled(uint256 indexed,address indexed,uint256,uint256,uint256)", Settlement)
SET_PUBLISHED = Event("SetPublished(uint64 indexed,uint64,bytes32,bytes32[])", _published)
"""Its value is the set. The caller compares its hash."""
UNDELEGATED = Event("Undelegated(uint256 indexed,address indexed,uint256 indexed,uint256)", Exit)
UNFROZEN = Event("Unfrozen(uint256 indexed)")
UNSEATED = Event("Unseated(uint256 indexed)")
VOTES_DELEGATED = Event("VotesDelegated(address indexed,address indexed)")
WITHDRAWN = Event("Withdrawn(uint256 indexed,address indexed,uint256 indexed,uint256,uint256)", Withdrawal)

EVENTS = {value.name: value for value in list(globals().values()) if isinstance(value, Event)}
"""All of them by name; a test compares them with the compiled ABI."""


def period_of(now: int) -> int:
    """Period with which what begins to leave now does so."""
    return now // PERIOD


def matures_at(period: int) -> int:
    """From when on what left with a period can be withdrawn."""
    return (period + UNBONDING_PERIODS) * PERIOD


def rebonds_at(period: int) -> int:
    """From when on what left with a period can be bonded again."""
    return (period + 2) * PERIOD


def possession(chain_id: int, contract: str, operator: str, signer: str) -> SignableMessage:
    """What a validator's key signs so that an operator may register it: EIP-712 `Possession`, in Staking's domain. The
    contract takes the compact form of the signature.
    """
    return encode_typed_data(
        domain_data={
            "name": "Metalayer Staking",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": contract,
        },
        message_types={
            "Possession": [{"name": "operator", "type": "address"}, {"name": "signer", "type": "address"}]
        },
        message_data={"operator": operator, "signer": signer},
    )
