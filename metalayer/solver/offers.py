"""Transfers that offer a tip, and whether one of them pays now: numbers alone, nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from metalayer.lanes.logs import Sent
from metalayer.protocol.bridge import DONE, NOBODY
from metalayer.protocol.transfers import TIP_PARTS, Front, Kind, Payload
from metalayer.solver.policy import Policy, Terms, TokenId, units


def bridge_payload(sent: Sent, bridge: str) -> Payload | None:
    """The transfer that a message carries; None if it is another one."""
    if {sent.message.sender, sent.message.recipient} != {bridge}:
        return None
    try:
        return Payload.read(sent.message.payload)
    except ValueError:
        return None


def way(start: int, home: int, end: int) -> list[int]:
    """Chain ids from where a transfer starts over its token's home to where it ends."""
    return [start, end] if home in (start, end) else [start, home, end]


@dataclass(frozen=True)
class Offer:
    """A transfer that can be fronted, as the message of its first hop has it: the `nonce`-th of its lane. `end`:
    chain id where it arrives.
    """

    id: bytes
    start: int
    end: int
    token: TokenId
    payload: Payload
    nonce: int

    @classmethod
    def of(cls, sent: Sent, bridge: str) -> Offer | None:
        """What a message offers; None if it is no first hop of a transfer, or cannot be fronted."""
        message, payload = sent.message, bridge_payload(sent, bridge)
        if (
            payload is None
            or payload.id is not None
            or payload.sender is not None
            or not 0 < payload.tip <= TIP_PARTS
        ):
            return None
        if payload.kind is Kind.OUT:
            end, home = message.destination, message.origin
        elif payload.kind is Kind.BACK:
            end, home = payload.chain, message.destination
        else:
            return None
        return cls(sent.id, message.origin, end, TokenId(home, payload.token), payload, message.nonce)

    @property
    def home(self) -> int:
        """Chain id of the token's home."""
        return self.token.chain

    @property
    def way(self) -> list[int]:
        """Chain ids from its start over its token's home to its end."""
        return way(self.start, self.home, self.end)

    @property
    def lanes(self) -> list[tuple[int, int]]:
        """Its hops."""
        return list(pairwise(self.way))

    @property
    def front(self) -> Front:
        """Its terms, as both its ends know them."""
        return self.payload.front(self.id, self.start, self.home)


@dataclass(frozen=True)
class Standing:
    """What chains say of an offer now.

    now: the end's clock. local: the token in which it arrives, NOBODY if there is none yet. solver: who fronted it.
    closed: why value of it does not get through, empty if it does. room: what its start may still send home; None if
    the token is at home there, or if it has come home already. ahead: what its start sends home before it, by id of the
    transfer. unpaid: wei of ERA that are missing for its second hop.
    """

    now: int
    local: str
    decimals: int
    solver: str = NOBODY
    closed: str = ""
    room: int | None = None
    ahead: Mapping[bytes, int] = field(default_factory=dict)
    unpaid: int = 0


class Choice(Enum):
    """What becomes of an offer."""

    FRONT = "front"
    WAIT = "wait"
    """It may pay later: it is looked at again."""
    NEVER = "never"
    """It is not looked at again."""


@dataclass(frozen=True)
class Decision:
    """What to do with an offer and why, in words. In the token's smallest unit: what is paid now and what is kept, of
    that the profit after gas. `due`: Unix time from which on it pays, 0 if that is not known.
    """

    choice: Choice
    reason: str = ""
    paid: int = 0
    kept: int = 0
    profit: int = 0
    due: int = 0


def hopeless(offer: Offer, policy: Policy) -> str:
    """Why an offer is passed by whatever chains say; empty if it depends on them."""
    chains = {chain for lane in offer.lanes for chain in lane}
    if left_out := chains & policy.chains_left_out:
        return f"chain {min(left_out)} is left out"
    if offer.token in policy.tokens_left_out:
        return "its token is left out"
    if policy.terms(offer.token) is None:
        return f"token {offer.token.address} of chain {offer.home} is not trusted"
    return ""


def decide(offer: Offer, standing: Standing, policy: Policy, gas_wei: int, free: int) -> Decision:
    """Whether to front it now. gas_wei: what its transaction costs in ether. free: what the account may pay for it, in
    the token's smallest unit.
    """
    terms = policy.terms(offer.token)
    if reason := hopeless(offer, policy):
        return Decision(Choice.NEVER, reason)
    assert terms is not None
    if standing.solver == DONE:
        return Decision(Choice.NEVER, "it has arrived")
    if standing.solver != NOBODY:
        return Decision(Choice.NEVER, f"{standing.solver} fronted it")
    left = offer.payload.deadline - standing.now
    if left < policy.least_time:
        return Decision(
            Choice.NEVER, f"{max(0, left)} s are left until its deadline, expected {policy.least_time}"
        )
    if standing.local == NOBODY:
        return Decision(Choice.WAIT, "its end does not know the token yet")
    return _weigh(offer, standing, terms, gas_wei, free)


def _weigh(offer: Offer, standing: Standing, terms: Terms, gas_wei: int, free: int) -> Decision:
    front, decimals = offer.front, standing.decimals
    if terms.most is not None and front.amount > (most := units(terms.most, decimals)):
        return Decision(Choice.NEVER, f"it is larger than {most}")
    kept, whole = front.kept(standing.now), front.kept(front.sent_at + front.ramp)
    least, gas = terms.least.of(front.amount, decimals), terms.gas_cost(gas_wei, decimals)
    paid, needed = front.amount - kept, least + gas
    if whole < least:
        return Decision(Choice.NEVER, f"it brings {whole}, less than {least}", paid, kept, kept - gas)
    due = due_at(front, needed)
    if due is None:
        return Decision(
            Choice.WAIT, f"it brings {whole}, less than {needed} with gas", paid, kept, kept - gas
        )
    reason = ""
    if kept < needed:
        reason = f"it brings {kept}, less than {needed}, until {due}"
    elif standing.closed:
        reason = standing.closed
    elif standing.room is not None and front.amount > standing.room:
        reason = f"its start has {standing.room} left at the token's home, less than {front.amount}"
    elif standing.unpaid:
        reason = f"{standing.unpaid} wei of ERA are missing for its second hop"
    elif paid > free:
        reason = f"{paid} are needed, {max(0, free)} are free"
    return Decision(Choice.WAIT if reason else Choice.FRONT, reason, paid, kept, kept - gas, due)


def due_at(front: Front, needed: int) -> int | None:
    """Unix time from which on a solver keeps so much; None if it never does."""
    if front.kept(front.sent_at + front.ramp) < needed:
        return None
    if needed <= 0:
        return front.sent_at
    passed = -(-needed * TIP_PARTS * front.ramp // (front.amount * front.tip))
    return front.sent_at + min(front.ramp, passed)
