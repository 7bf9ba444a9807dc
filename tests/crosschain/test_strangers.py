"""What a sender, a recipient or one compromised chain can do to a relayer: cost it what was prepaid, and delay nobody.

No code of a stranger costs a relayer more than was prepaid for it, no item of a stranger delays anybody else's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Fee
from metalayer.relayer.memory import FIRST_WAIT_AFTER_LOSS, Kind, Memory
from metalayer.relayer.passes import Relayer
from metalayer.tracking.trace import trace
from tests.kit.deployment import SCRIPTED, Deployment
from tests.kit.faults import Slow
from tests.kit.node import behind
from tests.kit.passes import relay_by, settled
from tests.kit.roles import RELAYER, RIVAL
from tests.kit.scripted import Behaviour, OnReturn
from tests.kit.strangers import (
    NOBODY,
    RETURN_GAS,
    SET_BEHAVIOUR,
    SET_TRAP,
    deliver_junk,
    send_as,
    sending_contract,
)

HOUR = 3_600
PRICE, HUNGER, BOMB = range(3)
"""What `contracts/test/HostileSender.sol` can do."""


def bring_home(mesh: Deployment, relayer: Relayer, most: int = 12) -> None:
    """Passes until every notice of a return has come to the hub, before anything is refunded there."""
    hub = relayer._refunds
    due, hub.due = hub.due, lambda *_: []  # type: ignore[method-assign]
    for _ in range(most):
        (result,) = relay_by(mesh, relayer)
        if result.delivered + result.failed + result.returned == 0:
            hub.due = due  # type: ignore[method-assign]
            return
    raise AssertionError("there is always more")


def test_what_senders_do_to_their_refunds_is_prepaid_and_stops_no_other(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """P24. A callback that looks at the gas price; one that wants more gas than it may have; one that reverts
    with much data after it burned most of its gas; one that burns all. Each is refunded, once, for no more gas than its
    message named, and who does it earns the message's step and callback parts.
    """
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    contracts = [
        sending_contract(mesh, "HostileSender", SET_TRAP.encode(trap)) for trap in (PRICE, HUNGER, BOMB)
    ]
    contracts.append(sending_contract(mesh, "ScriptedSender", SET_BEHAVIOUR.encode(OnReturn.BURN_ALL_GAS)))
    hostile = [send_as(mesh, contract, "arcade", deadline)[0] for contract in contracts]
    honest = mesh.send("hub", "arcade", recipient=NOBODY, deliver_before=deadline)
    mesh.pass_time(3 * HOUR)
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        bring_home(mesh, relayer)
        (result, idle) = relay_by(mesh, relayer, 2)
    hub = settled(result, "hub")
    assert (hub.refunded, len(hub.transactions)) == (5, 5)
    assert (result.put_off, result.all_problems, memory.attempts()) == ([], [], [])
    assert hub.gas_used < len(hostile) * RETURN_GAS + 5 * 200_000
    fees = [Fee.unpack(sent.message.fee) for sent in (*hostile, *honest)]
    # The one without code is not called: the callback part goes back.
    assert hub.earned == sum(fee.step + fee.callback for fee in fees[:-1]) + fees[-1].step
    assert settled(idle, "hub").transactions == []
    for sent in hostile:
        assert "failed to take it back" in trace(mesh, exchange, sent.id).reason


def test_a_lane_that_grows_meanwhile_holds_up_no_refund(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """A way to the lane's newest head is one only until its next message, which anybody may send."""
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    mesh.send("hub", "arcade", recipient=NOBODY, deliver_before=deadline)
    mesh.pass_time(3 * HOUR)
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        bring_home(mesh, relayer)
        due = relayer._refunds.due

        def while_others_send(connection: Connection, *arguments: Any) -> Any:
            if connection.name == "hub":
                mesh.send("hub", "arcade")
            return due(connection, *arguments)

        relayer._refunds.due = while_others_send  # type: ignore[assignment, method-assign]
        (result,) = relay_by(mesh, relayer)
    assert settled(result, "hub").refunded == 1
    assert (result.put_off, memory.attempts()) == ([], [])


