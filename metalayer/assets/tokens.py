"""ERA as any ERC-20: what an account has, and what it lets others take."""

from eth_account.messages import SignableMessage, encode_typed_data

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol.abi import Function

BALANCE_OF = Function("balanceOf(address)", "uint256", int)
TOTAL_SUPPLY = Function("totalSupply()", "uint256", int)
ALLOWANCE = Function("allowance(address,address)", "uint256", int)
TRANSFER = Function("transfer(address,uint256)", "bool")
APPROVE = Function("approve(address,uint256)", "bool")
NONCES = Function("nonces(address)", "uint256", int)
DELEGATES = Function("delegates(address)", "address", str)
"""Who has the votes of what an account holds; zero: nobody."""
DELEGATE = Function("delegate(address)")
VOTES = Function("getVotes(address)", "uint256", int)
PAST_VOTES = Function("getPastVotes(address,uint256)", "uint256", int)


def balance(connection: Connection, registry: Registry, account: str) -> int:
    """ERA (wei) of an account on one chain, without its credit in the gateway."""
    return connection.view(registry.address("ERA"), BALANCE_OF, account)


def refuse_lost(registry: Registry, account: str) -> None:
    """MetalayerError for the zero address and the network's own contracts: nobody could ever move it from there."""
    refused = {"the zero address": "0x" + "00" * 20} | {
        f"the {name}": registry.address(name) for name in ("Metalayer", "TokenBridge", "ERA")
    }
    for what, address in refused.items():
        if account.lower() == address.lower():
            raise MetalayerError(f"the recipient {account} is {what}: ERA sent there would be lost")


def permit(chain_id: int, token: str, grant: tuple[str, str, int, int, int]) -> SignableMessage:
    """What an owner of ERA signs so that a spender may take some: EIP-2612. grant: owner, spender, wei, the owner's
    nonce, and until when (Unix seconds).
    """
    names = ("owner", "spender", "value", "nonce", "deadline")
    types = ("address", "address", "uint256", "uint256", "uint256")
    return encode_typed_data(
        domain_data={"name": "ERA", "version": "1", "chainId": chain_id, "verifyingContract": token},
        message_types={"Permit": [{"name": n, "type": t} for n, t in zip(names, types, strict=True)]},
        message_data=dict(zip(names, grant, strict=True)),
    )
