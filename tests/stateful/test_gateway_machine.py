"""The gateway over three real chains, driven at random: P1, P2, P3 and P5.

The machines speak raw JSON-RPC (six times as fast as through Ape); `tests/crosschain/test_gateway.py` walks the same
paths through Ape. Their ghost (`ghost.py`) is every chain as it must be; `machine.py` compares it after each step, and
every example ends with all that is open brought to its end. `test_broken_variants.py` shows what they find.
"""

from __future__ import annotations

from tests.kit.gateways import Gateways
from tests.stateful.machines import Everything, Faults, Government, LifeCycle, run


def test_life_cycle(gateways: Gateways) -> None:
    """P1, P5: each message has one end, and every gwei of its fee one owner (M11, M12, M15, M18, M20)."""
    run(LifeCycle, gateways)


def test_government(gateways: Gateways) -> None:
    """P3: fewer than a quorum move nothing, nor does a set that is not the installed one; pauses end (M2, M3, M17)."""
    run(Government, gateways)


def test_faults(gateways: Gateways) -> None:
    """P2, P5: a chain that forgets halts its own lanes until they are restarted (M21); one that lies costs the others
    no more than its own escrow (M9).
    """
    run(Faults, gateways)


def test_everything(gateways: Gateways) -> None:
    """P1, P2, P3, P5 while chains forget, lie, pause and rotate."""
    run(Everything, gateways, 4)
