"""What a node answers, read as what was asked for; and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.config import Chain
from metalayer.network.limits import Limit, of_answer
from metalayer.network.redaction import without_secrets
from metalayer.network.transactions import Receipt
from metalayer.protocol.hex import from_hex
from metalayer.protocol.reverts import explain
from metalayer.protocol.rpc import READ_FAULTS, Answer_co, Request

_MAX_SAID = 1_000


class Unreachable(MetalayerError):
    """The chain's node does not answer."""


class TooSlow(Unreachable):
    """The chain's node takes the connection, and does not answer in time."""


class RpcError(MetalayerError):
    """The chain's node refused a request. `data` is the return data of a reverted call, empty otherwise; `limit` says
    what the node wants less of, None if nothing that is known.
    """

    def __init__(self, message: str, code: int = 0, data: bytes = b"", limit: Limit | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data
        self.limit = limit


class TooLarge(RpcError):
    """The chain's node refused a request that cannot be made smaller, or said so with an HTTP status alone. `block` is
    the one of which there are too many logs, if they are what was asked for.
    """

    def __init__(
        self,
        message: str,
        code: int = 0,
        data: bytes = b"",
        limit: Limit | None = None,
        block: int | None = None,
    ) -> None:
        super().__init__(message, code, data, limit)
        self.block = block


class BadAnswer(MetalayerError):
    """The chain's node answered something else than what was asked: it is broken, or it lies."""


class WrongChain(BadAnswer):
    """The chain's node is of another chain: `found` is its id."""

    def __init__(self, chain: Chain, found: int, place: str) -> None:
        self.found = found
        super().__init__(f"{chain.name}: its node is of chain {found}, expected {chain.chain_id} ({place})")


class Reverted(RpcError):
    """A call or a transaction reverted. `reason` is what the contract said."""

    def __init__(self, chain: str, what: str, data: bytes, receipt: Receipt | None = None) -> None:
        self.reason = explain(data)
        self.receipt = receipt
        super().__init__(f"{chain}: {what} reverted: {self.reason}", 3, data)


def read(chain: Chain, request: Request[Answer_co], result: Any) -> Answer_co:
    """What was asked for, from its JSON. Raises BadAnswer."""
    try:
        return request.read(result)
    except READ_FAULTS as error:
        raise BadAnswer(
            f"{chain.name}: its node's answer to {request.method} makes no sense: {_said(chain, repr(error))}"
        ) from None


def result_of(chain: Chain, method: str, answer: Any) -> Any:
    """The JSON result in an answer. Raises RpcError, Reverted or BadAnswer."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if error is None:
        if not isinstance(answer, dict) or "result" not in answer:
            raise BadAnswer(f"{chain.name}: {method}: the node's answer is not JSON-RPC")
        return answer["result"]
    if not isinstance(error, dict):
        raise RpcError(f"{chain.name}: {method} failed: {_said(chain, error)}")
    data = _revert_data(error.get("data"))
    code = error.get("code")
    code = code if isinstance(code, int) else 0
    message = _said(chain, error.get("message", f"error {code}"))
    if data or "revert" in message.lower():
        raise Reverted(chain.name, method, data)
    raise RpcError(f"{chain.name}: {method} failed: {message}", code, data, of_answer(answer))


def refusal(said: Any) -> dict[str, Any] | None:
    """The one error that stands for a whole batch, or for a request."""
    one = said[0] if isinstance(said, list) and len(said) == 1 else said
    return one if isinstance(one, dict) and isinstance(one.get("error"), dict) else None


def _said(chain: Chain, said: Any) -> str:
    # A fork's node repeats the address of what it forks.
    forked = [chain.fork.url] if chain.fork else []
    return without_secrets(_one_line(said), *chain.addresses, *forked)


def _one_line(said: Any) -> str:
    """What a node said, as far as a person reads it."""
    text = " ".join(said.split()) if isinstance(said, str) else f"no message, but a {type(said).__name__}"
    return text if len(text) <= _MAX_SAID else f"{text[:_MAX_SAID]}…"


def _revert_data(data: Any) -> bytes:
    # Nodes disagree about where the return data is: a string, or an object holding it.
    if isinstance(data, Mapping):
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return from_hex(data)
        except ValueError:
            return b""
    return b""
