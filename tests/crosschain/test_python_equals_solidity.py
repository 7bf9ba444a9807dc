"""The Python mirror computes what the contracts compute, for any input (P9)."""

from __future__ import annotations

from dataclasses import astuple
from types import ModuleType
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metalayer.deploy.artifacts import load_artifacts
from metalayer.errors import MetalayerError
from metalayer.lanes import logs as lane
from metalayer.network.rpc import Reverted
from metalayer.protocol import collector, gateway
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact, Tree, UnexecutedFact
from metalayer.protocol.message import Fee, Message, extend, genesis_head, interoperable, parse_interoperable
from tests.kit.chains import BoundChain, revert
from tests.kit.deployment import Deployment
from tests.kit.evm import CODEC, Contract, deploy
from tests.kit.roles import RELAYER
from tests.kit.strategies import (
    addresses,
    attestations,
    chain_ids,
    facts,
    fees,
    lane_facts,
    messages,
    nearly_recipients,
    payload_lengths,
    restart_facts,
    set_facts,
    terms,
    uint64,
    uint256,
    unexecuted_facts,
    up_to,
    validator_sets,
    walks,
    weights,
    words,
)
from tests.kit.terms import HIGHEST_GAS_LIMIT


@pytest.fixture(scope="session")
def metalayer(mesh: Deployment, chains: dict[str, BoundChain]) -> Contract:
    """The hub's gateway, encoded and decoded by its compiled ABI."""
    return Contract(chains["hub"], "Metalayer", mesh.gateway)


@pytest.fixture(scope="session")
def harness(mesh: Deployment, chains: dict[str, BoundChain]) -> Contract:
    return deploy(chains["hub"], "LibraryHarness", sender=RELAYER.address)


@given(message=messages)
def test_ids_are_equal(harness: Contract, message: Message) -> None:
    place = (message.network_id, message.origin, message.destination, message.nonce)
    assert harness.view("messageId", message.fields, *place) == message.id


@given(place=st.tuples(uint256, uint256, uint256, uint256), message_id=words)
def test_heads_are_equal(harness: Contract, place: tuple[int, int, int, int], message_id: bytes) -> None:
    genesis = genesis_head(*place)
    assert harness.view("genesis", *place) == genesis
    assert genesis != bytes(32)
    assert harness.view("extend", genesis, message_id) == extend(genesis, message_id)


@given(lane_fact=lane_facts, set_fact=set_facts, restart=restart_facts, unexecuted=unexecuted_facts)
def test_leaves_are_equal(
    harness: Contract,
    lane_fact: LaneFact,
    set_fact: SetFact,
    restart: RestartFact,
    unexecuted: UnexecutedFact,
) -> None:
    assert harness.view("unexecutedLeaf", *astuple(unexecuted)) == unexecuted.leaf
    place = (lane_fact.origin, lane_fact.destination, lane_fact.nonce)
    assert harness.view("laneLeaf", *place, lane_fact.head) == lane_fact.leaf
    assert harness.view("setLeaf", set_fact.version, set_fact.set_hash) == set_fact.leaf
    assert harness.view("restartLeaf", restart.origin, restart.destination, restart.nonce) == restart.leaf


@given(fee=fees)
def test_fees_are_packed_alike(harness: Contract, fee: Fee) -> None:
    packed = harness.view("packFee", fee.base, fee.relay, fee.step, fee.callback, fee.return_gas_limit)
    assert packed == fee.packed
    assert Fee.unpack(packed) == fee


@given(terms=terms, share=st.floats(0, 1), back=up_to(HIGHEST_GAS_LIMIT), length=payload_lengths)
def test_both_quote_the_same(
    mesh: Deployment, metalayer: Contract, terms: gateway.Terms, share: float, back: int, length: int
) -> None:
    """M15: for any terms, gas limits and length, to the last wei; and the message that is sent carries that fee."""
    hub, there = mesh.connections["hub"], mesh.id_of("arcade")
    mesh.as_owner("hub", mesh.gateway, gateway.SET_TERMS.encode(there, terms))
    gas_limit = int(share * terms.max_gas_limit)
    quoted = metalayer.view("quote", there, gas_limit, back, length)
    assert quoted == terms.quote(gas_limit, back, length)
    assert hub.view(mesh.gateway, gateway.ROUTE, there) == gateway.Route(True, True, terms)


