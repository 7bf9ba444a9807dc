"""Variants of the bridge and its annex with one bug each, as the contracts' enum numbers them."""

from __future__ import annotations

from enum import IntEnum

from metalayer.deploy.names import BRIDGE_ANNEX
from tests.kit.bridging import vary
from tests.kit.evm import init_code, recode
from tests.kit.stack import Stack
from tests.kit.voting_bugs import VotesBug

_ARGUMENTS = ("GATEWAY", "ERA", "HUB_CHAIN_ID", "BRIDGED_TOKEN", "METADATA")


class TransferBug(IntEnum):
    """Of BrokenTokenBridge and BrokenBridgeAnnex."""

    NONE = 0
    ACCOUNT_NOT_CHECKED = 1
    RETURN_LEAVES_ACCOUNT = 2
    LOCK_OF_ALL_TOKENS = 3
    NOT_LOCKED = 4
    NOMINAL_AMOUNT_COUNTS = 5
    ORIGIN_OF_CALL_PAYS = 6
    HISTORY_AFTER_CHANGE = 7
    FEE_OUT_OF_OTHER_ACCOUNT = 8
    CLAIM_IGNORED = 9
    CLAIM_FROM_ANYWHERE = 10
    CLAIM_OF_ANOTHER_END = 11
    CLAIM_BY_ID = 12
    FRONT_AFTER_ARRIVAL = 13
    ARRIVAL_NOT_MARKED = 14
    KEY_WITHOUT_ID = 15
    KEY_WITHOUT_AMOUNT = 16
    KEY_WITHOUT_RECIPIENT = 17
    LIMIT_ON_RETURNS = 18
    RETURN_KIND_UNLIMITED = 19
    WAITING_SINCE_START = 20
    WAITING_SKIPPED = 21
    WAITED_CONSUMES = 22
    GIVEN_BACK_BELOW_ZERO = 23
    OLD_USE_AT_NEW_RATE = 24
    POKES_ROUND_UP = 25
    HOLD_FORGOTTEN_ON_BACK = 26
    HOLD_STOPS_CLAIMS = 27
    STRIKE_FORGOTTEN = 28
    DESCRIBED_THOUGH_RETURNED = 29
    DESCRIPTION_OVERWRITES = 30
    ADOPTED_AFTER_ARRIVAL = 31
    ERA_OF_ANY_HOME = 32
    DEADLINE_RENEWED = 33
    LEFT_OVER_TO_SENDER = 34
    CALLED_BEFORE_PAYMENT = 35
    ANY_GATEWAY = 36
    ACCEPTED_AT_ONCE = 37
    IDS_OF_GATEWAYS_MIXED = 38


def break_bridges(
    stacks: dict[str, Stack], bug: TransferBug = TransferBug.NONE, votes_bug: VotesBug = VotesBug.NONE
) -> None:
    """Puts the variants' code, immutables included, at the addresses of bridges and annexes. Storage stays."""
    for stack in stacks.values():
        arguments = [stack.bridge.view(name) for name in _ARGUMENTS]
        recode(stack.contracts[BRIDGE_ANNEX], init_code("BrokenBridgeAnnex", *arguments, bug))
        vary(stack.bridge, "BrokenTokenBridge", votes_bug, bug)
