"""The bonds that found the network: before any gateway stands, validators bond on the hub, and Staking publishes the
first set out of them. What became of them later is not deploy.yaml's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from metalayer.deploy.declaration import Step
from metalayer.deploy.desired import Bond, Desired
from metalayer.deploy.keyring import Keyring
from metalayer.deploy.names import ERA, STAKING
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.protocol import staking
from metalayer.protocol.abi import Function
from metalayer.protocol.amounts import era

_BALANCE_OF = Function("balanceOf(address)", "uint256", int)
_ALLOWANCE = Function("allowance(address,address)", "uint256", int)
_APPROVE = Function("approve(address,uint256)", "bool")


class Bonded(NamedTuple):
    """How far a founder is: its id, 0 if it is not registered; whether it sits; the operator's ERA, and what of it
    Staking may take.
    """

    id: int
    is_seated: bool
    balance: int
    allowance: int


@dataclass(frozen=True)
class Founding:
    """What stands on the hub before the gateways start. `version`: of Staking's newest set; `count`: of validators."""

    version: int = 0
    count: int = 0
    bonded: dict[str, Bonded] = field(default_factory=dict)
    """By signer."""


def read_founding(hub: Connection, desired: Desired) -> Founding:
    """How far the founding is, where Staking stands. MetalayerError if a founder's key is another operator's."""
    token, contract = desired.addresses[ERA], desired.addresses[STAKING]
    bonds = () if desired.sets.published else desired.bonding.bonds
    version, count, seats, *rest = hub.batch(
        [
            staking.SET_VERSION.request(contract),
            staking.VALIDATOR_COUNT.request(contract),
            staking.TAKEN_SEATS.request(contract),
            *(staking.KEY.request(contract, bond.signer) for bond in bonds),
            *(_BALANCE_OF.optional(token, bond.operator) for bond in bonds),
            *(_ALLOWANCE.optional(token, bond.operator, contract) for bond in bonds),
        ]
    )
    ids = [key.validator for key in rest[: len(bonds)]]
    balances, allowances = rest[len(bonds) : 2 * len(bonds)], rest[2 * len(bonds) :]
    registered = [(bond, id_) for bond, id_ in zip(bonds, ids, strict=True) if id_]
    validators = hub.batch(staking.VALIDATOR.request(contract, id_) for _, id_ in registered)
    for (bond, _), validator in zip(registered, validators, strict=True):
        if validator.operator != bond.operator:
            raise MetalayerError(
                f"{hub.name}: the key {bond.signer} is a validator's of {validator.operator}, expected of "
                f"{bond.operator} (deploy.yaml)"
            )
    bonded = {
        bond.signer: Bonded(id_, id_ in seats, balance or 0, allowance or 0)
        for bond, id_, balance, allowance in zip(bonds, ids, balances, allowances, strict=True)
    }
    return Founding(version, count, bonded)


def founding_steps(desired: Desired, founding: Founding, keys: Keyring) -> Iterator[Step]:
    """The bonds, and the first set out of them. Later only a set, if a gateway starts after the newest expired."""
    sets, contract = desired.sets, desired.addresses[STAKING]
    bonds = [] if sets.published else list(_bonds(desired, founding, keys))
    yield from bonds
    yield Step(
        name="publish validator set",
        kind="publish",
        sender=desired.deployer,
        to=contract,
        data=staking.SNAPSHOT.encode(),
        arguments={},
        address=contract,
        is_done=not sets.is_due or founding.version > (sets.newest.version if sets.newest else 0),
        waits="the bonds come first" if any(step.waits for step in bonds) else "",
    )


def _bonds(desired: Desired, founding: Founding, keys: Keyring) -> Iterator[Step]:
    # Ids are given in the order of registration, and that is the order of sending.
    following = founding.count + 1
    for bond in desired.bonding.bonds:
        # Before the token stands, an operator has what it is going to be allocated.
        allocated = desired.allocations.get(bond.operator, 0)
        found = founding.bonded.get(bond.signer, Bonded(0, False, allocated, 0))
        steps = list(_bond(desired, bond, found, following, keys))
        yield from steps
        if not found.id and not any(step.waits for step in steps):
            following += 1


def _bond(desired: Desired, bond: Bond, found: Bonded, following: int, keys: Keyring) -> Iterator[Step]:
    token, contract, operator = desired.addresses[ERA], desired.addresses[STAKING], bond.operator
    shown = {"operator": operator, "signer": bond.signer, "own": bond.own, "commission": bond.commission}
    make = partial(Step, arguments=shown, address=contract)
    has_stake = bool(found.id) or found.balance >= bond.own
    calls, waits = [staking.JOIN.encode(found.id or following)], ""
    if not found.is_seated and not keys.sends(operator):
        waits = f"{operator} has to run `ape metalayer stake join --account {operator}`"
    if not found.id:
        proof = keys.possession(bond, desired.network_id, contract)
        if proof is None:
            waits = f"{operator} has to run `{_registration(bond)}`"
        elif not has_stake:
            waits = f"{operator} needs {era(bond.own)} ERA to bond and has {era(found.balance)}"
        calls.insert(0, staking.REGISTER.encode(bond.signer, bond.commission, bond.own, proof or b""))
    may_take = bool(found.id) or found.allowance >= bond.own
    data = _APPROVE.encode(contract, bond.own)
    yield make(f"approve {operator}", "bond", operator, token, data, is_done=may_take, waits=waits)
    data = calls[0] if len(calls) == 1 else staking.MULTICALL.encode(calls)
    yield make(f"bond {operator}", "bond", operator, contract, data, is_done=found.is_seated, waits=waits)


def _registration(bond: Bond) -> str:
    own, commission = era(bond.own).replace(",", ""), f"{bond.commission / 100:g}"
    return (
        f"ape metalayer stake register --account {bond.operator} --signer {bond.signer} --own {own} "
        f"--commission {commission} --join"
    )


def waiting(steps: Iterable[Step]) -> list[str]:
    """What others have to do first, a line each."""
    return list(dict.fromkeys(step.waits for step in steps if step.kind == "bond" and step.waits))
