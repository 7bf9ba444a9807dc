"""What `contracts/test/ScriptedRecipient.sol` and `ScriptedSender.sol` can be told to do."""

from enum import IntEnum


class Behaviour(IntEnum):
    """The recipient's enum, in its order; CALL_TARGET is set by its own function."""

    ACCEPT = 0
    REVERT = 1
    BURN_ALL_GAS = 2
    RETURN_BOMB = 3
    REVERT_BOMB = 4
    RETURN_NOTHING = 5
    RETURN_SHORT = 6
    RETURN_WRONG_VALUE = 7
    RETURN_DIRTY_VALUE = 8
    RETURN_LONG = 9


ACCEPTING = {Behaviour.ACCEPT, Behaviour.RETURN_LONG}


class OnReturn(IntEnum):
    """The sender's enum, in its order: what it does when a message comes back. CALL_TARGET likewise."""

    ACCEPT = 0
    REVERT = 1
    BURN_ALL_GAS = 2
    REVERT_BOMB = 3
