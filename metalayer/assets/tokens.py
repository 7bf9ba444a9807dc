"""ERA as any ERC-20: what an account has, and what it lets others take."""

from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry
from metalayer.protocol.abi import Function

BALANCE_OF = Function("balanceOf(address)", "uint256", int)
TOTAL_SUPPLY = Function("totalSupply()", "uint256", int)
ALLOWANCE = Function("allowance(address,address)", "uint256", int)
APPROVE = Function("approve(address,uint256)", "bool")


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
