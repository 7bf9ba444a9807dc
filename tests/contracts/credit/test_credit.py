"""Credit: ERA put in and taken out, and whose of it a message may spend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from metalayer.protocol.message import interoperable
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, call, deploy, error
from tests.kit.founding import Founding
from tests.kit.outbox import ACCOUNT
from tests.kit.paper import DEFAULT_GAS_LIMIT
from tests.kit.stack import Stack
from tests.kit.terms import MAX_GAS_LIMIT, RETURN_GAS_LIMIT

FEE_PAYER = keccak(text="feePayer(address)")[:4]
MIN_GAS_LIMIT = keccak(text="minGasLimit(uint256)")[:4]
WEI = 10**18
GWEI = 10**9
LARGEST = 2**256 - 1
BALANCE = 1_000 * WEI


@pytest.fixture
def gateway(hub: Stack) -> Contract:
    return hub.gateway


@pytest.fixture
def era(hub: Stack, treasury: str, depositor: str, gateway: Contract) -> Contract:
    """ERA of the hub: the depositor has some, which it approved."""
    hub.era.send("transfer", depositor, BALANCE, sender=treasury)
    hub.era.send("approve", gateway.address, LARGEST, sender=depositor)
    return hub.era


@pytest.fixture
def payer(era: Contract, gateway: Contract, depositor: str) -> str:
    """Has all its ERA in credit."""
    gateway.send("depositFor", depositor, BALANCE, sender=depositor)
    return depositor


@pytest.fixture
def recipient(arcade: Stack) -> bytes:
    """ERC-7930 form of an account on arcade."""
    return interoperable(arcade.chain.chain_id, ACCOUNT)


@pytest.fixture
def price(gateway: Contract, arcade: Stack) -> int:
    """Of a message without payload and without a gas limit of its own, in wei."""
    amount = gateway.view("quote", arcade.chain.chain_id, DEFAULT_GAS_LIMIT, RETURN_GAS_LIMIT, 0)
    assert 0 < amount < BALANCE
    return amount


def paid_by(account: str) -> list[bytes]:
    return [FEE_PAYER + encode(["address"], [account])]


@pytest.fixture
def send(gateway: Contract, recipient: bytes) -> Callable[..., Any]:
    return lambda sender, attributes=(): gateway.send(
        "sendMessage", recipient, b"", list(attributes), sender=sender
    )


@pytest.fixture
def refusal(gateway: Contract, recipient: bytes) -> Callable[..., Any]:
    return lambda sender, attributes=(): gateway.revert(
        "sendMessage", recipient, b"", list(attributes), sender=sender
    )


# In and out


def test_fee_token_is_era(stacks: dict[str, Stack]) -> None:
    assert all(stack.gateway.view("FEE_TOKEN") == stack.era.address for stack in stacks.values())


def test_refuses_to_be_deployed_without_a_token(hub: Stack, founding: Founding, deployer: str) -> None:
    """M8: nothing is ever asked of the zero address."""
    code = founding.code(era=ZERO_ADDRESS)
    assert call(hub.chain, None, code, sender=deployer) == error("InvalidToken", ZERO_ADDRESS)


def test_deposits_for_oneself(gateway: Contract, era: Contract, depositor: str) -> None:
    receipt = gateway.send("depositFor", depositor, 3 * WEI, sender=depositor)
    assert receipt.named("Deposited") == [(depositor, depositor, 3 * WEI)]
    assert receipt.named("Transfer") == [(depositor, gateway.address, 3 * WEI)]
    assert gateway.view("credit", depositor) == 3 * WEI
    assert era.view("balanceOf", gateway.address) == 3 * WEI


def test_deposits_for_another(gateway: Contract, era: Contract, depositor: str, beneficiary: str) -> None:
    receipt = gateway.send("depositFor", beneficiary, 3 * WEI, sender=depositor)
    assert receipt.named("Deposited") == [(beneficiary, depositor, 3 * WEI)]
    assert gateway.view("credit", beneficiary) == 3 * WEI
    assert gateway.view("credit", depositor) == 0
    assert era.view("balanceOf", depositor) == BALANCE - 3 * WEI


def test_deposits_add_up(gateway: Contract, era: Contract, depositor: str, beneficiary: str) -> None:
    for amount in (1, 5 * WEI, 0):
        gateway.send("depositFor", beneficiary, amount, sender=depositor)
    assert gateway.view("credit", beneficiary) == 5 * WEI + 1


def test_refuses_a_deposit_for_the_zero_address(gateway: Contract, era: Contract, depositor: str) -> None:
    assert gateway.revert("depositFor", ZERO_ADDRESS, 1, sender=depositor) == error(
        "InvalidAccount", ZERO_ADDRESS
    )


def test_a_deposit_without_approval_leaves_nothing(gateway: Contract, era: Contract, depositor: str) -> None:
    era.send("approve", gateway.address, WEI - 1, sender=depositor)
    refused = error("ERC20InsufficientAllowance", gateway.address, WEI - 1, WEI)
    assert gateway.revert("depositFor", depositor, WEI, sender=depositor) == refused
    assert not gateway.attempt("depositFor", depositor, WEI, sender=depositor).succeeded
    assert gateway.view("credit", depositor) == era.view("balanceOf", gateway.address) == 0


def test_a_deposit_beyond_the_balance_leaves_nothing(
    gateway: Contract, era: Contract, depositor: str
) -> None:
    refused = error("ERC20InsufficientBalance", depositor, BALANCE, BALANCE + 1)
    assert gateway.revert("depositFor", depositor, BALANCE + 1, sender=depositor) == refused
    assert not gateway.attempt("depositFor", depositor, BALANCE + 1, sender=depositor).succeeded
    assert gateway.view("credit", depositor) == era.view("balanceOf", gateway.address) == 0


def test_an_approval_is_nobody_elses(gateway: Contract, era: Contract, depositor: str, attacker: str) -> None:
    """Who approved the gateway deposits; nobody deposits for it, or out of it."""
    for account in (attacker, depositor):
        refused = error("ERC20InsufficientAllowance", gateway.address, 0, WEI)
        assert gateway.revert("depositFor", account, WEI, sender=attacker) == refused


def test_a_plain_transfer_is_nobodys_credit(
    gateway: Contract, era: Contract, depositor: str, attacker: str
) -> None:
    """M22: a donation changes nothing."""
    era.send("transfer", gateway.address, WEI, sender=depositor)
    assert gateway.view("credit", depositor) == 0
    assert gateway.revert("withdraw", attacker, 1, sender=attacker) == error(
        "InsufficientCredit", attacker, 0, 1
    )


def test_withdraws(gateway: Contract, era: Contract, payer: str, beneficiary: str) -> None:
    receipt = gateway.send("withdraw", beneficiary, 3 * WEI, sender=payer)
    assert receipt.named("Withdrawn") == [(payer, beneficiary, 3 * WEI)]
    assert receipt.named("Transfer") == [(gateway.address, beneficiary, 3 * WEI)]
    assert gateway.view("credit", payer) == BALANCE - 3 * WEI
    assert era.view("balanceOf", beneficiary) == 3 * WEI


def test_withdraws_everything(gateway: Contract, era: Contract, payer: str) -> None:
    gateway.send("withdraw", payer, BALANCE, sender=payer)
    assert gateway.view("credit", payer) == era.view("balanceOf", gateway.address) == 0
    assert era.view("balanceOf", payer) == BALANCE


def test_refuses_to_withdraw_more_than_the_credit(gateway: Contract, payer: str) -> None:
    for amount in (BALANCE + 1, LARGEST):
        refused = error("InsufficientCredit", payer, BALANCE, amount)
        assert gateway.revert("withdraw", payer, amount, sender=payer) == refused


def test_refuses_to_withdraw_anothers_credit(gateway: Contract, payer: str, attacker: str) -> None:
    gateway.send("setAllowance", attacker, LARGEST, sender=payer)
    assert gateway.revert("withdraw", attacker, 1, sender=attacker) == error(
        "InsufficientCredit", attacker, 0, 1
    )


def test_who_was_deposited_for_withdraws(
    gateway: Contract, era: Contract, depositor: str, beneficiary: str
) -> None:
    """Not who deposited."""
    gateway.send("depositFor", beneficiary, WEI, sender=depositor)
    refused = error("InsufficientCredit", depositor, 0, WEI)
    assert gateway.revert("withdraw", depositor, WEI, sender=depositor) == refused
    gateway.send("withdraw", beneficiary, WEI, sender=beneficiary)


def test_refuses_to_withdraw_to_nobody(gateway: Contract, payer: str) -> None:
    """The zero address, and the gateway itself, where it would be credited to nobody."""
    for account in (ZERO_ADDRESS, gateway.address):
        assert gateway.revert("withdraw", account, WEI, sender=payer) == error("InvalidAccount", account)


def test_works_on_a_spoke(arcade: Stack, hub: Stack, depositor: str, beneficiary: str) -> None:
    """There the bridge alone mints."""
    chain, bridge = arcade.chain, arcade.bridge.address
    chain.rpc("anvil_setBalance", [bridge, hex(10**20)])
    chain.rpc("anvil_impersonateAccount", [bridge])
    try:
        arcade.era.send("crosschainMint", depositor, BALANCE, sender=bridge)
    finally:
        chain.rpc("anvil_stopImpersonatingAccount", [bridge])
    arcade.era.send("approve", arcade.gateway.address, BALANCE, sender=depositor)
    arcade.gateway.send("depositFor", depositor, BALANCE, sender=depositor)
    to = interoperable(hub.chain.chain_id, ACCOUNT)
    price = arcade.gateway.view("quote", hub.chain.chain_id, DEFAULT_GAS_LIMIT, RETURN_GAS_LIMIT, 0)
    arcade.gateway.send("sendMessage", to, b"", [], sender=depositor)
    arcade.gateway.send("withdraw", beneficiary, BALANCE - price, sender=depositor)
    assert arcade.era.view("balanceOf", beneficiary) == BALANCE - price
    assert arcade.era.view("balanceOf", arcade.gateway.address) == price > 0


# Who pays


def test_sender_pays_by_default(gateway: Contract, payer: str, price: int, send: Callable[..., Any]) -> None:
    send(payer)
    assert gateway.view("credit", payer) == BALANCE - price


def test_refuses_a_sender_without_credit(sender: str, price: int, refusal: Callable[..., Any]) -> None:
    assert refusal(sender) == error("InsufficientCredit", sender, 0, price)


def test_credit_must_hold_the_whole_price(
    gateway: Contract,
    era: Contract,
    depositor: str,
    sender: str,
    price: int,
    send: Callable[..., Any],
    refusal: Callable[..., Any],
) -> None:
    gateway.send("depositFor", sender, price - 1, sender=depositor)
    assert refusal(sender) == error("InsufficientCredit", sender, price - 1, price)
    gateway.send("depositFor", sender, 1, sender=depositor)
    send(sender)
    assert gateway.view("credit", sender) == 0


def test_approved_era_does_not_pay(
    era: Contract, depositor: str, price: int, refusal: Callable[..., Any]
) -> None:
    """Only what was deposited."""
    assert refusal(depositor) == error("InsufficientCredit", depositor, 0, price)


def test_a_message_that_cannot_be_paid_leaves_no_trace(
    gateway: Contract, sender: str, recipient: bytes, arcade: Stack
) -> None:
    lane = arcade.chain.chain_id
    before = gateway.view("outboxLane", lane)
    assert not gateway.attempt("sendMessage", recipient, b"", [], sender=sender).succeeded
    assert gateway.view("outboxLane", lane) == before
    assert gateway.view("laneFees", lane) == (0, 0)


def test_a_payer_sets_an_allowance(gateway: Contract, payer: str, sender: str) -> None:
    receipt = gateway.send("setAllowance", sender, 5, sender=payer)
    assert receipt.named("AllowanceSet") == [(payer, sender, 5)]
    assert gateway.view("allowance", payer, sender) == 5
    assert gateway.view("allowance", sender, payer) == 0


def test_an_allowance_replaces_the_one_before(gateway: Contract, payer: str, sender: str) -> None:
    for amount in (5, LARGEST, 3, 0):
        gateway.send("setAllowance", sender, amount, sender=payer)
        assert gateway.view("allowance", payer, sender) == amount


def test_an_allowance_needs_no_credit(gateway: Contract, depositor: str, sender: str) -> None:
    gateway.send("setAllowance", sender, 5, sender=depositor)
    assert gateway.view("allowance", depositor, sender) == 5


def test_a_payer_pays_for_a_sender_that_it_allows(
    gateway: Contract, era: Contract, payer: str, sender: str, price: int, send: Callable[..., Any]
) -> None:
    gateway.send("setAllowance", sender, price, sender=payer)
    receipt = send(sender, paid_by(payer))
    assert receipt.named("LaneExtended")[0][4] != 0
    assert gateway.view("credit", payer) == BALANCE - price
    assert gateway.view("allowance", payer, sender) == 0
    assert gateway.view("credit", sender) == 0


def test_a_sender_with_a_payer_keeps_its_own_credit(
    gateway: Contract, era: Contract, payer: str, sender: str, price: int, send: Callable[..., Any]
) -> None:
    gateway.send("withdraw", payer, price, sender=payer)
    gateway.send("depositFor", sender, price, sender=payer)
    gateway.send("setAllowance", sender, price, sender=payer)
    send(sender, paid_by(payer))
    assert gateway.view("credit", sender) == price
    assert gateway.view("credit", payer) == BALANCE - 2 * price


def test_refuses_a_payer_without_allowance(
    payer: str, sender: str, price: int, refusal: Callable[..., Any]
) -> None:
    assert refusal(sender, paid_by(payer)) == error("InsufficientAllowance", payer, sender, 0, price)


def test_refuses_a_payer_whose_allowance_is_too_small(
    gateway: Contract, payer: str, sender: str, price: int, refusal: Callable[..., Any]
) -> None:
    gateway.send("setAllowance", sender, price - 1, sender=payer)
    expected = error("InsufficientAllowance", payer, sender, price - 1, price)
    assert refusal(sender, paid_by(payer)) == expected


def test_an_allowance_is_used_up(
    gateway: Contract,
    payer: str,
    sender: str,
    price: int,
    send: Callable[..., Any],
    refusal: Callable[..., Any],
) -> None:
    gateway.send("setAllowance", sender, 2 * price + 7, sender=payer)
    for left in (price + 7, 7):
        send(sender, paid_by(payer))
        assert gateway.view("allowance", payer, sender) == left
    assert refusal(sender, paid_by(payer)) == error("InsufficientAllowance", payer, sender, 7, price)


@pytest.mark.parametrize(("amount", "decreases"), [(LARGEST, False), (LARGEST - 1, True)])
def test_only_the_largest_allowance_is_never_used_up(
    gateway: Contract,
    payer: str,
    sender: str,
    price: int,
    send: Callable[..., Any],
    amount: int,
    decreases: bool,
) -> None:
    gateway.send("setAllowance", sender, amount, sender=payer)
    send(sender, paid_by(payer))
    assert gateway.view("allowance", payer, sender) == amount - price * decreases
    assert gateway.view("credit", payer) == BALANCE - price


def test_a_payer_takes_its_allowance_back(
    gateway: Contract, payer: str, sender: str, price: int, refusal: Callable[..., Any]
) -> None:
    gateway.send("setAllowance", sender, LARGEST, sender=payer)
    gateway.send("setAllowance", sender, 0, sender=payer)
    assert refusal(sender, paid_by(payer)) == error("InsufficientAllowance", payer, sender, 0, price)


def test_naming_oneself_needs_no_allowance(
    gateway: Contract, payer: str, price: int, send: Callable[..., Any]
) -> None:
    send(payer, paid_by(payer))
    assert gateway.view("credit", payer) == BALANCE - price


def test_naming_oneself_uses_no_allowance(
    gateway: Contract, payer: str, price: int, send: Callable[..., Any]
) -> None:
    gateway.send("setAllowance", payer, 5, sender=payer)
    send(payer, paid_by(payer))
    assert gateway.view("allowance", payer, payer) == 5


def test_refuses_a_payer_with_too_little_credit(
    gateway: Contract, era: Contract, depositor: str, sender: str, price: int, refusal: Callable[..., Any]
) -> None:
    """An allowance promises nothing."""
    gateway.send("depositFor", depositor, price - 1, sender=depositor)
    gateway.send("setAllowance", sender, LARGEST, sender=depositor)
    expected = error("InsufficientCredit", depositor, price - 1, price)
    assert refusal(sender, paid_by(depositor)) == expected


def test_a_sender_does_not_step_in_for_its_payer(
    gateway: Contract, era: Contract, depositor: str, sender: str, price: int, refusal: Callable[..., Any]
) -> None:
    gateway.send("depositFor", sender, price, sender=depositor)
    gateway.send("setAllowance", sender, LARGEST, sender=depositor)
    assert refusal(sender, paid_by(depositor)) == error("InsufficientCredit", depositor, 0, price)


# Nobody else's credit


def test_an_allowance_is_for_one_sender(
    gateway: Contract, payer: str, sender: str, attacker: str, price: int, refusal: Callable[..., Any]
) -> None:
    gateway.send("setAllowance", sender, LARGEST, sender=payer)
    assert refusal(attacker, paid_by(payer)) == error("InsufficientAllowance", payer, attacker, 0, price)


def test_an_allowance_is_not_mutual(
    gateway: Contract, payer: str, sender: str, price: int, refusal: Callable[..., Any]
) -> None:
    gateway.send("setAllowance", payer, LARGEST, sender=sender)
    assert refusal(sender, paid_by(payer)) == error("InsufficientAllowance", payer, sender, 0, price)


def test_an_allowance_to_a_contract_is_not_its_callers(
    hub: Stack,
    gateway: Contract,
    payer: str,
    attacker: str,
    price: int,
    recipient: bytes,
    refusal: Callable[..., Any],
) -> None:
    """It is the contract that decides for which of its callers it spends."""
    contract = deploy(hub.chain, "ScriptedSender", sender=attacker)
    gateway.send("setAllowance", contract.address, LARGEST, sender=payer)
    assert refusal(attacker, paid_by(payer)) == error("InsufficientAllowance", payer, attacker, 0, price)
    contract.send("send", gateway.address, recipient, b"", paid_by(payer), sender=attacker)
    assert gateway.view("credit", payer) == BALANCE - price


def test_a_contract_does_not_spend_its_callers_credit(
    hub: Stack, gateway: Contract, payer: str, attacker: str, price: int, recipient: bytes
) -> None:
    """Who signed the transaction is nobody here: a payer that is lured into calling loses nothing."""
    contract = deploy(hub.chain, "ScriptedSender", sender=attacker)
    refused = gateway.encode("sendMessage", recipient, b"", paid_by(payer))
    expected = error("InsufficientAllowance", payer, contract.address, 0, price)
    reason = contract.revert("execute", gateway.address, refused, sender=payer)
    assert reason == error("TargetRefused", expected.data)


def test_the_gateways_own_credit_is_not_spent(
    gateway: Contract, era: Contract, depositor: str, attacker: str, price: int, refusal: Callable[..., Any]
) -> None:
    """What lies in escrow is nobody's credit, and nothing can be credited to the gateway."""
    expected = error("InsufficientCredit", gateway.address, 0, price)
    assert refusal(attacker, paid_by(gateway.address)) == expected
    expected = error("InvalidAccount", gateway.address)
    assert gateway.revert("depositFor", gateway.address, price, sender=depositor) == expected


