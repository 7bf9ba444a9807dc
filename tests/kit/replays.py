"""What finds each bug of a bridge: a replay that ends in a check whose message begins with the property it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from metalayer.protocol.message import Message
from metalayer.protocol.transfers import WAITING_TIME, ClaimPayload, Description, Front, Kind, Options
from tests.kit.evm import Contract, deploy
from tests.kit.hops import AMOUNT, deposit
from tests.kit.paper import DAY
from tests.kit.roles import ATTACKER, BENEFICIARY, DEVELOPER, OWNER, PAUPER
from tests.kit.transfer_bugs import TransferBug as Bug
from tests.kit.world import ENDLESS, PREPAID, World, impersonate

SOLVER, DEPLOYER = ATTACKER.address, DEVELOPER.address
TO = BENEFICIARY.address
TIP = 10_000_000
CAPACITY = 1_000
_TAKES_FEE = 1


def take_too_much(world: World) -> None:
    held = world.outstanding("gem", "arcade")
    receipt = world.forge("arcade", "hub", world.payload("gem", Kind.BACK, "hub", amount=held + 1).encoded)
    assert receipt.named("TransferReceived") == [], "M9"


def bring_back(world: World) -> None:
    world.courier.bring_back(world.send("gem", "hub", "arcade"))


def lock_in_a_hook(world: World) -> None:
    """A hook of one token sends another: nobody's lock stops that."""
    hooked = world.issue("hooked", "hub", "ScriptedToken", world.depositor)
    agent = _agent(world, "gem")
    hub = world.stacks["hub"]
    options = Options(from_balance=True)
    inner = hub.bridge.encode("send", *world.call("gem", "hub", "arcade", TO, AMOUNT, options))
    hooked.send("setCall", agent.address, agent.encode("execute", hub.bridge.address, inner), sender=DEPLOYER)
    world.bridge("hub").send("send", *world.call("hooked", "hub", "arcade", TO, 1), sender=world.depositor)
    assert hooked.view("succeeded"), "P20"


def count_twice_in_a_hook(world: World) -> None:
    """A hook sends the same token: what it locks is not counted again."""
    hooked = world.issue("hooked", "hub", "ScriptedToken", world.depositor)
    agent = _agent(world, "hooked")
    hub = world.stacks["hub"]
    options = Options(from_balance=True)
    inner = hub.bridge.encode("send", *world.call("hooked", "hub", "arcade", TO, AMOUNT, options))
    hooked.send("setCall", agent.address, agent.encode("execute", hub.bridge.address, inner), sender=DEPLOYER)
    call = world.call("hooked", "hub", "arcade", TO, AMOUNT)
    world.courier.note("hub", hub.bridge.send("send", *call, sender=world.depositor))
    world.courier.check_balances()


def take_a_fee(world: World) -> None:
    taxed = world.issue("taxed", "hub", "ScriptedToken", world.depositor)
    taxed.send("setBehaviour", _TAKES_FEE, sender=DEPLOYER)
    world.send("taxed", "hub", "arcade", amount=1_000)


def send_by_a_contract(world: World) -> None:
    agent = _agent(world, "gem")
    before = world.balance("gem", "hub", world.depositor)
    hub = world.stacks["hub"]
    call = hub.bridge.encode(
        "send", *world.call("gem", "hub", "arcade", TO, AMOUNT, Options(from_balance=True))
    )
    agent.send("execute", hub.bridge.address, call, sender=world.depositor)
    assert world.balance("gem", "hub", world.depositor) == before, "M55"


