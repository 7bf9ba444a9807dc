"""`ape metalayer propose`: from a file to its effects on every chain, and everything that stops it on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from metalayer.assets.tokens import BALANCE_OF
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import propose
from metalayer.governance import progress
from metalayer.governance.built import Built
from metalayer.governance.motions import Desk
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.rpc import Reverted, RpcError
from metalayer.protocol import bridge, decisions, gateway, governor
from metalayer.protocol.abi import Function
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import quantity
from tests.kit.deployment import ACCEPTING, ERA, Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import ATTACKER, BENEFICIARY, GUARDIAN, RECOVERY, RELAYER, TREASURY, Role

DAY = 86_400
HOUR = 3_600
PERIOD = 10 * DAY
_DELEGATE = Function("delegate(address)")

FEES = """title: Cheaper messages to arcade
proposer: PROPOSER
chains:
  hub:
    - ERA.transfer: { to: BENEFICIARY, value: 1_000 ERA }
  perps, social:
    - Metalayer.setTerms: { chainId: arcade, terms: { preset: game, return: "{chain}", baseFee: 777 } }
expect:
  - { on: spokes, call: Metalayer.route(arcade).outbound, is: true }
then:
  - { on: spokes, call: Metalayer.route(arcade).outbound, is: true }
"""
TEXT = "# Cheaper messages to arcade\n\nArcade is cheap.\n"


class Proposals:
    """Commands of `propose` in a profile, and the chains behind them."""

    def __init__(self, profile: Profile, deployment: Deployment, folder: Path) -> None:
        self.profile = profile
        self.deployment = deployment
        self.folder = folder
        self.exchange = DirectoryExchange(folder / "exchange")
        address = deployment.registry.address
        self.governor, self.remote, self.outbox = map(
            address, ("EraGovernor", "RemoteGovernor", "DecisionOutbox")
        )

    @property
    def hub(self) -> Connection:
        return self.deployment.connections["hub"]

    def write(self, content: str = FEES, name: str = "001-fees", text: str = TEXT) -> Path:
        folder = Path("proposals") / name
        folder.mkdir(parents=True, exist_ok=True)
        content = content.replace("PROPOSER", self.profile.account(TREASURY))
        (folder / "proposal.yml").write_text(content.replace("BENEFICIARY", BENEFICIARY.address))
        (folder / "README.md").write_text(text)
        return folder

    def run(self, *arguments: str, by: Role | None = None) -> Result:
        account = ("--account", self.profile.account(by)) if by else ()
        return self.profile.run(propose, *arguments, *account)

    def do(self, *arguments: str, by: Role | None = None) -> list[str]:
        """Lines of a command that succeeds, without the transactions."""
        done = self.run(*arguments, by=by)
        assert (done.exit_code, done.stderr) == (0, ""), done.output + done.stderr
        return [line.partition(": 0x")[0] for line in done.stdout.splitlines()]

    def refused(self, *arguments: str, by: Role | None = None) -> str:
        done = self.run(*arguments, by=by)
        assert done.exit_code == 1, done.output
        return done.stderr.removeprefix("Error: ").strip()

    def status(self, which: str = "1") -> Any:
        done = self.run("status", which, "--json", "--exchange", str(self.exchange))
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def submitted(self, **files: str) -> Built:
        """A proposal that is proposed, without a simulation."""
        folder = self.write(**files)
        number = folder.name[:3]
        assert self.run("build", number).exit_code == 0
        self.do("submit", number, "--unsimulated", by=TREASURY)
        return Built.load(folder)

    def pass_vote(self, built: Built) -> None:
        """Everybody votes for it, and the vote ends. The validator sets follow."""
        snapshot = self.hub.view(self.governor, governor.PROPOSAL_SNAPSHOT, built.id)
        # Blocks that were mined in one second stand before the node's clock, which is what moves.
        while (left := snapshot + 1 - self.hub.block().time) > 0:
            self.deployment.pass_time(left)
        self.hub.send(TREASURY, self.governor, governor.CAST_VOTE.encode(built.id, 1))
        for _ in range(2):
            self.deployment.wait_out(PERIOD // 2)

    def decided(self, **files: str) -> Built:
        """A proposal that is executed on the hub."""
        built = self.submitted(**files)
        self.pass_vote(built)
        self.do("queue", built.name, by=RELAYER)
        self.deployment.wait_out(3 * DAY)
        self.do("execute", built.name, by=TREASURY)
        return built

    def deliver(self) -> None:
        """What is on its way arrives."""
        self.deployment.finalize()
        with self.deployment.signing(self.exchange, self.folder):
            self.deployment.relayer(self.exchange).relay_once(lambda line: None)

    def state(self, chain: str, built: Built) -> DecisionState:
        (one, *_) = built.decisions_on(chain)
        return self.deployment.connections[chain].view(self.remote, decisions.STATE_OF, one.id)

    def base_fee(self, chain: str) -> int:
        arcade = self.deployment.id_of("arcade")
        return (
            self.deployment.connections[chain]
            .view(self.deployment.gateway, gateway.ROUTE, arcade)
            .terms.base_fee
        )


@pytest.fixture
def proposals(
    profile: Profile, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Proposals:
    monkeypatch.setenv("COLUMNS", "400")
    deployment.connections["hub"].send(TREASURY, deployment.era, _DELEGATE.encode(TREASURY.address))
    deployment.pass_time(2)
    return Proposals(profile, deployment, tmp_path)


def test_the_whole_way(proposals: Proposals, deployment: Deployment) -> None:
    """P7c: from the file to its effects on every chain; and each step asked for twice is done once."""
    before = {chain: proposals.base_fee(chain) for chain in ("perps", "social")}
    folder = proposals.write()
    lines = proposals.do("build", "1")
    assert "Cheaper messages to arcade: id" in lines[-2]
    built = Built.load(folder)
    proposals.do("build", "1")
    again = Built.load(folder)
    # Blocks go by; everything that is voted on is the same.
    assert (again.hash, again.proposal, again.decisions) == (built.hash, built.proposal, built.decisions)

    # M24 and D: nothing is proposed that was not simulated, byte for byte.
    assert "was not simulated: run `ape metalayer propose simulate 001`" in proposals.refused(
        "submit", "1", by=TREASURY
    )
    (folder / "report.json").write_text(json.dumps({"hash": "0x" + "12" * 32}))
    assert "is not what was simulated" in proposals.refused("submit", "1", by=TREASURY)
    (folder / "report.json").write_text(json.dumps({"hash": to_hex(built.hash), "passed": False}))
    assert "did not pass" in proposals.refused("submit", "1", by=TREASURY)
    (folder / "report.json").write_text(json.dumps({"hash": to_hex(built.hash), "passed": True}))
    assert "the proposer of 001-fees is" in proposals.refused("submit", "1", by=ATTACKER)
    assert proposals.status()["vote"] is None

    assert proposals.do("submit", "1", by=TREASURY) == [
        f"hub: proposal 001-fees is proposed, with the id {built.id}"
    ]
    assert proposals.do("submit", "1", by=TREASURY) == [
        "hub: proposal 001-fees was proposed already, and is pending"
    ]
    assert proposals.status()["vote"]["state"] == "pending"
    shown = proposals.do("status", "1")
    assert shown[-1] == "it decides for perps, social, too: sent when it is executed on the hub"
    assert "voting begins on" in proposals.refused("queue", "1", by=RELAYER)

    proposals.pass_vote(built)
    found = proposals.status()["vote"]
    assert found["state"] == "succeeded"
    assert int(found["votes"]["in_favour"]) > int(found["quorum"]) > 0
    assert "has to be queued first" in proposals.refused("execute", "1", by=RELAYER)
    (line,) = proposals.do("queue", "1", by=RELAYER)
    assert line.startswith("hub: proposal 001-fees is queued, and may be executed from")
    assert proposals.do("queue", "1", by=RELAYER) == ["hub: proposal 001-fees is queued already"]
    assert "its time comes on" in proposals.refused("execute", "1", by=RELAYER)

    deployment.wait_out(3 * DAY)
    held = proposals.hub.view(deployment.era, BALANCE_OF, BENEFICIARY.address)
    paid, *lines = proposals.do("execute", "1", by=TREASURY)
    assert "put into the credit that sends decisions" in paid
    assert lines[0] == "hub: proposal 001-fees is executed"
    assert ["did not arrive yet" in line for line in lines[1:]] == [True, True]
    assert proposals.hub.view(deployment.era, BALANCE_OF, BENEFICIARY.address) == held + 1_000 * ERA
    steps = proposals.status()["decisions"]
    assert [(one["chain"], one["decided"], len(one["sent"]), one["state"]) for one in steps] == [
        ("perps", True, 1, "unknown"),
        ("social", True, 1, "unknown"),
    ]
    assert {one["message"] for one in steps} <= {"sent", "final"}

    proposals.deliver()
    assert [proposals.state(chain, built) for chain in before] == [DecisionState.WAITING] * 2
    done, *waiting = proposals.do("execute", "1", by=RELAYER)
    assert done == "hub: proposal 001-fees was executed already"
    assert all("waits until" in line for line in waiting)
    deployment.wait_out(3 * DAY)
    assert {one["state"] for one in proposals.status()["decisions"]} == {"ready"}
    lines = proposals.do("execute", "1", by=RELAYER)
    assert [line.rpartition(" ")[2] for line in lines[1:]] == ["executed", "executed"]
    assert {proposals.base_fee(chain) for chain in before} == {777}
    assert all("was executed already" in line for line in proposals.do("execute", "1", by=RELAYER))
    found = proposals.status()
    assert found["done"] is True
    assert all(one["executed_in"] and not one["why"] and not one["trouble"] for one in found["decisions"])
    table = proposals.run("status", "1", "--exchange", str(proposals.exchange)).stdout
    assert "everything is executed on every chain" in table
    listed = json.loads(proposals.run("status", "--json").stdout)
    assert [(one["name"], one["state"]) for one in listed] == [("001-fees", "executed")]
    # By its id, although the folder is gone.
    (folder / "build.json").unlink()
    assert proposals.status(str(built.id))["done"] is True


OPEN = """title: Open
proposer: PROPOSER
chains:
  CHAINS:
    - Metalayer.setOpen: { chainId: arcade, outbound: true, inbound: false }
