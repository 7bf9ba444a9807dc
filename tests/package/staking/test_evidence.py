"""What the watcher finds in what was signed: pure, with real signatures."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError
from metalayer.protocol import gateway, slasher
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, Tree, UnexecutedFact
from metalayer.protocol.gateway import Batch, InboxLane
from metalayer.protocol.message import Message, extend, genesis_head
from metalayer.protocol.slasher import Accusation, Kind
from metalayer.staking.archive import Archive
from metalayer.staking.evidence import (
    Charge,
    Falsehood,
    contradictions,
    equivocations,
    falsehoods,
    in_order,
)
from metalayer.staking.testimony import Sighting, Witness

KEYS = [Account.from_key(keccak(text=f"validator {n}")) for n in range(6)]
NAMES = [key.address for key in KEYS]
DOMAIN = Domain(901, "0x" + "11" * 20)
WHOSE = {NAMES[0]: 1, NAMES[1]: 1, NAMES[2]: 2, NAMES[3]: 3, NAMES[4]: 4}
"""Two keys of validator 1; the last key is nobody's."""
HEADS = [bytes([n]) * 32 for n in range(1, 4)]
PLACE = LaneFact(902, 903, 7, HEADS[0])
OTHER = replace(PLACE, head=HEADS[1])
RESTART = RestartFact(902, 903, 7)
BESIDE = LaneFact(904, 903, 1, HEADS[2])


def seen(*facts: Fact, by: Iterable[int], about: Fact | None = None) -> Sighting:
    """A root over facts that these keys signed; of what is about one of them, that alone."""
    tree = Tree(facts)
    digest = DOMAIN.digest(tree.root)
    signatures = {NAMES[n]: compact(KEYS[n].unsafe_sign_hash(digest)) for n in by}
    return Sighting(tree.root, signatures, {about or facts[0]: tuple(tree.proof(about or facts[0]))})


def places(charges: Iterable[Charge]) -> list[tuple[int, Kind]]:
    return [(charge.accusation.validator, charge.accusation.kind) for charge in charges]


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (PLACE, OTHER, Kind.LANE_EQUIVOCATION),
        (RESTART, PLACE, Kind.LANE_EQUIVOCATION),
        (SetFact(7, HEADS[0]), SetFact(7, HEADS[1]), Kind.SET_EQUIVOCATION),
    ],
)
def test_two_things_at_one_place_convict_whoever_signed_both(one: Fact, other: Fact, kind: Kind) -> None:
    sightings = [seen(one, BESIDE, by=[0, 2, 5]), seen(other, by=[0, 3, 5])]
    assert places(equivocations(sightings, WHOSE)) == [(1, kind)]
    assert places(equivocations(reversed(sightings), WHOSE)) == [(1, kind)]


def test_each_pair_of_a_validators_keys_is_tried() -> None:
    """One of them may not answer any more."""
    sightings = [seen(PLACE, by=[0, 1]), seen(OTHER, by=[1])]
    assert places(equivocations(sightings, WHOSE)) == [(1, Kind.LANE_EQUIVOCATION)] * 2
    many = [seen(replace(PLACE, head=bytes([n]) * 32), by=[0, 1]) for n in range(1, 60)]
    assert len(list(equivocations(many, WHOSE))) == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (seen(PLACE, by=[0]), seen(PLACE, BESIDE, by=[0])),
        (seen(PLACE, by=[0]), seen(OTHER, by=[2])),
        (seen(PLACE, by=[5]), seen(OTHER, by=[5])),
    ],
    ids=["twice the same", "two validators", "nobody's key"],
)
def test_nobody_else_is_convicted(first: Sighting, second: Sighting) -> None:
    assert list(equivocations([first, second], WHOSE)) == []


NEWEST = ValidatorSet.of(9, 2_000_000_000, {NAMES[n]: 10 for n in (0, 2, 3, 4)})


