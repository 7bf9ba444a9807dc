"""Evidence: what convicts a validator, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.attestation import Domain, compact
from metalayer.protocol.facts import (
    LaneFact,
    RestartFact,
    SetFact,
    SignedFact,
    Tree,
    UnexecutedFact,
    contradict,
    signed_facts,
)
from metalayer.protocol.gateway import Status
from metalayer.protocol.message import extend, genesis_head, interoperable
from tests.kit.evm import Contract, Revert, call, deploy, error, now
from tests.kit.outbox import ACCOUNT
from tests.kit.paper import DAY, PaperLane, PaperRelayer, Validators, keys
from tests.kit.scripted import Behaviour
from tests.kit.signatures import DEFECTS
from tests.kit.stack import Stack
from tests.kit.terms import FREE_TERMS

ZERO = bytes(32)
HEAD, OTHER_HEAD = keccak(text="head"), keccak(text="other head")
LYING, HONEST = 4, 0
UNKNOWN_CHAIN = 4_242
HIGHEST = 2**256 - 1


@pytest.fixture
def network_id(hub: Stack) -> int:
    return hub.chain.chain_id


@pytest.fixture
def gateway(hub: Stack, arcade: Stack, owner: str) -> Contract:
    """The hub's, whose lane to arcade costs nothing."""
    hub.gateway.send("setTerms", arcade.chain.chain_id, FREE_TERMS.fields, sender=owner)
    return hub.gateway


@pytest.fixture
def domain(gateway: Contract, network_id: int) -> bytes:
    return Domain(network_id, gateway.address).signable(ZERO).header


@pytest.fixture
def evidence(hub: Stack, gateway: Contract, domain: bytes, deployer: str) -> Contract:
    """Every check, on the hub, for the network's domain."""
    return deploy(hub.chain, "EvidenceHarness", domain, gateway.address, sender=deployer)


@pytest.fixture
def convict(evidence: Contract) -> Callable[..., str | tuple[str, ...] | Revert]:
    """Whom a check names, two if they differ; or what it says."""

    def convict(check: str, signed: SignedFact, *rest: Any) -> str | tuple[str, ...] | Revert:
        data = evidence.encode(check, signed.statement, signed.fields, *rest)
        result = call(evidence.chain, evidence.address, data)
        return result if isinstance(result, Revert) else named_by(result)

    return convict


@pytest.fixture
def sign(network_id: int, gateway: Contract, validators: Validators) -> Callable[..., SignedFact]:
    """A fact signed by the validator at a position of the set, under a root over it and these others."""

    def sign(fact: Any, *others: Any, by: int = LYING, message: bytes | None = None) -> SignedFact:
        message = message or Domain(network_id, gateway.address).digest(Tree([fact, *others]).root)
        signature = compact(validators.keys[by].unsafe_sign_hash(message))
        return signed_facts([fact, *others], signature)[0]

    return sign


@pytest.fixture
def attest(network_id: int, gateway: Contract, validators: Validators) -> Callable[..., tuple[Any, ...]]:
    """Attestation of a fact by the validators at these positions (the first four by default), and its proof."""

    def attest(
        fact: SetFact | LaneFact,
        *others: Any,
        positions: Sequence[int] = range(4),
        by: Validators = validators,
    ) -> tuple[Any, ...]:
        tree = Tree([fact, *others])
        return by.sign(network_id, gateway.address, tree.root, positions).fields, tree.proof(fact)

    return attest


@pytest.fixture
def liar(validators: Validators) -> str:
    return validators.keys[LYING].address


@pytest.fixture
def fact(network_id: int, arcade: Stack) -> Callable[..., LaneFact]:
    """A fact about the hub's lane to arcade: a false one, unless the lane has that head."""

    def fact(nonce: int, head: bytes = HEAD) -> LaneFact:
        return LaneFact(network_id, arcade.chain.chain_id, nonce, head)

    return fact


@pytest.fixture
def restart_fact(network_id: int, arcade: Stack) -> Callable[..., RestartFact]:
    def restart_fact(nonce: int) -> RestartFact:
        return RestartFact(network_id, arcade.chain.chain_id, nonce)

    return restart_fact


@pytest.fixture
def extend_lane(
    gateway: Contract, arcade: Stack, sender: str
) -> Callable[..., tuple[list[bytes], list[bytes]]]:
    """Sends messages from the hub to arcade: (ids, heads)."""

    def extend_lane(count: int) -> tuple[list[bytes], list[bytes]]:
        recipient = interoperable(arcade.chain.chain_id, ACCOUNT)
        ids, heads = [], []
        for _ in range(count):
            receipt = gateway.send("sendMessage", recipient, b"", [], sender=sender)
            ids.append(receipt.named("MessageSent")[0][0])
            heads.append(receipt.named("LaneExtended")[0][5])
        return ids, heads

    return extend_lane


@pytest.fixture
def restart(gateway: Contract, arcade: Stack, owner: str) -> Callable[..., None]:
    def restart(nonce: int) -> None:
        gateway.send("restart", arcade.chain.chain_id, nonce, sender=owner)

    return restart


@pytest.fixture
def inbound(hub: Stack, arcade: Stack) -> PaperLane:
    """The lane from arcade to the hub."""
    return PaperLane(hub.chain.chain_id, arcade.chain.chain_id, hub.chain.chain_id)


