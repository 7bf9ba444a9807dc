"""`ape metalayer propose simulate / verify / conflicts` on forks of the tests' chains."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from metalayer.cli import propose
from metalayer.governance import files
from metalayer.governance.built import Built
from metalayer.governance.files import read
from metalayer.network.config import load_network
from metalayer.network.live import Live
from metalayer.protocol import gateway, governor
from metalayer.protocol.abi import Function
from metalayer.protocol.bridge import TOTAL_OUTSTANDING
from metalayer.protocol.decisions import NOTHING
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import interoperable
from metalayer.services.acting import act, grant_votes
from metalayer.services.report import as_dict, text
from metalayer.services.simulate import rebuild, simulate
from tests.kit.deployment import ERA, Deployment
from tests.kit.owning import act_as
from tests.kit.paper import DAY
from tests.kit.proposing import HALF_CLOSED, WRITES, Desk, refuse_stale
from tests.kit.roles import RELAYER, SENDER, VALIDATORS
from tools.repository import repo_root

_DELIVERY = re.compile(r"its delivery: [0-9,]+")


@pytest.fixture
def desk(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Proposals in a folder of their own; everything deployed is final."""
    monkeypatch.setattr(files, "proposals_dir", lambda: tmp_path / "proposals")
    deployment.finalize()
    return Desk(tmp_path / "proposals")


def run(*arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(propose.cli, list(arguments))


def propose_on_chain(deployment: Deployment, built: Built) -> None:
    hub = deployment.connections["hub"]
    grant_votes(hub, deployment.era, built.proposer, 1_000_000 * 10**18, hub.block().time - 2)
    done = act(
        hub, built.proposer, built.governor, governor.PROPOSE.encode(*built.proposal.actions, built.text)
    )
    assert done.succeeded, done.frame().reason
    deployment.finalize()


def test_a_proposal_is_rehearsed_from_end_to_end(desk: Desk, deployment: Deployment) -> None:
    """What the chains do is what the report says; and the chains themselves are as before."""
    folder = desk.write(HALF_CLOSED + WRITES)
    heights = {name: one.height() for name, one in deployment.connections.items()}
    result = run("simulate", "1")
    assert result.exit_code == 0, result.stderr
    assert "it passes" in result.stdout
    assert {name: one.height() for name, one in deployment.connections.items()} == heights
    route = deployment.connections["arcade"].view(
        deployment.gateway, gateway.ROUTE, deployment.id_of("social")
    )
    assert route.outbound

    report, built = json.loads((folder / "report.json").read_text()), Built.load(folder)
    assert (report["passed"], report["hash"], report["proposal"]) == (True, to_hex(built.hash), str(built.id))
    changes = {
        chain: {one["path"]: (one["before"], one["after"]) for one in some}
        for chain, some in report["changes"].items()
    }
    assert changes["hub"] == {"Metalayer._inboxLanes[904].open": ("true", "false")}
    for spoke in ("arcade", "perps"):
        assert changes[spoke].pop("Metalayer._routes[904].open") == ("true", "false")
        (since,) = changes[spoke].values()
        assert list(changes[spoke]) == ["Metalayer.closedSince[904]"]
        assert since[0] == "0"
        assert re.fullmatch(r"\d{10} \(20\d\d-\d\d-\d\d .* UTC\)", since[1])
    assert "social" not in changes
    assert [one["problem"] for one in report["then"]] == ["", ""]
    assert [line.split(":")[1] for line in report["tried"]] == [" ignored", " executed"]
    for one in built.decisions:
        used = report["gas"][to_hex(one.id)]
        assert 1.5 * used <= one.gas_limit <= 1.5 * used + 10_000, "build.json has what was measured"
    assert "arcade: Metalayer.RouteOpened(chainId: 904, outbound: false, inbound: true)" in {
        f"{chain}: {line}" for chain, lines in report["events"].items() for line in lines
    }
    assert [line for line in report["assumed"] if "votes for it" in line]
    assert [line for line in report["warnings"] if line.startswith("DecisionOutbox has 0 ERA of credit")]


def test_a_report_is_the_same_each_time(desk: Desk, deployment: Deployment) -> None:
    live, proposal = Live.open(), read(desk.write(HALF_CLOSED + WRITES), load_network())
    built = rebuild(live, proposal, {})
    first, second = (simulate(live, proposal, built, lambda line: None) for _ in range(2))
    # Zeros in signatures are cheaper, which may round to another thousand.
    assert _DELIVERY.sub("", repr(as_dict(first))) == _DELIVERY.sub("", repr(as_dict(second)))
    shown = text(as_dict(first))
    assert [line[3:].partition(".")[0] for line in shown.splitlines() if line.startswith("## ")] == [
        str(number) for number in range(1, 12)
    ]


def test_what_nobody_allowed_stops_it(desk: Desk) -> None:
    folder = desk.write(HALF_CLOSED + WRITES.replace("  hub: [Metalayer._inboxLanes]\n", ""))
    result = run("simulate", "1")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: hub: it writes Metalayer._inboxLanes, which is not in `writes`",
    )
    assert json.loads((folder / "report.json").read_text())["passed"] is False
    assert "**It does not pass.**" in (folder / "REPORT.md").read_text()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "chains:\n  arcade:\n    - Metalayer.setTerms: { chainId: arcade, terms: { preset: game, return: hub } }\n",
            "arcade: action 1 of 1 (line 4) reverts, Metalayer.setTerms(",
        ),
        (
            "chains:\n  hub:\n    - Metalayer.setOpen: { chainId: 905, outbound: true, inbound: true }\n",
            "hub: action 1 of 1 (line 4) reverts, Metalayer.setOpen(",
        ),
        (
            "chains:\n  arcade:\n    - Metalayer.setOpen: { chainId: social, outbound: false, inbound: true }\n"
            "expect:\n  - { on: arcade, call: Metalayer.route(social).outbound, is: false }\n",
            "arcade: action 1 of 2 (line 6) reverts, Expect.word(Metalayer.route(social).outbound is false): "
            "UnexpectedResult(",
        ),
        (
            HALF_CLOSED.replace("outbound, is: false }", "outbound, is: true }") + WRITES,
            "then: arcade: Metalayer.route(social).outbound is true: found false",
        ),
    ],
    ids=["reverts on a spoke", "reverts on the hub", "expected otherwise", "then otherwise"],
)
def test_what_would_fail_is_one_line(desk: Desk, content: str, line: str) -> None:
    folder = desk.write(content)
    result = run("simulate", "1")
    assert result.exit_code == 1
    (error,) = (one for one in result.stderr.splitlines() if one.startswith("Error: "))
    assert error.startswith(f"Error: {line}")
    report = json.loads((folder / "report.json").read_text())
    assert (report["passed"], [f"Error: {one}" for one in report["faults"]]) == (False, [error])


