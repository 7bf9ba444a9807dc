"""The tests' chains, connected once, and contracts that refuse to be used on the wrong one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import urllib3
from ape import networks

from metalayer.network.config import Chain


class WrongChain(AssertionError):
    """A contract was used while another chain was active: Ape would have answered from that one, silently."""


def revert(rpc: Callable[..., Any], snapshot: str) -> None:
    """Back to a snapshot, with nothing pending.

    Anvil answers for a transaction a moment before it takes it out of its pool, and would then take out another one of
    the same sender and nonce: the first one after the revert would never be mined (once in 300 times, measured).
    """
    patience = time.monotonic() + 10
    while int(rpc("txpool_status")["pending"], 16) and rpc("anvil_getAutomine"):
        assert time.monotonic() < patience, "the node does not mine what it has"
    rpc("anvil_dropAllTransactions")
    assert rpc("evm_revert", snapshot) is True, f"no snapshot {snapshot}"


class BoundChain:
    """One running chain. Everything that Ape does inside `use()` happens on it."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.name = chain.name
        self.chain_id = chain.chain_id
        self.url = chain.url
        self.provider: Any = networks.parse_network_choice(f"metalayer:{chain.name}").push_provider()
        self._http = urllib3.PoolManager(retries=False)

    def __repr__(self) -> str:
        return f"<{self.name} ({self.chain_id})>"

    @property
    def is_active(self) -> bool:
        return networks.active_provider is self.provider

    @contextmanager
    def use(self) -> Iterator[BoundChain]:
        """Make this the active chain (0.1 µs); the one before is active again after, whatever happens."""
        before = networks.active_provider
        networks.active_provider = self.provider
        try:
            yield self
        finally:
            networks.active_provider = before

    def answer(self, method: str, params: Sequence[Any] = ()) -> dict[str, Any]:
        """The node's answer to a raw JSON-RPC request: five times as fast as through web3."""
        return dict(self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": list(params)}))

    def rpc(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of a raw JSON-RPC request; AssertionError with the node's answer if it is an error."""
        return self._result(method, self.answer(method, params))

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Likewise of many requests, which the node may work on at the same time."""
        body = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": list(params)}
            for i, (method, params) in enumerate(calls)
        ]
        answers = sorted(self._post(body), key=lambda answer: int(answer["id"]))
        return [self._result(method, answer) for (method, _), answer in zip(calls, answers, strict=True)]

    def _post(self, body: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        return self._http.request("POST", self.url, body=json.dumps(body), headers=headers).json()

    def _result(self, method: str, answer: dict[str, Any]) -> Any:
        assert "error" not in answer, f"{self.name}: {method}: {answer['error']}"
        return answer["result"]

    def snapshot(self) -> str:
        return str(self.rpc("evm_snapshot"))

    def restore(self, snapshot: str) -> None:
        """Back to the snapshot, with nothing pending and automine on."""
        revert(lambda method, *params: self.rpc(method, params), snapshot)
        self.rpc("evm_setAutomine", [True])

    def bind(self, instance: Any) -> Deployed:
        return Deployed(self, instance)

    def deploy(self, container: Any, *arguments: Any, sender: Any) -> Deployed:
        """Deploy `project.X` here."""
        with self.use():
            return self.bind(sender.deploy(container, *arguments))


class Deployed:
    """A contract on one chain. WrongChain if used while another is active; `address` always works."""

    def __init__(self, chain: BoundChain, instance: Any) -> None:
        self._chain = chain
        self._instance = instance

    def __repr__(self) -> str:
        return f"<{self._instance!r} on {self._chain.name}>"

    @property
    def chain(self) -> BoundChain:
        return self._chain

    @property
    def address(self) -> str:
        return str(self._instance.address)

    def __getattr__(self, name: str) -> Any:
        _check(self._chain, f"{self._instance!r}.{name}")
        value = getattr(self._instance, name)
        return _Bound(self._chain, value, name) if callable(value) and not isinstance(value, type) else value


class _Bound:
    """A contract's method: checked again when it is called, which may be later and elsewhere."""

    def __init__(self, chain: BoundChain, value: Any, name: str) -> None:
        self._chain, self._value, self._name = chain, value, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _check(self._chain, self._name)
        return self._value(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        _check(self._chain, f"{self._name}.{name}")
        return getattr(self._value, name)


def _check(chain: BoundChain, what: str) -> None:
    if not chain.is_active:
        active = networks.active_provider.network.name if networks.active_provider else "no chain"
        raise WrongChain(f"{what} belongs to {chain.name}, but {active} is active: use `with chain.use():`")
