"""What relayers do on lanes that are closed or paused at their destination, and when those open again.

Nobody's message or refund waits for that longer than its own deadline, and nothing unpaid is done without a limit.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.lanes.logs import Sent
from metalayer.lanes.restart import restart
from metalayer.protocol import gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.gateway import Status
from metalayer.protocol.message import Fee
from metalayer.relayer.memory import Memory
from metalayer.relayer.passes import Relayer
from metalayer.tracking.trace import State, trace
from tests.kit.deployment import Deployment
from tests.kit.node import behind
from tests.kit.passes import relay_by, settled
from tests.kit.roles import GUARDIAN, RELAYER, RIVAL
from tests.kit.strangers import NOBODY

HOUR = 3_600
_PAUSE = Function("pauseInbound(uint256,uint64)")


def pause(mesh: Deployment, origin: str, destination: str, hours: int = 20) -> None:
    data = _PAUSE.encode(mesh.id_of(origin), hours * HOUR)
    mesh.connections[destination].send(GUARDIAN, mesh.guardian, data)


def set_open(mesh: Deployment, origin: str, destination: str, inbound: bool) -> None:
    """Opens or closes a route for what comes, as the owner of the lane's destination."""
    data = gateway.SET_OPEN.encode(mesh.id_of(origin), True, inbound)
    mesh.as_owner(destination, mesh.gateway, data)


def deadline(mesh: Deployment, hours: int, chain: str = "hub") -> int:
    return mesh.connections[chain].block().time + hours * HOUR


def state_of(mesh: Deployment, exchange: DirectoryExchange, sent: Sent) -> State:
    return trace(mesh, exchange, sent.id).state


def standing(mesh: Deployment, chain: str, sent: Sent) -> Status:
    return mesh.connections[chain].view(mesh.gateway, gateway.MESSAGE_STATUS, sent.id)[0]


def notice_home(mesh: Deployment, relayer: Relayer) -> Sent:
    """A message from the hub to arcade that expired there, and whose notice is on its way to the hub."""
    (sent,) = mesh.send("hub", "arcade", recipient=NOBODY, deliver_before=deadline(mesh, 2))
    mesh.pass_time(3 * HOUR)
    (result,) = relay_by(mesh, relayer)
    assert (result.failed, result.returned) == (1, 1)
    return sent


@pytest.mark.parametrize("how", ["paused", "closed"])
def test_what_expires_on_a_closed_lane_comes_home(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, how: str
) -> None:
    """P1: it is passed by while the lane is closed, whoever does that earns its base. What has not expired waits, and
    holds up what is behind it; no other lane waits.
    """
    if how == "paused":
        pause(mesh, "hub", "arcade", 5)
    else:
        set_open(mesh, "hub", "arcade", False)
    expiring = mesh.send("hub", "arcade", deliver_before=deadline(mesh, 2), count=2)
    (waiting,) = mesh.send("hub", "arcade", deliver_before=deadline(mesh, 30))
    (behind_it,) = mesh.send("hub", "arcade", deliver_before=deadline(mesh, 2))
    mesh.send("perps", "arcade")
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        (early,) = relay_by(mesh, relayer)
        assert (early.delivered, early.failed) == (1, 0)
        mesh.pass_time(3 * HOUR)
        first, second = relay_by(mesh, relayer, 2)
        assert (first.delivered, first.failed, first.returned) == (0, 2, 2)
        assert sum(delivery.expired for delivery in first.deliveries) == 2
        assert second.refunded == 2
        for result in (early, first, second):
            (problem,) = result.all_problems
            assert problem.startswith("lane hub → arcade: arcade takes nothing from hub")
        assert {state_of(mesh, exchange, sent) for sent in expiring} == {State.RETURNED}
        if how == "paused":
            mesh.pass_time(3 * HOUR)
        else:
            set_open(mesh, "hub", "arcade", True)
        (after,) = relay_by(mesh, relayer)
    assert (after.delivered, after.failed, after.all_problems) == (1, 1, [])
    assert state_of(mesh, exchange, waiting) is State.DELIVERED
    assert standing(mesh, "arcade", behind_it) is Status.EXPIRED