def test_too_little_gas_to_arrive_is_one_line(desk: Desk) -> None:
    live, proposal = Live.open(), read(desk.write(HALF_CLOSED + WRITES), load_network())
    short = {one.id: 60_000 for one in rebuild(live, proposal, {}).decisions}
    outcome = simulate(live, proposal, rebuild(live, proposal, short), lambda line: None)
    assert outcome.faults == [
        "arcade: the decision does not arrive: 60,000 gas, its message's limit, are not enough"
    ]


def test_a_voter_verifies_what_was_proposed(desk: Desk, deployment: Deployment) -> None:
    folder = desk.write(HALF_CLOSED + WRITES)
    assert run("simulate", "1").exit_code == 0
    early = run("verify", "1")
    assert (early.exit_code, early.stderr) == (
        1,
        "Error: 001-test was not proposed: no proposal on chain has its title, or its bytes\n",
    )
    built = Built.load(folder)
    propose_on_chain(deployment, built)
    verified = run("verify", "1")
    assert verified.exit_code == 0, verified.stderr
    assert f"001-test is proposal {built.id}, byte by byte" in verified.stdout
    assert "| `Metalayer._routes[904].open` | true | false |" in verified.stdout
    assert verified.stdout.splitlines()[-1] == "the proposer's report says the same"
    report = json.loads((folder / "report.json").read_text())
    report["changes"]["arcade"].pop()
    (folder / "report.json").write_text(json.dumps(report))
    doubtful = run("verify", str(built.id))
    assert doubtful.exit_code == 0, doubtful.stderr
    assert doubtful.stdout.splitlines()[-1] == "the proposer's report says otherwise about: changes"
    desk.write(
        HALF_CLOSED.replace("outbound: true, inbound: false", "outbound: false, inbound: false") + WRITES
    )
    other = run("verify", "1")
    assert other.exit_code == 1
    assert other.stderr.startswith(
        f"Error: 001-test is not what was proposed: action 1 of proposal {built.id} is 0x"
    )


