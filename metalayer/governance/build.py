"""Makes of a proposal's file what is voted on: the hub's actions, and a decision for each other chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from eth_utils.crypto import keccak

from metalayer.deploy.names import DECISION_OUTBOX, GATEWAY, GOVERNOR, REMOTE_GOVERNOR
from metalayer.errors import MetalayerError
from metalayer.governance.arguments import Arguments
from metalayer.governance.built import Action, Built, BuiltDecision
from metalayer.governance.calls import NO_CODE, Expected, Resolver
from metalayer.governance.faults import Findings
from metalayer.governance.files import Expectation, Proposal, Reference, find
from metalayer.governance.hazards import hazard
from metalayer.governance.names import Names
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted
from metalayer.protocol import decisions, gateway
from metalayer.protocol.decisions import NOTHING
from metalayer.protocol.governor import HubProposal, proposer_suffix
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH, interoperable
from metalayer.protocol.rpc import code_request

__all__ = ["Action", "Built", "BuiltDecision", "Chains", "LiveChains", "build", "gas_limit", "rehearsed"]

_STEP = 10_000


class Chains(Protocol):
    """What is read of the chains to build."""

    def block(self, chain: str) -> int:
        """Number of the block that codes are read at."""
        ...

    def codes(self, chain: str, addresses: Sequence[str]) -> list[bytes]:
        """Runtime code at these addresses."""
        ...

    def arrival_gas(self, chain: str, decision: BuiltDecision) -> int:
        """Gas for a decision to arrive, about."""
        ...


@dataclass(frozen=True)
class LiveChains:
    """The chains themselves."""

    connections: Mapping[str, Connection]
    names: Names

    def block(self, chain: str) -> int:
        return self.connections[chain].height()

    def codes(self, chain: str, addresses: Sequence[str]) -> list[bytes]:
        return self.connections[chain].batch(code_request(address) for address in addresses)

    def arrival_gas(self, chain: str, decision: BuiltDecision) -> int:
        """Of the whole delivery to RemoteGovernor as a transaction: what its gateway calls takes a little less."""
        remote, sender = self.names.on(chain, REMOTE_GOVERNOR), self.names.on(self.names.hub, DECISION_OUTBOX)
        origin = interoperable(self.names.network.hub.chain_id, sender)
        data = gateway.RECEIVE_MESSAGE.encode(decision.id, origin, decision.decision.encoded)
        try:
            return self.connections[chain].estimate(self.names.on(chain, GATEWAY), remote, data)
        except Reverted as error:
            raise MetalayerError(f"{chain} would not take this decision: {error.reason}") from error


def gas_limit(used: int) -> int:
    """For a decision whose arrival uses so much: half as much again, in full ten thousands."""
    return -(-used * 3 // (2 * _STEP)) * _STEP


def build(
    proposal: Proposal, names: Names, chains: Chains, gas_limits: Mapping[bytes, int] | None = None
) -> Built:
    """Every byte that is voted on. gas_limits: by decision's id, where they are known; estimated otherwise.

    Faults, all at once, if something that the file names is not there, or is of another type.
    """
    return _Builder(proposal, names, chains, gas_limits or {}).built()


def rehearsed(proposal: Proposal, names: Names) -> dict[str, list[Expected]]:
    """What `then` says that views return once everything was executed, by chain. Faults if something is wrong."""
    findings = Findings(proposal.document)
    found = {
        chain: _then(proposal, _resolver(proposal, names, chain, findings)) for chain in names.network.chains
    }
    findings.refuse_any()
    return found


def _then(proposal: Proposal, resolver: Resolver) -> list[Expected]:
    """Of one chain."""
    about = [one for one in proposal.then if isinstance(one, Expectation) and resolver.chain in one.chains]
    return [expected for one in about if (expected := resolver.expected(one))]


def _resolver(proposal: Proposal, names: Names, chain: str, findings: Findings) -> Resolver:
    return Resolver(names, chain, Arguments(names, chain, proposal.folder), findings)


class _Builder:
    def __init__(
        self, proposal: Proposal, names: Names, chains: Chains, gas_limits: Mapping[bytes, int]
    ) -> None:
        self.proposal = proposal
        self.names = names
        self.chains = chains
        self.gas_limits = gas_limits
        self.findings = Findings(proposal.document, proposal.faults)
        self.warnings: list[str] = []

    def built(self) -> Built:
        proposal, names, hub = self.proposal, self.names, self.names.hub
        proposer = self._proposer()
        text = f"{proposal.text}\n\n{proposer_suffix(proposer)}"
        acting = list(dict.fromkeys([*proposal.chains, *(one.chain for one in proposal.cancels)]))
        # In the order of networks.yaml, whatever the file's.
        acting = [chain for chain in names.network.chains if chain in acting]
        actions = {chain: self._actions(chain, acting) for chain in acting}
        for chain in names.network.chains:
            _then(proposal, _resolver(proposal, names, chain, self.findings))
        references = {chain: self._references(chain) for chain in acting}
        self._refuse_stray(acting)
        governor, outbox = self._hub_contract(GOVERNOR), self._hub_contract(DECISION_OUTBOX)
        self.findings.refuse_any()
        blocks = {chain: self.chains.block(chain) for chain in dict.fromkeys((hub, *acting))}
        coded = {chain: self._with_codes(chain, actions[chain]) for chain in acting}
        salt = HubProposal((), (), (), text).description_hash
        spokes = [chain for chain in acting if chain != hub]
        parts = {chain: self._parts(chain, coded[chain], salt, *references[chain]) for chain in spokes}
        self.findings.refuse_any()
        limited = in_parallel(self._limited, [one for chain in spokes for one in parts[chain]])
        (outbox_code,) = self.chains.codes(hub, [outbox]) if limited else (b"",)
        own = (*coded.get(hub, ()), *(self._decide(one, outbox, keccak(outbox_code)) for one in limited))
        return Built(
            network=names.network.name,
            network_id=names.network.hub.chain_id,
            name=proposal.name,
            title=proposal.title,
            proposer=proposer,
            governor=governor,
            outbox=outbox,
            text=text,
            actions=own,
            decisions=tuple(limited),
            blocks=blocks,
            warnings=tuple(self.warnings),
        )

    def _proposer(self) -> str:
        try:
            return self.names.address_of(self.proposal.proposer)
        except MetalayerError as error:
            self.findings.add(("proposer",), str(error))
            return "0x" + "00" * 20

    def _hub_contract(self, name: str) -> str:
        try:
            return self.names.on(self.names.hub, name)
        except MetalayerError as error:
            self.findings.add((), str(error))
            return ""

    def _actions(self, chain: str, acting: Sequence[str]) -> list[Action]:
        """What is expected on a chain, then what is done, as far as it could be read."""
        resolver = _resolver(self.proposal, self.names, chain, self.findings)
        expected: list[Action] = []
        for one in self.proposal.expect:
            if chain in one.chains and (found := resolver.expected(one)):
                try:
                    expected.append(found.action(self.names, chain))
                except MetalayerError as error:
                    self.findings.add(one.place, str(error))
        entries = self.proposal.chains.get(chain, ())
        found_actions = [action for entry in entries if (action := resolver.action(entry))]
        for action in found_actions:
            where = f"{self.proposal.source}:{action.line}"
            if action.calldata and not action.function:
                self.warnings.append(
                    f"{where}: raw bytes for {action.contract} on {chain}: nobody checked them"
                )
            elif said := hazard(action.contract, action.function, action.calldata):
                called = f"{action.contract}.{action.function.partition('(')[0]}"
                self.warnings.append(f"{where}: {called} on {chain}: {said}")
        return [*expected, *found_actions]

    def _refuse_stray(self, acting: Sequence[str]) -> None:
        """What is said of chains on which nothing is done."""
        for one in self.proposal.expect:
            if not one.is_for_whichever and (idle := [chain for chain in one.chains if chain not in acting]):
                self.findings.add(
                    (*one.place, "on"), f"nothing is done on {', '.join(idle)}: expected there is nothing"
                )
        for reference in (*self.proposal.after, *self.proposal.cancels):
            if reference.chain == self.names.hub:
                self.findings.add(
                    reference.place, "the hub's own actions have no decision: expected another chain"
                )
            elif reference.chain not in acting:
                self.findings.add(
                    reference.place, f"nothing is done on {reference.chain} that could come after it"
                )

    def _references(self, chain: str) -> tuple[bytes, tuple[bytes, ...]]:
        """Precedent and what is cancelled."""
        after = [id_ for one in self.proposal.after if one.chain == chain for id_ in self._ids(one)[-1:]]
        if len(after) > 1:
            place = [one for one in self.proposal.after if one.chain == chain][1].place
            self.findings.add(place, f"a decision has one precedent, there is another one for {chain}")
        cancels = [id_ for one in self.proposal.cancels if one.chain == chain for id_ in self._ids(one)]
        return (after[0] if after else NOTHING), tuple(dict.fromkeys(cancels))

    def _ids(self, reference: Reference) -> list[bytes]:
        if reference.proposal is None:
            return [reference.id]
        try:
            other = Built.load(find(reference.proposal, self.proposal.folder.parent))
        except MetalayerError as error:
            self.findings.add(reference.place, str(error))
            return []
        ids = [one.id for one in other.decisions_on(reference.chain)]
        number = reference.number
        if number is not None:
            ids = ids[number - 1 : number]
        if not ids:
            self.findings.add(reference.place, f"{other.name} has no such decision for {reference.chain}")
        return ids

    def _with_codes(self, chain: str, actions: Sequence[Action]) -> list[Action]:
        """The same with the code of everything that is called."""
        targets = list(dict.fromkeys(action.target for action in actions if action.calldata))
        codes = dict(zip(targets, self.chains.codes(chain, targets), strict=True)) if targets else {}
        coded = []
        for action in actions:
            if not action.calldata:
                coded.append(action)
                continue
            code = codes[action.target]
            if not code:
                said = f"{self.proposal.source}:{action.line}: there is no code at {action.target} on {chain}"
                self.findings.add_line(action.line, said)
            coded.append(replace(action, code=keccak(code) if code else NO_CODE))
        return coded

    def _parts(
        self, chain: str, actions: Sequence[Action], salt: bytes, precedent: bytes, cancels: tuple[bytes, ...]
    ) -> list[BuiltDecision]:
        """As few decisions as fit into messages."""
        chain_id = self.names.chain(chain).chain_id
        done: list[BuiltDecision] = []
        now = BuiltDecision(chain, chain_id, (), salt, 0, precedent, cancels)
        for action in actions:
            more = replace(now, actions=(*now.actions, action))
            if len(more.decision.encoded) > MAX_PAYLOAD_LENGTH:
                if now.actions or now.cancels:
                    done.append(now)
                    more = BuiltDecision(chain, chain_id, (action,), salt, 0, now.id)
                if len(more.decision.encoded) > MAX_PAYLOAD_LENGTH:
                    size = len(more.decision.encoded)
                    said = f"{size} bytes do not fit into a message, expected at most {MAX_PAYLOAD_LENGTH}"
                    self.findings.add_line(action.line, f"{self.proposal.source}:{action.line}: {said}")
            now = more
        return [*done, now]

    def _limited(self, decision: BuiltDecision) -> BuiltDecision:
        limit = self.gas_limits.get(decision.id)
        if limit is None:
            limit = gas_limit(self.chains.arrival_gas(decision.chain, decision))
        return replace(decision, gas_limit=limit)

    def _decide(self, one: BuiltDecision, outbox: str, code: bytes) -> Action:
        data = decisions.DECIDE.encode(one.chain_id, one.decision, one.gas_limit)
        what = f"{len(one.actions)} {'action' if len(one.actions) == 1 else 'actions'}"
        words = (
            f"chainId: {one.chain} ({one.chain_id})",
            f"decision: {to_hex(one.id)} ({what})",
            f"gasLimit: {one.gas_limit}",
        )
        line = self.findings.line(("chains", *self._group_of(one.chain)))
        return Action(DECISION_OUTBOX, decisions.DECIDE.signature, outbox, 0, data, code, words, line)

    def _group_of(self, chain: str) -> tuple[str, ...]:
        """Where a chain's first action is."""
        entries = self.proposal.chains.get(chain)
        return entries[0].place[1:2] if entries else ()
