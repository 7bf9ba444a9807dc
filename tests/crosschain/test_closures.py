"""What was sent to a chain that is dead or lies comes home without it, once its route has been closed for 60 days."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting import quorum
from metalayer.attesting.directory import DirectoryExchange
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.rpc import Reverted
from metalayer.protocol import gateway
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.dates import utc
from metalayer.protocol.facts import Fact, LaneFact, UnexecutedFact
from metalayer.protocol.gateway import CLOSURE_DELAY, Batch, Status
from metalayer.protocol.message import Fee
from metalayer.tracking import closures
from metalayer.tracking.closures import bring_home
from metalayer.tracking.trace import State, trace
from metalayer.validator.process import Judgement, Validator
from tests.kit.deployment import SCRIPTED, Deployment
from tests.kit.faults import Lies, NoLogs
from tests.kit.node import Node
from tests.kit.paper import DAY
from tests.kit.roles import RELAYER, SENDER
from tests.kit.scripted import Behaviour


def open_route(mesh: Deployment, outbound: bool) -> int:
    """Opens or closes the route from the hub to arcade, as the hub's owner. Returns when, by the hub's clock."""
    hub = mesh.connections["hub"]
    receipt = mesh.as_owner(
        "hub", mesh.gateway, gateway.SET_OPEN.encode(mesh.id_of("arcade"), outbound, False)
    )
    return hub.block(receipt["blockNumber"]).time


def grow_old(mesh: Deployment, days: int) -> None:
    """Days pass on the hub alone, whose validators are always the same."""
    mesh.pass_time(days * DAY, "hub")
    mesh.adopt(mesh.publish(after=0))
    mesh.finalize()


def credit(mesh: Deployment, account: str) -> int:
    return mesh.connections["hub"].view(mesh.gateway, gateway.CREDIT, account)


def fact_of(sent: Sent, status: int) -> UnexecutedFact:
    message = sent.message
    return UnexecutedFact(message.origin, message.destination, message.nonce, sent.id, status)


@dataclass(frozen=True)
class Lane:
    """What the hub sent to arcade before the route was closed, in the second `since`. Arcade stands still then."""

    executed: Sent
    failed: Sent
    untried: Sent
    since: int


@pytest.fixture
def lane(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> Lane:
    (executed,) = mesh.send("hub", "arcade", b"executed")
    mesh.script("arcade", Behaviour.REVERT)
    (failed,) = mesh.send("hub", "arcade", b"failed", recipient=SCRIPTED)
    mesh.finalize()
    with mesh.signing(exchange, tmp_path):
        result = mesh.relayer(exchange).relay_once()
    assert (result.delivered, result.failed) == (1, 1)
    (untried,) = mesh.send("hub", "arcade", b"untried")
    mesh.finalize()
    return Lane(executed, failed, untried, open_route(mesh, False))


@pytest.fixture
def home(mesh: Deployment, exchange: DirectoryExchange, lane: Lane) -> Home:
    return Home(mesh, exchange)


@dataclass(frozen=True)
class Home:
    """Brings messages home, as whoever runs the command."""

    mesh: Deployment
    exchange: DirectoryExchange

    def bring(self, sent: Sent, timeout: float = 20.0) -> None:
        bring_home(self.mesh, self.exchange, self.mesh.connections["hub"], RELAYER, sent, timeout)

    def refusal(self, sent: Sent, timeout: float = 20.0) -> str:
        with pytest.raises(MetalayerError) as refused:
            self.bring(sent, timeout)
        (line,) = str(refused.value).splitlines()
        return line


@pytest.fixture
def validator(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> Iterator[Validator]:
    """One more process of the first validator's, with a record of its own."""
    (folder := tmp_path / "one").mkdir()
    with (one := mesh.validator(0, exchange, folder)).record:
        yield one


def judged(validator: Validator, exchange: DirectoryExchange, *facts: Fact) -> tuple[Judgement, str]:
    root = exchange.propose(facts)
    (verdict,) = validator.pass_once()
    exchange.remove(root)
    return verdict.judgement, verdict.reason


