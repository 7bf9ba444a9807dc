"""Which token stands for which: descriptions, representations, and tokens of their issuers."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalayer.deploy.names import BRIDGED_TOKEN, TOKEN_METADATA
from metalayer.protocol.message import interoperable
from metalayer.protocol.transfers import DESCRIBE_GAS, Description, Kind, Options, read, representation
from tests.kit.evm import ZERO_ADDRESS, Contract, deploy, error
from tests.kit.hops import AMOUNT, FUNDS, TERMS
from tests.kit.world import World

NOTE_RETURN_GAS = 60_000
NAME, SYMBOL, DECIMALS = (bytes.fromhex(selector) for selector in ("06fdde03", "95d89b41", "313ce567"))


def text(value: str) -> bytes:
    return bytes(encode(["string"], [value]))


def number(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.fixture
def novel(world: World) -> Contract:
    """A token of the hub that no chain knows."""
    return world.issue("novel", "hub", "TestToken", "Novel", "NVL", 3, world.depositor)


# Descriptions and representations


def test_the_first_transfer_brings_a_description_and_no_later_one(world: World, novel: Contract) -> None:
    """P21: its representation says whose it is, and is called as the token."""
    bridge, arcade = world.bridge("hub"), world.id_of("arcade")
    assert bridge.view("isDescribed", novel.address, arcade) is False
    call = world.call("novel", "hub", "arcade", world.depositor, AMOUNT)
    receipt = bridge.send("send", *call, sender=world.depositor)
    messages = world.courier.note("hub", receipt)
    assert receipt.named("TokenDescribed") == [(novel.address, arcade, messages[0].id)]
    assert len(messages) == 2
    assert bridge.view("isDescribed", novel.address, arcade) is True
    created = world.courier.carry("hub", "arcade").named("RepresentationCreated")
    local = world.local("novel", "arcade")
    assert created == [(world.id_of("hub"), novel.address, local.address)]
    texts = [local.view(method) for method in ("name", "symbol", "decimals")]
    assert texts == ["Novel", "NVL", 3]
    assert (local.view("homeChain"), local.view("homeToken")) == (world.id_of("hub"), novel.address)
    assert world.bridge("arcade").view("homeOf", local.address) == (world.id_of("hub"), novel.address)
    receipt = bridge.send("send", *call, sender=world.depositor)
    assert len(world.courier.note("hub", receipt)) == 1


@pytest.mark.parametrize("home", ["hub", "arcade", "perps"])
def test_a_representation_has_one_address_on_all_chains(world: World, home: str) -> None:
    """P21: of chain and token alone; programs know it before it exists."""
    world.issue("novel", home, "TestToken", "Novel", "NVL", 3, world.depositor)
    token, chain_id = world.address("novel"), world.id_of(home)
    code = world.stacks["hub"].contracts[BRIDGED_TOKEN].address
    expected = representation(world.bridge("hub").address, code, chain_id, token)
    for name in world.stacks:
        assert world.bridge(name).view("representationOf", chain_id, token) == expected
        if name == home:
            continue
        assert world.bridge(name).view("localOf", chain_id, token) == ZERO_ADDRESS
        world.carry(world.send("novel", home, name))
        assert world.local("novel", name).address == expected


@pytest.mark.parametrize("from_balance", [True, False])
@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_anyone_describes_a_token(
    world: World, attacker: str, depositor: str, name: str, from_balance: bool
) -> None:
    """P5: before its first transfer, which is then alone; as often as somebody pays for it."""
    token = world.issue("novel", name, "TestToken", "Novel", "NVL", 3, attacker)
    other, stack = world.id_of("perps"), world.stacks[name]
    cost = TERMS.quote(DESCRIBE_GAS, NOTE_RETURN_GAS, 64 + 3 + 8)
    for _ in range(2):
        era, credit = world.balance("era", name, depositor), stack.gateway.view("credit", depositor)
        receipt = stack.bridge.send("describe", token.address, other, from_balance, sender=depositor)
        (message,) = world.courier.note(name, receipt)
        world.courier.check_balances()
        assert Description.read(message.payload) == Description(token.address, 3, b"Novel", b"NVL")
        paid = (
            era - world.balance("era", name, depositor),
            credit - stack.gateway.view("credit", depositor),
        )
        assert paid == ((cost, 0) if from_balance else (0, cost))
    world.courier.carry(name, "perps")
    assert world.bridge("perps").view("localOf", world.id_of(name), token.address) != ZERO_ADDRESS


def test_describes_nothing_that_is_not_at_home(world: World, depositor: str, attacker: str) -> None:
    """ERA has its own; a representation is described from its home; an account without code is no token."""
    for name, token in (
        ("hub", world.address("era")),
        ("arcade", world.address("era")),
        ("arcade", world.local("gem", "arcade").address),
        ("hub", attacker),
    ):
        refusal = world.bridge(name).revert("describe", token, world.id_of("perps"), False, sender=depositor)
        assert refusal == error("NotAtHome", token)


def test_describes_to_chains_alone(world: World, depositor: str) -> None:
    bridge, gem = world.bridge("hub"), world.address("gem")
    for destination in (0, 2**64, 2**256 - 1):
        refusal = bridge.revert("describe", gem, destination, False, sender=depositor)
        assert refusal == error("InvalidDestination", destination)
    own = world.id_of("hub")
    refusal = bridge.revert("describe", gem, own, False, sender=depositor)
    assert refusal == error("InvalidRecipient", interoperable(own, bridge.address))
    refusal = bridge.revert("describe", gem, 4_242, False, sender=depositor)
    assert refusal == error("RouteClosed", 4_242)


def test_a_description_that_comes_back_is_sent_again(world: World, novel: Contract) -> None:
    """What is unspent of its fee is the bridge's; what came behind it waits, and passes."""
    call = world.call("novel", "hub", "arcade", world.depositor, AMOUNT, Options(deadline=0))
    receipt = world.bridge("hub").send("send", *call, sender=world.depositor)
    description, transfer = world.courier.note("hub", receipt)
    at = description.deliver_before + 1
    assert len(world.courier.carry("hub", "arcade", at=at).named("MessageFailed")) == 2
    world.courier.say_returned(description)
    world.courier.refund(description)
    assert world.bridge("hub").view("isDescribed", novel.address, world.id_of("arcade")) is False
    world.courier.say_returned(transfer)
    world.courier.refund(transfer)
    receipt = world.bridge("hub").send("send", *call, sender=world.depositor)
    assert len(world.courier.note("hub", receipt)) == 2
    world.courier.carry("hub", "arcade")
    assert world.balance("novel", "arcade", world.depositor) == AMOUNT


