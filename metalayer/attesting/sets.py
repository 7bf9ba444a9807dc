"""Which validator set each chain has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.abi import Logged
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.gateway import ROTATION_GRACE
from metalayer.protocol.rpc import block_request


@dataclass(frozen=True)
class Installation:
    """A set that a gateway installed, and the hash of the transaction in which it did."""

    validator_set: ValidatorSet
    transaction: str


@dataclass(frozen=True)
class ChainSets:
    """The sets that one chain had, the installed one last. `now` is its latest block's Unix time."""

    connection: Connection
    installations: Sequence[Installation]
    now: int

    @property
    def name(self) -> str:
        """The chain's."""
        return self.connection.name

    @property
    def seconds_left(self) -> int:
        """Until the installed set expires, by the chain's clock. Negative if it has: then the chain takes nothing from
        anywhere until another follows.
        """
        return self.installed.expires - self.now

    def may_follow(self, present: ValidatorSet) -> bool:
        """Whether the signatures of this set, if it is installed, can still bring the next one."""
        return self.now <= present.expires + ROTATION_GRACE

    @property
    def installed(self) -> ValidatorSet:
        """The set that counts now."""
        return self.installations[-1].validator_set


def read_sets(connection: Connection, address: str) -> ChainSets:
    """All sets that a chain's gateway had, in one round trip. MetalayerError if its logs do not name the one that it
    has.
    """
    history = gateway.VALIDATOR_SET_INSTALLED.history(address)
    installed, logged, block = connection.batch(
        [
            gateway.VALIDATOR_SET_HASH.optional(address),
            history,
            block_request(),
        ]
    )
    if installed is None:
        raise MetalayerError(f"{connection.name}: there is no gateway at {address}: deploy first")
    found = _up_to(installed, logged) or _up_to(installed, connection.again(history))
    if not found:
        raise MetalayerError(f"{connection.name}: no log names the validator set 0x{installed.hex()}")
    return ChainSets(connection, found, block.time)


def _up_to(installed: bytes, logged: Iterable[Logged[ValidatorSet]]) -> list[Installation]:
    """What was installed until the set with this hash was. Nothing if that is not there."""
    found = [Installation(validator_set, log.transaction) for validator_set, log in logged]
    # A set that was installed between the two answers may be there already.
    while found and found[-1].validator_set.hash != installed:
        found.pop()
    return found


def read_all(mesh: Mesh) -> tuple[list[ChainSets], dict[str, str]]:
    """The sets of all chains that answer, and why the others do not, by name; all chains in parallel."""

    def read(connection: Connection) -> ChainSets | str:
        try:
            return read_sets(connection, mesh.gateway)
        except MetalayerError as error:
            return fault(connection, error)

    answers = dict(zip(mesh.connections, in_parallel(read, mesh.connections.values()), strict=True))
    problems = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
    return [answer for answer in answers.values() if isinstance(answer, ChainSets)], problems
