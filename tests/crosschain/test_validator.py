"""Validators over real chains: they sign what is true, final and consistent, and nothing else (P10)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.cli.words import verdict_line
from metalayer.errors import MetalayerError
from metalayer.network.rpc import Rpc
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.validator.process import Judgement, Validator
from metalayer.validator.record import Contradiction
from tests.kit.chains import revert
from tests.kit.deployment import CHAIN_IS_OLD, Deployment
from tests.kit.roles import VALIDATORS


@pytest.fixture
def validator(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> Validator:
    return mesh.validator(0, exchange, tmp_path)


def fact_of(mesh: Deployment, origin: str, destination: str) -> LaneFact:
    nonce, head = mesh.outbox(origin, destination)
    return LaneFact(mesh.id_of(origin), mesh.id_of(destination), nonce, head)


def judge(validator: Validator, facts: list[Fact]) -> tuple[Judgement, str]:
    root = validator.exchange.propose(facts)
    (verdict,) = (one for one in validator.pass_once() if one.root == root)
    assert verdict.judgement is Judgement.SIGNED or root.hex() in verdict_line(verdict)
    return verdict.judgement, verdict.reason


def test_true_facts_are_signed_once(mesh: Deployment, validator: Validator) -> None:
    mesh.send("hub", "arcade", count=2)
    mesh.send("perps", "social")
    mesh.finalize()
    facts: list[Fact] = [fact_of(mesh, "hub", "arcade"), fact_of(mesh, "perps", "social")]
    assert judge(validator, facts) == (Judgement.SIGNED, "")
    (root,) = validator.exchange.roots()
    signature = validator.exchange.signature(root, validator.address)
    assert signature is not None
    assert mesh.domain.recover(root, signature) == VALIDATORS[0].address
    assert validator.pass_once() == []


def test_a_signer_that_declines_is_asked_again_later(mesh: Deployment, validator: Validator) -> None:
    """Ape's accounts return nothing if their user says no."""

    class Declining:
        address = validator.address

        def sign_message(self, msg: Any) -> None:
            return None

    mesh.send("hub", "arcade")
    mesh.finalize()
    validator.exchange.propose([fact_of(mesh, "hub", "arcade")])
    willing, validator.signer = validator.signer, Declining()
    assert validator.pass_once() == []
    validator.signer = willing
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED]


def test_an_older_head_stays_true(mesh: Deployment, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    older = fact_of(mesh, "hub", "arcade")
    mesh.send("hub", "arcade")
    mesh.finalize()
    assert judge(validator, [fact_of(mesh, "hub", "arcade")])[0] is Judgement.SIGNED
    assert judge(validator, [older])[0] is Judgement.SIGNED


def test_one_false_fact_among_true_ones_is_refused(mesh: Deployment, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    mesh.send("hub", "perps")
    mesh.finalize()
    true, other = fact_of(mesh, "hub", "arcade"), fact_of(mesh, "hub", "perps")
    false = replace(true, head=other.head)
    judgement, reason = judge(validator, [false, other])
    assert judgement is Judgement.REFUSED
    assert f"the head after message 1 is 0x{true.head.hex()}, not 0x{false.head.hex()}" in reason
    (root,) = validator.exchange.roots()
    assert validator.exchange.refusals(root) == {validator.address: reason}
    assert not validator.exchange.signers(root)
    assert validator.pass_once(patient=True) == []


def test_what_is_not_final_waits_and_is_signed_later(mesh: Deployment, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    judgement, reason = judge(validator, [fact_of(mesh, "hub", "arcade")])
    assert judgement is Judgement.WAITING
    assert "no message 1 up to finalized block" in reason
    (root,) = validator.exchange.roots()
    assert validator.exchange.refusals(root)
    assert validator.pass_once(patient=True) == []
    hub = mesh.connections["hub"]
    hub.rpc("anvil_mine", hex(hub.chain.preset.finality_depth - 1))
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.WAITING]
    hub.rpc("anvil_mine", "0x1")
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED]
    assert validator.exchange.refusals(root) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"origin": 7}, "there is no chain 7"),
        ({"destination": 7}, "there is no chain 7"),
        ({"destination": 901}, "two different ends"),
        ({"nonce": 0}, "nothing to deliver"),
    ],
)
def test_facts_about_nothing_are_refused(
    mesh: Deployment, validator: Validator, change: dict[str, int], reason: str
) -> None:
    fact = replace(LaneFact(901, 902, 1, b"\1" * 32), **change)  # type: ignore[arg-type]
    assert judge(validator, [fact])[0] is Judgement.REFUSED
    assert reason in next(iter(validator.exchange.refusals(validator.exchange.roots()[0]).values()))


