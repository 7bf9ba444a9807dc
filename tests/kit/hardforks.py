"""Real chains that are older than the contracts: anvil with an earlier hard fork."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from metalayer.network.anvil import HARDFORK, anvil_command
from metalayer.network.config import Chain
from metalayer.network.connection import Connection
from metalayer.network.rpc import Unreachable

_PLACE = 300
"""Ports of four workers' chains are within 80 of each other: this is beside all of them."""


@contextmanager
def older(chain: Chain, hardfork: str) -> Iterator[Connection]:
    """A chain like this one, of that hard fork and without a block yet. It ends with the block."""
    there = replace(chain, base_port=(chain.base_port or 0) + _PLACE)
    command = [hardfork if word == HARDFORK else word for word in anvil_command(there, interval=False)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connection = Connection(replace(there, base_port=None, remote_url=there.url))
        deadline = time.monotonic() + 20
        while True:
            try:
                connection.height()
                break
            except Unreachable:
                assert process.poll() is None, f"anvil of {hardfork} did not start"
                assert time.monotonic() < deadline, f"anvil of {hardfork} does not answer"
                time.sleep(0.02)
        yield connection
    finally:
        process.kill()
        process.wait()
