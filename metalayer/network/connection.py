"""A connection to one chain: what it says, and transactions that are sent to it."""

from collections.abc import Sequence
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.network.config import Network
from metalayer.network.log_reader import LogReader
from metalayer.network.rpc import REQUEST_TIMEOUT
from metalayer.network.sending import Sending
from metalayer.protocol.abi import Function, Value
from metalayer.protocol.rpc import (
    Block,
    Log,
    Request,
    Topic,
    block_request,
    call_request,
    code_request,
    logs_request,
    number,
    quantity,
)


class Connection(LogReader, Sending):
    """One chain. Safe to share between threads."""

    @property
    def name(self) -> str:
        """The chain's."""
        return self.chain.name

    @property
    def chain_id(self) -> int:
        """The chain's, as configured."""
        return self.chain.chain_id

    def call(
        self,
        to: str,
        data: bytes,
        block: int | str = "latest",
        *,
        sender: str | None = None,
        gas: int | None = None,
    ) -> bytes:
        """Return data of `eth_call`. Raises Reverted with the decoded reason."""
        return self.ask(call_request(to, data, block, sender=sender, gas=gas))

    def view(self, to: str, function: Function[Value], *values: Any) -> Value:
        """What a view says at the latest block."""
        return self.ask(function.request(to, *values))

    def logs(self, address: str, topics: Sequence[Topic], first: int, last: int) -> list[Log]:
        """Logs of the blocks `first` to `last`, both included."""
        return self.ask(logs_request(address, topics, first, last)) if first <= last else []

    def height(self) -> int:
        """Number of the latest block."""
        return self.ask(quantity("eth_blockNumber"))

    def finalized(self) -> int:
        """Number of the newest block that counts as final."""
        return self.ask(self.final_request)

    @property
    def final_request(self) -> Request[int]:
        """Asks for that number: what the chain's tag names, or the chain's finality in blocks below the latest."""
        return believed_request(self.chain.preset.finality)

    def block(self, block: int | str = "latest") -> Block:
        """One block. BadAnswer if there is no such block."""
        return self.ask(block_request(block))

    def code(self, address: str, block: int | str = "latest") -> bytes:
        """Runtime code at an address, empty if none."""
        return self.ask(code_request(address, block))


def connect(network: Network, timeout: float = REQUEST_TIMEOUT) -> dict[str, Connection]:
    """One connection per chain of the network, by name. Nothing is requested yet."""
    return {name: Connection(chain, timeout) for name, chain in network.chains.items()}


def fault(connection: Connection, error: MetalayerError) -> str:
    """One line about what went wrong with a chain's node, with the chain's name."""
    said = str(error)
    return (
        said
        if said.startswith((f"{connection.name}:", f"{connection.name} "))
        else f"{connection.name}: {said}"
    )


def believed_request(finality: int | str) -> Request[int]:
    """Asks for the number of the newest block that somebody believes: what a tag names, or so many below the latest."""
    if isinstance(finality, int):
        return Request("eth_blockNumber", (), lambda result: max(0, number(result) - finality))

    def read(block: Any) -> int:
        if block is None:
            raise ValueError(f"there is no `{finality}` block")
        return Block.read(block).number

    return Request("eth_getBlockByNumber", (finality, False), read)
