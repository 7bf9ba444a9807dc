"""Compares every chain with `deploy.yaml` and the registry: what `ape metalayer check` reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

from metalayer.deploy.artifacts import Artifact, load_artifacts
from metalayer.deploy.compared import listed
from metalayer.deploy.contracts import ARTIFACTS, contracts_of, predict
from metalayer.deploy.desired import Desired, FirstSets, Resolved
from metalayer.deploy.drift import HINT
from metalayer.deploy.histories import compare_histories
from metalayer.deploy.inspection import ChainState, inspect
from metalayer.deploy.intent import load_intent, resolve
from metalayer.deploy.names import FACTORY, GATEWAY, STAKING
from metalayer.deploy.openings import half_open
from metalayer.deploy.past import compare_founders
from metalayer.deploy.probe import Probe, probe_all, unfit
from metalayer.deploy.recorded import code_of, compare_record
from metalayer.deploy.sets import first_sets
from metalayer.deploy.strangers import accounts_of, compare_names, refuse_foreign
from metalayer.network.config import Network
from metalayer.network.connection import Connection, connect
from metalayer.network.parallel import in_parallel
from metalayer.network.registry import Registry
from metalayer.network.signers import address_of
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.create3 import ARACHNID
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import code_request

_FIT = "what the contracts need"
_PROXY = "as everywhere"


@dataclass(frozen=True)
class Finding:
    """One thing that was compared. contract: whose it is, empty for the chain's own. advice: what to do if it differs.
    Empty if that is not known.
    """

    chain: str
    contract: str
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

    states: dict[str, ChainState] = {}

    def read(name: str) -> list[Finding]:
        connection, desired = connections[name], resolved.chains[name]
        if faults := unfit(connection):
            return [
                Finding(name, "", one.subject, _FIT, one.found, f"{name}: {one.problem}") for one in faults
            ]
        state = states[name] = inspect(connection, desired, artifacts)
        return [
            *_codes(desired, state),
            *_elsewhere(connection, desired, state),
            *(
                Finding(name, contract, *astuple(one))
                for contract, one in compare_record(connection, desired, state, registry, artifacts)
            ),
            *_values(desired, state, artifacts),
            *(
                Finding(name, contract, *astuple(one))
                for contract, one in compare_histories(connection, desired, state)
            ),
            *(Finding(name, STAKING, *astuple(one)) for one in compare_founders(connection, desired, state)),
            *_validators(desired, state),
        ]

    found = [finding for findings in in_parallel(read, resolved.chains) for finding in findings]
    return list(_with_other_ends(found, half_open(resolved, states)))


def _with_other_ends(findings: list[Finding], half: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
    """Where a route differs, its advice says of which lane only one end is open."""
    for finding in findings:
        if finding.is_drift and finding.contract == GATEWAY and "route" in finding.subject:
            said = [words for lane, words in half.items() if finding.chain in lane]
            yield replace(finding, advice="\n".join([finding.advice, *said]).strip())
        else:
            yield finding


def check_deployment(network: Network, path: Path | None = None) -> tuple[list[Finding], list[Probe]]:
    """Everything about the deployment of this network, and what its chains can do.

    path: of a registry that others gave: then no state and no accounts of ours are read. MetalayerError if a chain
    cannot be read, if nothing is deployed, or if the registry is of another deployment.
    """
    registry = Registry.load(network, path)
    artifacts = load_artifacts(ARTIFACTS)
    connections = connect(network)
    account = address_of if path is None else accounts_of(registry, path)
    intent, factory = load_intent(), artifacts[FACTORY].creation
    sets = first_sets(network, connections, predict(account(intent.deployer), factory))
    resolved = resolve(intent, network, account, factory, sets)
    more: list[Finding] = []
    if path is not None:
        names = list(network.chains)
        blocks = in_parallel(lambda name: str(connections[name].block(0).hash), names)
        refuse_foreign(registry, path, resolved, dict(zip(names, blocks, strict=True)))
        more = [Finding(network.hub.name, "", *astuple(one)) for one in compare_names(registry, network)]
    probes = probe_all(connections)
    return more + check(resolved, registry, connections, artifacts), probes


def _codes(desired: Desired, state: ChainState) -> Iterator[Finding]:
    for name in state.expected:
        yield Finding(
            desired.chain.name,
            name,
            f"{name} code",
            code_of(state.expected[name]),
            code_of(state.found[name]),
        )


def _elsewhere(connection: Connection, desired: Desired, state: ChainState) -> Iterator[Finding]:
    """What the factory's address follows from; and that nothing stands at addresses which this network uses on other
    chains alone: it would look like one of its contracts.
    """
    chain = desired.chain.name
    if state.found[FACTORY]:
        found = _PROXY if state.has_placer else f"other code at {ARACHNID}"
        yield Finding(chain, FACTORY, "deterministic deployment proxy", _PROXY, found)
    used = {desired.addresses[name] for name in state.expected}
    unused = {name: address for name, address in desired.addresses.items() if address not in used}
    codes = connection.batch(code_request(address) for address in unused.values())
    strange = (f"{name} {unused[name]}" for name, code in zip(unused, codes, strict=True) if code)
    yield Finding(chain, "", "contracts of other chains", "none", listed(strange))


def _values(desired: Desired, state: ChainState, artifacts: Mapping[str, Artifact]) -> Iterator[Finding]:
    """What the contracts say, as far as their code is there: other code is a finding of its own."""
    for declaration in contracts_of(desired):
        for view in declaration.all_views(desired, artifacts[declaration.artifact]):
            if view.subject in state.values:
                expected, found = view.words(view.expected), view.words(state.values[view.subject])
                is_owners = view.change is not None and view.change.sender == desired.owner
                advice = HINT if is_owners else ""
                yield Finding(desired.chain.name, declaration.name, view.subject, expected, found, advice)


def _validators(desired: Desired, state: ChainState) -> Iterator[Finding]:
    """Staking published every set. A chain that has an older one than the newest is behind."""
    chain, sets, published = desired.chain.name, state.sets, desired.sets
    newest = published.newest
    if newest is None and desired.is_hub:
        advice = (
            f"{chain}: operators bond (`ape metalayer stake register`), then `ape metalayer deploy apply`"
        )
        yield Finding(chain, STAKING, "published validator set", "one out of the seats", "none", advice)
    if sets is None:
        return
    first = sets.first
    yield Finding(chain, GATEWAY, "first validator set", *_origin(published, first.hash if first else b""))
    yield Finding(chain, GATEWAY, "installed validator set", *_origin(published, sets.hash))
    if newest is not None and published.has(sets.hash):
        installed = next(one for one in published.published if one.hash == sets.hash)
        advice = f"{chain} is behind: `ape metalayer relay once` brings version {newest.version}"
        yield Finding(chain, GATEWAY, "validator set", describe_set(newest), describe_set(installed), advice)


def _origin(published: FirstSets, set_hash: bytes) -> tuple[str, str]:
    """(expected, found)"""
    found = to_hex(set_hash)
    return (found, found) if published.has(set_hash) else ("one that Staking published", found)


def describe_set(validator_set: ValidatorSet) -> str:
    """A validator set in words."""
    expires = utc(validator_set.expires)
    return f"version {validator_set.version}, expires {expires}, {to_hex(validator_set.hash)}"
