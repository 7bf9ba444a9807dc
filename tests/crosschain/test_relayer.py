"""Relayers over four real chains with validators at work: everything pending arrives, once, in order."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import BrokenLane, check, parse, rebuild
from metalayer.lanes.survey import survey
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.parallel import in_parallel
from metalayer.network.pool import Patience
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import KeySender, Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Attestation
from metalayer.protocol.facts import LaneFact, Tree
from metalayer.protocol.gas import required
from metalayer.protocol.hex import from_hex
from metalayer.relayer.delivery import MAX_CALLDATA, pack
from metalayer.relayer.passes import Relayer, watch
from metalayer.tracking.messages import parse_id, retry
from metalayer.tracking.status import status
from metalayer.tracking.trace import State, find, trace, wait
from tests.kit.chains import revert
from tests.kit.deployment import SCRIPTED, Deployment
from tests.kit.roles import RELAYER, RIVAL
from tests.kit.scripted import Behaviour

CHAINS = ("hub", "arcade", "perps", "social")
LANES = [(a, b) for a in CHAINS for b in CHAINS if a != b]


def states(mesh: Deployment) -> dict[tuple[str, str], tuple[int, int, int]]:
    found = survey(mesh)
    return {
        (lane.origin.chain.name, lane.destination.chain.name): (lane.sent, lane.finalized, lane.delivered)
        for lane in found.lanes
    }


def test_one_pass_clears_all_lanes(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> None:
    """One proposal, one transaction per destination; P2: every Inbox ends at its Outbox's head."""
    for origin, destination in LANES:
        mesh.send(origin, destination, f"{origin} to {destination}".encode(), count=3)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert result.all_problems == []
    assert (result.pending, result.delivered, result.failed, result.facts) == (36, 36, 0, 12)
    assert [len(delivery.transactions) for delivery in result.deliveries] == [1] * 4
    for origin, destination in LANES:
        assert mesh.inbox(origin, destination) == mesh.outbox(origin, destination)
    assert exchange.roots() == []
    assert mesh.relayer(exchange).relay_once().pending == 0


def test_what_a_recipient_logs_is_not_taken_for_the_gateways(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """A log without topics, and one that says that a message failed: anybody may write them."""
    runtime = b"".join(
        [
            bytes.fromhex("5f5fa0"),  # LOG0
            b"\x7f" + gateway.MESSAGE_FAILED.topic + bytes.fromhex("6110005fa1"),  # LOG1
            b"\x63" + gateway.RECEIVE_MESSAGE.selector + bytes.fromhex("60e01b5f5260205ff3"),
        ]
    )
    placer = KeySender(Account.from_key(keccak(text="who places what logs")))
    create = bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime
    (noisy,) = mesh.place(placer, create, chains=["arcade"])
    mesh.send("hub", "arcade", recipient=noisy, gas_limit=200_000)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.failed, result.all_problems) == (1, 0, [])
    assert [delivery.expired for delivery in result.deliveries] == [0]


def test_only_final_messages_are_delivered(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    mesh.send("hub", "arcade")
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.not_final) == (1, 1)
    assert states(mesh)["hub", "arcade"] == (2, 1, 1)


