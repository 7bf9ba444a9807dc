"""Cases against validators, from signatures that their keys really made."""

from __future__ import annotations

from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import compact
from metalayer.protocol.facts import SetFact
from metalayer.protocol.slasher import Accusation, Kind
from tests.kit.deployment import Deployment

_SIGNED = "(bytes32,bytes32[],(bytes32,bytes32))"
_SET_EQUIVOCATION = Function(f"setEquivocation((uint256,bytes32),{_SIGNED},bytes32,{_SIGNED})")
_BEYOND_SETS = Function(f"beyondSets((uint256,bytes32),{_SIGNED})")


def _signed(mesh: Deployment, signer: str, fact: SetFact) -> tuple[bytes, list[bytes], tuple[bytes, bytes]]:
    """The fact alone under a root, signed."""
    signature = compact(mesh.keys[signer].unsafe_sign_hash(mesh.domain.digest(fact.leaf)))
    return fact.leaf, [], (signature[:32], signature[32:])


def equivocate(
    mesh: Deployment, reporter: Sender, validator: int, signer: str, version: int = 1_000
) -> tuple[Accusation, Receipt]:
    """(a): a key signs two sets of one version, and somebody reports it."""
    facts = [SetFact(version, bytes([n]) * 32) for n in (1, 2)]
    one, other = (_signed(mesh, signer, fact) for fact in facts)
    data = _SET_EQUIVOCATION.encode((version, facts[0].set_hash), one, facts[1].set_hash, other)
    receipt = mesh.connections["hub"].send(reporter, mesh.registry.address("Slasher"), data)
    return Accusation(validator, Kind.SET_EQUIVOCATION, 0, 0, version), receipt


def lie_about_sets(
    mesh: Deployment, reporter: Sender, validator: int, signer: str, version: int = 1_000
) -> tuple[Accusation, Receipt]:
    """(b): a key signs a set that was never published, and somebody reports it."""
    fact = SetFact(version, bytes([1]) * 32)
    data = _BEYOND_SETS.encode((version, fact.set_hash), _signed(mesh, signer, fact))
    receipt = mesh.connections["hub"].send(reporter, mesh.registry.address("Slasher"), data)
    return Accusation(validator, Kind.FALSE_SET, 0, 0, version), receipt
