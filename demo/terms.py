"""What those who stake see of a term: the user's stake behind a validator, fees that become rewards, and the set that
follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from demo.stage import USER, Stage, silent
from demo.stakes import Forwarded
from metalayer.attesting.terms import Term, read_term
from metalayer.network.live import Live
from metalayer.network.parallel import in_parallel
from metalayer.network.signers import load_sender, load_signer
from metalayer.protocol import collector, gateway, staking
from metalayer.protocol.amounts import era
from metalayer.services.clock import finalize, forward
from metalayer.staking.desk import Desk

DELEGATED = 50_000 * 10**18
"""ERA (wei) that the user delegates to the first validator: it weighs more in the second set."""
_CHOSEN = 1
_DAY = 86_400


@dataclass
class Terms:
    """Acts as the user, and waits for what the relayer's keeper does."""

    stage: Stage
    live: Live

    @property
    def desk(self) -> Desk:
        return Desk.of(self.live)

    def delegate(self) -> None:
        """Puts some of the user's ERA behind a validator."""
        call = staking.DELEGATE.encode(_CHOSEN, DELEGATED)
        self.desk.send(load_sender(USER), load_signer(USER), [call], DELEGATED)
        self.stage.moves.append((self.desk.hub.name, -DELEGATED))
        self.stage.say(
            f"{era(DELEGATED)} ERA delegated to validator {_CHOSEN}: that counts from the next set on"
        )

    def forward_fees(self) -> Forwarded:
        """What messages from the hub paid the protocol goes to those who stake. The user calls: its hundredth part is
        not worth a keeper's gas yet.
        """
        desk, user = self.desk, load_sender(USER)
        others = [id_ for id_ in self.live.mesh.by_id if id_ != desk.hub.chain_id]
        address = desk.hub.view(self.live.mesh.gateway, gateway.COLLECTOR)
        receipt = desk.hub.send(user, address, collector.FORWARD.encode(others))
        ((_, amount, _, bounty),) = collector.FORWARDED.found_in(receipt["logs"], address)
        self.stage.moves.append((desk.hub.name, bounty))
        self.stage.say(
            f"{era(amount)} ERA of fees forwarded to Staking on {desk.hub.name}, {era(bounty)} for who did it: they "
            f"stream to the stake in {staking.STREAM // _DAY} days"
        )
        return Forwarded(amount + bounty, amount, desk.hub.block(receipt["blockNumber"]).time)

    def rotate(self) -> int:
        """Lets a term pass on all chains together; then waits until each has the set that follows. Its version."""
        forward(self.live.mesh.connections.values(), staking.TERM)
        self.stage.say(f"[bold]{staking.TERM // _DAY} days pass[/] on all chains: a term is over")
        return self._follow(self.stage.say, lambda: None)

    def reach(self, moment: int) -> None:
        """Lets time pass on all chains until none is behind a Unix time. Whenever a term is over, the next set follows
        before it goes on; blocks do not let it wait.
        """
        connections = self.live.mesh.connections.values()
        began = earliest = min(one.block().time for one in connections)
        version, versions = self._term.version, list[int]()
        while earliest < moment:
            forward(connections, min(moment - earliest, staking.TERM))
            # The keeper may have published the next one by now.
            if self._term.is_over or self._term.version != version:
                version = self._follow(silent, lambda: finalize(connections))
                self.await_check_ins(silent)
                versions.append(version)
            earliest = min(one.block().time for one in connections)
        sets = f", validator sets {versions[0]} to {versions[-1]} follow" if versions[1:] else ""
        sets = sets or (f", validator set {versions[0]} follows" if versions else "")
        hours = round((earliest - began) / 3_600)
        passed = f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
        if hours:
            self.stage.say(f"[bold]{passed} pass[/] on all chains{sets}")

    @property
    def _term(self) -> Term:
        return read_term(self.desk.hub, self.desk.address)

    def _follow(self, say: Callable[[str], None], hasten: Callable[[], None]) -> int:
        """Waits until every chain has the set that follows a term; hasten: called before each look."""
        desk, connections = self.desk, self.live.mesh.connections
        term = self._term
        version = term.version + term.is_over
        published = f"validator set {version}"

        def is_published() -> bool:
            hasten()
            return desk.hub.view(desk.address, staking.SET_VERSION) == version

        self.stage.wait_for(published, is_published)
        say(f"{published}: published by Staking on {desk.hub.name}")
        newest = desk.hub.view(desk.address, staking.SET_HASH, version)
        waiting = dict(connections)

        def everywhere() -> bool:
            hasten()
            asked = list(waiting.values())
            found = in_parallel(
                lambda one: one.view(self.live.mesh.gateway, gateway.VALIDATOR_SET_HASH), asked
            )
            for name in [one.name for one, hash_ in zip(asked, found, strict=True) if hash_ == newest]:
                del waiting[name]
                how = "adopted" if name == desk.hub.name else "rotated in"
                say(f"{published}: {how} on {name}")
            return not waiting

        self.stage.wait_for(f"{published} on every chain", everywhere)
        say(f"[bold]every chain has {published}[/]")
        return version

    def await_check_ins(self, say: Callable[[str], None] | None = None) -> None:
        """Until every seated validator has shown that it signed the newest set."""
        desk = self.desk
        ids, began = desk.hub.batch(
            [staking.TAKEN_SEATS.request(desk.address), staking.SET_AT.request(desk.address)]
        )

        def all_did() -> bool:
            found = desk.hub.batch(staking.VALIDATOR.request(desk.address, id_) for id_ in ids)
            return all(one.alive_at >= began for one in found)

        self.stage.wait_for("the validators' check-in", all_did)
        (say or self.stage.say)(f"{len(ids)} validators checked in: they signed the newest set")