def test_a_message_carries_the_fee_that_was_quoted(mesh: Deployment) -> None:
    """M15"""
    hub, there = mesh.connections["hub"], mesh.id_of("arcade")
    terms = hub.view(mesh.gateway, gateway.ROUTE, there).terms
    before = hub.view(mesh.gateway, gateway.LANE_FEES, there)
    (sent,) = mesh.send("hub", "arcade", b"twelve bytes", gas_limit=123_456)
    fee = Fee.unpack(sent.message.fee)
    assert fee == terms.fee(123_456, fee.return_gas_limit, 12)
    escrow, protocol = hub.view(mesh.gateway, gateway.LANE_FEES, there)
    assert escrow - before[0] == fee.relay + fee.back
    assert (escrow - before[0] + protocol - before[1]) * 10**9 == terms.quote(
        123_456, fee.return_gas_limit, 12
    )


@given(chosen=st.lists(facts, min_size=1, max_size=40), other=facts)
def test_proofs_verify_for_their_fact_only(harness: Contract, chosen: list[Fact], other: Fact) -> None:
    tree = Tree(chosen)
    for fact in chosen[:5]:
        proof = tree.proof(fact)
        assert len(proof) <= tree.depth
        assert harness.view("verify", proof, tree.root, fact.leaf)
        if other.leaf not in {one.leaf for one in chosen}:
            assert not harness.view("verify", proof, tree.root, other.leaf)


@given(validator_set=validator_sets)
def test_set_hashes_are_equal(harness: Contract, validator_set: ValidatorSet) -> None:
    assert harness.view("setHash", _fields(validator_set)) == validator_set.hash


@given(
    weights=weights(0, 5, size=(2, 34)),
    swap=st.booleans(),
    late=st.integers(-1, 1),
    data=st.data(),
)
def test_both_accept_the_same_sets(
    harness: Contract, weights: list[int], swap: bool, late: int, data: st.DataObject
) -> None:
    """Size, order, zero signers and weights, a third of the total, and the second at which a set expires (M2, M9)."""
    signers = sorted((data.draw(addresses) for _ in weights), key=lambda signer: int(signer, 16))
    if swap:
        signers[0], signers[1] = signers[1], signers[0]
    now = 1 << 40
    validator_set = ValidatorSet(1, now - late, tuple(zip(signers, weights, strict=True)))
    assert _accepts(lambda: validator_set.validate(now)) == (
        not _reverts(harness, "checkSet", _fields(validator_set), at=now)
    )


@given(network_id=uint256, place=addresses, root=words)
def test_digests_are_equal(harness: Contract, network_id: int, place: str, root: bytes) -> None:
    assert harness.view("digest", network_id, place, root) == Domain(network_id, place).digest(root)


@given(r=words, s=words, flip=st.booleans(), own=st.booleans(), root=words)
def test_both_recover_the_same_signer(
    harness: Contract, r: bytes, s: bytes, flip: bool, own: bool, root: bytes
) -> None:
    """Any 64 bytes, true signatures and those with the parity bit flipped: one reading of each (M17)."""
    hashed = Domain(901, harness.address).digest(root)
    signature = r + s
    if own:
        key = Account.from_key(keccak(root))
        signature = compact(key.unsafe_sign_hash(hashed))
    if flip:
        signature = signature[:32] + bytes([signature[32] ^ 0x80]) + signature[33:]
    on_chain = harness.view("recover", hashed, (signature[:32], signature[32:]))
    in_python = Domain(901, harness.address).recover(root, signature)
    assert (in_python or "0x" + "00" * 20) == on_chain


