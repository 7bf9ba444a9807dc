"""What a tree says of the airdrop, beside deploy.yaml and the contract."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from metalayer.assets.airdrop import read_standing
from metalayer.deploy.genesis import Airdrop
from metalayer.deploy.names import AIRDROP
from metalayer.network.config import load_network
from metalayer.network.live import Live
from metalayer.network.registry import Registry, registry_path
from metalayer.protocol.amounts import era
from metalayer.protocol.hex import to_hex
from metalayer.protocol.merkle import Tree


class Compared(NamedTuple):
    """One thing."""

    subject: str
    expected: str
    found: str


def compare(tree: Tree, share: Airdrop) -> list[Compared]:
    """The tree, which follows from its values, with its share; and with the contract, where one is deployed."""
    accounts = Counter(account for account, _ in tree.values)
    twice = [account for account, count in accounts.items() if count > 1]
    empty = sum(not amount or not int(account, 16) for account, amount in tree.values)
    compared = [
        Compared("accounts that are there twice", "none", ", ".join(twice) or "none"),
        Compared("leaves of nobody, or of nothing", "0", str(empty)),
        Compared("ERA together", era(share.amount * 10**18), era(tree.total)),
        Compared("root in deploy.yaml", to_hex(tree.root), share.root),
    ]
    network = load_network()
    if not registry_path(network).exists() or AIRDROP not in _names(Registry.load(network), network.hub.name):
        return compared
    standing = read_standing(Live.open(founding=True))
    return [*compared, Compared("root of the contract", to_hex(tree.root), to_hex(standing.root))]


def _names(registry: Registry, hub: str) -> set[str]:
    return set(registry.chains[hub].contracts) if hub in registry.chains else set()
