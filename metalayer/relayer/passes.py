"""A relayer: finds what is pending on all lanes, proposes facts, waits for a quorum, delivers, follows restarts; then
it returns and refunds what was not delivered, and claims what it earned."""

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metalayer.attesting.exchange import MAX_FACTS, Exchange, MalformedFile
from metalayer.attesting.rotation import catch_up
from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes import logs as lane
from metalayer.lanes.logs import BrokenLane, Sent
from metalayer.lanes.survey import Ends, LaneState, Survey, survey
from metalayer.network.connection import (
    MAX_TRANSACTION_GAS,
    NODE_FAULTS,
    Connection,
    Reverted,
    RpcError,
    fault,
)
from metalayer.network.parallel import in_parallel
from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Attestation, ValidatorSet, recover
from metalayer.protocol.facts import LaneFact, RestartFact, Tree
from metalayer.protocol.message import STORED_HEAD_INTERVAL
from metalayer.relayer.settlement import CLAIM_MULTIPLE, Settled, Settlement

MAX_CALLDATA = 120_000
"""Most bytes of calldata in one transaction: nodes refuse transactions over 131,072 bytes."""
MAX_MESSAGES_PER_LANE = 4_096
"""Most messages of one lane in one pass; the next pass takes the rest."""
QUORUM_TIMEOUT = 60.0
"""Seconds to wait for signatures."""

# Offset, five words and the lengths of three arrays.
_BATCH_BYTES = 32 * 9
# Nothing can be delivered under an attestation that is refused for one of these.
_ATTESTATION_ERRORS = (
    "InvalidSignature",
    "QuorumNotReached",
    "SignersMismatch",
    "UnknownValidatorSet",
    "ValidatorSetExpired",
)
# What a delivery takes besides its recipients' gas. Generous, since nobody pays for what is not used. For each lane up
# to five new words; for each message what the Inbox keeps back (`RecipientCall.required`) and some more; a byte costs
# up to 40 (EIP-7623), and is copied, hashed or part of a signature that is checked.
_GAS, _GAS_PER_BATCH, _GAS_PER_MESSAGE, _GAS_PER_BYTE = 100_000, 120_000, 75_000, 64
_QUORUM_POLL = 0.02
_REFUSAL_GRACE = 5.0
# Lanes that had no quorum before: their signatures, if they come, are found by the next pass.
_DOUBTED_TIMEOUT = 5.0
_PROPOSAL_LIFETIME = 3_600.0
_ABANDONED_AFTER = 60.0

log = logging.getLogger(__name__)


@dataclass
class Delivery:
    """What one pass did on one destination. `failed` counts messages that expired before their first attempt, too;
    `followed` restarts of lanes. Gas is the sum of the receipts' gasUsed.
    """

    chain: str
    delivered: int = 0
    failed: int = 0
    expired: int = 0
    followed: int = 0
    transactions: list[str] = field(default_factory=list)
    gas_used: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


@dataclass
class PassResult:
    """What one pass found and did. Times in seconds."""

    pending: int = 0
    not_final: int = 0
    facts: int = 0
    roots: list[str] = field(default_factory=list)
    found_after: float = 0.0
    signed_after: float = 0.0
    seconds: float = 0.0
    deliveries: list[Delivery] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def delivered(self) -> int:
        """Messages that their recipients accepted."""
        return sum(delivery.delivered for delivery in self.deliveries)

    @property
    def failed(self) -> int:
        """Messages whose first attempt failed or that had expired."""
        return sum(delivery.failed for delivery in self.deliveries)

    @property
    def returned(self) -> int:
        """Notices sent that a message goes back to its sender."""
        return sum(settled.returned for settled in self.settled)

    @property
    def refunded(self) -> int:
        """Messages whose senders were refunded."""
        return sum(settled.refunded for settled in self.settled)

    @property
    def all_problems(self) -> list[str]:
        """One line for everything that went wrong, on any chain."""
        return [
            *self.problems,
            *(problem for delivery in self.deliveries for problem in delivery.problems),
            *(problem for settled in self.settled for problem in settled.problems),
        ]


