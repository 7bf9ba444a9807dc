"""Solvers: who pays a recipient before a transfer arrives gets what becomes of it, and nobody else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from metalayer.protocol.message import Message
from metalayer.protocol.transfers import CLAIM_GAS, Front, Options
from tests.kit.evm import ZERO_ADDRESS, Revert, call, error
from tests.kit.hops import AMOUNT, CREDIT, TERMS, Courier, deposit
from tests.kit.world import ENDLESS, World

CLAIM_LENGTH, NOTE_RETURN_GAS = 128, 60_000
DONE = "0x" + "00" * 19 + "01"
TIP, RAMP = 10_000_000, 100
"""One part in a hundred, over 100 seconds."""
KEPT = AMOUNT // 100
ROUTES = [
    pytest.param("gem", "hub", "arcade", id="gem-out"),
    pytest.param("gem", "arcade", "hub", id="gem-back"),
    pytest.param("gem", "arcade", "perps", id="gem-two-hops"),
    pytest.param("era", "arcade", "perps", id="era-two-hops"),
    pytest.param("coin", "hub", "perps", id="coin-two-hops"),
    pytest.param("coin", "arcade", "perps", id="coin-out"),
]
"""All shapes."""


@pytest.fixture
def solver(attacker: str, world: World) -> str:
    """Has every token everywhere, which the bridge may take, and credit. Nobody in particular."""
    for name, stack in world.stacks.items():
        for token in ("gem", "era", "coin"):
            local = world.local(token, name)
            local.send("transfer", attacker, 2 * AMOUNT, sender=world.depositor)
            local.send("approve", stack.bridge.address, ENDLESS, sender=attacker)
        deposit(stack, attacker, CREDIT)
        stack.era.send("approve", stack.bridge.address, ENDLESS, sender=attacker)
    return attacker


def offer(world: World, token: str, origin: str, destination: str, **members: Any) -> Message:
    """Starts a transfer with a tip."""
    options = world.prepaid(token, origin, destination) or Options()
    options = replace(options, **{"tip": TIP, **members})
    first = world.send(token, origin, destination, options=options)
    home = world.home_of(token)
    if len(world.path(token, origin, destination)) == 2 and home != "hub":
        world.pay(home, first.id)
    return first


def with_bit(data: bytes, place: int, bit: int) -> bytes:
    """The same call, with one bit more in one of its words."""
    changed = bytearray(data)
    changed[4 + 32 * (place + 1) - 1 - bit // 8] |= 1 << bit % 8
    return bytes(changed)


def front(
    world: World, name: str, terms: Front, solver: str, at: int | None = None, to: str | None = None
) -> int:
    """Fronts, and says what was paid."""
    bridge = world.bridge(name)
    receipt = bridge.send("front", terms.fields, to or solver, sender=solver, at=at)
    (event,) = receipt.named("TransferFronted")
    assert event[:4] == (terms.id, to or solver, terms.to, terms.key)
    return int(event[5])


def claim(world: World, name: str, terms: Front, solver: str) -> bytes:
    """Claims, and carries the claim to the start."""
    receipt = world.bridge(name).send("claim", terms.fields, False, sender=solver)
    ((id_, start, claimant, send_id),) = receipt.named("FrontClaimed")
    assert (id_, start) == (terms.id, terms.start)
    del claimant
    world.courier.note(name, receipt)
    start_name = world.courier.names[terms.start]
    received = world.courier.carry(name, start_name, at=world.now(start_name) + 1)
    assert send_id not in world.courier.open
    del received
    return bytes(send_id)


# Fronting


@pytest.mark.parametrize(("token", "origin", "destination"), ROUTES)
def test_a_solver_pays_at_once_and_gets_what_arrives(
    world: World, solver: str, beneficiary: str, token: str, origin: str, destination: str
) -> None:
    """P14, P15, M46: from the first message on, however many hops follow; the recipient is paid once."""
    first = offer(world, token, origin, destination)
    terms = world.front_of(first)
    before = world.balance(token, destination, solver)
    paid = front(world, destination, terms, solver)
    assert paid == AMOUNT - KEPT == world.balance(token, destination, beneficiary)
    assert world.bridge(destination).view("solverOf", terms.key) == solver
    receipt = world.arrive(first)
    local = world.local(token, destination).address
    expected = (first.id, solver, local, world.id_of(origin), AMOUNT)
    assert receipt.named("TransferReceived") == [expected]
    assert world.balance(token, destination, solver) == before + KEPT
    assert world.balance(token, destination, beneficiary) == AMOUNT - KEPT
    assert world.bridge(destination).view("solverOf", terms.key) == DONE


@pytest.mark.parametrize(("token", "origin", "destination"), ROUTES)
def test_a_tip_that_nobody_wants_is_the_recipients(
    world: World, solver: str, beneficiary: str, token: str, origin: str, destination: str
) -> None:
    """P14: it gets everything, and nobody can front it any more."""
    first = offer(world, token, origin, destination)
    world.arrive(first)
    assert world.balance(token, destination, beneficiary) == AMOUNT
    terms = world.front_of(first)
    refusal = world.bridge(destination).revert("front", terms.fields, solver, sender=solver)
    assert refusal == error("AlreadyFronted", terms.key)


def test_the_key_is_the_hash_of_all_terms(world: World) -> None:
    terms = world.front_of(offer(world, "gem", "hub", "arcade", ramp=RAMP))
    for name in ("hub", "arcade"):
        assert world.bridge(name).view("keyOf", terms.fields) == terms.key


def test_another_gets_what_the_solver_says(world: World, solver: str, delegatee: str) -> None:
    first = offer(world, "gem", "hub", "arcade")
    front(world, "arcade", world.front_of(first), solver, to=delegatee)
    world.arrive(first)
    assert world.balance("gem", "arcade", delegatee) == AMOUNT


def test_a_second_solver_is_refused(world: World, solver: str, depositor: str) -> None:
    """M11: before it pays."""
    terms = world.front_of(offer(world, "gem", "hub", "arcade"))
    front(world, "arcade", terms, solver)
    refusal = world.bridge("arcade").revert("front", terms.fields, depositor, sender=depositor)
    assert refusal == error("AlreadyFronted", terms.key)


@pytest.mark.parametrize("late", [0, 1])
def test_a_front_ends_with_the_deadline(world: World, solver: str, late: int) -> None:
    """M18: in its second it may still arrive."""
    terms = world.front_of(offer(world, "gem", "hub", "arcade"))
    bridge, at = world.bridge("arcade"), terms.deadline + late
    if late:
        refusal = bridge.revert("front", terms.fields, solver, sender=solver, at=at)
        assert refusal == error("NotFrontable", terms.id)
    else:
        front(world, "arcade", terms, solver, at=at)


def test_nobody_fronts_what_offers_nothing(world: World, solver: str) -> None:
    terms = world.front_of(world.send("gem", "hub", "arcade"))
    refusal = world.bridge("arcade").revert("front", terms.fields, solver, sender=solver)
    assert refusal == error("NotFrontable", terms.id)


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(-5, 0), (0, 0), (1, 10**14 * 5), (50, KEPT // 2), (100, KEPT), (101, KEPT), (9_999, KEPT)],
)
def test_what_a_solver_keeps_grows(world: World, solver: str, seconds: int, kept: int) -> None:
    """Over the ramp, from when it started by its origin's clock: the clock here may be behind."""
    base = world.now("arcade") + 100
    options = Options(tip=TIP, ramp=RAMP)
    first = world.send("gem", "hub", "arcade", options=options, at=max(base, world.now("hub") + 1))
    terms = world.front_of(first)
    at = terms.sent_at + seconds
    if at <= world.now("arcade"):
        pytest.fail("the clock of arcade is ahead")
    assert front(world, "arcade", terms, solver, at=at) == AMOUNT - kept
    assert terms.kept(at) == kept


