"""The watcher over real chains: it accuses whoever lied, once, and nobody else (S11)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.transactions import Sender
from metalayer.protocol import gateway, slasher, staking
from metalayer.protocol.attestation import ValidatorSet, compact
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, Tree, UnexecutedFact
from metalayer.protocol.gateway import Batch, InboxLane
from metalayer.protocol.hex import to_hex
from metalayer.protocol.slasher import Accusation, Kind
from metalayer.protocol.staking import LIABILITY
from metalayer.staking.archive import Archive
from metalayer.staking.watch import Watched, Watcher
from tests.kit.accusing import equivocate
from tests.kit.chains import revert, settle
from tests.kit.deployment import Deployment
from tests.kit.faults import Lies
from tests.kit.node import Call, Node
from tests.kit.roles import ATTACKER, CANDIDATES, OPERATORS, RELAYER, RIVAL, VALIDATORS, Role

NOWHERE = 900_000
"""A place that no lane reaches."""
HEADS = [bytes([n]) * 32 for n in (1, 2, 3)]
LIAR = 4
"""Position of the validator that lies: the four others are a quorum."""

Watch = Callable[..., Watched]


@pytest.fixture
def watch(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> Watch:
    """One pass of a watcher that was just started: what it saw before is in its file."""

    def run(seen: Deployment = mesh, sender: Sender = RIVAL, file: str = "seen.sqlite") -> Watched:
        with Archive(tmp_path / file, mesh.network_id) as archive:
            return Watcher(seen, exchange, archive, sender).pass_once()

    return run


def sign(mesh: Deployment, exchange: DirectoryExchange, by: Role, *facts: Fact) -> bytes:
    """A validator's key signs facts in the exchange, whatever they say. The root."""
    root = exchange.propose(facts)
    exchange.sign(root, by.address, compact(by.account.unsafe_sign_hash(mesh.domain.digest(root))))
    return root


def id_of(mesh: Deployment, position: int) -> int:
    hub = mesh.connections["hub"]
    return hub.view(mesh.staking, staking.VALIDATOR_OF, VALIDATORS[position].address)


def opened(mesh: Deployment) -> list[Accusation]:
    """All cases that there ever were, as the Slasher's own log has them."""
    court = mesh.registry.address("Slasher")
    return [event.accusation for event, _ in mesh.connections["hub"].ask(slasher.CASE_OPENED.logs(court))]


def lane(mesh: Deployment, origin: str, destination: str, nonce: int, head: bytes) -> LaneFact:
    return LaneFact(mesh.id_of(origin), mesh.id_of(destination), nonce, head)


def fact_of(sent: Sent) -> LaneFact:
    return LaneFact(sent.message.origin, sent.message.destination, sent.message.nonce, sent.head)


def deliver(
    mesh: Deployment, sent: Sequence[Sent], *, first: int = 1, validator_set: ValidatorSet | None = None
) -> None:
    """Messages from `first` on to the last, in one batch under the signatures of four."""
    fact = fact_of(sent[-1])
    decoy = lane(mesh, "social", "hub", 7, HEADS[2])
    tree = Tree([fact, decoy])
    attestation = mesh.attest(tree.root, validator_set)
    batch = Batch([one.message for one in sent], fact.origin, first, tree.proof(fact), [])
    name = mesh.name_of(fact.destination)
    mesh.connections[name].send(RELAYER, mesh.gateway, gateway.DELIVER.encode(attestation, [batch]))


PLACE = LaneFact(902, 903, NOWHERE, HEADS[0])
EQUIVOCATIONS: dict[str, tuple[Fact, Fact]] = {
    "two heads": (PLACE, replace(PLACE, head=HEADS[1])),
    "message and restart": (RestartFact(902, 903, NOWHERE), PLACE),
    "two sets": (SetFact(1_000, HEADS[0]), SetFact(1_000, HEADS[1])),
}


@pytest.mark.parametrize("kind", EQUIVOCATIONS)
def test_an_equivocator_is_accused_once(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch, kind: str
) -> None:
    """(a): under two roots, among other facts; also of sets, whose false versions would convict it by (b)."""
    one, other = EQUIVOCATIONS[kind]
    sign(mesh, exchange, VALIDATORS[LIAR], one, lane(mesh, "social", "perps", 3, HEADS[0]))
    assert [found.accusation.kind.letter for found in watch().opened] == (["b"] if kind == "two sets" else [])
    sign(mesh, exchange, VALIDATORS[LIAR], other)
    sign(mesh, exchange, VALIDATORS[0], other)
    before = len(opened(mesh))
    result = watch()
    assert result.problems == []
    (case,) = [found for found in result.opened if found.accusation.validator == id_of(mesh, LIAR)]
    assert case.accusation == opened(mesh)[before]
    assert case.accusation.kind in (Kind.LANE_EQUIVOCATION, Kind.SET_EQUIVOCATION)
    assert case.gas < 250_000
    after = opened(mesh)
    assert (watch().opened, watch(sender=RELAYER, file="other.sqlite").opened) == ([], [])
    assert opened(mesh) == after


