"""What people write, value by value: numbers, moments, names, addresses. Files and options are read by the same rules.

Values stay text until the type of their field or option reads them, so nothing turns into a date, a truth value or a
number by its looks. A fault says what was expected and what was found.

An address is written in lower case, which carries no checksum, or with exactly the capitals of EIP-55.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from fractions import Fraction
from typing import Annotated, Any

from eth_utils.address import to_checksum_address
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

from metalayer.protocol.dates import DAY, UNITS, span

_BRIEF = re.compile(r"([1-9][0-9]{0,8})([dhms])", re.ASCII)
LAST_SECOND = 253_402_300_799
"""Unix time of the end of the year 9999: the last moment that has a date."""

_GROUPED = r"[1-9][0-9]*(_[0-9]+)*"
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*(?:_[0-9]+)*)", re.ASCII)
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*(?:_[0-9]+)*)(?:\.[0-9]+)?", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
# Longer ones are out of every range, and Python refuses to read numbers of some thousand digits.
_MOST_DIGITS = 100
_SHOWN = 60
_MOST_NAME = 200


class Plain(str):
    """A value without quotes. Only such a one is a number: `"1"` is a text."""

    __slots__ = ()


def hint(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'port'? expected one of …`, for a name that is none of the known ones."""
    names = list(known)
    near = get_close_matches(name, names, 1)
    return f"{f', did you mean {near[0]!r}?' if near else ':'} expected one of {', '.join(names) or 'none'}"


def found(value: Any) -> str:
    """What was there instead, as far as a person reads it."""
    if isinstance(value, dict):
        return "names with values"
    if isinstance(value, list):
        return "a list"
    if value == "" and isinstance(value, Plain):
        return "nothing"
    text = str(value)
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def printable(text: str) -> str:
    """One line that changes nothing on a terminal: other characters as Python writes them in ASCII."""
    words = " ".join(text.split())
    return words if words.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def one_line(text: str) -> str:
    """The same, no longer than people read."""
    return printable(text if len(text) <= 3 * _SHOWN else f"{text[: 3 * _SHOWN]}...")


def read_whole(value: Any, lowest: int, highest: int) -> int:
    """A whole number in digits, `_` between groups of them. ValueError with what is expected otherwise."""
    if isinstance(value, int) and not isinstance(value, bool):
        number: int | None = value
    elif _is_number(value, _WHOLE):
        number = int(value)
    else:
        number = None
    if number is None or not lowest <= number <= highest:
        raise ValueError(
            f"expected a whole number from {_power(lowest)} to {_power(highest)}, found {found(value)}"
        )
    return number


def read_decimal(value: Any, lowest: float, highest: float) -> float:
    """A decimal number such as 0.5, without an exponent. ValueError with what is expected otherwise."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number: float | None = float(value)
    else:
        number = float(value) if _is_number(value, _DECIMAL) else None
    if number is None or not lowest <= number <= highest:
        raise ValueError(f"expected a number from {lowest:g} to {highest:g}, found {found(value)}")
    return number


def read_exact(value: Any, highest: int) -> Fraction:
    """A decimal number from 0 on, exactly as it was written. ValueError with what is expected otherwise."""
    number = Fraction(value) if _is_number(value, _DECIMAL) else None
    if number is None or number > highest:
        raise ValueError(f"expected a number from 0 to {highest:,}, found {found(value)}")
    return number


def read_duration(value: Any, lowest: int, highest: int) -> int:
    """Seconds of a duration such as `2 days` or `1 hour`. ValueError with what is expected otherwise."""
    count, _, unit = str(value).partition(" ")
    size = UNITS.get(unit.removesuffix("s"), 0)
    seconds = int(count) * size if size and _is_number(Plain(count), _WHOLE) else -1
    if not isinstance(value, str) or not lowest <= seconds <= highest:
        raise ValueError(
            f"expected a duration such as `2 days`, from {span(lowest)} to {span(highest)}, found {found(value)}"
        )
    return seconds


def read_moment(value: Any) -> int:
    """Unix seconds of a moment: Unix seconds, or an ISO date (UTC if it names no zone), until the year 9999.

    ValueError with what is expected otherwise.
    """
    seconds = _moment(value)
    if seconds is None or not 0 < seconds <= LAST_SECOND:
        raise ValueError(f"expected Unix seconds or an ISO date, up to the year 9999, found {found(value)}")
    return seconds


def read_future(value: Any) -> int:
    """As `read_moment`. ValueError for the past, too."""
    seconds = read_moment(value)
    if seconds <= time.time():
        raise ValueError(f"expected a moment to come, found {found(value)}, which is in the past")
    return seconds


def _moment(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    if _is_number(Plain(value), _WHOLE):
        return int(value)
    try:
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def read_brief(value: Any, highest: int) -> int:
    """Seconds of a duration as it is typed: 14d, 36h, 90m or 30s. ValueError with what is expected otherwise."""
    match = _BRIEF.fullmatch(value) if isinstance(value, str) else None
    units = {unit[0]: size for unit, size in UNITS.items()}
    seconds = int(match[1]) * units[match[2]] if match else 0
    if not 0 < seconds <= highest:
        raise ValueError(
            f"expected a time such as 14d, 36h, 90m or 30s, up to {highest // DAY}d, found {found(value)}"
        )
    return seconds


def looks_like_address(text: str) -> bool:
    """True if it can only be meant as an address: no account has such a name."""
    return text[:2].lower() == "0x"


def read_address(text: str) -> str:
    """The checksummed address. ValueError, with the right one, if its capitals are not those of its checksum."""
    if not _ADDRESS.fullmatch(text):
        digits = f"{len(text) - 2} characters" if looks_like_address(text) else "no 0x"
        raise ValueError(f"expected an address, 0x and 40 hexadecimal digits, found {found(text)} ({digits})")
    checksummed = str(to_checksum_address(text))
    if text not in (checksummed, text.lower()):
        raise ValueError(
            f"the checksum of {text} is wrong: expected {checksummed}, if no digit was mistyped (EIP-55)"
        )
    return checksummed


def read_account(value: Any) -> str:
    """An account's name or address as it was written. ValueError if it can be neither."""
    name = read_name(value)
    if looks_like_address(name):
        read_address(name)
    return name


