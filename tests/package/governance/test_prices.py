"""What executing costs besides gas is said before, and is not paid for what would revert."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from metalayer.errors import MetalayerError
from metalayer.governance import actions, prices
from metalayer.governance.motions import Carried
from metalayer.network.rpc import Reverted
from metalayer.protocol.decisions import Decision, DecisionState
from metalayer.protocol.governor import HubProposal, ProposalState

ETHER = 10**18
TARGET = "0x" + "22" * 20
PROPOSAL = HubProposal((TARGET,), (ETHER,), (b"",), "# A test")
CARRIED = Carried("arcade", 902, 1, Decision(bytes(32), (TARGET,), (ETHER // 2,), (b"",), (bytes(32),)), 7)
MOTION: Any = SimpleNamespace(proposal=PROPOSAL, carried=(CARRIED,), called="proposal 001-test")


class PaperChain:
    """A chain whose timelock has nothing."""

    def __init__(self, name: str, said: Any) -> None:
        self.name = name
        self.said = said

    def view(self, to: str, function: Any, *values: Any) -> Any:
        return self.said[function.name]

    def ask(self, request: Any) -> int:
        return 0

    def estimate(self, *call: Any) -> int:
        raise Reverted("hub", "it", b"")


def desk_of(state: DecisionState) -> Any:
    hub, spoke = (
        PaperChain("hub", {"quote": 3 * ETHER, "credit": ETHER}),
        PaperChain("arcade", {"state": state}),
    )
    spoke.said["stateOf"] = state
    live = SimpleNamespace(mesh=SimpleNamespace(gateway=TARGET), connection=lambda _: spoke, registry=None)
    desk = SimpleNamespace(hub=hub, live=live, outbox=TARGET, remote=TARGET, timelock=TARGET, governor=TARGET)
    desk.leaving = lambda *_: desk
    return desk


@pytest.mark.parametrize(
    ("state", "eta", "decision", "deposit", "expected"),
    [
        (ProposalState.QUEUED, 5, DecisionState.UNKNOWN, True, "2 ERA for messages, 1 ether on hub"),
        (ProposalState.QUEUED, 5, DecisionState.UNKNOWN, False, "1 ether on hub"),
        (ProposalState.QUEUED, 11, DecisionState.UNKNOWN, True, ""),
        (ProposalState.EXECUTED, 5, DecisionState.READY, True, "0.5 ether on arcade"),
        (ProposalState.EXECUTED, 5, DecisionState.EXECUTED, True, ""),
    ],
)
def test_what_is_paid_is_said(
    state: ProposalState, eta: int, decision: DecisionState, deposit: bool, expected: str
) -> None:
    vote: Any = SimpleNamespace(state=state, eta=eta, now=10)
    assert prices.price(desk_of(decision), MOTION, vote, deposit) == expected


def test_an_execution_that_would_revert_takes_no_deposit(monkeypatch: pytest.MonkeyPatch) -> None:
    paid: list[Any] = []
    monkeypatch.setattr("metalayer.governance.actions.credit.deposit", lambda *all_: paid.append(all_))
    sender = cast(Any, lambda _: SimpleNamespace(address=TARGET))
    with pytest.raises(MetalayerError, match="hub: it reverted"):
        list(actions.execute_on_hub(desk_of(DecisionState.UNKNOWN), MOTION, sender, True))
    assert paid == []


def test_a_chain_that_does_not_answer_stops_nothing() -> None:
    def silent(_: int) -> Any:
        raise MetalayerError("arcade: no answer")

    desk = desk_of(DecisionState.READY)
    desk.live.connection = silent
    vote: Any = SimpleNamespace(state=ProposalState.EXECUTED, eta=5, now=10)
    assert prices.price(desk, MOTION, vote, True) == "0.5 ether on arcade"
