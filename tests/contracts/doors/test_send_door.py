"""SendDoor: orders that one signs and another submits, through the real Permit2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.network.config import PERMIT2
from metalayer.protocol.transfers import Payload
from tests.kit.doors import FEES, MAX, Fund, send_door
from tests.kit.ether import pay
from tests.kit.evm import CODEC, ZERO_ADDRESS, Contract, Receipt, Revert, deploy, error, now, set_code
from tests.kit.hops import SECOND_FEE, Courier
from tests.kit.passer import delegate_to_passer, place_passer, through
from tests.kit.permit2 import place_permit2
from tests.kit.permits import NEVER, permit, sign_typed
from tests.kit.roles import ATTACKER, BENEFICIARY, SUCCESSOR
from tests.kit.stack import Stack

AMOUNT = 7 * 10**18
GWEI = 10**9
TAKES_FEE = 1
"""Of ScriptedToken's behaviours."""
SIGNER = Account.from_key(keccak(text="who signs orders, and has no ether"))
STRANGER = Account.from_key(keccak(text="who signs orders of others"))
WALLET = to_checksum_address("0x" + "5a" * 20)
AGREEING = to_checksum_address("0x" + "a9" * 20)
ORDER = (
    ("token", "address"),
    ("destination", "uint256"),
    ("to", "address"),
    ("amount", "uint256"),
    ("returnTo", "address"),
    ("deadline", "uint40"),
    ("tip", "uint32"),
    ("ramp", "uint16"),
    ("fee", "uint64"),
    ("extraGas", "uint24"),
    ("data", "bytes"),
)
TYPES = {
    "PermitWitnessTransferFrom": (
        ("permitted", "TokenPermissions"),
        ("spender", "address"),
        ("nonce", "uint256"),
        ("deadline", "uint256"),
        ("witness", "Order"),
    ),
    "TokenPermissions": (("token", "address"), ("amount", "uint256")),
    "Order": ORDER,
}
# Permit2 is no contract of this project.
INVALID_SIGNER = Revert(keccak(text="InvalidSigner()")[:4])
INVALID_NONCE = Revert(keccak(text="InvalidNonce()")[:4])
INVALID_CONTRACT_SIGNATURE = Revert(keccak(text="InvalidContractSignature()")[:4])


@dataclass(frozen=True)
class Order:
    """The Solidity struct."""

    token: str
    destination: int
    to: str
    amount: int = AMOUNT
    returnTo: str = ZERO_ADDRESS
    deadline: int = 0
    tip: int = 0
    ramp: int = 0
    fee: int = 0
    extraGas: int = 0
    data: bytes = b""

    @property
    def fields(self) -> tuple[Any, ...]:
        return tuple(asdict(self).values())


@dataclass
class Desk:
    """Where orders are submitted, and who pays for them."""

    here: Stack
    sponsor: str
    signed: dict[str, Any] = field(default_factory=dict)

    @property
    def door(self) -> Contract:
        return send_door(self.here)

    def sign(
        self,
        order: Order,
        key: LocalAccount = SIGNER,
        nonce: int = 0,
        deadline: int = NEVER,
        signer: str | None = None,
        spender: str | None = None,
        chain_id: int | None = None,
    ) -> tuple[Any, ...]:
        """What the signer signs beside the order, as the door takes it."""
        message = {
            "permitted": {"token": order.token, "amount": order.amount},
            "spender": spender or self.door.address,
            "nonce": nonce,
            "deadline": deadline,
            "witness": asdict(order),
        }
        domain = {
            "name": "Permit2",
            "chainId": chain_id or self.here.chain.chain_id,
            "verifyingContract": PERMIT2,
        }
        v, r, s = sign_typed(key, domain, TYPES, message)
        return signer or key.address, nonce, deadline, r + s + bytes([v])

    def submit(
        self, order: Order, signed: tuple[Any, ...], max_fee: int = 0, by: str | None = None
    ) -> Receipt:
        return self.door.send("send", order.fields, signed, max_fee, sender=by or self.sponsor)

    def refusal(
        self, order: Order, signed: tuple[Any, ...], max_fee: int = 0, by: str | None = None
    ) -> Revert:
        return self.door.revert("send", order.fields, signed, max_fee, sender=by or self.sponsor)

    def quote(self, order: Order) -> int:
        """What the sponsor pays."""
        arguments = (order.token, order.destination, len(order.data), order.extraGas)
        return int(self.here.bridge.view("quoteSend", *arguments)[0]) + order.fee * GWEI

    def check_empty(self, token: Contract) -> None:
        """The door keeps nothing."""
        kept = [one.view("balanceOf", self.door.address) for one in (token, self.here.era)]
        assert kept == [0, 0]


