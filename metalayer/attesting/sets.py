"""Which validator set each chain has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metalayer.errors import MetalayerError
from metalayer.network.connection import NODE_FAULTS, Connection, call_request, fault
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.hex import from_hex


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
        return self.connection.chain.name

    @property
    def installed(self) -> ValidatorSet:
        """The set that counts now."""
        return self.installations[-1].validator_set


def read_sets(connection: Connection, address: str) -> ChainSets:
    """All sets that a chain's gateway had, in one round trip. MetalayerError if its logs do not name the one that it
    has.
    """
    wanted = {
        "address": address,
        "topics": [gateway.topic("ValidatorSetInstalled")],
        "fromBlock": "0x0",
        "toBlock": "latest",
    }
    answer, logs, block = connection.batch(
        [
            call_request(address, gateway.encode_validator_set_hash()),
            ("eth_getLogs", (wanted,)),
            ("eth_getBlockByNumber", ("latest", False)),
        ]
    )
    name, installed = connection.chain.name, from_hex(answer)
    if not installed:
        raise MetalayerError(f"{name}: there is no gateway at {address}: deploy first")
    found = [Installation(gateway.decode_validator_set(log), log["transactionHash"]) for log in logs]
    # A set that was installed between the two answers is not there yet.
    while found and found[-1].validator_set.hash != installed:
        found.pop()
    if not found:
        raise MetalayerError(f"{name}: no log names the validator set 0x{installed.hex()}")
    return ChainSets(connection, found, int(block["timestamp"], 16))


def read_all(connections: Mapping[str, Connection], address: str) -> tuple[list[ChainSets], dict[str, str]]:
    """The sets of all chains that answer, and why the others do not, by name; all chains in parallel."""

    def read(connection: Connection) -> ChainSets | str:
        try:
            return read_sets(connection, address)
        except NODE_FAULTS as error:
            return fault(connection, error)

    answers = dict(zip(connections, in_parallel(read, connections.values()), strict=True))
    problems = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
    return [answer for answer in answers.values() if isinstance(answer, ChainSets)], problems


def set_status(connection: Connection, address: str) -> tuple[int, int, int]:
    """(version, Unix time at which it expires, seconds until then by the chain's clock) of the installed set.

    The seconds are negative if the set has expired: then the chain takes nothing from anywhere any more.
    """
    found = read_sets(connection, address)
    return found.installed.version, found.installed.expires, found.installed.expires - found.now
