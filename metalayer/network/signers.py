"""Signers: Ape's accounts by alias, and the local test mnemonic on local networks only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from metalayer.errors import MetalayerError
from metalayer.network.anvil import ACCOUNTS, MNEMONIC
from metalayer.network.config import load_network
from metalayer.network.transactions import KeySender, Sender
from metalayer.network.values import looks_like_address, read_address

if TYPE_CHECKING:
    from ape.api import AccountAPI
else:
    AccountAPI = Any

_TEST = re.compile(r"TEST::(\d+)")


def load_account(name: str) -> AccountAPI:
    """The Ape account of that alias. MetalayerError listing what exists if there is none."""
    from ape import accounts

    aliases = sorted(accounts.aliases)
    if name not in aliases:
        known = [*aliases, *([f"TEST::0 to TEST::{ACCOUNTS - 1}"] if load_network().is_local else [])]
        raise MetalayerError(
            f"no account '{name}': expected {', '.join(known) or 'one made with `ape accounts generate`'}"
        )
    return accounts.load(name)


def local_account(name: str) -> LocalAccount | None:
    """The key of `TEST::n`, 0 to 19; None if the name is of another form.

    MetalayerError where not every chain is a local one: everybody knows these keys.
    """
    match = _TEST.fullmatch(name)
    if match is None:
        return None
    if not load_network().is_local:
        raise MetalayerError(f"{name} is a test account and everybody knows its key: use your own")
    if int(match[1]) >= ACCOUNTS:
        raise MetalayerError(f"no account '{name}': test accounts are TEST::0 to TEST::{ACCOUNTS - 1}")
    return local_key(int(match[1]))


@dataclass(frozen=True)
class ApeSender:
    """A sender whose key Ape keeps: a keyfile or a hardware wallet. Ape asks before it signs."""

    account: AccountAPI

    @property
    def address(self) -> str:
        return str(self.account.address)

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """Raw signed transaction. MetalayerError if the user or the device declines."""
        ecosystem = self.account.network_manager.get_ecosystem("metalayer")
        signed = self.account.sign_transaction(ecosystem.create_transaction(**transaction))
        if signed is None:
            raise MetalayerError(f"account {self.address} did not sign")
        return bytes(signed.serialize_transaction())


def typed_address(name: str) -> str | None:
    """The checksummed address if the name is one, None for other names. MetalayerError if it is a wrong one."""
    if not looks_like_address(name):
        return None
    try:
        return read_address(name)
    except ValueError as error:
        raise MetalayerError(str(error)) from error


def load_signer(name: str) -> Any:
    """What signs messages for an account, with `address` and `sign_message`. Errors as `load_sender`."""
    sender = load_sender(name)
    assert isinstance(sender, ApeSender | KeySender)
    return sender.account


def load_sender(name: str) -> Sender:
    """What signs for an alias, an address that Ape has the key of, or `TEST::n`. MetalayerError if there is none."""
    if key := local_account(name):
        return KeySender(key)
    address = typed_address(name)
    if address is None:
        return ApeSender(load_account(name))
    from ape import accounts

    if load_network().is_local:
        for index in range(ACCOUNTS):
            if local_key(index).address == address:
                return KeySender(local_key(index))
    if address not in accounts:
        raise MetalayerError(f"no account has the key of {address}: add it with `ape accounts import`")
    return ApeSender(accounts[address])


def address_of(name: str) -> str:
    """Checksummed address of an alias, of `TEST::n` or of an address. Errors as `load_sender`."""
    if address := typed_address(name):
        return address
    if key := local_account(name):
        return str(key.address)
    return str(load_account(name).address)


@lru_cache(maxsize=ACCOUNTS)
def local_key(index: int) -> LocalAccount:
    """Test account `index` of the mnemonic that the local chains fund."""
    Account.enable_unaudited_hdwallet_features()
    return Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