def restart_of(mesh: Deployment, origin: str, destination: str, nonce: int) -> RestartFact:
    return RestartFact(mesh.id_of(origin), mesh.id_of(destination), nonce)


def test_a_restart_is_signed_when_it_is_final(mesh: Deployment, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    mesh.restart("hub", "arcade", 9)
    fact = restart_of(mesh, "hub", "arcade", 9)
    judgement, reason = judge(validator, [fact])
    assert judgement is Judgement.WAITING
    assert "lane hub to 902: it was not restarted at 9 up to finalized block" in reason
    mesh.finalize()
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED]


def test_a_restart_that_never_was_is_refused(mesh: Deployment, validator: Validator) -> None:
    mesh.send("hub", "arcade", count=2)
    mesh.restart("hub", "arcade", 9)
    mesh.send("hub", "arcade")
    mesh.finalize()
    for nonce, reason in {
        2: "it was not restarted at 2: a message stands there",
        7: "another restart never stands at 7: it was restarted at 9 after message 2",
        10: "it was not restarted at 10: a message stands there",
    }.items():
        judgement, said = judge(validator, [restart_of(mesh, "hub", "arcade", nonce)])
        assert judgement is Judgement.REFUSED
        assert reason in said
    for other in (restart_of(mesh, "hub", "perps", 9), restart_of(mesh, "arcade", "hub", 9)):
        assert judge(validator, [other])[0] is Judgement.WAITING


def test_lane_facts_work_across_a_restart_but_not_in_its_gap(mesh: Deployment, validator: Validator) -> None:
    """Messages before and behind it are signed together with it; no head at a place that the lane skipped ever is."""
    mesh.send("hub", "arcade", count=2)
    before = fact_of(mesh, "hub", "arcade")
    mesh.restart("hub", "arcade", 5)
    at_restart = fact_of(mesh, "hub", "arcade")
    mesh.send("hub", "arcade")
    behind = fact_of(mesh, "hub", "arcade")
    mesh.finalize()
    assert (before.nonce, at_restart.nonce, behind.nonce) == (2, 5, 6)
    facts: list[Fact] = [before, restart_of(mesh, "hub", "arcade", 5), behind]
    assert judge(validator, facts)[0] is Judgement.SIGNED
    for nonce in (3, 4, 5):
        for head in (before.head, at_restart.head):
            judgement, reason = judge(validator, [replace(before, nonce=nonce, head=head)])
            assert judgement is Judgement.REFUSED
            assert f"a message never stands at {nonce}: it was restarted at 5 after message 2" in reason


def test_an_origin_that_was_reorganised_is_mended_by_a_restart(
    mesh: Deployment, validator: Validator
) -> None:
    """M21: heads of the other history stay refused, and say why; what stands behind the restart is signed."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.send("hub", "arcade", b"first history", count=2)
    mesh.finalize()
    signed = fact_of(mesh, "hub", "arcade")
    assert judge(validator, [signed])[0] is Judgement.SIGNED
    revert(hub.rpc, snapshot)
    mesh.send("hub", "arcade", b"second history", count=2)
    mesh.finalize()
    assert judge(validator, [fact_of(mesh, "hub", "arcade")])[0] is Judgement.WAITING
    validator.chains.trust_again("hub")
    judgement, reason = judge(validator, [fact_of(mesh, "hub", "arcade")])
    assert judgement is Judgement.REFUSED
    assert f"signed 0x{signed.head.hex()} before" in reason
    assert "chain 901 was reorganised since, only a restart of the lane mends it" in reason
    assert reason in [
        r for root in validator.exchange.roots() for r in validator.exchange.refusals(root).values()
    ]
    mesh.restart("hub", "arcade", 3)
    mesh.send("hub", "arcade")
    mesh.finalize()
    facts: list[Fact] = [restart_of(mesh, "hub", "arcade", 3), fact_of(mesh, "hub", "arcade")]
    assert judge(validator, facts)[0] is Judgement.SIGNED


def test_a_restart_of_a_history_that_is_gone_binds(mesh: Deployment, validator: Validator) -> None:
    """M21: where a restart was signed, no message is, whatever the chain says later."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.restart("hub", "arcade", 1)
    mesh.finalize()
    assert judge(validator, [restart_of(mesh, "hub", "arcade", 1)])[0] is Judgement.SIGNED
    revert(hub.rpc, snapshot)
    mesh.send("hub", "arcade")
    mesh.finalize()
    assert judge(validator, [fact_of(mesh, "hub", "arcade")])[0] is Judgement.WAITING
    validator.chains.trust_again("hub")
    judgement, reason = judge(validator, [fact_of(mesh, "hub", "arcade")])
    assert judgement is Judgement.REFUSED
    assert "signed 'restart 901 902 1' before: chain 901 was reorganised since" in reason


