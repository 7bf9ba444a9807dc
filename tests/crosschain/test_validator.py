"""Validators over real chains: they sign what is true, final and consistent, and nothing else (P10)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.attestation import Fact, LaneFact, SetFact, recover
from metalayer.exchange import Exchange
from metalayer.validator import Contradiction, Judgement, Validator, describe
from tests.mesh import VALIDATORS, Mesh


@pytest.fixture
def validator(mesh: Mesh, exchange: Exchange, tmp_path: Path) -> Validator:
    return mesh.validator(0, exchange, tmp_path)


def fact_of(mesh: Mesh, origin: str, destination: str) -> LaneFact:
    nonce, head = mesh.outbox(origin, destination)
    return LaneFact(mesh.id_of(origin), mesh.id_of(destination), nonce, head)


def judge(validator: Validator, facts: list[Fact]) -> tuple[Judgement, str]:
    root = validator.exchange.propose(facts)
    (verdict,) = (one for one in validator.pass_once() if one.root == root)
    assert verdict.judgement is Judgement.SIGNED or root.hex() in describe(verdict)
    return verdict.judgement, verdict.reason


def test_true_facts_are_signed_once(mesh: Mesh, validator: Validator) -> None:
    mesh.send("hub", "arcade", count=2)
    mesh.send("perps", "social")
    mesh.finalize()
    facts: list[Fact] = [fact_of(mesh, "hub", "arcade"), fact_of(mesh, "perps", "social")]
    assert judge(validator, facts) == (Judgement.SIGNED, "")
    (root,) = validator.exchange.roots()
    signature = validator.exchange.signature(root, validator.address)
    assert signature is not None
    assert recover(mesh.network_id, mesh.gateway, root, signature) == VALIDATORS[0].address
    assert validator.pass_once() == []


def test_an_older_head_stays_true(mesh: Mesh, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    older = fact_of(mesh, "hub", "arcade")
    mesh.send("hub", "arcade")
    mesh.finalize()
    assert judge(validator, [fact_of(mesh, "hub", "arcade")])[0] is Judgement.SIGNED
    assert judge(validator, [older])[0] is Judgement.SIGNED


def test_one_false_fact_among_true_ones_is_refused(mesh: Mesh, validator: Validator) -> None:
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
    assert not validator.exchange.has_signed(root, validator.address)
    assert validator.pass_once() == []


def test_what_is_not_final_waits_and_is_signed_later(mesh: Mesh, validator: Validator) -> None:
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
    mesh: Mesh, validator: Validator, change: dict[str, int], reason: str
) -> None:
    fact = replace(LaneFact(901, 902, 1, b"\1" * 32), **change)  # type: ignore[arg-type]
    assert judge(validator, [fact])[0] is Judgement.REFUSED
    assert reason in next(iter(validator.exchange.refusals(validator.exchange.roots()[0]).values()))


def test_set_facts_are_refused_until_there_is_a_record_of_sets(validator: Validator) -> None:
    judgement, reason = judge(validator, [SetFact(2, b"\1" * 32)])
    assert judgement is Judgement.REFUSED
    assert "no record of validator sets" in reason


def test_a_reorganised_origin_is_not_signed_again(mesh: Mesh, validator: Validator) -> None:
    """M21: what was signed before binds, even if the chain now says something else."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.send("hub", "arcade", b"first history")
    mesh.finalize()
    signed = fact_of(mesh, "hub", "arcade")
    assert judge(validator, [signed])[0] is Judgement.SIGNED
    assert hub.rpc("evm_revert", snapshot)
    mesh.send("hub", "arcade", b"second history")
    mesh.finalize()
    now = fact_of(mesh, "hub", "arcade")
    assert now.head != signed.head
    judgement, reason = judge(validator, [now])
    assert judgement is Judgement.REFUSED
    assert f"signed 0x{signed.head.hex()} before" in reason


def test_a_signature_in_the_validators_name_does_not_silence_it(mesh: Mesh, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    root = validator.exchange.propose([fact_of(mesh, "hub", "arcade")])
    validator.exchange.sign(root, validator.address, b"\1" * 64)
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED]


def test_a_squatted_proposal_is_looked_at_again(mesh: Mesh, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    fact = fact_of(mesh, "hub", "arcade")
    folder = validator.exchange.directory / fact.leaf.hex()
    folder.mkdir()
    (folder / "proposal.json").write_text("{}")
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.WAITING]
    assert judge(validator, [fact])[0] is Judgement.SIGNED


