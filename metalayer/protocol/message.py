"""Messages, their ids, the heads of lanes, and ERC-7930 addresses: the mirror of `libraries/Messages.sol`."""

from dataclasses import dataclass
from functools import lru_cache

from eth_abi.abi import encode
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from metalayer.errors import MetalayerError

MESSAGE_TYPEHASH = keccak(
    text="Message(uint256 networkId,uint256 origin,uint256 destination,uint256 nonce,address sender,"
    "address recipient,uint256 gasLimit,uint256 deliverBefore,uint256 fee,bytes payload)"
)
MAX_PAYLOAD_LENGTH = 8_192
"""Longest payload that an Outbox accepts, in bytes."""
NEVER_EXPIRES = 2**64 - 1
"""`deliver_before` of what gateways tell each other."""
STORED_HEAD_INTERVAL = 64
"""Every how many messages a lane's head is stored and signed: a suffix holds at most one id less."""

# ERC-7930: version 1, chain type eip155.
_EVM_V1 = bytes.fromhex("00010000")


_FEE_BITS = 56


@dataclass(frozen=True)
class Fee:
    """What those who carry one message may earn, in gwei of ERA, and the gas limit of its sender's `onMessageReturned`:
    the mirror of `types/Fee.sol`. `relay` holds `base`.
    """

    base: int
    relay: int
    step: int
    callback: int
    return_gas_limit: int

    @classmethod
    def unpack(cls, packed: int) -> "Fee":
        """From the contracts' word."""
        base, relay, step, callback = ((packed >> _FEE_BITS * place) % 2**_FEE_BITS for place in range(4))
        return cls(base, relay, step, callback, packed >> 4 * _FEE_BITS)

    @property
    def packed(self) -> int:
        """The contracts' word."""
        parts = (self.base, self.relay, self.step, self.callback, self.return_gas_limit)
        return sum(part << _FEE_BITS * place for place, part in enumerate(parts))

    @property
    def back(self) -> int:
        """The return part: three steps and the callback."""
        return 3 * self.step + self.callback

    @property
    def total(self) -> int:
        """Relay part and return part."""
        return self.relay + self.back


@dataclass(frozen=True)
class Message:
    """One message with its place in the network. Addresses are checksummed; times are Unix seconds.

    `fee` is packed, see `Fee`.
    """

    network_id: int
    origin: int
    destination: int
    nonce: int
    sender: str
    recipient: str
    gas_limit: int
    deliver_before: int
    fee: int
    payload: bytes

    @property
    def id(self) -> bytes:
        """The 32-byte id, which commits to every field."""
        return keccak(
            encode(
                ["bytes32", *["uint256"] * 4, *["address"] * 2, *["uint256"] * 3, "bytes32"],
                [
                    MESSAGE_TYPEHASH,
                    self.network_id,
                    self.origin,
                    self.destination,
                    self.nonce,
                    self.sender,
                    self.recipient,
                    self.gas_limit,
                    self.deliver_before,
                    self.fee,
                    keccak(self.payload),
                ],
            )
        )

    @property
    def is_of_gateways(self) -> bool:
        """True if one gateway sent it to the other: a notice, a claim or a restart."""
        return self.sender == self.recipient and self.deliver_before == NEVER_EXPIRES

    def is_notice_of(self, gateway: str) -> bool:
        """True if an Inbox at this address takes it for a notice, whatever else it says."""
        return self.sender == self.recipient == gateway

    @property
    def fields(self) -> tuple[str, str, int, int, int, bytes]:
        """Values of the Solidity struct `Message`, which has no place."""
        return (
            self.sender,
            self.recipient,
            self.gas_limit,
            self.deliver_before,
            self.fee,
            self.payload,
        )


def genesis_head(network_id: int, origin: int, destination: int, nonce: int = 0) -> bytes:
    """Head of a lane that has no message after `nonce` yet."""
    return keccak(
        encode(
            ["string", *["uint256"] * 4],
            ["metalayer.lane", network_id, origin, destination, nonce],
        )
    )


def extend(head: bytes, message_id: bytes) -> bytes:
    """Head of a lane after one more message."""
    return keccak(head + message_id)


def interoperable(chain_id: int, address: str) -> bytes:
    """Canonical ERC-7930 (version 1) form of an account on an EVM chain."""
    reference = chain_id.to_bytes(max(1, (chain_id.bit_length() + 7) // 8), "big")
    return _EVM_V1 + bytes([len(reference)]) + reference + b"\x14" + to_canonical_address(address)


# Most messages are between a few accounts, and each takes a hash for its checksum.
@lru_cache(maxsize=4_096)
def parse_interoperable(data: bytes) -> tuple[int, str]:
    """Chain id and checksummed address of a canonical ERC-7930 EVM address, all that an Outbox takes.

    MetalayerError for everything else: other versions and chain types, leading zeros, chain id zero, an
    address that is not 20 bytes, anything missing or left over.
    """
    length = data[4] if len(data) > 4 else 0
    address = data[6 + length :]
    if data[:4] == _EVM_V1 and 0 < length <= 32 and len(address) == 20:
        chain_id = int.from_bytes(data[5 : 5 + length], "big")
        account = to_checksum_address(address)
        if chain_id and interoperable(chain_id, account) == data:
            return chain_id, account
    raise MetalayerError(f"0x{data.hex()} is not a canonical ERC-7930 address of an account on an EVM chain")