def set_fact(validator_set: ValidatorSet) -> SetFact:
    return SetFact(validator_set.version, validator_set.hash)


def test_the_newest_published_set_is_signed_once_it_is_final(mesh: Deployment, validator: Validator) -> None:
    """S11: before that the hub may still be reorganised, and what was signed would be false."""
    assert judge(validator, [set_fact(mesh.validator_set)]) == (Judgement.SIGNED, "")
    published = mesh.publish()
    judgement, reason = judge(validator, [set_fact(published)])
    assert judgement is Judgement.WAITING
    assert reason.startswith("set 2: Staking published 1 sets up to finalized block ")
    hub = mesh.connections["hub"]
    hub.rpc("anvil_mine", hex(hub.chain.preset.finality_depth - 1))
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.WAITING]
    hub.rpc("anvil_mine", "0x1")
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED]


@pytest.mark.parametrize(
    ("change", "judgement", "reason"),
    [
        ({"version": 0}, Judgement.REFUSED, "set 0: the first validator set is 1"),
        ({"version": 3}, Judgement.WAITING, "set 3: Staking published 2 sets up to finalized block"),
        ({"set_hash": b"\x66" * 32}, Judgement.REFUSED, "set 2: Staking published 0x"),
        ({"version": 1}, Judgement.REFUSED, "set 1: Staking published 0x"),
    ],
    ids=["none", "not published", "another hash", "another version"],
)
def test_no_other_set_is_signed(
    mesh: Deployment,
    validator: Validator,
    change: dict[str, Any],
    judgement: Judgement,
    reason: str,
) -> None:
    published = mesh.publish()
    mesh.finalize()
    said = judge(validator, [replace(set_fact(published), **change)])
    assert said[0] is judgement
    assert said[1].startswith(reason)


def test_a_set_that_another_followed_is_signed_by_nobody_any_more(
    mesh: Deployment, validator: Validator
) -> None:
    """A chain that has an older one goes to the newest in one step."""
    second = mesh.publish()
    mesh.publish()
    mesh.finalize()
    assert judge(validator, [set_fact(second)]) == (
        Judgement.REFUSED,
        "set 2: the newest validator set is 3",
    )


