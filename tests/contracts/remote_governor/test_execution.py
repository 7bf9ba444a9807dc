"""When a decision is executed on its chain, by whom, and with what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.decisions import (
    DECISION,
    DELAY,
    GATEWAYS,
    GRACE,
    NONE,
    PRECEDENT_TIME,
    Action,
    Decision,
    Remote,
    State,
    act,
)
from tests.kit.evm import Contract, Receipt, code_of, deploy, error, init_code, now, set_code
from tests.kit.paper import DAY

PAYEE = "0x00000000000000000000000000000000000Face7"
"""Has no code."""


def test_anyone_executes_what_is_ready(
    remote: Remote, target: Contract, decision: Decision, attacker: str
) -> None:
    remote.arrive(decision)
    receipt = remote.governor.send("execute", decision.fields, sender=attacker, at=remote.ready_at(decision))
    assert receipt.named("DecisionExecuted") == [(decision.id, attacker)]
    assert remote.state(decision) == State.EXECUTED
    assert target.view("behaviour") == 1


@pytest.mark.parametrize(("late", "state"), [(-1, State.WAITING), (GRACE + 1, State.EXPIRED)])
def test_refuses_outside_of_the_window(remote: Remote, decision: Decision, late: int, state: State) -> None:
    """P7c: to the second."""
    remote.arrive(decision)
    at = remote.ready_at(decision) + late
    assert remote.failure(decision, at) == error("UnexpectedDecisionState", decision.id, state)
    assert remote.state(decision, at) == state


def test_executes_in_the_last_second(remote: Remote, decision: Decision) -> None:
    """P7c."""
    remote.arrive(decision)
    remote.execute(decision, remote.ready_at(decision) + GRACE)


def test_executes_once(remote: Remote, decision: Decision) -> None:
    """P7c, M39."""
    remote.enact(decision)
    later = now(remote.chain) + 1
    refusal = error("UnexpectedDecisionState", decision.id, State.EXECUTED)
    assert remote.failure(decision, later) == refusal


def test_refuses_what_never_arrived(remote: Remote, decision: Decision) -> None:
    """P7c: another salt, another value, another order are other decisions."""
    remote.arrive(decision)
    at = remote.ready_at(decision)
    for other in (
        decision.salted("another"),
        replace(decision, actions=[replace(decision.actions[0], value=1)]),
        replace(decision, cancels=[NONE]),
        replace(decision, precedent=keccak(text="another")),
    ):
        refusal = error("UnexpectedDecisionState", other.id, State.UNKNOWN)
        assert remote.failure(other, at) == refusal


def test_a_failed_action_changes_nothing(remote: Remote, target: Contract) -> None:
    """All or none, and it can be tried again."""
    unauthorized = act(target, "execute", remote.governor.address, b"")
    decision = Decision([act(target, "setBehaviour", 1), unauthorized])
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    assert remote.failure(decision, ready) == error("TargetRefused", b"")
    receipt = remote.governor.attempt("execute", decision.fields, sender=remote.anyone, at=ready)
    assert not receipt.succeeded
    assert remote.state(decision) == State.READY
    assert target.view("behaviour") == 0


def test_only_the_governor_has_roles_on_the_timelock(remote: Remote, attacker: str, deployer: str) -> None:
    """P8a, M27."""
    for name in ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE"):
        role = remote.timelock.view(name)
        assert remote.timelock.view("hasRole", role, remote.governor.address)
        for account in (attacker, deployer, remote.guardian, remote.recovery, "0x" + "00" * 20):
            assert not remote.timelock.view("hasRole", role, account)
    admin = remote.timelock.view("DEFAULT_ADMIN_ROLE")
    assert remote.timelock.view("hasRole", admin, remote.timelock.address)
    assert not remote.timelock.view("hasRole", admin, remote.governor.address)


def test_nobody_executes_an_expired_decision_on_the_timelock(
    remote: Remote, decision: Decision, attacker: str
) -> None:
    """P7c: its operation is ready there for ever."""
    remote.arrive(decision)
    late = remote.ready_at(decision) + GRACE + 1
    role = remote.timelock.view("EXECUTOR_ROLE")
    refusal = error("AccessControlUnauthorizedAccount", attacker, role)
    assert remote.timelock.revert("executeBatch", *operation(decision), sender=attacker, at=late) == refusal


def test_an_open_timelock_voids_everything(
    chains: dict[str, BoundChain], target: Contract, deployer: str, attacker: str
) -> None:
    """P7c: the test before fails for a timelock with an open executor."""
    remote = Remote.place(chains["arcade"], chains["hub"].chain_id, deployer, timelock="OpenTimelock")
    decision = Decision([act(target, "setBehaviour", 1)])
    remote.arrive(decision)
    late = remote.ready_at(decision) + GRACE + 1
    remote.timelock.send("executeBatch", *operation(decision), sender=attacker, at=late)


def operation(decision: Decision) -> tuple[object, ...]:
    """Arguments of the timelock's `executeBatch`."""
    _, targets, values, calldatas, _, _, _ = decision.fields
    return targets, values, calldatas, NONE, decision.id