@pytest.fixture
def deliver(
    hub: Stack, gateway: Contract, inbound: PaperLane, validators: Validators, sender: str, relayer: str
) -> Callable[..., None]:
    """Sends messages to the hub's recipient, which does as told, and delivers them."""
    paper = PaperRelayer(gateway, relayer, validators, hub.chain.chain_id)

    def deliver(
        count: int, behaviour: Behaviour = Behaviour.ACCEPT, deliver_before: int | None = None
    ) -> None:
        hub.recipient.send("setBehaviour", behaviour, sender=sender)
        deadline = now(hub.chain) + DAY if deliver_before is None else deliver_before
        for _ in range(count):
            inbound.append(sender, hub.recipient.address, deliver_before=deadline)
        paper.deliver(inbound)

    return deliver


@pytest.fixture
def unexecuted(inbound: PaperLane) -> Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]]:
    """That a message to the hub was not executed; and what leads from it to the end of its lane."""

    def unexecuted(nonce: int, status: Status = Status.NONE) -> tuple[UnexecutedFact, tuple[Any, ...]]:
        ids = [message.id for message in inbound.messages]
        fact = UnexecutedFact(inbound.origin, inbound.destination, nonce, ids[nonce - 1], status)
        return fact, (inbound.heads[nonce - 1], ids[nonce:])

    return unexecuted


@pytest.fixture
def executed(
    deliver: Callable[..., None], unexecuted: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]]
) -> Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]]:
    """The same of one of so many that the hub executed."""

    def executed(count: int, nonce: int) -> tuple[UnexecutedFact, tuple[Any, ...]]:
        deliver(count)
        return unexecuted(nonce)

    return executed


@pytest.fixture
def accuse(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    validators: Validators,
    attest: Callable[..., tuple[Any, ...]],
) -> Callable[..., str | tuple[str, ...] | Revert]:
    """What a check of contradiction makes of a signed fact and an attestation of another value."""

    def accuse(
        check: str,
        signed: SignedFact,
        attested: SetFact | LaneFact,
        *,
        positions: Sequence[int] = range(4),
        set_hash: bytes = validators.set.hash,
        change: dict[int, tuple[Any, ...]] | None = None,
    ) -> str | tuple[str, ...] | Revert:
        attestation, proof = attest(attested, *DECOYS, positions=positions)
        fields = dict(enumerate([attested.value, attestation, proof, set_hash])) | (change or {})
        return convict(check, signed, *fields.values())

    return accuse


def named_by(result: bytes) -> str | tuple[str, ...]:
    """The signer that a check returned; both if there are two."""
    signers = [to_checksum_address(result[at + 12 : at + 32]) for at in range(0, len(result), 32)]
    return signers[0] if len(set(signers)) == 1 else tuple(signers)


def said_by(other: SignedFact) -> tuple[Any, ...]:
    """What follows the first signed fact in the checks of equivocation."""
    return (other.fields,) if isinstance(other.fact, RestartFact) else (other.fact.value, other.fields)


def other_value(fact: SetFact | LaneFact) -> SetFact | LaneFact:
    return (
        replace(fact, head=OTHER_HEAD) if isinstance(fact, LaneFact) else replace(fact, set_hash=OTHER_HEAD)
    )


LANE, SET = LaneFact(902, 901, 3, HEAD), SetFact(7, HEAD)
RESTART = RestartFact(LANE.origin, LANE.destination, LANE.nonce)
EQUIVOCATIONS = [
    pytest.param("laneEquivocation", LANE, id="lane"),
    pytest.param("setEquivocation", SET, id="set"),
]
DECOYS = (LaneFact(903, 901, 1, HEAD), LaneFact(903, 902, 1, HEAD))

# (a) Equivocation


@pytest.mark.parametrize(("check", "said"), EQUIVOCATIONS)
def test_convicts_who_signed_two_values(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    check: str,
    said: SetFact | LaneFact,
) -> None:
    one, two = sign(said), sign(other_value(said), *DECOYS)
    assert contradict(one.fact, two.fact)
    assert convict(check, one, *said_by(two)) == liar


@pytest.mark.parametrize(("check", "said"), EQUIVOCATIONS)
def test_convicts_the_same_in_the_other_order(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    check: str,
    said: SetFact | LaneFact,
) -> None:
    """M30: reordered evidence names the same signer."""
    one, two = sign(said), sign(other_value(said), *DECOYS)
    assert convict(check, two, *said_by(one)) == liar


@pytest.mark.parametrize(("check", "said"), EQUIVOCATIONS)
def test_convicts_who_signed_two_values_at_once(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    check: str,
    said: SetFact | LaneFact,
) -> None:
    """One root over both."""
    both = said, other_value(said), *DECOYS
    one, two = sign(*both), sign(both[1], both[0], *DECOYS)
    assert one.root == two.root
    assert one.signature == two.signature
    assert convict(check, one, *said_by(two)) == liar


@pytest.mark.parametrize(("check", "said"), EQUIVOCATIONS)
def test_signing_a_fact_twice_is_no_fault(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    check: str,
    said: SetFact | LaneFact,
) -> None:
    """M31: under one root or under two."""
    one, two = sign(said), sign(said, *DECOYS)
    for again in (one, two):
        assert convict(check, one, *said_by(again)) == error("SameFact", said.leaf)
    assert not contradict(one.fact, two.fact)


