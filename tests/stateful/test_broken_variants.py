"""Gateways with one bug each (`contracts/test/BrokenGateways.sol`): the machines must find every one of them.

The variant's code stands at the gateway's address on every chain, with the gateway's storage. What fails must be an
expectation of the machine, not the machine itself.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from metalayer.protocol.hex import to_hex
from tests.kit.evm import init_code
from tests.kit.gateways import GUARDIAN, OWNER, Gateways
from tests.kit.stack import CHAINS
from tests.stateful.machine import Machine
from tests.stateful.machines import Everything, Faults, Government, LifeCycle

_ENOUGH = 40
"""Examples in which a machine must find a bug. Each needs fewer than ten."""
_CONTROL = 8
_STEPS = 40


class Bug(IntEnum):
    """The contract's enum, in its order."""

    NONE = 0
    CALLS_WITH_TOO_LITTLE_GAS = 1
    EXECUTES_EXPIRED = 2
    RETRIES_AFTER_RETURN = 3
    RETURNS_BEFORE_EXPIRY = 4
    REFUNDS_WITHOUT_WALK = 5
    REFUNDS_TWICE = 6
    CLAIM_NOT_CUMULATIVE = 7
    ESCROW_NOT_BOUNDED = 8
    TWO_THIRDS_SUFFICE = 9
    IGNORES_PAUSE = 10
    ROTATES_BACKWARDS = 11
    RESTARTS_BACKWARDS = 12
    HEAD_NOT_CHECKED = 13


FINDERS: dict[Bug, type[Machine]] = {
    Bug.CALLS_WITH_TOO_LITTLE_GAS: LifeCycle,
    Bug.EXECUTES_EXPIRED: LifeCycle,
    Bug.RETRIES_AFTER_RETURN: LifeCycle,
    Bug.RETURNS_BEFORE_EXPIRY: LifeCycle,
    Bug.REFUNDS_WITHOUT_WALK: Faults,
    Bug.REFUNDS_TWICE: LifeCycle,
    Bug.CLAIM_NOT_CUMULATIVE: LifeCycle,
    Bug.ESCROW_NOT_BOUNDED: Faults,
    Bug.TWO_THIRDS_SUFFICE: Government,
    Bug.IGNORES_PAUSE: Government,
    Bug.ROTATES_BACKWARDS: Government,
    Bug.RESTARTS_BACKWARDS: Faults,
    Bug.HEAD_NOT_CHECKED: Government,
}


@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found(gateways: Gateways, bug: Bug) -> None:
    """P1, P2, P3, P5, M3, M12, M18, M21."""
    install(gateways, bug)
    with pytest.raises(AssertionError):
        run(FINDERS[bug], gateways, _ENOUGH)


def test_without_a_bug_nothing_is_found(gateways: Gateways) -> None:
    install(gateways, Bug.NONE)
    run(Everything, gateways, _CONTROL)


def install(gateways: Gateways, bug: Bug) -> None:
    """The variant's code, immutables included: what its constructor returns at that address."""
    first = gateways.sets[0]
    words = (first.version, first.expires, first.words)
    code = init_code("BrokenMetalayer", gateways.network_id, gateways.era, OWNER, GUARDIAN, words, bug)
    place = {gateways.gateway: {"code": to_hex(code), "state": {}}}
    for name in CHAINS:
        call = {"to": gateways.gateway, "data": "0x"}
        built = gateways.rpc(name, "eth_call", call, "latest", place)
        gateways.rpc(name, "anvil_setCode", gateways.gateway, built)


def run(machine: type[Machine], gateways: Gateways, examples: int) -> None:
    """The same examples each time, up to the first that fails."""
    machine.gateways, machine.paths = gateways, Counter()
    run_state_machine_as_test(
        machine,
        settings=settings(
            settings.default,
            max_examples=examples,
            stateful_step_count=_STEPS,
            phases=[Phase.generate],
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
        ),
    )