@pytest.mark.parametrize("tip", [1, 10**9])
def test_tips_at_the_ends_of_their_range(world: World, solver: str, beneficiary: str, tip: int) -> None:
    first = offer(world, "gem", "hub", "arcade", tip=tip)
    assert front(world, "arcade", world.front_of(first), solver) == AMOUNT - AMOUNT * tip // 10**9
    world.arrive(first)
    assert world.balance("gem", "arcade", beneficiary) == AMOUNT - AMOUNT * tip // 10**9


def test_refuses_terms_that_no_transfer_has(world: World, solver: str) -> None:
    """M6, M8: a tip above all; beneficiaries that nobody owns; a token that nothing stands for here."""
    bridge = world.bridge("arcade")
    terms = world.front_of(offer(world, "gem", "hub", "arcade"))

    def refusal(to: str = solver, **members: Any) -> Revert:
        return bridge.revert("front", replace(terms, **members).fields, to, sender=solver)

    gateway, local = world.stacks["arcade"].gateway.address, world.local("gem", "arcade").address
    assert refusal(tip=10**9 + 1) == error("InvalidOptions")
    for account in (ZERO_ADDRESS, gateway, bridge.address, local):
        assert refusal(to=account) == error("InvalidBeneficiary", account)
    for account in (ZERO_ADDRESS, gateway, bridge.address, local):
        assert bridge.revert("front", replace(terms, to=account).fields, solver, sender=solver) == error(
            "InvalidBeneficiary", account
        )
    assert refusal(to=DONE) == error("InvalidBeneficiary", DONE)
    assert refusal(token=solver) == error("TokenUnknown", world.id_of("hub"), solver)
    era = world.address("era")
    wrong = world.id_of("perps")
    assert refusal(home_chain=wrong, token=era) == error("NotHomeOfEra", wrong)


