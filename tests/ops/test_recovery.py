"""`ape metalayer relay recover`: a chain whose validator set has expired, over four real chains."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.sets import read_sets
from metalayer.cli import relay
from metalayer.protocol import gateway
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.dates import utc
from metalayer.protocol.gateway import ANNOUNCEMENT_DELAY, RECOVERY_DELAY, ROTATION_GRACE
from metalayer.protocol.staking import LIFETIME
from tests.kit.deployment import Deployment
from tests.kit.paper import DAY
from tests.kit.profiles import Profile
from tests.kit.roles import RECOVERY, RELAYER, Role


class Recovering:
    """The command on `social`, which nobody brought another set."""

    def __init__(self, profile: Profile, deployment: Deployment, folder: Path) -> None:
        self.profile = profile
        self.deployment = deployment
        self.exchange = DirectoryExchange(folder / "exchange")
        self.folder = folder

    def run(self, *arguments: str, by: Role | None = None, chain: str = "social") -> Result:
        account = ("--account", self.profile.account(by)) if by else ()
        shared = ("--exchange", str(self.exchange.directory))
        return self.profile.run(relay, "recover", *([chain] if chain else []), *shared, *account, *arguments)

    def line(self, by: Role | None = None) -> str:
        """What a command says that refuses nothing."""
        done = self.run(by=by)
        assert (done.exit_code, done.stderr) == (0, ""), done.output + done.stderr
        (line,) = done.stdout.splitlines()
        return line

    def refusal(self, by: Role) -> str:
        done = self.run(by=by)
        assert (done.exit_code, done.stdout) == (1, ""), done.output
        (line,) = done.stderr.splitlines()
        return line

    @property
    def installed(self) -> int:
        return read_sets(self.deployment.connections["social"], self.deployment.gateway).installed.version

    @property
    def height(self) -> int:
        return self.deployment.connections["social"].height()

    def publish(self, after: int) -> ValidatorSet:
        published = self.deployment.publish(after=after)
        self.deployment.adopt(published)
        self.deployment.finalize()
        return published


@pytest.fixture
def recovering(profile: Profile, deployment: Deployment, tmp_path: Path) -> Recovering:
    return Recovering(profile, deployment, tmp_path)


def test_an_announced_set_brings_a_chain_back(recovering: Recovering, deployment: Deployment) -> None:
    """S9, M5: each step by whom it takes, at its time, once; what is too early or somebody else's is one line."""
    expires = deployment.validator_set.expires
    annex = deployment.on["social"].contracts["Annex"]
    delays = [annex.view(f"{name}_DELAY") for name in ("RECOVERY", "ANNOUNCEMENT")]
    assert delays == [RECOVERY_DELAY, ANNOUNCEMENT_DELAY]
    assert recovering.line(by=RELAYER) == (
        f"social: validator set 1 signs until {utc(expires)}: there is nothing to recover"
    )
    hub = recovering.run(chain="hub")
    assert hub.exit_code == 1
    assert (
        "hub adopts the sets that Staking publishes, expired or not: there is nothing to reco" in hub.stderr
    )

    deployment.pass_time(LIFETIME + 60)
    recovering.publish(after=0)
    announceable = utc(expires + RECOVERY_DELAY + 1)
    expired = f"social: validator set 1 expired at {utc(expires)}: "
    later = f"its recovery {RECOVERY.address} can announce the newest set from {announceable} on"
    assert recovering.line(by=RECOVERY) == (
        f"{expired}its validators bring in the next one until {utc(expires + ROTATION_GRACE)} "
        f"(`ape metalayer relay once`); {later}"
    )
    deployment.pass_time(ROTATION_GRACE)
    assert recovering.line(by=RECOVERY) == expired + later

    deployment.pass_time(ROTATION_GRACE)
    stale = recovering.line(by=RECOVERY)
    assert stale.startswith(f"{expired}the newest set of Staking, 2, expires at ")
    recovering.publish(after=0)
    possible = (
        f"{expired}its recovery {RECOVERY.address} can announce set 3, which anyone installs 7 days later"
    )
    assert recovering.line() == possible
    assert recovering.refusal(by=RELAYER) == f"{possible}, not {RELAYER.address}"
    announced = recovering.line(by=RECOVERY)
    assert announced.startswith(
        "social: validator set 3 announced, anyone can install it 7 days from now: 0x"
    )
    social = deployment.connections["social"]
    from_ = social.view(deployment.gateway, gateway.ANNOUNCED_SET).installable_from
    height = recovering.height
    for who in (RECOVERY, RELAYER, None):
        waits = recovering.line(by=who)
        assert waits == f"{expired}set 3 is announced, and anyone can install it from {utc(from_)} on"
    assert recovering.height == height, "nothing is announced anew"

    deployment.pass_time(ANNOUNCEMENT_DELAY, "social")
    assert recovering.line() == f"{expired}set 3 is announced, and anyone can install it now"
    found = recovering.run("--json", by=RELAYER)
    assert found.exit_code == 0, found.stderr
    (one,) = json.loads(found.stdout)["chains"]
    assert (one["act"], one["set"], one["by"], one["version"], one["expired"]) == (
        "install",
        3,
        None,
        1,
        True,
    )
    assert len(one["transaction"]) == 66
    assert recovering.installed == 3
    assert "validator set 3 signs until " in recovering.line(by=RELAYER)


