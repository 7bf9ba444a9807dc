"""Calls that no compiler writes: words with dirty bits, bytes that are too short for what is read of them and are
followed by what is missing, and contracts that answer with all of their gas.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.protocol.message import Message, interoperable
from metalayer.protocol.transfers import ClaimPayload, Front, Kind, Options
from tests.kit.evm import Contract, Revert, call, error, now, set_code, transact
from tests.kit.hops import AMOUNT
from tests.kit.paper import DAY
from tests.kit.world import PREPAID, World

ID = b"\7" * 32
WORD = 32
FRONT_WORDS = 10
SENT_AT, DEADLINE = 8, 9
"""Places of the two times in the terms of a front."""
TIME_BITS = 40
TIP, KEPT = 10_000_000, AMOUNT // 100
CAPACITY = 1_000
COMPACT = keccak(text="compact(uint256)")[:4]


@pytest.fixture
def first(world: World) -> Message:
    """A transfer with a tip. What fronts it is the depositor, who has the token there, too."""
    local = world.local("gem", "arcade")
    local.send("approve", world.bridge("arcade").address, 10 * AMOUNT, sender=world.depositor)
    return world.send("gem", "hub", "arcade", options=Options(tip=TIP))


def dirty(data: bytes, place: int, bit: int) -> bytes:
    """A call with one bit more in one of its words."""
    words = bytearray(data)
    words[4 + WORD * (place + 1) - 1 - bit // 8] |= 1 << bit % 8
    return bytes(words)


def front_words(world: World, terms: Front) -> bytes:
    return world.bridge("arcade").encode("front", terms.fields, world.depositor)


def with_lengths(
    data: bytes, sender: bytes, payload: bytes, *, sender_length: int, payload_length: int
) -> bytes:
    """A call of `receiveMessage` whose two byte strings say another length than they have; both stay where they are."""
    tail = bytes(2 * WORD)
    head = data[: 4 + WORD]
    padded = sender + bytes(-len(sender) % WORD)
    offset = 3 * WORD
    return (
        head
        + encode(["uint256", "uint256"], [offset, offset + WORD + len(padded)])
        + encode(["uint256"], [sender_length])
        + padded
        + encode(["uint256"], [payload_length])
        + payload
        + tail
    )


def told(
    bridge: Contract,
    gateway: str,
    sender: bytes,
    payload: bytes,
    sender_length: int | None = None,
    payload_length: int | None = None,
) -> bytes | Revert:
    """What the bridge says to a message of its gateway, whose strings may say another length."""
    plain = bridge.encode("receiveMessage", ID, sender, payload)
    data = with_lengths(
        plain,
        sender,
        payload,
        sender_length=len(sender) if sender_length is None else sender_length,
        payload_length=len(payload) if payload_length is None else payload_length,
    )
    return call(bridge.chain, bridge.address, data, sender=gateway)


# Fronts and claims


@pytest.mark.parametrize("place", [SENT_AT, DEADLINE], ids=["sent_at", "deadline"])
@pytest.mark.parametrize("bit", [TIME_BITS, 255])
def test_a_dirty_time_is_refused(world: World, first: Message, depositor: str, place: int, bit: int) -> None:
    """P14: a solver whose tools are wrong would pay for terms that are nobody's."""
    bridge = world.bridge("arcade")
    data = dirty(front_words(world, world.front_of(first)), place, bit)
    assert call(bridge.chain, bridge.address, data, sender=depositor) == error("InvalidOptions")


@pytest.mark.parametrize("bit", [160, 200, 255])
def test_a_solver_with_dirty_bits_is_refused(
    world: World, first: Message, depositor: str, attacker: str, bit: int
) -> None:
    """P15: what is kept of a front is a whole word. No account is read out of what holds more than one."""
    bridge = world.bridge("arcade")
    data = dirty(front_words(world, world.front_of(first)), FRONT_WORDS, bit)
    assert call(bridge.chain, bridge.address, data, sender=depositor) == Revert(b"")


