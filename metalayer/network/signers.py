"""Signers: Ape's accounts by alias, and the local test mnemonic on local networks only."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
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
    if elsewhere := next((chain for chain in load_network().chains.values() if not chain.is_local), None):
        raise MetalayerError(
            f"{name} is a test account and everybody knows its key: use your own, because chain '{elsewhere.name}' has "
            "a `url`, and not all of this network is local"
        )
    if int(match[1]) >= ACCOUNTS:
        raise MetalayerError(f"no account '{name}': test accounts are TEST::0 to TEST::{ACCOUNTS - 1}")
    return local_key(int(match[1]))


@dataclass(frozen=True)
class ApeSender:
    """A sender whose key no program sees: a hardware wallet, or what another plugin of Ape keeps. It asks by itself."""

    account: AccountAPI
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def address(self) -> str:
        return str(self.account.address)

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """Raw signed transaction. MetalayerError if the user or the device declines."""
        with self._one_at_a_time:
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


_ATTEMPTS = 3
_unlocked: dict[Path, LocalAccount] = {}
_unlocking = threading.Lock()


def unlock(keyfile: Path) -> LocalAccount:
    """The key in one of Ape's keyfiles, asked for once per process.

    The passphrase comes from APE_ACCOUNTS_<alias>_PASSPHRASE, as Ape has it, or from whoever sits at the terminal.
    MetalayerError without one, if it is wrong, or if the file is no keyfile.
    """
    # Not Ape's own account: to sign, it shows the transaction in the words of a connected provider, of which there is
    # none here, and its caches are not for several threads.
    with _unlocking:
        if keyfile not in _unlocked:
            _unlocked[keyfile] = _decrypted(keyfile)
        return _unlocked[keyfile]


def _decrypted(keyfile: Path) -> LocalAccount:
    alias = keyfile.stem
    variable = f"APE_ACCOUNTS_{alias}_PASSPHRASE"
    try:
        content = json.loads(keyfile.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MetalayerError(f"account '{alias}': {keyfile} is no keyfile") from error
    if given := os.environ.get(variable):
        if account := _opened(alias, content, given):
            return account
        raise MetalayerError(f"account '{alias}': the passphrase in {variable} is wrong")
    if not sys.stdin.isatty():
        raise MetalayerError(
            f"account '{alias}' needs its passphrase: set {variable}, or run it in a terminal"
        )
    prompt = f"Passphrase of account '{alias}': "
    for _ in range(_ATTEMPTS):
        try:
            typed = getpass.getpass(prompt)
        except EOFError:
            break
        if account := _opened(alias, content, typed):
            return account
        prompt = f"That is not it. Passphrase of account '{alias}': "
    raise MetalayerError(f"account '{alias}' stays locked")


def _opened(alias: str, content: Any, passphrase: str) -> LocalAccount | None:
    """The account; None if the passphrase is another one. No error of a library is shown: it may tell what it read."""
    try:
        return Account.from_key(Account.decrypt(content, passphrase))
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        # The last is what eth_account raises for a way of encryption that it does not know.
        if isinstance(error, ValueError) and "MAC mismatch" in str(error):
            return None
        raise MetalayerError(f"account '{alias}': its keyfile cannot be read") from None


def _ape_sender(account: AccountAPI) -> Sender:
    keyfile = getattr(account, "keyfile_path", None)
    return ApeSender(account) if keyfile is None else KeySender(unlock(Path(keyfile)))


def load_signer(name: str) -> Any:
    """What signs messages for an account, with `address` and `sign_message`. Errors as `load_sender`."""
    sender = load_sender(name)
    assert isinstance(sender, ApeSender | KeySender)
    return sender.account


def load_sender(name: str) -> Sender:
    """What signs for an alias, an address that Ape has the key of, or `TEST::n`: unlocked, if it has a passphrase.

    MetalayerError if there is none, or if it stays locked.
    """
    if key := local_account(name):
        return KeySender(key)
    address = typed_address(name)
    if address is None:
        return _ape_sender(load_account(name))
    from ape import accounts

    if load_network().is_local:
        for index in range(ACCOUNTS):
            if local_key(index).address == address:
                return KeySender(local_key(index))
    # Not `accounts[address]`: that finds Ape's test accounts, too, whose keys everybody knows.
    for container in accounts.containers.values():
        if address in container:
            return _ape_sender(container[address])
    raise MetalayerError(f"no account has the key of {address}: add it with `ape accounts import`")


def has_key(name: str) -> bool:
    """True if the account can sign here, once it is unlocked. Asks for nothing."""
    from ape import accounts

    try:
        address = address_of(name)
    except MetalayerError:
        return False
    return address in accounts or (
        load_network().is_local and address in (local_key(index).address for index in range(ACCOUNTS))
    )


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
