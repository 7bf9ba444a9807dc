"""Validators and a relayer that carry everything, one pass after the other, while blocks go by."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

from metalayer.attesting.directory import DirectoryExchange
from metalayer.network.live import Live
from metalayer.relayer.passes import Relayer
from metalayer.relayer.results import PassResult
from metalayer.validator.process import Validator
from tests.kit.roles import RELAYER, VALIDATORS


class Carriers:
    """Four validators and a relayer, one pass after the other, while blocks go by."""

    def __init__(self, live: Live, folder: Path, claim_multiple: float = math.inf) -> None:
        exchange = DirectoryExchange.of(live, folder / "exchange")
        senders = dict.fromkeys(live.mesh.connections, RELAYER)
        self._live = live
        self._relayer = Relayer(
            live.mesh,
            exchange,
            senders,
            claim_multiple=claim_multiple,
            bridge=live.registry.address("TokenBridge"),
        )
        self._validators = [
            Validator.open(
                validator.account,
                live.mesh,
                exchange,
                folder / f"{validator.index}.sqlite",
                begin=True,
            )
            for validator in VALIDATORS[:4]
        ]
        self._stop = threading.Event()
        self._passes: list[PassResult] = []
        self._threads = [threading.Thread(target=self._relay), threading.Thread(target=self._sign)]

    def _relay(self) -> None:
        while not self._stop.is_set():
            for connection in self._live.mesh.connections.values():
                connection.rpc("evm_mine")
            self._passes.append(self._relayer.relay_once(lambda line: None))

    def _sign(self) -> None:
        while not self._stop.wait(0.02):
            for validator in self._validators:
                validator.pass_once()

    @property
    def passed(self) -> int:
        """Transfers that had waited, and that the relayer let pass."""
        return sum(settled.passed for one in self._passes for settled in one.settled)

    def rest(self) -> None:
        """Waits until a pass that began after this call had nothing to do."""
        seen = len(self._passes) + 1
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any(
                not (one.pending or one.not_final or any(s.transactions for s in one.settled))
                for one in self._passes[seen:]
            ):
                return
            time.sleep(0.05)
        raise AssertionError(f"still at work: {self._passes[-1]}")

    def __enter__(self) -> Carriers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for validator in self._validators:
            validator.record.close()
