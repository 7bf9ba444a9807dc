"""Messages and ERA across chains through Ape: the paths of the state machine, one at a time, readable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ape
import pytest
from ape import project

from metalayer.assets.books import read_books
from metalayer.attesting.sets import read_sets
from metalayer.deploy.names import GUARDIAN as GUARDIAN_CONTRACT
from metalayer.lanes import logs as lane
from metalayer.lanes.logs import Sent
from metalayer.network.live import Live
from metalayer.network.rpc import Reverted
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import LaneFact, RestartFact, SetFact, Tree
from metalayer.protocol.gateway import Batch, Status, Walk
from metalayer.protocol.message import Fee, genesis_head, interoperable
from metalayer.protocol.rpc import Log
from metalayer.protocol.transfers import Options
from tests.kit.chains import BoundChain, Deployed
from tests.kit.deployment import ERA, Deployment
from tests.kit.paper import DAY
from tests.kit.roles import DEVELOPER, GUARDIAN, RELAYER, TREASURY

CREDIT = ERA
RETURN_GAS = 200_000
"""Gas for a return, of a message that names none (networks.yaml)."""


@dataclass(frozen=True)
class OnChain:
    """The contracts of one chain, as Ape has them."""

    gateway: Deployed
    guardian: Deployed
    era: Deployed
    bridge: Deployed


@dataclass
class Network:
    """The deployment through Ape, and the messages sent by the test, per lane."""

    chains: dict[str, BoundChain]
    deployment: Deployment
    contracts: dict[str, OnChain]
    sent: dict[tuple[str, str], list[Sent]] = field(default_factory=dict)

    @contextmanager
    def on(self, name: str) -> Iterator[Any]:
        """The contracts of a chain, which is active inside."""
        with self.chains[name].use():
            yield self.contracts[name]

    def id_of(self, name: str) -> int:
        return self.chains[name].chain_id

    def note(self, origin: str, receipt: Any) -> Sent:
        """Remember the message that a transaction sent, read from its logs."""
        raw = self.chains[origin].rpc("eth_getTransactionReceipt", [receipt.txn_hash])
        gateway = self.deployment.gateway.lower()
        own = [log for log in raw["logs"] if log["address"].lower() == gateway]
        (sent,) = lane.parse(
            [Log.read(log) for log in own], self.deployment.registry.network_id, self.chains[origin].chain_id
        )
        destination = next(c.name for c in self.chains.values() if c.chain_id == sent.message.destination)
        self.sent.setdefault((origin, destination), []).append(sent)
        return sent

    def delivery(
        self, origin: str, destination: str, signers: int = 4, validator_set: ValidatorSet | None = None
    ) -> tuple[Any, Any]:
        """Arguments of `deliver`: every message of a lane, attested by so many validators."""
        messages = self.sent[origin, destination]
        first, newest = messages[0].message.nonce, messages[-1]
        fact = LaneFact(newest.message.origin, newest.message.destination, newest.message.nonce, newest.head)
        tree = Tree([fact])
        batch = Batch([sent.message for sent in messages], fact.origin, first, tree.proof(fact), [])
        return self.deployment.attest(tree.root, validator_set, signers).fields, [batch.fields]

    def deliver(self, origin: str, destination: str, relayer: Any) -> Any:
        connection = self.deployment.connections[destination]
        installed = read_sets(connection, self.deployment.gateway).installed
        with self.on(destination) as contracts:
            delivery = self.delivery(origin, destination, validator_set=installed)
            return contracts.gateway.deliver(*delivery, sender=relayer)

    def walk(self, sent: Sent) -> Any:
        """From a message of a lane that was not restarted to the lane's present head."""
        message = sent.message
        origin, destination = (
            next(c.name for c in self.chains.values() if c.chain_id == end)
            for end in (message.origin, message.destination)
        )
        messages = self.sent[origin, destination]
        place = messages.index(sent)
        before = (
            messages[place - 1].head
            if place
            else genesis_head(message.network_id, message.origin, message.destination)
        )
        ids = [later.id for later in messages[place + 1 :]]
        return Walk(message.destination, message.nonce, before, ids).fields

    def refusal(self, chain: str, method: str, *arguments: Any, sender: Any) -> str:
        """Name of the error with which the gateway of a chain refuses a call.

        Not by `ape.reverts`, whose display fails for some values of bytes.
        """
        with self.on(chain) as contracts:
            data = bytes(getattr(contracts.gateway, method).encode_input(*arguments))
        try:
            self.deployment.connections[chain].call(self.deployment.gateway, data, sender=sender.address)
        except Reverted as error:
            return error.reason.split("(")[0]
        raise AssertionError(f"{method} was not refused")

    def reconcile(self) -> None:
        """P4, P5, and that nothing is under way any more."""
        books = read_books(Live.open(), {})
        assert [sentence for sentence, holds in books.checks() if not holds] == []


