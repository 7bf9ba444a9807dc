"""How the validator sets that Staking publishes come to the other chains: the set that a chain has signs the next.

Whoever was in a set signs the newest one for its chains until a week after the set expired: a chain that was away for
some terms goes from the set that it has to the newest in one step. What earlier sets signed is kept for as long: it
gets there in several steps if too many of its set are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.quorum import Proposal, missing, verified_signatures
from metalayer.attesting.sets import ChainSets
from metalayer.errors import MetalayerError
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.protocol.dates import utc
from metalayer.protocol.facts import SetFact
from metalayer.protocol.gateway import ROTATION_GRACE
from metalayer.protocol.staking import LIFETIME

KEPT = LIFETIME + ROTATION_GRACE
"""Seconds for which the signatures under a set fact are kept: some chain may have a set of that age."""

# Before a chain goes by several steps, its set gets so long to sign the newest one.
_FIRST_CHANCE = 10.0


@dataclass(frozen=True)
class Rotation:
    """The set that a chain can have next, and the call of `rotate` that brings it."""

    following: ValidatorSet
    data: bytes


def set_proposal(published: ValidatorSet, wanted: Sequence[ValidatorSet], patience: float = 0.0) -> Proposal:
    """The fact of a published set, for the signatures of the sets that chains have."""
    return Proposal([SetFact(published.version, published.hash)], wanted, patience)


def is_set_proposal(facts: Sequence[object]) -> bool:
    """Whether a proposal says nothing but which validator sets were published."""
    return all(isinstance(fact, SetFact) for fact in facts)


def obstacle(sets: ChainSets, published: Sequence[ValidatorSet]) -> str:
    """Why a chain would not install the newest of the published sets, whoever signs it; empty if it would."""
    present, newest = sets.installed, published[-1]
    if present.hash not in (one.hash for one in published):
        return (
            f"{sets.name}: its validator set {present.version} is 0x{present.hash.hex()}, which Staking never "
            "published (docs/incidents.md)"
        )
    if not sets.may_follow(present):
        return (
            f"{sets.name}: its validator set {present.version} expired at {utc(present.expires)}: it takes nothing "
            "from anywhere, and only the recovery can bring the next one (`ape metalayer relay recover`)"
        )
    try:
        newest.validate(sets.now)
    except MetalayerError as error:
        return f"{sets.name}: {error}"
    return ""


def rotation(
    sets: ChainSets,
    published: Sequence[ValidatorSet],
    proposal: Proposal,
    exchange: Exchange,
    domain: Domain,
) -> Rotation | str:
    """The largest step that a chain's set signed, or why there is none. `proposal`: of the newest set.

    published: all sets, ascending, among which is the chain's.
    """
    present, newest = sets.installed, published[-1]
    steps = [(newest, proposal)]
    if exchange.age(proposal.root) >= _FIRST_CHANCE:
        between = [one for one in published[:-1] if one.version > present.version and one.expires >= sets.now]
        steps += [(one, set_proposal(one, [present])) for one in reversed(between)]
    for following, step in steps:
        if found := signed_step(present, following, step, exchange, domain):
            return found
    return (
        f"{sets.name}: no quorum of validator set {present.version} for {newest.version}: "
        f"{missing(exchange, proposal, present)}"
    )


def signed_step(
    present: ValidatorSet, following: ValidatorSet, step: Proposal, exchange: Exchange, domain: Domain
) -> Rotation | None:
    """The step to a set whose fact a quorum of the present one signed. `step`: of that fact."""
    found = step.signatures
    if not present.quorum(found):
        members = [signer for signer, _ in present.members]
        found = {**found, **verified_signatures(exchange, domain, step.root, members)}
    if not present.quorum(found):
        return None
    attestation = replace(step, signatures=found).attestation(present)
    return Rotation(following, gateway.ROTATE.encode(attestation, following, []))
