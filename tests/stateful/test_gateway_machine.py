"""The gateway over three real chains, driven at random: P1, P2, P3 and P5.

The machines speak raw JSON-RPC (six times as fast as through Ape); `tests/crosschain/test_gateway.py` walks the same
paths through Ape. Their ghost (`ghost.py`) is every chain as it must be; `machine.py` compares it after each step, and
every example ends with all that is open brought to its end. `test_broken_variants.py` shows what they find.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.kit.gateways import RIVAL, Gateways
from tests.stateful.machine import HOUR, Machine
from tests.stateful.machines import Everything, Faults, Government, LifeCycle
from tests.stateful.senders import TOO_LITTLE_GAS

_STEPS = 40
_ROUNDS = 6


def explore(machine: type[Machine], gateways: Gateways, *wanted: str, share: float = 1) -> set[str]:
    """Runs a machine with a share of the profile's examples: more than once if they are random and missed a path that
    is wanted. Paths that none took: a machine that does not get there proves nothing.
    """
    machine.gateways, machine.paths = gateways, Counter()
    profile = settings.default
    assert profile is not None
    missed = set(wanted)
    for _ in range(1 if profile.derandomize else _ROUNDS):
        run_state_machine_as_test(
            machine,
            settings=settings(
                profile,
                max_examples=round(share * profile.max_examples),
                stateful_step_count=max(_STEPS, profile.stateful_step_count),
            ),
        )
        missed -= set(machine.paths)
        if not missed:
            break
    return missed


def test_life_cycle(gateways: Gateways) -> None:
    """P1, P5: each message has one end, and every gwei of its fee one owner (M11, M12, M15, M18, M20)."""
    assert not explore(
        LifeCycle,
        gateways,
        *("sent by account", "sent by contract", "deposit", "withdrawal"),
        *(
            "failed",
            "expired",
            "retried",
            "retry or return",
            "returned",
            "refunded",
            "refused what came back",
        ),
        *("enough gas", "too little gas", "claimed", "claim paid", "settled to the last gwei"),
    )


def test_government(gateways: Gateways) -> None:
    """P3: fewer than a quorum move nothing, nor does a set that is not the installed one; pauses end (M2, M3, M17)."""
    assert not explore(
        Government,
        gateways,
        *("paused", "held up by a pause", "pause ended early", "rotated", "chains with different sets"),
        *("attested: one signer short", "claim paid", "refunded", "settled to the last gwei"),
    )


def test_faults(gateways: Gateways) -> None:
    """P2, P5: a chain that forgets halts its own lanes until they are restarted (M21); one that lies costs the others
    no more than its own escrow (M9).
    """
    assert not explore(
        Faults,
        gateways,
        *("reorganised behind what others have", "restarted", "restart followed", "abandoned, replaced"),
        *("abandoned", "claim lost", "claim sent again", "refunded", "claim paid"),
        *("forged: return", "forged: return of nothing", "forged: claim"),
    )


def test_everything(gateways: Gateways) -> None:
    """P1, P2, P3, P5 while chains forget, lie, pause and rotate."""
    wanted = ("restart followed", "rotated", "refunded", "claim paid")
    assert not explore(Everything, gateways, *wanted, share=0.3)


def test_the_256th_head_ends_a_walk(gateways: Gateways) -> None:
    """P1: of a message that is long past, the refund walks to the stored head behind it."""
    LifeCycle.gateways, LifeCycle.paths = gateways, Counter()
    machine, lane = LifeCycle(), ("hub", "arcade")
    try:
        machine.deposit("hub", 0, amount=10**19)
        machine.send(lane, gas=TOO_LITTLE_GAS, within=HOUR)
        machine.send(lane, count=259)
        machine.deliver(0, take=260, relayer=RIVAL)
        machine.pass_time(2 * HOUR)
        machine.return_to_sender(0)
        machine.deliver(0)
        machine.refund(0, end=0)
        machine.chains_are_as_they_should_be()
    finally:
        machine.teardown()
    assert LifeCycle.paths["walk to a stored head"] == 1
