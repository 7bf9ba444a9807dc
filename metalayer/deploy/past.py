"""What deploy.yaml says of what is over: who had ERA first, and who founded the network."""

from __future__ import annotations

from collections.abc import Iterator

from metalayer.deploy.compared import Compared
from metalayer.deploy.desired import Desired
from metalayer.deploy.histories import first_holders, minted
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.names import ERA, STAKING
from metalayer.network.connection import Connection
from metalayer.protocol import staking
from metalayer.protocol.amounts import era

HINT = "nothing changes that any more: put deploy.yaml right"


def compare_spent(hub: Connection, desired: Desired, state: ChainState) -> list[Compared]:
    """The ERA that accounts had from the first block on, where deploy.yaml says other than the hub."""
    if not state.stands(ERA):
        return []
    expected, found = first_holders(desired), minted(hub, desired)
    contracts = {address: f" ({name})" for name, address in desired.addresses.items()}
    return [
        Compared(
            f"ERA of {account}{contracts.get(account, '')} from the first block on",
            era(expected.get(account, 0)),
            era(found.get(account, 0)),
            HINT,
        )
        for account in dict.fromkeys([*expected, *found])
        if expected.get(account, 0) != found.get(account, 0)
    ]


def refusal(chain: str, one: Compared) -> str:
    """Why nothing is sent, in a line."""
    return f"{chain}: {one.subject} was {one.found}, expected {one.expected} (deploy.yaml): {one.advice}"


def compare_founders(hub: Connection, desired: Desired, state: ChainState) -> list[Compared]:
    """The founders, where deploy.yaml says other than the hub. Nothing before the first set was published."""
    if not state.stands(STAKING) or not desired.sets.published:
        return []
    registered = {
        signer: (operator, own, commission)
        for (_, operator, signer, own, commission), _ in hub.ask(
            staking.REGISTERED.history(desired.addresses[STAKING])
        )
    }
    return list(_founders(desired, registered))


def _founders(desired: Desired, registered: dict[str, tuple[str, int, int]]) -> Iterator[Compared]:
    first = dict(desired.sets.published[0].members)
    declared = {bond.signer: (bond.operator, bond.own, bond.commission) for bond in desired.bonding.bonds}
    for signer in dict.fromkeys([*declared, *first]):
        expected = _bond(declared.get(signer))
        found = _bond(registered.get(signer)) if signer in first else "none"
        if expected != found:
            yield Compared(f"bond of the founder {signer}", expected, found, HINT)


def _bond(bond: tuple[str, int, int] | None) -> str:
    if bond is None:
        return "none"
    operator, own, commission = bond
    return f"{era(own)} ERA of {operator} at {commission / 100:g} %"
