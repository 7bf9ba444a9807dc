"""Gas of a message's call: the Inbox has it before it calls, whatever the batch holds (M12, M19)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from metalayer.protocol.facts import SetFact, Tree
from metalayer.protocol.message import Fee, Message
from tests.kit.evm import CODEC, MAX_TRANSACTION_GAS, Contract, Receipt, Revert, call, now, set_code, slot
from tests.kit.founding import Founding
from tests.kit.inbox import FAILED, NOBODY, REFUSING, calldata_floor, place
from tests.kit.paper import DAY, PaperLane, Validators
from tests.kit.scripted import Behaviour
from tests.kit.stack import Stack
from tests.kit.terms import HIGHEST_GAS_LIMIT, OPEN_ROUTE

MAGIC = keccak(text="receiveMessage(bytes32,bytes,bytes)")[:4]
# GAS is the first opcode and costs 2: slot 0 keeps the gas limit less 2. Then comes the magic value.
PROBE = bytes.fromhex("5a5f55" + "63" + MAGIC.hex() + "60e01b5f5260205ff3")
GAS_OPCODE = 2
PROBE_ADDRESS = "0x000000000000000000000000000000000000Be9C"
DELEGATED_ADDRESS = "0x000000000000000000000000000000000000De1E"


@pytest.fixture
def probe(arcade: Stack) -> str:
    """A recipient that records with how much gas it was called."""
    set_code(arcade.chain, PROBE_ADDRESS, PROBE)
    return PROBE_ADDRESS


@pytest.fixture
def delegated(arcade: Stack, probe: str) -> str:
    """An account that delegates to the probe (EIP-7702): calling it loads a second, cold account."""
    set_code(arcade.chain, DELEGATED_ADDRESS, bytes.fromhex("ef0100" + probe[2:]))
    return DELEGATED_ADDRESS


def required_gas(gas_limit: int) -> int:
    """What must be left right before the call; `RecipientCall.required`."""
    return 5_000 + gas_limit + max(gas_limit // 63, 55_000)


@pytest.mark.parametrize("kind", ["probe", "delegated"])
@pytest.mark.parametrize(
    ("gas_limit", "size"),
    [
        pytest.param(25_000, 0, id="25000"),
        pytest.param(200_000, 0, id="200000"),
        pytest.param(10_000_000, 0, id="10000000"),
        pytest.param(200_000, 8_192, id="200000-longest-payload"),
        pytest.param(2_000_000, 8_192, id="2000000-longest-payload"),
        pytest.param(10_000_000, 8_192, id="10000000-longest-payload"),
    ],
)
def test_recipient_gets_its_whole_gas_or_the_transaction_reverts(
    arcade: Stack,
    gateway: Contract,
    relayer: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    request: pytest.FixtureRequest,
    kind: str,
    size: int,
    gas_limit: int,
) -> None:
    """M12: a relayer cannot burn a message by under-funding it, whatever gas the transaction has.

    Finds the least gas with which the transaction succeeds, then looks at both sides of it.
    """
    recipient = request.getfixturevalue(kind)
    (message,) = fill(to=recipient, gas_limit=gas_limit, payload=b"\xff" * size)
    arguments = pack()
    data = gateway.encode("deliver", *arguments)
    chain = arcade.chain

    def succeeds(gas: int) -> bool:
        return not isinstance(call(chain, gateway.address, data, sender=relayer, gas=gas), Revert)

    low, high = gas_limit, gas_limit + 1_500_000
    assert succeeds(high)
    assert not succeeds(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if succeeds(middle) else (middle, high)

    below = [high - 1, high - 2, high - 100, high - 2_700, high - 55_000, high - gas_limit // 64]
    above = [high, high + 1, high + 63, high + 2_700, high + 100_000]
    for gas in [*(gas for gas in below if gas >= calldata_floor(data)), *above]:
        before = chain.snapshot()
        receipt = gateway.attempt("deliver", *arguments, sender=relayer, gas=gas)
        assert receipt.succeeded == (gas >= high), gas
        if receipt.succeeded:
            assert receipt.named("MessageDelivered") == [(message.id, lane.origin, 1)], gas
            assert slot(chain, recipient) == gas_limit - GAS_OPCODE, gas
        else:
            assert gateway.view("inboxLane", lane.origin)[0] == 0, gas
        chain.restore(before)

    id_, available, required = insufficient_gas(gateway, relayer, arguments, high - 1)
    assert (id_, required) == (message.id, required_gas(gas_limit))
    assert available < required


def insufficient_gas(
    gateway: Contract, relayer: str, arguments: tuple[Any, ...], gas: int, method: str = "deliver"
) -> tuple[bytes, int, int]:
    """Arguments of InsufficientGas, which must be what the gateway says."""
    refusal = gateway.revert(method, *arguments, sender=relayer, gas=gas)
    assert refusal.data[:4] == keccak(text="InsufficientGas(bytes32,uint256,uint256)")[:4], refusal
    return CODEC.decode(["bytes32", "uint256", "uint256"], refusal.data[4:])


@pytest.mark.parametrize("kind", ["probe", "delegated"])
def test_the_second_message_gets_its_whole_gas_too(
    arcade: Stack,
    gateway: Contract,
    relayer: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    request: pytest.FixtureRequest,
    kind: str,
) -> None:
    """M12: what the first one burned is not taken from the second."""
    set_code(arcade.chain, NOBODY, b"\xfe")
    fill(to=NOBODY, gas_limit=1_000_000)
    recipient = request.getfixturevalue(kind)
    (message,) = fill(to=recipient, gas_limit=500_000)
    arguments = pack()
    for gas in range(1_400_000, 1_800_000, 10_000):
        before = arcade.chain.snapshot()
        receipt = gateway.attempt("deliver", *arguments, sender=relayer, gas=gas)
        if receipt.succeeded:
            assert receipt.named("MessageDelivered") == [(message.id, lane.origin, 2)], gas
            assert slot(arcade.chain, recipient) == 500_000 - GAS_OPCODE, gas
        arcade.chain.restore(before)
    assert receipt.succeeded


@pytest.mark.parametrize("behaviour", REFUSING, ids=lambda behaviour: behaviour.name)
@pytest.mark.parametrize("gas_limit", [50_000, 1_000_000, 10_000_000])
def test_the_gateway_goes_on_with_the_least_gas(
    gateway: Contract,
    relayer: str,
    lane: PaperLane,
    fill: Callable[..., list[Message]],
    pack: Callable[..., tuple[Any, ...]],
    behave: Callable[..., None],
    gas_limit: int,
    behaviour: Behaviour,
) -> None:
    """M12: with one gas more than at InsufficientGas enough is left to book any failure, and what a relayer earns
    for the first time.
    """
    (message,) = fill(gas_limit=gas_limit, fee=Fee(1, 2, 3, 4, 0).packed)
    behave(behaviour)
    arguments = pack()
    low, high = gas_limit, gas_limit + 1_500_000
    name = keccak(text="InsufficientGas(bytes32,uint256,uint256)")[:4]
    data = gateway.encode("deliver", *arguments)

    def starved(gas: int) -> bool:
        result = call(gateway.chain, gateway.address, data, sender=relayer, gas=gas)
        return isinstance(result, Revert) and result.data[:4] in (name, b"")

    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if starved(middle) else (low, middle)
    assert insufficient_gas(gateway, relayer, arguments, low)[0] == message.id
    receipt = gateway.send("deliver", *arguments, sender=relayer, gas=high)
    assert [id_ for id_, _, _, _ in receipt.named("MessageFailed")] == [message.id]
    assert gateway.view("earnings", lane.origin, relayer) == (2, 0)


@pytest.mark.parametrize("kind", ["probe", "delegated"])
def test_retry_gives_at_least_the_gas_limit(
    arcade: Stack,
    gateway: Contract,
    relayer: str,
    fill: Callable[..., list[Message]],
    deliver: Callable[..., Receipt],
    request: pytest.FixtureRequest,
    kind: str,
) -> None:
    """M12, M19: a retry with too little gas is refused and keeps the message open."""
    gas_limit = 300_000
    (message,) = fill(to=NOBODY, gas_limit=gas_limit)
    deliver()
    recipient = request.getfixturevalue(kind)
    set_code(arcade.chain, NOBODY, bytes.fromhex(arcade.chain.rpc("eth_getCode", [recipient, "latest"])[2:]))
    arguments = place(message)
    data = gateway.encode("retry", *arguments)

    low, high = gas_limit, gas_limit + 500_000
    while high - low > 1:
        middle = (low + high) // 2
        refused = isinstance(call(arcade.chain, gateway.address, data, sender=relayer, gas=middle), Revert)
        low, high = (middle, high) if refused else (low, middle)
    id_, available, required = insufficient_gas(gateway, relayer, arguments, low, method="retry")
    assert (id_, required) == (message.id, required_gas(gas_limit))
    assert available < required
    assert not gateway.attempt("retry", *arguments, sender=relayer, gas=low).succeeded
    assert gateway.view("messageStatus", message.id) == FAILED
    gateway.send("retry", *arguments, sender=relayer, gas=high)
    assert slot(arcade.chain, NOBODY) >= gas_limit - GAS_OPCODE


PROOF_DEPTH = 10


def test_the_largest_delivery_fits_a_transaction(
    arcade: Stack,
    hub: Stack,
    founding: Founding,
    relayer: str,
    sender: str,
    lane: PaperLane,
    deadline: int,
) -> None:
    """M12: 32 signatures, a proof of depth 10, 63 ids, the longest payload, and all of the highest gas limit burned.

    `Routes.MAX_GAS_LIMIT` leaves 1,500,000 for what surrounds the call. A lane with a message that fits no
    transaction (EIP-7825) would be stuck.
    """
    validators = Validators([1] * 32, expires=now(arcade.chain) + 20 * DAY)
    founding = replace(founding, chain=arcade.chain, routes={lane.origin: OPEN_ROUTE})
    gateway = founding.deploy(validator_set=validators.argument)
    assert gateway.view("MAX_GAS_LIMIT") == HIGHEST_GAS_LIMIT
    set_code(arcade.chain, NOBODY, b"\xfe")
    largest: dict[str, Any] = {"gas_limit": HIGHEST_GAS_LIMIT, "fee": 2**256 - 1, "payload": b"\xff" * 8_192}
    message = lane.append(sender, NOBODY, deliver_before=deadline, **largest)
    for _ in range(63):
        lane.append(sender, NOBODY, deliver_before=deadline)
    tree = Tree([lane.fact(), *(SetFact(i, keccak(text=f"set {i}")) for i in range(2**PROOF_DEPTH - 1))])
    assert len(tree.proof(lane.fact())) == PROOF_DEPTH
    attestation = validators.sign(hub.chain.chain_id, gateway.address, tree.root).fields
    arguments = attestation, [lane.batch(tree, count=1)]
    receipt = gateway.send("deliver", *arguments, sender=relayer, gas=MAX_TRANSACTION_GAS)
    assert receipt.named("MessageFailed") == [(message.id, lane.origin, 1, False)]

    low, high = HIGHEST_GAS_LIMIT, MAX_TRANSACTION_GAS
    data = gateway.encode("deliver", *arguments)
    chain = arcade.chain
    chain.rpc("anvil_rollback", [1])
    while high - low > 1:
        middle = (low + high) // 2
        refused = isinstance(call(chain, gateway.address, data, sender=relayer, gas=middle), Revert)
        low, high = (middle, high) if refused else (low, middle)
    assert high - required_gas(HIGHEST_GAS_LIMIT) < 1_500_000
