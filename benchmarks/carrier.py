"""Carries messages between the chains of a benchmark: signs as their validators, and delivers."""

import os
from collections.abc import Mapping
from typing import Any

from eth_account.signers.local import LocalAccount

from benchmarks.meter import Meter, gas_used
from metalayer.lanes import logs as lane
from metalayer.lanes.logs import Sent
from metalayer.network.registry import Registry
from metalayer.network.signers import local_key
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import Fact, LaneFact, Tree
from metalayer.protocol.gateway import Walk
from metalayer.services.forks import install

_CENTURY = 100 * 365 * 86_400

DEPLOYED_QUORUM = 4
"""Signatures under the set that is deployed, of five."""


class Carrier:
    """`sets`, `signing` and `keys`: of each chain (by id) the installed set, how many of it sign, and all keys."""

    def __init__(self, meters: Mapping[int, Meter], registry: Registry) -> None:
        self._meters = meters
        self._domain = Domain(registry.network_id, registry.address("Metalayer"))
        self._bridge = registry.address("TokenBridge").lower()
        self._first = registry.first_validator_set()
        self.sets: dict[int, ValidatorSet] = dict.fromkeys(meters, self._first)
        self.signing = dict.fromkeys(meters, DEPLOYED_QUORUM)
        self.keys: dict[str, LocalAccount] = {key.address: key for key in map(local_key, range(5, 10))}

    def install_lasting_sets(self) -> None:
        """What is measured may take longer than a set lives: the present validators stay, for a century."""
        members = dict(self._first.members)
        latest = max(meter.now for meter in self._meters.values())
        lasting = ValidatorSet.of(1, latest + _CENTURY, members)
        for chain_id, meter in self._meters.items():
            install(meter.connection, self._domain.gateway, lasting)
            self.sets[chain_id] = lasting

    def sent(self, receipt: Mapping[str, Any], origin: int) -> list[Sent]:
        """The messages that a transaction sent."""
        own = [log for log in receipt["logs"] if log.address == self._domain.gateway.lower()]
        return lane.parse(own, self._domain.network_id, origin)

    def deliver(self, messages: list[Sent]) -> int:
        """Gas of one transaction that delivers all of these consecutive messages of a lane. Empties the list."""
        return self.carry(messages)[0]

    def carry(self, messages: list[Sent]) -> tuple[int, list[Sent]]:
        """The same, and what its recipients sent."""
        taken = list(messages)
        messages.clear()
        last = taken[-1]
        destination = last.message.destination
        fact = LaneFact(last.message.origin, destination, last.message.nonce, last.head)
        tree = self.tree(fact)
        batch = gateway.Batch(
            messages=[sent.message for sent in taken],
            origin=fact.origin,
            first=taken[0].message.nonce,
            proof=tree.proof(fact),
            ids=[],
        )
        data = gateway.DELIVER.encode(self.attest(destination, tree.root), [batch])
        there, here = self._meters[fact.origin], self._meters[destination]
        # Each chain's clock runs ahead by 12 seconds for each of its own blocks, and ERA does not arrive before it was
        # sent.
        if last.message.sender.lower() == self._bridge and there.now > here.now:
            here.connection.rpc("evm_setNextBlockTimestamp", hex(there.now))
        receipt = here.transact(self._domain.gateway, data)
        return gas_used(receipt), self.sent(receipt, destination)

    def walk(self, sent: Sent) -> Walk:
        """From a message that is the last of its lane."""
        message = sent.message
        origin = self._meters[message.origin].connection
        before = message.nonce - 1
        (last,) = lane.rebuild(origin, self._domain, message.destination, before, before)
        return Walk(message.destination, message.nonce, last.head, [])

    def tree(self, fact: Fact) -> Tree:
        """The fact among others, one per lane of the network."""
        lanes = len(self._meters) * (len(self._meters) - 1)
        return Tree([fact, *(LaneFact(1, 2, nonce, os.urandom(32)) for nonce in range(1, lanes))])

    def attest(self, destination: int, root: bytes) -> Attestation:
        """Signed by as many as it takes there."""
        validators = self.sets[destination]
        hash_ = self._domain.digest(root)
        signers = [signer for signer, _ in validators.members][: self.signing[destination]]
        signatures = {signer: compact(self.keys[signer].unsafe_sign_hash(hash_)) for signer in signers}
        return Attestation(root, validators, signatures)
