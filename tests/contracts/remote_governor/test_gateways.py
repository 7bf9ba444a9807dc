"""How a RemoteGovernor changes its gateways without ever being without one that works."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.kit.decisions import DELAY, GATEWAYS, GRACE, Decision, Remote, State, act
from tests.kit.evm import Contract, error, now, set_code
from tests.kit.paper import DAY

FIRST, SECOND, THIRD = GATEWAYS


@pytest.fixture
def accepting(remote: Remote) -> Decision:
    """The first gateway brought that the second one is accepted."""
    decision = Decision([act(remote.governor, "setGateway", SECOND, True)])
    remote.enact(decision)
    return decision


def dropping(remote: Remote, gateway: str) -> Decision:
    return Decision([act(remote.governor, "setGateway", gateway, False)])


def test_a_decision_accepts_a_gateway(remote: Remote, accepting: Decision, decision: Decision) -> None:
    assert remote.governor.view("isGateway", SECOND)
    remote.arrive(decision, SECOND)
    assert [remote.governor.view("isBroughtBy", decision.id, gateway) for gateway in GATEWAYS] == [
        False,
        True,
        False,
    ]


def test_says_what_it_accepts(remote: Remote) -> None:
    receipt = remote.enact(Decision([act(remote.governor, "setGateway", SECOND, True)]))
    assert receipt.named("GatewayAccepted") == [(SECOND, True)]


def test_refuses_a_gateway_without_code(remote: Remote) -> None:
    set_code(remote.chain, THIRD, b"")
    decision = Decision([act(remote.governor, "setGateway", THIRD, True)])
    remote.arrive(decision)
    refusal = error("InvalidGateway", THIRD)
    assert remote.failure(decision, remote.ready_at(decision)) == refusal


def test_another_gateway_drops_one(remote: Remote, accepting: Decision, decision: Decision) -> None:
    receipt = remote.enact(dropping(remote, FIRST), SECOND)
    assert receipt.named("GatewayAccepted") == [(FIRST, False)]
    assert remote.refusal(decision, FIRST).data[:4] == _unauthorized()
    remote.arrive(decision, SECOND)


def test_a_gateway_does_not_drop_itself(remote: Remote, accepting: Decision) -> None:
    """Nothing shows yet that the other one works."""
    decision = dropping(remote, FIRST)
    remote.arrive(decision, FIRST)
    refusal = error("GatewayNeeded", FIRST)
    assert remote.failure(decision, remote.ready_at(decision)) == refusal
    assert remote.governor.view("isGateway", FIRST)


def test_a_gateway_does_not_drop_itself_with_its_successor(remote: Remote) -> None:
    """Accepting another one first, in the same decision, does not help."""
    both = [
        act(remote.governor, "setGateway", SECOND, True),
        act(remote.governor, "setGateway", FIRST, False),
    ]
    decision = Decision(both)
    remote.arrive(decision)
    assert remote.failure(decision, remote.ready_at(decision)) == error("GatewayNeeded", FIRST)


def test_the_last_gateway_stays(remote: Remote, accepting: Decision) -> None:
    """Each was to drop the other: the second decision came through one that is not accepted any more."""
    first, second = dropping(remote, FIRST), dropping(remote, SECOND)
    remote.arrive(second, FIRST)
    remote.arrive(first, SECOND)
    ready = remote.ready_at(first)
    remote.execute(first, ready)
    refusal = error("UnexpectedDecisionState", second.id, State.CANCELLED)
    assert remote.failure(second, ready + 1) == refusal
    assert [remote.governor.view("isGateway", gateway) for gateway in (FIRST, SECOND)] == [False, True]


def test_the_last_gateway_does_not_drop_itself(remote: Remote, accepting: Decision) -> None:
    """Also with what the one that is gone brought, too."""
    first, second = dropping(remote, FIRST), dropping(remote, SECOND)
    for gateway in (FIRST, SECOND):
        remote.arrive(first, gateway)
        remote.arrive(second, gateway)
    ready = remote.ready_at(first)
    remote.execute(first, ready)
    assert remote.failure(second, ready + 1) == error("GatewayNeeded", SECOND)


def test_a_gateway_cannot_keep_itself_by_being_first(remote: Remote, accepting: Decision) -> None:
    """P7d: the vote is public for days: who is to be dropped brings the decision itself."""
    drop = dropping(remote, FIRST)
    remote.arrive(drop, FIRST)
    remote.arrive(drop, SECOND)
    remote.execute(drop, remote.ready_at(drop))
    assert not remote.governor.view("isGateway", FIRST)


def test_there_are_only_so_many_gateways(remote: Remote) -> None:
    """Each has one bit for ever; one that comes back needs no further one."""
    governor, timelock = remote.governor, remote.timelock.address
    remote.chain.rpc("anvil_impersonateAccount", [timelock])
    remote.chain.rpc("anvil_setBalance", [timelock, hex(10**20)])
    *others, last = (to_checksum_address(keccak(text=f"one more {n}")[:20]) for n in range(32))
    for gateway in (*others, last):
        set_code(remote.chain, gateway, b"\x00")
    for gateway in (*others, FIRST):
        governor.send("setGateway", gateway, True, sender=timelock)
    assert governor.revert("setGateway", last, True, sender=timelock) == error("TooManyGateways", 32)
    remote.chain.rpc("anvil_impersonateAccount", [others[-1]])
    remote.chain.rpc("anvil_setBalance", [others[-1], hex(10**20)])
    remote.enact(dropping(remote, FIRST), others[-1])
    assert governor.revert("setGateway", last, True, sender=timelock) == error("TooManyGateways", 32)
    governor.send("setGateway", FIRST, True, sender=timelock)


# What several gateways bring


def test_a_further_gateway_brings_the_same_again(
    remote: Remote, accepting: Decision, decision: Decision
) -> None:
    """P7c, M39: its time goes on as it began."""
    remote.arrive(decision, FIRST)
    ready = remote.ready_at(decision)
    receipt = remote.arrive(decision, SECOND)
    assert [event.name for event in receipt.events] == ["DecisionBroughtAgain"]
    assert receipt.named("DecisionBroughtAgain") == [(decision.id, SECOND)]
    assert remote.ready_at(decision) == ready
    assert [remote.governor.view("isBroughtBy", decision.id, gateway) for gateway in GATEWAYS] == [
        True,
        True,
        False,
    ]
    assert remote.arrive(decision, SECOND).events == []


def test_a_further_gateway_does_not_begin_anew_what_was_executed(
    remote: Remote, accepting: Decision, decision: Decision
) -> None:
    """P7c, M39."""
    remote.enact(decision, FIRST)
    assert remote.arrive(decision, SECOND).named("DecisionBroughtAgain") == [(decision.id, SECOND)]
    assert remote.state(decision) == State.EXECUTED


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_a_gateway_cancels_for_itself_alone(
    remote: Remote, accepting: Decision, decision: Decision, order: tuple[str, str]
) -> None:
    """P7d: what it forges ends nothing that another one brought."""
    canceller = Decision([], cancels=[decision.id])
    for gateway in (FIRST, SECOND):
        remote.arrive(decision, gateway)
    ready = remote.ready_at(decision)
    remote.arrive(canceller, order[0])
    assert remote.state(decision) == State.WAITING
    assert remote.ready_at(decision) == ready
    remote.arrive(canceller, order[1])
    assert remote.state(decision) == State.CANCELLED


def test_what_one_gateway_cancelled_another_one_brings(
    remote: Remote, accepting: Decision, target: Contract
) -> None:
    """P7d: a gateway cannot keep itself by cancelling, before it arrives, the decision that drops it."""
    drop = dropping(remote, FIRST)
    remote.arrive(Decision([act(target, "setBehaviour", 3)], cancels=[drop.id]), FIRST)
    assert remote.state(drop) == State.CANCELLED
    remote.enact(drop, SECOND)
    assert not remote.governor.view("isGateway", FIRST)


def test_what_a_dropped_gateway_alone_brought_ends(
    remote: Remote, accepting: Decision, decision: Decision, offices: Decision
) -> None:
    """P8b: an invention that only names offices: nobody postpones or refuses it."""
    remote.arrive(offices, FIRST)
    remote.arrive(decision, FIRST)
    remote.arrive(decision, SECOND)
    remote.enact(dropping(remote, FIRST), SECOND)
    assert [remote.state(one) for one in (decision, offices)] == [State.READY, State.CANCELLED]
    refusal = error("UnexpectedDecisionState", offices.id, State.CANCELLED)
    assert remote.failure(offices, remote.ready_at(offices)) == refusal


def test_what_ended_with_a_gateway_is_brought_by_another(
    remote: Remote, accepting: Decision, decision: Decision
) -> None:
    """P7d: what was decided is not lost: anyone sends it again through the hub's gateway of now."""
    remote.arrive(decision, FIRST)
    remote.enact(dropping(remote, FIRST), SECOND)
    again = now(remote.chain) + DAY
    receipt = remote.arrive(decision, SECOND, at=again)
    assert [values[1::2] for values in receipt.named("DecisionScheduled")] == [(SECOND, again + DELAY)]
    remote.execute(decision, again + DELAY)