# Codes


def test_refuses_a_target_whose_code_has_changed(
    remote: Remote, target: Contract, decision: Decision
) -> None:
    """P7c, M24: what was voted on is not what would be called."""
    expected = decision.actions[0].code
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    before = code_of(remote.chain, target.address)
    for code in (b"\x00", b""):
        set_code(remote.chain, target.address, code)
        refusal = error("CodeChanged", target.address, keccak(code), expected)
        assert remote.failure(decision, ready) == refusal
    set_code(remote.chain, target.address, before)
    remote.execute(decision, ready)


def test_checks_each_target(remote: Remote, target: Contract, decision: Decision) -> None:
    """M24."""
    wrong = act(target, "setBehaviour", 2)
    pinned = Decision([*decision.actions, replace(wrong, code=keccak(text="other code"))])
    remote.arrive(pinned)
    refusal = error("CodeChanged", target.address, wrong.code, keccak(text="other code"))
    assert remote.failure(pinned, remote.ready_at(pinned)) == refusal


def test_refuses_a_call_without_a_code(remote: Remote, target: Contract) -> None:
    """M24: the outbox records none like it; a forger may."""
    unpinned = replace(act(target, "setBehaviour", 1), code=NONE)
    nowhere = Action(PAYEE, b"\x01\x02\x03\x04")
    for action, found in ((unpinned, keccak(code_of(remote.chain, target.address))), (nowhere, NONE)):
        decision = Decision([action])
        remote.arrive(decision)
        refusal = error("CodeChanged", action.target, found, NONE)
        assert remote.failure(decision, remote.ready_at(decision)) == refusal


def test_a_target_without_code_is_not_called(remote: Remote) -> None:
    """M24: with the hash of no code as pin and a wei from anybody, the call would do nothing, and succeed."""
    decision = Decision([Action(PAYEE, b"\x01\x02\x03\x04", 0, keccak(b""))])
    remote.arrive(decision)
    remote.chain.rpc("anvil_setBalance", [PAYEE, "0x1"])
    refusal = error("CodeChanged", PAYEE, keccak(b""), keccak(b""))
    assert remote.failure(decision, remote.ready_at(decision)) == refusal


def test_what_is_created_on_the_way_is_not_called(remote: Remote) -> None:
    """M24: the first action creates the second's target, about whose code the pin says nothing."""
    factory = deploy(remote.chain, "Create3Factory", sender=remote.anyone)
    salt = keccak(text="created on the way")
    address = factory.view("addressOf", remote.timelock.address, salt)
    created = Contract(remote.chain, "ScriptedRecipient", address)
    creation = act(factory, "deploy", remote.timelock.address, salt, init_code("ScriptedRecipient"))
    use = Action(address, created.encode("setBehaviour", 1), 0, keccak(b""))
    decision = Decision([creation, use])
    remote.chain.rpc("anvil_setBalance", [address, "0x1"])
    remote.arrive(decision)
    refusal = error("CodeChanged", address, keccak(b""), keccak(b""))
    assert remote.failure(decision, remote.ready_at(decision)) == refusal


def test_an_account_that_delegates_is_not_called(remote: Remote) -> None:
    """M24: the pin would hold its designator, and what that leads to is the choice of its key (EIP-7702)."""
    designator = bytes.fromhex("ef0100") + bytes(19) + b"\x77"
    set_code(remote.chain, PAYEE, designator)
    decision = Decision([Action(PAYEE, b"\x01\x02\x03\x04", 0, keccak(designator))])
    remote.arrive(decision)
    refusal = error("CodeChanged", PAYEE, keccak(designator), keccak(designator))
    assert remote.failure(decision, remote.ready_at(decision)) == refusal