@pytest.mark.parametrize(
    ("place", "bits"),
    [(3, 160), (4, 160), (5, 128), (6, 32), (7, 16), (8, 40), (9, 40)],
    ids=["token", "to", "amount", "tip", "ramp", "sent_at", "deadline"],
)
def test_refuses_members_beyond_their_types(world: World, solver: str, place: int, bits: int) -> None:
    """No amount, and no account, is read out of a word that holds more than that."""
    bridge, terms = world.bridge("arcade"), world.front_of(offer(world, "gem", "hub", "arcade"))
    data = bridge.encode("front", terms.fields, solver)
    for bit in (bits, 255):
        refusal = call(bridge.chain, bridge.address, with_bit(data, place, bit), sender=solver)
        assert refusal == error("InvalidOptions")


def test_a_solver_needs_what_it_pays(world: World, solver: str) -> None:
    terms = world.front_of(offer(world, "gem", "hub", "arcade"))
    bridge, local = world.bridge("arcade"), world.local("gem", "arcade")
    local.send("approve", bridge.address, AMOUNT - KEPT - 1, sender=solver)
    refusal = bridge.revert("front", terms.fields, solver, sender=solver)
    assert refusal == error("ERC20InsufficientAllowance", bridge.address, AMOUNT - KEPT - 1, AMOUNT - KEPT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": b"\1" * 32},
        {"start": 903},
        {"to": DONE},
        {"amount": AMOUNT - 1},
        {"tip": TIP + 1},
        {"ramp": 1},
        {"sent_at": 1},
        {"deadline": 2**40 - 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_other_terms_front_nothing(
    world: World, solver: str, beneficiary: str, wrong: dict[str, Any]
) -> None:
    """P15: whoever pays somebody else, or less, or for another transfer gets nothing of this one."""
    first = offer(world, "gem", "hub", "arcade")
    terms = replace(world.front_of(first), **wrong)
    front(world, "arcade", terms, solver)
    before = world.balance("gem", "arcade", beneficiary)
    world.carry(first)
    assert world.balance("gem", "arcade", beneficiary) == before + AMOUNT
    assert world.bridge("arcade").view("solverOf", terms.key) == solver


# Claims


@pytest.mark.parametrize(("token", "origin", "destination"), ROUTES)
def test_a_solver_that_claimed_gets_what_returns(
    world: World, solver: str, beneficiary: str, depositor: str, token: str, origin: str, destination: str
) -> None:
    """P14, P15, M46: recipient, solver and sender are together paid once, whichever hop comes back."""
    first = offer(world, token, origin, destination, fee=_prepaid(world, token, origin, destination, 3))
    terms = world.front_of(first)
    front(world, destination, terms, solver)
    claim(world, destination, terms, solver)
    start = world.bridge(origin)
    assert start.view("claimantOf", terms.key, world.id_of(destination)) == solver
    held = {who: world.balance(token, origin, who) for who in (solver, depositor)}
    era = world.balance("era", origin, depositor)
    hops = world.path(token, origin, destination)
    last = first if len(hops) == 1 else _forwarded(world, first)
    if len(hops) == 2 and world.home_of(token) != "hub":
        world.pay(world.home_of(token), first.id)
    receipt = world.courier.bring_back(last)
    if len(hops) == 2:
        receipt = world.carry(world.only_open())
    local = world.local(token, origin).address
    assert receipt.named("TransferReturned") == [(first.id, solver, local, AMOUNT)]
    assert world.balance(token, origin, solver) == held[solver] + AMOUNT
    if not world.assets[token].is_era:
        assert world.balance(token, origin, depositor) == held[depositor]
    assert world.balance("era", origin, depositor) >= era
    assert world.balance(token, destination, beneficiary) == AMOUNT - KEPT


def _prepaid(world: World, token: str, origin: str, destination: str, times: int) -> int:
    options = world.prepaid(token, origin, destination)
    return times * options.fee if options else 0


def _forwarded(world: World, first: Message) -> Message:
    ((_, send_id, *_),) = world.carry(first).named("TransferForwarded")
    return world.courier.open[send_id]


@pytest.mark.parametrize(
    ("token", "origin", "destination"),
    [("gem", "arcade", "perps"), ("era", "arcade", "perps"), ("coin", "hub", "perps")],
)
def test_a_first_hop_that_returns_is_the_solvers_too(
    world: World, solver: str, token: str, origin: str, destination: str
) -> None:
    """P15: though its home never saw it."""
    first = offer(world, token, origin, destination)
    terms = world.front_of(first)
    front(world, destination, terms, solver)
    claim(world, destination, terms, solver)
    before = world.balance(token, origin, solver)
    world.courier.bring_back(first)
    assert world.balance(token, origin, solver) == before + AMOUNT


def test_without_a_claim_the_sender_gets_it_back(world: World, solver: str, depositor: str) -> None:
    """What the solver risks: a chain does not know what happened on another."""
    first = offer(world, "gem", "hub", "arcade")
    before = world.balance("gem", "hub", depositor)
    terms = world.front_of(first)
    front(world, "arcade", terms, solver)
    world.courier.bring_back(first)
    assert world.balance("gem", "hub", depositor) == before + AMOUNT
    claim(world, "arcade", terms, solver)
    assert world.balance("gem", "hub", depositor) == before + AMOUNT


def test_a_claim_that_stands_before_the_notice_wins(world: World, solver: str) -> None:
    """P15: of one hop: they go the same way, one after the other."""
    first = offer(world, "gem", "hub", "arcade")
    terms = world.front_of(first)
    front(world, "arcade", terms, solver)
    before = world.balance("gem", "hub", solver)
    world.courier.carry("hub", "arcade", at=first.deliver_before + 1)
    receipt = world.bridge("arcade").send("claim", terms.fields, False, sender=solver)
    world.courier.note("arcade", receipt)
    world.courier.say_returned(first)
    world.courier.refund(first)
    assert world.balance("gem", "hub", solver) == before + AMOUNT


def test_a_claim_changes_nothing_if_it_arrives(world: World, solver: str, beneficiary: str) -> None:
    first = offer(world, "gem", "hub", "arcade")
    terms = world.front_of(first)
    before = world.balance("gem", "arcade", solver)
    front(world, "arcade", terms, solver)
    claim(world, "arcade", terms, solver)
    world.carry(first)
    assert world.balance("gem", "arcade", solver) == before + KEPT
    assert world.balance("gem", "arcade", beneficiary) == AMOUNT - KEPT


@pytest.mark.parametrize("from_balance", [True, False])
@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_anyone_claims_for_the_solver(
    world: World, solver: str, depositor: str, name: str, from_balance: bool
) -> None:
    """P5, P23: for what was quoted, from its own credit or ERA."""
    start = "arcade" if name == "hub" else "hub"
    first = offer(world, "gem", start, name)
    terms = world.front_of(first)
    front(world, name, terms, solver)
    stack = world.stacks[name]
    cost = TERMS.quote(CLAIM_GAS, NOTE_RETURN_GAS, CLAIM_LENGTH)
    assert stack.bridge.view("quoteClaim", terms.start) == cost
    era, credit = world.balance("era", name, depositor), stack.gateway.view("credit", depositor)
    receipt = stack.bridge.send("claim", terms.fields, from_balance, sender=depositor)
    assert receipt.named("FrontClaimed")[0][2] == solver
    (message,) = world.courier.note(name, receipt)
    world.courier.check_balances()
    assert message.gas_limit == CLAIM_GAS
    paid = (era - world.balance("era", name, depositor), credit - stack.gateway.view("credit", depositor))
    assert paid == ((cost, 0) if from_balance else (0, cost))


@pytest.mark.parametrize("when", ["never", "arrived"])
def test_nobody_claims_what_is_not_fronted(world: World, solver: str, when: str) -> None:
    """P15: nor what has arrived, fronted or not."""
    first = offer(world, "gem", "hub", "arcade")
    terms = world.front_of(first)
    if when == "arrived":
        front(world, "arcade", terms, solver)
        world.carry(first)
    refusal = world.bridge("arcade").revert("claim", terms.fields, False, sender=solver)
    assert refusal == error("NothingToClaimFor", terms.key)


def test_the_first_claim_from_a_chain_stands(world: World, solver: str, depositor: str) -> None:
    """A second one of the same solver changes nothing."""
    first = offer(world, "gem", "hub", "arcade")
    terms = world.front_of(first)
    front(world, "arcade", terms, solver)
    for _ in range(2):
        claim(world, "arcade", terms, depositor)
    assert world.bridge("hub").view("claimantOf", terms.key, world.id_of("arcade")) == solver


def test_a_claim_from_another_chain_is_of_no_use(world: World, solver: str, depositor: str) -> None:
    """P15: only where a transfer should have ended can its recipient have been paid."""
    first = offer(world, "gem", "hub", "arcade")
    terms = world.front_of(first)
    before = world.balance("gem", "hub", depositor)
    front(world, "perps", terms, solver)
    claim(world, "perps", terms, solver)
    assert world.bridge("hub").view("claimantOf", terms.key, world.id_of("perps")) == solver
    world.courier.bring_back(first)
    assert world.balance("gem", "hub", depositor) == before + AMOUNT


def test_made_up_terms_claim_nobodys_transfer(world: World, solver: str, depositor: str) -> None:
    """P15: of a real id: another token, a unit of it, paid to oneself."""
    first = offer(world, "gem", "hub", "arcade")
    real = world.front_of(first)
    made_up = replace(real, token=world.address("era"), to=solver, amount=1, tip=10**9)
    before = world.balance("gem", "hub", depositor)
    front(world, "arcade", made_up, solver)
    claim(world, "arcade", made_up, solver)
    world.courier.bring_back(first)
    assert world.balance("gem", "hub", depositor) == before + AMOUNT


def test_a_claim_that_comes_back_can_be_sent_again(world: World, solver: str) -> None:
    """What is unspent of its fee is the bridge's."""
    first = offer(world, "gem", "hub", "arcade")
    terms = world.front_of(first)
    front(world, "arcade", terms, solver)
    receipt = world.bridge("arcade").send("claim", terms.fields, False, sender=solver)
    (message,) = world.courier.note("arcade", receipt)
    courier: Courier = world.courier
    courier.bring_back(message)
    assert courier.left_over["arcade"] > 0
    claim(world, "arcade", terms, solver)


def test_a_transfer_with_data_is_not_fronted(world: World) -> None:
    """P22: who pays for a call could lie about who called."""
    refusal = world.refusal("gem", "hub", "arcade", options=Options(tip=1, data=b"act"))
    assert refusal == error("InvalidOptions")
