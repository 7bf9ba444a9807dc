"""Calls that a proposal's file names, checked against the ABIs: what is called, with which bytes, in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import abi_to_signature, collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.deploy.names import EXPECT
from metalayer.errors import MetalayerError
from metalayer.governance.arguments import Arguments, Unreadable
from metalayer.governance.built import Action
from metalayer.governance.faults import Findings
from metalayer.governance.names import Names
from metalayer.governance.written import Entry, Expectation, call_parts
from metalayer.network.inputs import Place
from metalayer.network.values import Plain, found, hint
from metalayer.protocol import decisions
from metalayer.protocol.decisions import NOTHING
from metalayer.protocol.hex import to_hex

NO_CODE = NOTHING
_WORD = 32
_NOW = "now"


@dataclass(frozen=True)
class Expected:
    """What a call of a view has to return, or the code that an account has to have (`calldata` is empty then).

    index: which word of what is returned counts; None for all of it. value: that word, the hash of all, or the code's.
    type: of what is compared; `{words}` in `sentence` is how `value` reads.
    """

    line: int
    target: str
    calldata: bytes
    index: int | None
    value: bytes
    type: str
    sentence: str

    def holds(self, returned: bytes) -> bool:
        """Whether this is what was expected: of `returned`, or of an account's code."""
        return self.of(returned) == self.value

    def of(self, returned: bytes) -> bytes:
        """What counts of it: empty if it is too short."""
        if self.index is None:
            return keccak(returned) if returned or self.calldata else NO_CODE
        word = returned[self.index * _WORD : (self.index + 1) * _WORD]
        return word if len(word) == _WORD else b""

    def words(self, returned: bytes) -> str:
        """What was found, for people."""
        counted = self.of(returned)
        if not self.calldata:
            return to_hex(counted)
        try:
            (value,) = decode([self.type], counted if self.index is not None else returned)
        except (DecodingError, OverflowError):
            return f"0x{returned[:100].hex()}"
        return _shown(self.type, value)

    def action(self, names: Names, chain: str) -> Action:
        """Call of the contract Expect that reverts unless this is so. MetalayerError if there is none on that chain."""
        function, data = decisions.EXPECT_CODE, decisions.EXPECT_CODE.encode(self.target, self.value)
        if self.calldata and self.index is None:
            function = decisions.EXPECT_RESULT
            data = function.encode(self.target, self.calldata, self.value)
        elif self.calldata:
            function = decisions.EXPECT_WORD
            data = function.encode(self.target, self.calldata, self.index, self.value)
        to = names.on(chain, EXPECT)
        return Action(EXPECT, function.signature, to, 0, data, NO_CODE, (self.sentence,), self.line)


