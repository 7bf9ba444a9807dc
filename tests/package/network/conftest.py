"""A node before which a proxy stands, and logs to read from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from metalayer.network.connection import Connection
from tests.kit.chains import BoundChain
from tests.kit.emitter import emit
from tests.kit.node import Node


@pytest.fixture(scope="session")
def emitting(chains: dict[str, BoundChain]) -> BoundChain:
    """A chain on which EMITTER has logged."""
    emit(chains["social"])
    return chains["social"]


@pytest.fixture
def node(emitting: BoundChain) -> Iterator[Node]:
    with Node(emitting.url) as opened:
        yield opened


@pytest.fixture
def there(emitting: BoundChain, node: Node) -> Connection:
    """A connection to it through a node that can be told to misbehave."""
    connection = Connection(replace(emitting.chain, base_port=None, remote_url=node.url), timeout=5.0)
    # Whose chain it is, a connection asks first.
    connection.height()
    node.forget()
    return connection
