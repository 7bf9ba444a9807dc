"""Pins: what is executed has the code that it had when it was proposed."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from tests.kit.evm import code_of, error, set_code
from tests.kit.governing import ABSTAIN, FOR, PASSER_BY, PROPOSER, SUPPORTER, Action, Senate, State
from tests.kit.roles import PAYER

TARGET = to_checksum_address("0x" + "77" * 20)
PAYEE = to_checksum_address("0x" + "99" * 20)
STOP, OTHER_STOP = b"\x00", b"\x00\x00"
"""Codes that take any call."""
DESIGNATOR = bytes.fromhex("ef0100")


def test_changed_code_is_refused(senate: Senate) -> None:
    """M24: Tornado Cash's, whose proposal was destroyed and made anew after the vote."""
    set_code(senate.chain, TARGET, STOP)
    proposal = senate.queue(Action(TARGET, b"\x01"))
    set_code(senate.chain, TARGET, OTHER_STOP)
    assert proposal.revert("execute") == error("CodeChanged", proposal.id)
    set_code(senate.chain, TARGET, STOP)
    proposal.send("execute")


def test_every_target_is_pinned(senate: Senate) -> None:
    """M24: in its place."""
    other = to_checksum_address("0x" + "78" * 20)
    set_code(senate.chain, TARGET, STOP)
    set_code(senate.chain, other, OTHER_STOP)
    proposal = senate.queue(senate.refusal, Action(TARGET, b"\x01"), Action(other, b"\x01"))
    for first, second in ((STOP, STOP), (OTHER_STOP, OTHER_STOP), (OTHER_STOP, STOP)):
        set_code(senate.chain, TARGET, first)
        set_code(senate.chain, other, second)
        assert proposal.revert("execute") == error("CodeChanged", proposal.id)
    set_code(senate.chain, TARGET, STOP)
    set_code(senate.chain, other, OTHER_STOP)
    proposal.send("execute")


def test_what_changes_after_the_queue_is_refused(senate: Senate) -> None:
    """M24: the delay is time to change it, too."""
    set_code(senate.chain, TARGET, STOP)
    proposal = senate.pass_(Action(TARGET, b"\x01"))
    proposal.send("queue")
    set_code(senate.chain, TARGET, OTHER_STOP)
    assert proposal.revert("execute", at=proposal.eta) == error("CodeChanged", proposal.id)


def test_what_has_no_code_is_not_called(senate: Senate) -> None:
    """What is there later may be anything."""
    draft = senate.draft(senate.refusal, Action(TARGET, b"\x01"))
    refusal = senate.governor.revert("propose", *draft.written, sender=PROPOSER)
    assert refusal == error("TargetWithoutCode", TARGET)
    set_code(senate.chain, TARGET, STOP)
    senate.propose(*draft.actions)


def test_what_lost_its_code_is_not_called(senate: Senate) -> None:
    set_code(senate.chain, TARGET, STOP)
    proposal = senate.queue(Action(TARGET, b"\x01"))
    set_code(senate.chain, TARGET, b"")
    assert proposal.revert("execute") == error("TargetWithoutCode", TARGET)


def test_whoever_is_only_paid_may_change(senate: Senate) -> None:
    """The first wei from anybody gives an account another code hash: it would block its own payment."""
    chain = senate.chain
    chain.rpc("anvil_setBalance", [senate.timelock.address, hex(3)])
    proposal = senate.queue(senate.refusal, Action(PAYEE, value=3))
    chain.rpc("eth_sendTransactionSync", [{"from": PASSER_BY, "to": PAYEE, "value": hex(1)}])
    proposal.send("execute")
    assert int(chain.rpc("eth_getBalance", [PAYEE, "latest"]), 16) == 4


def test_a_payment_is_proposed_to_whoever_it_is(senate: Senate) -> None:
    """Alone, and without code."""
    senate.chain.rpc("anvil_setBalance", [senate.timelock.address, hex(3)])
    senate.enact(Action(PAYEE, value=3))
    assert int(senate.chain.rpc("eth_getBalance", [PAYEE, "latest"]), 16) == 3


def delegate(senate: Senate, target: str) -> None:
    """The account PAYER takes the code of another one (EIP-7702)."""
    chain, account = senate.chain, PAYER.account
    nonce = int(chain.rpc("eth_getTransactionCount", [account.address, "latest"]), 16)
    authorization = {"chainId": chain.chain_id, "address": target, "nonce": nonce + 1}
    transaction: dict[str, Any] = {
        "type": 4,
        "chainId": chain.chain_id,
        "nonce": nonce,
        "to": PASSER_BY,
        "value": 0,
        "gas": 200_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 0,
        "authorizationList": [account.sign_authorization(authorization)],
    }
    raw = account.sign_transaction(transaction).raw_transaction
    assert chain.rpc("eth_sendRawTransactionSync", ["0x" + bytes(raw).hex()])["status"] == "0x1"


def test_an_account_that_delegates_is_not_called(senate: Senate) -> None:
    """M24: its key changes in any block to what it delegates, and that may be created after the vote (EIP-7702)."""
    chain, account = senate.chain, PAYER.address
    set_code(chain, TARGET, STOP)
    delegate(senate, TARGET)
    assert code_of(chain, account) == DESIGNATOR + bytes.fromhex(TARGET[2:])
    draft = senate.draft(Action(account, b"\x01"))
    refusal = senate.governor.revert("propose", *draft.written, sender=PROPOSER)
    assert refusal == error("TargetWithoutCode", account)
    senate.chain.rpc("anvil_setBalance", [senate.timelock.address, hex(3)])
    senate.propose(Action(account, value=3))


def test_an_account_without_code_is_not_called(senate: Senate) -> None:
    draft = senate.draft(Action(PAYER.address, b"\x01"))
    refusal = senate.governor.revert("propose", *draft.written, sender=PROPOSER)
    assert refusal == error("TargetWithoutCode", PAYER.address)


def test_what_cannot_be_executed_can_be_cancelled(senate: Senate) -> None:
    set_code(senate.chain, TARGET, STOP)
    proposal = senate.queue(Action(TARGET, b"\x01"))
    set_code(senate.chain, TARGET, OTHER_STOP)
    assert proposal.revert("execute") == error("CodeChanged", proposal.id)
    proposal.send("cancel", sender=senate.governor.view("proposalGuardian"))
    assert proposal.state() == State.CANCELED


@pytest.mark.parametrize("support", [FOR, ABSTAIN])
def test_changed_code_hinders_no_vote(senate: Senate, support: Any) -> None:
    set_code(senate.chain, TARGET, STOP)
    proposal = senate.propose(Action(TARGET, b"\x01"))
    set_code(senate.chain, TARGET, OTHER_STOP)
    proposal.vote(SUPPORTER, support, at=proposal.snapshot + 1)
