"""How the contracts of a chain were created: by which code, with which arguments. The chain alone tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eth_abi.abi import decode
from eth_utils.abi import get_abi_input_types
from eth_utils.address import to_checksum_address

from metalayer.deploy.artifacts import Artifact
from metalayer.deploy.contracts import CONTRACTS, DEPLOY, placement
from metalayer.deploy.desired import Desired
from metalayer.deploy.journal import Creation
from metalayer.deploy.names import FACTORY, artifact_of
from metalayer.network.connection import Connection
from metalayer.network.rpc import BadAnswer, RpcError
from metalayer.protocol.abi import Event
from metalayer.protocol.hex import from_hex, to_hex
from metalayer.protocol.rpc import READ_FAULTS, Request, number, transaction_request, word

_DEPLOYED = Event("Deployed(address indexed,bytes32 indexed,address indexed)")
_TRACE = "debug_traceTransaction"
_CALLS = {"tracer": "callTracer"}

_Calls = list[tuple[str | None, bytes]]
"""To whom, and with which calldata."""


def creations(
    connection: Connection, desired: Desired, artifacts: Mapping[str, Artifact], names: Iterable[str]
) -> dict[str, Creation]:
    """Those of these contracts that the factory says it placed.

    Who is told to deploy something may do something else: only what the factory itself was called with counts. That is
    the calldata of a transaction to it, and in one to anybody else what its trace says. An approved hash is no proof: a
    controller that is a contract, or delegates to one (EIP-7702), needs none.
    """
    places = {desired.addresses[name]: name for name in names if name != FACTORY}
    if not places:
        return {}
    factory, namespace = desired.addresses[FACTORY], word(int(desired.deployer, 16))
    logs = connection.ask(_DEPLOYED.history(factory, namespace))
    own = [(places[event[2]], log) for event, log in logs if event[2] in places]
    sent = connection.batch(transaction_request(log.transaction) for _, log in own)
    traces: dict[str, _Calls | str] = {}
    found = {}
    for (name, log), transaction in zip(own, sent, strict=True):
        hash_, place = log.transaction, (factory, DEPLOY.selector + namespace + log.topics[2])
        creation = Creation(log.block, hash_, None)
        code = _brought([(transaction.to, transaction.data)], place)
        if code is None:
            made = traces[hash_] = traces[hash_] if hash_ in traces else _trace(connection, hash_)
            code = None if isinstance(made, str) else _brought(made, place)
            said = made if isinstance(made, str) else "its trace does not show how"
            through = transaction.to or "what it created"
            creation = creation._replace(doubt=f"{hash_} placed it through {through}: {said}")
        if code is not None:
            creation = _read(creation._replace(doubt=""), artifacts[artifact_of(name)], code)
        found[name] = creation
    return found


def placed_factory(
    connection: Connection, desired: Desired, artifacts: Mapping[str, Artifact], hash_: str
) -> Creation | None:
    """The creation of the factory, if that was a transaction with this hash."""

    def read(sent: Any) -> tuple[str | None, bytes, int] | None:
        return None if sent is None else (sent["to"], from_hex(sent["input"]), number(sent["blockNumber"]))

    sent = connection.ask(Request("eth_getTransactionByHash", (hash_,), read))
    to, data = placement(CONTRACTS[FACTORY], desired, artifacts[FACTORY])
    if sent is None or sent[0] is None or (to_checksum_address(sent[0]), sent[1]) != (to, data):
        return None
    return Creation(sent[2], hash_, {}, is_ours=True)


def _trace(connection: Connection, hash_: str) -> _Calls | str:
    """All calls that succeeded in a transaction; or in words why they are not known."""
    try:
        return connection.ask(Request(_TRACE, (hash_, _CALLS), lambda top: list(_succeeded(top))))
    except (RpcError, BadAnswer) as error:
        said = str(error).removeprefix(f"{connection.name}: ")
        return f"its node does not trace it ({_TRACE}: {said})"


def _succeeded(top: Any) -> Iterator[tuple[str | None, bytes]]:
    """Raises one of READ_FAULTS."""
    frames = [top]
    while frames:
        frame = frames.pop()
        if frame.get("error"):
            # All that it called is undone with it.
            continue
        # A contract that delegates to the factory's code places what it wants, but nowhere in the factory's name.
        if frame["type"] == "CALL":
            yield to_checksum_address(frame["to"]), from_hex(frame["input"])
        frames += frame.get("calls", [])


def _brought(calls: _Calls, place: tuple[str, bytes]) -> bytes | None:
    """Creation code and arguments for one place, out of calldata as the factory reads it, however it is encoded.

    place: the factory, and how such calldata begins. Only one call can succeed there: no other code is ever created.
    """
    for to, data in calls:
        if (to, data[:68]) == place:
            start = 4 + int.from_bytes(data[68:100])
            size = int.from_bytes(data[start : start + 32])
            return data[start + 32 : start + 32 + size]
    return None


def _read(creation: Creation, artifact: Artifact, code: bytes) -> Creation:
    if not code.startswith(artifact.creation):
        return creation._replace(is_ours=False)
    try:
        return creation._replace(arguments=_arguments(artifact, code), is_ours=True)
    except READ_FAULTS:
        return creation._replace(doubt=f"its arguments in {creation.hash} cannot be read")


def _arguments(artifact: Artifact, code: bytes) -> dict[str, Any]:
    """Of the constructor, behind its creation code. Raises one of READ_FAULTS."""
    constructor: Any = next((item for item in artifact.abi if item["type"] == "constructor"), None)
    if constructor is None:
        return {}
    values = decode(get_abi_input_types(constructor), code[len(artifact.creation) :])
    return _named(constructor["inputs"], values)


def _named(inputs: Iterable[Any], values: Iterable[Any]) -> dict[str, Any]:
    """As `Declaration.shown_arguments`."""
    return {
        entry["name"]: _shown(entry, entry["type"], value)
        for entry, value in zip(inputs, values, strict=True)
    }


def _shown(entry: Any, type_: str, value: Any) -> Any:
    if type_.endswith("]"):
        return [_shown(entry, type_[: type_.rindex("[")], one) for one in value]
    if type_ == "tuple":
        return _named(entry["components"], value)
    if type_ == "address":
        return to_checksum_address(value)
    return to_hex(value) if isinstance(value, bytes) else value