def test_a_notice_in_the_way_is_put_aside_and_taken_in_when_the_lane_opens(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """P1, P5: whoever takes it in is paid for carrying it, and its message is refunded in the same pass. By a relayer
    that was not there before, too.
    """
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        sent = notice_home(mesh, relayer)
        (late,) = mesh.send("arcade", "hub", deliver_before=deadline(mesh, 2, "arcade"))
        pause(mesh, "arcade", "hub", 20)
        mesh.pass_time(3 * HOUR)
        (first,) = relay_by(mesh, relayer)
        assert (first.delivered, first.failed, first.refunded) == (0, 2, 0)
        assert settled(first, "hub").returned == 1
        relay_by(mesh, relayer, 2)
        assert state_of(mesh, exchange, late) is State.RETURNED
        assert state_of(mesh, exchange, sent) is State.RETURNING
        mesh.pass_time(20 * HOUR)
        (opened, idle) = relay_by(mesh, mesh.relayer(exchange, RIVAL), 2)
    hub = settled(opened, "hub")
    assert (hub.taken_in, hub.refunded, opened.all_problems, opened.put_off) == (1, 1, [], [])
    assert hub.earned == 2 * Fee.unpack(sent.message.fee).step
    assert settled(idle, "hub").transactions == []
    assert state_of(mesh, exchange, sent) is State.RETURNED


def test_a_notice_that_is_in_nobodys_way_waits_for_the_lane(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Putting it aside is paid by nobody, and frees nothing: it is taken in from the lane."""
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        sent = notice_home(mesh, relayer)
        pause(mesh, "arcade", "hub")
        for result in relay_by(mesh, relayer, 2):
            assert (result.failed, settled(result, "hub").transactions) == (0, [])
        mesh.pass_time(21 * HOUR)
        (opened,) = relay_by(mesh, relayer)
    assert (opened.delivered, opened.refunded, settled(opened, "hub").taken_in) == (1, 1, 0)
    assert state_of(mesh, exchange, sent) is State.RETURNED


def test_a_restart_of_a_closed_lane_is_followed_at_once(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M21, M44: a chain that was compromised is mended, and the lanes from it are restarted before anybody opens a
    route again. What stood before the restart goes home; what comes behind it is delivered once the lane is open.
    """
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    before = mesh.send("hub", "arcade", count=2)
    set_open(mesh, "hub", "arcade", False)
    relayer = mesh.relayer(exchange)
    with mesh.signing(exchange, tmp_path):
        place, _ = restart(mesh, hub, arcade, GUARDIAN)
        (anew,) = mesh.send("hub", "arcade")
        (followed,) = relay_by(mesh, relayer)
        assert sum(delivery.followed for delivery in followed.deliveries) == 1
        assert followed.delivered == 0
        assert mesh.inbox("hub", "arcade")[0] == place
        assert sum(result.refunded for result in relay_by(mesh, relayer, 2)) == 2
        assert {state_of(mesh, exchange, sent) for sent in before} == {State.RETURNED}
        set_open(mesh, "hub", "arcade", True)
        (opened,) = relay_by(mesh, relayer)
    assert (opened.delivered, opened.all_problems) == (1, [])
    assert state_of(mesh, exchange, anew) is State.DELIVERED


def test_what_was_put_aside_before_a_restart_is_never_tried_again(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """P1: it is outdated for good. Its message comes home by another notice, from behind the restart."""
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        sent = notice_home(mesh, relayer)
        mesh.send("arcade", "hub", deliver_before=deadline(mesh, 2, "arcade"))
        pause(mesh, "arcade", "hub", 5)
        mesh.pass_time(3 * HOUR)
        assert relay_by(mesh, relayer)[0].failed == 2
        restart(mesh, arcade, hub, GUARDIAN)
        (followed,) = relay_by(mesh, relayer)
        assert sum(delivery.followed for delivery in followed.deliveries) == 1
        mesh.pass_time(3 * HOUR)
        for _ in range(4):
            with behind(mesh, "hub") as (seen, node):
                (result,) = relay_by(mesh, seen.relayer(exchange, memory=memory))
                called = [
                    call for call in node.asked if call.method in ("eth_call", "eth_sendRawTransaction")
                ]
            assert settled(result, "hub").taken_in == 0
            assert not [c for c in called if gateway.RETRY.selector.hex() in str(c.params)]
    assert memory.attempts() == []
    assert state_of(mesh, exchange, sent) is State.RETURNED


def test_a_chain_that_does_not_pay_has_no_more_taken_in_than_is_delivered_for_it(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, clock: list[float], memory: Memory
) -> None:
    """P24: notices that were put aside count as what their lane costs (--unbacked-gas); other lanes go on."""
    senders = dict.fromkeys(mesh.connections, RELAYER)
    limited = Relayer(mesh, exchange, senders, 20.0, float("inf"), memory, 1_000_000)
    account, ends = RELAYER.address, (mesh.id_of("arcade"), mesh.id_of("hub"))
    with mesh.signing(exchange, tmp_path):
        notice_home(mesh, limited)
        mesh.send("arcade", "hub", deliver_before=deadline(mesh, 2, "arcade"))
        pause(mesh, "arcade", "hub", 5)
        mesh.pass_time(3 * HOUR)
        assert relay_by(mesh, limited)[0].failed == 2
        assert memory.meter(account, *ends).gas > 0
        memory.charge(account, *ends, 1_000_000)
        mesh.pass_time(3 * HOUR)
        mesh.send("perps", "hub")
        (held,) = relay_by(mesh, limited)
        assert [one.delivered for one in held.deliveries if one.chain == "hub"] == [1]
        assert settled(held, "hub").taken_in == 0
        assert settled(held, "hub").problems[0].startswith("lane arcade → hub: nothing is delivered for now")
        clock[0] += 86_401
        (free,) = relay_by(mesh, limited)
    assert settled(free, "hub").taken_in == 1
    assert memory.meter(account, *ends).gas > 40_000


def test_restarts_count_as_what_their_lane_costs(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, clock: list[float], memory: Memory
) -> None:
    """P24: nobody pays for following one, and a chain that lies may restart its lanes for ever."""
    senders = dict.fromkeys(mesh.connections, RELAYER)
    limited = Relayer(mesh, exchange, senders, 20.0, float("inf"), memory, 1_000_000)
    account, ends = RELAYER.address, (mesh.id_of("hub"), mesh.id_of("arcade"))
    set_open(mesh, "hub", "arcade", False)
    place, _ = restart(mesh, mesh.connections["hub"], mesh.connections["arcade"], GUARDIAN)
    memory.charge(account, *ends, 1_000_000)
    with mesh.signing(exchange, tmp_path):
        (held,) = relay_by(mesh, limited)
        assert mesh.inbox("hub", "arcade")[0] == 0
        (delivery,) = held.deliveries
        assert delivery.problems[0].startswith("lane hub → arcade: nothing is delivered for now")
        clock[0] += 86_401
        relay_by(mesh, limited)
    assert mesh.inbox("hub", "arcade")[0] == place
    assert memory.meter(account, *ends).gas > 50_000


def test_a_notice_that_somebody_else_took_in_is_not_tried_again(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """P5: whoever is late pays for nothing, and remembers nothing."""
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        sent = notice_home(mesh, relayer)
        mesh.send("arcade", "hub", deliver_before=deadline(mesh, 2, "arcade"))
        pause(mesh, "arcade", "hub", 5)
        mesh.pass_time(3 * HOUR)
        relay_by(mesh, relayer)
        mesh.pass_time(3 * HOUR)
        assert settled(relay_by(mesh, mesh.relayer(exchange, RIVAL))[0], "hub").taken_in == 1
        results = relay_by(mesh, relayer, 2)
        mesh.connections["hub"].rpc("anvil_mine", "0x80")
        results += relay_by(mesh, relayer)
    assert [settled(one, "hub").transactions for one in results] == [[], [], []]
    assert [one.all_problems + one.put_off for one in results] == [[]] * 3
    assert memory.attempts() == []
    assert state_of(mesh, exchange, sent) is State.RETURNED


def test_a_lane_that_takes_nothing_in_is_not_read_again_and_again(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """Until its first message has expired; and where notices alone wait, for ten minutes."""
    with behind(mesh, "hub") as (seen, node), mesh.signing(exchange, tmp_path):
        relayer = seen.relayer(exchange, memory=memory)
        pause(mesh, "hub", "arcade")
        mesh.send("hub", "arcade", deliver_before=deadline(mesh, 2), count=3)
        mesh.send("hub", "arcade", deliver_before=deadline(mesh, 4))

        def reads() -> int:
            """Of what was sent from the hub, in the last of two passes."""
            relay_by(mesh, relayer)
            node.forget()
            relay_by(mesh, relayer)
            topics = (gateway.LANE_EXTENDED.topic.hex(), gateway.MESSAGE_SENT.topic.hex())
            logs = [call for call in node.asked if call.method == "eth_getLogs"]
            return sum(any(topic in str(call.params) for topic in topics) for call in logs)

        assert reads() == 0
        mesh.pass_time(3 * HOUR)
        (taken,) = relay_by(mesh, relayer)
        assert taken.failed == 3
        relay_by(mesh, relayer, 2)
        assert reads() == 0
        mesh.pass_time(2 * HOUR)
        assert relay_by(mesh, relayer)[0].failed == 1
