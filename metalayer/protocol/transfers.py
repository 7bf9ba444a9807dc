"""What token bridges tell each other, and what follows from it: the mirror of `bridge/libraries/Transfers.sol` and
`bridge/types/Transfer.sol`, tested against both.

Amounts are in a token's smallest unit, prepaid fees in gwei of ERA, times Unix seconds. Addresses are checksummed.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.create3 import create2_address

TIP_PARTS = 10**9
"""A tip is in so many parts of the amount."""
MAX_DATA_LENGTH = 4_096
"""Longest data for a recipient, in bytes."""
MAX_AMOUNT = 2**128 - 1
"""Most that one transfer can carry."""
LIFETIME = 14 * 86_400
"""Seconds after which a transfer that did not arrive returns, if its sender says nothing else."""
MIN_LIFETIME = 3_600
MAX_LIFETIME = 30 * 86_400
WAITING_TIME = 86_400
"""Seconds after which what exceeded a limit passes."""

RECEIVE_GAS = 200_000
"""Gas limit of a hop that ends a transfer, without what its sender adds."""
FORWARD_GAS = 400_000
"""Gas limit of a hop that a token's home sends on, without what its sender adds."""
DESCRIBE_GAS = 350_000
CLAIM_GAS = 60_000
RETURN_GAS = 260_000
"""Gas limit for the return of a transfer's first hop."""
FORWARD_RETURN_GAS = 300_000
"""Gas limit for the return of a hop that a token's home sends for others."""

_WORD = 32
_HEAD = 4 * _WORD
_ID_FOLLOWS, _DATA_FOLLOWS = 1, 2
# EIP-1167 as OpenZeppelin 5.7.0, proxy/Clones.sol, creates it, before and after the address of the code.
_CLONE = (
    bytes.fromhex("3d602d80600a3d3981f3363d3d373d3d3d363d73"),
    bytes.fromhex("5af43d82803e903d91602b57fd5bf3"),
)


class Kind(IntEnum):
    """What a message between bridges is: see `types/Transfer.sol`."""

    NONE = 0
    OUT = 1
    BACK = 2
    RETURN = 3
    DESCRIBE = 4
    CLAIM = 5


