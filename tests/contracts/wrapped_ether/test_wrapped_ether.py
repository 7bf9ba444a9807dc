"""WrappedEther: one for one, and nobody's but its holders'."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.ether import balance, pay, refusal_of
from tests.kit.evm import ZERO_ADDRESS, Contract, deploy, error, set_code
from tests.kit.permits import permit

AMOUNT = 5 * 10**18
HOLDER = Account.from_key(keccak(text="holder of wrapped ether"))
REFUSING = "0x" + "4e" * 20


@pytest.fixture(scope="session")
def ether(chains: dict[str, BoundChain], deployer: str) -> Contract:
    return deploy(chains["hub"], "WrappedEther", sender=deployer)


def test_describes_itself(ether: Contract) -> None:
    assert [ether.view(name) for name in ("name", "symbol", "decimals")] == ["Wrapped Ether", "WETH", 18]
    assert ether.view("totalSupply") == 0


@pytest.mark.parametrize("data", ["deposit", None], ids=["deposit", "ether alone"])
def test_wraps(ether: Contract, sender: str, data: str | None) -> None:
    """P4: as much as it holds."""
    before = balance(ether.chain, ether.address)
    receipt = pay(ether, AMOUNT, sender, *([] if data is None else [data]))
    assert receipt.named("Transfer") == [(ZERO_ADDRESS, sender, AMOUNT)]
    assert receipt.named("Deposit") == [(sender, AMOUNT)]
    assert ether.view("balanceOf", sender) == ether.view("totalSupply") == AMOUNT
    assert balance(ether.chain, ether.address) == before + AMOUNT


def test_takes_ether_with_no_other_call(ether: Contract, sender: str) -> None:
    call = ether.encode("transfer", sender, 0)
    assert refusal_of(ether, 1, sender, call).data == b""


def test_unwraps(ether: Contract, sender: str) -> None:
    pay(ether, AMOUNT, sender, "deposit")
    before = balance(ether.chain, sender)
    receipt = ether.send("withdraw", AMOUNT - 1, sender=sender)
    assert receipt.named("Withdrawal") == [(sender, AMOUNT - 1)]
    assert receipt.named("Transfer") == [(sender, ZERO_ADDRESS, AMOUNT - 1)]
    assert ether.view("balanceOf", sender) == balance(ether.chain, ether.address) == 1
    # Less what the transaction cost.
    assert 0 <= before + AMOUNT - 1 - balance(ether.chain, sender) < 10**17


def test_refuses_to_unwrap_more_than_there_is(ether: Contract, sender: str, attacker: str) -> None:
    pay(ether, AMOUNT, sender, "deposit")
    refusal = error("ERC20InsufficientBalance", sender, AMOUNT, AMOUNT + 1)
    assert ether.revert("withdraw", AMOUNT + 1, sender=sender) == refusal
    nothing = error("ERC20InsufficientBalance", attacker, 0, 1)
    assert ether.revert("withdraw", 1, sender=attacker) == nothing
    ether.send("withdraw", AMOUNT, sender=sender)


def test_keeps_what_its_holder_refuses(ether: Contract, sender: str) -> None:
    """M20: nothing is burned, and nothing paid."""
    pay(ether, AMOUNT, sender, "deposit")
    ether.send("transfer", REFUSING, AMOUNT, sender=sender)
    set_code(ether.chain, REFUSING, b"\x5f\x5f\xfd")
    ether.chain.rpc("anvil_impersonateAccount", [REFUSING])
    ether.chain.rpc("anvil_setBalance", [REFUSING, hex(10**18)])
    assert ether.revert("withdraw", AMOUNT, sender=REFUSING) == error("FailedCall")
    assert ether.view("balanceOf", REFUSING) == AMOUNT
    set_code(ether.chain, REFUSING, b"\x00")
    ether.send("withdraw", AMOUNT, sender=REFUSING)
    assert balance(ether.chain, ether.address) == 0


def test_its_permits_count_once(ether: Contract, sender: str, relayer: str) -> None:
    """M17."""
    pay(ether, AMOUNT, sender, "deposit")
    ether.send("transfer", HOLDER.address, AMOUNT, sender=sender)
    signed = permit(ether, HOLDER, relayer, AMOUNT)
    ether.send("permit", *signed, sender=sender)
    selector = keccak(text="ERC2612InvalidSigner(address,address)")[:4]
    assert ether.revert("permit", *signed, sender=sender).data[:4] == selector
    ether.send("transferFrom", HOLDER.address, relayer, AMOUNT, sender=relayer)
    ether.send("withdraw", AMOUNT, sender=relayer)