def test_the_order_of_two_proposals(desk: Desk, deployment: Deployment) -> None:
    """Both write one route: whoever is executed last wins."""
    live = Live.open()
    first = read(desk.write(HALF_CLOSED + WRITES, "001-half"), load_network())
    propose_on_chain(deployment, rebuild(live, first, {}))
    open_again = """
chains:
  hub:
    - Metalayer.setOpen: { chainId: perps, outbound: false, inbound: true }
  arcade:
    - Metalayer.setOpen: { chainId: social, outbound: true, inbound: true }
"""
    desk.write(open_again, "002-open")
    result = run("conflicts", "2")
    assert result.exit_code == 1
    heading, *lines = result.stdout.splitlines()
    assert heading == f"A test (pending, {rebuild(live, first, {}).id}): the order matters"
    assert lines[0] == "  arcade: Metalayer._routes[904].open is false or as it is"
    assert [line.partition(" is ")[0] for line in lines[1:]] == ["  arcade: Metalayer.closedSince[904]"]
    desk.write(
        open_again.replace("arcade", "social").replace("chainId: social", "chainId: arcade"), "003-apart"
    )
    apart = run("conflicts", "3")
    assert (apart.exit_code, "the order does not matter" in apart.stdout) == (0, True)


def test_what_is_on_other_chains_votes_if_it_is_a_quorum(desk: Desk, deployment: Deployment) -> None:
    deployment.bring(RELAYER.address, 50_000_000 * ERA, ["arcade"])
    deployment.finalize()
    there = deployment.connections["hub"].view(deployment.bridge, TOTAL_OUTSTANDING) // ERA
    live, proposal = Live.open(), read(desk.write(HALF_CLOSED + WRITES), load_network())
    outcome = simulate(live, proposal, rebuild(live, proposal, {}), lambda line: None)
    assert outcome.faults == []
    assert (
        f"HubVotePool votes for it with {there:,} ERA, all that is on other chains"
        in outcome.findings.found.assumed
    )


def test_what_whoever_votes_should_see(desk: Desk) -> None:
    """Offices, money, parameters that become others."""
    desk.write(
        """
chains:
  hub:
    - Metalayer.setTerms: { chainId: social, terms: { preset: game, return: hub } }
    - Metalayer.setRecovery: { newRecovery: TEST::9 }
    - ERA.transfer: { to: TEST::8, value: 5 ERA }
    - EraGovernor.setVotingPeriod: { newVotingPeriod: 2592000 }
    - pay: { to: TEST::7, value: 1 ether }
writes:
  hub: [Metalayer._routes, Metalayer.recovery, ERA._balances, EraGovernor._votingPeriod]
"""
    )
    result = run("simulate", "1")
    assert result.exit_code == 0, result.stderr
    warned = [line.removeprefix("warning: hub: ") for line in result.stderr.splitlines()]
    for line in (
        "5 ERA leave the treasury",
        "EraGovernor._votingPeriod changes by more than twice: 864000 → 2592000",
        "Metalayer._routes[904].baseFee changes by more than twice: 50000 → 200000",
        "the recovery of the gateway changes: Metalayer.recovery: ",
        f"ether comes to {VALIDATORS[2].address}: ",
    ):
        assert [one for one in warned if one.startswith(line)], line


@pytest.mark.parametrize(
    "name",
    ["001-fees", "002-grant", "003-council", "004-restart", "006-new-contract", "009-limit", "010-strike"],
)
def test_the_proposals_that_ship_pass(desk: Desk, name: str) -> None:
    """Those that need no chain and no gateway that is not there yet. Their reports are of what is here."""
    folder = copytree(repo_root() / "proposals" / name, desk.root / name)
    result = run("simulate", name)
    assert result.exit_code == 0, result.stderr
    report = json.loads((folder / "report.json").read_text())
    assert report["passed"] is True
    refuse_stale(name, report)


