"""How messages end that are not delivered, how relayers are paid, and how a broken lane goes on: relayers and
validators of the package over four real chains.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.names import GUARDIAN as GUARDIAN_CONTRACT
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.lanes.restart import restart
from metalayer.lanes.walks import known_head
from metalayer.network.connection import Connection
from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import LaneFact, RestartFact
from metalayer.protocol.message import Fee
from metalayer.protocol.rpc import Topic
from metalayer.relayer.passes import Relayer
from metalayer.tracking.status import LaneStatus, status
from metalayer.tracking.trace import State, trace
from tests.kit.chains import revert
from tests.kit.deployment import Deployment
from tests.kit.passes import relay_by
from tests.kit.roles import GUARDIAN, RELAYER, RIVAL, SENDER
from tests.kit.scripted import Behaviour, OnReturn
from tests.kit.strangers import NOBODY, SET_BEHAVIOUR, send_as, sending_contract

HOUR = 3_600
_PAUSE = keccak(text="pauseInbound(uint256,uint64)")[:4]


def credit(mesh: Deployment, chain: str, account: str) -> int:
    data = mesh.connections[chain].call(mesh.gateway, gateway.CREDIT.encode(account))
    return int.from_bytes(data, "big")


def escrow(mesh: Deployment, origin: str, destination: str) -> int:
    data = gateway.LANE_FEES.encode(mesh.id_of(destination))
    return gateway.LANE_FEES.decode(mesh.connections[origin].call(mesh.gateway, data)).escrow


def state_of(mesh: Deployment, exchange: DirectoryExchange, sent: Sent) -> State:
    return trace(mesh, exchange, sent.id).state


def lane_status(mesh: Deployment, exchange: DirectoryExchange, origin: str, destination: str) -> LaneStatus:
    found = status(mesh, exchange)
    return next(one for one in found.lanes if (one.origin, one.destination) == (origin, destination))


def test_an_expired_message_comes_home(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> None:
    """P1, M18: passed by, noticed, carried, refunded. Who passed it by earns its base, who sent its notice, who
    carried that and who ended it a step part each, and the sender gets the rest.
    """
    before = credit(mesh, "hub", SENDER.address)
    (sent,) = mesh.send("hub", "arcade", deliver_before=mesh.connections["hub"].block().time + 2 * HOUR)
    paid = before - credit(mesh, "hub", SENDER.address)
    mesh.pass_time(3 * HOUR)
    relayer = mesh.relayer(exchange)
    fee = Fee.unpack(sent.message.fee)
    with mesh.signing(exchange, tmp_path):
        (first,) = relay_by(mesh, relayer, 1)
        assert (first.delivered, first.failed, first.returned) == (0, 1, 1)
        assert sum(delivery.expired for delivery in first.deliveries) == 1
        assert state_of(mesh, exchange, sent) is State.RETURNING
        assert lane_status(mesh, exchange, "hub", "arcade").returning == 1
        (second,) = relay_by(mesh, relayer, 1)
    assert second.refunded == 1
    assert state_of(mesh, exchange, sent) is State.RETURNED
    assert lane_status(mesh, exchange, "hub", "arcade").returning == 0
    unspent = (fee.relay - fee.base + fee.callback) * GWEI
    assert credit(mesh, "hub", SENDER.address) == before - paid + unspent
    assert credit(mesh, "hub", RELAYER.address) == 2 * fee.step * GWEI
    assert escrow(mesh, "hub", "arcade") == fee.base + fee.step


def test_a_message_that_nobody_retried_comes_home_once_it_has_expired(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """A failed message may be retried until its time has passed; no relayer returns it before."""
    (sent,) = mesh.send(
        "hub", "arcade", recipient=NOBODY, deliver_before=mesh.connections["hub"].block().time + 2 * HOUR
    )
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        first, idle = relay_by(mesh, relayer, 2)
        assert (first.failed, first.returned, idle.returned) == (1, 0, 0)
        assert state_of(mesh, exchange, sent) is State.FAILED
        assert lane_status(mesh, exchange, "hub", "arcade").failed == 1
        mesh.pass_time(3 * HOUR)
        assert state_of(mesh, exchange, sent) is State.EXPIRED
        late = lane_status(mesh, exchange, "hub", "arcade")
        assert (late.failed, late.expired) == (0, 1)
        results = relay_by(mesh, relayer, 2)
    assert [(one.returned, one.refunded) for one in results] == [(1, 0), (0, 1)]
    assert state_of(mesh, exchange, sent) is State.RETURNED


def test_a_relayer_that_was_not_there_returns_what_others_left(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Nothing is remembered between processes: each pass by a new relayer."""
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    messages = mesh.send("hub", "arcade", deliver_before=deadline, count=3)
    mesh.pass_time(3 * HOUR)
    with mesh.signing(exchange, tmp_path):
        results = [one for _ in range(3) for one in relay_by(mesh, mesh.relayer(exchange), 1)]
    assert [(one.returned, one.refunded) for one in results] == [(3, 0), (0, 3), (0, 0)]
    assert {state_of(mesh, exchange, sent) for sent in messages} == {State.RETURNED}


