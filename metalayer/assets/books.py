"""The books across all chains, ERA's, every gateway's and every other token's, and whether they balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from metalayer.assets.credit import DEPOSITED
from metalayer.assets.ledgers import TokenBooks, read_tokens
from metalayer.assets.tokens import BALANCE_OF, TOTAL_SUPPLY, Home
from metalayer.lanes.logs import Sent, rebuild
from metalayer.lanes.neighbours import neighbours
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.protocol import bridge, gateway
from metalayer.protocol.amounts import GWEI, HUB_SUPPLY
from metalayer.protocol.gateway import Status
from metalayer.protocol.hex import to_hex
from metalayer.protocol.message import Fee
from metalayer.protocol.rpc import READ_FAULTS, logs_request, transaction_request, word
from metalayer.protocol.transfers import Kind, Payload


@dataclass(frozen=True)
class ChainBooks:
    """ERA on one chain, in wei.

    `locked` is the hub's alone: what the bridge holds there, its credit included, less `left_over`, which was paid for
    hops and not used. `outstanding` (kept on the hub) is everyone else's; `under_way` is in hops between the hub and
    this chain that have not ended, with what they prepaid. `gateway` is what the gateway holds: `credits` by account
    (all that have any), `escrow` and `protocol_fees` of all lanes from here. `owed`: the part of the escrow that
    relayers earned and were not paid; `unearned`: what messages that have not ended may still pay or give back.
    """

    supply: int
    locked: int | None
    left_over: int
    outstanding: int | None
    under_way: int
    balances: dict[str, int]
    gateway: int
    credits: dict[str, int]
    escrow: int
    protocol_fees: int
    owed: int
    unearned: int

    def credit(self, account: str) -> int:
        return self.credits.get(account, 0)


@dataclass(frozen=True)
class Books:
    """Every chain's books, the hub first; every message: how often it ended, and if it is still failed; how many lanes
    differ at their ends; and every other token's books.
    """

    hub: str
    chains: dict[str, ChainBooks]
    delivered: dict[str, int]
    returned: dict[str, int]
    failed: list[str]
    undelivered: int
    tokens: list[TokenBooks]

    @property
    def given(self) -> int:
        """Wei of ERA that the bridge holds on the hub beyond all that is outstanding or was paid for hops: a gift."""
        outstanding = sum(chain.outstanding or 0 for chain in self.chains.values())
        return (self.chains[self.hub].locked or 0) - outstanding

    def checks(self) -> list[tuple[str, bool]]:
        """Sentences that must hold when nothing is under way, and whether they do. Equal means to the wei."""
        spokes = {name: chain for name, chain in self.chains.items() if name != self.hub}
        hub = self.chains[self.hub]
        ends = Counter(self.delivered) + Counter(self.returned)
        once = all(ends[id_] == 1 for id_ in self.delivered)
        accounts = len({account for chain in self.chains.values() for account in chain.credits})
        gift = " + what was given" if self.given > 0 else ""
        back = f", {sum(self.returned.values())} of them by return" if any(self.returned.values()) else ""
        return [
            ("the hub's supply is 1,000,000,000 ERA", hub.supply == HUB_SUPPLY),
            (
                "locked on the hub, less what was paid for hops and not used, = the sum of what is outstanding"
                + gift,
                self.given >= 0,
            ),
            *(
                (
                    f"outstanding for {name} = supply on {name}"
                    + (" + what is under way" if chain.under_way else ""),
                    chain.outstanding == chain.supply + chain.under_way,
                )
                for name, chain in spokes.items()
            ),
            (
                f"on every chain the gateway's ERA = all credit ({accounts} accounts) + escrow of its lanes + fees of "
                "the protocol",
                all(
                    chain.gateway == sum(chain.credits.values()) + chain.escrow + chain.protocol_fees
                    for chain in self.chains.values()
                ),
            ),
            (
                "every escrow = what relayers earned and were not paid yet + what open messages hold",
                all(chain.escrow == chain.owed + chain.unearned for chain in self.chains.values()),
            ),
            ("both ends of every lane have the same nonce and head", self.undelivered == 0),
            (
                f"each of the {len(self.delivered)} messages ended exactly once{back}",
                once and not self.failed,
            ),
            *(check for token in self.tokens for check in token.checks()),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei as strings."""

        def text(wei: int | None) -> str | None:
            return None if wei is None else str(wei)

        return {
            name: {
                "supply": str(chain.supply),
                "locked": text(chain.locked),
                "left_over": str(chain.left_over),
                "outstanding": text(chain.outstanding),
                "under_way": str(chain.under_way),
                "balances": {account: str(wei) for account, wei in chain.balances.items()},
                "gateway": str(chain.gateway),
                "credits": {account: str(wei) for account, wei in chain.credits.items()},
                "escrow": str(chain.escrow),
                "protocol_fees": str(chain.protocol_fees),
                "owed": str(chain.owed),
                "unearned": str(chain.unearned),
            }
            for name, chain in self.chains.items()
        }


