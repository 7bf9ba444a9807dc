"""The Slasher's cases: its calls and events that programs use. A test compares them with the compiled ABI."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.abi import Event, Function

_ACCUSATION = "(uint256,uint8,uint256,uint256,uint256)"

SETTLE_DELAY = 28 * 86_400
"""Seconds from the opening of a case until it can be settled."""


class Kind(IntEnum):
    """What a case is about: a place of a lane, or a version of sets."""

    LANE_EQUIVOCATION = 0
    SET_EQUIVOCATION = 1
    FALSE_PLACE = 2
    FALSE_UNEXECUTED = 3
    FALSE_SET = 4
    LANE_CONTRADICTION = 5
    SET_CONTRADICTION = 6

    @property
    def letter(self) -> str:
        """Kind of its evidence: (a) contradicts itself, (b) is false about the hub, (c) contradicts a quorum."""
        if self <= Kind.SET_EQUIVOCATION:
            return "a"
        return "b" if self <= Kind.FALSE_SET else "c"

    @property
    def pardonable(self) -> bool:
        """Whether the owner can pardon it."""
        return self.letter != "a"


class CaseState(IntEnum):
    """How a case stands."""

    NONE = 0
    OPEN = 1
    DISMISSED = 2
    SETTLED = 3


@dataclass(frozen=True)
class Accusation:
    """What a case is about: origin and destination are 0 for sets, where the nonce is the version."""

    validator: int
    kind: Kind
    origin: int
    destination: int
    nonce: int

    @property
    def fields(self) -> tuple[int, int, int, int, int]:
        """Values of the Solidity struct `Accusation`."""
        return self.validator, int(self.kind), self.origin, self.destination, self.nonce

    @property
    def key(self) -> bytes:
        """Of its case."""
        return keccak(encode([_ACCUSATION], [self.fields]))


class Case(NamedTuple):
    """When a case was opened (Unix time), how it stands, and who gets the reward."""

    opened_at: int
    state: CaseState
    reporter: str


class Opened(NamedTuple):
    """A case that somebody opened."""

    accusation: Accusation
    reporter: str


def _case(values: tuple[int, int, str]) -> Case:
    return Case(values[0], CaseState(values[1]), to_checksum_address(values[2]))


def _opened(_: bytes, validator: int, kind: int, *rest: int | str) -> Opened:
    origin, destination, nonce, reporter = rest
    return Opened(Accusation(validator, Kind(kind), int(origin), int(destination), int(nonce)), str(reporter))


CASE_OF = Function("caseOf(bytes32)", "(uint48,uint8,address)", _case)
IS_PARDONED = Function(f"isPardoned({_ACCUSATION})", "bool", bool)

DISMISS = Function(f"dismiss({_ACCUSATION})")
PARDON = Function("pardon(uint256,uint256,uint64)")
PARDON_SETS = Function("pardonSets(uint64)")
SETTLE = Function(f"settle({_ACCUSATION})")

FUNCTIONS = {value.name: value for value in list(globals().values()) if isinstance(value, Function)}
"""All of them by name; a test compares them with the compiled ABI."""

CASE_DISMISSED = Event("CaseDismissed(bytes32 indexed,uint256 indexed)")
CASE_OPENED = Event(
    "CaseOpened(bytes32 indexed,uint256 indexed,uint8,uint256,uint256,uint256,address)", _opened
)
CASE_SETTLED = Event("CaseSettled(bytes32 indexed,uint256 indexed)")

EVENTS = {value.name: value for value in list(globals().values()) if isinstance(value, Event)}
"""All of them by name; a test compares them with the compiled ABI."""
