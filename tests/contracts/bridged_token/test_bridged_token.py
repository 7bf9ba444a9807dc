"""BridgedToken: one clone, of which an account is the bridge."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.evm import (
    ZERO_ADDRESS,
    Contract,
    contract_types,
    created_address,
    deploy,
    error,
    now,
    slot,
    transact,
)
from tests.kit.permits import NEVER, domain_of, permit

HOME_CHAIN = 2**64 - 1
HOME_ADDRESS = "0x00000000000000000000000000000000DeaDBeef"
NAME, SYMBOL, DECIMALS = "Ünïcode “Dollar” of a rather long name, 60 bytes of it", "ŪSD", 7
IDENTITY = (HOME_CHAIN, HOME_ADDRESS, DECIMALS, NAME, SYMBOL)
AMOUNT = 5 * 10**18
HOLDER = Account.from_key(keccak(text="holder of a bridged token"))
STRANGER = Account.from_key(keccak(text="stranger to a bridged token"))
MAX = 2**256 - 1
INVALID_SIGNER = keccak(text="ERC2612InvalidSigner(address,address)")[:4]


@pytest.fixture(scope="session")
def bridge(guardian: str) -> str:
    return guardian


@pytest.fixture(scope="session")
def code(chains: dict[str, BoundChain], bridge: str, deployer: str) -> Contract:
    """What all representations delegate to."""
    return deploy(chains["hub"], "BridgedToken", bridge, sender=deployer)


def clone(code: Contract, deployer: str) -> Contract:
    """Another representation (EIP-1167)."""
    creation = (
        "3d602d80600a3d3981f3363d3d373d3d3d363d73" + code.address[2:] + "5af43d82803e903d91602b57fd5bf3"
    )
    nonce = int(code.chain.rpc("eth_getTransactionCount", [deployer, "latest"]), 16)
    assert transact(code.chain, None, bytes.fromhex(creation), deployer).succeeded
    return Contract(code.chain, "BridgedToken", created_address(deployer, nonce))


@pytest.fixture(scope="session")
def blank(code: Contract, deployer: str) -> Contract:
    """A representation that nobody has initialized."""
    return clone(code, deployer)


@pytest.fixture(scope="session")
def token(code: Contract, deployer: str, bridge: str) -> Contract:
    made = clone(code, deployer)
    made.send("initialize", *IDENTITY, sender=bridge)
    return made


@pytest.fixture
def held(token: Contract, bridge: str) -> Contract:
    """The token, of which the holder whose key we have owns some."""
    token.send("crosschainMint", HOLDER.address, AMOUNT, sender=bridge)
    return token


# What it stands for


def test_says_what_it_stands_for(token: Contract, bridge: str) -> None:
    said = [token.view(name) for name in ("homeChain", "homeToken", "decimals", "name", "symbol")]
    assert tuple(said) == IDENTITY
    assert token.view("BRIDGE") == bridge
    assert token.view("totalSupply") == 0


def test_is_blank_before(blank: Contract, bridge: str) -> None:
    said = [blank.view(name) for name in ("homeChain", "homeToken", "decimals", "name", "symbol")]
    assert said == [0, ZERO_ADDRESS, 0, "", ""]
    assert blank.view("BRIDGE") == bridge


@pytest.mark.parametrize("decimals", [0, 18, 255])
@pytest.mark.parametrize("text", ["?", "n" * 31, "n" * 32, "n" * 64])
def test_takes_any_description(blank: Contract, bridge: str, decimals: int, text: str) -> None:
    """Short strings and long ones lie differently in storage."""
    blank.send("initialize", 1, HOME_ADDRESS, decimals, text, text[:32], sender=bridge)
    said = [blank.view(name) for name in ("homeChain", "homeToken", "decimals", "name", "symbol")]
    assert said == [1, HOME_ADDRESS, decimals, text, text[:32]]


@pytest.mark.parametrize("caller", ["owner", "deployer", "attacker", "treasury"])
def test_the_bridge_alone_initializes(
    blank: Contract, bridge: str, caller: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    assert blank.revert("initialize", *IDENTITY, sender=account) == error("NotTheBridge", account)
    blank.send("initialize", *IDENTITY, sender=bridge)


@pytest.mark.parametrize("identity", [IDENTITY, (0, ZERO_ADDRESS, 0, "", "")])
def test_is_initialized_once(blank: Contract, bridge: str, identity: tuple[Any, ...]) -> None:
    """Also with nothing."""
    blank.send("initialize", *identity, sender=bridge)
    assert blank.revert("initialize", *IDENTITY, sender=bridge) == error("AlreadyInitialized")
    assert blank.view("homeToken") == identity[1]


def test_the_code_stands_for_nothing(code: Contract, bridge: str, attacker: str) -> None:
    """M17: else who initializes it first could do something with what all clones share."""
    assert code.revert("initialize", *IDENTITY, sender=attacker) == error("NotTheBridge", attacker)
    assert code.revert("initialize", *IDENTITY, sender=bridge) == error("AlreadyInitialized")


def test_clones_share_nothing_but_code(token: Contract, blank: Contract, held: Contract, bridge: str) -> None:
    blank.send("initialize", 2, HOME_ADDRESS, 2, "Other", "OTH", sender=bridge)
    assert blank.view("balanceOf", HOLDER.address) == blank.view("totalSupply") == 0
    assert (token.view("name"), token.view("totalSupply")) == (NAME, AMOUNT)


@pytest.mark.parametrize("method", ["mint", "burn", "pause", "owner", "transferOwnership", "upgradeTo"])
def test_nobody_owns_pauses_or_changes_it(method: str) -> None:
    """P8."""
    assert method not in {abi.name for abi in contract_types()["BridgedToken"].methods}


# ERC-7802


def test_the_bridge_mints(token: Contract, bridge: str, beneficiary: str) -> None:
    receipt = token.send("crosschainMint", beneficiary, AMOUNT, sender=bridge)
    assert receipt.named("Transfer") == [(ZERO_ADDRESS, beneficiary, AMOUNT)]
    assert receipt.named("CrosschainMint") == [(beneficiary, AMOUNT, bridge)]
    assert token.view("balanceOf", beneficiary) == token.view("totalSupply") == AMOUNT


def test_the_bridge_burns_without_allowance(held: Contract, bridge: str) -> None:
    receipt = held.send("crosschainBurn", HOLDER.address, AMOUNT - 1, sender=bridge)
    assert receipt.named("Transfer") == [(HOLDER.address, ZERO_ADDRESS, AMOUNT - 1)]
    assert receipt.named("CrosschainBurn") == [(HOLDER.address, AMOUNT - 1, bridge)]
    assert held.view("balanceOf", HOLDER.address) == held.view("totalSupply") == 1


@pytest.mark.parametrize("method", ["crosschainMint", "crosschainBurn"])
@pytest.mark.parametrize("caller", ["owner", "deployer", "attacker", "treasury"])
def test_the_bridge_alone_mints_and_burns(
    held: Contract, bridge: str, method: str, caller: str, request: pytest.FixtureRequest
) -> None:
    account = request.getfixturevalue(caller)
    assert held.revert(method, HOLDER.address, 1, sender=account) == error("NotTheBridge", account)
    held.send(method, HOLDER.address, 1, sender=bridge)


def test_a_holder_does_not_burn_its_own(held: Contract, bridge: str, attacker: str) -> None:
    held.send("crosschainMint", attacker, 1, sender=bridge)
    assert held.revert("crosschainBurn", attacker, 1, sender=attacker) == error("NotTheBridge", attacker)


def test_refuses_to_mint_to_nobody(token: Contract, bridge: str) -> None:
    """M8."""
    refusal = error("ERC20InvalidReceiver", ZERO_ADDRESS)
    assert token.revert("crosschainMint", ZERO_ADDRESS, 1, sender=bridge) == refusal


def test_refuses_to_burn_of_nobody(token: Contract, bridge: str) -> None:
    refusal = error("ERC20InvalidSender", ZERO_ADDRESS)
    assert token.revert("crosschainBurn", ZERO_ADDRESS, 1, sender=bridge) == refusal


def test_refuses_to_burn_more_than_there_is(held: Contract, bridge: str) -> None:
    refusal = error("ERC20InsufficientBalance", HOLDER.address, AMOUNT, AMOUNT + 1)
    assert held.revert("crosschainBurn", HOLDER.address, AMOUNT + 1, sender=bridge) == refusal
    held.send("crosschainBurn", HOLDER.address, AMOUNT, sender=bridge)


def test_refuses_a_supply_beyond_a_word(held: Contract, bridge: str, beneficiary: str) -> None:
    room = MAX - AMOUNT
    assert held.revert("crosschainMint", beneficiary, room + 1, sender=bridge).is_panic
    held.send("crosschainMint", beneficiary, room, sender=bridge)


def test_knows_its_interfaces(token: Contract) -> None:
    """ERC-7802 by the methods of its own, and ERC-165."""
    mint, burn = (
        keccak(text=f"{name}(address,uint256)")[:4] for name in ("crosschainMint", "crosschainBurn")
    )
    crosschain = (int.from_bytes(mint, "big") ^ int.from_bytes(burn, "big")).to_bytes(4, "big")
    assert crosschain.hex() == "33331994"
    assert token.view("supportsInterface", crosschain) is True
    assert token.view("supportsInterface", bytes.fromhex("01ffc9a7")) is True
    assert token.view("supportsInterface", bytes.fromhex("ffffffff")) is False


# ERC-20


def test_transfers(held: Contract, bridge: str, sender: str, beneficiary: str) -> None:
    held.send("crosschainMint", sender, 3, sender=bridge)
    assert held.send("transfer", beneficiary, 2, sender=sender).named("Transfer") == [
        (sender, beneficiary, 2)
    ]
    assert held.revert("transfer", beneficiary, 2, sender=sender) == error(
        "ERC20InsufficientBalance", sender, 1, 2
    )
    assert held.view("balanceOf", beneficiary) == 2


def test_the_bridge_transfers_like_everybody(held: Contract, bridge: str) -> None:
    """It can burn, and no more: a transfer of another's tokens needs an allowance."""
    refusal = error("ERC20InsufficientAllowance", bridge, 0, 1)
    assert held.revert("transferFrom", HOLDER.address, bridge, 1, sender=bridge) == refusal


