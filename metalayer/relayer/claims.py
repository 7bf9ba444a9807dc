"""What is due on a destination to the relayer itself: claims of what it earned there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from metalayer.lanes.survey import Survey
from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh
from metalayer.protocol import gateway
from metalayer.relayer.endings import Step
from metalayer.relayer.gas import ending_gas
from metalayer.relayer.loops import Loops, guard
from metalayer.relayer.memory import Kind

CLAIM_MULTIPLE = 10
"""A claim is sent when what it brings is this many times what carrying it costs."""


@dataclass(frozen=True)
class Claims:
    """Claims that are worth their carriage."""

    mesh: Mesh
    loops: Loops
    multiple: float = CLAIM_MULTIPLE

    def of(self, relayer: str) -> Callable[[Connection, Survey, list[str]], list[Step]]:
        """What is due to one relayer."""
        return lambda connection, found, problems: self.due(connection, found, relayer, problems)

    def due(self, connection: Connection, found: Survey, relayer: str, problems: list[str]) -> list[Step]:
        """Lanes on which the relayer earned enough that claiming it is worth its carriage."""
        here, address = connection.chain_id, self.mesh.gateway
        lanes = [state for state in found.lanes if state.ends[1] == here]
        back = {state.ends[1]: state.latest.restarted_at for state in found.lanes if state.ends[0] == here}
        answers = iter(
            connection.batch(
                request
                for state in lanes
                for request in (
                    gateway.EARNINGS.request(address, state.ends[0], relayer),
                    gateway.ROUTE.request(address, state.ends[0]),
                )
            )
        )
        steps = []
        for state in lanes:
            (earned, claimed), route = next(answers), next(answers)
            carriage = route.terms.carriage()
            with guard(state.origin.name, problems.append):
                if claimed > 0 and back.get(state.ends[0], 0) > 0:
                    # The lane of the claims was restarted since: the last one may be lost.
                    claimed = self.loops.elsewhere(
                        connection,
                        state.origin,
                        partial(state.origin.view, address, gateway.PAID, here, relayer),
                    )
                if earned - claimed > self.multiple * carriage:
                    what = f"claiming from {state.origin.name}"
                    data = gateway.CLAIM.encode(state.ends[0])
                    item = str(state.ends[0])
                    steps.append(Step(Kind.CLAIM, item, state.ends[0], data, ending_gas(data), what))
        return steps