@dataclass
class _Lanes:
    """What the lanes to one chain say. Gwei of ERA by origin, of `left_over` by the chain where it is; amounts by token
    and by the chain between which and its home they are; ids as hexadecimal.
    """

    delivered: dict[str, int] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    different: int = 0
    owed: Counter[str] = field(default_factory=Counter)
    unearned: Counter[str] = field(default_factory=Counter)
    under_way: Counter[tuple[Home, str]] = field(default_factory=Counter)
    left_over: Counter[str] = field(default_factory=Counter)
    senders: dict[str, set[str]] = field(default_factory=dict)


def read_books(live: Live, accounts: Mapping[str, str]) -> Books:
    """Reads every chain, all logs from the first block on. accounts: name -> address whose balances are wanted."""
    connections = live.mesh.connections
    found = in_parallel(lambda name: _lanes_to(live, name), connections)
    under_way: Counter[tuple[Home, str]] = sum((lanes.under_way for lanes in found), Counter())
    left_over = _left_over(live) + sum(lanes.left_over[live.network.hub.name] for lanes in found) * GWEI
    hub = live.network.hub.name
    outstanding = _outstanding(live, [name for name in connections if name != hub])

    def read(name: str) -> ChainBooks:
        connection, address = connections[name], live.mesh.gateway
        era, bridge_ = live.registry.address("ERA"), live.registry.address("TokenBridge")
        others = neighbours(connection, live.mesh)
        senders = {sender for lanes in found for sender in lanes.senders.get(name, ())}
        holders = sorted(senders | _credited(connection, address) | set(accounts.values()))
        supply, locked, held, *answers = connection.batch(
            [
                TOTAL_SUPPLY.request(era),
                BALANCE_OF.request(era, bridge_),
                BALANCE_OF.request(era, address),
                *(BALANCE_OF.request(era, account) for account in accounts.values()),
                *(gateway.CREDIT.request(address, account) for account in holders),
                *(gateway.LANE_FEES.request(address, chain_id) for chain_id in others),
            ]
        )
        balances, answers = answers[: len(accounts)], answers[len(accounts) :]
        credits, fees = answers[: len(holders)], answers[len(holders) :]
        credit = dict(zip(holders, credits, strict=True))
        return ChainBooks(
            supply=supply,
            locked=locked + credit.get(bridge_, 0) - left_over if name == hub else None,
            left_over=left_over if name == hub else 0,
            outstanding=outstanding.get(name),
            under_way=under_way[Home(live.network.hub.chain_id, era), name],
            balances=dict(zip(accounts, balances, strict=True)),
            gateway=held,
            credits={account: wei for account, wei in credit.items() if wei},
            escrow=sum(lane.escrow for lane in fees) * GWEI,
            protocol_fees=sum(lane.protocol_fees for lane in fees) * GWEI,
            owed=sum(lanes.owed[name] for lanes in found) * GWEI,
            unearned=sum(lanes.unearned[name] for lanes in found) * GWEI,
        )

    chains = dict(zip(connections, in_parallel(read, connections), strict=True))
    return Books(
        hub=hub,
        chains=chains,
        delivered={id_: count for lanes in found for id_, count in lanes.delivered.items()},
        returned={id_: count for lanes in found for id_, count in lanes.returned.items()},
        failed=[id_ for lanes in found for id_ in lanes.failed],
        undelivered=sum(lanes.different for lanes in found),
        tokens=read_tokens(live, under_way)[1:],
    )


def read_under_way(live: Live) -> Counter[tuple[Home, str]]:
    """Amounts of every token in hops that have not ended, between its home and a chain: from all messages ever sent."""
    found = in_parallel(lambda name: _lanes_to(live, name), live.mesh.connections)
    return sum((lanes.under_way for lanes in found), Counter())


def _outstanding(live: Live, spokes: Sequence[str]) -> dict[str, int]:
    address, era = live.registry.address("TokenBridge"), live.registry.address("ERA")
    connections = live.mesh.connections
    requests = [bridge.OUTSTANDING.request(address, era, connections[name].chain_id) for name in spokes]
    return dict(zip(spokes, connections[live.network.hub.name].batch(requests), strict=True))


def _left_over(live: Live) -> int:
    """Wei of ERA on the hub that were paid for hops there, less what hops cost that the bridge sent for others."""
    hub, address = live.connection(live.network.hub.name), live.registry.address("TokenBridge")
    paid, onward, back = hub.batch(
        event.logs(address)
        for event in (bridge.PASSAGE_PAID, bridge.TRANSFER_FORWARDED, bridge.TRANSFER_SENT_BACK)
    )
    spent: int = sum(event.fee for event, _ in [*onward, *back])
    return int(sum(event.amount for event, _ in paid) * GWEI - spent)


