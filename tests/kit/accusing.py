"""Cases against validators, from signatures that their keys really made."""

from __future__ import annotations

from metalayer.network.transactions import Receipt, Sender
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import compact
from metalayer.protocol.facts import SetFact, SignedFact, signed_facts
from metalayer.protocol.slasher import Accusation, Kind
from tests.kit.deployment import Deployment

_SIGNED = "(bytes32,bytes32[],(bytes32,bytes32))"
_SET_EQUIVOCATION = Function(f"setEquivocation((uint256,bytes32),{_SIGNED},bytes32,{_SIGNED})")
_BEYOND_SETS = Function(f"beyondSets((uint256,bytes32),{_SIGNED})")


def _signed(mesh: Deployment, signer: str, fact: SetFact) -> SignedFact:
    """The fact alone under a root."""
    signature = compact(mesh.keys[signer].unsafe_sign_hash(mesh.domain.digest(fact.leaf)))
    return signed_facts([fact], signature)[0]


def equivocate(
    mesh: Deployment, reporter: Sender, validator: int, signer: str, version: int = 1_000
) -> tuple[Accusation, Receipt]:
    """(a): a key signs two sets of one version, and somebody reports it."""
    one, other = (_signed(mesh, signer, SetFact(version, bytes([n]) * 32)) for n in (1, 2))
    data = _SET_EQUIVOCATION.encode(one.statement, one.fields, other.fact.value, other.fields)
    receipt = mesh.connections["hub"].send(reporter, mesh.registry.address("Slasher"), data)
    return Accusation(validator, Kind.SET_EQUIVOCATION, 0, 0, version), receipt


def lie_about_sets(
    mesh: Deployment, reporter: Sender, validator: int, signer: str, version: int = 1_000
) -> tuple[Accusation, Receipt]:
    """(b): a key signs a set that was never published, and somebody reports it."""
    said = _signed(mesh, signer, SetFact(version, bytes([1]) * 32))
    data = _BEYOND_SETS.encode(said.statement, said.fields)
    receipt = mesh.connections["hub"].send(reporter, mesh.registry.address("Slasher"), data)
    return Accusation(validator, Kind.FALSE_SET, 0, 0, version), receipt
