"""The keys that are at hand: who sends what a deployment needs, and what the keys of validators sign to be bonded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from metalayer.deploy.desired import Bond
from metalayer.errors import MetalayerError
from metalayer.network.signers import load_signer
from metalayer.network.transactions import Sender
from metalayer.protocol.attestation import compact
from metalayer.protocol.staking import possession


@dataclass
class Keyring:
    """`sender_of` and `signer_of` raise MetalayerError for an account whose key is not here, or stays locked. Founders
    are asked for once. elsewhere: whoever has to send something has the key, if not here.
    """

    sender_of: Callable[[str], Sender]
    signer_of: Callable[[str], Any] = load_signer
    elsewhere: bool = False
    _sends: dict[str, bool] = field(default_factory=dict)
    _signed: dict[str, bytes | None] = field(default_factory=dict)

    def sends(self, account: str) -> bool:
        """True if transactions of the account can be signed here, or are signed elsewhere."""
        if self.elsewhere:
            return True
        if account not in self._sends:
            try:
                self.sender_of(account)
                self._sends[account] = True
            except MetalayerError:
                self._sends[account] = False
        return self._sends[account]

    def possession(self, bond: Bond, chain_id: int, contract: str) -> bytes | None:
        """What the validator's key signs so that its operator may register it. None unless both keys are here."""
        if bond.signer not in self._signed:
            self._signed[bond.signer] = self._sign(bond, chain_id, contract)
        return self._signed[bond.signer]

    def _sign(self, bond: Bond, chain_id: int, contract: str) -> bytes | None:
        if not self.sends(bond.operator):
            return None
        try:
            signer = self.signer_of(bond.signer)
        except MetalayerError:
            return None
        signature = signer.sign_message(possession(chain_id, contract, bond.operator, bond.signer))
        return None if signature is None else compact(signature)
