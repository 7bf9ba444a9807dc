"""Fees that the fee keeper sets: within 8 times of what the owner set, whatever stood in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.evm import Contract, error
from tests.kit.offices import TERMS

Terms = tuple[int, ...]
FEES = {"base": 3, "gas": 4, "byte": 5, "return": 6}
"""Where each fee stands among the terms."""
REST = {"default gas limit": 0, "maximum gas limit": 1, "default return gas limit": 2, "protocol share": 7}
FACTOR = 8
HIGHEST_FEE = 2**40 - 1
UNKNOWN = 4_242
"""Chain id of a chain that has no terms."""


def scaled(factor: int, terms: Terms = TERMS) -> Terms:
    """Terms with all fees so many times as high."""
    return (*terms[:3], *(fee * factor for fee in terms[3:7]), terms[7])


def with_one(position: int, value: int, terms: Terms = TERMS) -> Terms:
    return (*terms[:position], value, *terms[position + 1 :])


@pytest.fixture
def keep(guard: Contract, keeper: str, gateway: Contract, spoke: int) -> Callable[[Terms], None]:
    """The fee keeper sets terms, and they stand."""

    def keep(terms: Terms) -> None:
        receipt = guard.send("setTerms", spoke, terms, sender=keeper)
        assert receipt.named("TermsSet") == [(spoke, terms)]
        assert gateway.view("route", spoke) == (True, True, terms)

    return keep


@pytest.fixture
def decree(gateway: Contract, owner: str, spoke: int) -> Callable[[Terms], None]:
    """The owner sets terms."""

    def decree(terms: Terms) -> None:
        gateway.send("setTerms", spoke, terms, sender=owner)

    return decree


@pytest.fixture
def refuse(guard: Contract, keeper: str, spoke: int) -> Callable[..., None]:
    """The fee keeper's terms are refused with exactly this error."""

    def refuse(terms: Terms, name: str, *arguments: int) -> None:
        assert guard.revert("setTerms", spoke, terms, sender=keeper) == error(name, spoke, *arguments)
        assert not guard.attempt("setTerms", spoke, terms, sender=keeper).succeeded

    return refuse


# Bounds


