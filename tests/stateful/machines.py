"""The gateway's machines: which handlers play together."""

from __future__ import annotations

from collections import Counter

from tests.kit.exploring import explore
from tests.kit.gateways import Gateways
from tests.stateful.attackers import Cheats, Forgers, Outsiders
from tests.stateful.closures import Closures
from tests.stateful.ghost import Mood, OnReturn
from tests.stateful.machine import Machine
from tests.stateful.reorganisations import Reorganisations
from tests.stateful.senders import Senders


class LifeCycle(Senders, Cheats):
    """Messages and the money in them: every way to end."""


class Government(Senders, Closures, Outsiders, Cheats):
    """Pauses, routes, validator sets, and everybody who has no say."""


class Faults(Reorganisations, Forgers):
    """Chains that forget, and chains that lie."""


class Everything(Closures, Outsiders, Faults):
    """All of it at once."""


def run(machine: type[Machine], gateways: Gateways, examples: int = 12) -> None:
    """Lets a machine explore the gateways: so many examples, or more with `--deep`."""
    machine.gateways, machine.paths = gateways, Counter()
    explore(machine, examples, Mood=Mood, OnReturn=OnReturn)
