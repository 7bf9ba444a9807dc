"""Chains whose clocks differ: what was sent later than it is at its destination waits there, and ERA with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.assets.tokens import APPROVE, BALANCE_OF
from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent, parse
from metalayer.network.transactions import Receipt
from metalayer.protocol import bridge, gateway
from metalayer.protocol.facts import LaneFact, Tree
from metalayer.protocol.gateway import Batch
from metalayer.protocol.transfers import Payload
from metalayer.relayer.clocks import MOST_AHEAD
from metalayer.tracking.messages import retry
from tests.kit.deployment import ERA, Deployment
from tests.kit.roles import BENEFICIARY, DEPOSITOR, RELAYER, RIVAL

AHEAD = 120
WAYS = [("hub", "arcade"), ("arcade", "hub")]
WAITS = "messages were sent later than it is on"


@pytest.fixture
def transfer(mesh: Deployment) -> Transfer:
    return Transfer(mesh)


class Transfer:
    """ERA of a depositor who can pay for its hops."""

    def __init__(self, mesh: Deployment) -> None:
        self.mesh = mesh
        mesh.bring(DEPOSITOR.address, 50 * ERA)
        mesh.prepay(DEPOSITOR)
        for connection in mesh.connections.values():
            allow = gateway.SET_ALLOWANCE.encode(mesh.bridge, 10 * ERA)
            connection.send(DEPOSITOR, mesh.gateway, allow)
            connection.send(DEPOSITOR, mesh.era, APPROVE.encode(mesh.bridge, 50 * ERA))

    def send(self, origin: str, destination: str, amount: int = 5 * ERA) -> Sent:
        mesh = self.mesh
        data = bridge.SEND.encode(mesh.era, mesh.id_of(destination), BENEFICIARY.address, amount)
        receipt = mesh.connections[origin].send(DEPOSITOR, mesh.bridge, data)
        (sent,) = parse(receipt["logs"], mesh.network_id, mesh.id_of(origin))
        return sent

    def arrived(self, name: str) -> int:
        """ERA (wei) of the beneficiary, who had none."""
        return self.mesh.connections[name].view(self.mesh.era, BALANCE_OF, BENEFICIARY.address)


def deliver(mesh: Deployment, sent: Sent) -> Receipt:
    """The next message of a lane, by somebody who looks at no clock."""
    fact = LaneFact(*sent.ends, sent.message.nonce, sent.head)
    tree = Tree([fact])
    batch = Batch([sent.message], sent.message.origin, sent.message.nonce, tree.proof(fact), [])
    data = gateway.DELIVER.encode(mesh.attest(tree.root), [batch])
    return mesh.connections[mesh.name_of(sent.message.destination)].send(RIVAL, mesh.gateway, data)


@pytest.mark.parametrize(("origin", "destination"), WAYS)
def test_a_relayer_waits_until_it_is_as_late_there(
    mesh: Deployment,
    transfer: Transfer,
    exchange: DirectoryExchange,
    tmp_path: Path,
    origin: str,
    destination: str,
) -> None:
    """M47: what stands before that is delivered, and nothing fails; later passes bring the rest, at nobody's action."""
    before = transfer.arrived(destination)
    # Where blocks come fast, each is a second later than the one before.
    mesh.pass_time(AHEAD, destination)
    transfer.send(origin, destination, ERA)
    mesh.pass_time(2 * AHEAD, origin)
    transfer.send(origin, destination, 2 * ERA)
    mesh.send(origin, destination)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        relayer = mesh.relayer(exchange)
        first = relayer.relay_once()
        again = relayer.relay_once()
        assert transfer.arrived(destination) - before == ERA
        mesh.pass_time(AHEAD + 10, destination)
        last = relayer.relay_once()
    assert [(one.delivered, one.failed) for one in (first, again, last)] == [(1, 0), (0, 0), (2, 0)]
    assert [line.split(": ")[1] for line in first.put_off] == [f"2 {WAITS} {destination} now"]
    assert (again.put_off, last.put_off) == (first.put_off, [])
    assert first.all_problems == again.all_problems == last.all_problems == []
    assert transfer.arrived(destination) - before == 3 * ERA


@pytest.mark.parametrize(("origin", "destination"), WAYS)
def test_what_somebody_delivers_too_early_can_be_retried(
    mesh: Deployment, transfer: Transfer, origin: str, destination: str
) -> None:
    """M47, M11: it fails, nothing is credited, and it arrives once the clock has come."""
    before = transfer.arrived(destination)
    mesh.pass_time(AHEAD, origin)
    sent = transfer.send(origin, destination)
    at = Payload.read(sent.message.payload).hop_at
    there = mesh.connections[destination]
    receipt = deliver(mesh, sent)
    assert len(gateway.MESSAGE_FAILED.found_in(receipt["logs"], mesh.gateway)) == 1
    with pytest.raises(MetalayerError, match=f"ClockBehind.sentAt={at}"):
        retry(there, RELAYER, mesh.gateway, sent.message)
    assert transfer.arrived(destination) == before
    there.rpc("evm_setNextBlockTimestamp", hex(at))
    retry(there, RELAYER, mesh.gateway, sent.message)
    assert there.block().time == at
    assert transfer.arrived(destination) - before == 5 * ERA


def test_what_a_wrong_clock_sent_does_not_wait(
    mesh: Deployment, transfer: Transfer, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """More than an hour is no skew: a chain's messages would wait for ever. ERA itself fails, and can be retried."""
    mesh.pass_time(MOST_AHEAD + AHEAD, "arcade")
    transfer.send("arcade", "hub")
    mesh.send("arcade", "hub")
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.failed, result.put_off, result.all_problems) == (1, 1, [], [])


def test_an_old_block_is_no_clock(
    mesh: Deployment, transfer: Transfer, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Where nothing happened for a while, the next block is as late as anywhere."""
    mesh.pass_time(AHEAD, "hub", "perps", "social")
    mesh.connections["arcade"].rpc("evm_increaseTime", hex(AHEAD))
    transfer.send("hub", "arcade")
    hub = mesh.connections["hub"]
    hub.rpc("anvil_mine", hex(hub.chain.preset.finality_depth))
    assert mesh.connections["arcade"].block().time < hub.block().time - AHEAD // 2
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.put_off) == (1, [])