@pytest.mark.parametrize("missing", [1, 31, 32, 33, 64, 320, 352])
@pytest.mark.parametrize("method", ["front", "claim", "keyOf"])
def test_terms_that_are_cut_off_are_refused(
    world: World, first: Message, depositor: str, method: str, missing: int
) -> None:
    """M16: words that are not there are not read as zeros."""
    bridge, terms = world.bridge("arcade"), world.front_of(first)
    more = {"front": (depositor,), "claim": (True,), "keyOf": ()}[method]
    data = bridge.encode(method, terms.fields, *more)[:-missing]
    assert call(bridge.chain, bridge.address, data, sender=depositor) == Revert(b"")


def test_what_follows_the_terms_changes_nothing(world: World, first: Message, depositor: str) -> None:
    """M16: neither what is paid nor the key."""
    bridge, terms = world.bridge("arcade"), world.front_of(first)
    data = front_words(world, terms) + b"\xff" * 100
    receipt = transact(bridge.chain, bridge.address, data, depositor)
    ((*_, key, _, paid),) = receipt.named("TransferFronted")
    assert (key, paid) == (terms.key, AMOUNT - KEPT)


@pytest.mark.parametrize("amount", [1, 2**128 - 1])
@pytest.mark.parametrize("tip", [1, 10**9 - 1, 10**9])
@pytest.mark.parametrize("ramp", [0, 1, 2**16 - 1])
@pytest.mark.parametrize("since", ["never", "always", "now"])
def test_what_is_paid_at_the_ends_of_all_ranges(
    world: World, depositor: str, first: Message, amount: int, tip: int, ramp: int, since: str
) -> None:
    """M40: never more than the amount is kept, and what is kept is rounded down. Of a token that pays whatever it is
    asked for.
    """
    bridge = world.bridge("arcade")
    token = "0x" + "73" * 20
    set_code(bridge.chain, token, bytes.fromhex("60015f5260205ff3"))
    present = now(bridge.chain) + 1
    begun = {"never": 2**40 - 1, "always": 0, "now": present - 1}[since]
    terms = replace(
        world.front_of(first),
        home_chain=world.id_of("arcade"),
        token=token,
        amount=amount,
        tip=tip,
        ramp=ramp,
        sent_at=begun,
    )
    answer = call(bridge.chain, bridge.address, front_words(world, terms), sender=depositor, at=present)
    assert not isinstance(answer, Revert)
    elapsed = min(max(present - begun, 0), ramp)
    kept = amount * tip * elapsed // (10**9 * ramp) if ramp else amount * tip // 10**9
    assert int.from_bytes(answer, "big") == amount - kept


# Payloads and senders that say another length


def payloads(world: World) -> dict[str, tuple[bytes, list[int]]]:
    """What home may say to a spoke, and the lengths which make it something else."""
    plain = world.payload("gem", Kind.OUT, "hub", amount=1)
    other = world.payload("gem", Kind.OUT, "perps", amount=1, id=b"\5" * 32)
    back = world.payload("gem", Kind.RETURN, "perps", amount=1)
    data = replace(plain, sender=world.depositor, data=b"act")
    return {
        "plain": (plain.encoded, [0, 1, 31, 32, 33, 63, 64, 65, 96, 127, 129, 160]),
        "id": (other.encoded, [0, 64, 127, 128, 129, 159, 161, 192]),
        "return": (back.encoded, [0, 64, 127, 128, 129, 159, 161, 192]),
        "data": (data.encoded, [0, 64, 128, 129, 159, 160]),
    }