def test_what_the_expired_set_signed_comes_first(recovering: Recovering, deployment: Deployment) -> None:
    """P3: by anyone for a week, later by the recovery alone, without any delay; an announcement is not waited for."""
    second = recovering.publish(after=9 * DAY)
    with deployment.signing(recovering.exchange, recovering.folder):
        deployment.cut_off_from("social").keep(recovering.exchange)
    expires = deployment.validator_set.expires
    expired = f"social: validator set 1 expired at {utc(expires)}: "
    deployment.pass_time(2 * DAY, "social")
    assert recovering.line() == f"{expired}anyone can bring in set 2, which it signed"
    deployment.pass_time(ROTATION_GRACE, "social")
    possible = f"{expired}its recovery {RECOVERY.address} can bring in set 2, which it signed"
    assert recovering.refusal(by=RELAYER) == f"{possible}, not {RELAYER.address}"
    done = recovering.line(by=RECOVERY)
    assert done.startswith("social: validator set 2 brought in: 0x")
    assert recovering.line(by=RECOVERY) == (
        f"social: validator set 2 signs until {utc(second.expires)}: there is nothing to recover"
    )
    assert recovering.installed == 2


def test_what_another_chain_accepted_is_enough(recovering: Recovering, deployment: Deployment) -> None:
    """The exchange is gone: the very call that brought the set to arcade brings it here, too."""
    second = recovering.publish(after=9 * DAY)
    deployment.rotate("arcade", second)
    deployment.pass_time(9 * DAY, "social")
    assert recovering.exchange.roots() == []
    assert "can bring in set 2, which it signed, not " in recovering.refusal(by=RELAYER)
    assert recovering.line(by=RECOVERY).startswith("social: validator set 2 brought in: 0x")
    assert recovering.installed == 2


def test_anyone_brings_in_what_was_signed_within_a_week(
    recovering: Recovering, deployment: Deployment
) -> None:
    recovering.publish(after=9 * DAY)
    with deployment.signing(recovering.exchange, recovering.folder):
        deployment.cut_off_from("social").keep(recovering.exchange)
    deployment.pass_time(2 * DAY, "social")
    assert recovering.line(by=RELAYER).startswith("social: validator set 2 brought in: 0x")
    assert recovering.installed == 2


def test_what_staking_never_published_is_an_alarm_and_never_installed(
    recovering: Recovering, deployment: Deployment
) -> None:
    """S9: whatever was announced, with whosever key. The recovery itself replaces it by the newest set."""
    deployment.pass_time(LIFETIME + RECOVERY_DELAY + 60)
    recovering.publish(after=0)
    social = deployment.connections["social"]
    forged = replace(deployment.next_set(9), expires=deployment.validator_set.expires + 30 * DAY)
    data = gateway.ANNOUNCE_SET.encode(deployment.validator_set, forged)
    social.send(RECOVERY, deployment.gateway, data)
    social.rpc("anvil_mine", "0x1")
    deployment.pass_time(ANNOUNCEMENT_DELAY)
    recovering.publish(after=0)
    found = recovering.run(by=RELAYER)
    assert found.exit_code == 1
    alarm, refused = found.stderr.splitlines()
    assert alarm.startswith(
        f"social: 0x{forged.hash.hex()} is announced, which is no set that Staking published"
    )
    assert refused.endswith(f"can announce set 3, which anyone installs 7 days later, not {RELAYER.address}")
    assert recovering.installed == 1
    assert "validator set 3 announced" in recovering.run(by=RECOVERY).stdout
    known = social.view(deployment.gateway, gateway.ANNOUNCED_SET)
    assert known.set_hash != forged.hash


def test_all_chains_are_looked_at_and_one_that_is_silent_is_named(
    recovering: Recovering,
) -> None:
    found = recovering.run("--json", chain="")
    said: dict[str, Any] = json.loads(found.stdout)
    assert (found.exit_code, said["problems"]) == (0, [])
    assert [one["chain"] for one in said["chains"]] == ["arcade", "perps", "social"]
    assert {(one["act"], one["expired"], one["due"]) for one in said["chains"]} == {("nothing", False, False)}
    networks = Path("networks.yaml")
    content = yaml.safe_load(networks.read_text())
    content["chains"]["social"]["port"] = 1
    networks.write_text(yaml.safe_dump(content))
    cut = recovering.run(chain="")
    assert cut.exit_code == 1
    assert [line.partition(":")[0] for line in cut.stdout.splitlines()] == ["arcade", "perps"]
    assert cut.stderr.splitlines()[-1].startswith("social is unreachable")


def test_without_a_recovery_nobody_announces(recovering: Recovering, deployment: Deployment) -> None:
    social = deployment.connections["social"]
    deployment.on["social"].gateway.send("setRecovery", "0x" + "00" * 20, sender=deployment.owner)
    deployment.pass_time(LIFETIME + RECOVERY_DELAY + 60)
    recovering.publish(after=0)
    assert social.view(deployment.gateway, gateway.RECOVERY) == "0x" + "00" * 20
    assert recovering.line(by=RECOVERY).endswith(
        "only a recovery can bring it another, and there is none: its owner names one (deploy.yaml)"
    )
