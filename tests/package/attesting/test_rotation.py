"""Catching up from what a chain that lies shows."""

from __future__ import annotations

from typing import Any

import pytest

from metalayer.attesting import rotation
from metalayer.attesting.sets import ChainSets, Installation
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Attestation, ValidatorSet
from metalayer.protocol.hex import to_hex

GATEWAY = "0x" + "9a" * 20


def test_sets_that_lead_in_a_circle_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would never end."""
    lying = Connection(load_network().chain("arcade"))
    one, two = (ValidatorSet(version, 1_000, ()) for version in (1, 2))
    calls = {
        "0x01": gateway.ROTATE.encode(Attestation(bytes(32), one, {}), two, []),
        "0x02": gateway.ROTATE.encode(Attestation(bytes(32), two, {}), one, []),
    }

    def rpc(method: str, hash_: str) -> Any:
        assert method == "eth_getTransactionByHash"
        return {"from": GATEWAY, "to": GATEWAY, "input": to_hex(calls[hash_])}

    monkeypatch.setattr(lying, "rpc", rpc)
    installations = [Installation(one, "0x00"), Installation(two, "0x01"), Installation(one, "0x02")]
    sets = ChainSets(lying, installations, 0)
    found = rotation._calls([sets], [sets], GATEWAY)
    assert {hash_: [call.following for call in calls] for hash_, calls in found.items()} == {one.hash: [two]}
