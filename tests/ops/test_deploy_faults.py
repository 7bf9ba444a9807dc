"""Whatever happens to `apply`, on its machine or on its chains: one clear line, nothing lost, and the same registry."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from metalayer.deploy.apply import Deployer
from metalayer.deploy.journal import Journal
from metalayer.deploy.names import FACTORY, GATEWAY
from metalayer.deploy.plan import Problems
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.network.workspace import NETWORKS_FILE
from metalayer.protocol import staking
from tests.kit.chains import revert
from tests.kit.roles import OPERATORS, SECOND_DEPLOYER

pytestmark = pytest.mark.usefixtures("deployment")
NOBODY = 65_534


class Crash(BaseException):
    """The process dies here: not an Exception, so nothing can handle it."""


class Steady(Connection):
    """Each transaction has a block of its own, in the order of sending: two runs on one state make the same blocks."""

    def rpc(self, method: str, *params: Any) -> Any:
        if method == "eth_sendRawTransaction":
            return super().rpc("eth_sendRawTransactionSync", *params)["transactionHash"]
        return super().rpc(method, *params)


class Fuse:
    """The process dies at its n-th write to the journal or of the registry: before it, or after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.last, self.is_after = 0, False
        self._count, self._lock = itertools.count(1), threading.Lock()
        for owner, name in ((Journal, "_write"), (Registry, "save")):
            monkeypatch.setattr(owner, name, self._guarded(getattr(owner, name)))

    def set(self, last: int, is_after: bool) -> None:
        self.last, self.is_after, self._count = last, is_after, itertools.count(1)

    def _guarded(self, write: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: Any) -> None:
            with self._lock:
                number = next(self._count)
                if self.last and (number > self.last or (number == self.last and not self.is_after)):
                    raise Crash
                write(*arguments)
                if self.last and number == self.last:
                    raise Crash

        return guarded


def quietly(chain: str, what: str, left: int) -> None:
    pass


def nonces(deployer: Deployer) -> dict[tuple[str, str], int]:
    return {
        (name, account.address): int(connection.rpc("eth_getTransactionCount", account.address, "latest"), 16)
        for name, connection in deployer.connections.items()
        for account in (SECOND_DEPLOYER, *OPERATORS)
    }


def differing(found: bytes, expected: bytes) -> list[tuple[str, str]]:
    """Lines of two registries, as far as they are not equal."""
    lines = zip_longest(expected.decode().splitlines(), found.decode().splitlines(), fillvalue="")
    return [(wanted, line) for wanted, line in lines if wanted != line]


def records(folder: Path) -> Journal:
    return Journal(folder / "journal.jsonl")


def level(connection: Connection) -> None:
    """The next block's base fee is the chain's first: a revert leaves it as it was."""
    connection.rpc("anvil_setNextBlockBaseFeePerGas", hex(connection.chain.preset.base_fee))


def snapshots_of(deployer: Deployer) -> dict[str, Any]:
    return {name: connection.rpc("evm_snapshot") for name, connection in deployer.connections.items()}


def back_to(deployer: Deployer, snapshots: dict[str, Any]) -> None:
    """To snapshots, which can be gone back to again."""
    for name, connection in deployer.connections.items():
        revert(connection.rpc, snapshots[name])
        level(connection)
    snapshots.update(snapshots_of(deployer))


@pytest.fixture
def steady(deployer: Deployer) -> Iterator[Deployer]:
    """Of the hub and one other chain, on which nothing depends on the time of day."""
    names = ("hub", "arcade")
    connections: dict[str, Connection] = {name: Steady(deployer.network.chains[name]) for name in names}
    for connection in connections.values():
        connection.rpc("anvil_setBlockTimestampInterval", 1)
        level(connection)
    network = replace(deployer.network, chains={name: deployer.network.chains[name] for name in names})
    yield replace(deployer, network=network, connections=connections)
    for connection in connections.values():
        connection.rpc("anvil_removeBlockTimestampInterval")


