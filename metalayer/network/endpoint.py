"""One address at which a chain's node answers: JSON over keep-alive HTTP."""

from __future__ import annotations

import json
import time
from functools import cached_property
from typing import Any

import urllib3
from pydantic_core import from_json

from metalayer.network.addresses import filled
from metalayer.network.answers import TooLarge, TooSlow, Unreachable, WrongChain, read, refusal, result_of
from metalayer.network.config import Chain
from metalayer.network.limits import Limit, of_answer
from metalayer.network.redaction import credentials, shown_url
from metalayer.protocol.rpc import quantity

PATIENCE = 30.0
"""Seconds to wait altogether for a node that has too much to do, before one request is given up."""

_FIRST_PAUSE = 0.25
_TOO_LARGE = 413
_CHAIN_ID = quantity("eth_chainId", bits=256)


class Endpoint:
    """One address of a chain's node, never asked through a proxy. Safe to share between threads.

    timeout: seconds to wait for the node to connect, and again for it to answer. patience: PATIENCE, or less.
    """

    def __init__(self, chain: Chain, address: str, timeout: float, patience: float) -> None:
        self.chain = chain
        self.place = shown_url(address)
        self._address = address
        self._http = urllib3.PoolManager(maxsize=16, retries=False, timeout=timeout)
        self._patience = min(patience, timeout)
        self._is_overloaded = False
        self._is_identified = False

    @cached_property
    def url(self) -> str:
        """Never shown. MetalayerError if the environment does not have what is in it."""
        return filled(self._address)

    @cached_property
    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if user := credentials(self.url):
            headers |= urllib3.make_headers(basic_auth=user)
        return headers

    def post(self, body: Any) -> Any:
        """The JSON of an answer of the right chain. Raises WrongChain, Unreachable, or TooLarge."""
        if not self._is_identified:
            self.identify()
        return self._talk(body)

    def ask(self, method: str, *params: Any) -> Any:
        """JSON result of one request. Raises as `post`, RpcError and BadAnswer."""
        return result_of(self.chain, method, self.post(_body(method, *params)))

    def identify(self) -> None:
        """Asks for the chain id before anything else, and again when the node was gone: another may answer now.

        Raises as `ask`.
        """
        answer = self._talk(_body(_CHAIN_ID.method))
        found = read(self.chain, _CHAIN_ID, result_of(self.chain, _CHAIN_ID.method, answer))
        if found != self.chain.chain_id:
            raise WrongChain(self.chain, found, self.place)
        self._is_identified = True

    def _talk(self, body: Any) -> Any:
        """The JSON of an answer, whatever its HTTP status. Asks again, more and more slowly, while the node says that
        it has too much to do. Raises Unreachable, or TooLarge.
        """
        encoded = json.dumps(body).encode()
        deadline, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            response = self._exchange(encoded)
            said = _parsed(response.data)
            if of_answer(refusal(said), response.status) is not Limit.BUSY:
                self._is_overloaded = False
                return self._checked(response.status, said)
            wait = max(pause, _retry_after(response))
            # Whoever asks much would wait for long, each time: once it was too long, a node is given one chance a time.
            if self._is_overloaded or time.monotonic() + wait > deadline:
                self._is_overloaded = True
                raise Unreachable(f"{self.chain.name}: {self.place} has too much to do: {_status(response)}")
            time.sleep(wait)
            pause *= 2

    def _checked(self, status: int, said: Any) -> Any:
        if said is not _NO_JSON and (status == 200 or _is_answer(said)):
            return said
        if status == 200:
            raise Unreachable(f"{self.chain.name}: {self.place} does not speak JSON-RPC")
        answered = f"{self.chain.name}: {self.place} answered with HTTP status {status}"
        if status == _TOO_LARGE:
            raise TooLarge(answered, limit=Limit.SIZE)
        raise Unreachable(answered)

    def _exchange(self, encoded: bytes) -> urllib3.BaseHTTPResponse:
        try:
            return self._send(encoded)
        except urllib3.exceptions.ProtocolError:
            # An idle connection that the node closed meanwhile: a second attempt opens a new one. Sending the
            # same signed transaction twice is harmless.
            return self._again(encoded)
        except urllib3.exceptions.HTTPError as error:
            # Not with its cause, which has the url: tracebacks end up in logs.
            raise self._unreachable(error) from None

    def _again(self, encoded: bytes) -> urllib3.BaseHTTPResponse:
        try:
            return self._send(encoded)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from None

    def _send(self, encoded: bytes) -> urllib3.BaseHTTPResponse:
        return self._http.request("POST", self.url, body=encoded, headers=self._headers, redirect=False)

    def _unreachable(self, error: Exception) -> Unreachable:
        self._is_identified = False
        where = f"{self.chain.name} is unreachable at {self.place}"
        hint = " (`ape metalayer localnet up` starts it)" if self.chain.is_local else ""
        if isinstance(error, urllib3.exceptions.ReadTimeoutError):
            return TooSlow(f"{where}: no answer in time{hint}")
        return Unreachable(f"{where}: connection failed{hint}")


def _body(method: str, *params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 0, "method": method, "params": list(params)}


# What no JSON is: `null` is one.
_NO_JSON = object()


def _parsed(body: bytes) -> Any:
    try:
        # Not the standard library's parser: deep nesting overflows its stack, whatever Python's limit says.
        return from_json(body)
    except ValueError:
        return _NO_JSON


def _is_answer(said: Any) -> bool:
    """True if it is JSON-RPC, and not a web server's own way to tell of an error."""
    some = said if isinstance(said, list) and said else [said]
    return all(isinstance(one, dict) and ("result" in one or "error" in one) for one in some)


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that a node asks to wait for, 0 if it does not."""
    try:
        return urllib3.Retry().get_retry_after(response) or 0.0
    except urllib3.exceptions.InvalidHeader:
        return 0.0


def _status(response: urllib3.BaseHTTPResponse) -> str:
    return f"HTTP status {response.status}" if response.status != 200 else "it limits the rate of requests"
