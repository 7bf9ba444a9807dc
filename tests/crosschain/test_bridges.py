"""OpenZeppelin's own bridges over two real chains: as they come, and with what contracts/examples mixes in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.transactions import KeySender
from metalayer.protocol.abi import Function
from metalayer.protocol.gateway import DELIVER_BEFORE, FEE_PAYER
from metalayer.protocol.message import interoperable
from metalayer.protocol.transfers import Options
from tests.kit.chains import BoundChain
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import (
    ZERO_ADDRESS,
    Contract,
    Receipt,
    Revert,
    call,
    code_of,
    created_address,
    error,
    init_code,
    now,
    set_code,
    transact,
)
from tests.kit.paper import DAY
from tests.kit.passes import logged, relay, relay_in_spite
from tests.kit.roles import ATTACKER, BENEFICIARY, PAUPER, RIVAL, SENDER

HOLDER, THERE = SENDER.address, BENEFICIARY.address
"""Who owns something on the hub, and who shall have it on arcade."""
AMOUNT = 5 * 10**18
RETURN_GAS = 100_000
"""More than any transfer below needs to come back."""
REFUSING = bytes.fromhex("5f5ffd")
"""Code that reverts."""
_TRANSFER = Function("crosschainTransfer(bytes,uint256)", "bytes32")
_TRANSFER_FROM = Function("crosschainTransferFrom(address,bytes,uint256)", "bytes32")
_TRANSFER_MANY = Function("crosschainTransferFrom(address,bytes,uint256[],uint256[],bytes)", "bytes32")


@dataclass(frozen=True)
class Goods:
    """All that the holder has of something on the hub, the bridge that takes it to arcade, and what it is there."""

    bridge: Contract
    here: Contract
    there: Contract
    transfer: Callable[[bytes], bytes]
    """Call that sends all of it to an ERC-7930 address."""
    quoted: Sequence[int] = ()
    """Arguments of `quote` after the beneficiary."""
    ids: Sequence[tuple[int, ...]] = ((),)
    """Arguments of `balanceOf` after the account."""

    def owned(self, where: Contract, account: str) -> list[int]:
        return [where.view("balanceOf", account, *id_) for id_ in self.ids]

    def send(self, to: bytes, sender: str = HOLDER) -> Receipt:
        receipt = transact(self.bridge.chain, self.bridge.address, self.transfer(to), sender)
        assert receipt.succeeded
        return receipt

    def refusal(self, to: bytes, sender: str = HOLDER, data: bytes | None = None) -> Revert:
        result = call(self.bridge.chain, self.bridge.address, data or self.transfer(to), sender=sender)
        assert isinstance(result, Revert)
        return result


class Workshop:
    """Builds bridges on the hub and on arcade, where their holder has credit."""

    def __init__(self, chains: dict[str, BoundChain], mesh: Deployment, exchange: Any, folder: Path) -> None:
        self.chains, self.mesh = chains, mesh
        self.exchange, self.folder = exchange, folder
        self.gateway = mesh.on["hub"].gateway
        self._builder = KeySender(Account.from_key(keccak(text="who builds the bridges")))
        self._built: Counter[str] = Counter()

    def next(self, chain: str) -> str:
        """Address of what is built next on a chain."""
        return created_address(self._builder.address, self._built[chain])

    def build(self, chain: str, name: str, *arguments: Any) -> Contract:
        code = init_code(name, *arguments)
        (address,) = self.mesh.place(self._builder, code, chains=[chain])
        assert address == self.next(chain)
        self._built[chain] += 1
        return Contract(self.chains[chain], name, address)

    def link(self, chain: str, counterpart: str) -> list[tuple[str, bytes]]:
        return [(self.mesh.gateway, interoperable(self.mesh.id_of(chain), counterpart))]

    def pair(self, name: str, supply: int, *gateway: str) -> tuple[Contract, Contract]:
        """A token on the hub, all of which the holder has, and its counterpart on arcade, at the same address."""
        assert self.next("hub") == self.next("arcade")
        hub, arcade = self.link("hub", self.next("arcade")), self.link("arcade", self.next("hub"))
        nobody = ZERO_ADDRESS if name == "Collectible" else HOLDER
        return (
            self.build("hub", name, *gateway, arcade, HOLDER, supply),
            self.build("arcade", name, *gateway, hub, nobody, 0),
        )

    def to(self, account: str) -> bytes:
        """An account on arcade."""
        return interoperable(self.mesh.id_of("arcade"), account)

    def malformed(self, account: bytes) -> bytes:
        """Something on arcade that is not 20 bytes long."""
        prefix = self.to(ZERO_ADDRESS)[:-21]
        return prefix + bytes([len(account)]) + account

    def allow(self, goods: Goods, payer: str = HOLDER) -> int:
        """Lets the bridge spend what a transfer costs of somebody's credit, and no more."""
        fee: int = goods.bridge.view("quote", self.to(THERE), *goods.quoted)
        self.gateway.send("setAllowance", goods.bridge.address, fee, sender=payer)
        return fee

    def pass_by(self, passes: int) -> list[Any]:
        return relay(self.mesh, self.exchange, self.folder, passes)

    def come_home(self, sent: Receipt) -> tuple[str, str, int]:
        """Lets a transfer expire and return. Owner, payer and unspent fee, as its bridge announced them."""
        ((id_, *_),) = sent.named("MessageSent")
        self.mesh.wait_out(14 * DAY + 60)
        _, home = self.pass_by(2)
        ((returned, from_, payer, unspent),) = logged("CrosschainTransferReturned", home, self.chains)
        assert returned == id_
        return from_, payer, unspent


