"""Compares every chain with `deploy.yaml` and the registry: what `ape metalayer check` reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contracts import contracts_of
from metalayer.deploy.desired import Desired, FirstSets, Resolved
from metalayer.deploy.drift import HINT
from metalayer.deploy.histories import compare_histories
from metalayer.deploy.inspection import ChainState, inspect
from metalayer.deploy.probe import unfit
from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import to_hex

_FIT = "what the contracts need"


@dataclass(frozen=True)
class Finding:
    """One thing that was compared. `advice`: what to do if it differs, where that is known."""

    chain: str
    subject: str
    expected: str
    found: str
    advice: str = ""

    @property
    def is_drift(self) -> bool:
        return self.expected != self.found

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "drift": self.is_drift}


def check(
    resolved: Resolved,
    registry: Registry,
    connections: Mapping[str, Connection],
    artifacts: Mapping[str, Artifact],
) -> list[Finding]:
    """Everything that was compared, chain by chain. MetalayerError only if a chain cannot be read.

    On a chain that the contracts cannot work on, nothing else is compared.
    """

    def read(name: str) -> list[Finding]:
        connection, desired = connections[name], resolved.chains[name]
        if faults := unfit(connection):
            return [Finding(name, one.subject, _FIT, one.found, f"{name}: {one.problem}") for one in faults]
        state = inspect(connection, desired, artifacts)
        return [
            *_codes(desired, state, registry),
            *_values(desired, state, artifacts),
            *(Finding(name, *astuple(one)) for one in compare_histories(connection, desired, state)),
            *_validators(desired, state),
        ]

    found = in_parallel(read, resolved.chains)
    return [finding for findings in found for finding in findings]


def _codes(desired: Desired, state: ChainState, registry: Registry) -> Iterator[Finding]:
    chain = desired.chain.name
    recorded = registry.chains[chain].contracts if chain in registry.chains else {}
    for name in state.expected:
        found, expected = _code(state.found[name]), _code(state.expected[name])
        yield Finding(chain, f"{name} code", expected, found)
        entry = recorded.get(name)
        hash_ = f"{entry.address} {entry.code_hash}" if entry else "nothing"
        yield Finding(chain, f"{name} in the registry", f"{desired.addresses[name]} {expected}", hash_)


def _code(code: bytes) -> str:
    return to_hex(keccak(code)) if code else "no code"


def _values(desired: Desired, state: ChainState, artifacts: Mapping[str, Artifact]) -> Iterator[Finding]:
    """What the contracts say, as far as their code is there: other code is a finding of its own."""
    for declaration in contracts_of(desired):
        for view in declaration.all_views(desired, artifacts[declaration.artifact]):
            if view.subject in state.values:
                expected, found = view.words(view.expected), view.words(state.values[view.subject])
                is_owners = view.change is not None and view.change.sender == desired.owner
                yield Finding(desired.chain.name, view.subject, expected, found, HINT if is_owners else "")


def _validators(desired: Desired, state: ChainState) -> Iterator[Finding]:
    """Staking published every set. A chain that has an older one than the newest is behind."""
    chain, sets, published = desired.chain.name, state.sets, desired.sets
    newest = published.newest
    if newest is None and desired.is_hub:
        advice = (
            f"{chain}: operators bond (`ape metalayer stake register`), then `ape metalayer deploy apply`"
        )
        yield Finding(chain, "published validator set", "one out of the seats", "none", advice)
    if sets is None:
        return
    first = sets.first
    yield Finding(chain, "first validator set", *_origin(published, first.hash if first else b""))
    yield Finding(chain, "installed validator set", *_origin(published, sets.hash))
    if newest is not None and published.has(sets.hash):
        installed = next(one for one in published.published if one.hash == sets.hash)
        advice = f"{chain} is behind: `ape metalayer relay once` brings version {newest.version}"
        yield Finding(chain, "validator set", describe_set(newest), describe_set(installed), advice)


def _origin(published: FirstSets, set_hash: bytes) -> tuple[str, str]:
    """(expected, found)"""
    found = to_hex(set_hash)
    return (found, found) if published.has(set_hash) else ("one that Staking published", found)


def describe_set(validator_set: ValidatorSet) -> str:
    """A validator set in words."""
    expires = utc(validator_set.expires)
    return f"version {validator_set.version}, expires {expires}, {to_hex(validator_set.hash)}"