@pytest.fixture(scope="session")
def contracts(chains: dict[str, BoundChain], deployment: Deployment) -> dict[str, OnChain]:
    def instance(chain: BoundChain, container: Any, address: str) -> Deployed:
        with chain.use():
            return chain.bind(container.at(address, fetch_from_explorer=False))

    return {
        name: OnChain(
            instance(chain, project.Metalayer, deployment.gateway),
            instance(chain, project.Guardian, deployment.registry.address(GUARDIAN_CONTRACT)),
            instance(chain, project.ERA, deployment.era),
            instance(chain, project.TokenBridge, deployment.bridge),
        )
        for name, chain in chains.items()
    }


@pytest.fixture
def network(chains: dict[str, BoundChain], deployment: Deployment, contracts: dict[str, OnChain]) -> Network:
    """The holder has credit on every chain."""
    deployment.prepay(TREASURY, CREDIT)
    return Network(chains, deployment, contracts)


@pytest.fixture
def relayer() -> Any:
    return RELAYER.ape


@pytest.fixture
def holder() -> Any:
    """Who has most of the supply at genesis (deploy.yaml)."""
    return TREASURY.ape


@pytest.fixture
def postbox(chains: dict[str, BoundChain], deployment: Deployment, keeper: Any) -> Deployed:
    return chains["arcade"].deploy(project.Postbox, deployment.gateway, False, sender=keeper)


@pytest.fixture
def keeper() -> Any:
    return DEVELOPER.ape


@pytest.fixture
def guardian() -> Any:
    """The council of every guardian (deploy.yaml)."""
    return GUARDIAN.ape


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
        assert status(contracts, refused) is Status.FAILED
        assert status(contracts, accepted) is Status.NONE
        assert (postbox.count(), open_box.count()) == (0, 1)
        postbox.setClosed(False, sender=keeper)
        contracts.gateway.retry(901, refused.message.nonce, refused.message.fields, sender=relayer)
        assert (postbox.count(), open_box.count()) == (1, 1)
        assert status(contracts, refused) is Status.NONE
    network.reconcile()


def test_three_of_five_validators_deliver_nothing(
    network: Network, postbox: Deployed, holder: Any, relayer: Any
) -> None:
    """P3, M3: one signature fewer than a quorum."""
    send(network, postbox, holder, b"hello")
    attestation, batches = network.delivery("hub", "arcade", signers=3)
    assert network.refusal("arcade", "deliver", attestation, batches, sender=relayer) == "QuorumNotReached"
    with network.on("arcade") as contracts:
        assert contracts.gateway.inboxLane(901).nonce == 0


def test_a_message_without_credit_is_not_sent(network: Network, postbox: Deployed, keeper: Any) -> None:
    """Nothing is taken from anybody, and the lane does not move."""
    recipient = interoperable(902, postbox.address)
    with network.on("hub") as hub:
        fee = hub.gateway.quote(902, 200_000, RETURN_GAS, 5)
        before = hub.gateway.outboxLane(902).nonce
        with ape.reverts(hub.gateway.InsufficientCredit, account=keeper.address, credit=0, needed=fee):
            hub.gateway.sendMessage(recipient, b"hello", [], sender=keeper)
        assert hub.gateway.outboxLane(902).nonce == before


