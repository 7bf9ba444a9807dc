"""Validators with their records, over real chains that really reorganise, and an attacker who accuses them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from metalayer.attesting.directory import DirectoryExchange
from metalayer.deploy.desired import ZERO_ADDRESS
from metalayer.lanes import logs as lane
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol.attestation import Attestation, Domain, compact
from metalayer.protocol.facts import (
    Fact,
    LaneFact,
    RestartFact,
    SetFact,
    SignedFact,
    Tree,
    UnexecutedFact,
    contradict,
    signed_facts,
)
from metalayer.protocol.gateway import MESSAGE_DELIVERED, Batch, Route
from metalayer.protocol.message import extend, genesis_head, interoperable
from metalayer.protocol.rpc import logs_request
from metalayer.validator.process import Judgement, Validator
from tests.kit.chains import BoundChain
from tests.kit.evm import CODEC, Contract, Revert, call
from tests.kit.paper import Validators
from tests.kit.roles import OWNER, SENDER
from tests.kit.terms import FREE_TERMS
from tests.stateful.machine import PICK, pick

LANES = (("hub", "arcade"), ("hub", "perps"), ("arcade", "hub"))
ORIGINS = ("hub", "arcade")
HONEST = range(4)
LIAR = 4
# Nothing is charged, in a token that is nowhere.
FREE_ROUTE = Route(True, True, FREE_TERMS)
ACCOUNT = "0x00000000000000000000000000000000000Face7"
LIES = [keccak(text="lie"), keccak(text="other lie")]
# What the hub's staking will record; versions above are nobody's.
SETS = {version: keccak(text=f"set {version}") for version in (1, 2)}
ZERO = bytes(32)
_EQUIVOCATIONS = {
    (LaneFact, LaneFact): "laneEquivocation",
    (SetFact, SetFact): "setEquivocation",
    (LaneFact, RestartFact): "placeEquivocation",
}
_CHUNK = 100
_GAS = 50_000_000


@dataclass(frozen=True)
class Network:
    """Gateways at one address, the checks on the hub, and the validators' keys: four are a quorum."""

    chains: dict[str, BoundChain]
    connections: dict[str, Connection]
    gateways: dict[str, Contract]
    evidence: Contract
    recipient: str
    """Takes every message, on the hub."""
    validators: Validators
    records: Path
    """Empty records of the honest validators: a copy is there at once, a new one waits for the disk."""

    @property
    def network_id(self) -> int:
        return self.chains["hub"].chain_id

    @property
    def gateway(self) -> str:
        return self.gateways["hub"].address

    def id_of(self, name: str) -> int:
        return self.chains[name].chain_id

    def validator(self, position: int, exchange: DirectoryExchange, folder: Path) -> Validator:
        """An honest validator with its record in a folder."""
        path = folder / f"record-{position}.sqlite"
        return Validator.open(
            self.validators.keys[position],
            Mesh(Domain(self.network_id, self.gateway), self.connections, ZERO_ADDRESS),
            exchange,
            path,
            begin=not path.exists(),
        )


@dataclass(frozen=True)
class Signed:
    """Something that the validator at a position of the set signed."""

    position: int
    evidence: SignedFact

    @property
    def fact(self) -> Fact:
        return self.evidence.fact


@dataclass(frozen=True)
class Charge:
    """One call of a check. `sound`: it should name who signed. `other`: who signed the second fact of two."""

    check: str
    accused: Signed
    rest: tuple[Any, ...]
    sound: bool
    other: Signed | None = None

    @property
    def named(self) -> list[int]:
        """Positions of whom the check names."""
        return [signed.position for signed in (self.accused, self.other) if signed is not None]

    def __str__(self) -> str:
        return f"{self.check} of the validator at {self.accused.position}, over {self.accused.fact},"


