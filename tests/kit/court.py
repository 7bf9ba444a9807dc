"""The Slasher over Staking and a gateway, validators with their keys, and what convicts one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from metalayer.protocol.attestation import Attestation, Domain, ValidatorSet, compact
from metalayer.protocol.facts import (
    Fact,
    LaneFact,
    RestartFact,
    SetFact,
    SignedFact,
    Tree,
    UnexecutedFact,
    signed_facts,
)
from metalayer.protocol.message import interoperable
from tests.kit.chains import BoundChain
from tests.kit.evm import Contract, Receipt, Revert, created_address, deploy, now
from tests.kit.paper import DAY, PaperLane, PaperRelayer
from tests.kit.stack import Stack
from tests.kit.staking import SETTLES, Bond, signing_key

KINDS = (
    "LaneEquivocation",
    "SetEquivocation",
    "FalsePlace",
    "FalseUnexecuted",
    "FalseSet",
    "LaneContradiction",
    "SetContradiction",
)
"""The Slasher's enum, in its order."""
STATES = ("None", "Open", "Dismissed", "Settled")
"""Likewise, of a case."""

Accusation = tuple[int, int, int, int, int]
"""The Solidity struct: validator, kind, origin, destination, nonce."""


HEADS = [keccak(text="head"), keccak(text="other head")]
LIAR = 5
"""Of the validators 1 to 5, of equal stake: without it the others are a quorum."""
DECOYS = LaneFact(903, 901, 1, HEADS[0]), LaneFact(903, 902, 1, HEADS[0])
"""What is signed beside."""


def accusation(validator: int, kind: str, *place: int) -> Accusation:
    """`place`: origin, destination and nonce of a lane, or the version of a set."""
    origin, destination, nonce = place if len(place) == 3 else (0, 0, *place)
    return validator, KINDS.index(kind), origin, destination, nonce


class Charge(NamedTuple):
    """Evidence: the Slasher's entry that takes it, its arguments, and what the case is about."""

    entry: str
    signed: SignedFact
    rest: tuple[Any, ...]
    accused: Accusation

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.signed.statement, self.signed.fields, *self.rest


@dataclass(frozen=True)
class Court:
    """The contracts, and the keys that validators have now, by their ids."""

    bond: Bond
    gateway: Contract
    slasher: Contract
    keys: dict[int, LocalAccount] = field(default_factory=dict)

    @classmethod
    def found(cls, gateway: Contract, *, deployer: str, treasury: str, owner: str, seats: int = 5) -> Court:
        """Deploys Staking and the Slasher beside a gateway that is there."""
        chain = gateway.chain
        nonce = int(chain.rpc("eth_getTransactionCount", [deployer, "latest"]), 16)
        address = created_address(deployer, nonce + 3)
        bond = Bond.found(
            chain,
            treasury=treasury,
            slasher=address,
            deployer=deployer,
            gateway=gateway.address,
            seats=seats,
        )
        domain = gateway.view("domainSeparator")
        arguments = domain, gateway.address, bond.staking.address, owner
        slasher = deploy(chain, "Slasher", *arguments, sender=deployer)
        assert slasher.address == address
        return cls(bond, gateway, slasher)

    @property
    def chain(self) -> BoundChain:
        return self.slasher.chain

    @property
    def domain(self) -> Domain:
        """In which validators sign."""
        return Domain(self.chain.chain_id, self.gateway.address)

    def seat(self, operator: str, *owns: int) -> list[int]:
        """Seated validators of one operator, with so much own stake each. Their ids."""
        ids = self.bond.seat(operator, *owns)
        self.keys.update((id_, signing_key(id_)) for id_ in ids)
        return ids

    def rotate(self, operator: str, id_: int, name: str, *, at: int | None = None) -> LocalAccount:
        """Gives a validator another key. The one that it had."""
        retired, self.keys[id_] = self.keys[id_], signing_key(name)
        key = self.keys[id_]
        possession = self.bond.possession(operator, key)
        self.bond.staking.send("rotateKey", id_, key.address, possession, sender=operator, at=at)
        return retired

    def sign(
        self, fact: Fact, *others: Fact, by: int | LocalAccount, digest: bytes | None = None
    ) -> SignedFact:
        """A fact signed by a validator, or with a key, under a root over it and these others."""
        key = self.keys[by] if isinstance(by, int) else by
        said = [fact, *others]
        digest = digest or self.domain.digest(Tree(said).root)
        return signed_facts(said, compact(key.unsafe_sign_hash(digest)))[0]

    def attest(
        self, validator_set: ValidatorSet, fact: Fact, *others: Fact, by: Iterable[int]
    ) -> tuple[Any, ...]:
        """Attestation of a fact by these validators, as members of a set; and the fact's proof."""
        tree = Tree([fact, *others])
        digest = self.domain.digest(tree.root)
        keys = [self.keys[id_] for id_ in by]
        signatures = {key.address: compact(key.unsafe_sign_hash(digest)) for key in keys}
        return Attestation(tree.root, validator_set, signatures).fields, tree.proof(fact)

    def accuse(self, charge: Charge, by: str, *, at: int | None = None) -> Receipt:
        """Opens a case. AssertionError if the Slasher refuses."""
        return self.slasher.send(charge.entry, *charge.arguments, sender=by, at=at)

    def refusal(self, charge: Charge, by: str, *, at: int | None = None) -> Revert:
        """Why the Slasher opens no case. AssertionError if it does."""
        return self.slasher.revert(charge.entry, *charge.arguments, sender=by, at=at)

    def settle(self, accused: Accusation, by: str, *, at: int | None = None) -> Receipt:
        """Settles a case, as soon as that is possible unless told otherwise."""
        if at is None:
            opened, _, _ = self.slasher.view("caseOf", self.key_of(accused))
            latest = self.bond.staking.view("lastAccused", accused[0])
            at = max(max(opened, latest) + SETTLES, now(self.chain) + 1)
        return self.slasher.send("settle", accused, sender=by, at=at)

    def dismiss(self, accused: Accusation, by: str) -> Receipt:
        return self.slasher.send("dismiss", accused, sender=by)

    def key_of(self, accused: Accusation) -> bytes:
        return bytes(self.slasher.view("keyOf", accused))

    def state_of(self, accused: Accusation) -> str:
        return STATES[self.slasher.view("caseOf", self.key_of(accused))[1]]


