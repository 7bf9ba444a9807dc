"""ERA: supply, permits, votes by time, and minting by the bridge on spokes alone."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tests.kit.evm import (
    ZERO_ADDRESS,
    Contract,
    call,
    contract_types,
    created_address,
    deploy,
    error,
    init_code,
    now,
)
from tests.kit.stack import Stack

SUPPLY = 10**27
AMOUNT = 5 * 10**18
NEVER = 2**256 - 1
HOLDER_KEY = Account.from_key(keccak(text="era holder"))
HOLDER = HOLDER_KEY.address
STRANGER_KEY = Account.from_key(keccak(text="era stranger"))


@pytest.fixture
def era(hub: Stack, treasury: str) -> Contract:
    """The hub's ERA, of which the holder whose key we have owns some."""
    hub.era.send("transfer", HOLDER, AMOUNT, sender=treasury)
    return hub.era


@pytest.fixture
def spoke_bridge(arcade: Stack) -> str:
    """The bridge of a spoke, able to send transactions of its own."""
    arcade.chain.rpc("anvil_impersonateAccount", [arcade.bridge.address])
    arcade.chain.rpc("anvil_setBalance", [arcade.bridge.address, hex(10**20)])
    return arcade.bridge.address


@pytest.fixture
def hub_bridge(hub: Stack) -> str:
    return hub.bridge.address


@pytest.fixture
def accounts_allocated(beneficiary: str, sender: str) -> list[str]:
    return [beneficiary, sender]


def sign(
    era: Contract,
    key: LocalAccount,
    primary_type: str,
    fields: tuple[tuple[str, str], ...],
    message: dict[str, Any],
    chain_id: None = None,
    token: None = None,
) -> tuple[int, bytes, bytes]:
    signed = key.sign_typed_data(
        domain_data={
            "name": "ERA",
            "version": "1",
            "chainId": chain_id or era.chain.chain_id,
            "verifyingContract": token or era.address,
        },
        message_types={primary_type: [{"name": name, "type": type_} for name, type_ in fields]},
        message_data=message,
    )
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


PERMIT = (
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)
DELEGATION = (("delegatee", "address"), ("nonce", "uint256"), ("expiry", "uint256"))


def permit(
    era: Contract,
    spender: str,
    value: int,
    deadline: int,
    nonce: int = 0,
    key: LocalAccount = HOLDER_KEY,
    **domain: Any,
) -> tuple[Any, ...]:
    message = {"owner": HOLDER, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline}
    return HOLDER, spender, value, deadline, *sign(era, key, "Permit", PERMIT, message, **domain)


def delegation(
    era: Contract, delegatee: str, expiry: int, nonce: int = 0, key: LocalAccount = HOLDER_KEY, **domain: Any
) -> tuple[Any, ...]:
    message = {"delegatee": delegatee, "nonce": nonce, "expiry": expiry}
    return delegatee, nonce, expiry, *sign(era, key, "Delegation", DELEGATION, message, **domain)


# Supply


def test_hub_mints_the_whole_supply_to_the_treasury(hub: Stack, treasury: str) -> None:
    """P4: 1,000,000,000 ERA."""
    assert hub.era.view("totalSupply") == SUPPLY == hub.era.view("HUB_SUPPLY")
    assert hub.era.view("balanceOf", treasury) == SUPPLY


@pytest.mark.parametrize("spoke", ["arcade", "perps"])
def test_spokes_start_without_supply(stacks: dict[str, Stack], spoke: str, treasury: str) -> None:
    """P4: the same constructor arguments mint nothing elsewhere."""
    assert stacks[spoke].era.view("totalSupply") == 0
    assert stacks[spoke].era.view("balanceOf", treasury) == 0


@pytest.mark.parametrize("parts", [(), (1,), (3, 4), (SUPPLY - 1,), (SUPPLY,), (SUPPLY - 5, 5)])
def test_the_treasury_gets_what_is_not_allocated(
    hub: Stack, deployer: str, treasury: str, accounts_allocated: list[str], parts: tuple[int, ...]
) -> None:
    """P4: the supply is the same whatever is allocated."""
    allocations = list(zip(accounts_allocated, parts, strict=False))
    era = deploy(hub.chain, "ERA", 901, hub.bridge.address, treasury, allocations, sender=deployer)
    found = [era.view("balanceOf", account) for account, _ in allocations]
    assert (*found, era.view("balanceOf", treasury)) == (*parts, SUPPLY - sum(parts))
    assert era.view("totalSupply") == SUPPLY


