"""Handles and their mirror: whose a name is, who follows, and what another chain believes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.protocol.message import Message, interoperable
from tests.kit.evm import ZERO_ADDRESS, Contract, Receipt, Revert, call, error, init_code, now
from tests.kit.world import World, impersonate

HOME, MIRROR, OTHER = "arcade", "perps", "hub"
NAME, OTHER_NAME = "ada-1815", "grace"
DAY = 86_400
YEAR, REST = 365 * DAY, 30 * DAY
SALT = b"handles".ljust(32, b"\0")
MAGIC = bytes.fromhex("2432ef26")
SNAPSHOT = "(uint64,uint40,bytes32,uint64,address,uint40,uint64,address,bool)"


@dataclass(frozen=True)
class Net:
    """Handles on arcade, mirrors at their address on the hub and on perps. The depositor has credit everywhere."""

    world: World
    home: Contract
    mirror: Contract
    other: Contract
    owner: str
    fan: str

    @property
    def payer(self) -> str:
        return self.world.depositor

    @property
    def time(self) -> int:
        return now(self.home.chain)

    def gateway(self, name: str) -> Contract:
        return self.world.stacks[name].gateway

    def credit(self, name: str, account: str) -> int:
        return int(self.gateway(name).view("credit", account))

    def allow(self, name: str, fee: int) -> int:
        self.gateway(name).send("setAllowance", self.home.address, fee, sender=self.payer)
        return fee

    def register(self, name: str = NAME, by: str = "") -> int:
        ((id_, *_),) = self.home.send("register", name, sender=by or self.owner).named("Named")
        return int(id_)

    def publish(self, name: str = NAME, follower: str = ZERO_ADDRESS, to: str = MIRROR) -> Message:
        """Paid by the depositor, from what it allowed for it, to the wei."""
        chain_id = self.world.id_of(to)
        self.allow(HOME, self.home.view("quote", chain_id))
        sent = self.home.send("publish", name, follower, chain_id, sender=self.payer)
        assert self.gateway(HOME).view("allowance", self.payer, self.home.address) == 0
        return self.world.courier.note(HOME, sent)[-1]

    def ask(self, name: str = NAME, follower: str = ZERO_ADDRESS) -> Message:
        self.allow(MIRROR, self.mirror.view("quote"))
        sent = self.mirror.send("ask", name, follower, sender=self.payer)
        return self.world.courier.note(MIRROR, sent)[-1]

    def carry(self, origin: str = HOME, destination: str = MIRROR) -> Receipt:
        return self.world.courier.carry(origin, destination)

    def endow(self) -> int:
        """Credit of the handles, for answers."""
        era, gateway = self.world.stacks[HOME].era, self.gateway(HOME)
        era.send("approve", gateway.address, 10**18, sender=self.payer)
        gateway.send("depositFor", self.home.address, 10**18, sender=self.payer)
        return 10**18

    def hear(self, payload: bytes, *, origin: str = HOME, sender: str = "") -> tuple[Any, ...]:
        """What the gateway tells a mirror."""
        account = interoperable(self.world.id_of(origin), sender or self.home.address)
        return "receiveMessage", b"\7" * 32, account, payload


@pytest.fixture
def net(world: World, sender: str, beneficiary: str) -> Net:
    home_id = world.id_of(HOME)
    made = {}
    for name, stack in world.stacks.items():
        gateway = stack.gateway.address
        contract = "Handles" if name == HOME else "HandlesMirror"
        arguments = [gateway] if name == HOME else [gateway, home_id]
        address = stack.factory.view("addressOf", sender, SALT)
        stack.factory.send("deploy", sender, SALT, init_code(contract, *arguments), sender=sender)
        made[name] = Contract(stack.chain, contract, address)
    assert len({contract.address for contract in made.values()}) == 1
    return Net(world, made[HOME], made[MIRROR], made[OTHER], sender, beneficiary)


def hash_of(name: str) -> bytes:
    return bytes(keccak(text=name))


# Names


@pytest.mark.parametrize("name", ["abc", "a-0", "-" * 32, "0" * 3, "z" * 32])
def test_who_comes_first_has_a_name_for_a_year(net: Net, name: str) -> None:
    receipt = net.home.send("register", name, sender=net.owner)
    assert receipt.named("Named") == [(1, name, net.time + YEAR)]
    assert net.home.view("ownerOf", 1) == net.owner
    assert net.home.view("resolve", name, 0) == (net.owner, 0)
    refused = net.home.revert("register", name, sender=net.fan)
    assert refused == error("NameTaken", name, net.time + YEAR + REST)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 33,
        "Ada",
        "ada lovelace",
        "ada.",
        "ad\0",
        "`ad",
        "ad{",
        "ad/",
        "ad:",
        "adä",
        "\u0430da",
    ],
)
def test_what_is_no_name(net: Net, name: str) -> None:
    """Nothing that looks like another one."""
    assert net.home.revert("register", name, sender=net.owner) == error("NotAName", name)
    id_ = net.register()
    assert net.home.revert("rename", id_, name, sender=net.owner) == error("NotAName", name)


def test_a_name_is_anyones_when_its_term_and_its_rest_are_over(net: Net) -> None:
    """To the second. Who had it has nothing any more: not the handle, nor its followers."""
    home = net.home
    id_ = net.register()
    home.send("follow", id_, True, sender=net.fan)
    expires = home.view("handles", id_)[1]
    assert home.view("resolve", NAME, 0, at=expires) == (net.owner, 1)
    refused = home.revert("resolve", NAME, 0, sender=net.fan, at=expires + 1)
    assert refused == error("NobodysName", NAME)
    taken = error("NameTaken", NAME, expires + REST)
    assert home.revert("register", NAME, sender=net.fan, at=expires + REST - 1) == taken
    home.send("register", NAME, sender=net.fan, at=expires + REST)
    assert home.view("resolve", NAME, 0) == (net.fan, 0)
    assert home.revert("ownerOf", id_, sender=net.fan) == error("ERC721NonexistentToken", id_)
    for act in (("renew", id_), ("rename", id_, OTHER_NAME)):
        assert home.revert(*act, sender=net.owner) == error("NotTheOwner", id_, net.owner)


def test_its_owner_renews_it(net: Net) -> None:
    """Also in the rest of its name."""
    home = net.home
    id_ = net.register()
    assert home.revert("renew", id_, sender=net.fan) == error("NotTheOwner", id_, net.fan)
    at = home.view("handles", id_)[1] + REST + DAY
    renewed = home.send("renew", id_, sender=net.owner, at=at)
    assert renewed.named("Named") == [(id_, NAME, at + YEAR)]
    assert home.view("resolve", NAME, 0) == (net.owner, 0)
    refused = home.revert("register", NAME, sender=net.fan)
    assert refused == error("NameTaken", NAME, at + YEAR + REST)


def test_who_renames_keeps_the_followers_and_the_old_name_rests(net: Net) -> None:
    home = net.home
    id_ = net.register()
    home.send("follow", id_, True, sender=net.fan)
    home.send("rename", id_, OTHER_NAME, sender=net.owner)
    rests = net.time + REST
    assert home.view("resolve", OTHER_NAME, 0) == (net.owner, 1)
    assert home.view("follows", net.fan, OTHER_NAME, 0)
    assert home.revert("resolve", NAME, 0, sender=net.fan) == error("NobodysName", NAME)
    for who in (net.owner, net.fan):
        assert home.revert("register", NAME, sender=who, at=rests - 1) == error("NameTaken", NAME, rests)
    home.send("register", NAME, sender=net.fan, at=rests)
    assert home.view("resolve", OTHER_NAME, 0) == (net.owner, 1)


def test_nobody_renames_to_what_is_taken_or_what_is_not_theirs(net: Net) -> None:
    """Also not to the name that it has: it would rest."""
    home = net.home
    id_ = net.register()
    net.register(OTHER_NAME, by=net.fan)
    until = home.view("freeFrom", hash_of(OTHER_NAME))
    assert home.revert("rename", id_, OTHER_NAME, sender=net.owner) == error("NameTaken", OTHER_NAME, until)
    assert home.revert("rename", id_, "third", sender=net.fan) == error("NotTheOwner", id_, net.fan)
    at = net.time + 2 * YEAR
    assert home.revert("rename", id_, NAME, sender=net.owner, at=at) == error("NameTaken", NAME, at + REST)


def test_a_handle_is_transferred_with_its_name_and_followers(net: Net) -> None:
    home = net.home
    id_ = net.register()
    home.send("follow", id_, True, sender=net.fan)
    transfer = ("transferFrom", net.owner, net.fan, id_)
    refused = home.revert(*transfer, sender=net.fan)
    assert refused == error("ERC721InsufficientApproval", net.fan, id_)
    home.send(*transfer, sender=net.owner)
    assert home.view("resolve", NAME, 0) == (net.fan, 1)
    assert home.revert("rename", id_, OTHER_NAME, sender=net.owner) == error("NotTheOwner", id_, net.owner)
    home.send("rename", id_, OTHER_NAME, sender=net.fan)


def test_follows_are_counted_once(net: Net) -> None:
    home = net.home
    id_ = net.register()
    assert home.revert("follow", id_ + 1, True, sender=net.fan) == error("ERC721NonexistentToken", id_ + 1)
    assert home.revert("follow", id_, False, sender=net.fan) == error("NothingChanges", id_, net.fan)
    for follows, count in ((True, 1), (False, 0), (True, 1)):
        followed = home.send("follow", id_, follows, sender=net.fan)
        assert followed.named("Followed") == [(id_, net.fan, follows)]
        assert home.revert("follow", id_, follows, sender=net.fan) == error("NothingChanges", id_, net.fan)
        assert home.view("resolve", NAME, 0) == (net.owner, count)
        assert home.view("follows", net.fan, NAME, 0) is follows
    home.send("follow", id_, True, sender=net.owner)
    assert home.view("resolve", NAME, 0)[1] == 2
    assert home.revert("follows", net.fan, OTHER_NAME, 0, sender=net.fan) == error("NobodysName", OTHER_NAME)


# Told by whoever pays


def test_a_mirror_knows_what_it_was_told_and_how_old_it_is(net: Net) -> None:
    mirror = net.mirror
    id_ = net.register()
    net.home.send("follow", id_, True, sender=net.fan)
    unknown = mirror.revert("resolve", NAME, DAY, sender=net.fan)
    assert unknown == error("TooOld", now(mirror.chain), DAY)
    net.publish(NAME, net.fan)
    said = net.time
    heard = net.carry()
    assert heard.named("Heard") == [(hash_of(NAME), net.owner, 1, said)]
    assert mirror.view("resolve", NAME, DAY, at=said + DAY) == (net.owner, 1)
    assert mirror.view("follows", net.fan, NAME, DAY, at=said + DAY)
    for read in (("resolve", NAME, DAY), ("follows", net.fan, NAME, DAY)):
        assert mirror.revert(*read, sender=net.fan, at=said + DAY + 1) == error("TooOld", DAY + 1, DAY)
    # Of others it was told nothing.
    refused = mirror.revert("follows", net.owner, NAME, DAY, sender=net.fan, at=said)
    assert refused == error("TooOld", said, DAY)
    assert net.other.revert("resolve", NAME, DAY, sender=net.fan).data[:4] == unknown.data[:4]


def test_what_expires_on_the_social_chain_expires_on_mirrors(net: Net) -> None:
    net.register()
    net.publish()
    net.carry()
    expires = net.mirror.view("entries", hash_of(NAME))[1]
    assert expires == net.home.view("handles", 1)[1]
    ever = 2**255
    assert net.mirror.view("resolve", NAME, ever, at=expires) == (net.owner, 0)
    gone = net.mirror.revert("resolve", NAME, ever, sender=net.fan, at=expires + 1)
    assert gone == error("NobodysName", NAME)


def test_a_mirror_is_told_that_a_name_is_nobodys(net: Net) -> None:
    net.publish(OTHER_NAME)
    net.carry()
    refused = net.mirror.revert("resolve", OTHER_NAME, DAY, sender=net.fan)
    assert refused == error("NobodysName", OTHER_NAME)


def test_whoever_is_not_allowed_to_pay_tells_nothing(net: Net, attacker: str) -> None:
    """However much others allow, and whatever credit the handles have for answers."""
    chain_id = net.world.id_of(MIRROR)
    fee = net.allow(HOME, net.home.view("quote", chain_id))
    net.endow()
    era, gateway = net.world.stacks[HOME].era, net.gateway(HOME)
    era.send("approve", gateway.address, fee, sender=net.payer)
    gateway.send("depositFor", attacker, fee, sender=net.payer)
    refused = net.home.revert("publish", NAME, ZERO_ADDRESS, chain_id, sender=attacker)
    assert refused == error("InsufficientAllowance", attacker, net.home.address, 0, fee)


def snapshot(net: Net, version: int, **change: Any) -> bytes:
    known = {
        "version": version,
        "taken_at": now(net.mirror.chain),
        "name": hash_of(NAME),
        "id": 1,
        "owner": net.owner,
        "expires": 2**40 - 1,
        "followers": version,
        "follower": net.fan,
        "follows": True,
        **change,
    }
    return encode([SNAPSHOT, "address"], [tuple(known.values()), net.payer])


def say(net: Net, payload: bytes) -> Receipt:
    """As if the social chain's handles had."""
    gateway = net.gateway(MIRROR).address
    impersonate(net.world.stacks[MIRROR], gateway)
    return net.mirror.send(*net.hear(payload), sender=gateway)


