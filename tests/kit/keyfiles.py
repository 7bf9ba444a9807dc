"""Ape's keyfile accounts, in a data folder of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from ape import accounts
from eth_account import Account
from eth_account.signers.local import LocalAccount

PASSPHRASE = "what opens it 1!"  # noqa: S105


@dataclass(frozen=True)
class Keyfiles:
    """A data folder of Ape, for this process and for those that it starts with its environment."""

    folder: Path
    environment: pytest.MonkeyPatch

    @classmethod
    def within(cls, folder: Path, environment: pytest.MonkeyPatch) -> Keyfiles:
        """Ape looks for accounts here from now on, until the test ends."""
        (folder / "accounts").mkdir(parents=True)
        # Ape remembers where it looked first.
        environment.setitem(vars(accounts.containers["accounts"]), "data_folder", folder / "accounts")
        environment.setenv("APE_DATA_FOLDER", str(folder))
        return cls(folder, environment)

    def path(self, alias: str) -> Path:
        return self.folder / "accounts" / f"{alias}.json"

    def add(self, alias: str, account: LocalAccount, *, passphrase: str | None = PASSPHRASE) -> str:
        """The alias of an account with this key. `passphrase`: what the environment has for it, None for nothing."""
        encrypted = Account.encrypt(account.key, PASSPHRASE, kdf="pbkdf2", iterations=1_000)
        self.path(alias).write_text(json.dumps(encrypted), encoding="utf-8")
        if passphrase is not None:
            self.environment.setenv(variable(alias), passphrase)
        return alias


def variable(alias: str) -> str:
    """Where Ape, and we, look for the passphrase of an account."""
    return f"APE_ACCOUNTS_{alias}_PASSPHRASE"


def is_secret_in(text: str, account: LocalAccount) -> bool:
    """True if a text tells the key or the passphrase."""
    return account.key.hex().removeprefix("0x") in text.lower() or PASSPHRASE in text
