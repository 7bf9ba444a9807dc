"""A validator that reads a chain through several nodes signs what enough of them say, and nothing else (M54)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network import failover
from metalayer.network import nodes as nodes_module
from metalayer.network.connection import Connection
from metalayer.protocol import gateway, staking
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.protocol.hex import to_hex
from metalayer.validator.process import Judgement, Validator, Verdict
from tests.kit.deployment import CHAIN_IS_OLD, Deployment
from tests.kit.faults import (
    BatchLimit,
    Broken,
    Duplicates,
    Every,
    Lagging,
    Lies,
    LogCount,
    LogRange,
    LogsBehind,
    NoLogs,
    Pruned,
    RefusesTag,
    Shuffled,
    Slow,
    TooMany,
    wrong_chain,
    wrong_head,
)
from tests.kit.node import Call, Fault, Node

FORGED = b"\x66" * 32


@dataclass
class Watch:
    """A validator, and the proxies that it reads the hub through, in the order of networks.yaml."""

    mesh: Deployment
    validator: Validator
    nodes: list[Node]

    def propose(self, *facts: Fact) -> bytes:
        return self.validator.exchange.propose(facts)

    def judge(self, *facts: Fact) -> Verdict:
        root = self.propose(*facts)
        (verdict,) = (one for one in self.validator.pass_once() if one.root == root)
        return verdict

    def has_signed(self, fact: Fact) -> bool:
        return self.validator.exchange.signature(fact.leaf, self.validator.address) is not None

    def wait_for(self, fact: Fact) -> None:
        self.wait_until(lambda: self.has_signed(fact))

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)


Open = Callable[..., Watch]


@pytest.fixture
def watch(
    mesh: Deployment, exchange: DirectoryExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Opens a validator over a hub with as many nodes as lists of faults are given."""
    # A node that has too much to do is given up at once.
    monkeypatch.setattr(failover, "PATIENCE", 0.1)
    with ExitStack() as stack:

        def opened(*faults: list[Fault], agree: int = 0, held: Held | None = None, **preset: Any) -> Watch:
            """`held` is in front of arcade's node."""
            chain = mesh.connections["hub"].chain
            nodes = [stack.enter_context(Node(chain.url, each)) for each in faults]
            urls = tuple(node.url for node in nodes)
            changed = chain.preset.model_copy(update=preset)
            hub = Connection(replace(chain, nodes=urls, agree=agree, preset=changed))
            arcade = mesh.connections["arcade"]
            if held is not None:
                node = stack.enter_context(Node(arcade.chain.url, [held]))
                arcade = Connection(replace(arcade.chain, nodes=(node.url,)))
            seen = replace(mesh, connections={**mesh.connections, "hub": hub, "arcade": arcade})
            validator = seen.validator(0, exchange, tmp_path)
            stack.callback(validator.record.close)
            return Watch(mesh, validator, nodes)

        yield opened


def send(mesh: Deployment, origin: str = "hub", destination: str = "arcade", count: int = 1) -> LaneFact:
    """The fact of a lane's head when it is final."""
    mesh.send(origin, destination, count=count)
    mesh.finalize()
    nonce, head = mesh.outbox(origin, destination)
    return LaneFact(mesh.id_of(origin), mesh.id_of(destination), nonce, head)


def forging(head: bytes = FORGED) -> Lies:
    """A node whose lanes have another head: the last word of LaneExtended."""

    def forge(call: Call, said: Any) -> Any:
        extended = to_hex(gateway.LANE_EXTENDED.topic)
        return [
            {**log, "data": log["data"][:-64] + head.hex()} if log["topics"][0] == extended else log
            for log in said
        ]

    return Lies("eth_getLogs", forge)


class Held(Fault):
    """A node that does not answer until it is released."""

    def __init__(self) -> None:
        self.reached, self.release = threading.Event(), threading.Event()

    def take(self, calls: Sequence[Call]) -> None:
        self.reached.set()
        self.release.wait(10)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()


def fork() -> Lies:
    """A node on another fork: all of its blocks have other hashes."""

    def forge(call: Call, said: Any) -> Any:
        if said is None:
            return None
        # Its first byte is another one, whatever it is.
        first = int(said["hash"][2:4], 16) ^ 0xFF
        return {**said, "hash": f"0x{first:02x}{said['hash'][4:]}"}

    return Lies("eth_getBlockByNumber", forge)


