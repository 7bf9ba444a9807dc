"""Questions to several chains at once."""

from collections.abc import Sequence
from typing import Any

from metalayer.network.connection import Connection
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import BadAnswer, RpcError
from metalayer.protocol.rpc import Request


def ask_all(asked: Sequence[tuple[Connection, Request[Any]]]) -> list[Any]:
    """One answer to each, in their order: one batch per chain, all chains at the same time. Raises the first error."""
    places: dict[Connection, list[int]] = {}
    for place, (connection, _) in enumerate(asked):
        places.setdefault(connection, []).append(place)

    def ask(connection: Connection) -> list[Any]:
        return connection.batch(asked[place][1] for place in places[connection])

    answers: list[Any] = [None] * len(asked)
    for some, of in zip(in_parallel(ask, places), places.values(), strict=True):
        for place, answer in zip(of, some, strict=True):
            answers[place] = answer
    return answers


def ask_strangers(asked: Sequence[tuple[Connection, Request[Any]]]) -> list[Any]:
    """The same of contracts that may answer nothing, or nonsense: None then, and the others are not held up."""
    try:
        return ask_all(asked)
    except (RpcError, BadAnswer):
        return [_answer(connection, request) for connection, request in asked]


def _answer(connection: Connection, request: Request[Any]) -> Any:
    try:
        return connection.ask(request)
    except (RpcError, BadAnswer):
        return None
