"""What a proposal's file says under `then`: tried on the forks, after everything was executed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from metalayer.assets import tokens, transfers
from metalayer.assets.tokens import BALANCE_OF
from metalayer.deploy.artifacts import load_artifacts
from metalayer.deploy.check import check
from metalayer.deploy.contracts import ARTIFACTS, predict
from metalayer.deploy.intent import load_intent, resolve
from metalayer.deploy.names import FACTORY
from metalayer.deploy.sets import first_sets
from metalayer.errors import MetalayerError
from metalayer.governance.build import rehearsed
from metalayer.governance.names import Names
from metalayer.governance.written import Check, Proposal
from metalayer.network.config import Network
from metalayer.network.live import Live
from metalayer.network.registry import Registry
from metalayer.network.signers import address_of
from metalayer.network.transactions import KeySender
from metalayer.network.values import found as shown
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import era, parse_era
from metalayer.relayer.passes import Relayer
from metalayer.services.acting import must
from metalayer.services.forks import Forks, fund, throw_away_key

_TRANSFER = re.compile(
    r"(?P<amount>[0-9][0-9_,.]{0,39}) ERA from (?P<origin>\w+) to (?P<destination>\w+)(?: by (?P<over>\w+))?"
    r"(?P<back>,? and back)?",
    re.ASCII,
)
_GIVE = Function("transfer(address,uint256)", "bool")
# Of the forks themselves: their gateways have a set of ours.
_OURS = ("installed validator set", "validator set")
_FEES = 100 * 10**18
_PASSES = 8


class Result(NamedTuple):
    """One entry of `then`. problem: empty if it is as it should be."""

    what: str
    problem: str = ""


@dataclass(frozen=True)
class Checker:
    """Does it, with a relayer at work."""

    forks: Forks
    names: Names
    registry: Registry
    relayer: Relayer

    def results(self, proposal: Proposal) -> list[Result]:
        """In the file's order: what views say, by chain, and then what is tried."""
        found = []
        for chain, expected in rehearsed(proposal, self.names).items():
            connection = self.forks.mesh.connections[chain]
            for one in expected:
                said = (
                    connection.call(one.target, one.calldata) if one.calldata else connection.code(one.target)
                )
                problem = "" if one.holds(said) else f"found {one.words(said)}"
                found.append(Result(f"{chain}: {one.sentence}", problem))
        for entry in proposal.then:
            if isinstance(entry, Check):
                found.append(self._tried(proposal, entry))
        return found

    def _tried(self, proposal: Proposal, entry: Check) -> Result:
        place = f"{proposal.source}:{entry.line}"
        if entry.kind == "check":
            chains = _chains(entry.content, self.names.network, place)
            what = (
                f"`check` finds nothing that has to do with {', '.join(chains)}"
                if chains
                else "`check` finds nothing"
            )
            return Result(what, self._check(chains))
        if entry.kind == "transfer":
            match = _TRANSFER.fullmatch(str(entry.content).strip())
            if match is None:
                raise MetalayerError(
                    f"{place}: expected a transfer such as `1 ERA from arcade to perps, and back`, found "
                    f"{shown(entry.content)}"
                )
            if match["over"] not in (None, "hub", self.names.hub):
                raise MetalayerError(f"{place}: ERA goes by the hub alone, found {shown(match['over'])}")
            try:
                self._transfer(match)
            except MetalayerError as error:
                return Result(f"transfer of {entry.content}", str(error))
            return Result(f"transfer of {entry.content}")
        raise MetalayerError(
            f"{place}: nothing is known of {shown(entry.kind)}: expected check, transfer or call"
        )

    @property
    def _network(self) -> Network:
        chains = {name: one.chain for name, one in self.forks.mesh.connections.items()}
        return replace(self.names.network, hub=chains[self.names.hub], chains=chains)

    def _check(self, chains: tuple[str, ...]) -> str:
        """The first thing that differs from deploy.yaml."""
        connections, intent = self.forks.mesh.connections, load_intent()
        artifacts = load_artifacts(ARTIFACTS)
        factory = artifacts[FACTORY].creation
        sets = first_sets(self._network, connections, predict(address_of(intent.deployer), factory))
        resolved = resolve(intent, self._network, address_of, factory, sets)
        findings = check(resolved, self.registry, connections, artifacts)
        drift = [
            one
            for one in findings
            if one.is_drift
            and one.subject not in _OURS
            and (not chains or one.chain in chains or any(chain in one.subject.split() for chain in chains))
        ]
        if not drift:
            return ""
        first, more = drift[0], f" (and {len(drift) - 1} more)" if len(drift) > 1 else ""
        return f"{first.chain}: {first.subject} is {first.found}, deploy.yaml says {first.expected}{more}"

    def _transfer(self, match: re.Match[str]) -> None:
        """MetalayerError if it does not come."""
        amount = parse_era(re.sub("[,_]", "", match["amount"]))
        origin, destination = (self.names.network.chain(match[end]).name for end in ("origin", "destination"))
        user, hub = KeySender(throw_away_key("user")), self.forks.mesh.connections[self.names.hub]
        for connection in self.forks.mesh.connections.values():
            fund(connection, user.address)
        token, treasury = self.names.on(self.names.hub, "ERA"), self.names.on(self.names.hub, "Timelock")
        must(
            hub,
            treasury,
            token,
            _GIVE.encode(user.address, 3 * (amount + _FEES)),
            "the treasury gives nothing",
        )
        if origin != hub.name:
            self._cross(user, hub.name, origin, amount + _FEES)
        arrived = self._cross(user, origin, destination, amount)
        if match["back"]:
            # What the way there and the fee of the way back left.
            self._cross(user, destination, origin, arrived // 2)

    def _cross(self, user: KeySender, origin: str, destination: str, amount: int) -> int:
        """Sends it, and waits. What arrives."""
        live = Live(self._network, self.registry, self.forks.mesh)
        start, end = live.connection(origin), live.connection(destination)
        token = self.names.on(destination, "ERA")
        before = end.view(token, BALANCE_OF, user.address)
        era_there = tokens.read(live, start, self.names.on(origin, "ERA"))
        wish = transfers.Wish(era_there, end.chain, user.address, amount)
        transfers.send(live, user, transfers.prepare(live, start, user.address, wish))
        for _ in range(_PASSES):
            self.forks.settle()
            result = self.relayer.relay_once(lambda line: None)
            if (arrived := end.view(token, BALANCE_OF, user.address) - before) > 0:
                return arrived
        problem = next(iter([*result.all_problems, *result.put_off]), "it is not there")
        raise MetalayerError(f"{era(amount)} ERA from {origin} to {destination}: {problem}")


def _chains(content: Any, network: Network, place: str) -> tuple[str, ...]:
    """Of `{with: chess}`."""
    if content in (None, ""):
        return ()
    named = content.get("with") if isinstance(content, Mapping) and set(content) == {"with"} else None
    if not isinstance(named, str):
        raise MetalayerError(
            f"{place}: expected `check:` or `check: {{with: CHAIN}}`, found {shown(content)}"
        )
    try:
        return tuple(network.chain(one.strip()).name for one in named.split(","))
    except MetalayerError as error:
        raise MetalayerError(f"{place}: {error}") from error
