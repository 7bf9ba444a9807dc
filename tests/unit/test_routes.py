"""Routes: only the owner opens, closes and limits; ownership moves in two steps."""

import pytest

from tests.evm import call, deploy, error, init_code

REMOTE = 4_242
CEILING = 15_000_000
ROUTE = (True, False, 100_000, 5_000_000)
UNSET = (False, False, 0, 0)
ZERO_ADDRESS = "0x" + "00" * 20


@pytest.fixture
def gateway(hub):
    return hub.gateway


def test_starts_closed(gateway):
    assert gateway.view("route", REMOTE) == UNSET


def test_owner_sets_a_route(gateway, owner):
    receipt = gateway.send("setRoute", REMOTE, ROUTE, sender=owner)
    assert receipt.named("RouteSet") == [(REMOTE, ROUTE)]
    assert gateway.view("route", REMOTE) == ROUTE


def test_owner_replaces_a_route(gateway, owner):
    gateway.send("setRoute", REMOTE, ROUTE, sender=owner)
    closed = (False, False, 1, 1)
    gateway.send("setRoute", REMOTE, closed, sender=owner)
    assert gateway.view("route", REMOTE) == closed


def test_a_route_leaves_the_others(gateway, owner, arcade):
    before = gateway.view("route", arcade.chain.chain_id)
    gateway.send("setRoute", REMOTE, ROUTE, sender=owner)
    assert gateway.view("route", arcade.chain.chain_id) == before


@pytest.mark.parametrize("caller", ["deployer", "sender", "relayer", "attacker", "successor"])
def test_refuses_a_route_from_others(gateway, caller, request):
    account = request.getfixturevalue(caller)
    refusal = error("OwnableUnauthorizedAccount", account)
    assert gateway.revert("setRoute", REMOTE, ROUTE, sender=account) == refusal


def test_refuses_a_route_to_this_chain(gateway, hub, owner):
    own = hub.chain.chain_id
    assert gateway.revert("setRoute", own, ROUTE, sender=owner) == error("InvalidRouteChain", own)


def test_refuses_a_route_to_chain_zero(gateway, owner):
    assert gateway.revert("setRoute", 0, ROUTE, sender=owner) == error("InvalidRouteChain", 0)


def test_accepts_the_ceiling(gateway, owner):
    gateway.send("setRoute", REMOTE, (True, True, CEILING, CEILING), sender=owner)
    assert gateway.view("MAX_GAS_LIMIT") == CEILING


@pytest.mark.parametrize(
    ("default", "maximum"),
    [
        pytest.param(0, 1, id="default-zero"),
        pytest.param(0, 0, id="all-zero"),
        pytest.param(2, 1, id="default-above-maximum"),
        pytest.param(1, CEILING + 1, id="maximum-above-ceiling"),
        pytest.param(2**64 - 1, 2**64 - 1, id="largest"),
    ],
)
def test_refuses_gas_limits(gateway, owner, default, maximum):
    refusal = error("InvalidRouteGas", default, maximum, CEILING)
    assert gateway.revert("setRoute", REMOTE, (True, True, default, maximum), sender=owner) == refusal


def test_names_the_network(stacks, hub):
    """Every chain of the network commits to the hub's id."""
    assert {stack.gateway.view("NETWORK_ID") for stack in stacks.values()} == {hub.chain.chain_id}


def test_owner_is_the_one_of_the_constructor(stacks, owner):
    """P8: the deployer owns nothing, from the first block on."""
    assert {stack.gateway.view("owner") for stack in stacks.values()} == {owner}


def test_refuses_to_be_deployed_without_owner(hub, validators, deployer):
    code = init_code("Metalayer", 901, ZERO_ADDRESS, validators.argument)
    assert call(hub.chain, None, code, sender=deployer) == error("OwnableInvalidOwner", ZERO_ADDRESS)


def test_ownership_waits_for_acceptance(gateway, owner, successor):
    receipt = gateway.send("transferOwnership", successor, sender=owner)
    assert receipt.named("OwnershipTransferStarted") == [(owner, successor)]
    assert gateway.view("owner") == owner
    assert gateway.view("pendingOwner") == successor


def test_successor_accepts_ownership(gateway, owner, successor):
    gateway.send("transferOwnership", successor, sender=owner)
    receipt = gateway.send("acceptOwnership", sender=successor)
    assert receipt.named("OwnershipTransferred") == [(owner, successor)]
    gateway.send("setRoute", REMOTE, ROUTE, sender=successor)


def test_pending_owner_sets_no_route_yet(gateway, owner, successor):
    gateway.send("transferOwnership", successor, sender=owner)
    refusal = error("OwnableUnauthorizedAccount", successor)
    assert gateway.revert("setRoute", REMOTE, ROUTE, sender=successor) == refusal


def test_former_owner_sets_no_route_any_more(gateway, owner, successor):
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("acceptOwnership", sender=successor)
    refusal = error("OwnableUnauthorizedAccount", owner)
    assert gateway.revert("setRoute", REMOTE, ROUTE, sender=owner) == refusal


def test_refuses_acceptance_by_others(gateway, owner, successor, attacker):
    gateway.send("transferOwnership", successor, sender=owner)
    assert gateway.revert("acceptOwnership", sender=attacker) == error("OwnableUnauthorizedAccount", attacker)


def test_refuses_a_transfer_by_others(gateway, attacker):
    refusal = error("OwnableUnauthorizedAccount", attacker)
    assert gateway.revert("transferOwnership", attacker, sender=attacker) == refusal


def test_nobody_renounces_ownership(gateway, owner, attacker):
    for caller in (owner, attacker):
        assert gateway.revert("renounceOwnership", sender=caller) == error("OwnershipNotRenounceable")


def test_owner_withdraws_a_transfer(gateway, owner, successor):
    gateway.send("transferOwnership", successor, sender=owner)
    gateway.send("transferOwnership", ZERO_ADDRESS, sender=owner)
    refusal = error("OwnableUnauthorizedAccount", successor)
    assert gateway.revert("acceptOwnership", sender=successor) == refusal


def test_installs_the_set_of_the_constructor(hub, owner, deployer, validators):
    """M4: the gateway is complete when it exists; there is nothing to initialise and nothing to repeat."""
    fresh = deploy(hub.chain, "Metalayer", 901, owner, validators.argument, sender=deployer)
    assert fresh.view("validatorSetHash") == validators.set.hash
