"""Check-ins: whose are due in a term, and the signatures under the newest set that show them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.quorum import verified_signatures
from metalayer.network.connection import Connection
from metalayer.protocol import staking
from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet
from metalayer.protocol.facts import SetFact

# Who took a seat so shortly before the set was published needs no check-in in its term.
_FRESH = 3_600
_POLL = 0.05


def due(hub: Connection, address: str, signers: Sequence[str], began: int) -> dict[str, int]:
    """Of these members of the newest set, those whose validator is seated and did not check in since that set was
    published (Unix seconds), with its number. Two round trips.
    """
    keys = hub.batch(staking.KEY.request(address, signer) for signer in signers)
    found = hub.batch(staking.VALIDATOR.request(address, key.validator) for key in keys)
    return {
        signer: key.validator
        for signer, key, one in zip(signers, keys, found, strict=True)
        if one.seat and one.alive_at < began - _FRESH
    }


@dataclass(frozen=True)
class CheckIn:
    """Who can be checked in now, the call that does it, and what those say who did not sign: empty if nothing."""

    ids: list[int]
    data: bytes = b""
    missing: Mapping[int, str] = field(default_factory=dict)


def collect(
    exchange: Exchange, domain: Domain, newest: ValidatorSet, wanted: Mapping[str, int], patience: float
) -> CheckIn:
    """Has the newest set signed by its members that are due (numbers by signer), for so many seconds at most."""
    root = exchange.propose([SetFact(newest.version, newest.hash)])
    deadline = time.monotonic() + patience
    while True:
        found = verified_signatures(exchange, domain, root, wanted)
        if len(found) == len(wanted) or time.monotonic() >= deadline:
            break
        time.sleep(_POLL)
    said = exchange.refusals(root)
    missing = {wanted[one]: said.get(one, "") for one in wanted if one not in found}
    if not found:
        return CheckIn([], missing=missing)
    data = staking.CHECK_IN.encode(Attestation(root, newest, found), [])
    return CheckIn(sorted(wanted[one] for one in found), data, missing)
