"""Permits (EIP-2612) of any token, signed as its domain says (ERC-5267)."""

from __future__ import annotations

from typing import Any

from eth_account.signers.local import LocalAccount

from tests.kit.evm import Contract

NEVER = 2**256 - 1
PERMIT = (
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)


def domain_of(token: Contract) -> dict[str, Any]:
    """What a contract says that its signatures are for."""
    _, name, version, chain_id, contract, *_ = token.view("eip712Domain")
    return {"name": name, "version": version, "chainId": chain_id, "verifyingContract": contract}


def sign_typed(
    key: LocalAccount, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]
) -> tuple[int, bytes, bytes]:
    """Signature as v, r and s (EIP-712)."""
    named = {type_: [{"name": name, "type": of} for name, of in fields] for type_, fields in types.items()}
    signed = key.sign_typed_data(domain_data=domain, message_types=named, message_data=message)
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def permit(
    token: Contract,
    key: LocalAccount,
    spender: str,
    value: int,
    deadline: int = NEVER,
    nonce: int = 0,
    owner: str | None = None,
    domain: dict[str, Any] | None = None,
) -> tuple[Any, ...]:
    """Arguments of `permit`: of the key's own tokens unless it signs for another owner."""
    owner = owner or key.address
    message = {"owner": owner, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline}
    signature = sign_typed(key, domain or domain_of(token), {"Permit": PERMIT}, message)
    return owner, spender, value, deadline, *signature