def test_a_refund_that_somebody_else_was_faster_with_costs_one_revert(
    mesh: Deployment,
    exchange: DirectoryExchange,
    tmp_path: Path,
    clock: list[float],
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between rehearsal and block. It is not tried again before an hour, and then known to be done."""
    hub = mesh.connections["hub"]
    (sent,) = mesh.send("hub", "arcade", recipient=NOBODY, deliver_before=hub.block().time + 2 * HOUR)
    mesh.pass_time(3 * HOUR)
    relayer = mesh.relayer(exchange, memory=memory)
    original = Connection._sign

    def sign(self: Connection, sender: Sender, transactions: Any, start: Any) -> Any:
        if sender is RELAYER and self.name == "hub":
            hub.send(RIVAL, transactions[0].to, transactions[0].data, transactions[0].gas)
        return original(self, sender, transactions, start)

    with mesh.signing(exchange, tmp_path):
        bring_home(mesh, relayer)
        monkeypatch.setattr(Connection, "_sign", sign)
        (lost,) = relay_by(mesh, relayer)
        (line,) = lost.put_off
        assert line.startswith(f"hub: refunding message 0x{sent.id.hex()}: reverted in 0x")
        assert (settled(lost, "hub").refunded, lost.all_problems) == (0, [])
        assert 0 < settled(lost, "hub").gas_used < 100_000
        clock[0] += FIRST_WAIT_AFTER_LOSS - 1
        assert settled(relay_by(mesh, relayer)[0], "hub").transactions == []
        assert len(memory.attempts()) == 1
        clock[0] += 2
        (after,) = relay_by(mesh, relayer)
    assert (settled(after, "hub").transactions, memory.attempts()) == ([], [])


def test_recipients_that_lie_to_the_rehearsal_waste_no_transaction(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M12: 90 messages with 2 million gas each. Every transaction succeeds, and has room for all it carries."""
    count, limit = 90, 2_000_000
    mesh.send("hub", "arcade", recipient=SCRIPTED, gas_limit=limit, count=count)
    mesh.finalize()
    original = Connection.send

    def send(self: Connection, sender: Sender, *args: Any) -> Receipt:
        if sender is RELAYER:
            mesh.script("arcade", Behaviour.BURN_ALL_GAS)
        receipt = original(self, sender, *args)
        if sender is RELAYER:
            mesh.script("arcade", Behaviour.ACCEPT)
        return receipt

    monkeypatch.setattr(Connection, "send", send)
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    (delivery,) = result.deliveries
    assert (delivery.failed, result.all_problems) == (count, [])
    assert len(delivery.transactions) == -(-count // (MAX_TRANSACTION_GAS // limit - 1))
    # What recipients burned was promised to them, and paid; 20,000 more for each message, and what a transaction takes.
    assert delivery.gas_used < count * (limit + 60_000)


def test_messages_that_can_never_end_cost_no_pass_anything(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """With 300 notices of messages that nobody sent, an idle pass asks a node for what it asks with none."""
    relayer = mesh.relayer(exchange, memory=memory)

    def idle() -> int:
        """Requests of an idle pass to the hub."""
        with behind(mesh, "hub") as (seen, node):
            anew = seen.relayer(exchange, memory=memory)
            anew.relay_once()
            node.forget()
            anew.relay_once()
            return len(node.asked)

    # The final block is one of this test: anvil forgets the states of older ones in a long run.
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        before = idle()
        deliver_junk(mesh, "perps", "hub", 300)
        results = relay_by(mesh, relayer, 4)
        assert [result.put_off for result in results] == [[]] * 4
        after = idle()
    dead = memory.attempts(Kind.REFUND)
    assert {one.reason for one in dead} == {"hub sent no such message to perps"}
    assert (len(dead), after) == (300, before)


def test_junk_notices_hold_up_no_honest_refund(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """1,001 of them from one compromised chain: those of another chain are refunded in the same pass."""
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    mesh.send("hub", "arcade", recipient=NOBODY, deliver_before=deadline, count=3)
    mesh.pass_time(3 * HOUR)
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        bring_home(mesh, relayer)
        deliver_junk(mesh, "perps", "hub", 1_001)
        with behind(mesh, "hub") as (seen, node):
            anew = seen.relayer(exchange, memory=memory)
            assert settled(relay_by(mesh, anew)[0], "hub").refunded == 3
            for _ in range(12):
                relay_by(mesh, anew)
            assert len(memory.attempts(Kind.REFUND)) == 1_001
            node.forget()
            relay_by(mesh, anew)
            topics = [call.params[0]["topics"] for call in node.asked if call.method == "eth_getLogs"]
            assert all(len(topic) < 10 for asked in topics for topic in asked if isinstance(topic, list))


@pytest.fixture
def halted(mesh: Deployment) -> Iterator[Connection]:
    """A chain that answers, and makes no blocks."""
    perps = mesh.connections["perps"]
    perps.rpc("evm_setAutomine", False)
    yield perps
    perps.rpc("evm_setAutomine", True)
    perps.rpc("anvil_mine", "0x1")


def test_a_chain_that_makes_no_blocks_costs_the_others_one_wait(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, halted: Connection, memory: Memory
) -> None:
    """Not the time limit of a transaction (120 s) on every lane and pass."""
    mesh.send("hub", "arcade")
    mesh.send("hub", "perps")
    mesh.connections["hub"].rpc("anvil_mine", "0x5")
    patience = 1.0
    relayer = mesh.relayer(exchange, memory=memory)
    relayer = Relayer(mesh, exchange, relayer.senders, 20.0, float("inf"), memory, patience=patience)
    with mesh.signing(exchange, tmp_path):
        first = relayer.relay_once(last_wait=0)
        assert (first.delivered, first.seconds < 3 * patience) == (1, True)
        assert [line for line in first.all_problems if not line.startswith("perps: delivering takes")] == [
            "perps: settling takes longer than 1 s: the other chains go on"
        ]
        for _ in range(3):
            mesh.send("hub", "arcade")
            mesh.connections["hub"].rpc("anvil_mine", "0x5")
            later = relayer.relay_once(last_wait=0)
            assert (later.delivered, later.seconds < patience) == (1, True)
        halted.rpc("evm_setAutomine", True)
        halted.rpc("anvil_mine", "0x2")
        last = relayer.relay_once()
    # The delivery that was begun in the first pass.
    assert {one.chain: one.delivered for one in last.deliveries}["perps"] == 1
    assert last.all_problems == []
    assert mesh.inbox("hub", "perps") == mesh.outbox("hub", "perps")


def test_a_slow_chain_slows_its_own_lanes_and_is_served(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """Its heads alone take longer than a pass waits: others' passes take what they took, its own messages arrive."""
    patience = 1.5
    with behind(mesh, "perps", Slow(0.15)) as (seen, _), mesh.signing(exchange, tmp_path):
        relayer = Relayer(
            seen,
            exchange,
            dict.fromkeys(mesh.connections, RELAYER),
            20.0,
            float("inf"),
            memory,
            patience=patience,
        )
        relayer.relay_once(last_wait=0)
        mesh.send("hub", "perps")
        mesh.send("perps", "hub")
        longest = 0.0
        for _ in range(60):
            mesh.send("hub", "arcade")
            mesh.finalize()
            result = relayer.relay_once(last_wait=0)
            assert [one.delivered for one in result.deliveries if one.chain == "arcade"] == [1]
            longest = max(longest, result.seconds)
            if all(mesh.inbox(*ends) == mesh.outbox(*ends) for ends in (("hub", "perps"), ("perps", "hub"))):
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the slow chain is never served")
        relayer.relay_once()
        # Until nothing is read from it any more.
        time.sleep(1.0)
    assert longest < 5 * patience


def test_an_origin_that_does_not_pay_reaches_a_limit(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, clock: list[float], memory: Memory
) -> None:
    """Its lane waits, with a line that says why; others go on; a day later, or once it has paid, it goes on."""

    def relayer(unbacked_gas: int, claim_multiple: float) -> Relayer:
        senders = dict.fromkeys(mesh.connections, RELAYER)
        return Relayer(mesh, exchange, senders, 20.0, claim_multiple, memory, unbacked_gas)

    mesh.send("hub", "arcade", count=8)
    mesh.send("perps", "arcade")
    never_claims = relayer(300_000, float("inf"))
    with mesh.signing(exchange, tmp_path):
        assert relay_by(mesh, never_claims)[0].delivered == 9
        gas = memory.meter(RELAYER.address, mesh.id_of("hub"), mesh.id_of("arcade")).gas
        assert gas > 100_000
        never_claims = relayer(gas, float("inf"))
        mesh.send("hub", "arcade")
        mesh.send("perps", "arcade")
        (held,) = relay_by(mesh, never_claims)
        assert held.delivered == 1
        (problem,) = held.all_problems
        assert problem.startswith("lane hub → arcade: nothing is delivered for now, its messages took")
        assert "hub has paid 0 of" in problem
        clock[0] += 86_401
        assert relay_by(mesh, never_claims)[0].delivered == 1
        # The claim is sent in one pass, and paid in the next one.
        memory.charge(RELAYER.address, mesh.id_of("hub"), mesh.id_of("arcade"), gas)
        mesh.send("hub", "arcade")
        claims = relayer(gas, 1)
        assert relay_by(mesh, claims)[0].delivered == 0
        relay_by(mesh, claims, 2)
    assert mesh.inbox("hub", "arcade") == mesh.outbox("hub", "arcade")


def test_a_relayer_without_ether_is_named_and_nothing_is_blamed_for_it(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    arcade = mesh.connections["arcade"]
    mesh.send("hub", "arcade")
    mesh.send("hub", "perps")
    before = arcade.rpc("eth_getBalance", RELAYER.address, "latest")
    arcade.rpc("anvil_setBalance", RELAYER.address, hex(1_000))
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        (poor,) = relay_by(mesh, relayer)
        assert poor.delivered == 1
        (problem,) = poor.all_problems
        assert problem.startswith(
            f"arcade: {RELAYER.address} has 0.000000000000001 ether, and a transaction needs"
        )
        assert memory.attempts() == []
        arcade.rpc("anvil_setBalance", RELAYER.address, before)
        assert relay_by(mesh, relayer)[0].delivered == 1


def test_a_message_that_fits_into_no_block_waits_alone(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, clock: list[float], memory: Memory
) -> None:
    """Its lane stands until it expires, which is tried at once; the lanes of others do not wait for it, nor are they
    halved again and again.
    """
    arcade = mesh.connections["arcade"]
    arcade.rpc("evm_setBlockGasLimit", hex(1_500_000))
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    (large,) = mesh.send("hub", "arcade", recipient=SCRIPTED, gas_limit=2_000_000, deliver_before=deadline)
    mesh.send("perps", "arcade")
    relayer = mesh.relayer(exchange, memory=memory)
    with mesh.signing(exchange, tmp_path):
        (first,) = relay_by(mesh, relayer)
        (problem,) = first.all_problems
        assert problem.startswith(f"arcade: message 1 from 901 (0x{large.id.hex()}) cannot be delivered")
        assert "InsufficientGas" in problem
        assert first.delivered == 1
        (second,) = relay_by(mesh, relayer)
        assert (second.all_problems, second.put_off) == ([], [problem])
        clock[0] += 31
        (third,) = relay_by(mesh, relayer)
        assert len(third.all_problems) == 1
        mesh.pass_time(3 * HOUR)
        (late,) = relay_by(mesh, relayer)
        assert (late.failed, late.all_problems) == (1, [])
    arcade.rpc("evm_setBlockGasLimit", hex(arcade.chain.preset.gas_limit))


def test_what_a_pass_spends_and_earns_is_what_receipts_and_fees_say(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, memory: Memory
) -> None:
    """Ether by gas and price of each receipt; ERA by the parts of the fees, whoever pays them out and when."""
    deadline = mesh.connections["hub"].block().time + 2 * HOUR
    expiring = mesh.send("hub", "arcade", deliver_before=deadline, count=2)
    mesh.pass_time(3 * HOUR)
    fine = mesh.send("hub", "arcade", count=4)
    relayer = mesh.relayer(exchange, memory=memory, claim_multiple=1)
    transactions: dict[str, list[str]] = {}
    with mesh.signing(exchange, tmp_path):
        for result in relay_by(mesh, relayer, 4):
            assert result.all_problems == []
            for one in (*result.deliveries, *result.settled):
                transactions.setdefault(one.chain, []).extend(one.transactions)
    books = {mesh.name_of(book.chain): book for book in memory.books()}
    for chain, hashes in transactions.items():
        if not hashes:
            continue
        receipts = mesh.connections[chain].receipts(hashes)
        assert books[chain].gas == sum(receipt["gasUsed"] for receipt in receipts)
        assert books[chain].wei == sum(r["gasUsed"] * r["effectiveGasPrice"] for r in receipts)
    fees = [Fee.unpack(sent.message.fee) for sent in fine]
    late = [Fee.unpack(sent.message.fee) for sent in expiring]
    # Delivered, passed by and returned on arcade; their notices carried, and refunded, on the hub.
    assert books["arcade"].earned == sum(fee.total for fee in fees) + sum(fee.base + fee.step for fee in late)
    credit = mesh.connections["hub"].view(mesh.gateway, gateway.CREDIT, RELAYER.address) // GWEI
    claimed = mesh.connections["hub"].view(mesh.gateway, gateway.PAID, mesh.id_of("arcade"), RELAYER.address)
    # A claim turns into credit what was earned before: nothing is counted twice.
    assert books["hub"].earned == sum(2 * fee.step for fee in late)
    assert credit == books["hub"].earned + claimed
