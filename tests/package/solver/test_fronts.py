"""What became of a front: by the token that it is in, whatever another home says of its transfer's id."""

from __future__ import annotations

from typing import Any

import pytest

from metalayer.protocol.abi import Logged
from metalayer.protocol.bridge import TransferFronted, TransferReceived, TransferReturned
from metalayer.protocol.rpc import Log
from metalayer.protocol.transfers import Front
from metalayer.solver.fronts import Book, State, Told
from metalayer.solver.policy import TokenId

HUB, START, END, LIAR = 900, 901, 902, 903
HOME_TOKEN, LOCAL_AT_START, LOCAL_AT_END = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20
WORTHLESS, SOLVER, OTHER = "0x" + "44" * 20, "0x" + "55" * 20, "0x" + "66" * 20
FRONT = Front(b"\1" * 32, START, HUB, HOME_TOKEN, OTHER, 1_000, 10**7, 0, 1_000, 2_000)
TOKEN, LIARS = TokenId(HUB, HOME_TOKEN), TokenId(LIAR, WORTHLESS)


def logged(event: Any) -> Logged[Any]:
    return Logged(event, Log("0x", (), b"", 1, 0, "0x" + "77" * 32))


def told(chain_id: int, **heard: Any) -> Told:
    """What a chain says; by default, that the solver did nothing there."""
    silence: dict[str, Any] = {
        name: [] for name in ("fronted", "received", "returned", "claims", "claims_received")
    }
    return Told(chain_id, 1_500, **{**silence, "terms": {}} | heard)


def fronted(*received: TransferReceived) -> Told:
    paid = TransferFronted(FRONT.id, SOLVER, OTHER, FRONT.key, LOCAL_AT_END, 990)
    return told(
        END, fronted=[logged(paid)], terms={FRONT.key: FRONT}, received=[logged(one) for one in received]
    )


def returned(token: str) -> Told:
    event = TransferReturned(FRONT.id, SOLVER, token, 1_000)
    return told(START, returned=[logged(event)], homes={LOCAL_AT_START: TOKEN, WORTHLESS: LIARS})


ARRIVAL = TransferReceived(FRONT.id, SOLVER, LOCAL_AT_END, START, 1_000)


@pytest.mark.parametrize(
    ("said", "state", "received"),
    [
        ((fronted(),), State.OUT, 0),
        ((fronted(ARRIVAL),), State.ARRIVED, 1_000),
        ((fronted(), returned(LOCAL_AT_START)), State.RETURNED, 1_000),
        ((fronted(), told(START, gone=frozenset({(FRONT.id, TOKEN)}))), State.LOST, 0),
    ],
)
def test_what_became_of_a_front(said: tuple[Told, ...], state: State, received: int) -> None:
    (front,) = Book.of(said).fronts
    assert (front.state, front.received) == (state, received)


@pytest.mark.parametrize(
    "said",
    [
        (fronted(ARRIVAL._replace(token=WORTHLESS, amount=1)),),
        (fronted(), returned(WORTHLESS)),
        (fronted(), told(START, gone=frozenset({(FRONT.id, LIARS)}))),
    ],
)
def test_a_home_that_lies_of_its_own_token_ends_no_front(said: tuple[Told, ...]) -> None:
    """M42, M46: it may name any id in a message about a worthless token, also on chains that do not lie. Else the
    solver would not claim what has not arrived.
    """
    (front,) = Book.of(said).fronts
    assert front.state is State.OUT
