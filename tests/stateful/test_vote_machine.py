"""Votes of three chains, driven at random beside an exact model of who held what; and variants with one bug each
(`contracts/test/BrokenGovernor.sol`, `BrokenTokenBridge.sol`, `BrokenHubVotePool.sol`, `BrokenSpokeVotes.sol`), which
the machine must find.
"""

from __future__ import annotations

from collections import Counter

from tests.kit.exploring import explore
from tests.stateful.electorate import Electorate
from tests.stateful.voters import Voters


def test_votes(electorate: Electorate) -> None:
    """P7a, P7b, P7e, P7f, M38, M47: any clocks, any order."""
    Voters.electorate, Voters.paths = electorate, Counter()
    explore(Voters, 40)
