"""A local network, whose clocks and keys everybody has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.network.anvil import ACCOUNTS
from metalayer.network.config import Network
from metalayer.network.connection import connect
from metalayer.network.live import Live
from metalayer.network.locks import Taken
from metalayer.network.registry import registry_path
from metalayer.network.signers import load_sender, local_key
from metalayer.protocol import staking
from metalayer.services import clock, crew
from metalayer.staking.standing import read_standing
from metalayer.validator.process import Validator
from metalayer.validator.record import record_file

RELAYER = "TEST::2"
"""Pays for what is relayed between two steps."""


def skip(network: Network, seconds: int, passed: Callable[[int], None]) -> int:
    """Lets so many seconds pass on all chains together. `passed` gets those of each step. Returns the Unix time of the
    chain that is furthest behind.

    MetalayerError unless all chains are local ones, and as `clock.skip`. Where nothing is deployed no set can expire.
    """
    if remote := [chain.name for chain in network.chains.values() if not chain.is_local]:
        raise MetalayerError(f"{remote[0]} is not a local chain: nobody moves its clock")
    connections = connect(network)
    if registry_path(network).exists():
        live = Live.open()
        exchange = DirectoryExchange.of(live)
        senders = dict.fromkeys(live.mesh.connections, load_sender(RELAYER))
        relayer = crew.relayer(live.mesh, exchange, senders)
        with local_validators(live, exchange):
            clock.skip(live.mesh, relayer, seconds, passed)
    else:
        clock.forward(connections.values(), seconds)
        passed(seconds)
    return min(connection.block().time for connection in connections.values())


@contextmanager
def local_validators(live: Live, exchange: DirectoryExchange) -> Iterator[list[Validator]]:
    """Those of a local network whose keys are test accounts, at work with their own records. A validator that has a
    process of its own, or that contradicted itself, is none of them.
    """
    hub = live.connection(live.network.hub.name)
    keys = {local_key(place).address: local_key(place) for place in range(ACCOUNTS)}
    known = hub.batch(staking.KEY.request(live.mesh.staking, address) for address in keys)
    with ExitStack() as stack:
        validators = []
        for (address, key), found in zip(keys.items(), known, strict=True):
            if not found.validator:
                continue
            standing = read_standing(live.mesh, address)
            if standing.conviction:
                continue
            elders = dict(standing.elders)
            path = record_file(live.folder() / "records", address, elders)
            begin = not path.exists()
            try:
                one = Validator.open(key, live.mesh, exchange, path, begin=begin, elders=elders)
            except Taken:
                continue
            validators.append(one)
            stack.callback(one.record.close)
        stack.enter_context(crew.at_work(validators))
        yield validators