@given(weights=weights(1, 4, size=(4, 7)), data=st.data())
def test_both_see_a_quorum(harness: Contract, weights: list[int], data: st.DataObject) -> None:
    """Strictly more than two thirds of the weight, whoever signs (P3, M3)."""
    keys = sorted((Account.from_key(keccak(text=f"v{i}")) for i in range(len(weights))), key=_by_address)
    members = tuple((key.address, weight) for key, weight in zip(keys, weights, strict=True))
    root = data.draw(words)
    hashed = Domain(901, harness.address).digest(root)
    signing = data.draw(st.sets(st.sampled_from(keys)))
    attestation = Attestation(
        root,
        ValidatorSet(1, 1 << 40, members),
        {key.address: compact(key.unsafe_sign_hash(hashed)) for key in signing},
    )
    refused = _reverts(harness, "checkQuorum", attestation.fields, 901, harness.address)
    assert attestation.has_quorum == (not refused)


@given(chain_id=chain_ids, account=addresses)
def test_interoperable_addresses_are_equal(harness: Contract, chain_id: int, account: str) -> None:
    data = interoperable(chain_id, account)
    assert harness.view("format", chain_id, account) == data
    assert parse_interoperable(data) == (chain_id, account)


@given(recipient=nearly_recipients(st.sampled_from([902, 903, 256, 70_000])) | st.binary(max_size=60))
def test_both_accept_the_same_recipients(mesh: Deployment, recipient: bytes) -> None:
    """What the Outbox takes for a recipient is what Python takes for one (M16)."""
    try:
        chain_id, account = parse_interoperable(recipient)
        accepted = int(account, 16) != 0 and chain_id != mesh.network_id and account != mesh.gateway
    except MetalayerError:
        accepted = False
    try:
        mesh.connections["hub"].call(mesh.gateway, gateway.send_call(recipient, b""), sender=RELAYER.address)
        reason = ""
    except Reverted as error:
        reason = error.reason
    assert reason.startswith("InvalidRecipient") == (not accepted)


