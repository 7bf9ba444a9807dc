"""How a chain whose validator set has expired gets one again: what can be done, by whom, and from when on.

What the expired set signed comes first: it needs no delay, and invents nothing. Without it the recovery announces the
newest set that Staking published, and anyone installs that a week later. The hub adopts: it has nothing of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Any

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.rotation import Rotation, set_proposal, signed_step
from metalayer.attesting.sets import ChainSets, read_all, read_sets
from metalayer.attesting.terms import read_final, read_published
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.protocol import gateway
from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.protocol.dates import utc
from metalayer.protocol.facts import SetFact, leads_to
from metalayer.protocol.gateway import ANNOUNCEMENT_DELAY, RECOVERY_DELAY, ROTATION_GRACE, AnnouncedSet
from metalayer.protocol.rpc import READ_FAULTS, transaction_request

_NOBODY = "0x" + "00" * 20


class Act(Enum):
    """What brings a set back."""

    NOTHING = "nothing"
    ROTATE = "rotate"
    ANNOUNCE = "announce"
    INSTALL = "install"


@dataclass(frozen=True)
class Remedy:
    """What helps one chain: `act`, with the set that it is about, by `who` (anyone if empty), from `since` on (Unix
    seconds of that chain). `data` is the call of its gateway, `why` what keeps it from being helped. `alarm`: something
    is announced that nobody should install.
    """

    sets: ChainSets
    recovery: str
    announced: AnnouncedSet
    act: Act = Act.NOTHING
    following: ValidatorSet | None = None
    who: str = ""
    since: int = 0
    data: bytes = b""
    why: str = ""
    alarm: str = ""

    @property
    def has_expired(self) -> bool:
        return self.sets.seconds_left < 0

    @property
    def is_due(self) -> bool:
        """Whether it can be done now."""
        return self.act is not Act.NOTHING and self.sets.now >= self.since

    @property
    def line(self) -> str:
        """How the chain stands, in words."""
        present = self.sets.installed
        which = f"{self.sets.name}: validator set {present.version}"
        if not self.has_expired:
            return f"{which} signs until {utc(present.expires)}: there is nothing to recover"
        return f"{which} expired at {utc(present.expires)}: {self.why or self._outlook}"

    @property
    def question(self) -> str:
        """What is about to be done, without its end."""
        version = self.following.version if self.following else 0
        verb = {Act.ROTATE: "Bring in", Act.ANNOUNCE: "Announce", Act.INSTALL: "Install"}[self.act]
        return f"{verb} validator set {version} on {self.sets.name}"

    @property
    def done(self) -> str:
        """The same in the past."""
        version = self.following.version if self.following else 0
        verb = {Act.ROTATE: "brought in", Act.ANNOUNCE: "announced", Act.INSTALL: "installed"}[self.act]
        later = ", anyone can install it 7 days from now" if self.act is Act.ANNOUNCE else ""
        return f"{self.sets.name}: validator set {version} {verb}{later}"

    @property
    def _outlook(self) -> str:
        version = self.following.version if self.following else 0
        if self.act is Act.ROTATE:
            return f"{self._whoever} can bring in set {version}, which it signed"
        if self.act is Act.INSTALL:
            when = "now" if self.is_due else f"from {utc(self.since)} on"
            return f"set {version} is announced, and anyone can install it {when}"
        if self.is_due:
            return f"{self._whoever} can announce set {version}, which anyone installs 7 days later"
        later = f"{self._whoever} can announce the newest set from {utc(self.since)} on"
        if self.sets.may_follow(self.sets.installed):
            until = utc(self.sets.installed.expires + ROTATION_GRACE)
            return f"its validators bring in the next one until {until} (`ape metalayer relay once`); {later}"
        return later

    @property
    def _whoever(self) -> str:
        return f"its recovery {self.who}" if self.who else "anyone"


def read(mesh: Mesh, exchange: Exchange, names: Sequence[str]) -> list[Remedy | str]:
    """What helps each of these chains, or why it cannot be read. MetalayerError if the hub is among them or cannot be
    read.
    """
    hub = mesh.hub
    if hub is None:
        raise MetalayerError("the hub is not reached: it says which validator sets there are")
    if hub.name in names:
        raise MetalayerError(
            f"{hub.name} adopts the sets that Staking publishes, expired or not: there is nothing to recover "
            "(`ape metalayer relay once`)"
        )
    newest = read_final(hub, mesh.staking)
    if newest is None:
        raise MetalayerError(f"{hub.name}: Staking has published no validator set that is final")
    published = read_published(hub, mesh.staking, newest)

    def look(connection: Connection) -> Remedy | str:
        try:
            recovery, announced = connection.batch(
                [gateway.RECOVERY.request(mesh.gateway), gateway.ANNOUNCED_SET.request(mesh.gateway)]
            )
            seen = Remedy(read_sets(connection, mesh.gateway), recovery, announced)
            return remedy(mesh, exchange, published, seen) if seen.has_expired else seen
        except MetalayerError as error:
            return fault(connection, error)

    return in_parallel(look, [mesh.connections[name] for name in names])


def remedy(mesh: Mesh, exchange: Exchange, published: Sequence[ValidatorSet], seen: Remedy) -> Remedy:
    """The first of the ways that helps a chain whose set has expired. published: all sets of Staking, ascending."""
    present, now = seen.sets.installed, seen.sets.now
    by_hash = {one.hash: one for one in published}
    if any(announced := seen.announced.set_hash) and announced not in by_hash:
        alarm = (
            f"{seen.sets.name}: 0x{announced.hex()} is announced, which is no set that Staking published: anyone can "
            f"install it from {utc(seen.announced.installable_from)} on (docs/incidents.md)"
        )
        seen = replace(seen, alarm=alarm)
    if present.hash in by_hash:
        following = [one for one in published if one.version > present.version and one.expires >= now]
        if step := _signed(mesh, exchange, present, following) or _accepted(mesh, present, following):
            who = "" if seen.sets.may_follow(present) else seen.recovery
            done = replace(seen, act=Act.ROTATE, following=step.following, who=who, data=step.data)
            return _by_somebody(done)
    return _installation(seen, by_hash) or _announcement(seen, published[-1])


def _signed(
    mesh: Mesh, exchange: Exchange, present: ValidatorSet, following: Sequence[ValidatorSet]
) -> Rotation | None:
    """The largest step for which the exchange has the signatures."""
    for one in reversed(following):
        if found := signed_step(present, one, set_proposal(one, [present]), exchange, mesh.domain):
            return found
    return None


def _accepted(mesh: Mesh, present: ValidatorSet, following: Sequence[ValidatorSet]) -> Rotation | None:
    """A step from the same set that another chain accepted: the very call is valid on each. Those that do not answer
    have none to show.
    """
    wanted = {one.hash: one for one in following}
    sets, _ = read_all(mesh)
    for known in sets:
        for before, after in pairwise(known.installations):
            if before.validator_set.hash != present.hash or after.validator_set.hash not in wanted:
                continue
            try:
                data = known.connection.ask(transaction_request(after.transaction)).data
                attestation, given, proof = gateway.ROTATE.decode_arguments(data)
            except (MetalayerError, *READ_FAULTS):
                # On the hub it is an adoption; elsewhere it may stand within another contract's call.
                continue
            if _shows(mesh.domain, present, wanted[after.validator_set.hash], (attestation, given, proof)):
                return Rotation(wanted[after.validator_set.hash], data)
    return None


def _shows(domain: Domain, present: ValidatorSet, following: ValidatorSet, call: tuple[Any, ...]) -> bool:
    """Whether the arguments of `rotate` say that a quorum of a set signed the following one: a node may lie."""
    (root, fields, signers, signatures), given, proof = call
    if ValidatorSet.from_words(*fields).hash != present.hash:
        return False
    if ValidatorSet.from_words(*given).hash != following.hash:
        return False
    named = [signer for i, (signer, _) in enumerate(present.members) if signers >> i & 1]
    said = zip(named, signatures, strict=False)
    signed = [signer for signer, (r, vs) in said if domain.recover(root, r + vs) == signer]
    return leads_to(root, proof, SetFact(following.version, following.hash).leaf) and present.quorum(signed)


def _installation(seen: Remedy, published: Mapping[bytes, ValidatorSet]) -> Remedy | None:
    """Of what is announced, if Staking published it and it lives long enough."""
    since = seen.announced.installable_from
    known = published.get(seen.announced.set_hash)
    if known is None or known.expires < max(since, seen.sets.now):
        return None
    data = gateway.INSTALL_ANNOUNCED.encode(known)
    return replace(seen, act=Act.INSTALL, following=known, since=since, data=data)


def _announcement(seen: Remedy, newest: ValidatorSet) -> Remedy:
    present, now = seen.sets.installed, seen.sets.now
    since = present.expires + RECOVERY_DELAY + 1
    data = gateway.ANNOUNCE_SET.encode(present, newest)
    if now >= since and newest.expires <= max(present.expires, now + ANNOUNCEMENT_DELAY):
        why = (
            f"the newest set of Staking, {newest.version}, expires at {utc(newest.expires)}, before it could be "
            "announced and installed: once the next one is published and final, it can be announced"
        )
        return replace(seen, why=why)
    who = seen.recovery
    return _by_somebody(replace(seen, act=Act.ANNOUNCE, following=newest, who=who, since=since, data=data))


def _by_somebody(seen: Remedy) -> Remedy:
    if seen.who != _NOBODY:
        return seen
    why = "only a recovery can bring it another, and there is none: its owner names one (deploy.yaml)"
    return replace(seen, act=Act.NOTHING, why=why)