@pytest.mark.parametrize("kind", ["untried", "failed"])
def test_comes_home_without_its_destination(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, lane: Lane, home: Home, kind: str
) -> None:
    """P1, P5: less what whoever carries it there and sends its notice may still earn, and the caller's step. Once."""
    sent: Sent = getattr(lane, kind)
    grow_old(mesh, 61)
    before = credit(mesh, SENDER.address), credit(mesh, RELAYER.address)
    with mesh.signing(exchange, tmp_path):
        home.bring(sent)
    fee = Fee.unpack(sent.message.fee)
    unspent = fee.step + fee.callback + (fee.relay - fee.base if sent is lane.untried else 0)
    assert credit(mesh, SENDER.address) - before[0] == unspent * GWEI
    assert credit(mesh, RELAYER.address) - before[1] == fee.step * GWEI
    assert exchange.roots() == []
    assert trace(mesh, exchange, sent.id).state is State.RETURNED
    assert home.refusal(sent) == "its sender was refunded already"


def test_a_message_says_when_it_may_come_home(
    mesh: Deployment, exchange: DirectoryExchange, lane: Lane, home: Home
) -> None:
    """By its origin's clock: an hour before, it may not, and whoever asks reads when."""
    possible = utc(lane.since + CLOSURE_DELAY)
    advice = (
        f"the route from hub to arcade has been closed since {utc(lane.since)}: from {possible} on, "
        f"`ape metalayer message 0x{lane.untried.id.hex()} --bring-home` refunds its sender"
    )
    assert trace(mesh, exchange, lane.untried.id).advice.endswith(f"; {advice}")
    assert "closed" not in trace(mesh, exchange, lane.executed.id).advice
    early = (
        f"the route from hub to arcade has been closed since {utc(lane.since)}: its sender can be refunded"
    )
    assert home.refusal(lane.untried) == f"{early} from {possible} on"
    grow_old(mesh, 59)
    assert home.refusal(lane.untried) == f"{early} from {possible} on"


def test_validators_wait_until_the_time_has_come(
    mesh: Deployment, exchange: DirectoryExchange, lane: Lane, validator: Validator
) -> None:
    """Up to the second of the origin's final block, whatever anybody proposes."""
    fact = fact_of(lane.untried, Status.NONE)
    grow_old(mesh, 40)
    early = (
        Judgement.WAITING,
        f"{fact.key}: the route from hub has been closed since {utc(lane.since)} only, not before "
        f"{utc(lane.since + CLOSURE_DELAY)}",
    )
    assert judged(validator, exchange, fact) == early
    hub = mesh.connections["hub"]
    for at, expected in ((lane.since + CLOSURE_DELAY - 1, early), (lane.since + CLOSURE_DELAY, None)):
        hub.rpc("evm_setNextBlockTimestamp", hex(at))
        hub.rpc("anvil_mine", "0x1")
        final = hub.chain.preset.finality_depth
        # In the same second: what is final is the block of that time.
        hub.rpc("anvil_mine", hex(final), "0x0")
        assert hub.block(hub.finalized()).time == at
        assert judged(validator, exchange, fact) == (expected or (Judgement.SIGNED, ""))


def test_a_message_that_was_executed_does_not_come_home(
    mesh: Deployment, exchange: DirectoryExchange, lane: Lane, home: Home, validator: Validator
) -> None:
    """P1: whoever asks is told, and whatever is proposed of it, nobody signs."""
    grow_old(mesh, 61)
    assert home.refusal(lane.executed).startswith("arcade executed it in transaction 0x")
    for status in Status:
        fact = fact_of(lane.executed, status)
        assert judged(validator, exchange, fact) == (Judgement.REFUSED, f"{fact.key}: arcade executed it")