def test_a_message_costs_what_was_quoted(network: Network, postbox: Deployed, holder: Any) -> None:
    """M15."""
    with network.on("hub") as hub:
        fee = hub.gateway.quote(902, 200_000, RETURN_GAS, 5)
        before = hub.gateway.credit(holder)
    sent = send(network, postbox, holder, b"hello")
    parts = Fee.unpack(sent.message.fee)
    with network.on("hub") as hub:
        assert hub.gateway.credit(holder) == before - fee
        escrow, protocol_fees = hub.gateway.laneFees(902)
        assert escrow == parts.total
        assert (escrow + protocol_fees) * GWEI == fee


def test_a_relayer_earns_what_it_delivers_and_is_paid_on_the_origin(
    network: Network, postbox: Deployed, holder: Any, relayer: Any, keeper: Any
) -> None:
    """P5: a claim pays the relayer less its carriage, which is the carrier's; the rest is the protocol's."""
    for number in range(3):
        send(network, postbox, holder, bytes([number]))
    network.deliver("hub", "arcade", relayer)
    fees = [Fee.unpack(sent.message.fee) for sent in network.sent["hub", "arcade"]]
    earned = sum(fee.total for fee in fees)
    with network.on("arcade") as arcade:
        assert arcade.gateway.earnings(901, relayer) == (earned, 0)
        network.note("arcade", arcade.gateway.claim(901, sender=relayer))
        assert arcade.gateway.earnings(901, relayer) == (earned, earned)
    assert network.refusal("arcade", "claim", 901, sender=relayer) == "NothingToClaim"
    paid = network.deliver("arcade", "hub", keeper)
    with network.on("hub") as hub:
        (log,) = paid.decode_logs(hub.gateway.ClaimPaid.abi)
        assert (log.amount, hub.gateway.paid(902, relayer)) == (earned, earned)
        assert hub.gateway.credit(keeper) == log.carriage * GWEI
        assert hub.gateway.credit(relayer) == (earned - log.carriage) * GWEI
        escrow, protocol_fees = hub.gateway.laneFees(902)
        assert escrow == 0
        collector = hub.gateway.COLLECTOR()
        held = hub.era.balanceOf(collector)
        hub.gateway.sweep(902, sender=keeper)
        assert hub.era.balanceOf(collector) - held == protocol_fees * GWEI
        before = hub.era.balanceOf(relayer)
        hub.gateway.withdraw(relayer, hub.gateway.credit(relayer), sender=relayer)
        assert hub.era.balanceOf(relayer) - before == (earned - log.carriage) * GWEI
    network.reconcile()


def test_a_message_that_nobody_retries_goes_back(
    network: Network, postbox: Deployed, holder: Any, relayer: Any, keeper: Any
) -> None:
    """P1, M18: refused, expired, returned by a notice, refunded once; each who helps earns a step part."""
    with network.on("arcade"):
        postbox.setClosed(True, sender=keeper)
    sent = send(network, postbox, holder, b"refused")
    fields, nonce = sent.message.fields, sent.message.nonce
    network.deliver("hub", "arcade", relayer)
    assert (
        network.refusal("arcade", "returnToSender", 901, nonce, fields, sender=keeper) == "MessageNotExpired"
    )
    network.deployment.wait_out(15 * DAY)
    assert network.refusal("arcade", "retry", 901, nonce, fields, sender=keeper) == "MessageExpired"
    with network.on("arcade") as arcade:
        network.note("arcade", arcade.gateway.returnToSender(901, nonce, fields, sender=keeper))
    again = network.refusal("arcade", "returnToSender", 901, nonce, fields, sender=keeper)
    assert again == "MessageNotReturnable"
    walk = network.walk(sent)
    assert network.refusal("hub", "refund", fields, walk, sender=keeper) == "NotReturned"
    network.deliver("arcade", "hub", keeper)
    fee = Fee.unpack(sent.message.fee)
    with network.on("arcade") as arcade:
        assert arcade.gateway.earnings(901, keeper).earned == fee.step
    with network.on("hub") as hub:
        before = hub.gateway.credit(holder)
        hub.gateway.refund(fields, walk, sender=relayer)
        assert hub.gateway.returnNotice(902, sent.id).refunded
        assert hub.gateway.credit(keeper) == fee.step * GWEI
        assert hub.gateway.credit(relayer) == fee.step * GWEI
        assert hub.gateway.credit(holder) - before == fee.callback * GWEI
    assert network.refusal("hub", "refund", fields, walk, sender=relayer) == "AlreadyRefunded"
    network.reconcile()