def test_refuses_codes_that_are_too_few(remote: Remote, target: Contract, decision: Decision) -> None:
    """M24: a forger's list that ends early leaves nothing unchecked."""
    salt, targets, values, calldatas, _, precedent, cancels = decision.fields
    codes: list[bytes] = []
    fields = (salt, targets, values, calldatas, codes, precedent, cancels)
    id_, sender, _ = remote.message(decision)
    payload = encode([DECISION], [fields])
    remote.governor.send("receiveMessage", id_, sender, payload, sender=GATEWAYS[0])
    ready = remote.governor.view("readyAt", keccak(payload))
    assert remote.governor.revert("execute", fields, sender=remote.anyone, at=ready).is_panic


def test_what_a_target_does_during_execution_is_not_pinned_away(
    remote: Remote, target: Contract, decision: Decision
) -> None:
    """Several calls of one target need no more than one code."""
    both = Decision([act(target, "setBehaviour", 2), *decision.actions])
    remote.enact(both)
    assert target.view("behaviour") == 1


# Precedents


@pytest.fixture
def second(target: Contract, decision: Decision) -> Decision:
    """Follows the other one."""
    return Decision([act(target, "setBehaviour", 2)], precedent=decision.id)


def test_waits_for_its_precedent(remote: Remote, decision: Decision, second: Decision) -> None:
    """P7c, M39: reordered decisions are executed in the order that was voted on."""
    remote.arrive(second)
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    assert remote.failure(second, ready) == error("PrecedentNotExecuted", second.id, decision.id)
    assert remote.state(second, ready) == State.WAITING
    remote.execute(decision, ready)
    remote.execute(second, ready + 1)


@pytest.mark.parametrize("late", [0, GRACE, GRACE + 1])
def test_has_its_time_from_its_precedents_execution_on(
    remote: Remote, decision: Decision, second: Decision, late: int
) -> None:
    """P7d: the precedent takes none of it."""
    for one in (decision, second):
        remote.arrive(one)
    executed = remote.ready_at(decision) + GRACE
    remote.execute(decision, executed)
    assert remote.governor.view("expiresAt", second.id) == executed + GRACE
    if late <= GRACE:
        remote.execute(second, executed + max(late, 1))
    else:
        refusal = error("UnexpectedDecisionState", second.id, State.EXPIRED)
        assert remote.failure(second, executed + late) == refusal


def test_postponing_a_precedent_loses_nothing(remote: Remote, decision: Decision, second: Decision) -> None:
    """P7d: a watcher delays by 21 days, and ends nothing. One hot key, one transaction."""
    remote.arrive(decision)
    remote.arrive(second)
    remote.governor.send("postpone", decision.id, sender=remote.guardian)
    ready = remote.ready_at(decision)
    remote.execute(decision, ready + GRACE)
    remote.execute(second, ready + GRACE + 1)


def test_what_follows_new_offices_can_be_executed(
    remote: Remote, decision: Decision, offices: Decision
) -> None:
    """P7d: 35 days are longer than 2 + 14."""
    after = replace(decision, precedent=offices.id)
    remote.arrive(offices)
    remote.arrive(after)
    ready = remote.ready_at(offices)
    remote.execute(offices, ready)
    remote.execute(after, ready + 1)


def test_a_precedent_that_is_sent_again_loses_nothing(
    remote: Remote, decision: Decision, second: Decision
) -> None:
    """P7d: it is lost on its way, and sent again within its 30 days."""
    remote.arrive(second)
    remote.arrive(decision, at=remote.ready_at(second) + 28 * DAY)
    ready = remote.ready_at(decision)
    remote.execute(decision, ready + GRACE)
    remote.execute(second, ready + GRACE + 1)


def test_waits_for_its_precedent_no_longer(remote: Remote, decision: Decision, second: Decision) -> None:
    """P7c: to the second."""
    remote.arrive(second)
    last = remote.ready_at(second) + PRECEDENT_TIME
    assert remote.governor.view("expiresAt", second.id) == last
    assert [remote.state(second, at) for at in (last, last + 1)] == [State.WAITING, State.EXPIRED]
    remote.arrive(decision, at=last - DELAY)
    remote.execute(decision, last)
    remote.execute(second, last + 1)


