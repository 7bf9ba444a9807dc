"""Any token across chains through Ape: the paths of the machine of tokens in one long story, readable."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from ape import accounts, project

from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import Tree
from metalayer.protocol.message import Message
from metalayer.protocol.transfers import Kind, Options, Payload
from tests.kit.chains import BoundChain
from tests.kit.evm import Receipt, Revert, call, now
from tests.kit.paper import DAY, PaperLane
from tests.kit.roles import GUARDIAN, OWNER, RELAYER
from tests.kit.stack import CHAINS
from tests.stateful.exchange import HUB, ISSUED, MOODY, PLAIN, SECOND, SOLVER, TRADERS, WHOLE, Exchange
from tests.stateful.traders import Scene

SENDER, RECIPIENT, PAYER = TRADERS
AMOUNT, TIP = 7 * WHOLE, 10**8
HOUR = 3_600
LATE = 3 * HOUR
"""After the deadline of most transfers here."""


@dataclass
class Road:
    """Contracts as Ape has them, and the lanes of the first gateways on paper."""

    exchange: Exchange
    lanes: dict[tuple[str, str], PaperLane]
    delivered: dict[tuple[str, str], int]

    def chain(self, name: str) -> BoundChain:
        return self.exchange.places[name].chain

    def id_of(self, name: str) -> int:
        return self.chain(name).chain_id

    def bridge(self, name: str) -> Any:
        return self.at(name, project.TokenBridge, self.exchange.places[name].bridge.address)

    def gateway(self, name: str, number: int = 0) -> Any:
        return self.at(name, project.Metalayer, self.exchange.places[name].gateways[number].address)

    def at(self, name: str, container: Any, address: str) -> Any:
        with self.chain(name).use():
            return container.at(address, fetch_from_explorer=False)

    def do(
        self, name: str, method: Any, *arguments: Any, by: str, second: int | None = None
    ) -> list[Message]:
        """A transaction, and the messages that it sends. `second`: from now on."""
        chain = self.chain(name)
        if second is not None:
            chain.rpc("evm_setNextBlockTimestamp", [hex(now(chain) + second)])
        with chain.use():
            sender = accounts.test_accounts.impersonate_account(by)
            receipt = method(*arguments, sender=sender, gas=12_000_000)
        return self.note(name, Receipt(chain.rpc("eth_getTransactionReceipt", [receipt.txn_hash])))

    def ask(self, name: str, method: Any, *arguments: Any) -> Any:
        with self.chain(name).use():
            return method(*arguments)

    def held(self, name: str, token: str, who: str) -> int:
        return int(self.ask(name, self.at(name, project.BridgedToken, token).balanceOf, who))

    def note(self, origin: str, receipt: Receipt) -> list[Message]:
        noted = []
        sent, extended = receipt.named("MessageSent"), receipt.named("LaneExtended")
        for (id_, from_, to, payload, *_), (chain_id, _, gas, before, fee, _) in zip(
            sent, extended, strict=True
        ):
            destination = next(name for name in CHAINS if self.id_of(name) == chain_id)
            message = self.lanes[origin, destination].append(
                "0x" + from_[-20:].hex(),
                "0x" + to[-20:].hex(),
                gas_limit=gas,
                deliver_before=before,
                fee=fee,
                payload=payload,
            )
            assert message.id == id_
            noted.append(message)
        return noted

    def carry(self, origin: str, destination: str, second: int | None = None) -> list[Message]:
        """What waits in a lane. The messages that its recipients send on."""
        lane = self.lanes[origin, destination]
        tree = Tree([lane.fact()])
        place = self.exchange.places[destination]
        signed = self.exchange.validators.sign(place.hub_id, place.gateways[0].address, tree.root).fields
        batch = lane.batch(tree, first=self.delivered[origin, destination] + 1)
        self.delivered[origin, destination] = lane.nonce
        deliver = self.gateway(destination).deliver
        # ERA does not arrive before it was sent, by the clock there.
        ahead = now(self.chain(origin)) - now(self.chain(destination))
        second = max(second or 1, ahead + 1)
        return self.do(destination, deliver, signed, [batch], by=RELAYER.address, second=second)

    def retry(self, one: Message, second: int | None = None) -> list[Message]:
        chain = self.name(one.destination)
        arguments = (one.origin, one.nonce, one.fields)
        return self.do(chain, self.gateway(chain).retry, *arguments, by=RELAYER.address, second=second)

    def bring_home(self, one: Message) -> list[Message]:
        """What failed or expired, once its time is over. What its sender sends on."""
        origin, chain = self.name(one.origin), self.name(one.destination)
        arguments = (one.origin, one.nonce, one.fields)
        self.do(chain, self.gateway(chain).returnToSender, *arguments, by=RELAYER.address, second=LATE)
        self.carry(chain, origin)
        lane = self.lanes[origin, chain]
        ids = [later.id for later in lane.messages[one.nonce :]]
        walk = (one.destination, one.nonce, lane.heads[one.nonce - 1], ids)
        return self.do(origin, self.gateway(origin).refund, one.fields, walk, by=RELAYER.address)

    def name(self, chain_id: int) -> str:
        return next(name for name in CHAINS if self.id_of(name) == chain_id)

    def refusal(self, name: str, method: Any, *arguments: Any, by: str) -> str:
        """Name of the error with which a call is refused."""
        data = bytes(method.encode_input(*arguments))
        found = call(self.chain(name), method.contract.address, data, sender=by)
        assert isinstance(found, Revert)
        return repr(found).split("(")[0]


@pytest.fixture
def road(market: tuple[Exchange, Scene]) -> Road:
    exchange, scene = market
    lanes = {
        (origin, to): copy.deepcopy(lane) for (number, origin, to), lane in scene.lanes.items() if number == 0
    }
    return Road(exchange, lanes, {lane: paper.nonce for lane, paper in lanes.items()})


def test_every_path(road: Road) -> None:
    """P4', P14-P18, P21-P23: each kind of step once, from a token's first transfer to the second gateway."""
    token, standing = first_transfer(road)
    front_and_claim(road, standing)
    wait_hold_and_strike(road, token, standing)
    two_hops(road, token)
    call_and_gift(road, token, standing)
    be_blocked(road)
    adopt_and_change_gateways(road)
    # Whatever happened: all that is locked is owed, and all that is owed is there.
    hub, ids = road.bridge(HUB), {name: road.id_of(name) for name in CHAINS}
    owed = {name: road.ask(HUB, hub.outstanding, token, ids[name]) for name in ("arcade", "perps")}
    assert road.held(HUB, token, hub.address) == sum(owed.values())
    elsewhere = {name: road.at(name, project.BridgedToken, standing) for name in owed}
    assert {name: road.ask(name, one.totalSupply) for name, one in elsewhere.items()} == {
        "arcade": owed["arcade"] - AMOUNT,
        "perps": owed["perps"],
    }


def first_transfer(road: Road) -> tuple[str, str]:
    """It is preceded by a description, which anybody may send again."""
    hub, arcade = road.bridge(HUB), road.id_of("arcade")
    with road.chain(HUB).use():
        made = project.PlainToken.deploy(
            SENDER, 100 * AMOUNT, sender=accounts.test_accounts.impersonate_account(SENDER)
        )
    token = str(made.address)
    road.do(HUB, made.approve, hub.address, 100 * AMOUNT, by=SENDER)
    fee, home = road.ask(HUB, hub.quoteSend, token, arcade, 0, 0)
    credit = road.ask(HUB, road.gateway(HUB).credit, SENDER)
    described, sent = road.do(HUB, hub.send, token, arcade, RECIPIENT, AMOUNT, by=SENDER)
    assert (home, credit - road.ask(HUB, road.gateway(HUB).credit, SENDER)) == (0, fee)
    assert [message.payload[33] for message in (described, sent)] == [Kind.DESCRIBE, Kind.OUT]
    standing = road.ask("arcade", road.bridge("arcade").representationOf, road.id_of(HUB), token)
    road.carry(HUB, "arcade")
    assert road.held("arcade", standing, RECIPIENT) == AMOUNT
    assert road.ask("arcade", road.at("arcade", project.BridgedToken, standing).symbol) == "PLN"
    road.do(HUB, hub.describe, token, arcade, False, by=PAYER)
    road.carry(HUB, "arcade")
    assert road.ask("arcade", road.bridge("arcade").localOf, road.id_of(HUB), token) == standing
    return token, standing


def front_and_claim(road: Road, standing: str) -> None:
    """One transfer arrives and pays its solver there; one returns, and pays the solver that claimed it here."""
    arcade, era = road.bridge("arcade"), road.exchange.places[HUB].era.address
    before = road.held("arcade", era, SOLVER), road.held(HUB, era, SOLVER)
    (arriving,) = send(road, HUB, era, "arcade", tip=TIP)
    road.do("arcade", arcade.front, terms(road, arriving), SOLVER, by=PAYER)
    road.carry(HUB, "arcade")
    assert road.held("arcade", era, SOLVER) == before[0] + AMOUNT
    assert road.refusal("arcade", arcade.front, terms(road, arriving), SOLVER, by=PAYER) == "AlreadyFronted"
    (returning,) = send(road, HUB, era, "arcade", tip=TIP)
    road.do("arcade", arcade.front, terms(road, returning), SOLVER, by=PAYER)
    road.do("arcade", arcade.claim, terms(road, returning), False, by=PAYER)
    road.carry("arcade", HUB)
    road.carry(HUB, "arcade", second=LATE)
    road.bring_home(returning)
    assert road.held(HUB, era, SOLVER) == before[1] + AMOUNT


def wait_hold_and_strike(road: Road, token: str, standing: str) -> None:
    """What exceeds a limit waits for a day; what is held is refused; what is struck goes home."""
    hub, arcade = road.bridge(HUB), road.id_of("arcade")
    road.do(HUB, hub.setLimits, token, arcade, 10 * AMOUNT, AMOUNT // 2, DAY, by=OWNER.address)
    (waiting,) = send(road, "arcade", standing, HUB, by=RECIPIENT, deadline=2 * DAY)
    before = road.held(HUB, token, RECIPIENT)
    road.carry("arcade", HUB)
    since = road.ask(HUB, hub.waitingSince, waiting.id)
    assert (since, road.held(HUB, token, RECIPIENT)) == (now(road.chain(HUB)), before)
    road.retry(waiting, second=DAY)
    assert road.held(HUB, token, RECIPIENT) == before + AMOUNT
    road.do(HUB, hub.removeLimits, token, arcade, by=OWNER.address)
    send(road, HUB, token, "arcade")
    send(road, HUB, token, "arcade")
    road.carry(HUB, "arcade")
    road.do(HUB, hub.hold, arcade, DAY, by=GUARDIAN.address)
    (held,) = send(road, "arcade", standing, HUB, by=RECIPIENT)
    (struck,) = send(road, "arcade", standing, HUB, by=RECIPIENT)
    road.carry("arcade", HUB)
    road.do(HUB, hub.unhold, arcade, by=GUARDIAN.address)
    road.do(HUB, hub.strike, arcade, struck.id, by=OWNER.address)
    arguments = (struck.origin, struck.nonce, struck.fields)
    road.retry(held)
    assert road.refusal(HUB, road.gateway(HUB).retry, *arguments, by=RELAYER.address) == "RetryFailed"
    assert road.held(HUB, token, RECIPIENT) == before + 2 * AMOUNT
    road.bring_home(struck)
    assert road.held("arcade", standing, RECIPIENT) == AMOUNT


def two_hops(road: Road, token: str) -> None:
    """Prepaid over the hub; paid at the home where that is a spoke."""
    hub, arcade, perps = road.bridge(HUB), road.id_of("arcade"), road.id_of("perps")
    standing = road.ask("arcade", road.bridge("arcade").localOf, road.id_of(HUB), token)
    cost = road.ask(HUB, hub.quoteForward, token, perps, 0, 0)
    (first,) = send(road, "arcade", standing, "perps", by=RECIPIENT, fee=-(-cost // GWEI))
    described, second = road.carry("arcade", HUB)
    assert (described.payload[33], Payload.read(second.payload).id) == (Kind.DESCRIBE, first.id)
    road.carry(HUB, "perps")
    assert road.held("perps", standing, RECIPIENT) == AMOUNT
    plain = road.exchange.places["arcade"].tokens[PLAIN]
    here = road.ask(HUB, hub.localOf, arcade, plain)
    (unpaid,) = send(road, HUB, here, "perps")
    assert road.carry(HUB, "arcade") == []
    home = road.bridge("arcade")
    cost = road.ask("arcade", home.quoteForward, plain, perps, 0, 0)
    road.do("arcade", home.pay, unpaid.id, -(-cost // GWEI), by=PAYER)
    before = road.held("perps", here, RECIPIENT)
    road.retry(unpaid)
    road.carry("arcade", "perps")
    assert road.held("perps", here, RECIPIENT) == before + AMOUNT


def call_and_gift(road: Road, token: str, standing: str) -> None:
    """A recipient that is called; a gift that raises an account."""
    hub, receiver, arcade = road.bridge(HUB), road.exchange.places[HUB].receiver, road.id_of("arcade")
    send(road, HUB, token, "arcade")
    road.carry(HUB, "arcade")
    (called,) = send(road, "arcade", standing, HUB, by=RECIPIENT, to=receiver.address, data=b"hello")
    road.carry("arcade", HUB)
    assert (receiver.view("count"), road.held(HUB, token, receiver.address)) == (1, AMOUNT)
    assert Payload.read(called.payload).sender == RECIPIENT
    account = road.ask(HUB, hub.outstanding, token, arcade)
    road.do(HUB, hub.cover, token, arcade, AMOUNT, by=SENDER)
    assert road.ask(HUB, hub.outstanding, token, arcade) == account + AMOUNT


def be_blocked(road: Road) -> None:
    """The token does not let its sender have it back: the refund stands, and the bridge takes it back later."""
    moody = road.at(HUB, project.MoodyToken, road.exchange.places[HUB].tokens[MOODY])
    (sent,) = send(road, HUB, moody.address, "arcade")
    road.carry(HUB, "arcade", second=LATE)
    road.do(HUB, moody.setBlocked, SENDER, True, by=RELAYER.address)
    before = road.held(HUB, moody.address, SENDER)
    road.bring_home(sent)
    assert road.held(HUB, moody.address, SENDER) == before
    road.do(HUB, moody.setBlocked, SENDER, False, by=RELAYER.address)
    arguments = (sent.fields, sent.destination, sent.nonce)
    road.do(HUB, road.gateway(HUB).callBack, *arguments, by=RELAYER.address)
    assert road.held(HUB, moody.address, SENDER) == before + AMOUNT


def adopt_and_change_gateways(road: Road) -> None:
    """An issuer's token stands for one that never came; another gateway is chosen once it is accepted."""
    arcade, perps, tokens = road.bridge("arcade"), road.id_of("perps"), road.exchange.places["perps"].tokens
    adopt = (perps, tokens[PLAIN], tokens[ISSUED])
    assert (
        road.refusal("arcade", arcade.adopt, perps, tokens[ISSUED], tokens[PLAIN], by=OWNER.address)
        == "NotAdoptable"
    )
    road.do("arcade", arcade.adopt, *adopt, by=OWNER.address)
    send(road, "perps", tokens[PLAIN], "arcade", deadline=2 * DAY)
    before = road.held("arcade", tokens[ISSUED], RECIPIENT)
    road.carry("perps", "arcade")
    assert road.held("arcade", tokens[ISSUED], RECIPIENT) == before + AMOUNT
    second = road.gateway("arcade", SECOND).address
    choose = (perps, second)
    road.do("arcade", arcade.acceptGateway, second, by=OWNER.address)
    assert road.refusal("arcade", arcade.chooseGateway, *choose, by=OWNER.address) == "GatewayNotAccepted"
    road.do("arcade", arcade.chooseGateway, *choose, by=OWNER.address, second=21 * DAY)
    assert road.ask("arcade", arcade.gatewayOf, perps) == second
    road.do("arcade", arcade.refuseGateway, second, by=OWNER.address)
    assert road.ask("arcade", arcade.acceptedFrom, second) == 0


def send(
    road: Road,
    chain: str,
    token: str,
    destination: str,
    by: str = SENDER,
    to: str = RECIPIENT,
    deadline: int = 2 * HOUR,
    **more: Any,
) -> list[Message]:
    """Any transfer of AMOUNT."""
    before = now(road.chain(chain)) + deadline
    options = Options(deadline=before, extra_gas=150_000 if "data" in more else 0, **more)
    arguments = (token, road.id_of(destination), to, AMOUNT, options.fields)
    return road.do(chain, road.bridge(chain).send, *arguments, by=by)


def terms(road: Road, sent: Message) -> tuple[Any, ...]:
    """Of a transfer from its token's home."""
    return Payload.read(sent.payload).front(sent.id, sent.origin, sent.origin).fields