@dataclass(frozen=True)
class Resolver:
    """Resolves entries for one chain. What is wrong is added to the findings."""

    names: Names
    chain: str
    arguments: Arguments
    findings: Findings

    def action(self, entry: Entry) -> Action | None:
        """The call that an entry names; its code is not read yet. None, and findings, if something is wrong."""
        if entry.function in ("pay", "raw"):
            return self._raw(entry)
        contract, _, name = entry.function.partition(".")
        resolved = self._function(contract, name, entry.place)
        if resolved is None:
            return None
        target, item = resolved
        if item["stateMutability"] in ("view", "pure"):
            self.findings.add(entry.place, f"{entry.function} changes nothing: it is a view")
            return None
        value = self._value(entry)
        if value and item["stateMutability"] != "payable":
            self.findings.add(entry.place, f"{entry.function} takes no ether")
            return None
        values = self.arguments.read_all(item["inputs"], entry.arguments, entry.place, self.findings)
        if values is None or value is None:
            return None
        data = _call(item, [one.plain for one in values])
        words = tuple(one.words for one in values)
        return Action(contract, abi_to_signature(item), target, value, data, NO_CODE, words, entry.line)

    def expected(self, expectation: Expectation) -> Expected | None:
        """What an expectation says. None, and findings, if something is wrong with it."""
        try:
            return self._code(expectation) if expectation.is_code else self._result(expectation)
        except Unreadable as error:
            self.findings.add((*expectation.place, "is", *error.place), error.said)
        except (MetalayerError, ValueError) as error:
            self.findings.add(expectation.place, str(error))
        return None

    def _raw(self, entry: Entry) -> Action | None:
        given: Mapping[str, Any] = self.arguments.substituted(entry.arguments)
        try:
            target = self.names.address(str(given["to"]))
            data = self.arguments.data(given["data"]) if entry.function == "raw" else b""
        except (MetalayerError, ValueError) as error:
            self.findings.add(entry.place, str(error))
            return None
        value = self._value(entry)
        if value == 0 and not data:
            self.findings.add(entry.place, "nothing is paid and nothing is called")
            return None
        name = self.names.contract_at(target, self.chain) or target
        return None if value is None else Action(name, "", target, value, data, NO_CODE, (), entry.line)

    def _value(self, entry: Entry) -> int | None:
        if entry.value is None:
            return 0
        try:
            return self.arguments.amount(entry.value)
        except ValueError as error:
            place = (
                (*entry.place, "value") if entry.function in ("pay", "raw") else (*entry.place[:-1], "value")
            )
            self.findings.add(place, str(error))
            return None

    def _function(self, contract: str, name: str, place: Place) -> tuple[str, Any] | None:
        """Address of a contract on this chain, and the ABI of one of its functions: by its name, or by its signature if
        several have it.
        """
        try:
            target, abi = self.names.on(self.chain, contract), self.names.abi_of(contract)
        except MetalayerError as error:
            self.findings.add(place, str(error))
            return None
        functions = [item for item in abi if item["type"] == "function"]
        matching = [item for item in functions if name in (item["name"], abi_to_signature(item))]
        if len(matching) == 1:
            return target, matching[0]
        if matching:
            known = " or ".join(abi_to_signature(item) for item in matching)
            self.findings.add(place, f"{contract} has several functions {name}: write {known}")
        else:
            near = get_close_matches(name, [item["name"] for item in functions], 1)
            meant = f", did you mean {near[0]!r}?" if near else f": see metalayer/artifacts/{contract}.json"
            self.findings.add(place, f"{contract} has no function {found(name)}{meant}")
        return None

    def _result(self, expectation: Expectation) -> Expected | None:
        parts = call_parts(expectation.call)
        assert parts is not None, "the file was read"
        contract, name, raw, fields = parts
        call = (*expectation.place, "call")
        resolved = self._function(contract, name, call)
        if resolved is None:
            return None
        target, item = resolved
        if item["stateMutability"] not in ("view", "pure"):
            self.findings.add(call, f"{contract}.{name} is no view: it cannot be asked")
            return None
        values = self.arguments.read_all(
            item["inputs"], [Plain(one) for one in raw or ()], call, self.findings
        )
        if values is None:
            return None
        data = _call(item, [one.plain for one in values])
        index, output = _part(item["outputs"], fields, f"{contract}.{name}")
        wanted = self.arguments.read(output, self.arguments.substituted(expectation.expected))
        type_ = collapse_if_tuple(output)
        encoded = encode([type_], [wanted.plain])
        value = encoded if index is not None else keccak(encoded)
        shown = self.arguments.substituted(expectation.call)
        return Expected(expectation.line, target, data, index, value, type_, f"{shown} is {wanted.words}")

    def _code(self, expectation: Expectation) -> Expected | None:
        name = self.arguments.substituted(expectation.call)
        target = self.names.address(name)
        wanted = self.arguments.read({"type": "bytes32", "name": ""}, expectation.expected)
        sentence = f"code of {name} is {wanted.words}"
        return Expected(expectation.line, target, b"", None, wanted.plain, "bytes32", sentence)


def _call(item: Any, values: list[Any]) -> bytes:
    types = [collapse_if_tuple(entry) for entry in item["inputs"]]
    return keccak(text=abi_to_signature(item))[:4] + encode(types, values)


def _part(outputs: list[Any], fields: list[str], call: str) -> tuple[int | None, Any]:
    """Which word of the returned ones is meant, None for all, and its ABI. ValueError if it is no single one."""
    if not outputs:
        raise ValueError(f"{call} returns nothing")
    entries, index, shown = outputs, 0, call
    if len(outputs) == 1 and (not fields or fields[0] != outputs[0]["name"]):
        (entry,) = outputs
        if not fields:
            return (0 if _words(entry) == 1 else None), entry
        if not entry["type"] == "tuple" or _words(entry) is None:
            raise ValueError(f"{call} returns {entry['type']}: no part of it can be asked for alone")
        entries = entry["components"]
    elif not fields:
        known = ", ".join(f"{call}.{one['name'] or number}" for number, one in enumerate(outputs))
        raise ValueError(f"{call} returns several values: expected one of {known}")
    for depth, field in enumerate(fields):
        names = [one["name"] or str(number) for number, one in enumerate(entries)]
        if field not in names:
            raise ValueError(f"{shown} has no {found(field)}{hint(field, names)}")
        position = names.index(field)
        # A dynamic value takes one word where it stands: the place of its content.
        index += sum(_words(one) or 1 for one in entries[:position])
        entry, shown = entries[position], f"{shown}.{field}"
        if depth < len(fields) - 1:
            if entry["type"] != "tuple" or _words(entry) is None:
                raise ValueError(f"{shown} is {entry['type']}: no part of it can be asked for alone")
            entries = entry["components"]
    if _words(entry) != 1:
        raise ValueError(f"{shown} is {entry['type']}: expected one word of it, or all that the call returns")
    return index, entry


def _words(entry: Mapping[str, Any]) -> int | None:
    """How many words a value takes, None if that depends on it."""
    type_ = str(entry["type"])
    if type_ == "tuple":
        sizes = [_words(one) for one in entry["components"]]
        return None if None in sizes else sum(size for size in sizes if size is not None)
    return None if type_ in ("bytes", "string") or type_.endswith("]") else 1


def _shown(type_: str, value: Any) -> str:
    if type_ == "address":
        return str(to_checksum_address(value))
    return (
        to_hex(value) if isinstance(value, bytes) else str(value).lower() if type_ == "bool" else str(value)
    )
