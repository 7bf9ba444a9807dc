"""What transfers cost is what they were said to cost: at each of their hops."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import Fee
from metalayer.protocol.transfers import MAX_DATA_LENGTH, Options, Payload
from tests.kit.evm import Receipt, error
from tests.kit.hops import AMOUNT, SECOND_FEE, TERMS
from tests.kit.world import World

HERE = ["hub", "arcade"]
ROUTES = [
    ("era", "hub", "arcade"),
    ("era", "arcade", "hub"),
    ("gem", "hub", "arcade"),
    ("gem", "arcade", "hub"),
    ("gem", "arcade", "perps"),
    ("coin", "hub", "perps"),
]
LENGTHS = st.sampled_from([0, 1, 31, 32, 33, MAX_DATA_LENGTH]) | st.integers(0, MAX_DATA_LENGTH)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES),
    length=LENGTHS,
    extra=st.integers(0, 2**21),
    from_balance=st.booleans(),
    deadline=st.none() | st.integers(3_700, 29 * 86_400),
)
def test_quotes_are_what_is_charged(
    world: World,
    route: tuple[str, str, str],
    length: int,
    extra: int,
    from_balance: bool,
    deadline: int | None,
) -> None:
    """M15, P23: of both hops, whatever data and gas come with it; and a message says what its sender chose."""
    token, origin, destination = route
    stack, end = world.stacks[origin], world.id_of(destination)
    local, home = world.local(token, origin).address, world.home_of(token)
    due = (
        0
        if deadline is None
        else int(stack.chain.rpc("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)
    )
    until = 0 if deadline is None else due + deadline
    fee, via = stack.bridge.view("quoteSend", local, end, length, extra)
    options = Options(extra_gas=extra, data=b"\xa5" * length, from_balance=from_balance, deadline=until)
    if via == world.id_of("hub"):
        onward = world.bridge("hub").view("quoteForward", world.address(token), end, length, extra)
        options = replace(options, fee=onward // GWEI)
    call = world.call(token, origin, destination, world.stacks["hub"].recipient.address, AMOUNT, options)
    receipt = stack.bridge.send("send", *call, sender=world.depositor)
    assert _charged(receipt) == fee
    message = world.noted(origin, receipt)
    payload = Payload.read(message.payload)
    assert (payload.data, payload.extra_gas) == (options.data, extra)
    assert message.deliver_before == payload.deadline
    if until:
        assert payload.deadline == until
    if not via:
        return
    onward = world.bridge(home).view("quoteForward", world.address(token), end, length, extra)
    if home != "hub":
        world.pay(home, message.id, onward // GWEI)
    forwarded = world.carry(message)
    (event,) = forwarded.named("TransferForwarded")
    assert event[5] == onward == _charged(forwarded)
    assert onward % GWEI == 0
    assert Payload.read(world.courier.open[event[1]].payload).data == options.data


def _charged(receipt: Receipt) -> int:
    """What the messages of a transaction cost altogether, in wei: with the protocol's part."""
    fees = [Fee.unpack(fee) for *_, fee, _ in receipt.named("LaneExtended")]
    return sum(fee.total - (-fee.total * TERMS.protocol_share // 10_000) for fee in fees) * GWEI


@pytest.mark.parametrize(
    ("token", "origin", "destination"), [("gem", "hub", "arcade"), ("gem", "arcade", "hub")]
)
def test_quotes_no_way_that_is_closed(
    world: World, owner: str, token: str, origin: str, destination: str
) -> None:
    """M15: it reverts as sending does."""
    chain_id = world.id_of(destination)
    world.stacks[origin].gateway.send("setOpen", chain_id, False, True, sender=owner)
    call = ("quoteSend", world.local(token, origin).address, chain_id, 0, 0)
    refusal = world.bridge(origin).revert(*call, sender=owner)
    assert refusal == error("RouteClosed", chain_id) == world.refusal(token, origin, destination)


@pytest.mark.parametrize("name", HERE)
def test_quotes_no_destination_that_is_refused(world: World, owner: str, name: str) -> None:
    bridge = world.bridge(name)
    for destination in (0, world.id_of(name), 2**64):
        refusal = error("InvalidDestination", destination)
        for method in ("quoteSend", "quoteForward"):
            gem = world.local("gem", name).address
            assert bridge.revert(method, gem, destination, 0, 0, sender=owner) == refusal


def test_quotes_a_second_hop_at_home_alone(world: World, owner: str) -> None:
    local, perps = world.local("gem", "arcade").address, world.id_of("perps")
    refusal = world.bridge("arcade").revert("quoteForward", local, perps, 0, 0, sender=owner)
    assert refusal == error("NotAtHome", local)
    gem = world.address("gem")
    assert world.bridge("hub").view("quoteForward", gem, perps, 0, 0) == SECOND_FEE