@pytest.mark.parametrize("later", [1, 2])
def test_what_is_older_or_told_again_changes_nothing(net: Net, later: int) -> None:
    """M39: retried messages come in any order. Each of both, name and follower, keeps its newest."""
    say(net, snapshot(net, 2))
    again = say(net, snapshot(net, later, owner=net.fan, follows=False, expires=0))
    assert not again.named("Heard")
    assert net.mirror.view("resolve", NAME, DAY) == (net.owner, 2)
    assert net.mirror.view("follows", net.fan, NAME, DAY)
    # A newer one about the name, then an older one about another follower: both are news.
    say(net, snapshot(net, 4, owner=net.fan, follower=ZERO_ADDRESS))
    assert not say(net, snapshot(net, 3, follower=net.owner)).named("Heard")
    assert net.mirror.view("resolve", NAME, DAY) == (net.fan, 4)
    assert net.mirror.view("follows", net.owner, NAME, DAY)


def test_a_clock_that_is_ahead_makes_nothing_old(net: Net) -> None:
    say(net, snapshot(net, 1, taken_at=now(net.mirror.chain) + DAY))
    assert net.mirror.view("resolve", NAME, 0) == (net.owner, 1)


def test_a_mirror_believes_the_social_chains_handles_alone(net: Net, attacker: str) -> None:
    """M10: no other account there, not its own address elsewhere, and only through the gateway."""
    gateway, payload = net.gateway(MIRROR).address, snapshot(net, 9)
    for forged in (
        net.hear(payload, sender=attacker),
        net.hear(payload, origin=OTHER),
        net.hear(payload, origin=MIRROR),
    ):
        refused = net.mirror.revert(*forged, sender=gateway)
        assert refused == error("ERC7786RecipientUnauthorizedGateway", gateway, forged[2])
    true = net.hear(payload)
    for caller in (attacker, net.mirror.address):
        refused = net.mirror.revert(*true, sender=caller)
        assert refused == error("ERC7786RecipientUnauthorizedGateway", caller, true[2])
    assert net.mirror.view(*true, sender=gateway) == MAGIC