@dataclass(frozen=True)
class Payload:
    """What a message of kind OUT, BACK or RETURN carries; members as in the struct `Transfer`.

    `chain` is the far end. OUT: where the transfer started; BACK: where it ends; RETURN: where it should have ended.
    `id`: None in the first hop. `sender`: who sent it if its recipient is called with `data`; None if it is not.
    """

    kind: Kind
    token: str
    from_: str
    to: str
    chain: int
    amount: int
    fee: int = 0
    tip: int = 0
    ramp: int = 0
    sent_at: int = 0
    hop_at: int = 0
    deadline: int = 0
    extra_gas: int = 0
    id: bytes | None = None
    sender: str | None = None
    data: bytes = b""

    @property
    def encoded(self) -> bytes:
        """As a bridge sends it."""
        flags = _ID_FOLLOWS * (self.id is not None) | _DATA_FOLLOWS * (self.sender is not None)
        head = (
            _packed((_number(self.token), 160), (self.tip, 32), (self.hop_at, 40), (self.extra_gas, 24)),
            _packed(
                (_number(self.from_), 160), (self.chain, 64), (self.ramp, 16), (self.kind, 8), (flags, 8)
            ),
            _packed((_number(self.to), 160), (self.deadline, 40), (self.sent_at, 40), (0, 16)),
            _packed((self.amount, 128), (self.fee, 64), (0, 64)),
        )
        call = b"" if self.sender is None else bytes(12) + to_canonical_address(self.sender) + self.data
        return b"".join(head) + (self.id or b"") + call

    @classmethod
    def read(cls, payload: bytes) -> Payload:
        """ValueError for what no bridge sends: another kind, bits that must be zero, what does not belong together, too
        little or too much.
        """
        if len(payload) < _HEAD:
            raise ValueError(f"a transfer has at least {_HEAD} bytes, not {len(payload)}")
        words = [payload[place : place + _WORD] for place in range(0, _HEAD, _WORD)]
        token, tip, hop_at, extra_gas = _split(words[0], 160, 32, 40, 24)
        from_, chain, ramp, kind, flags = _split(words[1], 160, 64, 16, 8, 8)
        to, deadline, sent_at, rest = _split(words[2], 160, 40, 40, 16)
        amount, fee, more = _split(words[3], 128, 64, 64)
        if not Kind.OUT <= kind <= Kind.RETURN:
            raise ValueError(f"no kind of transfer: {kind}")
        if rest or more or flags > _ID_FOLLOWS | _DATA_FOLLOWS:
            raise ValueError("a transfer with bits that must be zero")
        if (kind == Kind.BACK and flags & _ID_FOLLOWS) or (kind == Kind.RETURN and flags != _ID_FOLLOWS):
            raise ValueError("a transfer with more or less than its kind has")
        if amount == 0 or tip > TIP_PARTS or (tip and flags & _DATA_FOLLOWS):
            raise ValueError("a transfer of nothing, or with a tip that it cannot have")
        place = _HEAD + _WORD * (flags & _ID_FOLLOWS)
        end = place + _WORD * bool(flags & _DATA_FOLLOWS)
        if len(payload) < end or (len(payload) > end) != (end > place):
            raise ValueError(
                f"a transfer of {len(payload)} bytes, expected {end}{' and data' * (end > place)}"
            )
        sender, above = _split(payload[place:end], 160, 96)
        if above or (place > _HEAD and not any(payload[_HEAD:place])):
            raise ValueError("a transfer whose sender is no address, or whose id is zero")
        return cls(
            kind=Kind(kind),
            token=_address(token),
            from_=_address(from_),
            to=_address(to),
            chain=chain,
            amount=amount,
            fee=fee,
            tip=tip,
            ramp=ramp,
            sent_at=sent_at,
            hop_at=hop_at,
            deadline=deadline,
            extra_gas=extra_gas,
            id=payload[_HEAD:place] if flags & _ID_FOLLOWS else None,
            sender=_address(sender) if flags & _DATA_FOLLOWS else None,
            data=payload[end:],
        )

    def front(self, id_: bytes, start: int, home_chain: int) -> Front:
        """Its terms as both its ends know them. id_: of the transfer; start: chain where it started."""
        return Front(
            id_,
            start,
            home_chain,
            self.token,
            self.to,
            self.amount,
            self.tip,
            self.ramp,
            self.sent_at,
            self.deadline,
        )


@dataclass(frozen=True)
class Description:
    """What a message of kind DESCRIBE carries: a token, by its address at home, and its metadata, in bytes as the token
    says them.
    """

    token: str
    decimals: int
    name: bytes
    symbol: bytes

    @property
    def encoded(self) -> bytes:
        """As a bridge sends it."""
        lengths = bytes([self.decimals, len(self.name), len(self.symbol)])
        return _about(Kind.DESCRIBE, self.token) + lengths + self.name + self.symbol

    @classmethod
    def read(cls, payload: bytes) -> Description:
        """ValueError for what no bridge sends."""
        token = _read_about(Kind.DESCRIBE, payload)
        if len(payload) < 2 * _WORD + 3:
            raise ValueError(f"a description of {len(payload)} bytes")
        decimals, name, symbol = payload[2 * _WORD : 2 * _WORD + 3]
        text = payload[2 * _WORD + 3 :]
        if len(text) != name + symbol:
            raise ValueError(f"a description with {len(text)} bytes of text, expected {name + symbol}")
        return cls(token, decimals, text[:name], text[name:])


@dataclass(frozen=True)
class ClaimPayload:
    """What a message of kind CLAIM carries: under which key `solver` fronted a transfer, see `Front`."""

    key: bytes
    solver: str

    @property
    def encoded(self) -> bytes:
        """As a bridge sends it."""
        return _about(Kind.CLAIM, _address(0)) + self.key + bytes(12) + to_canonical_address(self.solver)

    @classmethod
    def read(cls, payload: bytes) -> ClaimPayload:
        """ValueError for what no bridge sends."""
        token = _read_about(Kind.CLAIM, payload)
        if len(payload) != 4 * _WORD:
            raise ValueError(f"a claim of {len(payload)} bytes, expected {4 * _WORD}")
        solver, above = _split(payload[3 * _WORD :], 160, 96)
        if above or _number(token):
            raise ValueError("a claim with bits that must be zero")
        return cls(payload[2 * _WORD : 3 * _WORD], _address(solver))