def test_what_expired_does_not_come_back_with_its_precedent(
    remote: Remote, decision: Decision, second: Decision
) -> None:
    """P7c: nobody can postpone what has expired, and whoever executes both could do it in one transaction."""
    remote.arrive(second)
    last = remote.ready_at(second) + PRECEDENT_TIME
    remote.arrive(decision, at=last - DELAY)
    remote.execute(decision, last + 1)
    assert remote.state(second, last + 2) == State.EXPIRED
    assert remote.failure(second, last + 2) == error("PrecedentNotExecuted", second.id, decision.id)


def test_a_cancelled_precedent_stops_what_follows(
    remote: Remote, decision: Decision, second: Decision
) -> None:
    remote.arrive(second)
    remote.arrive(Decision([], cancels=[decision.id]))
    refusal = error("PrecedentNotExecuted", second.id, decision.id)
    assert remote.failure(second, remote.ready_at(second)) == refusal


# Ether


def test_the_timelock_pays(remote: Remote) -> None:
    """What it holds, before anything that comes along."""
    remote.chain.rpc("anvil_setBalance", [remote.timelock.address, hex(5)])
    decision = Decision([Action(PAYEE, value=3)])
    before = balance(remote.chain, PAYEE)
    remote.enact(decision)
    assert balance(remote.chain, PAYEE) - before == 3
    assert balance(remote.chain, remote.timelock.address) == 2


def test_whoever_executes_may_bring_what_it_lacks(remote: Remote) -> None:
    remote.chain.rpc("anvil_setBalance", [remote.timelock.address, hex(2)])
    decision = Decision([Action(PAYEE, value=3)])
    remote.arrive(decision)
    ready = remote.ready_at(decision)
    assert remote.failure(decision, ready) == error("FailedCall")
    before = balance(remote.chain, PAYEE)
    assert execute_with(remote, decision, ready, 2).succeeded
    assert balance(remote.chain, PAYEE) - before == 3
    assert balance(remote.chain, remote.timelock.address) == 1
    assert balance(remote.chain, remote.governor.address) == 0


def test_a_payee_needs_no_code(remote: Remote, target: Contract) -> None:
    """Its code may change, as one wei from anybody makes an account exist."""
    payee = "0x" + keccak(text="a payee that does not exist")[:20].hex()
    decision = Decision([Action(payee, value=0)])
    remote.arrive(decision)
    remote.chain.rpc("anvil_setBalance", [payee, hex(1)])
    remote.execute(decision, remote.ready_at(decision))


# Reentrancy


def test_a_decision_is_not_executed_inside_another(
    remote: Remote, target: Contract, decision: Decision
) -> None:
    """Two at once would share the gateway that brought them."""
    inner = remote.governor.encode("execute", decision.fields)
    outer = Decision([act(target, "execute", remote.governor.address, inner)])
    remote.arrive(decision)
    remote.arrive(outer)
    ready = remote.ready_at(outer)
    reentered = error("TargetRefused", error("ReentrancyGuardReentrantCall").data)
    assert remote.failure(outer, ready) == reentered
    remote.execute(decision, ready)


def test_what_is_being_executed_can_no_more_be_cancelled(remote: Remote, deployer: str) -> None:
    """P7c: whoever executes chooses what is delivered meanwhile."""
    gateway = deploy(remote.chain, "ScriptedRecipient", sender=deployer)
    remote.enact(Decision([act(remote.governor, "setGateway", gateway.address, True)]))
    decision = Decision([act(gateway, "receiveMessage", NONE, b"", b"")])
    canceller = Decision([], cancels=[decision.id])
    delivery = remote.governor.encode("receiveMessage", *remote.message(canceller))
    gateway.send("setCall", remote.governor.address, delivery, sender=deployer)
    receipt = remote.enact(decision)
    assert receipt.named("DecisionScheduled")[0][0] == canceller.id
    assert receipt.named("DecisionCancelled") == []
    assert remote.state(decision) == State.EXECUTED


def execute_with(remote: Remote, decision: Decision, at: int, value: int) -> Receipt:
    """Executes with ether."""
    remote.chain.rpc("evm_setNextBlockTimestamp", [hex(at)])
    data = remote.governor.encode("execute", decision.fields)
    transaction = {
        "from": remote.anyone,
        "to": remote.governor.address,
        "data": "0x" + data.hex(),
        "value": hex(value),
        "gas": hex(1_000_000),
    }
    return Receipt(remote.chain.rpc("eth_sendTransactionSync", [transaction]))


def balance(chain: BoundChain, account: str) -> int:
    return int(chain.rpc("eth_getBalance", [account, "latest"]), 16)