@pytest.mark.parametrize("end", ["expired", "refused", "cancelled"])
def test_what_ended_begins_anew_through_a_further_gateway(
    remote: Remote, accepting: Decision, decision: Decision, end: str
) -> None:
    """P7d: a gateway that lies brings what people still vote on, so that it has ended when it is decided. The whole
    delay runs again, and it can be postponed again.
    """
    remote.arrive(decision, FIRST)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    if end == "refused":
        remote.governor.send("refuse", decision.id, sender=remote.recovery)
    if end == "cancelled":
        remote.arrive(Decision([], cancels=[decision.id]), FIRST)
    again = remote.ready_at(decision) + GRACE + 1
    receipt = remote.arrive(decision, SECOND, at=again)
    assert [values[1::2] for values in receipt.named("DecisionScheduled")] == [(SECOND, again + DELAY)]
    assert remote.state(decision) == State.WAITING
    assert not remote.governor.view("isPostponed", decision.id)
    assert remote.arrive(decision, FIRST).events == []
    remote.execute(decision, again + DELAY)


def test_an_accepted_gateways_inventions_come_back_with_it(
    remote: Remote, accepting: Decision, decision: Decision
) -> None:
    """A limit: whoever accepts one again cancels what it had invented."""
    remote.arrive(decision, FIRST)
    remote.enact(dropping(remote, FIRST), SECOND)
    assert remote.state(decision) == State.CANCELLED
    remote.enact(Decision([act(remote.governor, "setGateway", FIRST, True)], salt=accepting.id), SECOND)
    assert remote.state(decision) == State.READY


def test_a_gateway_is_accepted_again(remote: Remote, accepting: Decision, decision: Decision) -> None:
    remote.enact(dropping(remote, FIRST), SECOND)
    remote.enact(Decision([act(remote.governor, "setGateway", FIRST, True)], salt=accepting.id), SECOND)
    remote.arrive(decision, FIRST)


def test_drops_nothing_outside_of_a_decision(remote: Remote, accepting: Decision) -> None:
    """Of what decided it then, nobody knows the gateway."""
    refusal = remote.governor.revert("setGateway", SECOND, False, sender=remote.timelock.address)
    assert refusal == error("GatewayNeeded", SECOND)


def test_only_the_timelock_names_gateways(remote: Remote, attacker: str) -> None:
    for account in (attacker, FIRST, remote.guardian, remote.recovery, remote.governor.address):
        for accepted in (True, False):
            refusal = remote.governor.revert("setGateway", FIRST, accepted, sender=account)
            assert refusal == error("NotTimelock", account)


def _unauthorized() -> bytes:
    return error("ERC7786RecipientUnauthorizedGateway", FIRST, b"").data[:4]
