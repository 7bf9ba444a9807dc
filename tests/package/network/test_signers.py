"""Ape's accounts sign without a provider, from any thread, unlocked once; what is wrong with one is one line."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ape_accounts.accounts import generate_account
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from metalayer.errors import MetalayerError
from metalayer.network import signers
from metalayer.network.config import load_network
from metalayer.network.connection import connect
from metalayer.network.parallel import in_parallel
from metalayer.network.signers import address_of, load_sender, load_signer
from metalayer.network.transactions import Transaction
from tests.kit.chains import BoundChain
from tests.kit.keyfiles import PASSPHRASE, Keyfiles, is_secret_in, variable
from tests.kit.roles import SENDER

BENEFICIARY = "0x" + "0b" * 20


@pytest.fixture
def keyfiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyfiles:
    return Keyfiles.within(tmp_path / "ape", monkeypatch)


@pytest.fixture
def key() -> LocalAccount:
    return Account.create()


@pytest.fixture(autouse=True)
def nothing_secret_is_said(
    key: LocalAccount, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    said = capfd.readouterr()
    assert not is_secret_in(caplog.text + said.out + said.err, key)


def test_a_keyfile_account_sends_on_all_chains_from_several_threads(
    keyfiles: Keyfiles, chains: dict[str, BoundChain], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unlocked once, and asks nothing."""
    opened: list[str] = []
    decrypt = signers._opened

    def counted(alias: str, content: Any, passphrase: str) -> LocalAccount | None:
        opened.append(alias)
        return decrypt(alias, content, passphrase)

    monkeypatch.setattr(signers, "_opened", counted)
    alias = keyfiles.add("treasurer", SENDER.account)
    network = load_network()
    connections = [*connect(network).values()] * 2

    def send(number: int) -> int:
        sender = load_sender(alias)
        assert sender.address == SENDER.address
        receipts = connections[number].submit(sender, [Transaction(BENEFICIARY, b"", 21_000, value=1)] * 2)
        return sum(receipt["status"] for receipt in receipts)

    assert in_parallel(send, range(len(connections))) == [2] * len(connections)
    for connection in connections:
        assert int(connection.rpc("eth_getBalance", BENEFICIARY, "latest"), 16) == 4
    assert opened == [alias]


def test_an_account_that_ape_made(
    keyfiles: Keyfiles, monkeypatch: pytest.MonkeyPatch, key: LocalAccount
) -> None:
    """By alias and by address; it signs messages, too."""
    account, _ = generate_account("made_by_ape", PASSPHRASE)
    monkeypatch.setenv(variable("made_by_ape"), PASSPHRASE)
    assert load_sender("made_by_ape").address == account.address == address_of("made_by_ape")
    assert load_sender(account.address.lower()).address == account.address
    message = encode_defunct(text="a fact")
    signed = load_signer("made_by_ape").sign_message(message)
    assert Account.recover_message(message, vrs=(signed.v, signed.r, signed.s)) == account.address


def test_a_passphrase_may_be_typed(
    keyfiles: Keyfiles, key: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = keyfiles.add("typed", key, passphrase=None)
    prompts: list[str] = []
    typed = iter(["", "wrong", PASSPHRASE])

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return next(typed)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", answer)
    assert load_sender(alias).address == key.address
    assert load_sender(alias).address == key.address
    assert prompts == [
        "Passphrase of account 'typed': ",
        *["That is not it. Passphrase of account 'typed': "] * 2,
    ]


def test_what_is_wrong_with_an_account_is_one_line(
    keyfiles: Keyfiles, key: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyfiles.add("locked", key, passphrase=None)
    keyfiles.add("mistyped", key, passphrase=PASSPHRASE[1:])
    keyfiles.path("torn").write_text("{")
    keyfiles.path("other").write_text('{"address": "' + "00" * 20 + '", "version": 9}')
    monkeypatch.setenv(variable("torn"), PASSPHRASE)
    monkeypatch.setenv(variable("other"), PASSPHRASE)
    expected = {
        "locked": f"account 'locked' needs its passphrase: set {variable('locked')}, or run it in a terminal",
        "mistyped": f"account 'mistyped': the passphrase in {variable('mistyped')} is wrong",
        "torn": f"account 'torn': {keyfiles.path('torn')} is no keyfile",
        "other": "account 'other': its keyfile cannot be read",
        "nobody": "no account 'nobody': expected locked, mistyped, other, torn, TEST::0 to TEST::24",
    }
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    for alias, line in expected.items():
        with pytest.raises(MetalayerError) as caught:
            load_sender(alias)
        assert str(caught.value) == line
        assert not is_secret_in("".join(traceback.format_exception(caught.value)), key)


def test_nobody_types_for_ever(
    keyfiles: Keyfiles, key: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = keyfiles.add("forgotten", key, passphrase=None)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "wrong")
    with pytest.raises(MetalayerError, match="account 'forgotten' stays locked"):
        load_sender(alias)


def test_a_sender_says_nothing_of_its_key(keyfiles: Keyfiles, key: LocalAccount) -> None:
    sender = load_sender(keyfiles.add("quiet", key))
    assert not is_secret_in(f"{sender!r} {sender} {vars(sender)}", key)