LIARS: dict[str, list[Fault]] = {
    "forged head": [forging()],
    "forged restarts": [
        Lies(
            "eth_getLogs",
            lambda call, said: (
                said
                or [
                    {
                        "address": call.params[0]["address"],
                        "topics": [
                            to_hex(gateway.LANE_RESTARTED.topic),
                            call.params[0]["topics"][1],
                            to_hex(bytes(32)),
                        ],
                        "data": to_hex(bytes(32)),
                        "blockNumber": "0x1",
                        "logIndex": "0x0",
                        "transactionHash": to_hex(bytes(32)),
                    }
                ]
            ),
        )
    ],
    "forged lane": [NoLogs()],
    "wrong chain id": [wrong_chain(7)],
    "lagging": [Lagging(10)],
    "lagging logs": [LogsBehind(10)],
    "another fork": [fork()],
    "far ahead": [wrong_head(1_000)],
    "not there": [Broken(body=None)],
    "limited": [TooMany()],
    "nonsense": [Lies("*", lambda call, said: {"deep": [said]})],
    "wrong block": [Lies("eth_getBlockByNumber", lambda call, said: {**said, "number": "0x1"})],
    "numbers beyond their types": [Lies("*", lambda call, said: hex(2**64))],
}


@pytest.mark.parametrize("faults", LIARS.values(), ids=LIARS.keys())
def test_one_liar_of_three_changes_nothing(mesh: Deployment, watch: Open, faults: list[Fault]) -> None:
    """M54: true facts are signed, false ones are not, in whichever place it stands."""
    true = send(mesh, count=2)
    for place in range(3):
        nodes: list[list[Fault]] = [[], [], []]
        nodes[place] = faults
        here = watch(*nodes)
        assert here.judge(true).judgement is Judgement.SIGNED
        here.validator.exchange.remove(true.leaf)
        false = here.judge(replace(true, head=FORGED))
        assert (false.judgement, false.final) == (Judgement.REFUSED, True)
        assert f"the head after message {true.nonce} is 0x{true.head.hex()}" in false.reason
        here.validator.exchange.remove(replace(true, head=FORGED).leaf)
        here.validator.record.close()


HARMFUL = {name: faults for name, faults in LIARS.items() if name not in ("forged restarts", "far ahead")}


@pytest.mark.parametrize("faults", HARMFUL.values(), ids=HARMFUL.keys())
def test_two_of_three_that_do_not_agree_sign_nothing(
    mesh: Deployment, watch: Open, caplog: pytest.LogCaptureFixture, faults: list[Fault]
) -> None:
    """M54: one node lies while another is flooded. It never falls back to fewer than two, and nothing is final."""
    true = send(mesh, count=2)
    here = watch([], faults, [Broken(429)])
    for head in (true.head, FORGED):
        fact = replace(true, head=head)
        verdict = here.judge(fact)
        assert (verdict.judgement, verdict.final) == (Judgement.WAITING, False)
        assert verdict.reason in (
            "hub: 1 of its 3 nodes answer as they should, 2 must agree",
            "hub: its nodes disagree, 2 of 3 must say the same",
        ) or verdict.reason.startswith("lane hub to 902: there is no message 2 up to finalized block")
        assert here.validator.exchange.refusals(fact.leaf, final_only=True) == {}
        assert any("node 3: " in line for line in caplog.messages)
    here.nodes[2].faults = []
    verdicts = {one.root: one.judgement for one in here.validator.pass_once()}
    assert verdicts == {true.leaf: Judgement.SIGNED, replace(true, head=FORGED).leaf: Judgement.REFUSED}


def test_two_liars_that_agree_are_believed_by_a_majority_and_not_by_all(
    mesh: Deployment, watch: Open
) -> None:
    """What `agree` protects from, and what it does not."""
    forged = replace(send(mesh), head=FORGED)
    here = watch([forging()], [forging()], [], agree=3)
    assert here.judge(forged).judgement is Judgement.WAITING
    here.validator.record.close()
    here = watch([forging()], [forging()], [])
    assert [one.judgement for one in here.validator.pass_once()] == [Judgement.SIGNED]


def test_one_node_is_believed_but_its_no_is_not_the_last_word(mesh: Deployment, watch: Open) -> None:
    """One wrong head is not a refusal for ever."""
    true = send(mesh)
    here = watch([forging()])
    verdict = here.judge(true)
    assert (verdict.judgement, verdict.final) == (Judgement.REFUSED, False)
    assert here.validator.exchange.refusals(true.leaf, final_only=True) == {}
    here.nodes[0].faults = []
    assert [one.judgement for one in here.validator.pass_once()] == [Judgement.SIGNED]
    assert here.validator.exchange.refusals(true.leaf) == {}