# Asked for


def test_who_asks_is_answered_from_the_credit_of_the_handles(net: Net) -> None:
    net.register()
    credit = net.endow()
    question = net.ask(NAME, net.fan)
    answered = net.carry(MIRROR, HOME)
    ((_, destination, version, name),) = answered.named("Told")
    assert (destination, version, name) == (net.world.id_of(MIRROR), 1, hash_of(NAME))
    assert [id_ for id_, *_ in answered.named("MessageDelivered")] == [question.id]
    price = net.home.view("quote", net.world.id_of(MIRROR))
    assert net.credit(HOME, net.home.address) == credit - price
    net.carry()
    assert net.mirror.view("resolve", NAME, DAY) == (net.owner, 0)
    assert net.mirror.view("follows", net.fan, NAME, DAY) is False


def test_without_credit_a_question_waits(net: Net) -> None:
    net.register()
    question = net.ask()
    assert net.carry(MIRROR, HOME).named("MessageFailed")
    net.endow()
    assert net.world.courier.retry(question, HOME).named("Told")
    net.carry()
    assert net.mirror.view("resolve", NAME, DAY) == (net.owner, 0)


def test_nobody_else_asks_in_a_mirrors_name(net: Net, attacker: str) -> None:
    """M10: nobody spends the credit of the handles without having paid for a question."""
    gateway = net.gateway(HOME).address
    payload = encode(["bytes32", "address", "address"], [hash_of(NAME), net.fan, net.payer])
    account = interoperable(net.world.id_of(MIRROR), attacker)
    refused = net.home.revert("receiveMessage", b"\7" * 32, account, payload, sender=gateway)
    assert refused == error("ERC7786RecipientUnauthorizedGateway", gateway, account)


