"""Signers: Ape's accounts by alias, and the local test mnemonic on local networks only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from metalayer.errors import MetalayerError
from metalayer.network import ACCOUNTS, load_network

if TYPE_CHECKING:
    from ape.api import AccountAPI
else:
    AccountAPI = Any

_TEST = re.compile(r"TEST::(\d+)")


def load_account(name: str) -> AccountAPI:
    """The Ape account of that alias, or `TEST::n` (0 to 19) where every chain is a local one.

    MetalayerError listing what exists if there is none, and for test accounts on a network that is not local:
    everybody knows their keys.
    """
    from ape import accounts

    if match := _TEST.fullmatch(name):
        if not load_network().is_local:
            raise MetalayerError(f"{name} is a test account and everybody knows its key: use your own")
        if int(match[1]) >= ACCOUNTS:
            raise MetalayerError(f"no account '{name}': test accounts are TEST::0 to TEST::{ACCOUNTS - 1}")
        return accounts.test_accounts[int(match[1])]
    aliases = sorted(accounts.aliases)
    if name not in aliases:
        known = [*aliases, *([f"TEST::0 to TEST::{ACCOUNTS - 1}"] if load_network().is_local else [])]
        raise MetalayerError(
            f"no account '{name}': expected {', '.join(known) or 'one made with `ape accounts generate`'}"
        )
    return accounts.load(name)