def test_a_message_that_came_too_late_gets_back_what_it_did_not_use(
    network: Network, postbox: Deployed, holder: Any, relayer: Any
) -> None:
    """An expired message pays its passage and its way back, not its execution."""
    sent = send(network, postbox, holder, b"late")
    fee = Fee.unpack(sent.message.fee)
    network.deployment.wait_out(15 * DAY)
    network.deliver("hub", "arcade", relayer)
    with network.on("arcade") as arcade:
        assert status(arcade, sent) is Status.EXPIRED
        assert arcade.gateway.earnings(901, relayer).earned == fee.base
        receipt = arcade.gateway.returnToSender(901, 1, sent.message.fields, sender=relayer)
        network.note("arcade", receipt)
        assert arcade.gateway.earnings(901, relayer).earned == fee.base + fee.step
    network.deliver("arcade", "hub", relayer)
    with network.on("hub") as hub:
        before = hub.gateway.credit(holder)
        hub.gateway.refund(sent.message.fields, network.walk(sent), sender=relayer)
        assert hub.gateway.credit(holder) - before == (fee.relay - fee.base + fee.callback) * GWEI
        assert hub.gateway.credit(relayer) == 2 * fee.step * GWEI
    network.reconcile()


def test_the_guardian_holds_up_one_direction_and_no_other(
    network: Network, postbox: Deployed, holder: Any, relayer: Any, guardian: Any
) -> None:
    send(network, postbox, holder, b"held up")
    with network.on("arcade") as arcade:
        arcade.guardian.pauseInbound(901, 3_600, sender=guardian)
        delivery = network.delivery("hub", "arcade")
        assert network.refusal("arcade", "deliver", *delivery, sender=relayer) == "RoutePaused"
        recipient = interoperable(901, arcade.bridge.address)
        network.note("arcade", arcade.gateway.sendMessage(recipient, b"", [], sender=holder))
    network.deliver("arcade", "hub", relayer)
    network.deployment.pass_time(3_601, "arcade")
    network.deliver("hub", "arcade", relayer)
    with network.on("arcade"):
        assert postbox.count() == 1


def test_after_a_rotation_only_the_new_set_delivers(
    network: Network, postbox: Deployed, holder: Any, relayer: Any
) -> None:
    """P3."""
    send(network, postbox, holder, b"hello")
    first = network.deployment.registry.first_validator_set()
    following = ValidatorSet(2, first.expires + DAY, first.members)
    fact = SetFact(2, following.hash)
    tree = Tree([fact])
    words = (2, following.expires, following.words)
    with network.on("arcade") as arcade:
        attestation = network.deployment.attest(tree.root).fields
        arcade.gateway.rotate(attestation, words, tree.proof(fact), sender=relayer)
        assert arcade.gateway.validatorSetHash() == following.hash
        old = network.delivery("hub", "arcade")
        assert network.refusal("arcade", "deliver", *old, sender=relayer) == "UnknownValidatorSet"
        delivery = network.delivery("hub", "arcade", validator_set=following)
        arcade.gateway.deliver(*delivery, sender=relayer)
        assert postbox.count() == 1


