"""The local node: which binary, and the command line that makes it a chain of networks.yaml."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from metalayer.errors import MetalayerError
from metalayer.network.addresses import filled
from metalayer.network.config import Chain
from metalayer.network.workspace import workspace

HARDFORK = "prague"

# Ape's test accounts and anvil's: the same, so `TEST::n` is rich on every local chain (ape-config.yaml).
MNEMONIC = "test test test test test test test test test test test junk"
ACCOUNTS = 25
BALANCE_ETHER = 1_000_000
STATES = 1_500
"""Of the newest blocks, in memory: on disk, anvil's default, the states of one long run filled tens of gigabytes."""

_UPSTREAM = "metalayer_upstream"
_UPSTREAM_VARIABLE = "METALAYER_UPSTREAM"
# A node that reads another one while it answers blocks a thread: with as many as there are processors, two of them may
# wait for each other for ever, as soon as somebody forks it in turn.
_FORK_THREADS = {"TOKIO_WORKER_THREADS": "8"}

_ANVIL_PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64",
}


def anvil_binary() -> Path:
    """The npm platform package's anvil in the workspace's node_modules, or else the `anvil` on the PATH.

    MetalayerError if there is none, or only a script: npm's `anvil` is one, and its death would orphan the chain.
    """
    machine = (platform.system(), platform.machine())
    if machine in _ANVIL_PLATFORMS:
        package = f"node_modules/@foundry-rs/anvil-{_ANVIL_PLATFORMS[machine]}"
        binary = workspace() / package / "bin" / "anvil"
        if binary.is_file():
            return binary
    found = shutil.which("anvil")
    if found is None:
        raise MetalayerError(
            "anvil is not installed: there is none on the PATH and none in node_modules/@foundry-rs "
            "(in the repository 'make setup' puts it there)"
        )
    with Path(found).open("rb") as file:
        if file.read(2) == b"#!":
            raise MetalayerError(f"the anvil on the PATH, {found}, is a script: expected the program itself")
    return Path(found)


def anvil_command(
    chain: Chain,
    *,
    interval: bool,
    mnemonic: str = MNEMONIC,
    accounts: int = ACCOUNTS,
    balance: int = BALANCE_ETHER,
    states: int = STATES,
) -> list[str]:
    """The command line that runs this chain, with `anvil_environment` in its environment.

    interval: mine every `block_time` seconds, as a real chain does; otherwise one block per transaction. balance:
    ether of each of the accounts. states: of how many blocks it keeps. No --steps-tracing: it makes a node several
    times slower, estimates above all.
    """
    preset = chain.preset
    command = [str(anvil_binary()), "--host", "127.0.0.1", "--port", str(chain.port)]
    command += ["--chain-id", str(chain.chain_id), "--hardfork", HARDFORK]
    command += ["--gas-limit", str(preset.gas_limit), "--block-base-fee-per-gas", str(preset.base_fee)]
    command += ["--prune-history", str(states)]
    command += ["--mnemonic", mnemonic, "--accounts", str(accounts), "--balance", str(balance)]
    if interval:
        command += ["--block-time", f"{preset.block_time:g}"]
    if chain.fork:
        command += ["--fork-url", _UPSTREAM]
        if chain.fork.block is not None:
            command += ["--fork-block-number", str(chain.fork.block)]
    return command


def anvil_environment(chain: Chain) -> dict[str, str]:
    """What the process of that command needs in its environment: for a fork, where its upstream is, by the name that
    the command line has for it. Everybody on the machine sees command lines, and there may be a key in the address.

    MetalayerError if the address has a group that our environment does not have.
    """
    if not chain.fork:
        return {}
    endpoints = f'{{{_UPSTREAM}="${{{_UPSTREAM_VARIABLE}}}"}}'
    return {_UPSTREAM_VARIABLE: filled(chain.fork.url), "FOUNDRY_RPC_ENDPOINTS": endpoints, **_FORK_THREADS}
