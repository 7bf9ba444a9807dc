"""Validator sets: which one each chain has, and how the next one comes to all of them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from metalayer.attesting.exchange import Exchange
from metalayer.attesting.quorum import QUORUM_TIMEOUT, Proposal, await_quorums, missing
from metalayer.attesting.sets import ChainSets, read_all
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection, fault
from metalayer.network.mesh import Mesh
from metalayer.network.parallel import in_parallel
from metalayer.network.rpc import Reverted
from metalayer.network.transactions import Sender
from metalayer.protocol import gateway
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.dates import utc
from metalayer.protocol.facts import SetFact
from metalayer.protocol.rpc import READ_FAULTS, transaction_request

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one chain: the version that it has now, the transaction that installed it (empty if it had it
    before), and what kept it from having the next one (empty if nothing did).
    """

    chain: str
    version: int | None
    transaction: str = ""
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        how = f"installed in {self.transaction}" if self.transaction else "is installed"
        return f"{self.chain}: validator set {self.version} {how}"


@dataclass(frozen=True)
class _Call:
    """A call of `rotate` that some chain accepted: valid on every chain that has the same set installed."""

    data: bytes
    following: ValidatorSet


def catch_up(mesh: Mesh, senders: Mapping[str, Sender]) -> list[Outcome]:
    """Brings chains whose set is behind another chain's to that one, set by set, with the calls of `rotate` that the
    other accepted: an attestation is valid on every chain of the network.

    Returns what was done and what went wrong; nothing if all chains have the same set: then this is one round trip.
    """

    def read(connection: Connection) -> bytes | str:
        try:
            return connection.view(mesh.gateway, gateway.VALIDATOR_SET_HASH)
        except MetalayerError as error:
            return fault(connection, error)

    hashes = dict(zip(mesh.connections, in_parallel(read, mesh.connections.values()), strict=True))
    silent = {name: answer for name, answer in hashes.items() if isinstance(answer, str)}
    if len(set(hashes.values()) - set(silent.values())) < 2:
        return [Outcome(name, None, problem=problem) for name, problem in silent.items()]
    found, problems = read_all(mesh.only(*(name for name in mesh.connections if name not in silent)))
    outcomes = _catch_up(found, mesh.gateway, senders) if found else []
    return outcomes + [Outcome(n, None, problem=problem) for n, problem in {**silent, **problems}.items()]


def propose_and_rotate(
    mesh: Mesh,
    exchange: Exchange,
    senders: Mapping[str, Sender],
    following: ValidatorSet,
    timeout: float = QUORUM_TIMEOUT,
    say: Callable[[str], None] = log.info,
) -> list[Outcome]:
    """Installs the set on every chain that lacks it; chains in parallel. Run again, it goes on where it ended.

    Chains that are behind catch up first. Then the set fact is proposed, and each chain whose installed set has a
    quorum for it is rotated. The last outcome of a chain says whether it has the set; `say` gets a line per stage.
    """
    found, problems = read_all(mesh)
    outcomes = []
    if len({sets.installed.hash for sets in found}) > 1:
        for outcome in _catch_up(found, mesh.gateway, senders):
            say(str(outcome))
            if not outcome.problem:
                outcomes.append(outcome)
        found, problems = read_all(mesh)
    # A chain that just caught up to this very set said so above.
    caught = {outcome.chain for outcome in outcomes if outcome.version == following.version}
    obstacles = {sets.name: _obstacle(sets, following) for sets in found}
    for sets in found:
        if sets.installed.hash == following.hash and sets.name not in caught:
            outcomes.append(Outcome(sets.name, following.version))
        elif obstacles[sets.name]:
            outcomes.append(Outcome(sets.name, sets.installed.version, problem=obstacles[sets.name]))
    lacking = [s for s in found if s.installed.hash != following.hash and not obstacles[s.name]]
    if lacking:
        fact = SetFact(following.version, following.hash)
        wanted = {sets.installed.hash: sets.installed for sets in lacking}
        proposal = Proposal([fact], list(wanted.values()), timeout)
        say(
            f"proposing validator set {following.version} (0x{following.hash.hex()}) under {proposal.root.hex()}"
        )
        await_quorums(exchange, mesh.domain, [proposal])

        def rotate(sets: ChainSets) -> Outcome:
            if not sets.installed.quorum(proposal.signatures):
                why = missing(exchange, proposal, sets.installed)
                problem = f"{sets.name}: no quorum of validator set {sets.installed.version}: {why}"
                return Outcome(sets.name, sets.installed.version, problem=problem)
            attestation = proposal.attestation(sets.installed)
            data = gateway.ROTATE.encode(attestation, following, proposal.tree.proof(fact))
            return _rotate(sets, senders[sets.name], mesh.gateway, _Call(data, following))

        rotated = in_parallel(rotate, lacking)
        outcomes += rotated
        if not problems and not any(outcome.problem for outcome in rotated):
            exchange.remove(proposal.root)
    return outcomes + [Outcome(name, None, problem=problem) for name, problem in problems.items()]