def test_a_transfer_before_its_description_waits(world: World, novel: Contract, depositor: str) -> None:
    """Somebody describes it, and it is retried."""
    call = world.call("novel", "hub", "arcade", depositor, AMOUNT)
    receipt = world.bridge("hub").send("send", *call, sender=depositor)
    description, transfer = world.courier.note("hub", receipt)
    arcade = world.stacks["arcade"]
    gateway, code = arcade.gateway, arcade.contracts[BRIDGED_TOKEN]
    runtime = arcade.chain.rpc("eth_getCode", [code.address, "latest"])
    # Nothing can be created for a while: the description fails, and so does what comes after it.
    arcade.chain.rpc("anvil_setCode", [code.address, "0x5f5ffd"])
    arguments: Any = world.courier.arguments("hub", "arcade")
    receipt = gateway.send("deliver", *arguments, sender=world.courier.relayer, at=world.now("hub") + 1)
    arcade.chain.rpc("anvil_setCode", [code.address, runtime])
    assert len(world.courier.executed("arcade", receipt).named("MessageFailed")) == 2
    arguments = (transfer.origin, transfer.nonce, transfer.fields)
    refusal = gateway.revert("retry", *arguments, sender=depositor)
    assert refusal == error("RetryFailed", transfer.id)
    world.courier.retry(description, "arcade")
    world.courier.retry(transfer, "arcade")
    assert world.balance("novel", "arcade", depositor) == AMOUNT


