"""What programs say about stake is what the contracts do: weights, losses, rewards, and in how few questions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalayer.assets.tokens import APPROVE, BALANCE_OF
from metalayer.network.config import load_network
from metalayer.network.live import Live
from metalayer.network.transactions import Sender, Transaction
from metalayer.protocol import bond, slasher, staking
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import ValidatorSet
from metalayer.staking import accounts, delegators, reading
from metalayer.staking.desk import Desk
from tests.kit.accusing import equivocate, lie_about_sets
from tests.kit.deployment import ERA, Deployment
from tests.kit.node import behind
from tests.kit.roles import ATTACKER, DEPOSITOR, PAYER, RELAYER, TREASURY, VALIDATORS

DAY = 86_400
_BUILD = Function("build(bytes32[],uint64,uint64)", "bytes32[],bytes32")
_stakes = st.lists(st.one_of(st.integers(1, 10**6), st.integers(10**22, 10**27)), min_size=4, max_size=32)


@pytest.fixture
def live(deployment: Deployment) -> Live:
    return Live(load_network(), deployment.registry, deployment)


def _delegate(deployment: Deployment, holder: Sender, validator: int, amount: int) -> None:
    address = deployment.registry.address("Staking")
    deployment.bring(holder.address, amount, ["hub"])
    deployment.connections["hub"].send_many(
        holder,
        [
            Transaction(deployment.era, APPROVE.encode(address, amount), 100_000),
            Transaction(address, staking.DELEGATE.encode(validator, amount), 600_000),
        ],
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_stakes)
def test_weights_and_hash_are_those_of_the_set_that_staking_publishes(
    deployment: Deployment, stakes: list[int]
) -> None:
    signers = [keccak(text=f"signer {place}")[:20] for place in range(len(stakes))]
    words = [signer + stake.to_bytes(12, "big") for signer, stake in zip(signers, stakes, strict=True)]
    builder = deployment.registry.address("SetBuilder")
    found, set_hash = deployment.connections["hub"].view(builder, _BUILD, words, 3, 1 << 40)
    weights = dict(zip(("0x" + signer.hex() for signer in signers), bond.capped(stakes), strict=True))
    ours = ValidatorSet.of(3, 1 << 40, weights)
    assert ours.words == list(found)
    assert ours.hash == set_hash


@pytest.mark.parametrize("delegated", [(0, 0), (777_777 * ERA + 1, 3_800_000 * ERA), (5 * ERA, 7)])
def test_what_a_slash_would_take_is_what_it_takes(
    deployment: Deployment, live: Live, delegated: Sequence[int]
) -> None:
    """S5: of own stake first, of each position its part rounded up, and of what is leaving as much."""
    hub, desk = deployment.connections["hub"], Desk.of(live)
    to_first, to_others = delegated
    for holder, validator, amount in (
        (DEPOSITOR, 1, to_first // 2),
        (PAYER, 1, to_first - to_first // 2),
        *((PAYER, id_, to_others) for id_ in (2, 3, 4, 5)),
    ):
        if amount:
            _delegate(deployment, holder, validator, amount)
    if to_first:
        hub.send(DEPOSITOR, desk.address, staking.UNDELEGATE.encode(1, to_first // 4))
    accusation, _ = lie_about_sets(deployment, ATTACKER, 1, VALIDATORS[0].address)
    # Each validator counts once, however many cases there are.
    equivocate(deployment, ATTACKER, 1, VALIDATORS[0].address)
    first, second = reading.read(live).cases
    assert (first.fraction, first.loss) == (second.fraction, second.loss)
    seated = (1_000_000 * ERA) + to_first - to_first // 4 + 4 * to_others
    assert first.fraction == bond.fraction(200_000 * ERA + to_first, seated)

    deployment.pass_time(slasher.SETTLE_DELAY, "hub")
    settle = slasher.SETTLE.encode(accusation)
    receipt = hub.send(RELAYER, deployment.registry.address("Slasher"), settle)
    (settled,) = staking.SETTLED.found_in(receipt["logs"], desk.address)
    assert (settled.fraction, settled.own_loss, settled.loss) == (first.fraction, *first.loss)
    assert deployment.connections["hub"].view(deployment.era, BALANCE_OF, ATTACKER.address) == (
        first.loss.own // bond.BOUNTY_DIVISOR
    )

    seen = reading.read(live)
    lost = 0
    for holder in (DEPOSITOR, PAYER):
        stake = accounts.read(desk, seen, holder.address)
        for position in stake.positions:
            if position.validator == 1:
                data = staking.RELEASE.encode(holder.address, 1)
                hub.send(RELAYER, desk.address, data)
                lost += position.loss
        for one in stake.exits:
            assert one.state is accounts.ExitState.FREE
            data = staking.WITHDRAW.encode(holder.address, 1, one.period)
            (paid,) = staking.WITHDRAWN.found_in(hub.send(RELAYER, desk.address, data)["logs"], desk.address)
            assert (paid.amount, paid.loss) == (one.amount, one.loss)
            lost += one.loss
    assert settled.loss <= lost <= settled.loss + 3


def test_a_rate_is_what_a_year_of_it_pays(deployment: Deployment, live: Live) -> None:
    """Over a day, of 1,000 ERA with a validator that takes 5 %."""
    hub, desk = deployment.connections["hub"], Desk.of(live)
    _delegate(deployment, DEPOSITOR, 1, 1_000 * ERA)
    deployment.bring(desk.address, 70_000 * ERA, ["hub"])
    hub.send(TREASURY, desk.address, staking.FUND.encode())
    before = reading.read(live)
    deployment.pass_time(DAY, "hub")
    after = reading.read(live)
    (position,) = accounts.read(desk, after, DEPOSITOR.address).positions
    expected = 1_000 * ERA * before.per_year(1) * (after.now - before.now) / bond.YEAR
    assert position.rewards == pytest.approx(expected, rel=1e-3)
    assert after.per_year(1) == pytest.approx(before.per_year(1), rel=1e-6)


def test_everything_is_read_in_few_questions(deployment: Deployment) -> None:
    """Two for the validators, two more for an account, whatever the number of both."""
    _delegate(deployment, DEPOSITOR, 5, 5)
    with behind(deployment, "hub") as (mesh, node):
        seen_from_afar = Live(load_network(), deployment.registry, mesh)
        desk = Desk.of(seen_from_afar)
        desk.hub.height()
        node.bodies.clear()
        seen = reading.read(seen_from_afar)
        assert len(node.bodies) == 2
        assert len(seen.validators) == 5
        node.bodies.clear()
        accounts.read(desk, seen, DEPOSITOR.address)
        assert len(node.bodies) == 2
        node.bodies.clear()
        assert [one.validator for one in delegators.read(desk, seen)] == [5]
        assert len(node.bodies) == 2
