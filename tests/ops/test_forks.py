"""Forks of chains whose nodes are strict, slow, or gone: they start all the same, or one line says why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.errors import MetalayerError
from metalayer.governance import files
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.protocol import gateway
from metalayer.services import clock, forks, simulate
from metalayer.services.forks import Forks, forked
from tests.kit.deployment import Deployment
from tests.kit.faults import BatchLimit, Broken, Every, LogRange, Only, Refuses, Slow, TooMany
from tests.kit.node import Fault, Node, behind
from tests.kit.proposing import HALF_CLOSED, WRITES, Desk
from tests.kit.roles import RELAYER

STRICT = (
    BatchLimit(1),
    Every(4, TooMany()),
    Refuses("anvil_*", "evm_*", "debug_*", "eth_simulateV1", "eth_getAccountInfo", "eth_getProof"),
    LogRange(20),
    Slow(0.02),
)
AT_WORK = 60
"""Seconds in which what takes a few alone has to be over on a machine that has much to do."""


@contextmanager
def forked_behind(
    deployment: Deployment, folder: Path, *faults: Fault
) -> Iterator[Callable[[], AbstractContextManager[tuple[Forks, Node]]]]:
    """Opens forks of two chains, of which arcade is read through a proxy."""
    deployment.finalize()
    live = Live.open()
    two = {name: live.mesh.connections[name] for name in ("hub", "arcade")}
    with behind(replace(live.mesh, connections=two), "arcade", *faults) as (mesh, node):

        @contextmanager
        def opened() -> Iterator[tuple[Forks, Node]]:
            with forked(mesh, folder) as found:
                yield found, node

        yield opened


def test_a_fork_of_a_strict_node_starts_with_few_requests(deployment: Deployment, tmp_path: Path) -> None:
    """Each refusal for haste costs a fraction of a second; of 75 requests at once, some would wait for minutes."""
    began = time.monotonic()
    with forked_behind(deployment, tmp_path, *STRICT) as opened, opened() as (found, node):
        assert node.count("eth_getBalance") < 10
        assert len(node.asked) < 60
        arcade = found.mesh.connections["arcade"]
        there = deployment.connections["arcade"]
        assert arcade.code(deployment.gateway) == there.code(deployment.gateway)
        route = gateway.ROUTE.request(deployment.gateway, deployment.id_of("perps"))
        assert arcade.ask(route) == there.ask(route)
        assert arcade.ask(gateway.MESSAGE_DELIVERED.history(deployment.gateway)) == []
        clock.set_to([arcade], found.now + 5)
    assert time.monotonic() - began < AT_WORK


def test_on_a_fork_nothing_waits_for_blocks_on_top(deployment: Deployment, tmp_path: Path) -> None:
    """As on real networks, whose forks mine on demand: each transaction would wait for two minutes, in vain."""
    deployment.finalize()
    live = Live.open()
    real = replace(live.mesh.connections["arcade"].chain, confirmations=2)
    mesh = replace(live.mesh, connections={**live.mesh.connections, "arcade": Connection(real)})
    began = time.monotonic()
    with forked(mesh, tmp_path) as found:
        arcade = found.mesh.connections["arcade"]
        forks.fund(arcade, RELAYER.address)
        arcade.send(RELAYER, RELAYER.address, b"")
    assert time.monotonic() - began < AT_WORK


def test_a_fork_that_does_not_start_says_what_it_was_told(deployment: Deployment, tmp_path: Path) -> None:
    refusing = Refuses("eth_gasPrice", "eth_feeHistory", "eth_getBlockByNumber", "eth_getBalance")
    with forked_behind(deployment, tmp_path) as opened, opened() as (_, node):
        node.faults = [refusing]
        connection = Connection(deployment.connections["arcade"].chain)
        original = replace(connection.chain, base_port=None, remote_url=node.url)
        one = forks._start(Connection(original), 1, tmp_path / "again.log")
        try:
            with pytest.raises(MetalayerError) as caught:
                one.wait()
        finally:
            forks._stop([one.process])
    said = str(caught.value)
    assert said.startswith("arcade: its fork did not start: "), said
    assert "does not exist/is not available" in said
    assert "\n" not in said


def test_a_fork_that_waits_for_its_node_says_so(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "_START_SECONDS", 2.0)
    monkeypatch.setattr(forks, "_LOOK_SECONDS", 0.5)
    # Only anvil asks for it.
    hanging = Only("eth_gasPrice", Slow(6.0))
    began = time.monotonic()
    with (
        forked_behind(deployment, tmp_path, hanging) as opened,
        pytest.raises(
            MetalayerError, match=r"^arcade: its fork did not start within 2 s, in which it reads "
        ),
    ):
        opened().__enter__()
    assert time.monotonic() - began < AT_WORK / 2


@pytest.mark.parametrize(
    "gone", [Broken(body=None), Broken(), Slow(20.0)], ids=["hung up", "a page", "silent"]
)
def test_a_node_that_goes_while_it_is_forked_is_one_line(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: Fault
) -> None:
    """Whatever goes wrong then, on whatever fork: an anvil that cannot read ends with its next block."""
    monkeypatch.setattr(forks, "_LOOK_SECONDS", 0.5)
    monkeypatch.setattr("metalayer.network.anvil._FORK_OPTIONS", ["--timeout", "1000"])
    began = time.monotonic()

    def going(found: Forks, node: Node) -> None:
        node.faults = [gone]
        found.mesh.connections["arcade"].code("0x" + "12" * 20)

    said = _said(deployment, tmp_path, going)
    assert said.startswith("arcade: its fork reads from a node that does not answer any more; arcade"), said
    assert "\n" not in said
    assert time.monotonic() - began < AT_WORK / 2


def test_an_anvil_that_ends_is_one_line(deployment: Deployment, tmp_path: Path) -> None:
    def ending(found: Forks, node: Node) -> None:
        node.faults = [Broken(body=None)]
        with pytest.raises(MetalayerError):
            found.settle()
        node.faults = []
        found.settle()

    said = _said(deployment, tmp_path, ending)
    assert said.startswith("arcade: its fork has ended: pre-execution changes failed"), said


def _said(deployment: Deployment, folder: Path, work: Callable[[Forks, Node], None]) -> str:
    """What comes of work on the forks that does not go well."""
    with (
        forked_behind(deployment, folder) as opened,
        pytest.raises(MetalayerError) as caught,
        opened() as there,
    ):
        work(*there)
    return str(caught.value)


def test_a_rehearsal_ends_in_one_line_wherever_a_node_goes(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """With --deep at everything that it says it does, else in the middle. The proposal is not at fault."""
    monkeypatch.setattr(forks, "_LOOK_SECONDS", 0.5)
    monkeypatch.setattr(files, "proposals_dir", lambda: tmp_path / "proposals")
    deployment.finalize()
    live, proposal = (
        Live.open(),
        files.read(Desk(tmp_path / "proposals").write(HALF_CLOSED + WRITES), load_network()),
    )
    built = simulate.rebuild(live, proposal, {})
    said: list[str] = []
    with behind(live.mesh, "perps") as (mesh, node):

        def going_at(place: int) -> MetalayerError | None:
            said.clear()
            node.faults = []

            def say(line: str) -> None:
                said.append(line)
                if len(said) == place:
                    node.faults = [Broken(body=None)]

            began = time.monotonic()
            try:
                simulate.simulate(replace(live, mesh=mesh), proposal, built, say, settles=False)
            except MetalayerError as error:
                assert time.monotonic() - began < AT_WORK, said
                return error
            return None

        assert going_at(0) is None
        places = range(1, len(said) + 1) if request.config.option.deep else [len(said) // 2]
        for place in places:
            error = going_at(place)
            assert str(error).startswith("perps: its fork reads from a node that does not answer"), (
                place,
                said,
            )