def test_an_unreachable_chain_delays_only_its_own_lanes(
    mesh: Mesh, exchange: Exchange, tmp_path: Path
) -> None:
    mesh.send("hub", "arcade")
    mesh.send("arcade", "hub")
    mesh.finalize()
    validator = mesh.cut_off_from("hub").validator(0, exchange, tmp_path)
    judgement, reason = judge(validator, [fact_of(mesh, "hub", "arcade")])
    assert judgement is Judgement.WAITING
    assert reason == "hub: its node does not answer as it should"
    assert judge(validator, [fact_of(mesh, "arcade", "hub")])[0] is Judgement.SIGNED


KILLED_BEFORE_SIGNING = """
import os, signal, sys
from pathlib import Path
from metalayer.chain import connect
from metalayer.exchange import Exchange
from metalayer.network import load_network
from metalayer.validator import Validator

class Dying:
    address = sys.argv[1]
    def sign_message(self, message):
        os.kill(os.getpid(), signal.SIGKILL)

network = load_network()
Validator.open(
    Dying(), connect(network), network.hub.chain_id, sys.argv[2], Exchange(Path(sys.argv[3])), Path(sys.argv[4])
).pass_once()
"""


def test_a_validator_killed_between_record_and_signature_signs_nothing_else(
    mesh: Mesh, exchange: Exchange, tmp_path: Path
) -> None:
    """A real process, a real SIGKILL: what it was about to sign binds it, and is signed only if it is still true."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    mesh.send("hub", "arcade", b"first history")
    mesh.finalize()
    fact = fact_of(mesh, "hub", "arcade")
    root = exchange.propose([fact])
    program = [sys.executable, "-c", KILLED_BEFORE_SIGNING, VALIDATORS[0].address, mesh.gateway]
    record = tmp_path / "record-0.sqlite"
    ended = subprocess.run(
        [*program, str(exchange.directory), str(record)], capture_output=True, env=os.environ, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert not exchange.has_signed(root, VALIDATORS[0].address)
    contradicting = replace(fact, head=b"\x66" * 32)
    with mesh.validator(0, exchange, tmp_path).record as kept, pytest.raises(Contradiction):
        kept.commit([contradicting])

    assert hub.rpc("evm_revert", snapshot)
    mesh.send("hub", "arcade", b"second history")
    mesh.finalize()
    validator = mesh.validator(0, exchange, tmp_path)
    other = exchange.propose([fact_of(mesh, "hub", "arcade")])
    verdicts = {verdict.root: verdict.judgement for verdict in validator.pass_once()}
    assert verdicts == {root: Judgement.REFUSED, other: Judgement.REFUSED}


def test_old_proposals_do_not_slow_a_pass(mesh: Mesh, validator: Validator) -> None:
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
    ],
    ids=["another contract", "removed", "not final", "another event"],
)
def test_a_node_that_answers_with_another_log_is_not_believed(
    mesh: Mesh, validator: Validator, monkeypatch: pytest.MonkeyPatch, lie: dict[str, object]
) -> None:
    mesh.send("hub", "arcade")
    mesh.finalize()
    true = Validator._logs
    monkeypatch.setattr(
        Validator, "_logs", lambda *args: [[{**entry, **lie} for entry in logs] for logs in true(*args)]
    )
    judgement, _ = judge(validator, [fact_of(mesh, "hub", "arcade")])
    assert judgement is Judgement.WAITING


def test_what_is_put_in_the_way_of_one_proposal_stops_no_other(mesh: Mesh, validator: Validator) -> None:
    mesh.send("hub", "arcade")
    mesh.send("hub", "perps")
    mesh.finalize()
    first = validator.exchange.propose([fact_of(mesh, "hub", "arcade")])
    second = validator.exchange.propose([fact_of(mesh, "hub", "perps")])
    folder = validator.exchange.directory
    (folder / first.hex() / "signatures").write_text("in the way")
    (folder / second.hex() / "signatures" / f"{validator.address.lower()}.json").mkdir(parents=True)
    (folder / ("ab" * 32)).symlink_to("ab" * 32)
    (folder / ("cd" * 32)).write_text("in the way")
    assert [verdict.judgement for verdict in validator.pass_once()] == [Judgement.SIGNED] * 2