# ERC-2612 and ERC-5267


def test_names_its_own_domain(token: Contract, code: Contract) -> None:
    """Of the clone, not of the code that it shares."""
    fields, name, version, chain_id, contract, salt, extensions = token.view("eip712Domain")
    assert (fields, name, version) == (b"\x0f", NAME, "1")
    assert (chain_id, contract, salt, extensions) == (token.chain.chain_id, token.address, bytes(32), ())
    type_ = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    words = (keccak(text=NAME), keccak(text="1"), chain_id.to_bytes(32, "big"))
    separator = keccak(b"".join((type_, *words, bytes(12), bytes.fromhex(token.address[2:]))))
    assert token.view("DOMAIN_SEPARATOR") == separator != code.view("DOMAIN_SEPARATOR")


def test_a_permit_sets_the_allowance(held: Contract, relayer: str, sender: str, beneficiary: str) -> None:
    receipt = held.send("permit", *permit(held, HOLDER, sender, 7), sender=relayer)
    assert receipt.named("Approval") == [(HOLDER.address, sender, 7)]
    assert held.view("allowance", HOLDER.address, sender) == 7
    assert held.view("nonces", HOLDER.address) == 1
    held.send("transferFrom", HOLDER.address, beneficiary, 7, sender=sender)


def test_a_permit_counts_to_its_last_second(held: Contract, relayer: str, sender: str) -> None:
    at = now(held.chain) + 100
    signed = permit(held, HOLDER, sender, 7, deadline=at)
    assert held.revert("permit", *signed, sender=relayer, at=at + 1) == error("ERC2612ExpiredSignature", at)
    held.send("permit", *signed, sender=relayer, at=at)


