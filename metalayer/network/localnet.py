"""Start, stop and look at the local chains: detached anvil processes with a pid file and a log each."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from metalayer.errors import MetalayerError
from metalayer.network.anvil import anvil_command, anvil_environment
from metalayer.network.config import Chain, Network
from metalayer.network.connection import Connection
from metalayer.network.locks import Lock, exclusive
from metalayer.network.redaction import without_secrets
from metalayer.network.registry import Registry, registry_path
from metalayer.network.rpc import WrongChain
from metalayer.network.values import one_line
from metalayer.network.workspace import state_dir
from metalayer.protocol.rpc import code_request

START_SECONDS = 20.0
STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05
_RPC_SECONDS = 5.0
_GRACE_SECONDS = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChainStatus:
    """One chain as it is now. pid: only of a process that `up` started; base_fee in wei.

    contracts: name to address of what the registry lists and the chain has code for.
    """

    name: str
    chain_id: int
    url: str
    state: Literal["up", "down", "foreign"]
    pid: int | None = None
    height: int | None = None
    base_fee: int | None = None
    problem: str | None = None
    contracts: dict[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def up(network: Network, say: Say = print) -> list[str]:
    """Start every chain that is not running yet; returns the names of those started.

    MetalayerError if a port is taken by something else or a chain does not come up; then nothing that this
    call started is left running.
    """
    with _lock():
        missing = []
        for chain in _local_chains(network):
            if pid := _running(chain):
                _refuse_other(chain)
                say(f"{chain.name}: already up at {chain.place} (pid {pid})")
            elif _stays_taken(chain.port):
                raise MetalayerError(
                    f"port {chain.port} of chain '{chain.name}' is taken by another program: stop it, or set "
                    "METALAYER_PORT_OFFSET"
                )
            else:
                missing.append(chain)
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for chain in missing:
                started[chain.name] = _start(chain)
            for chain in missing:
                _wait_until_up(chain, started[chain.name])
                say(f"{chain.name}: up at {chain.place} (pid {started[chain.name].pid})")
        except BaseException:  # Ctrl-C too: a crashed start leaves no process
            for chain in missing:
                if chain.name in started:
                    _stop(started[chain.name].pid, chain)
                    started[chain.name].wait()
            raise
        return [chain.name for chain in missing]


def down(network: Network, say: Say = print) -> list[str]:
    """Stop the chains that `up` started, and only those; returns the names of those stopped."""
    with _lock():
        stopped = []
        for chain in _local_chains(network):
            pid = _running(chain)
            if pid is None:
                say(f"{chain.name}: not running")
                _pid_file(chain).unlink(missing_ok=True)
                continue
            _stop(pid, chain)
            say(f"{chain.name}: stopped (pid {pid})")
            stopped.append(chain.name)
        return stopped


def status(network: Network) -> list[ChainStatus]:
    """Every chain as it is now; never fails because of a chain."""
    deployed = _deployed(network)
    return [_status(chain, deployed.get(chain.name, {})) for chain in network.chains.values()]


def _deployed(network: Network) -> dict[str, dict[str, str]]:
    """Addresses by chain and contract from the registry; empty if nothing was ever deployed."""
    path = registry_path(network)
    if not path.exists():
        return {}
    chains = Registry.load(network, path).chains
    return {
        chain: {name: contract.address for name, contract in deployed.contracts.items()}
        for chain, deployed in chains.items()
    }


def _status(chain: Chain, deployed: dict[str, str]) -> ChainStatus:
    pid = _running(chain) if chain.is_local else None
    here = partial(ChainStatus, chain.name, chain.chain_id, chain.place, pid=pid)
    connection = Connection(chain, _RPC_SECONDS)
    try:
        block = connection.block()
        # Chains start empty: what the registry lists may be of an earlier life.
        codes = connection.batch(code_request(address) for address in deployed.values())
        return here(
            "up",
            height=block.number,
            base_fee=block.base_fee,
            contracts={
                name: address for (name, address), code in zip(deployed.items(), codes, strict=True) if code
            },
        )
    except WrongChain as error:
        return here("foreign", pid=None, problem=str(error).removeprefix(f"{chain.name}: "))
    except MetalayerError:
        if chain.is_local and pid is None and _listening(chain.port):
            return here("foreign", problem=f"port {chain.port} is taken by another program")
        return here("down", problem=f"does not answer (see {log_file(chain)})" if pid else None)


def _refuse_other(chain: Chain) -> None:
    """MetalayerError if it was started as another chain than networks.yaml says now."""
    try:
        Connection(chain, _RPC_SECONDS).height()
    except WrongChain as error:
        raise MetalayerError(f"{error}: `ape metalayer localnet down` first") from error
    except MetalayerError:
        # It has just begun, or hangs: `status` says so.
        return


def _local_chains(network: Network) -> list[Chain]:
    """MetalayerError if there is none."""
    local = [chain for chain in network.chains.values() if chain.is_local]
    if not local:
        raise MetalayerError(
            f"no chain of network '{network.name}' is a local one: each has the `url` of a node, and runs without us"
        )
    return local


def _lock() -> Lock:
    """One `up` or `down` at a time: the second waits."""
    return exclusive(state_dir() / "localnet.lock")


def _pid_file(chain: Chain) -> Path:
    return state_dir() / f"{chain.name}.pid"


def log_file(chain: Chain) -> Path:
    return state_dir() / f"{chain.name}.log"


def _running(chain: Chain) -> int | None:
    """The pid of the process that `up` started for this chain, if it still is that process."""
    try:
        pid = int(_pid_file(chain).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_ours(pid, chain) else None


def _is_ours(pid: int, chain: Chain) -> bool:
    """By command line: numbers of ended processes are given to others."""
    return f"anvil --host 127.0.0.1 --port {chain.port} " in _command_line(pid)


def _command_line(pid: int) -> str:
    """Empty for a process that does not exist or has ended and was not waited for."""
    proc = Path("/proc")
    if (proc / "self" / "cmdline").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    done = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout


def _start(chain: Chain) -> subprocess.Popen[bytes]:
    # An anvil that forks writes the whole address of its upstream there, a key too.
    log_file(chain).touch()
    log_file(chain).chmod(0o600)
    with log_file(chain).open("wb") as log:
        process = subprocess.Popen(
            anvil_command(chain, interval=True),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | anvil_environment(chain),
        )
    _pid_file(chain).write_text(f"{process.pid}\n")
    return process


def _wait_until_up(chain: Chain, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise MetalayerError(
                f"chain '{chain.name}' did not start: {_last_words(chain)} (see {log_file(chain)})"
            )
        if _listening(chain.port):
            Connection(chain, _RPC_SECONDS).height()
            return
        time.sleep(_POLL_SECONDS)
    raise MetalayerError(
        f"chain '{chain.name}' did not answer within {START_SECONDS:.0f} s (see {log_file(chain)})"
    )


def _last_words(chain: Chain) -> str:
    lines = log_file(chain).read_text(errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return one_line(without_secrets(said, *([chain.fork.url] if chain.fork else [])))


def _stop(pid: int, chain: Chain) -> None:
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _is_ours(pid, chain):
            time.sleep(_POLL_SECONDS)
        if not _is_ours(pid, chain):
            break
    else:
        raise MetalayerError(f"chain '{chain.name}' (pid {pid}) does not end: kill it by hand")
    with suppress(ChildProcessError):
        # Whoever started it in this very process also waits for it, or it stays in the process table.
        os.waitpid(pid, 0)
    _pid_file(chain).unlink(missing_ok=True)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(_RPC_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stays_taken(port: int) -> bool:
    """A process that was just killed may hold its port for some milliseconds more."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while _listening(port):
        if time.monotonic() > deadline:
            return True
        time.sleep(_POLL_SECONDS)
    return False