def test_both_keys_of_one_validator_are_one_validator(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """M31: while the old one answers, and not with another validator's."""
    mesh.replace_key(LIAR, 5)
    new = CANDIDATES[0]
    sign(mesh, exchange, VALIDATORS[LIAR], PLACE)
    sign(mesh, exchange, VALIDATORS[0], replace(PLACE, head=HEADS[1]))
    assert watch().opened == []
    sign(mesh, exchange, new, replace(PLACE, head=HEADS[2]))
    (case,) = watch().opened
    assert case.accusation == Accusation(id_of(mesh, LIAR), Kind.LANE_EQUIVOCATION, 902, 903, NOWHERE)


def test_a_key_that_answers_no_more_convicts_nobody(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    mesh.replace_key(LIAR, 5)
    sign(mesh, exchange, VALIDATORS[LIAR], PLACE)
    sign(mesh, exchange, VALIDATORS[LIAR], replace(PLACE, head=HEADS[1]))
    mesh.pass_time(LIABILITY, "hub")
    result = watch()
    assert (result.opened, result.problems) == ([], [])
    assert opened(mesh) == []


def test_what_is_false_about_the_hub_is_accused(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """(b), of every sort but one, each by another validator; and a true head, a true set and what was never tried by
    the last.
    """
    sent = mesh.send("hub", "arcade", count=3)
    published = mesh.validator_set
    false: list[Fact] = [
        replace(fact_of(sent[1]), head=HEADS[0]),
        lane(mesh, "hub", "perps", NOWHERE, HEADS[0]),
        RestartFact(mesh.id_of("hub"), mesh.id_of("arcade"), 3),
        SetFact(1, HEADS[0]),
    ]
    for position, fact in enumerate(false):
        sign(mesh, exchange, VALIDATORS[position], fact)
    untried = UnexecutedFact(mesh.id_of("arcade"), mesh.id_of("hub"), 1, HEADS[0], 0)
    true: list[Fact] = [*map(fact_of, sent), SetFact(1, published.hash), untried]
    sign(mesh, exchange, VALIDATORS[4], *true)
    result = watch()
    assert result.problems == []
    kinds = [Kind.FALSE_PLACE, Kind.FALSE_PLACE, Kind.FALSE_PLACE, Kind.FALSE_SET]
    assert [(one.accusation.validator, one.accusation.kind) for one in result.opened] == [
        (id_of(mesh, position), kind) for position, kind in enumerate(kinds)
    ]
    sign(mesh, exchange, VALIDATORS[4], SetFact(2, HEADS[0]))
    (late,) = watch().opened
    assert (late.accusation.validator, late.accusation.kind) == (id_of(mesh, 4), Kind.FALSE_SET)


def test_of_many_places_of_a_lane_the_highest_is_enough(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """A pardon that reaches it reaches the others; and what is pardoned is accused by nobody."""
    court = mesh.registry.address("Slasher")
    sign(
        mesh,
        exchange,
        VALIDATORS[LIAR],
        *(lane(mesh, "hub", "perps", NOWHERE + n, HEADS[0]) for n in range(30)),
    )
    (case,) = watch().opened
    assert case.accusation.nonce == NOWHERE + 29
    assert watch().opened == []
    mesh.as_owner("hub", court, slasher.PARDON.encode(mesh.id_of("hub"), mesh.id_of("perps"), NOWHERE + 40))
    sign(mesh, exchange, VALIDATORS[0], lane(mesh, "hub", "perps", NOWHERE + 35, HEADS[0]))
    result = watch()
    assert (result.opened, result.problems) == ([], [])
    sign(mesh, exchange, VALIDATORS[0], lane(mesh, "hub", "perps", NOWHERE + 41, HEADS[0]))
    assert [one.accusation.nonce for one in watch().opened] == [NOWHERE + 41]


def test_a_message_that_the_hub_executed_after_all(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """(b): signed as not executed while it still could be."""
    sent = mesh.send("arcade", "hub", count=4)
    message = sent[1].message
    untried = UnexecutedFact(message.origin, message.destination, message.nonce, sent[1].id, 0)
    sign(mesh, exchange, VALIDATORS[LIAR], untried)
    assert watch().opened == []
    deliver(mesh, sent)
    result = watch()
    assert result.problems == []
    (case,) = result.opened
    assert case.accusation == Accusation(id_of(mesh, LIAR), Kind.FALSE_UNEXECUTED, 902, 901, 2)


def test_calldata_of_every_chain_is_evidence(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """(c): four signed a head that was delivered on perps, in several steps of which none names it. The fifth signed
    another. (a): one of the four did, too.
    """
    sent = mesh.send("arcade", "perps", count=5)
    deliver(mesh, sent[:2])
    deliver(mesh, sent[1:4], first=2)
    assert watch().signatures == 8
    deliver(mesh, sent[4:], first=5)
    other = replace(fact_of(sent[4]), head=HEADS[0])
    outside = next(role for role in VALIDATORS if role.address not in mesh.attest(HEADS[0]).signatures)
    sign(mesh, exchange, outside, other)
    result = watch()
    assert result.problems == []
    assert result.signatures == 5
    place = other.origin, other.destination, 5
    (case,) = result.opened
    assert case.accusation == Accusation(
        id_of(mesh, VALIDATORS.index(outside)), Kind.LANE_CONTRADICTION, *place
    )
    guilty = next(role for role in VALIDATORS if role is not outside)
    sign(mesh, exchange, guilty, replace(other, nonce=4))
    (case,) = watch(file="from the beginning.sqlite").opened
    assert case.accusation == Accusation(
        id_of(mesh, VALIDATORS.index(guilty)), Kind.LANE_EQUIVOCATION, *place[:2], 4
    )


def test_a_lane_is_followed_while_it_becomes_final(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """By one watcher: what it heard before it was final is heard again when it is, and no old state is asked for."""
    sent = mesh.send("arcade", "perps", count=3)
    with Archive(tmp_path / "seen.sqlite", mesh.network_id) as archive:
        watcher = Watcher(mesh, exchange, archive, RIVAL)
        for number in range(1, 4):
            deliver(mesh, sent[number - 1 : number], first=number)
            assert watcher.pass_once().signatures == 4
            mesh.finalize()
            result = watcher.pass_once()
            assert (result.signatures, result.problems) == (0, [])
            followed = InboxLane(number, sent[number - 1].head)
            assert archive.lanes(mesh.id_of("perps")) == {
                (mesh.id_of("arcade"), mesh.id_of("perps")): followed
            }
        assert archive.counts() == (12, 3)


def test_restarts_sets_and_check_ins_are_heard(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """A restart that was followed, a set that was brought, and one with which members checked in."""
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    restarted = RestartFact(mesh.id_of("perps"), mesh.id_of("arcade"), 64)
    attestation = mesh.attest(restarted.leaf)
    arcade.send(RELAYER, mesh.gateway, gateway.FOLLOW_RESTART.encode(attestation, restarted.origin, 64, []))
    sent = mesh.send("perps", "arcade")
    # What stands behind the restart is heard, too.
    published = mesh.publish()
    mesh.rotate("arcade", published)
    fact = SetFact(published.version, published.hash)
    everybody = mesh.attest(fact.leaf, published, 5)
    hub.send(RELAYER, mesh.staking, staking.CHECK_IN.encode(everybody, []))
    assert watch().signatures == 9
    first = next(iter(attestation.signatures))
    role = next(role for role in VALIDATORS if role.address == first)
    sign(mesh, exchange, role, LaneFact(restarted.origin, restarted.destination, 64, sent[0].head))
    (case,) = watch().opened
    assert case.accusation.kind is Kind.LANE_EQUIVOCATION
    last = list(everybody.signatures)[-1]
    other = next(role for role in VALIDATORS if role.address == last)
    sign(mesh, exchange, other, replace(fact, set_hash=HEADS[0]))
    (case,) = watch().opened
    assert case.accusation == Accusation(id_of(mesh, VALIDATORS.index(other)), Kind.SET_EQUIVOCATION, 0, 0, 2)


def test_honest_validators_are_never_accused(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch, tmp_path: Path
) -> None:
    """S11: the hub and a spoke are reorganised above what is final, while validators are asked, and sign, and a watcher
    looks. Everything arrives in the end.
    """
    hub, arcade = mesh.connections["hub"], mesh.connections["arcade"]
    with mesh.signing(exchange, tmp_path):
        for connection, there in ((hub, "arcade"), (arcade, "perps")):
            name = connection.name
            mesh.send(name, there, count=2)
            mesh.finalize()
            mesh.relayer(exchange).relay_once()
            snapshot = connection.rpc("evm_snapshot")
            (gone,) = mesh.send(name, there, b"gone")
            exchange.propose([fact_of(gone)])
            assert watch().opened == []
            revert(connection.rpc, snapshot)
            mesh.send(name, there, b"in its place")
            assert watch().opened == []
            mesh.finalize()
            assert mesh.relayer(exchange).relay_once().delivered == 1
            result = watch()
            assert (result.opened, result.problems) == ([], [])
        mesh.publish()
        mesh.finalize()
        mesh.keep(exchange)
        assert watch().problems == []
    assert opened(mesh) == []
    with Archive(tmp_path / "seen.sqlite", mesh.network_id) as archive:
        assert list(archive.contested()) == []
        assert archive.counts()[0] >= 20


def test_strangers_flood_in_vain(mesh: Deployment, exchange: DirectoryExchange, watch: Watch) -> None:
    """Proposals that nobody signed, keys that are no validator's, validators' names without their signature, and
    whatever else may lie around: nothing of it is kept, and it holds up nothing.
    """
    for nonce in range(1, 301):
        root = sign(mesh, exchange, ATTACKER, lane(mesh, "hub", "perps", NOWHERE + nonce, HEADS[0]))
        exchange.sign(root, VALIDATORS[LIAR].address, bytes(64))
        other = exchange.propose([lane(mesh, "hub", "perps", NOWHERE + nonce, HEADS[1])])
        (exchange.directory / other.hex() / "signatures").mkdir(exist_ok=True)
    folder = exchange.directory / other.hex() / "signatures"
    for number in range(2_000):
        (folder / f"0x{number:040x}.json").write_text('{"signature": "0x00"}')
    (folder / f"{VALIDATORS[0].address.lower()}.json").mkdir()
    (folder / f"{VALIDATORS[1].address.lower()}.json").write_text("[" * 5_000)
    os.mkfifo(folder / f"{VALIDATORS[2].address.lower()}.json")
    malformed = sign(mesh, exchange, VALIDATORS[LIAR], lane(mesh, "hub", "perps", NOWHERE, HEADS[0]))
    (exchange.directory / malformed.hex() / "proposal.json").write_text('{"facts": []}')
    started = time.monotonic()
    result = watch()
    assert time.monotonic() - started < 20
    assert (result.signatures, result.opened, result.problems) == (0, [], [])
    exchange.propose([lane(mesh, "hub", "perps", NOWHERE, HEADS[0])])
    sign(mesh, exchange, VALIDATORS[LIAR], lane(mesh, "hub", "perps", NOWHERE, HEADS[0]))
    assert len(watch().opened) == 1


def test_nodes_that_lie_accuse_nobody(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch, tmp_path: Path
) -> None:
    """M54: one of three says that nothing was ever sent from the hub, and that the Slasher would open any case."""
    sent = mesh.send("hub", "arcade", count=2)
    court = mesh.registry.address("Slasher").lower()

    def lie(call: Call, said: object) -> object:
        to, data = call.params[0]["to"].lower(), call.params[0]["data"]
        if to == mesh.gateway.lower() and data.startswith(to_hex(gateway.OUTBOX_LANE.selector)):
            return "0x" + "00" * 96
        return "0x" + "01" * 32 if to == court and len(data) > 200 else said

    hub = mesh.connections["hub"]
    sign(mesh, exchange, VALIDATORS[LIAR], *map(fact_of, sent))
    sent_before = hub.rpc("eth_getTransactionCount", RIVAL.address, "latest")
    for liars in (1, 2):
        file = f"{liars}.sqlite"
        with ExitStack() as stack:
            faults = [[Lies("eth_call", lie)] if place < liars else [] for place in range(3)]
            nodes = [stack.enter_context(Node(hub.chain.url, each)) for each in faults]
            urls = tuple(node.url for node in nodes)
            seen = replace(
                mesh, connections={**mesh.connections, "hub": Connection(replace(hub.chain, nodes=urls))}
            )
            first = watch(seen, file=file)
            mesh.finalize()
            second = watch(seen, file=file)
        # Too many that lie cost nobody anything: the chain itself decides.
        assert (first.opened, second.opened, first.problems, second.problems) == ([], [], [], [])
        with Archive(tmp_path / file, mesh.network_id) as archive:
            assert len(archive.open_facts()) == (0 if liars == 1 else 2)
    assert hub.rpc("eth_getTransactionCount", RIVAL.address, "latest") == sent_before
    assert opened(mesh) == []


def test_a_watcher_reads_on_when_nodes_answer_again(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """A chain that is silent holds up nothing else, and nothing of it is passed by."""
    sent = mesh.send("arcade", "perps")
    deliver(mesh, sent)
    mesh.finalize()
    sign(mesh, exchange, VALIDATORS[0], replace(fact_of(sent[0]), head=HEADS[0]))
    sign(mesh, exchange, VALIDATORS[1], lane(mesh, "hub", "perps", NOWHERE, HEADS[0]))
    result = watch(mesh.cut_off_from("perps"))
    assert [one.accusation.kind for one in result.opened] == [Kind.FALSE_PLACE]
    (problem,) = result.problems
    assert problem.startswith("perps: its node does not answer as it should")
    result = watch()
    assert result.problems == []
    assert [one.accusation.kind for one in result.opened] == [Kind.LANE_EQUIVOCATION]


def test_who_has_nothing_more_to_lose_is_passed_by(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    """Accused of another place, by whomever, and nobody can pardon it; or gone for 24 days."""
    equivocate(mesh, ATTACKER, id_of(mesh, LIAR), VALIDATORS[LIAR].address)
    for fact in EQUIVOCATIONS["two heads"]:
        sign(mesh, exchange, VALIDATORS[LIAR], fact)
    result = watch()
    assert (result.opened, result.problems) == ([], [])
    hub = mesh.connections["hub"]
    hub.send(OPERATORS[0], mesh.staking, staking.LEAVE.encode(id_of(mesh, 0)))
    mesh.pass_time(LIABILITY, "hub")
    for fact in EQUIVOCATIONS["two heads"]:
        sign(mesh, exchange, VALIDATORS[0], fact)
    result = watch()
    assert (result.opened, result.problems) == ([], [])
    assert len(opened(mesh)) == 1


DYING = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.config import load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.mesh import Mesh
from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender
from metalayer.protocol.attestation import Domain
from metalayer.staking.archive import Archive
from metalayer.staking.prosecutor import Prosecutor
from metalayer.staking.watch import Watcher

moment, gateway, staking, exchange, seen = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

launch = Connection._launch
if moment == "kept":
    Prosecutor.accuse = die
elif moment == "signed":
    Connection._launch = die
else:
    Connection._launch = lambda *arguments: (launch(*arguments), die())
network = load_network()
mesh = Mesh(Domain(network.hub.chain_id, gateway), connect(network), staking)
archive = Archive(Path(seen), mesh.network_id)
Watcher(mesh, DirectoryExchange(Path(exchange)), archive, KeySender(local_key(12))).pass_once()
"""


@pytest.mark.parametrize("moment", ["kept", "signed", "sent"])
def test_a_watcher_may_be_killed_anywhere(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch, tmp_path: Path, moment: str
) -> None:
    """A real process and a real SIGKILL: when it had seen both, when it had signed the transaction, when it had sent
    it. What it saw is gone from the exchange. The next one opens the case, if it is not there, and no other.
    """
    roots = [sign(mesh, exchange, VALIDATORS[LIAR], fact) for fact in EQUIVOCATIONS["two heads"]]
    arguments = [moment, mesh.gateway, mesh.staking, str(exchange.directory), str(tmp_path / "seen.sqlite")]
    ended = subprocess.run(
        [sys.executable, "-c", DYING, *arguments], capture_output=True, env=os.environ, timeout=60
    )
    assert ended.returncode == -9, ended.stderr.decode()
    settle(mesh.connections["hub"].rpc)
    for root in roots:
        exchange.remove(root)
    assert len(opened(mesh)) == (1 if moment == "sent" else 0)
    assert len(watch().opened) == (0 if moment == "sent" else 1)
    assert watch().opened == []
    assert len(opened(mesh)) == 1


def test_a_case_that_a_reorganisation_took_is_opened_again(
    mesh: Deployment, exchange: DirectoryExchange, watch: Watch
) -> None:
    hub = mesh.connections["hub"]
    for fact in EQUIVOCATIONS["two heads"]:
        sign(mesh, exchange, VALIDATORS[LIAR], fact)
    snapshot = hub.rpc("evm_snapshot")
    assert len(watch().opened) == 1
    revert(hub.rpc, snapshot)
    assert len(watch().opened) == 1
    assert len(opened(mesh)) == 1
