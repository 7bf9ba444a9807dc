"""What a sender may choose, and how it signs only once: permits and several calls together."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from metalayer.protocol.transfers import (
    MAX_DATA_LENGTH,
    MAX_LIFETIME,
    MIN_LIFETIME,
    RECEIVE_GAS,
    Options,
    Payload,
)
from tests.kit.evm import Contract, Revert, deploy, error
from tests.kit.hops import AMOUNT
from tests.kit.permits import permit
from tests.kit.world import ENDLESS, World, impersonate

SIGNER: LocalAccount = Account.from_key(keccak(text="who permits the bridge"))
HERE = ["hub", "arcade"]


# Options


@pytest.mark.parametrize("origin", HERE)
@pytest.mark.parametrize(
    "options",
    [
        Options(tip=10**9 + 1),
        Options(tip=2**32 - 1),
        Options(tip=1, data=b"\1"),
        Options(data=b"\1" * (MAX_DATA_LENGTH + 1)),
    ],
    ids=["tip", "highest tip", "tip and data", "data"],
)
def test_refuses_options_that_contradict(world: World, origin: str, options: Options) -> None:
    assert world.refusal("gem", origin, "perps", options=options) == error("InvalidOptions")


@pytest.mark.parametrize("origin", HERE)
def test_deadlines_are_the_gateways(world: World, origin: str) -> None:
    """M18: from an hour to thirty days, both included."""
    destination = "arcade" if origin == "hub" else "hub"
    at = world.now(origin) + 10
    for lifetime in (MIN_LIFETIME, MAX_LIFETIME):
        options = Options(deadline=at + lifetime)
        message = world.send("gem", origin, destination, options=options, at=at)
        assert message.deliver_before == Payload.read(message.payload).deadline == at + lifetime
        at += 1
    for lifetime in (MIN_LIFETIME - 1, MAX_LIFETIME + 1):
        options = Options(deadline=at + lifetime)
        refusal = world.refusal("gem", origin, destination, options=options, at=at)
        assert refusal == error("DeadlineOutOfRange", at + lifetime, at + MIN_LIFETIME, at + MAX_LIFETIME)


def test_extra_gas_is_bounded_by_the_route(world: World) -> None:
    refusal = world.refusal("gem", "hub", "arcade", options=Options(extra_gas=2**24 - 1))
    assert refusal == error("GasLimitTooHigh", RECEIVE_GAS + 2**24 - 1, 10_000_000)


# Permits


@pytest.fixture
def signer(world: World) -> str:
    """Has gems and nothing allowed; sends by itself where the node signs for it."""
    hub = world.stacks["hub"]
    impersonate(hub, SIGNER.address)
    world.local("gem", "hub").send("transfer", SIGNER.address, AMOUNT, sender=world.depositor)
    hub.era.send("transfer", SIGNER.address, AMOUNT, sender=world.depositor)
    return SIGNER.address


def calls_of(world: World) -> list[bytes]:
    """Permits of token and ERA, then a transfer that is paid from the balance."""
    bridge, gem = world.bridge("hub"), world.local("gem", "hub")
    calls = [
        bridge.encode("permit", token.address, *permit(token, SIGNER, bridge.address, ENDLESS)[2:])
        for token in (gem, world.stacks["hub"].era)
    ]
    options = Options(from_balance=True)
    transfer = bridge.encode("send", *world.call("gem", "hub", "arcade", SIGNER.address, AMOUNT, options))
    return [*calls, transfer]


def test_one_transaction_permits_and_sends(world: World, signer: str) -> None:
    receipt = world.bridge("hub").send("multicall", calls_of(world), sender=signer)
    world.carry(world.noted("hub", receipt))
    assert world.balance("gem", "arcade", signer) == AMOUNT


def test_a_permit_that_somebody_brought_before_stops_nothing(
    world: World, signer: str, attacker: str
) -> None:
    """Whoever sees a signature can bring it first."""
    calls = calls_of(world)
    bridge, gem = world.bridge("hub"), world.local("gem", "hub")
    gem.send("permit", *permit(gem, SIGNER, bridge.address, ENDLESS), sender=attacker)
    world.carry(world.noted("hub", bridge.send("multicall", calls, sender=signer)))
    assert world.balance("gem", "arcade", signer) == AMOUNT


def test_a_permit_is_for_the_callers_own_tokens(world: World, signer: str, attacker: str) -> None:
    """M10: another one's signature allows nothing, and costs nobody anything."""
    bridge, gem = world.bridge("hub"), world.local("gem", "hub")
    call = ("permit", gem.address, *permit(gem, SIGNER, bridge.address, ENDLESS)[2:])
    bridge.send(*call, sender=attacker)
    assert gem.view("allowance", signer, bridge.address) == 0
    assert gem.view("allowance", attacker, bridge.address) == 0
    assert gem.view("nonces", signer) == 0


@pytest.mark.parametrize("name", HERE)
def test_several_calls_are_all_or_none(world: World, depositor: str, name: str) -> None:
    bridge, other = world.bridge(name), "arcade" if name == "hub" else "hub"
    good = bridge.encode("send", *world.call("gem", name, other, depositor, 1))
    bad = bridge.encode("send", *world.call("gem", name, other, depositor, 0))
    assert bridge.revert("multicall", [good, bad], sender=depositor) == error("ZeroAmount")
    receipt = bridge.send("multicall", [good, good], sender=depositor)
    assert len(world.courier.note(name, receipt)) == 2
    world.courier.check_balances()