def forged_set(call: Call, said: Any) -> Any:
    """Of a node that lies about what Staking published: every hash of a set is another."""
    is_hash = call.params[0]["data"].startswith(to_hex(staking.SET_HASH.selector))
    return to_hex(FORGED) if is_hash else said


def later_set(call: Call, said: Any) -> Any:
    """Of a node that says one set more was published."""
    is_version = call.params[0]["data"] == to_hex(staking.SET_VERSION.selector)
    return hex(int(said, 16) + 1) if is_version else forged_set(call, said)


@pytest.mark.parametrize("lie", [forged_set, later_set])
def test_one_node_that_lies_about_staking_gets_nothing_false_signed(
    mesh: Deployment, watch: Open, lie: Callable[[Call, Any], Any]
) -> None:
    """M54: neither does it keep the true set from being signed. Two of three would."""
    published = mesh.publish()
    mesh.finalize()
    true = SetFact(published.version, published.hash)
    false = [replace(true, set_hash=FORGED), SetFact(published.version + 1, FORGED)]
    here = watch([Lies("eth_call", lie)], [], [])
    for fact in false:
        assert here.judge(fact).judgement is not Judgement.SIGNED
        assert not here.has_signed(fact)
    assert here.judge(true).judgement is Judgement.SIGNED
    here.nodes[1].faults = [Broken()]
    for fact in false:
        here.validator.pass_once()
        assert not here.has_signed(fact)


def test_restarts_and_sets_need_as_many_nodes(mesh: Deployment, watch: Open) -> None:
    mesh.restart("hub", "arcade", 9)
    published = mesh.publish()
    mesh.finalize()
    here = watch([], [NoLogs(), Lies("eth_call", forged_set)], [Broken()])
    facts = (RestartFact(901, 902, 9), SetFact(published.version, published.hash))
    for fact in facts:
        assert here.judge(fact).judgement is Judgement.WAITING
    here.nodes[2].faults = []
    assert {one.judgement for one in here.validator.pass_once()} == {Judgement.SIGNED}


