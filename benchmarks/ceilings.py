"""How many routes fit into the transaction that creates a gateway, and into one decision.

`python -m benchmarks.ceilings` is a process of its own, as each size of a network.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import replace

from benchmarks.growth import Grown, told, workspace
from benchmarks.keys import sender_of
from benchmarks.sizes import Size
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.contracts import ARTIFACTS, CONTRACTS
from metalayer.deploy.names import GATEWAY
from metalayer.network.connection import Connection
from metalayer.network.rpc import RpcError
from metalayer.protocol import gateway
from metalayer.protocol.decisions import Decision
from metalayer.protocol.message import MAX_PAYLOAD_LENGTH

# Ids of chains that are nowhere.
_FAR = 100_000
_MOST = 400


def measure() -> dict[str, int]:
    """Routes, bytes and gas, by name."""
    with workspace() as folder, Grown.started(Size("through the hub", 2), folder, told) as grown:
        grown.deploy()
        return _creation(grown) | _decision(grown)


def _creation(grown: Grown) -> dict[str, int]:
    """What a node takes. The factory's transaction takes some gas more."""
    artifact = load_artifacts(ARTIFACTS)[GATEWAY]
    desired = grown.deployer().plan().resolved.chains[grown.size.names[1]]
    node, payer = Connection(grown.network.hub), sender_of("TEST::0").address

    arguments = CONTRACTS[GATEWAY].arguments(desired)
    (first, *_) = arguments["routes"]

    def code(routes: int) -> bytes:
        """Of a gateway with more routes than `apply` would give it, too."""
        many = [{**first, "chainId": _FAR + place} for place in range(routes)]
        declaration = replace(CONTRACTS[GATEWAY], arguments=lambda _: {**arguments, "routes": many})
        return declaration.init_code(desired, artifact)

    def is_refused(routes: int) -> bool:
        try:
            node.estimate(payer, None, code(routes))
            return False
        except RpcError:
            return True

    most = bisect_left(range(1, _MOST), True, key=is_refused)
    one, all_ = (node.estimate(payer, None, code(routes)) for routes in (1, most))
    return {
        "creation_routes_most": most,
        "creation_bytes_at_most": len(code(most)),
        "creation_bytes_a_route": len(code(2)) - len(code(1)),
        "creation_gas_at_most": all_,
        "creation_gas_a_route": round((all_ - one) / (most - 1)),
    }


def _decision(grown: Grown) -> dict[str, int]:
    """Terms of a route, and its opening, as one decision has them for many chains."""
    terms = (200_000, 2_000_000, 200_000, 0, 0, 0, 0, 0)
    calls = (gateway.SET_TERMS.encode(_FAR, terms), gateway.SET_OPEN.encode(_FAR, True, True))
    to = grown.network.hub.permit2

    def size(routes: int) -> int:
        count = routes * len(calls)
        return len(
            Decision(bytes(32), (to,) * count, (0,) * count, calls * routes, (bytes(32),) * count).encoded
        )

    return {
        "decision_routes_most": max(n for n in range(1, 100) if size(n) <= MAX_PAYLOAD_LENGTH),
        "decision_bytes_a_route": size(2) - size(1),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
