"""Terms: the validator sets that Staking publishes on the hub, and when the next one may follow."""

from collections.abc import Sequence
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.protocol import staking
from metalayer.protocol.attestation import MIN_VALIDATORS, ValidatorSet
from metalayer.protocol.dates import utc
from metalayer.protocol.rpc import block_request


@dataclass(frozen=True)
class Term:
    """What Staking says at one block: version and expiry of the newest set, when that was published (Unix time),
    whether a slash has ended its term since, and how many seats are taken. `now` is the block's time.
    """

    version: int
    set_hash: bytes
    expires: int
    began: int
    ended: bool
    seated: int
    now: int

    @property
    def is_over(self) -> bool:
        """Whether the next set may be published, if there are validators for it."""
        return self.ended or self.now >= self.began + staking.TERM

    @property
    def outlook(self) -> str:
        """When the next set may follow, in words."""
        if self.ended:
            return f"a slash ended the term of validator set {self.version}: {self.version + 1} follows now"
        return f"validator set {self.version + 1} follows from {utc(self.began + staking.TERM)} on"

    @property
    def problem(self) -> str:
        """Why no set can follow, whoever tries. Empty if one can."""
        if self.seated >= MIN_VALIDATORS:
            return ""
        return (
            f"{self.seated} validators have seats, a validator set takes {MIN_VALIDATORS}: none follows set "
            f"{self.version}, which expires at {utc(self.expires)} (docs/incidents.md)"
        )


def read_term(connection: Connection, address: str) -> Term:
    """The hub's, at its latest block; two round trips."""
    version, expires, began, ended, seats, block = connection.batch(
        [
            staking.SET_VERSION.request(address),
            staking.SET_EXPIRES.request(address),
            staking.SET_AT.request(address),
            staking.TERM_ENDED.request(address),
            staking.TAKEN_SEATS.request(address),
            block_request(),
        ]
    )
    # Of one version it never changes.
    set_hash = connection.view(address, staking.SET_HASH, version)
    return Term(version, set_hash, expires, began, ended, len(seats), block.time)


def read_published(connection: Connection, address: str, newest: bytes) -> Sequence[ValidatorSet]:
    """All sets that were published, ascending, up to the one with this hash. MetalayerError if no log names that."""
    history = staking.SET_PUBLISHED.history(address)
    for logged in (connection.ask(history), connection.again(history)):
        found = [published for published, _ in logged]
        # What was published since is not asked for.
        while found and found[-1].hash != newest:
            found.pop()
        if found:
            return found
    raise MetalayerError(f"{connection.name}: no log names the validator set 0x{newest.hex()}")


def read_final(connection: Connection, address: str) -> bytes | None:
    """Hash of the newest set that the hub's final block has; None if Staking is younger."""
    final = connection.finalized()
    version = connection.ask(staking.SET_VERSION.optional(address, block=final))
    if not version:
        return None
    return connection.ask(staking.SET_HASH.request(address, version, block=final))


def read_newest(connection: Connection, address: str) -> ValidatorSet | None:
    """The newest set that the hub's final block has, None if Staking is younger. MetalayerError if no log names it."""
    newest = read_final(connection, address)
    return read_published(connection, address, newest)[-1] if newest else None