@pytest.mark.parametrize("parts", [(SUPPLY + 1,), (SUPPLY, 1), (1, SUPPLY)])
def test_refuses_to_allocate_more_than_the_supply(
    hub: Stack, deployer: str, treasury: str, accounts_allocated: list[str], parts: tuple[int, ...]
) -> None:
    allocations = list(zip(accounts_allocated, parts, strict=False))
    code = init_code("ERA", hub.chain.chain_id, hub.bridge.address, treasury, allocations)
    refusal = call(hub.chain, None, code, sender=deployer)
    assert refusal == error("AllocationsExceedSupply", SUPPLY + 1)


def test_refuses_to_allocate_to_the_zero_address(hub: Stack, deployer: str, treasury: str) -> None:
    """M8."""
    code = init_code("ERA", hub.chain.chain_id, hub.bridge.address, treasury, [(ZERO_ADDRESS, 1)])
    assert call(hub.chain, None, code, sender=deployer) == error("ERC20InvalidReceiver", ZERO_ADDRESS)


def test_allocates_nothing_on_a_spoke(
    arcade: Stack, hub: Stack, deployer: str, treasury: str, beneficiary: str
) -> None:
    """P4: the same constructor arguments mint nothing elsewhere."""
    arguments = hub.chain.chain_id, arcade.bridge.address, treasury, [(beneficiary, AMOUNT)]
    era = deploy(arcade.chain, "ERA", *arguments, sender=deployer)
    assert era.view("totalSupply") == era.view("balanceOf", beneficiary) == 0


def test_describes_itself(hub: Stack) -> None:
    described = [hub.era.view(name) for name in ("name", "symbol", "decimals")]
    assert described == ["ERA", "ERA", 18]


def test_knows_hub_and_bridge(stacks: dict[str, Stack], hub: Stack) -> None:
    for stack in stacks.values():
        assert stack.era.view("HUB_CHAIN_ID") == hub.chain.chain_id
        assert stack.era.view("BRIDGE") == stack.bridge.address


def test_refuses_to_mint_to_the_zero_treasury(hub: Stack, deployer: str) -> None:
    code = init_code("ERA", hub.chain.chain_id, hub.bridge.address, ZERO_ADDRESS, [])
    assert call(hub.chain, None, code, sender=deployer) == error("ERC20InvalidReceiver", ZERO_ADDRESS)


def test_refuses_to_be_deployed_without_bridge(arcade: Stack, deployer: str, treasury: str) -> None:
    code = init_code("ERA", 901, ZERO_ADDRESS, treasury, [])
    assert call(arcade.chain, None, code, sender=deployer) == error("InvalidBridge", ZERO_ADDRESS)


@pytest.mark.parametrize("method", ["mint", "burn", "pause", "owner", "transferOwnership"])
def test_nobody_owns_pauses_or_mints(hub: Stack, method: str) -> None:
    """P8: no such function exists."""
    names = {abi.name for abi in contract_types()["ERA"].methods}
    assert method not in names


# ERC-20


def test_transfers(era: Contract, treasury: str, beneficiary: str) -> None:
    receipt = era.send("transfer", beneficiary, 1, sender=treasury)
    assert receipt.named("Transfer") == [(treasury, beneficiary, 1)]
    assert era.view("balanceOf", beneficiary) == 1


def test_refuses_a_transfer_over_the_balance(era: Contract, attacker: str, beneficiary: str) -> None:
    refusal = error("ERC20InsufficientBalance", attacker, 0, 1)
    assert era.revert("transfer", beneficiary, 1, sender=attacker) == refusal


def test_refuses_a_transfer_to_the_zero_address(era: Contract, treasury: str) -> None:
    """M8."""
    refusal = error("ERC20InvalidReceiver", ZERO_ADDRESS)
    assert era.revert("transfer", ZERO_ADDRESS, 1, sender=treasury) == refusal


def test_spends_an_allowance(era: Contract, treasury: str, sender: str, beneficiary: str) -> None:
    era.send("approve", sender, 5, sender=treasury)
    era.send("transferFrom", treasury, beneficiary, 3, sender=sender)
    assert era.view("allowance", treasury, sender) == 2
    assert era.view("balanceOf", beneficiary) == 3


