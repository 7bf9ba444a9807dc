"""Any token between three chains, driven at random beside an exact model of every bridge (`books.py`): P4', P14-P23."""

from __future__ import annotations

from collections import Counter

from tests.kit.exploring import explore
from tests.stateful.exchange import Exchange
from tests.stateful.swindlers import Swindlers
from tests.stateful.traders import Scene, Traders


def test_tokens(market: tuple[Exchange, Scene]) -> None:
    """P4', P14-P23: any clocks, any order, a hostile token, a spoke that lies."""
    Traders.exchange, Traders.opening = market
    Swindlers.paths = Traders.paths = Counter()
    explore(Swindlers, 12)
    print(sorted(Traders.paths.items()))
