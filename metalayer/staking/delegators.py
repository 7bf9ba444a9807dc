"""Who delegated what: read from logs, and compared with what Staking says of each validator."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.protocol import staking
from metalayer.staking.desk import Desk
from metalayer.staking.reading import Overview


@dataclass(frozen=True)
class Delegators:
    """Those of one validator: wei by account, the largest first."""

    validator: int
    units: dict[str, int]

    @property
    def largest(self) -> int:
        """What the largest has; 0 if there is none."""
        return max(self.units.values(), default=0)


def read(desk: Desk, seen: Overview) -> list[Delegators]:
    """Of all validators that have some, in one round trip for each 500 positions.

    MetalayerError if they are not what Staking says is delegated: the node's logs are incomplete.
    """
    # Nobody has a position who did not delegate once; what left since is still named by the log.
    logged = desk.hub.ask(staking.DELEGATED.logs(desk.address))
    pairs = sorted({(event.validator, event.account) for event, _ in logged})
    requests = [staking.POSITION.request(desk.address, account, id_) for id_, account in pairs]
    positions = desk.hub.batch(requests)
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for (id_, account), position in zip(pairs, positions, strict=True):
        if position.units:
            found[id_][account] = position.units
    for id_, known in seen.validators.items():
        if sum(found[id_].values()) != known.delegated:
            raise MetalayerError(
                f"{desk.hub.name}: the logs name other delegators of validator {id_} than there are: its node does not "
                "keep them all, or stake moved meanwhile"
            )
    return [
        Delegators(id_, dict(sorted(found[id_].items(), key=lambda one: (-one[1], one[0]))))
        for id_ in sorted(found)
        if found[id_]
    ]