@pytest.mark.parametrize(("check", "said"), EQUIVOCATIONS)
def test_names_both_signers_of_two_values(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    validators: Validators,
    liar: str,
    check: str,
    said: SetFact | LaneFact,
) -> None:
    """One validator's keys, or two validators, of whom one may be right: the caller knows."""
    one, two = sign(said, by=HONEST), sign(other_value(said))
    assert convict(check, one, *said_by(two)) == (validators.keys[HONEST].address, liar)
    assert convict(check, two, *said_by(one)) == (liar, validators.keys[HONEST].address)


@pytest.mark.parametrize(
    "change",
    [{"origin": 903}, {"destination": 903}, {"nonce": 4}, {"nonce": 3 + 2**64}],
    ids=["origin", "destination", "nonce", "high-nonce"],
)
def test_two_heads_of_two_places_are_no_contradiction(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    change: dict[str, int],
) -> None:
    """M30: what was signed about one place does not read as being about another."""
    one = sign(LANE)
    elsewhere = sign(replace(LANE, head=OTHER_HEAD, **change))
    assert not contradict(one.fact, elsewhere.fact)
    refusal = error("FactNotProven", elsewhere.root, other_value(LANE).leaf)
    assert convict("laneEquivocation", one, *said_by(elsewhere)) == refusal


def test_two_hashes_of_two_versions_are_no_contradiction(
    convict: Callable[..., str | tuple[str, ...] | Revert], sign: Callable[..., SignedFact]
) -> None:
    one, two = sign(SET), sign(SetFact(8, OTHER_HEAD))
    refusal = error("FactNotProven", two.root, other_value(SET).leaf)
    assert convict("setEquivocation", one, *said_by(two)) == refusal


def test_a_fact_does_not_read_as_one_of_another_kind(
    convict: Callable[..., str | tuple[str, ...] | Revert], sign: Callable[..., SignedFact]
) -> None:
    restarted = sign(RestartFact(LANE.origin, LANE.destination, LANE.nonce))
    refusal = error("FactNotProven", restarted.root, LANE.leaf)
    one = replace(restarted, fact=LANE)
    assert convict("laneEquivocation", one, *said_by(sign(other_value(LANE)))) == refusal


def test_convicts_who_signed_a_message_and_a_restart_at_one_place(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    validators: Validators,
    liar: str,
) -> None:
    """M30: under one root, or under two."""
    message, restart = sign(LANE), sign(RESTART, *DECOYS)
    assert contradict(message.fact, restart.fact)
    assert contradict(restart.fact, message.fact)
    assert convict("placeEquivocation", message, *said_by(restart)) == liar
    together = sign(LANE, RESTART), sign(RESTART, LANE)
    assert convict("placeEquivocation", together[0], *said_by(together[1])) == liar
    honest = sign(RESTART, by=HONEST)
    both = liar, validators.keys[HONEST].address
    assert convict("placeEquivocation", message, *said_by(honest)) == both


@pytest.mark.parametrize(
    "change",
    [{"origin": 903}, {"destination": 903}, {"nonce": 4}, {"nonce": 2}],
    ids=lambda change: next(iter(change)),
)
def test_a_restart_elsewhere_contradicts_no_message(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    change: dict[str, int],
) -> None:
    """M30; nor does a message read as a restart."""
    message, elsewhere = sign(LANE), sign(replace(RESTART, **change))
    assert not contradict(message.fact, elsewhere.fact)
    refusal = error("FactNotProven", elsewhere.root, RESTART.leaf)
    assert convict("placeEquivocation", message, *said_by(elsewhere)) == refusal
    twice = error("FactNotProven", message.root, RESTART.leaf)
    assert convict("placeEquivocation", message, message.fields) == twice


def test_a_retired_key_is_convicted_of_what_it_signed(
    convict: Callable[..., str | tuple[str, ...] | Revert], network_id: int, gateway: Contract
) -> None:
    """M31: no set is asked, only who signed."""
    retired = keys(1, "retired")[0]
    signed = [
        signed_facts(
            [said], compact(retired.unsafe_sign_hash(Domain(network_id, gateway.address).digest(said.leaf)))
        )[0]
        for said in (LANE, other_value(LANE))
    ]
    assert convict("laneEquivocation", signed[0], *said_by(signed[1])) == retired.address


# Every check: proofs, signatures, domains

CHECKS = [
    "laneEquivocation",
    "setEquivocation",
    "placeEquivocation",
    "falseHead",
    "beyondLane",
    "falseRestart",
    "falseSet",
    "beyondSets",
    "falseUnexecuted",
    "laneContradiction",
    "setContradiction",
]


