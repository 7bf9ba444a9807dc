"""A network as in production: nodes that are not anvil, chains that run elsewhere, accounts that are Ape's keyfiles."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from metalayer.network.config import load_network
from metalayer.network.connection import Connection, connect
from metalayer.network.workspace import NETWORKS_FILE
from tests.kit import roles
from tests.kit.keyfiles import Keyfiles
from tests.kit.profiles import Profile
from tests.kit.roles import Role
from tools.repository import repo_root

RICH = (*roles.OPERATORS, *roles.VALIDATORS, roles.DEPLOYER, roles.RELAYER, roles.TREASURY, roles.GUARDIAN)
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Production(Profile):
    """Its hub and arcade are at nodes of py-evm, whose ports the environment has."""

    def declare(self, **changes: Any) -> None:
        """As everywhere, but the first of the founding operators has to come by its ERA."""
        super().declare(**changes)
        content = yaml.safe_load(Path("deploy.yaml").read_text())
        holders = content["genesis"]["shares"]["research"]["holders"]
        holders[self.account(roles.TREASURY)] += holders.pop(self.account(roles.OPERATORS[0]))
        Path("deploy.yaml").write_text(yaml.safe_dump(content))

    def line(self, command: Any, *arguments: str) -> str:
        """What a command says that does what it was told to."""
        done = self.run(command, *arguments)
        assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
        return done.stdout

    def refusal(self, command: Any, *arguments: str, status: int = 1) -> str:
        """The one line of a command that does not."""
        return one_line(self.run(command, *arguments), status)

    def connections(self) -> dict[str, Connection]:
        return connect(load_network())

    def process(self, *arguments: str) -> subprocess.Popen[str]:
        """`ape metalayer …`, as somebody else runs it meanwhile."""
        ape = str(Path(sys.executable).with_name("ape"))
        return subprocess.Popen(
            [ape, "metalayer", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def one_line(done: Result, status: int = 1) -> str:
    assert done.exit_code == status, (done.stdout, done.stderr, done.exception)
    lines = done.stderr.splitlines()
    assert lines, done.stdout
    assert "Traceback" not in done.stderr
    return lines[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nodes(chain_ids: Sequence[int], rich: Sequence[Role] = RICH) -> Iterator[list[int]]:
    """Nodes of py-evm for chains with these ids: their ports."""
    ports = [free_port() for _ in chain_ids]
    addresses = [role.address for role in rich]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.kit.pyevm", str(port), str(chain_id), *addresses], cwd=repo_root()
        )
        for port, chain_id in zip(ports, chain_ids, strict=True)
    ]
    try:
        until = time.monotonic() + _START_SECONDS
        for port in ports:
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < until, "a node of py-evm does not start"
                time.sleep(0.1)
        yield ports
    finally:
        for process in running:
            process.kill()
            process.wait()


@contextmanager
def production(folder: Path, ports: Sequence[int], environment: pytest.MonkeyPatch) -> Iterator[Production]:
    """A workspace with the two chains at these ports. Nothing is deployed."""
    content = yaml.safe_load((repo_root() / NETWORKS_FILE).read_text(encoding="utf-8"))
    content["network"]["name"] = "real"
    kept = {name: content["chains"][name] for name in ("hub", "arcade")}
    for name, port in zip(kept, ports, strict=True):
        del kept[name]["port"]
        environment.setenv(f"TESTS_{name.upper()}_PORT", str(port))
        # As people have it: a spare of another provider first, which is down today.
        spare = ["http://user:secret@127.0.0.1:9/key"] if name == "arcade" else []
        address = f"http://127.0.0.1:${{TESTS_{name.upper()}_PORT}}"
        kept[name] |= {"url": [*spare, address], "confirmations": 1}
    kept["hub"]["preset"], kept["arcade"]["preset"] = "final", "game"
    content["presets"]["final"] = deepcopy(content["presets"]["hub"]) | {
        "block_time": 1,
        "finality": "finalized",
    }
    content["chains"] = kept
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / NETWORKS_FILE).write_text(yaml.safe_dump(content))
    environment.chdir(workspace)
    yield Production("production", {}, Keyfiles.within(folder / "ape", environment))
