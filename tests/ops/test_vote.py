"""`ape metalayer vote`, and what `propose keep` and `propose status` do with votes."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from metalayer.assets.tokens import DELEGATES, TRANSFER
from metalayer.cli import propose, vote
from metalayer.governance import keeping
from metalayer.governance.motions import Motion
from metalayer.protocol import governor, votes
from metalayer.protocol.votes import Tally
from tests.kit.deployment import ERA, Deployment
from tests.kit.polling import (
    ARCADE_VOTER,
    LATE_VOTER,
    MILLION,
    PERPS_VOTER,
    PROPOSER,
    STAKE,
    STAKER,
    Polling,
)
from tests.kit.profiles import Profile
from tests.kit.roles import ATTACKER, PAUPER, RELAYER, Role

_TRANSACTION = re.compile(": 0x[0-9a-f]{64}$")


class Commands:
    """Commands of `vote` and `propose` in a profile, and the chains behind them."""

    def __init__(self, profile: Profile, poll: Polling) -> None:
        self.profile, self.poll = profile, poll

    def run(self, command: Any, *arguments: str, by: Role | None = None) -> Result:
        account = ("--account", self.profile.account(by)) if by else ()
        return self.profile.run(command, *arguments, *account)

    def do(self, command: Any, *arguments: str, by: Role | None = None) -> list[str]:
        """Lines of a command that succeeds, without the transactions."""
        done = self.run(command, *arguments, by=by)
        assert (done.exit_code, done.stderr) == (0, ""), done.output + done.stderr
        return [_TRANSACTION.sub("", line.rstrip()) for line in done.stdout.splitlines()]

    def cast(self, chain: str, voter: Role, *how: str) -> list[str]:
        return self.do(vote, "cast", "1", *how, "--chain", chain, by=voter)

    def refused(self, *arguments: str, by: Role | None = None, status: int = 1) -> str:
        done = self.run(vote, *arguments, by=by)
        assert done.exit_code == status, done.output + done.stderr
        return done.stderr.rpartition("Error: ")[2].strip()

    def read(self, command: Any, *arguments: str) -> Any:
        done = self.run(command, *arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def weights(self, voter: Role) -> dict[str, tuple[int, ...]]:
        """Votes, used, left by chain, in millions of ERA, where there are some."""
        found = self.read(vote, "status", "1", voter.address)["chains"]
        numbers = {
            one["chain"]: tuple(int(one[key]) // MILLION for key in ("weight", "used", "left"))
            for one in found
        }
        return {chain: some for chain, some in numbers.items() if any(some)}

    def keep(self, *options: str, by: Role = RELAYER) -> list[str]:
        return self.do(propose, "keep", "--exchange", str(self.poll.exchange), *options, by=by)

    def tallies(self) -> dict[str, Any]:
        found = self.read(propose, "status", "1", "--exchange", str(self.poll.exchange))
        return {one["chain"]: one for one in found["tallies"]}


@pytest.fixture
def poll(
    profile: Profile, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Polling:
    monkeypatch.setenv("COLUMNS", "400")
    poll = Polling(deployment, tmp_path / "workspace")
    poll.settle()
    return poll


@pytest.fixture
def commands(profile: Profile, poll: Polling) -> Commands:
    return Commands(profile, poll)


def test_from_the_delegation_to_the_count(commands: Commands, poll: Polling, deployment: Deployment) -> None:
    """Votes of four accounts on three chains, staked ones too, brought and counted; what is asked twice is said."""
    arcade = deployment.connections["arcade"]
    arcade.send(LATE_VOTER, deployment.era, TRANSFER.encode(ATTACKER.address, MILLION))
    (line,) = commands.do(
        vote, "delegate", commands.profile.account(ATTACKER), "--chain", "arcade", by=ATTACKER
    )
    assert (
        line
        == f"arcade: the ERA of {ATTACKER.address} votes with {ATTACKER.address}, who has 1,000,000 votes now"
    )
    assert commands.do(vote, "delegate", ATTACKER.address, "--chain", "arcade", by=ATTACKER)[0].endswith(
        "already"
    )
    motion = poll.submit()
    assert "these are votes as they are now" in "\n".join(commands.do(vote, "status", "1", PROPOSER.address))
    assert "nobody can vote about proposal 001-social now: voting begins on" in commands.refused(
        "cast", "1", "for", "--chain", "hub", by=PROPOSER
    )
    poll.reach(poll.vote(motion).snapshot + 1)
    assert commands.weights(ARCADE_VOTER) == {"arcade": (30, 0, 30)}

    assert commands.cast("hub", PROPOSER, "for") == [f"hub: {PROPOSER.address} votes for with 2,000,000 ERA"]
    assert commands.cast("hub", STAKER, "--against", "50%", "--abstain", "1000") == [
        f"hub: {STAKER.address} votes with ERA: 100,000 against, 1,000 abstain; 99,000 are left"
    ]
    assert commands.cast("hub", STAKER, "against") == [f"hub: {STAKER.address} votes against with 99,000 ERA"]
    line, note = commands.cast("arcade", ARCADE_VOTER, "for")
    assert line == f"arcade: {ARCADE_VOTER.address} votes for with 30,000,000 ERA"
    assert note == "it counts once it is on hub: `ape metalayer propose keep` brings it near the end"
    commands.cast("perps", PERPS_VOTER, "--for", "60%", "--against", "40%")
    assert commands.weights(PERPS_VOTER) == {"perps": (20, 20, 0)}
    assert "0 ERA of 20,000,000 left to vote with on perps" in commands.refused(
        "cast", "1", "against", "--chain", "perps", by=PERPS_VOTER
    )

    assert commands.keep() == ["nothing is due"]
    assert [line.partition(",")[0] for line in commands.keep("--now")] == [
        "arcade: its votes are sent to hub",
        "perps: its votes are sent to hub",
    ]
    assert commands.keep("--now") == ["nothing is due"]
    poll.deliver()
    assert len(commands.keep("--now")) == 2
    assert commands.keep("--now") == ["nothing is due"]
    assert poll.vote(motion).votes == (STAKE - 1_000 * ERA + 8 * MILLION, 44 * MILLION, 1_000 * ERA)
    for one in commands.tallies().values():
        assert one["faults"] == []
        assert one["recounted"] == one["said"] == one["kept"] == one["counted"]
    shown = commands.do(propose, "status", "1", "--exchange", str(poll.exchange))
    assert "Votes on other chains, counted again" in shown
    row = [line.replace("│", " ").split() for line in shown if line.startswith("│ arcade")][-1]
    assert row[:7] == ["arcade", "30,000,000", "0", "0", "30,000,000", "30,000,000", "30,000,000"]


def test_who_cannot_vote_is_told_why(commands: Commands, poll: Polling, deployment: Deployment) -> None:
    motion = poll.propose()
    assert "has no votes on arcade: they count as they were at the snapshot" in commands.refused(
        "cast", "1", "for", "--chain", "arcade", by=PAUPER
    )
    assert "has 30,000,000 ERA of 30,000,000 left to vote with on arcade, not 30,000,001" in commands.refused(
        "cast", "1", "--for", "30000001", "--chain", "arcade", by=ARCADE_VOTER
    )
    for wrong, said in {
        ("for", "--for", "60%"): "expected one of for, against, abstain, or parts",
        (): "expected one of for, against, abstain, or parts",
        ("--for", "60%", "--against", "41%"): "the parts are more than 100%",
        ("for", "--signature", "0x12"): "--signature and --voter belong together",
        (
            "for",
            "--sign",
            "--signature",
            "0x12",
            "--voter",
            PAUPER.address,
        ): "expected --sign, which sends nothing",
        ("--for", "0%"): "expected 60%, at most with two decimals",
        ("--for", "33.333%"): "expected 60%, at most with two decimals",
        (
            "for",
            "--signature",
            "12",
            "--voter",
            PAUPER.address,
        ): "expected what `ape metalayer vote cast --sign`",
    }.items():
        assert said in commands.refused("cast", "1", *wrong, "--chain", "arcade", by=ARCADE_VOTER, status=2)
    assert (
        deployment.connections["arcade"].view(
            poll.desk.votes, votes.SPOKE_TALLY, motion.id, poll.vote(motion).snapshot
        )
        == Tally()
    )


@pytest.mark.parametrize("how", [("for",), ("--for", "60%", "--abstain", "40%")], ids=["whole", "parts"])
@pytest.mark.parametrize(("chain", "voter"), [("hub", STAKER), ("arcade", ARCADE_VOTER)])
def test_somebody_else_sends_what_was_signed(
    commands: Commands, poll: Polling, chain: str, voter: Role, how: tuple[str, ...]
) -> None:
    """M28: once; and no other words than those that were signed."""
    motion = poll.propose()
    arguments = ("cast", "1", *how, "--chain", chain)
    signed = commands.run(vote, *arguments, "--sign", by=voter)
    assert signed.exit_code == 0, signed.stderr
    signature = signed.stdout.strip()
    assert used(poll, motion, chain, voter) == 0, "nothing was sent"
    sent = ("--signature", signature, "--voter", voter.address)
    other = ("cast", "1", "against", "--chain", chain, *sent)
    assert f"{voter.address} did not sign this vote" in commands.refused(*other, by=RELAYER)
    (line, *_) = commands.do(vote, *arguments, *sent, by=RELAYER)
    assert voter.address in line
    count = used(poll, motion, chain, voter)
    assert count == {"hub": STAKE, "arcade": 30 * MILLION}[chain]
    assert "left to vote with" in commands.refused(*arguments, *sent, by=RELAYER)


def used(poll: Polling, motion: Motion, chain: str, voter: Role) -> int:
    connection = poll.deployment.connections[chain]
    if chain == "hub":
        return connection.view(poll.desk.governor, governor.USED_VOTES, motion.id, voter.address)
    snapshot = poll.vote(motion).snapshot
    return connection.view(poll.desk.votes, votes.USED_VOTES, motion.id, snapshot, voter.address)


def test_votes_are_taken_back(commands: Commands, poll: Polling, deployment: Deployment) -> None:
    (line,) = commands.do(vote, "delegate", "nobody", "--chain", "arcade", by=ARCADE_VOTER)
    assert line == f"arcade: the ERA of {ARCADE_VOTER.address} votes with nobody"
    found = deployment.connections["arcade"].view(deployment.era, DELEGATES, ARCADE_VOTER.address)
    assert int(found, 16) == 0


def test_a_lie_is_shown_and_not_brought(commands: Commands, poll: Polling) -> None:
    """P7b: whoever looks sees what a compromised chain does, before its votes are cast."""
    motion = poll.propose()
    commands.cast("arcade", ARCADE_VOTER, "against")
    poll.lie(motion, "arcade", Tally(0, 30 * MILLION, 0))
    kept = commands.run(propose, "keep", "--now", "--exchange", str(poll.exchange), by=RELAYER)
    assert kept.exit_code == 1
    said = "arcade is not to be believed: its contract says 30,000,000 for, 0 against"
    assert said in kept.stderr
    assert commands.tallies()["arcade"]["faults"][0].startswith("its contract says 30,000,000 for")
    assert said in "\n".join(commands.do(propose, "status", "1", "--exchange", str(poll.exchange)))


def test_who_lacks_era_for_the_fee_is_told(commands: Commands, poll: Polling) -> None:
    poll.propose()
    commands.cast("arcade", ARCADE_VOTER, "for")
    kept = commands.run(propose, "keep", "--now", "--exchange", str(poll.exchange), "--json", by=PAUPER)
    assert kept.exit_code == 1
    found = json.loads(kept.stdout)
    assert found["done"] == []
    assert f"{PAUPER.address} has 0 ERA on arcade" in found["problems"][0]


def test_it_goes_on_until_it_is_told_to_end(
    commands: Commands, poll: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--watch`: a line for each thing, once, and SIGTERM ends it with status 0."""
    poll.propose()
    commands.cast("arcade", ARCADE_VOTER, "for")
    watch = keeping.watch

    def watch_for_a_while(*arguments: Any) -> None:
        threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
        watch(*arguments)

    monkeypatch.setattr(keeping, "watch", watch_for_a_while)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        lines = commands.keep("--watch", "--now", "--every", "0.2", "--json")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    (sent,) = map(json.loads, lines)
    assert sent["chain"] == "arcade"
    assert sent["line"].startswith("its votes are sent to hub, 30,000,000 for")