@given(
    payloads=st.lists(
        st.tuples(
            st.sampled_from(["arcade", "perps", "social"]),
            st.binary(max_size=80),
            st.one_of(st.none(), st.integers(0, 2_000_000)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_lanes_rebuilt_from_logs_end_at_the_head(
    mesh: Deployment, payloads: list[tuple[str, bytes, int | None]]
) -> None:
    """Any list of messages, on several lanes mixed: logs alone give every message and the Outbox's head."""
    hub = mesh.connections["hub"]
    snapshot = hub.rpc("evm_snapshot")
    try:
        before = {name: mesh.outbox("hub", name) for name in ("arcade", "perps", "social")}
        for destination, payload, gas_limit in payloads:
            mesh.send("hub", destination, payload, gas_limit=gas_limit)
        for name, (nonce, head) in before.items():
            expected = [(payload, gas) for destination, payload, gas in payloads if destination == name]
            now, head_now = mesh.outbox("hub", name)
            rebuilt = lane.rebuild(hub, mesh.domain, mesh.id_of(name), nonce + 1, now)
            assert [sent.message.payload for sent in rebuilt] == [payload for payload, _ in expected]
            for sent, (_, gas_limit) in zip(rebuilt, expected, strict=True):
                assert gas_limit is None or sent.message.gas_limit == gas_limit
                head = extend(head, sent.message.id)
            assert head == head_now
            whole = lane.rebuild(hub, mesh.domain, mesh.id_of(name), 1, now)
            assert whole[nonce:] == rebuilt
    finally:
        # Examples share the chain otherwise, and each would rebuild all lanes before it.
        revert(hub.rpc, snapshot)


@given(
    message=messages,
    walk=walks,
    attestation=attestations,
    following=validator_sets,
    proof=st.lists(words, max_size=3),
    restart=restart_facts,
    terms=terms,
    account=addresses,
    other=addresses,
    number=uint256,
    nonce=uint64,
)
def test_calls_are_encoded_alike(
    metalayer: Contract,
    message: Message,
    walk: gateway.Walk,
    attestation: Attestation,
    following: ValidatorSet,
    proof: list[bytes],
    restart: RestartFact,
    terms: gateway.Terms,
    account: str,
    other: str,
    number: int,
    nonce: int,
) -> None:
    """Bytes made here are those that the compiled ABI makes of the same values, structs in their order."""
    at_end = (message.origin, message.nonce, message.fields)
    restarting = (restart.origin, restart.nonce, proof)
    rotation = gateway.ROTATE.encode(attestation, following, proof)
    calls: list[tuple[bytes, str, tuple[Any, ...]]] = [
        (gateway.retry_call(message), "retry", at_end),
        (gateway.return_call(message), "returnToSender", at_end),
        (gateway.REFUND.encode(message, walk), "refund", (message.fields, walk.fields)),
        (
            gateway.REFUND_ABANDONED.encode(message, walk, nonce, walk.previous_head, proof),
            "refundAbandoned",
            (message.fields, walk.fields, nonce, walk.previous_head, proof),
        ),
        (rotation, "rotate", (attestation.fields, _fields(following), proof)),
        (
            gateway.FOLLOW_RESTART.encode(attestation, restart.origin, restart.nonce, proof),
            "followRestart",
            (attestation.fields, *restarting),
        ),
        (gateway.NOTICE_RESTART.encode(number, nonce), "noticeRestart", (number, nonce)),
        (gateway.RESTART.encode(number, nonce), "restart", (number, nonce)),
        (
            gateway.REFUND_CLOSED.encode(message, walk, 2, attestation, proof),
            "refundClosed",
            (message.fields, walk.fields, 2, attestation.fields, proof),
        ),
        (
            gateway.RECORD_INBOX_HEAD.encode(number, nonce, nonce, walk.previous_head, proof),
            "recordInboxHead",
            (number, nonce, nonce, walk.previous_head, proof),
        ),
        (
            gateway.call_back_call(message),
            "callBack",
            (message.fields, message.destination, message.nonce),
        ),
        (
            gateway.ANNOUNCE_SET.encode(following, attestation.validator_set),
            "announceSet",
            (_fields(following), _fields(attestation.validator_set)),
        ),
        (gateway.ADOPT.encode(following), "adopt", (_fields(following),)),
        (gateway.INSTALL_ANNOUNCED.encode(following), "installAnnounced", (_fields(following),)),
        (gateway.SET_TERMS.encode(number, terms), "setTerms", (number, astuple(terms))),
        (gateway.SET_OPEN.encode(number, True, False), "setOpen", (number, True, False)),
        (gateway.LANE_EPOCH.encode(number), "laneEpoch", (number,)),
        (gateway.CLOSED_SINCE.encode(number), "closedSince", (number,)),
        (gateway.CLAIM.encode(number), "claim", (number,)),
        (gateway.SWEEP.encode(number), "sweep", (number,)),
        (gateway.DEPOSIT_FOR.encode(account, number), "depositFor", (account, number)),
        (gateway.WITHDRAW.encode(account, number), "withdraw", (account, number)),
        (gateway.SET_ALLOWANCE.encode(account, number), "setAllowance", (account, number)),
        (gateway.CREDIT.encode(account), "credit", (account,)),
        (gateway.ALLOWANCE.encode(account, other), "allowance", (account, other)),
        (gateway.QUOTE.encode(number, 1, 2, 3), "quote", (number, 1, 2, 3)),
        (gateway.LANE_FEES.encode(number), "laneFees", (number,)),
        (gateway.EARNINGS.encode(number, account), "earnings", (number, account)),
        (gateway.PAID.encode(number, account), "paid", (number, account)),
        (gateway.PAUSED_UNTIL.encode(number), "pausedUntil", (number,)),
        (gateway.RETURN_NOTICE.encode(number, message.id), "returnNotice", (number, message.id)),
        (gateway.RESTART_RECORD.encode(number, nonce), "restartRecord", (number, nonce)),
        (gateway.STORED_HEAD.encode(number, nonce), "storedHead", (number, nonce)),
        (gateway.MESSAGE_STATUS.encode(message.id), "messageStatus", (message.id,)),
    ]
    for made, method, values in calls:
        assert made == metalayer.encode(method, *values), method


@given(
    numbers=st.tuples(uint64, uint64),
    word=words,
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    epoch=up_to(2**16 - 1),
    unspent=up_to(2**56 - 1),
)
def test_answers_are_decoded_alike(
    metalayer: Contract,
    numbers: tuple[int, int],
    word: bytes,
    flags: tuple[bool, bool, bool],
    epoch: int,
    unspent: int,
) -> None:
    """What a gateway answers, by the return types of its compiled ABI, reads as those very values."""

    def answer(method: str, *values: Any) -> bytes:
        return bytes(CODEC.encode(metalayer._methods[method][0][2], values))

    first, second = numbers
    carrier = to_checksum_address(word[:20])
    lane_end = answer("outboxLane", first, word, second)
    assert gateway.INBOX_LANE.decode(answer("inboxLane", first, word)) == (first, word)
    assert gateway.OUTBOX_LANE.decode(lane_end) == (first, word, second)
    for status in gateway.Status:
        assert gateway.MESSAGE_STATUS.decode(answer("messageStatus", status, first)) == (status, first)
    for method in ("laneFees", "earnings"):
        assert gateway.FUNCTIONS[method].decode(answer(method, first, second)) == numbers
    notice = gateway.RETURN_NOTICE.decode(answer("returnNotice", (carrier, *flags, epoch, unspent)))
    assert notice == gateway.ReturnNotice(carrier if int(carrier, 16) else None, *flags, epoch, unspent)
    record = gateway.RESTART_RECORD.decode(answer("restartRecord", (*flags[:2], epoch, first, word)))
    assert record == gateway.RestartRecord(*flags[:2], epoch, first, word)
    announced = gateway.ANNOUNCED_SET.decode(answer("announcedSet", word, first))
    assert announced == gateway.AnnouncedSet(word, first)


def test_the_log_of_a_set_names_it(mesh: Deployment) -> None:
    hub = mesh.connections["hub"]
    ((found, log),) = hub.ask(gateway.VALIDATOR_SET_INSTALLED.logs(mesh.gateway))
    assert found == mesh.validator_set
    assert found.hash == log.data[32:64]


@pytest.mark.parametrize(("name", "mirror"), [("Metalayer", gateway), ("FeeCollector", collector)])
def test_selectors_and_topics_are_the_compiled_ones(name: str, mirror: ModuleType) -> None:
    abi = load_artifacts([name])[name].abi
    functions = {_signature(item) for item in abi if item["type"] == "function"}
    events = {_signature(item) for item in abi if item["type"] == "event"}
    assert {function.signature for function in mirror.FUNCTIONS.values()} <= functions
    assert {event.canonical for event in mirror.EVENTS.values()} <= events


def _signature(item: dict[str, Any]) -> str:
    return f"{item['name']}({','.join(_type(entry) for entry in item['inputs'])})"


def _type(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    inner = ",".join(_type(component) for component in entry["components"])
    return f"({inner}){entry['type'].removeprefix('tuple')}"


def _fields(validator_set: ValidatorSet) -> tuple[int, int, list[bytes]]:
    return (validator_set.version, validator_set.expires, validator_set.words)


def _by_address(key: Any) -> int:
    return int(key.address, 16)


def _accepts(action: Any) -> bool:
    try:
        action()
    except MetalayerError:
        return False
    return True


def _reverts(harness: Contract, method: str, *arguments: Any, at: int | None = None) -> bool:
    from tests.kit.evm import Revert, call

    data = harness.encode(method, *arguments)
    return isinstance(call(harness.chain, harness.address, data, at=at), Revert)