def _credited(connection: Connection, address: str) -> set[str]:
    """Accounts into whose credit something was ever put on a chain, except unspent fees of returned messages."""
    places = {DEPOSITED.topic: (1,), gateway.CLAIM_PAID.topic: (2, 3), gateway.RETURN_NOTICED.topic: (3,)}
    named = {
        to_checksum_address(log.topics[position][12:])
        for log in connection.ask(logs_request(address, [list(places)]))
        for position in places[log.topics[0]]
        if position < len(log.topics)
    }
    return named | {event.caller for event, _ in connection.ask(gateway.MESSAGE_RETURNED.logs(address))}


def _lanes_to(live: Live, name: str) -> _Lanes:
    """Every message to one chain and what became of it, and what its relayers earned."""
    there = live.mesh.connections[name]
    delivered, failed, sent_back = there.batch(
        event.logs(live.mesh.gateway)
        for event in (gateway.MESSAGE_DELIVERED, gateway.MESSAGE_FAILED, gateway.RETURN_SENT)
    )
    deliveries = Counter(to_hex(event.id) for event, _ in delivered)
    # Only the Inbox's caller earns, and no log names it: a relayer that is a contract is not seen here.
    hashes = sorted({log.transaction for _, log in [*delivered, *failed, *sent_back]})
    relayers = {sent.sender for sent in there.batch(transaction_request(hash_) for hash_ in hashes)}
    lanes = _Lanes()
    for here in live.mesh.connections.values():
        if here is not there and there.chain_id in neighbours(here, live.mesh):
            _read_lane(live, lanes, here, there, deliveries)
            _read_owed(live.mesh.gateway, lanes, here, there, relayers)
    return lanes


def _read_lane(
    live: Live, lanes: _Lanes, here: Connection, there: Connection, deliveries: Mapping[str, int]
) -> None:
    address, origin, destination = live.mesh.gateway, here.chain_id, there.chain_id
    sent = here.view(address, gateway.OUTBOX_LANE, destination)
    got = there.view(address, gateway.INBOX_LANE, origin)
    lanes.different += (sent.nonce, sent.head) != got
    returned = here.ask(gateway.MESSAGE_RETURNED.logs(address, None, word(destination)))
    returns = Counter(to_hex(event.id) for event, _ in returned)
    messages = rebuild(here, live.mesh.domain, destination, 1, sent.nonce)
    statuses = there.batch(gateway.MESSAGE_STATUS.request(address, message.id) for message in messages)
    notices = here.batch(gateway.RETURN_NOTICE.request(address, destination, m.id) for m in messages)
    unspent = {event.id: event.unspent for event, _ in returned}
    lanes.senders.setdefault(here.name, set()).update(one.message.sender for one in messages)
    for one, (status, sent_back), notice in zip(messages, statuses, notices, strict=True):
        id_ = to_hex(one.id)
        lanes.delivered[id_], lanes.returned[id_] = deliveries[id_], returns[id_]
        is_open = not deliveries[id_] and not returns[id_]
        if is_open:
            steps = (sent_back != 0) + (notice.carrier is not None)
            lanes.unearned[here.name] += _unearned(one, status, steps)
        if one.message.sender == live.registry.address("TokenBridge"):
            _read_hop(live, lanes, one, is_open, unspent.get(one.id))
        if status is not Status.NONE and not returns[id_]:
            lanes.failed.append(id_)


def _read_hop(live: Live, lanes: _Lanes, sent: Sent, is_open: bool, unspent: int | None) -> None:
    """What a message of the bridge holds, brought, or got back. unspent: wei; None if it was not returned."""
    try:
        payload = Payload.read(sent.message.payload)
    except READ_FAULTS:
        payload = None
    hub, era = live.network.hub, live.registry.address("ERA")
    names = {chain_id: connection.name for chain_id, connection in live.mesh.by_id.items()}
    origin, destination = sent.ends
    if unspent is not None and (payload is None or payload.id is not None) and origin == hub.chain_id:
        # What the bridge keeps of it: of a first hop, whoever sent it gets that.
        lanes.left_over[hub.name] += unspent // GWEI
    if payload is None:
        return
    home, other = (destination, origin) if payload.kind is Kind.BACK else (origin, destination)
    if is_open:
        lanes.under_way[Home(home, payload.token), names[other]] += payload.amount
    if payload.kind is Kind.BACK and payload.fee:
        if is_open:
            lanes.under_way[Home(hub.chain_id, era), names[origin]] += payload.fee * GWEI
        elif unspent is None:
            lanes.left_over[hub.name] += payload.fee


def _read_owed(
    address: str, lanes: _Lanes, here: Connection, there: Connection, relayers: Iterable[str]
) -> None:
    for relayer in relayers:
        earned = there.view(address, gateway.EARNINGS, here.chain_id, relayer).earned
        lanes.owed[here.name] += earned - here.view(address, gateway.PAID, there.chain_id, relayer)


def _unearned(sent: Sent, status: Status, steps: int) -> int:
    """What nobody earned yet of a message that has not ended, in gwei. So many steps of its return were paid for."""
    fee = Fee.unpack(sent.message.fee)
    ending = fee.back - steps * fee.step
    if status is Status.NONE:
        return fee.relay + ending
    return ending if status is Status.FAILED else fee.relay - fee.base + ending