def read_contract(value: Any) -> str:
    """The checksummed address of a contract. ValueError as `read_address`, and for the zero address."""
    if not isinstance(value, str):
        raise ValueError(f"expected an address, 0x and 40 hexadecimal digits, found {found(value)}")
    address = read_address(value)
    if not int(address, 16):
        raise ValueError("expected the address of a contract, found the zero address")
    return address


def read_name(value: Any) -> str:
    """A text that is not empty and fits a line. ValueError otherwise."""
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_NAME or not value.isprintable():
        raise ValueError(f"expected a name of at most {_MOST_NAME} characters, found {found(value)}")
    return str(value)


@dataclass(frozen=True, eq=False)
class Reads:
    """How a field is read, for `Annotated`; and what an editor is told of it: a JSON schema, of YAML 1.2.

    Editors see values by their looks: digits are a number, and so is an address; with `_` between them they are a text.
    """

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def whole(lowest: int, highest: int) -> Reads:
    """Of a field: `Annotated[int, whole(1, 10)]`."""
    return Reads(lambda value: read_whole(value, lowest, highest), number_schema("integer", lowest, highest))


def decimal(lowest: float, highest: float) -> Reads:
    """Of a field: `Annotated[float, decimal(0, 10)]`."""
    return Reads(lambda value: read_decimal(value, lowest, highest), number_schema("number", lowest, highest))


def duration(lowest: int, highest: int) -> Reads:
    """Of a field in seconds: `Annotated[int, duration(HOUR, 30 * DAY)]`."""
    schema = {
        "type": "string",
        "pattern": f"^{_GROUPED} ({'|'.join(UNITS)})s?$",
        "description": f"A duration such as `2 days`, from {span(lowest)} to {span(highest)}.",
    }
    return Reads(lambda value: read_duration(value, lowest, highest), schema)


def matching(pattern: str, words: str) -> Reads:
    """Of a text field that matches a pattern from end to end; `words` say what is expected."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(f"expected {words}, found {found(value)}")
        return str(value)

    text = {"type": "string", "pattern": f"^(?:{pattern})$", "description": f"Expected: {words}."}
    looks_like_a_number = pattern.startswith("0x") or compiled.fullmatch("1")
    return Reads(read, {"anyOf": [text, {"type": "number"}]} if looks_like_a_number else text)


def number_schema(kind: str, lowest: float, highest: float) -> dict[str, Any]:
    """Of a number in a range, `_` between groups of its digits or not."""
    fraction = "" if kind == "integer" else r"(\.[0-9]+)?"
    grouped = {"type": "string", "pattern": rf"^-?[1-9][0-9]*(_[0-9]+)+{fraction}$"}
    return {"anyOf": [{"type": kind, "minimum": lowest, "maximum": highest}, grouped]}


def text_schema(pattern: str) -> dict[str, Any]:
    """Of a text that may also look like a number: `0x` and digits."""
    return {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "integer", "exclusiveMinimum": 0}]}


Name = Annotated[str, Reads(read_name, {"type": "string", "minLength": 1, "maxLength": _MOST_NAME})]
Account = Annotated[str, Reads(read_account, text_schema(r"^(0x[0-9a-fA-F]{40}|(?!0[xX]).+)$"))]
Contract = Annotated[str, Reads(read_contract, text_schema(r"^0x(?!0{40})[0-9a-fA-F]{40}$"))]


def _is_number(value: Any, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, Plain) and len(value) <= _MOST_DIGITS and pattern.fullmatch(value) is not None


def _power(number: int) -> str:
    """A number for people: 2^64-1 rather than 20 digits."""
    bits = number.bit_length()
    if bits > 32 and number == (1 << bits) - 1:
        return f"2^{bits}-1"
    return f"2^{bits - 1}" if bits > 32 and number == 1 << (bits - 1) else str(number)
