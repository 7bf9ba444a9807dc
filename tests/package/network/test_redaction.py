"""Passwords and keys in a node's address are never shown, whatever goes wrong with it."""

from __future__ import annotations

import ast
import base64
import json
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from metalayer.errors import MetalayerError
from metalayer.network.answers import RpcError, result_of
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.entries import Fork
from metalayer.network.redaction import shown_url, without_secrets
from metalayer.network.rpc import WrongChain
from metalayer.protocol.rpc import quantity
from tools.repository import repo_root

SECRETS = ("metalayer-operator", "pass%77ord-1", "password-1", "k3y-of-the-path-0123", "k3y-of-the-query")
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:9701", "http://127.0.0.1:9701"),
        ("http://127.0.0.1:9701/", "http://127.0.0.1:9701"),
        ("https://node.example", "https://node.example"),
        ("https://user:password@node.example:8545", "https://node.example:8545"),
        ("https://node.example/v2/0123456789abcdef", "https://node.example/…"),
        ("https://node.example?key=0123456789abcdef", "https://node.example/…"),
        ("https://node.example/#0123456789abcdef", "https://node.example/…"),
        ("https://u:p@[2001:db8::1]:8545/v2/key", "https://[2001:db8::1]:8545/…"),
        ("https://user:pass@node.example:eighty/v2", "…"),
        ("http://[half", "…"),
        ("no address at all", "…"),
        ("", "…"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("POST https://u5er:p455@node.example/v2/0123456789abcdef failed", "POST … failed"),
        ("project 0123456789abcdef has no credit", "project … has no credit"),
        ("user u5er, password p455", "user …, password …"),
        ("v2 is not supported on node.example", "v2 is not supported on node.example"),
    ],
)
def test_what_others_say_of_an_address(said: str, left: str) -> None:
    assert without_secrets(said, "https://u5er:p455@node.example/v2/0123456789abcdef") == left


def _true(request: dict[str, Any]) -> Any:
    return {"jsonrpc": "2.0", "id": request["id"], "result": hex(901)}


def _error(request: dict[str, Any], message: str) -> Any:
    return {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32_000, "message": message}}


def _late(answer: Answer) -> Answer:
    """Only after the chain id, which is right."""
    return lambda request: (200, _true(request)) if request["method"] == "eth_chainId" else answer(request)


ANSWERS: dict[str, Answer] = {
    "another chain": lambda request: (200, _true(request) | {"result": "0x5"}),
    "no JSON": lambda request: (200, b"<html>"),
    "an error page": lambda request: (500, b"no such page: /v2/k3y-of-the-path-0123"),
    "too many": lambda request: (429, b"slow down"),
    "too large": lambda request: (413, b""),
    "its own address": _late(lambda request: (200, _error(request, f"{request['url']} is over its quota"))),
    "its key": _late(
        lambda request: (403, _error(request, "k3y-of-the-path-0123 and k3y-of-the-query are unknown"))
    ),
    "nonsense": _late(lambda request: (200, _true(request) | {"result": f"0x{request['url']}"})),
    "no JSON-RPC": _late(lambda request: (200, {"k3y-of-the-path-0123": 1})),
}


class _Server(HTTPServer):
    answer: Answer
    seen: list[str | None]


@pytest.fixture
def server() -> Iterator[_Server]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.seen.append(self.headers["Authorization"])
            status, said = running.answer(body | {"url": address(running)})
            encoded = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

    running = _Server(("127.0.0.1", 0), Handler)
    running.seen = []
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def address(server: HTTPServer) -> str:
    place = f"127.0.0.1:{server.server_port}"
    return f"http://metalayer-operator:pass%77ord-1@{place}/v2/k3y-of-the-path-0123?apikey=k3y-of-the-query"


def connection(server: HTTPServer) -> Connection:
    return Connection(replace(load_network().hub, base_port=None, remote_url=address(server)), timeout=0.3)


def refuse_secrets(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text], text


@pytest.mark.parametrize("kind", ANSWERS)
def test_no_error_shows_them(server: _Server, kind: str) -> None:
    server.answer = ANSWERS[kind]
    with pytest.raises(MetalayerError) as caught:
        connection(server).ask(quantity("eth_blockNumber"))
    assert str(caught.value)
    refuse_secrets("".join(traceback.format_exception(caught.value)))


def test_no_error_of_a_node_that_is_gone_shows_them(server: _Server) -> None:
    server.server_close()
    with pytest.raises(MetalayerError, match=r"hub is unreachable at http://127\.0\.0\.1:\d+/…: ") as caught:
        connection(server).height()
    refuse_secrets("".join(traceback.format_exception(caught.value)))


def test_no_error_of_a_fork_shows_them(server: _Server) -> None:
    """Its node repeats where it reads from."""
    chain = replace(load_network().hub, fork=Fork(url=address(server)))
    answer = {
        "error": {"code": -32_603, "message": f'Fork Error: reqwest::Error {{ url: "{address(server)}" }}'}
    }
    with pytest.raises(RpcError, match=r"^hub: eth_call failed: Fork Error: ") as caught:
        result_of(chain, "eth_call", answer)
    refuse_secrets(str(caught.value))


def test_no_description_shows_them(server: _Server) -> None:
    there = connection(server)
    forked = replace(there.chain, fork=Fork(url=address(server)))
    network = replace(load_network(), chains={"hub": forked}, hub=forked)
    refuse_secrets(f"{there!r} {there.chain!r} {forked!r} {network!r} {forked.fork!s}")
    with pytest.raises(MetalayerError, match="has no local port") as caught:
        _ = there.chain.port
    refuse_secrets(str(caught.value))


def test_a_user_is_known_to_the_node(server: _Server) -> None:
    server.answer = lambda request: (200, _true(request))
    assert connection(server).height() == 901
    assert set(server.seen) == {"Basic " + base64.b64encode(b"metalayer-operator:password-1").decode()}


def test_the_chain_id_comes_before_anything_else(server: _Server) -> None:
    """One line, whatever is asked, and nothing is sent. A node that was gone is asked again."""
    asked: list[str] = []

    def answer(request: dict[str, Any]) -> tuple[int, Any]:
        asked.append(request["method"])
        return 200, _true(request) | {"result": hex(chain_id)}

    chain_id = 5
    server.answer = answer
    there = connection(server)
    for use in (
        there.height,
        lambda: there.batch([quantity("eth_blockNumber")] * 2),
        lambda: there.rpc("eth_x"),
    ):
        with pytest.raises(
            WrongChain, match=r"^hub: its node is of chain 5, expected 901 \(http://127"
        ) as caught:
            use()
        assert "\n" not in str(caught.value)
    assert asked == ["eth_chainId"] * 3
    chain_id = 901
    assert there.height() == there.height() == 901
    assert asked[3:] == ["eth_chainId", "eth_blockNumber", "eth_blockNumber"]


def test_no_message_is_made_of_an_address() -> None:
    """Of its place instead."""
    found = [
        f"{path.name}:{node.lineno}"
        for folder in ("metalayer", "ape_metalayer", "demo")
        for path in (repo_root() / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FormattedValue)
        for inner in ast.walk(node.value)
        if isinstance(inner, ast.Attribute) and inner.attr in ("url", "remote_url", "uri")
    ]
    assert found == []
