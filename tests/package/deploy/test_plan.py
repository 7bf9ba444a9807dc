"""Rehearsals by a node that answers something else."""

from __future__ import annotations

from typing import Any

import pytest

from metalayer.deploy.declaration import Step
from metalayer.deploy.plan import rehearse
from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection

CALL = {"status": "0x1", "returnData": "0x", "gasUsed": "0x5208"}
STEP = Step("deploy ERA", "create", "0x" + "aa" * 20, "0x" + "bb" * 20, b"", {}, "", False)


def rehearsed(monkeypatch: pytest.MonkeyPatch, answer: Any) -> dict[str, int]:
    connection = Connection(load_network().chain("arcade"))
    block = {"number": "0x1", "hash": "0x", "timestamp": "0x1", "gasLimit": "0x1"}
    monkeypatch.setattr(
        connection, "rpc", lambda method, *params: answer if method == "eth_simulateV1" else block
    )
    return rehearse(connection, [STEP]).gas


def test_gas_is_that_of_the_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rehearsed(monkeypatch, [{"calls": [CALL]}]) == {"deploy ERA": 21_000}


@pytest.mark.parametrize(
    "answer", [None, [], [{}], [{"calls": []}], [{"calls": [{}]}], [{"calls": [{**CALL, "gasUsed": None}]}]]
)
def test_an_answer_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    with pytest.raises(MetalayerError, match="arcade: its node's answer to eth_simulateV1 makes no sense"):
        rehearsed(monkeypatch, answer)