def test_owner_and_guardian_reach_no_credit(
    gateway: Contract, payer: str, owner: str, guardian: str, price: int, refusal: Callable[..., Any]
) -> None:
    """P8: they withdraw and spend as little of others as anyone."""
    for account in (owner, guardian):
        expected = error("InsufficientCredit", account, 0, BALANCE)
        assert gateway.revert("withdraw", account, BALANCE, sender=account) == expected
        assert refusal(account, paid_by(payer)) == error("InsufficientAllowance", payer, account, 0, price)


# Whatever they do

HOLDERS = ("owner", "sender", "attacker")
holders = st.sampled_from(HOLDERS)
lanes = st.sampled_from(["arcade", "perps"])
# A message costs about 0.03 ERA.
amounts = st.one_of(st.integers(0, WEI // 10), st.sampled_from([BALANCE, BALANCE + 1, LARGEST]))


class CreditMachine(RuleBasedStateMachine):
    """Three holders of ERA, of whom one owns the gateway, and what each ought to have, in wei."""

    stacks: dict[str, Stack]  # set by the test, like the accounts: they are fixtures
    accounts: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        hub = self.stacks["hub"]
        self.gateway, self.era_token = hub.gateway, hub.era
        self.lane_ids = {name: self.stacks[name].chain.chain_id for name in ("arcade", "perps")}
        self.snapshot = hub.chain.snapshot()
        for name in HOLDERS:
            self.era_token.send("transfer", self.accounts[name], BALANCE, sender=self.accounts["treasury"])
            self.era_token.send("approve", self.gateway.address, LARGEST, sender=self.accounts[name])
        self.era = dict.fromkeys(HOLDERS, BALANCE)
        self.credit = dict.fromkeys(HOLDERS, 0)
        self.allowance = {(payer, by): 0 for payer in HOLDERS for by in HOLDERS}

    def teardown(self) -> None:
        self.gateway.chain.restore(self.snapshot)

    def attempt(self, by: str, allowed: bool, method: str, *arguments: Any) -> Receipt:
        """Succeeds exactly if it is allowed."""
        receipt = self.gateway.attempt(method, *arguments, sender=self.accounts[by])
        assert receipt.succeeded is allowed
        return receipt

    @rule(by=holders, account=holders, amount=amounts)
    def deposit(self, by: str, account: str, amount: int) -> None:
        allowed = amount <= self.era[by]
        self.attempt(by, allowed, "depositFor", self.accounts[account], amount)
        self.era[by] -= amount * allowed
        self.credit[account] += amount * allowed

    @rule(by=holders, to=holders, amount=amounts)
    def withdraw(self, by: str, to: str, amount: int) -> None:
        allowed = amount <= self.credit[by]
        self.attempt(by, allowed, "withdraw", self.accounts[to], amount)
        self.credit[by] -= amount * allowed
        self.era[to] += amount * allowed

    @rule(by=holders, to=holders, amount=amounts)
    def allow(self, by: str, to: str, amount: int) -> None:
        self.attempt(by, True, "setAllowance", self.accounts[to], amount)
        self.allowance[by, to] = amount

    @rule(
        by=holders,
        named=st.none() | holders,
        lane=lanes,
        gas_limit=st.integers(0, MAX_GAS_LIMIT),
        length=st.integers(0, 64),
    )
    def send(self, by: str, named: str | None, lane: str, gas_limit: int, length: int) -> None:
        payer = named or by
        price = self.gateway.view("quote", self.lane_ids[lane], gas_limit, RETURN_GAS_LIMIT, length)
        allowed = payer == by or price <= self.allowance[payer, by]
        attributes = [MIN_GAS_LIMIT + encode(["uint256"], [gas_limit])]
        if named is not None:
            attributes += paid_by(self.accounts[named])
        recipient = interoperable(self.lane_ids[lane], ACCOUNT)
        paid = allowed and price <= self.credit[payer]
        self.attempt(by, paid, "sendMessage", recipient, bytes(length), attributes)
        if paid:
            self.credit[payer] -= price
            if payer != by and self.allowance[payer, by] != LARGEST:
                self.allowance[payer, by] -= price
        left = self.gateway.view("allowance", self.accounts[payer], self.accounts[by])
        assert left == self.allowance[payer, by]

    @rule(by=holders, lane=lanes)
    def sweep(self, by: str, lane: str) -> None:
        fees = self.gateway.view("laneFees", self.lane_ids[lane])[1] * GWEI
        receipt = self.attempt(by, True, "sweep", self.lane_ids[lane])
        assert receipt.named("Swept") == [(self.lane_ids[lane], self.gateway.view("COLLECTOR"), fees)]

    @invariant()
    def every_credit_is_what_it_ought_to_be(self) -> None:
        assert {name: self.gateway.view("credit", self.accounts[name]) for name in HOLDERS} == self.credit

    @invariant()
    def the_gateway_holds_what_it_owes(self) -> None:
        """P5: credit, escrow and protocol fees are its ERA, to the wei."""
        fees = sum(sum(self.gateway.view("laneFees", lane)) for lane in self.lane_ids.values())
        owed = sum(self.credit.values()) + fees * GWEI
        assert self.era_token.view("balanceOf", self.gateway.address) == owed


def test_credit_and_fees_are_the_gateways_era(
    stacks: dict[str, Stack], owner: str, sender: str, attacker: str, treasury: str
) -> None:
    """P5: after every step, whoever tries what."""
    CreditMachine.stacks = stacks
    CreditMachine.accounts = {"owner": owner, "sender": sender, "attacker": attacker, "treasury": treasury}
    profile = settings.default
    assert profile is not None
    run_state_machine_as_test(
        CreditMachine,
        settings=settings(profile, max_examples=profile.max_examples // 2, stateful_step_count=12),
    )
