"""The votes of a chain wherever they are counted: its own logs, its contract, on the way, in the hub's pool, cast.

What a chain says of itself is all that the hub has. Whoever reads that chain can count again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.governance.actions import Done, Senders, prepay, transact
from metalayer.governance.motions import Desk
from metalayer.governance.progress import Vote
from metalayer.network.connection import Connection, fault
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway, votes
from metalayer.protocol.amounts import era
from metalayer.protocol.bridge import PAST_OUTSTANDING
from metalayer.protocol.hex import to_hex
from metalayer.protocol.rpc import block_request, word
from metalayer.protocol.votes import Tally, castable

_NONE = Tally()


@dataclass(frozen=True)
class Count:
    """One chain's votes for a proposal, in wei of ERA.

    recounted: the sum of its logs. said: by its contract. sent: the newest that left, and `sent_at` when (Unix time by
    its clock; 0: none did). kept: by the hub's pool, as it arrived. counted: cast on the hub. cap: what was there, as
    the hub knows. is_trusted: whether the hub takes votes from it now. trouble: why it could not be asked.
    """

    chain: str
    chain_id: int
    recounted: Tally = _NONE
    said: Tally = _NONE
    sent: Tally = _NONE
    sent_at: int = 0
    kept: Tally = _NONE
    counted: Tally = _NONE
    cap: int = 0
    is_trusted: bool = True
    trouble: str = ""

    @property
    def faults(self) -> list[str]:
        """What cannot be if the chain is honest. Its logs are the votes; everything else is at most that."""
        if self.trouble:
            return []
        found = []
        if self.said != self.recounted:
            found.append(f"its contract says {_words(self.said)}, its logs give {_words(self.recounted)}")
        for what, tally in (("it sent", self.sent), ("the hub keeps", self.kept)):
            if _exceeds(tally, self.recounted):
                found.append(f"{what} {_words(tally)}, its logs give {_words(self.recounted)}")
        if self.recounted.total > self.cap:
            found.append(f"{era(self.recounted.total)} ERA voted there, the hub knows of {era(self.cap)}")
        return found

    def castable(self, only_against: bool = False) -> Tally:
        """What casting adds now."""
        return castable(self.kept, self.counted, self.cap, only_against)

    def as_dict(self) -> dict[str, Any]:
        """For --json: wei as strings."""
        tallies = {
            name: {kind: str(wei) for kind, wei in value._asdict().items()}
            for name, value in vars(self).items()
            if isinstance(value, Tally)
        }
        rest = {"cap": str(self.cap), "faults": self.faults}
        return {**vars(self), **tallies, **rest}


def recount(desk: Desk, proposal: int, vote: Vote) -> list[Count]:
    """The votes of every chain but the hub, as far as they are anywhere; empty before the snapshot.

    MetalayerError only if the hub cannot be read.
    """
    if vote.now <= vote.snapshot:
        return []
    # The hub first: what it has was on its chain before.
    known = in_parallel(lambda spoke: _on_hub(desk, proposal, vote, spoke), desk.spokes)
    return in_parallel(lambda one: _there(desk, proposal, vote.snapshot, one), known)


def _on_hub(desk: Desk, proposal: int, vote: Vote, spoke: Connection) -> Count:
    hub, address, id_ = desk.hub, desk.live.mesh.gateway, spoke.chain_id
    kept, counted, cap, route, paused = hub.batch(
        [
            votes.POOL_TALLY.request(desk.votes, proposal, id_),
            votes.CAST_OF.request(desk.votes, proposal, id_),
            PAST_OUTSTANDING.request(desk.live.registry.address("TokenBridge"), id_, vote.snapshot),
            gateway.ROUTE.request(address, id_),
            gateway.PAUSED_UNTIL.request(address, id_),
        ]
    )
    is_trusted = route.inbound and vote.now >= paused
    return Count(spoke.name, id_, kept=kept, counted=counted, cap=cap, is_trusted=is_trusted)


def _there(desk: Desk, proposal: int, snapshot: int, known: Count) -> Count:
    """With what the chain has, all at one block."""
    spoke, ballot = desk.live.connection(known.chain_id), (word(proposal), word(snapshot))
    try:
        block = spoke.height()
        said, cast, sent = spoke.batch(
            [
                votes.SPOKE_TALLY.request(desk.votes, proposal, snapshot, block=block),
                votes.VOTE_CAST.history(desk.votes, None, *ballot, last=block),
                votes.TALLY_SENT.history(desk.votes, *ballot, last=block),
            ]
        )
        recounted = Tally(*(sum(event[3 + part] for event, _ in cast) for part in range(3)))
        sent_at, newest = 0, _NONE
        if sent:
            event, log = sent[-1]
            sent_at, newest = spoke.ask(block_request(log.block)).time, Tally.of(event[3])
    except MetalayerError as error:
        return replace(known, trouble=fault(spoke, error))
    return replace(known, recounted=recounted, said=said, sent=newest, sent_at=sent_at)


def send(desk: Desk, proposal: int, snapshot: int, chain: str, senders: Senders, deposit: bool) -> Done:
    """Sends a chain's tally to the hub. Anyone, who pays from the own credit there.

    deposit: puts what is missing into it first. MetalayerError if there are no votes, or too little ERA.
    """
    spoke = desk.live.connection(chain)
    sender = senders(spoke)
    prepay(desk, spoke, sender, spoke.view(desk.votes, votes.QUOTE_TALLY), desk.votes, deposit)
    receipt = transact(spoke, sender, desk.votes, votes.SEND_TALLY.encode(proposal, snapshot))
    line = f"its votes are sent to {desk.hub.name}"
    for _, _, message_id, parts in votes.TALLY_SENT.found_in(receipt["logs"], desk.votes):
        line += f", {_words(Tally.of(parts))}, as message {to_hex(message_id)}"
    return Done.by(chain, line, receipt)


def cast(desk: Desk, proposal: int, chain: str, senders: Senders) -> Done:
    """Casts what the hub keeps of a chain's votes, as far as it was not cast. Anyone. MetalayerError if there is
    nothing, or if the hub does not trust that chain now.
    """
    hub, spoke = desk.hub, desk.live.connection(chain)
    receipt = transact(hub, senders(hub), desk.votes, votes.CAST.encode(proposal, spoke.chain_id))
    cast_now = votes.TALLY_CAST.found_in(receipt["logs"], desk.votes)
    words = "".join(f": {_words(Tally.of(parts))}" for _, _, parts in cast_now)
    return Done.by(hub.name, f"the votes of {chain} are cast{words}", receipt)


def sentences(counts: Sequence[Count]) -> Iterator[str]:
    """What is wrong, a line each."""
    for count in counts:
        if count.trouble:
            yield count.trouble
        for line in count.faults:
            yield f"{count.chain} is not to be believed: {line}"


def _exceeds(tally: Tally, other: Tally) -> bool:
    return any(mine > its for mine, its in zip(tally, other, strict=True))


def _words(tally: Tally) -> str:
    return f"{era(tally.in_favour)} for, {era(tally.against)} against, {era(tally.abstain)} abstaining"
