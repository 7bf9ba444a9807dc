"""Ether that arrives as ether: sent to the EtherDoor of its own chain, which unwraps and pays it."""

from __future__ import annotations

from dataclasses import replace

from eth_abi.abi import encode

from metalayer.assets.tokens import Home, refuse_lost, wrapped_ether
from metalayer.assets.transfers import Wish
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.live import Live
from metalayer.protocol.doors import EXTRA_GAS


def is_ether_of(live: Live, home: Home, connection: Connection) -> bool:
    """True if a token is the wrapped ether of a chain."""
    return home.chain_id == connection.chain_id and home.address == wrapped_ether(live, connection)


def unwrapped(live: Live, wish: Wish) -> Wish:
    """The same, for somebody who gets ether at the end, or wrapped ether if it refuses ether.

    MetalayerError if the token is not the destination's ether, if the wish has a tip or a call of its own, or if it
    would be lost.
    """
    end, door = live.connection(wish.destination.chain_id), live.registry.address("EtherDoor")
    if not is_ether_of(live, wish.token.home, end):
        raise MetalayerError(f"{wish.token.symbol} {wish.token.address} is not the ether of {end.name}")
    if wish.options.tip or wish.options.data:
        what = "with a tip" if wish.options.tip else "that calls its recipient"
        raise MetalayerError(f"a transfer {what} cannot be unwrapped on arrival: expected `--wrapped`")
    refuse_lost(live.registry, wish.to, wish.token.home.address, door)
    options = replace(
        wish.options,
        data=encode(["address"], [wish.to]),
        extra_gas=wish.options.extra_gas + end.view(door, EXTRA_GAS),
    )
    return replace(wish, to=door, options=options, ether_for=wish.to)