def test_a_restarted_lane_goes_on_and_what_it_left_behind_is_refunded(
    network: Network, postbox: Deployed, holder: Any, relayer: Any, guardian: Any
) -> None:
    """M21: the second message never arrives; its fee comes back, but for the step that ends it."""
    send(network, postbox, holder, b"delivered")
    network.deliver("hub", "arcade", relayer)
    lost = send(network, postbox, holder, b"left behind")
    with network.on("hub") as hub:
        hub.guardian.restart(902, 10, sender=guardian)
    fact = RestartFact(901, 902, 10)
    tree = Tree([fact])
    attestation = network.deployment.attest(tree.root).fields
    with network.on("arcade") as arcade:
        receipt = arcade.gateway.followRestart(attestation, 901, 10, tree.proof(fact), sender=relayer)
        network.note("arcade", receipt)
        assert arcade.gateway.inboxLane(901).nonce == 10
    network.deliver("arcade", "hub", relayer)
    walk = network.walk(lost)
    with network.on("hub") as hub:
        before = hub.gateway.credit(holder)
        hub.gateway.refundAbandoned(lost.message.fields, walk, 10, bytes(32), [], sender=relayer)
        fee = Fee.unpack(lost.message.fee)
        assert hub.gateway.credit(holder) - before == (fee.total - fee.step) * GWEI
    network.sent.pop(("hub", "arcade"))
    again = send(network, postbox, holder, b"after the restart")
    assert again.message.nonce == 11
    network.deliver("hub", "arcade", relayer)
    with network.on("arcade"):
        assert postbox.count() == 2


def test_an_attestation_for_an_older_head_is_refused_for_newer_messages(
    network: Network, postbox: Deployed, holder: Any, relayer: Any
) -> None:
    """P3: a signature covers the lane up to its head, not beyond."""
    send(network, postbox, holder, b"signed")
    old_attestation, (old_batch,) = network.delivery("hub", "arcade")
    send(network, postbox, holder, b"not signed")
    _, (new_batch,) = network.delivery("hub", "arcade")
    refusal = network.refusal("arcade", "deliver", old_attestation, [new_batch], sender=relayer)
    assert refusal == "HeadNotProven"
    with network.on("arcade") as contracts:
        contracts.gateway.deliver(old_attestation, [old_batch], sender=relayer)
        assert contracts.gateway.inboxLane(901).nonce == 1


def test_era_goes_round_the_network_and_the_books_hold(network: Network, holder: Any, relayer: Any) -> None:
    """P4 after every step: hub → arcade → (hub) → perps → hub; what arrives is what was sent, and the second hop's fee
    leaves with it.
    """
    supply = 1_000_000_000 * ERA
    start = books(network)
    with network.on("hub") as hub:
        before = hub.era.balanceOf(holder)
        gateway_held = hub.era.balanceOf(hub.gateway.address)
        fee = passage(network, "perps")
    bridge(network, "hub", "arcade", 100 * ERA, holder)
    assert moved(network, start) == {"locked": 100 * ERA, "arcade": (100 * ERA, 0), "perps": (0, 0)}
    network.deliver("hub", "arcade", relayer)
    assert moved(network, start) == {"locked": 100 * ERA, "arcade": (100 * ERA, 100 * ERA), "perps": (0, 0)}

    bridge(network, "arcade", "perps", 30 * ERA, holder, fee)
    left = 70 * ERA - fee
    assert moved(network, start) == {"locked": 100 * ERA, "arcade": (100 * ERA, left), "perps": (0, 0)}
    network.note("hub", network.deliver("arcade", "hub", relayer))
    locked = 100 * ERA - fee
    assert moved(network, start) == {"locked": locked, "arcade": (left, left), "perps": (30 * ERA, 0)}
    network.deliver("hub", "perps", relayer)
    assert moved(network, start) == {"locked": locked, "arcade": (left, left), "perps": (30 * ERA, 30 * ERA)}

    bridge(network, "perps", "hub", 30 * ERA, holder)
    network.deliver("perps", "hub", relayer)
    assert moved(network, start) == {"locked": left, "arcade": (left, left), "perps": (0, 0)}
    with network.on("hub") as hub:
        assert hub.era.balanceOf(holder) == before - 70 * ERA
        kept = hub.era.balanceOf(hub.gateway.address) - gateway_held
        assert kept - hub.gateway.credit(hub.bridge.address) == fee, (
            "the hop's, beside what the bridge has for others"
        )
        assert hub.era.totalSupply() == supply
    network.reconcile()


