"""Where transfers start: what enough of a chain's nodes show, up to the block from which on it is believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metalayer.lanes import logs
from metalayer.network.connection import Connection, believed_request
from metalayer.network.nodes import Nodes, TooFew, check_chain
from metalayer.protocol.attestation import Domain
from metalayer.protocol.bridge import TRANSFER_SENT
from metalayer.protocol.rpc import quantity
from metalayer.solver.offers import Offer

# Blocks that are read again: a node may answer for them from a backend that does not have them yet.
_OVERLAP = 64
# Transfers whose messages are asked for together.
_MOST_IDS = 200


class Start:
    """One chain, read on from where the last reading ended. Of its nodes as many must agree as for validators."""

    def __init__(self, connection: Connection, domain: Domain, bridge: str, finality: int | str) -> None:
        self.connection = connection
        self._nodes = Nodes.of(connection)
        self._domain = domain
        self._bridge = bridge
        self._head = believed_request(finality)
        self._next = -1
        self._known: dict[bytes, int] = {}

    def look(self, look_back: int) -> list[Offer]:
        """Offers that were not seen before. look_back: seconds before the first look in which something is looked for.

        TooFew if too few nodes say the same: then it is read again.
        """
        head = self.believed()
        if self._next < 0:
            since = self.connection.block(head).time - look_back
            self._next = block_at(self.connection, since, head)
        first = max(0, self._next - _OVERLAP)
        known = frozenset(self._known)

        def read(node: Connection) -> tuple[tuple[bytes, int], ...]:
            sent = node.logs(self._bridge, [TRANSFER_SENT.topic], first, head)
            return tuple((TRANSFER_SENT.decode(log).id, log.block) for log in sent)

        seen = dict(self._nodes.agreed(read))
        # What is not found yet, though its log is there, is asked for again.
        found = self.read([id_ for id_ in seen if id_ not in known], head)
        self._known |= {id_: seen[id_] for id_ in found}
        self._known = {id_: block for id_, block in self._known.items() if block >= head - 2 * _OVERLAP}
        self._next = head + 1
        return [offer for offer in found.values() if offer is not None]

    def believed(self) -> int:
        """Number of the newest block that enough nodes have, and that is believed."""
        nodes = self._nodes

        def read(node: Connection) -> int:
            found_id, head = node.batch([quantity("eth_chainId", bits=256), self._head])
            check_chain(node, found_id)
            return int(head)

        answers, faults = nodes.ask(read)
        if len(answers) < nodes.agree:
            raise TooFew(f"{nodes.too_few(len(answers))}{nodes.named(faults)}")
        return sorted(answers.values(), reverse=True)[nodes.agree - 1]

    def read(self, ids: Sequence[bytes], head: int) -> dict[bytes, Offer | None]:
        """What transfers offer that were sent up to a block, as enough nodes say: None for those that offer nothing."""
        offers: dict[bytes, Offer | None] = {}
        for begin in range(0, len(ids), _MOST_IDS):
            some = ids[begin : begin + _MOST_IDS]

            def read(
                node: Connection, some: Sequence[bytes] = some
            ) -> tuple[tuple[bytes, Offer | None], ...]:
                found = logs.find(node, self._domain, some)
                return tuple(
                    (id_, Offer.of(found[id_], self._bridge))
                    for id_ in some
                    if id_ in found and found[id_].block <= head
                )

            offers |= self._nodes.agreed(read)
        return offers

    def standing(self, offers: Iterable[Offer]) -> set[bytes]:
        """Ids of those that are still there: a chain may have been reorganised since they were seen."""
        wanted = list(offers)
        if not wanted:
            return set()
        found = self.read([offer.id for offer in wanted], self.believed())
        return {offer.id for offer in wanted if found.get(offer.id) == offer}


def block_at(connection: Connection, time: int, head: int) -> int:
    """The first block up to `head` whose time (Unix) is not before this one; `head` if there is none."""
    low, high = 0, head
    while low < high:
        middle = (low + high) // 2
        if connection.block(middle).time < time:
            low = middle + 1
        else:
            high = middle
    return low
