"""The fee collector over real gateways, bridge and Staking: what it sends on, what callers get, and when it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.message import interoperable
from metalayer.protocol.transfers import RECEIVE_GAS, RETURN_GAS, Payload
from tests.kit.chains import BoundChain
from tests.kit.collecting import DEPLOYER, ETHER, MIN_OWN, Collecting
from tests.kit.evm import ZERO_ADDRESS, Contract, Revert, call, error, init_code, now
from tests.kit.hops import CREDIT, PAYLOAD_LENGTH, RECEIVE_FEE, TERMS, Courier
from tests.kit.paper import DAY, Validators
from tests.kit.roles import ATTACKER, BENEFICIARY, OWNER, RELAYER, RIVAL, SENDER, TREASURY

MIN_FEES, BOUNTY_PARTS = 20, 100
LEAST = MIN_FEES * RECEIVE_FEE
"""What a spoke's collector must hold."""
CALLER = RIVAL.address
FEE = TERMS.fee(RECEIVE_GAS, RETURN_GAS, PAYLOAD_LENGTH)


@pytest.fixture
def network(collecting: Collecting) -> Collecting:
    return collecting


@pytest.fixture
def courier(network: Collecting, validators: Validators) -> Courier:
    return Courier(network.stacks, validators, RELAYER.address)


@pytest.fixture
def on_hub(network: Collecting) -> Contract:
    return network.collectors["hub"]


@pytest.fixture
def on_spoke(network: Collecting) -> Contract:
    return network.collectors["arcade"]


@pytest.fixture
def ids(chains: dict[str, BoundChain]) -> dict[str, int]:
    return {name: chain.chain_id for name, chain in chains.items()}


@pytest.fixture
def bring(network: Collecting, courier: Courier, ids: dict[str, int]) -> Callable[..., None]:
    """Sends the treasury's ERA over the bridge to an account on the spoke."""

    def bring(to: str, amount: int) -> None:
        hub = network.stacks["hub"]
        cost = amount + CREDIT
        hub.era.send("transfer", SENDER.address, cost, sender=TREASURY.address)
        hub.era.send("approve", hub.bridge.address, amount, sender=SENDER.address)
        hub.era.send("approve", hub.gateway.address, CREDIT, sender=SENDER.address)
        hub.gateway.send("depositFor", SENDER.address, CREDIT, sender=SENDER.address)
        hub.gateway.send("setAllowance", hub.bridge.address, 2**256 - 1, sender=SENDER.address)
        arguments = (hub.era.address, ids["arcade"], to, amount)
        courier.note("hub", hub.bridge.send("send", *arguments, sender=SENDER.address))
        courier.carry("hub", "arcade")

    return bring


@pytest.fixture
def use(network: Collecting, bring: Callable[..., None], courier: Courier) -> Callable[..., int]:
    """Sends messages from a chain to others, with the highest gas limit. Gives what the protocol got, in wei."""

    def use(name: str, *destinations: int) -> int:
        stack = network.stacks[name]
        era, gateway = stack.era, stack.gateway
        quoted = [gateway.view("quote", to, TERMS.max_gas_limit, 0, 0) for to in destinations]
        if name == "hub":
            era.send("transfer", SENDER.address, sum(quoted), sender=TREASURY.address)
        else:
            bring(SENDER.address, sum(quoted))
        era.send("approve", gateway.address, sum(quoted), sender=SENDER.address)
        gateway.send("depositFor", SENDER.address, sum(quoted), sender=SENDER.address)
        for to in destinations:
            attributes = [
                keccak(text="minGasLimit(uint256)")[:4] + TERMS.max_gas_limit.to_bytes(32, "big"),
                keccak(text="returnGasLimit(uint256)")[:4] + bytes(32),
            ]
            recipient = interoperable(to, BENEFICIARY.address)
            gateway.send("sendMessage", recipient, b"", attributes, sender=SENDER.address)
        return sum(gateway.view("laneFees", to)[1] * GWEI for to in set(destinations))

    return use


def split(held: int, fee: int = 0) -> tuple[int, int]:
    """What is sent, and the bounty."""
    bounty = (held - fee) // BOUNTY_PARTS
    return held - fee - bounty, bounty


# On a spoke