def read(payload: bytes) -> Payload | Description | ClaimPayload:
    """What a message from bridge to bridge carries. ValueError if no bridge sends it."""
    if len(payload) < 2 * _WORD:
        raise ValueError(f"a message of bridges has at least {2 * _WORD} bytes, not {len(payload)}")
    kind = payload[_WORD + 1]
    if kind == Kind.DESCRIBE:
        return Description.read(payload)
    return ClaimPayload.read(payload) if kind == Kind.CLAIM else Payload.read(payload)


@dataclass(frozen=True)
class Options:
    """The contracts' `Options`: see there. `return_to` None is the caller; zero elsewhere is the contracts' default."""

    return_to: str | None = None
    deadline: int = 0
    tip: int = 0
    ramp: int = 0
    fee: int = 0
    max_fee: int = 0
    from_balance: bool = False
    extra_gas: int = 0
    data: bytes = b""

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct."""
        return (self.return_to or _address(0), *astuple(self)[1:])

    @classmethod
    def of(cls, values: Any) -> Options:
        """From the values of the Solidity struct."""
        to = _address(int(values[0], 16))
        return cls(None if to == _address(0) else to, *values[1:])


PLAIN = Options()
"""Nothing chosen."""


@dataclass(frozen=True)
class Front:
    """The contracts' `Front`: the terms of a transfer, as a solver sees them and both its ends compute them. `token` is
    the one at home.
    """

    id: bytes
    start: int
    home_chain: int
    token: str
    to: str
    amount: int
    tip: int
    ramp: int
    sent_at: int
    deadline: int

    @property
    def fields(self) -> tuple[Any, ...]:
        """Values of the Solidity struct."""
        return astuple(self)

    @property
    def key(self) -> bytes:
        """Under which both its ends keep it."""
        return keccak(
            encode(["bytes32", *["uint256"] * 2, *["address"] * 2, *["uint256"] * 5], list(self.fields))
        )

    def kept(self, now: int) -> int:
        """What a solver who fronts it at `now` keeps of the amount."""
        whole = self.amount * self.tip // TIP_PARTS
        passed = max(0, now - self.sent_at)
        return whole if passed >= self.ramp else self.amount * self.tip * passed // (TIP_PARTS * self.ramp)


def transfer_id(first_gateway: str, gateway: str, message_id: bytes) -> bytes:
    """Id of the transfer whose first hop is this message of this gateway: ids of two gateways could be equal."""
    if gateway == first_gateway:
        return message_id
    return keccak(encode(["address", "bytes32"], [gateway, message_id]))


def representation(bridge: str, bridged_token: str, home_chain: int, token: str) -> str:
    """Address, on every chain, of what stands for a token: a clone of `bridged_token` that the bridge creates."""
    code = to_canonical_address(bridged_token).join(_CLONE)
    salt = (home_chain << 160 | _number(token)).to_bytes(_WORD, "big")
    return create2_address(bridge, salt, keccak(code))


def _about(kind: Kind, token: str) -> bytes:
    return _packed((_number(token), 256)) + _packed((0, 240), (kind, 8), (0, 8))


def _read_about(kind: Kind, payload: bytes) -> str:
    """The token that a message of this kind is about."""
    token, above = _split(payload[:_WORD], 160, 96)
    if above or payload[_WORD : 2 * _WORD] != _packed((0, 240), (kind, 8), (0, 8)):
        raise ValueError("a message of bridges with bits that must be zero, or of another kind")
    return _address(token)


def _packed(*parts: tuple[int, int]) -> bytes:
    """A word of numbers with their bits, from the lowest. OverflowError if one has more."""
    word = place = 0
    for value, bits in parts:
        if not 0 <= value < 1 << bits:
            raise OverflowError(f"{value} has more than {bits} bits")
        word |= value << place
        place += bits
    return word.to_bytes(_WORD, "big")


def _split(word: bytes, *bits: int) -> list[int]:
    """Numbers of so many bits each, from the lowest."""
    rest, parts = int.from_bytes(word, "big"), []
    for size in bits:
        parts.append(rest % (1 << size))
        rest >>= size
    return parts


def _number(address: str) -> int:
    return int(address, 16)


def _address(number: int) -> str:
    return str(to_checksum_address(number.to_bytes(20, "big")))
