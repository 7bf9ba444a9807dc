"""A bridge of one's own: the contracts that it consists of, and variants of it at its address."""

from __future__ import annotations

from typing import Any

from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, created_address, deploy, init_code, recode

PARTS = 3
"""Contracts that are deployed before the bridge itself."""
_ARGUMENTS = ("GATEWAY", "ERA", "HUB_CHAIN_ID", "BRIDGED_TOKEN", "METADATA", "ANNEX")


def deploy_bridge(chain: BoundChain, gateway: str, era: str, hub_id: int, *, sender: str) -> Contract:
    """By transactions of an account, of which the bridge's own comes after PARTS others."""
    nonce = int(chain.rpc("eth_getTransactionCount", [sender, "latest"]), 16)
    address = created_address(sender, nonce + PARTS)
    token = deploy(chain, "BridgedToken", address, sender=sender)
    metadata = deploy(chain, "TokenMetadata", sender=sender)
    arguments = (gateway, era, hub_id, token.address, metadata.address)
    annex = deploy(chain, "BridgeAnnex", *arguments, sender=sender)
    bridge = deploy(chain, "TokenBridge", *arguments, annex.address, sender=sender)
    assert bridge.address == address
    return bridge


def vary(bridge: Contract, name: str, *more: Any) -> None:
    """Puts another contract's code in its place. more: what its constructor takes beside the bridge's own arguments."""
    arguments = [bridge.view(argument) for argument in _ARGUMENTS]
    recode(bridge, init_code(name, *arguments, *more))