def test_a_quorum_of_the_newest_set_accuses_whoever_signed_something_else() -> None:
    quorum, alone = seen(PLACE, BESIDE, by=[0, 2, 3]), seen(OTHER, by=[4])
    (charge,) = contradictions([quorum, alone], WHOSE, NEWEST)
    assert charge.accusation == Accusation(4, Kind.LANE_CONTRADICTION, 902, 903, 7)
    assert charge.data[:4] == slasher.LANE_CONTRADICTION.selector
    sets = [seen(SetFact(3, HEADS[0]), by=[0, 2, 3]), seen(SetFact(3, HEADS[1]), by=[4])]
    assert places(contradictions(sets, WHOSE, NEWEST)) == [(4, Kind.SET_CONTRADICTION)]


def test_without_a_quorum_under_one_root_nobody_is_accused() -> None:
    """Not two of four, not three under two roots, not the members of another set, and not of a restart."""
    alone = seen(OTHER, by=[4])
    for sightings in (
        [seen(PLACE, by=[0, 2]), alone],
        [seen(PLACE, by=[0, 2]), seen(PLACE, BESIDE, by=[3, 5]), alone],
        [seen(PLACE, by=[1, 2, 3]), alone],
        [seen(RESTART, by=[0, 2, 3]), alone],
    ):
        assert list(contradictions(sightings, WHOSE, NEWEST)) == []


def test_what_is_false_convicts_everybody_who_signed_it() -> None:
    sightings = [seen(PLACE, by=[0, 5]), seen(PLACE, BESIDE, by=[2])]
    found = falsehoods(sightings, WHOSE, Falsehood(Kind.FALSE_PLACE, slasher.BEYOND_LANE))
    assert places(found) == [(1, Kind.FALSE_PLACE), (2, Kind.FALSE_PLACE)]


def test_one_case_for_each_thing_that_a_pardon_does_not_reach() -> None:
    def charge(validator: int, kind: Kind, *place: int) -> Charge:
        return Charge(Accusation(validator, kind, *place), slasher.BEYOND_LANE, ())

    false = [charge(1, Kind.FALSE_PLACE, 901, 902, nonce) for nonce in (3, 9, 5)]
    elsewhere = charge(1, Kind.FALSE_PLACE, 901, 903, 2)
    against_quorum = charge(1, Kind.LANE_CONTRADICTION, 902, 903, 2)
    twice = [charge(2, Kind.LANE_EQUIVOCATION, 902, 903, 1), charge(2, Kind.SET_EQUIVOCATION, 0, 0, 7)]
    found = in_order([against_quorum, *false, elsewhere, *twice])
    assert [[one.accusation.nonce for one in group] for group in found] == [[7, 1], [9, 5, 3], [2], [2]]
    assert [group[0].accusation.kind.letter for group in found] == ["a", "b", "b", "c"]


# Calldata


def message(nonce: int) -> Message:
    return Message(901, 902, 903, nonce, NAMES[0], NAMES[1], 50_000, 2**63, 1, b"payload")


def heads(count: int) -> list[bytes]:
    """Of the lane (902, 903), the first before any message."""
    found = [genesis_head(901, 902, 903)]
    for nonce in range(1, count + 1):
        found.append(extend(found[-1], message(nonce).id))
    return found


def delivery(*batches: Batch, facts: Iterable[Fact]) -> bytes:
    tree = Tree(facts)
    digest = DOMAIN.digest(tree.root)
    signatures = {NAMES[n]: compact(KEYS[n].unsafe_sign_hash(digest)) for n in (0, 2, 3)}
    return gateway.DELIVER.encode(Attestation(tree.root, NEWEST, signatures), list(batches))


def batch(first: int, count: int, ids: int = 0) -> tuple[Batch, LaneFact]:
    fact = LaneFact(902, 903, first + count + ids - 1, heads(first + count + ids - 1)[-1])
    tree = Tree([fact, BESIDE])
    later = [message(first + count + n).id for n in range(ids)]
    return Batch([message(first + n) for n in range(count)], 902, first, tree.proof(fact), later), fact


def hear(witness: Witness, data: bytes, lane: InboxLane | None = None) -> list[Fact]:
    found = witness.hear(data, lambda origin: lane)
    assert all(sighting.signatures.keys() == {NAMES[0], NAMES[2], NAMES[3]} for sighting in found)
    return [fact for sighting in found for fact in sighting.facts]


