"""A node as strangers run them: a proxy before a real one that refuses, limits, delays, lags and lies on order.

with behind(mesh, "hub", LogRange(500), Every(3, TooMany())) as (seen, node):
    ...  # `seen` is the mesh, its hub read through the proxy; `node.asked` is what it was asked
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeVar

import urllib3

from metalayer.network.connection import Connection
from metalayer.network.mesh import Mesh

AnyMesh = TypeVar("AnyMesh", bound=Mesh)

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Call:
    """One request, as it came."""

    method: str
    params: tuple[Any, ...] = ()

    def to(self, place: int, value: Any) -> Call:
        """The same with another parameter."""
        return replace(self, params=(*self.params[:place], value, *self.params[place + 1 :]))


Ask = Callable[[Call], Any]
"""What the node behind a fault says: the JSON result. Raises Refused."""


class Refused(Exception):
    """A JSON-RPC error. With another status than 200, or for a whole body, it is all that the client gets."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.error: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


class Garbage(Exception):
    """An answer that is no JSON-RPC. `body` None hangs up without one."""

    def __init__(self, status: int, body: bytes | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


class Fault:
    """One thing that is wrong with a node. Composed in order: the first one is next to the client.

    `take` sees each HTTP body before anything of it is answered, `answer` each request of it. Both may raise Refused
    or Garbage. They are called from several threads.
    """

    def take(self, calls: Sequence[Call]) -> None:
        """Nothing is wrong with a body."""

    def answer(self, call: Call, ask: Ask) -> Any:
        """What the node behind says."""
        return ask(call)


class _Server(ThreadingHTTPServer):
    # Python's five are few: the kernel drops what else wants to connect, which tries again after 1, 3, 7, 15 s.
    request_queue_size = 128
    daemon_threads = True


@dataclass(eq=False)
class Node:
    """The proxy before a node: a context manager, it listens at `url` while open.

    `faults` may be exchanged at any time. `asked` has every request in its order, `bodies` the size of each HTTP body.
    """

    upstream: str
    faults: Sequence[Fault] = ()
    asked: list[Call] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._http = urllib3.PoolManager(maxsize=16, retries=False)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, pattern: str = "*") -> int:
        """How many requests were asked whose method fits, such as "eth_*"."""
        return sum(fnmatchcase(call.method, pattern) for call in self.asked)

    def forget(self) -> None:
        """Of what was asked until now."""
        self.asked.clear()
        self.bodies.clear()

    def ask(self, method: str, *params: Any) -> Any:
        """What the node itself says, past all faults."""
        return self._forward(Call(method, params))

    def reply(self, body: Any) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and JSON for a request or a batch of them. Raises Garbage."""
        many = body if isinstance(body, list) else [body]
        calls = [Call(str(one["method"]), tuple(one.get("params", ()))) for one in many]
        self.asked.extend(calls)
        self.bodies.append(len(calls))
        faults = tuple(self.faults)
        answers = []
        try:
            for fault in faults:
                fault.take(calls)
        except Refused as error:
            return error.status, error.headers, _envelope(None, {"error": error.error})
        for one, call in zip(many, calls, strict=True):
            try:
                said = {"result": self._through(faults, call)}
            except Refused as error:
                said = {"error": error.error}
                if error.status != 200:
                    return error.status, error.headers, _envelope(one.get("id"), said)
            answers.append(_envelope(one.get("id"), said))
        return 200, {}, answers if isinstance(body, list) else answers[0]

    def _through(self, faults: Sequence[Fault], call: Call) -> Any:
        if not faults:
            return self._forward(call)
        return faults[0].answer(call, lambda inner: self._through(faults[1:], inner))

    def _forward(self, call: Call) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": call.method, "params": list(call.params)}
        answer = self._http.request("POST", self.upstream, body=json.dumps(body), headers=_JSON).json()
        if "error" in answer:
            error = answer["error"]
            raise Refused(error["code"], error["message"], data=error.get("data"))
        return answer["result"]


@contextmanager
def behind(mesh: AnyMesh, name: str, *faults: Fault, **preset: Any) -> Iterator[tuple[AnyMesh, Node]]:
    """The mesh with one chain read through a proxy with these faults, and the proxy. `preset` changes the chain's."""
    chain = mesh.connections[name].chain
    with Node(chain.url, faults) as node:
        changed = chain.preset.model_copy(update=preset)
        there = Connection(replace(chain, preset=changed, base_port=None, remote_url=node.url))
        # As `Live.open` does: else the beginning is looked for in old states, which anvil forgets in a long run.
        for address, block in _beginnings(mesh, name):
            there.begins(address, block)
        yield replace(mesh, connections={**mesh.connections, name: there}), node


def _beginnings(mesh: Mesh, name: str) -> list[tuple[str, int]]:
    """Addresses and blocks of the contracts of one chain, if its registry is at hand."""
    registry = getattr(mesh, "registry", None)
    contracts = registry.chain(name).contracts.values() if registry is not None else ()
    return [(contract.address, contract.block or 0) for contract in contracts]


def _envelope(id_: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, **said}


def _handler(node: Node) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else every answer waits 40 ms for the client's acknowledgement of its headers.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status, headers, said = node.reply(json.loads(raw))
                body = json.dumps(said).encode()
            except Garbage as garbage:
                if garbage.body is None:
                    self.close_connection = True
                    return
                status, headers, body = garbage.status, {}, garbage.body
            # Whoever asked may have gone meanwhile, and the server would tell that on stderr, which tests read.
            with suppress(ConnectionError):
                self.send_response(status)
                for header, value in {**_JSON, **headers, "Content-Length": str(len(body))}.items():
                    self.send_header(header, value)
                self.end_headers()
                self.wfile.write(body)

    return Handler