def test_a_permit_counts_once(held: Contract, relayer: str, sender: str) -> None:
    """M17: replay. The next one is for the next nonce."""
    signed = permit(held, HOLDER, sender, 7)
    held.send("permit", *signed, sender=relayer)
    assert held.revert("permit", *signed, sender=relayer).data[:4] == INVALID_SIGNER
    held.send("permit", *permit(held, HOLDER, sender, 8, nonce=1), sender=relayer)
    assert held.view("allowance", HOLDER.address, sender) == 8


def test_refuses_a_permit_of_another_key(held: Contract, relayer: str, sender: str) -> None:
    signed = permit(held, STRANGER, sender, 7, owner=HOLDER.address)
    refusal = error("ERC2612InvalidSigner", STRANGER.address, HOLDER.address)
    assert held.revert("permit", *signed, sender=relayer) == refusal
    assert held.view("nonces", HOLDER.address) == 0


@pytest.mark.parametrize(
    "change",
    [{"name": "Other"}, {"version": "2"}, {"chainId": 1}, {"verifyingContract": HOME_ADDRESS}],
    ids=lambda change: next(iter(change)),
)
def test_refuses_a_permit_for_another_domain(
    held: Contract, relayer: str, sender: str, change: dict[str, Any]
) -> None:
    """M17."""
    signed = permit(held, HOLDER, sender, 7, domain={**domain_of(held), **change})
    assert held.revert("permit", *signed, sender=relayer).data[:4] == INVALID_SIGNER