# What comes back


def unspent_of(receipt: Receipt) -> int:
    ((_, _, _, unspent, *_),) = receipt.named("MessageReturned")
    assert unspent > 0
    return int(unspent)


@pytest.mark.parametrize("asked", [True, False])
def test_who_paid_for_what_came_back_gets_what_is_left(net: Net, asked: bool) -> None:
    name = MIRROR if asked else HOME
    message = net.ask() if asked else net.publish()
    era = net.world.stacks[name].era
    before = era.view("balanceOf", net.payer)
    receipt = net.world.courier.bring_back(message)
    assert not receipt.named("CallbackFailed")
    assert era.view("balanceOf", net.payer) == before + unspent_of(receipt)
    assert net.credit(name, net.home.address) == 0
    assert net.mirror.revert("resolve", NAME, DAY, sender=net.fan).data[:4] == error("TooOld", 0, 0).data[:4]


def test_what_is_left_of_an_answer_goes_to_the_next_one(net: Net) -> None:
    net.endow()
    net.ask()
    ((id_, *_),) = net.carry(MIRROR, HOME).named("Told")
    before = net.credit(HOME, net.home.address)
    receipt = net.world.courier.bring_back(net.world.courier.open[id_])
    assert not receipt.named("CallbackFailed")
    assert net.credit(HOME, net.home.address) == before + unspent_of(receipt)