def test_a_message_that_is_executed_at_the_last_moment_does_not_come_home(
    mesh: Deployment, exchange: DirectoryExchange, lane: Lane, home: Home, validator: Validator
) -> None:
    """P1: a destination that stood still comes back. What it does counts before it is final."""
    grow_old(mesh, 61)
    message, fact = lane.untried.message, fact_of(lane.untried, Status.NONE)
    arcade = mesh.connections["arcade"]
    signed = LaneFact(message.origin, message.destination, message.nonce, lane.untried.head)
    batch = Batch([message], message.origin, message.nonce, [], [])
    arcade.send(RELAYER, mesh.gateway, gateway.DELIVER.encode(mesh.attest(signed.leaf), [batch]))
    line = f"{fact.key}: arcade did not leave it untried up to finalized block {arcade.finalized()}"
    assert judged(validator, exchange, fact) == (Judgement.WAITING, line)
    assert home.refusal(lane.untried).startswith("arcade executed it in transaction 0x")
    mesh.finalize()
    assert judged(validator, exchange, fact) == (Judgement.REFUSED, f"{fact.key}: arcade executed it")


@pytest.mark.parametrize("lying", [1, 2])
def test_what_enough_nodes_of_the_destination_say_counts(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, lane: Lane, lying: int
) -> None:
    """M54: two of three must agree, and a node that hides what was executed is one of them."""
    grow_old(mesh, 61)
    hiding = [Lies("eth_call", lambda call, said: "0x" + "00" * 64), NoLogs()]
    chain = mesh.connections["arcade"].chain
    with ExitStack() as stack:
        nodes = [stack.enter_context(Node(chain.url, hiding if i < lying else [])) for i in range(3)]
        arcade = Connection(replace(chain, nodes=tuple(node.url for node in nodes)))
        seen = replace(mesh, connections={**mesh.connections, "arcade": arcade})
        validator = seen.validator(5, exchange, tmp_path)
        stack.enter_context(validator.record)
        judgement, _ = judged(validator, exchange, fact_of(lane.executed, Status.NONE))
        assert judgement is (Judgement.REFUSED if lying == 1 else Judgement.SIGNED)
        assert judged(validator, exchange, fact_of(lane.untried, Status.NONE))[0] is Judgement.SIGNED


def test_only_the_status_in_which_it_was_left_is_signed(
    mesh: Deployment, exchange: DirectoryExchange, lane: Lane, validator: Validator
) -> None:
    """P5: another one would give its sender more, or less, of the fee than nobody earned."""
    grow_old(mesh, 61)
    said = {
        (sent.message.payload, status): judged(validator, exchange, fact_of(sent, status))
        for sent in (lane.failed, lane.untried)
        for status in Status
    }
    signed = [what for what, (judgement, _) in said.items() if judgement is Judgement.SIGNED]
    assert signed == [(b"failed", Status.FAILED), (b"untried", Status.NONE)]
    assert said[b"failed", Status.NONE][0] is Judgement.REFUSED
    assert said[b"failed", Status.NONE][1].endswith(": arcade tried it")
    assert "arcade did not leave it failed up to finalized block" in said[b"untried", Status.FAILED][1]


def test_a_message_that_stands_elsewhere_is_not_signed_for(
    mesh: Deployment, exchange: DirectoryExchange, lane: Lane, validator: Validator
) -> None:
    """P1, P2: only at its place; and not what the hub never sent, or sent to another chain."""
    grow_old(mesh, 61)
    fact = fact_of(lane.untried, Status.NONE)
    moved = replace(fact, nonce=4)
    line = f"{moved.key}: 0x{fact.id.hex()} is message 3 from hub to 902"
    assert judged(validator, exchange, moved) == (Judgement.REFUSED, line)
    judgement, reason = judged(validator, exchange, replace(fact, id=bytes(32)))
    assert judgement is Judgement.WAITING
    assert "hub sent no message 0x00" in reason
    judgement, reason = judged(validator, exchange, replace(fact, destination=mesh.id_of("perps")))
    assert (judgement, reason.endswith("the route from hub is open")) == (Judgement.WAITING, True)


