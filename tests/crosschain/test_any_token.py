"""Any token over real chains, with validators and relayers: what people do with the bridge, once from end to end."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from metalayer.deploy.names import ETHER_DOOR, WRAPPED_ETHER
from metalayer.errors import MetalayerError
from metalayer.protocol import bridge
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.transfers import TIP_PARTS, WAITING_TIME, Options, Payload
from tests.kit.deployment import ERA
from tests.kit.ether import balance, pay
from tests.kit.evm import deploy
from tests.kit.paper import DAY
from tests.kit.passes import logged
from tests.kit.roles import GUARDIAN, PAYER, RIVAL
from tests.kit.trade import AMOUNT, HOLDER, MOST, SUPPLY, THERE, Trade, held

SOLVER = RIVAL.address
PERCENT = TIP_PARTS // 100


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
