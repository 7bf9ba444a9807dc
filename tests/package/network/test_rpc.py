"""Whatever a node says is read as what was asked for, or is an error of that chain in one line."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from metalayer.errors import MetalayerError
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.rpc import Rpc, Unreachable
from metalayer.network.transactions import receipt_request
from metalayer.protocol import gateway
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import Request, block_request, quantity, transaction_request

GATEWAY = "0x" + "9a" * 20
HASH = "0x" + "ab" * 32
REQUESTS: list[Request[Any]] = [
    block_request(),
    quantity("eth_blockNumber"),
    transaction_request(HASH),
    receipt_request(HASH),
    gateway.INBOX_LANE.request(GATEWAY, 1),
    gateway.ROUTE.optional(GATEWAY, 1),
    gateway.VALIDATOR_SET_INSTALLED.logs(GATEWAY),
    gateway.LANE_EXTENDED.logs(GATEWAY, first=3, last=9),
]
ODD: list[Any] = [
    None,
    True,
    "0x",
    "0x1",
    "-0x1",
    "0x" + "f" * 80,
    "0x" + "f" * 9_000,
    "0xzz",
    "a\nb",
    7,
    float("nan"),
    [],
    {},
]
LOG = {
    "address": GATEWAY,
    "topics": [to_hex(gateway.LANE_EXTENDED.topic), "0x" + "00" * 32, "0x" + "00" * 32],
    "data": "0x" + "00" * 128,
    "blockNumber": "0x5",
    "logIndex": "0x0",
    "transactionHash": HASH,
}
BLOCK = {
    "number": "0x5",
    "hash": HASH,
    "timestamp": "0x5",
    "gasLimit": "0x5",
    "from": GATEWAY,
    "to": GATEWAY,
    "input": "0x",
    "transactionHash": HASH,
    "blockNumber": "0x5",
    "gasUsed": "0x5",
    "status": "0x1",
    "logs": [],
}

odd = st.sampled_from(ODD)
records = st.builds(
    lambda whole, field, value: {**whole, field: value},
    st.sampled_from([LOG, BLOCK]),
    st.sampled_from([*LOG, *BLOCK, "removed", "baseFeePerGas", "contractAddress"]),
    odd,
)
results = odd | records | st.lists(records, min_size=1, max_size=2)
errors = st.fixed_dictionaries(
    {}, optional={"code": odd, "message": odd, "data": odd | st.fixed_dictionaries({"data": odd})}
)
answers = st.builds(
    lambda id_, extra: {"id": id_, **extra},
    odd | st.integers(0, 8),
    st.builds(lambda r: {"result": r}, results) | st.builds(lambda e: {"error": e}, errors | odd),
)


class Lying(Connection):
    """A chain whose node answers what it is told to."""

    answer: Any = None

    def _post(self, body: Any) -> Any:
        return self.answer


@pytest.fixture(scope="module")
def lying() -> Lying:
    return Lying(load_network().chain("arcade"))


def said(ask: Callable[[], Any]) -> str:
    """What came out, shown: numbers that are too large cannot be. Or the error."""
    try:
        return f"arcade: {ask()}"
    except MetalayerError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
        return str(error)


@settings(max_examples=400, deadline=None)
@given(answers | odd, st.sampled_from(REQUESTS))
def test_an_answer_is_read_or_is_an_error_of_its_chain(
    lying: Lying, answer: Any, request_: Request[Any]
) -> None:
    lying.answer = answer
    assert said(lambda: lying.ask(request_)).startswith("arcade: ")


@settings(max_examples=200, deadline=None)
@given(st.lists(answers | odd, max_size=9) | odd)
def test_answers_to_a_batch_are_read_or_are_an_error_of_their_chain(lying: Lying, answer: Any) -> None:
    lying.answer = answer
    assert said(lambda: lying.batch(REQUESTS)).startswith("arcade: ")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"result": ' + b"9" * 5_000 + b"}", b"\xff", b""])
def test_what_is_not_json_is_an_error_of_its_chain(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(load_network().chain("arcade"))

    class Response:
        status, data = 200, body

    monkeypatch.setattr(connection._nodes.endpoints[0]._http, "request", lambda *args, **kwargs: Response())
    with pytest.raises(MetalayerError, match=r"^arcade: "):
        connection.height()


def test_numbers_beyond_their_type_are_refused(lying: Lying) -> None:
    """They could not be sent back, signed or shown."""
    lying.answer = {"result": hex(2**64)}
    with pytest.raises(MetalayerError, match="makes no sense"):
        lying.height()
    lying.answer = {"result": hex(2**64 - 1)}
    assert lying.height() == 2**64 - 1


def test_the_receipt_of_another_transaction_is_refused(lying: Lying) -> None:
    lying.answer = {"result": BLOCK}
    assert lying.ask(receipt_request(HASH))
    with pytest.raises(MetalayerError, match="another transaction's receipt"):
        lying.ask(receipt_request("0x" + "cd" * 32))


def test_a_revert_with_text_that_is_none_is_a_revert(lying: Lying) -> None:
    data = bytes.fromhex("08c379a0") + encode(["bytes"], [b"\xff\xfe"])
    lying.answer = {"error": {"message": "execution reverted", "data": to_hex(data)}}
    with pytest.raises(MetalayerError, match="Error with malformed arguments"):
        lying.call(GATEWAY, b"")
    data = bytes.fromhex("08c379a0") + encode(["string"], ["two\nlines"])
    lying.answer = {"error": {"message": "execution reverted", "data": to_hex(data)}}
    with pytest.raises(MetalayerError, match="two lines"):
        lying.call(GATEWAY, b"")


def test_no_key_in_a_url_is_ever_shown_and_a_password_is_sent() -> None:
    """Neither by an error nor by `repr`: what is in a URL besides the host is a secret, for all that is known."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(f"{self.path} {self.headers['Authorization']}")
            self.send_error(401)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    place = f"127.0.0.1:{server.server_port}"
    url = f"http://user:pass%40word@{place}/apikey?token=hidden"
    chain = replace(load_network().hub, base_port=None, remote_url=url, nodes=(url,))
    try:
        with pytest.raises(Unreachable) as refused:
            Rpc(chain).rpc("eth_chainId")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    with pytest.raises(Unreachable) as gone:
        Rpc(chain).rpc("eth_chainId")
    assert str(refused.value) == f"hub: http://{place}/… answered with HTTP status 401"
    shown = f"{refused.value} {gone.value} {chain} {Rpc(chain)}"
    assert f"http://{place}" in shown
    assert not any(secret in shown for secret in ("user", "word", "apikey", "hidden"))
    login = base64.b64encode(b"user:pass@word").decode()
    assert heard == [f"/apikey?token=hidden Basic {login}"]