def test_killed_at_any_record_it_ends_with_the_same_registry(
    steady: Deployer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte: at each write to the journal, and at each of the registry, before it and after."""
    fuse = Fuse(monkeypatch)
    snapshots = snapshots_of(steady)
    steady.apply(quietly)
    expected, sent = steady.registry_path.read_bytes(), nonces(steady)
    back_to(steady, snapshots)
    deaths = 0
    for number, is_after in ((n, after) for n in itertools.count(1) for after in (False, True)):
        run = replace(steady, folder=tmp_path / f"{number}-{is_after}")
        fuse.set(number, is_after)
        try:
            run.apply(quietly)
        except Crash:
            deaths += 1
        else:
            break
        fuse.set(0, False)
        run.apply(quietly)
        where = f"death {number}, {'after' if is_after else 'before'}"
        assert differing(run.registry_path.read_bytes(), expected) == [], where
        assert nonces(run) == sent, where
        assert not any(records(run.folder).in_flight(name) for name in run.network.chains), where
        back_to(steady, snapshots)
    # The hub's nine groups and arcade's three, each sent and ended; how the journal begins; and both chains' entries.
    assert deaths >= 2 * (2 * 9 + 2 * 3 + 1 + 2)


@contextmanager
def full(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: what a full disk looks like to who writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 50, 30_000, 150_000, 400_000])
def test_a_full_disk_is_one_line_and_nothing_is_lost(steady: Deployer, tmp_path: Path, size: int) -> None:
    """Wherever it becomes full: in the lock, in the first record, in the middle of one."""
    snapshots = snapshots_of(steady)
    steady.apply(quietly)
    expected, sent = steady.registry_path.read_bytes(), nonces(steady)
    whole = (steady.folder / "journal.jsonl").stat().st_size
    assert whole > 400_000
    back_to(steady, snapshots)

    run = replace(steady, folder=tmp_path / "again")
    with full(size), pytest.raises(MetalayerError) as stopped:
        run.apply(quietly)
    assert str(stopped.value).count("\n") == 0
    assert "cannot be written (File too large)" in str(stopped.value)
    run.apply(quietly)
    assert differing(run.registry_path.read_bytes(), expected) == []
    assert nonces(run) == sent


def test_a_full_disk_for_the_registry_alone(steady: Deployer) -> None:
    """The journal has all of it: the registry is as it was, and is made of it."""
    steady.apply(quietly)
    expected = steady.registry_path.read_bytes()
    steady.registry_path.unlink()
    with full(10_000), pytest.raises(MetalayerError) as stopped:
        steady.apply(quietly)
    assert str(stopped.value) == (
        f"{steady.registry_path} cannot be written (File too large): it is as it was; mend that, then run it again"
    )
    assert sorted(path.name for path in steady.folder.iterdir()) == ["deploy.lock", "journal.jsonl"]
    steady.apply(quietly)
    assert steady.registry_path.read_bytes() == expected


@contextmanager
def read_only() -> Iterator[Path]:
    """A workspace in which this process may write nothing. Its owner, if it is root, is somebody else meanwhile, who
    may not even read where the repository is.
    """
    folder = Path(tempfile.mkdtemp())
    shutil.copy(NETWORKS_FILE, folder)
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    try:
        with chdir(folder):
            if is_root:
                os.seteuid(NOBODY)
            try:
                yield folder
            finally:
                if is_root:
                    os.seteuid(0)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_read_only_folder_is_one_line(deployer: Deployer) -> None:
    """A plan needs none; apply says it before anything is sent."""
    before = nonces(deployer)
    with read_only() as folder:
        run = replace(deployer, folder=folder / "records")
        assert run.plan().has_changes
        with pytest.raises(MetalayerError) as refused:
            run.apply(quietly)
        inside = replace(deployer, folder=folder)
        with pytest.raises(MetalayerError, match=r"deploy\.lock cannot be written \(Permission denied\)$"):
            inside.apply(quietly)
    assert str(refused.value) == f"{run.folder / 'deploy.lock'} cannot be written (Permission denied)"
    assert nonces(deployer) == before


def test_two_at_once_are_one_and_a_line(deployer: Deployer) -> None:
    """The second says who is at work; the first does not notice."""
    refused: list[str] = []

    def meanwhile(chain: str, what: str, left: int) -> None:
        if what == "compared":
            with pytest.raises(MetalayerError) as error:
                deployer.apply(quietly)
            refused.append(str(error.value))

    registry = deployer.apply(meanwhile)
    assert len(refused) == 5, "the hub, twice, and three others"
    start = f"a deployment of network 'local' is already running: pid {os.getpid()} on "
    assert all(line.startswith(start) and "\n" not in line for line in refused)
    assert deployer.apply(quietly) == registry


def test_another_chain_at_the_url_is_one_line_before_anything_is_sent(deployer: Deployer) -> None:
    before = nonces(deployer)
    arcade, perps = (deployer.network.chains[name] for name in ("arcade", "perps"))
    wrong = Connection(replace(arcade, base_port=perps.base_port))
    mixed = replace(deployer, connections={**deployer.connections, "arcade": wrong})
    with pytest.raises(Problems) as refused:
        mixed.apply(quietly)
    (line,) = refused.value.problems
    assert f"its node is of chain {perps.chain_id}, expected {arcade.chain_id}" in line
    assert nonces(deployer) == before
    assert set(deployer.apply(quietly).chains) == set(deployer.connections)


def test_a_first_set_that_expires_before_any_gateway_starts(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-wired, and late: another set is published, and the gateways start from that."""
    connections = dict(deployer.connections)

    def stop(chain: str, what: str, left: int) -> None:
        if what == "publish validator set":
            raise Crash

    with pytest.raises(Crash):
        deployer.apply(stop)
    for connection in connections.values():
        connection.rpc("evm_increaseTime", hex(staking.LIFETIME))
        connection.rpc("anvil_mine", "0x1")
    first, *_ = [planned.step.name for planned in deployer.plan().chains["hub"] if planned.step.is_missing]
    assert first == "publish validator set"
    registry = deployer.apply(quietly)
    assert set(registry.chains) == set(connections)
    contract = registry.contract("arcade", GATEWAY)
    assert contract.arguments["validatorSet"]["version"] == 2
    assert deployer.plan().is_settled
    assert FACTORY in registry.chains["hub"].contracts
