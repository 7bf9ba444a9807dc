"""Symbolic proofs: `make prove` runs Halmos on contracts/test/*Proofs.sol as Ape compiled them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from metalayer.errors import MetalayerError
from tools.repository import repo_root

_CONTRACTS = ("Proofs", "EndingProofs", "SetProofs", "BondProofs", "BucketProofs", "AccountProofs")
# A `find` asserts that something is impossible that must be possible.
_EXPECTED = {"check": "PASS", "find": "FAIL"}
# Not a function of the proved contract: `checkIn`.
_PROOF = re.compile(r"(check|find)(?!In$)")
_SECONDS = 1_800
_COLOURS = re.compile(r"\x1b\[\d+m")
_VERDICT = re.compile(r"^\[(\w+)\] (\w+)\(.*\btime: ([\d.]+)s")


def prove() -> Iterator[str]:
    """Run every proof. A line for each; MetalayerError with the counter-examples unless all hold, and completely."""
    halmos = repo_root() / ".venv-prove" / "bin" / "halmos"
    if not halmos.is_file():
        raise MetalayerError("Halmos is not installed: run 'make prove'")
    expected = _write_build(repo_root() / ".build" / "halmos")
    path = f"{repo_root() / '.build' / 'halmos' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    try:
        done = subprocess.run(
            [str(halmos), "--no-status"],
            cwd=repo_root(),
            env=os.environ | {"PATH": path, "COLUMNS": "1000"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MetalayerError(f"Halmos did not end within {_SECONDS} seconds") from error
    report = _COLOURS.sub("", done.stdout).splitlines()
    found = {}
    for line in report:
        if match := _VERDICT.match(line):
            verdict, name, seconds = match.groups()
            found[name] = verdict
            if expected.get(name) == verdict:
                yield f"{name} ({float(seconds):.1f} s)"
    # A path that is cut short or that Halmos cannot follow is no proof, whatever its verdict.
    incomplete = any("not been fully explored" in line or "Encountered" in line for line in report)
    if incomplete or found != expected:
        # What is left out is bytecode of contracts that Halmos does not know by name.
        shown = [line.rstrip()[:300] for line in report if line.strip() and not line.startswith("         ")]
        raise MetalayerError("\n".join(["not proved:", *shown]))


def _write_build(folder: Path) -> dict[str, str]:
    """Write Ape's artifacts into `folder` as Halmos reads forge's. Returns the verdict that each proof must have."""
    from ape import project

    shutil.rmtree(folder, ignore_errors=True)
    containers = project.load_contracts()
    verdicts = {}
    for name in _CONTRACTS:
        kind = containers[name].contract_type.model_dump(mode="json", by_alias=True)
        for item in kind["abi"]:
            if match := _PROOF.match(str(item.get("name", ""))):
                verdicts[item["name"]] = _EXPECTED[match[1]]
        file = folder / f"{name}.sol" / f"{name}.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(_forge_artifact(kind)), encoding="utf-8")
    # Halmos calls `forge build` first; there is nothing left to build.
    nothing = shutil.which("true")
    if nothing is None:
        raise MetalayerError("there is no `true` on the PATH")
    (folder / "bin").mkdir()
    (folder / "bin" / "forge").symlink_to(nothing)
    return verdicts


def _forge_artifact(kind: dict[str, Any]) -> dict[str, Any]:
    definition = {"nodeType": "ContractDefinition", "name": kind["contractName"], "contractKind": "contract"}
    return {
        "abi": kind["abi"],
        "methodIdentifiers": {
            signature: selector.removeprefix("0x")
            for signature, selector in kind["methodIdentifiers"].items()
        },
        "bytecode": {"object": kind["deploymentBytecode"]["bytecode"], "linkReferences": {}},
        "deployedBytecode": {"object": kind["runtimeBytecode"]["bytecode"], "linkReferences": {}},
        "metadata": {"compiler": {"version": ""}, "output": {"devdoc": kind["devdoc"]}},
        "ast": {"absolutePath": kind["sourceId"], "nodes": [definition]},
    }


@click.command()
def main() -> None:
    """Prove what contracts/test/*Proofs.sol state."""
    try:
        for line in prove():
            click.echo(line)
    except MetalayerError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