@pytest.fixture(scope="session")
def coin(arcade: Stack, deployer: str) -> Contract:
    """A token at home on arcade, of which the signer has some. Permit2 may take it."""
    token = deploy(arcade.chain, "PlainToken", deployer, 100 * AMOUNT, sender=deployer)
    token.send("transfer", SIGNER.address, 10 * AMOUNT, sender=deployer)
    chain = arcade.chain
    place_permit2(chain, deployer)
    chain.rpc("anvil_setBalance", [SIGNER.address, hex(10**18)])
    chain.rpc("anvil_impersonateAccount", [SIGNER.address])
    token.send("approve", PERMIT2, MAX, sender=SIGNER.address)
    chain.rpc("anvil_setBalance", [SIGNER.address, "0x0"])
    return token


@pytest.fixture
def desk(arcade: Stack, fund: Fund, depositor: str) -> Desk:
    fund("arcade", depositor)
    desk = Desk(arcade, depositor)
    arcade.era.send("approve", desk.door.address, MAX, sender=depositor)
    return desk


@pytest.fixture
def order(coin: Contract, hub: Stack) -> Order:
    """To the hub."""
    return Order(coin.address, hub.chain.chain_id, BENEFICIARY.address)


# What is ordered is done


def test_what_one_signs_another_submits(
    desk: Desk, order: Order, coin: Contract, courier: Courier, on_bridge: Callable[..., Contract]
) -> None:
    """P23: the sponsor pays what `quoteSend` says, the signer the amount: neither anything else."""
    courier.watch("arcade", coin)
    signer = SIGNER.address
    fee, before = desk.quote(order), coin.view("balanceOf", signer)
    receipt = desk.submit(order, desk.sign(order))
    courier.note("arcade", receipt)
    ((_, *sent),) = receipt.named("TransferSent")
    assert sent == [signer, order.to, coin.address, order.destination, AMOUNT]
    assert desk.here.era.view("balanceOf", desk.sponsor) == FEES - fee
    assert before - coin.view("balanceOf", signer) == AMOUNT
    desk.check_empty(coin)
    courier.carry("arcade", "hub")
    assert on_bridge("hub", "arcade", coin).view("balanceOf", order.to) == AMOUNT


def test_every_option_goes_along(desk: Desk, order: Order, courier: Courier, coin: Contract) -> None:
    deadline = now(desk.here.chain) + 86_400
    full = replace(
        order, returnTo=SUCCESSOR.address, deadline=deadline, extraGas=12_345, data=b"for the recipient"
    )
    (_, sent) = courier.note("arcade", desk.submit(full, desk.sign(full)))
    payload = Payload.read(sent.payload)
    assert (payload.from_, payload.to, payload.amount) == (SUCCESSOR.address, order.to, AMOUNT)
    assert (payload.deadline, payload.extra_gas) == (deadline, 12_345)
    assert (payload.sender, payload.data) == (desk.door.address, full.data)
    priced = replace(order, tip=6, ramp=8)
    (sent,) = courier.note("arcade", desk.submit(priced, desk.sign(priced, nonce=1)))
    payload = Payload.read(sent.payload)
    assert (payload.tip, payload.ramp, payload.from_) == (6, 8, SIGNER.address)