def test_heads_are_replayed_from_what_was_delivered() -> None:
    """As the Inbox does: also with what it has already, and with ids of what comes later."""
    witness = Witness(DOMAIN, 903, {(902, 903): InboxLane(0, heads(0)[0])})
    for first, count, ids in ((1, 3, 0), (2, 2, 4), (3, 3, 0), (6, 1, 0)):
        part, fact = batch(first, count, ids)
        assert hear(witness, delivery(part, facts=[fact, BESIDE])) == [fact]
    assert witness.lanes == {(902, 903): InboxLane(6, heads(6)[-1])}
    part, fact = batch(1, 2)
    assert hear(witness, delivery(part, facts=[fact, BESIDE])) == [], "what an Inbox has proves nothing to it"


def test_a_lane_that_was_not_followed_is_asked_for_once() -> None:
    part, fact = batch(5, 2)
    witness = Witness(DOMAIN, 903, {(902, 903): InboxLane(1, heads(1)[-1])})
    data = delivery(part, facts=[fact, BESIDE])
    assert hear(witness, data) == []
    assert hear(witness, data, InboxLane(4, heads(4)[-1])) == [fact]


def test_calls_within_another_contracts_calldata_are_heard() -> None:
    part, fact = batch(1, 2)
    data = b"\x12\x34\x56\x78" + bytes(68) + delivery(part, facts=[fact, BESIDE]) + bytes(28)
    witness = Witness(DOMAIN, 903, {(902, 903): InboxLane(0, heads(0)[0])})
    assert hear(witness, data) == [fact]


def test_whatever_strangers_send_is_nothing() -> None:
    """Not even time: offsets that all lead to the same bytes would make gigabytes of a transaction."""
    part, fact = batch(1, 2)
    data = delivery(part, facts=[fact, BESIDE])
    witness = Witness(DOMAIN, 903, {(902, 903): InboxLane(0, heads(0)[0])})
    for wrong in (b"", data[:4], data[:-32], data[:300], data[:4] + b"\xff" * 2_000, data[:4] * 30_000):
        assert hear(witness, wrong) == []
    started = time.monotonic()
    assert hear(witness, bomb(3_500)) == []
    assert time.monotonic() - started < 2
    forged = bytearray(data)
    forged[data.index(HEADS[2]) if HEADS[2] in data else 40] ^= 1
    assert hear(witness, bytes(forged)) == []


def bomb(batches: int) -> bytes:
    """A delivery of so many batches, each of which is the same one with so many messages that are the same one."""
    head = gateway.DELIVER.encode(Attestation(HEADS[0], NEWEST, {}), [])
    offset = len(head) - 4 - 32

    def words(*values: int) -> bytes:
        return b"".join(value.to_bytes(32, "big") for value in values)

    inner = words(*[0xA0 + 0], 902, 1, 0xA0, 0xA0) + words(batches, *[32 * batches] * batches)
    outer = words(batches, *[32 * batches] * batches) + inner + words(*[1] * 5, 0xC0, 0)
    return head[: 4 + offset] + outer


# The file


def archived(path: Path) -> Archive:
    return Archive(path, 901)


def test_what_was_seen_is_there_after_reopening(tmp_path: Path) -> None:
    huge = UnexecutedFact(2**256 - 1, 901, 2**256 - 1, HEADS[0], 2)
    of_hub = LaneFact(901, 902, 2**64 - 1, HEADS[0])
    path = tmp_path / "folder" / "seen.sqlite"
    with archived(path) as archive:
        both = [seen(PLACE, BESIDE, by=[0]), seen(OTHER, BESIDE, by=[0, 2])]
        assert archive.add(both, (903, 77), {(902, 903): InboxLane(2**64 - 1, HEADS[1])}) == 3
        assert archive.add(both) == 0
        assert archive.add([seen(huge, by=[2]), seen(of_hub, by=[3])]) == 2
        # Two of a kind that do not contradict each other.
        archive.add([seen(replace(huge, status=0), by=[2])])
    with archived(path) as archive:
        (found,) = archive.contested()
        assert sorted(found, key=lambda one: one.root) == sorted(both, key=lambda one: one.root)
        assert set(archive.open_facts()) == {huge, replace(huge, status=0), of_hub}
        assert archive.height(903) == 77
        assert archive.height(902) is None
        assert archive.lanes(903) == {(902, 903): InboxLane(2**64 - 1, HEADS[1])}
        assert archive.about(of_hub) == [seen(of_hub, by=[3])]
        assert archive.counts() == (6, 5)


