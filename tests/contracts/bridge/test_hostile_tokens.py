"""Tokens, chains and recipients that misbehave: each harms itself, and no other token's accounts, limits or arrivals
(P20). After every step, the books of all tokens are checked.
"""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from metalayer.protocol.transfers import Kind, Options
from tests.kit.evm import OUT_OF_GAS, Contract, deploy, error
from tests.kit.hops import AMOUNT, FUNDS
from tests.kit.world import ENDLESS, World

PLAIN, TAKES_FEE, CALLS, RETURNS_NOTHING, RETURNS_FALSE, REVERTS, BURNS_ALL_GAS, CLAIMS_MORE = range(8)
CLAIMED = 10**30
NAME, SYMBOL, DECIMALS = (bytes.fromhex(selector) for selector in ("06fdde03", "95d89b41", "313ce567"))
HOMES = ["hub", "arcade"]


@pytest.fixture(params=HOMES)
def home(request: pytest.FixtureRequest) -> str:
    """Where the token is at home."""
    return str(request.param)


@pytest.fixture
def other(home: str) -> str:
    """Where it goes."""
    return "arcade" if home == "hub" else "hub"


@pytest.fixture
def moody(world: World, home: str, other: str) -> Contract:
    """A token that misbehaves on demand. FUNDS of it are on the other chain."""
    token = world.issue("moody", home, "ScriptedToken", world.depositor)
    world.send("moody", home, other, world.depositor, FUNDS)
    world.courier.carry(home, other)
    return token


def others_work(world: World) -> None:
    """P20: what has nothing to do with it moves on, both ways, in the same lanes."""
    for token in ("gem", "era", "coin"):
        for origin, destination in (("hub", "arcade"), ("arcade", "hub")):
            receipt = world.arrive(world.send(token, origin, destination, world.depositor, 1))
            assert len(receipt.named("TransferReceived")) == 1


# Tokens that take a part


def test_of_a_token_that_takes_a_fee_what_arrived_counts(
    world: World, moody: Contract, developer: str, beneficiary: str, home: str, other: str
) -> None:
    """A13, P4: locked, released and fronted: whoever gets it bears the fee."""
    moody.send("setBehaviour", TAKES_FEE, sender=developer)
    first = world.send("moody", home, other, amount=1_000)
    world.carry(first)
    assert world.balance("moody", other, beneficiary) == 990
    assert world.outstanding("moody", other) == FUNDS + 990
    world.arrive(world.send("moody", other, home, amount=1_000))
    assert moody.view("balanceOf", beneficiary) == 990
    others_work(world)


def test_a_token_that_gives_nothing_is_not_sent(
    world: World, moody: Contract, developer: str, home: str, other: str
) -> None:
    """P4: a fee of everything."""
    moody.send("rebase", 10**19, sender=developer)
    refusal = world.refusal("moody", home, other, amount=1)
    assert refusal == error("ZeroAmount")


