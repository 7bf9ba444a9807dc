"""Remote governance, driven at random beside its model; and variants with one bug each
(`contracts/test/BrokenDecisionOutbox.sol`, `BrokenRemoteGovernor.sol`), which the machine must find.
"""

from __future__ import annotations

from enum import IntEnum

import pytest

from tests.kit.decisions import Remote
from tests.kit.evm import deploy
from tests.kit.exploring import explore, play
from tests.kit.roles import DEVELOPER, TREASURY
from tests.stateful import decision_replays as replays
from tests.stateful.deciders import NOBODY, Deciders, World
from tests.stateful.decision_replays import Steps
from tests.stateful.trial import Network


class Bug(IntEnum):
    """The contract's enum, in its order."""

    NONE = 0
    REVERTS_WHEN_CLOSED = 1
    SENDS_UNRECORDED = 2
    RECORDS_TWICE = 3
    PAYS_FOR_EVERYBODY = 4
    TIME_BEGINS_ANEW = 5
    FORGETS_IDS = 6
    ANY_CHAIN_DECIDES = 7
    ANY_SENDER_DECIDES = 8
    PROTECTED_IF_CONTAINED = 9
    OFFICES_AT_ONCE = 10
    CANCELS_EXECUTED = 11
    CANCELS_ONLY_ARRIVED = 12
    CANCELS_FOR_ALL = 13
    BEGINS_ONCE = 14
    PROTECTED_AFTER_ANOTHER = 15
    POSTPONES_TWICE = 16
    POSTPONES_EXPIRED = 17
    POSTPONES_PROTECTED = 18
    REFUSES_AT_ONCE = 19
    GRACE_FROM_ARRIVAL = 20
    EXECUTES_EXPIRED = 21
    CODES_UNCHECKED = 22
    CALLS_NOTHING = 23
    PRECEDENT_IGNORED = 24
    PRECEDENT_TAKES_TIME = 25
    PRECEDENT_ANY_TIME = 26
    OFFICES_VOID_NOTHING = 27
    GATEWAY_DROPS_ITSELF = 28
    DROPPED_GATEWAY_DROPS = 29
    DROPPED_GATEWAY_STANDS = 30


FINDERS: dict[Bug, Steps] = {
    Bug.REVERTS_WHEN_CLOSED: replays.decide_over_a_closed_lane,
    Bug.SENDS_UNRECORDED: replays.send_what_nobody_decided,
    Bug.RECORDS_TWICE: replays.decide_twice,
    Bug.PAYS_FOR_EVERYBODY: replays.send_again,
    Bug.TIME_BEGINS_ANEW: replays.send_too_late,
    Bug.FORGETS_IDS: replays.arrive_twice,
    Bug.ANY_CHAIN_DECIDES: replays.arrive_from_another_chain,
    Bug.ANY_SENDER_DECIDES: replays.arrive_from_another_account,
    Bug.PROTECTED_IF_CONTAINED: replays.hide_beside_offices,
    Bug.OFFICES_AT_ONCE: replays.arrive_with_offices,
    Bug.CANCELS_EXECUTED: replays.cancel_what_was_executed,
    Bug.CANCELS_ONLY_ARRIVED: replays.cancel_what_comes_later,
    Bug.CANCELS_FOR_ALL: replays.cancel_through_one_gateway,
    Bug.BEGINS_ONCE: replays.bring_what_expired,
    Bug.PROTECTED_AFTER_ANOTHER: replays.offices_after_another,
    Bug.POSTPONES_TWICE: replays.postpone_twice,
    Bug.POSTPONES_EXPIRED: replays.postpone_too_late,
    Bug.POSTPONES_PROTECTED: replays.arrive_with_offices,
    Bug.REFUSES_AT_ONCE: replays.refuse_at_once,
    Bug.GRACE_FROM_ARRIVAL: replays.execute_what_was_postponed,
    Bug.EXECUTES_EXPIRED: replays.execute_too_late,
    Bug.CODES_UNCHECKED: replays.execute_with_other_code,
    Bug.CALLS_NOTHING: replays.call_nothing,
    Bug.PRECEDENT_IGNORED: replays.execute_before_the_precedent,
    Bug.PRECEDENT_TAKES_TIME: replays.postpone_the_precedent,
    Bug.PRECEDENT_ANY_TIME: replays.execute_the_precedent_too_late,
    Bug.OFFICES_VOID_NOTHING: replays.name_offices_meanwhile,
    Bug.GATEWAY_DROPS_ITSELF: replays.drop_itself,
    Bug.DROPPED_GATEWAY_DROPS: replays.drop_each_other,
    Bug.DROPPED_GATEWAY_STANDS: replays.drop_who_invented,
}
"""What finds a bug always."""


def place(network: Network, bug: Bug | None) -> World:
    """Both halves, or their variants. What takes no part in it is an account that the node signs for."""
    chains, deployer, timelock = network.chains, DEVELOPER.address, TREASURY.address
    hub, arcade = chains["hub"], chains["arcade"]
    gateway = network.gateways["hub"]
    variant = "" if bug is None else "Broken"
    more = [] if bug is None else [bug]
    outbox = deploy(hub, f"{variant}DecisionOutbox", gateway.address, timelock, *more, sender=deployer)
    remote = Remote.place(arcade, hub.chain_id, deployer, f"{variant}RemoteGovernor", more)
    # A wei from anybody, by which an account without code has the hash of no code.
    arcade.rpc("anvil_setBalance", [NOBODY, "0x1"])
    target, fragile = (deploy(arcade, "ScriptedSender", sender=deployer) for _ in range(2))
    return World(outbox, timelock, gateway, arcade.chain_id, remote, target, fragile)


def test_decisions(network: Network) -> None:
    """P7c, P7d, P8b, P8c, M39, M49: whatever arrives, in any order, over months."""
    Deciders.world = place(network, None)
    explore(Deciders, 8)


@pytest.mark.parametrize("bug", FINDERS, ids=lambda bug: bug.name.lower())
def test_every_bug_is_found(network: Network, bug: Bug) -> None:
    """P7c, P7d, P8b, P8c: by its replay, in a check and not in the machine itself."""
    Deciders.world = place(network, bug)
    with pytest.raises(AssertionError, match=r"^P\d"):
        play(Deciders, FINDERS[bug])


def test_without_a_bug_nothing_is_found(network: Network) -> None:
    """P7c, P7d, P8b, P8c: the variants themselves are like ours."""
    Deciders.world = place(network, Bug.NONE)
    for steps in dict.fromkeys(FINDERS.values()):
        play(Deciders, steps)