def test_refuses_to_spend_over_the_allowance(era: Contract, treasury: str, attacker: str) -> None:
    era.send("approve", attacker, 5, sender=treasury)
    refusal = error("ERC20InsufficientAllowance", attacker, 5, 6)
    assert era.revert("transferFrom", treasury, attacker, 6, sender=attacker) == refusal


# ERC-2612


def test_permit_sets_the_allowance(era: Contract, relayer: str, sender: str) -> None:
    era.send("permit", *permit(era, sender, 7, NEVER), sender=relayer)
    assert era.view("allowance", HOLDER, sender) == 7
    assert era.view("nonces", HOLDER) == 1


def test_permit_counts_in_its_last_second(era: Contract, relayer: str, sender: str) -> None:
    at = now(era.chain) + 100
    era.send("permit", *permit(era, sender, 7, at), sender=relayer, at=at)
    assert era.view("allowance", HOLDER, sender) == 7


def test_refuses_a_permit_a_second_late(era: Contract, relayer: str, sender: str) -> None:
    at = now(era.chain) + 100
    refusal = era.revert("permit", *permit(era, sender, 7, at), sender=relayer, at=at + 1)
    assert refusal == error("ERC2612ExpiredSignature", at)


def test_refuses_a_permit_used_before(era: Contract, relayer: str, sender: str) -> None:
    """M17: replay."""
    arguments = permit(era, sender, 7, NEVER)
    era.send("permit", *arguments, sender=relayer)
    assert (
        era.revert("permit", *arguments, sender=relayer).data[:4]
        == keccak(text="ERC2612InvalidSigner(address,address)")[:4]
    )


def test_refuses_a_permit_by_another_key(era: Contract, relayer: str, sender: str) -> None:
    arguments = permit(era, sender, 7, NEVER, key=STRANGER_KEY)
    refusal = error("ERC2612InvalidSigner", STRANGER_KEY.address, HOLDER)
    assert era.revert("permit", *arguments, sender=relayer) == refusal


def test_refuses_a_permit_signed_for_another_chain(
    era: Contract, arcade: Stack, relayer: str, sender: str
) -> None:
    """M17: ERA has one address everywhere; the chain id in the domain keeps permits apart."""
    arguments = permit(era, sender, 7, NEVER)
    assert arcade.era.address == era.address
    name = keccak(text="ERC2612InvalidSigner(address,address)")[:4]
    assert arcade.era.revert("permit", *arguments, sender=relayer).data[:4] == name