class Trial:
    """Four honest validators, a liar, chains that reorganise, and an attacker who forgets nothing."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network = network
        self.folder = folder
        self.exchange = DirectoryExchange(folder / "exchange")
        self.honest = []
        for position in HONEST:
            shutil.copy(network.records / f"record-{position}.sqlite", folder)
            self.honest.append(network.validator(position, self.exchange, folder))
        self.signed: list[Signed] = []
        self.facts_of: dict[bytes, tuple[Fact, ...]] = {}
        self.base = {name: self.height(name) for name in ORIGINS}
        # By height. `anvil_rollback` will not do: after some hundred blocks it loses the code of contracts.
        self._snapshots: dict[str, dict[int, str]] = {name: {} for name in ORIGINS}
        for name in ORIGINS:
            self._remember(name)
        self._final = dict(self.base)
        # Chains that lost blocks which were final; restarts of the hub's lanes that still are, and their blocks.
        self.broken: set[str] = set()
        self.restarts: list[tuple[RestartFact, int]] = []
        self.highest = dict.fromkeys(LANES, 0)
        self.payloads = count()
        self._tried = 0

    def close(self) -> None:
        for validator in self.honest:
            validator.record.close()

    # Chains

    def height(self, name: str) -> int:
        return self.network.connections[name].height()

    def depth(self, name: str) -> int:
        """Blocks below the newest one at which a block is final."""
        return self.network.connections[name].chain.preset.finality_depth

    def send(self, origin: str, destination: str, messages: int = 1) -> None:
        """Every message is another one, in every history."""
        account = self.network.recipient if destination == "hub" else ACCOUNT
        recipient = interoperable(self.network.id_of(destination), account)
        for _ in range(messages):
            payload = next(self.payloads).to_bytes(4, "big")
            receipt = self.network.gateways[origin].send(
                "sendMessage", recipient, payload, [], sender=SENDER.address
            )
            self._remember(origin)
            nonce = receipt.named("LaneExtended")[0][1]
            self.highest[origin, destination] = max(self.highest[origin, destination], nonce)

    def deliver(self) -> None:
        """Delivers to the hub what a quorum signed of arcade's lane, as far as it fits what came before."""
        gateway, origin = self.network.gateways["hub"], self.network.id_of("arcade")
        history = self.history("arcade", "hub")
        for root, facts in self.facts_of.items():
            attestation = self._attestation(root)
            for fact in facts if attestation.has_quorum else ():
                first = gateway.view("inboxLane", origin)[0] + 1
                sent = history.get(fact.nonce) if isinstance(fact, LaneFact) else None
                if sent is None or sent.head != fact.value or sent.message.nonce < first:
                    continue
                messages = [history[nonce].message for nonce in range(first, sent.message.nonce + 1)]
                batch = Batch(messages, origin, first, Tree(facts).proof(fact), [])
                gateway.attempt("deliver", attestation.fields, [batch.fields], sender=SENDER.address)
                self._remember("hub")

    def executed(self) -> list[bytes]:
        """Ids of arcade's messages that the hub executed, all of them as its lane has them: none fails."""
        request = logs_request(
            self.network.gateway, [MESSAGE_DELIVERED.topic], self.base["hub"], self.height("hub")
        )
        return [log.topics[1] for log in self.network.connections["hub"].ask(request)]

    def mine(self, name: str, blocks: int) -> None:
        for _ in range(blocks):
            self.network.connections[name].rpc("anvil_mine", "0x1")
            self._remember(name)

    def finalize(self, *names: str) -> None:
        """Mines until everything that was sent from these chains, from all by default, is final."""
        for name in names or ORIGINS:
            self.mine(name, self.depth(name))

    def _remember(self, name: str) -> None:
        """After each block: where a reorganisation may lead back to."""
        self._snapshots[name][self.height(name)] = self.network.chains[name].snapshot()

    def final(self, name: str) -> int:
        """Number of the newest block that ever was final: also while the chain is shorter than it was."""
        self._final[name] = max(self._final[name], self.height(name) - self.depth(name))
        return self._final[name]

    def reorganise(self, name: str, depth: int) -> None:
        """Drops that many blocks, none of those that were there before the trial."""
        final, height = self.final(name), self.height(name)
        kept = max(height - depth, self.base[name])
        if kept < height:
            self.network.chains[name].restore(self._snapshots[name][kept])
            self._snapshots[name] = {block: s for block, s in self._snapshots[name].items() if block < kept}
            self._remember(name)
        if kept < final:
            self.broken.add(name)
            self._final[name] = kept
        if name == "hub":
            self.restarts = [(fact, block) for fact, block in self.restarts if block <= kept]

    def restart(self, gap: int) -> None:
        """The owner restarts the hub's lanes, above everything that they ever had."""
        for origin, destination in LANES:
            if origin == "hub":
                nonce = self.highest[origin, destination] + gap
                destination_id = self.network.id_of(destination)
                self.network.gateways["hub"].send("restart", destination_id, nonce, sender=OWNER.address)
                self._remember("hub")
                self.highest[origin, destination] = nonce
                fact = RestartFact(self.network.network_id, destination_id, nonce)
                self.restarts.append((fact, self.height("hub")))

    def history(self, origin: str, destination: str) -> dict[int, Sent]:
        """Messages of a lane by nonce, as its logs have them now."""
        request = lane.sent_request(self.network.gateway, self.base[origin], self.height(origin))
        logs = self.network.connections[origin].ask(request)
        sent = lane.parse(logs, self.network.network_id, self.network.id_of(origin))
        destination_id = self.network.id_of(destination)
        return {one.message.nonce: one for one in sent if one.message.destination == destination_id}

    def lane_fact(self, origin: str, destination: str, nonce: int, head: bytes) -> LaneFact:
        return LaneFact(self.network.id_of(origin), self.network.id_of(destination), nonce, head)

    def restart_fact(self, origin: str, destination: str, nonce: int) -> RestartFact:
        return RestartFact(self.network.id_of(origin), self.network.id_of(destination), nonce)

    def newest(self, lanes: Iterable[tuple[str, str]] = LANES) -> list[Fact]:
        """The newest true facts about these lanes, final or not."""
        found: list[Fact] = []
        for origin, destination in lanes:
            history = self.history(origin, destination)
            if history:
                found.append(self.lane_fact(origin, destination, max(history), history[max(history)].head))
        return found

    # Signers

    def sign(self, facts: Sequence[Fact], awake: Iterable[int] = HONEST) -> None:
        """Somebody proposes facts; those who are awake judge all that was proposed, and sign what they find true."""
        if facts:
            self.exchange.propose(facts)
        for position in awake:
            validator = self.honest[position]
            for verdict in validator.pass_once():
                if verdict.judgement is Judgement.SIGNED:
                    signature = self.exchange.signature(verdict.root, validator.address)
                    said = self.exchange.facts(verdict.root)
                    assert signature is not None
                    assert said is not None
                    self._keep(position, said, signature)

    def sign_what_the_hub_records(self, awake: Iterable[int]) -> None:
        """Sets and final restarts: with their records, though validators do not look these up by themselves yet."""
        final = self.height("hub") - self.depth("hub")
        said: list[Fact] = [
            *(fact for fact, block in self.restarts if block <= final),
            *(SetFact(*s) for s in SETS.items()),
        ]
        for position in awake:
            self.honest[position].record.commit(said)
            self._sign_as(position, said)

    def lie(self, *facts: Fact) -> None:
        """The liar keeps no record."""
        self._sign_as(LIAR, facts)

    def _sign_as(self, position: int, facts: Sequence[Fact]) -> None:
        message = Domain(self.network.network_id, self.network.gateway).digest(Tree(facts).root)
        self._keep(position, facts, compact(self.network.validators.keys[position].unsafe_sign_hash(message)))

    def _keep(self, position: int, facts: Sequence[Fact], signature: bytes) -> None:
        for evidence in signed_facts(facts, signature):
            signed = Signed(position, evidence)
            if signed not in self.signed:
                self.signed.append(signed)
        self.facts_of[Tree(facts).root] = tuple(facts)

    # The attacker

    def accuse(self) -> list[Charge]:
        """Tries everything. The charges that convicted, each of which was expected to, and no other."""
        charges = [*self._equivocations(), *self._hub_knows(), *self._contradictions()]
        convicted = []
        for charge, (convicts, result) in zip(charges, self._try(charges), strict=True):
            assert convicts == charge.sound, f"P13: {charge} {'convicts' if convicts else 'does not convict'}"
            if convicts:
                named = [self.network.validators.keys[position].address for position in charge.named]
                found = [to_checksum_address(result[at + 12 : at + 32]) for at in range(0, len(result), 32)]
                assert found == named, f"P13: {charge} names somebody else"
                # Of two, one may be right: that convicts nobody.
                if len(set(charge.named)) == 1:
                    convicted.append(charge)
            else:
                assert result, f"P13: {charge} is refused without a reason"
                assert not Revert(result).is_panic, f"P13: {charge} is refused with a panic"
        return convicted

    def _try(self, charges: Sequence[Charge]) -> Iterator[tuple[bool, bytes]]:
        evidence = self.network.evidence
        calls = [
            evidence.encode(
                charge.check, charge.accused.evidence.statement, charge.accused.evidence.fields, *charge.rest
            )
            for charge in charges
        ]
        for start in range(0, len(calls), _CHUNK):
            data = evidence.encode("tryAll", calls[start : start + _CHUNK])
            answer = call(evidence.chain, evidence.address, data, gas=_GAS)
            assert isinstance(answer, bytes)
            yield from CODEC.decode(["(bool,bytes)[]"], answer)[0]

    def _equivocations(self) -> Iterator[Charge]:
        """(a): everything that contradicts something, whoever signed it; and neighbours, which only pretend to."""
        for (i, one), (j, two) in combinations(enumerate(self.signed), 2):
            contradicting = contradict(one.fact, two.fact)
            # These checks look at no chain: what failed once fails for ever.
            if not contradicting and not (j == i + 1 and j > self._tried):
                continue
            if isinstance(one.fact, RestartFact):
                one, two = two, one
            check = _EQUIVOCATIONS.get((type(one.fact), type(two.fact)))
            if check is not None:
                said = () if isinstance(two.fact, RestartFact) else (two.fact.value,)
                yield Charge(check, one, (*said, two.evidence.fields), contradicting, two)
        self._tried = len(self.signed) - 1

    def _hub_knows(self) -> Iterator[Charge]:
        """(b): everything signed about the hub, against every head that the attacker knows."""
        lanes = {
            self.network.id_of(destination): (
                self.history(origin, destination),
                *self.network.gateways["hub"].view("outboxLane", self.network.id_of(destination)),
            )
            for origin, destination in LANES
            if origin == "hub"
        }
        executed = self.executed()
        for signed in self.signed:
            fact = signed.fact
            if isinstance(fact, SetFact):
                recorded, newest = SETS.get(fact.version, ZERO), max(SETS)
                is_false = recorded != ZERO and fact.set_hash != recorded
                yield Charge("falseSet", signed, (recorded,), is_false)
                yield Charge("beyondSets", signed, (newest,), fact.version > newest)
            elif isinstance(fact, UnexecutedFact):
                yield from self._executions(signed, fact, executed)
            elif fact.origin != self.network.network_id:
                if isinstance(fact, LaneFact):
                    yield Charge("beyondLane", signed, (), False)
                    yield Charge("falseHead", signed, (LIES[0], []), False)
            else:
                history, nonce, head, restarted_at = lanes[fact.destination]
                if not isinstance(fact, LaneFact):
                    yield Charge("falseRestart", signed, (), fact.nonce > restarted_at)
                    continue
                yield Charge("beyondLane", signed, (), fact.nonce > nonce)
                yield from self._walks(signed, fact, history, restarted_at)
                for invented in (ZERO, LIES[0], head):
                    known = invented == head and fact.nonce == nonce
                    sound = known and fact.head != head and fact.nonce > restarted_at
                    yield Charge("falseHead", signed, (invented, []), sound)

    def _walks(
        self, signed: Signed, fact: LaneFact, history: dict[int, Sent], restarted_at: int
    ) -> Iterator[Charge]:
        if fact.nonce in history:
            ids: list[bytes] = []
            while (following := history.get(fact.nonce + len(ids) + 1)) is not None:
                ids.append(following.id)
            true = history[fact.nonce].head
            sound = fact.nonce > restarted_at and fact.head != true
            yield Charge("falseHead", signed, (true, ids), sound)

    def _executions(
        self, signed: Signed, fact: UnexecutedFact, executed: Sequence[bytes]
    ) -> Iterator[Charge]:
        origin, hub = self.network.id_of("arcade"), self.network.network_id
        head = genesis_head(hub, origin, hub)
        for nonce, id_ in enumerate(executed, 1):
            sound = (fact.origin, fact.destination, fact.nonce, fact.id) == (origin, hub, nonce, id_)
            if sound or nonce == len(executed):
                yield Charge("falseUnexecuted", signed, (head, executed[nonce:]), sound)
            head = extend(head, id_)

    def _attestation(self, root: bytes) -> Attestation:
        """All signatures of a root."""
        signatures = {
            self.network.validators.keys[signed.position].address: signed.evidence.signature
            for signed in self.signed
            if signed.evidence.root == root
        }
        return Attestation(root, self.network.validators.set, signatures)

    def _contradictions(self) -> Iterator[Charge]:
        """(c): everything that contradicts something under a root with a quorum. Not looked at by a chain either."""
        set_hash = self.network.validators.set.hash
        for root, facts in self.facts_of.items():
            attestation = self._attestation(root)
            tree = Tree(facts)
            for fact in facts:
                for signed in self.signed:
                    if fact.key == signed.fact.key and contradict(fact, signed.fact):
                        check = "laneContradiction" if isinstance(fact, LaneFact) else "setContradiction"
                        rest = (fact.value, attestation.fields, tree.proof(fact), set_hash)
                        yield Charge(check, signed, rest, attestation.has_quorum)

    def check_honest(self) -> list[Charge]:
        """Nobody honest is convicted, nor accused over a chain that kept what was final."""
        convicted = self.accuse()
        for charge in convicted:
            if charge.accused.position != LIAR:
                broken = {self.network.id_of(name) for name in self.broken}
                fact = charge.accused.fact
                lost = isinstance(fact, LaneFact) and fact.origin in broken
                assert charge.check == "laneContradiction", f"P13: {charge} convicts somebody honest"
                assert lost, f"P13: {charge} convicts somebody honest over a chain that kept what was final"
        return convicted