def test_a_first_transfer_that_is_refused_undoes_no_description(world: World, novel: Contract) -> None:
    """What comes after it arrives, whoever was first: here, one to the representation itself."""
    local = world.bridge("hub").view("representationOf", world.id_of("hub"), novel.address)
    first = world.send("novel", "hub", "arcade", local)
    world.send("novel", "hub", "arcade", world.depositor)
    receipt = world.courier.carry("hub", "arcade")
    assert [values[0] for values in receipt.named("MessageFailed")] == [first.id]
    assert world.balance("novel", "arcade", world.depositor) == AMOUNT


def test_a_description_changes_nothing_that_is_known(world: World) -> None:
    """P21: neither name nor what stands for it, whoever says what."""
    hub_id, local = world.id_of("hub"), world.local("gem", "arcade")
    lie = Description(world.address("gem"), 2, b"Other", b"OTH").encoded
    assert world.told("arcade", hub_id, lie).events == []
    assert world.local("gem", "arcade").address == local.address
    assert (local.view("name"), local.view("decimals")) == ("Gem", 18)


def test_a_chain_describes_its_own_tokens_alone(world: World, attacker: str) -> None:
    """A13: identity is home chain and address: another chain's description makes another token."""
    lie = Description(world.address("gem"), 18, b"Gem", b"GEM").encoded
    receipt = world.told("arcade", world.id_of("perps"), lie)
    ((home, token, local),) = receipt.named("RepresentationCreated")
    assert (home, token) == (world.id_of("perps"), world.address("gem"))
    assert local != world.local("gem", "arcade").address


@pytest.mark.parametrize(
    ("name", "symbol", "decimals", "expected"),
    [
        (text("N" * 64), text("S" * 32), number(255), ("N" * 64, "S" * 32, 255)),
        (text("N" * 65), text("S" * 33), number(256), ("N" * 64, "S" * 32, 0)),
        (b"Maker".ljust(32, b"\0"), b"MKR".ljust(32, b"\0"), number(0), ("Maker", "MKR", 0)),
        (b"", b"", b"", ("?", "?", 0)),
        (b"\xff" * 3_000, b"\1" * 31, b"\xff", ("?", "?", 0)),
    ],
    ids=["longest", "too long", "bytes32", "none", "garbage"],
)
def test_any_metadata_arrive(
    world: World, developer: str, name: bytes, symbol: bytes, decimals: bytes, expected: tuple[Any, ...]
) -> None:
    """P20, P21: in bounds, whatever the token answers."""
    odd = world.issue("odd", "hub", "ScriptedToken", world.depositor)
    for selector, answer in ((NAME, name), (SYMBOL, symbol), (DECIMALS, decimals)):
        odd.send("setAnswer", selector, answer, sender=developer)
    world.send("odd", "hub", "arcade")
    assert world.courier.carry("hub", "arcade").named("MessageFailed") == []
    local = world.local("odd", "arcade")
    assert tuple(local.view(method) for method in ("name", "symbol", "decimals")) == expected


# Tokens of their issuers


@pytest.fixture
def issued(world: World, developer: str, novel: Contract) -> Contract:
    """On arcade, a token that lets the bridge mint and burn; a part of it is the issuer's own."""
    bridge = world.bridge("arcade").address
    return deploy(world.stacks["arcade"].chain, "IssuedToken", bridge, developer, FUNDS, sender=developer)


def test_an_adopted_token_stands_for_the_one_at_home(
    world: World, issued: Contract, owner: str, developer: str, beneficiary: str
) -> None:
    """P4: what arrives is minted of it, what leaves is burned; the issuer's own does not count."""
    bridge, hub_id, novel = world.bridge("arcade"), world.id_of("hub"), world.address("novel")
    receipt = bridge.send("adopt", hub_id, novel, issued.address, sender=owner)
    assert receipt.named("TokenAdopted") == [(hub_id, novel, issued.address)]
    assert bridge.view("localOf", hub_id, novel) == issued.address
    assert bridge.view("homeOf", issued.address) == (hub_id, novel)
    world.assets["novel"].beside["arcade"] = FUNDS
    first = world.send("novel", "hub", "arcade", world.depositor, 2 * AMOUNT)
    world.carry(first)
    assert issued.view("balanceOf", world.depositor) == 2 * AMOUNT
    world.arrive(world.send("novel", "arcade", "hub"))
    assert issued.view("totalSupply") == FUNDS + AMOUNT
    # What the issuer prints comes out of nobody else's account.
    world.outstanding("novel", "arcade")
    issued.send("transfer", world.depositor, FUNDS, sender=developer)
    call = world.call("novel", "arcade", "hub", beneficiary, AMOUNT + 1)
    receipt = bridge.send("send", *call, sender=world.depositor)
    (message,) = world.courier.note("arcade", receipt)
    refusal = error("OutstandingExceeded", novel, world.id_of("arcade"), AMOUNT + 1, AMOUNT)
    assert world.tell("hub", message.origin, message.payload) == refusal