def test_a_long_lane_uses_facts_at_every_64th_message(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade", count=260)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert result.facts == 5
    assert (result.delivered, result.all_problems) == (260, [])
    assert mesh.inbox("hub", "arcade") == mesh.outbox("hub", "arcade")


def test_facts_that_do_not_fit_into_a_proposal_are_left_to_the_next_pass(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metalayer.relayer.quorums.MAX_FACTS", 2)
    mesh.send("hub", "arcade", count=68)
    mesh.send("hub", "perps")
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        relayer = mesh.relayer(exchange)
        first, second = relayer.relay_once(), relayer.relay_once()
    assert (first.delivered, first.all_problems) == (65, [])
    assert (second.delivered, second.all_problems) == (4, [])


def test_a_chain_that_tells_two_validator_sets_is_believed_for_itself_alone(
    mesh: Deployment, exchange: DirectoryExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the hash that the others have installed, and then shows its own set."""
    following = mesh.next_set()
    mesh.rotate("perps", following)
    lying = Connection(mesh.connections["perps"].chain)
    monkeypatch.setattr(lying, "view", lambda *_: mesh.validator_set.hash)
    relayer = replace(mesh, connections={**mesh.connections, "perps": lying}).relayer(exchange)
    assert relayer._validator_set(lying) == following
    assert relayer._validator_set(mesh.connections["arcade"]) == mesh.validator_set


@pytest.mark.parametrize("successor", [None, 5])
def test_an_attestation_that_an_adoption_overtakes_is_packed_again(
    mesh: Deployment,
    exchange: DirectoryExchange,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    successor: int | None,
) -> None:
    """The hub takes the next set at any moment. What was signed is over the root alone, so that whoever is in both sets
    has signed for both. If too few are, the next pass asks the others.
    """
    if successor is not None:
        mesh.replace_key(0, successor)
    mesh.send("arcade", "hub")
    mesh.finalize()
    relayer = mesh.relayer(exchange)
    deliver = relayer._deliver

    def overtaken(*arguments: Any) -> bool:
        monkeypatch.undo()
        mesh.adopt(mesh.publish())
        return deliver(*arguments)

    monkeypatch.setattr(relayer, "_deliver", overtaken)
    with mesh.signing(exchange, tmp_path, range(4)):
        result = relayer.relay_once()
    if successor is None:
        assert (result.delivered, result.all_problems, len(result.roots)) == (1, [], 1)
        return
    assert (result.delivered, result.all_problems) == (
        0,
        ["hub: validator set 1 was replaced meanwhile"],
    )
    with mesh.signing(exchange, tmp_path, (1, 2, 3, successor)):
        again = relayer.relay_once()
    assert (again.delivered, again.all_problems, again.roots) == (1, [], result.roots)


def test_what_does_not_fit_is_split(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> None:
    """By calldata (8 KB payloads), and by the gas that the recipients were promised (M12): 7, 7 and 1."""
    mesh.send("hub", "arcade", b"\1" * 8_000, count=20)
    mesh.script("perps", Behaviour.BURN_ALL_GAS)
    mesh.send("hub", "perps", recipient=SCRIPTED, gas_limit=2_000_000, count=15)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert result.all_problems == []
    by_chain = {delivery.chain: delivery for delivery in result.deliveries}
    assert (by_chain["arcade"].delivered, by_chain["perps"].failed) == (20, 15)
    assert len(by_chain["arcade"].transactions) == 2
    assert len(by_chain["perps"].transactions) == 3


def test_a_high_gas_limit_of_which_little_is_used_is_there_at_the_call(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M12: the Inbox wants it before it calls. What a rehearsal says was used is far too little as a limit."""
    mesh.send("hub", "arcade", recipient=SCRIPTED, gas_limit=2_000_000)
    mesh.finalize()
    arcade = mesh.connections["arcade"]
    snapshot = arcade.rpc("evm_snapshot")
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.all_problems) == (1, [])
    (delivery,) = result.deliveries
    (hash_,) = delivery.transactions
    sent = arcade.rpc("eth_getTransactionByHash", hash_)
    assert delivery.gas_used < 400_000
    assert 2_000_000 < int(sent["gas"], 16) < 3_000_000
    revert(arcade.rpc, snapshot)
    with pytest.raises(Reverted, match=f"InsufficientGas.*required={required(2_000_000)}"):
        arcade.call(mesh.gateway, from_hex(sent["input"]), sender=RELAYER.address, gas=2 * delivery.gas_used)


def test_high_gas_limits_of_which_little_is_used_split_a_delivery(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """They are what the recipients may use after all: no transaction carries more than it has gas for."""
    mesh.send("hub", "arcade", recipient=SCRIPTED, gas_limit=2_000_000, count=20)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.all_problems) == (20, [])
    (delivery,) = result.deliveries
    sent = [
        mesh.connections["arcade"].rpc("eth_getTransactionByHash", hash_) for hash_ in delivery.transactions
    ]
    limits = [int(one["gas"], 16) for one in sent]
    assert len(limits) == 3
    assert max(limits) <= MAX_TRANSACTION_GAS
    assert sum(limits) >= 20 * required(2_000_000)


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("gas_limit", [50_000, 2_000_000])
def test_recipients_that_burn_what_they_did_not_burn_in_the_rehearsal_cost_their_relayer_nothing(
    mesh: Deployment,
    exchange: DirectoryExchange,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gas_limit: int,
    count: int,
) -> None:
    """M12: an attacker's recipient cannot make a delivery run out of gas that others' messages are in."""
    mesh.script("arcade", Behaviour.REVERT)
    attacking = mesh.send(
        "hub", "arcade", b"\1" * 1_000, recipient=SCRIPTED, gas_limit=gas_limit, count=count
    )
    others = mesh.send("hub", "arcade", count=3) + mesh.send("perps", "arcade", count=3)
    mesh.finalize()
    original = Connection.send

    def send(self: Connection, sender: Sender, *args: Any) -> Receipt:
        # Between the rehearsal and the block.
        if sender is RELAYER:
            mesh.script("arcade", Behaviour.BURN_ALL_GAS)
        return original(self, sender, *args)

    monkeypatch.setattr(Connection, "send", send)
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.failed, result.all_problems) == (len(others), len(attacking), [])
    (delivery,) = result.deliveries
    assert len(delivery.transactions) == 1
    assert delivery.gas_used > count * gas_limit


def test_a_backlog_is_read_as_far_as_a_pass_delivers_it(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise n messages would be read in n passes: time would grow with their square."""
    monkeypatch.setattr("metalayer.relayer.backlog.MAX_MESSAGES_PER_LANE", 10)
    monkeypatch.setattr("metalayer.lanes.logs._FIRST_SPAN", 2)
    read = []
    original = parse

    def counted(*args: Any) -> Any:
        read.append(len(args[0]) // 2)
        return original(*args)

    for _ in range(40):
        # One by one: of messages sent together, two can be in one block.
        mesh.send("hub", "arcade")
    mesh.finalize()
    monkeypatch.setattr("metalayer.lanes.logs.parse", counted)
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        results = [relayer.relay_once() for _ in range(4)]
    assert [one.delivered for one in results] == [10, 10, 10, 10]
    assert [one.all_problems for one in results] == [[]] * 4
    # In steps of 2, 4 and 8 blocks, a message in each. All that waits would be 40 + 30 + 20 + 10.
    assert sum(read) == 14 + 14 + 14 + 10
    assert mesh.inbox("hub", "arcade") == mesh.outbox("hub", "arcade")


def test_a_failing_recipient_delays_nobody_and_can_be_retried(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M13: the next nonce is delivered. The failed message says why, and a retry ends it."""
    mesh.script("arcade", Behaviour.REVERT)
    (failing,) = mesh.send("hub", "arcade", recipient=SCRIPTED)
    (nobody,) = mesh.send("hub", "arcade", recipient="0x00000000000000000000000000000000000000AA")
    (fine,) = mesh.send("hub", "arcade")

    def now(message_id: bytes) -> tuple[State, str]:
        found = trace(mesh, exchange, message_id)
        return found.state, found.reason

    assert now(fine.id)[0] is State.SENT
    mesh.finalize()
    assert now(fine.id)[0] is State.FINAL
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.failed) == (1, 2)
    assert now(fine.id)[0] is State.DELIVERED
    assert now(failing.id)[0] is State.FAILED
    assert "the recipient refuses" in now(failing.id)[1]
    assert "has no code on arcade" in now(nobody.id)[1]
    destination = mesh.connections["arcade"]
    with pytest.raises(MetalayerError, match="still fails: the recipient refuses"):
        retry(destination, RELAYER, mesh.gateway, failing.message)
    mesh.script("arcade", Behaviour.ACCEPT)
    assert now(failing.id) == (State.FAILED, "the recipient would accept it now")
    retry(destination, RELAYER, mesh.gateway, failing.message)
    args = (mesh, exchange)
    assert wait(*args, failing.id, timeout=5).state is State.DELIVERED
    lanes = {(lane.origin, lane.destination): lane for lane in status(*args).lanes}
    assert lanes["hub", "arcade"].failed == 1


def test_an_expired_message_is_not_executed(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    deadline = mesh.connections["hub"].block().time + 4_000
    (sent,) = mesh.send("hub", "arcade", deliver_before=deadline)
    mesh.finalize()
    mesh.connections["arcade"].rpc("evm_increaseTime", hex(10_000))
    mesh.connections["arcade"].rpc("anvil_mine", "0x1")
    with mesh.signing(exchange, tmp_path):
        assert mesh.relayer(exchange).relay_once().failed == 1
    found = trace(mesh, exchange, sent.id)
    # The same pass has sent its notice already: tests/crosschain/test_endings.py follows it home.
    assert found.state is State.RETURNING
    assert "goes back" in found.reason


def test_racing_relayers_deliver_everything_once(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P1: nothing twice, nothing lost, no error for the slower one."""
    for origin, destination in LANES:
        mesh.send(origin, destination, count=4)
    mesh.finalize()
    start = threading.Barrier(2)

    def race(relayer: Relayer) -> tuple[int, list[str]]:
        start.wait()
        result = relayer.relay_once()
        return result.delivered, result.all_problems

    with mesh.signing(exchange, tmp_path):
        results = in_parallel(race, [mesh.relayer(exchange), mesh.relayer(exchange, RIVAL)])
    assert sum(delivered for delivered, _ in results) == 48
    assert [problems for _, problems in results] == [[], []]
    for origin, destination in LANES:
        assert mesh.inbox(origin, destination) == mesh.outbox(origin, destination)


def test_no_quorum_names_who_is_missing_and_what_they_said(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3, M3: three of five sign, and nothing moves."""
    mesh.send("hub", "arcade")
    mesh.finalize()
    relayer = mesh.relayer(exchange, timeout=1.5)
    found = survey(mesh)
    assert [state.name for state in found.pending] == ["hub → arcade"]
    with mesh.signing(exchange, tmp_path, positions=range(3)) as validators:
        result = relayer.relay_once()
        signed = {validator.address for validator in validators}
    assert result.delivered == 0
    (problem,) = result.all_problems
    silent = [signer for signer, _ in mesh.validator_set.members if signer not in signed]
    assert "no quorum for hub → arcade: 60 % of the weight signed" in problem
    assert all(f"{signer} said nothing" in problem for signer in silent)
    (root,) = exchange.roots()
    exchange.refuse(root, silent[0], "the head is another one", final=True)
    (problem,) = relayer.relay_once().all_problems
    assert f"{silent[0]} says: the head is another one" in problem
    assert states(mesh)["hub", "arcade"] == (1, 1, 0)


def test_forged_signatures_do_not_count(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    relayer = mesh.relayer(exchange, timeout=1.5)
    with mesh.signing(exchange, tmp_path, positions=range(3)) as validators:
        relayer.relay_once()
        (root,) = exchange.roots()
        stolen = exchange.signature(root, validators[0].address)
        assert stolen is not None
        for signer, _ in mesh.validator_set.members:
            if signer not in exchange.signers(root):
                exchange.sign(root, signer, stolen)
        assert relayer.relay_once().delivered == 0


def test_a_chain_that_is_down_stops_only_its_own_lanes(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade")
    mesh.send("hub", "perps")
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.cut_off_from("perps").relayer(exchange).relay_once()
    assert result.delivered == 1
    assert ["perps is unreachable" in problem for problem in result.all_problems] == [True]


def test_watch_delivers_until_it_is_stopped(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    lines: list[str] = []
    stop = threading.Event()
    with mesh.signing(exchange, tmp_path):
        thread = threading.Thread(target=watch, args=(mesh.relayer(exchange), stop, 0.05, lines.append))
        thread.start()
        try:
            (sent,) = mesh.send("social", "perps")
            mesh.finalize()
            args = (mesh, exchange)
            assert wait(*args, sent.id, timeout=20).state is State.DELIVERED
        finally:
            stop.set()
            thread.join()
    assert any("1 delivered, 0 failed" in line for line in lines)


def test_status_tells_what_waits_and_what_is_stuck(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    (sent,) = mesh.send("hub", "arcade")
    mesh.finalize()
    relayer = mesh.relayer(exchange, timeout=0.0)
    relayer.relay_once()
    with mesh.signing(exchange, tmp_path) as validators:
        (root,) = exchange.roots()
        while len(exchange.signers(root)) < len(validators):
            threading.Event().wait(0.02)
    args = (mesh, exchange)
    lanes = {(lane.origin, lane.destination): lane for lane in status(*args).lanes}
    lane = lanes["hub", "arcade"]
    assert (lane.sent, lane.finalized, lane.signed, lane.delivered, lane.failed) == (1, 1, 1, 0, 0)
    assert lane.oldest_pending is not None
    assert not lane.stuck(after=lane.oldest_pending)
    assert lane.stuck(after=lane.oldest_pending - 1)
    assert not lanes["arcade", "hub"].stuck(after=0)
    assert trace(*args, sent.id).state is State.SIGNED


def test_a_reorganised_origin_is_a_stuck_lane_and_harms_no_other(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M21: the lane halts visibly; the relayer goes on with the others."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.send("hub", "arcade", b"first history")
    mesh.finalize()
    with mesh.signing(exchange, tmp_path) as validators:
        relayer = mesh.relayer(exchange)
        assert relayer.relay_once().delivered == 1
        revert(hub.rpc, snapshot)
        mesh.send("hub", "arcade", b"second history", count=2)
        mesh.send("hub", "perps")
        mesh.finalize()
        mesh.trust_again(validators, exchange, "hub")
        result = relayer.relay_once()
    assert result.delivered == 1
    assert any("the head after message 2" in problem for problem in result.all_problems)
    args = (mesh, exchange)
    lanes = {(lane.origin, lane.destination): lane for lane in status(*args).lanes}
    assert lanes["hub", "arcade"].stuck(after=1e9)
    assert "different heads at 1" in lanes["hub", "arcade"].problem
    assert not lanes["hub", "perps"].stuck(after=1e9)


def test_a_reorganisation_between_signing_and_delivery_halts_its_lane_only(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M21: until its operators say so, no validator signs anything from the chain, and never the second history of a
    lane; every other lane goes on, in the same pass and in later ones.
    """
    monkeypatch.setattr("metalayer.attesting.quorum._REFUSAL_GRACE", 0.5)
    monkeypatch.setattr("metalayer.relayer.quorums._DOUBTED_TIMEOUT", 1.0)
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    (first,) = mesh.send("hub", "arcade", b"first history")
    mesh.finalize()
    with mesh.signing(exchange, tmp_path) as validators:
        root = exchange.propose([LaneFact(mesh.id_of("hub"), mesh.id_of("arcade"), 1, first.head)])
        while len(exchange.signers(root)) < len(validators):
            threading.Event().wait(0.02)
        revert(hub.rpc, snapshot)
        mesh.send("hub", "arcade", b"second history")
        mesh.send("hub", "perps")
        mesh.send("arcade", "perps")
        mesh.finalize()
        relayer = mesh.relayer(exchange)
        result = relayer.relay_once()
        assert result.delivered == 1
        for problem in result.all_problems:
            assert problem.startswith("no quorum for hub →")
            assert "hub was reorganised below its finality" in problem
        mesh.trust_again(validators, exchange, "hub")
        result = relayer.relay_once()
        assert result.delivered == 1
        (problem,) = result.all_problems
        assert problem.startswith("no quorum for hub → arcade")
        assert f"signed 0x{first.head.hex()} before" in problem
        mesh.send("hub", "social")
        mesh.finalize()
        later = relayer.relay_once()
        # The lane in doubt is asked for, and not waited for.
        assert (later.delivered, later.seconds < 1.0) == (1, True)
    assert states(mesh)["hub", "arcade"] == (1, 1, 0)


def test_unknown_messages_are_named(mesh: Deployment) -> None:
    with pytest.raises(MetalayerError, match=r"no message 0x0101.*not sent from hub, arcade, perps, social"):
        find(mesh, b"\1" * 32)
    for text in ("", "0x12", "z" * 64):
        with pytest.raises(MetalayerError, match="is not a message id"):
            parse_id(text)
    assert parse_id("0x" + "0A" * 32) == b"\x0a" * 32


def test_a_lane_with_a_gap_or_another_order_is_broken(mesh: Deployment) -> None:
    mesh.send("hub", "arcade", count=4)
    hub, there = mesh.connections["hub"], mesh.id_of("arcade")
    messages = rebuild(hub, mesh.domain, there, 1, 4)
    genesis = mesh.inbox("hub", "arcade")
    check(messages, *genesis)
    for wrong in (messages[1:], messages[::-1], [*messages[:2], *messages[3:]]):
        with pytest.raises(BrokenLane, match="is missing"):
            check(wrong, *genesis)
    with pytest.raises(BrokenLane, match="the head after message 1"):
        check(messages, 0, b"\1" * 32)
    with pytest.raises(BrokenLane, match="not all of messages 1 to 5"):
        rebuild(hub, mesh.domain, there, 1, 5)


def test_the_size_of_a_delivery_is_known_before_it_is_encoded(
    mesh: Deployment, exchange: DirectoryExchange
) -> None:
    """Packing reckons with at least as many bytes as the encoded call has, and few more."""
    for destination in ("arcade", "perps"):
        for length in (0, 1, 32, 33, 500):
            mesh.send("hub", destination, b"\1" * length, count=3)
    mesh.finalize()
    relayer = mesh.relayer(exchange)
    found = survey(mesh)
    (there,) = [state for state in found.pending if state.destination.chain.name == "arcade"]
    ((work,), problems) = relayer._backlog._collect_origin(
        [there], found.finalized_blocks[mesh.network_id], set()
    )
    assert problems == []
    tree = Tree(work.facts)
    signatures = {signer: b"\1" * 64 for signer, _ in mesh.validator_set.members}
    attestation = Attestation(tree.root, mesh.validator_set, signatures)
    sizes = []
    for room in (0, 1_000, 3_000, 5_000, MAX_CALLDATA):
        batches = pack([work], tree, room, most=100)
        sizes.append(sum(len(batch.messages) for batch in batches))
        encoded = len(gateway.DELIVER.encode(attestation, batches))
        overhead = 4 + 32 * 12 + 32 * 5 + 64 * 5
        assert sizes[-1] == 1 or encoded <= room + overhead
        assert all(len(batch.messages) + len(batch.ids) == 15 for batch in batches)
    assert sizes[0] == 1
    assert sizes == sorted(sizes)
    assert sizes[-1] == 15
    assert sum(len(batch.messages) for batch in pack([work], tree, MAX_CALLDATA, most=7)) == 7


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("eth_getTransactionReceipt", [1]),
        ("eth_getTransactionReceipt", "0x"),
        ("eth_getBlockByNumber", "0x"),
        ("eth_call", {}),
        ("eth_getLogs", "0x"),
        ("eth_getLogs", ["0x"]),
    ],
)
def test_a_node_that_answers_with_another_kind_of_value_is_named(
    mesh: Deployment,
    exchange: DirectoryExchange,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    answer: Any,
) -> None:
    mesh.send("hub", "arcade")
    mesh.send("perps", "social")
    mesh.send("social", "perps")
    mesh.finalize()
    broken = Connection(mesh.connections["perps"].chain)
    original = broken._post

    def post(body: Any) -> Any:
        answers = original(body)
        if isinstance(body, dict):
            return {"result": answer} if body["method"] == method else answers
        wrong = {one["id"] for one in body if one["method"] == method}
        return [{"id": one["id"], "result": answer} if one["id"] in wrong else one for one in answers]

    monkeypatch.setattr(broken, "_post", post)
    broken.patience = Patience(0.2, 5.0)
    half_mad = replace(mesh, connections={**mesh.connections, "perps": broken})
    with mesh.signing(exchange, tmp_path):
        result = half_mad.relayer(exchange).relay_once()
    assert "arcade" in {delivery.chain for delivery in result.deliveries if delivery.delivered}
    assert result.all_problems
    assert all(problem.startswith("perps: ") for problem in result.all_problems)
    assert not any("\n" in problem for problem in result.all_problems)


@pytest.mark.parametrize(
    "answer", [b"[]", b"null", b'"x"', b'{"error": "busy"}', b'{"result": null}', b'{"result": "0x"}']
)
def test_a_chain_that_answers_nonsense_stops_only_its_own_lanes(
    mesh: Deployment,
    exchange: DirectoryExchange,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    broken = Connection(mesh.connections["perps"].chain)
    monkeypatch.setattr(broken, "_post", lambda body: json.loads(answer))
    half_deaf = replace(mesh, connections={**mesh.connections, "perps": broken})
    with half_deaf.signing(exchange, tmp_path):
        result = half_deaf.relayer(exchange).relay_once()
    assert result.delivered == 1
    assert result.all_problems
    assert all(problem.startswith("perps") for problem in result.all_problems)
