"""Where a contract keeps what: names of storage words from solc's storage layout, and of mapping keys from the
preimages of hashes.

https://docs.soliditylang.org/en/latest/internals/layout_in_storage.html; ERC-7201 for structs at a fixed place.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.hex import to_hex

Namer = Callable[[str], str]
"""A checksummed address as people know it, itself if they do not."""

# Of an array's elements, in words: no farther is looked for what a hash is the beginning of.
_FAR = 1 << 32


@dataclass(frozen=True)
class Type:
    """One type of a layout. `size` in bytes. `key` and `value` (or elements) are ids of types."""

    encoding: str
    label: str
    size: int
    key: str = ""
    value: str = ""
    members: tuple["Variable", ...] = ()

    @property
    def words(self) -> int:
        return -(-self.size // 32)


@dataclass(frozen=True)
class Variable:
    """A state variable, or a member of a struct: its slot, counted from the struct's, and its first byte there."""

    label: str
    slot: int
    offset: int
    type: str


@dataclass(frozen=True)
class Field:
    """One value in a word. path: `Metalayer._routes[904].baseFee`; variable: `Metalayer._routes`."""

    path: str
    variable: str
    label: str
    offset: int = 0
    size: int = 32

    def part(self, word: int) -> int:
        """Its bits of a word."""
        return word >> 8 * self.offset & (1 << 8 * self.size) - 1

    def put(self, word: int, value: int) -> int:
        """A word with this value in its place."""
        mask = (1 << 8 * self.size) - 1 << 8 * self.offset
        return word & ~mask | value << 8 * self.offset & mask

    def show(self, word: int, namer: Namer = str) -> str:
        """Its value in a word, as people write it."""
        return shown(self.label, self.part(word).to_bytes(self.size, "big"), namer)


class Layout:
    """The storage of one contract."""

    def __init__(self, contract: str, data: Mapping[str, Any]) -> None:
        self.contract = contract
        self._variables = [_variable(one) for one in data["storage"]]
        self._types = {
            id_: Type(
                one["encoding"],
                one["label"],
                int(one["size"]),
                one.get("key", ""),
                one.get("value", ""),
                tuple(map(_variable, one.get("members", ()))),
            )
            for id_, one in data["types"].items()
        }

    def slot(self, label: str) -> int:
        """Of a state variable. LookupError if there is none of that name."""
        for variable in self._variables:
            if variable.label == label:
                return variable.slot
        raise LookupError(f"{self.contract} keeps no {label}")

    def fields(self, slot: int, preimages: "Preimages", namer: Namer = str) -> list[Field]:
        """What is in a word, by offset. Empty if it is nothing that the layout and the preimages explain."""
        return [self._plain(field) for field in self._fields(slot, preimages, namer, 0)]

    def _plain(self, field: Field) -> Field:
        """Of what grows, its own word: the length of an array, the text of a string that is short."""
        type_ = self._types.get(field.label)
        if type_ is None:
            return field
        if type_.encoding == "dynamic_array":
            return Field(f"{field.path}.length", field.variable, "uint256")
        return Field(field.path, field.variable, "bytes32")

    def _fields(self, slot: int, preimages: "Preimages", namer: Namer, depth: int) -> list[Field]:
        found: list[Field] = []
        for one in self._variables:
            if one.slot <= slot < one.slot + self._types[one.type].words:
                name = f"{self.contract}.{one.label}"
                found += self._within(name, name, one.type, slot - one.slot, one.offset)
        if found:
            return found
        base = preimages.base(slot)
        if base is None or depth > 8:
            return []
        start, preimage = base
        for container in self._fields(int.from_bytes(preimage[-32:], "big"), preimages, namer, depth + 1):
            type_ = self._types.get(container.label)
            if type_ is None:
                continue
            if type_.encoding == "mapping" and len(preimage) > 32:
                key = shown(self._types[type_.key].label, preimage[:-32], namer)
                path = f"{container.path}[{key}]"
                return list(self._within(path, container.variable, type_.value, slot - start, 0))
            if type_.encoding == "dynamic_array" and len(preimage) == 32:
                return list(self._elements(container.path, container.variable, type_.value, slot - start))
            if type_.encoding == "bytes" and len(preimage) == 32:
                return [Field(f"{container.path}[{32 * (slot - start)}:]", container.variable, "bytes32")]
        return []

    def _within(self, path: str, variable: str, id_: str, word: int, offset: int) -> Iterator[Field]:
        """What a value of this type has in its word of that number."""
        type_ = self._types[id_]
        if type_.encoding != "inplace":
            if word == 0:
                yield Field(path, variable, id_)
        elif type_.members:
            for member in type_.members:
                if member.slot <= word < member.slot + self._types[member.type].words:
                    inner = f"{path}.{member.label}"
                    yield from self._within(inner, variable, member.type, word - member.slot, member.offset)
        elif type_.value:
            yield from self._elements(path, variable, type_.value, word)
        elif word == 0:
            yield Field(path, variable, type_.label, offset, type_.size)

    def _elements(self, path: str, variable: str, id_: str, word: int) -> Iterator[Field]:
        type_ = self._types[id_]
        if type_.size > 16:
            number, rest = divmod(word, type_.words)
            yield from self._within(f"{path}[{number}]", variable, id_, rest, 0)
        else:
            each = 32 // type_.size
            for place in range(each):
                inner = f"{path}[{word * each + place}]"
                yield from self._within(inner, variable, id_, 0, place * type_.size)


class Preimages:
    """What was hashed, by the hash: keys of mappings and places of arrays."""

    def __init__(self, hashed: Sequence[bytes] = ()) -> None:
        self._by_hash = {int.from_bytes(keccak(one), "big"): one for one in hashed if len(one) >= 32}

    @cached_property
    def _sorted(self) -> list[int]:
        return sorted(self._by_hash)

    def base(self, slot: int) -> tuple[int, bytes] | None:
        """The nearest hash at or below a slot, and what was hashed."""
        place = bisect_right(self._sorted, slot)
        if not place or slot - self._sorted[place - 1] > _FAR:
            return None
        start = self._sorted[place - 1]
        return start, self._by_hash[start]


def shown(label: str, value: bytes, namer: Namer = str) -> str:
    """A value of an elementary type, as people write it: numbers in digits, addresses by name."""
    number = int.from_bytes(value, "big")
    if label.startswith(("address", "contract")):
        return namer(to_checksum_address(value[-20:].rjust(20, b"\0")))
    if label == "bool":
        return "true" if number else "false"
    if label.startswith("uint") or label.startswith("enum"):
        return str(number)
    if label.startswith("int"):
        bits = int(label[3:] or 256)
        number &= (1 << bits) - 1
        return str(number - (1 << bits) if number >> bits - 1 else number)
    if label == "string":
        return repr(value.decode(errors="replace"))
    return to_hex(value)


def namespace(id_: str) -> int:
    """Slot of an ERC-7201 namespace."""
    inner = int.from_bytes(keccak(text=id_), "big") - 1
    return int.from_bytes(keccak(inner.to_bytes(32, "big")), "big") & ~0xFF


def _variable(data: Mapping[str, Any]) -> Variable:
    return Variable(data["label"], int(data["slot"]), int(data["offset"]), data["type"])
