"""How commands are run in tests: as on a machine of one's own, or as in production.

In production, accounts are keyfiles; some chains run elsewhere, at nodes that know no methods but the standard's,
answer for few blocks of logs at a time, and have too much to do now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from metalayer.cli.command import DefaultGroup
from metalayer.network.config import load_network
from metalayer.network.connection import Connection
from metalayer.network.registry import Registry, registry_path
from metalayer.network.workspace import NETWORKS_FILE
from tests.kit import roles
from tests.kit.faults import Every, LogRange, Refuses, TooMany
from tests.kit.keyfiles import Keyfiles
from tests.kit.node import Node
from tests.kit.roles import Role
from tools.repository import repo_root

ELSEWHERE = ("hub", "perps")
_LOG_RANGE = 20
"""Blocks at a time, or a tenth of a long chain: each test asks about as often as alone."""
_TOO_MANY_EVERY = 12
_NOT_STANDARD = ("anvil_*", "evm_*", "hardhat_*", "debug_*", "txpool_*", "personal_*", "eth_sendTransaction")


@dataclass(frozen=True)
class Profile:
    """A workspace, in which commands run, and the names of accounts there."""

    name: str
    nodes: Mapping[str, Node] = field(default_factory=dict)
    keyfiles: Keyfiles | None = None

    def account(self, role: Role) -> str:
        """What a command, or deploy.yaml, calls an account."""
        if self.keyfiles is None:
            return role.alias
        alias = f"account_{role.index}"
        return alias if self.keyfiles.path(alias).exists() else self.keyfiles.add(alias, role.account)

    def run(self, command: Any, *arguments: str) -> Result:
        """A command of metalayer.cli, as somebody who is sure."""
        cli = command.cli
        asks = cli
        if isinstance(cli, click.Group):
            default = cli.default if isinstance(cli, DefaultGroup) else ""
            asks = cli.commands[arguments[0] if arguments[0] in cli.commands else default]
        sure = ["--yes"] if any(option.name == "yes" for option in asks.params) else []
        return CliRunner(mix_stderr=False).invoke(cli, [*arguments, *sure])

    def declare(self, **changes: Any) -> None:
        """Writes the workspace's deploy.yaml: the repository's, with this profile's accounts and these changes. On real
        networks operators have to come by their ERA: those of a deployment by another deployer than the tests'.
        """
        content = self._named(_file("deploy.yaml"))
        if self.keyfiles is not None and "deployer" in changes:
            holders = content["genesis"]["shares"]["research"]["holders"]
            for founder in content["validators"]["bonded"]:
                holders[self.account(roles.TREASURY)] += holders.pop(founder["operator"])
        Path("deploy.yaml").write_text(yaml.safe_dump(content | changes))

    def _named(self, declared: Any) -> Any:
        if isinstance(declared, dict):
            return {self._named(name): self._named(value) for name, value in declared.items()}
        if isinstance(declared, list):
            return [self._named(entry) for entry in declared]
        if isinstance(declared, str) and declared.startswith("TEST::"):
            index = int(declared.removeprefix("TEST::"))
            return self.account(next(role for role in _ROLES if role.index == index))
        return declared


_ROLES = [
    *(value for value in vars(roles).values() if isinstance(value, Role)),
    *roles.VALIDATORS,
    *roles.OPERATORS,
    *roles.CANDIDATES,
]


@contextmanager
def local(folder: Path, registry: Registry, environment: pytest.MonkeyPatch) -> Iterator[Profile]:
    """All chains local, all accounts known to everybody."""
    with _workspace(folder, environment, lambda name, chain: chain):
        profile = Profile("local")
        profile.declare()
        registry.save(registry_path(load_network()))
        yield profile


@contextmanager
def production(folder: Path, registry: Registry, environment: pytest.MonkeyPatch) -> Iterator[Profile]:
    """As the module says."""
    chains = load_network().chains
    with ExitStack() as stack:
        nodes = {}
        for name in ELSEWHERE:
            most = max(_LOG_RANGE, Connection(chains[name]).height() // 10)
            faults = [Every(_TOO_MANY_EVERY, TooMany()), Refuses(*_NOT_STANDARD), LogRange(most)]
            nodes[name] = stack.enter_context(Node(chains[name].url, faults))

        def moved(name: str, chain: dict[str, Any]) -> dict[str, Any]:
            if name not in nodes:
                return chain
            # No block comes by itself on top of what was sent.
            there = {"url": nodes[name].url, "confirmations": 0}
            return {key: value for key, value in chain.items() if key != "port"} | there

        stack.enter_context(_workspace(folder, environment, moved))
        profile = Profile("production", nodes, Keyfiles.within(folder / "ape", environment))
        profile.declare()
        registry.save(registry_path(load_network()))
        yield profile
        asked = {call.method for node in nodes.values() for call in node.asked}
        assert not [method for method in asked for not_ in _NOT_STANDARD if fnmatchcase(method, not_)]


@contextmanager
def _workspace(
    folder: Path,
    environment: pytest.MonkeyPatch,
    place: Callable[[str, dict[str, Any]], dict[str, Any]],
) -> Iterator[None]:
    content = _file(NETWORKS_FILE)
    content["chains"] = {name: place(name, chain) for name, chain in content["chains"].items()}
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / NETWORKS_FILE).write_text(yaml.safe_dump(content))
    environment.chdir(workspace)
    yield


def _file(name: str) -> Any:
    return yaml.safe_load((repo_root() / name).read_text(encoding="utf-8"))