def test_only_the_gateway_returns_a_message(net: Net, attacker: str) -> None:
    """M10"""
    for contract, payload in (
        (net.home, snapshot(net, 1)),
        (net.mirror, encode(["bytes32", "address", "address"], [hash_of(NAME), net.fan, attacker])),
    ):
        message = (contract.address, contract.address, 1, 1, 0, payload)
        returned = ("onMessageReturned", b"\7" * 32, 1, message, 1)
        for caller in (attacker, contract.address):
            assert contract.revert(*returned, sender=caller) == error("NotGateway", caller)


# Gas


def spare(contract: Contract, sender: str, limit: int, arguments: Sequence[Any]) -> bytes | Revert:
    """What a call says that gets a fifth less than its limit."""
    data = contract.encode(*arguments)
    intrinsic = 21_000 + sum(16 if byte else 4 for byte in data)
    return call(contract.chain, contract.address, data, sender=sender, gas=limit * 4 // 5 + intrinsic)


def test_messages_need_less_gas_than_they_have(net: Net) -> None:
    """M12: the first answer of all, the first question of all, and returns to an account without ERA."""
    net.endow()
    gateways = {name: net.gateway(name).address for name in (HOME, MIRROR)}
    limit, back = (net.home.view(name) for name in ("GAS_LIMIT", "RETURN_GAS_LIMIT"))
    told = spare(net.mirror, gateways[MIRROR], limit, net.hear(snapshot(net, 1)))
    assert told == MAGIC.ljust(32, b"\0")
    question = encode(["bytes32", "address", "address"], [hash_of(NAME), net.fan, net.payer])
    asked = (
        "receiveMessage",
        b"\7" * 32,
        interoperable(net.world.id_of(MIRROR), net.home.address),
        question,
    )
    answered = spare(net.home, gateways[HOME], net.mirror.view("GAS_LIMIT"), asked)
    assert isinstance(answered, bytes)
    for contract, payload in ((net.home, snapshot(net, 1)), (net.mirror, question)):
        name = HOME if contract is net.home else MIRROR
        era, gateway = net.world.stacks[name].era, net.gateway(name)
        era.send("approve", gateway.address, 10, sender=net.payer)
        gateway.send("depositFor", contract.address, 10, sender=net.payer)
        message = (contract.address, contract.address, 1, 1, 0, payload)
        returned = ("onMessageReturned", b"\7" * 32, 1, message, 5)
        assert isinstance(spare(contract, gateways[name], back, returned), bytes)


def test_needs_a_gateway(net: Net) -> None:
    for code in (init_code("Handles", ZERO_ADDRESS), init_code("HandlesMirror", ZERO_ADDRESS, 1)):
        refused = call(net.home.chain, None, code, sender=net.owner)
        assert refused == error("InvalidGateway", ZERO_ADDRESS)
