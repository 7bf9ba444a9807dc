"""How a root gets signed: propose facts, wait for a quorum, say who is missing."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from metalayer.attesting.exchange import Exchange
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet
from metalayer.protocol.facts import Fact, Tree

QUORUM_TIMEOUT = 60.0
"""Seconds to wait for signatures."""

_POLL = 0.02
# Anybody can write a refusal in a validator's name: a signature gets the time to arrive first.
_REFUSAL_GRACE = 5.0

log = logging.getLogger(__name__)


@dataclass
class Proposal:
    """Facts under one root, the sets whose quorums are wanted, and who signed. `patience`: seconds to wait for them."""

    facts: Sequence[Fact]
    sets: Sequence[ValidatorSet]
    patience: float = QUORUM_TIMEOUT
    signatures: dict[str, bytes] = field(default_factory=dict)
    rejected: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tree = Tree(self.facts)
        self.root = self.tree.root

    @property
    def lacking(self) -> list[ValidatorSet]:
        """Sets without a quorum."""
        return [wanted for wanted in self.sets if not wanted.quorum(self.signatures)]

    @property
    def is_signed(self) -> bool:
        """True if every set has a quorum."""
        return not self.lacking

    def attestation(self, validator_set: ValidatorSet) -> Attestation:
        """By as few of the set's signatures as make a quorum: each one costs gas."""
        chosen: dict[str, bytes] = {}
        for signer, _ in sorted(validator_set.members, key=lambda member: -member[1]):
            if signer in self.signatures and not validator_set.quorum(chosen):
                chosen[signer] = self.signatures[signer]
        return Attestation(self.root, validator_set, chosen)


def await_quorums(exchange: Exchange, domain: Domain, proposals: Iterable[Proposal]) -> None:
    """Publishes the proposals and collects signatures under all of them together.

    Returns when each has its quorums or will not get them, or when nobody's patience is left.
    """
    waiting = list(proposals)
    for proposal in waiting:
        exchange.propose(proposal.facts)
    started = time.monotonic()
    while True:
        for proposal in waiting:
            _collect(exchange, domain, proposal)
        elapsed = time.monotonic() - started
        waiting = [
            proposal
            for proposal in waiting
            if not proposal.is_signed and (elapsed <= _REFUSAL_GRACE or not is_refused(exchange, proposal))
        ]
        if all(elapsed > proposal.patience for proposal in waiting):
            return
        for proposal in waiting:
            if not exchange.proposed(proposal.root):
                # Somebody else delivered all of it and tidied up, or it was removed.
                exchange.propose(proposal.facts)
        time.sleep(_POLL)


def is_refused(exchange: Exchange, proposal: Proposal) -> bool:
    """True if those who have not refused for good cannot make any of the missing quorums any more."""
    refused = exchange.refusals(proposal.root, final_only=True).keys() - proposal.signatures.keys()
    return not any(
        wanted.quorum(signer for signer, _ in wanted.members if signer not in refused)
        for wanted in proposal.lacking
    )


def missing(exchange: Exchange, proposal: Proposal, lacking: ValidatorSet) -> str:
    """Who did not sign, and what they say."""
    said = exchange.refusals(proposal.root)
    silent = [
        f"{signer} {'says: ' + said[signer] if signer in said else 'said nothing'}"
        for signer, _ in lacking.members
        if signer not in proposal.signatures
    ]
    # Rounded down: 66.6 of a hundred is no quorum.
    signed = 1_000 * lacking.weight(proposal.signatures) // lacking.total / 10
    return f"{signed:g} % of the weight signed, more than two thirds needed; " + "; ".join(silent)


def verified_signatures(
    exchange: Exchange, domain: Domain, root: bytes, members: Iterable[str]
) -> Mapping[str, bytes]:
    """Signatures under a root that recover to these signers."""
    present = set(exchange.signers(root)).intersection(members)
    found = {signer: exchange.signature(root, signer) for signer in present}
    return {
        signer: signature
        for signer, signature in found.items()
        if signature is not None and domain.recover(root, signature) == signer
    }


def _collect(exchange: Exchange, domain: Domain, proposal: Proposal) -> None:
    members = {signer for wanted in proposal.sets for signer, _ in wanted.members}
    for signer in exchange.signers(proposal.root):
        if signer not in members or signer in proposal.signatures or proposal.is_signed:
            continue
        signature = exchange.signature(proposal.root, signer)
        if signature is None or proposal.rejected.get(signer) == signature:
            continue
        if domain.recover(proposal.root, signature) == signer:
            proposal.signatures[signer] = signature
        else:
            proposal.rejected[signer] = signature
            log.warning("the signature in the name of %s under %s is not theirs", signer, proposal.root.hex())