@dataclass(frozen=True)
class Prosecution:
    """Evidence of every sort against validators of a court, over the hub's lane to a spoke and the lane back."""

    court: Court
    published: ValidatorSet
    """The newest set: all but the liar are a quorum of it."""
    spoke: Stack
    sender: str
    """Sends from the hub, for nothing."""
    paper: PaperRelayer
    """Delivers to the hub."""
    recipient: str
    inbound: PaperLane

    @property
    def _ends(self) -> tuple[int, int]:
        return self.court.chain.chain_id, self.spoke.chain.chain_id

    def send(self, count: int) -> tuple[list[bytes], list[bytes]]:
        """Sends messages from the hub: (ids, heads)."""
        recipient = interoperable(self._ends[1], self.spoke.recipient.address)
        sent = [
            self.court.gateway.send("sendMessage", recipient, b"", [], sender=self.sender)
            for _ in range(count)
        ]
        return (
            [receipt.named("MessageSent")[0][0] for receipt in sent],
            [receipt.named("LaneExtended")[0][5] for receipt in sent],
        )

    def deliver(self, count: int) -> Receipt:
        """Delivers the lane back to the hub's recipient, with so many new messages."""
        for _ in range(count):
            self.inbound.append(self.sender, self.recipient, deliver_before=now(self.court.chain) + DAY)
        return self.paper.deliver(self.inbound)

    def charge(self, entry: str, by: int = LIAR) -> Charge:
        """Evidence for an entry of the Slasher: of place 2 or 4 of a lane, or of version 1, 2 or 7 of sets."""
        hub, spoke = self._ends
        lane, other_lane = (LaneFact(spoke, hub, 4, head) for head in HEADS)
        one_set, other_set = (SetFact(7, head) for head in HEADS)

        def sign(fact: Fact) -> SignedFact:
            return self.court.sign(fact, *DECOYS, by=by)

        def attest(fact: Fact) -> tuple[Any, ...]:
            return self.court.attest(self.published, fact, by=range(1, 5))

        def made(fact: Fact, kind: str, *rest: Any) -> Charge:
            place = (
                (fact.version,) if isinstance(fact, SetFact) else (fact.origin, fact.destination, fact.nonce)
            )
            return Charge(entry, sign(fact), rest, accusation(by, kind, *place))

        match entry:
            case "laneEquivocation":
                return made(lane, "LaneEquivocation", other_lane.head, sign(other_lane).fields)
            case "setEquivocation":
                return made(one_set, "SetEquivocation", other_set.set_hash, sign(other_set).fields)
            case "placeEquivocation":
                return made(lane, "LaneEquivocation", sign(RestartFact(spoke, hub, 4)).fields)
            case "falseHead":
                ids, heads = self.send(3)
                return made(LaneFact(hub, spoke, 2, HEADS[0]), "FalsePlace", heads[1], ids[2:])
            case "beyondLane":
                return made(LaneFact(hub, spoke, 4, HEADS[0]), "FalsePlace")
            case "falseRestart":
                return made(RestartFact(hub, spoke, 4), "FalsePlace")
            case "falseSet":
                return made(SetFact(1, HEADS[0]), "FalseSet")
            case "beyondSets":
                return made(SetFact(2, HEADS[0]), "FalseSet")
            case "falseUnexecuted":
                self.deliver(3)
                ids = [message.id for message in self.inbound.messages]
                unexecuted = UnexecutedFact(spoke, hub, 2, ids[1], 0)
                return made(unexecuted, "FalseUnexecuted", self.inbound.heads[1], ids[2:])
            case "laneContradiction":
                return made(lane, "LaneContradiction", other_lane.head, *attest(other_lane))
            case "setContradiction":
                return made(one_set, "SetContradiction", other_set.set_hash, *attest(other_set))
            case _:
                raise AssertionError(f"the Slasher has no entry {entry}")
