"""Lanes that exist on paper only, and validators whose keys we hold: what an Inbox may be shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from metalayer.attestation import Attestation, LaneFact, Tree, ValidatorSet, compact, digest
from metalayer.message import Message, extend, genesis_head

DAY = 86_400
DEFAULT_GAS_LIMIT = 200_000


def keys(count: int, name: str = "validator") -> list[LocalAccount]:
    """That many key pairs, always the same, ascending by address."""
    made = [Account.from_key(keccak(text=f"{name} {i}")) for i in range(count)]
    return sorted(made, key=lambda key: int(key.address, 16))


class Validators:
    """A validator set together with its keys."""

    def __init__(
        self, weights: Collection[int], expires: int, version: int = 1, name: str = "validator"
    ) -> None:
        self.keys = keys(len(weights), name)
        members = tuple((key.address, weight) for key, weight in zip(self.keys, weights, strict=True))
        self.set = ValidatorSet(version, expires, members)

    @property
    def argument(self) -> tuple[Any, ...]:
        """The set as the gateway's constructor takes it."""
        return (self.set.version, self.set.expires, self.set.words)

    def sign(
        self, network_id: int, gateway: str, root: bytes, positions: Iterable[int] | None = None
    ) -> Attestation:
        """What the validators at these positions of the set (all by default) sign."""
        message = digest(network_id, gateway, root)
        chosen = range(len(self.keys)) if positions is None else positions
        signatures = {self.keys[i].address: compact(self.keys[i].unsafe_sign_hash(message)) for i in chosen}
        return Attestation(root, self.set, signatures)


class PaperLane:
    """Messages from `origin` to `destination`. `heads[n]` is the head after n of them."""

    def __init__(self, network_id: int, origin: int, destination: int) -> None:
        self.network_id, self.origin, self.destination = network_id, origin, destination
        self.messages: list[Message] = []
        self.heads = [genesis_head(network_id, origin, destination)]

    def append(
        self,
        sender: str,
        recipient: str,
        *,
        deliver_before: int,
        gas_limit: int = DEFAULT_GAS_LIMIT,
        fee: int = 0,
        payload: bytes = b"",
    ) -> Message:
        message = Message(
            self.network_id,
            self.origin,
            self.destination,
            len(self.messages) + 1,
            sender,
            recipient,
            gas_limit,
            deliver_before,
            fee,
            payload,
        )
        self.messages.append(message)
        self.heads.append(extend(self.heads[-1], message.id))
        return message

    def fact(self, nonce: int | None = None) -> LaneFact:
        """The true fact about this lane at a nonce, the newest by default."""
        nonce = len(self.messages) if nonce is None else nonce
        return LaneFact(self.origin, self.destination, nonce, self.heads[nonce])

    def batch(
        self, tree: Tree, *, first: int = 1, count: int | None = None, signed: int | None = None
    ) -> tuple[Any, ...]:
        """The Solidity struct: `count` messages from `first` on, then ids up to the signed nonce."""
        signed = len(self.messages) if signed is None else signed
        elements = self.messages[first - 1 : signed]
        count = len(elements) if count is None else count
        fact = self.fact(signed)
        return (
            self.origin,
            signed,
            fact.head,
            tree.proof(fact),
            first,
            [message.fields for message in elements[:count]],
            [message.id for message in elements[count:]],
        )
