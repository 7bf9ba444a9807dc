"""Gas of governance beside OpenZeppelin's governor: whole transactions, on the hub and one spoke of a deployed network.

One proposal acts on four chains: it sets terms on the hub, and decides the same for three others; its text has 652
bytes. Voters have one checkpoint of votes each. Clocks go months ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rlp
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from benchmarks.carrier import Carrier
from benchmarks.meter import BLOCK_SECONDS, RUNS, Meter, Report, gas_used
from benchmarks.tokens import compiled
from metalayer.assets.tokens import APPROVE, TRANSFER
from metalayer.deploy.artifacts import load_artifacts
from metalayer.lanes.logs import Sent
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol import decisions, gateway, governor, staking, votes
from metalayer.protocol.abi import Function
from metalayer.protocol.bridge import SEND
from metalayer.protocol.decisions import NOTHING, Decision
from metalayer.protocol.governor import Created, HubProposal
from metalayer.protocol.message import interoperable
from metalayer.protocol.rpc import code_request

MOST = {
    "propose": 207_000,
    "vote_first": 97_000,
    "vote_next": 80_000,
    "vote_staked": 80_000,
    "spoke_vote_first": 83_000,
    "spoke_vote_next": 65_000,
}
"""What the design allows, in gas."""

_ERA = 10**18
_MILLION = 10**6 * _ERA
_DAY = 86_400
_FOR = 1
_FRACTIONAL = 255
_TEXT = 652
_GAS_LIMIT = 400_000
_ALL = 2**256 - 1
_DELEGATE = Function("delegate(address)")
_CAST_IN_PARTS = Function("castVoteWithReasonAndParams(uint256,uint8,string,bytes)")


class GovernanceBenchmark:
    """`holder` has 150,000,000 ERA on the hub. The nodes must sign for it, and mine a block per transaction."""

    def __init__(
        self,
        connections: Mapping[str, Connection],
        registry: Registry,
        holder: str,
        report: Report,
        runs: int = RUNS,
    ) -> None:
        self._registry = registry
        self._holder = holder
        self._meters = {
            connection.chain.chain_id: Meter(connection, report, holder, runs)
            for connection in connections.values()
        }
        self._hub_id, self._near_id, *_ = self._meters
        self._hub, self._near = self._meters[self._hub_id], self._meters[self._near_id]
        self._carrier = Carrier(self._meters, registry)
        self._count = 0
        self._carrier.install_lasting_sets()
        self._fund()

    def run(self) -> dict[str, int]:
        """Ours, by name."""
        return dict(sorted(self._hub.medians("governance", self._decided).items()))

    def run_wizard(self) -> dict[str, int]:
        """OpenZeppelin's governor with simple counting. Its timelock sends three messages as large as our decisions,
        and makes one small call.
        """
        address, timelock = self._deploy_wizard()
        self._hub.transact(self._at("Metalayer"), gateway.DEPOSIT_FOR.encode(timelock, _MILLION))

        def once() -> dict[str, int]:
            text = self._text()
            payload = self._decision(text).encoded
            calls = [gateway.SET_ALLOWANCE.encode(self._holder, self._count)] + [
                gateway.send_call(interoperable(chain_id, self._at("DecisionOutbox")), payload, _GAS_LIMIT)
                for chain_id in self._others
            ]
            targets = (self._at("Metalayer"),) * len(calls)
            return self._voted(address, HubProposal(targets, (0,) * len(calls), tuple(calls), text))

        return dict(sorted(self._hub.medians("governance: OpenZeppelin", once).items()))

    # One whole way

    def _decided(self) -> dict[str, int]:
        text = self._text()
        decision = self._decision(text)
        decide = [decisions.DECIDE.encode(chain_id, decision, _GAS_LIMIT) for chain_id in self._others]
        outbox = self._at("DecisionOutbox")
        proposal = HubProposal(
            (self._at("Metalayer"), *(outbox for _ in decide)),
            (0,) * (1 + len(decide)),
            (self._set_terms(self._hub, self._near_id), *decide),
            text,
        )
        used = self._voted(self._at("EraGovernor"), proposal, with_spoke=True)
        executed = self._last
        arrival = [
            sent
            for sent in self._carrier.sent(executed, self._hub_id)
            if sent.message.destination == self._near_id
        ]
        used["decision_deliver"] = self._carrier.deliver(arrival)
        again = self._hub.transact(outbox, decisions.SEND.encode(self._near_id, decision, _GAS_LIMIT))
        used["decision_send_again"] = gas_used(again)
        used["decision_deliver_again"] = self._carrier.deliver(self._carrier.sent(again, self._hub_id))
        remote = self._at("RemoteGovernor")
        self._near.reach(self._near.connection.view(remote, decisions.READY_AT, decision.id))
        used["decision_execute"] = gas_used(self._near.transact(remote, decisions.EXECUTE.encode(decision)))
        return used

    def _voted(self, address: str, proposal: HubProposal, with_spoke: bool = False) -> dict[str, int]:
        """From the proposal to its execution on the hub."""
        hub = self._hub
        data = governor.PROPOSE.encode(*proposal.actions, proposal.description)
        receipt = hub.transact(address, data)
        used = {"propose": gas_used(receipt)}
        (made,) = governor.PROPOSAL_CREATED.found_in(receipt["logs"], address)
        hub.reach(made.vote_start + BLOCK_SECONDS)
        used["vote_first"] = self._vote(address, made.id, "voter 1")
        used["vote_next"] = self._vote(address, made.id, "voter 2")
        used["vote_staked"] = self._vote(address, made.id, "staker")
        if with_spoke:
            parts = b"".join((_MILLION * part).to_bytes(16, "big") for part in (1, 2, 1))
            data = _CAST_IN_PARTS.encode(made.id, _FRACTIONAL, "", parts)
            receipt = hub.transact(address, data, sender=hub.account("voter 3"))
            used["vote_in_parts"] = gas_used(receipt)
            used |= self._spoke_votes(made)
        hub.reach(made.vote_end - _DAY)
        used["vote_late"] = self._vote(address, made.id, "voter 4")
        hub.reach(made.vote_end + BLOCK_SECONDS)
        actions = (*proposal.actions, proposal.description_hash)
        used["queue"] = gas_used(hub.transact(address, governor.QUEUE.encode(*actions)))
        hub.reach(hub.connection.view(address, governor.PROPOSAL_ETA, made.id))
        self._last = hub.transact(address, governor.EXECUTE.encode(*actions))
        used["execute"] = gas_used(self._last)
        return used

    def _vote(self, address: str, id_: int, voter: str) -> int:
        data = governor.CAST_VOTE.encode(id_, _FOR)
        return gas_used(self._hub.transact(address, data, sender=self._hub.account(voter)))

    def _spoke_votes(self, made: Created) -> dict[str, int]:
        near, ballot = self._near, self._at("SpokeVotes")
        if near.now <= made.vote_start:
            near.reach(made.vote_start + BLOCK_SECONDS)
        used: dict[str, int] = {}
        data = votes.CAST_VOTE.encode(made.id, made.vote_start, _FOR)
        for name, voter in (("first", "voter 1"), ("next", "voter 2")):
            used[f"spoke_vote_{name}"] = gas_used(near.transact(ballot, data, sender=near.account(voter)))
            sent = near.transact(ballot, votes.SEND_TALLY.encode(made.id, made.vote_start))
            used[f"tally_send_{name}"] = gas_used(sent)
            messages: list[Sent] = self._carrier.sent(sent, self._near_id)
            used[f"tally_deliver_{name}"] = self._carrier.deliver(messages)
            cast = self._hub.transact(self._at("HubVotePool"), votes.CAST.encode(made.id, self._near_id))
            used[f"tally_cast_{name}"] = gas_used(cast)
        return used

    # What it needs

    @property
    def _others(self) -> list[int]:
        return [chain_id for chain_id in self._meters if chain_id != self._hub_id][:3]

    def _at(self, contract: str) -> str:
        return self._registry.address(contract)

    def _text(self) -> str:
        self._count += 1
        suffix = governor.proposer_suffix(self._holder)
        return f"Proposal {self._count}. ".ljust(_TEXT - len(suffix), ".") + suffix

    def _decision(self, text: str) -> Decision:
        target, data = self._at("Metalayer"), self._set_terms(self._near, self._hub_id)
        code = keccak(self._near.connection.ask(code_request(target)))
        return Decision(keccak(text=text), (target,), (0,), (data,), (code,), NOTHING)

    def _set_terms(self, meter: Meter, destination: int) -> bytes:
        terms = meter.connection.view(self._at("Metalayer"), gateway.ROUTE, destination).terms
        return gateway.SET_TERMS.encode(destination, terms)

    def _fund(self) -> None:
        hub, near, era = self._hub, self._near, self._at("ERA")
        for meter in (hub, near):
            meter.transact(era, APPROVE.encode(self._at("Metalayer"), _ALL))
        hub.transact(era, APPROVE.encode(self._at("TokenBridge"), _ALL))
        hub.transact(era, _DELEGATE.encode(self._holder))
        for contract in (self._at("DecisionOutbox"), self._holder):
            hub.transact(self._at("Metalayer"), gateway.DEPOSIT_FOR.encode(contract, _MILLION))
        for contract in ("TokenBridge", "DecisionOutbox"):
            hub.transact(self._at("Metalayer"), gateway.SET_ALLOWANCE.encode(self._at(contract), _ALL))
        for voter in ("voter 1", "voter 2", "voter 3", "voter 4", "staker"):
            account = hub.account(voter)
            hub.transact(era, _DELEGATE.encode(account), sender=account)
            hub.transact(era, TRANSFER.encode(account, 20 * _MILLION))
        self._stake(hub.account("staker"))
        for voter in (near.account("voter 1"), near.account("voter 2"), self._holder):
            if voter != self._holder:
                near.transact(era, _DELEGATE.encode(voter), sender=voter)
            data = SEND.encode(era, self._near_id, voter, 10 * _MILLION)
            self._carrier.deliver(
                self._carrier.sent(hub.transact(self._at("TokenBridge"), data), self._hub_id)
            )
        near.transact(self._at("Metalayer"), gateway.DEPOSIT_FOR.encode(self._holder, _MILLION))
        near.transact(self._at("Metalayer"), gateway.SET_ALLOWANCE.encode(self._at("SpokeVotes"), _ALL))

    def _stake(self, staker: str) -> None:
        """With three validators; what is staked is votes of the same account."""
        hub, contract = self._hub, self._at("Staking")
        hub.transact(self._at("ERA"), APPROVE.encode(contract, _ALL), sender=staker)
        for validator in (1, 2, 3):
            data = staking.DELEGATE.encode(validator, _MILLION)
            hub.transact(contract, data, sender=staker)

    def _deploy_wizard(self) -> tuple[str, str]:
        """(governor, timelock): each has the other in its constructor."""
        hub = self._hub
        count = int(hub.connection.rpc("eth_getTransactionCount", self._holder, "latest"), 16)
        first = keccak(rlp.encode([to_canonical_address(self._holder), count]))
        timelock = load_artifacts(["Timelock"])["Timelock"].creation
        address = to_checksum_address(first[12:])
        second = to_checksum_address(keccak(rlp.encode([to_canonical_address(self._holder), count + 1]))[12:])
        types: list[Any] = ["address", "address"]
        hub.deploy(compiled("WizardGovernor"), types, [self._at("ERA"), second])
        hub.deploy(timelock, ["uint256", "address"], [2 * _DAY, address])
        return address, second