def test_a_version_means_one_set_for_ever(
    mesh: Deployment, exchange: DirectoryExchange, validator: Validator
) -> None:
    """P10: after a deep reorganisation of the hub its operators sign a higher version, and never the other set."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    first = mesh.publish()
    mesh.finalize()
    assert judge(validator, [set_fact(first)])[0] is Judgement.SIGNED
    revert(hub.rpc, snapshot)
    mesh.replace_key(0, 5)
    second = mesh.publish()
    mesh.finalize()
    assert judge(validator, [set_fact(second)])[0] is Judgement.WAITING
    validator.chains.trust_again("hub")
    judgement, reason = judge(validator, [set_fact(second)])
    assert judgement is Judgement.REFUSED
    assert f"set 2: signed 0x{first.hash.hex()} before" in reason
    assert "the hub was reorganised since, only a higher one is signed" in reason
    third = mesh.publish()
    mesh.finalize()
    assert judge(validator, [set_fact(third)])[0] is Judgement.SIGNED


def test_set_facts_wait_for_a_hub_that_does_not_answer(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    published = mesh.publish()
    validator = mesh.cut_off_from("hub").validator(0, exchange, tmp_path)
    judgement, reason = judge(validator, [set_fact(published)])
    assert (judgement, reason) == (Judgement.WAITING, "hub: its node does not answer as it should")


def test_a_validator_says_to_which_sets_it_belongs(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Who left signs for the chains that still have its set, who joins signs already."""
    mesh.replace_key(0, 5)
    published = mesh.publish()
    mesh.finalize()
    leaving = mesh.cut_off_from("perps").validator(0, exchange, tmp_path)
    first, second, silent = leaving.memberships()
    assert first == "in validator set 1 of hub, arcade, social"
    assert second == "not in validator set 2, which no chain has yet"
    assert silent.startswith("perps: its node does not answer as it should (perps is unreachable")
    joining = mesh.validator(5, exchange, tmp_path)
    assert joining.memberships() == [
        "not in validator set 1 of hub, arcade, perps, social",
        "in validator set 2, which no chain has yet",
    ]
    exchange.propose([set_fact(published)])
    for one in (leaving, joining):
        assert [verdict.judgement for verdict in one.pass_once()] == [Judgement.SIGNED]
    stranger = mesh.validator(7, exchange, tmp_path)
    assert (
        stranger.memberships()[-1] == f"warning: {stranger.address} is in no validator set: nobody counts it"
    )


def test_nothing_from_a_reorganised_chain_is_signed_until_its_operator_says_so(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """M21: no lane from it, whichever was signed before; a restart of the process does not forget; other chains go on.
    What was signed binds for ever.
    """
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.send("hub", "arcade", b"first history")
    mesh.send("arcade", "perps")
    mesh.finalize()
    signed = fact_of(mesh, "hub", "arcade")
    validator = mesh.validator(0, exchange, tmp_path)
    assert judge(validator, [signed])[0] is Judgement.SIGNED
    revert(hub.rpc, snapshot)
    mesh.send("hub", "arcade", b"second history")
    mesh.send("hub", "perps")
    mesh.finalize()
    contradicting, other_lane = fact_of(mesh, "hub", "arcade"), fact_of(mesh, "hub", "perps")
    assert contradicting.head != signed.head
    for _ in range(2):
        caplog.clear()
        roots = {exchange.propose([fact]) for fact in (other_lane, contradicting)}
        verdicts = {verdict.root: verdict for verdict in validator.pass_once()}
        assert verdicts.keys() == roots
        for root, verdict in verdicts.items():
            reason = verdict.reason
            assert verdict.judgement is Judgement.WAITING
            assert reason.startswith("hub was reorganised below its finality (block ")
            assert reason.endswith("until its operator says so (`ape metalayer validate --trust-again hub`)")
            # Nobody has to wait for it.
            assert exchange.refusals(root, final_only=True) == {validator.address: reason}
        assert {line for line in caplog.messages if CHAIN_IS_OLD not in line} == {reason}
        elsewhere = exchange.propose([fact_of(mesh, "arcade", "perps")])
        assert {v.root for v in validator.pass_once() if v.judgement is Judgement.SIGNED} == {elsewhere}
        for root in (elsewhere, *roots):
            exchange.remove(root)
        validator.record.close()
        validator = mesh.validator(0, exchange, tmp_path)
    assert validator.chains.warnings() == [reason]

    with pytest.raises(MetalayerError, match="arcade was not seen reorganised"):
        validator.chains.trust_again("arcade")
    with pytest.raises(MetalayerError, match="no chain 'mars': expected one of hub"):
        validator.chains.trust_again("mars")
    assert validator.chains.trust_again("hub") in reason
    for fact in (other_lane, contradicting):
        exchange.propose([fact])
    verdicts = {verdict.root: verdict for verdict in validator.pass_once()}
    assert verdicts[other_lane.leaf].judgement is Judgement.SIGNED
    assert verdicts[contradicting.leaf].judgement is Judgement.REFUSED
    assert f"signed 0x{signed.head.hex()} before" in verdicts[contradicting.leaf].reason


def test_a_reorganisation_while_the_process_is_down_is_seen(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.send("hub", "arcade", b"first history")
    mesh.finalize()
    with mesh.validator(0, exchange, tmp_path).record, mesh.signing(exchange, tmp_path, [1]) as (running,):
        root = exchange.propose([fact_of(mesh, "hub", "arcade")])
        deadline = time.monotonic() + 10
        while exchange.signature(root, running.address) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    revert(hub.rpc, snapshot)
    mesh.send("hub", "perps", b"second history")
    mesh.finalize()
    root = exchange.propose([fact_of(mesh, "hub", "perps")])
    judgements = {
        position: [
            v.judgement for v in mesh.validator(position, exchange, tmp_path).pass_once() if v.root == root
        ]
        for position in (0, 1)
    }
    # The first one never signed anything: for it this is the chain's only history.
    assert judgements == {0: [Judgement.SIGNED], 1: [Judgement.WAITING]}


def test_a_signature_in_the_validators_name_does_not_silence_it(
    mesh: Deployment, validator: Validator
) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    root = validator.exchange.propose([fact_of(mesh, "hub", "arcade")])
    validator.exchange.sign(root, validator.address, b"\1" * 64)
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED]


def test_a_squatted_proposal_is_looked_at_again(
    mesh: Deployment, exchange: DirectoryExchange, validator: Validator
) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    fact = fact_of(mesh, "hub", "arcade")
    folder = exchange.directory / fact.leaf.hex()
    folder.mkdir()
    (folder / "proposal.json").write_text("{}")
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.WAITING]
    assert judge(validator, [fact])[0] is Judgement.SIGNED


