"""What whoever executes a proposal pays besides the gas: said before it is paid."""

from __future__ import annotations

from metalayer.errors import MetalayerError
from metalayer.governance.motions import Desk, Motion
from metalayer.governance.progress import Vote, lacking
from metalayer.network.rpc import Reverted
from metalayer.protocol import decisions, gateway
from metalayer.protocol.amounts import era
from metalayer.protocol.decisions import DecisionState
from metalayer.protocol.governor import ProposalState


def unpaid(desk: Desk, motion: Motion) -> int:
    """ERA (wei) that the outbox's credit lacks to send everything. What the gateway would not send costs nothing."""
    fees = 0
    for one in motion.carried:
        try:
            fees += desk.hub.view(desk.outbox, decisions.QUOTE, one.chain_id, one.decision, one.gas_limit)
        except Reverted:
            continue
    return max(0, fees - desk.hub.view(desk.live.mesh.gateway, gateway.CREDIT, desk.outbox))


def price(desk: Desk, motion: Motion, vote: Vote, deposit: bool) -> str:
    """What `execute` pays now, in words: `2 ERA for messages, 0.5 ether on arcade`; empty if it is nothing.

    deposit: puts what is missing into the outbox's credit. MetalayerError if the hub cannot be asked.
    """
    parts, paid = [], {}
    if vote.state is ProposalState.QUEUED and vote.now >= vote.eta:
        if deposit and (fees := unpaid(desk, motion)):
            parts.append(f"{era(fees)} ERA for messages")
        paid[desk.hub.name] = lacking(desk, desk.hub, motion.proposal.value)
    for one in motion.carried:
        if not one.decision.value:
            continue
        try:
            spoke = desk.live.connection(one.chain_id)
            is_ready = spoke.view(desk.remote, decisions.STATE_OF, one.id) is DecisionState.READY
            wei = lacking(desk, spoke, one.decision.value) if is_ready else 0
        except MetalayerError:
            # A chain that does not answer stops nothing elsewhere: it may by then, and that is the most it takes.
            wei = one.decision.value
        paid[one.chain] = paid.get(one.chain, 0) + wei
    # Ether is counted as ERA is.
    parts += [f"{era(wei)} ether on {chain}" for chain, wei in paid.items() if wei]
    return ", ".join(parts)