@pytest.mark.parametrize("which", ["plain", "id", "return", "data"])
def test_a_payload_is_not_completed_by_what_follows(world: World, which: str) -> None:
    """M16, P14: its bytes are all there in the call, and would be a transfer. Only as long as it says does it count."""
    bridge, gateway = world.bridge("arcade"), world.stacks["arcade"].gateway.address
    payload, lengths = payloads(world)[which]
    sender = interoperable(world.id_of("hub"), bridge.address)
    if which != "data":
        answer = told(bridge, gateway, sender, payload)
        assert not isinstance(answer, Revert), answer
    for length in lengths:
        assert told(bridge, gateway, sender, payload, payload_length=length) == error("InvalidPayload")


@pytest.mark.parametrize("kind", [Kind.DESCRIBE, Kind.CLAIM])
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 63])
def test_a_note_is_not_completed_by_what_follows(world: World, kind: Kind, length: int) -> None:
    """M16: though it is handed on by a byte that does not belong to it."""
    bridge, gateway = world.bridge("arcade"), world.stacks["arcade"].gateway.address
    sender = interoperable(world.id_of("hub"), bridge.address)
    payload = ClaimPayload(b"\1" * 32, world.depositor).encoded
    if kind is Kind.DESCRIBE:
        payload = payload[:33] + bytes([kind]) + payload[34:]
    assert told(bridge, gateway, sender, payload, payload_length=length) == error("InvalidPayload")


@pytest.mark.parametrize("change", [-28, -27, -3, -2, -1, 1, 2, 4, 31])
def test_a_sender_is_not_completed_by_what_follows(world: World, change: int) -> None:
    """M16, M10: the bridge's address on the hub, cut off or with more, is nobody's."""
    bridge, gateway = world.bridge("arcade"), world.stacks["arcade"].gateway.address
    payload = world.payload("gem", Kind.OUT, "hub", amount=1).encoded
    sender = interoperable(world.id_of("hub"), bridge.address)
    assert not isinstance(told(bridge, gateway, sender, payload), Revert)
    length = max(len(sender) + change, 0)
    answer = told(bridge, gateway, sender, payload, sender_length=length)
    assert isinstance(answer, Revert)
    assert answer.data[:4] == keccak(text="NotABridge(uint256,address)")[:4]
    assert answer.data[-20:] == bytes(20)


@pytest.mark.parametrize(
    "chain",
    [b"", b"\0", b"\0\1", b"\0" * 32, bytes(31) + b"\1", b"\1" * 33],
    ids=["none", "zero", "leading-zero", "zeros", "zeros-and-one", "too-long"],
)
def test_a_chain_is_written_in_one_way(world: World, chain: bytes) -> None:
    """M16: of 33 bytes, of none, or with zeros before it, it is none."""
    bridge, gateway = world.bridge("arcade"), world.stacks["arcade"].gateway.address
    account = bytes.fromhex(bridge.address[2:])
    sender = b"\0\1\0\0" + bytes([len(chain)]) + chain + b"\x14" + account
    payload = world.payload("gem", Kind.OUT, "hub", amount=1).encoded
    answer = told(bridge, gateway, sender, payload)
    assert isinstance(answer, Revert)
    assert answer.data[:4] == keccak(text="NotABridge(uint256,address)")[:4]
    assert answer.data[-20:] == bytes(20)


# Takes that are refused


@pytest.mark.parametrize("fee", [0, 2**64 - 1])
@pytest.mark.parametrize("destination", ["hub", "perps"])
def test_nothing_from_a_lying_chain_stops_nobody(
    world: World, beneficiary: str, owner: str, destination: str, fee: int
) -> None:
    """M13, P16: an amount of zero divides by no capacity: it is refused before, and what is behind it arrives."""
    for name in ("arcade", "perps"):
        world.limit("gem", "hub", name, 0, 0, DAY)
    nothing = world.payload("gem", Kind.BACK, destination, amount=0, fee=fee).encoded
    assert world.tell("hub", world.id_of("arcade"), nothing) == error("InvalidPayload")
    receipt = world.forge("arcade", "hub", nothing)
    assert len(receipt.named("MessageFailed")) == 1
    world.bridge("hub").send("removeLimits", world.address("gem"), world.id_of("arcade"), sender=owner)
    true = world.payload("gem", Kind.BACK, "hub", amount=7).encoded
    before = world.balance("gem", "hub", beneficiary)
    receipt = world.forge("arcade", "hub", nothing, true)
    assert len(receipt.named("MessageFailed")) == 1
    assert world.balance("gem", "hub", beneficiary) == before + 7


