"""The gateway's machines: which handlers play together."""

from __future__ import annotations

from tests.stateful.attackers import Cheats, Forgers, Outsiders
from tests.stateful.governors import Governors
from tests.stateful.reorganisations import Reorganisations
from tests.stateful.senders import Senders


class LifeCycle(Senders, Cheats):
    """Messages and the money in them: every way to end."""


class Government(Senders, Governors, Outsiders, Cheats):
    """Pauses, validator sets, and everybody who has no say."""


class Faults(Reorganisations, Forgers):
    """Chains that forget, and chains that lie."""


class Everything(Governors, Outsiders, Faults):
    """All of it at once."""
