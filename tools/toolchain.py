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
from urllib.request import Request, urlopen

import click

from ape_metalayer.compilation import run, solc_path
from metalayer.deploy.sources import Sources
from metalayer.errors import MetalayerError
from tools import artifacts
from tools.repository import repo_root

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
    return str(Sources(repo_root()).config["version"])


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
    # Ape looks at the contracts only. Settings and packages may be others now.
    (repo_root() / ".build" / "__local__.json").unlink(missing_ok=True)
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
    request = Request(f"{_SERVER}/linux-amd64/list.json", method="HEAD")  # noqa: S310
    try:
        with urlopen(request, timeout=_REACH_SECONDS):  # noqa: S310
            return True
    except OSError:
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


def _bytecodes(compiler: Path, inputs: list[dict[str, Any]]) -> dict[str, str]:
    """Creation bytecode of every contract to deploy, by source:name."""
    return {
        f"{source}:{name}": contract["evm"]["bytecode"]["object"]
        for output in run(compiler, inputs)
        for source, contracts in output.get("contracts", {}).items()
        for name, contract in contracts.items()
        if "evm" in contract
    }


def compare(native: Path | None = None) -> str:
    """Compile all with native and npm's solc. Says what was compared; MetalayerError if they differ.

    native: a compiler that is there already, of this version. Without it the official one is downloaded.
    """
    inputs = Sources(repo_root()).standard_inputs()
    with tempfile.TemporaryDirectory() as folder:
        if native is None:
            native = _download_native(solc_version(), Path(folder))
        elif (found := _commit(native)) != (expected := _commit(npm_solc())):
            raise MetalayerError(f"{native} is solc {found}: expected {expected}")
        if native is None:
            return (
                "compared nothing: the native solc cannot be downloaded here, npm's is the only one "
                "(`make solc-check SOLC=PATH` takes yours)"
            )
        ours, theirs = _bytecodes(npm_solc(), inputs), _bytecodes(native, inputs)
    if different := sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    ):
        raise MetalayerError(f"native and npm's solc disagree about {', '.join(different)}")
    digest = hashlib.sha256("".join(ours[name] for name in sorted(ours)).encode()).hexdigest()[:16]
    return f"native and npm's solc give the same bytes for {len(ours)} contracts (sha256 {digest})"


def _analysed(sources: Sources) -> dict[str, Any]:
    """All contracts in one input, with syntax trees: slither wants to see them together, and its bytes go nowhere."""
    together = sources.standard_input(*sources.files)
    selection = {
        "*": {"": ["ast"], "*": ["abi", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"]}
    }
    return {**together, "settings": {**together["settings"], "outputSelection": selection}}


def slither() -> str:
    """Run slither on what Ape compiles. Its closing line; MetalayerError with its findings, if any."""
    sources = Sources(repo_root())
    folder = repo_root() / ".build"
    folder.mkdir(exist_ok=True)
    file = folder / "slither.json"
    file.write_text(json.dumps(_analysed(sources)), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("slither")), str(file.relative_to(repo_root()))]
    command += [
        "--compile-force-framework",
        "solc-json",
        "--solc",
        str(solc_path(sources)),
        "--disable-color",
    ]
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
@click.argument("what", type=click.Choice(["install", "artifacts", "compare", "slither"]))
@click.option(
    "--solc",
    "native",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="For compare: a native compiler.",
)
def main(what: str, native: Path | None) -> None:
    """What the Makefile needs of the compiler."""
    try:
        if what == "install":
            click.echo("setting up the Solidity compiler")
            kind = install()
            where = "native" if kind == "native" else "npm's (the native one cannot be downloaded here)"
            click.echo(f"using solc {solc_version()}, {where}")
        elif what == "artifacts":
            changed = artifacts.write(repo_root(), artifacts.NAMES)
            for path in changed:
                click.echo(f"wrote {path.relative_to(repo_root())}")
            click.echo(f"{len(changed) or 'none'} of the artifacts changed")
        elif what == "compare":
            click.echo(compare(native))
        else:
            click.echo(slither())
    except MetalayerError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