def test_limits_of_a_token_hold_when_it_is_adopted(world: World, issued: Contract, owner: str) -> None:
    """P16."""
    hub_id = world.id_of("hub")
    bridge = world.bridge("arcade")
    bridge.send("setLimits", issued.address, hub_id, 5, 5, 100, sender=owner)
    bridge.send("adopt", hub_id, world.address("novel"), issued.address, sender=owner)
    world.assets["novel"].beside["arcade"] = FUNDS
    message = world.send("novel", "hub", "arcade", amount=6)
    assert len(world.carry(message).named("TransferWaiting")) == 1


@pytest.mark.parametrize("caller", ["attacker", "guardian", "developer"])
def test_only_the_owner_adopts(
    world: World, issued: Contract, request: pytest.FixtureRequest, caller: str
) -> None:
    account = request.getfixturevalue(caller)
    call = ("adopt", world.id_of("hub"), world.address("novel"), issued.address)
    assert world.bridge("arcade").revert(*call, sender=account) == error("NotBridgeOwner", account)


@pytest.mark.parametrize("how", ["described", "adopted"])
def test_nothing_is_adopted_for_what_is_known(
    world: World, issued: Contract, owner: str, developer: str, how: str
) -> None:
    """It could take over what is on its way."""
    bridge, hub_id, novel = world.bridge("arcade"), world.id_of("hub"), world.address("novel")
    if how == "described":
        world.send("novel", "hub", "arcade")
        world.courier.carry("hub", "arcade")
        other = issued
    else:
        bridge.send("adopt", hub_id, novel, issued.address, sender=owner)
        arguments = (bridge.address, developer, 1)
        other = deploy(world.stacks["arcade"].chain, "IssuedToken", *arguments, sender=developer)
    refusal = bridge.revert("adopt", hub_id, novel, other.address, sender=owner)
    assert refusal == error("NotAdoptable", hub_id, novel, other.address)


def test_a_description_does_not_take_over_what_was_adopted(
    world: World, issued: Contract, owner: str
) -> None:
    """P21."""
    bridge, hub_id, novel = world.bridge("arcade"), world.id_of("hub"), world.address("novel")
    bridge.send("adopt", hub_id, novel, issued.address, sender=owner)
    world.told("arcade", hub_id, Description(novel, 3, b"Novel", b"NVL").encoded)
    assert bridge.view("localOf", hub_id, novel) == issued.address


def test_adopts_nothing_that_is_not_adoptable(
    world: World, issued: Contract, owner: str, attacker: str
) -> None:
    """Without ERC-7802, for ERA, as ERA, for a token of this chain or of none, or one that stands for something."""
    bridge, hub_id, novel = world.bridge("arcade"), world.id_of("hub"), world.address("novel")
    era, coin = world.address("era"), world.address("coin")
    cases = [
        (hub_id, novel, coin),
        (hub_id, novel, attacker),
        (hub_id, era, issued.address),
        (world.id_of("perps"), era, issued.address),
        (hub_id, novel, era),
        (world.id_of("arcade"), novel, issued.address),
        (0, novel, issued.address),
        (2**64, novel, issued.address),
        (hub_id, novel, world.local("gem", "arcade").address),
    ]
    for case in cases:
        assert bridge.revert("adopt", *case, sender=owner) == error("NotAdoptable", *case)


# Making good


