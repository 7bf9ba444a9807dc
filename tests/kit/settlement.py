"""Settlement at one origin: its books, what was sent from there, and what other chains say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode

from metalayer.lanes.logs import Sent, parse
from metalayer.protocol.amounts import GWEI
from metalayer.protocol.facts import LaneFact, Tree
from metalayer.protocol.gateway import Batch, Kind, ReturnNotice, Walk
from metalayer.protocol.message import Fee, genesis_head, interoperable
from tests.kit.evm import Contract, Receipt, views
from tests.kit.paper import PaperLane, Validators
from tests.kit.stack import Stack

FUNDS = 20 * 10**18
"""Credit of a sender, in wei of ERA."""
HIGHEST = 2**256 - 1


@dataclass(frozen=True)
class Step:
    """What a transaction did to the hub's books, in gwei: changes of credits by account, of escrow by destination."""

    receipt: Receipt
    credit: dict[str, int]
    escrow: dict[int, int]


class Origin:
    """The hub's gateway with its books, the messages sent from there, and what other chains say about them."""

    def __init__(
        self, hub: Stack, spokes: Sequence[Stack], validators: Validators, accounts: Sequence[str]
    ) -> None:
        self.hub, self.gateway, self.validators = hub, hub.gateway, validators
        self.accounts, self.sender = accounts, accounts[0]
        self.arcade, self.perps = (spoke.chain.chain_id for spoke in spokes)
        self.recipient = spokes[0].recipient.address
        self.lane: list[Sent] = []
        self.said: dict[int, PaperLane] = {}
        self.open_books()

    def open_books(self) -> None:
        """Starts to count from what stands now."""
        self._books = self._read()

    def _read(self) -> tuple[dict[str, int], dict[int, int]]:
        """P5: every credit, all escrow and the protocol's fees together are the gateway's ERA, to the wei."""
        calls: list[tuple[Any, ...]] = [(self.gateway, "credit", account) for account in self.accounts]
        calls += [(self.gateway, "laneFees", chain_id) for chain_id in (self.arcade, self.perps)]
        calls += [(self.hub.era, "balanceOf", self.gateway.address)]
        *credits, to_arcade, to_perps, held = views(calls)
        credit = dict(zip(self.accounts, credits, strict=True))
        fees = {self.arcade: divmod(to_arcade, 2**256), self.perps: divmod(to_perps, 2**256)}
        assert sum(credit.values()) + sum(sum(parts) for parts in fees.values()) * GWEI == held
        return credit, {chain_id: escrow for chain_id, (escrow, _) in fees.items()}

    def step(self, contract: Contract, method: str, *arguments: Any, **options: Any) -> Step:
        """One transaction, with the books read before and after."""
        receipt = contract.send(method, *arguments, **options)
        (credit, escrow), self._books = self._books, self._read()
        new_credit, new_escrow = self._books
        paid = {account: amount - credit[account] for account, amount in new_credit.items()}
        assert all(amount % GWEI == 0 for amount in paid.values())
        return Step(
            receipt,
            {account: amount // GWEI for account, amount in paid.items() if amount},
            {chain_id: amount - escrow[chain_id] for chain_id, amount in new_escrow.items()},
        )

    def send(
        self,
        by: str | Contract,
        payload: bytes = b"",
        to: int | None = None,
        attributes: Sequence[bytes] = (),
    ) -> Sent:
        """Sends a message, to arcade by default, from an account or through a scripted sender."""
        arguments = (interoperable(to or self.arcade, self.recipient), payload, list(attributes))
        if isinstance(by, Contract):
            step = self.step(by, "send", self.gateway.address, *arguments, sender=self.sender)
        else:
            step = self.step(self.gateway, "sendMessage", *arguments, sender=by)
        (sent,) = parse(step.receipt.logs, self.hub.chain.chain_id, self.hub.chain.chain_id)
        if to in (None, self.arcade):
            self.lane.append(sent)
        return sent

    def say(self, payload: bytes, *, carrier: str, origin: int | None = None) -> Step:
        """Delivers what the validators sign that the gateway of a chain, arcade by default, said."""
        hub_id, origin = self.hub.chain.chain_id, origin or self.arcade
        lane = self.said.setdefault(origin, PaperLane(hub_id, origin, hub_id))
        gateway = self.gateway.address
        nonce = lane.append_notice(gateway, payload).nonce
        tree = Tree([lane.fact()])
        attestation = self.validators.sign(hub_id, gateway, tree.root).fields
        return self.step(
            self.gateway, "deliver", attestation, [lane.batch(tree, first=nonce)], sender=carrier
        )

    def notice(
        self, id_: bytes, *, expired: bool, carrier: str, step: int = 0, origin: int | None = None
    ) -> Step:
        """`step`: the step part that the carrier is said to get, in gwei."""
        return self.say(notice(id_, expired, step), carrier=carrier, origin=origin)

    def claim(
        self, relayer: str, total: int, *, carriage: int = 0, carrier: str, origin: int | None = None
    ) -> Step:
        return self.say(claim(relayer, total, carriage), carrier=carrier, origin=origin)

    def evidence(self, sent: Sent, end: int | None = None) -> tuple[Any, ...]:
        """Arguments of `refund`."""
        return sent.message.fields, walk(self.lane, sent, end).fields

    def refund(self, sent: Sent, *, by: str) -> Step:
        return self.step(self.gateway, "refund", *self.evidence(sent), sender=by)

    def call_back(self, sent: Sent, *, by: str) -> Step:
        return self.step(self.gateway, "callBack", *place(sent), sender=by)

    def returned(self, sent: Sent) -> ReturnNotice:
        """What the gateway knows of a message's return. Zero is whoever carried nothing."""
        return ReturnNotice(*self.gateway.view("returnNotice", sent.message.destination, sent.id))

    def carry(self, stack: Stack, messages: Sequence[Sent], sender: str, at: int | None = None) -> Receipt:
        """Delivers consecutive messages of a real lane to another chain's gateway."""
        return stack.gateway.send("deliver", *batch(self.validators, stack, messages), sender=sender, at=at)

    def hear(self, said: Sequence[Sent], sender: str) -> Step:
        """Delivers consecutive messages of a real lane to the hub."""
        return self.step(self.gateway, "deliver", *batch(self.validators, self.hub, said), sender=sender)


def batch(validators: Validators, stack: Stack, messages: Sequence[Sent]) -> tuple[Any, ...]:
    """Arguments of `deliver` for consecutive messages of one lane."""
    last = messages[-1].message
    fact = LaneFact(last.origin, last.destination, last.nonce, messages[-1].head)
    attestation = validators.sign(last.network_id, stack.gateway.address, Tree([fact]).root)
    elements = [sent.message for sent in messages]
    return attestation.fields, [Batch(elements, last.origin, elements[0].nonce, [], []).fields]


def walk(lane: Sequence[Sent], sent: Sent, end: int | None = None) -> Walk:
    """From a message to the head after nonce `end`, by default as far as its lane goes without a restart."""
    message = sent.message
    places = {other.message.nonce: other for other in lane}
    if message.nonce - 1 in places:
        before = places[message.nonce - 1].head
    else:
        before = genesis_head(message.network_id, message.origin, message.destination, message.nonce - 1)
    ids = []
    for nonce in range(message.nonce + 1, (end or max(places)) + 1):
        if nonce not in places:
            break
        ids.append(places[nonce].id)
    return Walk(message.destination, message.nonce, before, ids)


def place(sent: Sent) -> tuple[Any, ...]:
    """Arguments of `callBack`."""
    return sent.message.fields, sent.message.destination, sent.message.nonce


def notice(id_: bytes, expired: bool, step: int) -> bytes:
    """Payload that says that a message goes back, and what its carrier gets for that (gwei)."""
    return encode(["uint256", "bytes32", "uint256", "uint256"], [Kind.RETURN, id_, int(expired), step])


def restart_notice(nonce: int, last_nonce: int, last_head: bytes) -> bytes:
    """Payload that says where the Inbox left a lane that was restarted at `nonce`."""
    return encode(["uint256", "uint256", "uint256", "bytes32"], [Kind.RESTART, nonce, last_nonce, last_head])


def claim(relayer: str, total: int, carriage: int) -> bytes:
    """Payload that says what a relayer ever earned, and how much of what is due the carrier gets (gwei)."""
    return encode(
        ["uint256", "uint256", "uint256", "uint256"], [Kind.CLAIM, int(relayer, 16), total, carriage]
    )


def fee(sent: Sent) -> Fee:
    return Fee.unpack(sent.message.fee)
