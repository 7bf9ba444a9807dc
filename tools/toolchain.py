"""The Solidity compiler that `make setup` puts into .solc; `make slither` and `make solc-check`."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import yaml

from metalayer.errors import MetalayerError
from metalayer.network.workspace import repo_root

_SERVER = "https://binaries.soliditylang.org"
# The official builds that py-solc-x installs; the compiler serves all other machines as WebAssembly.
_NATIVE = {("Linux", "x86_64"), ("Darwin", "x86_64"), ("Darwin", "arm64")}
# Slither's detectors that do not apply here, and why. Single findings are explained where they are.
_NOT_FOR_US = {
    "timestamp": "deadlines and expiries are hours and days; nothing hangs on a block's few seconds",
    "uninitialized-local": "a local starts at zero by the language's rules; counters and sums rely on it",
}
_REACH_SECONDS = 4
_DOWNLOAD_SECONDS = 90


def solc_version() -> str:
    """The compiler version of ape-config.yaml."""
    config = yaml.safe_load((repo_root() / "ape-config.yaml").read_text(encoding="utf-8"))
    return str(config["solidity"]["version"])


def solc_folder() -> Path:
    return repo_root() / ".solc"


def npm_solc() -> Path:
    """npm's compiler as an executable."""
    return repo_root() / "tools" / "solc.js"


def install() -> str:
    """Put `solc-v<version>` into .solc: native where it can be had, npm's otherwise. Returns which."""
    version = solc_version()
    target = solc_folder() / f"solc-v{version}"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        native = _download_native(version, Path(folder))
        if native and _same_compiler(native, npm_solc()):
            native.replace(target)
            return "native"
        link = Path(folder) / "npm"
        link.symlink_to(Path("..") / npm_solc().relative_to(repo_root()))
        link.replace(target)
        return "npm"


def _download_native(version: str, folder: Path) -> Path | None:
    """The native compiler in `folder`, or None where it cannot be had. Never hangs."""
    if (platform.system(), platform.machine()) not in _NATIVE or not _reachable():
        return None
    code = f"import solcx; solcx.install_solc({version!r}, solcx_binary_path={str(folder)!r})"
    try:
        # A process of its own: the installer has no time-out, and prints.
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, timeout=_DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    binary = folder / f"solc-v{version}"
    return binary if done.returncode == 0 and binary.is_file() else None


def _reachable() -> bool:
    import requests

    try:
        return requests.head(f"{_SERVER}/linux-amd64/list.json", timeout=_REACH_SECONDS).ok
    except requests.RequestException:
        return False


def _commit(compiler: Path) -> str:
    """Version and commit, without the platform: 0.8.36+commit.abcdef01."""
    output = subprocess.run(
        [str(compiler), "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    words = output.stdout.split("Version: ")
    if output.returncode != 0 or len(words) != 2:
        raise MetalayerError(f"{compiler} does not run: {output.stderr.strip() or output.stdout.strip()}")
    return ".".join(words[1].strip().split(".")[:4])


def _same_compiler(one: Path, other: Path) -> bool:
    return _commit(one) == _commit(other)


def standard_input() -> dict[str, Any]:
    """The compiler input of all contracts, with the settings that Ape compiles them with."""
    config = yaml.safe_load((repo_root() / "ape-config.yaml").read_text(encoding="utf-8"))["solidity"]
    root = repo_root()
    paths = sorted(path for path in (root / "contracts").rglob("*.sol") if ".cache" not in path.parts)
    if not paths:
        raise MetalayerError("there is no contract under contracts/")
    return {
        "language": "Solidity",
        "sources": {
            str(path.relative_to(root)): {"content": path.read_text(encoding="utf-8")} for path in paths
        },
        "settings": {
            "optimizer": {"enabled": config["optimize"], "runs": config["optimization_runs"]},
            "evmVersion": config["evm_version"],
            "viaIR": config["via_ir"],
            "metadata": {"bytecodeHash": "none", "appendCBOR": False},
            "remappings": ["@openzeppelin/=node_modules/@openzeppelin/"],
            "outputSelection": {
                "*": {"": ["ast"], "*": ["abi", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"]}
            },
        },
    }


def _bytecodes(compiler: Path) -> dict[str, str]:
    """Creation bytecode of every contract, by source:name."""
    output = subprocess.run(
        [str(compiler), "--standard-json", "--base-path", str(repo_root())],
        input=json.dumps(standard_input()),
        capture_output=True,
        text=True,
        check=False,
    )
    if output.returncode != 0:
        raise MetalayerError(f"{compiler} failed: {output.stderr.strip()}")
    result = json.loads(output.stdout)
    for problem in result.get("errors", []):
        if problem["severity"] == "error":
            raise MetalayerError(problem["formattedMessage"].strip().splitlines()[0])
    return {
        f"{source}:{name}": contract["evm"]["bytecode"]["object"]
        for source, contracts in result["contracts"].items()
        for name, contract in contracts.items()
    }


def compare() -> str:
    """Compile all with native and npm's solc. Says what was compared; MetalayerError if they differ."""
    with tempfile.TemporaryDirectory() as folder:
        native = _download_native(solc_version(), Path(folder))
        if native is None:
            return "compared nothing: the native solc cannot be had here, npm's is the only one"
        ours, theirs = _bytecodes(npm_solc()), _bytecodes(native)
    if different := sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    ):
        raise MetalayerError(f"native and npm's solc disagree about {', '.join(different)}")
    digest = hashlib.sha256("".join(ours[name] for name in sorted(ours)).encode()).hexdigest()[:16]
    return f"native and npm's solc give the same bytes for {len(ours)} contracts (sha256 {digest})"


def slither() -> str:
    """Run slither on what Ape compiles. Its closing line; MetalayerError with its findings, if any."""
    folder = repo_root() / ".build"
    folder.mkdir(exist_ok=True)
    file = folder / "slither.json"
    file.write_text(json.dumps(standard_input()), encoding="utf-8")
    compiler = solc_folder() / f"solc-v{solc_version()}"
    command = [str(Path(sys.executable).with_name("slither")), str(file.relative_to(repo_root()))]
    command += ["--compile-force-framework", "solc-json", "--solc", str(compiler), "--disable-color"]
    command += ["--config-file", "slither.config.json"]
    command += ["--exclude", ",".join(_NOT_FOR_US)]
    done = subprocess.run(
        command, cwd=repo_root(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    # What comes before is solc's warnings about other people's libraries.
    report = done.stdout[max(done.stdout.find("INFO:"), 0) :].strip()
    if done.returncode != 0:
        raise MetalayerError(f"slither has findings:\n{report}")
    return report.splitlines()[-1].removeprefix("INFO:Slither:")


@click.command()
@click.argument("what", type=click.Choice(["install", "compare", "slither"]))
def main(what: str) -> None:
    """What the Makefile needs of the compiler."""
    try:
        if what == "install":
            click.echo("setting up the Solidity compiler")
            kind = install()
            where = "native" if kind == "native" else "npm's (the native one cannot be downloaded here)"
            click.echo(f"using solc {solc_version()}, {where}")
        elif what == "compare":
            click.echo(compare())
        else:
            click.echo(slither())
    except MetalayerError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