def test_sends_the_fees_of_all_lanes_over_the_bridge(
    network: Collecting, on_spoke: Contract, use: Callable[..., int], ids: dict[str, int]
) -> None:
    """What was swept is what is sent, the fee of the message and the bounty; nothing stays, and no credit."""
    stack = network.stacks["arcade"]
    held = use("arcade", ids["hub"], *[ids["perps"]] * 4)
    assert held > LEAST
    amount, bounty = split(held, RECEIVE_FEE)
    receipt = on_spoke.send("forward", [ids["hub"], ids["perps"]], sender=CALLER)
    assert receipt.named("Forwarded") == [(CALLER, amount, RECEIVE_FEE, bounty)]
    assert stack.era.view("balanceOf", CALLER) == bounty
    assert stack.era.view("balanceOf", on_spoke.address) == 0
    assert stack.gateway.view("credit", on_spoke.address) == 0
    ((_, *sent),) = receipt.named("TransferSent")
    assert sent == [on_spoke.address, network.staking.address, stack.era.address, ids["hub"], amount]


def test_says_what_it_would_do(on_spoke: Contract, use: Callable[..., int], ids: dict[str, int]) -> None:
    """A call that changes nothing tells a caller whether the bounty pays for the gas."""
    held = use("arcade", *[ids["perps"]] * 4)
    assert on_spoke.view("forward", [ids["perps"]], sender=CALLER) == split(held, RECEIVE_FEE)


def test_refuses_less_than_twenty_fees_to_the_wei(
    network: Collecting, on_spoke: Contract, bring: Callable[..., None]
) -> None:
    """M40: the fee of the message is a twentieth at most: whoever relays cannot turn dust into fees of their own."""
    stack = network.stacks["arcade"]
    assert on_spoke.revert("forward", [], sender=CALLER) == error("NotWorthForwarding", 0, RECEIVE_FEE)
    bring(on_spoke.address, LEAST - 1)
    assert on_spoke.revert("forward", [], sender=CALLER) == error(
        "NotWorthForwarding", LEAST - 1, RECEIVE_FEE
    )
    bring(CALLER, 1)
    stack.era.send("transfer", on_spoke.address, 1, sender=CALLER)
    amount, bounty = split(LEAST, RECEIVE_FEE)
    receipt = on_spoke.send("forward", [], sender=CALLER)
    assert receipt.named("Forwarded") == [(CALLER, amount, RECEIVE_FEE, bounty)]


def test_forwarding_twice_gains_nothing(
    on_spoke: Contract, bring: Callable[..., None], ids: dict[str, int]
) -> None:
    """The second time there is nothing but the protocol's part of what the first message cost."""
    bring(on_spoke.address, 3 * LEAST)
    on_spoke.send("forward", [ids["hub"]], sender=CALLER)
    protocol_part = RECEIVE_FEE - FEE.total * GWEI
    refusal = on_spoke.revert("forward", [ids["hub"]], sender=CALLER)
    assert refusal == error("NotWorthForwarding", protocol_part, RECEIVE_FEE)


def test_a_closed_route_keeps_everything_here(
    network: Collecting, on_spoke: Contract, use: Callable[..., int], ids: dict[str, int]
) -> None:
    """What the caller would have swept, and earned; it goes once the route is open."""
    stack = network.stacks["arcade"]
    held = use("arcade", *[ids["perps"]] * 4)
    stack.gateway.send("setOpen", ids["hub"], False, True, sender=OWNER.address)
    assert on_spoke.revert("forward", [ids["perps"]], sender=CALLER) == error("RouteClosed", ids["hub"])
    # Anybody sweeps without forwarding: it lies here.
    stack.gateway.send("sweep", ids["perps"], sender=ATTACKER.address)
    assert stack.era.view("balanceOf", on_spoke.address) == held
    assert on_spoke.revert("forward", [], sender=CALLER) == error("RouteClosed", ids["hub"])
    stack.gateway.send("setOpen", ids["hub"], True, True, sender=OWNER.address)
    receipt = on_spoke.send("forward", [], sender=CALLER)
    amount, bounty = split(held, RECEIVE_FEE)
    assert receipt.named("Forwarded") == [(CALLER, amount, RECEIVE_FEE, bounty)]


def test_lanes_without_fees_and_chains_that_are_none_are_no_error(
    on_spoke: Contract, bring: Callable[..., None], ids: dict[str, int]
) -> None:
    bring(on_spoke.address, LEAST)
    destinations = [ids["hub"], ids["hub"], ids["perps"], ids["arcade"], 0, 2**256 - 1]
    receipt = on_spoke.send("forward", destinations, sender=CALLER)
    assert [amount for _, _, amount in receipt.named("Swept")] == [0] * len(destinations)


def test_a_free_route_takes_any_amount_but_none(
    network: Collecting, on_spoke: Contract, bring: Callable[..., None], ids: dict[str, int]
) -> None:
    """One wei is sent, without a bounty; nothing is not."""
    stack = network.stacks["arcade"]
    terms = (200_000, 10_000_000, 300_000, 0, 0, 0, 0, 0)
    stack.gateway.send("setTerms", ids["hub"], terms, sender=OWNER.address)
    assert on_spoke.revert("forward", [], sender=CALLER) == error("NotWorthForwarding", 0, 0)
    bring(on_spoke.address, 1)
    assert on_spoke.send("forward", [], sender=CALLER).named("Forwarded") == [(CALLER, 1, 0, 0)]


