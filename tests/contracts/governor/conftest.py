"""A governor of the hub's ERA, and who votes."""

from __future__ import annotations

import pytest

from tests.kit.chains import BoundChain
from tests.kit.governing import Senate


@pytest.fixture(scope="session")
def senate(chains: dict[str, BoundChain]) -> Senate:
    return Senate.found(chains["hub"])