def test_racing_relayers_return_and_refund_once(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P5: nothing is paid twice; whoever is late pays for a rehearsal at most."""
    before = credit(mesh, "hub", SENDER.address)
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    messages = mesh.send("hub", "arcade", deliver_before=deadline, count=3)
    mesh.pass_time(3 * HOUR)
    relayers = [mesh.relayer(exchange), mesh.relayer(exchange, RIVAL)]
    with mesh.signing(exchange, tmp_path):
        for _ in range(3):
            mesh.finalize()
            threads = [threading.Thread(target=relayer.relay_once) for relayer in relayers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert {state_of(mesh, exchange, sent) for sent in messages} == {State.RETURNED}
    fee = Fee.unpack(messages[0].message.fee)
    carried = credit(mesh, "hub", RELAYER.address) + credit(mesh, "hub", RIVAL.address)
    assert carried == 3 * 2 * fee.step * GWEI
    protocol = protocol_fees(mesh, "hub", "arcade")
    lost = 3 * (fee.base + 3 * fee.step) + protocol
    assert credit(mesh, "hub", SENDER.address) == before - lost * GWEI


def protocol_fees(mesh: Deployment, origin: str, destination: str) -> int:
    data = gateway.LANE_FEES.encode(mesh.id_of(destination))
    return gateway.LANE_FEES.decode(mesh.connections[origin].call(mesh.gateway, data)).protocol_fees


def test_a_sender_that_does_not_take_in_what_comes_back_is_refunded_all_the_same(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """The refund is final; what is left open, and what the sender says to it, is named until anybody calls it back."""
    hub = mesh.connections["hub"]
    contract = sending_contract(mesh, "ScriptedSender", SET_BEHAVIOUR.encode(OnReturn.REVERT))
    deadline = hub.block().time + 2 * HOUR
    (refused,) = send_as(mesh, contract, "arcade", deadline)
    mesh.pass_time(3 * HOUR)
    with mesh.signing(exchange, tmp_path):
        _, second = relay_by(mesh, mesh.relayer(exchange), 2)
    assert (second.refunded, second.put_off, second.all_problems) == (1, [], [])
    named = trace(mesh, exchange, refused.id)
    assert named.state is State.RETURNED
    assert f"failed to take it back: the sender {contract} refuses: " in named.reason
    assert keccak(text="Refused(bytes32)")[:4].hex() in named.reason
    assert "--call-back` calls it again, once it would take it" in named.advice
    hub.send(SENDER, contract, SET_BEHAVIOUR.encode(OnReturn.ACCEPT))
    assert trace(mesh, exchange, refused.id).reason.endswith("failed to take it back")
    hub.send(RIVAL, mesh.gateway, gateway.call_back_call(refused.message))
    assert trace(mesh, exchange, refused.id).reason == ""


def test_earnings_are_claimed_when_they_are_worth_it(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P5: the claim goes to the origin as a message, and what it brings is exactly what was earned."""
    sent = mesh.send("hub", "arcade", count=40)
    fee = Fee.unpack(sent[0].message.fee)
    earned = 40 * fee.total
    modest = mesh.relayer(exchange, claim_multiple=1_000_000)
    eager = mesh.relayer(exchange, claim_multiple=10)
    with mesh.signing(exchange, tmp_path):
        relay_by(mesh, modest, 2)
        assert credit(mesh, "hub", RELAYER.address) == 0
        results = relay_by(mesh, eager, 3)
    claims = [sum(settled.claimed for settled in one.settled) for one in results]
    assert claims == [1, 0, 0]
    # The same relayer carried the claim.
    assert credit(mesh, "hub", RELAYER.address) == earned * GWEI
    assert escrow(mesh, "hub", "arcade") == 0


def test_a_paused_lane_waits_and_holds_up_no_other(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    arcade = mesh.connections["arcade"]
    pause = _PAUSE + encode(["uint256", "uint64"], [mesh.id_of("hub"), 2 * HOUR])
    arcade.send(GUARDIAN, mesh.registry.address(GUARDIAN_CONTRACT), pause)
    mesh.send("hub", "arcade")
    mesh.send("perps", "arcade")
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        (held,) = relay_by(mesh, relayer, 1)
        assert held.delivered == 1
        (problem,) = held.all_problems
        assert "arcade takes nothing from hub for" in problem
        assert "paused" in lane_status(mesh, exchange, "hub", "arcade").problem
        mesh.pass_time(2 * HOUR + 60)
        (after,) = relay_by(mesh, relayer, 1)
    assert (after.delivered, after.all_problems) == (1, [])


class Reorganisation:
    """The lane from the hub to arcade, broken: arcade has messages of a history that the hub lost."""

    def __init__(self, mesh: Deployment, exchange: DirectoryExchange, relayer: Relayer) -> None:
        hub = mesh.connections["hub"]
        self.shared = mesh.send("hub", "arcade", b"in both histories", count=2)
        relay_by(mesh, relayer, 1)
        snapshot = hub.rpc("evm_snapshot")
        self.gone = mesh.send("hub", "arcade", b"gone", count=2)
        # The same message at the same place in both histories, behind another one.
        (self.same_gone,) = mesh.send(
            "hub", "arcade", b"the same", deliver_before=hub.block().time + 48 * HOUR
        )
        relay_by(mesh, relayer, 1)
        revert(hub.rpc, snapshot)
        self.anew = mesh.send("hub", "arcade", b"anew", count=2)
        (self.same,) = mesh.send(
            "hub", "arcade", b"the same", deliver_before=self.same_gone.message.deliver_before
        )
        self.later = mesh.send("hub", "arcade", b"later", count=2)
        assert self.same.id == self.same_gone.id
        mesh.finalize()


def test_a_lane_broken_by_a_reorganisation_is_restarted(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M21, P1, P2, end to end: halted visibly, restarted by the origin's council, followed by the Inbox; what the
    Inbox never had goes back, what it had in both histories does not, and no nonce is used twice.
    """
    monkeypatch.setattr("metalayer.attesting.quorum._REFUSAL_GRACE", 0.5)
    monkeypatch.setattr("metalayer.relayer.quorums._DOUBTED_TIMEOUT", 1.0)
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path) as validators:
        broken = Reorganisation(mesh, exchange, relayer)
        mesh.trust_again(validators, exchange, "hub")
        before = credit(mesh, "hub", SENDER.address)
        (halted,) = relay_by(mesh, relayer, 1)
        assert halted.delivered == 0
        assert any("hub → arcade" in problem or "head" in problem for problem in halted.all_problems)
        stuck = lane_status(mesh, exchange, "hub", "arcade")
        assert "different heads" in stuck.problem
        assert "council restarts it" in stuck.problem

        args = (mesh, hub, arcade)
        with pytest.raises(MetalayerError, match="NotCouncil"):
            restart(*args, SENDER)
        with pytest.raises(MetalayerError, match="must be above"):
            restart(*args, GUARDIAN, 5)
        place, _ = restart(*args, GUARDIAN)
        assert place > 7
        with pytest.raises(MetalayerError, match="has not followed"):
            restart(*args, GUARDIAN)
        (behind,) = mesh.send("hub", "arcade", b"behind the restart")
        assert behind.message.nonce == place + 1
        (followed,) = relay_by(mesh, relayer, 1)
        assert [delivery.followed for delivery in followed.deliveries if delivery.chain == "arcade"] == [1, 0]
        assert followed.delivered == 1
        assert lane_status(mesh, exchange, "hub", "arcade").problem == ""
        assert state_of(mesh, exchange, broken.anew[0]) is State.ABANDONED
        # The hub's clock went back with it: what arcade says would wait for it.
        mesh.pass_time(60, "hub")
        results = relay_by(mesh, relayer, 2)
    assert [one.refunded for one in results] == [4, 0]
    ended = {
        State.RETURNED: [*broken.anew, *broken.later],
        State.DELIVERED: [*broken.shared, broken.same, behind],
    }
    for state, messages in ended.items():
        assert {state_of(mesh, exchange, sent) for sent in messages} == {state}
    fees = [Fee.unpack(sent.message.fee) for sent in (*broken.anew, *broken.later)]
    given_back = credit(mesh, "hub", SENDER.address) - before + cost_of(mesh, behind)
    assert given_back == sum(fee.total - fee.step for fee in fees) * GWEI
    assert mesh.inbox("hub", "arcade") == mesh.outbox("hub", "arcade")


def test_heads_are_recorded_where_refunds_would_need_too_many_ids(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1, M21: from the end back, one in each pass; what a recorded head is near to is refunded meanwhile."""
    monkeypatch.setattr("metalayer.relayer.refunds._IDS_PER_CALL", 2)
    monkeypatch.setattr("metalayer.attesting.quorum._REFUSAL_GRACE", 0.5)
    monkeypatch.setattr("metalayer.relayer.quorums._DOUBTED_TIMEOUT", 1.0)
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path) as validators:
        snapshot = hub.rpc("evm_snapshot")
        mesh.send("hub", "arcade", b"gone", count=6)
        relay_by(mesh, relayer, 1)
        revert(hub.rpc, snapshot)
        # Its clock went back, too: what arcade says would wait for it.
        mesh.pass_time(60, "hub")
        anew = mesh.send("hub", "arcade", b"anew", count=8)
        mesh.finalize()
        mesh.trust_again(validators, exchange, "hub")
        restart(mesh, hub, arcade, GUARDIAN)
        relay_by(mesh, relayer, 1)
        results = relay_by(mesh, relayer, 5)
    done = [(settled.recorded, settled.refunded) for one in results if (settled := one.settled[0])]
    assert done == [(1, 4), (1, 2), (0, 2), (0, 0), (0, 0)]
    assert [one.all_problems + one.put_off for one in results] == [[]] * 5
    assert {state_of(mesh, exchange, sent) for sent in anew} == {State.RETURNED}


def test_a_restart_is_followed_though_what_stands_before_it_is_refused_for_good(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M21, P1: the quorum signed a history of which nothing was delivered, and which the origin lost. It never signs
    another one at that place: the restart is all that can still be signed, and goes first.
    """
    monkeypatch.setattr("metalayer.attesting.quorum._REFUSAL_GRACE", 0.5)
    monkeypatch.setattr("metalayer.relayer.quorums._DOUBTED_TIMEOUT", 1.0)
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    snapshot = hub.rpc("evm_snapshot")
    (gone,) = mesh.send("hub", "arcade", b"gone")
    mesh.finalize()
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path) as validators:
        root = exchange.propose([LaneFact(mesh.id_of("hub"), mesh.id_of("arcade"), 1, gone.head)])
        while len(exchange.signers(root)) < len(validators):
            threading.Event().wait(0.02)
        revert(hub.rpc, snapshot)
        (anew,) = mesh.send("hub", "arcade", b"anew")
        mesh.finalize()
        mesh.trust_again(validators, exchange, "hub")
        place, _ = restart(mesh, hub, arcade, GUARDIAN)
        (behind,) = mesh.send("hub", "arcade", b"behind the restart")
        (followed,) = relay_by(mesh, relayer, 1)
        assert [delivery.followed for delivery in followed.deliveries if delivery.chain == "arcade"] == [1, 0]
        assert followed.delivered == 1
        (problem,) = followed.all_problems
        assert problem.startswith("no quorum for hub → arcade")
        assert f"signed 0x{gone.head.hex()} before" in problem
        # The hub's clock went back with it: what arcade says would wait for it.
        mesh.pass_time(60, "hub")
        results = relay_by(mesh, relayer, 2)
    assert [one.refunded for one in results] == [1, 0]
    assert [one.all_problems for one in results] == [[], []]
    assert state_of(mesh, exchange, anew) is State.RETURNED
    assert state_of(mesh, exchange, behind) is State.DELIVERED
    assert mesh.inbox("hub", "arcade") == mesh.outbox("hub", "arcade") == (place + 1, behind.head)


def cost_of(mesh: Deployment, sent: Sent) -> int:
    message = sent.message
    return_gas = Fee.unpack(message.fee).return_gas_limit
    data = gateway.QUOTE.encode(message.destination, message.gas_limit, return_gas, len(message.payload))
    return int.from_bytes(mesh.connections["hub"].call(mesh.gateway, data), "big")


def test_a_lane_restarted_without_need_is_emptied_first(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """What can still be delivered is; only then the restart is followed."""
    mesh.send("hub", "arcade", count=3)
    args = (mesh, mesh.connections["hub"], mesh.connections["arcade"])
    place, _ = restart(*args, GUARDIAN)
    (behind,) = mesh.send("hub", "arcade")
    with mesh.signing(exchange, tmp_path):
        results = relay_by(mesh, mesh.relayer(exchange), 3)
    assert [one.delivered for one in results] == [3, 1, 1]
    assert results[1].all_problems == []
    assert sum(one.refunded for one in results) == 0
    assert state_of(mesh, exchange, behind) is State.DELIVERED
    assert mesh.inbox("hub", "arcade") == (place + 1, behind.head)


def test_notices_lost_with_a_restart_are_sent_again(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """A notice waits in the lane back when that lane is restarted, and is left behind."""
    (sent,) = mesh.send("hub", "arcade", deliver_before=mesh.connections["hub"].block().time + 2 * HOUR)
    mesh.pass_time(3 * HOUR)
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        assert relay_by(mesh, relayer, 1)[0].returned == 1
        lose_lane(mesh, "arcade", "hub")
        results = relay_by(mesh, relayer, 4)
    assert sum(one.returned for one in results) == 1
    assert sum(one.refunded for one in results) == 1
    assert state_of(mesh, exchange, sent) is State.RETURNED


def test_the_notice_of_a_restart_that_was_lost_with_another_one_is_sent_again(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M44, P1: the destination followed, and its word to the origin went down with the lane back."""
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    mesh.send("hub", "arcade")
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        relay_by(mesh, relayer, 1)
        place, _ = restart(mesh, hub, arcade, GUARDIAN)
        (followed,) = relay_by(mesh, relayer, 1)
        assert sum(delivery.followed for delivery in followed.deliveries) == 1
        lose_lane(mesh, "arcade", "hub")
        assert not hub.view(mesh.gateway, gateway.RESTART_RECORD, arcade.chain_id, place).followed
        results = relay_by(mesh, relayer, 3)
    assert sum(settled.noticed for result in results for settled in result.settled) == 1
    assert hub.view(mesh.gateway, gateway.RESTART_RECORD, arcade.chain_id, place).followed
    assert results[-1].all_problems == []


def lose_lane(mesh: Deployment, origin: str, destination: str) -> None:
    """Restarts a lane, and lets its destination follow at once although messages wait before the restart."""
    here, there = mesh.connections[origin], mesh.connections[destination]
    place, _ = restart(mesh, here, there, GUARDIAN)
    fact = RestartFact(mesh.id_of(origin), mesh.id_of(destination), place)
    attestation = mesh.attest(fact.leaf)
    there.send(RELAYER, mesh.gateway, gateway.FOLLOW_RESTART.encode(attestation, fact.origin, fact.nonce, []))


class Crash(BaseException):
    """The process is gone: nothing catches this."""


@pytest.mark.parametrize("seed", range(3))
def test_a_relayer_killed_at_any_request_loses_nothing(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """P1, P5: one relayer after the other dies at a later request; a last one finishes, and every message has one
    end.
    """
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    expiring = mesh.send("hub", "arcade", deliver_before=deadline, count=2)
    mesh.pass_time(3 * HOUR)
    fine = mesh.send("hub", "arcade", count=2)
    sent = {"count": 0, "limit": 0}
    original = Connection._post

    def post(self: Connection, body: Any) -> Any:
        if threading.current_thread().name.startswith("relaying"):
            sent["count"] += 1
            if sent["count"] > sent["limit"]:
                raise Crash
        return original(self, body)

    def run() -> None:
        with suppress(Crash):
            mesh.relayer(exchange).relay_once()

    monkeypatch.setattr(Connection, "_post", post)
    monkeypatch.setattr("metalayer.network.parallel.ThreadPoolExecutor", _named_pool)
    with mesh.signing(exchange, tmp_path):
        for limit in range(3 + seed, 90, 7):
            sent.update(count=0, limit=limit)
            mesh.finalize()
            thread = threading.Thread(target=run, name="relaying")
            thread.start()
            thread.join()
        monkeypatch.undo()
        relay_by(mesh, mesh.relayer(exchange), 3)
    assert {state_of(mesh, exchange, one) for one in expiring} == {State.RETURNED}
    assert {state_of(mesh, exchange, one) for one in fine} == {State.DELIVERED}
    assert accepted(mesh, "arcade", fine) == [1, 1]


def accepted(mesh: Deployment, chain: str, messages: Sequence[Sent]) -> list[int]:
    """How often each was delivered."""
    topics: list[Topic] = [gateway.MESSAGE_DELIVERED.topic, [sent.id for sent in messages]]
    connection = mesh.connections[chain]
    logs = connection.logs(mesh.gateway, topics, 0, connection.height())
    ids = [log.topics[1] for log in logs]
    return [ids.count(sent.id) for sent in messages]


def _named_pool(workers: int) -> Any:
    return ThreadPoolExecutor(workers, thread_name_prefix=threading.current_thread().name)


def test_the_next_known_head() -> None:
    """Where a walk ends: at the next multiple of 64, the last message before a restart, or the present one."""
    restarts = [gateway.LaneRestarted(destination=902, nonce=2_048, last=300)]
    assert known_head(1, 50, []) == 50
    assert known_head(1, 300, []) == 64
    assert known_head(257, 300, []) == 300
    assert known_head(257, 2_050, restarts) == 300
    assert known_head(1, 2_050, restarts) == 64
    assert known_head(2_049, 2_050, restarts) == 2_050
    assert known_head(64, 64, []) == 64
    assert known_head(65, 300, []) == 128


def test_a_status_warns_before_a_set_expires(mesh: Deployment, exchange: DirectoryExchange) -> None:
    """An expired set is named, with what it stops."""
    found = status(mesh, exchange)
    assert [(one.version, one.problem) for one in found.sets] == [(1, "")] * 4
    expires = found.sets[0].expires
    mesh.connections["arcade"].rpc("evm_setNextBlockTimestamp", hex(expires - 60))
    mesh.connections["arcade"].rpc("anvil_mine", "0x1")
    mesh.connections["perps"].rpc("evm_setNextBlockTimestamp", hex(expires + 60))
    mesh.connections["perps"].rpc("anvil_mine", "0x1")
    found = status(mesh, exchange)
    said = {one.chain: one.problem for one in found.sets if one.problem}
    assert said.keys() == {"arcade", "perps"}
    assert "expires in 60 s" in said["arcade"]
    assert "nothing can be delivered there" in said["perps"]


def test_a_silent_chain_is_named_while_others_settle(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    (sent,) = mesh.send("hub", "arcade", deliver_before=mesh.connections["hub"].block().time + 2 * HOUR)
    mesh.pass_time(3 * HOUR)
    partly = replace(mesh, connections=mesh.cut_off_from("social").connections)
    with mesh.signing(exchange, tmp_path):
        results = relay_by(mesh, partly.relayer(exchange), 2)
    assert [(one.returned, one.refunded) for one in results] == [(1, 0), (0, 1)]
    assert all("social is unreachable" in problem for one in results for problem in one.all_problems)
    mesh.script("arcade", Behaviour.ACCEPT)
    assert state_of(mesh, exchange, sent) is State.RETURNED


def test_a_chain_whose_logs_make_no_sense_holds_up_no_returns_to_others(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for origin in ("perps", "hub"):
        deadline = mesh.connections[origin].block().time + 2 * HOUR
        mesh.send(origin, "arcade", recipient=NOBODY, deliver_before=deadline)
    with mesh.signing(exchange, tmp_path):
        relay_by(mesh, mesh.relayer(exchange), 1)
    mesh.pass_time(3 * HOUR)
    broken = Connection(mesh.connections["perps"].chain)
    original = broken._post

    def post(body: Any) -> Any:
        is_logs = isinstance(body, dict) and body["method"] == "eth_getLogs"
        return {"result": "0x"} if is_logs else original(body)

    monkeypatch.setattr(broken, "_post", post)
    half_mad = replace(mesh, connections={**mesh.connections, "perps": broken})
    result = half_mad.relayer(exchange).relay_once()
    assert {settled.chain: settled.returned for settled in result.settled if settled.returned} == {
        "arcade": 1
    }
    assert all(problem.startswith("perps: ") for problem in result.all_problems)
