"""Any token over real chains, with validators and relayers: what people do with the bridge, once from end to end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.names import BRIDGED_TOKEN, ETHER_DOOR, WRAPPED_ETHER
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent, parse
from metalayer.protocol import bridge
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import TIP_PARTS, WAITING_TIME, Options, Payload, representation
from metalayer.relayer.results import PassResult
from metalayer.tracking.messages import retry
from tests.kit.deployment import ERA, Deployment
from tests.kit.ether import balance, pay
from tests.kit.evm import Contract, deploy
from tests.kit.paper import DAY
from tests.kit.passes import logged, relay
from tests.kit.roles import BENEFICIARY, GUARDIAN, PAYER, RELAYER, RIVAL, SENDER

HOLDER, THERE, SOLVER = SENDER.address, BENEFICIARY.address, RIVAL.address
SUPPLY = 1_000 * 10**18
AMOUNT = 5 * 10**18
MOST = 2**256 - 1
PERCENT = TIP_PARTS // 100


@dataclass(frozen=True)
class Trade:
    """A holder with ERA for fees on every chain, who sends tokens that are at home anywhere."""

    mesh: Deployment
    exchange: DirectoryExchange
    folder: Path

    def issue(self, home: str) -> Contract:
        """A token of which the holder has all, and lets the bridge take it."""
        token = deploy(self.mesh.chains[home], "PlainToken", HOLDER, SUPPLY, sender=HOLDER)
        token.send("approve", self.mesh.bridge, MOST, sender=HOLDER)
        return token

    def stand_in(self, token: Contract, name: str) -> Contract:
        """What stands for it on another chain, or will."""
        deployed = self.mesh.registry.address(BRIDGED_TOKEN)
        home = self.mesh.id_of(token.chain.name)
        address = representation(self.mesh.bridge, deployed, home, token.address)
        return Contract(self.mesh.chains[name], "BridgedToken", address)

    def send(
        self, token: Contract, destination: str, amount: int = AMOUNT, to: str = THERE, **options: Any
    ) -> Sent:
        """The first hop of a transfer from the token's chain, paid from the holder's ERA; with what the hub's costs."""
        chosen = {"from_balance": True, "fee": self._passage(token, destination, **options), **options}
        arguments = (token.address, self.mesh.id_of(destination), to, amount, Options(**chosen).fields)
        receipt = self._bridge(token).send("send", *arguments, sender=HOLDER)
        sent = parse(receipt.logs, self.mesh.network_id, token.chain.chain_id)[-1]
        ((id_, *_),) = receipt.named("TransferSent")
        assert sent.id == id_
        return sent

    def _passage(
        self, token: Contract, destination: str, data: bytes = b"", extra_gas: int = 0, **_: Any
    ) -> int:
        """In gwei."""
        arguments = (self.mesh.id_of(destination), len(data), extra_gas)
        _, home = self._bridge(token).view("quoteSend", token.address, *arguments)
        if home != self.mesh.network_id:
            return 0
        _, at_home = self._bridge(token).view("homeOf", token.address)
        cost: int = self.mesh.on["hub"].bridge.view("quoteForward", at_home, *arguments)
        return cost // GWEI

    def _bridge(self, token: Contract) -> Contract:
        return self.mesh.on[token.chain.name].bridge

    def relay(self, passes: int) -> list[PassResult]:
        return relay(self.mesh, self.exchange, self.folder, passes)

    def retry(self, sent: Sent) -> None:
        """MetalayerError if it still fails."""
        retry(self.mesh.by_id[sent.message.destination], RELAYER, self.mesh.gateway, sent.message)

    def outstanding(self, token: Contract, *names: str) -> list[int]:
        at_home = self._bridge(token)
        return [at_home.view("outstanding", token.address, self.mesh.id_of(name)) for name in names]

    def owns(self, chain: str, data: bytes) -> None:
        """The owner of a chain's bridge does that."""
        self.mesh.as_owner(chain, self.mesh.bridge, data)


