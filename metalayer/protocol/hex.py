"""Bytes as 0x-prefixed text and back."""

import re

_LONG = re.compile(r"0x[0-9a-fA-F]{40,}")


def to_hex(data: bytes) -> str:
    """0x-prefixed hexadecimal."""
    return "0x" + data.hex()


def from_hex(text: str) -> bytes:
    """Bytes of 0x-prefixed hexadecimal."""
    return bytes.fromhex(text[2:])


def short(value: bytes | str) -> str:
    """Hashes and addresses shortened; other text as it is."""
    text = to_hex(value) if isinstance(value, bytes) else value
    return _LONG.sub(lambda match: f"{match[0][:10]}…{match[0][-4:]}", text)