# Three are a quorum together with the liar, with whom anything may be signed.
AWAKE = st.sampled_from([(0,), (1, 2, 3), (0, 1, 2, 3)])
LIE = st.sampled_from(["lane", "lane", "lane", "set", "restart", "unexecuted"])
SOME_LANES = st.lists(st.sampled_from(LANES), min_size=1, unique=True)


class EvidenceMachine(RuleBasedStateMachine):
    """Chains, sleepy validators and a liar at random; the attacker accuses again and again."""

    network: ClassVar[Network]  # set by the test
    folder: ClassVar[Path]
    paths: ClassVar[Counter[str]] = Counter()
    """How often who was convicted, over all examples of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.snapshots = {name: self.network.chains[name].snapshot() for name in ORIGINS}
        self.trial = Trial(self.network, Path(mkdtemp(dir=self.folder)))

    @rule(
        lanes=SOME_LANES,
        messages=st.integers(0, 2),
        final=st.sampled_from([True, True, False]),
        awake=AWAKE,
        liar=st.booleans(),
    )
    def send_and_sign(
        self, lanes: list[tuple[str, str]], messages: int, final: bool, awake: tuple[int, ...], liar: bool
    ) -> None:
        for lane_ in lanes:
            self.trial.send(*lane_, messages)
        facts = self.trial.newest(lanes)
        if final:
            self.trial.finalize()
        self.trial.sign(facts, awake)
        if liar and facts:
            self.trial.lie(*facts)

    @rule(awake=AWAKE)
    def sign_what_the_hub_records(self, awake: tuple[int, ...]) -> None:
        self.trial.sign_what_the_hub_records(awake)

    @rule()
    def deliver(self) -> None:
        self.trial.deliver()

    @rule(depth=st.integers(1, 12), others=st.integers(0, 3))
    def reorganise_a_spoke(self, depth: int, others: int) -> None:
        self.trial.reorganise("arcade", depth)
        self.trial.send("arcade", "hub", others)

    @rule(depth=st.integers(1, 2))
    def reorganise_the_hub_above_what_is_final(self, depth: int) -> None:
        self.trial.reorganise("hub", min(depth, self.trial.height("hub") - self.trial.final("hub")))

    @rule(depth=st.integers(1, 12), others=st.integers(0, 3), gap=st.sampled_from([1, 2, 63]))
    def break_the_hub_and_restart_its_lanes(self, depth: int, others: int, gap: int) -> None:
        """A restart counts once it is final: until then a reorganisation may take it back."""
        self.trial.reorganise("hub", depth)
        self.trial.send("hub", "arcade", others)
        self.trial.restart(gap)
        self.trial.finalize("hub")

    @rule(lies=st.lists(st.tuples(LIE, PICK, PICK), min_size=1, max_size=2), proposed=st.booleans())
    def lie(self, lies: list[tuple[str, int, int]], proposed: bool) -> None:
        facts = [self._said(*one) for one in lies]
        self.trial.lie(*facts)
        if proposed:
            self.trial.sign(facts)

    def _said(self, kind: str, number: int, other: int) -> Fact:
        """Anything that may be said, a true fact now and then. The numbers pick from what there is."""
        if kind == "set":
            return SetFact(1 + number % 3, pick([SETS[1], SETS[2], *LIES], other))
        origin, destination = pick(LANES, number)
        history = self.trial.history(origin, destination)
        nonce = pick([1, *history, self.trial.highest[origin, destination] + 1], number // len(LANES))
        if kind == "restart":
            return RestartFact(self.network.id_of(origin), self.network.id_of(destination), nonce)
        if kind == "unexecuted":
            ends = self.trial.network.id_of(origin), self.trial.network.id_of(destination)
            id_ = history[nonce].id if nonce in history else LIES[0]
            return UnexecutedFact(*ends, nonce, id_, other % 3)
        heads = [*LIES, *([history[nonce].head] if nonce in history else [])]
        return self.trial.lane_fact(origin, destination, nonce, pick(heads, other))

    @precondition(lambda self: self.trial.signed)
    @rule()
    def accuse(self) -> None:
        for charge in self.trial.check_honest():
            who = "the liar" if charge.accused.position == LIAR else "somebody honest"
            self.paths[f"{charge.check} convicts {who}"] += 1

    def teardown(self) -> None:
        try:
            self.accuse()
        finally:
            self.trial.close()
            shutil.rmtree(self.trial.folder)
            for name, snapshot in self.snapshots.items():
                self.network.chains[name].restore(snapshot)
