"""What on a chain cannot be what deploy.yaml asks for: nothing that is sent would put it right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from eth_utils.crypto import keccak

from metalayer.deploy.contracts import CONTROLLER, contracts_of
from metalayer.deploy.desired import Desired
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.names import FACTORY
from metalayer.errors import MetalayerError
from metalayer.protocol.create3 import ARACHNID
from metalayer.protocol.hex import short


def refuse_contradictions(desired: Desired, state: ChainState) -> None:
    """MetalayerError with the first of them, one line, if there is any."""
    for contradiction in contradictions(desired, state):
        raise MetalayerError(contradiction)


def contradictions(
    desired: Desired, state: ChainState, explained: Mapping[str, str] | None = None
) -> Iterator[str]:
    """A line each, what says most about the cause first. Where code is wrong, nothing is said of what it answers.

    explained: why it is wrong, in a line, by contract, as far as that is known.
    """
    chain, addresses = desired.chain.name, desired.addresses
    if not state.has_placer and not state.found[FACTORY]:
        yield (
            f"{chain} does not have the deterministic deployment proxy at {ARACHNID}: place it first "
            "(https://github.com/Arachnid/deterministic-deployment-proxy)"
        )
        return
    wrong = [name for name, found in state.found.items() if found and not state.stands(name)]
    for name in wrong:
        if explained and name in explained:
            yield explained[name]
            continue
        found, expected = (short(keccak(code[name])) for code in (state.found, state.expected))
        yield (
            f"{chain}: the code at {addresses[name]} is not the {name} of this deployment (found {found}, expected "
            f"{expected}): other sources, arguments or network"
        )
    if not wrong:
        yield from _values(desired, state)
        yield from _set(desired, state)
        yield from _seal(desired, state)


def _values(desired: Desired, state: ChainState) -> Iterator[str]:
    views = [view for contract in contracts_of(desired) for view in contract.views(desired)]
    # Whose step has not come yet says least about what is wrong: last.
    for view in sorted(views, key=lambda view: view.initial is not None):
        if view.refusal and view.subject in state.values:
            allowed = [value for value in (view.initial, view.expected) if value is not None]
            if state.values[view.subject] not in allowed:
                expected = " or ".join(view.words(value) for value in allowed)
                found = view.words(state.values[view.subject])
                yield f"{desired.chain.name}: {view.refusal} is {found}, expected {expected} (deploy.yaml)"


def _set(desired: Desired, state: ChainState) -> Iterator[str]:
    """Each chain starts from a set that Staking published. Who is in it is none of deploy.yaml's business any more."""
    first = state.sets.first if state.sets is not None else None
    if state.sets is not None and (first is None or not desired.sets.has(first.hash)):
        yield (
            f"{desired.chain.name}: the first validator set of Metalayer was "
            f"{short(first.hash) if first else 'never logged'}, which Staking on {desired.network.hub.name} never "
            "published"
        )


def _seal(desired: Desired, state: ChainState) -> Iterator[str]:
    absent = [name for name, found in state.found.items() if not found]
    if absent and state.values.get(CONTROLLER) == desired.owner != desired.deployer:
        yield (
            f"{desired.chain.name}: {absent[0]} is not there, but the deployer's namespace is already sealed to "
            f"{desired.owner}"
        )
