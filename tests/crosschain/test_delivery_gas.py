"""The gas limit that configuration allows can be delivered: measured on the dearest delivery of one message."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

from eth_account import Account
from eth_utils.crypto import keccak

from metalayer.network.gas import delivery_gas
from metalayer.network.rpc import RpcError
from metalayer.protocol import gateway
from metalayer.protocol.attestation import MAX_VALIDATORS, ValidatorSet
from metalayer.protocol.facts import LaneFact, Tree
from metalayer.protocol.gas import required
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH
from tests.kit.deployment import SCRIPTED, Deployment
from tests.kit.roles import RELAYER
from tests.kit.scripted import Behaviour

LANES = 1 << 12
"""Facts under one root: more than a relayer would ever propose."""


def test_the_dearest_delivery_fits_the_gas_that_it_is_given(mesh: Deployment) -> None:
    """The longest payload, all of the largest set signed, a deep proof, and a recipient that burns all it gets."""
    keys = [Account.from_key(keccak(text=f"one of many validators {n}")) for n in range(MAX_VALIDATORS)]
    first = mesh.validator_set
    many = ValidatorSet.of(first.version + 1, first.expires + 1, {key.address: 100 for key in keys})
    mesh.rotate("arcade", many)
    mesh.script("arcade", Behaviour.BURN_ALL_GAS)
    gas_limit = mesh.connections["arcade"].chain.preset.max_gas_limit
    (sent,) = mesh.send(
        "hub", "arcade", b"\xff" * MAX_PAYLOAD_LENGTH, recipient=SCRIPTED, gas_limit=gas_limit
    )
    nonce, head = mesh.outbox("hub", "arcade")
    fact = LaneFact(mesh.id_of("hub"), mesh.id_of("arcade"), nonce, head)
    tree = Tree([fact, *(LaneFact(10_000 + n, 20_000, 1, keccak(text=str(n))) for n in range(LANES - 1))])
    signing = replace(mesh, keys={key.address: key for key in keys})
    attestation = signing.attest(tree.root, many, signers=MAX_VALIDATORS)
    batch = gateway.Batch([sent.message], fact.origin, nonce, tree.proof(fact), [])
    data = gateway.DELIVER.encode(attestation, [batch])

    def delivers(gas: int) -> bool:
        try:
            mesh.connections["arcade"].call(mesh.gateway, data, sender=RELAYER.address, gas=gas)
        except RpcError:
            return False
        return True

    given = delivery_gas(gas_limit)
    assert delivers(given)
    least = bisect_left(range(required(gas_limit), given), True, key=delivers) + required(gas_limit)
    # 369,314 when it was written. Relayers reckon with more for each byte.
    assert 2 * (least - required(gas_limit)) < given - required(gas_limit)
    receipt = mesh.connections["arcade"].send(RELAYER, mesh.gateway, data, gas=given)
    assert any(log.topics[:1] == (gateway.MESSAGE_FAILED.topic,) for log in receipt["logs"])