def _catch_up(found: Sequence[ChainSets], address: str, senders: Mapping[str, Sender]) -> list[Outcome]:
    newest = max((sets.installed for sets in found), key=lambda installed: installed.version)
    behind = [sets for sets in found if sets.installed.version < newest.version]
    apart = [s for s in found if s.installed.version == newest.version and s.installed.hash != newest.hash]
    calls = _calls(found, behind, address)

    def climb(sets: ChainSets) -> list[Outcome]:
        outcomes: list[Outcome] = []
        present = sets.installed
        while present.version < newest.version:
            if not sets.may_follow(present):
                return [*outcomes, Outcome(sets.name, present.version, problem=_expired(sets, present))]
            attempts = []
            for call in calls.get(present.hash, []):
                attempts.append(_rotate(sets, senders[sets.name], address, call, present))
                if not attempts[-1].problem:
                    present = call.following
                    break
            else:
                nobody = (
                    f"{sets.name}: it has validator set {present.version}, and no chain shows a direct call of "
                    f"`rotate` that leads from there towards {newest.version}: propose the set again"
                )
                outcomes += attempts[-1:] or [Outcome(sets.name, present.version, problem=nobody)]
                return outcomes
            outcomes.append(attempts[-1])
        return outcomes

    outcomes = [outcome for done in in_parallel(climb, behind) for outcome in done]
    for sets in apart:
        problem = (
            f"{sets.name}: its validator set {newest.version} is 0x{sets.installed.hash.hex()}, elsewhere it is "
            f"0x{newest.hash.hex()}: nothing that one of them signs counts for the other"
        )
        outcomes.append(Outcome(sets.name, newest.version, problem=problem))
    return outcomes


def _calls(found: Sequence[ChainSets], behind: Sequence[ChainSets], address: str) -> dict[bytes, list[_Call]]:
    """By the hash of the set that must be installed, all different calls that the chains behind may need."""
    steps: dict[bytes, list[tuple[Connection, str, ValidatorSet, ValidatorSet]]] = {}
    for sets in found:
        for before, after in pairwise(sets.installations):
            step = (sets.connection, after.transaction, before.validator_set, after.validator_set)
            # Upwards alone, as a gateway installs them: what a chain that lies logged may lead in a circle.
            if before.validator_set.version < after.validator_set.version:
                steps.setdefault(before.validator_set.hash, []).append(step)
    calls: dict[bytes, list[_Call]] = {}
    ahead = {sets.installed.hash for sets in behind if sets.may_follow(sets.installed)}
    while ahead:
        present = ahead.pop()
        if present in calls or present not in steps:
            continue
        fetched = in_parallel(lambda step: _fetch(*step, address), steps[present])
        # Chains that caught up before have the very same bytes.
        calls[present] = list({call.data: call for call in fetched if call is not None}.values())
        ahead |= {call.following.hash for call in calls[present]}
    return calls


def _fetch(
    source: Connection, transaction: str, present: ValidatorSet, following: ValidatorSet, address: str
) -> _Call | None:
    """The call in a transaction. None unless it is one from `present` to `following`, directly to the gateway."""
    try:
        _, to, data = source.ask(transaction_request(transaction))
        if to is None or to.lower() != address.lower():
            raise MetalayerError(f"{transaction} calls another contract than the gateway")
        given, proposed = decode_rotate(data)
        if given.hash != present.hash or proposed.hash != following.hash:
            raise MetalayerError(f"{transaction} does not rotate from set {present.version}")
    except MetalayerError as error:
        log.info("%s: set %d cannot be taken from there: %s", source.name, following.version, error)
        return None
    return _Call(data, following)


def decode_rotate(data: bytes) -> tuple[ValidatorSet, ValidatorSet]:
    """The attesting and the next set of a call of `rotate`. MetalayerError unless it is one, and nothing else."""
    try:
        values = gateway.ROTATE.decode_arguments(data)
    except READ_FAULTS as error:
        raise MetalayerError("it is not a call of `rotate`") from error
    (_, present, _, _), following, _ = values
    return ValidatorSet.from_words(*present), ValidatorSet.from_words(*following)


def _rotate(
    sets: ChainSets, sender: Sender, address: str, call: _Call, present: ValidatorSet | None = None
) -> Outcome:
    connection, following, present = sets.connection, call.following, present or sets.installed
    try:
        connection.make_way(sender)
        receipt = connection.send(sender, address, call.data)
    except Reverted as error:
        # Somebody else may have rotated it meanwhile.
        if _has(connection, address, following):
            return Outcome(sets.name, following.version)
        problem = f"{sets.name}: validator set {following.version} is not accepted: {error.reason}"
        return Outcome(sets.name, present.version, problem=problem)
    except MetalayerError as error:
        return Outcome(sets.name, present.version, problem=fault(connection, error))
    return Outcome(sets.name, following.version, receipt["transactionHash"])


def _has(connection: Connection, address: str, wanted: ValidatorSet) -> bool:
    try:
        return connection.view(address, gateway.VALIDATOR_SET_HASH) == wanted.hash
    except MetalayerError:
        return False


def _obstacle(sets: ChainSets, following: ValidatorSet) -> str:
    """Why a chain would not install the set, whoever signs. Empty if it has it, or would."""
    present = sets.installed
    if present.hash == following.hash:
        return ""
    if not sets.may_follow(present):
        return _expired(sets, present)
    if following.version <= present.version or following.expires <= present.expires:
        return (
            f"{sets.name}: it has validator set {present.version} until {utc(present.expires)}: the next one needs "
            f"a higher version and a later expiry, not {following.version} and {utc(following.expires)}"
        )
    try:
        following.validate(sets.now)
    except MetalayerError as error:
        return f"{sets.name}: {error}"
    return ""


def _expired(sets: ChainSets, present: ValidatorSet) -> str:
    return (
        f"{sets.name}: its validator set {present.version} expired at {utc(present.expires)}: it takes nothing "
        "from anywhere, and only the recovery can bring the next one (docs/incidents.md)"
    )
