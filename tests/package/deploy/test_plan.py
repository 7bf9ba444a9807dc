"""Rehearsals by a node that answers something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from metalayer.deploy.declaration import Step
from metalayer.deploy.plan import rehearse
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.limits import Limit
from metalayer.network.rpc import RpcError

CALL = {"status": "0x1", "returnData": "0x", "gasUsed": "0x5208"}
BLOCK_GAS = 36_000_000
STEP = Step("deploy ERA", "create", "0x" + "aa" * 20, "0x" + "bb" * 20, b"", {}, "", False)


def rehearsed(
    monkeypatch: pytest.MonkeyPatch, answer: Any, steps: Sequence[Step] = (STEP,)
) -> dict[str, int]:
    connection = Connection(load_network().chain("arcade"))
    block = {"number": "0x1", "hash": "0x", "timestamp": "0x1", "gasLimit": hex(BLOCK_GAS)}

    def rpc(method: str, *params: Any) -> Any:
        if method != "eth_simulateV1":
            return block
        return answer(*params) if callable(answer) else answer

    monkeypatch.setattr(connection, "rpc", rpc)
    return rehearse(connection, list(steps)).gas


def test_gas_is_that_of_the_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rehearsed(monkeypatch, [{"calls": [CALL]}]) == {"deploy ERA": 21_000}


@pytest.mark.parametrize(
    "answer", [None, [], [{}], [{"calls": []}], [{"calls": [{}]}], [{"calls": [{**CALL, "gasUsed": None}]}]]
)
def test_an_answer_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    with pytest.raises(MetalayerError, match="arcade: its node's answer to eth_simulateV1 makes no sense"):
        rehearsed(monkeypatch, answer)


def test_steps_are_rehearsed_in_blocks_as_large_as_the_chain_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some nodes run no larger ones, whatever they are told, and add up what each call may use."""
    asked: list[Any] = []

    def run(what: Any, tag: str) -> Any:
        asked.extend(what["blockStateCalls"])
        return [{"calls": [CALL for _ in one["calls"]]} for one in asked]

    steps = [replace(STEP, name=f"step {number}") for number in range(5)]
    assert rehearsed(monkeypatch, run, steps) == {step.name: 21_000 for step in steps}
    assert [len(one["calls"]) for one in asked] == [2, 2, 1]
    assert [one["blockOverrides"] for one in asked] == [{"time": hex(2 + number)} for number in range(3)]
    assert all(sum(int(call["gas"], 16) for call in one["calls"]) <= BLOCK_GAS for one in asked)


def test_a_node_that_bounds_all_steps_together_is_told_from_a_revert(monkeypatch: pytest.MonkeyPatch) -> None:
    """As geth does: what is left of its bound is the limit of a call."""
    starved = {
        **CALL,
        "status": "0x0",
        "gasUsed": hex(1_000_000),
        "error": {"code": -32015, "message": "out of gas"},
    }
    second = replace(STEP, name="create Staking")
    with pytest.raises(MetalayerError) as refused:
        rehearsed(monkeypatch, [{"calls": [CALL, starved]}], [STEP, second])
    assert str(refused.value) == (
        "arcade: create Staking cannot be rehearsed: its node bounds the gas of all steps together, of which 21,000 "
        "was used before (`--rpc.gascap` of geth, 50,000,000 if not set): raise that, or name a node that does not"
    )
    burnt = {**starved, "gasUsed": hex(MAX_TRANSACTION_GAS)}
    with pytest.raises(MetalayerError, match="create Staking would revert: reverted without a reason"):
        rehearsed(monkeypatch, [{"calls": [CALL, burnt]}], [STEP, second])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RpcError("arcade: eth_simulateV1: not found", -32_601, limit=Limit.METHOD),
            "arcade: its node (http://127.0.0.1:",
        ),
        (
            RpcError("arcade: eth_simulateV1: handler crashed", -32_603),
            "arcade: eth_simulateV1: handler crashed: in eth_simulateV1 a deployment is rehearsed: ",
        ),
    ],
    ids=["no such method", "another refusal"],
)
def test_a_node_that_does_not_rehearse_is_named(
    monkeypatch: pytest.MonkeyPatch, error: RpcError, said: str
) -> None:
    def refuse(*params: Any) -> Any:
        raise error

    with pytest.raises(MetalayerError) as refused:
        rehearsed(monkeypatch, refuse)
    assert str(refused.value).startswith(said)
    assert "eth_simulateV1" in str(refused.value)
    assert str(refused.value).endswith(
        ": give one that runs it, or name one besides (`url` in networks.yaml; docs/release.md lists some)"
    )
