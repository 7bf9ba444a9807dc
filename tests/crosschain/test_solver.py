"""A solver over real chains: what it fronts, what it gets, what it refuses, and what it never does twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from metalayer.assets.tokens import TRANSFER
from metalayer.attesting.directory import DirectoryExchange
from metalayer.protocol import bridge, gateway
from metalayer.protocol.abi import Function
from metalayer.protocol.facts import RestartFact
from metalayer.relayer.memory import Memory
from metalayer.solver.counter import FRONT_GAS
from metalayer.solver.fronts import State
from metalayer.solver.ledger import read_ledger
from metalayer.solver.policy import Least, Terms, TokenId
from metalayer.solver.single import find_offer
from tests.kit.chains import revert
from tests.kit.deployment import ERA, Deployment
from tests.kit.evm import Contract, deploy, set_code
from tests.kit.faults import LogsBehind, NoLogs
from tests.kit.node import Node
from tests.kit.owning import act_as
from tests.kit.passes import relay
from tests.kit.roles import ATTACKER, RELAYER
from tests.kit.solving import (
    AMOUNT,
    CLAIM_BEFORE,
    EVERYTHING,
    FUNDS,
    HOUR,
    KEPT,
    RECIPIENT,
    SOLVER,
    USER,
    Solving,
)

_MINT = Function("crosschainMint(address,uint256)")


@pytest.fixture
def world(deployment: Deployment) -> Solving:
    return Solving.of(deployment)


@pytest.fixture
def exchange(tmp_path: Path) -> DirectoryExchange:
    return DirectoryExchange(tmp_path / "exchange")


# It pays, and is paid


@pytest.mark.parametrize(
    ("origin", "destination", "hops"),
    [("hub", "arcade", 1), ("arcade", "hub", 1), ("arcade", "perps", 2)],
    ids=["from the home", "to the home", "over the home"],
)
def test_the_recipient_is_paid_at_once_and_the_solver_by_the_arrival(
    world: Solving, exchange: DirectoryExchange, tmp_path: Path, origin: str, destination: str, hops: int
) -> None:
    """P14: the recipient is paid once. P15: what arrives is the solver's."""
    id_ = world.final(origin, destination)
    solver = world.solver()
    result = solver.solve_once()
    assert result.all_problems == []
    (paid,) = result.fronts
    assert (paid.offer.id, paid.paid, paid.kept) == (id_, AMOUNT - KEPT, KEPT)
    assert paid.gas <= FRONT_GAS
    assert world.held(destination, RECIPIENT) == AMOUNT - KEPT
    assert world.held(destination, SOLVER) == FUNDS - (AMOUNT - KEPT)
    relay(world.mesh, exchange, tmp_path, hops)
    (ended,) = solver.solve_once().ended
    assert (ended.state, ended.gain) == (State.ARRIVED, KEPT)
    assert world.held(destination, RECIPIENT) == AMOUNT - KEPT
    assert world.held(destination, SOLVER) == FUNDS + KEPT


def test_a_second_pass_fronts_nothing_twice(world: Solving) -> None:
    world.final("hub", "arcade")
    solver = world.solver()
    assert len(solver.solve_once().fronts) == 1
    again = solver.solve_once()
    assert (again.fronts, again.offers, again.out, again.all_problems) == ([], 0, 1, [])


def test_a_new_process_finds_on_chain_what_the_one_before_fronted(world: Solving) -> None:
    world.final("hub", "arcade")
    world.solver().solve_once()
    other = world.solver()
    result = other.solve_once()
    assert (result.fronts, result.out) == ([], 1)
    (out,) = other.book.out
    assert (out.paid, out.state, out.front.amount) == (AMOUNT - KEPT, State.OUT, AMOUNT)
    assert world.held("arcade", RECIPIENT) == AMOUNT - KEPT


class Crash(BaseException):
    """The process is gone: nothing catches this."""