@dataclass(frozen=True)
class _Work:
    """One lane's messages to deliver, and the facts that may be used for them, ascending; or a restart to follow."""

    state: LaneState
    messages: Sequence[Sent]
    facts: Sequence[LaneFact]
    restart: RestartFact | None = None

    @property
    def all_facts(self) -> Sequence[LaneFact | RestartFact]:
        return self.facts if self.restart is None else [self.restart]

    @property
    def first_deadline(self) -> int:
        """Unix time at which the first of the messages expires."""
        return min((sent.message.deliver_before for sent in self.messages), default=0)

    def after(self, nonce: int) -> "_Work":
        left = [sent for sent in self.messages if sent.message.nonce > nonce]
        return _Work(self.state, left, self.facts)


@dataclass
class _Proposal:
    """Lanes whose facts stand under one root, the sets that must sign it, and who did."""

    work: Sequence[_Work]
    facts: Sequence[LaneFact | RestartFact]
    tree: Tree
    root: bytes
    sets: Sequence[ValidatorSet]
    signatures: dict[str, bytes] = field(default_factory=dict)
    rejected: dict[str, bytes] = field(default_factory=dict)

    @property
    def lacking(self) -> list[ValidatorSet]:
        """Sets without a quorum."""
        return [wanted for wanted in self.sets if not wanted.quorum(self.signatures)]

    @property
    def is_signed(self) -> bool:
        return not self.lacking