expect:
  - { on: all, call: Metalayer.route(arcade).inbound, is: true }
"""


def opening(chains: str) -> dict[str, str]:
    return {"content": OPEN.replace("CHAINS", chains), "name": "002-open", "text": "# Open\n\nWhy not?\n"}


def test_faults_are_told_at_once_each_with_its_line(proposals: Proposals) -> None:
    proposals.write("""title: A test
proposer: PROPOSER
chains:
  hub:
    - ERA.transfr: { to: BENEFICIARY, value: 1 ERA }
    - ERA.transfer: { to: BENEFICIARY, value: 1 apple }
""")
    done = proposals.run("build", "1")
    assert done.exit_code == 1
    assert [line.partition(": ")[2].partition(": ")[0] for line in done.stderr.splitlines()] == [
        "001-fees/proposal.yml:1",
        "001-fees/proposal.yml:5",
        "001-fees/proposal.yml:6",
    ]
    assert "there is no proposal '7'" in proposals.refused("build", "7")
    assert "there is no 001-fees/build.json yet" in proposals.refused("status", "1")
    assert "nothing was ever proposed on hub with the id" in proposals.refused("status", "12345")
    assert "'0xzz' is no id" in proposals.refused("queue", "0xzz")


def test_a_proposer_needs_votes(proposals: Proposals, deployment: Deployment) -> None:
    content = opening("hub")["content"].replace("PROPOSER", proposals.profile.account(BENEFICIARY))
    proposals.write(content, "001-open", "# Open\n")
    proposals.do("build", "1")
    said = proposals.refused("submit", "1", "--unsimulated", by=BENEFICIARY)
    assert "has 0 ERA of votes on hub, a proposal needs 1,000,000" in said


def test_what_changed_since_it_was_built_is_not_proposed(
    proposals: Proposals, deployment: Deployment
) -> None:
    """D: what is proposed is what was built, and what was simulated. What was proposed keeps its bytes."""
    folder = proposals.write(**opening("hub"))
    proposals.do("build", "2")
    (folder / "README.md").write_text("# Open\n\nFor another reason.\n")
    said = proposals.refused("submit", "2", "--unsimulated", by=TREASURY)
    assert "gives other bytes than when it was built" in said
    proposals.do("build", "2")
    proposals.do("submit", "2", "--unsimulated", by=TREASURY)
    (folder / "README.md").write_text("# Open\n\nFor a third reason.\n")
    assert "was proposed already, and is another proposal now" in proposals.refused("build", "2")


def test_its_proposer_cancels_it_before_the_vote_and_the_council_at_any_time(
    proposals: Proposals, deployment: Deployment
) -> None:
    """M25, M26: nobody else can propose it in their place."""
    first = proposals.submitted(**opening("hub"))
    other = replace(first.proposal, description=first.text.replace("Why not?", "Why?"))
    data = governor.PROPOSE.encode(*other.actions, other.description)
    with pytest.raises(Reverted, match="GovernorRestrictedProposer"):
        proposals.hub.call(proposals.governor, data, sender=ATTACKER.address)
    assert "may not cancel proposal 002-open" in proposals.refused("cancel", "2", by=ATTACKER)
    assert proposals.do("cancel", "2", by=TREASURY) == ["hub: proposal 002-open is cancelled"]
    assert proposals.do("cancel", "2", by=TREASURY) == ["hub: proposal 002-open was cancelled already"]
    second = proposals.submitted(**opening("hub") | {"name": "003-open", "text": "# Open\n\nAgain.\n"})
    proposals.pass_vote(second)
    assert "may not cancel proposal 003-open" in proposals.refused("cancel", "3", by=TREASURY)
    proposals.do("queue", "3", by=RELAYER)
    assert proposals.do("cancel", "3", by=GUARDIAN) == ["hub: proposal 003-open is cancelled"]
    assert "it is canceled" in proposals.refused("execute", "3", by=RELAYER)


def test_a_decision_that_could_not_be_sent_is_sent_again(
    proposals: Proposals, deployment: Deployment
) -> None:
    """M39, M49: without credit, and over a closed lane. No vote is needed, and one of them counts."""
    built = proposals.submitted(**opening("perps, social"))
    proposals.pass_vote(built)
    proposals.do("queue", "2", by=RELAYER)
    deployment.wait_out(3 * DAY)
    perps = deployment.id_of("perps")
    deployment.as_owner("hub", deployment.gateway, gateway.SET_OPEN.encode(perps, False, True))
    lines = proposals.do("execute", "2", "--no-deposit", by=TREASURY)
    assert (
        "its decision for perps is not sent (RouteClosed(chainId=903)): `ape metalayer propose send 002 perps`"
        in (lines[1])
    )
    assert "its decision for social is not sent (" in lines[2]
    steps = {one["chain"]: one for one in proposals.status("2")["decisions"]}
    assert "RouteClosed" in steps["perps"]["why"]
    assert "`ape metalayer propose send` sends it again" in steps["social"]["why"]
    said = proposals.refused("send", "2", "perps", by=TREASURY)
    assert "cannot be sent from hub now: RouteClosed" in said
    assert "credit deposit hub" in proposals.refused("send", "2", "social", "--no-deposit", by=TREASURY)
    (line,) = proposals.do("send", "2", "social", by=TREASURY)
    assert "is sent, as message" in line
    # Once more: at most one of them counts.
    proposals.do("send", "2", "social", by=TREASURY)
    proposals.deliver()
    assert proposals.state("social", built) is DecisionState.WAITING
    assert "is there already: it is waiting" in proposals.do("send", "2", "social", by=TREASURY)[0]
    assert len(proposals.status("2")["decisions"][1]["sent"]) == 2
    assert "decides nothing for arcade" in proposals.refused("send", "2", "arcade", by=TREASURY)
    deployment.as_owner("hub", deployment.gateway, gateway.SET_OPEN.encode(perps, True, True))
    proposals.do("send", "2", "perps", by=TREASURY)
    proposals.deliver()
    assert proposals.state("perps", built) is DecisionState.WAITING


def test_guardian_and_recovery_stop_a_decision(proposals: Proposals, deployment: Deployment) -> None:
    """P8b: two keys of different kinds."""
    built = proposals.decided(**opening("perps"))
    assert "did not arrive yet" in proposals.refused("postpone", "2", "perps", by=GUARDIAN)
    proposals.deliver()
    assert "is neither a watcher nor the council" in proposals.refused("postpone", "2", "perps", by=ATTACKER)
    assert "only what the guardian postponed can be refused" in proposals.refused(
        "refuse", "2", "perps", by=RECOVERY
    )
    (line,) = proposals.do("postpone", "2", "perps", by=GUARDIAN)
    assert "is postponed until" in line
    assert "was postponed already" in proposals.do("postpone", "2", "perps", by=GUARDIAN)[0]
    (step,) = proposals.status("2")["decisions"]
    assert step["postponed"] is True
    assert "is not the recovery" in proposals.refused("refuse", "2", "perps", by=GUARDIAN)
    assert proposals.do("refuse", "2", "perps", by=RECOVERY)[0].endswith("is refused")
    assert proposals.do("refuse", "2", "perps", by=RECOVERY)[0].endswith("was refused already")
    assert proposals.state("perps", built) is DecisionState.REFUSED
    assert "is refused: it will not be executed" in proposals.refused("execute", "2", by=RELAYER)
    assert proposals.status("2")["decisions"][0]["why"] == "the recovery refused it"


def test_what_was_expected_is_checked_again_where_it_is_executed(
    proposals: Proposals, deployment: Deployment
) -> None:
    """P8d, M48: a setting that was voted on before an emergency does not open what the emergency closed."""
    built = proposals.decided(**opening("perps"))
    proposals.deliver()
    deployment.wait_out(3 * DAY)
    arcade = deployment.id_of("arcade")
    deployment.as_owner("perps", deployment.gateway, gateway.SET_OPEN.encode(arcade, False, False))
    said = proposals.refused("execute", "2", by=RELAYER)
    assert "is not as it was voted on" in said
    assert "it would revert: UnexpectedResult" in proposals.status("2")["decisions"][0]["why"]
    assert proposals.state("perps", built) is DecisionState.READY
    deployment.as_owner("perps", deployment.gateway, gateway.SET_OPEN.encode(arcade, True, True))
    assert "is executed" in proposals.do("execute", "2", by=RELAYER)[1]
    route = deployment.connections["perps"].view(deployment.gateway, gateway.ROUTE, arcade)
    assert (route.outbound, route.inbound) == (True, False)


def test_drift_becomes_a_proposal(proposals: Proposals, deployment: Deployment) -> None:
    """D, A16: nothing is configured by `apply`; what differs is voted on."""
    assert proposals.do("from-drift") == ["nothing that a vote can change differs from deploy.yaml"]
    arcade = deployment.id_of("arcade")
    for chain in ("perps", "social"):
        deployment.as_owner(chain, deployment.gateway, gateway.SET_OPEN.encode(arcade, True, False))
    lines = proposals.do("from-drift", "open-again", "--proposer", proposals.profile.account(TREASURY))
    assert "written to proposals/001-open-again" in lines[-1]
    proposals.do("build", "1")
    built = Built.load(Path("proposals/001-open-again"))
    data = gateway.SET_OPEN.encode(arcade, True, True)
    assert [(one.chain, one.decision.calldatas) for one in built.decisions] == [
        ("perps", (data,)),
        ("social", (data,)),
    ]
    assert "  perps, social:\n" in Path("proposals/001-open-again/proposal.yml").read_text()
    # Terms are written as the preset that they are.
    terms = deployment.connections["social"].view(deployment.gateway, gateway.ROUTE, arcade).terms
    deployment.as_owner(
        "social", deployment.gateway, gateway.SET_TERMS.encode(arcade, replace(terms, base_fee=1))
    )
    found = json.loads(
        proposals.run(
            "from-drift", "terms", "--json", "--proposer", proposals.profile.account(TREASURY)
        ).stdout
    )
    assert {chain: len(mends) for chain, mends in found["mends"].items()} == {"perps": 1, "social": 2}
    written = Path("proposals/002-terms/proposal.yml").read_text()
    assert 'Metalayer.setTerms: { chainId: arcade, terms: { preset: arcade, return: "{chain}" } }' in written
    proposals.do("build", "2")
    (decision,) = Built.load(Path("proposals/002-terms")).decisions_on("social")
    assert set(decision.decision.calldatas) == {data, gateway.SET_TERMS.encode(arcade, terms)}
    assert "such as fees, found 'No Name'" in proposals.refused("from-drift", "No Name")


def test_limits_of_deploy_yaml_become_a_proposal(proposals: Proposals, deployment: Deployment) -> None:
    """One for the hub and one for arcade, written as people read them, and a strike."""
    id_ = "0x" + "1d" * 32
    window = {"token": "ERA", "out": "2_000.5", "window": "12 hours"}
    limits = [
        {**window, "on": "hub", "with": "arcade", "in": 1_000},
        {**window, "on": "arcade", "with": "hub", "in": 0},
    ]
    struck = [{"on": "arcade", "from": "hub", "id": id_, "because": "the hub never sent it"}]
    proposals.profile.declare(bridge={"limits": limits, "struck": struck})
    proposals.do("from-drift", "limits", "--proposer", proposals.profile.account(TREASURY))
    written = Path("proposals/001-limits/proposal.yml").read_text()
    wei = 10**18
    assert (
        "  hub:\n    - TokenBridge.setLimits: { token: ERA, chainId: arcade, outCapacity: 2_000.5 ERA, "
        "inCapacity: 1_000 ERA, window: 12 hours }\n"
    ) in written
    assert f"    - TokenBridge.strike: {{ chainId: hub, id: {id_} }}\n" in written
    assert proposals.run("build", "1").exit_code == 0
    built = Built.load(Path("proposals/001-limits"))
    (decision,) = built.decisions
    era, arcade, hub = deployment.era, deployment.id_of("arcade"), deployment.id_of("hub")
    capacity = 2_000 * wei + wei // 2
    assert built.actions[0].calldata == bridge.SET_LIMITS.encode(era, arcade, capacity, 1_000 * wei, 43_200)
    assert decision.chain == "arcade"
    assert decision.decision.calldatas == (
        bridge.SET_LIMITS.encode(era, hub, capacity, 0, 43_200),
        bridge.STRIKE.encode(hub, from_hex(id_)),
    )
    assert [warning.partition(" on arcade: ")[2].partition(",")[0] for warning in built.warnings] == [
        "everything that arrives waits a day",
        "for ever",
    ]
    # As a vote would have decided it: then nothing differs.
    deployment.as_owner("hub", deployment.bridge, built.actions[0].calldata)
    for calldata in decision.decision.calldatas:
        deployment.as_owner("arcade", deployment.bridge, calldata)
    assert proposals.do("from-drift") == ["nothing that a vote can change differs from deploy.yaml"]


CALLING = """title: Call
proposer: PROPOSER
chains:
  hub, perps:
    - raw: { to: "ACCEPTING", data: 0x12345678 }