def remember_hours(world: World) -> None:
    """One change in the first second after a full hour: at that hour, it was not."""
    before = world.outstanding("era", "arcade")
    hour = (world.now("hub") // 3_600 + 2) * 3_600
    world.send("era", "hub", "arcade", amount=7, at=hour + 1)
    known = world.bridge("hub").view("pastOutstanding", world.id_of("arcade"), hour, at=hour + 3_600)
    assert known == before, "P19"


def prepay(world: World) -> None:
    world.carry(world.send("gem", "arcade", "perps", options=Options(fee=PREPAID)))


def claim_one_hop(world: World) -> None:
    first = _offer(world, "gem", "hub", "arcade")
    _front(world, "arcade", world.front_of(first))
    _claim(world, "arcade", world.front_of(first))
    receipt = world.courier.bring_back(first)
    assert receipt.named("TransferReturned")[0][1] == SOLVER, "P15"


def claim_two_hops(world: World) -> None:
    first = _offer(world, "gem", "arcade", "perps")
    _front(world, "perps", world.front_of(first))
    _claim(world, "perps", world.front_of(first))
    receipt = world.courier.bring_back(first)
    assert receipt.named("TransferReturned")[0][1] == SOLVER, "P15"


def claim_from_elsewhere(world: World) -> None:
    """Paid where it was not to arrive: nobody's business."""
    first = _offer(world, "gem", "hub", "arcade")
    _front(world, "perps", world.front_of(first))
    _claim(world, "perps", world.front_of(first))
    receipt = world.courier.bring_back(first)
    assert receipt.named("TransferReturned")[0][1] == world.depositor, "P15"


def claim_with_made_up_terms(world: World) -> None:
    first = _offer(world, "gem", "hub", "arcade")
    made_up = replace(world.front_of(first), to=SOLVER, amount=1, tip=10**9)
    _front(world, "arcade", made_up)
    _claim(world, "arcade", made_up)
    receipt = world.courier.bring_back(first)
    assert receipt.named("TransferReturned")[0][1] == world.depositor, "P15"


def front_what_arrived(world: World) -> None:
    first = _offer(world, "gem", "hub", "arcade")
    world.carry(first)
    _stock(world, "arcade")
    call = ("front", world.front_of(first).fields, SOLVER)
    world.bridge("arcade").attempt(*call, sender=SOLVER)
    assert world.balance("gem", "arcade", TO) == AMOUNT, "P14"


def front_another_id(world: World) -> None:
    _front_other(world, id=b"\1" * 32)


def front_less(world: World) -> None:
    _front_other(world, amount=1)


def front_oneself(world: World) -> None:
    _front_other(world, to=SOLVER)


def _front_other(world: World, **members: object) -> None:
    first = _offer(world, "gem", "hub", "arcade")
    _front(world, "arcade", replace(world.front_of(first), **members))  # type: ignore[arg-type]
    before = world.balance("gem", "arcade", TO)
    world.carry(first)
    assert world.balance("gem", "arcade", TO) == before + AMOUNT, "P15"


def return_over_the_limit(world: World) -> None:
    message = world.send("gem", "hub", "arcade")
    world.limit("gem", "hub", "arcade", 0, 0, 1)
    assert world.courier.bring_back(message).named("CallbackFailed") == [], "P16"


def dress_as_a_return(world: World) -> None:
    world.limit("gem", "arcade", "hub", 0, 0, 1)
    lie = world.payload("gem", Kind.RETURN, "perps", from_=SOLVER).encoded
    world.forge("hub", "arcade", lie)
    assert world.balance("gem", "arcade", SOLVER) == 0, "M45"


def wait_from_the_first_attempt(world: World) -> None:
    """It was sent a day before anybody tried it: that is no waiting."""
    world.limit("gem", "hub", "arcade", CAPACITY, 0, 1)
    message = world.send("gem", "arcade", "hub")
    world.courier.carry("arcade", "hub", at=world.now("hub") + 2 * DAY)
    _retry_fails(world, message, world.now("hub") + 100)


def wait_a_day(world: World) -> None:
    world.limit("gem", "hub", "arcade", CAPACITY, 0, 1)
    message = world.send("gem", "arcade", "hub")
    world.carry(message)
    _retry_fails(world, message, world.now("hub") + WAITING_TIME - 1)


def _retry_fails(world: World, message: Message, at: int) -> None:
    call = ("retry", message.origin, message.nonce, message.fields)
    world.stacks["hub"].gateway.attempt(*call, sender=world.courier.relayer, at=at)
    assert world.balance("gem", "hub", TO) == 0, "P16"


def pass_without_using(world: World) -> None:
    world.limit("gem", "hub", "arcade", CAPACITY, CAPACITY, 365 * DAY)
    message = world.send("gem", "arcade", "hub", amount=CAPACITY + 1)
    world.carry(message)
    world.courier.retry(message, "hub", at=world.now("hub") + WAITING_TIME)
    assert world.free("gem", "hub", "arcade") == (CAPACITY, CAPACITY), "P16"


def give_back_what_was_not_used(world: World) -> None:
    world.limit("gem", "hub", "arcade", CAPACITY, CAPACITY, 365 * DAY)
    world.carry(world.send("gem", "arcade", "hub", amount=CAPACITY))
    call = world.call("gem", "hub", "arcade", TO, CAPACITY + 1)
    receipt = world.bridge("hub").attempt("send", *call, sender=world.depositor)
    assert not receipt.succeeded, "P16"


def change_a_limit(world: World) -> None:
    world.limit("gem", "hub", "arcade", CAPACITY, CAPACITY, 1_000)
    begun = world.now("hub") + 10
    world.send("gem", "hub", "arcade", amount=CAPACITY, at=begun)
    world.limit("gem", "hub", "arcade", CAPACITY, CAPACITY, 365 * DAY, at=begun + 400)
    assert world.free("gem", "hub", "arcade", at=begun + 400)[0] == 400, "P16"


def poke(world: World) -> None:
    """A unit grows back in 864 seconds; each way, one is used every 100."""
    world.limit("gem", "hub", "arcade", 100, 100, DAY)
    begun, origin = world.now("hub") + 10, world.id_of("arcade")
    world.send("gem", "hub", "arcade", amount=100, at=begun)
    for step in range(1, 20):
        payload = world.payload("gem", Kind.BACK, "hub", amount=1).encoded
        world.told("hub", origin, payload, id_=bytes([step]) * 32, at=begun + 100 * step)
        world.send_unchecked("gem", "hub", "arcade", 1, at=begun + 100 * step + 1)
    assert world.free("gem", "hub", "arcade", at=begun + 1_901)[0] >= 1, "M35"


def bring_what_is_held(world: World) -> None:
    world.hold("hub", "arcade", DAY)
    assert world.carry(world.send("gem", "arcade", "hub")).named("TransferReceived") == [], "P18"


def claim_in_a_hold(world: World) -> None:
    world.hold("hub", "arcade", DAY)
    receipt = world.forge("arcade", "hub", ClaimPayload(b"\1" * 32, SOLVER).encoded)
    assert receipt.named("ClaimReceived"), "P18"


def strike(world: World) -> None:
    message = world.send("gem", "arcade", "hub")
    world.bridge("hub").send("strike", message.origin, message.id, sender=OWNER.address)
    assert world.carry(message).named("TransferReceived") == [], "P17"


def return_a_description(world: World) -> None:
    novel = world.issue("novel", "hub", "TestToken", "Novel", "NVL", 18, world.depositor)
    arcade = world.id_of("arcade")
    call = ("describe", novel.address, arcade, False)
    (message,) = world.courier.note("hub", world.bridge("hub").send(*call, sender=world.depositor))
    world.courier.bring_back(message)
    assert not world.bridge("hub").view("isDescribed", novel.address, arcade), "P21"


def describe_again(world: World) -> None:
    issued = _adopt(world)
    hub_id, novel = world.id_of("hub"), world.address("novel")
    world.told("arcade", hub_id, Description(novel, 18, b"Novel", b"NVL").encoded)
    assert world.bridge("arcade").view("localOf", hub_id, novel) == issued.address, "P21"


def adopt_late(world: World) -> None:
    other = deploy(
        world.stacks["arcade"].chain,
        "IssuedToken",
        *(world.bridge("arcade").address, DEPLOYER, 1),
        sender=DEPLOYER,
    )
    local = world.local("gem", "arcade").address
    call = ("adopt", world.id_of("hub"), world.address("gem"), other.address)
    world.bridge("arcade").attempt(*call, sender=OWNER.address)
    assert world.local("gem", "arcade").address == local, "P21"


def era_from_elsewhere(world: World) -> None:
    world.forge("perps", "arcade", world.payload("era", Kind.OUT, "perps", to=SOLVER).encoded)
    assert world.balance("era", "arcade", SOLVER) == 0, "P4"


def be_late_at_home(world: World) -> None:
    first = world.send("gem", "arcade", "perps", options=Options(fee=PREPAID))
    world.carry(first, at=world.now("hub") + DAY)
    assert world.only_open().deliver_before == first.deliver_before, "P14"


def prepay_more(world: World) -> None:
    before = world.balance("era", "hub", world.depositor)
    world.carry(world.send("gem", "arcade", "perps", options=Options(fee=PREPAID + 7)))
    assert world.balance("era", "hub", world.depositor) == before, "M51"


def call_early(world: World) -> None:
    """The callee sends on what it was paid."""
    arcade = world.stacks["arcade"]
    world.limit("gem", "arcade", "hub", 2**100, 2**100, 1)
    receiver = deploy(arcade.chain, "ScriptedReceiver", sender=DEPLOYER)
    local = world.local("gem", "arcade")
    call = local.encode("transfer", world.depositor, AMOUNT)
    receiver.send("setCall", local.address, call, sender=DEPLOYER)
    options = Options(data=b"act", extra_gas=200_000)
    message = world.send("gem", "hub", "arcade", receiver.address, options=options)
    assert world.carry(message).named("MessageFailed") == [], "P22"


def bring_by_anybody(world: World) -> None:
    bridge, lie = world.bridge("hub"), world.payload("gem", Kind.BACK, "hub", to=SOLVER).encoded
    impersonate(world.stacks["hub"], SOLVER)
    call = world.brought("hub", world.id_of("arcade"), lie, b"\7" * 32)
    bridge.attempt(*call, sender=SOLVER)
    assert world.balance("gem", "hub", SOLVER) == 0, "M10"


def listen_at_once(world: World) -> None:
    bridge, lie = world.bridge("hub"), world.payload("gem", Kind.BACK, "hub", to=SOLVER).encoded
    impersonate(world.stacks["hub"], PAUPER.address)
    bridge.send("acceptGateway", PAUPER.address, sender=OWNER.address)
    bridge.attempt(*world.brought("hub", world.id_of("arcade"), lie, b"\7" * 32), sender=PAUPER.address)
    assert world.balance("gem", "hub", SOLVER) == 0, "M10"


def strike_one_of_two(world: World) -> None:
    """Two gateways may give one id to two messages."""
    bridge, payload = world.bridge("hub"), world.payload("gem", Kind.BACK, "hub").encoded
    impersonate(world.stacks["hub"], PAUPER.address)
    bridge.send("acceptGateway", PAUPER.address, sender=OWNER.address)
    since = bridge.view("acceptedFrom", PAUPER.address)
    bridge.send("strike", world.id_of("arcade"), b"\7" * 32, sender=OWNER.address)
    call = world.brought("hub", world.id_of("arcade"), payload, b"\7" * 32)
    assert bridge.attempt(*call, sender=PAUPER.address, at=since).succeeded, "P17"


# What they have in common


def _agent(world: World, token: str) -> Contract:
    """A contract of the hub that does what anyone tells it, with tokens and ERA that the bridge may take."""
    hub = world.stacks["hub"]
    agent = deploy(hub.chain, "ScriptedSender", sender=DEPLOYER)
    for one in (world.local(token, "hub"), hub.era):
        one.send("transfer", agent.address, 2 * AMOUNT, sender=world.depositor)
        approval = one.encode("approve", hub.bridge.address, ENDLESS)
        agent.send("execute", one.address, approval, sender=DEPLOYER)
    return agent


def _adopt(world: World) -> Contract:
    """An issuer's token on arcade for a new one of the hub."""
    world.issue("novel", "hub", "TestToken", "Novel", "NVL", 18, world.depositor)
    bridge = world.bridge("arcade")
    chain = world.stacks["arcade"].chain
    issued = deploy(chain, "IssuedToken", bridge.address, DEPLOYER, 1, sender=DEPLOYER)
    world.assets["novel"].beside["arcade"] = 1
    call = ("adopt", world.id_of("hub"), world.address("novel"), issued.address)
    bridge.send(*call, sender=OWNER.address)
    return issued


def _offer(world: World, token: str, origin: str, destination: str) -> Message:
    options = replace(world.prepaid(token, origin, destination) or Options(), tip=TIP)
    return world.send(token, origin, destination, options=options)


def _stock(world: World, name: str) -> None:
    """The solver has gems and credit on a chain."""
    local, stack = world.local("gem", name), world.stacks[name]
    local.send("transfer", SOLVER, 2 * AMOUNT, sender=world.depositor)
    local.send("approve", stack.bridge.address, ENDLESS, sender=SOLVER)
    stack.era.send("transfer", SOLVER, AMOUNT, sender=world.depositor)
    deposit(stack, SOLVER)


def _front(world: World, name: str, terms: Front) -> None:
    _stock(world, name)
    world.bridge(name).send("front", terms.fields, SOLVER, sender=SOLVER)


def _claim(world: World, name: str, terms: Front) -> None:
    receipt = world.bridge(name).send("claim", terms.fields, False, sender=SOLVER)
    world.courier.note(name, receipt)
    start = world.courier.names[terms.start]
    world.courier.carry(name, start, at=max(world.now(name), world.now(start)) + 1)


FINDERS: dict[Bug, Callable[[World], object]] = {
    Bug.ACCOUNT_NOT_CHECKED: take_too_much,
    Bug.RETURN_LEAVES_ACCOUNT: bring_back,
    Bug.LOCK_OF_ALL_TOKENS: lock_in_a_hook,
    Bug.NOT_LOCKED: count_twice_in_a_hook,
    Bug.NOMINAL_AMOUNT_COUNTS: take_a_fee,
    Bug.ORIGIN_OF_CALL_PAYS: send_by_a_contract,
    Bug.HISTORY_AFTER_CHANGE: remember_hours,
    Bug.FEE_OUT_OF_OTHER_ACCOUNT: prepay,
    Bug.CLAIM_IGNORED: claim_one_hop,
    Bug.CLAIM_FROM_ANYWHERE: claim_from_elsewhere,
    Bug.CLAIM_OF_ANOTHER_END: claim_two_hops,
    Bug.CLAIM_BY_ID: claim_with_made_up_terms,
    Bug.FRONT_AFTER_ARRIVAL: front_what_arrived,
    Bug.ARRIVAL_NOT_MARKED: front_what_arrived,
    Bug.KEY_WITHOUT_ID: front_another_id,
    Bug.KEY_WITHOUT_AMOUNT: front_less,
    Bug.KEY_WITHOUT_RECIPIENT: front_oneself,
    Bug.LIMIT_ON_RETURNS: return_over_the_limit,
    Bug.RETURN_KIND_UNLIMITED: dress_as_a_return,
    Bug.WAITING_SINCE_START: wait_from_the_first_attempt,
    Bug.WAITING_SKIPPED: wait_a_day,
    Bug.WAITED_CONSUMES: pass_without_using,
    Bug.GIVEN_BACK_BELOW_ZERO: give_back_what_was_not_used,
    Bug.OLD_USE_AT_NEW_RATE: change_a_limit,
    Bug.POKES_ROUND_UP: poke,
    Bug.HOLD_FORGOTTEN_ON_BACK: bring_what_is_held,
    Bug.HOLD_STOPS_CLAIMS: claim_in_a_hold,
    Bug.STRIKE_FORGOTTEN: strike,
    Bug.DESCRIBED_THOUGH_RETURNED: return_a_description,
    Bug.DESCRIPTION_OVERWRITES: describe_again,
    Bug.ADOPTED_AFTER_ARRIVAL: adopt_late,
    Bug.ERA_OF_ANY_HOME: era_from_elsewhere,
    Bug.DEADLINE_RENEWED: be_late_at_home,
    Bug.LEFT_OVER_TO_SENDER: prepay_more,
    Bug.CALLED_BEFORE_PAYMENT: call_early,
    Bug.ANY_GATEWAY: bring_by_anybody,
    Bug.ACCEPTED_AT_ONCE: listen_at_once,
    Bug.IDS_OF_GATEWAYS_MIXED: strike_one_of_two,
}
"""What finds a bug always."""
