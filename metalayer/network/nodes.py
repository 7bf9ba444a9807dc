"""One chain read through several nodes: what too few of them say is not believed."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from metalayer.errors import MetalayerError
from metalayer.network.config import Chain
from metalayer.network.connection import Connection
from metalayer.network.rpc import BadAnswer
from metalayer.protocol.rpc import quantity

PATIENCE = 10.0
"""Seconds that a node has to answer one question."""

_GRACE = 1.0

Answer = TypeVar("Answer")
Said = TypeVar("Said", bound=Hashable)


class TooFew(MetalayerError):
    """Fewer nodes than must agree say the same, or answer at all."""


@dataclass
class Nodes:
    """The nodes of one chain. `agree` of them have to say the same: more than half, so no two things can both be said.

    Those that are slow are not waited for when enough have answered, unless that was not enough the last time
    (`undecided`). A node that has not answered one question yet is not asked the next one.
    """

    chain: Chain
    connections: tuple[Connection, ...]
    agree: int
    undecided: bool = False
    _asked: dict[int, threading.Thread] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """The nodes that networks.yaml names for this connection's chain, or its own node alone."""
        chain = connection.chain
        places = [replace(chain, base_port=None, remote_url=url, spares=()) for url in chain.nodes] or [chain]
        each = tuple(Connection(place, PATIENCE) for place in places)
        for one in each:
            for address, block in connection.beginnings.items():
                one.begins(address, block)
        return cls(chain, each, chain.agree or len(each) // 2 + 1)

    @property
    def name(self) -> str:
        """The chain's."""
        return self.chain.name

    def ask(
        self, read: Callable[[Connection], Answer], among: Iterable[int] | None = None
    ) -> tuple[dict[int, Answer], dict[int, str]]:
        """What `read` makes of each node, or of those at these places, all in parallel; and why others say nothing.

        Returns when all have answered, or a second after as many as must agree have, or after PATIENCE.
        """
        answers: dict[int, Answer] = {}
        faults: dict[int, str] = {}
        changed = threading.Condition()
        wanted = list(range(len(self.connections)) if among is None else among)
        patience = time.monotonic() + PATIENCE

        def answer(place: int) -> None:
            try:
                said = read(self.connections[place])
            except MetalayerError as error:
                fault = str(error)
            except Exception as error:  # noqa: BLE001
                # Whatever an answer does to the code that reads it is the fault of the node that gave it.
                fault = f"its answer makes no sense: {type(error).__name__}"
            else:
                with changed:
                    answers[place] = said
                    changed.notify()
                return
            with changed:
                faults[place] = fault
                changed.notify()

        busy = set()
        for place in wanted:
            before = self._asked.get(place)
            if before is not None and self.undecided:
                before.join(max(0.0, patience - time.monotonic()))
            if before is not None and before.is_alive():
                busy.add(place)
                continue
            # A daemon: a node that trickles its answer for ever does not keep the process.
            self._asked[place] = threading.Thread(target=answer, args=(place,), daemon=True)
            self._asked[place].start()
        asked = len(wanted) - len(busy)
        with changed:
            changed.wait_for(
                lambda: (
                    len(answers) + len(faults) == asked or (len(answers) >= self.agree and not self.undecided)
                ),
                patience - time.monotonic(),
            )
            left = min(_GRACE, patience - time.monotonic())
            changed.wait_for(lambda: len(answers) + len(faults) == asked, left)
            late = {place: "no answer in time" for place in wanted if place not in answers | faults}
            return dict(answers), faults | late

    def vote(self, said: Mapping[int, Said]) -> Said | None:
        """What enough nodes say, None if nothing is."""
        for what, times in Counter(said.values()).most_common(1):
            if times >= self.agree:
                return what
        return None

    def agreed(self, read: Callable[[Connection], Said]) -> Said:
        """What enough nodes say. TooFew, with what is wrong with each of the others, if nothing is."""

        def checked(connection: Connection) -> Said:
            check_chain(connection, connection.ask(quantity("eth_chainId", bits=256)))
            return read(connection)

        answers, faults = self.ask(checked)
        said = self.vote(answers)
        self.undecided = said is None
        if said is None:
            raise TooFew(f"{self.too_few(len(answers))}{self.named(faults)}")
        return said

    def too_few(self, number: int) -> str:
        """One line for everybody when so many nodes can be believed, which may be enough, but they differ."""
        total = len(self.connections)
        if total == 1:
            return f"{self.name}: its node does not answer as it should"
        if number >= self.agree:
            return f"{self.name}: its nodes disagree, {self.agree} of {total} must say the same"
        return f"{self.name}: {number} of its {total} nodes answer as they should, {self.agree} must agree"

    def named(self, faults: Mapping[int, str]) -> str:
        """What is wrong with each node, for the operator. They are counted from 1, as in networks.yaml."""
        if not faults:
            return ""
        if len(self.connections) == 1:
            return f" ({faults[0]})"
        return f" ({'; '.join(f'node {place + 1}: {faults[place]}' for place in sorted(faults))})"


def check_chain(connection: Connection, found_id: int) -> None:
    """BadAnswer unless it is the chain's own id."""
    if found_id != connection.chain_id:
        raise BadAnswer(f"{connection.name}: its node is of chain {found_id}")