"""


def test_a_target_with_other_code_than_was_voted_on_is_not_called(
    proposals: Proposals, deployment: Deployment
) -> None:
    """M24, P7c: on the hub, and on every other chain."""
    deployment.place_recipients()
    content = CALLING.replace("ACCEPTING", ACCEPTING)
    built = proposals.submitted(content=content, name="002-call", text="# Call\n\nWhy not?\n")
    proposals.pass_vote(built)
    proposals.do("queue", "2", by=RELAYER)
    deployment.wait_out(3 * DAY)
    hub, perps = deployment.connections["hub"], deployment.connections["perps"]
    code = to_hex(hub.code(ACCEPTING))
    hub.rpc("anvil_setCode", ACCEPTING, code + "00")
    assert "something that it calls has other code" in proposals.refused("execute", "2", by=TREASURY)
    hub.rpc("anvil_setCode", ACCEPTING, code)
    proposals.do("execute", "2", by=TREASURY)
    proposals.deliver()
    deployment.wait_out(3 * DAY)
    perps.rpc("anvil_setCode", ACCEPTING, code + "00")
    assert f"{ACCEPTING} has other code than what was voted on" in proposals.refused(
        "execute", "2", by=RELAYER
    )
    assert "it would revert: CodeChanged" in proposals.status("2")["decisions"][0]["why"]
    perps.rpc("anvil_setCode", ACCEPTING, code)
    assert "is executed" in proposals.do("execute", "2", by=RELAYER)[1]


LONG = """title: Long
proposer: PROPOSER
chains:
  hub:
    - EraGovernor.setVotingPeriod: { newVotingPeriod: 8 days }
    - pay: { to: BENEFICIARY, value: 3 ether }
  arcade, perps, social:
