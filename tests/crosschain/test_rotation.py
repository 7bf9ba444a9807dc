"""Validator sets over four real chains: they rotate together, and who was away catches up (P3, P10)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.rotation import Outcome, catch_up, propose_and_rotate
from metalayer.attesting.set_file import load_set
from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.pool import Patience
from metalayer.network.rpc import Reverted
from metalayer.network.signers import address_of
from metalayer.network.transactions import Transaction
from metalayer.protocol import gateway
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import LaneFact, SetFact
from metalayer.protocol.gateway import ROTATION_GRACE, Batch
from tests.kit.chains import settle
from tests.kit.deployment import ACCEPTING, Deployment, write_set
from tests.kit.roles import RELAYER, RIVAL, VALIDATORS
from tools.repository import repo_root

CHAINS = ("hub", "arcade", "perps", "social")


def versions(mesh: Deployment) -> dict[str, int]:
    return {name: read_sets(mesh.connections[name], mesh.gateway).installed.version for name in CHAINS}


def rotate(
    mesh: Deployment,
    exchange: DirectoryExchange,
    following: ValidatorSet,
    timeout: float = 20.0,
    **options: Any,
) -> list[Outcome]:
    senders = dict.fromkeys(mesh.connections, RELAYER)
    args = (mesh, exchange, senders, following, timeout)
    return propose_and_rotate(*args, **options)


def delivery(mesh: Deployment, sent: Sent, validator_set: ValidatorSet) -> bytes:
    """A call that delivers the first message of a lane under a set's signatures."""
    message = sent.message
    fact = LaneFact(message.origin, message.destination, message.nonce, sent.head)
    batch = Batch([message], message.origin, 1, [], [])
    return gateway.DELIVER.encode(mesh.attest(fact.leaf, validator_set), [batch])


@contextmanager
def signing_for(
    mesh: Deployment, exchange: DirectoryExchange, folder: Path, following: ValidatorSet
) -> Iterator[None]:
    """The first set's validators at work, agreed to the set."""
    with mesh.signing(exchange, folder, next_set=write_set(folder / "next.yaml", following)):
        yield


def expire(mesh: Deployment, *names: str, late: int = 0) -> None:
    """The clocks of these chains pass the end of the first set by a second, and so many more."""
    for name in names:
        connection = mesh.connections[name]
        connection.rpc("evm_setNextBlockTimestamp", hex(mesh.validator_set.expires + 1 + late))
        connection.rpc("anvil_mine", "0x1")