def test_refuses_a_permit_for_another_clone(
    held: Contract, blank: Contract, bridge: str, relayer: str, sender: str
) -> None:
    """M17: of the same name, on the same chain."""
    blank.send("initialize", *IDENTITY, sender=bridge)
    assert blank.revert("permit", *permit(held, HOLDER, sender, 7), sender=relayer).data[:4] == INVALID_SIGNER
    blank.send("permit", *permit(blank, HOLDER, sender, 7), sender=relayer)


@pytest.mark.parametrize("position", [1, 2, 3], ids=["spender", "value", "deadline"])
def test_a_permit_is_for_what_was_signed(
    held: Contract, relayer: str, sender: str, attacker: str, position: int
) -> None:
    signed = list(permit(held, HOLDER, sender, 7))
    signed[position] = [None, attacker, 8, NEVER - 1][position]
    assert held.revert("permit", *signed, sender=relayer).data[:4] == INVALID_SIGNER


def test_refuses_a_malleated_permit(held: Contract, relayer: str, sender: str) -> None:
    *words, v, r, s = permit(held, HOLDER, sender, 7)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    other = (order - int.from_bytes(s, "big")).to_bytes(32, "big")
    refusal = error("ECDSAInvalidSignatureS", other)
    assert held.revert("permit", *words, 55 - v, r, other, sender=relayer) == refusal


def test_refuses_a_permit_that_nobody_signed(held: Contract, relayer: str, sender: str) -> None:
    """The zero address owns nothing to allow."""
    signed = (ZERO_ADDRESS, sender, 7, NEVER, 27, bytes(32), bytes(32))
    assert held.revert("permit", *signed, sender=relayer) == error("ECDSAInvalidSignature")


def test_one_word_holds_all_that_is_short(token: Contract) -> None:
    """The home, its decimals and that it is initialized: creating a token costs a word less."""
    words = [slot(token.chain, token.address, index) for index in range(10)]
    assert int(HOME_ADDRESS, 16) + (DECIMALS << 160) + (1 << 168) in words