ENTRIES
    - pay: { to: BENEFICIARY, value: 2 ether }
"""


def test_long_decisions_are_sent_and_what_a_timelock_lacks_is_brought(
    proposals: Proposals, deployment: Deployment
) -> None:
    """What sending takes no estimate shows: a message that cannot be sent fails nothing. The governor sets itself."""
    entry = "    - Metalayer.setOpen: { chainId: hub, outbound: true, inbound: true }"
    content = LONG.replace("ENTRIES", "\n".join([entry] * 45))
    built = proposals.submitted(content=content, name="002-long", text="# Long\n\nWhy not?\n")
    assert [len(built.decisions_on(chain)) for chain in ("arcade", "perps", "social")] == [2, 2, 2]
    proposals.pass_vote(built)
    proposals.do("queue", "2", by=RELAYER)
    deployment.wait_out(3 * DAY)
    for connection in deployment.connections.values():
        connection.rpc("anvil_setBalance", deployment.owner, hex(10**18))
    balance = quantity("eth_getBalance", BENEFICIARY.address, "latest", bits=256)
    held = {name: connection.ask(balance) for name, connection in deployment.connections.items()}
    lines = proposals.do("execute", "2", by=TREASURY)
    assert not [line for line in lines if "is not sent" in line]
    assert all(len(one["sent"]) == 1 for one in proposals.status("2")["decisions"])
    assert proposals.hub.ask(balance) == held["hub"] + 3 * 10**18
    assert proposals.hub.view(proposals.governor, governor.VOTING_PERIOD) == 8 * DAY
    proposals.deliver()
    deployment.wait_out(3 * DAY)
    # In their order: each waits for the one before.
    second = built.decisions_on("perps")[1]
    data = decisions.EXECUTE.encode(second.decision)
    with pytest.raises(Reverted, match="PrecedentNotExecuted"):
        deployment.connections["perps"].call(proposals.remote, data)
    lines = proposals.do("execute", "2", by=RELAYER)
    assert [line.rpartition(" ")[2] for line in lines[1:]] == ["executed"] * 6
    for name in ("arcade", "perps", "social"):
        assert deployment.connections[name].ask(balance) == held[name] + 2 * 10**18
    assert proposals.status("2")["done"] is True


def test_a_chain_that_does_not_answer_hides_nothing_of_the_others(
    proposals: Proposals, deployment: Deployment
) -> None:
    built = proposals.decided(**opening("perps, social"))
    proposals.deliver()
    live = Live.open()
    mesh = replace(live.mesh, connections=deployment.cut_off_from("perps").connections)
    desk = Desk.of(replace(live, mesh=mesh))
    found = progress.read(desk, desk.of_built(built), proposals.exchange)
    silent, well = found.steps
    assert silent.trouble.startswith("perps")
    assert silent.is_decided
    assert (well.state, well.trouble) == (DecisionState.WAITING, "")


def test_what_was_done_is_told_as_json_too(proposals: Proposals, deployment: Deployment) -> None:
    proposals.write(**opening("hub"))
    built = json.loads(proposals.run("build", "2", "--json").stdout)
    assert built["id"] == str(Built.load(Path("proposals/002-open")).id)
    done = json.loads(proposals.run("submit", "2", "--unsimulated", "--json", by=TREASURY).stdout)
    assert [(one["chain"], len(one["transaction"])) for one in done] == [("hub", 66)]
    refused = proposals.run("queue", "2", "--json", by=RELAYER)
    assert (refused.exit_code, json.loads(refused.stdout)) == (1, [])
    assert "voting begins on" in refused.stderr


@pytest.mark.parametrize("count", [1, 24])
def test_the_least_gas_with_which_a_proposal_is_executed_also_sends_its_decisions(
    proposals: Proposals, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """P8c: some nodes estimate exactly that, and a decision that cannot be sent reverts nothing."""

    def least(self: Connection, sender: str, to: str, data: bytes, value: int = 0) -> int:
        low, high = 21_000, 16_000_000
        while low + 1 < high:
            middle = (low + high) // 2
            try:
                self.call(to, data, "pending", sender=sender, gas=middle)
                high = middle
            except RpcError:
                low = middle
        return high

    entry = "    - Metalayer.setOpen: { chainId: hub, outbound: true, inbound: true }"
    content = "title: Long\nproposer: PROPOSER\nchains:\n  perps:\n" + f"{entry}\n" * count
    built = proposals.submitted(content=content, name="002-long", text="# Long\n\nWhy not?\n")
    assert len(built.decisions) == 1
    proposals.pass_vote(built)
    proposals.do("queue", "2", by=RELAYER)
    deployment.wait_out(3 * DAY)
    monkeypatch.setattr(Connection, "estimate", least)
    lines = proposals.do("execute", "2", by=TREASURY)
    assert not [line for line in lines if "is not sent" in line]
