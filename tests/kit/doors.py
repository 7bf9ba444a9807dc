"""The contracts beside the bridge, on one chain, and who pays for what they send."""

from __future__ import annotations

from collections.abc import Callable

from metalayer.deploy.names import ETHER_DOOR, RESOLVER, SEND_DOOR, WRAPPED_ETHER
from tests.kit.evm import Contract
from tests.kit.stack import Stack

FEES = 1_000 * 10**18
"""ERA that somebody who pays fees has."""
MAX = 2**256 - 1
Fund = Callable[..., None]


def ether_door(stack: Stack) -> Contract:
    return stack.contracts[ETHER_DOOR]


def wrapped_ether(stack: Stack) -> Contract:
    return stack.contracts[WRAPPED_ETHER]


def send_door(stack: Stack) -> Contract:
    return stack.contracts[SEND_DOOR]


def resolver(stack: Stack) -> Contract:
    return stack.contracts[RESOLVER]
