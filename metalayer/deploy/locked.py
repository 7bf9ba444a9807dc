"""What was locked, or set aside for many, at genesis: whose it is, and whether there lies what logs leave of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from metalayer.deploy.compared import Compared, listed
from metalayer.deploy.desired import ZERO_ADDRESS, Desired, Wallet
from metalayer.deploy.inspection import ChainState
from metalayer.deploy.names import AIRDROP, ERA
from metalayer.network.connection import Connection
from metalayer.protocol import vesting
from metalayer.protocol.abi import Event, Function, Logged, histories
from metalayer.protocol.amounts import era
from metalayer.protocol.rpc import Log, block_request, word

_BALANCE_OF = Function("balanceOf(address)", "uint256", int)
_HANDING_OVER = Event("OwnershipTransferStarted(address indexed,address indexed)")
_RELEASED = Event("ERC20Released(address indexed,uint256)")
_APPROVAL = Event("Approval(address indexed,address indexed,uint256)")
_CLAIMED = Event("Claimed(address indexed,uint256)")


def compare_locked(
    connection: Connection, desired: Desired, state: ChainState
) -> Iterator[tuple[str, Compared]]:
    """Of the wallets and the airdrop that stand, each with its name."""
    for wallet in desired.genesis.wallets:
        if state.stands(wallet.name) and state.stands(ERA):
            for one in _wallet(connection, desired, wallet):
                yield wallet.name, one
    if desired.genesis.drop is not None and state.stands(AIRDROP) and state.stands(ERA):
        for one in _airdrop(connection, desired, desired.genesis.drop.amount, desired.genesis.drop.end):
            yield AIRDROP, one


def _wallet(connection: Connection, desired: Desired, wallet: Wallet) -> Iterator[Compared]:
    """To whom a beneficiary handed it is theirs to say: logs do."""
    token, address = desired.addresses[ERA], desired.addresses[wallet.name]
    owner, pending, released, balance, approvals, (owners, offers, outs) = connection.batch(
        [
            vesting.OWNER.request(address),
            vesting.PENDING_OWNER.request(address),
            vesting.RELEASED.request(address, token),
            _BALANCE_OF.request(token, address),
            _APPROVAL.history(token, word(int(address, 16))),
            histories(address, vesting.HANDED_OVER, _HANDING_OVER, _RELEASED),
        ]
    )
    first, last = (owners[0].event[1], owners[-1].event[1]) if owners else ("none", "none")
    yield Compared(f"{wallet.name} first beneficiary", wallet.beneficiary, first)
    yield Compared(f"{wallet.name} beneficiary", last, owner)
    offered = ZERO_ADDRESS
    if offers and (not owners or _place(offers[-1].log) > _place(owners[-1].log)):
        offered = offers[-1].event[1]
    yield Compared(f"{wallet.name} offered to", _unless_zero(offered), _unless_zero(pending))
    paid = sum(amount for (released_token, amount), _ in outs if released_token == token)
    yield Compared(f"{wallet.name} released", era(paid), era(released))
    yield _at_least(f"{wallet.name} holds", wallet.amount - paid, balance)
    yield _approvals(wallet.name, approvals)


def _airdrop(connection: Connection, desired: Desired, amount: int, end: int) -> Iterator[Compared]:
    token, address = desired.addresses[ERA], desired.addresses[AIRDROP]
    block, balance, approvals, claims = connection.batch(
        [
            block_request(),
            _BALANCE_OF.request(token, address),
            _APPROVAL.history(token, word(int(address, 16))),
            _CLAIMED.logs(address),
        ]
    )
    # After its end anyone sends what is left to the treasury.
    left = amount - sum(part for (_, part), _ in claims) if block.time < end else 0
    yield _at_least(f"{AIRDROP} holds", left, balance)
    yield _approvals(AIRDROP, approvals)


def _approvals(name: str, approvals: Iterable[Logged[Any]]) -> Compared:
    """Neither contract can approve anybody: what did was other code that created it."""
    return Compared(f"{name} lets others spend", "none", listed({event[1] for event, _ in approvals}))


def _at_least(subject: str, least: int, found: int) -> Compared:
    """Anyone may send more there."""
    expected = f"at least {era(least)} ERA"
    return Compared(subject, expected, expected if found >= least else f"{era(found)} ERA")


def _place(log: Log) -> tuple[int, int]:
    return log.block, log.index


def _unless_zero(account: str) -> str:
    return "none" if account == ZERO_ADDRESS else account