def test_what_does_not_arrive_returns_to_the_signer(
    desk: Desk, order: Order, courier: Courier, coin: Contract
) -> None:
    """With what nobody earned of the sponsor's fee."""
    before = coin.view("balanceOf", SIGNER.address)
    (_, sent) = courier.note("arcade", desk.submit(order, desk.sign(order)))
    receipt = courier.bring_back(sent)
    assert receipt.named("TransferReturned") == [(sent.id, SIGNER.address, coin.address, AMOUNT)]
    assert coin.view("balanceOf", SIGNER.address) == before
    unspent = receipt.named("MessageReturned")[0][3]
    assert desk.here.era.view("balanceOf", SIGNER.address) == unspent > 0


def test_the_second_hop_is_prepaid_by_the_sponsor(
    desk: Desk, hub: Stack, perps: Stack, fund: Fund, courier: Courier, deployer: str
) -> None:
    """ERA of the signer, over the hub. The bridge burns it without being allowed anything."""
    fund("arcade", SIGNER.address, AMOUNT)
    era = desk.here.era
    chain = desk.here.chain
    place_permit2(chain, deployer)
    chain.rpc("anvil_setBalance", [SIGNER.address, hex(10**18)])
    chain.rpc("anvil_impersonateAccount", [SIGNER.address])
    era.send("approve", PERMIT2, MAX, sender=SIGNER.address)
    order = Order(era.address, perps.chain.chain_id, BENEFICIARY.address, fee=SECOND_FEE // GWEI)
    total = desk.quote(order)
    courier.note("arcade", desk.submit(order, desk.sign(order)))
    assert era.view("balanceOf", desk.sponsor) == FEES - total
    assert era.view("allowance", desk.door.address, desk.here.bridge.address) == 0
    desk.check_empty(era)
    courier.carry("arcade", "hub")
    courier.carry("hub", "perps")
    assert perps.era.view("balanceOf", order.to) == AMOUNT


# Nobody else decides anything


CHANGES: dict[str, Any] = {
    "destination": 903,
    "to": ATTACKER.address,
    "amount": AMOUNT - 1,
    "returnTo": ATTACKER.address,
    "deadline": 2**39,
    "tip": 1,
    "ramp": 1,
    "fee": 1,
    "extraGas": 1,
    "data": b"\x01",
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_of_an_order_can_be_changed(desk: Desk, order: Order, name: str) -> None:
    """The sponsor's choice is whether to submit it."""
    signed = desk.sign(order)
    assert desk.refusal(replace(order, **{name: CHANGES[name]}), signed) == INVALID_SIGNER
    desk.submit(order, signed)


def test_another_token_is_another_order(desk: Desk, order: Order, deployer: str, arcade: Stack) -> None:
    other = deploy(arcade.chain, "PlainToken", SIGNER.address, AMOUNT, sender=deployer)
    assert desk.refusal(replace(order, token=other.address), desk.sign(order)) == INVALID_SIGNER


def test_every_field_is_tried(order: Order) -> None:
    assert {*CHANGES, "token"} == {name for name, _ in ORDER} == set(asdict(order))


def test_an_order_is_sent_once(desk: Desk, order: Order) -> None:
    """M11, M17: replay. The same again needs another nonce."""
    signed = desk.sign(order)
    desk.submit(order, signed)
    assert desk.refusal(order, signed) == INVALID_NONCE
    desk.submit(order, desk.sign(order, nonce=1))


@pytest.mark.parametrize("fault", ["signer", "nonce", "deadline"])
def test_what_is_signed_beside_the_order_cannot_be_changed(desk: Desk, order: Order, fault: str) -> None:
    signer, nonce, deadline, signature = desk.sign(order)
    changed = {
        "signer": (STRANGER.address, nonce, deadline, signature),
        "nonce": (signer, nonce + 1, deadline, signature),
        "deadline": (signer, nonce, deadline - 1, signature),
    }[fault]
    assert desk.refusal(order, changed) == INVALID_SIGNER


def test_nobody_orders_for_another(desk: Desk, order: Order) -> None:
    signed = desk.sign(order, key=STRANGER, signer=SIGNER.address)
    assert desk.refusal(order, signed) == INVALID_SIGNER


@pytest.mark.parametrize("fault", ["spender", "chain"])
def test_an_order_is_for_one_door_on_one_chain(desk: Desk, order: Order, hub: Stack, fault: str) -> None:
    """M17."""
    signed = (
        desk.sign(order, spender=desk.sponsor)
        if fault == "spender"
        else desk.sign(order, chain_id=hub.chain.chain_id)
    )
    assert desk.refusal(order, signed) == INVALID_SIGNER


def test_an_order_counts_to_its_last_second(desk: Desk, order: Order) -> None:
    at = now(desk.here.chain) + 100
    signed = desk.sign(order, deadline=at)
    arguments = ("send", order.fields, signed, 0)
    late = desk.door.revert(*arguments, sender=desk.sponsor, at=at + 1)
    assert late.data[:4] == keccak(text="SignatureExpired(uint256)")[:4]
    desk.door.send(*arguments, sender=desk.sponsor, at=at)


# What it refuses


@pytest.mark.parametrize("name", ["to", "returnTo"])
def test_refuses_to_be_paid_itself(desk: Desk, order: Order, name: str) -> None:
    change: dict[str, Any] = {name: desk.door.address}
    wrong = replace(order, **change)
    assert desk.refusal(wrong, desk.sign(wrong)) == error("NotForTheDoor")


def test_a_bound_on_the_fee_is_the_sponsors(desk: Desk, order: Order) -> None:
    """M51: to the wei."""
    total, signed = desk.quote(order), desk.sign(order)
    refused = desk.refusal(order, signed, max_fee=total - 1)
    assert refused.data[:4] == error("FeeAboveBound", 0, 0).data[:4]
    desk.submit(order, signed, max_fee=total)


def test_takes_fees_of_who_submits(desk: Desk, order: Order, fund: Fund, attacker: str) -> None:
    """M55: not the signer's, nor those of somebody else who has allowed it."""
    fee, signed = desk.quote(order), desk.sign(order)
    fund("arcade", SIGNER.address)
    refused = error("ERC20InsufficientAllowance", desk.door.address, 0, fee)
    assert desk.refusal(order, signed, by=attacker) == refused
    desk.submit(order, signed)
    assert desk.here.era.view("balanceOf", SIGNER.address) == FEES


@pytest.mark.parametrize("place", [place_passer, delegate_to_passer], ids=["a contract", "EIP-7702"])
def test_a_contract_may_sponsor(desk: Desk, order: Order, fund: Fund, place: Callable[..., None]) -> None:
    """M55: it pays, and not whose transaction it is."""
    chain, era = desk.here.chain, desk.here.era
    fund("arcade", WALLET)
    place(chain, WALLET)
    wallet = Contract(chain, "SendDoor", WALLET)
    pay(wallet, 0, desk.sponsor, through(era.address, era.encode("approve", desk.door.address, MAX)))
    fee = desk.quote(order)
    call = desk.door.encode("send", order.fields, desk.sign(order), 0)
    receipt = pay(wallet, 0, desk.sponsor, through(desk.door.address, call))
    assert receipt.named("TransferSent")[0][1] == SIGNER.address
    assert (era.view("balanceOf", WALLET), era.view("balanceOf", desk.sponsor)) == (FEES - fee, FEES)


# Contracts that sign (ERC-1271). An account that delegates (EIP-7702) is one.


@pytest.mark.parametrize("delegates", [False, True], ids=["a contract", "EIP-7702"])
def test_a_contract_may_order(desk: Desk, order: Order, coin: Contract, delegates: bool) -> None:
    """What it says counts, whatever the signature. It gets back what does not arrive."""
    chain, code = desk.here.chain, bytes.fromhex("631626ba7e60e01b5f5260205ff3")
    account = SIGNER.address
    set_code(chain, AGREEING if delegates else account, code)
    if delegates:
        set_code(chain, account, bytes.fromhex("ef0100" + AGREEING[2:]))
    receipt = desk.submit(order, (account, 0, NEVER, b""))
    assert receipt.named("TransferSent")[0][1] == account
    set_code(chain, AGREEING if delegates else account, bytes.fromhex("5f5f5260205ff3"))
    refused = desk.refusal(order, desk.sign(order, nonce=1))
    assert refused == INVALID_CONTRACT_SIGNATURE


# Tokens


def test_a_permit_of_the_token_makes_it_one_transaction(
    desk: Desk, hub: Stack, fund: Fund, deployer: str, courier: Courier
) -> None:
    """The signer needs no ether at all: ERA by permit, that somebody may have brought before."""
    place_permit2(desk.here.chain, deployer)
    fund("arcade", SIGNER.address, 2 * AMOUNT)
    era = desk.here.era
    order = Order(era.address, hub.chain.chain_id, BENEFICIARY.address)
    permitted = permit(era, SIGNER, PERMIT2, AMOUNT)
    calls = [
        desk.door.encode("permit", era.address, *(permitted[0], *permitted[2:])),
        desk.door.encode("send", order.fields, desk.sign(order), 0),
    ]
    state = desk.here.chain.snapshot()
    receipt = desk.door.send("multicall", calls, sender=desk.sponsor)
    assert receipt.named("TransferSent")[0][1] == SIGNER.address
    desk.here.chain.restore(state)
    era.send("permit", *permitted, sender=ATTACKER.address)
    receipt = desk.door.send("multicall", calls, sender=desk.sponsor)
    assert receipt.named("TransferSent")[0][1] == SIGNER.address


def test_a_permit_without_an_order_moves_nothing(
    desk: Desk, fund: Fund, attacker: str, deployer: str
) -> None:
    place_permit2(desk.here.chain, deployer)
    fund("arcade", SIGNER.address, AMOUNT)
    era = desk.here.era
    signer, _, *rest = permit(era, SIGNER, PERMIT2, AMOUNT)
    desk.door.send("permit", era.address, signer, *rest, sender=attacker)
    assert era.view("allowance", SIGNER.address, PERMIT2) == AMOUNT
    assert era.view("allowance", SIGNER.address, desk.door.address) == 0
    order = Order(era.address, 901, attacker)
    assert (
        desk.refusal(order, (SIGNER.address, 0, NEVER, bytes(65))).data[:4]
        == (keccak(text="InvalidSignature()")[:4])
    )
    assert era.view("balanceOf", SIGNER.address) == AMOUNT


def test_hashes_an_order_as_wallets_do(desk: Desk, order: Order) -> None:
    """EIP-712, struct by struct."""
    named = ",".join(f"{type_} {name}" for name, type_ in ORDER)
    full = replace(order, data=b"\x01\x02", tip=5, fee=2**64 - 1)
    words = [keccak(text=f"Order({named})")]
    for (_, type_), value in zip(ORDER, full.fields, strict=True):
        number = int(value, 16) if type_ == "address" else value
        words.append(keccak(value) if type_ == "bytes" else number.to_bytes(32, "big"))
    assert desk.door.view("hashOf", full.fields) == keccak(b"".join(words))


def test_names_permit2(desk: Desk) -> None:
    assert desk.door.view("PERMIT2") == PERMIT2
    assert desk.door.view("BRIDGE") == desk.here.bridge.address


# Tokens that misbehave


@pytest.fixture
def odd(arcade: Stack, deployer: str) -> Contract:
    """A token of the signer's, that misbehaves on demand. Permit2 may take it."""
    chain = arcade.chain
    place_permit2(chain, deployer)
    token = deploy(chain, "ScriptedToken", SIGNER.address, 10 * AMOUNT, sender=deployer)
    chain.rpc("anvil_setBalance", [SIGNER.address, hex(10**18)])
    chain.rpc("anvil_impersonateAccount", [SIGNER.address])
    token.send("approve", PERMIT2, MAX, sender=SIGNER.address)
    return token


def call_when_locked(odd: Contract, target: str, data: bytes, sender: str) -> None:
    """Makes the token call while it moves from the door to the bridge: the call before, while it moves to the door,
    is what sets that.
    """
    odd.send("setCall", odd.address, odd.encode("setCall", target, data), sender=sender)


def test_what_a_token_takes_of_each_move_the_recipient_bears(desk: Desk, odd: Contract, hub: Stack) -> None:
    """One per cent on the way to the door, and one on the way to the bridge."""
    odd.send("setBehaviour", TAKES_FEE, sender=desk.sponsor)
    order = Order(odd.address, hub.chain.chain_id, BENEFICIARY.address, amount=10**18)
    receipt = desk.submit(order, desk.sign(order))
    assert receipt.named("TransferSent")[0][5] == 9_801 * 10**14
    desk.check_empty(odd)


@pytest.mark.parametrize("length", [1, 8, 64])
def test_what_is_left_of_the_fee_goes_back(desk: Desk, odd: Contract, hub: Stack, length: int) -> None:
    """The token is renamed while it is locked: describing it costs something else than was quoted."""
    name = CODEC.encode(["string"], ["n" * length])
    answer = odd.encode("setAnswer", keccak(text="name()")[:4], name)
    call_when_locked(odd, odd.address, answer, desk.sponsor)
    order = Order(odd.address, hub.chain.chain_id, BENEFICIARY.address)
    quoted, signed = desk.quote(order), desk.sign(order)
    if length > len("Scripted"):
        refused = desk.refusal(order, signed)
        assert refused.data[:4] == error("ERC20InsufficientBalance", ZERO_ADDRESS, 0, 0).data[:4]
        return
    desk.submit(order, signed)
    desk.check_empty(odd)
    paid = FEES - desk.here.era.view("balanceOf", desk.sponsor)
    assert paid == quoted if length == len("Scripted") else paid < quoted


def test_nobody_takes_the_fee_of_another_on_the_way(
    desk: Desk, odd: Contract, hub: Stack, fund: Fund, deployer: str
) -> None:
    """M20: who calls the door while it holds a fee of somebody else gets that with what is left. Then it is missing,
    and all is undone.
    """
    era, chain = desk.here.era, desk.here.chain
    order = Order(odd.address, hub.chain.chain_id, BENEFICIARY.address)
    other = deploy(chain, "PlainToken", SIGNER.address, AMOUNT, sender=deployer)
    other.send("approve", PERMIT2, MAX, sender=SIGNER.address)
    inner = Order(other.address, hub.chain.chain_id, BENEFICIARY.address)
    fund("arcade", odd.address)
    chain.rpc("anvil_impersonateAccount", [odd.address])
    chain.rpc("anvil_setBalance", [odd.address, hex(10**18)])
    era.send("approve", desk.door.address, MAX, sender=odd.address)
    call = desk.door.encode("send", inner.fields, desk.sign(inner, nonce=1), 0)
    fee, signed = desk.quote(order), desk.sign(order)
    call_when_locked(odd, desk.door.address, call, desk.sponsor)
    refused = desk.refusal(order, signed)
    assert refused.data[:4] == error("ERC20InsufficientBalance", ZERO_ADDRESS, 0, 0).data[:4]
    assert not desk.door.attempt("send", order.fields, signed, 0, sender=desk.sponsor).succeeded
    assert [era.view("balanceOf", account) for account in (odd.address, desk.sponsor)] == [FEES, FEES]
    odd.send("setBehaviour", 0, sender=desk.sponsor)
    desk.submit(order, signed)
    assert era.view("balanceOf", desk.sponsor) == FEES - fee
