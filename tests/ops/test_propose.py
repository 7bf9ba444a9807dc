"""`ape metalayer propose`: from a file to its effects on every chain, and everything that stops it on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from metalayer.assets.tokens import BALANCE_OF
from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli import propose
from metalayer.governance.built import Built
from metalayer.network.connection import Connection
from metalayer.protocol import decisions, gateway, governor
from metalayer.protocol.abi import Function
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.hex import to_hex
from tests.kit.deployment import ERA, Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import ATTACKER, BENEFICIARY, RELAYER, TREASURY, Role

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
        self.deployment.pass_time(snapshot + 1 - self.hub.block().time)
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