def test_all_chains_rotate_and_only_the_new_set_delivers(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3: from then on the old set's signatures move nothing, and the new one's do."""
    following = mesh.next_set()
    lines: list[str] = []
    (sent,) = mesh.send("hub", "arcade")
    with signing_for(mesh, exchange, tmp_path, following):
        outcomes = rotate(mesh, exchange, following, say=lines.append)
    assert [(o.chain, o.version, o.problem) for o in outcomes] == [(name, 2, "") for name in CHAINS]
    assert len({outcome.transaction for outcome in outcomes}) == 4
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)
    assert exchange.roots() == []
    assert len(lines) == 1
    assert following.hash.hex() in lines[0]
    arcade = mesh.connections["arcade"]
    with pytest.raises(Reverted, match="UnknownValidatorSet"):
        arcade.send(RELAYER, mesh.gateway, delivery(mesh, sent, mesh.validator_set))
    arcade.send(RELAYER, mesh.gateway, delivery(mesh, sent, following))
    assert mesh.inbox("hub", "arcade") == mesh.outbox("hub", "arcade")


def test_rotating_again_does_nothing(mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path) -> None:
    following = mesh.next_set()
    with signing_for(mesh, exchange, tmp_path, following):
        rotate(mesh, exchange, following)
    heights = {name: mesh.connections[name].height() for name in CHAINS}
    outcomes = rotate(mesh, exchange, following, timeout=0.0)
    assert [str(outcome) for outcome in outcomes] == [
        f"{name}: validator set 2 is installed" for name in CHAINS
    ]
    assert heights == {name: mesh.connections[name].height() for name in CHAINS}
    assert exchange.roots() == []


def test_a_rotation_interrupted_between_chains_goes_on_without_the_validators(
    mesh: Deployment, exchange: DirectoryExchange
) -> None:
    """What one chain accepted is valid on the others: nobody has to sign again."""
    following = mesh.next_set()
    mesh.rotate("perps", following)
    outcomes = rotate(mesh, exchange, following, timeout=0.0)
    assert {outcome.chain: outcome.problem for outcome in outcomes} == dict.fromkeys(CHAINS, "")
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)


DYING = """
import os, signal, sys
from pathlib import Path
from metalayer.attesting import rotation
from metalayer.attesting.directory import DirectoryExchange
from metalayer.attesting.set_file import load_set
from metalayer.network.config import load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.mesh import Mesh
from metalayer.network.signers import address_of, local_key
from metalayer.network.transactions import KeySender
from metalayer.protocol.attestation import Domain

launch = Connection._launch

def dying(connection, *signed):
    launch(connection, *signed)
    if connection.chain.name == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

rotation.in_parallel = lambda function, items: [function(item) for item in items]
Connection._launch = dying
network = load_network()
connections = connect(network)
rotation.propose_and_rotate(
    Mesh(Domain(network.hub.chain_id, sys.argv[2]), connections), DirectoryExchange(Path(sys.argv[3])),
    dict.fromkeys(connections, KeySender(local_key(2))), load_set(Path(sys.argv[4]), address_of),
)
"""


@pytest.mark.parametrize("last", ["hub", "perps"])
def test_whoever_rotates_may_be_killed_anywhere(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, last: str
) -> None:
    """A real process and a real SIGKILL, right after the transaction of one chain was sent."""
    following = mesh.next_set()
    with signing_for(mesh, exchange, tmp_path, following):
        program = [
            sys.executable,
            "-c",
            DYING,
            last,
            mesh.gateway,
            exchange.directory,
            tmp_path / "next.yaml",
        ]
        ended = subprocess.run([*map(str, program)], capture_output=True, env=os.environ, timeout=60)
    assert ended.returncode == -9, ended.stderr.decode()
    settle(mesh.connections[last].rpc)
    done = CHAINS[: CHAINS.index(last) + 1]
    assert versions(mesh) == {name: 2 if name in done else 1 for name in CHAINS}
    outcomes = rotate(mesh, exchange, following, timeout=0.0)
    assert {outcome.chain: outcome.problem for outcome in outcomes} == dict.fromkeys(CHAINS, "")
    assert {o.chain for o in outcomes if not o.transaction} == set(done)
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)


def test_a_chain_that_was_away_catches_up_over_two_sets(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """Its node was unreachable during both rotations. Catching up needs no validator, and asks nobody twice."""
    second, third = mesh.next_set(), mesh.next_set(3, range(2, 7))
    elsewhere = mesh.cut_off_from("social")
    with signing_for(mesh, exchange, tmp_path, second):
        outcomes = rotate(elsewhere, exchange, second)
    assert [o.chain for o in outcomes if o.problem] == ["social"]
    assert str(outcomes[-1]).startswith("social is unreachable")
    with mesh.signing(exchange, tmp_path, range(1, 6), write_set(tmp_path / "next.yaml", third)):
        rotate(elsewhere, exchange, third)
    assert versions(mesh) == {"hub": 3, "arcade": 3, "perps": 3, "social": 1}

    senders = dict.fromkeys(CHAINS, RELAYER)
    outcomes = catch_up(mesh, senders)
    assert [(o.chain, o.version, o.problem) for o in outcomes] == [("social", 2, ""), ("social", 3, "")]
    assert all(outcome.transaction for outcome in outcomes)
    assert versions(mesh) == dict.fromkeys(CHAINS, 3)
    (sent,) = mesh.send("hub", "social")
    mesh.connections["social"].send(RELAYER, mesh.gateway, delivery(mesh, sent, third))
    assert mesh.inbox("hub", "social") == mesh.outbox("hub", "social")


def test_nothing_is_asked_when_all_sets_are_equal(mesh: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    true = Connection._post

    def noted(connection: Connection, body: Any) -> Any:
        asked.append(body)
        return true(connection, body)

    monkeypatch.setattr(Connection, "_post", noted)
    assert catch_up(mesh, dict.fromkeys(CHAINS, RELAYER)) == []
    assert [body["method"] for body in asked] == ["eth_call"] * 4


def test_a_chain_that_does_not_answer_keeps_no_other_from_catching_up(mesh: Deployment) -> None:
    following = mesh.next_set()
    mesh.rotate("arcade", following)
    senders = dict.fromkeys(CHAINS, RELAYER)
    outcomes = catch_up(mesh.cut_off_from("hub"), senders)
    assert {(o.chain, o.version) for o in outcomes} == {("perps", 2), ("social", 2), ("hub", None)}
    assert outcomes[-1].problem.startswith("hub is unreachable")
    assert [o.chain for o in catch_up(mesh, senders)] == ["hub"]
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)


def test_two_relayers_that_catch_up_at_once_both_succeed(mesh: Deployment) -> None:
    mesh.rotate("arcade", mesh.next_set())
    both = in_parallel(
        lambda sender: catch_up(mesh, dict.fromkeys(CHAINS, sender)),
        [RELAYER, RIVAL],
    )
    assert [outcome.problem for outcomes in both for outcome in outcomes if outcome.problem] == []
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)


def test_a_set_that_no_direct_call_installed_cannot_be_taken_from_there(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A contract in between: its own input is no call of `rotate`. The validators sign the set once more."""
    caplog.set_level("INFO", "metalayer.attesting.rotation")
    following = mesh.next_set()
    data = mesh.rotate("hub", following)
    # CALLDATACOPY of everything, CALL of the gateway with it.
    forwarding = bytes.fromhex("365f5f375f5f365f5f73" + mesh.gateway[2:] + "5af100")
    arcade = mesh.connections["arcade"]
    creation = bytes.fromhex(f"60{len(forwarding):02x}8060095f395ff3") + forwarding
    forwarder = arcade.send(RIVAL, None, creation)["contractAddress"]
    arcade.send(RIVAL, forwarder, data, 1_000_000)
    assert versions(mesh)["arcade"] == 2
    outcomes = catch_up(mesh.only("arcade", "perps", "social"), dict.fromkeys(CHAINS, RELAYER))
    assert [outcome.chain for outcome in outcomes] == ["perps", "social"]
    for outcome in outcomes:
        assert "it has validator set 1, and no chain shows a direct call of `rotate`" in outcome.problem
    assert "calls another contract than the gateway" in caplog.text
    with signing_for(mesh, exchange, tmp_path, following):
        outcomes = rotate(
            replace(mesh, connections=mesh.only("arcade", "perps", "social").connections), exchange, following
        )
    assert {outcome.chain: outcome.problem for outcome in outcomes} == dict.fromkeys(
        ("arcade", "perps", "social"), ""
    )
    assert versions(mesh) == dict.fromkeys(CHAINS, 2)


@pytest.mark.parametrize("lie", ["another function", "more behind it", "another set", "garbage", "nothing"])
def test_a_node_that_shows_another_transaction_is_not_believed(
    mesh: Deployment, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """Nothing is sent but a call of `rotate` from the installed set to the announced one. Another chain helps out."""
    following = mesh.next_set()
    data = mesh.rotate("hub", following)
    hub = mesh.connections["hub"]
    other = gateway.ROTATE.encode(
        mesh.attest(bytes(32), mesh.validator_set), mesh.next_set(positions=range(2, 7)), []
    )
    shown = {
        "another function": {"to": mesh.gateway, "input": "0x" + gateway.CLAIM.encode(902).hex()},
        "more behind it": {"to": mesh.gateway, "input": "0x" + (data + bytes(32)).hex()},
        "another set": {"to": mesh.gateway, "input": "0x" + other.hex()},
        "garbage": {"to": [], "input": 7},
        "nothing": None,
    }[lie]
    true = hub.rpc
    monkeypatch.setattr(
        hub, "rpc", lambda method, *p: shown if method == "eth_getTransactionByHash" else true(method, *p)
    )
    heights = {name: mesh.connections[name].height() for name in CHAINS}
    senders = dict.fromkeys(CHAINS, RELAYER)
    outcomes = catch_up(mesh, senders)
    assert [outcome.chain for outcome in outcomes] == ["arcade", "perps", "social"]
    assert all("no chain shows a direct call" in outcome.problem for outcome in outcomes)
    assert heights == {name: mesh.connections[name].height() for name in CHAINS}
    mesh.rotate("social", following)
    outcomes = catch_up(mesh, senders)
    assert [(outcome.chain, outcome.problem) for outcome in outcomes] == [("arcade", ""), ("perps", "")]


def test_a_transaction_that_waits_in_the_pool_is_not_paid_for_twice(mesh: Deployment) -> None:
    following = mesh.next_set()
    mesh.rotate("hub", following)
    arcade = mesh.connections["arcade"]
    arcade.rpc("evm_setAutomine", False)
    (signed,) = arcade.sign_many(RELAYER, [Transaction(ACCEPTING, b"", 100_000)])
    arcade.broadcast([signed])
    arcade.patience = Patience(0.1, 1.0)
    (outcome,) = catch_up(mesh.only("hub", "arcade"), dict.fromkeys(CHAINS, RELAYER))
    assert outcome.problem.startswith(
        f"arcade: a transaction of {RELAYER.address} is still pending, from nonce "
    )
    assert int(arcade.rpc("txpool_status")["pending"], 16) == 1


def test_validators_that_disagree_about_the_next_set_make_no_quorum(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3: three of five agree, one named another set, one named none. Everybody reads why, and nothing moves."""
    following, other = mesh.next_set(), mesh.next_set(positions=range(2, 7))
    with ExitStack() as stack:
        for positions, next_set in (
            ((0, 1, 2), write_set(tmp_path / "following.yaml", following)),
            ((3,), write_set(tmp_path / "other.yaml", other)),
            ((4,), None),
        ):
            stack.enter_context(mesh.signing(exchange, tmp_path, positions, next_set))
        outcomes = rotate(mesh, exchange, following, timeout=60.0)
        assert [outcome.chain for outcome in outcomes] == list(CHAINS)
        for outcome in outcomes:
            assert outcome.version == 1
            assert outcome.problem.startswith(
                f"{outcome.chain}: no quorum of validator set 1: weight 300 of 500 signed, more than two thirds needed"
            )
            assert f"not agreed here, but set 2 with hash 0x{other.hash.hex()}" in outcome.problem
            assert f"{VALIDATORS[4].address} says: set 2: no next set is agreed here" in outcome.problem
        assert versions(mesh) == dict.fromkeys(CHAINS, 1)
        write_set(tmp_path / "other.yaml", following)
        outcomes = rotate(mesh, exchange, following)
    assert [outcome.problem for outcome in outcomes] == [""] * 4


def test_signatures_of_the_next_set_alone_rotate_nothing(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3: one that joins counts only once it is installed, however much of the next set has signed."""
    following = mesh.next_set()
    next_set = write_set(tmp_path / "next.yaml", following)
    with mesh.signing(exchange, tmp_path, (3, 4, 5), next_set):
        outcomes = rotate(mesh, exchange, following, timeout=1.0)
    assert all("weight 200 of 500 signed" in outcome.problem for outcome in outcomes)
    assert f"{VALIDATORS[0].address} said nothing" in outcomes[0].problem


def test_a_set_that_expired_this_week_can_still_be_followed(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3: nothing else that it signs counts."""
    following = mesh.next_set()
    (sent,) = mesh.send("hub", "social")
    expire(mesh, "social", late=ROTATION_GRACE - 3_600)
    social = mesh.connections["social"]
    with pytest.raises(Reverted, match="ValidatorSetExpired"):
        social.send(RELAYER, mesh.gateway, delivery(mesh, sent, mesh.validator_set))
    with signing_for(mesh, exchange, tmp_path, following):
        outcomes = rotate(mesh, exchange, following)
    assert [outcome.problem for outcome in outcomes] == [""] * 4
    social.send(RELAYER, mesh.gateway, delivery(mesh, sent, following))


def test_an_expired_set_stops_its_chain_and_says_what_it_needs(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """P3: nothing is delivered there. A week later neither rotation nor catching up helps; the others rotate."""
    following = mesh.next_set(version=3)
    (sent,) = mesh.send("hub", "social")
    expire(mesh, "social", late=ROTATION_GRACE)
    social = mesh.connections["social"]
    found = read_sets(social, mesh.gateway)
    assert (found.installed, found.seconds_left) == (mesh.validator_set, -1 - ROTATION_GRACE)
    assert read_sets(mesh.connections["hub"], mesh.gateway).seconds_left > 0
    with pytest.raises(Reverted, match="ValidatorSetExpired"):
        social.send(RELAYER, mesh.gateway, delivery(mesh, sent, mesh.validator_set))
    with signing_for(mesh, exchange, tmp_path, following):
        outcomes = rotate(mesh, exchange, following)
    by_chain = {outcome.chain: outcome for outcome in outcomes}
    assert [by_chain[name].problem for name in ("hub", "arcade", "perps")] == [""] * 3
    assert by_chain["social"].problem.startswith("social: its validator set 1 expired at 20")
    assert by_chain["social"].problem.endswith(
        "it takes nothing from anywhere, and only the recovery can bring the next one (docs/incidents.md)"
    )
    (outcome,) = catch_up(mesh, dict.fromkeys(CHAINS, RELAYER))
    assert outcome == by_chain["social"]
    with pytest.raises(Reverted, match="ValidatorSetExpired"):
        mesh.rotate("social", following)


def test_a_set_that_no_chain_would_install_is_not_proposed(
    mesh: Deployment, exchange: DirectoryExchange
) -> None:
    lower = replace(mesh.next_set(), version=1)
    shorter = replace(mesh.next_set(), expires=mesh.validator_set.expires)
    for wrong in (lower, shorter):
        outcomes = rotate(mesh, exchange, wrong)
        assert len(outcomes) == 4
        assert all("needs a higher version and a later expiry" in outcome.problem for outcome in outcomes)
    heavy = ValidatorSet.of(
        2, shorter.expires + 1, {key.address: 1 + 9 * (key is VALIDATORS[0]) for key in VALIDATORS}
    )
    assert all("less than a third" in outcome.problem for outcome in rotate(mesh, exchange, heavy))
    assert exchange.roots() == []


def test_chains_with_two_sets_of_one_version_are_told_apart(mesh: Deployment) -> None:
    """What a lying quorum can do: halt lanes, visibly."""
    mesh.rotate("hub", mesh.next_set())
    mesh.rotate("arcade", mesh.next_set(positions=range(2, 7)))
    outcomes = catch_up(mesh, dict.fromkeys(CHAINS, RELAYER))
    (problem,) = (outcome.problem for outcome in outcomes if outcome.problem)
    assert problem.startswith("arcade: its validator set 2 is 0x")


SET = """\
version: 2
expires: 2099-01-01
weights:
  TEST::5: 100
  TEST::6: 100
  TEST::7: 100
  0xa0Ee7A142d267C1f36714E4a8F75612F20a79720: 100
"""


@pytest.mark.parametrize(
    ("expires", "unix"),
    [
        ("4070908800", 4_070_908_800),
        ("2099-01-01", 4_070_908_800),
        ("'2099-01-01'", 4_070_908_800),
        ("2099-01-01T00:00:00Z", 4_070_908_800),
        ("2099-01-01 02:00:00+02:00", 4_070_908_800),
        ("2099-01-01T00:00:07", 4_070_908_807),
    ],
)
def test_a_set_is_read_from_its_file(tmp_path: Path, expires: str, unix: int) -> None:
    """The same moment in every time zone: operators must name the very same set."""
    path = tmp_path / "next.yaml"
    path.write_text(SET.replace("2099-01-01", expires))
    found = load_set(path, address_of)
    assert (found.version, found.expires) == (2, unix)
    assert found == ValidatorSet.of(2, unix, {VALIDATORS[i].address: 100 for i in (0, 1, 2, 4)})


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("version: 2", "version: two", ":1: version: expected a whole number from 1 to 2^64-1, found 'two'"),
        ("version: 2", "version: 0", ":1: version: "),
        ("version: 2", "", ":2: `version` is missing"),
        ("2099-01-01", "2099-13-01", ":2: expires: expected Unix seconds or an ISO date"),
        ("2099-01-01", "soon", ":2: expires: expected Unix seconds or an ISO date"),
        ("2099-01-01", "2020-01-01", ":2: expires: expected a moment to come, found 2020-01-01 00:00:00 UTC"),
        ("2099-01-01", str(2**64 - 1), ":2: expires: "),
        ("2099-01-01", "1" * 30, ":2: expires: "),
        ("2099-01-01", "[1]", ":2: expires: "),
        ("TEST::5: 100", "TEST::5: 0", ":4: weights.TEST::5: "),
        ("TEST::5: 100", "TEST::5: 1.5", ":4: weights.TEST::5: "),
        ("TEST::5: 100", "TEST::99: 100", ":4: weights.TEST::99: no account 'TEST::99'"),
        ("TEST::5: 100", "TEST::9: 100", ":7: weights.0xa0Ee7A142d267C1f36714E4a8F75612F20a79720: "),
        ("TEST::5: 100", "TEST::6: 100", ":5: weights.TEST::6: expected each name once, it is in line 4"),
        ("0xa0Ee", "0xa0ee", ":7: weights.0xa0ee7A142d267C1f36714E4a8F75612F20a79720: the checksum of"),
        ("TEST::5: 100", "TEST::5: 300", ":3: weights: "),
        ("  TEST::5: 100\n", "", "4 to 32 members, not 3"),
        (
            "weights:",
            "more: 1\nweights:",
            ":3: more: unknown name: expected one of version, expires, weights",
        ),
        ("weights:", "weights: [", "not valid YAML"),
        (SET, "", ":1: expected names with values, found nothing"),
    ],
)
def test_a_malformed_file_is_one_line(tmp_path: Path, old: str, new: str, error: str) -> None:
    path = tmp_path / "next.yaml"
    path.write_text(SET.replace(old, new))
    with pytest.raises(MetalayerError) as caught:
        load_set(path, address_of)
    assert str(path) in str(caught.value)
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match=r"cannot read .*next.yaml: No such file"):
        load_set(tmp_path / "next.yaml", address_of)
    (tmp_path / "next.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(MetalayerError, match=r"next.yaml:1: expected UTF-8, found the byte 0xff"):
        load_set(tmp_path / "next.yaml", address_of)


def test_the_command_signs_the_set_of_its_file(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path
) -> None:
    """`ape metalayer validate --next-set`, as operators run it."""
    following = mesh.next_set()
    write_set(tmp_path / "next.yaml", following)
    root = exchange.propose([SetFact(following.version, following.hash)])
    options = {
        "--key": "TEST::5",
        "--record": tmp_path / "record.sqlite",
        "--exchange": exchange.directory,
        "--next-set": tmp_path / "next.yaml",
    }
    words = [str(word) for option in options.items() for word in option]
    done = subprocess.run(
        [Path(sys.executable).with_name("ape"), "run", "validate", *words, "--once"],
        cwd=repo_root(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "in validator set 1 of hub, arcade, perps, social" in lines
    assert f"not in the next validator set, 2: 0x{following.hash.hex()}" in lines
    assert lines[-1] == f"signed 0x{root.hex()}: 1 facts"
    assert exchange.signers(root) == [VALIDATORS[0].address]
