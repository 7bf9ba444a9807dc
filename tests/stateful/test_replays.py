"""Every replay, whatever else a run explores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.gateways import Gateways
from tests.stateful.machine import Machine
from tests.stateful.replays import REPLAYS
from tests.stateful.trial import EvidenceMachine, Network


def of(machine: type) -> list[str]:
    return [name for name, replay in REPLAYS.items() if issubclass(replay.machine, machine)]


@pytest.mark.parametrize("name", of(Machine))
def test_of_the_gateway(gateways: Gateways, name: str) -> None:
    """P1, P2, P3, P5: steps to what a machine must reach, or to where it once failed."""
    REPLAYS[name].machine.gateways = gateways
    REPLAYS[name].play()


@pytest.mark.parametrize("name", of(EvidenceMachine))
def test_of_evidence(network: Network, tmp_path: Path, name: str) -> None:
    """P13, likewise."""
    EvidenceMachine.network, EvidenceMachine.folder = network, tmp_path
    REPLAYS[name].play()
