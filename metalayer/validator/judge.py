"""Whether facts are true and final in one validator's view."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from metalayer.attesting.sets import read_sets
from metalayer.errors import MetalayerError
from metalayer.lanes.logs import extended_request, restarts_request
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import BadAnswer
from metalayer.protocol.abi import Logged
from metalayer.protocol.facts import Fact, LaneFact, RestartFact, SetFact
from metalayer.protocol.gateway import LaneExtended, LaneRestarted
from metalayer.protocol.rpc import quantity
from metalayer.validator.next_set import Agreed

log = logging.getLogger(__name__)


class NotYet(MetalayerError):
    """A fact that may still become true."""


class Refused(MetalayerError):
    """A fact that is false, or that this validator cannot know."""


@dataclass
class Judge:
    """Looks facts up on the chains. Remembers where it found a lane's last fact, to read on from there."""

    mesh: Mesh
    _found_at: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def verify(self, facts: Sequence[Fact], agreed: Agreed) -> None:
        """Refused or NotYet with the first fact that is not true in this validator's finalized view.

        agreed: the next set, for facts about sets.
        """
        by_id = self.mesh.by_id
        by_origin: dict[int, list[LaneFact | RestartFact]] = {}
        for fact in facts:
            if isinstance(fact, SetFact):
                if self.mesh.network_id not in by_id:
                    raise Refused(f"{fact.key}: nothing is deployed to the hub")
                self._verify_set(by_id[self.mesh.network_id], fact, agreed)
            else:
                _check_form(fact, by_id)
                by_origin.setdefault(fact.origin, []).append(fact)

        def verify(origin: int) -> None:
            with _careful(by_id[origin]):
                self._verify_origin(by_id[origin], by_origin[origin])

        in_parallel(verify, by_origin)

    def _verify_set(self, hub: Connection, fact: SetFact, agreed: Agreed) -> None:
        """The agreed set, and one that follows the hub's or is there already, for a chain that lags behind."""
        wanted = agreed.validator_set
        if wanted is None:
            raise Refused(f"{fact.key}: {agreed.public}")
        if (fact.version, fact.set_hash) != (wanted.version, wanted.hash):
            raise Refused(
                f"{fact.key}: 0x{fact.set_hash.hex()} is not agreed here, but set {wanted.version} with hash "
                f"0x{wanted.hash.hex()}"
            )
        with _careful(hub):
            _check_chain(hub, hub.ask(quantity("eth_chainId")))
            found = read_sets(hub, self.mesh.gateway)
        installed = found.installed
        if installed.hash == wanted.hash:
            return
        try:
            wanted.validate(found.now)
        except MetalayerError as error:
            raise Refused(f"{fact.key}: {error}") from error
        if wanted.version <= installed.version or wanted.expires <= installed.expires:
            raise Refused(
                f"{fact.key}: {hub.name} has set {installed.version}, which expires at {installed.expires}: the "
                "next one needs a higher version and a later expiry"
            )

    def _verify_origin(self, connection: Connection, facts: Sequence[LaneFact | RestartFact]) -> None:
        found_id, height = connection.batch([quantity("eth_chainId"), quantity("eth_blockNumber")])
        _check_chain(connection, found_id)
        finalized = connection.final_below(height)
        lane_facts = [fact for fact in facts if isinstance(fact, LaneFact)]
        logs = dict(zip(lane_facts, self._extended(connection, lane_facts, finalized), strict=True))
        # Restarts are rare: they are asked for only if one is claimed, or may be why a message is not there.
        odd = [fact for fact in facts if isinstance(fact, RestartFact) or not logs[fact]]
        restarts = self._restarts(connection, {fact.destination for fact in odd}, finalized)
        for fact in facts:
            if isinstance(fact, LaneFact) and logs[fact]:
                self._verify_head(connection, fact, logs[fact][0])
            else:
                self._verify_place(connection, fact, restarts[fact.destination], finalized)

    def _verify_head(self, connection: Connection, fact: LaneFact, found: Logged[LaneExtended]) -> None:
        head = found.event.head
        if head != fact.head:
            raise Refused(
                f"{_lane(connection, fact)}: the head after message {fact.nonce} is 0x{head.hex()}, "
                f"not 0x{fact.head.hex()}"
            )
        self._found_at[fact.origin, fact.destination] = (fact.nonce, found.log.block)

    def _verify_place(
        self,
        connection: Connection,
        fact: LaneFact | RestartFact,
        restarts: Sequence[LaneRestarted],
        finalized: int,
    ) -> None:
        """Returns if a restart fact is true. A lane fact is not: no message stands at its place."""
        lane, nonce = _lane(connection, fact), fact.nonce
        is_restart = isinstance(fact, RestartFact)
        for restart in restarts:
            if is_restart and restart.nonce == nonce:
                return
            if restart.last < nonce <= restart.nonce:
                what = "another restart" if is_restart else "a message"
                raise Refused(
                    f"{lane}: {what} never stands at {nonce}: it was restarted at {restart.nonce} after message "
                    f"{restart.last}"
                )
        if not is_restart:
            raise NotYet(f"{lane}: there is no message {nonce} up to finalized block {finalized}")
        if connection.ask(extended_request(self.mesh.gateway, fact.destination, nonce, 0, finalized)):
            raise Refused(f"{lane}: it was not restarted at {nonce}: a message stands there")
        raise NotYet(f"{lane}: it was not restarted at {nonce} up to finalized block {finalized}")

    def _restarts(
        self, connection: Connection, destinations: Iterable[int], finalized: int
    ) -> dict[int, list[LaneRestarted]]:
        """All restarts of the lanes to these destinations."""
        wanted = list(destinations)
        if not wanted:
            return {}
        answers = connection.batch(restarts_request(self.mesh.gateway, one, finalized) for one in wanted)
        return dict(zip(wanted, answers, strict=True))

    def _extended(
        self, connection: Connection, facts: Sequence[LaneFact], last: int
    ) -> list[list[Logged[LaneExtended]]]:
        """LaneExtended logs of each fact's nonce, searched from the last fact that was found on."""
        gateway, starts = self.mesh.gateway, []
        for fact in facts:
            nonce, block = self._found_at.get((fact.origin, fact.destination), (0, 0))
            starts.append(block if nonce <= fact.nonce and block <= last else 0)
        results: list[list[Logged[LaneExtended]]] = connection.batch(
            extended_request(gateway, fact.destination, fact.nonce, start, last)
            for fact, start in zip(facts, starts, strict=True)
        )
        for i, (fact, start) in enumerate(zip(facts, starts, strict=True)):
            if not results[i] and start > 0:
                # Not above the block remembered: it may be below, if that block was reorganised.
                results[i] = connection.ask(extended_request(gateway, fact.destination, fact.nonce, 0, last))
        return results


@contextmanager
def _careful(connection: Connection) -> Iterator[None]:
    """What a node does wrong makes a fact wait."""
    try:
        yield
    except (NotYet, Refused):
        raise
    except MetalayerError as error:
        # Everybody reads the exchange: what a node's address may hold stays in this process's log.
        log.warning("%s", error)
        raise NotYet(f"{connection.name}: its node does not answer as it should") from error


def _check_chain(connection: Connection, found_id: int) -> None:
    if found_id != connection.chain_id:
        raise BadAnswer(f"{connection.name}: its node is of chain {found_id}")


def _lane(connection: Connection, fact: LaneFact | RestartFact) -> str:
    return f"lane {connection.name} to {fact.destination}"


def _check_form(fact: LaneFact | RestartFact, known: Iterable[int]) -> None:
    for chain_id in (fact.origin, fact.destination):
        if chain_id not in known:
            raise Refused(f"{fact.key}: there is no chain {chain_id} in the network")
    if fact.origin == fact.destination:
        raise Refused(f"{fact.key}: a lane has two different ends")
    if fact.nonce == 0:
        raise Refused(f"{fact.key}: there is nothing to deliver up to nonce 0")