@pytest.fixture
def trade(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> Trade:
    mesh.bring(HOLDER, 50 * ERA)
    mesh.on["hub"].era.send("approve", mesh.bridge, MOST, sender=HOLDER)
    return Trade(mesh, exchange, tmp_path)


def held(token: Contract, account: str = THERE) -> int:
    return int(token.view("balanceOf", account))


# Out, on, home


@pytest.mark.parametrize(
    ("home", "first", "second"), [("hub", "arcade", "perps"), ("arcade", "hub", "perps")]
)
def test_a_token_goes_out_on_to_a_third_chain_and_home(
    trade: Trade, home: str, first: str, second: str
) -> None:
    """P4, P21: nobody but its holder did anything for it; everywhere it is called what it is called at home."""
    token = trade.issue(home)
    trade.send(token, first, to=HOLDER)
    trade.relay(1)
    out = trade.stand_in(token, first)
    named = [token.view(view) for view in ("name", "symbol", "decimals")]
    assert [out.view(view) for view in ("name", "symbol", "decimals")] == named
    assert held(out, HOLDER) == AMOUNT

    sent = trade.send(out, second, to=HOLDER)
    if home != "hub":
        # Nobody could prepay it there: anybody pays it at home.
        cost = trade.mesh.on[home].bridge.view("quoteForward", token.address, trade.mesh.id_of(second), 0, 0)
        trade.mesh.bring(PAYER.address, ERA, [home])
        trade.mesh.on[home].bridge.send("pay", sent.id, cost // GWEI, sender=PAYER.address)
    trade.relay(2)
    on = trade.stand_in(token, second)
    assert on.address == out.address
    assert [on.view(view) for view in ("name", "symbol", "decimals")] == named
    assert (held(out, HOLDER), held(on, HOLDER), trade.outstanding(token, first, second)) == (
        0,
        AMOUNT,
        [0, AMOUNT],
    )

    trade.send(on, home)
    trade.relay(1)
    assert held(token) == AMOUNT
    assert (on.view("totalSupply"), held(token, trade.mesh.bridge)) == (0, 0)
    assert trade.outstanding(token, first, second) == [0, 0]


def test_what_nobody_paid_for_waits_until_somebody_does(trade: Trade) -> None:
    """Of a token at home elsewhere than on the hub."""
    token = trade.issue("arcade")
    trade.send(token, "hub", to=HOLDER)
    trade.relay(1)
    sent = trade.send(trade.stand_in(token, "hub"), "perps")
    (result,) = trade.relay(1)
    assert (result.delivered, result.failed) == (0, 1)
    on = trade.stand_in(token, "perps")
    arcade = trade.mesh.on["arcade"].bridge
    cost = arcade.view("quoteForward", token.address, trade.mesh.id_of("perps"), 0, 0)
    trade.mesh.bring(PAYER.address, ERA, ["arcade"])
    with pytest.raises(MetalayerError, match=f"PassageUnpaid.*cost={cost}"):
        trade.retry(sent)
    arcade.send("pay", sent.id, cost // GWEI, sender=PAYER.address)
    trade.retry(sent)
    trade.relay(1)
    assert held(on) == AMOUNT


def test_ether_goes_out_through_the_door_and_comes_back_as_ether(trade: Trade) -> None:
    mesh = trade.mesh
    hub = mesh.on["hub"]
    door = hub.contracts[ETHER_DOOR]
    hub.era.send("approve", door.address, MOST, sender=HOLDER)
    to = (mesh.id_of("arcade"), HOLDER, Options().fields)
    pay(door, AMOUNT, HOLDER, "send", *to)
    trade.relay(1)
    ether = trade.stand_in(hub.contracts[WRAPPED_ETHER], "arcade")
    assert held(ether, HOLDER) == AMOUNT
    before = balance(hub.chain, THERE)
    data = encode(["address"], [THERE])
    trade.send(ether, "hub", to=door.address, data=data, extra_gas=door.view("EXTRA_GAS"))
    trade.relay(1)
    assert balance(hub.chain, THERE) - before == AMOUNT
    assert held(hub.contracts[WRAPPED_ETHER], mesh.bridge) == 0


# What the recipient does


def test_what_arrives_goes_into_a_vault_in_the_same_transaction(trade: Trade) -> None:
    """P22: and what the vault refuses comes back whole."""
    token, mesh = trade.issue("hub"), trade.mesh
    trade.send(token, "arcade", to=HOLDER)
    trade.relay(1)
    local = trade.stand_in(token, "arcade")
    vault = deploy(local.chain, "PlainVault", local.address, sender=SOLVER)
    depositor = deploy(local.chain, "VaultDepositor", mesh.bridge, vault.address, sender=SOLVER)
    call: dict[str, Any] = {"to": depositor.address, "extra_gas": 200_000}
    trade.send(token, "arcade", data=encode(["address", "uint256"], [THERE, AMOUNT]), **call)
    trade.send(token, "arcade", data=encode(["address", "uint256"], [THERE, AMOUNT + 1]), **call)
    (result,) = trade.relay(1)
    assert (result.delivered, result.failed) == (1, 1)
    assert (held(vault), held(local, vault.address)) == (AMOUNT, AMOUNT)
    mesh.wait_out(14 * DAY + 60)
    trade.relay(2)
    assert held(token, HOLDER) == SUPPLY - 2 * AMOUNT
    assert held(local, depositor.address) == 0


# What holds it up


def test_what_exceeds_a_limit_waits_for_a_day(trade: Trade) -> None:
    """P16: at once only what is free; then it passes."""
    token = trade.issue("hub")
    trade.send(token, "arcade", 3 * AMOUNT, to=HOLDER)
    trade.relay(1)
    local, arcade = trade.stand_in(token, "arcade"), trade.mesh.id_of("arcade")
    limits = (token.address, arcade, MOST >> 152, AMOUNT, 7 * DAY)
    trade.owns("hub", bridge.SET_LIMITS.encode(*limits))
    trade.send(local, "hub", AMOUNT)
    sent = trade.send(local, "hub", AMOUNT + 1)
    (result,) = trade.relay(1)
    assert (result.delivered, result.failed) == (1, 1)
    ((_, *waits, since),) = logged("TransferWaiting", result, trade.mesh.chains)
    assert waits == [token.address, arcade, AMOUNT + 1]
    hub = trade.mesh.connections["hub"]
    hub.rpc("evm_setNextBlockTimestamp", hex(since + WAITING_TIME - 1))
    with pytest.raises(MetalayerError, match="exceeds a limit and waits"):
        trade.retry(sent)
    assert held(token) == AMOUNT
    hub.rpc("evm_setNextBlockTimestamp", hex(since + WAITING_TIME))
    trade.retry(sent)
    assert held(token) == 2 * AMOUNT + 1


def test_a_hold_stops_what_comes_from_a_chain_and_nothing_else(trade: Trade) -> None:
    """P18: for as long as the council says."""
    token, mesh = trade.issue("hub"), trade.mesh
    trade.send(token, "arcade", 2 * AMOUNT, to=HOLDER)
    trade.relay(1)
    local, hub = trade.stand_in(token, "arcade"), mesh.on["hub"]
    hub.guardian.send("hold", mesh.id_of("arcade"), DAY, sender=GUARDIAN.address)
    sent = trade.send(local, "hub")
    trade.send(token, "arcade")
    (result,) = trade.relay(1)
    assert (result.delivered, result.failed) == (1, 1)
    assert (held(token), held(local)) == (0, AMOUNT)
    with pytest.raises(MetalayerError, match="ChainHeld"):
        trade.retry(sent)
    mesh.pass_time(DAY)
    trade.retry(sent)
    assert held(token) == AMOUNT


def test_what_was_struck_comes_back_if_it_was_really_sent(trade: Trade) -> None:
    """P17: it never arrives, however often anybody tries, and its sender loses nothing."""
    token, mesh = trade.issue("hub"), trade.mesh
    trade.send(token, "arcade", 2 * AMOUNT, to=HOLDER)
    trade.relay(1)
    local, hub = trade.stand_in(token, "arcade"), mesh.on["hub"]
    hub.guardian.send("hold", mesh.id_of("arcade"), DAY, sender=GUARDIAN.address)
    sent = trade.send(local, "hub")
    trade.relay(1)
    trade.owns("hub", bridge.STRIKE.encode(mesh.id_of("arcade"), sent.id))
    mesh.pass_time(DAY)
    with pytest.raises(MetalayerError, match="MessageStruck"):
        trade.retry(sent)
    assert (held(token), held(local, HOLDER)) == (0, AMOUNT)
    mesh.wait_out(14 * DAY)
    trade.relay(2)
    assert (held(token), held(local, HOLDER)) == (0, 2 * AMOUNT)
    assert trade.outstanding(token, "arcade") == [2 * AMOUNT]


# Who is faster


def test_who_fronted_gets_what_arrives_and_what_comes_back(trade: Trade) -> None:
    """P14, P15: the recipient is paid once, whatever becomes of the transfers."""
    token, mesh = trade.issue("hub"), trade.mesh
    trade.send(token, "arcade", 2 * AMOUNT, to=SOLVER)
    trade.relay(1)
    local, arcade = trade.stand_in(token, "arcade"), mesh.on["arcade"]
    local.send("approve", mesh.bridge, MOST, sender=SOLVER)
    fronts = []
    for _ in range(2):
        sent = trade.send(token, "arcade", tip=PERCENT)
        ends = (sent.id, mesh.network_id, mesh.network_id)
        fronts.append(Payload.read(sent.message.payload).front(*ends).fields)
        arcade.bridge.send("front", fronts[-1], SOLVER, sender=SOLVER)
        if len(fronts) == 1:
            trade.relay(1)
            # What comes from the hub from now on does not arrive in time.
            arcade.guardian.send("hold", mesh.network_id, 21 * DAY, sender=GUARDIAN.address)
    paid = AMOUNT - AMOUNT // 100
    assert (held(local), held(local, SOLVER)) == (2 * paid, 3 * AMOUNT - 2 * paid)
    mesh.bring(SOLVER, ERA, ["arcade"])
    arcade.bridge.send("claim", fronts[1], True, sender=SOLVER)
    trade.relay(1)
    mesh.wait_out(14 * DAY + 60)
    trade.relay(2)
    assert (held(token, SOLVER), held(token, HOLDER)) == (AMOUNT, SUPPLY - 4 * AMOUNT)
    assert (held(local), held(local, SOLVER)) == (2 * paid, 3 * AMOUNT - 2 * paid)