@dataclass
class Relayer:
    """A relayer over all chains of a network, with one sender per chain (by name)."""

    connections: Mapping[str, Connection]
    network_id: int
    gateway: str
    exchange: Exchange
    senders: Mapping[str, Sender]
    quorum_timeout: float = QUORUM_TIMEOUT
    claim_multiple: float = CLAIM_MULTIPLE
    _sets: dict[bytes, ValidatorSet] = field(default_factory=dict)
    _reached: dict[Ends, int] = field(default_factory=dict)
    _doubted: set[Ends] = field(default_factory=set)
    _refused: set[Ends] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._settlement = Settlement(
            self.connections, self.network_id, self.gateway, self.senders, self.claim_multiple
        )

    def relay_once(self, say: Callable[[str], None] = log.info) -> PassResult:
        """One pass over all lanes. `say` gets a line per stage.

        Problems of single chains, lanes or a missing quorum are in the result: what can be delivered is.
        """
        started = time.monotonic()
        result = PassResult()
        found = survey(self.connections, self.gateway, self.network_id)
        result.problems += found.problems
        result.not_final = sum(_not_final(state) for state in found.lanes)
        self._catch_up(found, result, say)
        self._clean(found)
        while work := self._collect(found, result):
            result.pending += sum(len(one.messages) for one in work)
            result.found_after = result.found_after or time.monotonic() - started
            restarts = sum(one.restart is not None for one in work)
            also = f", {restarts} restarts to follow" if restarts else ""
            say(f"{result.pending} messages pending on {len(work)} lanes{also}")
            followed = self._attest_and_deliver(work, result, started, say)
            found = survey(self.connections, self.gateway, self.network_id)
            self._clean(found)
            if not followed:
                break
        result.settled = self._settlement.settle(found)
        result.seconds = time.monotonic() - started
        return result

    def _catch_up(self, found: Survey, result: PassResult, say: Callable[[str], None]) -> None:
        """Chains whose validator set is behind get the next ones: what only a later set signed says nothing to them."""
        answering = {n: c for n, c in self.connections.items() if c.chain.chain_id in found.times}
        for outcome in catch_up(answering, self.gateway, self.senders):
            if outcome.problem:
                result.problems.append(outcome.problem)
            else:
                say(str(outcome))

    def _attest_and_deliver(
        self, work: Sequence[_Work], result: PassResult, started: float, say: Callable[[str], None]
    ) -> bool:
        """True if there is more to do: what was sent behind a restart that was followed, or a restart behind messages
        that a quorum refuses for good, because the origin was reorganised after it had signed others.
        """
        sets = self._validator_sets({one.state.ends[1]: one.state.destination for one in work}, result)
        work = [one for one in work if one.state.ends[1] in sets]
        destinations = {one.state.ends[1]: one.state.destination for one in work}
        # A validator signs all facts of a root or none: a lane in doubt must not hold up the others.
        doubted = [one for one in work if one.state.ends in self._doubted]
        together = [one for one in work if one.state.ends not in self._doubted]
        proposals = self._attest(
            [group for group in (together, *([one] for one in doubted)) if group], sets, say
        )
        shared = [p for p in proposals if len(p.work) > 1 and not p.is_signed]
        if shared:
            say("no quorum for all lanes together: asking lane by lane")
            self._doubted |= {one.state.ends for proposal in shared for one in proposal.work}
            alone = [[one] for proposal in shared for one in proposal.work]
            proposals = [p for p in proposals if p not in shared] + self._attest(alone, sets, say)
        result.signed_after = time.monotonic() - started
        result.roots += [proposal.root.hex() for proposal in proposals]
        result.facts += sum(len(proposal.facts) for proposal in proposals)
        result.problems += [self._missing(p, lacking) for p in proposals for lacking in p.lacking]
        unsigned = [p for p in proposals if not p.is_signed]
        self._doubted = {one.state.ends for p in unsigned for one in p.work}
        before, refused = self._refused, {p.work[0].state.ends for p in unsigned if self._is_replaced(p)}
        self._refused = refused

        def deliver(chain_id: int) -> Delivery:
            delivery = Delivery(destinations[chain_id].chain.name)
            for proposal in proposals:
                towards = [one for one in proposal.work if one.state.ends[1] == chain_id]
                # What expires first goes first: a message that is late pays its relayer next to nothing.
                towards.sort(key=lambda one: one.first_deadline)
                if towards and sets[chain_id].quorum(proposal.signatures):
                    fewest = _fewest(sets[chain_id], proposal.signatures)
                    attestation = Attestation(proposal.root, sets[chain_id], fewest)
                    self._deliver(destinations[chain_id], towards, proposal.tree, attestation, delivery)
            return delivery

        ready = [
            chain_id
            for chain_id in destinations
            if any(
                sets[chain_id].quorum(p.signatures) and any(one.state.ends[1] == chain_id for one in p.work)
                for p in proposals
            )
        ]
        deliveries = in_parallel(deliver, ready)
        result.deliveries += deliveries
        return any(delivery.followed for delivery in deliveries) or not refused <= before

    def _collect(self, found: Survey, result: PassResult) -> list[_Work]:
        """Rebuilds what is pending from logs, all origins in parallel. Broken lanes become problems."""
        by_origin: dict[int, list[LaneState]] = {}
        for state in found.pending:
            if state.inbox.closed:
                result.problems.append(f"lane {state.name}: {state.inbox.closed}")
                continue
            by_origin.setdefault(state.ends[0], []).append(state)

        def collect(states: list[LaneState]) -> tuple[list[_Work], list[str]]:
            try:
                return self._collect_origin(states, found.finalized_blocks[states[0].ends[0]])
            except NODE_FAULTS as error:
                return [], [fault(states[0].origin, error)]

        work = []
        for collected, problems in in_parallel(collect, by_origin.values()):
            work += collected
            result.problems += problems
        return work

    def _collect_origin(
        self, states: Sequence[LaneState], finalized_block: int
    ) -> tuple[list[_Work], list[str]]:
        connection = states[0].origin
        ends = self._ends(connection, states, finalized_block)
        waiting = [state for state in states if ends[state.ends].last > state.delivered]
        wanted = {
            state.ends: min(ends[state.ends].last, state.delivered + MAX_MESSAGES_PER_LANE)
            for state in waiting
        }
        by_destination: dict[int, list[Sent]] = {}
        for one in self._sent_since(connection, waiting, wanted, finalized_block):
            by_destination.setdefault(one.message.destination, []).append(one)
        work, problems = [], []
        for state in states:
            end = ends[state.ends]
            sent = by_destination.get(state.ends[1], [])
            messages = [one for one in sent if one.message.nonce > state.delivered]
            try:
                if end.last > state.delivered:
                    self._check(state, messages, end.last)
            except BrokenLane as error:
                if end.restart is None:
                    problems.append(str(error))
                    continue
                # What a reorganisation broke goes on behind the restart.
                messages = []
            if messages and not (end.restart is not None and state.ends in self._refused):
                self._reached[state.ends] = messages[0].block
                work.append(_Work(state, messages, _facts(state, messages)))
            elif end.restart is not None:
                work.append(_Work(state, [], [], RestartFact(*state.ends, end.restart)))
        return work, problems

    def _ends(
        self, connection: Connection, states: Sequence[LaneState], finalized_block: int
    ) -> dict[Ends, "_End"]:
        """Per lane, the last final message of the history that its Inbox is in, and the next restart, if any."""
        ends = {state.ends: _End(state.finalized, None) for state in states}
        restarted = [state for state in states if state.is_restarted]
        logs = connection.batch(
            lane.restarts_request(self.gateway, state.ends[1], finalized_block) for state in restarted
        )
        for state, found in zip(restarted, logs, strict=True):
            ahead = [one for one in lane.parse_restarts(found) if one.nonce > state.delivered]
            if not ahead:
                raise BrokenLane(f"lane {state.name}: its node does not have the log of its restart")
            ends[state.ends] = _End(ahead[0].last, ahead[0].nonce)
        return ends

    def _sent_since(
        self,
        connection: Connection,
        states: Sequence[LaneState],
        wanted: Mapping[Ends, int],
        finalized_block: int,
    ) -> list[Sent]:
        """What was sent on these lanes from their first undelivered messages to the places that are wanted, and some
        before. A backlog is read that far only: the next pass goes on from there.
        """
        if not states:
            return []
        starts = [self._reached.get(state.ends, 0) for state in states]
        firsts = self._first_logs(connection, states, starts, finalized_block)
        if any(starts) and not all(firsts):
            # What was reached before is not there any more: the chain was reorganised, or restored by a test.
            firsts = self._first_logs(connection, states, [0 for _ in states], finalized_block)
        blocks = [int(logs[0]["blockNumber"], 16) for logs in firsts if logs]
        if not blocks:
            return []
        missing = set(wanted)
        found = []
        for logs in lane.sent_logs(connection, self.gateway, min(blocks), finalized_block):
            for sent in lane.parse(logs, self.network_id, connection.chain.chain_id):
                ends, nonce = (sent.message.origin, sent.message.destination), sent.message.nonce
                if nonce <= wanted.get(ends, 0):
                    found.append(sent)
                if ends in missing and nonce >= wanted[ends]:
                    missing.remove(ends)
            if not missing:
                break
        return found

    @staticmethod
    def _check(state: LaneState, messages: Sequence[Sent], last: int) -> None:
        if not messages:
            raise BrokenLane(f"lane {state.name}: its node does not have the logs of what is pending")
        lane.check(messages, state.delivered, state.inbox.head)
        at_end = messages[-1].message.nonce == last == state.finalized
        if at_end and messages[-1].head != state.final.head:
            raise BrokenLane(f"lane {state.name}: its logs do not hash to its head")

    def _first_logs(
        self, connection: Connection, states: Sequence[LaneState], starts: Sequence[int], last: int
    ) -> list[list[dict[str, Any]]]:
        return connection.batch(
            lane.extended_request(self.gateway, state.ends[1], state.delivered + 1, start, last)
            for state, start in zip(states, starts, strict=True)
        )

    def _validator_sets(
        self, destinations: Mapping[int, Connection], result: PassResult
    ) -> dict[int, ValidatorSet]:
        """The installed sets by chain id, all chains in parallel. Chains that do not tell theirs become problems."""

        def read(connection: Connection) -> ValidatorSet | str:
            try:
                return self._validator_set(connection)
            except NODE_FAULTS as error:
                return fault(connection, error)

        answers = dict(zip(destinations, in_parallel(read, destinations.values()), strict=True))
        result.problems += [answer for answer in answers.values() if isinstance(answer, str)]
        return {id_: answer for id_, answer in answers.items() if isinstance(answer, ValidatorSet)}

    def _validator_set(self, connection: Connection) -> ValidatorSet:
        installed = connection.call(self.gateway, gateway.encode_validator_set_hash())
        if installed not in self._sets:
            self._sets[installed] = read_sets(connection, self.gateway).installed
        return self._sets[installed]

    def _attest(
        self,
        groups: Sequence[Sequence[_Work]],
        sets: Mapping[int, ValidatorSet],
        say: Callable[[str], None],
    ) -> list[_Proposal]:
        """Proposes the facts of each group of lanes under a root of its own, and waits for all quorums together.

        Returns when each has one or will not get one, or the time is over.
        """
        proposals = []
        for group in groups:
            every = {fact for one in group for fact in one.all_facts}
            facts = sorted(every, key=lambda fact: fact.nonce)[:MAX_FACTS]
            wanted = {sets[one.state.ends[1]].hash: sets[one.state.ends[1]] for one in group}
            root = self.exchange.propose(facts)
            say(f"proposed {len(facts)} facts under {root.hex()}")
            proposals.append(_Proposal(group, facts, Tree(facts), root, list(wanted.values())))
        started = time.monotonic()
        waiting = list(proposals)
        while True:
            for proposal in waiting:
                self._collect_signatures(proposal)
            elapsed = time.monotonic() - started
            # Anybody can write a refusal in a validator's name: a signature gets the time to arrive first.
            waiting = [
                p
                for p in waiting
                if not p.is_signed and not (elapsed > _REFUSAL_GRACE and self._is_refused(p))
            ]
            patient = [p for p in waiting if not all(one.state.ends in self._doubted for one in p.work)]
            if (not patient and (not waiting or elapsed > _DOUBTED_TIMEOUT)) or elapsed > self.quorum_timeout:
                return proposals
            for proposal in waiting:
                if not self.exchange.proposed(proposal.root):
                    # Another relayer delivered all of it and tidied up, or somebody removed it.
                    self.exchange.propose(proposal.facts)
            time.sleep(_QUORUM_POLL)

    def _collect_signatures(self, proposal: _Proposal) -> None:
        members = {signer for wanted in proposal.sets for signer, _ in wanted.members}
        for signer in self.exchange.signers(proposal.root):
            if signer not in members or signer in proposal.signatures or proposal.is_signed:
                continue
            signature = self.exchange.signature(proposal.root, signer)
            if signature is None or proposal.rejected.get(signer) == signature:
                continue
            if recover(self.network_id, self.gateway, proposal.root, signature) == signer:
                proposal.signatures[signer] = signature
            else:
                proposal.rejected[signer] = signature
                log.warning(
                    "the signature in the name of %s under %s is not theirs", signer, proposal.root.hex()
                )

    def _is_refused(self, proposal: _Proposal) -> bool:
        """True if those who have not refused for good cannot make a quorum of one of the sets any more."""
        refused = self.exchange.refusals(proposal.root, final_only=True)
        return any(
            not wanted.quorum(signer for signer, _ in wanted.members if signer not in refused)
            for wanted in proposal.sets
        )

    def _is_replaced(self, proposal: _Proposal) -> bool:
        """True if messages before a restart are refused for good: only the restart can go on."""
        (one, *others) = proposal.work
        return not others and one.state.is_restarted and one.restart is None and self._is_refused(proposal)

    def _missing(self, proposal: _Proposal, lacking: ValidatorSet) -> str:
        said = self.exchange.refusals(proposal.root)
        silent = [
            f"{signer} {'says: ' + said[signer] if signer in said else 'said nothing'}"
            for signer, _ in lacking.members
            if signer not in proposal.signatures
        ]
        lanes = ", ".join(one.state.name for one in proposal.work)
        return (
            f"no quorum for {lanes}: weight {lacking.weight(proposal.signatures)} of {lacking.total} signed, "
            f"more than two thirds needed; {'; '.join(silent)}"
        )

    def _deliver(
        self,
        connection: Connection,
        work: Sequence[_Work],
        tree: Tree,
        attestation: Attestation,
        delivery: Delivery,
    ) -> None:
        """Lanes of one root to one destination, in as few transactions as fit, one after the other."""
        started = time.monotonic()
        try:
            self._refuse_while_pending(connection)
            ceiling = min(MAX_TRANSACTION_GAS, connection.block_gas_limit() // 2)
            for one in work:
                if one.restart is not None:
                    self._follow(connection, one.restart, tree, attestation, delivery)
            left = self._undelivered(connection, work)
            most = _size(left)
            while left:
                batches = pack(left, tree, MAX_CALLDATA - _attestation_size(attestation), most)
                data = gateway.encode_deliver(attestation, batches)
                refusal = self._try(connection, data, min(gas_of(data, batches), ceiling), delivery)
                before = _size(left)
                left = self._undelivered(connection, left)
                if _size(left) < before:
                    most = 2 * most
                elif refusal.startswith(_ATTESTATION_ERRORS):
                    delivery.problems.append(f"{connection.chain.name}: {refusal}")
                    break
                elif (count := sum(len(batch.messages) for batch in batches)) > 1:
                    most = count // 2
                else:
                    stuck = batches[0].messages[0]
                    delivery.problems.append(
                        f"{connection.chain.name}: message {stuck.nonce} from {stuck.origin} "
                        f"(0x{stuck.id.hex()}) cannot be delivered: {refusal}"
                    )
                    left = [one for one in left if one.state.ends[0] != stuck.origin]
                    most = _size(left)
        except NODE_FAULTS as error:
            delivery.problems.append(fault(connection, error))
        delivery.seconds += time.monotonic() - started

    def _follow(
        self,
        connection: Connection,
        restart: RestartFact,
        tree: Tree,
        attestation: Attestation,
        delivery: Delivery,
    ) -> None:
        data = gateway.encode_follow_restart(attestation, restart, tree.proof(restart))
        refusal = self._try(connection, data, None, delivery)
        if not refusal:
            delivery.followed += 1
        # Another relayer may have followed it meanwhile.
        elif not refusal.startswith("RestartNotAhead"):
            delivery.problems.append(f"{connection.chain.name}: the restart is not followed: {refusal}")

    def _refuse_while_pending(self, connection: Connection) -> None:
        """What is stuck in the pool delivers these messages one day: another one would be paid for nothing."""
        address = self.senders[connection.chain.name].address
        latest, pending = connection.batch(
            [("eth_getTransactionCount", (address, tag)) for tag in ("latest", "pending")]
        )
        if int(pending, 16) > int(latest, 16):
            raise MetalayerError(
                f"{connection.chain.name}: a transaction of {address} is still pending: waiting for it"
            )

    def _try(self, connection: Connection, data: bytes, gas: int | None, delivery: Delivery) -> str:
        """Rehearses one delivery with a gas limit, and sends it with the same one. Otherwise says why not.

        `gas` None leaves the limit to the node's estimate, which is a rehearsal, too.
        """
        sender = self.senders[connection.chain.name]
        try:
            if gas is not None:
                # Run once. An estimate, which looks for the lowest limit, takes a node tens of runs.
                connection.call(self.gateway, data, sender=sender.address, gas=gas)
            _account(delivery, connection.send(sender, self.gateway, data, gas))
        except Reverted as error:
            if error.receipt is not None:
                _account(delivery, error.receipt)
            return error.reason
        except RpcError as error:
            # A node refuses what does not fit into a block in its own words.
            return str(error)
        return ""

    def _undelivered(self, connection: Connection, work: Sequence[_Work]) -> list[_Work]:
        """What the chain does not have yet: another relayer may have been there."""
        delivering = [one for one in work if one.messages]
        answers = connection.calls(
            [(self.gateway, gateway.encode_inbox_lane(one.state.ends[0])) for one in delivering]
        )
        left = [
            one.after(gateway.decode_lane(answer)[0]) for one, answer in zip(delivering, answers, strict=True)
        ]
        return [one for one in left if one.messages]

    def _clean(self, found: Survey) -> None:
        """Removes proposals that say nothing new to any Inbox, and those that everybody abandoned."""
        delivered = {state.ends: state.delivered for state in found.lanes}
        for root in self.exchange.roots():
            try:
                facts = self.exchange.facts(root)
            except MalformedFile as error:
                log.warning("%s", error)
                facts = None
            done = facts is not None and all(
                isinstance(fact, LaneFact | RestartFact)
                and fact.nonce <= delivered.get((fact.origin, fact.destination), 0)
                for fact in facts
            )
            lifetime = _ABANDONED_AFTER if facts is None else _PROPOSAL_LIFETIME
            if done or self.exchange.age(root) > lifetime:
                self.exchange.remove(root)


def watch(relayer: Relayer, stop: threading.Event, every: float, say: Callable[[str], None]) -> None:
    """Passes, `every` seconds apart, until `stop` is set. A problem is said once, until it changes."""
    told: set[str] = set()
    while not stop.is_set():
        try:
            result = relayer.relay_once(say)
            problems = set(result.all_problems)
            if result.deliveries:
                say(
                    f"{result.delivered} delivered, {result.failed} failed in {result.seconds:.1f} s, "
                    f"{result.not_final} not final yet"
                )
            if any(settled.transactions for settled in result.settled):
                claims = sum(settled.claimed for settled in result.settled)
                say(f"{result.returned} returned, {result.refunded} refunded, {claims} claims sent")
        except NODE_FAULTS as error:
            problems = {f"{type(error).__name__}: {error}"}
        for problem in problems - told:
            say(problem)
        told = problems
        stop.wait(every)


@dataclass(frozen=True)
class _End:
    """Where the history ends that an Inbox is in: its last final message, and the restart behind it, if any."""

    last: int
    restart: int | None


def _not_final(state: LaneState) -> int:
    """Messages that were sent and are not final; the places that a restart skips are none."""
    latest, final = state.latest, state.final
    if latest.restarted_at > final.nonce:
        return latest.nonce - latest.restarted_at
    return max(0, latest.nonce - max(final.nonce, state.delivered))


def _facts(state: LaneState, messages: Sequence[Sent]) -> list[LaneFact]:
    """The newest head, and every 256th before it: no batch needs a suffix of more than 255 ids."""
    origin, destination = state.ends
    last = messages[-1].message.nonce
    return [
        LaneFact(origin, destination, sent.message.nonce, sent.head)
        for sent in messages
        if sent.message.nonce == last or sent.message.nonce % STORED_HEAD_INTERVAL == 0
    ]


def pack(work: Iterable[_Work], tree: Tree, calldata: int, most: int) -> list[gateway.Batch]:
    """Batches, lane after lane, of at most `most` messages in about `calldata` bytes; never none at all."""
    batches: list[gateway.Batch] = []
    for one in work:
        taken, size = _fit(one, tree, calldata, most, at_least=0 if batches else 1)
        if taken == 0:
            break
        batches.append(_batch(one, taken, tree))
        calldata -= size
        most -= taken
        if taken < len(one.messages):
            break
    return batches


def gas_of(data: bytes, batches: Sequence[gateway.Batch]) -> int:
    """Gas that is enough for a delivery whatever its recipients do: a rehearsal binds them to nothing."""
    limits = [message.gas_limit for batch in batches for message in batch.messages]
    own = _GAS + _GAS_PER_BATCH * len(batches) + _GAS_PER_MESSAGE * len(limits) + _GAS_PER_BYTE * len(data)
    return own + sum(limits) * 64 // 63


def _fit(one: _Work, tree: Tree, calldata: int, most: int, at_least: int) -> tuple[int, int]:
    """How many of the lane's next messages fit, and the bytes of their batch with its proof and suffix."""
    taken, size, messages = 0, 0, 0
    for count, sent in enumerate(one.messages[:most], 1):
        messages += _message_size(sent)
        suffix = _fact_for(one, sent).nonce - sent.message.nonce
        total = _BATCH_BYTES + messages + 32 * (tree.depth + suffix)
        if total > calldata and count > at_least:
            break
        taken, size = count, total
    return taken, size


def _batch(one: _Work, count: int, tree: Tree) -> gateway.Batch:
    chosen = one.messages[:count]
    fact = _fact_for(one, chosen[-1])
    suffix = one.messages[count : count + fact.nonce - chosen[-1].message.nonce]
    return gateway.Batch(
        messages=[sent.message for sent in chosen],
        origin=fact.origin,
        first=chosen[0].message.nonce,
        proof=tree.proof(fact),
        ids=[sent.id for sent in suffix],
    )


def _fact_for(one: _Work, sent: Sent) -> LaneFact:
    """The nearest fact at or after a message."""
    return one.facts[bisect_left(one.facts, sent.message.nonce, key=lambda fact: fact.nonce)]


def _message_size(sent: Sent) -> int:
    # Its offset, five words, the payload's offset, length and padded bytes.
    return 32 * (8 + (len(sent.message.payload) + 31) // 32)


def _attestation_size(attestation: Attestation) -> int:
    # Selector, two offsets, four words of the attestation, four of its set, lengths of the two arrays.
    return 4 + 32 * 12 + 32 * len(attestation.validator_set.members) + 64 * len(attestation.signatures)


def _fewest(validator_set: ValidatorSet, signatures: Mapping[str, bytes]) -> dict[str, bytes]:
    """As few of the signatures as make a quorum: each one costs gas."""
    chosen: dict[str, bytes] = {}
    for signer, _ in sorted(validator_set.members, key=lambda member: -member[1]):
        if signer in signatures and not validator_set.quorum(chosen):
            chosen[signer] = signatures[signer]
    return chosen


def _account(delivery: Delivery, receipt: Receipt) -> None:
    topics = [entry["topics"][0] for entry in receipt["logs"]]
    delivery.delivered += topics.count(gateway.topic("MessageDelivered"))
    failed = [entry for entry in receipt["logs"] if entry["topics"][0] == gateway.topic("MessageFailed")]
    delivery.failed += len(failed)
    delivery.expired += sum(int(entry["data"], 16) for entry in failed)
    delivery.gas_used += receipt["gasUsed"]
    delivery.transactions.append(receipt["transactionHash"])


def _size(work: Iterable[_Work]) -> int:
    return sum(len(one.messages) for one in work)
