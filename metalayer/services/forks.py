"""Forks of a network's chains, for whoever has to try something: the chains themselves are only read.

Each fork is an anvil of our own that starts from its chain's final block. One word of each gateway is written, the hash
of its validator set, so that keys of ours sign; from there on real validators and a real relayer work on the forks.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.network.anvil import anvil_command, anvil_environment, last_words
from metalayer.network.config import Chain
from metalayer.network.connection import Connection
from metalayer.network.entries import Fork
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import KeySender
from metalayer.network.workspace import port_offset
from metalayer.protocol import gateway
from metalayer.protocol.attestation import MIN_VALIDATORS, Domain, ValidatorSet
from metalayer.protocol.hex import to_hex
from metalayer.protocol.layouts import namespace
from metalayer.protocol.rpc import Block, quantity
from metalayer.relayer.memory import Memory
from metalayer.relayer.passes import Relayer
from metalayer.services import clock, crew
from metalayer.validator.process import Validator

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05
# To ask the node that was forked whether it is still there: one that has much to do is.
_LOOK_SECONDS = 20.0
_DAY = 86_400
# Longer than any vote, with objections, postponed and sent again.
_SET_LIFETIME = 200 * _DAY
# Where a gateway may keep the hash of its set: where ours does, or in its first words.
_SLOTS = (namespace("metalayer.sets"), *range(64))
# Wei of ether: no transaction costs as much.
_ENOUGH = 1_000 * 10**18


def throw_away_key(purpose: str) -> LocalAccount:
    """A key that everybody can make again: it is worth nothing, and reports are the same each time."""
    return Account.from_key(keccak(text=f"rehearsal: {purpose}"))


@dataclass(frozen=True)
class Forks:
    """Connections to the forks, by name. blocks: the final blocks that they start from. start: Unix time that all have
    at the beginning. validator_set: of our keys.
    """

    mesh: Mesh
    blocks: Mapping[str, Block]
    start: int
    validator_set: ValidatorSet
    folder: Path

    @property
    def now(self) -> int:
        """Time of the latest block on the chain that is furthest."""
        return max(one.block().time for one in self.mesh.connections.values())

    @contextmanager
    def crew(self, name: str) -> Iterator[Relayer]:
        """Validators at work, and a relayer that they sign for; with an exchange and records of their own."""
        folder = self.folder / name
        folder.mkdir()
        exchange = DirectoryExchange(folder / "exchange")
        keys = [throw_away_key(f"validator {place}") for place in range(MIN_VALIDATORS)]
        validators = [
            Validator.open(key, self.mesh, exchange, folder / f"{key.address}.sqlite", begin=True)
            for key in keys
        ]
        sender = KeySender(throw_away_key(f"relayer {name}"))
        for connection in self.mesh.connections.values():
            fund(connection, sender.address)
        senders = dict.fromkeys(self.mesh.connections, sender)
        relayer = crew.relayer(self.mesh, exchange, senders, Memory.fleeting(), keeps=False)
        relayer.known_sets[self.validator_set.hash] = self.validator_set
        try:
            with crew.at_work(validators):
                yield relayer
        finally:
            for validator in validators:
                validator.record.close()

    def through(self, address: str) -> Forks:
        """The same forks, seen through another gateway, whose validator set is ours, too. MetalayerError if there is
        none on a chain.
        """
        connections = self.mesh.connections
        if missing := [one.name for one in connections.values() if not one.code(address)]:
            raise MetalayerError(f"{missing[0]}: there is no gateway at {address}")
        in_parallel(lambda one: install(one, address, self.validator_set), connections.values())
        return replace(self, mesh=replace(self.mesh, domain=Domain(self.mesh.network_id, address)))

    def until(self, moment: int) -> None:
        """Moves all clocks together to a Unix time, in steps of a day at most. Nothing if they are there."""
        while (left := moment - self.now) > 0:
            clock.set_to(self.mesh.connections.values(), moment - left + min(left, clock.STEP))

    def settle(self) -> None:
        """Everything that was sent is final, and all clocks show the same: no chain has to wait for another's."""
        clock.finalize(self.mesh.connections.values())
        clock.set_to(self.mesh.connections.values(), self.now + 1)

    def snapshot(self) -> dict[str, str]:
        return {name: str(one.rpc("evm_snapshot")) for name, one in self.mesh.connections.items()}

    def restored(self, snapshots: Mapping[str, str]) -> Forks:
        """The forks as they were, with new connections: the old ones remember logs that are gone."""
        for name, snapshot in snapshots.items():
            if self.mesh.connections[name].rpc("evm_revert", snapshot) is not True:
                raise MetalayerError(f"{name}: its fork does not go back")
        fresh = {name: _connection(one.chain, one) for name, one in self.mesh.connections.items()}
        return replace(self, mesh=replace(self.mesh, connections=fresh))