def test_a_node_that_does_not_answer_is_waited_for_once(
    mesh: Deployment, watch: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other two are enough: a moment after they have answered, and at once while it still owes its answer."""
    monkeypatch.setattr(nodes_module, "_GRACE", 0.4)
    with Held() as held:
        here = watch([], [], [held])
        for grace in (True, False, False):
            fact = send(mesh)
            started = time.monotonic()
            assert here.judge(fact).judgement is Judgement.SIGNED
            assert (time.monotonic() - started > 0.4) is grace
        assert len(here.nodes[2].bodies) == 1


TIRESOME: dict[str, list[Fault]] = {
    "few blocks": [LogRange(7)],
    "few logs": [LogCount(2)],
    "small batches": [BatchLimit(1, status=413)],
    "duplicates": [Duplicates()],
    "any order": [Shuffled()],
    "now and then": [Every(4, Broken(body=None))],
}


@pytest.mark.parametrize("faults", TIRESOME.values(), ids=TIRESOME.keys())
def test_what_public_nodes_are_like_is_no_obstacle(
    mesh: Deployment, watch: Open, faults: list[Fault]
) -> None:
    here = watch(faults, faults, faults)
    facts = [send(mesh, count=2) for _ in range(3)]
    mesh.restart("hub", "arcade", 20)
    mesh.finalize()
    root = here.propose(*facts, RestartFact(901, 902, 20))
    verdicts = [verdict for _ in range(3) for verdict in here.validator.pass_once() if verdict.root == root]
    assert verdicts[-1].judgement is Judgement.SIGNED


def test_a_slow_honest_node_is_waited_for_when_the_fast_ones_disagree(
    mesh: Deployment, watch: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes_module, "_GRACE", 0.05)
    here = watch([forging()], [], [Slow(0.2)])
    true = send(mesh)
    assert here.judge(true).judgement is Judgement.WAITING
    assert [one.judgement for one in here.validator.pass_once()] == [Judgement.SIGNED]


@pytest.mark.parametrize("facts", [1, 20])
def test_a_round_is_a_handful_of_requests(mesh: Deployment, watch: Open, facts: int) -> None:
    """Of each node, in two round trips: however many facts of a lane, and however many proposals."""
    here = watch([], [], [])
    assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    for node in here.nodes:
        node.forget()
    for _ in range(facts):
        here.propose(send(mesh))
    verdicts = here.validator.pass_once()
    assert [one.judgement for one in verdicts] == [Judgement.SIGNED] * facts
    for node in here.nodes:
        assert node.bodies == [3, 2]
        assert [call.method for call in node.asked] == [
            "eth_chainId",
            "eth_blockNumber",
            # The block that was final before, and the one that is now.
            "eth_getBlockByNumber",
            "eth_getBlockByNumber",
            "eth_getLogs",
        ]


def test_one_chain_does_not_delay_the_others(mesh: Deployment, watch: Open) -> None:
    """A process signs for arcade while the hub's node owes it an answer, and for the hub when that is there."""
    with Held() as held:
        here = watch([held])
        first, other, second = send(mesh), send(mesh, "arcade", "hub"), send(mesh)
        here.propose(first)
        with running(here.validator) as verdicts:
            assert held.reached.wait(5)
            here.propose(second)
            here.propose(other)
            here.wait_for(other)
            assert not here.has_signed(first)
            held.release.set()
            here.wait_for(first)
            here.wait_for(second)
    assert {verdict.judgement for verdict in verdicts} == {Judgement.SIGNED}


def test_what_was_true_when_its_chain_was_read_is_not_signed_if_that_was_reorganised_since(
    mesh: Deployment, watch: Open
) -> None:
    """While another chain, which stands under the same root, takes its time."""
    with Held() as held:
        here = watch([], held=held)
        both = send(mesh), send(mesh, "arcade", "hub")
        root = here.propose(*both)
        with running(here.validator) as verdicts:
            assert held.reached.wait(5)
            here.wait_until(lambda: not here.validator.chains.is_read(901))
            here.nodes[0].faults = [fork()]
            here.propose(replace(both[0], nonce=77))
            here.wait_until(lambda: bool(here.validator.chains.distrust(901)))
            held.release.set()
            here.wait_until(lambda: root in {verdict.root for verdict in verdicts})
    (verdict,) = (verdict for verdict in verdicts if verdict.root == root)
    assert verdict.judgement is Judgement.WAITING
    assert "hub was reorganised below its finality" in verdict.reason


def test_a_node_on_another_fork_has_no_vote(mesh: Deployment, watch: Open) -> None:
    """Not even where it agrees: what it says is of another chain."""
    here = watch([], [], [NoLogs()], [fork()])
    assert here.judge(send(mesh)).judgement is Judgement.WAITING
    here.nodes[2].faults = []
    assert [one.judgement for one in here.validator.pass_once()] == [Judgement.SIGNED]


def test_a_reorganisation_needs_as_many_nodes_as_a_signature(
    mesh: Deployment, watch: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """One node on another fork does not make a chain distrusted. Two do, and it stays so when they are back."""
    here = watch([], [], [])
    assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    here.nodes[0].faults = [fork()]
    assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    assert any("node 1: it is on another fork: its block" in line for line in caplog.messages)
    here.nodes[1].faults = [fork()]
    verdict = here.judge(send(mesh))
    assert verdict.judgement is Judgement.WAITING
    assert "hub was reorganised below its finality" in verdict.reason
    for node in here.nodes:
        node.faults = []
    assert [one.reason for one in here.validator.pass_once()] == [verdict.reason]


def test_nodes_that_lost_a_final_block_are_behind(mesh: Deployment, watch: Open) -> None:
    here = watch([], [], [])
    assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    for node in here.nodes:
        node.faults = [Lagging(10)]
    verdict = here.judge(send(mesh))
    assert verdict.judgement is Judgement.WAITING
    assert verdict.reason == "hub: 0 of its 3 nodes answer as they should, 2 must agree"
    for node in here.nodes:
        node.faults = []
    assert [one.judgement for one in here.validator.pass_once()] == [Judgement.SIGNED]


def test_nodes_a_few_blocks_behind_where_they_were_are_still_good(mesh: Deployment, watch: Open) -> None:
    """Other backends behind the same address."""
    here = watch([], [], [])
    fact = send(mesh)
    assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    for node in here.nodes:
        node.faults = [Lagging(2)]
    assert here.judge(fact).judgement is Judgement.SIGNED


def test_the_same_fault_is_said_once(mesh: Deployment, watch: Open, caplog: pytest.LogCaptureFixture) -> None:
    """However its numbers change; and that it is over."""
    here = watch([], [], [fork()])
    for _ in range(3):
        assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    here.nodes[2].faults = []
    for _ in range(2):
        assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    first, over = (line for line in caplog.messages if CHAIN_IS_OLD not in line)
    assert first.startswith(
        "hub: not all of its nodes are believed (node 3: it is on another fork: its block "
    )
    assert over == "hub: all of its nodes are believed again"


@pytest.mark.parametrize(("tag", "depth"), [("finalized", 64), ("safe", 32)])
def test_finality_may_be_what_the_chain_says(mesh: Deployment, watch: Open, tag: str, depth: int) -> None:
    here = watch([], [RefusesTag(tag)], [], finality=tag)
    assert here.validator.chains.warnings() == [
        f"hub: node 2: hub: eth_getBlockByNumber failed: invalid block tag: {tag}"
    ]
    fact = send(mesh)
    hub = mesh.connections["hub"]
    assert here.judge(fact).judgement is Judgement.WAITING
    hub.rpc("anvil_mine", hex(depth - hub.chain.preset.finality_depth - 1))
    assert [one.judgement for one in here.validator.pass_once()] == [Judgement.WAITING]
    hub.rpc("anvil_mine", "0x1")
    assert [one.judgement for one in here.validator.pass_once()] == [Judgement.SIGNED]


def test_finality_that_stands_still_is_said(
    mesh: Deployment, watch: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """Once when it begins, and once when it ends."""

    def old(seconds: int) -> Lies:
        return Lies(
            "eth_getBlockByNumber",
            lambda call, said: {**said, "timestamp": hex(int(time.time()) - seconds)},
        )

    here = watch([old(10)])
    for seconds in (10, 5_000, 5_000, 10):
        here.nodes[0].faults = [old(seconds)]
        assert here.judge(send(mesh)).judgement is Judgement.SIGNED
    (begin, end) = caplog.messages
    assert begin.startswith("hub: finality stands still: block ")
    assert begin.endswith("the newest final one, is 5000 s old")
    assert end.startswith("hub: finality goes on at block ")


def test_a_deep_finality_needs_an_archive_node_and_that_is_said(mesh: Deployment, watch: Open) -> None:
    hub = mesh.connections["hub"]
    hub.rpc("anvil_mine", hex(200))
    here = watch([], [Pruned(hub.height() - 127)], [], finality=130)
    (line,) = here.validator.chains.warnings()
    assert line.startswith("hub: node 2: relayers need an archive node for a finality of 130 blocks (")


def test_a_chain_that_is_read_through_one_node_elsewhere_is_said(mesh: Deployment, watch: Open) -> None:
    here = watch([])
    (judge,) = (judge for judge in here.validator.chains.judges.values() if judge.chain.name == "hub")
    judge.nodes.chain = replace(judge.chain, base_port=None, remote_url="http://elsewhere")
    assert here.validator.chains.warnings() == [
        "hub: it is read through one node, whose every lie would be signed: name several in networks.yaml "
        "(chains.hub.nodes)"
    ]


def test_a_set_beyond_its_type_is_its_chains_fault_alone(mesh: Deployment, watch: Open) -> None:
    """M43: a validator starts, and signs all but the newest set."""

    def beyond(call: Call, said: Any) -> Any:
        is_version = call.params[0]["data"] == to_hex(staking.SET_VERSION.selector)
        return "0x" + "ff" * 32 if is_version else said

    here = watch([Lies("eth_call", beyond)])
    first, hub = here.validator.memberships()
    assert first == "in validator set 1 of hub, arcade, perps, social"
    assert hub.startswith(
        "hub: its node does not answer as it should (hub: its node's answer to eth_call makes"
    )
    waiting = here.propose(SetFact(mesh.validator_set.version, mesh.validator_set.hash))
    signed = {here.propose(send(mesh, "arcade", "hub")), here.propose(send(mesh))}
    verdicts = {verdict.root: verdict for verdict in here.validator.pass_once()}
    assert {root for root, one in verdicts.items() if one.judgement is Judgement.SIGNED} == signed
    assert verdicts[waiting].judgement is Judgement.WAITING
    assert verdicts[waiting].reason == "hub: its newest validator set cannot be read"


@contextmanager
def running(validator: Validator) -> Iterator[list[Verdict]]:
    """A validator at work, and what it reports."""
    stop, verdicts = threading.Event(), list[Verdict]()
    thread = threading.Thread(target=validator.run, args=(stop, verdicts.append))
    thread.start()
    try:
        yield verdicts
    finally:
        stop.set()
        thread.join()
