"""The accounts of deploy.yaml where it is measured: test accounts, and no key beside them."""

from metalayer.errors import MetalayerError
from metalayer.network.anvil import ACCOUNTS
from metalayer.network.signers import local_key
from metalayer.network.transactions import KeySender


def address_of(account: str) -> str:
    """Errors as `sender_of`."""
    return sender_of(account).address


def sender_of(account: str) -> KeySender:
    """`TEST::n`, or its address. MetalayerError for others."""
    keys = (local_key(index) for index in range(ACCOUNTS))
    for index, key in enumerate(keys):
        if account in (f"TEST::{index}", key.address):
            return KeySender(key)
    raise MetalayerError(f"deploy.yaml: {account} is not a test account: nothing can be measured with it")