@pytest.fixture
def workshop(
    chains: dict[str, BoundChain], mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> Workshop:
    return Workshop(chains, mesh, exchange, tmp_path)


def plain(workshop: Workshop) -> Goods:
    here, there = workshop.pair("PlainCrosschainToken", AMOUNT)
    return Goods(here, here, there, lambda to: _TRANSFER.encode(to, AMOUNT))


def voucher(workshop: Workshop) -> Goods:
    here, there = workshop.pair("Voucher", AMOUNT, workshop.mesh.gateway)
    return Goods(here, here, there, lambda to: _TRANSFER.encode(to, AMOUNT))


def in_custody(workshop: Workshop, supply: int = AMOUNT) -> Goods:
    """A plain token, kept by a bridge that is OpenZeppelin's on the other side."""
    here = workshop.build("hub", "PlainToken", HOLDER, supply)
    links = [
        workshop.link(*end) for end in (("arcade", workshop.next("arcade")), ("hub", workshop.next("hub")))
    ]
    bridge = workshop.build("hub", "CustodyBridge", workshop.mesh.gateway, links[0], here.address)
    there = workshop.build("arcade", "PlainCrosschainToken", links[1], HOLDER, 0)
    here.send("approve", bridge.address, AMOUNT, sender=HOLDER)
    return Goods(bridge, here, there, lambda to: _TRANSFER.encode(to, AMOUNT))


def collectible(workshop: Workshop) -> Goods:
    here, there = workshop.pair("Collectible", 7, workshop.mesh.gateway)
    return Goods(here, here, there, lambda to: _TRANSFER_FROM.encode(HOLDER, to, 7))


def inventory(workshop: Workshop) -> Goods:
    here, there = workshop.pair("Inventory", AMOUNT, workshop.mesh.gateway)
    return Goods(
        here,
        here,
        there,
        lambda to: _TRANSFER_MANY.encode(HOLDER, to, [1, 2], [AMOUNT, AMOUNT], b"for you"),
        quoted=(2, 7),
        ids=((1,), (2,)),
    )


def gas_of(workshop: Workshop, contract: Contract, method: str, *arguments: Any) -> int:
    """What a call by the gateway needs."""
    data = contract.encode(method, *arguments)
    request = {"from": workshop.mesh.gateway, "to": contract.address, "data": "0x" + data.hex()}
    whole = int(contract.chain.rpc("eth_estimateGas", [request]), 16)
    return whole - 21_000 - sum(16 if byte else 4 for byte in data)


@pytest.fixture(params=[voucher, in_custody, collectible, inventory], ids=lambda make: make.__name__)
def goods(request: pytest.FixtureRequest, workshop: Workshop) -> Goods:
    made: Goods = request.param(workshop)
    return made


# As they come


def test_a_plain_bridge_works_from_credit_that_a_stranger_spends(workshop: Workshop) -> None:
    """Each transfer of nothing costs the bridge a fee, and the stranger nothing but gas."""
    goods, gateway = plain(workshop), workshop.gateway
    workshop.mesh.prepay(SENDER, ERA, ["hub"], goods.bridge.address)
    goods.send(workshop.to(THERE))
    fee = ERA - gateway.view("credit", goods.bridge.address)
    for _ in range(3):
        goods.bridge.send("crosschainTransfer", workshop.to(THERE), 0, sender=PAUPER.address)
    assert fee > 0
    assert gateway.view("credit", goods.bridge.address) == ERA - 4 * fee
    workshop.pass_by(1)
    assert goods.owned(goods.there, THERE) == [AMOUNT]


def test_a_plain_bridge_loses_what_is_not_delivered(workshop: Workshop) -> None:
    goods = plain(workshop)
    workshop.mesh.prepay(SENDER, ERA, ["hub"], goods.bridge.address)
    goods.send(workshop.to(THERE))
    workshop.mesh.wait_out(14 * DAY + 60)
    relay_in_spite(workshop.mesh, workshop.exchange, workshop.folder, 3)
    for where in (goods.here, goods.there):
        assert where.view("totalSupply") == 0


def test_a_plain_bridge_gives_tokens_to_accounts_that_nobody_has(workshop: Workshop) -> None:
    """Whose address it made of 5 bytes, or of the first 20 of 32. Only the zero address is refused, on the way."""
    goods = plain(workshop)
    workshop.mesh.prepay(SENDER, ERA, ["hub"], goods.bridge.address)
    for to in (*map(workshop.malformed, (b"\x11" * 5, b"\x22" * 32)), workshop.to(THERE) + b"\x33"):
        goods.bridge.send("crosschainTransfer", to, 1, sender=HOLDER)
    goods.bridge.send("crosschainTransfer", workshop.to(ZERO_ADDRESS), 1, sender=HOLDER)
    (result,) = workshop.pass_by(1)
    assert (result.delivered, result.failed) == (3, 1)
    for made in ("0x" + "11" * 5 + "00" * 15, "0x" + "22" * 20, THERE):
        assert goods.owned(goods.there, made) == [1]


# Beside ours


def test_one_token_takes_both_ways_over_one_gateway(workshop: Workshop) -> None:
    """Kept by OpenZeppelin's bridge and by ours, it is two tokens elsewhere; neither gives what the other owes."""
    theirs, mesh = in_custody(workshop, 2 * AMOUNT), workshop.mesh
    token, ours = theirs.here, mesh.on["hub"].bridge
    mesh.bring(HOLDER, ERA)
    mesh.on["hub"].era.send("approve", ours.address, ERA, sender=HOLDER)
    token.send("approve", ours.address, AMOUNT, sender=HOLDER)
    arguments = (token.address, mesh.id_of("arcade"), THERE, AMOUNT, Options(from_balance=True).fields)
    ours.send("send", *arguments, sender=HOLDER)
    workshop.allow(theirs)
    theirs.send(workshop.to(THERE))
    (result,) = workshop.pass_by(1)
    assert result.failed == 0
    arcade = mesh.on["arcade"].bridge
    local = arcade.view("localOf", mesh.network_id, token.address)
    stand_in = Contract(workshop.chains["arcade"], "BridgedToken", local)
    assert stand_in.address != theirs.there.address
    assert theirs.owned(theirs.there, THERE) == theirs.owned(stand_in, THERE) == [AMOUNT]
    kept = [theirs.owned(token, one.address) for one in (theirs.bridge, ours)]
    assert kept == [[AMOUNT], [AMOUNT]]

    home = (local, mesh.network_id, THERE, AMOUNT, Options(from_balance=True).fields)
    mesh.bring(THERE, ERA, ["arcade"])
    arcade.send("send", *home, sender=THERE)
    workshop.pass_by(1)
    assert theirs.owned(token, THERE) == [AMOUNT]
    assert [theirs.owned(token, one.address) for one in (theirs.bridge, ours)] == [[AMOUNT], [0]]


# With the mix-in


def test_the_caller_pays_what_was_quoted(workshop: Workshop, goods: Goods) -> None:
    had, fee, gateway = goods.owned(goods.here, HOLDER), workshop.allow(goods), workshop.gateway
    before = gateway.view("credit", HOLDER)
    goods.send(workshop.to(THERE))
    assert gateway.view("credit", HOLDER) == before - fee
    assert gateway.view("allowance", HOLDER, goods.bridge.address) == 0
    workshop.pass_by(1)
    assert goods.owned(goods.there, THERE) == had
    assert not any(goods.owned(goods.here, HOLDER))


def test_what_expires_comes_back_once(workshop: Workshop, goods: Goods) -> None:
    """M18: to whom it came from; what nobody earned of the fee can be withdrawn, once."""
    had = goods.owned(goods.here, HOLDER)
    workshop.allow(goods)
    sent = goods.send(workshop.to(THERE))
    assert not any(goods.owned(goods.here, HOLDER))
    from_, payer, unspent = workshop.come_home(sent)
    assert (from_, payer) == (HOLDER, HOLDER)
    assert goods.owned(goods.here, HOLDER) == had
    (nothing,) = workshop.pass_by(1)
    assert logged("CrosschainTransferReturned", nothing, workshop.chains) == []
    assert goods.owned(goods.here, HOLDER) == had
    assert not any(goods.owned(goods.there, THERE))

    era, gateway = workshop.mesh.on["hub"].era, workshop.gateway
    assert (
        0
        < unspent
        == goods.bridge.view("unspentFees", HOLDER)
        == gateway.view("credit", goods.bridge.address)
    )
    before = era.view("balanceOf", HOLDER)
    for _ in range(2):
        goods.bridge.send("withdrawUnspentFees", HOLDER, sender=HOLDER)
        assert era.view("balanceOf", HOLDER) == before + unspent
    assert gateway.view("credit", goods.bridge.address) == 0


def test_who_sends_for_another_pays_and_gets_the_rest_of_the_fee(workshop: Workshop) -> None:
    """The tokens go to their owner."""
    goods, operator = voucher(workshop), RIVAL.address
    workshop.mesh.prepay(RIVAL, ERA, ["hub"])
    fee = workshop.allow(goods, operator)
    goods.bridge.send("approve", operator, AMOUNT, sender=HOLDER)
    transfer = ("crosschainTransferFrom", HOLDER, workshop.to(THERE), AMOUNT)
    sent = goods.bridge.send(*transfer, sender=operator)
    assert workshop.gateway.view("credit", operator) == ERA - fee
    from_, payer, unspent = workshop.come_home(sent)
    assert (from_, payer) == (HOLDER, operator)
    assert goods.owned(goods.here, HOLDER) == [AMOUNT]
    assert [goods.bridge.view("unspentFees", one) for one in (HOLDER, operator)] == [0, unspent]


def test_a_stranger_cannot_make_anybody_else_pay(workshop: Workshop) -> None:
    """Not with a transfer of nothing, though the bridge has credit, and the holder allowed it the fee."""
    goods, gateway, stranger = voucher(workshop), workshop.gateway, ATTACKER.address
    workshop.mesh.prepay(SENDER, ERA, ["hub"], goods.bridge.address)
    fee = workshop.allow(goods)
    nothing = _TRANSFER.encode(workshop.to(THERE), 0)
    to = workshop.to(THERE)
    assert goods.refusal(to, stranger, nothing) == error("InsufficientCredit", stranger, 0, fee)
    workshop.mesh.prepay(ATTACKER, fee, ["hub"])
    refusal = error("InsufficientAllowance", stranger, goods.bridge.address, 0, fee)
    assert goods.refusal(to, stranger, nothing) == refusal
    before = gateway.view("credit", HOLDER)
    workshop.allow(goods, stranger)
    goods.bridge.send("crosschainTransfer", to, 0, sender=stranger)
    assert gateway.view("credit", stranger) == 0
    assert gateway.view("credit", HOLDER) == before
    assert gateway.view("credit", goods.bridge.address) == ERA


def test_what_the_token_refuses_to_give_back_waits_until_it_agrees(workshop: Workshop) -> None:
    """Then anyone may repeat the callback, once with success."""
    goods, anyone = in_custody(workshop), PAUPER.address
    workshop.allow(goods)
    sent = goods.send(workshop.to(THERE))
    ((id_, _, _, payload, *_),) = sent.named("MessageSent")
    ((arcade, nonce, gas_limit, deadline, fee, _),) = sent.named("LaneExtended")
    chain, token = goods.here.chain, goods.here.address
    code = code_of(chain, token)
    set_code(chain, token, REFUSING)
    workshop.mesh.wait_out(14 * DAY + 60)
    relay_in_spite(workshop.mesh, workshop.exchange, workshop.folder, 2)
    message = (goods.bridge.address, goods.there.address, gas_limit, deadline, fee, payload)
    refunds = Contract(chain, "IRefunds", workshop.mesh.gateway)
    closed = error("NoCallback", id_)
    assert refunds.revert("callBack", message, arcade, nonce, sender=anyone) != closed
    set_code(chain, token, code)
    assert goods.owned(goods.here, HOLDER) == [0]
    refunds.send("callBack", message, arcade, nonce, sender=anyone)
    assert goods.owned(goods.here, HOLDER) == [AMOUNT]
    unspent = goods.bridge.view("unspentFees", HOLDER)
    assert 0 < unspent == workshop.gateway.view("credit", goods.bridge.address)
    assert refunds.revert("callBack", message, arcade, nonce, sender=anyone) == closed


def test_nobody_else_says_that_a_transfer_came_back(workshop: Workshop, goods: Goods) -> None:
    """M10"""
    workshop.allow(goods)
    ((id_, _, _, payload, *_),) = goods.send(workshop.to(THERE)).named("MessageSent")
    message = (goods.bridge.address, goods.there.address, 200_000, 1, 0, payload)
    arguments = (id_, workshop.mesh.id_of("arcade"), message, 0)
    for caller in (HOLDER, ATTACKER.address, goods.bridge.address, goods.here.address):
        refusal = goods.bridge.revert("onMessageReturned", *arguments, sender=caller)
        assert refusal == error("NotGateway", caller)


def test_neither_way_needs_more_gas_than_it_gets(workshop: Workshop, goods: Goods) -> None:
    """With the balances and the unspent fees at zero before. What a transaction itself costs is not the call's."""
    workshop.allow(goods)
    sent = goods.send(workshop.to(THERE))
    ((id_, from_, _, payload, *_),) = sent.named("MessageSent")
    ((_, _, gas_limit, deadline, fee, _),) = sent.named("LaneExtended")
    message = (goods.bridge.address, goods.there.address, gas_limit, deadline, fee, payload)
    there = gas_of(workshop, goods.there, "receiveMessage", id_, from_, payload)
    back = gas_of(
        workshop, goods.bridge, "onMessageReturned", id_, workshop.mesh.id_of("arcade"), message, ERA
    )
    assert max(there, back) * 6 / 5 < gas_limit
    assert back < RETURN_GAS


@pytest.mark.parametrize("count", [1, 10, 70])
def test_many_ids_get_the_gas_that_they_need(workshop: Workshop, count: int) -> None:
    """Both ways, as if none of them had been there before."""
    here, there = workshop.pair("Inventory", 0, workshop.mesh.gateway)
    ids, nothing = list(range(3, 3 + count)), [0] * count
    goods = Goods(
        here, here, there, lambda to: _TRANSFER_MANY.encode(HOLDER, to, ids, nothing, b""), (count, 0)
    )
    workshop.allow(goods)
    sent = goods.send(workshop.to(THERE))
    ((id_, from_, _, payload, *_),) = sent.named("MessageSent")
    ((_, _, gas_limit, deadline, fee, _),) = sent.named("LaneExtended")
    # Values of 1 instead, which stand right before the length of the data, a word, and who pays.
    end = len(payload) - 20 - 32
    payload = payload[: end - 32 * count] + (1).to_bytes(32, "big") * count + payload[end:]
    message = (here.address, there.address, gas_limit, deadline, fee, payload)
    assert gas_of(workshop, there, "receiveMessage", id_, from_, payload) < gas_limit
    assert (
        gas_of(workshop, here, "onMessageReturned", id_, workshop.mesh.id_of("arcade"), message, ERA)
        < gas_limit
    )


def test_a_bridge_may_have_attributes_of_its_own(workshop: Workshop) -> None:
    goods = in_custody(workshop)
    workshop.allow(goods)
    ((_, _, _, _, _, attributes),) = goods.send(workshop.to(THERE)).named("MessageSent")
    assert attributes[0] == DELIVER_BEFORE.encode(now(goods.bridge.chain) + DAY)
    assert attributes[-1] == FEE_PAYER.encode(HOLDER)


@pytest.mark.parametrize("account", [bytes(20), b"\x11" * 5, b"\x22" * 32, b"\x33" * 21], ids=bytes.hex)
def test_refuses_beneficiaries_that_are_no_account(workshop: Workshop, goods: Goods, account: bytes) -> None:
    workshop.allow(goods)
    assert goods.refusal(workshop.malformed(account)) == error("InvalidBeneficiary", account)


def test_links_over_another_gateway_stay_as_they_are(workshop: Workshop) -> None:
    """No attributes: a gateway that does not know them would refuse."""
    other = PAUPER.address
    link = workshop.link("arcade", HOLDER)
    here = workshop.build("hub", "Voucher", other, link, HOLDER, AMOUNT)
    goods = Goods(here, here, here, lambda to: _TRANSFER.encode(to, AMOUNT))
    workshop.mesh.prepay(SENDER, ERA, ["hub"], here.address)
    ((_, _, _, _, _, attributes),) = goods.send(workshop.to(THERE)).named("MessageSent")
    assert attributes == ()