@pytest.mark.parametrize("position", FEES.values(), ids=FEES)
@pytest.mark.parametrize("bound", [1, 7, 8, 9, 63, 20_007])
def test_each_fee_has_its_bounds(
    keep: Callable[[Terms], None],
    decree: Callable[[Terms], None],
    refuse: Callable[..., None],
    position: int,
    bound: int,
) -> None:
    """From an eighth, rounded up, to eight times."""
    lowest, highest = -(-bound // FACTOR), bound * FACTOR
    decree(with_one(position, bound))
    for fee in (lowest - 1, highest + 1):
        refuse(with_one(position, fee), "FeeOutOfRange", fee, lowest, highest)
    for fee in (lowest, highest):
        keep(with_one(position, fee))


def test_all_fees_move_at_once(keep: Callable[[Terms], None]) -> None:
    keep(scaled(FACTOR))
    keep((*TERMS[:3], *(-(-fee // FACTOR) for fee in TERMS[3:7]), TERMS[7]))


@pytest.mark.parametrize("position", FEES.values(), ids=FEES)
def test_what_costs_nothing_stays_free(
    keep: Callable[[Terms], None], decree: Callable[[Terms], None], refuse: Callable[..., None], position: int
) -> None:
    free = with_one(position, 0)
    decree(free)
    refuse(with_one(position, 1), "FeeOutOfRange", 1, 0, 0)
    keep(free)


def test_the_highest_fees_are_within_reach(
    keep: Callable[[Terms], None], decree: Callable[[Terms], None], refuse: Callable[..., None]
) -> None:
    """Eight times that is more than a fee can be."""
    decree((*TERMS[:3], *[HIGHEST_FEE] * 4, TERMS[7]))
    lowest = HIGHEST_FEE // FACTOR + 1
    too_low = (*TERMS[:3], lowest - 1, *[HIGHEST_FEE] * 3, TERMS[7])
    refuse(too_low, "FeeOutOfRange", lowest - 1, lowest, HIGHEST_FEE * FACTOR)
    keep((*TERMS[:3], lowest, *[HIGHEST_FEE] * 3, TERMS[7]))


@pytest.mark.parametrize("position", REST.values(), ids=REST)
@pytest.mark.parametrize("step", [-1, 1])
def test_nothing_but_fees_moves(
    keep: Callable[[Terms], None], refuse: Callable[..., None], position: int, step: int
) -> None:
    refuse(with_one(position, TERMS[position] + step, scaled(2)), "NotAFee")
    keep(scaled(2))


# The reference


def test_the_reference_is_what_the_owner_set(
    guard: Contract, keep: Callable[[Terms], None], spoke: int
) -> None:
    assert guard.view("FEE_FACTOR") == FACTOR
    assert guard.view("referenceTerms", spoke) == TERMS
    for factor in (2, 8, 3, 1, 8):
        keep(scaled(factor))
        assert guard.view("referenceTerms", spoke) == TERMS


def test_steps_do_not_add_up(keep: Callable[[Terms], None], refuse: Callable[..., None]) -> None:
    keep(scaled(4))
    keep(scaled(8))
    lowest, highest = -(-TERMS[3] // FACTOR), TERMS[3] * FACTOR
    refuse(with_one(3, highest + 1), "FeeOutOfRange", highest + 1, lowest, highest)
    keep(with_one(3, lowest))
    refuse(with_one(3, lowest - 1), "FeeOutOfRange", lowest - 1, lowest, highest)


def test_what_the_owner_sets_since_is_the_new_reference(
    guard: Contract,
    keep: Callable[[Terms], None],
    decree: Callable[[Terms], None],
    refuse: Callable[..., None],
    spoke: int,
) -> None:
    """Gas limits and share, too."""
    keep(scaled(2))
    raised = (300_000, 9_000_000, 0, 80_000_000, 1, 3_000, 90_000, 0)
    decree(raised)
    assert guard.view("referenceTerms", spoke) == raised
    refuse(scaled(2), "NotAFee")
    keep(scaled(8, raised))
    assert guard.view("referenceTerms", spoke) == raised


def test_the_owner_ends_what_the_keeper_set(
    guard: Contract, keep: Callable[[Terms], None], decree: Callable[[Terms], None], spoke: int
) -> None:
    """Back to the terms before: they are the reference again, and were all the time."""
    keep(scaled(8))
    decree(TERMS)
    assert guard.view("referenceTerms", spoke) == TERMS
    keep(scaled(8))


def test_the_owner_makes_the_keepers_terms_the_reference_with_a_change(
    guard: Contract, keep: Callable[[Terms], None], decree: Callable[[Terms], None], spoke: int
) -> None:
    """The same terms to the last gwei are taken for the keeper's."""
    keep(scaled(8))
    decree(scaled(8))
    assert guard.view("referenceTerms", spoke) == TERMS
    changed = with_one(3, TERMS[3] * 8 + 1, scaled(8))
    decree(changed)
    assert guard.view("referenceTerms", spoke) == changed
    keep(scaled(8, changed))


def test_a_keeper_who_sets_first_what_the_owner_will_keeps_the_reference(
    guard: Contract, keep: Callable[[Terms], None], decree: Callable[[Terms], None], spoke: int
) -> None:
    """Unless a gas limit changes, too: the keeper cannot follow there."""
    tightened = scaled(2)
    keep(tightened)
    decree(tightened)
    keep(scaled(8))
    assert guard.view("referenceTerms", spoke) == TERMS
    keep(tightened)
    sure = with_one(2, TERMS[2] + 1, tightened)
    decree(sure)
    assert guard.view("referenceTerms", spoke) == sure


def test_another_keeper_has_the_same_reference(
    guard: Contract, council: str, successor: str, keep: Callable[[Terms], None], spoke: int
) -> None:
    keep(scaled(8))
    guard.send("setFeeKeeper", successor, sender=council)
    assert guard.view("referenceTerms", spoke) == TERMS
    above = with_one(6, TERMS[6] * FACTOR + 1, scaled(8))
    refusal = error("FeeOutOfRange", spoke, above[6], -(-TERMS[6] // FACTOR), TERMS[6] * FACTOR)
    assert guard.revert("setTerms", spoke, above, sender=successor) == refusal
    guard.send("setTerms", spoke, scaled(7), sender=successor)


def test_each_chain_has_its_own_reference(
    guard: Contract, keeper: str, keep: Callable[[Terms], None], spoke: int, hub_id: int
) -> None:
    keep(scaled(8))
    guard.send("setTerms", hub_id, scaled(2), sender=keeper)
    assert guard.view("referenceTerms", hub_id) == TERMS == guard.view("referenceTerms", spoke)


def test_another_guardian_begins_with_what_stands(
    gateway: Contract,
    guard: Contract,
    place_guardian: Callable[..., Contract],
    owner: str,
    keeper: str,
    keep: Callable[[Terms], None],
    spoke: int,
) -> None:
    """So whoever names one sets terms, too."""
    keep(scaled(8))
    other = place_guardian(gateway.address, guard.chain)
    gateway.send("setGuardian", other.address, sender=owner)
    assert other.view("referenceTerms", spoke) == scaled(8)
    other.send("setTerms", spoke, scaled(64), sender=keeper)


# What the gateway says to it


def test_the_keeper_sets_no_first_terms(guard: Contract, keeper: str, gateway: Contract) -> None:
    assert guard.revert("setTerms", UNKNOWN, TERMS, sender=keeper) == error("NotAFee", UNKNOWN)
    nothing = (0,) * 8
    refusal = error("InvalidRouteGas", 0, 0, 0, gateway.view("MAX_GAS_LIMIT"))
    assert guard.revert("setTerms", UNKNOWN, nothing, sender=keeper) == refusal


def test_terms_that_the_keeper_sets_open_no_route(
    guard: Contract, gateway: Contract, owner: str, keeper: str, spoke: int
) -> None:
    gateway.send("setOpen", spoke, False, True, sender=owner)
    guard.send("setTerms", spoke, scaled(2), sender=keeper)
    assert gateway.view("route", spoke) == (False, True, scaled(2))
