"""Values as proposals write them, by the types of the ABI: numbers with units, names of chains, contracts and accounts,
structs as mappings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from pydantic.alias_generators import to_camel

from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.intent import terms_between
from metalayer.errors import MetalayerError
from metalayer.governance.beside import MAX_FILE, read_beside
from metalayer.governance.faults import Findings
from metalayer.governance.names import Names
from metalayer.network.inputs import Place
from metalayer.network.values import Plain, found, hint, read_whole
from metalayer.protocol.amounts import era
from metalayer.protocol.hex import from_hex, to_hex

UNITS = {
    "wei": Fraction(1),
    "gwei": Fraction(10**9),
    "ether": Fraction(10**18),
    "ERA": Fraction(10**18),
    "seconds": Fraction(1),
    "minutes": Fraction(60),
    "hours": Fraction(3_600),
    "days": Fraction(86_400),
    "weeks": Fraction(604_800),
    "%": Fraction(100),
}
"""What a number is multiplied with. Percent become basis points."""
CHAIN = "{chain}"
"""Stands for the chain of an entry."""

_MEASURED = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?) ?([A-Za-z]+|%)", re.ASCII)
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ARRAY = re.compile(r"(.*)\[(\d*)\]")
_MOST_DIGITS = 100
_CHAIN_ID_BITS = 64


@dataclass(frozen=True)
class Value:
    """What is encoded, and how people read it."""

    plain: Any
    words: str


class Unreadable(Exception):
    """A value that is not of its type: where, below the value that was read, and what was expected."""

    def __init__(self, said: str, place: Sequence[str] = ()) -> None:
        super().__init__(said)
        self.said = said
        self.place = tuple(place)


@dataclass(frozen=True)
class Arguments:
    """Reads values of one entry for one chain. folder: of the proposal, where its files are."""

    names: Names
    chain: str
    folder: Path

    def read_all(
        self, entries: Sequence[Mapping[str, Any]], raw: Any, place: Place, findings: Findings
    ) -> list[Value] | None:
        """Arguments of a call, by name or in order. None, and findings, if one is wrong."""
        raw = self.substituted(raw)
        called = [entry["name"] or str(number) for number, entry in enumerate(entries)]
        if isinstance(raw, Plain) and raw == "":
            raw = []
        if isinstance(raw, str) and len(entries) == 1:
            raw = [raw]
        if not isinstance(raw, dict | list):
            findings.add(place, f"expected the arguments {_listed(entries)}, found {found(raw)}")
            return None
        if isinstance(raw, list):
            if len(raw) != len(entries):
                findings.add(
                    place, f"expected {len(entries)} arguments, {_listed(entries)}, found {len(raw)}"
                )
                return None
            raw, steps = dict(zip(called, raw, strict=True)), [str(number) for number in range(len(entries))]
        else:
            steps = called
        is_whole = True
        for name in raw:
            if name not in called:
                findings.add((*place, name), f"no argument{hint(name, called)}")
                is_whole = False
        values = []
        for entry, name, step in zip(entries, called, steps, strict=True):
            if name not in raw:
                findings.add(place, f"the argument `{name}` ({entry['type']}) is missing")
                is_whole = False
                continue
            try:
                value = self.read(entry, raw[name])
                values.append(
                    Value(value.plain, f"{entry['name']}: {value.words}" if entry["name"] else value.words)
                )
            except Unreadable as error:
                findings.add((*place, step, *error.place), error.said)
                is_whole = False
        return values if is_whole else None

    def read(self, entry: Mapping[str, Any], raw: Any) -> Value:
        """One value of the ABI's type. Unreadable with what was expected."""
        type_ = str(entry["type"])
        if array := _ARRAY.fullmatch(type_):
            return self._array({**entry, "type": array[1]}, int(array[2]) if array[2] else None, raw)
        if type_ == "tuple":
            return self._struct(entry, raw)
        try:
            return self._simple(type_, raw)
        except (ValueError, MetalayerError) as error:
            raise Unreadable(str(error)) from error

    def substituted(self, raw: Any) -> Any:
        """With this chain's name wherever it is meant."""
        if isinstance(raw, dict):
            # What `{chain}` without quotes is in YAML.
            if raw == {"chain": ""}:
                return self.chain
            return {name: self.substituted(value) for name, value in raw.items()}
        if isinstance(raw, list):
            return [self.substituted(value) for value in raw]
        if isinstance(raw, str) and CHAIN in raw:
            return type(raw)(raw.replace(CHAIN, self.chain))
        return raw

    def amount(self, raw: Any) -> int:
        """Wei of ether that a call pays. ValueError if it is none."""
        value, unit = _measured(raw) or (None, "")
        if unit not in ("ether", "gwei", "wei") and not (isinstance(raw, Plain) and raw == "0"):
            raise ValueError(f"expected an amount such as 1 ether, found {found(raw)}")
        return 0 if value is None else _bounded(value, 0, (1 << 128) - 1, raw)

    def data(self, raw: Any) -> bytes:
        """Bytes: in hexadecimal, those of a file beside the proposal, or a contract's creation code with its arguments.

        ValueError if it is nothing of that.
        """
        if isinstance(raw, dict) and "creation" in raw and set(raw) <= {"creation", "with"}:
            return self._creation(str(raw["creation"]), raw.get("with", []))
        if isinstance(raw, dict) and set(raw) == {"file"} and isinstance(raw["file"], str):
            return self._file(raw["file"])
        if not isinstance(raw, str) or not _HEX.fullmatch(raw):
            raise ValueError(f"expected bytes such as 0x12ef or {{file: data.bin}}, found {found(raw)}")
        return from_hex(raw)

    def _array(self, entry: Mapping[str, Any], length: int | None, raw: Any) -> Value:
        if not isinstance(raw, list):
            raise Unreadable(f"expected a list of {_type(entry)}, found {found(raw)}")
        if length is not None and len(raw) != length:
            raise Unreadable(f"expected {length} entries, found {len(raw)}")
        values = [_below(str(number), self.read, entry, one) for number, one in enumerate(raw)]
        return Value([value.plain for value in values], f"[{', '.join(value.words for value in values)}]")

    def _struct(self, entry: Mapping[str, Any], raw: Any) -> Value:
        components = entry["components"]
        fields = [component["name"] for component in components]
        if isinstance(raw, list) and len(raw) == len(fields):
            raw = dict(zip(fields, raw, strict=True))
        if not isinstance(raw, dict):
            raise Unreadable(f"expected names with values ({', '.join(fields)}), found {found(raw)}")
        given = dict(raw)
        if entry.get("internalType") == "struct Terms" and "preset" in given:
            given = {**self._terms(given.pop("preset"), given.pop("return", None)), **given}
        for name in given:
            if name not in fields:
                extra = ("preset", "return") if entry.get("internalType") == "struct Terms" else ()
                raise Unreadable(f"unknown name{hint(name, (*extra, *fields))}", (name,))
        if missing := [name for name in fields if name not in given]:
            raise Unreadable(f"`{missing[0]}` is missing")
        values = {
            name: _below(name, self.read, component, given[name])
            for name, component in zip(fields, components, strict=True)
        }
        words = ", ".join(f"{name}: {value.words}" for name, value in values.items())
        return Value(tuple(value.plain for value in values.values()), f"{{{words}}}")

    def _terms(self, preset: Any, back: Any) -> dict[str, Any]:
        """As `deploy plan` computes them: those of a route to a chain of a preset, and back to one of another."""
        if back is None:
            raise Unreadable("`return` is missing: the chain, or its preset, that what comes back returns to")
        destination = _below("preset", self._preset, preset)
        origin = _below("return", self._preset, back)
        return {to_camel(name): value for name, value in asdict(terms_between(origin, destination)).items()}

    def _preset(self, raw: Any) -> Any:
        try:
            return self.names.preset(str(raw))
        except MetalayerError as error:
            raise Unreadable(str(error)) from error

    def _simple(self, type_: str, raw: Any) -> Value:
        if type_ == "address":
            address = self._address(raw)
            called = self.names.called(address, self.chain)
            # Of an account by its name, which nobody else's commands know.
            is_named = isinstance(raw, str) and called == address and raw.lower() != address.lower()
            return Value(address, f"{raw} {address}" if is_named else called)
        if type_ == "bool":
            if not isinstance(raw, Plain) or raw not in ("true", "false"):
                raise ValueError(f"expected true or false, found {found(raw)}")
            return Value(raw == "true", str(raw))
        if type_ == "string":
            if not isinstance(raw, str):
                raise ValueError(f"expected a text, found {found(raw)}")
            return Value(str(raw), repr(str(raw)))
        if type_.startswith("bytes"):
            return self._bytes(type_, raw)
        if type_.startswith(("uint", "int")):
            return self._number(type_, raw)
        raise ValueError(f"values of type {type_} cannot be written in a file")

    def _address(self, raw: Any) -> str:
        if isinstance(raw, dict) and set(raw) == {"create3"} and isinstance(raw["create3"], str):
            return self.names.create3(raw["create3"])
        if isinstance(raw, dict) and set(raw) == {"representation", "home"}:
            return self.names.representation(str(raw["home"]), self._address(raw["representation"]))
        if not isinstance(raw, str) or not raw:
            raise ValueError(f"expected an address, an account or a contract, found {found(raw)}")
        try:
            return self.names.address(raw)
        except MetalayerError as error:
            contracts = sorted({name for by_name in self.names.contracts.values() for name in by_name})
            near = get_close_matches(raw, contracts, 1)
            meant = f", did you mean {near[0]!r}?" if near else f" (there are {', '.join(contracts)})"
            raise ValueError(f"no contract {found(raw)}{meant}; {error}") from error

    def _bytes(self, type_: str, raw: Any) -> Value:
        if isinstance(raw, dict) and set(raw) == {"keccak"}:
            inner = raw["keccak"]
            data = keccak(text=inner) if isinstance(inner, str) else keccak(self.data(inner))
            what = f"keccak of {_source(inner)}"
            if type_ != "bytes32":
                raise ValueError(f"expected {type_}, found a hash")
            return Value(data, f"{to_hex(data)} ({what})")
        data = self.data(raw)
        if type_ != "bytes" and len(data) != int(type_.removeprefix("bytes")):
            raise ValueError(f"expected {type_.removeprefix('bytes')} bytes, found {len(data)}")
        shown = to_hex(data) if len(data) <= 64 else f"{len(data)} bytes with hash {to_hex(keccak(data))}"
        return Value(data, shown)

    def _number(self, type_: str, raw: Any) -> Value:
        is_signed = type_.startswith("int")
        bits = int(type_.removeprefix("u").removeprefix("int") or 256)
        lowest, highest = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
        if isinstance(raw, str) and raw in self.names.network.chains and bits >= _CHAIN_ID_BITS:
            chain_id = self.names.network.chains[raw].chain_id
            return Value(chain_id, f"{raw} ({chain_id})")
        if measured := _measured(raw):
            number = _bounded(measured[0], lowest, highest, raw)
            shown = (
                f"{era(number)} ERA" if measured[1] == "ERA" else f"{number} ({' '.join(str(raw).split())})"
            )
            return Value(number, shown)
        try:
            return Value(number := read_whole(raw, lowest, highest), str(number))
        except ValueError as error:
            chains = self.names.network.chains
            if not isinstance(raw, str) or not raw.isidentifier() or bits < _CHAIN_ID_BITS:
                raise
            raise ValueError(f"{error}; and there is no chain of this name{hint(raw, chains)}") from error

    def _creation(self, contract: str, given: Any) -> bytes:
        """As `deploy` would create it: what ships in metalayer/artifacts."""
        artifact = load_artifacts([contract])[contract]
        inputs = [one for item in artifact.abi if item["type"] == "constructor" for one in item["inputs"]]
        if isinstance(given, dict):
            if set(given) != {one["name"] for one in inputs}:
                raise ValueError(
                    f"the constructor of {contract} takes {_listed(inputs)}, found {', '.join(given)}"
                )
            given = [given[one["name"]] for one in inputs]
        if not isinstance(given, list) or len(given) != len(inputs):
            raise ValueError(f"the constructor of {contract} takes {_listed(inputs)}, found {found(given)}")
        values = [self.read(entry, one).plain for entry, one in zip(inputs, given, strict=True)]
        return artifact.creation + encode([collapse_if_tuple(entry) for entry in inputs], values)

    def _file(self, name: str) -> bytes:
        try:
            data = read_beside(self.folder, name, MAX_FILE)
        except MetalayerError as error:
            raise ValueError(str(error)) from error
        if data is None:
            raise ValueError(f"there is no file {found(name)} beside the proposal")
        # What compilers write is hexadecimal.
        text = data.decode("ascii", "replace").strip()
        return from_hex(text) if text.startswith("0x") and _HEX.fullmatch(text) else data


