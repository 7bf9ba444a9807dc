from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.proposing import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder of proposals, and names on paper."""
    return Desk(tmp_path)