def test_arrives_at_staking_and_becomes_rewards(
    network: Collecting, on_spoke: Contract, bring: Callable[..., None], courier: Courier
) -> None:
    """S2: of whoever is seated, once anyone funds."""
    hub, staking = network.stacks["hub"], network.staking
    id_ = network.seat(BENEFICIARY.address)
    bring(on_spoke.address, 100 * ETHER)
    amount, _ = split(100 * ETHER, RECEIVE_FEE)
    courier.note("arcade", on_spoke.send("forward", [], sender=CALLER))
    courier.carry("arcade", "hub")
    assert hub.era.view("balanceOf", staking.address) == amount
    assert staking.send("fund", sender=ATTACKER.address).named("Funded") == [(amount,)]
    hub.chain.rpc("evm_increaseTime", [hex(7 * DAY)])
    hub.chain.rpc("evm_mine", [])
    dust = MIN_OWN >> 80
    assert 0 <= amount - staking.view("earnings", id_) <= dust + 1


def test_what_comes_back_goes_with_the_next(
    network: Collecting, on_spoke: Contract, bring: Callable[..., None], courier: Courier
) -> None:
    """P4: the amount and what is left of the fee lie here again, and are forwarded again."""
    stack = network.stacks["arcade"]
    bring(on_spoke.address, 100 * ETHER)
    amount, bounty = split(100 * ETHER, RECEIVE_FEE)
    (message,) = courier.note("arcade", on_spoke.send("forward", [], sender=CALLER))
    sent = Payload.read(message.payload)
    assert (sent.from_, sent.to, sent.amount) == (on_spoke.address, network.staking.address, amount)
    courier.bring_back(message)
    unspent = (FEE.relay - FEE.base) * GWEI
    assert stack.era.view("balanceOf", on_spoke.address) == amount + unspent
    assert stack.gateway.view("credit", on_spoke.address) == 0
    again, more = split(amount + unspent, RECEIVE_FEE)
    courier.note("arcade", on_spoke.send("forward", [], sender=CALLER))
    courier.carry("arcade", "hub")
    assert network.stacks["hub"].era.view("balanceOf", network.staking.address) == again
    assert stack.era.view("balanceOf", CALLER) == bounty + more


def test_nobody_else_spends_what_it_has(
    network: Collecting, on_spoke: Contract, bring: Callable[..., None], ids: dict[str, int]
) -> None:
    """Nobody but it spends its ERA and its credit, whatever gateway and bridge may take of it."""
    stack = network.stacks["arcade"]
    bring(on_spoke.address, LEAST)
    bring(ATTACKER.address, LEAST)
    stack.era.send("approve", stack.gateway.address, LEAST, sender=ATTACKER.address)
    stack.gateway.send("depositFor", on_spoke.address, LEAST, sender=ATTACKER.address)
    # The bridge takes credit and ERA of its caller.
    arguments = (stack.era.address, ids["hub"], ATTACKER.address, LEAST)
    refusal = stack.bridge.revert("send", *arguments, sender=ATTACKER.address)
    assert refusal == error("ERC20InsufficientBalance", ATTACKER.address, 0, LEAST)
    payer = keccak(text="feePayer(address)")[:4] + bytes(12) + bytes.fromhex(on_spoke.address[2:])
    recipient = interoperable(ids["hub"], ATTACKER.address)
    refusal = stack.gateway.revert("sendMessage", recipient, b"", [payer], sender=ATTACKER.address)
    quoted = stack.gateway.view(
        "quote", ids["hub"], TERMS.default_gas_limit, TERMS.default_return_gas_limit, 0
    )
    assert refusal == error("InsufficientAllowance", on_spoke.address, ATTACKER.address, 0, quoted)
    for account in (ATTACKER.address, on_spoke.address):
        data = ("transferFrom", on_spoke.address, account, 1)
        refusal = stack.era.revert(*data, sender=ATTACKER.address)
        assert refusal == error("ERC20InsufficientAllowance", ATTACKER.address, 0, 1)


# On the hub


