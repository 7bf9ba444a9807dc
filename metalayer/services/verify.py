"""`ape metalayer propose verify`: what was proposed is what the file says, byte by byte."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.governance.built import BUILD_FILE, Built
from metalayer.governance.files import read_on
from metalayer.governance.motions import Desk
from metalayer.governance.reports import gas_limits, read
from metalayer.governance.written import Proposal
from metalayer.network.live import Live
from metalayer.protocol.governor import Created, HubProposal
from metalayer.protocol.hex import to_hex
from metalayer.services.simulate import rebuild


def verify(live: Live, desk: Desk, folder: Path) -> tuple[Proposal, Built]:
    """The file, and what it makes of the chains, which is what is on the hub. MetalayerError with the first difference
    otherwise.

    Gas limits are the only thing that is taken from build.json or report.json: they are in the bytes that are compared.
    """
    proposal = read_on(folder, live.network)
    built = rebuild(live, proposal, limits(folder))
    created = [one for one, _ in desk.created()]
    if any(one.id == built.id for one in created):
        return proposal, built
    alike = [one for one in created if _title(one) == _title_of(built.proposal)]
    if not alike:
        raise MetalayerError(
            f"{built.name} was not proposed: no proposal on chain has its title, or its bytes"
        )
    raise MetalayerError(f"{built.name} is not what was proposed: {_difference(built, alike[-1])}")


def limits(folder: Path) -> dict[bytes, int]:
    """Gas limits of decisions as the proposer set them, by id; empty before that."""
    if (folder / BUILD_FILE).exists():
        return {one.id: one.gas_limit for one in Built.load(folder).decisions}
    return gas_limits(folder)


def differences(report: Mapping[str, Any], folder: Path) -> list[str]:
    """A line for what the proposer's report.json says otherwise, and what depends on no date."""
    theirs = read(folder)
    if theirs is None:
        return ["there is no report of the proposer to compare with"]
    ours = _comparable(report)
    try:
        other = [name for name, value in _comparable(theirs).items() if value != ours[name]]
    except (AttributeError, LookupError, TypeError):
        return ["the proposer's report is nothing that `simulate` writes"]
    if not other:
        return ["the proposer's report says the same"]
    return [f"the proposer's report says otherwise about: {', '.join(other)}"]


def _comparable(report: Mapping[str, Any]) -> dict[str, Any]:
    changes = report.get("changes", {})
    return {
        "hash": report.get("hash"),
        "faults": report.get("faults"),
        "actions": report.get("actions"),
        "changes": {chain: [one["path"] for one in some] for chain, some in changes.items()},
    }


def _title(created: Created) -> str:
    return _title_of(created.proposal)


def _title_of(proposal: HubProposal) -> str:
    return proposal.description.partition("\n")[0]


def _difference(built: Built, created: Created) -> str:
    ours, theirs = built.proposal, created.proposal
    which = f"proposal {created.id}"
    if ours.description != theirs.description:
        return f"{which} has another text"
    if len(ours.targets) != len(theirs.targets):
        return f"{which} has {len(theirs.targets)} actions, the file gives {len(ours.targets)}"
    for place, action in enumerate(built.actions):
        found = theirs.targets[place], theirs.values[place], theirs.calldatas[place]
        if found != (action.target, action.value, action.calldata):
            where = f"action {place + 1} of {which}"
            return f"{where} is {to_hex(found[2][:36])}… at {found[0]}, the file says {action.words}"
    return f"{which} has the same actions and text: its proposer is {created.proposer}"
