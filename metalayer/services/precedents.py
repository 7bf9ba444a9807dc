"""What has to be executed before a proposal's decisions, and is not yet: done on the forks as its file says."""

from __future__ import annotations

from pathlib import Path

from eth_utils.crypto import keccak

from metalayer.deploy.artifacts import load_layout
from metalayer.deploy.names import REMOTE_GOVERNOR, TIMELOCK
from metalayer.errors import MetalayerError
from metalayer.governance.built import BUILD_FILE, Built, BuiltDecision
from metalayer.governance.names import Names
from metalayer.network.connection import Connection
from metalayer.protocol import decisions
from metalayer.protocol.decisions import NOTHING, DecisionState
from metalayer.protocol.hex import to_hex
from metalayer.protocol.layouts import Preimages
from metalayer.protocol.rpc import word
from metalayer.services.acting import act
from metalayer.services.deciding import Failed
from metalayer.services.forks import Forks

_EXECUTED = 2
"""Of the contract's `DecisionOutcome`."""


def precede(forks: Forks, names: Names, built: Built, folder: Path) -> list[str]:
    """Executes precedents that other proposals beside this one have. What was assumed so.

    What no file has is left as it is: then the decision's own execution says that it is missing. Failed if one fails.
    """
    own = {one.id for one in built.decisions}
    assumed = []
    for one in built.decisions:
        if one.precedent == NOTHING or one.precedent in own:
            continue
        connection, remote = forks.mesh.connections[one.chain], names.on(one.chain, REMOTE_GOVERNOR)
        if connection.view(remote, decisions.STATE_OF, one.precedent) is DecisionState.EXECUTED:
            continue
        for other, before in _beside(folder, one.chain, one.precedent):
            _execute(connection, names, other, before)
            _mark(connection, remote, one.precedent)
            assumed.append(
                f"decision {to_hex(one.precedent)} of {other} was executed on {one.chain} before, as `after` says: its "
                "timelock did what it says"
            )
    return assumed


def _beside(folder: Path, chain: str, id_: bytes) -> list[tuple[str, BuiltDecision]]:
    """The decision in another proposal's build.json, with the name of that: none, or one."""
    for path in sorted(folder.parent.glob(f"*/{BUILD_FILE}")):
        try:
            other = Built.load(path.parent)
        except MetalayerError:
            continue
        for one in other.decisions_on(chain):
            if one.id == id_:
                return [(other.name, one)]
    return []


def _execute(connection: Connection, names: Names, other: str, before: BuiltDecision) -> None:
    timelock = names.on(connection.name, TIMELOCK)
    for action in before.actions:
        done = act(connection, timelock, action.target, action.calldata, action.value)
        if not done.succeeded:
            why = done.frame().reason
            raise Failed(
                f"{connection.name}: what has to be executed before, {other}, fails: {action.words}: {why}"
            )


def _mark(connection: Connection, remote: str, id_: bytes) -> None:
    """Says in RemoteGovernor's storage that a decision was executed now, and reads it back."""
    values = {"outcome": _EXECUTED, "executedAt": connection.block().time}
    layout = load_layout(REMOTE_GOVERNOR)
    preimage = id_ + word(layout.slot("_records"))
    start = int.from_bytes(keccak(preimage), "big")
    for slot in (start, start + 1):
        for field in layout.fields(slot, Preimages([preimage])):
            value = values.get(field.path.rpartition(".")[2])
            if value is not None:
                found = int(connection.rpc("eth_getStorageAt", remote, hex(slot), "latest"), 16)
                connection.rpc(
                    "anvil_setStorageAt", remote, f"0x{slot:064x}", f"0x{field.put(found, value):064x}"
                )
    if connection.view(remote, decisions.STATE_OF, id_) is not DecisionState.EXECUTED:
        raise MetalayerError(f"{connection.name}: where RemoteGovernor keeps decisions is not known")