def test_what_holds_until_it_is_final_is_looked_at_no_more(tmp_path: Path) -> None:
    fact = LaneFact(901, 902, 1, HEADS[0])
    with archived(tmp_path / "seen") as archive:
        archive.add([seen(fact, by=[0])])
        archive.hold([fact], [], latest=100, final=90)
        archive.hold([], [fact], latest=105, final=95)
        archive.hold([fact], [], latest=110, final=102)
        assert archive.open_facts() == [fact], "the hub held something else meanwhile"
        archive.hold([fact], [], latest=120, final=109)
        assert archive.open_facts() == [fact]
        archive.hold([fact], [], latest=121, final=110)
        assert archive.open_facts() == []
        archive.add([seen(fact, BESIDE, by=[2])])
        assert archive.open_facts() == []


def test_what_strangers_have_signed_again_and_again_is_kept_once(tmp_path: Path) -> None:
    """True facts in ever new company: whoever proposes them costs the watcher no room."""
    facts = [LaneFact(901, 902, nonce, HEADS[0]) for nonce in range(1, 40)]

    def under(*some: Fact, by: Iterable[int]) -> Sighting:
        tree = Tree(some)
        whole = seen(*some, by=by)
        return replace(whole, facts={fact: tuple(tree.proof(fact)) for fact in some})

    with archived(tmp_path / "seen") as archive:
        assert archive.add_news(under(*facts, by=[0, 2])) == 2
        for count in range(2, 39):
            assert archive.add_news(under(*facts[:count], by=[0, 2])) == 0
        assert archive.counts() == (2, 39)
        # Of another signer; and of as many as may be a quorum.
        assert archive.add_news(under(facts[0], facts[1], by=[3])) == 1
        assert archive.counts() == (3, 41)
        assert archive.add_news(under(facts[1], facts[2], facts[3], by=[0, 2, 3])) == 3
        assert archive.counts() == (6, 44)
        assert archive.add_news(under(facts[0], facts[1], by=[0, 2, 3])) == 2
        assert max(len(one.signatures) for one in archive.about(facts[0])) == 3
        both = under(facts[5], replace(facts[6], head=HEADS[1]), by=[0])
        assert archive.add_news(both) == 1
        assert len(list(archive.contested())) == 1


def test_only_keys_that_answer_no_more_are_forgotten(tmp_path: Path) -> None:
    of_hub = LaneFact(901, 902, 1, HEADS[0])
    with archived(tmp_path / "seen") as archive:
        archive.add([seen(PLACE, by=[0, 2]), seen(OTHER, by=[2]), seen(of_hub, by=[2])])
        archive.forget([])
        assert archive.counts() == (4, 3)
        archive.forget([NAMES[2]])
        assert archive.counts() == (1, 1)
        assert archive.open_facts() == []
        (left,) = next(archive.contested())
        assert left.signatures.keys() == {NAMES[0]}
        archive.forget([NAMES[0]])
        assert list(archive.contested()) == []


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_another_file_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seen"
    path.write_bytes(content)
    with pytest.raises(MetalayerError, match="put it back from a copy, or remove it") as caught:
        archived(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_charges_encode_as_the_slasher_takes_them() -> None:
    """Every function of the Slasher that accuses has its place here."""
    accusing = {name for name, function in slasher.FUNCTIONS.items() if function.returns == "bytes32"}
    used: set[str] = set()
    for source in ("evidence.py", "truth.py"):
        text = (Path(slasher.__file__).parents[1] / "staking" / source).read_text()
        used |= {name for name, value in vars(slasher).items() if f"slasher.{name}" in text and _is(value)}
    assert {vars(slasher)[name].name for name in used} == accusing


def _is(value: Any) -> bool:
    return hasattr(value, "selector")
