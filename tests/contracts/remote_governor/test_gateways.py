"""How a RemoteGovernor changes its gateways without ever being without one that works."""

from __future__ import annotations

import pytest

from tests.kit.decisions import GATEWAYS, Decision, Remote, State, act
from tests.kit.evm import error, set_code

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
    assert remote.governor.view("gatewayOf", decision.id) == SECOND


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
    """Each was to drop the other: the second decision comes through one that is not accepted any more."""
    first, second = dropping(remote, FIRST), dropping(remote, SECOND)
    remote.arrive(second, FIRST)
    remote.arrive(first, SECOND)
    ready = remote.ready_at(first)
    remote.execute(first, ready)
    assert remote.failure(second, ready + 1) == error("GatewayNeeded", SECOND)
    assert [remote.governor.view("isGateway", gateway) for gateway in (FIRST, SECOND)] == [False, True]


def test_what_a_dropped_gateway_brought_stays(
    remote: Remote, accepting: Decision, decision: Decision
) -> None:
    """P7d: it was decided, and no gateway's end takes it away."""
    remote.arrive(decision, FIRST)
    remote.enact(dropping(remote, FIRST), SECOND)
    remote.execute(decision, remote.ready_at(decision) + 86_400 * 3)
    assert remote.state(decision) == State.EXECUTED


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
