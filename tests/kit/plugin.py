"""An account plugin of Ape as hardware wallets have one: no keyfile, no key to be seen, and a person who declines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ape import accounts
from ape.api import AccountAPI, AccountContainerAPI
from ape.api.transactions import TransactionAPI
from ape.types import MessageSignature, TransactionSignature
from eth_account.messages import SignableMessage
from eth_utils.address import to_checksum_address

from tests.kit.roles import Role


class Device(AccountAPI):  # type: ignore[misc]
    """The account on the device. `log` has what was shown, `declines` is what the person does."""

    role: Any
    log: list[str] = []  # noqa: RUF012
    declines: bool = False

    @property
    def alias(self) -> str:
        return "device"

    @property
    def address(self) -> Any:
        return to_checksum_address(self.role.address)

    def sign_message(self, msg: Any, **_: Any) -> MessageSignature | None:
        assert isinstance(msg, SignableMessage)
        self.log.append("message")
        if self.declines:
            return None
        signed = self.role.account.sign_message(msg)
        return MessageSignature(v=signed.v, r=signed.r.to_bytes(32, "big"), s=signed.s.to_bytes(32, "big"))

    def sign_transaction(self, txn: TransactionAPI, **_: Any) -> TransactionAPI | None:
        self.log.append(f"transaction to {txn.receiver} on {txn.chain_id}")
        if self.declines:
            return None
        signed = self.role.account.sign_transaction(txn.model_dump(by_alias=True, exclude={"sender"}))
        txn.signature = TransactionSignature(
            v=signed.v, r=signed.r.to_bytes(32, "big"), s=signed.s.to_bytes(32, "big")
        )
        return txn


class Devices(AccountContainerAPI):  # type: ignore[misc]
    device: Any

    @property
    def aliases(self) -> Iterator[str]:
        yield "device"

    @property
    def accounts(self) -> Iterator[AccountAPI]:
        yield self.device

    def __len__(self) -> int:
        return 1


@contextmanager
def plugged_in(role: Role, environment: pytest.MonkeyPatch) -> Iterator[Device]:
    """Ape knows the account `device`, whose key is this role's."""
    device = Device(role=role)
    container = Devices(name="devices", account_type=Device, device=device)
    with environment.context() as within:
        within.setitem(accounts.containers, "devices", container)
        try:
            yield device
        finally:
            accounts._alias_to_account_cache.pop("device", None)
