"""Whether Staking says of its validators, their stakes and its sets what its logs say, and what it adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from metalayer.deploy.compared import Compared, listed
from metalayer.deploy.desired import Desired
from metalayer.deploy.names import STAKING
from metalayer.network.connection import Connection
from metalayer.protocol import staking
from metalayer.protocol.abi import Function, histories
from metalayer.protocol.amounts import era
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import short, to_hex
from metalayer.protocol.rpc import block_request
from metalayer.protocol.staking import Key, Validator, ValidatorState

_SET_WEIGHT = Function("setWeight()", "uint96", int)
_AS_LOGGED = "as its logs say"


@dataclass
class _Logged:
    """What logs say of validators: operator, key, own stake (wei) and whose keys there were; by id."""

    operators: dict[int, str] = field(default_factory=dict)
    signers: dict[int, str] = field(default_factory=dict)
    own: Counter[int] = field(default_factory=Counter)
    keys: dict[str, int] = field(default_factory=dict)


def compare_staking(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """Of Staking that stands."""
    address = desired.addresses[STAKING]
    logged = _read_logs(connection, address)
    count, seats, seated, *answers = connection.batch(
        [
            staking.VALIDATOR_COUNT.request(address),
            staking.TAKEN_SEATS.request(address),
            staking.SEATED_STAKE.request(address),
            *(staking.VALIDATOR.request(address, id_) for id_ in logged.operators),
            *(staking.KEY.request(address, signer) for signer in logged.keys),
        ]
    )
    validators: dict[int, Validator] = dict(zip(logged.operators, answers, strict=False))
    keys: dict[str, Key] = dict(zip(logged.keys, answers[len(validators) :], strict=True))
    yield Compared("validators", str(len(logged.operators)), str(count))
    yield Compared("validators, their keys and own stakes", _AS_LOGGED, _different(logged, validators, keys))
    places = {id_: known.seat for id_, known in validators.items() if known.seat}
    yield Compared("who sits", listed(map(str, places)), listed(map(str, seats)))
    if set(places) == set(seats):
        stake = sum(validators[id_].stake for id_ in places)
        yield Compared("seated stake", f"{era(stake)} ERA", f"{era(seated)} ERA")
    yield from _sets(connection, desired)


def _read_logs(connection: Connection, address: str) -> _Logged:
    events = staking.REGISTERED, staking.KEY_ROTATED, staking.OWN_ADDED, staking.OWN_REMOVED
    registered, rotated, added, removed = connection.ask(histories(address, *events))
    logged = _Logged()
    for (id_, operator, signer, own, _commission), _ in registered:
        logged.operators[id_], logged.signers[id_] = operator, signer
        logged.own[id_] += own
        logged.keys[signer] = id_
    for (id_, _retired, signer), _ in rotated:
        logged.signers[id_], logged.keys[signer] = signer, id_
    for (id_, amount), _ in added:
        logged.own[id_] += amount
    for event, _ in removed:
        logged.own[event.validator] -= event.amount
    return logged


def _different(logged: _Logged, validators: Mapping[int, Validator], keys: Mapping[str, Key]) -> str:
    wrong = []
    for id_, known in validators.items():
        if known.operator != logged.operators[id_]:
            wrong.append(f"{id_} is operated by {known.operator}")
        if known.signer != logged.signers[id_]:
            wrong.append(f"{id_} signs with {known.signer}")
        # What was slashed, and what was released after, is the settlement's to say.
        if known.state is not ValidatorState.ENDED and known.own != logged.own[id_]:
            wrong.append(f"{id_} has {era(known.own)} ERA of its own")
    wrong += [
        f"{signer} is a key of {keys[signer].validator}"
        for signer, id_ in logged.keys.items()
        if keys[signer].validator != id_
    ]
    return "; ".join(wrong) or _AS_LOGGED


def _sets(connection: Connection, desired: Desired) -> Iterator[Compared]:
    """What Staking keeps of the sets that it published."""
    address, published = desired.addresses[STAKING], desired.sets.published
    version, expires, at, weight, *hashes = connection.batch(
        [
            staking.SET_VERSION.request(address),
            staking.SET_EXPIRES.request(address),
            staking.SET_AT.request(address),
            _SET_WEIGHT.request(address),
            *(staking.SET_HASH.request(address, one.version) for one in published),
        ]
    )
    newest = desired.sets.newest
    if newest is None:
        return
    (_, log), *_ = reversed(connection.ask(staking.SET_PUBLISHED.logs(address)))
    time = connection.ask(block_request(log.block)).time
    total = sum(share for _, share in newest.members)
    yield Compared(
        "newest set of Staking",
        f"version {newest.version} of {utc(time)} until {utc(newest.expires)}, weight {total}",
        f"version {version} of {utc(at)} until {utc(expires)}, weight {weight}",
    )
    wrong = (
        f"{one.version}: {short(to_hex(hash_))}"
        for one, hash_ in zip(published, hashes, strict=True)
        if hash_ != one.hash
    )
    yield Compared("hashes of sets", _AS_LOGGED, ", ".join(wrong) or _AS_LOGGED)