@pytest.fixture
def case(
    sign: Callable[..., SignedFact],
    attest: Callable[..., tuple[Any, ...]],
    validators: Validators,
    fact: Callable[..., LaneFact],
    restart_fact: Callable[..., RestartFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
    executed: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
) -> Callable[..., tuple[Any, tuple[Any, ...]]]:
    """What the liar says, and what convicts it: (fact, the check's arguments after the signed fact)."""

    def case(check: str) -> tuple[Any, tuple[Any, ...]]:
        ids, heads = extend_lane(3)
        attestation, proof = attest(LANE if check.startswith("lane") else SET)
        contradiction = attestation, proof, validators.set.hash
        return {
            "laneEquivocation": (LANE, said_by(sign(other_value(LANE)))),
            "setEquivocation": (SET, said_by(sign(other_value(SET)))),
            "placeEquivocation": (LANE, said_by(sign(RESTART))),
            "falseHead": (fact(2), (heads[1], ids[2:])),
            "beyondLane": (fact(4), ()),
            "falseRestart": (restart_fact(4), ()),
            "falseSet": (SET, (OTHER_HEAD,)),
            "beyondSets": (SET, (6,)),
            "falseUnexecuted": executed(3, 2),
            "laneContradiction": (other_value(LANE), (LANE.head, *contradiction)),
            "setContradiction": (other_value(SET), (SET.set_hash, *contradiction)),
        }[check]

    return case


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_convicts(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    case: Callable[..., tuple[Any, tuple[Any, ...]]],
    liar: str,
    check: str,
) -> None:
    false, rest = case(check)
    assert convict(check, sign(false, *DECOYS, RestartFact(903, 902, 9)), *rest) == liar


SPOILT_PROOFS = {
    "empty": lambda signed: (),
    "truncated": lambda signed: signed.proof[:-1],
    "first-missing": lambda signed: signed.proof[1:],
    "left-over": lambda signed: (*signed.proof, ZERO),
    "doubled": lambda signed: (*signed.proof, signed.proof[-1]),
    "swapped": lambda signed: signed.proof[::-1],
    "leaf-in-front": lambda signed: (signed.fact.leaf, *signed.proof),
    "root-behind": lambda signed: (*signed.proof, signed.root),
    "zeros": lambda signed: (ZERO, ZERO),
}


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_refuses_other_proofs(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    case: Callable[..., tuple[Any, tuple[Any, ...]]],
    check: str,
) -> None:
    """M7: empty, truncated and left-over ones, though the tree's hashing is commutative."""
    false, rest = case(check)
    signed = sign(false, *DECOYS, RestartFact(903, 902, 9))
    assert len(signed.proof) == 2
    refusal = error("FactNotProven", signed.root, false.leaf)
    for name, spoil in SPOILT_PROOFS.items():
        assert convict(check, replace(signed, proof=spoil(signed)), *rest) == refusal, name


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_refuses_what_was_not_signed(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    case: Callable[..., tuple[Any, tuple[Any, ...]]],
    check: str,
) -> None:
    """M1, M7: a proof under no root, and one of another fact under the signed root."""
    false, rest = case(check)
    other = sign(DECOYS[0], DECOYS[1])
    for signed in (replace(other, fact=false), SignedFact(false, ZERO, (), other.signature)):
        assert convict(check, signed, *rest) == error("FactNotProven", signed.root, false.leaf)


def test_an_inner_node_is_no_fact(
    convict: Callable[..., str | tuple[str, ...] | Revert], sign: Callable[..., SignedFact]
) -> None:
    """M7: leaves are hashed twice, so that no fact hashes to what two of them hash to."""
    signed = sign(LANE, *DECOYS, SET)
    for height in (1, 2):
        upper = replace(signed, proof=signed.proof[height:])
        refusal = error("FactNotProven", signed.root, LANE.leaf)
        assert convict("laneEquivocation", upper, *said_by(sign(other_value(LANE)))) == refusal


@pytest.mark.parametrize("check", ["laneEquivocation", "falseSet", "setContradiction"])
def test_a_malformed_signature_convicts_nobody(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    case: Callable[..., tuple[Any, tuple[Any, ...]]],
    network_id: int,
    gateway: Contract,
    validators: Validators,
    liar: str,
    check: str,
) -> None:
    """M17, M30: malleated ones among them; the zero address is never guilty."""
    false, rest = case(check)
    signed = sign(false)
    for name, defect in DEFECTS.items():
        spoilt = b"".join(defect(signed.signature[:32], signed.signature[32:]))
        signer = Domain(network_id, gateway.address).recover(signed.root, spoilt)
        assert signer not in {key.address for key in validators.keys}
        expected: Revert | str | tuple[str, ...]
        if signer is None:
            expected = error("UnrecoverableSignature", signed.root, spoilt[:32], spoilt[32:])
        elif check == "laneEquivocation":
            expected = signer, liar
        else:
            expected = signer
        assert convict(check, replace(signed, signature=spoilt), *rest) == expected, name


def test_a_signature_of_nobody_twice_is_no_equivocation(
    convict: Callable[..., str | tuple[str, ...] | Revert], sign: Callable[..., SignedFact]
) -> None:
    """M1: both recover to the zero address, which is one address."""
    one, two = (replace(sign(said), signature=bytes(64)) for said in (LANE, other_value(LANE)))
    refusal = error("UnrecoverableSignature", LANE.leaf, ZERO, ZERO)
    assert convict("laneEquivocation", one, *said_by(two)) == refusal


REPLAYED = {
    "other-network": lambda network, gateway, root: Domain(network + 1, gateway).digest(root),
    "other-gateway": lambda network, gateway, root: Domain(network, "0x" + "11" * 20).digest(root),
    "other-root": lambda network, gateway, root: Domain(network, gateway).digest(keccak(root)),
    "bare-root": lambda network, gateway, root: root,
}


@pytest.mark.parametrize("check", CHECKS)
def test_what_was_signed_elsewhere_convicts_no_validator(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    case: Callable[..., tuple[Any, tuple[Any, ...]]],
    network_id: int,
    gateway: Contract,
    validators: Validators,
    liar: str,
    check: str,
) -> None:
    """M17, M30: in another domain a signature is that of an address that nobody has the key of."""
    false, rest = case(check)
    for name, replay in REPLAYED.items():
        signed = sign(false, message=replay(network_id, gateway.address, false.leaf))
        stranger = Domain(network_id, gateway.address).recover(signed.root, signed.signature)
        assert stranger not in {key.address for key in validators.keys}
        # Checks of one signature cannot tell a stranger: whoever slashes looks for a validator of that address.
        expected = (stranger, liar) if "Equivocation" in check else stranger
        assert convict(check, signed, *rest) == expected, name


@pytest.mark.parametrize("check", CHECKS)
def test_malformed_bytes_never_panic(
    evidence: Contract,
    sign: Callable[..., SignedFact],
    case: Callable[..., tuple[Any, tuple[Any, ...]]],
    validators: Validators,
    liar: str,
    check: str,
) -> None:
    """M7: cut at any word, or with any word replaced, evidence convicts the liar, a stranger or nobody."""
    false, rest = case(check)
    signed = sign(false, *DECOYS)
    data = evidence.encode(check, signed.statement, signed.fields, *rest)
    cuts = [data[:end] for end in range(4, len(data), 32)]
    words = [value.to_bytes(32, "big") for value in (0, 1, 31, 2**64 - 1, 2**64, 2**255, HIGHEST)]
    spoilt = [data[:at] + word + data[at + 32 :] for at in range(4, len(data), 32) for word in words]
    others = {key.address for key in validators.keys} - {liar}
    outcomes = {"convicted": 0, "refused": 0}
    for convicted, result in evidence.view("tryAll", [data, *cuts, *spoilt]):
        if convicted:
            named = named_by(result)
            assert others.isdisjoint([named] if isinstance(named, str) else named)
        else:
            assert not Revert(result).is_panic
        outcomes["convicted" if convicted else "refused"] += 1
    assert min(outcomes.values()) > 0


# (b) False heads of the hub's own lanes


@pytest.mark.parametrize("nonce", [1, 2, 3])
def test_convicts_of_a_false_head_by_a_walk_to_the_present_head(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
    nonce: int,
) -> None:
    ids, heads = extend_lane(3)
    assert convict("falseHead", sign(fact(nonce)), heads[nonce - 1], ids[nonce:]) == liar


def test_a_true_head_is_no_fault(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
) -> None:
    ids, heads = extend_lane(3)
    true = fact(2, heads[1])
    assert convict("falseHead", sign(true), heads[1], ids[2:]) == error("SameFact", true.leaf)


def test_convicts_by_a_walk_of_63_ids_to_a_stored_head(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    gateway: Contract,
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
) -> None:
    """The longest that is ever needed; a longer one is refused, though it would lead to the present head."""
    ids, heads = extend_lane(65)
    assert gateway.view("storedHead", fact(1).destination, 64) == heads[63]
    assert convict("falseHead", sign(fact(1)), heads[0], ids[1:64]) == liar
    assert convict("falseHead", sign(fact(64)), heads[63], []) == liar
    assert convict("falseHead", sign(fact(1)), heads[0], ids[1:]) == error("WalkTooLong", 64, 63)
    refusal = error("HeadNotInLane", fact(1).destination, 1, heads[0], 62)
    assert convict("falseHead", sign(fact(1)), heads[0], ids[1:63]) == refusal


@pytest.mark.parametrize(
    ("nonce", "walk"),
    [
        pytest.param(2, lambda ids, heads: (OTHER_HEAD, ids[2:]), id="invented-head"),
        pytest.param(2, lambda ids, heads: (ZERO, ids[2:]), id="zero-head"),
        pytest.param(2, lambda ids, heads: (ZERO, []), id="zero-where-nothing-is-stored"),
        pytest.param(2, lambda ids, heads: (heads[1], []), id="stops-too-early"),
        pytest.param(2, lambda ids, heads: (heads[1], ids[2:3]), id="stops-at-an-unknown-head"),
        pytest.param(2, lambda ids, heads: (heads[1], [*ids[2:], ids[0]]), id="goes-too-far"),
        pytest.param(2, lambda ids, heads: (heads[1], [ids[3], ids[2]]), id="swapped"),
        pytest.param(2, lambda ids, heads: (heads[0], ids[1:]), id="one-place-too-low"),
        pytest.param(2, lambda ids, heads: (heads[2], ids[3:]), id="one-place-too-high"),
        pytest.param(4, lambda ids, heads: (OTHER_HEAD, []), id="not-the-present-head"),
        pytest.param(5, lambda ids, heads: (heads[3], []), id="beyond"),
        pytest.param(5, lambda ids, heads: (ZERO, []), id="zero-beyond"),
        pytest.param(2**64 + 4, lambda ids, heads: (heads[3], []), id="above-64-bits"),
        pytest.param(HIGHEST, lambda ids, heads: (heads[2], ids[3:]), id="highest"),
    ],
)
def test_refuses_what_leads_to_no_known_head(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
    nonce: int,
    walk: Callable[..., Any],
) -> None:
    """M1, M7: a zero, invented or misplaced head convicts nobody, whatever the fact says."""
    head, ids = walk(*extend_lane(4))
    said = fact(nonce)
    refusal = error("HeadNotInLane", said.destination, nonce, head, len(ids))
    assert convict("falseHead", sign(said), head, ids) == refusal


def test_nothing_is_false_where_a_lane_begins(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    network_id: int,
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
) -> None:
    """Nobody needs a fact about place 0: it moves nothing."""
    ids, _ = extend_lane(2)
    said = fact(0)
    genesis = genesis_head(network_id, said.origin, said.destination)
    assert convict("falseHead", sign(said), genesis, ids) == error("NotAboveRestart", said.destination, 0, 0)


@pytest.mark.parametrize("check", ["falseHead", "beyondLane", "falseRestart"])
def test_the_hub_judges_its_own_lanes_only(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    case: Callable[..., tuple[Any, tuple[Any, ...]]],
    network_id: int,
    check: str,
) -> None:
    _, rest = case(check)
    spoke = RESTART if check == "falseRestart" else LANE
    assert convict(check, sign(spoke), *rest) == error("NotOwnLane", 902, network_id)


# (b) Beyond the lane


def test_convicts_of_a_head_beyond_the_lane(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
) -> None:
    extend_lane(3)
    for nonce in (4, 5, 2**64, 2**64 + 1, HIGHEST):
        assert convict("beyondLane", sign(fact(nonce))) == liar


def test_a_head_that_the_lane_has_is_not_beyond_it(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
) -> None:
    extend_lane(3)
    for nonce in (0, 1, 3):
        said = fact(nonce)
        refusal = error("NotBeyondLane", said.destination, nonce, 3)
        assert convict("beyondLane", sign(said)) == refusal


def test_convicts_of_a_head_of_a_lane_to_nowhere(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    fact: Callable[..., LaneFact],
) -> None:
    assert convict("beyondLane", sign(replace(fact(1), destination=UNKNOWN_CHAIN))) == liar


# (b) What a restart changes


def test_after_a_restart_nothing_below_it_convicts(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
    restart: Callable[..., None],
) -> None:
    """Places up to the last message, in the gap and at the restart: each may be true in a history that is gone."""
    ids, heads = extend_lane(3)
    restart(10)
    later_ids, later_heads = extend_lane(1)
    for nonce, head, walk in (
        (2, heads[1], ids[2:]),
        (3, heads[2], []),
        (7, ZERO, []),
        (7, later_heads[0], []),
        (10, genesis_head(901, 901, fact(0).destination, 10), later_ids),
    ):
        said = fact(nonce)
        refusal = error("NotAboveRestart", said.destination, nonce, 10)
        assert convict("falseHead", sign(said), head, walk) == refusal
        assert convict("beyondLane", sign(said)) == error("NotBeyondLane", said.destination, nonce, 11)


def test_what_convicted_before_a_restart_does_not_after(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
    restart: Callable[..., None],
) -> None:
    ids, heads = extend_lane(3)
    false, beyond = sign(fact(2)), sign(fact(5))
    assert convict("falseHead", false, heads[1], ids[2:]) == convict("beyondLane", beyond) == liar
    restart(5)
    destination = fact(2).destination
    assert convict("falseHead", false, heads[1], ids[2:]) == error("NotAboveRestart", destination, 2, 5)
    assert convict("beyondLane", beyond) == error("NotBeyondLane", destination, 5, 5)


def test_after_a_restart_what_is_above_it_convicts(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
    restart: Callable[..., None],
) -> None:
    extend_lane(1)
    restart(10)
    ids, heads = extend_lane(3)
    assert convict("falseHead", sign(fact(11)), heads[0], ids[1:]) == liar
    assert convict("falseHead", sign(fact(13)), heads[2], []) == liar
    assert convict("beyondLane", sign(fact(14))) == liar


def test_a_restart_of_one_lane_leaves_the_others(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    gateway: Contract,
    perps: Stack,
    owner: str,
    fact: Callable[..., LaneFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
) -> None:
    gateway.send("restart", perps.chain.chain_id, 100, sender=owner)
    ids, heads = extend_lane(2)
    assert convict("falseHead", sign(fact(1)), heads[0], ids[1:]) == liar


# (b) False restarts


def test_convicts_of_a_restart_that_never_was(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    restart_fact: Callable[..., RestartFact],
    extend_lane: Callable[..., tuple[list[bytes], list[bytes]]],
) -> None:
    extend_lane(3)
    for nonce in (1, 3, 4, 2**64, HIGHEST):
        assert convict("falseRestart", sign(restart_fact(nonce))) == liar


def test_convicts_of_a_restart_above_the_last_one(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    restart_fact: Callable[..., RestartFact],
    restart: Callable[..., None],
) -> None:
    restart(10)
    restart(20)
    assert convict("falseRestart", sign(restart_fact(21))) == liar


@pytest.mark.parametrize("nonce", [0, 5, 10, 15, 20])
def test_no_restart_up_to_the_last_one_convicts(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    restart_fact: Callable[..., RestartFact],
    restart: Callable[..., None],
    nonce: int,
) -> None:
    """10 and 20 were; the others may have been, in a history that is gone."""
    restart(10)
    restart(20)
    said = restart_fact(nonce)
    refusal = error("NotAboveRestart", said.destination, nonce, 20)
    assert convict("falseRestart", sign(said)) == refusal


# (b) False sets


@pytest.mark.parametrize("version", [1, 7, 2**64, HIGHEST])
def test_convicts_of_another_hash_than_the_record(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    version: int,
) -> None:
    assert convict("falseSet", sign(SetFact(version, HEAD)), OTHER_HEAD) == liar


def test_a_set_that_nobody_recorded_convicts_nobody(
    convict: Callable[..., str | tuple[str, ...] | Revert], sign: Callable[..., SignedFact]
) -> None:
    """M1, M53."""
    assert convict("falseSet", sign(SET), ZERO) == error("SetNotRecorded", SET.version)
    nothing = SetFact(7, ZERO)
    assert convict("falseSet", sign(nothing), ZERO) == error("SetNotRecorded", 7)


@pytest.mark.parametrize("version", [8, 2**64, HIGHEST])
def test_convicts_of_a_set_beyond_the_newest(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    version: int,
) -> None:
    """M2: the set that a lying quorum would bring."""
    assert convict("beyondSets", sign(SetFact(version, HEAD)), 7) == liar


@pytest.mark.parametrize(("version", "newest"), [(7, 7), (6, 7), (0, 7), (1, 0), (HIGHEST, 0)])
def test_convicts_of_no_set_that_may_be_there(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    version: int,
    newest: int,
) -> None:
    """M53: nor of any before the hub has published one."""
    said = sign(SetFact(version, HEAD))
    assert convict("beyondSets", said, newest) == error("NotBeyondSets", version, newest)


def test_the_recorded_hash_is_no_fault(
    convict: Callable[..., str | tuple[str, ...] | Revert], sign: Callable[..., SignedFact]
) -> None:
    assert convict("falseSet", sign(SET), HEAD) == error("SameFact", SET.leaf)


# (b) Messages to the hub that it executed


@pytest.mark.parametrize("nonce", [1, 2, 3])
@pytest.mark.parametrize("status", Status)
def test_convicts_of_calling_unexecuted_what_was_executed(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    deliver: Callable[..., None],
    unexecuted: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
    nonce: int,
    status: Status,
) -> None:
    """Whatever it says how it was left."""
    deliver(3)
    said, walk = unexecuted(nonce, status)
    assert convict("falseUnexecuted", sign(said, *DECOYS), *walk) == liar


def test_convicts_of_calling_unexecuted_what_a_retry_executed(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    hub: Stack,
    relayer: str,
    inbound: PaperLane,
    deliver: Callable[..., None],
    unexecuted: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
) -> None:
    deliver(1, Behaviour.REVERT)
    said, walk = unexecuted(1, Status.FAILED)
    refusal = error("MessageNotExecuted", said.id, Status.FAILED)
    assert convict("falseUnexecuted", sign(said), *walk) == refusal
    hub.recipient.send("setBehaviour", Behaviour.ACCEPT, sender=relayer)
    hub.gateway.send("retry", inbound.origin, 1, inbound.messages[0].fields, sender=relayer)
    assert convict("falseUnexecuted", sign(said), *walk) == liar


@pytest.mark.parametrize("status", Status)
def test_what_was_not_executed_convicts_nobody(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    deliver: Callable[..., None],
    unexecuted: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
    status: Status,
) -> None:
    """Failed, or expired before it was tried: also if another status was signed, as before it was tried."""
    deliver(1, Behaviour.REVERT)
    deliver(1, deliver_before=1)
    for nonce, left in ((1, Status.FAILED), (2, Status.EXPIRED)):
        said, walk = unexecuted(nonce, status)
        assert convict("falseUnexecuted", sign(said), *walk) == error("MessageNotExecuted", said.id, left)


def test_what_the_hub_has_not_seen_convicts_nobody(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    hub: Stack,
    sender: str,
    inbound: PaperLane,
    deliver: Callable[..., None],
    unexecuted: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
) -> None:
    deliver(2)
    inbound.append(sender, hub.recipient.address, deliver_before=now(hub.chain) + DAY)
    said, walk = unexecuted(3)
    refusal = error("MessageNotInLane", said.origin, 3, said.id)
    assert convict("falseUnexecuted", sign(said), *walk) == refusal


@pytest.mark.parametrize(
    ("change", "walk"),
    [
        pytest.param({}, lambda heads, ids: (heads[0], ids[2:]), id="one-place-too-low"),
        pytest.param({}, lambda heads, ids: (heads[1], ids[3:]), id="stops-too-early"),
        pytest.param({}, lambda heads, ids: (heads[1], [*ids[2:], ids[0]]), id="goes-too-far"),
        pytest.param({}, lambda heads, ids: (heads[1], [ids[3], ids[2]]), id="swapped"),
        pytest.param({}, lambda heads, ids: (ZERO, ids[2:]), id="zero-head"),
        pytest.param({}, lambda heads, ids: (heads[4], []), id="present-head"),
        pytest.param({"nonce": 3}, lambda heads, ids: (heads[1], ids[2:]), id="another-place"),
        pytest.param({"nonce": 0}, lambda heads, ids: (heads[1], ids[2:]), id="place-0"),
        pytest.param({"nonce": 5}, lambda heads, ids: (heads[1], ids[2:]), id="beyond"),
        pytest.param({"nonce": 2**64 + 2}, lambda heads, ids: (heads[1], ids[2:]), id="above-64-bits"),
        pytest.param({"nonce": HIGHEST}, lambda heads, ids: (heads[1], ids[2:]), id="highest"),
        pytest.param({"id": ZERO}, lambda heads, ids: (heads[1], ids[2:]), id="another-message"),
        pytest.param({"origin": 903}, lambda heads, ids: (heads[1], ids[2:]), id="another-origin"),
        pytest.param({"origin": UNKNOWN_CHAIN}, lambda heads, ids: (heads[1], ids[2:]), id="unknown-origin"),
    ],
)
def test_refuses_what_leads_to_no_message(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    inbound: PaperLane,
    executed: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
    change: dict[str, Any],
    walk: Callable[..., tuple[Any, ...]],
) -> None:
    """M1, M7: only the message that the Inbox executed, at its place."""
    true, _ = executed(4, 2)
    said = replace(true, **change)
    ids = [message.id for message in inbound.messages]
    refusal = error("MessageNotInLane", said.origin, said.nonce, said.id)
    assert convict("falseUnexecuted", sign(said), *walk(inbound.heads, ids)) == refusal


def test_a_head_is_no_message(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    inbound: PaperLane,
    executed: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
) -> None:
    """M7: nothing but a message extends a head; a genesis head has no message before it."""
    true, _ = executed(1, 1)
    assert extend(inbound.heads[0], true.id) == inbound.heads[1]
    for id_, walk in (
        (inbound.heads[0], (ZERO, [true.id])),
        (inbound.heads[1], (inbound.heads[0], [])),
    ):
        said = replace(true, nonce=1 - len(walk[1]), id=id_)
        refusal = error("MessageNotInLane", said.origin, said.nonce, id_)
        assert convict("falseUnexecuted", sign(said), *walk) == refusal


def test_the_hub_judges_messages_to_it_only(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    network_id: int,
    executed: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
) -> None:
    true, walk = executed(1, 1)
    elsewhere = replace(true, destination=903)
    refusal = error("NotOwnLane", 903, network_id)
    assert convict("falseUnexecuted", sign(elsewhere), *walk) == refusal


def test_a_restart_that_the_hub_followed_hides_what_was_before(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    gateway: Contract,
    relayer: str,
    attest: Callable[..., tuple[Any, ...]],
    executed: Callable[..., tuple[UnexecutedFact, tuple[Any, ...]]],
) -> None:
    true, walk = executed(2, 1)
    attestation, proof = attest(RestartFact(true.origin, true.destination, 9))
    gateway.send("followRestart", attestation, true.origin, 9, proof, sender=relayer)
    refusal = error("MessageNotInLane", true.origin, 1, true.id)
    assert convict("falseUnexecuted", sign(true), *walk) == refusal


# (c) Contradiction of a quorum

CONTRADICTIONS = [
    pytest.param("laneContradiction", LANE, id="lane"),
    pytest.param("setContradiction", SET, id="set"),
]


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
def test_convicts_who_contradicts_a_quorum(
    accuse: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    liar: str,
    check: str,
    attested: SetFact | LaneFact,
) -> None:
    assert accuse(check, sign(other_value(attested)), attested) == liar


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
def test_convicts_one_of_the_quorum(
    accuse: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    validators: Validators,
    check: str,
    attested: SetFact | LaneFact,
) -> None:
    signed = sign(other_value(attested), by=HONEST)
    assert accuse(check, signed, attested) == validators.keys[HONEST].address


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
def test_agreeing_with_a_quorum_is_no_fault(
    accuse: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    check: str,
    attested: SetFact | LaneFact,
) -> None:
    """M31."""
    assert accuse(check, sign(attested), attested) == error("SameFact", attested.leaf)


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
@pytest.mark.parametrize("positions", [(), (0,), (0, 1, 2)], ids=len)
def test_fewer_than_a_quorum_accuse_nobody(
    accuse: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    check: str,
    attested: SetFact | LaneFact,
    positions: tuple[int, ...],
) -> None:
    """M1, M3, P3."""
    refusal = error("QuorumNotReached", len(positions), 5)
    assert accuse(check, sign(other_value(attested)), attested, positions=positions) == refusal


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
def test_a_set_that_the_accuser_brings_does_not_count(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    attest: Callable[..., tuple[Any, ...]],
    validators: Validators,
    check: str,
    attested: SetFact | LaneFact,
) -> None:
    """M2."""
    own = Validators([1] * 5, expires=validators.set.expires, name="attacker")
    attestation, proof = attest(attested, by=own)
    refusal = error("UnknownValidatorSet", own.set.hash, validators.set.hash)
    signed = sign(other_value(attested))
    assert convict(check, signed, attested.value, attestation, proof, validators.set.hash) == refusal


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
def test_an_empty_set_does_not_count(
    accuse: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    validators: Validators,
    check: str,
    attested: SetFact | LaneFact,
) -> None:
    """M1, M4."""
    empty: tuple[Any, ...] = (attested.leaf, (0, 0, []), 0, [])
    result = accuse(check, sign(other_value(attested)), attested, change={1: empty})
    assert isinstance(result, Revert)
    assert repr(result).startswith("UnknownValidatorSet")


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
def test_the_quorum_must_have_signed_the_other_value(
    accuse: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    attest: Callable[..., tuple[Any, ...]],
    check: str,
    attested: SetFact | LaneFact,
) -> None:
    """M7."""
    attestation, proof = attest(attested, *DECOYS)
    signed = SignedFact(attested, attestation[0], tuple(proof), b"")
    refusal = error("FactNotProven", attestation[0], attested.leaf)
    for name, spoil in SPOILT_PROOFS.items():
        spoilt = spoil(signed)
        if spoilt == signed.proof:
            assert (name, len(proof)) == ("swapped", 1)
            continue
        assert accuse(check, sign(other_value(attested)), attested, change={2: spoilt}) == refusal, name


@pytest.mark.parametrize(("check", "attested"), CONTRADICTIONS)
def test_an_attestation_of_another_network_accuses_nobody(
    convict: Callable[..., str | tuple[str, ...] | Revert],
    sign: Callable[..., SignedFact],
    validators: Validators,
    network_id: int,
    gateway: Contract,
    check: str,
    attested: SetFact | LaneFact,
) -> None:
    """M17, M30."""
    elsewhere = validators.sign(network_id + 1, gateway.address, attested.leaf).fields
    refusal = error("InvalidSignature", 0, validators.keys[0].address)
    signed = sign(other_value(attested))
    assert convict(check, signed, attested.value, elsewhere, [], validators.set.hash) == refusal
