"""Lanes that exist on paper only, and validators whose keys we hold: what an Inbox may be shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import LaneFact, Tree
from metalayer.protocol.message import NEVER_EXPIRES, Message, extend, genesis_head
from tests.kit.evm import MAX_TRANSACTION_GAS, Contract, Receipt, Revert

DAY = 86_400
DEFAULT_GAS_LIMIT = 200_000
GATEWAY_GAS_LIMIT = 150_000


def gateway_payload(kind: int, *words: int | bytes) -> bytes:
    """Payload of a gateway message: the kind and its words, 32 bytes each."""
    return b"".join(word if isinstance(word, bytes) else word.to_bytes(32, "big") for word in (kind, *words))


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
        message = Domain(network_id, gateway).digest(root)
        chosen = range(len(self.keys)) if positions is None else positions
        signatures = {self.keys[i].address: compact(self.keys[i].unsafe_sign_hash(message)) for i in chosen}
        return Attestation(root, self.set, signatures)


class PaperLane:
    """Messages from `origin` to `destination`, after a restart at place `start` if there was one.

    `heads[n]` is the head after n of them.
    """

    def __init__(self, network_id: int, origin: int, destination: int, start: int = 0) -> None:
        self.network_id, self.origin, self.destination, self.start = network_id, origin, destination, start
        self.messages: list[Message] = []
        self.heads = [genesis_head(network_id, origin, destination, start)]

    @property
    def nonce(self) -> int:
        """Place of the last message."""
        return self.start + len(self.messages)

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
            self.nonce + 1,
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

    def append_notice(self, gateway: str, payload: bytes) -> Message:
        """A message from gateway to gateway."""
        return self.append(
            gateway, gateway, deliver_before=NEVER_EXPIRES, gas_limit=GATEWAY_GAS_LIMIT, payload=payload
        )

    def fact(self, nonce: int | None = None) -> LaneFact:
        """The true fact about this lane at a nonce, the newest by default."""
        nonce = self.nonce if nonce is None else nonce
        return LaneFact(self.origin, self.destination, nonce, self.heads[nonce - self.start])

    def batch(
        self, tree: Tree, *, first: int | None = None, count: int | None = None, signed: int | None = None
    ) -> tuple[Any, ...]:
        """The Solidity struct: `count` messages from `first` on (all by default), then ids up to the signed nonce."""
        signed = self.nonce if signed is None else signed
        first = self.start + 1 if first is None else first
        elements = self.messages[first - 1 - self.start : signed - self.start]
        count = len(elements) if count is None else count
        fact = self.fact(signed)
        return (
            [message.fields for message in elements[:count]],
            self.origin,
            first,
            tree.proof(fact),
            [message.id for message in elements[count:]],
        )


class PaperRelayer:
    """A relayer at one gateway, who holds the keys of the validators that the gateway knows."""

    def __init__(self, gateway: Contract, account: str, validators: Validators, network_id: int) -> None:
        self.gateway, self.account, self.validators, self.network_id = (
            gateway,
            account,
            validators,
            network_id,
        )

    def attest(self, root: bytes, positions: Iterable[int] | None = None) -> tuple[Any, ...]:
        """Fields of an attestation by the validators at these positions of the set, all by default."""
        return self.validators.sign(self.network_id, self.gateway.address, root, positions).fields

    def arguments(self, *lanes: PaperLane, **batch: Any) -> tuple[Any, ...]:
        """Arguments of `deliver`: one batch a lane, all made like `PaperLane.batch` with these keywords."""
        tree = Tree(lane.fact(batch.get("signed")) for lane in lanes)
        return self.attest(tree.root), [lane.batch(tree, **batch) for lane in lanes]

    def deliver(
        self,
        *lanes: PaperLane,
        sender: str | None = None,
        gas: int = MAX_TRANSACTION_GAS,
        at: int | None = None,
        **batch: Any,
    ) -> Receipt:
        """Deliver what the lanes hold, as the relayer or as another account. AssertionError if it reverts."""
        arguments = self.arguments(*lanes, **batch)
        return self.gateway.send("deliver", *arguments, sender=sender or self.account, gas=gas, at=at)

    def refusal(self, *lanes: PaperLane, at: int | None = None, **batch: Any) -> Revert:
        """Why the gateway refuses to deliver. AssertionError if it does not."""
        return self.gateway.revert("deliver", *self.arguments(*lanes, **batch), sender=self.account, at=at)
