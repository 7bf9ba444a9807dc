"""Tokens that know nothing of other chains, for tests that move them."""

from __future__ import annotations

from eth_abi.abi import encode

from metalayer.deploy.artifacts import load_artifacts
from metalayer.network.connection import Connection
from metalayer.network.transactions import Sender

MILLION = 1_000_000 * 10**6
"""What a coin's first holder has, in its smallest unit."""


def place_coin(
    connection: Connection, holder: Sender, symbol: str = "USDX", decimals: int = 6, supply: int = MILLION
) -> str:
    """Address of a new Coin, all of which is the holder's."""
    values = [f"Coin {symbol}", symbol, decimals, holder.address, supply]
    arguments = encode(["string", "string", "uint8", "address", "uint256"], values)
    receipt = connection.send(holder, None, load_artifacts(["Coin"])["Coin"].creation + arguments)
    return str(receipt["contractAddress"])