def _measured(raw: Any) -> tuple[Fraction, str] | None:
    """Units times the number of `1.5 ERA`, and the unit. None if it has none. ValueError for a unit that is none."""
    match = _MEASURED.fullmatch(raw) if isinstance(raw, Plain) and len(raw) <= _MOST_DIGITS else None
    if match is None:
        return None
    unit = match[2] if match[2] in UNITS else f"{match[2]}s"
    if unit not in UNITS:
        raise ValueError(f"no unit {found(match[2])}{hint(match[2], UNITS)}")
    return Fraction(match[1].replace("_", "")) * UNITS[unit], unit


def _bounded(number: Fraction, lowest: int, highest: int, raw: Any) -> int:
    if number != int(number):
        raise ValueError(f"expected a whole number of its smallest unit, found {found(raw)}")
    return read_whole(int(number), lowest, highest)


def _source(raw: Any) -> str:
    """What bytes are taken of, in words."""
    if isinstance(raw, dict):
        return f"the creation code of {raw['creation']}" if "creation" in raw else str(raw.get("file"))
    return str(raw)


def _below(name: str, read: Callable[..., Any], *values: Any) -> Any:
    try:
        return read(*values)
    except Unreadable as error:
        raise Unreadable(error.said, (name, *error.place)) from error


def _type(entry: Mapping[str, Any]) -> str:
    return str(entry.get("internalType", entry["type"])).removeprefix("struct ").removesuffix("[]")


def _listed(entries: Sequence[Mapping[str, Any]]) -> str:
    shown = [f"{_type(entry)} {entry['name']}".strip() for entry in entries]
    return f"({', '.join(shown)})"