@pytest.mark.parametrize("token", ["gem", "era", "coin"])
def test_anyone_makes_good_what_an_account_lacks(world: World, depositor: str, token: str) -> None:
    """P4: after a reorganisation of the home, more was minted elsewhere than its account says."""
    home, other = world.home_of(token), "perps"
    bridge, local = world.bridge(home), world.local(token, home)
    held, locked = world.outstanding(token, other), local.view("balanceOf", bridge.address)
    receipt = bridge.send("cover", local.address, world.id_of(other), 5, sender=depositor)
    assert receipt.named("Covered") == [(local.address, world.id_of(other), depositor, 5)]
    assert world.outstanding(token, other) == held + 5
    assert local.view("balanceOf", bridge.address) == locked + 5


def test_covers_what_arrived(world: World, developer: str, depositor: str) -> None:
    """P4: of a token that takes a fee."""
    taxed = world.issue("taxed", "hub", "ScriptedToken", depositor)
    taxed.send("setBehaviour", 1, sender=developer)
    call = ("cover", taxed.address, world.id_of("arcade"), 1_000)
    assert world.bridge("hub").view(*call, sender=depositor) == 990
    world.bridge("hub").send(*call, sender=depositor)
    assert world.outstanding("taxed", "arcade") == 990


def test_covers_nothing_that_is_no_account(world: World, depositor: str) -> None:
    hub, arcade = world.bridge("hub"), world.bridge("arcade")
    gem, local = world.address("gem"), world.local("gem", "arcade").address
    refusal = arcade.revert("cover", local, world.id_of("perps"), 1, sender=depositor)
    assert refusal == error("NotAtHome", local)
    for chain_id in (0, world.id_of("hub")):
        refusal = hub.revert("cover", gem, chain_id, 1, sender=depositor)
        assert refusal == error("InvalidDestination", chain_id)
    refusal = hub.revert("cover", gem, world.id_of("arcade"), 0, sender=depositor)
    assert refusal == error("ZeroAmount")


# What it knows


def test_knows_its_contracts(world: World) -> None:
    for stack in world.stacks.values():
        assert stack.bridge.view("GATEWAY") == stack.gateway.address
        assert stack.bridge.view("ERA") == stack.era.address
        assert stack.bridge.view("HUB_CHAIN_ID") == world.id_of("hub")
        assert stack.bridge.view("BRIDGED_TOKEN") == stack.contracts[BRIDGED_TOKEN].address
        assert stack.bridge.view("METADATA") == stack.contracts[TOKEN_METADATA].address


def test_era_stands_for_itself_on_spokes(world: World) -> None:
    hub_id, era = world.id_of("hub"), world.address("era")
    assert world.bridge("hub").view("homeOf", era) == (0, ZERO_ADDRESS)
    for name in ("arcade", "perps"):
        assert world.bridge(name).view("homeOf", era) == (hub_id, era)
        assert world.bridge(name).view("localOf", hub_id, era) == era


# Payloads


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_payload_that_is_changed_is_refused_or_means_what_it_says(
    world: World, data: st.DataObject
) -> None:
    """M16: no bit is read in two ways, and none that must be zero is ignored."""
    kind = data.draw(st.sampled_from([Kind.OUT, Kind.BACK, Kind.RETURN]))
    payload = bytearray(world.payload("gem", kind, "perps", amount=1).encoded)
    place = data.draw(st.sampled_from([1 + 32, 32, 64, 65, *range(96, 104)]))
    bit = 1 << data.draw(st.integers(0, 7))
    payload[place] ^= bit
    name = "hub" if kind is Kind.BACK else "arcade"
    origin = world.id_of("arcade" if kind is Kind.BACK else "hub")
    try:
        read(bytes(payload))
    except ValueError:
        refusal = world.tell(name, origin, bytes(payload))
        assert refusal == error("InvalidPayload") or not refusal.data


@pytest.mark.parametrize("name", ["hub", "arcade"])
@pytest.mark.parametrize("length", [0, 31, 63, 64, 100, 127])
def test_refuses_payloads_that_are_too_short(world: World, name: str, length: int) -> None:
    kind = Kind.BACK if name == "hub" else Kind.OUT
    origin = world.id_of("arcade" if name == "hub" else "hub")
    payload = world.payload("gem", kind, "hub").encoded[:length]
    assert world.tell(name, origin, payload) == error("InvalidPayload")
