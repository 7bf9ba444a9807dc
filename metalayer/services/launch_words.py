"""What `launch` says about a proposal, and about processes that do not know the chain yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from metalayer.governance import actions
from metalayer.governance.motions import Desk
from metalayer.governance.progress import Progress
from metalayer.network.live import Live
from metalayer.network.locks import holder
from metalayer.network.registry import registry_path
from metalayer.network.signers import address_of
from metalayer.network.workspace import NETWORKS_FILE, workspace
from metalayer.protocol import governor
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.governor import ProposalState

_FEE, _DATE = 5, 1


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A rehearsal's report in short, a line each."""
    changes = ", ".join(f"{len(some)} on {chain}" for chain, some in report["changes"].items())
    yield f"values that change: {changes}"
    for row in report["timeline"][-1:]:
        yield f"{row[0]} on {row[_DATE]} at the earliest"
    fees = [row[_FEE] for row in report["costs"] if row[_FEE]]
    if fees:
        yield f"carrying its decisions costs {' + '.join(fees)} ERA"
    for one in report["then"]:
        yield f"afterwards: {one['what']}: {one['problem'] or 'yes'}"
    for warning in report["warnings"]:
        yield f"warning: {warning}"


def ended(progress: Progress) -> str:
    """Why nothing comes of a proposal any more; empty if something may, or has."""
    called, vote = progress.motion.called, progress.vote
    if vote is None:
        return ""
    match vote.state:
        case ProposalState.CANCELED:
            return f"{called} was canceled"
        case ProposalState.DEFEATED:
            is_refused = vote.votes.against > vote.votes.in_favour
            return f"{called} {'was voted down' if is_refused else 'had too few votes'}"
        case ProposalState.EXPIRED:
            return f"{called} passed, and was not executed in time"
    return ""


def standing(progress: Progress) -> str:
    """Where a proposal is, and what it waits for."""
    called, vote = progress.motion.called, progress.vote
    if vote is None:
        return f"{called} is not proposed yet"
    if over := ended(progress):
        return over
    if vote.state is not ProposalState.EXECUTED:
        return f"{called} is {vote.state.name.lower()}: {actions.standing(vote)}"
    waits = [
        f"{step.carried.chain}: {step.trouble or step.why}"
        for step in progress.steps
        if step.state is not DecisionState.EXECUTED
    ]
    return f"{called} is executed on the hub; {'; '.join(waits)}" if waits else f"{called} is executed"


def next_steps(desk: Desk, progress: Progress, account: str | None) -> Iterator[str]:
    """What to type, in order, until it is executed everywhere. account: who proposes; None if nobody was named."""
    number, hub, vote = progress.motion.typed, desk.hub.name, progress.vote
    state = vote.state if vote is not None else None
    # Where accounts are people's own, who pays the gas has to be named.
    payer = "" if desk.live.network.is_local else " --account ACCOUNT"
    if state is None:
        who = account or "ACCOUNT"
        if account is not None and _lacks_votes(desk, account):
            yield f"ape metalayer vote delegate {who} --chain {hub} --account {who}"
        yield f"ape metalayer propose submit {number} --account {who}"
    if state in (None, ProposalState.PENDING, ProposalState.ACTIVE):
        yield f"ape metalayer vote cast {number} for --chain {hub} --account ACCOUNT   (every holder)"
    if state in (None, ProposalState.PENDING, ProposalState.ACTIVE, ProposalState.SUCCEEDED):
        yield f"ape metalayer propose queue {number}{payer}"
    yield f"ape metalayer propose execute {number}{payer}   (and two days after its decisions arrived, again)"


def _lacks_votes(desk: Desk, account: str) -> bool:
    threshold, block = desk.hub.view(desk.governor, governor.PROPOSAL_THRESHOLD), desk.hub.block()
    return desk.hub.view(desk.governor, governor.GET_VOTES, address_of(account), block.time - 1) < threshold


def stale(live: Live) -> str:
    """Validators of this machine that began before the files said what they say now; empty if there are none."""
    changed = max(path.stat().st_mtime for path in (workspace() / NETWORKS_FILE, registry_path(live.network)))
    held = [found for path in sorted((live.folder() / "records").glob("*.lock")) if (found := holder(path))]
    pids = sorted({str(one.pid) for one in held if one.since < changed})
    return f"the validators with pid {', '.join(pids)}" if pids else ""
