"""What staking costs: whole transactions, one in each block, twelve seconds apart, with 32 seats and a stream running.

Limits are those of the design. Where something is written for the first time and whether the delegatee's votes change
makes most of the difference: the dearer case is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.chains import BoundChain
from tests.kit.staking import ERA, GATEWAY, HOUR, LIABILITY, MIN_OWN, PERIOD, SETTLES, TERM, Bond

BLOCK = 12
AMOUNT = 1_000 * ERA
REWARD = 70_000 * ERA


class Meter:
    """A Staking of 32 validators, and what calls of it cost."""

    def __init__(self, bond: Bond, ids: list[int]) -> None:
        self.bond, self.ids = bond, ids

    def cost(self, method: str, *arguments: Any, sender: str) -> int:
        self.bond.travel(BLOCK)
        return self.bond.staking.send(method, *arguments, sender=sender).gas_used


@pytest.fixture
def meter(
    chains: dict[str, BoundChain],
    treasury: str,
    slasher: str,
    deployer: str,
    operator: str,
    delegator: str,
    other_delegator: str,
    delegatee: str,
) -> Iterator[Meter]:
    """All stake and all liquid ERA of those who act is votes of one delegatee."""
    bond = Bond.found(
        chains["hub"],
        treasury=treasury,
        slasher=slasher,
        deployer=deployer,
        gateway=GATEWAY,
        seats=32,
    )
    for account, amount in (
        (operator, 40 * MIN_OWN),
        (delegator, 4 * MIN_OWN),
        (other_delegator, 4 * MIN_OWN),
    ):
        bond.era.send("delegate", delegatee, sender=account)
        bond.endow(account, amount)
    ids = bond.seat(operator, *[MIN_OWN] * 32, commission=500)
    bond.reward(REWARD)
    bond.snapshot()
    bond.reach((bond.period + 1) * PERIOD + HOUR)
    for validator in ids[:8]:
        bond.staking.send("delegate", validator, AMOUNT, sender=other_delegator)
    yield Meter(bond, ids)
    bond.check()


def test_delegating(meter: Meter, delegator: str) -> None:
    first = meter.cost("delegate", meter.ids[0], AMOUNT, sender=delegator)
    meter.cost("delegate", meter.ids[0], AMOUNT, sender=delegator)
    more = meter.cost("delegate", meter.ids[0], AMOUNT, sender=delegator)
    assert first <= 130_000
    assert more <= 97_000


def test_undelegating(meter: Meter, other_delegator: str) -> None:
    first = meter.cost("undelegate", meter.ids[0], 300 * ERA, sender=other_delegator)
    merged = meter.cost("undelegate", meter.ids[0], 300 * ERA, sender=other_delegator)
    assert first <= 130_000
    assert merged <= 79_000


def test_withdrawing(meter: Meter, other_delegator: str, passer_by: str) -> None:
    meter.cost("undelegate", meter.ids[0], AMOUNT, sender=other_delegator)
    period = meter.bond.period
    meter.bond.travel(LIABILITY)
    cost = meter.cost("withdraw", other_delegator, meter.ids[0], period, sender=passer_by)
    assert cost <= 58_000


def test_claiming(meter: Meter, other_delegator: str) -> None:
    """From one validator, to an account whose delegatee gets the votes."""
    for _ in range(2):
        cost = meter.cost("claim", [meter.ids[0]], other_delegator, sender=other_delegator)
        assert cost <= 117_000


@pytest.mark.parametrize("delegators", [1, 40])
@pytest.mark.parametrize("own_leaves", [False, True])
def test_slashing(
    meter: Meter,
    operator: str,
    delegator: str,
    reporter: str,
    passer_by: str,
    delegators: int,
    own_leaves: bool,
) -> None:
    """Whatever the number of delegators, and with exits in every period."""
    bond, validator = meter.bond, meter.ids[9]
    bond.staking.send("delegate", validator, MIN_OWN, sender=delegator)
    bond.staking.send("addOwn", validator, AMOUNT, sender=operator)
    for number in range(delegators):
        account = bond.impersonate(f"0x{0xD000 + number:040x}")
        bond.endow(account, AMOUNT)
        bond.staking.send("delegate", validator, AMOUNT, sender=account)
    for _ in range(8):
        bond.staking.send("undelegate", validator, ERA, sender=delegator)
        if own_leaves:
            bond.staking.send("removeOwn", validator, ERA, sender=operator)
        bond.travel(PERIOD)
    bond.snapshot()
    assert meter.cost("freeze", validator, True, sender=bond.slasher) <= 130_000
    bond.snapshot()
    bond.travel(SETTLES)
    assert meter.cost("settle", validator, reporter, bond.now, sender=bond.slasher) <= 190_000
    bond.check()


@pytest.mark.parametrize("giants", [0, 1])
def test_publishing_32_seats(meter: Meter, operator: str, treasury: str, passer_by: str, giants: int) -> None:
    for validator in meter.ids[:giants]:
        meter.bond.era.send("transfer", operator, 40 * MIN_OWN, sender=treasury)
        meter.bond.staking.send("addOwn", validator, 40 * MIN_OWN, sender=operator)
    meter.bond.travel(TERM)
    assert meter.cost("snapshot", sender=passer_by) <= 285_000