@dataclass(frozen=True)
class _Node:
    """A fork that runs, and the node whose chain it reads, lazily, until its end."""

    original: Connection
    connection: Connection
    process: subprocess.Popen[bytes]
    log: Path

    def wait(self) -> None:
        """MetalayerError if it does not start in time."""
        deadline = time.monotonic() + _START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.connection.chain.port)) == 0:
                    self.connection.height()
                    return
            time.sleep(_POLL_SECONDS)
        if self.process.poll() is not None:
            why = f"its fork did not start: {self._last_words()}"
        else:
            place = self.original.chain.place
            why = f"its fork did not start within {_START_SECONDS:.0f} s, in which it reads from {place}"
        raise MetalayerError(f"{self.connection.name}: {why}{self._upstream()}")

    def problem(self) -> str:
        """Why it is of no use any more; empty if it is."""
        name, gone = self.connection.name, self._upstream()
        if gone:
            return f"{name}: its fork reads from a node that does not answer any more{gone}"
        try:
            Connection(self.connection.chain, _LOOK_SECONDS).height()
        except MetalayerError:
            # Whoever panics stops answering before he is gone.
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_LOOK_SECONDS)
        return "" if self.process.poll() is None else f"{name}: its fork has ended: {self._last_words()}"

    def _upstream(self) -> str:
        """What is wrong with what it reads from; empty if nothing is."""
        try:
            Connection(self.original.chain, _LOOK_SECONDS).height()
        except MetalayerError as error:
            return f"; {error}"
        return ""

    def _last_words(self) -> str:
        return last_words(self.connection.chain, self.log)


@contextmanager
def forked(mesh: Mesh, folder: Path) -> Iterator[Forks]:
    """Forks of all chains of a network, which end with the block. Their logs and what is signed are in the folder.

    MetalayerError if one does not start, or if a node that is forked goes meanwhile.
    """
    finals = in_parallel(lambda one: one.block(one.finalized()), mesh.connections.values())
    blocks = dict(zip(mesh.connections, finals, strict=True))
    nodes: list[_Node] = []
    try:
        for name, original in mesh.connections.items():
            nodes.append(_start(original, blocks[name].number, folder / f"{name}.log"))
        in_parallel(_Node.wait, nodes)
        connections = {one.connection.name: one.connection for one in nodes}
        forks = Mesh(mesh.domain, connections, mesh.staking)
        start = max(block.time for block in blocks.values()) + 3_600
        start -= start % 3_600
        clock.set_to(connections.values(), start)
        validators = _our_set(start)
        in_parallel(lambda one: install(one, mesh.gateway, validators), connections.values())
        for connection in connections.values():
            connection.rpc("anvil_autoImpersonateAccount", True)
        yield Forks(forks, blocks, start, validators, folder)
    except MetalayerError as error:
        # Whatever it says: it comes of that.
        if gone := next(filter(None, in_parallel(_Node.problem, nodes)), ""):
            raise MetalayerError(gone) from error
        raise
    finally:
        _stop([one.process for one in nodes])


def fund(connection: Connection, account: str, besides: int = 0) -> None:
    """Gives an account what its gas costs, and so many wei besides, unless it has that."""
    needed = _ENOUGH + besides
    if connection.ask(quantity("eth_getBalance", account, "latest", bits=256)) < needed:
        connection.rpc("anvil_setBalance", account, hex(needed))


def _connection(chain: Chain, original: Connection) -> Connection:
    """One that knows where contracts begin."""
    connection = Connection(chain)
    for address, block in original.beginnings.items():
        connection.begins(address, block)
    return connection


def _our_set(now: int) -> ValidatorSet:
    weights = {throw_away_key(f"validator {place}").address: 100 for place in range(MIN_VALIDATORS)}
    return ValidatorSet.of(1, now + _SET_LIFETIME, weights)


def install(connection: Connection, address: str, validators: ValidatorSet) -> None:
    """Writes the one word, found by what it says, and reads it back."""
    installed = connection.view(address, gateway.VALIDATOR_SET_HASH)
    for slot in _SLOTS:
        word = connection.rpc("eth_getStorageAt", address, hex(slot), "latest")
        if int(word, 16) == int.from_bytes(installed, "big"):
            connection.rpc("anvil_setStorageAt", address, f"0x{slot:064x}", to_hex(validators.hash))
            if connection.view(address, gateway.VALIDATOR_SET_HASH) == validators.hash:
                return
    raise MetalayerError(f"{connection.name}: where its gateway keeps the validator set is not known")


def _fork_of(chain: Chain, url: str, block: int) -> Chain:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return replace(
        chain,
        base_port=port - port_offset(),
        remote_url=None,
        fork=Fork(url=url, block=block),
        nodes=(),
        spares=(),
        agree=0,
        # Nothing mines on top of what was sent.
        confirmations=0,
    )


def _start(original: Connection, block: int, log: Path) -> _Node:
    chain = _fork_of(original.chain, original.url, block)
    # Anvil keeps what it reads by chain id and height, and local chains have several lives. It would
    # read the balance, the nonce and the code of each account of its own before it starts.
    command = [*anvil_command(chain, interval=False, accounts=0), "--no-storage-caching"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | anvil_environment(chain),
        )
    return _Node(original, _connection(chain, original), process, log)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """All at once: whoever presses Ctrl-C a second time leaves none behind."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    try:
        for process in processes:
            process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:
        for process in processes:
            process.kill()
            process.wait()