def test_a_balance_that_shrinks_hurts_its_own_holders(
    world: World, moody: Contract, developer: str, beneficiary: str, home: str, other: str
) -> None:
    """A13, P20: what is locked is less than what is outstanding: the last ones wait, and others are paid in full."""
    moody.send("rebase", 10**18 // 2, sender=developer)
    world.assets["moody"].taken = FUNDS // 2
    world.arrive(world.send("moody", other, home, amount=FUNDS // 4))
    assert moody.view("balanceOf", beneficiary) == FUNDS // 4
    message = world.send("moody", other, home, amount=FUNDS // 2)
    assert len(world.carry(message).named("MessageFailed")) == 1
    others_work(world)
    moody.send("rebase", 10**18, sender=developer)
    world.assets["moody"].taken = FUNDS // 4
    world.courier.retry(message, home)


def test_a_balance_that_grows_is_nobodys(
    world: World, moody: Contract, developer: str, home: str, other: str
) -> None:
    """A13, P4: only what was sent counts."""
    moody.send("rebase", 2 * 10**18, sender=developer)
    world.assets["moody"].taken = -FUNDS
    held, origin = world.outstanding("moody", other), world.id_of(other)
    lie = world.payload("moody", Kind.BACK, home, amount=held + 1).encoded
    assert world.tell(home, origin, lie) == error(
        "OutstandingExceeded", moody.address, origin, held + 1, held
    )
    world.arrive(world.send("moody", other, home, world.depositor, FUNDS))


# Tokens that lie


def test_a_token_that_lies_about_balances_deceives_its_own_accounts(
    world: World, developer: str, home: str, other: str, beneficiary: str
) -> None:
    """A13, P20: of what it says there is, nothing can be paid with another token."""
    world.issue("liar", home, "ScriptedToken", world.depositor)
    liar = world.assets["liar"].token
    liar.send("setBehaviour", CLAIMS_MORE, sender=developer)
    world.assets["liar"].taken = 0
    message = world.send("liar", home, other, amount=1)
    world.carry(message)
    assert world.outstanding("liar", other) == CLAIMED + 1
    assert world.balance("liar", other, beneficiary) == CLAIMED + 1
    others_work(world)


def test_a_token_that_says_too_much_is_not_sent(world: World, developer: str, home: str, other: str) -> None:
    """M8: more than a message carries."""
    most = 2**128 - 1
    liar = world.issue("liar", home, "ScriptedToken", world.depositor, supply=most)
    liar.send("setBehaviour", CLAIMS_MORE, sender=developer)
    assert world.refusal("liar", home, other, amount=most) == error("AmountTooLarge", most + CLAIMED)


@pytest.mark.parametrize("behaviour", [RETURNS_FALSE, REVERTS])
def test_a_token_that_refuses_moves_nothing(
    world: World, moody: Contract, developer: str, home: str, other: str, behaviour: int
) -> None:
    """A13, M12, P20: neither out nor back; what is under way is retried, or returns."""
    moody.send("setBehaviour", behaviour, sender=developer)
    refusal = world.refusal("moody", home, other)
    if behaviour == REVERTS:
        assert refusal == error("Refused")
    else:
        assert refusal == error("SafeERC20FailedOperation", moody.address)
    message = world.send("moody", other, home, amount=AMOUNT)
    assert len(world.carry(message).named("MessageFailed")) == 1
    others_work(world)
    moody.send("setBehaviour", PLAIN, sender=developer)
    world.courier.retry(message, home)


def test_a_token_that_returns_nothing_works(
    world: World, moody: Contract, developer: str, home: str, other: str
) -> None:
    """A13: as many old ones do."""
    moody.send("setBehaviour", RETURNS_NOTHING, sender=developer)
    world.arrive(world.send("moody", home, other, world.depositor))
    world.arrive(world.send("moody", other, home, world.depositor))


def test_a_token_that_burns_all_gas_costs_its_own_message(
    world: World, moody: Contract, developer: str, home: str, other: str, depositor: str
) -> None:
    """A13, M12, M20, M42: no lane stops."""
    moody.send("setBehaviour", BURNS_ALL_GAS, sender=developer)
    assert world.refusal("moody", home, other) == OUT_OF_GAS
    message = world.send("moody", other, home)
    behind = world.send("gem" if home == "hub" else "coin", other, home, depositor, 1)
    receipt = world.carry(behind)
    assert [values[0] for values in receipt.named("MessageFailed")] == [message.id]
    assert [values[0] for values in receipt.named("TransferReceived")] == [behind.id]
    others_work(world)
    before = world.balance("moody", other, depositor)
    world.courier.say_returned(message)
    world.courier.refund(message)
    assert world.balance("moody", other, depositor) == before + AMOUNT


def test_a_token_whose_code_is_gone_returns(
    world: World, moody: Contract, depositor: str, home: str, other: str
) -> None:
    """A13, M8: it destroyed itself, or was upgraded to nothing."""
    before = world.balance("moody", other, depositor)
    message = world.send("moody", other, home)
    chain = world.stacks[home].chain
    code = chain.rpc("eth_getCode", [moody.address, "latest"])
    chain.rpc("anvil_setCode", [moody.address, "0x"])
    gateway = world.stacks[home].gateway
    deliver = ("deliver", *world.courier.arguments(other, home))
    receipt = gateway.send(*deliver, sender=world.courier.relayer)
    assert len(receipt.named("MessageFailed")) == 1
    chain.rpc("anvil_setCode", [moody.address, code])
    world.courier.executed(home, receipt)
    world.courier.say_returned(message)
    world.courier.refund(message)
    assert world.balance("moody", other, depositor) == before


# Tokens with hooks


@pytest.fixture
def agent(world: World, home: str, moody: Contract, developer: str) -> Contract:
    """A contract that does what anyone tells it, with tokens and ERA that the bridge may take."""
    stack = world.stacks[home]
    agent = deploy(stack.chain, "ScriptedSender", sender=developer)
    for token in (moody, stack.era, world.local("gem", home), world.local("coin", home)):
        token.send("transfer", agent.address, AMOUNT, sender=world.depositor)
        approval = token.encode("approve", stack.bridge.address, ENDLESS)
        agent.send("execute", token.address, approval, sender=developer)
    return agent


def hook(world: World, home: str, moody: Contract, agent: Contract, call: bytes, developer: str) -> None:
    """When the token moves next, the agent calls the bridge."""
    through = agent.encode("execute", world.bridge(home).address, call)
    moody.send("setCall", agent.address, through, sender=developer)


def test_a_hook_does_not_lock_the_token_that_is_being_locked(
    world: World, moody: Contract, agent: Contract, developer: str, home: str, other: str
) -> None:
    """A13, M20: it would count twice."""
    bridge = world.bridge(home)
    options = Options(from_balance=True)
    inner = [
        bridge.encode("send", *world.call("moody", home, other, world.depositor, 5, options)),
        bridge.encode("cover", moody.address, world.id_of(other), 5),
    ]
    for call in inner:
        hook(world, home, moody, agent, call, developer)
        world.send("moody", home, other)
        assert moody.view("succeeded") is False
        refusal = error("TokenLocked", moody.address).data
        assert refusal in moody.view("result")


def test_a_hook_moves_other_tokens(
    world: World, moody: Contract, agent: Contract, developer: str, home: str, other: str
) -> None:
    """A13, P20: the lock is of one token."""
    bridge, token = world.bridge(home), "gem" if home == "hub" else "coin"
    options = Options(from_balance=True)
    inner = bridge.encode("send", *world.call(token, home, other, world.depositor, 5, options))
    hook(world, home, moody, agent, inner, developer)
    call = world.call("moody", home, other, world.depositor, AMOUNT)
    receipt = bridge.send("send", *call, sender=world.depositor)
    assert len(world.courier.note(home, receipt)) == 2
    world.courier.check_balances()
    assert moody.view("succeeded") is True


def test_a_hook_of_a_release_sends_again(
    world: World, moody: Contract, agent: Contract, developer: str, home: str, other: str
) -> None:
    """M20: what is being paid is out of the account already; nothing is paid twice."""
    bridge = world.bridge(home)
    options = Options(from_balance=True)
    inner = bridge.encode("send", *world.call("moody", home, other, world.depositor, 5, options))
    message = world.send("moody", other, home, options=Options(extra_gas=500_000))
    hook(world, home, moody, agent, inner, developer)
    world.carry(message)
    assert moody.view("succeeded") is True
    assert world.outstanding("moody", other) == FUNDS - AMOUNT + 5


def test_a_hook_that_delivers_is_paid_once(
    world: World, moody: Contract, developer: str, home: str, other: str, beneficiary: str
) -> None:
    """M11, M20: a release from within a lock. What the sender loses of it stays in the bridge, as nobody's."""
    message = world.send("moody", other, home, amount=3)
    gateway = world.stacks[home].gateway
    deliver = gateway.encode("deliver", *world.courier.arguments(other, home))
    moody.send("setCall", gateway.address, deliver, sender=developer)
    call = world.call("moody", home, other, world.depositor, 10)
    receipt = world.bridge(home).send("send", *call, sender=world.depositor)
    assert moody.view("succeeded") is True
    del world.courier.open[message.id]
    world.courier.note(home, receipt)
    world.assets["moody"].taken = -3
    world.courier.check_balances()
    assert moody.view("balanceOf", beneficiary) == 3


# Tokens that refuse somebody


def test_a_blocked_recipient_costs_its_own_message(
    world: World, moody: Contract, developer: str, home: str, other: str, beneficiary: str, depositor: str
) -> None:
    """A13, P14: it is retried when the issuer lets it, or goes home."""
    moody.send("setBlocked", beneficiary, True, sender=developer)
    first, second = (world.send("moody", other, home, amount=5) for _ in range(2))
    assert len(world.carry(second).named("MessageFailed")) == 2
    others_work(world)
    moody.send("setBlocked", beneficiary, False, sender=developer)
    world.courier.retry(first, home)
    assert moody.view("balanceOf", beneficiary) == 5
    before = world.balance("moody", other, depositor)
    world.courier.say_returned(second)
    world.courier.refund(second)
    assert world.balance("moody", other, depositor) == before + 5


def test_a_blocked_sender_leaves_its_refund_open(
    world: World, moody: Contract, developer: str, home: str, other: str, depositor: str
) -> None:
    """A13, P14: until its token lets it: the message has ended, the callback has not."""
    message = world.send("moody", home, other, amount=5)
    moody.send("setBlocked", depositor, True, sender=developer)
    world.courier.carry(home, other, at=message.deliver_before + 1)
    world.courier.say_returned(message)
    receipt = world.courier.refund(message)
    assert receipt.named("CallbackFailed") == [(message.id,)]
    others_work(world)
    unspent = receipt.named("MessageReturned")[0][3]
    moody.send("setBlocked", depositor, False, sender=developer)
    before = moody.view("balanceOf", depositor)
    world.courier.call_back(message, unspent)
    assert moody.view("balanceOf", depositor) == before + 5


def test_a_token_that_blocks_the_bridge_stops_itself(
    world: World, moody: Contract, developer: str, home: str, other: str
) -> None:
    """A13."""
    message = world.send("moody", other, home)
    bridge = world.bridge(home).address
    moody.send("setBlocked", bridge, True, sender=developer)
    assert world.refusal("moody", home, other) == error("Blocked", bridge)
    assert len(world.carry(message).named("MessageFailed")) == 1
    others_work(world)


def test_an_issuer_that_refuses_to_mint_costs_its_own_messages(
    world: World, owner: str, developer: str, beneficiary: str
) -> None:
    """A13, P20: an adopted token that blocks a recipient, then one that burns all gas."""
    world.issue("novel", "hub", "TestToken", "Novel", "NVL", 18, world.depositor)
    chain, bridge = world.stacks["arcade"].chain, world.bridge("arcade")
    issued = deploy(chain, "IssuedToken", bridge.address, developer, 1, sender=developer)
    world.assets["novel"].beside["arcade"] = 1
    bridge.send("adopt", world.id_of("hub"), world.address("novel"), issued.address, sender=owner)
    issued.send("setBlocked", beneficiary, True, sender=developer)
    first = world.send("novel", "hub", "arcade")
    assert len(world.courier.carry("hub", "arcade").named("MessageFailed")) == 1
    issued.send("setBurnsAllGas", True, sender=developer)
    second = world.send("novel", "hub", "arcade")
    assert len(world.carry(second).named("MessageFailed")) == 1
    others_work(world)
    issued.send("setBlocked", beneficiary, False, sender=developer)
    issued.send("setBurnsAllGas", False, sender=developer)
    for message in (first, second):
        world.courier.retry(message, "arcade")
    assert issued.view("balanceOf", beneficiary) == 2 * AMOUNT


# Names


@pytest.mark.parametrize("decimals", [0, 19, 255])
def test_any_decimals_are_kept(world: World, developer: str, home: str, other: str, decimals: int) -> None:
    """A13: nothing is scaled."""
    odd = world.issue("odd", home, "ScriptedToken", world.depositor)
    odd.send("setAnswer", DECIMALS, encode(["uint8"], [decimals]), sender=developer)
    world.send("odd", home, other, world.depositor, 7)
    world.courier.carry(home, other)
    assert world.local("odd", other).view("decimals") == decimals
    assert world.balance("odd", other, world.depositor) == 7


def test_anyone_names_a_token_as_another(world: World, developer: str, home: str, other: str) -> None:
    """A13, P21: it says whose it is, and has an address of its own."""
    fake = world.issue("fake", home, "ScriptedToken", world.depositor)
    for selector, name in ((NAME, "Gem"), (SYMBOL, "GEM")):
        fake.send("setAnswer", selector, encode(["string"], [name]), sender=developer)
    world.send("fake", home, other, world.depositor, 7)
    world.courier.carry(home, other)
    local = world.local("fake", other)
    assert local.view("name") == "Gem"
    assert (local.view("homeChain"), local.view("homeToken")) == (world.id_of(home), fake.address)
    assert local.address != world.local("gem", "perps").address


def test_metadata_that_burn_all_gas_cost_their_own_sender(
    world: World, developer: str, home: str, other: str
) -> None:
    """M12, P20: each read has a bound: whoever sends such a token brings more gas."""
    odd = world.issue("odd", home, "ScriptedToken", world.depositor)
    for selector in (NAME, SYMBOL, DECIMALS):
        odd.send("setAnswer", selector, b"", sender=developer)
    call = world.call("odd", home, other, world.depositor, 5)
    refusal = world.bridge(home).revert("send", *call, sender=world.depositor, gas=150_000)
    assert refusal.data in (error("TooLittleGas").data, b"")
    world.send("odd", home, other, world.depositor, 5)
    world.courier.carry(home, other)
    assert world.local("odd", other).view("name") == "?"
