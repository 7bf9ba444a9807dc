"""What a plan would send, for those who sign elsewhere: batches of Safe's Transaction Builder, and plain transactions.

Whoever has sent them in their order plans again: what follows from them is known then, and `apply` does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from metalayer.deploy.plan import Plan, PlannedStep
from metalayer.deploy.spending import gas_limit
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.pool import count_request
from metalayer.protocol.hex import to_hex

_KINDS = ("safe", "transactions")
_VERSION = "1.0"
_BUILDER = "1.18.2"
# A Safe runs a batch as one transaction: checks of signatures and calls need some gas, too.
_BATCH_GAS = MAX_TRANSACTION_GAS * 9 // 10


@dataclass(frozen=True)
class Batch:
    """What one account sends on one chain without waiting for others, as one transaction if it is a Safe."""

    chain: str
    chain_id: int
    number: int
    sender: str
    steps: tuple[PlannedStep, ...]

    @property
    def name(self) -> str:
        """Of its files: in the order of sending."""
        return f"{self.chain}-{self.number:02d}-{self.sender}"


def batches(plan: Plan) -> list[Batch]:
    """By chain, in the order of sending: each when those before it on its chain are mined."""
    found = []
    for chain, steps in plan.chains.items():
        missing = [planned for planned in steps if planned.step.is_missing]
        chunks = (
            (sender, chunk)
            for sender, group in groupby(missing, key=lambda planned: planned.step.sender)
            for chunk in _chunks(group)
        )
        chain_id = plan.resolved.chains[chain].chain.chain_id
        found += [
            Batch(chain, chain_id, number, sender, tuple(chunk))
            for number, (sender, chunk) in enumerate(chunks, 1)
        ]
    return found


def _chunks(steps: Iterable[PlannedStep]) -> Iterator[list[PlannedStep]]:
    chunk: list[PlannedStep] = []
    for planned in steps:
        if chunk and sum(gas_limit(one.gas) for one in (*chunk, planned)) > _BATCH_GAS:
            yield chunk
            chunk = []
        chunk.append(planned)
    yield chunk


def write_unsigned(plan: Plan, connections: Mapping[str, Connection], folder: Path) -> list[Path]:
    """Two files for each batch: `….safe.json` and `….transactions.json`. Nonces and fees of the latter are of now.

    Those that another plan left there for these chains are removed: somebody would sign them with the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for chain, kind in product(plan.chains, _KINDS):
        for old in folder.glob(f"{chain}-[0-9]*-0x*.{kind}.json"):
            old.unlink()
    written = []
    nonces: dict[tuple[str, str], int] = {}
    for batch in batches(plan):
        connection, account = connections[batch.chain], (batch.chain, batch.sender)
        if account not in nonces:
            nonces[account] = connection.ask(count_request(batch.sender, "latest"))
        plain = _plain(batch, connection.offer().fields(), nonces[account])
        nonces[account] += len(batch.steps)
        for kind, content in zip(_KINDS, (safe_batch(batch), plain), strict=True):
            path = folder / f"{batch.name}.{kind}.json"
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            written.append(path)
    return written


def safe_batch(batch: Batch) -> dict[str, Any]:
    """As Safe's Transaction Builder imports it. Equal for equal steps: it does not say when it was made."""
    steps = [planned.step for planned in batch.steps]
    content: dict[str, Any] = {
        "version": _VERSION,
        "chainId": str(batch.chain_id),
        "createdAt": 0,
        "meta": {
            "name": f"{batch.chain}, batch {batch.number} of the deployment",
            "description": ", ".join(step.name for step in steps),
            "txBuilderVersion": _BUILDER,
            "createdFromSafeAddress": batch.sender,
            "createdFromOwnerAddress": "",
        },
        "transactions": [
            {
                "to": step.to,
                "value": "0",
                "data": to_hex(step.data),
                "contractMethod": None,
                "contractInputsValues": None,
            }
            for step in steps
        ],
    }
    return content | {"meta": {**content["meta"], "checksum": checksum(content)}}


def checksum(batch: Mapping[str, Any]) -> str:
    """What the Transaction Builder compares when it imports a batch: of all but the name, and this."""
    meta = {name: value for name, value in batch["meta"].items() if name != "checksum"} | {"name": None}
    return to_hex(keccak(text=_canonical({**batch, "meta": meta})))


def _canonical(value: Any) -> str:
    """As the Transaction Builder writes it: the sorted names of an object, and then its values, each with a comma."""
    if isinstance(value, dict):
        names = sorted(value)
        return f"{{{_json(names)}{''.join(f'{_canonical(value[name])},' for name in names)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_canonical, value))}]"
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _plain(batch: Batch, fees: Mapping[str, int], nonce: int) -> list[dict[str, Any]]:
    """As `eth_signTransaction` takes them, each with what it is for."""
    return [
        {
            "step": planned.step.name,
            "from": batch.sender,
            "to": planned.step.to,
            "value": "0x0",
            "data": to_hex(planned.step.data),
            "chainId": hex(batch.chain_id),
            "nonce": hex(place),
            "gas": hex(gas_limit(planned.gas)),
            **{name: hex(value) for name, value in fees.items()},
        }
        for place, planned in enumerate(batch.steps, nonce)
    ]
