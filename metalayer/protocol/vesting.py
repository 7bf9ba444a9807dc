"""`Vesting`: locked ERA. See contracts/interfaces/IVesting.sol and OpenZeppelin's VestingWallet."""

from __future__ import annotations

from metalayer.protocol.abi import Event, Function

START = Function("start()", "uint256", int)
DURATION = Function("duration()", "uint256", int)
OWNER = Function("owner()", "address")
PENDING_OWNER = Function("pendingOwner()", "address")
RELEASED = Function("released(address)", "uint256", int)
RELEASABLE = Function("releasable(address)", "uint256", int)
RELEASE = Function("release(address)")
DELEGATE = Function("delegate(address)")
OFFER = Function("transferOwnership(address)")
"""To nobody, with the zero address, takes an offer back."""
ACCEPT = Function("acceptOwnership()")
HANDED_OVER = Event("OwnershipTransferred(address indexed,address indexed)")
"""First when the contract was made, from the zero address."""


def vested(amount: int, start: int, duration: int, time: int) -> int:
    """Wei of `amount` that are vested at a Unix time: nothing until `start`, all of it `duration` seconds later."""
    return amount * min(max(time - start, 0), duration) // duration
