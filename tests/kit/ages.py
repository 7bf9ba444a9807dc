"""Sets that follow one another for as long as a test needs: none lives for more than 30 days."""

from __future__ import annotations

from metalayer.protocol.facts import SetFact
from tests.kit.evm import Contract, now
from tests.kit.paper import DAY, Validators


def outlive(
    gateway: Contract, network_id: int, validators: Validators, until: int, sender: str
) -> Validators:
    """Rotates a gateway from the set that it has until one lives longer than the second `until`, a day before each
    expires. Returns that set; the chain's time moves with it.
    """
    present = validators
    while present.set.expires <= until:
        at = max(present.set.expires - DAY, now(gateway.chain) + 1)
        version = present.set.version + 1
        following = Validators([1] * 5, at + 30 * DAY, version=version, name=f"validator of set {version}")
        fact = SetFact(version, following.set.hash)
        attestation = present.sign(network_id, gateway.address, fact.leaf).fields
        gateway.send("rotate", attestation, following.argument, [], sender=sender, at=at)
        present = following
    return present
