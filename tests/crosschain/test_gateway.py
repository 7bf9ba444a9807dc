"""Messages and ERA across chains through Ape: the paths of the state machine, one at a time, readable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ape
import pytest
from ape import accounts, project

from metalayer import lane
from metalayer.accounts import local_key as key_of
from metalayer.attestation import Attestation, LaneFact, Tree, compact, digest
from metalayer.gateway import Batch
from metalayer.lane import Sent
from metalayer.message import interoperable
from tests.chains import BoundChain, Deployed
from tests.deployed import Deployment

ERA = 10**18


@dataclass
class Network:
    """The deployed network, its validators' keys, and the messages sent by the test, per lane."""

    chains: dict[str, BoundChain]
    deployment: Deployment
    sent: dict[tuple[str, str], list[Sent]] = field(default_factory=dict)

    @contextmanager
    def on(self, name: str) -> Iterator[Any]:
        """The contracts of a chain, which is active inside."""
        with self.chains[name].use():
            yield self.deployment.on[name]

    def note(self, origin: str, receipt: Any) -> Sent:
        """Remember the message that a transaction sent, read from its logs."""
        raw = self.chains[origin].rpc("eth_getTransactionReceipt", [receipt.txn_hash])
        gateway = self.deployment.gateway.lower()
        own = [log for log in raw["logs"] if log["address"].lower() == gateway]
        (sent,) = lane.parse(own, self.deployment.registry.network_id, self.chains[origin].chain_id)
        destination = next(c.name for c in self.chains.values() if c.chain_id == sent.message.destination)
        self.sent.setdefault((origin, destination), []).append(sent)
        return sent

    def delivery(self, origin: str, destination: str, signers: int = 4, first: int = 1) -> tuple[Any, Any]:
        """Arguments of `deliver`: every message of a lane from `first` on, attested by so many validators."""
        messages = self.sent[origin, destination]
        newest = messages[-1]
        fact = LaneFact(newest.message.origin, newest.message.destination, newest.message.nonce, newest.head)
        tree = Tree([fact])
        batch = Batch(fact, tree.proof(fact), first, [sent.message for sent in messages[first - 1 :]], [])
        return self.attest(tree.root, signers).fields, [batch.fields]

    def attest(self, root: bytes, signers: int) -> Attestation:
        registry = self.deployment.registry
        validators = registry.first_validator_set()
        keys = {key.address: key for key in (key_of(i) for i in range(5, 10))}
        hash_ = digest(registry.network_id, self.deployment.gateway, root)
        signing = [signer for signer, _ in validators.members][:signers]
        return Attestation(root, validators, {s: compact(keys[s].unsafe_sign_hash(hash_)) for s in signing})

    def deliver(self, origin: str, destination: str, relayer: Any) -> Any:
        with self.on(destination) as contracts:
            return contracts.gateway.deliver(*self.delivery(origin, destination), sender=relayer)


@pytest.fixture
def network(chains: dict[str, BoundChain], deployment: Deployment) -> Network:
    return Network(chains, deployment)


@pytest.fixture
def relayer() -> Any:
    return accounts.test_accounts[2]


@pytest.fixture
def holder() -> Any:
    """Who got the supply at genesis (deploy.yaml)."""
    return accounts.test_accounts[3]


@pytest.fixture
def postbox(chains: dict[str, BoundChain], deployment: Deployment, keeper: Any) -> Deployed:
    return chains["arcade"].deploy(project.Postbox, deployment.gateway, False, sender=keeper)


@pytest.fixture
def keeper() -> Any:
    return accounts.test_accounts[4]


def send(network: Network, postbox: Deployed, sender: Any, payload: bytes) -> Sent:
    recipient = interoperable(network.chains["arcade"].chain_id, postbox.address)
    with network.on("hub") as contracts:
        return network.note("hub", contracts.gateway.sendMessage(recipient, payload, [], sender=sender))


def letters(network: Network, postbox: Deployed, receipt: Any) -> list[Any]:
    """What a postbox on arcade announced in a transaction."""
    with network.on("arcade"):
        return list(receipt.decode_logs(postbox.LetterReceived.abi))


def test_a_message_arrives_with_its_sender_and_payload(
    network: Network, postbox: Deployed, holder: Any, relayer: Any
) -> None:
    sent = send(network, postbox, holder, b"hello")
    (letter,) = letters(network, postbox, network.deliver("hub", "arcade", relayer))
    assert (letter.id, letter.origin, letter.sender, letter.payload) == (
        sent.id,
        901,
        holder.address,
        b"hello",
    )


def test_the_slower_of_two_relayers_succeeds_and_changes_nothing(
    network: Network, postbox: Deployed, holder: Any, relayer: Any, keeper: Any
) -> None:
    """P1: one attestation, two relayers, one execution."""
    send(network, postbox, holder, b"once")
    network.deliver("hub", "arcade", relayer)
    late = network.deliver("hub", "arcade", keeper)
    assert late.logs == []
    with network.on("arcade"):
        assert postbox.count() == 1