def test_an_unreachable_chain_delays_only_its_own_lanes(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade")
    mesh.send("arcade", "hub")
    mesh.finalize()
    validator = mesh.cut_off_from("hub").validator(0, exchange, tmp_path)
    judgement, reason = judge(validator, [fact_of(mesh, "hub", "arcade")])
    assert judgement is Judgement.WAITING
    assert reason == "hub: its node does not answer as it should"
    assert judge(validator, [fact_of(mesh, "arcade", "hub")])[0] is Judgement.SIGNED


KILLED = """
import os, signal, sys
from pathlib import Path
from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.network.mesh import Mesh
from metalayer.network.signers import local_key
from metalayer.protocol.attestation import Domain
from metalayer.validator.process import Validator
from metalayer.validator.record import Record

place, gateway, staking, exchange, record = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Dying:
    address = local_key(5).address
    sign_message = die if place == "before the signature" else local_key(5).sign_message

if place == "before the record":
    Record.commit = die
if place == "before the publication":
    DirectoryExchange.sign = die
network = load_network()
Validator.open(
    Dying(), Mesh(Domain(network.hub.chain_id, gateway), connect(network), staking),
    DirectoryExchange(Path(exchange)), Path(record), begin=not Path(record).exists(),
).pass_once()
"""


def killed(mesh: Deployment, exchange: DirectoryExchange, folder: Path, place: str) -> None:
    """A real process of the first validator, which ends by a real SIGKILL at this place."""
    paths = [exchange.directory, folder / "record-0.sqlite"]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, place, mesh.gateway, mesh.staking, *map(str, paths)],
        capture_output=True,
        env=os.environ,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def test_a_validator_killed_between_record_and_signature_signs_nothing_else(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """What it was about to sign binds it, and is signed only if it is still true."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.send("hub", "arcade", b"first history")
    mesh.finalize()
    fact = fact_of(mesh, "hub", "arcade")
    root = exchange.propose([fact])
    killed(mesh, exchange, tmp_path, "before the signature")
    assert VALIDATORS[0].address not in exchange.signers(root)
    contradicting = replace(fact, head=b"\x66" * 32)
    with mesh.validator(0, exchange, tmp_path).record as kept, pytest.raises(Contradiction):
        kept.commit([contradicting])

    revert(hub.rpc, snapshot)
    mesh.send("hub", "arcade", b"second history")
    mesh.finalize()
    validator = mesh.validator(0, exchange, tmp_path)
    other = exchange.propose([fact_of(mesh, "hub", "arcade")])
    verdicts = {verdict.root: verdict.judgement for verdict in validator.pass_once()}
    assert verdicts == {root: Judgement.WAITING, other: Judgement.WAITING}
    validator.chains.trust_again("hub")
    verdicts = {verdict.root: verdict.judgement for verdict in validator.pass_once()}
    assert verdicts == {root: Judgement.REFUSED, other: Judgement.REFUSED}


@pytest.mark.parametrize("place", ["before the record", "before the signature", "before the publication"])
def test_a_validator_killed_anywhere_resumes_with_facts_of_all_kinds(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, place: str
) -> None:
    """P10: nothing is lost, and the record knows all that was, or may have been, signed before the kill."""
    mesh.send("hub", "arcade")
    message = fact_of(mesh, "hub", "arcade")
    mesh.restart("hub", "perps", 4)
    published = mesh.publish()
    mesh.finalize()
    restart = restart_of(mesh, "hub", "perps", 4)
    facts: list[Fact] = [message, restart, set_fact(published)]
    roots = [exchange.propose(facts), *(exchange.propose([fact]) for fact in facts)]
    killed(mesh, exchange, tmp_path, place)
    assert not any(exchange.signers(root) for root in roots)
    rivals: list[Fact] = [
        replace(message, head=b"\x66" * 32),
        LaneFact(restart.origin, restart.destination, restart.nonce, b"\x66" * 32),
        set_fact(mesh.next_set()),
    ]
    validator = mesh.validator(0, exchange, tmp_path)
    verdicts = {verdict.root: verdict.judgement for verdict in validator.pass_once()}
    assert verdicts == dict.fromkeys(roots, Judgement.SIGNED)
    for root in roots:
        signature = exchange.signature(root, validator.address)
        assert signature is not None
        assert mesh.domain.recover(root, signature) == validator.address
    for rival in rivals:
        with pytest.raises(Contradiction):
            validator.record.commit([rival])


def test_old_proposals_do_not_slow_a_pass(mesh: Deployment, validator: Validator) -> None:
    """What is settled is remembered by its name: a pass over 300 of them asks no chain and reads no file."""
    mesh.send("hub", "arcade")
    mesh.finalize()
    true = fact_of(mesh, "hub", "arcade")
    for i in range(300):
        validator.exchange.propose([true, LaneFact(901, 902, 0, i.to_bytes(32, "big"))])
    assert {verdict.judgement for verdict in validator.pass_once()} == {Judgement.REFUSED}
    started = time.monotonic()
    assert validator.pass_once() == []
    assert time.monotonic() - started < 0.05


@pytest.mark.parametrize(
    "lie",
    [
        {"address": "0x" + "11" * 20},
        {"removed": True},
        {"blockNumber": hex(10**9)},
        {"topics": ["0x" + "22" * 32]},
        {"address": []},
        {"topics": None},
    ],
    ids=["another contract", "removed", "not final", "another event", "no address", "no topics"],
)
def test_a_node_that_answers_with_another_log_is_not_believed(
    mesh: Deployment, validator: Validator, monkeypatch: pytest.MonkeyPatch, lie: dict[str, object]
) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    honest = Rpc._result

    def lying(self: Rpc, method: str, answer: Any) -> Any:
        result = honest(self, method, answer)
        return [{**log, **lie} for log in result] if method == "eth_getLogs" else result

    monkeypatch.setattr(Rpc, "_result", lying)
    judgement, _ = judge(validator, [fact_of(mesh, "hub", "arcade")])
    assert judgement is Judgement.WAITING
    mesh.restart("hub", "arcade", 5)
    mesh.finalize()
    assert judge(validator, [restart_of(mesh, "hub", "arcade", 5)])[0] is Judgement.WAITING


def test_what_is_put_in_the_way_of_one_proposal_stops_no_other(
    mesh: Deployment, exchange: DirectoryExchange, validator: Validator
) -> None:
    mesh.send("hub", "arcade")
    mesh.send("hub", "perps")
    mesh.finalize()
    first = validator.exchange.propose([fact_of(mesh, "hub", "arcade")])
    second = validator.exchange.propose([fact_of(mesh, "hub", "perps")])
    folder = exchange.directory
    (folder / first.hex() / "signatures").write_text("in the way")
    (folder / second.hex() / "signatures" / f"{validator.address.lower()}.json").mkdir(parents=True)
    (folder / ("ab" * 32)).symlink_to("ab" * 32)
    (folder / ("cd" * 32)).write_text("in the way")
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED] * 2
