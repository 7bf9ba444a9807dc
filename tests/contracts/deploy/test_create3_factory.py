"""Create3Factory: the same address on every chain, for whoever holds the namespace."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, code_of, error, init_code
from tests.kit.founding import Founding
from tests.kit.stack import CHAINS, Stack

SALT = keccak(text="recipient")
# Returns one byte of code that depends on nothing: PUSH1 1, PUSH0, RETURN.
TINY = bytes.fromhex("60015ff3")


@pytest.fixture
def factory(hub: Stack) -> Contract:
    return hub.factory


def test_deploys_at_the_predicted_address(hub: Stack, factory: Contract, sender: str) -> None:
    expected = factory.view("addressOf", sender, SALT)
    receipt = factory.send("deploy", sender, SALT, init_code("ScriptedRecipient"), sender=sender)
    assert receipt.named("Deployed") == [(sender, SALT, expected)]
    assert code_of(hub.chain, expected)


def test_returns_the_address(factory: Contract, sender: str) -> None:
    expected = factory.view("addressOf", sender, SALT)
    assert factory.view("deploy", sender, SALT, TINY, sender=sender) == expected


def test_address_does_not_depend_on_the_code(factory: Contract, sender: str) -> None:
    """Constructor arguments differ between chains; addresses must not."""
    first = factory.view("deploy", sender, SALT, TINY, sender=sender)
    assert factory.view("deploy", sender, SALT, init_code("ScriptedRecipient"), sender=sender) == first


def test_is_at_one_address_with_one_prediction_on_every_chain(stacks: dict[str, Stack], sender: str) -> None:
    factories = [stacks[name].factory for name in CHAINS]
    assert len({factory.address for factory in factories}) == 1
    assert len({factory.view("addressOf", sender, SALT) for factory in factories}) == 1


def test_gateway_era_and_bridge_share_their_addresses(stacks: dict[str, Stack]) -> None:
    for contract in ("gateway", "era", "bridge"):
        assert len({getattr(stacks[name], contract).address for name in CHAINS}) == 1


def test_namespaces_and_salts_do_not_collide(factory: Contract, sender: str, attacker: str) -> None:
    addresses = {
        factory.view("addressOf", namespace, salt)
        for namespace in (sender, attacker)
        for salt in (SALT, keccak(SALT))
    }
    assert len(addresses) == 4


def test_refuses_a_foreign_namespace(factory: Contract, sender: str, attacker: str) -> None:
    assert factory.revert("deploy", sender, SALT, TINY, sender=attacker) == error(
        "NotController", sender, attacker, sender
    )


def test_refuses_a_salt_that_was_used(factory: Contract, sender: str) -> None:
    factory.send("deploy", sender, SALT, init_code("ScriptedRecipient"), sender=sender)
    again = factory.revert("deploy", sender, SALT, init_code("ScriptedRecipient"), sender=sender)
    assert again == error("FailedDeployment")


def test_refuses_empty_code(factory: Contract, sender: str) -> None:
    assert factory.revert("deploy", sender, SALT, b"", sender=sender) == error("Create3EmptyBytecode")


def test_refuses_code_that_cannot_be_deployed(factory: Contract, sender: str) -> None:
    """Code that starts with 0xef is refused by the chain (EIP-3541) without a reason."""
    starts_with_ef = bytes.fromhex("60ef5f5360015ff3")
    assert factory.revert("deploy", sender, SALT, starts_with_ef, sender=sender) == error("FailedDeployment")


def test_passes_the_error_of_a_constructor_on(
    hub: Stack, factory: Contract, sender: str, founding: Founding
) -> None:
    """M4: an initialisation that refuses its arguments leaves nothing behind."""
    empty_set = founding.code(validator_set=(1, 2**64 - 1, []))
    assert factory.revert("deploy", sender, SALT, empty_set, sender=sender) == error(
        "InvalidValidatorCount", 0
    )
    assert code_of(hub.chain, factory.view("addressOf", sender, SALT)) == b""


def test_salt_is_free_again_after_a_failed_deployment(
    hub: Stack, factory: Contract, sender: str, founding: Founding
) -> None:
    empty_set = founding.code(validator_set=(1, 2**64 - 1, []))
    assert not factory.attempt("deploy", sender, SALT, empty_set, sender=sender).succeeded
    factory.send("deploy", sender, SALT, TINY, sender=sender)


def test_takes_no_ether(factory: Contract, sender: str) -> None:
    assert factory.revert("deploy", sender, SALT, TINY, sender=sender, value=1) == Revert(b"")


def test_namespace_belongs_to_its_account_at_first(factory: Contract, sender: str) -> None:
    assert factory.view("controllerOf", sender) == sender


def test_seal_hands_the_namespace_over(factory: Contract, deployer: str, successor: str) -> None:
    receipt = factory.send("seal", deployer, successor, sender=deployer)
    assert receipt.named("Sealed") == [(deployer, successor)]
    assert factory.view("controllerOf", deployer) == successor


def test_seal_does_not_move_addresses(factory: Contract, sender: str, successor: str) -> None:
    expected = factory.view("addressOf", sender, SALT)
    factory.send("seal", sender, successor, sender=sender)
    assert factory.view("deploy", sender, SALT, TINY, sender=successor) == expected


def test_deployer_is_refused_after_the_seal(factory: Contract, deployer: str, successor: str) -> None:
    """P8: after hand-over the deployer holds nothing."""
    factory.send("seal", deployer, successor, sender=deployer)
    refusal = error("NotController", deployer, deployer, successor)
    assert factory.revert("deploy", deployer, SALT, TINY, sender=deployer) == refusal


def test_deployer_cannot_take_the_namespace_back(factory: Contract, deployer: str, successor: str) -> None:
    """P8: one way only."""
    factory.send("seal", deployer, successor, sender=deployer)
    refusal = error("NotController", deployer, deployer, successor)
    assert factory.revert("seal", deployer, deployer, sender=deployer) == refusal


def test_successor_may_hand_the_namespace_on(
    factory: Contract, deployer: str, successor: str, owner: str
) -> None:
    factory.send("seal", deployer, successor, sender=deployer)
    factory.send("seal", deployer, owner, sender=successor)
    assert factory.view("controllerOf", deployer) == owner


def test_sealing_one_namespace_leaves_the_others(
    factory: Contract, deployer: str, sender: str, successor: str
) -> None:
    factory.send("seal", deployer, successor, sender=deployer)
    assert factory.view("controllerOf", successor) == successor
    assert factory.view("controllerOf", sender) == sender


def test_refuses_to_seal_a_foreign_namespace(factory: Contract, deployer: str, attacker: str) -> None:
    refusal = error("NotController", deployer, attacker, deployer)
    assert factory.revert("seal", deployer, attacker, sender=attacker) == refusal


def test_refuses_to_seal_to_the_zero_address(factory: Contract, deployer: str) -> None:
    refusal = error("InvalidController", ZERO_ADDRESS)
    assert factory.revert("seal", deployer, ZERO_ADDRESS, sender=deployer) == refusal


# What anyone may deploy


def test_anyone_deploys_what_was_approved(hub: Stack, factory: Contract, sender: str, attacker: str) -> None:
    """A vote approves a hash: the code itself is too long for a message."""
    code = init_code("ScriptedRecipient")
    receipt = factory.send("approve", sender, SALT, keccak(code), sender=sender)
    assert receipt.named("Approved") == [(sender, SALT, keccak(code))]
    assert factory.view("approvedHash", sender, SALT) == keccak(code)
    receipt = factory.send("deploy", sender, SALT, code, sender=attacker)
    expected = factory.view("addressOf", sender, SALT)
    assert receipt.named("Deployed") == [(sender, SALT, expected)]
    assert code_of(hub.chain, expected)


def test_nobody_deploys_anything_else(factory: Contract, sender: str, attacker: str) -> None:
    """P8: neither other code or other arguments, nor at another salt or in another namespace."""
    factory.send("approve", sender, SALT, keccak(TINY), sender=sender)
    for namespace, salt, code in (
        (sender, SALT, TINY + b"\x00"),
        (sender, SALT, b""),
        (sender, keccak(SALT), TINY),
        (factory.address, SALT, TINY),
    ):
        refusal = error("NotController", namespace, attacker, namespace)
        assert factory.revert("deploy", namespace, salt, code, sender=attacker) == refusal
    factory.send("deploy", sender, SALT, TINY, sender=attacker)


def test_what_was_approved_is_deployed_once(factory: Contract, sender: str, attacker: str) -> None:
    factory.send("approve", sender, SALT, keccak(TINY), sender=sender)
    factory.send("deploy", sender, SALT, TINY, sender=attacker)
    for account in (attacker, sender):
        assert factory.revert("deploy", sender, SALT, TINY, sender=account) == error("FailedDeployment")


def test_an_approval_is_withdrawn(factory: Contract, sender: str, attacker: str) -> None:
    factory.send("approve", sender, SALT, keccak(TINY), sender=sender)
    factory.send("approve", sender, SALT, bytes(32), sender=sender)
    refusal = error("NotController", sender, attacker, sender)
    assert factory.revert("deploy", sender, SALT, TINY, sender=attacker) == refusal


def test_an_approval_is_replaced(factory: Contract, sender: str, attacker: str) -> None:
    code = init_code("ScriptedRecipient")
    factory.send("approve", sender, SALT, keccak(TINY), sender=sender)
    factory.send("approve", sender, SALT, keccak(code), sender=sender)
    refusal = error("NotController", sender, attacker, sender)
    assert factory.revert("deploy", sender, SALT, TINY, sender=attacker) == refusal
    factory.send("deploy", sender, SALT, code, sender=attacker)


def test_the_controller_deploys_in_spite_of_an_approval(factory: Contract, sender: str) -> None:
    factory.send("approve", sender, SALT, keccak(TINY), sender=sender)
    factory.send("deploy", sender, SALT, init_code("ScriptedRecipient"), sender=sender)


def test_only_the_controller_approves(factory: Contract, sender: str, attacker: str, successor: str) -> None:
    refusal = error("NotController", sender, attacker, sender)
    assert factory.revert("approve", sender, SALT, keccak(TINY), sender=attacker) == refusal
    factory.send("seal", sender, successor, sender=sender)
    refusal = error("NotController", sender, sender, successor)
    assert factory.revert("approve", sender, SALT, keccak(TINY), sender=sender) == refusal
    factory.send("approve", sender, SALT, keccak(TINY), sender=successor)


def test_an_approval_ends_with_the_control(
    factory: Contract, sender: str, successor: str, attacker: str
) -> None:
    """P8: a deployer's key leaves nothing behind that could place code after the hand-over."""
    factory.send("approve", sender, SALT, keccak(TINY), sender=sender)
    factory.send("seal", sender, successor, sender=sender)
    assert factory.view("approvedHash", sender, SALT) == bytes(32)
    refusal = error("NotController", sender, attacker, successor)
    assert factory.revert("deploy", sender, SALT, TINY, sender=attacker) == refusal
