"""What an account signs instead of sending an approval first: EIP-2612, for tokens that have it."""

from __future__ import annotations

from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from metalayer.assets.tokens import NONCES, permit
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.rpc import BadAnswer, RpcError
from metalayer.protocol.abi import Function
from metalayer.protocol.attestation import long

LIFETIME = 3_600
"""Seconds for which a permit is signed: it takes exactly what the transaction takes, and is used with it."""

_DOMAIN_SEPARATOR = Function("DOMAIN_SEPARATOR()", "bytes32", bytes)
_DOMAIN = Function(
    "eip712Domain()",
    "bytes1,string,string,uint256,address,bytes32,uint256[]",
    lambda _fields, name, version, *_rest: (name, version),
)
_NAME = Function("name()", "string", str)
_PERMIT = Function("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)")
_DOMAIN_TYPE = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_VERSIONS = ("1", "2")


def domain(connection: Connection, token: str) -> tuple[str, str] | None:
    """Name and version of a token's domain (EIP-712); None if it has none, or one that cannot be guessed."""
    separator = _asked(connection, token, _DOMAIN_SEPARATOR)
    if separator is None:
        return None
    # Before ERC-5267 a token's domain could only be guessed.
    said = _asked(connection, token, _DOMAIN)
    name = None if said else _asked(connection, token, _NAME)
    guesses = [said] if said else [(name, version) for version in _VERSIONS if name is not None]
    for guess in guesses:
        if _separator(connection.chain_id, token, *guess) == separator:
            return guess
    return None


class Permit(NamedTuple):
    """What a contract takes along with a token and its owner: values of EIP-2612's `permit` from the amount on."""

    amount: int
    deadline: int
    v: int
    r: bytes
    s: bytes


def sign(connection: Connection, signer: Any, token: str, amount: int, spender: str) -> Permit | None:
    """A permit of the signer for an amount of a token; None if the token takes none.

    MetalayerError if the signer declines.
    """
    found = domain(connection, token)
    nonce = None if found is None else _asked(connection, token, NONCES, signer.address)
    if found is None or nonce is None:
        return None
    deadline = connection.block().time + LIFETIME
    message = permit(connection.chain_id, token, (signer.address, spender, amount, nonce, deadline), *found)
    signature = signer.sign_message(message)
    if signature is None:
        raise MetalayerError(f"{signer.address} did not sign that {spender} may take {amount} of {token}")
    rsv = long(signature)
    signed = Permit(amount, deadline, rsv[64], rsv[:32], rsv[32:64])
    try:
        connection.call(token, _PERMIT.encode(signer.address, spender, *signed))
    except RpcError:
        # Who uses it would go on without, and miss it.
        return None
    return signed


def _separator(chain_id: int, token: str, name: str, version: str) -> bytes:
    values = [_DOMAIN_TYPE, keccak(text=name), keccak(text=version), chain_id, token]
    return keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], values))


def _asked(connection: Connection, token: str, function: Function[Any], *values: Any) -> Any:
    """What a token answers; None if it does not, or nothing of the kind."""
    try:
        return connection.view(token, function, *values)
    except (RpcError, BadAnswer):
        return None