def test_a_transfer_that_fails_at_its_end_goes_back_to_where_it_started(
    network: Network, holder: Any, relayer: Any
) -> None:
    """P1, P4, M11: arcade → hub → perps, where it expires; by way of the hub to the sender on arcade, whole."""
    start = books(network)
    bridge(network, "hub", "arcade", 100 * ERA, holder)
    network.deliver("hub", "arcade", relayer)
    with network.on("hub"):
        # What is left of the second hop's pays for the way back, with as much again.
        fee = 2 * passage(network, "perps")
    bridge(network, "arcade", "perps", 30 * ERA, holder, fee)
    network.note("hub", network.deliver("arcade", "hub", relayer))
    (hop,) = network.sent["hub", "perps"]
    network.deployment.wait_out(15 * DAY)
    network.deliver("hub", "perps", relayer)
    with network.on("perps") as perps:
        assert status(perps, hop) is Status.EXPIRED
        receipt = perps.gateway.returnToSender(901, hop.message.nonce, hop.message.fields, sender=relayer)
        network.note("perps", receipt)
    network.deliver("perps", "hub", relayer)
    with network.on("hub") as hub:
        refund = hub.gateway.refund(hop.message.fields, network.walk(hop), sender=relayer)
        network.note("hub", refund)
    network.deliver("hub", "arcade", relayer)
    total = 100 * ERA - fee
    with network.on("arcade") as arcade:
        assert arcade.era.balanceOf(holder) == total
    moves = moved(network, start)
    assert (moves["arcade"], moves["perps"]) == ((total, total), (0, 0))
    assert moves["locked"] >= total, "what no hop needed stays with the bridge"
    network.reconcile()


def passage(network: Network, destination: str) -> int:
    """What the hub, which is active, takes for sending ERA on."""
    hub = network.contracts["hub"]
    return int(hub.bridge.quoteForward(hub.era.address, network.id_of(destination), 0, 0))


def bridge(
    network: Network, origin: str, destination: str, amount: int, holder: Any, prepaid: int = 0
) -> Sent:
    """Starts a transfer to the holder itself, with exactly the approval and the allowance that it takes."""
    with network.on(origin) as contracts:
        token, to = contracts.era.address, network.id_of(destination)
        first = contracts.bridge.quoteSend(token, to, 0, 0).fee
        contracts.gateway.setAllowance(contracts.bridge.address, first, sender=holder)
        if origin == "hub":
            contracts.era.approve(contracts.bridge.address, amount, sender=holder)
        options = Options(fee=prepaid // GWEI).fields
        receipt = contracts.bridge.send(token, to, holder.address, amount, options, sender=holder)
        assert contracts.gateway.allowance(holder, contracts.bridge.address) == 0
    return network.note(origin, receipt)


def books(network: Network) -> dict[str, Any]:
    """ERA locked on the hub, with the bridge's credit, and per spoke (outstanding on the hub, supply there)."""
    with network.on("hub") as hub:
        locked = hub.era.balanceOf(hub.bridge.address) + hub.gateway.credit(hub.bridge.address)
        outstanding = {name: hub.bridge.outstanding(hub.era.address, network.id_of(name)) for name in SPOKES}
    found: dict[str, Any] = {"locked": locked}
    for name in SPOKES:
        with network.on(name) as spoke:
            found[name] = (outstanding[name], spoke.era.totalSupply())
    return found


def moved(network: Network, start: dict[str, Any]) -> dict[str, Any]:
    """The same, less what there was at the start."""
    now = books(network)
    pairs = {name: tuple(now[name][i] - start[name][i] for i in range(2)) for name in SPOKES}
    return {"locked": now["locked"] - start["locked"], **pairs}


def status(contracts: Any, sent: Sent) -> Status:
    return Status(contracts.gateway.messageStatus(sent.id).status)


SPOKES = ("arcade", "perps")
