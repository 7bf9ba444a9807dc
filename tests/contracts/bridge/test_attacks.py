"""What an attacker tried on the bridge: past its limits, into the sums that votes are counted by, to stop others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import Kind, Options
from tests.kit.evm import Contract, error, now
from tests.kit.hops import AMOUNT, SECOND_FEE, carried
from tests.kit.paper import DAY
from tests.kit.world import PREPAID, World

HOUR = 3_600
UNROUTED = 4_242
MOST_PREPAID = 10
"""So many times what a hop costs may be prepaid where ERA has limits."""


def gas_of(contract: Contract, method: str, *arguments: object) -> int:
    """What a view takes, with the 21,000 of a transaction."""
    data = "0x" + contract.encode(method, *arguments).hex()
    return int(contract.chain.rpc("eth_estimateGas", [{"to": contract.address, "data": data}]), 16)


def free_out(bridge: Contract, token: str, chain: int) -> int:
    """What may leave now."""
    return int(bridge.view("limitsOf", token, chain)[4])


# The sums that votes are counted by


@pytest.mark.parametrize("chain", [UNROUTED, 2**64, 2**256 - 1])
def test_era_is_covered_only_where_it_was_sent_to(world: World, depositor: str, chain: int) -> None:
    """M14, P7b: whoever could cover it for any chain id would make the list as long as he likes that the votes of all
    spokes together are summed over.
    """
    bridge, era = world.bridge("hub"), world.address("era")
    assert bridge.revert("cover", era, chain, 1, sender=depositor) == error("InvalidDestination", chain)


def test_strangers_do_not_make_the_votes_of_spokes_dearer(world: World, depositor: str) -> None:
    """P7b: not by a hundred covers in one transaction either."""
    bridge, era = world.bridge("hub"), world.address("era")
    hour = now(bridge.chain) // HOUR * HOUR - HOUR
    before = gas_of(bridge, "pastTotalOutstanding", hour)
    covers = [bridge.encode("cover", era, UNROUTED + n, 1) for n in range(100)]
    bridge.attempt("multicall", covers, sender=depositor)
    assert gas_of(bridge, "pastTotalOutstanding", hour) == before


def test_who_lost_an_account_can_be_covered(world: World, depositor: str) -> None:
    """Of another token whatever the chain; of ERA where it ever was."""
    bridge, arcade = world.bridge("hub"), world.id_of("arcade")
    for token, chain in (("era", arcade), ("gem", arcade), ("gem", UNROUTED)):
        held = bridge.view("outstanding", world.address(token), chain)
        bridge.send("cover", world.address(token), chain, 7, sender=depositor)
        assert bridge.view("outstanding", world.address(token), chain) == held + 7


# Past the limits


def test_a_prepaid_fee_is_no_way_past_limits(world: World, owner: str) -> None:
    """M3, M45, P16: a chain that lies prepays a hop of a worthless token with all of the ERA that it holds."""
    bridge, era, arcade = world.bridge("hub"), world.address("era"), world.id_of("arcade")
    bridge.send("setLimits", era, arcade, 1, 1, DAY, sender=owner)
    held = world.outstanding("era", "arcade")
    hop = world.payload("gem", Kind.BACK, "perps", amount=1, fee=held // GWEI)
    assert world.forge("arcade", "hub", hop.encoded).named("TransferForwarded") == []
    assert world.outstanding("era", "arcade") == held
    refusal = error("FeeAboveBound", held, MOST_PREPAID * SECOND_FEE)
    assert world.tell("hub", arcade, hop.encoded) == refusal


@pytest.mark.parametrize("times", [1, MOST_PREPAID])
def test_limits_of_era_do_not_stop_what_is_prepaid(world: World, owner: str, times: int) -> None:
    """P14: of another token, or of ERA within them."""
    bridge, era, arcade = world.bridge("hub"), world.address("era"), world.id_of("arcade")
    bridge.send("setLimits", era, arcade, AMOUNT, AMOUNT, DAY, sender=owner)
    for token in ("gem", "era"):
        first = world.send(token, "arcade", "perps", options=Options(fee=times * SECOND_FEE // GWEI))
        assert len(world.carry(first).named("TransferForwarded")) == 1


def test_what_is_prepaid_by_mistake_comes_home(world: World, owner: str, depositor: str) -> None:
    """P14, M51: where ERA has limits, with all of the amount and of the fee."""
    bridge, era, arcade = world.bridge("hub"), world.address("era"), world.id_of("arcade")
    bridge.send("setLimits", era, arcade, AMOUNT, AMOUNT, DAY, sender=owner)
    before = [world.balance(token, "arcade", depositor) for token in ("gem", "era")]
    fee = (MOST_PREPAID * SECOND_FEE + GWEI) // GWEI
    first = world.send("gem", "arcade", "perps", options=Options(fee=fee))
    assert len(world.carry(first).named("MessageFailed")) == 1
    world.courier.say_returned(first)
    world.courier.refund(first)
    assert [world.balance(token, "arcade", depositor) for token in ("gem", "era")] == before


@pytest.mark.parametrize(
    ("origin", "destination", "hop"),
    [("hub", "arcade", 0), ("arcade", "hub", 0), ("arcade", "perps", 0), ("arcade", "perps", 1)],
)
def test_what_returns_gives_back_what_it_used_of_a_limit(
    world: World, owner: str, origin: str, destination: str, hop: int
) -> None:
    """M14: whoever sends what nobody can take gets it back an hour later, and must not have stopped all others with it
    for a whole window. Also of a hop that the home sent on.
    """
    here, there = world.path("gem", origin, destination)[hop]
    bridge, gem = world.bridge(here), world.local("gem", here).address
    limits = (gem, world.id_of(there))
    bridge.send("setLimits", *limits, AMOUNT, AMOUNT, 30 * DAY, sender=owner)
    # An account without code cannot be called.
    wish = Options(data=b"x", deadline=now(bridge.chain) + 3 * HOUR)
    if hop:
        _, sent = world.second_hop("gem", origin, destination, options=replace(wish, fee=5 * PREPAID))
    else:
        options = replace(wish, fee=PREPAID) if len(world.path("gem", origin, destination)) > 1 else wish
        sent = world.send("gem", origin, destination, options=options)
    assert free_out(bridge, *limits) < AMOUNT // 100
    world.courier.bring_back(sent)
    assert free_out(bridge, *limits) == AMOUNT


def test_what_was_sent_back_gives_back_nothing(world: World, owner: str) -> None:
    """P16: it used nothing either, when it left for where it started."""
    bridge, limits = world.bridge("hub"), (world.address("gem"), world.id_of("arcade"))
    _, second = world.second_hop("gem", "arcade", "perps", options=Options(fee=5 * PREPAID))
    bridge.send("setLimits", *limits, AMOUNT, AMOUNT, 365 * DAY, sender=owner)
    world.send("gem", "hub", "arcade", amount=AMOUNT)
    world.courier.bring_back(second)
    hops = [(carried(one), one) for one in world.courier.open.values()]
    (third,) = [one for payload, one in hops if payload and payload.kind is Kind.RETURN]
    before = free_out(bridge, *limits)
    world.courier.bring_back(third)
    assert free_out(bridge, *limits) < AMOUNT // 4
    assert before < AMOUNT // 4


# What others send


def test_over_a_third_chain_with_an_hour_to_go(world: World, depositor: str) -> None:
    """P14: the second hop needs an hour. What has less at its token's home goes back whole."""
    before = world.balance("gem", "arcade", depositor)
    deadline = now(world.stacks["arcade"].chain) + HOUR + 60
    options = replace(world.prepaid("gem", "arcade", "perps") or Options(), deadline=deadline)
    first = world.send("gem", "arcade", "perps", options=options)
    failed = world.carry(first, at=deadline - HOUR + 1).named("MessageFailed")
    assert failed == [(first.id, first.origin, first.nonce, False)]
    world.courier.say_returned(first)
    world.courier.refund(first)
    assert world.balance("gem", "arcade", depositor) == before
