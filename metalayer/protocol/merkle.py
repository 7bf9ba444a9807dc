"""Merkle trees in the format of OpenZeppelin's merkle-tree, `StandardMerkleTree` of `[address, uint256]`.

A leaf is the hash of the hash of its ABI-encoded values; an inner node the hash of its two children, the lesser first.
Leaves are sorted by their hash. As an array: the root is the first, the children of node i are at 2i + 1 and 2i + 2,
and the leaves come last, the greatest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError
from metalayer.protocol.hex import from_hex, to_hex

FORMAT = "standard-v1"
ENCODING = ["address", "uint256"]

Progress = Callable[[int], None]
"""Called with how many more leaves are hashed."""
_REPORTED = 1_000


def leaf(account: str, amount: int) -> bytes:
    """Of a checksummed account and an amount in wei."""
    return keccak(keccak(encode(ENCODING, [account, amount])))


def node(one: bytes, other: bytes) -> bytes:
    """What stands above two nodes, in whichever order."""
    return keccak(one + other if one < other else other + one)


def climb(start: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to."""
    for sibling in proof:
        start = node(start, sibling)
    return start


@dataclass(frozen=True)
class Tree:
    """`nodes` as the module says; `values`, in the order of the list they came from, and the node of each."""

    nodes: list[bytes]
    values: list[tuple[str, int]]
    places: list[int]

    @classmethod
    def of(cls, values: Sequence[tuple[str, int]], progress: Progress = lambda count: None) -> Tree:
        """Of accounts, checksummed, with amounts in wei. ValueError without any."""
        if not values:
            raise ValueError("a tree has at least one leaf")
        hashes: list[bytes] = []
        for account, amount in values:
            hashes.append(keccak(keccak(bytes(12) + to_canonical_address(account) + amount.to_bytes(32))))
            if len(hashes) % _REPORTED == 0:
                progress(_REPORTED)
        progress(len(hashes) % _REPORTED)
        size = 2 * len(hashes) - 1
        nodes, places = [b""] * size, [0] * len(hashes)
        for rank, position in enumerate(sorted(range(len(hashes)), key=hashes.__getitem__)):
            places[position] = size - 1 - rank
            nodes[size - 1 - rank] = hashes[position]
        for parent in range(len(hashes) - 2, -1, -1):
            nodes[parent] = node(nodes[2 * parent + 1], nodes[2 * parent + 2])
        return cls(nodes, list(values), places)

    @property
    def root(self) -> bytes:
        return self.nodes[0]

    @property
    def total(self) -> int:
        """Wei of all leaves."""
        return sum(amount for _, amount in self.values)

    def proof(self, position: int) -> list[bytes]:
        """The siblings from the leaf of a value up to the root."""
        place, siblings = self.places[position], []
        while place:
            siblings.append(self.nodes[place - 1 if place % 2 == 0 else place + 1])
            place = (place - 1) // 2
        return siblings

    def dump(self) -> dict[str, Any]:
        """As `StandardMerkleTree.load` of the package reads it, and `load` here."""
        return {
            "format": FORMAT,
            "leafEncoding": ENCODING,
            "tree": [to_hex(one) for one in self.nodes],
            "values": [
                {"value": [account, str(amount)], "treeIndex": place}
                for (account, amount), place in zip(self.values, self.places, strict=True)
            ],
        }


def load(content: Any, progress: Progress = lambda count: None) -> Tree:
    """The tree of a dump, built again from its values. MetalayerError, one line, if the dump is none, or says of any
    node or place something else than follows from its values.
    """
    try:
        kind, encoding, dumped = content["format"], content["leafEncoding"], content["tree"]
        values = [(str(entry["value"][0]), _amount(entry["value"][1])) for entry in content["values"]]
        places = [entry["treeIndex"] for entry in content["values"]]
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise MetalayerError(f"not a tree of the format {FORMAT}: {type(error).__name__} {error}") from error
    if kind != FORMAT or encoding != ENCODING:
        raise MetalayerError(f"expected a tree of the format {FORMAT} with leaves of {ENCODING}")
    for account, _ in values:
        _require_address(account)
    if not values:
        raise MetalayerError("the tree has no leaves")
    tree = Tree.of([(str(to_checksum_address(account)), amount) for account, amount in values], progress)
    if places != tree.places or dumped != [to_hex(one) for one in tree.nodes]:
        raise MetalayerError("the tree's nodes are not those of its values: build it again")
    return tree


def _amount(value: Any) -> int:
    """JavaScript writes a uint256 as a text."""
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal() or int(value) >= 1 << 256:
        raise ValueError(f"{value!r} is no amount in wei")
    return int(value)


def _require_address(account: str) -> None:
    try:
        is_one = account.startswith("0x") and len(from_hex(account)) == 20
    except ValueError:
        is_one = False
    if not is_one:
        raise MetalayerError(f"'{account}' in the tree is no address")
