"""Evidence against honest validators: real ones with their records, over real chains that really reorganise.

An attacker keeps everything that any validator ever signed and tries every check with all of it. Checks (a) and (b)
convict nobody honest as long as the hub keeps what was final on it, or its owner restarted its lanes since; (c) accuses
an honest validator only over a chain that lost what was final on it. A liar among them shows that every check convicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from metalayer.protocol.facts import SetFact, UnexecutedFact
from tests.kit.exploring import explore
from tests.stateful.trial import HONEST, LIAR, LIES, SETS, EvidenceMachine, Network, Trial


def test_evidence_machine(network: Network, tmp_path: Path) -> None:
    """P13, M21, M30, M31: whatever happens to the chains, and however evidence is combined."""
    EvidenceMachine.network, EvidenceMachine.folder = network, tmp_path
    explore(EvidenceMachine, 8)


@pytest.fixture
def trial(network: Network, tmp_path: Path) -> Iterator[Trial]:
    trial = Trial(network, tmp_path)
    yield trial
    trial.close()


def verdicts(trial: Trial) -> set[tuple[str, int]]:
    """(check, position) of everybody who is convicted."""
    return {(charge.check, charge.accused.position) for charge in trial.accuse()}


def test_every_check_convicts_the_liar(trial: Trial) -> None:
    """P13: the attacker of the machine finds every lie: its failure to convict anybody else means something."""
    trial.send("hub", "arcade", 2)
    trial.send("arcade", "hub", 2)
    trial.finalize()
    facts = trial.newest()
    trial.sign(facts)
    trial.sign_what_the_hub_records(HONEST)
    trial.deliver()
    assert len(trial.executed()) == 2
    assert verdicts(trial) == set()
    trial.lie(trial.lane_fact("hub", "arcade", 1, LIES[0]), SetFact(1, LIES[0]), SetFact(2, SETS[2]))
    trial.lie(trial.lane_fact("hub", "arcade", 5, LIES[0]))
    trial.lie(trial.restart_fact("hub", "perps", 7))
    trial.lie(trial.lane_fact("arcade", "hub", 2, LIES[0]), trial.lane_fact("arcade", "hub", 2, LIES[1]))
    trial.lie(trial.restart_fact("arcade", "hub", 2), SetFact(2, LIES[1]), SetFact(3, LIES[1]))
    ends = trial.network.id_of("arcade"), trial.network.network_id
    trial.lie(UnexecutedFact(*ends, 1, trial.executed()[0], 0))
    assert verdicts(trial) == {
        ("laneEquivocation", LIAR),
        ("setEquivocation", LIAR),
        ("placeEquivocation", LIAR),
        ("falseHead", LIAR),
        ("beyondLane", LIAR),
        ("falseRestart", LIAR),
        ("falseSet", LIAR),
        ("beyondSets", LIAR),
        ("falseUnexecuted", LIAR),
        ("laneContradiction", LIAR),
        ("setContradiction", LIAR),
    }


def test_the_limit_of_c(trial: Trial) -> None:
    """M21: (c) accuses who signed alone what was final on a spoke that was reorganised deeper afterwards.

    Nobody lied. That is why (c) waits for 28 days, in which governance may pardon.
    """
    trial.send("arcade", "hub")
    trial.finalize()
    trial.sign(trial.newest(), awake=[0])
    trial.reorganise("arcade", trial.depth("arcade") + 1)
    trial.send("arcade", "hub")
    trial.finalize()
    trial.sign(trial.newest(), awake=[1, 2, 3])
    assert verdicts(trial) == set()
    # Three of five are no quorum; with the liar, who tells the truth about the new history, they are one.
    trial.lie(*trial.newest())
    assert verdicts(trial) == {("laneContradiction", 0)}


def test_within_its_finality_a_reorganised_spoke_accuses_nobody(trial: Trial) -> None:
    """M21: the same, one block less deep."""
    trial.finalize()
    trial.send("arcade", "hub")
    early = trial.newest()
    trial.mine("arcade", trial.depth("arcade") - 1)
    trial.sign(early, awake=[0])
    trial.reorganise("arcade", trial.depth("arcade"))
    trial.send("arcade", "hub")
    trial.finalize()
    trial.sign(trial.newest(), awake=[0, 1, 2, 3])
    assert [signed.position for signed in trial.signed] == [0, 1, 2, 3]
    assert not trial.broken
    assert verdicts(trial) == set()


def test_the_limit_of_b(trial: Trial) -> None:
    """A hub that lost what was final on it convicts the honest, until its owner restarts the lane.

    What a validator signed before is then below the restart. A hub that does not keep what is final is outside of
    what (b) may be executed for at once.
    """
    trial.finalize()
    trial.send("hub", "arcade", 3)
    trial.finalize()
    trial.sign(trial.newest())
    trial.reorganise("hub", 3 + trial.depth("hub"))
    assert verdicts(trial) == {("beyondLane", position) for position in HONEST}
    trial.send("hub", "arcade", 3)
    assert verdicts(trial) == {("falseHead", position) for position in HONEST}
    trial.restart(gap=1)
    trial.send("hub", "arcade", 3)
    trial.finalize()
    trial.sign(trial.newest())
    trial.sign_what_the_hub_records(HONEST)
    assert trial.check_honest() == []