@pytest.mark.parametrize("name", HERE)
def test_several_calls_have_the_callers_rights_alone(world: World, attacker: str, name: str) -> None:
    """M10: the bridge does not become its own caller, nor the owner, nor a gateway."""
    bridge, gem = world.bridge(name), world.local("gem", name).address
    other = world.id_of("arcade" if name == "hub" else "hub")
    for call, refusal in (
        (bridge.encode("setLimits", gem, other, 1, 1, 1), error("NotBridgeOwner", attacker)),
        (bridge.encode("recall", bridge.address, 1), error("NotBridgeOwner", attacker)),
        (bridge.encode("hold", other, 1), error("NotBridgeGuardian", attacker)),
    ):
        nested = bridge.encode("multicall", [call])
        assert bridge.revert("multicall", [call], sender=attacker) == refusal
        assert bridge.revert("multicall", [nested], sender=attacker) == refusal


# Contracts and accounts with code


@pytest.fixture
def agent(world: World, deployer: str) -> Contract:
    """A contract that does what anyone tells it. It has gems, ERA and allowances."""
    hub = world.stacks["hub"]
    agent = deploy(hub.chain, "ScriptedSender", sender=deployer)
    for token in (world.local("gem", "hub"), hub.era):
        token.send("transfer", agent.address, 2 * AMOUNT, sender=world.depositor)
        approval = token.encode("approve", hub.bridge.address, ENDLESS)
        agent.send("execute", token.address, approval, sender=deployer)
    return agent


@pytest.mark.parametrize("kind", ["contract", "delegated account"])
def test_the_caller_pays_and_gets_it_back(
    world: World, agent: Contract, deployer: str, depositor: str, kind: str
) -> None:
    """M55: a contract, or an account with code (EIP-7702), whoever started the transaction."""
    hub = world.stacks["hub"]
    if kind == "contract":
        caller = agent
    else:
        code = "0xef0100" + agent.address[2:].lower()
        hub.chain.rpc("anvil_setCode", [SIGNER.address, code])
        caller = Contract(hub.chain, "ScriptedSender", SIGNER.address)
        for token in (world.local("gem", "hub"), hub.era):
            token.send("transfer", caller.address, 2 * AMOUNT, sender=depositor)
            approval = token.encode("approve", hub.bridge.address, ENDLESS)
            caller.send("execute", token.address, approval, sender=deployer)
    gem = world.local("gem", "hub")
    held = {who: gem.view("balanceOf", who) for who in (caller.address, depositor)}
    options = Options(from_balance=True)
    call = hub.bridge.encode("send", *world.call("gem", "hub", "arcade", caller.address, AMOUNT, options))
    receipt = caller.send("execute", hub.bridge.address, call, sender=depositor)
    message = world.noted("hub", receipt)
    assert Payload.read(message.payload).from_ == caller.address
    assert gem.view("balanceOf", caller.address) == held[caller.address] - AMOUNT
    assert gem.view("balanceOf", depositor) == held[depositor]
    world.courier.bring_back(message)
    assert gem.view("balanceOf", caller.address) == held[caller.address]


def test_cover_pay_and_front_take_of_the_caller(world: World, agent: Contract, depositor: str) -> None:
    """M55: as `send` does."""
    hub, gem = world.stacks["hub"], world.local("gem", "hub")
    first = world.send("gem", "arcade", "hub", depositor, options=Options(tip=1))
    terms = world.front_of(first)
    calls = [
        (gem, "cover", (gem.address, world.id_of("arcade"), 5), 5),
        (hub.era, "pay", (b"\1" * 32, 3), 3 * 10**9),
        (gem, "front", (terms.fields, agent.address), AMOUNT - AMOUNT // 10**9),
    ]
    for token, method, arguments, amount in calls:
        before = token.view("balanceOf", agent.address)
        call = hub.bridge.encode(method, *arguments)
        receipt = agent.send("execute", hub.bridge.address, call, sender=depositor)
        world.courier.note("hub", receipt)
        assert token.view("balanceOf", agent.address) == before - amount, method


@pytest.mark.parametrize("origin", HERE)
def test_the_annex_itself_is_of_no_use(world: World, origin: str, attacker: str, owner: str) -> None:
    """M10: called at its own address, it has no accounts, speaks as no bridge, and owns nothing."""
    stack = world.stacks[origin]
    annex = Contract(stack.chain, "BridgeAnnex", stack.bridge.view("ANNEX"))
    gem = world.local("gem", origin)
    payload = b"\0" * 128
    call = ("receiveMessage", b"\0" * 32, b"\0" * 8, payload)
    assert isinstance(annex.revert(*call, sender=attacker), Revert)
    stack.era.send("approve", annex.address, ENDLESS, sender=world.depositor)
    if origin == "arcade":
        refusal = annex.revert("pay", b"\1" * 32, 1, sender=world.depositor)
        assert refusal == error("UnauthorizedBridge", annex.address)
    annex.send("setLimits", gem.address, world.id_of("perps"), 1, 1, 1, sender=owner)
    call2 = ("limitsOf", gem.address, world.id_of("perps"))
    assert stack.bridge.view(*call2)[0] is False