@pytest.mark.parametrize("full", ["arcade", "perps"])
def test_of_two_limits_one_that_is_used_up_leaves_the_other_whole(world: World, full: str) -> None:
    """P16: what waits at the home uses nothing of where it comes from, nor of where it goes, also when it passes."""
    room = {name: (0, 0) if name == full else (CAPACITY, CAPACITY) for name in ("arcade", "perps")}
    for name, (out, in_) in room.items():
        world.limit("gem", "hub", name, out, in_, 365 * DAY)
    first = world.send("gem", "arcade", "perps", amount=CAPACITY, options=Options(fee=PREPAID))
    ((id_, _, chain, amount, since),) = world.carry(first).named("TransferWaiting")
    assert (id_, chain, amount) == (first.id, world.id_of(full), CAPACITY)
    assert {name: world.free("gem", "hub", name) for name in room} == room
    world.courier.retry(first, "hub", at=since + DAY)
    assert {name: world.free("gem", "hub", name) for name in room} == room


# Gateways


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("5b5f56", id="endless"),
        pytest.param("fe", id="invalid"),
        pytest.param("62100000 5f f3", id="a-megabyte-of-zeros"),
        pytest.param("6001 60ff 1b 6001 17 5f 52 6020 5f f3", id="true-with-a-dirty-bit"),
        pytest.param("6001 5f 53 6020 5f f3", id="true-from-the-left"),
        pytest.param("6001 5f 55 6001 5f 52 6020 5f f3", id="writes"),
        pytest.param("6001 5f 52 6020 5f fd", id="reverts-with-yes"),
    ],
)
def test_a_gateway_that_answers_strangely_is_not_chosen(world: World, owner: str, code: str) -> None:
    """M12, M20: whatever it takes of the gas, the bridge says why, keeps what it has, and sends on."""
    hub, gateway = world.stacks["hub"], "0x" + "67" * 20
    set_code(hub.chain, gateway, bytes.fromhex(code))
    ((_, since),) = hub.bridge.send("acceptGateway", gateway, sender=owner).named("GatewayAccepted")
    arcade = world.id_of("arcade")
    refusal = hub.bridge.revert("chooseGateway", arcade, gateway, sender=owner, at=since)
    assert refusal == error("AttributeNotSupported", gateway, COMPACT)
    assert hub.bridge.view("gatewayOf", arcade) == hub.gateway.address
    hub.bridge.send("chooseGateway", arcade, hub.gateway.address, sender=owner)
    world.arrive(world.send("gem", "hub", "arcade", amount=7))


def test_a_gateway_that_lies_stops_only_what_is_sent_through_it(world: World, owner: str) -> None:
    """M12: one that says yes to every call. What the first one brings from there arrives, and another is chosen."""
    hub, liar = world.stacks["hub"], "0x" + "67" * 20
    ((_, since),) = hub.bridge.send("acceptGateway", liar, sender=owner).named("GatewayAccepted")
    set_code(hub.chain, liar, bytes.fromhex("60015f5260205ff3"))
    arcade = world.id_of("arcade")
    hub.bridge.send("chooseGateway", arcade, liar, sender=owner, at=since)
    assert hub.bridge.view("gatewayOf", arcade) == liar
    world.arrive(world.send("gem", "arcade", "hub", amount=7))
    world.arrive(world.send("gem", "hub", "perps", amount=7))
    hub.bridge.send("chooseGateway", arcade, hub.gateway.address, sender=owner)
    hub.bridge.send("refuseGateway", liar, sender=owner)
    world.arrive(world.send("gem", "hub", "arcade", amount=7))