@pytest.mark.parametrize("moment", ["before", "behind"])
def test_whenever_it_is_killed_the_recipient_is_paid_once(
    world: Solving, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Before its transactions are handed over, or when they are mined and it has not heard of it."""
    world.final("hub", "arcade")
    arcade = world.mesh.connections["arcade"]
    submit = arcade.submit

    def dying(*arguments: Any) -> Any:
        if moment == "behind":
            submit(*arguments)
        raise Crash

    def killed() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(arcade, "submit", dying)
            with pytest.raises(Crash):
                world.solver().solve_once()

    killed()
    # The first time it only allowed the bridge to take its tokens.
    if moment == "behind":
        killed()
    result = world.solver().solve_once()
    assert result.all_problems == []
    assert (len(result.fronts), result.out) == ((1, 0) if moment == "before" else (0, 1))
    assert world.held("arcade", RECIPIENT) == AMOUNT - KEPT
    assert world.held("arcade", SOLVER) == FUNDS - (AMOUNT - KEPT)


def test_what_another_solver_fronted_is_left_alone(world: Solving) -> None:
    id_ = world.final("hub", "arcade")
    offer = find_offer(world.mesh, world.mesh.bridge, id_)
    world.mesh.bring(ATTACKER.address, AMOUNT, ["arcade"])
    world.front("arcade", bridge.FRONT.encode(offer.front, ATTACKER.address), ATTACKER)
    assert world.left(world.solver()) == [f"{ATTACKER.address} fronted it"]


def test_a_transfer_without_a_tip_is_not_looked_at(world: Solving) -> None:
    world.final("hub", "arcade", tip=0)
    assert world.solver().solve_once().offers == 0


def test_a_ramp_is_waited_for(world: Solving) -> None:
    """One percent within 1,000 seconds, of which the policy wants half."""
    world.final("hub", "arcade", ramp=1_000)
    solver = world.solver(world.policy(terms=Terms(Least(parts=Fraction(5, 1_000)))))
    (reason,) = world.left(solver)
    assert reason.startswith("it brings ")
    world.mesh.pass_time(501)
    (paid,) = solver.solve_once().fronts
    assert KEPT // 2 <= paid.kept < KEPT * 6 // 10
    assert world.held("arcade", RECIPIENT) == AMOUNT - paid.kept


@pytest.mark.parametrize("ramp", [0, 7, 1_000, 65_535])
@pytest.mark.parametrize("tip", [1, 333_333_333, 10**9])
def test_what_is_paid_is_rounded_as_the_contract_rounds(world: Solving, ramp: int, tip: int) -> None:
    amount = 10**18 + 7
    world.final("hub", "arcade", amount, ramp=ramp, tip=tip)
    world.mesh.pass_time(min(ramp, 400))
    policy = world.policy(terms=Terms(Least()))
    (paid,) = world.solver(policy).solve_once().fronts
    log = world.mesh.connections["arcade"].ask(bridge.TRANSFER_FRONTED.logs(world.mesh.bridge))[-1].log
    at = world.mesh.connections["arcade"].block(log.block).time
    assert paid.kept == paid.offer.front.kept(at)
    assert paid.paid + paid.kept == amount


def test_several_transfers_to_several_chains_are_fronted_in_one_pass(world: Solving) -> None:
    for destination in ("arcade", "perps", "social"):
        for _ in range(3):
            world.send("hub", destination, ERA)
    world.mesh.finalize()
    result = world.solver().solve_once()
    assert (len(result.fronts), result.all_problems) == (9, [])
    assert [world.held(name, RECIPIENT) for name in ("arcade", "perps", "social")] == [
        3 * ERA * 99 // 100
    ] * 3


# What is not final, and what vanishes


def test_what_is_reorganised_before_it_is_final_is_never_fronted(world: Solving) -> None:
    hub = world.mesh.connections["hub"]
    solver = world.solver()
    before = hub.rpc("evm_snapshot")
    world.send("hub", "arcade")
    assert solver.solve_once().offers == 0
    revert(hub.rpc, before)
    world.mesh.finalize()
    result = solver.solve_once()
    assert (result.offers, result.fronts, result.all_problems) == (0, [], [])
    assert world.held("arcade", RECIPIENT) == 0


def test_an_offer_that_waited_is_looked_at_again_where_it_starts(world: Solving) -> None:
    """Its start was reorganised deeper than the policy believed possible, before the ramp was long enough."""
    hub = world.mesh.connections["hub"]
    before = hub.rpc("evm_snapshot")
    world.final("hub", "arcade", ramp=1_000)
    solver = world.solver(world.policy(terms=Terms(Least(parts=Fraction(5, 1_000)))))
    assert solver.solve_once().offers == 1
    revert(hub.rpc, before)
    world.mesh.pass_time(600)
    world.mesh.finalize()
    assert world.left(solver) == ["its start does not show it any more"]
    assert world.held("arcade", RECIPIENT) == 0


def test_a_policy_may_believe_a_start_sooner(world: Solving) -> None:
    world.send("hub", "arcade")
    hub = world.mesh.id_of("hub")
    assert world.solver(world.policy(finality={hub: 2})).solve_once().fronts == []
    assert len(world.solver(world.policy(finality={hub: 0})).solve_once().fronts) == 1


@pytest.fixture
def node(world: Solving) -> Iterator[Node]:
    with Node(world.mesh.connections["hub"].chain.url) as opened:
        yield opened


def seen_through(world: Solving, *urls: str) -> Deployment:
    """The same network, whose hub is read through these nodes."""
    hub = world.mesh.connections["hub"]
    several = type(hub)(replace(hub.chain, nodes=urls))
    return replace(world.mesh, connections={**world.mesh.connections, "hub": several})


def test_a_start_whose_nodes_disagree_is_not_believed(world: Solving, node: Node) -> None:
    """One of two nodes does not show the transfer: nothing is fronted, and a line says so."""
    world.final("hub", "arcade")
    node.faults = [NoLogs()]
    liar = seen_through(world, world.mesh.connections["hub"].chain.url, node.url)
    result = world.solver(mesh=liar).solve_once()
    assert result.fronts == []
    assert result.all_problems == ["hub: its nodes disagree, 2 of 2 must say the same"]
    node.faults = []
    assert len(world.solver(mesh=liar).solve_once().fronts) == 1


def test_a_backend_that_lacks_the_newest_logs_is_asked_again(world: Solving, node: Node) -> None:
    """An empty answer says nothing."""
    world.final("hub", "arcade")
    solver = world.solver(mesh=seen_through(world, node.url))
    node.faults = [LogsBehind(10)]
    assert solver.solve_once().offers == 0
    node.faults = []
    assert len(solver.solve_once().fronts) == 1


# What it refuses


def test_a_token_that_nobody_told_it_to_trust_is_passed_by(world: Solving) -> None:
    token = world.wrap("hub", USER, ERA)
    world.final("hub", "arcade", ERA, token=token.address)
    (line,) = world.left(world.solver())
    assert line == f"token {token.address} of chain 901 is not trusted: transfers of it are passed by"


def test_a_token_that_its_end_does_not_know_yet_waits_for_its_description(
    world: Solving, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Then the solver has none of it there."""
    token = world.wrap("hub", USER, 3 * ERA)
    id_ = world.final("hub", "arcade", ERA, token=token.address)
    solver = world.solver(world.policy(token))
    assert world.left(solver) == ["its end does not know the token yet"]
    relay(world.mesh, exchange, tmp_path, 1)
    assert world.left(solver) == ["it has arrived"]
    assert world.final("hub", "arcade", ERA, token=token.address) != id_
    (reason,) = world.left(solver)
    assert reason.endswith("are needed, 0 are free")


def test_any_trusted_token_is_fronted_in_what_stands_for_it(
    world: Solving, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    token = world.wrap("hub", USER, 3 * ERA)
    world.send("hub", "arcade", ERA, token=token.address, to=SOLVER.address, tip=0)
    relay(world.mesh, exchange, tmp_path, 1)
    world.final("hub", "arcade", ERA, token=token.address)
    (paid,) = world.solver(world.policy(token)).solve_once().fronts
    arcade = world.mesh.connections["arcade"]
    local = arcade.view(world.mesh.bridge, bridge.LOCAL_OF, token.chain, token.address)
    assert world.held("arcade", RECIPIENT, local) == paid.paid == ERA * 99 // 100


def test_one_transfer_that_cannot_be_fronted_stops_no_other(
    world: Solving, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """M42, M43. Its recipient is the token that stands for it there, which the bridge pays nothing."""
    token = world.wrap("hub", USER, 5 * ERA)
    world.send("hub", "arcade", 2 * ERA, token=token.address, to=SOLVER.address, tip=0)
    relay(world.mesh, exchange, tmp_path, 1)
    arcade = world.mesh.connections["arcade"]
    local = arcade.view(world.mesh.bridge, bridge.LOCAL_OF, token.chain, token.address)
    bad = world.send("hub", "arcade", ERA, token=token.address, to=local)
    world.send("hub", "arcade", ERA, token=token.address)
    world.final("hub", "arcade")
    memory = Memory.fleeting()
    result = world.solver(world.policy(token), memory=memory).solve_once()
    assert len(result.fronts) == 2
    (line,) = result.put_off
    assert "InvalidBeneficiary" in line
    (failed,) = memory.attempts()
    assert (failed.item, failed.failures) == ("0x" + bad.hex(), 1)
    again = world.solver(world.policy(token), memory=memory).solve_once()
    assert (again.fronts, again.put_off) == ([], []), "it waits"


@pytest.fixture
def moody(world: Solving, exchange: DirectoryExchange, tmp_path: Path) -> Contract:
    """A token of the hub that misbehaves on demand: the solver has some there, the user on arcade, on its way home."""
    token = deploy(world.mesh.chains["hub"], "MoodyToken", world.mesh.bridge, sender=USER.address)
    for who in (USER, SOLVER):
        token.send("mint", who.address, 10 * ERA, sender=USER.address)
    token.send("approve", world.mesh.bridge, EVERYTHING, sender=USER.address)
    world.send("hub", "arcade", 5 * ERA, token=token.address, to=USER.address, tip=0)
    relay(world.mesh, exchange, tmp_path, 1)
    arcade = world.mesh.connections["arcade"]
    local = arcade.view(world.mesh.bridge, bridge.LOCAL_OF, world.mesh.network_id, token.address)
    world.send("arcade", "hub", ERA, token=local)
    world.final("arcade", "hub")
    return token


def test_a_token_that_refuses_a_recipient_delays_only_itself(world: Solving, moody: Contract) -> None:
    """M42: once it is merciful, its transfer is fronted, too."""
    moody.send("setBlocked", RECIPIENT.address, True, sender=USER.address)
    memory, policy = Memory.fleeting(), world.policy(TokenId(world.mesh.network_id, moody.address))
    result = world.solver(policy, memory=memory).solve_once()
    assert [paid.offer.token for paid in result.fronts] == [world.era]
    (line,) = result.put_off
    assert "fronting transfer 0x" in line
    moody.send("setBlocked", RECIPIENT.address, False, sender=USER.address)
    memory.forgive()
    (paid,) = world.solver(policy, memory=memory).solve_once().fronts
    assert paid.offer.token.address == moody.address


def test_a_token_that_is_gone_delays_only_itself(world: Solving, moody: Contract) -> None:
    """M43: whatever is asked of it takes all gas."""
    set_code(world.mesh.chains["hub"], moody.address, b"\xfe")
    result = world.solver(world.policy(TokenId(world.mesh.network_id, moody.address))).solve_once()
    assert [paid.offer.token for paid in result.fronts] == [world.era]
    (problem,) = result.all_problems
    assert problem.startswith("hub: ")


def test_value_from_a_chain_that_is_held_waits(world: Solving) -> None:
    world.final("hub", "arcade")
    held = bridge.HOLD.encode(world.mesh.id_of("hub"), HOUR)
    act_as(world.mesh.connections["arcade"], world.mesh.guardian, world.mesh.bridge, held)
    assert world.left(world.solver()) == ["arcade takes no value from hub: held"]


def test_what_could_not_be_claimed_waits(world: Solving) -> None:
    """P15: two spokes may know each other over the hub alone. What did not arrive would then be its sender's."""
    world.final("arcade", "perps")
    close = gateway.SET_OPEN.encode(world.mesh.id_of("arcade"), False, True)
    world.mesh.as_owner("perps", world.mesh.gateway, close)
    assert world.left(world.solver()) == ["perps can send no claim to arcade: the route is closed"]


def test_a_start_that_has_too_little_at_the_tokens_home_waits(world: Solving) -> None:
    """It is compromised: the user has ERA there that nobody locked."""
    mesh, hub = world.mesh, world.mesh.connections["hub"]
    outstanding = hub.view(mesh.bridge, bridge.OUTSTANDING, mesh.era, mesh.id_of("arcade"))
    act_as(mesh.connections["arcade"], mesh.bridge, mesh.era, _MINT.encode(USER.address, outstanding))
    mesh.bring(SOLVER.address, 2 * outstanding, ["hub"])
    world.final("arcade", "hub", outstanding + 1)
    (reason,) = world.left(world.solver())
    assert reason == f"its start has {outstanding} left at the token's home, less than {outstanding + 1}"


def test_what_a_start_sends_home_before_counts_against_its_account(world: Solving) -> None:
    """It is compromised, and empties its account with a transfer that stands before the one with a tip."""
    mesh, hub = world.mesh, world.mesh.connections["hub"]
    outstanding = hub.view(mesh.bridge, bridge.OUTSTANDING, mesh.era, mesh.id_of("arcade"))
    act_as(mesh.connections["arcade"], mesh.bridge, mesh.era, _MINT.encode(USER.address, outstanding))
    world.send("arcade", "hub", outstanding - ERA, tip=0)
    world.final("arcade", "hub", 2 * ERA)
    (reason,) = world.left(world.solver())
    assert reason == f"its start has {ERA} left at the token's home, less than {2 * ERA}"


def test_a_second_hop_that_nobody_paid_for_waits(world: Solving) -> None:
    world.final("arcade", "perps", fee=1)
    (reason,) = world.left(world.solver())
    assert reason.endswith("wei of ERA are missing for its second hop")


def test_capital_is_bounded_everywhere_and_on_each_chain(world: Solving) -> None:
    """The second one finds the first one out; on another chain there is more room."""
    arcade = world.mesh.id_of("arcade")
    terms = Terms(most_out=Fraction(250), most_out_on={arcade: Fraction(150)})
    for destination in ("arcade", "arcade", "perps", "social"):
        world.send("hub", destination)
    world.mesh.finalize()
    solver = world.solver(world.policy(terms=terms))
    result = solver.solve_once()
    assert len(result.fronts) == 2
    assert sum(world.held(name, RECIPIENT) for name in ("arcade", "perps", "social")) == 2 * (AMOUNT - KEPT)
    assert world.held("arcade", RECIPIENT) <= AMOUNT - KEPT
    again = world.solver(world.policy(terms=terms)).solve_once()
    assert (again.fronts, again.out) == ([], 2), "also for a process that has just started"


def test_no_more_is_paid_than_the_account_has(world: Solving) -> None:
    for _ in range(2):
        world.send("hub", "arcade", FUNDS * 2 // 5)
    world.mesh.finalize()
    spent = TRANSFER.encode(ATTACKER.address, FUNDS // 4)
    world.mesh.connections["arcade"].send(SOLVER, world.mesh.era, spent)
    result = world.solver().solve_once()
    assert (len(result.fronts), result.all_problems) == (1, [])


def test_what_has_too_little_time_is_never_fronted(world: Solving) -> None:
    world.final("hub", "arcade", deadline=world.deadline("hub", HOUR + 60))
    world.mesh.pass_time(HOUR - 1_500)
    (reason,) = world.left(world.solver())
    assert "are left until its deadline" in reason


def test_fronts_of_strangers_in_its_name_are_not_its_own(world: Solving) -> None:
    """A tip of everything costs them nothing: it would be claimed, and count as capital that is out."""
    id_ = world.final("hub", "arcade", tip=10**9)
    offer = find_offer(world.mesh, world.mesh.bridge, id_)
    world.front("arcade", bridge.FRONT.encode(offer.front, SOLVER.address), ATTACKER)
    solver = world.solver()
    result = solver.solve_once()
    assert (result.out, result.fronts) == (0, [])
    assert read_ledger(world.mesh, world.mesh.bridge, SOLVER.address).book.fronts == []


# What does not arrive


def test_what_does_not_arrive_is_claimed_and_returns_to_the_solver(
    world: Solving, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P15. A relayer brings the claim, and, after the deadline, what returns."""
    world.final("hub", "arcade", deadline=world.deadline("hub", 2 * HOUR))
    solver = world.solver()
    assert len(solver.solve_once().fronts) == 1
    assert solver.solve_once().claims == []
    world.mesh.pass_time(2 * HOUR - CLAIM_BEFORE + 60)
    (claimed,) = solver.solve_once().claims
    assert claimed.fronted.paid == AMOUNT - KEPT
    assert solver.solve_once().claims == [], "once"
    world.mesh.pass_time(CLAIM_BEFORE)
    before = world.held("hub", USER)
    relay(world.mesh, exchange, tmp_path, 4)
    (ended,) = solver.solve_once().ended
    assert (ended.state, ended.gain, ended.claimed) == (State.RETURNED, KEPT, True)
    assert world.held("hub", SOLVER) == FUNDS + AMOUNT
    assert before < world.held("hub", USER) < before + ERA, "what was not used of the fee is the sender's"
    ledger = read_ledger(world.mesh, world.mesh.bridge, SOLVER.address)
    (account,) = ledger.tokens
    assert (account.paid, account.back, account.out, account.gain) == (AMOUNT - KEPT, AMOUNT, 0, KEPT)
    (spent,) = ledger.spent
    assert (spent.chain, spent.fronts, spent.claims) == ("arcade", 1, 1)
    assert spent.wei >= spent.gas > 0


def test_made_up_terms_claim_nothing(world: Solving, exchange: DirectoryExchange, tmp_path: Path) -> None:
    """P15: a thief pays himself next to nothing under the id of a transfer, and claims that; then the solver claims,
    too. What returns is the solver's.
    """
    id_ = world.final("hub", "arcade", deadline=world.deadline("hub", 2 * HOUR))
    mesh, arcade = world.mesh, world.mesh.connections["arcade"]
    mesh.bring(ATTACKER.address, ERA, ["arcade"])
    terms = replace(find_offer(mesh, mesh.bridge, id_).front, to=USER.address, amount=1)
    world.front("arcade", bridge.FRONT.encode(terms, ATTACKER.address), ATTACKER)
    arcade.send(ATTACKER, mesh.bridge, bridge.CLAIM.encode(terms, True))
    solver = world.solver()
    assert len(solver.solve_once().fronts) == 1
    mesh.pass_time(2 * HOUR - CLAIM_BEFORE + 60)
    assert len(solver.solve_once().claims) == 1
    mesh.pass_time(CLAIM_BEFORE)
    before = world.held("hub", ATTACKER)
    relay(mesh, exchange, tmp_path, 4)
    (ended,) = solver.solve_once().ended
    assert (ended.state, ended.gain) == (State.RETURNED, KEPT)
    assert world.held("hub", ATTACKER) == before


def test_a_process_that_has_just_started_claims_what_the_one_before_fronted(world: Solving) -> None:
    world.final("hub", "arcade", deadline=world.deadline("hub", 2 * HOUR))
    world.solver().solve_once()
    world.mesh.pass_time(2 * HOUR - CLAIM_BEFORE + 60)
    assert len(world.solver().solve_once().claims) == 1


def test_a_claim_that_cannot_be_paid_is_a_problem_of_one_line(world: Solving) -> None:
    world.final("hub", "arcade", deadline=world.deadline("hub", 2 * HOUR))
    solver = world.solver()
    assert len(solver.solve_once().fronts) == 1
    arcade = world.mesh.connections["arcade"]
    arcade.send(SOLVER, world.mesh.era, TRANSFER.encode(ATTACKER.address, world.held("arcade", SOLVER)))
    world.mesh.pass_time(2 * HOUR - CLAIM_BEFORE + 60)
    (problem,) = solver.solve_once().all_problems
    assert problem.startswith(f"arcade: {SOLVER.address} has 0 ERA on arcade, a claim costs ")


def test_what_returned_before_a_claim_was_there_is_lost(
    world: Solving, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    world.final("hub", "arcade", deadline=world.deadline("hub", 2 * HOUR))
    solver = world.solver(world.policy(claim_before=1))
    solver.solve_once()
    world.mesh.pass_time(2 * HOUR + 1)
    relay(world.mesh, exchange, tmp_path, 3)
    solver.solve_once()
    (ended,) = solver.solve_once().ended
    assert (ended.state, ended.gain) == (State.LOST, KEPT - AMOUNT)
    (account,) = read_ledger(world.mesh, world.mesh.bridge, SOLVER.address).tokens
    assert (account.lost, account.gain) == (AMOUNT - KEPT, KEPT - AMOUNT)


def leave_behind(world: Solving, origin: str, destination: str) -> None:
    """Restarts a lane, whose destination follows without what was sent on it before."""
    mesh, place = world.mesh, 1_000
    mesh.restart(origin, destination, place)
    mesh.finalize()
    fact = RestartFact(mesh.id_of(origin), mesh.id_of(destination), place)
    follow = gateway.FOLLOW_RESTART.encode(mesh.attest(fact.leaf), fact.origin, fact.nonce, [])
    mesh.connections[destination].send(RELAYER, mesh.gateway, follow)


@pytest.mark.parametrize(
    ("origin", "destination", "lane"),
    [("hub", "arcade", ("hub", "arcade")), ("arcade", "perps", ("arcade", "hub"))],
    ids=["one hop", "two hops"],
)
def test_what_a_restart_leaves_behind_is_claimed_at_once(
    world: Solving,
    exchange: DirectoryExchange,
    tmp_path: Path,
    origin: str,
    destination: str,
    lane: tuple[str, str],
) -> None:
    """It returns long before its deadline."""
    world.final(origin, destination)
    solver = world.solver()
    assert len(solver.solve_once().fronts) == 1
    assert solver.solve_once().claims == []
    leave_behind(world, *lane)
    assert len(solver.solve_once().claims) == 1
    relay(world.mesh, exchange, tmp_path, 3)
    (ended,) = solver.solve_once().ended
    assert (ended.state, ended.gain) == (State.RETURNED, KEPT)
    assert world.held(origin, SOLVER) == FUNDS + AMOUNT


def test_a_second_hop_that_a_restart_leaves_behind_is_claimed_at_once(
    world: Solving, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    world.final("arcade", "perps")
    solver = world.solver()
    assert len(solver.solve_once().fronts) == 1
    relay(world.mesh, exchange, tmp_path, 1)
    assert solver.solve_once().claims == []
    leave_behind(world, "hub", "perps")
    assert len(solver.solve_once().claims) == 1
    relay(world.mesh, exchange, tmp_path, 1)
    solver.solve_once()
    (out,) = solver.book.out
    assert out.claimed


def test_a_silent_chain_holds_up_only_what_starts_or_ends_there(world: Solving) -> None:
    world.send("hub", "arcade")
    world.final("hub", "perps")
    result = world.solver(mesh=world.mesh.cut_off_from("perps")).solve_once()
    (paid,) = result.fronts
    assert paid.offer.end == world.mesh.id_of("arcade")
    assert all(problem.startswith(("perps ", "perps:")) for problem in result.all_problems)
