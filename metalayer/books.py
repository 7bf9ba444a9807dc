"""ERA's books across all chains, and whether they balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metalayer import gateway, lane
from metalayer.bridge import BALANCE_OF, OUTSTANDING, TOTAL_SUPPLY
from metalayer.chain import in_parallel, to_hex
from metalayer.check import HUB_SUPPLY
from metalayer.live import Live


@dataclass(frozen=True)
class ChainBooks:
    """ERA on one chain, in wei. `locked` is the hub's alone, `outstanding` (kept on the hub) everyone
    else's.
    """

    supply: int
    locked: int | None
    outstanding: int | None
    balances: dict[str, int]


@dataclass(frozen=True)
class Books:
    """Every chain's books, the hub first, and every message: how often it was delivered, and if it is still
    failed.
    """

    hub: str
    chains: dict[str, ChainBooks]
    delivered: dict[str, int]
    failed: list[str]
    undelivered: int

    def checks(self) -> list[tuple[str, bool]]:
        """Sentences that must hold when nothing is under way, and whether they do."""
        spokes = {name: chain for name, chain in self.chains.items() if name != self.hub}
        hub = self.chains[self.hub]
        outstanding = sum(chain.outstanding or 0 for chain in spokes.values())
        once = all(count == 1 for count in self.delivered.values())
        return [
            ("the hub's supply is 1,000,000,000 ERA", hub.supply == HUB_SUPPLY),
            ("locked on the hub = the sum of what is outstanding", hub.locked == outstanding),
            *(
                (f"outstanding for {name} = supply on {name}", chain.outstanding == chain.supply)
                for name, chain in spokes.items()
            ),
            ("both ends of every lane have the same nonce and head", self.undelivered == 0),
            (
                f"each of the {len(self.delivered)} messages was delivered exactly once",
                once and not self.failed,
            ),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei as strings."""

        def text(wei: int | None) -> str | None:
            return None if wei is None else str(wei)

        return {
            name: {
                "supply": str(chain.supply),
                "locked": text(chain.locked),
                "outstanding": text(chain.outstanding),
                "balances": {account: str(wei) for account, wei in chain.balances.items()},
            }
            for name, chain in self.chains.items()
        }


def read_books(live: Live, accounts: Mapping[str, str]) -> Books:
    """Reads every chain. accounts: name -> address whose balances are wanted."""
    era, bridge = live.registry.address("ERA"), live.registry.address("TokenBridge")
    hub = live.network.hub.name
    ids = {name: connection.chain.chain_id for name, connection in live.connections.items()}
    spokes = [name for name in live.connections if name != hub]
    answers = live.connections[hub].calls([(bridge, OUTSTANDING.encode(ids[name])) for name in spokes])
    outstanding = {name: OUTSTANDING.decode(data) for name, data in zip(spokes, answers, strict=True)}

    def read(name: str) -> ChainBooks:
        supply, locked, *balances = live.connections[name].calls(
            [
                (era, TOTAL_SUPPLY.encode()),
                (era, BALANCE_OF.encode(bridge)),
                *((era, BALANCE_OF.encode(account)) for account in accounts.values()),
            ]
        )
        return ChainBooks(
            TOTAL_SUPPLY.decode(supply),
            BALANCE_OF.decode(locked) if name == hub else None,
            outstanding.get(name),
            {key: BALANCE_OF.decode(data) for key, data in zip(accounts, balances, strict=True)},
        )

    chains = dict(zip(live.connections, in_parallel(read, live.connections), strict=True))
    return Books(hub, chains, *_messages(live, ids))


def _messages(live: Live, ids: Mapping[str, int]) -> tuple[dict[str, int], list[str], int]:
    """How often each message was delivered, which are failed still, and how many lanes differ at their
    ends.
    """

    def lanes_to(name: str) -> tuple[dict[str, int], list[str], int]:
        there = live.connections[name]
        topics = [gateway.topic("MessageDelivered")]
        logs = there.logs(live.gateway, topics, 0, there.height())
        seen = [log["topics"][1] for log in logs]
        counts: dict[str, int] = {}
        failed, different = [], 0
        for origin, here in live.connections.items():
            if origin == name:
                continue
            sent = gateway.decode_lane(here.call(live.gateway, gateway.encode_outbox_lane(ids[name])))
            got = gateway.decode_lane(there.call(live.gateway, gateway.encode_inbox_lane(ids[origin])))
            different += sent != got
            for one in lane.rebuild(here, live.gateway, live.network_id, ids[name], 1, sent[0]):
                id_ = to_hex(one.id)
                counts[id_] = seen.count(id_)
                status = there.call(live.gateway, gateway.encode_message_status(one.id))
                if gateway.decode_status(status)[0] is not gateway.Status.NONE:
                    failed.append(id_)
        return counts, failed, different

    found = in_parallel(lanes_to, live.connections)
    counts = {id_: count for one, _, _ in found for id_, count in one.items()}
    return counts, [id_ for _, failed, _ in found for id_ in failed], sum(n for _, _, n in found)