def test_a_message_that_fails_delays_nobody_and_is_retried(
    network: Network, postbox: Deployed, holder: Any, relayer: Any, keeper: Any
) -> None:
    """P2, M13: the closed postbox refuses the first message; the second, to an open one, goes through."""
    open_box = network.chains["arcade"].deploy(
        project.Postbox, network.deployment.gateway, False, sender=keeper
    )
    with network.on("arcade"):
        postbox.setClosed(True, sender=keeper)
    refused = send(network, postbox, holder, b"refused")
    accepted = send(network, open_box, holder, b"accepted")
    network.deliver("hub", "arcade", relayer)
    with network.on("arcade") as contracts:
        assert contracts.gateway.failed(refused.id)
        assert not contracts.gateway.failed(accepted.id)
        assert (postbox.count(), open_box.count()) == (0, 1)
        postbox.setClosed(False, sender=keeper)
        contracts.gateway.retry(901, refused.message.nonce, refused.message.fields, sender=relayer)
        assert (postbox.count(), open_box.count()) == (1, 1)
        assert not contracts.gateway.failed(refused.id)


def test_three_of_five_validators_deliver_nothing(
    network: Network, postbox: Deployed, holder: Any, relayer: Any
) -> None:
    """P3, M3: one signature fewer than a quorum."""
    send(network, postbox, holder, b"hello")
    attestation, batches = network.delivery("hub", "arcade", signers=3)
    with network.on("arcade") as contracts:
        with ape.reverts(contracts.gateway.QuorumNotReached):
            contracts.gateway.deliver(attestation, batches, sender=relayer)
        assert contracts.gateway.inboxLane(901).nonce == 0


def test_an_attestation_for_an_older_head_is_refused_for_newer_messages(
    network: Network, postbox: Deployed, holder: Any, relayer: Any
) -> None:
    """P3: a signature covers the lane up to its head, not beyond."""
    send(network, postbox, holder, b"signed")
    old_attestation, (old_batch,) = network.delivery("hub", "arcade")
    send(network, postbox, holder, b"not signed")
    _, (new_batch,) = network.delivery("hub", "arcade")
    with network.on("arcade") as contracts:
        with ape.reverts(contracts.gateway.FactNotProven):
            contracts.gateway.deliver(old_attestation, [new_batch], sender=relayer)
        contracts.gateway.deliver(old_attestation, [old_batch], sender=relayer)
        assert contracts.gateway.inboxLane(901).nonce == 1


def test_era_goes_round_the_network_and_the_books_hold(network: Network, holder: Any, relayer: Any) -> None:
    """P4 after every step: hub → arcade → (hub) → perps → hub."""
    supply = 1_000_000_000 * ERA
    with network.on("hub") as hub:
        hub.era.approve(hub.bridge.address, 100 * ERA, sender=holder)
        network.note("hub", hub.bridge.send(902, holder.address, 100 * ERA, sender=holder))
    assert books(network) == {"locked": 100 * ERA, "arcade": (100 * ERA, 0), "perps": (0, 0)}
    network.deliver("hub", "arcade", relayer)
    assert books(network) == {"locked": 100 * ERA, "arcade": (100 * ERA, 100 * ERA), "perps": (0, 0)}

    with network.on("arcade") as arcade:
        network.note("arcade", arcade.bridge.send(903, holder.address, 30 * ERA, sender=holder))
    assert books(network) == {"locked": 100 * ERA, "arcade": (100 * ERA, 70 * ERA), "perps": (0, 0)}
    forwarded = network.deliver("arcade", "hub", relayer)
    network.note("hub", forwarded)
    assert books(network) == {"locked": 100 * ERA, "arcade": (70 * ERA, 70 * ERA), "perps": (30 * ERA, 0)}
    network.deliver("hub", "perps", relayer)
    assert books(network) == {
        "locked": 100 * ERA,
        "arcade": (70 * ERA, 70 * ERA),
        "perps": (30 * ERA, 30 * ERA),
    }

    with network.on("perps") as perps:
        network.note("perps", perps.bridge.send(901, holder.address, 30 * ERA, sender=holder))
    network.deliver("perps", "hub", relayer)
    assert books(network) == {"locked": 70 * ERA, "arcade": (70 * ERA, 70 * ERA), "perps": (0, 0)}
    with network.on("hub") as hub:
        assert hub.era.balanceOf(holder) == supply - 70 * ERA
        assert hub.era.totalSupply() == supply


def books(network: Network) -> dict[str, Any]:
    """ERA locked on the hub, and per spoke (outstanding on the hub, supply there)."""
    with network.on("hub") as hub:
        locked = hub.era.balanceOf(hub.bridge.address)
        outstanding = {name: hub.bridge.outstanding(network.chains[name].chain_id) for name in SPOKES}
    found: dict[str, Any] = {"locked": locked}
    for name in SPOKES:
        with network.on(name) as spoke:
            found[name] = (outstanding[name], spoke.era.totalSupply())
    return found


SPOKES = ("arcade", "perps")