def test_refuses_a_malleable_permit(era: Contract, relayer: str, sender: str) -> None:
    """M17: the other s of the same signature."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    *rest, v, r, s = permit(era, sender, 7, NEVER)
    high = (order - int.from_bytes(s, "big")).to_bytes(32, "big")
    refusal = era.revert("permit", *rest, 55 - v, r, high, sender=relayer)
    assert refusal == error("ECDSAInvalidSignatureS", high)


# Votes


def test_clock_is_unix_time(stacks: dict[str, Stack]) -> None:
    """Block numbers of different chains have no order (ERC-6372)."""
    for stack in stacks.values():
        at = now(stack.chain) + 1_000
        assert stack.era.view("clock", at=at) == at
        assert stack.era.view("CLOCK_MODE") == "mode=timestamp"


def test_undelegated_balances_have_no_votes(era: Contract) -> None:
    assert era.view("getVotes", HOLDER) == 0


def test_delegates_by_transaction(era: Contract, sender: str, treasury: str, delegatee: str) -> None:
    era.send("transfer", sender, AMOUNT, sender=treasury)
    receipt = era.send("delegate", delegatee, sender=sender)
    assert receipt.named("DelegateVotesChanged") == [(delegatee, 0, AMOUNT)]
    assert era.view("getVotes", delegatee) == AMOUNT
    assert era.view("delegates", sender) == delegatee


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("to", ["delegatee", "treasury", "zero"])
def test_the_treasury_does_not_delegate(
    stacks: dict[str, Stack], treasury: str, request: pytest.FixtureRequest, name: str, to: str
) -> None:
    """It would decide over itself. Not to itself either, and on no chain."""
    account = ZERO_ADDRESS if to == "zero" else request.getfixturevalue(to)
    era = stacks[name].era
    assert era.view("TREASURY") == treasury
    assert era.revert("delegate", account, sender=treasury) == error("TreasuryHasNoVotes")
    assert era.view("delegates", treasury) == ZERO_ADDRESS


def test_the_treasury_does_not_delegate_by_signature(
    hub: Stack, deployer: str, relayer: str, delegatee: str
) -> None:
    """M28: one that has a key. What it spends has votes."""
    arguments: tuple[Any, ...] = (hub.chain.chain_id, hub.bridge.address, HOLDER, [])
    era = deploy(hub.chain, "ERA", *arguments, sender=deployer)
    signed = delegation(era, delegatee, NEVER)
    assert era.revert("delegateBySig", *signed, sender=relayer) == error("TreasuryHasNoVotes")
    hub.chain.rpc("anvil_impersonateAccount", [HOLDER])
    hub.chain.rpc("anvil_setBalance", [HOLDER, hex(10**20)])
    era.send("delegate", delegatee, sender=relayer)
    era.send("transfer", relayer, AMOUNT, sender=HOLDER)
    assert era.view("getVotes", delegatee) == AMOUNT


def test_a_treasury_does_not_delegate_while_it_is_created(hub: Stack, deployer: str, delegatee: str) -> None:
    """The constructor of a contract at its address is nobody else."""
    nonce = hub.chain.rpc("eth_getTransactionCount", [deployer, "latest"])
    treasury = created_address(deployer, int(nonce, 16) + 1)
    era = deploy(hub.chain, "ERA", hub.chain.chain_id, hub.bridge.address, treasury, [], sender=deployer)
    data = era.encode("delegate", delegatee)
    assert call(hub.chain, None, calling(era.address, data), sender=deployer) == error("TreasuryHasNoVotes")


def calling(to: str, data: bytes) -> bytes:
    """Creation code that makes one call, and always reverts with what that returned."""
    size = f"60{len(data):02x}"
    call_, answer = f"5f5f{size}5f5f73{to[2:]}5af1", "3d5f5f3e3d5ffd"
    length = 6 + (len(call_) + len(answer)) // 2
    return bytes.fromhex(f"{size}60{length:02x}5f39{call_}{answer}") + data


def test_delegates_by_signature(era: Contract, relayer: str, delegatee: str) -> None:
    era.send("delegateBySig", *delegation(era, delegatee, NEVER), sender=relayer)
    assert era.view("getVotes", delegatee) == AMOUNT
    assert era.view("delegates", HOLDER) == delegatee


def test_delegation_counts_in_its_last_second(era: Contract, relayer: str, delegatee: str) -> None:
    at = now(era.chain) + 100
    era.send("delegateBySig", *delegation(era, delegatee, at), sender=relayer, at=at)
    assert era.view("getVotes", delegatee) == AMOUNT


def test_refuses_a_delegation_a_second_late(era: Contract, relayer: str, delegatee: str) -> None:
    at = now(era.chain) + 100
    refusal = era.revert("delegateBySig", *delegation(era, delegatee, at), sender=relayer, at=at + 1)
    assert refusal == error("VotesExpiredSignature", at)


def test_refuses_a_delegation_used_before(era: Contract, relayer: str, delegatee: str) -> None:
    """M28: vote signature replay."""
    arguments = delegation(era, delegatee, NEVER)
    era.send("delegateBySig", *arguments, sender=relayer)
    refusal = error("InvalidAccountNonce", HOLDER, 1)
    assert era.revert("delegateBySig", *arguments, sender=relayer) == refusal


def test_delegation_signed_for_another_chain_moves_nothing(
    era: Contract, arcade: Stack, relayer: str, delegatee: str
) -> None:
    """M28: on another chain the signature recovers to somebody else, who owns nothing."""
    arguments = delegation(era, delegatee, NEVER)
    result = call(
        arcade.chain, arcade.era.address, arcade.era.encode("delegateBySig", *arguments), sender=relayer
    )
    assert result == b""
    arcade.era.send("delegateBySig", *arguments, sender=relayer)
    assert arcade.era.view("delegates", HOLDER) == ZERO_ADDRESS


def test_permit_and_delegation_share_their_nonce(
    era: Contract, relayer: str, sender: str, delegatee: str
) -> None:
    era.send("permit", *permit(era, sender, 7, NEVER), sender=relayer)
    refusal = error("InvalidAccountNonce", HOLDER, 1)
    assert era.revert("delegateBySig", *delegation(era, delegatee, NEVER), sender=relayer) == refusal
    era.send("delegateBySig", *delegation(era, delegatee, NEVER, nonce=1), sender=relayer)
    assert era.view("nonces", HOLDER) == 2


def test_votes_move_with_the_tokens(
    era: Contract, sender: str, treasury: str, beneficiary: str, delegatee: str, successor: str
) -> None:
    era.send("transfer", sender, AMOUNT, sender=treasury)
    era.send("delegate", delegatee, sender=sender)
    era.send("delegate", successor, sender=beneficiary)
    era.send("transfer", beneficiary, 10, sender=sender)
    assert era.view("getVotes", delegatee) == AMOUNT - 10
    assert era.view("getVotes", successor) == 10


def test_past_votes_are_those_of_the_second(
    era: Contract, sender: str, treasury: str, beneficiary: str, delegatee: str
) -> None:
    era.send("transfer", sender, AMOUNT, sender=treasury)
    start, votes = now(era.chain) + 1_000, AMOUNT
    era.send("delegate", delegatee, sender=sender, at=start)
    era.send("transfer", beneficiary, 10, sender=sender, at=start + 100)
    era.send("transfer", beneficiary, 5, sender=sender, at=start + 200)
    later = start + 1_000
    timeline = {
        start - 1: 0,
        start: votes,
        start + 99: votes,
        start + 100: votes - 10,
        start + 199: votes - 10,
        start + 200: votes - 15,
        later - 1: votes - 15,
    }
    assert {second: era.view("getPastVotes", delegatee, second, at=later) for second in timeline} == timeline


def test_votes_on_a_spoke_follow_what_arrives_and_leaves(
    arcade: Stack, beneficiary: str, delegatee: str, spoke_bridge: str
) -> None:
    start = now(arcade.chain) + 1_000
    arcade.era.send("delegate", delegatee, sender=beneficiary, at=start - 10)
    arcade.era.send("crosschainMint", beneficiary, 100, sender=spoke_bridge, at=start)
    arcade.era.send("crosschainBurn", beneficiary, 40, sender=spoke_bridge, at=start + 100)
    timeline = {start - 1: 0, start: 100, start + 99: 100, start + 100: 60, start + 101: 60}
    at = start + 1_000
    found = {second: arcade.era.view("getPastVotes", delegatee, second, at=at) for second in timeline}
    assert found == timeline


def test_past_supply_is_known_on_the_hub(era: Contract, beneficiary: str, treasury: str) -> None:
    start = now(era.chain) + 1_000
    era.send("transfer", beneficiary, 10, sender=treasury, at=start)
    assert era.view("getPastTotalSupply", start, at=start + 1) == SUPPLY


def test_past_supply_is_not_kept_on_a_spoke(arcade: Stack, sender: str) -> None:
    at = now(arcade.chain) + 100
    assert arcade.era.revert("getPastTotalSupply", at - 1, sender=sender, at=at) == error("NoSupplyHistory")


@pytest.mark.parametrize("ahead", [0, 1, 1_000])
def test_refuses_votes_of_a_second_that_is_not_over(era: Contract, delegatee: str, ahead: int) -> None:
    """M23: nobody reads votes of the very second in which they may still change."""
    at = now(era.chain) + 100
    refusal = era.revert("getPastVotes", delegatee, at + ahead, sender=delegatee, at=at)
    assert refusal == error("ERC5805FutureLookup", at + ahead, at)


def test_refuses_supply_of_a_second_that_is_not_over(era: Contract, sender: str) -> None:
    at = now(era.chain) + 100
    refusal = era.revert("getPastTotalSupply", at, sender=sender, at=at)
    assert refusal == error("ERC5805FutureLookup", at, at)


# ERC-7802


def test_bridge_mints_on_a_spoke(arcade: Stack, beneficiary: str, spoke_bridge: str) -> None:
    receipt = arcade.era.send("crosschainMint", beneficiary, AMOUNT, sender=spoke_bridge)
    assert receipt.named("CrosschainMint") == [(beneficiary, AMOUNT, spoke_bridge)]
    assert arcade.era.view("balanceOf", beneficiary) == AMOUNT == arcade.era.view("totalSupply")


def test_bridge_burns_on_a_spoke(arcade: Stack, beneficiary: str, spoke_bridge: str) -> None:
    arcade.era.send("crosschainMint", beneficiary, AMOUNT, sender=spoke_bridge)
    receipt = arcade.era.send("crosschainBurn", beneficiary, 1, sender=spoke_bridge)
    assert receipt.named("CrosschainBurn") == [(beneficiary, 1, spoke_bridge)]
    assert arcade.era.view("balanceOf", beneficiary) == AMOUNT - 1 == arcade.era.view("totalSupply")


def test_refuses_to_burn_over_the_balance(arcade: Stack, beneficiary: str, spoke_bridge: str) -> None:
    arcade.era.send("crosschainMint", beneficiary, 1, sender=spoke_bridge)
    refusal = error("ERC20InsufficientBalance", beneficiary, 1, 2)
    assert arcade.era.revert("crosschainBurn", beneficiary, 2, sender=spoke_bridge) == refusal


def test_minted_tokens_vote(arcade: Stack, beneficiary: str, delegatee: str, spoke_bridge: str) -> None:
    arcade.era.send("delegate", delegatee, sender=beneficiary)
    arcade.era.send("crosschainMint", beneficiary, AMOUNT, sender=spoke_bridge)
    assert arcade.era.view("getVotes", delegatee) == AMOUNT


@pytest.mark.parametrize("method", ["crosschainMint", "crosschainBurn"])
@pytest.mark.parametrize("caller", ["owner", "deployer", "treasury", "attacker"])
def test_refuses_others_on_a_spoke(
    arcade: Stack, method: str, caller: str, request: pytest.FixtureRequest
) -> None:
    """M10: the bridge alone."""
    account = request.getfixturevalue(caller)
    refusal = error("UnauthorizedBridge", account)
    assert arcade.era.revert(method, account, 1, sender=account) == refusal


@pytest.mark.parametrize("method", ["crosschainMint", "crosschainBurn"])
def test_refuses_the_gateway_on_a_spoke(arcade: Stack, method: str) -> None:
    """M6: the gateway has no power over the token."""
    gateway = arcade.gateway.address
    assert arcade.era.revert(method, gateway, 1, sender=gateway) == error("UnauthorizedBridge", gateway)


@pytest.mark.parametrize("method", ["crosschainMint", "crosschainBurn"])
@pytest.mark.parametrize("caller", ["owner", "deployer", "treasury", "attacker", "hub_bridge"])
def test_refuses_everybody_on_the_hub(
    hub: Stack, method: str, caller: str, request: pytest.FixtureRequest
) -> None:
    """P4: the hub's supply is minted once; not even the bridge changes it."""
    account = request.getfixturevalue(caller)
    refusal = error("UnauthorizedBridge", account)
    assert hub.era.revert(method, account, 1, sender=account) == refusal


