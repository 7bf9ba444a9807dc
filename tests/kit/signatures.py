"""Signatures on secp256k1 as ERC-2098 has them, and ways to spoil one."""

from __future__ import annotations

from collections.abc import Callable

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of the group. A signature whose s is above half of it is malleated."""

Halves = tuple[bytes, bytes]
"""r, and s with the parity of y in its highest bit."""

_HIGH_BIT = 1 << 255


def _parity_flipped(r: bytes, vs: bytes) -> Halves:
    return r, (int.from_bytes(vs, "big") ^ _HIGH_BIT).to_bytes(32, "big")


def _other_s(r: bytes, vs: bytes) -> Halves:
    """The second valid form of plain ECDSA, n - s with the other parity, as far as ERC-2098 carries it."""
    value = int.from_bytes(vs, "big")
    parity, s = divmod(value, _HIGH_BIT)
    return r, (((1 - parity) * _HIGH_BIT) + ((ORDER - s) % _HIGH_BIT)).to_bytes(32, "big")


DEFECTS: dict[str, Callable[[bytes, bytes], Halves]] = {
    "zero": lambda r, vs: (bytes(32), bytes(32)),
    "r-zero": lambda r, vs: (bytes(32), vs),
    "s-zero": lambda r, vs: (r, bytes(32)),
    "r-is-the-order": lambda r, vs: (ORDER.to_bytes(32, "big"), vs),
    "r-all-ones": lambda r, vs: (b"\xff" * 32, vs),
    "s-just-too-high": lambda r, vs: (r, (ORDER // 2 + 1).to_bytes(32, "big")),
    "s-highest": lambda r, vs: (r, (_HIGH_BIT - 1).to_bytes(32, "big")),
    "parity-flipped": _parity_flipped,
    "malleated": _other_s,
    "swapped": lambda r, vs: (vs, r),
    "one-bit": lambda r, vs: (r, (int.from_bytes(vs, "big") ^ 1).to_bytes(32, "big")),
}
