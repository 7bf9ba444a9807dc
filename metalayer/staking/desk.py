"""Where stake is moved: one transaction for each thing, with the permit for the ERA that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metalayer.assets.tokens import ALLOWANCE, BALANCE_OF, NONCES, TRANSFER, permit
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.live import Live
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import Receipt, Sender, Transaction
from metalayer.protocol import staking
from metalayer.protocol.amounts import era
from metalayer.protocol.attestation import long
from metalayer.protocol.rpc import block_request
from metalayer.staking.refusals import in_words

PERMIT_LIFETIME = 3_600
"""Seconds for which a permit is signed: it takes exactly what the transaction takes, and is used with it."""
# An estimate runs at the latest block's time. What streams and vote checkpoints write only in another block is three
# words of the stream, two of a validator and two checkpoints.
_MARGIN = 120_000
# What depends on a transaction before it cannot be estimated: about twice what each uses when all it writes is new.
_TRANSFER_GAS = 150_000
_FUND_GAS = 250_000


@dataclass(frozen=True)
class Desk:
    """Staking on the hub, and the token that it takes."""

    hub: Connection
    address: str
    token: str

    @classmethod
    def of(cls, live: Live) -> Desk:
        """That of a network. MetalayerError if it has none."""
        hub = live.connection(live.network.hub.name)
        return cls(hub, live.registry.address("Staking"), live.registry.address("ERA"))

    def send(self, sender: Sender, signer: Any, calls: Sequence[bytes], takes: int = 0) -> Receipt:
        """Everything in one transaction. takes: wei of the sender's ERA that the calls take altogether; if they may not
        yet, `signer`, the same account, signs a permit that goes with them.

        MetalayerError, one line in words, if the account has too little or a call is refused.
        """
        calls = [*self._permit(sender.address, signer, takes), *calls]
        data = calls[0] if len(calls) == 1 else staking.MULTICALL.encode(calls)
        try:
            gas = self.hub.estimate(sender.address, self.address, data)
            gas = min(MAX_TRANSACTION_GAS, int(gas * 1.2) + _MARGIN)
            return self.hub.send(sender, self.address, data, gas)
        except Reverted as error:
            raise MetalayerError(in_words(error, self.hub.name)) from error

    def _permit(self, owner: str, signer: Any, takes: int) -> list[bytes]:
        if not takes:
            return []
        held, allowed, nonce, block = self.hub.batch(
            [
                BALANCE_OF.request(self.token, owner),
                ALLOWANCE.request(self.token, owner, self.address),
                NONCES.request(self.token, owner),
                block_request(),
            ]
        )
        if held < takes:
            raise MetalayerError(f"{owner} has {era(held)} ERA on {self.hub.name}, not {era(takes)}")
        if allowed >= takes:
            return []
        deadline = block.time + PERMIT_LIFETIME
        message = permit(self.hub.chain_id, self.token, (owner, self.address, takes, nonce, deadline))
        signature = signer.sign_message(message)
        if signature is None:
            raise MetalayerError(f"{owner} did not sign that Staking may take {era(takes)} ERA")
        rsv = long(signature)
        return [staking.PERMIT.encode(takes, deadline, rsv[64], rsv[:32], rsv[32:64])]


def funding(desk: Desk, sender: Sender, amount: int) -> Receipt:
    """Sends ERA (wei) to Staking and makes rewards of it, and of whatever else arrived. MetalayerError if the sender
    has less.
    """
    held = desk.hub.view(desk.token, BALANCE_OF, sender.address)
    if held < amount:
        raise MetalayerError(f"{sender.address} has {era(held)} ERA on {desk.hub.name}, not {era(amount)}")
    return desk.hub.send_many(
        sender,
        [
            Transaction(desk.token, TRANSFER.encode(desk.address, amount), _TRANSFER_GAS),
            Transaction(desk.address, staking.FUND.encode(), _FUND_GAS),
        ],
    )[-1]
