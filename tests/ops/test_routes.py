"""A network whose chains know each other through the hub, and two of them directly: what goes where, and what a vote
would change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.growth import Grown
from benchmarks.keys import address_of, sender_of
from benchmarks.sizes import Size, write
from metalayer.assets import credit, journeys, tokens, transfers
from metalayer.assets.books import read_books
from metalayer.assets.tokens import BALANCE_OF
from metalayer.assets.transfers import Wish
from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.apply import Deployer
from metalayer.deploy.intent import load_intent
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.lanes.neighbours import RENEWED, neighbours
from metalayer.lanes.survey import survey
from metalayer.network.config import load_network
from metalayer.network.live import Live
from metalayer.network.mesh import Mesh, Routes
from metalayer.network.registry import records_dir
from metalayer.network.signers import local_key
from metalayer.network.transactions import Receipt
from metalayer.protocol import gateway
from metalayer.protocol.hex import short
from metalayer.protocol.transfers import PLAIN, TIP_PARTS, Options
from metalayer.services.clock import finalize
from metalayer.solver.passes import Solver, reasons
from metalayer.solver.policy import TokenId, default_policy
from metalayer.tracking.follower import Follower
from tests.kit.carriers import Carriers
from tests.kit.owning import act_as, possess
from tests.kit.roles import BENEFICIARY, RIVAL

ERA = 10**18
HUB, FIRST, SECOND, APART = "c01", "c02", "c03", "c04"
USER = sender_of("TEST::3")
SIZE = Size("through the hub", 4, meshed=2)
"""Lanes between the hub and the others, and between the first two of those."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("routes")
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)
        with Grown.started(SIZE, folder, lambda line: None, is_free=False) as grown:
            grown.deploy()
            yield folder


@pytest.fixture
def live(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.chdir(workspace)
    write(SIZE, workspace, is_free=False)
    return Live.open()


def drift_of(live: Live) -> dict[str, list[str]]:
    network = load_network()
    deployer = Deployer(
        network, live.mesh.connections, load_intent(), address_of, sender_of, records_dir(network)
    )
    return {name: [str(mend) for mend in mends] for name, mends in deployer.drift().items() if mends}


def send(
    live: Live, origin: str, destination: str, amount: int, to: str, options: Options = PLAIN
) -> tuple[Sent, Receipt]:
    start = live.connection(origin)
    wish = Wish(tokens.resolve(live, start, "ERA"), live.network.chain(destination), to, amount, options)
    transfer = transfers.prepare(live, start, USER.address, wish)
    return transfers.send(live, USER, transfer, local_key(3))


def test_only_lanes_that_are_configured_are_looked_at(live: Live) -> None:
    lanes = {(lane.origin.name, lane.destination.name) for lane in survey(live.mesh).lanes}
    pairs = [(HUB, FIRST), (HUB, SECOND), (HUB, APART), (FIRST, SECOND)]
    assert lanes == {*pairs, *((other, one) for one, other in pairs)}
    assert len(lanes) == SIZE.lanes
    assert drift_of(live) == {}


def test_era_goes_from_spoke_to_spoke_without_a_lane_between_them(live: Live, tmp_path: Path) -> None:
    """P4: the books hold to the wei. A solver leaves it alone: it could send no claim for what returns."""
    era = TokenId(live.network.hub.chain_id, live.registry.address("ERA"))
    solver = Solver(live.mesh, live.registry.address("TokenBridge"), RIVAL, default_policy(era))
    with Carriers(live, tmp_path) as carriers:
        for chain, account in ((FIRST, USER), (APART, RIVAL)):
            send(live, HUB, chain, 100 * ERA, account.address)
        carriers.rest()
    sent, receipt = send(live, FIRST, APART, 10 * ERA, BENEFICIARY.address, Options(tip=TIP_PARTS // 100))
    finalize([live.connection(FIRST)])
    solved = solver.solve_once()
    assert (solved.all_problems, solved.fronts) == ([], [])
    reason = f"{APART} can send no claim to {FIRST}: the route is closed"
    assert reasons(solved) == [f"transfer {short(sent.id)}: {reason}"]
    later = tmp_path / "later"
    later.mkdir()
    with Carriers(live, later) as carriers:
        exchange = DirectoryExchange.of(live, later / "exchange")
        follower = Follower(live, exchange, lambda event: None, lambda text: None, 60.0)
        end = live.connection(APART).chain_id
        arrived = journeys.follow(follower, live.registry, sent, receipt, end)
        carriers.rest()
    ends = [(live.network.chain(one).name for one in hop.ends) for hop in arrived.hops]
    assert [tuple(hop) for hop in ends] == [(FIRST, HUB), (HUB, APART)]
    view = live.connection(APART).view(era.address, BALANCE_OF, BENEFICIARY.address)
    assert view == arrived.amount == 10 * ERA
    books = read_books(live, {"user": USER.address, "beneficiary": BENEFICIARY.address})
    assert [sentence for sentence, holds in books.checks() if not holds] == []
    seen = credit.read(live, USER.address)
    assert [one.destination for one in seen[APART].earnings] == [HUB]
    assert [one.destination for one in seen[FIRST].earnings] == [HUB, SECOND]


def test_a_token_of_a_spoke_goes_only_where_its_home_has_a_lane(live: Live) -> None:
    start = live.connection(FIRST)
    ether = tokens.resolve(live, start, "ETH")
    for end, refused in ((SECOND, False), (APART, True)):
        wish = Wish(ether, live.network.chain(end), BENEFICIARY.address, 10**15, fee_from="balance")
        if refused:
            with pytest.raises(MetalayerError, match=rf"^there is no route: {FIRST} to {end} is closed$"):
                transfers.prepare(live, start, USER.address, wish)
        else:
            assert transfers.prepare(live, start, USER.address, wish).home is None


def test_a_lane_that_deploy_yaml_does_not_have_is_closed_by_the_proposal_from_drift(live: Live) -> None:
    here, there = live.connection(FIRST), live.connection(APART)
    owner = live.registry.address("Timelock")
    possess(here, owner)
    terms = here.view(live.mesh.gateway, gateway.ROUTE, live.network.hub.chain_id).terms
    assert neighbours(here, live.mesh) == [live.network.hub.chain_id, live.connection(SECOND).chain_id]
    act_as(here, owner, live.mesh.gateway, gateway.SET_TERMS.encode(there.chain_id, terms))
    act_as(here, owner, live.mesh.gateway, gateway.SET_OPEN.encode(there.chain_id, True, False))
    try:
        found = drift_of(live)
        assert found == {FIRST: [f"{FIRST}: route to and from {APART} is outbound only, expected closed"]}
        # Asked a while ago: a survey looks again, and has both ends of the lane though one of them has no route.
        mesh = fresh(live.mesh)
        (lane,) = (
            lane
            for lane in survey(mesh).lanes
            if {lane.origin.name, lane.destination.name} == {FIRST, APART} and lane.origin.name == FIRST
        )
        assert lane.inbox.closed == f"{APART} takes nothing from {FIRST}: the route is closed"
        assert (lane.sent, lane.delivered, lane.latest.head) == (0, 0, lane.inbox.head)
    finally:
        act_as(here, owner, live.mesh.gateway, gateway.SET_OPEN.encode(there.chain_id, False, False))
    assert drift_of(live) == {}


def fresh(mesh: Mesh) -> Mesh:
    """As if everything that is known of routes had been asked a while ago."""
    for place, known in list(mesh.known_routes.items()):
        mesh.known_routes[place] = Routes(known.ids, known.without, known.asked - RENEWED - 1)
    return replace(mesh)