def test_funds_at_once_on_the_hub(
    network: Collecting, on_hub: Contract, use: Callable[..., int], ids: dict[str, int]
) -> None:
    """S2: no message, no fee: what arrives is rewards in the same transaction."""
    hub = network.stacks["hub"]
    held = use("hub", ids["arcade"], ids["perps"])
    amount, bounty = split(held)
    before = hub.era.view("balanceOf", CALLER)
    receipt = on_hub.send("forward", [ids["arcade"], ids["perps"]], sender=CALLER)
    assert receipt.named("Forwarded") == [(CALLER, amount, 0, bounty)]
    assert receipt.named("Funded") == [(amount,)]
    assert receipt.named("MessageSent") == []
    assert hub.era.view("balanceOf", network.staking.address) == amount
    assert hub.era.view("balanceOf", CALLER) - before == bounty
    assert hub.era.view("balanceOf", on_hub.address) == 0


def test_nothing_is_refused_on_the_hub(on_hub: Contract, ids: dict[str, int]) -> None:
    refusal = on_hub.revert("forward", [ids["arcade"]], sender=CALLER)
    assert refusal == error("NotWorthForwarding", 0, 0)


@pytest.mark.parametrize("held", [1, 99, 100, 199, 12_345])
def test_a_bounty_rounds_down(network: Collecting, on_hub: Contract, held: int) -> None:
    """M40: dust earns nothing."""
    network.stacks["hub"].era.send("transfer", on_hub.address, held, sender=TREASURY.address)
    receipt = on_hub.send("forward", [], sender=CALLER)
    assert receipt.named("Forwarded") == [(CALLER, held - held // 100, 0, held // 100)]


def test_dust_does_not_slow_the_stream(network: Collecting, on_hub: Contract) -> None:
    """Whoever forwards one wei after the other makes no reward wait."""
    era, staking = network.stacks["hub"].era, network.staking
    network.seat(BENEFICIARY.address)
    era.send("transfer", on_hub.address, 70_000 * ETHER, sender=TREASURY.address)
    on_hub.send("forward", [], sender=CALLER)
    end = staking.view("rewards")[4]
    era.send("transfer", on_hub.address, 1, sender=TREASURY.address)
    on_hub.send("forward", [], sender=ATTACKER.address, at=now(on_hub.chain) + DAY)
    assert staking.view("rewards")[4] == end


def test_on_the_hub_it_approves_nobody(network: Collecting, on_hub: Contract) -> None:
    hub = network.stacks["hub"]
    assert hub.era.view("allowance", on_hub.address, hub.gateway.address) == 0
    assert hub.gateway.view("allowance", on_hub.address, hub.bridge.address) == 0


# Everywhere


@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_refuses_ether(network: Collecting, name: str, ids: dict[str, int]) -> None:
    collector = network.collectors[name]
    plain = call(collector.chain, collector.address, b"", sender=CALLER, value=1)
    assert plain == Revert(b"")
    assert collector.revert("forward", [], sender=CALLER, value=1) == Revert(b"")


def test_stands_where_every_gateway_pays(network: Collecting, ids: dict[str, int]) -> None:
    """One address, with the same constants."""
    for name, collector in network.collectors.items():
        stack = network.stacks[name]
        assert stack.gateway.view("COLLECTOR") == collector.address
        found = [
            collector.view(constant) for constant in ("GATEWAY", "BRIDGE", "ERA", "HUB_CHAIN_ID", "STAKING")
        ]
        expected = [
            stack.gateway.address,
            stack.bridge.address,
            stack.era.address,
            ids["hub"],
            network.staking.address,
        ]
        assert found == expected
        assert (collector.view("MIN_FEES"), collector.view("BOUNTY_PARTS")) == (MIN_FEES, BOUNTY_PARTS)


@pytest.mark.parametrize("name", ["hub", "arcade"])
def test_refuses_no_staking(network: Collecting, name: str, ids: dict[str, int]) -> None:
    stack = network.stacks[name]
    arguments = (stack.gateway.address, stack.bridge.address, stack.era.address, ids["hub"])
    code = init_code("FeeCollector", *arguments, ZERO_ADDRESS)
    assert call(stack.chain, None, code, sender=DEPLOYER) == error("InvalidStaking", ZERO_ADDRESS)


def test_does_not_begin_without_what_it_needs(network: Collecting, ids: dict[str, int]) -> None:
    """On a spoke, where it could never pay."""
    stack = network.stacks["arcade"]
    nobody = "0x00000000000000000000000000000000000Face7"
    right = [
        stack.gateway.address,
        stack.bridge.address,
        stack.era.address,
        ids["hub"],
        network.staking.address,
    ]
    assert isinstance(call(stack.chain, None, init_code("FeeCollector", *right), sender=DEPLOYER), bytes)
    without_gateway = init_code("FeeCollector", nobody, *right[1:])
    without_era = init_code("FeeCollector", *right[:2], nobody, *right[3:])
    for code in (without_gateway, without_era):
        assert isinstance(call(stack.chain, None, code, sender=DEPLOYER), Revert)