def test_several_decisions_for_a_chain_follow_each_other(desk: Desk) -> None:
    """Too much for one message: each is the precedent of the next."""
    actions = [
        f"    - Metalayer.setOpen: {{ chainId: social, outbound: {flag}, inbound: true }}\n"
        for flag in ("false", "true") * 20
    ]
    folder = desk.write("chains:\n  arcade:\n" + "".join(actions))
    result = run("simulate", "1")
    assert result.exit_code == 0, result.stderr
    first, second = Built.load(folder).decisions
    assert (first.precedent, second.precedent) == (NOTHING, first.id)
    report = json.loads((folder / "report.json").read_text())
    assert report["changes"]["arcade"] == [], "the last one says what the first found"
    assert len(report["events"]["arcade"]) == len(actions)


def test_a_decision_about_offices_waits_longer_and_nobody_postpones_it(desk: Desk) -> None:
    folder = desk.write(
        """
chains:
  arcade:
    - RemoteGovernor.setOffices: { newGuardian: Guardian, newRecovery: TEST::9 }
writes:
  arcade: [RemoteGovernor._officesCount, RemoteGovernor.recovery]
"""
    )
    result = run("simulate", "1")
    assert result.exit_code == 0, result.stderr
    report = json.loads((folder / "report.json").read_text())
    whens = {row[0]: row[1:] for row in report["timeline"]}
    on_hub, on_arcade = (
        [datetime.fromisoformat(one.removesuffix(" UTC")) for one in whens[name]]
        for name in ("executed on the hub", "executed on arcade")
    )
    assert [(after - before).days for before, after in zip(on_hub, on_arcade, strict=True)] == [35, 35, 35]


def test_a_queued_proposal_is_rehearsed_from_where_it_is(desk: Desk, deployment: Deployment) -> None:
    live, proposal = Live.open(), read(desk.write(HALF_CLOSED + WRITES), load_network())
    built = rebuild(live, proposal, {})
    propose_on_chain(deployment, built)
    hub = deployment.connections["hub"]
    snapshot = hub.view(built.governor, governor.PROPOSAL_SNAPSHOT, built.id)
    deployment.wait_out(3 * DAY)
    assert act(hub, SENDER.address, built.governor, governor.CAST_VOTE.encode(built.id, 0)).succeeded is False
    grant_votes(hub, deployment.era, SENDER.address, 50_000_000 * ERA, snapshot - 1)
    assert act(hub, SENDER.address, built.governor, governor.CAST_VOTE.encode(built.id, 1)).succeeded
    deployment.wait_out(5 * DAY)
    deployment.wait_out(5 * DAY)
    actions = (*built.proposal.actions, built.proposal.description_hash)
    assert act(hub, SENDER.address, built.governor, governor.QUEUE.encode(*actions)).succeeded
    deployment.finalize()
    outcome = simulate(live, proposal, built, lambda line: None)
    assert outcome.faults == []
    assert "the proposal is in the governor already, queued" in outcome.warnings
    assert set(outcome.findings.found.transactions) == {"execute", "execute on arcade", "execute on perps"}


def test_what_stands_behind_a_proxy_is_not_what_was_voted_on(desk: Desk, deployment: Deployment) -> None:
    proxy, hub = "0x" + "ab" * 20, deployment.connections["hub"]
    minimal = f"0x363d3d373d3d3d363d73{deployment.era[2:]}5af43d82803e903d91602b57fd5bf3"
    hub.rpc("anvil_setCode", proxy, minimal)
    deployment.finalize()
    decimals = to_hex(Function("decimals()").selector)
    desk.write(f"chains:\n  hub:\n    - raw: {{ to: '{proxy}', data: '{decimals}' }}\n")
    result = run("simulate", "1")
    assert result.exit_code == 0, result.stderr
    warned = result.stderr.splitlines()
    assert [line for line in warned if "is a proxy: what stands behind it may change" in line]
    assert [line for line in warned if "nobody checked them" in line]


def test_a_decision_that_ends_another_says_so(desk: Desk) -> None:
    ended = "0x" + "12" * 32
    folder = desk.write(
        f"""
chains:
  arcade:
    - Metalayer.setOpen: {{ chainId: social, outbound: true, inbound: true }}
cancels:
  - {{ on: arcade, id: '{ended}' }}
"""
    )
    assert run("simulate", "1").exit_code == 0
    (built,) = Built.load(folder).decisions
    report = json.loads((folder / "report.json").read_text())
    assert report["cancelled"] == {f"arcade/{to_hex(built.id)}": [ended]}
    assert f"- arcade: {ended}" in (folder / "REPORT.md").read_text()