def test_refuses_to_mint_to_the_zero_address(arcade: Stack, spoke_bridge: str) -> None:
    """M8."""
    refusal = error("ERC20InvalidReceiver", ZERO_ADDRESS)
    assert arcade.era.revert("crosschainMint", ZERO_ADDRESS, 1, sender=spoke_bridge) == refusal


def test_supply_stays_within_the_votes_that_can_be_counted(
    arcade: Stack, beneficiary: str, spoke_bridge: str
) -> None:
    """ERC20Votes counts in uint208."""
    cap = 2**208 - 1
    refusal = error("ERC20ExceededSafeSupply", cap + 1, cap)
    assert arcade.era.revert("crosschainMint", beneficiary, cap + 1, sender=spoke_bridge) == refusal


# ERC-165: IERC165, IERC7802


@pytest.mark.parametrize(
    ("interface", "supported"),
    [("01ffc9a7", True), ("33331994", True), ("ffffffff", False), ("00000000", False)],
    ids=["ERC-165", "ERC-7802", "never", "zero"],
)
def test_supports_interfaces(hub: Stack, interface: str, supported: bool) -> None:
    assert hub.era.view("supportsInterface", bytes.fromhex(interface)) is supported


def test_erc_7802_interface_id_is_its_selectors() -> None:
    mint, burn = (
        int.from_bytes(keccak(text=f"{name}(address,uint256)")[:4], "big")
        for name in ("crosschainMint", "crosschainBurn")
    )
    assert f"{mint ^ burn:08x}" == "33331994"


def test_two_deployments_do_not_share_permits(
    hub: Stack, era: Contract, relayer: str, sender: str, deployer: str, treasury: str
) -> None:
    """M17: the token's address is in the domain."""
    other = deploy(hub.chain, "ERA", hub.chain.chain_id, hub.bridge.address, treasury, [], sender=deployer)
    arguments = permit(era, sender, 7, NEVER)
    name = keccak(text="ERC2612InvalidSigner(address,address)")[:4]
    assert other.revert("permit", *arguments, sender=relayer).data[:4] == name
