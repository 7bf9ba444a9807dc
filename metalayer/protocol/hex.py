"""Bytes as 0x-prefixed text and back."""


def to_hex(data: bytes) -> str:
    """0x-prefixed hexadecimal."""
    return "0x" + data.hex()


def from_hex(text: str) -> bytes:
    """Bytes of 0x-prefixed hexadecimal."""
    return bytes.fromhex(text[2:])