def test_nothing_comes_home_over_a_route_that_was_opened_again(
    mesh: Deployment, exchange: DirectoryExchange, lane: Lane, home: Home, validator: Validator
) -> None:
    """Its delay begins anew; a signature from before does not count either."""
    grow_old(mesh, 61)
    fact = fact_of(lane.untried, Status.NONE)
    open_route(mesh, True)
    refusal = home.refusal(lane.untried)
    assert refusal.startswith("the route from hub to arcade is open: only what was sent over a route")
    assert judged(validator, exchange, fact) == (
        Judgement.WAITING,
        f"{fact.key}: the route from hub is open",
    )
    again = open_route(mesh, False)
    assert f"closed since {utc(again)}" in home.refusal(lane.untried)


def test_a_route_that_is_opened_while_validators_sign(
    mesh: Deployment,
    exchange: DirectoryExchange,
    tmp_path: Path,
    lane: Lane,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gateway has the last word."""
    grow_old(mesh, 61)
    await_quorums = quorum.await_quorums

    def opening(*arguments: Any) -> None:
        await_quorums(*arguments)
        open_route(mesh, True)

    monkeypatch.setattr(closures, "await_quorums", opening)
    with mesh.signing(exchange, tmp_path), pytest.raises(Reverted, match="RouteNotClosed"):
        home.bring(lane.untried)


def test_one_signer_fewer_brings_nothing_home(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, lane: Lane, home: Home
) -> None:
    """P3: three of five are no quorum, and whoever asks reads who did not sign."""
    grow_old(mesh, 61)
    with mesh.signing(exchange, tmp_path, range(3)):
        refusal = home.refusal(lane.untried, 4.0)
    assert refusal.startswith("no quorum of hub: 60 % of the weight signed, more than two thirds needed; ")
    assert refusal.count("said nothing") == 2


def test_a_destination_that_nobody_can_read(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, lane: Lane, home: Home
) -> None:
    """It is said to whoever asks. Validators wait for a node of it, and sign when there is one."""
    grow_old(mesh, 61)
    blind = mesh.cut_off_from("arcade")
    refusal = replace(home, mesh=blind).refusal(lane.untried)
    assert refusal.startswith("arcade is unreachable")
    assert refusal.endswith(
        "validators must see how it left the message, in any node that shows its last state"
    )
    with blind.signing(exchange, tmp_path):
        refusal = home.refusal(lane.untried, 4.0)
    assert refusal.startswith("no quorum of hub: 0 % of the weight signed")
    assert refusal.count("says: arcade: its node does not answer as it should") == 5
    with mesh.signing(exchange, tmp_path):
        home.bring(lane.untried)
    assert trace(mesh, exchange, lane.untried.id).state is State.RETURNED


def test_what_the_hub_may_still_execute_is_not_signed(
    mesh: Deployment, exchange: DirectoryExchange, validator: Validator
) -> None:
    """S11: an origin whose clock runs two months ahead closed its route long ago. The hub's own clock counts: who signs
    before would be convicted once the hub executes the message.
    """
    (untried,) = mesh.send("arcade", "hub", b"untried")
    arcade = mesh.connections["arcade"]
    mesh.as_owner("arcade", mesh.gateway, gateway.SET_OPEN.encode(mesh.id_of("hub"), False, True))
    mesh.pass_time(61 * DAY, "arcade")
    mesh.finalize()
    fact = fact_of(untried, Status.NONE)
    may_still = "the hub may still execute the message, whose deadline is not behind it"
    hub = mesh.connections["hub"]
    deadline = untried.message.deliver_before
    assert deadline < arcade.block(arcade.finalized()).time
    for at, expected in ((deadline, (Judgement.WAITING, may_still)), (deadline + 1, (Judgement.SIGNED, ""))):
        hub.rpc("evm_setNextBlockTimestamp", hex(at))
        hub.rpc("anvil_mine", "0x1")
        # In the same second: what is final is the block of that time.
        hub.rpc("anvil_mine", hex(hub.chain.preset.finality_depth), "0x0")
        assert hub.block(hub.finalized()).time == at
        assert judged(validator, exchange, fact) == expected