def test_what_the_outbox_pays_is_sent_by_the_execution(desk: Desk, deployment: Deployment) -> None:
    """And what that writes is the decision's way, not what it does."""
    outbox = deployment.registry.address("DecisionOutbox")
    deployment.prepay(SENDER, 100 * ERA, ["hub"], outbox)
    deployment.finalize()
    folder = desk.write(HALF_CLOSED + WRITES)
    result = run("simulate", "1")
    assert result.exit_code == 0, result.stderr
    assert "DecisionOutbox has" not in result.stderr
    report = json.loads((folder / "report.json").read_text())
    assert [
        line.partition("(")[0] for line in report["events"]["hub"] if line.startswith("DecisionOutbox")
    ] == ["DecisionOutbox.DecisionSent"] * 2
    assert report["passed"]


def test_a_decision_that_no_route_takes_is_one_line(desk: Desk, deployment: Deployment) -> None:
    closed = gateway.SET_OPEN.encode(deployment.id_of("arcade"), False, True)
    deployment.as_owner("hub", deployment.gateway, closed)
    deployment.finalize()
    desk.write(HALF_CLOSED + WRITES)
    result = run("simulate", "1")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: arcade: the decision is recorded and cannot be sent: RouteClosed(chainId=902)"
    )


def test_a_decision_that_waits_is_live_although_its_proposal_was_executed(
    desk: Desk, deployment: Deployment
) -> None:
    """It arrived on arcade, and has its two days to wait there: what is proposed meanwhile is compared with it."""
    live, proposal = Live.open(), read(desk.write(HALF_CLOSED + WRITES, "001-half"), load_network())
    built = rebuild(live, proposal, {})
    for decision in built.decisions_on("arcade"):
        origin = interoperable(deployment.id_of("hub"), built.outbox)
        data = gateway.RECEIVE_MESSAGE.encode(decision.id, origin, decision.decision.encoded)
        remote = deployment.registry.address("RemoteGovernor")
        act_as(deployment.connections["arcade"], deployment.gateway, remote, data)
    propose_on_chain(deployment, built)
    hub = deployment.connections["hub"]
    actions = (*built.proposal.actions, built.proposal.description_hash)
    assert act(hub, built.proposer, built.governor, governor.CANCEL.encode(*actions)).succeeded
    deployment.finalize()
    desk.write(
        "chains:\n  arcade:\n    - Metalayer.setOpen: { chainId: social, outbound: true, inbound: true }\n",
        "002-x",
    )
    waiting = run("conflicts", "2")
    assert waiting.exit_code == 1
    assert f"A test (canceled, {built.id}): the order matters" in waiting.stdout
    desk.write(
        "chains:\n  perps:\n    - Metalayer.setOpen: { chainId: social, outbound: true, inbound: true }\n",
        "003-x",
    )
    assert "the order does not matter" in run("conflicts", "3").stdout, "on perps nothing arrived"


def test_what_has_to_come_before_is_done_before(desk: Desk) -> None:
    """A proposal that opens what the one before it closes; and one whose precedent nobody here knows."""
    closing = (
        "chains:\n  arcade:\n    - Metalayer.setOpen: { chainId: social, outbound: false, inbound: true }\n"
    )
    desk.write(closing, "001-close")
    assert run("build", "1").exit_code == 0
    after = (
        closing.replace("outbound: false", "outbound: true")
        + "writes:\n  arcade: [Metalayer._routes, Metalayer.closedSince]\n"
    )
    folder = desk.write(after + "after: [1/arcade]\n", "002-open")
    result = run("simulate", "2")
    assert result.exit_code == 0, result.stderr
    report = json.loads((folder / "report.json").read_text())
    paths = {one["path"]: (one["before"], one["after"]) for one in report["changes"]["arcade"]}
    assert paths["Metalayer._routes[904].open"] == ("false", "true")
    assert [line for line in report["assumed"] if "of 001-close was executed on arcade before" in line]
    unknown = "after:\n  - { on: arcade, id: '0x" + "12" * 32 + "' }\n"
    desk.write(after + unknown, "003-alone")
    alone = run("simulate", "3")
    assert alone.exit_code == 1
    assert "Error: arcade: it cannot be executed: PrecedentNotExecuted(" in alone.stderr
