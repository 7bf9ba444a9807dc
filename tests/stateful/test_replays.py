"""Every replay, whatever else a run explores."""

from __future__ import annotations

import pytest

from tests.kit.gateways import Gateways
from tests.stateful.replays import REPLAYS


@pytest.mark.parametrize("name", REPLAYS)
def test_replay(gateways: Gateways, name: str) -> None:
    """P1, P2, P3, P5: steps that once led astray, or to a place that the machines must reach."""
    REPLAYS[name].play(gateways)
